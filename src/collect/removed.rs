//! Packages of lower layers that the merged image no longer holds: their files still ship.

use std::collections::{BTreeMap, HashSet};

use crate::inventory::{Inventory, Package, PackageLocation, Proof, State};
use crate::tree::Tree;

use super::packages::package;
use super::{Collector, Fact, FactOf, PackageFact};

/// A package in the file that describes it.
type Seen<'a> = (&'a FactOf, &'a PackageFact);

/// Adds to the inventory what facts of lower layers describe and the merged image lacks, each with the layer that
/// took it away. To be called when all collectors have assembled.
pub fn removed_packages(
    tree: &Tree,
    facts: &[FactOf],
    collectors: &[&'static dyn Collector],
    inventory: &mut Inventory,
) {
    let live: HashSet<(&str, &str, &str, Option<&str>)> = inventory
        .packages
        .iter()
        .map(|package| (package.ecosystem.id, &*package.name, &*package.version, package.architecture.as_deref()))
        .collect();
    // by what it is, where each was seen
    let mut gone: BTreeMap<(usize, &str, &str, Option<&str>), Vec<Seen<'_>>> = BTreeMap::new();
    for fact in facts {
        let Fact::Package(package) = &*fact.fact else { continue };
        let (Some(ecosystem), Some(collector)) = (package.ecosystem, collectors.get(fact.collector)) else { continue };
        let (name, version, architecture) = (&*package.name, &*package.version, package.architecture.as_deref());
        // a guess about a file that a package owned is that package, and which that was is no longer known
        if package.state == State::Installed
            && !matches!(package.proof, Proof::VersionString(_))
            && tree.hidden(fact.node).is_some()
            && !live.contains(&(ecosystem.id, name, version, architecture))
            && collector.accepts(&tree.entry(fact.node).path)
        {
            gone.entry((fact.collector, name, version, architecture)).or_default().push((fact, package));
        }
    }
    let mut removed: Vec<Package> = Vec::new();
    for ((collector, ..), seen) in gone {
        let Some(collector) = collectors.get(collector) else { continue };
        let Some((last, fact)) = seen.iter().max_by_key(|(fact, _)| fact.node) else { continue };
        let added_by = seen.iter().map(|(fact, _)| fact.node.layer).min().unwrap_or(last.node.layer);
        let location = PackageLocation {
            path: tree.entry(last.node).path.clone(),
            node: last.node,
            added_by,
            inside: fact.inside.clone(),
        };
        let Some(mut package) = package(*collector, fact, location, inventory) else { continue };
        package.removed_in_layer = tree.hidden(last.node).map(|hidden| hidden.by_layer);
        package.needs = Vec::new();
        package.provides = Vec::new();
        removed.push(package);
    }
    removed.sort_by(|a, b| (&a.purl, &a.locations).cmp(&(&b.purl, &b.locations)));
    inventory.removed = removed;
}

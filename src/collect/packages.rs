//! Facts of packages become packages of the inventory.

use std::collections::{HashMap, HashSet};

use crate::inventory::{Inventory, Licence, Package, PackageLocation};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::tree::{Node, Tree};

use super::{Collector, Fact, PackageFact, View};

/// Code of the limitation that a record was not understood.
const CODE: &str = "package-record-malformed";

/// A package that [`View::take_packages`] put into the inventory.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// The live name of the file that describes it.
    pub path: &'a ImagePath,
    /// What the file says.
    pub fact: &'a PackageFact,
    /// Its index in [`Inventory::packages`].
    pub index: u32,
}

impl<'a> View<'a> {
    /// Puts the packages of live files that the collector accepts into the inventory, and tells what was not
    /// understood of these files.
    ///
    /// A file of a system's database is read once, by whatever names it is known; any other describes
    /// a package at each name.
    pub fn take_packages<C: Collector + ?Sized>(&self, collector: &C, inventory: &mut Inventory) -> Vec<Taken<'a>> {
        let first_layers = FirstLayers::new(self);
        let mut databases = HashSet::new();
        let mut taken = Vec::new();
        for (path, node) in self.selected.iter().filter(|(path, _)| collector.accepts(path)) {
            let is_known = !databases.insert(*node);
            for fact in self.facts_of(*node) {
                let fact = match fact {
                    Fact::Package(fact) => fact,
                    Fact::Gap(what) => {
                        let limitation = Limitation::gap(CODE, path.to_string(), what.to_string())
                            .help("a package may be missing from this report; look at the file");
                        inventory.limitations.push(limitation);
                        continue;
                    }
                    Fact::Oddity(what) => {
                        inventory.limitations.push(Limitation::note(CODE, path.to_string(), what.to_string()));
                        continue;
                    }
                    _ => continue,
                };
                if is_known && fact.ecosystem.is_some_and(|ecosystem| ecosystem.is_system) {
                    continue;
                }
                let added_by = first_layers.of(path, *node, fact);
                let location =
                    PackageLocation { path: path.clone(), node: *node, added_by, inside: fact.inside.clone() };
                let Some(package) = package(collector, fact, location, inventory) else { continue };
                let Ok(index) = u32::try_from(inventory.packages.len()) else { continue };
                inventory.packages.push(package);
                taken.push(Taken { path, fact, index });
            }
        }
        taken
    }
}

/// The package that `fact` describes.
pub(super) fn package<C: Collector + ?Sized>(
    collector: &C,
    fact: &PackageFact,
    location: PackageLocation,
    inventory: &Inventory,
) -> Option<Package> {
    let (Some(purl), Some(ecosystem)) = (collector.purl(fact, inventory), fact.ecosystem) else { return None };
    Some(Package {
        source: fact.source.clone(),
        architecture: fact.architecture.clone(),
        packager: fact.packager.clone(),
        licence: fact.licence.as_deref().map(Licence::new),
        state: fact.state,
        confidence: fact.confidence.unwrap_or(Confidence::High),
        proof: fact.proof.clone(),
        sha1: fact.sha1,
        needs: fact.needs.clone(),
        provides: fact.provides.clone(),
        ..Package::new(ecosystem, &fact.name, &fact.version, &purl, location)
    })
}

/// The first layer that held each of a collector's packages at each path.
struct FirstLayers<'a> {
    tree: &'a Tree,
    layers: HashMap<PackageKey<'a>, u32>,
}

impl<'a> FirstLayers<'a> {
    fn new(view: &View<'a>) -> Self {
        let mut layers = HashMap::new();
        for fact in view.facts.iter().filter(|fact| fact.collector == view.collector) {
            if let Fact::Package(package) = &*fact.fact {
                let path = &view.tree.entry(fact.node).path;
                let first = layers.entry(PackageKey::new(path, package)).or_insert(fact.node.layer);
                *first = fact.node.layer.min(*first);
            }
        }
        Self { tree: view.tree, layers }
    }

    /// The first layer that held this package, in this version, in the file at `path` or under the
    /// name that `node` has in its own layer; never above `node`.
    fn of(&self, path: &ImagePath, node: Node, package: &PackageFact) -> u32 {
        [path, &self.tree.entry(node).path]
            .into_iter()
            .filter_map(|path| self.layers.get(&PackageKey::new(path, package)))
            .fold(node.layer, |first, layer| first.min(*layer))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PackageKey<'a> {
    path: &'a [u8],
    name: &'a str,
    version: &'a str,
    architecture: Option<&'a str>,
}

impl<'a> PackageKey<'a> {
    fn new(path: &'a ImagePath, package: &'a PackageFact) -> Self {
        let PackageFact { name, version, architecture, .. } = package;
        Self { path: path.as_bytes(), name, version, architecture: architecture.as_deref() }
    }
}

//! Which package is meant by a need: names become indices, once all packages are known.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::inventory::{Need, Package};
use crate::path::ImagePath;

use super::purl::folded;

/// Edges of one package; real ones have below 200.
const NEEDS: usize = 2_000;

/// Packages of one name that are compared for one need; a tree of Node packages has dozens.
const CANDIDATES: usize = 256;

/// Packages compared for all needs of an image; those of 50,000 Node packages take a fraction of it. After that, the first
/// of a name is taken.
const COMPARISONS: usize = 20_000_000;

/// Fills in which packages each one needs, from the names its record gives.
///
/// Names count within one ecosystem. Where several packages of a name are there, the exact version decides, then
/// which is nearest in the tree of folders: what Node.js and virtual environments find first. A need that nothing
/// meets is left out: it may be optional, or of another platform.
pub(super) fn resolve(packages: &mut [Package]) {
    let mut by_name: HashMap<(&str, Cow<'_, str>), Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter().enumerate() {
        let names = std::iter::once(&package.name).chain(&package.provides);
        for name in names {
            let known = by_name.entry((package.ecosystem.id, folded(package.ecosystem, name))).or_default();
            if known.last() != Some(&index) {
                known.push(index);
            }
        }
    }
    let mut found: Vec<Vec<u32>> = Vec::with_capacity(packages.len());
    let mut left = COMPARISONS;
    for (own, package) in packages.iter().enumerate() {
        let mut needed: Vec<u32> = Vec::new();
        for need in package.needs.iter().take(NEEDS) {
            let name = folded(package.ecosystem, &need.name);
            let Some(candidates) = by_name.get(&(package.ecosystem.id, name)) else { continue };
            let count = candidates.len().min(CANDIDATES);
            left = left.saturating_sub(count);
            let candidates = candidates.get(..if left == 0 { 1 } else { count }).unwrap_or_default();
            let best = nearest(packages, package, need, candidates).filter(|best| *best != own);
            needed.extend(best.and_then(|best| u32::try_from(best).ok()));
        }
        needed.sort_unstable();
        needed.dedup();
        found.push(needed);
    }
    for (package, dependencies) in packages.iter_mut().zip(found) {
        package.dependencies = dependencies;
        package.needs = Vec::new();
        package.provides = Vec::new();
    }
}

fn nearest(packages: &[Package], package: &Package, need: &Need, candidates: &[usize]) -> Option<usize> {
    if let [only] = candidates {
        return Some(*only);
    }
    let here = package.locations.first().map(|location| &location.path);
    let rank = |index: usize| {
        let candidate = packages.get(index)?;
        let is_exact = need.version.as_ref().is_some_and(|version| *version == candidate.version);
        let is_alike = candidate.state == package.state;
        let shared = candidate
            .locations
            .iter()
            .take(CANDIDATES)
            .map(|location| here.map_or(0, |here| shared_folders(here, &location.path)))
            .max()?;
        Some((is_exact, is_alike, shared))
    };
    // of equals the first
    candidates.iter().rev().copied().max_by_key(|index| rank(*index))
}

fn shared_folders(a: &ImagePath, b: &ImagePath) -> usize {
    a.components().zip(b.components()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn needs_lead_to_what_is_installed() {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1\nPre-Depends: dpkg (>= 1.15)\n\
            Depends: libb2:any (>= 2) | libb1, mta, gone\n\nPackage: libb1\nStatus: install ok installed\nVersion: 1\n\n\
            Package: exim\nStatus: install ok installed\nVersion: 4\nProvides: mta (= 4), mail\n";
        let database = "P:tool\nV:1-r0\nD:so:libc.so.1 !other missing>1\n\nP:musl\nV:1.2-r0\np:so:libc.so.1=1\n";
        let manifest =
            |name: &str, version: &str, rest: &str| format!(r#"{{"name":"{name}","version":"{version}"{rest}}}"#);
        let needs = r#","dependencies":{"c":"*","gone":"1"},"peerDependencies":[]"#;
        let image = Image::new()
            .file("var/lib/dpkg/status", status)
            .file("lib/apk/db/installed", database)
            .file(
                "site/Web-1.dist-info/METADATA",
                "Name: Web\nVersion: 1\nRequires-Dist: zope.interface[x] (>=4) ; extra == 'y'\n",
            )
            .file("site/zope_interface-5.dist-info/METADATA", "Name: zope_interface\nVersion: 5\n")
            .file("app/node_modules/b/package.json", manifest("b", "1", needs))
            .file("app/node_modules/b/node_modules/c/package.json", manifest("c", "2", ""))
            .file("app/node_modules/c/package.json", manifest("c", "1", ""))
            .file("app/node_modules/d/package.json", manifest("d", "1", needs));
        let inventory = assemble(&image);
        let mut edges = Vec::new();
        for package in &inventory.packages {
            for index in &package.dependencies {
                let other = &inventory.packages[*index as usize];
                edges.push(format!("{} {} > {} {}", package.name, package.version, other.name, other.version));
            }
        }
        assert_eq!(
            edges,
            [
                "tool 1-r0 > musl 1.2-r0",
                "a 1 > exim 4",
                "a 1 > libb1 1",
                "b 1 > c 2",
                "d 1 > c 1",
                "Web 1 > zope_interface 5"
            ]
        );
    }
}

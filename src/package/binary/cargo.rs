//! Rust crates in programs, from the list that `cargo auditable` links in.

use crate::collect::{Facts, PackageFact};
use crate::format::rust_audit::{CrateKind, RustAudit, RustCrate};
use crate::inventory::{Ecosystem, Need};

use crate::package::purl;

/// Crates of cargo.
pub(in crate::package) static CARGO: Ecosystem = Ecosystem { id: "cargo", purl_type: "cargo", is_system: false };

/// Adds the crates whose code is in the program: those that only built it are not.
pub(super) fn push(audit: &RustAudit, facts: &mut Facts) {
    let is_linked = |package: &RustCrate| package.kind != CrateKind::Build;
    for package in audit.packages.iter().filter(|package| is_linked(package)) {
        let needed = package.dependencies.iter().filter_map(|index| audit.packages.get(*index));
        let needs = needed
            .filter(|needed| is_linked(needed))
            .map(|needed| Need { name: needed.name.clone(), version: Some(needed.version.clone()) })
            .collect();
        if let Some(fact) = purl::fact(&CARGO, &package.name, &package.version) {
            facts.package(PackageFact { needs, ..fact });
        }
    }
}

//! Rust crates in programs, from the list that `cargo auditable` links in.

use crate::collect::{Facts, PackageFact};
use crate::format::rust_audit::{CrateKind, RustAudit};
use crate::inventory::{Need, Proof};
use crate::rule::Confidence;

use super::super::ecosystem::CARGO;
use crate::package::purl;

/// Adds the crates of one program. Of those that only built it (build scripts, macros and what they use) no code need be
/// there, so that they are less sure; what they generated is.
pub(super) fn push(audit: &RustAudit, facts: &mut Facts) {
    for package in &audit.packages {
        let needed = package.dependencies.iter().filter_map(|index| audit.packages.get(*index));
        let needs =
            needed.map(|needed| Need { name: needed.name.clone(), version: Some(needed.version.clone()) }).collect();
        let Some(fact) = purl::fact(&CARGO, &package.name, &package.version) else { continue };
        let (confidence, proof) = match package.kind {
            CrateKind::Build => (Some(Confidence::Low), Proof::Name("used to build the program".into())),
            CrateKind::Runtime | CrateKind::Other => (None, Proof::Record),
        };
        facts.package(PackageFact { confidence, proof, needs, ..fact });
    }
}

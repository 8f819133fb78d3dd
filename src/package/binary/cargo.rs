//! Rust crates in programs, from the list that `cargo auditable` links in.

use std::collections::BTreeSet;

use crate::collect::{Facts, PackageFact};
use crate::format::rust_audit::{CrateKind, RustAudit};
use crate::inventory::{Need, Proof};
use crate::rule::Confidence;

use super::super::ecosystem::CARGO;
use crate::package::purl;
use crate::package::text::{Complaints, field};

/// Crates that one crate is said to use; real ones use below 200.
const NEEDS: usize = 2_000;

/// Adds the crates of one program. Of those that only built it (build scripts, macros and what they use) no code need be
/// there, so that they are less sure; what they generated is.
pub(super) fn push(audit: &RustAudit, facts: &mut Facts) {
    let mut complaints = Complaints::default();
    // of each crate what a fact could be made of
    let names: Vec<Option<(String, String)>> = audit
        .packages
        .iter()
        .map(|package| field(package.name.as_bytes()).zip(field(package.version.as_bytes())))
        .collect();
    for (package, known) in audit.packages.iter().zip(&names) {
        let fact = known.as_ref().and_then(|(name, version)| purl::fact(&CARGO, name, version));
        let Some(fact) = fact else {
            complaints.add("its list names a crate without a usable name or version".to_owned());
            continue;
        };
        let needed: BTreeSet<usize> = package.dependencies.iter().take(NEEDS).copied().collect();
        let needed = needed.into_iter().filter_map(|index| names.get(index)?.as_ref());
        let needs = needed.map(|(name, version)| Need { name: name.clone(), version: Some(version.clone()) }).collect();
        let (confidence, proof) = match package.kind {
            CrateKind::Build => (Some(Confidence::Low), Proof::Name("used to build the program".into())),
            CrateKind::Runtime | CrateKind::Other => (None, Proof::Record),
        };
        facts.package(PackageFact { confidence, proof, needs, ..fact });
    }
    complaints.push(facts);
}

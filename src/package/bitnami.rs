//! Packages of Bitnami's images: a bill of materials (SPDX 2) beside each component, and in older images one list of all.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::size::ByteSize;

use super::lenient::{Entries, Text, json};
use super::purl;
use super::sbom;
use super::text::{Complaints, PACKAGES_PER_FILE, complain};

/// What Bitnami builds.
static BITNAMI: Ecosystem = Ecosystem { id: "bitnami", purl_type: "bitnami", is_system: false };

/// Reads `.spdx-NAME.spdx` and `.bitnami_components.json`.
pub(super) struct Bitnami;

const COMPONENTS: &str = "opt/bitnami/.bitnami_components.json";

static ABOUT: About = About {
    title: "Bitnami packages",
    ecosystems: &[&BITNAMI],
    reads: "Name, version and licence of each component, and of what its document says it was built with.",
    not_seen: &["revisions, where the document does not give them"],
    references: &["https://github.com/bitnami/vulndb"],
};

impl Collector for Bitnami {
    fn id(&self) -> &'static str {
        "bitnami"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".spdx"), Select::Path(COMPONENTS)]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(32))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        if !file.path.file_name().ends_with(b".spdx") {
            return components(file.bytes, facts);
        }
        if !self.accepts(file.path) {
            return;
        }
        match sbom::read(file.bytes) {
            Ok(Some(document)) => {
                for package in document.packages {
                    let is_own = package.ecosystem.is_some_and(|ecosystem| ecosystem.id == BITNAMI.id);
                    // what a component was built with is said by name alone
                    let confidence = Some(if is_own { Confidence::High } else { Confidence::Medium });
                    facts.package(PackageFact { confidence, ..package });
                }
                for what in document.lost.into_iter().chain(document.odd) {
                    complain(facts, what);
                }
            }
            Ok(None) => complain(facts, "it is no SPDX document"),
            Err(what) => complain(facts, what),
        }
    }

    /// Where both are there, the list of all only adds what has no document of its own.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let start = inventory.packages.len();
        let is_list = |path: &ImagePath| path.file_name().ends_with(b".json");
        let lists: Vec<bool> = view.take_packages(self, inventory).iter().map(|taken| is_list(taken.path)).collect();
        let found = inventory.packages.split_off(start);
        let named: HashSet<String> = found
            .iter()
            .zip(&lists)
            .filter(|(package, is_list)| !**is_list && package.ecosystem.id == BITNAMI.id)
            .map(|(package, _)| package.name.clone())
            .collect();
        let kept = found.into_iter().zip(lists).filter(|(package, is_list)| !is_list || !named.contains(&package.name));
        inventory.packages.extend(kept.map(|(package, _)| package));
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        path.file_name().starts_with(b".spdx-") || path.file_name().ends_with(b".json")
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What the list says of one component.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Component {
    version: Text,
    arch: Text,
    distro: Text,
}

fn components(bytes: &[u8], facts: &mut Facts) {
    let list = match json::<Entries<Box<RawValue>>>(bytes) {
        Ok(list) => list,
        Err(error) => return complain(facts, format!("it is no JSON: {error}")),
    };
    let mut complaints = Complaints::default();
    if list.list.is_empty() && bytes.trim_ascii() != b"{}" {
        complaints.add("it is no list of components".into());
    }
    if list.beyond() > 0 {
        complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; the rest is not read"));
    }
    for (name, raw) in list.list {
        let component: Component = serde_json::from_str(raw.get()).unwrap_or_default();
        let qualifiers: Vec<(&str, &str)> = [("arch", &component.arch.0), ("distro", &component.distro.0)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
            .collect();
        let version = component.version.0.as_deref();
        match version.and_then(|version| purl::qualified(&BITNAMI, &name, version, &qualifiers)) {
            Some(fact) => facts.package(fact),
            None => complaints.add(format!("`{name}` has no version")),
        }
    }
    complaints.push(facts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","packages":[
        {"SPDXID":"a","licenseDeclared":"PostgreSQL","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:bitnami/postgresql@15.3.0"}]},
        {"SPDXID":"b","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:maven/g/a@1"}]}]}"#;

    #[test]
    fn documents_and_lists_are_one_inventory() {
        let at = "opt/bitnami/postgresql/.spdx-postgresql.spdx";
        let list = r#"{"postgresql":{"arch":"amd64","distro":"debian-11","type":"NAMI","version":"15.3.0-1"},
            "gosu":{"arch":"amd64","distro":"debian-11","version":"1.16.0-4"},"odd":{"version":1},"odder":7}"#;
        let cases: &[(Image, &[&str], usize)] = &[
            (Image::new().file(at, SPDX), &["pkg:bitnami/postgresql@15.3.0 High", "pkg:maven/g/a@1 Medium"], 0),
            (
                Image::new().file(at, SPDX).file(COMPONENTS, list),
                &[
                    "pkg:bitnami/gosu@1.16.0-4?arch=amd64&distro=debian-11 High",
                    "pkg:bitnami/postgresql@15.3.0 High",
                    "pkg:maven/g/a@1 Medium",
                ],
                2,
            ),
            (Image::new().file(at, "{}"), &[], 1),
            (Image::new().file(at, ""), &[], 0),
            (Image::new().file(COMPONENTS, "[]"), &[], 1),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            let seen: Vec<_> = inventory.packages.iter().map(|p| format!("{} {:?}", p.purl, p.confidence)).collect();
            assert_eq!(seen, *expected);
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
            assert!(inventory.limitations.iter().all(|told| told.is_gap));
        }
    }
}

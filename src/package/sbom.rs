//! Bills of materials inside of an image, in each form that careen reads.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::de::IgnoredAny;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select};
use crate::format::sbom;
use crate::inventory::{Need, State};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::purl;
use super::text::PACKAGES_PER_FILE;

/// Reads documents by the names that tools give them.
pub(super) struct Sbom;

static ABOUT: About = About {
    title: "Bills of materials",
    ecosystems: &[],
    reads: "Every component that has a purl with a version, its licence and its dependencies; marked as declared, \
                since nothing shows that it is there.",
    not_seen: &[
        "components without a purl, or without a version",
        "CycloneDX in XML",
        "documents inside of `node_modules`",
        "the component that a CycloneDX document describes, which is the image or the application",
    ],
    references: &["https://cyclonedx.org/specification/overview/", "https://spdx.github.io/spdx-spec/v2.3/"],
};

impl Collector for Sbom {
    fn id(&self) -> &'static str {
        "sbom"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Suffix(".cdx.json"),
            Select::Suffix(".cyclonedx.json"),
            Select::Suffix(".spdx.json"),
            Select::Suffix(".bom.json"),
            Select::Suffix(".sbom.json"),
            Select::Suffix(".spdx"),
            Select::Name("bom.json"),
            Select::Name("cdx.json"),
            Select::Name("sbom.json"),
            Select::Name("cyclonedx.json"),
        ]
    }

    /// That of an image of 3,000 packages has 10 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(64))
    }

    /// What is not understood hides nothing that is installed.
    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        match read(file.bytes) {
            Ok(Some(document)) => {
                for package in document.packages {
                    facts.package(PackageFact { state: State::Declared, ..package });
                }
                for what in document.lost.into_iter().chain(document.odd) {
                    facts.push(Fact::Oddity(what.into()));
                }
            }
            Ok(None) => {}
            Err(what) => facts.push(Fact::Oddity(what.into())),
        }
    }

    /// What a package of Node ships of its own says nothing of this image; Bitnami's are records of what is installed.
    fn accepts(&self, path: &ImagePath) -> bool {
        !path.components().any(|part| part == b"node_modules") && !path.file_name().starts_with(b".spdx-")
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What a document says.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Components with a purl that says their version.
    pub(super) packages: Vec<PackageFact>,
    /// What is wrong with components that are not among them.
    pub(super) lost: Option<String>,
    /// What else is wrong.
    pub(super) odd: Option<String>,
}

/// Dependencies taken of one component.
const NEEDS: usize = 2_000;

/// Bytes of the names of all dependencies of one document; those of 3,000 packages have 1 MiB. A short reference may
/// stand for a long name.
const NEED_BYTES: usize = 64 << 20;

/// Bytes it takes to keep one.
const NEED: usize = 64;

/// Reads a document; nothing if it is one of another kind.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Document>, String> {
    if !sbom::sniffs(bytes) {
        let is_json = bytes.trim_ascii_start().starts_with(b"{");
        let broken = is_json.then(|| serde_json::from_slice::<IgnoredAny>(bytes).err()).flatten();
        return broken.map_or(Ok(None), |error| Err(format!("it is no JSON: {error}")));
    }
    let bill = sbom::read(bytes).map_err(|error| error.to_string())?;
    let named: Vec<Option<PackageFact>> = bill.parts.iter().map(|part| purl::read(&part.purl)).collect();
    let need = |index: &usize| {
        let fact = named.get(*index)?.as_ref()?;
        Some(Need { name: fact.name.clone(), version: Some(fact.version.clone()) })
    };
    let (mut left, mut lost) = (NEED_BYTES, 0_usize);
    let packages = bill.parts.iter().zip(&named).filter_map(|(part, fact)| {
        let mut needs = Vec::new();
        for need in part.dependencies.iter().filter_map(need) {
            let size = need.version.as_ref().map_or(0, String::len).saturating_add(need.name.len());
            match left.checked_sub(size.saturating_add(NEED)).filter(|_| needs.len() < NEEDS) {
                Some(rest) => {
                    left = rest;
                    needs.push(need);
                }
                None => lost = lost.saturating_add(1),
            }
        }
        Some(PackageFact { licence: part.licence.clone(), sha1: part.sha1, needs, ..fact.clone()? })
    });
    let packages = packages.take(PACKAGES_PER_FILE).collect();
    let refused = named.iter().filter(|fact| fact.is_none()).count();
    let beyond = named.len().saturating_sub(refused).saturating_sub(PACKAGES_PER_FILE);
    let (gaps, notes): (Vec<_>, Vec<_>) = bill.limitations.into_iter().partition(|limitation| limitation.is_gap);
    let texts = |limitations: Vec<Limitation>| limitations.into_iter().map(|limitation| limitation.what);
    let (mut missing, mut odd): (Vec<String>, Vec<String>) = (texts(gaps).collect(), texts(notes).collect());
    if refused > 0 {
        missing.push(format!("it holds {refused} purls without a version, or of no known type"));
    }
    if beyond > 0 {
        missing.push(format!("it holds {beyond} components beyond what is taken"));
    }
    if lost > 0 {
        odd.push(format!("it holds {lost} dependencies beyond what is taken"));
    }
    let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join("; "));
    Ok(Some(Document { packages, lost: joined(missing), odd: joined(odd) }))
}

#[cfg(test)]
mod tests {
    use crate::inventory::State;
    use crate::package::testing::{Image, assemble};

    const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.5",
        "metadata":{"component":{"purl":"pkg:oci/app@sha256:0"}},
        "components":[
          {"bom-ref":"a","type":"library","name":"a","purl":"pkg:maven/g.h/a@1","licenses":[{"license":{"id":"MIT"}},{"expression":"ISC OR 0BSD"}],
           "components":[{"bom-ref":"b","purl":"pkg:maven/g/b@2"},{"bom-ref":"d","purl":"pkg:npm/%40s/d@2"}]},
          {"name":"no purl","version":"1"}, {"purl":"pkg:npm/unversioned"}, 7,
          {"bom-ref":"c","purl":"pkg:deb/debian/c@1:2-3?distro=debian-12&arch=amd64"}],
        "dependencies":[{"ref":"a","dependsOn":["b","gone"]},{"ref":"gone"}]}"#;

    const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","packages":[
          {"SPDXID":"SPDXRef-a","name":"a","licenseDeclared":"NOASSERTION","licenseConcluded":"MIT","externalRefs":[
            {"referenceType":"cpe23Type","referenceLocator":"cpe:x"},{"referenceType":"purl","referenceLocator":"pkg:pypi/a@1"}]},
          {"SPDXID":"SPDXRef-b","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/b@2"}]},
          {"SPDXID":"SPDXRef-c"}],
        "relationships":[{"spdxElementId":"SPDXRef-b","relationshipType":"DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-a"}]}"#;

    const TAGS: &str = "SPDXVersion: SPDX-2.2\nPackageName: a\nPackageLicenseDeclared: MIT\n\
        ExternalRef: PACKAGE-MANAGER purl pkg:golang/github.com/x/y@v1.0.0\n\
        PackageComment: <text>\nExternalRef: PACKAGE-MANAGER purl pkg:npm/no@1\n</text>\n\
        PackageName: b\nExternalRef: PACKAGE_MANAGER purl pkg:npm/b@2\n";

    #[test]
    fn documents_declare_components() {
        let cases: &[(&str, &str, &[&str], usize)] = &[
            (
                "sbom.cdx.json",
                CYCLONEDX,
                &[
                    "deb c 1:2-3 pkg:deb/debian/c@1:2-3?arch=amd64&distro=debian-12  0",
                    "maven g.h:a 1 pkg:maven/g.h/a@1 MIT AND (ISC OR 0BSD) 1",
                    "maven g:b 2 pkg:maven/g/b@2  0",
                    "npm @s/d 2 pkg:npm/%40s/d@2  0",
                ],
                1,
            ),
            ("opt/bom.json", SPDX, &["pypi a 1 pkg:pypi/a@1 MIT 1", "pypi b 2 pkg:pypi/b@2  0"], 0),
            (
                "x.spdx",
                TAGS,
                &["golang github.com/x/y v1.0.0 pkg:golang/github.com/x/y@v1.0.0 MIT 0", "npm b 2 pkg:npm/b@2  0"],
                0,
            ),
            ("srv/node_modules/a/bom.json", SPDX, &[], 0),
            ("opt/bom.json", r#"{"weather":"fine"}"#, &[], 0),
            ("a.spdx.json", "{", &[], 1),
            ("a.spdx", "anything", &[], 0),
            ("a.spdx", "", &[], 0),
        ];
        for (path, text, expected, told) in cases {
            let inventory = assemble(&Image::new().file(path, text));
            let seen: Vec<_> = inventory
                .packages
                .iter()
                .map(|p| {
                    assert_eq!(p.state, State::Declared);
                    let licence = p.licence.as_ref().map_or("", |licence| &*licence.declared);
                    format!("{} {} {} {} {licence} {}", p.ecosystem.id, p.name, p.version, p.purl, p.dependencies.len())
                })
                .collect();
            assert_eq!(seen, *expected, "{path}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
            assert!(inventory.limitations.iter().all(|told| !told.is_gap));
        }
    }

    #[test]
    fn what_is_installed_is_not_declared_besides() {
        let image = Image::new().file("app/node_modules/a/package.json", r#"{"name":"a","version":"1"}"#).file(
            "app.cdx.json",
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"purl":"pkg:npm/a@1"},{"purl":"pkg:npm/b@1"}]}"#,
        );
        let inventory = assemble(&image);
        let seen: Vec<_> = inventory.packages.iter().map(|p| (&*p.name, p.state, p.is_counted)).collect();
        assert_eq!(seen, [("a", State::Installed, true), ("b", State::Declared, false)]);
    }

    #[test]
    fn components_nest_only_so_deep() {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}{}}}"#,
            r#"[{"components":"#.repeat(50),
            "[]}]".repeat(50).replacen("[]", "[", 1).replacen('[', "[]", 1)
        );
        let inventory = assemble(&Image::new().file("a.cdx.json", text));
        assert_eq!(inventory.packages.len(), 0);
    }

    #[test]
    fn short_references_to_a_long_name_are_taken_only_so_often() {
        let long = "n".repeat(500);
        let names = |nth: usize| (0..600).map(move |n| format!("{nth}-{n}"));
        let many: Vec<String> = names(1).map(|n| format!(r#"{{"bom-ref":"b{n}","purl":"pkg:npm/b{n}@1"}}"#)).collect();
        let others: Vec<String> =
            names(2).map(|n| format!(r#"{{"bom-ref":"a{n}","purl":"pkg:npm/{long}{n}@1"}}"#)).collect();
        let on: Vec<String> = names(2).map(|n| format!(r#""a{n}""#)).collect();
        let needs: Vec<String> =
            names(1).map(|n| format!(r#"{{"ref":"b{n}","dependsOn":[{}]}}"#, on.join(","))).collect();
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{},{}],"dependencies":[{}]}}"#,
            many.join(","),
            others.join(","),
            needs.join(",")
        );
        let document = super::read(text.as_bytes()).expect("it is JSON").expect("it is a document");
        let taken: usize = document.packages.iter().map(|package| package.needs.len()).sum();
        assert_eq!(document.packages.len(), 1_200);
        assert!(taken <= super::NEED_BYTES / 500, "{taken}");
        assert!(document.odd.is_some_and(|odd| odd.contains("dependencies beyond")));
    }
}

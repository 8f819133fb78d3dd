//! Bills of materials inside of an image: `CycloneDX` in JSON (ECMA-424, 1.2 to 1.7), SPDX 2.2 and 2.3 in JSON and in
//! tags and values.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select};
use crate::inventory::{Ecosystem, Need, State};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::lenient::{Items, Text, json};
use super::purl;
use super::text::{PACKAGES_PER_FILE, field, header, lines};

/// What a document may name: kinds by their purl type, as the collectors of these kinds call them.
static NAMED: &[Ecosystem] = &[
    Ecosystem { id: "alpm", purl_type: "alpm", is_system: true },
    Ecosystem { id: "apk", purl_type: "apk", is_system: true },
    Ecosystem { id: "bitnami", purl_type: "bitnami", is_system: false },
    Ecosystem { id: "cargo", purl_type: "cargo", is_system: false },
    Ecosystem { id: "cocoapods", purl_type: "cocoapods", is_system: false },
    Ecosystem { id: "composer", purl_type: "composer", is_system: false },
    Ecosystem { id: "conan", purl_type: "conan", is_system: false },
    Ecosystem { id: "conda", purl_type: "conda", is_system: true },
    Ecosystem { id: "cpan", purl_type: "cpan", is_system: false },
    Ecosystem { id: "cran", purl_type: "cran", is_system: false },
    Ecosystem { id: "deb", purl_type: "deb", is_system: true },
    Ecosystem { id: "ebuild", purl_type: "ebuild", is_system: true },
    Ecosystem { id: "gem", purl_type: "gem", is_system: false },
    Ecosystem { id: "generic", purl_type: "generic", is_system: false },
    Ecosystem { id: "github", purl_type: "github", is_system: false },
    Ecosystem { id: "golang", purl_type: "golang", is_system: false },
    Ecosystem { id: "hackage", purl_type: "hackage", is_system: false },
    Ecosystem { id: "hex", purl_type: "hex", is_system: false },
    Ecosystem { id: "julia", purl_type: "julia", is_system: false },
    Ecosystem { id: "k8s", purl_type: "k8s", is_system: false },
    Ecosystem { id: "luarocks", purl_type: "luarocks", is_system: false },
    Ecosystem { id: "maven", purl_type: "maven", is_system: false },
    Ecosystem { id: "npm", purl_type: "npm", is_system: false },
    Ecosystem { id: "nuget", purl_type: "nuget", is_system: false },
    Ecosystem { id: "opkg", purl_type: "opkg", is_system: true },
    Ecosystem { id: "otp", purl_type: "otp", is_system: false },
    Ecosystem { id: "pear", purl_type: "pear", is_system: false },
    Ecosystem { id: "pub", purl_type: "pub", is_system: false },
    Ecosystem { id: "pypi", purl_type: "pypi", is_system: false },
    Ecosystem { id: "rpm", purl_type: "rpm", is_system: true },
    Ecosystem { id: "swift", purl_type: "swift", is_system: false },
    Ecosystem { id: "wordpress-plugin", purl_type: "wordpress-plugin", is_system: false },
    Ecosystem { id: "wordpress-theme", purl_type: "wordpress-theme", is_system: false },
];

/// Reads documents by the names that tools give them.
pub(super) struct Sbom;

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
        Delivery::Whole(ByteSize::mib(64))
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
                if let Some(what) = document.odd {
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
        Some(&About {
            title: "Bills of materials",
            reads: "Every component that has a purl with a version, its licence and its dependencies; marked as declared, \
                since nothing shows that it is there.",
            not_seen: &[
                "components without a purl, or without a version",
                "CycloneDX in XML and SPDX 3",
                "documents inside of `node_modules`",
                "the component that a CycloneDX document describes, which is the image or the application",
            ],
            references: &["https://cyclonedx.org/specification/overview/", "https://spdx.github.io/spdx-spec/v2.3/"],
        })
    }
}

/// What a document says.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Components with a purl that says their version.
    pub(super) packages: Vec<PackageFact>,
    /// What is wrong with others.
    pub(super) odd: Option<String>,
}

/// How deep components nest in components; tools nest them twice.
const DEPTH: usize = 8;

/// Dependencies taken of one component.
const NEEDS: usize = 2_000;

/// Bytes of the names of all dependencies of one document; those of 3,000 packages have 1 MiB. A short reference may
/// stand for a long name.
const NEED_BYTES: usize = 64 << 20;

/// Bytes it takes to keep one.
const NEED: usize = 64;

/// Reads a document; nothing if it is one of another kind.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Document>, String> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if !start.starts_with(b"{") {
        return Ok(start.starts_with(b"SPDXVersion:").then(|| tags_and_values(bytes)));
    }
    let top: Top = json(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut builder = Builder::default();
    if top.bom_format.0.as_deref() == Some("CycloneDX") {
        let mut open = vec![(top.components, 0_usize)];
        while let Some((components, depth)) = open.pop() {
            builder.dropped = builder.dropped.saturating_add(components.beyond());
            for component in components.read::<Component>() {
                let Ok(component) = component else {
                    builder.dropped = builder.dropped.saturating_add(1);
                    continue;
                };
                let licence = component.licence();
                builder.add(component.bom_ref.0, component.purl.0.as_deref(), licence);
                if component.components.is_list() && depth < DEPTH {
                    open.push((component.components, depth.saturating_add(1)));
                }
            }
        }
        for dependency in top.dependencies.read::<Dependency>().flatten() {
            for on in dependency.depends_on.read::<Text>().flatten() {
                builder.need(dependency.r#ref.0.as_deref(), on.0.as_deref());
            }
        }
    } else if top.spdx_version.0.is_some_and(|version| version.starts_with("SPDX-2")) {
        builder.dropped = top.packages.beyond();
        for package in top.packages.read::<SpdxPackage>() {
            let Ok(package) = package else {
                builder.dropped = builder.dropped.saturating_add(1);
                continue;
            };
            let mut references = package.external_refs.read::<Reference>().flatten();
            let purl = references.find(|reference| reference.reference_type.0.as_deref() == Some("purl"));
            let licence = [package.license_declared.0, package.license_concluded.0];
            let licence = licence.into_iter().flatten().find(|licence| is_stated(licence));
            builder.add(package.id.0, purl.and_then(|purl| purl.locator.0).as_deref(), licence);
        }
        for relationship in top.relationships.read::<Relationship>().flatten() {
            let (from, to) = (relationship.element.0.as_deref(), relationship.related.0.as_deref());
            match relationship.kind.0.as_deref() {
                Some("DEPENDS_ON") => builder.need(from, to),
                Some("DEPENDENCY_OF") => builder.need(to, from),
                _ => {}
            }
        }
    } else {
        return Ok(None);
    }
    Ok(Some(builder.finish()))
}

/// SPDX 2 in lines of tag and value; a package starts at its name. What is between `<text>` and `</text>` is of no use
/// here, but may look like anything.
fn tags_and_values(bytes: &[u8]) -> Document {
    let mut builder = Builder::default();
    let (mut purl, mut licence, mut is_text) = (None, None, false);
    for (_, line) in lines(bytes).chain([(0, &b"PackageName:"[..])]) {
        let starts_text = memchr::memmem::find(line, b"<text>").is_some();
        if starts_text || is_text {
            is_text = memchr::memmem::find(line, b"</text>").is_none();
            continue;
        }
        match header(line) {
            Some((b"PackageName", _)) => builder.add(None, purl.take().as_deref(), licence.take()),
            Some((b"PackageLicenseDeclared", value)) => licence = field(value).filter(|licence| is_stated(licence)),
            // category, type, locator
            Some((b"ExternalRef", value)) => {
                let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                if words.nth(1) == Some(b"purl") {
                    purl = purl.or_else(|| words.next().and_then(field));
                }
            }
            _ => {}
        }
    }
    builder.finish()
}

fn is_stated(licence: &str) -> bool {
    !matches!(licence, "NOASSERTION" | "NONE")
}

/// Packages by what the document calls them.
#[derive(Debug, Default)]
struct Builder {
    packages: Vec<PackageFact>,
    places: HashMap<String, usize>,
    /// Components that could not be read.
    dropped: usize,
    /// Purls that could not be read.
    refused: usize,
    /// Bytes of the dependencies taken.
    need_bytes: usize,
    /// Dependencies that were too many.
    lost_needs: usize,
}

impl Builder {
    fn add(&mut self, id: Option<String>, purl: Option<&str>, licence: Option<String>) {
        let Some(text) = purl else { return };
        let Some(fact) = purl::read(text, NAMED) else {
            self.refused = self.refused.saturating_add(1);
            return;
        };
        if self.packages.len() == PACKAGES_PER_FILE {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        if let Some(id) = id {
            self.places.insert(id, self.packages.len());
        }
        self.packages.push(PackageFact { licence, ..fact });
    }

    fn need(&mut self, from: Option<&str>, to: Option<&str>) {
        let place = |id: Option<&str>| id.and_then(|id| self.places.get(id).copied());
        let (Some(from), Some(to)) = (place(from), place(to)) else { return };
        let need = self.packages.get(to).map(|to| Need { name: to.name.clone(), version: Some(to.version.clone()) });
        if let (Some(need), Some(package)) = (need, self.packages.get_mut(from)) {
            let size = need.version.as_ref().map_or(0, String::len).saturating_add(need.name.len());
            let held = self.need_bytes.saturating_add(size).saturating_add(NEED);
            if package.needs.len() < NEEDS && held <= NEED_BYTES {
                self.need_bytes = held;
                package.needs.push(need);
            } else {
                self.lost_needs = self.lost_needs.saturating_add(1);
            }
        }
    }

    fn finish(self) -> Document {
        let told = [
            (self.dropped, "components that are not understood, or too many"),
            (self.refused, "purls without a version, or of no known type"),
            (self.lost_needs, "dependencies beyond what is taken"),
        ];
        let told: Vec<String> =
            told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{what}: {count}")).collect();
        let odd = (!told.is_empty()).then(|| format!("it holds {}", told.join("; ")));
        Document { packages: self.packages, odd }
    }
}

/// Fields of both formats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Top {
    #[serde(rename = "bomFormat")]
    bom_format: Text,
    components: Items,
    dependencies: Items,
    #[serde(rename = "spdxVersion")]
    spdx_version: Text,
    packages: Items,
    relationships: Items,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Component {
    #[serde(rename = "bom-ref")]
    bom_ref: Text,
    purl: Text,
    licenses: Items,
    components: Items,
}

impl Component {
    /// One expression, or licences that all hold.
    fn licence(&self) -> Option<String> {
        let choices = self.licenses.read::<Choice>().flatten().take(LICENCES);
        let parts = choices.filter_map(|choice| choice.expression.0.or(choice.license.id.0).or(choice.license.name.0));
        let parts: Vec<String> = parts.collect();
        match parts.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => {
                let part = |part: &String| if part.contains(' ') { format!("({part})") } else { part.clone() };
                Some(several.iter().map(part).collect::<Vec<_>>().join(" AND "))
            }
        }
    }
}

/// Licences taken of one component.
const LICENCES: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    expression: Text,
    license: Named,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    id: Text,
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependency {
    r#ref: Text,
    #[serde(rename = "dependsOn")]
    depends_on: Items,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SpdxPackage {
    #[serde(rename = "SPDXID")]
    id: Text,
    #[serde(rename = "licenseDeclared")]
    license_declared: Text,
    #[serde(rename = "licenseConcluded")]
    license_concluded: Text,
    #[serde(rename = "externalRefs")]
    external_refs: Items,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    #[serde(rename = "referenceType")]
    reference_type: Text,
    #[serde(rename = "referenceLocator")]
    locator: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    element: Text,
    #[serde(rename = "relatedSpdxElement")]
    related: Text,
    #[serde(rename = "relationshipType")]
    kind: Text,
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
            r#"{"bomFormat":"CycloneDX","components":[{"purl":"pkg:npm/a@1"},{"purl":"pkg:npm/b@1"}]}"#,
        );
        let inventory = assemble(&image);
        let seen: Vec<_> = inventory.packages.iter().map(|p| (&*p.name, p.state, p.is_counted)).collect();
        assert_eq!(seen, [("a", State::Installed, true), ("b", State::Declared, false)]);
    }

    #[test]
    fn components_nest_only_so_deep() {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","components":{}{}}}"#,
            r#"[{"components":"#.repeat(50),
            "[]}]".repeat(50).replacen("[]", "[", 1).replacen('[', "[]", 1)
        );
        let inventory = assemble(&Image::new().file("a.cdx.json", text));
        assert_eq!(inventory.packages.len(), 0);
    }

    #[test]
    fn short_references_to_a_long_name_are_taken_only_so_often() {
        let long = "n".repeat(500);
        let many: Vec<String> = (0..200).map(|n| format!(r#"{{"bom-ref":"b{n}","purl":"pkg:npm/b{n}@1"}}"#)).collect();
        let needs: Vec<String> =
            (0..200).map(|n| format!(r#"{{"ref":"b{n}","dependsOn":[{}"a"]}}"#, r#""a","#.repeat(1_500))).collect();
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","components":[{{"bom-ref":"a","purl":"pkg:npm/{long}@1"}},{}],"dependencies":[{}]}}"#,
            many.join(","),
            needs.join(",")
        );
        let document = super::read(text.as_bytes()).expect("it is JSON").expect("it is a document");
        let taken: usize = document.packages.iter().map(|package| package.needs.len()).sum();
        assert_eq!(document.packages.len(), 201);
        assert!(taken <= super::NEED_BYTES / 500, "{taken}");
        assert!(document.odd.is_some_and(|odd| odd.contains("dependencies beyond")));
    }
}

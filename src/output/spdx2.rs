//! SPDX 2.3 in JSON (<https://spdx.github.io/spdx-spec/v2.3/>).
//!
//! The types here are its wire form, as far as careen has something to say; tag-value is written from the same.

#![expect(clippy::struct_field_names, reason = "fields are called as in the format")]

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use serde::Serialize;

use super::bom::{self, Image};
use super::json::write_json;
use super::{Format, Style, count};
use crate::digest::{Algorithm, Digest, hex};
use crate::format::sbom::word;
use crate::inventory::{Licence, Package};
use crate::report::Report;

/// The format.
pub(super) struct Spdx;

impl Format for Spdx {
    fn id(&self) -> &'static str {
        "spdx"
    }

    fn about(&self) -> &'static str {
        "Bill of materials: SPDX 2.3, JSON"
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        let images = Image::all(reports);
        write_json(&Document::new(&images, reports), out)
    }
}

/// What the specification proposes for documents that stand on no site of their own.
pub(super) fn namespace(kind: &str, reports: &[Report]) -> String {
    format!("https://spdx.org/spdxdocs/careen-{}", bom::identity(kind, reports))
}

/// Nothing is said of it.
pub(super) const NOASSERTION: &str = "NOASSERTION";
/// The document's own identifier.
pub(super) const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// Where an image has no time and `SOURCE_DATE_EPOCH` is not set.
pub(super) const NO_TIME: &str = "1970-01-01T00:00:00Z";
/// Characters of a package's name that its identifier shows.
const SHOWN: usize = 40;

/// A document, in the order in which it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    pub(super) spdx_version: &'static str,
    pub(super) data_license: &'static str,
    #[serde(rename = "SPDXID")]
    pub(super) spdx_id: &'static str,
    pub(super) name: String,
    pub(super) document_namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    pub(super) creation_info: CreationInfo,
    pub(super) packages: Vec<SpdxPackage<'a>>,
    pub(super) relationships: Vec<Relationship>,
    #[serde(rename = "hasExtractedLicensingInfos", skip_serializing_if = "Vec::is_empty")]
    pub(super) licences: Vec<ExtractedLicence>,
}

#[derive(Serialize)]
pub(super) struct CreationInfo {
    pub(super) created: String,
    pub(super) creators: [String; 1],
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpdxPackage<'a> {
    #[serde(rename = "SPDXID")]
    pub(super) spdx_id: String,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_info: Option<String>,
    pub(super) supplier: &'static str,
    pub(super) download_location: &'static str,
    pub(super) files_analyzed: bool,
    /// With an underscore in JSON, a hyphen in tag-value.
    pub(super) primary_package_purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    pub(super) license_concluded: &'static str,
    pub(super) license_declared: String,
    pub(super) copyright_text: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) annotations: Vec<Annotation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum {
    pub(super) algorithm: &'static str,
    pub(super) checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalRef {
    pub(super) reference_category: &'static str,
    pub(super) reference_type: &'static str,
    pub(super) reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Annotation {
    pub(super) annotation_date: String,
    pub(super) annotation_type: &'static str,
    pub(super) annotator: String,
    pub(super) comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship {
    pub(super) spdx_element_id: String,
    pub(super) relationship_type: &'static str,
    pub(super) related_spdx_element: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtractedLicence {
    pub(super) license_id: String,
    pub(super) name: String,
    pub(super) extracted_text: String,
}

impl<'a> Document<'a> {
    /// The document of these images.
    pub(super) fn new(images: &'a [Image<'a>], reports: &[Report]) -> Self {
        let created = bom::stamp(reports).unwrap_or_else(|| NO_TIME.into());
        let tool = format!("Tool: careen-{}", reports.first().map_or("", |report| report.version));
        let mut document = Self {
            spdx_version: "SPDX-2.3",
            data_license: "CC0-1.0",
            spdx_id: DOCUMENT,
            name: images.iter().map(|image| image.name).collect::<Vec<_>>().join(", "),
            document_namespace: namespace("spdx-2", reports),
            comment: comment(images),
            creation_info: CreationInfo { created: created.clone(), creators: [tool.clone()] },
            packages: Vec::new(),
            relationships: Vec::new(),
            licences: Vec::new(),
        };
        let mut licences = Licences::default();
        let annotations = |lines: String| {
            let annotation = Annotation {
                annotation_date: created.clone(),
                annotation_type: "OTHER",
                annotator: tool.clone(),
                comment: lines,
            };
            if annotation.comment.is_empty() { Vec::new() } else { vec![annotation] }
        };
        for image in images {
            let image_id = image_id(image);
            document.relate(DOCUMENT, "DESCRIBES", &image_id);
            document.packages.push(SpdxPackage {
                spdx_id: image_id.clone(),
                name: image.name,
                version_info: image.version(),
                primary_package_purpose: "CONTAINER",
                checksums: image.report.target.digest.iter().map(Checksum::of).collect(),
                annotations: annotations(bom::lines(&image.facts())),
                ..SpdxPackage::new()
            });
            if let Some(distro) = &image.report.target.distro {
                let system = format!("{image_id}-System");
                document.relate(&image_id, "CONTAINS", &system);
                document.packages.push(SpdxPackage {
                    spdx_id: system,
                    name: if distro.id.is_empty() { "unknown" } else { &distro.id },
                    version_info: Some(distro.version_id.clone()).filter(|version| !version.is_empty()),
                    primary_package_purpose: "OPERATING_SYSTEM",
                    description: Some(&distro.name),
                    ..SpdxPackage::new()
                });
            }
            let ids: Vec<String> =
                image.report.packages.iter().zip(&image.references).map(|(package, of)| id(package, of)).collect();
            for (package, own) in image.report.packages.iter().zip(&ids) {
                document.relate(&image_id, "CONTAINS", own);
                let needs: Vec<&String> =
                    package.dependencies.iter().filter_map(|index| ids.get(*index as usize)).collect();
                for needed in needs.into_iter().filter(|needed| *needed != own) {
                    document.relate(own, "DEPENDS_ON", needed);
                }
                let mut facts = image.facts_of(package);
                let owner = package.owner.and_then(|owner| ids.get(owner as usize));
                for (name, value) in &mut facts {
                    if let (word::OWNED_BY, Some(owner)) = (*name, owner) {
                        value.clone_from(owner);
                    }
                }
                document.packages.push(SpdxPackage {
                    spdx_id: own.clone(),
                    name: &package.name,
                    version_info: Some(package.version.clone()).filter(|version| !version.is_empty()),
                    primary_package_purpose: "LIBRARY",
                    checksums: package.sha1.iter().map(Checksum::sha1).collect(),
                    source_info: package.source.as_ref().map(|(name, version)| {
                        format!("built from the source package {name} {version}").trim_end().to_owned()
                    }),
                    license_declared: licences.declared(package.licence.as_ref()),
                    external_refs: vec![ExternalRef {
                        reference_category: "PACKAGE-MANAGER",
                        reference_type: "purl",
                        reference_locator: bom::purl(package),
                    }],
                    annotations: annotations(bom::lines(&facts)),
                    ..SpdxPackage::new()
                });
            }
        }
        document.licences = licences.0.into_values().collect();
        document
    }

    fn relate(&mut self, from: &str, relationship_type: &'static str, to: &str) {
        self.relationships.push(Relationship {
            spdx_element_id: from.to_owned(),
            relationship_type,
            related_spdx_element: to.to_owned(),
        });
    }
}

/// Says at the head of a document that it does not list everything.
pub(super) fn comment(images: &[Image<'_>]) -> Option<String> {
    let limitations = images.iter().flat_map(|image| &image.report.limitations);
    let gaps = limitations.filter(|limitation| limitation.is_gap).count();
    (gaps > 0).then(|| {
        let what = count(gaps, "part");
        format!(
            "Incomplete: {what} of the image could not be read, so that packages may be missing; see the lines \
                 that begin with {}= in the annotations of the image.",
            word::GAP
        )
    })
}

fn image_id(image: &Image<'_>) -> String {
    format!("SPDXRef-Image-{}", image.number)
}

/// An identifier of letters, digits, dots and hyphens: name and type for people, a hash to make it unique.
pub(super) fn id(package: &Package, reference: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = package.name.chars().take(SHOWN).map(safe).collect();
    let hash = Digest::sha256(reference.as_bytes());
    format!("SPDXRef-Package-{}-{name}-{}", package.ecosystem.id, hash.hex().get(..16).unwrap_or_default())
}

impl SpdxPackage<'_> {
    /// One of which nothing is known.
    fn new() -> Self {
        Self {
            supplier: NOASSERTION,
            download_location: NOASSERTION,
            license_concluded: NOASSERTION,
            license_declared: NOASSERTION.into(),
            copyright_text: NOASSERTION,
            ..Self::default()
        }
    }
}

impl Checksum {
    fn of(digest: &Digest) -> Self {
        let algorithm = match digest.algorithm() {
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        };
        Self { algorithm, checksum_value: digest.hex().to_owned() }
    }

    fn sha1(digest: &[u8; 20]) -> Self {
        Self { algorithm: "SHA1", checksum_value: hex(digest) }
    }
}

/// Licences that are no expression of listed ones: the document must hold their text.
#[derive(Default)]
struct Licences(BTreeMap<String, ExtractedLicence>);

impl Licences {
    /// What a package's field for the declared licence says.
    fn declared(&mut self, licence: Option<&Licence>) -> String {
        let Some(licence) = licence.filter(|licence| !licence.declared.trim().is_empty()) else {
            return NOASSERTION.into();
        };
        if let Some(expression) = licence.expression.as_ref().filter(|expression| !is_beyond(expression)) {
            for reference in words(expression).filter(|word| word.starts_with("LicenseRef-")) {
                self.add(reference.to_owned(), reference.to_owned(), word::LICENCE_ELSEWHERE);
            }
            return expression.clone();
        }
        let digest = Digest::sha256(licence.declared.as_bytes());
        let id = format!("{}{}", word::LICENCE_REFERENCE, digest.hex().get(..16).unwrap_or_default());
        let (name, _) = bom::licence_name(&licence.declared);
        self.add(id.clone(), name, &licence.declared);
        id
    }

    fn add(&mut self, id: String, name: String, text: &str) {
        let key = id.clone();
        self.0.entry(key).or_insert_with(|| ExtractedLicence { license_id: id, name, extracted_text: text.to_owned() });
    }
}

/// Whether an expression refers to other documents, or to additions, which version 2.3 does not know.
fn is_beyond(expression: &str) -> bool {
    words(expression).any(|word| word.starts_with("DocumentRef-") || word.starts_with("AdditionRef-"))
}

fn words(expression: &str) -> impl Iterator<Item = &str> {
    let words: HashSet<&str> = expression.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).collect();
    let mut words: Vec<&str> = words.into_iter().collect();
    words.sort_unstable();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn identifiers_are_legal_unique_and_resolved() {
        let mut report = sample::hostile();
        report.packages[1].dependencies = vec![0];
        let mut twin = report.packages[0].clone();
        twin.name = "another".into();
        report.packages.push(twin);
        let reports = [report, sample::report()];
        let images = Image::all(&reports);
        let document = Document::new(&images, &reports);
        let ids: Vec<&str> = document.packages.iter().map(|package| package.spdx_id.as_str()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{ids:?}");
        for id in &ids {
            let rest = id.strip_prefix("SPDXRef-").expect("the prefix");
            assert!(rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')), "{id}");
        }
        for relationship in &document.relationships {
            for end in [&relationship.spdx_element_id, &relationship.related_spdx_element] {
                assert!(end == DOCUMENT || ids.contains(&end.as_str()), "{end}");
            }
        }
        for package in &document.packages {
            let licence = package.license_declared.as_str();
            let is_there = document.licences.iter().any(|known| known.license_id == licence);
            assert_eq!(licence.starts_with("LicenseRef-"), is_there, "{licence}");
        }
    }

    #[test]
    fn licences_are_expressions_or_texts() {
        let cases = [
            (Licence::new("MIT"), "MIT", 0),
            (Licence::new("MIT AND LicenseRef-Acme"), "MIT AND LicenseRef-Acme", 1),
            (Licence::new(""), NOASSERTION, 0),
        ];
        for (licence, expected, texts) in cases {
            let mut licences = Licences::default();
            assert_eq!(licences.declared(Some(&licence)), expected);
            assert_eq!(licences.0.len(), texts, "{expected}");
        }
        for beyond in ["DocumentRef-a:LicenseRef-b", "see the file"] {
            let mut licences = Licences::default();
            let declared = licences.declared(Some(&Licence::new(beyond)));
            assert!(declared.starts_with("LicenseRef-careen-"), "{declared}");
            assert_eq!(licences.0.get(&declared).map(|licence| licence.extracted_text.as_str()), Some(beyond));
        }
    }

    #[test]
    fn what_was_not_read_is_told_at_the_head() {
        let reports = [sample::report()];
        let images = Image::all(&reports);
        let document = Document::new(&images, &reports);
        assert!(document.comment.is_some_and(|comment| comment.starts_with("Incomplete: 1 part of the image")));
        let image = document.packages.iter().find(|package| package.primary_package_purpose == "CONTAINER");
        let lines = image.and_then(|image| image.annotations.first()).map_or("", |annotation| &annotation.comment);
        assert!(lines.lines().any(|line| line.starts_with("careen:gap=layer-truncated layer 1: ")), "{lines}");
        let reports = [sample::empty()];
        assert!(Document::new(&Image::all(&reports), &reports).comment.is_none());
    }
}

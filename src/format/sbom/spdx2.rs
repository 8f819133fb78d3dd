//! SPDX 2.2 and 2.3 (<https://spdx.github.io/spdx-spec/v2.3/>): what JSON and tag-value have in common, and JSON.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;

use super::parts::{Broken, Builder, is_image, lines, sha1};
use super::{Bill, Entries, Part, list, parse, text, value, word};

/// Bytes of the references in all relationships of a document; beyond, relationships are left out.
const RELATED: usize = 256 << 20;

/// A package as any form of SPDX has it.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// In the spelling of 2.3's JSON.
    pub(super) purpose: String,
    pub(super) purl: String,
    pub(super) licence: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) description: String,
    /// What is said of where it comes from.
    pub(super) origin: String,
    /// Texts of annotations.
    pub(super) comments: Vec<String>,
}

/// A document as any form of SPDX has it.
#[derive(Debug, Default)]
pub(super) struct RawDocument {
    pub(super) packages: Vec<Raw>,
    /// What it describes.
    pub(super) described: HashSet<String>,
    /// Who needs whom.
    pub(super) needs: Vec<(String, String)>,
    /// Licences of its own: name or text.
    pub(super) licences: HashMap<String, Rc<str>>,
    /// Texts of annotations that stand apart from their packages.
    pub(super) comments: Vec<(String, String)>,
    /// Entries that were none.
    pub(super) broken: Broken,
    /// Bytes of references in relationships.
    related: usize,
    /// Whether relationships were left out.
    is_cut: bool,
}

impl RawDocument {
    /// Takes a relationship of version 2.
    pub(super) fn relate(&mut self, from: &str, kind: &str, to: &str) {
        // references that are longer than any, or one that is there without end, would make much of little
        self.related = self.related.saturating_add(from.len()).saturating_add(to.len());
        if self.related > RELATED {
            self.is_cut = true;
            return;
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        match kind {
            "DESCRIBES" => _ = self.described.insert(to),
            "DESCRIBED_BY" => _ = self.described.insert(from),
            "DEPENDS_ON" => self.needs.push((from, to)),
            "DEPENDENCY_OF" | "RUNTIME_DEPENDENCY_OF" => self.needs.push((to, from)),
            _ => {}
        }
    }

    /// The bill that the document is.
    pub(super) fn into_bill(mut self) -> Result<Bill> {
        let mut builder = Builder::default();
        let mut apart: HashMap<String, Vec<String>> = HashMap::new();
        for (id, comment) in self.comments {
            apart.entry(id).or_default().push(comment);
        }
        for package in &mut self.packages {
            if !package.purl.starts_with("pkg:") {
                package.purl.clear();
            }
            package.comments.extend(apart.remove(&package.id).unwrap_or_default());
        }
        for package in self.packages {
            let is_described = self.described.contains(&package.id);
            if package.purpose == "CONTAINER" || is_image(&package.purl) || (is_described && package.purl.is_empty()) {
                builder.begin_image([package.name]);
                for comment in &package.comments {
                    lines(comment, |name, value| builder.add_image_fact(name, value));
                }
                continue;
            }
            if package.purl.is_empty() {
                // older ones of Trivy say it in the identifier only
                if package.purpose.starts_with("OPERATING") || package.id.starts_with("SPDXRef-OperatingSystem") {
                    let distro = (package.name, package.version, package.description);
                    builder.subject().distro.get_or_insert(distro);
                } else if !package.version.is_empty() {
                    builder.add_nameless(&package.name, &package.version);
                }
                continue;
            }
            let licence = package.licence.filter(|licence| !matches!(licence.as_str(), "" | "NONE" | "NOASSERTION"));
            let part = Part {
                purl: package.purl,
                name: package.name,
                version: package.version,
                licence: licence.map(|licence| match self.licences.get(&licence) {
                    Some(text) if **text != *word::LICENCE_ELSEWHERE => text.to_string(),
                    _ => licence,
                }),
                sha1: package.sha1.as_deref().and_then(sha1),
                ..Part::default()
            };
            let Some(index) = builder.add(Some(&package.id), part)? else { continue };
            for comment in &package.comments {
                lines(comment, |name, value| builder.add_fact(index, name, value));
            }
            builder.add_origin(index, &package.origin);
        }
        for (from, to) in &self.needs {
            builder.add_edge(from, to);
        }
        if self.is_cut {
            builder.cut_edges();
        }
        builder.add_all_broken(self.broken);
        Ok(builder.finish())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow, default)]
    packages: Entries<'a>,
    #[serde(borrow, default)]
    relationships: Entries<'a>,
    #[serde(rename = "documentDescribes", borrow, default)]
    described: Entries<'a>,
    #[serde(borrow, default)]
    has_extracted_licensing_infos: Entries<'a>,
}

/// Reads JSON of version 2.
pub(super) fn read(bytes: &[u8]) -> Result<Bill> {
    let parsed: Document<'_> = parse(bytes)?;
    let mut document = RawDocument::default();
    for (index, raw) in parsed.packages.0.into_iter().enumerate() {
        match value(raw).filter(Value::is_object) {
            Some(value) => document.packages.push(package(&value)),
            None => document.broken.add(format!("packages[{index}]")),
        }
    }
    let described = parsed.described.0.into_iter().filter_map(value);
    document.described.extend(described.filter_map(|id| id.as_str().map(str::to_owned)));
    for (index, raw) in parsed.relationships.0.into_iter().enumerate() {
        let Some(relationship) = value(raw) else {
            document.broken.add(format!("relationships[{index}]"));
            continue;
        };
        if let (Some(from), Some(kind), Some(to)) = (
            text(&relationship, "spdxElementId"),
            text(&relationship, "relationshipType"),
            text(&relationship, "relatedSpdxElement"),
        ) {
            document.relate(from, kind, to);
        }
    }
    for licence in parsed.has_extracted_licensing_infos.0.into_iter().filter_map(value) {
        if let (Some(id), Some(words)) = (text(&licence, "licenseId"), text(&licence, "extractedText")) {
            document.licences.insert(id.to_owned(), words.into());
        }
    }
    document.into_bill()
}

fn package(value: &Value) -> Raw {
    let of = |key: &str| text(value, key).unwrap_or_default().to_owned();
    let purl = list(value, "externalRefs").iter().find(|one| text(one, "referenceType") == Some("purl"));
    let sha1 = list(value, "checksums").iter().find(|one| text(one, "algorithm") == Some("SHA1"));
    let declared = text(value, "licenseDeclared").filter(|licence| !matches!(*licence, "NONE" | "NOASSERTION"));
    Raw {
        id: of("SPDXID"),
        name: of("name"),
        version: of("versionInfo"),
        purpose: of("primaryPackagePurpose"),
        purl: purl.and_then(|one| text(one, "referenceLocator")).unwrap_or_default().to_owned(),
        licence: declared.or_else(|| text(value, "licenseConcluded")).map(str::to_owned),
        sha1: sha1.and_then(|one| text(one, "checksumValue")).map(str::to_owned),
        description: of("description"),
        origin: of("sourceInfo"),
        comments: list(value, "annotations").iter().filter_map(|one| text(one, "comment")).map(str::to_owned).collect(),
    }
}

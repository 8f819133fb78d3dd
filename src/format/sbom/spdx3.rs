//! SPDX 3.0 in JSON-LD (<https://spdx.github.io/spdx-spec/v3.0.1/>), in the compact form with the published context.

use std::collections::HashMap;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Result;

use super::spdx2::{Raw, RawDocument};
use super::{Bill, Entries, SPDX_3, list, parse, text, value, with};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "@context", borrow)]
    context: Option<&'a RawValue>,
    #[serde(rename = "@graph", borrow)]
    graph: Entries<'a>,
}

/// The version in the address of the context: `https://spdx.org/rdf/3.0.1/spdx-context.jsonld`.
fn version_of(context: &Value) -> Option<&str> {
    let several = context.as_array().map_or(std::slice::from_ref(context), Vec::as_slice);
    several.iter().filter_map(Value::as_str).find_map(|one| one.split_once("spdx.org/rdf/")?.1.split('/').next())
}

/// Reads a graph of elements.
pub(super) fn read(bytes: &[u8]) -> Result<Bill> {
    let parsed: Document<'_> = parse(bytes)?;
    let mut document = RawDocument::default();
    let mut licences: HashMap<String, Rc<str>> = HashMap::new();
    // what an identifier of the document's own stands for
    let mut own: HashMap<String, String> = HashMap::new();
    let mut licensed: Vec<(String, String)> = Vec::new();
    let mut version: Option<String> = None;
    for (index, raw) in parsed.graph.0.into_iter().enumerate() {
        let Some(element) = value(raw).filter(Value::is_object) else {
            document.broken.add(format!("@graph[{index}]"));
            continue;
        };
        let id = text(&element, "spdxId").or_else(|| text(&element, "@id")).unwrap_or_default();
        match text(&element, "type").or_else(|| text(&element, "@type")).unwrap_or_default() {
            "CreationInfo" => {
                version = version.or_else(|| text(&element, "specVersion").map(str::to_owned));
            }
            "software_Package" => document.packages.push(package(id, &element)),
            "SpdxDocument" | "software_Sbom" => {
                let roots = list(&element, "rootElement").iter().filter_map(Value::as_str);
                document.described.extend(roots.map(str::to_owned));
            }
            "simplelicensing_LicenseExpression" => {
                let expression = text(&element, "simplelicensing_licenseExpression").unwrap_or_default();
                licences.insert(id.to_owned(), expression.into());
                for entry in list(&element, "simplelicensing_customIdToUri") {
                    if let (Some(key), Some(uri)) = (text(entry, "key"), text(entry, "value")) {
                        own.insert(key.to_owned(), uri.to_owned());
                    }
                }
            }
            "simplelicensing_SimpleLicensingText" => {
                let words = text(&element, "simplelicensing_licenseText").unwrap_or_default();
                licences.insert(id.to_owned(), words.into());
            }
            "Annotation" => {
                if let (Some(subject), Some(statement)) = (text(&element, "subject"), text(&element, "statement")) {
                    document.comments.push((subject.to_owned(), statement.to_owned()));
                }
            }
            "Relationship" | "LifecycleScopedRelationship" => {
                let from = text(&element, "from").unwrap_or_default();
                for to in list(&element, "to").iter().filter_map(Value::as_str) {
                    match text(&element, "relationshipType").unwrap_or_default() {
                        "dependsOn" => document.relate(from, "DEPENDS_ON", to),
                        "hasDeclaredLicense" => licensed.push((from.to_owned(), to.to_owned())),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let licensed: HashMap<String, String> = licensed.into_iter().collect();
    for package in &mut document.packages {
        package.licence = licensed.get(&package.id).and_then(|licence| licences.get(licence)).map(ToString::to_string);
    }
    let texts = own.into_iter().filter_map(|(key, uri)| Some((key, licences.get(&uri)?.clone())));
    document.licences.extend(texts);
    let context = parsed.context.and_then(value).unwrap_or_default();
    let version = version.as_deref().or_else(|| version_of(&context)).unwrap_or_default();
    let odd = SPDX_3.check(version)?;
    Ok(with(document.into_bill()?, odd))
}

fn package(id: &str, element: &Value) -> Raw {
    let of = |key: &str| text(element, key).unwrap_or_default().to_owned();
    let identifier = || {
        let identifiers = list(element, "externalIdentifier").iter();
        let mut purls = identifiers.filter(|one| text(one, "externalIdentifierType") == Some("packageUrl"));
        purls.find_map(|one| text(one, "identifier"))
    };
    let hashes = list(element, "verifiedUsing").iter();
    let sha1 = hashes.filter(|one| text(one, "algorithm") == Some("sha1")).find_map(|one| text(one, "hashValue"));
    Raw {
        id: id.to_owned(),
        name: of("name"),
        version: of("software_packageVersion"),
        purpose: match text(element, "software_primaryPurpose") {
            Some("container") => "CONTAINER".to_owned(),
            Some("operatingSystem") => "OPERATING_SYSTEM".to_owned(),
            _ => String::new(),
        },
        purl: text(element, "software_packageUrl").or_else(identifier).unwrap_or_default().to_owned(),
        sha1: sha1.map(str::to_owned),
        description: of("description"),
        origin: of("software_sourceInfo"),
        ..Raw::default()
    }
}

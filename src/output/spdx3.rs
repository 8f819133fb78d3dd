//! SPDX 3.0.1 in JSON-LD (<https://spdx.github.io/spdx-spec/v3.0.1/>): profiles core, software and simple licensing.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::bom::{self, Image};
use super::json::write_json;
use super::spdx2::{NO_TIME, comment, id, namespace};
use super::{Format, Style};
use crate::digest::{Digest, hex};
use crate::format::sbom::word;
use crate::inventory::{Licence, Package};
use crate::report::Report;

/// The format.
pub(super) struct Spdx3;

impl Format for Spdx3 {
    fn id(&self) -> &'static str {
        "spdx-3"
    }

    fn about(&self) -> &'static str {
        "SPDX 3.0.1, JSON-LD"
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        let images = Image::all(reports);
        let document = Document {
            context: "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
            graph: Graph {
                images: &images,
                namespace: namespace("spdx-3", reports),
                created: bom::stamp(reports).unwrap_or_else(|| NO_TIME.into()),
                version: reports.first().map_or("", |report| report.version),
            },
        };
        write_json(&document, out)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@graph")]
    graph: Graph<'a>,
}

/// The elements, made one by one as they are written.
struct Graph<'a> {
    images: &'a [Image<'a>],
    namespace: String,
    created: String,
    version: &'static str,
}

/// The blank node of who made the elements, and when.
const CREATION: &str = "_:creation";

impl Graph<'_> {
    /// The name of an element of this document.
    fn name(&self, local: &str) -> String {
        format!("{}#{local}", self.namespace)
    }

    fn element(&self, kind: &str, local: &str, fields: Value) -> Value {
        let mut element = json!({ "type": kind, "spdxId": self.name(local), "creationInfo": CREATION });
        if let (Value::Object(element), Value::Object(fields)) = (&mut element, fields) {
            element.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
        element
    }

    fn relationship(&self, from: &str, kind: &str, to: &[String], is_incomplete: bool) -> Value {
        let to: Vec<String> = to.iter().map(|local| self.name(local)).collect();
        let fields = json!({
            "from": self.name(from),
            "relationshipType": kind,
            "to": to,
            "completeness": if is_incomplete { json!("incomplete") } else { Value::Null },
        });
        self.element("Relationship", &format!("{from}-{kind}"), fields)
    }

    fn annotation(&self, subject: &str, statement: &str) -> Option<Value> {
        let fields = json!({ "annotationType": "other", "subject": self.name(subject), "statement": statement });
        (!statement.is_empty()).then(|| self.element("Annotation", &format!("{subject}-Facts"), fields))
    }

    fn image(&self, image: &Image<'_>, own: &str) -> Value {
        let digest = image.report.target.digest.as_ref();
        let fields = json!({
            "name": image.name,
            "software_packageVersion": image.version(),
            "software_primaryPurpose": "container",
            "verifiedUsing": digest.map(|digest| json!([{
                "type": "Hash", "algorithm": digest.algorithm().as_str(), "hashValue": digest.hex(),
            }])),
        });
        self.element("software_Package", own, fields)
    }

    fn package(&self, package: &Package, own: &str) -> Value {
        let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let source = package
            .source
            .as_ref()
            .map(|(name, version)| format!("built from the source package {name} {version}").trim_end().to_owned());
        let fields = json!({
            "name": package.name,
            "software_packageVersion": text(&package.version),
            "software_packageUrl": bom::purl(package),
            "software_primaryPurpose": "library",
            "software_sourceInfo": source,
            "verifiedUsing": package.sha1.map(|digest| json!([{
                "type": "Hash", "algorithm": "sha1", "hashValue": hex(&digest),
            }])),
        });
        self.element("software_Package", own, fields)
    }

    /// The licence of a package: its local name, and its elements.
    fn licence(&self, licence: &Licence) -> (String, Vec<Value>) {
        let hash = Digest::sha256(licence.expression.as_ref().unwrap_or(&licence.declared).as_bytes());
        let hash = hash.hex().get(..16).unwrap_or_default();
        let own = format!("Licence-{hash}");
        if let Some(expression) = &licence.expression {
            let fields = json!({ "simplelicensing_licenseExpression": expression });
            let element = self.element("simplelicensing_LicenseExpression", &own, fields);
            return (own, vec![element]);
        }
        let (text, reference) = (format!("LicenceText-{hash}"), format!("{}{hash}", word::LICENCE_REFERENCE));
        let fields = json!({
            "simplelicensing_licenseExpression": reference,
            "simplelicensing_customIdToUri":
                [{ "type": "DictionaryEntry", "key": reference, "value": self.name(&text) }],
        });
        let elements = vec![
            self.element(
                "simplelicensing_SimpleLicensingText",
                &text,
                json!({ "simplelicensing_licenseText": licence.declared }),
            ),
            self.element("simplelicensing_LicenseExpression", &own, fields),
        ];
        (own, elements)
    }
}

impl Serialize for Graph<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut graph = serializer.serialize_seq(None)?;
        let tool = format!("careen {}", self.version);
        graph.serialize_element(&json!({
            "type": "CreationInfo",
            "@id": CREATION,
            "specVersion": "3.0.1",
            "created": self.created,
            "createdBy": [self.name("Agent")],
            "createdUsing": [self.name("Tool")],
        }))?;
        graph.serialize_element(&self.element("SoftwareAgent", "Agent", json!({ "name": tool })))?;
        graph.serialize_element(&self.element("Tool", "Tool", json!({ "name": tool })))?;
        let names: Vec<String> = self.images.iter().map(|image| format!("Image-{}", image.number)).collect();
        let roots: Vec<String> = names.iter().map(|name| self.name(name)).collect();
        let title = self.images.iter().map(|image| image.name).collect::<Vec<_>>().join(", ");
        let fields = json!({
            "name": title,
            "comment": comment(self.images),
            "profileConformance": ["core", "software", "simpleLicensing"],
            "rootElement": [self.name("Sbom")],
        });
        graph.serialize_element(&self.element("SpdxDocument", "Document", fields))?;
        let fields = json!({ "software_sbomType": ["analyzed"], "rootElement": roots });
        graph.serialize_element(&self.element("software_Sbom", "Sbom", fields))?;
        let mut licences: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (image, own) in self.images.iter().zip(&names) {
            graph.serialize_element(&self.image(image, own))?;
            if let Some(annotation) = self.annotation(own, &bom::lines(&image.facts())) {
                graph.serialize_element(&annotation)?;
            }
            let mut contents = Vec::new();
            if let Some(distro) = &image.report.target.distro {
                let system = format!("{own}-System");
                let fields = json!({
                    "name": if distro.id.is_empty() { "unknown" } else { &distro.id },
                    "software_packageVersion": Some(&distro.version_id).filter(|version| !version.is_empty()),
                    "software_primaryPurpose": "operatingSystem",
                    "description": distro.name,
                });
                graph.serialize_element(&self.element("software_Package", &system, fields))?;
                contents.push(system);
            }
            let packages = &image.report.packages;
            let local = |reference: &String, package: &Package| id(package, reference).replacen("SPDXRef-", "", 1);
            let ids: Vec<String> =
                packages.iter().zip(&image.references).map(|(package, reference)| local(reference, package)).collect();
            for (package, own) in packages.iter().zip(&ids) {
                graph.serialize_element(&self.package(package, own))?;
                let mut facts = image.facts_of(package);
                let owner = package.owner.and_then(|owner| ids.get(owner as usize)).map(|owner| self.name(owner));
                for (name, value) in &mut facts {
                    if let (word::OWNED_BY, Some(owner)) = (*name, &owner) {
                        value.clone_from(owner);
                    }
                }
                if let Some(annotation) = self.annotation(own, &bom::lines(&facts)) {
                    graph.serialize_element(&annotation)?;
                }
                let needs = package.dependencies.iter().filter_map(|index| ids.get(*index as usize));
                let needs: Vec<String> = needs.filter(|needed| *needed != own).cloned().collect();
                if !needs.is_empty() {
                    graph.serialize_element(&self.relationship(own, "dependsOn", &needs, false))?;
                }
                if let Some(licence) = package.licence.as_ref().filter(|licence| !licence.declared.trim().is_empty()) {
                    let (name, elements) = self.licence(licence);
                    graph.serialize_element(&self.relationship(
                        own,
                        "hasDeclaredLicense",
                        std::slice::from_ref(&name),
                        false,
                    ))?;
                    licences.entry(name).or_insert(elements);
                }
            }
            contents.extend(ids);
            if !contents.is_empty() {
                graph.serialize_element(&self.relationship(own, "contains", &contents, image.has_gaps()))?;
            }
        }
        for element in licences.values().flatten() {
            graph.serialize_element(element)?;
        }
        graph.end()
    }
}

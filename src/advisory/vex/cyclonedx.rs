//! VEX in `CycloneDX`: `vulnerabilities` with an `analysis` (ECMA-424; specification 1.4 and later,
//! <https://cyclonedx.org/docs/1.6/json/#vulnerabilities>), in a bill of materials or alone.
//!
//! What is `affects` is a component of the same document, by its `bom-ref` or a BOM-Link. Where the document is about
//! an image or a package that has a name, a statement is about components as parts of that.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Result;
use crate::format::percent;

use super::component::{Component, Product, Versions};
use super::list::{Entries, Several};
use super::purl::Purl;
use super::vers::Vers;
use super::{Builder, Document, Format, Statement, Status, parse, shown, some_text, too_much};

/// The labels for why something is not affected.
const JUSTIFICATIONS: &[&str] = &[
    "code_not_present",
    "code_not_reachable",
    "protected_at_perimeter",
    "protected_at_runtime",
    "protected_by_compiler",
    "protected_by_mitigating_control",
    "requires_configuration",
    "requires_dependency",
    "requires_environment",
];
/// Components of one document.
const COMPONENTS: usize = 300_000;
/// Levels of components within components. Each is read as often as it is deep.
const LEVELS: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    serial_number: Option<String>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    components: Entries<'a>,
    #[serde(borrow, default)]
    vulnerabilities: Entries<'a>,
}

#[derive(Deserialize, Default)]
struct Metadata<'a> {
    timestamp: Option<String>,
    #[serde(borrow)]
    component: Option<&'a RawValue>,
    #[serde(default)]
    authors: Several<Person>,
    supplier: Option<Person>,
    manufacturer: Option<Person>,
    manufacture: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Part<'a> {
    r#type: Option<String>,
    #[serde(rename = "bom-ref")]
    bom_ref: Option<String>,
    name: Option<String>,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    hashes: Several<Hash>,
    #[serde(borrow, default)]
    components: Entries<'a>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Flaw {
    id: Option<String>,
    #[serde(default)]
    references: Several<OtherId>,
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Several<Affected>,
    recommendation: Option<String>,
    workaround: Option<String>,
}

#[derive(Deserialize)]
struct OtherId {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    state: Option<String>,
    justification: Option<String>,
    #[serde(default)]
    response: Several<String>,
    detail: Option<String>,
    first_issued: Option<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affected {
    r#ref: String,
    #[serde(default)]
    versions: Several<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "version")]
    exact: Option<String>,
    range: Option<String>,
    status: Option<String>,
}

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> Result<Document> {
    let whole: Whole<'_> = parse(bytes)?;
    let metadata = whole.metadata.unwrap_or_default();
    let serial = whole.serial_number.unwrap_or_default();
    let version = whole.version.map_or("1", RawValue::get);
    let id = serial.strip_prefix("urn:uuid:").map(|uuid| format!("urn:cdx:{uuid}/{version}"));
    let author = metadata.author();
    let mut builder = Builder::new(Format::CycloneDx, id.as_deref().unwrap_or(&serial), &author, None);
    builder.document.timestamp = builder.time("metadata.timestamp", metadata.timestamp.as_deref());
    let parts = Parts::new(metadata.component, whole.components.0, &mut builder)?;
    for (index, raw) in whole.vulnerabilities.0.into_iter().enumerate() {
        let place = format!("vulnerabilities[{index}]");
        match serde_json::from_str::<Flaw>(raw.get()) {
            Ok(flaw) => flaw.tell(&place, &parts, &mut builder)?,
            Err(error) => builder.complain(&place, &shown(&error.to_string())),
        }
    }
    Ok(builder.finish())
}

impl Metadata<'_> {
    fn author(&self) -> String {
        let mut people = self.authors.0.iter().chain(&self.supplier).chain(&self.manufacturer).chain(&self.manufacture);
        people.find_map(|person| person.name.as_ref().or(person.email.as_ref())).cloned().unwrap_or_default()
    }
}

/// The components of a document.
struct Parts {
    /// What the document is about, if that has a name to go by.
    subject: Option<Component>,
    subject_ref: Option<String>,
    by_ref: HashMap<String, Component>,
}

impl Parts {
    fn new(subject: Option<&RawValue>, parts: Vec<&RawValue>, builder: &mut Builder) -> Result<Self> {
        let mut found = Self { subject: None, subject_ref: None, by_ref: HashMap::new() };
        let mut waiting: Vec<(&RawValue, usize)> = parts.into_iter().map(|raw| (raw, 0)).collect();
        if let Some(raw) = subject {
            let subject: Part<'_> = parse(raw.get().as_bytes())?;
            let component = subject.component();
            if let Some(name) = &subject.bom_ref {
                found.by_ref.insert(name.clone(), component.clone());
            }
            found.subject = Some(component).filter(Component::is_known);
            found.subject_ref = subject.bom_ref;
            waiting.extend(subject.components.0.into_iter().map(|raw| (raw, 1)));
        }
        let mut count = 0_usize;
        while let Some((raw, level)) = waiting.pop() {
            count = count.saturating_add(1);
            if count > COMPONENTS {
                return Err(too_much(format!("the VEX document has more than {COMPONENTS} components")));
            }
            match serde_json::from_str::<Part<'_>>(raw.get()) {
                Ok(part) => {
                    let component = part.component();
                    if let Some(name) = part.bom_ref {
                        found.by_ref.entry(name).or_insert(component);
                    }
                    let within = part.components.0;
                    if level < LEVELS {
                        waiting.extend(within.into_iter().map(|raw| (raw, level.saturating_add(1))));
                    } else if !within.is_empty() {
                        builder.complain("components", "they are nested too deep");
                    }
                }
                Err(error) => builder.complain("components", &shown(&error.to_string())),
            }
        }
        Ok(found)
    }

    /// The component that a reference means. Of another document's, a BOM-Link may give the package URL itself.
    fn get(&self, reference: &str) -> Option<Component> {
        if let Some(component) = self.by_ref.get(reference) {
            return Some(component.clone());
        }
        let name = match reference.strip_prefix("urn:cdx:") {
            Some(link) => link.split_once('#')?.1,
            None => reference,
        };
        let decoded = percent::decode(name).unwrap_or_default();
        if let Some(component) = self.by_ref.get(name).or_else(|| self.by_ref.get(&decoded)) {
            return Some(component.clone());
        }
        let purl = [name, &decoded].into_iter().find(|text| Purl::parse(text).is_some())?;
        Some(Component::named(purl))
    }

    /// The product that a statement about this component is about.
    fn product(&self, reference: &str, component: Component) -> Product {
        match &self.subject {
            Some(subject) if self.subject_ref.as_deref() != Some(reference) => {
                Product { component: subject.clone(), subcomponents: vec![component] }
            }
            _ => Product { component, subcomponents: Vec::new() },
        }
    }
}

impl Part<'_> {
    fn component(&self) -> Component {
        let name = self.name.as_deref().unwrap_or_default();
        let label = self.purl.as_deref().unwrap_or(name);
        let mut component = Component { label: shown(label), ..Component::default() };
        if let Some(purl) = self.purl.as_deref().and_then(Purl::parse) {
            if purl.version.is_none() && !purl.is_image() {
                let exact = self.version.clone().filter(|version| !version.is_empty());
                component.versions = exact.map_or(Versions::Any, Versions::Exact);
            }
            component.purls.push(purl);
        }
        if self.r#type.as_deref() == Some("container") {
            component.add(name);
            // many write the digest of the image where its version belongs
            if let Some(digest) = self.version.as_deref().and_then(|version| version.parse().ok()) {
                component.add_digest(digest);
            }
            for hash in &self.hashes.0 {
                component.add_hash(&hash.alg, &hash.content);
            }
        }
        component
    }
}

/// What products are put together by: the versions of one component may be in several states.
type ByStatus = HashMap<Status, Vec<Arc<Product>>>;

impl Flaw {
    fn tell(self, place: &str, parts: &Parts, builder: &mut Builder) -> Result<()> {
        // a flaw that is only listed says nothing of its state
        let Some(analysis) = self.analysis else { return Ok(()) };
        let status = match analysis.state.as_deref().map(status) {
            Some(Some(status)) => Some(status),
            Some(None) => {
                let state = shown(analysis.state.as_deref().unwrap_or_default());
                builder.complain(place, &format!("the state `{state}` is unknown"));
                return Ok(());
            }
            None => None,
        };
        if let Some(label) = analysis.justification.as_deref().filter(|label| !JUSTIFICATIONS.contains(label)) {
            builder.complain(place, &format!("the justification `{}` is unknown", shown(label)));
            return Ok(());
        }
        let issued = builder.time(place, analysis.first_issued.as_deref());
        let timestamp = builder.time(place, analysis.last_updated.as_deref()).max(issued);
        let mut products = ByStatus::new();
        for affected in self.affects.0 {
            let Some(component) = parts.get(&affected.r#ref) else {
                let what = format!("no component of the document is `{}`", shown(&affected.r#ref));
                builder.complain(place, &what);
                continue;
            };
            if affected.versions.0.is_empty() {
                if let Some(status) = status {
                    let product = parts.product(&affected.r#ref, component);
                    products.entry(status).or_default().push(Arc::new(product));
                }
                continue;
            }
            for version in affected.versions.0 {
                match version.of(&component, status) {
                    Ok(Some((status, component))) => {
                        let product = parts.product(&affected.r#ref, component);
                        products.entry(status).or_default().push(Arc::new(product));
                    }
                    Ok(None) => {}
                    Err(what) => builder.complain(place, &what),
                }
            }
        }
        let ids: Vec<String> =
            self.id.into_iter().chain(self.references.0.into_iter().filter_map(|one| one.id)).collect();
        let response = some_text(Some(&analysis.response.0.join(", ")));
        let recommendation =
            some_text(self.recommendation.as_deref()).or_else(|| some_text(self.workaround.as_deref()));
        for (known, _) in Status::WORDS {
            let Some(products) = products.remove(known) else { continue };
            let is_analysed = status == Some(*known);
            let statement = Statement {
                ids: ids.clone(),
                products,
                status: *known,
                justification: analysis.justification.clone().filter(|_| is_analysed),
                impact: if is_analysed {
                    some_text(analysis.detail.as_deref())
                } else {
                    Some("the document lists the version so".to_owned())
                },
                action: recommendation.clone().or_else(|| response.clone()),
                timestamp,
            };
            builder.add(place, statement)?;
        }
        Ok(())
    }
}

impl Listed {
    /// The state of these versions: those that have the flaw are in the state that the analysis says.
    fn of(self, component: &Component, analysed: Option<Status>) -> Result<Option<(Status, Component)>, String> {
        let status = match self.status.as_deref() {
            None | Some("affected") => analysed,
            Some("unaffected") => Some(Status::NotAffected),
            Some("unknown") => Some(Status::UnderInvestigation),
            Some(other) => return Err(format!("the status `{}` of a version is unknown", shown(other))),
        };
        let versions = match (self.exact, self.range) {
            (Some(exact), None) => Versions::Exact(exact),
            (None, Some(range)) => Versions::Range(Vers::parse(&range)?),
            _ => return Err("a version is neither one nor a range".to_owned()),
        };
        let clash = matches!((&component.versions, &versions), (Versions::Exact(a), Versions::Exact(b)) if a != b);
        // of a component of one version, others are not meant
        Ok(status.filter(|_| !clash).map(|status| (status, Component { versions, ..component.clone() })))
    }
}

fn status(state: &str) -> Option<Status> {
    Some(match state {
        "resolved" | "resolved_with_pedigree" => Status::Fixed,
        "exploitable" => Status::Affected,
        "in_triage" => Status::UnderInvestigation,
        "false_positive" | "not_affected" => Status::NotAffected,
        _ => return None,
    })
}

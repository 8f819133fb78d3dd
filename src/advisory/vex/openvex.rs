//! `OpenVEX` documents, version 0.0.1 to 0.2.0 (OPENVEX-SPEC.md of <https://github.com/openvex/spec>).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::Result;
use crate::image::manifest::null_is_default;

use super::component::{Component, Product};
use super::list::{Entries, Several};
use super::{Builder, Document, Format, JUSTIFICATIONS, PRODUCTS, Statement, Status, parse, shown, some_text};

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(rename = "@id")]
    id: Option<String>,
    author: Option<String>,
    timestamp: Option<String>,
    last_updated: Option<String>,
    #[serde(borrow, default)]
    statements: Entries<'a>,
}

#[derive(Deserialize)]
struct Wire {
    vulnerability: Flaw,
    #[serde(default)]
    products: Several<Item>,
    /// Of all products; before 0.2.0.
    #[serde(default)]
    subcomponents: Several<Item>,
    status: String,
    justification: Option<String>,
    impact_statement: Option<String>,
    action_statement: Option<String>,
    timestamp: Option<String>,
    last_updated: Option<String>,
}

/// A name alone before 0.2.0.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flaw {
    Name(String),
    Named {
        #[serde(rename = "@id")]
        id: Option<String>,
        name: Option<String>,
        #[serde(default)]
        aliases: Several<String>,
    },
}

/// A name alone before 0.2.0.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Name(String),
    Named {
        #[serde(rename = "@id")]
        id: Option<String>,
        #[serde(default, deserialize_with = "null_is_default")]
        identifiers: BTreeMap<String, String>,
        #[serde(default, deserialize_with = "null_is_default")]
        hashes: BTreeMap<String, String>,
        #[serde(default)]
        subcomponents: Several<Part>,
    },
}

/// A part of a product, which has no parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Name(String),
    Named {
        #[serde(rename = "@id")]
        id: Option<String>,
        #[serde(default, deserialize_with = "null_is_default")]
        identifiers: BTreeMap<String, String>,
        #[serde(default, deserialize_with = "null_is_default")]
        hashes: BTreeMap<String, String>,
    },
}

/// Reads a document; `subjects` is what an attestation round it is about, for statements that name no product.
pub(super) fn read(bytes: &[u8], subjects: &[Component]) -> Result<Document> {
    let whole: Whole<'_> = parse(bytes)?;
    let (id, author) = (whole.id.unwrap_or_default(), whole.author.unwrap_or_default());
    let mut builder = Builder::new(Format::OpenVex, &id, &author, None);
    let issued = builder.time("timestamp", whole.timestamp.as_deref());
    builder.document.timestamp = builder.time("last_updated", whole.last_updated.as_deref()).max(issued);
    for (index, raw) in whole.statements.0.into_iter().enumerate() {
        let place = format!("statements[{index}]");
        match serde_json::from_str::<Wire>(raw.get()) {
            Ok(wire) => match wire.statement(&place, subjects, &mut builder) {
                Ok(statement) => builder.add(&place, statement)?,
                Err(what) => builder.complain(&place, &what),
            },
            Err(error) => builder.complain(&place, &shown(&error.to_string())),
        }
    }
    Ok(builder.finish())
}

impl Wire {
    fn statement(self, place: &str, subjects: &[Component], builder: &mut Builder) -> Result<Statement, String> {
        let status =
            Status::of(&self.status).ok_or_else(|| format!("the status `{}` is unknown", shown(&self.status)))?;
        if let Some(label) = &self.justification
            && !label.is_empty()
            && !JUSTIFICATIONS.contains(&label.as_str())
        {
            return Err(format!("the justification `{}` is unknown", shown(label)));
        }
        let (justification, impact) =
            (some_text(self.justification.as_deref()), some_text(self.impact_statement.as_deref()));
        if status == Status::NotAffected && justification.is_none() && impact.is_none() {
            return Err("it says `not_affected`, but not why".to_owned());
        }
        let timestamp = builder.time(place, self.timestamp.as_deref());
        let timestamp = builder.time(place, self.last_updated.as_deref()).max(timestamp);
        let common: Vec<Component> = self.subcomponents.0.into_iter().map(|item| item.split().0).collect();
        let named = self.products.0.len().max(subjects.len());
        if named.saturating_mul(common.len()) > PRODUCTS {
            return Err(format!("it has more than {PRODUCTS} products and parts of them"));
        }
        let mut products: Vec<Arc<Product>> = Vec::new();
        for item in self.products.0 {
            let (component, mut subcomponents) = item.split();
            subcomponents.extend(common.iter().cloned());
            products.push(Arc::new(Product { component, subcomponents }));
        }
        if products.is_empty() {
            products = subjects
                .iter()
                .map(|subject| Arc::new(Product { component: subject.clone(), subcomponents: common.clone() }))
                .collect();
        }
        Ok(Statement {
            ids: self.vulnerability.ids(),
            products,
            status,
            justification,
            impact,
            action: some_text(self.action_statement.as_deref()),
            timestamp,
        })
    }
}

impl Flaw {
    fn ids(self) -> Vec<String> {
        match self {
            Self::Name(name) => vec![name],
            Self::Named { id, name, aliases } => {
                // without a name, the end of an address such as `https://…/CVE-2024-1` is one
                let of_id = || id.and_then(|id| id.trim_end_matches('/').rsplit('/').next().map(str::to_owned));
                name.or_else(of_id).into_iter().chain(aliases.0).collect()
            }
        }
    }
}

impl Item {
    fn split(self) -> (Component, Vec<Component>) {
        match self {
            Self::Name(name) => (Component::named(&name), Vec::new()),
            Self::Named { id, identifiers, hashes, subcomponents } => {
                let parts = subcomponents.0.into_iter().map(Part::component).collect();
                (component(id.as_deref(), &identifiers, &hashes), parts)
            }
        }
    }
}

impl Part {
    fn component(self) -> Component {
        match self {
            Self::Name(name) => Component::named(&name),
            Self::Named { id, identifiers, hashes } => component(id.as_deref(), &identifiers, &hashes),
        }
    }
}

fn component(id: Option<&str>, identifiers: &BTreeMap<String, String>, hashes: &BTreeMap<String, String>) -> Component {
    let purl = identifiers.get("purl").map(String::as_str);
    let label = id.or(purl).or_else(|| identifiers.values().next().map(String::as_str)).unwrap_or_default();
    let mut component = Component::named(label);
    if let Some(purl) = purl {
        component.add(purl);
    }
    for (algorithm, hex) in hashes {
        component.add_hash(algorithm, hex);
    }
    component
}

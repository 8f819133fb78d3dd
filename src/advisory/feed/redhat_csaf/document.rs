//! What is read of Red Hat's documents, in the words of CSAF 2.0.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Document<'a> {
    #[serde(borrow, rename = "document")]
    pub(super) head: Head<'a>,
    #[serde(borrow, default)]
    pub(super) product_tree: Tree<'a>,
    #[serde(borrow, default)]
    pub(super) vulnerabilities: Vec<Flaw<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) aggregate_severity: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tracking: Tracking<'a>,
}

#[derive(Deserialize)]
pub(super) struct Text<'a> {
    #[serde(borrow)]
    pub(super) text: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Tracking<'a> {
    #[serde(borrow)]
    pub(super) current_release_date: Option<Cow<'a, str>>,
    /// `deleted` of a document that was taken back, and holds nothing else.
    #[serde(borrow)]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) initial_release_date: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
pub(super) struct Tree<'a> {
    #[serde(borrow, default)]
    pub(super) branches: Vec<Branch<'a>>,
    #[serde(borrow, default)]
    pub(super) relationships: Vec<Relationship<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Branch<'a> {
    #[serde(borrow, default)]
    pub(super) branches: Vec<Branch<'a>>,
    #[serde(borrow)]
    pub(super) product: Option<Product<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Product<'a> {
    #[serde(borrow)]
    pub(super) product_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) product_identification_helper: Option<Helper<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Helper<'a> {
    #[serde(borrow)]
    pub(super) cpe: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) purl: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Relationship<'a> {
    #[serde(borrow)]
    pub(super) full_product_name: ProductId<'a>,
    #[serde(borrow)]
    pub(super) product_reference: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) relates_to_product_reference: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct ProductId<'a> {
    #[serde(borrow)]
    pub(super) product_id: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Flaw<'a> {
    #[serde(borrow)]
    pub(super) cve: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) cwe: Option<Id<'a>>,
    #[serde(borrow, default)]
    pub(super) product_status: Status<'a>,
    #[serde(borrow, default)]
    pub(super) remediations: Vec<Remediation<'a>>,
    #[serde(borrow, default)]
    pub(super) scores: Vec<Score<'a>>,
    #[serde(borrow, default)]
    pub(super) threats: Vec<Threat<'a>>,
    #[serde(borrow)]
    pub(super) release_date: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Id<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
pub(super) struct Status<'a> {
    #[serde(borrow, default)]
    pub(super) fixed: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) known_affected: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) known_not_affected: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) under_investigation: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Remediation<'a> {
    #[serde(borrow)]
    pub(super) category: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) details: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) product_ids: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) url: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Score<'a> {
    #[serde(borrow, rename = "cvss_v4")]
    pub(super) v4: Option<Vector<'a>>,
    #[serde(borrow, rename = "cvss_v2")]
    pub(super) v2: Option<Vector<'a>>,
    #[serde(borrow, rename = "cvss_v3")]
    pub(super) v3: Option<Vector<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Vector<'a> {
    #[serde(borrow, rename = "vectorString")]
    pub(super) vector: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Threat<'a> {
    #[serde(borrow)]
    pub(super) category: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) details: Cow<'a, str>,
}

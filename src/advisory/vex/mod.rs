//! VEX: what makers of software say of flaws in it, such as that a package has one and the product is not affected.
//!
//! Read are `OpenVEX` 0.0.1 to 0.2.0 (<https://github.com/openvex/spec>), `vulnerabilities` of `CycloneDX` 1.4 and later
//! (ECMA-424), and CSAF 2.0 (OASIS, profile VEX), each also in an in-toto statement, a DSSE envelope or a Sigstore
//! bundle. Signatures are not checked. A statement that is not understood has no effect, and is told.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod component;
mod csaf;
mod cyclonedx;
mod envelope;
mod judge;
mod list;
mod load;
mod openvex;
pub mod purl;
pub mod reference;
#[cfg(test)]
mod tests;
mod vers;

use std::sync::Arc;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::limitation::Limitation;
use crate::time::Timestamp;

pub use component::{Component, Image, Product, Versions};
pub use judge::{Fitting, Hit, Judge, Judgement};
pub use load::{Loaded, load, of_attached};
pub use purl::Purl;
pub use reference::Reference;

/// Largest document, in bytes. Red Hat's about one flaw have up to 8 MiB.
pub const LARGEST: u64 = 16 << 20;
/// Statements of one document.
const STATEMENTS: usize = 100_000;
/// Products and parts of products that the statements of one document name, each as often as it is named.
const PRODUCTS: usize = 300_000;
/// Names of one flaw.
const IDS: usize = 1_000;
/// Longest name of a flaw, in bytes.
const LONGEST_ID: usize = 256;
/// Characters kept of a text that a person wrote.
const TEXT: usize = 2_000;
/// Complaints kept of one document; those beyond are counted.
const COMPLAINTS: usize = 50;

/// The labels that `OpenVEX` and CSAF have for why something is not affected.
pub const JUSTIFICATIONS: &[&str] = &[
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it calls itself; may be empty.
    pub id: String,
    /// Who says it; may be empty. Nobody vouches for it.
    pub author: String,
    /// When it was issued or last updated.
    pub timestamp: Option<Timestamp>,
    /// How it is written.
    pub format: Format,
    /// The file or the artifact it is from, escaped.
    pub place: String,
    /// What it says, in its order.
    pub statements: Vec<Statement>,
    /// What of it was not understood, or names nothing that could be found.
    pub complaints: Complaints,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `OpenVEX`.
    OpenVex,
    /// `CycloneDX`.
    CycloneDx,
    /// CSAF.
    Csaf,
}

/// What one says of a flaw in some products.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The names of the flaw, aliases among them; never empty.
    pub ids: Vec<String>,
    /// What it is about; one is enough. Shared, as documents name the same ones over and over.
    pub products: Vec<Arc<Product>>,
    /// What it says.
    pub status: Status,
    /// Why a product is not affected: a label of the format.
    pub justification: Option<String>,
    /// The same in words.
    pub impact: Option<String>,
    /// What to do about it.
    pub action: Option<String>,
    /// Since when it is true; the document's own time where it has none.
    pub timestamp: Option<Timestamp>,
}

/// The states that VEX knows; where a document contradicts itself, the last of these holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The flaw does no harm in the product.
    NotAffected,
    /// It did, and was mended.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It does harm.
    Affected,
}

impl Status {
    /// Every state with its word in `OpenVEX`.
    const WORDS: &[(Self, &str)] = &[
        (Self::NotAffected, "not_affected"),
        (Self::Fixed, "fixed"),
        (Self::UnderInvestigation, "under_investigation"),
        (Self::Affected, "affected"),
    ];

    /// The word in `OpenVEX` and in reports.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(status, _)| *status == self).map_or("", |(_, word)| word)
    }

    /// The state of a word in `OpenVEX`.
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(status, _)| *status)
    }

    /// Whether a flaw in this state does not count against an image.
    pub fn suppresses(self) -> bool {
        matches!(self, Self::NotAffected | Self::Fixed)
    }
}

impl Format {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenVex => "OpenVEX",
            Self::CycloneDx => "CycloneDX",
            Self::Csaf => "CSAF",
        }
    }
}

/// What of a document has no effect: the first of it, and how much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaints {
    kept: Vec<String>,
    count: usize,
}

impl Complaints {
    /// Adds one: where, and what is wrong there.
    fn add(&mut self, place: &str, what: &str) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < COMPLAINTS {
            self.kept.push(format!("`{place}`: {what}"));
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first ones.
    pub fn kept(&self) -> &[String] {
        &self.kept
    }
}

impl Document {
    /// What a report says about what of it was not understood. Since findings stay as they are without it,
    /// these are notes.
    pub fn limitations(&self) -> Vec<Limitation> {
        let note = |what: String| {
            Limitation::note("vex-not-understood", self.place.clone(), what)
                .help("the statement has no effect; ask whoever wrote the document")
        };
        let mut notes: Vec<Limitation> = self.complaints.kept.iter().cloned().map(note).collect();
        let beyond = self.complaints.count.saturating_sub(self.complaints.kept.len());
        if beyond > 0 {
            notes.push(note(format!("{beyond} more of its statements or products have no effect")));
        }
        notes
    }
}

/// Reads a document of any kind; `place` is the file or artifact it is from.
pub fn read(bytes: &[u8], place: &str) -> Result<Document> {
    match read_attached(bytes, place)? {
        Some(document) => Ok(document),
        None => Err(unknown().at(escape(place))),
    }
}

/// Reads a document that was found beside others: `None` for one that is plainly of another kind.
pub fn read_attached(bytes: &[u8], place: &str) -> Result<Option<Document>> {
    let place = escape(place);
    if bytes.len() as u64 > LARGEST {
        return Err(too_much(format!("the VEX document is larger than {}", crate::size::ByteSize(LARGEST))).at(place));
    }
    let content = envelope::open(bytes).map_err(|error| error.at(place.clone()))?;
    let read = match content.kind {
        envelope::Kind::OpenVex => openvex::read(&content.bytes, &content.subjects).map(Some),
        envelope::Kind::CycloneDx => cyclonedx::read(&content.bytes).map(Some),
        envelope::Kind::Csaf => csaf::read(&content.bytes).map(Some),
        envelope::Kind::Other => Ok(None),
    };
    let read = read.map_err(|error| error.at(place.clone()))?;
    Ok(read.map(|document| Document { place, ..document }))
}

/// A document in the making, within its caps.
struct Builder {
    document: Document,
    products: usize,
}

impl Builder {
    fn new(format: Format, id: &str, author: &str, timestamp: Option<Timestamp>) -> Self {
        let document = Document {
            id: text(id),
            author: text(author),
            timestamp,
            format,
            place: String::new(),
            statements: Vec::new(),
            complaints: Complaints::default(),
        };
        Self { document, products: 0 }
    }

    fn complain(&mut self, place: &str, what: &str) {
        self.document.complaints.add(place, what);
    }

    /// Adds a statement, its products that have no name that is understood left out and told.
    fn add(&mut self, place: &str, mut statement: Statement) -> Result<()> {
        let has_id = statement.ids.iter().any(|id| !id.trim().is_empty());
        if !has_id || statement.ids.len() > IDS || statement.ids.iter().any(|id| id.len() > LONGEST_ID) {
            self.complain(place, "it names no flaw, or by too many or too long names");
            return Ok(());
        }
        statement.ids.retain(|id| !id.trim().is_empty());
        for product in &statement.products {
            let parts = product.subcomponents.len().saturating_add(1);
            self.products = self.products.saturating_add(parts);
        }
        if self.products > PRODUCTS || self.document.statements.len() >= STATEMENTS {
            return Err(too_much(format!(
                "the VEX document has more than {STATEMENTS} statements, or names more than {PRODUCTS} products"
            )));
        }
        let is_found = |product: &Arc<Product>| {
            product.component.is_known()
                && (product.subcomponents.is_empty() || product.subcomponents.iter().any(Component::is_known))
        };
        let complaints = &mut self.document.complaints;
        statement.products.retain(|product| {
            let is_found = is_found(product);
            if !is_found {
                let label = &product.component.label;
                complaints.add(place, &format!("nothing can be found by what it says of the product `{label}`"));
            }
            is_found
        });
        if statement.products.is_empty() {
            self.complain(place, "it names no product");
            return Ok(());
        }
        statement.timestamp = statement.timestamp.or(self.document.timestamp);
        self.document.statements.push(statement);
        Ok(())
    }

    /// Reads a time; one that is none is told and counts as not given.
    fn time(&mut self, place: &str, text: Option<&str>) -> Option<Timestamp> {
        let text = text?;
        let time = text.trim().parse().ok();
        if time.is_none() {
            self.complain(place, &format!("`{}` is no time", shown(text)));
        }
        time
    }

    fn finish(self) -> Document {
        self.document
    }
}

fn unknown() -> Error {
    Error::malformed("this is no VEX document that careen reads")
        .help("these are OpenVEX, CycloneDX with `vulnerabilities`, and CSAF, in JSON, bare or in an attestation")
}

/// Parses a whole document.
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| Error::malformed("the VEX document is broken").because(e))
}

/// Input beyond what is ever read of VEX documents; no limit of the command line changes it.
fn too_much(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Limit, message).help("this cannot be changed: split the VEX document")
}

/// A text that a person wrote, cut where it is very long.
fn text(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A text that there may be, or nothing.
fn some_text(given: Option<&str>) -> Option<String> {
    given.map(text).filter(|text| !text.is_empty())
}

/// A few words of a document, fit to stand in a message.
fn shown(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", escape(text.get(..end).unwrap_or_default())),
        None => escape(text),
    }
}

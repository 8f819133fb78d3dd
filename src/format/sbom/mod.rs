//! Bills of materials, read: CycloneDX in JSON (specification 1.2 to 1.7), SPDX 2.2 and 2.3 in JSON and tag-value,
//! SPDX 3.0 in JSON-LD, and careen's own report, which lists packages too.
//!
//! A component that is not understood costs itself. What the format has no field for is read by careen's own names.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod cyclonedx;
mod parts;
mod report;
mod spdx2;
mod spdx3;
mod tag_value;
pub mod word;

pub use parts::path_of;

use serde::de::SeqAccess;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::limitation::Limitation;
use crate::path::ImagePath;

/// Largest document. Those of images with every file listed have 100 MiB; SPDX 3 takes 1 KiB for a package.
pub const LARGEST: u64 = 1 << 30;
/// Bytes from the beginning of a file in which its kind is sought.
pub const HEAD: usize = 64 << 10;
/// Components or packages of one document.
const PARTS: usize = 1_000_000;
/// Entries of one list of a document, of which few bytes make many.
const ENTRIES: usize = 8_000_000;
/// Bytes of one entry, which take many times as much when they are understood.
const LARGEST_ENTRY: usize = 256 << 20;
/// The versions of each kind that are known, as first and last minor numbers.
const CYCLONEDX: Known = Known { kind: "CycloneDX", major: 1, minors: (2, 7) };
const SPDX_2: Known = Known { kind: "SPDX", major: 2, minors: (2, 3) };
const SPDX_3: Known = Known { kind: "SPDX", major: 3, minors: (0, 0) };

/// What a document lists.
#[derive(Debug, Default)]
pub struct Bill {
    /// What it is about.
    pub subject: Subject,
    /// Its packages, as they come.
    pub parts: Vec<Part>,
    /// Packages of lower layers and the layer that took each away. Only careen's own report lists them: in a bill of
    /// materials others would take them for packages that are there.
    pub removed: Vec<(Part, u32)>,
    /// What it says was not read, and what of it was not understood.
    pub limitations: Vec<Limitation>,
}

/// The image that a document is about, as far as it says.
#[derive(Debug, Default)]
pub struct Subject {
    /// Its names.
    pub names: Vec<String>,
    /// Digest of its manifest.
    pub digest: Option<String>,
    /// Digest of its configuration.
    pub config_digest: Option<String>,
    /// Such as `linux/amd64`.
    pub platform: Option<String>,
    /// When it was made, in RFC 3339.
    pub created: Option<String>,
    /// `ID`, `VERSION_ID` and name of the distribution.
    pub distro: Option<(String, String, String)>,
    /// Its layers, oldest first.
    pub layers: Vec<BillLayer>,
}

/// A layer, as a document describes it.
#[derive(Debug, Clone, Default)]
pub struct BillLayer {
    /// Digest of the blob.
    pub digest: Option<String>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<String>,
    /// Uncompressed bytes.
    pub size: Option<u64>,
    /// The build step that made it.
    pub created_by: Option<String>,
    /// `base` or `app`.
    pub origin: Option<String>,
}

/// A package.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Package URL; never empty.
    pub purl: String,
    /// As its manager spells it.
    pub name: String,
    /// May be empty.
    pub version: String,
    /// Whether careen wrote it, so that what it does not say is not so. What others write says more in its purl.
    pub is_own: bool,
    /// Id of the ecosystem, where that is not the purl's type.
    pub ecosystem: Option<String>,
    /// Whether a file only asks for it.
    pub is_declared: bool,
    /// Whether a verdict is not to count it.
    pub is_uncounted: bool,
    /// `medium` or `low`.
    pub confidence: Option<String>,
    /// The name of a file that proves it.
    pub proof_name: Option<String>,
    /// The text in a program that proves it.
    pub proof_text: Option<String>,
    /// Architecture.
    pub architecture: Option<String>,
    /// Who packaged it.
    pub packager: Option<String>,
    /// Name of the source package.
    pub source_name: Option<String>,
    /// Its version.
    pub source_version: Option<String>,
    /// Where other programs say them apart from that, its release and its epoch.
    pub source_release: Option<String>,
    /// See [`Self::source_release`].
    pub source_epoch: Option<String>,
    /// Licence, as declared.
    pub licence: Option<String>,
    /// The expression that it means, where the document says both; empty if it says that it means none.
    pub expression: Option<String>,
    /// SHA-1 of its archive.
    pub sha1: Option<[u8; 20]>,
    /// Index in [`Bill::parts`] of the system package it is part of.
    pub owner: Option<usize>,
    /// Indices in [`Bill::parts`] of those it needs.
    pub dependencies: Vec<usize>,
    /// Files that prove it.
    pub places: Vec<Place>,
}

/// A file that proves a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In the image.
    pub path: ImagePath,
    /// The member of that file.
    pub inside: Option<String>,
    /// The layer that brought the package.
    pub layer: u32,
    /// The layer whose copy of the file is live.
    pub live_layer: u32,
}

/// Whether a file that begins so seems to be a bill of materials.
pub fn sniffs(head: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    match without_mark(head).trim_ascii_start().first() {
        Some(b'{') => {
            (has("\"bomFormat\"") && has("\"CycloneDX\""))
                || has("\"spdxVersion\"")
                || has("spdx-context.jsonld")
                || has("\"careen.report/1\"")
                || has("\"careen.reports/1\"")
        }
        _ => without_mark(head).split(|byte| *byte == b'\n').any(|line| line.starts_with(b"SPDXVersion:")),
    }
}

/// Reads a document of any kind.
pub fn read(bytes: &[u8]) -> Result<Bill> {
    let bytes = without_mark(bytes);
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return if sniffs(bytes) { tag_value::read(bytes) } else { Err(unknown()) };
    }
    let probe: Probe = parse(bytes)?;
    let word = |raw: Option<&RawValue>| raw.and_then(value).and_then(|value| value.as_str().map(str::to_owned));
    if word(probe.bom_format).as_deref() == Some("CycloneDX") {
        let odd = CYCLONEDX.check(&word(probe.spec_version).unwrap_or_default())?;
        Ok(with(cyclonedx::read(bytes)?, odd))
    } else if let Some(version) = word(probe.spdx_version) {
        let odd = SPDX_2.check(version.trim_start_matches("SPDX-"))?;
        Ok(with(spdx2::read(bytes)?, odd))
    } else if probe.graph.is_some() {
        spdx3::read(bytes)
    } else {
        match word(probe.schema).as_deref() {
            Some("careen.report/1" | "careen.reports/1") => report::read(bytes),
            _ => Err(unknown()),
        }
    }
}

/// The fields by which JSON documents are told apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(borrow)]
    bom_format: Option<&'a RawValue>,
    #[serde(borrow)]
    spec_version: Option<&'a RawValue>,
    #[serde(borrow)]
    spdx_version: Option<&'a RawValue>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    #[serde(rename = "@graph")]
    graph: Option<serde::de::IgnoredAny>,
}

/// A kind of document, and its versions that are known.
struct Known {
    kind: &'static str,
    major: u32,
    minors: (u32, u32),
}

impl Known {
    /// Refuses other major versions, and says of other minor ones that something may be missed.
    fn check(&self, version: &str) -> Result<Option<Limitation>> {
        let Self { kind, major, minors: (first, last) } = self;
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let minor = match (numbers.next(), numbers.next()) {
            (Some(Ok(found)), Some(Ok(minor))) if found == *major => minor,
            _ => {
                let shown = crate::escape::escape(version);
                return Err(Error::malformed(format!("{kind} of the version `{shown}` is not read"))
                    .help("careen reads CycloneDX 1.2 to 1.7, and SPDX 2.2, 2.3 and 3.0"));
            }
        };
        if (*first..=*last).contains(&minor) {
            return Ok(None);
        }
        let range =
            if first == last { format!("{major}.{first}") } else { format!("{major}.{first} to {major}.{last}") };
        let what = format!("it is {kind} {major}.{minor}, and {range} are known; parts of it may be missed");
        let help = "make the bill of materials in a version that is known, or scan the image itself";
        Ok(Some(Limitation::gap("sbom-version", "", what).help(help)))
    }
}

fn with(mut bill: Bill, limitation: Option<Limitation>) -> Bill {
    bill.limitations.extend(limitation);
    bill
}

/// Input beyond what is ever read of a bill of materials; no limit of the command line changes it.
pub fn too_much(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Limit, message)
        .help("this cannot be changed: split the bill of materials, or scan the image itself")
}

/// A list whose entries are not yet understood, and not too many.
#[derive(Default)]
struct Entries<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
                Ok(Entries::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element::<&RawValue>()? {
                    if entries.len() >= ENTRIES {
                        return Err(serde::de::Error::custom(format!("a list has more than {ENTRIES} entries")));
                    }
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// An entry, if it is good JSON, not nested too deep, and not too large.
fn value(raw: &RawValue) -> Option<Value> {
    if raw.get().len() > LARGEST_ENTRY {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

fn unknown() -> Error {
    Error::malformed("this is no bill of materials that careen reads")
        .help("these are CycloneDX in JSON, SPDX in JSON or tag-value, and careen's own JSON report")
}

/// Parses a whole document.
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| Error::malformed("the bill of materials is broken").because(e))
}

/// The bytes without a byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A text field, if it is one.
fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// A list field; empty if it is none.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;

//! What VEX documents come wrapped in: Sigstore bundles, DSSE envelopes
//! (<https://github.com/secure-systems-lab/dsse>), in-toto statements (attestation framework, v0.1 and v1).
//!
//! Signatures are not checked here or anywhere: an envelope says no more than its content does.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::format::base64;

use super::component::Component;
use super::list::Several;
use super::parse;

/// Wrappings within wrappings. A bundle has three, and cosign adds one.
const DEPTH: usize = 6;
/// Subjects of an attestation.
const SUBJECTS: usize = 1_000;

/// What is left when all wrappings are off.
pub(super) struct Content<'a> {
    pub(super) kind: Kind,
    pub(super) bytes: Cow<'a, [u8]>,
    /// What the attestation is about; empty without one.
    pub(super) subjects: Vec<Component>,
}

/// What a document is, told by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    OpenVex,
    CycloneDx,
    Csaf,
    /// Something else, such as provenance.
    Other,
}

/// The fields by which documents are told apart, and those of wrappings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(rename = "@context", borrow)]
    context: Option<&'a RawValue>,
    statements: Option<IgnoredAny>,
    #[serde(borrow)]
    bom_format: Option<&'a RawValue>,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    #[serde(borrow)]
    dsse_envelope: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    payload_type: Option<IgnoredAny>,
    #[serde(borrow)]
    predicate: Option<&'a RawValue>,
    predicate_type: Option<IgnoredAny>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    /// What cosign puts round predicates that it does not know.
    #[serde(rename = "Data", borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Subject {
    name: Option<String>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Takes off all wrappings.
pub(super) fn open(bytes: &[u8]) -> Result<Content<'_>> {
    let mut bytes = Cow::Borrowed(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut subjects = Vec::new();
    for _ in 0..DEPTH {
        let next: Option<Vec<u8>> = {
            let probe: Probe<'_> = parse(&bytes)?;
            if let Some(kind) = probe.kind() {
                return Ok(Content { kind, bytes, subjects });
            }
            if let Some(envelope) = probe.dsse_envelope {
                Some(envelope.get().as_bytes().to_vec())
            } else if let (Some(payload), Some(_)) = (probe.payload, probe.payload_type) {
                let broken = || Error::malformed("the payload of the envelope is no base64");
                let text: String = serde_json::from_str(payload.get()).map_err(|_| broken())?;
                Some(base64::decode(text.trim().as_bytes()).ok_or_else(broken)?)
            } else if let (Some(predicate), Some(_)) = (probe.predicate, probe.predicate_type) {
                let listed: Several<Subject> = match probe.subject {
                    Some(raw) => serde_json::from_str(raw.get())
                        .map_err(|e| Error::malformed("the subject of the attestation is not understood").because(e))?,
                    None => Several::default(),
                };
                subjects = listed.0.into_iter().take(SUBJECTS).map(Subject::component).collect();
                Some(predicate.get().as_bytes().to_vec())
            } else if let Some(data) = probe.data {
                let text = serde_json::from_str::<String>(data.get());
                Some(text.map_or_else(|_| data.get().as_bytes().to_vec(), String::into_bytes))
            } else {
                None
            }
        };
        match next {
            Some(next) => bytes = Cow::Owned(next),
            None => break,
        }
    }
    Ok(Content { kind: Kind::Other, bytes, subjects })
}

impl Probe<'_> {
    fn kind(&self) -> Option<Kind> {
        let has = |raw: Option<&RawValue>, words: &str| raw.is_some_and(|raw| raw.get().contains(words));
        if has(self.bom_format, "CycloneDX") {
            Some(Kind::CycloneDx)
        } else if has(self.document, "\"csaf_version\"") {
            Some(Kind::Csaf)
        } else if self.statements.is_some() && has(self.context, "openvex") {
            Some(Kind::OpenVex)
        } else {
            None
        }
    }
}

impl Subject {
    fn component(self) -> Component {
        let name = self.name.unwrap_or_default();
        let mut component = Component::named(&name);
        for (algorithm, hex) in &self.digest {
            component.add_hash(algorithm, hex);
        }
        component
    }
}

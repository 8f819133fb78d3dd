//! The JSON report (`docs/formats/report.schema.json`) as it is read back: what judging needs, and nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::finding::Visibility;
use crate::inventory::{Base, Origin};
use crate::policy::{Action, Outcome, SettingFacts};
use crate::rule::{Confidence, Severity};
use crate::time::Timestamp;

/// What tells one kind of file from another.
#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    pub(super) schema: String,
    #[serde(default)]
    pub(super) outcome: String,
}

#[derive(Deserialize)]
pub(super) struct Several {
    pub(super) reports: Vec<WireReport>,
}

#[derive(Deserialize)]
pub(super) struct WireReport {
    pub(super) schema: String,
    pub(super) outcome: Outcome,
    pub(super) target: Target,
    pub(super) verdict: Verdict,
    #[serde(default)]
    pub(super) packages: Vec<Package>,
    pub(super) findings: Vec<WireFinding>,
    #[serde(default)]
    pub(super) limitations: Vec<WireLimitation>,
}

#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) reference: String,
    #[serde(default)]
    pub(super) source: String,
    pub(super) platform: Option<String>,
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) distro_id: Option<String>,
    pub(super) distro_version: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) base: Option<Base>,
    #[serde(default)]
    pub(super) size: u64,
    pub(super) facts: Option<SettingFacts>,
    #[serde(default)]
    pub(super) layers: Vec<Layer>,
}

#[derive(Deserialize)]
pub(super) struct Layer {
    pub(super) index: u32,
    #[serde(default)]
    pub(super) origin: Origin,
}

#[derive(Deserialize)]
pub(super) struct Verdict {
    #[serde(default)]
    pub(super) edition: String,
    pub(super) reason: String,
    #[serde(default)]
    pub(super) ignored: usize,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) purl: String,
    #[serde(default)]
    pub(super) r#type: String,
    pub(super) licence: Option<Licence>,
    #[serde(default)]
    pub(super) counted: bool,
    pub(super) removed_in_layer: Option<u32>,
    #[serde(default)]
    pub(super) locations: Vec<PackageLocation>,
}

#[derive(Deserialize)]
pub(super) struct Licence {
    pub(super) declared: String,
    pub(super) expression: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PackageLocation {
    pub(super) path: String,
    #[serde(default)]
    pub(super) layer: u32,
}

#[derive(Deserialize)]
pub(super) struct WireFinding {
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) severity: Severity,
    pub(super) priority: Option<u32>,
    pub(super) confidence: Confidence,
    pub(super) message: String,
    pub(super) subject: String,
    pub(super) location: WireLocation,
    pub(super) origin: Option<Origin>,
    pub(super) visibility: Visibility,
    pub(super) removed_in_layer: Option<u32>,
    #[serde(default)]
    pub(super) evidence: BTreeMap<String, Value>,
    pub(super) action: Action,
    #[serde(default)]
    pub(super) decided_by: String,
    pub(super) decided_at: Option<String>,
    pub(super) waiver: Option<Waiver>,
    #[serde(default)]
    pub(super) fixable: bool,
}

#[derive(Deserialize)]
pub(super) struct Waiver {
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) place: String,
    pub(super) status: Option<String>,
    pub(super) justification: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum WireLocation {
    File { path: String, layer: u32, start_line: Option<u64>, end_line: Option<u64> },
    Config { key: Option<String> },
    History { layer: Option<u32>, key: String, history_index: u32 },
    Package { path: String, layer: u32, purl: String },
    Dockerfile { path: String, start_line: u64, start_column: u64, end_line: u64, end_column: u64 },
}

#[derive(Deserialize)]
pub(super) struct WireLimitation {
    pub(super) code: String,
    #[serde(default)]
    pub(super) what: String,
    #[serde(default)]
    pub(super) place: String,
    #[serde(default)]
    pub(super) help: String,
    pub(super) incomplete: bool,
}

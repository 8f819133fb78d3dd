//! What a worker tells of a scan besides the reports: what lists and pages show without reading a report.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Again, Error, ErrorKind};
use crate::output::clean;
use crate::policy::{Action, Judged, Outcome};
use crate::report::Report;
use crate::rule::Severity;
use crate::time::Timestamp;

/// Findings listed of one image, the first in the report's order; the others are counted.
const MOST_ROWS: usize = 10_000;

/// Longest text of a row, in characters.
const LONGEST_TEXT: usize = 1_000;

/// One scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// What the worker could not do while it scanned.
    pub confinement: Confinement,
    /// Digest of all that judged, as this version of careen holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// One for each image: several where a reference is an index and all platforms were asked for.
    pub images: Vec<ImageSummary>,
}

/// What was taken from a worker by Landlock before it read anything of the image; tried, not believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// It could read only what it needs, and write nothing.
    pub files: bool,
    /// It could connect only to the ports of the registry, and listen on none.
    pub network: bool,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSummary {
    /// The reference as it was asked for.
    pub reference: String,
    /// Digest of the manifest.
    pub digest: Option<Digest>,
    /// Digest of the configuration.
    pub config_digest: Option<Digest>,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// Id and version of the distribution: `debian 12`.
    pub distro: Option<String>,
    /// When it was made, as its configuration says.
    pub created: Option<Timestamp>,
    /// Uncompressed bytes of all layers.
    pub size: u64,
    /// Layers.
    pub layers: usize,
    /// Packages.
    pub packages: usize,
    /// The outcome.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub reason: String,
    /// Names of the policies that judged.
    pub policies: Vec<String>,
    /// Findings by severity and by what the policy says of them; those that waivers accept apart.
    pub counts: Vec<Count>,
    /// Findings that the policy ignores; they are in no count and no row.
    pub ignored: usize,
    /// Whether something was not read, or could not be judged and the policy minds that.
    pub has_gaps: bool,
    /// Codes of what was not read, with how often.
    pub gaps: BTreeMap<String, usize>,
    /// All limitations, notes included.
    pub limitations: usize,
    /// Findings, gravest first.
    pub findings: Vec<Row>,
    /// How many more there are.
    pub left_out: usize,
    /// Labels that lead to the code it was made of, as it says: `CODE`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Labels that lead to an image's code (image-spec, "Pre-Defined Annotation Keys").
const CODE: &[&str] = &["org.opencontainers.image.revision", "org.opencontainers.image.source"];

/// How many findings are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// How bad.
    pub severity: Severity,
    /// What the policy says, or would without the waiver.
    pub action: Action,
    /// Whether a waiver accepts them.
    pub is_waived: bool,
    /// How many.
    pub findings: usize,
}

/// One finding. Texts are masked and escaped, and cut where they are very long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Id of its rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// What the policy says, or would without the waiver.
    pub action: Action,
    /// Whether a waiver accepts it.
    pub is_waived: bool,
    /// 32 hexadecimal digits, the same in every scan that finds it.
    pub fingerprint: String,
    /// What it is about: a path, a package URL, a user's name.
    pub subject: String,
    /// The rule's title.
    pub title: String,
    /// What is wrong here.
    pub message: String,
    /// Package URL of the package that it is about.
    pub package: Option<String>,
    /// The version that mends it.
    pub fixed: Option<String>,
    /// Ids of the flaw: CVE, GHSA and others.
    pub ids: Vec<String>,
    /// The layer it is in, from 0.
    pub layer: Option<u32>,
    /// Whether a known action mends it without a change of behaviour.
    pub is_fixable: bool,
}

impl ImageSummary {
    /// Whether layers were not read that another try may bring: their bytes did not come, or others than there should.
    pub fn is_worth_another_try(&self) -> bool {
        ["layer-unreadable", "layer-size-mismatch", "layer-digest-mismatch"]
            .iter()
            .any(|code| self.gaps.contains_key(*code))
    }

    /// Sums up a report.
    pub(super) fn of(report: &Report) -> Self {
        let target = &report.target;
        let mut counts: BTreeMap<(Severity, Action, bool), usize> = BTreeMap::new();
        for judged in &report.findings {
            let key = (judged.finding.severity, judged.action, judged.waiver.is_some());
            *counts.entry(key).or_default() += 1;
        }
        let count = |((severity, action, is_waived), findings)| Count { severity, action, is_waived, findings };
        let mut gaps: BTreeMap<String, usize> = BTreeMap::new();
        for limitation in report.limitations.iter().filter(|limitation| limitation.is_gap) {
            *gaps.entry(limitation.code.to_owned()).or_default() += 1;
        }
        let distro = target.distro.as_ref().map(|distro| format!("{} {}", distro.id, distro.version_id));
        Self {
            reference: target.reference.clone(),
            digest: target.digest.clone(),
            config_digest: target.config_digest.clone(),
            platform: target.platform.as_ref().map(|platform| crop(&clean(&platform.to_string()))),
            distro: distro.map(|distro| crop(clean(&distro).trim_end())),
            created: target.created,
            size: target.size.bytes(),
            layers: target.layers.len(),
            packages: report.packages.len(),
            outcome: report.verdict.outcome,
            reason: crop(&report.verdict.reason),
            policies: report.verdict.policies.clone(),
            counts: counts.into_iter().rev().map(count).collect(),
            ignored: report.verdict.ignored,
            has_gaps: report.has_gaps(),
            gaps,
            limitations: report.limitations.len(),
            findings: report.findings.iter().take(MOST_ROWS).map(Row::of).collect(),
            left_out: report.findings.len().saturating_sub(MOST_ROWS),
            labels: code_labels(report),
        }
    }
}

fn code_labels(report: &Report) -> BTreeMap<String, String> {
    let config = report.target.facts.as_ref().and_then(|facts| facts.config.as_ref());
    let labels = config.iter().flat_map(|config| CODE.iter().filter_map(|name| config.labels.get_key_value(*name)));
    labels.map(|(name, value)| (name.clone(), crop(&clean(value)))).collect()
}

impl Row {
    fn of(judged: &Judged) -> Self {
        let finding = &judged.finding;
        let text = |key: &str| finding.evidence.get(key).and_then(|value| value.as_str());
        let ids = finding.evidence.get("ids").and_then(|ids| ids.as_array()).map(Vec::as_slice).unwrap_or_default();
        Self {
            rule: finding.rule.id.to_owned(),
            severity: finding.severity,
            action: judged.action,
            is_waived: judged.waiver.is_some(),
            fingerprint: finding.fingerprint(),
            subject: crop(&clean(&finding.subject)),
            title: finding.rule.title.to_owned(),
            message: crop(&clean(&finding.message)),
            package: finding.purl().map(|purl| crop(&clean(purl))),
            fixed: text("fixed").map(|fixed| crop(&clean(fixed))),
            ids: ids.iter().take(20).filter_map(|id| Some(crop(&clean(id.as_str()?)))).collect(),
            layer: finding.layer(),
            is_fixable: finding.is_fixable,
        }
    }
}

/// Why a scan could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The word of its kind.
    kind: String,
    /// What failed; secrets are masked.
    pub message: String,
    /// The image, layer, file or host concerned.
    pub place: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the same may go well later.
    pub is_transient: bool,
    /// The seconds that the registry asked to wait.
    retry_after: Option<u64>,
}

impl Failure {
    /// What an error tells, whose secrets are masked already.
    pub(super) fn of(error: &Error) -> Self {
        let safe = |text: &String| crop(&clean(text));
        Self {
            kind: error.kind.as_str().to_owned(),
            message: crop(&clean(&error.to_string())),
            place: error.place.as_ref().map(safe),
            help: error.help.as_ref().map(safe),
            is_transient: error.again.is_some(),
            retry_after: error.again.and_then(Again::wait).map(|wait| wait.as_secs()),
        }
    }

    /// The kind; a word that is none is a defect.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::named(&self.kind).unwrap_or(ErrorKind::Internal)
    }

    /// The wait that the registry asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after.map(Duration::from_secs)
    }
}

fn crop(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_an_image_steer_nothing_and_are_cut() {
        let cases = [
            ("a\\nb", "a\\nb".to_owned()),
            ("a\nb\u{1b}[2J", "a\\nb\\x1b[2J".to_owned()),
            (&*"x".repeat(2_000), "x".repeat(LONGEST_TEXT) + "…"),
        ];
        for (raw, expected) in cases {
            assert_eq!(crop(&clean(raw)), expected);
        }
    }

    #[test]
    fn failures_say_whether_to_come_again() {
        let of = |error: &Error| Failure::of(error);
        let late = Error {
            again: Some(Again::after(Some(Duration::from_secs(7)))),
            ..Error::new(ErrorKind::Network, "no\nanswer").at("r.example")
        };
        let written = serde_json::to_vec(&of(&late)).expect("JSON");
        let read: Failure = serde_json::from_slice(&written).expect("a failure");
        assert_eq!((read.kind(), read.message.as_str(), read.is_transient), (ErrorKind::Network, "no\\nanswer", true));
        assert_eq!((read.retry_after(), read.place.as_deref()), (Some(Duration::from_secs(7)), Some("r.example")));
        let lasting = of(&Error::new(ErrorKind::NotFound, "gone"));
        assert!(!lasting.is_transient && lasting.retry_after().is_none());
        assert!(ErrorKind::ALL.iter().all(|kind| ErrorKind::named(kind.as_str()) == Some(*kind)));
    }
}

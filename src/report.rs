//! The report: what every output format is made from. It knows nothing of the image but what it shows.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::finding::Finding;
use crate::image::Platform;
use crate::inventory::{Base, Distro, Origin, Package};
use crate::limitation::Limitation;
use crate::policy::{Action, Judged, Outcome, SettingFacts, Verdict};
use crate::secret;
use crate::size::ByteSize;
use crate::time::Timestamp;

/// Version of the JSON report. Raised when a field changes its meaning or goes.
pub const SCHEMA: &str = "careen.report/1";

/// Schema of a file that holds the reports of several images.
pub const SCHEMA_OF_SEVERAL: &str = "careen.reports/1";

/// One scan of one image.
#[derive(Debug)]
pub struct Report {
    /// Version of careen.
    pub version: &'static str,
    /// What was scanned.
    pub target: TargetSummary,
    /// The outcome and its reasons.
    pub verdict: Verdict,
    /// Installed and declared packages, sorted by purl.
    pub packages: Vec<Package>,
    /// Packages of lower layers that a later one took away, sorted by purl.
    pub removed: Vec<Package>,
    /// Findings, gravest first, then by rule, subject and place; ignored ones left out.
    pub findings: Vec<Judged>,
    /// What was not read, sorted.
    pub limitations: Vec<Limitation>,
    /// What the findings were made from: rule set, end-of-life dates and their day.
    pub data: BTreeMap<&'static str, serde_json::Value>,
    /// What `SOURCE_DATE_EPOCH` says: the time that bills of materials carry in place of the image's own.
    pub source_date: Option<Timestamp>,
}

impl Report {
    /// Whether something was not read, or could not be judged and the policy minds that.
    pub fn has_gaps(&self) -> bool {
        // what a policy asks for may make a gap of a note
        self.verdict.outcome == Outcome::Incomplete
            || self.limitations.iter().any(|limitation| limitation.is_gap)
            || self.findings.iter().any(Judged::is_gap)
    }
}

/// Keeps of each rule at most `most` findings that the policy treats alike, the first in order, and
/// tells how many were left out. They were judged: the verdict counts them. Of flaws of packages it keeps fifty
/// times as many, since each is another flaw that somebody must look at.
pub fn shorten(findings: &mut Vec<Judged>, most: usize) -> Vec<Limitation> {
    let mut counts: BTreeMap<(&'static str, Action, bool), usize> = BTreeMap::new();
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    findings.retain(|judged| {
        let rule = judged.finding.rule.id;
        let count = counts.entry((rule, judged.action, judged.waiver.is_some())).or_default();
        *count = count.saturating_add(1);
        let is_kept = *count <= if judged.finding.rule.family() == "package" { most.saturating_mul(50) } else { most };
        if !is_kept {
            *left_out.entry(rule).or_default() += 1;
        }
        is_kept
    });
    let limitation = |(rule, count)| {
        let what = format!("{count} more findings of `{rule}` were judged and counted, but are not listed");
        let help = "those listed are the gravest; `--limit findings-per-rule=N` lists more";
        Limitation::note("findings-not-listed", rule, what).help(help)
    };
    left_out.into_iter().map(limitation).collect()
}

/// Masks secrets in what a policy adds to a finding.
pub fn mask(judged: &mut Judged) {
    let waiver = judged.waiver.iter_mut().flat_map(|waiver| {
        let more = waiver.owner.iter_mut().chain(&mut waiver.ticket).chain(&mut waiver.justification);
        [&mut waiver.reason, &mut waiver.place].into_iter().chain(more)
    });
    for text in waiver.chain(&mut judged.note) {
        *text = secret::mask_text(text);
    }
    if judged.finding.rule.family() == "policy" {
        secret::mask_finding(&mut judged.finding, &secret::Echo::default());
    }
}

/// What the reason of a verdict says where versions were not understood.
pub fn not_compared(packages: usize) -> String {
    let noun = if packages == 1 { "package" } else { "packages" };
    format!("; {packages} {noun} could not be compared with advisories")
}

/// What was scanned, as reports show it.
#[derive(Debug, Clone, Default)]
pub struct TargetSummary {
    /// As the user wrote it.
    pub reference: String,
    /// Id of the source.
    pub source: &'static str,
    /// Operating system and architecture.
    pub platform: Option<Platform>,
    /// Digest of the manifest.
    pub digest: Option<Digest>,
    /// Digest of the configuration.
    pub config_digest: Option<Digest>,
    /// Names the archive gives the image.
    pub tags: Vec<String>,
    /// The distribution.
    pub distro: Option<Distro>,
    /// When it was made, as its configuration says.
    pub created: Option<Timestamp>,
    /// What is known of the image it is built on.
    pub base: Base,
    /// Uncompressed bytes of all layers.
    pub size: ByteSize,
    /// Members of all layers.
    pub entries: u64,
    /// What policies ask of it besides; `None` where nothing was judged.
    pub facts: Option<SettingFacts>,
    /// Its layers, oldest first.
    pub layers: Vec<ReportedLayer>,
}

impl TargetSummary {
    /// Whose a finding is, by what is known of it or of its layer.
    pub fn origin_of(&self, finding: &Finding) -> Origin {
        finding.origin.unwrap_or_else(|| self.origin(finding.layer()))
    }

    /// Whose this layer is; unknown where none is told.
    pub fn origin(&self, layer: Option<u32>) -> Origin {
        let layer = layer.and_then(|index| self.layers.iter().find(|layer| layer.index == index));
        layer.map_or(Origin::Unknown, |layer| layer.origin)
    }
}

/// One layer, as reports show it.
#[derive(Debug, Clone, Default)]
pub struct ReportedLayer {
    /// Place from the bottom, from 0.
    pub index: u32,
    /// Digest of the blob.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<Digest>,
    /// Uncompressed bytes.
    pub size: ByteSize,
    /// The build step that made it, freed of what builders add, secrets masked.
    pub created_by: Option<String>,
    /// Whose it is.
    pub origin: Origin,
}

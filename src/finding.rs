//! Findings: one place each where a rule holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Digest, sha256_bytes};
use crate::inventory::Origin;
use crate::path::ImagePath;
use crate::rule::{Confidence, Place, Rule, Severity};

/// One place where a rule holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad this one is.
    pub severity: Severity,
    /// How sure this one is.
    pub confidence: Confidence,
    /// What is wrong, in a sentence without a full stop; text of the image in it is escaped.
    pub message: String,
    /// What it is about: a path, a purl, a user's name. Part of the fingerprint, so no digest and no number that moves.
    pub subject: String,
    /// Its one main place.
    pub location: Location,
    /// Whether a container of the image sees it.
    pub visibility: Visibility,
    /// The layer that hid it, when it is not live.
    pub removed_in_layer: Option<u32>,
    /// What proves it: `masked`, `bytes`, `files`, …
    pub evidence: BTreeMap<&'static str, Value>,
    /// What the fingerprint takes in place of subject and place, where these have parts that change from build to build.
    pub identity: Option<String>,
    /// What the fingerprint tells apart beyond rule, subject and place, such as a secret's keyed hash.
    pub matter: String,
    /// Whether a known action mends it without a change of behaviour, such as deleting a cache or taking an upgrade.
    pub is_fixable: bool,
    /// Marks of what it stands for besides its subject, such as files below a folder: where two images have the finding, what
    /// came to it can be told.
    pub members: BTreeSet<u64>,
    /// What to look at first, from [`priority`]; `None` for what the severity alone decides.
    pub priority: Option<u32>,
    /// What a VEX document says of it, where that takes it out of the verdict.
    pub accepted: Option<Acceptance>,
    /// Whose it is, where that is not told by its layer.
    pub origin: Option<Origin>,
    /// Its fingerprint, where it was read back from a report, which does not say all that goes into it.
    pub told_fingerprint: Option<String>,
}

/// A statement of a VEX document by which a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// `not_affected` or `fixed`.
    pub status: String,
    /// The document's label for why, such as `vulnerable_code_not_in_execute_path`.
    pub justification: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// The document, and who made it.
    pub place: String,
}

/// What a tier counts for on the scale of [`priority`]: more than all that is below it.
const TIER: u32 = 100_000;

/// Ranks findings of different kinds on one scale: by tier, then severity from 0 to 10 weighed by how likely it is used,
/// from 0 to 1. What nobody scored counts as likely as the gravest of its severity mostly are.
pub fn priority(tier: u32, severity: Severity, score: Option<f64>, likely: Option<f64>) -> u32 {
    let (middle, prior) = match severity {
        Severity::Critical => (9.5, 0.9),
        Severity::High => (8.0, 0.7),
        Severity::Medium => (5.5, 0.4),
        Severity::Low => (2.0, 0.1),
        Severity::Info => (0.0, 0.0),
    };
    let weighed = score.unwrap_or(middle) * (0.3 + 0.7 * likely.unwrap_or(prior).clamp(0.0, 1.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10,000")]
    let weighed = (weighed.clamp(0.0, 10.0) * 1_000.0) as u32;
    tier.min(1_000) * TIER + weighed
}

/// The main place of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A file of a layer.
    File {
        /// Its name.
        path: ImagePath,
        /// The layer that holds it.
        layer: u32,
        /// First and last line, from 1.
        lines: Option<(u64, u64)>,
    },
    /// A field of the configuration: `User`, `Env.TOKEN`, `Labels.key`.
    Config {
        /// The field.
        key: String,
    },
    /// A build step.
    History {
        /// Index of the history entry, empty layers counted.
        index: u32,
        /// The layer it made, if it made one.
        layer: Option<u32>,
        /// Name of the build argument, or `created_by`.
        key: String,
    },
    /// An installed package.
    Package {
        /// Package URL.
        purl: String,
        /// The file that proves it.
        path: ImagePath,
        /// The layer that brought it.
        layer: u32,
    },
    /// A part of a Dockerfile.
    Dockerfile {
        /// The file as it was named.
        file: String,
        /// Line and column of its first character, both from 1.
        start: (u64, u64),
        /// Line and column behind its last character.
        end: (u64, u64),
    },
    /// The image as a whole.
    Image,
}

impl Location {
    /// What kind of place it is.
    pub fn place(&self) -> Place {
        match self {
            Self::File { .. } => Place::File,
            Self::Config { .. } => Place::Config,
            Self::History { .. } => Place::History,
            Self::Package { .. } => Place::Package,
            Self::Dockerfile { .. } => Place::Dockerfile,
            Self::Image => Place::Image,
        }
    }
}

/// Whether a container of the image sees what was found. What is hidden ships all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Yes.
    Live,
    /// A later layer deleted it.
    Deleted,
    /// A later layer put something else in its place.
    Overwritten,
}

impl Visibility {
    /// Lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deleted => "deleted",
            Self::Overwritten => "overwritten",
        }
    }
}

impl Finding {
    /// A live finding with the rule's own severity and confidence, and nothing as evidence.
    pub fn new(
        rule: &'static Rule,
        subject: impl Into<String>,
        location: Location,
        message: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity: rule.severity,
            confidence: rule.confidence,
            message: message.into(),
            subject: subject.into(),
            location,
            visibility: Visibility::Live,
            removed_in_layer: None,
            evidence: BTreeMap::new(),
            identity: None,
            matter: String::new(),
            is_fixable: false,
            priority: None,
            accepted: None,
            origin: None,
            told_fingerprint: None,
            members: BTreeSet::new(),
        }
    }

    /// Its place on the scale of [`priority`].
    pub fn weight(&self) -> u32 {
        self.priority.unwrap_or_else(|| priority(0, self.severity, None, None))
    }

    /// Its tier on that scale: malicious, exploited and mendable, exploited, all others.
    pub fn tier(&self) -> u32 {
        self.weight() / TIER
    }

    /// Adds evidence.
    #[must_use]
    pub fn evidence(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.evidence.insert(key, value.into());
        self
    }

    /// Adds something that it stands for, unless those are many already.
    pub fn stands_for(&mut self, member: &[u8]) {
        if self.members.len() < MEMBERS {
            let mark = sha256_bytes(member).first_chunk().copied().unwrap_or_default();
            self.members.insert(u64::from_be_bytes(mark));
        }
    }

    /// The package URL of the package that it is about.
    pub fn purl(&self) -> Option<&str> {
        match &self.location {
            Location::Package { purl, .. } => Some(purl),
            _ if self.subject.starts_with("pkg:") => Some(&self.subject),
            _ => self.evidence.get("purl")?.as_str(),
        }
    }

    /// The layer it is in, where it is in one.
    pub fn layer(&self) -> Option<u32> {
        match &self.location {
            Location::File { layer, .. } | Location::Package { layer, .. } => Some(*layer),
            Location::History { layer, .. } => *layer,
            Location::Config { .. } | Location::Dockerfile { .. } | Location::Image => None,
        }
    }

    /// 32 hexadecimal digits made of rule, subject, place and matter: no line, no layer, no digest
    /// of a layer, so that a rebuild of the same image gives the same.
    pub fn fingerprint(&self) -> String {
        if let Some(told) = &self.told_fingerprint {
            return told.clone();
        }
        let place = match &self.location {
            Location::File { path, .. } => format!("file:{path}"),
            Location::Config { key } => format!("config:{key}"),
            Location::History { key, .. } => format!("history:{key}"),
            Location::Package { purl, path, .. } => format!("package:{purl}:{path}"),
            Location::Dockerfile { file, .. } => format!("dockerfile:{file}"),
            Location::Image => "image".into(),
        };
        let text = match &self.identity {
            Some(identity) => [self.rule.id, identity, &self.matter].join("\0"),
            None => [self.rule.id, &self.subject, &place, &self.matter].join("\0"),
        };
        let digest = Digest::sha256(text.as_bytes());
        digest.hex().get(..32).unwrap_or_default().to_owned()
    }
}

/// Members kept of one finding.
const MEMBERS: usize = 20_000;

/// Takes findings.
pub type Findings = Vec<Finding>;

/// Gives findings that would have the same fingerprint different ones, by their number in order: such
/// as one file in two layers, each time with the same secret. The first keeps the fingerprint it has alone.
pub fn tell_apart(findings: &mut [Finding]) {
    let mut counts: HashMap<String, u32> = HashMap::with_capacity(findings.len());
    for finding in findings {
        let count = counts.entry(finding.fingerprint()).or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            finding.matter = format!("{}\0{count}", finding.matter);
        }
    }
}

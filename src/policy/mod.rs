//! Policies: what is allowed, what is accepted, and the verdict. Sees findings, never the image.

mod diagnostic;
mod evaluate;
mod fail_on;
mod file;
pub mod import;
mod load;
mod pattern;
mod preset;
mod selector;
#[cfg(test)]
mod tests;
mod waiver;

use serde::Serialize;

use crate::finding::{Acceptance, Finding, Location};

pub use evaluate::{EvaluateContext, NO_RULE};
pub use fail_on::FailOn;
pub use load::{Summary, check};
pub use pattern::{Bound, Glob};
pub use preset::{DEFAULT_PRESET, Preset, presets};
pub use selector::Selector;
pub use waiver::{RULES, WAIVER_EXPIRED, WAIVER_UNUSED, Waiver};

/// What a policy says of one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Not shown, but counted.
    Ignore,
    /// Shown, and no more.
    Info,
    /// Shown and counted as a warning; does not break the policy.
    Warn,
    /// Breaks the policy.
    Fail,
}

/// One policy file, or a preset: rules of which the last that matches decides, and waivers.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its `name`, else the file as it was named, or the id of the preset.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Presets whose rules come before its own.
    pub extends: Vec<&'static Preset>,
    /// Its rules, in the order of the file.
    pub rules: Vec<PolicyRule>,
    /// What it accepts for a time.
    pub waivers: Vec<Waiver>,
    /// Whether comments in the image's files may accept secrets, where it says.
    pub honours_inline: Option<bool>,
    /// Whose findings count, where it says.
    pub scope: Option<Scope>,
}

/// Whose findings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Not those in layers of the base image.
    App,
}

/// A `[[rule]]` of a policy.
#[derive(Debug, Clone)]
pub struct PolicyRule {
    /// What the report calls it; `line 12` when the file gives no name.
    pub name: String,
    /// Which findings it is about.
    pub selector: Selector,
    /// What it says of them.
    pub action: Action,
    /// What it tells people: its `message`, then its `help`.
    pub note: Option<String>,
}

/// All policies that judge one scan, in the order in which they were given: later rules win.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: Vec<Policy>,
    fail_on: Option<FailOn>,
}

/// A finding with what the policy made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// What the policy says; a waived finding keeps what it would have been.
    pub action: Action,
    /// Which rule of which policy said so, such as `careen:2026 secrets`.
    pub decided_by: String,
    /// What that rule tells people: its `message` and `help`.
    pub note: Option<String>,
    /// The waiver that accepts it.
    pub waiver: Option<AppliedWaiver>,
}

impl Judged {
    /// Whether it says that something could not be judged, and nobody has accepted that.
    pub fn is_gap(&self) -> bool {
        self.finding.rule.is_gap && self.waiver.is_none() && self.action != Action::Ignore
    }
}

/// A waiver that accepts a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AppliedWaiver {
    /// Why.
    pub reason: String,
    /// Last day on which it holds.
    pub expires: Option<crate::time::Date>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it is being worked on.
    pub ticket: Option<String>,
    /// Where it is written: file and line.
    pub place: String,
    /// Whether it is a comment in the image's own file, which the policy honours.
    #[serde(skip)]
    pub is_comment: bool,
    /// The status that a VEX document gives, `not_affected` or `fixed`, where that is what accepts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The label that a VEX document gives for why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
}

impl AppliedWaiver {
    /// A comment in the file, as a waiver.
    fn of_comment(finding: &Finding) -> Option<Self> {
        let word = finding.evidence.get("allowed_by")?.as_str()?;
        let place = match &finding.location {
            Location::File { path, lines: Some((line, _)), .. } => format!("{path}:{line}"),
            Location::File { path, .. } => path.to_string(),
            _ => return None,
        };
        let reason = format!("allowed in the file by `{word}`, which the policy honours");
        Some(Self { reason, place, is_comment: true, ..Self::default() })
    }

    /// An allowance among a user's rules of secrets, as a waiver.
    fn of_rules(finding: &Finding) -> Option<Self> {
        let text = |key| finding.evidence.get(key)?.as_str().map(ToOwned::to_owned);
        Some(Self { reason: text("allowed_for")?, place: text("allowed_in")?, ..Self::default() })
    }

    /// What a VEX document says, as a waiver.
    fn of_vex(accepted: &Acceptance) -> Self {
        Self {
            reason: accepted.reason.clone(),
            expires: None,
            owner: None,
            ticket: None,
            place: accepted.place.clone(),
            is_comment: false,
            status: Some(accepted.status.clone()),
            justification: accepted.justification.clone(),
        }
    }
}

/// The outcome of a scan that could be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing breaks the policy, and everything was read.
    Passed,
    /// Something breaks the policy.
    Failed,
    /// Nothing breaks the policy, but something was not read.
    Incomplete,
}

/// The outcome and its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// Names of the policies that judged, such as `careen:2026`.
    pub policies: Vec<String>,
    /// One sentence that says why.
    pub reason: String,
    /// Findings that break the policy.
    pub failed: usize,
    /// Findings that are warned of.
    pub warned: usize,
    /// Findings the policy ignores.
    pub ignored: usize,
    /// Findings that waivers accept.
    pub waived: usize,
}

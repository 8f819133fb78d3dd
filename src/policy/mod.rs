//! Policies: what is allowed, what is accepted, and the verdict. Sees findings, never the image.

use serde::Serialize;

use crate::finding::Finding;

/// What a policy says of one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Not shown, but counted.
    Ignore,
    /// Shown; does not break the policy.
    Warn,
    /// Breaks the policy.
    Fail,
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
    /// The waiver that accepts it.
    pub waiver: Option<AppliedWaiver>,
}

/// A waiver that accepts a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedWaiver {
    /// Why.
    pub reason: String,
    /// Last day on which it holds.
    pub expires: Option<crate::time::Date>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it is written: file and line.
    pub place: String,
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

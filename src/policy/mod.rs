//! Policies: what is allowed, what is accepted, and the verdict. Sees findings, never the image.

pub mod baseline;
#[cfg(feature = "cel")]
pub mod condition;
mod cover;
mod diagnostic;
pub mod edition;
mod evaluate;
mod fail_on;
pub mod file;
mod image;
pub mod import;
mod inclusion;
mod index;
mod load;
mod milder;
mod notes;
mod pattern;
mod preset;
#[cfg(feature = "rego")]
pub mod rego;
pub mod requirement;
mod selector;
#[cfg(test)]
mod tests;
mod together;
mod verdict;
mod waiver;

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::finding::{Acceptance, Finding, Location};
use crate::rule::{Rule, Severity};

pub use baseline::Baseline;
pub use evaluate::{EvaluateContext, NO_RULE};
pub use fail_on::FailOn;
pub use file::case::{Case, Expect, Expected, ORIGINS};
pub use image::{ConfigFacts, ImageFacts, PackageFacts, SettingFacts};
pub use load::{Cases, Fetch, Loader, Summary, check};
pub use pattern::{Bound, Glob};
pub use preset::{DEFAULT_PRESET, Preset, named as preset_named, presets};
pub use requirement::Requirements;
pub use requirement::fix::{FIX_GROUPS, FixPolicy, Healthcheck as FixHealthcheck, RunAs};
pub use selector::{Named, Selector};
pub use waiver::{WAIVER_EXPIRED, WAIVER_UNUSED, Waiver};

use edition::Edition;

/// What a policy in Rego says of the image as a whole.
pub static IN_REGO: Rule = Rule {
    id: "policy/rego",
    title: "A policy in Rego says that the image breaks it",
    severity: Severity::Medium,
    why: "A rule `deny` or `warn` of a policy in Rego holds, and names no finding.",
    remediation: "Do what the message says; the policy is the file that the finding names.",
    references: &["https://www.openpolicyagent.org/docs/latest/policy-language/"],
    bad: "package careen\ndeny contains \"too many layers\" if count(input.target.layers) > 3",
    good: "package careen\ndeny contains \"too many layers\" if count(input.target.layers) > 100",
    ..Rule::NEW
};

/// What a rule of a policy says of the image as a whole.
pub static IMAGE_CONDITION: Rule = Rule {
    id: "policy/image-condition",
    title: "The image is as a rule of the policy says that it must not be",
    severity: Severity::Medium,
    why: "A rule of the policy that selects everything (`match = {}`) has a condition (`when`) that speaks of the image alone. \
          It holds, whatever else is found in the image.",
    remediation: "Change what the condition names, or the rule of the policy that the finding names.",
    references: &["https://cel.dev"],
    bad: "[[rule]]\nmatch = {}\nwhen = \"image.layers > 1\"\naction = \"fail\"",
    good: "[[rule]]\nmatch = {}\nwhen = \"image.layers > 100\"\naction = \"fail\"",
    ..Rule::NEW
};

/// The rules of this module, sorted by id.
pub static RULES: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
    let mut rules: Vec<&'static Rule> =
        requirement::RULES.iter().chain(waiver::RULES).copied().chain([&IMAGE_CONDITION, &IN_REGO]).collect();
    rules.sort_by_key(|rule| rule.id);
    rules
});

/// A value with the file and line that gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// `file:line`.
    pub place: String,
    /// Number of the policy that says it, once policies are taken together; 0 before.
    pub policy: usize,
}

/// A length of time, in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours(pub i64);

impl FromStr for Hours {
    type Err = String;

    /// Reads `36h`, `14d`, `2w`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let factor = match text.chars().last() {
            Some('h') => 1,
            Some('d') => 24,
            Some('w') => 24 * 7,
            _ => return Err("it needs a unit: `h`, `d` or `w`".into()),
        };
        let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default().trim();
        let number = Some(number).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        match number.and_then(|number| number.parse::<u32>().ok()) {
            Some(number @ ..=100_000) => Ok(Self(i64::from(number) * factor)),
            Some(_) => Err("that is more than 100000".into()),
            None => Err("before the unit stands a whole number".into()),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            days if days != 0 && days % 24 == 0 => write!(f, "{}d", days / 24),
            hours => write!(f, "{hours}h"),
        }
    }
}

/// What a policy says of one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl Action {
    /// Lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One policy file, or a preset: rules of which the last that matches decides, requirements, and waivers.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its `name`, else the file as it was named, or the id of the preset.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The release of careen's defaults it is written for, where it says.
    pub edition: Option<Said<&'static Edition>>,
    /// What comes before its own rules.
    pub extends: Vec<Extended>,
    /// Its rules, in the order of the file.
    pub rules: Vec<PolicyRule>,
    /// What it accepts for a time.
    pub waivers: Vec<Waiver>,
    /// Whether comments in the image's files may accept secrets, where it says.
    pub honours_inline: Option<Said<bool>>,
    /// Whose findings count, where it says.
    pub scope: Option<Said<Scope>>,
    /// Whether what a baseline lists does not fail, where it says.
    pub fails_on_new: Option<Said<bool>>,
    /// What it asks of the image as a whole.
    pub requirements: Requirements,
    /// Whether it is a file of waivers that was found beside a policy.
    pub is_waivers_beside: bool,
    /// Its tests.
    pub cases: Vec<Case>,
    /// In a file of tests: the policies that these try.
    pub tries: Option<Said<Vec<String>>>,
}

impl Policy {
    /// A policy that says nothing.
    pub fn named(name: String) -> Self {
        Self {
            name,
            description: None,
            edition: None,
            extends: Vec::new(),
            rules: Vec::new(),
            waivers: Vec::new(),
            honours_inline: None,
            scope: None,
            fails_on_new: None,
            requirements: Requirements::default(),
            is_waivers_beside: false,
            cases: Vec::new(),
            tries: None,
        }
    }
}

/// Something that a policy extends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// Id of a preset, a file, or `oci:` and a reference by digest.
    pub word: String,
    /// Where that is written: file and line.
    pub place: String,
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
    /// Which of them it is not about.
    pub unless: Option<Selector>,
    /// What must hold besides.
    pub when: Option<When>,
    /// How long what fails only warns.
    pub grace: Option<Hours>,
    /// What it says of them.
    pub action: Action,
    /// Why.
    pub message: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Where it is written: file and line.
    pub place: String,
}

/// A condition in CEL.
#[derive(Debug, Clone)]
pub struct When {
    /// As it is written.
    pub text: String,
    #[cfg(feature = "cel")]
    condition: condition::Condition,
}

#[cfg(feature = "cel")]
impl When {
    /// Whether it names the image, and nothing of findings.
    pub(super) fn is_about_image_alone(&self) -> bool {
        self.condition.is_about_image_alone()
    }

    /// What it says of whatever is found, or why it never says anything, where that can be told at once.
    fn constant(&self) -> Option<Result<bool, String>> {
        self.condition.constant()
    }

    /// Rules that it asks for and that are off.
    fn off(&self) -> Vec<&'static str> {
        self.condition.off().to_vec()
    }

    /// Its words and signs, with one blank where there is anything between them.
    fn on_one_line(&self) -> String {
        condition::on_one_line(&self.text)
    }
}

/// Without the feature a policy with a condition is refused.
#[cfg(not(feature = "cel"))]
#[expect(clippy::unused_self, reason = "as with the feature")]
impl When {
    pub(super) fn is_about_image_alone(&self) -> bool {
        false
    }

    fn constant(&self) -> Option<Result<bool, String>> {
        None
    }

    fn off(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn on_one_line(&self) -> String {
        self.text.clone()
    }
}

impl PolicyRule {
    /// Whether it judges the image itself, and nothing that is found in it: it selects everything, and its condition speaks
    /// of the image alone.
    fn judges_image(&self) -> bool {
        let is_alone = self.unless.is_none() && self.selector == Selector::default();
        is_alone && self.when.as_ref().is_some_and(When::is_about_image_alone)
    }

    /// Whether it decides on whatever it selects.
    fn is_unconditional(&self) -> bool {
        self.unless.is_none() && self.when.as_ref().is_none_or(|when| when.text.trim() == "true")
    }

    /// One of this name that fails on what is selected, and stands in no file.
    fn failing(name: String, selector: Selector) -> Self {
        Self {
            name,
            selector,
            unless: None,
            when: None,
            grace: None,
            action: Action::Fail,
            message: None,
            help: None,
            place: String::new(),
        }
    }

    /// The condition by which it judges the image itself, on one line.
    fn image_condition(&self) -> Option<String> {
        let when = self.when.as_ref().filter(|_| self.judges_image())?;
        Some(when.on_one_line())
    }

    /// What it tells people: its `message`, then its `help`.
    pub fn note(&self) -> Option<String> {
        match (&self.message, &self.help) {
            (Some(message), Some(help)) => Some(format!("{message}; {help}")),
            (message, help) => message.clone().or_else(|| help.clone()),
        }
    }
}

/// All policies that judge one scan, in the order in which they were given: later rules win.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: Vec<Policy>,
    fail_on: Option<FailOn>,
    baseline: Option<Baseline>,
    requirements: Requirements,
    /// Places of waivers that another platform of the same image needs.
    used_elsewhere: std::collections::BTreeSet<String>,
    #[cfg(feature = "rego")]
    in_rego: Vec<rego::RegoPolicy>,
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
    /// Where that is written: file and line.
    pub decided_at: Option<String>,
    /// What that rule tells people: its `message` and `help`.
    pub note: Option<String>,
    /// Its `help` alone.
    pub help: Option<String>,
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
    /// Why; empty where no policy asks for a reason.
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

    /// An allowance among a user's rules of secrets, or a comment in a Dockerfile, as a waiver.
    fn of_rules(finding: &Finding) -> Option<Self> {
        let text = |key| finding.evidence.get(key)?.as_str().map(ToOwned::to_owned);
        let place = text("allowed_in")?;
        // an allowance stands in a file of rules
        let in_file = |file: &str| place.strip_prefix(file).is_some_and(|line| line.starts_with(':'));
        let is_comment = matches!(&finding.location, Location::Dockerfile { file, .. } if in_file(file));
        Some(Self { reason: text("allowed_for")?, place, is_comment, ..Self::default() })
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing breaks the policy, and everything was read.
    Passed,
    /// Something breaks the policy.
    Failed,
    /// Nothing breaks the policy, but something was not read.
    Incomplete,
}

impl Outcome {
    /// Lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
        }
    }

    /// What several outcomes come to: a failed one wins over an incomplete one, and that over a passed one.
    pub fn of_several(outcomes: impl IntoIterator<Item = Self>) -> Self {
        outcomes.into_iter().fold(Self::Passed, |worst, one| match (worst, one) {
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Incomplete, _) | (_, Self::Incomplete) => Self::Incomplete,
            (Self::Passed, Self::Passed) => Self::Passed,
        })
    }
}

/// The outcome and its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// Names of the policies that judged, such as `careen:2026`.
    pub policies: Vec<String>,
    /// The edition by which they judged.
    pub edition: &'static str,
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
    /// The baseline that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<UsedBaseline>,
    /// The rules that broke the policy or warned, the gravest first, each with what it is about.
    pub rules: Vec<Deciding>,
    /// The rules that ignored findings, each with what it is about.
    pub ignored_by: Vec<Ignoring>,
}

/// A rule of a policy that ignored findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignoring {
    /// Policy and name of the rule.
    pub rule: String,
    /// Where it is written: file and line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Number of findings.
    pub findings: usize,
    /// The first of them.
    pub first: Vec<Ignored>,
}

/// A finding that is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Its fingerprint.
    pub id: String,
    /// Id of its rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
}

/// A baseline, as a verdict tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UsedBaseline {
    /// The file as it was named.
    pub file: String,
    /// The day on which it was made, where it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<crate::time::Date>,
    /// The images that it was made from, where it says.
    pub images: Vec<baseline::Source>,
    /// How many findings it lists.
    pub listed: usize,
    /// How many findings warn that would fail without it.
    pub known: usize,
}

/// A rule of a policy that broke it, or warned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deciding {
    /// Policy and name of the rule, such as `careen:2026 secrets`.
    pub rule: String,
    /// Where it is written: file and line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What it says.
    pub action: Action,
    /// Number of findings.
    pub findings: usize,
    /// Fingerprints of the first of them.
    pub ids: Vec<String>,
    /// What would make it pass, a sentence each.
    pub remedies: Vec<String>,
}

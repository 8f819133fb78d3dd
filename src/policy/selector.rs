//! Which findings a rule or a waiver is about.

use std::cell::OnceCell;

use super::pattern::{Bound, Glob};
use crate::finding::{Finding, Location, Visibility};
use crate::inventory::Origin;
use crate::rule::{Confidence, Rule, Severity};

/// Selects findings. All conditions given must hold; of a list, one. With none, every finding is selected.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// Ids of rules, globs over them, or ids of the same rule in other tools.
    pub rules: Vec<Glob>,
    /// Parts of the id before the slash.
    pub families: Vec<String>,
    /// How bad.
    pub severities: Vec<Bound<Severity>>,
    /// How sure.
    pub confidences: Vec<Bound<Confidence>>,
    /// Whether a known action mends it.
    pub fixable: Option<bool>,
    /// Whether somebody was seen exploiting it.
    pub exploited: Option<bool>,
    /// Whose the layer is.
    pub origins: Vec<Origin>,
    /// Whether a container sees it.
    pub visibilities: Vec<Visibility>,
    /// The file; `config` for what stands in the image's configuration and history.
    pub paths: Vec<Glob>,
    /// What it is about.
    pub subjects: Vec<Glob>,
    /// The package.
    pub purls: Vec<Glob>,
    /// This very finding.
    pub fingerprints: Vec<String>,
}

/// A finding with what selectors ask of it, each computed once.
pub(super) struct View<'a> {
    pub(super) finding: &'a Finding,
    origin: Origin,
    /// The path as reports show it, without its first `/`.
    path: Option<String>,
    fingerprint: OnceCell<String>,
}

impl<'a> View<'a> {
    pub(super) fn new(finding: &'a Finding, origin: Origin) -> Self {
        let path = match &finding.location {
            Location::File { path, .. } | Location::Package { path, .. } => {
                Some(path.to_string().trim_start_matches('/').to_owned())
            }
            Location::Config { .. } | Location::History { .. } => Some("config".into()),
            Location::Dockerfile { file, .. } => Some(file.trim_start_matches("./").trim_start_matches('/').to_owned()),
            Location::Image => None,
        };
        Self { finding, origin, path, fingerprint: OnceCell::new() }
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    fn purl(&self) -> Option<&str> {
        match &self.finding.location {
            Location::Package { purl, .. } => Some(purl),
            _ if self.finding.subject.starts_with("pkg:") => Some(&self.finding.subject),
            _ => None,
        }
    }
}

impl Selector {
    pub(super) fn selects(&self, view: &View<'_>) -> bool {
        let finding = view.finding;
        any(&self.rules, |pattern| is_rule(pattern, finding.rule))
            && any(&self.families, |family| family == finding.rule.family())
            && any(&self.severities, |bound| bound.holds(&finding.severity))
            && any(&self.confidences, |bound| bound.holds(&finding.confidence))
            && self.fixable.is_none_or(|fixable| fixable == finding.is_fixable)
            && self.exploited.is_none_or(|exploited| exploited == finding.evidence.contains_key("exploited"))
            && any(&self.origins, |origin| *origin == view.origin)
            && any(&self.visibilities, |visibility| *visibility == finding.visibility)
            && any(&self.paths, |pattern| view.path.as_ref().is_some_and(|path| pattern.is_match(path)))
            && any(&self.subjects, |pattern| {
                // a flaw by any id it goes by, so that a waiver outlives the day on which it gets another one
                let ids = finding.evidence.get("ids").and_then(|ids| ids.as_array()).into_iter().flatten();
                pattern.is_match(&finding.subject) || ids.filter_map(|id| id.as_str()).any(|id| pattern.is_match(id))
            })
            && any(&self.purls, |pattern| view.purl().is_some_and(|purl| pattern.is_match(purl)))
            && any(&self.fingerprints, |fingerprint| {
                fingerprint == view.fingerprint.get_or_init(|| finding.fingerprint())
            })
    }

    /// Whether findings of severity info are asked for by name: the rule by its whole id, or the word `info`.
    /// Others may select such findings too, but then cannot make them warn or fail.
    pub(super) fn names_info(&self) -> bool {
        (!self.rules.is_empty() && self.rules.iter().all(Glob::is_literal))
            || self.severities.iter().any(|bound| bound.value == Severity::Info && bound.holds(&Severity::Info))
    }
}

/// Whether `pattern` is the rule's id, a glob over it, or its id in another tool.
pub(super) fn is_rule(pattern: &Glob, rule: &Rule) -> bool {
    pattern.is_match(rule.id) || rule.also.iter().any(|old| old.eq_ignore_ascii_case(pattern.as_str()))
}

/// Whether there is no condition, or one that holds.
fn any<T>(conditions: &[T], holds: impl Fn(&T) -> bool) -> bool {
    conditions.is_empty() || conditions.iter().any(holds)
}

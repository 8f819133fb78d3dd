//! What becomes of a finding, and what changes from one judgement to another.

use std::collections::BTreeMap;

use super::wire::WireFinding;
use crate::policy::{Action, Judged};
use crate::rule::{Rule, Severity};

/// What a policy made of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Id of its rule.
    pub rule: &'static str,
    /// What it is about.
    pub subject: String,
    /// How grave it is.
    pub severity: Severity,
    /// What the policy says; a waived finding keeps what it would have been.
    pub action: Action,
    /// Which rule said so.
    pub decided_by: String,
    /// Where that is written: file and line.
    pub decided_at: Option<String>,
    /// Where the waiver stands that accepts it.
    pub waiver: Option<String>,
}

impl Standing {
    pub(super) fn of_wire(wire: &WireFinding, rule: &'static Rule) -> Self {
        Self {
            rule: rule.id,
            subject: wire.subject.clone(),
            severity: wire.severity,
            action: wire.action,
            decided_by: wire.decided_by.clone(),
            decided_at: wire.decided_at.clone(),
            waiver: wire.waiver.as_ref().map(|waiver| waiver.place.clone()),
        }
    }

    /// What became of a finding.
    pub fn of(judged: &Judged) -> Self {
        Self {
            rule: judged.finding.rule.id,
            subject: judged.finding.subject.clone(),
            severity: judged.finding.severity,
            action: judged.action,
            decided_by: judged.decided_by.clone(),
            decided_at: judged.decided_at.clone(),
            waiver: judged.waiver.as_ref().map(|waiver| waiver.place.clone()),
        }
    }

    /// `fail`, `warn`, `info`, `ignore`, or `waived` where a waiver accepts what would warn or fail.
    pub fn word(&self) -> &'static str {
        if self.waiver.is_some() { "waived" } else { self.action.as_str() }
    }

    /// How much it counts: what a waiver accepts counts as little as what is shown only.
    fn weight(&self) -> Action {
        if self.waiver.is_some() { Action::Info } else { self.action }
    }

    /// Which rule decided, and where: `ours no-root (policy.toml:4)`, or the waiver.
    pub fn because(&self) -> String {
        match (&self.waiver, &self.decided_at) {
            (Some(place), _) => format!("the waiver in {place}"),
            (None, Some(place)) => format!("{} ({place})", self.decided_by),
            (None, None) => self.decided_by.clone(),
        }
    }
}

/// A finding that another judgement sees in another way; `None` where one of them does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub before: Option<Standing>,
    /// After.
    pub after: Option<Standing>,
}

impl Change {
    fn weight(&self) -> Action {
        self.before.iter().chain(&self.after).map(Standing::weight).max().unwrap_or(Action::Ignore)
    }

    /// The severity before and after, where that changes.
    pub fn severities(&self) -> Option<(Severity, Severity)> {
        let (before, after) = (self.before.as_ref()?.severity, self.after.as_ref()?.severity);
        (before != after).then_some((before, after))
    }

    /// Rule and subject.
    pub fn subject(&self) -> (&'static str, &str) {
        let standing = self.after.as_ref().or(self.before.as_ref());
        standing.map_or(("", ""), |standing| (standing.rule, standing.subject.as_str()))
    }
}

/// Findings by fingerprint, with what became of them.
pub fn standings(judged: &[Judged]) -> BTreeMap<String, Standing> {
    judged.iter().map(|one| (one.finding.fingerprint(), Standing::of(one))).collect()
}

/// What changes, the gravest first: another action or severity, or a waiver that came or
/// went. What is ignored and what is not
/// there are the same.
pub fn changes(before: &BTreeMap<String, Standing>, judged: &[Judged]) -> Vec<Change> {
    let after = standings(judged);
    let is_there = |standing: &&Standing| standing.action != Action::Ignore;
    let mut changes: Vec<Change> = before
        .keys()
        .chain(after.keys().filter(|id| !before.contains_key(*id)))
        .map(|id| Change {
            before: before.get(id).filter(is_there).cloned(),
            after: after.get(id).filter(is_there).cloned(),
        })
        .filter(|change| {
            let seen = |standing: &Option<Standing>| standing.as_ref().map(|one| (one.word(), one.severity));
            seen(&change.before) != seen(&change.after)
        })
        .collect();
    changes.sort_by(|a, b| b.weight().cmp(&a.weight()).then_with(|| a.subject().cmp(&b.subject())));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Location};

    static ROOT: Rule = Rule { id: "image/root-user", ..Rule::NEW };

    fn judged(subject: &str, action: Action, severity: Severity) -> Judged {
        let mut finding = Finding::new(&ROOT, subject, Location::Image, "found");
        finding.severity = severity;
        Judged {
            finding,
            action,
            decided_by: "ours x".into(),
            decided_at: Some("policy.toml:3".into()),
            note: None,
            help: None,
            waiver: None,
        }
    }

    #[test]
    fn changes_are_told_the_gravest_first_and_what_is_ignored_is_not_there() {
        let (low, high) = (Severity::Low, Severity::High);
        let before = [
            judged("a", Action::Info, low),
            judged("b", Action::Fail, low),
            judged("c", Action::Warn, low),
            judged("d", Action::Warn, low),
            judged("e", Action::Ignore, low),
            judged("f", Action::Warn, low),
        ];
        let after = [
            judged("a", Action::Warn, low),
            judged("b", Action::Warn, low),
            judged("c", Action::Warn, low),
            judged("d", Action::Warn, high),
            judged("f", Action::Ignore, low),
            judged("g", Action::Fail, low),
        ];
        let changes = changes(&standings(&before), &after);
        let word = |standing: &Option<Standing>| standing.as_ref().map_or("none", Standing::word);
        let shown: Vec<String> = changes
            .iter()
            .map(|change| format!("{} {} {}", change.subject().1, word(&change.before), word(&change.after)))
            .collect();
        assert_eq!(shown, ["b fail warn", "g none fail", "a info warn", "d warn warn", "f warn none"]);
        let severities: Vec<_> = changes.iter().filter_map(Change::severities).collect();
        assert_eq!(severities, [(low, high)]);
    }

    #[test]
    fn a_waiver_is_the_reason_where_there_is_one() {
        let one = judged("a", Action::Fail, Severity::Low);
        let open = Standing::of(&one);
        assert_eq!((open.word(), open.because().as_str()), ("fail", "ours x (policy.toml:3)"));
        let nowhere = Standing { decided_at: None, ..open.clone() };
        assert_eq!(nowhere.because(), "ours x");
        let waived = Standing { waiver: Some("waivers.toml:1".into()), ..open };
        assert_eq!((waived.word(), waived.because().as_str()), ("waived", "the waiver in waivers.toml:1"));
    }
}

//! Editions: which rules count and how grave they are, so that a newer careen breaks no pipeline.

use super::Hours;
use crate::rule::{Rule, Severity};

/// A release of careen's defaults.
#[derive(Debug, PartialEq, Eq)]
pub struct Edition {
    /// The word in `edition`.
    pub id: &'static str,
    /// A line for lists.
    pub about: &'static str,
    /// The last version of careen whose rules count: findings of rules that came later are shown, and no more. `None`
    /// for all that there are.
    last: Option<&'static str>,
    /// Rules whose findings are as grave as this from here on, unless the finding knows better.
    severities: &'static [(&'static str, Severity)],
    /// How long before its last day a waiver is told of, unless a policy says.
    pub(super) reminder: Hours,
}

/// All editions, oldest first. The last may still change; all others never do.
pub static EDITIONS: &[Edition] = &[
    Edition { id: "2026", about: "the first", last: Some("0.1.0"), severities: &[], reminder: Hours(14 * 24) },
    Edition {
        id: "next",
        about: "what is to come; may change with every release",
        last: None,
        severities: &[("base/floating-tag", Severity::Medium), ("image/root-user", Severity::High)],
        reminder: Hours(14 * 24),
    },
];

/// The edition of policies that name none.
pub static DEFAULT_EDITION: &Edition = &EDITIONS[0];

/// The edition with this id.
pub(super) fn edition(id: &str) -> Option<&'static Edition> {
    EDITIONS.iter().find(|edition| edition.id == id)
}

/// How grave a finding was before the edition of this id, where a policy judged by it, said so.
pub fn before_edition(id: &str, rule: &Rule, severity: Severity) -> Severity {
    let changed = edition(id).and_then(|edition| edition.severity(rule));
    if changed == Some(severity) { rule.severity } else { severity }
}

impl Edition {
    /// Whether this edition has the rule already.
    pub(super) fn has(&self, rule: &Rule) -> bool {
        self.last.is_none_or(|last| numbers(rule.since) <= numbers(last))
    }

    /// How grave findings of the rule are in this edition, where an edition changed that.
    pub(super) fn severity(&self, rule: &Rule) -> Option<Severity> {
        let mut severity = None;
        for edition in EDITIONS {
            let changed = edition.severities.iter().find(|(id, _)| *id == rule.id);
            severity = changed.map(|(_, severity)| *severity).or(severity);
            if edition.id == self.id {
                break;
            }
        }
        severity
    }
}

/// The numbers of a version such as `0.1.0`.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_has_the_rules_of_its_day_and_next_all() {
        let [first, next] = EDITIONS else { panic!("an edition was added: say here what it has") };
        for (since, is_in_first) in
            [("0.0.9", true), ("0.1.0", true), ("0.1.1", false), ("0.2.0", false), ("0.10.0", false), ("1.0.0", false)]
        {
            let rule = Rule { id: "image/x", since, ..Rule::NEW };
            assert_eq!((first.has(&rule), next.has(&rule)), (is_in_first, true), "{since}");
        }
        assert_eq!((first.id, next.id, DEFAULT_EDITION.id), ("2026", "next", "2026"));
        let rules = crate::scan::rules();
        let this = numbers(env!("CARGO_PKG_VERSION"));
        let early: Vec<&str> = rules.iter().filter(|rule| numbers(rule.since) > this).map(|rule| rule.id).collect();
        assert!(early.is_empty(), "rules of a version that is still to come: {early:?}");
        for (id, _) in EDITIONS.iter().flat_map(|edition| edition.severities) {
            let rule = rules.iter().find(|rule| rule.id == *id).unwrap_or_else(|| panic!("there is no rule {id}"));
            assert_ne!(next.severity(rule), Some(rule.severity), "{id}: nothing changes");
            assert_eq!(first.severity(rule), None, "{id}");
        }
    }

    /// The rules of the first edition, with severity, one on each line.
    const OF_THE_FIRST: &str = include_str!("edition-2026.txt");

    #[test]
    fn the_rules_of_an_edition_and_how_grave_they_are_stay_as_they_were() {
        let first = DEFAULT_EDITION;
        let last = numbers(first.last.expect("the first edition is closed"));
        let line = |rule: &Rule| {
            let off = if rule.is_opt_in { " opt-in" } else { "" };
            format!("{} {}{off}\n", rule.id, rule.severity.as_str())
        };
        let mut rules = crate::scan::rules();
        rules.sort_by_key(|rule| rule.id);
        let listed: String = rules.iter().filter(|rule| first.has(rule)).map(|rule| line(rule)).collect();
        // until the version is out whose rules it has, rules may come and change
        if std::env::var_os("CAREEN_UPDATE").is_some() && numbers(env!("CARGO_PKG_VERSION")) <= last {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/policy/edition-2026.txt");
            std::fs::write(file, &listed).expect("written");
            return;
        }
        for known in OF_THE_FIRST.lines() {
            assert!(
                listed.lines().any(|line| line == known),
                "edition 2026 has `{known}`: a rule keeps id and severity; `EDITIONS` says what a later edition changes"
            );
        }
        for line in listed.lines() {
            assert!(
                OF_THE_FIRST.lines().any(|known| known == line),
                "edition 2026 has no `{line}`: give the rule the version that brings it as `since`. Before version {} is \
                 out, `CAREEN_UPDATE=1 cargo test --lib edition` adds it",
                first.last.unwrap_or_default()
            );
        }
    }
}

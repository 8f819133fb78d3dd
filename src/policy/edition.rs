//! Editions: which rules count and how grave they are, so that a newer careen breaks no pipeline.

use crate::rule::{Rule, Severity};

/// A release of careen's defaults.
#[derive(Debug, PartialEq, Eq)]
pub struct Edition {
    /// The word in `edition`.
    pub id: &'static str,
    /// A line for lists.
    pub about: &'static str,
    /// Rules that come with it: in older editions their findings are shown, and no more.
    new_rules: &'static [&'static str],
    /// Rules whose findings are as grave as this from here on, unless the finding knows better.
    severities: &'static [(&'static str, Severity)],
}

/// All editions, oldest first. The last may still change; all others never do.
pub static EDITIONS: &[Edition] = &[
    Edition { id: "2026", about: "the first", new_rules: &[], severities: &[] },
    Edition {
        id: "next",
        about: "what is to come; may change with every release",
        new_rules: &[],
        severities: &[("base/floating-tag", Severity::Medium), ("image/root-user", Severity::High)],
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
        let later = EDITIONS.iter().skip_while(|edition| edition.id != self.id).skip(1);
        !later.flat_map(|edition| edition.new_rules).any(|id| *id == rule.id)
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

//! The verdict: what the findings come to, which rules decided, and the sentence that says why.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::evaluate::BASELINE;
use super::selector::{Named, Selector};
use super::{
    Action, Baseline, Deciding, FailOn, Ignored, Ignoring, Judged, Outcome, PolicyRule, PolicySet, UsedBaseline,
    Verdict,
};
use crate::limitation::Limitation;
use crate::secret::{self, SECRETS_NOT_LISTED};

/// Groups of findings that the reason names; those beyond are summed up.
const MOST_GROUPS: usize = 3;

/// Fingerprints that a rule's entry lists; the findings themselves name the rule too.
const MOST_IDS: usize = 20;

/// Findings that the entry of a rule lists that ignored them.
const MOST_IGNORED: usize = 50;

/// Remedies that a rule's entry lists.
const MOST_REMEDIES: usize = 5;

impl PolicySet {
    /// Puts findings in order whose action was changed, and says what they come to.
    #[cfg(feature = "rego")]
    pub fn judge_again(&self, judged: &mut [Judged], limitations: &[Limitation]) -> Verdict {
        super::evaluate::sort(judged);
        self.verdict(judged, limitations)
    }

    /// What the findings come to.
    pub(super) fn verdict(&self, judged: &[Judged], limitations: &[Limitation]) -> Verdict {
        let count = |action| judged.iter().filter(|one| one.waiver.is_none() && one.action == action).count();
        let (warned, ignored) = (count(Action::Warn), count(Action::Ignore));
        let failing = |one: &&Judged| one.waiver.is_none() && one.action == Action::Fail && !one.finding.rule.is_gap;
        let failed = judged.iter().filter(failing).count();
        // what could not be judged is never clean, whatever the policy makes of it; a policy may leave it out
        let unjudged: Vec<&Judged> = judged.iter().filter(|one| one.is_gap()).collect();
        let waived = judged.iter().filter(|one| one.waiver.is_some()).count();
        let is_gap = |limitation: &&Limitation| {
            // it is a note only where all that it is about are of severity info
            limitation.is_gap || (limitation.code == SECRETS_NOT_LISTED && self.may_fail_on_info_of_secrets())
        };
        let gaps: Vec<&Limitation> = limitations.iter().filter(is_gap).collect();
        let policies = self.names();
        let (outcome, reason) = if failed > 0 {
            (Outcome::Failed, self.broken(judged, &unjudged, gaps.len()))
        } else if !unjudged.is_empty() {
            (Outcome::Incomplete, not_judged(&unjudged, gaps.len(), &quote(&policies)))
        } else if gaps.is_empty() {
            (Outcome::Passed, format!("nothing breaks {}{}", quote(&policies), rest(warned, waived)))
        } else {
            (Outcome::Incomplete, incomplete(&gaps, &quote(&policies)))
        };
        let baseline = self.baseline().map(|baseline| UsedBaseline {
            file: baseline.name.clone(),
            made: baseline.made,
            images: baseline.images.clone(),
            listed: baseline.len(),
            known: judged.iter().filter(|one| one.decided_by == BASELINE).count(),
        });
        let reason = reason + &self.of_baseline(baseline.as_ref());
        let (edition, rules, ignored_by) = (self.edition().id, deciding(judged), ignoring(judged));
        Verdict {
            outcome,
            policies: self.all_names(),
            edition,
            reason,
            failed,
            warned,
            ignored,
            waived,
            baseline,
            rules,
            ignored_by,
        }
    }

    /// Whether a secret of severity info may fail: a rule asks for such by name.
    fn may_fail_on_info_of_secrets(&self) -> bool {
        let rules = self.policies().iter().flat_map(|policy| &policy.rules).chain(self.fail_on().map(FailOn::rule));
        let is_about_secrets = |selector: &Selector| {
            let is_named = |named: &Named| named.glob().as_str().starts_with("secret/");
            selector.rules.iter().any(is_named) || secret::RULES.iter().any(|rule| selector.may_select(rule))
        };
        let fails = |rule: &PolicyRule| rule.action == Action::Fail && rule.selector.names_info();
        rules.filter(|rule| fails(rule)).any(|rule| is_about_secrets(&rule.selector))
    }

    /// What a baseline did; and where a policy fails on what is new only, that there is none to tell what is.
    fn of_baseline(&self, used: Option<&UsedBaseline>) -> String {
        let told = self.baseline().map(Baseline::told).unwrap_or_default();
        match (used, self.said_of_new()) {
            (None, Some(said)) if said.value => {
                format!("; `fail-on = \"new\"` ({}) has no `--baseline`: every finding counts as new", said.place)
            }
            (None, _) => String::new(),
            (Some(_), Some(said)) if !said.value => {
                format!("; `fail-on = \"all\"` ({}): the baseline {told} changes nothing", said.place)
            }
            (Some(UsedBaseline { known: 0, .. }), _) => format!("; the baseline {told} changes nothing"),
            (Some(UsedBaseline { known: 1, .. }), _) => format!("; 1 finding only warns by the baseline {told}"),
            (Some(UsedBaseline { known, .. }), _) => format!("; {known} findings only warn by the baseline {told}"),
        }
    }

    /// Such as: 2 findings break `careen:2026`: 1 `base/eol-distro`, 1 secret.
    fn broken(&self, judged: &[Judged], unjudged: &[&Judged], gaps: usize) -> String {
        let is_failing = |one: &&Judged| one.waiver.is_none() && one.action == Action::Fail && !one.finding.rule.is_gap;
        let failing: Vec<&Judged> = judged.iter().filter(is_failing).collect();
        let names = self.names();
        let deciding: Vec<Option<&String>> = failing.iter().map(|one| policy_of(&one.decided_by, &names)).collect();
        let breaking: Vec<String> = names.iter().filter(|name| deciding.contains(&Some(*name))).cloned().collect();
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        for one in &failing {
            let rule = one.finding.rule;
            let group = if rule.family() == "secret" { "secret".into() } else { format!("`{}`", rule.id) };
            *groups.entry(group).or_default() += 1;
        }
        let mut groups: Vec<(String, usize)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, count)| Reverse(*count));
        let beyond: usize = groups.iter().skip(MOST_GROUPS).map(|(_, count)| count).sum();
        let mut parts: Vec<String> = groups
            .iter()
            .take(MOST_GROUPS)
            .map(|(group, count)| match (group.as_str(), count) {
                ("secret", 2..) => format!("{count} secrets"),
                _ => format!("{count} {group}"),
            })
            .collect();
        if beyond > 0 {
            parts.push(format!("{beyond} more"));
        }
        let (noun, verb) = if failing.len() == 1 { ("finding", "breaks") } else { ("findings", "break") };
        let mut unread = if gaps > 0 { format!("; {} not read", parts_of_image(gaps)) } else { String::new() };
        match unjudged {
            [] => {}
            [one] => unread += &format!("; {}", one.finding.message),
            several => unread += &format!("; {} findings tell what was not judged", several.len()),
        }
        format!("{} {noun} {verb} {}: {}{unread}", failing.len(), quote(&breaking), parts.join(", "))
    }
}

/// The rules that broke the policy or warned, the gravest first.
fn deciding(judged: &[Judged]) -> Vec<Deciding> {
    let mut rules: BTreeMap<(Reverse<Action>, &str, Option<&str>), Deciding> = BTreeMap::new();
    let open = judged.iter().filter(|one| one.waiver.is_none() && one.action >= Action::Warn);
    for one in open {
        let key = (Reverse(one.action), one.decided_by.as_str(), one.decided_at.as_deref());
        let entry = rules.entry(key).or_insert_with(|| Deciding {
            rule: one.decided_by.clone(),
            place: one.decided_at.clone(),
            action: one.action,
            findings: 0,
            ids: Vec::new(),
            remedies: Vec::new(),
        });
        entry.findings = entry.findings.saturating_add(1);
        if entry.ids.len() < MOST_IDS {
            entry.ids.push(one.finding.fingerprint());
        }
        if entry.remedies.len() < MOST_REMEDIES {
            let remedy = remedy(one);
            if !entry.remedies.contains(&remedy) {
                entry.remedies.push(remedy);
            }
        }
    }
    rules.into_values().collect()
}

/// The rules that ignored findings, sorted.
fn ignoring(judged: &[Judged]) -> Vec<Ignoring> {
    let mut rules: BTreeMap<(&str, Option<&str>), Ignoring> = BTreeMap::new();
    for one in judged.iter().filter(|one| one.waiver.is_none() && one.action == Action::Ignore) {
        let (rule, place) = (one.decided_by.as_str(), one.decided_at.as_deref());
        let entry = rules.entry((rule, place)).or_insert_with(|| Ignoring {
            rule: rule.to_owned(),
            place: place.map(ToOwned::to_owned),
            findings: 0,
            first: Vec::new(),
        });
        entry.findings = entry.findings.saturating_add(1);
        if entry.first.len() < MOST_IGNORED {
            let Judged { finding, .. } = one;
            let (id, subject) = (finding.fingerprint(), finding.subject.clone());
            entry.first.push(Ignored { id, rule: finding.rule.id.to_owned(), subject });
        }
    }
    rules.into_values().collect()
}

/// What would make a finding pass: what the policy's rule says, else the upgrade, else the first sentence of the rule.
fn remedy(judged: &Judged) -> String {
    let text = |key: &str| judged.finding.evidence.get(key).and_then(|value| value.as_str());
    if let Some(help) = &judged.help {
        return help.clone();
    }
    if let Some(upgrade) = text("upgrade").or_else(|| text("fixed")) {
        let package = judged.finding.evidence.get("compared").and_then(|compared| compared.get("name"));
        let package = package.and_then(|name| name.as_str()).unwrap_or("the package");
        return format!("upgrade {package} to {upgrade}");
    }
    let remediation = judged.finding.rule.remediation;
    let end = remediation.match_indices(". ").map(|(at, _)| at).next().unwrap_or(remediation.len());
    remediation.get(..end).unwrap_or(remediation).trim_end_matches('.').to_owned()
}

/// The policy that a [`Judged::decided_by`] begins with; the longest, should one name begin another.
fn policy_of<'a>(decided_by: &str, names: &'a [String]) -> Option<&'a String> {
    let begins = |name: &&String| {
        decided_by.strip_prefix(name.as_str()).is_some_and(|rule| rule.is_empty() || rule.starts_with(' '))
    };
    names.iter().filter(begins).max_by_key(|name| name.len())
}

fn incomplete(gaps: &[&Limitation], policies: &str) -> String {
    let mut codes: Vec<&str> = gaps.iter().map(|gap| gap.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let more = if codes.len() > MOST_GROUPS { ", …" } else { "" };
    codes.truncate(MOST_GROUPS);
    format!(
        "{} not read ({}{more}); nothing in the rest breaks {policies}",
        parts_of_image(gaps.len()),
        codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", "),
    )
}

/// Such as: there are no advisories for Debian:12: 3 packages were not judged; nothing in the rest breaks `x`.
fn not_judged(findings: &[&Judged], gaps: usize, policies: &str) -> String {
    let first = findings.first().map_or("", |one| one.finding.message.as_str());
    let more = match findings.len() {
        0 | 1 => String::new(),
        count => format!("; {} more like this", count - 1),
    };
    let unread = if gaps > 0 { format!("; {} not read", parts_of_image(gaps)) } else { String::new() };
    format!("{first}{more}{unread}; nothing in the rest breaks {policies}")
}

fn parts_of_image(count: usize) -> String {
    if count == 1 { "1 part of the image was".into() } else { format!("{count} parts of the image were") }
}

fn rest(warned: usize, waived: usize) -> String {
    let warned = match warned {
        0 => String::new(),
        1 => "1 warning".into(),
        n => format!("{n} warnings"),
    };
    let waived = if waived == 0 { String::new() } else { format!("{waived} waived") };
    let parts: Vec<String> = [warned, waived].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) }
}

fn quote(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        all => all.concat(),
    }
}

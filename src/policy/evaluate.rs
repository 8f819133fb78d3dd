//! Judges findings: the last rule that matches decides, waivers accept, and the verdict sums up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::selector::{View, is_rule};
use super::{Action, AppliedWaiver, Judged, Outcome, PolicyRule, PolicySet, Scope, Verdict, Waiver};
use crate::finding::Finding;
use crate::inventory::Origin;
use crate::limitation::Limitation;
use crate::rule::{Rule, Severity};
use crate::time::Date;

/// What a policy may know beyond the findings.
#[derive(Clone, Copy)]
pub struct EvaluateContext<'a> {
    /// What was not read.
    pub limitations: &'a [Limitation],
    /// Today, for the last days of waivers.
    pub today: Date,
    /// Whose the layer of a finding is.
    pub origin: &'a dyn Fn(&Finding) -> Origin,
}

/// Who decided when no rule matched.
pub const NO_RULE: &str = "no rule matches";

/// Groups of findings that the reason names; those beyond are summed up.
const MOST_GROUPS: usize = 3;

impl PolicySet {
    /// Judges the findings and adds reminders about waivers that expired or accept nothing.
    ///
    /// The result is sorted: gravest action first, then severity, rule, subject and place.
    pub fn evaluate(&self, findings: Vec<Finding>, context: &EvaluateContext<'_>) -> (Vec<Judged>, Verdict) {
        let mut waivers: Vec<(&Waiver, usize)> =
            self.policies().iter().flat_map(|policy| &policy.waivers).map(|waiver| (waiver, 0)).collect();
        let mut judged: Vec<Judged> =
            findings.into_iter().map(|finding| self.judge(finding, &mut waivers, context)).collect();
        // after the waivers, so that one for such a finding is not taken for unused
        judged.retain(|one| !one.finding.rule.is_opt_in || self.asks_for(one.finding.rule));
        for (waiver, matching) in waivers {
            let reminder = match (waiver.is_expired(context.today), matching) {
                (true, matching) => waiver.expired_finding(matching),
                (false, 0) => waiver.unused_finding(),
                (false, _) => continue,
            };
            judged.push(self.judge(reminder, &mut [], context));
        }
        judged.sort_by(|a, b| order(a).cmp(&order(b)));
        let verdict = self.verdict(&judged, context.limitations);
        (judged, verdict)
    }

    /// Whether a rule of some policy names this rule by its whole id, or by one it has in another tool.
    pub fn asks_for(&self, rule: &Rule) -> bool {
        let mut patterns =
            self.policies().iter().flat_map(|policy| &policy.rules).flat_map(|rule| &rule.selector.rules);
        patterns.any(|pattern| pattern.is_literal() && is_rule(pattern, rule))
    }

    fn judge(&self, finding: Finding, waivers: &mut [(&Waiver, usize)], context: &EvaluateContext<'_>) -> Judged {
        let view = View::new(&finding, (context.origin)(&finding));
        let decision = self.decide(&view);
        // a waiver of the policy's own says more than a document about the package
        let accepted =
            finding.accepted.as_ref().filter(|_| decision.action > Action::Ignore).map(AppliedWaiver::of_vex);
        let by_comment = || {
            let is_honoured = self.policies().iter().rev().find_map(|policy| policy.honours_inline).unwrap_or(false);
            let is_open = is_honoured && decision.action > Action::Ignore;
            is_open.then(|| AppliedWaiver::of_comment(&finding)).flatten()
        };
        let mut waiver = None;
        for (candidate, matching) in waivers {
            if candidate.selector.selects(&view) {
                *matching += 1;
                if waiver.is_none() && decision.action > Action::Ignore && !candidate.is_expired(context.today) {
                    waiver = Some(candidate.applied());
                }
            }
        }
        let by_rules = || {
            let is_open = decision.action > Action::Ignore;
            is_open.then(|| AppliedWaiver::of_rules(&finding)).flatten()
        };
        let waiver = waiver.or(accepted).or_else(by_rules).or_else(by_comment);
        let Decision { action, decided_by, note } = decision;
        Judged { finding, action, decided_by, note, waiver }
    }

    fn decide(&self, view: &View<'_>) -> Decision {
        let is_info = view.finding.severity == Severity::Info;
        let rules = self
            .policies()
            .iter()
            .rev()
            .flat_map(|policy| policy.rules.iter().rev().map(|rule| (Some(policy.name.as_str()), rule)));
        let mut decision = match rules.into_iter().find(|(_, rule)| rule.selector.selects(view)) {
            Some((policy, rule)) => Decision::of(policy, rule, is_info),
            None => Decision {
                action: if is_info { Action::Info } else { Action::Warn },
                decided_by: NO_RULE.into(),
                note: None,
            },
        };
        if let Some(fail_on) = self.fail_on()
            && matches!(decision.action, Action::Info | Action::Warn)
            && fail_on.rule().selector.selects(view)
        {
            decision = Decision { note: decision.note.take(), ..Decision::of(None, fail_on.rule(), is_info) };
        }
        if decision.action > Action::Info
            && view.origin() == Origin::Base
            && let Some(policy) = self.policies().iter().rev().find(|policy| policy.scope.is_some())
            && policy.scope == Some(Scope::App)
        {
            let decided_by = format!("{} scope", policy.name);
            decision = Decision { action: Action::Info, decided_by, note: decision.note.take() };
        }
        decision
    }

    fn verdict(&self, judged: &[Judged], limitations: &[Limitation]) -> Verdict {
        let count = |action| judged.iter().filter(|one| one.waiver.is_none() && one.action == action).count();
        let (warned, ignored) = (count(Action::Warn), count(Action::Ignore));
        let failing = |one: &&Judged| one.waiver.is_none() && one.action == Action::Fail && !one.finding.rule.is_gap;
        let failed = judged.iter().filter(failing).count();
        // what could not be judged is never clean, whatever the policy makes of it; a policy may leave it out
        let unjudged: Vec<&Judged> = judged.iter().filter(|one| one.is_gap()).collect();
        let waived = judged.iter().filter(|one| one.waiver.is_some()).count();
        let gaps: Vec<&Limitation> = limitations.iter().filter(|limitation| limitation.is_gap).collect();
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
        Verdict { outcome, policies, reason, failed, warned, ignored, waived }
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

struct Decision {
    action: Action,
    decided_by: String,
    note: Option<String>,
}

impl Decision {
    fn of(policy: Option<&str>, rule: &PolicyRule, is_info: bool) -> Self {
        let most = if is_info && !rule.selector.names_info() { Action::Info } else { Action::Fail };
        let decided_by = match policy {
            Some(policy) => format!("{policy} {}", rule.name),
            None => rule.name.clone(),
        };
        Self { action: rule.action.min(most), decided_by, note: rule.note.clone() }
    }
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

fn order(judged: &Judged) -> impl Ord + '_ {
    let finding = &judged.finding;
    (
        Reverse(judged.action),
        Reverse(finding.weight()),
        Reverse(finding.severity),
        finding.rule.id,
        &finding.subject,
        &finding.location,
        &finding.matter,
        &finding.message,
    )
}

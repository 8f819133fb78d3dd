//! What `careen policy check` says of a policy that is in order: what in it does nothing, and what it takes away.

use super::selector::Selector;
use super::together::covering;
use super::{Action, DEFAULT_PRESET, Policy, PolicyRule, PolicySet};
use crate::rule::Rule;
use crate::time::Date;

/// Rules of one policy that a note names.
const MOST_NAMED: usize = 3;

/// Later rules that one is compared with: a file of 20,000 rules is looked through in seconds.
const MOST_AFTER: usize = 1_000;

/// Later rules of which several are looked at together.
const MOST_TOGETHER: usize = 200;

/// Notes of one kind about rules.
const MOST_NOTES: usize = 50;

/// What is allowed but worth a look, a sentence each; `set` is the policy with what judges beside it.
pub(super) fn of(policy: &Policy, set: &PolicySet, known: &[&'static Rule], today: Date) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(is_empty(policy).then(|| "it says nothing: without it the same would be judged".to_owned()));
    notes.extend(default_gates(policy, set));
    let idle = set.requirements().idle().into_iter().map(|(table, _)| table);
    let own = policy.requirements.idle();
    for (table, place) in own.iter().filter(|(table, _)| idle.clone().any(|idle| idle == *table)) {
        notes.push(format!("`[{table}]` in `{place}` does nothing: no key of it asks anything of images"));
    }
    notes.extend(useless_rules(policy, set, known));
    notes.extend(off_in_conditions(policy, set, known));
    notes.extend(milder_rules(policy, set, known));
    notes.extend(idle_waivers(policy, set, today));
    for waiver in policy.waivers.iter().filter(|waiver| !waiver.selector.is_narrow()) {
        notes.push(format!(
            "the waiver in `{}` names nothing closer than a pattern of rules, or flaws of any package: it accepts whatever comes",
            waiver.place
        ));
    }
    notes
}

/// Whether it says nothing at all.
fn is_empty(policy: &Policy) -> bool {
    let has_rules = !policy.rules.is_empty() || !policy.waivers.is_empty() || !policy.requirements.values().is_empty();
    !has_rules && !policy.has_flags() && policy.extends.is_empty() && policy.edition.is_none()
}

/// Whether the default judges beside the policy.
fn default_gates(policy: &Policy, set: &PolicySet) -> Option<String> {
    let fails =
        |policy: &Policy| policy.rules.iter().any(|rule| rule.action == Action::Fail) || policy.requirements.ask();
    let is_preset = policy.name.starts_with("careen:");
    if set.policies().iter().all(|one| one.name == DEFAULT_PRESET || one.asks_nothing())
        && policy.extends.iter().all(|extended| extended.word != DEFAULT_PRESET)
        && !is_preset
    {
        return Some(format!("it has neither rules nor demands of images, so `{DEFAULT_PRESET}` judges too"));
    }
    if !set.policies().iter().any(fails) && !is_preset {
        let what = "none of its rules fails";
        return Some(format!("{what}; add `extends = \"{DEFAULT_PRESET}\"` to keep what that preset fails on"));
    }
    let has_preset = set.policies().iter().any(|policy| policy.name.starts_with("careen:"));
    (!has_preset).then(|| {
        format!(
            "`{DEFAULT_PRESET}` does not judge beside it: of what that preset fails on, only that fails of which the file \
             says so; `extends = \"{DEFAULT_PRESET}\"` adds the rest"
        )
    })
}

/// Rules that never decide: nothing is left for them, or nothing is what they select.
fn useless_rules(policy: &Policy, set: &PolicySet, known: &[&'static Rule]) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, rule) in policy.rules.iter().enumerate() {
        if notes.len() == MOST_NOTES {
            notes.push("there may be more rules that never decide: these are the first".to_owned());
            break;
        }
        let is_about_none =
            !known.is_empty() && !known.iter().chain(super::RULES.iter()).any(|known| rule.selector.may_select(known));
        if is_about_none {
            notes.push(format!(
                "the rule in `{}` selects nothing: no rule of careen has this id and this family",
                rule.place
            ));
        } else if let Some(why) = never_selects(&rule.selector, known) {
            notes.push(format!("the rule in `{}` selects nothing: {why}", rule.place));
        } else if let Some(why) = rule.when.as_ref().and_then(super::When::constant).and_then(idle_condition) {
            notes.push(format!("the rule in `{}` never decides: {why}", rule.place));
        } else if rule.unless.as_ref().is_some_and(|unless| unless.covers(&rule.selector, known)) {
            notes.push(format!(
                "the rule in `{}` never decides: its `unless` takes away all that its `match` selects",
                rule.place
            ));
        } else if let Some(later) = rules_after(policy, number, set)
            .find(|later| takes_place(later, &rule.selector, known) && !is_to_ask(rule, later, known))
        {
            notes.push(format!(
                "the rule in `{}` never decides: the one in `{}` comes later and selects all that it does",
                rule.place, later.place
            ));
        } else if let Some(places) = taken_by_several(rule, rules_after(policy, number, set), known) {
            notes.push(format!(
                "the rule in `{}` never decides: those in {places} come later and together select all that it does",
                rule.place
            ));
        }
    }
    notes
}

/// Families whose findings are about no package.
const WITHOUT_PACKAGES: &[&str] = &["dockerfile", "layer", "secret"];

/// Why no finding can fulfil all conditions.
fn never_selects(selector: &Selector, known: &[&'static Rule]) -> Option<&'static str> {
    if selector.fixable == Some(false) && !selector.fix_ages.is_empty() {
        return Some("`fix-age` is of fixable flaws alone, and `fixable = false` leaves these out");
    }
    let kind = |glob: &super::Glob| {
        let (kind, _) = glob.as_str().strip_prefix("pkg:")?.split_once('/')?;
        (!kind.contains(['*', '?'])).then(|| kind.to_owned())
    };
    let kinds: Option<Vec<String>> = selector.purls.iter().map(kind).collect();
    if let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty() && !selector.ecosystems.is_empty())
        && !kinds.iter().any(|kind| selector.ecosystems.contains(kind))
    {
        return Some("no package URL of its `purl` is of its `ecosystem`");
    }
    let is_of_package = selector.exploited == Some(true)
        || !(selector.purls.is_empty() && selector.ecosystems.is_empty() && selector.licences.is_empty())
        || !(selector.scores.is_empty() && selector.likelihoods.is_empty());
    let mut families =
        known.iter().chain(super::RULES.iter()).filter(|rule| selector.may_select(rule)).map(|rule| rule.family());
    (is_of_package && families.all(|family| WITHOUT_PACKAGES.contains(&family)))
        .then_some("its findings are about no package, which alone have ecosystem, licence, scores and exploits")
}

/// What is wrong with a condition that always says the same.
fn idle_condition(said: Result<bool, String>) -> Option<String> {
    match said {
        Ok(true) => None,
        Ok(false) => Some("its condition never holds".to_owned()),
        Err(why) => Some(format!("its condition never has a value, and a run that asks it ends with an error: {why}")),
    }
}

/// Rules that a condition asks for and that are off.
fn off_in_conditions(policy: &Policy, set: &PolicySet, known: &[&'static Rule]) -> Vec<String> {
    let mut notes = Vec::new();
    for rule in &policy.rules {
        let off = rule.when.as_ref().map(super::When::off).unwrap_or_default();
        let is_unasked = |id: &&str| known.iter().any(|known| known.id == *id && !set.asks_for(known));
        if let Some(id) = off.into_iter().find(is_unasked) {
            notes.push(format!(
                "the condition of the rule in `{}` asks for `{id}`, which is off: name it in a `match`, too",
                rule.place
            ));
        }
    }
    notes
}

/// The places of rules that together decide wherever one that stands before them would.
fn taken_by_several<'a>(
    rule: &PolicyRule,
    later: impl Iterator<Item = &'a PolicyRule>,
    known: &[&'static Rule],
) -> Option<String> {
    let later = later.filter(|later| later.unless.is_none() && later.when.is_none());
    let later: Vec<&PolicyRule> = later.take(MOST_TOGETHER).collect();
    let selectors: Vec<&Selector> = later.iter().map(|later| &later.selector).collect();
    let those = covering(&selectors, &rule.selector, known)?;
    let those: Vec<&PolicyRule> = those.into_iter().filter_map(|number| later.get(number).copied()).collect();
    let mut off = known.iter().filter(|known| known.is_opt_in && rule.selector.names(known));
    if off.any(|off| !those.iter().any(|later| later.selector.names(off))) {
        return None;
    }
    let places: Vec<String> = those.iter().map(|later| format!("`{}`", later.place)).collect();
    match places.as_slice() {
        [others @ .., last] if !others.is_empty() => Some(format!("{} and {last}", others.join(", "))),
        _ => None,
    }
}

/// Rules of other policies that one of this policy replaces, where it is milder.
fn milder_rules(policy: &Policy, set: &PolicySet, known: &[&'static Rule]) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, rule) in policy.rules.iter().enumerate().filter(|_| set.policies().len() > 1) {
        // of several only the last has a say
        if policy.rules.iter().skip(number + 1).take(MOST_AFTER).any(|later| takes_place(later, &rule.selector, known))
        {
            continue;
        }
        for other in set.policies().iter().take_while(|other| !is_same(other, policy)) {
            let replaced: Vec<&PolicyRule> = other
                .rules
                .iter()
                .filter(|earlier| is_milder(rule, earlier) && takes_place(rule, &earlier.selector, known))
                .collect();
            let Some(first) = replaced.first() else { continue };
            let mut names: Vec<String> =
                replaced.iter().take(MOST_NAMED).map(|one| format!("`{}`", one.name)).collect();
            if replaced.len() > MOST_NAMED {
                names.push(format!("{} more", replaced.len() - MOST_NAMED));
            }
            let all = if rule.selector == Selector::default() { " selects everything and" } else { "" };
            let instead = match (rule.action, rule.grace) {
                (Action::Fail, Some(grace)) => format!("lets it wait for {grace}"),
                (action, _) => format!("says `{}`", action.as_str()),
            };
            notes.push(format!(
                "the rule in `{}`{all} takes the place of {} of `{}`: that says `{}`, this {instead}",
                rule.place,
                names.join(", "),
                other.name,
                first.action.as_str(),
            ));
        }
    }
    notes
}

/// Whether a rule lets through what an earlier one fails on.
fn is_milder(rule: &PolicyRule, earlier: &PolicyRule) -> bool {
    let waits = |rule: &PolicyRule| rule.grace.map_or(0, |grace| grace.0);
    earlier.action == Action::Fail && (rule.action < earlier.action || waits(rule) > waits(earlier))
}

/// Whether a rule decides wherever one that selects so much, and stands before it, would.
fn takes_place(later: &PolicyRule, earlier: &Selector, known: &[&'static Rule]) -> bool {
    later.unless.is_none() && later.when.is_none() && later.selector.covers(earlier, known)
}

/// Whether a rule turns on rules that are off, which the later one does not: then it does something.
fn is_to_ask(rule: &PolicyRule, later: &PolicyRule, known: &[&'static Rule]) -> bool {
    let mut off = known.iter().filter(|known| known.is_opt_in);
    off.any(|off| rule.selector.names(off) && !later.selector.names(off))
}

/// The rules that come after the one of this number, in the order in which they judge.
fn rules_after<'a>(policy: &'a Policy, number: usize, set: &'a PolicySet) -> impl Iterator<Item = &'a PolicyRule> {
    let later = set.policies().iter().skip_while(|other| !is_same(other, policy)).skip(1);
    policy.rules.iter().skip(number + 1).chain(later.flat_map(|policy| &policy.rules)).take(MOST_AFTER)
}

/// Whether both are of one file: it is read twice.
fn is_same(one: &Policy, other: &Policy) -> bool {
    one.name == other.name && one.rules.first().map(|rule| &rule.place) == other.rules.first().map(|rule| &rule.place)
}

/// Waivers that accept nothing, whatever is found.
fn idle_waivers(policy: &Policy, set: &PolicySet, today: Date) -> Vec<String> {
    let mut notes = Vec::new();
    let rules = &set.requirements().waivers;
    if let Some(allow) = rules.allow.as_ref().filter(|allow| !allow.value && !policy.waivers.is_empty()) {
        notes.push(format!("its waivers accept nothing: `allow = false` in `{}`", allow.place));
        return notes;
    }
    for waiver in &policy.waivers {
        let left = waiver.hours_left(today);
        if waiver.is_expired(today) {
            let day = waiver.expires.map(|day| format!(" on {day}")).unwrap_or_default();
            notes.push(format!("the waiver in `{}` expired{day}", waiver.place));
        } else if let Some(longest) = rules.longest.as_ref().filter(|said| left.is_none_or(|left| left > said.value)) {
            notes.push(format!(
                "the waiver in `{}` accepts nothing yet: `longest = \"{}\"` in `{}`",
                waiver.place, longest.value, longest.place
            ));
        }
    }
    notes
}

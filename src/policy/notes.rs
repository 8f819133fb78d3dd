//! What `careen policy check` says of a policy that is in order: what in it does nothing, and what it takes away.

use std::collections::BTreeMap;

use super::cover::{Reach, may_meet};
use super::inclusion::Comparing;
use super::milder::{self, takes_place};
use super::selector::{Selector, any};
use super::together::covering;
use super::waiver::Waiver;
use super::{Action, DEFAULT_PRESET, Policy, PolicyRule, PolicySet};
use crate::finding::Visibility;
use crate::inventory::Origin;
use crate::rule::{Place, Rule, Severity};
use crate::time::Date;

/// Notes of one kind about rules.
pub(super) const MOST_NOTES: usize = 50;

/// What is allowed but worth a look, a sentence each; `set` is the policy with what judges beside it.
pub(super) fn of(policy: &Policy, set: &PolicySet, known: &Comparing<'_>, today: Date) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(is_empty(policy).then(|| "it says nothing: without it the same would be judged".to_owned()));
    notes.extend(default_gates(policy, set));
    let idle = set.requirements().idle().into_iter().map(|(table, _)| table);
    let own = policy.requirements.idle();
    for (table, place) in own.iter().filter(|(table, _)| idle.clone().any(|idle| idle == *table)) {
        notes.push(format!("`[{table}]` in `{place}` does nothing: no key of it asks anything of images"));
    }
    let around = Around::of(policy, set, known);
    notes.extend(useless_rules(policy, set, &around, known));
    notes.extend(off_in_conditions(policy, &around));
    // what is idle must not keep it from what is milder, nor from waivers
    let (apart, of_waivers) = (Comparing::of(known), Comparing::of(known));
    notes.extend(milder(policy, set, &apart));
    notes.extend(silent_rules(policy));
    let waivers = idle_waivers(policy, set, &around, &of_waivers, today);
    let more = "the rules or their patterns are too many to compare them all: there may be more to tell";
    notes.extend([known, &apart, &of_waivers].iter().any(|one| one.is_short()).then(|| more.to_owned()));
    notes.extend(waivers);
    for waiver in policy.waivers.iter().filter(|waiver| !waiver.selector.is_narrow()) {
        notes.push(format!(
            "the waiver in `{}` names nothing closer than a pattern of rules, or flaws of any package: it accepts whatever comes",
            waiver.place
        ));
    }
    notes
}

/// What a policy stands among, for all of its rules.
struct Around<'a> {
    /// The rules of all policies, in the order in which they judge, each with the rules that it is about.
    rules: Vec<(&'a PolicyRule, Reach)>,
    /// The number of the policy's first rule among them.
    first: usize,
    /// The numbers of the rules that judge the image itself, by their conditions.
    conditions: BTreeMap<String, Vec<usize>>,
    /// The tables by which policies before this one ask something.
    asked_before: Vec<&'static str>,
    /// What is off.
    off: Vec<&'static Rule>,
}

impl<'a> Around<'a> {
    fn of(policy: &'a Policy, set: &'a PolicySet, known: &Comparing<'_>) -> Self {
        let before = before(policy, set);
        let mut earlier = super::Requirements::default();
        for (number, other) in before.iter().enumerate() {
            earlier.merge(&other.requirements, number);
        }
        let later = set.policies().iter().skip_while(|other| !is_same_policy(other, policy)).skip(1);
        let own = before.iter().chain([policy]).chain(later).flat_map(|policy| &policy.rules);
        let rules: Vec<(&PolicyRule, Reach)> = own.map(|rule| (rule, Reach::of(&rule.selector, known))).collect();
        let mut conditions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, (rule, _)) in rules.iter().enumerate() {
            if let Some(condition) = rule.image_condition() {
                conditions.entry(condition).or_default().push(number);
            }
        }
        Self {
            rules,
            first: before.iter().map(|policy| policy.rules.len()).sum(),
            conditions,
            asked_before: earlier.asking(),
            off: known.iter().copied().filter(|rule| rule.is_opt_in && !set.asks_for(rule)).collect(),
        }
    }

    /// The rules from a number on.
    fn rules_from(&self, number: usize) -> &[(&'a PolicyRule, Reach)] {
        self.rules.get(number..).unwrap_or_default()
    }

    fn is_off(&self, rule: &Rule) -> bool {
        self.off.iter().any(|off| off.id == rule.id)
    }
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
fn useless_rules(policy: &Policy, set: &PolicySet, around: &Around<'_>, known: &Comparing<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let own = around.rules.iter().enumerate().skip(around.first).take(policy.rules.len());
    for (number, (rule, reach)) in own {
        let after = around.rules_from(number.saturating_add(1));
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
        } else if let Some(why) = idle_purl(&rule.selector) {
            notes.push(format!("part of the rule in `{}` selects nothing: {why}", rule.place));
        } else if let Some(why) = rule.when.as_ref().and_then(super::When::constant).and_then(idle_condition) {
            notes.push(format!("the rule in `{}` never decides: {why}", rule.place));
        } else if rule.unless.as_ref().is_some_and(|unless| unless.covers(&rule.selector, known)) {
            notes.push(format!(
                "the rule in `{}` never decides: its `unless` takes away all that its `match` selects",
                rule.place
            ));
        } else if let Some(why) = nothing_comes(rule, number, set, around, known) {
            notes.push(format!("the rule in `{}` decides nothing: {why}", rule.place));
        } else if is_about_info_alone(rule, known) {
            notes.push(format!(
                "the rule in `{}` never says `{}`: all that it selects is of severity `info`, and it names neither that nor \
                 the rule by its whole id",
                rule.place,
                rule.action.as_str()
            ));
        } else if let Some(why) = idle_image_rule(rule, number, around) {
            notes.push(format!("the rule in `{}` never decides: {why}", rule.place));
        } else if let Some(later) = taken_by_one(rule, reach, after, known) {
            notes.push(format!(
                "the rule in `{}` never decides: the one in `{}` comes later and selects all that it does",
                rule.place, later.place
            ));
        } else if let Some(places) = taken_by_several(rule, reach, after, known) {
            notes.push(format!(
                "the rule in `{}` never decides: those in {places} come later and together select all that it does",
                rule.place
            ));
        }
    }
    notes
}

/// Why nothing comes to a rule that it selects: all of that is off, or decided by others, or nobody asks for it.
fn nothing_comes(
    rule: &PolicyRule,
    number: usize,
    set: &PolicySet,
    around: &Around<'_>,
    known: &Comparing<'_>,
) -> Option<String> {
    let is_off = |one: &Rule| around.is_off(one);
    let is_own = |one: &Rule| super::RULES.iter().any(|own| own.id == one.id);
    let selected = || known.iter().chain(super::RULES.iter()).filter(|one| rule.selector.may_select(one));
    // nearly all rules of policies select something else
    if known.is_empty() || rule.judges_image() || selected().any(|one| !is_off(one) && !is_own(one)) {
        return None;
    }
    let asked = set.requirements().asking();
    let mut reason = None;
    for one in selected() {
        let is_found = |found: &[&'static Rule]| found.iter().any(|found| found.id == one.id);
        let finds = set.requirements().finds().into_iter();
        let finds = finds.filter(|(_, _, found, gaps)| is_found(found) || is_found(gaps));
        let tables: Vec<&'static str> = finds.map(|(table, ..)| table).collect();
        let is_asked = tables.iter().any(|table| around.asked_before.contains(table));
        let why = if one.id == super::IN_REGO.id {
            "what a policy in Rego says of an image, it decides itself".to_owned()
        } else if one.id == super::IMAGE_CONDITION.id {
            if around.conditions.values().flatten().any(|condition| *condition < number) {
                return None;
            }
            "no rule that comes before it has a condition on the image itself".to_owned()
        } else if is_asked || (tables.is_empty() && !is_off(one)) {
            return None;
        } else if let Some(table) = tables.iter().find(|table| asked.contains(*table)) {
            format!(
                "what `[{table}]` finds is decided by the `action` of the table, or by rules of policies that come later"
            )
        } else if is_off(one) {
            "what it selects is off, and on only where a rule names it by its whole id".to_owned()
        } else {
            let tables: Vec<String> = tables.iter().map(|table| format!("`[{table}]`")).collect();
            format!("no {} that comes before it asks for what it selects", tables.join(" or "))
        };
        reason.get_or_insert(why);
    }
    reason
}

/// Whether a rule is to warn or to fail where findings are shown and no more.
fn is_about_info_alone(rule: &PolicyRule, known: &Comparing<'_>) -> bool {
    let selector = &rule.selector;
    let takes = |severity: &Severity| any(&selector.severities, |bound| bound.holds(severity));
    // rules of secrets are as grave as what they find
    let may_be_graver = |one: &Rule| one.severity > Severity::Info || one.family() == "secret";
    let is_graver = |one: &&'static Rule| may_be_graver(one) && selector.may_select(one);
    let has_graver = known.is_empty() || known.iter().chain(super::RULES.iter()).any(is_graver);
    rule.action > Action::Info
        && !rule.judges_image()
        && !selector.names_info()
        && (!has_graver || !Severity::ALL.iter().any(|one| *one > Severity::Info && takes(one)))
}

/// Why a rule that judges the image itself does nothing.
fn idle_image_rule(rule: &PolicyRule, number: usize, around: &Around<'_>) -> Option<String> {
    let same = around.conditions.get(&rule.image_condition()?)?;
    let next = same.get(same.partition_point(|other| *other <= number));
    if let Some((later, _)) = next.and_then(|next| around.rules.get(*next)) {
        return Some(format!("the one in `{}` comes later and has the same condition", later.place));
    }
    let has_earlier = same.first().is_some_and(|first| *first < number);
    (rule.action == Action::Ignore && !has_earlier).then(|| {
        "its condition is about the image itself, and no rule before it finds something by the same".to_owned()
    })
}

/// Why no report has the path of a pattern.
fn odd_path(selector: &Selector, known: &Comparing<'_>) -> Option<String> {
    // the path of a Dockerfile is as the command names it
    let is_of_dockerfile =
        |rule: &&'static Rule| rule.lies_in().contains(&Place::Dockerfile) && selector.may_select(rule);
    let is_in_image = !known.is_empty() && !known.iter().any(is_of_dockerfile);
    let is_odd = |glob: &super::Glob| {
        let text = glob.as_str().trim_start_matches("./");
        let (is_whole, text) = text.strip_prefix('/').map_or((false, text), |text| (true, text));
        let text = text.strip_suffix('/').unwrap_or(text);
        text.contains("//")
            || text.starts_with('/')
            || ((is_whole || is_in_image) && text.split('/').any(|part| [".", ".."].contains(&part)))
    };
    let is_dead = !selector.paths.is_empty() && selector.paths.iter().all(is_odd);
    is_dead.then(|| "paths are compared as reports show them, and these have no `//`, `.` or `..`".to_owned())
}

/// Why no finding can fulfil all conditions.
fn never_selects(selector: &Selector, known: &Comparing<'_>) -> Option<String> {
    if selector.fixable == Some(false) && !selector.fix_ages.is_empty() {
        return Some("`fix-age` is of fixable flaws alone, and `fixable = false` leaves these out".to_owned());
    }
    let kind = |glob: &super::Glob| {
        let (kind, _) = glob.as_str().strip_prefix("pkg:")?.split_once('/')?;
        (!kind.contains(['*', '?'])).then(|| kind.to_owned())
    };
    let kinds: Option<Vec<String>> = selector.purls.iter().map(kind).collect();
    if let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty() && !selector.ecosystems.is_empty())
        && !kinds.iter().any(|kind| selector.ecosystems.contains(kind))
    {
        return Some("no package URL of its `purl` is of its `ecosystem`".to_owned());
    }
    if !selector.purls.is_empty() && selector.purls.iter().all(|glob| without_distribution(glob).is_some()) {
        return idle_purl(selector);
    }
    if let Some(why) = odd_path(selector, known) {
        return Some(why);
    }
    if known.is_empty() { None } else { lies_elsewhere(selector, known).map(ToOwned::to_owned) }
}

/// Why none of the rules has findings where the conditions look for them.
fn lies_elsewhere(selector: &Selector, known: &Comparing<'_>) -> Option<&'static str> {
    let rules = known.iter().chain(super::RULES.iter()).filter(|rule| selector.may_select(rule));
    let places: Vec<Place> = rules.flat_map(|rule| rule.lies_in()).copied().collect();
    wrong_place(selector, &places, || takes_config(selector))
}

/// Whether its paths take the one of configuration and history.
pub(super) fn takes_config(selector: &Selector) -> bool {
    selector.paths.iter().any(|glob| glob.is_match("config"))
}

/// Why what lies in these places never fulfils the conditions.
pub(super) fn wrong_place(
    selector: &Selector,
    places: &[Place],
    takes_config: impl Fn() -> bool,
) -> Option<&'static str> {
    let lies = |among: &[Place]| places.iter().any(|place| among.contains(place));
    let is_of_package = selector.exploited == Some(true)
        || !(selector.purls.is_empty() && selector.ecosystems.is_empty() && selector.licences.is_empty())
        || !(selector.scores.is_empty() && selector.likelihoods.is_empty());
    if is_of_package && !lies(&[Place::Package]) {
        return Some("its findings are about no package, which alone have ecosystem, licence, scores and exploits");
    }
    if !selector.paths.is_empty() && !lies(&[Place::File, Place::Package, Place::Dockerfile]) {
        let lies_in_config = lies(&[Place::Config, Place::History]);
        if !lies_in_config {
            return Some("its findings are about the image as a whole, and have no path");
        }
        if !takes_config() {
            return Some("its findings are about the configuration or a build step, whose path is `config`");
        }
    }
    if !selector.origins.is_empty() && !selector.origins.contains(&Origin::Unknown) && !places.is_empty() {
        let has_layer = lies(&[Place::File, Place::Package, Place::History, Place::Config, Place::Dockerfile]);
        if !has_layer {
            return Some("its findings are about the image as a whole, and of no layer");
        }
    }
    let is_hidden = !selector.visibilities.is_empty() && !selector.visibilities.contains(&Visibility::Live);
    (is_hidden && !lies(&[Place::File, Place::Package, Place::History]))
        .then_some("its findings are about no file that another layer could hide")
}

/// Types whose package URLs name a distribution (purl-spec, rules for type).
const OF_DISTRIBUTIONS: &[&str] = &["alpm", "apk", "deb", "rpm"];

/// Type and name of a pattern over package URLs that has no distribution where all have one.
fn without_distribution(glob: &super::Glob) -> Option<(&str, &str)> {
    let (kind, rest) = glob.as_str().strip_prefix("pkg:")?.split_once('/')?;
    let name = rest.split(['@', '?']).next().unwrap_or_default();
    let is_without = !rest.contains('/') && !name.contains('*') && !rest.starts_with('?');
    (OF_DISTRIBUTIONS.contains(&kind) && is_without).then_some((kind, rest))
}

/// What is wrong with a pattern over package URLs that takes none.
fn idle_purl(selector: &Selector) -> Option<String> {
    let (glob, (kind, name)) = selector.purls.iter().find_map(|glob| Some((glob, without_distribution(glob)?)))?;
    Some(format!(
        "package URLs of type `{kind}` name a distribution, and `{glob}` has none: `pkg:{kind}/*/{name}` takes any"
    ))
}

/// Rules that judge an image by a condition, but only where something else is found in it.
fn silent_rules(policy: &Policy) -> Vec<String> {
    let is_silent = |rule: &&PolicyRule| {
        let asks_image =
            rule.action == Action::Fail && rule.when.as_ref().is_some_and(super::When::is_about_image_alone);
        let named = &rule.selector;
        let is_open = named.rules.is_empty() && named.families.is_empty() && named.fingerprints.is_empty();
        let is_anywhere = named.paths.is_empty() && named.subjects.is_empty() && named.purls.is_empty();
        asks_image && is_open && is_anywhere && !rule.judges_image()
    };
    let rules = policy.rules.iter().filter(is_silent).take(MOST_NOTES);
    let note = |rule: &PolicyRule| {
        format!(
            "the condition of the rule in `{}` is about the image alone, but the rule says nothing of an image in which \
             nothing is found: with `match = {{}}` and without `unless` it judges the image itself",
            rule.place
        )
    };
    rules.map(note).collect()
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
fn off_in_conditions(policy: &Policy, around: &Around<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for rule in &policy.rules {
        let off = rule.when.as_ref().map(super::When::off).unwrap_or_default();
        let is_unasked = |id: &&str| around.off.iter().any(|off| off.id == *id);
        if let Some(id) = off.into_iter().find(is_unasked) {
            notes.push(format!(
                "the condition of the rule in `{}` asks for `{id}`, which is off: name it in a `match`, too",
                rule.place
            ));
        }
    }
    notes
}

/// The first of the later rules that decides wherever one that stands before it would.
fn taken_by_one<'a>(
    rule: &PolicyRule,
    reach: &Reach,
    after: &[(&'a PolicyRule, Reach)],
    known: &Comparing<'_>,
) -> Option<&'a PolicyRule> {
    let mut after = after.iter().take_while(|_| known.take(1));
    let takes = |(later, of_later): &&(&PolicyRule, Reach)| {
        (known.is_empty() || reach.is_within(of_later))
            && takes_place(later, &rule.selector, known)
            && !is_to_ask(rule, later, known)
    };
    after.find(takes).map(|(later, _)| *later)
}

/// The places of rules that together decide wherever one that stands before them would.
fn taken_by_several(
    rule: &PolicyRule,
    reach: &Reach,
    after: &[(&PolicyRule, Reach)],
    known: &Comparing<'_>,
) -> Option<String> {
    let after = after.iter().take_while(|_| known.take(1));
    let may_take = |(later, of_later): &&(&PolicyRule, Reach)| {
        later.is_unconditional()
            && (known.is_empty() || reach.meets(of_later))
            && !later.selector.is_of_other_flaws(&rule.selector)
    };
    let later: Vec<&PolicyRule> = after.filter(may_take).map(|(later, _)| *later).collect();
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

/// Rules and values by which a policy makes the gate of those before it milder.
fn milder(policy: &Policy, set: &PolicySet, known: &Comparing<'_>) -> Vec<String> {
    let before = before(policy, set);
    let mut notes = milder::rules(policy, before, known);
    if notes.len() > MOST_NOTES {
        notes.truncate(MOST_NOTES);
        notes.push("there may be more rules that make the gate milder: these are the first".to_owned());
    }
    notes.extend(milder::conditions(policy, before));
    notes.extend(milder::values(policy, before));
    notes
}

/// Whether a rule turns on rules that are off, which the later one does not: then it does something.
fn is_to_ask(rule: &PolicyRule, later: &PolicyRule, known: &Comparing<'_>) -> bool {
    let mut off = known.iter().filter(|known| known.is_opt_in);
    off.any(|off| rule.selector.names(off) && !later.selector.names(off))
}

/// The policies that judge before this one.
fn before<'a>(policy: &Policy, set: &'a PolicySet) -> &'a [Policy] {
    let place = set.policies().iter().position(|other| is_same_policy(other, policy));
    set.policies().get(..place.unwrap_or_default()).unwrap_or_default()
}

/// Whether both are of one file: it is read twice.
fn is_same_policy(one: &Policy, other: &Policy) -> bool {
    one.name == other.name
        && match (one.rules.first(), other.rules.first()) {
            (None, None) => places(one) == places(other),
            (one, other) => one.map(|rule| &rule.place) == other.map(|rule| &rule.place),
        }
}

/// Where a policy without rules says something.
fn places(policy: &Policy) -> Vec<String> {
    let flags = [&policy.honours_inline, &policy.fails_on_new].into_iter().flatten().map(|said| said.place.clone());
    let others = policy.edition.iter().map(|said| said.place.clone());
    let others = others.chain(policy.scope.iter().map(|said| said.place.clone()));
    let others = others.chain(policy.extends.iter().map(|extended| extended.place.clone()));
    let others = others.chain(policy.waivers.iter().map(|waiver| waiver.place.clone()));
    flags.chain(others).chain(policy.requirements.values().into_iter().map(|(.., place)| place)).collect()
}

/// Whether all that it selects is said of waivers.
fn is_about_waivers(selector: &Selector, known: &Comparing<'_>) -> bool {
    let is_other = |rule: &&'static Rule| {
        let is_said = super::waiver::RULES.iter().any(|said| said.id == rule.id);
        !is_said && selector.may_select(rule)
    };
    !known.is_empty() && !known.iter().chain(super::RULES.iter()).any(is_other)
}

/// Waivers that accept nothing, whatever is found.
fn idle_waivers(
    policy: &Policy,
    set: &PolicySet,
    around: &Around<'_>,
    known: &Comparing<'_>,
    today: Date,
) -> Vec<String> {
    let mut notes = Vec::new();
    let rules = &set.requirements().waivers;
    if let Some(allow) = rules.allow.as_ref().filter(|allow| !allow.value && !policy.waivers.is_empty()) {
        notes.push(format!("its waivers accept nothing: `allow = false` in `{}`", allow.place));
        return notes;
    }
    let is_too_long = |waiver: &Waiver| {
        let left = waiver.hours_left(today);
        rules.longest.as_ref().filter(|said| left.is_none_or(|left| left > said.value))
    };
    let holds: Vec<bool> =
        policy.waivers.iter().map(|waiver| !waiver.is_expired(today) && is_too_long(waiver).is_none()).collect();
    for (number, waiver) in policy.waivers.iter().enumerate() {
        if let Some(why) = never_selects(&waiver.selector, known).or_else(|| idle_purl(&waiver.selector)) {
            notes.push(format!("the waiver in `{}` accepts nothing: {why}", waiver.place));
        } else if is_about_waivers(&waiver.selector, known) {
            let what = "reminders of waivers are decided by rules alone";
            notes.push(format!("the waiver in `{}` accepts nothing: {what}", waiver.place));
        } else if waiver.is_expired(today) {
            let day = waiver.expires.map(|day| format!(" on {day}")).unwrap_or_default();
            notes.push(format!("the waiver in `{}` expired{day}", waiver.place));
        } else if let Some(longest) = is_too_long(waiver) {
            notes.push(format!(
                "the waiver in `{}` accepts nothing yet: `longest = \"{}\"` in `{}`",
                waiver.place, longest.value, longest.place
            ));
        } else if let Some(other) = wider_waiver(number, &policy.waivers, &holds, known) {
            notes.push(format!(
                "the waiver in `{}` does nothing: the one in `{}` accepts all that it does, and as long",
                waiver.place, other.place
            ));
        } else if let Some(why) = needs_no_waiver(&waiver.selector, policy, set, around, known) {
            notes.push(format!("the waiver in `{}` accepts nothing: {why}", waiver.place));
        }
    }
    notes
}

/// Another waiver that accepts all that one does, as long as it does; of two that do the same the first is not told.
fn wider_waiver<'a>(number: usize, waivers: &'a [Waiver], holds: &[bool], known: &Comparing<'_>) -> Option<&'a Waiver> {
    let waiver = waivers.get(number)?;
    let lasts =
        |one: &Waiver, other: &Waiver| one.expires.is_none_or(|last| other.expires.is_some_and(|day| day <= last));
    let covers = |one: &Waiver, other: &Waiver| lasts(one, other) && one.selector.covers(&other.selector, known);
    let mut others = waivers.iter().zip(holds).enumerate().take_while(|_| known.take(1));
    let wider = others.find(|(place, (other, holds))| {
        **holds && *place != number && covers(other, waiver) && (*place < number || !covers(waiver, other))
    });
    // a no for want of steps is none
    wider.filter(|_| !known.is_spent()).map(|(_, (other, _))| other)
}

/// Why nothing of what is selected counts, so that it needs no waiver.
fn needs_no_waiver(
    selector: &Selector,
    policy: &Policy,
    set: &PolicySet,
    around: &Around<'_>,
    known: &Comparing<'_>,
) -> Option<String> {
    // a file of waivers alone serves other policies, too
    if policy.rules.is_empty() || known.is_empty() {
        return None;
    }
    let mut of_tables = set.requirements().finds().into_iter().flat_map(|(_, _, found, gaps)| found.iter().chain(gaps));
    // what tables find, rules that come before them do not decide
    if super::RULES.iter().chain(of_tables.by_ref()).any(|rule| selector.may_select(rule)) {
        return None;
    }
    let mut selected = known.iter().filter(|rule| selector.may_select(rule)).peekable();
    if selected.peek().is_some() && selected.all(|rule| around.is_off(rule)) {
        return Some("what it is for is off, and on only where a rule names it by its whole id".to_owned());
    }
    let reach = Reach::of(selector, known);
    for (rule, of_rule) in around.rules.iter().rev().take_while(|_| known.take(1)) {
        if !reach.meets(of_rule) {
            continue;
        }
        if rule.action == Action::Ignore {
            if takes_place(rule, selector, known) {
                return Some(format!("the rule in `{}` ignores all that it is for", rule.place));
            }
        } else if may_meet(&rule.selector, selector, known) {
            return None;
        }
    }
    None
}

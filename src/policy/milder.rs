//! Where a policy lets through what the policies before it fail on: `careen policy check` tells each such rule and value.

use super::cover::{may_meet, meeting};
use super::inclusion::cover;
use super::requirement::Requirements;
use super::requirement::require::Labels;
use super::selector::Selector;
use super::{Action, Glob, Policy, PolicyRule, Scope};
use crate::rule::Rule;

/// Rules of one policy that a note names.
const MOST_NAMED: usize = 3;

/// Comparisons with later rules of the same policy: beyond, no more is told.
const MOST_COMPARED: usize = 2_000_000;

/// A failing rule of an earlier policy.
struct Failing<'a> {
    policy: &'a Policy,
    rule: &'a PolicyRule,
    /// The last rule of the later policy that decides wherever this one would.
    replaced_by: Option<usize>,
}

/// Rules that may decide where an earlier policy fails, and are milder: a note for each.
pub(super) fn rules(policy: &Policy, before: &[Policy], known: &[&'static Rule]) -> Vec<String> {
    let failing = failing(policy, before, known);
    let mut notes = Vec::new();
    let mut left = MOST_COMPARED;
    for (number, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| !rule.judges_image()) {
        if notes.len() > super::notes::MOST_NOTES || left == 0 {
            break;
        }
        let later = policy.rules.get(number.saturating_add(1)..).unwrap_or_default();
        let later = later.get(..later.len().min(super::notes::MOST_AFTER)).unwrap_or_default();
        if rule.when.as_ref().and_then(super::When::constant).is_some_and(|said| said == Ok(false)) {
            continue;
        }
        let is_met = |one: &&Failing<'_>| {
            // of several of the policy the last has the say
            one.replaced_by.is_none_or(|last| last <= number)
                && is_milder(rule, one.rule)
                && may_meet(&rule.selector, &one.rule.selector, known)
                && !takes_away(rule.unless.as_ref(), &one.rule.selector, known)
                && !takes_away(one.rule.unless.as_ref(), &rule.selector, known)
        };
        let mut met: Vec<&Failing<'_>> = failing.iter().filter(is_met).collect();
        met.retain(|one| {
            left = left.saturating_sub(later.len());
            let both = meeting(&rule.selector, &one.rule.selector);
            !later.iter().any(|later| takes_place(later, &both, known))
        });
        let Some(first) = met.first() else { continue };
        let is_whole = met.iter().all(|one| takes_place(rule, &one.rule.selector, known));
        let all = if rule.selector == Selector::default() && rule.unless.is_none() && rule.when.is_none() {
            " selects everything and"
        } else {
            ""
        };
        let takes = if is_whole { "takes" } else { "may take" };
        let instead = match (rule.action, rule.grace) {
            (Action::Fail, Some(grace)) => format!("lets it wait for {grace}"),
            (action, _) => format!("says `{}`", action.as_str()),
        };
        notes.push(format!(
            "the rule in `{}`{all} {takes} the place of {}: that says `{}`, this {instead}",
            rule.place,
            named(&met),
            first.rule.action.as_str(),
        ));
    }
    notes
}

/// The failing rules of earlier policies that still decide when the later one begins.
fn failing<'a>(policy: &Policy, before: &'a [Policy], known: &[&'static Rule]) -> Vec<Failing<'a>> {
    let mut failing = Vec::new();
    for (number, other) in before.iter().enumerate() {
        let between = || before.iter().skip(number.saturating_add(1)).flat_map(|policy| &policy.rules);
        let fails = |rule: &PolicyRule| rule.action == Action::Fail && !rule.judges_image();
        for (at, rule) in other.rules.iter().enumerate().filter(|(_, rule)| fails(rule)) {
            let mut after = other.rules.iter().skip(at.saturating_add(1)).chain(between());
            if after.any(|later| takes_place(later, &rule.selector, known)) {
                continue;
            }
            let replaced_by = policy.rules.iter().rposition(|later| takes_place(later, &rule.selector, known));
            failing.push(Failing { policy: other, rule, replaced_by });
        }
    }
    failing
}

/// The rules by name, under the policies that have them.
fn named(met: &[&Failing<'_>]) -> String {
    let mut policies: Vec<&str> = met.iter().map(|one| one.policy.name.as_str()).collect();
    policies.dedup();
    let of = |policy: &str| {
        let rules: Vec<&PolicyRule> = met.iter().filter(|one| one.policy.name == policy).map(|one| one.rule).collect();
        let mut names: Vec<String> = rules.iter().take(MOST_NAMED).map(|rule| format!("`{}`", rule.name)).collect();
        if rules.len() > MOST_NAMED {
            names.push(format!("{} more", rules.len().saturating_sub(MOST_NAMED)));
        }
        format!("{} of `{policy}`", names.join(", "))
    };
    policies.into_iter().map(of).collect::<Vec<_>>().join(" and ")
}

/// Whether a rule lets through what an earlier one fails on.
fn is_milder(rule: &PolicyRule, earlier: &PolicyRule) -> bool {
    let waits = |rule: &PolicyRule| rule.grace.map_or(0, |grace| grace.0);
    rule.action < earlier.action || waits(rule) > waits(earlier)
}

/// Whether an `unless` leaves nothing of what is selected.
fn takes_away(unless: Option<&Selector>, selector: &Selector, known: &[&'static Rule]) -> bool {
    unless.is_some_and(|unless| unless.covers(selector, known))
}

/// Whether a rule decides wherever one that selects so much, and stands before it, would.
pub(super) fn takes_place(later: &PolicyRule, earlier: &Selector, known: &[&'static Rule]) -> bool {
    later.unless.is_none() && later.when.is_none() && later.selector.covers(earlier, known)
}

/// Values of tables by which less fails than by those of earlier policies: a note for each.
pub(super) fn values(policy: &Policy, before: &[Policy]) -> Vec<String> {
    let mut earlier = Requirements::default();
    for (number, other) in before.iter().enumerate() {
        earlier.merge(&other.requirements, number);
    }
    let own = policy.requirements.values();
    let mut notes = Vec::new();
    for key in policy.requirements.milder_than(&earlier) {
        let Some((_, value, place)) = own.iter().find(|(name, ..)| *name == key) else { continue };
        let was = before.iter().rev().find_map(|other| {
            let values = other.requirements.values();
            let said = values.into_iter().find(|(name, ..)| *name == key)?;
            Some(format!("`{}` of `{}`", said.1, other.name))
        });
        let was = was.unwrap_or_else(|| "the default `\"fail\"`".to_owned());
        notes.push(format!("`{key} = {value}` in `{place}` is milder than {was}"));
    }
    let fails =
        |other: &&Policy| other.requirements.ask() || other.rules.iter().any(|rule| rule.action == Action::Fail);
    let Some(gate) = before.iter().rev().find(fails).map(|other| &other.name) else { return notes };
    let had = |is: fn(&Policy) -> Option<bool>| before.iter().rev().find_map(is);
    if let Some(said) = policy.scope.as_ref().filter(|said| said.value == Scope::App)
        && had(|other| other.scope.as_ref().map(|said| said.value == Scope::App)) != Some(true)
    {
        notes.push(format!(
            "`scope = \"app\"` in `{}` lets through what `{gate}` fails on in layers of the base",
            said.place
        ));
    }
    if let Some(said) = policy.honours_inline.as_ref().filter(|said| said.value)
        && had(|other| other.honours_inline.as_ref().map(|said| said.value)) != Some(true)
    {
        notes.push(format!(
            "`honour-inline = true` in `{}` lets comments in the image's files accept secrets that `{gate}` fails on",
            said.place
        ));
    }
    if let Some(said) = policy.fails_on_new.as_ref().filter(|said| said.value)
        && had(|other| other.fails_on_new.as_ref().map(|said| !said.value)) == Some(true)
    {
        notes.push(format!("`fail-on = \"new\"` in `{}` lets through what a baseline lists", said.place));
    }
    notes
}

impl Requirements {
    /// The values by which less fails than by `earlier`, as `[table] key`.
    fn milder_than(&self, earlier: &Self) -> Vec<String> {
        let mut milder: Vec<&str> = Vec::new();
        let actions = [
            ("base", "[base] action", &self.base.action, &earlier.base.action),
            ("data", "[data] action", &self.data.action, &earlier.data.action),
            ("licences", "[licences] action", &self.licences.action, &earlier.licences.action),
            ("limits", "[limits] action", &self.limits.action, &earlier.limits.action),
            ("require", "[require] action", &self.require.action, &earlier.require.action),
        ];
        let asked = earlier.asking();
        milder.extend(actions.iter().filter_map(|(table, key, own, was)| {
            let was = was.as_ref().map_or(Action::Fail, |said| said.value);
            (asked.contains(table) && own.as_ref().is_some_and(|own| own.value < was)).then_some(*key)
        }));
        let times = [
            ("[base] max-age", self.base.highest_age.as_ref(), earlier.base.highest_age.as_ref()),
            ("[data] max-age", self.data.highest_age.as_ref(), earlier.data.highest_age.as_ref()),
            ("[waivers] longest", self.waivers.longest.as_ref(), earlier.waivers.longest.as_ref()),
        ];
        milder.extend(times.iter().filter(|(_, own, was)| is(*own, *was, |own, was| own > was)).map(|(key, ..)| *key));
        let (limits, were) = (&self.limits, &earlier.limits);
        let counts = [
            ("[limits] layers", limits.layers.as_ref(), were.layers.as_ref()),
            ("[limits] packages", limits.packages.as_ref(), were.packages.as_ref()),
            ("[limits] size", limits.size.as_ref(), were.size.as_ref()),
            ("[limits] stored-size", limits.stored.as_ref(), were.stored.as_ref()),
            ("[limits] waste-floor", limits.waste_floor.as_ref(), were.waste_floor.as_ref()),
        ];
        milder.extend(counts.iter().filter(|(_, own, was)| is(*own, *was, |own, was| own > was)).map(|(key, ..)| *key));
        let (base, based) = (&self.base, &earlier.base);
        let (licences, were_licensed) = (&self.licences, &earlier.licences);
        let (require, required) = (&self.require, &earlier.require);
        let (waivers, waived) = (&self.waivers, &earlier.waivers);
        let others = [
            ("[base] allow", is(base.allow.as_ref(), based.allow.as_ref(), |own, was| takes_more(was, own))),
            ("[base] allow-digests", is(base.digests.as_ref(), based.digests.as_ref(), |own, was| lacks(was, own))),
            ("[base] deny", is(base.deny.as_ref(), based.deny.as_ref(), |own, was| takes_more(own, was))),
            ("[licences] allow", is(licences.allow.as_ref(), were_licensed.allow.as_ref(), |own, was| lacks(was, own))),
            ("[licences] deny", is(licences.deny.as_ref(), were_licensed.deny.as_ref(), |own, was| lacks(own, was))),
            (
                "[licences] ignore",
                is(licences.ignore.as_ref(), were_licensed.ignore.as_ref(), |own, was| takes_more(was, own)),
            ),
            ("[licences] unknown", is(licences.unknown.as_ref(), were_licensed.unknown.as_ref(), |own, was| own < was)),
            ("[limits] waste", is(limits.waste.as_ref(), were.waste.as_ref(), |own, was| own.0 > was.0)),
            ("[require] labels", is(require.labels.as_ref(), required.labels.as_ref(), Labels::lack)),
            ("[require] user", is(require.user.as_ref(), required.user.as_ref(), |own, was| lacks(was, own))),
            ("[waivers] allow", is(waivers.allow.as_ref(), waived.allow.as_ref(), |own, was| *own && !was)),
            (
                "[waivers] dockerfile-comments",
                is(waivers.comments.as_ref(), waived.comments.as_ref(), |own, was| *own && !was),
            ),
            ("[waivers] require", is(waivers.require.as_ref(), waived.require.as_ref(), |own, was| lacks(own, was))),
        ];
        milder.extend(others.into_iter().filter_map(|(key, is_milder)| is_milder.then_some(key)));
        milder.into_iter().map(ToOwned::to_owned).collect()
    }
}

/// Whether both say something, of which this holds.
fn is<T>(own: Option<&super::Said<T>>, was: Option<&super::Said<T>>, holds: impl Fn(&T, &T) -> bool) -> bool {
    own.zip(was).is_some_and(|(own, was)| holds(&own.value, &was.value))
}

/// Whether `wanted` take something that `all` do not.
fn takes_more(all: &[Glob], wanted: &[Glob]) -> bool {
    wanted.iter().any(|one| !cover(all, one))
}

/// Whether some of `wanted` is not among `all`.
fn lacks<T: PartialEq>(all: &[T], wanted: &[T]) -> bool {
    wanted.iter().any(|one| !all.contains(one))
}

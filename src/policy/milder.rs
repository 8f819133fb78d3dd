//! Where a policy lets through what the policies before it fail on: `careen policy check` tells each such rule and value.

use std::collections::BTreeMap;

use super::cover::{Reach, may_meet, meeting};
use super::edition::EDITIONS;
use super::inclusion::{Comparing, cover};
use super::requirement::Requirements;
use super::requirement::fix::RunAs;
use super::requirement::licences::KINDS;
use super::requirement::require::Labels;
use super::requirement::waivers::DEFAULT_NEEDS;
use super::selector::{Named, Selector, any, may_have_day};
use super::{Action, DEFAULT_PRESET, Glob, IMAGE_CONDITION, Policy, PolicyRule, Scope};
use crate::rule::{Rule, Severity};

/// Rules of one policy that a note names.
const MOST_NAMED: usize = 3;

/// Pairs of rules that are looked at: the mildest rules come first, and that there may be more is told.
const MOST_COMPARED: usize = 20_000_000;

/// A rule of an earlier policy that fails, or something else of it that does.
struct Failing<'a> {
    policy: &'a Policy,
    rule: &'a PolicyRule,
    /// It only says that something could not be judged: that is told unless somebody ignores it.
    is_gap: bool,
    /// The last rule of the later policy that decides wherever this one would.
    replaced_by: Option<usize>,
    /// The rules that it is about.
    reach: Reach,
}

/// Rules that may decide where an earlier policy fails, and are milder: a note for each. Where no more may be compared, what
/// could make it milder is told.
pub(super) fn rules(policy: &Policy, before: &[Policy], known: &Comparing<'_>) -> Vec<String> {
    let demands = demands(before);
    let still = Comparing::of(known);
    let failing = failing(policy, before, &demands, &still);
    if still.is_short() {
        known.cut();
    }
    let kinds = Kinds {
        graded: Reach::where_it_holds(known, |rule| !rule.is_gap),
        dated: Reach::where_it_holds(known, may_have_day),
        slight: Reach::where_it_holds(known, may_be_info),
    };
    let mut order: Vec<(usize, &PolicyRule)> = policy.rules.iter().enumerate().collect();
    order.retain(|(_, rule)| !rule.judges_image());
    order.sort_by_key(|(_, rule)| rule.action);
    let mut notes: Vec<(usize, String)> = Vec::new();
    let mut left = MOST_COMPARED;
    for (number, rule) in order {
        if notes.len() > super::notes::MOST_NOTES || failing.is_empty() {
            break;
        }
        let Some(rest) = left.checked_sub(failing.len()) else {
            known.cut();
            break;
        };
        left = rest;
        let later = policy.rules.get(number.saturating_add(1)..).unwrap_or_default();
        let never_holds = rule.when.as_ref().and_then(super::When::constant).is_some_and(|said| said == Ok(false));
        if never_holds || takes_away(rule.unless.as_ref(), &rule.selector, known) {
            continue;
        }
        let reach = Reach::of(&rule.selector, known);
        let is_met = |one: &&Failing<'_>| {
            // of several of the policy the last has the say
            one.replaced_by.is_none_or(|last| last <= number)
                && (known.is_empty() || one.reach.meets(&reach))
                && one.is_milder(rule, &reach, &kinds, known)
                && may_meet(&rule.selector, &one.rule.selector, known)
                && !takes_away(rule.unless.as_ref(), &one.rule.selector, known)
                && !takes_away(one.rule.unless.as_ref(), &rule.selector, known)
        };
        let mut met: Vec<&Failing<'_>> = failing.iter().filter(is_met).collect();
        let weight = rule.selector.weight();
        met.retain(|one| {
            let both = known
                .take(weight.saturating_add(one.rule.selector.weight()))
                .then(|| meeting(&rule.selector, &one.rule.selector));
            !both.is_some_and(|both| {
                later.iter().take_while(|_| !known.is_spent()).any(|later| takes_place(later, &both, known))
            })
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
            (Action::Fail, Some(grace)) if met.iter().any(|one| one.waits_less(rule, &reach, &kinds, known)) => {
                format!("lets it wait for {grace}")
            }
            (Action::Fail, _) => "leaves out what is of severity `info`, unless it names that or the rule".to_owned(),
            (action, _) => format!("says `{}`", action.as_str()),
        };
        let note = format!(
            "the rule in `{}`{all} {takes} the place of {}: that says `{}`, this {instead}",
            rule.place,
            named(&met),
            first.rule.action.as_str(),
        );
        notes.push((number, note));
    }
    notes.sort_by_key(|(number, _)| *number);
    notes.into_iter().map(|(_, note)| note).collect()
}

/// Kinds of rules on which it depends whether another is milder.
struct Kinds {
    /// Their findings say more than that something could not be judged.
    graded: Reach,
    /// Their findings may have a day on which they became known.
    dated: Reach,
    /// Their findings may be of severity info.
    slight: Reach,
}

/// What in a policy fails besides its rules.
struct Demand {
    /// Number of the policy.
    policy: usize,
    /// Rules of the policy that come before it.
    rules_before: usize,
    /// What it finds, as a rule that fails on it.
    rule: PolicyRule,
    is_gap: bool,
}

/// What tables ask, and conditions on the image.
fn demands(before: &[Policy]) -> Vec<Demand> {
    let mut all = Requirements::default();
    for (number, policy) in before.iter().enumerate() {
        all.merge(&policy.requirements, number);
    }
    let mut demands = Vec::new();
    for (table, action, found, gaps) in all.finds() {
        let asks = |policy: &Policy| policy.requirements.asking().contains(&table);
        let Some(number) = before.iter().rposition(asks).filter(|_| action == Action::Fail) else { continue };
        let rules_before = before.get(number).map_or(0, |policy| policy.rules.len());
        for (ids, is_gap) in [(found, false), (gaps, true)] {
            if let Some(rule) = failing_on(&format!("[{table}]"), ids) {
                demands.push(Demand { policy: number, rules_before, rule, is_gap });
            }
        }
    }
    for (number, policy) in before.iter().enumerate() {
        let judges = |rule: &PolicyRule| rule.judges_image() && rule.action == Action::Fail;
        for (place, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| judges(rule)) {
            let found = failing_on(&rule.name, &[&IMAGE_CONDITION]);
            let rules_before = place.saturating_add(1);
            demands.extend(found.map(|rule| Demand { policy: number, rules_before, rule, is_gap: false }));
        }
    }
    demands
}

/// A rule of this name that fails on findings of these.
fn failing_on(name: &str, rules: &[&'static Rule]) -> Option<PolicyRule> {
    let named = rules.iter().filter_map(|rule| Glob::text(rule.id).ok()).map(Named::Rule).collect();
    let selector = Selector { rules: named, ..Selector::default() };
    (!rules.is_empty()).then(|| PolicyRule::failing(name.to_owned(), selector))
}

/// What of earlier policies fails and still decides when the later one begins.
fn failing<'a>(
    policy: &Policy,
    before: &'a [Policy],
    demands: &'a [Demand],
    known: &Comparing<'_>,
) -> Vec<Failing<'a>> {
    let mut failing = Vec::new();
    for (number, other) in before.iter().enumerate() {
        let between = || before.iter().skip(number.saturating_add(1)).flat_map(|policy| &policy.rules);
        let fails = |rule: &PolicyRule| rule.action == Action::Fail && !rule.judges_image();
        let rules = other.rules.iter().enumerate().filter(|(_, rule)| fails(rule));
        let rules = rules.map(|(at, rule)| (at.saturating_add(1), rule, false));
        let demands = demands.iter().filter(|demand| demand.policy == number);
        let demands = demands.map(|demand| (demand.rules_before, &demand.rule, demand.is_gap));
        for (at, rule, is_gap) in rules.chain(demands) {
            let mut after = other.rules.iter().skip(at).chain(between()).take_while(|_| !known.is_spent());
            if after.any(|later| takes_place(later, &rule.selector, known)) {
                continue;
            }
            let mut last = policy.rules.iter().enumerate().rev().take_while(|_| !known.is_spent());
            let replaced_by = last.find(|(_, later)| takes_place(later, &rule.selector, known));
            let reach = Reach::of(&rule.selector, known);
            failing.push(Failing { policy: other, rule, is_gap, replaced_by: replaced_by.map(|(at, _)| at), reach });
        }
    }
    failing
}

/// Rules that judge the image by the condition of an earlier policy, and are milder: a note for each.
pub(super) fn conditions(policy: &Policy, before: &[Policy]) -> Vec<String> {
    // of several with one condition the last decides
    let rules = policy.rules.iter().enumerate();
    let own: BTreeMap<String, usize> =
        rules.filter_map(|(number, rule)| Some((rule.image_condition()?, number))).collect();
    let rules = before.iter().flat_map(|other| other.rules.iter().map(move |rule| (other, rule)));
    let earlier: BTreeMap<String, (&Policy, &PolicyRule)> =
        rules.filter_map(|(other, rule)| Some((rule.image_condition()?, (other, rule)))).collect();
    let mut last: Vec<(usize, &String)> = own.iter().map(|(condition, number)| (*number, condition)).collect();
    last.sort_unstable();
    let note = |(number, condition): (usize, &String)| {
        let (rule, (other, earlier)) = (policy.rules.get(number)?, earlier.get(condition)?);
        (rule.action < earlier.action).then(|| {
            let (name, was, is) = (&earlier.name, earlier.action.as_str(), rule.action.as_str());
            format!(
                "the rule in `{}` takes the place of `{name}` of `{}`, whose condition is the same: that says `{was}`, this says `{is}`",
                rule.place, other.name
            )
        })
    };
    last.into_iter().filter_map(note).take(super::notes::MOST_NOTES).collect()
}

/// The rules by name, under the policies that have them.
fn named(met: &[&Failing<'_>]) -> String {
    let mut policies: Vec<&str> = met.iter().map(|one| one.policy.name.as_str()).collect();
    policies.dedup();
    let of = |policy: &str| {
        let rules = met.iter().filter(|one| one.policy.name == policy);
        // a table has one for what is against it, and one for what could not be judged
        let mut names: Vec<String> = rules.map(|one| format!("`{}`", one.rule.name)).collect();
        names.dedup();
        let beyond = names.len().saturating_sub(MOST_NAMED);
        names.truncate(MOST_NAMED);
        names.extend((beyond > 0).then(|| format!("{beyond} more")));
        format!("{} of `{policy}`", names.join(", "))
    };
    policies.into_iter().map(of).collect::<Vec<_>>().join(" and ")
}

impl Failing<'_> {
    /// Whether a later rule lets through what fails here.
    fn is_milder(&self, later: &PolicyRule, reach: &Reach, kinds: &Kinds, known: &Comparing<'_>) -> bool {
        if self.is_gap || later.action == Action::Ignore {
            return later.action == Action::Ignore;
        }
        // what says that something could not be judged is told by whatever action
        (later.action < self.rule.action && self.shares(reach, &kinds.graded, known))
            || self.waits_less(later, reach, kinds, known)
            || (leaves_out_info(&later.selector, &self.rule.selector) && reach.meets_among(&self.reach, &kinds.slight))
    }

    /// Whether a later rule lets wait what fails here, or lets it wait longer.
    fn waits_less(&self, later: &PolicyRule, reach: &Reach, kinds: &Kinds, known: &Comparing<'_>) -> bool {
        let waits = |rule: &PolicyRule| rule.grace.map_or(0, |grace| grace.0);
        waits(later) > waits(self.rule) && self.shares(reach, &kinds.dated, known)
    }

    /// Whether both may select findings of some such rule.
    fn shares(&self, reach: &Reach, such: &Reach, known: &Comparing<'_>) -> bool {
        known.is_empty() || reach.meets_among(&self.reach, such)
    }
}

/// Whether findings of severity info, where there are some, fail by the earlier selector, which names them, and not by the
/// later.
fn leaves_out_info(later: &Selector, earlier: &Selector) -> bool {
    let takes_info = |selector: &Selector| any(&selector.severities, |bound| bound.holds(&Severity::Info));
    earlier.names_info() && !later.names_info() && takes_info(earlier) && takes_info(later)
}

/// Whether findings of the rule may be of severity info: all are, or what is known of one tells how grave it is.
fn may_be_info(rule: &Rule) -> bool {
    rule.severity == Severity::Info || rule.family() == "secret" || rule.id == "package/vulnerable"
}

/// Whether an `unless` leaves nothing of what is selected.
fn takes_away(unless: Option<&Selector>, selector: &Selector, known: &Comparing<'_>) -> bool {
    unless.is_some_and(|unless| unless.covers(selector, known))
}

/// Whether a rule decides wherever one that selects so much, and stands before it, would.
pub(super) fn takes_place(later: &PolicyRule, earlier: &Selector, known: &Comparing<'_>) -> bool {
    later.is_unconditional() && later.selector.covers(earlier, known)
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
        let was = was.unwrap_or_else(|| match key.as_str() {
            "[waivers] require" => "the default `[\"reason\", \"expires\"]`".to_owned(),
            key if key.ends_with(" action") => "the default `\"fail\"`".to_owned(),
            _ => "to leave it out, as those before do".to_owned(),
        });
        notes.push(format!("`{key} = {value}` in `{place}` is milder than {was}"));
    }
    let fails =
        |other: &&Policy| other.requirements.ask() || other.rules.iter().any(|rule| rule.action == Action::Fail);
    let Some(gate) = before.iter().rev().find(fails).map(|other| &other.name) else { return notes };
    let place_of = |id: &str| EDITIONS.iter().position(|edition| edition.id == id);
    let edition =
        before.iter().rev().filter(|other| other.name != DEFAULT_PRESET).find_map(|other| other.edition.as_ref());
    if let Some((own, was)) = policy.edition.as_ref().zip(edition)
        && place_of(own.value.id) < place_of(was.value.id)
    {
        notes.push(format!(
            "`edition = \"{}\"` in `{}` is older than `\"{}\"` in `{}`: what that knows more, or takes for graver, no longer fails",
            own.value.id, own.place, was.value.id, was.place
        ));
    }
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
        ];
        milder.extend(counts.iter().filter(|(_, own, was)| is(*own, *was, |own, was| own > was)).map(|(key, ..)| *key));
        let (base, based) = (&self.base, &earlier.base);
        let (licences, were_licensed) = (&self.licences, &earlier.licences);
        let (require, required) = (&self.require, &earlier.require);
        let (waivers, waived) = (&self.waivers, &earlier.waivers);
        let others = [
            (
                "[base] allow",
                is(base.allow.as_ref(), based.allow.as_ref(), |own, was| takes_more(was, own))
                    || (base.allow.is_some() && based.allow.is_none() && based.digests.is_some()),
            ),
            (
                "[base] allow-digests",
                is(base.digests.as_ref(), based.digests.as_ref(), |own, was| lacks(was, own))
                    || (base.digests.is_some() && based.digests.is_none() && based.allow.is_some()),
            ),
            ("[base] deny", is(base.deny.as_ref(), based.deny.as_ref(), |own, was| takes_more(own, was))),
            (
                "[licences] allow",
                is(licences.allow.as_ref(), were_licensed.allow.as_ref(), |own, was| takes_more_licences(was, own)),
            ),
            (
                "[licences] deny",
                is(licences.deny.as_ref(), were_licensed.deny.as_ref(), |own, was| takes_more_licences(own, was)),
            ),
            (
                "[licences] ignore",
                is(licences.ignore.as_ref(), were_licensed.ignore.as_ref(), |own, was| takes_more(was, own))
                    || (licences.ignore.is_some() && were_licensed.ignore.is_none() && were_licensed.ask()),
            ),
            ("[licences] unknown", is(licences.unknown.as_ref(), were_licensed.unknown.as_ref(), |own, was| own < was)),
            (
                "[limits] waste-floor",
                were.waste.is_some()
                    && limits
                        .waste_floor
                        .as_ref()
                        .is_some_and(|own| own.value > were.waste_floor.as_ref().map_or(0, |was| was.value)),
            ),
            ("[limits] waste", is(limits.waste.as_ref(), were.waste.as_ref(), |own, was| own.0 > was.0)),
            ("[require] labels", is(require.labels.as_ref(), required.labels.as_ref(), Labels::lack)),
            (
                "[require] user",
                is(require.user.as_ref(), required.user.as_ref(), |own, was| takes_more_users(was, own)),
            ),
            ("[waivers] allow", is(waivers.allow.as_ref(), waived.allow.as_ref(), |own, was| *own && !was)),
            (
                "[waivers] dockerfile-comments",
                is(waivers.comments.as_ref(), waived.comments.as_ref(), |own, was| *own && !was),
            ),
            (
                "[waivers] require",
                waivers.needs().is_some_and(|own| lacks(own, waived.needs().unwrap_or(DEFAULT_NEEDS))),
            ),
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
    let comparing = Comparing::of(&[]);
    wanted.iter().any(|one| !cover(all, one, &comparing))
}

/// As [`takes_more`], of licences: a word for many of them is taken by the same word, or by what takes all.
fn takes_more_licences(all: &[Glob], wanted: &[Glob]) -> bool {
    let is_kind = |one: &&Glob| KINDS.contains(&one.as_str());
    let (kinds, others): (Vec<&Glob>, Vec<&Glob>) = wanted.iter().partition(is_kind);
    let globs: Vec<Glob> = all.iter().filter(|one| !is_kind(one)).cloned().collect();
    let others: Vec<Glob> = others.into_iter().cloned().collect();
    let has = |kind: &Glob| all.iter().any(|one| one.takes_all() || one.as_str() == kind.as_str());
    kinds.into_iter().any(|kind| !has(kind)) || takes_more(&globs, &others)
}

/// As [`takes_more`], of users: who has a number other than 0 is not root.
fn takes_more_users(all: &[Glob], wanted: &[Glob]) -> bool {
    let is_other = |user: &&Glob| !user.as_str().parse().is_ok_and(|user: RunAs| user.uid != 0);
    let takes_others = all.iter().any(|user| user.as_str() == "non-root");
    let wanted: Vec<Glob> = wanted.iter().filter(|user| !takes_others || is_other(user)).cloned().collect();
    takes_more(all, &wanted)
}

/// Whether some of `wanted` is not among `all`.
fn lacks<T: PartialEq>(all: &[T], wanted: &[T]) -> bool {
    wanted.iter().any(|one| !all.contains(one))
}

//! Which rules and waivers may be about a finding, so that thousands of findings need not meet hundreds of them all.

use std::collections::HashMap;

use super::pattern::Marks;
use super::selector::{Classes, Selector, View, ids};
use super::{Policy, PolicyRule, Waiver};
use crate::error::Result;
use crate::rule::Rule;

/// All rules and waivers, and which of them may be about the findings of a rule.
pub(super) struct Index<'a> {
    rules: Vec<Numbered<'a>>,
    rule_sieves: Vec<Sieve>,
    waivers: Vec<&'a Waiver>,
    waiver_sieves: Vec<Sieve>,
    by_rule: HashMap<&'static str, usize>,
    of_rules: Vec<OfRule<'a>>,
}

/// A rule of findings that was [prepared for](Index::learn).
#[derive(Clone, Copy)]
pub(super) struct Learned(usize);

/// Where a rule stands: the number of its policy, and its own in that.
pub(super) type Place = (usize, usize);

/// A rule with the name of its policy.
struct Numbered<'a> {
    place: Place,
    name: &'a str,
    rule: &'a PolicyRule,
}

/// What may be about the findings of one rule.
struct OfRule<'a> {
    /// Rules of policies, the last first.
    rules: Vec<Candidate>,
    /// Waivers that name subjects without signs, by these.
    by_subject: HashMap<&'a str, Vec<Candidate>>,
    /// Waivers that name fingerprints.
    by_fingerprint: HashMap<&'a str, Vec<Candidate>>,
    /// All other waivers.
    others: Vec<Candidate>,
}

/// The place of a rule or a waiver among all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    number: usize,
    sieve: Sieve,
}

/// What can be told of a selector without following its pointers: most candidates go no further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sieve {
    classes: Classes,
    purl: Marks,
    path: Marks,
    /// Whether rule and family are settled by [`Selector::may_select`].
    is_rule_settled: bool,
}

impl Sieve {
    fn of(selector: &Selector) -> Self {
        let is_rule_settled = selector.is_rule_settled();
        let (purl, path) = (Marks::needed(&selector.purls), Marks::needed(&selector.paths));
        Self { classes: Classes::taken_by(selector), purl, path, is_rule_settled }
    }

    /// Whether the selector that it was made of may select the finding.
    fn lets(&self, view: &View<'_, '_>) -> bool {
        view.classes().is_within(self.classes)
            && (self.purl.is_empty() || view.purl_marks().has(self.purl))
            && (self.path.is_empty() || view.path_marks().has(self.path))
    }

    /// Whether it does, once [`Self::lets`] says that it may.
    fn selects(&self, selector: &Selector, view: &View<'_, '_>) -> bool {
        (self.is_rule_settled || selector.selects_rule(view.finding)) && selector.selects_rest(view)
    }
}

impl<'a> Index<'a> {
    pub(super) fn new(policies: &'a [Policy]) -> Self {
        let rules = policies.iter().enumerate().flat_map(|(number, policy)| {
            // what judges the image says nothing of findings
            let rules = policy.rules.iter().enumerate().filter(|(_, rule)| !rule.judges_image());
            rules.map(move |(place, rule)| Numbered { place: (number, place), name: &policy.name, rule })
        });
        let rules: Vec<Numbered<'a>> = rules.collect();
        let waivers: Vec<&'a Waiver> = policies.iter().flat_map(|policy| &policy.waivers).collect();
        Self {
            rule_sieves: rules.iter().map(|one| Sieve::of(&one.rule.selector)).collect(),
            waiver_sieves: waivers.iter().map(|waiver| Sieve::of(&waiver.selector)).collect(),
            rules,
            waivers,
            by_rule: HashMap::new(),
            of_rules: Vec::new(),
        }
    }

    /// All waivers, in their order.
    pub(super) fn waivers(&self) -> &[&'a Waiver] {
        &self.waivers
    }

    /// Prepares for findings of a rule.
    pub(super) fn learn(&mut self, rule: &'static Rule) -> Learned {
        let Self { rules, rule_sieves, waivers, waiver_sieves, by_rule, of_rules } = self;
        Learned(*by_rule.entry(rule.id).or_insert_with(|| {
            let candidates = |selectors: &mut dyn Iterator<Item = &'a Selector>, sieves: &[Sieve]| -> Vec<Candidate> {
                let may_select = selectors.map(|selector| selector.may_select(rule));
                let with_sieve = may_select.zip(sieves).enumerate();
                with_sieve
                    .filter_map(|(number, (may, sieve))| may.then_some(Candidate { number, sieve: *sieve }))
                    .collect()
            };
            let mut of_rule = OfRule {
                rules: candidates(&mut rules.iter().map(|one| &one.rule.selector), rule_sieves),
                by_subject: HashMap::new(),
                by_fingerprint: HashMap::new(),
                others: Vec::new(),
            };
            of_rule.rules.reverse();
            for candidate in candidates(&mut waivers.iter().map(|waiver| &waiver.selector), waiver_sieves) {
                let Some(waiver) = waivers.get(candidate.number) else { continue };
                let prints = &waiver.selector.fingerprints;
                if !prints.is_empty() {
                    for print in prints {
                        of_rule.by_fingerprint.entry(print).or_default().push(candidate);
                    }
                } else if let Some(subjects) = waiver.selector.literal_subjects() {
                    for subject in subjects {
                        of_rule.by_subject.entry(subject).or_default().push(candidate);
                    }
                } else {
                    of_rule.others.push(candidate);
                }
            }
            of_rules.push(of_rule);
            of_rules.len().saturating_sub(1)
        }))
    }

    fn of_rule(&self, learned: Learned) -> Option<&OfRule<'a>> {
        self.of_rules.get(learned.0)
    }

    /// The last rule that is about the finding, of those from a place on, with the name of its policy; `holds` is asked last,
    /// and of few.
    pub(super) fn last_rule_of(
        &self,
        learned: Learned,
        view: &View<'_, '_>,
        first: Place,
        holds: impl Fn(&PolicyRule) -> Result<bool>,
    ) -> Result<Option<(&'a str, &'a PolicyRule)>> {
        let candidates = self.of_rule(learned).map_or(&[][..], |of_rule| &of_rule.rules);
        for candidate in candidates.iter().filter(|candidate| candidate.sieve.lets(view)) {
            let Some(one) = self.rules.get(candidate.number) else { continue };
            let selects = one.place >= first
                && candidate.sieve.selects(&one.rule.selector, view)
                && !one.rule.unless.as_ref().is_some_and(|unless| unless.selects(view));
            if selects && holds(one.rule)? {
                return Ok(Some((one.name, one.rule)));
            }
        }
        Ok(None)
    }

    /// Waivers that are about the finding, in their order.
    pub(super) fn waivers_of(&self, learned: Learned, view: &View<'_, '_>) -> Vec<(usize, &'a Waiver)> {
        let Some(of_rule) = self.of_rule(learned) else { return Vec::new() };
        let mut named: Vec<&Candidate> = Vec::new();
        if !of_rule.by_subject.is_empty() {
            let subjects = std::iter::once(view.finding.subject.as_str()).chain(ids(view.finding));
            named.extend(subjects.filter_map(|subject| of_rule.by_subject.get(subject)).flatten());
        }
        if !of_rule.by_fingerprint.is_empty() {
            named.extend(of_rule.by_fingerprint.get(view.fingerprint()).into_iter().flatten());
        }
        let about = |candidate: &Candidate| {
            let waiver = *self.waivers.get(candidate.number)?;
            candidate.sieve.selects(&waiver.selector, view).then_some((candidate.number, waiver))
        };
        // apart from each other: a loop over hundreds that does little is a fast one
        let others = of_rule.others.iter().filter(|candidate| candidate.sieve.lets(view));
        let mut found: Vec<(usize, &'a Waiver)> = others.filter_map(about).collect();
        found.extend(named.into_iter().filter(|candidate| candidate.sieve.lets(view)).filter_map(about));
        found.sort_unstable_by_key(|(number, _)| *number);
        found.dedup_by_key(|(number, _)| *number);
        found
    }
}

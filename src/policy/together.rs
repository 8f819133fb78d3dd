//! Whether several selectors together select all that another does: it is taken apart until each part has one that
//! selects all of it.

use std::collections::BTreeSet;

use super::inclusion::Comparing;
use super::pattern::{Bound, Glob};
use super::selector::{Named, ORIGINS, Selector, VISIBILITIES};
use crate::rule::{Confidence, Severity};

/// Parts that are looked at; for what falls into more, the answer is no.
const MOST_PARTS: usize = 4_000;

/// Conditions by which a part is taken apart, one after the other; a selector has fewer.
const DEEPEST: usize = 32;

/// The numbers of those of `wide` that together surely select everything that `narrow` selects; `known` are all rules
/// that findings may have.
pub(super) fn covering(wide: &[&Selector], narrow: &Selector, known: &Comparing<'_>) -> Option<BTreeSet<usize>> {
    let search = |wide: &[&Selector]| {
        let mut search = Search { wide, known, left: MOST_PARTS, used: BTreeSet::new() };
        search.has(narrow, DEEPEST).then_some(search.used)
    };
    let mut used = search(wide)?;
    // those without which the others do it all the same have no part in it
    for number in used.clone() {
        let others = used.iter().filter(|other| **other != number);
        let others: Vec<&Selector> = others.filter_map(|other| wide.get(*other).copied()).collect();
        if search(&others).is_some() {
            used.remove(&number);
        }
    }
    Some(used)
}

struct Search<'a> {
    wide: &'a [&'a Selector],
    known: &'a Comparing<'a>,
    left: usize,
    used: BTreeSet<usize>,
}

impl Search<'_> {
    fn has(&mut self, part: &Selector, depth: usize) -> bool {
        let (Some(left), Some(depth)) = (self.left.checked_sub(1), depth.checked_sub(1)) else { return false };
        self.left = left;
        if let Some(number) = self.wide.iter().position(|wide| wide.covers(part, self.known)) {
            self.used.insert(number);
            return true;
        }
        // one part that none selects is enough: most searches end with the first
        self.parts(part).is_some_and(|parts| parts.iter().all(|part| self.has(part, depth)))
    }

    /// The parts of a selector by the first of its conditions that falls into several, of which `wide` asks.
    fn parts(&self, part: &Selector) -> Option<Vec<Selector>> {
        self.rules(part)
            .or_else(|| self.words(part))
            .or_else(|| self.switches(part))
            .or_else(|| lists(part))
            .filter(|parts| parts.len() > 1)
    }

    fn rules(&self, part: &Selector) -> Option<Vec<Selector>> {
        if self.wide.iter().all(|wide| wide.rules.is_empty() && wide.families.is_empty()) {
            return None;
        }
        let with = |named: Named, families: &[String]| Selector {
            rules: vec![named],
            families: families.to_vec(),
            ..part.clone()
        };
        match part.rules.as_slice() {
            [_, _, ..] => Some(part.rules.iter().map(|named| with(named.clone(), &part.families)).collect()),
            [Named::Flaw(_)] => None,
            _ => {
                let known = self.known.iter().chain(super::RULES.iter()).filter(|rule| part.may_select(rule));
                // those that are known may hold this module's own
                let ids: BTreeSet<&str> = known.map(|rule| rule.id).collect();
                let named = |id: &str| Some(with(Named::Rule(Glob::text(id).ok()?), &[]));
                let rules: Vec<Selector> = ids.into_iter().filter_map(named).collect();
                (rules.len() > 1).then_some(rules)
            }
        }
    }

    /// Conditions on words that are few.
    fn words(&self, part: &Selector) -> Option<Vec<Selector>> {
        let asks = |of: fn(&Selector) -> bool| self.wide.iter().any(|wide| of(wide));
        if asks(|one| !one.severities.is_empty()) && !is_one(&part.severities, &Severity::ALL) {
            let each = those(&part.severities, &Severity::ALL);
            return Some(each.map(|one| Selector { severities: vec![one], ..part.clone() }).collect());
        }
        if asks(|one| !one.confidences.is_empty()) && !is_one(&part.confidences, &Confidence::ALL) {
            let each = those(&part.confidences, &Confidence::ALL);
            return Some(each.map(|one| Selector { confidences: vec![one], ..part.clone() }).collect());
        }
        if asks(|one| !one.origins.is_empty()) && part.origins.len() != 1 {
            let each = ORIGINS.into_iter().filter(|one| part.origins.is_empty() || part.origins.contains(one));
            return Some(each.map(|one| Selector { origins: vec![one], ..part.clone() }).collect());
        }
        if asks(|one| !one.visibilities.is_empty()) && part.visibilities.len() != 1 {
            let wanted = &part.visibilities;
            let each = VISIBILITIES.into_iter().filter(|one| wanted.is_empty() || wanted.contains(one));
            return Some(each.map(|one| Selector { visibilities: vec![one], ..part.clone() }).collect());
        }
        None
    }

    fn switches(&self, part: &Selector) -> Option<Vec<Selector>> {
        let is_open =
            |of: fn(&Selector) -> Option<bool>| of(part).is_none() && self.wide.iter().any(|wide| of(wide).is_some());
        let both = [Some(true), Some(false)];
        // what has an age of its fix is fixable
        if is_open(|one| one.fixable) && part.fix_ages.is_empty() {
            return Some(both.map(|fixable| Selector { fixable, ..part.clone() }).into());
        }
        is_open(|one| one.exploited).then(|| both.map(|exploited| Selector { exploited, ..part.clone() }).into())
    }
}

/// Lists of which one must hold.
fn lists(part: &Selector) -> Option<Vec<Selector>> {
    apart(&part.paths, |paths| Selector { paths, ..part.clone() })
        .or_else(|| apart(&part.subjects, |subjects| Selector { subjects, ..part.clone() }))
        .or_else(|| apart(&part.purls, |purls| Selector { purls, ..part.clone() }))
        .or_else(|| apart(&part.ecosystems, |ecosystems| Selector { ecosystems, ..part.clone() }))
        .or_else(|| apart(&part.licences, |licences| Selector { licences, ..part.clone() }))
        .or_else(|| apart(&part.images, |images| Selector { images, ..part.clone() }))
        .or_else(|| apart(&part.platforms, |platforms| Selector { platforms, ..part.clone() }))
        .or_else(|| apart(&part.fingerprints, |fingerprints| Selector { fingerprints, ..part.clone() }))
        .or_else(|| apart(&part.ages, |ages| Selector { ages, ..part.clone() }))
        .or_else(|| apart(&part.scores, |scores| Selector { scores, ..part.clone() }))
}

/// Whether it holds for one value alone.
fn is_one<T: PartialOrd + Copy>(bounds: &[Bound<T>], all: &[T]) -> bool {
    those(bounds, all).count() == 1
}

/// Each value for which one of the bounds holds; without any, all.
fn those<T: PartialOrd + Copy>(bounds: &[Bound<T>], all: &[T]) -> impl Iterator<Item = Bound<T>> {
    let holds = |value: &&T| bounds.is_empty() || bounds.iter().any(|bound| bound.holds(value));
    all.iter().filter(holds).copied().map(Bound::exactly)
}

/// A selector for each of several.
fn apart<T: Clone>(list: &[T], with: impl Fn(Vec<T>) -> Selector) -> Option<Vec<Selector>> {
    (list.len() > 1).then(|| list.iter().map(|one| with(vec![one.clone()])).collect())
}

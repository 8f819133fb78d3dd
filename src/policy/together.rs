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
    if wide.is_empty() {
        return None;
    }
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
        let (Some(left), Some(depth)) = (self.left.checked_sub(1), depth.checked_sub(1)) else {
            self.known.cut();
            return false;
        };
        self.left = left;
        let number = self.wide.iter().position(|wide| wide.covers(part, self.known));
        if let Some(number) = number {
            self.used.insert(number);
            return true;
        }
        let Some(parts) = self.parts(part) else { return false };
        // one part that none selects is enough: most searches end with the first
        (0..parts.count).all(|number| {
            let part = self.known.take(parts.weight).then(|| (parts.nth)(number)).flatten();
            part.is_some_and(|part| self.has(&part, depth))
        })
    }

    /// The parts of a selector by the first of its conditions that falls into several, of which `wide` asks.
    fn parts(&self, part: &Selector) -> Option<Parts> {
        self.known.take(self.wide.len()).then_some(())?;
        self.rules(part).or_else(|| self.words(part)).or_else(|| self.switches(part)).or_else(|| self.lists(part))
    }

    /// Whether one of `wide` asks for something.
    fn asks(&self, of: fn(&Selector) -> bool) -> bool {
        self.wide.iter().any(|wide| of(wide))
    }

    fn rules(&self, part: &Selector) -> Option<Parts> {
        if !self.asks(|wide| !wide.rules.is_empty() || !wide.families.is_empty()) {
            return None;
        }
        match part.rules.as_slice() {
            [_, _, ..] => self.by(part, |one| &mut one.rules, |rules| rules),
            [Named::Flaw(_)] => None,
            named => {
                let count = named.len().saturating_add(part.families.len()).max(1);
                let steps = self.known.len().saturating_mul(count).saturating_add(part.weight());
                self.known.take(steps).then_some(())?;
                let known = self.known.iter().chain(super::RULES.iter()).filter(|rule| part.may_select(rule));
                // those that are known may hold this module's own
                let ids: BTreeSet<&str> = known.map(|rule| rule.id).collect();
                let rules = ids.into_iter().filter_map(|id| Some(Named::Rule(Glob::text(id).ok()?)));
                let rules: Vec<Named> = rules.collect();
                // whose family is told by the id
                Self::by_values(Selector { families: Vec::new(), ..part.clone() }, |one| &mut one.rules, rules)
            }
        }
    }

    /// Conditions on words that are few.
    fn words(&self, part: &Selector) -> Option<Parts> {
        if self.asks(|one| !one.severities.is_empty()) && !is_one(&part.severities, &Severity::ALL) {
            return self.by(part, |one| &mut one.severities, |bounds| those(&bounds, &Severity::ALL));
        }
        if self.asks(|one| !one.confidences.is_empty()) && !is_one(&part.confidences, &Confidence::ALL) {
            return self.by(part, |one| &mut one.confidences, |bounds| those(&bounds, &Confidence::ALL));
        }
        if self.asks(|one| !one.origins.is_empty()) && part.origins.len() != 1 {
            return self.by(part, |one| &mut one.origins, |wanted| among_all(&wanted, &ORIGINS));
        }
        if self.asks(|one| !one.visibilities.is_empty()) && part.visibilities.len() != 1 {
            return self.by(part, |one| &mut one.visibilities, |wanted| among_all(&wanted, &VISIBILITIES));
        }
        None
    }

    fn switches(&self, part: &Selector) -> Option<Parts> {
        let is_open =
            |of: fn(&Selector) -> Option<bool>| of(part).is_none() && self.wide.iter().any(|wide| of(wide).is_some());
        let both = |with: fn(&mut Selector) -> &mut Option<bool>| {
            let weight = part.weight();
            let part = self.known.take(weight).then(|| part.clone())?;
            let nth = move |number: usize| {
                let mut one = part.clone();
                *with(&mut one) = Some(number == 0);
                Some(one)
            };
            Some(Parts { count: 2, weight, nth: Box::new(nth) })
        };
        // what has an age of its fix is fixable
        if is_open(|one| one.fixable) && part.fix_ages.is_empty() {
            return both(|one| &mut one.fixable);
        }
        if is_open(|one| one.exploited) { both(|one| &mut one.exploited) } else { None }
    }

    /// Lists of which one must hold.
    fn lists(&self, part: &Selector) -> Option<Parts> {
        self.ages(part)
            .or_else(|| self.list(part, |one| &one.paths, |one| &mut one.paths))
            .or_else(|| self.list(part, |one| &one.subjects, |one| &mut one.subjects))
            .or_else(|| self.list(part, |one| &one.purls, |one| &mut one.purls))
            .or_else(|| self.list(part, |one| &one.ecosystems, |one| &mut one.ecosystems))
            .or_else(|| self.list(part, |one| &one.licences, |one| &mut one.licences))
            .or_else(|| self.list(part, |one| &one.images, |one| &mut one.images))
            .or_else(|| self.list(part, |one| &one.platforms, |one| &mut one.platforms))
            .or_else(|| self.list(part, |one| &one.fingerprints, |one| &mut one.fingerprints))
            .or_else(|| self.list(part, |one| &one.ages, |one| &mut one.ages))
            .or_else(|| self.list(part, |one| &one.scores, |one| &mut one.scores))
    }

    /// What is as old as the least of the ages from which one of `wide` selects, and what is not: whatever is found has an age.
    fn ages(&self, part: &Selector) -> Option<Parts> {
        if !part.ages.is_empty() {
            return None;
        }
        let count = self.wide.iter().map(|wide| wide.ages.len()).fold(0, usize::saturating_add);
        self.known.take(count).then_some(())?;
        let lower = self.wide.iter().flat_map(|wide| &wide.ages).filter(|bound| bound.is_lower());
        let lowest = *lower.min_by_key(|bound| bound.value)?;
        self.by(part, |one| &mut one.ages, |_| [Some(lowest), lowest.complement()].into_iter().flatten().collect())
    }

    /// A part for each value of a list that has several, where one of `wide` asks for such.
    fn list<T: Clone + 'static>(
        &self,
        part: &Selector,
        of: fn(&Selector) -> &Vec<T>,
        with: fn(&mut Selector) -> &mut Vec<T>,
    ) -> Option<Parts> {
        let is_asked = of(part).len() > 1 && self.wide.iter().any(|wide| !of(wide).is_empty());
        if is_asked { self.by(part, with, |values| values) } else { None }
    }

    /// A part for each value that is made of those of a list.
    fn by<T: Clone + 'static>(
        &self,
        part: &Selector,
        with: fn(&mut Selector) -> &mut Vec<T>,
        values: impl FnOnce(Vec<T>) -> Vec<T>,
    ) -> Option<Parts> {
        let mut rest = self.known.take(part.weight()).then(|| part.clone())?;
        let values = values(std::mem::take(with(&mut rest)));
        Self::by_values(rest, with, values)
    }

    /// A part for each of these values: `rest` is what they have in common.
    fn by_values<T: Clone + 'static>(
        mut rest: Selector,
        with: fn(&mut Selector) -> &mut Vec<T>,
        values: Vec<T>,
    ) -> Option<Parts> {
        with(&mut rest).clear();
        let (count, weight) = (values.len(), rest.weight());
        let nth = move |number: usize| {
            let mut one = rest.clone();
            *with(&mut one) = vec![values.get(number)?.clone()];
            Some(one)
        };
        (count > 1).then(|| Parts { count, weight, nth: Box::new(nth) })
    }
}

/// What a selector falls into: each part is made when it is looked at.
struct Parts {
    count: usize,
    /// Steps that it takes to make one.
    weight: usize,
    nth: Box<dyn Fn(usize) -> Option<Selector>>,
}

/// Whether it holds for one value alone.
fn is_one<T: PartialOrd + Copy>(bounds: &[Bound<T>], all: &[T]) -> bool {
    those(bounds, all).len() == 1
}

/// Each value for which one of the bounds holds; without any, all.
fn those<T: PartialOrd + Copy>(bounds: &[Bound<T>], all: &[T]) -> Vec<Bound<T>> {
    let holds = |value: &&T| bounds.is_empty() || bounds.iter().any(|bound| bound.holds(value));
    all.iter().filter(holds).copied().map(Bound::exactly).collect()
}

/// Those that are wanted; where none is named, all.
fn among_all<T: PartialEq + Copy>(wanted: &[T], all: &[T]) -> Vec<T> {
    all.iter().filter(|one| wanted.is_empty() || wanted.contains(one)).copied().collect()
}

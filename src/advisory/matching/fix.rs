//! The version that ends a flaw, and what kind of thing a flaw is.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::version::Version;

use super::super::catalogue::{Match, Question};
use super::super::name;
use super::super::range;
use super::super::record::{Advisory, Event};
use super::{About, Kind};

/// The lowest version that ends the flaw, with the terms under which it can be had.
pub(super) fn fix(matches: &[&(Question, Match)], is_system: bool) -> Option<(String, Option<String>)> {
    let mut candidates = Vec::new();
    for (question, found) in matches {
        let scheme = name::scheme(&question.ecosystem);
        for (version, text) in range::fixes(scheme, &found.posting.versions, &question.version) {
            let is_paid = name::split(&question.ecosystem).1.starts_with("Pro:");
            let terms = found.posting.versions.facts.terms.clone();
            let terms = terms.or_else(|| is_paid.then(|| "Ubuntu Pro".to_owned()));
            candidates.push((terms.is_some(), version, text, terms, question));
        }
    }
    candidates.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal)));
    let ends_it = |text: &str, terms: bool| {
        matches.iter().all(|(question, found)| {
            let is_for_others = !terms && name::split(&question.ecosystem).1.starts_with("Pro:");
            let scheme = name::scheme(&question.ecosystem);
            is_for_others || matches!(range::evaluate(scheme, &found.posting.versions, text), Ok(None))
        })
    };
    let best = candidates.iter().find(|(terms, _, text, ..)| ends_it(text, *terms));
    // an erratum knows of a fix that the flaw's own record may not have yet
    let best = best.or_else(|| candidates.first().filter(|_| is_system));
    best.map(|(_, _, text, terms, _)| ((*text).to_owned(), terms.clone()))
}

/// The lowest version that ends all flaws which some version ends for everybody.
pub(super) fn upgrade(flaws: &[Rc<About>]) -> Option<Rc<str>> {
    let mendable: Vec<&Rc<About>> =
        flaws.iter().filter(|about| about.fixed.is_some() && about.terms.is_none()).collect();
    let affects = |about: &About, version: &str| {
        let is_hit = |found: &Match| {
            // an erratum ends what the flaw's own record may not know to be ended
            let has_end = found.posting.versions.ranges.iter().any(|range| {
                range.events.iter().any(|event| matches!(event, Event::Fixed(_) | Event::LastAffected(_)))
            });
            let scheme = name::scheme(&found.ecosystem);
            has_end && matches!(range::evaluate(scheme, &found.posting.versions, version), Ok(Some(_)))
        };
        about.matches.iter().any(is_hit)
    };
    let scheme = mendable.first().and_then(|about| name::scheme(&about.asked.ecosystem))?;
    let mut versions: Vec<(Version, &str)> = mendable
        .iter()
        .filter_map(|about| about.fixed.as_deref())
        .filter_map(|text| Some((scheme.parse(text).ok()?, text)))
        .collect();
    versions.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    versions.dedup_by(|(a, _), (b, _)| a == b);
    // from the highest down, since most flaws of old versions are ended by then
    let ends_all = |version: &str| !mendable.iter().any(|about| affects(about, version));
    let last = versions.iter().rposition(|(_, text)| ends_all(text))?;
    let first =
        versions.iter().take(last).rposition(|(_, text)| !ends_all(text)).map_or(0, |below| below.saturating_add(1));
    versions.get(first).map(|(_, text)| Rc::from(*text))
}

pub(super) fn kind_of(matches: &[&(Question, Match)], records: &[&Advisory]) -> Kind {
    if records.iter().any(|record| record.id.starts_with("MAL-")) {
        return Kind::Malicious;
    }
    let kinds = matches.iter().map(|(_, found)| match found.posting.versions.facts.informational.as_deref() {
        Some("malicious") => Kind::Malicious,
        Some("unsound") => Kind::Unsound,
        Some("unmaintained") => Kind::Unmaintained,
        Some("notice") => Kind::Notice,
        _ => Kind::Vulnerable,
    });
    kinds.min().unwrap_or(Kind::Vulnerable)
}

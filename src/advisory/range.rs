//! Whether a version is affected: the evaluation algorithm of the OSV schema ("affected[].ranges[].events fields",
//! Evaluation).

use std::cmp::Ordering;

use crate::version::{Scheme, Unparsable, Version};

use super::record::{Event, Range, Versions};

/// Why a version is affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// It is listed, as it is written.
    Listed,
    /// It lies in the range at this place of [`Versions::ranges`].
    InRange(usize),
}

/// Says whether `version` of a package is affected; as [`Installed::evaluate`].
pub fn evaluate<S: AsRef<str>>(
    scheme: Option<Scheme>,
    versions: &Versions<S>,
    version: &str,
) -> Result<Option<Hit>, Unparsable> {
    Installed::new(scheme, version).evaluate(versions)
}

/// An installed version, read once for all records it is held against, which mostly have one order.
#[derive(Debug)]
pub struct Installed<'a> {
    scheme: Option<Scheme>,
    text: &'a str,
    read: Option<Result<Version, Unparsable>>,
}

impl<'a> Installed<'a> {
    /// `text` is ordered by `scheme` where a range does not say how.
    pub fn new(scheme: Option<Scheme>, text: &'a str) -> Self {
        Self { scheme, text, read: None }
    }

    /// Says whether the version is affected.
    ///
    /// Without a scheme only the listed versions can tell. An error says that a range could not be evaluated, and
    /// that nothing else affects the version: neither a hit nor clear.
    pub fn evaluate<S: AsRef<str>>(&mut self, versions: &Versions<S>) -> Result<Option<Hit>, Unparsable> {
        if versions.listed.iter().any(|listed| listed.as_ref() == self.text) {
            return Ok(Some(Hit::Listed));
        }
        let mut unknown = None;
        for (place, range) in versions.ranges.iter().enumerate() {
            let Some(scheme) = scheme_of(self.scheme, range) else { continue };
            let found = match self.in_order(scheme) {
                Ok(installed) => covers(scheme, range, installed),
                Err(unparsable) => Err(unparsable.clone()),
            };
            match found {
                Ok(true) => return Ok(Some(Hit::InRange(place))),
                Ok(false) => {}
                Err(unparsable) => unknown = unknown.or(Some(unparsable)),
            }
        }
        unknown.map_or(Ok(None), Err)
    }

    fn in_order(&mut self, scheme: Scheme) -> Result<&Version, &Unparsable> {
        let order = |read: &Result<Version, Unparsable>| read.as_ref().map_or_else(|no| no.scheme, Version::scheme);
        let kept = self.read.take().filter(|read| order(read) == scheme);
        self.read.insert(kept.unwrap_or_else(|| scheme.parse(self.text))).as_ref()
    }
}

/// The versions at which a range of `versions` ends that are newer than `version`, each read; sorted.
pub fn fixes<'a>(scheme: Option<Scheme>, versions: &'a Versions, version: &str) -> Vec<(Version, &'a str)> {
    let mut fixes: Vec<(Version, &str)> = Vec::new();
    for range in &versions.ranges {
        let Some(scheme) = scheme_of(scheme, range) else { continue };
        let Ok(installed) = scheme.parse(version) else { continue };
        let ends = range.events.iter().filter_map(|event| match event {
            Event::Fixed(version) => Some((scheme.parse(version).ok()?, version.as_str())),
            _ => None,
        });
        fixes.extend(ends.filter(|(end, _)| *end > installed));
    }
    fixes.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    fixes.dedup_by(|(a, _), (b, _)| a == b);
    fixes
}

/// Most ranges that [`Prepared`] reads; a version is looked for in each of them.
const MOST_PREPARED: usize = 32;

/// Ranges of versions, read once for many versions to be looked for.
#[derive(Debug)]
pub struct Prepared {
    scheme: Scheme,
    ranges: Vec<Line>,
}

/// A range as a line on which a version's place is found by halving.
#[derive(Debug)]
struct Line {
    /// It holds only below one of these; nothing where it holds for all.
    limits: Option<Vec<Version>>,
    /// By version; the beginning of all has none.
    events: Vec<Mark>,
}

#[derive(Debug)]
struct Mark {
    at: Option<Version>,
    /// Whether a version beyond is affected, as far as this event and those before it tell.
    beyond: bool,
    /// Whether that very version is, as far as this event and those before it tell.
    there: bool,
}

impl Prepared {
    /// Reads ranges. One that cannot be read, or is beyond the first 32, covers nothing.
    pub fn of<S: AsRef<str>>(scheme: Option<Scheme>, ranges: &[Range<S>]) -> Self {
        let lines = ranges.iter().filter_map(|range| Line::of(scheme_of(scheme, range)?, range).ok());
        let ranges = lines.filter(|line| !line.events.is_empty()).take(MOST_PREPARED).collect();
        Self { scheme: scheme.unwrap_or(Scheme::SemVer), ranges }
    }

    /// Whether a range surely covers the version.
    pub fn covers(&self, version: &str) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        self.scheme.parse(version).is_ok_and(|version| self.ranges.iter().any(|line| line.covers(&version)))
    }
}

impl Line {
    fn of<S: AsRef<str>>(scheme: Scheme, range: &Range<S>) -> Result<Self, Unparsable> {
        let (limits, events) = read(scheme, range)?;
        let mut marks: Vec<Mark> = Vec::with_capacity(events.len());
        for (at, event) in events {
            let (before, there) = marks.last().map_or((false, false), |last| {
                let is_same = last.at.is_some() && in_order(last.at.as_ref(), at.as_ref()).is_eq();
                (last.beyond, if is_same { last.there } else { last.beyond })
            });
            let (beyond, there) = match event {
                Event::Introduced(_) => (true, true),
                Event::Fixed(_) => (false, false),
                Event::LastAffected(_) => (false, there),
                Event::Limit(_) => (before, there),
            };
            marks.push(Mark { at, beyond, there });
        }
        Ok(Self { limits, events: marks })
    }

    fn covers(&self, version: &Version) -> bool {
        if is_beyond(version, self.limits.as_deref()) {
            return false;
        }
        let passed = |order: fn(Ordering) -> bool| {
            move |mark: &Mark| {
                let at = mark.at.as_ref().map(|at| at.partial_cmp(version).unwrap_or(Ordering::Greater));
                at.is_none_or(order)
            }
        };
        let reached = self.events.partition_point(passed(Ordering::is_le));
        let beyond = self.events.partition_point(passed(Ordering::is_lt));
        let Some(last) = reached.checked_sub(1).and_then(|last| self.events.get(last)) else { return false };
        if reached > beyond { last.there } else { last.beyond }
    }
}

/// The order of events; stable sorting leaves those at one version in the record's order.
fn in_order(a: Option<&Version>, b: Option<&Version>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        _ => a.is_some().cmp(&b.is_some()),
    }
}

/// The order of a range's versions: semantic ones have the ecosystem's own form of that order, where it has one.
fn scheme_of<S>(scheme: Option<Scheme>, range: &Range<S>) -> Option<Scheme> {
    scheme.or(range.is_semantic.then_some(Scheme::SemVer))
}

/// A range as it was read: versions below one of which it holds, nothing where it holds for all; and the other events
/// by version, of which the beginning of all has none.
type Read<'a, S> = (Option<Vec<Version>>, Vec<(Option<Version>, &'a Event<S>)>);

fn read<S: AsRef<str>>(scheme: Scheme, range: &Range<S>) -> Result<Read<'_, S>, Unparsable> {
    let mut limits = Vec::new();
    let (mut has_limit, mut is_unlimited) = (false, false);
    let mut events = Vec::with_capacity(range.events.len());
    for event in &range.events {
        match event {
            Event::Limit(limit) => {
                has_limit = true;
                match limit.as_ref() {
                    "*" => is_unlimited = true,
                    limit => limits.push(scheme.parse(limit)?),
                }
            }
            // the beginning of all is below every version, and no version itself
            Event::Introduced(text) if text.as_ref() == "0" => events.push((None, event)),
            Event::Introduced(text) | Event::Fixed(text) | Event::LastAffected(text) => {
                events.push((Some(scheme.parse(text.as_ref())?), event));
            }
        }
    }
    events.sort_by(|(a, _), (b, _)| in_order(a.as_ref(), b.as_ref()));
    Ok(((has_limit && !is_unlimited).then_some(limits), events))
}

/// Whether a version is below none of the limits.
fn is_beyond(version: &Version, limits: Option<&[Version]>) -> bool {
    limits.is_some_and(|limits| !limits.iter().any(|limit| version < limit))
}

fn covers<S: AsRef<str>>(scheme: Scheme, range: &Range<S>, version: &Version) -> Result<bool, Unparsable> {
    let (limits, events) = read(scheme, range)?;
    if is_beyond(version, limits.as_deref()) {
        return Ok(false);
    }
    let mut is_affected = false;
    for (at, event) in &events {
        let order = at.as_ref().map_or(Ordering::Greater, |at| version.partial_cmp(at).unwrap_or(Ordering::Less));
        match event {
            Event::Introduced(_) if order.is_ge() => is_affected = true,
            Event::Fixed(_) if order.is_ge() => is_affected = false,
            Event::LastAffected(_) if order.is_gt() => is_affected = false,
            _ => {}
        }
    }
    Ok(is_affected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(events: &[(&str, &str)]) -> Range {
        let events = events.iter().map(|(kind, version)| {
            let version = (*version).to_owned();
            match *kind {
                "introduced" => Event::Introduced(version),
                "fixed" => Event::Fixed(version),
                "last" => Event::LastAffected(version),
                _ => Event::Limit(version),
            }
        });
        Range { is_semantic: false, events: events.collect() }
    }

    #[test]
    fn ranges_are_evaluated_as_the_schema_says() {
        use Scheme::{Dpkg, Npm, Pep440};
        type Case = (Scheme, &'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);
        let cases: [Case; 9] = [
            (Npm, &[("introduced", "0"), ("fixed", "1.2.3")], &["0.0.1", "1.2.3-rc.1", "1.2.2"], &["1.2.3", "2.0.0"]),
            (Npm, &[("introduced", "1.0.0"), ("last", "1.5.0")], &["1.0.0", "1.5.0"], &["1.0.0-rc.1", "1.5.1"]),
            (
                Npm,
                &[("introduced", "2.0.0"), ("fixed", "2.4.0"), ("introduced", "1.0.0"), ("fixed", "1.8.1")],
                &["1.0.0", "1.8.0", "2.0.0", "2.3.9"],
                &["0.9.0", "1.8.1", "1.9.0", "2.4.0"],
            ),
            (Npm, &[("introduced", "0")], &["0.0.0", "99.0.0"], &[]),
            (Npm, &[("introduced", "0"), ("limit", "2.0.0")], &["1.0.0"], &["2.0.0", "3.0.0"]),
            (Npm, &[("introduced", "0"), ("limit", "1.0.0"), ("limit", "*")], &["9.0.0"], &[]),
            // at one version the record's order counts
            (Npm, &[("introduced", "0"), ("fixed", "1.0.0"), ("introduced", "1.0.0")], &["1.0.0"], &[]),
            (Dpkg, &[("introduced", "0"), ("fixed", "1:1.0-2")], &["5.0", "1:1.0-1", "0~", "~~"], &["1:1.0-2+b1"]),
            (Pep440, &[("introduced", "0"), ("fixed", "2.0")], &["1.0+local", "2.0rc1"], &["2.0+local", "1!0"]),
        ];
        for (scheme, events, affected, clear) in cases {
            let versions = Versions { ranges: vec![range(events)], ..Versions::default() };
            let prepared = Prepared::of(Some(scheme), &versions.ranges);
            let is_hit = |version: &&str| {
                let is_hit = evaluate(Some(scheme), &versions, version).expect("parses").is_some();
                assert_eq!(prepared.covers(version), is_hit, "{events:?} {version}");
                is_hit
            };
            assert_eq!(affected.iter().copied().filter(|version| !is_hit(version)).collect::<Vec<_>>(), [""; 0]);
            assert_eq!(clear.iter().copied().filter(is_hit).collect::<Vec<_>>(), [""; 0], "{events:?}");
        }
    }

    #[test]
    fn prepared_ranges_say_the_same_of_all_short_sequences() {
        let kinds = ["introduced", "fixed", "last", "limit"];
        let texts = ["0", "1.0.0", "2.0.0"];
        let all: Vec<(&str, &str)> = kinds.iter().flat_map(|kind| texts.map(|text| (*kind, text))).collect();
        for a in &all {
            for b in &all {
                for c in &all {
                    let ranges = vec![range(&[*a, *b, *c])];
                    let prepared = Prepared::of(Some(Scheme::Npm), &ranges);
                    let versions = Versions { ranges, ..Versions::default() };
                    for version in ["0.0.0", "0.5.0", "1.0.0", "1.5.0", "2.0.0", "3.0.0"] {
                        let expected = evaluate(Some(Scheme::Npm), &versions, version);
                        let is_hit = matches!(expected, Ok(Some(_)));
                        assert_eq!(prepared.covers(version), is_hit, "{versions:?} {version}");
                    }
                }
            }
        }
    }

    #[test]
    fn listed_versions_count_as_they_are_written() {
        let versions = Versions {
            listed: vec!["1.0".into(), "odd version".into()],
            ranges: vec![range(&[("introduced", "3.0"), ("fixed", "3.1")])],
            ..Versions::default()
        };
        let hit = |version: &str| evaluate(Some(Scheme::Pep440), &versions, version);
        assert_eq!(hit("1.0"), Ok(Some(Hit::Listed)));
        assert_eq!(hit("1.0.0"), Ok(None));
        assert_eq!(hit("3.0.5"), Ok(Some(Hit::InRange(0))));
        assert_eq!(hit("odd version"), Ok(Some(Hit::Listed)));
        assert!(hit("another odd version").is_err());
        assert_eq!(evaluate(None, &versions, "3.0.5"), Ok(None));
    }

    #[test]
    fn a_range_that_is_not_understood_hides_no_other() {
        let versions = Versions {
            ranges: vec![range(&[("introduced", "nonsense")]), range(&[("introduced", "0"), ("fixed", "2.0.0")])],
            ..Versions::default()
        };
        assert_eq!(evaluate(Some(Scheme::Npm), &versions, "1.0.0"), Ok(Some(Hit::InRange(1))));
        assert!(evaluate(Some(Scheme::Npm), &versions, "2.0.0").is_err());
    }

    #[test]
    fn fixes_are_those_above_the_version_and_sorted() {
        let versions = Versions {
            ranges: vec![
                range(&[("introduced", "2.0.0"), ("fixed", "2.4.0")]),
                range(&[("introduced", "1.0.0"), ("fixed", "1.8.1")]),
                range(&[("introduced", "3.0.0"), ("last", "3.0.9")]),
            ],
            ..Versions::default()
        };
        let fixes = |version: &str| -> Vec<String> {
            fixes(Some(Scheme::Npm), &versions, version).into_iter().map(|(_, text)| text.to_owned()).collect()
        };
        assert_eq!(fixes("1.0.0"), ["1.8.1", "2.4.0"]);
        assert_eq!(fixes("2.0.0"), ["2.4.0"]);
        assert_eq!(fixes("3.0.1"), [""; 0]);
    }
}

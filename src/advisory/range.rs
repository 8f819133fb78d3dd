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

/// Says whether `version` of a package is affected.
///
/// Without a `scheme` only the listed versions can tell. An error says that a range could not be evaluated, and
/// that nothing else affects the version: neither a hit nor clear.
pub fn evaluate<S: AsRef<str>>(
    scheme: Option<Scheme>,
    versions: &Versions<S>,
    version: &str,
) -> Result<Option<Hit>, Unparsable> {
    if versions.listed.iter().any(|listed| listed.as_ref() == version) {
        return Ok(Some(Hit::Listed));
    }
    let mut unknown = None;
    // read once for all ranges, which mostly have one order
    let mut installed: Option<Result<Version, Unparsable>> = None;
    for (place, range) in versions.ranges.iter().enumerate() {
        let Some(scheme) = scheme_of(scheme, range) else { continue };
        if installed.as_ref().is_none_or(|read| read.as_ref().map_or_else(|no| no.scheme, Version::scheme) != scheme) {
            installed = Some(scheme.parse(version));
        }
        let found = match &installed {
            Some(Ok(installed)) => covers(scheme, range, installed),
            Some(Err(unparsable)) => Err(unparsable.clone()),
            None => continue,
        };
        match found {
            Ok(true) => return Ok(Some(Hit::InRange(place))),
            Ok(false) => {}
            Err(unparsable) => unknown = unknown.or(Some(unparsable)),
        }
    }
    unknown.map_or(Ok(None), Err)
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

/// The order of a range's versions: semantic ones have the ecosystem's own form of that order, where it has one.
fn scheme_of<S>(scheme: Option<Scheme>, range: &Range<S>) -> Option<Scheme> {
    scheme.or(range.is_semantic.then_some(Scheme::SemVer))
}

fn covers<S: AsRef<str>>(scheme: Scheme, range: &Range<S>, version: &Version) -> Result<bool, Unparsable> {
    let mut has_limit = false;
    let mut is_below_limit = false;
    let mut events: Vec<(Option<Version>, &Event<S>)> = Vec::with_capacity(range.events.len());
    for event in &range.events {
        match event {
            Event::Limit(limit) => {
                has_limit = true;
                let limit = limit.as_ref();
                is_below_limit |= limit == "*" || *version < scheme.parse(limit)?;
            }
            // the beginning of all is below every version, and no version itself
            Event::Introduced(text) if text.as_ref() == "0" => events.push((None, event)),
            Event::Introduced(text) | Event::Fixed(text) | Event::LastAffected(text) => {
                events.push((Some(scheme.parse(text.as_ref())?), event));
            }
        }
    }
    if has_limit && !is_below_limit {
        return Ok(false);
    }
    // stable: events at one version keep the record's order
    events.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        _ => a.is_some().cmp(&b.is_some()),
    });
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
            let is_hit = |version: &&str| evaluate(Some(scheme), &versions, version).expect("parses").is_some();
            assert_eq!(affected.iter().copied().filter(|version| !is_hit(version)).collect::<Vec<_>>(), [""; 0]);
            assert_eq!(clear.iter().copied().filter(is_hit).collect::<Vec<_>>(), [""; 0], "{events:?}");
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

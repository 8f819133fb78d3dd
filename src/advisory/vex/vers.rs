//! Version ranges as CycloneDX and CSAF write them (VERS, the `vers:` part of purl-spec).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cmp::Ordering;

use crate::format::percent;
use crate::version::{Scheme, Version};

/// Constraints of one range.
const CONSTRAINTS: usize = 1_000;

/// A range that was read, its bounds in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Vers {
    scheme: Scheme,
    is_everything: bool,
    bounds: Vec<(Comparator, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Is,
    IsNot,
    Less,
    UpTo,
    More,
    From,
}

impl Vers {
    /// Reads `vers:npm/>=1.0.0|<2.0.0`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = || super::shown(text);
        let rest =
            text.strip_prefix("vers:").ok_or_else(|| format!("`{}` is no range that begins `vers:`", shown()))?;
        let (kind, constraints) =
            rest.split_once('/').ok_or_else(|| format!("the range `{}` has no constraints", shown()))?;
        let scheme =
            scheme(kind).ok_or_else(|| format!("no order is known of versions of `{}`", super::shown(kind)))?;
        let constraints: String = constraints.chars().filter(|c| !c.is_whitespace()).collect();
        if constraints == "*" {
            return Ok(Self { scheme, is_everything: true, bounds: Vec::new() });
        }
        let mut bounds = Vec::new();
        for constraint in constraints.split('|').filter(|constraint| !constraint.is_empty()) {
            if bounds.len() >= CONSTRAINTS {
                return Err(format!("a range has more than {CONSTRAINTS} constraints"));
            }
            let (comparator, version) = Comparator::split(constraint);
            let version = percent::decode(version).ok_or_else(|| format!("`{}` is not encoded well", shown()))?;
            bounds.push((comparator, scheme.parse(&version).map_err(|error| error.to_string())?));
        }
        if bounds.is_empty() {
            return Err(format!("the range `{}` has no constraints", shown()));
        }
        bounds.sort_by(|(_, a), (_, b)| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        Ok(Self { scheme, is_everything: false, bounds })
    }

    /// Whether the range holds this version; one that its scheme refuses is in no range.
    pub fn contains(&self, version: &str) -> bool {
        let Ok(version) = self.scheme.parse(version) else { return false };
        if self.is_everything {
            return true;
        }
        let same = || self.bounds.iter().filter(|(_, bound)| *bound == version).map(|(comparator, _)| *comparator);
        if same().any(|comparator| comparator == Comparator::IsNot) {
            return false;
        }
        if same().any(|comparator| matches!(comparator, Comparator::Is | Comparator::UpTo | Comparator::From)) {
            return true;
        }
        // what is left of these comparators stops short of its bound
        if same().next().is_some() {
            return false;
        }
        let ends: Vec<&(Comparator, Version)> = self
            .bounds
            .iter()
            .filter(|(comparator, _)| !matches!(comparator, Comparator::Is | Comparator::IsNot))
            .collect();
        if ends.is_empty() {
            // versions that are left out, and nothing else, leave all others
            return self.bounds.iter().all(|(comparator, _)| *comparator == Comparator::IsNot);
        }
        // the nearest ends on either side say whether what is between them is meant
        let below = ends.iter().rev().find(|(_, bound)| *bound < version);
        let above = ends.iter().find(|(_, bound)| *bound > version);
        let opens = |end: &&&(Comparator, Version)| matches!(end.0, Comparator::More | Comparator::From);
        let closes = |end: &&&(Comparator, Version)| matches!(end.0, Comparator::Less | Comparator::UpTo);
        match (below, above) {
            (Some(below), Some(above)) => opens(&below) && closes(&above),
            (Some(below), None) => opens(&below),
            (None, Some(above)) => closes(&above),
            (None, None) => false,
        }
    }
}

impl Comparator {
    fn split(constraint: &str) -> (Self, &str) {
        const SIGNS: &[(&str, Comparator)] = &[
            (">=", Comparator::From),
            ("<=", Comparator::UpTo),
            ("!=", Comparator::IsNot),
            (">", Comparator::More),
            ("<", Comparator::Less),
            ("=", Comparator::Is),
        ];
        let split = SIGNS.iter().find_map(|(sign, comparator)| Some((*comparator, constraint.strip_prefix(sign)?)));
        split.unwrap_or((Self::Is, constraint))
    }
}

/// The order of versions that a type of package URLs has, or a scheme of ranges.
fn scheme(kind: &str) -> Option<Scheme> {
    Some(match kind {
        "alpine" | "apk" => Scheme::Apk,
        "bitnami" => Scheme::Bitnami,
        "cargo" | "hex" | "pub" | "semver" | "swift" => Scheme::SemVer,
        "composer" => Scheme::Composer,
        "deb" => Scheme::Dpkg,
        "gem" => Scheme::Gem,
        "go" | "golang" => Scheme::Go,
        "maven" => Scheme::Maven,
        "npm" => Scheme::Npm,
        "nuget" => Scheme::NuGet,
        "pypi" => Scheme::Pep440,
        "rpm" => Scheme::Rpm,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        // the range, versions in it, versions not in it
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("vers:npm/>=1.0.0|<2.0.0", &["1.0.0", "1.9.9"], &["0.9.0", "2.0.0", "2.1.0", "x"]),
            ("vers:npm/<2.0.0|>=1.0.0", &["1.0.0"], &["2.0.0"]),
            ("vers:npm/<1.0.0|>=2.0.0|<=2.5.0|>3.0.0", &["0.1.0", "2.5.0", "3.0.1"], &["1.0.0", "2.6.0", "3.0.0"]),
            ("vers:pypi/1.0|2.0", &["1.0", "1.0.0", "2"], &["1.5"]),
            ("vers:deb/!=1-1", &["1-2", "1~1-1"], &["1-1"]),
            ("vers:npm/>1.0.0|!=1.5.0", &["1.4.0"], &["1.5.0", "1.0.0"]),
            ("vers:rpm/*", &["1-1"], &[""]),
            ("vers:deb/ <= 1%2B2-1 ", &["1+2-1", "1-1"], &["1+3-1"]),
            ("vers:golang/<v1.2.0", &["v1.1.9"], &["v1.2.0"]),
        ];
        for (range, inside, outside) in cases {
            let range = Vers::parse(range).expect(range);
            for version in *inside {
                assert!(range.contains(version), "{range:?} {version}");
            }
            for version in *outside {
                assert!(!range.contains(version), "{range:?} {version}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_told() {
        let many = format!("vers:npm/{}", vec!["1.0.0"; 1_001].join("|"));
        for bad in
            ["", "<4.2", "vers:npm", "vers:npm/", "vers:npm/|", "vers:what/1", "vers:npm/>=x", "vers:npm/>%", &many]
        {
            assert!(Vers::parse(bad).is_err(), "{bad}");
        }
    }
}

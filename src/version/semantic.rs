//! The order of semantic versions (section 11 of Semantic Versioning 2.0.0), as npm and Bitnami have it too.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cmp::Ordering;

/// A semantic version. Build metadata has no part in the order, which `semver`'s own `Ord` gives it.
#[derive(Debug, Clone)]
pub(super) struct Semantic(semver::Version);

/// Reads a version of Semantic Versioning 2.0.0, three numbers and all.
pub(super) fn parse(text: &str) -> Result<Semantic, &'static str> {
    semver::Version::parse(text).map(Semantic).map_err(|_| "not of the form 1.2.3-pre+build")
}

/// Reads a version of npm as node-semver's strict form does: a `v` and spaces round it are taken.
pub(super) fn parse_npm(text: &str) -> Result<Semantic, &'static str> {
    /// Length and numbers that node-semver takes (`MAX_LENGTH`, `Number.MAX_SAFE_INTEGER`).
    const LONGEST: usize = 256;
    const LARGEST: u64 = (1 << 53) - 1;
    if text.len() > LONGEST {
        return Err("longer than 256 bytes");
    }
    let text = text.trim();
    let version = parse(text.strip_prefix('v').unwrap_or(text))?;
    let Semantic(semver::Version { major, minor, patch, .. }) = &version;
    if [major, minor, patch].into_iter().any(|number| *number > LARGEST) {
        return Err("of a number beyond 2^53 - 1");
    }
    Ok(version)
}

impl Ord for Semantic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp_precedence(&other.0)
    }
}

impl PartialOrd for Semantic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Semantic {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Semantic {}

/// A version of Bitnami: what stands in the place of the pre-release is a revision, later than the version without it.
///
/// Source: "Version revision" in the documentation of Bitnami's go-version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bitnami(Semantic);

/// Reads a version of Bitnami.
pub(super) fn parse_bitnami(text: &str) -> Result<Bitnami, &'static str> {
    parse(text).map(Bitnami)
}

impl Ord for Bitnami {
    fn cmp(&self, other: &Self) -> Ordering {
        let (Semantic(left), Semantic(right)) = (&self.0, &other.0);
        let numbers = (left.major, left.minor, left.patch).cmp(&(right.major, right.minor, right.patch));
        let has_revision = (!left.pre.is_empty()).cmp(&!right.pre.is_empty());
        numbers.then(has_revision).then_with(|| left.pre.cmp(&right.pre))
    }
}

impl PartialOrd for Bitnami {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

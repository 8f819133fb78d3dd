//! Advisories as careen keeps them: what matching and reports need of an OSV record, whatever feed it came from.
//!
//! Source: the OSV schema 1.7, whose words the fields have. The description of a record is left out.

use serde::{Deserialize, Serialize};

/// One record: what is known of a flaw, and which packages have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// Its id, such as `GHSA-…`, `DSA-…`, `CVE-…`.
    pub id: String,
    /// When it was changed last, RFC 3339 as the record has it.
    pub modified: String,
    /// When it was first published, RFC 3339.
    pub published: Option<String>,
    /// When it was withdrawn; then it affects nothing.
    pub withdrawn: Option<String>,
    /// Other ids of the same flaw.
    pub aliases: Vec<String>,
    /// Ids of the flaws it passes on: those of a distribution's record.
    pub upstream: Vec<String>,
    /// Ids that have to do with it; the flaws that an erratum mends are here in some feeds.
    pub related: Vec<String>,
    /// A line of text; empty in embedded data, which holds facts only.
    pub summary: String,
    /// How grave it is, for all its packages.
    pub ratings: Vec<Rating>,
    /// How grave it is in a word, as the feed puts it: `HIGH`, `Important`.
    pub label: Option<String>,
    /// Weaknesses: `CWE-79`.
    pub cwes: Vec<String>,
    /// Where to read on.
    pub links: Vec<String>,
    /// Whether somebody has looked at it, as Go's records say: `UNREVIEWED`.
    pub review: Option<String>,
    /// What it affects. Empty in the store, where these stand by package.
    pub affected: Vec<Affected>,
}

/// A package that an advisory affects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// As OSV has it, with the release: `Debian:12`, `PyPI`.
    pub ecosystem: String,
    /// As the record spells it.
    pub name: String,
    /// Which versions.
    pub versions: Versions,
}

/// Which versions of a package an advisory affects, and what else decides it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// A version in any of them is affected.
    pub ranges: Vec<Range>,
    /// These are affected, compared as strings.
    pub listed: Vec<String>,
    /// How grave it is for this package; goes before the record's own.
    pub ratings: Vec<Rating>,
    /// What else the feed says of the package.
    pub facts: Facts,
}

/// What a feed says of an affected package besides its versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// A distribution's own word for how urgent it is: `unimportant`, `low`, `not yet assigned`.
    pub urgency: Option<String>,
    /// What a distribution means to do: `no-dsa`, `ignored`, `postponed`, `will not fix`, `not affected`.
    pub status: Option<String>,
    /// Why it says nothing of a flaw: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// Operating systems it is limited to, as the feed names them; empty for all.
    pub systems: Vec<String>,
    /// Architectures it is limited to, as the feed names them; empty for all.
    pub architectures: Vec<String>,
    /// The binary packages of the source package that have it; empty for all.
    pub binaries: Vec<String>,
    /// The module stream it is limited to: `nodejs:12`.
    pub module: Option<String>,
    /// Under what terms the fix can be had, where not everybody can have it.
    pub terms: Option<String>,
}

/// A range: a line of versions with events on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Whether its versions are semantic ones, whatever the ecosystem (`SEMVER`); else they are the ecosystem's.
    pub is_semantic: bool,
    /// The events, in the record's order.
    pub events: Vec<Event>,
}

/// An event on the line of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// From here on affected; `0` is the beginning of all.
    Introduced(String),
    /// From here on no more.
    Fixed(String),
    /// The last one known to be affected; no fixed version is known.
    LastAffected(String),
    /// The range holds only below this; `*` is no limit.
    Limit(String),
}

/// How grave, on some scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// The scale.
    pub kind: RatingKind,
    /// A CVSS vector, or a distribution's word.
    pub score: String,
}

/// A scale for how grave a flaw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RatingKind {
    /// A vector of CVSS 2.
    CvssV2,
    /// A vector of CVSS 3.0 or 3.1.
    CvssV3,
    /// A vector of CVSS 4.0.
    CvssV4,
    /// A priority of Ubuntu's.
    Ubuntu,
}

/// What the store holds of one advisory by package.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Posting {
    /// The advisory's id.
    pub id: String,
    /// Which versions it affects.
    pub versions: Versions,
}

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
///
/// Texts are owned, or lent by the bytes that they were unpacked from: most of what is looked up affects nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions<S = String> {
    /// A version in any of them is affected.
    pub ranges: Vec<Range<S>>,
    /// These are affected, compared as strings.
    pub listed: Vec<S>,
    /// How grave it is for this package; goes before the record's own.
    pub ratings: Vec<Rating<S>>,
    /// What else the feed says of the package.
    pub facts: Facts<S>,
}

/// What a feed says of an affected package besides its versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts<S = String> {
    /// A distribution's own word for how urgent it is: `unimportant`, `low`, `not yet assigned`.
    pub urgency: Option<S>,
    /// What a distribution means to do: `no-dsa`, `ignored`, `postponed`, `will not fix`, `not affected`.
    pub status: Option<S>,
    /// Why it says nothing of a flaw: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<S>,
    /// Operating systems it is limited to, as the feed names them; empty for all.
    pub systems: Vec<S>,
    /// Architectures it is limited to, as the feed names them; empty for all.
    pub architectures: Vec<S>,
    /// The binary packages of the source package that have it; empty for all.
    pub binaries: Vec<S>,
    /// The module stream it is limited to: `nodejs:12`.
    pub module: Option<S>,
    /// Under what terms the fix can be had, where not everybody can have it.
    pub terms: Option<S>,
}

/// A range: a line of versions with events on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Range<S = String> {
    /// Whether its versions are semantic ones, whatever the ecosystem (`SEMVER`); else they are the ecosystem's.
    pub is_semantic: bool,
    /// The events, in the record's order.
    pub events: Vec<Event<S>>,
}

/// An event on the line of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event<S = String> {
    /// From here on affected; `0` is the beginning of all.
    Introduced(S),
    /// From here on no more.
    Fixed(S),
    /// The last one known to be affected; no fixed version is known.
    LastAffected(S),
    /// The range holds only below this; `*` is no limit.
    Limit(S),
}

/// How grave, on some scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating<S = String> {
    /// The scale.
    pub kind: RatingKind,
    /// A CVSS vector, or a distribution's word.
    pub score: S,
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
pub struct Posting<S = String> {
    /// The advisory's id.
    pub id: S,
    /// Which versions it affects.
    pub versions: Versions<S>,
}

impl Posting {
    /// The same with texts lent.
    pub fn lent(&self) -> Posting<&str> {
        fn texts(list: &[String]) -> Vec<&str> {
            list.iter().map(String::as_str).collect()
        }
        fn range(range: &Range) -> Range<&str> {
            Range { is_semantic: range.is_semantic, events: range.events.iter().map(Event::lent).collect() }
        }
        let Versions { ranges, listed, ratings, facts } = &self.versions;
        Posting {
            id: &self.id,
            versions: Versions {
                ranges: ranges.iter().map(range).collect(),
                listed: texts(listed),
                ratings: ratings.iter().map(|rating| Rating { kind: rating.kind, score: &*rating.score }).collect(),
                facts: Facts {
                    urgency: facts.urgency.as_deref(),
                    status: facts.status.as_deref(),
                    informational: facts.informational.as_deref(),
                    systems: texts(&facts.systems),
                    architectures: texts(&facts.architectures),
                    binaries: texts(&facts.binaries),
                    module: facts.module.as_deref(),
                    terms: facts.terms.as_deref(),
                },
            },
        }
    }
}

impl Event {
    fn lent(&self) -> Event<&str> {
        match self {
            Self::Introduced(version) => Event::Introduced(version),
            Self::Fixed(version) => Event::Fixed(version),
            Self::LastAffected(version) => Event::LastAffected(version),
            Self::Limit(version) => Event::Limit(version),
        }
    }
}

impl Posting<&str> {
    /// The same with texts of its own.
    pub fn to_owned(&self) -> Posting {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let text = |text: Option<&str>| text.map(str::to_owned);
        let Versions { ranges, listed, ratings, facts } = &self.versions;
        let range = |range: &Range<&str>| Range {
            is_semantic: range.is_semantic,
            events: range.events.iter().map(Event::to_owned).collect(),
        };
        let rating = |rating: &Rating<&str>| Rating { kind: rating.kind, score: rating.score.to_owned() };
        Posting {
            id: self.id.to_owned(),
            versions: Versions {
                ranges: ranges.iter().map(range).collect(),
                listed: texts(listed),
                ratings: ratings.iter().map(rating).collect(),
                facts: Facts {
                    urgency: text(facts.urgency),
                    status: text(facts.status),
                    informational: text(facts.informational),
                    systems: texts(&facts.systems),
                    architectures: texts(&facts.architectures),
                    binaries: texts(&facts.binaries),
                    module: text(facts.module),
                    terms: text(facts.terms),
                },
            },
        }
    }
}

impl Event<&str> {
    fn to_owned(&self) -> Event {
        match self {
            Self::Introduced(version) => Event::Introduced((*version).to_owned()),
            Self::Fixed(version) => Event::Fixed((*version).to_owned()),
            Self::LastAffected(version) => Event::LastAffected((*version).to_owned()),
            Self::Limit(version) => Event::Limit((*version).to_owned()),
        }
    }
}

//! All advisory data at hand: those of the folder, and those that are part of careen where the folder has none.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::Path;
use std::rc::Rc;

use crate::error::Result;
use crate::time::Timestamp;
use crate::version::Unparsable;

use super::embedded;
use super::feed::about;
use super::name;
use super::range::{Hit, Installed};
use super::record::{Advisory, Posting};
use super::risk::{Epss, Exploited};
use super::store::{Database, Shard};

/// All advisory data at hand.
#[derive(Debug)]
pub struct Catalogue {
    database: Database,
    /// Whether careen's own records stand beside fetched ones.
    has_own: bool,
    /// What there is by family, found out at the first question about it.
    sources: RefCell<BTreeMap<String, Rc<[Source]>>>,
}

/// The data of one feed for one family.
#[derive(Debug)]
pub struct Source {
    /// The feed's id.
    pub feed: String,
    /// Its data.
    pub shard: Lent,
    /// Whether it tells of all packages of the family, and not just something of a few.
    pub covers: bool,
}

/// What is asked: a package as records name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// With the release: `Debian:12`.
    pub ecosystem: String,
    /// In any spelling.
    pub name: String,
    /// The installed version.
    pub version: String,
}

/// What the data say.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Whether some feed tells of the whole family and release; else silence says nothing.
    pub is_covered: bool,
    /// What affects the version.
    pub matches: Vec<Match>,
    /// What may affect it: a version was not understood.
    pub unknown: Vec<(String, Unparsable)>,
    /// The records that are about the package and not about this version.
    pub clear: Vec<String>,
    /// What a distribution says of a flaw without saying of which versions.
    pub states: Vec<Posting>,
}

/// An advisory that affects a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The feed it comes from.
    pub feed: String,
    /// The ecosystem whose record it is, with the release.
    pub ecosystem: String,
    /// The record's entry for the package.
    pub posting: Posting,
    /// Why it affects the version.
    pub hit: Hit,
}

/// What a record says of a version.
#[derive(Debug, Clone, PartialEq)]
pub enum Opinion {
    /// It is affected.
    Affects(Hit),
    /// It is not affected.
    Clear,
    /// A version was not understood.
    Unknown(Unparsable),
    /// A distribution says something of the flaw without saying of which versions.
    State,
}

/// A shard of the folder, or one that is part of careen.
#[derive(Debug, Clone)]
pub enum Lent {
    /// Of the folder.
    Read(Rc<Shard>),
    /// Part of careen.
    Embedded(&'static Shard),
}

impl Deref for Lent {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        match self {
            Self::Read(shard) => shard,
            Self::Embedded(shard) => shard,
        }
    }
}

/// One source of advisories, as reports tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The feed's id.
    pub feed: String,
    /// The family.
    pub family: String,
    /// Where it was fetched; `embedded` for what is part of careen.
    pub source: String,
    /// The newest change in it.
    pub newest: String,
    /// When the source was last known to have nothing newer.
    pub confirmed: Option<Timestamp>,
    /// Records in it.
    pub records: Option<u64>,
}

impl Origin {
    /// How many hours it is since the source was known to have nothing newer.
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        self.confirmed.map(|confirmed| now.to_unix().saturating_sub(confirmed.to_unix()) / 3600)
    }
}

impl Catalogue {
    /// The data of `folder`; a folder that is not there has none.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self::of(Database::open(folder)?))
    }

    /// What is part of careen alone.
    pub fn embedded() -> Self {
        Self::of(Database::empty())
    }

    fn of(database: Database) -> Self {
        Self { database, has_own: true, sources: RefCell::default() }
    }

    /// Only what was fetched, for families of which anything was.
    #[must_use]
    pub fn without_own(self) -> Self {
        Self { has_own: false, ..Self::of(self.database) }
    }

    /// The data in the folder.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// All data for a family. What is part of careen stands in for data of the family that were never fetched;
    /// careen's own records are always among them.
    pub fn sources(&self, family: &str) -> Result<Rc<[Source]>> {
        if let Some(sources) = self.sources.borrow().get(family) {
            return Ok(Rc::clone(sources));
        }
        let source = |feed: &str, shard| Source { feed: feed.to_owned(), shard, covers: covers(feed, family) };
        let read = self.database.of_family(family)?;
        let mut sources: Vec<Source> = read.into_iter().map(|(feed, shard)| source(&feed, Lent::Read(shard))).collect();
        let is_wanted = |feed: &str| (feed == embedded::OWN_FEED && self.has_own) || !self.has_data(family);
        let embedded = embedded::of_family(family).filter(|(feed, _)| is_wanted(feed));
        sources.extend(embedded.map(|(feed, shard)| source(feed, Lent::Embedded(shard))));
        let sources: Rc<[Source]> = sources.into();
        self.sources.borrow_mut().insert(family.to_owned(), Rc::clone(&sources));
        Ok(sources)
    }

    /// Whether the folder has more for a family than a few facts.
    fn has_data(&self, family: &str) -> bool {
        self.database.manifest().of_family(family).any(|(feed, _)| covers(feed, family))
    }

    /// Where the data for some families, and what is known of exploits, come from.
    pub fn origins(&self, families: &BTreeSet<String>) -> Vec<Origin> {
        let of_folder = self.database.manifest().shards.iter().filter_map(|(name, entry)| {
            let (feed, family) = name.split_once('/')?;
            (families.contains(family) || feed == family).then(|| Origin {
                feed: feed.to_owned(),
                family: family.to_owned(),
                // a path of the machine tells nobody else anything
                source: if entry.source.contains("://") { entry.source.clone() } else { "local files".into() },
                newest: entry.newest.clone(),
                confirmed: entry.confirmed(),
                records: Some(entry.records),
            })
        });
        let mut origins: Vec<Origin> = of_folder.collect();
        let mut embed = |feed: &str, family: &str, newest: &str| {
            origins.push(Origin {
                feed: feed.to_owned(),
                family: family.to_owned(),
                source: "embedded".into(),
                newest: newest.to_owned(),
                confirmed: newest.get(..10).and_then(|day| format!("{day}T00:00:00Z").parse().ok()),
                records: None,
            });
        };
        for family in families.iter().filter(|family| !self.has_data(family)) {
            for (feed, _) in embedded::of_family(family).filter(|(feed, _)| *feed != embedded::OWN_FEED) {
                embed(feed, family, embedded::rustsec_as_of());
            }
        }
        if !self.database.manifest().shards.contains_key("kev/kev") {
            embed("kev", "kev", embedded::exploited_as_of());
        }
        origins
    }

    /// Asks what affects a version of a package.
    pub fn ask(&self, question: &Question) -> Result<Answer> {
        let mut answer = Answer::default();
        answer.is_covered = self.for_each(question, |feed, posting, opinion| match opinion {
            Opinion::Affects(hit) => {
                let (feed, ecosystem) = (feed.to_owned(), question.ecosystem.clone());
                answer.matches.push(Match { feed, ecosystem, posting: posting.to_owned(), hit });
            }
            Opinion::Clear => answer.clear.push(posting.id.to_owned()),
            Opinion::Unknown(unparsable) => answer.unknown.push((posting.id.to_owned(), unparsable)),
            Opinion::State => answer.states.push(posting.to_owned()),
        })?;
        Ok(answer)
    }

    /// Hands on each record about a package, with its feed and what it says of the version, as it lies in the data.
    /// Says whether some feed tells of the whole family and release.
    ///
    /// Records of no release hold for each.
    pub fn for_each(&self, question: &Question, mut take: impl FnMut(&str, &Posting<&str>, Opinion)) -> Result<bool> {
        let Question { ecosystem, name, version } = question;
        let (family, release) = name::split(ecosystem);
        let name = name::normalise(ecosystem, name);
        let mut installed = Installed::new(name::scheme(ecosystem), version);
        let mut is_covered = false;
        for Source { feed, shard, covers } in self.sources(family)?.iter() {
            is_covered |= *covers && shard.releases().contains(release);
            let mut judge = |posting: Posting<&str>| {
                let says_nothing = posting.versions.ranges.is_empty() && posting.versions.listed.is_empty();
                let opinion = if says_nothing && posting.versions.facts.status.is_some() {
                    Opinion::State
                } else {
                    match installed.evaluate(&posting.versions) {
                        Ok(Some(hit)) => Opinion::Affects(hit),
                        Ok(None) => Opinion::Clear,
                        Err(unparsable) => Opinion::Unknown(unparsable),
                    }
                };
                take(feed, &posting, opinion);
            };
            shard.for_each_posting(release, &name, &mut judge)?;
            if !release.is_empty() && shard.releases().contains("") {
                is_covered |= *covers;
                shard.for_each_posting("", &name, &mut judge)?;
            }
        }
        Ok(is_covered)
    }

    /// The releases of a family that some feed tells of as a whole.
    pub fn covered_releases(&self, family: &str) -> Result<BTreeSet<String>> {
        let mut releases = BTreeSet::new();
        for source in self.sources(family)?.iter().filter(|source| source.covers) {
            releases.extend(source.shard.releases().iter().cloned());
        }
        Ok(releases)
    }

    /// Whether the data for a family tell of flaws that nobody has fixed, too.
    pub fn is_comprehensive(&self, family: &str) -> bool {
        self.database
            .manifest()
            .of_family(family)
            .any(|(feed, _)| about::family(feed, family).coverage == about::Coverage::Comprehensive)
    }

    /// The families there are data for, sorted.
    pub fn families(&self) -> BTreeSet<String> {
        let names = self.database.manifest().shards.keys().filter_map(|name| name.split_once('/'));
        names.filter(|(_, family)| !["kev", "epss"].contains(family)).map(|(_, family)| family.to_owned()).collect()
    }

    /// The ids of a family's records that have `id` as alias or pass it on, from any feed; sorted.
    pub fn named(&self, family: &str, id: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for source in self.sources(family)?.iter() {
            ids.extend(source.shard.named(id)?);
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Whether somebody was seen exploiting a flaw.
    pub fn exploited(&self, cve: &str) -> Result<Option<Exploited>> {
        match self.database.shard("kev/kev")? {
            Some(shard) => shard.fact(cve),
            None => Ok(embedded::exploited(cve).cloned()),
        }
    }

    /// How likely somebody exploits a flaw soon.
    pub fn epss(&self, cve: &str) -> Result<Option<Epss>> {
        match self.database.shard("epss/epss")? {
            Some(shard) => shard.fact(cve),
            None => Ok(None),
        }
    }

    /// The record of this id, as a feed of the family has it.
    pub fn record_of(&self, feed: &str, family: &str, id: &str) -> Result<Option<Advisory>> {
        match self.sources(family)?.iter().find(|source| source.feed == feed) {
            Some(source) => source.shard.record(id),
            None => Ok(None),
        }
    }

    /// The record of this id, from any feed of the family.
    pub fn record(&self, family: &str, id: &str) -> Result<Option<Advisory>> {
        for source in self.sources(family)?.iter() {
            if let Some(record) = source.shard.record(id)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// Whether a feed tells of all packages of a family, and not just something of a few.
///
/// A feed that nothing is known of, such as that of imported single records, does not.
fn covers(feed: &str, family: &str) -> bool {
    let is_known = || about::families(feed).iter().any(|about| about.name == family);
    feed == "osv" || (is_known() && about::family(feed, family).coverage != about::Coverage::Facts)
}

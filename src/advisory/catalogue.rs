//! All advisory data at hand: those of the folder, and those that are part of careen where the folder has none.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use crate::error::Result;
use crate::version::Unparsable;

use super::feed::about;
use super::name;
use super::range::{self, Hit};
use super::record::{Advisory, Posting};
use super::risk::{Epss, Exploited};
use super::store::{Database, Shard};

/// All advisory data at hand.
#[derive(Debug)]
pub struct Catalogue {
    database: Database,
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

impl Catalogue {
    /// The data of `folder`; a folder that is not there has none.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self { database: Database::open(folder)? })
    }

    /// What is part of careen alone.
    pub fn embedded() -> Self {
        Self { database: Database::empty() }
    }

    /// The data in the folder.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// All data for a family, with the ids of their feeds.
    pub fn shards(&self, family: &str) -> Result<Vec<(String, Rc<Shard>)>> {
        self.database.of_family(family)
    }

    /// Asks what affects a version of a package; `None` if there are no data for the family or its release.
    ///
    /// Records of no release hold for each.
    pub fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        let Question { ecosystem, name, version } = question;
        let (family, release) = name::split(ecosystem);
        let name = name::normalise(ecosystem, name);
        let scheme = name::scheme(ecosystem);
        let mut answer = Answer::default();
        let mut is_covered = false;
        for (feed, shard) in self.shards(family)? {
            is_covered |= shard.releases().contains(release);
            let mut postings = shard.postings(release, &name)?;
            if !release.is_empty() && shard.releases().contains("") {
                is_covered = true;
                postings.extend(shard.postings("", &name)?);
            }
            for posting in postings {
                let says_nothing = posting.versions.ranges.is_empty() && posting.versions.listed.is_empty();
                if says_nothing && posting.versions.facts.status.is_some() {
                    answer.states.push(posting);
                    continue;
                }
                match range::evaluate(scheme, &posting.versions, version) {
                    Ok(Some(hit)) => {
                        let (feed, ecosystem) = (feed.clone(), ecosystem.clone());
                        answer.matches.push(Match { feed, ecosystem, posting, hit });
                    }
                    Ok(None) => answer.clear.push(posting.id),
                    Err(unparsable) => answer.unknown.push((posting.id, unparsable)),
                }
            }
        }
        Ok(is_covered.then_some(answer))
    }

    /// Whether the data for a family tell of flaws that nobody has fixed, too.
    pub fn is_comprehensive(&self, family: &str) -> bool {
        let feeds = self.database.manifest().of_family(family);
        feeds.into_iter().any(|(feed, _)| about::family(feed, family).coverage == about::Coverage::Comprehensive)
    }

    /// The families there are data for, sorted.
    pub fn families(&self) -> BTreeSet<String> {
        let names = self.database.manifest().shards.keys().filter_map(|name| name.split_once('/'));
        names.filter(|(_, family)| !["kev", "epss"].contains(family)).map(|(_, family)| family.to_owned()).collect()
    }

    /// The ids of a family's records that have `id` as alias or pass it on, from any feed; sorted.
    pub fn named(&self, family: &str, id: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for (_, shard) in self.shards(family)? {
            ids.extend(shard.named(id)?);
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Whether somebody was seen exploiting a flaw.
    pub fn exploited(&self, cve: &str) -> Result<Option<Exploited>> {
        match self.database.shard("kev/kev")? {
            Some(shard) => shard.fact(cve),
            None => Ok(None),
        }
    }

    /// How likely somebody exploits a flaw soon.
    pub fn epss(&self, cve: &str) -> Result<Option<Epss>> {
        match self.database.shard("epss/epss")? {
            Some(shard) => shard.fact(cve),
            None => Ok(None),
        }
    }

    /// The record of this id, from any feed of the family.
    pub fn record(&self, family: &str, id: &str) -> Result<Option<Advisory>> {
        for (_, shard) in self.shards(family)? {
            if let Some(record) = shard.record(id)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

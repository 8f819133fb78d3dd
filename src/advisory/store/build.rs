//! Compiles records into a sealed file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use zstd::bulk::Compressor;

use crate::error::{Error, ErrorKind, Result};

use super::super::name;
use super::super::osv;
use super::super::range::Prepared;
use super::super::record::{Advisory, Posting, Versions};
use super::pile::{Pile, Press};
use super::sealed;
use super::shard::{ABOUT, FACTS, NAMES, PACKAGES, RECORDS, key, other_names};

/// Level of zstd: 9 is a tenth smaller than 3, at a cost that a download hides.
const LEVEL: i32 = 9;

/// Largest dictionary, in bytes.
const DICTIONARY: usize = 64 << 10;

/// Bytes of values that a dictionary is trained on; more make it no better.
const TRAINING: usize = 4 << 20;

/// Bytes of a value that a dictionary is trained on.
const SAMPLE: usize = 4096;

/// Values that a dictionary is trained on; zstd wants a hundred times the dictionary's size in all.
const FEWEST: usize = 64;

/// Records on their way into a file.
#[derive(Debug, Default)]
pub struct Builder {
    family: String,
    /// `feed/family`, where that is known.
    name: String,
    /// Where a record is in `packed`. Hundreds of thousands of them take a tenth of what they take as values.
    records: BTreeMap<String, Range<usize>>,
    packed: Vec<u8>,
    press: Option<Press>,
    /// Why a record could not be packed.
    failed: Option<Error>,
    facts: BTreeMap<String, Vec<u8>>,
    releases: BTreeSet<String>,
}

/// What was compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// Records that affect a package of the family; withdrawn ones are left out.
    pub records: u64,
    /// Packages, counted once for each release.
    pub packages: u64,
    /// The newest `modified` of a record.
    pub newest: String,
    /// The sum of the file's tail.
    pub seal: u64,
}

impl Builder {
    /// Nothing yet, for one family such as `Debian`.
    pub fn new(family: &str) -> Self {
        Self { family: family.to_owned(), ..Self::default() }
    }

    /// Says of which feed it will be: `feed/family`.
    pub(super) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Takes a record; of several of one id the last counts, and a withdrawn one takes the others away.
    pub fn add(&mut self, advisory: Advisory) {
        let start = self.packed.len();
        match self.pack_in(&advisory) {
            Ok(()) => {
                self.records.insert(advisory.id, start..self.packed.len());
            }
            Err(error) => self.failed = Some(error),
        }
    }

    fn pack_in(&mut self, advisory: &Advisory) -> Result<()> {
        let packed = pack(advisory)?;
        let press = match &mut self.press {
            Some(press) => press,
            none => none.insert(Press::new()?),
        };
        press.squeeze_into(&packed, &mut self.packed)
    }

    /// Takes what a feed says of a CVE besides advisories.
    pub fn add_fact(&mut self, cve: &str, fact: &impl Serialize) -> Result<()> {
        self.facts.insert(cve.to_owned(), pack(fact)?);
        Ok(())
    }

    /// How many records were taken, withdrawn ones included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The records that were taken, by id.
    pub fn records(&self) -> impl Iterator<Item = Advisory> {
        let mut press = Press::new().ok();
        self.records.values().filter_map(move |place| {
            let packed = press.as_mut()?.expand(self.packed.get(place.clone())?).ok()?;
            postcard::from_bytes(&packed).ok()
        })
    }

    /// Whether nothing was taken.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.facts.is_empty()
    }

    /// Writes the file, which must not be there, seals it, and waits until it is on the disk.
    pub fn write(mut self, path: &Path) -> Result<Built> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut built = Built::default();
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let records = std::mem::take(&mut self.records);
        let mut kept = Vec::with_capacity(records.len());
        let mut press = Press::new()?;
        // by key of the package how many postings, and these packed
        let mut packages: BTreeMap<Vec<u8>, (usize, Pile)> = BTreeMap::new();
        for place in records.into_values() {
            let packed = press.expand(self.packed.get(place).unwrap_or_default())?;
            let mut advisory: Advisory = postcard::from_bytes(&packed).map_err(|error| cannot_pack(&error))?;
            if advisory.withdrawn.is_some() {
                continue;
            }
            let of_family = osv::of_family(&advisory, &self.family);
            if of_family.is_empty() {
                continue;
            }
            for (name, mut affected) in of_family {
                let scheme = name::scheme(&affected.ecosystem);
                // a listed version that lies in a range says nothing more
                let Versions { ranges, listed, .. } = &mut affected.versions;
                if !listed.is_empty() {
                    let prepared = Prepared::of(scheme, ranges);
                    listed.retain(|version| !prepared.covers(version));
                }
                let (_, release) = name::split(&affected.ecosystem);
                if !self.releases.contains(release) {
                    self.releases.insert(release.to_owned());
                }
                let posting = Posting { id: advisory.id.clone(), versions: affected.versions };
                let (count, pile) = packages.entry(key(release, &name)).or_default();
                *count += 1;
                pile.add(&mut press, |bytes| {
                    postcard::to_extend(&posting, bytes).map_err(|error| cannot_pack(&error))
                })?;
            }
            for name in other_names(&advisory) {
                names.entry(name.clone()).or_default().push(advisory.id.clone());
            }
            if advisory.modified > built.newest {
                built.newest.clone_from(&advisory.modified);
            }
            advisory.affected.clear();
            kept.push((advisory.id.clone(), pack(&advisory)?));
        }
        built.records = kept.len().max(self.facts.len()) as u64;
        built.packages = packages.len() as u64;
        self.packed = Vec::new();
        let names: Vec<(String, Vec<u8>)> =
            names.into_iter().map(|(name, ids)| Ok((name, pack(&ids)?))).collect::<Result<_>>()?;
        let dictionary = train(&packages, &kept, &mut press)?;
        let mut compress =
            Compressor::with_dictionary(LEVEL, &dictionary).map_err(|error| cannot_write(path, &error))?;
        let mut compressed = |value: &[u8]| compress.compress(value).map_err(|error| cannot_write(path, &error));
        let broken = |error: redb::Error| cannot_write(path, &error);
        let database =
            redb::Database::builder().set_cache_size(32 << 20).create(path).map_err(|error| broken(error.into()))?;
        let write = database.begin_write().map_err(|error| broken(error.into()))?;
        {
            let mut table = write.open_table(PACKAGES).map_err(|error| broken(error.into()))?;
            // one value at a time is expanded, and then gone
            while let Some((key, (count, pile))) = packages.pop_first() {
                let value = value_of(count, &pile, &mut press)?;
                table.insert(key.as_slice(), compressed(&value)?.as_slice()).map_err(|error| broken(error.into()))?;
            }
            let mut table = write.open_table(RECORDS).map_err(|error| broken(error.into()))?;
            for (id, value) in &kept {
                table.insert(id.as_str(), compressed(value)?.as_slice()).map_err(|error| broken(error.into()))?;
            }
            let mut table = write.open_table(NAMES).map_err(|error| broken(error.into()))?;
            for (name, value) in &names {
                table.insert(name.as_str(), compressed(value)?.as_slice()).map_err(|error| broken(error.into()))?;
            }
            let mut table = write.open_table(FACTS).map_err(|error| broken(error.into()))?;
            for (cve, value) in &self.facts {
                table.insert(cve.as_str(), value.as_slice()).map_err(|error| broken(error.into()))?;
            }
            let mut table = write.open_table(ABOUT).map_err(|error| broken(error.into()))?;
            table.insert("dictionary", dictionary.as_slice()).map_err(|error| broken(error.into()))?;
            if !self.name.is_empty() {
                table.insert("name", self.name.as_bytes()).map_err(|error| broken(error.into()))?;
            }
            let releases = pack(&self.releases)?;
            table.insert("releases", releases.as_slice()).map_err(|error| broken(error.into()))?;
        }
        write.commit().map_err(|error| broken(error.into()))?;
        let mut database = database;
        // gives back what the file grew beyond its pages
        database.compact().map_err(|error| broken(error.into()))?;
        drop(database);
        built.seal = sealed::seal(path).map_err(|error| cannot_write(path, &error))?;
        Ok(built)
    }
}

fn pack(value: &impl Serialize) -> Result<Vec<u8>> {
    postcard::to_allocvec(value).map_err(|error| cannot_pack(&error))
}

fn cannot_pack(error: &postcard::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("a record cannot be packed: {error}"))
}

/// The postings of a package as the store has them: a sequence is its length and then its elements.
fn value_of(count: usize, pile: &Pile, press: &mut Press) -> Result<Vec<u8>> {
    pile.expand(press, pack(&count)?)
}

/// A dictionary of what values have in common; empty where there are too few to learn from.
fn train(
    packages: &BTreeMap<Vec<u8>, (usize, Pile)>,
    kept: &[(String, Vec<u8>)],
    press: &mut Press,
) -> Result<Vec<u8>> {
    let of_packages: usize = packages.values().map(|(_, pile)| pile.len() + 1).sum();
    let total = of_packages + kept.iter().map(|(_, value)| value.len()).sum::<usize>();
    let step = total.div_ceil(TRAINING).max(1);
    let size = (total / 20).min(DICTIONARY);
    if (packages.len() + kept.len()) / step < FEWEST || size < 1024 {
        return Ok(Vec::new());
    }
    // evenly over all of them; giants would crowd out the rest
    let mut samples = Vec::new();
    for (count, pile) in packages.values().step_by(step) {
        let mut value = value_of(*count, pile, press)?;
        value.truncate(SAMPLE);
        samples.push(value);
    }
    let of_records = kept.iter().skip((step - packages.len() % step) % step).step_by(step);
    samples.extend(of_records.map(|(_, value)| value.get(..SAMPLE).unwrap_or(value).to_vec()));
    Ok(zstd::dict::from_samples(&samples, size).unwrap_or_default())
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write advisory data: {error}")).at(path.display().to_string())
}

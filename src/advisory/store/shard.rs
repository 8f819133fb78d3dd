//! The records of one feed for one family of ecosystems: in a file, or in memory where they are part of careen.
//!
//! A file is a redb database with five tables: postings by release and name of a package, records by id, ids by
//! other id, facts by CVE, and what holds for the file. Values are packed by postcard and compressed by zstd with the
//! file's own dictionary, but for facts, which are too small. All of it is checked block by block as it is read
//! ([`super::sealed`]).

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;

use redb::{ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::de::DeserializeOwned;
use zstd::bulk::Decompressor;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::super::osv;
use super::super::record::{Advisory, Posting};
use super::sealed::Sealed;

/// Postings by release, NUL, normalised name.
pub(super) const PACKAGES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("packages");

/// Records, without what they affect, by id.
pub(super) const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");

/// Ids of records by the other ids that they name.
pub(super) const NAMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");

/// `name`: `feed/family`; `dictionary`: zstd's; `releases`: the releases there are postings for.
pub(super) const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

/// Facts that are no advisories, by CVE id: KEV and EPSS.
pub(super) const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");

/// Most bytes that one value may expand to.
const LARGEST_VALUE: usize = 256 << 20;

/// Bytes of pages that redb keeps.
const CACHE: usize = 4 << 20;

/// Is shown release, name and postings of a package.
pub(super) type EachPackage<'a> = dyn FnMut(&str, &str, Vec<Posting>) -> Result<()> + 'a;

/// Records of one feed for one family.
#[derive(Debug)]
pub struct Shard(Form);

#[derive(Debug)]
enum Form {
    File(Box<FileShard>),
    Memory(MemoryShard),
}

struct FileShard {
    /// The file, for errors.
    place: String,
    packages: ReadOnlyTable<&'static [u8], &'static [u8]>,
    records: ReadOnlyTable<&'static str, &'static [u8]>,
    names: ReadOnlyTable<&'static str, &'static [u8]>,
    facts: ReadOnlyTable<&'static str, &'static [u8]>,
    releases: BTreeSet<String>,
    expand: Mutex<Decompressor<'static>>,
    /// Kept open as long as its tables.
    _database: ReadOnlyDatabase,
}

impl std::fmt::Debug for FileShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileShard").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Records in memory.
#[derive(Debug, Default)]
struct MemoryShard {
    packages: BTreeMap<Vec<u8>, Vec<Posting>>,
    records: BTreeMap<String, Advisory>,
    names: BTreeMap<String, Vec<String>>,
    releases: BTreeSet<String>,
}

/// The key of a package's postings.
pub(super) fn key(release: &str, name: &str) -> Vec<u8> {
    [release.as_bytes(), b"\0", name.as_bytes()].concat()
}

/// The other ids under which a record can be found.
pub(super) fn other_names(advisory: &Advisory) -> BTreeSet<&String> {
    let related = advisory.related.iter().filter(|id| osv::is_erratum(&advisory.id) && id.starts_with("CVE-"));
    let mut names: BTreeSet<&String> = advisory.aliases.iter().chain(&advisory.upstream).chain(related).collect();
    names.remove(&advisory.id);
    names
}

impl Shard {
    /// Opens the sealed file at `path`, of which the manifest knows the sum, and which is of `name`, `feed/family`.
    pub(super) fn open(path: &Path, seal: u64, name: &str) -> Result<Self> {
        let place = path.display().to_string();
        guard(&place, || {
            let sealed = Sealed::open(path, seal).map_err(|error| damaged(&place, &error))?;
            let broken = |error: redb::Error| damaged(&place, &error);
            let database = redb::Database::builder()
                .set_cache_size(CACHE)
                .open_read_only_with_backend(sealed)
                .map_err(|error| broken(error.into()))?;
            let read = database.begin_read().map_err(|error| broken(error.into()))?;
            let about = read.open_table(ABOUT).map_err(|error| broken(error.into()))?;
            let value = |key: &str| -> Result<Vec<u8>> {
                let value = about.get(key).map_err(|error| broken(error.into()))?;
                Ok(value.map(|value| value.value().to_vec()).unwrap_or_default())
            };
            let own = value("name")?;
            if !own.is_empty() && own != name.as_bytes() {
                let own = escape(&own);
                return Err(damaged(&place, &format!("it is of {own}, and not of {}", escape(name))));
            }
            let expand =
                Decompressor::with_dictionary(&value("dictionary")?).map_err(|error| damaged(&place, &error))?;
            let releases = postcard::from_bytes(&value("releases")?).map_err(|error| damaged(&place, &error))?;
            let shard = FileShard {
                packages: read.open_table(PACKAGES).map_err(|error| broken(error.into()))?,
                records: read.open_table(RECORDS).map_err(|error| broken(error.into()))?,
                names: read.open_table(NAMES).map_err(|error| broken(error.into()))?,
                facts: read.open_table(FACTS).map_err(|error| broken(error.into()))?,
                releases,
                expand: Mutex::new(expand),
                place: place.clone(),
                _database: database,
            };
            Ok(Self(Form::File(Box::new(shard))))
        })
    }

    /// Holds records in memory, those of `family` by package.
    pub fn of(family: &str, advisories: Vec<Advisory>) -> Self {
        let mut shard = MemoryShard::default();
        for mut advisory in advisories.into_iter().filter(|advisory| advisory.withdrawn.is_none()) {
            let of_family = osv::of_family(&advisory, family);
            if of_family.is_empty() {
                continue;
            }
            for (name, affected) in of_family {
                let (_, release) = super::super::name::split(&affected.ecosystem);
                shard.releases.insert(release.to_owned());
                let posting = Posting { id: advisory.id.clone(), versions: affected.versions };
                shard.packages.entry(key(release, &name)).or_default().push(posting);
            }
            advisory.affected.clear();
            for name in other_names(&advisory) {
                shard.names.entry(name.clone()).or_default().push(advisory.id.clone());
            }
            shard.records.insert(advisory.id.clone(), advisory);
        }
        Self(Form::Memory(shard))
    }

    /// The releases there are postings for, such as `12`; one is empty where the family has none.
    pub fn releases(&self) -> &BTreeSet<String> {
        match &self.0 {
            Form::File(shard) => &shard.releases,
            Form::Memory(shard) => &shard.releases,
        }
    }

    /// What is known of a package, by its normalised name, in exactly this release.
    pub fn postings(&self, release: &str, name: &str) -> Result<Vec<Posting>> {
        let mut postings = Vec::new();
        self.for_each_posting(release, name, &mut |posting| postings.push(posting.to_owned()))?;
        Ok(postings)
    }

    /// Shows what is known of a package, by its normalised name, in exactly this release; texts are lent.
    pub fn for_each_posting(&self, release: &str, name: &str, each: &mut dyn FnMut(Posting<&str>)) -> Result<()> {
        match &self.0 {
            Form::File(shard) => guard(&shard.place, || {
                let value = shard.packages.get(key(release, name).as_slice());
                let value = value.map_err(|error| damaged(&shard.place, &redb::Error::from(error)))?;
                let Some(value) = value else { return Ok(()) };
                let unpacked = shard.expand(value.value())?;
                let postings: Vec<Posting<&str>> =
                    postcard::from_bytes(&unpacked).map_err(|error| damaged(&shard.place, &error))?;
                postings.into_iter().for_each(each);
                Ok(())
            }),
            Form::Memory(shard) => {
                let Some(postings) = shard.packages.get(&key(release, name)) else { return Ok(()) };
                postings.iter().map(Posting::lent).for_each(each);
                Ok(())
            }
        }
    }

    /// The record of this id, without what it affects.
    pub fn record(&self, id: &str) -> Result<Option<Advisory>> {
        match &self.0 {
            Form::File(shard) => shard.read(|| {
                let value = shard.records.get(id).map_err(redb::Error::from)?;
                Ok(value.map(|value| value.value().to_vec()))
            }),
            Form::Memory(shard) => Ok(shard.records.get(id).cloned()),
        }
    }

    /// The ids of the records that have `id` as alias or pass it on.
    pub fn named(&self, id: &str) -> Result<Vec<String>> {
        match &self.0 {
            Form::File(shard) => shard.read(|| {
                let value = shard.names.get(id).map_err(redb::Error::from)?;
                Ok(value.map(|value| value.value().to_vec()))
            }),
            Form::Memory(shard) => Ok(shard.names.get(id).cloned()),
        }
        .map(Option::unwrap_or_default)
    }

    /// What a feed that is no list of advisories says of a CVE.
    pub fn fact<T: DeserializeOwned>(&self, cve: &str) -> Result<Option<T>> {
        let Form::File(shard) = &self.0 else { return Ok(None) };
        guard(&shard.place, || {
            let value = shard.facts.get(cve).map_err(|error| damaged(&shard.place, &redb::Error::from(error)))?;
            let value = value.map(|value| postcard::from_bytes(value.value())).transpose();
            value.map_err(|error| damaged(&shard.place, &error))
        })
    }

    /// Shows every package with its postings, by release and name, until the callback fails.
    pub fn for_each_package(&self, each: &mut EachPackage<'_>) -> Result<()> {
        let mut show = |key: &[u8], postings: Vec<Posting>| {
            let key = String::from_utf8_lossy(key);
            let (release, name) = key.split_once('\0').unwrap_or(("", &key));
            each(release, name, postings)
        };
        match &self.0 {
            Form::File(shard) => guard(&shard.place, || {
                let broken = |error: redb::StorageError| damaged(&shard.place, &redb::Error::from(error));
                for entry in shard.packages.iter().map_err(broken)? {
                    let (key, value) = entry.map_err(broken)?;
                    show(key.value(), shard.unpack(value.value())?)?;
                }
                Ok(())
            }),
            Form::Memory(shard) => shard.packages.iter().try_for_each(|(key, postings)| show(key, postings.clone())),
        }
    }

    /// Shows every record, by id, until the callback fails.
    pub fn for_each_record(&self, each: &mut dyn FnMut(Advisory) -> Result<()>) -> Result<()> {
        match &self.0 {
            Form::File(shard) => guard(&shard.place, || {
                let broken = |error: redb::StorageError| damaged(&shard.place, &redb::Error::from(error));
                for entry in shard.records.iter().map_err(broken)? {
                    let (_, value) = entry.map_err(broken)?;
                    each(shard.unpack(value.value())?)?;
                }
                Ok(())
            }),
            Form::Memory(shard) => shard.records.values().cloned().try_for_each(each),
        }
    }
}

impl FileShard {
    fn read<T: DeserializeOwned>(
        &self,
        get: impl FnOnce() -> Result<Option<Vec<u8>>, redb::Error>,
    ) -> Result<Option<T>> {
        guard(&self.place, || {
            let value = get().map_err(|error| damaged(&self.place, &error))?;
            value.map(|value| self.unpack(&value)).transpose()
        })
    }

    fn unpack<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T> {
        postcard::from_bytes(&self.expand(value)?).map_err(|error| damaged(&self.place, &error))
    }

    fn expand(&self, value: &[u8]) -> Result<Vec<u8>> {
        let size = Decompressor::upper_bound(value).unwrap_or(LARGEST_VALUE).min(LARGEST_VALUE);
        let mut expand = self.expand.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        expand.decompress(value, size).map_err(|error| damaged(&self.place, &error))
    }
}

/// redb may panic at pages that make no sense; a damaged file is an error all the same.
fn guard<T>(place: &str, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged(place, &"its pages make no sense")))
}

/// The error for a file that cannot be what was written.
pub(super) fn damaged(place: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("advisory data is damaged: {reason}"))
        .at(place)
        .help("run `careen db verify` to see what is, and `careen db update --all --force` to fetch it again")
}

//! The list of what advisory data there is, where it came from, and when: `manifest.json` in the folder of the data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::time::Timestamp;

use super::super::feed::about::LOCAL;
use super::super::feed::feed;

/// Version of the folder's layout and of the files in it. Raised when an older careen could not read them.
pub const FORMAT: u32 = 1;

/// Largest manifest read, in bytes.
pub(super) const LARGEST: usize = 16 << 20;

/// Longest path of a file in the folder, in bytes: what a tar archive and every file system can hold.
const LONGEST_PATH: usize = 100;

/// What advisory data there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// By `feed/family`: `osv/Debian`, `kev/kev`.
    pub shards: BTreeMap<String, Entry>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { format: FORMAT, shards: BTreeMap::new() }
    }
}

/// One file of advisory data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Path of the file in the folder, named by its content.
    pub file: String,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Sum of the file's tail, which holds the sums of its blocks.
    pub seal: u64,
    /// Records in it.
    pub records: u64,
    /// Packages in it, counted once for each release.
    pub packages: u64,
    /// What was fetched: a URL without credentials, or the name of a folder or file.
    pub source: String,
    /// The server's `ETag`.
    pub etag: Option<String>,
    /// The server's `Last-Modified`.
    pub last_modified: Option<String>,
    /// The server's `ETag` of its list of records, for feeds that have one.
    pub listed_etag: Option<String>,
    /// Bytes that were downloaded for it, all in all.
    pub downloaded: u64,
    /// The newest change of a record in it; for other data the day they are of.
    pub newest: String,
    /// When it was fetched, or taken in.
    pub fetched: Option<Timestamp>,
    /// When the source was last asked whether there is something newer; nothing where it is a file or a folder, which
    /// does not know.
    pub checked: Option<Timestamp>,
    /// When the whole was last fetched, not only what changed.
    pub complete: Option<Timestamp>,
    /// Ids of records that were refused, the first ones.
    pub refused: Vec<String>,
    /// All of them.
    pub refused_count: u64,
}

impl Entry {
    /// As of when the data are: the newest change in them, or when they were fetched if a record does not say.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.newest().or(self.fetched)
    }

    /// When the source was last known to have nothing newer. Files do not tell, so that the newest change in them, which
    /// is no later than when they were taken in, stands for it.
    pub fn confirmed(&self) -> Option<Timestamp> {
        let of_file = || match (self.newest(), self.fetched) {
            (Some(newest), Some(fetched)) => Some(newest.min(fetched)),
            (newest, fetched) => newest.or(fetched),
        };
        self.checked.or_else(of_file)
    }

    fn newest(&self) -> Option<Timestamp> {
        let day = || format!("{}T00:00:00Z", self.newest).parse().ok();
        self.newest.parse().ok().or_else(day)
    }
}

/// What every version of careen can read of a manifest.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Manifest {
    /// Reads the manifest of a folder; there is none in a new one.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let place = || path.display().to_string();
        let cannot = |error| Error::io("cannot read the list of advisory data", error).at(place());
        let bytes = match read_file(path, LARGEST as u64 + 1) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        Self::parse(&bytes).map(Some).map_err(|error| error.at(place()))
    }

    /// Whether a newer careen wrote this manifest.
    pub(super) fn is_newer(path: &Path) -> bool {
        let head = read_file(path, LARGEST as u64).ok().and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok());
        head.is_some_and(|head| head.format > FORMAT)
    }

    /// Reads a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: String| {
            Error::new(ErrorKind::Config, what)
                .help("fetch the data again with `careen db update --all --force`, or import an export of them")
        };
        if bytes.len() > LARGEST {
            return Err(wrong("the list of advisory data is too large".into()));
        }
        let damaged = |error: serde_json::Error| wrong(format!("the list of advisory data is damaged: {error}"));
        let head: Head = serde_json::from_slice(bytes).map_err(damaged)?;
        if head.format != FORMAT {
            let (theirs, age) = (head.format, if head.format < FORMAT { "an older" } else { "a newer" });
            let what = format!("the advisory data have format {theirs}, of {age} careen; this one reads {FORMAT}");
            return Err(if theirs > FORMAT {
                Error::new(ErrorKind::Config, what)
                    .help("use that careen, or fetch data into another folder: `careen db update --db DIR --all`")
            } else {
                wrong(what)
            });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(damaged)?;
        let mut files = BTreeSet::new();
        for (name, entry) in &manifest.shards {
            let Some((feed, _)) = parts(name) else {
                let name = escape(name.chars().take(100).collect::<String>());
                return Err(wrong(format!("the list of advisory data names `{name}`, which careen does not know")));
            };
            if !is_file_of(feed, &entry.file) || !files.insert(&entry.file) {
                let what = format!("the list of advisory data names a file that cannot be that of {name}");
                return Err(wrong(what));
            }
        }
        Ok(manifest)
    }

    /// The manifest as it is stored.
    pub fn render(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Names the state of the data: the same for the same files.
    pub fn digest(&self) -> Digest {
        let files: Vec<String> = self.shards.iter().map(|(name, entry)| format!("{name} {}\n", entry.sha256)).collect();
        Digest::sha256(files.concat().as_bytes())
    }

    /// The entries of a family, with the ids of their feeds.
    pub fn of_family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        self.shards.iter().filter_map(move |(name, entry)| {
            let (feed, of) = name.split_once('/')?;
            (of == family).then_some((feed, entry))
        })
    }
}

/// Feed and family of `feed/family`, if the feed is known and the family is one that can stand in paths.
pub fn parts(name: &str) -> Option<(&str, &str)> {
    let (id, family) = name.split_once('/')?;
    ((id == LOCAL || feed(id).is_some()) && is_family(family)).then_some((id, family))
}

/// Whether a name can stand in paths. Releases, which some sources list as well, are parts of their families.
pub fn is_family(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b'-' | b'_' | b'+'))
        && !name.contains("..")
}

/// Opens a file, but nothing that would make the reader wait, such as a pipe.
pub fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    File::open(path)
}

/// The first `most` bytes of a file.
fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The path of a file in the folder of data, of which these are the first digits of its sum.
pub(super) fn file_name(feed: &str, family: &str, digits: &str) -> String {
    // the digits tell files apart, so the family need not stand there whole
    let family: String = family.replace(' ', "%20").chars().take(60).collect();
    format!("{feed}/{family}-{digits}.redb")
}

/// Whether a path in a list can be that of a file of this feed: a name of plain characters in the feed's own folder.
fn is_file_of(feed: &str, file: &str) -> bool {
    let name =
        file.strip_prefix(feed).and_then(|rest| rest.strip_prefix('/')).and_then(|rest| rest.strip_suffix(".redb"));
    // names were once written with the spaces in them
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b'-' | b'_' | b'+' | b'%');
    file.len() <= LONGEST_PATH
        && name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_as_sure_as_their_source_was_asked() {
        let time = |text: &str| Some(text.parse().expect("is a time"));
        let cases = [
            ("", None, None, None),
            ("2020-01-02T03:04:05Z", Some("2026-01-01T00:00:00Z"), None, Some("2020-01-02T03:04:05Z")),
            ("2020-01-02", Some("2026-01-01T00:00:00Z"), None, Some("2020-01-02T00:00:00Z")),
            ("2099-01-02", Some("2026-01-01T00:00:00Z"), None, Some("2026-01-01T00:00:00Z")),
            ("", Some("2026-01-01T00:00:00Z"), None, Some("2026-01-01T00:00:00Z")),
            ("2020-01-02", Some("2026-01-01T00:00:00Z"), Some("2026-02-01T00:00:00Z"), Some("2026-02-01T00:00:00Z")),
        ];
        for (newest, fetched, checked, expected) in cases {
            let entry = Entry {
                newest: newest.into(),
                fetched: fetched.and_then(time),
                checked: checked.and_then(time),
                ..Entry::default()
            };
            assert_eq!(entry.confirmed(), expected.and_then(time), "{newest}");
        }
    }
}

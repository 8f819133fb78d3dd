//! Feeds: where advisories come from, each one file here and one line in [`FEEDS`].
//!
//! A feed says which files to fetch, one after the other, and turns them into records of OSV's form. It neither
//! fetches nor writes: `update` does, for all of them.

pub mod about;
mod amazon;
mod archive;
mod debian_tracker;
mod epss;
mod kev;
mod oracle;
mod osv;
mod redhat_csaf;
mod rustsec;
mod secdb;
#[cfg(test)]
mod testing;

use crate::error::{Error, Result};

use super::record::Advisory;
use super::store::Builder;

/// All feeds, sorted by id.
pub static FEEDS: &[&dyn Feed] = &[
    &secdb::ALPINE,
    &amazon::Amazon,
    &secdb::CHAINGUARD,
    &debian_tracker::DEBIAN_TRACKER,
    &epss::EPSS,
    &kev::KEV,
    &oracle::Oracle,
    &osv::Osv,
    &redhat_csaf::RedHatCsaf,
    &rustsec::RustSec,
    &secdb::WOLFI,
];

/// Refused records that are named; those beyond are counted.
pub const MOST_REFUSED: usize = 100;

/// Where advisories come from.
pub trait Feed: Sync {
    /// Short name, as in `careen db status`.
    fn id(&self) -> &'static str;

    /// The families it has data for, such as `Debian`; empty where the source itself lists them.
    fn families(&self) -> &'static [&'static str];

    /// The next file to fetch for a family, when these are there; nothing when it has all it needs.
    fn next(&self, family: &str, have: &[Fetched]) -> Option<Wanted>;

    /// Reads the files of a family. A record that cannot be read is refused and told; an error is for a file of
    /// which nothing can be made.
    fn read(&self, family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()>;
}

/// A file that a feed wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Path under the feed's location, percent-encoded.
    pub path: String,
    /// Most bytes it may have.
    pub most: u64,
    /// Whether it may be missing; then it counts as fetched, with no bytes.
    pub optional: bool,
}

impl Wanted {
    /// The only file of a feed, as long as it is not there.
    fn only(path: &str, most: u64, have: &[Fetched]) -> Option<Self> {
        have.is_empty().then(|| Self { path: path.into(), most, optional: false })
    }
}

/// A feed that is one file.
struct OneFile {
    id: &'static str,
    families: &'static [&'static str],
    /// Path of the file under the feed's location, percent-encoded.
    file: &'static str,
    /// Most bytes it may have.
    most: u64,
    read: fn(&Fetched, &mut Sink) -> Result<()>,
}

impl Feed for OneFile {
    fn id(&self) -> &'static str {
        self.id
    }

    fn families(&self) -> &'static [&'static str] {
        self.families
    }

    fn next(&self, _family: &str, have: &[Fetched]) -> Option<Wanted> {
        Wanted::only(self.file, self.most, have)
    }

    fn read(&self, _family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        files.iter().try_for_each(|file| (self.read)(file, sink))
    }
}

/// A file that was fetched.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// Path under the feed's location, percent-encoded.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Takes what a feed has for one family.
#[derive(Debug)]
pub struct Sink {
    /// What will be compiled.
    pub builder: Builder,
    /// The first [`MOST_REFUSED`] records that could not be read, with the reason.
    pub refused: Vec<(String, String)>,
    /// All of them.
    pub refused_count: usize,
    /// As of when the data are, where the feed says so and records do not; RFC 3339 or a day.
    pub as_of: Option<String>,
}

impl Sink {
    /// Nothing yet.
    pub fn new(family: &str) -> Self {
        Self { builder: Builder::new(family), refused: Vec::new(), refused_count: 0, as_of: None }
    }

    /// Takes a record.
    pub fn add(&mut self, advisory: Advisory) {
        self.builder.add(advisory);
    }

    /// Tells of a record that could not be read.
    pub fn refuse(&mut self, what: &str, why: impl Into<String>) {
        self.refused_count = self.refused_count.saturating_add(1);
        if self.refused.len() < MOST_REFUSED {
            self.refused.push((crate::escape::escape(what), why.into()));
        }
    }
}

/// The feed of this id.
pub fn feed(id: &str) -> Option<&'static dyn Feed> {
    FEEDS.iter().copied().find(|feed| feed.id() == id)
}

/// Whether a package holds nothing but what debuggers read: no program that could have a flaw.
fn is_for_debuggers(name: &str) -> bool {
    name.ends_with("-debuginfo") || name.ends_with("-debugsource") || name.contains("-debuginfo-common")
}

/// A word for how grave a flaw is, `IMPORTANT` or `important`, as `Important`.
fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().to_lowercase()
}

/// The error for a file of a feed of which nothing can be made.
fn broken(file: &Fetched, what: impl Into<String>) -> Error {
    Error::malformed(what)
        .at(crate::escape::escape(&file.path))
        .help("fetch it again; the data there were before can still be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads what a mirror has of the feeds that are one file: `CAREEN_ADVISORIES=… cargo test --lib -- --ignored real_files`.
    #[test]
    #[ignore = "needs a folder with the feeds' files"]
    fn real_files_are_read_without_complaint() {
        let mirror = std::path::PathBuf::from(std::env::var_os("CAREEN_ADVISORIES").expect("names a folder"));
        let mut seen = 0;
        for feed in FEEDS {
            for family in feed.families() {
                let Some(wanted) = feed.next(family, &[]) else { continue };
                let Ok(bytes) = std::fs::read(mirror.join(about::about(feed.id()).mirrored(&wanted.path))) else {
                    continue;
                };
                let mut sink = Sink::new(family);
                feed.read(family, &[Fetched { path: wanted.path, bytes }], &mut sink).expect("reads");
                assert_eq!(sink.refused, [], "{}", feed.id());
                assert!(sink.as_of.is_some() || !sink.builder.is_empty(), "{}", feed.id());
                seen += 1;
            }
        }
        assert!(seen > 0, "the folder has a file of some feed");
    }
}

//! Where data are fetched from: servers, folders, artifacts in registries; several are tried in their order.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::UNIX_EPOCH;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::format::percent;
use crate::size::ByteSize;
use crate::source::Access;
use crate::source::download::{Answer, Arrived, Patience, Validators, Wish};
use crate::source::registry::download::{Downloader, shown};

/// A place that has data in the layout of the feeds, or an export of careen's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A server; its address without a slash at the end.
    Web(String),
    /// One file on a server.
    File(String),
    /// A folder.
    Folder(PathBuf),
    /// An OCI artifact in a registry, which holds the files of an export.
    Artifact(String),
}

impl FromStr for Place {
    type Err = Error;

    /// Reads what `--from` says.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Usage, format!("`--from {}` {what}", escape(text))).help(
                "name a server (`https://host/path`), a folder, or an artifact in a registry (`oci:host/name:tag`)",
            )
        };
        if let Some(reference) = text.strip_prefix("oci:") {
            let reference = reference.trim_start_matches("//");
            return if reference.is_empty() {
                Err(wrong("names no artifact"))
            } else {
                Ok(Self::Artifact(reference.into()))
            };
        }
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        if lower.starts_with("https://") || lower.starts_with("http://") {
            return if text.contains(['?', '#']) {
                Err(wrong("has a query, which no file's name can follow"))
            } else {
                Ok(Self::Web(text.trim_end_matches('/').to_owned()))
            };
        }
        let path = match text.strip_prefix("file://") {
            Some(path) => PathBuf::from(percent::decode_lossy(path)),
            None if text.contains("://") => return Err(wrong("is of a kind that careen does not know")),
            None => PathBuf::from(text),
        };
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(Self::Folder(path)),
            Ok(_) => Err(wrong("is a file").help("take single files in with `careen db import FILE`")),
            Err(error) => Err(Error { kind: ErrorKind::Usage, ..wrong("cannot be read").because(error) }),
        }
    }
}

impl Place {
    /// The name of a file there, as it is kept and shown: no credentials.
    pub fn name_of(&self, path: &str) -> String {
        match self {
            Self::Web(base) => shown(&format!("{base}/{path}")),
            Self::File(url) => shown(url),
            Self::Folder(folder) => folder.join(percent::decode_lossy(path)).display().to_string(),
            Self::Artifact(reference) => format!("oci:{reference}"),
        }
    }
}

/// What is needed to fetch.
#[derive(Debug)]
pub struct Net {
    access: Access,
    patience: Patience,
    downloader: OnceLock<Downloader>,
}

impl Net {
    /// Nothing is set up before something is fetched.
    pub fn new(access: Access, patience: Patience) -> Self {
        Self { access, patience, downloader: OnceLock::new() }
    }

    /// What registries need.
    pub fn access(&self) -> &Access {
        &self.access
    }

    fn downloader(&self) -> Result<&Downloader> {
        if let Some(downloader) = self.downloader.get() {
            return Ok(downloader);
        }
        let downloader = Downloader::new(&self.access, self.patience)?;
        Ok(self.downloader.get_or_init(|| downloader))
    }
}

/// What is there of a file already.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The file's name as [`Place::name_of`] gives it: what another place says of a file's state means nothing.
    pub(super) source: String,
    pub(super) validators: Validators,
}

/// A file that is wanted.
#[derive(Debug, Clone)]
pub(super) struct Want<'a> {
    /// Under the place, percent-encoded.
    pub(super) path: &'a str,
    pub(super) known: &'a Known,
    pub(super) most: u64,
    pub(super) partial: Option<&'a Path>,
    /// Whether it may be missing: then that one place lacks it counts, whatever became of the others.
    pub(super) is_optional: bool,
}

/// Places that have the same, in the order in which they are tried. Once one answers, the run stays with it.
#[derive(Debug)]
pub(super) struct Places<'a> {
    list: Vec<Place>,
    current: Arc<AtomicUsize>,
    net: &'a Net,
}

impl<'a> Places<'a> {
    pub(super) fn new(list: Vec<Place>, net: &'a Net) -> Self {
        Self { list, current: Arc::default(), net }
    }

    /// The same servers and folders, one folder deeper; the run stays with the same one of them.
    pub(super) fn within(&self, folder: &str) -> Self {
        let list = self.list.iter().map(|place| match place {
            place if folder.is_empty() => place.clone(),
            Place::Web(base) => Place::Web(format!("{base}/{folder}")),
            Place::Folder(path) => Place::Folder(path.join(folder)),
            Place::File(_) | Place::Artifact(_) => place.clone(),
        });
        Self { list: list.collect(), current: Arc::clone(&self.current), net: self.net }
    }

    /// Fetches a file, with its name for the manifest.
    pub(super) fn get(&self, want: &Want<'_>, arriving: &(dyn Fn(u64) + Sync)) -> Result<(Answer, String)> {
        let start = self.current.load(Ordering::Relaxed);
        let mut first: Option<Error> = None;
        let mut failed = 0_usize;
        for (index, place) in self.list.iter().enumerate().skip(start) {
            let source = place.name_of(want.path);
            let nothing = Validators::default();
            let known = if source == want.known.source { &want.known.validators } else { &nothing };
            match self.get_from(place, want, known, arriving) {
                Ok(answer) => {
                    // others that are still trying the place before must not lead back to it
                    self.current.fetch_max(index, Ordering::Relaxed);
                    return Ok((answer, source));
                }
                Err(error) => {
                    failed = failed.saturating_add(1);
                    // that a mirror lacks a file says less than that the next one cannot be reached
                    let is_missing = |error: &Error| error.kind == ErrorKind::NotFound;
                    // it answers, which those before did not
                    if is_missing(&error) && first.as_ref().is_some_and(|first| !is_missing(first)) {
                        self.current.fetch_max(index, Ordering::Relaxed);
                    }
                    if first.as_ref().is_none_or(|first| is_missing(first) != want.is_optional) {
                        first = Some(error);
                    }
                }
            }
        }
        let mut error = first.unwrap_or_else(|| Error::new(ErrorKind::Usage, "there is no place to fetch from"));
        if failed > 1 {
            error.message = format!("{} (and {} more of the sources failed)", error.message, failed.saturating_sub(1));
        }
        Err(error)
    }

    fn get_from(
        &self,
        place: &Place,
        want: &Want<'_>,
        known: &Validators,
        arriving: &(dyn Fn(u64) + Sync),
    ) -> Result<Answer> {
        match place {
            Place::Web(base) => self.download(&format!("{base}/{}", want.path), want, known, arriving),
            Place::File(url) => self.download(url, want, known, arriving),
            Place::Folder(folder) => read(&folder.join(percent::decode_lossy(want.path)), known, want.most),
            Place::Artifact(_) => {
                Err(Error::new(ErrorKind::NotFound, "an artifact holds an export, and no files of feeds"))
            }
        }
    }
}

impl Places<'_> {
    fn download(
        &self,
        url: &str,
        want: &Want<'_>,
        known: &Validators,
        arriving: &(dyn Fn(u64) + Sync),
    ) -> Result<Answer> {
        self.net.downloader()?.get(&Wish { url, known, most: want.most, partial: want.partial }, arriving)
    }
}

/// Reads a file, unless it is as long and as old as before.
fn read(path: &Path, known: &Validators, most: u64) -> Result<Answer> {
    let place = || path.display().to_string();
    let cannot = |error| Error::io("cannot read a file of advisories", error).at(place());
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::NotFound, "there is no such file of advisories").at(place()));
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let etag = modified.map(|modified| format!("\"{}-{}\"", metadata.len(), modified.as_nanos()));
    if etag.is_some() && etag == known.etag {
        return Ok(Answer::Unchanged);
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::Io, format!("the file is larger than {}", ByteSize(most))).at(place()));
    }
    Ok(Answer::Whole(Arrived { bytes, validators: Validators { etag, last_modified: None }, downloaded: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_how_they_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        let web = |text: &str| Ok(Place::Web(text.into()));
        let cases = [
            ("https://a.example/osv/", web("https://a.example/osv")),
            ("HTTP://a.example", web("HTTP://a.example")),
            ("oci:registry.example/db:1", Ok(Place::Artifact("registry.example/db:1".into()))),
            ("oci://registry.example/db:1", Ok(Place::Artifact("registry.example/db:1".into()))),
            (&path, Ok(Place::Folder(folder.path().into()))),
            (&format!("file://{path}"), Ok(Place::Folder(folder.path().into()))),
            ("oci:", Err("names no artifact")),
            ("https://a.example/?x=1", Err("has a query")),
            ("s3://bucket", Err("is of a kind")),
            ("/nowhere/at/all", Err("cannot be read")),
        ];
        for (text, expected) in cases {
            match (text.parse::<Place>(), expected) {
                (Ok(place), expected) => assert_eq!(Ok(place), expected, "{text}"),
                (Err(error), Err(expected)) => {
                    assert!(error.message.contains(expected) && error.help.is_some(), "{text}: {error}");
                }
                (Err(error), Ok(_)) => panic!("{text}: {error}"),
            }
        }
    }

    #[test]
    fn the_first_folder_that_has_a_file_serves_it_and_knows_what_was_served() {
        let (empty, full) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::fs::create_dir(full.path().join("Azure Linux")).expect("makes");
        std::fs::write(full.path().join("Azure Linux/all.zip"), b"content").expect("writes");
        let net = Net::new(Access::default(), Patience::default());
        let places = [&empty, &full].map(|folder| Place::Folder(folder.path().into()));
        let places = Places::new(places.into(), &net);
        let get = |known: &Known, most| {
            places.get(&Want { path: "Azure%20Linux/all.zip", known, most, partial: None, is_optional: false }, &|_| {})
        };
        let (answer, source) = get(&Known::default(), 7).expect("reads");
        let Answer::Whole(arrived) = answer else { panic!("{answer:?}") };
        assert_eq!((arrived.bytes.as_slice(), source.ends_with("Azure Linux/all.zip")), (&b"content"[..], true));
        let known = Known { source, validators: arrived.validators };
        assert_eq!(get(&known, 7).expect("reads").0, Answer::Unchanged);
        let elsewhere = Known { source: "another".into(), ..known };
        assert!(matches!(get(&elsewhere, 7).expect("reads").0, Answer::Whole(_)));
        assert!(get(&Known::default(), 6).is_err());
    }
}

//! The index of an archive in a file: where its members lie, found by seeking over their bodies.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::ustar::{Member, MemberKind, Members, Seeking};
use crate::image::Blob;
use crate::limit::Limits;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::store::{FileRange, Store, read_capped};

/// Members of one archive. An image has hundreds at most; layouts of many images some thousands.
const MEMBERS: usize = 200_000;

/// Names of an archive and what they lead to; `T` is what a file is.
#[derive(Debug)]
pub(super) struct Names<T> {
    entries: BTreeMap<ImagePath, Entry<T>>,
    /// Bytes of all names.
    bytes: u64,
    /// Names given more than once.
    repeated: BTreeSet<ImagePath>,
}

#[derive(Debug)]
enum Entry<T> {
    File(T),
    /// To a path from the archive's root.
    Link(ImagePath),
}

impl<T> Names<T> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, repeated: BTreeSet::new() }
    }

    /// Enters a file; a name given twice counts as it was given last.
    pub(super) fn insert(&mut self, name: &[u8], value: T, limits: &Limits) -> Result<()> {
        self.enter(ImagePath::new(name), Entry::File(value), limits)
    }

    /// Enters a hard or symbolic link; other members only take the name away from what had it before.
    pub(super) fn insert_link(&mut self, member: &Member, limits: &Limits) -> Result<()> {
        let name = ImagePath::new(&member.name);
        match member.kind {
            MemberKind::HardLink => self.enter(name, Entry::Link(ImagePath::new(&member.link)), limits),
            MemberKind::SymbolicLink if member.link.starts_with(b"/") => {
                self.enter(name, Entry::Link(ImagePath::new(&member.link)), limits)
            }
            MemberKind::SymbolicLink => {
                let target = name.parent().join(&member.link);
                self.enter(name, Entry::Link(target), limits)
            }
            MemberKind::File | MemberKind::Folder | MemberKind::Other => {
                if self.entries.remove(&name).is_some() {
                    self.repeated.insert(name);
                }
                Ok(())
            }
        }
    }

    fn enter(&mut self, name: ImagePath, entry: Entry<T>, limits: &Limits) -> Result<()> {
        let link = match &entry {
            Entry::Link(target) => target.as_bytes().len(),
            Entry::File(_) => 0,
        };
        self.bytes = self.bytes.saturating_add(name.as_bytes().len() as u64).saturating_add(link as u64);
        if self.entries.len() >= MEMBERS || self.bytes > limits.documents.bytes() {
            return Err(Error::limit(format!("the archive has more than {MEMBERS} members, or very long names")));
        }
        if self.entries.insert(name.clone(), entry).is_some() {
            self.repeated.insert(name);
        }
        Ok(())
    }

    /// Whether a name was given more than once.
    pub(super) fn is_repeated(&self, name: &str) -> bool {
        self.repeated.contains(&ImagePath::from(name))
    }

    /// What a name leads to, links followed.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let mut name = ImagePath::from(name);
        for _ in 0..40 {
            match self.entries.get(&name)? {
                Entry::File(value) => return Some(value),
                Entry::Link(target) => name = target.clone(),
            }
        }
        None
    }
}

/// An archive in a file, indexed.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    place: String,
    /// Offset and size.
    names: Names<(u64, u64)>,
    damage: Option<Error>,
}

impl Archive {
    /// Indexes the archive; where it is cut or damaged, the members before are kept.
    pub(super) fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let place = crate::escape::escape(path.as_os_str().as_encoded_bytes());
        let failed = |e| Error::io("cannot open the archive", e).at(place.clone());
        let file = Arc::new(File::open(path).map_err(failed)?);
        let mut archive = Self { file: Arc::clone(&file), place: place.clone(), names: Names::new(), damage: None };
        let mut members = Members::new(Seeking::new(&*file).map_err(failed)?, limits);
        loop {
            match members.next_member() {
                Ok(Some(member)) if member.kind == MemberKind::File => {
                    archive.names.insert(&member.name, (member.offset, member.size), limits)?;
                }
                Ok(Some(member)) => archive.names.insert_link(&member, limits)?,
                Ok(None) => return Ok(archive),
                Err(error) if error.kind == crate::error::ErrorKind::Limit => return Err(error.at(place)),
                Err(error) => {
                    archive.damage = Some(error);
                    return Ok(archive);
                }
            }
        }
    }

    /// Whether a file of this name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.get(name).is_some()
    }

    fn range(&self, name: &str) -> Option<FileRange> {
        let (offset, size) = *self.names.get(name)?;
        Some(FileRange { file: Arc::clone(&self.file), offset, size })
    }
}

impl Store for Archive {
    fn place(&self) -> &str {
        &self.place
    }

    fn document(&self, name: &str, most: ByteSize) -> Result<Option<Vec<u8>>> {
        self.range(name).map(|range| read_capped(range.reader(), most, name)).transpose()
    }

    fn layer(&self, name: &str) -> Option<Arc<dyn Blob>> {
        self.range(name).map(|range| Arc::new(range) as Arc<dyn Blob>)
    }

    fn is_repeated(&self, name: &str) -> bool {
        self.names.is_repeated(name)
    }

    fn names(&self) -> Vec<String> {
        self.names.entries.keys().map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned()).collect()
    }

    fn damage(&self) -> Option<&Error> {
        self.damage.as_ref()
    }
}

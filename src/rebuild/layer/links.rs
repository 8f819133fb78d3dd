//! Which names of a layer are names of an edited file, as of each point of the archive.
//!
//! A hard link means what its target was when the link was met. Names are followed only where an
//! edit made a difference: those of a dropped member, and those of one whose header was set.

use std::collections::{BTreeMap, HashSet};

use super::header::{Fields, Made};
use crate::escape::escape;
use crate::path::ImagePath;

/// Names of edited members, and what they lead to.
#[derive(Debug, Default)]
pub(super) struct Links {
    inodes: Vec<Inode>,
    names: BTreeMap<ImagePath, Name>,
    /// Last components of the names that are dropped, escaped.
    watched: HashSet<String>,
    /// Names in the layer that end in one of those.
    seen: HashSet<ImagePath>,
}

/// What a name leads to.
#[derive(Debug, Clone, Copy)]
struct Name {
    inode: usize,
    /// Its key in [`Inode::live`], if it is in the output.
    live: Option<usize>,
}

/// One file with all its names.
#[derive(Debug, Default)]
pub(super) struct Inode {
    /// The member whose header and content it has, if that was dropped.
    pub(super) source: Option<u32>,
    /// Its names that are in the output as they are stored, the oldest first, by how many it had before each.
    pub(super) live: BTreeMap<usize, Vec<u8>>,
    /// How many names in the output it ever had.
    pub(super) names: usize,
    /// What was set in its header.
    pub(super) fields: Fields,
    /// Whether the source was dropped for a secret in it.
    pub(super) is_secret: bool,
    /// Header and content, if they are small.
    pub(super) kept: Option<(Made, Vec<u8>)>,
}

impl Inode {
    /// The oldest of its names that are in the output, as it is stored.
    pub(super) fn root(&self) -> Option<&[u8]> {
        self.live.values().next().map(Vec::as_slice)
    }
}

impl Links {
    /// Watches for other names of members with these paths, escaped.
    pub(super) fn watching<'a>(dropped: impl Iterator<Item = &'a str>) -> Self {
        let last = |path: &'a str| path.rsplit('/').next().unwrap_or_default().to_owned();
        Self { watched: dropped.map(last).collect(), ..Self::default() }
    }

    /// The edited file that a link with this target is a name of.
    pub(super) fn find(&self, target: &ImagePath) -> Option<usize> {
        self.names.get(target).map(|name| name.inode)
    }

    /// Whether the name is one of an edited file, and in the output.
    pub(super) fn is_live(&self, name: &ImagePath) -> bool {
        self.names.get(name).is_some_and(|name| name.live.is_some())
    }

    pub(super) fn inode(&mut self, index: usize) -> Option<&mut Inode> {
        self.inodes.get_mut(index)
    }

    /// Whether `target`, not known here, may be a dropped name by way of a link to a folder.
    pub(super) fn may_be_dropped(&self, target: &ImagePath) -> bool {
        self.watches(target) && !self.names.contains_key(target) && !self.seen.contains(target)
    }

    fn watches(&self, path: &ImagePath) -> bool {
        !self.watched.is_empty() && self.watched.contains(&escape(path.file_name()))
    }

    /// A member takes this place: what the name led to before has it no more, nor what lay below it.
    pub(super) fn place(&mut self, path: &ImagePath, is_folder: bool) {
        if self.watches(path) {
            self.seen.insert(path.clone());
        }
        if self.names.is_empty() {
            return;
        }
        let mut gone: Vec<ImagePath> =
            self.names.get_key_value(path).map(|(name, _)| name.clone()).into_iter().collect();
        if !is_folder && !path.is_root() {
            let below = [path.as_bytes(), b"/"].concat();
            let names =
                self.names.range::<[u8], _>((std::ops::Bound::Included(&below[..]), std::ops::Bound::Unbounded));
            gone.extend(names.take_while(|(name, _)| name.is_under(path.as_bytes())).map(|(name, _)| name.clone()));
        }
        for name in gone {
            if let Some(Name { inode, live: Some(live) }) = self.names.remove(&name)
                && let Some(inode) = self.inodes.get_mut(inode)
            {
                inode.live.remove(&live);
            }
        }
    }

    /// Adds a file, with a first name that is not in the output.
    pub(super) fn add(&mut self, path: &ImagePath, inode: Inode) -> usize {
        self.inodes.push(inode);
        let index = self.inodes.len().saturating_sub(1);
        self.add_lost(path, index);
        index
    }

    /// Adds a name that is not in the output.
    pub(super) fn add_lost(&mut self, path: &ImagePath, inode: usize) {
        self.names.insert(path.clone(), Name { inode, live: None });
    }

    /// Adds a name that is in the output.
    pub(super) fn add_live(&mut self, path: &ImagePath, stored: &[u8], index: usize) {
        let Some(inode) = self.inodes.get_mut(index) else { return };
        let live = inode.names;
        inode.names = live.saturating_add(1);
        inode.live.insert(live, stored.to_vec());
        self.names.insert(path.clone(), Name { inode: index, live: Some(live) });
    }
}

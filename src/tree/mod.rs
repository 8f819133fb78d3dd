//! Names over nodes: the union of all layers.
//!
//! A node is the content of one file: layer and tar member. A name is a path in the merged file
//! system that leads to a node. Hard links are two names of one node.

mod capability;
mod change;
mod resolve;
mod union;

use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use crate::path::ImagePath;

pub use capability::Capabilities;
pub use change::Change;
pub use union::Tree;

/// One tar member of a layer, as stored there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Cleaned path of the member.
    pub path: ImagePath,
    /// What it is.
    pub kind: FileKind,
    /// Permission, setuid, setgid and sticky bits (the lower twelve).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a regular file, holes included; 0 for everything else.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// File capabilities that an extended header gives it (`security.capability`).
    pub capabilities: Option<Box<Capabilities>>,
    /// Whether it has other extended attributes, or an access list (`SCHILY.xattr.*`, `SCHILY.acl.*`).
    pub has_attributes: bool,
}

/// What a tar member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link and its target, raw.
    Symlink(Box<[u8]>),
    /// A second name of the file at this path.
    HardLink(ImagePath),
    /// A character device, major and minor number. 0/0 is overlayfs's own whiteout.
    CharacterDevice(u32, u32),
    /// A block device, major and minor number.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

impl FileEntry {
    /// A regular file of mode 644 owned by root.
    pub fn file(path: &str, size: u64) -> Self {
        Self {
            path: path.into(),
            kind: FileKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size,
            mtime: 0,
            capabilities: None,
            has_attributes: false,
        }
    }

    /// Whether the member is a marker of the layer format rather than a file: `.wh.NAME`, `.wh..wh..opq`.
    pub fn is_marker(&self) -> bool {
        self.path.file_name().starts_with(b".wh.")
    }

    /// Whether its bytes are stored here.
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }
}

/// All members of one layer, in archive order. Copies share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members(Arc<Vec<FileEntry>>);

impl Deref for Members {
    type Target = [FileEntry];

    fn deref(&self) -> &[FileEntry] {
        &self.0
    }
}

impl<'m> IntoIterator for &'m Members {
    type Item = &'m FileEntry;
    type IntoIter = slice::Iter<'m, FileEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Vec<FileEntry>> for Members {
    fn from(members: Vec<FileEntry>) -> Self {
        Self(Arc::new(members))
    }
}

impl FromIterator<FileEntry> for Members {
    fn from_iter<I: IntoIterator<Item = FileEntry>>(members: I) -> Self {
        members.into_iter().collect::<Vec<_>>().into()
    }
}

/// The content of one file: which layer, and which member of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Index of the layer, from the bottom.
    pub layer: u32,
    /// Index of the member in its layer, in archive order, markers counted.
    pub member: u32,
}

/// Why no live name leads to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// The layer that took the last name away.
    pub by_layer: u32,
    /// Whether something else took its place, in contrast to a whiteout.
    pub overwritten: bool,
}

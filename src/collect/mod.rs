//! How facts are gathered: a collector says as data which files it wants, and learns from their bytes.

mod fact;
mod linked;
mod packages;
mod removed;
mod select;

use crate::inventory::{Ecosystem, Inventory};
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::{FileEntry, Node, Tree};

pub use fact::{Fact, FactOf, Facts, PackageFact, SecretFact, View};
pub use packages::Taken;
pub use removed::removed_packages;
pub use select::{HEAD, Mask, Select, Selectors};

/// Reads certain files of an image.
///
/// [`collect`](Self::collect) runs as a task of a thread pool, in any order, once for each node:
/// it must not block, and what it learns may depend on nothing but its argument.
/// [`assemble`](Self::assemble) runs once, after the merge, in the order of registration.
pub trait Collector: Sync {
    /// Unique kebab-case name.
    fn id(&self) -> &'static str;

    /// Raised whenever the same bytes would yield other facts: part of the cache key.
    fn version(&self) -> u32;

    /// Which files it wants.
    fn select(&self) -> &'static [Select];

    /// Which files it wants besides once all layers are known. They are read again where their layers are at hand, and
    /// not missed where they are not.
    fn wishes_late(&self, tree: &Tree) -> Vec<Node> {
        let _ = tree;
        Vec::new()
    }

    /// How a file's bytes come.
    fn delivery(&self) -> Delivery;

    /// Learns from one file, or from one window of it.
    fn collect(&self, file: &File<'_>, facts: &mut Facts);

    /// Moves facts that are true of the merged image into the inventory: the packages, unless a collector says
    /// what else.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        view.take_packages(self, inventory);
    }

    /// Whether a file of this live name proves a package. Others with the same ending are parts of packages, or tests.
    fn accepts(&self, path: &ImagePath) -> bool {
        let _ = path;
        true
    }

    /// The purl of a package it found, which for packages of a system names the distribution.
    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        let _ = inventory;
        package.purl.clone()
    }

    /// What its page of documentation says; `None` for one that lists no packages.
    fn about(&self) -> Option<&'static About> {
        None
    }
}

/// What the documentation of a package ecosystem says; the files it reads are told by its selectors.
#[derive(Debug)]
pub struct About {
    /// Name of the ecosystem, such as `Debian packages`.
    pub title: &'static str,
    /// The kinds of packages it finds; none where a document says which.
    pub ecosystems: &'static [&'static Ecosystem],
    /// What is taken from the files: one sentence or a few.
    pub reads: &'static str,
    /// What is not seen, one entry each; never empty: everything has a blind spot.
    pub not_seen: &'static [&'static str],
    /// Where the formats are described.
    pub references: &'static [&'static str],
}

/// How a file's bytes come to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Whole, up to this size; a larger file is a limitation. More than 64 MiB only where the format
    /// cannot be read from its beginning to its end.
    Whole(ByteSize),
    /// Whole, up to this size; a larger file is something else of the same name, and is passed over.
    WholeOrNothing(ByteSize),
    /// Whole, up to this size; a larger file in windows.
    WholeOrWindows(ByteSize),
    /// In windows of [`WINDOW`] that overlap by [`OVERLAP`]; any size.
    Windows,
}

/// Bytes of one window of a large file.
pub const WINDOW: usize = 1 << 20;

/// Bytes that a window repeats of the one before. Nothing longer than this can be matched across windows.
pub const OVERLAP: usize = 64 << 10;

/// Largest file, in bytes, that the pass holds at once for collectors of windows.
pub const HELD: usize = 8 << 20;

/// A file, or one window of it, lent to a collector.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its content's identity.
    pub node: Node,
    /// The name under which it was selected: of the tar member, or in a second look the live name.
    pub path: &'a ImagePath,
    /// Its member in the layer.
    pub entry: &'a FileEntry,
    /// The bytes: all of the file, or a window.
    pub bytes: &'a [u8],
    /// Offset of `bytes` in the file. 0 for whole files.
    pub offset: u64,
    /// Line feeds in the file before `offset`.
    pub lines_before: u64,
    /// Bytes at the start of `bytes` that the window before ended with: matches that end within are known.
    pub overlap: usize,
    /// Whether the file ends with these bytes.
    pub is_last: bool,
    /// All of the file, where the pass holds it at once; never for files beyond [`HELD`].
    pub whole: Option<&'a [u8]>,
}

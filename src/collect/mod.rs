//! How facts are gathered: a collector says as data which files it wants, and learns from their bytes.

mod fact;
mod linked;
mod select;

use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::{FileEntry, Node};

pub use fact::{Fact, FactOf, Facts, FirstLayers, PackageFact, SecretFact, View};
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

    /// How a file's bytes come.
    fn delivery(&self) -> Delivery;

    /// Learns from one file, or from one window of it.
    fn collect(&self, file: &File<'_>, facts: &mut Facts);

    /// Moves facts that are true of the merged image into the inventory.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory);
}

/// How a file's bytes come to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Whole, up to this size; a larger file is a limitation. At most 64 MiB.
    Whole(ByteSize),
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

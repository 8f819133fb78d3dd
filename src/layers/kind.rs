//! What files are good for that a container could do without: caches, leftovers, documentation.

use serde::Serialize;

use crate::check::{is_documentation, is_in_cache, is_leftover};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::tree::Node;

/// A kind of files that a container runs without. A file is of the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A package manager's cache, as `layer/package-cache` knows them; not what is in use under another name.
    PackageCache,
    /// What `layer/leftover` reports.
    Leftover,
    /// Manuals, texts and translations; licences are not counted.
    Documentation,
    /// The same bytes as a file whose path comes first, and no hard link to it.
    Duplicate,
}

impl Kind {
    /// What reports call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::PackageCache => "package caches",
            Self::Leftover => "leftovers of the build",
            Self::Documentation => "documentation and translations",
            Self::Duplicate => "second copies of files",
        }
    }
}

/// The kind of a file that is live under `names`, or was under its own path.
pub(super) fn of(inventory: &Inventory, node: Node, names: &[&ImagePath]) -> Option<Kind> {
    let entry = inventory.tree.entry(node);
    let own = [&entry.path];
    let names = if names.is_empty() { &own } else { names };
    let is_owned = names.iter().any(|name| inventory.owned.owner(name).is_some());
    if !is_owned && names.iter().all(|name| is_in_cache(name)) {
        return Some(Kind::PackageCache);
    }
    if !is_owned && is_leftover(entry) {
        return Some(Kind::Leftover);
    }
    names.iter().all(|name| is_documentation(name)).then_some(Kind::Documentation)
}

//! The files of an image or of a layer, as a list.

use std::collections::HashSet;

use serde::Serialize;

use crate::escape::escape;
use crate::inventory::{Cause, Inventory};
use crate::path::ImagePath;
use crate::policy::Glob;
use crate::secret;
use crate::tree::{Change, FileKind, Node};

use super::kind::Kind;
use super::waste::{Fate, Waste};

/// Which files to list.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Whether to list any.
    pub files: bool,
    /// What this layer does, in place of what a container sees.
    pub layer: Option<u32>,
    /// Only those whose path fits.
    pub path: Option<Glob>,
    /// Only what is shipped in vain, or could be left out.
    pub waste: bool,
}

/// What a layer does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// It was not there before.
    Added,
    /// It was there with another content, owner, mode or time.
    Changed,
    /// It is there no more.
    Removed,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// A regular file.
    File,
    /// A further name of a file listed above.
    HardLink,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, or a named pipe.
    Special,
}

/// One file of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// Its path, as it is shown: what steers is escaped, secrets masked.
    pub path: String,
    /// The layer that holds it; of what a layer removes, the one that held it.
    pub layer: u32,
    /// What it is.
    pub kind: Shown,
    /// Bytes of its data, holes included.
    pub size: u64,
    /// Permission bits, octal.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Where a symbolic link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the layer does to it, where one layer is listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Doing>,
    /// Why no container sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Cause>,
    /// The layer that hides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_by_layer: Option<u32>,
    /// As what a container can do without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removable: Option<Kind>,
}

/// The files that `wish` asks for, sorted by path, then layer.
pub(super) fn rows(inventory: &Inventory, changes: &[Vec<Change>], waste: &Waste, wish: &Wish) -> Vec<FileRow> {
    let tree = &inventory.tree;
    let row = |path: &ImagePath, node: Node, seen: &mut HashSet<Node>, change: Option<Doing>| {
        let shown = path.to_string();
        let fits = wish.path.as_ref().is_none_or(|glob| glob.is_match(shown.trim_start_matches('/')));
        if !fits {
            return None;
        }
        let entry = tree.entry(node);
        let kind = match &entry.kind {
            FileKind::File if seen.insert(node) => Shown::File,
            FileKind::File | FileKind::HardLink(_) => Shown::HardLink,
            FileKind::Directory => Shown::Folder,
            FileKind::Symlink(_) => Shown::Link,
            FileKind::CharacterDevice(..) | FileKind::BlockDevice(..) | FileKind::Fifo => Shown::Special,
        };
        let (hidden, hidden_by_layer, removable) = match waste.fate(node) {
            Some(Fate::Hidden(cause, by)) => (Some(cause), by, None),
            Some(Fate::Live(kind)) => (None, None, kind),
            None => (None, None, None),
        };
        Some(FileRow {
            path: secret::masked_path(&shown),
            layer: node.layer,
            kind,
            size: if kind == Shown::File { entry.size } else { 0 },
            mode: format!("{:04o}", entry.mode),
            uid: entry.uid,
            gid: entry.gid,
            target: match &entry.kind {
                FileKind::Symlink(target) => Some(secret::masked_path(&escape(target))),
                _ => None,
            },
            change,
            hidden,
            hidden_by_layer,
            removable,
        })
    };
    let mut seen = HashSet::new();
    if wish.waste {
        let mut rows: Vec<FileRow> = Vec::new();
        for (layer, members) in (0u32..).zip(tree.layers()).filter(|(layer, _)| wish.layer.is_none_or(|l| l == *layer))
        {
            for (member, entry) in (0u32..).zip(members) {
                let node = Node { layer, member };
                let is_waste = matches!(waste.fate(node), Some(Fate::Hidden(..) | Fate::Live(Some(_))));
                rows.extend(is_waste.then(|| row(&entry.path, node, &mut seen, None)).flatten());
            }
        }
        rows.sort_by(|a, b| (&a.path, a.layer).cmp(&(&b.path, b.layer)));
        return rows;
    }
    let Some(layer) = wish.layer else {
        return tree.names().filter_map(|(path, node)| row(path, node, &mut seen, None)).collect();
    };
    let of_change = |change: &Change| {
        let doing = match (change.before, change.after) {
            (None, _) => Doing::Added,
            (Some(_), Some(_)) => Doing::Changed,
            (Some(_), None) => Doing::Removed,
        };
        row(&change.path, change.after.or(change.before)?, &mut seen, Some(doing))
    };
    changes.get(layer as usize).into_iter().flatten().filter_map(of_change).collect()
}

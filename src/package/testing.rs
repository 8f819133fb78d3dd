//! Images of a few files for the tests of collectors: a pass without archives.

use std::collections::BTreeMap;

use crate::collect::{Facts, File, Select, View};
use crate::inventory::Inventory;
use crate::limit::Limits;
use crate::path::ImagePath;
use crate::tree::{FileEntry, FileKind, Node, Tree};

use super::COLLECTORS;

/// Layers of files with their contents.
#[derive(Debug)]
pub(super) struct Image {
    layers: Vec<Vec<(FileEntry, Vec<u8>)>>,
}

impl Image {
    /// One layer, empty.
    pub(super) fn new() -> Self {
        Self { layers: vec![Vec::new()] }
    }

    /// The next layer.
    pub(super) fn layer(mut self) -> Self {
        self.layers.push(Vec::new());
        self
    }

    /// A regular file, or a marker if its name is one.
    pub(super) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.add(FileEntry::file(path, content.len() as u64), content)
    }

    /// A symbolic link.
    pub(super) fn link(self, path: &str, target: &str) -> Self {
        let kind = FileKind::Symlink(target.as_bytes().into());
        self.add(FileEntry { kind, ..FileEntry::file(path, 0) }, b"")
    }

    /// A second name of the file at `target`.
    pub(super) fn hard_link(self, path: &str, target: &str) -> Self {
        self.add(FileEntry { kind: FileKind::HardLink(target.into()), ..FileEntry::file(path, 0) }, b"")
    }

    fn add(mut self, entry: FileEntry, content: &[u8]) -> Self {
        self.layers.last_mut().expect("there is one from the start").push((entry, content.to_vec()));
        self
    }

    fn content(&self, node: Node) -> &[u8] {
        &self.layers[node.layer as usize][node.member as usize].1
    }
}

/// What all package collectors together make of an image.
///
/// Files are collected under their member's name, then those missed under their live name, as in a
/// second look.
pub(super) fn assemble(image: &Image) -> Inventory {
    let entries = image.layers.iter().map(|layer| layer.iter().map(|(entry, _)| entry.clone()).collect()).collect();
    let (tree, _) = Tree::union(entries, &Limits::default());
    let mut facts = Facts::default();
    let mut selected = Vec::new();
    for (index, collector) in COLLECTORS.iter().enumerate() {
        let mut wanted = BTreeMap::new();
        let mut live = BTreeMap::new();
        for (layer, members) in (0..).zip(&image.layers) {
            for (member, (entry, _)) in (0..).zip(members) {
                if entry.is_file() && !entry.is_marker() && collector.select().iter().any(|s| selects(s, &entry.path)) {
                    wanted.insert(Node { layer, member }, entry.path.clone());
                }
            }
        }
        for select in collector.select() {
            let found: Vec<_> = match *select {
                Select::Path(path) => tree.resolve(&path.into()).into_iter().collect(),
                Select::Under(folder, suffix) => {
                    let folder = tree.resolve_folder(&folder.into()).unwrap_or_else(|| folder.into());
                    let found = tree.children(&folder).into_iter();
                    found.filter(|(path, _)| path.file_name().ends_with(suffix.as_bytes())).collect()
                }
                _ => tree.names().filter(|(path, _)| selects(select, path)).map(|(p, n)| (p.clone(), n)).collect(),
            };
            for (path, node) in found.into_iter().filter(|(_, node)| tree.entry(*node).is_file()) {
                wanted.entry(node).or_insert_with(|| path.clone());
                live.insert(path, node);
            }
        }
        for (node, path) in wanted {
            facts.begin(node, index);
            let bytes = image.content(node);
            let entry = tree.entry(node);
            let file = File { node, path: &path, entry, bytes, offset: 0, lines_before: 0, overlap: 0, is_last: true };
            collector.collect(&file, &mut facts);
        }
        selected.push(live.into_iter().collect::<Vec<_>>());
    }

    let (mut facts, limitations) = facts.into_parts();
    facts.sort_by_key(|fact| fact.node);
    let mut inventory = Inventory { limitations, ..Inventory::default() };
    for (index, (collector, selected)) in COLLECTORS.iter().zip(&selected).enumerate() {
        collector.assemble(&View { tree: &tree, facts: &facts, collector: index, selected }, &mut inventory);
    }
    inventory
}

/// `name version path,path`, one line for each package: what a test wants to see at a glance.
pub(super) fn packages(inventory: &Inventory) -> Vec<String> {
    let packages = inventory.packages.iter();
    packages
        .map(|package| {
            let paths: Vec<String> = package.locations.iter().map(|location| location.path.to_string()).collect();
            format!("{} {} {}", package.name, package.version, paths.join(","))
        })
        .collect()
}

fn selects(select: &Select, path: &ImagePath) -> bool {
    match *select {
        Select::Path(wanted) => path.as_bytes() == wanted.as_bytes(),
        Select::Under(folder, suffix) => {
            path.parent_bytes() == folder.as_bytes() && path.file_name().ends_with(suffix.as_bytes())
        }
        Select::Name(name) => path.file_name() == name.as_bytes(),
        Select::Suffix(suffix) => [b"/", path.as_bytes()].concat().ends_with(suffix.as_bytes()),
        Select::Everything => true,
    }
}

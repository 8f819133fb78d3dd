//! Images of a few files for the tests of collectors: a pass without archives.

use std::collections::BTreeMap;

use crate::collect::{Facts, File, HEAD, Selectors, View, removed_packages};
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

    /// A regular file that everybody may execute.
    pub(super) fn executable(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.add(FileEntry { mode: 0o755, ..FileEntry::file(path, content.len() as u64) }, content)
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
    let selectors = Selectors::new(COLLECTORS.iter().map(|collector| collector.select()));
    let (selected, _) = selectors.live(&tree, COLLECTORS.len());

    let mut wanted: BTreeMap<(Node, usize), ImagePath> = BTreeMap::new();
    for (layer, members) in (0..).zip(&image.layers) {
        for (member, (entry, _)) in (0..).zip(members).filter(|(_, (entry, _))| entry.is_file() && !entry.is_marker()) {
            let content = image.content(Node { layer, member });
            let head = || content.get(..HEAD).unwrap_or(content);
            let mask = selectors.by_name(&entry.path) | selectors.by_member(entry) | selectors.by_head(head);
            for index in (0..COLLECTORS.len()).filter(|index| mask & (1 << index) != 0) {
                wanted.insert((Node { layer, member }, index), entry.path.clone());
            }
        }
    }
    for (index, names) in selected.iter().enumerate() {
        for (path, node) in names {
            wanted.entry((*node, index)).or_insert_with(|| path.clone());
        }
    }
    let mut facts = Facts::default();
    for ((node, index), path) in wanted {
        facts.begin(node, index);
        let (entry, bytes) = (tree.entry(node), image.content(node));
        let file = File {
            node,
            path: &path,
            entry,
            bytes,
            offset: 0,
            lines_before: 0,
            overlap: 0,
            is_last: true,
            whole: Some(bytes),
        };
        COLLECTORS[index].collect(&file, &mut facts);
    }

    let (mut facts, limitations) = facts.into_parts();
    facts.sort_by_key(|fact| fact.node);
    let mut inventory = Inventory { limitations, ..Inventory::default() };
    for (index, (collector, selected)) in COLLECTORS.iter().zip(&selected).enumerate() {
        let view = View { tree: &tree, limits: &Limits::default(), facts: &facts, collector: index, selected };
        collector.assemble(&view, &mut inventory);
    }
    removed_packages(&tree, &facts, COLLECTORS, &mut inventory);
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

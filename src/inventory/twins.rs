//! Files that may hold the same as one in another layer, by what layers say of them: path and size.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::{FileEntry, Node, Tree};

/// Fewest bytes of copies that are worth a look, of one layer.
pub const LEAST: ByteSize = ByteSize::mib(1);

/// Most files of a layer that is said to hold nothing but copies; what has more is no single step's slip.
const FEW: usize = 10;

/// Files of lower layers that are compared with one of an upper layer.
const LIKE: usize = 8;

/// Files of one size, of all layers, from which those are chosen.
const OF_ONE_SIZE: usize = 64;

/// A layer that may hold nothing but copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FewFiles {
    /// The layer.
    pub layer: u32,
    /// Each of its files with data, with files of its size below it, the nearest layer first, and of a layer the one at
    /// the same path.
    pub files: Vec<(Node, Vec<Node>)>,
}

/// Layers of a few files, each of which has the size of some file in a layer below.
pub fn few_files(tree: &Tree) -> Vec<FewFiles> {
    let mut few: Vec<(u32, Vec<(u32, &FileEntry)>)> = Vec::new();
    for (layer, members) in (0u32..).zip(tree.layers()).skip(1) {
        let with_data = (0u32..).zip(members).filter(|(_, entry)| entry.is_file() && entry.size > 0);
        let files: Vec<_> = with_data.take(FEW + 1).filter(|(_, entry)| !entry.is_marker()).collect();
        let bytes = files.iter().map(|(_, entry)| entry.size).fold(0, u64::saturating_add);
        if files.len() <= FEW && bytes >= LEAST.bytes() {
            few.push((layer, files));
        }
    }
    let known = of_sizes(tree, &few);
    let found = few.into_iter().filter_map(|(layer, files)| {
        let like = |entry: &FileEntry| {
            let below = known.get(&entry.size).into_iter().flatten().filter(|node| node.layer < layer);
            let mut like: Vec<Node> = below.copied().collect();
            let is_elsewhere = |node: &Node| tree.entry(*node).path != entry.path;
            like.sort_by_key(|node| (is_elsewhere(node), Reverse(node.layer), node.member));
            like.truncate(LIKE);
            like
        };
        let files: Vec<(Node, Vec<Node>)> =
            files.into_iter().map(|(member, entry)| (Node { layer, member }, like(entry))).collect();
        files.iter().all(|(_, like)| !like.is_empty()).then_some(FewFiles { layer, files })
    });
    found.collect()
}

/// The files that have the size of one of these, by size; of those that share no path with one not more than
/// [`OF_ONE_SIZE`].
fn of_sizes(tree: &Tree, few: &[(u32, Vec<(u32, &FileEntry)>)]) -> HashMap<u64, Vec<Node>> {
    let all = || few.iter().flat_map(|(_, files)| files.iter().map(|(_, entry)| *entry));
    let mut known: HashMap<u64, Vec<Node>> = all().map(|entry| (entry.size, Vec::new())).collect();
    let paths: HashSet<&ImagePath> = all().map(|entry| &entry.path).collect();
    let below_last = few.last().map_or(0, |(layer, _)| *layer as usize);
    for (layer, members) in (0u32..).zip(tree.layers()).take(below_last) {
        for (member, entry) in (0u32..).zip(members).filter(|(_, entry)| entry.is_file() && !entry.is_marker()) {
            if let Some(nodes) = known.get_mut(&entry.size)
                && (nodes.len() < OF_ONE_SIZE || paths.contains(&entry.path))
            {
                nodes.push(Node { layer, member });
            }
        }
    }
    known
}

/// All files whose contents decide what is told of copies, sorted: of layers of a few files, and those that a later layer
/// stores again with the same path and size.
pub fn candidates(tree: &Tree) -> Vec<Node> {
    let mut nodes: BTreeSet<Node> = BTreeSet::new();
    for (node, like) in few_files(tree).into_iter().flat_map(|few| few.files) {
        nodes.insert(node);
        nodes.extend(like);
    }
    for (layer, members) in (0u32..).zip(tree.layers()) {
        let mut hidden: BTreeMap<u32, HashMap<&ImagePath, Node>> = BTreeMap::new();
        for (member, entry) in (0u32..).zip(members) {
            let node = Node { layer, member };
            let is_counted = entry.is_file() && entry.size > 0 && !entry.is_marker();
            if let Some(by) = tree.hidden(node).filter(|hidden| is_counted && hidden.overwritten)
                && by.by_layer > layer
            {
                hidden.entry(by.by_layer).or_default().insert(&entry.path, node);
            }
        }
        let mut pairs: Vec<[Node; 2]> = Vec::new();
        let mut bytes = 0_u64;
        for (by, hidden) in hidden {
            let Some(members) = tree.layers().get(by as usize) else { continue };
            for (member, entry) in (0u32..).zip(members) {
                if let Some(node) = hidden.get(&entry.path).filter(|_| entry.is_file())
                    && tree.entry(*node).size == entry.size
                {
                    pairs.push([*node, Node { layer: by, member }]);
                    bytes = bytes.saturating_add(entry.size);
                }
            }
        }
        if bytes >= LEAST.bytes() {
            nodes.extend(pairs.into_iter().flatten());
        }
    }
    nodes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limits;
    use crate::tree::FileEntry;

    const MIB: u64 = 1 << 20;

    fn tree(layers: &[&[(&str, u64)]]) -> Tree {
        let entry = |(path, size): &(&str, u64)| FileEntry::file(path, *size);
        let layers = layers.iter().map(|members| members.iter().map(entry).collect()).collect();
        Tree::union(layers, &Limits::default()).0
    }

    #[test]
    fn only_what_may_be_a_copy_is_looked_at() {
        /// Path and size of the members of each layer.
        type Layers = &'static [&'static [(&'static str, u64)]];
        let cases: &[(Layers, &[(u32, u32)])] = &[
            // stored again, and the only file of its layer
            (&[&[("a", MIB), ("b", MIB + 1)], &[("a", MIB)]], &[(0, 0), (1, 0)]),
            // the same size elsewhere
            (&[&[("a", MIB), ("b", 5)], &[("c", MIB)]], &[(0, 0), (1, 0)]),
            (&[&[("a", MIB)], &[("c", MIB), ("d", 1)]], &[]),
            (&[&[("a", MIB)], &[("a", MIB + 1)]], &[]),
            (&[&[("a", MIB)], &[(".wh.a", 0)]], &[]),
            (&[&[("a", 100)], &[("a", 100)]], &[]),
            // in one layer
            (&[&[("a", MIB), ("b", MIB)]], &[]),
            // among others, at the same path
            (&[&[("a", MIB), ("b", 7)], &[("a", MIB), ("c", 3)]], &[(0, 0), (1, 0)]),
        ];
        for (layers, expected) in cases {
            let nodes: Vec<(u32, u32)> =
                candidates(&tree(layers)).into_iter().map(|node| (node.layer, node.member)).collect();
            assert_eq!(nodes, *expected, "{layers:?}");
        }
    }
}

//! The figures of dive (<https://github.com/wagoodman/dive>), as it computes them, for those who gate on them.
//!
//! They are not what an image wastes: a path that several layers hold counts with all its copies, also the one that
//! must stay. See [`super::waste`] for what can be reclaimed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::escape::escape;
use crate::secret;
use crate::tree::{FileEntry, Tree};

/// Paths listed of those that several layers hold.
const LISTED: usize = 100;

/// What dive says of an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Bytes of each path's smallest copy over bytes of all copies; 1 where there are none.
    pub efficiency: f64,
    /// Bytes of all files of all layers.
    pub size: u64,
    /// The same without the first layer.
    pub user_size: u64,
    /// Bytes of all copies of the paths that several layers hold.
    pub wasted: u64,
    /// Those over [`user_size`](Self::user_size); `None` where that is nothing.
    pub user_wasted: Option<f64>,
    /// The paths that several layers hold, largest first; at most a hundred.
    pub paths: Vec<Path>,
}

/// A path that several layers hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Path {
    /// The path as shown.
    pub path: String,
    /// Layers that hold it, or delete it.
    pub count: u64,
    /// Bytes of all copies.
    pub bytes: u64,
}

#[derive(Default)]
struct Seen {
    least: Option<u64>,
    all: u64,
    count: u64,
}

impl Figures {
    /// Computes the figures.
    pub fn of(tree: &Tree) -> Self {
        let mut paths: HashMap<Vec<u8>, Seen> = HashMap::new();
        let mut stacked = Stacked::default();
        let (mut size, mut user_size) = (0u64, 0u64);
        for (index, members) in tree.layers().iter().enumerate() {
            let of_layer = members.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
            size = size.saturating_add(of_layer);
            if index > 0 {
                user_size = user_size.saturating_add(of_layer);
            }
            let layer = leaves(members);
            for (path, leaf) in &layer {
                let bytes = match leaf {
                    Leaf::File(bytes) => *bytes,
                    Leaf::Folder => continue,
                    Leaf::Whiteout => stacked.size_below(path),
                };
                let seen = paths.entry(path.clone()).or_default();
                seen.least = Some(seen.least.map_or(bytes, |least| least.min(bytes)));
                seen.all = seen.all.saturating_add(bytes);
                seen.count = seen.count.saturating_add(1);
            }
            stacked.apply(&layer);
        }
        let (mut least, mut all, mut wasted) = (0u64, 0u64, 0u64);
        let mut listed = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "sums, and a list that is sorted after")]
        for (path, seen) in paths {
            least = least.saturating_add(seen.least.unwrap_or(0));
            all = all.saturating_add(seen.all);
            if seen.count > 1 {
                wasted = wasted.saturating_add(seen.all);
                listed.push((Reverse(seen.all), path, seen.count));
            }
        }
        listed.sort();
        listed.truncate(LISTED);
        let paths = listed.into_iter().map(|(Reverse(bytes), path, count)| {
            let path: Vec<u8> = path.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
            Path { path: secret::masked_path(&format!("/{}", escape(path))), count, bytes }
        });
        Self {
            efficiency: share(least, all).unwrap_or(1.0),
            size,
            user_size,
            wasted,
            user_wasted: share(wasted, user_size),
            paths: paths.collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of bytes, of which nobody looks at more than four digits")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What stands at a path of one layer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    /// Anything with nothing below it, folders too, and its bytes.
    File(u64),
    /// Something with something below it.
    Folder,
    /// The name is deleted.
    Whiteout,
}

/// The paths of a layer, `/` written as NUL so that what is below a folder stands together.
fn leaves(members: &[FileEntry]) -> BTreeMap<Vec<u8>, Leaf> {
    let mut leaves = BTreeMap::new();
    let mut folders: HashSet<Vec<u8>> = HashSet::new();
    for entry in members.iter().filter(|entry| !entry.path.is_root()) {
        let key = |bytes: &[u8]| bytes.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect::<Vec<u8>>();
        // dive knows no markers but `.wh.NAME`; names below those with a double prefix are passed over
        if entry.path.components().any(|name| name.starts_with(b".wh..wh.")) {
            continue;
        }
        let mut folder = entry.path.parent();
        while !folder.is_root() && folders.insert(key(folder.as_bytes())) {
            folder = folder.parent();
        }
        match entry.path.file_name().strip_prefix(b".wh.") {
            Some(name) => leaves.insert(key(entry.path.parent().join(name).as_bytes()), Leaf::Whiteout),
            None => leaves.insert(key(entry.path.as_bytes()), Leaf::File(entry.size)),
        };
    }
    #[expect(clippy::iter_over_hash_type, reason = "each changes an entry of its own")]
    for folder in folders {
        let leaf = leaves.entry(folder).or_insert(Leaf::Folder);
        if matches!(leaf, Leaf::File(_)) {
            *leaf = Leaf::Folder;
        }
    }
    leaves
}

/// The layers so far, one over the other as dive stacks them: sizes by path.
#[derive(Default)]
struct Stacked(BTreeMap<Vec<u8>, u64>);

impl Stacked {
    fn below(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let start = [path, &[0]].concat();
        (start, [path, &[1]].concat())
    }

    /// Bytes of all that is below a folder; 0 of anything else.
    fn size_below(&self, path: &[u8]) -> u64 {
        let (start, end) = Self::below(path);
        self.0.range(start..end).map(|(_, size)| *size).fold(0, u64::saturating_add)
    }

    fn apply(&mut self, layer: &BTreeMap<Vec<u8>, Leaf>) {
        for (path, _) in layer.iter().filter(|(_, leaf)| **leaf == Leaf::Whiteout) {
            self.0.remove(path);
            let (start, end) = Self::below(path);
            let gone: Vec<Vec<u8>> = self.0.range(start..end).map(|(path, _)| path.clone()).collect();
            for path in gone {
                self.0.remove(&path);
            }
        }
        for (path, leaf) in layer {
            match leaf {
                Leaf::File(size) => drop(self.0.insert(path.clone(), *size)),
                Leaf::Folder => drop(self.0.insert(path.clone(), 0)),
                Leaf::Whiteout => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limits;

    fn figures(layers: &[&[(&str, u64)]]) -> Figures {
        let layer = |files: &&[(&str, u64)]| files.iter().map(|(path, size)| FileEntry::file(path, *size)).collect();
        Figures::of(&Tree::union(layers.iter().map(layer).collect(), &Limits::default()).0)
    }

    #[test]
    fn a_path_in_several_layers_counts_with_all_copies() {
        type Files = &'static [(&'static str, u64)];
        type Case = (&'static [Files], f64, u64, Option<f64>);
        let cases: &[Case] = &[
            (&[&[("a", 10)]], 1.0, 0, None),
            (&[&[("a", 10)], &[("a", 30), ("b", 40)]], 50.0 / 80.0, 40, Some(40.0 / 70.0)),
            // a deleted file has a copy of no bytes
            (&[&[("a", 10), ("b", 10)], &[(".wh.a", 0)]], 10.0 / 20.0, 10, None),
            // a deleted folder counts with what is below it, once
            (&[&[("d/a", 10), ("d/b", 5)], &[(".wh.d", 0), ("c", 15)]], 45.0 / 45.0, 0, Some(0.0)),
            (&[&[("d/a", 10)], &[("d/.wh..wh..opq", 0), ("d/a", 10)]], 10.0 / 20.0, 20, Some(2.0)),
            (&[], 1.0, 0, None),
        ];
        for (layers, efficiency, wasted, user_wasted) in cases {
            let figures = figures(layers);
            assert!((figures.efficiency - efficiency).abs() < 1e-9, "{layers:?}: {figures:?}");
            assert_eq!((figures.wasted, figures.user_wasted), (*wasted, *user_wasted), "{layers:?}");
        }
    }

    #[test]
    fn paths_are_listed_largest_first() {
        let figures = figures(&[&[("a", 1), ("d/b", 2), ("c", 3)], &[("a", 1), ("d/b", 2)]]);
        let paths: Vec<(&str, u64, u64)> =
            figures.paths.iter().map(|path| (path.path.as_str(), path.count, path.bytes)).collect();
        assert_eq!(paths, [("/d/b", 2, 4), ("/a", 2, 2)]);
    }
}

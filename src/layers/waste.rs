//! Bytes shipped in vain, to the byte: what all layers hold less what a container sees.
//!
//! Counted is the data of regular files, holes of sparse ones included: what an image has that is squashed to one
//! layer. A file with several names counts once. Names, folders, links and what tar adds do not count.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::inventory::{Cause, Inventory, Origin, Successors};
use crate::path::ImagePath;
use crate::tree::{Change, Node};

use super::kind::{self, Kind};

/// Some files and what they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Heap {
    /// How many.
    pub files: u64,
    /// Bytes of their data, uncompressed.
    pub bytes: u64,
    /// What of the stored layers that is, if their files compress alike: an estimate.
    pub compressed: u64,
}

impl Heap {
    fn add(&mut self, bytes: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn merge(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.compressed = self.compressed.saturating_add(other.compressed);
    }
}

/// Gives each heap its share of a layer of `size` bytes that is stored in `stored`. What rounding takes from one goes to
/// the next, so that the shares of the same bytes add up to the same, however they are divided.
fn estimate<'a>(heaps: impl IntoIterator<Item = &'a mut Heap>, stored: u64, size: u64) {
    let share = |bytes: u64| {
        let share = u128::from(bytes).saturating_mul(u128::from(stored)).checked_div(u128::from(size));
        share.and_then(|share| u64::try_from(share).ok()).unwrap_or(bytes)
    };
    let (mut bytes, mut given) = (0u64, 0u64);
    for heap in heaps {
        bytes = bytes.saturating_add(heap.bytes);
        let so_far = share(bytes);
        heap.compressed = so_far.saturating_sub(given);
        given = so_far;
    }
}

/// What one layer ships in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerWaste {
    /// Its files with data.
    pub shipped: Heap,
    /// Those no container sees, by why.
    pub hidden: BTreeMap<Cause, Heap>,
    /// What it is that hides, of lower layers and of its own; over all layers that is all that is hidden.
    pub hides: Heap,
    /// Those a container sees and can do without, by kind.
    pub removable: BTreeMap<Kind, Heap>,
    /// Of the hidden ones, what is of a kind that no container would need either.
    hidden_kinds: BTreeMap<Kind, Heap>,
    /// By whether a system's package owns the file: hidden, and removable.
    owners: [(Heap, Heap); 2],
}

impl LayerWaste {
    /// All that is hidden.
    pub fn hidden_in_all(&self) -> Heap {
        sum(self.hidden.values())
    }

    /// All that is removable.
    pub fn removable_in_all(&self) -> Heap {
        sum(self.removable.values())
    }

    fn estimate(&mut self, stored: u64, size: u64) {
        estimate(self.hidden.values_mut(), stored, size);
        estimate(self.removable.values_mut(), stored, size);
        estimate(self.hidden_kinds.values_mut(), stored, size);
        estimate(self.owners.iter_mut().map(|(hidden, _)| hidden), stored, size);
        estimate(self.owners.iter_mut().map(|(_, removable)| removable), stored, size);
        estimate([&mut self.shipped], stored, size);
    }
}

/// What is shipped in vain of what belongs to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OwnerWaste {
    /// Whose the layer is.
    pub origin: Origin,
    /// Whether a system's package owns the file.
    pub packaged: bool,
    /// What no container sees.
    pub hidden: Heap,
    /// What a container sees and can do without.
    pub removable: Heap,
}

/// What became of a file with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A container sees it, and can do without if it is of a kind.
    Live(Option<Kind>),
    /// No container sees it; and which layer hides it, where one does.
    Hidden(Cause, Option<u32>),
}

/// What an image ships in vain.
#[derive(Debug, Clone, Default)]
pub struct Waste {
    /// All files with data, of all layers.
    pub shipped: Heap,
    /// Those a container sees; with those hidden they are all.
    pub visible: Heap,
    /// Those no container sees, by why.
    pub hidden: BTreeMap<Cause, Heap>,
    /// Of the hidden ones, what is of a kind that no container would need either.
    pub hidden_kinds: BTreeMap<Kind, Heap>,
    /// Those a container sees and can do without, by kind.
    pub removable: BTreeMap<Kind, Heap>,
    /// By whose they are, where there is any.
    pub owners: Vec<OwnerWaste>,
    /// By layer, oldest first.
    pub layers: Vec<LayerWaste>,
    /// Of every file with data, by layer and member.
    fates: Vec<HashMap<u32, Fate>>,
}

impl Waste {
    /// Counts what `inventory` ships in vain; `changes` are those of its tree.
    pub fn of(inventory: &Inventory, changes: &[Vec<Change>]) -> Self {
        let tree = &inventory.tree;
        let mut names: HashMap<Node, Vec<&ImagePath>> = HashMap::new();
        for (path, node) in tree.names().filter(|(_, node)| tree.entry(*node).is_file()) {
            names.entry(node).or_default().push(path);
        }
        let successors = Successors::of(changes);
        let duplicates = duplicates(inventory, &names);
        let mut waste = Self::default();
        waste.layers.resize_with(tree.layers().len(), LayerWaste::default);
        for (layer, members) in (0u32..).zip(tree.layers()) {
            let mut fates = HashMap::new();
            for (member, entry) in (0u32..).zip(members).filter(|(_, entry)| entry.is_file() && entry.size > 0) {
                let node = Node { layer, member };
                let live = names.get(&node).map_or(&[][..], Vec::as_slice);
                let mut kind = kind::of(inventory, node, live);
                let fate = if live.is_empty() {
                    let (cause, by) = successors.cause(inventory, node);
                    Fate::Hidden(cause, by)
                } else {
                    kind = kind.or_else(|| duplicates.contains_key(&node).then_some(Kind::Duplicate));
                    Fate::Live(kind)
                };
                let own = [&entry.path];
                let is_owned = (if live.is_empty() { &own[..] } else { live })
                    .iter()
                    .any(|name| inventory.owned.owner(name).is_some());
                waste.count(layer, entry.size, fate, kind, is_owned);
                fates.insert(member, fate);
            }
            waste.fates.push(fates);
        }
        waste.sum_up(inventory);
        waste
    }

    /// What became of a file; `None` for what has no data.
    pub(super) fn fate(&self, node: Node) -> Option<Fate> {
        self.fates.get(node.layer as usize)?.get(&node.member).copied()
    }

    /// Everything no container sees: what could be reclaimed.
    pub fn reclaimable(&self) -> Heap {
        sum(self.hidden.values())
    }

    /// Everything a container sees and can do without.
    pub fn removable_in_all(&self) -> Heap {
        sum(self.removable.values())
    }

    fn count(&mut self, layer: u32, bytes: u64, fate: Fate, kind: Option<Kind>, is_owned: bool) {
        // what no layer takes away never came to be in its own
        if let Fate::Hidden(_, by) = fate
            && let Some(hider) = self.layers.get_mut(by.unwrap_or(layer) as usize)
        {
            hider.hides.add(bytes);
        }
        let Some(of_layer) = self.layers.get_mut(layer as usize) else { return };
        of_layer.shipped.add(bytes);
        let [foreign, owned] = &mut of_layer.owners;
        let (of_owner_hidden, of_owner_removable) = if is_owned { owned } else { foreign };
        match fate {
            Fate::Live(None) => self.visible.add(bytes),
            Fate::Live(Some(kind)) => {
                self.visible.add(bytes);
                of_layer.removable.entry(kind).or_default().add(bytes);
                of_owner_removable.add(bytes);
            }
            Fate::Hidden(cause, _) => {
                of_layer.hidden.entry(cause).or_default().add(bytes);
                of_owner_hidden.add(bytes);
                if let Some(kind) = kind {
                    of_layer.hidden_kinds.entry(kind).or_default().add(bytes);
                }
            }
        }
    }

    /// Adds up the layers, each with what it is stored in.
    fn sum_up(&mut self, inventory: &Inventory) {
        let mut owners: BTreeMap<(u8, bool), OwnerWaste> = BTreeMap::new();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let summary = inventory.layers.get(index);
            let (stored, size) = summary.map_or((0, 0), |summary| (summary.stored, summary.size));
            layer.estimate(stored, size);
            self.shipped.merge(layer.shipped);
            for (cause, heap) in &layer.hidden {
                self.hidden.entry(*cause).or_default().merge(*heap);
            }
            for (kind, heap) in &layer.removable {
                self.removable.entry(*kind).or_default().merge(*heap);
            }
            for (kind, heap) in &layer.hidden_kinds {
                self.hidden_kinds.entry(*kind).or_default().merge(*heap);
            }
            let origin = summary.map_or(Origin::Unknown, |summary| summary.origin);
            for (packaged, (hidden, removable)) in [false, true].into_iter().zip(layer.owners) {
                let of_owner = owners.entry((origin as u8, packaged)).or_insert(OwnerWaste {
                    origin,
                    packaged,
                    hidden: Heap::default(),
                    removable: Heap::default(),
                });
                of_owner.hidden.merge(hidden);
                of_owner.removable.merge(removable);
            }
        }
        self.visible.compressed = self.shipped.compressed.saturating_sub(self.reclaimable().compressed);
        self.owners =
            owners.into_values().filter(|owner| owner.hidden.files > 0 || owner.removable.files > 0).collect();
    }
}

fn sum<'a>(heaps: impl Iterator<Item = &'a Heap>) -> Heap {
    let mut all = Heap::default();
    heaps.for_each(|heap| all.merge(*heap));
    all
}

/// Live files, no part of another kind, that hold the same as one whose first name comes before theirs.
fn duplicates(inventory: &Inventory, names: &HashMap<Node, Vec<&ImagePath>>) -> HashMap<Node, Node> {
    if !inventory.contents.is_known() {
        return HashMap::new();
    }
    let mut first: HashMap<(u64, u128), Node> = HashMap::new();
    let mut duplicates = HashMap::new();
    // in order of names, so that which copy counts does not change from run to run
    for (path, node) in inventory.tree.names() {
        let Some(names) = names.get(&node).filter(|names| names.first() == Some(&path)) else { continue };
        let size = inventory.tree.entry(node).size;
        let Some(mark) = inventory.contents.mark(node).filter(|_| size > 0) else { continue };
        if kind::of(inventory, node, names).is_some() {
            continue;
        }
        match first.entry((size, mark)) {
            std::collections::hash_map::Entry::Occupied(known) => {
                duplicates.insert(node, *known.get());
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(node);
            }
        }
    }
    duplicates
}

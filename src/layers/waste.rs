//! Bytes shipped in vain, to the byte: what all layers hold less what a container sees.
//!
//! Counted is the data of regular files, holes of sparse ones included: what an image has that is squashed to one
//! layer. A file with several names counts once. Names, folders, links and what tar adds do not count.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::inventory::{Inventory, Origin};
use crate::path::ImagePath;
use crate::tree::{Change, Node};

use super::kind::{self, Kind};

/// Why no container sees a file that is shipped. Each hidden file has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A later layer deleted it.
    Deleted,
    /// A later layer stores the same bytes under its name: owner, mode or time changed, or nothing.
    Copied,
    /// A later layer put something else under its name.
    Replaced,
    /// Its own layer holds the name again, or takes it away.
    Repeated,
    /// Markers with content, and files that no name could be made for.
    Unplaced,
}

impl Cause {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Deleted, Self::Copied, Self::Replaced, Self::Repeated, Self::Unplaced];

    /// What reports call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Deleted => "deleted by a later layer",
            Self::Copied => "stored again with the same content",
            Self::Replaced => "replaced by other content",
            Self::Repeated => "held twice by one layer",
            Self::Unplaced => "reached by no name",
        }
    }
}

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

    /// Takes the share of a layer of `size` bytes that is stored in `stored`.
    fn estimate(&mut self, stored: u64, size: u64) {
        let share = u128::from(self.bytes).saturating_mul(u128::from(stored)).checked_div(u128::from(size));
        self.compressed = share.and_then(|share| u64::try_from(share).ok()).unwrap_or(self.bytes);
    }
}

/// What one layer ships in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerWaste {
    /// Its files with data.
    pub shipped: Heap,
    /// Those no container sees, by why.
    pub hidden: BTreeMap<Cause, Heap>,
    /// Of lower layers, what it is that hides.
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
        let heaps = self.hidden.values_mut().chain(self.removable.values_mut()).chain(self.hidden_kinds.values_mut());
        let owners = self.owners.iter_mut().flat_map(|(hidden, removable)| [hidden, removable]);
        for heap in heaps.chain(owners).chain([&mut self.shipped]) {
            heap.estimate(stored, size);
        }
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
        let successors = successors(changes);
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
                    hidden(inventory, node, &successors)
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
        if let Fate::Hidden(_, Some(by)) = fate
            && by != layer
            && let Some(hider) = self.layers.get_mut(by as usize)
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

/// What took the place of a node, by the layer that did it.
fn successors(changes: &[Vec<Change>]) -> HashMap<(Node, u32), Option<Node>> {
    let mut successors = HashMap::new();
    for (layer, changes) in (0u32..).zip(changes) {
        for change in changes {
            if let Some(before) = change.before {
                // of several names one that has a successor tells
                let known = successors.entry((before, layer)).or_insert(change.after);
                *known = known.or(change.after);
            }
        }
    }
    successors
}

/// Why a file is hidden.
fn hidden(inventory: &Inventory, node: Node, successors: &HashMap<(Node, u32), Option<Node>>) -> Fate {
    let tree = &inventory.tree;
    let Some(hidden) = tree.hidden(node).filter(|_| !tree.entry(node).is_marker()) else {
        return Fate::Hidden(Cause::Unplaced, None);
    };
    let by = hidden.by_layer;
    let successor = successors.get(&(node, by)).copied();
    let cause = match successor {
        // nothing that was there before the layer
        None | Some(_) if by == node.layer => Cause::Repeated,
        Some(Some(after)) => {
            let (old, new) = (tree.entry(node), tree.entry(after));
            let mark = inventory.contents.mark(node);
            let is_same =
                new.is_file() && old.size == new.size && mark.is_some() && mark == inventory.contents.mark(after);
            if is_same { Cause::Copied } else { Cause::Replaced }
        }
        Some(None) | None => Cause::Deleted,
    };
    Fate::Hidden(cause, Some(by))
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

//! What each layer brings and takes away, and what an image ships in vain; see `docs/formats/layers.md`.

mod content;
pub mod dive;
pub mod dive_ci;
mod files;
mod kind;
#[cfg(test)]
mod tests;
pub mod waste;

use crate::digest::Digest;
use crate::inventory::{Inventory, Origin, chain_ids};
use crate::limitation::Limitation;
use crate::report::TargetSummary;
use crate::secret;
use crate::time::Timestamp;
use crate::tree::{Change, FileKind, Members, Node, Tree};

pub use crate::inventory::Cause;
pub use content::{CONTENT, TWINS};
pub use files::{Doing, FileRow, Shown, Wish};
pub use kind::Kind;
pub use waste::{Heap, LayerWaste, OwnerWaste, Waste};

/// One image, layer by layer.
#[derive(Debug)]
pub struct Layered {
    /// What was looked at.
    pub target: TargetSummary,
    /// Build steps, oldest first, those without a layer too; then layers that no step tells of.
    pub steps: Vec<Step>,
    /// What is shipped in vain.
    pub waste: Waste,
    /// The figures of dive, for those who gate on them.
    pub dive: dive::Figures,
    /// Files, where they were asked for.
    pub files: Option<Vec<FileRow>>,
    /// What was not read, sorted.
    pub limitations: Vec<Limitation>,
}

/// One build step, or one layer that no step tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Index of the history entry, from 0.
    pub history: Option<u32>,
    /// The step, freed of what builders add, secrets masked; not escaped.
    pub created_by: Option<String>,
    /// When it ran, as the history says.
    pub created: Option<Timestamp>,
    /// The layer it made.
    pub layer: Option<LayerRow>,
}

/// What one layer holds and does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRow {
    /// Place from the bottom, from 0.
    pub index: u32,
    /// Whose it is.
    pub origin: Origin,
    /// Digest of the blob.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<Digest>,
    /// Chain ID of it and all layers below (image-spec config.md, Layer `ChainID`).
    pub chain_id: Option<Digest>,
    /// Bytes of the blob as stored.
    pub stored: u64,
    /// Bytes of the uncompressed tar.
    pub size: u64,
    /// Names it adds; folders are not counted, here and below.
    pub added: u64,
    /// Names it makes lead to something else.
    pub changed: u64,
    /// Names it takes away.
    pub removed: u64,
}

/// Bytes of the files in all layers, and of those that a container sees, each counted once.
pub fn bytes(tree: &Tree) -> (u64, u64) {
    let sizes = |members: &Members| -> Vec<u64> {
        members.iter().map(|entry| if entry.is_file() { entry.size } else { 0 }).collect()
    };
    let mut unseen: Vec<Vec<u64>> = tree.layers().iter().map(sizes).collect();
    let shipped = unseen.iter().flatten().copied().fold(0, u64::saturating_add);
    let mut visible = 0_u64;
    for (_, node) in tree.names() {
        let size = unseen.get_mut(node.layer as usize).and_then(|layer| layer.get_mut(node.member as usize));
        visible = visible.saturating_add(size.map(std::mem::take).unwrap_or_default());
    }
    (shipped, visible)
}

/// Looks at an image that was read with [`CONTENT`] among the collectors.
pub fn look(mut inventory: Inventory, target: TargetSummary, wish: &Wish) -> Layered {
    let tree = &inventory.tree;
    let changes = tree.changes();
    let waste = Waste::of(&inventory, &changes);
    let files = wish.files.then(|| files::rows(&inventory, &changes, &waste, wish));
    let dive = dive::Figures::of(tree);
    let steps = steps(&inventory, &changes);
    let limitations = std::mem::take(&mut inventory.limitations);
    Layered { target, steps, waste, dive, files, limitations }
}

fn steps(inventory: &Inventory, changes: &[Vec<Change>]) -> Vec<Step> {
    let echo = secret::Echo::of(inventory.config.as_ref(), &inventory.annotations);
    let diff_ids: Vec<Option<&Digest>> = inventory.layers.iter().map(|layer| layer.diff_id.as_ref()).collect();
    let chains = chain_ids(&diff_ids);
    let row = |index: usize| {
        let layer = inventory.layers.get(index)?;
        let mut row = LayerRow {
            index: layer.index,
            origin: layer.origin,
            digest: layer.digest.clone(),
            diff_id: layer.diff_id.clone(),
            chain_id: chains.get(index).cloned(),
            stored: layer.stored,
            size: layer.size,
            added: 0,
            changed: 0,
            removed: 0,
        };
        for change in changes.get(index).into_iter().flatten() {
            let count = match doing(&inventory.tree, change) {
                None => continue,
                Some(Doing::Added) => &mut row.added,
                Some(Doing::Changed) => &mut row.changed,
                Some(Doing::Removed) => &mut row.removed,
            };
            *count = count.saturating_add(1);
        }
        Some(row)
    };
    let history = inventory.config.as_ref().map_or(&[][..], |config| &config.history);
    let of_history = (0u32..).zip(history).map(|(index, entry)| Step {
        history: Some(index),
        created_by: Some(echo.mask(&entry.instruction())).filter(|text| !text.is_empty()),
        created: entry.created.as_ref().and_then(|text| text.parse().ok()),
        layer: inventory.layers.iter().position(|layer| layer.history == Some(index)).and_then(row),
    });
    let mut steps: Vec<Step> = of_history.collect();
    let others = inventory.layers.iter().enumerate().filter(|(_, layer)| layer.history.is_none());
    steps.extend(others.map(|(index, _)| Step { history: None, created_by: None, created: None, layer: row(index) }));
    steps
}

/// What a change does to a file; `None` where folders alone are concerned.
fn doing(tree: &Tree, change: &Change) -> Option<Doing> {
    let is_file = |node: &Option<Node>| node.is_some_and(|node| tree.entry(node).kind != FileKind::Directory);
    match (is_file(&change.before), is_file(&change.after)) {
        (false, false) => None,
        (false, true) => Some(Doing::Added),
        (true, true) => Some(Doing::Changed),
        (true, false) => Some(Doing::Removed),
    }
}

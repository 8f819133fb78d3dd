//! Why no container sees a file that is shipped.

use std::collections::HashMap;

use serde::Serialize;

use crate::tree::{Change, Node};

use super::Inventory;

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

/// What took the place of each node, by the layer that did it.
#[derive(Debug, Default)]
pub struct Successors(HashMap<(Node, u32), Option<Node>>);

impl Successors {
    /// Of the changes of each layer, as [`crate::tree::Tree::changes`] tells them.
    pub fn of(changes: &[Vec<Change>]) -> Self {
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
        Self(successors)
    }

    /// Why a file is hidden, and by which layer, where one hides it.
    pub fn cause(&self, inventory: &Inventory, node: Node) -> (Cause, Option<u32>) {
        let tree = &inventory.tree;
        let Some(hidden) = tree.hidden(node).filter(|_| !tree.entry(node).is_marker()) else {
            return (Cause::Unplaced, None);
        };
        let by = hidden.by_layer;
        let cause = match self.0.get(&(node, by)).copied() {
            // nothing that was there before the layer
            None | Some(_) if by == node.layer => Cause::Repeated,
            Some(Some(after)) if is_same(inventory, node, after) => Cause::Copied,
            Some(Some(_)) => Cause::Replaced,
            Some(None) | None => Cause::Deleted,
        };
        (cause, Some(by))
    }
}

/// Whether two files hold the same; where nobody looked at contents, that is guessed by size and time.
fn is_same(inventory: &Inventory, a: Node, b: Node) -> bool {
    let (old, new) = (inventory.tree.entry(a), inventory.tree.entry(b));
    if !new.is_file() || old.size != new.size {
        return false;
    }
    inventory.contents.are_same(a, b).unwrap_or(old.mtime == new.mtime)
}

//! Which files hold the same bytes.

use crate::tree::{Node, Tree};

/// A mark of the content of each file: the first half of a SHA-256.
#[derive(Debug, Default)]
pub struct Contents(Vec<Vec<u128>>);

impl Contents {
    /// Room for the files of `tree`; blank until [`set`](Self::set).
    pub fn of(tree: &Tree) -> Self {
        Self(tree.layers().iter().map(|members| vec![0; members.len()]).collect())
    }

    /// Notes the mark of a file.
    pub fn set(&mut self, node: Node, mark: u128) {
        let place = self.0.get_mut(node.layer as usize).and_then(|layer| layer.get_mut(node.member as usize));
        if let Some(place) = place {
            *place = mark;
        }
    }

    /// Whether contents were looked at.
    pub fn is_known(&self) -> bool {
        !self.0.is_empty()
    }

    /// The mark of a file; files of one size with one mark hold the same. `None` where nobody looked.
    pub fn mark(&self, node: Node) -> Option<u128> {
        self.0.get(node.layer as usize)?.get(node.member as usize).copied()
    }
}

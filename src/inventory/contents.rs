//! Which files hold the same bytes.

use std::collections::BTreeMap;

use crate::tree::{Node, Tree};

/// A mark of the content of files: the first half of a SHA-256.
#[derive(Debug)]
pub enum Contents {
    /// Of those alone that another may equal; nothing where nobody asked.
    Some(BTreeMap<Node, u128>),
    /// Of every file, by layer and member.
    All(Vec<Vec<u128>>),
}

impl Default for Contents {
    fn default() -> Self {
        Self::Some(BTreeMap::new())
    }
}

impl Contents {
    /// Room for all files of `tree`; blank until [`set`](Self::set).
    pub fn of(tree: &Tree) -> Self {
        Self::All(tree.layers().iter().map(|members| vec![0; members.len()]).collect())
    }

    /// Notes the mark of a file.
    pub fn set(&mut self, node: Node, mark: u128) {
        match self {
            Self::Some(marks) => {
                marks.insert(node, mark);
            }
            Self::All(layers) => {
                let place = layers.get_mut(node.layer as usize).and_then(|layer| layer.get_mut(node.member as usize));
                if let Some(place) = place {
                    *place = mark;
                }
            }
        }
    }

    /// Whether all contents were looked at.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::All(layers) if !layers.is_empty())
    }

    /// The mark of a file; files of one size with one mark hold the same. `None` where nobody looked.
    pub fn mark(&self, node: Node) -> Option<u128> {
        match self {
            Self::Some(marks) => marks.get(&node).copied(),
            Self::All(layers) => layers.get(node.layer as usize)?.get(node.member as usize).copied(),
        }
    }

    /// Whether two files of one size hold the same; `None` where nobody looked at one of them.
    pub fn are_same(&self, a: Node, b: Node) -> Option<bool> {
        Some(self.mark(a)? == self.mark(b)?)
    }
}

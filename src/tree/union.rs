//! Applies layers one over the other (image-spec layer.md, Applying Changesets).

use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::path::ImagePath;

use super::{FileEntry, Hidden, Node};

/// The merged file system, and what every layer held.
#[derive(Debug, Default)]
pub struct Tree {
    layers: Vec<Vec<FileEntry>>,
}

impl Tree {
    /// Applies `layers` in order, oldest first. Oddities become limitations of the second value.
    pub fn union(layers: Vec<Vec<FileEntry>>, limits: &Limits) -> (Self, Vec<Limitation>) {
        let _ = limits;
        (Self { layers }, Vec::new())
    }

    /// Members of each layer, in archive order; [`Node::member`] counts in these.
    pub fn layers(&self) -> &[Vec<FileEntry>] {
        &self.layers
    }

    /// The member a node stands for.
    pub fn entry(&self, node: Node) -> &FileEntry {
        &self.layers[node.layer as usize][node.member as usize]
    }

    /// Live names with their nodes, in order of their bytes, folder before content; the root itself is not listed.
    pub fn names(&self) -> impl Iterator<Item = (&ImagePath, Node)> {
        std::iter::empty()
    }

    /// The live names of a node, in order.
    pub fn names_of(&self, node: Node) -> &[ImagePath] {
        let _ = node;
        &[]
    }

    /// What `path` names, the last component not followed if it is a link.
    pub fn get(&self, path: &ImagePath) -> Option<Node> {
        let _ = path;
        None
    }

    /// Live names directly in `folder` (which is not followed), in order.
    pub fn children(&self, folder: &ImagePath) -> Vec<(ImagePath, Node)> {
        let _ = folder;
        Vec::new()
    }

    /// Which layer hid a node; `None` while some live name reaches it.
    pub fn hidden(&self, node: Node) -> Option<Hidden> {
        let _ = node;
        None
    }
}

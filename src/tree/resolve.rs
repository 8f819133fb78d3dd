//! Follows symbolic links inside the image, never outside it.

use crate::path::ImagePath;

use super::{Node, Tree};

impl Tree {
    /// Follows all links of `path`, clamped at the root, at most 40 of them as in Linux.
    ///
    /// The real path and its node; the root is no node.
    pub fn resolve(&self, path: &ImagePath) -> Option<(ImagePath, Node)> {
        let _ = path;
        None
    }
}

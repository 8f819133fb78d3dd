//! What npm says of a folder of packages.

use crate::path::ImagePath;

/// A `node_modules` that npm installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmInstall {
    /// The folder.
    pub modules: ImagePath,
    /// Folders of packages that only development needs.
    pub development: Vec<ImagePath>,
}

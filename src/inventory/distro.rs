//! The distribution an image is built on, from `os-release`.

use crate::path::ImagePath;

/// What `os-release` says (freedesktop os-release(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distro {
    /// `ID`, lower case: `debian`, `alpine`, `rhel`.
    pub id: String,
    /// `ID_LIKE`, split at blanks.
    pub id_like: Vec<String>,
    /// `VERSION_ID`; empty on rolling releases.
    pub version_id: String,
    /// `VERSION_CODENAME`.
    pub codename: String,
    /// `PRETTY_NAME`, or `NAME` and version.
    pub name: String,
    /// Where it was read.
    pub path: ImagePath,
    /// The layer that brought it.
    pub layer: u32,
}

impl Default for ImagePath {
    fn default() -> Self {
        Self::root()
    }
}

//! A place opened to be written anew: its documents in their own bytes, its blobs, and the images that were asked for.

use crate::image::Image;

use super::store::Store;

/// What a place holds, as it is stored.
pub struct Raw {
    /// What kind of place.
    pub kind: RawKind,
    /// Its documents and blobs.
    pub store: Box<dyn Store + Send + Sync>,
    /// The images that were asked for, as [`Source::open`](super::Source::open) gives them.
    pub images: Vec<Image>,
}

/// Kinds of places that can be read at will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawKind {
    /// An archive with a `manifest.json`; a layout as well, if it has an `index.json`.
    DockerArchive,
    /// A layout in a tar.
    OciArchive,
    /// A layout in a folder.
    OciDir,
    /// A registry; the store shows it as a layout, whose index names the one document of the reference.
    Registry {
        /// The host, as in references.
        host: String,
        /// The repository.
        repository: String,
        /// The tag, where no digest was given.
        tag: Option<String>,
    },
}

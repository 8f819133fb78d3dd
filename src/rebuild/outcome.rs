//! What a rebuild is asked for and what it did.

use std::sync::Arc;

use serde::Serialize;

use crate::digest::{DiffId, Digest};
use crate::image::Platform;
use crate::limit::Limits;
use crate::pass::tar::Mark;
use crate::source::Access;

use super::{Edits, Excised, Notice};

/// The edits of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageEdits {
    /// Digest of the configuration of the input's image. Manifests that share it are edited alike.
    pub image: Digest,
    /// What is to be changed.
    pub edits: Edits,
}

/// How to rebuild.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Digest of the plan, kept in the annotation `dev.careen.plan` where something changed.
    pub plan: Option<Digest>,
    /// Leaves out layers that the edits emptied; their build steps become steps without a layer.
    pub drop_empty_layers: bool,
    /// Allows to write over the file or the tag that the image was read from.
    pub in_place: bool,
    /// The caps.
    pub limits: &'a Limits,
    /// What registries need.
    pub access: &'a Access,
}

/// What a rebuild did.
pub struct Rebuilt {
    /// The images that were asked for, in the order of [`super::Bundle::images`].
    pub images: Vec<RebuiltImage>,
    /// Whether any document or layer of any image differs from the input. If not, all digests are the same.
    pub is_changed: bool,
    /// Digest of the index above the images, where the input has one, before and after.
    pub index: Option<(Digest, Digest)>,
    /// Bytes of all blobs written, of the input and of the output.
    pub size: (u64, u64),
    /// What must be nowhere in the output.
    pub excised: Vec<Excised>,
    /// What did not carry over.
    pub notices: Vec<Notice>,
}

/// One image before and after.
#[derive(Debug, Clone, Serialize)]
pub struct RebuiltImage {
    /// Operating system and architecture.
    pub platform: Option<Platform>,
    /// Names it has in the output.
    pub names: Vec<String>,
    /// Of the input.
    pub before: Digests,
    /// Of the output.
    pub after: Digests,
    /// All layers of the output and those that were left out, from the bottom.
    pub layers: Vec<LayerChange>,
}

impl RebuiltImage {
    /// Whether its configuration or a layer differs from the input's.
    pub fn is_changed(&self) -> bool {
        self.before.config != self.after.config || self.layers.iter().any(|layer| layer.before != layer.after)
    }
}

/// Digests of an image's documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// Of the configuration: Docker's image ID.
    pub config: Digest,
    /// Of the manifest; old docker archives have none.
    pub manifest: Option<Digest>,
}

/// One layer before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerChange {
    /// Its place in the input; a new one on top has the place behind the last.
    pub index: u32,
    /// In the input; none of a new one.
    pub before: Option<LayerState>,
    /// In the output; none if it was left out.
    pub after: Option<LayerState>,
    /// Of a layer that was written anew: a mark of each member that the old one had, in its order.
    #[serde(skip)]
    pub marks: Arc<[Mark]>,
}

/// What identifies a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerState {
    /// Digest of the blob as stored.
    pub digest: Digest,
    /// Bytes of the blob as stored.
    pub size: u64,
    /// Digest of the uncompressed tar.
    pub diff_id: DiffId,
}

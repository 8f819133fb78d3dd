//! An opened image: its documents read and checked, its layers not yet read.

pub mod config;
pub mod history;
pub mod manifest;
pub mod platform;
pub mod reference;
mod spelling;
pub mod texts;
pub mod verification;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use crate::digest::{DiffId, Digest};
use crate::error::Result;
use crate::limitation::Limitation;

pub use config::ImageConfig;
pub use history::{FIX_STEP, HistoryEntry};
pub use manifest::Descriptor;
pub use platform::Platform;

/// One image for one platform, opened: what it consists of, with the layers still to be read.
#[derive(Debug)]
pub struct Image {
    /// What the user asked for, and where it was found.
    pub target: Target,
    /// The configuration; a bare root file system (`dir:`) has none.
    pub config: Option<ImageConfig>,
    /// Annotations of the manifest, and below them those of its descriptor in the index.
    pub annotations: BTreeMap<String, String>,
    /// Oldest first, as in `rootfs.diff_ids`.
    pub layers: Vec<Layer>,
    /// What opening it could not read or verify.
    pub limitations: Vec<Limitation>,
}

/// What names an image in a report.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// As the user wrote it, without credentials.
    pub reference: String,
    /// The id of the source, such as `docker-archive`.
    pub source: &'static str,
    /// Operating system and architecture, from the configuration.
    pub platform: Option<Platform>,
    /// Digest of the manifest, where there is one.
    pub digest: Option<Digest>,
    /// Digests of the indexes that led to the manifest, the outermost first: what is said of them is said of it too.
    pub indexes: Vec<Digest>,
    /// Digest of the configuration: Docker's image ID.
    pub config_digest: Option<Digest>,
    /// Names the archive or index gives the image, such as `shop/api:1.4`.
    pub tags: Vec<String>,
}

/// One changeset of an image.
#[derive(Debug)]
pub struct Layer {
    /// Place from the bottom, from 0.
    pub index: u32,
    /// Media type, where a manifest states it.
    pub media_type: Option<String>,
    /// Digest of the blob as stored, where a manifest states it.
    pub digest: Option<Digest>,
    /// Size of the blob as stored, in bytes, where a manifest states it.
    pub size: Option<u64>,
    /// Digest of the uncompressed tar, where a configuration states it.
    pub diff_id: Option<DiffId>,
    /// The history entry that made it.
    pub history: Option<u32>,
    /// Whether its descriptor names other hosts that keep it, or a media type of such layers.
    pub is_foreign: bool,
    /// Its bytes.
    pub blob: Arc<dyn Blob>,
}

/// The bytes of a layer, wherever they are.
pub trait Blob: std::fmt::Debug + Send + Sync {
    /// Starts reading from the first byte. Readers may block; they are dropped when done, read to the end or not.
    fn open(&self) -> Result<Box<dyn Read + Send + '_>>;

    /// Bytes as stored, where that is known before reading. Used to read the largest layer first.
    fn size(&self) -> Option<u64>;

    /// Tells the blob from others of its image where no digest does: its offset and size in the one
    /// file that holds them all. Equal answers are equal bytes.
    fn identity(&self) -> Option<(u64, u64)> {
        None
    }

    /// Whether [`open`](Self::open) works more than once.
    fn is_replayable(&self) -> bool {
        true
    }

    /// Whether reading it once more costs no more than time.
    fn is_at_hand(&self) -> bool {
        self.is_replayable()
    }

    /// What reading left out, asked after reading; a folder has files that cannot be opened.
    fn limitations(&self) -> Vec<Limitation> {
        Vec::new()
    }
}

/// Bytes in memory are a blob: tests and small archives.
impl Blob for Vec<u8> {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.as_slice()))
    }

    fn size(&self) -> Option<u64> {
        Some(self.len() as u64)
    }
}

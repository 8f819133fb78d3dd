//! An image as it is stored: every document in its own bytes, and the blobs that they name.

use crate::error::{Error, ErrorKind, Result};
use crate::image::Image;
use crate::source::{Request, Source};

/// The images that were asked for, with the index above them and what else it lists.
pub struct Bundle {
    images: Vec<Image>,
}

impl Bundle {
    /// Opens what `request` asks for. The source must be one that can be read at will: a stream is written to a
    /// file by the caller first.
    pub fn open(source: &dyn Source, request: &Request<'_>) -> Result<Self> {
        let _ = (source, request);
        Err(Error::new(ErrorKind::Internal, "not there yet"))
    }

    /// The images that were asked for, as [`Source::open`] gives them.
    pub fn images(&self) -> &[Image] {
        &self.images
    }
}

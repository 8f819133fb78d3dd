//! What is attached to an image where it is pushed to.

use crate::digest::Digest;

/// A manifest that something is attached to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its digest.
    pub digest: &'a Digest,
    /// Its media type.
    pub media_type: &'a str,
    /// Its size in bytes.
    pub size: u64,
}

/// A document that is attached to a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Attachment<'a> {
    /// What it is, as the list of referrers says.
    pub artifact_type: &'a str,
    /// Its media type.
    pub media_type: &'a str,
    /// What else the list and its descriptor say.
    pub annotations: &'a [(&'a str, &'a str)],
    /// Its bytes.
    pub bytes: &'a [u8],
}

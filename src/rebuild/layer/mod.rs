//! Copies one layer with its edits: members that stay keep every byte, in their order.

use std::fmt;
use std::io::Write;

use crate::digest::{DiffId, Digest};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Blob;
use crate::limit::Limits;

use super::{Edit, Encoding, Excised, Member, Notice};

/// A layer as it was written.
pub struct Rewritten {
    /// Of the blob that was read: what the plan was made from, if the descriptor says the same.
    pub before: Digest,
    /// Of the blob written.
    pub digest: Digest,
    /// Bytes of the blob written.
    pub size: u64,
    /// Of its uncompressed tar.
    pub diff_id: DiffId,
    /// Bytes of its uncompressed tar.
    pub expanded: u64,
    /// How it is compressed: the media type must say the same.
    pub encoding: Encoding,
    /// Members left out.
    pub dropped: u64,
    /// Members written with another header or content.
    pub changed: u64,
    /// Members that an edit of another one changed, in archive order.
    pub followed: Vec<Followed>,
    /// Bytes that must be nowhere in the output.
    pub excised: Vec<Excised>,
    /// What else a person should know.
    pub notices: Vec<Notice>,
}

/// A member changed because it is another name of one that was edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its index in the layer that was read.
    pub member: u32,
    /// Its path, escaped as in reports.
    pub path: String,
    /// What became of it.
    pub how: How,
}

/// What became of a hard link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is now the file itself: header and content are those of this member, which was dropped.
    Became(u32),
    /// It now names another link to the same file.
    Repointed,
    /// Its header was changed as that of the file was.
    Header,
}

impl fmt::Debug for Rewritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewritten")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .field("diff_id", &self.diff_id)
            .field("expanded", &self.expanded)
            .field("dropped", &self.dropped)
            .field("changed", &self.changed)
            .field("followed", &self.followed)
            .field("excised", &self.excised.len())
            .field("notices", &self.notices)
            .finish_non_exhaustive()
    }
}

/// Writes the layer in `blob` to `out` with `edits`, which are those of its members.
///
/// The blob is read once, and again where a hard link takes the place of a large file. An error when
/// the edits and the layer do not belong together, or when an edit cannot be carried out as meant.
pub fn rewrite(
    blob: &dyn Blob,
    edits: &[&Edit],
    encoding: Encoding,
    limits: &Limits,
    out: &mut dyn Write,
) -> Result<Rewritten> {
    let _ = (blob, edits, encoding, limits, out);
    Err(Error::new(ErrorKind::Internal, "not there yet"))
}

/// Writes the layer that goes on top: whiteouts first, then folders and files, each sorted by path.
///
/// `read` gives the content of a file of the input. The same edits give the same bytes.
pub fn top_layer(
    edits: &[&Edit],
    read: &mut dyn FnMut(&Member) -> Result<Vec<u8>>,
    encoding: Encoding,
    out: &mut dyn Write,
) -> Result<Rewritten> {
    let _ = (edits, read, encoding, out);
    Err(Error::new(ErrorKind::Internal, "not there yet"))
}

/// Reads the content of a regular file of at most `most` bytes.
pub fn read_member(blob: &dyn Blob, member: &Member, most: u64, limits: &Limits) -> Result<Vec<u8>> {
    let _ = (blob, member, most, limits);
    Err(Error::new(ErrorKind::Internal, "not there yet"))
}

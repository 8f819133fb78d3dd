//! Copies one layer with its edits: members that stay keep every byte, in their order.
//!
//! [`TarReader`] numbers and names the members, for the rewrite as for the scan, and keeps the raw
//! bytes before each; nothing of a header is put together again but where an edit asks for it. The
//! archive ends with two blocks of zeros, and nothing follows them. What stands between members
//! (global headers, labels) stays when the member behind it goes and another one follows; what belongs to a member goes with it.
//!
//! Hard links: a link to a dropped file is another name of it, so the first that stays becomes the
//! file, and later ones are led to that. Links are followed within the layer and as of that point of
//! the archive. If a link's target may be a dropped name only by way of a link to a folder, the
//! rewrite is refused: a layer alone does not tell.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod again;
mod content;
mod copy;
mod header;
#[cfg(test)]
mod laws;
mod links;
mod plan;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod top;

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read as _, Write};
use std::rc::Rc;

use crate::digest::{Algorithm, DiffId, Digest, HashingReader};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Blob;
use crate::limit::Limits;
use crate::pass::decode::{self, DecodeError, DecodeErrorKind};
use crate::pass::tar::{Mark, TarError, TarErrorKind, TarReader};
use crate::size::ByteSize;
use crate::tree::FileKind;

use super::blocks::{Blocks, Watched};
use super::encode::{Encoded, Encoder};
use super::{Edit, Encoding, Excised, Member, Notice};
pub use content::{Collector, MOST_EXCISED, lock_password, mend};
use copy::Copying;
pub use top::top_layer;

/// A layer as it was written.
pub struct Rewritten {
    /// SHA-256 of the blob that was read, which its descriptor must have said. A new layer has none.
    pub before: Option<Digest>,
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
    /// A mark of each member that was read; where the content was not taken raw, as of what is changed, without one of that.
    pub marks: Vec<Mark>,
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
    let planned = plan::gather(edits)?;
    let blocks = Rc::new(RefCell::new(Blocks::default()));
    if !matches!(encoding, Encoding::Gzip { .. }) {
        blocks.borrow_mut().stop();
    }
    let watched = Watched { inner: blob.open()?, blocks: Rc::clone(&blocks) };
    let stored = HashingReader::new(watched, Algorithm::Sha256);
    let decoder = decode::open(stored, limits).map_err(unreadable)?;
    let compression = decoder.compression();
    let mut members = TarReader::new(decoder, limits);
    members.keep_marks();
    let mut copying = Copying::new(planned, blob, limits, Encoder::new(encoding, out)?.reusing(blocks));
    copying.all(&mut members)?;
    let marks = members.take_marks();

    let finished = members.finish();
    if let Some(error) = finished.error {
        return Err(unreadable_tar(&error));
    }
    let (encoded, mut told) = copying.finish()?;
    // what follows the compressed data belongs to the blob's digest too
    let (before, _) = finished.reader.into_inner().finish_all().map_err(unreadable)?;
    let behind = finished.anomalies.iter().find(|anomaly| anomaly.code == "data-after-end");
    told.notices.extend(
        behind.map(|anomaly| Notice::new("data-after-end-dropped", "", format!("{}; they are left out", anomaly.what))),
    );
    if compression != encoding.compression() {
        let what = format!("the layer was compressed as {compression}, and is now {}", encoding.compression());
        told.notices.push(Notice::new("layer-recompressed", "", what));
    }
    told.marks = marks;
    Ok(told.into_rewritten(encoded, Some(before), encoding))
}

/// Reads the contents of regular files of at most `most` bytes each, in one pass where they come in the order of the layer.
pub fn read_members<'m>(
    blob: &dyn Blob,
    members: impl IntoIterator<Item = &'m Member>,
    most: u64,
    limits: &Limits,
    take: &mut dyn FnMut(&'m Member, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut again = again::Again::new(blob, limits);
    for member in members {
        let (entry, reader) = again.member(member.member)?;
        plan::check_path(member.member, &entry.path, &member.path)?;
        if entry.kind != FileKind::File {
            return Err(Error::malformed("what should be read is no regular file").at(entry.path.to_string()));
        }
        if entry.size > most {
            let what = format!("a file of {} is to be changed, more than {}", ByteSize(entry.size), ByteSize(most));
            return Err(Error::new(ErrorKind::Limit, what).at(entry.path.to_string()));
        }
        let mut content = Vec::new();
        reader.take(most).read_to_end(&mut content).map_err(unreadable)?;
        take(member, content)?;
    }
    Ok(())
}

/// What a rewrite told besides the blob.
#[derive(Default)]
struct Told {
    dropped: u64,
    changed: u64,
    followed: Vec<Followed>,
    excised: Vec<Excised>,
    notices: Vec<Notice>,
    marks: Vec<Mark>,
}

impl Told {
    fn into_rewritten(self, encoded: Encoded, before: Option<Digest>, encoding: Encoding) -> Rewritten {
        let Encoded { digest, size, diff_id, expanded } = encoded;
        let Self { dropped, changed, followed, excised, notices, marks } = self;
        Rewritten {
            before,
            digest,
            size,
            diff_id,
            expanded,
            encoding,
            dropped,
            changed,
            followed,
            excised,
            notices,
            marks,
        }
    }
}

/// Why the members of a layer could not be read.
fn unreadable_tar(error: &TarError) -> Error {
    let decode = error.source.as_deref().and_then(DecodeError::of);
    let is_limit =
        error.kind == TarErrorKind::Limit || decode.is_some_and(|error| error.kind == DecodeErrorKind::Limit);
    match (&error.source, decode) {
        _ if is_limit => Error::limit(format!("a layer cannot be rewritten: {error}")),
        (Some(source), None) => Error::io("cannot read a layer", io::Error::new(source.kind(), error.to_string())),
        _ => Error::malformed(format!("a layer cannot be rewritten: {error}")),
    }
}

/// The same, inside or from an `io::Error`.
fn unreadable(error: io::Error) -> Error {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<TarError>()) {
        return unreadable_tar(error);
    }
    match DecodeError::of(&error).map(|error| error.kind) {
        Some(DecodeErrorKind::Limit) => Error::limit("a layer cannot be rewritten").because(error),
        Some(_) => Error::malformed("a layer cannot be rewritten").because(error),
        None => Error::io("cannot read a layer", error),
    }
}

//! Reads members a second time: a link that becomes the file needs header and content of one passed already.

use std::io::Read;

use super::{unreadable, unreadable_tar};
use crate::error::{Error, Result};
use crate::image::Blob;
use crate::limit::Limits;
use crate::pass::decode::{self, Decoder};
use crate::pass::tar::TarReader;
use crate::tree::FileEntry;

/// How often one blob is read from its start. Links mostly stand in the order of their files, so once will do.
const MOST_READS: u32 = 256;

/// A second reader of a blob, which moves forward where it can.
pub(super) struct Again<'a> {
    blob: &'a dyn Blob,
    limits: &'a Limits,
    /// With the index of the member that comes next.
    reader: Option<(Members<'a>, u32)>,
    reads: u32,
}

/// A reader of the members of a blob.
pub(super) type Members<'a> = TarReader<Decoder<Box<dyn Read + Send + 'a>>>;

impl<'a> Again<'a> {
    pub(super) fn new(blob: &'a dyn Blob, limits: &'a Limits) -> Self {
        Self { blob, limits, reader: None, reads: 0 }
    }

    /// A reader that stands at this member, with its head kept.
    pub(super) fn member(&mut self, index: u32) -> Result<(FileEntry, &mut Members<'a>)> {
        if self.reader.as_ref().is_none_or(|(_, next)| *next > index) {
            if !self.blob.is_replayable() {
                return Err(Error::malformed("a hard link takes a file's place, and the layer can be read only once"));
            }
            self.reads = self.reads.saturating_add(1);
            if self.reads > MOST_READS {
                let what = "too many hard links take the place of large files, in an order that needs many reads";
                return Err(Error::malformed(what));
            }
            self.reader = Some((open(self.blob, self.limits)?, 0));
        }
        let changed = || Error::malformed("a layer held other files when it was read again");
        let (reader, next) = self.reader.as_mut().ok_or_else(changed)?;
        loop {
            let entry = reader.next().map_err(|error| unreadable_tar(&error))?.ok_or_else(changed)?;
            let found = *next;
            *next = next.saturating_add(1);
            if found == index {
                return Ok((entry, reader));
            }
        }
    }
}

/// Reads the members of a blob, heads kept.
pub(super) fn open<'a>(blob: &'a dyn Blob, limits: &Limits) -> Result<Members<'a>> {
    let decoder = decode::open(blob.open()?, limits).map_err(unreadable)?;
    let mut members = TarReader::new(decoder, limits);
    members.keep_heads();
    Ok(members)
}

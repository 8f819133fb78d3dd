//! The raw bytes of members, for those who write an archive anew with some members changed: what
//! stands in front of a member's content, piece by piece, and the content with its padding.

use std::io::{self, Read};
use std::ops::Range;

use super::{TarError, TarErrorKind, TarReader, read_error, to_usize};
use crate::digest::{Marking, sha256_bytes};
use crate::size::ByteSize;

/// How many of the largest extension headers may stand before one member, where they are kept.
const EXTENSIONS: u64 = 16;

/// What stands in the archive between the end of one member and the content of the next.
#[derive(Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
    pieces: Vec<(Part, Range<usize>)>,
    pub(super) name: Vec<u8>,
    pub(super) is_sparse: bool,
}

/// What a piece of a head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A block of zeros: a stray one, or of the end marker.
    Zeros,
    /// An extended header of the member (`x`), with its records and padding.
    Records,
    /// A global extended header (`g`).
    Global,
    /// A GNU long name (`L`).
    LongName,
    /// A GNU long link target (`K`).
    LongLink,
    /// The label of a tape (`V`).
    Volume,
    /// The member's own header block.
    Header,
    /// The map of a sparse file, behind the header or at the start of the content.
    Map,
}

/// A piece of a head.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// What it is.
    pub part: Part,
    /// Its bytes, whole blocks.
    pub bytes: &'a [u8],
}

impl Head {
    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The pieces, which together are all bytes. At the end of the archive there is no header among them.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.pieces
            .iter()
            .map(|(part, range)| Piece { part: *part, bytes: self.bytes.get(range.clone()).unwrap_or_default() })
    }

    /// The name that the reader took for the member's, as it is stored.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether the member says of itself that it is a sparse file.
    pub fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.name.clear();
        self.is_sparse = false;
    }
}

/// Tells one member's raw bytes from others'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// SHA-256 of its head.
    pub head: [u8; 32],
    /// SHA-256 of what is stored of its content, with what fills up the last block; `None` unless all of it was taken raw.
    pub stored: Option<[u8; 32]>,
}

/// Marks of the members so far.
#[derive(Default)]
pub(super) struct Marks {
    of: Vec<Mark>,
    /// Of the current member's content, as far as it was taken; `None` if some of it was taken otherwise.
    making: Option<Marking>,
}

impl<R> TarReader<R> {
    /// Leaves the current member without a mark, since some of its content is taken otherwise than raw.
    pub(super) fn drop_mark(&mut self) {
        if let Some(marks) = &mut self.marks {
            marks.making = None;
        }
    }
}

impl<R: Read> TarReader<R> {
    /// Keeps heads, and a mark of each member from now on.
    pub fn keep_marks(&mut self) {
        self.keep_heads();
        self.marks.get_or_insert_default();
    }

    /// The marks of all members since [`keep_marks`](Self::keep_marks), which are kept no more; none if there are more members
    /// than a layer may have.
    pub fn take_marks(&mut self) -> Vec<Mark> {
        self.marks.take().map(|marks| marks.of).unwrap_or_default()
    }

    /// Begins the mark of a member, whose head was read.
    pub(super) fn begin_mark(&mut self) {
        if self.marks.as_ref().is_some_and(|marks| marks.of.len() as u64 >= self.limits.entries) {
            self.marks = None;
        }
        let Some(marks) = &mut self.marks else { return };
        let head = sha256_bytes(self.head.as_ref().map_or(&[], Head::bytes));
        marks.making = Some(Marking::default());
        marks.of.push(Mark { head, stored: None });
        self.end_mark();
    }

    /// Ends the mark of a member if its content is at its end.
    fn end_mark(&mut self) {
        let is_whole = self.body.stored == 0 && self.body.padding == 0;
        if let Some(marks) = self.marks.as_mut().filter(|_| is_whole)
            && let Some(mark) = marks.of.last_mut()
        {
            mark.stored = marks.making.take().map(Marking::finish);
        }
    }

    /// Keeps the bytes in front of each member from now on. They have a cap then.
    pub fn keep_heads(&mut self) {
        self.head.get_or_insert_default();
    }

    /// What stands in front of the current member's content; behind the last member, what stands in
    /// front of the end. `None` without [`keep_heads`](Self::keep_heads).
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Stored bytes of the current member that were not read yet, padding and all, and no holes; empty
    /// at its end.
    ///
    /// Once raw bytes were taken, the holes of a sparse file are not known any more.
    pub fn fill_raw(&mut self) -> io::Result<&[u8]> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        self.body.sparse = None;
        let left = to_usize(self.body.stored.saturating_add(self.body.padding));
        if left == 0 {
            return Ok(&[]);
        }
        self.fill_body(left)
    }

    /// Bytes of the current member that are at hand, at most `most` of them; the archive must not end here.
    pub(super) fn fill_body(&mut self, most: usize) -> io::Result<&[u8]> {
        match self.input.fill().map(<[u8]>::is_empty) {
            Ok(false) => {}
            Ok(true) => return Err(self.fail_body(None)),
            Err(error) => return Err(self.fail_body(Some(error))),
        }
        let bytes = self.input.fill()?;
        Ok(bytes.get(..most).unwrap_or(bytes))
    }

    /// Takes bytes that [`fill_raw`](Self::fill_raw) showed.
    pub fn consume_raw(&mut self, count: usize) {
        let count = (count as u64).min(self.body.stored.saturating_add(self.body.padding));
        if let Some(making) = self.marks.as_mut().and_then(|marks| marks.making.as_mut()) {
            // they were shown, so they are at hand
            making.update(self.input.fill().ok().and_then(|bytes| bytes.get(..to_usize(count))).unwrap_or_default());
        }
        self.input.consume(to_usize(count));
        let of_padding = count.saturating_sub(self.body.stored);
        self.body.stored = self.body.stored.saturating_sub(count);
        self.body.padding = self.body.padding.saturating_sub(of_padding);
        self.end_mark();
    }

    /// Keeps bytes of a head, if heads are kept.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        let Some(head) = &mut self.head else { return Ok(()) };
        head.bytes.extend_from_slice(bytes);
        let most = self.limits.extension_record.bytes().saturating_mul(EXTENSIONS);
        if head.bytes.len() as u64 > most {
            let what = format!("extended headers of more than {} before one member", ByteSize(most));
            return Err(self.error(TarErrorKind::Limit, what));
        }
        Ok(())
    }

    /// Takes so many bytes and keeps them; tells how many there were.
    pub(super) fn keep_bytes(&mut self, count: u64) -> Result<u64, TarError> {
        let mut left = count;
        while left > 0 {
            let offset = self.input.offset();
            let there = self.input.fill().map_err(|error| read_error(offset, error))?;
            let now = there.get(..to_usize(left)).unwrap_or(there).to_vec();
            if now.is_empty() {
                break;
            }
            self.input.consume(now.len());
            self.keep(&now)?;
            left = left.saturating_sub(now.len() as u64);
        }
        Ok(count.saturating_sub(left))
    }

    /// Says what the bytes kept since `start` are.
    pub(super) fn keep_part(&mut self, part: Part, start: usize) {
        if let Some(head) = &mut self.head
            && head.bytes.len() > start
        {
            head.pieces.push((part, start..head.bytes.len()));
        }
    }
}

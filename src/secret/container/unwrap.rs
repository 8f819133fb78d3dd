//! Puts what a text holds in another coding into plain text, with the line it stands in, so that keys before a value and
//! what follows it are seen as if it had never been coded.

use std::cell::Cell;
use std::io::Read as _;
use std::ops::Range;

use crate::format::decompress::decoder;
use crate::format::magic::Magic;

use super::super::runs;
use super::wide::Wide;
use super::{base64, escape};

/// Bytes of a line that are kept before a value.
const BEFORE: usize = 120;

/// Bytes that a compressed value may expand to: Helm keeps whole charts so.
const EXPANDED: u64 = 16 << 20;

/// Bytes that all of them in one text may expand to.
const EXPANDED_IN_ALL: u64 = 48 << 20;

/// Stands between parts, so that none is taken for the neighbour of another.
const GAP: &[u8] = b"\n\n\n\n\n\n\n\n";

/// How a part stands for one of another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// As it is.
    None,
    /// Four digits for three bytes, in one run.
    Base64,
    /// Bytes, and escapes of some.
    Escapes,
    /// In lines, compressed, or in wide characters.
    Whole,
}

/// A text made of parts of another.
#[derive(Debug, Default)]
pub(super) struct Unwrapped {
    pub(super) bytes: Vec<u8>,
    /// Parts in order: where in the text, what of the other they stand for, and how.
    parts: Vec<(Range<usize>, Range<usize>, Coding)>,
    /// Whether something expands to more than is looked at.
    pub(super) is_cut: bool,
    /// Of the last byte sought among escapes: the start of its part, its offset there and in what that stands for.
    last: Cell<(usize, usize, usize)>,
}

impl Unwrapped {
    /// Undoes base64, and escapes where the bytes are a text; empty where there are none.
    pub(super) fn of(bytes: &[u8], is_text: bool) -> Self {
        if !is_text {
            return Self::of_stretches(bytes, base64::stretches_of_binary(bytes, runs::of(bytes)));
        }
        let is_secret = memchr::memmem::find(bytes.get(..64 << 10).unwrap_or(bytes), b"Secret").is_some();
        let mut plain = Self::of_stretches(bytes, base64::stretches(bytes, is_secret));
        for part in escape::parts(bytes) {
            plain.add(&part.bytes, part.span, Coding::Escapes);
            plain.bytes.extend_from_slice(GAP);
        }
        plain
    }

    /// Undoes base64 in a binary file, whose runs of text are known.
    pub(super) fn of_binary(bytes: &[u8], runs: &[Range<usize>]) -> Self {
        Self::of_stretches(bytes, base64::stretches_of_binary(bytes, runs.iter().cloned()))
    }

    fn of_stretches(bytes: &[u8], stretches: Vec<base64::Decoded>) -> Self {
        let mut plain = Self::default();
        let mut left = EXPANDED_IN_ALL;
        for stretch in stretches {
            let start = stretch.span.start;
            if is_part_of_jwt(bytes, &stretch) {
                continue;
            }
            let before = bytes.get(start.saturating_sub(BEFORE)..start).unwrap_or_default();
            let line = memchr::memrchr(b'\n', before)
                .map_or(before.len(), |feed| before.len().saturating_sub(feed).saturating_sub(1));
            plain.push(bytes, start.saturating_sub(line)..start);
            let most = left.min(EXPANDED);
            let Some(inner) = expand(stretch.bytes, most) else { continue };
            if inner.was_compressed {
                left = left.saturating_sub(inner.bytes.len() as u64);
                plain.is_cut |= inner.bytes.len() as u64 >= most;
            }
            let digits = bytes.get(stretch.span.clone()).unwrap_or_default();
            let is_plain = inner.is_plain && base64::is_run(digits);
            plain.add(&inner.bytes, stretch.span.clone(), if is_plain { Coding::Base64 } else { Coding::Whole });
            let end = stretch.span.end;
            let after = bytes.get(end..).unwrap_or_default();
            let rest = memchr::memchr(b'\n', after.get(..BEFORE).unwrap_or(after)).unwrap_or(0);
            plain.push(bytes, end..end.saturating_add(rest));
            plain.bytes.extend_from_slice(GAP);
        }
        plain
    }

    /// What the other text has there.
    pub(super) fn span(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.position(span.start, false);
        start..self.position(span.end, true).max(start.saturating_add(1))
    }

    /// All that says it in `other`, the text that this one was made of: whole groups of digits and whole escapes.
    pub(super) fn extent(&self, other: &[u8], span: &Range<usize>) -> Range<usize> {
        let start = self.edge(other, span.start, false);
        start..self.edge(other, span.end, true).max(start.saturating_add(1))
    }

    fn part(&self, at: usize, is_end: bool) -> Option<&(Range<usize>, Range<usize>, Coding)> {
        let index = self.parts.partition_point(|(own, ..)| if is_end { own.end < at } else { own.end <= at });
        self.parts.get(index)
    }

    fn edge(&self, other: &[u8], at: usize, is_end: bool) -> usize {
        let Some((own, stands_for, coding)) = self.part(at, is_end) else {
            return self.parts.last().map_or(0, |(_, other, _)| other.end);
        };
        let offset = at.saturating_sub(own.start);
        let offset = match (coding, is_end) {
            (Coding::None, _) => offset,
            (Coding::Base64, false) => (offset / 3).saturating_mul(4),
            (Coding::Base64, true) => offset.div_ceil(3).saturating_mul(4),
            (Coding::Escapes, _) => self.among_escapes(own.start, other.get(stands_for.clone()), offset),
            (Coding::Whole, false) => 0,
            (Coding::Whole, true) => stands_for.len(),
        };
        stands_for.start.saturating_add(offset).min(stands_for.end)
    }

    fn among_escapes(&self, part: usize, other: Option<&[u8]>, offset: usize) -> usize {
        let (of, known, from) = self.last.get();
        let (known, from) = if of == part && known <= offset { (known, from) } else { (0, 0) };
        let rest = other.and_then(|other| other.get(from..)).unwrap_or_default();
        let at = from.saturating_add(escape::position(rest, offset.saturating_sub(known)));
        self.last.set((part, offset, at));
        at
    }

    fn position(&self, at: usize, is_end: bool) -> usize {
        let Some((own, other, _)) = self.part(at, is_end) else {
            return self.parts.last().map_or(0, |(_, other, _)| other.end);
        };
        // coded text is as much longer everywhere
        let offset = at.saturating_sub(own.start).saturating_mul(other.len());
        let offset =
            if is_end { offset.div_ceil(own.len().max(1)) } else { offset.checked_div(own.len()).unwrap_or(0) };
        other.start.saturating_add(offset)
    }

    fn push(&mut self, bytes: &[u8], span: Range<usize>) {
        self.add(bytes.get(span.clone()).unwrap_or_default(), span, Coding::None);
    }

    fn add(&mut self, text: &[u8], stands_for: Range<usize>, coding: Coding) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        if !text.is_empty() {
            self.parts.push((start..self.bytes.len(), stands_for, coding));
        }
    }
}

/// Texts that stand coded in bytes of which it is known that something in them is coded, each by itself.
pub(super) fn texts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let mut left = EXPANDED_IN_ALL;
    for stretch in base64::stretches(bytes, true) {
        if is_part_of_jwt(bytes, &stretch) {
            continue;
        }
        if let Some(inner) = expand(stretch.bytes, left.min(EXPANDED)) {
            left = left.saturating_sub(inner.bytes.len() as u64);
            texts.push(inner.bytes);
        }
    }
    let undone = escape::undo(bytes);
    if undone != bytes {
        texts.push(undone);
    }
    texts
}

/// Whether it is the head or the claims of a JSON web token, which is judged as it stands.
fn is_part_of_jwt(bytes: &[u8], stretch: &base64::Decoded) -> bool {
    let before = stretch.span.start.checked_sub(1).and_then(|at| bytes.get(at));
    stretch.bytes.starts_with(b"{\"") && (before == Some(&b'.') || bytes.get(stretch.span.end) == Some(&b'.'))
}

/// What a stretch says.
struct Expanded {
    bytes: Vec<u8>,
    /// Whether it was compressed.
    was_compressed: bool,
    /// Whether these are the very bytes that the digits stand for.
    is_plain: bool,
}

/// What the bytes of a stretch say: expanded to no more than `most`, and in UTF-8. `None` where they are nothing of that
/// sort.
fn expand(bytes: Vec<u8>, most: u64) -> Option<Expanded> {
    if bytes.starts_with(&[0x1f, 0x8b, 8]) {
        let mut out = Vec::new();
        let decoder = decoder(Magic::Gzip, bytes.as_slice(), 0).ok()??;
        // what stands before damage counts
        let _ = decoder.take(most).read_to_end(&mut out);
        return Some(Expanded { bytes: out, was_compressed: true, is_plain: false });
    }
    let wide = Wide::of(&bytes).map(|wide| wide.decode(&bytes));
    let is_plain = wide.is_none();
    Some(Expanded { bytes: wide.unwrap_or(bytes), was_compressed: false, is_plain })
}

//! A read buffer that can show a fixed number of bytes at once; the layer readers stand on it.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::{self, Read};

/// Size of the buffers, in bytes: large enough that calls are few, small enough for a level-two cache.
pub(super) const BUFFER_SIZE: usize = 256 * 1024;

/// A reader with a buffer in front, which counts what was taken from it.
///
/// Unlike `BufReader` it can gather bytes across reads ([`peek`](Self::peek)) and remembers whether
/// the reader underneath failed, so that its errors are told apart from a decoder's own.
pub(super) struct Buffered<R> {
    reader: R,
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    taken: u64,
    failed: bool,
}

impl<R: Read> Buffered<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, bytes: vec![0; BUFFER_SIZE].into(), start: 0, end: 0, taken: 0, failed: false }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.taken
    }

    /// Whether the reader underneath returned an error.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    /// The bytes at hand; reads some if there are none. Empty at the end only.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
            self.end = self.read_behind(0)?;
        }
        Ok(self.bytes.get(self.start..self.end).unwrap_or_default())
    }

    /// At least `count` bytes (at most [`BUFFER_SIZE`]), or as many as there are before the end. Takes nothing.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end.saturating_sub(self.start) < count {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end = self.end.saturating_sub(self.start);
                self.start = 0;
            }
            let count = self.read_behind(self.end)?;
            if count == 0 {
                break;
            }
            self.end = self.end.saturating_add(count);
        }
        Ok(self.bytes.get(self.start..self.end).unwrap_or_default())
    }

    /// Takes bytes that `fill` or `peek` showed.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end.saturating_sub(self.start));
        self.start = self.start.saturating_add(count);
        self.taken = self.taken.saturating_add(count as u64);
    }

    /// Takes exactly `N` bytes; `None` where the end comes earlier.
    pub(super) fn take_array<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(bytes) = self.peek(N)?.first_chunk::<N>().copied() else { return Ok(None) };
        self.consume(N);
        Ok(Some(bytes))
    }

    /// Takes up to `count` bytes unseen and tells how many there were.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 {
            let there = self.fill()?.len();
            if there == 0 {
                break;
            }
            let now = there.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.consume(now);
            left = left.saturating_sub(now as u64);
        }
        Ok(count.saturating_sub(left))
    }

    fn read_behind(&mut self, end: usize) -> io::Result<usize> {
        let Some(space) = self.bytes.get_mut(end..).filter(|space| !space.is_empty()) else { return Ok(0) };
        let result = retry(&mut self.reader, space);
        self.failed |= result.is_err();
        result
    }
}

impl<R: Read> Read for Buffered<R> {
    /// Large reads go past the buffer when it is empty.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start >= self.end && out.len() >= self.bytes.len() / 2 {
            let result = retry(&mut self.reader, out);
            self.failed |= result.is_err();
            let count = result?;
            self.taken = self.taken.saturating_add(count as u64);
            return Ok(count);
        }
        let there = self.fill()?;
        let count = there.len().min(out.len());
        if let (Some(from), Some(to)) = (there.get(..count), out.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

/// Reads once, a signal's interruption aside. A reader that claims more than it was given room for is cut to it.
fn retry(reader: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(|count| count.min(out.len())),
        }
    }
}

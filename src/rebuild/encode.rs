//! Compresses a layer so that the same tar always gives the same blob, on any machine and with any number of threads.
//!
//! gzip (RFC 1952): one member without name and time. The tar is cut into blocks of 128 KiB, each of
//! which is deflated by itself, with the 32 KiB before it as its dictionary, and ends on a byte; so
//! they can be made in parallel, and the whole is what one thread makes. zstd (RFC 8878): one frame
//! with its checksum, made by one thread, which is fast enough.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read as _, Write};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use flate2::{Compress, Crc, FlushCompress, Status};

use crate::digest::{Algorithm, DiffId, Digest, Hasher};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Blob;
use crate::pass::Compression;

use super::blocks::{Bits, Blocks, Joined, MOST_CONTENT};

/// Bytes of tar in one block. It decides the output, as does the level.
const BLOCK: usize = 128 * 1024;

/// How far back deflate can refer.
const WINDOW: usize = 32 * 1024;

/// Blocks at work at most; each takes about 700 KiB.
const MOST_BLOCKS: usize = 64;

/// How a layer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As plain tar.
    None,
    /// RFC 1952, one member.
    Gzip {
        /// 1 to 9.
        level: u32,
    },
    /// RFC 8878, one frame.
    Zstd {
        /// 1 to 19.
        level: i32,
    },
}

impl Encoding {
    /// How a layer is written that came with this compression. bzip2 and xz, which `docker load` takes
    /// but no media type names, become gzip.
    pub fn of(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip | Compression::Xz | Compression::Bzip2 => Self::Gzip { level: 6 },
            Compression::Zstd => Self::Zstd { level: 3 },
        }
    }

    /// The same, told by the first bytes of `blob`.
    pub fn like(blob: &dyn Blob) -> Result<Self> {
        let mut head = Vec::new();
        let read = blob.open()?.take(16).read_to_end(&mut head);
        read.map_err(|error| Error::io("cannot read a layer", error))?;
        Ok(Self::of(Compression::sniff(&head)))
    }

    /// The compression it writes.
    pub fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gzip { .. } => Compression::Gzip,
            Self::Zstd { .. } => Compression::Zstd,
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Of the blob.
    pub(super) digest: Digest,
    /// Bytes of the blob.
    pub(super) size: u64,
    /// Of the tar.
    pub(super) diff_id: DiffId,
    /// Bytes of the tar.
    pub(super) expanded: u64,
}

/// Takes a tar in pieces and writes it compressed.
pub(super) struct Encoder<'a> {
    sink: Sink<'a>,
    codec: Codec,
    tar: Hasher,
    expanded: u64,
    /// Bytes of the block that is filling.
    block: Vec<u8>,
    reuse: Option<Reuse>,
}

/// A run of bytes that stand in the output as in the input.
struct Reuse {
    blocks: Rc<RefCell<Blocks>>,
    /// Those that are neither compressed nor copied yet, and where they stand in the input's tar.
    held: Vec<u8>,
    from: u64,
    /// Where a block must begin so that all it may refer to is in the run.
    free_from: u64,
}

impl Reuse {
    fn end(&self) -> u64 {
        self.from.saturating_add(self.held.len() as u64)
    }

    /// Where a byte of the input's tar stands among those that are held.
    fn place(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.from)).unwrap_or(usize::MAX).min(self.held.len())
    }

    /// Drops the first so many bytes that are held.
    fn pass(&mut self, count: usize) {
        self.from = self.from.saturating_add(count as u64);
        self.held.drain(..count.min(self.held.len()));
    }
}

enum Codec {
    Plain,
    Gzip(Gzip),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl<'a> Encoder<'a> {
    /// Writes to `out`.
    pub(super) fn new(encoding: Encoding, out: &'a mut dyn Write) -> Result<Self> {
        let mut sink = Sink { out, hasher: Hasher::new(Algorithm::Sha256), size: 0 };
        let codec = match encoding {
            Encoding::None => Codec::Plain,
            Encoding::Gzip { level } => {
                let level = level.clamp(1, 9);
                // no flags, no time; how much was tried; an unknown system
                let effort = match level {
                    1 => 4,
                    9 => 2,
                    _ => 0,
                };
                sink.write(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 0xff])?;
                Codec::Gzip(Gzip::new(level))
            }
            Encoding::Zstd { level } => {
                let mut encoder =
                    zstd::stream::write::Encoder::new(Vec::new(), level.clamp(1, 19)).map_err(unwritable)?;
                encoder.include_checksum(true).map_err(unwritable)?;
                Codec::Zstd(encoder)
            }
        };
        let tar = Hasher::new(Algorithm::Sha256);
        Ok(Self { sink, codec, tar, expanded: 0, block: Vec::with_capacity(BLOCK), reuse: None })
    }

    /// Copies blocks of the input where it can; they must have been found in what [`copy`](Self::copy) is given.
    pub(super) fn reusing(mut self, blocks: Rc<RefCell<Blocks>>) -> Self {
        if matches!(self.codec, Codec::Gzip(_)) {
            self.reuse = Some(Reuse { blocks, held: Vec::new(), from: 0, free_from: 0 });
        }
        self
    }

    /// Adds bytes of the tar.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.count(bytes);
        if let Some(mut reuse) = self.reuse.take() {
            self.compress(&reuse.held)?;
            reuse.held.clear();
            reuse.from = u64::MAX;
            self.reuse = Some(reuse);
        }
        self.compress(bytes)
    }

    /// Adds bytes that stand in the input's tar from the byte `from` on.
    pub(super) fn copy(&mut self, bytes: &[u8], from: u64) -> Result<()> {
        let Some(mut reuse) = self.reuse.take() else { return self.write(bytes) };
        self.count(bytes);
        if reuse.end() != from {
            self.compress(&reuse.held)?;
            reuse.held.clear();
            (reuse.from, reuse.free_from) = (from, from.saturating_add(WINDOW as u64));
        }
        reuse.held.extend_from_slice(bytes);
        let blocks = Rc::clone(&reuse.blocks);
        let mut blocks = blocks.borrow_mut();
        blocks.need_from(reuse.from.max(reuse.free_from));
        // once a byte behind a block was decoded, its bits were read; before that it depends on the size of the reads
        let mut done = 0;
        while blocks.first().is_some_and(|first| first.end < reuse.end())
            && let Some(block) = blocks.take()
        {
            let (start, end) = (reuse.place(block.start), reuse.place(block.end));
            self.compress(reuse.held.get(done..start).unwrap_or_default())?;
            self.block_copied(block.bits, reuse.held.get(start..end).unwrap_or_default())?;
            done = end;
            blocks.need_from(block.end);
        }
        reuse.pass(done);
        // a block that began before these is too large to be copied
        let surplus = reuse.held.len().saturating_sub(MOST_CONTENT);
        if surplus > MOST_CONTENT {
            self.compress(reuse.held.get(..surplus).unwrap_or_default())?;
            reuse.pass(surplus);
        }
        self.reuse = Some(reuse);
        Ok(())
    }

    /// Says that nothing before this byte of the input's tar will be copied that was not yet.
    pub(super) fn skip_to(&mut self, offset: u64) {
        if let Some(reuse) = &self.reuse {
            reuse.blocks.borrow_mut().need_from(offset);
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.tar.update(bytes);
        self.expanded = self.expanded.saturating_add(bytes.len() as u64);
    }

    fn compress(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            // a full block waits until it is known not to be the last
            if self.block.len() >= BLOCK {
                let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
                self.block_done(block, false)?;
            }
            let count = BLOCK.saturating_sub(self.block.len()).min(bytes.len());
            let (now, rest) = bytes.split_at(count);
            self.block.extend_from_slice(now);
            bytes = rest;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<Encoded> {
        if let Some(reuse) = self.reuse.take() {
            self.compress(&reuse.held)?;
        }
        let block = std::mem::take(&mut self.block);
        self.block_done(block, true)?;
        match self.codec {
            Codec::Plain => {}
            Codec::Gzip(gzip) => gzip.finish(&mut self.sink)?,
            Codec::Zstd(encoder) => {
                let rest = encoder.finish().map_err(unwritable)?;
                self.sink.write(&rest)?;
            }
        }
        self.sink.out.flush().map_err(unwritable)?;
        let (digest, size) = (self.sink.hasher.finish(), self.sink.size);
        Ok(Encoded { digest, size, diff_id: self.tar.finish(), expanded: self.expanded })
    }

    fn block_copied(&mut self, bits: Bits, content: &[u8]) -> Result<()> {
        if !self.block.is_empty() {
            let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
            self.block_done(block, false)?;
        }
        match &mut self.codec {
            Codec::Gzip(gzip) => gzip.copy(bits, content, &mut self.sink),
            Codec::Plain | Codec::Zstd(_) => {
                Err(Error::new(ErrorKind::Internal, "a block of gzip belongs nowhere else"))
            }
        }
    }

    fn block_done(&mut self, block: Vec<u8>, is_last: bool) -> Result<()> {
        match &mut self.codec {
            Codec::Plain => self.sink.write(&block),
            Codec::Gzip(gzip) => gzip.add(block, is_last, &mut self.sink),
            Codec::Zstd(encoder) => {
                encoder.write_all(&block).map_err(unwritable)?;
                let made = encoder.get_mut();
                let result = self.sink.write(made);
                made.clear();
                result
            }
        }
    }
}

/// Hashes and counts the blob.
struct Sink<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
    size: u64,
}

impl Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.out.write_all(bytes).map_err(unwritable)
    }
}

fn unwritable(error: io::Error) -> Error {
    Error::io("cannot write a layer", error)
}

/// Blocks at work, in their order. The threads are those of the rayon pool it is used in.
struct Gzip {
    level: u32,
    sum: Crc,
    dictionary: Vec<u8>,
    working: VecDeque<Work>,
    most: usize,
    joined: Joined,
}

/// A block that is written in its turn.
enum Work {
    Deflating(Receiver<io::Result<Deflated>>),
    Copied(Bits, Crc),
}

/// One block.
struct Deflated {
    bytes: Vec<u8>,
    sum: Crc,
}

impl Gzip {
    fn new(level: u32) -> Self {
        let most = rayon::current_num_threads().saturating_mul(2).saturating_add(2).min(MOST_BLOCKS);
        let (sum, joined) = (Crc::new(), Joined::default());
        Self { level, sum, dictionary: Vec::new(), working: VecDeque::new(), most, joined }
    }

    /// Adds a block as it stands in the input.
    fn copy(&mut self, bits: Bits, content: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        while self.working.len() >= self.most {
            self.take_first(sink)?;
        }
        let mut sum = Crc::new();
        sum.update(content);
        self.remember(content);
        self.working.push_back(Work::Copied(bits, sum));
        if let Some(Work::Copied(..)) = self.working.front() {
            self.take_first(sink)?;
        }
        Ok(())
    }

    /// Keeps what the next block may refer to, and gives what this one may.
    fn remember(&mut self, content: &[u8]) -> Vec<u8> {
        let mut tail = content.get(content.len().saturating_sub(WINDOW)..).unwrap_or_default().to_vec();
        if tail.len() < WINDOW {
            let from = self.dictionary.len().saturating_sub(WINDOW.saturating_sub(tail.len()));
            tail.splice(..0, self.dictionary.get(from..).unwrap_or_default().iter().copied());
        }
        std::mem::replace(&mut self.dictionary, tail)
    }

    fn add(&mut self, block: Vec<u8>, is_last: bool, sink: &mut Sink<'_>) -> Result<()> {
        while self.working.len() >= self.most {
            self.take_first(sink)?;
        }
        let dictionary = self.remember(&block);
        let level = self.level;
        let (sender, receiver) = sync_channel(1);
        rayon::spawn(move || {
            // nobody listens any more where the rewrite failed meanwhile
            let _ = sender.send(deflate(level, &dictionary, &block, is_last));
        });
        self.working.push_back(Work::Deflating(receiver));
        Ok(())
    }

    /// Waits for the first block and writes it.
    fn take_first(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let mut out = Vec::new();
        match self.working.pop_front() {
            None => return Ok(()),
            Some(Work::Copied(bits, sum)) => {
                self.sum.combine(&sum);
                out.reserve(bits.size());
                self.joined.add(&bits, &mut out);
            }
            Some(Work::Deflating(receiver)) => {
                let deflated = wait(&receiver)?.map_err(unwritable)?;
                self.sum.combine(&deflated.sum);
                self.joined.align(&mut out);
                sink.write(&out)?;
                out = deflated.bytes;
            }
        }
        sink.write(&out)
    }

    fn finish(mut self, sink: &mut Sink<'_>) -> Result<()> {
        while !self.working.is_empty() {
            self.take_first(sink)?;
        }
        // checksum and length modulo 2^32
        sink.write(&self.sum.sum().to_le_bytes())?;
        sink.write(&self.sum.amount().to_le_bytes())
    }
}

/// Waits for a block. A thread of the pool works on others meanwhile: if all waited, none would work.
fn wait<T>(receiver: &Receiver<T>) -> Result<T> {
    let failed = || Error::new(ErrorKind::Internal, "a thread that compresses a layer failed");
    loop {
        let pause = match rayon::yield_now() {
            None => return receiver.recv().map_err(|_| failed()),
            Some(rayon::Yield::Executed) => Duration::ZERO,
            Some(rayon::Yield::Idle) => Duration::from_millis(1),
        };
        match receiver.recv_timeout(pause) {
            Ok(deflated) => return Ok(deflated),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(failed()),
        }
    }
}

/// Deflates one block to a whole number of bytes, in a state that nothing was in before.
fn deflate(level: u32, dictionary: &[u8], block: &[u8], is_last: bool) -> io::Result<Deflated> {
    let mut sum = Crc::new();
    sum.update(block);
    let mut compress = Compress::new(flate2::Compression::new(level), false);
    if !dictionary.is_empty() {
        compress.set_dictionary(dictionary)?;
    }
    let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
    // more than deflate makes of anything, so that one call does it all
    let mut bytes = Vec::with_capacity(block.len().saturating_add(block.len() / 8).saturating_add(1024));
    let status = compress.compress_vec(block, &mut bytes, flush)?;
    let is_done = match status {
        Status::StreamEnd => is_last,
        Status::Ok => !is_last && bytes.len() < bytes.capacity(),
        Status::BufError => false,
    };
    if !is_done || compress.total_in() != block.len() as u64 {
        return Err(io::Error::other("deflate did not take a block in one go"));
    }
    Ok(Deflated { bytes, sum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limits;
    use crate::pass::decode;

    /// Text of words with noise between, as in a layer.
    fn sample(length: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut bytes = Vec::with_capacity(length + 16);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match state >> 61 {
                0 => bytes.extend_from_slice(&state.to_le_bytes()),
                1 => bytes.extend_from_slice(b"return self."),
                _ => bytes.extend_from_slice(b"import os\n"),
            }
        }
        bytes.truncate(length);
        bytes
    }

    fn encode(encoding: Encoding, bytes: &[u8], piece: usize) -> (Vec<u8>, Encoded) {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(encoding, &mut out).expect("starts");
        for piece in bytes.chunks(piece) {
            encoder.write(piece).expect("writes to memory");
        }
        let told = encoder.finish().expect("writes to memory");
        (out, told)
    }

    const ALL: [Encoding; 5] = [
        Encoding::None,
        Encoding::Gzip { level: 1 },
        Encoding::Gzip { level: 6 },
        Encoding::Gzip { level: 9 },
        Encoding::Zstd { level: 3 },
    ];

    #[test]
    fn what_is_written_reads_back_and_is_told_right() {
        for length in [0, 1, 1024, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 1_000_000] {
            let bytes = sample(length);
            for encoding in ALL {
                let (blob, found) = encode(encoding, &bytes, 10_000);
                let mut decoder = decode::open(&blob[..], &Limits::default()).expect("opens");
                let mut read = Vec::new();
                decoder.read_to_end(&mut read).expect("decodes");
                assert!(read == bytes, "{encoding:?} of {length}");
                let told = Encoded {
                    digest: Digest::sha256(&blob),
                    size: blob.len() as u64,
                    diff_id: Digest::sha256(&bytes),
                    expanded: length as u64,
                };
                assert_eq!(found, told);
            }
        }
    }

    #[test]
    fn neither_threads_nor_pieces_change_the_blob() {
        let bytes = sample(3_000_000);
        for encoding in ALL {
            let (expected, _) = encode(encoding, &bytes, bytes.len());
            for threads in [1, 2, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("starts");
                // within the pool the writer is one of its threads
                for piece in [511, 100_000, bytes.len()] {
                    let (blob, _) = pool.install(|| encode(encoding, &bytes, piece));
                    assert!(blob == expected, "{encoding:?} with {threads} threads in pieces of {piece}");
                }
            }
        }
    }

    /// Of a sample of 300,000 bytes at level 6, as zlib-rs has deflated it since 0.6.
    const KNOWN: &str = "sha256:a9a9d8e1ea1430d7a7b4b21d8fa353f570c63f12e040b20c5aabbd4dc0a782c0";

    #[test]
    fn the_blob_is_the_same_on_every_machine() {
        let (blob, _) = encode(Encoding::Gzip { level: 6 }, &sample(300_000), 4096);
        assert_eq!(&blob[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        let digest = Digest::sha256(&blob).to_string();
        assert_eq!(digest, KNOWN, "the compressor's output is part of what a plan promises");
    }

    #[test]
    fn blocks_are_nearly_as_small_as_the_whole() {
        let bytes = sample(2_000_000);
        let (blob, _) = encode(Encoding::Gzip { level: 6 }, &bytes, 1 << 20);
        let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        whole.write_all(&bytes).expect("writes to memory");
        let whole = whole.finish().expect("writes to memory");
        assert!(blob.len() * 100 < whole.len() * 102, "{} and {}", blob.len(), whole.len());
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for encoding in ALL {
            let written = Encoder::new(encoding, &mut Full).and_then(|mut encoder| {
                encoder.write(&sample(4 * BLOCK))?;
                encoder.finish()
            });
            assert_eq!(written.expect_err("nothing can be written").kind, ErrorKind::Io);
        }
    }
}

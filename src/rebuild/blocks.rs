//! Finds the blocks of a gzip blob, so that those which hold only what stays are copied and not made anew.
//!
//! Deflate (RFC 1951) is a row of blocks of bits, each with codes of its own; a block may refer to the 32 KiB of content before
//! it, and to nothing else. Where all of that stays, the bits stay right, at whatever place they come to stand. Only the codes are
//! followed here, to know where a block ends and how much it holds; no content is made. What cannot be followed ends the search,
//! and the rest is compressed anew. The proof decodes all of what was written by other code.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// Most content of a block that is copied, in bytes. It decides the output.
pub(super) const MOST_CONTENT: usize = 1 << 20;

/// Least content of one: to copy smaller ones is not worth what it takes. It decides the output.
const LEAST_CONTENT: u64 = 4 << 10;

/// Smaller blocks that are followed before the search ends: compressors make few. It decides the output.
const MOST_SMALL: usize = 4096;

/// Most bytes of a block that is copied. It decides the output.
const MOST_BITS: usize = 2 << 20;

/// Longest header of a gzip member that is followed, in bytes.
const MOST_HEADER: usize = 256 << 10;

/// Bytes of blocks that wait; more are never needed at once.
const MOST_WAITING: usize = 64 << 20;

/// Bits of a code that a table shows at once; longer ones are rare.
const PRIMARY: u32 = 11;

/// Longest code, in bits.
const LONGEST: usize = 15;

/// Bits that a length or literal, a distance and what belongs to them take at most.
const MOST_SYMBOL: u32 = 48;

/// A block of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// First byte of its content, in the tar.
    pub(super) start: u64,
    /// The byte behind its content.
    pub(super) end: u64,
    pub(super) bits: Bits,
}

/// A row of bits, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the first byte that are not of the row.
    first: u32,
    length: u64,
    /// Whether it is a block that is not compressed: its content begins with a byte.
    is_stored: bool,
}

impl Bits {
    /// Bytes they take.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Reads a blob through, and has its blocks found.
pub(super) struct Watched<R> {
    pub(super) inner: R,
    pub(super) blocks: Rc<RefCell<Blocks>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.blocks.borrow_mut().feed(out.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The blocks of the first member of a blob, found while it is read.
#[derive(Default)]
pub(super) struct Blocks {
    stage: Stage,
    /// What was read, from the block at work on.
    input: Vec<u8>,
    /// Bits of that which were followed.
    at: usize,
    /// Where the block at work begins, in bits.
    begin: usize,
    /// Content before the block at work, and of it so far.
    start: u64,
    length: u64,
    is_last: bool,
    is_stored: bool,
    /// Whether it may be copied.
    is_kept: bool,
    /// Content before this byte goes or changes.
    needed_from: u64,
    ready: VecDeque<Block>,
    waiting: usize,
    /// Blocks that were too small to be copied.
    small: usize,
}

#[derive(Default)]
enum Stage {
    #[default]
    Header,
    Between,
    Coded(Box<Codes>),
    /// So many bytes are left of a block that is not compressed.
    Stored(usize),
    End,
}

struct Codes {
    lengths: Table,
    distances: Table,
}

/// Why the search stops for now.
enum Stop {
    /// More must be read.
    Short,
    /// This is not followed.
    Odd,
}

impl Blocks {
    /// Takes bytes of the blob.
    fn feed(&mut self, bytes: &[u8]) {
        if matches!(self.stage, Stage::End) {
            return;
        }
        self.compact();
        self.input.extend_from_slice(bytes);
        loop {
            match self.step() {
                Ok(()) if matches!(self.stage, Stage::End) => break,
                Ok(()) => {}
                Err(Stop::Short) => return,
                Err(Stop::Odd) => break,
            }
        }
        self.stop();
    }

    /// Blocks whose content begins before this byte of the tar are not asked for any more.
    pub(super) fn need_from(&mut self, offset: u64) {
        self.needed_from = self.needed_from.max(offset);
        while self.first().is_some_and(|block| block.start < offset) {
            self.take();
        }
    }

    /// The first block that waits.
    pub(super) fn first(&self) -> Option<&Block> {
        self.ready.front()
    }

    /// Takes it.
    pub(super) fn take(&mut self) -> Option<Block> {
        let block = self.ready.pop_front()?;
        self.waiting = self.waiting.saturating_sub(block.bits.size());
        Some(block)
    }

    /// Ends the search.
    pub(super) fn stop(&mut self) {
        self.stage = Stage::End;
        self.input = Vec::new();
    }

    /// Drops what was followed and belongs to no block that may be copied.
    fn compact(&mut self) {
        let from =
            if self.is_kept && !matches!(self.stage, Stage::Between | Stage::Header) { self.begin } else { self.at };
        let from = if matches!(self.stage, Stage::Header) { 0 } else { from };
        let bytes = from / 8;
        self.input.drain(..bytes.min(self.input.len()));
        self.at = self.at.saturating_sub(bytes.saturating_mul(8));
        self.begin = self.begin.saturating_sub(bytes.saturating_mul(8));
    }

    /// The next bits, and how many they are: 57 or more, but near the end of what was read. A block is found as soon as its last bit
    /// was read, so that sizes of reads change nothing.
    fn word(&self, at: usize) -> (u64, u32) {
        let bytes = self.input.get(at / 8..).unwrap_or_default();
        let shift = u32::try_from(at % 8).unwrap_or_default();
        if let Some(bytes) = bytes.first_chunk::<8>() {
            return (u64::from_le_bytes(*bytes) >> shift, 57);
        }
        let word = bytes.iter().rev().fold(0, |word: u64, byte| word << 8 | u64::from(*byte));
        let there = u32::try_from(bytes.len().saturating_mul(8)).unwrap_or_default();
        (word >> shift, there.saturating_sub(shift))
    }

    fn step(&mut self) -> Result<(), Stop> {
        match std::mem::take(&mut self.stage) {
            Stage::Header => {
                let length = header(&self.input).inspect_err(|_| self.stage = Stage::Header)?;
                self.at = length.saturating_mul(8);
                self.stage = Stage::Between;
                Ok(())
            }
            Stage::Between => {
                self.stage = Stage::Between;
                let mut at = self.at;
                let (stage, is_last) = self.open(&mut at)?;
                self.is_stored = matches!(stage, Stage::Stored(_));
                (self.stage, self.is_last) = (stage, is_last);
                (self.begin, self.at, self.length) = (self.at, at, 0);
                self.is_kept = !is_last;
                Ok(())
            }
            Stage::Coded(codes) => {
                let done = self.follow(&codes);
                if let Err(stop) = done {
                    self.stage = Stage::Coded(codes);
                    return Err(stop);
                }
                self.finish();
                Ok(())
            }
            Stage::Stored(left) => {
                let there = self.input.len().saturating_sub(self.at / 8);
                let count = there.min(left);
                self.at = self.at.saturating_add(count.saturating_mul(8));
                self.length = self.length.saturating_add(count as u64);
                if count < left {
                    self.stage = Stage::Stored(left.saturating_sub(count));
                    return Err(Stop::Short);
                }
                self.finish();
                Ok(())
            }
            Stage::End => Err(Stop::Odd),
        }
    }

    /// Reads what stands before a block's content.
    fn open(&self, at: &mut usize) -> Result<(Stage, bool), Stop> {
        let mut bits = |count: u32| -> Result<u32, Stop> {
            let (word, there) = self.word(*at);
            if count > there {
                return Err(Stop::Short);
            }
            *at = at.saturating_add(count as usize);
            Ok(u32::try_from(word & mask(count)).unwrap_or(u32::MAX))
        };
        let is_last = bits(1)? == 1;
        let stage = match bits(2)? {
            0 => {
                *at = at.next_multiple_of(8);
                let (word, there) = self.word(*at);
                if there < 32 {
                    return Err(Stop::Short);
                }
                *at = at.saturating_add(32);
                let (length, other) = (word & 0xffff, word >> 16 & 0xffff);
                if length ^ other != 0xffff {
                    return Err(Stop::Odd);
                }
                Stage::Stored(usize::try_from(length).unwrap_or(usize::MAX))
            }
            1 => {
                let mut lengths = [8_u8; 288];
                lengths.iter_mut().skip(144).take(112).for_each(|length| *length = 9);
                lengths.iter_mut().skip(256).take(24).for_each(|length| *length = 7);
                let lengths = Table::new(&lengths, of_length)?;
                Stage::Coded(Box::new(Codes { lengths, distances: Table::new(&[5; 30], of_distance)? }))
            }
            2 => Stage::Coded(Box::new(codes(&mut bits)?)),
            _ => return Err(Stop::Odd),
        };
        Ok((stage, is_last))
    }

    /// Follows the codes of a block to its end.
    fn follow(&mut self, codes: &Codes) -> Result<(), Stop> {
        loop {
            let (mut word, mut left) = self.word(self.at);
            let is_end = left < 57;
            // what is missing at the end counts as zeros, and what it seems to say as not read yet
            let odd = |stop| if is_end { Stop::Short } else { stop };
            while left >= MOST_SYMBOL || is_end {
                let symbol = codes.lengths.find(word).map_err(odd)?;
                let (mut used, mut more) = (u32::from(symbol.bits), 0);
                match symbol.base {
                    0 if used <= left => {
                        self.at = self.at.saturating_add(used as usize);
                        return Ok(());
                    }
                    0 | 1 => {}
                    _ => {
                        more = word >> used & mask(u32::from(symbol.extra));
                        used = used.saturating_add(u32::from(symbol.extra));
                        let distance = codes.distances.find(word >> used).map_err(odd)?;
                        used = used.saturating_add(u32::from(distance.bits)).saturating_add(u32::from(distance.extra));
                    }
                }
                if used > left {
                    return Err(Stop::Short);
                }
                self.length = self.length.saturating_add(more).saturating_add(u64::from(symbol.base));
                self.at = self.at.saturating_add(used as usize);
                word >>= used;
                left = left.saturating_sub(used);
            }
            if self.is_kept && self.is_large() {
                self.is_kept = false;
            }
        }
    }

    fn is_large(&self) -> bool {
        self.length > MOST_CONTENT as u64 || self.at.saturating_sub(self.begin) / 8 > MOST_BITS
    }

    fn finish(&mut self) {
        let end = self.start.saturating_add(self.length);
        let is_small = self.length < LEAST_CONTENT;
        self.small = self.small.saturating_add(usize::from(is_small));
        if self.is_kept && !self.is_large() && self.start >= self.needed_from && !is_small {
            let (from, to) = (self.begin / 8, self.at.div_ceil(8));
            let bytes = self.input.get(from..to).unwrap_or_default().to_vec();
            let first = u32::try_from(self.begin % 8).unwrap_or_default();
            let length = self.at.saturating_sub(self.begin) as u64;
            let bits = Bits { bytes, first, length, is_stored: self.is_stored };
            self.waiting = self.waiting.saturating_add(bits.size());
            self.ready.push_back(Block { start: self.start, end, bits });
        }
        self.start = end;
        let is_over = self.is_last || self.waiting > MOST_WAITING || self.small > MOST_SMALL;
        self.stage = if is_over { Stage::End } else { Stage::Between };
    }
}

fn mask(bits: u32) -> u64 {
    1_u64.checked_shl(bits).unwrap_or_default().wrapping_sub(1)
}

/// Bytes of the header of a gzip member (RFC 1952).
fn header(input: &[u8]) -> Result<usize, Stop> {
    let Some(input) = input.get(..MOST_HEADER.min(input.len())) else { return Err(Stop::Odd) };
    let more = || if input.len() < MOST_HEADER { Stop::Short } else { Stop::Odd };
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _] = *input.first_chunk::<10>().ok_or_else(more)? else {
        return Err(Stop::Odd);
    };
    let mut at = 10_usize;
    if flags & 4 != 0 {
        let length = input.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or_else(more)?;
        at = at.saturating_add(2).saturating_add(usize::from(u16::from_le_bytes(*length)));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let rest = input.get(at..).ok_or_else(more)?;
            let end = memchr::memchr(0, rest).ok_or_else(more)?;
            at = at.saturating_add(end).saturating_add(1);
        }
    }
    if flags & 2 != 0 {
        at = at.saturating_add(2);
    }
    if at > input.len() { Err(more()) } else { Ok(at) }
}

/// The codes that a block brings along (RFC 1951 section 3.2.7).
fn codes(bits: &mut dyn FnMut(u32) -> Result<u32, Stop>) -> Result<Codes, Stop> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let of_lengths = bits(5)?.saturating_add(257) as usize;
    let of_distances = bits(5)?.saturating_add(1) as usize;
    let of_codes = bits(4)?.saturating_add(4) as usize;
    let mut first = [0_u8; 19];
    for place in ORDER.iter().take(of_codes) {
        if let Some(length) = first.get_mut(*place) {
            *length = u8::try_from(bits(3)?).unwrap_or_default();
        }
    }
    let plain = |symbol: usize| Some((u16::try_from(symbol).ok()?.saturating_add(1), 0));
    let table = Table::new(&first, plain)?;
    let mut lengths: Vec<u8> = Vec::with_capacity(320);
    let all = of_lengths.saturating_add(of_distances);
    while lengths.len() < all {
        // a bit after the other: the codes are short, and few
        let (mut code, mut known) = (0_u64, 0_u32);
        let symbol = loop {
            code |= u64::from(bits(1)?) << known;
            known = known.saturating_add(1);
            if let Ok(found) = table.find(code)
                && u32::from(found.bits) <= known
            {
                break found.base.saturating_sub(1);
            }
            if known > 7 {
                return Err(Stop::Odd);
            }
        };
        let (value, count) = match symbol {
            16 => (*lengths.last().ok_or(Stop::Odd)?, bits(2)?.saturating_add(3)),
            17 => (0, bits(3)?.saturating_add(3)),
            18 => (0, bits(7)?.saturating_add(11)),
            length => (u8::try_from(length).unwrap_or_default(), 1),
        };
        lengths.extend(std::iter::repeat_n(value, count as usize));
    }
    let (of_length_codes, of_distance_codes) = lengths.split_at_checked(of_lengths).ok_or(Stop::Odd)?;
    let of_distance_codes = of_distance_codes.get(..of_distances).ok_or(Stop::Odd)?;
    if lengths.len() > all {
        return Err(Stop::Odd);
    }
    Ok(Codes {
        lengths: Table::new(of_length_codes, of_length)?,
        distances: Table::new(of_distance_codes, of_distance)?,
    })
}

/// What a code stands for.
#[derive(Debug, Clone, Copy, Default)]
struct Symbol {
    /// Of the code; none where there is no such code, or a longer one.
    bits: u8,
    /// Bits that follow and add to the length.
    extra: u8,
    /// 0: the end of the block; 1: a byte; else the least length.
    base: u16,
}

/// What a symbol of the first alphabet stands for.
fn of_length(symbol: usize) -> Option<(u16, u8)> {
    const BASES: [u16; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ];
    match symbol {
        0..256 => Some((1, 0)),
        256 => Some((0, 0)),
        _ => {
            let place = symbol.checked_sub(257)?;
            let extra = if place < 8 || place == 28 { 0 } else { place.saturating_sub(4) / 4 };
            Some((*BASES.get(place)?, u8::try_from(extra).ok()?))
        }
    }
}

/// What a symbol of the second alphabet stands for: only how much follows it matters.
fn of_distance(symbol: usize) -> Option<(u16, u8)> {
    let extra = if symbol < 4 { 0 } else { symbol.saturating_sub(2) / 2 };
    (symbol < 30).then(|| Some((1, u8::try_from(extra).ok()?)))?
}

/// Codes of an alphabet, by their bits as they come.
struct Table {
    primary: Vec<Symbol>,
    /// For each length the first code, the number of codes, and the place of the first one in `symbols`.
    longer: [(u32, u32, usize); LONGEST + 1],
    symbols: Vec<Symbol>,
}

impl Table {
    /// Of the lengths of the codes, in bits, by symbol. A symbol without a meaning has a code that is not followed.
    fn new(lengths: &[u8], meaning: impl Fn(usize) -> Option<(u16, u8)>) -> Result<Self, Stop> {
        let mut counts = [0_u32; LONGEST + 1];
        for length in lengths.iter().filter(|length| **length > 0) {
            let count = counts.get_mut(usize::from(*length)).ok_or(Stop::Odd)?;
            *count = count.saturating_add(1);
        }
        let mut longer = [(0, 0, 0); LONGEST + 1];
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, (slot, count)) in longer.iter_mut().zip(counts).enumerate() {
            code = code.saturating_mul(2);
            *slot = (code, count, place);
            code = code.saturating_add(count);
            place = place.saturating_add(count as usize);
            if u64::from(code) > mask(u32::try_from(length).unwrap_or_default()).saturating_add(1) {
                return Err(Stop::Odd);
            }
        }
        let mut table =
            Self { primary: vec![Symbol::default(); 1 << PRIMARY], longer, symbols: vec![Symbol::default(); place] };
        let mut next = longer;
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let Some((code, _, place)) = next.get_mut(usize::from(*length)) else { continue };
            let (own, at) = (*code, *place);
            (*code, *place) = (code.saturating_add(1), place.saturating_add(1));
            let Some((base, extra)) = meaning(symbol) else { continue };
            let entry = Symbol { bits: *length, extra, base };
            if let Some(slot) = table.symbols.get_mut(at) {
                *slot = entry;
            }
            let bits = u32::from(*length);
            if bits > PRIMARY {
                continue;
            }
            // codes come with their highest bit first
            let turned = (own.reverse_bits() >> 32_u32.saturating_sub(bits)) as usize;
            for slot in table.primary.iter_mut().skip(turned).step_by(1 << bits) {
                *slot = entry;
            }
        }
        Ok(table)
    }

    /// What the lowest bits stand for.
    #[inline]
    fn find(&self, word: u64) -> Result<Symbol, Stop> {
        let place = usize::try_from(word & mask(PRIMARY)).unwrap_or_default();
        match self.primary.get(place) {
            Some(found) if found.bits > 0 => Ok(*found),
            _ => self.find_longer(word),
        }
    }

    #[cold]
    fn find_longer(&self, mut word: u64) -> Result<Symbol, Stop> {
        let mut code = 0_u32;
        for (first, count, place) in self.longer.iter().skip(1) {
            code = code.saturating_mul(2) | u32::from(word & 1 == 1);
            word >>= 1;
            if let Some(number) = code.checked_sub(*first).filter(|number| number < count) {
                let found = self.symbols.get(place.saturating_add(number as usize));
                return found.copied().filter(|found| found.bits > 0).ok_or(Stop::Odd);
            }
        }
        Err(Stop::Odd)
    }
}

/// Puts rows of bits behind each other.
#[derive(Default)]
pub(super) struct Joined {
    /// Bits that fill no byte yet, and their number.
    rest: u64,
    count: u32,
}

impl Joined {
    /// Adds bits: whole bytes go to `out`.
    pub(super) fn add(&mut self, bits: &Bits, out: &mut Vec<u8>) {
        if bits.is_stored {
            // three bits of zero, zeros up to the byte's end, wherever that is here; then lengths and content
            let filled = self.count.saturating_add(3).next_multiple_of(8);
            self.push(0, filled.saturating_sub(self.count), out);
            let from = if bits.first > 5 { 2 } else { 1 };
            out.extend_from_slice(bits.bytes.get(from..).unwrap_or_default());
            return;
        }
        let mut at = bits.first as usize;
        let mut left = bits.length;
        while left > 0 {
            let from = at / 8;
            let word = match bits.bytes.get(from..).and_then(|bytes| bytes.first_chunk::<8>()) {
                Some(bytes) => u64::from_le_bytes(*bytes),
                None => bits
                    .bytes
                    .get(from..)
                    .unwrap_or_default()
                    .iter()
                    .rev()
                    .fold(0, |word: u64, byte| word << 8 | u64::from(*byte)),
            };
            let now = u32::try_from(left.min(56).min(64 - 8)).unwrap_or_default();
            self.push(word >> (at % 8) & mask(now), now, out);
            at = at.saturating_add(now as usize);
            left = left.saturating_sub(u64::from(now));
        }
    }

    /// Adds at most 56 bits.
    fn push(&mut self, value: u64, count: u32, out: &mut Vec<u8>) {
        self.rest |= value << self.count;
        self.count = self.count.saturating_add(count);
        let whole = (self.count / 8).min(8);
        out.extend_from_slice(self.rest.to_le_bytes().get(..whole as usize).unwrap_or_default());
        self.rest = self.rest.checked_shr(whole.saturating_mul(8)).unwrap_or_default();
        self.count = self.count.saturating_sub(whole.saturating_mul(8));
    }

    /// Comes to the end of a byte, by an empty block that is not compressed where there is none yet.
    pub(super) fn align(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        // no last block, not compressed: three bits of zero, and zeros up to the byte's end
        let filled = self.count.saturating_add(3).next_multiple_of(8);
        self.push(0, filled.saturating_sub(self.count), out);
        out.extend_from_slice(&[0, 0, 0xff, 0xff]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests may panic")]

    use std::io::Write as _;

    use flate2::{Compression, Decompress, FlushDecompress};

    use super::*;

    fn sample(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut bytes = Vec::with_capacity(length + 64);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match state >> 60 {
                0..5 => bytes.extend_from_slice(&state.to_le_bytes()),
                5..9 => bytes.extend_from_slice(b"return self."),
                9 => bytes.extend_from_slice(&[0; 600]),
                _ => bytes.extend_from_slice(format!("import {:x}\n", state >> 44).as_bytes()),
            }
        }
        bytes.truncate(length);
        bytes
    }

    fn packed(bytes: &[u8], level: u32, name: Option<&str>) -> Vec<u8> {
        let mut builder = flate2::GzBuilder::new();
        if let Some(name) = name {
            builder = builder.filename(name).comment("x").extra(vec![1, 2, 3]);
        }
        let mut packer = builder.write(Vec::new(), Compression::new(level));
        packer.write_all(bytes).expect("to memory");
        packer.finish().expect("to memory")
    }

    fn size(bytes: u64) -> usize {
        usize::try_from(bytes).expect("small")
    }

    fn found(blob: &[u8], piece: usize) -> Vec<Block> {
        let mut blocks = Blocks::default();
        blob.chunks(piece).for_each(|piece| blocks.feed(piece));
        std::iter::from_fn(|| blocks.take()).collect()
    }

    #[test]
    fn blocks_follow_each_other_and_hold_what_they_say() {
        let bytes = sample(3_000_000, 7);
        for level in [0, 3, 6, 9] {
            let blob = packed(&bytes, level, (level == 3).then_some("a name"));
            let blocks = found(&blob, blob.len());
            assert!(blocks.len() > 5, "{level}: {}", blocks.len());
            assert_eq!(blocks[0].start, 0);
            assert!(blocks.windows(2).all(|pair| pair[0].end == pair[1].start), "{level}");
            assert!(blocks.last().is_some_and(|block| block.end > 2_000_000 && block.end < 3_000_000), "{level}");
            for piece in [1000, 65_536] {
                assert!(found(&blob, piece) == blocks, "{level}: {piece}");
            }
            // each by itself, behind what it may refer to
            for block in &blocks {
                let (start, end) = (size(block.start), size(block.end));
                let mut raw = Vec::new();
                let mut joined = Joined::default();
                joined.add(&block.bits, &mut raw);
                joined.align(&mut raw);
                let mut inflate = Decompress::new(false);
                inflate.set_dictionary(&bytes[start.saturating_sub(32_768)..start]).expect("raw deflate takes any");
                let mut out = Vec::with_capacity(end - start + 64);
                inflate.decompress_vec(&raw, &mut out, FlushDecompress::Sync).expect("right");
                assert!(out == bytes[start..end], "{level}: {start}");
            }
        }
    }

    #[test]
    fn blocks_join_at_any_bit() {
        // what cannot be compressed is stored, from the next byte on
        let mut state = 5_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(300_000).collect();
        let bytes = [sample(500_000, 3), noise, sample(500_000, 4)].concat();
        let blocks = found(&packed(&bytes, 6, None), 4096);
        assert!(blocks.iter().any(|block| block.bits.is_stored) && blocks.iter().any(|block| !block.bits.is_stored));
        let end = size(blocks.last().expect("some").end);
        let mut raw = Vec::new();
        let mut joined = Joined::default();
        for block in &blocks {
            // a block without content in between, of the fixed codes: ten bits
            joined.push(0b010, 10, &mut raw);
            joined.add(&block.bits, &mut raw);
        }
        joined.align(&mut raw);
        let mut out = Vec::with_capacity(end + 64);
        Decompress::new(false).decompress_vec(&raw, &mut out, FlushDecompress::Sync).expect("right");
        assert!(out == bytes[..end]);
    }

    #[test]
    fn a_block_is_found_before_a_byte_behind_it_is_decoded() {
        let bytes = sample(1_500_000, 6);
        let blob = packed(&bytes, 6, None);
        let all = found(&blob, blob.len());
        assert!(all.len() > 3);
        let (mut blocks, mut inflate, mut ends) = (Blocks::default(), Decompress::new(false), Vec::new());
        let mut out = Vec::with_capacity(bytes.len() + 64);
        for (at, byte) in blob.iter().enumerate() {
            blocks.feed(&[*byte]);
            ends.extend(std::iter::from_fn(|| blocks.take()).map(|block| block.end));
            if at >= 10 {
                inflate.decompress_vec(&[*byte], &mut out, FlushDecompress::None).expect("right");
            }
            let due = all.iter().filter(|block| block.end < inflate.total_out()).count();
            assert!(ends.len() >= due, "{at}: {ends:?}");
        }
        assert_eq!(ends.len(), all.len());
    }

    #[test]
    fn many_small_blocks_end_the_search() {
        let bytes = sample(100_000, 8);
        let mut raw = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        for piece in bytes.chunks(10) {
            let size = u16::try_from(piece.len()).expect("small").to_le_bytes();
            raw.extend([0, size[0], size[1], !size[0], !size[1]]);
            raw.extend(piece);
        }
        let mut blocks = Blocks::default();
        blocks.feed(&raw);
        assert!(matches!(blocks.stage, Stage::End) && blocks.first().is_none());
        assert_eq!(blocks.small, MOST_SMALL + 1);
    }

    #[test]
    fn what_is_no_gzip_or_is_damaged_ends_the_search() {
        let bytes = sample(400_000, 5);
        let blob = packed(&bytes, 6, None);
        assert!(found(&bytes, 4096).is_empty());
        assert!(found(&[&[0x1f, 0x8b, 8, 8][..], &vec![b'a'; 400_000]].concat(), 4096).is_empty());
        for at in (10..blob.len()).step_by(997) {
            let mut wrong = blob.clone();
            wrong[at] ^= 0x55;
            // no panic; where blocks are found they are in order
            assert!(found(&wrong, 50_000).windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
        // a block of more content than is copied
        assert!(found(&packed(&vec![0; 5_000_000], 6, None), 4096).is_empty());
    }

    #[test]
    fn what_is_not_needed_is_not_held() {
        let bytes = sample(2_000_000, 9);
        let blob = packed(&bytes, 6, None);
        let mut blocks = Blocks::default();
        blob[..blob.len() / 2].chunks(1000).for_each(|piece| blocks.feed(piece));
        assert!(blocks.first().is_some_and(|block| block.start == 0));
        blocks.need_from(1_500_000);
        assert!(blocks.first().is_none() && blocks.waiting == 0);
        blob[blob.len() / 2..].chunks(1000).for_each(|piece| blocks.feed(piece));
        assert!(blocks.first().is_some_and(|block| block.start >= 1_500_000));
        assert!(blocks.input.is_empty());
    }
}

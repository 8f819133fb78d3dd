//! bzip2 (its author's program; the format is described by Joe Tsai, "BZIP2: Format Specification", 2016), several blocks
//! at once.
//!
//! To undo the Burrows-Wheeler transform is to follow a chain of links through a table of megabytes, and each step waits for
//! memory. The chains of several blocks do not wait for each other, and a block of long runs is followed by these: four
//! times as fast, where that is most needed.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::{self, BufRead, Read};

/// Blocks whose chains are followed at once. Each takes up to 4.5 MB.
const AT_ONCE: usize = 4;

/// Bytes of a block for each level of compression.
const UNIT: usize = 100_000;

/// Longest code, in bits.
const LONGEST: usize = 20;

/// Bits of a code that are looked up; longer ones are rare.
const QUICK: u32 = 10;

/// Most symbols: two for runs, one for each byte but one, and the end.
const SYMBOLS: usize = 258;

/// Symbols that one selector stands for.
const GROUP: usize = 50;

/// What selectors there may be of the largest block; more are passed over, as they always were.
const SELECTORS: usize = 18_002;

/// First bits of a block (the digits of pi) and of the end of a stream (those of its square root).
const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;

/// Reads what one or more streams of bzip2 expand to.
pub(super) struct Bzip2Reader<R> {
    bits: Bits<R>,
    /// Largest block of the stream, in bytes; `None` between streams.
    largest: Option<usize>,
    /// What the sums of its blocks make, so far.
    sum: u32,
    blocks: Vec<Block>,
    /// The block that is being handed out, and how many there are in this turn.
    current: usize,
    count: usize,
    /// What is wrong behind the blocks of this turn.
    failure: Option<io::Error>,
    is_over: bool,
    has_begun: bool,
}

impl<R: BufRead> Bzip2Reader<R> {
    /// Reads from `inner`, up to its end.
    pub(super) fn new(inner: R) -> Self {
        Self {
            bits: Bits { inner, word: 0, count: 0 },
            largest: None,
            sum: 0,
            blocks: Vec::new(),
            current: 0,
            count: 0,
            failure: None,
            is_over: false,
            has_begun: false,
        }
    }

    /// Reads the next blocks, as many as there are and are followed at once.
    fn turn(&mut self) {
        (self.current, self.count) = (0, 0);
        while self.count < AT_ONCE && self.failure.is_none() {
            match self.block() {
                Ok(true) => self.count = self.count.saturating_add(1),
                Ok(false) => break,
                Err(error) => self.failure = Some(error),
            }
        }
        follow(self.blocks.get_mut(..self.count).unwrap_or_default());
    }

    /// Reads a block; false at the end.
    fn block(&mut self) -> io::Result<bool> {
        let largest = loop {
            let largest = match self.largest {
                Some(largest) => largest,
                None if self.bits.is_at_end()? && self.has_begun => {
                    self.is_over = true;
                    return Ok(false);
                }
                None => {
                    let (head, level) = (self.bits.take(24)?, self.bits.take(8)?);
                    let level = level.checked_sub(u32::from(b'0')).filter(|level| (1..=9).contains(level));
                    let level = level.filter(|_| head == 0x42_5a68).ok_or_else(damaged)?;
                    self.has_begun = true;
                    self.sum = 0;
                    UNIT.saturating_mul(level as usize)
                }
            };
            self.largest = Some(largest);
            let mark = u64::from(self.bits.take(24)?) << 24 | u64::from(self.bits.take(24)?);
            match mark {
                BLOCK => break largest,
                END => {
                    if self.bits.take_word()? != self.sum {
                        return Err(damaged());
                    }
                    self.bits.align();
                    self.largest = None;
                }
                _ => return Err(damaged()),
            }
        };
        if self.blocks.len() <= self.count {
            self.blocks.push(Block::default());
        }
        let block = self.blocks.get_mut(self.count).ok_or_else(damaged)?;
        block.read(&mut self.bits, largest)?;
        self.sum = self.sum.rotate_left(1) ^ block.expected;
        Ok(true)
    }
}

impl<R: BufRead> Read for Bzip2Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            while self.current < self.count {
                let block = self.blocks.get_mut(self.current).ok_or_else(damaged)?;
                let written = block.hand_out(out);
                if written > 0 {
                    return Ok(written);
                }
                if block.sum != block.expected {
                    (self.count, self.is_over) = (0, true);
                    return Err(damaged());
                }
                self.current = self.current.saturating_add(1);
            }
            if let Some(failure) = self.failure.take() {
                (self.count, self.is_over) = (0, true);
                return Err(failure);
            }
            if self.is_over {
                return Ok(0);
            }
            self.turn();
        }
    }
}

/// Bits, the most significant first.
struct Bits<R> {
    inner: R,
    /// The next `count` bits, on the left.
    word: u64,
    count: u32,
}

impl<R: BufRead> Bits<R> {
    /// Has 32 bits at least at hand, or all that are left.
    fn fill(&mut self) -> io::Result<()> {
        while self.count <= 32 {
            let bytes = self.inner.fill_buf()?;
            if let Some(four) = bytes.first_chunk::<4>() {
                self.word |= u64::from(u32::from_be_bytes(*four)) << 32 >> self.count;
                self.count = self.count.saturating_add(32);
                self.inner.consume(4);
            } else if let Some(one) = bytes.first() {
                self.word |= u64::from(*one) << 56 >> self.count;
                self.count = self.count.saturating_add(8);
                self.inner.consume(1);
            } else {
                break;
            }
        }
        Ok(())
    }

    /// The next bits, 24 at most.
    fn take(&mut self, count: u32) -> io::Result<u32> {
        if self.count < count {
            self.fill()?;
        }
        let bits = u32::try_from(self.word >> 1 >> 63_u32.saturating_sub(count)).unwrap_or_default();
        self.skip(count)?;
        Ok(bits)
    }

    fn take_word(&mut self) -> io::Result<u32> {
        Ok(self.take(16)? << 16 | self.take(16)?)
    }

    #[inline]
    fn skip(&mut self, count: u32) -> io::Result<()> {
        self.count = self.count.checked_sub(count).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.word <<= count;
        Ok(())
    }

    /// Leaves out the rest of a byte.
    fn align(&mut self) {
        let rest = self.count % 8;
        self.word <<= rest;
        self.count = self.count.saturating_sub(rest);
    }

    fn is_at_end(&mut self) -> io::Result<bool> {
        self.fill()?;
        Ok(self.count == 0)
    }
}

/// The codes of a table.
struct Codes {
    /// For each beginning of so many bits the symbol and its length; 0 for longer ones.
    quick: Vec<u16>,
    /// For each length: its greatest code and 1, aligned on the left; and what makes a place in `symbols` of a code.
    limits: [u64; LONGEST + 2],
    offsets: [i64; LONGEST + 2],
    symbols: Vec<u16>,
}

impl Codes {
    fn of(lengths: &[u8]) -> Self {
        let mut codes = Self {
            quick: vec![0; 1 << QUICK],
            limits: [0; LONGEST + 2],
            offsets: [0; LONGEST + 2],
            symbols: Vec::with_capacity(lengths.len()),
        };
        let mut code = 0_u64;
        for length in 1..=LONGEST {
            let bits = u32::try_from(length).unwrap_or_default();
            let first = codes.symbols.len();
            let offset = i64::try_from(first).unwrap_or_default().saturating_sub_unsigned(code);
            codes.offsets.get_mut(length).into_iter().for_each(|place| *place = offset);
            let own = (0..).zip(lengths).filter(|(_, own)| usize::from(**own) == length).map(|(symbol, _)| symbol);
            codes.symbols.extend(own);
            for symbol in codes.symbols.get(first..).unwrap_or_default() {
                if bits <= QUICK {
                    let width = QUICK.saturating_sub(bits);
                    let from = usize::try_from(code << width).unwrap_or(usize::MAX);
                    let to = from.saturating_add(1 << width);
                    // codes that are too many for their length are in no table
                    let entry = symbol << 5 | u16::try_from(length).unwrap_or_default();
                    codes.quick.get_mut(from..to).unwrap_or_default().fill(entry);
                }
                code = code.saturating_add(1);
            }
            codes.limits.get_mut(length).into_iter().for_each(|limit| *limit = code);
            code <<= 1;
        }
        codes
    }

    /// The next symbol.
    #[inline]
    fn next<R: BufRead>(&self, bits: &mut Bits<R>) -> io::Result<u16> {
        if bits.count < 32 {
            bits.fill()?;
        }
        let at = usize::try_from(bits.word >> (64 - QUICK)).unwrap_or_default();
        let entry = self.quick.get(at).copied().unwrap_or_default();
        if entry != 0 {
            bits.skip(u32::from(entry & 31))?;
            return Ok(entry >> 5);
        }
        for length in 1..=LONGEST {
            let count = u32::try_from(length).unwrap_or_default();
            let code = bits.word >> 1 >> 63_u32.saturating_sub(count);
            if self.limits.get(length).is_some_and(|limit| code < *limit) {
                bits.skip(count)?;
                let place = self.offsets.get(length).copied().unwrap_or_default().saturating_add_unsigned(code);
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                return self.symbols.get(place).copied().ok_or_else(damaged);
            }
        }
        Err(if bits.count < 20 { io::ErrorKind::UnexpectedEof.into() } else { damaged() })
    }
}

/// Bytes of a run for which pieces are made, on average, instead of links for each byte.
const LEAST_RUN: usize = 8;

/// Longest piece: how many others begin in the place it stands for is bounded so.
const PIECE: u8 = 32;

/// Equal bytes that stand together in a block. Among the bytes in order they stand together as well (Nishimoto and Tabei,
/// "Optimal-time queries on BWT-runs compressed indexes", 2021), so that a few thousand pieces tell what a million links do, and
/// stay in the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    /// The piece in which their place in the block begins, and how far behind its beginning.
    to: u32,
    skip: u8,
    length: u8,
    byte: u8,
}

/// A block, and how far it was handed out.
#[derive(Default)]
struct Block {
    /// Each a byte, and above it the place of the next link.
    links: Vec<u32>,
    /// Where the first byte stands among the bytes in order.
    first: u32,
    /// The same for blocks of long runs, instead of links.
    pieces: Vec<Piece>,
    /// The first piece, and how many of its bytes are passed over.
    start: (u32, u32),
    /// The bytes, before runs are undone.
    bytes: Vec<u8>,
    at: usize,
    /// How often the last byte stood in a row, and how often it is still to be repeated.
    last: u8,
    in_row: u8,
    repeats: u8,
    /// The checksum that the block gives, and that of what was handed out.
    expected: u32,
    sum: u32,
}

impl Block {
    /// Reads a block behind its mark, of `largest` bytes at most.
    fn read<R: BufRead>(&mut self, bits: &mut Bits<R>, largest: usize) -> io::Result<()> {
        self.expected = bits.take_word()?;
        (self.sum, self.at, self.in_row, self.repeats) = (0, 0, 0, 0);
        // shuffled blocks were made by versions before 0.9.5, of 1999
        if bits.take(1)? != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "bzip2: a block of a form given up in 1999"));
        }
        let first = bits.take(24)?;
        let mut used = Vec::with_capacity(256);
        let ranges = bits.take(16)?;
        for range in (0..16_u8).filter(|range| ranges >> 15_u8.saturating_sub(*range) & 1 == 1) {
            let own = bits.take(16)?;
            used.extend((0..16_u8).filter(|at| own >> 15_u8.saturating_sub(*at) & 1 == 1).map(|at| range << 4 | at));
        }
        if used.is_empty() {
            return Err(damaged());
        }
        let tables = bits.take(3)? as usize;
        let selectors = bits.take(15)?;
        if !(2..=6).contains(&tables) || selectors == 0 {
            return Err(damaged());
        }
        let mut order: Vec<u8> = (0..6).take(tables).collect();
        let mut chosen = Vec::new();
        for _ in 0..selectors {
            let mut place = 0_usize;
            while bits.take(1)? == 1 {
                place = place.saturating_add(1);
            }
            let table = *order.get(place).ok_or_else(damaged)?;
            order.copy_within(..place, 1);
            order.first_mut().into_iter().for_each(|first| *first = table);
            if chosen.len() < SELECTORS {
                chosen.push(table);
            }
        }
        let symbols = used.len().saturating_add(2);
        let mut codes = Vec::with_capacity(tables);
        for _ in 0..tables {
            let mut lengths = [0; SYMBOLS];
            let mut length = bits.take(5)?;
            for place in lengths.iter_mut().take(symbols) {
                loop {
                    if !(1..=20).contains(&length) {
                        return Err(damaged());
                    }
                    if bits.take(1)? == 0 {
                        break;
                    }
                    length = if bits.take(1)? == 0 { length.saturating_add(1) } else { length.saturating_sub(1) };
                }
                *place = u8::try_from(length).unwrap_or_default();
            }
            codes.push(Codes::of(lengths.get(..symbols).unwrap_or_default()));
        }
        self.symbols(bits, &codes, &chosen, used, largest)?;
        self.link(first)
    }

    /// Reads the symbols of a block: runs of the first of the bytes in their order, and places in that order.
    fn symbols<R: BufRead>(
        &mut self,
        bits: &mut Bits<R>,
        codes: &[Codes],
        chosen: &[u8],
        mut order: Vec<u8>,
        largest: usize,
    ) -> io::Result<()> {
        let end = u16::try_from(order.len()).unwrap_or_default().saturating_add(1);
        self.bytes.clear();
        let (mut run, mut weight) = (0_usize, 1_usize);
        for table in chosen {
            let codes = codes.get(usize::from(*table)).ok_or_else(damaged)?;
            for _ in 0..GROUP {
                let symbol = codes.next(bits)?;
                if symbol < 2 {
                    run = run.saturating_add(weight << symbol);
                    weight <<= 1;
                    if run > largest {
                        return Err(damaged());
                    }
                    continue;
                }
                if run > 0 {
                    let first = order.first().copied().unwrap_or_default();
                    let length = self.bytes.len().saturating_add(run);
                    if length > largest {
                        return Err(damaged());
                    }
                    self.bytes.resize(length, first);
                    (run, weight) = (0, 1);
                }
                if symbol == end {
                    return Ok(());
                }
                let place = usize::from(symbol).saturating_sub(1);
                let byte = *order.get(place).ok_or_else(damaged)?;
                order.copy_within(..place, 1);
                order.first_mut().into_iter().for_each(|first| *first = byte);
                if self.bytes.len() >= largest {
                    return Err(damaged());
                }
                self.bytes.push(byte);
            }
        }
        Err(damaged())
    }

    /// Makes the pieces or the links: the place of each byte among the bytes in order.
    fn link(&mut self, first: u32) -> io::Result<()> {
        if first as usize >= self.bytes.len() {
            return Err(damaged());
        }
        self.first = first;
        let mut starts = [0_u32; 256];
        for byte in &self.bytes {
            if let Some(count) = starts.get_mut(usize::from(*byte)) {
                *count = count.saturating_add(1);
            }
        }
        let mut sum = 0_u32;
        for count in &mut starts {
            let own = *count;
            *count = sum;
            sum = sum.saturating_add(own);
        }
        self.links.clear();
        self.pieces.clear();
        let changes = self.bytes.array_windows().filter(|[one, next]| one != next).count();
        if changes.saturating_mul(LEAST_RUN) <= self.bytes.len() {
            self.piece(starts);
            return Ok(());
        }
        self.links.extend(self.bytes.iter().map(|byte| u32::from(*byte)));
        for (number, byte) in (0_u32..).zip(&self.bytes) {
            if let Some(start) = starts.get_mut(usize::from(*byte)) {
                if let Some(link) = self.links.get_mut(*start as usize) {
                    *link |= number << 8;
                }
                *start = start.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Makes the pieces, where each byte begins at one of `starts` in order.
    fn piece(&mut self, mut starts: [u32; 256]) {
        // where pieces begin among the bytes in order, and in the block; they come by both
        let mut places: Vec<(u32, u32, u8)> = Vec::new();
        let mut begin = 0_u32;
        for run in self.bytes.chunk_by(|one, next| one == next) {
            let byte = run.first().copied().unwrap_or_default();
            for part in run.chunks(usize::from(PIECE)) {
                let length = u8::try_from(part.len()).unwrap_or_default();
                if let Some(start) = starts.get_mut(usize::from(byte)) {
                    places.push((*start, begin, length));
                    *start = start.saturating_add(u32::from(length));
                }
                begin = begin.saturating_add(u32::from(length));
            }
        }
        // each byte's are in order: by the byte they come in the order of all
        places.sort_unstable_by_key(|(start, ..)| *start);
        // the piece that each so many bytes begin in
        let step = usize::from(PIECE);
        let mut marks: Vec<u32> = Vec::new();
        for (number, (start, _, length)) in (0_u32..).zip(&places) {
            let end = start.saturating_add(u32::from(*length)) as usize;
            while marks.len().saturating_mul(step) < end {
                marks.push(number);
            }
        }
        for (_, begin, length) in &places {
            let byte = self.bytes.get(*begin as usize).copied().unwrap_or_default();
            let mut to =
                marks.get((*begin as usize).checked_div(step).unwrap_or_default()).copied().unwrap_or_default();
            let skip = loop {
                let (start, _, length) = places.get(to as usize).copied().unwrap_or_default();
                match begin.checked_sub(start) {
                    Some(skip) if skip < u32::from(length) => break skip,
                    Some(_) if length > 0 => to = to.saturating_add(1),
                    _ => break 0,
                }
            };
            self.pieces.push(Piece { to, skip: u8::try_from(skip).unwrap_or_default(), length: *length, byte });
        }
        let number = places.partition_point(|(start, ..)| *start <= self.first).saturating_sub(1);
        let start = places.get(number).map_or(0, |(start, ..)| *start);
        self.start = (u32::try_from(number).unwrap_or_default(), self.first.saturating_sub(start));
    }

    /// Follows the pieces, and puts the bytes in order.
    fn follow_pieces(&mut self) {
        let (mut number, mut skip) = self.start;
        let mut piece = self.pieces.get(number as usize).copied().unwrap_or_default();
        for to in &mut self.bytes {
            *to = piece.byte;
            skip = skip.saturating_add(u32::from(piece.skip));
            number = piece.to;
            piece = self.pieces.get(number as usize).copied().unwrap_or_default();
            while let Some(rest) = skip.checked_sub(u32::from(piece.length))
                && piece.length > 0
            {
                skip = rest;
                number = number.saturating_add(1);
                piece = self.pieces.get(number as usize).copied().unwrap_or_default();
            }
        }
    }

    /// Writes what comes next, with runs undone: behind four equal bytes stands how many more there are. 0 at the end.
    fn hand_out(&mut self, out: &mut [u8]) -> usize {
        let mut written = 0_usize;
        while written < out.len() {
            if self.repeats > 0 {
                let count = usize::from(self.repeats).min(out.len().saturating_sub(written));
                let end = written.saturating_add(count);
                out.get_mut(written..end).unwrap_or_default().fill(self.last);
                written = end;
                self.repeats = self.repeats.saturating_sub(u8::try_from(count).unwrap_or(u8::MAX));
                continue;
            }
            let Some(byte) = self.bytes.get(self.at).copied() else { break };
            self.at = self.at.saturating_add(1);
            if self.in_row == 4 {
                (self.repeats, self.in_row) = (byte, 0);
                continue;
            }
            self.in_row = if byte == self.last && self.in_row > 0 { self.in_row.saturating_add(1) } else { 1 };
            self.last = byte;
            if let Some(place) = out.get_mut(written) {
                *place = byte;
            }
            written = written.saturating_add(1);
        }
        self.sum = !sum_of(!self.sum, out.get(..written).unwrap_or_default());
        written
    }
}

/// Puts the bytes of all blocks in order, those that have links together.
fn follow(blocks: &mut [Block]) {
    blocks.iter_mut().filter(|block| !block.pieces.is_empty()).for_each(Block::follow_pieces);
    let mut linked: Vec<&mut Block> = blocks.iter_mut().filter(|block| !block.links.is_empty()).collect();
    for block in &mut linked {
        block.first = block.links.get(block.first as usize).copied().unwrap_or_default() >> 8;
    }
    let mut together = 0;
    if linked.len() == AT_ONCE {
        together = linked.iter().map(|block| block.bytes.len()).min().unwrap_or(0);
        let mut chains = linked.iter_mut().map(|block| (block.links.as_slice(), &mut block.bytes, &mut block.first));
        if let [Some(one), Some(two), Some(three), Some(four)] = [(); AT_ONCE].map(|()| chains.next()) {
            let mut chains = [one, two, three, four];
            for place in 0..together {
                for (links, bytes, at) in &mut chains {
                    let link = links.get(**at as usize).copied().unwrap_or_default();
                    if let Some(to) = bytes.get_mut(place) {
                        *to = byte_of(link);
                    }
                    **at = link >> 8;
                }
            }
        }
    }
    for block in linked {
        let at = block.first;
        rest(block, together, at);
    }
}

/// Follows the links of one block from its byte at `from` on.
fn rest(block: &mut Block, from: usize, mut at: u32) {
    for to in block.bytes.iter_mut().skip(from) {
        let link = block.links.get(at as usize).copied().unwrap_or_default();
        *to = byte_of(link);
        at = link >> 8;
    }
}

/// The byte of a link.
fn byte_of(link: u32) -> u8 {
    let [byte, ..] = link.to_le_bytes();
    byte
}

/// Goes on with a CRC-32 whose most significant bit comes first.
fn sum_of(mut sum: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let at = |table: usize, byte: u8| {
        SUMS.get(table).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or_default()
    };
    for eight in eights {
        let word = u64::from_be_bytes(*eight) ^ u64::from(sum) << 32;
        sum = (0..8).rev().zip(word.to_be_bytes()).fold(0, |sum, (table, byte)| sum ^ at(table, byte));
    }
    for byte in rest {
        let [first, ..] = sum.to_be_bytes();
        sum = sum << 8 ^ at(0, first ^ byte);
    }
    sum
}

/// What each byte makes of the sum, with so many bytes behind it.
static SUMS: [[u32; 256]; 8] = sums();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler, which checks it"
)]
const fn sums() -> [[u32; 256]; 8] {
    let mut sums = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        sums[0][byte] = sum;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = sums[table - 1][byte];
            sums[table][byte] = before << 8 ^ sums[0][(before >> 24) as usize];
            byte += 1;
        }
        table += 1;
    }
    sums
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "bzip2: invalid data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::decompress::Compressed;
    use crate::format::testing::deflate;

    fn read(packed: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let is_whole = Bzip2Reader::new(packed).read_to_end(&mut out).is_ok();
        (out, is_whole)
    }

    /// The reader of the crate that packs them, as the oracle.
    fn expected(packed: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let is_whole = ::bzip2::bufread::MultiBzDecoder::new(packed).read_to_end(&mut out).is_ok();
        (out, is_whole)
    }

    fn random(seed: u32) -> impl Iterator<Item = u8> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
    }

    #[test]
    fn blocks_of_every_sort_come_back() {
        let lines =
            |count: usize| -> Vec<u8> { (0..count).flat_map(|n| format!("line {}\n", n % 7).into_bytes()).collect() };
        let letters = |count: usize| -> Vec<u8> { random(7).take(count).map(|byte| b'a' + byte % 16).collect() };
        let mixed = [lines(30_000), random(3).take(150_000).collect(), vec![0; 400_000], letters(250_000)].concat();
        let runs = [3_usize, 4, 5, 8, 255, 256, 259, 260, 1_000].map(|count| vec![b'x'; count]).join(&b'y');
        let texts = [
            Vec::new(),
            b"a".to_vec(),
            b"aaaa".to_vec(),
            runs,
            lines(100_000),
            letters(900_000),
            vec![7; 3_000_000],
            mixed,
        ];
        for text in texts {
            let packed = deflate(Compressed::Bzip2, &text);
            assert!(read(&packed) == (text.clone(), true), "{} bytes", text.len());
            let twice = [packed.as_slice(), &packed].concat();
            assert!(read(&twice) == ([text.as_slice(), &text].concat(), true), "{} bytes twice", text.len());
            assert!(!read(&[packed.as_slice(), b"garbage behind"].concat()).1);
        }
    }

    #[test]
    fn damage_is_told_and_what_stands_before_it_is_given() {
        let text: Vec<u8> = (0..40_000).flat_map(|n| format!("{} ", n * n % 1_009).into_bytes()).collect();
        let packed = deflate(Compressed::Bzip2, &text);
        let mut places = random(1);
        for round in 0..60 {
            let at = (0..3).fold(0_usize, |at, _| at << 8 | usize::from(places.next().unwrap_or(0))) % packed.len();
            let mut other = packed.clone();
            if round % 3 == 0 {
                other.truncate(at);
            } else {
                other[at] ^= 1 << (round % 8);
            }
            let ((out, is_whole), (least, is_expected)) = (read(&other), expected(&other));
            assert!(is_whole == is_expected && out.starts_with(&least), "{round}: {at}");
        }
        assert!(!read(b"").1, "nothing is no stream");
    }
}

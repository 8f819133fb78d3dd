//! Bytes that are piled up before they are written, squeezed: what one feed says of thousands of packages repeats
//! itself so much that a tenth of the memory holds it.

use zstd::bulk::{Compressor, Decompressor};

use crate::error::{Error, ErrorKind, Result};

/// Level of zstd: the fastest, since all of it is read once and goes.
const LEVEL: i32 = 1;

/// Fewest bytes by themselves that are squeezed.
const WORTH: usize = 1 << 10;

/// Bytes that wait until they are squeezed together; fewer would hardly shrink.
const WAITING: usize = 8 << 10;

/// Squeezes and expands.
pub(super) struct Press {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
}

/// Bytes in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Pile {
    /// Blocks, each behind the length it has squeezed and the one it has not, in four bytes each.
    blocks: Vec<u8>,
    /// What came after the last block.
    waiting: Vec<u8>,
    /// Bytes in all.
    length: usize,
}

impl Press {
    pub(super) fn new() -> Result<Self> {
        let compressor = Compressor::new(LEVEL).map_err(|error| broken(&error))?;
        Ok(Self { compressor, decompressor: Decompressor::new().map_err(|error| broken(&error))? })
    }

    /// Appends bytes to others, squeezed if that is worth it.
    pub(super) fn squeeze_into(&mut self, bytes: &[u8], to: &mut Vec<u8>) -> Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|error| broken(&error))?;
        if bytes.len() < WORTH {
            to.extend(0_u32.to_le_bytes());
            to.extend(bytes);
        } else {
            to.extend(length.to_le_bytes());
            to.extend(self.compressor.compress(bytes).map_err(|error| broken(&error))?);
        }
        Ok(())
    }

    /// What was squeezed.
    pub(super) fn expand(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        match length(bytes) {
            Some((0, plain)) => Ok(plain.to_vec()),
            Some((whole, block)) => self.decompressor.decompress(block, whole).map_err(|error| broken(&error)),
            None => Err(broken(&"a record is cut")),
        }
    }
}

impl Pile {
    /// Adds what `write` appends to the bytes it is given.
    pub(super) fn add(&mut self, press: &mut Press, write: impl FnOnce(Vec<u8>) -> Result<Vec<u8>>) -> Result<()> {
        let before = self.waiting.len();
        self.waiting = write(std::mem::take(&mut self.waiting))?;
        self.length += self.waiting.len().saturating_sub(before);
        if self.waiting.len() >= WAITING {
            let block = press.compressor.compress(&self.waiting).map_err(|error| broken(&error))?;
            for length in [block.len(), self.waiting.len()] {
                let length = u32::try_from(length).map_err(|error| broken(&error))?;
                self.blocks.extend(length.to_le_bytes());
            }
            self.blocks.extend(block);
            // what waited was large for once, or all piles would keep room for as much
            self.waiting = Vec::new();
        }
        Ok(())
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// All bytes, behind those of `to`.
    pub(super) fn expand(&self, press: &mut Press, mut to: Vec<u8>) -> Result<Vec<u8>> {
        to.reserve(self.length);
        let mut rest = self.blocks.as_slice();
        while let Some((squeezed, after)) = length(rest) {
            let (whole, after) = length(after).ok_or_else(|| broken(&"a block is cut"))?;
            let (block, after) = after.split_at_checked(squeezed).ok_or_else(|| broken(&"a block is cut"))?;
            to.extend(press.decompressor.decompress(block, whole).map_err(|error| broken(&error))?);
            rest = after;
        }
        to.extend(&self.waiting);
        Ok(to)
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

fn broken(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, format!("what is to be compiled cannot be held in memory: {why}"))
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Press")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_squeezed_is_what_it_was() {
        let mut press = Press::new().expect("starts");
        for count in [0, 1, WORTH - 1, WORTH, 1 << 20] {
            let (bytes, mut squeezed) = (b"ab".iter().copied().cycle().take(count).collect::<Vec<u8>>(), Vec::new());
            press.squeeze_into(&bytes, &mut squeezed).expect("squeezes");
            assert!(squeezed.len() <= count.min(WORTH) + 4, "{count}: {}", squeezed.len());
            assert_eq!(press.expand(&squeezed).expect("expands"), bytes);
        }
        for cut in [&b""[..], b"abc", b"\x09\x00\x00\x00abc"] {
            assert!(press.expand(cut).is_err());
        }
    }

    #[test]
    fn what_is_piled_up_comes_out_again_and_takes_little() {
        let mut press = Press::new().expect("starts");
        for count in [0_usize, 1, 3, 1_000, 50_000] {
            let mut pile = Pile::default();
            let mut expected = b"before".to_vec();
            for number in 0..count {
                let line = format!("enterprise_linux:9::appstream some-package {}\n", number % 977);
                expected.extend(line.as_bytes());
                let add = |mut bytes: Vec<u8>| {
                    bytes.extend(line.as_bytes());
                    Ok(bytes)
                };
                pile.add(&mut press, add).expect("adds");
            }
            assert_eq!(pile.len() + 6, expected.len(), "{count}");
            assert_eq!(pile.expand(&mut press, b"before".to_vec()).expect("expands"), expected, "{count}");
            let held = pile.blocks.capacity() + pile.waiting.capacity();
            assert!(count < 50_000 || held * 8 < expected.len(), "{held} of {}", expected.len());
        }
    }
}

//! A file whose blocks are each checked when they are first read, so that a damaged byte is an error and never a
//! record that is not found.
//!
//! Behind the content stand one XXH3 sum of 8 bytes for each block of 64 KiB, little-endian, then the length of the
//! content, then [`MAGIC`]. The sum of that tail is in the manifest. XXH3 finds damage, not malice: whoever may write
//! the folder may write the manifest too.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;
use twox_hash::XxHash3_64;

/// Bytes of a block, as a power of two.
const BLOCK_BITS: u32 = 16;

/// Bytes of a block.
const BLOCK: usize = 1 << BLOCK_BITS;

/// The last bytes of every sealed file.
const MAGIC: &[u8; 8] = b"careen\x001";

/// Largest file opened: sums for it take 32 MiB.
const LARGEST: u64 = 256 << 30;

/// A sealed file, open for reading.
#[derive(Debug)]
pub(super) struct Sealed {
    file: File,
    length: u64,
    sums: Vec<u64>,
    /// A bit for each block that was checked.
    checked: Vec<AtomicU64>,
}

/// Seals the file at `path`, which holds content only, and returns the sum of its tail.
pub(super) fn seal(path: &Path) -> io::Result<u64> {
    let mut file = File::options().read(true).append(true).open(path)?;
    let mut tail = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut length = 0_u64;
    loop {
        let read = read_block(&mut file, &mut block)?;
        let Some(content) = block.get(..read).filter(|content| !content.is_empty()) else { break };
        tail.extend_from_slice(&XxHash3_64::oneshot(content).to_le_bytes());
        length = length.saturating_add(read as u64);
    }
    tail.extend_from_slice(&length.to_le_bytes());
    tail.extend_from_slice(MAGIC);
    file.write_all(&tail)?;
    file.sync_all()?;
    Ok(XxHash3_64::oneshot(&tail))
}

fn read_block(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            read => filled = filled.saturating_add(read),
        }
    }
    Ok(filled)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Sealed {
    /// Opens a file whose tail has this sum.
    pub(super) fn open(path: &Path, seal: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let total = file.metadata()?.len();
        let mut end = [0; 16];
        let at = total.checked_sub(end.len() as u64).ok_or_else(|| damaged("it is cut short"))?;
        file.read_exact_at(&mut end, at)?;
        let (length, magic) = end.split_at(8);
        let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
        if magic != MAGIC || length > LARGEST {
            return Err(damaged("its end is damaged, or it was written by another version of careen"));
        }
        let blocks = length.div_ceil(BLOCK as u64);
        let expected = blocks.checked_mul(8).and_then(|sums| sums.checked_add(length)?.checked_add(16));
        if expected != Some(total) {
            return Err(damaged("it is cut short or has grown"));
        }
        let mut tail = vec![0; usize::try_from(total.saturating_sub(length)).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut tail, length)?;
        if XxHash3_64::oneshot(&tail) != seal {
            return Err(damaged("its sums are damaged, or it is not the file that the manifest means"));
        }
        let sums = tail.chunks_exact(8).map(|sum| u64::from_le_bytes(sum.try_into().unwrap_or_default()));
        let sums: Vec<u64> = sums.take(usize::try_from(blocks).unwrap_or(usize::MAX)).collect();
        let checked = (0..sums.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { file, length, sums, checked })
    }

    /// Checks a block that was not checked yet.
    fn check(&self, block: u64) -> io::Result<()> {
        let index = usize::try_from(block).unwrap_or(usize::MAX);
        let (Some(sum), Some(checked)) = (self.sums.get(index), self.checked.get(index / 64)) else {
            return Err(damaged("a read beyond its end"));
        };
        let bit = 1 << (block % 64);
        if checked.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = block.saturating_mul(BLOCK as u64);
        let size = self.length.saturating_sub(start).min(BLOCK as u64);
        let mut content = vec![0; usize::try_from(size).unwrap_or(BLOCK)];
        self.file.read_exact_at(&mut content, start)?;
        if XxHash3_64::oneshot(&content) != *sum {
            return Err(damaged("a block of it is damaged"));
        }
        checked.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}

impl StorageBackend for Sealed {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let Some(last) = (out.len() as u64).checked_sub(1).and_then(|more| offset.checked_add(more)) else {
            return if out.is_empty() { Ok(()) } else { Err(damaged("a read beyond its end")) };
        };
        if last >= self.length {
            return Err(damaged("a read beyond its end"));
        }
        for block in offset >> BLOCK_BITS..=last >> BLOCK_BITS {
            self.check(block)?;
        }
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_byte_is_found_by_whoever_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..3 * BLOCK + 100).map(|byte| u8::try_from(byte % 251).unwrap_or_default()).collect();
        std::fs::write(&path, &content).expect("writes");
        let sum = seal(&path).expect("seals");
        let read = |at: u64, length: usize| {
            let mut out = vec![0; length];
            Sealed::open(&path, sum).and_then(|sealed| sealed.read(at, &mut out)).map(|()| out)
        };
        assert_eq!(read(BLOCK as u64 - 5, 10).expect("reads"), content[BLOCK - 5..BLOCK + 5]);
        assert!(read(content.len() as u64 - 5, 6).is_err());
        assert!(Sealed::open(&path, sum ^ 1).is_err());
        let sound = std::fs::read(&path).expect("reads");
        for at in [0, BLOCK, 3 * BLOCK + 99, content.len(), sound.len() - 12, sound.len() - 1] {
            let mut spoilt = sound.clone();
            spoilt[at] ^= 1;
            std::fs::write(&path, &spoilt).expect("writes");
            let all = (0..content.len() as u64).step_by(BLOCK).all(|block| read(block, 1).is_ok());
            assert!(!all, "byte {at}");
        }
        for length in [0, 10, BLOCK, sound.len() - 1] {
            std::fs::write(&path, &sound[..length]).expect("writes");
            assert!(read(0, 1).is_err(), "cut to {length}");
        }
    }
}

//! Compressed bytes in memory: deflate (RFC 1951), zlib (RFC 1950), gzip (RFC 1952), zstd (RFC 8878)
//! and bzip2, never beyond a cap; and readers of these and of xz, for what reads files in files.
//!
//! Layers, which are streams, are decoded by the pass.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use lzma_rust2::XzReader;
use zstd::stream::raw::DParameter;

use super::bzip2::Bzip2Reader;
use super::magic::Magic;

/// Largest window a zstd frame may ask for, as a power of two: 8 MiB, what RFC 8878 wants every decoder to support.
pub(super) const ZSTD_WINDOW_LOG: u32 = 23;

thread_local! {
    /// Used again for each entry of an archive: it has some 50 KiB, and to allocate that a hundred thousand times
    /// between what is kept of the entries leaves the heap in shreds.
    static DEFLATE: RefCell<Decompress> = RefCell::new(Decompress::new(false));
    /// The same for what has zlib's frame: objects of git.
    static ZLIB: RefCell<Decompress> = RefCell::new(Decompress::new(true));
}

/// Bytes asked for first and at least; most documents in archives are smaller.
const STEP: usize = 4 << 10;

/// Most bytes asked for first: what follows the data may be a whole pack of git.
const FIRST: usize = 1 << 20;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressed {
    /// Deflate without any frame, as in zip archives.
    Deflate,
    /// Deflate with a checksum in Adler-32.
    Zlib,
    /// Deflate with names, length and a CRC; one member or more.
    Gzip,
    /// zstd; one frame or more.
    Zstd,
    /// bzip2; one stream or more.
    Bzip2,
}

/// Why bytes could not be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecompressError {
    /// They end early.
    Truncated,
    /// They are not what they claim to be, or a checksum differs.
    Corrupt,
    /// They expand to more than the cap, which is given.
    TooLarge(usize),
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the compressed data ends early"),
            Self::Corrupt => f.write_str("the compressed data is damaged"),
            Self::TooLarge(cap) => write!(f, "the data expands to more than {cap} bytes"),
        }
    }
}

/// Expands `bytes` to at most `cap` bytes; more is an error, so what comes back is always whole.
///
/// Bytes behind the end of deflate and zlib data are not looked at.
pub fn inflate(form: Compressed, bytes: &[u8], cap: usize) -> Result<Vec<u8>, DecompressError> {
    match inflate_as_far(form, bytes, cap) {
        (out, None) => Ok(out),
        (_, Some(error)) => Err(error),
    }
}

/// Expands `bytes` to at most `cap` bytes; where they are damaged or cut, gives what stands before, and the error.
pub fn inflate_as_far(form: Compressed, bytes: &[u8], cap: usize) -> (Vec<u8>, Option<DecompressError>) {
    let mut out = Vec::new();
    let error = match form {
        Compressed::Deflate => DEFLATE.with_borrow_mut(|state| {
            state.reset(false);
            deflated(state, bytes, cap, &mut out)
        }),
        Compressed::Zlib => deflated(&mut Decompress::new(true), bytes, cap, &mut out),
        Compressed::Gzip => read_all(MultiGzDecoder::new(bytes), cap, &mut out),
        Compressed::Zstd => zstd_reader(bytes, ZSTD_WINDOW_LOG)
            .map_err(|_| DecompressError::Corrupt)
            .and_then(|decoder| read_all(decoder, cap, &mut out)),
        Compressed::Bzip2 => read_all(Bzip2Reader::new(bytes), cap, &mut out),
    };
    (out, error.err())
}

/// Expands the zlib data at the start of `bytes`, and tells how many of these it has; what follows is not looked at.
pub fn inflate_front(bytes: &[u8], cap: usize) -> Result<(Vec<u8>, usize), DecompressError> {
    ZLIB.with_borrow_mut(|state| {
        state.reset(true);
        let mut out = Vec::new();
        deflated(state, bytes, cap, &mut out)?;
        Ok((out, usize::try_from(state.total_in()).unwrap_or(usize::MAX)))
    })
}

/// A reader of what `packed` expands to, told by how it begins; `None` where that is not compressed.
///
/// It has no cap. Its memory is bounded: `window` is the largest that zstd and xz may ask for, as a power of two.
pub fn decoder<'a>(form: Magic, packed: impl BufRead + 'a, window: u32) -> io::Result<Option<Box<dyn Read + 'a>>> {
    Ok(Some(match form {
        Magic::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Magic::Bzip2 => Box::new(Bzip2Reader::new(packed)),
        Magic::Zstd => Box::new(zstd_reader(packed, window)?),
        Magic::Xz => {
            // the dictionary and half a mebibyte for the decoder itself
            let kibibytes = 1_u32.checked_shl(window.saturating_sub(10)).unwrap_or(u32::MAX).saturating_add(512);
            Box::new(XzReader::new_mem_limit(packed, true, kibibytes))
        }
        _ => return Ok(None),
    }))
}

/// A reader of what deflate data without any frame expand to.
pub fn deflate_decoder(packed: &[u8]) -> impl Read + '_ {
    DeflateDecoder::new(packed)
}

fn zstd_reader<'a, R: BufRead>(packed: R, window: u32) -> io::Result<zstd::Decoder<'a, R>> {
    let mut decoder = zstd::Decoder::with_buffer(packed)?;
    decoder.set_parameter(DParameter::WindowLogMax(window))?;
    Ok(decoder)
}

/// Expands zstd bytes piece by piece, to at most `cap` bytes in all; more is an error of the kind
/// [`io::ErrorKind::FileTooLarge`]. `window` is the largest window a frame may ask for, as a power of two.
pub fn expand_zstd(bytes: &[u8], window: u32, cap: u64) -> io::Result<impl Read + '_> {
    Ok(Capped { inner: zstd_reader(bytes, window)?, left: cap })
}

/// Gives no more than so many bytes; one more is an error, so that a cut is never an end.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

/// The checksum of zip and gzip: CRC-32 of ISO 3309.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflated(state: &mut Decompress, bytes: &[u8], cap: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
    // one byte more than the cap tells "exactly" from "beyond"
    let most = cap.saturating_add(1);
    out.reserve_exact(bytes.len().saturating_mul(4).clamp(STEP, FIRST).min(most));
    loop {
        let consumed = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let rest = bytes.get(consumed..).unwrap_or_default();
        let made = out.len();
        let status = state.decompress_vec(rest, out, FlushDecompress::None).map_err(|_| DecompressError::Corrupt)?;
        if out.len() > cap {
            return Err(DecompressError::TooLarge(cap));
        }
        if status == Status::StreamEnd {
            return Ok(());
        }
        if out.len() == out.capacity() {
            // doubled, so that copying stays linear
            out.reserve_exact(out.len().max(STEP).min(most.saturating_sub(out.len())));
        } else if out.len() == made && state.total_in() == consumed as u64 {
            return Err(DecompressError::Truncated);
        }
    }
}

fn read_all(reader: impl Read, cap: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
    let most = (cap as u64).saturating_add(1);
    reader.take(most).read_to_end(out).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => DecompressError::Truncated,
        _ => DecompressError::Corrupt,
    })?;
    if out.len() > cap { Err(DecompressError::TooLarge(cap)) } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;
    use crate::format::testing::deflate;

    const FORMS: [Compressed; 5] =
        [Compressed::Deflate, Compressed::Zlib, Compressed::Gzip, Compressed::Zstd, Compressed::Bzip2];

    #[test]
    fn data_of_every_size_comes_back_whole_or_not_at_all() {
        for form in FORMS {
            for size in [0_usize, 1, 4095, 4096, 4097, 700_000] {
                let plain: Vec<u8> =
                    (0..size).map(|at| u8::try_from(((at * at) >> 7) & 0xff).expect("masked")).collect();
                let packed = deflate(form, &plain);
                assert!(inflate(form, &packed, size) == Ok(plain.clone()), "{form:?} {size}");
                assert!(inflate(form, &packed, size + 9_000) == Ok(plain), "{form:?} {size}");
                if let Some(less) = size.checked_sub(1) {
                    assert_eq!(inflate(form, &packed, less), Err(DecompressError::TooLarge(less)), "{form:?} {size}");
                }
            }
        }
    }

    #[test]
    fn a_bomb_costs_its_cap() {
        for form in FORMS {
            let packed = deflate(form, &vec![0; 64 << 20]);
            assert_eq!(inflate(form, &packed, 1000), Err(DecompressError::TooLarge(1000)), "{form:?}");
        }
    }

    #[test]
    fn a_cut_is_never_an_end() {
        let plain = b"one, two, three; one, two, three, four".repeat(9);
        for form in FORMS {
            let packed = deflate(form, &plain);
            // an empty zstd or gzip file holds nothing; the others have an end mark
            for length in 1..packed.len() {
                assert!(inflate(form, &packed[..length], 1 << 20).is_err(), "{form:?} {length}");
            }
            let mut wrong = packed.clone();
            wrong[packed.len() / 2] ^= 0x55;
            if form != Compressed::Deflate && form != Compressed::Zstd {
                assert!(inflate(form, &wrong, 1 << 20).is_err(), "{form:?}");
            }
        }
        assert_eq!(inflate(Compressed::Deflate, b"", 9), Err(DecompressError::Truncated));
        assert_eq!(inflate(Compressed::Zlib, b"plain text", 9), Err(DecompressError::Corrupt));
    }

    #[test]
    fn pieces_of_zstd_end_with_the_data_or_an_error() {
        let plain = b"one, two, three; ".repeat(900);
        let packed = deflate(Compressed::Zstd, &plain);
        let read = |bytes: &[u8], cap: u64| {
            let mut out = Vec::new();
            expand_zstd(bytes, ZSTD_WINDOW_LOG, cap).and_then(|mut reader| reader.read_to_end(&mut out)).map(|_| out)
        };
        assert_eq!(read(&packed, plain.len() as u64).expect("fits"), plain);
        assert_eq!(read(&packed, 100).expect_err("is beyond").kind(), io::ErrorKind::FileTooLarge);
        assert!(read(&packed[..packed.len() - 1], 1 << 20).is_err());
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}

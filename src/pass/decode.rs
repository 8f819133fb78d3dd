//! Takes the compression off a layer: gzip, zstd, xz, bzip2 or none, told by its first bytes.
//!
//! Every member, frame and stream of a blob is decoded, every checksum is checked, and a cut is
//! never taken for an end. What is wrong with the data is a [`DecodeError`] inside the `io::Error`;
//! an error of the reader underneath is passed on as it is.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;
use std::io::{self, Read};

use bzip2::{Decompress as Bunzip, Status as BunzipStatus};
use flate2::{Crc, Decompress as Inflate, FlushDecompress, Status as InflateStatus};
use lzma_rust2::XzReader;
use zstd::stream::raw::{DParameter, Decoder as Unzstd, InBuffer, Operation as _, OutBuffer};

use crate::limit::Limits;
use crate::size::ByteSize;

use super::buffer::Buffered;
pub use super::compression::Compression;
use super::compression::unsupported_format;

/// Looks at the first bytes of `reader` and returns a reader of what they decode to.
///
/// An empty blob is plain and empty. Formats that careen knows by their mark but cannot decode are
/// [`DecodeErrorKind::Unsupported`].
pub fn open<R: Read>(reader: R, limits: &Limits) -> io::Result<Decoder<R>> {
    let mut input = Buffered::new(reader);
    let head = input.peek(512)?;
    let compression = Compression::sniff(head);
    if let Some(format) = unsupported_format(head) {
        let what = format!("{format} is not supported; careen reads gzip, zstd, xz, bzip2 and plain layers");
        return Err(Fault::new(DecodeErrorKind::Unsupported, what).at(Compression::None, 0).into());
    }
    let window = 1_u64.checked_shl(limits.zstd_window_log).unwrap_or(u64::MAX);
    let codec = match compression {
        Compression::None => Codec::Plain(input),
        Compression::Gzip => Codec::Gzip(input, Box::new(Gzip::new())),
        Compression::Zstd => Codec::Zstd(input, Zstd::new(limits.zstd_window_log, window)?),
        Compression::Bzip2 => Codec::Bzip2(input, Bzip2 { bunzip: None, streams: 0 }),
        Compression::Xz => {
            // the dictionary and half a mebibyte for the decoder itself
            let kibibytes = u32::try_from(window >> 10).unwrap_or(u32::MAX).saturating_add(512);
            Codec::Xz(Box::new(XzReader::new_mem_limit(input, true, kibibytes)), window)
        }
    };
    Ok(Decoder { codec, compression, decoded: 0, cap: Cap::of(limits), failure: None })
}

/// What is wrong with compressed data, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What sort of wrong.
    pub kind: DecodeErrorKind,
    /// How the data is compressed.
    pub compression: Compression,
    /// In words.
    pub what: String,
    /// Bytes decoded before it.
    pub after: u64,
}

/// The ways in which compressed data can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// It ends early.
    Truncated,
    /// It is not what the format allows, or a checksum differs.
    Corrupt,
    /// It asks for more than a limit.
    Limit,
    /// The format has it, careen cannot read it.
    Unsupported,
}

impl DecodeError {
    /// The decode error inside `error`, if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after {}", self.what, ByteSize(self.after))
    }
}

impl std::error::Error for DecodeError {}

impl From<DecodeError> for io::Error {
    fn from(error: DecodeError) -> Self {
        let kind = match error.kind {
            DecodeErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            DecodeErrorKind::Corrupt => io::ErrorKind::InvalidData,
            DecodeErrorKind::Limit => io::ErrorKind::QuotaExceeded,
            DecodeErrorKind::Unsupported => io::ErrorKind::Unsupported,
        };
        Self::new(kind, error)
    }
}

/// Reads the decoded bytes of one blob.
///
/// It ends only when the whole blob was read and found right. After an error it stays at that error.
pub struct Decoder<R: Read> {
    codec: Codec<R>,
    compression: Compression,
    decoded: u64,
    cap: Cap,
    failure: Option<DecodeError>,
}

impl<R: Read> Decoder<R> {
    /// How the blob is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes handed out so far.
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Gives the reader back. At the end of the decoded bytes it is at its own end too; earlier, some
    /// bytes may have been taken into the buffer.
    pub fn into_inner(self) -> R {
        match self.codec {
            Codec::Plain(input) | Codec::Gzip(input, _) | Codec::Zstd(input, _) | Codec::Bzip2(input, _) => {
                input.into_reader()
            }
            Codec::Xz(reader, _) => reader.into_inner().into_reader(),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        if out.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.codec {
            Codec::Plain(input) => input.read(out).map_err(Trouble::Reader),
            Codec::Gzip(input, gzip) => gzip.read(input, out),
            Codec::Zstd(input, zstd) => zstd.read(input, out),
            Codec::Bzip2(input, bzip2) => bzip2.read(input, out),
            Codec::Xz(reader, window) => read_xz(reader, *window, out),
        };
        let result = count.and_then(|count| {
            self.decoded = self.decoded.saturating_add(count as u64);
            let stored = match &self.codec {
                // nothing expands there
                Codec::Plain(_) => u64::MAX,
                Codec::Gzip(input, _) | Codec::Zstd(input, _) | Codec::Bzip2(input, _) => input.offset(),
                Codec::Xz(reader, _) => reader.inner().offset(),
            };
            match self.cap.exceeded(self.decoded, stored) {
                Some(what) => Err(Fault::new(DecodeErrorKind::Limit, what).into()),
                None => Ok(count),
            }
        });
        result.map_err(|trouble| match trouble {
            Trouble::Reader(error) => error,
            Trouble::Data(fault) => {
                let failure = fault.at(self.compression, self.decoded);
                self.failure = Some(failure.clone());
                failure.into()
            }
        })
    }
}

/// How much a blob may decode to.
struct Cap {
    expanded: u64,
    ratio: u64,
    ratio_from: u64,
}

impl Cap {
    fn of(limits: &Limits) -> Self {
        Self { expanded: limits.expanded.bytes(), ratio: limits.ratio, ratio_from: limits.ratio_from.bytes() }
    }

    /// What is too much of `decoded` bytes, made of `stored` ones.
    fn exceeded(&self, decoded: u64, stored: u64) -> Option<String> {
        if decoded > self.expanded {
            return Some(format!("the layer expands to more than {}", ByteSize(self.expanded)));
        }
        (decoded > self.ratio_from && decoded > stored.saturating_mul(self.ratio)).then(|| {
            let from = ByteSize(self.ratio_from);
            format!("the layer expands to more than {from}, and to more than {} times its size", self.ratio)
        })
    }
}

enum Codec<R: Read> {
    Plain(Buffered<R>),
    Gzip(Buffered<R>, Box<Gzip>),
    Zstd(Buffered<R>, Zstd),
    Bzip2(Buffered<R>, Bzip2),
    /// With the largest dictionary allowed.
    Xz(Box<XzReader<Buffered<R>>>, u64),
}

/// A fault of the data, before it is known after how many bytes.
struct Fault {
    kind: DecodeErrorKind,
    what: String,
}

impl Fault {
    fn new(kind: DecodeErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    fn at(self, compression: Compression, after: u64) -> DecodeError {
        DecodeError { kind: self.kind, compression, what: self.what, after }
    }
}

/// Whose fault an error is.
enum Trouble {
    Reader(io::Error),
    Data(Fault),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Reader(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Data(fault)
    }
}

fn truncated(what: &str) -> Trouble {
    Fault::new(DecodeErrorKind::Truncated, what).into()
}

fn corrupt(what: impl Into<String>) -> Trouble {
    Fault::new(DecodeErrorKind::Corrupt, what).into()
}

/// Reads on behind the last member, frame or stream: nothing or zeros may follow it.
fn expect_end<R: Read>(input: &mut Buffered<R>, unit: &str) -> Result<(), Trouble> {
    loop {
        let bytes = input.fill()?;
        let count = bytes.len();
        if count == 0 {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(corrupt(format!("other data follows the last {unit}")));
        }
        input.consume(count);
    }
}

/// The members of a gzip blob (RFC 1952), each with its checksum and length.
struct Gzip {
    inflate: Inflate,
    sum: Crc,
    stage: GzipStage,
}

enum GzipStage {
    First,
    Body,
    Trailer,
    Next,
    End,
}

impl Gzip {
    fn new() -> Self {
        Self { inflate: Inflate::new(false), sum: Crc::new(), stage: GzipStage::First }
    }

    fn read<R: Read>(&mut self, input: &mut Buffered<R>, out: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match self.stage {
                GzipStage::First => {
                    read_gzip_header(input)?;
                    self.stage = GzipStage::Body;
                }
                GzipStage::Body => {
                    let bytes = input.fill()?;
                    let at_end = bytes.is_empty();
                    let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
                    let status = self.inflate.decompress(bytes, out, FlushDecompress::None);
                    let taken = to_usize(self.inflate.total_in().saturating_sub(before_in));
                    let made = to_usize(self.inflate.total_out().saturating_sub(before_out));
                    input.consume(taken);
                    let status = status.map_err(|_| corrupt("the deflate data is corrupt"))?;
                    if matches!(status, InflateStatus::StreamEnd) {
                        self.stage = GzipStage::Trailer;
                    }
                    if made > 0 {
                        self.sum.update(out.get(..made).unwrap_or_default());
                        return Ok(made);
                    }
                    if matches!(self.stage, GzipStage::Body) && taken == 0 {
                        return Err(if at_end {
                            truncated("the gzip data ends early")
                        } else {
                            corrupt("the deflate data makes no progress")
                        });
                    }
                }
                GzipStage::Trailer => {
                    let Some(trailer) = input.take_array::<8>()? else {
                        return Err(truncated("the gzip data ends before its checksum"));
                    };
                    // checksum and length, both little-endian
                    let trailer = u64::from_le_bytes(trailer);
                    if trailer & 0xffff_ffff != u64::from(self.sum.sum()) {
                        return Err(corrupt("the gzip checksum does not match the data"));
                    }
                    if trailer >> 32 != u64::from(self.sum.amount()) {
                        return Err(corrupt("the gzip length does not match the data"));
                    }
                    self.stage = GzipStage::Next;
                }
                GzipStage::Next => {
                    if Compression::sniff(input.peek(3)?) == Compression::Gzip {
                        self.inflate.reset(false);
                        self.sum.reset();
                        self.stage = GzipStage::First;
                    } else {
                        expect_end(input, "gzip member")?;
                        self.stage = GzipStage::End;
                    }
                }
                GzipStage::End => return Ok(0),
            }
        }
    }
}

/// Reads the header of a gzip member (RFC 1952 section 2.3); extra field, name and comment are dropped.
fn read_gzip_header<R: Read>(input: &mut Buffered<R>) -> Result<(), Trouble> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let early = || truncated("the gzip data ends within a header");

    let mut sum = Crc::new();
    let head = input.take_array::<10>()?.ok_or_else(early)?;
    sum.update(&head);
    let [_, _, _, flags, ..] = head;
    if flags & 0xe0 != 0 {
        return Err(corrupt("the gzip header has flags that mean nothing"));
    }
    if flags & EXTRA != 0 {
        let length = input.take_array::<2>()?.ok_or_else(early)?;
        sum.update(&length);
        let mut left = usize::from(u16::from_le_bytes(length));
        while left > 0 {
            let bytes = input.fill()?;
            let bytes = bytes.get(..left).unwrap_or(bytes);
            let count = bytes.len();
            if count == 0 {
                return Err(early());
            }
            sum.update(bytes);
            input.consume(count);
            left = left.saturating_sub(count);
        }
    }
    for _ in [NAME, COMMENT].iter().filter(|field| flags & **field != 0) {
        loop {
            let bytes = input.fill()?;
            if bytes.is_empty() {
                return Err(early());
            }
            let end = bytes.iter().position(|byte| *byte == 0);
            let count = end.map_or(bytes.len(), |end| end.saturating_add(1));
            sum.update(bytes.get(..count).unwrap_or_default());
            input.consume(count);
            if end.is_some() {
                break;
            }
        }
    }
    if flags & CHECKSUM != 0 {
        let expected = u16::from_le_bytes(input.take_array::<2>()?.ok_or_else(early)?);
        if u32::from(expected) != sum.sum() & 0xffff {
            return Err(corrupt("the checksum of a gzip header does not match"));
        }
    }
    Ok(())
}

/// The frames of a zstd blob (RFC 8878 section 3), skippable ones passed over.
struct Zstd {
    unzstd: Unzstd<'static>,
    window: u64,
    stage: ZstdStage,
}

enum ZstdStage {
    Between,
    Body,
    End,
}

impl Zstd {
    fn new(window_log: u32, window: u64) -> io::Result<Self> {
        let mut unzstd = Unzstd::new()?;
        unzstd.set_parameter(DParameter::WindowLogMax(window_log))?;
        Ok(Self { unzstd, window, stage: ZstdStage::Between })
    }

    fn read<R: Read>(&mut self, input: &mut Buffered<R>, out: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match self.stage {
                ZstdStage::Between => self.stage = self.read_frame_start(input)?,
                ZstdStage::Body => {
                    let bytes = input.fill()?;
                    let at_end = bytes.is_empty();
                    let mut from = InBuffer::around(bytes);
                    let mut to = OutBuffer::around(&mut *out);
                    let hint = self.unzstd.run(&mut from, &mut to).map_err(|error| zstd_fault(&error))?;
                    let (taken, made) = (from.pos(), to.pos());
                    input.consume(taken);
                    if hint == 0 {
                        self.stage = ZstdStage::Between;
                    }
                    if made > 0 {
                        return Ok(made);
                    }
                    if hint != 0 && taken == 0 && at_end {
                        return Err(truncated("the zstd data ends early"));
                    }
                }
                ZstdStage::End => return Ok(0),
            }
        }
    }

    /// Looks at what comes after a frame: a skippable frame is passed over, another frame measured.
    fn read_frame_start<R: Read>(&self, input: &mut Buffered<R>) -> Result<ZstdStage, Trouble> {
        // magic, descriptor, dictionary id and content size at their longest, RFC 8878 section 3.1.1.1
        let head = input.peek(17)?;
        match head {
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, rest @ ..] => {
                let Some(length) = rest.first_chunk().copied().map(u32::from_le_bytes) else {
                    return Err(truncated("the zstd data ends within a skippable frame"));
                };
                let length = u64::from(length).saturating_add(8);
                if input.skip(length)? < length {
                    return Err(truncated("the zstd data ends within a skippable frame"));
                }
                Ok(ZstdStage::Between)
            }
            [0x28, 0xb5, 0x2f, 0xfd, rest @ ..] => {
                if let Some(window) = zstd_window(rest).filter(|window| *window > self.window) {
                    let what = format!(
                        "a zstd frame asks for a window of {}, more than the limit of {}",
                        ByteSize(window),
                        ByteSize(self.window)
                    );
                    return Err(Fault::new(DecodeErrorKind::Limit, what).into());
                }
                Ok(ZstdStage::Body)
            }
            _ => {
                expect_end(input, "zstd frame")?;
                Ok(ZstdStage::End)
            }
        }
    }
}

/// The window a frame asks for, in bytes, from what follows its magic; `None` if that is cut short.
fn zstd_window(header: &[u8]) -> Option<u64> {
    let (descriptor, rest) = header.split_first()?;
    if descriptor & 0x20 == 0 {
        let window = rest.first()?;
        let base = 1_u64.checked_shl(u32::from(window >> 3).saturating_add(10))?;
        return Some(base.saturating_add((base >> 3).saturating_mul(u64::from(window & 7))));
    }
    // a single segment: its window is its content
    let dictionary_id = match descriptor & 3 {
        3 => 4,
        length => usize::from(length),
    };
    let rest = rest.get(dictionary_id..)?;
    match descriptor >> 6 {
        0 => rest.first().map(|size| u64::from(*size)),
        1 => rest.first_chunk().map(|size| u64::from(u16::from_le_bytes(*size)).saturating_add(256)),
        2 => rest.first_chunk().map(|size| u64::from(u32::from_le_bytes(*size))),
        _ => rest.first_chunk().map(|size| u64::from_le_bytes(*size)),
    }
}

/// The library tells its errors apart by their words only.
fn zstd_fault(error: &io::Error) -> Trouble {
    let words = error.to_string();
    let kind = match () {
        () if words.contains("memory") => DecodeErrorKind::Limit,
        () if words.contains("nsupported") || words.contains("ictionary mismatch") => DecodeErrorKind::Unsupported,
        () => DecodeErrorKind::Corrupt,
    };
    Fault::new(kind, format!("the zstd data cannot be decoded: {words}")).into()
}

/// The streams of a bzip2 blob.
struct Bzip2 {
    bunzip: Option<Bunzip>,
    streams: u64,
}

impl Bzip2 {
    fn read<R: Read>(&mut self, input: &mut Buffered<R>, out: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            let bunzip = match &mut self.bunzip {
                Some(bunzip) => bunzip,
                None if self.streams == 0 || Compression::sniff(input.peek(10)?) == Compression::Bzip2 => {
                    self.streams = self.streams.saturating_add(1);
                    self.bunzip.insert(Bunzip::new(false))
                }
                None => {
                    expect_end(input, "bzip2 stream")?;
                    return Ok(0);
                }
            };
            let bytes = input.fill()?;
            let at_end = bytes.is_empty();
            let (before_in, before_out) = (bunzip.total_in(), bunzip.total_out());
            let status = bunzip.decompress(bytes, out);
            let taken = to_usize(bunzip.total_in().saturating_sub(before_in));
            let made = to_usize(bunzip.total_out().saturating_sub(before_out));
            input.consume(taken);
            let status = status.map_err(|_| corrupt("the bzip2 data is corrupt"))?;
            let ended = matches!(status, BunzipStatus::StreamEnd);
            if ended {
                self.bunzip = None;
            }
            if made > 0 {
                return Ok(made);
            }
            if !ended && taken == 0 {
                return Err(if at_end {
                    truncated("the bzip2 data ends early")
                } else {
                    corrupt("the bzip2 data makes no progress")
                });
            }
        }
    }
}

fn read_xz<R: Read>(reader: &mut XzReader<Buffered<R>>, window: u64, out: &mut [u8]) -> Result<usize, Trouble> {
    reader.read(out).map_err(|error| {
        if reader.inner().has_failed() {
            return Trouble::Reader(error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => truncated("the xz data ends early"),
            io::ErrorKind::OutOfMemory => {
                let what = format!("an xz block asks for a dictionary beyond the limit of {}", ByteSize(window));
                Fault::new(DecodeErrorKind::Limit, what).into()
            }
            io::ErrorKind::Unsupported => {
                Fault::new(DecodeErrorKind::Unsupported, format!("the xz data cannot be decoded: {error}")).into()
            }
            _ => corrupt(format!("the xz data cannot be decoded: {error}")),
        }
    })
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = b"a layer, a layer, another layer; and again a layer";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("writes to memory");
        encoder.finish().expect("writes to memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("makes an encoder");
        encoder.include_checksum(true).expect("sets a parameter");
        encoder.write_all(bytes).expect("writes to memory");
        encoder.finish().expect("writes to memory")
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(bytes).expect("writes to memory");
        encoder.finish().expect("writes to memory")
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).expect("makes an encoder");
        encoder.write_all(bytes).expect("writes to memory");
        encoder.finish().expect("writes to memory")
    }

    type Encode = fn(&[u8]) -> Vec<u8>;

    const ENCODERS: [(Compression, Encode); 4] =
        [(Compression::Gzip, gzip), (Compression::Zstd, zstd), (Compression::Bzip2, bzip2), (Compression::Xz, xz)];

    /// Hands out so many bytes a read.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len());
            self.0.read(out.get_mut(..count).unwrap_or_default())
        }
    }

    fn decode_with(blob: &[u8], limits: &Limits) -> (Vec<u8>, Option<DecodeError>) {
        let mut out = Vec::new();
        let result = open(blob, limits).and_then(|mut decoder| decoder.read_to_end(&mut out));
        let error = result.err().map(|error| DecodeError::of(&error).expect("the data is wrong").clone());
        (out, error)
    }

    fn decode(blob: &[u8]) -> (Vec<u8>, Option<DecodeErrorKind>) {
        let (out, error) = decode_with(blob, &Limits::default());
        (out, error.map(|error| error.kind))
    }

    fn skippable(content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).expect("short").to_le_bytes();
        [&[0x5a, 0x2a, 0x4d, 0x18], &length[..], content].concat()
    }

    #[test]
    fn each_format_is_told_by_its_mark_and_decoded_whole() {
        for (compression, encode) in ENCODERS {
            for size in [0, 1, 50, 600_000] {
                let bytes: Vec<u8> = TEXT.iter().cycle().take(size).copied().collect();
                let blob = encode(&bytes);
                for piece in [1, 7, 1 << 20] {
                    let mut decoder = open(Drops(&blob, piece), &Limits::default()).expect("opens");
                    assert_eq!(decoder.compression(), compression);
                    let mut out = Vec::new();
                    decoder.read_to_end(&mut out).expect("decodes");
                    assert!(out == bytes, "{compression} {size} {piece}");
                    assert_eq!(decoder.decoded(), size as u64);
                    assert!(decoder.into_inner().0.is_empty(), "the blob is read to its end");
                }
            }
        }
    }

    #[test]
    fn plain_and_empty_blobs_pass_through() {
        let plain: Vec<u8> = TEXT.iter().cycle().take(700_000).copied().collect();
        for blob in [&b""[..], b"x", b"\x1f\x8b", b"BZh9 is a file's name", &plain] {
            let mut decoder = open(blob, &Limits::default()).expect("opens");
            assert_eq!(decoder.compression(), Compression::None);
            let mut out = Vec::new();
            decoder.read_to_end(&mut out).expect("reads");
            assert!(out == blob);
        }
    }

    #[test]
    fn all_members_frames_and_streams_are_decoded() {
        for (compression, encode) in ENCODERS {
            let blob = [encode(b"one "), encode(b""), encode(b"two "), encode(b"three")].concat();
            assert_eq!(decode(&blob), (b"one two three".to_vec(), None), "{compression}");
        }
        let skipped = [skippable(b"first"), zstd(b"a"), skippable(b""), zstd(b"b"), skippable(b"last")].concat();
        assert_eq!(decode(&skipped), (b"ab".to_vec(), None));
        assert_eq!(decode(&skippable(b"only")), (Vec::new(), None));
    }

    #[test]
    fn zeros_may_follow_and_nothing_else() {
        for (compression, encode) in ENCODERS {
            let blob = encode(TEXT);
            let zeros = [blob.clone(), vec![0; 300_000]].concat();
            assert_eq!(decode(&zeros), (TEXT.to_vec(), None), "{compression}");
            for tail in [&b"x"[..], &[0, 0, 0, 0, 0, 0, 0, 1], b"BZh", b"\x1f\x8b", b"\xfd7z"] {
                let (out, error) = decode(&[&blob, tail].concat());
                assert_eq!((&out[..], error), (TEXT, Some(DecodeErrorKind::Corrupt)), "{compression} {tail:x?}");
            }
        }
    }

    #[test]
    fn a_cut_is_never_an_end() {
        for (compression, encode) in ENCODERS {
            let first = encode(TEXT);
            let blob = [&first[..], &encode(TEXT)].concat();
            for length in 12..blob.len() {
                let (out, error) = decode(&blob[..length]);
                assert!(TEXT.repeat(2).starts_with(&out));
                if length == first.len() {
                    assert_eq!(error, None, "a member more cannot be missed");
                } else {
                    assert!(
                        matches!(error, Some(DecodeErrorKind::Truncated | DecodeErrorKind::Corrupt)),
                        "{compression} {length}: {error:?}"
                    );
                    assert!(
                        length > first.len() || error == Some(DecodeErrorKind::Truncated),
                        "{compression} {length}"
                    );
                }
            }
        }
        let blob = [zstd(b"a"), skippable(b"skipped")].concat();
        assert_eq!(decode(&blob[..blob.len() - 1]).1, Some(DecodeErrorKind::Truncated));
    }

    #[test]
    fn a_flipped_bit_never_passes_for_other_data() {
        for (compression, encode) in ENCODERS {
            let blob = encode(TEXT);
            for at in 0..blob.len() {
                for bit in 0..8 {
                    let mut flipped = blob.clone();
                    flipped[at] ^= 1 << bit;
                    let mut out = Vec::new();
                    let Ok(mut decoder) = open(&flipped[..], &Limits::default()) else { continue };
                    let told = decoder.compression() == compression;
                    if told && decoder.read_to_end(&mut out).is_ok() {
                        assert_eq!(out, TEXT, "{compression} byte {at} bit {bit}");
                    }
                }
            }
        }
    }

    #[test]
    fn checksum_and_length_of_gzip_count() {
        let blob = gzip(TEXT);
        for at in blob.len() - 8..blob.len() {
            let mut wrong = blob.clone();
            wrong[at] ^= 1;
            assert_eq!(decode(&wrong), (TEXT.to_vec(), Some(DecodeErrorKind::Corrupt)));
        }
        let (_, error) = decode_with(&blob[..blob.len() - 1], &Limits::default());
        let error = error.expect("it is cut");
        assert_eq!(error.to_string(), "the gzip data ends before its checksum, after 50 B");
    }

    #[test]
    fn gzip_headers_with_every_field() {
        let plain = gzip(TEXT);
        let body = &plain[10..];
        let mut head = vec![0x1f, 0x8b, 8, 0x1f, 0, 0, 0, 0, 0, 255, 4, 0];
        head.extend_from_slice(b"extrname\0comment\0");
        head[10] = 4;
        let mut sum = Crc::new();
        sum.update(&head);
        let right = u16::try_from(sum.sum() & 0xffff).expect("masked").to_le_bytes();
        let blob = [&head[..], &right, body].concat();
        assert_eq!(decode(&blob), (TEXT.to_vec(), None));
        let mut wrong = blob.clone();
        wrong[head.len()] ^= 1;
        assert_eq!(decode(&wrong), (Vec::new(), Some(DecodeErrorKind::Corrupt)));
        for length in 3..head.len() + 2 {
            assert_eq!(decode(&blob[..length]), (Vec::new(), Some(DecodeErrorKind::Truncated)));
        }
    }

    #[test]
    fn windows_and_dictionaries_have_a_limit() {
        let limits = |zstd_window_log| Limits { zstd_window_log, ..Limits::default() };
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("makes an encoder");
        encoder.window_log(21).expect("sets a parameter");
        encoder.write_all(TEXT).expect("writes to memory");
        let blob = encoder.finish().expect("writes to memory");
        assert_eq!(decode_with(&blob, &limits(21)), (TEXT.to_vec(), None));
        let error = decode_with(&blob, &limits(20)).1.expect("it is too much");
        assert_eq!(error.kind, DecodeErrorKind::Limit);
        assert_eq!(error.what, "a zstd frame asks for a window of 2.0 MiB, more than the limit of 1.0 MiB");
        // a frame in one segment says how large it is instead
        let segment = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(decode(&segment).1, Some(DecodeErrorKind::Limit));
        assert_eq!(decode_with(&xz(TEXT), &limits(20)), (TEXT.to_vec(), None));
        let error = decode_with(&xz(TEXT), &limits(18)).1.expect("it is too much");
        assert_eq!(error.kind, DecodeErrorKind::Limit);
    }

    #[test]
    fn expansion_has_a_limit() {
        let blob = gzip(&vec![0; 1 << 20]);
        let limits = |bytes| Limits { expanded: ByteSize(bytes), ..Limits::default() };
        assert_eq!(decode_with(&blob, &limits(1 << 20)).1, None);
        assert_eq!(decode_with(&blob, &limits((1 << 20) - 1)).1.map(|error| error.kind), Some(DecodeErrorKind::Limit));
    }

    #[test]
    fn the_ratio_of_what_is_large_has_a_limit() {
        let zeros = vec![0; 1 << 20];
        for (compression, encode) in ENCODERS {
            let blob = encode(&zeros);
            let least = zeros.len() as u64 / blob.len() as u64;
            let decode = |ratio, from| {
                let limits = Limits { ratio, ratio_from: ByteSize(from), ..Limits::default() };
                decode_with(&blob, &limits).1.map(|error| error.kind)
            };
            // what is not yet taken of the input makes the ratio seem larger for a while
            assert_eq!(decode(least * 4, 1 << 16), None, "{compression} {least}");
            assert_eq!(decode(least - 1, 1 << 16), Some(DecodeErrorKind::Limit), "{compression}");
            assert_eq!(decode(1, zeros.len() as u64), None, "{compression}");
            assert_eq!(decode(1, zeros.len() as u64 - 1), Some(DecodeErrorKind::Limit), "{compression}");
        }
        let limits = Limits { ratio: 1, ratio_from: ByteSize(0), ..Limits::default() };
        assert_eq!(decode_with(TEXT, &limits), (TEXT.to_vec(), None), "a plain layer expands to nothing more");
    }

    #[test]
    fn zeros_in_gzip_stay_far_below_the_ratio() {
        let stored = gzip(&vec![0; 8 << 20]).len() as u64;
        let cap = Cap::of(&Limits::default());
        // 20 GiB of zeros
        assert_eq!(cap.exceeded(20 << 30, stored * 2560), None);
        assert!(cap.exceeded(20 << 30, 1 << 20).is_some_and(|what| what.ends_with("10000 times its size")));
        assert_eq!(cap.exceeded(1 << 30, 1), None, "a small layer may hold anything");
    }

    #[test]
    fn other_formats_are_named() {
        let cases: &[(&[u8], &str)] = &[
            (b"\x04\x22\x4d\x18rest", "lz4"),
            (b"LZIP\x01rest", "lzip"),
            (b"\x1f\x9d\x90", "compress"),
            (b"PK\x03\x04", "zip"),
            (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        ];
        for (blob, name) in cases {
            let error = decode_with(blob, &Limits::default()).1.expect("it is not supported");
            assert_eq!(error.kind, DecodeErrorKind::Unsupported);
            assert!(error.what.starts_with(name), "{}", error.what);
        }
        // a tar may hold a file of any name
        let mut tar = vec![0; 512];
        tar[..4].copy_from_slice(b"PK\x03\x04");
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(decode(&tar), (tar, None));
    }

    #[test]
    fn errors_of_the_reader_are_its_own_and_errors_of_the_data_stay() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::TimedOut, "too slow"))
            }
        }
        for (compression, encode) in ENCODERS {
            let noise: Vec<u8> =
                (0_u32..9000).map(|n| (n.wrapping_mul(n).wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
            let blob = encode(&noise);
            let cut = &blob[..blob.len() - 3];
            let result = open(cut.chain(Failing), &Limits::default());
            let error = result.and_then(|mut decoder| decoder.read_to_end(&mut Vec::new()));
            let error = error.expect_err("the reader fails");
            assert_eq!((error.kind(), DecodeError::of(&error)), (io::ErrorKind::TimedOut, None), "{compression}");

            let mut decoder = open(cut, &Limits::default()).expect("opens");
            let first = decoder.read_to_end(&mut Vec::new()).expect_err("it is cut").to_string();
            let again = decoder.read(&mut [0; 9]).expect_err("it stays").to_string();
            assert_eq!(first, again);
        }
    }
}

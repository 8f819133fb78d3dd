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
            Codec::Xz(XzReader::new_mem_limit(input, true, kibibytes), window)
        }
    };
    Ok(Decoder { codec, compression, decoded: 0, limit: limits.expanded.bytes(), failure: None })
}

/// How a blob is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz format 1.2.
    Xz,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// Its name, lower case; `none` for none.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// Tells it by the first bytes (ten are enough); what is not recognised is taken for plain.
    ///
    /// The marks are those by which the container engines choose, so that careen reads what they would.
    pub fn sniff(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17rE8P\x90") =>
            {
                Self::Bzip2
            }
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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
    limit: u64,
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
            if self.decoded > self.limit {
                let what = format!("the layer expands to more than {}", ByteSize(self.limit));
                return Err(Fault::new(DecodeErrorKind::Limit, what).into());
            }
            Ok(count)
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

enum Codec<R: Read> {
    Plain(Buffered<R>),
    Gzip(Buffered<R>, Box<Gzip>),
    Zstd(Buffered<R>, Zstd),
    Bzip2(Buffered<R>, Bzip2),
    /// With the largest dictionary allowed.
    Xz(XzReader<Buffered<R>>, u64),
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
                        return Err(match at_end {
                            true => truncated("the gzip data ends early"),
                            false => corrupt("the deflate data makes no progress"),
                        });
                    }
                }
                GzipStage::Trailer => {
                    let Some(trailer) = input.take_array::<8>()? else {
                        return Err(truncated("the gzip data ends before its checksum"));
                    };
                    let [a, b, c, d, e, f, g, h] = trailer;
                    if u32::from_le_bytes([a, b, c, d]) != self.sum.sum() {
                        return Err(corrupt("the gzip checksum does not match the data"));
                    }
                    if u32::from_le_bytes([e, f, g, h]) != self.sum.amount() {
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
    for field in [NAME, COMMENT] {
        while flags & field != 0 {
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
                return Err(match at_end {
                    true => truncated("the bzip2 data ends early"),
                    false => corrupt("the bzip2 data makes no progress"),
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

/// Names a compression that careen knows only by its mark; a tar archive may begin with any bytes.
fn unsupported_format(head: &[u8]) -> Option<&'static str> {
    if head.get(257..262) == Some(b"ustar") {
        return None;
    }
    match head {
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        [b'L', b'Z', b'I', b'P', 0 | 1, ..] => Some("lzip"),
        [0x1f, 0x9d | 0xa0, ..] => Some("compress (.Z)"),
        [0x5d, 0, 0, _, _, ..] => Some("lzma"),
        [0x89, b'L', b'Z', b'O', 0, ..] => Some("lzop"),
        [b'P', b'K', 3, 4, ..] => Some("zip"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("7-Zip"),
        _ => None,
    }
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

//! The headers of an archive that holds an image: what `docker save` and OCI tools write, no more.
//!
//! Layers have their own reader, which knows every form of tar. This one finds the members of the
//! outer archive, with bounded memory, over a file (bodies are skipped by seeking) or a stream.
//! POSIX 1003.1 pax, "ustar Interchange Format" and "pax Extended Header".

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::{self, BufReader, Read, Seek};

use crate::error::{Error, Result};
use crate::limit::Limits;

/// Bytes of a header, and what bodies are padded to.
pub const BLOCK: usize = 512;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// As written; not cleaned.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: MemberKind,
    /// Bytes of its body; 0 for what has none.
    pub size: u64,
    /// Where its body begins, in bytes from the begin of the archive.
    pub offset: u64,
    /// What a link leads to, as written.
    pub link: Vec<u8>,
}

/// Kinds of members that matter in an archive of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A further name of an earlier member.
    HardLink,
    /// A symbolic link.
    SymbolicLink,
    /// A folder.
    Folder,
    /// Devices, sparse files and what else there may be.
    Other,
}

/// Passes over bytes, reading them or not.
pub trait Skip: Read {
    /// Passes over `bytes` bytes; the answer is smaller where the archive ends before.
    fn skip(&mut self, bytes: u64) -> io::Result<u64>;
}

/// Skips by reading.
pub struct Streaming<R>(pub R);

impl<R: Read> Read for Streaming<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Skip for Streaming<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        io::copy(&mut (&mut self.0).take(bytes), &mut io::sink())
    }
}

/// Skips by seeking.
pub struct Seeking<R: Read + Seek> {
    inner: BufReader<R>,
    left: u64,
}

impl<R: Read + Seek> Seeking<R> {
    /// Reads `inner` from its begin.
    pub fn new(mut inner: R) -> io::Result<Self> {
        let left = inner.seek(io::SeekFrom::End(0))?;
        inner.rewind()?;
        Ok(Self { inner: BufReader::new(inner), left })
    }
}

impl<R: Read + Seek> Read for Seeking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

impl<R: Read + Seek> Skip for Seeking<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let bytes = bytes.min(self.left);
        self.inner.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX))?;
        self.left = self.left.saturating_sub(bytes);
        Ok(bytes)
    }
}

/// The members of an archive, one after another.
pub struct Members<'l, S> {
    source: S,
    limits: &'l Limits,
    /// Bytes of the current body not read yet.
    body: u64,
    /// Zeros behind it.
    padding: u64,
    position: u64,
}

impl<'l, S: Skip> Members<'l, S> {
    /// Reads the archive `source` from its first header on.
    pub fn new(source: S, limits: &'l Limits) -> Self {
        Self { source, limits, body: 0, padding: 0, position: 0 }
    }

    /// The next member, or `None` behind the two blocks of zeros that end an archive.
    ///
    /// An archive that ends without them, or is damaged, is an error; members seen before are sound.
    pub fn next_member(&mut self) -> Result<Option<Member>> {
        let mut extended = Extended::default();
        loop {
            self.skip_body()?;
            let Some(header) = self.read_header()? else { return Ok(None) };
            let kind = field(&header, 156, 1).first().copied().unwrap_or_default();
            let size = number(field(&header, 124, 12)).ok_or_else(|| self.damaged("a size in it is no number"))?;
            match kind {
                b'x' | b'X' => extended.take_records(&self.read_record(size)?).map_err(|what| self.damaged(what))?,
                b'L' => extended.long_name = Some(until_nul(&self.read_record(size)?)),
                b'K' => extended.long_link = Some(until_nul(&self.read_record(size)?)),
                b'g' => self.set_body(size),
                _ => return self.member(&header, kind, size, extended).map(Some),
            }
        }
    }

    /// Reads what follows the end, so that checksums of a compressed archive are compared, and whoever
    /// writes into a pipe is heard out.
    pub fn finish(&mut self) -> Result<()> {
        self.source.skip(u64::MAX).map(|_| ()).map_err(|e| self.unreadable(e))
    }

    /// The body of the member given last, or what is left of it.
    pub fn body(&mut self) -> Body<'_, 'l, S> {
        Body(self)
    }

    fn member(&mut self, header: &[u8; BLOCK], flag: u8, size: u64, extended: Extended) -> Result<Member> {
        let name = extended.path.or(extended.long_name).unwrap_or_else(|| short_name(header));
        let link = extended.link_path.or(extended.long_link).unwrap_or_else(|| until_nul(field(header, 157, 100)));
        let kind = match flag {
            b'0' | b'\0' | b'7' if extended.is_sparse => MemberKind::Other,
            b'\0' if name.ends_with(b"/") => MemberKind::Folder,
            b'0' | b'\0' | b'7' => MemberKind::File,
            b'1' => MemberKind::HardLink,
            b'2' => MemberKind::SymbolicLink,
            b'5' => MemberKind::Folder,
            _ => MemberKind::Other,
        };
        // links, devices, folders and pipes have no body, whatever their size says (as Go's reader)
        let size = if matches!(flag, b'1'..=b'6') { 0 } else { extended.size.unwrap_or(size) };
        if name.len() > self.limits.path {
            return Err(Error::limit(format!("the archive has a name of more than {} bytes", self.limits.path)));
        }
        self.set_body(size);
        Ok(Member { name, kind, size, offset: self.position, link })
    }

    fn set_body(&mut self, size: u64) {
        self.body = size;
        self.padding = padding(size);
    }

    /// Passes over the rest of the member given last, so that a cut in it is noticed before the next.
    fn skip_body(&mut self) -> Result<()> {
        let rest = self.body.checked_add(self.padding).ok_or_else(|| self.damaged("a size in it is absurd"))?;
        (self.body, self.padding) = (0, 0);
        let skipped = self.source.skip(rest).map_err(|e| self.unreadable(e))?;
        self.position = self.position.saturating_add(skipped);
        if skipped < rest { Err(self.cut("in the middle of a member")) } else { Ok(()) }
    }

    /// One header with a valid checksum; `None` at the end.
    fn read_header(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let block = self.read_block("without its end marker")?;
        if block.iter().any(|b| *b != 0) {
            return if checksum_holds(&block) {
                Ok(Some(block))
            } else {
                Err(self.damaged("a header in it has a wrong checksum"))
            };
        }
        let second = self.read_block("in the middle of its end marker")?;
        if second.iter().any(|b| *b != 0) {
            return Err(self.damaged("it goes on behind a single block of zeros"));
        }
        Ok(None)
    }

    fn read_block(&mut self, where_cut: &str) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        let count = read_up_to(&mut self.source, &mut block).map_err(|e| self.unreadable(e))?;
        self.position = self.position.saturating_add(count as u64);
        match count {
            BLOCK => Ok(block),
            0 => Err(self.cut(where_cut)),
            _ => Err(self.cut("in the middle of a header")),
        }
    }

    /// The body of an extension record, whole.
    fn read_record(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > self.limits.extension_record.bytes() {
            return Err(Error::limit(format!(
                "the archive has an extension record of more than {}",
                self.limits.extension_record
            )));
        }
        self.set_body(size);
        let mut record = Vec::new();
        let result = self.body().read_to_end(&mut record);
        result.map_err(|e| self.unreadable(e))?;
        Ok(record)
    }

    fn damaged(&self, what: &str) -> Error {
        Error::malformed(format!("the archive is damaged near byte {}: {what}", self.position))
    }

    fn cut(&self, place: &str) -> Error {
        Error::malformed(format!("the archive is cut short: it ends {place}, after {} bytes", self.position))
            .help("fetch or save it again")
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => self.cut("in the middle of a member").because(cause),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Error::malformed(format!("cannot read the archive behind byte {}", self.position)).because(cause)
            }
            _ => Error::io(format!("cannot read the archive behind byte {}", self.position), cause),
        }
    }
}

/// Reads one member's body; an end before its time is [`io::ErrorKind::UnexpectedEof`].
pub struct Body<'m, 'l, S>(&'m mut Members<'l, S>);

impl<S: Skip> Read for Body<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.body).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = self.0.source.read(buffer)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut short"));
        }
        self.0.body = self.0.body.saturating_sub(count as u64);
        self.0.position = self.0.position.saturating_add(count as u64);
        Ok(count)
    }
}

/// Whether `head` begins with a tar header whose checksum holds.
pub fn is_header(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(checksum_holds)
}

/// Zeros that fill a body of `size` bytes up to whole blocks.
pub fn padding(size: u64) -> u64 {
    // blocks are 512 bytes
    size.wrapping_neg() & 511
}

/// Fills `buffer` as far as there are bytes.
pub fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// What extension records say of the member that follows.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link_path: Option<Vec<u8>>,
    size: Option<u64>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    is_sparse: bool,
}

impl Extended {
    /// Takes `LENGTH KEY=VALUE\n` records; the last of a key counts.
    fn take_records(&mut self, mut rest: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "an extension record in it is malformed";
        while !rest.is_empty() {
            let blank = rest.iter().position(|b| *b == b' ').ok_or(WRONG)?;
            let length = rest.get(..blank).and_then(|digits| std::str::from_utf8(digits).ok());
            let length: usize = length.and_then(|digits| digits.parse().ok()).ok_or(WRONG)?;
            let start = blank.saturating_add(1);
            let record = rest.get(start..length).and_then(|record| record.strip_suffix(b"\n")).ok_or(WRONG)?;
            let equals = record.iter().position(|b| *b == b'=').ok_or(WRONG)?;
            let (key, value) = record.split_at(equals);
            let value = value.get(1..).unwrap_or_default().to_vec();
            match key {
                b"path" => self.path = Some(value),
                b"linkpath" => self.link_path = Some(value),
                b"size" => {
                    let digits =
                        std::str::from_utf8(&value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                    self.size = Some(digits.and_then(|text| text.parse().ok()).ok_or(WRONG)?);
                }
                _ if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

fn short_name(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_nul(field(header, 0, 100));
    let prefix = until_nul(field(header, 345, 155));
    // only POSIX has a prefix there; GNU's magic is followed by blanks
    if field(header, 257, 6) == b"ustar\0" && !prefix.is_empty() { [prefix, name].join(&b'/') } else { name }
}

fn field(header: &[u8; BLOCK], start: usize, length: usize) -> &[u8] {
    header.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

fn until_nul(field: &[u8]) -> Vec<u8> {
    field.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}

/// Octal digits among blanks and NULs, or base 256 where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|b| *b == 0x80) {
        return field.get(1..)?.iter().try_fold(0u64, |sum, b| Some(sum.checked_mul(256)? | u64::from(*b)));
    }
    let digits = field.split(|b| *b == 0).next()?.trim_ascii();
    digits.iter().try_fold(0u64, |sum, b| match b {
        b'0'..=b'7' => Some(sum.checked_mul(8)? | u64::from(b & 7)),
        _ => None,
    })
}

/// The sum of the header's bytes, its own field taken as blanks; some writers took bytes as signed.
fn checksum_holds(header: &[u8; BLOCK]) -> bool {
    let Some(stated) = number(field(header, 148, 8)) else { return false };
    let bytes =
        || header.iter().enumerate().map(|(place, byte)| if (148..156).contains(&place) { b' ' } else { *byte });
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    stated == unsigned || i64::try_from(stated) == Ok(signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (String, MemberKind, Vec<u8>, String);

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// All members with their bodies, and the error at the end.
    fn read<S: Skip>(source: S) -> (Vec<Seen>, Option<Error>) {
        let limits = Limits::default();
        let mut members = Members::new(source, &limits);
        let mut seen = Vec::new();
        loop {
            match members.next_member() {
                Ok(Some(member)) => {
                    let mut body = Vec::new();
                    if members.body().read_to_end(&mut body).is_ok() {
                        seen.push((text(&member.name), member.kind, body, text(&member.link)));
                    }
                }
                Ok(None) => return (seen, None),
                Err(error) => return (seen, Some(error)),
            }
        }
    }

    fn sample() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let long = format!("{}/file", "folder".repeat(30));
        for (name, body) in [("manifest.json", &b"[]"[..]), (&long, &[7; 700]), ("empty", b"")] {
            let mut header = tar::Header::new_ustar();
            header.set_size(body.len() as u64);
            archive.append_data(&mut header, name, body).expect("memory can be written");
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Symlink);
        archive.append_link(&mut header, "id/layer.tar", "../empty").expect("memory can be written");
        archive
            .append_pax_extensions([("path", b"from/pax".as_slice()), ("size", b"3")])
            .expect("memory can be written");
        let mut header = tar::Header::new_ustar();
        header.set_path("other").expect("short");
        header.set_size(3);
        header.set_cksum();
        archive.append(&header, &b"abc"[..]).expect("memory can be written");
        archive.into_inner().expect("memory can be written")
    }

    #[test]
    fn members_are_the_same_over_stream_and_file() {
        let (streamed, error) = read(Streaming(&sample()[..]));
        assert!(error.is_none());
        let long = format!("{}/file", "folder".repeat(30));
        let expected = [
            ("manifest.json".into(), MemberKind::File, b"[]".to_vec(), String::new()),
            (long, MemberKind::File, vec![7; 700], String::new()),
            ("empty".into(), MemberKind::File, Vec::new(), String::new()),
            ("id/layer.tar".into(), MemberKind::SymbolicLink, Vec::new(), "../empty".into()),
            ("from/pax".into(), MemberKind::File, b"abc".to_vec(), String::new()),
        ];
        assert_eq!(streamed, expected);
        let (sought, error) = read(Seeking::new(io::Cursor::new(sample())).expect("memory can be sought"));
        assert!(error.is_none());
        assert_eq!(sought, expected);
    }

    #[test]
    fn no_prefix_reads_as_complete() {
        let whole = sample();
        // two blocks of zeros end it
        for length in (0..whole.len()).step_by(64) {
            let cut = whole.get(..length).expect("shorter");
            let (members, error) = read(Streaming(cut));
            assert!(error.is_some(), "{length}");
            assert!(members.len() <= 5);
            let (sought, error) = read(Seeking::new(io::Cursor::new(cut)).expect("memory can be sought"));
            assert!(error.is_some(), "{length}");
            assert_eq!(members, sought, "{length}");
        }
    }

    #[test]
    fn damage_is_told() {
        let whole = sample();
        for place in [0, 100, 124, 148, 156] {
            let mut damaged = whole.clone();
            if let Some(byte) = damaged.get_mut(place) {
                *byte ^= 1;
            }
            assert!(read(Streaming(&damaged[..])).1.is_some(), "{place}");
        }
        let mut lone = vec![0; BLOCK];
        lone.extend(&whole);
        assert!(read(Streaming(&lone[..])).1.is_some_and(|e| e.message.contains("single block")));
    }

    #[test]
    fn numbers_in_octal_and_base_256() {
        let cases: &[(&[u8], Option<u64>)] = &[
            (b"00000000017\0", Some(15)),
            (b"     17 \0   ", Some(15)),
            (b"", Some(0)),
            (b"8", None),
            (b"-1", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), *expected, "{field:?}");
        }
    }
}

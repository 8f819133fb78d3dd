//! Packages of Debian (deb(5): an `ar` archive) and of rpm (its file format, version 3: lead, two headers, payload), and
//! cpio archives (cpio(5), "New ASCII Format").

use std::io::{self, Read};

use crate::format::ustar::read_up_to;

use super::{Opening, Place};

/// Longest name in a cpio archive, in bytes; `PATH_MAX` of Linux.
const NAME: u64 = 4_096;

/// Largest header of an rpm package, in bytes; rpm's own cap.
const HEADER: u64 = 256 << 20;

impl Opening<'_, '_> {
    /// The members of the package: of these, `control.tar` and `data.tar` are archives.
    pub(super) fn deb(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) {
        if let Err(error) = self.members_of_deb(reader, place, depth) {
            self.broken(place, &error);
        }
    }

    fn members_of_deb(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) -> io::Result<()> {
        skip(reader, 8)?;
        let mut header = [0; 60];
        while read_up_to(&mut &mut *reader, &mut header)? == header.len() && self.count(place) {
            let field = |start: usize, end: usize| header.get(start..end).unwrap_or_default().trim_ascii_end();
            let size = std::str::from_utf8(field(48, 58)).ok().and_then(|digits| digits.parse::<u64>().ok());
            let Some(size) = size.filter(|_| header.ends_with(b"`\n")) else {
                return Err(io::Error::other("a header in it is malformed"));
            };
            let name = field(0, 16);
            let inside = place.member(name.strip_suffix(b"/").unwrap_or(name));
            let mut body = Read::take(&mut *reader, size);
            self.member(&mut body, &inside, depth);
            let left = body.limit();
            skip(reader, left.saturating_add(size & 1))?;
        }
        Ok(())
    }

    /// The payload of the package, which is a compressed cpio archive.
    pub(super) fn rpm(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) {
        let mut headers = || -> io::Result<()> {
            skip(reader, 96)?;
            for is_padded in [true, false] {
                let start: [u8; 16] = array(reader)?;
                let number = |at: usize| {
                    start
                        .get(at..)
                        .and_then(|rest| rest.first_chunk())
                        .map_or(0, |word| u64::from(u32::from_be_bytes(*word)))
                };
                let length = number(8).saturating_mul(16).saturating_add(number(12));
                if !start.starts_with(&[0x8e, 0xad, 0xe8]) || length > HEADER {
                    return Err(io::Error::other("a header in it is malformed"));
                }
                // blocks of 8 bytes
                let padding = if is_padded { length.wrapping_neg() & 7 } else { 0 };
                skip(reader, length.saturating_add(padding))?;
            }
            Ok(())
        };
        match headers() {
            Ok(()) => self.stream(reader, place, depth),
            Err(error) => self.broken(place, &error),
        }
    }

    pub(super) fn cpio(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) {
        if let Err(error) = self.members_of_cpio(reader, place, depth) {
            self.broken(place, &error);
        }
    }

    fn members_of_cpio(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) -> io::Result<()> {
        let malformed = || io::Error::other("a header in it is malformed");
        while self.count(place) {
            let header: [u8; 110] = array(reader)?;
            let field = |number: usize| {
                let start = number.saturating_mul(8).saturating_add(6);
                let digits =
                    header.get(start..start.saturating_add(8)).and_then(|digits| std::str::from_utf8(digits).ok());
                digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(malformed)
            };
            let (size, name_size) = (field(6)?, field(11)?);
            if !header.starts_with(b"07070") || name_size > NAME {
                return Err(malformed());
            }
            let mut name = Vec::new();
            Read::take(&mut *reader, name_size).read_to_end(&mut name)?;
            // header and name, and the content, are padded to 4 bytes each
            skip(reader, name_size.saturating_add(110).wrapping_neg() & 3)?;
            let name = name.split(|b| *b == 0).next().unwrap_or_default();
            if name == b"TRAILER!!!" {
                break;
            }
            let mut body = Read::take(&mut *reader, size);
            if size > 0 {
                self.member(&mut body, &place.member(name), depth);
            }
            let left = body.limit();
            skip(reader, left.saturating_add(size.wrapping_neg() & 3))?;
        }
        Ok(())
    }
}

fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut Read::take(&mut *reader, bytes), &mut io::sink())?;
    if skipped == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn array<const N: usize>(reader: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    reader.read_exact(&mut array).map(|()| array)
}

//! The 512-byte header block of a tar member: V7, ustar (POSIX.1-1988), GNU and star.

/// Length of a block, in bytes; headers are one, content is padded to whole ones.
pub const BLOCK: usize = 512;

/// One block, as stored.
pub type Block = [u8; BLOCK];

/// What the magic says of the fields beyond those of V7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// No magic.
    V7,
    /// `ustar` and NUL, whatever the version: has a prefix.
    Ustar,
    /// As ustar, with the trailer of star: a shorter prefix.
    Star,
    /// `ustar  `: old GNU, with sparse maps in place of the prefix.
    Gnu,
}

/// A header whose checksum is right; its fields are read on demand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    block: &'a Block,
    flavour: Flavour,
}

/// A number field that holds none, or one out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadNumber;

impl<'a> Header<'a> {
    /// Checks the checksum, of unsigned or (as some old writers did) signed bytes.
    pub(super) fn parse(block: &'a Block) -> Option<Self> {
        let expected = parse_number(field(block, 148, 8)).ok()?;
        // the field itself counts as eight spaces
        let blank = 0x100;
        let outside = || block.iter().take(148).chain(block.iter().skip(156));
        let unsigned = outside().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        if i64::from(unsigned).saturating_add(blank) != expected {
            let signed = outside().fold(0_i32, |sum, byte| sum.wrapping_add(i32::from(byte.cast_signed())));
            if i64::from(signed).saturating_add(blank) != expected {
                return None;
            }
        }
        let flavour = match (field(block, 257, 6), field(block, 263, 2)) {
            (b"ustar\0", _) if field(block, 508, 4) == b"tar\0" => Flavour::Star,
            (b"ustar\0", _) => Flavour::Ustar,
            (b"ustar ", b" \0") => Flavour::Gnu,
            _ => Flavour::V7,
        };
        Some(Self { block, flavour })
    }

    pub(super) fn block(&self) -> &'a Block {
        self.block
    }

    pub(super) fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(super) fn typeflag(&self) -> u8 {
        self.block.get(156).copied().unwrap_or_default()
    }

    /// The name, below its prefix if there is one.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(field(self.block, 0, 100));
        let prefix = match self.flavour {
            Flavour::V7 => &[],
            Flavour::Ustar => text(field(self.block, 345, 155)),
            Flavour::Star => text(field(self.block, 345, 131)),
            Flavour::Gnu => self.misplaced_prefix(),
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, name].join(&b'/') }
    }

    /// Go before 1.8 wrote long names into a prefix that GNU headers do not have; its reader, which
    /// is that of the container engines, still reads them back when the times there are no numbers.
    fn misplaced_prefix(&self) -> &'a [u8] {
        let is_time = |at| {
            let time = field(self.block, at, 12);
            time.first() == Some(&0) || parse_number(time).is_ok()
        };
        let prefix = text(field(self.block, 345, 155));
        if (is_time(345) && is_time(357)) || !prefix.is_ascii() { &[] } else { prefix }
    }

    pub(super) fn link_name(&self) -> &'a [u8] {
        text(field(self.block, 157, 100))
    }

    pub(super) fn mode(&self) -> Result<i64, BadNumber> {
        self.number(100, 8)
    }

    pub(super) fn uid(&self) -> Result<i64, BadNumber> {
        self.number(108, 8)
    }

    pub(super) fn gid(&self) -> Result<i64, BadNumber> {
        self.number(116, 8)
    }

    /// Bytes of content stored behind the header.
    pub(super) fn size(&self) -> Result<i64, BadNumber> {
        self.number(124, 12)
    }

    pub(super) fn mtime(&self) -> Result<i64, BadNumber> {
        self.number(136, 12)
    }

    /// Major and minor number; V7 has none.
    pub(super) fn device(&self) -> Result<(i64, i64), BadNumber> {
        if self.flavour == Flavour::V7 {
            return Ok((0, 0));
        }
        Ok((self.number(329, 8)?, self.number(337, 8)?))
    }

    /// Size of an old GNU sparse file with its holes.
    pub(super) fn real_size(&self) -> Result<i64, BadNumber> {
        self.number(483, 12)
    }

    fn number(&self, at: usize, length: usize) -> Result<i64, BadNumber> {
        parse_number(field(self.block, at, length))
    }
}

/// The `length` bytes of `block` from `at`; empty if they are not all there.
pub(super) fn field(block: &Block, at: usize, length: usize) -> &[u8] {
    block.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

/// The bytes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a number field: octal digits between spaces and NULs (none is 0), or base-256 if the top
/// bit is set, two's complement and big-endian (the GNU extension).
pub fn parse_number(field: &[u8]) -> Result<i64, BadNumber> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| *first & 0x80 != 0) {
        let negative = first & 0x40 != 0;
        let start = i128::from(if negative { first | 0x80 } else { first & 0x7f }.cast_signed());
        let mut value = start;
        for byte in rest {
            value = value.checked_mul(256).ok_or(BadNumber)?.saturating_add(i128::from(*byte));
            if i64::try_from(value).is_err() {
                return Err(BadNumber);
            }
        }
        return i64::try_from(value).map_err(|_| BadNumber);
    }
    let is_filler = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_filler(byte)).unwrap_or(field.len());
    let digits = field.get(start..).unwrap_or_default();
    let digits = digits.split(is_filler).next().unwrap_or_default();
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8).ok_or(BadNumber)?;
        value = value.checked_mul(8).and_then(|value| value.checked_add(i64::from(digit))).ok_or(BadNumber)?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let cases: &[(&[u8], Result<i64, BadNumber>)] = &[
            (b"0000644\0", Ok(0o644)),
            (b"   644 \0", Ok(0o644)),
            (b"\x00\x00\x00644 ", Ok(0o644)),
            (b"77777777", Ok(0o7777_7777)),
            (b"644 junk", Ok(0o644)),
            (b"\0\0\0\0\0\0\0\0", Ok(0)),
            (b"        ", Ok(0)),
            (b"", Ok(0)),
            (b"0000648\0", Err(BadNumber)),
            (b"-000001\0", Err(BadNumber)),
            (b"0x1ff\0\0\0", Err(BadNumber)),
            (b"777777777777777777777", Ok(i64::MAX)),
            (b"1000000000000000000000", Err(BadNumber)),
            (&[0x80, 0, 0, 0, 0, 0, 1, 0], Ok(256)),
            (&[0xff; 8], Ok(-1)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0], Ok(-512)),
            (&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Ok(i64::MAX)),
            (&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], Err(BadNumber)),
            (&[0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Ok(i64::MIN)),
            (&[0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Err(BadNumber)),
            (&[0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Err(BadNumber)),
        ];
        for (bytes, value) in cases {
            assert_eq!(parse_number(bytes), *value, "{bytes:x?}");
        }
    }
}

//! How a layer is compressed, told by its first bytes (RFC 1952, RFC 8878, the .xz format 1.2, bzip2).

use std::fmt;

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

/// Names a compression that careen knows only by its mark; a tar archive may begin with any bytes.
pub(super) fn unsupported_format(head: &[u8]) -> Option<&'static str> {
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

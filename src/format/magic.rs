//! What a file is, told by its first bytes.

use super::ustar;

/// Bytes that [`Magic::of`] wants to see, where there are as many.
pub const HEAD: usize = 512;

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    /// No bytes at all.
    Empty,
    /// A gzip member (RFC 1952).
    Gzip,
    /// A zstd frame or a skippable one (RFC 8878).
    Zstd,
    /// An xz stream.
    Xz,
    /// A bzip2 stream.
    Bzip2,
    /// A tar member's header with a valid checksum.
    Tar,
    /// A block of zeros: an empty tar, or nothing known.
    Zeros,
    /// An object or list of JSON.
    Json,
    /// An ELF program or library.
    Elf,
    /// A zip archive.
    Zip,
    /// Something else.
    Unknown,
}

impl Magic {
    /// Judges by the first [`HEAD`] bytes, or fewer where a file has fewer.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [] => Self::Empty,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            _ if ustar::is_header(head) => Self::Tar,
            _ if head.len() >= HEAD && head.iter().all(|b| *b == 0) => Self::Zeros,
            _ if matches!(head.trim_ascii_start().first(), Some(b'{' | b'[')) => Self::Json,
            _ => Self::Unknown,
        }
    }

    /// Whether the bytes are compressed in a way a layer may be.
    pub fn is_compressed(self) -> bool {
        matches!(self, Self::Gzip | Self::Zstd | Self::Xz | Self::Bzip2)
    }

    /// Whether a layer may begin so: compressed, a tar, an empty tar, or nothing.
    pub fn may_be_layer(self) -> bool {
        self.is_compressed() || matches!(self, Self::Tar | Self::Zeros | Self::Empty)
    }

    /// What it is, for "the file is …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Gzip => "gzip data",
            Self::Zstd => "zstd data",
            Self::Xz => "xz data",
            Self::Bzip2 => "bzip2 data",
            Self::Tar => "a tar archive",
            Self::Zeros => "a block of zeros",
            Self::Json => "a JSON document",
            Self::Elf => "an ELF program",
            Self::Zip => "a zip archive",
            Self::Unknown => "of a kind careen does not know",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let cases: &[(&[u8], Magic)] = &[
            (b"", Magic::Empty),
            (b"\x1f\x8b\x08", Magic::Gzip),
            (b"\x28\xb5\x2f\xfd", Magic::Zstd),
            (b"\x5f\x2a\x4d\x18", Magic::Zstd),
            (b"\xfd7zXZ\0", Magic::Xz),
            (b"BZh9", Magic::Bzip2),
            (b"BZhello", Magic::Unknown),
            (b" \n{}", Magic::Json),
            (b"\x7fELF\x02", Magic::Elf),
            (&[0; 512], Magic::Zeros),
            (&[0; 100], Magic::Unknown),
            (b"plain text", Magic::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(Magic::of(head), *expected, "{head:?}");
        }
    }
}

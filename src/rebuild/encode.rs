//! Compresses a layer so that the same tar always gives the same blob, on any machine and with any number of threads.

use std::io::Read as _;

use crate::error::{Error, Result};
use crate::image::Blob;
use crate::pass::Compression;

/// How a layer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As plain tar.
    None,
    /// RFC 1952, one member.
    Gzip {
        /// 1 to 9.
        level: u32,
    },
    /// RFC 8878, one frame.
    Zstd {
        /// 1 to 19.
        level: i32,
    },
}

impl Encoding {
    /// How a layer is written that came with this compression. bzip2 and xz, which `docker load` takes
    /// but no media type names, become gzip.
    pub fn of(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip | Compression::Xz | Compression::Bzip2 => Self::Gzip { level: 6 },
            Compression::Zstd => Self::Zstd { level: 3 },
        }
    }

    /// The same, told by the first bytes of `blob`.
    pub fn like(blob: &dyn Blob) -> Result<Self> {
        let mut head = Vec::new();
        blob.open()?.take(16).read_to_end(&mut head).map_err(|error| Error::io("cannot read a layer", error))?;
        Ok(Self::of(Compression::sniff(&head)))
    }

    /// The compression it writes.
    pub fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gzip { .. } => Compression::Gzip,
            Self::Zstd { .. } => Compression::Zstd,
        }
    }
}

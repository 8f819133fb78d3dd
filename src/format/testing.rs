//! Small programs and archives for tests: written here, so that no binary lies in the repository.

use std::io::Write as _;

use super::decompress::{Compressed, crc32};

/// Compresses.
pub(crate) fn deflate(form: Compressed, bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let written = match form {
        Compressed::Deflate => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        Compressed::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        Compressed::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        Compressed::Zstd => zstd::encode_all(bytes, 3),
        Compressed::Bzip2 => {
            let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
    };
    written.expect("writes to memory")
}

/// A number in four bytes, the lowest first.
pub(crate) fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("it is small").to_le_bytes()
}

/// A number in two bytes, the lowest first.
pub(crate) fn half(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("it is small").to_le_bytes()
}

/// A part of an ELF program to write.
#[derive(Debug, Clone)]
struct Part {
    name: &'static str,
    address: u64,
    is_writable: bool,
    data: Vec<u8>,
}

/// Writes ELF programs of a few sections, each a segment too where it has an address.
#[derive(Debug, Clone)]
pub(crate) struct Elf {
    is_64: bool,
    is_big: bool,
    has_sections: bool,
    parts: Vec<Part>,
}

impl Elf {
    /// For x86-64.
    pub(crate) fn new() -> Self {
        Self::with_layout(true, false)
    }

    /// With addresses of this size and bytes in this order.
    pub(crate) fn with_layout(is_64: bool, is_big: bool) -> Self {
        Self { is_64, is_big, has_sections: true, parts: Vec::new() }
    }

    /// A section that is not loaded.
    pub(crate) fn section(self, name: &'static str, data: impl Into<Vec<u8>>) -> Self {
        self.part(Part { name, address: 0, is_writable: false, data: data.into() })
    }

    /// A section that is loaded at an address.
    pub(crate) fn data(self, name: &'static str, address: u64, data: impl Into<Vec<u8>>) -> Self {
        self.part(Part { name, address, is_writable: true, data: data.into() })
    }

    /// Leaves out the table of sections.
    pub(crate) fn without_sections(mut self) -> Self {
        self.has_sections = false;
        self
    }

    fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// A number of so many bytes in the program's order.
    pub(crate) fn number(&self, number: u64, size: usize) -> Vec<u8> {
        let bytes = number.to_be_bytes();
        let mut bytes = bytes[8 - size..].to_vec();
        if !self.is_big {
            bytes.reverse();
        }
        bytes
    }

    /// The bytes of the file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let wide = if self.is_64 { 8 } else { 4 };
        let (header, segment, section) = if self.is_64 { (64, 56, 64) } else { (52, 32, 40) };
        let loaded: Vec<&Part> = self.parts.iter().filter(|part| part.address > 0).collect();
        let mut offset = header + segment * loaded.len();
        let mut content = Vec::new();
        let mut offsets = Vec::new();
        for part in &self.parts {
            offsets.push(offset);
            content.extend_from_slice(&part.data);
            content.resize(content.len().next_multiple_of(16), 0);
            offset = header + segment * loaded.len() + content.len();
        }
        let mut names = vec![0];
        let mut name_offsets = Vec::new();
        for name in self.parts.iter().map(|part| part.name).chain([".shstrtab"]) {
            name_offsets.push(names.len());
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
        let names_at = offset;
        let table_at = names_at + names.len();
        let count = if self.has_sections { self.parts.len() + 2 } else { 0 };

        let mut out = vec![0x7f, b'E', b'L', b'F', if self.is_64 { 2 } else { 1 }, if self.is_big { 2 } else { 1 }, 1];
        out.resize(16, 0);
        let mut put = |number: u64, size: usize| out.extend(self.number(number, size));
        put(3, 2);
        put(62, 2);
        put(1, 4);
        put(0, wide);
        put(header as u64, wide);
        put(if count > 0 { table_at as u64 } else { 0 }, wide);
        put(0, 4);
        for number in [header, segment, loaded.len(), section, count, count.saturating_sub(1)] {
            put(number as u64, 2);
        }
        for (part, offset) in self.parts.iter().zip(&offsets).filter(|(part, _)| part.address > 0) {
            let flags = if part.is_writable { 6 } else { 4 };
            let length = part.data.len() as u64;
            put(1, 4);
            if self.is_64 {
                put(flags, 4);
            }
            for number in [*offset as u64, part.address, part.address, length, length] {
                put(number, wide);
            }
            if !self.is_64 {
                put(flags, 4);
            }
            put(16, wide);
        }
        out.extend(content);
        if count > 0 {
            out.extend_from_slice(&names);
            out.resize(out.len() + section, 0);
            let parts = self.parts.iter().zip(&offsets).map(|(part, at)| (1, part.address, *at, part.data.len()));
            for ((kind, address, at, length), name) in parts.chain([(3, 0, names_at, names.len())]).zip(name_offsets) {
                let mut put = |number: u64, size: usize| out.extend(self.number(number, size));
                put(name as u64, 4);
                put(kind, 4);
                put(0, wide);
                for number in [address, at as u64, length as u64] {
                    put(number, wide);
                }
                put(0, 8);
                put(1, wide);
                put(0, wide);
            }
        }
        out
    }
}

/// A PE program for x86-64 with one writable section at the address `0x1_4000_1000`.
pub(crate) fn pe(name: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = b"MZ".to_vec();
    out.resize(60, 0);
    out.extend(word(64));
    out.extend_from_slice(b"PE\0\0\x64\x86\x01\0");
    out.resize(out.len() + 12, 0);
    out.extend_from_slice(b"\xf0\0\x22\0\x0b\x02");
    out.resize(out.len() + 22, 0);
    out.extend(0x1_4000_0000_u64.to_le_bytes());
    out.resize(64 + 24 + 108, 0);
    out.extend(word(16));
    out.resize(64 + 24 + 240, 0);
    let mut section = name.to_vec();
    section.resize(8, 0);
    out.extend(section);
    for number in [data.len(), 0x1000, data.len(), 512, 0, 0, 0] {
        out.extend(word(number));
    }
    out.extend(0xc000_0040_u32.to_le_bytes());
    out.resize(512, 0);
    out.extend_from_slice(data);
    out
}

/// A Mach-O program for arm64 with one writable section at the address `0x1_0000_4000`.
pub(crate) fn mach_o(name: &[u8], data: &[u8]) -> Vec<u8> {
    let fixed = |name: &[u8]| {
        let mut name = name.to_vec();
        name.resize(16, 0);
        name
    };
    let (address, length) = (0x1_0000_4000_u64.to_le_bytes(), (data.len() as u64).to_le_bytes());
    let mut out = b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0".to_vec();
    for number in [1, 152, 0, 0, 0x19, 152] {
        out.extend(word(number));
    }
    out.extend(fixed(b"__DATA"));
    for number in [address, length, 512_u64.to_le_bytes(), length] {
        out.extend(number);
    }
    for number in [3, 3, 1, 0] {
        out.extend(word(number));
    }
    out.extend(fixed(name));
    out.extend(fixed(b"__DATA"));
    out.extend(address);
    out.extend(length);
    for number in [512, 4, 0, 0, 0, 0, 0, 0] {
        out.extend(word(number));
    }
    out.resize(512, 0);
    out.extend_from_slice(data);
    out
}

/// Writes zip archives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zip {
    /// Local headers and contents.
    pub(crate) body: Vec<u8>,
    /// Headers of the central directory.
    pub(crate) directory: Vec<u8>,
    /// Entries.
    pub(crate) count: usize,
    /// Whether sizes stand behind contents.
    pub(crate) described: bool,
}

impl Zip {
    /// Adds a file that is compressed.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.raw(name, 8, 0, &deflate(Compressed::Deflate, content), content.len(), crc32(content))
    }

    /// Adds a file as it is.
    pub(crate) fn stored(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.raw(name, 0, 0, content, content.len(), crc32(content))
    }

    /// Adds an entry with all its numbers.
    pub(crate) fn raw(mut self, name: &str, method: usize, flags: usize, packed: &[u8], size: usize, crc: u32) -> Self {
        let header = self.body.len();
        let flags = flags | if self.described { 8 } else { 0 };
        let numbers = [crc.to_le_bytes(), word(packed.len()), word(size)].concat();
        let common = |numbers: &[u8]| {
            let mut common = [half(20), half(flags), half(method), half(0), half(0)].concat();
            common.extend_from_slice(numbers);
            common.extend(half(name.len()));
            common.extend(half(0));
            common
        };
        self.body.extend_from_slice(b"PK\x03\x04");
        self.body.extend(common(if self.described { &[0; 12] } else { &numbers }));
        self.body.extend_from_slice(name.as_bytes());
        self.body.extend_from_slice(packed);
        if self.described {
            self.body.extend_from_slice(b"PK\x07\x08");
            self.body.extend_from_slice(&numbers);
        }
        self.directory.extend_from_slice(b"PK\x01\x02\x14\0");
        self.directory.extend(common(&numbers));
        self.directory.extend([0; 10]);
        self.directory.extend(word(header));
        self.directory.extend_from_slice(name.as_bytes());
        self.count += 1;
        self
    }

    /// The bytes of the archive.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut out = [&self.body[..], &self.directory, b"PK\x05\x06\0\0\0\0"].concat();
        out.extend(half(self.count));
        out.extend(half(self.count));
        out.extend(word(self.directory.len()));
        out.extend(word(self.body.len()));
        out.extend(half(0));
        out
    }
}

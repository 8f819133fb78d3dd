//! Tar archives written byte by byte, for what no honest writer writes.

/// One 512-byte header, ustar unless changed; its checksum is made when it is written.
#[derive(Debug, Clone)]
pub(crate) struct Header(pub [u8; 512]);

impl Header {
    /// A member of mode 644 owned by root.
    pub(crate) fn new(name: impl AsRef<[u8]>, typeflag: u8, size: u64) -> Self {
        let mut header = Self([0; 512]);
        let name = name.as_ref();
        assert!(name.len() <= 100, "longer names need an extension");
        header.0[..name.len()].copy_from_slice(name);
        header.0[156] = typeflag;
        for (at, length, value) in [(100, 7, 0o644), (108, 7, 0), (116, 7, 0), (124, 11, size), (136, 11, 0)] {
            header.number(at, length, value);
        }
        header.0[257..265].copy_from_slice(b"ustar\x0000");
        header
    }

    /// GNU's own magic.
    #[must_use]
    pub(crate) fn gnu(self) -> Self {
        self.put(257, b"ustar  \0")
    }

    /// The target of a link.
    #[must_use]
    pub(crate) fn link(self, target: impl AsRef<[u8]>) -> Self {
        self.put(157, target.as_ref())
    }

    /// Major and minor number of a device.
    #[must_use]
    pub(crate) fn device(mut self, major: u64, minor: u64) -> Self {
        self.number(329, 7, major);
        self.number(337, 7, minor);
        self
    }

    /// Writes bytes at an offset.
    #[must_use]
    pub(crate) fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn number(&mut self, at: usize, length: usize, value: u64) {
        self.0[at..at + length].copy_from_slice(format!("{value:0length$o}").as_bytes());
    }

    fn finished(mut self) -> [u8; 512] {
        self.0[148..156].fill(b' ');
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        self.0[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        self.0[154] = 0;
        self.0
    }
}

/// An archive in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawTar(pub Vec<u8>);

impl RawTar {
    /// A regular file.
    #[must_use]
    pub(crate) fn file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.member(Header::new(name, b'0', content.len() as u64), content)
    }

    /// A member of any kind with its content, whatever its header says of it.
    #[must_use]
    pub(crate) fn member(mut self, header: Header, content: impl AsRef<[u8]>) -> Self {
        self.0.extend(header.finished());
        self.0.extend(content.as_ref());
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// An extended header of type `x` (or `g`) with these records.
    #[must_use]
    pub(crate) fn pax(self, typeflag: u8, records: &[(&str, &str)]) -> Self {
        let text: String = records.iter().map(|(key, value)| pax_record(key, value)).collect();
        self.member(Header::new("pax", typeflag, text.len() as u64), text)
    }

    /// GNU's long name (`L`) or long link target (`K`).
    #[must_use]
    pub(crate) fn long(self, typeflag: u8, text: &[u8]) -> Self {
        let content = [text, b"\0"].concat();
        self.member(Header::new("././@LongLink", typeflag, content.len() as u64).gnu(), content)
    }

    /// Bytes as they are.
    #[must_use]
    pub(crate) fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    /// The end marker.
    #[must_use]
    pub(crate) fn end(self) -> Vec<u8> {
        self.bytes([0; 1024]).0
    }
}

/// `length key=value\n`, the length counting itself.
pub(crate) fn pax_record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}")
}

//! Archives built byte by byte, for the tests of this module.

#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]

use crate::limit::Limits;
use crate::pass::tar::{BLOCK, Block, TarReader};
use crate::rebuild::{Edit, Member};
use crate::tree::{FileEntry, FileKind};

use super::header::{pad, put, set_checksum, write_records};

/// Bytes of an archive in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Archive(pub(crate) Vec<u8>);

/// A header in the making: ustar, a file of mode 644.
#[derive(Clone)]
pub(crate) struct Raw(pub(crate) Block);

impl Raw {
    pub(crate) fn new(typeflag: u8, name: &str, size: usize) -> Self {
        let mut block = [0; BLOCK];
        put(&mut block, 0, &name.as_bytes()[..name.len().min(100)]);
        put(&mut block, 100, b"0000644\x000000000\x000000000\0");
        put(&mut block, 124, format!("{size:011o}\x0000000000001\0").as_bytes());
        put(&mut block, 156, &[typeflag]);
        put(&mut block, 257, b"ustar\x0000");
        Self(block)
    }

    pub(crate) fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        put(&mut self.0, at, bytes);
        self
    }

    pub(crate) fn gnu(self) -> Self {
        self.put(257, b"ustar  \0")
    }

    pub(crate) fn v7(self) -> Self {
        self.put(257, &[0; 8])
    }

    pub(crate) fn link(self, target: &str) -> Self {
        self.put(157, target.as_bytes())
    }

    pub(crate) fn ids(self, mode: u32, uid: u32, gid: u32) -> Self {
        self.put(100, format!("{mode:07o}\0{uid:07o}\0{gid:07o}\0").as_bytes())
    }
}

impl Archive {
    pub(crate) fn raw(mut self, mut raw: Raw, content: &[u8]) -> Self {
        set_checksum(&mut raw.0);
        self.0.extend_from_slice(&raw.0);
        self.0.extend_from_slice(content);
        pad(&mut self.0);
        self
    }

    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        self.raw(Raw::new(b'0', name, content.len()), content)
    }

    pub(crate) fn folder(self, name: &str) -> Self {
        self.raw(Raw::new(b'5', name, 0), b"")
    }

    pub(crate) fn hard(self, name: &str, target: &str) -> Self {
        self.raw(Raw::new(b'1', name, 0).link(target), b"")
    }

    pub(crate) fn soft(self, name: &str, target: &str) -> Self {
        self.raw(Raw::new(b'2', name, 0).link(target), b"")
    }

    pub(crate) fn extension(self, typeflag: u8, content: &[u8]) -> Self {
        self.raw(Raw::new(typeflag, "extension", content.len()), content)
    }

    /// A GNU long name (`L`) or link target (`K`).
    pub(crate) fn long(self, typeflag: u8, text: &str) -> Self {
        let content = [text.as_bytes(), b"\0"].concat();
        self.raw(Raw::new(typeflag, "././@LongLink", content.len()).gnu(), &content)
    }

    pub(crate) fn pax(self, typeflag: u8, records: &[(&str, &str)]) -> Self {
        let records: Vec<_> = records.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        self.extension(typeflag, &write_records(&records))
    }

    pub(crate) fn zeros(mut self, blocks: usize) -> Self {
        self.0.resize(self.0.len() + blocks * BLOCK, 0);
        self
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.zeros(2).0
    }
}

/// A member as its reader sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) entry: FileEntry,
    pub(super) content: Vec<u8>,
    /// The bytes before the content, and those of the content and its padding.
    pub(super) raw: (Vec<u8>, Vec<u8>),
}

impl Seen {
    pub(super) fn name(&self) -> String {
        self.entry.path.to_string()
    }

    /// One word for what it is: the content of a file, the target of a link.
    pub(super) fn what(&self) -> String {
        match &self.entry.kind {
            FileKind::File => String::from_utf8_lossy(&self.content).into_owned(),
            FileKind::Directory => "folder".into(),
            FileKind::HardLink(target) => format!("={target}"),
            FileKind::Symlink(target) => format!("->{}", String::from_utf8_lossy(target)),
            other => format!("{other:?}"),
        }
    }
}

/// All members, and the codes of what is odd.
pub(super) fn read(tar: &[u8]) -> (Vec<Seen>, Vec<&'static str>) {
    use std::io::Read as _;
    let heads = {
        let mut reader = TarReader::new(tar, &Limits::default());
        reader.keep_heads();
        let mut heads = Vec::new();
        while let Some(entry) = reader.next().expect("reads") {
            let head = reader.head().expect("is kept").bytes().to_vec();
            let mut raw = Vec::new();
            loop {
                let bytes = reader.fill_raw().expect("reads");
                let count = bytes.len();
                if count == 0 {
                    break;
                }
                raw.extend_from_slice(bytes);
                reader.consume_raw(count);
            }
            heads.push((entry, head, raw));
        }
        heads
    };
    let mut reader = TarReader::new(tar, &Limits::default());
    let mut seen = Vec::new();
    for (entry, head, raw) in heads {
        let again = reader.next().expect("reads").expect("is there");
        assert_eq!(again, entry, "keeping heads changes nothing");
        let mut content = Vec::new();
        reader.by_ref().take(1 << 24).read_to_end(&mut content).expect("reads");
        seen.push(Seen { entry, content, raw: (head, raw) });
    }
    assert_eq!(reader.next().expect("reads"), None);
    let codes = reader.finish().anomalies.into_iter().map(|anomaly| anomaly.code).collect();
    (seen, codes)
}

/// Names and what they are.
pub(super) fn list(tar: &[u8]) -> Vec<String> {
    read(tar).0.iter().map(|seen| format!("{} {}", seen.name(), seen.what())).collect()
}

/// The member of this index, with its path looked up.
pub(super) fn member(tar: &[u8], index: usize) -> Member {
    let path = read(tar).0[index].name();
    Member { layer: 0, member: u32::try_from(index).expect("small"), path }
}

pub(super) fn drop_of(tar: &[u8], index: usize) -> Edit {
    Edit::DropMember { member: member(tar, index), secrets: Vec::new(), inside: Vec::new() }
}

pub(super) fn set(tar: &[u8], index: usize, mode: Option<u32>, uid: Option<u32>, gid: Option<u32>) -> Edit {
    Edit::SetHeader { member: member(tar, index), mode, uid, gid }
}

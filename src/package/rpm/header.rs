//! Header of a package as rpm's databases hold it: an index of tags over a store of data, without the magic and the
//! signature of package files (rpm's manual, "RPM V4 Package format"; tags in `include/rpm/rpmtag.h`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::format::bytes::chunk;

/// Entries of one index; rpm refuses more too.
const ENTRIES: usize = 0xffff;
/// Bytes of one entry.
const ENTRY: usize = 16;

pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const VENDOR: u32 = 1011;
pub(super) const LICENSE: u32 = 1014;
pub(super) const ARCH: u32 = 1022;
pub(super) const OLD_FILE_NAMES: u32 = 1027;
pub(super) const FILE_STATES: u32 = 1029;
pub(super) const FILE_MODES: u32 = 1030;
pub(super) const FILE_DIGESTS: u32 = 1035;
pub(super) const FILE_FLAGS: u32 = 1037;
pub(super) const FILE_USER_NAMES: u32 = 1039;
pub(super) const SOURCE_RPM: u32 = 1044;
pub(super) const PROVIDE_NAME: u32 = 1047;
pub(super) const REQUIRE_NAME: u32 = 1049;
pub(super) const DIR_INDEXES: u32 = 1116;
pub(super) const BASE_NAMES: u32 = 1117;
pub(super) const DIR_NAMES: u32 = 1118;
pub(super) const FILE_DIGEST_ALGORITHM: u32 = 5011;
pub(super) const MODULARITY_LABEL: u32 = 5096;

/// A header that is read on demand.
#[derive(Debug)]
pub(super) struct Header<'a> {
    entries: HashMap<u32, Entry<'a>>,
}

/// The data of one tag.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    kind: u32,
    count: usize,
    /// From where its data begin to the end of the store.
    data: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads the index. Entries that point out of the store are left out: what wants them finds nothing.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, String> {
        let number = |at: usize| chunk(blob, at).map(u32::from_be_bytes).and_then(|n| usize::try_from(n).ok());
        let (Some(count), Some(length)) = (number(0), number(4)) else { return Err("it is too short".to_owned()) };
        let body = blob.get(8..).unwrap_or_default();
        let (index, store) = match body.split_at_checked(count.saturating_mul(ENTRY)) {
            Some((index, store)) if (1..=ENTRIES).contains(&count) && store.len() >= length => (index, store),
            _ => return Err(format!("it should have {count} entries and {length} bytes of data, and has not")),
        };
        let store = store.get(..length).unwrap_or_default();
        let mut entries = HashMap::new();
        for entry in index.chunks_exact(ENTRY) {
            let field = |at: usize| chunk(entry, at).map(u32::from_be_bytes).unwrap_or_default();
            let data = usize::try_from(field(8)).ok().and_then(|at| store.get(at..));
            if let (Some(data), Ok(count)) = (data, usize::try_from(field(12))) {
                // what rpm adds at installation comes after the package's own entries, and replaces them
                entries.insert(field(0), Entry { kind: field(4), count, data });
            }
        }
        Ok(Self { entries })
    }

    /// The texts of a tag, without their NULs; none beyond the end of the store.
    pub(super) fn texts(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        const STRING: u32 = 6;
        const STRING_ARRAY: u32 = 8;
        const TRANSLATED: u32 = 9;
        let entry = self.entries.get(&tag).filter(|e| matches!(e.kind, STRING | STRING_ARRAY | TRANSLATED));
        let (mut rest, count) = entry.map_or((&[][..], 0), |entry| (entry.data, entry.count));
        std::iter::from_fn(move || {
            let end = memchr::memchr(0, rest)?;
            let (text, after) = rest.split_at_checked(end)?;
            rest = after.split_first()?.1;
            Some(text)
        })
        .take(count)
    }

    /// The first text of a tag.
    pub(super) fn text(&self, tag: u32) -> Option<&'a [u8]> {
        self.texts(tag).next()
    }

    /// The numbers of a tag, of 1, 2 or 4 bytes each; none beyond the end of the store.
    pub(super) fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> + use<'a> {
        let (data, count, size) = match self.entries.get(&tag) {
            Some(Entry { kind: 1 | 2, count, data }) => (*data, *count, 1),
            Some(Entry { kind: 3, count, data }) => (*data, *count, 2),
            Some(Entry { kind: 4, count, data }) => (*data, *count, 4),
            _ => (&[][..], 0, 1),
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte));
        data.chunks_exact(size).take(count).map(number)
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: u32) -> Option<u32> {
        self.numbers(tag).next()
    }

    /// Whether it has the tag.
    pub(super) fn has(&self, tag: u32) -> bool {
        self.entries.contains_key(&tag)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{blob, bytes, numbers, text, texts};
    use super::*;

    #[test]
    fn tags_are_read_by_their_type() {
        let blob = blob(&[
            (NAME, text("a")),
            (EPOCH, numbers(&[7, 8])),
            (BASE_NAMES, texts(&["x", "", "y"])),
            (FILE_STATES, bytes(&[0, 1, 255])),
            // what was added at installation replaces what came with the package
            (NAME, text("b")),
        ]);
        let header = Header::parse(&blob).expect("it is sound");
        assert_eq!(header.text(NAME), Some(&b"b"[..]));
        assert_eq!(header.numbers(EPOCH).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(header.numbers(FILE_STATES).collect::<Vec<_>>(), [0, 1, 255]);
        assert_eq!(header.texts(BASE_NAMES).collect::<Vec<_>>(), [&b"x"[..], b"", b"y"]);
        // absent, or of another type
        assert_eq!((header.text(VERSION), header.text(EPOCH), header.number(NAME)), (None, None, None));
    }

    #[test]
    fn lengths_are_not_believed() {
        let sound = blob(&[(NAME, text("a")), (EPOCH, numbers(&[1, 2]))]);
        let with = |at: usize, number: u32| {
            let mut blob = sound.clone();
            blob[at..at + 4].copy_from_slice(&number.to_be_bytes());
            blob
        };
        for broken in
            [with(0, 0), with(0, u32::MAX), with(0, 0x1_0000), with(4, u32::MAX), sound[..4].to_vec(), Vec::new()]
        {
            assert!(Header::parse(&broken).is_err(), "{broken:?}");
        }
        // place and count of the name, then of the epoch
        let cases = [
            (with(8 + 8, 999), None, 2),
            (with(8 + 12, u32::MAX), Some(&b"a"[..]), 2),
            (with(24 + 8, 10), Some(b"a"), 0),
            (with(24 + 12, u32::MAX), Some(b"a"), 2),
        ];
        for (blob, name, numbers) in cases {
            let header = Header::parse(&blob).expect("its index is sound");
            assert_eq!((header.text(NAME), header.numbers(EPOCH).count()), (name, numbers));
            assert!(header.texts(NAME).count() <= blob.len());
        }
    }
}

//! Headers and databases for the tests, written as rpm writes them.

#![expect(clippy::cast_possible_truncation, clippy::arithmetic_side_effects, reason = "the numbers of tests are small")]

use super::header;

/// The data of one tag: its type, how many there are, and their bytes.
pub(in crate::package) struct Data(u32, u32, Vec<u8>);

pub(in crate::package) fn text(text: &str) -> Data {
    Data(6, 1, [text.as_bytes(), &[0]].concat())
}

pub(in crate::package) fn texts(texts: &[&str]) -> Data {
    Data(8, texts.len() as u32, texts.iter().flat_map(|text| [text.as_bytes(), &[0]].concat()).collect())
}

pub(in crate::package) fn numbers(numbers: &[u32]) -> Data {
    Data(4, numbers.len() as u32, numbers.iter().flat_map(|number| number.to_be_bytes()).collect())
}

pub(in crate::package) fn bytes(bytes: &[u8]) -> Data {
    Data(1, bytes.len() as u32, bytes.to_vec())
}

/// A header of these tags.
pub(in crate::package) fn blob(tags: &[(u32, Data)]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, Data(kind, count, data)) in tags {
        // numbers of 4 bytes are aligned
        while *kind == 4 && store.len() % 4 != 0 {
            store.push(0);
        }
        for number in [*tag, *kind, store.len() as u32, *count] {
            index.extend(number.to_be_bytes());
        }
        store.extend(data);
    }
    let lengths = [(tags.len() as u32).to_be_bytes(), (store.len() as u32).to_be_bytes()].concat();
    [lengths, index, store].concat()
}

/// A header of name and `version-release`.
pub(in crate::package) fn package(name: &str, version: &str) -> Vec<u8> {
    let (version, release) = version.split_once('-').expect("version and release");
    blob(&[
        (header::NAME, text(name)),
        (header::VERSION, text(version)),
        (header::RELEASE, text(release)),
        (header::ARCH, text("x86_64")),
        (header::SOURCE_RPM, text(&format!("{name}-{version}-{release}.src.rpm"))),
    ])
}

/// An NDB of these headers, numbered from 1.
pub(in crate::package) fn ndb(blobs: &[Vec<u8>]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut slots = [super::ndb::MAGIC, &words(&[0, 1, 1, 9, 0, 0, 0])].concat();
    let mut content = Vec::new();
    for (package, blob) in (1..).zip(blobs) {
        let blocks = (16 + blob.len() + 12).div_ceil(16);
        slots.extend([&b"Slot"[..], &words(&[package, 256 + content.len() as u32 / 16, blocks as u32])].concat());
        let padding = vec![0; blocks * 16 - 16 - blob.len() - 12];
        let length = blob.len() as u32;
        content.extend(
            [&b"BlbS"[..], &words(&[package, 1, length]), blob, &padding, &words(&[0, length]), b"BlbE"].concat(),
        );
    }
    while slots.len() < 4_096 {
        slots.extend([&b"Slot"[..], &[0; 12]].concat());
    }
    [slots, content].concat()
}

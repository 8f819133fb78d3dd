//! Blobs of an NDB, rpm's own database (`lib/backend/ndb/rpmpkg.c` of rpm 4.14 and later): a table of slots, each of
//! which says in which blocks a package's header is.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::format::bytes::{chunk, span};

/// What a database begins with.
pub(super) const MAGIC: &[u8] = b"RpmP";

/// Bytes of the head, of a slot and of a block.
const HEAD: usize = 32;
const SLOT: usize = 16;
const BLOCK: usize = 16;
/// Bytes of a page of slots.
const PAGE: usize = 4_096;
/// Bytes before and after each blob.
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

/// Hands the number and header of each package to `take`. A broken slot is an error of its own.
///
/// Blobs do not overlap in a sound database: all together are no longer than the file, and what is beyond that is not read.
pub(super) fn each(bytes: &[u8], mut take: impl FnMut(Result<(u32, &[u8]), String>)) {
    let u32_at = |at: usize| chunk(bytes, at).map(u32::from_le_bytes);
    if !bytes.starts_with(MAGIC) || u32_at(4) != Some(0) {
        return take(Err("it is no NDB of a known version".to_owned()));
    }
    let pages = u32_at(12).and_then(|pages| usize::try_from(pages).ok()).unwrap_or(usize::MAX);
    let wanted = pages.saturating_mul(PAGE);
    let Some(slots) = bytes.get(HEAD..wanted.min(bytes.len())) else {
        return take(Err("the database ends before its slots".to_owned()));
    };
    if wanted > bytes.len() {
        take(Err("the database ends within its slots".to_owned()));
    }
    let mut left = bytes.len();
    for (number, slot) in slots.chunks_exact(SLOT).enumerate() {
        let field = |at: usize| chunk(slot, at).map(u32::from_le_bytes).unwrap_or_default();
        if !slot.starts_with(b"Slot") {
            take(Err(format!("slot {number} of the database is broken")));
            continue;
        }
        // the place of the blob is 0 in a free slot
        let (package, block, blocks) = (field(4), field(8), field(12));
        if block == 0 {
            continue;
        }
        let blob = blob(bytes, package, block, blocks);
        let Some((blob, rest)) = blob.and_then(|blob| Some((blob, left.checked_sub(blob.len())?))) else {
            take(Err(format!("the header of package {package} of the database is not where slot {number} says")));
            continue;
        };
        left = rest;
        take(Ok((package, blob)));
    }
}

fn blob(bytes: &[u8], package: u32, block: u32, blocks: u32) -> Option<&[u8]> {
    let in_bytes = |blocks: u32| usize::try_from(blocks).ok()?.checked_mul(BLOCK);
    let space = span(bytes, in_bytes(block)?, in_bytes(blocks)?)?;
    let field = |at: usize| chunk(space, at).map(u32::from_le_bytes);
    if !space.starts_with(b"BlbS") || field(4)? != package {
        return None;
    }
    let length = usize::try_from(field(12)?).ok()?;
    let tail = space.len().checked_sub(BLOB_TAIL)?;
    if field(tail.checked_add(4)?)? != field(12)? || !space.ends_with(b"BlbE") {
        return None;
    }
    span(space.get(..tail)?, BLOB_HEAD, length)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "the numbers of tests are small")]

    use super::super::testing::ndb;
    use super::*;

    /// Number and length of each blob, or what is wrong.
    fn read(bytes: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        each(bytes, |blob| {
            all.push(match blob {
                Ok((package, blob)) => format!("{package} {}", blob.len()),
                Err(what) => what,
            });
        });
        all
    }

    /// Offset of a field of the slot with this place in the file; the head takes the place of two slots.
    fn field(slot: usize, at: usize) -> usize {
        (slot + 2) * SLOT + at
    }

    #[test]
    fn blobs_are_where_their_slots_say() {
        assert_eq!(read(&ndb(&[vec![1; 100], vec![2; 5], vec![3; 4]])), ["1 100", "2 5", "3 4"]);
        assert!(read(&ndb(&[])).is_empty());
    }

    #[test]
    fn what_is_broken_costs_itself() {
        let sound = ndb(&[vec![1; 100], vec![2; 5]]);
        let lost = "the header of package 1 of the database is not where slot 0 says";
        let with = |at: usize, bytes: &[u8]| {
            let mut database = sound.clone();
            database[at..at + bytes.len()].copy_from_slice(bytes);
            database
        };
        let cases: &[(Vec<u8>, &[&str])] = &[
            (with(field(0, 8), &9_999_u32.to_le_bytes()), &[lost, "2 5"]),
            (with(field(0, 12), &u32::MAX.to_le_bytes()), &[lost, "2 5"]),
            (with(PAGE, b"Blob"), &[lost, "2 5"]),
            (with(PAGE + 4, &7_u32.to_le_bytes()), &[lost, "2 5"]),
            (with(PAGE + 12, &999_u32.to_le_bytes()), &[lost, "2 5"]),
            (with(field(0, 0), b"slot"), &["slot 0 of the database is broken", "2 5"]),
            (with(12, &9_u32.to_le_bytes()), &["the database ends within its slots"]),
            (with(4, &1_u32.to_le_bytes()), &["it is no NDB of a known version"]),
            (sound[..20].to_vec(), &["the database ends before its slots"]),
        ];
        for (bytes, expected) in cases {
            let read = read(bytes);
            assert_eq!(&read[..read.len().min(expected.len())], *expected);
        }
    }

    #[test]
    fn blobs_that_overlap_are_not_read_without_end() {
        let mut database = ndb(&[vec![1; 8_000]]);
        let slot = database[field(0, 0)..field(1, 0)].to_vec();
        for number in 1..250 {
            database[field(number, 0)..field(number + 1, 0)].copy_from_slice(&slot);
        }
        let read = read(&database);
        assert_eq!((read.len(), read.iter().filter(|blob| *blob == "1 8000").count()), (250, 1));
    }
}

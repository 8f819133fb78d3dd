//! Values of a Berkeley DB of the hash method, read only (`dbinc/db_page.h` of Berkeley DB 4 to 6: pages of type hash,
//! and overflow pages for what does not fit on one).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::HashSet;

use super::bytes::{chunk, span};

const HASH_MAGIC: u32 = 0x0006_1561;
/// Of every page.
const HEADER: usize = 26;

const UNSORTED_HASH_PAGE: u8 = 2;
const OVERFLOW_PAGE: u8 = 7;
const HASH_PAGE: u8 = 13;

const KEY_OR_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

/// Whether these bytes begin such a database, in either byte order.
pub fn is_hash(bytes: &[u8]) -> bool {
    byte_order(bytes).is_some()
}

/// A database in one file.
#[derive(Debug)]
pub struct Database<'a> {
    bytes: &'a [u8],
    page_size: usize,
    is_big_endian: bool,
}

fn byte_order(bytes: &[u8]) -> Option<bool> {
    match chunk(bytes, 12)? {
        magic if u32::from_le_bytes(magic) == HASH_MAGIC => Some(false),
        magic if u32::from_be_bytes(magic) == HASH_MAGIC => Some(true),
        _ => None,
    }
}

impl<'a> Database<'a> {
    /// Reads the first page.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let Some(is_big_endian) = byte_order(bytes) else { return Err("it is no Berkeley DB of hashes".to_owned()) };
        let mut database = Self { bytes, page_size: 0, is_big_endian };
        let size = database.u32(bytes, 20).and_then(|size| usize::try_from(size).ok());
        match size {
            Some(size) if (512..=65_536).contains(&size) && size.is_power_of_two() => database.page_size = size,
            _ => return Err("its header gives no valid size of pages".to_owned()),
        }
        // encryption, and checksums, which make the header of pages longer
        if bytes.get(24).is_some_and(|algorithm| *algorithm != 0) || bytes.get(26).is_some_and(|flags| flags & 1 != 0) {
            return Err("it is encrypted or has checksums, which is not read".to_owned());
        }
        Ok(database)
    }

    /// Hands keys and values to `take`, in the order of pages. A broken page or value is an error of its own.
    ///
    /// Deleted values leave their page, and free pages are of no type, so what a page holds is live. An overflow page
    /// is of one value, so loops end and no byte is read twice.
    pub fn each(&self, mut take: impl FnMut(Result<(&[u8], Cow<'_, [u8]>), String>)) {
        let last = self.u32(self.bytes, 32).unwrap_or_default();
        let mut seen = HashSet::new();
        for (number, page) in (0_u32..).zip(self.bytes.chunks(self.page_size)).skip(1) {
            if matches!(page.get(25), Some(&HASH_PAGE | &UNSORTED_HASH_PAGE)) {
                if page.len() == self.page_size {
                    self.each_of_page(number, page, &mut seen, &mut take);
                } else {
                    take(Err(format!("page {number} of the database ends early")));
                }
            }
        }
        let there = self.bytes.len().div_ceil(self.page_size.max(1));
        if usize::try_from(last).is_ok_and(|last| last >= there) {
            take(Err(format!("the database ends after {there} pages; it should have {}", last.saturating_add(1))));
        }
    }

    fn each_of_page(
        &self,
        number: u32,
        page: &[u8],
        seen: &mut HashSet<u32>,
        take: &mut impl FnMut(Result<(&[u8], Cow<'_, [u8]>), String>),
    ) {
        let count = self.u16(page, 20).unwrap_or_default();
        // items lie from the end of the page downwards, each up to where the one before begins
        let mut end = page.len();
        let mut key: Option<&[u8]> = None;
        for index in 0..count {
            let at = HEADER.checked_add(usize::from(index).saturating_mul(2)).and_then(|at| self.u16(page, at));
            let item = at.and_then(|at| page.get(usize::from(at)..end)).and_then(<[u8]>::split_first);
            let Some((kind, item)) = item else {
                return take(Err(format!("page {number} of the database has items out of place")));
            };
            end = at.map_or(end, usize::from);
            if index % 2 == 0 {
                key = (*kind == KEY_OR_DATA).then_some(item);
                continue;
            }
            let value = match *kind {
                KEY_OR_DATA => Some(Cow::Borrowed(item)),
                OFF_PAGE => self.overflow(item, seen).map(Cow::Owned),
                _ => None,
            };
            match value {
                Some(value) => take(Ok((key.unwrap_or_default(), value))),
                None => take(Err(format!("a value on page {number} of the database is broken"))),
            }
        }
    }

    /// A value on overflow pages: 3 unused bytes, number of the first page, length.
    fn overflow(&self, item: &[u8], seen: &mut HashSet<u32>) -> Option<Vec<u8>> {
        let mut next = self.u32(item, 3)?;
        let length = self.u32(item, 7).and_then(|length| usize::try_from(length).ok())?;
        if length > self.bytes.len() {
            return None;
        }
        let mut value = Vec::new();
        while value.len() < length {
            if next == 0 || !seen.insert(next) {
                return None;
            }
            let start = usize::try_from(next).ok()?.checked_mul(self.page_size)?;
            let page = span(self.bytes, start, self.page_size)?;
            if page.get(25) != Some(&OVERFLOW_PAGE) {
                return None;
            }
            let content = span(page, HEADER, self.u16(page, 22)?.into())?;
            let wanted = length.saturating_sub(value.len()).min(content.len());
            value.extend_from_slice(content.get(..wanted)?);
            next = self.u32(page, 16)?;
        }
        Some(value)
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let number = if self.is_big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        chunk(bytes, at).map(number)
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let number = if self.is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        chunk(bytes, at).map(number)
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects,
        reason = "the numbers of tests are small"
    )]

    use super::*;

    const PAGE: usize = 512;

    /// Writes numbers in one of the two byte orders.
    #[derive(Clone, Copy)]
    struct Order(bool);

    impl Order {
        fn u16(self, number: u16) -> [u8; 2] {
            if self.0 { number.to_be_bytes() } else { number.to_le_bytes() }
        }

        fn u32(self, number: u32) -> [u8; 4] {
            if self.0 { number.to_be_bytes() } else { number.to_le_bytes() }
        }

        fn meta(self, last: u32) -> Vec<u8> {
            let mut page = vec![0; PAGE];
            page[12..16].copy_from_slice(&self.u32(HASH_MAGIC));
            page[20..24].copy_from_slice(&self.u32(PAGE as u32));
            page[25] = 8;
            page[32..36].copy_from_slice(&self.u32(last));
            page
        }

        fn page(self, kind: u8, next: u32, count: u16, free: u16) -> Vec<u8> {
            let mut page = vec![0; 16];
            page.extend(self.u32(next));
            page.extend(self.u16(count));
            page.extend(self.u16(free));
            page.extend([0, kind]);
            page
        }

        fn hash(self, items: &[Vec<u8>]) -> Vec<u8> {
            let mut page = self.page(HASH_PAGE, 0, items.len() as u16, 0);
            let mut content = vec![0; PAGE];
            let mut at = PAGE;
            for item in items {
                at -= item.len();
                content[at..at + item.len()].copy_from_slice(item);
                page.extend(self.u16(at as u16));
            }
            content[..page.len()].copy_from_slice(&page);
            content
        }

        fn off_page(self, first: u32, length: u32) -> Vec<u8> {
            [&[OFF_PAGE, 0, 0, 0][..], &self.u32(first), &self.u32(length)].concat()
        }

        fn overflow(self, next: u32, content: &[u8]) -> Vec<u8> {
            let mut page = self.page(OVERFLOW_PAGE, next, 1, content.len() as u16);
            page.extend(content);
            page.resize(PAGE, 0);
            page
        }
    }

    fn item(content: &[u8]) -> Vec<u8> {
        [&[KEY_OR_DATA], content].concat()
    }

    /// Key and length of each value, or what is wrong.
    fn read(pages: &[Vec<u8>]) -> Vec<String> {
        let bytes = pages.concat();
        let database = match Database::new(&bytes) {
            Ok(database) => database,
            Err(what) => return vec![what],
        };
        let mut all = Vec::new();
        database.each(|value| {
            all.push(match value {
                Ok((key, value)) => format!("{} {}", String::from_utf8_lossy(key), value.len()),
                Err(what) => what,
            });
        });
        all
    }

    #[test]
    fn values_are_read_in_either_byte_order() {
        for order in [Order(false), Order(true)] {
            let pages = [
                order.meta(4),
                order.hash(&[item(b"a"), item(b"xyz"), item(b"b"), order.off_page(2, 700)]),
                order.overflow(4, &[7; 486]),
                vec![0; PAGE],
                order.overflow(0, &[7; 214]),
            ];
            assert_eq!(read(&pages), ["a 3", "b 700"]);
        }
    }

    #[test]
    fn what_is_broken_costs_itself() {
        let order = Order(false);
        let value_on = |page, length| order.hash(&[item(b"a"), order.off_page(page, length), item(b"b"), item(b"x")]);
        let broken = "a value on page 1 of the database is broken";
        let mut out_of_place = order.hash(&[item(b"a"), item(b"x"), item(b"b"), item(b"y")]);
        out_of_place[30..32].copy_from_slice(&[0xff, 0xff]);
        let mut encrypted = order.meta(1);
        encrypted[24] = 1;
        let mut odd = order.meta(1);
        odd[20] = 1;
        let cases: &[(&[Vec<u8>], &[&str])] = &[
            (&[order.meta(2), value_on(2, 900), order.overflow(2, &[7; 400])], &[broken, "b 1"]),
            (&[order.meta(2), value_on(2, 900), order.overflow(0, &[7; 400])], &[broken, "b 1"]),
            (&[order.meta(2), value_on(2, 400), vec![0; PAGE]], &[broken, "b 1"]),
            (&[order.meta(1), value_on(9, 400)], &[broken, "b 1"]),
            (&[order.meta(1), value_on(1, u32::MAX)], &[broken, "b 1"]),
            (&[order.meta(1), out_of_place], &["a 1", "page 1 of the database has items out of place"]),
            (&[order.meta(2), order.hash(&[])], &["the database ends after 2 pages; it should have 3"]),
            (&[order.meta(1), order.hash(&[])[..100].to_vec()], &["page 1 of the database ends early"]),
            (&[encrypted], &["it is encrypted or has checksums, which is not read"]),
            (&[odd], &["its header gives no valid size of pages"]),
            (&[vec![0; PAGE]], &["it is no Berkeley DB of hashes"]),
        ];
        for (pages, expected) in cases {
            assert_eq!(read(pages), *expected);
        }
    }

    #[test]
    fn one_chain_is_of_one_value() {
        let order = Order(false);
        let items: Vec<_> = (0..30).map(|n| if n % 2 == 0 { item(b"a") } else { order.off_page(2, 400) }).collect();
        let all = read(&[order.meta(2), order.hash(&items), order.overflow(0, &[7; 400])]);
        assert_eq!((all.len(), all.iter().filter(|value| *value == "a 400").count()), (15, 1));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(at in 0..PAGE * 3, bytes in proptest::collection::vec(0_u8.., 1..40)) {
            let order = Order(false);
            let hash = order.hash(&[item(b"a"), order.off_page(2, 400), item(b"b"), item(b"x")]);
            let mut pages = [order.meta(2), hash, order.overflow(0, &[7; 400])].concat();
            for (place, byte) in pages.iter_mut().skip(at).zip(&bytes) {
                *place = *byte;
            }
            proptest::prop_assert!(read(&[pages]).len() < 1_000);
        }
    }
}

//! Rows of one table of an `SQLite` database, read only ("Database File Format" of the `SQLite` documentation: sections
//! 1.3, 1.6, 2.1 and 2.6 on pages and records, 4 on the write-ahead log).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::bytes::{chunk, span};

/// What a database begins with.
pub const MAGIC: &[u8] = b"SQLite format 3\0";

/// Deepest tree that is read; `SQLite` itself stops at 20.
const DEPTH: usize = 20;

/// Columns looked at in one record. The tables wanted here have fewer than ten.
const COLUMNS: usize = 32;

/// Pages of one database, those in its write-ahead log before those in the file.
#[derive(Debug)]
pub struct Database<'a> {
    main: &'a [u8],
    log: HashMap<u32, &'a [u8]>,
    page_size: usize,
    /// Bytes of a page but those reserved for extensions at its end.
    usable: usize,
    /// Bytes of the file and of the log, where both are known: no record is longer.
    size: usize,
}

/// A page of the tree of a table.
#[derive(Debug)]
pub enum TreePage<'a> {
    /// The pages below it, in order.
    Inner(Vec<u32>),
    /// Its rows, in order of their keys; nothing for a broken one.
    Leaf(Vec<Option<Cell<'a>>>),
}

/// A row as its page holds it.
#[derive(Debug)]
pub struct Cell<'a> {
    /// The key.
    pub id: i64,
    /// The first of the overflow pages its record goes on at, if any.
    pub overflow: Option<u32>,
    length: usize,
    local: &'a [u8],
}

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    /// The key.
    pub id: i64,
    record: Cow<'a, [u8]>,
}

/// A column's value.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    /// No value; also the column that holds the key.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text, as bytes in the database's encoding.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> Database<'a> {
    /// A database in one file.
    pub fn new(main: &'a [u8]) -> Result<Self, String> {
        Self::from_pages(main, None)
    }

    /// A database whose last transactions are in `log`, the file ending in `-wal`.
    ///
    /// As in `SQLite`, the frames count up to the last one that ends a transaction; where salts or checksums no longer
    /// agree, the rest is of an older run.
    pub fn with_log(main: &'a [u8], log: &'a [u8]) -> Result<Self, String> {
        Self::from_pages(main, read_log(log))
    }

    /// The pages of a log alone, with no bytes reserved; `None` if no transaction in it is whole.
    pub fn of_log(log: &'a [u8]) -> Option<Self> {
        let (page_size, pages) = read_log(log)?;
        Some(Self { main: &[], page_size, usable: page_size, size: usize::MAX, log: pages })
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// Bytes reserved at the end of each page.
    pub fn reserved(&self) -> usize {
        self.page_size.saturating_sub(self.usable)
    }

    fn from_pages(main: &'a [u8], log: Option<(usize, HashMap<u32, &'a [u8]>)>) -> Result<Self, String> {
        let size = log
            .iter()
            .flat_map(|(_, pages)| pages.values())
            .fold(main.len(), |size, page| size.saturating_add(page.len()));
        let (of_log, log) = log.unwrap_or_default();
        let header = log.get(&1).copied().unwrap_or(main);
        if !header.starts_with(MAGIC) {
            return Err("it has no header of SQLite".to_owned());
        }
        let stated = match chunk(header, 16).map(u16::from_be_bytes) {
            Some(1) => 65_536,
            Some(size) if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err("its header gives no valid size of pages".to_owned()),
        };
        if !log.is_empty() && of_log != stated {
            return Err("its log has pages of another size".to_owned());
        }
        let reserved = header.get(20).copied().unwrap_or_default();
        // SQLite wants as much of a page to be left
        let usable = stated.checked_sub(reserved.into()).filter(|usable| *usable >= 480);
        let Some(usable) = usable else { return Err("its header reserves too much of each page".to_owned()) };
        Ok(Self { main, log, page_size: stated, usable, size })
    }

    /// Number of the page where the rows of the table of this name begin; `None` if there is no such table. An error
    /// if it may be named on a page that is broken.
    pub fn table(&self, name: &str) -> Result<Option<u32>, String> {
        let mut broken = None;
        for row in self.rows(1) {
            let row = match row {
                Ok(row) => row,
                Err(what) => {
                    broken = broken.or(Some(what));
                    continue;
                }
            };
            // type, name, name of the table, first page, SQL
            if let [Value::Text(b"table"), Value::Text(own), _, Value::Integer(page), ..] = row.columns()[..]
                && own.eq_ignore_ascii_case(name.as_bytes())
            {
                return u32::try_from(page).map(Some).map_err(|_| format!("the table `{name}` begins nowhere"));
            }
        }
        broken.map_or(Ok(None), Err)
    }

    /// The rows of the table that begins on page `root`, in order of their keys. A broken page or row is an error of its own.
    pub fn rows(&self, root: u32) -> impl Iterator<Item = Result<Row<'_>, String>> {
        let mut chains = HashSet::new();
        self.tree(root).flat_map(move |page| match page {
            Ok((number, TreePage::Leaf(cells))) => cells
                .into_iter()
                .map(|cell| {
                    let row = cell.and_then(|cell| self.row(&cell, &mut chains));
                    row.ok_or_else(|| format!("a row on page {number} of the database is broken"))
                })
                .collect(),
            Ok((_, TreePage::Inner(_))) => Vec::new(),
            Err(what) => vec![Err(what)],
        })
    }

    /// The pages of the table that begins on page `root`, with their numbers, those below a page after it.
    pub fn tree(&self, root: u32) -> Tree<'_> {
        Tree { database: self, seen: HashSet::new(), open: vec![vec![root].into_iter()] }
    }

    /// Numbers of the pages that the log holds.
    pub fn pages_in_log(&self) -> impl Iterator<Item = u32> {
        self.log.keys().copied()
    }

    /// One page of a tree.
    pub fn tree_page(&self, number: u32) -> Result<TreePage<'_>, String> {
        let Some(page) = self.page(number) else {
            return Err(format!("page {number} of the database is not there"));
        };
        // the first page begins with the header of the file
        let at: usize = if number == 1 { 100 } else { 0 };
        let u16_at = |at: usize| chunk(page, at).map(u16::from_be_bytes).map(usize::from);
        let u32_at = |at: usize| chunk(page, at).map(u32::from_be_bytes);
        let (is_leaf, header) = match page.get(at) {
            Some(0x0d) => (true, 8),
            Some(0x05) => (false, 12),
            _ => return Err(format!("page {number} of the database holds no rows")),
        };
        let count = u16_at(at.saturating_add(3)).unwrap_or_default();
        let start = at.saturating_add(header);
        let end = start.saturating_add(count.saturating_mul(2));
        let Some(places) = page.get(start..end) else {
            return Err(format!("page {number} of the database ends before its cells"));
        };
        let places = places.chunks_exact(2).filter_map(|place| chunk(place, 0)).map(u16::from_be_bytes);
        let places = places.map(usize::from);
        if !is_leaf {
            let last = u32_at(at.saturating_add(8));
            return Ok(TreePage::Inner(places.map(u32_at).chain([last]).flatten().collect()));
        }
        // cells that overlap would make much of little
        let mut left = page.len();
        let cell = |place| {
            let cell = self.cell(page, place)?;
            left = left.checked_sub(cell.local.len())?;
            Some(cell)
        };
        Ok(TreePage::Leaf(places.map(cell).collect()))
    }

    /// The row of a cell. No overflow page is read that is in `chains` already, so that chains end and no byte is read twice.
    pub fn row<'c>(&'c self, cell: &Cell<'c>, chains: &mut HashSet<u32>) -> Option<Row<'c>> {
        let Cell { id, overflow, length, local } = *cell;
        let Some(mut next) = overflow else { return Some(Row { id, record: Cow::Borrowed(local) }) };
        let mut record = local.to_vec();
        while record.len() < length {
            if !chains.insert(next) {
                return None;
            }
            let (link, content) = self.page(next)?.split_first_chunk()?;
            next = u32::from_be_bytes(*link);
            let wanted = length.saturating_sub(record.len()).min(content.len());
            record.extend_from_slice(content.get(..wanted)?);
        }
        Some(Row { id, record: Cow::Owned(record) })
    }

    fn cell<'c>(&self, page: &'c [u8], at: usize) -> Option<Cell<'c>> {
        let (length, at) = varint(page, at)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.size)?;
        let (id, at) = varint(page, at)?;
        let local = span(page, at, self.local(length))?;
        let overflow = if local.len() == length {
            None
        } else {
            Some(chunk(page, at.checked_add(local.len())?).map(u32::from_be_bytes)?)
        };
        Some(Cell { id: i64::from_be_bytes(id.to_be_bytes()), overflow, length, local })
    }

    fn page(&self, number: u32) -> Option<&[u8]> {
        if let Some(page) = self.log.get(&number) {
            return page.get(..self.usable);
        }
        let start = usize::try_from(number).ok()?.checked_sub(1)?.checked_mul(self.page_size)?;
        span(self.main, start, self.page_size)?.get(..self.usable)
    }

    /// How many of a record's bytes are in its cell; the others are on overflow pages.
    fn local(&self, length: usize) -> usize {
        let most = self.usable.saturating_sub(35);
        if length <= most {
            return length;
        }
        let least = (self.usable.saturating_sub(12).saturating_mul(32) / 255).saturating_sub(23);
        let of_page = self.usable.saturating_sub(4);
        let even = length.saturating_sub(least).checked_rem(of_page).unwrap_or_default().saturating_add(least);
        if even <= most { even } else { least }
    }
}

impl Row<'_> {
    /// Bytes of its record.
    pub fn len(&self) -> usize {
        self.record.len()
    }

    /// Whether its record is empty, which no sound one is.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty()
    }

    /// The first columns, at most 32; those that the record is too short for are left out.
    pub fn columns(&self) -> Vec<Value<'_>> {
        let record = &*self.record;
        let mut columns = Vec::new();
        let Some((length, mut at)) = varint(record, 0) else { return columns };
        let Ok(mut value_at) = usize::try_from(length) else { return columns };
        let end = value_at;
        while at < end && columns.len() < COLUMNS {
            let Some((kind, next)) = varint(record, at) else { break };
            at = next;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                _ => kind.saturating_sub(12) / 2,
            };
            let Some(bytes) = usize::try_from(length).ok().and_then(|length| span(record, value_at, length)) else {
                break;
            };
            value_at = value_at.saturating_add(bytes.len());
            columns.push(match kind {
                0 => Value::Null,
                1..=6 => Value::Integer(integer(bytes)),
                7 => Value::Real(chunk(bytes, 0).map(f64::from_be_bytes).unwrap_or_default()),
                8 => Value::Integer(0),
                9 => Value::Integer(1),
                10 | 11 => break,
                _ if kind % 2 == 0 => Value::Blob(bytes),
                _ => Value::Text(bytes),
            });
        }
        columns
    }
}

/// The pages of one table. Each is visited once, so loops end.
#[derive(Debug)]
pub struct Tree<'a> {
    database: &'a Database<'a>,
    seen: HashSet<u32>,
    /// Pages still to be read, by level.
    open: Vec<std::vec::IntoIter<u32>>,
}

impl<'a> Iterator for Tree<'a> {
    type Item = Result<(u32, TreePage<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = loop {
            match self.open.last_mut()?.next() {
                Some(number) => break number,
                None => self.open.pop(),
            };
        };
        if !self.seen.insert(number) {
            return Some(Err(format!("page {number} of the database is listed twice")));
        }
        if self.open.len() > DEPTH {
            return Some(Err(format!("page {number} of the database is more than {DEPTH} levels down")));
        }
        let page = match self.database.tree_page(number) {
            Ok(page) => page,
            Err(what) => return Some(Err(what)),
        };
        if let TreePage::Inner(below) = &page {
            self.open.push(below.clone().into_iter());
        }
        Some(Ok((number, page)))
    }
}

/// A number of 1 to 9 bytes (section 1.6), and where the bytes after it begin.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (count, byte) in (1_usize..).zip(bytes.get(at..)?) {
        let next = at.checked_add(count)?;
        if count == 9 {
            return Some(((value << 8) | u64::from(*byte), next));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, next));
        }
    }
    None
}

/// A big-endian number with its sign, of at most 8 bytes.
fn integer(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| (value << 8) | i64::from(*byte))
}

/// Size of the pages in a write-ahead log, and those that count, by number; `None` if it has no valid header or no whole transaction.
fn read_log(log: &[u8]) -> Option<(usize, HashMap<u32, &[u8]>)> {
    let magic = u32::from_be_bytes(chunk(log, 0)?);
    let is_big_endian = match magic {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return None,
    };
    let page_size = usize::try_from(u32::from_be_bytes(chunk(log, 8)?)).ok()?;
    if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
        return None;
    }
    let salts: [u8; 8] = chunk(log, 16)?;
    let mut sums = checksum(log.get(..24)?, (0, 0), is_big_endian);
    if chunk(log, 24)? != sums_in_bytes(sums) {
        return None;
    }
    let mut pages = HashMap::new();
    // of the transaction that is not yet known to be whole
    let mut pending = Vec::new();
    for frame in log.get(32..)?.chunks_exact(page_size.checked_add(24)?) {
        let Some((header, page)) = frame.split_at_checked(24) else { break };
        sums = checksum(header.get(..8)?, sums, is_big_endian);
        sums = checksum(page, sums, is_big_endian);
        if chunk(header, 8)? != salts || chunk(header, 16)? != sums_in_bytes(sums) {
            break;
        }
        pending.push((u32::from_be_bytes(chunk(header, 0)?), page));
        // the size of the database, given with a transaction's last frame
        if u32::from_be_bytes(chunk(header, 4)?) != 0 {
            pages.extend(pending.drain(..));
        }
    }
    (!pages.is_empty()).then_some((page_size, pages))
}

/// The log's checksum (section 4.2) of a multiple of 8 bytes, carried on from `sums`.
fn checksum(bytes: &[u8], sums: (u32, u32), is_big_endian: bool) -> (u32, u32) {
    let number = |word: [u8; 4]| if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
    bytes.chunks_exact(8).fold(sums, |(first, second), pair| {
        let word = |at| chunk(pair, at).map(number).unwrap_or_default();
        let first = first.wrapping_add(word(0)).wrapping_add(second);
        (first, second.wrapping_add(word(4)).wrapping_add(first))
    })
}

/// Checksums stand in the log as big-endian numbers, whatever the order they are computed in.
fn sums_in_bytes((first, second): (u32, u32)) -> [u8; 8] {
    let mut bytes = [0; 8];
    let (left, right) = bytes.split_at_mut(4);
    left.copy_from_slice(&first.to_be_bytes());
    right.copy_from_slice(&second.to_be_bytes());
    bytes
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

    /// A number as a record has it, of one byte for small ones and of nine for large ones.
    fn number(value: u64) -> Vec<u8> {
        match value {
            0..0x80 => vec![value as u8],
            0x80..0x4000 => vec![(value >> 7) as u8 | 0x80, value as u8 & 0x7f],
            _ => {
                let high: Vec<u8> = (0..8).map(|n| (value >> (8 + 7 * (7 - n))) as u8 | 0x80).collect();
                [high, vec![value as u8]].concat()
            }
        }
    }

    /// A record of a text, an integer of 4 bytes and a blob.
    fn record(text: &str, integer: i32, blob: &[u8]) -> Vec<u8> {
        let kinds = [number(text.len() as u64 * 2 + 13), number(4), number(blob.len() as u64 * 2 + 12)].concat();
        [&number(kinds.len() as u64 + 1), &kinds, text.as_bytes(), &integer.to_be_bytes()[..], blob].concat()
    }

    /// A page of a tree: its type, what its header ends with, its cells.
    fn page(first: bool, kind: u8, tail: &[u8], cells: &[Vec<u8>]) -> Vec<u8> {
        let mut page = if first { header() } else { Vec::new() };
        page.extend([kind, 0, 0]);
        page.extend((cells.len() as u16).to_be_bytes());
        page.extend([0, 0, 0]);
        page.extend(tail);
        let mut content = vec![0; PAGE];
        let mut at = PAGE;
        for cell in cells {
            at -= cell.len();
            content[at..at + cell.len()].copy_from_slice(cell);
            page.extend((at as u16).to_be_bytes());
        }
        content[..page.len()].copy_from_slice(&page);
        content
    }

    fn header() -> Vec<u8> {
        let mut header = [MAGIC, &(PAGE as u16).to_be_bytes(), &[1, 1, 0, 64, 32, 32]].concat();
        header.resize(100, 0);
        header
    }

    /// The cell of a row; what is not local begins on the page `overflow`.
    fn cell(id: u64, record: &[u8], local: usize, overflow: Option<u32>) -> Vec<u8> {
        let link = overflow.map(|page| page.to_be_bytes().to_vec()).unwrap_or_default();
        [number(record.len() as u64), number(id), record[..local].to_vec(), link].concat()
    }

    fn row(id: u64, record: &[u8]) -> Vec<u8> {
        cell(id, record, record.len(), None)
    }

    /// What names the table `T`, which begins on page 2: type, name, name of the table, first page as one byte.
    fn schema() -> Vec<u8> {
        let record = [&[5, 23, 15, 15, 1][..], b"tableTT", &[2]].concat();
        page(true, 0x0d, &[], &[row(1, &record)])
    }

    fn over(next: u32, content: &[u8]) -> Vec<u8> {
        let mut page = [&next.to_be_bytes(), content].concat();
        page.resize(PAGE, 0);
        page
    }

    /// Key, text and length of the blob of each row of `T`, or what is wrong.
    fn read(database: &Result<Database<'_>, String>) -> Vec<String> {
        let Ok(database) = database else { return vec!["unreadable".into()] };
        let Ok(Some(root)) = database.table("t") else { return vec!["no table".into()] };
        let rows = database.rows(root).map(|row| match row {
            Ok(row) => match &row.columns()[..] {
                [Value::Text(text), Value::Integer(_), Value::Blob(blob)] => {
                    format!("{} {} {}", row.id, String::from_utf8_lossy(text), blob.len())
                }
                columns => format!("{} has {} columns", row.id, columns.len()),
            },
            Err(what) => what,
        });
        rows.collect()
    }

    fn inner(children: &[(u32, u64)], last: u32) -> Vec<u8> {
        let cells: Vec<_> =
            children.iter().map(|(page, id)| [&page.to_be_bytes()[..], &number(*id)].concat()).collect();
        page(false, 0x05, &last.to_be_bytes(), &cells)
    }

    #[test]
    fn rows_are_read_in_order_whatever_pages_they_are_on() {
        let long: Vec<u8> = record("long", 1, &[7; 1_200]);
        // usable 512: at most 477 are local, else 39 + (length - 39) modulo 508 if that is so few, else 39
        let local = 39 + (long.len() - 39) % 508;
        let rest = &long[local..];
        let pages = [
            schema(),
            inner(&[(3, 1)], 4),
            page(false, 0x0d, &[], &[row(1, &record("a", -5, b"xyz"))]),
            page(false, 0x0d, &[], &[cell(300, &long, local, Some(5)), row(70_000, &record("b", 5, b""))]),
            over(6, &rest[..508]),
            over(0, &rest[508..]),
        ];
        assert_eq!(read(&Database::new(&pages.concat())), ["1 a 3", "300 long 1200", "70000 b 0"]);
    }

    #[test]
    fn columns_have_their_types() {
        let record =
            [&[10, 0, 1, 2, 9, 8, 7, 16, 19, 3][..], &[0xff, 1, 2], &1.5_f64.to_be_bytes(), b"ab", b"abc"].concat();
        let row = Row { id: 1, record: record.into() };
        let columns = [
            Value::Null,
            Value::Integer(-1),
            Value::Integer(258),
            Value::Integer(1),
            Value::Integer(0),
            Value::Real(1.5),
            Value::Blob(b"ab"),
            Value::Text(b"abc"),
        ];
        assert_eq!(row.columns(), columns);
    }

    #[test]
    fn what_is_broken_costs_itself() {
        let sound = page(false, 0x0d, &[], &[row(9, &record("a", 1, b""))]);
        let long = record("long", 1, &[7; 1_200]);
        let local = 39 + (long.len() - 39) % 508;
        let looped = page(false, 0x0d, &[], &[cell(1, &long, local, Some(3)), row(9, &record("a", 1, b""))]);
        let endless = page(false, 0x0d, &[], &[cell(1, &long, local, Some(9)), row(9, &record("a", 1, b""))]);
        let huge = [number(1 << 40), number(1), vec![0; 40]].concat();
        let mut twins = page(false, 0x0d, &[], &vec![vec![0; 2]; 100]);
        let one = row(1, &record("a", 1, &[0; 180]));
        twins[300..300 + one.len()].copy_from_slice(&one);
        for at in (8..208).step_by(2) {
            twins[at..at + 2].copy_from_slice(&300_u16.to_be_bytes());
        }
        let cases: &[(&[Vec<u8>], &[&str])] = &[
            (&[schema(), inner(&[(2, 1)], 3), sound.clone()], &["page 2 of the database is listed twice", "9 a 0"]),
            (&[schema(), inner(&[(7, 1)], 3), sound.clone()], &["page 7 of the database is not there", "9 a 0"]),
            (
                &[schema(), inner(&[(4, 1)], 3), sound, vec![0; PAGE]],
                &["page 4 of the database holds no rows", "9 a 0"],
            ),
            (&[schema(), looped, over(3, &[7; 508])], &["a row on page 2 of the database is broken", "9 a 0"]),
            (&[schema(), endless], &["a row on page 2 of the database is broken", "9 a 0"]),
            (&[schema(), page(false, 0x0d, &[], &[huge])], &["a row on page 2 of the database is broken"]),
            (&[schema()], &["page 2 of the database is not there"]),
            (&[page(true, 0x0d, &[], &[])], &["no table"]),
            (&[vec![0; PAGE]], &["unreadable"]),
        ];
        for (pages, expected) in cases {
            assert_eq!(read(&Database::new(&pages.concat())), *expected);
        }
        // many cells of the same bytes: no more is made of a page than it holds
        let pages = [schema(), twins].concat();
        let rows = read(&Database::new(&pages));
        assert_eq!((rows.len(), rows.iter().filter(|row| *row == "1 a 180").count()), (100, 2));
    }

    /// Number of a page, size of the database after it if it ends a transaction, content.
    type Frame<'a> = (u32, u32, &'a [u8]);

    fn log(frames: &[Frame<'_>], magic: u32) -> Vec<u8> {
        let mut log = Vec::new();
        for number in [magic, 3_007_000, PAGE as u32, 0, 11, 12] {
            log.extend(number.to_be_bytes());
        }
        let mut sums = checksum(&log, (0, 0), magic & 1 == 1);
        log.extend(sums_in_bytes(sums));
        for (number, size, page) in frames {
            let head = [number.to_be_bytes(), size.to_be_bytes()].concat();
            sums = checksum(page, checksum(&head, sums, magic & 1 == 1), magic & 1 == 1);
            log.extend([&head[..], &[0, 0, 0, 11, 0, 0, 0, 12], &sums_in_bytes(sums), page].concat());
        }
        log
    }

    #[test]
    fn whole_transactions_of_the_log_count() {
        let of = |text: &str| page(false, 0x0d, &[], &[row(1, &record(text, 1, b""))]);
        let main = [schema(), of("old")].concat();
        let (new, newer) = (of("new"), of("newer"));
        for magic in [0x377f_0682, 0x377f_0683] {
            let cases: &[(&[Frame<'_>], &str)] = &[
                (&[(2, 2, &new)], "1 new 0"),
                (&[(2, 0, &new)], "1 old 0"),
                (&[(2, 2, &new), (2, 0, &newer)], "1 new 0"),
                (&[(2, 2, &new), (2, 2, &newer)], "1 newer 0"),
                (&[], "1 old 0"),
            ];
            for (frames, expected) in cases {
                let log = log(frames, magic);
                assert_eq!(read(&Database::with_log(&main, &log)), [*expected], "{frames:?}");
            }
            // a frame of an older run, and one of which a bit fell over
            for at in [32 + 8, 32 + 24 + 100] {
                let mut log = log(&[(2, 2, &new)], magic);
                log[at] ^= 1;
                assert_eq!(read(&Database::with_log(&main, &log)), ["1 old 0"], "{at}");
            }
        }
        let all = schema();
        let alone = log(&[(1, 0, &all), (2, 2, &new)], 0x377f_0682);
        assert_eq!(read(&Database::with_log(b"", &alone)), ["1 new 0"]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(at in 0..PAGE * 4, bytes in proptest::collection::vec(0_u8.., 1..40)) {
            let sound = page(false, 0x0d, &[], &[row(9, &record("a", 1, b""))]);
            let mut database = [schema(), inner(&[(3, 1)], 4), sound.clone(), sound].concat();
            for (place, byte) in database.iter_mut().skip(at).zip(&bytes) {
                *place = *byte;
            }
            proptest::prop_assert!(read(&Database::new(&database)).len() < 2_000);
        }
    }
}

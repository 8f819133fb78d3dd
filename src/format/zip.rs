//! Zip archives in memory (PKWARE APPNOTE 6.3.10): jars, wars, eggs, nupkgs, caches of yarn.
//!
//! The central directory rules, as it does for Java. Where it is missing, since the archive is cut short, the local
//! headers are walked, and [`Archive::flaws`] says so. Bytes before the archive, such as the script of a jar that starts
//! itself, are allowed. An entry that is broken costs itself.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::io::Read;

use memchr::memmem;

use super::decompress::{
    Compressed, DecompressError, ZSTD_WINDOW_LOG, crc32, decoder, deflate_decoder, inflate, inflate_as_far,
};
use super::magic::Magic;

/// Longest name of an entry, in bytes; `PATH_MAX` of Linux.
const NAME: usize = 4_096;

/// Bytes that may stand before an archive whose directory is missing; Spring Boot's script has 10 KiB.
const PREFIX: usize = 64 << 10;

/// Flaws told of one archive; the rest are counted in the last.
const FLAWS: usize = 10;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";

const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
const LOCATOR_64_LENGTH: usize = 20;
/// Without its extensible part, which nobody uses.
const END_64_LENGTH: usize = 56;

/// Flag bit 0: the content is encrypted.
const ENCRYPTED: u16 = 1;
/// Flag bit 3: sizes and checksum stand behind the content.
const DESCRIBED: u16 = 8;

/// What one file may cost, all archives in it together: handed from the outermost archive to those inside.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Bytes that may yet be expanded.
    pub bytes: u64,
    /// Entries that may yet be listed.
    pub entries: usize,
    /// Archives that may yet be opened.
    pub archives: usize,
}

impl Budget {
    /// What a file of `length` bytes may cost. Jars expand to some three times their size; a hundred times,
    /// and 64 MiB for the smallest, is far from what anybody ships and far from what hurts.
    pub fn for_file(length: usize) -> Self {
        let bytes = (length as u64).saturating_mul(100).clamp(64 << 20, 4 << 30);
        Self { bytes, entries: 1_000_000, archives: 10_000 }
    }
}

/// Why an archive or an entry could not be read, or what is odd about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZipError {
    /// There is no header of an archive.
    NoArchive,
    /// The central directory is missing: the local headers were walked.
    NoDirectory,
    /// The central directory is damaged or counts wrongly: the local headers were walked.
    DamagedDirectory,
    /// More archives, entries or bytes than one file may have, all in it together.
    OverBudget,
    /// The name is too long.
    LongName,
    /// The name is there already; both entries are listed.
    DuplicateName,
    /// Its bytes are those of another entry too.
    Overlap,
    /// It ends beyond the archive.
    Truncated,
    /// Its local header is missing or is of another entry.
    NoHeader,
    /// It is encrypted.
    Encrypted,
    /// It is compressed in a way careen does not know; the number is the specification's.
    Unsupported(u16),
    /// Its content cannot be expanded.
    Compressed(DecompressError),
    /// Length or checksum differ from what the directory says.
    Checksum,
    /// It is larger than the caller takes, in bytes.
    TooLarge(u64),
    /// So many more flaws were found.
    More(usize),
}

impl fmt::Display for ZipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoArchive => f.write_str("it is no zip archive"),
            Self::NoDirectory => f.write_str("its central directory is missing, so entries may be too"),
            Self::DamagedDirectory => f.write_str("its central directory is damaged, so entries may be missing"),
            Self::OverBudget => f.write_str("it holds more archives, entries or bytes than one file may"),
            Self::LongName => write!(f, "its name has more than {NAME} bytes"),
            Self::DuplicateName => f.write_str("another entry has the same name"),
            Self::Overlap => f.write_str("its bytes are part of another entry too"),
            Self::Truncated => f.write_str("it is cut short"),
            Self::NoHeader => f.write_str("its header is missing or of another entry"),
            Self::Encrypted => f.write_str("it is encrypted"),
            Self::Unsupported(method) => write!(f, "it is compressed by method {method}, which is not supported"),
            Self::Compressed(error) => write!(f, "it cannot be expanded: {error}"),
            Self::Checksum => f.write_str("its length or checksum is wrong"),
            Self::TooLarge(size) => write!(f, "it has {size} bytes, more than is read"),
            Self::More(count) => write!(f, "{count} more like these"),
        }
    }
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// As written; not cleaned. Folders end with `/`.
    pub name: &'a [u8],
    /// Bytes of its content.
    pub size: u64,
    packed_size: u64,
    /// Where its local header is, counted from the first byte of the file.
    header: u64,
    crc: u32,
    method: u16,
    flags: u16,
    overlaps: bool,
}

impl Entry<'_> {
    /// Where its local header is, counted from the first byte of the file.
    pub fn header(&self) -> u64 {
        self.header
    }

    /// Bytes of its content as they stand in the archive.
    pub fn packed_size(&self) -> u64 {
        self.packed_size
    }
}

/// An archive and its entries.
#[derive(Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
    flaws: Vec<(Option<&'a [u8]>, ZipError)>,
}

/// What the end of an archive says of its central directory.
struct Directory {
    /// Where it begins, counted from the first byte of the file.
    start: usize,
    /// Bytes before the archive, which offsets do not count.
    prefix: u64,
    count: u64,
}

impl<'a> Archive<'a> {
    /// Lists the entries of the archive at `bytes`.
    pub fn open(bytes: &'a [u8], budget: &mut Budget) -> Result<Self, ZipError> {
        budget.archives = budget.archives.checked_sub(1).ok_or(ZipError::OverBudget)?;
        let mut archive = Self { bytes, entries: Vec::new(), flaws: Vec::new() };
        let is_whole = match find_directory(bytes) {
            Some(directory) => match archive.read_directory(&directory, budget) {
                Ok(()) => true,
                Err(error) => {
                    archive.flaw(None, error);
                    error == ZipError::OverBudget
                }
            },
            None if memmem::find(bytes.get(..PREFIX).unwrap_or(bytes), LOCAL).is_none() => {
                return Err(ZipError::NoArchive);
            }
            None => {
                archive.flaw(None, ZipError::NoDirectory);
                false
            }
        };
        if !is_whole {
            archive.walk(budget);
        }
        archive.mark_oddities();
        Ok(archive)
    }

    /// The entries in the order of the directory.
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// What is wrong with the archive, or with the entry named; what only shows when an entry is read is not among it.
    pub fn flaws(&self) -> &[(Option<&'a [u8]>, ZipError)] {
        &self.flaws
    }

    /// Entries that local headers tell of, but for those whose header is `known` and what lies within stored ones of these. Of
    /// one whose length only a mark behind its content tells, all that follows is its content: what is compressed has an end.
    pub fn unlisted<'k>(&'k self, known: &'k HashSet<u64>) -> impl Iterator<Item = Entry<'a>> + 'k {
        let extent =
            |entry: &Entry<'a>| Some((entry.header, entry.header.checked_add(self.packed(entry).ok()?.len() as u64)?));
        let is_stored = |entry: &&Entry<'a>| entry.method == 0 && known.contains(&entry.header);
        let mut stored: Vec<(u64, u64)> = self.entries.iter().filter(is_stored).filter_map(extent).collect();
        stored.sort_unstable();
        let lies_within = move |at: u64| {
            let before = stored.partition_point(|(start, _)| *start < at).checked_sub(1);
            before.and_then(|place| stored.get(place)).is_some_and(|(_, end)| at < *end)
        };
        memmem::find_iter(self.bytes, LOCAL).filter_map(move |at| {
            let at = at as u64;
            if known.contains(&at) || lies_within(at) {
                return None;
            }
            let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
            let (mut entry, start) = local_header(rest, at)?;
            let left = rest.len().checked_sub(start)? as u64;
            if entry.flags & DESCRIBED != 0 && entry.packed_size == 0 {
                entry.packed_size = left;
            }
            entry.packed_size = entry.packed_size.min(left);
            Some(entry)
        })
    }

    /// The last entry of this name, which is the one that Java takes.
    pub fn entry(&self, name: &[u8]) -> Option<&Entry<'a>> {
        self.entries.iter().rfind(|entry| entry.name == name)
    }

    /// The content of an entry, if it has at most `most` bytes. What is stored without compression is lent.
    pub fn read(&self, entry: &Entry<'a>, most: usize, budget: &mut Budget) -> Result<Cow<'a, [u8]>, ZipError> {
        if entry.flags & ENCRYPTED != 0 {
            return Err(ZipError::Encrypted);
        }
        if entry.overlaps {
            return Err(ZipError::Overlap);
        }
        let size = usize::try_from(entry.size).ok().filter(|size| *size <= most);
        let size = size.ok_or(ZipError::TooLarge(entry.size))?;
        let packed = self.packed(entry)?;
        let content = match entry.method {
            0 => Cow::Borrowed(packed),
            8 => Cow::Owned(expand(Compressed::Deflate, packed, size, budget)?),
            // 20 is what zstd had before it got its number
            20 | 93 => Cow::Owned(expand(Compressed::Zstd, packed, size, budget)?),
            method => return Err(ZipError::Unsupported(method)),
        };
        if content.len() != size || crc32(&content) != entry.crc { Err(ZipError::Checksum) } else { Ok(content) }
    }

    /// As much of an entry's content as there is, and what is wrong with it, if anything: of what is damaged or has a
    /// wrong checksum, the part that can be expanded. Nothing but the error where that cannot be told apart or read.
    pub fn read_as_far(
        &self,
        entry: &Entry<'a>,
        most: usize,
        budget: &mut Budget,
    ) -> Result<(Cow<'a, [u8]>, Option<ZipError>), ZipError> {
        let (method, packed) = self.readable(entry)?;
        let form = match method {
            0 => return Ok((Cow::Borrowed(packed), None)),
            8 => Compressed::Deflate,
            12 => Compressed::Bzip2,
            20 | 93 => Compressed::Zstd,
            method => return Err(ZipError::Unsupported(method)),
        };
        let most = most.min(usize::try_from(budget.bytes).unwrap_or(usize::MAX));
        let (content, error) = inflate_as_far(form, packed, most);
        budget.bytes = budget.bytes.saturating_sub(content.len() as u64);
        let error = match error {
            Some(DecompressError::TooLarge(_)) if budget.bytes == 0 => Some(ZipError::OverBudget),
            Some(DecompressError::TooLarge(cap)) => return Err(ZipError::TooLarge(cap as u64)),
            error => error.map(ZipError::Compressed),
        };
        Ok((Cow::Owned(content), error))
    }

    /// A reader of an entry's content, for one too large to be held; it has no cap.
    pub fn reader(&self, entry: &Entry<'a>) -> Result<Box<dyn Read + 'a>, ZipError> {
        match self.readable(entry)? {
            (0, packed) => Ok(Box::new(packed)),
            (8, packed) => Ok(Box::new(deflate_decoder(packed))),
            (method, packed) => {
                let form = if method == 12 { Magic::Bzip2 } else { Magic::Zstd };
                let decoder = decoder(form, packed, ZSTD_WINDOW_LOG);
                decoder.ok().flatten().ok_or(ZipError::Compressed(DecompressError::Corrupt))
            }
        }
    }

    /// How an entry is compressed, if careen knows the way, and the bytes of it.
    fn readable(&self, entry: &Entry<'a>) -> Result<(u16, &'a [u8]), ZipError> {
        if entry.flags & ENCRYPTED != 0 {
            return Err(ZipError::Encrypted);
        }
        if entry.overlaps {
            return Err(ZipError::Overlap);
        }
        match entry.method {
            method @ (0 | 8 | 12 | 20 | 93) => Ok((method, self.packed(entry)?)),
            method => Err(ZipError::Unsupported(method)),
        }
    }

    /// The bytes of an entry as they stand in the archive.
    fn packed(&self, entry: &Entry<'a>) -> Result<&'a [u8], ZipError> {
        let header =
            usize::try_from(entry.header).ok().and_then(|at| self.bytes.get(at..)).ok_or(ZipError::Truncated)?;
        if !header.starts_with(LOCAL) {
            return Err(if header.len() < LOCAL.len() { ZipError::Truncated } else { ZipError::NoHeader });
        }
        let (name, extra) = (half(header, 26), half(header, 28));
        let (Some(name), Some(extra)) = (name, extra) else { return Err(ZipError::Truncated) };
        let rest = header.get(LOCAL_LENGTH..).unwrap_or_default();
        // a central directory of another archive would lead to other content than its names say
        if rest.get(..usize::from(name)) != Some(entry.name) {
            return Err(ZipError::NoHeader);
        }
        let start = usize::from(name).saturating_add(usize::from(extra));
        let end = usize::try_from(entry.packed_size).ok().and_then(|size| start.checked_add(size));
        end.and_then(|end| rest.get(start..end)).ok_or(ZipError::Truncated)
    }

    fn read_directory(&mut self, directory: &Directory, budget: &mut Budget) -> Result<(), ZipError> {
        let mut rest = self.bytes.get(directory.start..).unwrap_or_default();
        let mut count = 0_u64;
        while rest.starts_with(CENTRAL) {
            let Some((entry, length)) = central_entry(rest, directory.prefix) else {
                return Err(ZipError::DamagedDirectory);
            };
            self.add(entry, budget)?;
            count = count.saturating_add(1);
            rest = rest.get(length..).unwrap_or_default();
        }
        // some write the count modulo 65,536 instead of in the form for more
        if count == directory.count || (count & 0xffff) == directory.count {
            Ok(())
        } else {
            Err(ZipError::DamagedDirectory)
        }
    }

    fn add(&mut self, entry: Entry<'a>, budget: &mut Budget) -> Result<(), ZipError> {
        budget.entries = budget.entries.checked_sub(1).ok_or(ZipError::OverBudget)?;
        if entry.name.len() > NAME {
            self.flaw(None, ZipError::LongName);
        } else {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn flaw(&mut self, name: Option<&'a [u8]>, error: ZipError) {
        if self.flaws.len() < FLAWS {
            self.flaws.push((name, error));
        } else if let Some((_, ZipError::More(count))) = self.flaws.last_mut() {
            *count = count.saturating_add(1);
        } else {
            self.flaws.push((None, ZipError::More(1)));
        }
    }

    /// Adds the entries that local headers tell of and the directory did not.
    fn walk(&mut self, budget: &mut Budget) {
        let known: HashSet<u64> = self.entries.iter().map(|entry| entry.header).collect();
        let Some(mut at) = memmem::find(self.bytes, LOCAL) else { return };
        while let Some(rest) = self.bytes.get(at..).filter(|rest| rest.starts_with(LOCAL)) {
            let Some((entry, length)) = local_entry(rest, at as u64) else {
                self.flaw(None, ZipError::Truncated);
                return;
            };
            if length > rest.len() {
                self.flaw(Some(entry.name), ZipError::Truncated);
            }
            if !known.contains(&entry.header)
                && let Err(error) = self.add(entry, budget)
            {
                self.flaw(None, error);
                return;
            }
            at = at.saturating_add(length);
        }
    }

    /// Tells of names that are there twice, and marks entries whose bytes are those of others too: such an archive
    /// would expand to the square of its size.
    fn mark_oddities(&mut self) {
        let mut names: Vec<&[u8]> = self.entries.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if let [first, second] = *pair
                && first == second
            {
                self.flaw(Some(second), ZipError::DuplicateName);
            }
        }
        let mut order: Vec<(u64, u64, usize)> = self
            .entries
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let length = (LOCAL_LENGTH as u64).saturating_add(entry.name.len() as u64);
                (entry.header, entry.header.saturating_add(length).saturating_add(entry.packed_size), index)
            })
            .collect();
        order.sort_unstable();
        let mut overlapping = Vec::new();
        let mut furthest = 0;
        for (start, end, index) in order {
            if start < furthest {
                overlapping.push(index);
            }
            furthest = furthest.max(end);
        }
        for index in overlapping {
            if let Some(entry) = self.entries.get_mut(index) {
                entry.overlaps = true;
                let name = entry.name;
                self.flaw(Some(name), ZipError::Overlap);
            }
        }
    }
}

fn expand(form: Compressed, packed: &[u8], size: usize, budget: &mut Budget) -> Result<Vec<u8>, ZipError> {
    budget.bytes = budget.bytes.checked_sub(size as u64).ok_or(ZipError::OverBudget)?;
    inflate(form, packed, size).map_err(|error| match error {
        DecompressError::TooLarge(_) => ZipError::Checksum,
        error => ZipError::Compressed(error),
    })
}

/// Finds the end record, which a comment may follow, and by it the directory.
fn find_directory(bytes: &[u8]) -> Option<Directory> {
    let tail_start = bytes.len().saturating_sub(END_LENGTH.saturating_add(usize::from(u16::MAX)));
    let tail = bytes.get(tail_start..)?;
    // the first from behind whose comment ends with the file; else, bytes follow the archive
    let ends = memmem::rfind_iter(tail, END).filter_map(|at| Some((at, half(tail.get(at..)?, 20)?)));
    let mut last = None;
    let mut exact = None;
    for (at, comment) in ends {
        let end = at.saturating_add(END_LENGTH).saturating_add(usize::from(comment));
        if end == tail.len() {
            exact = Some(at);
            break;
        }
        if end < tail.len() && last.is_none() {
            last = Some(at);
        }
    }
    let at = tail_start.checked_add(exact.or(last)?)?;
    let record = bytes.get(at..)?;
    let mut count = u64::from(half(record, 10)?);
    let mut size = u64::from(word(record, 12)?);
    let mut offset = u64::from(word(record, 16)?);
    let mut end = at;
    if let Some((at, record)) = find_end_64(bytes, at) {
        (count, size, offset, end) = (long(record, 32)?, long(record, 40)?, long(record, 48)?, at);
    }
    // the directory ends where the end record begins: what is before the archive shows as a difference
    let start = end.checked_sub(usize::try_from(size).ok()?);
    let by_end = start.filter(|start| count == 0 || bytes.get(*start..).is_some_and(|at| at.starts_with(CENTRAL)));
    if let Some(start) = by_end
        && let Some(prefix) = (start as u64).checked_sub(offset)
    {
        return Some(Directory { start, prefix, count });
    }
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..end)?.starts_with(CENTRAL).then_some(Directory { start, prefix: 0, count })
}

/// The end record for large archives, which a locator in front of the plain one leads to.
fn find_end_64(bytes: &[u8], end: usize) -> Option<(usize, &[u8])> {
    let locator_at = end.checked_sub(LOCATOR_64_LENGTH)?;
    let locator = bytes.get(locator_at..end).filter(|locator| locator.starts_with(LOCATOR_64))?;
    let stated = usize::try_from(long(locator, 8)?).ok()?;
    let adjacent = locator_at.checked_sub(END_64_LENGTH)?;
    [adjacent, stated].into_iter().find_map(|at| {
        let record = bytes.get(at..locator_at).filter(|record| record.starts_with(END_64))?;
        Some((at, record))
    })
}

/// One header of the directory and its length.
fn central_entry(header: &[u8], prefix: u64) -> Option<(Entry<'_>, usize)> {
    let (name, extra, comment) = (half(header, 28)?, half(header, 30)?, half(header, 32)?);
    let name_end = CENTRAL_LENGTH.checked_add(name.into())?;
    let extra_end = name_end.checked_add(extra.into())?;
    let mut entry = Entry {
        name: header.get(CENTRAL_LENGTH..name_end)?,
        size: word(header, 24)?.into(),
        packed_size: word(header, 20)?.into(),
        header: word(header, 42)?.into(),
        crc: word(header, 16)?,
        method: half(header, 10)?,
        flags: half(header, 8)?,
        overlaps: false,
    };
    let large = header.get(name_end..extra_end).and_then(extra_64).unwrap_or_default();
    let Entry { size, packed_size, header, .. } = &mut entry;
    take_64([size, packed_size, header], large);
    entry.header = entry.header.checked_add(prefix)?;
    Some((entry, extra_end.checked_add(comment.into())?))
}

/// The entry of a local header, and where the next header is to be. An entry that is cut ends beyond the archive.
fn local_entry(header: &[u8], at: u64) -> Option<(Entry<'_>, usize)> {
    let (mut entry, start) = local_header(header, at)?;
    let content = header.get(start..).unwrap_or_default();
    let mut length = entry.packed_size;
    if entry.flags & DESCRIBED != 0 && length == 0 {
        if let Some((packed_size, size, crc, end)) = find_descriptor(content) {
            (entry.packed_size, entry.size, entry.crc, length) = (packed_size, size, crc, end);
        } else {
            (entry.packed_size, length) = (u64::MAX, u64::MAX);
        }
    }
    let next = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    Some((entry, next))
}

/// The entry that a local header tells of, and where its content begins, counted from the header.
fn local_header(header: &[u8], at: u64) -> Option<(Entry<'_>, usize)> {
    let (name, extra) = (half(header, 26)?, half(header, 28)?);
    let name_end = LOCAL_LENGTH.checked_add(name.into())?;
    let start = name_end.checked_add(extra.into())?;
    let mut entry = Entry {
        name: header.get(LOCAL_LENGTH..name_end)?,
        size: word(header, 22)?.into(),
        packed_size: word(header, 18)?.into(),
        header: at,
        crc: word(header, 14)?,
        method: half(header, 8)?,
        flags: half(header, 6)?,
        overlaps: false,
    };
    let large = header.get(name_end..start).and_then(extra_64).unwrap_or_default();
    let Entry { size, packed_size, .. } = &mut entry;
    take_64([size, packed_size, &mut 0], large);
    Some((entry, start))
}

/// Sizes and checksum behind a content of unknown length, and where they end: a mark whose packed size is its distance.
///
/// Looks at every byte up to there once, so that a walk stays linear: without one, the walk ends.
fn find_descriptor(content: &[u8]) -> Option<(u64, u64, u32, u64)> {
    memmem::find_iter(content, DESCRIPTOR).find_map(|at| {
        let mark = content.get(at..)?;
        let crc = word(mark, 4)?;
        let (packed, size) = (u64::from(word(mark, 8)?), u64::from(word(mark, 12)?));
        if packed == at as u64 {
            return Some((packed, size, crc, packed.saturating_add(16)));
        }
        let (packed, size) = (long(mark, 8)?, long(mark, 16)?);
        (packed == at as u64).then(|| (packed, size, crc, packed.saturating_add(24)))
    })
}

/// The extra field that holds the numbers too large for their own (APPNOTE 4.5.3).
fn extra_64(mut extra: &[u8]) -> Option<&[u8]> {
    while let (Some(kind), Some(length)) = (half(extra, 0), half(extra, 2)) {
        let end = usize::from(length).checked_add(4)?;
        if kind == 1 {
            return extra.get(4..end);
        }
        extra = extra.get(end..)?;
    }
    None
}

/// Replaces those numbers that say they are too large, in the order of the extra field.
fn take_64(numbers: [&mut u64; 3], mut large: &[u8]) {
    for number in numbers {
        if *number == u64::from(u32::MAX)
            && let Some((value, rest)) = large.split_first_chunk()
        {
            *number = u64::from_le_bytes(*value);
            large = rest;
        }
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|number| u16::from_le_bytes(*number))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|number| u64::from_le_bytes(*number))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;
    use crate::format::testing::{Zip, half, word as le};

    const TEXT: &[u8] = b"one, two, three, one, two, three, one, two, three";

    /// What comes of each entry: `name=content` or `name: error`; then the flaws.
    fn shown(bytes: &[u8]) -> Vec<String> {
        let mut budget = Budget::for_file(bytes.len());
        let archive = match Archive::open(bytes, &mut budget) {
            Ok(archive) => archive,
            Err(error) => return vec![error.to_string()],
        };
        let entries = archive.entries().iter().map(|entry| {
            let name = String::from_utf8_lossy(entry.name);
            match archive.read(entry, 1 << 20, &mut budget) {
                Ok(content) if *content == *TEXT => format!("{name}=T"),
                Ok(content) => format!("{name}={}", String::from_utf8_lossy(&content)),
                Err(error) => format!("{name}: {error:?}"),
            }
        });
        let flaws = archive
            .flaws()
            .iter()
            .map(|(name, error)| format!("! {} {error:?}", String::from_utf8_lossy(name.unwrap_or_default())));
        entries.chain(flaws).collect()
    }

    fn two() -> Zip {
        Zip::default().file("a", TEXT).stored("b/c", "plain")
    }

    #[test]
    fn entries_are_read_wherever_the_archive_begins_and_ends() {
        let both = vec!["a=T", "b/c=plain"];
        let bytes = two().build();
        let script = [b"#!/bin/sh\nexit\n", &bytes[..]].concat();
        let mut commented = bytes.clone();
        let end = commented.len();
        commented[end - 2..].copy_from_slice(&half(9));
        commented.extend(b"PK\x05\x06 nine");
        let followed = [&bytes[..], b"some bytes more"].concat();
        let described = Zip { described: true, ..Zip::default() }.file("a", TEXT).stored("b/c", "plain").build();
        for bytes in [&bytes, &script, &commented, &followed, &described] {
            assert_eq!(shown(bytes), both);
        }
        assert_eq!(shown(&Zip::default().build()), [""; 0]);
        let budget = &mut Budget::for_file(0);
        let archive = Archive::open(&bytes, budget).expect("it is one");
        let lent = archive.read(archive.entry(b"b/c").expect("it is there"), 99, budget).expect("it is whole");
        assert!(matches!(lent, Cow::Borrowed(b"plain")));
    }

    #[test]
    fn large_archives_say_so_in_fields_of_their_own() {
        let zip = two();
        let mut bytes = zip.body.clone();
        let mut directory = zip.directory.clone();
        // the second header: its numbers in an extra field
        let second = CENTRAL_LENGTH + 1;
        directory[second + 20..second + 28].fill(0xff);
        directory[second + 42..second + 46].fill(0xff);
        directory[second + 30..second + 32].copy_from_slice(&half(28));
        let header = memmem::rfind(&bytes, LOCAL).expect("it is there") as u64;
        directory.extend([half(1), half(24)].concat());
        directory.extend([5_u64.to_le_bytes(), 5_u64.to_le_bytes(), header.to_le_bytes()].concat());
        let (start, size) = (bytes.len() as u64, directory.len() as u64);
        bytes.extend(&directory);
        let record = bytes.len() as u64;
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend([2_u64, 2, size, start].map(u64::to_le_bytes).concat());
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(record.to_le_bytes());
        bytes.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
        bytes.extend([0xff; 12]);
        bytes.extend([0, 0]);
        assert_eq!(shown(&bytes), ["a=T", "b/c=plain"]);
        assert_eq!(shown(&[b"prefix", &bytes[..]].concat()), ["a=T", "b/c=plain"]);
    }

    #[test]
    fn a_broken_entry_costs_itself() {
        let good = |zip: Zip| zip.stored("z", "good").build();
        let crc = crc32(TEXT);
        let (packed, size) = (crate::format::testing::deflate(Compressed::Deflate, TEXT), TEXT.len());
        let cases: &[(Zip, &[&str])] = &[
            (Zip::default().raw("a", 8, 0, &packed, size, crc ^ 1), &["a: Checksum", "z=good"]),
            (Zip::default().raw("a", 8, 0, &packed, size - 1, crc), &["a: Checksum", "z=good"]),
            (Zip::default().raw("a", 8, 0, &packed, size + 1, crc), &["a: Checksum", "z=good"]),
            (Zip::default().raw("a", 0, 0, b"x", 2, 0), &["a: Checksum", "z=good"]),
            (Zip::default().raw("a", 8, 1, &packed, size, crc), &["a: Encrypted", "z=good"]),
            (Zip::default().raw("a", 12, 0, &packed, size, crc), &["a: Unsupported(12)", "z=good"]),
            (Zip::default().raw("a", 8, 0, &packed[..9], size, crc), &["a: Compressed(Truncated)", "z=good"]),
            (Zip::default().raw("a", 8, 0, b"\xff\xff", size, crc), &["a: Compressed(Corrupt)", "z=good"]),
            (Zip::default().raw("a", 8, 0, &packed, 2 << 20, crc), &["a: TooLarge(2097152)", "z=good"]),
            (two().file("a", "other"), &["a=T", "b/c=plain", "a=other", "z=good", "! a DuplicateName"]),
            (Zip::default().file(&"n".repeat(5000), ""), &["z=good", "!  LongName"]),
        ];
        for (zip, expected) in cases {
            assert_eq!(shown(&good(zip.clone())), *expected);
        }
        let mut headless = good(two());
        headless[0] = b'Q';
        assert_eq!(shown(&headless), ["a: NoHeader", "b/c=plain", "z=good"]);
        let mut renamed = good(two());
        renamed[LOCAL_LENGTH] = b'x';
        assert_eq!(shown(&renamed), ["a: NoHeader", "b/c=plain", "z=good"]);
    }

    #[test]
    fn entries_over_the_same_bytes_are_refused() {
        let mut zip = Zip::default().stored("a", "x".repeat(100)).stored("b", "y");
        // the header of the second leads into the first
        let at = zip.directory.len() - 5;
        zip.directory[at..at + 4].copy_from_slice(&le(3));
        assert_eq!(shown(&zip.build())[1..], ["b: Overlap".to_owned(), "! b Overlap".to_owned()]);
    }

    #[test]
    fn a_cut_archive_is_walked_by_its_local_headers() {
        let whole = two().stored("z", "last").build();
        let directory = memmem::find(&whole, CENTRAL).expect("it is there");
        let all = ["a=T", "b/c=plain", "z=last", "!  NoDirectory"];
        assert_eq!(shown(&whole[..directory]), all);
        assert_eq!(shown(&whole[..directory + 50]), all);
        let cut = shown(&whole[..directory - 1]);
        assert_eq!(cut, ["a=T", "b/c=plain", "z: Truncated", "!  NoDirectory", "! z Truncated"]);

        let described = Zip { described: true, ..Zip::default() }.file("a", TEXT).stored("b/c", "plain").build();
        let directory = memmem::find(&described, CENTRAL).expect("it is there");
        assert_eq!(shown(&described[..directory]), ["a=T", "b/c=plain", "!  NoDirectory"]);
        let cut = shown(&described[..directory - 3]);
        assert_eq!(cut, ["a=T", "b/c: Truncated", "!  NoDirectory", "! b/c Truncated"]);
    }

    #[test]
    fn a_damaged_directory_is_made_up_for() {
        let mut bytes = two().build();
        let second = memmem::rfind(&bytes, CENTRAL).expect("it is there");
        bytes[second] = 0;
        assert_eq!(shown(&bytes), ["a=T", "b/c=plain", "!  DamagedDirectory"]);
        for text in [&b""[..], b"plain text", b"PK\x05\x06"] {
            assert_eq!(shown(text), ["it is no zip archive"]);
        }
    }

    #[test]
    fn all_archives_of_a_file_share_one_budget() {
        let bytes = two().build();
        let budget = |bytes, entries, archives| Budget { bytes, entries, archives };
        assert_eq!(Archive::open(&bytes, &mut budget(99, 9, 0)).err(), Some(ZipError::OverBudget));
        let few = Archive::open(&bytes, &mut budget(99, 1, 1)).expect("one entry is read");
        assert_eq!((few.entries().len(), few.flaws()), (1, &[(None, ZipError::OverBudget)][..]));
        let mut small = budget(TEXT.len() as u64 + 5, 9, 1);
        let archive = Archive::open(&bytes, &mut small).expect("it is one");
        let mut read = || archive.read(&archive.entries()[0], 99, &mut small).map(|content| content.len());
        assert_eq!([read(), read()], [Ok(TEXT.len()), Err(ZipError::OverBudget)]);
    }

    #[test]
    fn many_entries_take_linear_time_and_no_bytes_panic() {
        let mut zip = Zip::default();
        for number in 0..60_000 {
            zip = zip.stored(if number % 2 == 0 { "same" } else { "other" }, "");
        }
        let bytes = zip.build();
        let archive = Archive::open(&bytes, &mut Budget::for_file(0)).expect("it is one");
        assert_eq!((archive.entries().len(), archive.flaws().len()), (60_000, FLAWS + 1));
        let bytes = Zip { described: true, ..two() }.file("d", TEXT).build();
        for at in 0..bytes.len() {
            for value in [0, 0xff, bytes[at] ^ 0x80] {
                let mut wrong = bytes.clone();
                wrong[at] = value;
                shown(&wrong);
            }
            shown(&bytes[..at]);
            shown(&bytes[at..]);
        }
    }
}

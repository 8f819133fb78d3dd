//! Files that hold other files: archives, compressed files, packages, objects of git, databases.
//!
//! Each file inside is handed out under its own name, joined by `!` to those of the archives round it. What a file is,
//! its first bytes tell, not its name. All that one outer file expands to is paid from one budget; where that ends, or
//! something is damaged or locked, a complaint says so.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod base64;
mod escape;
mod git;
mod member;
mod sqlite;
mod tap;
pub(super) mod text;
mod unwrap;
mod wide;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::LazyLock;

use crate::collect::{HELD, OVERLAP};
use crate::format::decompress::{crc32, decoder};
use crate::format::magic::Magic;
use crate::format::ustar::{MemberKind, Members, Streaming};
use crate::format::zip::{self, Archive, ZipError};
use crate::limit::Limits;
use crate::path::ImagePath;

use super::kind::{self, Kind};

use tap::Tap;

/// Archives and compressed files inside one another, the outermost counted. A tar in a compressed file is one with it.
const DEPTH: usize = 5;

/// Files of one outer file.
const ENTRIES: usize = 1_000_000;

/// Bytes that each window of a file too large to be held has, besides what it repeats; the first one has [`HELD`] and one more.
const STEP: usize = 2 << 20;

/// Largest archive inside another that is read, where that needs all of it at once, in bytes.
const WHOLE: usize = 256 << 20;

/// Complaints told of one outer file; the rest are counted.
const COMPLAINTS: usize = 5;

/// Largest window that zstd and xz may ask for, as a power of two: what `zstd --long` and `xz -9` make.
const WINDOW_LOG: u32 = 27;

/// The caps on names and records of tar.
static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// A file inside, or a window of it.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// Its place in the outer file: `lib/a.jar!b/c.yml`.
    pub(super) inside: &'a [u8],
    /// Which sort of text it is.
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
    /// Offset of `bytes` in it.
    pub(super) offset: u64,
    /// Line feeds before.
    pub(super) lines_before: u64,
    /// Bytes at the start of `bytes` that the window before ended with.
    pub(super) overlap: usize,
    pub(super) is_last: bool,
}

/// What was not read, or is odd.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Its place in the outer file; empty for that itself.
    pub(super) inside: Vec<u8>,
    pub(super) what: String,
    /// Whether a limit of careen left something out.
    pub(super) is_gap: bool,
}

/// Takes what stands beside the files of an archive: the archive's place in the outer file, and bytes of it. Bytes that are
/// given one after another share [`OVERLAP`].
pub(super) type Beside<'a> = RefCell<dyn FnMut(&[u8], &[u8]) + 'a>;

/// Hands out every file inside of the file at `path`, which is `bytes`.
pub(super) fn open(bytes: &[u8], path: &ImagePath, take: &mut dyn FnMut(&Member<'_>)) -> Vec<Complaint> {
    open_with(bytes, path, take, None)
}

/// The same, and what stands beside these files in archives other than the outer file: names, comments, padding, bytes that
/// belong to nothing. Of zip archives, which have a list of their files, those are handed out, too, that it leaves out.
pub(super) fn open_with(
    bytes: &[u8],
    path: &ImagePath,
    take: &mut dyn FnMut(&Member<'_>),
    beside: Option<&Beside<'_>>,
) -> Vec<Complaint> {
    let budget = Cell::new(budget(bytes.len()));
    let mut opening = Opening {
        take,
        budget: &budget,
        entries: ENTRIES,
        complaints: Vec::new(),
        more: 0,
        above: Vec::new(),
        met: 0,
        is_over: false,
        beside,
        unlisted: budget.get(),
        is_member: Rc::default(),
    };
    let place = Place { chain: Vec::new(), leaf: None, name: path.file_name().to_vec(), sort: None };
    if sniff(bytes).is_some() {
        opening.content(bytes, &place, 0);
    }
    let Opening { mut complaints, more, .. } = opening;
    if more > 0 {
        let what = format!("{more} more files in it are damaged, locked or left out");
        complaints.push(Complaint { inside: Vec::new(), what, is_gap: false });
    }
    complaints
}

/// Bytes that a file of `length` bytes may expand to. Deflate reaches 1,032 times, which small files of one repeated line
/// come near; a hundred times is far from what large ones have.
fn budget(length: usize) -> u64 {
    let length = length as u64;
    let small = length.saturating_mul(1_100).saturating_add(16 << 20).min(64 << 20);
    length.saturating_mul(100).clamp(small, 8 << 30)
}

/// Sorts of files that hold others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Compressed(Magic),
    Zip,
    Tar,
    /// Only the package of Debian: members of other `ar` archives stand there in plain.
    Deb,
    Rpm,
    Cpio,
    Zlib,
    Pack,
    Sqlite,
    /// One that is not opened, and what it is.
    Unread(&'static str),
}

/// Whether files that begin so may hold others; of a script or program that is told by its end.
pub(super) fn may_hold_files(head: &[u8]) -> bool {
    sniff(head).is_some() || head.starts_with(b"#!") || head.starts_with(b"MZ")
}

fn sniff(bytes: &[u8]) -> Option<Form> {
    let head = bytes.get(..512).unwrap_or(bytes);
    match head {
        [0x1f, 0x8b, 8, ..] => return Some(Form::Compressed(Magic::Gzip)),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => return Some(Form::Zlib),
        [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..] => return Some(Form::Pack),
        [0xed, 0xab, 0xee, 0xdb, ..] => return Some(Form::Rpm),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => {
            return Some(Form::Compressed(Magic::Bzip2));
        }
        _ => {}
    }
    if head.starts_with(b"!<arch>\ndebian-binary") {
        return Some(Form::Deb);
    }
    if head.starts_with(b"070701") || head.starts_with(b"070702") {
        return Some(Form::Cpio);
    }
    if head.starts_with(b"SQLite format 3\0") {
        return Some(Form::Sqlite);
    }
    match Magic::of(head) {
        magic @ (Magic::Zstd | Magic::Xz) => Some(Form::Compressed(magic)),
        Magic::Zip => Some(Form::Zip),
        Magic::Tar => Some(Form::Tar),
        // a program or script may stand before the archive
        _ if has_end_of_zip(bytes) => Some(Form::Zip),
        _ => unread(head).map(Form::Unread),
    }
}

/// What kind of archive or disk image it is that is not opened, by its first bytes.
fn unread(head: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 7] = [
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"\x04\x22\x4d\x18", "compressed by LZ4"),
        (b"hsqs", "an image of a SquashFS"),
        (b"MSCF\0\0\0\0", "a cabinet of Windows"),
        (b"LZIP\x01", "compressed by lzip"),
        (b"xar!\0\x1c", "a XAR archive"),
    ];
    kinds.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

/// Whether a zip archive stands behind a program or script, which the first bytes do not tell.
pub(super) fn has_archive_behind(bytes: &[u8]) -> bool {
    !bytes.starts_with(b"PK") && has_end_of_zip(bytes)
}

/// Whether the bytes end in the end record of a zip archive; behind a script or program it may have a comment.
fn has_end_of_zip(bytes: &[u8]) -> bool {
    let record = bytes.len().checked_sub(END).and_then(|at| bytes.get(at..));
    if record.is_some_and(|record| record.starts_with(b"PK\x05\x06") && record.ends_with(b"\0\0")) {
        return true;
    }
    let may_start = [&b"#!"[..], b"MZ", b"\x7fELF", b"@echo", b"<?php"].iter().any(|start| bytes.starts_with(start));
    let from = bytes.len().saturating_sub(END.saturating_add(usize::from(u16::MAX)));
    let tail = bytes.get(from..).filter(|_| may_start).unwrap_or_default();
    memchr::memmem::find_iter(tail, b"PK\x05\x06").last().is_some_and(|at| {
        let length = tail.get(at..).map_or(0, <[u8]>::len);
        let comment = tail.get(at.saturating_add(END.saturating_sub(2))..).and_then(|rest| rest.first_chunk::<2>());
        comment.is_some_and(|comment| END.saturating_add(usize::from(u16::from_le_bytes(*comment))) == length)
    })
}

/// Bytes of the end record of a zip archive, without its comment.
const END: usize = 22;

/// Where in the outer file something is.
#[derive(Debug, Clone)]
struct Place {
    /// The archives and the file, joined by `!`; empty for the outer file.
    chain: Vec<u8>,
    /// Set for what a compressed file expands to: its name, if it turns out to be no archive.
    leaf: Option<Vec<u8>>,
    /// The name by which text is judged.
    name: Vec<u8>,
    /// How text is judged if not by name.
    sort: Option<Kind>,
}

impl Place {
    /// Where a member of this name is.
    fn member(&self, name: &[u8]) -> Self {
        let clean = ImagePath::new(name);
        let name = clean.as_bytes().to_vec();
        Self { chain: joined(&self.chain, &name), leaf: None, name, sort: None }
    }

    /// Where is what this file expands to.
    fn expanded(&self) -> Self {
        let name = expanded_name(&self.name);
        Self { chain: self.shown(), leaf: Some(name.clone()), name, sort: self.sort }
    }

    /// Where is what follows the archive.
    fn tail(&self) -> Self {
        Self { leaf: None, ..self.member(b"(behind the archive)") }
    }

    /// How it is told.
    fn shown(&self) -> Vec<u8> {
        self.leaf.as_ref().map_or_else(|| self.chain.clone(), |leaf| joined(&self.chain, leaf))
    }

    fn kind(&self) -> Kind {
        self.sort.unwrap_or_else(|| kind::of(&ImagePath::new(&self.name)))
    }
}

/// Whether a text begins as pages of manuals do: with a comment or request of troff (groff(7)).
fn is_manual(bytes: &[u8]) -> bool {
    match bytes {
        [b'.' | b'\'', b'\\', b'"', ..] => true,
        [b'.', rest @ ..] => rest.iter().take(2).filter(|byte| byte.is_ascii_alphabetic()).count() == 2,
        _ => false,
    }
}

fn joined(chain: &[u8], name: &[u8]) -> Vec<u8> {
    if chain.is_empty() { name.to_vec() } else { [chain, name].join(&b'!') }
}

/// `app.log` of `app.log.gz`, `a.tar` of `a.tgz`.
pub(super) fn expanded_name(name: &[u8]) -> Vec<u8> {
    let file = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
    for (ending, instead) in
        [(&b".tgz"[..], &b".tar"[..]), (b".txz", b".tar"), (b".tbz2", b".tar"), (b".tzst", b".tar")]
    {
        if let Some(stem) = file.strip_suffix(ending) {
            return [stem, instead].concat();
        }
    }
    let endings = [&b".gz"[..], b".xz", b".bz2", b".zst", b".zz", b".zlib"];
    let stem = endings.iter().find_map(|ending| file.strip_suffix(*ending)).filter(|stem| !stem.is_empty());
    stem.unwrap_or(file).to_vec()
}

struct Opening<'a, 'b> {
    take: &'a mut dyn FnMut(&Member<'_>),
    /// Bytes that may yet be expanded.
    budget: &'a Cell<u64>,
    /// Files that may yet be listed.
    entries: usize,
    complaints: Vec<Complaint>,
    more: usize,
    /// Length and checksum of the archives that are open: one that holds itself is read once.
    above: Vec<(usize, u32)>,
    /// Differences that were met while objects of a pack were put together.
    met: usize,
    is_over: bool,
    beside: Option<&'a Beside<'b>>,
    /// Bytes that files may yet have that their archives do not list: headers made to lie in one another would have an archive
    /// read once for each.
    unlisted: u64,
    /// Whether what is read of the innermost archive is a member, which is handed out by itself.
    is_member: Rc<Cell<bool>>,
}

impl Opening<'_, '_> {
    /// A file that is in memory: opened, or handed out.
    fn content(&mut self, bytes: &[u8], place: &Place, depth: usize) {
        if self.is_over || bytes.is_empty() {
            return;
        }
        let Some(form) = sniff(bytes) else { return self.plain(bytes, place) };
        if !self.may_open(form, place, depth) {
            return self.plain(bytes, place);
        }
        match form {
            Form::Unread(what) => {
                self.note(place, format!("it is {what}, which is not opened"));
                // the outer file is searched as it stands by itself
                if depth > 0 {
                    self.plain(bytes, place);
                }
            }
            Form::Zip => {
                let own = (bytes.len(), crc32(bytes));
                if !self.above.contains(&own) {
                    self.above.push(own);
                    self.beside(bytes, place, depth);
                    self.zip(bytes, place, depth);
                    self.above.pop();
                }
            }
            Form::Zlib => {
                self.beside(bytes, place, depth);
                self.zlib(bytes, place, depth);
            }
            Form::Pack => {
                self.beside(bytes, place, depth);
                self.pack(bytes, place, depth);
            }
            Form::Sqlite => {
                // its texts one by one, and what else is in it, such as rows that were deleted, in plain
                if depth > 0 {
                    self.plain(bytes, place);
                }
                self.sqlite(bytes, place);
            }
            _ => {
                let mut bytes = bytes;
                self.run(form, &mut bytes, place, depth);
            }
        }
    }

    /// A file that is read from its beginning to its end.
    fn stream(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) {
        if self.is_over {
            return;
        }
        let mut held = Vec::new();
        let read = Read::take(&mut *reader, (HELD as u64).saturating_add(1)).read_to_end(&mut held);
        if let Err(error) = read {
            self.broken(place, &error);
            // once nothing more may be expanded, nothing more is opened
            return if self.is_over { self.plain(&held, place) } else { self.content(&held, place, depth) };
        }
        if held.len() <= HELD {
            return self.content(&held, place, depth);
        }
        match sniff(&held) {
            Some(Form::Unread(what)) => {
                self.note(place, format!("it is {what}, which is not opened"));
                self.windows(held, reader, place);
            }
            Some(Form::Zip | Form::Pack | Form::Zlib | Form::Sqlite) => {
                let more = (WHOLE as u64).saturating_sub(HELD as u64);
                if let Err(error) = Read::take(&mut *reader, more).read_to_end(&mut held) {
                    self.broken(place, &error);
                }
                if held.len() > WHOLE {
                    self.gap(place, format!("it is an archive of more than {} MiB inside another", WHOLE >> 20));
                    self.windows(held, reader, place);
                } else {
                    self.content(&held, place, depth);
                }
            }
            Some(form) if self.may_open(form, place, depth) => {
                // archives inside one another would each keep what they began with
                let mut whole = Begun { held, at: 0, reader };
                self.run(form, &mut whole, place, depth);
            }
            _ => self.windows(held, reader, place),
        }
    }

    fn may_open(&mut self, form: Form, place: &Place, depth: usize) -> bool {
        let is_one_with_its_compression = matches!(form, Form::Tar | Form::Cpio) && place.leaf.is_some();
        let may = depth < DEPTH || is_one_with_its_compression;
        if !may {
            self.gap(place, format!("archives are nested deeper than {DEPTH}"));
        }
        may
    }

    /// Gives what an archive in memory is. The outer file's own bytes are known to who has it.
    fn beside(&self, bytes: &[u8], place: &Place, depth: usize) {
        if let Some(beside) = self.beside.filter(|_| depth > 0) {
            (beside.borrow_mut())(&place.shown(), bytes);
        }
    }

    /// Opens what can be read from its beginning to its end, and gives what stands beside its members.
    fn run(&mut self, form: Form, reader: &mut dyn Read, place: &Place, depth: usize) {
        let Some(beside) = self.beside.filter(|_| depth > 0) else {
            return self.members_of(form, reader, place, depth);
        };
        let is_member = Rc::new(Cell::new(false));
        let outer = std::mem::replace(&mut self.is_member, Rc::clone(&is_member));
        let mut tap = Tap::new(reader, beside, place.shown(), is_member);
        self.members_of(form, &mut tap, place, depth);
        tap.finish();
        self.is_member = outer;
    }

    /// A member of an archive that is read from its beginning to its end.
    fn member(&mut self, body: &mut dyn Read, place: &Place, depth: usize) {
        let is_member = Rc::clone(&self.is_member);
        is_member.set(true);
        self.stream(body, place, depth);
        is_member.set(false);
    }

    fn members_of(&mut self, form: Form, reader: &mut dyn Read, place: &Place, depth: usize) {
        let inner = depth.saturating_add(1);
        match form {
            Form::Compressed(magic) => self.compressed(magic, reader, place, inner),
            Form::Tar => self.tar(reader, place, if place.leaf.is_some() { depth } else { inner }),
            Form::Cpio => self.cpio(reader, place, if place.leaf.is_some() { depth } else { inner }),
            Form::Deb => self.deb(reader, place, inner),
            Form::Rpm => self.rpm(reader, place, inner),
            Form::Zip | Form::Zlib | Form::Pack | Form::Sqlite | Form::Unread(_) => {}
        }
    }

    fn compressed(&mut self, magic: Magic, reader: &mut dyn Read, place: &Place, depth: usize) {
        let budget = self.budget;
        match decoder(magic, io::BufReader::with_capacity(64 << 10, reader), WINDOW_LOG) {
            Ok(Some(inner)) => self.stream(&mut Metered { inner, budget }, &place.expanded(), depth),
            Ok(None) => {}
            Err(error) => self.broken(place, &error),
        }
    }

    /// A tar and those that follow it: `tar` reads no further than the first end, other programs do.
    fn tar(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) {
        let mut first = Vec::new();
        loop {
            let mut whole = first.as_slice().chain(&mut *reader);
            if !self.one_tar(&mut whole, place, depth) {
                return;
            }
            first.clear();
            // zeros fill up the last record
            while first.iter().all(|byte| *byte == 0) {
                first.clear();
                if Read::take(&mut *reader, 512).read_to_end(&mut first).is_err() || first.is_empty() {
                    return;
                }
            }
            if Magic::of(&first) != Magic::Tar {
                let mut rest = first.as_slice().chain(reader);
                return self.stream(&mut rest, &place.tail(), depth);
            }
        }
    }

    /// One of these; whether it was read to its end.
    fn one_tar(&mut self, reader: &mut dyn Read, place: &Place, depth: usize) -> bool {
        let mut members = Members::new(Streaming(reader), &LIMITS);
        let mut count = 0_usize;
        loop {
            match members.next_member() {
                Ok(Some(member)) => {
                    count = count.saturating_add(1);
                    if !self.count(place) {
                        return false;
                    }
                    if member.kind != MemberKind::Folder && member.size > 0 {
                        let inside = place.member(&member.name);
                        self.member(&mut members.body(), &inside, depth);
                    }
                    if self.is_over {
                        return false;
                    }
                }
                Ok(None) => return true,
                // many writers leave the end mark out
                Err(_) if count > 0 && self.budget.get() > 0 => {
                    self.note(place, "the archive ends early; what stands before was searched".to_owned());
                    return false;
                }
                Err(error) => {
                    self.broken(place, &io::Error::other(error.message));
                    return false;
                }
            }
        }
    }

    fn zip(&mut self, bytes: &[u8], place: &Place, depth: usize) {
        let mut budget = zip::Budget { bytes: self.budget.get(), entries: self.entries, archives: 1 };
        let archive = match Archive::open(bytes, &mut budget) {
            Ok(archive) => archive,
            Err(error) => {
                self.note(place, error.to_string());
                return self.plain(bytes, place);
            }
        };
        self.entries = budget.entries;
        for (_, flaw) in archive.flaws() {
            match flaw {
                ZipError::OverBudget | ZipError::Unsupported(_) => self.gap(place, flaw.to_string()),
                ZipError::DuplicateName | ZipError::Overlap | ZipError::More(_) => {}
                flaw => self.note(place, flaw.to_string()),
            }
        }
        let depth = depth.saturating_add(1);
        let mut locked = 0_usize;
        let mut known = HashSet::new();
        for entry in archive.entries() {
            if entry.name.ends_with(b"/") && entry.size == 0 {
                continue;
            }
            let error = self.entry(&archive, entry, place, depth);
            if error.is_none() {
                known.insert(entry.header());
            }
            match error {
                None => {}
                Some(ZipError::Encrypted) => locked = locked.saturating_add(1),
                Some(ZipError::OverBudget) => self.exhausted(place),
                Some(error @ ZipError::Unsupported(_)) => self.gap(&place.member(entry.name), error.to_string()),
                Some(error) => self.note(&place.member(entry.name), error.to_string()),
            }
            if self.is_over {
                return;
            }
        }
        if locked > 0 {
            let files = if locked == 1 { "file in it is" } else { "files in it are" };
            self.note(place, format!("{locked} {files} protected by a password"));
        }
        if self.beside.is_none() {
            return;
        }
        for entry in archive.unlisted(&known) {
            let Some(left) = self.unlisted.checked_sub(entry.packed_size()) else { return };
            self.unlisted = left;
            if !self.count(place) || self.entry(&archive, &entry, place, depth) == Some(ZipError::OverBudget) {
                return;
            }
        }
    }

    /// Hands out a file of a zip archive: what is wrong with it, if anything.
    fn entry(
        &mut self,
        archive: &Archive<'_>,
        entry: &zip::Entry<'_>,
        place: &Place,
        depth: usize,
    ) -> Option<ZipError> {
        let mut budget = zip::Budget { bytes: self.budget.get(), entries: self.entries, archives: 1 };
        let inside = place.member(entry.name);
        let read = if entry.size > HELD as u64 {
            Err(ZipError::TooLarge(entry.size))
        } else {
            archive.read_as_far(entry, HELD, &mut budget)
        };
        match read {
            Ok((content, error)) => {
                self.budget.set(budget.bytes);
                self.content(&content, &inside, depth);
                error
            }
            Err(ZipError::TooLarge(_)) => match archive.reader(entry) {
                Ok(inner) => {
                    let budget = self.budget;
                    self.stream(&mut Metered { inner, budget }, &inside, depth);
                    None
                }
                Err(error) => Some(error),
            },
            Err(error) => Some(error),
        }
    }

    /// A file that holds no others.
    fn plain(&mut self, bytes: &[u8], place: &Place) {
        // compressed pages of manuals, whatever they are called
        let kind = if place.leaf.is_some() && is_manual(bytes) { Kind::Other } else { place.kind() };
        (self.take)(&Member {
            inside: &place.shown(),
            kind,
            bytes,
            offset: 0,
            lines_before: 0,
            overlap: 0,
            is_last: true,
        });
    }

    /// One that is too large to be held, of which `first` was read.
    fn windows(&mut self, first: Vec<u8>, reader: &mut dyn Read, place: &Place) {
        let (shown, kind) = (place.shown(), place.kind());
        let (mut window, mut offset, mut lines_before, mut overlap) = (first, 0_u64, 0_u64, 0);
        let mut next = Vec::new();
        loop {
            let step = window.len().saturating_sub(OVERLAP);
            let (passed, kept) = window.split_at(step);
            next.clear();
            next.reserve_exact(STEP.saturating_add(kept.len()));
            next.extend_from_slice(kept);
            let read = Read::take(&mut *reader, STEP as u64).read_to_end(&mut next);
            let is_last = next.len() <= OVERLAP;
            let bytes = window.as_slice();
            if bytes.iter().any(|byte| *byte != 0) {
                (self.take)(&Member { inside: &shown, kind, bytes, offset, lines_before, overlap, is_last });
            }
            if let Err(error) = read {
                self.broken(place, &error);
            }
            if is_last {
                return;
            }
            lines_before = lines_before.saturating_add(memchr::memchr_iter(b'\n', passed).count() as u64);
            offset = offset.saturating_add(step as u64);
            overlap = OVERLAP.min(window.len());
            // the first one is larger than those that follow
            window =
                if window.capacity() > HELD { std::mem::take(&mut next) } else { std::mem::replace(&mut next, window) };
        }
    }

    /// Counts one file; `false` when there are too many.
    fn count(&mut self, place: &Place) -> bool {
        if let Some(left) = self.entries.checked_sub(1) {
            self.entries = left;
        } else {
            self.gap(place, format!("it holds more than {ENTRIES} files"));
            self.is_over = true;
        }
        !self.is_over
    }

    fn exhausted(&mut self, place: &Place) {
        if !self.is_over {
            self.is_over = true;
            self.gap(place, "it expands to more than a file of its size may; the rest was not searched".to_owned());
        }
    }

    fn broken(&mut self, place: &Place, error: &io::Error) {
        if self.budget.get() == 0 {
            self.exhausted(place);
        } else {
            self.note(place, format!("it is damaged or cut short ({error}); what stands before was searched"));
        }
    }

    fn note(&mut self, place: &Place, what: String) {
        self.complain(place, what, false);
    }

    fn gap(&mut self, place: &Place, what: String) {
        self.complain(place, what, true);
    }

    fn complain(&mut self, place: &Place, what: String, is_gap: bool) {
        let is_known = |known: &Complaint| known.what == what && is_gap;
        if self.complaints.iter().any(is_known) {
            return;
        }
        let notes = self.complaints.iter().filter(|known| known.is_gap == is_gap).count();
        if notes < COMPLAINTS {
            self.complaints.push(Complaint { inside: place.chain.clone(), what, is_gap });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// What was read already, and then the rest; gives the memory back as soon as that is passed.
struct Begun<'r> {
    held: Vec<u8>,
    at: usize,
    reader: &'r mut dyn Read,
}

impl Read for Begun<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.held.get(self.at..).unwrap_or_default();
        if left.is_empty() {
            self.held = Vec::new();
            return self.reader.read(buffer);
        }
        let count = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(count);
        Ok(count)
    }
}

/// Takes what is read from the budget; an error when that is used up.
struct Metered<'b, R> {
    inner: R,
    budget: &'b Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.budget.get().checked_sub(count as u64);
        self.budget.set(left.unwrap_or(0));
        left.map(|_| count).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
    }
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests may panic"
)]
mod tests;

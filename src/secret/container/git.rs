//! Objects of git: loose ones (`gitformat-loose`) and packs of versions 2 and 3 (`gitformat-pack`), without their index.
//!
//! Every object counts, whether or not a commit leads to it. Of what is stored as a difference, the parts that the
//! difference brings are searched with what stands round them; the rest was searched in the object it is based on.

use std::collections::HashMap;
use std::iter::{Chain, Peekable};
use std::ops::Range;
use std::slice::Iter;

use crate::digest::{hex, sha1};
use crate::format::decompress::{DecompressError, inflate_front};

use super::{Kind, Opening, Place};

/// Bytes that the objects of one pack may have in all, if its size allows no more.
const PACK: u64 = 1 << 30;

/// Largest object that is read, in bytes.
const OBJECT: usize = 64 << 20;

/// Bytes of objects that are held because others are based on them.
const HELD: usize = 256 << 20;

/// Objects of one pack.
const OBJECTS: u32 = 5_000_000;

/// Differences in a row; git makes 50, and takes 4,095.
const CHAIN: usize = 4_095;

/// Bytes of an object that are looked at on each side of what a difference brings.
const ROUND: usize = 2_048;

/// Names of files that trees tell; the rest go without.
const NAMES: usize = 1_000_000;

/// Longest such name, in bytes.
const NAME: usize = 255;

/// Where a packed object is, and what it is based on.
struct Packed {
    /// Of the compressed data.
    at: usize,
    size: usize,
    kind: u8,
}

const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;
const TAG: u8 = 4;
const OFFSET_DELTA: u8 = 6;
const REFERENCE_DELTA: u8 = 7;

/// The objects of a pack by where they begin, and the differences by what they are based on.
#[derive(Default)]
struct Pack {
    /// Those that stand for themselves.
    roots: Vec<Packed>,
    by_offset: HashMap<usize, Vec<(usize, Packed)>>,
    by_id: HashMap<[u8; 20], Vec<(usize, Packed)>>,
    /// Where each root begins.
    starts: Vec<usize>,
}

type Based<'p> = Peekable<Chain<Iter<'p, (usize, Packed)>, Iter<'p, (usize, Packed)>>>;

impl Pack {
    /// The differences to an object, and where each begins.
    fn based_on(&self, object: &Object) -> Based<'_> {
        let by_offset = self.by_offset.get(&object.start);
        // the id is work, and most packs name bases by their place
        let by_id = if self.by_id.is_empty() { None } else { self.by_id.get(&object_id(object.kind, &object.bytes)) };
        let by_offset = by_offset.map(Vec::as_slice).unwrap_or_default();
        by_offset.iter().chain(by_id.map(Vec::as_slice).unwrap_or_default()).peekable()
    }
}

/// An object put together: its kind, its bytes, and which of these no base had.
struct Object {
    start: usize,
    kind: u8,
    bytes: Vec<u8>,
    fresh: Option<Vec<Range<usize>>>,
    depth: usize,
}

impl Opening<'_, '_> {
    /// A loose object, or other data with zlib's frame.
    pub(super) fn zlib(&mut self, bytes: &[u8], place: &Place, depth: usize) {
        let cap = OBJECT.min(usize::try_from(self.budget.get()).unwrap_or(usize::MAX));
        match inflate_front(bytes, cap) {
            Ok((content, _)) => {
                self.budget.set(self.budget.get().saturating_sub(content.len() as u64));
                let depth = depth.saturating_add(1);
                match loose(&content) {
                    Some((kind, object)) => self.object(kind, object, &hex(&sha1(&content)), None, None, place, depth),
                    None => self.content(&content, &place.expanded(), depth),
                }
            }
            Err(DecompressError::TooLarge(cap)) => {
                self.gap(place, format!("it expands to more than {cap} bytes; it was not searched"));
            }
            // two bytes are no proof: it is something else
            Err(_) if depth > 0 => self.plain(bytes, place),
            Err(_) => {}
        }
    }

    pub(super) fn pack(&mut self, bytes: &[u8], place: &Place, depth: usize) {
        let pack = self.list(bytes, place);
        let deltas = pack.by_offset.values().chain(pack.by_id.values()).map(Vec::len).sum::<usize>();
        // versions of one file are stored as small differences, and make all of it each time
        self.budget.set(self.budget.get().max(PACK));
        self.met = 0;
        let mut names = HashMap::new();
        self.walk(bytes, &pack, place, true, &mut |_, object| {
            if names.len() < NAMES {
                read_tree(&object.bytes, &mut names);
            }
        });
        let depth = depth.saturating_add(1);
        self.walk(bytes, &pack, place, false, &mut |opening, object| {
            let id = object_id(object.kind, &object.bytes);
            let name = names.get(&id).map(Vec::as_slice);
            opening.object(object.kind, &object.bytes, &hex(&id), name, object.fresh.as_deref(), place, depth);
        });
        if self.met < deltas && !self.is_over {
            self.gap(place, "it holds differences to objects that are not in it; they were not searched".to_owned());
        }
    }

    /// Finds where the objects of a pack are, which only reading them tells.
    fn list(&mut self, bytes: &[u8], place: &Place) -> Pack {
        let mut pack = Pack::default();
        let count = bytes.get(8..).and_then(|rest| rest.first_chunk()).map_or(0, |count| u32::from_be_bytes(*count));
        let mut at = 12_usize;
        for _ in 0..count.min(OBJECTS) {
            let start = at;
            let Some((kind, size, next)) = object_header(bytes, at) else { break };
            at = next;
            let mut base = None;
            if kind == OFFSET_DELTA {
                let Some((back, next)) = offset(bytes, at) else { break };
                base = start.checked_sub(back);
                at = next;
            }
            let mut id = None;
            if kind == REFERENCE_DELTA {
                id = bytes.get(at..).and_then(|rest| rest.first_chunk::<20>()).copied();
                at = at.saturating_add(20);
            }
            let packed = Packed { at, size, kind };
            let Some((_, length)) = self.inflate(bytes, &packed, place) else { break };
            at = at.saturating_add(length);
            match (kind, base, id) {
                (COMMIT..=TAG, ..) => {
                    pack.roots.push(packed);
                    pack.starts.push(start);
                }
                (OFFSET_DELTA, Some(base), _) => pack.by_offset.entry(base).or_default().push((start, packed)),
                (REFERENCE_DELTA, _, Some(id)) => pack.by_id.entry(id).or_default().push((start, packed)),
                _ => break,
            }
        }
        // behind the objects stands a checksum
        if at.saturating_add(20) < bytes.len() || count > OBJECTS {
            self.note(place, "the pack is damaged or cut short; what stands before was searched".to_owned());
        }
        pack
    }

    fn inflate(&mut self, bytes: &[u8], packed: &Packed, place: &Place) -> Option<(Vec<u8>, usize)> {
        if packed.size > OBJECT {
            self.gap(place, format!("it holds an object of more than {} MiB; the rest was not searched", OBJECT >> 20));
            return None;
        }
        let Some(left) = self.budget.get().checked_sub(packed.size as u64) else {
            self.exhausted(place);
            return None;
        };
        self.budget.set(left);
        inflate_front(bytes.get(packed.at..)?, packed.size).ok()
    }

    /// Puts every object together, each after its base: only trees, or all but these.
    fn walk(
        &mut self,
        bytes: &[u8],
        pack: &Pack,
        place: &Place,
        trees: bool,
        each: &mut dyn FnMut(&mut Self, &Object),
    ) {
        for (root, start) in pack.roots.iter().zip(&pack.starts) {
            if (root.kind == TREE) != trees {
                continue;
            }
            let Some((content, _)) = self.inflate(bytes, root, place) else { continue };
            let object = Object { start: *start, kind: root.kind, bytes: content, fresh: None, depth: 0 };
            let mut open = vec![(pack.based_on(&object), object)];
            let mut held = 0_usize;
            if let Some((_, object)) = open.last() {
                each(self, object);
            }
            while let Some((based, object)) = open.last_mut() {
                if self.is_over {
                    return;
                }
                let Some((start, packed)) = based.next() else {
                    held = held.saturating_sub(object.bytes.len());
                    open.pop();
                    continue;
                };
                if object.depth >= CHAIN || held > HELD {
                    let what = format!("it holds chains of more than {CHAIN} differences, or of very large objects");
                    self.gap(place, what);
                    continue;
                }
                self.met = self.met.saturating_add(1);
                let Some((delta, _)) = self.inflate(bytes, packed, place) else { continue };
                let room = OBJECT.min(usize::try_from(self.budget.get()).unwrap_or(usize::MAX));
                let Some((content, fresh)) = apply(&object.bytes, &delta, room) else {
                    let what = "it holds differences that are damaged, or make objects larger than are put together";
                    self.gap(place, what.to_owned());
                    continue;
                };
                self.budget.set(self.budget.get().saturating_sub(content.len() as u64));
                let depth = object.depth.saturating_add(1);
                let next = Object { start: *start, kind: object.kind, bytes: content, fresh: Some(fresh), depth };
                if based.peek().is_none() {
                    // nothing else needs the base: chains are long, and mostly do not branch
                    held = held.saturating_sub(object.bytes.len());
                    open.pop();
                }
                each(self, &next);
                held = held.saturating_add(next.bytes.len());
                open.push((pack.based_on(&next), next));
            }
        }
    }

    /// Hands out one object.
    #[expect(clippy::too_many_arguments, reason = "an object and its place, taken apart")]
    fn object(
        &mut self,
        kind: u8,
        bytes: &[u8],
        id: &str,
        name: Option<&[u8]>,
        fresh: Option<&[Range<usize>]>,
        place: &Place,
        depth: usize,
    ) {
        if kind == TREE || !self.count(place) {
            return;
        }
        let mut inside = match name {
            Some(name) => place.member(&[id.as_bytes(), b"/", name].concat()),
            None => place.member(id.as_bytes()),
        };
        if name.is_none() {
            // what it is called is not known; messages are for people
            inside.sort = Some(if kind == BLOB { Kind::Source } else { Kind::Other });
        }
        match fresh {
            Some(fresh) if super::sniff(bytes).is_none() => self.parts(bytes, fresh, &inside),
            _ => self.content(bytes, &inside, depth),
        }
    }

    /// Hands out the parts of an object that its base had not.
    fn parts(&mut self, bytes: &[u8], fresh: &[Range<usize>], place: &Place) {
        let mut merged: Vec<Range<usize>> = Vec::new();
        for part in fresh {
            let part = part.start.saturating_sub(ROUND)..part.end.saturating_add(ROUND).min(bytes.len());
            match merged.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => merged.push(part),
            }
        }
        let (shown, kind) = (place.shown(), place.kind());
        let (mut lines_before, mut counted) = (0_u64, 0);
        for part in merged {
            let passed = bytes.get(counted..part.start).unwrap_or_default();
            lines_before = lines_before.saturating_add(memchr::memchr_iter(b'\n', passed).count() as u64);
            counted = part.start;
            (self.take)(&super::Member {
                inside: &shown,
                kind,
                bytes: bytes.get(part.clone()).unwrap_or_default(),
                offset: part.start as u64,
                lines_before,
                overlap: 0,
                is_last: true,
            });
        }
    }
}

/// Kind and content of a loose object: `blob 12`, a NUL, twelve bytes.
fn loose(content: &[u8]) -> Option<(u8, &[u8])> {
    let end = memchr::memchr(0, content.get(..32).unwrap_or(content))?;
    let (head, rest) = content.split_at_checked(end)?;
    let mut words = head.split(|b| *b == b' ');
    let kind = match words.next()? {
        b"commit" => COMMIT,
        b"tree" => TREE,
        b"blob" => BLOB,
        b"tag" => TAG,
        _ => return None,
    };
    words.next()?.iter().all(u8::is_ascii_digit).then(|| (kind, rest.get(1..).unwrap_or_default()))
}

fn object_id(kind: u8, bytes: &[u8]) -> [u8; 20] {
    let word = match kind {
        COMMIT => "commit",
        TREE => "tree",
        TAG => "tag",
        _ => "blob",
    };
    sha1(&[format!("{word} {}\0", bytes.len()).as_bytes(), bytes].concat())
}

/// Kind and size of the packed object at `at`, and where what follows the header is.
fn object_header(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let first = *bytes.get(at)?;
    let mut at = at.checked_add(1)?;
    let mut size = usize::from(first & 15);
    let (mut shift, mut byte) = (4_u32, first);
    while byte & 0x80 != 0 {
        byte = *bytes.get(at)?;
        at = at.checked_add(1)?;
        size |= usize::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 60)?;
        shift = shift.checked_add(7)?;
    }
    Some(((first >> 4) & 7, size, at))
}

/// How far back the base begins.
fn offset(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut at = at;
    let mut byte = *bytes.get(at)?;
    let mut offset = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        at = at.checked_add(1)?;
        byte = *bytes.get(at)?;
        offset = offset.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some((offset, at.checked_add(1)?))
}

/// What a difference makes of `base`, at most `room` bytes, and which parts of it are not of the base.
fn apply(base: &[u8], delta: &[u8], room: usize) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let mut rest = delta;
    if size(&mut rest)? != base.len() {
        return None;
    }
    let length = size(&mut rest).filter(|length| *length <= room)?;
    let mut out: Vec<u8> = Vec::with_capacity(length.min(base.len().saturating_add(delta.len())));
    let mut fresh: Vec<Range<usize>> = Vec::new();
    while let Some((order, after)) = rest.split_first() {
        rest = after;
        if order & 0x80 == 0 {
            let part = rest.split_off(..usize::from(*order)).filter(|part| !part.is_empty())?;
            let start = out.len();
            out.extend_from_slice(part);
            fresh.push(start..out.len());
        } else {
            let mut number = |bits: Range<u32>| -> Option<usize> {
                let mut number = 0;
                for (place, bit) in bits.enumerate() {
                    if order & (1 << bit) != 0 {
                        let (byte, after) = rest.split_first()?;
                        rest = after;
                        number |= usize::from(*byte) << (place.wrapping_mul(8) & 31);
                    }
                }
                Some(number)
            };
            let from = number(0..4)?;
            let count = match number(4..7)? {
                0 => 0x1_0000,
                count => count,
            };
            if out.len().saturating_add(count) > length {
                return None;
            }
            // where two parts of the base meet, something may be new as well
            if !out.is_empty() || from > 0 {
                fresh.push(out.len()..out.len());
            }
            out.extend_from_slice(base.get(from..from.checked_add(count)?)?);
        }
    }
    (out.len() == length).then_some((out, fresh))
}

/// A number of seven bits a byte, the lowest first.
fn size(rest: &mut &[u8]) -> Option<usize> {
    let (mut size, mut shift) = (0, 0_u32);
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        size |= usize::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 60)?;
        if byte & 0x80 == 0 {
            return Some(size);
        }
        shift = shift.checked_add(7)?;
    }
}

/// Takes the names of files from a tree: mode, blank, name, NUL, id.
fn read_tree(tree: &[u8], names: &mut HashMap<[u8; 20], Vec<u8>>) {
    let mut rest = tree;
    while let Some(end) = memchr::memchr(0, rest) {
        let entry = rest.get(..end).unwrap_or_default();
        let after = rest.get(end.saturating_add(1)..).unwrap_or_default();
        let Some((id, after)) = after.split_first_chunk::<20>() else { return };
        rest = after;
        let name = entry.splitn(2, |b| *b == b' ').nth(1).unwrap_or_default();
        if entry.starts_with(b"100") && name.len() <= NAME && names.len() < NAMES {
            names.entry(*id).or_insert_with(|| name.to_vec());
        }
    }
}

//! Whether a layer that was written anew is what its edits say, member for member.
//!
//! The rebuild copies raw blocks; this reads the new layer with the reader of the pass and carries the edits out on what that
//! reader says of the old one, so that a mistake of the one is not repeated by the other. What no edit touches must be the same to
//! the bit, headers and padding included. The old layer is read once more only where an edit changes content, or where a name
//! gets content that was not marked when the layer was copied.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::Read as _;

use crate::digest::{Algorithm, Digest, Hasher, HashingReader};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::Blob;
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::pass::LayerFacts;
use crate::pass::decode;
use crate::pass::tar::{Mark, TarReader};
use crate::path::ImagePath;
use crate::rebuild::{Edit, Span};
use crate::tree::{FileEntry, FileKind};

mod top;

pub(super) use top::on_top;

/// Largest file whose lines change, in bytes.
const LARGEST_LINES: u64 = 16 << 20;

/// Names that a rewritten layer leaves out: indices of its members for engines that load them lazily.
pub(super) const TABLES: [&[u8]; 3] = [b"stargz.index.json", b".prefetch.landmark", b".no.prefetch.landmark"];

/// One member as it was read.
#[derive(Debug, Clone)]
struct Seen {
    entry: FileEntry,
    /// Of its headers, with those before it that stand for several members, and of what is stored of its content, unless that
    /// was read for itself.
    mark: Mark,
    /// Of its content with the edits carried out, where there are any.
    content: Option<(Digest, u64)>,
}

impl Seen {
    /// Whether both are the same to the bit.
    fn is(&self, other: &Self) -> bool {
        self.mark.stored.is_some() && self.entry == other.entry && self.mark == other.mark
    }
}

/// What comes of comparing a layer with what its edits make of the old one.
pub(super) struct Compared {
    /// What differs, each a sentence without a full stop; nothing if all is as planned.
    pub(super) differences: Vec<String>,
    /// What was read of the layer, as a pass tells it, without what collectors learn.
    pub(super) read: LayerFacts,
    /// The digest of the old layer, as it was read.
    pub(super) of: Option<Digest>,
    /// For each of its members the one of the old layer that it is to the bit, where all are one.
    pub(super) kept: Option<Vec<u32>>,
}

/// Edits of one member.
#[derive(Debug, Default)]
struct Changes<'a> {
    is_dropped: bool,
    is_emptied: bool,
    blanked: Vec<Span>,
    locked: Vec<&'a str>,
    /// Lines that come to its end.
    appended: Vec<&'a str>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Changes<'_> {
    fn has_content(&self) -> bool {
        self.is_emptied || !self.blanked.is_empty() || self.has_lines()
    }

    /// Whether its lines change, for which it is held whole.
    fn has_lines(&self) -> bool {
        !self.locked.is_empty() || !self.appended.is_empty()
    }
}

/// What becomes of each member of a layer.
fn gather<'a>(edits: &[&'a Edit]) -> BTreeMap<u32, Changes<'a>> {
    let mut changes: BTreeMap<u32, Changes<'_>> = BTreeMap::new();
    for edit in edits {
        let Some(member) = edit.member() else { continue };
        let own = changes.entry(member.member).or_default();
        match edit {
            Edit::DropMember { .. } => own.is_dropped = true,
            Edit::BlankBytes { spans, .. } => own.blanked.extend(spans),
            Edit::Truncate { .. } => own.is_emptied = true,
            Edit::LockPassword { user, .. } => own.locked.push(user),
            Edit::SetHeader { mode, uid, gid, .. } => {
                (own.mode, own.uid, own.gid) = (mode.or(own.mode), uid.or(own.uid), gid.or(own.gid));
            }
            _ => {}
        }
    }
    changes
}

/// What is known of a layer as it was, which need not be read once more: its members by the scan, their marks by the reader that
/// the rebuild copied from.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Of the blob, as it was read.
    pub(super) digest: &'a Digest,
    pub(super) entries: &'a [FileEntry],
    pub(super) marks: &'a [Mark],
}

impl Known<'_> {
    /// All members, if each of them has a mark.
    fn members(&self) -> Option<Vec<Seen>> {
        let of = |(entry, mark): (&FileEntry, &Mark)| Seen { entry: entry.clone(), mark: mark.clone(), content: None };
        (self.entries.len() == self.marks.len()).then(|| self.entries.iter().zip(self.marks).map(of).collect())
    }
}

/// Compares the layer `after` with what `edits` make of the layer `before`, of which something may be known.
pub(super) fn layer(
    before: &dyn Blob,
    known: Option<Known<'_>>,
    after: &dyn Blob,
    edits: &[&Edit],
    limits: &Limits,
) -> Result<Compared> {
    let changes = gather(edits);
    let known = known.filter(|_| !changes.values().any(Changes::has_content)).and_then(|known| {
        let old = known.members()?;
        let expected = expected(&old, &changes);
        // of a member that goes, the content need not have been marked, and another name of it may get it
        let is_enough = expected.iter().all(|wanted| wanted.seen.mark.stored.is_some());
        is_enough.then(|| (old, Some(known.digest.clone()), expected))
    });
    let (old, of, expected) = if let Some(known) = known {
        known
    } else {
        let mut edited = |member| changes.get(&member).filter(|changes| changes.has_content());
        let (old, read) = read(before, limits, &mut edited)?;
        let expected = expected(&old, &changes);
        (old, read.digest, expected)
    };
    // where the content was edited, that of the output is compared as it is
    let edited: BTreeSet<u32> =
        (0_u32..).zip(&expected).filter(|(_, wanted)| wanted.seen.content.is_some()).map(|(place, _)| place).collect();
    let as_it_is = Changes::default();
    let (new, read) = read(after, limits, &mut |member| edited.contains(&member).then_some(&as_it_is))?;
    let mut differences = Vec::new();
    if new.len() != expected.len() {
        differences.push(format!("it has {} members where {} are expected", new.len(), expected.len()));
    }
    let mut holders: HashMap<&ImagePath, usize> = HashMap::new();
    for (place, (new, wanted)) in new.iter().zip(&expected).enumerate() {
        let path = &wanted.seen.entry.path;
        let holder_of = |entry: &FileEntry| match &entry.kind {
            FileKind::HardLink(target) => holders.get(target).copied(),
            _ => None,
        };
        let (own, planned) = (holder_of(&new.entry), holder_of(&wanted.seen.entry));
        // which of its names a link is to does not matter where it had to change
        let is_same_file = !wanted.keeps_headers && own.is_some() && own == planned;
        if let Some(what) = difference(new, wanted, is_same_file) {
            differences.push(format!("`{}` has {what}", escape(path.to_string())));
        }
        holders.insert(path, planned.unwrap_or(place));
    }
    let mut olds = (0_u32..).zip(&old);
    let kept = new.iter().map(|new| olds.find(|(_, old)| old.is(new)).map(|(member, _)| member)).collect();
    drop(holders);
    let entries = new.into_iter().map(|seen| seen.entry).collect();
    Ok(Compared { differences, of, kept, read: LayerFacts { entries, ..read } })
}

/// A member that must be there.
struct Wanted {
    seen: Seen,
    /// Whether the headers must be the same to the bit.
    keeps_headers: bool,
}

fn difference(new: &Seen, wanted: &Wanted, is_same_file: bool) -> Option<&'static str> {
    let (a, b) = (&new.entry, &wanted.seen.entry);
    let fields = [
        (a.path != b.path, "another name in its place"),
        (a.kind != b.kind && !is_same_file, "another type or target"),
        (a.mode != b.mode, "another mode"),
        ((a.uid, a.gid) != (b.uid, b.gid), "another owner"),
        (a.mtime != b.mtime, "another time"),
        (a.size != b.size, "another size"),
        (a.capabilities != b.capabilities, "other capabilities"),
        (a.has_attributes != b.has_attributes, "other extended attributes"),
        (wanted.keeps_headers && new.mark.head != wanted.seen.mark.head, "other bytes in its headers"),
        (
            match &wanted.seen.content {
                Some(content) => new.content.as_ref() != Some(content),
                None => new.mark.stored != wanted.seen.mark.stored,
            },
            "other content",
        ),
    ];
    fields.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what)
}

/// The members that the edits leave, in order.
fn expected(old: &[Seen], changes: &BTreeMap<u32, Changes<'_>>) -> Vec<Wanted> {
    // the member that holds the bytes of each name, as of the point in the stream
    let mut holders: HashMap<&ImagePath, usize> = HashMap::new();
    // the last member of each name, whatever became of it
    let mut latest: HashMap<&ImagePath, usize> = HashMap::new();
    // names that stay of a file that goes, each with its member; the first that still is one has its bytes
    let mut moved: HashMap<usize, VecDeque<(&ImagePath, usize)>> = HashMap::new();
    let mut wanted = Vec::with_capacity(old.len());
    // headers that stand for several members stay when the member behind them goes, and come before the next
    let mut has_gap = false;
    for (place, seen) in old.iter().enumerate() {
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        let own = changes.get(&number);
        let path = &seen.entry.path;
        let holder = match &seen.entry.kind {
            // nobody unpacks a whiteout as a name of a file
            FileKind::HardLink(target) if !seen.entry.is_marker() => holders.get(target).copied(),
            _ => None,
        };
        let target = match &seen.entry.kind {
            FileKind::HardLink(target) => latest.get(target).copied(),
            _ => None,
        };
        latest.insert(path, place);
        if !seen.entry.is_marker() {
            holders.insert(path, holder.unwrap_or(place));
        }
        if own.is_some_and(|own| own.is_dropped) || TABLES.contains(&path.as_bytes()) {
            has_gap = true;
            continue;
        }
        let mut seen = seen.clone();
        let mut keeps_headers = !has_gap && own.is_none();
        has_gap = false;
        let is_gone = |place: usize| {
            u32::try_from(place).ok().and_then(|number| changes.get(&number)).is_some_and(|own| own.is_dropped)
        };
        if let Some((holder, FileKind::HardLink(name))) = holder.zip(Some(&seen.entry.kind)) {
            if is_gone(holder) {
                keeps_headers = false;
                let names = moved.entry(holder).or_default();
                // what came later may have taken a name
                while names.front().is_some_and(|(name, place)| latest.get(name) != Some(place)) {
                    names.pop_front();
                }
                if let Some((first, _)) = names.front() {
                    seen.entry.kind = FileKind::HardLink((*first).clone());
                } else if let Some(file) = old.get(holder) {
                    seen = Seen { entry: FileEntry { path: path.clone(), ..file.entry.clone() }, ..file.clone() };
                }
                names.push_back((path, place));
            } else if holders.get(name) != Some(&holder) || target.is_some_and(is_gone) {
                // a link between it and the file went
                keeps_headers = false;
                if let Some(file) = old.get(holder) {
                    seen.entry.kind = FileKind::HardLink(file.entry.path.clone());
                }
            }
            // a header is one for all names of a file
            if let Some(of_file) = u32::try_from(holder).ok().and_then(|number| changes.get(&number)) {
                keeps_headers &= of_file.mode.is_none() && of_file.uid.is_none() && of_file.gid.is_none();
                set_header(&mut seen.entry, of_file);
            }
        }
        if let Some(own) = own {
            set_header(&mut seen.entry, own);
            if let Some((_, size)) = &seen.content {
                seen.entry.size = *size;
            }
        }
        wanted.push(Wanted { seen, keeps_headers });
    }
    wanted
}

fn set_header(entry: &mut FileEntry, changes: &Changes<'_>) {
    entry.mode = changes.mode.unwrap_or(entry.mode);
    entry.uid = changes.uid.unwrap_or(entry.uid);
    entry.gid = changes.gid.unwrap_or(entry.gid);
}

/// Reads all members of a layer, and its digests. `changes` gives the edits of a member whose content is read for itself.
fn read<'c>(
    blob: &dyn Blob,
    limits: &Limits,
    changes: &mut dyn FnMut(u32) -> Option<&'c Changes<'c>>,
) -> Result<(Vec<Seen>, LayerFacts)> {
    let wrong = |what: String| Error::new(ErrorKind::Malformed, format!("a layer cannot be read: {what}"));
    let mut blob = HashingReader::new(blob.open()?, Algorithm::Sha256);
    let decoder = decode::open(&mut blob, limits).map_err(|e| wrong(e.to_string()))?;
    let compression = Some(decoder.compression());
    let mut tar = HashingReader::new(decoder, Algorithm::Sha256);
    let mut members = TarReader::new(&mut tar, limits);
    members.keep_marks();
    let mut read = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Some(entry) = members.next().map_err(|e| wrong(e.to_string()))? {
        if read.len() as u64 >= limits.entries {
            return Err(Error::limit(format!("a layer has more than {} members", limits.entries)));
        }
        let own = changes(u32::try_from(read.len()).unwrap_or(u32::MAX));
        let mut content = own.filter(|_| entry.is_file()).map(Editing::new);
        if let Some(content) = &mut content {
            loop {
                let count = members.read(&mut buffer).map_err(|e| wrong(e.to_string()))?;
                let Some(bytes) = buffer.get_mut(..count).filter(|bytes| !bytes.is_empty()) else { break };
                content.feed(bytes)?;
            }
        } else {
            loop {
                let count = members.fill_raw().map_err(|e| wrong(e.to_string()))?.len();
                if count == 0 {
                    break;
                }
                members.consume_raw(count);
            }
        }
        read.push((entry, content.map(Editing::finish)));
    }
    let marks = members.take_marks();
    let seen = read.into_iter().zip(marks).map(|((entry, content), mark)| Seen { entry, mark, content }).collect();
    let finished = members.finish();
    if let Some(error) = finished.error {
        return Err(wrong(error.to_string()));
    }
    let odd = finished.anomalies.into_iter().map(|one| Limitation::note(one.code, "", one.what));
    let limitations = odd.collect();
    let (diff_id, expanded) = tar.finish();
    // what follows the compressed data belongs to the blob's digest too
    let (digest, stored) = blob.finish_all().map_err(|e| wrong(e.to_string()))?;
    let (digest, diff_id) = (Some(digest), Some(diff_id));
    Ok((seen, LayerFacts { digest, diff_id, compression, stored, expanded, limitations, ..LayerFacts::default() }))
}

/// Carries the edits of one file's content out while it is read.
struct Editing<'c> {
    changes: &'c Changes<'c>,
    at: u64,
    hasher: Hasher,
    size: u64,
    held: Vec<u8>,
}

impl<'c> Editing<'c> {
    fn new(changes: &'c Changes<'c>) -> Self {
        Self { changes, at: 0, hasher: Hasher::new(Algorithm::Sha256), size: 0, held: Vec::new() }
    }

    fn feed(&mut self, bytes: &mut [u8]) -> Result<()> {
        let start = self.at;
        let count = bytes.len() as u64;
        self.at = start.saturating_add(count);
        if self.changes.is_emptied {
            return Ok(());
        }
        for span in &self.changes.blanked {
            let from = span.offset.max(start).saturating_sub(start).min(count);
            let to = span.offset.saturating_add(span.length).max(start).saturating_sub(start).min(count);
            let part = usize::try_from(from).ok().zip(usize::try_from(to).ok());
            if let Some(part) = part.and_then(|(from, to)| bytes.get_mut(from..to)) {
                part.fill(b'*');
            }
        }
        if !self.changes.has_lines() {
            self.hasher.update(bytes);
            self.size = self.at;
        } else if self.at > LARGEST_LINES {
            return Err(Error::limit("a file of lines is too large to be compared"));
        } else {
            self.held.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finish(mut self) -> (Digest, u64) {
        if self.changes.has_lines() {
            let mut lines: Vec<Vec<u8>> = self.held.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            for line in &mut lines {
                let mut fields = line.splitn(3, |byte| *byte == b':');
                let (Some(name), Some(b""), Some(rest)) = (fields.next(), fields.next(), fields.next()) else {
                    continue;
                };
                if self.changes.locked.iter().any(|user| user.as_bytes() == name) {
                    *line = [name, b":!:", rest].concat();
                }
            }
            let mut text = lines.join(&b'\n');
            for line in &self.changes.appended {
                let is_ended = text.last().is_none_or(|last| *last == b'\n');
                text.extend_from_slice(if is_ended { b"" } else { b"\n" });
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
            }
            self.hasher.update(&text);
            self.size = text.len() as u64;
        }
        (self.hasher.finish(), self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rebuild::layer::testing::{Archive, Raw as Header};
    use crate::rebuild::{Encoding, Member, layer as rewriting};

    fn before() -> Archive {
        Archive::default()
            .folder("etc/")
            .file("etc/shadow", b"root::1:\nweb:x:1:\n")
            .file("srv/.env", b"A=1\nTOKEN=abcdefgh\n")
            .hard("srv/copy", "srv/.env")
            .hard("srv/again", "./srv/copy")
            .pax(b'x', &[("SCHILY.xattr.user.a", "b")])
            .file("srv/other", b"other")
            .raw(Header::new(b'0', "bin/su", 2).ids(0o4755, 0, 0), b"su")
    }

    fn member(number: u32, path: &str) -> Member {
        Member { layer: 0, member: number, path: path.into() }
    }

    fn layer(before: &Vec<u8>, after: &Vec<u8>, edits: &[&Edit]) -> Result<Compared> {
        super::layer(before, None, after, edits, &Limits::default())
    }

    fn differences(after: &[u8], edits: &[Edit]) -> Vec<String> {
        let edits: Vec<&Edit> = edits.iter().collect();
        layer(&before().end(), &after.to_vec(), &edits).expect("both can be read").differences
    }

    fn header(number: u32, path: &str, mode: u32) -> Edit {
        Edit::SetHeader { member: member(number, path), mode: Some(mode), uid: None, gid: Some(7) }
    }

    fn drop(number: u32, path: &str) -> Edit {
        Edit::DropMember { member: member(number, path), secrets: Vec::new(), inside: Vec::new() }
    }

    fn cases() -> Vec<Vec<Edit>> {
        vec![
            vec![],
            vec![drop(5, "/srv/other")],
            vec![drop(2, "/srv/.env")],
            vec![drop(3, "/srv/copy")],
            vec![drop(2, "/srv/.env"), drop(3, "/srv/copy")],
            vec![drop(2, "/srv/.env"), drop(3, "/srv/copy"), drop(4, "/srv/again")],
            vec![header(6, "/bin/su", 0o755)],
            vec![header(2, "/srv/.env", 0o600)],
            vec![Edit::Truncate { member: member(5, "/srv/other") }],
            vec![Edit::BlankBytes { member: member(2, "/srv/.env"), spans: vec![Span { offset: 10, length: 8 }] }],
            vec![Edit::LockPassword { member: member(1, "/etc/shadow"), user: "root".into() }],
        ]
    }

    #[test]
    fn what_the_rebuild_writes_is_what_is_expected() {
        for edits in cases() {
            let mut after = Vec::new();
            let of: Vec<&Edit> = edits.iter().collect();
            rewriting::rewrite(&before().end(), &of, Encoding::None, &Limits::default(), &mut after).expect("written");
            assert_eq!(differences(&after, &edits), Vec::<String>::new(), "{edits:?}");
            // the layer as it was is not what any edit asks for
            let untouched = differences(&before().end(), &edits);
            assert_eq!(untouched.is_empty(), edits.is_empty(), "{edits:?}: {untouched:?}");
        }
    }

    #[test]
    fn what_was_known_of_the_layer_gives_the_same_answer() {
        let (old, limits) = (before().end(), Limits::default());
        // what cannot be read shows whether it was read
        let nothing = vec![b'?'; 1_024];
        for edits in cases() {
            let of: Vec<&Edit> = edits.iter().collect();
            let mut after = Vec::new();
            let rewritten = rewriting::rewrite(&old, &of, Encoding::None, &limits, &mut after).expect("written");
            let (seen, facts) = read(&old, &limits, &mut |_| None).expect("it can be read");
            let (digest, entries) =
                (facts.digest.expect("read"), seen.into_iter().map(|seen| seen.entry).collect::<Vec<_>>());
            let known = Known { digest: &digest, entries: &entries, marks: &rewritten.marks };
            let wrong = [&after[..1_324], b"x", &after[1_325..]].concat();
            for after in [after, wrong] {
                let told = super::layer(&old, Some(known), &after, &of, &limits).expect("both can be read");
                let read = layer(&old, &after, &of).expect("both can be read");
                assert_eq!((told.differences, told.kept, told.of), (read.differences, read.kept, read.of), "{edits:?}");
            }
            let is_read_anew = super::layer(&nothing, Some(known), &old, &of, &limits).is_err();
            let needs_more = edits.iter().any(|edit| !matches!(edit, Edit::DropMember { .. } | Edit::SetHeader { .. }));
            assert_eq!(is_read_anew, needs_more, "{edits:?}");
        }
    }

    #[test]
    fn the_name_that_got_the_content_may_be_taken_by_something_else() {
        let before = Archive::default()
            .file("opt/file", b"file")
            .hard("opt/one", "opt/file")
            .file("opt/one", b"one")
            .hard("opt/two", "opt/file")
            .hard("opt/three", "opt/file")
            .end();
        let edit = drop(0, "/opt/file");
        let mut after = Vec::new();
        rewriting::rewrite(&before, &[&edit], Encoding::None, &Limits::default(), &mut after).expect("written");
        let found = layer(&before, &after, &[&edit]).expect("both can be read");
        assert_eq!((found.differences, found.kept), (Vec::<String>::new(), None));
    }

    #[test]
    fn members_that_stayed_are_told_where_all_did() {
        for (edits, kept) in [
            (vec![], Some(vec![0, 1, 2, 3, 4, 5, 6])),
            (vec![drop(5, "/srv/other")], Some(vec![0, 1, 2, 3, 4, 6])),
            (vec![drop(2, "/srv/.env"), drop(3, "/srv/copy"), drop(4, "/srv/again")], Some(vec![0, 1, 5, 6])),
            (vec![drop(2, "/srv/.env")], None),
            (vec![header(6, "/bin/su", 0o755)], None),
            (vec![Edit::Truncate { member: member(5, "/srv/other") }], None),
        ] {
            let (mut after, of) = (Vec::new(), edits.iter().collect::<Vec<&Edit>>());
            let encoding = Encoding::Gzip { level: 6 };
            let told =
                rewriting::rewrite(&before().end(), &of, encoding, &Limits::default(), &mut after).expect("written");
            let found = layer(&before().end(), &after, &of).expect("both can be read");
            assert_eq!((found.differences, found.kept), (vec![], kept), "{edits:?}");
            let read = found.read;
            assert_eq!((read.digest, read.diff_id), (Some(told.digest), Some(told.diff_id)));
            assert_eq!((read.stored, read.expanded, read.limitations), (told.size, told.expanded, vec![]));
        }
    }

    #[test]
    fn each_way_to_be_wrong_is_told() {
        let with = |change: fn(Archive) -> Archive| change(Archive::default().folder("etc/")).end();
        let whole = before().end();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let place = |text: &[u8]| memchr::memmem::rfind(&whole, text).expect("there");
        let more = before().file("new", b"").end();
        let other_mode = before().0.len() - 1024;
        let mut opened = whole.clone();
        let changed = Archive::default().raw(Header::new(b'0', "bin/su", 2).ids(0o755, 0, 0), b"su").0;
        opened[other_mode..other_mode + 1024].copy_from_slice(&changed);
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("a byte of a file", flipped(place(b"other\0")), "`/srv/other` has other content"),
            ("a byte of padding", flipped(place(b"other\0") + 300), "`/srv/other` has other content"),
            ("an extended attribute", flipped(place(b"user.a=b") + 7), "`/srv/other` has other bytes in its headers"),
            ("a mode", opened, "`/bin/su` has another mode"),
            ("a member more", more, "it has 8 members where 7 are expected"),
            ("members fewer", with(|archive| archive), "it has 1 members where 7 are expected"),
        ];
        for (what, after, expected) in cases {
            assert_eq!(differences(&after, &[]), [expected], "{what}");
        }
        assert!(layer(&whole, &whole[..700].to_vec(), &[]).is_err(), "a layer that is cut");
    }
}

//! The copy itself: member after member, each left out, copied as it is, or changed.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::io::Read;

use super::again::Again;
use super::content::{Collector, MOST_EXCISED, blank, lock_password};
use super::header::{Fields, Made};
use super::links::{Inode, Links};
use super::plan::{Planned, check_path};
use super::{Followed, How, Told, unreadable, unreadable_tar};
use crate::error::{Error, Result};
use crate::escape::escape;
use crate::image::Blob;
use crate::limit::Limits;
use crate::pass::tar::{BLOCK, Head, Part, TarReader};
use crate::path::ImagePath;
use crate::rebuild::Notice;
use crate::rebuild::encode::{Encoded, Encoder};
use crate::size::ByteSize;
use crate::tree::{FileEntry, FileKind};

/// What lazy snapshotters put into a layer: a table of where each member begins, and marks of what to
/// fetch first (stargz-snapshotter, docs/estargz.md). They are wrong once anything moves.
const TABLES: [&[u8]; 3] = [b"stargz.index.json", b".prefetch.landmark", b".no.prefetch.landmark"];

/// Header and content of a dropped file up to this size are held for a link that may take its place.
const SMALL: u64 = 64 * 1024;

/// Of all of them together.
const MOST_KEPT: usize = 16 * 1024 * 1024;

/// What may stand between members before one that stays.
const MOST_BETWEEN: usize = 16 * 1024 * 1024;

/// Largest file in which a password is locked.
const MOST_LOCKED: u64 = 16 * 1024 * 1024;

/// A copy at work.
pub(super) struct Copying<'a> {
    encoder: Encoder<'a>,
    planned: BTreeMap<u32, Planned>,
    links: Links,
    again: Again<'a>,
    /// What stood between dropped members and waits for one that stays.
    between: Vec<u8>,
    /// Bytes held for links.
    kept: usize,
    /// Bytes that may still be taken out.
    room: u64,
    told: Told,
}

impl<'a> Copying<'a> {
    pub(super) fn new(
        planned: BTreeMap<u32, Planned>,
        blob: &'a dyn Blob,
        limits: &'a Limits,
        encoder: Encoder<'a>,
    ) -> Self {
        let dropped = planned.values().filter(|planned| planned.drop);
        Self {
            links: Links::watching(dropped.map(|planned| planned.path.as_str())),
            encoder,
            planned,
            again: Again::new(blob, limits),
            between: Vec::new(),
            kept: 0,
            room: MOST_EXCISED,
            told: Told::default(),
        }
    }

    /// Copies all members.
    pub(super) fn all<R: Read>(&mut self, members: &mut TarReader<R>) -> Result<()> {
        let mut index = 0_u32;
        while let Some(entry) = members.next().map_err(|error| unreadable_tar(&error))? {
            let path = entry.path.clone();
            self.member(index, &entry, members).map_err(|error| error.at(path.to_string()))?;
            index = index.saturating_add(1);
        }
        if let Some((beyond, planned)) = self.planned.first_key_value() {
            let what =
                format!("the edits belong to another image: the layer has {index} members, not {beyond} and more");
            return Err(Error::malformed(what).at(escape(&planned.path)));
        }
        self.encoder.skip_to(u64::MAX);
        let Some(head) = members.head() else { return Ok(()) };
        // a global header at the end is about nothing, and Python's `tarfile` refuses such an archive
        let is_header = |part: Part| matches!(part, Part::Global | Part::Records | Part::LongName | Part::LongLink);
        if head.pieces().any(|piece| is_header(piece.part)) {
            let what = "an extended header without a member is left out";
            self.told.notices.push(Notice::new("orphan-extension-dropped", "", what));
        }
        Ok(())
    }

    /// Ends the archive: two blocks of zeros, and nothing else where no member is left.
    pub(super) fn finish(mut self) -> Result<(Encoded, Told)> {
        self.encoder.write(&[0; 2 * BLOCK])?;
        Ok((self.encoder.finish()?, self.told))
    }

    fn member<R: Read>(&mut self, index: u32, entry: &FileEntry, members: &mut TarReader<R>) -> Result<()> {
        let planned = self.planned.remove(&index);
        if let Some(planned) = &planned {
            check_path(index, &entry.path, &planned.path)?;
        }
        let planned = planned.unwrap_or_default();
        if entry.is_file() && TABLES.contains(&entry.path.as_bytes()) {
            let what = "a table of the layer's members for lazy pulling is left out: it would be wrong";
            self.told.notices.push(Notice::new("toc-dropped", entry.path.to_string(), what));
        } else if !planned.drop {
            return self.keep(index, entry, &planned, members);
        }
        self.drop(index, entry, &planned, members)
    }

    fn drop<R: Read>(
        &mut self,
        index: u32,
        entry: &FileEntry,
        planned: &Planned,
        members: &mut TarReader<R>,
    ) -> Result<()> {
        self.told.dropped = self.told.dropped.saturating_add(1);
        self.encoder.skip_to(members.offset().saturating_add(members.stored()));
        let is_secret = !planned.excise.is_empty();
        if let Some(head) = members.head() {
            self.hold_between(head)?;
        }
        if is_secret {
            let mut collector = Collector::new(&planned.excise, entry.size, &mut self.room)?;
            collector.read(members)?;
            self.told.excised.extend(collector.into_excised());
        }
        match &entry.kind {
            FileKind::HardLink(target) if *target == entry.path => {}
            FileKind::HardLink(target) => {
                let known = self.links.find(target);
                self.links.place(&entry.path, false);
                let known = known.unwrap_or_else(|| {
                    let file = self.links.add(target, Inode::default());
                    self.links.add_live(target, target.as_bytes(), file);
                    file
                });
                self.links.add_lost(&entry.path, known);
            }
            kind => {
                let is_folder = *kind == FileKind::Directory;
                self.links.place(&entry.path, is_folder);
                if !is_folder && !entry.is_marker() {
                    let kept = if is_secret { None } else { self.hold(members)? };
                    let source = Some(index);
                    self.links.add(&entry.path, Inode { source, is_secret, kept, ..Inode::default() });
                }
            }
        }
        Ok(())
    }

    /// Header and content of the current member, if they are small.
    fn hold<R: Read>(&mut self, members: &mut TarReader<R>) -> Result<Option<(Made, Vec<u8>)>> {
        let Some(made) = members.head().map(Made::of) else { return Ok(None) };
        let stored = members.stored();
        let size = made.length().saturating_add(usize::try_from(stored).unwrap_or(usize::MAX));
        if size as u64 > SMALL || self.kept.saturating_add(size) > MOST_KEPT {
            return Ok(None);
        }
        self.kept = self.kept.saturating_add(size);
        let mut content = Vec::new();
        copy_raw(members, |bytes, _| {
            content.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(Some((made, content)))
    }

    fn keep<R: Read>(
        &mut self,
        index: u32,
        entry: &FileEntry,
        planned: &Planned,
        members: &mut TarReader<R>,
    ) -> Result<()> {
        let Some(head) = members.head() else { return Ok(()) };
        if planned.needs_file() {
            if entry.kind != FileKind::File {
                return Err(Error::malformed("the content of what is no regular file cannot be changed"));
            }
            if head.is_sparse() && !planned.truncate {
                return Err(Error::malformed("the content of a sparse file cannot be changed, only dropped"));
            }
        }
        let between = std::mem::take(&mut self.between);
        self.encoder.write(&between)?;
        match &entry.kind {
            // nobody unpacks a whiteout as a name of a file
            FileKind::HardLink(target) if *target != entry.path && !entry.is_marker() => {
                return self.keep_link(index, entry, target, planned, members);
            }
            FileKind::HardLink(_) => {}
            kind => {
                let is_folder = *kind == FileKind::Directory;
                self.links.place(&entry.path, is_folder);
                if !is_folder && planned.fields != Fields::default() {
                    let file = self.links.add(&entry.path, Inode { fields: planned.fields, ..Inode::default() });
                    self.links.add_live(&entry.path, head.name(), file);
                }
            }
        }
        if !planned.needs_file() {
            let is_changed = self.write_head(head, members.offset(), &planned.fields)?;
            self.told.changed = self.told.changed.saturating_add(u64::from(is_changed));
            return copy_raw(members, |bytes, from| self.encoder.copy(bytes, from));
        }
        self.told.changed = self.told.changed.saturating_add(1);
        let mut made = Made::of(head);
        made.set_fields(&planned.fields)?;
        self.change_content(entry, planned, made, members)
    }

    fn change_content<R: Read>(
        &mut self,
        entry: &FileEntry,
        planned: &Planned,
        mut made: Made,
        members: &mut TarReader<R>,
    ) -> Result<()> {
        self.encoder.skip_to(members.offset().saturating_add(members.stored()));
        let mut collector = Collector::new(&planned.excise, entry.size, &mut self.room)?;
        if planned.truncate {
            collector.read(members)?;
            self.told.excised.extend(collector.into_excised());
            made.empty()?;
            return self.encoder.write(&made.bytes());
        }
        let mut at = 0_u64;
        if planned.lock.is_empty() {
            self.encoder.write(&made.bytes())?;
            copy_raw(members, |bytes, _| {
                let mut bytes = bytes.to_vec();
                collector.see(at, &bytes);
                blank(&planned.blank, at, &mut bytes);
                at = at.saturating_add(bytes.len() as u64);
                self.encoder.write(&bytes)
            })?;
            self.told.excised.extend(collector.into_excised());
            return Ok(());
        }
        if entry.size > MOST_LOCKED {
            return Err(Error::malformed(format!("a list of users of {} is too large", ByteSize(entry.size))));
        }
        let mut content = Vec::new();
        members.take(entry.size).read_to_end(&mut content).map_err(unreadable)?;
        collector.see(0, &content);
        self.told.excised.extend(collector.into_excised());
        blank(&planned.blank, 0, &mut content);
        for user in &planned.lock {
            content = lock_password(&content, user)
                .ok_or_else(|| Error::malformed(format!("`{}` has no empty password there", escape(user))))?;
        }
        made.set_size(content.len() as u64)?;
        self.encoder.write(&made.bytes())?;
        super::header::pad(&mut content);
        self.encoder.write(&content)
    }

    /// A hard link that stays.
    fn keep_link<R: Read>(
        &mut self,
        index: u32,
        entry: &FileEntry,
        target: &ImagePath,
        planned: &Planned,
        members: &TarReader<R>,
    ) -> Result<()> {
        let Some(head) = members.head() else { return Ok(()) };
        let found = self.links.find(target);
        if found.is_none() && self.links.may_be_dropped(target) {
            let what = format!("it is a hard link to {target}, which may be another name of a file that is dropped");
            return Err(Error::malformed(what).help("drop the link too, or keep the file"));
        }
        self.links.place(&entry.path, false);
        let is_live = self.links.is_live(target);
        let stored_name = head.name();
        let known = found.and_then(|found| Some((found, self.links.inode(found)?)));
        let Some((found, inode)) = known else {
            let is_changed = self.write_head(head, members.offset(), &planned.fields)?;
            self.told.changed = self.told.changed.saturating_add(u64::from(is_changed));
            return Ok(());
        };
        let fields = planned.fields.over(inode.fields);
        let mut made = Made::of(head);
        let mut how = How::Header;
        if is_live {
            made.set_fields(&fields)?;
            self.encoder.write(&made.bytes())?;
        } else if let Some(root) = inode.root() {
            how = How::Repointed;
            made.set_link(root)?;
            made.set_fields(&fields)?;
            self.encoder.write(&made.bytes())?;
        } else if let Some(source) = inode.source {
            if inode.is_secret {
                let what = format!("it is another name of {target}, which is dropped for a secret in it");
                return Err(Error::malformed(what).help("drop all names of the file"));
            }
            how = How::Became(source);
            self.encoder.write(made.between())?;
            // the link has the content from now on
            let kept = inode.kept.take();
            self.promote(source, kept, stored_name, &fields)?;
        } else {
            return Err(Error::malformed(format!("it is a hard link by way of {target}, which is dropped")));
        }
        let is_changed = how != How::Header || made.bytes() != head.bytes();
        if is_changed {
            self.told.changed = self.told.changed.saturating_add(1);
            if how != How::Header || fields != planned.fields {
                let path = entry.path.to_string();
                self.told.followed.push(Followed { member: index, path, how });
            }
        }
        self.links.add_live(&entry.path, stored_name, found);
        Ok(())
    }

    /// Writes a dropped member under another name.
    fn promote(&mut self, source: u32, kept: Option<(Made, Vec<u8>)>, name: &[u8], fields: &Fields) -> Result<()> {
        if let Some((mut made, content)) = kept {
            made.set_name(name)?;
            made.set_fields(fields)?;
            self.encoder.write(&made.own_bytes())?;
            return self.encoder.write(&content);
        }
        let (_, reader) = self.again.member(source)?;
        let Some(mut made) = reader.head().map(Made::of) else { return Ok(()) };
        made.set_name(name)?;
        made.set_fields(fields)?;
        self.encoder.write(&made.own_bytes())?;
        copy_raw(reader, |bytes, _| self.encoder.write(bytes))
    }

    /// Writes a head, which ends at the byte `end` of the input's tar, with these fields, and tells whether that changed it.
    fn write_head(&mut self, head: &Head, end: u64, fields: &Fields) -> Result<bool> {
        if *fields == Fields::default() {
            self.encoder.copy(head.bytes(), end.saturating_sub(head.bytes().len() as u64))?;
            return Ok(false);
        }
        let mut made = Made::of(head);
        made.set_fields(fields)?;
        let bytes = made.bytes();
        self.encoder.write(&bytes)?;
        Ok(bytes != head.bytes())
    }

    /// Holds what stands in a head and belongs to no member, until a member that stays comes.
    fn hold_between(&mut self, head: &Head) -> Result<()> {
        for piece in head.pieces().filter(|piece| matches!(piece.part, Part::Global | Part::Volume)) {
            self.between.extend_from_slice(piece.bytes);
        }
        if self.between.len() > MOST_BETWEEN {
            let what = format!("more than {} of global headers stand before one member", ByteSize(MOST_BETWEEN as u64));
            return Err(Error::limit(what));
        }
        Ok(())
    }
}

/// Hands out what is left of the current member, padding and all, and where it stands in the tar.
fn copy_raw<R: Read>(members: &mut TarReader<R>, mut take: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
    loop {
        let from = members.offset();
        let bytes = members.fill_raw().map_err(unreadable)?;
        let count = bytes.len();
        if count == 0 {
            return Ok(());
        }
        take(bytes, from)?;
        members.consume_raw(count);
    }
}

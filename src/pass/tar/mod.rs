//! Reads the members of one layer's tar: bounded, streaming, and never silent about what it could not read.
//!
//! Where tar readers disagree, this one does as Go's `archive/tar` does, by which the container
//! engines unpack layers, and leaves an [`Anomaly`]. A cut archive is never a clean end; the one cut
//! that cannot be told is between two members, since an end marker may be missing: only the blob's
//! digest or its compression shows that.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod anomaly;
mod header;
mod pax;
mod raw;
mod sparse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crate::limit::Limits;
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::{FileEntry, FileKind};

use super::buffer::Buffered;

use anomaly::Anomalies;
pub use anomaly::Anomaly;
pub use header::{BLOCK, BadNumber, Block, parse_number};
use header::{Flavour, Header};
use pax::Pax;
pub use pax::{KeyValue, records};
use raw::Marks;
pub use raw::{Head, Mark, Part, Piece};
use sparse::{ContentMap, PaxForm, Region};

/// Reads a tar archive member by member.
///
/// [`next`](Self::next) moves on to a member; its content is then read through [`Read`] or
/// [`BufRead`], holes of sparse files included. What is left unread is passed over by the next call.
/// After the end (or an error) [`finish`](Self::finish) reads the rest of the stream, so that
/// digests and checksums of the whole blob are made.
pub struct TarReader<R> {
    input: Buffered<R>,
    limits: Limits,
    members: u64,
    body: Body,
    anomalies: Anomalies,
    ended: bool,
    failure: Option<TarError>,
    /// The raw bytes in front of the current member's content, where they are kept.
    head: Option<Head>,
    marks: Option<Marks>,
    /// Where headers that belong to no member stand before the current one.
    shared: Vec<(u64, u64)>,
}

/// Why the members after some point could not be read. Those before are valid.
#[derive(Debug, Clone)]
pub struct TarError {
    /// What sort of reason.
    pub kind: TarErrorKind,
    /// Bytes of the archive before it.
    pub offset: u64,
    /// In words.
    pub what: String,
    /// The reader's own error; see [`super::decode::DecodeError::of`].
    pub source: Option<Arc<io::Error>>,
}

/// The ways in which an archive can be unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TarErrorKind {
    /// It ends within a member.
    Truncated,
    /// It is no tar archive from there on.
    Malformed,
    /// It is beyond a limit.
    Limit,
    /// The reader underneath failed.
    Read,
}

/// What is left of a reader at the end.
#[derive(Debug)]
pub struct Finished<R> {
    /// The reader underneath, at its end unless it failed.
    pub reader: R,
    /// Bytes of the whole archive, with all that follows its end marker.
    pub size: u64,
    /// Members listed.
    pub members: u64,
    /// Oddities not taken yet, a summary of those that were too many to list at the end.
    pub anomalies: Vec<Anomaly>,
    /// What kept the archive from being read to its end, first error first met.
    pub error: Option<TarError>,
}

/// Where the content of the current member is.
#[derive(Debug, Default)]
struct Body {
    path: Option<ImagePath>,
    /// Stored bytes not read yet, without padding.
    stored: u64,
    /// Zero bytes after those, up to a whole block.
    padding: u64,
    sparse: Option<Sparse>,
}

/// Position in a sparse file. The regions have been checked.
#[derive(Debug)]
struct Sparse {
    position: u64,
    size: u64,
    regions: std::iter::Peekable<std::vec::IntoIter<Region>>,
}

/// What extension headers said of the member to come.
#[derive(Debug, Default)]
struct Pending {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }
}

impl<R: Read> TarReader<R> {
    /// Reads from `reader`, which it buffers itself.
    pub fn new(reader: R, limits: &Limits) -> Self {
        Self {
            input: Buffered::new(reader),
            limits: limits.clone(),
            members: 0,
            body: Body::default(),
            anomalies: Anomalies::default(),
            ended: false,
            failure: None,
            head: None,
            marks: None,
            shared: Vec::new(),
        }
    }

    /// Where headers stand before the current member that belong to no member: first byte of the archive, and the one behind.
    pub fn shared(&self) -> &[(u64, u64)] {
        &self.shared
    }

    /// Moves to the next member: every one that has a path, markers of the layer format included.
    ///
    /// `None` at the end. After an error it stays at that error.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend the content in between")]
    pub fn next(&mut self) -> Result<Option<FileEntry>, TarError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.ended {
            return Ok(None);
        }
        let result = self.read_member();
        match &result {
            Err(error) => self.fail(error.clone()),
            Ok(None) => self.ended = true,
            Ok(Some(_)) => self.begin_mark(),
        }
        result
    }

    /// Bytes of the archive read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Bytes of the current member's content that are stored and not read yet: all of them but the
    /// holes of a sparse file.
    pub fn stored(&self) -> u64 {
        self.body.stored
    }

    /// Length of the hole of a sparse file at the current position; 0 where there is none.
    ///
    /// A header of a few bytes can claim a hole of exabytes, so [`skip_hole`](Self::skip_hole) rather
    /// than read zeros where they do not matter.
    pub fn hole(&mut self) -> u64 {
        self.body.sparse.as_mut().map_or(0, Sparse::hole)
    }

    /// Passes over the hole at the current position and tells its length.
    pub fn skip_hole(&mut self) -> u64 {
        let hole = self.hole();
        if let Some(sparse) = &mut self.body.sparse {
            sparse.advance(hole);
        }
        hole
    }

    /// Oddities met since the last call.
    pub fn take_anomalies(&mut self) -> Vec<Anomaly> {
        self.anomalies.take()
    }

    /// Reads the rest of the stream and gives the reader back.
    ///
    /// Bytes other than zero after the end marker are an anomaly: engines do not look at them, nor
    /// does careen.
    pub fn finish(mut self) -> Finished<R> {
        let is_past_end = self.ended;
        let mut first = None;
        loop {
            let offset = self.input.offset();
            match self.input.fill() {
                Ok([]) => break,
                Ok(bytes) => {
                    let count = bytes.len();
                    if is_past_end && first.is_none() {
                        // whole pieces first, so that long runs of zeros go fast
                        let is_zero = bytes.iter().fold(0, |all, byte| all | byte) == 0;
                        let at = if is_zero { None } else { bytes.iter().position(|byte| *byte != 0) };
                        first = at.map(|at| offset.saturating_add(at as u64));
                    }
                    self.input.consume(count);
                }
                Err(error) => {
                    let error = read_error(offset, error);
                    self.failure.get_or_insert(error);
                    break;
                }
            }
        }
        let size = self.input.offset();
        if let Some(first) = first {
            let what = format!("{} follow the end marker", ByteSize(size.saturating_sub(first)));
            self.anomalies.note("data-after-end", first, None, what);
        }
        let anomalies = self.anomalies.take_with_summary();
        Finished { reader: self.input.into_reader(), size, members: self.members, anomalies, error: self.failure }
    }

    fn fail(&mut self, error: TarError) {
        self.body = Body::default();
        self.failure.get_or_insert(error);
    }

    fn error(&self, kind: TarErrorKind, what: impl Into<String>) -> TarError {
        TarError { kind, offset: self.input.offset(), what: what.into(), source: None }
    }

    fn malformed(&self, what: impl Into<String>) -> TarError {
        self.error(TarErrorKind::Malformed, what)
    }

    fn read_member(&mut self) -> Result<Option<FileEntry>, TarError> {
        self.skip_body()?;
        if let Some(head) = &mut self.head {
            head.clear();
        }
        self.shared.clear();
        let mut pending = Pending::default();
        let mut zero_block = false;
        loop {
            let offset = self.input.offset();
            let start = self.head.as_ref().map_or(0, Head::length);
            let Some(block) = self.read_block("a header")? else {
                return self.end_without_marker(&pending, zero_block);
            };
            if is_zero(&block) {
                self.keep_part(Part::Zeros, start);
                if zero_block {
                    if !pending.is_empty() {
                        self.note_orphan(offset);
                    }
                    return Ok(None);
                }
                zero_block = true;
                continue;
            }
            if zero_block {
                zero_block = false;
                let what = "a single block of zeros, at which some readers stop; careen reads on";
                self.anomalies.gap("single-zero-block", offset, None, what);
            }
            let Some(header) = Header::parse(&block) else {
                let what = match offset {
                    0 => "this is no tar archive: the first header's checksum is wrong",
                    _ => "a header's checksum is wrong",
                };
                return Err(TarError { offset, ..self.malformed(what) });
            };
            let part = match header.typeflag() {
                b'x' => {
                    self.read_pax(&header, &mut pending)?;
                    Part::Records
                }
                b'g' => {
                    self.read_global(&header, &mut pending)?;
                    Part::Global
                }
                flag @ (b'L' | b'K') => {
                    self.read_long(&header, &mut pending)?;
                    if flag == b'L' { Part::LongName } else { Part::LongLink }
                }
                b'V' => {
                    self.read_volume(&header, &mut pending)?;
                    Part::Volume
                }
                _ => {
                    self.keep_part(Part::Header, start);
                    return self.read_entry(&header, pending, offset).map(Some);
                }
            };
            if matches!(part, Part::Global | Part::Volume) {
                self.shared.push((offset, self.input.offset().next_multiple_of(BLOCK as u64)));
            }
            self.keep_part(part, start);
        }
    }

    fn end_without_marker(&mut self, pending: &Pending, zero_block: bool) -> Result<Option<FileEntry>, TarError> {
        if !pending.is_empty() {
            return Err(self.error(TarErrorKind::Truncated, "the archive ends before the member of an extended header"));
        }
        if zero_block {
            self.anomalies.note("short-end-marker", self.input.offset(), None, "the end marker is one block, not two");
        } else if self.members > 0 {
            let what = "the archive ends without an end marker";
            self.anomalies.note("no-end-marker", self.input.offset(), None, what);
        }
        Ok(None)
    }

    fn note_orphan(&mut self, offset: u64) {
        let what = "an extended header has no member after it";
        self.anomalies.note("orphan-extension", offset, None, what);
    }

    /// Passes over what is left of the current member.
    fn skip_body(&mut self) -> Result<(), TarError> {
        let body = std::mem::take(&mut self.body);
        for (count, part) in [(body.stored, "the content"), (body.padding, "the padding")] {
            // what stands before a member is part of its head
            let skipped = if body.path.is_none() && self.head.is_some() {
                self.keep_bytes(count)?
            } else {
                let offset = self.input.offset();
                self.input.skip(count).map_err(|error| read_error(offset, error))?
            };
            if skipped < count {
                return Err(self.cut(part, body.path.as_ref()));
            }
        }
        Ok(())
    }

    fn cut(&self, part: &str, path: Option<&ImagePath>) -> TarError {
        let place = path.map(|path| format!(" of {path}")).unwrap_or_default();
        self.error(TarErrorKind::Truncated, format!("the archive ends within {part}{place}"))
    }

    /// The next block; `None` at the end of the stream.
    fn read_block(&mut self, part: &str) -> Result<Option<Block>, TarError> {
        let offset = self.input.offset();
        if let Some(block) = self.input.take_array().map_err(|error| read_error(offset, error))? {
            self.keep(&block)?;
            return Ok(Some(block));
        }
        match self.input.fill() {
            Ok([]) => Ok(None),
            Ok(_) => Err(self.cut(part, None)),
            Err(error) => Err(read_error(offset, error)),
        }
    }

    /// Reads the content of an extension header, which has a cap. Its size is always that of its own
    /// header: what an `x` header says is of the member.
    fn read_extension(&mut self, header: &Header<'_>) -> Result<Vec<u8>, TarError> {
        let size = self.stored_size(header)?;
        let limit = self.limits.extension_record;
        if size > limit.bytes() {
            let what = format!("an extended header of {}, more than the limit of {limit}", ByteSize(size));
            return Err(self.error(TarErrorKind::Limit, what));
        }
        self.body = Body { path: None, stored: size, padding: padding(size), sparse: None };
        let mut bytes = Vec::new();
        let read = Read::take(&mut *self, size).read_to_end(&mut bytes);
        if let Err(error) = read {
            return Err(self.failure.take().unwrap_or_else(|| read_error(self.input.offset(), error)));
        }
        self.keep(&bytes)?;
        self.skip_body()?;
        Ok(bytes)
    }

    fn stored_size(&self, header: &Header<'_>) -> Result<u64, TarError> {
        header
            .size()
            .ok()
            .and_then(|size| u64::try_from(size).ok())
            .ok_or_else(|| self.malformed("a header's size is not a number of bytes"))
    }

    fn read_pax(&mut self, header: &Header<'_>, pending: &mut Pending) -> Result<(), TarError> {
        let offset = self.input.offset();
        let records = self.read_extension(header)?;
        let pax = Pax::parse(&records, self.limits.sparse_regions)
            .map_err(|what| TarError { offset, ..self.malformed(what) })?;
        for key in &pax.contradictions {
            let what = format!("an extended header gives `{key}` twice, differently; the last one is taken");
            self.anomalies.note("ambiguous-header", offset, None, what);
        }
        if pending.pax.replace(pax).is_some() {
            let what = "two extended headers before one member; the last one is taken";
            self.anomalies.gap("ambiguous-header", offset, None, what);
        }
        Ok(())
    }

    /// Global records are checked and dropped: no container engine applies them, so a name or size
    /// they give is not that of the unpacked file. Go also forgets what came before them.
    fn read_global(&mut self, header: &Header<'_>, pending: &mut Pending) -> Result<(), TarError> {
        let offset = self.input.offset();
        let records = self.read_extension(header)?;
        let pax = Pax::parse(&records, self.limits.sparse_regions)
            .map_err(|what| TarError { offset, ..self.malformed(what) })?;
        if pax.changes_content() {
            let what = "a global header gives names or sizes, which container engines ignore, and so does careen";
            self.anomalies.gap("global-header", offset, None, what);
        }
        if !pending.is_empty() {
            let what = "a global header stands between an extended header and its member";
            self.anomalies.gap("ambiguous-header", offset, None, what);
            *pending = Pending::default();
        }
        Ok(())
    }

    /// GNU long names and link targets: text up to a NUL.
    fn read_long(&mut self, header: &Header<'_>, pending: &mut Pending) -> Result<(), TarError> {
        let offset = self.input.offset();
        let slot = if header.typeflag() == b'L' { &mut pending.long_name } else { &mut pending.long_link };
        let bytes = self.read_extension(header)?;
        let text = header::text(&bytes).to_vec();
        if slot.replace(text).is_some() {
            let what = "two long names before one member; the last one is taken";
            self.anomalies.gap("ambiguous-header", offset, None, what);
        }
        Ok(())
    }

    /// The label of a tape: neither a file nor content.
    fn read_volume(&mut self, header: &Header<'_>, pending: &mut Pending) -> Result<(), TarError> {
        let size = self.stored_size(header)?;
        let offset = self.input.offset();
        if !pending.is_empty() {
            self.note_orphan(offset);
            *pending = Pending::default();
        }
        if size > 0 {
            self.anomalies.gap("volume-label", offset, None, "a volume label has content, which is not looked at");
        }
        self.body = Body { path: None, stored: size, padding: padding(size), sparse: None };
        self.skip_body()
    }

    fn read_entry(&mut self, header: &Header<'_>, pending: Pending, offset: u64) -> Result<FileEntry, TarError> {
        self.members = self.members.saturating_add(1);
        if self.members > self.limits.entries {
            let what = format!("the archive has more than {} members", self.limits.entries);
            return Err(self.error(TarErrorKind::Limit, what));
        }
        let Pending { pax, long_name, long_link } = pending;
        let mut pax = pax.unwrap_or_default();
        let header_size = self.stored_size(header);
        let stored = match pax.size {
            Some(size) => {
                // writers put 0 or the low digits there when the size does not fit
                if size < 1 << 33 && header_size.as_ref().is_ok_and(|in_header| *in_header != size) {
                    let what = "the extended header gives another size than the header; the former is taken";
                    self.anomalies.note("ambiguous-size", offset, None, what);
                }
                size
            }
            None => header_size?,
        };

        let form = pax.sparse.form();
        let raw = self.choose_name(header, &mut pax, long_name, &form, offset);
        if let Some(head) = &mut self.head {
            head.name.clone_from(&raw);
            head.is_sparse = header.typeflag() == b'S' || form != PaxForm::None;
        }
        let path = self.cut_path(ImagePath::new(&raw), "a path", offset);
        self.check_name(&raw, &path, offset);
        let typeflag = match header.typeflag() {
            0 if raw.last() == Some(&b'/') => b'5',
            0 => b'0',
            // other readers know folders of old archives by their name alone
            b'0' | b'7' if raw.last() == Some(&b'/') && stored == 0 => b'5',
            flag => flag,
        };

        let at = (offset, &path);
        let kind = self.kind(typeflag, header, pax.link_path, long_link, at);
        if stored > 0 && typeflag == b'D' {
            let what = "a folder has content, which is not looked at";
            self.anomalies.gap("unknown-type", offset, Some(&path), what);
        } else if stored > 0 && !matches!(typeflag, b'0'..=b'7' | b'S') {
            let what = "a member of unknown type has content, on which readers disagree";
            self.anomalies.gap("unknown-type", offset, Some(&path), what);
        }
        // Go reads no content for these types, so the next block is a header
        let is_header_only = matches!(typeflag, b'1'..=b'6');
        if is_header_only && stored > 0 {
            let what = "a member without content has a size; readers disagree on what follows, careen does as Go does";
            self.anomalies.gap("header-only-size", offset, Some(&path), what);
        }
        let stored = if is_header_only { 0 } else { stored };
        self.body = Body { path: Some(path.clone()), stored, padding: padding(stored), sparse: None };

        let mut size = stored;
        if !is_header_only {
            let start = self.head.as_ref().map_or(0, Head::length);
            size = self.open_sparse(header, &pax.sparse, &form, stored, at)?;
            self.keep_part(Part::Map, start);
        }
        let mode = self.number("mode", header.mode(), at);
        let uid = pax.uid.unwrap_or_else(|| header.uid());
        let gid = pax.gid.unwrap_or_else(|| header.gid());
        let mtime = pax.mtime.unwrap_or_else(|| header.mtime());
        Ok(FileEntry {
            uid: self.id("uid", uid, at),
            gid: self.id("gid", gid, at),
            mtime: self.number("mtime", mtime, at),
            path,
            kind,
            mode: u32::try_from(mode & 0o7777).unwrap_or_default(),
            size,
            capabilities: pax.capabilities.take(),
            has_attributes: pax.has_attributes,
        })
    }

    /// The name of several that is taken: a sparse file's real one, GNU's long one, PAX's, the header's.
    fn choose_name(
        &mut self,
        header: &Header<'_>,
        pax: &mut Pax,
        long_name: Option<Vec<u8>>,
        form: &PaxForm,
        offset: u64,
    ) -> Vec<u8> {
        let long_name = long_name.filter(|name| !name.is_empty());
        if let (Some(path), Some(long)) = (&pax.path, &long_name)
            && ImagePath::new(path) != ImagePath::new(long)
        {
            let what = "a PAX and a GNU header give different names; the latter is taken";
            self.anomalies.gap("ambiguous-name", offset, None, what);
        }
        let is_sparse = matches!(form, PaxForm::InHeader | PaxForm::InContent);
        let real = if is_sparse { pax.sparse.name.take() } else { None };
        real.or(long_name).or_else(|| pax.path.take()).unwrap_or_else(|| header.name())
    }

    /// A path of no more bytes than the limit: what is longer no engine can unpack, and would fill memory.
    fn cut_path(&mut self, path: ImagePath, what: &str, offset: u64) -> ImagePath {
        // within a component where need be: a cut before it would make a file of the folder above
        let Some((kept, _)) = path.as_bytes().split_at_checked(self.limits.path).filter(|(_, rest)| !rest.is_empty())
        else {
            return path;
        };
        let kept = ImagePath::new(kept);
        let what = format!("{what} of {} bytes is cut at the limit of {}", path.as_bytes().len(), self.limits.path);
        self.anomalies.gap("path-too-long", offset, Some(&kept), what);
        kept
    }

    fn check_name(&mut self, raw: &[u8], path: &ImagePath, offset: u64) {
        if raw.split(|byte| *byte == b'/').any(|part| part == b"..") {
            let what = "a path with `..`, which is taken within the image's root";
            self.anomalies.note("path-with-parent", offset, Some(path), what);
        }
    }

    fn kind(
        &mut self,
        typeflag: u8,
        header: &Header<'_>,
        pax_link: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
        at: (u64, &ImagePath),
    ) -> FileKind {
        match typeflag {
            b'1' | b'2' => {
                let long_link = long_link.filter(|link| !link.is_empty());
                if let (Some(pax), Some(long)) = (&pax_link, &long_link)
                    && pax != long
                {
                    let what = "a PAX and a GNU header give different link targets; the latter is taken";
                    self.anomalies.gap("ambiguous-name", at.0, Some(at.1), what);
                }
                let target = long_link.or(pax_link).unwrap_or_else(|| header.link_name().to_vec());
                if typeflag == b'1' {
                    return FileKind::HardLink(self.cut_path(ImagePath::new(&target), "a link's target", at.0));
                }
                let kept = target.get(..self.limits.path).unwrap_or(&target);
                if kept.len() < target.len() {
                    let (length, limit) = (target.len(), self.limits.path);
                    let what = format!("a link's target of {length} bytes is cut at the limit of {limit}");
                    self.anomalies.gap("path-too-long", at.0, Some(at.1), what);
                }
                FileKind::Symlink(kept.into())
            }
            b'3' | b'4' => {
                let (major, minor) = header.device().unwrap_or_else(|BadNumber| {
                    self.anomalies.gap("malformed-number", at.0, Some(at.1), "a device number is malformed");
                    (0, 0)
                });
                let (major, minor) = (self.id("major", Ok(major), at), self.id("minor", Ok(minor), at));
                if typeflag == b'3' {
                    FileKind::CharacterDevice(major, minor)
                } else {
                    FileKind::BlockDevice(major, minor)
                }
            }
            // GNU's dump of a folder has the names in it as content
            b'5' | b'D' => FileKind::Directory,
            b'6' => FileKind::Fifo,
            b'0' | b'7' | b'S' => FileKind::File,
            other => {
                // as POSIX asks for; the engines refuse the layer or leave the member out
                let what = format!("a member of unknown type 0x{other:02x} is taken for a file");
                self.anomalies.note("unknown-type", at.0, Some(at.1), what);
                FileKind::File
            }
        }
    }

    /// Reads the map of a sparse file, if it is one, and returns its size. With a bad map the stored
    /// bytes are the content: nothing stored is hidden, and the gap is told.
    fn open_sparse(
        &mut self,
        header: &Header<'_>,
        map: &sparse::PaxMap,
        form: &PaxForm,
        stored: u64,
        at: (u64, &ImagePath),
    ) -> Result<u64, TarError> {
        let (regions, real_size) = match (header.typeflag(), form) {
            (b'S', _) if header.flavour() != Flavour::Gnu => {
                (Err("a sparse file in an archive that is not GNU's".into()), stored)
            }
            (b'S', _) => self.read_old_map(header)?,
            (_, PaxForm::None) => return Ok(stored),
            (_, PaxForm::Unknown) => (Err("a sparse file of unknown version".into()), stored),
            (_, PaxForm::InHeader) => (map.regions(self.limits.sparse_regions), map.real_size.unwrap_or(stored)),
            (_, PaxForm::InContent) => (self.read_content_map()?, map.real_size.unwrap_or(stored)),
        };
        // a map in the content has taken some of it
        let stored = self.body.stored;
        let checked = regions.and_then(|regions| {
            sparse::check_regions(&regions, real_size, stored)?;
            Ok(regions)
        });
        match checked {
            Ok(regions) => {
                let regions = regions.into_iter().peekable();
                self.body.sparse = Some(Sparse { position: 0, size: real_size, regions });
                Ok(real_size)
            }
            Err(what) => {
                let what = format!("{what}; its stored bytes are read as they are");
                self.anomalies.gap("sparse-map", at.0, Some(at.1), what);
                Ok(stored)
            }
        }
    }

    /// Old GNU: four regions in the header, then blocks of 21 more between header and content.
    fn read_old_map(&mut self, header: &Header<'_>) -> Result<(Result<Vec<Region>, String>, u64), TarError> {
        let max_regions = self.limits.sparse_regions;
        let capped = |regions: Vec<Region>| {
            if regions.len() > max_regions { Err(sparse::too_many(max_regions)) } else { Ok(regions) }
        };
        let (regions, mut is_extended) = sparse::parse_old_regions(header.block(), 386, 4, 482);
        let mut regions = regions.and_then(capped);
        while is_extended {
            let Some(block) = self.read_block("a sparse map")? else {
                return Err(self.cut("a sparse map", self.body.path.as_ref()));
            };
            let (more, extended) = sparse::parse_old_regions(&block, 0, 21, 504);
            is_extended = extended;
            regions = regions.and_then(|mut regions| {
                regions.extend(more?);
                capped(regions)
            });
        }
        let real_size = header.real_size().ok().and_then(|size| u64::try_from(size).ok());
        Ok(match real_size {
            Some(size) => (regions, size),
            None => (Err("the real size of a sparse file is malformed".into()), 0),
        })
    }

    /// PAX 1.0: the map stands in front of the content, padded to whole blocks.
    fn read_content_map(&mut self) -> Result<Result<Vec<Region>, String>, TarError> {
        let mut map = ContentMap::default();
        loop {
            if self.body.stored < BLOCK as u64 {
                return Ok(Err("a sparse file ends within its map".into()));
            }
            let Some(block) = self.read_block("a sparse map")? else {
                return Err(self.cut("a sparse map", self.body.path.as_ref()));
            };
            self.body.stored = self.body.stored.saturating_sub(BLOCK as u64);
            match map.take(&block, self.limits.sparse_regions) {
                Ok(None) => {}
                Ok(Some(regions)) => return Ok(Ok(regions)),
                Err(what) => return Ok(Err(what)),
            }
        }
    }

    fn number(&mut self, field: &str, number: Result<i64, BadNumber>, at: (u64, &ImagePath)) -> i64 {
        number.unwrap_or_else(|BadNumber| {
            let what = format!("the member's {field} is no number; taken for 0");
            self.anomalies.gap("malformed-number", at.0, Some(at.1), what);
            0
        })
    }

    fn id(&mut self, field: &str, number: Result<i64, BadNumber>, at: (u64, &ImagePath)) -> u32 {
        let number = self.number(field, number, at);
        u32::try_from(number).unwrap_or_else(|_| {
            let what = format!("the member's {field} does not fit into 32 bits");
            self.anomalies.note("number-out-of-range", at.0, Some(at.1), what);
            u32::MAX
        })
    }

    /// Ends a read of content at a cut or an error of the reader.
    fn fail_body(&mut self, error: Option<io::Error>) -> io::Error {
        let error = if let Some(error) = error {
            read_error(self.input.offset(), error)
        } else {
            let path = self.body.path.take();
            self.cut(if path.is_some() { "the content" } else { "an extended header" }, path.as_ref())
        };
        self.fail(error.clone());
        error.into()
    }
}

impl<R: Read> Read for TarReader<R> {
    /// Reads content of the current member; large reads of stored bytes go past the buffer.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        let hole = self.hole();
        if hole > 0 {
            let count = to_usize(hole).min(out.len());
            out.get_mut(..count).unwrap_or_default().fill(0);
            self.consume(count);
            return Ok(count);
        }
        let count = to_usize(self.stored_here()).min(out.len());
        let Some(out) = out.get_mut(..count).filter(|out| !out.is_empty()) else { return Ok(0) };
        match self.input.read(out) {
            Ok(0) => Err(self.fail_body(None)),
            Ok(count) => {
                self.advance(count);
                Ok(count)
            }
            Err(error) => Err(self.fail_body(Some(error))),
        }
    }
}

impl<R: Read> BufRead for TarReader<R> {
    /// Content of the current member as it lies in the buffer, without a copy; empty at its end.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        let hole = self.hole();
        if hole > 0 {
            return Ok(ZEROS.get(..to_usize(hole)).unwrap_or(&ZEROS));
        }
        let stored = to_usize(self.stored_here());
        if stored == 0 {
            return Ok(&[]);
        }
        self.fill_body(stored)
    }

    fn consume(&mut self, count: usize) {
        let hole = self.hole();
        if hole > 0 {
            if let Some(sparse) = &mut self.body.sparse {
                sparse.advance(hole.min(count as u64));
            }
            return;
        }
        let count = count.min(to_usize(self.stored_here()));
        self.input.consume(count);
        self.advance(count);
    }
}

impl<R> TarReader<R> {
    /// Stored bytes that follow without a hole.
    fn stored_here(&mut self) -> u64 {
        match &mut self.body.sparse {
            Some(sparse) => sparse.data().min(self.body.stored),
            None => self.body.stored,
        }
    }

    fn advance(&mut self, count: usize) {
        self.drop_mark();
        let count = count as u64;
        self.body.stored = self.body.stored.saturating_sub(count);
        if let Some(sparse) = &mut self.body.sparse {
            sparse.advance(count);
        }
    }
}

impl Sparse {
    /// The region at or after the position; those passed are dropped.
    fn region(&mut self) -> Option<Region> {
        while self.regions.next_if(|region| region.offset.saturating_add(region.length) <= self.position).is_some() {}
        self.regions.peek().copied()
    }

    fn hole(&mut self) -> u64 {
        let next = self.region().map_or(self.size, |region| region.offset);
        next.saturating_sub(self.position)
    }

    fn data(&mut self) -> u64 {
        let position = self.position;
        let Some(region) = self.region().filter(|region| region.offset <= position) else { return 0 };
        region.offset.saturating_add(region.length).saturating_sub(position)
    }

    fn advance(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }
}

impl fmt::Display for TarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {} of the archive", self.what, self.offset)
    }
}

impl std::error::Error for TarError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

impl From<TarError> for io::Error {
    fn from(error: TarError) -> Self {
        let kind = match error.kind {
            TarErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            TarErrorKind::Malformed => io::ErrorKind::InvalidData,
            TarErrorKind::Limit => io::ErrorKind::QuotaExceeded,
            TarErrorKind::Read => error.source.as_ref().map_or(io::ErrorKind::Other, |source| source.kind()),
        };
        Self::new(kind, error)
    }
}

fn read_error(offset: u64, error: io::Error) -> TarError {
    TarError { kind: TarErrorKind::Read, offset, what: error.to_string(), source: Some(Arc::new(error)) }
}

/// The name that a header block gives by itself, its prefix included; `None` if its checksum is wrong.
pub fn header_name(block: &Block) -> Option<Vec<u8>> {
    Header::parse(block).map(|header| header.name())
}

/// Zero bytes behind content of this size, up to a whole block.
pub fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64).saturating_sub(size)
}

fn is_zero(block: &Block) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

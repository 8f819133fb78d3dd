//! Edits what stands in front of a member's content: its header block (POSIX ustar, GNU, V7), PAX records
//! (POSIX.1-2001 pax) and GNU long names. What is not edited stays to the byte.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::{Error, Result};
use crate::pass::tar::{BLOCK, Block, Head, Part, header_name, padding, parse_number, records};

/// The largest number that seven octal digits can say.
const OCTAL_7: u64 = 0o777_7777;

/// The largest number that eleven octal digits can say.
const OCTAL_11: u64 = 0o777_7777_7777;

/// Fields of a header that an edit sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

impl Fields {
    /// These, and those of `below` where these say nothing.
    pub(super) fn over(self, below: Self) -> Self {
        Self { mode: self.mode.or(below.mode), uid: self.uid.or(below.uid), gid: self.gid.or(below.gid) }
    }
}

/// A head whose pieces can be changed.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// Those that belong to no member: global headers, labels, stray zeros.
    between: Vec<u8>,
    /// Those of the member.
    pieces: Vec<(Part, Vec<u8>)>,
    name: Vec<u8>,
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

impl Made {
    /// Of a member's head.
    ///
    /// A global header or label makes readers forget the extension headers before it; those stand
    /// with what belongs to no member then.
    pub(super) fn of(head: &Head) -> Self {
        let mut made = Self { between: Vec::new(), pieces: Vec::new(), name: head.name().to_vec() };
        for piece in head.pieces() {
            match piece.part {
                Part::Global | Part::Volume => {
                    for (_, forgotten) in made.pieces.drain(..) {
                        made.between.extend_from_slice(&forgotten);
                    }
                    made.between.extend_from_slice(piece.bytes);
                }
                Part::Zeros => made.between.extend_from_slice(piece.bytes),
                part => made.pieces.push((part, piece.bytes.to_vec())),
            }
        }
        made
    }

    /// The bytes in front of the content, those first that belong to no member.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.between.clone();
        bytes.extend(self.pieces.iter().flat_map(|(_, piece)| piece));
        bytes
    }

    /// The same without what belongs to no member.
    pub(super) fn own_bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, piece)| piece).copied().collect()
    }

    /// What belongs to no member.
    pub(super) fn between(&self) -> &[u8] {
        &self.between
    }

    /// Bytes held.
    pub(super) fn length(&self) -> usize {
        self.pieces.iter().map(|(_, piece)| piece.len()).sum()
    }

    /// Sets mode and owner. An owner's name goes with the number, which it would otherwise overrule in some readers.
    pub(super) fn set_fields(&mut self, fields: &Fields) -> Result<()> {
        if let Some(mode) = fields.mode {
            self.edit_header(|block| {
                let old = parse_number(field(block, 100, 8)).ok().and_then(|old| u64::try_from(old).ok());
                let old = old.filter(|old| *old <= OCTAL_7);
                let new = (old.unwrap_or_default() & !0o7777) | u64::from(mode & 0o7777);
                if old != Some(new) {
                    put(block, 100, format!("{new:07o}\0").as_bytes());
                }
            })?;
        }
        for (value, key, at, name_key, name_at) in
            [(fields.uid, "uid", 108, "uname", 265), (fields.gid, "gid", 116, "gname", 297)]
        {
            if let Some(value) = value {
                self.set_id(value, key, at, (name_key, name_at))?;
            }
        }
        Ok(())
    }

    fn set_id(&mut self, value: u32, key: &str, at: usize, name: (&str, usize)) -> Result<()> {
        let value = u64::from(value);
        let digits = value.to_string();
        let mut had = None;
        self.edit_records(|records| {
            // the last one counts; an empty one takes those before it back
            had = records.iter().rev().find(|(known, _)| known == key.as_bytes()).map(|(_, value)| value.clone());
            had.take_if(|value| value.is_empty());
            if had.as_deref().is_some_and(|had| had != digits.as_bytes()) {
                for (_, value) in records.iter_mut().filter(|(known, _)| known == key.as_bytes()) {
                    value.clear();
                    value.extend_from_slice(digits.as_bytes());
                }
            }
        })?;
        let in_header = parse_number(field(&self.header()?, at, 8)).ok().and_then(|old| u64::try_from(old).ok());
        let is_same = had.as_deref().map_or(in_header == Some(value), |had| had == digits.as_bytes());
        if is_same {
            return Ok(());
        }
        let is_gnu = is_gnu(&self.header()?);
        let fits = value <= OCTAL_7;
        if !fits && !is_gnu && had.is_none() {
            self.edit_records(|records| records.push((key.into(), digits.into_bytes())))?;
        }
        self.edit_records(|records| records.retain(|(known, _)| known != name.0.as_bytes()))?;
        self.edit_header(|block| {
            match (fits, is_gnu) {
                (true, _) => put(block, at, format!("{value:07o}\0").as_bytes()),
                (false, true) => {
                    // base 256, the top bit set
                    let mut number = value.to_be_bytes();
                    if let Some(first) = number.first_mut() {
                        *first = 0x80;
                    }
                    put(block, at, &number);
                }
                (false, false) => put(block, at, b"0000000\0"),
            }
            if has_magic(block) {
                put(block, name.1, &[0; 32]);
            }
        })
    }

    /// Sets the size of the content; that of a sparse file cannot be set.
    pub(super) fn set_size(&mut self, size: u64) -> Result<()> {
        self.edit_records(|records| records.retain(|(key, _)| key != b"size"))?;
        if size > OCTAL_11 {
            self.edit_records(|records| records.push((b"size".to_vec(), size.to_string().into_bytes())))?;
        }
        let digits = if size > OCTAL_11 { 0 } else { size };
        self.edit_header(|block| put(block, 124, format!("{digits:011o}\0").as_bytes()))
    }

    /// Makes a file of no bytes of it, also of a sparse one.
    pub(super) fn empty(&mut self) -> Result<()> {
        self.set_size(0)?;
        self.pieces.retain(|(part, _)| *part != Part::Map);
        let mut was_sparse = false;
        self.edit_records(|records| {
            let before = records.len();
            records.retain(|(key, _)| !key.starts_with(b"GNU.sparse."));
            was_sparse = records.len() < before;
        })?;
        // without bytes, a slash at the end of its name would make a folder of it
        if was_sparse || self.name.ends_with(b"/") {
            let name = self.name.clone();
            self.set_name(&name)?;
        }
        self.edit_header(|block| {
            if field(block, 156, 1) == b"S" {
                put(block, 156, b"0");
                // four regions, the mark of more, and the size with holes
                put(block, 386, &[0; 109]);
            }
        })
    }

    /// Sets the name.
    pub(super) fn set_name(&mut self, name: &[u8]) -> Result<()> {
        let name: &[u8] = strip_slashes(name);
        self.name = name.to_vec();
        self.pieces.retain(|(part, _)| *part != Part::LongName);
        self.edit_records(|records| {
            records.retain(|(key, _)| key != b"path");
            for (_, value) in records.iter_mut().filter(|(key, _)| key == b"GNU.sparse.name") {
                value.clear();
                value.extend_from_slice(name);
            }
        })?;
        self.edit_header(|block| {
            put_text(block, 0, 100, name);
            if has_magic(block) && !is_gnu(block) {
                let is_star = field(block, 508, 4) == b"tar\0";
                put(block, 345, if is_star { &[0; 131][..] } else { &[0; 155] });
            }
        })?;
        if name.len() > 100 {
            return self.set_long((Part::LongName, b'L'), "path", name);
        }
        // some writers of GNU headers put a prefix where times belong, and behind them the map of a sparse file
        if header_name(&self.header()?).is_none_or(|found| found != name) {
            self.edit_header(|block| {
                let length = if field(block, 156, 1) == b"S" { 24 } else { 155 };
                put(block, 345, &vec![0; length]);
            })?;
        }
        Ok(())
    }

    /// Sets the target of a link.
    pub(super) fn set_link(&mut self, target: &[u8]) -> Result<()> {
        self.pieces.retain(|(part, _)| *part != Part::LongLink);
        self.edit_records(|records| records.retain(|(key, _)| key != b"linkpath"))?;
        self.edit_header(|block| put_text(block, 157, 100, target))?;
        if target.len() > 100 {
            return self.set_long((Part::LongLink, b'K'), "linkpath", target);
        }
        Ok(())
    }

    /// Says in front of the header what is too long for it, as the archive's own format does.
    fn set_long(&mut self, (part, typeflag): (Part, u8), key: &str, text: &[u8]) -> Result<()> {
        if is_gnu(&self.header()?) {
            let mut piece = extension(b"././@LongLink", typeflag, true, text.len().saturating_add(1));
            piece.extend_from_slice(text);
            piece.push(0);
            pad(&mut piece);
            let at = self.header_at();
            self.pieces.insert(at, (part, piece));
            return Ok(());
        }
        self.edit_records(|records| records.push((key.into(), text.to_vec())))
    }

    fn header_at(&self) -> usize {
        self.pieces.iter().position(|(part, _)| *part == Part::Header).unwrap_or(self.pieces.len())
    }

    fn header(&self) -> Result<Block> {
        let header = self.pieces.iter().find(|(part, _)| *part == Part::Header);
        header.and_then(|(_, piece)| piece.first_chunk().copied()).ok_or_else(odd)
    }

    /// Changes the header block; its checksum is made anew if anything changed.
    fn edit_header(&mut self, edit: impl FnOnce(&mut Block)) -> Result<()> {
        let header = self.pieces.iter_mut().find(|(part, _)| *part == Part::Header);
        let block = header.and_then(|(_, piece)| piece.first_chunk_mut::<BLOCK>()).ok_or_else(odd)?;
        let before = *block;
        edit(block);
        if *block != before {
            set_checksum(block);
        }
        Ok(())
    }

    /// Changes the PAX records, those that count: of several extended headers the last.
    fn edit_records(&mut self, edit: impl FnOnce(&mut Records)) -> Result<()> {
        let at = self.pieces.iter().rposition(|(part, _)| *part == Part::Records);
        let piece = at.and_then(|at| self.pieces.get(at)).map(|(_, piece)| piece.as_slice()).unwrap_or_default();
        let before = read_records(piece)?;
        let mut after = before.clone();
        edit(&mut after);
        if after == before {
            return Ok(());
        }
        let content = write_records(&after);
        match at {
            Some(at) if after.is_empty() => drop(self.pieces.remove(at)),
            Some(at) => {
                let mut block: Block = piece.first_chunk().copied().ok_or_else(odd)?;
                put(&mut block, 124, format!("{:011o}\0", content.len()).as_bytes());
                set_checksum(&mut block);
                let mut piece = block.to_vec();
                piece.extend_from_slice(&content);
                pad(&mut piece);
                if let Some(slot) = self.pieces.get_mut(at) {
                    slot.1 = piece;
                }
            }
            None => {
                let mut piece = extension(b"PaxHeaders/member", b'x', false, content.len());
                piece.extend_from_slice(&content);
                pad(&mut piece);
                self.pieces.insert(self.header_at(), (Part::Records, piece));
            }
        }
        Ok(())
    }
}

/// Keys and values of an extended header, as it stands in the archive; none of nothing.
fn read_records(piece: &[u8]) -> Result<Records> {
    let Some((block, content)) = piece.split_first_chunk::<BLOCK>() else { return Ok(Vec::new()) };
    let size = parse_number(field(block, 124, 12)).ok().and_then(|size| usize::try_from(size).ok());
    let content = size.and_then(|size| content.get(..size)).ok_or_else(odd)?;
    let records = records(content).map_err(Error::malformed)?;
    Ok(records.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
}

/// Records with their lengths, which count themselves.
pub(super) fn write_records(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        // a space, an equals sign and a line feed
        let rest = key.len().saturating_add(value.len()).saturating_add(3);
        let mut length = rest.saturating_add(1);
        while rest.saturating_add(length.to_string().len()) != length {
            length = length.saturating_add(1);
        }
        content.extend_from_slice(length.to_string().as_bytes());
        content.push(b' ');
        content.extend_from_slice(key);
        content.push(b'=');
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    content
}

/// The header block of an extension with so many bytes of content.
pub(super) fn extension(name: &[u8], typeflag: u8, is_gnu: bool, size: usize) -> Vec<u8> {
    let mut block = [0; BLOCK];
    put(&mut block, 0, name);
    put(&mut block, 100, b"0000644\x000000000\x000000000\0");
    put(&mut block, 124, format!("{size:011o}\x0000000000000\0").as_bytes());
    put(&mut block, 156, &[typeflag]);
    put(&mut block, 257, if is_gnu { b"ustar  \0" } else { b"ustar\x0000" });
    set_checksum(&mut block);
    block.to_vec()
}

/// Writes the sum of all bytes, its own field as spaces: six octal digits, a NUL, a space.
pub(super) fn set_checksum(block: &mut Block) {
    put(block, 148, b"        ");
    let sum = block.iter().fold(0_u32, |sum, byte| sum.saturating_add(u32::from(*byte)));
    put(block, 148, format!("{sum:06o}\0 ").as_bytes());
}

/// Zeros up to a whole block.
pub(super) fn pad(bytes: &mut Vec<u8>) {
    let zeros = usize::try_from(padding(bytes.len() as u64)).unwrap_or_default();
    bytes.resize(bytes.len().saturating_add(zeros), 0);
}

/// Writes `bytes` at `at`; all of them fit, or nothing is written.
pub(super) fn put(block: &mut Block, at: usize, bytes: &[u8]) {
    if let Some(field) = block.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
        field.copy_from_slice(bytes);
    }
}

/// Writes as much of `text` as fits, and NULs behind it.
fn put_text(block: &mut Block, at: usize, length: usize, text: &[u8]) {
    let mut field = text.get(..length).unwrap_or(text).to_vec();
    field.resize(length, 0);
    put(block, at, &field);
}

fn field(block: &Block, at: usize, length: usize) -> &[u8] {
    block.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

fn has_magic(block: &Block) -> bool {
    field(block, 257, 5) == b"ustar"
}

fn is_gnu(block: &Block) -> bool {
    field(block, 257, 8) == b"ustar  \0"
}

/// A name without slashes at its end, which would make a folder of a file.
fn strip_slashes(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at.saturating_add(1));
    name.get(..end).unwrap_or(name)
}

/// Cannot be: the reader has read these pieces.
fn odd() -> Error {
    Error::malformed("a member's header cannot be edited")
}

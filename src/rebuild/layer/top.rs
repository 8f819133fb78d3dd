//! The layer that goes on top of all others: whiteouts (image-spec layer.md, Whiteouts), folders and files.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::io::Write;

use super::content::lock_password;
use super::header::{extension, pad, put, set_checksum, write_records};
use super::{Rewritten, Told};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::pass::tar::{BLOCK, Block};
use crate::path::ImagePath;
use crate::rebuild::encode::Encoder;
use crate::rebuild::{Content, Edit, Encoding, Member};

/// Writes the layer that goes on top: whiteouts first, then folders and files, each sorted by path.
///
/// `read` gives the content of a file of the input. The same edits give the same bytes, in whatever
/// order they come. Folders above an added path are not added by themselves: engines that unpack a
/// layer by itself would give them other owners, so an edit must say each that is not root's of mode 755.
pub fn top_layer(
    edits: &[&Edit],
    read: &mut dyn FnMut(&Member) -> Result<Vec<u8>>,
    encoding: Encoding,
    out: &mut dyn Write,
) -> Result<Rewritten> {
    let mut whiteouts = BTreeMap::new();
    let mut added = BTreeMap::new();
    for edit in edits {
        let (path, list) = match edit {
            Edit::Whiteout { path } => (path, &mut whiteouts),
            Edit::AddFile { path, .. } | Edit::AddFolder { path, .. } => (path, &mut added),
            _ => return Err(Error::new(ErrorKind::Internal, "an edit that adds nothing came to the layer on top")),
        };
        if list.insert(check(path)?, *edit).is_some_and(|other| other != *edit) {
            return Err(bad(path, "is added twice"));
        }
    }
    if let Some(path) = whiteouts.keys().find(|path| added.contains_key(*path)) {
        return Err(bad(&path.to_string(), "is added and hidden"));
    }

    let mut encoder = Encoder::new(encoding, out)?;
    for path in whiteouts.keys() {
        let marker = path.parent().join(&[b".wh.", path.file_name()].concat());
        let attributes = Attributes { mode: 0, uid: 0, gid: 0, mtime: 0 };
        encoder.write(&member(marker.as_bytes(), b'0', 0, &attributes))?;
    }
    for (path, edit) in added {
        match edit {
            Edit::AddFile { mode, uid, gid, mtime, content, .. } => {
                let mut content = content_of(content, read).map_err(|error| error.at(path.to_string()))?;
                let attributes = Attributes { mode: *mode, uid: *uid, gid: *gid, mtime: *mtime };
                encoder.write(&member(path.as_bytes(), b'0', content.len() as u64, &attributes))?;
                pad(&mut content);
                encoder.write(&content)?;
            }
            Edit::AddFolder { mode, uid, gid, mtime, .. } => {
                let attributes = Attributes { mode: *mode, uid: *uid, gid: *gid, mtime: *mtime };
                encoder.write(&member(&[path.as_bytes(), b"/"].concat(), b'5', 0, &attributes))?;
            }
            _ => {}
        }
    }
    encoder.write(&[0; 2 * BLOCK])?;
    Ok(Told::default().into_rewritten(encoder.finish()?, None, encoding))
}

/// A path as edits must write it: clean, below the root, and no marker by itself.
fn check(path: &str) -> Result<ImagePath> {
    let clean = ImagePath::new(path.as_bytes());
    if clean.is_root() || clean.as_bytes() != path.as_bytes() {
        return Err(bad(path, "is no clean path without a slash in front"));
    }
    if clean.components().any(|part| part.starts_with(b".wh.")) {
        return Err(bad(path, "would be taken for a whiteout"));
    }
    Ok(clean)
}

fn bad(path: &str, what: &str) -> Error {
    Error::malformed(format!("an edit's path {what}")).at(escape(path))
}

fn content_of(content: &Content, read: &mut dyn FnMut(&Member) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    Ok(match content {
        Content::Text { text } => text.clone().into_bytes(),
        Content::File { member } => read(member)?,
        Content::Appended { member, lines } => appended(read(member)?, lines)?,
        Content::Accounts { member, lock, append } => {
            let locked = lock.iter().try_fold(read(member)?, |content, user| locked(&content, user))?;
            appended(locked, append)?
        }
        Content::Locked { member, user } => locked(&read(member)?, user)?,
    })
}

fn locked(content: &[u8], user: &str) -> Result<Vec<u8>> {
    lock_password(content, user)
        .ok_or_else(|| Error::malformed(format!("`{}` has no empty password there", escape(user))))
}

fn appended(mut content: Vec<u8>, lines: &[String]) -> Result<Vec<u8>> {
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    for line in lines {
        if line.contains(['\n', '\0']) {
            return Err(Error::malformed("a line to be added has a line feed in it"));
        }
        content.extend_from_slice(line.as_bytes());
        content.push(b'\n');
    }
    Ok(content)
}

struct Attributes {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: i64,
}

/// A ustar header, with PAX records in front for what does not fit.
fn member(name: &[u8], typeflag: u8, size: u64, attributes: &Attributes) -> Vec<u8> {
    let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut block: Block = [0; BLOCK];
    put(&mut block, 0, name.get(..100).unwrap_or(name));
    if name.len() > 100 {
        records.push((b"path".to_vec(), name.to_vec()));
    }
    let mut number = |at: usize, digits: usize, key: &str, value: i64| {
        // one byte of the field is its NUL
        let most = 1_i64.checked_shl(u32::try_from(digits.saturating_mul(3)).unwrap_or(63)).unwrap_or(i64::MAX);
        let in_header = if (0..most).contains(&value) { value } else { 0 };
        if in_header != value {
            records.push((key.into(), value.to_string().into_bytes()));
        }
        put(&mut block, at, format!("{in_header:0digits$o}\0").as_bytes());
    };
    number(100, 7, "mode", i64::from(attributes.mode & 0o7777));
    number(108, 7, "uid", i64::from(attributes.uid));
    number(116, 7, "gid", i64::from(attributes.gid));
    number(124, 11, "size", i64::try_from(size).unwrap_or(i64::MAX));
    number(136, 11, "mtime", attributes.mtime);
    put(&mut block, 156, &[typeflag]);
    put(&mut block, 257, b"ustar\x0000");
    set_checksum(&mut block);
    if records.is_empty() {
        return block.to_vec();
    }
    let mut content = write_records(&records);
    let mut bytes = extension(b"PaxHeaders/member", b'x', false, content.len());
    pad(&mut content);
    bytes.extend_from_slice(&content);
    bytes.extend_from_slice(&block);
    bytes
}

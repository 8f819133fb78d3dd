//! Whether the layer on top holds what its edits say, entry for entry.

use std::collections::BTreeMap;

use super::{Changes, Editing, Seen, Wanted, difference, gather, read};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::escape::escape;
use crate::image::Blob;
use crate::limit::Limits;
use crate::path::ImagePath;
use crate::rebuild::layer::read_members;
use crate::rebuild::{Content, Edit, Edits, LARGEST_FILE, Member};
use crate::tree::{FileEntry, FileKind};

/// Digest and size of a content.
type Sum = (Digest, u64);

/// Compares the layer `after` with what `edits` put on top of an image with the layers `before`, and tells what differs, each a
/// sentence without a full stop. What it has copies of is read once more from there, and the edits of it carried out.
pub(in crate::fix) fn on_top(
    before: &[&dyn Blob],
    after: &dyn Blob,
    edits: &Edits,
    limits: &Limits,
) -> Result<Vec<String>> {
    let expected = expected(edits, &copies(before, edits, limits)?)?;
    let as_it_is = Changes::default();
    let (new, _) = read(after, limits, &mut |_| Some(&as_it_is))?;
    let mut differences = Vec::new();
    if new.len() != expected.len() {
        differences.push(format!("it has {} members where {} are expected", new.len(), expected.len()));
    }
    for (new, (entry, content)) in new.iter().zip(expected) {
        // headers are new, so there are none to be the same as
        let seen = Seen { entry, mark: new.mark.clone(), content };
        if let Some(what) = difference(new, &Wanted { seen, keeps_headers: false }, false) {
            differences.push(format!("`{}` has {what}", escape(new.entry.path.to_string())));
        }
    }
    Ok(differences)
}

/// All entries in their order, with what is in those that are files.
fn expected(edits: &Edits, copies: &[(&Content, Sum)]) -> Result<Vec<(FileEntry, Option<Sum>)>> {
    let mut hidden = BTreeMap::new();
    let mut added = BTreeMap::new();
    let nothing = || Editing::new(&Changes::default()).finish();
    for edit in &edits.0 {
        match edit {
            Edit::Whiteout { path } => {
                let path = ImagePath::from(path.as_str());
                let marker = path.parent().join(&[b".wh.", path.file_name()].concat());
                hidden.insert(path, (FileEntry { path: marker, mode: 0, ..FileEntry::file("", 0) }, Some(nothing())));
            }
            Edit::AddFile { path, mode, uid, gid, mtime, content } => {
                let sum = match content {
                    Content::Text { text } => sum(text.as_bytes().to_vec(), &Changes::default())?,
                    _ => copies.iter().find(|(other, _)| *other == content).map(|(_, sum)| sum.clone()).ok_or_else(
                        || Error::malformed("what is copied into the layer on top cannot be read once more"),
                    )?,
                };
                let [mode, uid, gid] = [*mode, *uid, *gid];
                let entry = FileEntry { mode, uid, gid, mtime: *mtime, ..FileEntry::file(path, sum.1) };
                added.insert(entry.path.clone(), (entry, Some(sum)));
            }
            Edit::AddFolder { path, mode, uid, gid, mtime } => {
                let [mode, uid, gid] = [*mode, *uid, *gid];
                let entry = FileEntry { mode, uid, gid, mtime: *mtime, ..FileEntry::file(path, 0) };
                let entry = FileEntry { kind: FileKind::Directory, ..entry };
                added.insert(entry.path.clone(), (entry, None));
            }
            _ => {}
        }
    }
    Ok(hidden.into_values().chain(added.into_values()).collect())
}

/// What each content that comes from a file of the image is: each layer is read once.
fn copies<'e>(before: &[&dyn Blob], edits: &'e Edits, limits: &Limits) -> Result<Vec<(&'e Content, Sum)>> {
    let mut by_layer: BTreeMap<u32, BTreeMap<u32, (&Member, Vec<&'e Content>)>> = BTreeMap::new();
    for edit in &edits.0 {
        let Edit::AddFile { content, .. } = edit else { continue };
        let Some(member) = content.member() else { continue };
        let own = by_layer.entry(member.layer).or_default().entry(member.member).or_insert((member, Vec::new()));
        if !own.1.contains(&content) {
            own.1.push(content);
        }
    }
    let mut copies = Vec::new();
    for (layer, members) in by_layer {
        let blob = before.get(layer as usize);
        let blob = blob.ok_or_else(|| Error::malformed(format!("layer {layer} cannot be read once more")))?;
        let own: Vec<&Edit> =
            edits.0.iter().filter(|edit| edit.member().is_some_and(|member| member.layer == layer)).collect();
        let changes = gather(&own);
        let wanted = members.values().map(|(member, _)| *member);
        read_members(*blob, wanted, LARGEST_FILE, limits, &mut |member, bytes| {
            for content in members.get(&member.member).into_iter().flat_map(|(_, contents)| contents) {
                let mut own = Changes::default();
                if let Some(in_layer) = changes.get(&member.member) {
                    own.is_emptied = in_layer.is_emptied;
                    own.blanked.clone_from(&in_layer.blanked);
                }
                match content {
                    Content::Text { .. } | Content::File { .. } => {}
                    Content::Appended { lines, .. } => own.appended = lines.iter().map(String::as_str).collect(),
                    Content::Accounts { lock, append, .. } => {
                        own.locked = lock.iter().map(String::as_str).collect();
                        own.appended = append.iter().map(String::as_str).collect();
                    }
                    Content::Locked { user, .. } => own.locked.push(user),
                }
                copies.push((*content, sum(bytes.clone(), &own)?));
            }
            Ok(())
        })?;
    }
    Ok(copies)
}

/// Of a content with its changes.
fn sum(mut bytes: Vec<u8>, changes: &Changes<'_>) -> Result<Sum> {
    let mut editing = Editing::new(changes);
    editing.feed(&mut bytes)?;
    Ok(editing.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rebuild::layer::testing::{Archive, Raw as Header};
    use crate::rebuild::layer::top_layer;
    use crate::rebuild::{Encoding, Span};

    fn below() -> Vec<u8> {
        Archive::default()
            .file("etc/passwd", b"root::0:0::/:/bin/sh\nweb:x:7:7::/:")
            .file("srv/a", b"A=1\nTOKEN=abcdefgh\n")
            .file("srv/log", b"what happened")
            .end()
    }

    fn member(number: u32, path: &str) -> Member {
        Member { layer: 0, member: number, path: path.into() }
    }

    fn file(path: &str, content: Content) -> Edit {
        Edit::AddFile { path: path.into(), mode: 0o640, uid: 3, gid: 4, mtime: 99, content }
    }

    fn edits() -> Edits {
        let passwd = || member(0, "/etc/passwd");
        let line = || vec!["app:x:9:9::/:".to_owned()];
        Edits(vec![
            file("z/accounts", Content::Accounts { member: passwd(), lock: vec!["root".into()], append: line() }),
            file("z/locked", Content::Locked { member: passwd(), user: "root".into() }),
            file("z/more", Content::Appended { member: passwd(), lines: line() }),
            file("z/copy", Content::File { member: member(1, "/srv/a") }),
            file("z/log", Content::File { member: member(2, "/srv/log") }),
            file("z/text", Content::Text { text: "text".into() }),
            Edit::AddFolder { path: "z".into(), mode: 0o1777, uid: 1, gid: 2, mtime: 5 },
            Edit::Whiteout { path: "srv/b".into() },
            Edit::BlankBytes { member: member(1, "/srv/a"), spans: vec![Span { offset: 10, length: 8 }] },
            Edit::Truncate { member: member(2, "/srv/log") },
            Edit::SetHeader { member: member(0, "/etc/passwd"), mode: Some(0o600), uid: None, gid: None },
        ])
    }

    /// Contents as a rebuild reads them.
    fn read(member: &Member) -> Vec<u8> {
        match member.member {
            0 => b"root::0:0::/:/bin/sh\nweb:x:7:7::/:".to_vec(),
            1 => b"A=1\nTOKEN=********\n".to_vec(),
            _ => Vec::new(),
        }
    }

    fn written(edits: &Edits) -> Vec<u8> {
        let (own, mut out): (Vec<&Edit>, _) = (edits.0.iter().filter(|edit| edit.is_on_top()).collect(), Vec::new());
        top_layer(&own, &mut |member: &Member| Ok(read(member)), Encoding::Gzip { level: 6 }, &mut out)
            .expect("writes to memory");
        out
    }

    fn differences(after: &Vec<u8>, edits: &Edits) -> Vec<String> {
        on_top(&[&below()], after, edits, &Limits::default()).expect("both can be read")
    }

    #[test]
    fn what_the_rebuild_puts_on_top_is_what_is_expected() {
        assert_eq!(differences(&written(&edits()), &edits()), Vec::<String>::new());
    }

    #[test]
    fn each_way_to_be_wrong_on_top_is_told() {
        type Change = fn(&mut Edit);
        let cases: [(usize, Change, &str); 9] = [
            (0, |edit| set_content(edit, b"else"), "`/z/accounts` has another size"),
            (3, |edit| set_content(edit, b"A=1\nTOKEN=abcdefgh\n"), "`/z/copy` has other content"),
            (4, |edit| set_content(edit, b"what happened"), "`/z/log` has another size"),
            (5, |edit| set_content(edit, b"TEXT"), "`/z/text` has other content"),
            (6, |edit| set_folder(edit, 0o777, 1, 5), "`/z` has another mode"),
            (6, |edit| set_folder(edit, 0o1777, 0, 5), "`/z` has another owner"),
            (6, |edit| set_folder(edit, 0o1777, 1, 6), "`/z` has another time"),
            (7, |edit| *edit = Edit::Whiteout { path: "srv/c".into() }, "`/srv/.wh.c` has another name in its place"),
            (7, |edit| *edit = file("a", Content::Text { text: String::new() }), "`/a` has another name in its place"),
        ];
        for (place, change, expected) in cases {
            let mut wrong = edits();
            change(&mut wrong.0[place]);
            assert_eq!(differences(&written(&wrong), &edits()), [expected], "{expected}");
        }
        let fewer = Edits(edits().0.split_off(1));
        let told = differences(&written(&fewer), &edits());
        assert_eq!(told[0], "it has 7 members where 8 are expected");
        let attributes = Archive::default()
            .pax(b'x', &[("SCHILY.xattr.user.a", "b")])
            .raw(Header::new(b'0', "z/text", 4).ids(0o640, 3, 4), b"text")
            .end();
        let only = Edits(vec![Edit::AddFile {
            path: "z/text".into(),
            mode: 0o640,
            uid: 3,
            gid: 4,
            mtime: 1,
            content: Content::Text { text: "text".into() },
        }]);
        assert_eq!(differences(&attributes, &only), ["`/z/text` has other extended attributes"]);
    }

    fn set_content(edit: &mut Edit, bytes: &[u8]) {
        if let Edit::AddFile { content, .. } = edit {
            *content = Content::Text { text: String::from_utf8_lossy(bytes).into_owned() };
        }
    }

    fn set_folder(edit: &mut Edit, new: u32, owner: u32, time: i64) {
        if let Edit::AddFolder { mode, uid, mtime, .. } = edit {
            (*mode, *uid, *mtime) = (new, owner, time);
        }
    }
}

//! Laws of a rewrite over made-up archives and edits, and what other readers of archives say of it.

#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::rc::Rc;

use proptest::prelude::*;

use super::testing::*;
use super::tests::{odd, rewritten};
use super::*;
use crate::rebuild::Span;
use crate::tree::FileEntry;

/// One member in the making, all of small numbers.
#[derive(Debug, Clone)]
struct Made {
    kind: u8,
    name: usize,
    target: usize,
    style: u8,
    size: usize,
    edit: u8,
}

const NAMES: [&str; 6] = ["a", "./b", "/c", "d", "e", ".wh.f"];

/// Long enough for neither a name field nor a prefix.
fn name(index: usize, is_long: bool) -> String {
    let name = NAMES[index % NAMES.len()];
    if is_long { format!("{name}-/{}{index}", "long/".repeat(50)) } else { name.into() }
}

fn made() -> impl Strategy<Value = Made> {
    (0..8_u8, 0..6_usize, 0..6_usize, 0..6_u8, 0..1500_usize, 0..8_u8)
        .prop_map(|(kind, name, target, style, size, edit)| Made { kind, name, target, style, size, edit })
}

/// An archive in which links that lead to themselves do not occur: they mean nothing.
fn archive(members: &[Made]) -> Vec<u8> {
    let mut archive = Archive::default();
    for (index, made) in members.iter().enumerate() {
        let is_long = made.style >= 3;
        let (name, mut target) = (name(made.name, is_long), name(made.target, made.style % 2 == 1));
        if target == name {
            target = "elsewhere".into();
        }
        let content = format!("{index} {}", "x".repeat(made.size)).into_bytes();
        let (typeflag, content) = match made.kind {
            0..=2 => (b'0', &content[..]),
            3..=5 => (b'1', &[][..]),
            6 => (b'2', &[][..]),
            _ => (b'5', &[][..]),
        };
        let mode = 0o400 + u32::try_from(index).expect("small");
        let mut raw = Raw::new(typeflag, &name, content.len()).ids(mode, 1, 2).link(&target[..target.len().min(100)]);
        if made.style == 2 {
            archive = archive.pax(b'g', &[("comment", "between")]);
        }
        match made.style {
            0 => raw = raw.v7(),
            1 | 3 => raw = raw.gnu(),
            _ => {}
        }
        let is_gnu = matches!(made.style, 0 | 1 | 3);
        let mut records = vec![("SCHILY.xattr.user.x", "y")];
        if name.len() > 100 {
            if is_gnu {
                archive = archive.long(b'L', &name);
            } else {
                records.push(("path", &name));
            }
        }
        if target.len() > 100 && typeflag != b'0' && typeflag != b'5' {
            if is_gnu {
                archive = archive.long(b'K', &target);
            } else {
                records.push(("linkpath", &target));
            }
        }
        if !is_gnu && (made.style == 4 || records.len() > 1) {
            archive = archive.pax(b'x', &records);
        }
        archive = archive.raw(raw, content);
    }
    archive.end()
}

fn edits(members: &[Made], tar: &[u8]) -> Vec<Edit> {
    let (seen, _) = read(tar);
    let mut edits = Vec::new();
    for (index, (made, seen)) in members.iter().zip(&seen).enumerate() {
        let member = Member { layer: 0, member: u32::try_from(index).expect("small"), path: seen.name() };
        let is_file = seen.entry.is_file();
        match made.edit {
            0..=2 => edits.push(Edit::DropMember { member, secrets: Vec::new(), inside: Vec::new() }),
            3 => edits.push(Edit::SetHeader { member, mode: Some(0o7000), uid: None, gid: Some(3_000_000_000) }),
            4 if is_file => edits.push(Edit::Truncate { member }),
            5 if is_file => edits.push(Edit::BlankBytes { member, spans: vec![Span { offset: 0, length: 2 }] }),
            _ => {}
        }
    }
    edits
}

/// Names, and the content that each has at a time: what unpacking would give, folders apart.
#[derive(Default)]
struct Unpacked(BTreeMap<Vec<u8>, Rc<Vec<u8>>>);

impl Unpacked {
    /// Unpacks one member and tells what its name has then; `None` for folders and links to what is not there.
    fn add(&mut self, entry: &FileEntry, content: &[u8]) -> Option<Rc<Vec<u8>>> {
        let path = entry.path.as_bytes().to_vec();
        let content = match &entry.kind {
            // nobody unpacks a whiteout as a file
            _ if entry.is_marker() => None,
            FileKind::HardLink(target) => self.0.get(target.as_bytes()).cloned(),
            FileKind::Directory => None,
            FileKind::Symlink(target) => Some(Rc::new([b"->", &target[..]].concat())),
            _ => Some(Rc::new(content.to_vec())),
        };
        match &content {
            Some(content) => drop(self.0.insert(path, content.clone())),
            None => drop(self.0.remove(&path)),
        }
        content
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_stays_is_the_same_and_links_lead_where_they_led(members in prop::collection::vec(made(), 0..14)) {
        let tar = archive(&members);
        let (before, known) = read(&tar);
        prop_assert!(rewritten(&tar, &[]).expect("nothing to do").0 == tar);

        let edits = edits(&members, &tar);
        let (out, told) = match rewritten(&tar, &edits) {
            Ok(written) => written,
            Err(error) => {
                let is_meant = ["by way of", "may be another name"].iter().any(|what| error.message.contains(what));
                prop_assert!(is_meant, "{}", error);
                return Ok(());
            }
        };
        let (after, codes) = read(&out);
        prop_assert!(codes.iter().all(|code| known.contains(code)), "{:?}", codes);
        prop_assert!(rewritten(&out, &[]).expect("nothing to do").0 == out);

        let edited: BTreeMap<u32, &Edit> =
            edits.iter().filter_map(|edit| Some((edit.member()?.member, edit))).collect();
        let mut written = after.iter();
        let (mut old, mut new) = (Unpacked::default(), Unpacked::default());
        for (index, seen) in before.iter().enumerate() {
            let index = u32::try_from(index).expect("small");
            let edit = edited.get(&index);
            // what the edits of the member itself make of it
            let content = match edit {
                Some(Edit::Truncate { .. }) => Vec::new(),
                Some(Edit::BlankBytes { .. }) => [b"**", &seen.content[2..]].concat(),
                _ => seen.content.clone(),
            };
            let expected = old.add(&seen.entry, &content);
            if matches!(edit, Some(Edit::DropMember { .. })) {
                continue;
            }
            let found = written.next().expect("is there");
            let there = new.add(&found.entry, &found.content);
            prop_assert_eq!(&found.entry.path, &seen.entry.path);
            if expected.is_some() {
                prop_assert_eq!(there, expected, "{} {}", index, seen.name());
            }
            let has_followed = told.followed.iter().any(|followed| followed.member == index);
            if edit.is_none() && !has_followed {
                prop_assert!(found.raw.0.ends_with(&seen.raw.0) && found.raw.1 == seen.raw.1);
            }
            if let Some(Edit::SetHeader { .. }) = edit {
                prop_assert_eq!((found.entry.mode, found.entry.gid), (0o7000, 3_000_000_000));
            }
        }
        prop_assert!(written.next().is_none());
    }

    #[test]
    fn damage_is_refused_or_copied_and_never_panics(at in 0_usize..20_000, noise in prop::collection::vec(any::<u8>(), 1..40), index in 0_u32..20) {
        let mut tar = odd();
        let paths: Vec<String> = read(&tar).0.iter().map(Seen::name).collect();
        let at = at % tar.len();
        let end = (at + noise.len()).min(tar.len());
        tar.splice(at..end, noise);
        let path = paths[usize::try_from(index).expect("small") % paths.len()].clone();
        let member = Member { layer: 0, member: index, path };
        for edit in [
            Edit::DropMember { member: member.clone(), secrets: vec![Span { offset: 0, length: 1 }], inside: Vec::new() },
            Edit::SetHeader { member: member.clone(), mode: Some(0), uid: Some(u32::MAX), gid: Some(1) },
            Edit::Truncate { member },
        ] {
            if let Ok((out, _)) = rewritten(&tar, &[edit]) {
                prop_assert!(rewritten(&out, &[]).expect("what was written reads").0 == out);
            }
        }
    }
}

/// Names and contents as the `tar` crate has them.
fn by_tar_crate(tar: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in tar::Archive::new(tar).entries().expect("reads") {
        let mut entry = entry.expect("reads");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("reads");
        let (name, link) = (entry.path_bytes().into_owned(), entry.link_name_bytes().map(std::borrow::Cow::into_owned));
        let header = entry.header();
        lines.push(format!(
            "{:?} {} {:?} {:?} {:?} {:?}",
            header.entry_type(),
            String::from_utf8_lossy(&name),
            link,
            header.mode(),
            header.uid(),
            Digest::sha256(&content)
        ));
    }
    lines
}

/// The lines of `tar tvf`, if there is a GNU tar here.
fn by_gnu_tar(tar: &[u8]) -> Option<Vec<String>> {
    let version = Command::new("tar").arg("--version").output().ok()?;
    if !version.stdout.windows(7).any(|window| window == b"GNU tar") {
        return None;
    }
    let mut child = Command::new("tar")
        .args(["--numeric-owner", "--full-time", "--quoting-style=escape", "-tvf", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdin.take().expect("is piped").write_all(tar).expect("takes it all");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // columns are as wide as the widest so far
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(String::from_utf8_lossy(&output.stdout).lines().map(words).collect())
}

#[test]
fn other_readers_miss_only_what_was_dropped() {
    let mut tar = odd();
    // the `tar` crate reads records by lines
    let newline = tar.windows(4).position(|window| window == b"=b\nc").expect("is there");
    tar[newline + 2] = b'_';
    let (plain, gnu) = (by_tar_crate(&tar), by_gnu_tar(&tar));
    let is_member = |line: &String| !line.starts_with("XGlobalHeader");
    for index in 0..read(&tar).0.len() {
        let (out, _) = rewritten(&tar, &[drop_of(&tar, index)]).expect("rewrites");
        let mut expected: Vec<String> = plain.iter().filter(|line| is_member(line)).cloned().collect();
        expected.remove(index);
        let found: Vec<String> = by_tar_crate(&out).into_iter().filter(is_member).collect();
        assert_eq!(found, expected);
        if let Some(gnu) = &gnu {
            let mut expected = gnu.clone();
            expected.remove(index);
            assert_eq!(by_gnu_tar(&out).as_ref(), Some(&expected));
        }
    }
}

#[test]
fn gnu_tar_unpacks_links_that_took_a_place() {
    let long = "l".repeat(150);
    let tar = Archive::default()
        .folder("d/")
        .pax(b'x', &[("path", &long)])
        .raw(Raw::new(b'0', "short", 2).ids(0o640, 0, 0), b"hi")
        .pax(b'x', &[("linkpath", &long)])
        .hard("d/b", "z")
        .hard("c", "d/b")
        .long(b'K', &long)
        .raw(Raw::new(b'1', "e", 0).gnu(), b"")
        .end();
    let (out, told) = rewritten(&tar, &[drop_of(&tar, 1)]).expect("rewrites");
    assert_eq!(told.followed.len(), 2, "`c` names `d/b` anyway");
    if by_gnu_tar(&tar).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("layer.tar");
    std::fs::write(&archive, out).expect("writes");
    let unpacked = Command::new("tar").arg("-C").arg(folder.path()).arg("-xf").arg(&archive).output().expect("runs");
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    for name in ["d/b", "c", "e"] {
        assert_eq!(std::fs::read(folder.path().join(name)).expect("is there"), b"hi");
    }
    assert!(!folder.path().join(&long).exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let links = std::fs::metadata(folder.path().join("c")).expect("is there");
        assert_eq!((links.nlink(), links.mode() & 0o777), (3, 0o640));
    }
}

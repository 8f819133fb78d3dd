//! Layers with edits, and what becomes of their members.

#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]

use super::testing::*;
use super::*;
use crate::pass::tar::BLOCK;
use crate::rebuild::{Content, Span};
use crate::tree::FileEntry;

/// Rewrites a plain tar.
pub(super) fn rewritten(tar: &[u8], edits: &[Edit]) -> Result<(Vec<u8>, Rewritten)> {
    let edits: Vec<&Edit> = edits.iter().collect();
    let mut out = Vec::new();
    let told = rewrite(&tar.to_vec(), &edits, Encoding::None, &Limits::default(), &mut out)?;
    assert_eq!(told.digest, Digest::sha256(&out));
    assert_eq!((&told.diff_id, told.size, told.expanded), (&told.digest, out.len() as u64, out.len() as u64));
    assert_eq!(told.before, Some(Digest::sha256(tar)));
    assert!(out.ends_with(&[0; 1024]));
    Ok((out, told))
}

fn written(tar: &[u8], edits: &[Edit]) -> (Vec<u8>, Rewritten) {
    rewritten(tar, edits).unwrap_or_else(|error| panic!("{error} {:?}", error.place))
}

fn dropped(tar: &[u8], indices: &[usize]) -> (Vec<u8>, Rewritten) {
    let edits: Vec<Edit> = indices.iter().map(|index| drop_of(tar, *index)).collect();
    written(tar, &edits)
}

fn refusal(tar: &[u8], edits: &[Edit]) -> String {
    rewritten(tar, edits).expect_err("is refused").message
}

/// One member of each sort that an archive can have.
pub(super) fn odd() -> Vec<u8> {
    let long = "l".repeat(150);
    let map = |name: &str| {
        [
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", name),
            ("GNU.sparse.realsize", "600"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
    };
    let map = map("sparse-one");
    let map: Vec<(&str, &str)> = map.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let mut in_content = b"1\n100\n5\n".to_vec();
    in_content.resize(BLOCK, 0);
    in_content.extend_from_slice(b"hello");
    // blocks 1, 3, 5 and 7 by the header, block 9 by its extension
    let region = |block: usize| format!("{:011o}\0{BLOCK:011o}\0", block * BLOCK);
    let mut extension = region(9).into_bytes();
    extension.resize(BLOCK, 0);
    let old = Raw::new(b'S', "sparse-old", 5 * BLOCK).gnu().put(386, [1, 3, 5, 7].map(region).concat().as_bytes());
    let old = old.put(482, &[1]).put(483, format!("{:011o}\0", 10 * BLOCK).as_bytes());
    Archive::default()
        .pax(b'g', &[("comment", "a global header")])
        .folder("./")
        .folder("./etc/")
        .file("./etc/passwd", b"root::0:0::/root:/bin/sh\n")
        .file("/abs", b"absolute")
        .raw(Raw::new(b'0', "base256", 3).put(108, &[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]), b"abc")
        .raw(Raw::new(b'0', "base256size", 0).put(124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]), b"wxyz")
        .long(b'L', &long)
        .raw(Raw::new(b'0', &long, 2).gnu(), b"ln")
        .long(b'K', &long)
        .raw(Raw::new(b'2', "to-long", 0).gnu().link(&long[..100]), b"")
        .pax(b'x', &[("path", "päth"), ("SCHILY.xattr.user.a", "b\nc"), ("mtime", "1.5"), ("size", "3")])
        .raw(Raw::new(b'0', "fallback", 0), b"pax")
        .raw(Raw::new(b'3', "dev/null", 0).put(329, b"0000001\x000000003\0"), b"")
        .raw(Raw::new(b'4', "dev/sda", 0), b"")
        .raw(Raw::new(b'6', "pipe", 0), b"")
        .raw(Raw::new(b'5', "old-folder/", 0).v7(), b"")
        .raw(Raw::new(0, "old-file", 3).v7(), b"old")
        .raw(Raw::new(b'7', "contiguous", 1), b"c")
        .raw(old, &[&extension[..], &[b'a'; 5 * BLOCK]].concat())
        .pax(b'x', &map)
        .raw(Raw::new(b'0', "GNUSparseFile.1/sparse-one", in_content.len()), &in_content)
        .pax(b'g', &[("comment", "another")])
        .file(".wh.gone", b"")
        .file("etc/.wh..wh..opq", b"")
        .raw(Raw::new(b'0', "twice", 1), b"1")
        .raw(Raw::new(b'0', "twice", 1), b"2")
        .raw(Raw::new(b'0', "prefixed", 1).put(345, b"usr/share"), b"p")
        .end()
}

#[test]
fn nothing_to_do_changes_no_byte() {
    let tar = odd();
    let (out, told) = written(&tar, &[]);
    assert!(out == tar);
    assert_eq!((told.dropped, told.changed, told.notices.len()), (0, 0, 0));
    // what follows the end marker goes
    let padded = [&tar[..], &[0; 4096], b"slack"].concat();
    let (out, told) = written(&padded, &[]);
    assert!(out == tar);
    assert_eq!(told.notices[0].code, "data-after-end-dropped");
    // an archive without its marker gets one
    assert!(written(&tar[..tar.len() - 1024], &[]).0 == tar);
}

#[test]
fn any_member_can_go_and_the_others_stay_to_the_byte() {
    let tar = odd();
    let (before, known) = read(&tar);
    let globals = tar.windows(9).filter(|window| *window == b" comment=").count();
    for index in 0..before.len() {
        let (out, told) = dropped(&tar, &[index]);
        let (after, codes) = read(&out);
        let mut expected = before.clone();
        expected.remove(index);
        assert_eq!(after.len(), expected.len());
        for (after, expected) in after.iter().zip(&expected) {
            assert_eq!(
                (&after.entry, &after.content, &after.raw.1),
                (&expected.entry, &expected.content, &expected.raw.1)
            );
            // a global header of a dropped member stands before the next one now
            assert!(after.raw.0.ends_with(&expected.raw.0), "{}", after.name());
        }
        assert_eq!(told.dropped, 1);
        assert!(codes.iter().all(|code| known.contains(code)), "{codes:?}");
        assert_eq!(out.windows(9).filter(|window| *window == b" comment=").count(), globals);
        // what is done once has nothing left to do
        assert!(written(&out, &[]).0 == out);
    }
}

#[test]
fn an_emptied_layer_is_two_blocks_of_zeros() {
    let known = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    for tar in [Archive::default().file("a", b"x").end(), odd(), Vec::new(), vec![0; 10_240]] {
        let all: Vec<usize> = (0..read(&tar).0.len()).collect();
        let (out, told) = dropped(&tar, &all);
        assert_eq!((out, told.diff_id.to_string()), (vec![0; 1024], known.into()));
    }
    let edits: [&Edit; 0] = [];
    let told = top_layer(&edits, &mut |_| Ok(Vec::new()), Encoding::None, &mut Vec::new()).expect("writes to memory");
    assert_eq!(told.diff_id.to_string(), known);
}

#[test]
fn links_to_a_dropped_file_become_it() {
    let base = || Archive::default().file("x", b"0").raw(Raw::new(b'0', "a", 2).ids(0o4750, 7, 8), b"hi");
    // archive, what is dropped of it, what is left
    let cases: Vec<(Archive, &[usize], &[&str])> = vec![
        (base().hard("b", "a"), &[1], &["/x 0", "/b hi"]),
        (base().hard(".wh.b", "a").hard("c", "a"), &[1], &["/x 0", "/.wh.b =/a", "/c hi"]),
        (base().hard("b", "a").hard("c", "a"), &[1], &["/x 0", "/b hi", "/c =/b"]),
        (base().hard("b", "./a").hard("c", "/b"), &[1], &["/x 0", "/b hi", "/c =/b"]),
        // a <- b <- c, of which b goes
        (base().hard("b", "a").hard("c", "b"), &[2], &["/x 0", "/a hi", "/c =/a"]),
        (base().hard("b", "a").hard("c", "b").hard("d", "c"), &[1, 2], &["/x 0", "/c hi", "/d =/c"]),
        (base().hard("b", "a").hard("c", "a"), &[1, 2], &["/x 0", "/c hi"]),
        (base().hard("b", "a").hard("c", "b"), &[1, 2, 3], &["/x 0"]),
        // a link means what its target was when it was met
        (base().hard("b", "a").file("a", b"new").hard("c", "a"), &[1], &["/x 0", "/b hi", "/a new", "/c =/a"]),
        (base().hard("b", "a").file("a", b"new").hard("c", "a"), &[1, 3], &["/x 0", "/b hi", "/c new"]),
        (base().hard("b", "a").file("b", b"new").hard("c", "a"), &[1], &["/x 0", "/b hi", "/b new", "/c hi"]),
        (
            base().hard("b", "a").hard("c", "a").file("b", b"new").hard("d", "a"),
            &[1],
            &["/x 0", "/b hi", "/c =/b", "/b new", "/d =/c"],
        ),
        // a folder and all in it gives way to a file
        (
            base().hard("d/b", "a").file("d", b"").folder("e").hard("c", "a"),
            &[1],
            &["/x 0", "/d/b hi", "/d ", "/e folder", "/c hi"],
        ),
        // other kinds have second names too
        (Archive::default().soft("s", "t").hard("u", "s"), &[0], &["/u ->t"]),
        (Archive::default().raw(Raw::new(b'6', "p", 0), b"").hard("q", "p"), &[0], &["/q Fifo"]),
        // links to what is in lower layers, and to itself
        (base().hard("b", "lower").hard("c", "b"), &[2], &["/x 0", "/a hi", "/c =/lower"]),
        (base().hard("a", "a").hard("b", "a"), &[1], &["/x 0", "/a =/a", "/b hi"]),
    ];
    for (archive, indices, expected) in cases {
        let tar = archive.end();
        let (out, told) = dropped(&tar, indices);
        assert_eq!(list(&out), expected, "{:?} without {indices:?}", list(&tar));
        for seen in read(&out).0.iter().filter(|seen| seen.content == b"hi") {
            assert_eq!((seen.entry.mode, seen.entry.uid, seen.entry.gid), (0o4750, 7, 8), "the file's own header");
        }
        assert_eq!(told.dropped, indices.len() as u64);
        assert_eq!(told.changed, told.followed.len() as u64);
    }
}

#[test]
fn what_followed_is_told() {
    let tar = Archive::default().file("a", b"hi").hard("b", "a").hard("c", "a").end();
    let told = dropped(&tar, &[0]).1;
    let followed = |member: u32, path: &str, how| Followed { member, path: path.into(), how };
    assert_eq!(told.followed, [followed(1, "/b", How::Became(0)), followed(2, "/c", How::Repointed)]);
    let told = written(&tar, &[set(&tar, 0, Some(0o600), None, None)]).1;
    assert_eq!(told.followed, [followed(1, "/b", How::Header), followed(2, "/c", How::Header)]);
}

#[test]
fn large_files_are_read_again_for_their_links() {
    let contents: Vec<Vec<u8>> = (1..4_u8).map(|index| vec![index; 70_000 * usize::from(index)]).collect();
    let mut archive = Archive::default();
    for (index, content) in contents.iter().enumerate() {
        archive = archive.file(&format!("f{index}"), content);
    }
    // one in order, one that needs the start again
    let tar = archive.hard("l1", "f1").hard("l2", "f2").hard("l0", "f0").hard("m1", "f1").end();
    let mut blob = Vec::new();
    let mut encoder = Encoder::new(Encoding::Gzip { level: 1 }, &mut blob).expect("starts");
    encoder.write(&tar).expect("writes to memory");
    encoder.finish().expect("writes to memory");
    let edits: Vec<Edit> = (0..3).map(|index| drop_of(&tar, index)).collect();
    let edits: Vec<&Edit> = edits.iter().collect();
    let mut out = Vec::new();
    rewrite(&blob, &edits, Encoding::None, &Limits::default(), &mut out).expect("rewrites");
    let (seen, codes) = read(&out);
    let names: Vec<_> = seen.iter().map(Seen::name).collect();
    assert_eq!((names, codes), (vec!["/l1".into(), "/l2".into(), "/l0".into(), "/m1".into()], vec![]));
    for (seen, content) in seen.iter().zip([1, 2, 0]) {
        assert!(seen.content == contents[content]);
    }
    assert_eq!(seen[3].what(), "=/l1");
}

#[test]
fn a_file_keeps_its_own_header_under_another_name() {
    let long = "n".repeat(180);
    let pax = [("SCHILY.xattr.security.capability", "cap"), ("mtime", "5.25"), ("path", "the/file")];
    let file = || Archive::default().pax(b'x', &pax).raw(Raw::new(b'0', "short", 1).ids(0o600, 1, 2), b"x");
    let gnu = || Archive::default().long(b'L', &long).raw(Raw::new(b'0', "g", 1).gnu(), b"x");
    let sparse = || {
        let records = [
            ("GNU.sparse.size", "9"),
            ("GNU.sparse.numblocks", "1"),
            ("GNU.sparse.map", "8,1"),
            ("GNU.sparse.name", "sp"),
        ];
        Archive::default().pax(b'x', &records).raw(Raw::new(b'0', "GNUSparseFile.0/sp", 1), b"x")
    };
    let cases = [
        (file().hard("b", "the/file").hard("c", "b"), "b"),
        (
            file()
                .pax(b'x', &[("path", &long), ("linkpath", "the/file")])
                .hard("b", "z")
                .pax(b'x', &[("linkpath", &long)])
                .hard("c", "y"),
            "",
        ),
        (file().long(b'L', &long).hard("b", "the/file").pax(b'x', &[("linkpath", &long)]).hard("c", "y"), ""),
        (gnu().long(b'K', &long).raw(Raw::new(b'1', "b", 0).gnu(), b"").hard("c", "b"), "b"),
        (
            gnu()
                .pax(b'x', &[("linkpath", &long)])
                .raw(Raw::new(b'1', "b", 0).put(345, b"pre"), b"")
                .hard("c", "pre/b"),
            "pre/b",
        ),
        (sparse().hard("b", "sp").hard("c", "sp"), "b"),
    ];
    for (archive, name) in cases {
        let tar = archive.end();
        let (before, _) = read(&tar);
        let (out, _) = dropped(&tar, &[0]);
        let (after, codes) = read(&out);
        assert_eq!(codes, [""; 0]);
        let name = if name.is_empty() { &long } else { name };
        let (old, new) = (&before[0], &after[0]);
        assert_eq!(new.entry, FileEntry { path: name.into(), ..old.entry.clone() });
        assert_eq!((&new.content, &new.raw.1), (&old.content, &old.raw.1));
        assert_eq!(after[1].what(), format!("=/{name}"));
        assert_eq!(out.windows(3).any(|w| w == b"cap"), tar.windows(3).any(|w| w == b"cap"));
        assert!(!out.windows(8).any(|window| window == b"the/file"), "the dropped name is gone");
    }
}

#[test]
fn a_target_that_may_be_a_dropped_name_is_refused() {
    let tar = Archive::default().soft("lib", "usr/lib").file("usr/lib/so", b"x").hard("b", "lib/so").end();
    assert!(refusal(&tar, &[drop_of(&tar, 1)]).contains("may be another name"));
    // not if the layer has that very name, nor if the link goes too
    let tar = Archive::default().file("lib/so", b"y").file("usr/lib/so", b"x").hard("b", "lib/so").end();
    assert_eq!(list(&dropped(&tar, &[1]).0), ["/lib/so y", "/b =/lib/so"]);
    let tar = Archive::default().file("usr/lib/so", b"x").hard("b", "lib/so").end();
    assert_eq!(list(&dropped(&tar, &[0, 1]).0), [""; 0]);
}

#[test]
fn secrets_go_with_all_names_or_not_at_all() {
    let tar = Archive::default().file("a", b"key=hunter22;").hard("b", "a").end();
    let secret =
        Edit::DropMember { member: member(&tar, 0), secrets: vec![Span { offset: 4, length: 8 }], inside: Vec::new() };
    assert!(refusal(&tar, std::slice::from_ref(&secret)).contains("dropped for a secret"));
    let (out, told) = written(&tar, &[secret, drop_of(&tar, 1)]);
    assert_eq!(out, vec![0; 1024]);
    assert_eq!(told.excised.len(), 1);
    assert!(told.excised[0].with(|bytes| bytes == b"hunter22"));
}

#[test]
fn bytes_are_blanked_in_place() {
    let tar = Archive::default().file("before", b"1").file("a", b"key=hunter22;").file("after", b"2").end();
    let spans = vec![Span { offset: 4, length: 4 }, Span { offset: 6, length: 6 }];
    let (out, told) = written(&tar, &[Edit::BlankBytes { member: member(&tar, 1), spans }]);
    assert_eq!(list(&out), ["/before 1", "/a key=********;", "/after 2"]);
    let (before, after) = (read(&tar).0, read(&out).0);
    assert_eq!(before[1].raw.0, after[1].raw.0);
    let texts: Vec<Vec<u8>> = told.excised.iter().map(|excised| excised.with(<[u8]>::to_vec)).collect();
    assert_eq!(texts, [b"hunt".to_vec(), b"nter22".to_vec()]);
    assert_eq!((told.changed, told.dropped), (1, 0));
    // not beyond the end, not in what has holes or no content
    let behind = vec![Span { offset: 13, length: 1 }];
    assert!(refusal(&tar, &[Edit::BlankBytes { member: member(&tar, 1), spans: behind }]).contains("behind the end"));
    let odd = odd();
    for (index, seen) in read(&odd).0.iter().enumerate() {
        let spans = vec![Span { offset: 0, length: 1 }];
        let result = rewritten(&odd, &[Edit::BlankBytes { member: member(&odd, index), spans }]);
        let is_plain = seen.entry.is_file() && seen.entry.size > 0 && !seen.name().starts_with("/sparse");
        assert_eq!(result.is_ok(), is_plain, "{}", seen.name());
    }
}

#[test]
fn a_secret_of_a_sparse_file_is_found_behind_its_holes() {
    let tar = odd();
    let index = read(&tar).0.iter().position(|seen| seen.name() == "/sparse-one").expect("is there");
    let drop = |offset| Edit::DropMember {
        member: member(&tar, index),
        secrets: vec![Span { offset, length: 3 }],
        inside: Vec::new(),
    };
    let told = written(&tar, &[drop(102)]).1;
    assert!(told.excised[0].with(|bytes| bytes == b"llo"));
    assert!(refusal(&tar, &[drop(98)]).contains("hole"));
}

#[test]
fn files_are_emptied() {
    let tar = odd();
    let (before, known) = read(&tar);
    for (index, seen) in before.iter().enumerate() {
        let result = rewritten(&tar, &[Edit::Truncate { member: member(&tar, index) }]);
        assert_eq!(result.is_ok(), seen.entry.is_file(), "{}", seen.name());
        let Ok((out, _)) = result else { continue };
        let (after, codes) = read(&out);
        assert!(codes.iter().all(|code| known.contains(code)), "{} {codes:?}", seen.name());
        let mut expected = before.clone();
        expected[index].entry.size = 0;
        assert!(after.iter().map(|seen| &seen.entry).eq(expected.iter().map(|seen| &seen.entry)), "{}", seen.name());
        assert_eq!(after[index].raw.1, b"");
    }
}

#[test]
fn names_that_would_mean_something_else_are_put_right() {
    let tar = Archive::default().raw(Raw::new(b'0', "x/", 1), b"1").end();
    let (out, _) = written(&tar, &[Edit::Truncate { member: member(&tar, 0) }]);
    assert_eq!(list(&out), ["/x "], "still a file");
    // a prefix where GNU headers have times
    let old = Raw::new(b'0', "f", 1).gnu().put(345, b"prefix");
    let sparse = Raw::new(b'S', "f", 1)
        .gnu()
        .put(345, b"prefix")
        .put(386, b"00000000005\x0000000000001\0")
        .put(483, b"00000000006\0");
    for (raw, content) in [(old, "1"), (sparse, "\0\0\0\0\x001")] {
        let tar = Archive::default().raw(raw, b"1").hard("g/", "prefix/f").end();
        assert_eq!(list(&tar), [format!("/prefix/f {content}"), "/g =/prefix/f".into()]);
        let (out, _) = dropped(&tar, &[0]);
        assert_eq!(list(&out), [format!("/g {content}")]);
    }
}

#[test]
fn empty_passwords_are_locked() {
    let content = "root::0:0::/root:/bin/sh\napp::1:1::/:/bin/sh\nbin:x:2:2::/:/bin/sh\n";
    let records = [("size", &*content.len().to_string())];
    let tar =
        Archive::default().pax(b'x', &records).raw(Raw::new(b'0', "etc/passwd", 0), content.as_bytes()).file("z", b"z");
    let tar = tar.end();
    let lock = |user: &str| Edit::LockPassword { member: member(&tar, 0), user: user.into() };
    let (out, _) = written(&tar, &[lock("root"), lock("app"), set(&tar, 0, Some(0o640), None, None)]);
    let locked = content.replace("::0:", ":!:0:").replace("::1:", ":!:1:");
    assert_eq!(list(&out), [format!("/etc/passwd {locked}"), "/z z".into()]);
    assert_eq!(read(&out).0[0].entry.mode, 0o640);
    assert!(refusal(&tar, &[lock("bin")]).contains("no empty password"));
}

#[test]
fn owners_and_modes_are_set_in_place() {
    let big = 3_000_000_000;
    let records = [("uid", "5"), ("uname", "joe"), ("comment", "kept"), ("mtime", "1.5")];
    let archives = [
        Archive::default().file("f", b"x"),
        Archive::default().raw(Raw::new(b'0', "f", 1).gnu().put(265, b"joe"), b"x"),
        Archive::default().raw(Raw::new(b'0', "f", 1).v7(), b"x"),
        Archive::default().pax(b'x', &records).file("f", b"x"),
        Archive::default().raw(Raw::new(b'0', "f", 1).put(108, &[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]), b"x"),
        Archive::default().raw(Raw::new(b'0', "f", 1).put(100, b"100644 \0"), b"x"),
        Archive::default().raw(Raw::new(b'2', "f", 0).link("t"), b""),
        Archive::default().folder("f"),
    ];
    for archive in archives {
        let tar = archive.clone().file("other", b"y").end();
        let old = read(&tar).0;
        for (mode, uid, gid) in [
            (Some(0o755), None, None),
            (None, Some(0), None),
            (None, Some(1000), Some(big)),
            (Some(0o4711), Some(big), Some(0)),
        ] {
            let (out, told) = written(&tar, &[set(&tar, 0, mode, uid, gid)]);
            let (new, codes) = read(&out);
            assert_eq!(codes, [""; 0]);
            let expected = FileEntry {
                mode: mode.unwrap_or(old[0].entry.mode),
                uid: uid.unwrap_or(old[0].entry.uid),
                gid: gid.unwrap_or(old[0].entry.gid),
                ..old[0].entry.clone()
            };
            assert_eq!((&new[0].entry, &new[0].content), (&expected, &old[0].content));
            assert_eq!(new[1], old[1]);
            assert_eq!(told.changed, u64::from(out != tar));
            if uid.is_some_and(|uid| uid != old[0].entry.uid) {
                assert!(!out.windows(3).any(|window| window == b"joe"), "the old owner's name is gone");
            }
            assert_eq!(out.windows(4).any(|w| w == b"kept"), tar.windows(4).any(|w| w == b"kept"));
        }
        let same = &old[0].entry;
        let (out, told) = written(&tar, &[set(&tar, 0, Some(same.mode), Some(same.uid), Some(same.gid))]);
        assert!(out == tar, "what is so already is not touched");
        assert_eq!(told.changed, 0);
    }
}

#[test]
fn links_of_a_file_with_another_mode_have_it_too() {
    let suid =
        |typeflag| Raw::new(typeflag, if typeflag == b'0' { "su" } else { "sudo" }, 0).ids(0o4755, 0, 0).link("su");
    let tar = Archive::default().raw(suid(b'0'), b"").raw(suid(b'1'), b"").end();
    let (out, told) = written(&tar, &[set(&tar, 0, Some(0o755), None, None)]);
    let modes: Vec<u32> = read(&out).0.iter().map(|seen| seen.entry.mode).collect();
    assert_eq!((modes, told.changed), (vec![0o755, 0o755], 2));
}

#[test]
fn tables_for_lazy_pulling_go() {
    let tar =
        Archive::default().file(".no.prefetch.landmark", b"\x0f").file("a", b"1").file("stargz.index.json", b"{}");
    let tar = tar.file("etc/stargz.index.json", b"").end();
    let (out, told) = dropped(&tar, &[1]);
    assert_eq!(list(&out), ["/etc/stargz.index.json "]);
    let codes: Vec<_> = told.notices.iter().map(|notice| (notice.code, notice.place.as_str())).collect();
    assert_eq!(codes, [("toc-dropped", "/.no.prefetch.landmark"), ("toc-dropped", "/stargz.index.json")]);
}

#[test]
fn strays_between_members_never_make_an_end() {
    let tar = Archive::default().file("a", b"1").zeros(1).file("b", b"2").zeros(1).file("c", b"3").end();
    assert!(written(&tar, &[]).0 == tar);
    assert_eq!(list(&dropped(&tar, &[1]).0), ["/a 1", "/c 3"]);
    // an extended header that a global one makes void stays void
    let forgotten = Archive::default().pax(b'x', &[("path", "evil")]).pax(b'g', &[("comment", "g")]).file("a", b"1");
    let tar = forgotten.hard("b", "a").end();
    assert_eq!(list(&dropped(&tar, &[0]).0), ["/b 1"]);
    let orphan = Archive::default().file("a", b"1").pax(b'x', &[("path", "orphan")]).end();
    let (out, told) = written(&orphan, &[]);
    assert!(out == Archive::default().file("a", b"1").end());
    assert_eq!(told.notices[0].code, "orphan-extension-dropped");
}

#[test]
fn a_global_header_stays_only_before_a_member() {
    let global = |archive: Archive| archive.pax(b'g', &[("comment", "g")]);
    let tar = global(Archive::default().file("a", b"1")).file("b", b"2").file("c", b"3").end();
    assert!(dropped(&tar, &[1]).0 == global(Archive::default().file("a", b"1")).file("c", b"3").end());
    assert!(dropped(&tar, &[0]).0 == global(Archive::default()).file("b", b"2").file("c", b"3").end());
    assert!(dropped(&tar, &[1, 2]).0 == Archive::default().file("a", b"1").end());
    assert!(dropped(&tar, &[0, 1, 2]).0 == Archive::default().end());
    let (out, told) = written(&global(Archive::default().file("a", b"1")).end(), &[]);
    assert!(out == Archive::default().file("a", b"1").end());
    assert_eq!(told.notices[0].code, "orphan-extension-dropped");
}

#[test]
fn edits_that_do_not_belong_to_the_layer_are_refused() {
    let tar = Archive::default().file("a", b"1").folder("d").end();
    let of = |member: u32, path: &str| Member { layer: 0, member, path: path.into() };
    let drop = |member, path| Edit::DropMember { member: of(member, path), secrets: Vec::new(), inside: Vec::new() };
    let set = |mode| Edit::SetHeader { member: of(0, "/a"), mode: Some(mode), uid: None, gid: None };
    let cases: [(Vec<Edit>, &str); 8] = [
        (vec![drop(0, "/b")], "belong to another image"),
        (vec![drop(2, "/c")], "belong to another image"),
        (vec![drop(0, "/a"), drop(0, "/b")], "two paths"),
        (vec![drop(0, "/a"), set(1)], "dropped and changed"),
        (vec![set(1), set(2)], "two modes"),
        (vec![Edit::Truncate { member: of(1, "/d") }], "no regular file"),
        (vec![Edit::Whiteout { path: "a".into() }], "of no member"),
        (
            vec![Edit::Truncate { member: of(0, "/a") }, Edit::LockPassword { member: of(0, "/a"), user: "u".into() }],
            "emptied and changed",
        ),
    ];
    for (edits, what) in cases {
        let message = refusal(&tar, &edits);
        assert!(message.contains(what), "{message}");
    }
    // the slash in front is no matter
    assert_eq!(written(&tar, &[drop(0, "a")]).1.dropped, 1);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let tar = Archive::default().file("a", b"1").file("b", b"2").end();
    let mut bad = tar.clone();
    bad[1030] ^= 1;
    assert!(refusal(&bad, &[]).contains("checksum"));
    assert!(refusal(&tar[..1100], &[]).contains("ends within"));
    let gzip = {
        let mut blob = Vec::new();
        let mut encoder = Encoder::new(Encoding::Gzip { level: 6 }, &mut blob).expect("starts");
        encoder.write(&tar).expect("writes to memory");
        encoder.finish().expect("writes to memory");
        blob
    };
    let mut damaged = gzip.clone();
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    assert!(refusal(&damaged, &[]).contains("rewritten"));
    let limits = Limits { entries: 1, ..Limits::default() };
    let error = rewrite(&tar, &[], Encoding::None, &limits, &mut Vec::new()).expect_err("has two");
    assert_eq!(error.kind, ErrorKind::Limit);
    // heads have a cap where they are kept
    let many = (0..20).fold(Archive::default(), |archive, _| archive.extension(b'x', &write_large())).file("a", b"");
    assert!(refusal(&many.end(), &[]).contains("extended headers of more than"));
}

fn write_large() -> Vec<u8> {
    header::write_records(&[(b"comment".to_vec(), vec![b'c'; 1_000_000])])
}

#[test]
fn every_compression_is_kept_or_told() {
    let tar = Archive::default().file("a", b"1").file("b", b"2").end();
    for (encoding, is_same) in
        [(Encoding::None, true), (Encoding::Gzip { level: 6 }, true), (Encoding::Zstd { level: 3 }, true)]
    {
        let mut blob = Vec::new();
        let mut encoder = Encoder::new(encoding, &mut blob).expect("starts");
        encoder.write(&tar).expect("writes to memory");
        encoder.finish().expect("writes to memory");
        assert_eq!(Encoding::like(&blob).expect("reads"), encoding);
        let drop = drop_of(&tar, 0);
        let mut out = Vec::new();
        let told = rewrite(&blob, &[&drop], encoding, &Limits::default(), &mut out).expect("rewrites");
        assert_eq!(told.notices.is_empty(), is_same);
        let again = rewrite(&out, &[], Encoding::None, &Limits::default(), &mut Vec::new()).expect("reads");
        assert_eq!((again.diff_id, again.notices[..].len()), (told.diff_id, usize::from(encoding != Encoding::None)));
        let member = member(&tar, 1);
        let read = |most| {
            let mut all = Vec::new();
            read_members(&blob, [&member], most, &Limits::default(), &mut |_, bytes| {
                all.push(bytes);
                Ok(())
            })
            .map(|()| all)
        };
        assert_eq!(read(1).expect("reads"), [b"2"]);
        assert!(read(0).is_err());
    }
    assert_eq!(Encoding::of(decode::Compression::Xz), Encoding::Gzip { level: 6 });
}

/// A blob that is read in small pieces.
#[derive(Debug)]
struct Slow(Vec<u8>);

impl Blob for Slow {
    fn open(&self) -> Result<Box<dyn io::Read + Send + '_>> {
        struct Pieces<'a>(&'a [u8]);
        impl io::Read for Pieces<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let count = out.len().min(7_001);
                self.0.read(&mut out[..count])
            }
        }
        Ok(Box::new(Pieces(&self.0)))
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}

#[test]
fn what_stays_is_not_compressed_again() {
    let mut state = 11_u64;
    let mut content = |length: usize| -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(format!("{:x} return self.", state >> 40).as_bytes());
        }
        bytes
    };
    let mut archive = Archive::default();
    for number in 0..60 {
        archive = archive.file(&format!("f{number}"), &content(40_000));
    }
    let tar = archive.hard("l59", "f59").file("large", &vec![b'x'; 3_000_000]).file("end", b"end").end();
    let packed = |level| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        packer.write_all(&tar).expect("to memory");
        packer.finish().expect("to memory")
    };
    let sizes = |blob: &[u8]| -> Vec<(u64, u64)> {
        let blocks = Rc::new(RefCell::new(Blocks::default()));
        let mut watched = Watched { inner: blob, blocks: Rc::clone(&blocks) };
        io::copy(&mut watched, &mut io::sink()).expect("from memory");
        let mut found = blocks.borrow_mut();
        std::iter::from_fn(|| found.take()).map(|block| (block.start, block.end - block.start)).collect()
    };
    let whole = [
        vec![],
        vec![drop_of(&tar, 0)],
        vec![drop_of(&tar, 20), drop_of(&tar, 21), set(&tar, 40, Some(0o600), None, None)],
        vec![Edit::Truncate { member: member(&tar, 30) }],
        vec![Edit::BlankBytes { member: member(&tar, 31), spans: vec![Span { offset: 9, length: 90 }] }],
        vec![drop_of(&tar, 59)],
        vec![drop_of(&tar, 61), drop_of(&tar, 62)],
    ];
    for edits in &whole {
        let edits: Vec<&Edit> = edits.iter().collect();
        let plain = |blob: &dyn Blob, encoding| {
            let mut out = Vec::new();
            let told = rewrite(blob, &edits, encoding, &Limits::default(), &mut out).expect("rewrites");
            (out, told.diff_id)
        };
        let (wanted, _) = plain(&tar, Encoding::None);
        for level in [1, 3, 6] {
            let blob = packed(level);
            let (out, diff_id) = plain(&blob, Encoding::Gzip { level: 6 });
            assert!(diff_id.matches(&wanted));
            let mut found = Vec::new();
            let mut decoder = decode::open(&out[..], &Limits::default()).expect("opens");
            decoder.read_to_end(&mut found).expect("decodes");
            assert!(found == wanted, "{level}: {edits:?}");
            assert!(plain(&Slow(blob.clone()), Encoding::Gzip { level: 6 }).0 == out, "{level}: {edits:?}");
            let (before, after) = (sizes(&blob), sizes(&out));
            let copied = after.iter().filter(|(_, size)| before.iter().any(|(_, old)| old == size)).count();
            // the fastest level makes one block of all
            assert!(copied * 10 >= before.len() * 6, "{level}: {copied} of {} blocks, {edits:?}", before.len());
        }
    }
}

#[test]
fn the_layer_on_top_is_sorted_and_the_same_each_time() {
    let long = format!("opt/{}", "x".repeat(120));
    let file = |path: &str, content: Content| Edit::AddFile {
        path: path.into(),
        mode: 0o640,
        uid: 0,
        gid: 42,
        mtime: 1_700_000_000,
        content,
    };
    let shadow = Member { layer: 0, member: 3, path: "/etc/shadow".into() };
    let mut edits = vec![
        file("etc/shadow", Content::Locked { member: shadow.clone(), user: "root".into() }),
        file("etc/passwd", Content::Appended { member: shadow.clone(), lines: vec!["app:x:1:1".into()] }),
        file("etc/copy", Content::File { member: shadow.clone() }),
        file(&long, Content::Text { text: "t".into() }),
        Edit::AddFolder { path: "opt".into(), mode: 0o1777, uid: 3_000_000_000, gid: 0, mtime: -5 },
        Edit::Whiteout { path: "usr/bin/su".into() },
        Edit::Whiteout { path: "top".into() },
    ];
    let write = |edits: &[Edit]| {
        let edits: Vec<&Edit> = edits.iter().collect();
        let mut out = Vec::new();
        let mut read = |member: &Member| {
            assert_eq!(*member, shadow);
            Ok(b"root::1".to_vec())
        };
        top_layer(&edits, &mut read, Encoding::None, &mut out).map(|told| (out, told))
    };
    let (out, told) = write(&edits).expect("writes");
    let expected = [
        "/.wh.top ",
        "/usr/bin/.wh.su ",
        "/etc/copy root::1",
        "/etc/passwd root::1\napp:x:1:1\n",
        "/etc/shadow root:!:1",
        "/opt folder",
        &format!("/{long} t"),
    ];
    assert_eq!(list(&out), expected);
    let (seen, codes) = read(&out);
    assert_eq!(codes, [""; 0]);
    let opt = &seen[5].entry;
    assert_eq!((opt.mode, opt.uid, opt.gid, opt.mtime), (0o1777, 3_000_000_000, 0, -5));
    let passwd = &seen[3].entry;
    assert_eq!((passwd.mode, passwd.uid, passwd.gid, passwd.mtime), (0o640, 0, 42, 1_700_000_000));
    assert_eq!((told.diff_id, told.before), (Digest::sha256(&out), None));
    edits.reverse();
    assert!(write(&edits).expect("writes").0 == out, "whatever order they come in");

    for (bad, what) in [
        (file("/etc/x", Content::Text { text: String::new() }), "no clean path"),
        (file("etc/../x", Content::Text { text: String::new() }), "no clean path"),
        (file("", Content::Text { text: String::new() }), "no clean path"),
        (file("etc/.wh.x", Content::Text { text: String::new() }), "whiteout"),
        (file("top", Content::Text { text: String::new() }), "added and hidden"),
        (file("opt", Content::Text { text: String::new() }), "added twice"),
        (file("y", Content::Appended { member: shadow.clone(), lines: vec!["a\nb".into()] }), "line feed"),
        (file("y", Content::Locked { member: shadow.clone(), user: "app".into() }), "no empty password"),
    ] {
        let error = write(&[&edits[..], &[bad]].concat()).expect_err("is refused");
        assert!(error.message.contains(what), "{error}");
    }
}

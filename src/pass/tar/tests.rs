//! Archives built byte by byte, and ordinary ones compared with the `tar` crate.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::format_collect,
    reason = "tests may panic, and be slow"
)]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// Bytes of an archive in the making.
#[derive(Clone, Default)]
struct Archive(Vec<u8>);

/// One header in the making: ustar, a file of mode 644.
#[derive(Clone)]
struct Raw(Block);

impl Raw {
    fn new(typeflag: u8, name: &str, size: u64) -> Self {
        let mut raw = Self([0; BLOCK]);
        raw.put(0, name.as_bytes());
        raw.put(100, b"0000644\0").put(108, b"0000000\0").put(116, b"0000000\0");
        raw.put(124, format!("{size:011o}\0").as_bytes()).put(136, b"00000000001\0");
        raw.put(156, &[typeflag]).put(257, b"ustar\x0000");
        raw
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn gnu(&mut self) -> &mut Self {
        self.put(257, b"ustar  \0")
    }

    fn sum(&mut self) -> &mut Self {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes())
    }
}

impl Archive {
    fn raw(mut self, raw: &mut Raw, content: &[u8]) -> Self {
        self.0.extend_from_slice(&raw.sum().0);
        self.content(content)
    }

    fn content(mut self, content: &[u8]) -> Self {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    fn member(self, typeflag: u8, name: &str, content: &[u8]) -> Self {
        self.raw(&mut Raw::new(typeflag, name, content.len() as u64), content)
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.member(b'0', name, content)
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        self.member(b'x', "PaxHeaders/x", records_of(records).as_bytes())
    }

    fn zeros(mut self, blocks: usize) -> Self {
        self.0.resize(self.0.len() + blocks * BLOCK, 0);
        self
    }

    fn end(self) -> Vec<u8> {
        self.zeros(2).0
    }
}

fn records_of(records: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..rest + 9).find(|length| length.to_string().len() + rest == *length);
        writeln!(text, "{} {key}={value}", length.expect("some length fits")).expect("writes to memory");
    }
    text
}

/// What a reader made of an archive.
#[derive(Debug)]
struct Seen {
    entries: Vec<(FileEntry, Vec<u8>)>,
    codes: Vec<&'static str>,
    gaps: Vec<&'static str>,
    error: Option<TarError>,
}

impl Seen {
    fn names(&self) -> Vec<String> {
        self.entries.iter().map(|(entry, _)| entry.path.to_string()).collect()
    }

    fn content(&self, name: &str) -> &[u8] {
        let found = self.entries.iter().find(|(entry, _)| entry.path == name.into());
        &found.unwrap_or_else(|| panic!("{name} is not in {:?}", self.names())).1
    }

    fn entry(&self, name: &str) -> &FileEntry {
        let found = self.entries.iter().find(|(entry, _)| entry.path == name.into());
        &found.unwrap_or_else(|| panic!("{name} is not in {:?}", self.names())).0
    }

    fn error_kind(&self) -> Option<TarErrorKind> {
        self.error.as_ref().map(|error| error.kind)
    }

    /// Complete, and nothing said but for the missing end marker.
    fn is_clean(&self) -> bool {
        self.error.is_none() && self.codes.iter().all(|code| *code == "no-end-marker")
    }
}

fn read(archive: &[u8]) -> Seen {
    read_with(archive, &Limits::default())
}

fn read_with(archive: &[u8], limits: &Limits) -> Seen {
    let mut reader = TarReader::new(archive, limits);
    let mut entries = Vec::new();
    let mut error = None;
    loop {
        match reader.next() {
            Ok(Some(entry)) => {
                let mut content = Vec::new();
                // an error here is told again by `next`
                let _ = reader.read_to_end(&mut content);
                entries.push((entry, content));
            }
            Ok(None) => break,
            Err(failure) => {
                error = Some(failure);
                break;
            }
        }
    }
    let done = reader.finish();
    assert_eq!(done.error.map(|error| error.kind), error.as_ref().map(|error| error.kind));
    assert_eq!(done.size, archive.len() as u64, "all is read");
    let codes = done.anomalies.iter().map(|anomaly| anomaly.code).collect();
    let gaps = done.anomalies.iter().filter(|anomaly| anomaly.is_gap).map(|anomaly| anomaly.code).collect();
    Seen { entries, codes, gaps, error }
}

#[test]
fn ordinary_members_of_every_type() {
    let mut device = Raw::new(b'3', "dev/null", 0);
    device.put(329, b"0000001\0").put(337, b"0000003\0");
    let mut hard = Raw::new(b'1', "hard", 0);
    hard.put(157, b"./../etc/passwd");
    let mut soft = Raw::new(b'2', "soft", 0);
    soft.put(157, b"../etc/passwd");
    let mut owned = Raw::new(b'0', "./usr/bin/sudo", 3);
    owned.put(100, b"0104755\0").put(108, b"0001750\0").put(116, b"0000144\0").put(136, b"14717076423\0");
    let archive = Archive::default()
        .member(b'5', "etc/", b"")
        .file("etc/passwd", b"root")
        .raw(&mut owned, b"elf")
        .raw(&mut device, b"")
        .member(b'4', "dev/sda", b"")
        .member(b'6', "pipe", b"")
        .raw(&mut hard, b"")
        .raw(&mut soft, b"")
        .file("etc/.wh.shadow", b"")
        .end();
    let seen = read(&archive);
    assert!(seen.is_clean(), "{seen:?}");
    let names = seen.names();
    assert_eq!(
        names,
        ["/etc", "/etc/passwd", "/usr/bin/sudo", "/dev/null", "/dev/sda", "/pipe", "/hard", "/soft", "/etc/.wh.shadow"]
    );
    assert_eq!(seen.content("etc/passwd"), b"root");
    let sudo = seen.entry("usr/bin/sudo");
    assert_eq!((sudo.mode, sudo.uid, sudo.gid, sudo.mtime, sudo.size), (0o4755, 1000, 100, 0o14_717_076_423, 3));
    assert_eq!(seen.entry("dev/null").kind, FileKind::CharacterDevice(1, 3));
    assert_eq!(seen.entry("dev/sda").kind, FileKind::BlockDevice(0, 0));
    assert_eq!(seen.entry("pipe").kind, FileKind::Fifo);
    assert_eq!(seen.entry("hard").kind, FileKind::HardLink("etc/passwd".into()));
    assert_eq!(seen.entry("soft").kind, FileKind::Symlink(b"../etc/passwd"[..].into()));
    assert!(seen.entry("etc/.wh.shadow").is_marker());
}

#[test]
fn names_by_flavour() {
    let prefixed = |magic: &[u8]| {
        let mut raw = Raw::new(b'0', "name", 0);
        raw.put(257, &[0; 8]).put(257, magic).put(345, b"some/prefix");
        raw
    };
    let mut star = prefixed(b"ustar\x0000");
    star.put(508, b"tar\0").put(345 + 131, b"00000000000 ");
    let cases = [
        (prefixed(b"ustar\x0000"), "/some/prefix/name"),
        (prefixed(b"ustar\0\0\0"), "/some/prefix/name"),
        (prefixed(b""), "/name"),
        (star, "/some/prefix/name"),
        // old GNU has times there; text in them is a name by the Go of old
        (prefixed(b"ustar  \0"), "/some/prefix/name"),
        (prefixed(b"ustar  \0").put(345, b"12345670123\x0012345670123\0").clone(), "/name"),
        (prefixed(b"ustar  \0").put(345, &[0; 24]).clone(), "/name"),
    ];
    for (mut raw, name) in cases {
        assert_eq!(read(&Archive::default().raw(&mut raw, b"").end()).names(), [name]);
    }
    // names that fill their fields have no terminator
    let mut full = Raw::new(b'0', &"n".repeat(100), 0);
    full.put(345, "p".repeat(155).as_bytes());
    let seen = read(&Archive::default().raw(&mut full, b"").end());
    assert_eq!(seen.names(), [format!("/{}/{}", "p".repeat(155), "n".repeat(100))]);
}

#[test]
fn folders_of_old_archives_end_in_a_slash() {
    let kinds = |typeflag, content: &[u8]| {
        let seen = read(&Archive::default().member(typeflag, "a/", content).file("b", b"").end());
        (seen.entry("a").kind.clone(), seen.gaps.clone(), seen.error_kind())
    };
    assert_eq!(kinds(0, b""), (FileKind::Directory, vec![], None));
    assert_eq!(kinds(b'0', b""), (FileKind::Directory, vec![], None));
    assert_eq!(kinds(b'7', b""), (FileKind::Directory, vec![], None));
    // an engine unpacks a file here, so its content must be seen
    assert_eq!(kinds(b'0', b"x"), (FileKind::File, vec![], None));
    assert_eq!(read(&Archive::default().member(0, "a", b"x").end()).content("a"), b"x");
    assert_eq!(read(&Archive::default().member(b'7', "a", b"x").end()).content("a"), b"x");
}

#[test]
fn checksums_of_signed_bytes_are_right_too() {
    let mut raw = Raw::new(b'0', "caf\u{e9}", 0);
    raw.sum();
    raw.put(148, b"        ");
    let sum: i32 = raw.0.iter().map(|byte| i32::from(byte.cast_signed())).sum();
    raw.put(148, format!("{sum:06o}\0 ").as_bytes());
    let archive = Archive(raw.0.to_vec()).end();
    assert_eq!(read(&archive).names(), ["/café"]);
    let mut wrong = archive;
    wrong[0] ^= 1;
    let seen = read(&wrong);
    assert_eq!(seen.error_kind(), Some(TarErrorKind::Malformed));
    assert!(seen.error.expect("it failed").what.contains("no tar archive"));
}

#[test]
fn pax_records_apply_to_the_member_alone() {
    let long = "d/".repeat(90) + "f";
    let archive = Archive::default()
        .pax(&[("path", &long), ("uid", "4000000"), ("gid", "7"), ("mtime", "1700000000.9"), ("size", "3")])
        .raw(&mut Raw::new(b'0', "short", 0), b"abc")
        .pax(&[("linkpath", "/target\nwith newline"), ("SCHILY.xattr.security.capability", "\u{1}\0")])
        .member(b'2', "link", b"")
        .pax(&[("SCHILY.xattr.user.x", "9 path=y\n"), ("SCHILY.xattr.security.capability", "\u{1}\0\0")])
        .file("capable", b"")
        .file("plain", b"x")
        .end();
    let seen = read(&archive);
    assert_eq!(seen.names(), [format!("/{long}"), "/link".into(), "/capable".into(), "/plain".into()]);
    assert_eq!(seen.content(&long), b"abc");
    let first = seen.entry(&long);
    assert_eq!((first.uid, first.gid, first.mtime), (4_000_000, 7, 1_700_000_000));
    assert_eq!(seen.entry("link").kind, FileKind::Symlink(b"/target\nwith newline"[..].into()));
    assert!(seen.entry("capable").capabilities.is_some() && seen.entry("plain").capabilities.is_none());
    assert!(seen.entry("capable").has_attributes && !seen.entry("plain").has_attributes);
    assert_eq!(seen.entry("plain").uid, 0);
    assert_eq!(seen.codes, ["ambiguous-size"]);
}

#[test]
fn the_pax_size_is_the_files_and_not_a_long_names() {
    let name = "n".repeat(150);
    let hidden = Archive::default().file("hidden", b"no member").0;
    let archive = Archive::default()
        .pax(&[("size", &hidden.len().to_string())])
        .member(b'L', "././@LongLink", format!("{name}\0").as_bytes())
        .raw(&mut Raw::new(b'0', "short", 0), &hidden)
        .file("after", b"")
        .end();
    let seen = read(&archive);
    assert_eq!(seen.names(), [format!("/{name}"), "/after".into()]);
    assert_eq!(seen.content(&name), hidden);
}

#[test]
fn gnu_long_names_and_link_targets() {
    let (name, target) = ("n/".repeat(200) + "x", "t".repeat(300));
    let archive = Archive::default()
        .member(b'K', "././@LongLink", format!("{target}\0").as_bytes())
        .member(b'L', "././@LongLink", format!("{name}\0junk").as_bytes())
        .member(b'2', "cut", b"")
        .file("next", b"")
        .end();
    let seen = read(&archive);
    assert!(seen.is_clean(), "{:?}", seen.codes);
    assert_eq!(seen.names(), [format!("/{name}"), "/next".into()]);
    assert_eq!(seen.entry(&name).kind, FileKind::Symlink(target.as_bytes().into()));
}

#[test]
fn ambiguous_extensions_are_told() {
    let long = |name: &str| format!("{name}\0");
    let cases = [
        (Archive::default().pax(&[("path", "a")]).member(b'L', "l", long("b").as_bytes()), "/b", "ambiguous-name"),
        (Archive::default().pax(&[("path", "a")]).pax(&[("path", "b")]), "/b", "ambiguous-header"),
        (Archive::default().pax(&[("path", "a"), ("path", "b")]), "/b", "ambiguous-header"),
        (
            Archive::default().member(b'L', "l", long("a").as_bytes()).member(b'L', "l", long("b").as_bytes()),
            "/b",
            "ambiguous-header",
        ),
        (
            Archive::default().pax(&[("path", "a")]).member(b'g', "g", records_of(&[("comment", "c")]).as_bytes()),
            "/f",
            "ambiguous-header",
        ),
    ];
    for (archive, name, code) in cases {
        let seen = read(&archive.file("f", b"").end());
        assert_eq!((seen.names(), seen.codes), (vec![name.to_owned()], vec![code]));
    }
    let same = Archive::default().pax(&[("path", "a")]).member(b'L', "l", b"a\0").file("f", b"").end();
    assert!(read(&same).is_clean());
}

#[test]
fn global_headers_are_no_members_and_rename_none() {
    let global = |records: &[(&str, &str)]| {
        read(
            &Archive::default().member(b'g', "pax_global_header", records_of(records).as_bytes()).file("f", b"x").end(),
        )
    };
    let harmless = global(&[("comment", "a commit")]);
    assert!(harmless.is_clean());
    assert_eq!(harmless.names(), ["/f"]);
    let renaming = global(&[("path", "other"), ("size", "0")]);
    assert_eq!((renaming.names(), renaming.gaps.clone()), (vec!["/f".into()], vec!["global-header"]));
    assert_eq!(renaming.content("f"), b"x");
}

#[test]
fn malformed_extensions_end_the_archive_with_an_error() {
    for records in ["5 a\n", "30 path=x\n", "path=x\n", "11 size=-1\n", "12 size=abc\n", "10 size=\u{663}\n"] {
        for typeflag in [b'x', b'g'] {
            let archive =
                Archive::default().file("a", b"").member(typeflag, "x", records.as_bytes()).file("b", b"").end();
            let seen = read(&archive);
            assert_eq!(
                (seen.names(), seen.error_kind()),
                (vec!["/a".into()], Some(TarErrorKind::Malformed)),
                "{records}"
            );
        }
    }
}

#[test]
fn extension_headers_have_a_cap() {
    let limits = Limits { extension_record: ByteSize(900), ..Limits::default() };
    let with = |typeflag, length: usize| {
        let content = match typeflag {
            b'x' => records_of(&[("comment", &"c".repeat(length - " comment=\n".len() - length.to_string().len()))]),
            _ => "n".repeat(length),
        };
        assert_eq!(content.len(), length);
        read_with(&Archive::default().member(typeflag, "x", content.as_bytes()).file("f", b"").end(), &limits)
            .error_kind()
    };
    for typeflag in [b'x', b'L', b'K'] {
        assert_eq!(with(typeflag, 900), None, "{typeflag}");
    }
    for typeflag in [b'x', b'L', b'K'] {
        assert_eq!(with(typeflag, 901), Some(TarErrorKind::Limit), "{typeflag}");
    }
    let huge = Archive::default().raw(&mut Raw::new(b'x', "x", 1 << 32), b"").0;
    assert_eq!(read(&huge).error_kind(), Some(TarErrorKind::Limit));
}

#[test]
fn sizes_are_checked() {
    let with = |size: &[u8]| {
        let mut raw = Raw::new(b'0', "f", 0);
        raw.put(124, &[0; 12]).put(124, size);
        read(&Archive::default().raw(&mut raw, b"abc").file("g", b"").end())
    };
    for good in [&b"3"[..], b"          3", b"00000000003 ", b"000000000003", &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]]
    {
        let seen = with(good);
        assert_eq!((seen.content("f"), seen.error_kind()), (&b"abc"[..], None), "{good:x?}");
    }
    for bad in [&[0xff; 12][..], b"9", b"-3", &[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], b"0x3"] {
        assert_eq!(with(bad).error_kind(), Some(TarErrorKind::Malformed), "{bad:x?}");
    }
    // the largest that can be: cut, not overflown
    let most = with(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(most.error_kind(), Some(TarErrorKind::Truncated));
}

#[test]
fn other_numbers_cost_no_more_than_themselves() {
    let mut raw = Raw::new(b'0', "f", 1);
    raw.put(100, b"mode!!!\0").put(108, &[0x80, 0, 0, 1, 0, 0, 0, 0]).put(136, &[0xff; 12]);
    let seen = read(&Archive::default().raw(&mut raw, b"x").end());
    let entry = seen.entry("f");
    assert_eq!((entry.mode, entry.uid, entry.mtime), (0, u32::MAX, -1));
    assert_eq!(seen.gaps, ["malformed-number"]);
    assert_eq!(seen.codes.len(), 2);
}

#[test]
fn members_without_content_have_none_whatever_their_size() {
    for typeflag in [b'1', b'2', b'3', b'4', b'5', b'6'] {
        let mut raw = Raw::new(typeflag, "f", 512);
        let seen = read(&Archive::default().raw(&mut raw, b"").file("g", b"x").end());
        assert_eq!(seen.names(), ["/f", "/g"]);
        assert_eq!((seen.entry("f").size, &seen.gaps[..]), (0, &["header-only-size"][..]));
    }
    // by its PAX size too
    let sized = Archive::default().pax(&[("size", "512")]).member(b'2', "f", b"").file("g", b"x").end();
    assert_eq!(read(&sized).names(), ["/f", "/g"]);
}

#[test]
fn unknown_types_are_read_as_files() {
    let archive =
        Archive::default().member(b'Z', "odd", b"abc").member(b'V', "label", b"").member(b'D', "dump", b"Yf\0\0");
    let seen = read(&archive.file("f", b"").end());
    assert_eq!(seen.names(), ["/odd", "/dump", "/f"]);
    assert_eq!(seen.content("odd"), b"abc");
    assert_eq!(seen.entry("dump").kind, FileKind::Directory);
    assert_eq!(seen.codes, ["unknown-type"; 3]);
    assert_eq!(seen.gaps, ["unknown-type"; 2]);
    let empty = read(&Archive::default().member(b'Z', "odd", b"").member(b'D', "dump", b"").end());
    assert_eq!((empty.codes.len(), empty.gaps.len()), (1, 0));
}

#[test]
fn the_end_is_two_blocks_of_zeros() {
    let a = || Archive::default().file("a", b"x");
    let cases: &[(Vec<u8>, &[&str], &[&str])] = &[
        (Vec::new(), &[], &[]),
        (Archive::default().end(), &[], &[]),
        (Archive::default().zeros(1).0, &[], &["short-end-marker"]),
        (a().end(), &["/a"], &[]),
        (a().zeros(20).0, &["/a"], &[]),
        (a().0, &["/a"], &["no-end-marker"]),
        (a().zeros(1).0, &["/a"], &["short-end-marker"]),
        (a().zeros(1).file("b", b"").end(), &["/a", "/b"], &["single-zero-block"]),
        (a().zeros(2).file("b", b"").end(), &["/a"], &["data-after-end"]),
        ([a().end(), b"x".to_vec()].concat(), &["/a"], &["data-after-end"]),
        (a().pax(&[("path", "b")]).end(), &["/a"], &["orphan-extension"]),
    ];
    for (archive, names, codes) in cases {
        let seen = read(archive);
        assert_eq!((seen.names(), &seen.codes[..]), (names.iter().map(ToString::to_string).collect(), *codes));
        assert!(seen.error.is_none());
    }
    let hole = read(&a().zeros(1).file("b", b"").end());
    assert_eq!(hole.gaps, ["single-zero-block"]);
    let after = read(&a().zeros(2).file("b", b"").end());
    assert_eq!(after.gaps, [""; 0], "engines do not see it either");
}

#[test]
fn a_cut_is_no_clean_end_but_between_members() {
    let whole = Archive::default()
        .pax(&[("path", "first")])
        .file("a", b"abc")
        .file("b", &[b'x'; 700])
        .member(b'L', "l", b"third\0")
        .member(b'2', "c", b"");
    let boundaries = [0, 3 * BLOCK, 3 * BLOCK + BLOCK, 7 * BLOCK, whole.0.len()];
    let archive = whole.end();
    let complete = read(&archive);
    for length in 0..archive.len() {
        let seen = read(&archive[..length]);
        for (cut, all) in seen.entries.iter().zip(&complete.entries) {
            assert_eq!(cut.0, all.0, "at {length}");
            assert!(all.1.starts_with(&cut.1), "at {length}");
        }
        let in_the_marker = length > archive.len() - 2 * BLOCK && length.is_multiple_of(BLOCK);
        if seen.error.is_none() {
            assert!(boundaries.contains(&length) || in_the_marker, "at {length}");
            // a cut there leaves a note, which with the blob's digest tells it apart
            assert!(length == 0 || !seen.codes.is_empty(), "at {length}");
        } else {
            assert_eq!(seen.error_kind(), Some(TarErrorKind::Truncated), "at {length}");
        }
    }
}

#[test]
fn no_flipped_byte_panics_or_reads_past_the_end() {
    for archive in sparse_archives() {
        for at in 0..archive.len() {
            let mut flipped = archive.clone();
            let flip = if at % 2 == 0 { 0x01 } else { 0x80 };
            flipped[at] ^= flip;
            let mut reader = TarReader::new(&flipped[..], &Limits::default());
            while let Ok(Some(_)) = reader.next() {
                // a hole may be of any size
                let _ = Read::take(&mut reader, 1 << 16).read_to_end(&mut Vec::new());
            }
            assert_eq!(reader.finish().size, archive.len() as u64);
        }
    }
}

const STORED: [(u64, &str); 3] = [(512, "hello"), (2000, "world, again"), (5000, "!")];
const REAL_SIZE: u64 = 6000;

fn expanded() -> Vec<u8> {
    let mut content = vec![0; 6000];
    for (at, text) in STORED {
        let at = usize::try_from(at).expect("small");
        content[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    content
}

/// One sparse file in its four forms (and old GNU with an extension block), each followed by `after`.
fn sparse_archives() -> [Vec<u8>; 5] {
    let stored: String = STORED.iter().map(|(_, text)| *text).collect();
    let old = |in_header: usize| {
        let mut raw = Raw::new(b'S', "sparse", stored.len() as u64);
        raw.gnu().put(483, format!("{REAL_SIZE:011o}\0").as_bytes());
        let mut extension = [0; BLOCK];
        for (index, (offset, text)) in STORED.iter().enumerate() {
            let entry = format!("{offset:011o}\0{:011o}\0", text.len());
            match index.checked_sub(in_header) {
                None => drop(raw.put(386 + index * 24, entry.as_bytes())),
                Some(index) => extension[index * 24..][..24].copy_from_slice(entry.as_bytes()),
            }
        }
        if in_header >= STORED.len() {
            return Archive::default().raw(&mut raw, stored.as_bytes()).file("after", b"x").end();
        }
        raw.put(482, &[1]);
        Archive::default().raw(&mut raw, &extension).content(stored.as_bytes()).file("after", b"x").end()
    };
    let file = |pax: &[(&str, &str)], content: &str| {
        Archive::default().pax(pax).file("GNUSparseFile.1/sparse", content.as_bytes()).file("after", b"x").end()
    };
    let numbers: Vec<(String, String)> =
        STORED.iter().map(|(offset, text)| (offset.to_string(), text.len().to_string())).collect();
    let mut zero = vec![("GNU.sparse.size", "6000"), ("GNU.sparse.numblocks", "3"), ("path", "sparse")];
    for (offset, length) in &numbers {
        zero.extend([("GNU.sparse.offset", offset.as_str()), ("GNU.sparse.numbytes", length.as_str())]);
    }
    let map: Vec<String> = numbers.iter().map(|(offset, length)| format!("{offset},{length}")).collect();
    let map = map.join(",");
    let one = [
        ("GNU.sparse.size", "6000"),
        ("GNU.sparse.numblocks", "3"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.map", &map),
    ];
    let lines: String = numbers.iter().map(|(offset, length)| format!("{offset}\n{length}\n")).collect();
    let mut in_content = format!("3\n{lines}");
    in_content += &"\0".repeat(BLOCK - in_content.len());
    let latest = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "6000"),
    ];
    [old(4), old(1), file(&zero, &stored), file(&one, &stored), file(&latest, &(in_content + &stored))]
}

#[test]
fn all_sparse_forms_give_the_same_content() {
    for archive in sparse_archives() {
        let seen = read(&archive);
        assert!(seen.is_clean(), "{seen:?}");
        assert_eq!(seen.names(), ["/sparse", "/after"]);
        assert_eq!(seen.entry("sparse").size, REAL_SIZE);
        assert_eq!(seen.content("sparse"), expanded());
        assert_eq!(seen.content("after"), b"x");
    }
}

#[test]
fn content_is_lent_in_pieces_and_holes_can_be_passed_over() {
    for archive in sparse_archives() {
        let mut reader = TarReader::new(&archive[..], &Limits::default());
        reader.next().expect("reads").expect("is there");
        let mut holes = 0;
        let mut content: Vec<u8> = Vec::new();
        while {
            holes += reader.skip_hole();
            let piece = reader.fill_buf().expect("reads");
            content.extend(piece.iter().take(3));
            !piece.is_empty()
        } {
            reader.consume(3);
        }
        assert_eq!(content, b"helloworld, again!");
        assert_eq!(holes, REAL_SIZE - 18);
        assert_eq!(reader.stored(), 0);
        assert_eq!(reader.next().expect("reads").expect("is there").path, "after".into());
    }
}

#[test]
fn bad_sparse_maps_leave_a_gap_and_the_stored_bytes() {
    let with = |map: &str, size: &str, blocks: &str| {
        let pax = [("GNU.sparse.size", size), ("GNU.sparse.numblocks", blocks), ("GNU.sparse.map", map)];
        read(&Archive::default().pax(&pax).file("f", b"abcdef").file("after", b"").end())
    };
    assert!(with("0,3,10,3", "20", "2").is_clean());
    assert_eq!(with("0,6", "6", "1").content("f"), b"abcdef");
    for (map, size, blocks) in [
        ("10,3,0,3", "20", "2"),
        ("0,4,2,2", "20", "2"),
        ("0,3,10,3", "12", "2"),
        ("0,3,10,4", "20", "2"),
        ("0,3", "20", "1"),
        ("0,3,10,3", "20", "3"),
        ("0,3,18446744073709551615,3", "20", "2"),
    ] {
        let seen = with(map, size, blocks);
        assert_eq!((seen.names(), &seen.gaps[..]), (vec!["/f".into(), "/after".into()], &["sparse-map"][..]), "{map}");
        assert_eq!(seen.content("f"), b"abcdef");
    }
    for (map, size) in [("0,3,x", "20"), ("0,3,5", "20"), ("0,3", "-1"), ("-1,3", "20")] {
        assert_eq!(with(map, size, "1").error_kind(), Some(TarErrorKind::Malformed), "{map}");
    }
    // a hole of exabytes costs nothing until it is read
    let seen_size = {
        let pax = [("GNU.sparse.size", "9223372036854775807"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", "")];
        let archive = Archive::default().pax(&pax).file("f", b"").file("after", b"").end();
        let mut reader = TarReader::new(&archive[..], &Limits::default());
        let size = reader.next().expect("reads").expect("is there").size;
        assert_eq!(reader.hole(), size);
        assert_eq!(reader.next().expect("reads").expect("is there").path, "after".into());
        size
    };
    assert_eq!(seen_size, u64::MAX / 2);
}

#[test]
fn sparse_maps_have_a_cap() {
    let limits = |sparse_regions| Limits { sparse_regions, ..Limits::default() };
    for archive in sparse_archives() {
        assert!(read_with(&archive, &limits(3)).is_clean());
        let seen = read_with(&archive, &limits(2));
        assert_eq!((seen.names(), &seen.gaps[..]), (vec!["/sparse".into(), "/after".into()], &["sparse-map"][..]));
    }
}

#[test]
fn limits_of_members_and_paths() {
    let archive = Archive::default().file("a", b"").file("b", b"").end();
    let members = |entries| read_with(&archive, &Limits { entries, ..Limits::default() }).error_kind();
    assert_eq!((members(2), members(1)), (None, Some(TarErrorKind::Limit)));
    let paths = |path| read_with(&archive, &Limits { path, ..Limits::default() });
    assert_eq!((paths(1).codes.len(), paths(0).codes), (0, vec!["path-too-long"; 2]));
    let parent = read(&Archive::default().file("../a/..b", b"").end());
    assert_eq!((parent.names(), parent.codes), (vec!["/a/..b".into()], vec!["path-with-parent"]));
}

#[test]
fn long_paths_and_targets_are_cut() {
    let long = "n".repeat((1 << 20) - 2);
    for prefix in ["", "d/", "/"] {
        let name = format!("{prefix}{long}");
        let name = &name[..(1 << 20) - 2];
        for typeflag in [b'0', b'1', b'2'] {
            let archive = Archive::default().member(b'L', "", name.as_bytes()).member(b'K', "", name.as_bytes());
            let seen = read(&archive.member(typeflag, "x", b"").file("y", b"").end());
            assert_eq!(seen.entries.len(), 2);
            let (entry, _) = &seen.entries[0];
            assert_eq!(entry.path.as_bytes().len(), 4_096);
            match &entry.kind {
                FileKind::HardLink(target) => assert_eq!(target.as_bytes().len(), 4_096),
                FileKind::Symlink(target) => assert_eq!(target.len(), 4_096),
                _ => {}
            }
            assert_eq!(seen.gaps, vec!["path-too-long"; if typeflag == b'0' { 1 } else { 2 }]);
        }
    }
    // what is short when cleaned is taken whole
    let dots = format!("{}etc/passwd", "./".repeat(3_000));
    let seen = read(&Archive::default().member(b'L', "", dots.as_bytes()).file("x", b"").end());
    assert_eq!((seen.names(), seen.gaps.len()), (vec!["/etc/passwd".into()], 0));
}

#[test]
fn anomalies_are_listed_to_a_limit_and_counted() {
    let archive = (0..30).fold(Archive::default(), |archive, _| archive.file("../a", b"")).end();
    let seen = read(&archive);
    assert_eq!(seen.codes.len(), 21);
}

#[test]
fn an_error_of_the_reader_is_passed_on() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"))
        }
    }
    let archive = Archive::default().file("a", &[b'x'; 4096]).0;
    let mut reader = TarReader::new(archive[..2000].chain(Failing), &Limits::default());
    assert!(reader.next().is_ok());
    let error = reader.read_to_end(&mut Vec::new()).expect_err("the reader fails");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(reader.next().expect_err("it stays").kind, TarErrorKind::Read);
    assert_eq!(reader.finish().error.map(|error| error.what), Some("gone".into()));
}

/// A member as both readers see it.
type Plain = (Vec<u8>, u8, u32, u64, u64, Vec<u8>);

fn by_oracle(archive: &[u8]) -> Vec<Plain> {
    let mut seen = Vec::new();
    for entry in tar::Archive::new(archive).entries().expect("reads") {
        let mut entry = entry.expect("reads");
        let path = ImagePath::new(&entry.path_bytes()).as_bytes().to_vec();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => b'5',
            tar::EntryType::Symlink => b'2',
            _ => b'0',
        };
        let mut content = Vec::new();
        match entry.link_name_bytes() {
            Some(link) if kind == b'2' => content.extend_from_slice(&link),
            _ => drop(entry.read_to_end(&mut content).expect("reads")),
        }
        let header = entry.header();
        let (mode, uid) = (header.mode().expect("octal") & 0o7777, header.uid().expect("octal"));
        seen.push((path, kind, mode, uid, header.mtime().expect("octal"), content));
    }
    seen
}

fn by_careen(archive: &[u8]) -> Vec<Plain> {
    let seen = read(archive);
    assert!(seen.error.is_none() && seen.codes.is_empty(), "{:?} {:?}", seen.error, seen.codes);
    let plain = seen.entries.into_iter().map(|(entry, content)| {
        let (kind, content) = match entry.kind {
            FileKind::Directory => (b'5', content),
            FileKind::Symlink(target) => (b'2', target.into_vec()),
            _ => (b'0', content),
        };
        let mtime = u64::try_from(entry.mtime).expect("positive");
        (entry.path.as_bytes().to_vec(), kind, entry.mode, u64::from(entry.uid), mtime, content)
    });
    plain.collect()
}

#[derive(Debug, Clone)]
struct Made {
    name: String,
    kind: u8,
    mode: u32,
    uid: u64,
    mtime: u64,
    content: Vec<u8>,
}

fn made() -> impl Strategy<Value = Made> {
    let name = prop_oneof!["[a-z]{1,8}(/[a-zé ]{1,8}){0,3}", "[a-z]{1,60}(/[a-z]{1,90}){1,3}", "[a-z]{101,300}"];
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000),
        (0_usize..300_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    (
        name,
        prop_oneof![Just(b'0'), Just(b'5'), Just(b'2')],
        0_u32..0o10000,
        0_u64..u64::from(u32::MAX),
        0_u64..1 << 40,
        content,
    )
        .prop_map(|(name, kind, mode, uid, mtime, content)| Made { name, kind, mode, uid, mtime, content })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn ordinary_archives_read_as_the_tar_crate_reads_them(members in prop::collection::vec(made(), 0..12)) {
        let mut builder = tar::Builder::new(Vec::new());
        for made in &members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(made.mode);
            header.set_uid(made.uid);
            header.set_gid(0);
            header.set_mtime(made.mtime);
            header.set_entry_type(tar::EntryType::new(made.kind));
            let is_file = made.kind == b'0';
            header.set_size(if is_file { made.content.len() as u64 } else { 0 });
            if made.kind == b'2' {
                builder.append_link(&mut header, &made.name, format!("../{}", made.name)).expect("writes to memory");
            } else {
                let content = if is_file { &made.content[..] } else { &[] };
                builder.append_data(&mut header, &made.name, content).expect("writes to memory");
            }
        }
        let archive = builder.into_inner().expect("writes to memory");
        prop_assert_eq!(by_careen(&archive), by_oracle(&archive));
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..4096), at in 0_usize..2048) {
        let mut archive = sparse_archives().concat();
        let end = (at + noise.len()).min(archive.len());
        archive.splice(at..end, noise);
        let mut reader = TarReader::new(&archive[..], &Limits::default());
        while let Ok(Some(_)) = reader.next() {
            let _ = Read::take(&mut reader, 1 << 16).read_to_end(&mut Vec::new());
        }
        prop_assert_eq!(reader.finish().size, archive.len() as u64);
    }

    #[test]
    fn pax_records_of_noise_never_panic(noise in "[0-9 =a-z\n\\x00]{0,60}") {
        let _ = Pax::parse(noise.as_bytes(), 4);
    }
}

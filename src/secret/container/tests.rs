use super::*;
use crate::digest::Digest;
use crate::format::decompress::Compressed;
use crate::format::testing::{Zip, deflate};

/// A token of a kind that identifies itself.
fn token(number: usize) -> String {
    let digits = Digest::sha256(number.to_string().as_bytes());
    ["rubyg", "ems", "_", &digits.hex()[..48]].concat()
}

/// A text with a token on its third line.
fn text_with(number: usize) -> String {
    format!("one\ntwo\nkey: {}\nfour\n", token(number))
}

/// What is found inside, as `place:line`, and what is complained of.
fn opened(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Complaint>) {
    let mut found = Vec::new();
    let complaints = open(bytes, &name.into(), &mut |member| {
        let searched = text::search(member.bytes, member.kind, Vec::new());
        for one in &searched.found {
            let line = searched.line_feeds(member.bytes, 0..one.span.start) + member.lines_before + 1;
            found.push(format!("{}:{line}", String::from_utf8_lossy(member.inside)));
        }
    });
    (found, complaints)
}

fn insides(name: &str, bytes: &[u8]) -> Vec<String> {
    let (found, complaints) = opened(name, bytes);
    assert_eq!(complaints, [], "{name}");
    found
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).expect("writes to memory");
    }
    archive.into_inner().expect("writes to memory")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).expect("makes an encoder");
    encoder.write_all(bytes).expect("writes to memory");
    encoder.finish().expect("writes to memory")
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        out.extend(format!("{name:<16}0           0     0     100644  {:<10}`\n", content.len()).as_bytes());
        out.extend_from_slice(content);
        if content.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files.iter().chain(&[("TRAILER!!!", &[][..])]) {
        let mut fields = [0_usize; 13];
        (fields[6], fields[11]) = (content.len(), name.len() + 1);
        out.extend_from_slice(b"070701");
        out.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn rpm(payload: &[u8]) -> Vec<u8> {
    let mut out = b"\xed\xab\xee\xdb".to_vec();
    out.resize(96, 0);
    for (count, size, padded) in [(2_u32, 5_u32, true), (1, 3, false)] {
        out.extend_from_slice(b"\x8e\xad\xe8\x01\0\0\0\0");
        out.extend(count.to_be_bytes());
        out.extend(size.to_be_bytes());
        out.resize(out.len() + (count * 16 + size) as usize, 7);
        if padded {
            out.resize(out.len().next_multiple_of(8), 0);
        }
    }
    [&out, payload].concat()
}

#[test]
fn files_inside_are_told_by_name_and_line() {
    let text = text_with(1);
    let text = text.as_bytes();
    let zip = Zip::default().file("conf/app.yml", text).stored("b.env", text_with(2)).build();
    let archive = tar(&[("etc/a.conf", text), ("empty", b"")]);
    let gzip = |bytes: &[u8]| deflate(Compressed::Gzip, bytes);
    let script = [b"#!/bin/sh\nexec java -jar $0\n", &zip[..]].concat();
    let deb = |name, data: &[u8]| ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&[])), (name, data)]);
    let war = Zip::default().stored("WEB-INF/lib/a.jar", &zip).build();
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("app.log.gz", gzip(text), &["app.log:3"]),
        ("any", gzip(text), &["any:3"]),
        ("a.bz2", deflate(Compressed::Bzip2, text), &["a:3"]),
        ("a.zst", deflate(Compressed::Zstd, text), &["a:3"]),
        ("a.xz", xz(text), &["a:3"]),
        ("a.zip", zip.clone(), &["conf/app.yml:3", "b.env:3"]),
        ("a.sh", script, &["conf/app.yml:3", "b.env:3"]),
        ("a.tar", archive.clone(), &["etc/a.conf:3"]),
        ("a.tgz", gzip(&archive), &["etc/a.conf:3"]),
        ("a.tar.bz2", deflate(Compressed::Bzip2, &archive), &["etc/a.conf:3"]),
        ("a.tar.zst", deflate(Compressed::Zstd, &archive), &["etc/a.conf:3"]),
        ("a.txz", xz(&archive), &["etc/a.conf:3"]),
        ("a.war", war.clone(), &["WEB-INF/lib/a.jar!conf/app.yml:3", "WEB-INF/lib/a.jar!b.env:3"]),
        ("b.tar", tar(&[("x/a.tgz", &gzip(&archive))]), &["x/a.tgz!etc/a.conf:3"]),
        ("b.tar", tar(&[("x/a.log.gz", &gzip(text))]), &["x/a.log.gz!a.log:3"]),
        ("a.deb", deb("data.tar.xz/", &xz(&archive)), &["data.tar.xz!etc/a.conf:3"]),
        ("a.deb", deb("data.tar.zst", &deflate(Compressed::Zstd, &archive)), &["data.tar.zst!etc/a.conf:3"]),
        ("initrd", gzip(&cpio(&[("etc/k", text), ("bin/x", b"odd")])), &["etc/k:3"]),
        ("a.rpm", rpm(&gzip(&cpio(&[("./etc/k", text)]))), &["etc/k:3"]),
        ("up.zip", Zip::default().file("../../etc/x", text).build(), &["etc/x:3"]),
        ("plain", text.to_vec(), &[]),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(insides(name, bytes), *expected, "{name}");
    }
}

#[test]
fn a_compressed_manual_is_no_settings_file() {
    let line = ["\npass", "word = vB3k", "Qz81xTrW\n"].concat();
    for (head, count) in [("a = 1", 1), (".TH A 1", 0), (".\\\" made", 0)] {
        let text = format!("{head}{line}");
        assert_eq!(insides("a.gz", &deflate(Compressed::Gzip, text.as_bytes())).len(), count, "{head}");
    }
}

#[test]
fn archives_in_archives_are_opened_so_deep() {
    let mut bytes = text_with(1).into_bytes();
    let mut expected = "k:3".to_owned();
    for depth in 0..DEPTH {
        bytes = if depth % 2 == 0 {
            Zip::default().file("k", &bytes).build()
        } else {
            deflate(Compressed::Gzip, &tar(&[("k", &bytes)]))
        };
        assert_eq!(insides("outer", &bytes), [expected.as_str()], "{depth}");
        expected = format!("k!{expected}");
    }
    bytes = Zip::default().file("k", &bytes).build();
    let (found, complaints) = opened("outer", &bytes);
    assert!(found.is_empty() && complaints.len() == 1 && complaints[0].is_gap, "{complaints:?}");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_searched() {
    let text = text_with(1);
    let text = text.as_bytes();
    let packed = deflate(Compressed::Deflate, text);
    let zip = Zip::default()
        .raw("sum", 8, 0, &packed, text.len(), 1)
        .raw("locked", 8, 1, &packed, text.len(), 1)
        .raw("odd", 99, 0, &packed, text.len(), 1)
        .stored("z", text)
        .build();
    let (found, complaints) = opened("a.zip", &zip);
    assert_eq!(found, ["sum:3", "z:3"]);
    let told: Vec<&str> = complaints.iter().map(|complaint| complaint.what.as_str()).collect();
    assert!(told.iter().any(|what| what.contains("1 file in it is protected by a password")), "{told:?}");
    assert!(told.iter().any(|what| what.contains("method 99")), "{told:?}");
    let gaps: Vec<&str> = complaints.iter().filter(|told| told.is_gap).map(|told| told.what.as_str()).collect();
    assert!(gaps.iter().all(|what| what.contains("method 99")) && !gaps.is_empty(), "what careen could read: {gaps:?}");

    let archive = tar(&[("a", text), ("b", text)]);
    let filler = "x".repeat(9_000);
    let gzip = deflate(Compressed::Gzip, &[text, filler.as_bytes()].concat());
    for (name, bytes) in [("cut.tar", &archive[..1_600]), ("cut.gz", &gzip[..gzip.len() - 9])] {
        let (found, complaints) = opened(name, bytes);
        assert_eq!(found.len(), 1, "{name}");
        assert!(!complaints.is_empty() && complaints.iter().all(|one| !one.is_gap), "{name}: {complaints:?}");
    }
}

#[test]
fn a_bomb_costs_its_budget_and_is_told() {
    let zeros = vec![0; 100 << 20];
    let bomb = deflate(Compressed::Zstd, &zeros);
    drop(zeros);
    assert!(bomb.len() < 40 << 10);
    let archive = tar(&[("a", text_with(1).as_bytes()), ("bomb.zst", &bomb), ("c", text_with(2).as_bytes())]);
    let (found, complaints) = opened("a.tar.zst", &deflate(Compressed::Zstd, &archive));
    assert_eq!(found, ["a:3"]);
    assert!(complaints.iter().any(|complaint| complaint.is_gap), "{complaints:?}");
    assert_eq!([budget(0), budget(1 << 20), budget(1 << 40)], [16 << 20, 100 << 20, 8 << 30]);
}

#[test]
fn large_files_inside_are_searched_to_their_end() {
    let text = token(1);
    let line = b"nothing to see in this line\n";
    let mut content = line.repeat((2 * HELD + OVERLAP) / line.len());
    // what hardly shrinks, so that it may be as large
    let noise: Vec<u8> = (0..20_000_u32).flat_map(|at| at.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    let around = |end: usize| [end - OVERLAP, end - OVERLAP / 2, end];
    let ends = [HELD + 1, HELD + 1 + STEP, HELD + 1 + 2 * STEP];
    let edges = ends.into_iter().flat_map(around).chain([0, content.len() - 60]);
    for edge in edges {
        for at in [edge.saturating_sub(30), edge, edge + 1] {
            let saved = content[at..at + 59].to_vec();
            content[at] = b' ';
            content[at + 1..at + 1 + text.len()].copy_from_slice(text.as_bytes());
            content[at + 1 + text.len()] = b'\n';
            let mut found = Vec::new();
            let bytes = deflate(Compressed::Zstd, &tar(&[("noise", &noise), ("a.log", &content)]));
            open(&bytes, &"a.tar.zst".into(), &mut |member| {
                let first = member.overlap / 2;
                let end = if member.is_last { member.bytes.len() } else { member.bytes.len() - OVERLAP / 2 };
                for one in text::search(member.bytes, member.kind, Vec::new()).found {
                    assert_eq!(member.inside, b"a.log");
                    if (first..end).contains(&one.span.start) {
                        let lines = memchr::memchr_iter(b'\n', &member.bytes[..one.span.start]).count() as u64;
                        found.push((member.offset as usize + one.span.start, member.lines_before + lines));
                    }
                }
            });
            let lines = memchr::memchr_iter(b'\n', &content[..=at]).count() as u64;
            assert_eq!(found, [(at + 1, lines)], "{at}");
            content[at..at + 59].copy_from_slice(&saved);
        }
    }
}

/// A packed object: its kind and length, what it is based on, and its compressed content.
fn packed(kind: u8, base: &[u8], content: &[u8]) -> Vec<u8> {
    let mut size = content.len() >> 4;
    let mut out = vec![(kind << 4) | (content.len() & 15) as u8];
    while size > 0 {
        *out.last_mut().expect("there is one") |= 0x80;
        out.push((size & 0x7f) as u8);
        size >>= 7;
    }
    [&out, base, &deflate(Compressed::Zlib, content)].concat()
}

/// A difference that keeps the first `kept` bytes of `base` and adds `more`.
fn difference(base: usize, kept: usize, more: &[u8]) -> Vec<u8> {
    let number = |number: usize| vec![(number & 0x7f) as u8 | 0x80, (number >> 7) as u8];
    let copy = vec![0x80 | 0x10 | 0x20, kept as u8, (kept >> 8) as u8];
    [number(base), number(kept + more.len()), copy, vec![more.len() as u8], more.to_vec()].concat()
}

#[test]
fn objects_of_git_are_read() {
    let id = |kind: &str, content: &[u8]| {
        crate::digest::hex(&crate::digest::sha1(&[format!("{kind} {}\0", content.len()).as_bytes(), content].concat()))
    };
    let first = [text_with(1).into_bytes(), b"a line\n".repeat(900)].concat();
    let loose = deflate(Compressed::Zlib, &[format!("blob {}\0", first.len()).as_bytes(), &first].concat());
    assert_eq!(insides("x/.git/objects/ab/cdef", &loose), [format!("{}:3", id("blob", &first))]);

    // the second keeps 5,000 bytes of the first, the third as many of the second
    let added = format!("\n{}\n", token(2));
    let second = [&first[..5_000], added.as_bytes()].concat();
    let third = [&second[..5_001], token(3).as_bytes()].concat();
    let commit = format!("tree 0\n\nuse {}\n", token(4));
    let raw = |text: &str| (0..20).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hex")).collect();
    let second_id: Vec<u8> = raw(&id("blob", &second));
    let tree = [b"100644 app.env\0".as_slice(), &second_id].concat();
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x05".to_vec();
    pack.extend(packed(1, &[], commit.as_bytes()));
    let base = pack.len();
    pack.extend(packed(3, &[], &first));
    let back = pack.len() - base;
    // an offset of two bytes: the first counts 128 each, and one more
    let back = [0x80 | (((back - 128) >> 7) as u8), ((back - 128) & 0x7f) as u8];
    pack.extend(packed(6, &back, &difference(first.len(), 5_000, added.as_bytes())));
    pack.extend(packed(7, &second_id, &difference(second.len(), 5_001, token(3).as_bytes())));
    pack.extend(packed(2, &[], &tree));
    pack.extend([0; 20]);
    let lines = memchr::memchr_iter(b'\n', &first[..5_000]).count() + 2;
    let expected = [
        format!("{}:3", id("commit", commit.as_bytes())),
        format!("{}:3", id("blob", &first)),
        format!("{}/app.env:{lines}", id("blob", &second)),
        format!("{}:{lines}", id("blob", &third)),
    ];
    assert_eq!(insides("pack-1.pack", &pack), expected);
    for at in (0..pack.len()).step_by(3) {
        let mut wrong = pack.clone();
        wrong[at] ^= 0x11;
        opened("pack-1.pack", &wrong);
        opened("pack-1.pack", &pack[..at]);
    }
}

#[test]
fn broken_bytes_of_any_form_are_survived() {
    let text = text_with(1);
    let text = text.as_bytes();
    let archive = tar(&[("etc/a.conf", text)]);
    let all = [
        Zip::default().file("a", text).build(),
        deflate(Compressed::Gzip, &archive),
        ar(&[("debian-binary", b"2.0\n"), ("data.tar", &archive)]),
        cpio(&[("etc/k", text)]),
        rpm(&deflate(Compressed::Gzip, &cpio(&[("etc/k", text)]))),
        archive,
    ];
    for bytes in all {
        for at in (0..bytes.len().min(1_500)).step_by(5) {
            for value in [0, 0xff, bytes[at] ^ 0x40] {
                let mut wrong = bytes.clone();
                wrong[at] = value;
                opened("x", &wrong);
            }
            opened("x", &bytes[..at]);
        }
    }
}

/// The parts of `bytes` that are found, with their lines.
fn searched(bytes: &[u8]) -> Vec<(usize, u64)> {
    let searched = text::search(bytes, Kind::Settings, Vec::new());
    let places = searched.found.iter();
    places.map(|one| (one.span.start, searched.line_feeds(bytes, 0..one.span.start) + 1)).collect()
}

#[test]
fn wide_text_is_searched_as_text() {
    let text = format!("one\r\n\u{10a} \u{1f600}\r\nkey: {}\r\n", token(1));
    let at = text.chars().take_while(|one| *one != ':').map(char::len_utf16).sum::<usize>() + 2;
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let four: Vec<u8> = text.chars().flat_map(|one| u32::from(one).to_le_bytes()).collect();
    let cases = [
        ([&b"\xff\xfe"[..], &little].concat(), 2 + 2 * at),
        ([&b"\xfe\xff"[..], &big].concat(), 2 + 2 * at),
        (little, 2 * at),
        (big, 2 * at),
        // the one beyond the first plane has two units only in UTF-16
        ([&b"\xff\xfe\0\0"[..], &four].concat(), 4 + 4 * (at - 1)),
    ];
    for (bytes, at) in cases {
        assert_eq!(searched(&bytes), [(at, 3)]);
    }
    let stretch: Vec<u8> = token(1).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let program = [&b"MZ\x90\0\x03\0\0\0"[..], &stretch, b"\0\0", &[0xcc; 90]].concat();
    let found = text::search(&program, Kind::Other, Vec::new());
    assert_eq!((found.found.len(), found.found[0].span.start, found.has_lines()), (1, 8, false));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk.iter().fold(0, |bits, byte| (bits << 8) | usize::from(*byte)) << (8 * (3 - chunk.len()));
        (0..4).map(move |at| if at <= chunk.len() { DIGITS[(bits >> (18 - 6 * at)) & 63] } else { b'=' })
    });
    String::from_utf8(digits.collect()).expect("ASCII")
}

#[test]
fn coded_values_are_found_at_their_place() {
    let key = token(1);
    let plain = format!("user=a\nkey={key}\n");
    let wrapped = |width: usize, feed: &str| {
        let digits = base64(format!("{}{key}", "a word or two ".repeat(9)).as_bytes());
        digits
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).expect("ASCII"))
            .collect::<Vec<_>>()
            .join(feed)
    };
    let wide: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let helm = base64(base64(&deflate(Compressed::Gzip, plain.as_bytes())).as_bytes());
    let cases = [
        base64(key.as_bytes()),
        base64(format!(" {key}").as_bytes()),
        base64(format!(": {key}").as_bytes()),
        base64(plain.as_bytes()),
        base64(base64(key.as_bytes()).as_bytes()),
        wrapped(64, "\n  "),
        wrapped(76, "\r\n"),
        wrapped(60, "\\n"),
        base64(&wide),
        helm,
        base64(key.as_bytes()).replace('=', ""),
        key.replace('_', "%5F"),
        key.replace('_', "\\u005f"),
        key.replace('_', "\\x5F"),
    ];
    for case in cases {
        let text = format!("# {}\nkind: X\ndata: {case}\nend: 1\n", "a".repeat(500));
        let found = searched(text.as_bytes());
        let start = text.find("data: ").expect("is there") + 6;
        assert_eq!(found.len(), 1, "{case}");
        assert!((start..start + case.len()).contains(&found[0].0) && found[0].1 >= 3, "{found:?} {case}");
        // what must go for it to be gone is all that says it
        let found = text::search(text.as_bytes(), Kind::Settings, Vec::new()).found;
        let coded = found[0].coded.clone().expect("coded");
        let mut readings = Vec::new();
        crate::secret::with_readings(&text.as_bytes()[coded.clone()], &mut |value| readings.push(value.to_vec()));
        assert!(readings.contains(&key.clone().into_bytes()), "{coded:?} {case}");
        assert!(coded.start >= start && coded.end <= start + case.len(), "{coded:?} {case}");
    }
    // two in one stretch are two
    let both = format!("{}\n{}\n", token(1), token(2));
    assert_eq!(searched(base64(both.as_bytes()).as_bytes()).len(), 2);
    for none in ["a/b/c/d/e/f/g/h/i/j/k/l/m/n", "getElementsByTagNameAndClassNameOrSomething", "", "Zm9v", "%5F\\u005f"]
    {
        assert_eq!(searched(none.as_bytes()), []);
    }
}

#[test]
fn coded_text_takes_linear_time() {
    let seconds = |bytes: &[u8]| {
        let started = std::time::Instant::now();
        text::search(bytes, Kind::Settings, Vec::new());
        started.elapsed().as_secs_f64()
    };
    let digits = base64(b"password=x user=y ");
    for part in [format!("{digits} "), digits.clone(), format!("{digits}{digits}{digits}\n"), "%2B\\u002d".to_owned()] {
        let small = seconds(part.repeat((100 << 10) / part.len()).as_bytes());
        let large = seconds(part.repeat((800 << 10) / part.len()).as_bytes());
        assert!(large < small * 40.0 + 0.5, "{part}: {small} {large}");
    }
}

#[test]
fn archives_behind_archives_are_searched() {
    let first = tar(&[("a.txt", text_with(1).as_bytes())]);
    let second = tar(&[("b.txt", text_with(2).as_bytes())]);
    let both = [first.clone(), second].concat();
    assert_eq!(insides("x.tgz", &deflate(Compressed::Gzip, &both)), ["a.txt:3", "b.txt:3"]);
    let tail = [first, text_with(3).into_bytes()].concat();
    assert_eq!(insides("x.tgz", &deflate(Compressed::Gzip, &tail)), ["a.txt:3", "(behind the archive):3"]);
    let members =
        [deflate(Compressed::Gzip, text_with(1).as_bytes()), deflate(Compressed::Gzip, text_with(2).as_bytes())]
            .concat();
    assert_eq!(insides("x.log.gz", &members), ["x.log:3", "x.log:7"]);
}

#[test]
fn a_program_may_stand_before_an_archive_with_a_comment() {
    let mut archive = Zip::default().file("a.txt", text_with(1)).build();
    let end = archive.len();
    archive[end - 2..].copy_from_slice(&4_u16.to_le_bytes());
    archive.extend(b"note");
    let script = [b"#!/bin/sh\nexec java -jar $0\n", &archive[..]].concat();
    assert!(has_archive_behind(&script));
    assert_eq!(insides("x", &script), ["a.txt:3"]);
}

#[test]
fn what_is_not_opened_is_told() {
    for magic in
        [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], b"Rar!\x1a\x07\x01\0", b"\x04\x22\x4d\x18d@", b"hsqs\x07\0", b"LZIP\x01\x0c"]
    {
        let (_, complaints) = opened("x", &[magic, &[1; 600]].concat());
        assert!(matches!(&*complaints, [one] if one.what.ends_with("not opened") && !one.is_gap), "{complaints:?}");
    }
}

#[test]
fn wide_text_of_other_scripts_is_known_without_a_mark() {
    let text = format!("{}key: {}\r\n", "# \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{43c}\u{438}\u{440} \u{434}\u{43e}\u{43b}\u{433}\u{438}\u{439}\r\n".repeat(400), token(1));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        assert_eq!(searched(&bytes).len(), 1);
    }
    let program: Vec<u8> = (0..8_192_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(searched(&program), []);
}

#[test]
fn a_database_may_have_its_texts_in_utf_16() {
    // one table `k` of one row, in big-endian UTF-16, deflated
    const DATABASE: &str = concat!(
        "eNrtkr1uwkAQhL8zPx0Fb3B00ETEBg5ShUR0bkjokcE2QgYhEROJComX47UymERKl4pUnt2d253drfbep+E6T2y622+j3AZ4GMOz",
        "taD0Fj8wiuqvusLf8HhYmsZ12VyQl7gPnKm3mk0zJSdiwYaEjMzjlTcmjJmJrXjMC2GRZ7T5pHO7zQl5if/HyVTONd0i4ciTrrLn",
        "oPMdWUnZ8sGcgephwT6OgFQW0BMvNfPIiPh7pis1Kfp9fYKgeJ00pypWXLuRzJel2oyljL4AqVQlpQ=="
    );
    let packed = crate::format::base64::decode(DATABASE.as_bytes()).expect("is base64");
    let (database, _) = crate::format::decompress::inflate_front(&packed, 4_096).expect("is deflated");
    assert_eq!(insides("x.db", &database), ["k:1"]);
}

/// Where a word stands in files inside, and where beside these.
fn standing(word: &[u8], bytes: &[u8]) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let has = |bytes: &[u8]| memchr::memmem::find(bytes, word).is_some();
    let shown = |inside: &[u8]| String::from_utf8_lossy(inside).into_owned();
    let beside = RefCell::new(|inside: &[u8], bytes: &[u8]| {
        if has(bytes) {
            found.borrow_mut().push(format!("beside {}", shown(inside)));
        }
    });
    let mut take = |member: &Member<'_>| {
        if has(member.bytes) {
            found.borrow_mut().push(shown(member.inside));
        }
    };
    open_with(bytes, &"srv/outer".into(), &mut take, Some(&beside));
    found.into_inner()
}

#[test]
fn what_stands_beside_the_files_of_archives_is_given_too() {
    let word = token(1);
    let word = word.as_bytes();
    let gzip = |bytes: &[u8]| deflate(Compressed::Gzip, bytes);
    let name = String::from_utf8_lossy(word).into_owned();
    let named = tar(&[("first", b"1"), (&name, b"2")]);
    let mut padded = tar(&[("first", b"1"), ("second", b"2")]);
    padded[600..600 + word.len()].copy_from_slice(word);
    let mut at_end = tar(&[("first", b"1")]);
    let end = at_end.len();
    at_end[end - 100..end - 100 + word.len()].copy_from_slice(word);
    let behind = [tar(&[("first", b"1")]), word.repeat(9)].concat();
    let mut broken = [&tar(&[("first", b"1")])[..1024], &[b'x'; 512], word].concat();
    broken.resize(4096, b'y');
    let content = tar(&[("first", word)]);
    let zipped = |name: &str| Zip::default().file(name, b"1").build();
    let mut commented = zipped("a");
    let length = commented.len();
    commented[length - 2] = u8::try_from(word.len()).expect("short");
    commented.extend(word);
    // a header of its own that no directory has, and one whose length stands behind it
    let hidden = |described| {
        let made = Zip { described, ..Zip::default() }.file("hidden", [word, &[b'z'; 999]].concat());
        Zip { body: made.body, ..Zip::default() }.file("a", b"1").build()
    };
    // of a gzip file with a name (RFC 1952)
    let mut called = gzip(b"1");
    called[3] = 8;
    called.splice(10..10, [word, b"\0"].concat());
    let cpio = cpio(&[("a", b"1"), (&name, b"2")]);
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("a name in a tar", gzip(&named), &["beside outer"]),
        ("padding of a tar", gzip(&padded), &["beside outer"]),
        ("in the end of a tar", gzip(&at_end), &["beside outer"]),
        ("behind the end of a tar", gzip(&behind), &["beside outer", "(behind the archive)"]),
        ("behind damage in a tar", gzip(&broken), &["beside outer"]),
        ("a member's content alone", gzip(&content), &["first"]),
        ("the same in a tar", tar(&[("a.tgz", &gzip(&content))]), &["a.tgz!first"]),
        ("two levels", tar(&[("in/a.tgz", &gzip(&named))]), &["beside in/a.tgz!a.tar"]),
        ("three levels", gzip(&tar(&[("a.tgz", &gzip(&padded))])), &["beside a.tgz!a.tar"]),
        ("a name in a zip", gzip(&zipped(&name)), &["beside outer"]),
        ("a comment of a zip in a zip", Zip::default().file("b.jar", &commented).build(), &["beside b.jar"]),
        ("a file that a zip does not list", hidden(false), &["hidden"]),
        ("the same with its length behind", hidden(true), &["hidden"]),
        ("the same in a zip", Zip::default().file("b.jar", hidden(false)).build(), &["b.jar!hidden"]),
        ("the name of a gzip file", gzip(&tar(&[("a.gz", &called)])), &["beside a.gz"]),
        ("a name in an initrd", gzip(&cpio), &["beside outer"]),
        (
            "a name in a Debian package",
            ar(&[("debian-binary", b"2.0\n"), ("data.tar.xz", &xz(&named))]),
            &["beside data.tar.xz!data.tar"],
        ),
        ("the outer file itself", named, &[]),
        ("a file that is listed", Zip::default().file("a", word).stored("b.zip", zipped("c")).build(), &["a"]),
    ];
    for (what, bytes, expected) in cases {
        let mut found = standing(word, &bytes);
        found.sort();
        found.dedup();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn headers_of_a_zip_that_lie_in_one_another_are_read_so_often() {
    // each says that all that follows is its content
    let header = [&b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0"[..], &[0xff; 12], &[1, 0, 0, 0], b"a"].concat();
    let bytes = [header.repeat(10_000), Zip::default().file("b", b"1").build()].concat();
    let mut given = 0_u64;
    let beside = RefCell::new(|_: &[u8], _: &[u8]| {});
    let mut take = |member: &Member<'_>| given += member.bytes.len() as u64;
    open_with(&bytes, &"srv/a.zip".into(), &mut take, Some(&beside));
    assert!(given <= budget(bytes.len()) + 10_000, "{given}");
}

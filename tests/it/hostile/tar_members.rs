//! Layers whose tar says one thing to one reader and another to the next.

use super::{Case, Complete, Partial, check};
use crate::support::raw::{Header, RawTar, pax_record};

const STATUS: &str = "var/lib/dpkg/status";
const BASH: &[&str] = &["bash 5.2"];

fn tar() -> RawTar {
    RawTar::default()
}

fn status() -> String {
    "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n".into()
}

fn npm(name: &str) -> (String, String) {
    (format!("app/node_modules/{name}/package.json"), format!(r#"{{"name": "{name}", "version": "1.0.0"}}"#))
}

#[test]
fn sizes_in_extended_headers() {
    let status = status();
    let size = status.len().to_string();
    let (path, json) = npm("after");
    let both: &[&str] = &["after 1.0.0", "bash 5.2"];
    check(vec![
        Case::layer(
            "the extended header states a size, the basic one none",
            tar().pax(b'x', &[("size", &size)]).member(Header::new(STATUS, b'0', 0), &status).file(&path, &json).end(),
            Complete(&["ambiguous-size"]),
        )
        .packages(both),
        Case::layer(
            "the size is of the member, not of the long name between",
            tar()
                .pax(b'x', &[("size", &size)])
                .long(b'L', STATUS.as_bytes())
                .member(Header::new("short", b'0', 0).gnu(), &status)
                .file(&path, &json)
                .end(),
            Complete(&["ambiguous-size"]),
        )
        .packages(both),
        Case::layer(
            "a size that is no number",
            tar().pax(b'x', &[("size", "12x")]).file(STATUS, &status).file(&path, &json).end(),
            Partial(&[]),
        ),
        Case::layer("a negative size", tar().pax(b'x', &[("size", "-1")]).file(STATUS, &status).end(), Partial(&[])),
        Case::layer(
            "a size of exabytes",
            tar()
                .member(
                    Header::new(STATUS, b'0', 0)
                        .put(124, &[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
                    &status,
                )
                .end(),
            Partial(&[]),
        ),
        Case::layer(
            "a negative base-256 size",
            tar().member(Header::new(STATUS, b'0', 0).put(124, &[0xff; 12]), &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a base-256 size",
            {
                let mut field = [0; 12];
                field[0] = 0x80;
                field[11] = u8::try_from(status.len()).unwrap();
                tar().member(Header::new(STATUS, b'0', 0).put(124, &field), &status).end()
            },
            Complete(&[]),
        )
        .packages(BASH),
    ]);
}

#[test]
fn extended_headers_of_every_kind() {
    let status = status();
    let huge = "x".repeat(3 << 20);
    let long_name = format!("{}/package.json", "node_modules/a/".repeat(20));
    check(vec![
        Case::layer(
            "a record too large to hold",
            tar().pax(b'x', &[("comment", &huge)]).file(STATUS, &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a long name too large to hold",
            tar().long(b'L', huge.as_bytes()).file(STATUS, &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a record that claims gigabytes",
            tar().bytes(tar().member(Header::new("pax", b'x', 7 << 30), "").0).file(STATUS, &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a record whose length lies",
            tar().member(Header::new("pax", b'x', 30), "99 path=var/lib/dpkg/status\n").file("other", &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a record without a key",
            tar().member(Header::new("pax", b'x', 5), "5 =x\n").file(STATUS, &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a name in an extended header",
            tar().pax(b'x', &[("path", STATUS)]).file("other", &status).end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a name with a line feed, told by length",
            {
                let record = pax_record("comment", "one\n18 path=elsewhere\n");
                tar().member(Header::new("pax", b'x', record.len() as u64), record).file(STATUS, &status).end()
            },
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "the last of two names",
            tar().pax(b'x', &[("path", "other"), ("path", STATUS)]).file("short", &status).end(),
            Complete(&["ambiguous-header"]),
        )
        .packages(BASH),
        Case::layer(
            "two names by two means",
            tar().pax(b'x', &[("path", "other")]).long(b'L', STATUS.as_bytes()).file("short", &status).end(),
            Partial(&["ambiguous-name"]),
        )
        .packages(BASH),
        Case::layer(
            "a global header is no file",
            tar().pax(b'g', &[("comment", "x")]).file(STATUS, &status).end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a global header renames everything",
            tar().pax(b'g', &[("path", "elsewhere")]).file(STATUS, &status).end(),
            Partial(&["global-header"]),
        )
        .packages(BASH),
        Case::layer(
            "an extended header and no member",
            tar().file(STATUS, &status).pax(b'x', &[("path", "x")]).end(),
            Complete(&["orphan-extension"]),
        )
        .packages(BASH),
        Case::layer(
            "a name of 300 bytes",
            tar().long(b'L', long_name.as_bytes()).file("short", r#"{"name": "a", "version": "1.0.0"}"#).end(),
            Complete(&[]),
        )
        .packages(&["a 1.0.0"]),
        Case::layer(
            "a thousand extended headers before one member",
            (0..1000).fold(tar(), |tar, _| tar.pax(b'x', &[("comment", "x")])).file(STATUS, &status).end(),
            Partial(&["ambiguous-header"]),
        )
        .packages(BASH),
    ]);
}

#[test]
fn sparse_files() {
    let status = status();
    let size = status.len().to_string();
    let real =
        |size: &str| Header::new(STATUS, b'S', status.len() as u64).gnu().put(483, format!("{size:0>11}").as_bytes());
    // one region at offset 0 that holds everything; the rest is hole
    let regions = |length: usize| [format!("{:011o}\0", 0), format!("{length:011o}\0")].concat();
    let old = |real_size: u64| real(&format!("{real_size:o}")).put(386, regions(status.len()).as_bytes());
    let one_point_zero = |real_size: &str, map: &str| {
        let mut content = map.as_bytes().to_vec();
        content.resize(512, 0);
        content.extend(status.as_bytes());
        tar()
            .pax(
                b'x',
                &[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", STATUS),
                    ("GNU.sparse.realsize", real_size),
                ],
            )
            .file("GNUSparseFile.0/status", &content)
            .end()
    };
    let zero_point_one = |real_size: &str, map: &str| {
        tar()
            .pax(
                b'x',
                &[
                    ("GNU.sparse.major", "0"),
                    ("GNU.sparse.minor", "1"),
                    ("GNU.sparse.name", STATUS),
                    ("GNU.sparse.map", map),
                    ("GNU.sparse.numblocks", "1"),
                    ("GNU.sparse.size", real_size),
                ],
            )
            .file("GNUSparseFile.0/status", &status)
            .end()
    };
    let zero_point_zero = tar()
        .pax(
            b'x',
            &[
                ("GNU.sparse.size", &size),
                ("GNU.sparse.numblocks", "1"),
                ("GNU.sparse.offset", "0"),
                ("GNU.sparse.numbytes", &size),
            ],
        )
        .file(STATUS, &status)
        .end();
    let whole = status.len() as u64;
    check(vec![
        Case::layer("old GNU form", tar().member(old(whole), &status).end(), Complete(&[])).packages(BASH),
        Case::layer("form 0.0", zero_point_zero, Complete(&[])).packages(BASH),
        Case::layer("form 0.1", zero_point_one(&size, &format!("0,{size}")), Complete(&[])).packages(BASH),
        Case::layer("form 1.0", one_point_zero(&size, &format!("1\n0\n{size}\n")), Complete(&[])).packages(BASH),
        Case::layer("mostly hole, claims terabytes, old form", tar().member(old(8 << 30), &status).end(), Partial(&[])),
        Case::layer(
            "mostly hole, claims terabytes, form 1.0",
            one_point_zero("8796093022208", &format!("1\n0\n{size}\n")),
            Partial(&[]),
        ),
        Case::layer(
            "a map of a billion regions",
            one_point_zero(&size, "1000000000\n0\n1\n"),
            Partial(&["sparse-map"]),
        )
        .packages(BASH),
        Case::layer("a map that ends before it ends", one_point_zero(&size, "3\n0\n1\n"), Partial(&["sparse-map"]))
            .packages(BASH),
        Case::layer("regions that overlap", one_point_zero(&size, "2\n0\n20\n10\n20\n"), Partial(&["sparse-map"]))
            .packages(BASH),
        Case::layer(
            "regions behind the end",
            one_point_zero(&size, "1\n18446744073709551615\n10\n"),
            Partial(&["sparse-map"]),
        )
        .packages(BASH),
        Case::layer("regions without numbers", zero_point_one(&size, "0,x"), Partial(&[])),
    ]);
}

#[test]
fn ends_and_cuts() {
    let status = status();
    let (path, json) = npm("after");
    let whole = tar().file(STATUS, &status).file(&path, &json).end();
    let both: &[&str] = &["after 1.0.0", "bash 5.2"];
    let cut = |length: usize| whole[..length].to_vec();
    check(vec![
        Case::layer("nothing at all", Vec::new(), Complete(&[])),
        Case::layer("an end marker alone", vec![0; 1024], Complete(&[])),
        Case::layer("no end marker", cut(whole.len() - 1024), Complete(&["no-end-marker"])).packages(both),
        Case::layer("half an end marker", cut(whole.len() - 512), Complete(&["short-end-marker"])).packages(both),
        Case::layer("cut in the last content", cut(whole.len() - 1024 - 490), Partial(&[])).packages(BASH),
        Case::layer("cut in a header", cut(1024 + 100), Partial(&[])).packages(BASH),
        Case::layer(
            "a block of zeros in the middle",
            tar().file(STATUS, &status).bytes([0; 512]).file(&path, &json).end(),
            Partial(&["single-zero-block"]),
        )
        .packages(both),
        Case::layer(
            "members after the end",
            tar().file(STATUS, &status).bytes([0; 1024]).file(&path, &json).end(),
            Complete(&["data-after-end"]),
        )
        .packages(BASH),
        Case::layer(
            "noise after the end",
            tar().file(STATUS, &status).bytes([0; 1024]).bytes([7; 3000]).0,
            Complete(&["data-after-end"]),
        )
        .packages(BASH),
        Case::layer(
            "a wrong checksum",
            {
                let mut bytes = tar().file(STATUS, &status).file(&path, &json).end();
                bytes[1024] ^= 1;
                bytes
            },
            Partial(&[]),
        )
        .packages(BASH),
        Case::layer("no tar at all", vec![b'x'; 2048], Partial(&[])),
        Case::layer(
            "a name twice, the last wins",
            tar().file(STATUS, "").file(STATUS, &status).end(),
            Complete(&["member-repeated"]),
        )
        .packages(BASH),
    ]);
}

#[test]
fn kinds_of_members() {
    let status = status();
    let (path, json) = npm("after");
    let both: &[&str] = &["after 1.0.0", "bash 5.2"];
    let base = tar().file(STATUS, &status).end();
    check(vec![
        Case::layer(
            "a symbolic link with a size",
            tar().member(Header::new("link", b'2', 512).link("x"), "").file(STATUS, &status).end(),
            Partial(&["header-only-size"]),
        )
        .packages(BASH),
        Case::layer(
            "a folder with a size",
            tar().member(Header::new("folder/", b'5', 512), "").file(STATUS, &status).end(),
            Partial(&["header-only-size"]),
        )
        .packages(BASH),
        Case::layer(
            "a hard link to nothing",
            tar().member(Header::new(STATUS, b'1', 0).link("missing"), "").file(&path, &json).end(),
            Partial(&[]),
        )
        .packages(&["after 1.0.0"]),
        Case::layer(
            "a hard link to what comes later",
            tar().member(Header::new(STATUS, b'1', 0).link("store"), "").file("store", &status).end(),
            Partial(&[]),
        ),
        Case::layer(
            "a hard link to itself",
            tar().member(Header::new("a", b'1', 0).link("a"), "").file(STATUS, &status).end(),
            Partial(&[]),
        )
        .packages(BASH),
        Case::layer(
            "devices and pipes",
            [b'3', b'4', b'6']
                .into_iter()
                .fold(tar(), |tar, kind| {
                    tar.member(Header::new(format!("dev/{}", char::from(kind)), kind, 0).device(1, 3), "")
                })
                .file(STATUS, &status)
                .end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a contiguous file",
            tar().member(Header::new(STATUS, b'7', status.len() as u64), &status).end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a file of the oldest kind",
            tar().member(Header::new(STATUS, 0, status.len() as u64), &status).end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a kind nobody knows",
            tar().member(Header::new("odd", b'Z', 5), "12345").file(STATUS, &status).end(),
            Partial(&["unknown-type"]),
        )
        .packages(BASH),
        Case::layers(
            "overlayfs's own whiteout",
            &[
                tar().file(STATUS, &status).file(&path, &json).end(),
                tar().member(Header::new(STATUS, b'3', 0).device(0, 0), "").end(),
            ],
            Complete(&[]),
        )
        .packages(&["after 1.0.0"]),
        Case::layers(
            "a folder where a file was",
            &[base.clone(), tar().member(Header::new("var/lib/dpkg/status/", b'5', 0), "").end()],
            Complete(&[]),
        ),
        Case::layers(
            "a pipe where a file was",
            &[base.clone(), tar().member(Header::new(STATUS, b'6', 0), "").end()],
            Complete(&[]),
        ),
        Case::layers(
            "a file where a folder was",
            &[base.clone(), tar().file("var/lib/dpkg", "no folder any more").end()],
            Complete(&[]),
        ),
        Case::layers(
            "a whiteout without a name",
            &[base.clone(), tar().file("var/lib/dpkg/.wh.", "").end()],
            Partial(&["whiteout-invalid"]),
        )
        .packages(BASH),
        Case::layers(
            "a whiteout of the folder itself",
            &[base.clone(), tar().file("var/lib/dpkg/.wh..", "").end()],
            Partial(&["whiteout-invalid"]),
        )
        .packages(BASH),
        Case::layers(
            "a whiteout of the folder above",
            &[base.clone(), tar().file("var/lib/dpkg/.wh...", "").end()],
            Partial(&["whiteout-invalid"]),
        )
        .packages(BASH),
        Case::layers(
            "markers of aufs",
            &[
                base.clone(),
                tar().file("var/lib/.wh..wh.aufs", "").file("var/lib/.wh..wh.plnk/1", "").file(&path, &json).end(),
            ],
            Complete(&[]),
        )
        .packages(both),
        Case::layers(
            "a whiteout of what is not there",
            &[base.clone(), tar().file("var/lib/.wh.nothing", "").end()],
            Complete(&[]),
        )
        .packages(BASH),
        Case::layers(
            "everything opaque",
            &[base.clone(), tar().file(".wh..wh..opq", "").file(&path, &json).end()],
            Complete(&[]),
        )
        .packages(&["after 1.0.0"]),
        Case::layers(
            "a whiteout and a new file of the name",
            &[base, tar().file("var/lib/dpkg/.wh.status", "").file(STATUS, &status).end()],
            Complete(&[]),
        )
        .packages(BASH),
    ]);
}

//! Names made for a terminal, a log, a table, and for walking out of the root.

use std::fmt::Write as _;

use serde_json::json;

use super::{Case, Complete, Partial, check};
use crate::support::image::{Built, Recipe};
use crate::support::raw::{Header, RawTar};
use crate::support::run::{TODAY, careen, file_of, packages, rendered, rules, scan_bytes};

const BASH: &[&str] = &["bash 5.2"];
const STATUS: &str = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n";

/// Pieces of names that steer a terminal, forge a line, reverse text, or mean something to a browser or a spreadsheet.
const NASTY: &[&str] = &[
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "line\nforged: passed",
    "carriage\rreturn",
    "\u{202e}gnp.exe",
    "\u{2066}isolate\u{2069}",
    "zero\u{200b}width",
    "sep\u{2028}arator",
    "\u{9b}31mC1",
    "bell\x07 back\x08 del\x7f",
    "<script>alert(1)<",
    "a|b`c`[d](e)",
    "=cmd|' /C calc'!A0",
    "::error::forged",
    "%2e%2e%0a",
];

/// An image with every nasty piece wherever a report shows text.
fn nasty_image() -> Built {
    let mut layer =
        RawTar::default().file("etc/os-release", format!("ID=debian\nVERSION_ID=9\nPRETTY_NAME=\"{}\"\n", NASTY[0]));
    let mut status = String::new();
    for (index, piece) in NASTY.iter().enumerate() {
        let piece = &piece.replace('/', "_");
        layer = layer
            .member(Header::new(format!("bin/{piece}"), b'0', 1).put(100, b"0004755"), "x")
            .file(format!("app/{piece}/.git/HEAD"), "ref: refs/heads/main\n")
            .file(
                format!("app/{index}/{piece}/.env"),
                format!("TOKEN={}\n", crate::support::token::github(u32::try_from(index).unwrap())),
            )
            .file(
                format!("app/node_modules/{index}/package.json"),
                json!({"name": piece, "version": format!("1.0{piece}"), "license": piece}).to_string(),
            );
        writeln!(
            status,
            "Package: p{index}{}\nStatus: install ok installed\nVersion: 1{}\nArchitecture: amd64\n",
            piece.replace('\n', " "),
            piece.replace('\n', " ")
        )
        .unwrap();
    }
    layer = layer
        .file("var/lib/dpkg/status", status)
        .member(Header::new(b"bad-\xff\xfe-utf8", b'0', 1).put(100, b"0004755"), "x")
        .member(Header::new(format!("dangling{}", NASTY[2]), b'1', 0).link(NASTY[0]), "")
        .file("var/cache/apt/archives/\x1b[1mx.deb", vec![1; 200_000]);
    let labels: serde_json::Map<String, serde_json::Value> =
        NASTY.iter().map(|piece| ((*piece).to_owned(), json!(piece))).collect();
    let recipe = Recipe {
        config: json!({"User": NASTY[0], "Env": NASTY.iter().map(|piece| format!("PASSWORD{piece}=hunter2-Tr4wl3r{piece}")).collect::<Vec<_>>(), "Labels": labels, "Cmd": NASTY, "ExposedPorts": {"22/tcp\u{1b}[0m": {}}}),
        history: vec![json!({"created_by": NASTY.join(" "), "author": NASTY[1], "comment": NASTY[2]})],
        ..Recipe::default()
    };
    Built::new(&recipe, &[layer.end()])
}

#[test]
fn no_format_shows_what_steers() {
    let archive = nasty_image().docker_archive();
    let report = scan_bytes(&archive).report();
    assert!(!packages(&report).is_empty() && rules(&report).len() >= 4, "there is much to show: {:?}", rules(&report));
    let reports = [report];
    for verbose in [false, true] {
        for format in ["text", "json", "sarif"] {
            let out = rendered(&reports, format, verbose);
            assert_harmless(format, &out);
            if format != "text" {
                serde_json::from_str::<serde_json::Value>(&out).unwrap();
            }
        }
    }
    let file = file_of(&archive);
    let run = careen(&["scan", "--today", TODAY, "-v", "--color", "never", file.path().to_str().unwrap()]);
    assert_harmless("stdout", &run.stdout);
    assert_harmless("stderr", &run.stderr);
}

#[test]
fn nor_do_errors() {
    let mut manifest = json!([{"Config": format!("{}.json", NASTY[0]), "RepoTags": NASTY, "Layers": NASTY}]);
    for two in [false, true] {
        let mut parts = crate::support::image::Parts::default();
        if two {
            manifest.as_array_mut().unwrap().push(json!({"Config": "x", "RepoTags": [NASTY[2]], "Layers": []}));
        }
        parts.file("manifest.json", serde_json::to_vec(&manifest).unwrap());
        let file = file_of(&parts.archive());
        for target in [
            file.path().to_str().unwrap().to_owned(),
            format!("{}:{}", file.path().display(), NASTY[0]),
            NASTY[0].to_owned(),
            format!("./{}", NASTY[2]),
        ] {
            for format in ["text", "json"] {
                let run = careen(&["scan", "--today", TODAY, "-f", format, &target]);
                assert!(matches!(run.code, 2 | 4), "{target:?}: {}", run.code);
                assert_harmless("stdout", &run.stdout);
                assert_harmless("stderr", &run.stderr);
            }
        }
    }
}

#[track_caller]
fn assert_harmless(what: &str, out: &str) {
    let bad: Vec<char> =
        out.chars().filter(|c| (c.is_control() && *c != '\n') || careen::escape::is_hidden(*c)).collect();
    assert!(bad.is_empty(), "{what} has {bad:?}");
    let forged: Vec<&str> =
        out.lines().filter(|line| line.trim_start().starts_with("forged") || line.starts_with("::error")).collect();
    assert!(forged.is_empty(), "{what} has a forged line: {forged:?}");
}

#[test]
fn names_stay_below_the_root() {
    let tar = RawTar::default;
    let link = |name: &str, target: &str| Header::new(name, b'2', 0).link(target);
    let deep = "d/".repeat(45);
    let outside = "outside.example";
    check(vec![
        Case::layer(
            "parents in a name",
            tar().file("../../var/lib/dpkg/status", STATUS).end(),
            Complete(&["path-with-parent"]),
        )
        .packages(BASH),
        Case::layer(
            "parents inside a name",
            tar().file("a/x/../../var/lib/dpkg/status", STATUS).end(),
            Complete(&["path-with-parent"]),
        )
        .packages(BASH),
        Case::layer("an absolute name", tar().file("/var/lib/dpkg/status", STATUS).end(), Complete(&[])).packages(BASH),
        Case::layer("dots and slashes", tar().file("./var//lib/./dpkg/status", STATUS).end(), Complete(&[]))
            .packages(BASH),
        Case::layer("backslashes are no slashes", tar().file("var\\lib\\dpkg\\status", STATUS).end(), Complete(&[])),
        Case::layer(
            "an absolute link stays inside",
            tar().file("usr/db/status", STATUS).member(link("var/lib/dpkg", "/usr/db"), "").end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a link out of the root stays inside",
            tar().file("usr/db/status", STATUS).member(link("var/lib/dpkg", "../../../../../../usr/db"), "").end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a link to the host",
            tar().member(link("var/lib/dpkg", "/proc/self/root/var/lib/dpkg"), "").end(),
            Complete(&[]),
        ),
        Case::layer(
            "a database that leads to itself",
            tar().member(link("var/lib/dpkg/status", "status"), "").end(),
            Partial(&["link-too-deep"]),
        ),
        Case::layer(
            "a folder that leads to itself",
            tar().member(link("var/lib/dpkg", "../lib/dpkg"), "").end(),
            Partial(&["link-too-deep"]),
        ),
        Case::layer(
            "two links that lead to each other",
            tar().member(link("var/lib/dpkg", "/b"), "").member(link("b", "/var/lib/dpkg"), "").end(),
            Partial(&["link-too-deep"]),
        ),
        Case::layer(
            "members below a link",
            tar()
                .file("usr/db/x", "")
                .member(link("var/lib/dpkg", "/usr/db"), "")
                .file("var/lib/dpkg/status", STATUS)
                .end(),
            Complete(&["member-through-link"]),
        )
        .packages(BASH),
        Case::layer(
            "links that double",
            (0..40)
                .fold(tar(), |tar, n| tar.member(link(&format!("l{n}"), &format!("l{0}/../l{0}/..", n + 1)), ""))
                .file("var/lib/dpkg/status", STATUS)
                .end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a hard link out of the root",
            tar()
                .member(Header::new("x", b'1', 0).link(format!("../../{outside}")), "")
                .file("var/lib/dpkg/status", STATUS)
                .end(),
            Partial(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a name of NULs",
            tar().member(Header::new("", b'0', 1), "x").file("var/lib/dpkg/status", STATUS).end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "folders below folders",
            tar().file(format!("{deep}x"), "").file("var/lib/dpkg/status", STATUS).end(),
            Complete(&[]),
        )
        .packages(BASH),
        Case::layer(
            "a name beyond the limit",
            tar().long(b'L', "d/".repeat(5_000).as_bytes()).file("x", "").file("var/lib/dpkg/status", STATUS).end(),
            Partial(&["path-too-long"]),
        )
        .packages(BASH),
    ]);
}

/// What an image names outside of its root is not read, even if it is there.
#[test]
fn a_folder_is_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("var/lib")).unwrap();
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::create_dir(folder.path().join("host")).unwrap();
    std::fs::write(folder.path().join("host/status"), STATUS).unwrap();
    std::os::unix::fs::symlink(folder.path().join("host"), root.join("var/lib/dpkg")).unwrap();
    std::os::unix::fs::symlink("../../../../host/status", root.join("etc/status")).unwrap();
    let run = careen(&["scan", "--today", TODAY, "-f", "json", &format!("dir:{}", root.display())]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["packages"], json!([]), "{}", run.stdout);
}

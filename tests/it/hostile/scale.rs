//! Very many of everything.

use std::time::Instant;

use serde_json::json;

use super::{Case, Complete, MOST_SECONDS, Partial, check};
use crate::support::image::{Built, Packing, Recipe, gzip};
use crate::support::layout::{CONFIG, LAYER, Layout, MANIFEST};
use crate::support::raw::{Header, RawTar};
use crate::support::run::{limitations, rendered, scan_bytes};
use crate::support::token;

const BASH: &[&str] = &["bash 5.2"];
const STATUS: &str = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n";

/// The full numbers take a debug build minutes; a tenth of them shows what is not linear as well.
const MANY: usize = if cfg!(debug_assertions) { 25_000 } else { 250_000 };

#[test]
fn members_and_markers() {
    let mut lower = RawTar::default();
    for index in 0..MANY {
        lower = lower.file(format!("srv/{}/{}/{index}", index % 97, index % 13), "");
    }
    lower = lower.file("var/lib/dpkg/status", STATUS);
    let mut upper = RawTar::default();
    for index in 0..MANY * 2 / 5 {
        upper = upper.file(format!("srv/{}/{}/.wh.{index}", index % 97, index % 13), "");
    }
    let mut wide = RawTar::default();
    for index in 0..MANY {
        wide = wide.file(format!("wide/{index}"), "");
    }
    let archive = Built::of(&[lower.end(), upper.end(), wide.end()]).oci_archive(Packing::Gzip);
    check(vec![Case::new("members and markers", archive, Complete(&[])).packages(BASH)]);
}

#[test]
fn layers() {
    let mut layers: Vec<Vec<u8>> =
        (0..3_000).map(|index| RawTar::default().file(format!("srv/{index}"), "x").end()).collect();
    layers.push(RawTar::default().file("var/lib/dpkg/status", STATUS).end());
    check(vec![
        Case::new("three thousand layers", Built::of(&layers).docker_archive(), Complete(&[])).packages(BASH),
        Case::new("three thousand layers in a layout", Built::of(&layers).oci_archive(Packing::Gzip), Complete(&[]))
            .packages(BASH),
    ]);
}

/// A layer that a manifest lists 400 times is decoded once.
#[test]
fn one_layer_many_times() {
    let layer = RawTar::default().file("zeros", vec![7; 2 << 20]).file("var/lib/dpkg/status", STATUS).end();
    let mut layout = Layout::new();
    let descriptor = layout.put(&format!("{LAYER}+gzip"), gzip(&layer));
    let config = layout.put(CONFIG, Built::of(&vec![layer; 400]).config);
    let manifest = layout.put_json(
        MANIFEST,
        &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": vec![descriptor; 400]}),
    );
    layout.list(&[manifest]);
    check(vec![Case::new("400 times", layout.archive(), Complete(&[])).packages(BASH)]);
}

#[test]
fn links() {
    let mut layer = RawTar::default().file("var/lib/dpkg/status", STATUS);
    for index in 0..MANY / 5 {
        layer = layer.member(Header::new(format!("hard/{index}"), b'1', 0).link("var/lib/dpkg/status"), "");
        layer = layer.member(Header::new(format!("soft/{index}"), b'2', 0).link("../var/lib/dpkg/status"), "");
        layer = layer.member(Header::new(format!("chain/{index}"), b'2', 0).link(format!("{}", index + 1)), "");
    }
    check(vec![Case::layer("hard and symbolic links", layer.end(), Complete(&[])).packages(BASH)]);
}

/// Secrets in one file are listed up to a cap, and the rest is counted.
#[test]
fn secrets_in_one_file() {
    let count = u32::try_from(MANY / 5).unwrap();
    let text: String = (0..count).flat_map(|seed| [token::github(seed), "\n".into()]).collect();
    let start = Instant::now();
    let report =
        scan_bytes(&Built::of(&[RawTar::default().file("srv/dump.txt", text).end()]).docker_archive()).report();
    assert!(start.elapsed().as_secs() <= MOST_SECONDS, "{:?}", start.elapsed());
    assert_eq!(report.findings.iter().filter(|judged| judged.finding.rule.family() == "secret").count(), 1_000);
    assert_eq!(limitations(&report), ["secrets-not-listed"]);
    assert!(report.limitations[0].what.contains(&(count - 1_000).to_string()), "{:?}", report.limitations);
}

/// Weak secrets hide no grave one: it is listed, and that others are not is a gap.
#[test]
fn a_grave_secret_behind_weak_ones() {
    let weak: String = (0..1_000).map(|number| format!("password{number} = \"h7Kq!x9{number}fRz\"\n")).collect();
    for (text, listed, codes) in
        [(weak.clone(), 0, &[][..]), (weak + &token::github(1) + "\n", 1, &["secrets-not-listed"])]
    {
        let report =
            scan_bytes(&Built::of(&[RawTar::default().file("srv/dump.ini", text).end()]).docker_archive()).report();
        let tokens = report.findings.iter().filter(|judged| judged.finding.rule.id.contains("github")).count();
        assert_eq!((tokens, report.has_gaps()), (listed, listed == 1));
        assert_eq!(limitations(&report), codes);
    }
}

/// A secret that stands there often is one, whether it is listed or beyond the cap.
#[test]
fn secrets_that_are_repeated() {
    let once = |seeds: std::ops::Range<u32>| -> String { seeds.map(|seed| token::github(seed) + "\n").collect() };
    let cases = [
        (format!("{}{}", once(0..1).repeat(2_000), once(1..2)), 2, None),
        (once(0..1_000).repeat(2), 1_000, None),
        (once(0..1_002).repeat(3), 1_000, Some("2 more secrets in this file are counted, not listed")),
    ];
    for (text, listed, told) in cases {
        let report =
            scan_bytes(&Built::of(&[RawTar::default().file("srv/dump.txt", text).end()]).docker_archive()).report();
        assert_eq!(report.findings.iter().filter(|judged| judged.finding.rule.family() == "secret").count(), listed);
        assert_eq!(report.limitations.first().map(|told| told.what.as_str()), told);
    }
}

/// Two layers with one file are two findings, which are told apart.
#[test]
fn findings_of_two_layers_have_two_ids() {
    let layer = |tail: &str| RawTar::default().file("srv/key.txt", token::github(1) + tail).end();
    let report = scan_bytes(&Built::of(&[layer("\n"), layer(" \n")]).docker_archive()).report();
    let secrets: Vec<String> = report
        .findings
        .iter()
        .filter(|judged| judged.finding.rule.family() == "secret")
        .map(|judged| judged.finding.fingerprint())
        .collect();
    assert!(matches!(&*secrets, [one, other] if one != other), "{secrets:?}");
}

/// Findings of one rule are listed up to a cap; the verdict counts them all.
#[test]
fn findings_of_one_rule() {
    for (count, listed, notes) in [(1_000, 1_000, &[][..]), (MANY, 1_000, &["findings-not-listed"])] {
        let mut layer = RawTar::default();
        for index in 0..count {
            layer = layer.member(Header::new(format!("srv/{index}"), b'0', 1).put(100, b"0004755"), "x");
        }
        let report = scan_bytes(&Built::of(&[layer.end()]).docker_archive()).report();
        let setuid = report.findings.iter().filter(|judged| judged.finding.rule.id == "image/setuid").count();
        assert_eq!(setuid, listed);
        assert!(report.verdict.warned >= count, "{:?}", report.verdict);
        assert_eq!(limitations(&report), notes);
        assert!(report.limitations.iter().all(|told| told.what.contains(&(MANY - 1_000).to_string())));
    }
}

/// Limitations of one code are listed up to a cap, and what is beyond is a gap too.
#[test]
fn limitations_of_one_code() {
    for (count, codes) in
        [(1_000, &["package-record-malformed"][..]), (1_001, &["limitations-not-listed", "package-record-malformed"])]
    {
        let mut layer = RawTar::default();
        for index in 0..count {
            layer = layer.file(format!("srv/{index}.dist-info/METADATA"), "Version: 1\n");
        }
        let report = scan_bytes(&Built::of(&[layer.end()]).docker_archive()).report();
        assert_eq!(limitations(&report), codes);
        assert!(report.limitations.iter().all(|told| told.is_gap));
        assert_eq!(report.limitations.len(), 999 + codes.len());
    }
}

/// Short members that imply thousands of folders each.
#[test]
fn folders_nobody_lists() {
    let mut builder = tar::Builder::new(Vec::new());
    for index in 0..300 {
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        builder.append_data(&mut header, format!("{index}/{}x", "a/".repeat(2_000)), &b"x"[..]).unwrap();
    }
    let layer = builder.into_inner().unwrap();
    check(vec![Case::layer("folders that members only imply", layer, Partial(&["too-many-folders"]))]);
}

/// A step made to use up the search, with a token behind it.
#[test]
fn a_search_that_is_used_up() {
    let secret = token::github(7);
    let recipe = Recipe {
        config: serde_json::json!({"User": "1000"}),
        history: vec![
            serde_json::json!({"created_by": format!("RUN {} {secret}", ["gh", "p_"].concat().repeat(5_000))}),
        ],
        ..Recipe::default()
    };
    let archive = Built::new(&recipe, &[RawTar::default().file("a", "b").end()]).docker_archive();
    let scanned = scan_bytes(&archive);
    assert_eq!(scanned.exit_code(), 3, "{scanned}");
    let shown = rendered(&[scanned.report()], "json", true);
    assert!(!shown.contains(&secret), "the token is shown");
}

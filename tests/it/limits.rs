//! Each limit from both sides: an image that just fits, and the same image with one less allowed.

use careen::limit::{LIMITS, Limits};
use careen::source::PlatformChoice;
use serde_json::{Value, json};

use crate::support::image::{Built, Packing};
use crate::support::layout::{INDEX, Layout};
use crate::support::raw::{Header, RawTar};
use crate::support::run::{Scanned, file_of, scan_within};
use crate::support::token;

/// Limits that have tests of their own, beside what they bound.
const ELSEWHERE: &[&str] = &["limitations-per-code", "ratio", "ratio-from", "zstd-window-log"];

/// Files of the image below, of both layers.
const ENTRIES: u64 = 8;

/// The archive, and for each limit the least value with which nothing is refused or left out.
fn image() -> (Vec<u8>, Vec<(&'static str, u64)>) {
    let long_path = format!("srv/{}", "p".repeat(150));
    let record = format!("{} path={long_path}\n", "path= \n".len() + 3 + long_path.len());
    let secrets: String = (0..3).map(|seed| token::github(seed) + "\n").collect();
    let lower = RawTar::default()
        .file("usr/share/db/status", "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n")
        .member(Header::new("one", b'2', 0).link("usr/share/db"), "")
        .member(Header::new("two", b'2', 0).link("one"), "")
        .member(Header::new("var/lib/dpkg", b'2', 0).link("../../two"), "")
        .file("srv/secrets.txt", &secrets)
        .pax(b'x', &[("path", &long_path)])
        .file("short", "x")
        .end();
    // two regions of one byte each in a file of 4 KiB
    let map = "2\n0\n1\n2048\n1\n";
    let mut sparse = map.as_bytes().to_vec();
    sparse.resize(512, 0);
    sparse.extend(b"ab");
    let upper = RawTar::default()
        .pax(
            b'x',
            &[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.name", "sparse"),
                ("GNU.sparse.realsize", "4096"),
            ],
        )
        .file("sparse", &sparse)
        .file("last", "x")
        .end();
    let sizes = (lower.len() + upper.len()) as u64;
    let built = Built::of(&[lower, upper]);
    let mut layout = Layout::new();
    let manifest = built.put_into(&mut layout, Packing::Gzip);
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
    let inner_size = serde_json::to_vec(&inner).unwrap().len() as u64;
    let inner = layout.put_json(INDEX, &inner);
    layout.list(&[inner]);
    let config = built.config.len() as u64;
    let manifest_size = size(&manifest);
    let least = vec![
        ("budget", 1 << 20), // a smaller one only makes readers wait
        ("config", config),
        ("descriptors", 2),
        ("documents", config + manifest_size + inner_size),
        ("entries", ENTRIES),
        ("expanded", sizes),
        ("extension-record", record.len() as u64),
        ("facts", 4), // three secrets and a package
        ("findings-per-file", 3),
        ("findings-per-rule", 3),
        ("index-depth", 2),
        ("layers", 2),
        ("link-hops", 3),
        ("manifest", manifest_size.max(inner_size)),
        ("path", long_path.len() as u64),
        ("sparse-regions", 2),
    ];
    (layout.archive(), least)
}

fn size(descriptor: &Value) -> u64 {
    descriptor["size"].as_u64().unwrap()
}

/// Whether an image is read without any limitation.
fn fits(path: &str, name: &str, value: u64) -> bool {
    let mut limits = Limits::default();
    limits.set(name, &value.to_string()).unwrap();
    match scan_within(path, PlatformChoice::Host, 2, &limits) {
        Scanned::Reports(reports) => reports.iter().all(|report| report.limitations.is_empty()),
        Scanned::Refused(_) => false,
        Scanned::CannotRun(error) => panic!("{name}={value}: {error}"),
    }
}

#[test]
fn each_limit_is_met_exactly() {
    let (archive, expected) = image();
    let file = file_of(&archive);
    let path = file.path().to_str().unwrap();
    let mut found = Vec::new();
    for (name, _) in &expected {
        let (mut least, mut most) = (0_u64, 1 << 30);
        if *name == "budget" {
            least = 1 << 20;
        }
        if matches!(*name, "index-depth") {
            most = 64;
        }
        if matches!(*name, "link-hops" | "path") {
            (least, most) = (1, 1_000);
        }
        assert!(fits(path, name, most), "{name}={most}");
        while least < most {
            let middle = least.midpoint(most);
            if fits(path, name, middle) {
                most = middle;
            } else {
                least = middle + 1;
            }
        }
        found.push((*name, least));
    }
    assert_eq!(found, expected);
    let mut names: Vec<&str> = expected.iter().map(|(name, _)| *name).chain(ELSEWHERE.iter().copied()).collect();
    names.sort_unstable();
    assert_eq!(names, LIMITS.iter().map(|limit| limit.name).collect::<Vec<_>>(), "each limit has a test");
}

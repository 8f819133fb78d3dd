//! A secret is found wherever it lies, however buffers cut the file.

use std::collections::BTreeSet;

use careen::collect::{OVERLAP, WINDOW};

use crate::support::image::{Built, DockerStyle, Packing, docker_archive};
use crate::support::raw::RawTar;
use crate::support::run::{scan_bytes, scan_file};
use crate::support::token;

/// A file with a token across every multiple of `step`, each beginning `before` bytes before it.
fn file(length: usize, step: usize, before: usize) -> (Vec<u8>, usize) {
    let mut bytes = b"filler text of no interest at all\n".repeat(length / 34 + 1);
    bytes.truncate(length);
    let mut count = 0;
    for boundary in (step..length - 200).step_by(step) {
        let text = format!(" {} ", token::github(u32::try_from(count).unwrap()));
        let start = boundary - before;
        bytes[start - 1..start - 1 + text.len()].copy_from_slice(text.as_bytes());
        count += 1;
    }
    (bytes, count)
}

fn found(archive: &[u8]) -> usize {
    let report = scan_bytes(archive).report();
    let secrets = report.findings.iter().filter(|judged| judged.finding.rule.id == "secret/github-pat");
    secrets.map(|judged| judged.finding.fingerprint()).collect::<BTreeSet<_>>().len()
}

/// Boundaries at every 32 KiB: those of the reader, of the decoders, of windows and of their overlaps.
#[test]
fn across_every_boundary_byte_by_byte() {
    let length = 2 * WINDOW + 3 * OVERLAP;
    let before: Vec<usize> = (0..=42).collect();
    let mut wrong = Vec::new();
    for before in before {
        let (bytes, count) = file(length, OVERLAP / 2, before);
        assert!(count > 60);
        let image = Built::of(&[RawTar::default().file("srv/large.txt", bytes).end()]);
        // plain layers are cut by the reader alone, packed ones by the decoder too
        let packing = if before % 2 == 0 { Packing::Plain } else { Packing::Gzip };
        let found = found(&docker_archive(&[("a:1", &image)], DockerStyle::Old, packing));
        if found != count {
            wrong.push(format!("{before} bytes before: {found} of {count}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that begin at any offset of the layer: headers before them slide them by blocks.
#[test]
fn in_files_of_every_length() {
    for length in (0..1200).step_by(13) {
        let text = format!("{}{}", "x\n".repeat(length / 2), token::github(7));
        let image = Built::of(&[RawTar::default().file("first", vec![b'x'; length]).file("srv/a.txt", text).end()]);
        assert_eq!(found(&image.docker_archive()), 1, "{length}");
    }
}

/// Between two windows of zeros, which nobody looks into.
#[test]
fn between_zeros() {
    let mut bytes = vec![0; 10 * WINDOW];
    for (seed, place) in [(0, WINDOW - 20), (1, 2 * WINDOW - OVERLAP - 20), (2, 3 * WINDOW + 5), (3, 10 * WINDOW - 41)]
    {
        let token = token::github(seed);
        bytes[place..place + token.len()].copy_from_slice(token.as_bytes());
    }
    let image = Built::of(&[RawTar::default().file("srv/disk.img", bytes).end()]);
    assert_eq!(found(&image.docker_archive()), 4);
    let folder = tempfile::tempdir().unwrap();
    image.oci(Packing::Zstd).write_to(folder.path());
    assert_eq!(
        scan_file(folder.path())
            .report()
            .findings
            .iter()
            .filter(|judged| judged.finding.rule.id == "secret/github-pat")
            .count(),
        4
    );
}

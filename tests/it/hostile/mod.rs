//! Images made to mislead, crash or stall a scanner: each ends complete, partial or refused, as it should.
//!
//! What a recipe can say is in `fixtures/hostile`; the rest is written byte by byte here:
//!
//! - databases and folders behind links, deleted and made again, replaced by links: `fixtures/hostile`
//! - pieces compressed one by one, metadata frames, bombs, archives in archives: [`compression`]
//! - sizes that disagree, records too large to hold, files that are mostly hole: [`tar_members`]
//! - documents nested too deep, of wrong types, swapped, lying about digests and sizes, leading to
//!   themselves, meant for other hosts, readable in two ways: [`documents`]
//! - names made for terminals and browsers, links that lead out: [`names`]
//! - files of packages with bytes changed, cut out and doubled, and databases whose pages lead to themselves:
//!   [`packages`]
//! - a quarter of a million members, thousands of layers, thousands of secrets: [`scale`]
//! - a secret across every boundary: [`sliding`]
//! - every cut and every changed byte: [`crate::prefixes`]

mod compression;
mod documents;
mod names;
mod packages;
mod scale;
mod sliding;
mod tar_members;

use std::time::Instant;

use careen::error::ErrorKind;

use crate::links::{differences, recipes};
use crate::support::image::{Built, DockerStyle, Packing, docker_archive};
use crate::support::run::{Scanned, TODAY, careen, file_of, limitations, packages, scan_bytes, scan_file};

/// Seconds that nothing of this kit may take, in a debug build on a busy machine.
const MOST_SECONDS: u64 = 20;

/// An archive and how its scan must end.
struct Case {
    name: &'static str,
    archive: Vec<u8>,
    expected: Expected,
    /// `name version` of all packages, where there is a report.
    packages: &'static [&'static str],
}

/// How a scan must end.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// Nothing is left unread; these notes, sorted.
    Complete(&'static [&'static str]),
    /// Something is told as a gap, with these codes among others.
    Partial(&'static [&'static str]),
    /// Refused, for one of these kinds of reasons.
    Refused(ErrorKind),
    /// Not done.
    CannotRun(ErrorKind),
}

use Expected::{CannotRun, Complete, Partial, Refused};

impl Case {
    fn new(name: &'static str, archive: Vec<u8>, expected: Expected) -> Self {
        Self { name, archive, expected, packages: &[] }
    }

    /// An image of one layer, as it is in an archive of `docker save`.
    fn layer(name: &'static str, layer: Vec<u8>, expected: Expected) -> Self {
        Self::new(name, Built::of(&[layer]).docker_archive(), expected)
    }

    fn layers(name: &'static str, layers: &[Vec<u8>], expected: Expected) -> Self {
        Self::new(name, Built::of(layers).docker_archive(), expected)
    }

    fn packages(self, packages: &'static [&'static str]) -> Self {
        Self { packages, ..self }
    }
}

impl Expected {
    fn exit_codes(self) -> &'static [i32] {
        match self {
            Complete(_) => &[0, 1],
            Partial(_) => &[3, 1],
            Refused(_) => &[4],
            CannotRun(_) => &[2],
        }
    }

    fn fits(self, scanned: &Scanned, expected_packages: &[&str]) -> bool {
        match (self, scanned) {
            (Refused(kind), Scanned::Refused(error)) | (CannotRun(kind), Scanned::CannotRun(error)) => {
                error.kind == kind
            }
            (Complete(_) | Partial(_), Scanned::Reports(reports)) => reports.iter().all(|report| {
                let gaps: Vec<&str> = report
                    .limitations
                    .iter()
                    .filter(|limitation| limitation.is_gap)
                    .map(|limitation| limitation.code)
                    .collect();
                let is_as_told = match self {
                    Complete(notes) => gaps.is_empty() && limitations(report) == notes,
                    Partial(codes) => !gaps.is_empty() && codes.iter().all(|code| gaps.contains(code)),
                    Refused(_) | CannotRun(_) => false,
                };
                is_as_told && packages(report) == expected_packages
            }),
            _ => false,
        }
    }
}

/// Scans every case in this process and as a user would, and fails with all that ends otherwise.
#[track_caller]
fn check(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for Case { name, archive, expected, packages } in cases {
        let start = Instant::now();
        let scanned = scan_bytes(&archive);
        if !expected.fits(&scanned, packages) {
            wrong.push(format!("{name}: {scanned}; expected {expected:?} with {packages:?}"));
        }
        let seconds = start.elapsed().as_secs();
        if seconds > MOST_SECONDS {
            wrong.push(format!("{name} takes {seconds} s"));
        }
        // stack and memory are a process's, so the binary must stand it too
        let file = file_of(&archive);
        let run = careen(&["scan", "--today", TODAY, file.path().to_str().unwrap()]);
        if !expected.exit_codes().contains(&run.code) {
            wrong.push(format!("{name}: exit code {}: {}", run.code, run.stderr));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn recipes_give_what_they_expect() {
    let mut wrong = Vec::new();
    let recipes = recipes("hostile");
    assert!(recipes.len() >= 8, "the recipes were found");
    for (name, recipe) in recipes {
        let image = recipe.build();
        for archive in [
            docker_archive(&[("a:1", &image)], DockerStyle::Linked, Packing::Gzip),
            image.oci_archive(Packing::ZstdFrames),
        ] {
            let scanned = scan_bytes(&archive);
            let shown = scanned.to_string();
            let differences = differences(&scanned.report(), &recipe.expect);
            wrong.extend(
                differences.into_iter().map(|what| format!("{name} ({}): {what}; it is {shown}", recipe.about)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_image_is_refused() {
    check(vec![
        Case::new("nothing", Vec::new(), Refused(ErrorKind::Malformed)),
        Case::new("zeros", vec![0; 4096], Refused(ErrorKind::Malformed)),
        Case::new("an end marker", vec![0; 1024], Refused(ErrorKind::Malformed)),
        Case::new("text", b"FROM debian\n".repeat(100), Refused(ErrorKind::Malformed)),
        Case::new("JSON", br#"{"schemaVersion": 2}"#.to_vec(), Refused(ErrorKind::Malformed)),
        Case::new(
            "noise",
            (0..5000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect(),
            Refused(ErrorKind::Malformed),
        ),
        Case::new("a gzip header and no more", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], Refused(ErrorKind::Malformed)),
        Case::new("a zstd header and no more", vec![0x28, 0xb5, 0x2f, 0xfd], Refused(ErrorKind::Malformed)),
    ]);
}

#[test]
fn odd_places_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(scan_file(folder.path()), Scanned::Refused(_)), "an empty folder");
    assert_eq!(careen(&["scan", "/dev/null"]).code, 4);
    let looped = folder.path().join("loop.tar");
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    assert_eq!(careen(&["scan", looped.to_str().unwrap()]).code, 2);
}

//! Small images cut at every 64th byte, and with every byte changed: no answer is silently another one.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use careen::source::PlatformChoice;

use crate::support::image::{Built, DockerStyle, Packing, docker_archive, gzip};
use crate::support::raw::RawTar;
use crate::support::run::{Scanned, identity, scan_bytes, scan_with};

/// An image that passes, with something to lose at its start, in the middle and at the end.
fn image() -> Built {
    let status = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n";
    Built::of(&[
        RawTar::default().file("var/lib/dpkg/status", status).end(),
        RawTar::default()
            .file("app/node_modules/left-pad/package.json", r#"{"name": "left-pad", "version": "1.3.0"}"#)
            .end(),
    ])
}

/// Another that passes: Alpine's database, a user, links of both kinds, and a whiteout.
fn image_with_links() -> Built {
    let installed = "P:musl\nV:1.2.5-r0\nA:x86_64\n\n";
    let lower = RawTar::default()
        .file("lib/apk/db/installed", installed)
        .file("etc/passwd", "app:x:1000:1000::/:/bin/sh\n")
        .file("srv/gone", "nothing");
    let upper = RawTar::default().file("srv/.wh.gone", "").file("app/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n");
    Built::of(&[lower.end(), upper.end()])
}

/// The images in forms, each with the offset behind the last byte that tells anything.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let (image, links) = (image(), image_with_links());
    vec![
        ("docker-archive", docker_archive(&[("a:1", &image)], DockerStyle::Old, Packing::Plain)),
        ("oci-archive gzip", image.oci_archive(Packing::Gzip)),
        ("oci-archive zstd", image.oci_archive(Packing::Zstd)),
        ("oci-archive gzip in gzip", gzip(&image.oci_archive(Packing::Gzip))),
        ("another image, docker-archive", docker_archive(&[("b:1", &links)], DockerStyle::Linked, Packing::Plain)),
        ("another image, oci-archive zstd", links.oci_archive(Packing::Zstd)),
        ("docker-archive, hybrid", docker_archive(&[("a:1", &image)], DockerStyle::Hybrid, Packing::Gzip)),
    ]
}

/// What the whole archive gives.
fn whole(form: &str, archive: &[u8]) -> String {
    let scanned = scan_bytes(archive);
    assert_eq!(scanned.exit_code(), 0, "{form}: {scanned}");
    let report = scanned.report();
    assert_eq!(report.packages.len(), 2, "{form}");
    identity(report)
}

#[test]
fn a_cut_archive_is_never_taken_for_a_whole_one() {
    for (form, archive) in forms() {
        assert!(archive.len() <= 20 * 1024, "{form} has {} bytes", archive.len());
        let whole = whole(form, &archive);
        // zeros at the end are padding and end marker: without them nothing is missing
        let content = archive.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let cuts: Vec<usize> = (0..archive.len()).step_by(64).chain(content - 32..content).collect();
        try_each(form, &cuts, |cut| {
            let scanned = scan_one(&archive[..cut]);
            let is_right = match &scanned {
                Scanned::Reports(_) if scanned.is_complete() => cut >= content,
                Scanned::Reports(_) | Scanned::Refused(_) => true,
                Scanned::CannotRun(_) => false,
            };
            if !is_right {
                return Err(format!("of {} bytes, the last that matters at {content}: {scanned}", archive.len()));
            }
            let is_other = scanned.is_complete() && identity(scanned.report()) != whole;
            if is_other { Err("it is another image".into()) } else { Ok(()) }
        });
    }
}

#[test]
fn a_changed_byte_is_never_a_silent_change() {
    // every byte of the first two forms; the others differ from them in compression only
    for (form, archive) in forms().into_iter().take(2) {
        let whole = whole(form, &archive);
        let places: Vec<usize> = (0..archive.len()).collect();
        let noticed = AtomicUsize::new(0);
        try_each(form, &places, |place| {
            for mask in [0xff, 1 << (place % 8)] {
                let mut changed = archive.clone();
                changed[place] ^= mask;
                let scanned = scan_one(&changed);
                // what was not read is told, or what was read is the same
                if !scanned.is_complete() {
                    noticed.fetch_add(1, Ordering::Relaxed);
                } else if identity(scanned.report()) != whole {
                    return Err(format!("^ {mask:#x} changes the answer in silence: {}", scan_one(&changed)));
                }
            }
            Ok(())
        });
        // padding is covered by no digest; most other bytes are
        let (noticed, all) = (noticed.into_inner(), 2 * archive.len());
        assert!(noticed * 2 > all, "{form}: only {noticed} of {all} changes were noticed");
    }
}

/// Scans with one thread each: the tests themselves run in parallel.
fn scan_one(archive: &[u8]) -> Scanned {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(archive).unwrap();
    scan_with(file.path().to_str().unwrap(), PlatformChoice::Host, 1)
}

/// Runs `check` for each of `cases` in parallel, and fails with the first few complaints.
fn try_each(form: &str, cases: &[usize], check: impl Fn(usize) -> Result<(), String> + Sync) {
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(complaint) = check(*case) {
                        complaints.lock().unwrap().push((*case, complaint));
                    }
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    let first: Vec<String> =
        complaints.iter().take(10).map(|(case, what)| format!("{form} at {case}: {what}")).collect();
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), first.join("\n"));
}

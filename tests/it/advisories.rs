//! Images judged by advisories: what is found, what is said of the data, and what becomes of missing data.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::image::Built;
use crate::support::raw::RawTar;
use crate::support::run::{Run, TODAY, careen, file_of, judging};
use crate::support::server::zip;

pub(crate) fn fixed(id: &str, ecosystem: &str, package: &str, version: &str) -> Value {
    json!({
        "id": id, "modified": "2026-02-20T00:00:00Z",
        "affected": [{ "package": { "ecosystem": ecosystem, "name": package },
                       "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": version }] }] }],
    })
}

/// A folder of advisories of these records.
pub(crate) fn database(records: &[Value]) -> tempfile::TempDir {
    let (source, db) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let family = |record: &Value| {
        let ecosystem = record["affected"][0]["package"]["ecosystem"].as_str().unwrap();
        ecosystem.split(':').next().unwrap().to_owned()
    };
    let mut families: Vec<String> = records.iter().map(family).collect();
    families.sort();
    families.dedup();
    for name in &families {
        let of_family = records.iter().filter(|record| family(record) == *name);
        let files: Vec<(String, String)> =
            of_family.map(|record| (format!("{}.json", record["id"].as_str().unwrap()), record.to_string())).collect();
        fs::create_dir_all(source.path().join(name)).unwrap();
        fs::write(source.path().join(name).join("all.zip"), zip(&files)).unwrap();
    }
    fs::write(source.path().join("ecosystems.txt"), families.join("\n")).unwrap();
    let run = careen(&[
        "db",
        "update",
        "--all",
        "--no-kev",
        "--no-epss",
        "--db",
        db.path().to_str().unwrap(),
        "--from",
        source.path().to_str().unwrap(),
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    db
}

fn image(os_release: &str, files: &[(&str, String)]) -> tempfile::NamedTempFile {
    let base = RawTar::default().file("etc/os-release", os_release);
    let layer = files.iter().fold(base, |layer, (path, content)| layer.file(path, content));
    file_of(&Built::of(&[layer.end()]).docker_archive())
}

fn dpkg(name: &str, version: &str) -> String {
    format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n\n")
}

fn debian(files: &[(&str, String)]) -> tempfile::NamedTempFile {
    image("ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n", files)
}

fn scan(image: &Path, db: &Path, more: &[&str]) -> (Run, Value) {
    let (image, db) = (image.to_str().unwrap(), db.to_str().unwrap());
    // it is a later day for data than for images
    let run = judging(&[&["scan", image, "--db", db, "-f", "json", "--today", TODAY], more].concat());
    let report = serde_json::from_str(&run.stdout).unwrap_or_default();
    (run, report)
}

/// `subject package` of findings about packages, sorted.
fn flaws(report: &Value) -> Vec<String> {
    let mut flaws: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["family"] == "package")
        .map(|finding| {
            format!("{} {}", finding["subject"].as_str().unwrap(), finding["location"]["purl"].as_str().unwrap())
        })
        .collect();
    flaws.sort();
    flaws
}

#[test]
fn every_distribution_is_judged_by_its_own_data_and_says_which() {
    let db = database(&[
        fixed("DEBIAN-CVE-2026-1001", "Debian:12", "openssl", "3.0.11-2"),
        fixed("UBUNTU-CVE-2026-1002", "Ubuntu:22.04:LTS", "openssl", "3.0.2-0ubuntu1.20"),
        fixed("ALPINE-CVE-2026-1003", "Alpine:v3.19", "openssl", "3.1.9-r0"),
        fixed("ALSA-2026:1004", "AlmaLinux:9", "openssl", "1:3.0.7-28.el9"),
    ]);
    let apk = "P:libssl3\nV:3.1.4-r0\nA:x86_64\no:openssl\nL:Apache-2.0\n\n".to_owned();
    let rpm = "openssl\t3.0.7-20.el9\t1\t2\tAlmaLinux\t(none)\t3\tx86_64\t1\topenssl-3.0.7-20.el9.src.rpm\n".to_owned();
    let cases = [
        (debian(&[("var/lib/dpkg/status", dpkg("openssl", "3.0.11-1"))]), "CVE-2026-1001", "Debian", "comprehensive"),
        (
            image(
                "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"\nPRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\n",
                &[("var/lib/dpkg/status", dpkg("openssl", "3.0.2-0ubuntu1.10"))],
            ),
            "CVE-2026-1002",
            "Ubuntu",
            "comprehensive",
        ),
        (
            image(
                "ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n",
                &[("lib/apk/db/installed", apk)],
            ),
            "CVE-2026-1003",
            "Alpine",
            "fixes-only",
        ),
        (
            image(
                "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"AlmaLinux 9.4\"\n",
                &[("var/lib/rpmmanifest/container-manifest-2", rpm)],
            ),
            "ALSA-2026:1004",
            "AlmaLinux",
            "fixes-only",
        ),
        // distroless: a file for each package
        (
            debian(&[(
                "var/lib/dpkg/status.d/openssl",
                dpkg("openssl", "3.0.11-1").replace("Status: install ok installed\n", ""),
            )]),
            "CVE-2026-1001",
            "Debian",
            "comprehensive",
        ),
    ];
    for (image, flaw, family, coverage) in cases {
        let (run, report) = scan(image.path(), db.path(), &[]);
        assert_ne!(run.code, 2, "{run:?}");
        let found = flaws(&report);
        assert!(found.len() == 1 && found[0].starts_with(flaw), "{family}: {found:?} {:?}", report["data"]);
        let sources = report["data"]["advisories"]["sources"].as_array().unwrap();
        let source = sources.iter().find(|source| source["family"] == family).unwrap();
        assert_eq!((&source["coverage"], &source["feed"]), (&json!(coverage), &json!("osv")));
        assert_eq!(source["newest"], "2026-02-20T00:00:00Z");
        assert!(source["age_days"].is_i64() && source["source"].as_str().is_some(), "{source}");
        assert!(!report["data"].to_string().contains("/tmp/"), "no path of the machine is in the data");
    }
}

#[test]
fn missing_data_leave_a_scan_incomplete_and_a_grave_flaw_fails_it() {
    let db = database(&[fixed("DEBIAN-CVE-2026-1001", "Debian:12", "openssl", "3.0.11-2")]);
    let nothing = tempfile::tempdir().unwrap();
    let clean = debian(&[("var/lib/dpkg/status", dpkg("openssl", "3.0.11-2"))]);
    let (run, report) = scan(clean.path(), db.path(), &[]);
    assert_eq!((run.code, flaws(&report)), (0, vec![]), "{run:?}");
    let (run, report) = scan(clean.path(), nothing.path(), &[]);
    assert_eq!(run.code, 3, "{run:?}");
    let reason = report["verdict"]["reason"].as_str().unwrap();
    assert!(reason.contains("there are no advisories for Debian:12: 1 package was not judged"), "{reason}");
    assert_eq!(scan(clean.path(), nothing.path(), &["--allow-partial"]).0.code, 0);
    let (run, report) = scan(clean.path(), nothing.path(), &["--no-advisories"]);
    assert_eq!(run.code, 0);
    assert!(report["verdict"]["reason"].as_str().unwrap().ends_with("packages were not compared with advisories"));
    // another release has no data in the same folder
    let newer = image(
        "ID=debian\nVERSION_ID=13\nPRETTY_NAME=\"Debian 13\"\n",
        &[("var/lib/dpkg/status", dpkg("openssl", "3"))],
    );
    assert_eq!(scan(newer.path(), db.path(), &[]).0.code, 3);
    let grave = database(&[{
        let mut record = fixed("DEBIAN-CVE-2026-1001", "Debian:12", "openssl", "3.0.11-3");
        record["severity"] = json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }]);
        record
    }]);
    let (run, report) = scan(clean.path(), grave.path(), &[]);
    assert_eq!(run.code, 1, "{run:?}");
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["family"] == "package").unwrap();
    assert_eq!((&finding["severity"], &finding["fixable"]), (&json!("critical"), &json!(true)));
    assert_eq!(
        (&finding["evidence"]["fixed"], &finding["evidence"]["rating"]["score"]),
        (&json!("3.0.11-3"), &json!(9.8))
    );
    assert_eq!(finding["evidence"]["matches"][0]["because"], "< 3.0.11-3");
}

#[test]
fn crates_are_judged_without_any_data_and_old_data_are_called_old() {
    let nothing = tempfile::tempdir().unwrap();
    let lock = "version = 3\n\n[[package]]\nname = \"time\"\nversion = \"0.1.40\"\n\
                source = \"registry+https://rust.example/index\"\n";
    let image = file_of(&Built::of(&[RawTar::default().file("app/Cargo.lock", lock).end()]).docker_archive());
    let (_, report) = scan(image.path(), nothing.path(), &[]);
    let found = flaws(&report);
    assert!(found.iter().any(|flaw| flaw.starts_with("CVE-2020-26235 ")), "{found:?}");
    let sources = &report["data"]["advisories"]["sources"];
    assert!(sources.as_array().unwrap().iter().any(|source| source["source"] == "embedded"), "{sources}");
    let stale = |run: &Value| run["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "data/stale");
    assert!(stale(&report), "embedded data are old by now");
    let (_, report) = scan(image.path(), nothing.path(), &["--max-db-age", "100000d"]);
    assert!(!stale(&report));
}

#[test]
fn a_vex_document_takes_a_flaw_out_of_the_verdict_and_stays_in_sight() {
    let mut record = fixed("DEBIAN-CVE-2026-1001", "Debian:12", "openssl", "3.0.11-3");
    record["severity"] = json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }]);
    let db = database(&[record]);
    let image = debian(&[("var/lib/dpkg/status", dpkg("openssl", "3.0.11-1"))]);
    let vex = |status: &str, purl: &str| {
        let document = json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.example/1", "author": "A Team",
            "timestamp": "2026-02-01T00:00:00Z", "version": 1,
            "statements": [{ "vulnerability": { "name": "CVE-2026-1001" }, "products": [{ "@id": purl }], "status": status,
                             "justification": "vulnerable_code_not_present" }],
        });
        let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        fs::write(file.path(), document.to_string()).unwrap();
        file
    };
    let cases = [
        ("not_affected", "pkg:deb/debian/openssl@3.0.11-1", 0),
        ("not_affected", "pkg:deb/debian/openssl", 0),
        ("fixed", "pkg:deb/debian/openssl@3.0.11-1", 0),
        ("affected", "pkg:deb/debian/openssl", 1),
        ("under_investigation", "pkg:deb/debian/openssl", 1),
        ("not_affected", "pkg:deb/debian/openssl@3.0.11-2", 1),
        ("not_affected", "pkg:deb/ubuntu/openssl", 1),
    ];
    for (status, purl, code) in cases {
        let file = vex(status, purl);
        let (run, report) = scan(image.path(), db.path(), &["--vex", file.path().to_str().unwrap()]);
        assert_eq!(run.code, code, "{status} {purl}: {run:?}");
        let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["family"] == "package");
        let finding = finding.unwrap_or_else(|| panic!("{status} {purl} hides it"));
        assert_eq!(finding["waiver"]["status"].is_string(), code == 0, "{finding}");
    }
}

#[test]
fn explain_says_why_a_report_names_a_flaw() {
    let db = database(&[fixed("DEBIAN-CVE-2026-1001", "Debian:12", "openssl", "3.0.11-2")]);
    let image = debian(&[("var/lib/dpkg/status", dpkg("openssl", "3.0.11-1"))]);
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    fs::write(&report, scan(image.path(), db.path(), &[]).0.stdout).unwrap();
    let run = careen(&["explain", "cve-2026-1001", "--in", report.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    for expected in
        ["openssl 3.0.11-1", "DEBIAN-CVE-2026-1001 (osv, Debian:12) affects versions < 3.0.11-2", "fixed in"]
    {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    let run = careen(&["explain", "CVE-1999-0001", "--in", report.to_str().unwrap()]);
    assert!(run.code == 0 && run.stdout.starts_with("no finding of the report is about CVE-1999-0001"), "{run:?}");
}

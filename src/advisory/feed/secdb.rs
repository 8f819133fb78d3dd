//! Security databases in Alpine's form, JSON files that list by package and version what that version mended:
//! Alpine's own, Wolfi's and Chainguard's.
//!
//! Source: the files at secdb.alpinelinux.org and the documentation of `secfixes` in Alpine's `APKBUILD`. The
//! version `0` says that the package never had the flaw.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;
use crate::time::Timestamp;

use super::super::record::{Advisory, Affected, Event, Facts, Range, Versions};
use super::super::risk::is_cve;
use super::{Feed, Fetched, Sink, Wanted, broken};

/// Largest file, in bytes; they have up to 5 MiB.
const LARGEST: u64 = 256 << 20;

/// Alpine's first release with a database, the newest known, and the last one that is asked for.
const RELEASES: (u32, u32, u32) = (3, 23, 99);

/// When Alpine's files were made.
const LAST_UPDATE: &str = "last-update";

/// Alpine's database.
pub(super) static ALPINE: SecDb = SecDb { id: "alpine-secdb", families: &["Alpine"], start: "ALPINE" };

/// Chainguard's database.
pub(super) static CHAINGUARD: SecDb = SecDb { id: "chainguard", families: &["Chainguard"], start: "CHAINGUARD" };

/// Wolfi's database.
pub(super) static WOLFI: SecDb = SecDb { id: "wolfi", families: &["Wolfi"], start: "WOLFI" };

/// A database in Alpine's form.
pub(super) struct SecDb {
    id: &'static str,
    families: &'static [&'static str],
    /// What ids of its records begin with.
    start: &'static str,
}

impl Feed for SecDb {
    fn id(&self) -> &'static str {
        self.id
    }

    fn families(&self) -> &'static [&'static str] {
        self.families
    }

    fn next(&self, family: &str, have: &[Fetched]) -> Option<Wanted> {
        if family != "Alpine" {
            return have.is_empty().then(|| Wanted { path: "security.json".into(), most: LARGEST, optional: false });
        }
        let (first, known, last) = RELEASES;
        let fetched = |path: &str| have.iter().find(|file| file.path == path);
        let releases = (first..=last)
            .flat_map(|minor| ["main", "community"].map(|repository| (minor, format!("v3.{minor}/{repository}.json"))));
        let edge = ["main", "community"].map(|repository| (0, format!("edge/{repository}.json")));
        let all = std::iter::once((0, LAST_UPDATE.to_owned())).chain(edge).chain(releases);
        for (minor, path) in all {
            match fetched(&path) {
                // there is no release above one that is not there
                Some(file) if minor > known && file.bytes.is_empty() => return None,
                Some(_) => {}
                None => return Some(Wanted { path, most: LARGEST, optional: true }),
            }
        }
        None
    }

    fn read(&self, family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        let mut records: BTreeMap<String, Vec<Affected>> = BTreeMap::new();
        for file in files.iter().filter(|file| !file.bytes.is_empty()) {
            if file.path == LAST_UPDATE {
                let text = String::from_utf8_lossy(&file.bytes);
                sink.as_of = Some(text.trim().to_owned()).filter(|text| text.parse::<Timestamp>().is_ok());
            } else {
                read_file(family, file, sink, &mut records)?;
            }
        }
        if let (true, Some(file)) = (records.is_empty(), files.first()) {
            return Err(broken(file, format!("the security database of {family} holds nothing")));
        }
        for (flaw, affected) in records {
            sink.add(Advisory {
                id: format!("{}-{flaw}", self.start),
                upstream: vec![flaw],
                affected,
                ..Advisory::default()
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    distroversion: Option<String>,
    packages: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: BTreeMap<String, Value>,
}

fn read_file(
    family: &str,
    file: &Fetched,
    sink: &mut Sink,
    records: &mut BTreeMap<String, Vec<Affected>>,
) -> Result<()> {
    let content: File = serde_json::from_slice(&file.bytes)
        .map_err(|error| broken(file, format!("the security database of {family} cannot be read: {error}")))?;
    let ecosystem = match content.distroversion {
        Some(release) if is_release(&release) => format!("{family}:{release}"),
        Some(_) => return Err(broken(file, format!("the security database of {family} is for an odd release"))),
        None => family.to_owned(),
    };
    for (place, entry) in content.packages.into_iter().enumerate() {
        let package = match serde_json::from_value::<Entry>(entry) {
            Ok(entry) if !entry.pkg.name.is_empty() => entry.pkg,
            _ => {
                sink.refuse(&format!("{} package {place}", file.path), "it is not of the form that is known");
                continue;
            }
        };
        for (version, flaws) in package.secfixes {
            // an empty list is written as an object
            let Value::Array(flaws) = flaws else { continue };
            for flaw in flaws.iter().filter_map(Value::as_str).flat_map(ids) {
                add(records.entry(flaw).or_default(), &ecosystem, &package.name, &version);
            }
        }
    }
    Ok(())
}

/// Adds a version that mended a flaw to what is known of the flaw.
fn add(all: &mut Vec<Affected>, ecosystem: &str, name: &str, fixed: &str) {
    let is_clear = fixed == "0";
    let range =
        Range { is_semantic: false, events: vec![Event::Introduced("0".into()), Event::Fixed(fixed.to_owned())] };
    // entries of one file stand together: the last one is the only that can be of the same package
    match all.last_mut().filter(|last| last.ecosystem == ecosystem && last.name == name) {
        Some(last) if !is_clear => {
            last.versions.facts.status = None;
            last.versions.ranges.push(range);
        }
        Some(_) => {}
        None => {
            let status = is_clear.then(|| "not affected".to_owned());
            let ranges = if is_clear { Vec::new() } else { vec![range] };
            let versions = Versions { ranges, facts: Facts { status, ..Facts::default() }, ..Versions::default() };
            all.push(Affected { ecosystem: ecosystem.to_owned(), name: name.to_owned(), versions });
        }
    }
}

/// The ids in an entry such as `CVE-2017-2616 (+ regression fix)` or `XSA-300 CVE-2019-17343`: those of flaws, or
/// the first word where there is none.
fn ids(entry: &str) -> Vec<String> {
    let words = || entry.split_whitespace().map(|word| word.trim_matches(['(', ')', ',', ';', '+']));
    let known: Vec<String> = words().filter(|word| is_cve(word) || is_ghsa(word)).map(str::to_owned).collect();
    if !known.is_empty() {
        return known;
    }
    let is_id = |word: &&str| super::super::osv::is_id(word) && word.contains('-');
    words().next().filter(is_id).map(str::to_owned).into_iter().collect()
}

fn is_ghsa(word: &str) -> bool {
    word.strip_prefix("GHSA-").is_some_and(|rest| {
        rest.len() == 14 && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

fn is_release(release: &str) -> bool {
    (1..=16).contains(&release.len())
        && release.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::testing::{file, fresh, read_back};

    const MAIN: &str = include_str!("../../../fixtures/advisories/alpine-secdb/v3.20/main.json");
    const COMMUNITY: &str = include_str!("../../../fixtures/advisories/alpine-secdb/v3.20/community.json");
    const WOLFI_FILE: &str = include_str!("../../../fixtures/advisories/wolfi/security.json");

    fn fixed(versions: &Versions) -> Vec<&str> {
        let events = versions.ranges.iter().flat_map(|range| &range.events);
        events.filter_map(|event| if let Event::Fixed(fixed) = event { Some(fixed.as_str()) } else { None }).collect()
    }

    #[test]
    fn fixes_become_ranges_by_release() {
        let mut sink = fresh("Alpine");
        let files = [
            file(LAST_UPDATE, "2026-08-21T10:00:00Z\n"),
            file("edge/main.json", ""),
            file("v3.20/main.json", MAIN),
            file("v3.20/community.json", COMMUNITY),
        ];
        ALPINE.read("Alpine", &files, &mut sink).expect("reads");
        assert_eq!(sink.as_of.as_deref(), Some("2026-08-21T10:00:00Z"));
        assert_eq!(sink.refused, [("v3.20/main.json package 3".into(), "it is not of the form that is known".into())]);
        let shard = read_back("alpine-secdb/Alpine", sink);
        assert_eq!(shard.releases().iter().collect::<Vec<_>>(), ["v3.20"]);
        let postings = shard.postings("v3.20", "busybox").expect("reads");
        let seen: Vec<_> = postings.iter().map(|posting| (posting.id.as_str(), fixed(&posting.versions))).collect();
        let expected = [
            ("ALPINE-CVE-2026-0001", vec!["1.36.1-r2", "1.36.1-r5"]),
            ("ALPINE-CVE-2026-0002", vec!["1.36.1-r5"]),
            ("ALPINE-CVE-2026-0003", vec![]),
            ("ALPINE-XSA-999", vec!["1.36.1-r5"]),
        ];
        assert_eq!(seen, expected);
        assert_eq!(postings[2].versions.facts.status.as_deref(), Some("not affected"));
        assert_eq!(shard.named("CVE-2026-0001").expect("reads"), ["ALPINE-CVE-2026-0001"]);
        assert_eq!(shard.postings("v3.20", "some-tool").expect("reads").len(), 1);
    }

    #[test]
    fn wolfi_and_chainguard_have_no_releases() {
        for feed in [&WOLFI, &CHAINGUARD] {
            let family = feed.families[0];
            let mut sink = fresh(family);
            feed.read(family, &[file("security.json", WOLFI_FILE)], &mut sink).expect("reads");
            let shard = read_back(&format!("{}/{family}", feed.id), sink);
            let postings = shard.postings("", "some-server").expect("reads");
            let seen: Vec<_> = postings.iter().map(|posting| fixed(&posting.versions)).collect();
            assert_eq!(seen, [vec!["1.2.3-r1"], vec!["1.2.3-r1"], vec![]]);
            assert!(shard.record(&format!("{}-GHSA-aaaa-bbbb-cccc", feed.start)).expect("reads").is_some());
        }
    }

    #[test]
    fn releases_are_asked_for_until_there_are_no_more() {
        let mut have = Vec::new();
        while let Some(wanted) = ALPINE.next("Alpine", &have) {
            assert!(wanted.optional);
            let is_there = wanted.path.starts_with("v3.2") || wanted.path.starts_with("v3.9/");
            have.push(file(&wanted.path, if is_there && !wanted.path.starts_with("v3.26/") { "{}" } else { "" }));
            assert!(have.len() < 100);
        }
        assert_eq!(have.last().expect("some").path, "v3.26/main.json");
        assert!(have.iter().any(|file| file.path == "v3.25/community.json"));
        assert_eq!(WOLFI.next("Wolfi", &[]).expect("wants").path, "security.json");
        assert!(WOLFI.next("Wolfi", &have).is_none());
    }

    #[test]
    fn what_is_broken_is_refused() {
        let odd = r#"{"distroversion":"../..","packages":[]}"#;
        let deep = "[".repeat(100_000);
        for text in ["", "{", r#"{"packages":[]}"#, r#"{"packages":{}}"#, odd, &deep] {
            let error = ALPINE.read("Alpine", &[file("v3.20/main.json", text)], &mut fresh("Alpine"));
            assert!(error.expect_err("is refused").help.is_some(), "{text:.40}");
        }
    }

    #[test]
    fn ids_are_found_in_what_people_write() {
        let cases: [(&str, &[&str]); 6] = [
            ("CVE-2017-2616 (+ regression fix)", &["CVE-2017-2616"]),
            ("XSA-300 CVE-2019-17343", &["CVE-2019-17343"]),
            ("CVE-2019-0001 CVE-2019-0002", &["CVE-2019-0001", "CVE-2019-0002"]),
            ("XSA-300", &["XSA-300"]),
            ("(GHSA-aaaa-bbbb-cccc)", &["GHSA-aaaa-bbbb-cccc"]),
            ("see upstream", &[]),
        ];
        for (entry, expected) in cases {
            assert_eq!(ids(entry), expected, "{entry}");
        }
    }
}

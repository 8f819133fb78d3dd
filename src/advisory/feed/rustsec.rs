//! The `RustSec` database as it is kept: a Markdown file with a TOML head for each advisory, in a tar archive or as
//! single files.
//!
//! Source: the format that the `RustSec` advisory database describes in its README. Each file is read by itself, so
//! that a broken one costs no other.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::panic::catch_unwind;

use rustsec::osv::ranges_for_advisory;
use serde_json::{Value, json};

use crate::error::Result;
use crate::format::decompress::{Compressed, inflate};
use crate::format::ustar::Streaming;

use super::super::record::Advisory;
use super::super::{name, osv};
use super::archive::{Most, each_member};
use super::{Feed, Fetched, Sink, Wanted, broken};

/// Largest archive, in bytes; it has some 400 KiB.
const LARGEST: u64 = 64 << 20;

/// Largest archive once it is expanded, in bytes; it has some 3 MiB.
const LARGEST_TREE: usize = 512 << 20;

/// Largest file of an advisory, in bytes; the largest have some 10 KiB.
const LARGEST_FILE: u64 = 1 << 20;

/// Most members of an archive.
const MOST: usize = 100_000;

/// The archive's name in a mirror.
const FILE: &str = "advisory-db.tar.gz";

/// The `RustSec` database.
pub(super) struct RustSec;

impl Feed for RustSec {
    fn id(&self) -> &'static str {
        "rustsec"
    }

    fn families(&self) -> &'static [&'static str] {
        &[name::CRATES]
    }

    fn next(&self, _family: &str, have: &[Fetched]) -> Option<Wanted> {
        Wanted::only(FILE, LARGEST, have)
    }

    fn read(&self, _family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        for file in files {
            if !take(&file.path, &file.bytes, sink) {
                read_archive(file, sink)?;
            }
        }
        match files.first() {
            Some(file) if sink.builder.is_empty() => Err(broken(file, "the RustSec database holds no advisory")),
            _ => Ok(()),
        }
    }
}

fn read_archive(file: &Fetched, sink: &mut Sink) -> Result<()> {
    let tree;
    let bytes = if file.bytes.starts_with(&[0x1f, 0x8b]) {
        tree = inflate(Compressed::Gzip, &file.bytes, LARGEST_TREE)
            .map_err(|error| broken(file, format!("the RustSec database cannot be read: {error}")))?;
        tree.as_slice()
    } else {
        file.bytes.as_slice()
    };
    let limits = Most { what: "the RustSec database", members: MOST, bytes: LARGEST_FILE };
    each_member(file, Streaming(bytes), &limits, is_advisory, sink, |path, body, sink| {
        take(path, body, sink);
    })
}

/// Whether a file is of an advisory on a crate, in contrast to one on the standard library: `crates/NAME/ID.md`.
fn is_advisory(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (file, _, collection) = (parts.next(), parts.next(), parts.next());
    collection == Some("crates")
        && file.and_then(|file| file.rsplit_once('.')).is_some_and(|(_, ending)| ending == "md")
}

/// Reads a file if it is of an advisory.
fn take(path: &str, bytes: &[u8], sink: &mut Sink) -> bool {
    let is_advisory = is_advisory(path);
    if is_advisory && bytes.len() as u64 > LARGEST_FILE {
        sink.refuse(path, format!("it is larger than {}", crate::size::ByteSize(LARGEST_FILE)));
    } else if is_advisory {
        match parse(bytes) {
            Ok(advisory) => sink.add(advisory),
            Err(why) => sink.refuse(path, why),
        }
    }
    is_advisory
}

/// Reads one advisory. The error says what is wrong, to follow the file's name.
fn parse(bytes: &[u8]) -> Result<Advisory, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
    if !text.starts_with("```toml") {
        return Err("it does not begin with a head in TOML".into());
    }
    // the library asserts what it expects of versions
    let value = catch_unwind(|| text.parse::<rustsec::Advisory>().map(|advisory| to_osv(&advisory)))
        .map_err(|_| "its versions make no sense")?
        .map_err(|error| format!("it cannot be read: {error}"))?;
    osv::of_value(&value)
}

/// The advisory as the database's own export to OSV has it. When a file was changed is not in it, so that the day
/// of the advisory stands for that.
fn to_osv(advisory: &rustsec::Advisory) -> Value {
    let about = &advisory.metadata;
    let noon = |day: &rustsec::advisory::Date| format!("{day}T12:00:00Z");
    let ids = |ids: &[rustsec::advisory::Id]| ids.iter().map(|id| json!(id.as_str())).collect::<Vec<_>>();
    let mut events = Vec::new();
    for range in ranges_for_advisory(&advisory.versions) {
        let introduced = range.introduced.map_or_else(|| "0.0.0-0".to_owned(), |version| version.to_string());
        events.push(json!({ "introduced": introduced }));
        events.extend(range.fixed.map(|version| json!({ "fixed": version.to_string() })));
    }
    let affected = advisory.affected.as_ref();
    let systems: Vec<&str> = affected.iter().flat_map(|affected| &affected.os).map(|os| os.as_str()).collect();
    let architectures: Vec<&str> =
        affected.iter().flat_map(|affected| &affected.arch).map(|arch| arch.as_str()).collect();
    let score = about.cvss.as_ref().map(ToString::to_string);
    let kind = |score: &str| if score.starts_with("CVSS:4") { "CVSS_V4" } else { "CVSS_V3" };
    let page = format!("https://rustsec.org/advisories/{}.html", about.id);
    let references = std::iter::once(page)
        .chain(about.url.iter().chain(&about.references).map(ToString::to_string))
        .map(|url| json!({ "type": kind_of(&url), "url": url }));
    json!({
        "id": about.id.as_str(),
        "modified": noon(&about.date),
        "published": noon(&about.date),
        "withdrawn": about.withdrawn.as_ref().map(noon),
        "aliases": ids(&about.aliases),
        "related": ids(&about.related),
        "summary": about.title,
        "severity": score.iter().map(|score| json!({ "type": kind(score), "score": score })).collect::<Vec<_>>(),
        "affected": [{
            "package": { "ecosystem": name::CRATES, "name": about.package.as_str() },
            "ranges": [{ "type": "SEMVER", "events": events }],
            "ecosystem_specific": { "affects": { "os": systems, "arch": architectures } },
            "database_specific": { "informational": about.informational.as_ref().map(rustsec::advisory::Informational::as_str) },
        }],
        "references": references.collect::<Vec<_>>(),
    })
}

/// What kind of page a link leads to, as far as it can be told from the link.
fn kind_of(url: &str) -> &'static str {
    if (url.contains("://github.com/") || url.contains("://gitlab.")) && url.contains("/issues/") {
        "REPORT"
    } else if url.contains("/advisories/") || url.contains("://cve.mitre.org/") {
        "ADVISORY"
    } else if url.contains(concat!("://crates", ".io/crates/")) {
        "PACKAGE"
    } else {
        "WEB"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::embedded;
    use crate::advisory::feed::testing::{archive, file, fresh, read_back};
    use crate::format::testing::deflate;

    const TIME: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2020-0071\"\npackage = \"time\"\ndate = \"2020-11-18\"\n\
        url = \"https://github.com/time-rs/time/issues/293\"\ncategories = [\"code-execution\"]\n\
        cvss = \"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H\"\naliases = [\"CVE-2020-26235\", \"GHSA-wcg3-cvx6-7396\"]\n\
        [affected]\nos = [\"linux\", \"redox\", \"solaris\", \"android\", \"ios\", \"macos\", \"netbsd\", \"openbsd\", \"freebsd\"]\n\
        [affected.functions]\n\"time::at\" = [\"^0.1\"]\n\
        [versions]\npatched = [\">= 0.2.23\"]\nunaffected = [\"=0.2.0\", \"=0.2.1\", \"=0.2.2\", \"=0.2.3\", \"=0.2.4\", \"=0.2.5\", \"=0.2.6\"]\n```\n\n\
        # Potential segfault in the time crate\n\nText.\n";

    const UNMAINTAINED: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"some-crate\"\n\
        date = \"2026-02-03\"\ninformational = \"unmaintained\"\n[versions]\npatched = []\n```\n\n# It rests\n\nText.\n";

    #[test]
    fn an_advisory_is_what_the_export_has() {
        let advisory = parse(TIME.as_bytes()).expect("reads");
        let embedded = embedded::shard("rustsec", name::CRATES).expect("is there");
        let expected = embedded.record("RUSTSEC-2020-0071").expect("reads").expect("is there");
        assert_eq!((advisory.aliases, advisory.ratings), (expected.aliases, expected.ratings));
        assert_eq!((advisory.published, &advisory.links[..2]), (expected.published, &expected.links[..]));
        let postings = embedded.postings("", "time").expect("reads");
        let posting = postings.iter().find(|posting| posting.id == "RUSTSEC-2020-0071").expect("is there");
        assert_eq!(advisory.affected[0].versions, posting.versions);
    }

    #[test]
    fn archives_of_both_layouts_and_single_files_read_the_same() {
        let plain = archive(&[("crates/time/RUSTSEC-2020-0071.md", TIME), ("rust/std/CVE-2018-25008.md", "broken")]);
        let nested = archive(&[
            ("advisory-db-main/README.md", "text"),
            ("advisory-db-main/crates/time/RUSTSEC-2020-0071.md", TIME),
        ]);
        let cases = [
            Fetched { path: FILE.into(), bytes: plain.clone() },
            Fetched { path: FILE.into(), bytes: deflate(Compressed::Gzip, &nested) },
            file("crates/time/RUSTSEC-2020-0071.md", TIME),
        ];
        for case in cases {
            let mut sink = fresh(name::CRATES);
            RustSec.read(name::CRATES, &[case], &mut sink).expect("reads");
            assert_eq!(sink.refused, []);
            let shard = read_back("rustsec/crates", sink);
            assert_eq!(shard.postings("", "time").expect("reads").len(), 1);
        }
    }

    #[test]
    fn a_broken_file_costs_itself_and_is_told() {
        let overlap = UNMAINTAINED.replace("patched = []", "patched = [\">= 1.0\", \">= 1.2\"]");
        let files = [
            ("crates/a/1.md", "```toml\n[advisory]\nid = 5\n```\n\n# Title\n\n"),
            ("crates/b/2.md", "no head, but ümläute as far as the eye sees"),
            ("crates/c/3.md", overlap.as_str()),
            ("crates/some-crate/RUSTSEC-2026-0001.md", UNMAINTAINED),
        ];
        let mut sink = fresh(name::CRATES);
        let bytes = archive(&files);
        RustSec.read(name::CRATES, &[Fetched { path: FILE.into(), bytes }], &mut sink).expect("reads");
        let refused: Vec<&str> = sink.refused.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(refused, ["crates/a/1.md", "crates/b/2.md", "crates/c/3.md"], "{:?}", sink.refused);
        let advisory = sink.builder.records().next().expect("is there");
        assert_eq!(advisory.affected[0].versions.facts.informational.as_deref(), Some("unmaintained"));
    }

    #[test]
    fn an_archive_that_is_cut_or_empty_is_refused() {
        let whole = archive(&[("crates/time/RUSTSEC-2020-0071.md", TIME)]);
        let packed = deflate(Compressed::Gzip, &whole);
        for bytes in [Vec::new(), whole[..700].to_vec(), packed[..packed.len() / 2].to_vec(), archive(&[])] {
            let error = RustSec.read(name::CRATES, &[Fetched { path: FILE.into(), bytes }], &mut fresh(name::CRATES));
            assert!(error.expect_err("is refused").help.is_some());
        }
    }

    /// Compares both forms of the database: `CAREEN_ADVISORIES=… cargo test --lib -- --ignored both_forms`.
    #[test]
    #[ignore = "needs a folder with the feeds' files"]
    fn both_forms_of_the_database_say_the_same() {
        let mirror = std::path::PathBuf::from(std::env::var_os("CAREEN_ADVISORIES").expect("names a folder"));
        let fetch = |path: String| Fetched { bytes: std::fs::read(mirror.join(&path)).expect("is there"), path };
        let mut native = fresh(name::CRATES);
        RustSec.read(name::CRATES, &[fetch(format!("rustsec/{FILE}"))], &mut native).expect("reads");
        let mut exported = fresh(name::CRATES);
        let archive = fetch(format!("{}/all.zip", name::CRATES));
        crate::advisory::feed::feed("osv")
            .expect("is there")
            .read(name::CRATES, &[archive], &mut exported)
            .expect("reads");
        assert_eq!(native.refused, []);
        let exported: std::collections::BTreeMap<String, Advisory> =
            exported.builder.records().map(|advisory| (advisory.id.clone(), advisory)).collect();
        let mut differing = Vec::new();
        for mut advisory in native.builder.records() {
            let Some(other) = exported.get(advisory.id.as_str()) else {
                differing.push(format!("{} is in one form only", advisory.id));
                continue;
            };
            advisory.modified.clone_from(&other.modified);
            if advisory != *other {
                differing.push(format!("{advisory:#?}\n{other:#?}"));
            }
        }
        assert!(differing.is_empty(), "{} of {}: {}", differing.len(), native.builder.len(), differing.join("\n"));
    }
}

//! Errata of Oracle Linux: one document of OVAL definitions, compressed with bzip2.
//!
//! Source: the OVAL language 5.10 as Oracle writes it, where the comments of the criteria carry what the tests say:
//! `NAME is earlier than VERSION`, `Oracle Linux 8 is installed`, `Oracle Linux arch is x86_64`, `Module NAME:STREAM is
//! enabled`. Builds for Ksplice and FIPS, which few have, are left out: their versions are in no order with the others.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::format::decompress::{Compressed, inflate};
use crate::format::xml::{Met, attribute, walk};

use super::super::osv::{is_id, shorten};
use super::super::record::{Advisory, Affected, Event, Facts, Range, Versions};
use super::super::risk::is_cve;
use super::{Feed, Fetched, Sink, Wanted, broken, capitalised, is_for_debuggers};

/// The document's name in a mirror.
const FILE: &str = "com.oracle.elsa-all.xml.bz2";

/// Largest document as it is fetched, and expanded, in bytes; it has some 10 and 400 MiB.
const LARGEST: u64 = 256 << 20;
const LARGEST_TEXT: usize = 2 << 30;

/// Most packages taken of one definition; kernels and desktops have some hundreds.
const PACKAGES: usize = 50_000;

/// Most releases of Oracle Linux that one definition is for; there are fewer than ten.
const RELEASES: usize = 20;

/// Most flaws taken of one definition.
const FLAWS: usize = 5_000;

/// Errata of Oracle Linux.
pub(super) struct Oracle;

impl Feed for Oracle {
    fn id(&self) -> &'static str {
        "oracle"
    }

    fn families(&self) -> &'static [&'static str] {
        &["Oracle Linux"]
    }

    fn next(&self, _family: &str, have: &[Fetched]) -> Option<Wanted> {
        Wanted::only(FILE, LARGEST, have)
    }

    fn read(&self, _family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        for file in files {
            if file.bytes.starts_with(b"BZh") {
                let text = inflate(Compressed::Bzip2, &file.bytes, LARGEST_TEXT)
                    .map_err(|error| broken(file, format!("the errata of Oracle Linux cannot be read: {error}")))?;
                read(file, &text, sink)?;
            } else {
                read(file, &file.bytes, sink)?;
            }
        }
        Ok(())
    }
}

fn read(file: &Fetched, text: &[u8], sink: &mut Sink) -> Result<()> {
    let mut definition = Definition::default();
    // an erratum for several releases has several definitions
    let mut records: BTreeMap<String, Advisory> = BTreeMap::new();
    let mut as_of = None;
    let walked = walk(text, |met| match met {
        Met::End([_, generator, timestamp], text) if generator == "generator" && timestamp == "timestamp" => {
            as_of = Some(text.to_owned());
        }
        Met::Start([_, _, start], _) if start == "definition" => definition = Definition::default(),
        Met::Start([_, _, of, path @ ..], start) if of == "definition" => {
            definition.start(path, |name| attribute(start, name));
        }
        Met::End([_, _, end], _) if end == "definition" => {
            let definition = std::mem::take(&mut definition);
            let id = definition.id.clone();
            match definition.finish() {
                Ok(Some(advisory)) => match records.get_mut(&advisory.id) {
                    Some(known) => known.affected.extend(advisory.affected),
                    None => {
                        records.insert(advisory.id.clone(), advisory);
                    }
                },
                Ok(None) => {}
                Err(why) => sink.refuse(&id, why),
            }
        }
        Met::End([_, _, of, path @ ..], text) if of == "definition" => definition.end(path, text),
        _ => {}
    });
    walked.map_err(|error| broken(file, format!("the errata of Oracle Linux cannot be read: {error}")))?;
    if records.is_empty() {
        return Err(broken(file, "the errata of Oracle Linux hold none"));
    }
    sink.as_of = as_of.map(|time| if time.ends_with('Z') { time } else { format!("{time}Z") });
    for advisory in records.into_values() {
        sink.add(advisory);
    }
    Ok(())
}

/// A package that is affected before a version, as far as the criteria round it are known.
#[derive(Clone)]
struct Found {
    name: String,
    fixed: String,
    release: Option<String>,
    architecture: Option<String>,
    module: Option<String>,
}

/// What holds for all packages in one group of criteria.
#[derive(Default)]
struct Group {
    release: Option<String>,
    architecture: Option<String>,
    module: Option<String>,
    found: Vec<Found>,
}

/// A definition that is being read.
#[derive(Default)]
struct Definition {
    id: String,
    title: String,
    severity: Option<String>,
    issued: Option<String>,
    releases: BTreeSet<String>,
    flaws: Vec<String>,
    groups: Vec<Group>,
    found: Vec<Found>,
    count: usize,
}

impl Definition {
    fn start(&mut self, path: &[String], attribute: impl Fn(&str) -> Option<String>) {
        match path.last().map(String::as_str) {
            Some("reference") => {
                let source = attribute("source").unwrap_or_default().to_ascii_lowercase();
                match attribute("ref_id") {
                    Some(id) if source == "elsa" => self.id = id,
                    Some(id) if source == "cve" && is_cve(&id) && self.flaws.len() < FLAWS => self.flaws.push(id),
                    _ => {}
                }
            }
            Some("issued") => self.issued = attribute("date"),
            Some("criteria") => self.groups.push(Group::default()),
            Some("criterion") => {
                if let (Some(comment), Some(group)) = (attribute("comment"), self.groups.last_mut()) {
                    self.count = self.count.saturating_add(1);
                    if self.count <= PACKAGES.saturating_mul(2) {
                        group.take(&comment);
                    }
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, path: &[String], text: &str) {
        match path.last().map(String::as_str) {
            Some("title") => text.clone_into(&mut self.title),
            Some("severity") => {
                self.severity = Some(capitalised(text)).filter(|word| !matches!(word.as_str(), "N/a" | "None" | ""));
            }
            Some("platform") => {
                let release = text.strip_prefix("Oracle Linux ").filter(|release| is_release(release));
                if self.releases.len() <= RELEASES {
                    self.releases.extend(release.map(str::to_owned));
                }
            }
            Some("criteria") => {
                let Some(group) = self.groups.pop() else { return };
                let all = group.close();
                match self.groups.last_mut() {
                    Some(outer) => outer.found.extend(all),
                    None => self.found.extend(all),
                }
            }
            _ => {}
        }
    }

    /// The advisory; nothing where it is for builds only that are left out.
    fn finish(self) -> Result<Option<Advisory>, String> {
        if !is_id(&self.id) {
            return Err("it has no id, or one with odd characters".into());
        }
        if self.count > PACKAGES.saturating_mul(2) {
            return Err(format!("it has more than {PACKAGES} packages"));
        }
        if self.releases.len() > RELEASES {
            return Err(format!("it is for more than {RELEASES} releases"));
        }
        // what differs in nothing but the architecture is one
        let mut packages: BTreeMap<(String, String, String, Option<String>), BTreeSet<String>> = BTreeMap::new();
        for found in self.found {
            let Found { name, fixed, release, architecture, module } = found;
            let own = release.map(|release| BTreeSet::from([release]));
            for release in own.as_ref().unwrap_or(&self.releases) {
                let key = (release.clone(), name.clone(), fixed.clone(), module.clone());
                packages.entry(key).or_default().insert(architecture.clone().unwrap_or_default());
            }
            // a package counts once for each release
            if packages.len() > PACKAGES {
                return Err(format!("it has more than {PACKAGES} packages"));
            }
        }
        let is_special =
            |fixed: &str| fixed.contains(".ksplice") || fixed.ends_with("_fips") || fixed.contains(".fips");
        packages.retain(|(_, _, fixed, _), _| !is_special(fixed));
        if packages.is_empty() {
            return Ok(None);
        }
        let affected = packages.into_iter().map(|((release, name, fixed, module), architectures)| {
            let events = vec![Event::Introduced("0".into()), Event::Fixed(fixed)];
            // one without an architecture is for all
            let architectures = if architectures.contains("") { BTreeSet::new() } else { architectures };
            let facts = Facts { module, architectures: architectures.into_iter().collect(), ..Facts::default() };
            let ranges = vec![Range { is_semantic: false, events }];
            let versions = Versions { ranges, facts, ..Versions::default() };
            Affected { ecosystem: format!("Oracle Linux:{release}"), name, versions }
        });
        let issued = self.issued.map(|day| format!("{day}T00:00:00Z"));
        let summary = self.title.split_once(':').map_or(self.title.as_str(), |(_, rest)| rest).trim();
        let mut flaws = self.flaws;
        flaws.sort();
        flaws.dedup();
        Ok(Some(Advisory {
            modified: issued.clone().unwrap_or_default(),
            published: issued,
            upstream: flaws,
            summary: shorten(summary),
            label: self.severity,
            links: vec![format!("https://linux.oracle.com/errata/{}.html", self.id)],
            affected: affected.collect(),
            id: self.id,
            ..Advisory::default()
        }))
    }
}

impl Group {
    /// Takes what a criterion says.
    fn take(&mut self, comment: &str) {
        if let Some((name, fixed)) = comment.split_once(" is earlier than ") {
            let (name, fixed) = (name.trim().to_owned(), fixed.trim().to_owned());
            if !name.is_empty() && !fixed.is_empty() && !is_for_debuggers(&name) {
                self.found.push(Found { name, fixed, release: None, architecture: None, module: None });
            }
        } else if let Some(architecture) = comment.strip_prefix("Oracle Linux arch is ") {
            self.architecture = Some(architecture.trim().to_owned());
        } else if let Some(release) = between(comment, "Oracle Linux ", " is installed") {
            self.release = Some(release.to_owned()).filter(|release| is_release(release));
        } else if let Some(module) = between(comment, "Module ", " is enabled") {
            self.module = Some(module.to_owned());
        }
    }

    /// What was found in it, with what holds for all of it.
    fn close(self) -> Vec<Found> {
        let Self { release, architecture, module, found } = self;
        let known = |inner: Option<String>, outer: &Option<String>| inner.or_else(|| outer.clone());
        let closed = found.into_iter().map(|found| Found {
            release: known(found.release, &release),
            architecture: known(found.architecture, &architecture),
            module: known(found.module, &module),
            ..found
        });
        closed.collect()
    }
}

/// Whether it is the number of a release: `8`, `9.4`.
fn is_release(text: &str) -> bool {
    text.len() <= 8
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::testing::{file, fresh, read_back};
    use crate::format::testing::deflate;

    const DOCUMENT: &str = include_str!("../../../fixtures/advisories/oracle/com.oracle.elsa-all.xml");

    #[test]
    fn criteria_become_packages() {
        for bytes in [DOCUMENT.as_bytes().to_vec(), deflate(Compressed::Bzip2, DOCUMENT.as_bytes())] {
            let mut sink = fresh("Oracle Linux");
            Oracle.read("Oracle Linux", &[Fetched { path: FILE.into(), bytes }], &mut sink).expect("reads");
            assert_eq!(sink.refused, [(String::new(), "it has no id, or one with odd characters".into())]);
            assert_eq!(sink.as_of.as_deref(), Some("2026-08-21T00:00:00Z"));
            let shard = read_back("oracle/Oracle Linux", sink);
            assert_eq!(shard.releases().iter().collect::<Vec<_>>(), ["8", "9"]);
            let show = |release: &str, name: &str| -> Vec<String> {
                let postings = shard.postings(release, name).expect("reads");
                let shown = postings.iter().map(|posting| {
                    let facts = &posting.versions.facts;
                    let Some(Event::Fixed(fixed)) = posting.versions.ranges[0].events.last() else {
                        panic!("{posting:?}")
                    };
                    let module = facts.module.as_deref().unwrap_or("-");
                    format!("{} {fixed} {} {module}", posting.id, facts.architectures.join("+"))
                });
                shown.collect()
            };
            assert_eq!(show("8", "some-tool"), ["ELSA-2026-0001 30:9.3.3-8.el8 aarch64+x86_64 -"]);
            assert_eq!(show("9", "some-tool"), ["ELSA-2026-0001 30:9.3.3-8.el9  -"]);
            assert_eq!(show("8", "nodejs"), ["ELSA-2026-0002 1:12.1-1.module+el8.1.0 x86_64 nodejs:12"]);
            assert_eq!(show("8", "glibc"), [""; 0], "Ksplice's build is left out");
            assert_eq!(show("8", "some-lib"), ["ELSA-2026-0003 0:2.0-1.el8  -"]);
            let record = shard.record("ELSA-2026-0001").expect("reads").expect("is there");
            assert_eq!(record.upstream, ["CVE-2026-0001", "CVE-2026-0002"]);
            assert_eq!(
                (record.label.as_deref(), record.summary.as_str()),
                (Some("Moderate"), "some-tool security update (MODERATE)")
            );
        }
    }

    #[test]
    fn what_is_cut_or_hostile_is_refused() {
        let packed = deflate(Compressed::Bzip2, DOCUMENT.as_bytes());
        let cut = packed.get(..packed.len() / 2).expect("shorter").to_vec();
        let half = DOCUMENT.get(..DOCUMENT.len() / 2).expect("is ASCII").as_bytes().to_vec();
        let deep = format!("<oval_definitions><definitions><definition>{}", "<criteria>".repeat(100_000)).into_bytes();
        for bytes in [Vec::new(), cut, half, deep, b"<oval_definitions/>".to_vec(), b"BZh9".to_vec()] {
            let error =
                Oracle.read("Oracle Linux", &[Fetched { path: FILE.into(), bytes }], &mut fresh("Oracle Linux"));
            assert!(error.expect_err("is refused").help.is_some());
        }
        assert!(Oracle.next("Oracle Linux", &[file(FILE, "")]).is_none());
    }
    #[test]
    fn releases_times_packages_are_bounded() {
        let document = |platforms: usize, packages: usize| {
            let platforms: String = (0..platforms).map(|n| format!("<platform>Oracle Linux {n}</platform>")).collect();
            let packages: String =
                (0..packages).map(|n| format!("<criterion comment=\"p{n} is earlier than 1\"/>")).collect();
            format!(
                "<oval_definitions><definitions><definition><metadata><reference source=\"elsa\" ref_id=\"ELSA-2026-1\"/>\
                 <affected>{platforms}<platform>Oracle Linux x</platform></affected></metadata>\
                 <criteria>{packages}</criteria></definition></definitions></oval_definitions>"
            )
        };
        let cases =
            [(20, 10, None), (21, 10, Some("more than 20 releases")), (20, 3_000, Some("more than 50000 packages"))];
        for (platforms, packages, refused) in cases {
            let mut sink = fresh("Oracle Linux");
            let read = Oracle.read("Oracle Linux", &[file(FILE, &document(platforms, packages))], &mut sink);
            assert_eq!(read.is_err(), refused.is_some(), "{platforms} × {packages}");
            if let Some(expected) = refused {
                assert!(sink.refused.iter().any(|(_, why)| why.contains(expected)), "{:?}", sink.refused);
            } else {
                let postings = read_back("oracle/Oracle Linux", sink).postings("19", "p9").expect("reads");
                assert_eq!(postings.len(), 1);
            }
        }
    }
}

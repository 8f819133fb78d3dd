//! Red Hat's CSAF VEX documents, one for each flaw: what is mended, affected without a fix, and not affected.
//!
//! Sources: CSAF 2.0 ("Product Tree", "Vulnerabilities", profile VEX) and Red Hat's notes on how it names products:
//! a platform with a CPE, a component with a purl, and between them a module stream where there is one. Only
//! platforms of the operating system are taken.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod document;
mod product;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::Result;
use crate::format::decompress::{Compressed, expand_zstd, inflate};
use crate::format::ustar::{Skip, Streaming};

use super::super::osv;
use super::super::record::{Advisory, Affected, Event, Facts, Range, Rating, RatingKind, Versions};
use super::super::risk::is_cve;
use super::archive::{Most, each_member};
use super::{Feed, Fetched, Sink, Wanted, broken, capitalised};
use document::{Document, Flaw, Remediation, Score, Vector};
use product::{Component, Fixes, Found, Products};

/// The file that names the newest archive.
const LATEST: &str = "archive_latest.txt";

/// Largest archive, in bytes; it has some 300 MiB.
const LARGEST: u64 = 2 << 30;

/// What an archive may expand to, in bytes; it has some 20 GiB.
const LARGEST_TREE: u64 = 256 << 30;

/// Largest document, in bytes; those on the kernel have some 60 MiB.
const LARGEST_FILE: u64 = 256 << 20;

/// Most members of an archive; there are some 50,000 documents.
const MOST: usize = 2_000_000;

/// Largest window of the archive's zstd frame, as a power of two: 128 MiB, what `--long` asks for.
const WINDOW: u32 = 27;

/// Errata that are kept of one flaw.
const ERRATA: usize = 20;

/// Red Hat's VEX documents.
pub(super) struct RedHatCsaf;

impl Feed for RedHatCsaf {
    fn id(&self) -> &'static str {
        "redhat-csaf"
    }

    fn families(&self) -> &'static [&'static str] {
        &["Red Hat"]
    }

    fn next(&self, _family: &str, have: &[Fetched]) -> Option<Wanted> {
        let small = Wanted { path: LATEST.into(), most: 4096, optional: false };
        let Some(latest) = have.iter().find(|file| file.path == LATEST) else {
            // single documents need no archive
            return have.is_empty().then_some(small);
        };
        let path = archive_of(&latest.bytes)?;
        have.iter().all(|file| file.path != path).then_some(Wanted { path, most: LARGEST, optional: false })
    }

    fn read(&self, _family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        for file in files {
            if file.path == LATEST {
                let Some(archive) = archive_of(&file.bytes) else {
                    return Err(broken(file, "Red Hat's list of archives names none"));
                };
                sink.as_of = archive.get("csaf_vex_".len()..).and_then(|rest| rest.get(..10)).map(str::to_owned);
            } else if is_document(&file.path) {
                take(&file.path, &file.bytes, sink);
            } else {
                read_archive(file, sink)?;
            }
        }
        match files.first() {
            Some(file) if sink.builder.is_empty() => {
                Err(broken(file, "Red Hat's documents are none, or none can be read"))
            }
            _ => Ok(()),
        }
    }
}

/// The name of the newest archive: `csaf_vex_2026-08-21.tar.zst`.
fn archive_of(latest: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(latest).ok()?.trim();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let is_archive = name.starts_with("csaf_vex_") && name.ends_with(".tar.zst") && name.len() < 64;
    (is_plain && is_archive).then(|| name.to_owned())
}

fn is_document(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("json"))
}

fn read_archive(file: &Fetched, sink: &mut Sink) -> Result<()> {
    let unreadable = |what: &str| broken(file, format!("Red Hat's documents cannot be read: {what}"));
    match file.bytes.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let reader =
                expand_zstd(&file.bytes, WINDOW, LARGEST_TREE).map_err(|error| unreadable(&error.to_string()))?;
            read_members(file, Streaming(reader), sink)
        }
        [0x1f, 0x8b, ..] => {
            let bytes =
                inflate(Compressed::Gzip, &file.bytes, 8 << 30).map_err(|error| unreadable(&error.to_string()))?;
            read_members(file, Streaming(bytes.as_slice()), sink)
        }
        bytes => read_members(file, Streaming(bytes), sink),
    }
}

fn read_members(file: &Fetched, source: impl Skip, sink: &mut Sink) -> Result<()> {
    let limits = Most { what: "Red Hat's archive", members: MOST, bytes: LARGEST_FILE };
    each_member(file, source, &limits, is_document, sink, take)
}

fn take(path: &str, bytes: &[u8], sink: &mut Sink) {
    match parse(bytes) {
        Ok(advisories) => advisories.into_iter().for_each(|advisory| sink.add(advisory)),
        Err(why) => sink.refuse(path, why),
    }
}

/// Reads one document. The error says what is wrong, to follow the document's name.
fn parse(bytes: &[u8]) -> Result<Vec<Advisory>, String> {
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if document.head.tracking.status.as_deref() == Some("deleted") {
        return Ok(Vec::new());
    }
    let products = Products::of(&document.product_tree);
    let impact = document.head.aggregate_severity.as_ref().map(|severity| capitalised(&severity.text));
    let tracking = &document.head.tracking;
    let mut advisories = Vec::with_capacity(document.vulnerabilities.len());
    for flaw in document.vulnerabilities {
        let id = flaw.cve.as_deref().filter(|id| is_cve(id)).ok_or("it has a flaw without a CVE id")?;
        let published = flaw.release_date.as_ref().or(tracking.initial_release_date.as_ref());
        let threat = flaw.threats.iter().find(|threat| threat.category == "impact");
        advisories.push(Advisory {
            id: id.to_owned(),
            modified: tracking.current_release_date.as_deref().map(utc).unwrap_or_default(),
            published: published.map(|time| utc(time)),
            related: errata(&flaw.remediations),
            summary: osv::shorten(flaw.title.as_deref().unwrap_or_default()),
            ratings: flaw.scores.iter().find_map(rating).into_iter().collect(),
            label: threat.map(|threat| capitalised(&threat.details)).or_else(|| impact.clone()),
            cwes: flaw.cwe.iter().map(|cwe| cwe.id.clone().into_owned()).collect(),
            links: vec![format!("https://access.redhat.com/security/cve/{id}")],
            affected: affected(&flaw, &products),
            ..Advisory::default()
        });
    }
    Ok(advisories)
}

/// What is said of each component on each platform. Where there are several, what calls for something goes first.
fn affected(flaw: &Flaw<'_>, products: &Products<'_>) -> Vec<Affected> {
    let mut states: HashMap<&str, String> = HashMap::new();
    for remediation in &flaw.remediations {
        if matches!(remediation.category.as_ref(), "no_fix_planned" | "none_available") {
            let details = remediation.details.as_deref().unwrap_or_default().to_lowercase();
            let details = if details.is_empty() || details.len() > 64 { "will not fix".to_owned() } else { details };
            states.extend(remediation.product_ids.iter().map(|id| (id.as_ref(), details.clone())));
        }
    }
    let mut all: BTreeMap<Component, Versions> = BTreeMap::new();
    // a component has one id for each architecture
    let mut seen: BTreeSet<(Component, String)> = BTreeSet::new();
    let mut known = Fixes::default();
    for id in &flaw.product_status.fixed {
        let Some(Found { component, version: Some(fixed), .. }) = products.component(id) else { continue };
        if seen.insert((component.clone(), fixed.clone())) {
            known.add(&component, &fixed);
            all.entry(component).or_default().ranges.push(up_to(Some(fixed)));
        }
    }
    // a build that is said to be affected stands for all of the component: no fix is named
    for id in &flaw.product_status.known_affected {
        let Some(Found { component, minor, .. }) = products.component(id) else { continue };
        if all.get(&component).is_some_and(|versions| !versions.ranges.is_empty()) {
            continue;
        }
        let mended = known.of_whole(&component, minor);
        let versions = all.entry(component).or_default();
        if mended.is_empty() {
            versions.ranges.push(up_to(None));
            versions.facts.status = Some(states.remove(id.as_ref()).unwrap_or_else(|| "affected".into()));
        } else {
            versions.ranges.extend(mended.into_iter().map(|fixed| up_to(Some(fixed))));
        }
    }
    let rest = [
        (&flaw.product_status.under_investigation, "under investigation"),
        (&flaw.product_status.known_not_affected, "not affected"),
    ];
    for (ids, status) in rest {
        for id in ids {
            let Some(Found { component, version: None, .. }) = products.component(id) else { continue };
            all.entry(component).or_insert_with(|| Versions {
                facts: Facts { status: Some(status.to_owned()), ..Facts::default() },
                ..Versions::default()
            });
        }
    }
    let affected = all.into_iter().map(|(component, mut versions)| {
        versions.facts.module = component.module;
        Affected { ecosystem: format!("Red Hat:{}", component.release), name: component.name, versions }
    });
    affected.collect()
}

/// All versions, or those before the one that mends them.
fn up_to(fixed: Option<String>) -> Range {
    let events = std::iter::once(Event::Introduced("0".into())).chain(fixed.map(Event::Fixed));
    Range { is_semantic: false, events: events.collect() }
}

/// The errata that mend a flaw, by the links to them.
fn errata(remediations: &[Remediation<'_>]) -> Vec<String> {
    let links = remediations.iter().filter(|fix| fix.category == "vendor_fix").filter_map(|fix| fix.url.as_deref());
    let names = links.filter_map(|url| url.rsplit_once("/errata/")).map(|(_, name)| name);
    let mut errata: Vec<String> = names
        .filter(|name| name.starts_with("RH") && osv::is_id(name) && !name.contains('/'))
        .map(str::to_owned)
        .collect();
    errata.sort();
    errata.dedup();
    errata.truncate(ERRATA);
    errata
}

fn rating(score: &Score<'_>) -> Option<Rating> {
    let of = |kind, vector: &Option<Vector<'_>>| {
        vector.as_ref().map(|vector| Rating { kind, score: vector.vector.clone().into_owned() })
    };
    of(RatingKind::CvssV4, &score.v4)
        .or_else(|| of(RatingKind::CvssV3, &score.v3))
        .or_else(|| of(RatingKind::CvssV2, &score.v2))
}

/// `2024-08-20T16:26:29+00:00` with the `Z` that all other feeds write, so that times compare as texts.
fn utc(time: &str) -> String {
    time.strip_suffix("+00:00").map_or_else(|| time.to_owned(), |time| format!("{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::testing::{self, file, fresh, read_back};
    use crate::format::testing::deflate;

    const DOCUMENT: &str = include_str!("../../../../fixtures/advisories/redhat-csaf/cve-2026-0001.json");

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        deflate(Compressed::Zstd, &testing::archive(files))
    }

    #[test]
    fn products_become_packages_by_platform() {
        let mut sink = fresh("Red Hat");
        RedHatCsaf.read("Red Hat", &[file("2026/cve-2026-0001.json", DOCUMENT)], &mut sink).expect("reads");
        assert_eq!(sink.refused, []);
        let shard = read_back("redhat-csaf/Red Hat", sink);
        let releases: Vec<&String> = shard.releases().iter().collect();
        assert_eq!(
            releases,
            ["enterprise_linux:8", "enterprise_linux:8::appstream", "enterprise_linux:9", "rhel_eus:9.2::baseos"]
        );
        let show = |release: &str, name: &str| -> Vec<String> {
            let postings = shard.postings(release, name).expect("reads");
            let shown = postings.iter().map(|posting| {
                let Versions { ranges, facts, .. } = &posting.versions;
                let ends = ranges.iter().filter_map(|range| range.events.last()).map(|event| match event {
                    Event::Fixed(fixed) => format!("<{fixed}"),
                    _ => "all".to_owned(),
                });
                let ends: Vec<String> = ends.collect();
                let (status, module) = (facts.status.as_deref(), facts.module.as_deref());
                format!("{} {} {}", ends.join(","), status.unwrap_or("-"), module.unwrap_or("-"))
            });
            shown.collect()
        };
        let ruby = "<0:3.1.4-142.module+el8.9.0+21471+7d1e4a35 - ruby:3.1";
        let old = "<1:2.5.9-1.module+el8.1.0 - ruby:2.5";
        assert_eq!(show("enterprise_linux:8::appstream", "ruby"), [old, ruby]);
        assert_eq!(show("rhel_eus:9.2::baseos", "openssl"), ["<1:3.0.7-5.el9_2,<1:3.0.7-6.el9_2 - -"]);
        assert_eq!(show("enterprise_linux:9", "openssl"), ["all will not fix -"]);
        assert_eq!(show("enterprise_linux:9", "compat-openssl11"), ["all affected -"]);
        assert_eq!(show("enterprise_linux:9", "nano"), [" not affected -"]);
        assert_eq!(show("enterprise_linux:9", "vim"), [" under investigation -"]);
        assert_eq!(show("enterprise_linux:8", "nodejs"), ["all fix deferred nodejs:16"]);
        let record = shard.record("CVE-2026-0001").expect("reads").expect("is there");
        assert_eq!((record.label.as_deref(), record.modified.as_str()), (Some("Moderate"), "2026-08-20T16:26:29Z"));
        assert_eq!(record.ratings[0].score, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H");
        assert_eq!(
            (record.related.as_slice(), record.cwes.as_slice()),
            (&["RHSA-2026:1111".to_owned()][..], &["CWE-674".to_owned()][..])
        );
    }

    #[test]
    fn the_list_leads_to_the_archive_and_a_broken_document_costs_itself() {
        let latest = file(LATEST, "csaf_vex_2026-08-21.tar.zst\n");
        assert_eq!(RedHatCsaf.next("Red Hat", &[]).expect("wants").path, LATEST);
        let wanted = RedHatCsaf.next("Red Hat", std::slice::from_ref(&latest)).expect("wants");
        assert_eq!(wanted.path, "csaf_vex_2026-08-21.tar.zst");
        let odd = r#"{"document":{"tracking":{"current_release_date":"2026-08-20"}},"vulnerabilities":[{"cve":"x"}]}"#;
        let deep = format!(r#"{{"product_tree":{}"#, r#"{"branches":["#.repeat(50_000));
        let files = [
            ("2026/a.json", "{"),
            ("2026/b.json", odd),
            ("c.txt", ""),
            ("2026/cve-2026-0001.json", DOCUMENT),
            ("d.json", &deep),
        ];
        let have = [latest, Fetched { path: wanted.path, bytes: archive(&files) }];
        assert_eq!(RedHatCsaf.next("Red Hat", &have), None);
        let mut sink = fresh("Red Hat");
        RedHatCsaf.read("Red Hat", &have, &mut sink).expect("reads");
        assert_eq!(sink.as_of.as_deref(), Some("2026-08-21"));
        let refused: Vec<&str> = sink.refused.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(refused, ["2026/a.json", "2026/b.json", "d.json"]);
        assert_eq!(sink.builder.len(), 1);
    }

    #[test]
    fn what_is_cut_or_leads_elsewhere_is_refused() {
        let whole = archive(&[("2026/cve-2026-0001.json", DOCUMENT)]);
        let cut = whole.get(..whole.len() / 2).expect("shorter").to_vec();
        for bytes in [Vec::new(), cut, archive(&[]), archive(&[("a.json", "{}")])] {
            let file = Fetched { path: "csaf_vex_2026-08-21.tar.zst".into(), bytes };
            assert!(RedHatCsaf.read("Red Hat", &[file], &mut fresh("Red Hat")).expect_err("is refused").help.is_some());
        }
        for name in ["", "../csaf_vex_1.tar.zst", "csaf_vex_../../a.tar.zst", "csaf_vex_1.tar.gz", "https://a.example/"]
        {
            assert_eq!(archive_of(name.as_bytes()), None, "{name}");
            assert_eq!(RedHatCsaf.next("Red Hat", &[file(LATEST, name)]), None);
            assert!(RedHatCsaf.read("Red Hat", &[file(LATEST, name)], &mut fresh("Red Hat")).is_err());
        }
    }

    #[test]
    fn circles_of_products_end() {
        let circle = DOCUMENT.replace(
            "\"relates_to_product_reference\": \"AppStream-8.9.0.Z.MAIN\"",
            "\"relates_to_product_reference\": \"AppStream-8.9.0.Z.MAIN:ruby:2.5:8010:abc\"",
        );
        assert_ne!(circle, DOCUMENT);
        assert!(parse(circle.as_bytes()).is_ok());
    }

    /// A document of these platforms (id, CPE), components (id, purl), and states by relationship `platform|component`.
    fn made(platforms: &[(&str, &str)], components: &[(&str, &str)], said: &[(&str, &[&str])]) -> String {
        let product = |id: &str, key: &str, value: &str| {
            serde_json::json!({"name": id, "product": {"name": id, "product_id": id,
                "product_identification_helper": {key: value}}})
        };
        let mut branches: Vec<_> = platforms.iter().map(|(id, cpe)| product(id, "cpe", cpe)).collect();
        branches.extend(components.iter().map(|(id, purl)| product(id, "purl", purl)));
        let (mut relationships, mut product_status) = (Vec::new(), serde_json::Map::new());
        for (state, pairs) in said {
            let ids: Vec<String> = pairs.iter().map(|pair| pair.replace('|', ":")).collect();
            for (pair, id) in pairs.iter().zip(&ids) {
                let (platform, component) = pair.split_once('|').expect("a pair");
                relationships.push(serde_json::json!({"full_product_name": {"name": id, "product_id": id},
                    "product_reference": component, "relates_to_product_reference": platform}));
            }
            product_status.insert((*state).to_owned(), serde_json::json!(ids));
        }
        serde_json::json!({
            "document": {"tracking": {"id": "CVE-2026-0001", "status": "final"}},
            "product_tree": {"branches": branches, "relationships": relationships},
            "vulnerabilities": [{"cve": "CVE-2026-0001", "product_status": product_status}],
        })
        .to_string()
    }

    fn shown(document: &str) -> Vec<String> {
        let advisories = parse(document.as_bytes()).expect("reads");
        let affected = advisories.into_iter().flat_map(|advisory| advisory.affected).map(|affected| {
            let ends = affected.versions.ranges.iter().filter_map(|range| range.events.last());
            let ends: Vec<&str> = ends.map(|end| if let Event::Fixed(fixed) = end { fixed } else { "all" }).collect();
            let release = affected.ecosystem.strip_prefix("Red Hat:").expect("is of Red Hat").to_owned();
            let Facts { status, module, .. } = &affected.versions.facts;
            let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            format!("{release} {} {} {} {}", affected.name, ends.join(","), or(status), or(module))
        });
        affected.collect()
    }

    #[test]
    fn builds_and_streams_that_are_affected_count() {
        let document = made(
            &[
                ("red_hat_enterprise_linux_8", "cpe:/o:redhat:enterprise_linux:8"),
                ("red_hat_enterprise_linux_10", "cpe:/o:redhat:enterprise_linux:10"),
            ],
            &[
                ("tool:rhel8/tool", "pkg:rpm/redhat/tool@rhel8?arch=src&rpmmod=tool:rhel8"),
                ("lib-0:3.101.0-1.el10", "pkg:rpm/redhat/lib@3.101.0-1.el10?arch=src"),
                ("pak", "pkg:rpm/redhat/pak?arch=src&rpmmod=rhel10"),
                ("other-0:1-1.el10", "pkg:rpm/redhat/other@1-1.el10?arch=src"),
            ],
            &[
                (
                    "known_affected",
                    &[
                        "red_hat_enterprise_linux_8|tool:rhel8/tool",
                        "red_hat_enterprise_linux_10|lib-0:3.101.0-1.el10",
                        "red_hat_enterprise_linux_10|pak",
                    ],
                ),
                // of this build alone; nothing is said of others
                ("known_not_affected", &["red_hat_enterprise_linux_10|other-0:1-1.el10"]),
            ],
        );
        let expected = [
            "enterprise_linux:10 lib all affected -",
            "enterprise_linux:10 pak all affected -",
            "enterprise_linux:8 tool all affected tool:rhel8",
        ];
        assert_eq!(shown(&document), expected);
    }

    #[test]
    fn a_product_is_not_affected_for_ever_where_its_repositories_have_the_fix() {
        let document = made(
            &[
                ("rhel-8.10.z", "cpe:/a:redhat:enterprise_linux:8"),
                ("rhel-8.10.z::appstream", "cpe:/a:redhat:enterprise_linux:8::appstream"),
                ("rhel-9.7.z", "cpe:/a:redhat:enterprise_linux:9"),
                ("rhel-9.6.z.eus::appstream", "cpe:/a:redhat:rhel_eus:9.6::appstream"),
                ("rhel-9.8.z.eus", "cpe:/a:redhat:rhel_eus:9.8"),
                ("rhel-9.8.z.eus::appstream", "cpe:/a:redhat:rhel_eus:9.8::appstream"),
                ("rhel-10.1.z", "cpe:/o:redhat:enterprise_linux:10.1"),
                ("rhel-10.2.z.eus", "cpe:/o:redhat:enterprise_linux_eus:10.2"),
                ("red_hat_enterprise_linux_7", "cpe:/o:redhat:enterprise_linux:7"),
                ("rhel-7-els.els", "cpe:/o:redhat:rhel_els:7"),
                ("satellite", "cpe:/a:redhat:rhel_satellite_client:6::el8"),
            ],
            &[
                ("tool", "pkg:rpm/redhat/tool"),
                ("tool-8", "pkg:rpm/redhat/tool@1-1.el8_10?epoch=0"),
                ("tool-9.6", "pkg:rpm/redhat/tool@1-1.el9_6?epoch=0"),
                ("tool-9.8", "pkg:rpm/redhat/tool@1-1.el9_8?epoch=0"),
                ("tool-10", "pkg:rpm/redhat/tool@1-1.el10_2?epoch=0"),
                ("tool-7", "pkg:rpm/redhat/tool@1-1.el7_9?epoch=0"),
            ],
            &[
                (
                    "fixed",
                    &[
                        "rhel-8.10.z::appstream|tool-8",
                        "rhel-9.6.z.eus::appstream|tool-9.6",
                        "rhel-9.8.z.eus::appstream|tool-9.8",
                        "rhel-10.2.z.eus|tool-10",
                        "rhel-7-els.els|tool-7",
                        "satellite|tool-8",
                    ],
                ),
                (
                    "known_affected",
                    &[
                        "rhel-8.10.z|tool",
                        "rhel-9.7.z|tool",
                        "rhel-9.8.z.eus|tool",
                        "rhel-10.1.z|tool",
                        "rhel-10.2.z.eus|tool",
                        "red_hat_enterprise_linux_7|tool",
                        "rhel-7-els.els|tool",
                    ],
                ),
            ],
        );
        let expected = [
            "enterprise_linux:10.1 tool 0:1-1.el10_2 - -",
            // whose id tells no minor release: what mends it elsewhere need not mend it here
            "enterprise_linux:7 tool all affected -",
            "enterprise_linux:8 tool 0:1-1.el8_10 - -",
            "enterprise_linux:8::appstream tool 0:1-1.el8_10 - -",
            "enterprise_linux:9 tool 0:1-1.el9_8 - -",
            "enterprise_linux_eus:10.2 tool 0:1-1.el10_2 - -",
            "rhel_els:7 tool 0:1-1.el7_9 - -",
            "rhel_eus:9.6::appstream tool 0:1-1.el9_6 - -",
            "rhel_eus:9.8 tool 0:1-1.el9_8 - -",
            "rhel_eus:9.8::appstream tool 0:1-1.el9_8 - -",
        ];
        assert_eq!(shown(&document), expected);
    }

    #[test]
    fn a_document_that_was_taken_back_says_nothing() {
        let document = r#"{"document":{"tracking":{"id":"CVE-2023-1","status":"deleted"}}}"#;
        assert_eq!(parse(document.as_bytes()), Ok(Vec::new()));
    }
}

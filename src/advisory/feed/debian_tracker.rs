//! Debian's security tracker: what Debian means to do about a flaw in each release, in one JSON file.
//!
//! Source: the tracker's documentation ("Security tracker data exports") and its file `data/json`, by source package,
//! flaw and release. Which versions are affected comes from OSV; here are no ranges, but states.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Result;

use super::super::record::{Advisory, Affected, Facts, Versions};
use super::super::risk::is_cve;
use super::{Fetched, OneFile, Sink, broken};

/// Largest file, in bytes; it has some 60 MiB.
const LARGEST: u64 = 1 << 30;

/// The file's name in a mirror.
const FILE: &str = "data.json";

/// Releases by code name.
const RELEASES: &[(&str, &str)] = &[
    ("bookworm", "12"),
    ("bullseye", "11"),
    ("buster", "10"),
    ("duke", "15"),
    ("forky", "14"),
    ("jessie", "8"),
    ("sid", "sid"),
    ("stretch", "9"),
    ("trixie", "13"),
    ("wheezy", "7"),
];

/// Debian's tracker.
pub(super) static DEBIAN_TRACKER: OneFile =
    OneFile { id: "debian-tracker", families: &["Debian"], file: FILE, most: LARGEST, read };

#[derive(Deserialize)]
struct Flaw {
    releases: Releases,
}

/// A map; where there is none, an empty list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Releases {
    Some(BTreeMap<String, State>),
    None(IgnoredAny),
}

#[derive(Deserialize)]
struct State {
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

fn read(file: &Fetched, sink: &mut Sink) -> Result<()> {
    let packages: BTreeMap<String, BTreeMap<String, Flaw>> = serde_json::from_slice(&file.bytes)
        .map_err(|error| broken(file, format!("Debian's security tracker cannot be read: {error}")))?;
    let mut records: BTreeMap<String, Vec<Affected>> = BTreeMap::new();
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    for (package, flaws) in packages {
        // flaws without an id have a temporary one, which changes
        for (flaw, of_flaw) in flaws.into_iter().filter(|(flaw, _)| is_cve(flaw)) {
            let Releases::Some(releases) = of_flaw.releases else { continue };
            for (release, state) in releases {
                let Some((_, number)) = RELEASES.iter().find(|(name, _)| *name == release) else {
                    unknown.insert(release);
                    continue;
                };
                // of a flaw that is mended it says no more than the fixed version, which OSV has
                let Some(status) = status(&state) else { continue };
                let urgency = state.urgency.map(|urgency| urgency.trim_end_matches('*').to_owned());
                let facts = Facts { urgency, status: Some(status.to_owned()), ..Facts::default() };
                records.entry(flaw.clone()).or_default().push(Affected {
                    ecosystem: format!("Debian:{number}"),
                    name: package.clone(),
                    versions: Versions { facts, ..Versions::default() },
                });
            }
        }
    }
    for release in unknown.iter().take(super::MOST_REFUSED) {
        sink.refuse(&format!("release {release}"), "it is not known which number it has");
    }
    if records.is_empty() {
        return Err(broken(file, "Debian's security tracker holds nothing"));
    }
    for (flaw, affected) in records {
        let id = format!("DEBIAN-{flaw}");
        sink.add(Advisory { id, upstream: vec![flaw], affected, ..Advisory::default() });
    }
    Ok(())
}

/// What Debian means to do; nothing where the flaw is mended.
fn status(state: &State) -> Option<&'static str> {
    match state.status.as_str() {
        "resolved" => (state.fixed_version.as_deref() == Some("0")).then_some("not affected"),
        "undetermined" => Some("undetermined"),
        _ => Some(match (state.nodsa_reason.as_deref(), &state.nodsa) {
            (Some("ignored"), _) => "ignored",
            (Some("postponed"), _) => "postponed",
            (None, None) => "open",
            _ => "no-dsa",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::Feed as _;
    use crate::advisory::feed::testing::{file, fresh, read_back};

    const DATA: &str = include_str!("../../../fixtures/advisories/debian-tracker/data.json");

    #[test]
    fn states_are_kept_by_release() {
        let mut sink = fresh("Debian");
        DEBIAN_TRACKER.read("Debian", &[file(FILE, DATA)], &mut sink).expect("reads");
        assert_eq!(sink.refused, [("release potato".into(), "it is not known which number it has".into())]);
        let shard = read_back("debian-tracker/Debian", sink);
        let facts = |release: &str, package: &str| -> Vec<(String, String, String)> {
            let postings = shard.postings(release, package).expect("reads");
            let shown = postings.into_iter().map(|posting| {
                assert!(posting.versions.ranges.is_empty());
                let facts = posting.versions.facts;
                (posting.id, facts.status.unwrap_or_default(), facts.urgency.unwrap_or_default())
            });
            shown.collect()
        };
        let row = |id: &str, status: &str, urgency: &str| (id.to_owned(), status.to_owned(), urgency.to_owned());
        assert_eq!(
            facts("12", "some-library"),
            [
                row("DEBIAN-CVE-2026-0001", "no-dsa", "low"),
                row("DEBIAN-CVE-2026-0002", "ignored", "not yet assigned"),
                row("DEBIAN-CVE-2026-0003", "not affected", "unimportant"),
            ]
        );
        assert_eq!(facts("11", "some-library"), [row("DEBIAN-CVE-2026-0001", "postponed", "high")]);
        assert_eq!(
            facts("sid", "some-library"),
            [row("DEBIAN-CVE-2026-0001", "open", ""), row("DEBIAN-CVE-2026-0002", "undetermined", "")]
        );
        assert_eq!(facts("12", "mended"), []);
        assert_eq!(shard.named("CVE-2026-0001").expect("reads"), ["DEBIAN-CVE-2026-0001"]);
    }

    #[test]
    fn what_is_broken_is_refused() {
        let deep = "{\"a\":".repeat(100_000);
        let cut = DATA.get(..DATA.len() / 2).expect("is ASCII");
        for text in ["", "{}", "[]", cut, &deep, r#"{"a":{"CVE-2026-0001":{"releases":[]}}}"#] {
            let error = DEBIAN_TRACKER.read("Debian", &[file(FILE, text)], &mut fresh("Debian"));
            assert!(error.expect_err("is refused").help.is_some(), "{text:.40}");
        }
    }
}

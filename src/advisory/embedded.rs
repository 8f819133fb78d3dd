//! The advisories that are part of careen, so that it tells something before any data were fetched: `RustSec`'s
//! facts, the catalogue of exploited flaws, and own records of infamous packages.
//!
//! Facts and links only; no text of others is in them. `advisories/README.md` tells how the files are made.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::name;
use super::osv;
use super::record::Advisory;
use super::risk::Exploited;
use super::store::Shard;

/// The families that own records may be of.
const OWN: &[&str] = &["PyPI", name::CRATES, "npm"];

/// The feed of own records.
pub const OWN_FEED: &str = "own";

/// Records as of a day, by family.
type Shards = (&'static str, Vec<(&'static str, Shard)>);

static RUSTSEC: LazyLock<Shards> = LazyLock::new(|| {
    let (as_of, records) = records(include_str!("../../advisories/rustsec.jsonl"));
    (as_of, vec![(name::CRATES, Shard::of(name::CRATES, records))])
});

static OWN_RECORDS: LazyLock<Shards> = LazyLock::new(|| {
    let (as_of, own) = records(include_str!("../../advisories/own/records.jsonl"));
    (as_of, OWN.iter().map(|family| (*family, of_own(family, &own))).collect())
});

static EXPLOITED: LazyLock<(&'static str, BTreeMap<&'static str, Exploited>)> =
    LazyLock::new(|| catalogue(include_str!("../../advisories/kev.csv")));

/// What is embedded for a family, with the ids of the feeds: nothing for most. Each part is read when it is first
/// asked for.
pub fn of_family(family: &str) -> impl Iterator<Item = (&'static str, &'static Shard)> {
    let own = OWN.contains(&family).then_some((OWN_FEED, &OWN_RECORDS));
    let rustsec = (family == name::CRATES).then_some(("rustsec", &RUSTSEC));
    own.into_iter().chain(rustsec).filter_map(move |(feed, shards)| {
        let (_, shard) = shards.1.iter().find(|(of, _)| *of == family)?;
        Some((feed, shard))
    })
}

/// The families that something is embedded for, sorted.
pub fn families() -> &'static [&'static str] {
    // RustSec's is among them
    OWN
}

/// What is embedded of a feed for a family.
pub fn shard(feed: &str, family: &str) -> Option<&'static Shard> {
    of_family(family).find(|(id, _)| *id == feed).map(|(_, shard)| shard)
}

/// The entry of the embedded catalogue of exploited flaws.
pub fn exploited(cve: &str) -> Option<&'static Exploited> {
    EXPLOITED.1.get(cve)
}

/// As of when the records of `RustSec` are: the newest change of one, RFC 3339.
pub fn rustsec_as_of() -> &'static str {
    RUSTSEC.0
}

/// The day of the catalogue of exploited flaws.
pub fn exploited_as_of() -> &'static str {
    EXPLOITED.0
}

/// How many flaws the embedded catalogue has.
#[cfg(test)]
fn exploited_count() -> usize {
    EXPLOITED.1.len()
}

fn of_own(family: &str, own: &[Advisory]) -> Shard {
    let is_of_family = |advisory: &&Advisory| advisory.affected.iter().any(|affected| affected.ecosystem == family);
    Shard::of(family, own.iter().filter(is_of_family).cloned().collect())
}

/// Reads one record a line, behind a line that says as of when they are. A line that cannot be read is left out;
/// a test sees that there is none.
fn records(text: &'static str) -> (&'static str, Vec<Advisory>) {
    let (head, lines) = text.split_once('\n').unwrap_or_default();
    let as_of = head.strip_prefix("{\"as_of\":\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap_or_default();
    let advisories = lines.lines().filter_map(|line| {
        let mut record: Value = serde_json::from_str(line).ok()?;
        expand(record.as_object_mut()?);
        osv::of_value(&record).ok()
    });
    (as_of, advisories.collect())
}

/// Puts back what lines leave out: the ecosystem of Rust's packages, and the link to `RustSec`'s own page.
fn expand(record: &mut Map<String, Value>) {
    let entries = record.get_mut("affected").and_then(Value::as_array_mut);
    for package in entries.into_iter().flatten().filter_map(|entry| entry.get_mut("package")?.as_object_mut()) {
        let is_rust = package.get("ecosystem").is_none_or(|ecosystem| ecosystem == "crates");
        if is_rust {
            package.insert("ecosystem".into(), json!(name::CRATES));
        }
    }
    let mut links: Vec<Value> = match record.remove("links") {
        Some(Value::Array(links)) => links,
        _ => Vec::new(),
    };
    if let Some(id) = record.get("id").and_then(Value::as_str).filter(|id| id.starts_with("RUSTSEC-")) {
        links.insert(0, json!(rustsec_page(id)));
    }
    let references = links.into_iter().map(|url| json!({ "type": "ADVISORY", "url": url }));
    record.insert("references".into(), references.collect());
}

/// `RustSec`'s page of a record.
fn rustsec_page(id: &str) -> String {
    format!("https://rustsec.org/advisories/{id}.html")
}

/// Reads `cve,added,due,ransomware` lines behind one that says as of when they are.
fn catalogue(text: &'static str) -> (&'static str, BTreeMap<&'static str, Exploited>) {
    let (head, lines) = text.split_once('\n').unwrap_or_default();
    let as_of = head.strip_prefix("# as of ").unwrap_or_default();
    let entries = lines.lines().filter_map(|line| {
        let mut fields = line.split(',');
        let (cve, added, due) = (fields.next()?, fields.next()?, fields.next()?);
        let due = (!due.is_empty()).then(|| due.to_owned());
        let ransomware = fields.next()? == "ransomware";
        Some((cve, Exploited { added: added.to_owned(), due, ransomware }))
    });
    (as_of, entries.collect())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::advisory::feed::{Fetched, Sink, feed};
    use crate::advisory::risk::is_cve;
    use crate::time::Date;

    /// Links beside `RustSec`'s own page that are kept of one of its records.
    const LINKS: usize = 2;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("advisories")
    }

    fn lines(file: &str) -> usize {
        std::fs::read_to_string(folder().join(file)).expect("is there").lines().count() - 1
    }

    #[test]
    fn every_line_is_read() {
        let (_, rustsec) = records(include_str!("../../advisories/rustsec.jsonl"));
        assert_eq!(rustsec.len(), lines("rustsec.jsonl"));
        assert!(rustsec.len() > 700, "{}", rustsec.len());
        let (_, own) = records(include_str!("../../advisories/own/records.jsonl"));
        assert_eq!(own.len(), lines("own/records.jsonl"));
        assert_eq!(exploited_count(), lines("kev.csv"));
        for advisory in rustsec.iter().chain(&own) {
            assert!(advisory.summary.is_empty(), "{}: no text of others", advisory.id);
            assert!(!advisory.affected.is_empty() && !advisory.links.is_empty(), "{}", advisory.id);
        }
        for (cve, entry) in &EXPLOITED.1 {
            assert!(is_cve(cve) && entry.added.parse::<Date>().is_ok(), "{cve}");
            assert!(entry.due.as_ref().is_none_or(|due| due.parse::<Date>().is_ok()), "{cve}");
        }
        let (rustsec, kev, own) = (rustsec_as_of(), exploited_as_of(), OWN_RECORDS.0);
        for day in [rustsec, kev, own] {
            assert!(day.get(..10).is_some_and(|day| day.parse::<Date>().is_ok()), "{day}");
        }
    }

    #[test]
    fn what_is_embedded_is_found() {
        let rust: Vec<&str> = of_family(name::CRATES).map(|(feed, _)| feed).collect();
        assert_eq!(rust, ["own", "rustsec"]);
        assert_eq!(of_family("Debian").count(), 0);
        let rustsec = shard("rustsec", name::CRATES).expect("is there");
        let time = rustsec.postings("", "time").expect("reads");
        assert!(time.iter().any(|posting| posting.id == "RUSTSEC-2020-0071"), "{time:?}");
        assert_eq!(rustsec.named("CVE-2020-26235").expect("reads"), ["RUSTSEC-2020-0071"]);
        let record = rustsec.record("RUSTSEC-2020-0071").expect("reads").expect("is there");
        assert_eq!(record.links[0], rustsec_page("RUSTSEC-2020-0071"));
        assert_eq!(record.ratings.len(), 1);
        let log4shell = exploited("CVE-2021-44228").expect("is listed");
        assert!(log4shell.ransomware && log4shell.added == "2021-12-10", "{log4shell:?}");
        assert_eq!(exploited("CVE-1999-0001"), None);
    }

    #[test]
    fn own_records_are_of_malicious_packages_and_say_so() {
        let cases = [("npm", "event-stream", "3.3.6"), ("npm", "node-ipc", "10.1.2"), ("PyPI", "ctx", "0.2.6")];
        for (family, package, version) in cases {
            let own = shard("own", family).expect("is there");
            let postings = own.postings("", package).expect("reads");
            let [posting] = postings.as_slice() else { panic!("{package}: {postings:?}") };
            assert!(posting.versions.listed.iter().any(|listed| listed == version), "{package}");
            assert_eq!(posting.versions.facts.informational.as_deref(), Some("malicious"));
            assert!(posting.id.starts_with("CAREEN-"), "{}", posting.id);
        }
        let own = shard("own", name::CRATES).expect("is there");
        assert_eq!(own.postings("", "rustdecimal").expect("reads").len(), 1);
        assert_eq!(own.record("CAREEN-2018-0001").expect("reads"), None, "it is of another family");
        for family in OWN {
            assert!(!shard("own", family).expect("is there").releases().is_empty(), "{family}");
        }
    }

    #[test]
    fn all_of_it_is_small() {
        let bytes = include_str!("../../advisories/rustsec.jsonl").len()
            + include_str!("../../advisories/own/records.jsonl").len()
            + include_str!("../../advisories/kev.csv").len();
        assert!(bytes <= 400 << 10, "{bytes}");
    }

    /// Makes `advisories/rustsec.jsonl` and `advisories/kev.csv` from `CAREEN_ADVISORIES`, a folder laid out as a
    /// mirror: `cargo test --lib -- --ignored embedded_data_are_made`.
    #[test]
    #[ignore = "needs a folder with the feeds' files"]
    fn embedded_data_are_made() {
        let mirror = PathBuf::from(std::env::var_os("CAREEN_ADVISORIES").expect("CAREEN_ADVISORIES names a folder"));
        let fetch = |path: &str| Fetched {
            path: path.into(),
            bytes: std::fs::read(mirror.join(path)).unwrap_or_else(|error| panic!("{path}: {error}")),
        };
        let mut sink = Sink::new(name::CRATES);
        let archive = fetch(&format!("{}/all.zip", name::CRATES));
        feed("osv").expect("is there").read(name::CRATES, &[archive], &mut sink).expect("reads");
        let mut newest = String::new();
        let mut text = String::new();
        for advisory in sink.builder.records() {
            if advisory.id.starts_with("RUSTSEC-") && advisory.withdrawn.is_none() {
                newest = newest.max(advisory.modified.clone());
                text += &format!("{}\n", compact(&advisory));
            }
        }
        std::fs::write(folder().join("rustsec.jsonl"), format!("{{\"as_of\":\"{newest}\"}}\n{text}")).expect("writes");

        let file = fetch("kev/known_exploited_vulnerabilities.json");
        let catalogue: Value = serde_json::from_slice(&file.bytes).expect("is JSON");
        let mut entries: Vec<String> = Vec::new();
        for entry in catalogue["vulnerabilities"].as_array().expect("is a list") {
            let text = |key: &str| entry[key].as_str().unwrap_or_default();
            let ransomware = if text("knownRansomwareCampaignUse") == "Known" { "ransomware" } else { "" };
            assert!(is_cve(text("cveID")) && text("dateAdded").parse::<Date>().is_ok(), "{entry}");
            entries.push(format!("{},{},{},{ransomware}\n", text("cveID"), text("dateAdded"), text("dueDate")));
        }
        entries.sort();
        let as_of = catalogue["dateReleased"].as_str().expect("is dated");
        std::fs::write(folder().join("kev.csv"), format!("# as of {as_of}\n{}", entries.concat())).expect("writes");
    }

    /// A record as a line: what [`expand`] puts back is left out.
    fn compact(advisory: &Advisory) -> Value {
        let mut advisory = advisory.clone();
        let page = rustsec_page(&advisory.id);
        let elsewhere = |url: &String| *url != page && !url.contains(name::CRATES) && url.len() < 120;
        let links: Vec<String> = advisory.links.drain(..).filter(elsewhere).take(LINKS).collect();
        let mut record = osv::facts(&advisory);
        for entry in record["affected"].as_array_mut().expect("is a list") {
            entry["package"].as_object_mut().expect("is an object").remove("ecosystem");
        }
        if !links.is_empty() {
            record["links"] = json!(links);
        }
        record
    }
}

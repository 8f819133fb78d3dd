//! CISA's catalogue of known exploited vulnerabilities, one JSON file.
//!
//! Source: the catalogue's JSON schema, which CISA publishes beside it.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;
use crate::time::Date;

use super::super::risk::{Exploited, is_cve};
use super::{Fetched, OneFile, Sink, broken};

/// Largest catalogue, in bytes; it has some 1.5 MiB.
const LARGEST: u64 = 64 << 20;

/// Name of the file.
const FILE: &str = "known_exploited_vulnerabilities.json";

/// The catalogue of exploited flaws.
pub(super) static KEV: OneFile = OneFile { id: "kev", families: &["kev"], file: FILE, most: LARGEST, read };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    date_released: Option<String>,
    count: Option<usize>,
    vulnerabilities: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    date_added: String,
    due_date: Option<String>,
    known_ransomware_campaign_use: Option<String>,
}

fn read(file: &Fetched, sink: &mut Sink) -> Result<()> {
    let catalogue: Catalogue = serde_json::from_slice(&file.bytes)
        .map_err(|error| broken(file, format!("the catalogue of exploited flaws cannot be read: {error}")))?;
    let held = catalogue.vulnerabilities.len();
    if held == 0 || catalogue.count.is_some_and(|count| count > held) {
        return Err(broken(file, format!("the catalogue of exploited flaws is not whole: it holds {held} entries")));
    }
    sink.as_of = catalogue.date_released;
    for (place, entry) in catalogue.vulnerabilities.into_iter().enumerate() {
        let Some(cve) = entry.get("cveID").and_then(Value::as_str).filter(|id| is_cve(id)).map(str::to_owned) else {
            sink.refuse(&format!("entry {place}"), "it has no CVE id");
            continue;
        };
        match serde_json::from_value::<Entry>(entry) {
            Ok(entry) if entry.date_added.parse::<Date>().is_ok() => {
                let exploited = Exploited {
                    added: entry.date_added,
                    due: entry.due_date.filter(|due| due.parse::<Date>().is_ok()),
                    ransomware: entry.known_ransomware_campaign_use.is_some_and(|word| word == "Known"),
                };
                sink.builder.add_fact(&cve, &exploited)?;
            }
            Ok(_) => sink.refuse(&cve, "the day it was added is no date"),
            Err(error) => sink.refuse(&cve, format!("it is not of the form that is known: {error}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::Feed as _;
    use crate::advisory::feed::testing::{file, fresh, read_back};

    #[test]
    fn entries_become_facts_and_odd_ones_are_told() {
        let text = r#"{"dateReleased":"2026-08-25T17:04:19.9Z","count":4,"vulnerabilities":[
            {"cveID":"CVE-2026-0001","dateAdded":"2026-03-01","dueDate":"2026-03-21","knownRansomwareCampaignUse":"Known"},
            {"cveID":"CVE-2026-0002","dateAdded":"2026-03-02","knownRansomwareCampaignUse":"Unknown","new":[1]},
            {"cveID":"CVE-2026-0003","dateAdded":"soon"},
            {"cveID":"../x","dateAdded":"2026-03-02"}]}"#;
        let mut sink = fresh("kev");
        KEV.read("kev", &[file(FILE, text)], &mut sink).expect("reads");
        assert_eq!(sink.as_of.as_deref(), Some("2026-08-25T17:04:19.9Z"));
        assert_eq!(
            sink.refused,
            [
                ("CVE-2026-0003".to_owned(), "the day it was added is no date".to_owned()),
                ("entry 3".to_owned(), "it has no CVE id".to_owned())
            ]
        );
        let shard = read_back("kev/kev", sink);
        let first = Exploited { added: "2026-03-01".into(), due: Some("2026-03-21".into()), ransomware: true };
        assert_eq!(shard.fact("CVE-2026-0001").expect("reads"), Some(first));
        let second = Exploited { added: "2026-03-02".into(), due: None, ransomware: false };
        assert_eq!(shard.fact("CVE-2026-0002").expect("reads"), Some(second));
        assert_eq!(shard.fact::<Exploited>("CVE-2026-0003").expect("reads"), None);
    }

    #[test]
    fn what_is_no_whole_catalogue_is_refused() {
        let one = r#"{"cveID":"CVE-2026-0001","dateAdded":"2026-03-01"}"#;
        let cases = [
            String::new(),
            "{}".into(),
            r#"{"vulnerabilities":[]}"#.into(),
            format!(r#"{{"count":2,"vulnerabilities":[{one}]}}"#),
            format!(r#"{{"count":1,"vulnerabilities":[{one}"#),
            "[".repeat(100_000),
        ];
        for text in cases {
            let error = KEV.read("kev", &[file(FILE, &text)], &mut fresh("kev")).expect_err("is refused");
            assert!(error.place.as_deref() == Some(FILE) && error.help.is_some(), "{error:?}");
        }
    }
}

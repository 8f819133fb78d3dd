//! Reads records of the OSV schema (1.7 and before) leniently, and writes them again as facts without texts.
//!
//! What a record may lack, or has of another type than the schema says, is passed over where it decides nothing;
//! a record without an id or with an affected package that cannot be told is refused, with the reason.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde_json::{Map, Value, json};

use crate::time::Timestamp;

use super::name;
use super::record::{Advisory, Affected, Event, Facts, Range, Rating, RatingKind, Versions};

/// Largest record taken, in bytes; the largest real ones, of kernels, have a few MiB.
pub const LARGEST: usize = 16 << 20;

/// Most packages that one record may affect; the largest real ones, of kernels, have some thousands.
const AFFECTED: usize = 100_000;

/// Most other ids of one kind that one record may have; the most seen are some hundreds.
const IDS: usize = 10_000;

/// Characters of a summary that are kept.
const SUMMARY: usize = 300;

/// Links that are kept of one record.
const LINKS: usize = 10;

/// Most ranges and events in them of one affected package, and most versions that are listed of it; real records have some
/// hundreds and some thousands.
const EVENTS: usize = 10_000;
const LISTED: usize = 100_000;

/// Reads one record. The error says what is wrong, to follow the record's name.
pub fn parse(bytes: &[u8]) -> Result<Advisory, String> {
    if bytes.len() > LARGEST {
        return Err(format!("it is larger than {}", crate::size::ByteSize(LARGEST as u64)));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    of_value(&value)
}

/// Reads one record that is parsed already.
pub fn of_value(value: &Value) -> Result<Advisory, String> {
    let record = value.as_object().ok_or("it is no JSON object")?;
    let id = text(record, "id").filter(|id| is_id(id)).ok_or("it has no `id`, or one with odd characters")?;
    let own = object(record, "database_specific");
    let mut advisory = Advisory {
        id,
        modified: text(record, "modified").unwrap_or_default(),
        published: text(record, "published"),
        withdrawn: withdrawn(record)?,
        aliases: ids(record, "aliases")?,
        upstream: ids(record, "upstream")?,
        related: ids(record, "related")?,
        summary: text(record, "summary").map(|text| shorten(&text)).unwrap_or_default(),
        ratings: ratings(record),
        label: text(own, "severity"),
        cwes: texts(own, "cwe_ids").into_iter().filter(|cwe| is_cwe(cwe)).collect(),
        links: links(record),
        review: text(own, "review_status"),
        affected: Vec::new(),
    };
    if advisory.label.is_none() && is_erratum(&advisory.id) {
        advisory.label = leading_word(&advisory.summary);
    }
    let affected = list(record, "affected")?;
    if affected.len() > AFFECTED {
        return Err(format!("more than {AFFECTED} packages are affected"));
    }
    for entry in affected {
        let Some(entry) = entry.as_object() else { return Err("an entry of `affected` is no object".into()) };
        // without a package it is about a repository of sources, which no image holds
        let package = match entry.get("package") {
            None | Some(Value::Null) => continue,
            Some(package) => package.as_object().ok_or("a `package` is no object")?,
        };
        let word = |key: &str| match package.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(format!("the `{key}` of a package is no string")),
        };
        let (Some(ecosystem), Some(package)) = (word("ecosystem")?, word("name")?) else { continue };
        let versions = versions(entry)?;
        advisory.affected.push(Affected { ecosystem, name: package, versions });
    }
    if let Some(stream) = module_of(&advisory) {
        for affected in &mut advisory.affected {
            let is_modular = affected.versions.ranges.iter().flat_map(|range| &range.events).any(
                |event| matches!(event, Event::Fixed(version) | Event::LastAffected(version) if version.contains(".module")),
            );
            affected.versions.facts.module = is_modular.then(|| stream.clone());
        }
    }
    Ok(advisory)
}

/// Whether an id can stand in file names and in lines of text.
pub fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 128
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.' | b'/' | b'+'))
        && !id.starts_with(['.', '/'])
        && !id.contains("..")
}

/// Whether a record of this id is a notice that a distribution mended several flaws, which stand in other records.
pub fn is_erratum(id: &str) -> bool {
    const STARTS: &[&str] = &[
        "ALAS",
        "ALBA-",
        "ALEA-",
        "ALSA-",
        "DLA-",
        "DSA-",
        "DTSA-",
        "ELSA-",
        "LSN-",
        "MGASA-",
        "OESA-",
        "openSUSE-",
        "RHBA-",
        "RHEA-",
        "RHSA-",
        "RLSA-",
        "RXSA-",
        "SUSE-",
        "USN-",
    ];
    STARTS.iter().any(|start| id.starts_with(start))
}

/// Whether a record of this id is an erratum that mends faults or brings something new, and no flaw.
pub fn is_no_flaw(id: &str) -> bool {
    ["ALBA-", "ALEA-", "RHBA-", "RHEA-"].iter().any(|start| id.starts_with(start))
}

/// The word that errata of Red Hat's descent begin their summary with: `Important: nodejs:12 security update`.
fn leading_word(summary: &str) -> Option<String> {
    let summary = summary.strip_prefix("Red Hat Security Advisory: ").unwrap_or(summary);
    let (word, _) = summary.split_once(':')?;
    ["Critical", "Important", "Moderate", "Low"].contains(&word).then(|| word.to_owned())
}

/// The module stream that an erratum is for, `nodejs:12` of `Important: nodejs:12 security update`.
fn module_of(advisory: &Advisory) -> Option<String> {
    if !is_erratum(&advisory.id) {
        return None;
    }
    let is_stream = |word: &&str| {
        word.split_once(':').is_some_and(|(name, stream)| {
            !name.is_empty()
                && !stream.is_empty()
                && stream.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        })
    };
    advisory.summary.split([' ', ',']).find(is_stream).map(str::to_owned)
}

fn versions(entry: &Map<String, Value>) -> Result<Versions, String> {
    let mut ranges = Vec::new();
    let mut count = 0_usize;
    for range in list(entry, "ranges")? {
        let Some(range) = range.as_object() else { return Err("a range is no object".into()) };
        let is_semantic = match text(range, "type").as_deref() {
            Some("GIT") => continue,
            kind => kind == Some("SEMVER"),
        };
        let mut events = Vec::new();
        count = count.saturating_add(1);
        for event in list(range, "events")? {
            let Some(event) = event.as_object() else { return Err("an event of a range is no object".into()) };
            count = count.saturating_add(event.len());
            if count > EVENTS {
                return Err(format!("a package has more than {EVENTS} ranges and events in them"));
            }
            for (kind, version) in event {
                let Some(version) = as_text(version) else { return Err("a version in a range is no string".into()) };
                match kind.as_str() {
                    "introduced" => events.push(Event::Introduced(version)),
                    "fixed" => events.push(Event::Fixed(version)),
                    "last_affected" => events.push(Event::LastAffected(version)),
                    "limit" => events.push(Event::Limit(version)),
                    _ => return Err("a range has an event of an unknown kind".into()),
                }
            }
        }
        if !events.iter().any(|event| matches!(event, Event::Introduced(_))) {
            return Err("a range has no beginning".into());
        }
        ranges.push(Range { is_semantic, events });
    }
    let listed = list(entry, "versions")?;
    if listed.len() > LISTED {
        return Err(format!("more than {LISTED} versions of a package are listed"));
    }
    let listed: Option<Vec<String>> = listed.iter().map(as_text).collect();
    let listed = listed.ok_or("a listed version is no string")?;
    let specific = object(entry, "ecosystem_specific");
    let own = object(entry, "database_specific");
    let limits = object(specific, "affects");
    let mut systems = texts(limits, "os");
    let mut architectures = texts(limits, "arch");
    // Go's limits stand by imported package: they hold where each of these has some
    let imports: Vec<_> = array(specific, "imports").iter().filter_map(Value::as_object).collect();
    for (key, limits) in [("goos", &mut systems), ("goarch", &mut architectures)] {
        if !imports.is_empty() && imports.iter().all(|import| !array(import, key).is_empty()) {
            limits.extend(imports.iter().flat_map(|import| texts(import, key)));
        }
    }
    let binaries = array(specific, "binaries").iter().filter_map(|binary| text(binary.as_object()?, "binary_name"));
    let mut facts = Facts {
        urgency: text(specific, "urgency"),
        status: text(specific, "status"),
        informational: text(own, "informational"),
        systems,
        architectures,
        binaries: binaries.collect(),
        module: text(specific, "module"),
        terms: text(specific, "availability").filter(|terms| terms != "No subscription required"),
    };
    for list in [&mut facts.systems, &mut facts.architectures, &mut facts.binaries] {
        list.sort();
        list.dedup();
    }
    Ok(Versions { ranges, listed, ratings: ratings(entry), facts })
}

fn ratings(object: &Map<String, Value>) -> Vec<Rating> {
    let ratings = array(object, "severity").iter().filter_map(|rating| {
        let rating = rating.as_object()?;
        let kind = match text(rating, "type")?.as_str() {
            "CVSS_V2" => RatingKind::CvssV2,
            "CVSS_V3" => RatingKind::CvssV3,
            "CVSS_V4" => RatingKind::CvssV4,
            "Ubuntu" => RatingKind::Ubuntu,
            _ => return None,
        };
        Some(Rating { kind, score: text(rating, "score")? })
    });
    ratings.collect()
}

/// Advisories and fixes before the rest, which is mostly discussion.
fn links(record: &Map<String, Value>) -> Vec<String> {
    let mut links: Vec<(u8, String)> = array(record, "references")
        .iter()
        .filter_map(|reference| {
            let reference = reference.as_object()?;
            let rank = match text(reference, "type").as_deref() {
                Some("ADVISORY") => 0,
                Some("FIX") => 1,
                Some("REPORT" | "ARTICLE") => 2,
                Some("PACKAGE") => return None,
                _ => 3,
            };
            let url = text(reference, "url").filter(|url| url.len() <= 2048)?;
            // what no URL holds as it is (RFC 3986, appendix A)
            let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte));
            let has_host =
                ["https://", "http://"].iter().any(|start| url.starts_with(start) && url.len() > start.len());
            (is_clean && has_host).then_some((rank, url))
        })
        .collect();
    links.sort_by_key(|(rank, _)| *rank);
    links.into_iter().map(|(_, url)| url).take(LINKS).collect()
}

/// The first line of a text, not longer than a summary may be.
pub(super) fn shorten(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(SUMMARY).collect();
    line.trim().to_owned()
}

fn object<'a>(object: &'a Map<String, Value>, key: &str) -> &'a Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    object.get(key).and_then(Value::as_object).unwrap_or(&NONE)
}

/// A list that decides something: it may be absent, and nothing else than a list.
fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("`{key}` is no list")),
    }
}

/// Ids of other records; what cannot be one is left out.
fn ids(record: &Map<String, Value>, key: &str) -> Result<Vec<String>, String> {
    let ids: Vec<String> = texts(record, key).into_iter().filter(|id| is_id(id)).collect();
    if ids.len() > IDS { Err(format!("`{key}` has more than {IDS} ids")) } else { Ok(ids) }
}

/// When the record was withdrawn. A time that cannot be read withdraws nothing in silence: it is refused.
fn withdrawn(record: &Map<String, Value>) -> Result<Option<String>, String> {
    match record.get("withdrawn") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(time)) if time.parse::<Timestamp>().is_ok() => Ok(Some(time.clone())),
        Some(_) => Err("`withdrawn` is no time".into()),
    }
}

fn is_cwe(text: &str) -> bool {
    text.strip_prefix("CWE-")
        .is_some_and(|number| (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn array<'a>(object: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(as_text).filter(|text| !text.is_empty())
}

fn texts(object: &Map<String, Value>, key: &str) -> Vec<String> {
    array(object, key).iter().filter_map(as_text).collect()
}

/// A string; versions have been seen as numbers.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The facts of a record in OSV's form: no summary, nothing that somebody wrote as a text.
pub fn facts(advisory: &Advisory) -> Value {
    let mut record = Map::new();
    record.insert("id".into(), json!(advisory.id));
    record.insert("modified".into(), json!(advisory.modified));
    for (key, value) in [("published", &advisory.published), ("withdrawn", &advisory.withdrawn)] {
        if let Some(value) = value {
            record.insert(key.into(), json!(value));
        }
    }
    let lists = [("aliases", &advisory.aliases), ("upstream", &advisory.upstream), ("related", &advisory.related)];
    for (key, list) in lists {
        insert_list(&mut record, key, list);
    }
    insert_ratings(&mut record, &advisory.ratings);
    record.insert("affected".into(), advisory.affected.iter().map(affected).collect());
    let links: Vec<Value> = advisory.links.iter().map(|url| json!({ "type": "ADVISORY", "url": url })).collect();
    if !links.is_empty() {
        record.insert("references".into(), links.into());
    }
    let mut own = Map::new();
    for (key, value) in [("severity", &advisory.label), ("review_status", &advisory.review)] {
        if let Some(value) = value {
            own.insert(key.into(), json!(value));
        }
    }
    insert_list(&mut own, "cwe_ids", &advisory.cwes);
    insert_object(&mut record, "database_specific", own);
    Value::Object(record)
}

fn affected(affected: &Affected) -> Value {
    let Versions { ranges, listed, ratings, facts } = &affected.versions;
    let mut entry = Map::new();
    entry.insert("package".into(), json!({ "ecosystem": affected.ecosystem, "name": affected.name }));
    let ranges: Vec<Value> = ranges
        .iter()
        .map(|range| {
            let events = range.events.iter().map(|event| match event {
                Event::Introduced(version) => json!({ "introduced": version }),
                Event::Fixed(version) => json!({ "fixed": version }),
                Event::LastAffected(version) => json!({ "last_affected": version }),
                Event::Limit(version) => json!({ "limit": version }),
            });
            let kind = if range.is_semantic { "SEMVER" } else { "ECOSYSTEM" };
            json!({ "type": kind, "events": events.collect::<Vec<_>>() })
        })
        .collect();
    if !ranges.is_empty() {
        entry.insert("ranges".into(), ranges.into());
    }
    insert_list(&mut entry, "versions", listed);
    insert_ratings(&mut entry, ratings);
    let mut specific = Map::new();
    let words = [
        ("urgency", &facts.urgency),
        ("status", &facts.status),
        ("module", &facts.module),
        ("availability", &facts.terms),
    ];
    for (key, value) in words {
        if let Some(value) = value {
            specific.insert(key.into(), json!(value));
        }
    }
    let mut limits = Map::new();
    insert_list(&mut limits, "os", &facts.systems);
    insert_list(&mut limits, "arch", &facts.architectures);
    insert_object(&mut specific, "affects", limits);
    let binaries: Vec<Value> = facts.binaries.iter().map(|name| json!({ "binary_name": name })).collect();
    if !binaries.is_empty() {
        specific.insert("binaries".into(), binaries.into());
    }
    insert_object(&mut entry, "ecosystem_specific", specific);
    if let Some(informational) = &facts.informational {
        entry.insert("database_specific".into(), json!({ "informational": informational }));
    }
    Value::Object(entry)
}

fn insert_list(object: &mut Map<String, Value>, key: &str, list: &[String]) {
    if !list.is_empty() {
        object.insert(key.into(), json!(list));
    }
}

fn insert_object(object: &mut Map<String, Value>, key: &str, inner: Map<String, Value>) {
    if !inner.is_empty() {
        object.insert(key.into(), Value::Object(inner));
    }
}

fn insert_ratings(object: &mut Map<String, Value>, ratings: &[Rating]) {
    let ratings: Vec<Value> = ratings
        .iter()
        .map(|rating| {
            let kind = match rating.kind {
                RatingKind::CvssV2 => "CVSS_V2",
                RatingKind::CvssV3 => "CVSS_V3",
                RatingKind::CvssV4 => "CVSS_V4",
                RatingKind::Ubuntu => "Ubuntu",
            };
            json!({ "type": kind, "score": rating.score })
        })
        .collect();
    if !ratings.is_empty() {
        object.insert("severity".into(), ratings.into());
    }
}

/// Keeps what is of the family, under one spelling of each name.
pub fn of_family(advisory: &Advisory, family: &str) -> Vec<(String, Affected)> {
    let of_family = advisory.affected.iter().filter(|affected| name::split(&affected.ecosystem).0 == family);
    of_family
        .map(|affected| (name::normalise(&affected.ecosystem, &affected.name).into_owned(), affected.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(affected: &Value) -> Value {
        json!({ "id": "TEST-1", "modified": "2026-01-02T03:04:05Z", "affected": affected })
    }

    #[test]
    fn odd_records_are_read_as_far_as_they_go() {
        let value = json!({
            "schema_version": null, "id": "TEST-1", "modified": "2026-01-02T03:04:05Z", "aliases": null,
            "severity": [{ "type": "NEW", "score": "x" }, { "type": "CVSS_V3", "score": "CVSS:3.1/…" }],
            "affected": [
                { "ranges": [{ "type": "GIT", "events": [{ "introduced": "0" }] }] },
                { "package": { "ecosystem": "PyPI", "name": "a" }, "versions": [1.5, "2"],
                  "ranges": [{ "type": "GIT", "events": [] }, { "type": "ECOSYSTEM", "events": [{ "introduced": 0 }] }] },
            ],
            "references": [{ "type": "WEB", "url": "https://b.example" }, { "type": "FIX", "url": "https://a.example" },
                           { "type": "WEB", "url": "javascript:alert(1)" }],
        });
        let advisory = of_value(&value).expect("reads");
        assert_eq!(advisory.ratings.len(), 1);
        assert_eq!(advisory.links, ["https://a.example", "https://b.example"]);
        let [affected] = advisory.affected.as_slice() else { panic!("{advisory:?}") };
        assert_eq!(affected.versions.listed, ["1.5", "2"]);
        assert_eq!(affected.versions.ranges[0].events, [Event::Introduced("0".into())]);
    }

    #[test]
    fn what_decides_and_is_wrong_is_refused_with_the_reason() {
        let package = json!({ "ecosystem": "npm", "name": "a" });
        let cases = [
            (json!([]), "it is no JSON object"),
            (json!({ "modified": "x" }), "it has no `id`, or one with odd characters"),
            (json!({ "id": "../../etc/passwd" }), "it has no `id`, or one with odd characters"),
            (record(&json!([1])), "an entry of `affected` is no object"),
            (record(&json!([{ "package": package, "ranges": [1] }])), "a range is no object"),
            (
                record(&json!([{ "package": package, "ranges": [{ "events": ["x"] }] }])),
                "an event of a range is no object",
            ),
            (
                record(&json!([{ "package": package, "ranges": [{ "events": [{ "fixed": {} }] }] }])),
                "a version in a range is no string",
            ),
            (
                record(&json!([{ "package": package, "ranges": [{ "events": [{ "mended": "1" }] }] }])),
                "a range has an event of an unknown kind",
            ),
            (record(&json!({ "package": package })), "`affected` is no list"),
            (record(&json!([{ "package": "npm" }])), "a `package` is no object"),
            (
                record(&json!([{ "package": { "ecosystem": ["npm"], "name": "a" } }])),
                "the `ecosystem` of a package is no string",
            ),
            (record(&json!([{ "package": package, "ranges": {} }])), "`ranges` is no list"),
            (record(&json!([{ "package": package, "ranges": [{ "events": {} }] }])), "`events` is no list"),
            (record(&json!([{ "package": package, "ranges": [{ "events": [] }] }])), "a range has no beginning"),
            (record(&json!([{ "package": package, "versions": "1.0" }])), "`versions` is no list"),
            (record(&json!([{ "package": package, "versions": [["1.0"]] }])), "a listed version is no string"),
            (json!({ "id": "TEST-1", "withdrawn": 0 }), "`withdrawn` is no time"),
        ];
        for (value, expected) in cases {
            assert_eq!(of_value(&value).expect_err("is refused"), expected);
        }
        let many = |key: &str, one: &str, count: usize| {
            let list = vec![one; count].join(",");
            let text = format!(
                r#"{{"id":"A-1","affected":[{{"package":{{"ecosystem":"npm","name":"a"}},"{key}":[{list}]}}]}}"#
            );
            parse(text.as_bytes()).map(|_| ())
        };
        let event = r#"{"events":[{"introduced":"0"}]}"#;
        let cases =
            [("ranges", event, EVENTS / 2, "more than 10000 ranges"), ("versions", "1", LISTED, "more than 100000")];
        for (key, one, most, expected) in cases {
            assert_eq!(many(key, one, most), Ok(()));
            assert!(many(key, one, most + 1).expect_err("is refused").contains(expected), "{key}");
        }
        assert!(parse(b"{").expect_err("is refused").starts_with("it is no JSON"));
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn facts_read_back_the_same() {
        let value = json!({
            "id": "ALSA-2026:1", "modified": "2026-01-02T03:04:05Z", "published": "2026-01-01T00:00:00Z",
            "related": ["CVE-2026-1"], "summary": "Important: nodejs:12 security update",
            "severity": [{ "type": "CVSS_V4", "score": "CVSS:4.0/…" }],
            "affected": [
                { "package": { "ecosystem": "AlmaLinux:8", "name": "nodejs" },
                  "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "1:12.1-1.module_el8+1" }] }],
                  "ecosystem_specific": { "urgency": "low", "affects": { "os": ["linux"], "arch": ["x86_64"] },
                                          "binaries": [{ "binary_name": "nodejs" }], "availability": "Ubuntu Pro" },
                  "database_specific": { "informational": "unsound" } },
                { "package": { "ecosystem": "AlmaLinux:8", "name": "other" }, "versions": ["1"] },
            ],
            "references": [{ "type": "ADVISORY", "url": "https://a.example" }],
        });
        let mut advisory = of_value(&value).expect("reads");
        assert_eq!(advisory.label.as_deref(), Some("Important"));
        assert_eq!(advisory.affected[0].versions.facts.module.as_deref(), Some("nodejs:12"));
        assert_eq!(advisory.affected[1].versions.facts.module, None);
        let again = of_value(&facts(&advisory)).expect("reads");
        advisory.summary.clear();
        assert_eq!(again, advisory);
    }
}

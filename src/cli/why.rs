//! `careen explain ID --in report.json`: why a report names a flaw, and which line of which policy decided.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::rejudge::LARGEST;
use crate::source::sbom;

/// Says why the JSON report in `file` has findings about `id`: a CVE, another id of the same flaw, a purl, a
/// fingerprint, or a rule by its id or one it has in another tool.
pub(super) fn explain(id: &str, file: &Path) -> Result<String> {
    let place = file.display().to_string();
    let wrong = |what: &str| {
        Error::new(ErrorKind::Usage, what.to_owned())
            .at(place.clone())
            .help("make one with `careen scan IMAGE -o json=report.json`")
    };
    let cannot = |error| Error::io("cannot read the report", error).at(place.clone());
    if std::fs::metadata(file).map_err(cannot)?.len() > LARGEST {
        return Err(wrong("the report is larger than 1 GiB"));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|_| wrong("this is no JSON report"))?;
    let reports: Vec<&Value> = match document.get("reports").and_then(Value::as_array) {
        Some(reports) => reports.iter().collect(),
        None => vec![&document],
    };
    if reports.iter().any(|report| report.get("schema").and_then(Value::as_str) != Some(crate::report::SCHEMA)) {
        return Err(wrong("this is no JSON report of careen"));
    }
    let rules: Vec<&str> =
        crate::scan::rules().into_iter().filter(|rule| rule.is_called(id)).map(|rule| rule.id).collect();
    let mut text = String::new();
    for report in &reports {
        let findings = list(report, "findings").iter().filter(|finding| is_about(finding, id, &rules));
        let findings: Vec<&Value> = findings.collect();
        let mut told = String::new();
        for finding in findings {
            let is_bill = report.pointer("/target/source").and_then(Value::as_str) == Some(sbom::ID);
            describe(finding, is_bill, &mut told);
        }
        ignored(report, id, &rules, &mut told);
        if !told.is_empty() && reports.len() > 1 {
            text += &format!("{}\n\n", heading(report));
        }
        text += &told;
    }
    if text.is_empty() {
        if let Some(near) = mistyped(id) {
            return Err(Error::new(ErrorKind::Usage, format!("there is no rule `{}`", escape(id)))
                .at(place.clone())
                .help(format!("did you mean `{near}`?")));
        }
        text = format!("no finding of the report is about {}\n", escape(id));
        for report in &reports {
            let mut told = String::new();
            not_judged(report, &mut told);
            beyond(report, &mut told);
            if !told.is_empty() && reports.len() > 1 {
                text += &format!("{}\n", heading(report));
            }
            text += &told;
        }
    }
    Ok(text)
}

/// The rule that is meant by what is called like one of its family and is none.
fn mistyped(id: &str) -> Option<&'static str> {
    let rules = crate::scan::rules();
    let (family, _) = id.split_once('/')?;
    let is_rule = rules.iter().any(|rule| rule.is_called(id)) || rules.iter().all(|rule| rule.family() != family);
    if is_rule { None } else { nearest(id, rules.into_iter().map(|rule| rule.id)) }
}

/// Digits that a fingerprint has at least, where it is not written whole.
const FEWEST_DIGITS: usize = 8;

/// Which of several images a report is about, and for which platform.
fn heading(report: &Value) -> String {
    let none = Value::Null;
    let target = report.get("target").unwrap_or(&none);
    let platform = Some(word(target, "platform")).filter(|platform| !platform.is_empty());
    format!("in {}{}", word(target, "reference"), platform.map(|platform| format!(", {platform}")).unwrap_or_default())
}

fn is_about(finding: &Value, id: &str, rules: &[&str]) -> bool {
    let is_it = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(id));
    let evidence = finding.get("evidence");
    let lists = ["ids", "fixed_by"].into_iter().filter_map(|key| evidence?.get(key)?.as_array());
    let is_rule = |value: &Value| value.as_str().is_some_and(|rule| rule == id || rules.contains(&rule));
    let is_begun = |value: &Value| {
        let is_short = id.len() >= FEWEST_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_short && value.as_str().is_some_and(|text| text.starts_with(&id.to_ascii_lowercase()))
    };
    finding.get("subject").is_some_and(is_it)
        || finding.get("id").is_some_and(|value| is_it(value) || is_begun(value))
        || finding.get("rule").is_some_and(is_rule)
        || lists.flatten().any(is_it)
        || (id.starts_with("pkg:")
            && finding.pointer("/location/purl").and_then(Value::as_str).is_some_and(|purl| purl.starts_with(id)))
}

/// Findings about `id` that the policy ignored, which the report lists with the rules that did.
fn ignored(report: &Value, id: &str, rules: &[&str], text: &mut String) {
    for rule in ignoring(report) {
        for finding in list(rule, "first").iter().filter(|finding| is_about(finding, id, rules)) {
            *text += &format!("{} {} is ignored\n", word(finding, "rule"), word(finding, "subject"));
            *text += &format!("  policy      ignore, by {}\n", by(rule));
            *text += &format!("  fingerprint {}\n\n", word(finding, "id"));
        }
    }
}

/// Rules that ignored more than the report lists: the finding may be among the rest.
fn beyond(report: &Value, text: &mut String) {
    for rule in ignoring(report) {
        let listed = list(rule, "first").len() as u64;
        let more = rule.get("findings").and_then(Value::as_u64).unwrap_or_default().saturating_sub(listed);
        if more > 0 {
            *text += &format!("  but {more} findings that the report does not list are ignored, by {}\n", by(rule));
        }
    }
}

fn ignoring(report: &Value) -> &[Value] {
    report.get("verdict").map_or(&[], |verdict| list(verdict, "ignored_by"))
}

/// The rule that decided, and where it is written.
fn by(rule: &Value) -> String {
    let place = Some(word(rule, "place")).filter(|place| !place.is_empty());
    word(rule, "rule") + &place.map(|place| format!(", {place}")).unwrap_or_default()
}

fn describe(finding: &Value, is_bill: bool, text: &mut String) {
    let none = Value::Null;
    let evidence = finding.get("evidence").unwrap_or(&none);
    *text += &format!("{}\n", word(finding, "message"));
    let mut line = |key: &str, value: String| {
        if !value.is_empty() {
            *text += &format!("  {key:<11} {value}\n");
        }
    };
    line(
        "rule",
        format!(
            "{}, severity {}, confidence {}",
            word(finding, "rule"),
            word(finding, "severity"),
            word(finding, "confidence")
        ),
    );
    line("also known", words(evidence, "ids"));
    let location = finding.get("location").unwrap_or(&none);
    let layer =
        location.get("layer").and_then(Value::as_u64).map(|layer| format!(", layer {layer}")).unwrap_or_default();
    let purl = Some(word(location, "purl")).filter(|purl| !purl.is_empty());
    line("package", purl.unwrap_or_else(|| word(evidence, "purl")));
    // a bill of materials need not say in which file and layer something is
    let place = Some(word(location, "path")).filter(|path| path != "config" && !(is_bill && path == "/"));
    line("in", place.map(|path| format!("{path}{}", if is_bill { "" } else { &layer })).unwrap_or_default());
    let compared = evidence.get("compared").unwrap_or(&none);
    line("compared", format!("{} {}", word(compared, "name"), word(compared, "version")).trim().to_owned());
    for found in list(evidence, "matches") {
        let because = match word(found, "because") {
            because if because == "listed" => "lists this very version".to_owned(),
            because => format!("affects versions {because}"),
        };
        line(
            "record",
            format!("{} ({}, {}) {because}", word(found, "id"), word(found, "feed"), word(found, "ecosystem")),
        );
    }
    line("fixed in", word(evidence, "fixed"));
    line("upgrade to", word(evidence, "upgrade"));
    line("fixed by", words(evidence, "fixed_by"));
    line("terms", word(evidence, "terms"));
    line("status", word(evidence, "status"));
    if let Some(rating) = evidence.get("rating") {
        line("rating", rated(rating));
    }
    if let Some(exploited) = evidence.get("exploited") {
        line("exploited", format!("listed by CISA on {}", word(exploited, "added")));
    }
    if let Some(epss) = evidence.get("epss") {
        let part = |key: &str| epss.get(key).and_then(Value::as_f64).unwrap_or_default();
        line("EPSS", format!("{:.5}, above {:.0} % of all", part("score"), part("percentile") * 100.0));
    }
    line("doubt", word(evidence, "doubt"));
    let by = word(finding, "decided_by");
    let by = if by == crate::policy::NO_RULE { by } else { format!("by {by}") };
    let at = Some(word(finding, "decided_at")).filter(|at| !at.is_empty());
    let at = at.map(|at| format!(", {at}")).unwrap_or_default();
    let is_waived = finding.get("waiver").is_some_and(Value::is_object);
    let waived = if is_waived { ", but accepted" } else { "" };
    line("policy", format!("{}{waived}, {by}{at}", word(finding, "action")));
    line("note", word(finding, "note"));
    if let Some(waiver) = finding.get("waiver").filter(|waiver| waiver.is_object()) {
        let until = Some(word(waiver, "expires")).filter(|day| !day.is_empty());
        let until = until.map(|day| format!(" until {day}")).unwrap_or_default();
        line("accepted", format!("{}{until} ({})", word(waiver, "reason"), word(waiver, "place")));
        line("owner", word(waiver, "owner"));
        line("ticket", word(waiver, "ticket"));
    }
    line("fingerprint", word(finding, "id"));
    for link in list(evidence, "links") {
        line("see", link.as_str().map(escape).unwrap_or_default());
    }
    *text += "\n";
}

/// `CVSS 3.1 9.8 CVSS:3.1/AV:N/…, says GHSA-1`, of which only the first word need be there.
fn rated(rating: &Value) -> String {
    let score = rating.get("score").and_then(Value::as_f64).map(|score| format!("{score:.1}")).unwrap_or_default();
    let parts = [word(rating, "said"), score, word(rating, "vector")];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let source = word(rating, "source");
    let source = if source.is_empty() { source } else { format!(", says {source}") };
    format!("{}{source}", parts.join(" "))
}

/// What the report could not judge: the flaw may be there all the same.
fn not_judged(report: &Value, text: &mut String) {
    let gaps = list(report, "findings").iter().filter(|finding| word(finding, "rule") == "data/no-advisories");
    for gap in gaps {
        *text += &format!("  but {}\n", word(gap, "message"));
    }
    let unmatched = report.pointer("/data/advisories/unmatched").and_then(Value::as_array).map_or(0, Vec::len);
    if unmatched > 0 {
        let (packages, they) =
            if unmatched == 1 { ("1 package".to_owned(), "its") } else { (format!("{unmatched} packages"), "their") };
        *text += &format!(
            "  but {packages} could not be compared with all advisories: {they} version, or one in a record, is not understood\n"
        );
    }
    if report.pointer("/data/advisories").is_none() {
        *text += "  but its packages were not compared with advisories\n";
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn word(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).map(escape).unwrap_or_default()
}

fn words(value: &Value, key: &str) -> String {
    let words: Vec<String> = list(value, key).iter().filter_map(Value::as_str).map(escape).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described(finding: &Value, is_bill: bool) -> Vec<String> {
        let mut text = String::new();
        describe(finding, is_bill, &mut text);
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn the_line_that_decided_and_the_waiver_are_told() {
        let finding = json!({
            "id": "0123456789abcdef0123456789abcdef", "rule": "image/root-user", "subject": "User", "action": "fail",
            "decided_by": "ours no root", "decided_at": "policy.toml:7", "note": "our clusters refuse it",
            "location": {"kind": "config", "path": "config", "key": "User"}, "evidence": {},
            "waiver": {"reason": "legacy", "expires": "2099-01-31", "place": "waivers.toml:3", "ticket": "OPS-1"},
        });
        let lines = described(&finding, false);
        for line in [
            "policy fail, but accepted, by ours no root, policy.toml:7",
            "note our clusters refuse it",
            "accepted legacy until 2099-01-31 (waivers.toml:3)",
            "ticket OPS-1",
            "fingerprint 0123456789abcdef0123456789abcdef",
        ] {
            assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
        }
        let rules = ["image/root-user"];
        for (id, rules, expected) in [
            ("0123456789ABCDEF0123456789abcdef", &[][..], true),
            ("image/root-user", &[], true),
            ("DL3002", &rules, true),
            ("DL3003", &[], false),
            ("user", &[], true),
            ("image/root", &[], false),
        ] {
            assert_eq!(is_about(&finding, id, rules), expected, "{id}");
        }
    }

    #[test]
    fn of_several_platforms_each_is_named() {
        let report = |platform: &str, more: Value| {
            let mut report = json!({
                "schema": crate::report::SCHEMA, "target": { "reference": "multi", "platform": platform },
                "findings": [{ "rule": "image/root-user", "action": "fail", "message": "starts as root" }],
            });
            if let (Some(report), Value::Object(more)) = (report.as_object_mut(), more) {
                report.extend(more);
            }
            report
        };
        let waived = json!({ "rule": "image/root-user", "action": "fail", "message": "starts as root",
            "waiver": { "reason": "legacy", "place": "w.toml:1" } });
        let ignored = json!({ "ignored_by": [{ "rule": "ours", "findings": 1, "first": [
            { "id": "0", "rule": "image/root-user", "subject": "User" }] }] });
        let reports = json!({ "reports": [
            report("linux/amd64", json!({})),
            report("linux/arm64", json!({ "findings": [waived] })),
            report("linux/s390x", json!({ "findings": [], "verdict": ignored })),
            report("linux/riscv64", json!({ "findings": [] })),
        ] });
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), reports.to_string()).expect("written");
        let told = explain("image/root-user", file.path()).expect("it is a report");
        let parts: Vec<&str> = told.split("in multi, ").skip(1).collect();
        let begin = |part: &str| part.lines().next().map(ToOwned::to_owned);
        let platforms: Vec<_> = parts.iter().filter_map(|part| begin(part)).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/s390x"], "{told}");
        assert!(!parts[0].contains("accepted") && parts[1].contains("fail, but accepted"), "{told}");
        assert!(parts[2].contains("image/root-user User is ignored"), "{told}");
    }

    #[test]
    fn ignored_findings_are_told_with_their_rule() {
        let report = json!({ "verdict": { "ignored_by": [{
            "rule": "ours tests", "place": "policy.toml:9", "findings": 3, "first": [
                { "id": "0123456789abcdef0123456789abcdef", "rule": "secret/private-key", "subject": "app/test/k.pem" },
            ],
        }] } });
        let told = |id: &str, rules: &[&str]| {
            let mut text = String::new();
            ignored(&report, id, rules, &mut text);
            text
        };
        for (id, rules) in [
            ("secret/private-key", &[][..]),
            ("app/test/k.pem", &[]),
            ("0123456789abcdef0123456789abcdef", &[]),
            ("x", &["secret/private-key"]),
        ] {
            let text = told(id, rules);
            assert!(text.contains("secret/private-key app/test/k.pem is ignored"), "{id}: {text}");
            assert!(text.contains("ignore, by ours tests, policy.toml:9"), "{id}: {text}");
        }
        assert_eq!(told("other", &[]), "");
        let mut text = String::new();
        beyond(&report, &mut text);
        assert_eq!(text, "  but 2 findings that the report does not list are ignored, by ours tests, policy.toml:9\n");
    }

    #[test]
    fn what_is_not_known_leaves_no_gap_in_a_sentence() {
        let finding = json!({
            "rule": "package/vulnerable", "action": "warn", "decided_by": "no rule matches",
            "location": {"kind": "package", "path": "/", "layer": 0, "purl": "pkg:npm/a@1"},
            "evidence": {"rating": {"said": "critical", "source": "GHSA-1"}},
        });
        let lines = described(&finding, true);
        for line in ["rating critical, says GHSA-1", "policy warn, no rule matches", "package pkg:npm/a@1"] {
            assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.starts_with("in ")), "{lines:#?}");
        assert!(described(&finding, false).contains(&"in /, layer 0".to_owned()));
        let rating = json!({"said": "CVSS 3.1", "score": 9.8, "vector": "CVSS:3.1/AV:N", "source": "CVE-1"});
        assert_eq!(rated(&rating), "CVSS 3.1 9.8 CVSS:3.1/AV:N, says CVE-1");
        assert_eq!(rated(&json!({"said": "not rated; taken for medium"})), "not rated; taken for medium");
    }

    #[test]
    fn what_is_nearly_written_is_understood() {
        assert_eq!(mistyped("image/rot-user"), Some("image/root-user"));
        for id in ["image/root-user", "CVE-2026-0001", "/app/key", "srv/x", "0123456789abcdef", "pkg:npm/a"] {
            assert_eq!(mistyped(id), None, "{id}");
        }
        let finding = json!({"id": "0123456789abcdef0123456789abcdef", "rule": "image/root-user", "subject": "User"});
        for (id, expected) in [("01234567", true), ("0123456789ABCDEF", true), ("0123456", false), ("12345678", false)]
        {
            assert_eq!(is_about(&finding, id, &[]), expected, "{id}");
        }
    }

    #[test]
    fn of_several_reports_each_gap_is_told_with_its_image() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("r.json");
        let report = |platform: &str| json!({"schema": crate::report::SCHEMA, "target": {"reference": "a", "platform": platform}, "findings": []});
        let reports = json!({"schema": "careen.reports/1", "reports": [report("linux/amd64"), report("linux/arm64")]});
        std::fs::write(&file, reports.to_string()).expect("written");
        let text = explain("CVE-2026-0001", &file).expect("in order");
        let gap = "  but its packages were not compared with advisories\n";
        let expected = format!("is about CVE-2026-0001\nin a, linux/amd64\n{gap}in a, linux/arm64\n{gap}");
        assert!(text.ends_with(&expected), "{text}");
        let error = explain("image/rot-user", &file).expect_err("there is none");
        assert_eq!(error.help.as_deref(), Some("did you mean `image/root-user`?"));
    }
}

//! `careen explain ID --in report.json`: why a report names a flaw.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

/// Largest report read, in bytes.
const LARGEST: u64 = 1 << 30;

/// Says why the JSON report in `file` has findings about `id`: a CVE, another id of the same flaw, or a purl.
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
    let mut text = String::new();
    for report in &reports {
        let findings = list(report, "findings").iter().filter(|finding| is_about(finding, id));
        let findings: Vec<&Value> = findings.collect();
        if !findings.is_empty() && reports.len() > 1 {
            let target = report.get("target").map(|target| word(target, "reference")).unwrap_or_default();
            text += &format!("in {target}\n\n");
        }
        for finding in findings {
            describe(finding, &mut text);
        }
    }
    if text.is_empty() {
        text = format!("no finding of the report is about {}\n", escape(id));
        for report in &reports {
            not_judged(report, &mut text);
        }
    }
    Ok(text)
}

fn is_about(finding: &Value, id: &str) -> bool {
    let is_it = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(id));
    let evidence = finding.get("evidence");
    let lists = ["ids", "fixed_by"].into_iter().filter_map(|key| evidence?.get(key)?.as_array());
    finding.get("subject").is_some_and(is_it)
        || lists.flatten().any(is_it)
        || (id.starts_with("pkg:")
            && finding.pointer("/location/purl").and_then(Value::as_str).is_some_and(|purl| purl.starts_with(id)))
}

fn describe(finding: &Value, text: &mut String) {
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
    line("package", word(location, "purl"));
    line("in", format!("{}{layer}", word(location, "path")));
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
    line("fixed by", words(evidence, "fixed_by"));
    line("terms", word(evidence, "terms"));
    line("status", word(evidence, "status"));
    if let Some(rating) = evidence.get("rating") {
        let score = rating.get("score").and_then(Value::as_f64).map(|score| format!(" {score:.1}")).unwrap_or_default();
        let source =
            Some(word(rating, "source")).filter(|source| !source.is_empty()).map(|source| format!(", says {source}"));
        line(
            "rating",
            format!("{}{score} {}{}", word(rating, "said"), word(rating, "vector"), source.unwrap_or_default()),
        );
    }
    if let Some(exploited) = evidence.get("exploited") {
        line("exploited", format!("listed by CISA on {}", word(exploited, "added")));
    }
    if let Some(epss) = evidence.get("epss") {
        let part = |key: &str| epss.get(key).and_then(Value::as_f64).unwrap_or_default();
        line("EPSS", format!("{:.5}, above {:.0} % of all", part("score"), part("percentile") * 100.0));
    }
    line("doubt", word(evidence, "doubt"));
    line("policy", format!("{}, by {}", word(finding, "action"), word(finding, "decided_by")));
    if let Some(waiver) = finding.get("waiver").filter(|waiver| waiver.is_object()) {
        line("accepted", format!("{} ({})", word(waiver, "reason"), word(waiver, "place")));
    }
    for link in list(evidence, "links") {
        line("see", link.as_str().map(escape).unwrap_or_default());
    }
    *text += "\n";
}

/// What the report could not judge: the flaw may be there all the same.
fn not_judged(report: &Value, text: &mut String) {
    let gaps = list(report, "findings").iter().filter(|finding| word(finding, "rule") == "data/no-advisories");
    for gap in gaps {
        *text += &format!("  but {}\n", word(gap, "message"));
    }
    let unmatched = report.pointer("/data/advisories/unmatched").and_then(Value::as_array).map_or(0, Vec::len);
    if unmatched > 0 {
        *text += &format!("  but of {unmatched} packages the version was not understood\n");
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

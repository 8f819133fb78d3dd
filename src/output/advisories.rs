//! What packages were compared with, and what could not be: the lines on the data behind the findings.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use super::page::Page;
use super::{Style, clean, count};
use crate::report::Report;

/// Characters of a version that the reason names at most.
const CUT: usize = 80;

/// The sources with their age, what was left to others, and what was not understood.
pub(super) fn advisories(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let Some(data) = report.data.get("advisories") else { return Ok(()) };
    let parts: Vec<String> = list(data, "sources").iter().map(source).collect();
    if parts.is_empty() {
        page.line("advisories: none")?;
    } else {
        let first = parts.first().map(|part| format!("advisories: {part}"));
        page.list(&first.into_iter().chain(parts.into_iter().skip(1)).collect::<Vec<_>>(), ", ", 2)?;
    }
    if let Some(note) = data.get("note").and_then(Value::as_str) {
        page.paragraph(&clean(note), 2)?;
    }
    let left = not_judged(data);
    if !left.is_empty() {
        page.paragraph(&format!("not compared: {}", left.join("; ")), 2)?;
    }
    let unmatched = list(data, "unmatched");
    if !unmatched.is_empty() {
        page.paragraph(&not_understood(unmatched, report, style), 2)?;
        if style.verbose {
            for one in unmatched {
                page.paragraph(&format!("{}: {}", text(one, "purl"), text(one, "reason")), 4)?;
            }
        }
    }
    Ok(())
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).map(clean).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `Debian (osv, 3 days old, newest record 2026-11-18)`.
fn source(source: &Value) -> String {
    let age = match source.get("age_days").and_then(Value::as_i64) {
        Some(..=0) => ", of today".to_owned(),
        Some(1) => ", 1 day old".to_owned(),
        Some(days) => format!(", {days} days old"),
        None => String::new(),
    };
    let newest: String = text(source, "newest").chars().take("2026-11-18".len()).collect();
    let newest = if newest.is_empty() { newest } else { format!(", newest record {newest}") };
    let coverage = match text(source, "coverage").as_str() {
        "fixes-only" => ", tells only of what is fixed",
        _ => "",
    };
    let embedded = if text(source, "source") == "embedded" { ", embedded" } else { "" };
    format!("{} ({}{embedded}{age}{newest}{coverage})", text(source, "family"), text(source, "feed"))
}

/// Packages that no advisory was held against, by reason.
fn not_judged(data: &Value) -> Vec<String> {
    let number = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let mut parts = Vec::new();
    let kinds = data.get("without_feed").and_then(Value::as_object).into_iter().flatten();
    let kinds: Vec<(String, usize)> = kinds.map(|(kind, count)| (clean(kind), number(count))).collect();
    if !kinds.is_empty() {
        let all = kinds.iter().map(|(_, count)| count).sum();
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        parts.push(format!("{} of kinds that no feed is about ({})", count(all, "package"), kinds.join(", ")));
    }
    let reasons = [
        ("foreign", "that somebody else than the distribution made"),
        ("left_to_distribution", "that packages of the distribution own, judged as parts of these"),
        ("without_kernel", "of a kernel, which a container does not run"),
    ];
    for (key, reason) in reasons {
        let packages = data.get(key).map_or(0, number);
        if packages > 0 {
            parts.push(format!("{} {reason}", count(packages, "package")));
        }
    }
    parts
}

/// Whether the version of the package is not understood, or one that a record names.
fn is_own_version(reason: &str, versions: &[&str]) -> bool {
    versions.iter().any(|version| {
        let cut: String = version.chars().take(CUT).collect();
        reason.starts_with(&format!("`{}", clean(&cut)))
    })
}

/// How many packages have a version that is not understood, and of how many a version in a record is not.
fn not_understood(unmatched: &[Value], report: &Report, style: &Style) -> String {
    let versions = versions(report);
    let of = |one: &&Value| versions.get(text(one, "purl").as_str()).map_or(&[][..], Vec::as_slice);
    let own = unmatched.iter().filter(|one| is_own_version(&text(one, "reason"), of(one))).count();
    let of_records = unmatched.len() - own;
    let mut parts = Vec::new();
    if own > 0 {
        parts.push(format!("the version of {own} is not understood"));
    }
    if of_records > 0 {
        parts.push(format!("for {of_records} a version in a record is not understood"));
    }
    let hint = if style.verbose { "" } else { ", shown with -v" };
    let packages = count(unmatched.len(), "package");
    format!("{packages} could not be compared with all advisories: {}{hint}", parts.join("; "))
}

/// The versions that packages are compared by, their own and that of their source, by purl.
fn versions(report: &Report) -> BTreeMap<String, Vec<&str>> {
    let of = |package: &'_ crate::inventory::Package| clean(&package.purl);
    let mut versions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for package in &report.packages {
        let source = package.source.as_ref().map(|(_, version)| version.as_str());
        versions.entry(of(package)).or_default().extend(source.into_iter().chain([package.version.as_str()]));
    }
    versions
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample;
    use super::*;

    #[test]
    fn what_was_compared_and_what_was_not_is_told() {
        let mut report = sample::report();
        report.packages[1].version = "six?".into();
        report.data.insert(
            "advisories",
            json!({
                "sources": [
                    {"feed": "osv", "family": "Debian", "source": "x", "age_days": 3, "newest": "2026-11-18T01:02:03Z"},
                    {"feed": "osv", "family": "Alpine", "coverage": "fixes-only", "source": "embedded"},
                ],
                "without_feed": {"conan": 2, "opkg": 1}, "foreign": 1, "left_to_distribution": 4, "without_kernel": 2,
                "unmatched": [
                    {"purl": "pkg:pypi/six@1.16.0", "reason": "`six?` is no version of pep440: it is odd"},
                    {"purl": "pkg:pypi/other@1", "reason": "`zzz` is no version of pep440: it is odd"},
                ],
            }),
        );
        let mut out = Vec::new();
        let mut page = Page { out: &mut out, width: 300, colour: false };
        advisories(&report, &sample::style(), &mut page).expect("memory can be written");
        let text = String::from_utf8(out).expect("UTF-8");
        let expected = [
            "advisories: Debian (osv, 3 days old, newest record 2026-11-18), Alpine (osv, embedded, tells only of what \
             is fixed)",
            "  not compared: 3 packages of kinds that no feed is about (2 conan, 1 opkg); 1 package that somebody else \
             than the distribution made; 4 packages that packages of the distribution own, judged as parts of these; \
             2 packages of a kernel, which a container does not run",
            "  2 packages could not be compared with all advisories: the version of 1 is not understood; for 1 a \
             version in a record is not understood, shown with -v",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}

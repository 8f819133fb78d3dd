//! Policies in Rego: asked for what they say of a report, once everything else has judged.
//!
//! A scan, a lint, a report that is read back and a case of `[[test]]` are all shown to them as the JSON report.

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Finding, Location};
use crate::limit::Limits;
use crate::output::FORMATS;
use crate::policy::rego::RegoPolicy;
use crate::policy::{Action, IN_REGO, ImageFacts, Judged, PackageFacts, PolicySet, Verdict};
use crate::rejudge::{Record, Reread};
use crate::report::{Report, ReportedLayer, TargetSummary};
use crate::size::ByteSize;
use crate::time::Date;

use super::term;

/// The limits of a scan that these policies judge: they must see all findings.
pub(super) fn limits(set: &PolicySet, limits: Limits) -> Limits {
    if set.in_rego().is_empty() { limits } else { Limits { findings_per_rule: usize::MAX, ..limits } }
}

/// Lets `policies` judge a report: what they say of a finding decides, what they say of none is a finding of its own.
pub(super) fn judge(report: &mut Report, set: &PolicySet) -> Result<()> {
    if set.in_rego().is_empty() {
        return Ok(());
    }
    let before = set.judge_again(&mut report.findings, &report.limitations);
    // what the scan adds to the reason holds still
    let more = report.verdict.reason.strip_prefix(&before.reason).unwrap_or_default().to_owned();
    let document = document(report)?;
    apply(set, &document, &mut report.findings)?;
    let ignored = report.findings.iter().filter(|judged| judged.action == Action::Ignore).count();
    let mut ignored_by = std::mem::take(&mut report.verdict.ignored_by);
    ignored_by.extend(set.judge_again(&mut report.findings, &report.limitations).ignored_by);
    report.findings.retain(|judged| judged.action != Action::Ignore);
    let ignored = report.verdict.ignored.saturating_add(ignored);
    let verdict = set.judge_again(&mut report.findings, &report.limitations);
    let reason = verdict.reason.clone() + &more;
    report.verdict = Verdict { ignored, reason, ignored_by, ..verdict };
    Ok(())
}

/// Judges a record as a scan on that day would, policies in Rego last.
pub(super) fn judge_record(record: &Record, set: &PolicySet, today: Date) -> Result<(Vec<Judged>, Verdict)> {
    let (judged, verdict) = record.judge(set, today)?;
    if set.in_rego().is_empty() {
        return Ok((judged, verdict));
    }
    // a report does not have them
    let (ignored, findings): (Vec<Judged>, Vec<Judged>) =
        judged.into_iter().partition(|judged| judged.action == Action::Ignore);
    let mut report = of_record(record, findings, verdict);
    let mut document = document(&report)?;
    if let Some(whole) = &record.document {
        let Value::Object(judged) = document else { return Err(internal("the report is no object")) };
        document = whole.clone();
        for (key, value) in judged.into_iter().filter(|(key, _)| ["outcome", "verdict", "findings"].contains(&&**key)) {
            document[key] = value;
        }
    } else if let Some(image) = &record.image {
        document["packages"] = image.packages.iter().map(package).collect();
    }
    apply(set, &document, &mut report.findings)?;
    report.findings.extend(ignored);
    let verdict = set.judge_again(&mut report.findings, &record.limitations);
    Ok((report.findings, verdict))
}

/// Keeps the reports of a file as they stand there, where policies in Rego are to see them.
pub(super) fn keep_documents(set: &PolicySet, reports: &mut [Reread], bytes: &[u8]) -> Result<()> {
    if set.in_rego().is_empty() {
        return Ok(());
    }
    let whole: Value = serde_json::from_slice(bytes).map_err(|error| internal(&error.to_string()))?;
    let documents = match whole {
        Value::Object(mut object) if object.contains_key("reports") => match object.remove("reports") {
            Some(Value::Array(documents)) => documents,
            _ => Vec::new(),
        },
        whole => vec![whole],
    };
    for (report, document) in reports.iter_mut().zip(documents) {
        report.record.document = Some(document);
    }
    Ok(())
}

/// Lets the policies judge findings by a document that shows them.
fn apply(set: &PolicySet, document: &Value, findings: &mut Vec<Judged>) -> Result<()> {
    for policy in set.in_rego() {
        for verdict in policy.judge(document)? {
            let name = format!("{} {}", policy.name, verdict.rule);
            let Some(id) = &verdict.finding else {
                findings.push(of_its_own(policy, name, verdict.action, &verdict.message));
                continue;
            };
            let found = findings.iter_mut().find(|judged| judged.finding.fingerprint() == *id);
            let judged = found.ok_or_else(|| {
                let what = format!("`{name}` is about a finding `{}` that is not there", crate::escape::escape(id));
                Error::new(ErrorKind::Config, what).at(policy.name.clone())
            })?;
            judged.action = verdict.action;
            judged.decided_by = name;
            judged.decided_at = Some(policy.name.clone());
            judged.help = None;
            judged.note = Some(verdict.message).filter(|message| !message.is_empty());
        }
    }
    Ok(())
}

fn of_its_own(policy: &RegoPolicy, name: String, action: Action, message: &str) -> Judged {
    let message = crate::secret::mask_text(&crate::escape::escape(message));
    Judged {
        finding: Finding::new(&IN_REGO, name.clone(), Location::Image, message),
        action,
        decided_by: name,
        decided_at: Some(policy.name.clone()),
        note: None,
        help: None,
        waiver: None,
    }
}

/// The report as JSON.
fn document(report: &Report) -> Result<Value> {
    let json =
        FORMATS.iter().find(|format| format.id() == "json").ok_or_else(|| internal("there is no format `json`"))?;
    let mut bytes = Vec::new();
    json.render(std::slice::from_ref(report), &term::plain()(false), &mut bytes)
        .map_err(|error| internal(&error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| internal(&error.to_string()))
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what)
}

/// A report that shows what a record holds.
fn of_record(record: &Record, findings: Vec<Judged>, verdict: Verdict) -> Report {
    let nothing = ImageFacts::default();
    let image = record.image.as_ref().unwrap_or(&nothing);
    let layer =
        |(index, origin): (&u32, &_)| ReportedLayer { index: *index, origin: *origin, ..ReportedLayer::default() };
    Report {
        version: env!("CARGO_PKG_VERSION"),
        target: TargetSummary {
            reference: image.reference.clone(),
            source: "test",
            platform: image.platform.as_deref().and_then(|platform| platform.parse().ok()),
            digest: image.digest.as_deref().and_then(|digest| digest.parse().ok()),
            tags: image.tags.clone(),
            created: image.created,
            base: image.base.clone(),
            size: ByteSize(image.size.unwrap_or_default()),
            facts: record.image.as_ref().map(ImageFacts::settings),
            layers: record.origins.iter().map(layer).collect(),
            ..TargetSummary::default()
        },
        verdict,
        packages: Vec::new(),
        removed: Vec::new(),
        findings,
        limitations: record.limitations.clone(),
        data: std::collections::BTreeMap::new(),
        source_date: None,
    }
}

/// A package of a case, as a report shows it.
fn package(package: &PackageFacts) -> Value {
    let named = crate::package::named(&package.purl);
    let (name, version) = named.map(|named| (named.name, named.version)).unwrap_or_default();
    let mut shown = json!({
        "purl": package.purl, "name": name, "version": version, "type": package.ecosystem,
        "state": "installed", "counted": package.is_counted, "confidence": "high", "proof": "record", "locations": [],
    });
    if let Some(licence) = &package.licence {
        shown["licence"] = json!({ "declared": licence });
        if package.is_expression {
            shown["licence"]["expression"] = json!(licence);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Loader, Outcome};
    use crate::rejudge::{self, case};

    const GATE: &str = r#"package careen
deny contains {"msg": "no keys", "id": finding.id} if {
    some finding in input.findings
    finding.family == "secret"
    finding.origin == "app"
}
deny contains sprintf("%s may not be in images", [one.name]) if {
    some one in input.packages
    one.licence.expression == "AGPL-3.0-only"
}
warn contains "large" if input.target.size > 100
ignore contains finding.id if { some finding in input.findings; finding.rule == "base/floating-tag" }
deny contains "it was seen" if { some finding in input.findings; finding.rule == "image/setuid" }
"#;

    /// A folder with the policy above, one in TOML, and the tests given.
    fn folder(tests: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("gate.rego", GATE);
        write("policy.toml", "name = 'ours'\n[[rule]]\nmatch = { rule = 'image/setuid' }\naction = 'ignore'\n");
        write("policy_test.toml", &format!("policy = ['policy.toml', 'gate.rego']\n{tests}"));
        folder
    }

    fn test_case(findings: &str, expect: &str) -> String {
        format!("[[test]]\nname = 'x'\ntoday = 2026-06-15\n{findings}\nexpect = {{ {expect}, exact = true }}\n")
    }

    /// What of each case does not hold.
    fn differences(folder: &tempfile::TempDir) -> Vec<Vec<String>> {
        let known = crate::scan::rules();
        let loader = Loader { known: &known, colour: false, fetch: None, waivers: &[] };
        let cases = loader.cases(&folder.path().join("policy_test.toml").to_string_lossy()).expect("in order");
        let read = |name: &str| {
            let bytes = std::fs::read(folder.path().join(name)).expect("written");
            let mut reports = rejudge::read(name, &bytes, &known)?;
            keep_documents(&cases.set, &mut reports, &bytes)?;
            Ok(reports)
        };
        let judge = |record: &Record, today| judge_record(record, &cases.set, today);
        let today = "2026-06-15".parse().expect("a day");
        let wrong = |case| case::differences(case, today, &read, &judge).expect("judged");
        cases.cases.iter().map(wrong).collect()
    }

    #[test]
    fn cases_are_judged_by_policies_in_rego_too() {
        let key = "{ rule = 'secret/private-key', path = '/app/key', origin = 'app' }";
        let tests = [
            test_case(&format!("findings = [{key}]"), "outcome = 'failed', fail = 'secret/*'"),
            test_case(
                &format!("findings = [{}]", key.replace("'app' ", "'base' ")),
                "outcome = 'passed', warn = 'secret/*'",
            ),
            test_case("findings = [{ rule = 'base/floating-tag' }]", "outcome = 'passed', ignore = 'base/*'"),
            test_case("image = { size = 101 }", "outcome = 'passed', warn = 'policy/rego'"),
            test_case("image = { size = 100 }", "outcome = 'passed'"),
            test_case(
                "image = { packages = [{ purl = 'pkg:npm/left@1.0.0', licence = 'AGPL-3.0-only' }] }",
                "outcome = 'failed', fail = 'policy/rego'",
            ),
            test_case(
                "image = { packages = [{ purl = 'pkg:npm/left@1.0.0', licence = 'MIT' }, { purl = 'pkg:npm/b@1' }] }",
                "outcome = 'passed'",
            ),
            // what the others ignore it does not see
            test_case("findings = [{ rule = 'image/setuid' }]", "outcome = 'passed', ignore = 'image/setuid'"),
        ];
        for (at, wrong) in differences(&folder(&tests.concat())).iter().enumerate() {
            assert!(wrong.is_empty(), "{}: {wrong:?}", tests[at]);
        }
        let held = differences(&folder(&test_case(&format!("findings = [{key}]"), "outcome = 'passed'")));
        let told = held.concat().join("\n");
        assert!(told.contains("the outcome is failed") && told.contains("gate.rego deny"), "{told}");
    }

    #[test]
    fn reports_are_judged_again_as_they_stand() {
        let report = |platform: &str, size: u64| {
            json!({
                "schema": "careen.report/1", "careen": { "version": "0.1.0" }, "outcome": "passed",
                "target": { "reference": "shop/api:1.4", "source": "oci-dir", "platform": platform, "size": size,
                            "tags": [], "entries": 1, "layers": [{ "index": 0, "size": 1, "origin": "app" }] },
                "verdict": { "policies": [], "edition": "2026", "reason": "nothing breaks it", "failed": 0, "warned": 1,
                             "ignored": 0, "waived": 0, "rules": [] },
                "packages": [{ "purl": "pkg:npm/left@1.0.0", "name": "left", "version": "1.0.0", "type": "npm",
                               "licence": { "declared": "x", "expression": "AGPL-3.0-only" }, "locations": [] }],
                "findings": [{
                    "id": "0123456789abcdef0123456789abcdef", "rule": "secret/private-key", "family": "secret",
                    "severity": "high", "priority": 1, "confidence": "high", "title": "t", "message": "m",
                    "subject": "/app/key", "location": { "kind": "file", "path": "/app/key", "layer": 0 },
                    "origin": "app", "visibility": "live", "evidence": {}, "status": "open", "action": "warn",
                    "decided_by": "x", "fixable": false,
                }],
                "limitations": [], "data": {},
            })
        };
        let several =
            json!({ "schema": "careen.reports/1", "reports": [report("linux/amd64", 10), report("linux/arm64", 200)] });
        let case = |expect: &str| test_case("report = 'report.json'", expect);
        for (document, expect) in [
            (report("linux/amd64", 10), "outcome = 'failed', fail = ['secret/private-key', 'policy/rego']"),
            (
                several,
                "outcome = 'failed', fail = ['secret/private-key', 'policy/rego *deny'], warn = 'policy/rego *warn'",
            ),
        ] {
            let folder = folder(&case(expect));
            std::fs::write(folder.path().join("report.json"), document.to_string()).expect("written");
            assert_eq!(differences(&folder).concat(), Vec::<String>::new(), "{expect}");
        }
    }

    #[test]
    fn a_report_keeps_what_the_scan_said_and_counts_what_is_ignored() {
        let folder = folder("");
        let known = crate::scan::rules();
        let loader = Loader { known: &known, colour: false, fetch: None, waivers: &[] };
        let words = ["policy.toml", "gate.rego"].map(|name| folder.path().join(name).to_string_lossy().into_owned());
        let set = loader.load(&words).expect("in order");
        assert_eq!(limits(&set, Limits::default()).findings_per_rule, usize::MAX);
        let rule = |id: &str| known.iter().find(|rule| rule.id == id).copied().expect("a rule");
        let findings = vec![Finding::new(rule("base/floating-tag"), "image", Location::Image, "moves")];
        let record = Record { findings, ..Record::default() };
        let (findings, verdict) = record.judge(&set, "2026-06-15".parse().expect("a day")).expect("judged");
        let mut report = of_record(&record, findings, verdict);
        report.verdict.ignored = 2;
        report.verdict.reason += "; packages were not compared";
        judge(&mut report, &set).expect("judged");
        let Verdict { outcome, ignored, reason, .. } = &report.verdict;
        assert_eq!((*outcome, *ignored, report.findings.len()), (Outcome::Passed, 3, 0));
        assert!(reason.starts_with("nothing breaks") && reason.ends_with("; packages were not compared"), "{reason}");
        let checked = crate::policy::check(&words, &loader, "2026-06-15".parse().expect("a day")).expect("in order");
        assert_eq!((checked.len(), checked[1].rules, checked[1].notes.len()), (2, 3, 1));
    }
}

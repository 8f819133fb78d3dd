//! Policies tried without an image: reports that are read back, and the tests that policies hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use careen::policy::{DEFAULT_PRESET, PolicySet};
use careen::rejudge;
use serde_json::{Value, json};

use crate::support::image::{Built, Packing, Recipe};
use crate::support::layout::{INDEX, Layout};
use crate::support::raw::RawTar;
use crate::support::run::{Run, TODAY, command, rendered, run, scan_bytes};
use crate::support::token;

/// An image with secrets, one of them hidden, packages, an odd name, and what hygiene minds.
fn image() -> Vec<u8> {
    let key = format!("token = '{}'\n", token::github(3));
    let status = "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.11-1\n\n";
    let release = "ID=debian\nVERSION_ID=\"8\"\nPRETTY_NAME=\"Debian 8\"\n";
    let layers = [
        RawTar::default().file("etc/os-release", release).file("var/lib/dpkg/status", status).end(),
        RawTar::default().file("app/a.ini", key.as_str()).file("app/od\\d\n\u{1b}.ini", key.as_str()).end(),
        RawTar::default().file("app/.wh.a.ini", "").file("var/cache/apt/archives/a.deb", "x".repeat(5000)).end(),
    ];
    let recipe = Recipe { config: json!({"Env": [format!("TOKEN={}", token::github(4))]}), ..Recipe::default() };
    Built::new(&recipe, &layers).docker_archive()
}

fn report() -> String {
    rendered(&[scan_bytes(&image()).report()], "json", false)
}

#[test]
fn a_report_that_is_read_back_is_judged_as_the_scan_was() {
    let written = report();
    let value: Value = serde_json::from_str(&written).unwrap();
    let rules = careen::scan::rules();
    let [reread] = <[_; 1]>::try_from(rejudge::read("report.json", written.as_bytes(), &rules).unwrap()).unwrap();
    let set = PolicySet::load(&[DEFAULT_PRESET.to_owned()], &rules, false).unwrap();
    let (judged, verdict) = reread.record.judge(&set, TODAY.parse().unwrap()).unwrap();
    let line = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (text("id"), [text("rule"), text("action"), text("decided_by"), text("decided_at"), text("severity")])
    };
    let before: BTreeMap<String, [String; 5]> = value["findings"].as_array().unwrap().iter().map(line).collect();
    let after: BTreeMap<String, [String; 5]> = judged
        .iter()
        .map(|one| {
            let at = one.decided_at.clone().unwrap_or_default();
            let words = [one.finding.rule.id, one.action.as_str(), &one.decided_by, &at, one.finding.severity.as_str()];
            (one.finding.fingerprint(), words.map(ToOwned::to_owned))
        })
        .collect();
    assert!(before.len() > 6, "{before:?}");
    assert_eq!(before, after);
    assert_eq!(value["outcome"], verdict.outcome.as_str());
    for (key, count) in [
        ("failed", verdict.failed),
        ("warned", verdict.warned),
        ("waived", verdict.waived),
        ("ignored", verdict.ignored),
    ] {
        assert_eq!(value["verdict"][key], count, "{key}");
    }
    assert!(rejudge::changes(&reread.standings, &judged).is_empty());
    assert_eq!(reread.left_out, Vec::<String>::new());
    // paths are those of the image, whatever is in their names
    assert!(judged.iter().any(|one| format!("{:?}", one.finding.location).contains("od\\\\d\\n\\x1b.ini")));
    let both = format!("{{\"schema\": \"careen.reports/1\", \"reports\": [{written}, {written}]}}");
    assert_eq!(rejudge::read("report.json", both.as_bytes(), &rules).unwrap().len(), 2);
}

#[test]
fn what_an_edition_changed_is_undone_before_another_judges() {
    let rules = careen::scan::rules();
    let today = TODAY.parse().unwrap();
    let set = PolicySet::load(&[DEFAULT_PRESET.to_owned()], &rules, false).unwrap();
    let severity_of = |edition: &str| {
        let mut value: Value = serde_json::from_str(&report()).unwrap();
        let root =
            value["findings"].as_array_mut().unwrap().iter_mut().find(|one| one["rule"] == "image/root-user").unwrap();
        root["severity"] = json!("high");
        value["verdict"]["edition"] = json!(edition);
        let [reread] =
            <[_; 1]>::try_from(rejudge::read("report.json", value.to_string().as_bytes(), &rules).unwrap()).unwrap();
        let (judged, _) = reread.record.judge(&set, today).unwrap();
        judged.iter().find(|one| one.finding.rule.id == "image/root-user").unwrap().finding.severity.as_str()
    };
    assert_eq!((severity_of("next"), severity_of("2026")), ("medium", "high"));
}

#[test]
fn what_is_no_report_is_an_error_that_says_why() {
    let whole: Value = serde_json::from_str(&report()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut report = whole.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        report.to_string()
    };
    let cases = [
        ("{".to_owned(), "no JSON report"),
        ("[]".to_owned(), "no JSON report"),
        ("{}".to_owned(), "no `schema`"),
        (with("/schema", json!("careen.report/2")), "`careen.report/2` is no schema"),
        (with("/schema", json!("careen.baseline/1")), "is no schema"),
        (with("/outcome", json!("refused")), "could not be done"),
        (with("/findings/0/rule", json!("image/rot-user")), "`image/rot-user`, which this careen does not have"),
        (with("/findings/0/id", json!("12")), "`12` is no fingerprint"),
        (with("/findings/0/severity", json!("grave")), "no severity"),
        (with("/findings/0/evidence", json!({"x".repeat(65): 1})), "kind of evidence"),
        (with("/limitations", json!([{"code": "x".repeat(65), "incomplete": true}])), "kind of evidence"),
        (json!({"schema": "careen.reports/1", "reports": [{}]}).to_string(), "missing field"),
    ];
    let rules = careen::scan::rules();
    for (text, expected) in cases {
        let error = rejudge::read("report.json", text.as_bytes(), &rules).expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert_eq!(error.place.as_deref(), Some("report.json"));
    }
}

#[test]
fn what_a_report_leaves_out_is_told() {
    let mut value: Value = serde_json::from_str(&report()).unwrap();
    value["verdict"]["ignored"] = json!(2);
    value["limitations"] = json!([{
        "code": "findings-not-listed", "what": "3 more findings of `secret/x` were judged and counted, but are not listed",
        "place": "secret/x", "help": "", "incomplete": false,
    }]);
    value["target"].as_object_mut().unwrap().remove("facts");
    let rules = careen::scan::rules();
    let reread = rejudge::read("report.json", value.to_string().as_bytes(), &rules).unwrap();
    let told = reread[0].left_out.join("\n");
    for expected in ["2 findings that the policy", "3 more findings of `secret/x`", "how the image is set up"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

const POLICY: &str = r#"
name = "ours"
edition = "2026"

[[rule]]
name = "no root"
match = { rule = "image/root-user" }
action = "fail"

[[rule]]
name = "old flaws"
match = { rule = "package/*", severity = ">=high", fix-age = ">=14d", origin = "app" }
action = "fail"

[[rule]]
name = "test data"
match = { family = "secret", path = "/app/test/**" }
action = "ignore"

[limits]
size = "100 MB"

[[waiver]]
rule = "base/floating-tag"
reason = "moves on Monday"
expires = 2026-06-30
"#;

const TESTS: &str = r#"
policy = "policy.toml"

[[test]]
name = "root fails, and the base is waived"
today = 2026-06-15
findings = [{ rule = "image/root-user" }, { rule = "base/floating-tag" }]
expect = { outcome = "failed", fail = "image/root-user", waived = ["base/*"], exact = true }

[[test]]
name = "flaws of our own have 14 days, those of the base wait"
today = 2026-06-15
findings = [
  { rule = "package/vulnerable", severity = "high", ids = ["CVE-2026-0001", "GHSA-aaaa-bbbb-cccc"], fixable = true, published = 2026-05-01, purl = "pkg:npm/left@1.0.0", origin = "app" },
  { rule = "package/vulnerable", severity = "high", ids = ["CVE-2026-0002"], fixable = true, published = 2026-06-10, purl = "pkg:npm/left@1.0.0", origin = "app" },
  { rule = "package/vulnerable", severity = "high", ids = ["CVE-2026-0003"], fixable = true, published = 2026-05-01, purl = "pkg:npm/left@1.0.0", origin = "base" },
  { rule = "secret/github-pat", path = "/app/test/x" },
]
expect = { fail = "GHSA-aaaa-bbbb-cccc", warn = ["CVE-2026-0002", "package/vulnerable CVE-2026-0003"], ignore = "secret/* /app/test/*", exact = true }

[[test]]
name = "large images fail"
image = { size = "120 MB", user = "1000" }
expect = { outcome = "failed", fail = "policy/limit-exceeded" }

[[test]]
name = "the waiver ends"
today = 2026-07-01
findings = [{ rule = "base/floating-tag" }]
expect = { outcome = "passed", warn = ["base/floating-tag", "policy/waiver-expired"], exact = true }

[[test]]
name = "what was scanned"
report = "report.json"
today = 2026-03-01
expect = { outcome = "failed" }
"#;

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = command(arguments);
    command.current_dir(folder);
    run(command, &[])
}

fn tested(folder: &Path, file: &str) -> (i32, String, String) {
    let ran = run_in(folder, &["policy", "test", file]);
    (ran.code, ran.stdout, ran.stderr)
}

#[test]
fn tests_of_policies_hold_or_say_what_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("policy.toml", POLICY);
    write("policy_test.toml", TESTS);
    write("report.json", &report());
    let (code, stdout, stderr) = tested(folder.path(), "policy_test.toml");
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.ends_with("5 tests: all hold\n"), "{stdout}");

    // each of these is wrong in one way, and is told with the line of the policy that decided
    let case = |findings: &str, expect: &str| {
        format!(
            "policy = \"policy.toml\"\n[[test]]\nname = \"x\"\ntoday = 2026-06-15\nfindings = [{findings}]\nexpect = {{ {expect} }}\n"
        )
    };
    let root = "{ rule = \"image/root-user\" }";
    let cases = [
        (case(root, "outcome = \"passed\""), "the outcome is failed, not passed: 1 finding breaks `ours`"),
        (
            case(root, "warn = \"image/root-user\""),
            "image/root-user image is fail, not warn: ours no root (policy.toml:5)",
        ),
        (
            case(root, "outcome = \"failed\", exact = true"),
            "is fail, which is not expected: ours no root (policy.toml:5)",
        ),
        (case("", "fail = \"image/root-user\""), "`image/root-user` is to be fail, and there is no such finding"),
        (
            case("{ rule = \"base/floating-tag\" }", "warn = \"base/floating-tag\""),
            "base/floating-tag image is waived, not warn: the waiver in policy.toml:23",
        ),
    ];
    for (text, expected) in cases {
        write("wrong_test.toml", &text);
        let (code, stdout, stderr) = tested(folder.path(), "wrong_test.toml");
        assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
        assert!(stdout.contains(expected), "{expected}\n{stdout}");
        assert!(stdout.ends_with("1 test: 1 does not hold\n"), "{stdout}");
    }
}

#[test]
fn the_examples_hold_what_they_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples");
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (code, stdout, stderr) = tested(&folder, &name);
        assert_eq!((code, stderr.as_str()), (0, ""), "{name}: {stdout}");
    }
}

#[test]
fn cases_without_an_image_tell_waivers_that_nobody_needs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("policy.toml", POLICY);
    write(
        "policy_test.toml",
        "policy = \"policy.toml\"\n[[test]]\nname = \"x\"\ntoday = 2026-06-15\nfindings = []\n\
         expect = { info = \"policy/waiver-unused\" }\n\
         [[test]]\nname = \"the size is not known\"\ntoday = 2026-06-15\nimage = { platform = \"linux/amd64\" }\n\
         expect = { outcome = \"incomplete\", fail = \"policy/not-judged size\" }\n",
    );
    let (code, stdout, stderr) = tested(folder.path(), "policy_test.toml");
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
}

#[test]
fn files_of_tests_that_are_wrong_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("policy.toml", POLICY);
    write("empty_test.toml", "policy = \"policy.toml\"\n");
    let cases = [
        ("policy = \"policy.toml\"\n[[rule]]\nmatch = {}\naction = \"fail\"\n", "`rule` beside `policy`"),
        ("[[test]]\nname = \"x\"\nexpect = { outcome = \"failed\" }\n", "there is nothing to judge"),
        ("[[test]]\nname = \"x\"\nfindings = []\nexpect = {}\n", "an empty `expect`"),
        (
            "[[test]]\nname = \"x\"\nfindings = [{ rule = \"DL3002\" }]\nexpect = { outcome = \"failed\" }\n",
            "by the whole id",
        ),
        (
            "[[test]]\nname = \"x\"\nreport = \"a\"\nfindings = []\nexpect = { outcome = \"failed\" }\n",
            "beside `report`",
        ),
        (
            "[[test]]\nname = \"x\"\nfindings = [{ rule = \"image/root-user\", origin = \"app\" }]\nexpect = { outcome = \"failed\" }\n",
            "in no layer",
        ),
        ("[[test]]\nname = \"x\"\nreport = \"gone.json\"\nexpect = { outcome = \"failed\" }\n", "gone.json"),
        ("", "has no `[[test]]`"),
    ];
    for (text, expected) in cases {
        write("wrong_test.toml", text);
        let (code, stdout, stderr) = tested(folder.path(), "wrong_test.toml");
        assert_eq!(code, 2, "{expected}: {stdout}{stderr}");
        assert!(stderr.contains(expected), "{expected}\n{stderr}");
    }
    // such a file is no policy
    let ran = run_in(folder.path(), &["policy", "check", "empty_test.toml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("holds tests of policies"), "{}", ran.stderr);
}

#[test]
fn a_policy_is_tried_on_a_report_and_in_newer_editions() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("report.json", &report());
    write(
        "policy.toml",
        "name = \"ours\"\nedition = \"2026\"\n\n[[rule]]\nname = \"grave\"\nmatch = { severity = \">=high\", family = \"image\" }\naction = \"fail\"\n\n\
         [[rule]]\nname = \"taste\"\nmatch = { rule = \"image/no-healthcheck\" }\naction = \"warn\"\n",
    );
    let arguments = ["policy", "check", "policy.toml", "--report", "report.json", "--today", TODAY];
    let ran = run_in(folder.path(), &arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for expected in [
        "the report says: failed:",
        "the policy says: passed:",
        "fail → warn  secret/",
        "in edition \"next\": failed:",
        "warn → fail  image/root-user",
        "ours grave (policy.toml:4)",
        "`image/no-healthcheck` is off unless a policy names it",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}\n{}", ran.stdout);
    }
}

#[test]
fn a_waiver_that_one_platform_needs_is_not_unused_on_another() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let one: Value = serde_json::from_str(&report()).unwrap();
    let mut other = one.clone();
    other["target"]["platform"] = "linux/arm64".into();
    let roots = |finding: &Value| finding["rule"] == "image/root-user";
    other["findings"].as_array_mut().unwrap().retain(|finding| !roots(finding));
    assert!(one["findings"].as_array().unwrap().iter().any(roots));
    let both = serde_json::json!({ "schema": "careen.reports/1", "reports": [one, other] });
    write("report.json", &both.to_string());
    write("policy.toml", "[[waiver]]\nrule = \"image/root-user\"\nreason = \"r\"\nexpires = 2026-12-31\n");
    let ran =
        run_in(folder.path(), &["policy", "check", "policy.toml", "--report", "report.json", "--today", "2026-06-15"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("→ waived  image/root-user"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("policy/waiver-unused"), "{}", ran.stdout);
}

#[test]
fn platforms_have_one_verdict_and_share_waivers() {
    let mut layout = Layout::new();
    let platform = |layout: &mut Layout, architecture: &str, path: &str| {
        let text = format!("token = '{}'\n", token::github(3));
        let mut built = Built::of(&[RawTar::default().file(path, text).end()]);
        built.config = String::from_utf8(built.config).unwrap().replace("amd64", architecture).into_bytes();
        let mut descriptor = built.put_into(layout, Packing::Gzip);
        descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
        descriptor
    };
    let manifests = [platform(&mut layout, "amd64", "app/a.ini"), platform(&mut layout, "arm64", "app/b.ini")];
    let index = layout.put_json(INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}));
    layout.list(&[index]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image.tar"), layout.archive()).unwrap();
    let waiver = |path: &str| {
        format!(
            "[[waiver]]\nrule = \"secret/*\"\npath = \"{path}\"\nreason = \"made for tests\"\nexpires = 2099-01-31\n\n"
        )
    };
    let policy = format!("extends = \"careen:2026\"\n\n{}{}", waiver("/app/b.ini"), waiver("/app/c.ini"));
    fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let scan = |more: &[&str]| {
        let arguments = ["scan", "image.tar", "--platform", "all", "-p", "policy.toml", "--today", TODAY];
        run_in(folder.path(), &[&arguments, more].concat())
    };
    let ran = scan(&[]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let end = "\noverall failed: 1 of 2 platforms\n  failed      linux/amd64\n  passed      linux/arm64\n";
    assert!(ran.stdout.ends_with(end), "{}", ran.stdout);
    let reports: Value = serde_json::from_str(&scan(&["-f", "json"]).stdout).unwrap();
    assert_eq!((&reports["schema"], &reports["outcome"]), (&json!("careen.reports/1"), &json!("failed")));
    for report in reports["reports"].as_array().unwrap() {
        let unused = report["findings"].as_array().unwrap().iter();
        let unused: Vec<&str> = unused
            .filter(|finding| finding["rule"] == "policy/waiver-unused")
            .filter_map(|finding| finding["evidence"]["place"].as_str())
            .collect();
        assert_eq!(unused, ["policy.toml:9"], "the one that serves no platform");
    }
}

#[test]
fn a_finding_is_explained_by_the_line_that_decided() {
    let folder = tempfile::tempdir().unwrap();
    let text = report();
    fs::write(folder.path().join("report.json"), &text).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let secret = findings.iter().find(|finding| finding["family"] == "secret" && finding["action"] == "fail").unwrap();
    for id in [secret["id"].as_str().unwrap(), secret["rule"].as_str().unwrap(), "CIS-DI-0001"] {
        let ran = run_in(folder.path(), &["explain", id, "--in", "report.json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let (by, at) = (secret["decided_by"].as_str().unwrap(), secret["decided_at"].as_str().unwrap());
        let policy =
            if id.starts_with("CIS") { "warn, by careen:2026 ".to_owned() } else { format!("fail, by {by}, {at}") };
        assert!(ran.stdout.contains(&format!("policy      {policy}")), "{policy}\n{}", ran.stdout);
    }
}

//! Tables of policies, findings and what must come of them; and errors as people see them.

mod bases;
mod cases;
mod corners;
mod details;
mod edges;
mod files;
mod gates;
mod held;
mod keys;
mod shipped;
mod told;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::finding::{Location, Visibility};
use crate::inventory::Origin;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::time::Date;

static AWS: Rule = Rule { id: "secret/aws-access-key", severity: Severity::Critical, ..Rule::NEW };
static GUESS: Rule = Rule { id: "secret/generic", severity: Severity::High, confidence: Confidence::Low, ..Rule::NEW };
static ROOT: Rule = Rule { id: "image/root-user", also: &["CIS-DI-0001", "DL3002"], ..Rule::NEW };
static SETUID: Rule = Rule { id: "image/setuid", ..Rule::NEW };
static CACHE: Rule = Rule { id: "layer/package-cache", severity: Severity::Low, ..Rule::NEW };
static TAG: Rule = Rule { id: "base/floating-tag", severity: Severity::Low, ..Rule::NEW };
static DISTRO: Rule = Rule { id: "base/eol-distro", severity: Severity::High, ..Rule::NEW };
static WASTE: Rule = Rule { id: "layer/wasted-bytes", severity: Severity::Info, ..Rule::NEW };

static NO_DATA: Rule = Rule { id: "data/no-advisories", severity: Severity::High, is_gap: true, ..Rule::NEW };
static STALE: Rule = Rule { id: "data/stale", severity: Severity::Low, ..Rule::NEW };
static MALICIOUS: Rule = Rule { id: "package/malicious", severity: Severity::Critical, ..Rule::NEW };
static FLAW: Rule = Rule { id: "package/vulnerable", ..Rule::NEW };

static KNOWN: &[&Rule] =
    &[&DISTRO, &TAG, &NO_DATA, &STALE, &ROOT, &SETUID, &CACHE, &WASTE, &MALICIOUS, &FLAW, &AWS, &GUESS];

const TODAY: &str = "2026-06-15";

const LOADER: Loader<'static> = Loader { known: KNOWN, colour: false, fetch: None, waivers: &[] };

fn file(rule: &'static Rule, path: &str) -> Finding {
    let location = Location::File { path: ImagePath::from(path), layer: 2, lines: None };
    Finding::new(rule, path, location, "found")
}

fn image(rule: &'static Rule) -> Finding {
    Finding::new(rule, "image", Location::Image, "found")
}

fn config(rule: &'static Rule, key: &str) -> Finding {
    Finding::new(rule, key, Location::Config { key: key.into() }, "found")
}

fn parse(text: &str) -> Policy {
    match Policy::parse("policy.toml", text, KNOWN, false) {
        Ok(policy) => policy,
        Err(error) => panic!("{}", error.detail.unwrap_or(error.message)),
    }
}

fn evaluate(set: &PolicySet, findings: Vec<Finding>, limitations: &[Limitation]) -> (Vec<Judged>, Verdict) {
    let today: Date = TODAY.parse().expect("a date");
    let origin = |finding: &Finding| match &finding.location {
        Location::File { path, .. } if path.is_under(b"base") => Origin::Base,
        Location::File { .. } => Origin::App,
        _ => Origin::Unknown,
    };
    set.evaluate(findings, &EvaluateContext { limitations, today, origin: &origin, image: None }).expect("no condition")
}

/// Judges by these policies alone and shows each finding as `action rule subject`, waived ones with `waived`.
fn judged(policies: &[&str], findings: Vec<Finding>) -> (Vec<String>, Verdict) {
    let set = PolicySet::of(policies.iter().map(|text| parse(text)).collect()).expect("presets are in order");
    shown(&set, findings)
}

fn shown(set: &PolicySet, findings: Vec<Finding>) -> (Vec<String>, Verdict) {
    let (judged, verdict) = evaluate(set, findings, &[]);
    let line = |one: &Judged| {
        let waived = if one.waiver.is_some() { " waived" } else { "" };
        format!("{:?} {} {}{waived}", one.action, one.finding.rule.id, one.finding.subject).to_lowercase()
    };
    (judged.iter().map(line).collect(), verdict)
}

fn default_set() -> PolicySet {
    PolicySet::load(&[], KNOWN, false).expect("the preset is in order")
}

#[test]
fn what_could_not_be_judged_makes_a_scan_incomplete_and_never_clean() {
    let cases = [
        (vec![image(&NO_DATA)], Outcome::Incomplete),
        (vec![image(&NO_DATA), image(&STALE)], Outcome::Incomplete),
        (vec![image(&NO_DATA), image(&MALICIOUS)], Outcome::Failed),
        (vec![image(&STALE)], Outcome::Passed),
    ];
    for (findings, expected) in cases {
        let (shown, verdict) = shown(&default_set(), findings);
        assert_eq!(verdict.outcome, expected, "{shown:?} {}", verdict.reason);
    }
}

#[test]
fn flaws_fail_where_an_upgrade_mends_a_grave_one_or_somebody_exploits_it() {
    let flaw = |severity, is_fixable, is_exploited: bool, confidence| {
        let mut flaw = image(&FLAW);
        (flaw.severity, flaw.is_fixable, flaw.confidence) = (severity, is_fixable, confidence);
        if is_exploited {
            flaw.evidence.insert("exploited", serde_json::json!({ "added": "2026-01-01" }));
        }
        flaw
    };
    let cases = [
        (flaw(Severity::High, true, false, Confidence::High), Outcome::Failed),
        (flaw(Severity::Critical, false, false, Confidence::High), Outcome::Passed),
        (flaw(Severity::Medium, true, false, Confidence::High), Outcome::Passed),
        (flaw(Severity::Medium, false, true, Confidence::High), Outcome::Failed),
        (flaw(Severity::Critical, true, true, Confidence::Low), Outcome::Passed),
    ];
    for (flaw, expected) in cases {
        assert_eq!(shown(&default_set(), vec![flaw.clone()]).1.outcome, expected, "{flaw:?}");
        let accepted = Acceptance {
            status: "not_affected".into(),
            justification: Some("vulnerable_code_not_present".into()),
            reason: "it is not built in".into(),
            place: "vex.json".into(),
        };
        let (judged, verdict) = evaluate(&default_set(), vec![Finding { accepted: Some(accepted), ..flaw }], &[]);
        assert_eq!((verdict.outcome, verdict.waived), (Outcome::Passed, 1));
        assert_eq!(judged[0].waiver.as_ref().and_then(|waiver| waiver.status.as_deref()), Some("not_affected"));
    }
}

#[test]
fn presets_name_only_rules_that_exist() {
    let known = crate::scan::rules();
    for preset in presets() {
        Policy::parse("preset.toml", preset.text, &known, false)
            .unwrap_or_else(|error| panic!("{}: {}", preset.id, error.detail.unwrap_or_default()));
    }
}

#[test]
fn the_default_fails_on_sure_secrets_and_dead_distros_only() {
    let findings = vec![
        image(&ROOT),
        file(&CACHE, "var/cache"),
        image(&TAG),
        image(&DISTRO),
        file(&AWS, "app/.env"),
        file(&GUESS, "x"),
        // sure, but guarded by a passphrase
        Finding { severity: Severity::Low, ..file(&AWS, "sealed") },
        image(&WASTE),
    ];
    let (lines, verdict) = shown(&default_set(), findings);
    assert_eq!(
        lines,
        [
            "fail secret/aws-access-key app/.env",
            "fail base/eol-distro image",
            "warn secret/generic x",
            "warn image/root-user image",
            "warn base/floating-tag image",
            "warn layer/package-cache var/cache",
            "warn secret/aws-access-key sealed",
            "info layer/wasted-bytes image",
        ]
    );
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(verdict.reason, "2 findings break `careen:2026`: 1 `base/eol-distro`, 1 secret");
    assert_eq!((verdict.failed, verdict.warned, verdict.ignored, verdict.waived), (2, 5, 0, 0));
    assert_eq!(verdict.policies, ["careen:2026"]);
}

#[test]
fn other_presets() {
    let findings = || vec![image(&ROOT), image(&TAG), file(&GUESS, "x"), image(&WASTE), file(&AWS, "k")];
    for (preset, expected) in
        [("careen:strict", "fail fail fail warn info"), ("careen:report-only", "warn warn warn warn info")]
    {
        let set = PolicySet::load(&[preset.into()], KNOWN, false).expect("the preset is in order");
        let (judged, _) = evaluate(&set, findings(), &[]);
        let actions: Vec<String> = judged.iter().map(|one| format!("{:?}", one.action).to_lowercase()).collect();
        assert_eq!(actions.join(" "), expected, "{preset}");
    }
}

#[test]
fn the_last_rule_that_matches_decides() {
    let fail = "[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'\n";
    let ignore = "[[rule]]\nmatch = { path = '/test/**' }\naction = 'ignore'\n";
    let findings = || vec![file(&AWS, "test/key"), file(&AWS, "app/key")];
    let cases: &[(&[&str], [&str; 2])] = &[
        (
            &[&format!("{fail}{ignore}")],
            ["fail secret/aws-access-key app/key", "ignore secret/aws-access-key test/key"],
        ),
        (&[&format!("{ignore}{fail}")], ["fail secret/aws-access-key app/key", "fail secret/aws-access-key test/key"]),
        (&[fail, ignore], ["fail secret/aws-access-key app/key", "ignore secret/aws-access-key test/key"]),
        (&[ignore, fail], ["fail secret/aws-access-key app/key", "fail secret/aws-access-key test/key"]),
        (&[ignore], ["warn secret/aws-access-key app/key", "ignore secret/aws-access-key test/key"]),
        (
            &[&format!("extends = 'careen:2026'\n{ignore}")],
            ["fail secret/aws-access-key app/key", "ignore secret/aws-access-key test/key"],
        ),
        // a preset that a later file extends does not override an earlier file
        (
            &[ignore, "extends = 'careen:2026'"],
            ["fail secret/aws-access-key app/key", "ignore secret/aws-access-key test/key"],
        ),
    ];
    for (policies, expected) in cases {
        assert_eq!(judged(policies, findings()).0, expected, "{policies:?}");
    }
}

#[test]
fn conditions_select() {
    let secret = || file(&AWS, "app/.env");
    let mut hidden = secret();
    hidden.visibility = Visibility::Deleted;
    let mut cache = file(&CACHE, "var/cache/apt/x.deb");
    cache.is_fixable = true;
    let package = Finding::new(
        &ROOT,
        "openssl",
        Location::Package { purl: "pkg:deb/debian/openssl@3.0".into(), path: "var/lib/dpkg/status".into(), layer: 0 },
        "old",
    );
    let fingerprint = format!("fingerprint = '{}'", secret().fingerprint().to_uppercase());
    let cases: Vec<(&str, Finding, bool)> = vec![
        ("", secret(), true),
        ("rule = 'secret/aws-access-key'", secret(), true),
        ("rule = 'secret/*'", secret(), true),
        ("rule = ['image/*', 'secret/*']", secret(), true),
        ("rule = '*'", secret(), true),
        ("rule = 'image/*'", secret(), false),
        ("rule = 'cis-di-0001'", image(&ROOT), true),
        ("rule = 'DL3002'", secret(), false),
        ("family = ['image', 'layer']", cache.clone(), true),
        ("family = 'image'", cache.clone(), false),
        ("severity = '>=high'", secret(), true),
        ("severity = '<high'", secret(), false),
        ("severity = ['low', 'critical']", secret(), true),
        ("severity = 'high'", secret(), false),
        ("confidence = '>=medium'", file(&GUESS, "x"), false),
        ("confidence = 'low'", file(&GUESS, "x"), true),
        ("fixable = true", cache.clone(), true),
        ("fixable = false", cache.clone(), false),
        ("origin = 'base'", file(&AWS, "base/x"), true),
        ("origin = 'base'", secret(), false),
        ("origin = ['app', 'unknown']", secret(), true),
        ("visibility = ['deleted', 'overwritten']", hidden, true),
        ("visibility = 'live'", secret(), true),
        ("path = '/app/*'", secret(), true),
        ("path = 'app/'", secret(), true),
        ("path = '/app'", secret(), false),
        ("path = 'config'", config(&AWS, "Env.KEY"), true),
        ("path = '/var/**'", config(&AWS, "Env.KEY"), false),
        ("path = '**'", image(&ROOT), false),
        ("subject = 'Env.*'", config(&AWS, "Env.KEY"), true),
        ("purl = 'pkg:deb/*/openssl@*'", package.clone(), true),
        ("purl = 'pkg:npm/*'", package, false),
        ("purl = 'pkg:*'", secret(), false),
        (&fingerprint, secret(), true),
        (&fingerprint, file(&AWS, "other"), false),
        ("family = 'secret', path = '/etc/**'", secret(), false),
    ];
    for (conditions, finding, expected) in cases {
        let policy = format!("[[rule]]\nmatch = {{ {conditions} }}\naction = 'fail'\n");
        let (_, verdict) = judged(&[&policy], vec![finding]);
        assert_eq!(verdict.failed == 1, expected, "{conditions}");
    }
}

#[test]
fn info_is_gated_only_when_named() {
    for (conditions, expected) in [
        ("", Action::Info),
        ("severity = '<=critical'", Action::Info),
        ("rule = 'layer/*'", Action::Info),
        ("rule = 'layer/wasted-bytes'", Action::Fail),
        ("severity = '>=info'", Action::Fail),
        ("severity = 'info'", Action::Fail),
    ] {
        let policy = parse(&format!("[[rule]]\nmatch = {{ {conditions} }}\naction = 'fail'\n"));
        let set = PolicySet::of(vec![policy]).expect("no preset");
        assert_eq!(evaluate(&set, vec![image(&WASTE)], &[]).0[0].action, expected, "{conditions}");
    }
}

#[test]
fn fail_on_adds_to_the_policies() {
    let ignore = "extends = 'careen:2026'\n[[rule]]\nmatch = { path = '/test/**' }\naction = 'ignore'\n\
                  [[waiver]]\nrule = 'image/root-user'\nreason = 'x'\nexpires = 2026-01-01\n";
    let findings = || vec![file(&GUESS, "x"), file(&GUESS, "test/x"), image(&ROOT), file(&CACHE, "c"), image(&WASTE)];
    for (value, expected) in [
        ("critical", 0),
        ("high", 1),
        ("HIGH", 1),
        ("medium", 2),
        ("medium,secret", 1),
        ("low, image, layer", 2),
        ("low", 3),
        ("info", 4),
        ("medium,policy", 1),
    ] {
        let fail_on = FailOn::parse(value, KNOWN).expect(value);
        let set = PolicySet::of(vec![parse(ignore)]).expect("in order").with_fail_on(fail_on);
        let (_, verdict) = evaluate(&set, findings(), &[]);
        assert_eq!(verdict.failed, expected, "{value}: {}", verdict.reason);
    }
    let set = default_set().with_fail_on(FailOn::parse("high", KNOWN).expect("a severity"));
    let (judged, verdict) = evaluate(&set, vec![file(&GUESS, "x")], &[]);
    assert_eq!(judged[0].decided_by, "--fail-on high");
    assert_eq!(verdict.reason, "1 finding breaks `--fail-on high`: 1 secret");
    assert_eq!(verdict.policies, ["careen:2026", "--fail-on high"]);
}

#[test]
fn a_wrong_fail_on_is_a_wrong_command_line() {
    for (value, message, help) in [
        ("hihg", "`hihg` in `--fail-on` is no severity", "use one of info, low, medium, high, critical"),
        ("", "`` in `--fail-on` is no severity", "use one of info, low, medium, high, critical"),
        ("high,secrets", "`secrets` in `--fail-on` is no family of rules", "did you mean `secret`?"),
        (
            "high,x",
            "`x` in `--fail-on` is no family of rules",
            "use one of base, data, image, layer, package, policy, secret",
        ),
    ] {
        let error = FailOn::parse(value, KNOWN).expect_err(value);
        assert_eq!(
            (error.kind, error.message.as_str(), error.help.as_deref()),
            (ErrorKind::Usage, message, Some(help))
        );
    }
}

fn waiver(fields: &str) -> String {
    format!("extends = 'careen:2026'\n[[waiver]]\nreason = 'known'\n{fields}\n")
}

#[test]
fn waivers_accept() {
    let until = "expires = '2026-12-31'";
    let cases: &[(&str, &[&str])] = &[
        (
            "rule = 'secret/aws-access-key'",
            &["fail secret/aws-access-key app/key waived", "warn image/root-user image"],
        ),
        (
            "rule = 'secret/*'\npath = '/app/**'\norigin = 'app'",
            &["fail secret/aws-access-key app/key waived", "warn image/root-user image"],
        ),
        ("rule = 'CIS-DI-0001'", &["fail secret/aws-access-key app/key", "warn image/root-user image waived"]),
        (
            "rule = 'secret/*'\npath = '/other/**'",
            &[
                "fail secret/aws-access-key app/key",
                "warn image/root-user image",
                "info policy/waiver-unused secret/* /other/**",
            ],
        ),
        (
            "rule = 'secret/*'\nfingerprint = '00000000000000000000000000000000'",
            &[
                "fail secret/aws-access-key app/key",
                "warn image/root-user image",
                "info policy/waiver-unused secret/* 00000000000000000000000000000000",
            ],
        ),
    ];
    for (fields, expected) in cases {
        let policy = waiver(&format!("{fields}\n{until}"));
        let (lines, verdict) = judged(&[&policy], vec![image(&ROOT), file(&AWS, "app/key")]);
        assert_eq!(lines, *expected, "{fields}");
        assert_eq!(verdict.waived, lines.iter().filter(|line| line.ends_with("waived")).count());
    }
}

#[test]
fn a_waiver_holds_until_the_end_of_its_day() {
    for (expires, waived, said) in [
        ("2026-06-15", 1, "nothing breaks `careen:2026`; 1 waived"),
        ("'2026-06-14'", 0, "1 finding breaks `careen:2026`: 1 secret"),
    ] {
        let policy =
            waiver(&format!("rule = 'secret/aws-access-key'\nexpires = {expires}\nowner = 'team a'\nticket = 'T-1'"));
        let set = PolicySet::of(vec![parse(&policy)]).expect("in order");
        let (judged, verdict) = evaluate(&set, vec![file(&AWS, "app/key")], &[]);
        assert_eq!((verdict.waived, verdict.reason.as_str()), (waived, said), "{expires}");
        match judged.as_slice() {
            [only, soon] if soon.finding.rule.id == "policy/waiver-expires-soon" => {
                let applied = only.waiver.clone().expect("waived");
                assert_eq!(applied.place, "policy.toml:2");
                assert_eq!((applied.owner.as_deref(), applied.ticket.as_deref()), (Some("team a"), Some("T-1")));
            }
            [_, reminder] => {
                assert_eq!((reminder.finding.rule, reminder.action), (&WAIVER_EXPIRED, Action::Warn));
                assert_eq!(
                    reminder.finding.message,
                    "the waiver in `policy.toml:2` expired on 2026-06-14, so 1 finding counts again"
                );
            }
            more => panic!("{more:?}"),
        }
    }
}

#[test]
fn ignored_findings_need_no_waiver() {
    let policy = "[[rule]]\nmatch = {}\naction = 'ignore'\n[[waiver]]\nrule = 'CIS-DI-0001'\nreason = 'x'\nexpires = 2030-01-01\n";
    let (lines, verdict) = judged(&[policy], vec![image(&ROOT)]);
    assert_eq!(lines, ["ignore image/root-user image", "ignore policy/waiver-unused cis-di-0001"]);
    assert_eq!((verdict.ignored, verdict.waived), (2, 0));
}

#[test]
fn a_file_of_waivers_leaves_the_default_in_force() {
    let waivers = "[[waiver]]\nrule = 'image/*'\nreason = 'x'\nexpires = 2030-01-01\n";
    let (_, verdict) = judged(&[waivers], vec![image(&ROOT), file(&AWS, "k")]);
    assert_eq!(verdict.reason, "1 finding breaks `careen:2026`: 1 secret");
    assert_eq!(verdict.policies, ["careen:2026", "policy.toml"]);
}

#[test]
fn a_gap_is_incomplete_unless_something_fails() {
    let gaps = [
        Limitation::gap("layer-truncated", "layer 2", "ends early"),
        Limitation::gap("file-too-large", "/a", "too large"),
        Limitation::note("archive-trailing", "", "bytes after the end"),
    ];
    for (findings, limitations, outcome, reason) in [
        (vec![], &gaps[2..], Outcome::Passed, "nothing breaks `careen:2026`"),
        (
            vec![image(&ROOT)],
            &gaps[..1],
            Outcome::Incomplete,
            "1 part of the image was not read (`layer-truncated`); nothing in the rest breaks `careen:2026`",
        ),
        (
            vec![image(&ROOT)],
            &gaps[..],
            Outcome::Incomplete,
            "2 parts of the image were not read (`file-too-large`, `layer-truncated`); nothing in the rest breaks \
             `careen:2026`",
        ),
        (
            vec![image(&DISTRO)],
            &gaps[..],
            Outcome::Failed,
            "1 finding breaks `careen:2026`: 1 `base/eol-distro`; 2 parts of the image were not read",
        ),
        (vec![image(&ROOT)], &[], Outcome::Passed, "nothing breaks `careen:2026`; 1 warning"),
    ] {
        let (_, verdict) = evaluate(&default_set(), findings, limitations);
        assert_eq!((verdict.outcome, verdict.reason.as_str()), (outcome, reason));
    }
}

#[test]
fn the_reason_names_the_largest_groups_and_who_decided() {
    let policies = [
        "name = 'house rules'\n[[rule]]\nname = 'all'\nmatch = {}\naction = 'fail'\nmessage = '''we  do\nnot'''\nhelp = 'ask us'",
        "[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'",
    ];
    let findings = vec![
        file(&AWS, "b"),
        file(&AWS, "a"),
        file(&GUESS, "a"),
        image(&ROOT),
        image(&TAG),
        image(&DISTRO),
        file(&CACHE, "y"),
        file(&CACHE, "x"),
    ];
    let set = PolicySet::of(policies.iter().map(|text| parse(text)).collect()).expect("in order");
    let (judged, verdict) = evaluate(&set, findings.clone(), &[]);
    assert_eq!(
        verdict.reason,
        "8 findings break `house rules` and `policy.toml`: 3 secrets, 2 `layer/package-cache`, 1 `base/eol-distro`, 2 more"
    );
    assert_eq!(judged[0].decided_by, "policy.toml line 1");
    let root = judged.iter().find(|one| one.finding.rule == &ROOT).expect("judged");
    assert_eq!((root.decided_by.as_str(), root.note.as_deref()), ("house rules all", Some("we do not; ask us")));
    // whatever the order in, the order out is the same
    let backwards = findings.into_iter().rev().collect();
    assert_eq!(evaluate(&set, backwards, &[]).0, judged);
}

#[test]
fn check_sums_up_and_notes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    let today = TODAY.parse().expect("a date");
    let word = path.to_string_lossy().into_owned();
    for (text, notes) in [
        ("extends = 'careen:2026'", vec![]),
        (
            "scope = 'app'",
            vec![
                "it has neither rules nor demands of images, so `careen:2026` judges too".to_owned(),
                format!("`scope = \"app\"` in `{word}:1` lets through what `careen:2026` fails on in layers of the base"),
            ],
        ),
        (
            "[limits]\nlayers = 9",
            vec![
                "`careen:2026` does not judge beside it: of what that preset fails on, only that fails of which the file \
                 says so; `extends = \"careen:2026\"` adds the rest"
                    .to_owned(),
            ],
        ),
        (
            "[[rule]]\nmatch = {}\naction = 'warn'",
            vec![
                "none of its rules fails; add `extends = \"careen:2026\"` to keep what that preset fails on".to_owned(),
            ],
        ),
        (
            "[[waiver]]\nrule = 'DL3002'\nreason = 'x'\nexpires = 2026-06-14",
            vec![
                "it has neither rules nor demands of images, so `careen:2026` judges too".to_owned(),
                format!("the waiver in `{word}:1` expired on 2026-06-14"),
            ],
        ),
    ] {
        std::fs::write(&path, text).expect("written");
        let summaries = check(std::slice::from_ref(&word), &LOADER, today).expect("in order");
        assert_eq!(summaries[0].notes, notes);
    }
    let presets: Vec<String> = presets().iter().map(|preset| preset.id.into()).collect();
    assert_eq!(check(&presets, &LOADER, today).expect("in order").len(), presets.len());
}

#[test]
fn a_scope_leaves_out_what_is_of_the_base() {
    const FAIL: &str = "[[rule]]\nmatch = {}\naction = 'fail'\n";
    const IGNORE: &str = "[[rule]]\nmatch = {}\naction = 'ignore'\n";
    let findings = || vec![file(&AWS, "base/x"), file(&AWS, "app/x"), config(&AWS, "Env.KEY")];
    // what is of the base, the user's own, and in no layer
    let cases: &[(&[String], [Action; 3])] = &[
        (&[FAIL.into()], [Action::Fail; 3]),
        (&[format!("scope = 'app'\n{FAIL}")], [Action::Info, Action::Fail, Action::Fail]),
        (&[format!("scope = 'all'\n{FAIL}")], [Action::Fail; 3]),
        (&[format!("scope = 'app'\n{FAIL}"), "scope = 'all'\n".into()], [Action::Fail; 3]),
        (&[FAIL.into(), "scope = 'app'\n".into()], [Action::Info, Action::Fail, Action::Fail]),
        (&[format!("scope = 'app'\n{IGNORE}")], [Action::Ignore; 3]),
    ];
    for (policies, expected) in cases {
        let set = PolicySet::of(policies.iter().map(|text| parse(text)).collect()).expect("presets are in order");
        let (judged, _) = evaluate(&set, findings(), &[]);
        let of = |place: &str| {
            let is_it = |judged: &&Judged| format!("{:?}", judged.finding.location).contains(place);
            judged.iter().find(is_it).map(|judged| judged.action)
        };
        assert_eq!(["base/x", "app/x", "Env.KEY"].map(of), expected.map(Some), "{policies:?}");
    }
}

#[test]
fn what_is_off_stays_out_unless_a_policy_names_it() {
    static OFF: Rule = Rule { id: "image/no-example", is_opt_in: true, also: &["EX-1"], ..Rule::NEW };
    static RULES: &[&Rule] = &[&OFF, &ROOT];
    let shown = |text: &str| {
        let policy = Policy::parse("policy.toml", text, RULES, false).expect("it parses");
        let (judged, verdict) = evaluate(&PolicySet::of(vec![policy]).expect("one"), vec![config(&OFF, "x")], &[]);
        (judged.len(), verdict.ignored, verdict.failed)
    };
    let rule =
        |condition: &str| format!("edition = \"2026\"\n[[rule]]\nmatch = {{ {condition} }}\naction = \"fail\"\n");
    assert_eq!(shown("edition = \"2026\"\n"), (0, 0, 0));
    assert_eq!(shown(&rule("family = \"image\"")), (0, 0, 0));
    assert_eq!(shown(&rule("rule = \"image/*\"")), (0, 0, 0));
    assert_eq!(shown(&rule("rule = \"image/no-example\"")), (1, 0, 1));
    assert_eq!(shown(&rule("rule = \"EX-1\"")), (1, 0, 1));
    let waived =
        "edition = \"2026\"\n[[waiver]]\nrule = \"image/no-example\"\nreason = \"known\"\nexpires = 2026-09-01\n";
    assert_eq!(shown(waived), (1, 0, 0), "such a waiver is told as unused");
}

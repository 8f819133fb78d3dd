//! Corners: what pages and reports show of policies, how selectors are written, what is off, words of flaws.

use super::super::file::schema::{markdown, schema, tables};
use super::*;

#[test]
fn the_pages_are_what_the_keys_say() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CAREEN_UPDATE").is_some() {
        return;
    }
    let page = std::fs::read_to_string(root.join("docs/policy.md")).expect("the page");
    for table in tables() {
        let part = format!("made from src/policy -->\n{}<!-- end of", markdown(table));
        assert!(page.contains(&part), "docs/policy.md is old: {}", table.name);
    }
    let text = std::fs::read_to_string(root.join("docs/formats/policy.schema.json")).expect("the schema");
    let made = serde_json::to_string_pretty(&schema(&crate::scan::rules())).expect("JSON") + "\n";
    assert!(text == made, "docs/formats/policy.schema.json is old: run the tests with CAREEN_UPDATE=1");
}

#[test]
fn selectors_are_written_as_they_are_read() {
    let all = "rule = ['secret/*', 'image/root-user'], family = ['secret', 'image'], severity = ['>=high', 'low'], \
               confidence = '>low', age = '>=3d', fix-age = '<2w', cvss = ['>=7', '<=2.5'], epss = '<0.5', \
               origin = ['app', 'base'], visibility = 'live', path = '/a/**', subject = 'x*', purl = 'pkg:npm/*', \
               ecosystem = ['npm', 'deb'], licence = 'GPL-*', image = 'a/*', platform = 'linux/amd64', \
               fingerprint = 'abababababababababababababababab', fixable = true, exploited = false";
    let rule = |conditions: &str| parse(&format!("[[rule]]\nmatch = {conditions}\naction = 'fail'\n")).rules[0].clone();
    let selector = rule(&format!("{{ {all} }}")).selector;
    let written = selector.written();
    assert_eq!(rule(&written).selector, selector, "{written}");
    for part in
        ["severity = [\">=high\", \"low\"]", "cvss = [\">=7\", \"<=2.5\"]", "epss = \"<0.5\"", "confidence = \">low\""]
    {
        assert!(written.contains(part), "{part} in {written}");
    }
    assert_eq!(rule("{}").selector.written(), "{}");
}

#[cfg(feature = "cel")]
#[test]
fn conditions_are_written_on_one_line() {
    let policy = parse("[[rule]]\nmatch = {}\nwhen = \"\"\"\nfinding.fixable\n  && true\"\"\"\naction = 'fail'\n");
    let when = policy.rules[0].when.as_ref().expect("a condition");
    assert_eq!(when.written(), "\"finding.fixable && true\"");
}

#[test]
fn reports_show_what_policies_ask_of_images() {
    let facts = ImageFacts {
        stored: Some(1),
        shipped: Some(3),
        visible: Some(2),
        config: Some(ConfigFacts { user: "app".into(), ..ConfigFacts::default() }),
        base_created: "2026-01-01T00:00:00Z".parse().ok(),
        data_hours: Some(4),
        ..ImageFacts::default()
    };
    let expected = SettingFacts {
        stored_size: Some(1),
        shipped_size: Some(3),
        visible_size: Some(2),
        config: facts.config.clone(),
        base_created: facts.base_created,
        attested: None,
        data_hours: Some(4),
    };
    assert_eq!(facts.settings(), expected);
}

#[test]
fn presets_are_told_apart_by_their_ids() {
    assert!(presets()[0] == presets()[0] && presets()[0] != presets()[1]);
}

#[test]
fn what_is_off_stays_off_beside_a_base_that_is_not_allowed() {
    use crate::dockerfile::lint::{BASE_NOT_ALLOWED, IS_BASE};
    static OFF: Rule = Rule { id: "image/off", is_opt_in: true, ..Rule::NEW };
    let location = Location::Dockerfile { file: "Dockerfile".into(), start: (1, 6), end: (1, 9) };
    let from = Finding::new(&BASE_NOT_ALLOWED, "debian:12", location, "is used").evidence(IS_BASE, true);
    let (lines, _) = judged(&["[base]\nallow = 'alpine:*'\n"], vec![from, image(&OFF)]);
    assert_eq!(lines, ["fail dockerfile/base-not-allowed debian:12"]);
}

#[test]
fn ids_of_flaws_have_their_forms() {
    let is_taken = |id: &str| {
        let text = format!("[[rule]]\nmatch = {{ rule = '{id}' }}\naction = 'fail'\n");
        Policy::parse("policy.toml", &text, KNOWN, false).is_ok()
    };
    for (id, expected) in [
        ("CVE-2024-3094", true),
        ("CVE-2024-", false),
        ("CVE-24-1", false),
        ("GHSA-rxwq-x6h5-x525", true),
        ("GHSA-rxwq-x6h5", false),
        ("GHSA-rxwq-x6h5-x52", false),
        ("GHSA-rxwq-x6h5-x525-x525", false),
    ] {
        assert_eq!(is_taken(id), expected, "{id}");
    }
}

#[test]
fn findings_are_put_in_order_whatever_comes_first() {
    // gravest action, then severity, rule, subject and place; of equals the first stays first
    let text = "[[rule]]\nmatch = {}\naction = 'warn'\n[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'\n";
    let mut findings = Vec::new();
    for number in [7, 3, 9, 1, 8, 2, 6, 0, 5, 4] {
        for rule in [&ROOT, &AWS, &GUESS, &SETUID, &DISTRO] {
            findings.push(file(rule, &format!("app/{number}")));
        }
    }
    let (expected, _) = judged(&[text], findings.clone());
    let key = |line: &String| {
        let rank = ["secret/aws", "secret/generic", "base/eol", "image/root", "image/setuid"];
        let rank = rank.iter().position(|rule| line.contains(rule)).expect("a rule");
        (rank, line.rsplit('/').next().unwrap_or_default().to_owned())
    };
    let mut sorted = expected.clone();
    sorted.sort_by_key(key);
    assert_eq!(expected, sorted);
    assert_eq!(expected.len(), 50);
    for turn in [1, 13, 29, 49] {
        findings.rotate_left(turn);
        assert_eq!(judged(&[text], findings.clone()).0, expected, "turned by {turn}");
        findings.reverse();
        assert_eq!(judged(&[text], findings.clone()).0, expected, "reversed");
    }
}

#[test]
fn what_a_policy_says_of_fixes_is_taken_over_and_shown() {
    use crate::policy::requirement::fix::{Healthcheck, RunAs};
    let text = r#"
[fix]
allow = ["caches"]
keep = "/a"
keep-setid = "/b"
user = "10001:0"
[fix.annotations]
remove = "y"
[fix.env]
remove = "TOKEN*"
[fix.healthcheck]
test = "/srv/healthy"
interval = "500ms"
retries = 3
[fix.labels]
remove = "x*"
set = { a = "b" }
"#;
    let policy = parse(text);
    let shown: Vec<String> =
        policy.requirements.values().into_iter().map(|(key, value, _)| format!("{key} = {value}")).collect();
    assert_eq!(
        shown,
        [
            r#"[fix] allow = ["caches"]"#,
            r#"[fix] annotations = { remove = ["y"] }"#,
            r#"[fix] env = { remove = ["TOKEN*"] }"#,
            r#"[fix] healthcheck = { test = ["CMD-SHELL", "/srv/healthy"] }"#,
            r#"[fix] keep = ["/a"]"#,
            r#"[fix] keep-setid = ["/b"]"#,
            r#"[fix] labels = { remove = ["x*"], set = { "a" = "b" } }"#,
            r#"[fix] user = "10001:0""#,
        ]
    );
    let fix = policy.requirements.fix();
    let words = |globs: &[Glob]| globs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(
        (fix.allow.as_slice(), words(&fix.keep), words(&fix.keep_setid)),
        (&["caches"][..], "/a".into(), "/b".into())
    );
    assert_eq!((words(&fix.remove_annotations), words(&fix.remove_env)), ("y".to_owned(), "TOKEN*".to_owned()));
    assert_eq!((words(&fix.remove_labels), fix.set_labels.get("a").map(String::as_str)), ("x*".into(), Some("b")));
    assert_eq!(fix.user, Some(RunAs { uid: 10_001, gid: Some(0) }));
    let check = Healthcheck {
        test: vec!["CMD-SHELL".into(), "/srv/healthy".into()],
        interval: Some(500_000_000),
        timeout: None,
        start_period: None,
        retries: Some(3),
    };
    assert_eq!(fix.healthcheck, Some(check));
    let labels = |text: &str| parse(text).requirements.values().remove(0).1;
    assert_eq!(labels("[fix.labels]\nremove = 'x'\n"), "{ remove = [\"x\"] }");
    assert_eq!(labels("[fix.labels]\nset = { a = 'b' }\n"), "{ set = { \"a\" = \"b\" } }");
    // a user in numbers, and the largest
    for (text, written) in [("0", "0"), ("10001:0", "10001:0"), ("2147483647:2147483647", "2147483647:2147483647")] {
        assert_eq!(text.parse::<RunAs>().expect(text).to_string(), written);
    }
    let is_taken = |value: &str| {
        let text = format!("[fix.healthcheck]\n{value}\n");
        Policy::parse("policy.toml", &text, KNOWN, false).is_ok()
    };
    for (value, expected) in [
        ("test = ['CMD', 'a']", true),
        ("test = ['CMD-SHELL', 'a', 'b']", true),
        ("test = ['CMD']", false),
        ("test = 'NONE'", false),
        ("test = ['a', 'b']", false),
        ("test = 'a'\ninterval = '1ms'", true),
        ("test = 'a'\ninterval = '0ms'", false),
        ("test = 'a'\ninterval = '1d'", false),
    ] {
        assert_eq!(is_taken(value), expected, "{value}");
    }
}

#[test]
fn images_are_looked_up_only_where_that_is_asked_for() {
    for (text, expected) in [
        ("", false),
        ("[require]\nuser = 'non-root'\n", false),
        ("[require]\nsignature = true\n", true),
        ("[require]\nprovenance = true\n", true),
        ("[require]\nsbom = true\n", true),
    ] {
        assert_eq!(parse(text).requirements.ask_for_attached(), expected, "{text}");
    }
}

#[test]
fn a_health_check_says_how_it_is_run() {
    let is_taken = |test: &str| {
        let text = format!("[fix.healthcheck]\ntest = {test}\n");
        Policy::parse("policy.toml", &text, KNOWN, false).is_ok()
    };
    for (test, expected) in [
        ("'true'", true),
        ("['CMD', 'true']", true),
        ("['CMD-SHELL', 'true']", true),
        ("['true']", false),
        ("['true', 'x']", false),
        ("['CMD']", false),
        ("'CMD'", false),
        ("'NONE'", false),
        ("[]", false),
        ("' '", false),
    ] {
        assert_eq!(is_taken(test), expected, "{test}");
    }
}

#[test]
fn lists_of_licences_name_one_each() {
    let is_taken =
        |word: &str| Policy::parse("policy.toml", &format!("[licences]\ndeny = ['{word}']\n"), KNOWN, false).is_ok();
    for (word, expected) in [
        ("MIT", true),
        ("MIT OR Apache-2.0", false),
        ("GPL-2.0-only WITH Classpath-exception-2.0", true),
        ("GPL-*", true),
        ("GPL-2.0* WITH *", true),
        ("LicenseRef-x", true),
        ("LicenseRef-*", true),
        ("licenseref-Acme-*", true),
        ("licenseref-acme", true),
        ("Apache-2.0+", true),
        ("odd-*", false),
        ("odd+", false),
    ] {
        assert_eq!(is_taken(word), expected, "{word}");
    }
}

#[test]
fn of_what_is_ignored_the_first_fifty_are_named() {
    let findings = |count: usize| (0..count).map(|number| file(&ROOT, &format!("app/{number}"))).collect();
    let named = |count: usize| {
        let (_, verdict) = judged(&["[[rule]]\nmatch = {}\naction = 'ignore'\n"], findings(count));
        verdict.ignored_by.iter().map(|one| (one.findings, one.first.len())).collect::<Vec<_>>()
    };
    assert_eq!((named(50), named(51)), (vec![(50, 50)], vec![(51, 50)]));
}

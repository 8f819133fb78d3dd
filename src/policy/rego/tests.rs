//! Policies in Rego, and what they say of a report.

use std::time::{Duration, Instant};

use super::*;

fn report() -> Value {
    json!({
        "schema": "careen.report/1",
        "findings": [
            {
                "id": "aa", "rule": "secret/aws-access-key", "family": "secret", "severity": "critical",
                "message": "a key", "subject": "app/.env", "location": {"kind": "file", "path": "/app/.env"},
            },
            {
                "id": "bb", "rule": "package/vulnerable", "family": "package", "severity": "high",
                "message": "lodash is affected", "subject": "CVE-2021-23337", "fixable": true,
                "location": {"kind": "package", "path": "/app/package.json", "purl": "pkg:npm/lodash@4.17.20"},
                "evidence": {"ids": ["CVE-2021-23337"], "installed": "4.17.20", "fixed": "4.17.21", "cwes": ["CWE-94"]},
            },
        ],
    })
}

/// Rule, action, message, finding.
type Said = (&'static str, Action, String, Option<String>);

fn judge(text: &str) -> Result<Vec<Said>, String> {
    let text_of = |error: Error| match error.detail {
        Some(detail) => format!("{}: {detail}", error.message),
        None => error.message,
    };
    let verdicts = RegoPolicy::load("gate.rego", text).and_then(|policy| policy.judge(&report())).map_err(text_of)?;
    Ok(verdicts.into_iter().map(|one| (one.rule, one.action, one.message, one.finding)).collect())
}

#[test]
fn rules_say_what_comes_of_findings() {
    let new = r#"package careen
        deny contains {"msg": msg, "id": finding.id} if {
            some finding in input.findings
            finding.family == "secret"
            msg := sprintf("no secrets: %s", [finding.subject])
        }
        warn contains "two findings" if count(input.findings) == 2
        ignore contains finding.id if { some finding in input.findings; startswith(finding.subject, "CVE-2021-") }
    "#;
    let old = r#"package careen
        deny[{"msg": msg, "id": finding.id}] {
            finding := input.findings[_]
            finding.family == "secret"
            msg := concat("", ["no secrets: ", lower(finding.subject)])
        }
        warn["two findings"] { count(input.findings) == 2 }
        ignore[id] { finding := input.findings[_]; regex.match("^CVE-2021-", finding.subject); id := finding.id }
    "#;
    for text in [new, old] {
        assert_eq!(
            judge(text).expect(text),
            [
                ("deny", Action::Fail, "no secrets: app/.env".into(), Some("aa".into())),
                ("warn", Action::Warn, "two findings".into(), None),
                ("ignore", Action::Ignore, String::new(), Some("bb".into())),
            ]
        );
    }
    assert_eq!(judge("package careen\ndeny contains \"x\" if input.nothing"), Ok(vec![]));
}

#[test]
fn policies_for_trivy_ignore_flaws() {
    for (text, ignored) in [
        ("package trivy\ndefault ignore = false\nignore { input.PkgName == \"lodash\" }", true),
        ("package trivy\nimport rego.v1\ndefault ignore := false\nignore if input.Severity == \"HIGH\"", true),
        ("package trivy\nids := {\"CVE-2021-23337\"}\nignore { input.VulnerabilityID == ids[_] }", true),
        ("package trivy\nignore { input.CweIDs[_] == \"CWE-94\"; input.FixedVersion != \"\" }", true),
        ("package trivy\nignore { startswith(input.PkgIdentifier.PURL, \"pkg:deb/\") }", false),
    ] {
        let verdicts = judge(text).expect(text);
        let expected = [("ignore", Action::Ignore, String::new(), Some("bb".to_owned()))];
        assert_eq!(verdicts, if ignored { &expected[..] } else { &[] }, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    for (text, message) in [
        ("package careen\ndeny contains {", "this is no policy in Rego"),
        ("package main\ndeny contains \"x\" if true", "its package is `main`, not `careen` or `trivy`"),
        ("package careen\nallow if true", "it has no rule `deny`, `warn` or `ignore`"),
        ("package trivy\ndeny contains \"x\" if true", "it has no rule `ignore`"),
        ("package careen\ndeny := \"x\"", "`deny` is no set; write `deny contains msg if { … }`"),
        ("package careen\ndeny contains 1", "`deny` holds something that is neither"),
        ("package careen\ndeny contains {\"id\": \"aa\"}", "`deny` holds an object without a `msg`"),
        ("package careen\nignore contains {\"msg\": \"x\"}", "`ignore` holds an object without the `id`"),
        ("package trivy\nignore { input.CVSS.nvd.V3Score < 5 }", "it asks for `input.CVSS`"),
        ("package trivy\nignore { flaw := input; flaw.X }", "it asks for `input`"),
        ("package trivy\nimport data.lib.trivy\nignore { input.PkgName == \"a\" }", "it uses Trivy's own library"),
        // nothing that has an effect, or is another tomorrow
        (
            "package careen\ndeny contains x if x := http.send({\"method\": \"get\", \"url\": \"https://x.example\"})",
            "could not find function http.send",
        ),
        ("package careen\ndeny contains x if x := time.now_ns()", "could not find function time.now_ns"),
        ("package careen\ndeny contains x if x := rand.intn(\"a\", 9)", "could not find function rand.intn"),
        ("package careen\ndeny contains x if x := opa.runtime().env.HOME", "could not find function opa.runtime"),
        ("package careen\ndeny contains x if x := uuid.rfc4122(\"a\")", "could not find function uuid.rfc4122"),
        ("package careen\ndeny contains \"x\" if to_number(\"x\") == 1", "to_number"),
    ] {
        let error = judge(text).expect_err(text);
        assert!(error.contains(message), "{text}: {error}");
    }
    let long = format!("package careen\n# {}", "x".repeat(LONGEST));
    assert_eq!(judge(&long), Err("a policy in Rego has at most 1048576 bytes".into()));
}

#[test]
fn nothing_explodes() {
    let rounds = |count: usize, line: &str| -> String {
        (0..count).map(|n| line.replace("NEXT", &format!("a{}", n + 1)).replace("LAST", &format!("a{n}"))).collect()
    };
    let text =
        |body: &str| format!("package careen\ndeny contains \"x\" if {{\n a0 := \"aaaaaaaa\"\n{body}\n true\n}}");
    let mut wrong = Vec::new();
    for (text, message) in [
        (
            text(
                "some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); some c in numbers.range(1, 3000); a + b + c == 0",
            ),
            "too many steps",
        ),
        (text(&rounds(40, " NEXT := concat(\"\", [LAST, LAST])\n")), "`concat` takes too much memory"),
        (text(&rounds(40, " NEXT := sprintf(\"%s%s\", [LAST, LAST])\n")), "`sprintf` takes too much memory"),
        (text(&rounds(40, " NEXT := replace(LAST, \"a\", \"aa\")\n")), "`replace` takes too much memory"),
        (text(&rounds(40, " NEXT := array.concat([LAST], [LAST])\n")), "`array.concat` takes too much memory"),
        (text("x := sprintf(\"%99999999d\", [1])"), "`sprintf` has no bound"),
        (text("count(numbers.range(1, 1000000000000)) > 1"), "`numbers.range` takes too much memory"),
        (text("bits.lsh(1, 100000000000) > 1"), "`bits.lsh` takes too much memory"),
        (
            text("count(numbers.range_step(1, 1000000000000, 1)) > 1"),
            "careen does not give policies `numbers.range_step`",
        ),
        // a number of half a million digits, and many that are one more
        (
            format!(
                "package careen\ndeny contains \"x\" if {{\n b0 := 1234567890123456789012345678901234567890\n{}\n\
                 count([y | some i in numbers.range(1, 20000); y := b14 + i]) > 1\n}}",
                rounds(14, " NEXT := LAST * LAST\n").replace('a', "b")
            ),
            "the policy takes too much memory",
        ),
        (
            format!("package careen\ndeny contains \"x\" if {}true{}", "(".repeat(5_000), ")".repeat(5_000)),
            "this is no policy in Rego",
        ),
        ("package careen\nf(x) := f(x)\ndeny contains \"x\" if f(1)".into(), "call each other too deep"),
    ] {
        let start = Instant::now();
        let error = judge(&text).err().unwrap_or_default();
        if !error.contains(message) || error.is_empty() {
            wrong.push(format!("{}: {error:?}, not {message:?}", text.get(..120).unwrap_or(&text)));
        }
        if start.elapsed() > Duration::from_mins(1) {
            wrong.push(format!("{message} took {:?}", start.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_policy_says_the_same_again() {
    let policy = RegoPolicy::load("gate.rego", "package careen\ndeny contains upper(f.id) if some f in input.findings")
        .expect("a policy");
    let first = policy.judge(&report()).expect("verdicts");
    assert_eq!(first.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), ["AA", "BB"]);
    assert_eq!(policy.judge(&report()).expect("verdicts"), first);
}

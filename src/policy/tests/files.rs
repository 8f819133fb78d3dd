//! How files of policies are read, and what is said of those that cannot be.

use super::*;

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_string_lossy().into_owned()
    };
    let large = write("large.toml", &vec![b'#'; 1024 * 1024 + 1]);
    let binary = write("binary.toml", b"a = 1\n\xff");
    for (word, kind, said) in [
        ("careen:2025", ErrorKind::Config, "there is no preset `careen:2025`"),
        ("does-not-exist.toml", ErrorKind::NotFound, "cannot read the policy `does-not-exist.toml`"),
        (&large, ErrorKind::Config, "is larger than 1"),
        (&binary, ErrorKind::Config, "is not UTF-8, from byte 6 on"),
        (&folder.path().to_string_lossy(), ErrorKind::Io, "cannot read the policy"),
    ] {
        let error = PolicySet::load(&[word.to_owned()], KNOWN, false).expect_err(word);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(said), "{error}");
    }
    let help = |word: &str| PolicySet::load(&[word.to_owned()], KNOWN, false).expect_err(word).help.unwrap_or_default();
    assert!(help("strct").starts_with("did you mean `careen:strict`? name a file"), "{}", help("strct"));
    assert!(help("does-not-exist.toml").starts_with("name a file"));
}

fn rendered(text: &str) -> String {
    let Error { kind, message, place, detail, .. } =
        Policy::parse("policy.toml", text, KNOWN, false).expect_err("the policy is wrong");
    assert_eq!(kind, ErrorKind::Config);
    format!("{message}\nat {}\n\n{}", place.unwrap_or_default(), detail.unwrap_or_default())
}

#[test]
fn unknown_words_show_the_line_and_the_nearest() {
    insta::assert_snapshot!(rendered(r#"editoin = "2026"
[[rule]]
match = { rule = "secret/aws-acces-key", sevrity = ">=high", severity = ">=hihg" }
action = "deny"

[[rule]]
match = { rule = ["secert/*", "CIS-DI-0010"], family = "secrets", path = "a{b" }
action = "Fail"
"#), @r##"
policy `policy.toml` has 10 errors
at policy.toml:1:1

error: unknown key `editoin` in a policy
 --> policy.toml:1:1
  |
1 | editoin = "2026"
  | ^^^^^^^
  |
  = help: did you mean `edition`?
  = note: allowed: base, data, description, edition, extends, fail-on, fix, honour-inline, licences, limits, name, policy, require, rule, scope, test, waiver, waivers

error: there is no rule `secret/aws-acces-key`
 --> policy.toml:3:18
  |
3 | match = { rule = "secret/aws-acces-key", sevrity = ">=high", severity = ">=hihg" }
  |                  ^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: did you mean `secret/aws-access-key`?
  = help: `careen rules` lists all rules

error: unknown key `sevrity` in `match`
 --> policy.toml:3:42
  |
3 | match = { rule = "secret/aws-acces-key", sevrity = ">=high", severity = ">=hihg" }
  |                                          ^^^^^^^
  |
  = help: did you mean `severity`?
  = note: allowed: age, confidence, cvss, ecosystem, epss, exploited, family, fingerprint, fix-age, fixable, image, kev, licence, origin, path, platform, purl, rule, severity, subject, visibility

error: unknown severity `hihg`
 --> policy.toml:3:73
  |
3 | match = { rule = "secret/aws-acces-key", sevrity = ">=high", severity = ">=hihg" }
  |                                                                         ^^^^^^^^
  |
  = help: did you mean `high`?
  = help: a sign may stand before it: `>=`, `<=`, `>`, `<`
  = note: allowed: info, low, medium, high, critical

error: unknown action `deny`
 --> policy.toml:4:10
  |
4 | action = "deny"
  |          ^^^^^^
  |
  = note: allowed: fail, ignore, info, warn

error: there is no rule `secert/*`
 --> policy.toml:7:19
  |
7 | match = { rule = ["secert/*", "CIS-DI-0010"], family = "secrets", path = "a{b" }
  |                   ^^^^^^^^^^
  |
  = help: did you mean the family `secret`?
  = help: `careen rules` lists all rules

error: there is no rule `CIS-DI-0010`
 --> policy.toml:7:31
  |
7 | match = { rule = ["secert/*", "CIS-DI-0010"], family = "secrets", path = "a{b" }
  |                               ^^^^^^^^^^^^^
  |
  = help: did you mean `CIS-DI-0001`, which is `image/root-user` here?
  = help: `careen rules` lists all rules

error: there is no family of rules `secrets`
 --> policy.toml:7:56
  |
7 | match = { rule = ["secert/*", "CIS-DI-0010"], family = "secrets", path = "a{b" }
  |                                                        ^^^^^^^^^
  |
  = help: did you mean `secret`?
  = note: allowed: base, data, image, layer, package, policy, secret

error: `a{b` is no pattern
 --> policy.toml:7:74
  |
7 | match = { rule = ["secert/*", "CIS-DI-0010"], family = "secrets", path = "a{b" }
  |                                                                          ^^^^^ `{` has no `}`

error: unknown action `Fail`
 --> policy.toml:8:10
  |
8 | action = "Fail"
  |          ^^^^^^
  |
  = help: did you mean `fail`?
  = note: allowed: fail, ignore, info, warn
"##);
}

#[test]
fn missing_and_mistyped_values() {
    insta::assert_snapshot!(rendered(r#"edition = 2026
extends = "careen:2025"
[[rule]]
match = "secret/*"
action = ["fail"]

[[waiver]]
rule = []
expires = 2026-12-31T10:00:00Z

[[rule]]
name = ""
"#), @r##"
policy `policy.toml` has 10 errors
at policy.toml:1:11

error: `edition` must be a string
 --> policy.toml:1:11
  |
1 | edition = 2026
  |           ^^^^ this is of type integer

error: there is no preset `careen:2025`
 --> policy.toml:2:11
  |
2 | extends = "careen:2025"
  |           ^^^^^^^^^^^^^
  |
  = help: did you mean `careen:2026`?
  = note: allowed: careen:2026, careen:cis-docker, careen:minimal, careen:next, careen:regulated, careen:report-only, careen:strict

error: `match` must be a table such as `{ rule = "secret/*" }`
 --> policy.toml:4:9
  |
4 | match = "secret/*"
  |         ^^^^^^^^^^ this is of type string

error: `action` must be a string
 --> policy.toml:5:10
  |
5 | action = ["fail"]
  |          ^^^^^^^^ this is of type array

error: a waiver needs `reason`
 --> policy.toml:7:1
  |
7 | [[waiver]]
  | ^^^^^^^^^^
  |
  = help: say why this is accepted, for those who read it next year

error: `rule` is an empty list, which selects nothing
 --> policy.toml:8:8
  |
8 | rule = []
  |        ^^

error: `expires` must be a day
 --> policy.toml:9:11
  |
9 | expires = 2026-12-31T10:00:00Z
  |           ^^^^^^^^^^^^^^^^^^^^
  |
  = help: write it as year, month, day: `2027-03-31`

error: a rule needs `match`
  --> policy.toml:11:1
   |
11 | [[rule]]
   | ^^^^^^^^
   |
   = help: write `match = {}` to select every finding

error: a rule needs `action`
  --> policy.toml:11:1
   |
11 | [[rule]]
   | ^^^^^^^^
   |
   = help: say `fail`, `warn`, `info` or `ignore`

error: `name` is empty
  --> policy.toml:12:8
   |
12 | name = ""
   |        ^^
"##);
}

#[test]
fn what_is_no_toml() {
    insta::assert_snapshot!(rendered("[[rule]]\nmatch = { rule = \"secret/*\"\naction = \"fail\"\nname = \n"), @r##"
policy `policy.toml` has 2 errors
at policy.toml:3:1

error: not TOML: missing comma between key-value pairs, expected `,`
 --> policy.toml:3:1
  |
3 | action = "fail"
  | ^

error: not TOML: missing comma between key-value pairs, expected `,`
 --> policy.toml:4:1
  |
4 | name = 
  | ^
"##);
}

#[test]
fn a_single_error_is_said_in_the_message() {
    insta::assert_snapshot!(rendered("[[waiver]]\nrule = 'DL3002'\nreason = 'ünï'\nexpires = '31.12.2026'\n"), @r##"
policy `policy.toml`: `expires` must be a day
at policy.toml:4:11

error: `expires` must be a day
 --> policy.toml:4:11
  |
4 | expires = '31.12.2026'
  |           ^^^^^^^^^^^^
  |
  = help: write it as year, month, day: `2027-03-31`
"##);
}

#[test]
fn colour_only_when_asked_for() {
    for colour in [false, true] {
        let error = Policy::parse("policy.toml", "a = 1", KNOWN, colour).expect_err("no such key");
        assert_eq!(error.detail.expect("shown").contains('\u{1b}'), colour);
    }
}

#[test]
fn many_errors_and_long_lines_are_cut() {
    let keys: Vec<String> = (0..30).map(|n| format!("k{n} = 1")).collect();
    let text = format!("{} = 1\n{}\n", "x".repeat(5000), keys.join("\n"));
    let shown = rendered(&text);
    assert!(shown.ends_with("and 11 more"), "{shown}");
    assert!(!shown.contains(&"x".repeat(5001)));
    assert!(shown.starts_with("policy `policy.toml` has 31 errors"));
    let shown = rendered(&(0..20).map(|n| format!("k{n} = 1\n")).collect::<String>());
    assert!(!shown.contains(" more"), "all are shown: {shown}");
    // the longest line that is shown, and one that is not
    for (letters, is_shown) in [(4096 - 4, true), (4097 - 4, false)] {
        let shown = rendered(&format!("{} = 1\n", "x".repeat(letters)));
        assert_eq!(shown.contains('^'), is_shown, "{letters}");
    }
}

#[test]
fn the_path_of_a_policy_and_its_texts_are_escaped() {
    let text = "[[rule]]\nname = \"a\\u001b[2Jb\"\nmatch = {}\naction = 'warn'";
    let policy = Policy::parse("p\u{1b}[31m.toml", text, KNOWN, false).expect("in order");
    assert_eq!(policy.name, "p\\x1b[31m.toml");
    assert_eq!(policy.rules[0].name, "a\\x1b[2Jb");
}

#[test]
fn no_damage_to_a_file_ends_in_a_panic() {
    let whole = "name = 'größe'\n[[rule]]\nmatch = { rule = [\"secret/*\"], path = '/ä/{b,c}/[!d-f]**' }\naction = \"fail\"\n\
                 [[waiver]]\r\nrule = '''\nCIS-DI-0001'''\nreason = \"\"\"a\n\u{9b}\"\"\"\nexpires = 2026-12-31\n";
    let check = |bytes: &[u8]| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Err(error) = Policy::parse("policy.toml", text, KNOWN, false)
        {
            assert!(error.detail.is_some_and(|detail| detail.starts_with("error: ")), "{text}");
        }
    };
    let bytes = whole.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        check(&bytes[..at]);
        check(&bytes[at..]);
        for other in [b'"', b'\'', b'[', b'{', b'\n', b'=', 0, byte ^ 1] {
            let mut damaged = bytes.to_vec();
            damaged[at] = other;
            check(&damaged);
        }
    }
}

#[test]
fn a_large_file_takes_no_long_time() {
    let mut rules = "[[rule]]\nmatch = {}\naction = 'warn'\n".repeat(25_000);
    parse(&rules);
    rules.push_str("[[rule]]\n");
    assert!(rendered(&rules).contains("a rule needs `match`"));
    let _ = rendered(&"[x\n".repeat(100_000));
    let _ = rendered(&(0..50_000).map(|n| format!("key{n} = 1\n")).collect::<Vec<_>>().concat());
    let _ = rendered(&format!("a = {}", "[".repeat(500_000)));
}

//! Tests of users' rules.

use super::*;
use crate::secret::engine::scan_by;
use crate::secret::kind::Kind;

fn set(text: &str) -> rule::RuleSet {
    read(&[("own.toml".into(), text.into())]).expect("good rules").0
}

fn ids(set: &rule::RuleSet, text: &str) -> Vec<&'static str> {
    scan_by(set, text.as_bytes(), Kind::Settings, Vec::new()).found.into_iter().map(|found| found.rule.id).collect()
}

const OWN: &str = r#"
[[rule]]
id = "acme-token"
title = "An Acme token"
severity = "critical"
anchors = ["acme_"]
pattern = 'acme_[0-9a-z]{20}'
"#;

const GITLEAKS: &str = r#"
title = "ours"
[[rules]]
id = "Acme Key"
description = "Acme's key."
regex = '''(?i)acme[a-z_ .]{0,20}=\s*["']?([0-9a-f]{16})(?:["'\s]|$)'''
entropy = 2.5
keywords = ["ACME"]
path = '''\.conf$'''
[[rules.allowlists]]
description = "of tests"
stopwords = ["0000"]
"#;

#[test]
fn rules_of_both_forms_are_searched_for_beside_those_that_come_along() {
    let token = ["acme_", "7h3k9q2m", "4x8z1c6v5b0n"].concat();
    let own = set(OWN);
    assert_eq!(ids(&own, &format!("t: {token}\n")), ["secret/acme-token"]);
    assert_eq!(ids(&own, &format!("x{token}\n")), [""; 0]);
    let key = ["7f3a9c0e", "1b5d8264"].concat();
    let theirs = set(GITLEAKS);
    assert_eq!(ids(&theirs, &format!("Acme Id = '{key}'")), ["secret/acme-key"]);
    assert_eq!(ids(&theirs, &format!("Acne Id = '{key}'")), [""; 0]);
    assert_eq!(ids(&theirs, "acme = 1111111111111111"), [""; 0], "of too little entropy");
    assert!(theirs.user.holds("secret/acme-key", b"etc/a.conf") && !theirs.user.holds("secret/acme-key", b"etc/a.py"));
    let value = 0..key.len();
    assert_eq!(theirs.user.note("secret/acme-key", "", key.as_bytes(), &value, b"a.conf"), None);
    let note = theirs.user.note("secret/acme-key", "", b"00007f3a", &(0..8), b"a.conf");
    assert_eq!(note.as_deref(), Some("allowed by the rules in own.toml:3: of tests"));
}

#[test]
fn what_is_disabled_is_not_searched_for() {
    let url = ["redis://app:", "WOETFY", "pxbxbnN4", "@db.internal.acme.io:5432/shop"].concat();
    assert_eq!(ids(&set(""), &url), ["secret/redis-url"]);
    assert_ne!(ids(&set("[disable]\nrules = [\"redis-url\"]"), &url), ["secret/redis-url"]);
}

#[test]
fn allowances_ask_for_all_they_name() {
    let text = "[[allow]]\nrules = [\"github-pat\"]\npaths = [\"app/**/*.env\"]\nsecrets = [\"0011223344556677\"]\nreason = \"r\"";
    let user = set(text).user;
    let note = |rule: &str, id: &str, path: &str| user.note(rule, id, b"x", &(0..1), path.as_bytes()).is_some();
    let id = "0011223344556677";
    assert!(note("secret/github-pat", id, "app/a/b/.env") && note("secret/github-pat", id, "app/.env"));
    assert!(!note("secret/github-pat", id, "app/.envx") && !note("secret/github-pat", "00", "app/.env"));
    assert!(!note("secret/github-oauth-token", id, "app/.env"));
    let words = set("[[allow]]\nstop_words = [\"Test\"]\npatterns = ['^t']\nreason = \"r\"").user;
    assert!(
        words.note("a", "", b"tEST1", &(0..5), b"").is_some() && words.note("a", "", b"aTest", &(0..5), b"").is_none()
    );
}

#[test]
fn errors_say_where_and_what_to_do() {
    let cases = [
        ("[[rule]]\nid = \"a\"", "own.toml:1", "missing field"),
        (
            "\n[[rule]]\nid = \"A b\"\ntitle = \"\"\nseverity = \"low\"\nanchors = [\"abc\"]\npattern = 'abc'",
            "own.toml:2",
            "small letters",
        ),
        (
            "[[rule]]\nid = \"a\"\ntitle = \"\"\nseverity = \"grave\"\nanchors = [\"abc\"]\npattern = 'abc'",
            "own.toml:1",
            "`grave`",
        ),
        ("[[rule]]\nid = \"a\"\ntitle = \"\"\nseverity = \"low\"\npattern = 'abc'", "own.toml:1", "anchors"),
        (
            "[[rule]]\nid = \"a\"\ntitle = \"\"\nseverity = \"low\"\nanchors = [\"abc\"]\npattern = 'a('",
            "own.toml:1",
            "pattern",
        ),
        (
            "[[rule]]\nid = \"a\"\ntitle = \"\"\nseverity = \"low\"\nanchors = [\"abc\"]\npattern = '(abc[0-9a-z]{1000}){1000}'",
            "own.toml:1",
            "too large",
        ),
        ("[[rules]]\nid = \"a\"\nregex = '((?:abc){1000}){1000}'", "own.toml:1", "rule `a`"),
        ("[disable]\nrules = [\"gihub-pat\"]", "own.toml:2", "no rule"),
        ("[[allow]]\nreason = \"r\"", "own.toml:1", "everything"),
        ("[[allow]]\nrules = [\"github-pat\"]\nreason = \"\"", "own.toml:1", "reason"),
        ("x = 1", "own.toml:1", "unknown field"),
        ("[[allow]", "own.toml:1", "wrong"),
    ];
    for (text, place, part) in cases {
        let error = read(&[("own.toml".into(), text.into())]).err().expect(text);
        assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some(place)), "{text}");
        assert!(error.message.contains(part) && error.help.is_some(), "{text}: {}", error.message);
    }
    let many = "[[allow]]\nstop_words = [\"a\"]\nreason = \"r\"\n".repeat(MOST + 1);
    assert!(read(&[("a".into(), many)]).is_err());
    assert!(read(&[("a".into(), "#".repeat(LONGEST + 1))]).is_err());
}

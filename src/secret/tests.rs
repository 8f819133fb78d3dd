//! Laws of the rules and of the engine, over all rule files.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::collector::SecretCollector;
use super::engine::{self, Found};
use super::kind::Kind;
use super::rule::RULES;
use super::rule_files::RULE_FILES;
use crate::collect::{Collector as _, Fact, Facts, File, OVERLAP, SecretFact, WINDOW};
use crate::image::ImageConfig;
use crate::path::ImagePath;
use crate::rule::{Confidence, Severity};
use crate::tree::{FileEntry, Node};

#[derive(Deserialize)]
struct Examples {
    provider: String,
    rule: Vec<RuleExamples>,
}

#[derive(Deserialize)]
struct RuleExamples {
    id: String,
    examples: Vec<Vec<String>>,
    near_misses: Vec<Vec<String>>,
    #[serde(default)]
    files: Vec<String>,
    pattern: Option<String>,
}

/// Ids of rules with texts.
type Texts = Vec<(String, String)>;

/// Rules by whether the format of a file alone matches them; texts of such rules begin with the file's name.
fn rules_of_files(wanted: bool) -> impl Iterator<Item = RuleExamples> {
    let rules = RULE_FILES.iter().flat_map(|(name, text)| toml::from_str::<Examples>(text).expect(name).rule);
    rules.filter(move |rule| (!rule.files.is_empty() && rule.pattern.is_none()) == wanted)
}

/// A text of a rule for files: the rule's id, the file's name, its content. What begins with `hex:` is no text.
pub(super) type InFile = (String, String, Vec<u8>);

/// The examples and near misses of rules that the format of a file matches.
pub(super) fn file_examples() -> (Vec<InFile>, Vec<InFile>) {
    let of = |id: &str, parts: &[String]| {
        let (name, content) = parts.split_first().expect("begins with a name");
        let text = content.concat();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("digits");
        let content = match text.strip_prefix("hex:") {
            Some(digits) => digits.as_bytes().chunks(2).map(byte).collect(),
            None => text.into_bytes(),
        };
        (format!("secret/{id}"), name.clone(), content)
    };
    let (mut examples, mut near_misses) = (Vec::new(), Vec::new());
    for rule in rules_of_files(true) {
        examples.extend(rule.examples.iter().map(|parts| of(&rule.id, parts)));
        near_misses.extend(rule.near_misses.iter().map(|parts| of(&rule.id, parts)));
    }
    (examples, near_misses)
}

/// Id and text of each example, and of each near miss, of rules that patterns match.
fn examples() -> (Texts, Texts) {
    let (mut examples, mut near_misses) = (Vec::new(), Vec::new());
    for rule in rules_of_files(false) {
        let id = format!("secret/{}", rule.id);
        examples.extend(rule.examples.iter().map(|parts| (id.clone(), parts.concat())));
        near_misses.extend(rule.near_misses.iter().map(|parts| (id.clone(), parts.concat())));
    }
    (examples, near_misses)
}

fn found(text: &str) -> Vec<Found> {
    engine::scan(text.as_bytes(), Kind::Settings).found
}

fn ids(found: &[Found]) -> Vec<&'static str> {
    found.iter().map(|found| found.rule.id).collect()
}

#[test]
fn rules_are_complete_unique_and_sorted() {
    assert!(RULE_FILES.is_sorted_by_key(|(name, _)| *name), "rule files are sorted");
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids, unique.into_iter().collect::<Vec<_>>());
    let (mut examples, mut near_misses) = examples();
    let of_files = file_examples();
    examples.extend(of_files.0.into_iter().map(|(id, name, _)| (id, name)));
    near_misses.extend(of_files.1.into_iter().map(|(id, name, _)| (id, name)));
    for rule in RULES.iter() {
        assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "{}", rule.id);
        assert!(rule.why.ends_with('.') && rule.remediation.ends_with('.'), "{}", rule.id);
        assert!(!rule.references.is_empty(), "{}", rule.id);
        let count = |texts: &[(String, String)]| texts.iter().filter(|(id, _)| id == rule.id).count();
        assert!(count(&examples) >= 2, "{} has less than two examples", rule.id);
        assert!(count(&near_misses) >= 2, "{} has less than two near misses", rule.id);
    }
}

#[test]
fn rule_files_are_named_after_their_providers() {
    // what is no company, and what has a name that is shorter, or that no file may begin with
    const OTHERS: &[&str] = &[
        "aws",
        "bip39",
        "filezilla",
        "generic",
        "ide",
        "jwk",
        "jwt",
        "nytimes",
        "onepassword",
        "pgpass",
        "shell",
        "system-installer",
        "tsig",
        "wandb",
    ];
    for (name, text) in RULE_FILES {
        let file: Examples = toml::from_str(text).expect(name);
        let letters = |text: &str| text.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let (short, long) = (letters(name), letters(&file.provider));
        assert!(long.contains(&short) || short.contains(&long) || OTHERS.contains(name), "{name}: {}", file.provider);
    }
}

/// What a provider's prefix tells is a leak wherever it lies.
#[test]
fn only_families_without_a_prefix_ship_in_packages() {
    let families: BTreeSet<&str> =
        super::rule::rule_set().rules.iter().filter(|rule| rule.ships_in_packages).map(|rule| rule.family).collect();
    let expected = ["generic", "jwt", "keystore", "netrc", "password-hash", "private-key", "url", "wireguard"];
    assert_eq!(families.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_netrc_is_told_from_talk_of_one() {
    let pair = ["machine git.acme.io login ci password ", "aoJWHl9Lk1T", "BpaTA"].concat();
    let cases = [
        (format!("# mine\n{pair}\nmacdef init\ncd /x\n\ndefault\n login x\n"), Kind::Other, Some(Confidence::High)),
        (pair.replace(' ', "\n"), Kind::Source, Some(Confidence::High)),
        (format!("echo \"{pair}\" > ~/.netrc"), Kind::Settings, Some(Confidence::Medium)),
        (format!("Such a line is {pair} or so."), Kind::Other, None),
        (format!("netrc: `{pair}`,"), Kind::Source, None),
    ];
    for (text, kind, expected) in cases {
        let found = engine::scan(text.as_bytes(), kind).found;
        let netrc = found.iter().find(|found| found.rule.id == "secret/netrc-password");
        assert_eq!(netrc.map(|found| found.confidence), expected, "{text}");
    }
}

#[test]
fn every_pattern_compiles() {
    for rule in &super::rule::rule_set().rules {
        if let super::rule::Matcher::Pattern { source, .. } = &rule.matcher {
            assert!(rule.regex().is_some(), "{}: {}", rule.rule.id, source.text());
        }
    }
}

#[test]
fn examples_are_found_once_each_by_their_own_rule() {
    let mut wrong = Vec::new();
    for (id, text) in examples().0 {
        for wrapped in [text.clone(), format!("\n{text}\n"), format!("x: {text}\n")] {
            let found = found(&wrapped);
            if ids(&found) != [id.as_str()] || found.iter().any(|found| found.severity == Severity::Info) {
                wrong.push(format!("{id}: {found:?} in {wrapped}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn near_misses_are_not_found() {
    let mut wrong = Vec::new();
    for (id, text) in examples().1 {
        let found: Vec<Found> =
            found(&text).into_iter().filter(|found| found.rule.id == id && found.severity > Severity::Info).collect();
        if !found.is_empty() {
            wrong.push(format!("{id}: {text}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_example_is_taken_for_harmless() {
    let taken: Vec<_> =
        examples().0.into_iter().filter(|(_, text)| super::is_harmless(text)).map(|(id, _)| id).collect();
    assert_eq!(taken, Vec::<String>::new());
}

#[test]
fn a_whole_file_of_examples_gives_each_once() {
    let (examples, _) = examples();
    // Half a line between, so that companions and contexts of neighbours do not mix.
    let gap = format!("\n{}\n", "- ".repeat(1000));
    let text = examples.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(&gap);
    let found = engine::scan(text.as_bytes(), Kind::Settings).found;
    assert!(found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start), "no two overlap");
    let expected: Vec<&str> = examples.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids(&found), expected);
}

#[test]
fn nothing_shows_a_value() {
    for (id, text) in examples().0 {
        let found = found(&text);
        let masked = super::mask_text(&text);
        for one in &found {
            let value = &text[one.span.clone()];
            assert!(!one.masked.contains(value), "{id}");
            // No stretch of twelve bytes of the value is left but its public prefix.
            let shown = one.masked.split("****").next().map_or(0, str::len);
            for start in shown.max(16)..value.len().saturating_sub(12) {
                let Some(part) = value.get(start..start + 12) else { continue };
                if text.matches(part).count() == 1 && !id.ends_with("-url") && !id.ends_with("url-credentials") {
                    assert!(!one.masked.contains(part), "{id}: {}", one.masked);
                    assert!(!masked.contains(part), "{id}: {masked}");
                }
            }
            assert!(one.notes.iter().all(|note| !note.contains(value)));
        }
    }
}

#[test]
fn ids_stand_for_the_value_alone() {
    let (examples, _) = examples();
    let (_, token) = examples.iter().find(|(id, _)| id == "secret/github-pat").expect("is there");
    let [a, b] = [found(token), found(&format!("# elsewhere\nTOKEN='{token}'\n"))];
    assert_eq!(a[0].id, b[0].id);
    assert_eq!(a[0].id.len(), 16);
    assert!(!a[0].id.contains(&token[4..10]));
}

#[test]
fn a_wrong_checksum_is_a_lookalike() {
    let (examples, _) = examples();
    for id in ["secret/github-pat", "secret/npm-token", "secret/grafana-service-account-token", "secret/age-secret-key"]
    {
        let (_, token) = examples.iter().find(|(known, _)| known == id).expect("is there");
        let mut bytes = token.clone().into_bytes();
        bytes[20] = if bytes[20] == b'Q' { b'Z' } else { b'Q' };
        let found = engine::scan(&bytes, Kind::Settings).found;
        assert_eq!(ids(&found), [id]);
        assert_eq!(found[0].severity, Severity::Info, "{id}");
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Scans as the pass does: windows that overlap.
fn collect(bytes: &[u8], path: &str) -> Vec<SecretFact> {
    let path: ImagePath = path.into();
    let entry = FileEntry::file("x", bytes.len() as u64);
    let mut facts = Facts::default();
    let mut start = 0;
    loop {
        let end = (start + WINDOW).min(bytes.len());
        let node = Node { layer: 0, member: 0 };
        facts.begin(node, 0);
        SecretCollector.collect(
            &File {
                node,
                path: &path,
                entry: &entry,
                bytes: &bytes[start..end],
                offset: start as u64,
                lines_before: line_feeds(&bytes[..start]),
                overlap: if start == 0 { 0 } else { OVERLAP },
                is_last: end == bytes.len(),
                whole: Some(bytes),
            },
            &mut facts,
        );
        if end == bytes.len() {
            break;
        }
        start = end - OVERLAP;
    }
    let (facts, limitations) = facts.into_parts();
    assert!(limitations.is_empty());
    facts
        .into_iter()
        .filter_map(|fact| match &*fact.fact {
            Fact::Secret(secret) => Some((**secret).clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_secret_is_found_once_wherever_windows_meet() {
    let (examples, _) = examples();
    let (_, token) = examples.iter().find(|(id, _)| id == "secret/github-pat").expect("is there");
    let (_, key) = examples.iter().find(|(id, _)| id == "secret/private-key").expect("is there");
    let line = b"nothing to see in this line\n";
    let mut filler: Vec<u8> = line.repeat((WINDOW + 3 * OVERLAP) / line.len());
    for text in [token.as_bytes(), key.as_bytes()] {
        // Round each place where something begins or ends: the second window, the middle, the first window's end.
        let edges = [WINDOW - OVERLAP, WINDOW - OVERLAP / 2, WINDOW];
        let step = if text.len() > 100 { 37 } else { 3 };
        for edge in edges {
            for at in (edge - text.len() - 2..edge + 3).step_by(step).chain([edge - 1, edge, edge + 1]) {
                let saved = filler[at - 1..=at + text.len()].to_vec();
                filler[at - 1] = b' ';
                filler[at..at + text.len()].copy_from_slice(text);
                filler[at + text.len()] = b' ';
                let found = collect(&filler, "a/b.txt");
                assert_eq!(found.len(), 1, "at {at}");
                let offset = usize::try_from(found[0].offset).expect("small");
                assert!((at..at + 4).contains(&offset), "{offset} at {at}");
                let line = line_feeds(&filler[..offset]) + 1;
                assert_eq!(found[0].lines.map(|(first, _)| first), Some(line));
                filler[at - 1..=at + text.len()].copy_from_slice(&saved);
            }
        }
    }
}

#[test]
fn lines_span_a_key_and_binaries_have_none() {
    let (examples, _) = examples();
    let (_, key) = examples.iter().find(|(id, _)| id == "secret/private-key").expect("is there");
    let text = format!("one\ntwo\n{key}\n");
    let facts = collect(text.as_bytes(), "k");
    assert_eq!(facts[0].lines, Some((3, 2 + key.trim_end().lines().count() as u64)));
    let binary = [b"\x7fELF\0\0", text.as_bytes()].concat();
    let facts = collect(&binary, "k");
    assert_eq!((facts[0].lines, facts[0].offset), (None, 6 + 8));
}

#[test]
fn files_of_nothing_but_anchors_end_soon() {
    for part in [
        "-----BEGIN PRIVATE KEY-----\n",
        "eyJhbGciOi ",
        "\"auth\" ",
        "machine x login y ",
        "a://b:",
        "password=",
        "ops_eyJ-",
    ] {
        let bytes = part.as_bytes().repeat(200_000 / part.len());
        let started = std::time::Instant::now();
        engine::scan(&bytes, Kind::Settings);
        assert!(started.elapsed().as_secs() < 20, "{part}");
    }
}

#[test]
fn each_place_of_a_configuration_is_scanned() {
    let (examples, _) = examples();
    let tokens: Vec<&str> =
        examples.iter().filter(|(id, _)| id.starts_with("secret/github-")).map(|(_, text)| text.as_str()).collect();
    let config = serde_json::json!({
        "author": tokens[0],
        "config": {
            "Env": [format!("GH={}", tokens[1]), "PATH=/usr/bin", "DB_PASSWORD=h7Kq!x93fRz", "JSON={\"password\":\"h7Kq!x93fRz\"}"],
            "Labels": {"a.b": tokens[2]},
            "Cmd": ["run", "--token", tokens[3]],
            "Entrypoint": ["sh", "-c", format!("x {}", tokens[4])],
            "Healthcheck": {"Test": ["CMD", tokens[5]]},
            "OnBuild": [format!("ENV A={}", tokens[6])],
        },
        "history": [
            {"created_by": format!("RUN |1 ARG={} /bin/sh -c curl -H {} x # buildkit", tokens[7], tokens[8])},
            {"created_by": "RUN true", "comment": tokens[9]},
        ],
    });
    let config: ImageConfig = serde_json::from_value(config).expect("a configuration");
    let (secrets, gaps) = super::scan_config(&config);
    assert_eq!(gaps, []);
    let places = places(&secrets);
    assert_eq!(
        places,
        [
            "Env.GH",
            "Env.DB_PASSWORD",
            "Env.JSON",
            "Labels.a.b",
            "Entrypoint",
            "Cmd",
            "Healthcheck",
            "OnBuild",
            "author",
            "0 ARG",
            "0 created_by",
            "1 comment"
        ]
    );
    let masked = super::mask_text(&config.history[0].created_by);
    assert!(!masked.contains(&tokens[7][6..20]) && !masked.contains(&tokens[8][6..20]), "{masked}");
    assert!(masked.starts_with("RUN |1 ARG=") && masked.ends_with(" x # buildkit"), "{masked}");
}

#[test]
fn texts_that_nothing_uses_are_searched_once() {
    let (examples, _) = examples();
    let tokens: Vec<&str> =
        examples.iter().filter(|(id, _)| id.starts_with("secret/github-")).map(|(_, text)| text.as_str()).collect();
    let env = format!("GH={}", tokens[0]);
    let step = format!("RUN curl -H {} x", tokens[1]);
    let cases = [
        (serde_json::json!({"container_config": {"Env": [env]}}), vec!["container_config.Env[0]"]),
        (serde_json::json!({"config": {"Env": [env]}, "container_config": {"Env": [env]}}), vec!["Env.GH"]),
        (serde_json::json!({"config": {"WorkingDir": format!("/{}/x", tokens[0])}}), vec!["WorkingDir"]),
        (serde_json::json!({"x.y": {"api": {"password": "h7Kq!x93fRz"}}}), vec!["x.y.api.password"]),
        (serde_json::json!({"history": [{}, {"author": tokens[0]}]}), vec!["1 author"]),
        (serde_json::json!({"history": [{"created_by": step}], "v1": [step, step]}), vec!["0 created_by"]),
        (serde_json::json!({"a": {"b": [tokens[0], {"c": tokens[0]}]}}), vec!["a.b[0]"]),
        (serde_json::json!({"os": "linux", "id": "ab".repeat(32), "docker_version": "20.10.7"}), vec![]),
    ];
    for (document, expected) in cases {
        let document = document.to_string();
        let config = ImageConfig::parse(document.as_bytes(), &crate::limit::Limits::default()).expect("it parses");
        let (secrets, gaps) = super::scan_config(&config);
        assert_eq!(gaps, []);
        assert_eq!(places(&secrets), expected, "{document}");
    }
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let config = ImageConfig::parse(deep.as_bytes(), &crate::limit::Limits::default()).expect("it parses");
    let (_, gaps) = super::scan_config(&config);
    assert!(matches!(&*gaps, [gap] if gap.code == "config-not-searched" && gap.is_gap), "{gaps:?}");
}

#[test]
fn a_build_argument_of_several_steps_is_one_secret() {
    let (examples, _) = examples();
    let token = examples.iter().find(|(id, _)| id.starts_with("secret/github-")).map(|(_, text)| text.as_str());
    let token = token.expect("an example");
    let step = |name: &str| serde_json::json!({"created_by": format!("RUN |1 {name}={token} /bin/sh -c make")});
    let cases = [
        (1, vec!["0 A"], None),
        (2, vec!["0 A"], Some("also in build step 1")),
        (6, vec!["0 A"], Some("also in build steps 1, 2, 3, 4, 5")),
        (8, vec!["0 A"], Some("also in build steps 1, 2, 3, 4, 5 and 2 more")),
    ];
    for (count, expected, note) in cases {
        let document = serde_json::json!({"history": vec![step("A"); count]}).to_string();
        let config = ImageConfig::parse(document.as_bytes(), &crate::limit::Limits::default()).expect("it parses");
        let (secrets, _) = super::scan_config(&config);
        assert_eq!(places(&secrets), expected);
        assert_eq!(secrets[0].notes.iter().find(|note| note.starts_with("also")).map(String::as_str), note);
    }
    let document = serde_json::json!({"history": [step("A"), step("B")]}).to_string();
    let config = ImageConfig::parse(document.as_bytes(), &crate::limit::Limits::default()).expect("it parses");
    assert_eq!(places(&super::scan_config(&config).0), ["0 A", "1 B"], "other names are other places");
}

#[test]
fn a_graver_secret_takes_the_place_of_a_weaker_one() {
    let (examples, _) = examples();
    let token = examples.iter().find(|(id, _)| id.starts_with("secret/github-")).map(|(_, text)| text.as_str());
    let token = token.expect("an example");
    let weak: String = (0..1_200).map(|number| format!("password{number} = \"h7Kq!x9{number}fRz\"\n")).collect();
    let all = collect(weak.as_bytes(), "srv/a.ini");
    assert_eq!(all.len(), 1_000);
    let found = collect(format!("{weak}{token}\n").as_bytes(), "srv/a.ini");
    assert_eq!(found.len(), 1_000);
    assert!(found.last().is_some_and(|last| last.rule.id.starts_with("secret/github-")), "{:?}", found.last());
    let first = |facts: &[SecretFact]| facts.iter().take(999).map(|fact| fact.offset).collect::<Vec<_>>();
    assert_eq!(first(&found), first(&all), "of like ones the first in the file are kept");
}

fn places(secrets: &[crate::inventory::Secret]) -> Vec<String> {
    secrets
        .iter()
        .map(|secret| match &secret.place {
            crate::inventory::SecretPlace::Config { key } => key.clone(),
            crate::inventory::SecretPlace::History { index, key } => format!("{index} {key}"),
            crate::inventory::SecretPlace::File { .. } => unreachable!("no file"),
        })
        .collect()
}

//! How secrets are shown: by fingerprints that survive a rebuild, with comments that allow them, in groups.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::image::{Built, Recipe};
use crate::support::raw::RawTar;
use crate::support::run::{command, file_of, rendered, run, scan_bytes};
use crate::support::token;

fn password(seed: &str) -> String {
    [seed, "q7Rt", "2xLm9"].concat()
}

fn setting(value: &str) -> String {
    [" = '", value, "'\n"].concat()
}

fn built(layers: &[Vec<u8>], env: &[String]) -> Vec<u8> {
    let recipe = Recipe { config: json!({"User": "1", "Env": env}), ..Recipe::default() };
    Built::new(&recipe, layers).docker_archive()
}

/// `id rule` of each secret.
fn ids(archive: &[u8]) -> BTreeSet<String> {
    let findings = secrets(&rendered(&[scan_bytes(archive).report()], "json", false));
    findings.iter().map(|finding| format!("{} {}", finding["id"], finding["rule"])).collect()
}

fn secrets(report: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(report).unwrap();
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["family"] == "secret").cloned().collect()
}

/// The same secrets in the same places: settings under a path with a version, a key in a bundle, a variable.
fn image(version: &str, digest: &str, shift: &str, below: bool) -> Vec<u8> {
    let word = ["pass", "word"].concat();
    let settings = format!("{shift}db_{word}{}other_{word}{}", setting(&password("a")), setting(&password("b")));
    let bundle = format!("{shift}x = '{}';\n", token::github(3));
    let app = RawTar::default()
        .file(format!("opt/shop-{version}/conf/app.ini"), settings)
        .file(format!("srv/www/main.{digest}.js"), bundle);
    let mut layers = vec![RawTar::default().file("etc/motd", shift).end()];
    if below {
        // an older copy of both, which the next layer overwrites
        layers.push(app.clone().end());
        layers.push(RawTar::default().file("etc/more", "x").end());
    }
    layers.push(app.end());
    built(&layers, &[format!("DB_{}={}", word.to_uppercase(), password("c"))])
}

#[test]
fn fingerprints_outlive_a_rebuild() {
    let first = ids(&image("1.4.2", "3f9ac01b", "", false));
    assert_eq!(first.len(), 4, "{first:?}");
    assert_eq!(first, ids(&image("1.5.0", "77ab12cd", "# moved\n\n# lines\n", false)));
    let with_copies = ids(&image("1.5.0", "77ab12cd", "# moved\n", true));
    assert!(first.is_subset(&with_copies), "the live ones keep theirs: {first:?} {with_copies:?}");
}

#[test]
fn passwords_have_a_fingerprint_of_their_own_only_by_a_key() {
    let file = file_of(&image("1.0", "3f9ac01b", "", false));
    let scan = |key: Option<&str>| {
        let mut command = command(&["scan", file.path().to_str().unwrap(), "-f", "json", "--today", "2026-03-01"]);
        if let Some(key) = key {
            command.env("CAREEN_FINGERPRINT_KEY", key);
        }
        let done = run(command, &[]);
        assert!(!done.stdout.contains("my-own-key") && !done.stderr.contains("my-own-key"));
        secrets(&done.stdout)
    };
    let hashes = |findings: &[Value]| -> Vec<String> {
        let mut all: Vec<String> = findings
            .iter()
            .filter(|finding| finding["rule"] == "secret/generic-password")
            .map(|finding| finding["evidence"]["secret"].to_string())
            .collect();
        all.sort();
        all
    };
    assert_eq!(hashes(&scan(None)), ["null"; 3]);
    let (one, again, other) = (scan(Some("my-own-key")), scan(Some("my-own-key")), scan(Some("another")));
    assert_eq!(hashes(&one), hashes(&again));
    assert!(hashes(&one).iter().all(|hash| hash.len() == 18 && !hashes(&other).contains(hash)));
}

#[test]
fn comments_in_files_are_told_and_count_only_if_the_policy_says_so() {
    let token = token::github(5);
    let tar = RawTar::default().file("app/a.env", format!("# mine\nT={token} # gitleaks:allow\n"));
    let file = file_of(&built(&[tar.end()], &[]));
    let folder = tempfile::tempdir().unwrap();
    let scan = |policy: &str, format: &str| {
        let place = folder.path().join("policy.toml");
        fs::write(&place, policy).unwrap();
        run(command(&["scan", file.path().to_str().unwrap(), "-f", format, "-p", place.to_str().unwrap()]), &[])
    };
    let done = scan("extends = \"careen:2026\"\n", "json");
    assert_eq!(done.code, 1);
    let finding = &secrets(&done.stdout)[0];
    assert_eq!(finding["evidence"]["allowed_by"], "gitleaks:allow");
    assert_eq!(finding["status"], "open");
    let policy = "extends = \"careen:2026\"\nhonour-inline = true\n";
    let done = scan(policy, "json");
    assert_eq!(done.code, 0, "{}", done.stdout);
    let finding = &secrets(&done.stdout)[0];
    assert_eq!(finding["waiver"]["place"], "/app/a.env:2");
    let done = scan(policy, "sarif");
    assert!(done.stdout.contains("\"inSource\"") && !done.stdout.contains(&token));
    assert!(done.stdout.contains("careenSecret/v1"));
}

#[test]
fn one_secret_in_several_places_is_one_entry() {
    let token = token::github(6);
    let text = format!("T={token}\n");
    let lower = RawTar::default().file("app/a.env", &text).file("app/b.env", &text).file("app/c.env", &text);
    let upper = RawTar::default().file("app/.wh.c.env", "");
    let report = scan_bytes(&built(&[lower.end(), upper.end()], &[])).report();
    let shown = rendered(&[report], "text", false);
    assert_eq!(shown.matches("secret/github-pat").count(), 2, "once here, once in `next`: {shown}");
    assert!(shown.contains("3 places"), "{shown}");
    assert!(shown.contains("/app/a.env:1") && shown.contains("/app/b.env:1"), "{shown}");
    assert!(shown.contains("/app/c.env:1") && shown.contains("deleted in layer 1, still shipped"), "{shown}");
    assert!(shown.contains("to do: "), "{shown}");
}

#[test]
fn what_unchanged_packages_brought_is_shown_on_demand() {
    let key = token::key();
    let md5: String = careen::digest::ContentDigests::of(key.as_bytes())
        .md5
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let tar = RawTar::default()
        .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
        .file(
            "var/lib/dpkg/status",
            "Package: good\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: A <a@debian.org>\n",
        )
        .file("var/lib/dpkg/info/good.md5sums", format!("{md5}  usr/share/k.pem\n"))
        .file("usr/share/k.pem", &key);
    let report = scan_bytes(&built(&[tar.end()], &[])).report();
    let reports = [report];
    let shown = rendered(&reports, "text", false);
    assert!(!shown.contains("secret/private-key"), "{shown}");
    assert!(shown.contains("1 secret of unchanged packages (--show-packaged)"), "{shown}");
    assert!(rendered(&reports, "text", true).contains("secret/private-key"));
    let finding = &secrets(&rendered(&reports, "json", false))[0];
    assert_eq!((&finding["severity"], &finding["evidence"]["packaged_by"]), (&json!("info"), &json!("good")));
}

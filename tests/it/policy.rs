//! Policies as a user works with them: files that extend others, registries, waivers beside, baselines, `careen policy`.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use careen::digest::Digest;
use serde_json::{Value, json};

use crate::support::image::Recipe;
use crate::support::run::command;
use crate::support::server::{Reply, Server};

const ROOT: &str = "[[rule]]\nname = \"no root\"\nmatch = { rule = \"image/root-user\" }\naction = \"fail\"\nhelp = \"end with USER\"\n";

/// A folder with an image that starts as root, `image.tar`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let recipe: Recipe = serde_json::from_value(json!({
        "about": "starts as root",
        "config": { "Labels": { "team": "shop" } },
        "layer": [{ "members": [{ "path": "app/run", "text": "#!/bin/sh\n" }] }],
    }))
    .unwrap();
    fs::write(folder.path().join("image.tar"), recipe.build().docker_archive()).unwrap();
    folder
}

fn careen(folder: &Path, arguments: &[&str]) -> Output {
    command(arguments).current_dir(folder).output().unwrap()
}

fn scan(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let all = ["scan", "image.tar", "--no-advisories", "-f", "json", "--today", "2026-03-01"];
    let all: Vec<&str> = all.iter().chain(arguments).copied().collect();
    let output = careen(folder, &all);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), report)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_verdict_names_the_line_that_decided_and_what_would_pass() {
    let folder = folder();
    fs::write(folder.path().join("policy.toml"), format!("name = \"ours\"\n{ROOT}[limits]\nlayers = 0\n")).unwrap();
    let (code, report) = scan(folder.path(), &["-p", "policy.toml"]);
    assert_eq!(code, Some(1), "{report}");
    let rules = report["verdict"]["rules"].as_array().unwrap();
    let shown: Vec<String> = rules
        .iter()
        .filter(|rule| rule["action"] == "fail")
        .map(|rule| format!("{} {} {}", rule["rule"], rule["place"], rule["remedies"][0]))
        .collect();
    assert_eq!(
        shown,
        [
            "\"ours [limits] layers\" \"policy.toml:8\" \"`careen layers --waste IMAGE` shows what could go\"",
            "\"ours no root\" \"policy.toml:2\" \"end with USER\"",
        ]
    );
    assert_eq!(report["target"]["facts"]["config"]["labels"]["team"], "shop");
}

#[test]
fn policies_extend_files_from_their_own_folder_and_never_in_a_circle() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir_all(path.join("org/team")).unwrap();
    fs::write(path.join("org/base.toml"), ROOT).unwrap();
    fs::write(path.join("org/team/policy.toml"), "extends = [\"careen:2026\", \"../base.toml\"]\n").unwrap();
    assert_eq!(scan(path, &["-p", "org/team/policy.toml"]).0, Some(1));
    let relaxed =
        "extends = \"org/team/policy.toml\"\n[[rule]]\nmatch = { rule = \"image/root-user\" }\naction = \"warn\"\n";
    fs::write(path.join("mine.toml"), relaxed).unwrap();
    assert_eq!(scan(path, &["-p", "mine.toml"]).0, Some(0));
    assert_eq!(
        scan(path, &["-p", "mine.toml", "-p", "org/base.toml"]).0,
        Some(1),
        "who is named last has the last word"
    );
    assert_eq!(scan(path, &["-p", "org/base.toml", "-p", "mine.toml"]).0, Some(0));
    fs::write(path.join("a.toml"), "extends = \"b.toml\"\n").unwrap();
    fs::write(path.join("b.toml"), "\nextends = \"./a.toml\"\n").unwrap();
    fs::write(path.join("gone.toml"), "extends = [\n  \"careen:2026\",\n  \"nowhere.toml\",\n]\n").unwrap();
    fs::write(path.join("tag.toml"), "extends = \"oci:registry.example/policies/base:1\"\n").unwrap();
    for (name, place, said) in [
        ("a.toml", "b.toml:2", "in a circle"),
        ("gone.toml", "gone.toml:3", "nowhere.toml"),
        ("tag.toml", "tag.toml:1:11", "by its digest"),
    ] {
        let output = careen(path, &["policy", "check", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains(place) && stderr(&output).contains(said), "{name}: {}", stderr(&output));
    }
}

#[test]
fn a_policy_in_a_registry_is_taken_by_its_digest() {
    let folder = folder();
    let policy = ROOT.as_bytes().to_vec();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.careen.policy.v1+toml",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::sha256(b"{}").to_string(), "size": 2 },
        "layers": [{ "mediaType": "application/toml", "digest": Digest::sha256(&policy).to_string(), "size": policy.len() }],
    })
    .to_string();
    let digest = Digest::sha256(manifest.as_bytes()).to_string();
    let files = Arc::new((manifest, policy));
    let server = Server::start(move |seen| {
        let (manifest, policy) = files.as_ref();
        match seen.path.strip_prefix("/v2/team/policy/") {
            Some(path) if path.starts_with("manifests/") => {
                Reply::file(manifest.as_bytes()).with("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            }
            Some(path) if path.starts_with("blobs/") => Reply::file(policy.clone()),
            _ => Reply::of(404),
        }
    });
    let host = server.url.trim_start_matches("http://");
    let write = |text: String| fs::write(folder.path().join("policy.toml"), text).unwrap();
    write(format!("extends = \"oci:{host}/team/policy@{digest}\"\n"));
    let (code, report) = scan(folder.path(), &["-p", "policy.toml"]);
    assert_eq!(code, Some(1), "{report} {:?}", server.paths());
    let other = Digest::sha256(b"other");
    write(format!("extends = \"oci:{host}/team/policy@{other}\"\n"));
    assert_eq!(scan(folder.path(), &["-p", "policy.toml"]).0, Some(2), "the manifest has another digest");
}

#[test]
fn waivers_lie_beside_the_policy_or_are_named() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("policy.toml"), ROOT).unwrap();
    let waiver = "[[waiver]]\nrule = \"DL3002\"\nreason = \"the base is replaced in May\"\nexpires = 2026-12-31\n";
    fs::write(path.join("other.toml"), waiver).unwrap();
    assert_eq!(scan(path, &["-p", "policy.toml"]).0, Some(1));
    assert_eq!(scan(path, &["-p", "policy.toml", "--waivers", "other.toml"]).0, Some(0));
    fs::write(path.join("waivers.toml"), waiver).unwrap();
    let (code, report) = scan(path, &["-p", "policy.toml"]);
    assert_eq!((code, &report["verdict"]["waived"]), (Some(0), &json!(1)));
    fs::write(path.join("waivers.toml"), format!("{waiver}{ROOT}")).unwrap();
    assert_eq!(scan(path, &["-p", "policy.toml"]).0, Some(2), "a file of waivers holds nothing else");
}

#[test]
fn the_configuration_file_may_hold_the_policy() {
    let folder = folder();
    let path = folder.path();
    let inside = "[policy]\nextends = \"careen:2026\"\n[[policy.rule]]\nmatch = { rule = \"image/root-user\" }\naction = \"fail\"\n";
    fs::write(path.join("careen.toml"), inside).unwrap();
    let (code, report) = scan(path, &[]);
    assert_eq!(code, Some(1), "{report}");
    assert_eq!(report["verdict"]["rules"][0]["place"], "careen.toml:3", "{}", report["verdict"]);
    assert_eq!(scan(path, &["-p", "careen:report-only"]).0, Some(0), "a flag wins");
    fs::write(path.join("careen.toml"), inside.replace("image/root-user", "image/root-usr")).unwrap();
    let output = careen(path, &["scan", "image.tar", "--no-advisories"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("careen.toml:4:18"), "{}", stderr(&output));
}

#[test]
fn tables_of_policies_belong_under_policy_in_the_configuration() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("Dockerfile"), "FROM debian:13\n").unwrap();
    let waiver = "[[waiver]]\nrule = \"image/root-user\"\nreason = \"legacy\"\nexpires = 2099-01-31\n";
    for (text, told) in [
        (waiver, "`[[policy.waiver]]`"),
        (ROOT, "`[[policy.rule]]`"),
        ("[require]\nuser = \"non-root\"\n", "`[policy.require]`"),
    ] {
        fs::write(path.join("careen.toml"), text).unwrap();
        let check = &["policy", "check", "careen.toml"];
        for arguments in [&["scan", "image.tar", "--no-advisories"][..], &["lint", "Dockerfile"], check] {
            let output = careen(path, arguments);
            assert_eq!(output.status.code(), Some(2), "{arguments:?} {text}");
            assert!(stderr(&output).contains(told), "{told}: {}", stderr(&output));
        }
    }
    // `layers` would be one on what is read, too
    fs::write(path.join("careen.toml"), "[limits]\nwaste = 3\n").unwrap();
    let output = careen(path, &["scan", "image.tar", "--no-advisories"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`[policy.limits]`"), "{}", stderr(&output));
    fs::write(path.join("careen.toml"), waiver.replace("[[waiver]]", "[[policy.waiver]]")).unwrap();
    assert_eq!(scan(path, &[]).1["verdict"]["waived"], 1);
}

#[test]
fn what_a_baseline_lists_does_not_fail() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("policy.toml"), ROOT).unwrap();
    let output = careen(path, &["scan", "image.tar", "--no-advisories", "-p", "policy.toml", "-o", "json=report.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(careen(path, &["policy", "baseline", "report.json", "-o", "baseline.json"]).status.code(), Some(0));
    let old: Value = serde_json::from_slice(&fs::read(path.join("baseline.json")).unwrap()).unwrap();
    let (made, image) = (old["made"].as_str().unwrap(), &old["images"][0]);
    assert_eq!((made.len(), &image["reference"]), (10, &json!("image.tar")));
    // as it was written before there were days and images
    let without = json!({ "schema": "careen.baseline/1", "findings": old["findings"] });
    fs::write(path.join("old.json"), without.to_string()).unwrap();
    for (baseline, told) in [
        ("report.json", "`report.json` (image.tar)".to_owned()),
        ("baseline.json", format!("`baseline.json` ({made}, image.tar)")),
        ("old.json", "`old.json`".to_owned()),
    ] {
        let (code, report) = scan(path, &["-p", "policy.toml", "--baseline", baseline]);
        assert_eq!(code, Some(0), "{report}");
        assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["decided_by"] == "baseline"));
        let reason = report["verdict"]["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("1 finding only warns by the baseline {told}")), "{reason}");
        assert_eq!(report["verdict"]["baseline"]["known"], 1);
    }
    fs::write(path.join("policy.toml"), format!("fail-on = \"new\"\n{ROOT}")).unwrap();
    let (code, report) = scan(path, &["-p", "policy.toml"]);
    let reason = report["verdict"]["reason"].as_str().unwrap();
    assert_eq!(code, Some(1), "without a baseline all are new");
    assert!(reason.contains("`fail-on = \"new\"` (policy.toml:1) has no `--baseline`"), "{reason}");
    fs::write(path.join("policy.toml"), format!("fail-on = \"all\"\n{ROOT}")).unwrap();
    assert_eq!(scan(path, &["-p", "policy.toml", "--baseline", "baseline.json"]).0, Some(1));
    assert_eq!(scan(path, &["-p", "policy.toml", "--baseline", "policy.toml"]).0, Some(2));
}

#[test]
fn a_policy_is_begun_checked_and_shown() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(careen(path, &["policy", "init"]).status.code(), Some(0));
    assert_eq!(careen(path, &["policy", "init"]).status.code(), Some(2), "nothing is written over");
    let checked = careen(path, &["policy", "check", "policy.toml"]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!((checked.status.code(), text.contains("note:")), (Some(0), false), "{text}");
    assert_eq!(scan(path, &["-p", "policy.toml"]).0, Some(1));
    let more = "[limits]\nlayers = 9\n[[rule]]\nmatch = { rule = \"image/root-user\" }\naction = \"warn\"\n[[rule]]\nmatch = {}\naction = \"info\"\n";
    fs::write(path.join("more.toml"), more).unwrap();
    let shown = careen(path, &["policy", "show", "policy.toml", "more.toml"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for line in
        ["[limits] layers = 9    # more.toml:2", "rule warn: more.toml line 3    # more.toml:3", "edition: 2026"]
    {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    let checked = careen(path, &["policy", "check", "more.toml"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("`more.toml:3` never decides"), "{checked:?}");
}

#[test]
fn a_wrong_file_does_not_keep_the_others_from_being_checked() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("a.toml"), "[[rule]]\nmatch = { rule = \"image/rot-user\" }\naction = \"fail\"\n").unwrap();
    fs::write(path.join("b.toml"), "extends = \"careen:2026\"\n").unwrap();
    fs::write(path.join("c.toml"), "editoin = \"2026\"\n").unwrap();
    let checked = careen(path, &["policy", "check", "a.toml", "b.toml", "c.toml"]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("b.toml: in order"), "{checked:?}");
    let told = stderr(&checked);
    assert!(told.contains("image/rot-user") && told.contains("editoin"), "{told}");
}

#[test]
fn the_policy_of_the_configuration_file_is_checked_shown_and_tried_like_others() {
    let folder = folder();
    let path = folder.path();
    let preset = careen(path, &["policy", "show"]);
    assert!(String::from_utf8_lossy(&preset.stdout).starts_with("# careen:2026"), "{preset:?}");
    let inside = "[secrets]\nrules = []\n[policy]\nname = \"here\"\n[[policy.rule]]\nname = \"root\"\n\
                  match = { rule = \"image/root-user\", severity = \">=low\" }\nunless = { path = \"/x\" }\naction = \"fail\"\n\
                  [[policy.test]]\nname = \"root\"\nfindings = [{ rule = \"image/root-user\" }]\n\
                  expect = { outcome = \"failed\" }\n";
    fs::write(path.join("careen.toml"), inside).unwrap();
    for arguments in [&["policy", "show"][..], &["policy", "show", "careen.toml"]] {
        let shown = careen(path, arguments);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for line in [
            "note: `careen:2026` does not judge",
            "rule fail: here root",
            "    match = { rule = \"image/root-user\", severity = \">=low\" }",
            "    unless = { path = \"/x\" }",
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
    }
    for (command, said) in [("check", "here: in order; rules: 1"), ("test", "1 test: all hold")] {
        let done = careen(path, &["policy", command, "careen.toml"]);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        assert!(String::from_utf8_lossy(&done.stdout).contains(said), "{done:?}");
    }
}

#[test]
fn a_preset_is_never_a_file_of_its_name() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("strict"), "[[rule]]\nmatch = {}\naction = \"ignore\"\n").unwrap();
    let arguments = |word| ["scan", "image.tar", "--no-advisories", "-p", word];
    let output = careen(path, &arguments("strict"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("warning: `strict` is the preset `careen:strict`"), "{}", stderr(&output));
    assert_ne!(careen(path, &arguments("./strict")).status.code(), Some(1), "a file is named as one");
    fs::write(path.join("policy.toml"), "extends = \"strict\"\n").unwrap();
    let output = careen(path, &arguments("policy.toml"));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("write `careen:strict` for the preset, or `./strict`"), "{}", stderr(&output));
}

#[test]
fn an_import_writes_over_no_policy() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join(".trivyignore"), "CVE-2024-1\n").unwrap();
    let arguments = ["policy", "import", ".trivyignore", "-o", "policy.toml"];
    assert_eq!(careen(path, &arguments).status.code(), Some(0));
    let before = fs::read(path.join("policy.toml")).unwrap();
    let again = careen(path, &arguments);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("writes over no policy"), "{}", stderr(&again));
    assert_eq!(fs::read(path.join("policy.toml")).unwrap(), before);
}

#[test]
fn the_schema_is_printed() {
    let folder = folder();
    let output = careen(folder.path(), &["policy", "schema"]);
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&json!({ "rule": [{ "match": { "family": "secret" }, "action": "fail" }] })));
    assert!(!validator.is_valid(&json!({ "rule": [{ "match": { "family": "secrets" }, "action": "fail" }] })));
}

#[test]
fn what_was_ignored_is_explained_by_the_rule_that_did() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("policy.toml"), ROOT.replace("fail", "ignore")).unwrap();
    let output = careen(path, &["scan", "image.tar", "--no-advisories", "-p", "policy.toml", "-o", "json=report.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let explained = careen(path, &["explain", "image/root-user", "--in", "report.json"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(text.contains("is ignored") && text.contains("policy.toml:"), "{text}");
}

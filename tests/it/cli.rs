//! What the binary adds to the library: exit codes, places of output, flags.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::support::image::{Built, DockerStyle, Packing, Recipe, docker_archive};
use crate::support::raw::RawTar;
use crate::support::run::{Run, TODAY, careen, careen_reading, command, file_of, run};
use crate::support::token;

const DEMO: &str = "fixtures/demo/demo.tar";

fn scan(arguments: &[&str]) -> Run {
    careen(&[&["scan", "--today", TODAY], arguments].concat())
}

/// An image that breaks nothing.
fn good() -> Built {
    Built::of(&[RawTar::default().file("etc/hostname", "good\n").end()])
}

/// An image whose only layer is cut, with or without something that breaks the policy before the cut.
fn cut(is_bad: bool) -> Built {
    let secret = if is_bad { format!("token={}\n", token::github(1)) } else { "nothing\n".into() };
    let mut layer = RawTar::default().file("app/.env", secret).file("app/data", [1; 2000]).end();
    layer.truncate(layer.len() - 2500);
    Built::of(&[layer])
}

#[test]
fn exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.tar", &good().docker_archive());
    let incomplete = file("cut.tar", &cut(false).oci_archive(Packing::Gzip));
    let both = file("both.tar", &cut(true).oci_archive(Packing::Gzip));
    let text = file("text.tar", b"this is no archive");
    let empty = file("empty.tar", b"");
    let other = file("other.tar", &RawTar::default().file("hello", "no image").end());
    let missing = folder.path().join("missing.tar").to_str().unwrap().to_owned();
    let cases: &[(&[&str], i32)] = &[
        (&[&good], 0),
        (&[DEMO], 1),
        (&["--exit-code", "7", DEMO], 7),
        (&["--exit-code", "7", &good], 0),
        (&["--no-fail", DEMO], 0),
        (&["--fail-on", "low", "--no-fail", DEMO], 0),
        (&["--severity", "critical", DEMO], 1),
        (&["-p", "careen:report-only", DEMO], 0),
        (&[&incomplete], 3),
        (&["--exit-code", "7", &incomplete], 3),
        (&["--allow-partial", &incomplete], 0),
        (&["--no-fail", &incomplete], 3),
        (&[&both], 1),
        (&["--exit-code", "9", &both], 9),
        (&["--allow-partial", &both], 1),
        (&["--no-fail", &both], 3),
        (&["--no-fail", "--allow-partial", &both], 0),
        (&[&missing], 2),
        (&[], 2),
        (&["--no-such-flag", &good], 2),
        (&["-f", "yaml", &good], 2),
        (&["--exit-code", "300", &good], 2),
        (&["--exit-code", "100", &both], 100),
        (&["--exit-code", "101", &both], 2),
        (&["-o", &good, &good], 2),
        (&["-q", "-o", &format!("json={good}"), &format!("docker-archive:{good}")], 2),
        (&["--platform", "nonsense", &good], 2),
        (&["--platform", "linux/s390x", &good], 2),
        (&["-p", "no-such-policy.toml", &good], 2),
        (&["-o", "/no/such/folder/report.json", &good], 2),
        (&[&text], 4),
        (&[&empty], 4),
        (&[&other], 4),
        (&["docker-archive:", &good], 2),
        (&["-f", "json", &text], 4),
    ];
    let mut wrong = Vec::new();
    for (arguments, code) in cases {
        let run = scan(arguments);
        if run.code != *code {
            wrong.push(format!("{arguments:?} exits with {}, not {code}: {}", run.code, run.stderr));
        }
        if matches!(code, 2 | 4) && !run.stderr.contains("error") {
            wrong.push(format!("{arguments:?} says no `error` on stderr: {}", run.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"] as &[&str], &["--version"], &["scan", "--help"], &["rules", "--help"]] {
        let run = careen(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(run.stdout.contains("careen"), "{arguments:?}");
    }
}

#[test]
fn limits_are_set_by_name() {
    let good = file_of(&good().docker_archive());
    let good = good.path().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let tight = config("tight.toml", "[limits]\nlayers = 0\nexpanded = \"1GiB\"\n");
    let misspelt = config("misspelt.toml", "[limits]\nlayer = 1\n");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--limit", "layers=1", good], 0, ""),
        (&["--limit", "layers=0", good], 4, "more than 0 layers"),
        (&["--limit", "layers=0", "--limit", "layers=1", good], 0, ""),
        (&["--limit", "entries=0", good], 3, ""),
        (&["--limit", "layer=1", good], 2, "did you mean `layers`?"),
        (&["--limit", "layers", good], 2, "--limit NAME=VALUE"),
        (&["--limit", "layers=one", good], 2, "`one` is no whole number"),
        (&["--config", &tight, good], 4, "more than 0 layers"),
        (&["--config", &tight, "--limit", "layers=1", good], 0, ""),
        (&["--config", &misspelt, good], 2, "did you mean `layers`?"),
    ];
    for (arguments, code, told) in cases {
        let run = scan(arguments);
        assert_eq!(run.code, *code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(told), "{arguments:?}: {}", run.stderr);
    }
    let (long, short) = (careen(&["scan", "--help"]).stdout, careen(&["scan", "-h"]).stdout);
    for limit in careen::limit::LIMITS {
        assert!(long.contains(&format!("  {}=", limit.name)), "{long}");
    }
    assert!(!short.contains("--limit"), "{short}");
}

#[test]
fn failures_are_json_where_json_was_asked_for() {
    let text = file_of(b"this is no archive");
    let text = text.path().to_str().unwrap();
    for (target, outcome, kind) in [(text, "refused", "malformed"), ("./missing.tar", "error", "not-found")] {
        let run = scan(&["-f", "json", target]);
        let failure: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(failure["schema"], "careen.report/1");
        assert_eq!(failure["outcome"], outcome);
        assert_eq!(failure["error"]["kind"], kind);
        assert!(!failure["error"]["message"].as_str().unwrap().is_empty());
        assert!(run.stderr.contains("error"), "people are told too: {}", run.stderr);
        assert_eq!(scan(&[target]).stdout, "", "text says nothing on stdout");
    }
}

#[test]
fn wrong_command_lines_are_json_where_json_was_asked_for() {
    let failure = |run: &Run| -> Value {
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains("error"), "people are told too: {}", run.stderr);
        let failure: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((&failure["schema"], &failure["outcome"]), (&"careen.report/1".into(), &"error".into()));
        failure
    };
    let cases: &[(&[&str], &str)] = &[
        (&["scan", "-f", "json", "--bogus", DEMO], "unexpected argument '--bogus' found"),
        (&["scan", "--format=json"], "the following required arguments were not provided: <TARGET>"),
        (&["image", "-fjson", "--today", "soon", DEMO], "invalid value 'soon' for '--today <YYYY-MM-DD>'"),
    ];
    for (arguments, message) in cases {
        let error = failure(&careen(arguments))["error"].clone();
        assert_eq!(error["kind"], "usage");
        assert!(error["message"].as_str().unwrap().starts_with(message), "{error}");
    }
    let mut by_variable = command(&["scan", "--bogus"]);
    by_variable.env("CAREEN_FORMAT", "json");
    assert_eq!(failure(&run(by_variable, &[]))["error"]["kind"], "usage");
    for arguments in [&["scan", "--bogus"] as &[&str], &["rules", "-f", "json", "--bogus"]] {
        assert_eq!(careen(arguments).stdout, "", "{arguments:?}");
    }

    let place = "/no/such/folder/report.json";
    for target in [DEMO, "Cargo.toml"] {
        let error = failure(&scan(&["-f", "json", "-o", place, target]))["error"].clone();
        assert_eq!((error["kind"].as_str(), error["place"].as_str()), (Some("not-found"), Some(place)));
    }
    let beside_text = scan(&["-o", &format!("json={place}"), DEMO]);
    assert!(beside_text.stdout.starts_with(DEMO), "text stays text");
    assert_eq!(scan(&["-q", "-f", "json", "-o", place, DEMO]).stdout, "");
}

#[test]
fn the_words_that_choose_an_image_on_standard_input_work_as_told() {
    let (first, second) = (good(), Recipe::read("images/a-overwritten-by-empty.toml").build());
    let images = [("shop/api:1.4", &first), ("shop/api:1.5", &second)];
    let archive = docker_archive(&images, DockerStyle::Hybrid, Packing::Plain);
    let asked = careen_reading(&archive, &["-f", "json", "-"]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    let words: Vec<&str> = asked.stderr.split('`').filter(|word| word.starts_with('-')).collect();
    assert_eq!(words, ["-:shop/api:1.4", "-:shop/api:1.5"], "{}", asked.stderr);
    let mut digests = Vec::new();
    for (word, arguments) in [(words[0], ["-f", "json"]), (words[1], ["--format", "json"])] {
        for arguments in [[word, arguments[0], arguments[1]], [arguments[0], arguments[1], word]] {
            let run = careen_reading(&archive, &arguments);
            let report: Value = serde_json::from_str(&run.stdout).unwrap();
            assert_eq!(report["target"]["tags"][0], word[2..], "{arguments:?}: {}", run.stderr);
            digests.push(report["target"]["config_digest"].as_str().unwrap().to_owned());
        }
    }
    digests.dedup();
    assert_eq!(digests.len(), 2);
    let by_digest = careen_reading(&archive, &[&format!("-@{}", digests[0]), "-f", "json"]);
    let report: Value = serde_json::from_str(&by_digest.stdout).unwrap();
    assert_eq!(report["target"]["config_digest"], digests[0].as_str(), "{}", by_digest.stderr);
    assert_eq!(careen_reading(&archive, &["-:shop/api:1.4", "-:shop/api:1.5"]).code, 2, "one target at a time");
}

#[test]
fn variables_of_flags_take_the_usual_words() {
    for value in ["", "0", "no", "off", "false", "1", "yes", "on", "true"] {
        let mut command = command(&["scan", "--today", TODAY, DEMO]);
        command.env("CAREEN_INSECURE", value);
        assert_eq!(run(command, &[]).code, 1, "CAREEN_INSECURE={value}");
    }
    let mut command = command(&["scan", "--today", TODAY, DEMO]);
    for name in ["FORMAT", "POLICY", "PLATFORM", "USERNAME", "REGISTRY_TOKEN", "CACERT", "CONFIG", "COLOR"] {
        command.env(format!("CAREEN_{name}"), "");
    }
    let unset = run(command, &[]);
    assert_eq!((unset.code, unset.stderr.as_str()), (1, ""), "an empty variable is not set");
}

#[test]
fn reports_go_where_they_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let both = scan(&["-o", &format!("json={}", path("a.json")), "-o", &format!("sarif={}", path("a.sarif")), DEMO]);
    assert_eq!(both.code, 1, "{}", both.stderr);
    assert!(both.stdout.contains("secret/github-pat"), "text stays on stdout");
    let json: Value = serde_json::from_str(&read("a.json")).unwrap();
    assert_eq!(json["outcome"], "failed");
    let sarif: Value = serde_json::from_str(&read("a.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");

    let placed = scan(&["-f", "json", "-o", &path("b.json"), DEMO]);
    assert_eq!(placed.stdout, "");
    assert_eq!(serde_json::from_str::<Value>(&read("b.json")).unwrap(), json);
    assert_eq!(scan(&["-q", DEMO]).stdout, "");

    let refused = scan(&["-f", "json", "-o", &path("c.json"), "Cargo.toml"]);
    assert_eq!(refused.code, 4);
    assert_eq!(serde_json::from_str::<Value>(&read("c.json")).unwrap()["outcome"], "refused");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "nothing else is left behind: {left:?}");
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    for format in ["text", "json", "sarif"] {
        let mut child = command(&["scan", "--today", TODAY, "-v", "-f", format, DEMO])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{format}: {stderr}");
        assert!(!stderr.contains("error") && !stderr.contains("defect"), "{format}: {stderr}");
    }
    let mut child = command(&["rules"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn colour_is_only_where_it_is_wanted() {
    let coloured = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = command(&[&["scan", "--today", TODAY], arguments].concat());
        command.envs(variable);
        run(command, &[]).stdout.contains('\x1b')
    };
    assert!(!coloured(&[DEMO], None), "not on a pipe");
    assert!(coloured(&["--color", "always", DEMO], None));
    assert!(!coloured(&["--color", "never", DEMO], None));
    assert!(!coloured(&[DEMO], Some(("NO_COLOR", "1"))));
    assert!(!coloured(&["-f", "json", "--color", "always", DEMO], None), "JSON has none");
}

#[test]
fn policies_judge() {
    let folder = tempfile::tempdir().unwrap();
    let policy = |text: &str| {
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file_of(&good().docker_archive());
    let good = good.path().to_str().unwrap();
    let root = file_of(&Recipe::read("images/a-overwritten-by-empty.toml").build().docker_archive());
    let root = root.path().to_str().unwrap();
    assert_eq!(scan(&[root]).code, 0);
    let strict =
        "edition = \"2026\"\n\n[[rule]]\nname = \"root\"\nmatch = { rule = \"image/root-user\" }\naction = \"fail\"\n";
    assert_eq!(scan(&["-p", &policy(strict), root]).code, 1);
    assert_eq!(scan(&["-p", &policy(strict), good]).code, 0);
    assert_eq!(scan(&["--fail-on", "medium", root]).code, 1);

    let wrong = policy(&strict.replace("\"fail\"", "\"explode\""));
    let run = scan(&["-p", &wrong, good]);
    assert_eq!(run.code, 2);
    for part in ["policy.toml", "explode", "action", "6", "warn", "ignore"] {
        assert!(run.stderr.contains(part), "`{part}` is not in: {}", run.stderr);
    }
    let wrong = policy(&strict.replace("root-user", "root-usr"));
    let run = careen(&["policy", "check", &wrong]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("image/root-user"), "the nearest name is not in: {}", run.stderr);
    assert_eq!(careen(&["policy", "check", &policy(strict)]).code, 0);
    let shown = careen(&["policy", "show"]);
    assert_eq!(shown.code, 0);
    assert_eq!(careen(&["policy", "check", &policy(&shown.stdout)]).code, 0, "the preset is a policy file");
}

#[test]
fn rules_are_listed_and_explained() {
    let list = careen(&["rules"]);
    assert_eq!(list.code, 0);
    assert!(list.stdout.lines().any(|line| line.contains("image/root-user")));
    let json: Value = serde_json::from_str(&careen(&["rules", "-f", "json"]).stdout).unwrap();
    let ids: Vec<&str> = json.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), list.stdout.lines().count());
    for id in ids {
        let page = careen(&["explain", id]);
        assert_eq!(page.code, 0, "{id}");
        assert!(page.stdout.contains(id), "{id}");
    }
    assert!(careen(&["explain", "dl3002"]).stdout.contains("image/root-user"), "by the id of another tool");
    let unknown = careen(&["explain", "image/rot-user"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("help: did you mean `image/root-user`?"), "{}", unknown.stderr);
    for rule in json.as_array().unwrap() {
        for field in ["why", "remediation"] {
            assert!(rule[field].as_str().is_some_and(|text| !text.is_empty()), "{} has no {field}", rule["id"]);
        }
        assert!(rule["bad"].is_string() && rule["good"].is_string(), "{}", rule["id"]);
    }
    let family = careen(&["rules", "--family", "image,foo"]);
    assert_eq!((family.code, family.stdout.as_str()), (2, ""));
    assert!(family.stderr.contains("`foo`") && family.stderr.contains("image, layer"), "{}", family.stderr);
    assert!(careen(&["rules", "--family", "secret"]).stdout.lines().all(|line| line.contains(" secret/")));
}

#[test]
fn what_takes_no_time_says_so_only_when_asked() {
    assert_eq!(scan(&[DEMO]).stderr, "", "no progress on a pipe");
    let verbose = scan(&["-v", DEMO]);
    assert!(!verbose.stderr.is_empty(), "stages");
}

/// Every place of an image that can hold a secret, each with one of its own.
#[test]
fn no_output_shows_a_secret() {
    let secrets: Vec<String> = (10..27).map(token::github).collect();
    let layers = [
        RawTar::default()
            .file("etc/os-release", format!("ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"{}\"\n", secrets[15]))
            .file(format!("app/wasted-{}", secrets[16]), vec![1; 3 << 20])
            .file("app/.env", format!("TOKEN={}\n", secrets[0]))
            .file("app/deleted.txt", format!("{}\n", secrets[1]))
            .file(format!("app/{}.swp", secrets[10]), "an editor's file with a telling name")
            .file(
                format!("app/node_modules/{}/package.json", secrets[11]),
                format!(r#"{{"name": "x", "version": "{}", "license": "{}"}}"#, secrets[12], secrets[14]),
            )
            .file(format!("app/node_modules/{}-broken/package.json", secrets[13]), "{")
            .file("app/main.py", format!("first = \"{}\"\nsecond = \"{}\"\n", secrets[2], secrets[3]))
            .end(),
        RawTar::default().file("app/.wh.deleted.txt", "").file(format!("app/.wh.wasted-{}", secrets[16]), "").end(),
    ];
    let recipe = Recipe {
        config: serde_json::json!({
            "User": "1000",
            "Env": [format!("GITHUB_TOKEN={}", secrets[4])],
            "Labels": {"note": secrets[5].clone()},
            "Cmd": ["/bin/app", format!("--token={}", secrets[6])],
            "Entrypoint": ["sh", "-c", format!("curl -H 'Authorization: token {}' example.com", secrets[7])],
        }),
        history: vec![
            serde_json::json!({"created_by": format!("RUN |1 TOKEN={} /bin/sh -c make # buildkit", secrets[8])}),
            serde_json::json!({"created_by": "RUN rm /app/deleted.txt # buildkit", "comment": secrets[9].clone()}),
        ],
        ..Recipe::default()
    };
    let archive = Built::new(&recipe, &layers).docker_archive();
    let mut outputs = Vec::new();
    for format in ["text", "json", "sarif"] {
        let run = careen_reading(&archive, &["-v", "-f", format, "-"]);
        assert_eq!(run.code, 1, "{}", run.stderr);
        outputs.push((format, run.stdout));
        outputs.push(("stderr", run.stderr));
    }
    for (nth, secret) in secrets.iter().enumerate() {
        for (what, output) in &outputs {
            assert!(!output.contains(secret.as_str()), "secret {nth} is shown in {what}");
            assert!(!output.contains(&secret[10..34]), "most of secret {nth} is shown in {what}");
        }
    }
    let json: Value = serde_json::from_str(&outputs[2].1).unwrap();
    let found =
        json["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "secret/github-pat").count();
    assert!(found >= 7, "{found} of them were found");
}

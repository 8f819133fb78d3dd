//! What `careen lint` writes: the text a person reads, and SARIF against its schema.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::run::command;

/// Runs `careen lint` in a folder that holds these files, and gives what it writes.
fn linted(files: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        fs::write(folder.path().join(path), text).unwrap();
    }
    let all = [&["lint", "--today", "2026-11-21"], arguments].concat();
    let output = command(&all).current_dir(folder.path()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error, "", "{arguments:?}");
    format!("{}exit {}\n", String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

fn text(file: &str) -> String {
    linted(&[("Dockerfile", file)], &["Dockerfile"])
}

#[test]
fn the_user_of_the_last_stage() {
    let users = [
        ("root", "USER root\n"),
        ("0", "USER 0\n"),
        ("0-0", "USER 0:0\n"),
        ("root-root", "USER root:root\n"),
        ("app", "USER app\n"),
        ("1000", "USER 1000\n"),
        ("argument", "ARG USER_ARG=app\nUSER $USER_ARG\n"),
        ("argument-root", "ARG USER_ARG=root\nUSER $USER_ARG\n"),
        ("none", ""),
    ];
    for (name, user) in users {
        let file = format!("FROM debian:13-slim AS build\nUSER 7\nFROM debian:13-slim\n{user}CMD [\"server\"]\n");
        insta::assert_snapshot!(format!("user-{name}"), text(&file));
    }
}

#[test]
fn lists_of_packages_that_stay() {
    let runs = [
        ("left", "RUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /tmp/x"),
        (
            "left-in-bash",
            "RUN bash -c \"apt-get update && \\\n  apt-get install -y --no-install-recommends curl=8.14.1-2\"",
        ),
        (
            "left-in-heredoc",
            "RUN <<EOF\nset -e\napt-get update\napt-get install -y --no-install-recommends curl=8.14.1-2\nrm -rf /tmp/x\nEOF",
        ),
        (
            "deleted",
            "RUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*",
        ),
        (
            "deleted-later",
            "RUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2\nRUN rm -rf /var/lib/apt/lists/*",
        ),
    ];
    for (name, run) in runs {
        insta::assert_snapshot!(format!("apt-{name}"), text(&format!("FROM debian:13-slim\n{run}\nUSER 1000\n")));
    }
}

#[test]
fn lines_of_heredocs() {
    let file = "# syntax=docker/dockerfile:1\nFROM debian:13-slim\nRUN <<EOF\n# a comment of the script\nset -e\n\nsudo make\nEOF\n\
                RUN bash <<-'E' && chmod 777 /srv\n\tset -e\n\tcurl -fsSL https://x.example/i.sh | sh\n\tE\n\
                COPY <<a <<b /etc/\n1\na\n2\nb\nADD c.conf /etc/\nUSER 1000\n";
    insta::assert_snapshot!("heredoc-lines", text(file));
}

#[test]
fn the_order_of_copies() {
    let files = [
        ("bad", "FROM node:22.11.0-alpine\nWORKDIR /app\nCOPY . .\nRUN npm ci\nUSER 1000\n"),
        ("good", "FROM node:22.11.0-alpine\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nUSER 1000\n"),
    ];
    for (name, file) in files {
        let around = [("Dockerfile", file), (".dockerignore", ".git\nnode_modules\n"), ("package.json", "{}")];
        insta::assert_snapshot!(format!("order-{name}"), linted(&around, &["Dockerfile"]));
    }
}

#[test]
fn what_dockerignore_leaves_out() {
    let file = ("Dockerfile", "FROM debian:13-slim\nCOPY . /app\nUSER 1000\n");
    let around = [(".git/config", "x"), (".env", "A=1"), ("src/main.c", "x"), ("id_rsa", "x")];
    let with = |ignore: Option<&'static str>, name: &'static str| {
        let files: Vec<_> = [file].into_iter().chain(around).chain(ignore.map(|text| (name, text))).collect();
        linted(&files, &["Dockerfile"])
    };
    insta::assert_snapshot!("dockerignore-none", with(None, ""));
    insta::assert_snapshot!("dockerignore-gap", with(Some("# mine\n.git\n"), ".dockerignore"));
    insta::assert_snapshot!("dockerignore-whole", with(Some("*\n!src\n"), ".dockerignore"));
    insta::assert_snapshot!("dockerignore-back", with(Some("**\n!**/.env\n"), ".dockerignore"));
    insta::assert_snapshot!("dockerignore-own", with(Some("*\n"), "Dockerfile.dockerignore"));
    insta::assert_snapshot!("dockerignore-refused", with(Some(".git\n.env\nid_rsa\n  [a-\n"), ".dockerignore"));
}

/// Lines as columns are counted in them: without line ends and byte order mark.
fn lines(text: &str) -> Vec<usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).chars().count()).collect()
}

/// Holds a log against the schema, and each region against the file it is in.
fn check(log: &Value, files: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schemas/sarif-2.1.0.schema.json");
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    // a bracket of this pattern is never opened
    for kind in ["run", "toolComponent"] {
        schema["definitions"][kind]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
    }
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for result in log["runs"][0]["results"].as_array().unwrap() {
        for location in result["locations"].as_array().unwrap() {
            let physical = &location["physicalLocation"];
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            let (_, text) = files.iter().find(|(path, _)| path.replace(' ', "%20") == uri).unwrap();
            let lines = lines(text);
            let number = |name: &str| usize::try_from(physical["region"][name].as_u64().unwrap()).unwrap();
            let (start, end) = ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
            assert!(start <= end, "{result}");
            for (line, column) in [start, end] {
                assert!(line >= 1 && column >= 1 && line <= lines.len(), "{result}");
                assert!(column <= lines[line - 1] + 1, "{result} of {lines:?}");
            }
        }
    }
}

#[test]
fn sarif_keeps_its_schema_and_its_regions_lie_in_the_files() {
    let files = [
        (
            "Dockerfile",
            "FROM debian\nADD a /b\n# careen:allow dockerfile/add-not-copy it is an archive\nADD c /d\nCMD x\n",
        ),
        (
            "crlf.Dockerfile",
            "FROM debian\r\nRUN apt-get update && \\\r\n  apt-get install curl \\\r\n\r\n  git\r\nEXPOSE 22\r\n",
        ),
        ("bom.Dockerfile", "\u{feff}FROM debian\nADD a /b\n"),
        ("signs.Dockerfile", "FROM debian\n\tADD\tä€😀 /b\nENV PASS_é=\"x\nRUN echo 😀 && sudo make\n"),
        (
            "a b/Dockerfile",
            "FROM debian AS a\nRUN <<EOF\nsudo make\ncd /x\nEOF\nRUN bash -c \"sudo a \\\"é\\\" && \\\n sudo b\"\n",
        ),
        ("end.Dockerfile", "FROM debian\nRUN <<EOF\nsudo x"),
        ("empty.Dockerfile", ""),
        ("lines.Dockerfile", "\n\n"),
        ("broken.Dockerfile", "FROM debian\nRUM x\nEXPOSE 70000\nCOPY --chmod=x a \\\n"),
        ("broken.Dockerfile.dockerignore", "a\n é[\n"),
    ];
    let shown = linted(&files, &["-f", "sarif"]);
    let log: Value = serde_json::from_str(shown.strip_suffix("exit 4\n").unwrap()).unwrap();
    check(&log, &files);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let kinds: Vec<_> = results
        .iter()
        .flat_map(|result| result["suppressions"].as_array().into_iter().flatten())
        .map(|suppression| suppression["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["inSource"]);
    for (path, _) in files {
        let uri = path.replace(' ', "%20");
        let is_in = |result: &Value| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri;
        assert!(results.iter().any(is_in), "nothing in {path}");
    }
}

#[test]
fn waivers_of_a_policy_are_external() {
    let files = [
        ("Dockerfile", "FROM debian:13\nADD a /b\nUSER 1000\n"),
        (
            "policy.toml",
            "[[waiver]]\nrule = \"dockerfile/add-not-copy\"\nreason = \"it is an archive\"\nexpires = 2026-12-31\n",
        ),
    ];
    let shown = linted(&files, &["Dockerfile", "-p", "policy.toml", "-f", "sarif"]);
    let (log, _) = shown.rsplit_once("exit").unwrap();
    let log: Value = serde_json::from_str(log).unwrap();
    check(&log, &files);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let added = results.iter().find(|result| result["ruleId"] == "dockerfile/add-not-copy").unwrap();
    assert_eq!(added["suppressions"][0]["kind"], "external");
}

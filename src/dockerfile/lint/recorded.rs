//! What lints say of `fixtures/dockerfiles`, against what is recorded there; `.ci/compare-hadolint` reads that record.

#![expect(clippy::expect_used, reason = "tests may fail loudly")]

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use super::base::NOT_ALLOWED;
use super::testing::all;
use crate::finding::Location;

/// One line for each finding: file, line, rule, ids of the rule in hadolint, and whether it must be asked for.
fn found() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfiles");
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "Dockerfile")).collect();
    files.sort();
    let mut text = String::new();
    for path in files {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        for finding in all(&fs::read_to_string(&path).expect("it is text")) {
            let Location::Dockerfile { start, .. } = finding.location else { continue };
            // one names every image there is, for policies
            let is_list = finding.rule.id == NOT_ALLOWED.id;
            if is_list || finding.evidence.contains_key("allowed_for") {
                continue;
            }
            let ids: Vec<_> = finding.rule.also.iter().filter(|id| id.starts_with("DL")).copied().collect();
            let opt_in = if finding.rule.is_opt_in { " opt-in" } else { "" };
            text += &format!("{name} {} {} {}{opt_in}\n", start.0, finding.rule.id, ids.join(","));
        }
    }
    text
}

#[test]
fn findings_are_as_recorded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfiles/findings.txt");
    let found = found();
    if env::var_os("CAREEN_UPDATE").is_some() {
        fs::write(&path, &found).expect("it can be written");
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    let new: Vec<_> = found.lines().filter(|line| !recorded.lines().any(|old| old == *line)).collect();
    let gone: Vec<_> = recorded.lines().filter(|line| !found.lines().any(|new| new == *line)).collect();
    assert!(found == recorded, "new: {new:#?}\ngone: {gone:#?}");
}

#[test]
fn hostile_files_end_soon() {
    let size = 100_000;
    let fill = |start: &str, part: &str, end: &str| {
        let mut text = start.to_owned();
        while text.len() < size {
            text += part;
        }
        text + end
    };
    let files = [
        fill("FROM a\nRUN npm i", " a", "\n"),
        fill("FROM a\nRUN rm", " /a/b", "\n"),
        fill("FROM a\nEXPOSE", " 0", "\n"),
        fill("FROM a\nENV A=", "AKIA", "\n"),
        fill("FROM a\nENV", " A=$B B=$A", "\n"),
        fill("FROM a\nCOPY", " a.tgz", " /b/\nRUN tar xf a.tgz\n"),
        fill("FROM a\n", "COPY a.tgz /b/\nRUN rm -r /b\n", ""),
        fill("FROM a\n", "COPY --from=x a /b\n", ""),
        fill("FROM a AS b\n", "FROM b AS b\nRUN npm i a\n", ""),
        fill("", "FROM a AS b\nCOPY --from=c a /b\n", ""),
        fill("FROM a\nRUN ", "curl https://a | ", "b\n"),
        fill("FROM a\nRUN ", "$(curl https://a)", "\n"),
        fill("FROM a\nRUN ", "wget https://a/b && ", "b\n"),
        fill("FROM a\nRUN rm ", "{a,b}", "\n"),
        fill("FROM a\nRUN ", "cd a;", "\n"),
        fill("FROM a\nLABEL", " A=b", "\n"),
        fill("FROM a\n", "ARG GIT_SHA\nRUN apt-get install a\n", ""),
        fill("FROM a\nRUN --mount=type=cache", ",target=/a", " ssh a\n"),
        fill("FROM a\n", "USER root\nWORKDIR a\nVOLUME /sys\n", ""),
        fill("FROM a\nRUN ", "apt-get update;", "\n"),
        fill("ARG A\nFROM a\nRUN b", " $A", "\n"),
        fill("ARG A\nFROM a\n", "ENV b=$A\n", ""),
    ];
    for text in files {
        let started = Instant::now();
        let findings = all(&text);
        let took = started.elapsed();
        assert!(took.as_secs() < 20, "{took:?} for {:?}: {}", text.get(..60), findings.len());
    }
}

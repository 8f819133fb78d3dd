//! Dockerfiles in tests: what lints say of them, one line each.

#![expect(clippy::expect_used, reason = "tests may fail loudly")]

use super::{Context, Lint, Surroundings};
use crate::dockerfile::Dockerfile;
use crate::dockerfile::ignore::Ignore;
use crate::finding::{Findings, Location};

/// Findings of all lints, with a folder round the file where a comment `# with .dockerignore: a b` stands in it or the
/// whole folder is copied.
pub(super) fn all(text: &str) -> Findings {
    let file = Dockerfile::parse(text.as_bytes());
    let ignored = text.lines().find_map(|line| line.strip_prefix("# with .dockerignore:"));
    let entries = [(".env", 9), (".git/", 0), ("data", 200 << 20), ("src/main.rs", 9)];
    let surroundings = Surroundings {
        ignore: ignored.map(|list| Ignore::parse(list.trim().replace(' ', "\n").as_bytes())),
        ignore_name: ".dockerignore".into(),
        entries: entries.map(|(path, size)| (path.to_owned(), size)).into(),
        is_cut: false,
    };
    let today = "2026-11-21".parse().expect("a date");
    super::run(&Context::new(&file, "Dockerfile", Some(&surroundings), today))
}

/// Runs a lint and shows each finding as `severity rule line:column-line:column: message`.
pub(super) fn shown(lint: &dyn Lint, text: &str) -> Vec<String> {
    run(lint, text, None)
}

/// The same in a folder with these entries.
pub(super) fn beside(text: &str, ignore: Option<&str>, entries: &[(&str, u64)], lint: &dyn Lint) -> Vec<String> {
    let surroundings = Surroundings {
        ignore: ignore.map(|text| Ignore::parse(text.as_bytes())),
        ignore_name: ".dockerignore".into(),
        entries: entries.iter().map(|(path, size)| ((*path).to_owned(), *size)).collect(),
        is_cut: false,
    };
    run(lint, text, Some(&surroundings))
}

/// Compares what a lint says of each text, and tells all differences at once.
pub(super) fn expect(lint: &dyn Lint, cases: &[(&str, &[&str])]) {
    let mut wrong = String::new();
    for (text, expected) in cases {
        let found = shown(lint, text);
        if found != *expected {
            wrong += &format!("{text:?}\n  found    {found:?}\n  expected {expected:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn run(lint: &dyn Lint, text: &str, surroundings: Option<&Surroundings>) -> Vec<String> {
    let file = Dockerfile::parse(text.as_bytes());
    let context = Context::new(&file, "Dockerfile", surroundings, "2026-11-21".parse().expect("a date"));
    let mut findings = Findings::new();
    lint.run(&context, &mut findings);
    findings
        .iter()
        .map(|finding| {
            assert!(lint.rules().contains(&finding.rule), "{} is not announced", finding.rule.id);
            assert!(!finding.message.ends_with('.'), "{}", finding.message);
            let Location::Dockerfile { start, end, .. } = &finding.location else {
                return format!("{} {}: {}", finding.severity, finding.rule.id, finding.message);
            };
            let (rule, severity) = (finding.rule.id, finding.severity);
            format!("{severity} {rule} {}:{}-{}:{}: {}", start.0, start.1, end.0, end.1, finding.message)
        })
        .collect()
}

//! Dockerfiles in tests: what lints say of them, one line each.

#![expect(clippy::expect_used, reason = "tests may fail loudly")]

use super::{Context, Lint};
use crate::dockerfile::Dockerfile;
use crate::finding::{Findings, Location};

/// Findings of all lints.
pub(super) fn all(text: &str) -> Findings {
    let file = Dockerfile::parse(text.as_bytes());
    super::run(&Context::new(&file, "Dockerfile", None, "2026-11-21".parse().expect("a date")))
}

/// Runs a lint and shows each finding as `severity rule line:column-line:column `text`: message`.
pub(super) fn shown(lint: &dyn Lint, text: &str) -> Vec<String> {
    let file = Dockerfile::parse(text.as_bytes());
    let context = Context::new(&file, "Dockerfile", None, "2026-11-21".parse().expect("a date"));
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

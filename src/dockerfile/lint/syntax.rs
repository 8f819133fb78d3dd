//! What Docker cannot read.

use super::{Context, Lint};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// Something that Docker refuses, or warns of.
pub(super) static SYNTAX: Rule = Rule {
    id: "dockerfile/syntax",
    title: "The Dockerfile cannot be built as it is written",
    severity: Severity::High,
    why: "Docker stops at what it cannot read. What stands there is not judged either, so that other findings may be \
          missing.",
    remediation: "Mend the line; the message says what is expected there.",
    references: &["https://docs.docker.com/reference/dockerfile/"],
    also: &["DL1000", "DL3043", "DL3061"],
    bad: "FROM debian:bookworm\nRUM make",
    good: "FROM debian:bookworm\nRUN make\nUSER 65532",
    ..Rule::NEW
};

/// Tells what the parser could not read.
pub(super) struct Syntax;

impl Lint for Syntax {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SYNTAX] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let problems = context.file.problems.iter().filter(|problem| problem.told_by.is_none());
        findings.extend(problems.map(|problem| {
            let finding = context.finding(&SYNTAX, problem.span, "", &problem.message);
            if problem.is_fatal { finding } else { Finding { severity: Severity::Low, ..finding } }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn problems_are_told_at_their_word() {
        let cases: &[(&str, &[&str])] = &[
            ("FROM a\nRUM b\n", &["high dockerfile/syntax 2:1-2:4: `RUM` is no instruction; did you mean `RUN`?"]),
            ("", &["high dockerfile/syntax 1:1-1:1: the file holds no instruction"]),
            ("RUN a\n", &["high dockerfile/syntax 1:1-1:4: `RUN` stands before the first `FROM`; only `ARG` can"]),
            (
                "FROM a\nRUN a \\\n\n b\n",
                &["low dockerfile/syntax 3:1-3:1: an empty line stands in a continued instruction; Docker warns of it"],
            ),
            (
                "FROM a\nCOPY --chwon=a b c\n",
                &["high dockerfile/syntax 2:6-2:15: `COPY` has no flag `--chwon`; did you mean `--chown`?"],
            ),
            ("FROM a\nRUN b\n", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(&Syntax, text), *expected, "{text}");
        }
    }
}

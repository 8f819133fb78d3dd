//! What Docker cannot read.

use super::{Context, Lint};
use crate::finding::{Finding, Findings, Location};
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
        for (index, _) in context.instructions() {
            if let Some(span) = context.script(index).and_then(|script| script.open_quote) {
                let message = "nothing closes this quote, and the shell refuses the command";
                let finding = context.finding(&SYNTAX, span, "", message);
                findings.push(Finding { severity: Severity::Medium, ..finding });
            }
        }
        for (surroundings, ignore) in context.surroundings.iter().filter_map(|it| Some((it, it.ignore.as_ref()?))) {
            findings.extend(ignore.faults.iter().map(|fault| {
                let place = |column: u64| (fault.line, column);
                let (start, end) = (place(fault.columns.0), place(fault.columns.1));
                let location = Location::Dockerfile { file: surroundings.ignore_name.clone(), start, end };
                Finding::new(&SYNTAX, "", location, &fault.message)
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{beside, shown};
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
            (
                "FROM a\nRUN b && echo \"c\n",
                &["medium dockerfile/syntax 2:15-2:16: nothing closes this quote, and the shell refuses the command"],
            ),
            (
                "FROM a\nCMD it's\n",
                &["medium dockerfile/syntax 2:7-2:8: nothing closes this quote, and the shell refuses the command"],
            ),
            ("FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN it's\n", &[]),
            ("FROM a\nRUN b # it's\nRUN bash -c 'it\"s' && cat <<E\nit's\nE\n", &[]),
            ("FROM a\nRUN for x in y # it's\\\n; do z; done\n", &[]),
            // told by another rule
            ("FROM a\nEXPOSE x\n", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(&Syntax, text), *expected, "{text}");
        }
        let found = beside("FROM a\n", Some("a\n!\n  ü[b\n[]x]\nc\\\n!d[a-z]\\*\n"), &[], &Syntax);
        let expected = [
            "high dockerfile/syntax 2:1-2:2: in `.dockerignore`, `!` wants a pattern behind it",
            "high dockerfile/syntax 3:3-3:6: in `.dockerignore`, nothing closes the `[` of `ü[b`",
            "high dockerfile/syntax 4:1-4:5: in `.dockerignore`, the set of `[]x]` is empty or a range in it wants an end",
            "high dockerfile/syntax 5:1-5:3: in `.dockerignore`, nothing stands behind the `\\` of `c\\\\`",
        ];
        assert_eq!(found, expected);
    }
}

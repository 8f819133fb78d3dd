//! Pipes whose failures nobody sees.

use super::facts::{MOST_LATER, holder, quoted};
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Connector, Construct};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Only the last command of a pipe counts.
pub(super) static PIPEFAIL: Rule = Rule {
    id: "dockerfile/pipefail",
    title: "A failure before a pipe is not seen",
    severity: Severity::Low,
    why: "The shell looks at the last command of a pipe only: a download that breaks off leaves half a file, \
          and the build goes on.",
    remediation: "Begin with `set -o pipefail`, or set `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` before; \
          `dash`, the `sh` of Debian and Ubuntu, may not know it.",
    references: &["https://docs.docker.com/build/building/best-practices/#using-pipes"],
    also: &["DL4006"],
    bad: "FROM debian:13\nRUN cat packages.txt | sort > sorted.txt\nUSER 65532",
    good: "FROM debian:13\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN cat packages.txt | sort > sorted.txt\nUSER 65532",
    ..Rule::NEW
};

/// Finds the first command of a `RUN` that may fail before a pipe.
pub(super) struct Pipefail;

impl Lint for Pipefail {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PIPEFAIL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, _, calls) in context.calls() {
            let sets =
                |call: &Command| call.name() == "set" && call.arguments().iter().any(|word| word.text == "pipefail");
            let until = calls.iter().position(sets).unwrap_or(calls.len());
            let unseen = calls.iter().take(until).enumerate().find(|(nth, call)| {
                let rest = calls.get(*nth..).unwrap_or_default();
                // what is compared shows that nothing came, too: `[ "$(a | b)" = c ]`
                let asks = call.is_within(Construct::Condition)
                    || call.is_within(Construct::LoopCondition)
                    || holder(call, rest).is_some_and(|holder| matches!(holder.name(), "[" | "[[" | "test"));
                call.after == Connector::Pipe
                    && !asks
                    && !context.has_pipefail(index, call)
                    && !is_checked(rest)
                    && !call.words.is_empty()
                    && !SAFE.contains(&call.name())
            });
            if let Some((_, call)) = unseen {
                let name = quoted(&call.words.first().map(|word| word.text.clone()).unwrap_or_default());
                let message = format!("a failure of `{name}` is lost in the pipe");
                let span = call.words.first().map_or(call.span, |word| word.span);
                findings.push(context.finding(&PIPEFAIL, span, name, message));
            }
        }
    }
}

/// Whether the pipe ends in a check of digests, which fails where nothing comes.
fn is_checked(rest: &[Command]) -> bool {
    let first = rest.first().map(|call| call.pipeline);
    let last = rest.iter().take(MOST_LATER).take_while(|call| Some(call.pipeline) == first).last();
    last.is_some_and(|last| last.name().ends_with("sum") && last.flag(&["-c", "--check"]).is_some())
}

/// Commands that do not fail, or whose failure means nothing.
const SAFE: &[&str] = &["echo", "printf", "yes", "true", ":"];

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Pipefail,
            &[
                (
                    "FROM a\nRUN b | c | d && e | f\n",
                    &["low dockerfile/pipefail 2:5-2:6: a failure of `b` is lost in the pipe"],
                ),
                ("FROM a\nSHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN b | c\n", &[]),
                (
                    "FROM a\nRUN set -eo pipefail; b | c\nRUN echo b | c\nRUN if b | c; then d; fi\nRUN [ \"$(b | c)\" = d ]\nRUN grep b c | sha256sum -c -\nRUN [\"b\", \"|\", \"c\"]\nRUN bash -o pipefail -c \"x | y\"\n",
                    &[],
                ),
                (
                    "FROM a\nRUN bash -c \"b | c\"\n",
                    &["low dockerfile/pipefail 2:14-2:15: a failure of `b` is lost in the pipe"],
                ),
                (
                    "FROM a\nRUN V=$(curl x | tail -1) && echo $V\n",
                    &["low dockerfile/pipefail 2:9-2:13: a failure of `curl` is lost in the pipe"],
                ),
            ],
        );
    }
}

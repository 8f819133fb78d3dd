//! `cd` in `RUN`.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::shell::{Connector, Interpreter};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// `cd` for the rest of a command.
pub(super) static CD: Rule = Rule {
    id: "dockerfile/cd",
    title: "`cd` changes the folder of one `RUN`",
    severity: Severity::Info,
    is_opt_in: true,
    why: "Whoever reads the file has to look for the folder inside the commands; `WORKDIR` says it once for \
          all.",
    remediation: "Write `WORKDIR`, where the instructions behind it may start from there too.",
    references: &["https://docs.docker.com/build/building/best-practices/#workdir"],
    also: &["AVD-DS-0013", "DL3003", "DS-0013", "DS013"],
    bad: "FROM debian:13\nRUN cd /app && make\nUSER 65532",
    good: "FROM debian:13\nWORKDIR /app\nRUN make\nUSER 65532",
    ..Rule::NEW
};

/// `cd` for nothing.
pub(super) static CD_LOST: Rule = Rule {
    id: "dockerfile/cd-without-effect",
    title: "`cd` has no effect",
    why: "Each `RUN` starts in the folder of `WORKDIR` again: a `cd` at the end of one changes nothing, and \
          what stands below runs elsewhere than it seems.",
    remediation: "Write `WORKDIR`.",
    references: &["https://docs.docker.com/build/building/best-practices/#workdir"],
    also: &["AVD-DS-0013", "DL3003", "DS-0013", "DS013"],
    bad: "FROM debian:13\nRUN cd /app\nRUN make\nUSER 65532",
    good: "FROM debian:13\nWORKDIR /app\nRUN make\nUSER 65532",
    ..Rule::NEW
};

/// Looks at whether anything follows.
pub(super) struct Cd;

impl Lint for Cd {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CD, &CD_LOST] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, _, calls) in context.calls() {
            let is_exec = context.script(index).is_none_or(|script| script.interpreter == Interpreter::None);
            let Some(call) = calls.iter().find(|call| call.name() == "cd") else { continue };
            let Some(word) = call.words.first() else { continue };
            let path = call.operands().next().map(|word| quoted(&word.text)).unwrap_or_default();
            let is_last = calls.last().is_some_and(|last| last.span == call.span && last.within.is_empty());
            if is_last || is_exec {
                let message =
                    format!("nothing runs in `{path}`: the next instruction starts in the folder of `WORKDIR` again");
                findings.push(context.finding(&CD_LOST, word.span, path, message));
            } else if call.within.is_empty() && matches!(call.before, Connector::Edge) {
                let message = format!("`WORKDIR {path}` would say it for the instructions behind it too");
                findings.push(context.finding(&CD, word.span, path, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Cd,
            &[
                (
                    "FROM a\nRUN cd /b\nRUN a && cd /c\n",
                    &[
                        "medium dockerfile/cd-without-effect 2:5-2:7: nothing runs in `/b`: the next instruction starts in the folder of `WORKDIR` again",
                        "medium dockerfile/cd-without-effect 3:10-3:12: nothing runs in `/c`: the next instruction starts in the folder of `WORKDIR` again",
                    ],
                ),
                (
                    "FROM a\nRUN cd /b && make\n",
                    &["info dockerfile/cd 2:5-2:7: `WORKDIR /b` would say it for the instructions behind it too"],
                ),
                ("FROM a\nRUN (cd /b && make) && c\nRUN a && cd b && c\nRUN cdb\n", &[]),
            ],
        );
    }
}

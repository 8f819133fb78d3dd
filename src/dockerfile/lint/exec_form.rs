//! `CMD` and `ENTRYPOINT` as text for a shell.

use super::{Context, Lint};
use crate::dockerfile::shell::Interpreter;
use crate::dockerfile::{Command, Kind};
use crate::finding::Findings;
use crate::rule::Rule;

/// The shell stands between the engine and the program.
pub(super) static EXEC_FORM: Rule = Rule {
    id: "dockerfile/exec-form",
    title: "The program is started through a shell",
    why: "The shell is the first process then: it does not pass on `SIGTERM`, so that stopping the container \
          takes ten seconds and ends with a kill. With such an `ENTRYPOINT`, `CMD` and the arguments of \
          `docker run` are lost.",
    remediation: "Write a JSON list with double quotes, `CMD [\"server\", \"--port\", \"80\"]`; where the shell is \
          needed, let it replace itself: `CMD exec server $OPTIONS`.",
    references: &[
        "https://docs.docker.com/reference/build-checks/json-args-recommended/",
        "https://docs.docker.com/build/building/best-practices/#entrypoint",
    ],
    also: &["DL3025", "JSONArgsRecommended"],
    bad: "FROM debian:13\nUSER 65532\nCMD server --port 8080",
    good: "FROM debian:13\nUSER 65532\nCMD [\"server\", \"--port\", \"8080\"]",
    ..Rule::NEW
};

/// Judges the forms; a `SHELL` of one's own is a choice.
pub(super) struct ExecForm;

impl Lint for ExecForm {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&EXEC_FORM] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let (Kind::Cmd(Command::Shell(text)) | Kind::Entrypoint(Command::Shell(text))) = &instruction.kind else {
                continue;
            };
            let Some(script) = context.script(index) else { continue };
            let written = text.as_str().trim();
            if script.interpreter != Interpreter::Default || written.is_empty() {
                continue;
            }
            let name = instruction.name();
            let is_list = written.starts_with('[') && written.ends_with(']') && !written.starts_with("[[");
            let is_replaced = script.commands.last().is_some_and(|command| command.name() == "exec");
            if is_replaced && !is_list {
                continue;
            }
            let message = if is_list {
                format!(
                    "this list of `{name}` is no JSON, and is run as a command of the shell; JSON wants double quotes"
                )
            } else {
                format!("`{name}` starts a shell that starts the program")
            };
            findings.push(context.finding(&EXEC_FORM, instruction.keyword.span, name, message));
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
            &ExecForm,
            &[
                (
                    "FROM a\nCMD b c\n",
                    &["medium dockerfile/exec-form 2:1-2:4: `CMD` starts a shell that starts the program"],
                ),
                (
                    "FROM a\nENTRYPOINT ['b']\n",
                    &[
                        "medium dockerfile/exec-form 2:1-2:11: this list of `ENTRYPOINT` is no JSON, and is run as a command of the shell; JSON wants double quotes",
                    ],
                ),
                ("FROM a\nCMD exec b $C\nENTRYPOINT a && exec b\nCMD [\"a\"]\nHEALTHCHECK CMD a\n", &[]),
                ("FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nCMD a\n", &[]),
                (
                    "FROM a\nONBUILD CMD a\n",
                    &["medium dockerfile/exec-form 2:9-2:12: `CMD` starts a shell that starts the program"],
                ),
            ],
        );
    }
}

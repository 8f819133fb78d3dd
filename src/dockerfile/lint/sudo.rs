//! `sudo` in a build.

use super::facts::quoted;
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::Rule;

/// Root asks to be root.
pub(super) static SUDO: Rule = Rule {
    id: "dockerfile/sudo",
    title: "`sudo` is used in the build",
    why: "Commands of a build run as the user the Dockerfile names, root unless it says otherwise. `sudo` \
          changes the environment on the way, needs a terminal with some settings, and stays in the image for \
          whoever breaks in.",
    remediation: "Write `USER root` before the commands that need it and the other user behind them; to change the \
          user at the start of a container, use `setpriv` or `gosu`.",
    references: &["https://docs.docker.com/build/building/best-practices/#user"],
    also: &["AVD-DS-0010", "DKL-DI-0001", "DL3004", "DS-0010", "DS010"],
    bad: "FROM debian:13\nRUN sudo make install\nUSER 65532",
    good: "FROM debian:13\nRUN make install\nUSER 65532",
    ..Rule::NEW
};

/// Looks at the names of commands.
pub(super) struct Sudo;

impl Lint for Sudo {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SUDO] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, commands) in context.runs() {
            for command in commands.iter().filter(|command| command.name() == "sudo") {
                if let Some(word) = command.words.first() {
                    let what = command.operands().next().map(|word| quoted(&word.text)).unwrap_or_default();
                    let message = "`sudo` has no place in a build; `USER` says who runs a command";
                    findings.push(context.finding(&SUDO, word.span, what, message));
                }
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
            &Sudo,
            &[
                (
                    "FROM a\nRUN apt-get install -y sudo && sudo b\n",
                    &[
                        "medium dockerfile/sudo 2:32-2:36: `sudo` has no place in a build; `USER` says who runs a command",
                    ],
                ),
                ("FROM a\nRUN echo sudo > /etc/sudoers\nRUN echo \"sudo b\"\n", &[]),
            ],
        );
    }
}

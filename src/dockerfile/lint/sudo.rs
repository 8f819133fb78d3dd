//! `sudo` in a build.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Word, runner};
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
            for command in commands {
                if let Some((word, rest)) = sudo(command).and_then(<[Word]>::split_first) {
                    let what = rest.iter().find(|word| !word.text.starts_with('-'));
                    let what = what.map(|word| quoted(&word.text)).unwrap_or_default();
                    let message = "`sudo` has no place in a build; `USER` says who runs a command";
                    findings.push(context.finding(&SUDO, word.span, what, message));
                }
            }
        }
    }
}

/// The words of a command from `sudo` on, behind `env`, `exec`, `timeout 5`, `xargs` and their like.
fn sudo(command: &Command) -> Option<&[Word]> {
    let words = command.words.as_slice();
    let mut runners = words.iter().take(runner::length(words).saturating_add(1));
    let is_sudo = |word: &Word| word.is_literal && word.text.rsplit('/').next() == Some("sudo");
    if let Some(at) = runners.position(is_sudo) {
        return words.get(at..);
    }
    let meant = words.get(runner::length(words)..)?;
    let (first, rest) = meant.split_first()?;
    let is_xargs = first.text.rsplit('/').next() == Some("xargs");
    // values of its flags are numbers and marks
    let is_word = |word: &Word| word.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let at = rest.iter().position(is_word).filter(|_| is_xargs)?;
    rest.get(at..).filter(|rest| rest.first().is_some_and(is_sudo))
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
                (
                    "FROM a\nRUN exec sudo b\nRUN env A=1 sudo b\nRUN nohup sudo b\nRUN ls | xargs -n 1 sudo b\nRUN command sudo b\nRUN timeout 5 sudo b\n",
                    &[
                        "medium dockerfile/sudo 2:10-2:14: `sudo` has no place in a build; `USER` says who runs a command",
                        "medium dockerfile/sudo 3:13-3:17: `sudo` has no place in a build; `USER` says who runs a command",
                        "medium dockerfile/sudo 4:11-4:15: `sudo` has no place in a build; `USER` says who runs a command",
                        "medium dockerfile/sudo 5:21-5:25: `sudo` has no place in a build; `USER` says who runs a command",
                        "medium dockerfile/sudo 6:13-6:17: `sudo` has no place in a build; `USER` says who runs a command",
                        "medium dockerfile/sudo 7:15-7:19: `sudo` has no place in a build; `USER` says who runs a command",
                    ],
                ),
                ("FROM a\nRUN command -v sudo\nRUN ls | xargs -n 1 rm sudo\n", &[]),
                ("FROM a\nRUN echo sudo > /etc/sudoers\nRUN echo \"sudo b\"\n", &[]),
            ],
        );
    }
}

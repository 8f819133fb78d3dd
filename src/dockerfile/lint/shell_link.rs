//! Another shell in the place of `/bin/sh`.

use super::{Context, Lint};

use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// `/bin/sh` is replaced.
pub(super) static SHELL_LINK: Rule = Rule {
    id: "dockerfile/shell-link",
    title: "`/bin/sh` is replaced by a link",
    severity: Severity::Low,
    why: "Packages count on the shell their distribution ships, and an update of it puts the old link back.",
    remediation: "Write `SHELL [\"/bin/bash\", \"-c\"]`.",
    references: &["https://docs.docker.com/reference/dockerfile/#shell"],
    also: &["DL4005"],
    bad: "FROM debian:13\nRUN ln -sf /bin/bash /bin/sh\nUSER 65532",
    good: "FROM debian:13\nSHELL [\"/bin/bash\", \"-c\"]\nUSER 65532",
    ..Rule::NEW
};

/// Looks for links at that path.
pub(super) struct ShellLink;

impl Lint for ShellLink {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SHELL_LINK] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, _, calls) in context.calls() {
            for call in calls {
                let target =
                    call.operands().last().filter(|word| matches!(word.text.as_str(), "/bin/sh" | "/usr/bin/sh"));
                let replaces = call.name() == "ln" || call.name() == "mv" || call.name() == "cp";
                if let Some(word) = target.filter(|_| replaces && call.operands().count() > 1) {
                    let message = format!(
                        "`{}` replaces the shell of the system; `SHELL` chooses another for the build",
                        call.name()
                    );
                    findings.push(context.finding(&SHELL_LINK, word.span, call.name(), message));
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
            &ShellLink,
            &[
                (
                    "FROM a\nRUN rm /bin/sh && ln -s /bin/bash /bin/sh\n",
                    &[
                        "low dockerfile/shell-link 2:35-2:42: `ln` replaces the shell of the system; `SHELL` chooses another for the build",
                    ],
                ),
                ("FROM a\nRUN ln -s /bin/sh /bin/x\n", &[]),
            ],
        );
    }
}

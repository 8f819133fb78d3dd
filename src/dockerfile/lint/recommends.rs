//! `apt-get install` with what packages recommend.

use super::manager::{Manager, head, request};
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// More than was asked for.
pub(super) static RECOMMENDS: Rule = Rule {
    id: "dockerfile/recommended-packages",
    title: "Recommended packages are installed too",
    severity: Severity::Info,
    is_opt_in: true,
    why: "What a package recommends is often documentation, a mail server or a desktop library: bytes, and \
          flaws to watch.",
    remediation: "Add `--no-install-recommends` and name what is needed.",
    references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    also: &["AVD-DS-0029", "DL3015", "DS-0029", "DS029"],
    bad: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nUSER 65532",
    good: "FROM debian:13\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\nUSER 65532",
    ..Rule::NEW
};

/// Looks for the flag or the setting; only stages that ship count.
pub(super) struct Recommends;

impl Lint for Recommends {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&RECOMMENDS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        if context.mentions("Install-Recommends") {
            return;
        }
        for (_, _, calls) in context.shipped_calls() {
            for request in calls.iter().filter_map(request) {
                let installs =
                    request.manager == Manager::Apt && request.verb.text == "install" && !request.operands.is_empty();
                if installs
                    && request.command.flag(&["--no-install-recommends", "--without-recommends", "-R"]).is_none()
                {
                    let subject = format!("{} install", request.name);
                    let message = format!("`{subject}` brings recommended packages too");
                    findings.push(context.finding(&RECOMMENDS, head(&request), subject, message));
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
            &Recommends,
            &[
                (
                    "FROM a\nRUN apt-get install -y b\n",
                    &[
                        "info dockerfile/recommended-packages 2:5-2:20: `apt-get install` brings recommended packages too",
                    ],
                ),
                ("FROM a\nRUN apt-get install -y --no-install-recommends b\n", &[]),
                ("FROM a\nRUN apt-get install -y -o APT::Install-Recommends=0 b\n", &[]),
            ],
        );
    }
}

//! Package managers that ask, with nobody to answer.

use super::manager::{Action, Manager, head, request};
use super::{Context, Lint};
use crate::dockerfile::shell::Connector;
use crate::finding::Findings;
use crate::rule::Rule;

/// No answer is given.
pub(super) static ASSUME_YES: Rule = Rule {
    id: "dockerfile/assume-yes",
    title: "The package manager asks, and nobody answers",
    why: "A build has no terminal: the question is answered with no, and the build stops.",
    remediation: "Add `-y`; for `zypper`, `--non-interactive` behind its name.",
    references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    also: &["AVD-DS-0021", "DL3014", "DL3030", "DL3034", "DL3038", "DS-0021", "DS021"],
    bad: "FROM debian:13\nRUN apt-get update && apt-get install curl && rm -rf /var/lib/apt/lists/*\nUSER 65532",
    good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nUSER 65532",
    ..Rule::NEW
};

/// Looks for a flag, an answer through a pipe, or a setting of the file.
pub(super) struct AssumeYes;

impl Lint for AssumeYes {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ASSUME_YES] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let settings = ["Assume-Yes", "assumeyes", "ZYPP_NONINTERACTIVE"].iter().any(|text| context.mentions(text));
        for (_, _, calls) in context.calls() {
            for call in calls {
                let Some(request) = request(call) else { continue };
                let flags: &[&str] = match (request.manager, request.name) {
                    (Manager::Apt, _) => &[
                        "-y",
                        "--yes",
                        "--assume-yes",
                        "-s",
                        "--dry-run",
                        "--simulate",
                        "--download-only",
                        "-d",
                        "--print-uris",
                        "--force-yes",
                        "--assume-no",
                    ],
                    // microdnf does not ask
                    (Manager::Dnf, "dnf" | "yum" | "dnf5" | "tdnf") => {
                        &["-y", "--assumeyes", "--assumeno", "--downloadonly"]
                    }
                    (Manager::Zypper, _) => &["-n", "--non-interactive", "-y", "--no-confirm", "--dry-run"],
                    _ => continue,
                };
                let asks = match request.action {
                    Action::Install | Action::Upgrade => true,
                    Action::Remove => request.manager != Manager::Zypper || !request.operands.is_empty(),
                    _ => false,
                };
                // two q imply yes
                let is_quiet = request.manager == Manager::Apt
                    && call
                        .arguments()
                        .iter()
                        .map(|word| word.text.as_str())
                        .filter(|text| text.starts_with("-q"))
                        .map(|text| text.matches('q').count())
                        .sum::<usize>()
                        >= 2;
                let is_answered = call.before == Connector::Pipe
                    || call.redirections.iter().any(|redirection| redirection.operator.starts_with('<'));
                if !asks || settings || is_quiet || is_answered || call.flag(flags).is_some() {
                    continue;
                }
                let subject = format!("{} {}", request.name, request.verb.text);
                let message = format!("`{subject}` asks before it goes on, and nobody answers");
                findings.push(context.finding(&ASSUME_YES, head(&request), subject, message));
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
            &AssumeYes,
            &[
                (
                    "FROM a\nRUN apt-get update && apt-get install --no-install-recommends b\n",
                    &[
                        "medium dockerfile/assume-yes 2:23-2:38: `apt-get install` asks before it goes on, and nobody answers",
                    ],
                ),
                (
                    "FROM a\nRUN apt-get -y install b; apt-get install -qq b; apt-get -qy install b; apt-get install --assume-yes b; apt-get install -q -q b\nRUN yes | apt-get install b; dnf -y install b; microdnf install b; zypper -n in b; zypper in -y b; apk add b\n",
                    &[],
                ),
                (
                    "FROM a\nRUN yum install b; zypper in b; apt remove b\n",
                    &[
                        "medium dockerfile/assume-yes 2:5-2:16: `yum install` asks before it goes on, and nobody answers",
                        "medium dockerfile/assume-yes 2:20-2:29: `zypper in` asks before it goes on, and nobody answers",
                        "medium dockerfile/assume-yes 2:33-2:43: `apt remove` asks before it goes on, and nobody answers",
                    ],
                ),
                (
                    "FROM a\nRUN echo 'APT::Get::Assume-Yes \"true\";' > /etc/apt/apt.conf.d/90yes\nRUN apt-get install b\n",
                    &[],
                ),
            ],
        );
    }
}

//! `apt-get update` in a `RUN` of its own.

use super::facts::mounts;
use super::manager::{Action, Manager, Request, head, request};
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::Rule;

/// Lists that age in the cache.
pub(super) static UPDATE_ALONE: Rule = Rule {
    id: "dockerfile/update-alone",
    title: "Package lists are fetched in a `RUN` of their own",
    why: "The layer with the lists comes from the build cache for as long as its line stays the same; what a \
          later `RUN` installs by them is old, or gone from the servers.",
    remediation: "Write `apt-get update && apt-get install …` in one `RUN`.",
    references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    also: &["AVD-DS-0017", "CIS-DI-0007", "DS-0017", "DS017"],
    bad: "FROM debian:13\nRUN apt-get update\nRUN apt-get install -y curl\nUSER 65532",
    good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nUSER 65532",
    ..Rule::NEW
};

/// Looks for something that uses the lists in the same `RUN`.
pub(super) struct UpdateAlone;

impl Lint for UpdateAlone {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UPDATE_ALONE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, instruction, calls) in context.calls() {
            let requests: Vec<_> = calls.iter().filter_map(request).collect();
            let updates = |manager| requests.iter().find(|one| one.manager == manager && one.action == Action::Update);
            for manager in [Manager::Apt, Manager::Apk, Manager::Zypper] {
                let Some(update) = updates(manager) else { continue };
                let uses = |request: &&Request<'_>| {
                    request.manager == manager && request.action != Action::Update && request.action != Action::Clean
                };
                // a script or a program of one's own may install
                let is_plain = calls
                    .iter()
                    .all(|call| request(call).is_some() || HARMLESS.contains(&call.name()) || call.words.is_empty());
                let is_mounted = mounts(instruction).any(|mount| mount.contains("type=cache"));
                if requests.iter().any(|request| uses(&request)) || !is_plain || is_mounted {
                    continue;
                }
                let subject = format!("{} {}", update.name, update.verb.text);
                let message = format!("`{subject}` stands alone: its lists grow old in the build cache");
                findings.push(context.finding(&UPDATE_ALONE, head(update), subject, message));
            }
        }
    }
}

/// Commands that install nothing by the lists.
const HARMLESS: &[&str] =
    &["set", "echo", "rm", "mkdir", "export", "true", ":", "sed", "cat", "mv", "cp", "chmod", "ln", "sleep", "find"];

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &UpdateAlone,
            &[
                (
                    "FROM a\nRUN apt-get update\nRUN apt-get install -y b\n",
                    &[
                        "medium dockerfile/update-alone 2:5-2:19: `apt-get update` stands alone: its lists grow old in the build cache",
                    ],
                ),
                ("FROM a\nRUN <<EOF\napt-get update\napt-get install -y b\nEOF\n", &[]),
                (
                    "FROM a\nRUN apt-get update && ./install.sh\nRUN apt-get update && apt-get upgrade -y\nRUN dnf update -y\n",
                    &[],
                ),
                (
                    "FROM a\nRUN set -e; apt-get -qq update; rm -rf /tmp/x\n",
                    &[
                        "medium dockerfile/update-alone 2:13-2:31: `apt-get update` stands alone: its lists grow old in the build cache",
                    ],
                ),
            ],
        );
    }
}

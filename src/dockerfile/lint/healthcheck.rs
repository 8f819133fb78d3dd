//! A last stage without `HEALTHCHECK`.

use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Nobody asks how it is.
pub(super) static NO_HEALTHCHECK: Rule = Rule {
    id: "dockerfile/no-healthcheck",
    title: "The last stage has no `HEALTHCHECK`",
    severity: Severity::Info,
    is_opt_in: true,
    why: "Docker and Swarm then only see whether the process runs, not whether it answers. Kubernetes has \
          probes of its own and ignores the instruction.",
    remediation: "Add `HEALTHCHECK CMD [\"…\"]`, or `HEALTHCHECK NONE` where something else looks after it.",
    references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    also: &["AVD-DS-0026", "CIS-DI-0006", "DL3057", "DS-0026", "DS026"],
    bad: "FROM debian:13\nUSER 65532\nCMD [\"server\"]",
    good: "FROM debian:13\nUSER 65532\nHEALTHCHECK CMD [\"server\", \"--check\"]\nCMD [\"server\"]",
    ..Rule::NEW
};

/// Follows the stages up to the last.
pub(super) struct Healthcheck;

impl Lint for Healthcheck {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&NO_HEALTHCHECK] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let ends = context.handed_down(|has: &mut bool, _, instruction| {
            *has |= matches!(instruction.kind, Kind::Healthcheck(_));
        });
        let Some(last) = context.file.last_stage() else { return };
        let from = context.file.instructions_of(last).first();
        if let (Some(false), Some(from)) = (ends.last(), from) {
            let message = "the last stage has no `HEALTHCHECK`";
            findings.push(context.finding(&NO_HEALTHCHECK, from.keyword.span, "HEALTHCHECK", message));
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
            &Healthcheck,
            &[
                ("FROM a\n", &["info dockerfile/no-healthcheck 1:1-1:5: the last stage has no `HEALTHCHECK`"]),
                ("FROM a AS b\nHEALTHCHECK NONE\nFROM b\n", &[]),
            ],
        );
    }
}

//! `MAINTAINER`, which nothing reads any more.

use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// The old way to say who looks after an image.
pub(super) static MAINTAINER: Rule = Rule {
    id: "dockerfile/maintainer",
    title: "`MAINTAINER` is no longer used",
    severity: Severity::Low,
    why: "Docker gave it up for labels, which tools can read and which may hold more than a name.",
    remediation: "Write `LABEL org.opencontainers.image.authors=\"…\"`.",
    references: &["https://docs.docker.com/reference/build-checks/maintainer-deprecated/"],
    also: &["AVD-DS-0022", "DL4000", "DS-0022", "DS022", "MaintainerDeprecated"],
    bad: "FROM debian:13\nMAINTAINER someone@example.com\nUSER 65532",
    good: "FROM debian:13\nLABEL org.opencontainers.image.authors=\"someone@example.com\"\nUSER 65532",
    ..Rule::NEW
};

/// Tells of each.
pub(super) struct Maintainer;

impl Lint for Maintainer {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&MAINTAINER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        findings.extend(context.instructions().filter(|(_, one)| matches!(one.kind, Kind::Maintainer(_))).map(
            |(_, one)| {
                let message = "`MAINTAINER` is no longer used: a label says it";
                context.finding(&MAINTAINER, one.keyword.span, "MAINTAINER", message)
            },
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Maintainer,
            &[
                (
                    "FROM a\nMAINTAINER b\n",
                    &["low dockerfile/maintainer 2:1-2:11: `MAINTAINER` is no longer used: a label says it"],
                ),
                ("FROM a\nLABEL maintainer=b\n", &[]),
            ],
        );
    }
}

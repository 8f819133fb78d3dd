//! Waivers that stand in the file.

use super::facts::quoted;
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// A comment that silences a rule.
pub(super) static INLINE_WAIVER: Rule = Rule {
    id: "dockerfile/inline-waiver",
    title: "A comment of the file silences a rule",
    severity: Severity::Info,
    is_opt_in: true,
    why: "A waiver in the file is made by whoever writes the file. Where somebody else shall decide, waivers \
          belong into the policy, with a reason and an end.",
    remediation: "Put the waiver into the policy.",
    references: &["https://docs.docker.com/reference/dockerfile/#format"],
    also: &["DL1001"],
    bad: "FROM debian:13\n# hadolint ignore=DL3008\nRUN make\nUSER 65532",
    good: "FROM debian:13\nRUN make\nUSER 65532",
    ..Rule::NEW
};

/// How comments that silence a rule begin.
const STARTS: &[&str] = &[
    "bridgecrew:skip",
    "careen:allow",
    "checkov:skip",
    "hadolint global ignore",
    "hadolint ignore=",
    "tfsec:ignore",
    "trivy:ignore",
];

/// Looks through the comments.
pub(super) struct InlineWaiver;

impl Lint for InlineWaiver {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&INLINE_WAIVER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for span in &context.file.comments {
            let text = context.file.source(*span).trim().trim_start_matches('#').trim();
            if STARTS.iter().any(|start| text.starts_with(start)) {
                let message = "a waiver stands in the file";
                findings.push(context.finding(&INLINE_WAIVER, *span, quoted(text), message));
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
            &InlineWaiver,
            &[
                (
                    "FROM a\n# hadolint ignore=DL3008\nRUN b\n",
                    &["info dockerfile/inline-waiver 2:1-2:25: a waiver stands in the file"],
                ),
                (
                    "FROM a\n#trivy:ignore:DS-0002\n",
                    &["info dockerfile/inline-waiver 2:1-2:22: a waiver stands in the file"],
                ),
                ("FROM a\n# hadolint is fine\n", &[]),
            ],
        );
    }
}

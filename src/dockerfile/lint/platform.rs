//! `FROM --platform` with a fixed value.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// One platform for all.
pub(super) static PLATFORM: Rule = Rule {
    id: "dockerfile/fixed-platform",
    title: "The platform is fixed",
    severity: Severity::Low,
    why: "A constant keeps the image from being built for any other platform: on another machine it is built \
          and run in emulation, or not at all.",
    remediation: "Leave the flag out and build with `docker build --platform`; for tools that run during the build, \
          write `--platform=$BUILDPLATFORM`.",
    references: &[
        "https://docs.docker.com/reference/build-checks/from-platform-flag-const-disallowed/",
        "https://docs.docker.com/build/building/multi-platform/",
    ],
    also: &["DL3029", "FromPlatformFlagConstDisallowed"],
    bad: "FROM --platform=linux/amd64 debian:13\nUSER 65532",
    good: "FROM debian:13\nUSER 65532",
    ..Rule::NEW
};

/// The platform that is taken anyway.
pub(super) static PLATFORM_REDUNDANT: Rule = Rule {
    id: "dockerfile/redundant-platform",
    title: "`--platform=$TARGETPLATFORM` changes nothing",
    severity: Severity::Info,
    is_opt_in: true,
    why: "The target's platform is what `FROM` takes by itself.",
    remediation: "Leave the flag out.",
    references: &["https://docs.docker.com/reference/build-checks/redundant-target-platform/"],
    also: &["DL3065", "RedundantTargetPlatform"],
    bad: "FROM --platform=$TARGETPLATFORM debian:13\nUSER 65532",
    good: "FROM debian:13\nUSER 65532",
    ..Rule::NEW
};

/// Judges the flag of each `FROM`.
pub(super) struct Platform;

impl Lint for Platform {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PLATFORM, &PLATFORM_REDUNDANT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, instruction) in context.instructions() {
            let Kind::From { name, .. } = &instruction.kind else { continue };
            let Some(value) = instruction.flag("platform").and_then(|flag| flag.value.as_ref()) else { continue };
            let text = value.text.as_str();
            let shown = quoted(text);
            if matches!(text, "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
                let message = format!("`{shown}` is the platform that is taken anyway");
                findings.push(context.finding(&PLATFORM_REDUNDANT, value.span, shown, message));
            } else if !text.contains('$') {
                // a stage that is named for the platform is one of several
                let architecture = text.split('/').nth(1).unwrap_or_default().to_ascii_lowercase();
                let stage = name.as_ref().map(|name| name.text.to_ascii_lowercase()).unwrap_or_default();
                if architecture.is_empty() || !stage.contains(&architecture) {
                    let message = format!("the stage is built for `{shown}` whatever the target is");
                    findings.push(context.finding(&PLATFORM, value.span, shown, message));
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
            &Platform,
            &[
                (
                    "FROM --platform=linux/amd64 a\n",
                    &[
                        "low dockerfile/fixed-platform 1:17-1:28: the stage is built for `linux/amd64` whatever the target is",
                    ],
                ),
                ("FROM --platform=linux/arm64 a AS build-arm64\nFROM --platform=$BUILDPLATFORM a\n", &[]),
                (
                    "FROM --platform=${TARGETPLATFORM} a\n",
                    &[
                        "info dockerfile/redundant-platform 1:17-1:34: `${TARGETPLATFORM}` is the platform that is taken anyway",
                    ],
                ),
            ],
        );
    }
}

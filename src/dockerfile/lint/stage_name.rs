//! Names of stages that are taken already.

use super::{Context, Lint};
use std::collections::HashMap;

use super::facts::quoted;
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// A name that two stages have.
pub(super) static STAGE_NAME: Rule = Rule {
    id: "dockerfile/stage-name",
    title: "The name of a stage is taken",
    severity: Severity::High,
    why: "Of two stages with one name only the last is found, so that `COPY --from` and `--target` reach \
          another stage than meant. `scratch` and `context` mean something else already.",
    remediation: "Give each stage a name of its own.",
    references: &[
        "https://docs.docker.com/reference/build-checks/duplicate-stage-name/",
        "https://docs.docker.com/reference/build-checks/reserved-stage-name/",
    ],
    also: &["AVD-DS-0012", "DL3024", "DL3063", "DS-0012", "DS012", "DuplicateStageName", "ReservedStageName"],
    bad: "FROM debian:13 AS build\nFROM debian:13 AS build\nUSER 65532",
    good: "FROM debian:13 AS build\nFROM debian:13 AS final\nUSER 65532",
    ..Rule::NEW
};

/// Compares names without regard to case.
pub(super) struct StageName;

impl Lint for StageName {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&STAGE_NAME] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut lines: HashMap<String, u64> = HashMap::new();
        for (_, instruction) in context.instructions() {
            let Kind::From { name: Some(name), .. } = &instruction.kind else { continue };
            let (key, shown) = (name.text.to_ascii_lowercase(), quoted(&name.text));
            let mut tell = |message: String| findings.push(context.finding(&STAGE_NAME, name.span, &*shown, message));
            if matches!(key.as_str(), "scratch" | "context") {
                tell(format!("`{shown}` is reserved"));
            }
            let line = context.line(instruction);
            if let Some(first) = lines.insert(key, line) {
                tell(format!("`{shown}` is the name of the stage in line {first} already"));
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
            &StageName,
            &[
                (
                    "FROM a AS b\nFROM a AS B\n",
                    &["high dockerfile/stage-name 2:11-2:12: `B` is the name of the stage in line 1 already"],
                ),
                ("FROM a AS scratch\n", &["high dockerfile/stage-name 1:11-1:18: `scratch` is reserved"]),
                ("FROM a AS b\nFROM b AS c\n", &[]),
            ],
        );
    }
}

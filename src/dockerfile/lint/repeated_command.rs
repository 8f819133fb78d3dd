//! `CMD`, `ENTRYPOINT` and `HEALTHCHECK` more than once in a stage: only the last counts.

use super::{Context, Lint};
use crate::dockerfile::{Instruction, Kind};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// An instruction whose effect a later one takes away.
pub(super) static REPEATED_COMMAND: Rule = Rule {
    id: "dockerfile/repeated-command",
    title: "A later instruction of the stage replaces this one",
    severity: Severity::Medium,
    why: "Of several `CMD`, `ENTRYPOINT` or `HEALTHCHECK` in one stage only the last has an effect; the ones before it \
          mislead whoever reads them.",
    remediation: "Delete all but the last; put several steps into one script.",
    references: &["https://docs.docker.com/reference/dockerfile/#cmd"],
    also: &[
        "AVD-DS-0007",
        "AVD-DS-0016",
        "AVD-DS-0023",
        "DL3012",
        "DL4003",
        "DL4004",
        "DS-0007",
        "DS-0016",
        "DS-0023",
        "DS007",
        "DS016",
        "DS023",
    ],
    bad: "FROM debian:bookworm\nUSER 65532\nCMD [\"first\"]\nCMD [\"second\"]",
    good: "FROM debian:bookworm\nUSER 65532\nCMD [\"second\"]",
    ..Rule::NEW
};

/// Compares the instructions of each stage.
pub(super) struct RepeatedCommand;

impl Lint for RepeatedCommand {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&REPEATED_COMMAND] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for stage in &context.file.stages {
            let instructions = context.file.instructions_of(stage);
            for name in ["CMD", "ENTRYPOINT", "HEALTHCHECK"] {
                let mut all = instructions.iter().filter(|one| what(one) == Some(name)).rev();
                let Some(last) = all.next() else { continue };
                let line = context.file.position(last.span.start).line;
                let mut replaced: Vec<&Instruction> = all.collect();
                replaced.reverse();
                findings.extend(replaced.into_iter().map(|one| {
                    let message = format!("this `{name}` has no effect: the one in line {line} replaces it");
                    let subject =
                        stage.name.as_ref().map_or_else(|| name.to_owned(), |stage| format!("{stage} {name}"));
                    context.finding(&REPEATED_COMMAND, one.keyword.span, subject, message)
                }));
            }
        }
    }
}

fn what(instruction: &Instruction) -> Option<&'static str> {
    match instruction.kind {
        Kind::Cmd(_) => Some("CMD"),
        Kind::Entrypoint(_) => Some("ENTRYPOINT"),
        Kind::Healthcheck(_) => Some("HEALTHCHECK"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn all_but_the_last_of_a_stage_are_told() {
        let file = "FROM a\nCMD a\nENTRYPOINT b\nFROM b\nCMD a\nENTRYPOINT b\nCMD c\n\nCMD d\nONBUILD CMD e\n";
        let at = |line: u32| {
            format!(
                "medium dockerfile/repeated-command {line}:1-{line}:4: this `CMD` has no effect: the one in line 9 replaces it"
            )
        };
        assert_eq!(shown(&RepeatedCommand, file), [at(5), at(7)]);
        assert_eq!(shown(&RepeatedCommand, "FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD a\n").len(), 1);
    }
}

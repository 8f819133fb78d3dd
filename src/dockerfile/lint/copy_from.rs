//! `COPY --from` and `RUN --mount=from`: what they name.

use super::facts::{quoted, reference};
use super::images::taken_from;
use super::{Context, Lint};
use crate::dockerfile::{Base, Kind};
use crate::finding::Findings;
use crate::nearest::nearest;
use crate::rule::{Rule, Severity};

/// A stage that is not there.
pub(super) static COPY_FROM: Rule = Rule {
    id: "dockerfile/copy-from-unknown",
    title: "Files are taken from a stage that is not there",
    severity: Severity::High,
    why: "A stage is known only to those behind it. What is no stage is taken as the name of an image, which \
          fails, or fetches a stranger's.",
    remediation: "Name a stage that stands before this one, or an image with its tag.",
    references: &["https://docs.docker.com/reference/dockerfile/#copy---from"],
    also: &["AVD-DS-0006", "DL3022", "DL3023", "DS-0006", "DS006"],
    bad: "FROM debian:13\nCOPY --from=build /server /server\nUSER 65532\nFROM debian:13 AS build\nUSER 65532",
    good: "FROM debian:13 AS build\nUSER 65532\nFROM debian:13\nCOPY --from=build /server /server\nUSER 65532",
    ..Rule::NEW
};

/// A whole file system.
pub(super) static COPY_ALL: Rule = Rule {
    id: "dockerfile/copy-file-system",
    title: "A whole file system is copied from another stage",
    why: "Copying `/` onto `/` puts every file of the other image beside those of this base: twice the size, \
          mixed packages, and a package database that tells of one of them.",
    remediation: "Copy what is needed, or build on that stage: `FROM build`.",
    references: &["https://docs.docker.com/build/building/multi-stage/"],
    also: &["DL3067"],
    bad: "FROM debian:13 AS build\nFROM alpine:3.22\nCOPY --from=build / /\nUSER 65532",
    good: "FROM debian:13 AS build\nFROM alpine:3.22\nCOPY --from=build /usr/local/bin/server /usr/local/bin/\nUSER 65532",
    ..Rule::NEW
};

/// Looks names up among the stages before.
pub(super) struct CopyFrom;

impl Lint for CopyFrom {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&COPY_FROM, &COPY_ALL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Some(own) = instruction.stage else { continue };
            for (name, span) in taken_from(context, instruction) {
                let text = context.file.scope(index).expand(name);
                let Some(text) = text.text() else { continue };
                if let Some(message) = wrong(context, text, own) {
                    findings.push(context.finding(&COPY_FROM, span, quoted(text), message));
                }
            }
            if let (Kind::Copy(transfer), Some(flag)) = (&instruction.kind, instruction.flag("from")) {
                let is_root = |text: &str| matches!(text, "/" | "/." | "/*");
                let is_whole = matches!(transfer.sources.as_slice(), [only] if is_root(&only.text));
                let base = context.file.stages.get(own).map(|stage| &stage.base);
                // helpers for cross compilation come as such an image
                let name = flag.value.as_ref().map_or("", |value| reference(&value.text).0);
                let is_wanted = name.ends_with("/xx") || !context.ships(instruction);
                // onto nothing, it is the way to make one layer of many
                if is_whole && !is_wanted && is_root(&transfer.destination.text) && !matches!(base, Some(Base::Scratch))
                {
                    let message = "`/` of another image is copied onto the files of the base";
                    findings.push(context.finding(&COPY_ALL, flag.span, "/", message));
                }
            }
        }
    }
}

/// Stages among whose names the nearest is looked for.
const MOST_STAGES: usize = 50;

/// What is wrong with the name, where something is.
pub(super) fn wrong(context: &Context<'_>, text: &str, own: usize) -> Option<String> {
    let file = context.file;
    let (before, behind) = context.stages_named(text, own);
    if before.is_some() || context.contexts.get(text).is_some() {
        return None;
    }
    let shown = quoted(text);
    if let Ok(number) = text.parse::<usize>() {
        return Some(format!("there is no stage {number} before this one"));
    }
    if let Some(stage) = behind {
        let place = if stage == own { "is this stage itself" } else { "comes only later" };
        return Some(format!("the stage `{shown}` {place}"));
    }
    if text.contains(['/', ':', '@', '.']) {
        return None;
    }
    let before = file.stages.iter().take(own.min(MOST_STAGES)).filter_map(|stage| stage.name.as_deref());
    nearest(text, before).map(|near| format!("there is no stage `{shown}`; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &CopyFrom,
            &[
                (
                    "FROM a AS b\nCOPY --from=b /x /y\n",
                    &["high dockerfile/copy-from-unknown 2:13-2:14: the stage `b` is this stage itself"],
                ),
                (
                    "FROM a AS build\nFROM a\nCOPY --from=biuld /x /y\n",
                    &["high dockerfile/copy-from-unknown 3:13-3:18: there is no stage `biuld`; did you mean `build`?"],
                ),
                (
                    "FROM a AS Build\nFROM a\nCOPY --from=build /x /y\nCOPY --from=0 /x /y\nCOPY --from=nginx:1 /x /y\nCOPY --from=composer /x /y\n",
                    &[],
                ),
                (
                    "FROM a\nCOPY --from=1 /x /y\n",
                    &["high dockerfile/copy-from-unknown 2:13-2:14: there is no stage 1 before this one"],
                ),
                (
                    "FROM a\nRUN --mount=type=bind,from=late,target=/x ls\nFROM a AS late\n",
                    &["high dockerfile/copy-from-unknown 2:28-2:32: the stage `late` comes only later"],
                ),
                ("FROM a AS b\nFROM scratch\nCOPY --from=b / /\n", &[]),
                ("FROM a\nCOPY --from=h.example/b/xx:1.6 / /\n", &[]),
                ("FROM a AS b\nFROM a AS c\nCOPY --from=b / /\nFROM a\nCOPY --from=c /x /y\n", &[]),
                (
                    "FROM a AS b\nFROM a\nCOPY --from=b / /\n",
                    &[
                        "medium dockerfile/copy-file-system 3:6-3:14: `/` of another image is copied onto the files of the base",
                    ],
                ),
            ],
        );
    }
}

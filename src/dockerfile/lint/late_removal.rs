//! Files that a later layer deletes.

use super::facts::{deleted, is_mounted, joined, lies_in, quoted};
use super::manager::{Action, Manager, request};
use super::{Context, Lint};
use crate::dockerfile::{Instruction, Kind, Stage};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Deleted, and shipped all the same.
pub(super) static LATE_REMOVAL: Rule = Rule {
    id: "dockerfile/late-removal",
    title: "Files are deleted in a later layer than the one that brought them",
    severity: Severity::Low,
    why: "A layer never changes: what a later one deletes is only hidden, and ships with the image, bytes, \
          secrets and all.",
    remediation: "Bring and delete it in one `RUN`: `RUN --mount=type=bind,source=file,target=/tmp/file …` brings it \
          for that command only. What comes of a stage can be copied out of it.",
    references: &[
        "https://docs.docker.com/reference/dockerfile/#run---mount",
        "https://docs.docker.com/build/building/multi-stage/",
    ],
    bad: "FROM debian:13\nCOPY installer.run /tmp/\nRUN /tmp/installer.run && rm /tmp/installer.run\nUSER 65532",
    good: "FROM debian:13\nRUN --mount=type=bind,source=installer.run,target=/tmp/installer.run /tmp/installer.run\nUSER 65532",
    ..Rule::NEW
};

/// Compares what `rm` deletes with what earlier instructions of a stage that ships brought.
pub(super) struct LateRemoval;

impl Lint for LateRemoval {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&LATE_REMOVAL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for stage in
            context.file.stages.iter().filter(|stage| context.shipped.get(stage.index).copied().unwrap_or_default())
        {
            let brought = brought(context, stage);
            let mut folder = None;
            let mut lists: Option<u64> = None;
            for index in stage.instructions.clone() {
                let Some(instruction) = context.file.instructions.get(index) else { continue };
                let scope = context.file.scope(index);
                if let Kind::Workdir(word) = &instruction.kind {
                    folder = scope.resolve(word).text().and_then(|text| joined(folder.as_deref(), text));
                }
                let calls = context.calls.get(index).map(Vec::as_slice).unwrap_or_default();
                let mut updated_here = false;
                for call in calls {
                    updated_here |= request(call)
                        .is_some_and(|request| request.manager == Manager::Apt && request.action == Action::Update);
                    for (span, path) in deleted(call, &scope, context.expands_braces(index)) {
                        let Some(path) = joined(folder.as_deref(), &path) else { continue };
                        let before = brought.iter().take_while(|(at, _, _)| *at < index);
                        let brought = before.into_iter().find(|(_, brought, _)| lies_in(brought, &path));
                        let brought = brought.map(|(_, _, one)| (one.name(), context.line(one)));
                        let message =
                            match (brought, lists.filter(|_| !updated_here && lies_in("/var/lib/apt/lists", &path))) {
                                (Some((what, line)), _) => format!(
                                    "`{}` is deleted here, but ships in the layer of the `{what}` in line {line}",
                                    quoted(&path)
                                ),
                                (None, Some(line)) => format!(
                                    "`{}` is deleted here, but ships in the layer of the `RUN` in line {line}",
                                    quoted(&path)
                                ),
                                (None, None) => continue,
                            };
                        findings.push(context.finding(&LATE_REMOVAL, span, quoted(&path), message));
                    }
                }
                if updated_here {
                    let cleans = calls.iter().any(|call| {
                        deleted(call, &scope, context.expands_braces(index))
                            .iter()
                            .any(|(_, path)| lies_in("/var/lib/apt/lists", path))
                    });
                    lists = if cleans || is_mounted(instruction, &scope, "/var/lib/apt/lists") {
                        lists
                    } else {
                        Some(context.line(instruction))
                    };
                }
            }
        }
    }
}

/// Paths that are remembered of one stage.
const MOST_PATHS: usize = 1_000;

/// What `COPY` and `ADD` of a stage brought: index of the instruction, path, instruction; in order.
fn brought<'a>(context: &Context<'a>, stage: &Stage) -> Vec<(usize, String, &'a Instruction)> {
    let mut paths = Vec::new();
    for placed in context.copies(stage) {
        if placed.is_folder {
            for source in &placed.transfer.sources {
                let name = source.text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                if !name.is_empty() && name != "." && paths.len() < MOST_PATHS {
                    paths.push((placed.index, format!("{}/{name}", placed.path), placed.instruction));
                }
            }
        }
        paths.push((placed.index, placed.path, placed.instruction));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &LateRemoval,
            &[
                (
                    "FROM a\nCOPY b.deb /tmp/\nRUN dpkg -i /tmp/b.deb && rm -f /tmp/b.deb\n",
                    &[
                        "low dockerfile/late-removal 3:33-3:43: `/tmp/b.deb` is deleted here, but ships in the layer of the `COPY` in line 2",
                    ],
                ),
                (
                    "FROM a\nWORKDIR /w\nCOPY . .\nRUN make && rm -rf /w\n",
                    &[
                        "low dockerfile/late-removal 4:20-4:22: `/w` is deleted here, but ships in the layer of the `COPY` in line 3",
                    ],
                ),
                (
                    "FROM a\nRUN apt-get update && apt-get install -y b\nRUN rm -rf /var/lib/apt/lists/*\n",
                    &[
                        "low dockerfile/late-removal 3:12-3:32: `/var/lib/apt/lists` is deleted here, but ships in the layer of the `RUN` in line 2",
                    ],
                ),
                (
                    "FROM a\nCOPY b /c\nRUN rm -rf /tmp/* /var/lib/apt/lists/*\nRUN apt-get update && rm -rf /var/lib/apt/lists/*\n",
                    &[],
                ),
                ("FROM a AS x\nCOPY b.deb /tmp/\nRUN rm /tmp/b.deb\nFROM a\n", &[]),
            ],
        );
    }
}

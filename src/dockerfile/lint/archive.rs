//! Archives that are copied, and then unpacked.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::dockerfile::shell::Command;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Archive and content both ship.
pub(super) static ARCHIVE: Rule = Rule {
    id: "dockerfile/archive-copied",
    title: "An archive is copied and unpacked in another layer",
    severity: Severity::Low,
    why: "The archive stays in its layer, even when a later `RUN` deletes it, beside all that came out of it.",
    remediation: "Write `ADD archive.tar.gz /target/`, which unpacks it, or `RUN \
          --mount=type=bind,source=archive.zip,target=/tmp/archive.zip unzip …`.",
    references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
    also: &["DL3010"],
    bad: "FROM debian:13\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz -C /opt\nUSER 65532",
    good: "FROM debian:13\nADD app.tar.gz /opt/\nUSER 65532",
    ..Rule::NEW
};

/// Looks for the unpacking of each archive that was copied in a stage that ships.
pub(super) struct Archive;

impl Lint for Archive {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ARCHIVE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for stage in
            context.file.stages.iter().filter(|stage| context.shipped.get(stage.index).copied().unwrap_or_default())
        {
            for placed in context.copies(stage).iter().filter(|placed| placed.instruction.flag("from").is_none()) {
                if matches!(placed.instruction.kind, Kind::Add(_)) {
                    continue;
                }
                for source in placed.transfer.sources.iter().take(MOST_SOURCES) {
                    let name = if placed.is_folder { source.text.as_str() } else { placed.path.as_str() };
                    let name = name.rsplit('/').next().unwrap_or_default();
                    if !ARCHIVES.iter().any(|end| source.text.ends_with(end)) || name.is_empty() {
                        continue;
                    }
                    let unpacks = |call: &Command| {
                        matches!(call.name(), "tar" | "unzip" | "gunzip" | "bsdtar" | "7z")
                            && call.arguments().iter().any(|word| word.text.rsplit('/').next() == Some(name))
                    };
                    let later = placed.index.saturating_add(1)..stage.instructions.end;
                    let unpacked = later.take(MOST_LATER).find(|index| {
                        context.calls.get(*index).is_some_and(|calls| calls.iter().take(MOST_LATER).any(unpacks))
                    });
                    if let Some(line) =
                        unpacked.and_then(|index| context.file.instructions.get(index)).map(|one| context.line(one))
                    {
                        let shown = quoted(&source.text);
                        let message =
                            format!("`{shown}` is unpacked in line {line}; the archive itself stays in this layer");
                        findings.push(context.finding(&ARCHIVE, source.span, shown, message));
                    }
                }
            }
        }
    }
}

/// Ends of the names of archives.
const ARCHIVES: &[&str] =
    &[".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".zip", ".7z"];

/// Sources of one copy that are looked at.
const MOST_SOURCES: usize = 20;

/// Instructions behind a copy that are looked at, and commands of each.
const MOST_LATER: usize = 100;

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Archive,
            &[
                (
                    "FROM a\nCOPY b.tgz /tmp/\nRUN tar xf /tmp/b.tgz\n",
                    &[
                        "low dockerfile/archive-copied 2:6-2:11: `b.tgz` is unpacked in line 3; the archive itself stays in this layer",
                    ],
                ),
                (
                    "FROM a\nCOPY b.zip /tmp/c.zip\nRUN unzip /tmp/c.zip\n",
                    &[
                        "low dockerfile/archive-copied 2:6-2:11: `b.zip` is unpacked in line 3; the archive itself stays in this layer",
                    ],
                ),
                ("FROM a\nADD b.tgz /tmp/\nCOPY c.tgz /tmp/\nRUN tar xf /tmp/d.tgz\n", &[]),
                ("FROM a AS x\nCOPY b.tgz /tmp/\nRUN tar xf /tmp/b.tgz\nFROM a\n", &[]),
            ],
        );
    }
}

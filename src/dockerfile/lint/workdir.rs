//! `WORKDIR` that depends on the base image, or stands on a folder of the system.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// A relative folder with no absolute one before it.
pub(super) static WORKDIR_RELATIVE: Rule = Rule {
    id: "dockerfile/workdir-relative",
    title: "`WORKDIR` is relative to a folder of the base image",
    severity: Severity::Low,
    why: "A relative `WORKDIR` starts from the one before it; where the Dockerfile sets none, the base image \
          decides, and a new release of it may move every file of yours.",
    remediation: "Begin with a slash: `WORKDIR /app`.",
    references: &[
        "https://docs.docker.com/reference/build-checks/workdir-relative-path/",
        "https://docs.docker.com/reference/dockerfile/#workdir",
    ],
    also: &["AVD-DS-0009", "DL3000", "DS-0009", "DS009", "WorkdirRelativePath"],
    bad: "FROM debian:13\nWORKDIR app\nUSER 65532",
    good: "FROM debian:13\nWORKDIR /app\nUSER 65532",
    ..Rule::NEW
};

/// A folder that belongs to the system.
pub(super) static WORKDIR_OF_SYSTEM: Rule = Rule {
    id: "dockerfile/workdir-of-system",
    title: "`WORKDIR` is a folder of the system",
    why: "Files that are copied there stand among programs, devices or settings of the system, hide some of \
          them, or vanish when the engine mounts its own.",
    remediation: "Use a folder of your own, such as `/app` or `/srv`.",
    references: &["https://docs.docker.com/build/building/best-practices/#workdir"],
    also: &["AVD-DS-0030", "DS-0030", "DS030"],
    bad: "FROM debian:13\nWORKDIR /proc\nUSER 65532",
    good: "FROM debian:13\nWORKDIR /app\nUSER 65532",
    ..Rule::NEW
};

/// Follows `WORKDIR` through the stages.
pub(super) struct Workdir;

impl Lint for Workdir {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&WORKDIR_RELATIVE, &WORKDIR_OF_SYSTEM] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        context.handed_down(|is_known: &mut bool, index, instruction| {
            let Kind::Workdir(word) = &instruction.kind else { return };
            let resolved = context.file.scope(index).resolve(word);
            let shown = quoted(&resolved.shown);
            match resolved.text() {
                None => *is_known = true,
                Some(text) if is_absolute(text) => {
                    *is_known = true;
                    if SYSTEM.contains(&text.trim_end_matches('/')) {
                        let message = format!("`{shown}` belongs to the system");
                        findings.push(context.finding(&WORKDIR_OF_SYSTEM, word.span, shown, message));
                    }
                }
                Some(_) if *is_known => {}
                Some(_) => {
                    let message = format!("`{shown}` is relative, and no `WORKDIR` before it says to what");
                    findings.push(context.finding(&WORKDIR_RELATIVE, word.span, shown, message));
                }
            }
        });
    }
}

/// Folders that engines mount or the system lives in.
const SYSTEM: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
];

/// Whether a path starts at a root, that of Windows too.
fn is_absolute(text: &str) -> bool {
    let drive = text.as_bytes();
    text.starts_with(['/', '\\']) || matches!(drive, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Workdir,
            &[
                (
                    "FROM a\nWORKDIR b\n",
                    &[
                        "low dockerfile/workdir-relative 2:9-2:10: `b` is relative, and no `WORKDIR` before it says to what",
                    ],
                ),
                ("FROM a\nWORKDIR /b\nWORKDIR c\n", &[]),
                ("FROM a AS x\nWORKDIR /b\nFROM x\nWORKDIR c\n", &[]),
                (
                    "FROM a AS x\nWORKDIR /b\nFROM a\nARG D=c\nWORKDIR $D\n",
                    &[
                        "low dockerfile/workdir-relative 5:9-5:11: `c` is relative, and no `WORKDIR` before it says to what",
                    ],
                ),
                ("FROM a\nWORKDIR $HOME/x\nWORKDIR C:\\x\n", &[]),
                (
                    "FROM a\nWORKDIR \"/sys/\"\n",
                    &["medium dockerfile/workdir-of-system 2:9-2:16: `/sys/` belongs to the system"],
                ),
                ("FROM a\nWORKDIR /usr/src/app\n", &[]),
            ],
        );
    }
}

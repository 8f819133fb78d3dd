//! `WORKDIR` that depends on the base image, or stands on a folder of the system.

use super::facts::{joined, lies_in, quoted};
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
        context.handed_down(|known: &mut Known, index, instruction| {
            let Kind::Workdir(word) = &instruction.kind else { return };
            let resolved = context.file.scope(index).resolve(word);
            let shown = quoted(&resolved.shown);
            let Some(text) = resolved.text() else {
                *known = Known { is_set: true, folder: None };
                return;
            };
            if !is_absolute(text) && !known.is_set {
                let message = format!("`{shown}` is relative, and no `WORKDIR` before it says to what");
                findings.push(context.finding(&WORKDIR_RELATIVE, word.span, &*shown, message));
                return;
            }
            *known = Known { is_set: true, folder: joined(known.folder.as_deref(), text) };
            let is_of_system = known.folder.as_deref().is_some_and(is_of_system) || is_of_windows_system(text);
            if is_of_system {
                let message = format!("`{shown}` belongs to the system");
                findings.push(context.finding(&WORKDIR_OF_SYSTEM, word.span, shown, message));
            }
        });
    }
}

/// What is known of the folder at an instruction.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Whether the file sets one.
    is_set: bool,
    /// Which, where that can be told.
    folder: Option<String>,
}

/// Folders the system lives in; those in them may be of one's own, such as `/usr/src/app`.
const SYSTEM: &[&str] =
    &["/bin", "/etc", "/lib", "/lib64", "/run", "/sbin", "/usr", "/usr/bin", "/usr/lib", "/usr/sbin"];

/// Folders in which everything is the kernel's, the engine's or the boot loader's.
const MOUNTED: &[&str] = &["/boot", "/dev", "/initrd", "/lost+found", "/proc", "/sys"];

fn is_of_system(path: &str) -> bool {
    SYSTEM.contains(&path) || MOUNTED.iter().any(|folder| lies_in(path, folder))
}

/// `C:\Windows` and what is in it.
fn is_of_windows_system(text: &str) -> bool {
    let text = text.to_ascii_lowercase().replace('\\', "/");
    text.split_once(':').is_some_and(|(_, path)| lies_in(path.trim_end_matches('/'), "/windows"))
}

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
                (
                    "FROM a\nWORKDIR /usr/src/app\nWORKDIR /etc/nginx\nWORKDIR /\nWORKDIR /process\nWORKDIR C:\\inetpub\n",
                    &[],
                ),
                (
                    "FROM a\nWORKDIR /proc/self\nWORKDIR fd\nWORKDIR /dev/shm/x\n",
                    &[
                        "medium dockerfile/workdir-of-system 2:9-2:19: `/proc/self` belongs to the system",
                        "medium dockerfile/workdir-of-system 3:9-3:11: `fd` belongs to the system",
                        "medium dockerfile/workdir-of-system 4:9-4:19: `/dev/shm/x` belongs to the system",
                    ],
                ),
                (
                    "# escape=`\nFROM mcr.microsoft.com/windows/servercore:ltsc2022\nWORKDIR C:\\Windows\\System32\n",
                    &[
                        "medium dockerfile/workdir-of-system 3:9-3:28: `C:\\\\Windows\\\\System32` belongs to the system",
                    ],
                ),
                (
                    "FROM a AS b\nWORKDIR /sys\nFROM b\nARG D=fs\nWORKDIR $D\n",
                    &[
                        "medium dockerfile/workdir-of-system 2:9-2:13: `/sys` belongs to the system",
                        "medium dockerfile/workdir-of-system 5:9-5:11: `fs` belongs to the system",
                    ],
                ),
            ],
        );
    }
}

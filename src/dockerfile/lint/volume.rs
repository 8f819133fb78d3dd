//! `VOLUME` on folders of the system.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::Rule;

/// A folder of the system.
pub(super) static SENSITIVE_VOLUME: Rule = Rule {
    id: "dockerfile/sensitive-volume",
    title: "A folder of the system is a volume",
    why: "An engine puts an empty or a shared folder over it: devices, processes or settings of the system \
          vanish or are kept from container to container.",
    remediation: "Use a folder of your own, such as `/data`.",
    references: &["https://docs.docker.com/reference/dockerfile/#volume"],
    also: &["DKL-DI-0002"],
    bad: "FROM debian:13\nVOLUME /proc\nUSER 65532",
    good: "FROM debian:13\nVOLUME /data\nUSER 65532",
    ..Rule::NEW
};

/// Reads paths with variables resolved.
pub(super) struct Volume;

impl Lint for Volume {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SENSITIVE_VOLUME] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Kind::Volume(words) = &instruction.kind else { continue };
            for word in words {
                let resolved = context.file.scope(index).resolve(word);
                let Some(text) = resolved.text() else { continue };
                let path = if text == "/" { text } else { text.trim_end_matches('/') };
                if SYSTEM.contains(&path) || path.starts_with("/proc/") || path.starts_with("/sys/") {
                    let shown = quoted(text);
                    let message = format!("`{shown}` belongs to the system");
                    findings.push(context.finding(&SENSITIVE_VOLUME, word.span, shown, message));
                }
            }
        }
    }
}

/// Folders that the system or the engine needs as they are.
const SYSTEM: &[&str] = &["/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/sbin", "/sys", "/usr"];

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Volume,
            &[
                (
                    "FROM a\nVOLUME /proc/ /data [\"x\"]\n",
                    &["medium dockerfile/sensitive-volume 2:8-2:14: `/proc/` belongs to the system"],
                ),
                (
                    "FROM a\nVOLUME [\"/data\", \"/sys\"]\n",
                    &["medium dockerfile/sensitive-volume 2:18-2:24: `/sys` belongs to the system"],
                ),
            ],
        );
    }
}

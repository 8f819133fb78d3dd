//! Device nodes in layers.

use super::{Check, Context, at};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};
use crate::tree::FileKind;

/// A device node outside of `/dev`.
pub(super) static DEVICE_NODE: Rule = Rule {
    id: "image/device-node",
    title: "A device node stands outside of `/dev`",
    severity: Severity::Medium,
    why: "Engines put a `/dev` of their own in place of the image's, with the harmless devices alone. A node elsewhere \
          stays: where a container may use the device, as a privileged one may, it leads to the host's disk or memory.",
    remediation: "Remove the node; give a container the device it needs with `--device`.",
    references: &[
        "https://man7.org/linux/man-pages/man7/cgroups.7.html",
        "https://man7.org/linux/man-pages/man2/mknod.2.html",
    ],
    bad: "RUN mknod /srv/disk b 8 0",
    good: "# docker run --device /dev/sda …",
    ..Rule::NEW
};

/// Devices that give away nothing, by major and minor number: null, zero, full, random, urandom, tty, console, ptmx.
const HARMLESS: &[(u32, u32)] = &[(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];

/// Findings listed singly; those beyond are counted in one.
const LISTED: usize = 20;

/// Judges what is live.
pub(super) struct DeviceNode;

impl Check for DeviceNode {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&DEVICE_NODE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let tree = &context.image.tree;
        let found: Vec<_> = tree
            .names()
            .filter(|(path, _)| !path.is_under(b"dev"))
            .filter_map(|(path, node)| {
                let (what, major, minor, severity) = match tree.entry(node).kind {
                    FileKind::BlockDevice(major, minor) => ("block", major, minor, Severity::Medium),
                    // overlayfs's own whiteout, which no unpacked layer should hold
                    FileKind::CharacterDevice(0, 0) => return None,
                    FileKind::CharacterDevice(major, minor) if HARMLESS.contains(&(major, minor)) => {
                        ("character", major, minor, Severity::Info)
                    }
                    FileKind::CharacterDevice(major, minor) => ("character", major, minor, Severity::Medium),
                    _ => return None,
                };
                Some((path, node, what, major, minor, severity))
            })
            .collect();
        let more = found.len().saturating_sub(LISTED);
        for (place, (path, node, what, major, minor, severity)) in found.into_iter().take(LISTED).enumerate() {
            let mut message = format!("`{path}` is {what} device {major}:{minor}");
            if place + 1 == LISTED && more > 0 {
                message = format!("{message}; {more} more are not listed");
            }
            let mut finding = Finding::new(&DEVICE_NODE, path.to_string(), at(path, node.layer), message)
                .evidence("major", major)
                .evidence("minor", minor);
            finding.severity = severity;
            findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;
    use crate::tree::FileEntry;

    #[test]
    fn only_nodes_that_stay_count() {
        let node = |path: &str, kind| FileEntry { kind, ..file(path, 0) };
        let image = layered(vec![
            vec![
                node("dev/sda", FileKind::BlockDevice(8, 0)),
                node("dev/null", FileKind::CharacterDevice(1, 3)),
                node("srv/disk", FileKind::BlockDevice(8, 0)),
                node("srv/mem", FileKind::CharacterDevice(1, 1)),
                node("var/spool/postfix/dev/random", FileKind::CharacterDevice(1, 8)),
                node("srv/gone", FileKind::BlockDevice(8, 1)),
                node("srv/white", FileKind::CharacterDevice(0, 0)),
            ],
            vec![file("srv/.wh.gone", 0)],
        ]);
        assert_eq!(
            shown(&DeviceNode, &image),
            [
                "medium image/device-node /srv/disk@0: `/srv/disk` is block device 8:0",
                "medium image/device-node /srv/mem@0: `/srv/mem` is character device 1:1",
                "info image/device-node /var/spool/postfix/dev/random@0: `/var/spool/postfix/dev/random` is character device 1:8",
            ]
        );
    }
}

//! The number that tells machines apart (machine-id(5)).

use super::{Check, Context, line_of};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// All containers are the same machine.
pub(super) static MACHINE_ID: Rule = Rule {
    id: "image/machine-id",
    title: "The image holds a machine's id",
    severity: Severity::Low,
    why: "Every container of the image is the same machine to logs, licences, DHCP and whatever derives keys from the id, \
          which systemd's documentation asks to keep to the machine.",
    remediation: "Empty the file in the step that makes it, `: > /etc/machine-id`, so that it is made anew at the first \
                  start.",
    references: &["https://www.freedesktop.org/software/systemd/man/latest/machine-id.html"],
    bad: "RUN apt-get update && apt-get install -y systemd",
    good: "RUN apt-get update && apt-get install -y systemd && : > /etc/machine-id",
    ..Rule::NEW
};

/// Judges the file and D-Bus's copy of it.
pub(super) struct MachineId;

impl Check for MachineId {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&MACHINE_ID] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let files = context.image.settings.iter().filter(|file| file.path.file_name() == b"machine-id");
        let mut seen = Vec::new();
        for file in files {
            // D-Bus's is a link to systemd's, or a copy
            let id = file.lines.iter().find(|line| is_id(&line.text));
            if let Some(line) = id.filter(|line| !seen.contains(&&line.text)) {
                seen.push(&line.text);
                let place = line_of(&file.path, file.node.layer, line.number);
                let message = format!("`{}` holds the id of a machine", file.path);
                let mut finding = Finding::new(&MACHINE_ID, file.path.to_string(), place, message);
                finding.is_fixable = true;
                findings.push(finding);
            }
        }
    }
}

/// 32 hexadecimal digits that are not all zero; `uninitialized` is none.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use crate::inventory::{Inventory, SettingFile, SettingLine};
    use crate::tree::Node;

    #[test]
    fn only_a_real_id_counts() {
        let id = "0123456789abcdef0123456789abcdef";
        for (text, count) in [("uninitialized", 0), (id, 1), (&*"0".repeat(32), 0), ("0123", 0)] {
            let file = |path: &str| SettingFile {
                path: path.into(),
                node: Node { layer: 0, member: 0 },
                lines: vec![SettingLine { number: 1, text: text.into(), ..SettingLine::default() }],
            };
            let settings = vec![file("etc/machine-id"), file("var/lib/dbus/machine-id")];
            assert_eq!(shown(&MachineId, &Inventory { settings, ..Inventory::default() }).len(), count, "{text}");
        }
    }
}

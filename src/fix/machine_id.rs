//! Empties the files that hold a machine's id (machine-id(5)).

use crate::finding::Finding;
use crate::inventory::SettingFile;
use crate::rebuild::{Content, Edit};

use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal, on_top};

/// A machine's id.
pub(super) static MACHINE_ID: Fixer = Fixer {
    id: "machine-id",
    group: "leftovers",
    title: "A machine's id",
    rules: &["image/machine-id"],
    does: "Leaves `/etc/machine-id` and D-Bus's copy of it empty, as systemd's documentation asks of images: the id is made \
           anew at the first start. In a layer of the base a new, empty file on top takes its place.",
    never: "Never takes the file itself away: without it a read-only file system could hold no id.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let Some(finding) = job.findings(MACHINE_ID.rules).next() else { return };
    let files = job.image.settings.iter().filter(|file| file.path.file_name() == b"machine-id");
    for file in files.filter(|file| file.lines.iter().any(|line| is_id(&line.text))) {
        one(job, draft, finding, file);
    }
}

fn one(job: &Job<'_>, draft: &mut Draft<'_>, finding: &Finding, file: &SettingFile) {
    let node = file.node;
    if let Some(no) = job.guard.fixes(node) {
        draft.refuse(finding, no.reason, no.hint);
        return;
    }
    let edits = if job.guard.is_base(node.layer) {
        on_top(job, &file.path, node, None, Content::Text { text: String::new() })
    } else {
        Ok(vec![Edit::Truncate { member: job.member(node) }])
    };
    match edits {
        Ok(edits) => draft.propose(Proposal {
            kind: Kind::Empty,
            findings: vec![finding],
            path: file.path.to_string(),
            layer: Some(node.layer),
            before: "the id of a machine".into(),
            after: "an empty file".into(),
            safety: Safety::Safe,
            risk: Risk::Low,
            reason: "systemd makes an id at the first start".into(),
            is_asked: false,
            edits,
        }),
        Err(no) => draft.refuse(finding, no.reason, no.hint),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, layered, planned};
    use crate::check::testing::settings;
    use crate::inventory::Inventory;
    use crate::tree::Node;

    #[test]
    fn both_copies_are_emptied() {
        let id = "0123456789abcdef0123456789abcdef";
        let with = |layers: usize| -> Inventory {
            let mut image = layered(vec![vec![file("etc/machine-id", 33)], vec![file("var/lib/dbus/machine-id", 33)]]);
            image.settings = vec![settings("etc/machine-id", id), settings("var/lib/dbus/machine-id", id)];
            image.settings[1].node = Node { layer: 1, member: 0 };
            base(image, layers)
        };
        assert_eq!(
            planned(&with(0), &["leftovers"]),
            [
                "machine-id-1 safe /etc/machine-id@0: the id of a machine: truncate 0",
                "machine-id-2 safe /var/lib/dbus/machine-id@1: the id of a machine: truncate 0",
            ]
        );
        assert_eq!(
            planned(&with(1), &["leftovers"])[0],
            "machine-id-1 safe /etc/machine-id@0: the id of a machine: add etc/machine-id 0644 \"\""
        );
    }
}

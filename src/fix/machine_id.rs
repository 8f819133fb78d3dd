//! Empties the files that hold a machine's id (machine-id(5)).

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::path::ImagePath;
use crate::rebuild::{Content, Edit};
use crate::tree::Node;

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
    let mut done = BTreeSet::new();
    for file in files.filter(|file| file.lines.iter().any(|line| is_id(&line.text))) {
        // one may be a link to the other
        let real = job.guard.real(&file.path);
        let names: Vec<&ImagePath> = job.image.tree.names_of(file.node).collect();
        let lies = if names.contains(&&real) { Some(&&real) } else { names.first() };
        let path = lies.map_or(&file.path, |name| *name).clone();
        if done.insert((file.node, path.clone())) {
            one(job, draft, finding, &path, file.node);
        }
    }
}

fn one(job: &Job<'_>, draft: &mut Draft<'_>, finding: &Finding, path: &ImagePath, node: Node) {
    if let Some(no) = job.guard.fixes(node) {
        draft.refuse(finding, no.reason, no.hint);
        return;
    }
    let edits = if job.guard.is_base(node.layer) {
        on_top(job, path, node, None, Content::Text { text: String::new() })
    } else {
        Ok(vec![Edit::Truncate { member: job.member(node) }])
    };
    match edits {
        Ok(edits) => draft.propose(Proposal {
            kind: Kind::Empty,
            findings: vec![finding],
            path: path.to_string(),
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
    use super::super::testing::{base, file, layered, link, planned};
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

    #[test]
    fn a_link_to_the_other_stays_one() {
        let id = "0123456789abcdef0123456789abcdef";
        let both = ["etc/machine-id", "var/lib/dbus/machine-id"];
        let cases = [
            (0, &both[..], "truncate 0"),
            (1, &both[..], "add etc/machine-id 0644 \"\""),
            (1, &both[1..], "add etc/machine-id 0644 \"\""),
        ];
        for (layers, found, expected) in cases {
            let mut image =
                layered(vec![vec![file("etc/machine-id", 33), link("var/lib/dbus/machine-id", "/etc/machine-id")]]);
            image.settings = found.iter().map(|path| settings(path, id)).collect();
            let planned = planned(&base(image, layers), &["leftovers"]);
            assert_eq!(planned, [format!("machine-id-1 safe /etc/machine-id@0: the id of a machine: {expected}")]);
        }
    }
}

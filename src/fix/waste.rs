//! Takes out bytes that a higher layer deletes or replaces.

use crate::finding::Finding;
use crate::path::ImagePath;
use crate::tree::{Node, Tree};

use super::drops::Drops;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// What no container sees.
pub(super) static WASTE: Fixer = Fixer {
    id: "waste",
    group: "waste",
    title: "Files that no container sees",
    rules: &["layer/wasted-space"],
    does: "Takes files out of a layer that a later one deletes or replaces, with all their hard links. Folders and whiteouts \
           stay, so that the merged file system is the same to the last entry. Planned only with `--waste`, `--only waste`, \
           or `allow = [\"waste\"]` in `[fix]`.",
    never: "Never touches layers of the base image without `--touch-base`, files to which a hard link of a later layer leads, \
            package databases, or the last file of a folder that no layer has an entry for.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let tree = &job.image.tree;
    for finding in job.findings(WASTE.rules) {
        let Some(layer) = finding.layer() else { continue };
        if job.guard.is_base(layer) {
            let reason = format!("layer {layer} belongs to the base image");
            draft.refuse(finding, reason, "`--touch-base` writes it anew all the same");
            continue;
        }
        let members = tree.layers().get(layer as usize).into_iter().flatten();
        let nodes: Vec<Node> = (0u32..)
            .zip(members)
            .filter(|(_, entry)| entry.is_file() && entry.size > 0 && !entry.is_marker())
            .map(|(member, _)| Node { layer, member })
            .filter(|node| tree.hidden(*node).is_some() && has_folder(tree, &tree.entry(*node).path))
            .collect();
        propose(job, draft, finding, &nodes);
    }
}

fn propose(job: &Job<'_>, draft: &mut Draft<'_>, finding: &Finding, nodes: &[Node]) {
    let drops = Drops::keeping(job, nodes, &|_| true, &|node| job.guard.keeps_hidden(node));
    if let Some(no) = drops.no.clone().filter(|_| drops.is_empty()) {
        draft.refuse(finding, no.reason, no.hint);
    }
    let layer = finding.layer();
    draft.propose(Proposal {
        kind: Kind::Remove,
        findings: vec![finding],
        path: format!("layer {}", layer.unwrap_or_default()),
        layer,
        before: drops.heap(),
        after: "gone from the layer; the merged file system stays as it is".into(),
        safety: Safety::Review,
        risk: Risk::Low,
        reason: "no container sees them; who reads single layers misses them".into(),
        is_asked: true,
        edits: drops.edits,
    });
}

/// Whether the folder of a file has an entry of its own, or is gone too: else it would go with its last file.
fn has_folder(tree: &Tree, path: &ImagePath) -> bool {
    let folder = path.parent();
    folder.is_root() || tree.get(&folder).is_some() || tree.resolve_folder(&folder).is_none()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, folder, hard_link, layered, plan, planned, shown};
    use super::super::{FIXERS, Wishes};

    #[test]
    fn hidden_files_go_where_nothing_else_needs_them() {
        let image = || {
            layered(vec![
                vec![file("opt/base", 3 << 20)],
                vec![
                    folder("opt"),
                    file("opt/gone", 3 << 20),
                    hard_link("opt/gone2", "opt/gone"),
                    file("opt/twice", 3 << 20),
                    hard_link("opt/kept", "opt/twice"),
                    file("opt/below", 3 << 20),
                    file("bare/last", 3 << 20),
                    file("var/lib/dpkg/status", 3 << 20),
                    folder("var/lib/dpkg"),
                ],
                vec![
                    hard_link("opt/link", "opt/below"),
                    file("opt/.wh.gone", 0),
                    file("opt/.wh.gone2", 0),
                    file("opt/.wh.twice", 0),
                    file("opt/base", 1),
                    file("bare/.wh.last", 0),
                    file("var/lib/dpkg/status", 3 << 20),
                ],
                vec![file("opt/.wh.below", 0), file("opt/.wh.link", 0)],
            ])
        };
        assert_eq!(
            planned(&base(image(), 1), &["waste"]),
            [
                "waste-1 review+ layer 1@1: 1 file (3.0 MiB): drop 1 2",
                "refused /opt/base: layer 0 belongs to the base image",
            ]
        );
        assert!(FIXERS.iter().any(|fixer| fixer.id == "waste"));
        assert_eq!(shown(&plan(&image(), &Wishes { skip: vec!["user"], ..Wishes::default() })), [""; 0], "not unasked");
    }
}

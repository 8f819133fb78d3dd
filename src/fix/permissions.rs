//! Takes the right to write away from everybody.

use std::collections::BTreeSet;

use crate::check::meant_to_be_open;
use crate::finding::Location;
use crate::path::ImagePath;
use crate::rebuild::{Content, Edit};
use crate::tree::{FileEntry, FileKind, Node};

use super::guard::No;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal, on_top};

/// What everybody may write.
pub(super) static PERMISSIONS: Fixer = Fixer {
    id: "permissions",
    group: "permissions",
    title: "Files and folders that every user may change",
    rules: &["image/world-writable"],
    does: "Takes the right to write off the others of a file (`o-w`), and gives a folder the sticky bit, so that everybody may \
           still put files there and nobody may take another's away; also below a folder that is found. The header is \
           changed in the layer that holds it; in a layer of the base, a copy on top has the other mode.",
    never: "Never changes owners nor what packages mean everybody to write, and never takes rights from owner \
            or group. A process that runs as another user than the file's owner can no longer write the file: that is why it \
            asks for a look.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let mut done: BTreeSet<Node> = BTreeSet::new();
    let meant = meant_to_be_open(job.image);
    for finding in job.findings(PERMISSIONS.rules) {
        let Location::File { path, .. } = &finding.location else { continue };
        let names: Vec<(ImagePath, Node)> = names_below(job, path);
        // the last one that is listed stands for those that are not
        let others = finding.message.contains(" further paths ");
        let names = if others { all(job) } else { names };
        let mut edits = Vec::new();
        let mut count = 0u32;
        let mut modes: BTreeSet<String> = BTreeSet::new();
        let mut no = None;
        let mut layers = BTreeSet::new();
        for (path, node) in names {
            let entry = job.image.tree.entry(node);
            if !is_open(entry) || done.contains(&node) {
                continue;
            }
            if let Some(package) = job.guard.owner(node) {
                let is_found = matches!(&finding.location, Location::File { path: found, .. } if *found == path);
                let is_named = job.image.owned.owner(&path).is_some();
                if is_found && !is_named {
                    no = no.or_else(|| {
                        let reason = format!("`{path}` is another name of a file of the package `{package}`");
                        Some(No { reason, hint: "change it where the image is built".into() })
                    });
                }
                // what a package opens is as it should be, unless it would be found by itself
                if !is_named || !is_found && meant.contains(&path) {
                    continue;
                }
            }
            done.insert(node);
            match close(job, &path, node, entry) {
                Ok(more) => {
                    modes.insert(format!("{:04o}", entry.mode));
                    layers.insert(node.layer);
                    count += 1;
                    edits.extend(more);
                }
                Err(why) => no = no.or(Some(why)),
            }
        }
        if let Some(no) = no {
            draft.refuse(finding, no.reason, no.hint);
        }
        let more = if count > 1 { format!(", {count} files and folders") } else { String::new() };
        let before = format!("{}{more}", modes.into_iter().collect::<Vec<_>>().join(", "));
        draft.propose(Proposal {
            kind: Kind::Mode,
            findings: vec![finding],
            path: path.to_string(),
            layer: layers.first().copied().filter(|_| layers.len() == 1),
            before,
            after: "others may not write files, nor take them out of folders".into(),
            safety: Safety::Review,
            risk: Risk::Medium,
            reason: job.with_waste("see that the application writes only what belongs to its user or group", &edits),
            is_asked: false,
            edits,
        });
    }
}

/// Whether everybody may change it.
fn is_open(entry: &FileEntry) -> bool {
    entry.mode & 0o002 != 0
        && match entry.kind {
            FileKind::File | FileKind::HardLink(_) => true,
            FileKind::Directory => entry.mode & 0o1000 == 0,
            _ => false,
        }
}

/// A path and what is below it.
fn names_below(job: &Job<'_>, path: &ImagePath) -> Vec<(ImagePath, Node)> {
    let tree = &job.image.tree;
    if path.is_root() {
        // the uppermost layer that has a member for the root; the names do not list it
        let roots = (0u32..).zip(tree.layers()).filter_map(|(layer, members)| {
            let member = members.iter().rposition(|entry| entry.path.is_root())?;
            Some((path.clone(), Node { layer, member: u32::try_from(member).ok()? }))
        });
        return roots.last().into_iter().collect();
    }
    let is_below = |(name, _): &(&ImagePath, Node)| name.is_under(path.as_bytes());
    tree.names().filter(is_below).map(|(name, node)| (name.clone(), node)).collect()
}

/// All that is live, but what the kernel or the engine replaces.
fn all(job: &Job<'_>) -> Vec<(ImagePath, Node)> {
    let is_replaced = |path: &ImagePath| [&b"dev"[..], b"proc", b"sys"].iter().any(|folder| path.is_under(folder));
    let names = job.image.tree.names().filter(|(path, _)| !is_replaced(path) && job.image.owned.owner(path).is_none());
    names.map(|(name, node)| (name.clone(), node)).collect()
}

fn close(job: &Job<'_>, path: &ImagePath, node: Node, entry: &FileEntry) -> Result<Vec<Edit>, No> {
    let is_folder = entry.kind == FileKind::Directory;
    let mode = if is_folder { entry.mode | 0o1000 } else { entry.mode & !0o002 };
    if let Some(no) = job.guard.keeps_as_is(node) {
        return Err(no);
    }
    if !job.guard.is_base(node.layer) {
        // engines give the file the mode of each of its hard links, too
        let is_meant = |name: &Node| *name == node || is_open(job.image.tree.entry(*name));
        let headers = job.guard.with_links(node).filter(is_meant).map(|name| {
            let own = job.image.tree.entry(name).mode;
            let mode = if name == node { mode } else { own & !0o002 };
            Edit::SetHeader { member: job.member(name), mode: Some(mode), uid: None, gid: None }
        });
        return job.guard.closed(node.layer).map_or_else(|| Ok(headers.collect()), Err);
    }
    if is_folder {
        return on_top(job, path, node, Some(mode), Content::File { member: job.member(node) });
    }
    // all its names: the others would stay as they are
    let mut edits = Vec::new();
    for name in job.image.tree.names_of(node) {
        edits.extend(on_top(job, name, node, Some(mode), Content::File { member: job.member(node) })?);
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, folder, hard_link, layered, mode, planned};

    #[test]
    fn all_names_of_a_file_of_the_base_are_closed() {
        let image =
            layered(vec![vec![mode(file("srv/a", 4), 0o666), hard_link("srv/b", "srv/a")], vec![file("opt/x", 1)]]);
        assert_eq!(
            planned(&base(image, 1), &["permissions"]),
            ["permissions-1 review /srv/a@0: 0666: add srv/a 0664 copy, add srv/b 0664 copy"]
        );
    }

    #[test]
    fn files_are_closed_and_folders_made_sticky() {
        let image = layered(vec![
            vec![mode(file("etc/teal.conf", 4), 0o666), mode(folder("srv/spool"), 0o777)],
            vec![
                mode(folder("srv/heron"), 0o777),
                mode(file("srv/heron/a", 1), 0o666),
                file("srv/heron/b", 1),
                mode(folder("tmp"), 0o1777),
            ],
        ]);
        assert_eq!(
            planned(&base(image, 1), &["permissions"]),
            [
                "permissions-1 review /etc/teal.conf@0: 0666: add etc/teal.conf 0664 copy",
                "permissions-2 review /srv/spool@0: 0777: add srv/spool/ 1777 0:0",
                "permissions-3 review /srv/heron@1: 0666, 0777, 2 files and folders: header 0 1777, header 1 0664",
            ]
        );
    }

    #[test]
    fn what_packages_brought_keeps_its_mode() {
        let image = layered(vec![vec![
            mode(folder("opt/x"), 0o777),
            mode(file("opt/x/f", 1), 0o666),
            mode(file("opt/x/g", 1), 0o666),
            mode(folder("usr/lib/x"), 0o777),
            mode(file("usr/lib/x/f", 1), 0o666),
            mode(file("usr/bin/tool", 1), 0o666),
            mode(hard_link("usr/a", "usr/bin/tool"), 0o666),
        ]])
        .owning(&["opt/x/f", "usr/lib/x/f", "usr/bin/tool"]);
        assert_eq!(
            planned(&image, &["permissions"]),
            [
                "permissions-1 review /opt/x@0: 0666, 0777, 2 files and folders: header 0 1777, header 2 0664",
                "permissions-2 review /usr/lib/x@0: 0666, 0777, 2 files and folders: header 3 1777, header 4 0664",
                "refused /usr/a: `/usr/a` is another name of a file of the package `of the system`",
            ]
        );
    }

    #[test]
    fn the_root_folder_of_the_base_stays() {
        let image = base(layered(vec![vec![mode(folder(""), 0o777), file("srv/a", 1)], vec![file("opt/x", 1)]]), 1);
        assert_eq!(planned(&image, &["permissions"]), ["refused /: no layer on top changes the root folder"]);
    }
}

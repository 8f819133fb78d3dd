//! Takes paths that the user names out of every layer.

use std::collections::{BTreeMap, BTreeSet};

use crate::path::ImagePath;
use crate::policy::Glob;
use crate::rebuild::Edit;
use crate::tree::{FileEntry, FileKind, Node};

use super::guard::No;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal, heap, heirs};

/// Paths that the user names.
pub(super) static REMOVE: Fixer = Fixer {
    id: "remove",
    group: "",
    title: "Paths that the user names",
    rules: &[],
    does: "Takes every member that a glob of `--remove` fits, and all below it, out of every layer, base layers too: files, \
           folders, links, and whiteouts that then hide nothing. A path is tried as it is stored and with the links of its \
           folders followed. A hard link that stays gets the content.",
    never: "Never touches files that packages own, package databases, what the image's command names, the accounts that its \
            user or group is looked up in by name, and layers that are kept elsewhere or encrypted: each is refused with its reason, and a folder that holds one stays.",
    plan,
};

/// Names that a plan lists.
const LISTED: usize = 5;

/// What one glob takes out of one layer.
#[derive(Default)]
struct Found<'a> {
    edits: Vec<Edit>,
    files: u64,
    bytes: u64,
    names: Vec<&'a ImagePath>,
    /// Another name of a file among them, which stays with its content.
    heir: Option<&'a ImagePath>,
}

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    for glob in &job.wishes.remove {
        one(job, draft, glob);
    }
}

fn one(job: &Job<'_>, draft: &mut Draft<'_>, glob: &Glob) {
    let tree = &job.image.tree;
    let mut stays: BTreeMap<ImagePath, No> = BTreeMap::new();
    let mut goes: Vec<Node> = Vec::new();
    let mut whiteouts: Vec<(Node, ImagePath)> = Vec::new();
    for (layer, members) in (0u32..).zip(tree.layers()) {
        // members of one folder mostly stand together
        let mut last: Option<(&[u8], ImagePath)> = None;
        for (member, entry) in (0u32..).zip(members) {
            let folder = entry.path.parent_bytes();
            if last.as_ref().is_none_or(|(known, _)| *known != folder) {
                last = Some((folder, tree.real_folder(&entry.path.parent())));
            }
            let Some((_, real)) = &last else { continue };
            let node = Node { layer, member };
            if let Some(name) = hidden_name(entry) {
                let path = entry.path.parent().join(name);
                if fits(glob, &path) || fits(glob, &real.join(name)) {
                    whiteouts.push((node, path));
                }
                continue;
            }
            if entry.path.is_root() || !(fits(glob, &entry.path) || fits(glob, &real.join(entry.path.file_name()))) {
                continue;
            }
            let kept =
                if entry.kind == FileKind::Directory { job.guard.keeps_folder(node) } else { job.guard.keeps(node) };
            match kept {
                Some(no) => {
                    stays.entry(entry.path.clone()).or_insert(no);
                }
                None => goes.push(node),
            }
        }
    }
    // a folder stays that holds something that stays
    let held = |path: &ImagePath| stays.range(path.clone()..).any(|(stays, _)| stays.is_under(path.as_bytes()));
    goes.retain(|node| {
        let entry = tree.entry(*node);
        entry.kind != FileKind::Directory || !held(&entry.path)
    });
    whiteouts.retain(|(node, path)| job.guard.closed(node.layer).is_none() && !held(path));
    let mut by_layer: BTreeMap<u32, Found<'_>> = BTreeMap::new();
    for node in goes.iter().chain(whiteouts.iter().map(|(node, _)| node)) {
        let entry = tree.entry(*node);
        let found = by_layer.entry(node.layer).or_default();
        found.edits.push(Edit::DropMember { member: job.member(*node), secrets: Vec::new(), inside: Vec::new() });
        if entry.is_file() && !entry.is_marker() {
            found.files = found.files.saturating_add(1);
            found.bytes = found.bytes.saturating_add(entry.size);
        }
        found.names.push(&entry.path);
    }
    let is_empty = by_layer.is_empty();
    let gone: BTreeSet<Node> = goes.iter().copied().collect();
    for (file, heirs) in heirs::heirs(job.guard.all_links(), &gone) {
        if let (Some(found), Some(heir)) = (by_layer.get_mut(&file.layer), heirs.first()) {
            found.heir.get_or_insert(&tree.entry(*heir).path);
        }
    }
    let workdir =
        job.image.config.as_ref().and_then(|config| tree.resolve_folder(&config.config.working_dir.as_str().into()));
    let is_in_use = |folder: &ImagePath| {
        let mut below = tree.names().filter(|(path, _)| path.is_under(folder.as_bytes()));
        folder.is_root() || below.any(|(_, node)| !gone.contains(&node))
    };
    let workdir = workdir.filter(|folder| !is_in_use(folder));
    let workdir = workdir.map_or_else(String::new, |folder| {
        format!("; the process starts in `{folder}`, which engines then make, as root's")
    });
    for (layer, found) in by_layer {
        let more = found.names.len().saturating_sub(LISTED);
        let names: BTreeSet<String> = found.names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let heir = found.heir.map(|heir| format!("; `{heir}`, which is the same file, stays with its content"));
        let heir = heir.unwrap_or_default();
        draft.propose(Proposal {
            kind: Kind::Remove,
            findings: Vec::new(),
            path: glob.as_str().to_owned(),
            layer: Some(layer),
            before: heap(found.files, found.bytes),
            after: "gone from the layer".into(),
            safety: Safety::Safe,
            risk: Risk::Medium,
            reason: crate::secret::masked_path(&format!("asked for with `--remove`: {names}{more}{heir}{workdir}")),
            is_asked: true,
            edits: found.edits,
        });
    }
    if is_empty && stays.is_empty() {
        draft.refuse_wish(
            glob.as_str(),
            "no layer has such a path",
            "`careen layers --files IMAGE` lists what there is",
        );
    }
    let more = stays.len().saturating_sub(20);
    for (path, no) in stays.into_iter().take(20) {
        draft.refuse_wish(&path.to_string(), no.reason, no.hint);
    }
    if more > 0 {
        let reason = format!("{more} more paths that `--remove` fits must stay for such reasons");
        draft.refuse_wish(glob.as_str(), reason, "remove the packages that own them while the image is built");
    }
}

/// Whether a glob fits a path, or a folder above it.
fn fits(glob: &Glob, path: &ImagePath) -> bool {
    let shown = path.to_string();
    let shown = shown.trim_start_matches('/');
    let slashes = shown.match_indices('/').map(|(at, _)| at).chain([shown.len()]);
    slashes.filter_map(|end| shown.get(..end)).any(|part| glob.is_match(part))
}

/// The name that a whiteout hides.
fn hidden_name(entry: &FileEntry) -> Option<&[u8]> {
    entry.path.file_name().strip_prefix(b".wh.").filter(|name| !name.starts_with(b".wh."))
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{file, folder, hard_link, layered, link, plan, shown};
    use crate::policy::Glob;

    #[test]
    fn a_glob_takes_every_copy_out_of_every_layer() {
        let image = layered(vec![
            vec![
                link("lib", "usr/lib"),
                folder("srv/app"),
                file("srv/app/key", 100),
                file("srv/app/keep", 100),
                file("usr/lib/x/key", 50),
                file("usr/bin/tool", 50),
            ],
            vec![file("srv/app/key", 200), hard_link("srv/other", "srv/app/key"), file("lib/x/key", 10)],
            vec![file("srv/app/.wh.key", 0)],
        ])
        .owning(&["usr/bin/tool"]);
        let remove = |globs: &[&str]| {
            let remove = globs.iter().map(|glob| Glob::path(glob).expect("a glob")).collect();
            shown(&plan(&image, &Wishes { only: vec!["caches"], remove, ..Wishes::default() }))
        };
        assert_eq!(
            remove(&["/srv/app/key"]),
            [
                "remove-1 safe /srv/app/key@0: 1 file (100 B): drop 2",
                "remove-2 safe /srv/app/key@1: 1 file (200 B): drop 0",
                "remove-3 safe /srv/app/key@2: 0 files (0 B): drop 0",
            ]
        );
        assert_eq!(
            remove(&["/usr/lib/x"]),
            ["remove-1 safe /usr/lib/x@0: 1 file (50 B): drop 4", "remove-2 safe /usr/lib/x@1: 1 file (10 B): drop 2",]
        );
        assert_eq!(
            remove(&["/usr/bin/**", "/nowhere"]),
            [
                "refused /nowhere: no layer has such a path",
                "refused /usr/bin/tool: `/usr/bin/tool` belongs to the package `of the system`",
            ]
        );
    }

    #[test]
    fn a_name_that_stays_is_told() {
        let image = layered(vec![vec![file("srv/x", 1), hard_link("opt/.env", "srv/x")]]);
        let reason = |glob: &str| {
            let remove = vec![Glob::path(glob).expect("a glob")];
            let plan = plan(&image, &Wishes { only: vec!["env"], remove, ..Wishes::default() });
            plan.actions[0].reason.clone()
        };
        let told = "; `/opt/.env`, which is the same file, stays with its content";
        assert_eq!(reason("srv/x"), format!("asked for with `--remove`: `/srv/x`{told}"));
        assert_eq!(reason("opt/.env"), "asked for with `--remove`: `/opt/.env`");
    }

    #[test]
    fn who_takes_the_working_folder_is_told() {
        let reasons = |glob: &str| -> Vec<bool> {
            let image = layered(vec![vec![file("srv/app/a", 1), file("srv/app/b", 1), file("opt/c", 1)]])
                .with_config(r#"{"config":{"WorkingDir":"/srv/app"}}"#);
            let remove = vec![Glob::path(glob).expect("a glob")];
            let plan = plan(&image, &Wishes { only: vec!["env"], remove, ..Wishes::default() });
            plan.actions.iter().map(|action| action.reason.contains("the process starts in `/srv/app`")).collect()
        };
        for (glob, expected) in
            [("srv/app", true), ("srv/app/*", true), ("srv", true), ("srv/app/a", false), ("opt", false)]
        {
            assert_eq!(reasons(glob), [expected], "{glob}");
        }
    }
}

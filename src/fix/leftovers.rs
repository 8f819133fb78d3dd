//! Takes out what development and the build left behind; logs that a daemon owns are left empty.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::leftover_of_file;
use crate::finding::{Finding, Location};
use crate::path::ImagePath;
use crate::rebuild::Edit;
use crate::size::ByteSize;
use crate::tree::{FileKind, Node};

use super::drops::Drops;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// What was left from development or the build.
pub(super) static LEFTOVERS: Fixer = Fixer {
    id: "leftovers",
    group: "leftovers",
    title: "What development and the build left behind",
    rules: &["layer/leftover"],
    does: "Takes editors' and desktops' files, histories of commands, package managers' logs and temporary files out of each \
           layer that holds them, also where a later layer hides them. With a look (`--yes`) repositories such as `.git`, \
           `.env` files, Terraform's states, dumps, Dockerfiles and bytecode go as well, and other logs are left empty: \
           an application may read them.",
    never: "Never touches files that packages own, or what the image's command names. A log that daemons append to stays as an \
            empty file with its owner and mode. Layers of the base image stay as they are without `--touch-base`.",
    plan,
};

/// Logs that programs expect to be there.
const EXPECTED: &[&[u8]] = &[b"btmp", b"faillog", b"lastlog", b"tallylog", b"wtmp"];

/// Logs of package managers and of building an image, below `var/log`; `*` is any end.
const OF_BUILD: &[&str] = &[
    "alternatives.log",
    "apt/*",
    "bootstrap.log",
    "dnf*",
    "dpkg.log",
    "fontconfig.log",
    "hawkey.log",
    "pacman.log",
    "tdnf*",
    "yum.log",
    "zypp/*",
    "zypper.log",
];

/// Kinds that may be folders, which then go as a whole.
const FOLDERS: &[&str] = &["desktop", "editor-folder", "repository", "temporary-file", "terraform-folder"];

/// How one kind goes.
fn fate(kind: &str, root: &ImagePath) -> (Safety, Risk, &'static str) {
    match kind {
        "repository" => (Safety::Review, Risk::Medium, "an application may read its version from the repository"),
        "environment-file" => {
            (Safety::Review, Risk::High, "the application may read it at its start: give it the variables otherwise")
        }
        "terraform-state" | "terraform-folder" => (Safety::Review, Risk::Medium, "only Terraform needs it"),
        "core-dump" | "heap-dump" => (Safety::Review, Risk::Low, "told by its name: see that it is a dump"),
        "build-file" => (Safety::Review, Risk::Low, "only the build needs it"),
        "bytecode" => (Safety::Review, Risk::Low, "Python makes it again, where it may write"),
        "log" if is_of_build(root) => (Safety::Safe, Risk::Low, "a log of the build"),
        "log" if root.is_under(b"var/log") => {
            (Safety::Review, Risk::Low, "see that nobody needs what the log says; the file itself stays")
        }
        "log" => (Safety::Safe, Risk::Low, "a log of the build"),
        "temporary-file" => (Safety::Safe, Risk::Low, "temporary files of the build"),
        "command-history" => (Safety::Safe, Risk::Low, "a history of commands that somebody typed"),
        _ => (Safety::Safe, Risk::Low, "only who develops needs it"),
    }
}

fn is_of_build(root: &ImagePath) -> bool {
    let Some(name) = root.strip_folder(b"var/log") else { return false };
    let fits = |known: &&str| match known.strip_suffix('*') {
        Some(begin) => name.starts_with(begin.as_bytes()),
        None => name == known.as_bytes(),
    };
    EXPECTED.contains(&name) || OF_BUILD.iter().any(fits)
}

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let by_layer = job.findings_by_layer(LEFTOVERS.rules, draft, "to hide it on top would ship it all the same");
    for (layer, findings) in by_layer {
        let heaps = job.sorted(layer, leftover_of_file);
        // the last finding of a kind that has many stands for those that are not listed
        let mut last: BTreeMap<&str, (usize, &Finding)> = BTreeMap::new();
        let mut own: BTreeMap<(&str, &ImagePath), &Finding> = BTreeMap::new();
        for finding in findings {
            let kind = finding.evidence.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
            let Location::File { path, .. } = &finding.location else { continue };
            own.insert((kind, path), finding);
            let entry = last.entry(kind).or_insert((0, finding));
            *entry =
                (entry.0.saturating_add(1), if finding.message.contains(" of the kind ") { finding } else { entry.1 });
        }
        for ((kind, root), nodes) in &heaps {
            let stands_for = || last.get(kind).filter(|(_, last)| last.message.contains(" of the kind "));
            let finding = own.get(&(*kind, root)).copied().or_else(|| stands_for().map(|(_, finding)| *finding));
            if let Some(finding) = finding {
                one(job, draft, finding, (kind, root), nodes);
            }
        }
    }
}

fn one(job: &Job<'_>, draft: &mut Draft<'_>, finding: &Finding, (kind, root): (&str, &ImagePath), nodes: &[Node]) {
    let tree = &job.image.tree;
    let (safety, risk, reason) = fate(kind, root);
    let is_expected = root.strip_folder(b"var/log").is_some_and(|name| EXPECTED.contains(&name));
    let propose = |draft: &mut Draft<'_>, kind, before: String, after: &str, edits| {
        draft.propose(Proposal {
            kind,
            findings: vec![finding],
            path: root.to_string(),
            layer: finding.layer(),
            before,
            after: after.into(),
            safety,
            risk,
            reason: reason.into(),
            is_asked: false,
            edits,
        });
    };
    if is_expected || safety == Safety::Review && root.is_under(b"var/log") {
        if let Some(no) = nodes.iter().find_map(|node| job.guard.keeps_file(*node)) {
            draft.refuse(finding, no.reason, no.hint);
            return;
        }
        let edits = nodes.iter().map(|node| Edit::Truncate { member: job.member(*node) }).collect();
        let bytes = nodes.iter().map(|node| tree.entry(*node).size).fold(0, u64::saturating_add);
        propose(draft, Kind::Empty, ByteSize(bytes).to_string(), "an empty file", edits);
        return;
    }
    let goes = |name: &ImagePath| name.is_under(root.as_bytes());
    let drops = Drops::of(job, nodes, &goes);
    if let Some(no) = &drops.no {
        draft.refuse(finding, no.reason.clone(), no.hint.clone());
    }
    let before = drops.heap();
    let mut edits = drops.edits;
    if drops.no.is_none() && FOLDERS.contains(&kind) {
        edits.extend(folders(job, root, nodes));
    }
    propose(draft, Kind::Remove, before, "gone from the layer", edits);
}

/// The folders and links that a leftover consists of besides files, where nothing else is in use below it.
fn folders(job: &Job<'_>, root: &ImagePath, nodes: &[Node]) -> Vec<Edit> {
    let tree = &job.image.tree;
    let Some(layer) = nodes.first().map(|node| node.layer) else { return Vec::new() };
    let gone: BTreeSet<Node> = nodes.iter().copied().collect();
    let is_bare = |node: Node| matches!(tree.entry(node).kind, FileKind::Directory | FileKind::Symlink(_));
    let is_rest = |node: Node| node.layer == layer && is_bare(node) && job.guard.keeps(node).is_none();
    let mut below = tree.names().filter(|(path, _)| path.is_under(root.as_bytes()));
    if !below.all(|(_, node)| gone.contains(&node) || is_rest(node)) {
        return Vec::new();
    }
    let members = tree.layers().get(layer as usize).into_iter().flatten();
    let members = (0u32..).zip(members).filter(|(_, entry)| entry.path.is_under(root.as_bytes()) && !entry.is_marker());
    let nodes = members.map(|(member, _)| Node { layer, member }).filter(|node| is_rest(*node));
    nodes.map(|node| Edit::DropMember { member: job.member(node), secrets: Vec::new(), inside: Vec::new() }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, folder, hard_link, layered, link, planned};

    #[test]
    fn leftovers_go_by_what_may_need_them() {
        let image = layered(vec![vec![
            file("srv/app/.git/HEAD", 20),
            file("srv/app/.git/objects/aa/bb", 2_000),
            file("srv/app/main.py", 20),
            file("srv/app/.main.py.swp", 4_096),
            file("srv/.env", 20),
            file("var/log/dpkg.log", 2 << 20),
            file("var/log/lastlog", 2 << 20),
            file("var/log/nginx/access.log", 70_000),
            file("tmp/build/x", 5_000),
            file("root/.bash_history", 10),
        ]]);
        assert_eq!(
            planned(&image, &["leftovers"]),
            [
                "leftovers-1 safe /root/.bash_history@0: 1 file (10 B): drop 9",
                "leftovers-2 review /srv/.env@0: 1 file (20 B): drop 4",
                "leftovers-3 review /srv/app/.git@0: 2 files (2.0 KiB): drop 0 1",
                "leftovers-4 safe /srv/app/.main.py.swp@0: 1 file (4.0 KiB): drop 3",
                "leftovers-5 safe /tmp/build@0: 1 file (4.9 KiB): drop 8",
                "leftovers-6 safe /var/log/dpkg.log@0: 1 file (2.0 MiB): drop 5",
                "leftovers-7 safe /var/log/lastlog@0: 2.0 MiB: truncate 6",
                "leftovers-8 review /var/log/nginx/access.log@0: 68.4 KiB: truncate 7",
            ]
        );
    }

    #[test]
    fn what_is_stored_by_way_of_a_linked_folder_has_no_other_name() {
        let second = vec![file("lib/.DS_Store", 20), file("lib/a~", 20), hard_link("opt/a", "lib/a~")];
        let image = layered(vec![vec![folder("usr/lib"), link("lib", "usr/lib"), folder("opt")], second]);
        assert_eq!(
            planned(&image, &["leftovers"]),
            [
                "leftovers-1 safe /lib/.DS_Store@1: 1 file (20 B): drop 0",
                "refused /lib/a~: `/lib/a~` has another name that is in use",
            ]
        );
    }

    #[test]
    fn what_is_in_use_stays() {
        let image = layered(vec![
            vec![file("srv/.env", 20)],
            vec![file("srv/app/data~", 9_000), hard_link("srv/app/data", "srv/app/data~"), file("srv/Dockerfile", 9)],
        ]);
        let image = base(image, 1).with_config(r#"{"config":{"Cmd":["cat","/srv/Dockerfile"]}}"#);
        assert_eq!(
            planned(&image, &["leftovers"]),
            [
                "refused /srv/.env: layer 0 belongs to the base image, and to hide it on top would ship it all the same",
                "refused /srv/Dockerfile: the image's command names `/srv/Dockerfile`",
                "refused /srv/app/data~: `/srv/app/data~` has another name that is in use",
            ]
        );
    }

    #[test]
    fn folders_go_with_all_that_is_in_them() {
        let repository = || {
            vec![
                folder("srv/app"),
                folder("srv/app/.git"),
                file("srv/app/.git/HEAD", 20),
                folder("srv/app/.git/refs"),
                link("srv/app/.git/x", "HEAD"),
            ]
        };
        let alone = layered(vec![repository()]);
        assert_eq!(
            planned(&alone, &["leftovers"]),
            ["leftovers-1 review /srv/app/.git@0: 1 file (20 B): drop 1 2 3 4"]
        );
        let shared = base(layered(vec![repository(), vec![file("srv/app/.git/config", 20)]]), 1);
        assert_eq!(
            planned(&shared, &["leftovers"])[0],
            "leftovers-1 review /srv/app/.git@1: 1 file (20 B): drop 0",
            "the folder of the base stays in use"
        );
    }

    #[test]
    fn many_of_a_kind_all_go() {
        let files = (0..30).map(|n| file(&format!("srv/{n:02}~"), 10)).collect();
        let plan = planned(&layered(vec![files]), &["leftovers"]);
        assert_eq!(plan.len(), 30, "{plan:?}");
    }
}

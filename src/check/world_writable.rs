//! Files and folders that every user of a container may change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Context, at, copies};
use crate::finding::{Finding, Findings};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::tree::{FileEntry, FileKind, Node};

/// Everybody may write.
pub(super) static WORLD_WRITABLE: Rule = Rule {
    id: "image/world-writable",
    title: "Every user may change a file or folder",
    severity: Severity::Low,
    why: "A process that was broken into may change what another one, perhaps root's, reads or runs later. In a folder \
          without the sticky bit it may even replace files it cannot write.",
    remediation: "Give the path to the one user that needs it, `COPY --chown=<uid>`, and take the right off the others \
                  with `chmod o-w`; a folder for everybody's temporary files needs mode 1777.",
    references: &["https://man7.org/linux/man-pages/man7/inode.7.html"],
    bad: "RUN chmod -R 777 /srv/app",
    good: "RUN chown -R 1000 /srv/app",
    ..Rule::NEW
};

/// Folders whose content the kernel or the engine replaces.
const REPLACED: &[&[u8]] = &[b"dev", b"proc", b"sys"];

/// Folders whose content decides what runs.
const SYSTEM: &[&[u8]] = &[b"bin", b"boot", b"etc", b"lib", b"lib64", b"root", b"sbin", b"usr"];

/// Folders that no package opens to everybody.
const CLOSED: &[&str] = &[
    "bin",
    "boot",
    "etc",
    "home",
    "lib",
    "lib64",
    "opt",
    "root",
    "sbin",
    "srv",
    "usr",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/libexec",
    "usr/local",
    "usr/local/bin",
    "usr/local/lib",
    "usr/local/sbin",
    "usr/sbin",
    "usr/share",
    "var",
    "var/lib",
];

/// Findings listed singly; those beyond are counted in one.
const LISTED: usize = 50;

/// Judges the permission bits of what is live; below a folder that everybody may write, only the folder counts.
pub(super) struct WorldWritable;

impl Check for WorldWritable {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&WORLD_WRITABLE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut open: BTreeMap<&[u8], usize> = BTreeMap::new();
        let mut found: Vec<(&ImagePath, u32, &FileEntry, Vec<&ImagePath>)> = Vec::new();
        let meant = meant_to_be_open(image);
        for (path, node) in image.tree.names() {
            let entry = image.tree.entry(node);
            if !is_writable(entry) || REPLACED.iter().any(|folder| path.is_under(folder)) {
                continue;
            }
            if let Some(folder) = folders_above(path).find_map(|folder| open.get(folder)) {
                if let Some((.., below)) = found.get_mut(*folder) {
                    below.push(path);
                }
                continue;
            }
            if image.tree.names_of(node).next().is_some_and(|first| first != path) {
                continue;
            }
            if meant.contains(path) {
                continue;
            }
            if entry.kind == FileKind::Directory {
                open.insert(path.as_bytes(), found.len());
            }
            found.push((path, node.layer, entry, Vec::new()));
        }
        // the uppermost layer that has a member for the root; the names below do not list it
        let roots = (0u32..).zip(image.tree.layers());
        let root = roots.filter_map(|(layer, members)| {
            members.iter().rfind(|entry| entry.path.is_root()).map(|entry| (&entry.path, layer, entry, Vec::new()))
        });
        if let Some(root) = root.last().filter(|(.., entry, _)| is_writable(entry)) {
            found.insert(0, root);
        }
        let unlisted: Vec<&ImagePath> = found.iter().skip(LISTED).map(|(path, ..)| *path).collect();
        let more = unlisted.len();
        for (place, (path, layer, entry, mut below)) in found.into_iter().take(LISTED).enumerate() {
            let is_folder = entry.kind == FileKind::Directory;
            let mut message = format!("`{path}` may be written by every user");
            if !below.is_empty() {
                message = format!("{message}, and so may {} more below it", below.len());
            }
            if place == LISTED - 1 && more > 0 {
                below.extend(&unlisted);
                message = format!("{message}; {more} further paths are not listed");
            }
            let location = at(path, layer);
            let mut finding = Finding::new(&WORLD_WRITABLE, path.to_string(), location, message)
                .evidence("mode", format!("{:04o}", entry.mode))
                .evidence("folder", is_folder);
            for path in below {
                finding.stands_for(path.as_bytes());
            }
            if path.is_root()
                || SYSTEM.iter().any(|folder| path.is_under(folder))
                || entry.mode & 0o111 != 0 && !is_folder
            {
                finding.severity = Severity::Medium;
            }
            findings.push(finding);
        }
    }
}

/// What packages brought and everybody may write, as they mean it: a file that nobody closed below, outside of the system's folders.
pub fn meant_to_be_open(image: &Inventory) -> BTreeSet<&ImagePath> {
    let owned = image
        .tree
        .names()
        .filter(|(path, node)| is_writable(image.tree.entry(*node)) && image.owned.owner(path).is_some());
    let mut owned: BTreeMap<&ImagePath, Node> = owned.collect();
    let copies = copies(image, &owned.keys().copied().collect());
    owned.retain(|path, node| {
        let entry = image.tree.entry(*node);
        let mut below = copies.get(path).into_iter().flatten().filter(|(layer, _)| *layer < node.layer);
        !below.any(|(_, lower)| lower.kind == entry.kind && !is_writable(lower)) && !is_never_open(path, entry)
    });
    owned.into_keys().collect()
}

/// The folders that hold a path, from its own parent up.
fn folders_above(path: &ImagePath) -> impl Iterator<Item = &[u8]> {
    let bytes = path.as_bytes();
    let slashes = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    slashes.filter_map(|(slash, _)| bytes.get(..slash))
}

/// Whether no package means everybody to write this.
fn is_never_open(path: &ImagePath, entry: &FileEntry) -> bool {
    match entry.kind {
        FileKind::Directory => CLOSED.iter().any(|folder| path.as_bytes() == folder.as_bytes()),
        _ => SYSTEM.iter().any(|folder| path.is_under(folder)),
    }
}

fn is_writable(entry: &FileEntry) -> bool {
    let is_sticky = entry.mode & 0o1000 != 0;
    entry.mode & 0o002 != 0
        && match entry.kind {
            FileKind::File => true,
            FileKind::Directory => !is_sticky,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, layered, mode, shown};
    use super::*;

    #[test]
    fn only_what_others_may_really_change_is_found() {
        let image = layered(vec![vec![
            folder("etc"),
            mode(file("etc/teal.conf", 4), 0o666),
            mode(folder("srv/heron"), 0o777),
            mode(folder("srv/heron-2"), 0o755),
            mode(file("srv/heron-2/c", 1), 0o777),
            mode(file("srv/heron/a", 1), 0o666),
            mode(file("srv/heron/b", 1), 0o644),
            mode(folder("tmp"), 0o1777),
            mode(folder("var/games"), 0o777),
            mode(file("dev/null", 0), 0o666),
            FileEntry { kind: FileKind::Symlink(Box::from(&b"x"[..])), ..mode(file("link", 0), 0o777) },
        ]])
        .owning(&["var/games"]);
        assert_eq!(
            shown(&WorldWritable, &image),
            [
                "medium image/world-writable /etc/teal.conf@0: `/etc/teal.conf` may be written by every user",
                "low image/world-writable /srv/heron@0: `/srv/heron` may be written by every user, and so may 1 more below it",
                "medium image/world-writable /srv/heron-2/c@0: `/srv/heron-2/c` may be written by every user",
            ]
        );
    }

    #[test]
    fn what_a_package_owns_counts_where_somebody_opened_it() {
        let image = layered(vec![
            vec![
                folder("etc"),
                folder("usr/lib/teal"),
                file("usr/lib/teal/a", 1),
                mode(folder("var/games"), 0o777),
                mode(file("var/games/scores", 1), 0o666),
                mode(folder("var/spool/samba"), 0o777),
                file("var/lib/heron", 1),
                mode(file("usr/bin/heron", 1), 0o777),
                mode(folder("usr/sbin"), 0o777),
                mode(folder("run/lock"), 0o1777),
                folder("srv"),
            ],
            vec![
                mode(folder("etc"), 0o777),
                mode(folder("usr/lib/teal"), 0o777),
                mode(file("usr/lib/teal/a", 1), 0o777),
                mode(folder("var/spool/samba"), 0o777),
                mode(file("var/lib/heron", 1), 0o666),
                mode(folder("srv"), 0o1777),
            ],
        ])
        .owning(&[
            "etc",
            "usr/lib/teal",
            "usr/lib/teal/a",
            "var/games",
            "var/games/scores",
            "var/spool/samba",
            "var/lib/heron",
            "usr/bin/heron",
            "usr/sbin",
            "run/lock",
            "srv",
        ]);
        assert_eq!(
            shown(&WorldWritable, &image),
            [
                "medium image/world-writable /etc@1: `/etc` may be written by every user",
                "medium image/world-writable /usr/bin/heron@0: `/usr/bin/heron` may be written by every user",
                "medium image/world-writable /usr/lib/teal@1: `/usr/lib/teal` may be written by every user, and so may 1 more below it",
                "medium image/world-writable /usr/sbin@0: `/usr/sbin` may be written by every user",
                "low image/world-writable /var/lib/heron@1: `/var/lib/heron` may be written by every user",
            ]
        );
    }

    #[test]
    fn the_root_counts_as_its_uppermost_member_says() {
        let told = "medium image/world-writable /@1: `/` may be written by every user";
        let cases: [(&[u32], &[&str]); 4] =
            [(&[0o755, 0o777], &[told]), (&[0o777, 0o755], &[]), (&[0o755, 0o1777], &[]), (&[], &[])];
        for (modes, expected) in cases {
            let layers = modes.iter().map(|bits| vec![mode(folder("./"), *bits), file("srv/a", 1)]).collect();
            assert_eq!(shown(&WorldWritable, &layered(layers)), *expected, "{modes:?}");
        }
    }

    #[test]
    fn a_flood_is_counted() {
        let files = (0..200).map(|n| mode(file(&format!("srv/{n:03}"), 1), 0o666)).collect();
        let findings = shown(&WorldWritable, &layered(vec![files]));
        assert_eq!(findings.len(), LISTED);
        assert!(
            findings.last().is_some_and(|last| last.ends_with("; 150 further paths are not listed")),
            "{findings:?}"
        );
    }
}

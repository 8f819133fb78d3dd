//! Files of users that the image does not know.

use std::collections::{BTreeMap, BTreeSet};

use super::replaced_program::owner_of;
use super::{Check, Context, at, copies, count, is_packaged};
use crate::finding::{Finding, Findings};
use crate::inventory::{Rights, RunUser};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::size::ByteSize;
use crate::tree::FileKind;

/// Files belong to a number without a name.
pub(super) static UNKNOWN_OWNER: Rule = Rule {
    id: "image/unknown-owner",
    title: "Files belong to a user that the image does not know",
    severity: Severity::Info,
    why: "Such files come from an archive that was unpacked as root, or from the machine the image was built on. Whichever \
          user gets the number later, in the image or on a volume, may change them.",
    remediation: "Unpack with `tar --no-same-owner`, copy with `COPY --chown=0:0`, or make the user whose files they are.",
    references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    bad: "RUN curl -fsS https://files.example/tool.tar.gz | tar -xz -C /opt",
    good: "RUN curl -fsS https://files.example/tool.tar.gz | tar -xz --no-same-owner -C /opt",
    ..Rule::NEW
};

/// Folders whose programs are run without a path, or by root.
const SYSTEM: &[&[u8]] =
    &[b"bin", b"sbin", b"usr/bin", b"usr/sbin", b"usr/local/bin", b"usr/local/sbin", b"etc", b"lib", b"usr/lib"];

/// Users reported; real images have one or two.
const USERS: usize = 20;

/// What belongs to one number.
struct Heap<'a> {
    first: &'a ImagePath,
    layer: u32,
    paths: u64,
    bytes: u64,
    /// A program or setting of the system, which its owner may change.
    in_system: Option<(&'a ImagePath, u32)>,
}

/// Judges the owners of what is live by the image's `passwd`.
pub(super) struct UnknownOwner;

impl Check for UnknownOwner {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNKNOWN_OWNER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        // without the file nothing tells who is known
        if image.accounts.passwd.is_none() || image.accounts.users.is_empty() {
            return;
        }
        let run_as = image.run_user().and_then(RunUser::uid);
        // root and nobody need no line
        let is_known = |uid: u32| {
            matches!(uid, 0 | 65_534) || run_as == Some(uid) || image.accounts.users.iter().any(|user| user.uid == uid)
        };
        let mut heaps: BTreeMap<u32, Heap<'_>> = BTreeMap::new();
        let mut known: BTreeMap<u32, bool> = BTreeMap::new();
        let mut is_known = |uid: u32| *known.entry(uid).or_insert_with(|| is_known(uid));
        let strange: Vec<_> = image.tree.names().filter(|(_, node)| !is_known(image.tree.entry(*node).uid)).collect();
        let packaged = strange.iter().filter(|(path, node)| is_packaged(image, path, *node));
        let packaged: BTreeSet<&ImagePath> = packaged.map(|(path, _)| *path).collect();
        let copies = copies(image, &packaged);
        for (path, node) in strange {
            let entry = image.tree.entry(node);
            // what a package brought is its own, unless its record says otherwise or a later layer gave it away
            if packaged.contains(path) {
                let is_given_away = owner_of(image, path, node).is_some_and(|owner| Rights::are_noted(owner.ecosystem))
                    && !image.rights.foreign.contains(path);
                let below = copies.get(path).into_iter().flatten().filter(|(layer, _)| *layer < node.layer);
                if !is_given_away && !below.clone().any(|(_, lower)| lower.kind == entry.kind && is_known(lower.uid)) {
                    continue;
                }
            }
            let heap = heaps.entry(entry.uid).or_insert(Heap {
                first: path,
                layer: node.layer,
                paths: 0,
                bytes: 0,
                in_system: None,
            });
            heap.paths = heap.paths.saturating_add(1);
            heap.bytes = heap.bytes.saturating_add(entry.size);
            let is_link = matches!(entry.kind, FileKind::Symlink(_));
            if heap.in_system.is_none() && !is_link && SYSTEM.iter().any(|folder| path.is_under(folder)) {
                heap.in_system = Some((path, node.layer));
            }
        }
        for (uid, heap) in heaps.into_iter().take(USERS) {
            let (path, layer) = heap.in_system.unwrap_or((heap.first, heap.layer));
            let message = format!(
                "{} ({}) of uid {uid}, which no line of `/etc/passwd` names, such as `{path}`",
                count(heap.paths, "path"),
                ByteSize(heap.bytes),
            );
            let mut finding = Finding::new(&UNKNOWN_OWNER, uid.to_string(), at(path, layer), message)
                .evidence("uid", uid)
                .evidence("paths", heap.paths)
                .evidence("bytes", heap.bytes);
            if heap.in_system.is_some() {
                finding.severity = Severity::Low;
            }
            findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;
    use crate::inventory::{Ecosystem, Package, PackageLocation};
    use crate::tree::{FileEntry, Node};

    fn of(uid: u32, path: &str) -> FileEntry {
        FileEntry { uid, ..file(path, 1_000) }
    }

    #[test]
    fn what_a_package_brought_counts_if_a_later_layer_gave_it_away() {
        let mut image = layered(vec![
            vec![of(0, "usr/bin/given"), of(501, "usr/bin/own"), of(501, "usr/bin/kept")],
            vec![of(501, "usr/bin/given"), of(501, "usr/bin/kept")],
        ])
        .with_users(&[("root", 0)])
        .owning(&["usr/bin/given", "usr/bin/own", "usr/bin/kept"]);
        image.accounts.passwd = Some(("etc/passwd".into(), Node { layer: 0, member: 0 }));
        assert_eq!(
            shown(&UnknownOwner, &image),
            [
                "low image/unknown-owner /usr/bin/given@1: 1 path (1000 B) of uid 501, which no line of `/etc/passwd` names, such as `/usr/bin/given`",
            ]
        );
    }

    #[test]
    fn what_a_package_notes_of_owners_decides() {
        static RPM: Ecosystem = Ecosystem { id: "rpm", purl_type: "rpm", is_system: true };
        let node = Node { layer: 0, member: 0 };
        let mut image = layered(vec![vec![of(501, "usr/bin/given"), of(501, "usr/bin/own")]])
            .with_users(&[("root", 0)])
            .owning(&["usr/bin/given", "usr/bin/own"]);
        image.accounts.passwd = Some(("etc/passwd".into(), node));
        let location = PackageLocation { path: "var/lib/rpm".into(), node, added_by: 0, inside: None };
        image.packages.push(Package::new(&RPM, "a", "1", "pkg:rpm/fedora/a@1", location));
        image.rights.foreign.insert("usr/bin/own".into());
        assert_eq!(
            shown(&UnknownOwner, &image),
            [
                "low image/unknown-owner /usr/bin/given@0: 1 path (1000 B) of uid 501, which no line of `/etc/passwd` names, such as `/usr/bin/given`",
            ]
        );
    }

    #[test]
    fn owners_without_a_name_are_one_finding_each() {
        let mut image = layered(vec![vec![
            of(0, "a"),
            of(1000, "srv/app"),
            of(501, "opt/tool/README"),
            of(501, "opt/tool/lib"),
            of(502, "opt/x"),
            of(502, "usr/local/bin/x"),
            of(503, "usr/bin/owned"),
        ]])
        .with_users(&[("root", 0), ("app", 1000)])
        .owning(&["usr/bin/owned"]);
        assert_eq!(shown(&UnknownOwner, &image), [""; 0], "without a passwd");
        image.accounts.passwd = Some(("etc/passwd".into(), Node { layer: 0, member: 0 }));
        assert_eq!(
            shown(&UnknownOwner, &image),
            [
                "info image/unknown-owner /opt/tool/README@0: 2 paths (2.0 KiB) of uid 501, which no line of `/etc/passwd` names, such as `/opt/tool/README`",
                "low image/unknown-owner /usr/local/bin/x@0: 2 paths (2.0 KiB) of uid 502, which no line of `/etc/passwd` names, such as `/usr/local/bin/x`",
            ]
        );
    }
}

//! The layer on top holds nothing that another action takes out, and no folder that would lose something there.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rebuild::{Edit, Edits};
use crate::tree::{FileEntry, FileKind, Node, Tree};

use super::conflict::narrower;
use super::guard::No;
use super::heirs::dropped;
use super::plan::Action;
use super::{conflict, merged};

/// Leaves out of the actions what would bring a name back that they take out together, and the folders above that nothing else
/// needs. An action that has nothing else to do is taken out, too.
pub(super) fn prune(image: &Inventory, actions: &mut Vec<Action>) {
    let tree = &image.tree;
    let adds = |edit: &Edit| matches!(edit, Edit::AddFile { .. } | Edit::AddFolder { .. });
    let is_any = |is_meant: &dyn Fn(&Edit) -> bool| {
        actions.iter().filter(|action| action.is_active()).any(|action| action.edits.0.iter().any(is_meant))
    };
    if !is_any(&adds) || !is_any(&|edit| matches!(edit, Edit::DropMember { .. })) {
        return;
    }
    let Ok(edits) = conflict::merged(actions.iter().filter(|action| action.is_active())) else { return };
    let gone = dropped(&edits.0);
    let below = merged::after(tree, &Edits(edits.0.into_iter().filter(|edit| !adds(edit)).collect()));
    let is_back = |edit: &Edit| match edit {
        Edit::AddFile { path, content, .. } => {
            let path = ImagePath::from(path.as_str());
            let is_copy_of_gone = content.member().is_some_and(|member| gone.contains(&member.node()));
            is_copy_of_gone || tree.get(&path).is_some() && below.get(&path).is_none()
        }
        Edit::AddFolder { path, .. } => {
            let path = ImagePath::from(path.as_str());
            let is_left = below.get(&path).is_some() || below.names_in(&path).next().is_some();
            tree.get(&path).is_some() && !is_left
        }
        _ => false,
    };
    actions.retain_mut(|action| {
        if !action.is_active() || !action.edits.0.iter().any(is_back) {
            return true;
        }
        action.edits.0.retain(|edit| !is_back(edit));
        leave_needed(tree, &mut action.edits.0);
        !action.edits.0.is_empty()
    });
}

/// Gives folders that come along the mode and owner that their members get, by their own action or by another that is carried
/// out, where these are stored under other names, by way of links: by its name alone nothing tells that both are one.
pub(super) fn follow(tree: &Tree, actions: &mut [Action]) {
    let all = headers(actions.iter());
    let done = headers(actions.iter().filter(|action| action.is_active()));
    for action in actions {
        let own = headers([&*action]);
        for edit in &mut action.edits.0 {
            let Edit::AddFolder { path, mode, uid, gid, .. } = edit else { continue };
            let Some(node) = stored_elsewhere(tree, path).filter(|node| all.contains_key(node)) else { continue };
            let entry = tree.entry(node);
            (*mode, *uid, *gid) = (entry.mode, entry.uid, entry.gid);
            for header in [&own, &done].into_iter().filter_map(|headers| headers.get(&node)) {
                *mode = header.mode.map_or(*mode, |new| narrower(*mode, new));
                *uid = header.uid.unwrap_or(*uid);
                *gid = header.gid.unwrap_or(*gid);
            }
        }
    }
}

/// The member of a folder that is stored under another name.
pub(super) fn stored_elsewhere(tree: &Tree, path: &str) -> Option<Node> {
    let path = ImagePath::from(path);
    tree.get(&path).filter(|node| tree.entry(*node).path != path)
}

/// What becomes of a header, where it changes.
#[derive(Default)]
pub(super) struct Header {
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Header {
    /// Whether an owner is that of the entry, or the one that it gets.
    pub(super) fn gives(&self, entry: &FileEntry, uid: u32, gid: u32) -> bool {
        (uid == entry.uid || Some(uid) == self.uid) && (gid == entry.gid || Some(gid) == self.gid)
    }
}

/// What actions do to the headers of members.
pub(super) fn headers<'a>(actions: impl IntoIterator<Item = &'a Action>) -> BTreeMap<Node, Header> {
    let mut headers: BTreeMap<Node, Header> = BTreeMap::new();
    for edit in actions.into_iter().flat_map(|action| &action.edits.0) {
        let Edit::SetHeader { member, mode, uid, gid } = edit else { continue };
        let header = headers.entry(member.node()).or_default();
        header.mode = match (header.mode, *mode) {
            (Some(one), Some(other)) => Some(narrower(one, other)),
            (one, other) => one.or(other),
        };
        header.uid = uid.or(header.uid);
        header.gid = gid.or(header.gid);
    }
    headers
}

/// Leaves of the folders that come along as they are those that something lies below.
pub(super) fn leave_needed(tree: &Tree, edits: &mut Vec<Edit>) {
    let needed: BTreeSet<ImagePath> = edits.iter().filter_map(|edit| changed(tree, edit)).collect();
    edits.retain(|edit| match edit {
        Edit::AddFolder { path, .. } if changed(tree, edit).is_none() => is_above_any(&path.as_str().into(), &needed),
        _ => true,
    });
}

/// Whether one of the names lies below a folder.
pub(super) fn is_above_any(folder: &ImagePath, names: &BTreeSet<ImagePath>) -> bool {
    let mut from = names.range(folder.clone()..).take_while(|name| name.as_bytes().starts_with(folder.as_bytes()));
    from.any(|name| name.is_under(folder.as_bytes()))
}

/// Layers that engines take: those of the classic kind stack no more.
const MOST_LAYERS: usize = 127;

/// Whether no layer may come on top.
pub(super) fn is_full(image: &Inventory) -> bool {
    image.layers.len() >= MOST_LAYERS
}

/// What an edit puts on top for itself, in contrast to a folder that comes along as it is.
fn changed(tree: &Tree, edit: &Edit) -> Option<ImagePath> {
    match edit {
        Edit::AddFile { path, .. } | Edit::Whiteout { path } => Some(path.as_str().into()),
        Edit::AddFolder { path, mode, uid, gid, .. } => {
            let path = ImagePath::from(path.as_str());
            let entry = tree.get(&path).map(|node| tree.entry(node));
            let is_same = entry.is_some_and(|entry| (entry.mode, entry.uid, entry.gid) == (*mode, *uid, *gid));
            (!is_same).then_some(path)
        }
        _ => None,
    }
}

/// Places of actions after which a folder would have lost its extended attributes or its access list, and why they are not done.
pub(super) fn losing(image: &Inventory, actions: &[Action]) -> BTreeMap<usize, String> {
    let tree = &image.tree;
    let mut out = BTreeMap::new();
    for (place, action) in actions.iter().enumerate().filter(|(_, action)| action.is_active()) {
        let no = action.edits.0.iter().find_map(|edit| match edit {
            Edit::AddFolder { path, .. } => loses(tree, &path.as_str().into()),
            _ => None,
        });
        if let Some(no) = no {
            out.insert(place, no.reason);
        }
    }
    out
}

/// Why no entry on top can stand below a path: a folder above it would lose what such entries cannot have.
pub(super) fn loses_above(tree: &Tree, path: &ImagePath) -> Option<No> {
    path.folders().find_map(|folder| loses(tree, &folder))
}

fn loses(tree: &Tree, folder: &ImagePath) -> Option<No> {
    let entry = tree.get(folder).map(|node| tree.entry(node))?;
    let is_lost = entry.kind == FileKind::Directory && entry.has_attributes;
    is_lost.then(|| No {
        reason: format!(
            "the folder `{folder}` has extended attributes or an access list, which an entry on top would lose"
        ),
        hint: "change it where the image is built; `--touch-base` writes the layer anew".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{base, file, folder, hard_link, layered, link, mode, plan, planned, shown};
    use crate::inventory::Inventory;
    use crate::policy::Glob;
    use crate::tree::FileEntry;

    fn with(image: &Inventory, only: &'static str, remove: &str) -> Vec<String> {
        let remove = vec![Glob::path(remove).expect("a glob")];
        shown(&plan(image, &Wishes { only: vec![only], remove, approves_all: true, ..Wishes::default() }))
    }

    #[test]
    fn what_goes_does_not_come_back_on_top() {
        let two = || {
            base(
                layered(vec![vec![
                    mode(file("srv/bin/a", 9), 0o4755),
                    mode(hard_link("srv/bin/b", "srv/bin/a"), 0o4755),
                ]]),
                1,
            )
        };
        assert_eq!(
            with(&two(), "setuid", "srv/bin/b"),
            [
                "remove-1 safe srv/bin/b@0: 0 files (0 B): drop 1",
                "setuid-1 review+ /srv/bin/a@0: 4755: add srv/bin/a 0755 copy",
            ]
        );
        assert_eq!(
            with(&two(), "setuid", "srv/bin/a"),
            [
                "remove-1 safe srv/bin/a@0: 1 file (9 B): drop 0",
                "refused /srv/bin/a: `/srv/bin/a` goes, and `/srv/bin/b`, which is the same file, stays",
            ]
        );
        let open = base(layered(vec![vec![folder("srv"), folder("srv/x"), mode(file("srv/x/a", 1), 0o666)]]), 1);
        assert_eq!(with(&open, "permissions", "srv/x"), ["remove-1 safe srv/x@0: 1 file (1 B): drop 1 2"]);
        assert_eq!(with(&open, "permissions", "srv/x/a"), ["remove-1 safe srv/x/a@0: 1 file (1 B): drop 2"]);
        let sticky = base(layered(vec![vec![folder("srv"), mode(folder("srv/x"), 0o777), file("srv/y", 1)]]), 1);
        assert_eq!(with(&sticky, "permissions", "srv/x"), ["remove-1 safe srv/x@0: 0 files (0 B): drop 1"]);
        assert_eq!(
            with(&sticky, "permissions", "srv/y"),
            [
                "permissions-1 review+ /srv/x@0: 0777: add srv/ 0755 0:0, add srv/x/ 1777 0:0",
                "remove-1 safe srv/y@0: 1 file (1 B): drop 2",
            ]
        );
    }

    #[test]
    fn a_folder_that_comes_along_gets_what_its_member_gets_by_another_name() {
        let image = base(
            layered(vec![
                vec![
                    folder("usr"),
                    folder("usr/lib"),
                    link("lib", "usr/lib"),
                    folder("usr/lib/foo"),
                    mode(file("usr/lib/foo/a", 1), 0o666),
                ],
                vec![mode(folder("lib/foo"), 0o777), file("lib/foo/z", 1)],
            ]),
            1,
        );
        assert_eq!(
            planned(&image, &["permissions"]),
            ["permissions-1 review /usr/lib/foo: 0666, 0777, 2 files and folders: header 0 1777, add usr/ 0755 0:0, \
                 add usr/lib/ 0755 0:0, add usr/lib/foo/ 1777 0:0, add usr/lib/foo/a 0664 copy",]
        );
    }

    #[test]
    fn a_folder_above_keeps_its_attributes() {
        let image = base(
            layered(vec![vec![
                FileEntry { has_attributes: true, ..folder("srv") },
                mode(file("srv/a", 1), 0o666),
                folder("opt"),
                mode(file("opt/b", 1), 0o666),
            ]]),
            1,
        );
        assert_eq!(
            planned(&image, &["permissions"]),
            [
                "permissions-1 review /opt/b@0: 0666: add opt/ 0755 0:0, add opt/b 0664 copy",
                "refused /srv/a: the folder `/srv` has extended attributes or an access list, which an entry on top would lose",
            ]
        );
    }

    #[test]
    fn no_layer_comes_on_top_of_as_many_as_engines_take() {
        let layers = |count: usize| {
            let mut layers = vec![vec![folder("srv"), mode(file("srv/a", 1), 0o666)]];
            layers.resize(count, vec![file("opt/x", 1)]);
            planned(&base(layered(layers), 1), &["permissions"])
        };
        assert_eq!(layers(126), ["permissions-1 review /srv/a@0: 0666: add srv/ 0755 0:0, add srv/a 0664 copy"]);
        let full =
            base(layered([vec![vec![mode(file("srv/a", 1), 0o666)]], vec![vec![file("opt/x", 1)]; 126]].concat()), 1);
        let wishes = Wishes { only: vec!["permissions"], approves_all: true, ..Wishes::default() };
        assert_eq!(
            shown(&plan(&full, &wishes)),
            ["refused /srv/a: it needs a layer on top of 127, and engines take no more"]
        );
    }
}

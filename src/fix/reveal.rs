//! What an action takes out of an upper layer must not let an older file of its name show: a whiteout on top hides that.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rebuild::{Edit, Member};
use crate::tree::{FileKind, Node};

use super::heirs::dropped;
use super::plan::Action;
use super::{Guard, folders_above};

/// An approved action that takes a folder out of its layer, an action that is not approved and would take it out of a layer
/// below, and the folder: to hide it would hide what the other one leaves.
pub(super) fn half_removed(
    image: &Inventory,
    guard: &Guard<'_>,
    actions: &[Action],
) -> Option<(String, String, ImagePath)> {
    let mut waiting: BTreeMap<ImagePath, Vec<(u32, &str)>> = BTreeMap::new();
    let folders = |action: &Action| -> Vec<(ImagePath, u32)> {
        let nodes = dropped(&action.edits.0).into_iter();
        let folders = nodes.filter(|node| image.tree.entry(*node).kind == FileKind::Directory);
        folders.map(|node| (guard.real(&image.tree.entry(node).path), node.layer)).collect()
    };
    for action in actions.iter().filter(|action| !action.is_active()) {
        for (path, layer) in folders(action) {
            waiting.entry(path).or_default().push((layer, &action.id));
        }
    }
    for action in actions.iter().filter(|action| action.is_active()) {
        for (path, layer) in folders(action) {
            let below = waiting.get(&path).into_iter().flatten().find(|(below, _)| *below < layer);
            if let Some((_, other)) = below {
                return Some((action.id.clone(), (*other).to_owned(), path));
            }
        }
    }
    None
}

/// Adds to each action what hides the files that would show after it. Members of the same layer and name go with it.
pub(super) fn hide(image: &Inventory, guard: &Guard<'_>, actions: &mut [Action]) {
    let active: BTreeSet<Node> =
        actions.iter().filter(|action| action.is_active()).flat_map(|action| dropped(&action.edits.0)).collect();
    // members by the names of those that go, which are few
    let mut by_name: BTreeMap<ImagePath, Vec<Node>> = actions
        .iter()
        .flat_map(|action| dropped(&action.edits.0))
        .map(|node| (guard.real(&image.tree.entry(node).path), Vec::new()))
        .collect();
    if by_name.is_empty() {
        return;
    }
    for (layer, members) in (0_u32..).zip(image.tree.layers()) {
        for (member, entry) in (0_u32..).zip(members).filter(|(_, entry)| !entry.is_marker()) {
            if let Some(nodes) = by_name.get_mut(&guard.real(&entry.path)) {
                nodes.push(Node { layer, member });
            }
        }
    }
    for nodes in by_name.values_mut() {
        nodes.retain(|node| !active.contains(node));
    }
    for action in actions {
        let own = dropped(&action.edits.0);
        let mut names: BTreeMap<(ImagePath, u32), u32> = BTreeMap::new();
        for node in &own {
            // the last one of a name is what its layer shows
            names.insert((guard.real(&image.tree.entry(*node).path), node.layer), node.member);
        }
        let mut more = Vec::new();
        for ((path, layer), last) in names {
            // only what shows now has a name that something else could get
            if image.tree.get(&path).is_none_or(|shown| shown.layer > layer) {
                continue;
            }
            let others = by_name.get(&path).map_or(&[][..], Vec::as_slice);
            let below = others.partition_point(|other| other.layer < layer);
            let here = below..others.partition_point(|other| other.layer <= layer);
            let (below, here) = (others.get(..below).unwrap_or_default(), others.get(here).unwrap_or_default());
            let is_left = |other: &&Node| !own.contains(*other);
            // one of the name comes behind it in the layer, and is what shows
            if here.iter().rev().find(is_left).is_some_and(|other| other.member > last) {
                continue;
            }
            for other in here.iter().filter(is_left) {
                let path = image.tree.entry(*other).path.to_string();
                let member = Member { layer: other.layer, member: other.member, path };
                more.push(Edit::DropMember { member, secrets: Vec::new(), inside: Vec::new() });
            }
            if below.iter().any(|other| !own.contains(other))
                && let Ok(name) = std::str::from_utf8(path.as_bytes())
            {
                more.extend(folders_above(image, &path));
                more.push(Edit::Whiteout { path: name.to_owned() });
            }
        }
        let mut known: BTreeSet<(u8, String, Option<Node>)> = action.edits.0.iter().filter_map(key).collect();
        more.retain(|edit| key(edit).is_none_or(|key| known.insert(key)));
        action.edits.0.append(&mut more);
    }
}

/// What one of the edits that hide something is about.
fn key(edit: &Edit) -> Option<(u8, String, Option<Node>)> {
    match edit {
        Edit::DropMember { member, .. } => Some((0, String::new(), Some(member.node()))),
        Edit::AddFolder { path, .. } => Some((1, path.clone(), None)),
        Edit::Whiteout { path } => Some((2, path.clone(), None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, folder, hard_link, layered, planned};

    #[test]
    fn what_shows_anyway_is_not_taken_along() {
        let image = layered(vec![vec![file("srv/a~", 10), file("srv/a~", 20), hard_link("srv/a", "srv/a~")]]);
        assert_eq!(
            planned(&image, &["leftovers"]),
            [
                "leftovers-1 safe /srv/a~@0: 1 file (10 B): drop 0",
                "refused /srv/a~: `/srv/a~` has another name that is in use",
            ]
        );
    }

    #[test]
    fn an_older_file_of_the_name_is_hidden() {
        let old = "var/lib/dpkg/status-old";
        let image = layered(vec![
            vec![folder("var/lib/dpkg"), file(old, 200_000), file("var/cache/apt/pkgcache.bin", 300_000)],
            vec![file(old, 300_000), file("var/cache/apt/srcpkgcache.bin", 300_000)],
        ]);
        assert_eq!(
            planned(&base(image, 1), &["caches"]),
            [
                "caches-1 safe *-old@1: 1 file (293.0 KiB): drop 0, add var/lib/dpkg/ 0755 0:0, hide var/lib/dpkg/status-old",
                "caches-2 safe /var/cache/apt@1: 1 file (293.0 KiB): drop 1",
                "refused /var/cache/apt: layer 0 belongs to the base image, and to hide the cache on top saves nothing",
            ]
        );
    }
}

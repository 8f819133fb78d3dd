//! The other names of files whose members go: a hard link that stays gets the content, and the header that was planned for it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::path::ImagePath;
use crate::rebuild::{Edit, Member};
use crate::tree::{FileEntry, FileKind, Node, Tree};

use super::guard::Links;
use super::plan::Action;

/// Files that go, each with its hard links that stay, of which the first becomes the file.
pub(super) fn heirs(links: &Links, dropped: &BTreeSet<Node>) -> BTreeMap<Node, Vec<Node>> {
    let staying =
        |node: &Node| -> Vec<Node> { links.to(*node).iter().filter(|link| !dropped.contains(link)).copied().collect() };
    dropped.iter().map(|node| (*node, staying(node))).filter(|(_, heirs)| !heirs.is_empty()).collect()
}

/// Members that these edits take out.
pub(super) fn dropped<'e>(edits: impl IntoIterator<Item = &'e Edit>) -> BTreeSet<Node> {
    let node = |edit: &Edit| match edit {
        Edit::DropMember { member, .. } => Some(member.node()),
        _ => None,
    };
    edits.into_iter().filter_map(node).collect()
}

/// Gives the headers that are set for files that go to the names that stay. What cannot be done so comes back: the place of the
/// action, and why it is not done.
pub(super) fn follow(tree: &Tree, links: &Links, actions: &mut [Action]) -> BTreeMap<usize, String> {
    let active = |action: &&Action| action.is_active();
    let dropped = dropped(actions.iter().filter(active).flat_map(|action| &action.edits.0));
    let heirs = heirs(links, &dropped);
    let mut out = BTreeMap::new();
    for (place, action) in actions.iter_mut().enumerate().filter(|(_, action)| action.is_active()) {
        let mut more = Vec::new();
        let set: HashSet<_> = action.edits.0.iter().filter_map(header).collect();
        for edit in &action.edits.0 {
            let Some(member) = edit.member().or_else(|| edit.copied()) else { continue };
            let Some(names) = heirs.get(&member.node()) else { continue };
            match edit {
                Edit::DropMember { secrets, inside, .. } if secrets.is_empty() && inside.is_empty() => {}
                Edit::SetHeader { mode, uid, gid, .. } => more.extend(names.iter().map(|node| {
                    let path = tree.entry(*node).path.to_string();
                    let member = Member { layer: node.layer, member: node.member, path };
                    Edit::SetHeader { member, mode: *mode, uid: *uid, gid: *gid }
                })),
                _ => {
                    let name = names.first().map(|node| tree.entry(*node).path.to_string()).unwrap_or_default();
                    out.insert(place, format!("`{}` goes, and `{name}`, which is the same file, stays", member.path));
                }
            }
        }
        more.retain(|edit| header(edit).is_none_or(|header| !set.contains(&header)));
        action.edits.0.extend(more);
    }
    for (layer, members) in (0_u32..).zip(tree.layers()) {
        let Some((broken, why)) = broken(members, layer, &dropped) else { continue };
        for (place, action) in actions.iter().enumerate().filter(|(_, action)| action.is_active()) {
            let own = self::dropped(&action.edits.0);
            if broken.iter().any(|node| own.contains(node)) {
                out.entry(place).or_insert_with(|| why.clone());
            }
        }
    }
    out
}

/// A member, and what an edit sets in its header.
type Header = (Node, Option<u32>, Option<u32>, Option<u32>);

fn header(edit: &Edit) -> Option<Header> {
    match edit {
        Edit::SetHeader { member, mode, uid, gid } => Some((member.node(), *mode, *uid, *gid)),
        _ => None,
    }
}

/// A file of a layer, as of a point of the archive.
#[derive(Default)]
struct File<'t> {
    /// Whether the member goes that has its content.
    is_gone: bool,
    /// Its names that are in the output.
    live: BTreeSet<&'t ImagePath>,
}

/// Names of a layer, as of a point of the archive.
#[derive(Default)]
struct Names<'t> {
    files: Vec<File<'t>>,
    by_name: BTreeMap<&'t ImagePath, usize>,
}

impl<'t> Names<'t> {
    /// A member takes this place, and that of all below it.
    fn place(&mut self, path: &'t ImagePath, is_folder: bool) {
        let below = |name: &ImagePath| !is_folder && !path.is_root() && name.is_under(path.as_bytes());
        let from = self
            .by_name
            .range::<ImagePath, _>(path..)
            .take_while(|(name, _)| name.as_bytes().starts_with(path.as_bytes()));
        let gone: Vec<&ImagePath> = from.map(|(name, _)| *name).filter(|name| *name == path || below(name)).collect();
        for name in gone {
            if let Some(file) = self.by_name.remove(name).and_then(|index| self.files.get_mut(index)) {
                file.live.remove(name);
            }
        }
    }

    fn add(&mut self, path: &'t ImagePath, file: File<'t>) -> usize {
        self.files.push(file);
        let index = self.files.len().saturating_sub(1);
        self.by_name.insert(path, index);
        index
    }
}

/// Members that cannot go because a link of the layer that stays would lead nowhere, with the reason.
fn broken(members: &[FileEntry], layer: u32, dropped: &BTreeSet<Node>) -> Option<(Vec<Node>, String)> {
    let own = Node { layer, member: 0 }..=Node { layer, member: u32::MAX };
    let is_link = |entry: &FileEntry| matches!(entry.kind, FileKind::HardLink(_));
    if dropped.range(own).next().is_none() || !members.iter().any(is_link) {
        return None;
    }
    let goes = |member: u32| dropped.contains(&Node { layer, member });
    let mut by_last: HashMap<&[u8], Vec<Node>> = HashMap::new();
    for (member, entry) in (0_u32..).zip(members).filter(|(member, _)| goes(*member)) {
        by_last.entry(entry.path.file_name()).or_default().push(Node { layer, member });
    }
    let mut names = Names::default();
    let mut seen: HashSet<&ImagePath> = HashSet::new();
    let mut lost: HashMap<&ImagePath, Node> = HashMap::new();
    for (member, entry) in (0_u32..).zip(members).filter(|(_, entry)| !entry.is_marker()) {
        let (path, is_gone) = (&entry.path, goes(member));
        let FileKind::HardLink(target) = &entry.kind else {
            let is_folder = entry.kind == FileKind::Directory;
            names.place(path, is_folder);
            seen.insert(path);
            if !is_folder {
                names.add(path, File { is_gone, live: if is_gone { BTreeSet::new() } else { BTreeSet::from([path]) } });
            }
            continue;
        };
        if target == path {
            continue;
        }
        let found = names.by_name.get(target).copied();
        names.place(path, false);
        if is_gone {
            lost.insert(path, Node { layer, member });
            let file =
                found.unwrap_or_else(|| names.add(target, File { is_gone: false, live: BTreeSet::from([target]) }));
            names.by_name.insert(path, file);
            continue;
        }
        let Some((index, file)) = found.and_then(|index| Some((index, names.files.get_mut(index)?))) else {
            if !seen.contains(target)
                && let Some(nodes) = by_last.get(target.file_name())
            {
                let why = format!("`{path}` is a hard link to `{target}`, which may be another name of what goes");
                return Some((nodes.clone(), why));
            }
            seen.insert(path);
            names.add(path, File { is_gone: false, live: BTreeSet::from([path]) });
            continue;
        };
        if file.live.is_empty() && !file.is_gone {
            let nodes = lost.get(target).copied().into_iter().collect();
            return Some((nodes, format!("`{path}` is a hard link by way of `{target}`, and would lead nowhere")));
        }
        file.live.insert(path);
        seen.insert(path);
        names.by_name.insert(path, index);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{file, hard_link, layered, mode, plan, shown};
    use crate::policy::Glob;
    use crate::tree::FileEntry;

    fn without(members: Vec<FileEntry>, globs: &[&str], only: &[&'static str]) -> Vec<String> {
        let remove = globs.iter().map(|glob| Glob::path(glob).expect("a glob")).collect();
        let wishes = Wishes { only: only.to_vec(), remove, approves_all: true, ..Wishes::default() };
        shown(&plan(&layered(vec![members]), &wishes))
    }

    #[test]
    fn a_name_that_stays_gets_the_header_of_the_file() {
        let members = || vec![mode(file("srv/a", 10), 0o666), mode(hard_link("srv/b", "srv/a"), 0o666)];
        assert_eq!(
            without(members(), &["srv/a"], &["permissions"]),
            [
                "permissions-1 review+ /srv/a@0: 0666: header 0 0664, header 1 0664",
                "remove-1 safe srv/a@0: 1 file (10 B): drop 0",
            ]
        );
        assert_eq!(
            without(members(), &["srv/*"], &["permissions"])[0],
            "permissions-1 review+ /srv/a@0: 0666: header 0 0664, header 1 0664",
            "nothing stays"
        );
    }

    #[test]
    fn what_changes_the_content_of_a_file_that_goes_is_not_done() {
        let members = vec![file("var/log/lastlog", 2 << 20), hard_link("srv/kept", "var/log/lastlog")];
        assert_eq!(
            without(members, &["var/log/lastlog"], &["leftovers"]),
            [
                "remove-1 safe var/log/lastlog@0: 1 file (2.0 MiB): drop 0",
                "refused /var/log/lastlog: `/var/log/lastlog` goes, and `/srv/kept`, which is the same file, stays",
            ]
        );
    }

    #[test]
    fn a_link_that_would_lead_nowhere_keeps_what_it_leads_by() {
        let members =
            || vec![file("srv/.env", 76), hard_link("opt/b.tmp", "srv/.env"), hard_link("srv/.env", "opt/b.tmp")];
        assert_eq!(
            without(members(), &["**/*.tmp"], &["env"]),
            ["refused **/*.tmp: `/srv/.env` is a hard link by way of `/opt/b.tmp`, and would lead nowhere"]
        );
        assert_eq!(
            without(members(), &["**/*.tmp", "srv/.env"], &["env"]),
            ["remove-1 safe **/*.tmp@0: 0 files (0 B): drop 1", "remove-2 safe srv/.env@0: 1 file (76 B): drop 0 2"]
        );
        let hidden = vec![file("srv/b.tmp", 1), hard_link("opt/c", "link/b.tmp")];
        assert_eq!(
            without(hidden, &["srv/b.tmp"], &["env"]),
            ["refused srv/b.tmp: `/opt/c` is a hard link to `/link/b.tmp`, which may be another name of what goes"]
        );
    }
}

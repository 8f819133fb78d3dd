//! The merged file system as it will be: names that would come, go or change though no edit speaks of them.
//!
//! A folder that no layer has a member for is there as long as something lies in it, and what else lies there by way of a link
//! would lie elsewhere without it. A file below a link that leads nowhere hides the link, which would show again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rebuild::{Edit, Edits};
use crate::tree::{FileEntry, FileKind, Members, Node, Tree};

use super::guard::Links;
use super::heirs::dropped;
use super::plan::Action;
use super::{Guard, compare, conflict, folders_above, top};

/// Actions that are found one by one to be those that lead names astray; an image with more of them is so odd that all are
/// refused that may do it.
const MOST_TURNS: u32 = 30;

/// The name of a marker that means nothing (`.wh..wh.*`), in place of members that go: all others keep their numbers.
const NOTHING: &[u8] = b".wh..wh.gone";

/// What becomes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It leads to something else.
    Changed,
    /// It is gone.
    Gone,
    /// It was not there.
    Appeared,
    /// What it led to was taken out, and it leads to something older.
    Older,
}

/// Where the members of another tree were in this one: those of a layer that is written anew are counted anew.
pub(super) struct Origins {
    /// By layer: which one it was, and its members, where these are others now.
    layers: Vec<(u32, Option<Vec<u32>>)>,
}

impl Origins {
    /// Of what the edits make of a tree, of which these layers are left.
    pub(super) fn of(old: &Tree, edits: &Edits, left: impl IntoIterator<Item = u32>) -> Self {
        let dropped = dropped(&edits.0);
        let rewritten: BTreeSet<u32> = edits.0.iter().filter_map(|edit| Some(edit.member()?.layer)).collect();
        let layers = left.into_iter().map(|layer| {
            let Some(members) = old.layers().get(layer as usize).filter(|_| rewritten.contains(&layer)) else {
                return (layer, None);
            };
            let is_table = |entry: &FileEntry| entry.is_file() && compare::TABLES.contains(&entry.path.as_bytes());
            let stays = |(member, entry): &(u32, &FileEntry)| {
                !dropped.contains(&Node { layer, member: *member }) && !is_table(entry)
            };
            (layer, Some((0_u32..).zip(members).filter(stays).map(|(member, _)| member).collect()))
        });
        Self { layers: layers.collect() }
    }

    /// Of a tree in which all members have their numbers.
    fn same(old: &Tree) -> Self {
        Self { layers: (0_u32..).zip(old.layers()).map(|(layer, _)| (layer, None)).collect() }
    }

    fn node(&self, new: Node) -> Option<Node> {
        let (layer, members) = self.layers.get(new.layer as usize)?;
        let member = members.as_ref().map_or(Some(new.member), |members| members.get(new.member as usize).copied())?;
        Some(Node { layer: *layer, member })
    }
}

/// Names of two trees that differ, though no edit speaks of them; only what is taken out may be gone. A file is the same only if
/// it is the same member, or has its content now: `origins` tells where the members of `new` were.
pub(super) fn unplanned(
    old: &Tree,
    new: &Tree,
    edits: &Edits,
    links: &Links,
    origins: &Origins,
) -> Vec<(ImagePath, Odd)> {
    let (mut planned, mut added, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut may_go = BTreeSet::new();
    let dropped = dropped(&edits.0);
    for edit in &edits.0 {
        if let Some(member) = edit.member() {
            let node = member.node();
            let members = old.layers().get(member.layer as usize);
            let Some(entry) = members.and_then(|members| members.get(member.member as usize)) else { continue };
            let own = [entry.path.clone(), old.real(&entry.path)];
            // another name of a file whose header changes
            let names = old.names_of(node).cloned();
            planned.extend(own.iter().cloned().chain(names));
            if matches!(edit, Edit::DropMember { .. }) {
                let is_whole = links.to(node).iter().all(|link| dropped.contains(link));
                may_go.extend(old.names_of(node).filter(|_| is_whole).cloned());
                taken.extend(own);
            }
        } else if let Edit::AddFile { path, .. } | Edit::AddFolder { path, .. } = edit {
            added.insert(ImagePath::from(path.as_str()));
        }
    }
    may_go.extend(taken.iter().cloned());
    // tables of layers that engines load lazily go with the layer they are of
    let rewritten: BTreeSet<u32> = edits.0.iter().filter_map(|edit| Some(edit.member()?.layer)).collect();
    for (path, node) in old.names() {
        if rewritten.contains(&node.layer) && compare::TABLES.contains(&path.as_bytes()) {
            planned.insert(path.clone());
            may_go.insert(path.clone());
        }
    }
    let header_of = |entry: &FileEntry| (entry.mode, entry.uid, entry.gid, entry.size, entry.mtime);
    let olds: HashMap<&ImagePath, Node> = old.names().collect();
    let news: HashMap<&ImagePath, Node> = new.names().collect();
    let is_same = |node: Node, other: Node| {
        let (was, is) = (old.entry(node), new.entry(other));
        let is_content = !was.is_file() || {
            let from = origins.node(other);
            from == Some(node) || from.and_then(|from| links.file_of(from)) == Some(node)
        };
        was.kind == is.kind && is_content
    };
    let mut odd = Vec::new();
    for (path, node) in old.names().filter(|(path, _)| !added.contains(*path)) {
        let what = match news.get(path) {
            None if may_go.contains(path) => continue,
            None => Odd::Gone,
            Some(other) => {
                let is_header = || header_of(old.entry(node)) == header_of(new.entry(*other));
                if is_same(node, *other) && (planned.contains(path) || is_header()) {
                    continue;
                }
                if taken.contains(path) { Odd::Older } else { Odd::Changed }
            }
        };
        odd.push((path.clone(), what));
    }
    let came = new.names().filter(|(path, _)| !olds.contains_key(*path) && !added.contains(*path));
    odd.extend(came.map(|(path, _)| (path.clone(), Odd::Appeared)));
    odd
}

/// Hides links that would show again where something was stored below them, and gives the places of actions that cannot be
/// done, each with its reason: without what they take out, files that stay would lie elsewhere. `turn` counts the calls.
pub(super) fn settle(
    image: &Inventory,
    guard: &Guard<'_>,
    actions: &mut [Action],
    turn: u32,
) -> BTreeMap<usize, String> {
    let none = BTreeMap::new();
    let (tree, links) = (&image.tree, guard.all_links());
    unhide(image, guard, actions);
    let can_hide = !top::is_full(image);
    let takes_out = |action: &Action| action.is_active() && !dropped(&action.edits.0).is_empty();
    let suspects: Vec<usize> = (0..actions.len()).filter(|place| actions.get(*place).is_some_and(takes_out)).collect();
    if suspects.is_empty() {
        return none;
    }
    let mut odd = astray(tree, links, actions, false, &|_| true);
    if can_hide && hide_links(image, guard, actions, &odd) {
        odd = astray(tree, links, actions, false, &|_| true);
        if !odd.is_empty() {
            // whatever is left out may have been why
            unhide(image, guard, actions);
        }
    }
    if odd.is_empty() {
        return none;
    }
    if turn > MOST_TURNS {
        let why = "too much of the image lies where it does by way of what goes";
        return suspects.into_iter().map(|place| (place, why.to_owned())).collect();
    }
    // the first of them with which something goes astray
    let (mut good, mut bad) = (0, suspects.len());
    while bad.saturating_sub(good) > 1 {
        let middle = good.midpoint(bad);
        let out: BTreeSet<usize> = suspects.iter().skip(middle).copied().collect();
        let found = astray(tree, links, actions, can_hide, &|place| !out.contains(&place));
        if found.is_empty() {
            good = middle;
        } else {
            (bad, odd) = (middle, found);
        }
    }
    let Some(place) = bad.checked_sub(1).and_then(|last| suspects.get(last)) else { return none };
    let is_link =
        |path: &ImagePath| tree.get(path).is_some_and(|node| matches!(tree.entry(node).kind, FileKind::Symlink(_)));
    let told = odd.iter().find(|(path, what)| *what != Odd::Appeared && !is_link(path)).or(odd.first());
    let is_by_link = |path: &ImagePath| path.folders().any(|folder| is_link(&folder));
    let why = told.map_or_else(String::new, |(path, what)| match what {
        Odd::Appeared if is_by_link(path) => {
            format!("`{path}` would be there then, since a link to its folder would lead nowhere")
        }
        Odd::Appeared => format!("`{path}` would be there then, which what goes hides"),
        Odd::Gone | Odd::Changed => {
            format!("`{path}` would lie elsewhere, since a link to its folder would lead nowhere")
        }
        Odd::Older => format!("an older `{path}` would show in its place"),
    });
    BTreeMap::from([(*place, why)])
}

/// What differs unplanned after the active ones of these actions; where `hides`, with links hidden that would show again.
fn astray(
    tree: &Tree,
    links: &Links,
    actions: &[Action],
    hides: bool,
    is_meant: &dyn Fn(usize) -> bool,
) -> Vec<(ImagePath, Odd)> {
    let meant = actions.iter().enumerate().filter(|(place, action)| action.is_active() && is_meant(*place));
    let Ok(mut edits) = conflict::merged(meant.map(|(_, action)| action)) else { return Vec::new() };
    let look = |edits: &Edits| unplanned(tree, &after(tree, edits), edits, links, &Origins::same(tree));
    let odd = look(&edits);
    let again: Vec<Edit> = shown_again(tree, &odd)
        .into_iter()
        .filter(|_| hides)
        .filter_map(|path| Some(Edit::Whiteout { path: std::str::from_utf8(path.as_bytes()).ok()?.to_owned() }))
        .collect();
    if again.is_empty() {
        return odd;
    }
    edits.0.extend(again);
    look(&edits)
}

/// Links that show where a folder was that no member made.
fn shown_again<'o>(tree: &Tree, odd: &'o [(ImagePath, Odd)]) -> BTreeSet<&'o ImagePath> {
    let is_link = |(path, what): &&(ImagePath, Odd)| {
        *what == Odd::Appeared && is_bare_folder(tree, path) && std::str::from_utf8(path.as_bytes()).is_ok()
    };
    odd.iter().filter(is_link).map(|(path, _)| path).collect()
}

/// Whether a folder is there because something lies in it, and no member made it.
fn is_bare_folder(tree: &Tree, path: &ImagePath) -> bool {
    tree.get(path).is_none() && tree.names_in(path).next().is_some()
}

/// Has each link hidden that would show again. Whether there were any.
fn hide_links(image: &Inventory, guard: &Guard<'_>, actions: &mut [Action], odd: &[(ImagePath, Odd)]) -> bool {
    let tree = &image.tree;
    let links = shown_again(tree, odd);
    let mut is_any = false;
    for action in actions.iter_mut().filter(|action| action.is_active() && !links.is_empty()) {
        let mut own: BTreeSet<&ImagePath> = BTreeSet::new();
        for node in dropped(&action.edits.0) {
            let real = guard.real(&tree.entry(node).path);
            own.extend(real.folders().find_map(|folder| links.get(&folder).copied()));
        }
        for path in own {
            let Ok(name) = std::str::from_utf8(path.as_bytes()) else { continue };
            let hidden = Edit::Whiteout { path: name.to_owned() };
            if !action.edits.0.contains(&hidden) {
                action.edits.0.extend(folders_above(image, path));
                action.edits.0.push(hidden);
                is_any = true;
            }
        }
    }
    is_any
}

/// Takes back what [`settle`] hid: it depends on all that is done, and is found anew.
pub(super) fn unhide(image: &Inventory, guard: &Guard<'_>, actions: &mut [Action]) {
    let tree = &image.tree;
    for action in actions {
        let is_hidden = |edit: &Edit| match edit {
            Edit::Whiteout { path } => is_bare_folder(tree, &path.as_str().into()),
            _ => false,
        };
        if !action.edits.0.iter().any(is_hidden) {
            continue;
        }
        let own = dropped(&action.edits.0);
        let own: BTreeSet<ImagePath> = own.iter().map(|node| guard.real(&tree.entry(*node).path)).collect();
        let before = action.edits.0.len();
        action.edits.0.retain(|edit| match edit {
            Edit::Whiteout { path } if is_hidden(edit) => {
                let path = ImagePath::from(path.as_str());
                own.contains(&path) || !top::is_above_any(&path, &own)
            }
            _ => true,
        });
        if action.edits.0.len() < before {
            top::leave_needed(tree, &mut action.edits.0);
        }
    }
}

/// The merged file system after these edits, as far as names go: headers stay as they are.
pub(super) fn after(tree: &Tree, edits: &Edits) -> Tree {
    let dropped = dropped(&edits.0);
    let mut layers: Vec<Members> = Vec::with_capacity(tree.layers().len().saturating_add(1));
    for (layer, members) in (0_u32..).zip(tree.layers()) {
        let own = Node { layer, member: 0 }..=Node { layer, member: u32::MAX };
        let is_changed = dropped.range(own).next().is_some();
        layers.push(if is_changed { without(members, layer, &dropped) } else { members.clone() });
    }
    let mut top: Vec<FileEntry> = Vec::new();
    for edit in &edits.0 {
        match edit {
            Edit::AddFile { path, .. } => top.push(FileEntry::file(path, 0)),
            Edit::AddFolder { path, mode, .. } => {
                top.push(FileEntry { kind: FileKind::Directory, mode: *mode, ..FileEntry::file(path, 0) });
            }
            Edit::Whiteout { path } => {
                let path = ImagePath::from(path.as_str());
                let marker = path.parent().join(&[b".wh.", path.file_name()].concat());
                top.push(FileEntry { path: marker, ..FileEntry::file("", 0) });
            }
            _ => {}
        }
    }
    layers.extend((!top.is_empty()).then(|| top.into()));
    tree.with_layers(layers)
}

/// The members of a layer, some of them gone. What was another name of one of these is the file now.
fn without(members: &[FileEntry], layer: u32, dropped: &BTreeSet<Node>) -> Members {
    let is_gone = |member: u32| dropped.contains(&Node { layer, member });
    // by name: the member that has the content, and the one that has the name
    let mut files: HashMap<&ImagePath, (&FileEntry, u32, u32)> = HashMap::new();
    let mut left = Vec::with_capacity(members.len());
    for (member, entry) in (0_u32..).zip(members) {
        let target = match &entry.kind {
            FileKind::HardLink(target) => files.get(target).copied(),
            _ => None,
        };
        let is_link = matches!(entry.kind, FileKind::HardLink(_));
        match target {
            Some((file, holder, _)) => drop(files.insert(&entry.path, (file, holder, member))),
            None if !is_link => drop(files.insert(&entry.path, (entry, member, member))),
            None => {}
        }
        let path = || entry.path.clone();
        left.push(match target {
            _ if is_gone(member) => FileEntry { path: path().parent().join(NOTHING), ..FileEntry::file("", 0) },
            Some((file, holder, name)) if is_gone(holder) || is_gone(name) => {
                FileEntry { path: path(), ..file.clone() }
            }
            _ => entry.clone(),
        });
    }
    left.into()
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{file, folder, hard_link, layered, link, plan, shown};
    use crate::policy::{FixPolicy, Glob};
    use crate::tree::FileEntry;

    fn without(layers: Vec<Vec<FileEntry>>, globs: &[&str]) -> Vec<String> {
        let remove = globs.iter().map(|glob| Glob::path(glob).expect("a glob")).collect();
        shown(&plan(&layered(layers), &Wishes { only: vec!["env"], remove, ..Wishes::default() }))
    }

    #[test]
    fn a_link_that_would_show_again_is_hidden() {
        let image = || vec![vec![link("app", "usr/app")], vec![file("app/x", 1)]];
        assert_eq!(
            without(image(), &["app/x"]),
            ["remove-1 safe app/x@1: 1 file (1 B): drop 0, hide app"],
            "a file below a link that leads nowhere"
        );
        let mut more = image();
        more.push(vec![file("app/y", 1)]);
        assert_eq!(without(more, &["app/x"]), ["remove-1 safe app/x@1: 1 file (1 B): drop 0"], "the folder stays");
    }

    #[test]
    fn a_folder_that_a_link_leads_to_stays() {
        let image = || vec![vec![link("app", "usr/app"), file("usr/app/q", 1)], vec![file("app/y", 1)]];
        assert_eq!(
            without(image(), &["usr/app/q"]),
            ["refused usr/app/q: `/usr/app/y` would lie elsewhere, since a link to its folder would lead nowhere"]
        );
        assert_eq!(without(image(), &["usr/app/q", "app/y"]).len(), 2, "both go, whatever lies where");
        let whole = vec![vec![link("app", "usr/app"), folder("usr/app"), file("usr/app/q", 1)], vec![file("app/y", 1)]];
        assert_eq!(without(whole, &["usr/app/q"]), ["remove-1 safe usr/app/q@0: 1 file (1 B): drop 2"]);
    }

    #[test]
    fn what_lies_elsewhere_is_told_by_its_content() {
        let policy = FixPolicy { keep: vec![Glob::path("usr/app/x").expect("a glob")], ..FixPolicy::default() };
        for below in [vec![file("usr/app/x", 1)], vec![link("usr/app/x", "y")], vec![folder("usr/app/x")]] {
            let mut first = vec![folder("usr/app"), file("usr/app/y", 1)];
            first.extend(below);
            first.push(link("app", "usr/app"));
            let image = layered(vec![first, vec![file("app/x", 1)]]);
            let remove = vec![Glob::path("app").expect("a glob")];
            let wishes = Wishes { only: vec!["env"], remove, policy: policy.clone(), ..Wishes::default() };
            let planned = shown(&plan(&image, &wishes));
            let elsewhere =
                "refused app: `/usr/app/x` would lie elsewhere, since a link to its folder would lead nowhere";
            assert!(planned.iter().any(|line| line == elsewhere), "{planned:?}");
            assert!(!planned.iter().any(|line| line.starts_with("remove-")), "{planned:?}");
        }
    }

    #[test]
    fn a_folder_that_a_link_needs_at_its_time_stays() {
        let image =
            vec![vec![link("app", "usr/app"), file("usr/app/q", 1)], vec![file("app/x", 1)], vec![folder("usr/app")]];
        assert_eq!(
            without(image, &["usr/app/q"]),
            ["refused usr/app/q: `/usr/app/x` would lie elsewhere, since a link to its folder would lead nowhere"]
        );
    }

    #[test]
    fn what_a_marker_hides_stays_hidden() {
        let image =
            layered(vec![vec![file("srv/a", 1), file("srv/b", 1)], vec![folder("srv"), file("srv/.wh..wh..opq", 0)]]);
        let policy = FixPolicy { keep: vec![Glob::path("srv/a").expect("a glob")], ..FixPolicy::default() };
        let remove = vec![Glob::path("srv").expect("a glob")];
        let wishes = Wishes { only: vec!["env"], remove, policy, ..Wishes::default() };
        let planned = shown(&plan(&image, &wishes));
        assert!(
            planned.contains(&"refused srv: `/srv/a` would be there then, which what goes hides".to_owned()),
            "{planned:?}"
        );
    }

    #[test]
    fn an_older_file_that_came_by_another_way_does_not_show() {
        let moved = |second: FileEntry| {
            vec![
                vec![folder("srv"), link("link", "srv"), file("link/x", 1), folder("opt"), second],
                vec![file("srv/x", 2), file("srv/y", 1)],
            ]
        };
        let refused = ["refused srv/x: an older `/srv/x` would show in its place"];
        assert_eq!(without(moved(link("link", "opt")), &["srv/x"]), refused);
        assert_eq!(without(moved(folder("link")), &["srv/x"]), refused);
        assert_eq!(without(moved(link("link", "opt")), &["srv/y"]), ["remove-1 safe srv/y@1: 1 file (1 B): drop 1"]);
        let both = ["remove-1 safe srv/x@0: 1 file (1 B): drop 2", "remove-2 safe srv/x@1: 1 file (2 B): drop 0"];
        assert_eq!(without(moved(link("link", "srv")), &["srv/x"]), both, "it leads where it did");
    }

    #[test]
    fn names_of_what_goes_are_the_file_then() {
        let image = vec![vec![
            file("opt/a", 1),
            hard_link("opt/b", "opt/a"),
            hard_link("opt/c", "opt/b"),
            link("opt/s", "a"),
            hard_link("opt/t", "opt/s"),
            file("opt/a", 2),
        ]];
        let planned = without(image, &["opt/s", "opt/b"]);
        assert!(planned.len() == 2 && planned.iter().all(|line| line.starts_with("remove-")), "{planned:?}");
    }

    #[test]
    fn a_link_is_hidden_for_nothing_that_is_not_done() {
        let image = vec![
            vec![link("var/run", "/run")],
            vec![file("var/run/a~", 1), file("run/z", 1)],
            vec![file("var/run/b~", 1)],
            vec![file("var/run/c", 1)],
        ];
        assert_eq!(
            without(image.clone(), &["var/run/a~", "var/run/b~"]),
            [
                "remove-2 safe var/run/b~@2: 1 file (1 B): drop 0",
                "refused var/run/a~: `/var/run/b~` would lie elsewhere, since a link to its folder would lead nowhere",
            ]
        );
    }

    #[test]
    fn what_changes_in_place_does_not_vanish() {
        for bits in [0o644, 0o666, 0o4755] {
            let tool = FileEntry { mode: bits, ..file("app/tool", 9) };
            let image =
                layered(vec![vec![link("app", "usr/app")], vec![file("usr/app/x", 1), tool, link("app", "usr/app")]]);
            let remove = vec![Glob::path("usr/app/x").expect("a glob")];
            let only = vec!["permissions", "setuid"];
            let planned = shown(&plan(&image, &Wishes { only, remove, approves_all: true, ..Wishes::default() }));
            assert!(planned.iter().any(|line| line.starts_with("refused usr/app/x: ")), "{planned:?}");
            assert!(!planned.iter().any(|line| line.contains("drop")), "{planned:?}");
        }
    }
}

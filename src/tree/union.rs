//! Applies layers one over the other (image-spec layer.md, Applying Changesets).
//!
//! Markers of a layer act on lower layers only, wherever they stand in it; then its members follow
//! in archive order, the last of a name winning. Where engines differ, what is done here is said in
//! a note.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::path::ImagePath;

use super::change::{Change, Event, fold};
use super::{FileEntry, FileKind, Hidden, Members, Node};

/// The merged file system, and what every layer held. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tree(Arc<Merged>);

/// What a tree holds.
#[derive(Debug, Default)]
pub struct Merged {
    layers: Vec<Members>,
    pub(super) slots: Vec<Slot>,
    names: Vec<(ImagePath, Node)>,
    by_node: Vec<(Node, ImagePath)>,
    hidden: Vec<Vec<Option<Hidden>>>,
    pub(super) link_hops: u32,
}

/// One name: a component below its folder. Slot 0 is the root.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    /// What it names; `None` for a folder no layer has a member for.
    pub(super) node: Option<Node>,
    pub(super) name: Name,
    /// Names directly below.
    pub(super) children: BTreeMap<Box<[u8]>, u32>,
    /// The slot of the folder.
    pub(super) parent: u32,
}

/// What is known of a slot's name.
#[derive(Debug, Clone)]
pub(super) enum Name {
    /// The whole path, where a member states it.
    Path(ImagePath),
    /// The last component; empty for the root. The path is put together from the parents.
    Last(Box<[u8]>),
}

impl Default for Name {
    fn default() -> Self {
        Self::Last(Box::default())
    }
}

impl Name {
    fn last(&self) -> &[u8] {
        match self {
            Self::Path(path) => path.file_name(),
            Self::Last(name) => name,
        }
    }
}

pub(super) const ROOT: u32 = 0;

impl Deref for Tree {
    type Target = Merged;

    fn deref(&self) -> &Merged {
        &self.0
    }
}

impl Tree {
    /// Applies `layers` in order, oldest first. Oddities become limitations of the second value.
    pub fn union(layers: Vec<Members>, limits: &Limits) -> (Self, Vec<Limitation>) {
        let mut union = Union::new(&layers, limits);
        for index in 0..layers.len() {
            union.apply(index);
        }
        let Union { slots, hidden, limitations, .. } = union;
        let mut tree =
            Merged { layers, slots, names: Vec::new(), by_node: Vec::new(), hidden, link_hops: limits.link_hops };
        tree.list_names();
        (Self(Arc::new(tree)), limitations)
    }
}

impl Merged {
    fn list_names(&mut self) {
        self.names.reserve_exact(self.slots.len());
        let mut stack = vec![ROOT];
        while let Some(index) = stack.pop() {
            let slot = &self.slots[index as usize];
            stack.extend(slot.children.values().rev());
            if let Some(node) = slot.node.filter(|_| index != ROOT) {
                self.names.push((path_of(&self.slots, index), node));
            }
        }
        // nearly in order already, which a stable sort makes use of: only `a-b` stands behind what is in `a`
        self.names.sort();
        self.names.shrink_to_fit();
        self.by_node = self.names.iter().map(|(path, node)| (*node, path.clone())).collect();
        // names of one node stay in order
        self.by_node.sort_by_key(|(node, _)| *node);
    }
}

impl Tree {
    /// What each layer did to names, oldest layer first, each sorted by path. Computed anew from the layers.
    pub fn changes(&self) -> Vec<Vec<Change>> {
        let limits = Limits { link_hops: self.link_hops, ..Limits::default() };
        let mut union = Union::new(&self.layers, &limits);
        let changes_of = |layer| {
            union.events = Some(Vec::new());
            union.apply(layer);
            union.limitations.clear();
            fold(union.events.take().unwrap_or_default())
        };
        (0..self.layers.len()).map(changes_of).collect()
    }

    /// The union of other layers, as this one was made.
    #[must_use]
    pub fn with_layers(&self, layers: Vec<Members>) -> Self {
        let limits = Limits { link_hops: self.link_hops, ..Limits::default() };
        Self::union(layers, &limits).0
    }

    /// Members of each layer, in archive order; [`Node::member`] counts in these.
    pub fn layers(&self) -> &[Members] {
        &self.layers
    }

    /// The member a node stands for.
    ///
    /// # Panics
    ///
    /// If the node is of another tree.
    pub fn entry(&self, node: Node) -> &FileEntry {
        &self.layers[node.layer as usize][node.member as usize]
    }

    /// Live names with their nodes, in order of their bytes; the root itself is not listed.
    pub fn names(&self) -> impl ExactSizeIterator<Item = (&ImagePath, Node)> {
        self.names.iter().map(|(path, node)| (path, *node))
    }

    /// The live names of a node, in order.
    pub fn names_of(&self, node: Node) -> impl Iterator<Item = &ImagePath> {
        let start = self.by_node.partition_point(|(other, _)| *other < node);
        self.by_node[start..].iter().take_while(move |(other, _)| *other == node).map(|(_, path)| path)
    }

    /// What `path` names, the last component not followed if it is a link, nor any other.
    pub fn get(&self, path: &ImagePath) -> Option<Node> {
        self.slots[self.slot(path)? as usize].node
    }

    pub(super) fn slot(&self, path: &ImagePath) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        path.components().try_fold(ROOT, |slot, name| self.slots[slot as usize].children.get(name).copied())
    }

    /// Live names directly in `folder` (which is not followed), in order.
    pub fn children(&self, folder: &ImagePath) -> Vec<(ImagePath, Node)> {
        let Some(slot) = self.slot(folder) else { return Vec::new() };
        let children = self.slots[slot as usize].children.values();
        children.filter_map(|child| Some((path_of(&self.slots, *child), self.slots[*child as usize].node?))).collect()
    }

    /// Names directly in `folder` (which is not followed), in order; those of folders that no layer
    /// has a member for have no node.
    pub fn names_in(&self, folder: &ImagePath) -> impl Iterator<Item = (&[u8], Option<Node>)> {
        let children = self.slot(folder).map(|slot| &self.slots[slot as usize].children);
        children.into_iter().flatten().map(|(name, child)| (&**name, self.slots[*child as usize].node))
    }

    /// Which layer hid a node; `None` while some live name reaches it. Markers count as hidden by
    /// their own layer; a hard link is no node of its own and is never hidden.
    pub fn hidden(&self, node: Node) -> Option<Hidden> {
        *self.hidden.get(node.layer as usize)?.get(node.member as usize)?
    }

    /// Whether some live name reaches the content of `node`.
    pub fn is_live(&self, node: Node) -> bool {
        self.names_of(node).next().is_some()
    }
}

/// The whole path of a name.
pub(super) fn path_of(slots: &[Slot], slot: u32) -> ImagePath {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut at = slot;
    while at != ROOT {
        let slot = &slots[at as usize];
        match &slot.name {
            Name::Path(path) if parts.is_empty() => return path.clone(),
            Name::Path(path) => {
                parts.push(path.as_bytes());
                break;
            }
            Name::Last(name) => parts.push(name),
        }
        at = slot.parent;
    }
    parts.reverse();
    ImagePath::new(&parts.join(&b'/'))
}

/// Most folders that no layer has a member for. Real layers list their folders, or have few.
const MOST_IMPLIED: usize = 500_000;

struct Union<'a> {
    layers: &'a [Members],
    limits: &'a Limits,
    slots: Vec<Slot>,
    /// Live names of each node, by layer and member.
    uses: Vec<Vec<u32>>,
    hidden: Vec<Vec<Option<Hidden>>>,
    limitations: Vec<Limitation>,
    /// Names of the layer at hand that it holds twice: how many, and the first.
    repeated: (usize, ImagePath),
    /// Folders that no layer has a member for.
    implied: usize,
    /// What the layer at hand does to names, where that is asked for.
    events: Option<Vec<Event>>,
}

impl<'a> Union<'a> {
    fn new(layers: &'a [Members], limits: &'a Limits) -> Self {
        // memory that is not touched costs nothing, and growing would copy all that is there
        let mut slots = Vec::with_capacity(layers.iter().map(|members| members.len()).sum::<usize>().saturating_add(1));
        slots.push(Slot::default());
        Self {
            layers,
            limits,
            slots,
            uses: layers.iter().map(|entries| vec![0; entries.len()]).collect(),
            hidden: layers.iter().map(|entries| vec![None; entries.len()]).collect(),
            limitations: Vec::new(),
            repeated: (0, ImagePath::root()),
            implied: 0,
            events: None,
        }
    }

    fn apply(&mut self, layer: usize) {
        let by_layer = u32::try_from(layer).unwrap_or(u32::MAX);
        self.repeated = (0, ImagePath::root());
        let entries = &self.layers[layer];
        for (member, entry) in entries.iter().enumerate() {
            if let Some(marker) = Marker::of(entry) {
                self.hidden[layer][member] = Some(Hidden { by_layer, overwritten: false });
                self.apply_marker(by_layer, entry, &marker);
            }
        }
        let mut last_folder: Option<(&[u8], Folder)> = None;
        for (member, entry) in (0..).zip(entries) {
            if entry.path.is_root() || Marker::of(entry).is_some() {
                continue;
            }
            let parent = entry.path.parent_bytes();
            let folder = match last_folder {
                Some((path, folder)) if path == parent => folder,
                _ => match self.folder(by_layer, entry) {
                    Some(folder) => folder,
                    None => continue,
                },
            };
            let kept = self.add(by_layer, Node { layer: by_layer, member }, entry, folder);
            // a member that removed a folder may have taken the remembered one with it
            last_folder = kept.then_some((parent, folder));
        }
        if let (count @ 1.., path) = &self.repeated {
            let others = match count - 1 {
                0 => String::new(),
                1 => ", and so is another name".to_owned(),
                more => format!(", and so are {more} other names"),
            };
            let what = format!("{path} is there more than once{others}; the last of each counts");
            self.limitations.push(Limitation::note("member-repeated", format!("layer {by_layer}"), what));
        }
    }

    fn apply_marker(&mut self, by_layer: u32, entry: &FileEntry, marker: &Marker<'_>) {
        let place = || format!("layer {by_layer} {}", entry.path);
        if !matches!(entry.kind, FileKind::File | FileKind::CharacterDevice(0, 0)) {
            self.limitations.push(Limitation::note(
                "whiteout-odd",
                place(),
                "a whiteout that is no empty file; it was applied all the same",
            ));
        }
        match marker {
            Marker::Opaque => {
                if let Some(slot) = self.lookup(&entry.path.parent()).and_then(|slot| self.follow(slot, &mut 0)) {
                    let children: Vec<u32> = self.slots[slot as usize].children.values().copied().collect();
                    for child in children {
                        self.remove(child, by_layer, false);
                    }
                }
            }
            Marker::Whiteout(name) => {
                if let Some(slot) = self.lookup(&entry.path.parent().join(name)).filter(|slot| *slot != ROOT) {
                    self.remove(slot, by_layer, false);
                }
            }
            Marker::Ignored => {}
            Marker::Invalid => self.limitations.push(
                Limitation::gap(
                    "whiteout-invalid",
                    place(),
                    "a whiteout that names no file; nothing was deleted for it",
                )
                .help("rebuild the image: engines differ in what they delete here"),
            ),
        }
    }

    /// The slot at `path`, links in folders followed.
    fn lookup(&mut self, path: &ImagePath) -> Option<u32> {
        let mut slot = ROOT;
        let mut hops = 0;
        let names: Vec<&[u8]> = path.components().collect();
        for (index, name) in names.iter().enumerate() {
            slot = *self.slots[slot as usize].children.get(*name)?;
            if index + 1 < names.len() {
                slot = self.follow(slot, &mut hops)?;
            }
        }
        Some(slot)
    }

    /// What a slot leads to, if it is a link; at most [`Limits::link_hops`] links are followed.
    fn follow(&self, mut slot: u32, hops: &mut u32) -> Option<u32> {
        while let Some(target) = self.link_target(slot) {
            let mut at = if target.first() == Some(&b'/') { ROOT } else { self.slots[slot as usize].parent };
            *hops += 1;
            if *hops > self.limits.link_hops {
                return None;
            }
            let parts: Vec<&[u8]> = target.split(|b| *b == b'/').collect();
            for (index, part) in parts.iter().enumerate() {
                match *part {
                    b"" | b"." => {}
                    b".." => at = self.slots[at as usize].parent,
                    name => {
                        at = *self.slots[at as usize].children.get(name)?;
                        if index + 1 < parts.len() {
                            at = self.follow(at, hops)?;
                        }
                    }
                }
            }
            slot = at;
        }
        Some(slot)
    }

    fn link_target(&self, slot: u32) -> Option<&'a [u8]> {
        let node = self.slots[slot as usize].node?;
        match &self.layers[node.layer as usize][node.member as usize].kind {
            FileKind::Symlink(target) => Some(target),
            _ => None,
        }
    }

    fn is_folder(&self, slot: u32) -> bool {
        match self.slots[slot as usize].node {
            None => true,
            Some(node) => self.layers[node.layer as usize][node.member as usize].kind == FileKind::Directory,
        }
    }

    /// The slot of the folder that holds `entry`, made where it is missing.
    ///
    /// A link on the way is followed, as containerd does; moby's overlay2 makes a folder instead.
    /// `None` beyond [`MOST_IMPLIED`], which is told.
    fn folder(&mut self, by_layer: u32, entry: &FileEntry) -> Option<Folder> {
        let mut slot = ROOT;
        let mut is_through_link = false;
        let mut hops = 0;
        let mut names = entry.path.components();
        names.next_back();
        for name in names {
            let next = self.slots[slot as usize].children.get(name).copied();
            slot = match next {
                Some(child) if self.is_folder(child) => child,
                Some(child) => {
                    if let Some(target) = self.follow(child, &mut hops).filter(|target| self.is_folder(*target)) {
                        self.limitations.push(Limitation::note(
                        "member-through-link",
                        format!("layer {by_layer} {}", entry.path),
                        "stored below a symbolic link; the link was followed inside the image, some engines make a folder instead",
                    ));
                        is_through_link = true;
                        target
                    } else {
                        // a file or a dangling link stands where a folder is needed
                        self.remove(child, by_layer, true);
                        self.imply(slot, name, by_layer, entry)?
                    }
                }
                None => self.imply(slot, name, by_layer, entry)?,
            };
        }
        Some(Folder { slot, is_through_link })
    }

    /// Makes a folder that no member speaks of.
    fn imply(&mut self, folder: u32, name: &[u8], by_layer: u32, entry: &FileEntry) -> Option<u32> {
        self.implied += 1;
        if self.implied > MOST_IMPLIED {
            if self.implied == MOST_IMPLIED + 1 {
                let what = format!(
                    "more than {MOST_IMPLIED} folders are named by no member of their own; files below further ones are left out"
                );
                let place = format!("layer {by_layer}, member {}", crate::escape::escape(entry.path.file_name()));
                self.limitations.push(
                    Limitation::gap("too-many-folders", place, what)
                        .help("no real image has so many: look at it by hand"),
                );
            }
            return None;
        }
        Some(self.insert(folder, name, None))
    }

    fn insert(&mut self, folder: u32, name: &[u8], path: Option<&ImagePath>) -> u32 {
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let known = path.map_or_else(|| Name::Last(name.into()), |path| Name::Path(path.clone()));
        self.slots.push(Slot { node: None, name: known, children: BTreeMap::new(), parent: folder });
        self.slots[folder as usize].children.insert(name.into(), slot);
        slot
    }

    /// Adds one member; false if names may have gone that the caller remembers.
    fn add(&mut self, by_layer: u32, node: Node, entry: &FileEntry, folder: Folder) -> bool {
        let Folder { slot: folder, is_through_link } = folder;
        let name = entry.path.file_name();
        let path = (!is_through_link).then_some(&entry.path);
        let existing = self.slots[folder as usize].children.get(name).copied();
        let node = match &entry.kind {
            FileKind::HardLink(target) => match self.link_source(by_layer, entry, target) {
                Some(node) => node,
                None => return true,
            },
            _ => node,
        };
        let mut kept = true;
        let slot = match existing {
            Some(slot) if entry.kind == FileKind::Directory && self.is_folder(slot) => slot,
            Some(slot) => {
                if self.slots[slot as usize].node == Some(node) {
                    // a hard link of a file to itself
                    return true;
                }
                if let Some(old) = self.slots[slot as usize].node {
                    self.count_repeated(old, by_layer, entry);
                }
                kept = self.slots[slot as usize].children.is_empty();
                self.remove(slot, by_layer, true);
                self.insert(folder, name, path)
            }
            None => self.insert(folder, name, path),
        };
        if let Some(old) = self.slots[slot as usize].node {
            self.count_repeated(old, by_layer, entry);
            self.tell(slot, Event::Gone, old);
            self.release(old, by_layer, true);
        }
        self.slots[slot as usize].node = Some(node);
        self.tell(slot, Event::Came, node);
        self.uses[node.layer as usize][node.member as usize] += 1;
        kept
    }

    /// The specification forbids a name twice in a layer; folders are repeated by many tools all the same.
    fn count_repeated(&mut self, old: Node, by_layer: u32, entry: &FileEntry) {
        let both_folders = entry.kind == FileKind::Directory
            && self.layers[old.layer as usize][old.member as usize].kind == FileKind::Directory;
        if old.layer == by_layer && !both_folders {
            if self.repeated.0 == 0 {
                self.repeated.1 = entry.path.clone();
            }
            self.repeated.0 += 1;
        }
    }

    /// The node a hard link gives a second name to: sought in this layer so far, then below.
    fn link_source(&mut self, by_layer: u32, entry: &FileEntry, target: &ImagePath) -> Option<Node> {
        let found = self.lookup(target).and_then(|slot| self.slots[slot as usize].node);
        let what = match found {
            Some(node) if self.layers[node.layer as usize][node.member as usize].kind != FileKind::Directory => {
                return Some(node);
            }
            Some(_) => "is a folder",
            None => "is not there yet, or not at all",
        };
        self.limitations.push(
            Limitation::gap(
                "hard-link-target-missing",
                format!("layer {by_layer} {}", entry.path),
                format!("a hard link whose target {target} {what}"),
            )
            .help("engines refuse such a layer; rebuild the image"),
        );
        None
    }

    /// Takes a name and all below it away.
    fn remove(&mut self, slot: u32, by_layer: u32, overwritten: bool) {
        let parent = self.slots[slot as usize].parent;
        let name = self.slots[slot as usize].name.clone();
        self.slots[parent as usize].children.remove(name.last());
        let mut stack = vec![(slot, overwritten)];
        while let Some((slot, overwritten)) = stack.pop() {
            if let Some(node) = self.slots[slot as usize].node.take() {
                self.tell(slot, Event::Gone, node);
                self.release(node, by_layer, overwritten);
            }
            let children = std::mem::take(&mut self.slots[slot as usize].children);
            stack.extend(children.into_values().map(|child| (child, false)));
        }
    }

    /// Notes what happens to a name; the path is put together only if somebody asked.
    fn tell(&mut self, slot: u32, event: impl FnOnce(ImagePath, Node) -> Event, node: Node) {
        if let Some(events) = &mut self.events {
            events.push(event(path_of(&self.slots, slot), node));
        }
    }

    fn release(&mut self, node: Node, by_layer: u32, overwritten: bool) {
        let uses = &mut self.uses[node.layer as usize][node.member as usize];
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            self.hidden[node.layer as usize][node.member as usize] = Some(Hidden { by_layer, overwritten });
        }
    }
}

/// A folder that a member goes into.
#[derive(Clone, Copy)]
struct Folder {
    slot: u32,
    /// Whether its real path differs from what members call it.
    is_through_link: bool,
}

/// What a member says about lower layers.
enum Marker<'a> {
    /// Hides this name of its folder.
    Whiteout(&'a [u8]),
    /// Hides all of its folder.
    Opaque,
    /// Bookkeeping of old storage drivers (`.wh..wh.plnk`, `.wh..wh.aufs`).
    Ignored,
    /// `.wh.` and `.wh...`, which would name a folder itself or the one above.
    Invalid,
}

impl<'a> Marker<'a> {
    fn of(entry: &'a FileEntry) -> Option<Self> {
        let name = entry.path.file_name();
        if entry.kind == FileKind::CharacterDevice(0, 0) {
            // overlayfs's own whiteout, left in a layer that was packed from its upper folder
            return Some(Self::Whiteout(name));
        }
        let hidden = name.strip_prefix(b".wh.")?;
        Some(match hidden {
            b"" | b"." | b".." => Self::Invalid,
            b".wh..opq" => Self::Opaque,
            _ if hidden.starts_with(b".wh.") => Self::Ignored,
            _ => Self::Whiteout(hidden),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &str) -> FileEntry {
        FileEntry { kind: FileKind::Directory, ..FileEntry::file(path, 0) }
    }

    fn symlink(path: &str, target: &str) -> FileEntry {
        FileEntry { kind: FileKind::Symlink(target.as_bytes().into()), ..FileEntry::file(path, 0) }
    }

    fn hard_link(path: &str, target: &str) -> FileEntry {
        FileEntry { kind: FileKind::HardLink(target.into()), ..FileEntry::file(path, 0) }
    }

    /// Entries from words: `a/` folder, `a` file, `a -> b` symlink, `a == b` hard link.
    fn layer(words: &[&str]) -> Vec<FileEntry> {
        let entry = |word: &&str| match (word.split_once(" -> "), word.split_once(" == ")) {
            (Some((path, target)), _) => symlink(path, target),
            (_, Some((path, target))) => hard_link(path, target),
            _ if word.ends_with('/') => directory(word),
            _ => FileEntry::file(word, 1),
        };
        words.iter().map(entry).collect()
    }

    /// Live names as `path=layer.member`.
    fn live(layers: &[&[&str]]) -> (Vec<String>, Vec<&'static str>) {
        let (tree, limitations) =
            Tree::union(layers.iter().map(|words| layer(words).into()).collect(), &Limits::default());
        let names = tree.names().map(|(path, node)| format!("{path}={}.{}", node.layer, node.member)).collect();
        (names, limitations.iter().map(|limitation| limitation.code).collect())
    }

    #[test]
    fn layers_are_merged_exactly() {
        type Case =
            (&'static str, &'static [&'static [&'static str]], &'static [&'static str], &'static [&'static str]);
        let cases: &[Case] = &[
            ("a file over a file", &[&["a"], &["a"]], &["/a=1.0"], &[]),
            ("the last of a name wins", &[&["a", "a"]], &["/a=0.1"], &["member-repeated"]),
            ("a whiteout", &[&["d/", "d/a", "d/b"], &["d/.wh.a"]], &["/d=0.0", "/d/b=0.2"], &[]),
            ("a whiteout spares its own layer", &[&["a"], &["a", ".wh.a"]], &["/a=1.0"], &[]),
            ("a whiteout of a folder", &[&["d/", "d/a", "d-b"], &[".wh.d"]], &["/d-b=0.2"], &[]),
            (
                "an opaque folder, marker last",
                &[&["d/", "d/a"], &["d/", "d/b", "d/.wh..wh..opq"]],
                &["/d=1.0", "/d/b=1.1"],
                &[],
            ),
            ("an opaque root", &[&["a", "b/c"], &[".wh..wh..opq", "d"]], &["/d=1.1"], &[]),
            ("bookkeeping of aufs", &[&["a"], &[".wh..wh.plnk", ".wh..wh.aufs"]], &["/a=0.0"], &[]),
            (
                "invalid whiteouts",
                &[&["d/a"], &["d/.wh.", "d/.wh..", "d/.wh..."]],
                &["/d/a=0.0"],
                &["whiteout-invalid"; 3],
            ),
            ("a folder over a folder keeps its content", &[&["d/", "d/a"], &["d/"]], &["/d=1.0", "/d/a=0.1"], &[]),
            ("a link over a folder", &[&["d/", "d/a", "e/"], &["d -> e"]], &["/d=1.0", "/e=0.2"], &[]),
            ("a folder over a link", &[&["e/", "d -> e"], &["d/", "d/x"]], &["/d=1.0", "/d/x=1.1", "/e=0.0"], &[]),
            ("a file over a folder, and back", &[&["d/", "d/a"], &["d"], &["d/", "d/b"]], &["/d=2.0", "/d/b=2.1"], &[]),
            ("a folder nobody lists", &[&["x/y/z"], &["x/.wh.y"]], &[], &[]),
            ("a file where a folder is needed", &[&["x"], &["x/y"]], &["/x/y=1.0"], &[]),
            ("a hard link within a layer", &[&["a", "b == a"]], &["/a=0.0", "/b=0.0"], &[]),
            ("a hard link to a lower layer", &[&["a"], &["b == a", ".wh.a"]], &[], &["hard-link-target-missing"]),
            ("a hard link across layers", &[&["a"], &["b == a"], &[".wh.a"]], &["/b=0.0"], &[]),
            ("a hard link keeps the old content", &[&["a", "b == a"], &["a"]], &["/a=1.0", "/b=0.0"], &[]),
            ("a hard link to nothing", &[&["b == a", "a"]], &["/a=0.1"], &["hard-link-target-missing"]),
            ("a hard link to a folder", &[&["d/", "b == d"]], &["/d=0.0"], &["hard-link-target-missing"]),
            ("a hard link to itself", &[&["a", "a == a"]], &["/a=0.0"], &[]),
            (
                "below a link",
                &[&["e/", "l -> /e"], &["l/x"]],
                &["/e=0.0", "/e/x=1.0", "/l=0.1"],
                &["member-through-link"],
            ),
            (
                "below a link that leads up and out",
                &[&["l -> ../../..", "l/x"]],
                &["/l=0.0", "/x=0.1"],
                &["member-through-link"],
            ),
            ("below a loop", &[&["l -> m", "m -> l", "l/x"]], &["/l/x=0.2", "/m=0.1"], &[]),
            ("a whiteout through a link", &[&["e/", "e/x", "l -> e"], &["l/.wh.x"]], &["/e=0.0", "/l=0.2"], &[]),
            ("empty layers", &[&[], &["a"], &[]], &["/a=1.0"], &[]),
        ];
        for (what, layers, names, codes) in cases {
            let (live, limitations) = live(layers);
            assert_eq!(
                (live.as_slice(), limitations.as_slice()),
                (names.map_to_strings().as_slice(), *codes),
                "{what}"
            );
        }
    }

    trait MapToStrings {
        fn map_to_strings(&self) -> Vec<String>;
    }

    impl MapToStrings for &[&str] {
        fn map_to_strings(&self) -> Vec<String> {
            self.iter().map(|&name| name.to_owned()).collect()
        }
    }

    #[test]
    fn overlay_whiteouts_hide_the_file_below() {
        let device = FileEntry { kind: FileKind::CharacterDevice(0, 0), ..FileEntry::file("a", 0) };
        let (tree, _) = Tree::union(vec![layer(&["a"]).into(), vec![device].into()], &Limits::default());
        assert_eq!(tree.names().len(), 0);
    }

    #[test]
    fn hidden_nodes_know_who_hid_them() {
        let layers = [layer(&["a", "b", "c", "d == c"]), layer(&["a", ".wh.b", ".wh.c"]), layer(&[".wh.d"])];
        let (tree, _) = Tree::union(layers.map(Members::from).into(), &Limits::default());
        let hidden =
            |member| tree.hidden(Node { layer: 0, member }).map(|hidden| (hidden.by_layer, hidden.overwritten));
        assert_eq!(hidden(0), Some((1, true)));
        assert_eq!(hidden(1), Some((1, false)));
        assert_eq!(hidden(2), Some((2, false)), "the second name kept it until layer 2");
        assert_eq!(tree.hidden(Node { layer: 1, member: 0 }), None);
        assert!(tree.is_live(Node { layer: 1, member: 0 }) && !tree.is_live(Node { layer: 0, member: 2 }));
    }
}

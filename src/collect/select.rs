//! Selectors: which files a collector wants, as data.

use std::collections::{BTreeMap, HashMap};

use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::tree::{FileEntry, FileKind, Node, Tree};

use super::linked::{Linked, MOST_LINKED};

/// One wish of a collector. Paths are without a leading `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// This very file, also when links lead there.
    Path(&'static str),
    /// Every file directly in this folder (links followed) whose name ends so; `""` takes all.
    Under(&'static str, &'static str),
    /// Every file directly in a folder of this name, wherever that is, whose own name ends so.
    In(&'static str, &'static str),
    /// Every file of this name, in any folder.
    Name(&'static str),
    /// Every file whose name begins so, in any folder; at least two bytes: `libssl.so`, `python3`. Links only where
    /// what follows is a version: `python3.11`.
    Prefix(&'static str),
    /// Every file whose path ends so: `.dist-info/METADATA`, `.gemspec`. Matched on the whole path,
    /// with a `/` put before it.
    Suffix(&'static str),
    /// Every regular file of every layer, live or not, that begins so: `b"\x7fELF"`. At most [`HEAD`] bytes.
    Magic(&'static [u8]),
    /// The same for what stands at an offset: `(257, b"ustar")`. It ends within the first [`HEAD`] bytes.
    MagicAt(usize, &'static [u8]),
    /// Every regular file of every layer, live or not, that has no NUL in its first [`HEAD`] bytes.
    Text,
    /// Every regular file of every layer, live or not, that runs with other rights than its caller's: with the setuid
    /// or setgid bit, or capabilities.
    Privileged,
    /// Every regular file, live or not, that its layer holds at this path. Links are not followed for it.
    Member(&'static str),
    /// Every regular file of every layer, live or not. Links are not followed for it.
    Everything,
}

/// Bytes at the start of a file by which [`Select::Magic`] and [`Select::Text`] judge it.
pub const HEAD: usize = 512;

/// A set of collectors, by index in the registration. At most 128 collectors can be registered.
pub type Mask = u128;

/// The selectors of all collectors, compiled: a look-up or two for a path, however many collectors there are.
#[derive(Debug, Default)]
pub struct Selectors {
    everything: Mask,
    privileged: Mask,
    members: Words<Mask>,
    text: Mask,
    /// By their first byte.
    magics: BTreeMap<u8, Vec<(&'static [u8], Mask)>>,
    /// Those that stand further behind, with where.
    later: Vec<(usize, &'static [u8], Mask)>,
    paths: Words<Mask>,
    names: Words<Mask>,
    folders: Words<Vec<(&'static [u8], Mask)>>,
    /// By the name of the folder.
    folder_names: Words<Vec<(&'static [u8], Mask)>>,
    /// By their first two bytes.
    prefixes: Words<Vec<(&'static [u8], Mask)>>,
    /// By their last two bytes.
    suffixes: Words<Vec<(&'static [u8], Mask)>>,
    /// Wishes that links may lead to, by collector.
    linked: Vec<(Select, Mask)>,
}

impl Selectors {
    /// Compiles the selectors of collectors, given in order of registration.
    pub fn new<'a>(collectors: impl IntoIterator<Item = &'a [Select]>) -> Self {
        let mut compiled = Self::default();
        for (index, selects) in collectors.into_iter().enumerate() {
            let mask: Mask = 1 << index;
            for select in selects {
                match *select {
                    Select::Path(path) => *compiled.paths.entry(path.as_bytes()) |= mask,
                    Select::Under(folder, suffix) => {
                        compiled.folders.entry(folder.as_bytes()).push((suffix.as_bytes(), mask));
                    }
                    Select::In(folder, suffix) => {
                        compiled.folder_names.entry(folder.as_bytes()).push((suffix.as_bytes(), mask));
                    }
                    Select::Name(name) => *compiled.names.entry(name.as_bytes()) |= mask,
                    Select::Prefix(prefix) => {
                        let prefix = prefix.as_bytes();
                        compiled.prefixes.entry(first_two(prefix)).push((prefix, mask));
                    }
                    Select::Suffix(suffix) => {
                        let suffix = suffix.as_bytes();
                        compiled.suffixes.entry(last_two(suffix)).push((suffix, mask));
                    }
                    Select::Magic(magic) => {
                        let first = magic.first().copied().unwrap_or_default();
                        compiled.magics.entry(first).or_default().push((magic, mask));
                    }
                    Select::MagicAt(at, magic) => compiled.later.push((at, magic, mask)),
                    Select::Text => compiled.text |= mask,
                    Select::Member(path) => *compiled.members.entry(path.as_bytes()) |= mask,
                    Select::Privileged => compiled.privileged |= mask,
                    Select::Everything => compiled.everything |= mask,
                }
                if matches!(select, Select::Path(_) | Select::Under(..)) {
                    compiled.linked.push((*select, mask));
                }
            }
        }
        compiled
    }

    /// The collectors that want every file.
    pub fn everything(&self) -> Mask {
        self.everything
    }

    /// The collectors that want a file for what its layer says of it: its place there, or the rights it runs with.
    pub fn by_member(&self, entry: &FileEntry) -> Mask {
        let is_privileged = entry.mode & 0o6000 != 0 || entry.capabilities.is_some();
        let of_path = self.members.get(entry.path.as_bytes()).copied().unwrap_or_default();
        if is_privileged { of_path | self.privileged } else { of_path }
    }

    /// The collectors that want a file for how it begins; `head` gives its first bytes, and is asked
    /// only if some collector judges by them.
    pub fn by_head<'a>(&self, head: impl FnOnce() -> &'a [u8]) -> Mask {
        if self.magics.is_empty() && self.later.is_empty() && self.text == 0 {
            return 0;
        }
        let head = head();
        let text = if self.text == 0 || head.contains(&0) { 0 } else { self.text };
        let is_there = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let first = head.first().and_then(|first| self.magics.get(first)).into_iter().flatten();
        let all = first.filter(|(magic, _)| head.starts_with(magic)).fold(text, |all, (_, mask)| all | mask);
        self.later.iter().filter(|(at, magic, _)| is_there(*at, magic)).fold(all, |all, (_, _, mask)| all | mask)
    }

    /// The collectors that want the file of this name, [`everything`](Self::everything) not counted.
    pub fn by_name(&self, path: &ImagePath) -> Mask {
        self.by_whole_name(path) | self.by_prefix(path, |_| true)
    }

    /// The collectors that want the file whose name begins so, if what follows is as they like it.
    fn by_prefix(&self, path: &ImagePath, is_liked: impl Fn(&[u8]) -> bool) -> Mask {
        let name = path.file_name();
        let wishes = self.prefixes.get(first_two(name)).into_iter().flatten();
        let wanted = wishes.filter(|(prefix, _)| name.strip_prefix(*prefix).is_some_and(&is_liked));
        wanted.fold(0, |mask, (_, wish)| mask | wish)
    }

    /// The collectors that want the file for its name or path, but for how the name begins.
    fn by_whole_name(&self, path: &ImagePath) -> Mask {
        let bytes = path.as_bytes();
        let mut mask = self.paths.get(bytes).copied().unwrap_or_default();
        let name = path.file_name();
        mask |= self.names.get(name).copied().unwrap_or_default();
        let folder = path.parent_bytes();
        let folder_name = folder.rsplit(|b| *b == b'/').next().unwrap_or_default();
        for wishes in [self.folders.get(folder), self.folder_names.get(folder_name)].into_iter().flatten() {
            for (suffix, wish) in wishes {
                if name.ends_with(suffix) {
                    mask |= wish;
                }
            }
        }
        if let Some(wishes) = self.suffixes.get(last_two(bytes)) {
            for (suffix, wish) in wishes {
                if bytes.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(bytes) {
                    mask |= wish;
                }
            }
        }
        mask
    }

    /// The files and folders that are wanted by their whole path, to which links may lead.
    pub fn wished_paths(&self) -> impl Iterator<Item = ImagePath> {
        self.linked.iter().filter_map(|(select, _)| match *select {
            Select::Path(path) | Select::Under(path, _) => Some(path.into()),
            _ => None,
        })
    }

    /// For each of `count` collectors the live names it selects and the files they lead to, links
    /// followed; sorted, and unique.
    ///
    /// A file that a link makes a selected one is listed under the selected name. With them a
    /// limitation, if there are more such links than are followed.
    pub fn live(&self, tree: &Tree, count: usize) -> (Vec<Vec<(ImagePath, Node)>>, Option<Limitation>) {
        let mut selected: Vec<Vec<(ImagePath, Node)>> = vec![Vec::new(); count];
        let mut add = |path: &ImagePath, mask: Mask, node: Node| {
            let node = match tree.entry(node).kind {
                FileKind::File => Some(node),
                FileKind::Symlink(_) => {
                    tree.resolve(path).map(|(_, node)| node).filter(|node| tree.entry(*node).is_file())
                }
                _ => None,
            };
            let Some(node) = node else { return };
            for (index, list) in selected.iter_mut().enumerate() {
                if mask & (1 << index) != 0 {
                    list.push((path.clone(), node));
                }
            }
        };
        let mut linked = Linked::new(tree, MOST_LINKED);
        for (path, node) in tree.names() {
            let is_link = matches!(tree.entry(node).kind, FileKind::Symlink(_));
            // many a link to a script has a name that begins like a program's, and each would cost a second look
            let is_followed = |rest: &[u8]| !is_link || rest.iter().all(|b| b.is_ascii_digit() || *b == b'.');
            let mask = self.by_whole_name(path) | self.by_prefix(path, is_followed);
            if mask != 0 {
                add(path, mask, node);
            }
            if is_link && Linked::is_place(path) {
                linked.follow(path);
            }
        }
        for (path, node) in &linked.names {
            add(path, self.by_name(path), *node);
        }
        for (wish, mask) in &self.linked {
            match *wish {
                Select::Path(path) => {
                    let path = ImagePath::from(path);
                    if let Some((_, node)) = tree.resolve(&path) {
                        add(&path, *mask, node);
                    }
                }
                Select::Under(folder, suffix) => {
                    let folder = ImagePath::from(folder);
                    let Some(real) = tree.resolve_folder(&folder).filter(|real| *real != folder) else { continue };
                    for (path, node) in tree.children(&real) {
                        if path.file_name().ends_with(suffix.as_bytes()) {
                            let node = tree.resolve(&path).map_or(node, |(_, node)| node);
                            add(&folder.join(path.file_name()), *mask, node);
                        }
                    }
                }
                _ => {}
            }
        }
        for list in &mut selected {
            list.sort_unstable();
            list.dedup();
        }
        let cut = linked.is_cut().then(|| {
            let what = format!(
                "more than {MOST_LINKED} files lie in folders of packages that only links name; the rest was not listed"
            );
            Limitation::gap("too-many-links", "", what).help("no real image has so many: look at it by hand")
        });
        (selected, cut)
    }
}

/// What collectors wish for, by a word.
///
/// Nearly all names of an image match none. Most of these are told by their length and their first and last byte, without
/// a hash; the hash is one with a secret all the same.
#[derive(Debug)]
struct Words<T> {
    by_word: HashMap<&'static [u8], T>,
    /// For each [`mark`] whether some word has it.
    marks: [bool; MARKS],
}

const MARKS: usize = 1024;

fn mark(word: &[u8]) -> usize {
    let (first, last) = (word.first().copied().unwrap_or_default(), word.last().copied().unwrap_or_default());
    (word.len() * 67 + usize::from(first) * 37 + usize::from(last) * 17) % MARKS
}

impl<T> Default for Words<T> {
    fn default() -> Self {
        Self { by_word: HashMap::new(), marks: [false; MARKS] }
    }
}

impl<T: Default> Words<T> {
    fn entry(&mut self, word: &'static [u8]) -> &mut T {
        self.marks[mark(word)] = true;
        self.by_word.entry(word).or_default()
    }

    fn get(&self, word: &[u8]) -> Option<&T> {
        if self.marks[mark(word)] { self.by_word.get(word) } else { None }
    }
}

fn first_two(bytes: &[u8]) -> &[u8] {
    bytes.get(..2).unwrap_or_default()
}

fn last_two(bytes: &[u8]) -> &[u8] {
    bytes.last_chunk::<2>().map_or(&[], |two| two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limits;

    const FIRST: &[Select] = &[Select::Path("var/lib/dpkg/status"), Select::Under("var/lib/dpkg/status.d", "")];
    const SECOND: &[Select] =
        &[Select::Name("package.json"), Select::Suffix(".dist-info/METADATA"), Select::Suffix("/apk/db")];
    const THIRD: &[Select] = &[Select::In("conda-meta", ".json"), Select::Prefix("libssl.so")];

    #[test]
    fn names_are_selected_by_look_up() {
        let selectors = Selectors::new([FIRST, SECOND, &[Select::Everything], THIRD]);
        let cases = [
            ("var/lib/dpkg/status", 0b01),
            ("x/var/lib/dpkg/status", 0),
            ("var/lib/dpkg/status.d/base", 0b01),
            ("var/lib/dpkg/status.d/a/b", 0),
            ("package.json", 0b10),
            ("a/b/package.json", 0b10),
            ("a/xpackage.json", 0),
            ("usr/lib/python3/x-1.dist-info/METADATA", 0b10),
            ("apk/db", 0b10),
            ("A", 0),
            ("opt/conda/conda-meta/a.json", 0b1000),
            ("conda-meta/a.json", 0b1000),
            ("opt/conda/conda-meta/history", 0),
            ("opt/conda-meta/x/a.json", 0),
            ("opt/xconda-meta/a.json", 0),
            ("libssl.so", 0b1000),
            ("usr/lib/libssl.so.3", 0b1000),
            ("usr/libssl.so/a", 0),
            ("usr/lib/libssl", 0),
            ("usr/lib/xlibssl.so", 0),
        ];
        for (path, mask) in cases {
            assert_eq!(selectors.by_name(&path.into()), mask, "{path}");
        }
        assert_eq!(selectors.everything(), 0b100);
    }

    #[test]
    fn files_are_selected_by_how_they_begin() {
        let selectors = Selectors::new([&[Select::Magic(b"\x7fELF")][..], &[Select::Text]]);
        let cases: &[(&[u8], Mask)] =
            &[(b"\x7fELF\x02\0", 0b01), (b"\x7fELF", 0b11), (b"#!/bin/sh\n", 0b10), (b"a\0b", 0), (b"", 0b10)];
        for (head, mask) in cases {
            assert_eq!(selectors.by_head(|| head), *mask, "{head:?}");
        }
        let selectors = Selectors::new([FIRST]);
        assert_eq!(selectors.by_head(|| unreachable!("nobody judges by content")), 0);
    }

    #[test]
    fn files_are_selected_by_their_rights_and_place() {
        let selectors = Selectors::new([FIRST, &[Select::Privileged, Select::Member("bin/su")]]);
        assert_eq!(selectors.by_member(&FileEntry::file("bin/su", 1)), 0b10);
        assert_eq!(selectors.by_name(&"bin/su".into()), 0, "no link leads there");
        for (mode, mask) in [(0o755, 0), (0o1777, 0), (0o4755, 0b10), (0o2711, 0b10)] {
            assert_eq!(selectors.by_member(&FileEntry { mode, ..FileEntry::file("a", 1) }), mask, "{mode:o}");
        }
        let capabilities = Some(Box::default());
        assert_eq!(selectors.by_member(&FileEntry { capabilities, ..FileEntry::file("a", 1) }), 0b10);
    }

    #[test]
    fn live_names_are_selected_through_links() {
        let link = |path: &str, target: &str| FileEntry {
            kind: FileKind::Symlink(target.as_bytes().into()),
            ..FileEntry::file(path, 0)
        };
        let hard = |path: &str, target: &str| FileEntry {
            kind: FileKind::HardLink(target.into()),
            ..FileEntry::file(path, 0)
        };
        let layer = vec![
            FileEntry::file("real/status", 1),
            FileEntry::file("real/status.d/base", 1),
            link("var/lib/dpkg", "/real"),
            FileEntry::file("store/0a", 1),
            hard("app/package.json", "store/0a"),
            link("app/x/package.json", "../../nowhere"),
            FileEntry::file("deps/a/package.json", 1),
            link("srv/node_modules", "../deps"),
        ];
        let (tree, _) = Tree::union(vec![layer.into()], &Limits::default());
        let (selected, cut) = Selectors::new([FIRST, SECOND]).live(&tree, 2);
        assert_eq!(cut, None);
        let shown: Vec<Vec<String>> = selected
            .iter()
            .map(|list| list.iter().map(|(path, node)| format!("{path}={}", node.member)).collect())
            .collect();
        assert_eq!(
            shown,
            [
                vec!["/var/lib/dpkg/status=0", "/var/lib/dpkg/status.d/base=1"],
                vec!["/app/package.json=3", "/deps/a/package.json=6", "/srv/node_modules/a/package.json=6"],
            ]
        );
    }
}

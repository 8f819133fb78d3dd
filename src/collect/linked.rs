//! Folders of packages that only a symbolic link names: `app/node_modules -> /deps`, `npm link`; and `.ssh` of homes.
//!
//! Selectors match names, and the files below such a folder are stored under names that say
//! nothing. Only links are followed whose name makes a folder one of packages; following every
//! link to a folder would list a whole system twice (`/lib -> usr/lib`).

use crate::path::ImagePath;
use crate::tree::{Node, Tree};

/// Most names that are looked at below such links, for one image. Real images stay below a hundredth of it.
pub(super) const MOST_LINKED: usize = 500_000;

/// What the name of a folder makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `node_modules`: folders of packages and of scopes.
    Modules,
    /// `node_modules/@scope`: folders of packages.
    Scope,
    /// `node_modules/name`, `node_modules/@scope/name`: the files of a package.
    Package,
    /// `name.dist-info`, `name.egg-info`: the files that describe a Python distribution; `.ssh`: those that let people in.
    Info,
}

impl Place {
    fn of(folder: &ImagePath) -> Option<Self> {
        let name = folder.file_name();
        if name == MODULES {
            return Some(Self::Modules);
        }
        if name.ends_with(b".dist-info") || name.ends_with(b".egg-info") || name == b".ssh" {
            return Some(Self::Info);
        }
        let mut above = folder.components().rev().skip(1);
        let parent = above.next()?;
        // where Debian puts what `require` finds
        let holds_packages = |name: &[u8]| name == MODULES || name == b"nodejs" && folder.is_under(b"usr");
        if holds_packages(parent) {
            return Some(if name.starts_with(b"@") { Self::Scope } else { Self::Package });
        }
        (parent.starts_with(b"@") && above.next().is_some_and(holds_packages)).then_some(Self::Package)
    }

    /// What a folder of this name directly below is.
    fn below(self, name: &[u8]) -> Option<Self> {
        match self {
            // its own names tell what is below
            Self::Modules | Self::Scope if name == MODULES => None,
            Self::Modules if name.starts_with(b"@") => Some(Self::Scope),
            Self::Modules | Self::Scope => Some(Self::Package),
            Self::Package | Self::Info => None,
        }
    }
}

const MODULES: &[u8] = b"node_modules";

/// Lists files under the names that links to folders give them.
pub(super) struct Linked<'a> {
    tree: &'a Tree,
    most: usize,
    /// The names and nodes below links, as far as they were asked for.
    pub(super) names: Vec<(ImagePath, Node)>,
    /// Names looked at.
    looked_at: usize,
}

impl<'a> Linked<'a> {
    pub(super) fn new(tree: &'a Tree, most: usize) -> Self {
        Self { tree, most, names: Vec::new(), looked_at: 0 }
    }

    /// Whether there was more than is looked at.
    pub(super) fn is_cut(&self) -> bool {
        self.looked_at > self.most
    }

    /// Whether the name of `path` is one that makes a folder one of packages.
    pub(super) fn is_place(path: &ImagePath) -> bool {
        Place::of(path).is_some()
    }

    /// Adds what is below `link`, if it leads to a folder whose own name does not say the same.
    pub(super) fn follow(&mut self, link: &ImagePath) {
        if let Some(place) = Place::of(link) {
            self.folder(link, link, place);
        }
    }

    /// Lists the folder to which `path` leads under the name `alias`. Goes down two folders at most,
    /// as there is no place below a package's.
    fn folder(&mut self, path: &ImagePath, alias: &ImagePath, place: Place) {
        let Some(real) = self.tree.resolve_folder(path).filter(|real| Place::of(real) != Some(place)) else { return };
        let tree = self.tree;
        for (name, node) in tree.names_in(&real) {
            self.looked_at = self.looked_at.saturating_add(1);
            if self.is_cut() {
                return;
            }
            let (path, alias) = (real.join(name), alias.join(name));
            match (place.below(name), node) {
                (Some(place), _) => self.folder(&path, &alias, place),
                (None, Some(node)) => self.names.push((alias, node)),
                (None, None) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limits;
    use crate::tree::{FileEntry, FileKind};

    fn tree(files: &[(&str, Option<&str>)]) -> Tree {
        let entry = |(path, link): &(&str, Option<&str>)| {
            let file = FileEntry::file(path, 1);
            match link {
                Some(target) => FileEntry { kind: FileKind::Symlink(target.as_bytes().into()), ..file },
                None => file,
            }
        };
        Tree::union(vec![files.iter().map(entry).collect()], &Limits::default()).0
    }

    fn follow(tree: &Tree, link: &str, most: usize) -> (Vec<String>, bool) {
        let mut linked = Linked::new(tree, most);
        linked.follow(&link.into());
        (linked.names.iter().map(|(path, _)| path.to_string()).collect(), linked.is_cut())
    }

    #[test]
    fn only_folders_whose_own_name_says_less_are_listed() {
        let tree = tree(&[
            ("deps/a/package.json", None),
            ("deps/a/lib/x.js", None),
            ("deps/@s/b/package.json", None),
            ("deps/c", Some("/src/c")),
            ("deps/d", Some("/store/node_modules/d")),
            ("deps/round", Some("/deps")),
            ("deps/node_modules/own/package.json", None),
            ("src/c/package.json", None),
            ("store/node_modules/d/package.json", None),
            ("usr/share/nodejs/e/package.json", None),
            ("meta/six/METADATA", None),
            ("a/node_modules", Some("/deps")),
            ("b/node_modules/c", Some("/src/c")),
            ("b/node_modules/d", Some("/store/node_modules/d")),
            ("b/node_modules/@s", Some("/deps/@s")),
            ("b/node_modules/e", Some("/usr/share/nodejs/e")),
            ("b/node_modules/gone", Some("/nowhere")),
            ("b/node_modules/self", Some("self")),
            ("c/node_modules", Some("/store/node_modules")),
            ("six-1.dist-info", Some("meta/six")),
            ("lib", Some("deps")),
            ("keys/authorized_keys", None),
            ("home/app/.ssh", Some("/keys")),
        ]);
        let cases: &[(&str, &[&str])] = &[
            (
                "a/node_modules",
                &[
                    "/a/node_modules/@s/b/package.json",
                    "/a/node_modules/a/package.json",
                    "/a/node_modules/c/package.json",
                    // a loop is gone round once
                    "/a/node_modules/round/c",
                    "/a/node_modules/round/d",
                    "/a/node_modules/round/round",
                ],
            ),
            ("b/node_modules/c", &["/b/node_modules/c/package.json"]),
            ("b/node_modules/@s", &["/b/node_modules/@s/b/package.json"]),
            ("six-1.dist-info", &["/six-1.dist-info/METADATA"]),
            ("b/node_modules/d", &[]),
            ("b/node_modules/e", &[]),
            ("b/node_modules/gone", &[]),
            ("b/node_modules/self", &[]),
            ("c/node_modules", &[]),
            ("lib", &[]),
            ("home/app/.ssh", &["/home/app/.ssh/authorized_keys"]),
        ];
        for (link, expected) in cases {
            let (names, is_cut) = follow(&tree, link, MOST_LINKED);
            assert_eq!(names, *expected, "{link}");
            assert!(!is_cut);
        }
    }

    #[test]
    fn names_below_links_are_capped() {
        let tree = tree(&[("x/1", None), ("x/2", None), ("x/3", None), ("a.dist-info", Some("x"))]);
        assert_eq!(
            follow(&tree, "a.dist-info", 3),
            (vec!["/a.dist-info/1".into(), "/a.dist-info/2".into(), "/a.dist-info/3".into()], false)
        );
        assert_eq!(follow(&tree, "a.dist-info", 2).0.len(), 2);
        assert!(follow(&tree, "a.dist-info", 2).1);
    }
}

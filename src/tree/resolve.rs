//! Follows symbolic links inside the image, never outside it.

use crate::path::ImagePath;

use super::union::{ROOT, path_of};
use super::{FileKind, Node, Tree};

/// More links than are followed.
struct TooDeep;

impl Tree {
    /// Follows all links of `path`, clamped at the root, at most [`crate::limit::Limits::link_hops`]
    /// of them: the real path, and the node it names.
    ///
    /// `None` for the root, for folders no layer has a member for, dangling links and loops.
    pub fn resolve(&self, path: &ImagePath) -> Option<(ImagePath, Node)> {
        let slot = self.resolve_slot(path)?;
        Some((path_of(&self.slots, slot), self.slots[slot as usize].node?))
    }

    /// The real path of a folder, also of one that no layer has a member for.
    pub fn resolve_folder(&self, path: &ImagePath) -> Option<ImagePath> {
        Some(path_of(&self.slots, self.resolve_slot(path)?))
    }

    /// The same for one that may be nowhere in the merged image, and then stands for itself.
    pub fn real_folder(&self, path: &ImagePath) -> ImagePath {
        self.resolve_folder(path).unwrap_or_else(|| path.clone())
    }

    /// A path with the links of its folders followed, as far as the merged image has them; its last component is not.
    pub fn real(&self, path: &ImagePath) -> ImagePath {
        self.real_folder(&path.parent()).join(path.file_name())
    }

    /// Whether `path` leads through more links than are followed, or round in a loop.
    pub fn is_too_deep(&self, path: &ImagePath) -> bool {
        matches!(self.walk(path), Err(TooDeep))
    }

    fn resolve_slot(&self, path: &ImagePath) -> Option<u32> {
        self.walk(path).ok().flatten()
    }

    fn walk(&self, path: &ImagePath) -> Result<Option<u32>, TooDeep> {
        if self.slots.is_empty() {
            return Ok(None);
        }
        let mut hops = 0;
        // what is still to be walked, the next component last
        let mut rest: Vec<&[u8]> = path.components().rev().collect();
        let mut at = ROOT;
        while let Some(name) = rest.pop() {
            if name == b".." {
                at = self.slots[at as usize].parent;
                continue;
            }
            let Some(child) = self.slots[at as usize].children.get(name).copied() else { return Ok(None) };
            let Some(target) = self.link_target(child) else {
                at = child;
                continue;
            };
            hops += 1;
            // the second bound keeps doubling links from filling memory
            if hops > self.link_hops || rest.len() > 8192 {
                return Err(TooDeep);
            }
            if target.first() == Some(&b'/') {
                at = ROOT;
            }
            rest.extend(target.split(|b| *b == b'/').rev().filter(|part| !part.is_empty() && *part != b"."));
        }
        Ok(Some(at))
    }

    fn link_target(&self, slot: u32) -> Option<&[u8]> {
        match &self.entry(self.slots[slot as usize].node?).kind {
            FileKind::Symlink(target) => Some(target),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileEntry;
    use super::*;
    use crate::limit::Limits;

    #[test]
    fn links_are_followed_inside_the_image() {
        let links = [
            ("lib", "usr/lib"),
            ("up", "../../../../etc/passwd"),
            ("abs", "/usr/lib/x"),
            ("loop1", "loop2"),
            ("loop2", "loop1"),
            ("usr/rel", "../lib/x"),
            ("dangling", "nowhere"),
            ("chain", "abs"),
        ];
        let mut layer: Vec<FileEntry> = vec![FileEntry::file("usr/lib/x", 1), FileEntry::file("etc/passwd", 1)];
        layer.extend(links.map(|(path, target)| FileEntry {
            kind: FileKind::Symlink(target.as_bytes().into()),
            ..FileEntry::file(path, 0)
        }));
        let (tree, _) = Tree::union(vec![layer.into()], &Limits::default());
        let cases = [
            ("lib/x", Some("/usr/lib/x")),
            ("up", Some("/etc/passwd")),
            ("abs", Some("/usr/lib/x")),
            ("chain", Some("/usr/lib/x")),
            ("usr/rel", Some("/usr/lib/x")),
            ("loop1", None),
            ("dangling", None),
            ("lib/x/y", None),
        ];
        for (path, expected) in cases {
            let resolved = tree.resolve(&path.into()).map(|(path, _)| path.to_string());
            assert_eq!(resolved.as_deref(), expected, "{path}");
        }
        assert!(tree.is_too_deep(&"loop1".into()) && !tree.is_too_deep(&"dangling".into()));
        assert_eq!(tree.resolve_folder(&"lib".into()), Some("usr/lib".into()));
    }
}

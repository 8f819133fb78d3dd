//! What a layer does to names: which came, went, or lead to something else since (image-spec layer.md, Change Types).

use std::collections::BTreeMap;

use crate::path::ImagePath;

use super::Node;

/// What one layer did to one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name; below a symbolic link, where that leads.
    pub path: ImagePath,
    /// What it led to before the layer.
    pub before: Option<Node>,
    /// What it leads to after the layer.
    pub after: Option<Node>,
}

/// One step while a layer is applied.
#[derive(Debug)]
pub(super) enum Event {
    /// The name no longer leads to the node.
    Gone(ImagePath, Node),
    /// The name leads to the node.
    Came(ImagePath, Node),
}

/// Sums up the steps of a layer, sorted by path. What came and went within the layer is left out.
pub(super) fn fold(events: Vec<Event>) -> Vec<Change> {
    let mut names: BTreeMap<ImagePath, (Option<Node>, Option<Node>)> = BTreeMap::new();
    for event in events {
        match event {
            Event::Gone(path, node) => names.entry(path).or_insert((Some(node), None)).1 = None,
            Event::Came(path, node) => names.entry(path).or_insert((None, None)).1 = Some(node),
        }
    }
    let changed = names.into_iter().filter(|(_, (before, after))| before != after);
    changed.map(|(path, (before, after))| Change { path, before, after }).collect()
}

#[cfg(test)]
mod tests {
    use crate::limit::Limits;
    use crate::tree::{FileEntry, FileKind, Tree};

    /// `+ /a` for a name that came, `-` for one that went, `~` for one that leads to something else, by layer.
    fn changes(layers: &[&[&str]]) -> Vec<String> {
        let entry = |word: &&str| match word.split_once(" == ") {
            Some((path, target)) => FileEntry { kind: FileKind::HardLink(target.into()), ..FileEntry::file(path, 0) },
            None if word.ends_with('/') => FileEntry { kind: FileKind::Directory, ..FileEntry::file(word, 0) },
            None => FileEntry::file(word, 1),
        };
        let layers = layers.iter().map(|words| words.iter().map(entry).collect()).collect();
        let (tree, _) = Tree::union(layers, &Limits::default());
        let shown = |changes: Vec<super::Change>| {
            let words: Vec<String> = changes
                .iter()
                .map(|change| {
                    let sign = match (change.before, change.after) {
                        (None, _) => '+',
                        (_, None) => '-',
                        _ => '~',
                    };
                    format!("{sign}{}", change.path)
                })
                .collect();
            words.join(" ")
        };
        tree.changes().into_iter().map(shown).collect()
    }

    #[test]
    fn changes_are_told_by_name() {
        type Case = (&'static str, &'static [&'static [&'static str]], &'static [&'static str]);
        let cases: &[Case] = &[
            ("a file changed and one deleted", &[&["a", "b"], &["a", ".wh.b", "c"]], &["+/a +/b", "~/a -/b +/c"]),
            (
                "a folder deleted",
                &[&["d/", "d/a", "d/e/", "d/e/f"], &[".wh.d"]],
                &["+/d +/d/a +/d/e +/d/e/f", "-/d -/d/a -/d/e -/d/e/f"],
            ),
            (
                "an opaque folder, one file made anew",
                &[&["d/", "d/a", "d/b"], &["d/", "d/a", "d/.wh..wh..opq"]],
                &["+/d +/d/a +/d/b", "~/d ~/d/a -/d/b"],
            ),
            ("a name twice in a layer", &[&["a", "a"]], &["+/a"]),
            ("a whiteout of nothing", &[&["a"], &[".wh.b"]], &["+/a", ""]),
            ("a hard link to a lower layer", &[&["a"], &["b == a"]], &["+/a", "+/b"]),
            ("a folder that becomes a file", &[&["d/", "d/a"], &["d"]], &["+/d +/d/a", "~/d -/d/a"]),
        ];
        for (what, layers, expected) in cases {
            assert_eq!(changes(layers), *expected, "{what}");
        }
    }
}

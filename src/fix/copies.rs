//! What is found once more in copies of files: a file of the base whose mode or lines change has a copy in the layer on top, and
//! the base's own stays as it is.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Location};
use crate::path::ImagePath;
use crate::rebuild::{Edit, Edits};
use crate::tree::Tree;

use super::verify::{Key, file_and_rest, key};

/// What stays of what was found in files that the layer on top has copies of: it is found there once more.
pub(super) struct Copies<'t> {
    /// Index of the layer on top, where there is one.
    top: Option<u32>,
    /// Names of what is copied, by its layer: how many copies there are.
    files: BTreeMap<(u32, &'t ImagePath), i64>,
    /// Layers of the output with files that something on top takes the place of.
    hidden: BTreeSet<u32>,
    left: BTreeMap<Key<'t>, i64>,
}

impl<'t> Copies<'t> {
    /// Of the edits of an image; `layers` are those of the output, by what they were in the input.
    pub(super) fn of(tree: &'t Tree, edits: &Edits, layers: &[u32]) -> Self {
        let is_any = edits.0.iter().any(Edit::is_on_top);
        let top = layers.len().checked_sub(1).and_then(|top| u32::try_from(top).ok()).filter(|_| is_any);
        let mut files: BTreeMap<(u32, &ImagePath), i64> = BTreeMap::new();
        let mut hidden = BTreeSet::new();
        for edit in &edits.0 {
            let Edit::AddFile { path, content, .. } = edit else { continue };
            let below = tree.get(&path.as_str().into()).map(|node| node.layer);
            let place = below.and_then(|below| layers.iter().position(|layer| *layer == below));
            hidden.extend(place.and_then(|place| u32::try_from(place).ok()));
            let Some(member) = content.member() else { continue };
            let node = member.node();
            let names: BTreeSet<&ImagePath> = tree.names_of(node).chain([&tree.entry(node).path]).collect();
            for name in names {
                let count = files.entry((member.layer, name)).or_default();
                *count = count.saturating_add(1);
            }
        }
        Self { top, files, hidden, left: BTreeMap::new() }
    }

    /// Takes note of a finding of the input that nothing mends.
    pub(super) fn add(&mut self, finding: &'t Finding, names: &Tree) {
        let Location::File { path, layer, .. } = &finding.location else { return };
        if self.files.is_empty() {
            return;
        }
        let file = file_and_rest(path, names).0;
        // of a folder it is told once
        let of_folder = || {
            let mut own = self.files.keys().filter(|(of, _)| of == layer);
            i64::from(own.any(|(_, name)| name.is_under(path.as_bytes())))
        };
        let count = self.files.get(&(*layer, &file)).copied().unwrap_or_else(of_folder);
        if count > 0 {
            let left = self.left.entry(key(finding, names, None)).or_default();
            *left = left.saturating_add(count);
        }
    }

    /// Whether a finding says what a layer ships unseen, and the copies hide files of it: the plan tells of that.
    pub(super) fn hide(&self, finding: &Finding) -> bool {
        finding.rule.id == "layer/wasted-space" && finding.layer().is_some_and(|layer| self.hidden.contains(&layer))
    }

    /// Whether a finding of the output is one of these.
    pub(super) fn take(&mut self, finding: &Finding, key: &Key<'t>) -> bool {
        let is_on_top = matches!(&finding.location, Location::File { layer, .. } if Some(*layer) == self.top);
        let Some(left) = self.left.get_mut(key).filter(|left| is_on_top && **left > 0) else { return false };
        *left = left.saturating_sub(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, findings, folder, layered, mode};
    use super::*;
    use crate::rebuild::{Content, Member};

    #[test]
    fn what_is_found_in_a_copy_was_found_before() {
        let leftover = || mode(file("srv/.DS_Store", 5), 0o666);
        let before = base(layered(vec![vec![folder("srv"), leftover()], vec![file("opt/x", 1)]]), 1);
        let after =
            layered(vec![vec![folder("srv"), leftover()], vec![file("opt/x", 1)], vec![file("srv/.DS_Store", 5)]]);
        let member = Member { layer: 0, member: 1, path: "/srv/.DS_Store".into() };
        let (path, content) = ("srv/.DS_Store".to_owned(), Content::File { member });
        let edits = Edits(vec![Edit::AddFile { path, mode: 0o664, uid: 0, gid: 0, mtime: 0, content }]);
        let of_rule = |found: Vec<Finding>| -> Vec<Finding> {
            found.into_iter().filter(|finding| finding.rule.id == "layer/leftover").collect()
        };
        let (old, new) = (of_rule(findings(&before)), of_rule(findings(&after)));
        assert_eq!((old.len(), new.len()), (1, 2));
        let taken = |edits: &Edits, old: &[Finding]| -> Vec<bool> {
            let mut copies = Copies::of(&before.tree, edits, &[0, 1, 2]);
            for finding in old {
                copies.add(finding, &before.tree);
            }
            new.iter().map(|finding| copies.take(finding, &key(finding, &before.tree, None))).collect()
        };
        assert_eq!(taken(&edits, &old), [false, true], "the copy alone");
        assert_eq!(taken(&edits, &[]), [false, false], "what is mended is gone from the copy, too");
        assert_eq!(taken(&Edits::default(), &old), [false, false], "there is no copy");
    }

    #[test]
    fn waste_that_copies_make_is_theirs() {
        let before = base(layered(vec![vec![mode(file("srv/big", 3 << 20), 0o666)], vec![file("opt/x", 1)]]), 1);
        let after = layered(vec![
            vec![mode(file("srv/big", 3 << 20), 0o666)],
            vec![file("opt/x", 1)],
            vec![file("srv/big", 3 << 20)],
        ]);
        let member = Member { layer: 0, member: 0, path: "/srv/big".into() };
        let (path, content) = ("srv/big".to_owned(), Content::File { member });
        let edits = Edits(vec![Edit::AddFile { path, mode: 0o664, uid: 0, gid: 0, mtime: 0, content }]);
        let found = findings(&after);
        let waste = found.iter().find(|finding| finding.rule.id == "layer/wasted-space").expect("it is waste");
        assert!(Copies::of(&before.tree, &edits, &[0, 1, 2]).hide(waste));
        assert!(!Copies::of(&before.tree, &Edits::default(), &[0, 1]).hide(waste));
    }
}

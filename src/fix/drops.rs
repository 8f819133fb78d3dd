//! Files that leave their layers: what all fixers that take files out have in common.

use std::collections::BTreeSet;

use crate::path::ImagePath;
use crate::rebuild::Edit;
use crate::tree::Node;

use super::guard::No;
use super::{Job, heap};

/// Members that go.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// Those that go.
    pub(super) edits: Vec<Edit>,
    /// Files among them.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Why the first of those that stay does.
    pub(super) no: Option<No>,
}

impl Drops {
    /// Takes out these files, and their hard links of the same layer where `goes` takes those names too. A file stays where
    /// the guard says so of one of its names, or a hard link of it stays in use.
    pub(super) fn of(job: &Job<'_>, nodes: &[Node], goes: &dyn Fn(&ImagePath) -> bool) -> Self {
        Self::keeping(job, nodes, goes, &|node| job.guard.keeps(node))
    }

    /// As [`of`](Self::of), with another guard.
    pub(super) fn keeping(
        job: &Job<'_>,
        nodes: &[Node],
        goes: &dyn Fn(&ImagePath) -> bool,
        keeps: &dyn Fn(Node) -> Option<No>,
    ) -> Self {
        let tree = &job.image.tree;
        let mut drops = Self::default();
        let mut seen = BTreeSet::new();
        for node in nodes {
            if let Some(no) = job.guard.with_links(*node).find_map(keeps) {
                drops.no.get_or_insert(no);
                continue;
            }
            // where those of its names lie that go, by way of links to their folders
            let paths = job.guard.with_links(*node).map(|member| &tree.entry(member).path);
            let lies: BTreeSet<ImagePath> = paths.filter(|path| goes(path)).map(|path| job.guard.real(path)).collect();
            // a name in use would keep the bytes
            if tree.names_of(*node).any(|name| !goes(name) && !lies.contains(name)) {
                let hint = "take the other name out too, with `--remove`";
                let reason = format!("`{}` has another name that is in use", tree.entry(*node).path);
                drops.no.get_or_insert(No { reason, hint: hint.into() });
                continue;
            }
            for member in job.guard.with_links(*node).filter(|member| seen.insert(*member)) {
                drops.edits.push(Edit::DropMember {
                    member: job.member(member),
                    secrets: Vec::new(),
                    inside: Vec::new(),
                });
            }
            drops.files = drops.files.saturating_add(1);
            drops.bytes = drops.bytes.saturating_add(tree.entry(*node).size);
        }
        drops
    }

    /// Whether nothing goes.
    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// How much it is.
    pub(super) fn heap(&self) -> String {
        heap(self.files, self.bytes)
    }
}

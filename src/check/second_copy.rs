//! Layers that hold nothing but copies of files below them.

use super::{Check, Context, Matters, at, count};
use crate::finding::{Finding, Findings, Location};
use crate::inventory::Inventory;
use crate::inventory::twins::{LEAST, few_files};
use crate::rule::{Confidence, Place, Rule, Severity};
use crate::size::ByteSize;
use crate::tree::{Hidden, Node};

/// A layer stores what is stored already.
pub(super) static SECOND_COPY: Rule = Rule {
    id: "layer/second-copy",
    title: "A layer holds nothing but copies of files below it",
    severity: Severity::Low,
    why: "The bytes are stored and transferred twice. A step that changes owner, mode or time of a file, moves or copies \
          it, stores all of it again, and so does a second `COPY` of the same file. Told from 1 MiB and one percent of \
          the image on, of layers of at most ten files.",
    remediation: "Set owner and mode while copying, `COPY --chown` and `COPY --chmod`, copy to the last place at once, \
                  and give a file a second name with `ln`.",
    references: &["https://docs.docker.com/build/building/best-practices/#minimize-the-number-of-layers"],
    bad: "COPY model.bin /srv/model.bin\nRUN chown app /srv/model.bin",
    good: "COPY --chown=app model.bin /srv/model.bin",
    places: &[Place::File, Place::History],
    ..Rule::NEW
};

/// Least share of the image's bytes that is reported, in per mille.
const FLOOR_PER_MILLE: u128 = 10;

/// Files listed as evidence.
const LISTED: usize = 10;

/// Judges layers of a few files by their contents; where nobody could look at these, by path, size and time.
pub(super) struct SecondCopy;

impl Check for SecondCopy {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SECOND_COPY] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let tree = &image.tree;
        let files = tree.layers().iter().flatten().filter(|entry| entry.is_file());
        let shipped = files.map(|entry| entry.size).fold(0, u64::saturating_add);
        let mut matters = Matters::default();
        for few in few_files(tree) {
            let mut confidence = Confidence::High;
            let mut pairs: Vec<(Node, Node)> = Vec::new();
            for (node, like) in &few.files {
                let Some((twin, is_sure)) = twin_of(image, *node, like) else { break };
                pairs.push((*node, twin));
                if !is_sure {
                    confidence = Confidence::Medium;
                }
            }
            let bytes = pairs.iter().map(|(node, _)| tree.entry(*node).size).fold(0, u64::saturating_add);
            let per_mille = u128::from(bytes).saturating_mul(1000) / u128::from(shipped.max(1));
            if pairs.len() < few.files.len() || bytes < LEAST.bytes() || per_mille < FLOOR_PER_MILLE {
                continue;
            }
            let size = |(node, _): &(Node, Node)| tree.entry(*node).size;
            pairs.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| tree.entry(a.0).path.cmp(&tree.entry(b.0).path)));
            let Some((node, twin)) = pairs.first().copied() else { continue };
            let (path, other) = (&tree.entry(node).path, &tree.entry(twin).path);
            let what = match pairs.len() {
                1 => format!("`{path}` ({})", ByteSize(bytes)),
                several => {
                    format!("{} ({}), the largest being `{path}`", count(several as u64, "file"), ByteSize(bytes))
                }
            };
            let which = if path == other { "which".to_owned() } else { format!("as `{other}`, which") };
            let message = match confidence {
                Confidence::High => {
                    format!(
                        "layer {} holds nothing but {what}, {which} layer {} holds with the same bytes",
                        few.layer, twin.layer
                    )
                }
                _ => format!(
                    "layer {} holds nothing but {what}, {which} layer {} holds with the same size and time",
                    few.layer, twin.layer
                ),
            };
            let location = match image.layers.get(few.layer as usize).and_then(|summary| summary.history) {
                Some(index) => Location::History { index, layer: Some(few.layer), key: "created_by".into() },
                None => at(path, few.layer),
            };
            let listed: Vec<_> = pairs
                .iter()
                .take(LISTED)
                .map(|(node, twin)| {
                    let (entry, other) = (tree.entry(*node), tree.entry(*twin));
                    serde_json::json!({ "path": entry.path, "bytes": entry.size, "copy_of": other.path, "in_layer": twin.layer })
                })
                .collect();
            let mut finding = Finding::new(&SECOND_COPY, "layer", location, message)
                .evidence("bytes", bytes)
                .evidence("files", pairs.len())
                .evidence("copies", listed);
            // what the layer hides is `layer/wasted-space` tells; this is the step that made it so
            let hides = |(_, twin): &(Node, Node)| matches!(tree.hidden(*twin), Some(Hidden { by_layer, .. }) if by_layer == few.layer);
            if pairs.iter().all(hides) {
                finding.severity = Severity::Info;
            }
            finding.confidence = confidence;
            matters.give(image, few.layer, &mut finding);
            findings.push(finding);
        }
    }
}

/// Which of the files that are as large holds the same, and whether that is sure.
fn twin_of(image: &Inventory, node: Node, like: &[Node]) -> Option<(Node, bool)> {
    if let Some(twin) = like.iter().find(|twin| image.contents.are_same(node, **twin) == Some(true)) {
        return Some((*twin, true));
    }
    let entry = image.tree.entry(node);
    let is_guess = |twin: &&Node| {
        let other = image.tree.entry(**twin);
        image.contents.are_same(node, **twin).is_none() && other.path == entry.path && other.mtime == entry.mtime
    };
    like.iter().find(is_guess).map(|twin| (*twin, false))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, mode, run, shown};
    use super::*;
    use crate::tree::FileEntry;

    const MIB: u64 = 1 << 20;

    /// An image whose files hold what their marks say.
    fn marked(layers: Vec<Vec<(FileEntry, u128)>>) -> Inventory {
        let marks: Vec<Vec<u128>> = layers.iter().map(|layer| layer.iter().map(|(_, mark)| *mark).collect()).collect();
        let mut image =
            layered(layers.into_iter().map(|layer| layer.into_iter().map(|(entry, _)| entry).collect()).collect());
        for (layer, marks) in (0u32..).zip(marks) {
            for (member, mark) in (0u32..).zip(marks) {
                image.contents.set(Node { layer, member }, mark);
            }
        }
        image
    }

    #[test]
    fn layers_of_copies_are_told_with_what_they_copy() {
        /// The files of the upper layer, each with its mark, and what is told.
        type Case = (Vec<(FileEntry, u128)>, &'static [&'static str]);
        let big = || (file("srv/big", 2 * MIB), 7);
        let cases: [Case; 6] = [
            (
                vec![(mode(file("srv/big", 2 * MIB), 0o600), 7)],
                &[
                    "info layer/second-copy /srv/big@1: layer 1 holds nothing but `/srv/big` (2.0 MiB), which layer 0 holds with the same bytes",
                ],
            ),
            (
                vec![(file("opt/big", 2 * MIB), 7)],
                &[
                    "low layer/second-copy /opt/big@1: layer 1 holds nothing but `/opt/big` (2.0 MiB), as `/srv/big`, which layer 0 holds with the same bytes",
                ],
            ),
            (
                vec![(file("opt/big", 2 * MIB), 7), (file("opt/small", 3), 9)],
                &[
                    "low layer/second-copy /opt/big@1: layer 1 holds nothing but 2 files (2.0 MiB), the largest being `/opt/big`, as `/srv/big`, which layer 0 holds with the same bytes",
                ],
            ),
            (vec![(file("srv/big", 2 * MIB), 8)], &[]),
            (vec![(file("opt/big", 2 * MIB), 7), (file("opt/new", 4), 1)], &[]),
            (vec![(file("opt/small", 3), 9)], &[]),
        ];
        for (upper, expected) in cases {
            let image = marked(vec![vec![big(), (file("srv/small", 3), 9)], upper]);
            assert_eq!(shown(&SecondCopy, &image), expected);
        }
    }

    #[test]
    fn where_nobody_looked_path_size_and_time_must_agree() {
        for (path, mtime, expected) in [("a", 0, 1), ("a", 5, 0), ("b", 0, 0)] {
            let upper = FileEntry { mtime, ..file(path, 2 * MIB) };
            let image = layered(vec![vec![file("a", 2 * MIB)], vec![upper]]);
            let findings = run(&SecondCopy, &image);
            assert_eq!(findings.len(), expected, "{path} {mtime}");
            assert!(findings.iter().all(|finding| finding.confidence == Confidence::Medium));
        }
    }
}

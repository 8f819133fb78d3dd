//! Bytes that are shipped although no container sees them.

use std::cmp::Reverse;

use serde_json::json;

use super::package_cache::is_in_cache;
use super::{Check, Context, HiddenBy as _, Matters, at, count};
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Cause, Successors};
use crate::rule::{Place, Rule, Severity};
use crate::size::ByteSize;
use crate::tree::{FileEntry, Hidden, Node};

/// A layer ships bytes nobody sees.
pub(super) static WASTED_SPACE: Rule = Rule {
    id: "layer/wasted-space",
    title: "A layer ships files that no container sees",
    severity: Severity::Low,
    why: "Layers only add: a file that a later step deletes, replaces, or merely changes the owner or mode of, is stored \
          and transferred with the image all the same, and whoever pulls the image can read it. Told of a layer \
          from 1 MiB and one percent of the image on, caches of package managers not counted.",
    remediation: "Create and delete in one `RUN`; set owner and mode while copying, with `COPY --chown` and \
                  `COPY --chmod`; build in a stage of its own and copy the result.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#minimize-the-number-of-layers",
        "https://docs.docker.com/build/building/multi-stage/",
    ],
    bad: "COPY big.tar.gz /tmp/\nRUN tar -xf /tmp/big.tar.gz -C /opt && rm /tmp/big.tar.gz",
    good: "RUN --mount=type=bind,source=big.tar.gz,target=/tmp/big.tar.gz tar -xf /tmp/big.tar.gz -C /opt",
    places: &[Place::File, Place::History],
    ..Rule::NEW
};

/// Least waste of one layer that is reported. Package databases, which every step rewrites, stay below.
const FLOOR: ByteSize = ByteSize::mib(1);

/// Least share of the image's bytes that is reported, in per mille.
const FLOOR_PER_MILLE: u32 = 10;

/// Files listed as evidence.
const LISTED: usize = 10;

/// Sums up what is hidden, layer by layer: bytes shipped less bytes visible, exactly.
pub(super) struct WastedSpace;

impl Check for WastedSpace {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&WASTED_SPACE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let tree = &image.tree;
        let shipped: u64 = tree
            .layers()
            .iter()
            .flatten()
            .filter(|entry| entry.is_file())
            .map(|entry| entry.size)
            .fold(0, u64::saturating_add);
        let mut matters = Matters::default();
        // costs a second look at all layers, which most images need not
        let mut successors: Option<Successors> = None;
        for (layer, members) in (0u32..).zip(tree.layers()) {
            let mut waste = Waste::default();
            for (member, entry) in (0u32..).zip(members) {
                let node = Node { layer, member };
                let has_bytes = entry.is_file() && !entry.is_marker() && entry.size > 0;
                if let Some(hidden) = tree.hidden(node).filter(|_| has_bytes) {
                    waste.add(node, entry, hidden);
                }
            }
            let per_mille = u128::from(waste.bytes).saturating_mul(1000) / u128::from(shipped.max(1));
            let per_mille = u32::try_from(per_mille).unwrap_or(1000);
            // caches are another check's, deleted ones too
            if waste.bytes.saturating_sub(waste.cached) < FLOOR.bytes() || per_mille < FLOOR_PER_MILLE {
                continue;
            }
            let Some((largest, hidden)) = waste.largest.first().copied() else { continue };
            if !waste.overwritten.is_empty() && successors.is_none() {
                successors = Some(Successors::of(&tree.changes()));
            }
            let is_copy = |(node, _): &&(Node, u64)| {
                successors.as_ref().is_some_and(|known| known.cause(image, *node).0 == Cause::Copied)
            };
            let copied = waste.overwritten.iter().filter(is_copy).map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
            let summary = image.layers.get(layer as usize);
            let location = match summary.and_then(|summary| summary.history) {
                Some(index) => Location::History { index, layer: Some(layer), key: "created_by".into() },
                None => at(&largest.path, layer),
            };
            let message = format!(
                "{} in {} of layer {layer} are seen by no container, the largest being `{}` ({}), {} in layer {}",
                ByteSize(waste.bytes),
                count(waste.files, "file"),
                largest.path,
                ByteSize(largest.size),
                if hidden.overwritten { "replaced" } else { "deleted" },
                hidden.by_layer,
            );
            let files: Vec<_> = waste
                .largest
                .iter()
                .map(|(entry, hidden)| {
                    json!({ "path": entry.path, "bytes": entry.size, "hidden_by_layer": hidden.by_layer, "overwritten": hidden.overwritten })
                })
                .collect();
            let mut finding = Finding::new(&WASTED_SPACE, "layer", location, message)
                .hidden_by(Some(hidden))
                .evidence("bytes", waste.bytes)
                .evidence("deleted_bytes", waste.deleted)
                .evidence("overwritten_bytes", waste.bytes.saturating_sub(waste.deleted))
                .evidence("copied_bytes", copied)
                .evidence("cache_bytes", waste.cached)
                .evidence("files", waste.files)
                .evidence("percent_of_image", f64::from(per_mille) / 10.0)
                .evidence("largest", files);
            matters.give(image, layer, &mut finding);
            findings.push(finding);
        }
    }
}

/// What one layer wastes.
#[derive(Default)]
struct Waste<'a> {
    bytes: u64,
    files: u64,
    deleted: u64,
    /// Bytes of package managers' caches.
    cached: u64,
    /// Files that another one took the place of, and their bytes.
    overwritten: Vec<(Node, u64)>,
    /// The largest files, largest first, then by path.
    largest: Vec<(&'a FileEntry, Hidden)>,
}

impl<'a> Waste<'a> {
    fn add(&mut self, node: Node, entry: &'a FileEntry, hidden: Hidden) {
        self.bytes = self.bytes.saturating_add(entry.size);
        self.files = self.files.saturating_add(1);
        if hidden.overwritten {
            self.overwritten.push((node, entry.size));
        } else {
            self.deleted = self.deleted.saturating_add(entry.size);
        }
        if is_in_cache(&entry.path) {
            self.cached = self.cached.saturating_add(entry.size);
        }
        let rank = |entry: &FileEntry| (Reverse(entry.size), entry.path.clone());
        if self.largest.len() == LISTED && self.largest.last().is_some_and(|(last, _)| entry.size < last.size) {
            return;
        }
        let place = self.largest.partition_point(|(other, _)| rank(other) <= rank(entry));
        self.largest.insert(place, (entry, hidden));
        self.largest.truncate(LISTED);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, mode, run, shown};
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_no_container_sees_is_summed_up_by_layer() {
        let image = layered(vec![
            vec![file("opt/big.bin", 20 * MIB), file("opt/keep", 5 * MIB), file("etc/small", 100)],
            vec![file("opt/dup.bin", 8 * MIB)],
            vec![mode(file("opt/dup.bin", 8 * MIB), 0o600), file("opt/.wh.big.bin", 0), file("etc/small", 200)],
        ]);
        assert_eq!(
            shown(&WastedSpace, &image),
            [
                "low layer/wasted-space /opt/big.bin@0 (deleted): 20.0 MiB in 2 files of layer 0 are seen by no container, the largest being `/opt/big.bin` (20.0 MiB), deleted in layer 2",
                "low layer/wasted-space /opt/dup.bin@1 (overwritten): 8.0 MiB in 1 file of layer 1 are seen by no container, the largest being `/opt/dup.bin` (8.0 MiB), replaced in layer 2",
            ]
        );
        let findings = run(&WastedSpace, &image);
        let evidence = |finding: usize, key| findings[finding].evidence.get(key).cloned().unwrap_or_default();
        assert_eq!(evidence(0, "bytes"), 20 * MIB + 100);
        assert_eq!(evidence(0, "deleted_bytes"), 20 * MIB);
        assert_eq!(evidence(1, "copied_bytes"), 8 * MIB);
        assert_eq!(evidence(1, "percent_of_image"), 19.5);
    }

    #[test]
    fn what_is_known_of_contents_tells_copies() {
        let mut image =
            layered(vec![vec![file("a", 8 * MIB), file("b", 8 * MIB)], vec![file("a", 8 * MIB), file("b", 8 * MIB)]]);
        let copied =
            |image: &crate::inventory::Inventory| run(&WastedSpace, image)[0].evidence.get("copied_bytes").cloned();
        assert_eq!(copied(&image), Some((16 * MIB).into()), "by size and time");
        let mut contents = crate::inventory::Contents::of(&image.tree);
        contents.set(Node { layer: 1, member: 1 }, 7);
        image.contents = contents;
        assert_eq!(copied(&image), Some((8 * MIB).into()));
    }

    #[test]
    fn little_waste_is_not_reported() {
        let small = layered(vec![vec![file("a", MIB - 1)], vec![file(".wh.a", 0)]]);
        assert_eq!(shown(&WastedSpace, &small), [""; 0]);
        let cache =
            layered(vec![vec![file("var/lib/apt/lists/a", 40 * MIB)], vec![file("var/lib/apt/lists/.wh.a", 0)]]);
        assert_eq!(shown(&WastedSpace, &cache), [""; 0]);
        let beside_much = layered(vec![vec![file("a", 2 * MIB), file("b", 500 * MIB)], vec![file(".wh.a", 0)]]);
        assert_eq!(shown(&WastedSpace, &beside_much), [""; 0]);
        let hard_linked =
            layered(vec![vec![file("a", 9 * MIB), super::super::testing::hard_link("b", "a")], vec![file(".wh.a", 0)]]);
        assert_eq!(shown(&WastedSpace, &hard_linked), [""; 0]);
    }

    #[test]
    fn only_the_largest_files_are_listed() {
        let files = (0..30u64).map(|n| file(&format!("f{n:02}"), MIB + n)).collect();
        let hide = (0..30).map(|n| file(&format!(".wh.f{n:02}"), 0)).collect();
        let findings = run(&WastedSpace, &layered(vec![files, hide]));
        let listed = findings[0].evidence.get("largest").and_then(|list| list.as_array().cloned()).unwrap_or_default();
        assert_eq!(listed.len(), LISTED);
        assert_eq!(listed.first().and_then(|file| file.get("path")?.as_str()), Some("/f29"));
    }
}

//! What the machine that built the image left in it.

use std::collections::BTreeMap;

use super::{Check, Context, Heap, HiddenBy as _, Matters, at, count, fate};
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::size::ByteSize;
use crate::tree::Node;

/// Something of the build's container is shipped.
pub(super) static BUILD_LEFTOVER: Rule = Rule {
    id: "layer/build-leftover",
    title: "A layer ships what belongs to the container that built it",
    severity: Severity::Low,
    why: "Secrets and tokens are mounted into the containers of a build; a build that takes its own file system for the \
          image's ships them, or shows by empty files where they were. A mark such as `/.dockerenv` makes programs \
          believe that they are still there.",
    remediation: "Build with BuildKit, buildah or kaniko's own mounts, `RUN --mount=type=secret`, and never make an image \
                  of a container's whole file system with `docker export` or `docker commit`.",
    references: &["https://docs.docker.com/build/building/secrets/"],
    bad: "docker commit build-container shop/api",
    good: "RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci",
    ..Rule::NEW
};

/// One kind.
struct Kind {
    id: &'static str,
    what: &'static str,
    /// A file, or a folder with all that is below.
    paths: &'static [&'static str],
    severity: Severity,
    /// Whether empty files count: marks, and the places of mounts.
    counts_empty: bool,
}

const KINDS: &[Kind] = &[
    Kind {
        id: "cluster-token",
        what: "the build's credentials for its cluster",
        paths: &[
            "var/run/secrets/kubernetes.io",
            "run/secrets/kubernetes.io",
            "var/run/secrets/eks.amazonaws.com",
            "run/secrets/eks.amazonaws.com",
        ],
        severity: Severity::High,
        counts_empty: false,
    },
    Kind {
        id: "build-secret",
        what: "a secret that was mounted for the build",
        paths: &["run/secrets", "var/run/secrets", "kaniko/.docker"],
        severity: Severity::Medium,
        counts_empty: false,
    },
    Kind { id: "kaniko", what: "kaniko's own files", paths: &["kaniko"], severity: Severity::Low, counts_empty: false },
    Kind {
        id: "container-mark",
        what: "a mark of a running container",
        paths: &[".dockerenv", ".dockerinit", "run/.containerenv", "var/run/.containerenv"],
        severity: Severity::Info,
        counts_empty: true,
    },
];

/// Judges the files of every layer, hidden ones too.
pub(super) struct BuildLeftover;

impl Check for BuildLeftover {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&BUILD_LEFTOVER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut matters = Matters::default();
        for (layer, members) in (0u32..).zip(image.tree.layers()) {
            let mut heaps: BTreeMap<(usize, &str), Heap> = BTreeMap::new();
            for (member, entry) in (0u32..).zip(members) {
                if !entry.is_file() || entry.is_marker() {
                    continue;
                }
                let Some((kind, path)) = kind_of(&entry.path) else { continue };
                if entry.size > 0 || KINDS.get(kind).is_some_and(|kind| kind.counts_empty) {
                    heaps.entry((kind, path)).or_default().add(image, Node { layer, member }, entry.size);
                }
            }
            for ((kind, path), heap) in heaps {
                let Some(kind) = KINDS.get(kind) else { continue };
                let hidden = heap.hidden_by();
                let path = ImagePath::from(path);
                let message = format!(
                    "`{path}` is {} ({} in {}){}",
                    kind.what,
                    ByteSize(heap.bytes),
                    count(heap.files, "file"),
                    fate(hidden)
                );
                let mut finding = Finding::new(&BUILD_LEFTOVER, path.to_string(), at(&path, layer), message)
                    .hidden_by(hidden)
                    .evidence("kind", kind.id)
                    .evidence("bytes", heap.bytes)
                    .evidence("files", heap.files);
                finding.severity = kind.severity;
                matters.give(image, layer, &mut finding);
                finding.is_fixable = true;
                findings.push(finding);
            }
        }
    }
}

/// The first kind that has a folder or file of this path.
fn kind_of(path: &ImagePath) -> Option<(usize, &'static str)> {
    KINDS.iter().enumerate().find_map(|(index, kind)| {
        kind.paths.iter().find(|known| path.is_under(known.as_bytes())).map(|known| (index, *known))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;

    #[test]
    fn marks_and_mounts_of_the_build_are_told() {
        let image = layered(vec![
            vec![
                file(".dockerenv", 0),
                file("run/secrets/npmrc", 0),
                file("srv/run/secrets/x", 5),
                file("var/run/secrets/kubernetes.io/serviceaccount/token", 900),
                file("var/run/secrets/kubernetes.io/serviceaccount/ca.crt", 100),
            ],
            vec![file("run/secrets/token", 12), file("var/run/secrets/.wh.kubernetes.io", 0)],
        ]);
        assert_eq!(
            shown(&BuildLeftover, &image),
            [
                "high layer/build-leftover /var/run/secrets/kubernetes.io@0 (deleted): `/var/run/secrets/kubernetes.io` is the build's credentials for its cluster (1000 B in 2 files), deleted in layer 1 but shipped all the same",
                "info layer/build-leftover /.dockerenv@0: `/.dockerenv` is a mark of a running container (0 B in 1 file)",
                "medium layer/build-leftover /run/secrets@1: `/run/secrets` is a secret that was mounted for the build (12 B in 1 file)",
            ]
        );
    }
}

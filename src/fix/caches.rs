//! Takes package managers' downloads and indexes out of the layers that made them.

use std::collections::BTreeMap;

use crate::check::cache_of_file;
use crate::finding::{Finding, Location};
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::Node;

use super::drops::Drops;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// Package caches.
pub(super) static CACHES: Fixer = Fixer {
    id: "caches",
    group: "caches",
    title: "Package managers' caches",
    rules: &["layer/package-cache"],
    does: "Takes downloaded packages and indexes out of each layer that holds them: apt's lists, archives and `*.bin`, and with \
           them dpkg's and debconf's `*-old`; the caches of apk, dnf, yum, tdnf, zypper, pacman, pip, uv, Poetry, npm, Yarn, \
           pnpm, Go's builds, Composer and others; of Go's modules, Cargo, conda and gems only what was downloaded. Folders \
           and locks stay.",
    never: "Never touches the databases of package managers, files that are hard-linked or linked into an application, \
            virtual environments that live in a cache, unpacked conda packages, or what Maven, Gradle, Ivy, Coursier and \
            NuGet keep, which programs run from. Layers of the base image stay as they are without `--touch-base`: to hide \
            a cache in a later layer saves nothing.",
    plan,
};

/// Bytes from which on a cache is found, and what stays of it is told.
const FLOOR: u64 = 4 << 10;

/// What becomes of a file of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Goes,
    /// It goes if somebody looked at it, for this reason.
    Looked(&'static str),
    /// It is part of the manager's bookkeeping, or of something installed.
    Stays,
    /// Programs run from there.
    Run,
}

fn fate(kind: &str, folder: &ImagePath, path: &ImagePath) -> Fate {
    let relative = path.strip_folder(folder.as_bytes()).unwrap_or_default();
    let name = path.file_name();
    let when = |holds: bool| if holds { Fate::Goes } else { Fate::Stays };
    match kind {
        "apt-lists" => when(name != b"lock"),
        "apt-archives" => when(name.ends_with(b".deb")),
        "apt-pkgcache" => when(name.ends_with(b".bin")),
        "conda" => when(!relative.contains(&b'/') && (name.ends_with(b".conda") || name.ends_with(b".tar.bz2"))),
        "gem" => when(name.ends_with(b".gem")),
        "poetry" => when(!relative.starts_with(b"virtualenvs/")),
        "pip" | "uv" if name == b"CACHEDIR.TAG" => Fate::Goes,
        "npm" if folder.file_name() == b"_npx" => Fate::Looked("programs started with npx run from there"),
        "yarn" if folder.as_bytes().ends_with(b".yarn/berry/cache") => {
            Fate::Looked("applications without `node_modules` run from there")
        }
        "go-mod" if !relative.starts_with(b"cache/") => Fate::Looked("sources that only a build needs"),
        "cargo" if !(relative.starts_with(b"cache/") || relative.starts_with(b"src/")) => {
            Fate::Looked("what only a build needs")
        }
        "bun" | "hex" => Fate::Looked("the application may link to it"),
        "maven" | "gradle" | "ivy" | "coursier" | "nuget" => Fate::Run,
        _ => Fate::Goes,
    }
}

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let by_layer = job.findings_by_layer(CACHES.rules, draft, "to hide the cache on top saves nothing");
    for (layer, findings) in by_layer {
        let caches = job.sorted(layer, cache_of_file);
        let mut done: Option<&Finding> = None;
        for finding in findings {
            let kind = finding.evidence.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
            let Location::File { path: folder, .. } = &finding.location else { continue };
            let nodes = caches.iter().find(|((known, id), _)| known == folder && *id == kind);
            let Some((_, nodes)) = nodes else { continue };
            if one(job, draft, finding, (folder, kind), nodes) {
                done = done.or(Some(finding));
            }
        }
        if let Some(finding) = done {
            remains(job, draft, finding, layer);
        }
    }
}

/// Proposes what is to be done to one cache; whether something goes without a look.
fn one(
    job: &Job<'_>,
    draft: &mut Draft<'_>,
    finding: &Finding,
    (folder, kind): (&ImagePath, &str),
    nodes: &[Node],
) -> bool {
    if job.guard.is_linked_into(folder) {
        let reason = format!("symbolic links lead into `{folder}`, so that something may run from there");
        draft.refuse(finding, reason, "take out by hand what is not needed, with `--remove`");
        return false;
    }
    let mut by_fate: BTreeMap<Fate, Vec<Node>> = BTreeMap::new();
    for node in nodes {
        by_fate.entry(fate(kind, folder, &job.image.tree.entry(*node).path)).or_default().push(*node);
    }
    let is_in_cache = |name: &ImagePath| crate::check::is_in_cache(name);
    let mut goes = false;
    let mut no = None;
    for (fate, nodes) in by_fate {
        let (safety, risk, why) = match fate {
            Fate::Goes => (Safety::Safe, Risk::Low, "no container needs what was downloaded"),
            Fate::Looked(why) => (Safety::Review, Risk::Medium, why),
            Fate::Run => {
                let reason = format!("programs may run from `{folder}`");
                draft.refuse(finding, reason, "build in a stage of its own, or take it out with `--remove`");
                continue;
            }
            Fate::Stays => {
                let bytes = nodes.iter().map(|node| job.image.tree.entry(*node).size).fold(0, u64::saturating_add);
                if bytes >= FLOOR {
                    let reason = format!("part of `{folder}` belongs to what is installed ({})", ByteSize(bytes));
                    draft.refuse(finding, reason, "take out by hand what is not needed, with `--remove`");
                }
                continue;
            }
        };
        let drops = Drops::of(job, &nodes, &is_in_cache);
        no = no.or(drops.no.clone());
        if drops.is_empty() {
            continue;
        }
        goes |= safety == Safety::Safe;
        draft.propose(Proposal {
            kind: Kind::Remove,
            findings: vec![finding],
            path: folder.to_string(),
            layer: finding.layer(),
            before: drops.heap(),
            after: "gone from the layer; folders and locks stay".into(),
            safety,
            risk,
            reason: why.into(),
            is_asked: false,
            edits: drops.edits,
        });
    }
    if !goes && let Some(no) = no {
        draft.refuse(finding, no.reason, no.hint);
    }
    goes
}

/// Copies of earlier states that lie beside caches, and npm's logs, in a layer that is written anew anyway.
fn remains(job: &Job<'_>, draft: &mut Draft<'_>, finding: &Finding, layer: u32) {
    let is_old = |path: &ImagePath| {
        let folder = path.parent_bytes();
        matches!(folder, b"var/lib/dpkg" | b"var/cache/debconf") && path.file_name().ends_with(b"-old")
            || folder.ends_with(b".npm/_logs")
    };
    let members = job.image.tree.layers().get(layer as usize).into_iter().flatten();
    let nodes: Vec<Node> = (0u32..)
        .zip(members)
        .filter(|(_, entry)| entry.is_file() && is_old(&entry.path))
        .map(|(member, _)| Node { layer, member })
        .collect();
    let drops = Drops::of(job, &nodes, &is_old);
    draft.propose(Proposal {
        kind: Kind::Remove,
        findings: vec![finding],
        path: "*-old".into(),
        layer: Some(layer),
        before: drops.heap(),
        after: "gone from the layer".into(),
        safety: Safety::Safe,
        risk: Risk::Low,
        reason: "copies of an earlier state, and logs of npm, beside the cache".into(),
        is_asked: false,
        edits: drops.edits,
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, hard_link, layered, link, planned};
    #[test]
    fn caches_go_by_the_table() {
        let image = layered(vec![vec![
            file("var/lib/apt/lists/deb_Packages", 30_000),
            file("var/lib/apt/lists/lock", 0),
            file("var/cache/apt/pkgcache.bin", 9_000),
            file("var/cache/apt/archives/x.deb", 9_000),
            file("var/lib/dpkg/status-old", 100),
            file("var/lib/dpkg/status", 100),
            file("root/go/pkg/mod/cache/download/a", 8_000),
            file("root/go/pkg/mod/example.org/x@v1/x.go", 8_000),
            file("root/.m2/repository/a.jar", 90_000),
            file("opt/conda/pkgs/x.conda", 9_000),
            file("opt/conda/pkgs/x/bin/x", 9_000),
            file("root/.cache/pypoetry/virtualenvs/app/x.py", 9_000),
            file("root/.cache/pypoetry/cache/x", 9_000),
        ]]);
        assert_eq!(
            planned(&image, &["caches"]),
            [
                "caches-1 safe *-old@0: 1 file (100 B): drop 4",
                "caches-2 safe /opt/conda/pkgs@0: 1 file (8.8 KiB): drop 9",
                "caches-3 safe /root/.cache/pypoetry@0: 1 file (8.8 KiB): drop 12",
                "caches-4 safe /root/go/pkg/mod@0: 1 file (7.8 KiB): drop 6",
                "caches-5 review /root/go/pkg/mod@0: 1 file (7.8 KiB): drop 7",
                "caches-6 safe /var/cache/apt@0: 1 file (8.8 KiB): drop 2",
                "caches-7 safe /var/cache/apt/archives@0: 1 file (8.8 KiB): drop 3",
                "caches-8 safe /var/lib/apt/lists@0: 1 file (29.3 KiB): drop 0",
                "refused /opt/conda/pkgs: part of `/opt/conda/pkgs` belongs to what is installed (8.8 KiB)",
                "refused /root/.cache/pypoetry: part of `/root/.cache/pypoetry` belongs to what is installed (8.8 KiB)",
                "refused /root/.m2/repository: programs may run from `/root/.m2/repository`",
            ]
        );
    }

    #[test]
    fn the_base_and_what_is_linked_stay() {
        let image = base(
            layered(vec![
                vec![file("var/lib/apt/lists/a", 30_000)],
                vec![
                    file("root/.local/share/pnpm/store/v3/aa", 50_000),
                    hard_link("app/index.js", "root/.local/share/pnpm/store/v3/aa"),
                    file("root/.local/share/pnpm/store/v3/bb", 50_000),
                    hard_link("root/.local/share/pnpm/store/v3/cc", "root/.local/share/pnpm/store/v3/bb"),
                    file("root/.cache/uv/x", 9_000),
                    link("usr/bin/x", "/root/.cache/uv/x"),
                ],
            ]),
            1,
        );
        assert_eq!(
            planned(&image, &["caches"]),
            [
                "caches-1 safe /root/.local/share/pnpm/store@1: 1 file (48.8 KiB): drop 2 3",
                "refused /root/.cache/uv: symbolic links lead into `/root/.cache/uv`, so that something may run from there",
                "refused /var/lib/apt/lists: layer 0 belongs to the base image, and to hide the cache on top saves nothing",
            ]
        );
    }
}

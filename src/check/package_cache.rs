//! Downloads and indexes that package managers left behind, by the bytes they take.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Check, Context, Heap, HiddenBy as _, Matters, at, count, fate};
use crate::finding::{Finding, Findings};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::size::ByteSize;
use crate::tree::{FileEntry, Node};

/// A package manager's cache is shipped.
pub(super) static PACKAGE_CACHE: Rule = Rule {
    id: "layer/package-cache",
    title: "A layer ships a package manager's cache",
    severity: Severity::Low,
    why: "Indexes and downloaded packages are of no use to a container, but are stored and transferred with every copy \
          of the image. Deleting them in a later step hides them and saves nothing. Told from 4 KiB on.",
    remediation: "Clean up in the same `RUN` that fills the cache, such as `rm -rf /var/lib/apt/lists/*` or \
                  `pip install --no-cache-dir`, or put the cache on a mount: `RUN --mount=type=cache,target=…`.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#apt-get",
        "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
    ],
    also: &[
        "DKL-DI-0004",
        "DKL-DI-0005",
        "DL3009",
        "DL3019",
        "DL3032",
        "DL3036",
        "DL3040",
        "DL3042",
        "DL3060",
        "DS-0015",
        "DS-0019",
        "DS-0020",
        "DS-0025",
        "DS-0027",
    ],
    bad: "RUN apt-get update && apt-get install -y curl",
    good: "RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*",
    ..Rule::NEW
};

/// Smallest cache that is reported. Managers leave empty folders, locks and notes behind.
const FLOOR: ByteSize = ByteSize::kib(4);

/// One kind of cache.
struct Kind {
    /// Its name in the evidence.
    id: &'static str,
    /// What it holds.
    what: &'static str,
    /// Folders: from the root if they start with `/`, else at any depth; `*` is any one component.
    folders: &'static [&'static str],
}

const fn kind(id: &'static str, what: &'static str, folders: &'static [&'static str]) -> Kind {
    Kind { id, what, folders }
}

/// The caches, a folder inside another one before it.
static KINDS: &[Kind] = &[
    kind("apt-lists", "apt package lists", &["/var/lib/apt/lists"]),
    kind("apt-archives", "packages downloaded by apt", &["/var/cache/apt/archives"]),
    kind("apt-pkgcache", "apt's index", &["/var/cache/apt"]),
    kind("apk", "the apk cache", &["/var/cache/apk", "/etc/apk/cache"]),
    kind("dnf", "the dnf cache", &["/var/cache/dnf", "/var/cache/libdnf5"]),
    kind("yum", "the yum cache", &["/var/cache/yum"]),
    kind("tdnf", "the tdnf cache", &["/var/cache/tdnf"]),
    kind("zypper", "the zypper cache", &["/var/cache/zypp"]),
    kind("pacman", "the pacman cache", &["/var/cache/pacman/pkg", "/var/lib/pacman/sync"]),
    kind("portage", "sources downloaded by Portage", &["/var/cache/distfiles"]),
    kind("pip", "the pip cache", &[".cache/pip"]),
    kind("uv", "the uv cache", &[".cache/uv"]),
    kind("poetry", "the Poetry cache", &[".cache/pypoetry"]),
    kind("pipenv", "the Pipenv cache", &[".cache/pipenv"]),
    kind(
        "conda",
        "downloaded conda packages",
        &[
            "/opt/conda/pkgs",
            "miniconda/pkgs",
            "miniconda3/pkgs",
            "anaconda3/pkgs",
            "miniforge3/pkgs",
            "mambaforge/pkgs",
            "micromamba/pkgs",
        ],
    ),
    kind("npm", "the npm cache", &[".npm/_cacache", ".npm/_npx"]),
    kind("node-gyp", "headers downloaded by node-gyp", &[".cache/node-gyp", ".node-gyp"]),
    kind("yarn", "the Yarn cache", &[".cache/yarn", ".yarn/berry/cache", ".yarn-cache"]),
    kind("pnpm", "the pnpm store", &[".local/share/pnpm/store", ".pnpm-store", ".cache/pnpm"]),
    kind("bun", "the Bun cache", &[".bun/install/cache"]),
    kind("go-build", "the Go build cache", &[".cache/go-build"]),
    kind("go-mod", "downloaded Go modules", &["go/pkg/mod"]),
    kind(
        "cargo",
        "crates downloaded by Cargo",
        &[
            ".cargo/registry",
            ".cargo/git/db",
            ".cargo/git/checkouts",
            "/usr/local/cargo/registry",
            "/usr/local/cargo/git/db",
            "/usr/local/cargo/git/checkouts",
        ],
    ),
    kind("gem", "downloaded gems", &["gems/*/cache", "/usr/local/bundle/cache", ".bundle/cache"]),
    kind("composer", "the Composer cache", &[".composer/cache", ".cache/composer"]),
    kind("maven", "the local Maven repository", &[".m2/repository"]),
    kind("gradle", "the Gradle cache", &[".gradle/caches", ".gradle/wrapper/dists"]),
    kind("ivy", "the Ivy cache", &[".ivy2/cache"]),
    kind("coursier", "the Coursier cache", &[".cache/coursier"]),
    kind("nuget", "downloaded NuGet packages", &[".nuget/packages", ".local/share/NuGet"]),
    kind("hex", "downloaded Hex packages", &[".hex/packages", ".cache/rebar3"]),
    kind("cpan", "CPAN builds and sources", &[".cpan/build", ".cpan/sources", ".cpanm/work"]),
];

/// Judges the files of every layer, hidden ones too.
pub(super) struct PackageCache;

impl Check for PackageCache {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PACKAGE_CACHE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut matters = Matters::default();
        for (layer, members) in (0u32..).zip(image.tree.layers()) {
            for ((folder, kind), heap) in caches_of(image, layer, members) {
                if heap.bytes < FLOOR.bytes() {
                    continue;
                }
                let folder = ImagePath::new(folder);
                let Some(kind) = KINDS.get(kind) else { continue };
                let hidden = heap.hidden_by();
                let message = format!(
                    "`{folder}` holds {} ({} in {}){}",
                    kind.what,
                    ByteSize(heap.bytes),
                    count(heap.files, "file"),
                    fate(hidden)
                );
                let location = at(&folder, layer);
                let mut finding = Finding::new(&PACKAGE_CACHE, folder.to_string(), location, message)
                    .hidden_by(hidden)
                    .evidence("kind", kind.id)
                    .evidence("bytes", heap.bytes)
                    .evidence("files", heap.files)
                    .evidence("live_bytes", heap.live_bytes);
                matters.give(image, layer, &mut finding);
                finding.is_fixable = true;
                findings.push(finding);
            }
        }
    }
}

/// The caches of one layer by folder and kind.
fn caches_of<'a>(image: &Inventory, layer: u32, members: &'a [FileEntry]) -> BTreeMap<(&'a [u8], usize), Heap> {
    let mut caches: BTreeMap<(&[u8], usize), Heap> = BTreeMap::new();
    // members of one folder mostly stand together
    let mut last: (&[u8], Option<(&[u8], usize)>) = (b"", None);
    for (member, entry) in (0u32..).zip(members) {
        if !entry.is_file() || entry.size == 0 || entry.is_marker() {
            continue;
        }
        let folder = entry.path.parent_bytes();
        if folder != last.0 {
            last = (folder, cache_of(folder));
        }
        let Some(key) = last.1 else { continue };
        let node = Node { layer, member };
        if !is_used_elsewhere(image, node) {
            caches.entry(key).or_default().add(image, node, entry.size);
        }
    }
    caches
}

/// Whether the file is in use under a name outside of caches, as pnpm, uv and conda link it, or belongs to a system package.
fn is_used_elsewhere(image: &Inventory, node: Node) -> bool {
    let mut names = 0usize;
    let mut is_outside = false;
    for name in image.tree.names_of(node) {
        if image.owned.owner(name).is_some() {
            return true;
        }
        names = names.saturating_add(1);
        is_outside |= !is_in_cache(name);
    }
    names > 1 && is_outside
}

/// The cache's folder, and the kind of cache, of a file that nothing outside of caches uses.
pub fn cache_of_file(image: &Inventory, node: Node) -> Option<(ImagePath, &'static str)> {
    let entry = image.tree.entry(node);
    if !entry.is_file() || entry.is_marker() {
        return None;
    }
    let (folder, kind) = cache_of(entry.path.parent_bytes())?;
    let id = KINDS.get(kind)?.id;
    (!is_used_elsewhere(image, node)).then(|| (ImagePath::new(folder), id))
}

/// Whether the path lies in some package manager's cache.
pub fn is_in_cache(path: &ImagePath) -> bool {
    cache_of(path.parent_bytes()).is_some()
}

/// A pattern of folders: the index of its kind, whether it starts at the root, and itself.
type Pattern = (usize, bool, &'static str);

/// All patterns, by their first component.
static PATTERNS: LazyLock<BTreeMap<&[u8], Vec<Pattern>>> = LazyLock::new(|| {
    let mut patterns: BTreeMap<&[u8], Vec<Pattern>> = BTreeMap::new();
    for (index, kind) in KINDS.iter().enumerate() {
        for folder in kind.folders {
            let pattern = folder.trim_start_matches('/');
            let first = pattern.split('/').next().unwrap_or_default();
            patterns.entry(first.as_bytes()).or_default().push((index, pattern.len() < folder.len(), pattern));
        }
    }
    patterns
});

/// The cache that `folder` is or lies in: the cache's own folder, and the index of its kind.
fn cache_of(folder: &[u8]) -> Option<(&[u8], usize)> {
    let patterns = &*PATTERNS;
    let mut best: Option<(&[u8], usize)> = None;
    let mut start = 0usize;
    for component in folder.split(|byte| *byte == b'/') {
        for (kind, is_anchored, pattern) in patterns.get(component).into_iter().flatten() {
            let is_better = best.is_none_or(|(_, other)| *kind < other);
            if !is_better || *is_anchored && start > 0 {
                continue;
            }
            let end = folder.get(start..).and_then(|rest| end_of_match(pattern, rest));
            if let Some(root) = end.and_then(|end| folder.get(..start.saturating_add(end))) {
                best = Some((root, *kind));
            }
        }
        start = start.saturating_add(component.len()).saturating_add(1);
    }
    best
}

/// The length of the match of `pattern` at the start of `folder`, component by component.
fn end_of_match(pattern: &str, folder: &[u8]) -> Option<usize> {
    let mut end = 0usize;
    let mut components = folder.split(|byte| *byte == b'/');
    for (place, wanted) in pattern.split('/').enumerate() {
        let component = components.next().filter(|component| !component.is_empty())?;
        if wanted != "*" && wanted.as_bytes() != component {
            return None;
        }
        end = end.saturating_add(component.len()).saturating_add(usize::from(place > 0));
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, hard_link, layered, run, shown};
    use super::*;

    #[test]
    fn caches_are_known_by_their_folders() {
        let cases: &[(&str, Option<(&str, &str)>)] = &[
            ("var/lib/apt/lists/deb_Packages", Some(("var/lib/apt/lists", "apt-lists"))),
            ("var/lib/apt/lists/partial/x", Some(("var/lib/apt/lists", "apt-lists"))),
            ("var/cache/apt/archives/x.deb", Some(("var/cache/apt/archives", "apt-archives"))),
            ("var/cache/apt/pkgcache.bin", Some(("var/cache/apt", "apt-pkgcache"))),
            ("var/lib/apt/extended_states", None),
            ("var/cache/apk/APKINDEX.1.tar.gz", Some(("var/cache/apk", "apk"))),
            ("root/.cache/pip/http-v2/a", Some(("root/.cache/pip", "pip"))),
            ("home/app/.cache/pip/http-v2/a", Some(("home/app/.cache/pip", "pip"))),
            (".cache/pip/x", Some((".cache/pip", "pip"))),
            ("root/.cache/pipx/x", None),
            ("root/.npm/_cacache/content-v2/aa", Some(("root/.npm/_cacache", "npm"))),
            ("usr/local/share/.cache/yarn/v6/x", Some(("usr/local/share/.cache/yarn", "yarn"))),
            ("app/.yarn/cache/left-pad.zip", None), // Plug'n'Play runs from there
            ("root/go/pkg/mod/cache/download/x", Some(("root/go/pkg/mod", "go-mod"))),
            ("usr/lib/go/pkg/model/x", None),
            ("var/lib/gems/3.1.0/cache/x.gem", Some(("var/lib/gems/3.1.0/cache", "gem"))),
            ("var/lib/gems/3.1.0/gems/cache/x.rb", None),
            ("opt/conda/pkgs/x.tar.bz2", Some(("opt/conda/pkgs", "conda"))),
            ("usr/lib/python3/dist-packages/pip/x.py", None),
        ];
        for (path, expected) in cases {
            let found =
                cache_of(ImagePath::from(*path).parent_bytes()).map(|(root, kind)| (root.to_vec(), KINDS[kind].id));
            assert_eq!(found, expected.map(|(root, kind)| (root.as_bytes().to_vec(), kind)), "{path}");
        }
    }

    #[test]
    fn bytes_are_counted_by_layer_and_kind() {
        let image = layered(vec![
            vec![
                file("var/lib/apt/lists/a", 30_000),
                file("var/lib/apt/lists/b", 20_000),
                file("var/lib/apt/lists/lock", 0),
            ],
            vec![file("var/lib/apt/lists/a", 10_000), file("root/.npm/_cacache/x", 8_192)],
            vec![file("var/lib/apt/lists/.wh.b", 0), file("root/.npm/.wh._cacache", 0)],
        ]);
        assert_eq!(
            shown(&PackageCache, &image),
            [
                "low layer/package-cache /var/lib/apt/lists@0 (overwritten): `/var/lib/apt/lists` holds apt package lists (48.8 KiB in 2 files), replaced in layer 1 but shipped all the same",
                "low layer/package-cache /root/.npm/_cacache@1 (deleted): `/root/.npm/_cacache` holds the npm cache (8.0 KiB in 1 file), deleted in layer 2 but shipped all the same",
                "low layer/package-cache /var/lib/apt/lists@1: `/var/lib/apt/lists` holds apt package lists (9.8 KiB in 1 file)",
            ]
        );
        let findings = run(&PackageCache, &image);
        assert!(findings.iter().all(|finding| finding.is_fixable));
        let mut ids: Vec<_> = findings.iter().map(Finding::fingerprint).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), findings.len(), "fingerprints differ");
    }

    #[test]
    fn remains_and_linked_stores_are_no_caches() {
        let image = layered(vec![vec![
            file("var/cache/apt/pkgcache.bin", 100),
            file("root/.local/share/pnpm/store/v3/aa", 50_000),
            hard_link("app/node_modules/x/index.js", "root/.local/share/pnpm/store/v3/aa"),
            file("usr/share/go/pkg/mod/x.go", 50_000),
        ]])
        .owning(&["usr/share/go/pkg/mod/x.go"]);
        assert_eq!(shown(&PackageCache, &image), [""; 0]);
    }
}

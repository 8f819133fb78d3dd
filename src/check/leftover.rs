//! Things of a developer's desk or of the build that no container needs.

use std::collections::BTreeMap;

use super::package_cache::is_in_cache;
use super::{Check, Context, Heap, HiddenBy as _, Matters, at, count, fate};
use crate::finding::{Finding, Findings};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::size::ByteSize;
use crate::tree::{FileEntry, Node};

/// Something was left behind.
pub(super) static LEFTOVER: Rule = Rule {
    id: "layer/leftover",
    title: "A layer ships what was left from development or the build",
    severity: Severity::Low,
    why: "A repository's history holds everything that was ever committed, secrets that were removed later too; a core \
          dump holds a process's memory, editors' files hold earlier texts. All of it is shipped with the image, also \
          when a later step deletes it. Dumps and temporary files count from 4 KiB on, logs from 64 KiB, those of package \
          managers from 1 MiB.",
    remediation: "List such paths in `.dockerignore`, copy only what the image needs, and delete what a `RUN` leaves in \
                  the same `RUN`.",
    references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    also: &["DKL-LI-0003"],
    bad: "COPY . /srv/app",
    good: "# .dockerignore\n.git\n**/*.swp\n**/.DS_Store\nDockerfile",
    ..Rule::NEW
};

/// A kind of leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Repository,
    EditorFolder,
    DesktopFolder,
    EditorSwap,
    EditorBackup,
    Desktop,
    CoreDump,
    HeapDump,
    BuildFile,
    CommandHistory,
    Environment,
    TerraformState,
    TerraformFolder,
    ToolLog,
    Log,
    Temporary,
    Bytecode,
}

impl Kind {
    fn id(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::EditorFolder => "editor-folder",
            Self::DesktopFolder | Self::Desktop => "desktop",
            Self::EditorSwap => "editor-swap",
            Self::EditorBackup => "editor-backup",
            Self::CoreDump => "core-dump",
            Self::HeapDump => "heap-dump",
            Self::BuildFile => "build-file",
            Self::CommandHistory => "command-history",
            Self::Environment => "environment-file",
            Self::TerraformState => "terraform-state",
            Self::TerraformFolder => "terraform-folder",
            Self::ToolLog | Self::Log => "log",
            Self::Temporary => "temporary-file",
            Self::Bytecode => "bytecode",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Repository => "the history of a repository",
            Self::EditorFolder => "an editor's settings",
            Self::DesktopFolder | Self::Desktop => "a desktop's own data",
            Self::EditorSwap => "an editor's swap file",
            Self::EditorBackup => "an editor's backup",
            Self::CoreDump => "a dump of a process's memory",
            Self::HeapDump => "a dump of a Java heap",
            Self::BuildFile => "a file that only the build needs",
            Self::CommandHistory => "a history of commands",
            Self::Environment => "the settings of a development environment",
            Self::TerraformState => "a state of Terraform, which holds what it set up, passwords too",
            Self::TerraformFolder => "Terraform's own data",
            Self::ToolLog | Self::Log => "a log",
            Self::Temporary => "temporary data",
            Self::Bytecode => "bytecode that Python made of an application",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Repository | Self::CoreDump | Self::HeapDump | Self::TerraformState => Severity::Medium,
            Self::BuildFile | Self::Bytecode => Severity::Info,
            _ => Severity::Low,
        }
    }

    fn confidence(self) -> Confidence {
        match self {
            Self::CoreDump | Self::EditorBackup => Confidence::Medium,
            _ => Confidence::High,
        }
    }

    /// Smallest size in bytes at which it is one.
    fn floor(self) -> u64 {
        match self {
            Self::CoreDump | Self::HeapDump | Self::Temporary => CORE_FLOOR,
            Self::Log => LOG_FLOOR,
            _ => 1,
        }
    }
}

/// Smallest size of a dump in bytes: one page.
const CORE_FLOOR: u64 = 4096;

/// Smallest size of a log in bytes.
const LOG_FLOOR: u64 = 64 << 10;

/// Smallest size in bytes of a log that a package manager or the making of a user leaves; each step that installs
/// something writes the whole of it again.
const SYSTEM_LOG_FLOOR: u64 = 1 << 20;

/// Such logs, below `var/log`.
const SYSTEM_LOGS: &[&str] = &[
    "alternatives.log",
    "apt/history.log",
    "apt/term.log",
    "bootstrap.log",
    "btmp",
    "dnf.librepo.log",
    "dnf.log",
    "dnf.rpm.log",
    "dpkg.log",
    "faillog",
    "fontconfig.log",
    "hawkey.log",
    "lastlog",
    "tallylog",
    "wtmp",
    "yum.log",
    "zypper.log",
    "zypp/history",
];

/// Folders that are leftovers as a whole.
const FOLDERS: &[(&[u8], Kind)] = &[
    (b".git", Kind::Repository),
    (b".svn", Kind::Repository),
    (b".hg", Kind::Repository),
    (b".bzr", Kind::Repository),
    (b".idea", Kind::EditorFolder),
    (b".vscode", Kind::EditorFolder),
    (b".vs", Kind::EditorFolder),
    (b"__MACOSX", Kind::DesktopFolder),
    (b".terraform", Kind::TerraformFolder),
];

/// Files known by their whole name.
const FILES: &[(&[u8], Kind)] = &[
    (b".DS_Store", Kind::Desktop),
    (b"Thumbs.db", Kind::Desktop),
    (b"Dockerfile", Kind::BuildFile),
    (b"Containerfile", Kind::BuildFile),
    (b".dockerignore", Kind::BuildFile),
    (b".containerignore", Kind::BuildFile),
    (b"docker-compose.yml", Kind::BuildFile),
    (b"docker-compose.yaml", Kind::BuildFile),
    (b"compose.yml", Kind::BuildFile),
    (b"compose.yaml", Kind::BuildFile),
    (b".env", Kind::Environment),
    (b".env.local", Kind::Environment),
    (b".env.dev", Kind::Environment),
    (b".env.development", Kind::Environment),
    (b".env.development.local", Kind::Environment),
    (b".env.prod", Kind::Environment),
    (b".env.production", Kind::Environment),
    (b".env.production.local", Kind::Environment),
    (b".env.staging", Kind::Environment),
    (b".env.test", Kind::Environment),
    (b".env.test.local", Kind::Environment),
    (b"terraform.tfstate", Kind::TerraformState),
    (b"terraform.tfstate.backup", Kind::TerraformState),
    (b"npm-debug.log", Kind::ToolLog),
    (b"yarn-error.log", Kind::ToolLog),
    (b"nohup.out", Kind::ToolLog),
    (b".ash_history", Kind::CommandHistory),
    (b".bash_history", Kind::CommandHistory),
    (b".zsh_history", Kind::CommandHistory),
    (b".sh_history", Kind::CommandHistory),
    (b".python_history", Kind::CommandHistory),
    (b".node_repl_history", Kind::CommandHistory),
    (b".mysql_history", Kind::CommandHistory),
    (b".psql_history", Kind::CommandHistory),
    (b".rediscli_history", Kind::CommandHistory),
    (b".viminfo", Kind::CommandHistory),
];

/// Folders of other people's packages, which are shipped as their authors made them.
const OTHERS: &[&[u8]] = &[
    b"node_modules",
    b"bower_components",
    b"site-packages",
    b"dist-packages",
    b"gems",
    b"vendor",
    b".nvm",
    b".cargo",
    b".rustup",
    b".m2",
];

/// Folders where a name means nothing.
const NOT_LOOKED_AT: &[&[u8]] = &[b"proc", b"sys", b"dev", b"usr/share/doc", b"usr/share/man", b"usr/local/share/man"];

/// Findings of one kind in one layer that are listed singly; those beyond are counted in one.
const LISTED: usize = 20;

/// Judges the files of every layer, hidden ones too.
pub(super) struct Leftover;

impl Check for Leftover {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&LEFTOVER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut matters = Matters::default();
        for (layer, members) in (0u32..).zip(image.tree.layers()) {
            let mut heaps: BTreeMap<(Kind, &[u8]), Heap> = BTreeMap::new();
            // members of one folder mostly stand together
            let mut last: (&[u8], Place<'_>) = (b"", Place::Plain);
            for (member, entry) in (0u32..).zip(members) {
                if !entry.is_file() || entry.is_marker() {
                    continue;
                }
                let folder = entry.path.parent_bytes();
                if folder != last.0 {
                    last = (folder, place_of(folder));
                }
                let (kind, root) = match last.1 {
                    Place::Quiet => continue,
                    Place::Leftover(kind, root) => (kind, root),
                    Place::Plain => match kind_of_file(entry) {
                        Some(kind) => (kind, entry.path.as_bytes()),
                        None => continue,
                    },
                };
                let node = Node { layer, member };
                let is_owned = image.owned.owner(&entry.path).is_some()
                    || image.tree.names_of(node).any(|name| image.owned.owner(name).is_some());
                if !is_owned && !is_in_cache(&entry.path) {
                    heaps.entry((kind, root)).or_default().add(image, node, entry.size);
                }
            }
            let mut listed: BTreeMap<Kind, usize> = BTreeMap::new();
            heaps.retain(|(kind, _), heap| heap.bytes >= kind.floor());
            let mut totals: BTreeMap<Kind, usize> = BTreeMap::new();
            for (kind, _) in heaps.keys() {
                *totals.entry(*kind).or_default() += 1;
            }
            for ((kind, root), heap) in heaps {
                let place = listed.entry(kind).or_default();
                *place += 1;
                if *place > LISTED {
                    continue;
                }
                let path = ImagePath::new(root);
                let hidden = heap.hidden_by();
                let size = ByteSize(heap.bytes);
                let size =
                    if heap.files == 1 { size.to_string() } else { format!("{size} in {}", count(heap.files, "file")) };
                let verb = if kind == Kind::Bytecode { "holds" } else { "is" };
                let mut message = format!("`{path}` {verb} {} ({size}){}", kind.what(), fate(hidden));
                let more = totals.get(&kind).copied().unwrap_or_default().saturating_sub(LISTED);
                if *place == LISTED && more > 0 {
                    message = format!("{message}; {more} more of the kind in this layer are not listed");
                }
                let location = at(&path, layer);
                let mut finding = Finding::new(&LEFTOVER, path.to_string(), location, message)
                    .hidden_by(hidden)
                    .evidence("kind", kind.id())
                    .evidence("bytes", heap.bytes)
                    .evidence("files", heap.files);
                finding.severity = kind.severity();
                finding.confidence = kind.confidence();
                matters.give(image, layer, &mut finding);
                finding.is_fixable = true;
                findings.push(finding);
            }
        }
    }
}

/// What a folder's files are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    /// Each by its own name.
    Plain,
    /// Not looked at.
    Quiet,
    /// Part of a leftover, whose folder this is.
    Leftover(Kind, &'a [u8]),
}

fn place_of(folder: &[u8]) -> Place<'_> {
    let is_below =
        |top: &&[u8]| folder.strip_prefix(*top).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')));
    if NOT_LOOKED_AT.iter().any(is_below) {
        return Place::Quiet;
    }
    if let Some((rest, top)) =
        [&b"tmp/"[..], b"var/tmp/"].iter().find_map(|top| Some((folder.strip_prefix(*top)?, top.len())))
    {
        let first = rest.split(|byte| *byte == b'/').next().unwrap_or(rest);
        return folder
            .get(..top.saturating_add(first.len()))
            .map_or(Place::Plain, |root| Place::Leftover(Kind::Temporary, root));
    }
    let mut end = 0usize;
    for (depth, component) in folder.split(|byte| *byte == b'/').enumerate() {
        end = end.saturating_add(component.len());
        if OTHERS.contains(&component) {
            return Place::Quiet;
        }
        if component == b"__pycache__" {
            // the interpreter's own library has its bytecode beside it, wherever it is installed
            let above = folder.get(..end).unwrap_or(folder);
            let is_library =
                above.starts_with(b"usr/") || above.split(|byte| *byte == b'/').any(|part| part.starts_with(b"python"));
            let root = above.split_inclusive(|byte| *byte == b'/').take(2).map(<[u8]>::len).sum::<usize>();
            let root = if depth < 2 { Some(above) } else { above.get(..root.saturating_sub(1)) };
            return root.filter(|_| !is_library).map_or(Place::Quiet, |root| Place::Leftover(Kind::Bytecode, root));
        }
        if let (Some((_, kind)), Some(root)) = (FOLDERS.iter().find(|(name, _)| *name == component), folder.get(..end))
        {
            return Place::Leftover(*kind, root);
        }
        end = end.saturating_add(1);
    }
    Place::Plain
}

/// The kind of leftover, by the id in the evidence of a finding, and what is one as a whole: the file itself, or a folder above.
pub fn leftover_of_file(image: &Inventory, node: Node) -> Option<(&'static str, ImagePath)> {
    let entry = image.tree.entry(node);
    if !entry.is_file() || entry.is_marker() || is_in_cache(&entry.path) {
        return None;
    }
    let (kind, root) = match place_of(entry.path.parent_bytes()) {
        Place::Quiet => return None,
        Place::Leftover(kind, root) => (kind, root),
        Place::Plain => (kind_of_file(entry)?, entry.path.as_bytes()),
    };
    let is_owned = image.owned.owner(&entry.path).is_some()
        || image.tree.names_of(node).any(|name| image.owned.owner(name).is_some());
    (!is_owned).then(|| (kind.id(), ImagePath::new(root)))
}

/// Whether the file is of a kind that `Leftover` reports, wherever it comes from.
pub fn is_leftover(entry: &FileEntry) -> bool {
    let kind = match place_of(entry.path.parent_bytes()) {
        Place::Quiet => None,
        Place::Leftover(kind, _) => Some(kind),
        Place::Plain => kind_of_file(entry),
    };
    kind.is_some_and(|kind| entry.size >= kind.floor())
}

fn kind_of_file(entry: &FileEntry) -> Option<Kind> {
    let name = entry.path.file_name();
    if let Some((_, kind)) = FILES.iter().find(|(known, _)| *known == name) {
        return Some(*kind);
    }
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.len() <= 7 && digits.iter().all(u8::is_ascii_digit);
    let is_numbered = name.strip_prefix(b"core.").or_else(|| name.strip_prefix(b"vgcore.")).is_some_and(is_number);
    // the kernel writes them for their owner to read, not to run
    let is_bare = matches!(name, b"core" | b"vmcore") && entry.mode & 0o111 == 0;
    let is_build_file = name.starts_with(b"Dockerfile.") || name.ends_with(b".Dockerfile");
    let is_in = |folders: &[&[u8]]| folders.iter().any(|folder| entry.path.strip_folder(folder).is_some());
    match name {
        _ if is_in(&[b"tmp", b"var/tmp"]) => Some(Kind::Temporary),
        _ if is_in(&[b"var/log"]) => {
            let name = entry.path.strip_folder(b"var/log").unwrap_or_default();
            let is_small = entry.size < SYSTEM_LOG_FLOOR && SYSTEM_LOGS.iter().any(|known| known.as_bytes() == name);
            (!is_small).then_some(Kind::Log)
        }
        // `core` alone is also a name of programs and small data; the least dump has more than one page
        _ if is_numbered || is_bare && entry.size >= CORE_FLOOR => Some(Kind::CoreDump),
        _ if name.ends_with(b".hprof") => Some(Kind::HeapDump),
        _ if is_build_file => Some(Kind::BuildFile),
        // .main.py.swp, and .swo, .swn … for further sessions
        [b'.', .., b'.', b's', b'w', b'k'..=b'p'] | [b'#', .., b'#'] => Some(Kind::EditorSwap),
        [_, .., b'~'] => Some(Kind::EditorBackup),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, layered, mode, shown};
    use super::*;

    #[test]
    fn leftovers_are_known_by_name_and_place() {
        let cases = [
            ("srv/app/.git/HEAD", "repository"),
            ("srv/app/.git/objects/aa/bb", "repository"),
            (".git/config", "repository"),
            ("srv/app/.gitignore", ""),
            ("srv/app/.github/x.yml", ""),
            ("srv/app/node_modules/x/.git/HEAD", ""),
            ("usr/lib/python3/site-packages/x/Dockerfile", ""),
            ("go/pkg/mod/x/Dockerfile", ""),
            ("srv/app/.idea/x.xml", "editor-folder"),
            ("srv/.main.py.swp", "editor-swap"),
            ("srv/main.py~", "editor-backup"),
            ("srv/#main.py#", "editor-swap"),
            ("srv/~", ""),
            ("srv/.DS_Store", "desktop"),
            ("srv/Dockerfile", "build-file"),
            ("srv/Dockerfile.dev", "build-file"),
            ("root/buildinfo/Dockerfile-ubi9-9.4", ""),
            ("srv/compose.yaml", "build-file"),
            ("core.1234", "core-dump"),
            ("srv/core.js", ""),
            ("core", "core-dump"),
            ("srv/core", "core-dump"),
            ("var/crash/vmcore", "core-dump"),
            ("srv/node_modules/x/core", ""),
            ("usr/share/x/core/data", ""),
            ("srv/java_pid1.hprof", "heap-dump"),
            ("usr/share/man/man5/core.5", ""),
            ("root/.bash_history", "command-history"),
            ("root/.bashrc", ""),
            ("srv/.env", "environment-file"),
            ("srv/.env.example", ""),
            ("srv/node_modules/x/.env", ""),
            ("srv/.env.local", "environment-file"),
            ("srv/.env.production", "environment-file"),
            ("srv/.env.sample", ""),
            ("srv/terraform.tfstate", "terraform-state"),
            ("srv/terraform.tfstate.backup", "terraform-state"),
            ("srv/.terraform/providers/x", "terraform-folder"),
            ("srv/.terraform.lock.hcl", ""),
            ("srv/npm-debug.log", "log"),
            ("srv/nohup.out", "log"),
            ("srv/node_modules/x/npm-debug.log", ""),
            ("tmp/a.tmp", "temporary-file"),
            ("var/tmp/a/b/c", "temporary-file"),
            ("srv/tmp/a.tmp", ""),
            ("var/log/small.log", ""),
            ("srv/app/__pycache__/a.pyc", "bytecode"),
            ("srv/app/b/c/__pycache__/a.pyc", "bytecode"),
            ("usr/lib/python3.11/__pycache__/a.pyc", ""),
            ("opt/conda/lib/python3.11/__pycache__/a.pyc", ""),
            ("opt/venv/lib/python3.11/site-packages/x/__pycache__/a.pyc", ""),
            ("etc/passwd-", ""),
        ];
        for (path, kind) in cases {
            let image = layered(vec![vec![file(path, 9_000)]]);
            let findings = super::super::testing::run(&Leftover, &image);
            let found = findings.first().and_then(|finding| finding.evidence.get("kind")?.as_str());
            assert_eq!(found.unwrap_or_default(), kind, "{path}");
        }
    }

    #[test]
    fn programs_and_small_files_are_no_core_dumps() {
        let program = mode(file("srv/core", 9_000), 0o755);
        let folder = folder("app/core");
        let files = vec![program, folder, file("core", 4_095), file("srv/x/vmcore", 100), file("opt/core", 20_000)];
        assert_eq!(shown(&Leftover, &layered(vec![files]).owning(&["opt/core"])), [""; 0]);
    }

    #[test]
    fn folders_are_one_finding_with_their_bytes_and_fate() {
        let image = layered(vec![
            vec![file("srv/.git/HEAD", 20), file("srv/.git/objects/a", 3_000), file("srv/core.7", 100)],
            vec![file("srv/.wh..git", 0), file("srv/.a.swp", 4_096), file("usr/x~", 1)],
        ])
        .owning(&["usr/x~"]);
        assert_eq!(
            shown(&Leftover, &image),
            [
                "medium layer/leftover /srv/.git@0 (deleted): `/srv/.git` is the history of a repository (2.9 KiB in 2 files), deleted in layer 1 but shipped all the same",
                "low layer/leftover /srv/.a.swp@1: `/srv/.a.swp` is an editor's swap file (4.0 KiB)",
            ]
        );
    }

    #[test]
    fn logs_count_by_size_and_bytecode_by_application() {
        let image = layered(vec![vec![
            file("var/log/other.log", 60_000),
            file("srv/nohup.out", 500),
            file("srv/empty/nohup.out", 0),
            file("var/log/apt/term.log", 900_000),
            file("var/log/lastlog", 2 << 20),
            file("var/log/flint.log", 250_000),
            file("srv/app/__pycache__/a.pyc", 600),
            file("srv/app/b/__pycache__/a.pyc", 400),
            file("__pycache__/a.pyc", 100),
        ]]);
        assert_eq!(
            shown(&Leftover, &image),
            [
                "low layer/leftover /srv/nohup.out@0: `/srv/nohup.out` is a log (500 B)",
                "low layer/leftover /var/log/flint.log@0: `/var/log/flint.log` is a log (244.1 KiB)",
                "low layer/leftover /var/log/lastlog@0: `/var/log/lastlog` is a log (2.0 MiB)",
                "info layer/leftover /__pycache__@0: `/__pycache__` holds bytecode that Python made of an application (100 B)",
                "info layer/leftover /srv/app@0: `/srv/app` holds bytecode that Python made of an application (1000 B in 2 files)",
            ]
        );
    }

    #[test]
    fn a_flood_is_counted() {
        let files = (0..100).map(|n| file(&format!("srv/{n}/.DS_Store"), 10)).collect();
        let findings = shown(&Leftover, &layered(vec![files]));
        assert_eq!(findings.len(), LISTED);
        assert!(findings.last().is_some_and(|last| last.contains("80 more")), "{findings:?}");
    }
}

//! What differs between two images: packages, findings, files, settings, size; see `docs/formats/diff.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Serialize;

use crate::digest::sha256_bytes;
use crate::escape::escape;
use crate::finding::Finding;
use crate::inventory::{Inventory, State};
use crate::path::ImagePath;
use crate::policy::{Action, Judged};
use crate::report::Report;
use crate::rule::Severity;
use crate::secret;
use crate::tree::{Capabilities, FileKind, Node};

/// Longest value of a setting that is shown, in characters.
const LONGEST_VALUE: usize = 400;

/// Files and settings of an image, for comparing them with those of another.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Whether it has files and settings: a bill of materials has none.
    is_image: bool,
    files: BTreeMap<ImagePath, FileState>,
    settings: BTreeMap<String, Setting>,
}

#[derive(Debug, PartialEq, Eq)]
struct FileState {
    kind: FileKind,
    size: u64,
    mark: Option<u128>,
    mode: u32,
    uid: u32,
    gid: u32,
    capabilities: Option<Box<Capabilities>>,
}

/// A setting as shown, and a mark of what it says: two secrets may be shown alike.
#[derive(Debug, Clone)]
struct Setting {
    shown: String,
    mark: [u8; 32],
}

/// Two images compared.
#[derive(Debug)]
pub struct Diff {
    /// The first image.
    pub before: Report,
    /// The second image.
    pub after: Report,
    /// By package URL without the version.
    pub packages: Vec<PackageChange>,
    /// Findings of the second image that the first has not, in the order of its report.
    pub new: Vec<usize>,
    /// Findings of the first image that the second has not, in the order of its report.
    pub gone: Vec<usize>,
    /// Findings of both, by fingerprint; one that has become graver, that the policy judges harder, or that
    /// stands for more than before is new.
    pub same: usize,
    /// Sorted by path; `None` where one of the two has no files.
    pub files: Option<Vec<FileChange>>,
    /// Sorted by key; `None` where one of the two has no settings.
    pub settings: Option<Vec<SettingChange>>,
    /// Bytes of files that a container sees, before and after.
    pub visible: Option<(u64, u64)>,
}

/// Versions of a package that only one of the images has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Package URL without version and qualifiers.
    pub package: String,
    /// Versions of the first image.
    pub before: Vec<String>,
    /// Versions of the second image.
    pub after: Vec<String>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileChangeKind {
    /// Only the second image has it.
    Added,
    /// Only the first image has it.
    Removed,
    /// It is something else: a link, a folder, a file.
    Kind,
    /// It is a link that leads elsewhere.
    Target,
    /// It holds something else.
    Content,
    /// Its owner, mode or capabilities differ.
    Metadata,
}

/// A file that differs. Times are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path, as it is shown.
    pub path: String,
    /// What became of it.
    pub change: FileChangeKind,
    /// Bytes in the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_before: Option<u64>,
    /// Bytes in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_after: Option<u64>,
    /// Where it leads in the first image, if it is a symbolic link there, and another one or none in the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_before: Option<String>,
    /// The same in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_after: Option<String>,
    /// Mode, owner and group in the first image, where these differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_before: Option<String>,
    /// The same in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_after: Option<String>,
}

/// A setting of the configuration that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingChange {
    /// Its name: `User`, `Env.PATH`, `Labels.version`.
    pub key: String,
    /// In the first image, secrets masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// In the second image, secrets masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// `--fail-on new[:SEVERITY]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailOnNew {
    least: Option<Severity>,
}

impl FromStr for FailOnNew {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "new" => Ok(Self { least: None }),
            Some(("new", severity)) => Ok(Self { least: Some(severity.parse()?) }),
            _ => Err("write `new`, or `new:` and a severity, such as `new:high`".into()),
        }
    }
}

impl FailOnNew {
    /// Whether a new finding fails: one from the severity up, or that the policy warns of or fails. None that is waived.
    fn is_failing(self, judged: &Judged) -> bool {
        judged.waiver.is_none()
            && match self.least {
                Some(least) => judged.finding.severity >= least,
                None => judged.action >= Action::Warn,
            }
    }
}

impl Snapshot {
    /// Of an image that was read with [`crate::layers::CONTENT`] among the collectors.
    pub fn of(inventory: &Inventory) -> Self {
        let tree = &inventory.tree;
        let state = |(path, node): (&ImagePath, Node)| {
            let entry = tree.entry(node);
            let state = FileState {
                kind: entry.kind.clone(),
                size: entry.size,
                mark: inventory.contents.mark(node).filter(|_| entry.is_file()),
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                capabilities: entry.capabilities.clone(),
            };
            (path.clone(), state)
        };
        Self {
            is_image: !inventory.layers.is_empty() || inventory.config.is_some(),
            files: tree.names().map(state).collect(),
            settings: settings(inventory),
        }
    }
}

impl Diff {
    /// Compares two images, each with the bytes of files that a container sees.
    pub fn of(before: (Report, Snapshot, u64), after: (Report, Snapshot, u64)) -> Self {
        let (before, old, visible_before) = before;
        let (after, state, visible_after) = after;
        let (known, found) = (by_print(&before), by_print(&after));
        let is_known = |judged: &Judged| {
            let was = known.get(&judged.finding.fingerprint());
            was.is_some_and(|was| is_no_more(&judged.finding, &was.finding) && judged.action <= was.action)
        };
        let is_gone = |judged: &Judged| !found.contains_key(&judged.finding.fingerprint());
        let places = |report: &Report, is_meant: &dyn Fn(&Judged) -> bool| -> Vec<usize> {
            report.findings.iter().enumerate().filter(|(_, one)| is_meant(one)).map(|(at, _)| at).collect()
        };
        let new = places(&after, &|judged| !is_known(judged));
        let are_images = old.is_image && state.is_image;
        Self {
            packages: packages(&before, &after),
            same: after.findings.len().saturating_sub(new.len()),
            gone: places(&before, &is_gone),
            new,
            files: are_images.then(|| files(&old.files, &state.files)),
            settings: are_images.then(|| changed_settings(&old.settings, &state.settings)),
            visible: are_images.then_some((visible_before, visible_after)),
            before,
            after,
        }
    }

    /// Findings of the second image that the first has not.
    pub fn new_findings(&self) -> impl Iterator<Item = &Judged> {
        self.new.iter().filter_map(|at| self.after.findings.get(*at))
    }

    /// Findings of the first image that the second has not.
    pub fn gone_findings(&self) -> impl Iterator<Item = &Judged> {
        self.gone.iter().filter_map(|at| self.before.findings.get(*at))
    }

    /// How many new findings fail.
    pub fn failing(&self, rule: FailOnNew) -> usize {
        self.new_findings().filter(|judged| rule.is_failing(judged)).count()
    }

    /// Whether something of either image was not read or not judged.
    pub fn has_gaps(&self) -> bool {
        self.before.has_gaps() || self.after.has_gaps()
    }
}

/// Whether a finding is no graver than before, and stands for nothing that it did not before.
fn is_no_more(finding: &Finding, before: &Finding) -> bool {
    finding.severity <= before.severity && finding.members.is_subset(&before.members)
}

/// The findings by fingerprint.
fn by_print(report: &Report) -> BTreeMap<String, &Judged> {
    report.findings.iter().map(|judged| (judged.finding.fingerprint(), judged)).collect()
}

fn packages(before: &Report, after: &Report) -> Vec<PackageChange> {
    let mut versions: BTreeMap<String, [BTreeSet<&str>; 2]> = BTreeMap::new();
    for (side, report) in [before, after].into_iter().enumerate() {
        for package in report.packages.iter().filter(|package| package.state == State::Installed) {
            let of_package = versions.entry(without_version(&package.purl).to_owned()).or_default();
            if let Some(of_side) = of_package.get_mut(side) {
                of_side.insert(&package.version);
            }
        }
    }
    let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| -> Vec<String> {
        one.difference(other).map(|version| (*version).to_owned()).collect()
    };
    let change = |(package, [before, after]): (String, [BTreeSet<&str>; 2])| PackageChange {
        package,
        before: only(&before, &after),
        after: only(&after, &before),
    };
    let changes = versions.into_iter().map(change);
    changes.filter(|change| !(change.before.is_empty() && change.after.is_empty())).collect()
}

/// `pkg:deb/debian/curl` of `pkg:deb/debian/curl@7.88.1-10?arch=amd64`.
fn without_version(purl: &str) -> &str {
    let bare = purl.split(['?', '#']).next().unwrap_or(purl);
    bare.rsplit_once('@').map_or(bare, |(name, _)| name)
}

fn files(before: &BTreeMap<ImagePath, FileState>, after: &BTreeMap<ImagePath, FileState>) -> Vec<FileChange> {
    let paths: BTreeSet<&ImagePath> = before.keys().chain(after.keys()).collect();
    paths.into_iter().filter_map(|path| file_change(path, before.get(path), after.get(path))).collect()
}

fn file_change(path: &ImagePath, before: Option<&FileState>, after: Option<&FileState>) -> Option<FileChange> {
    let is_folder = |state: &FileState| state.kind == FileKind::Directory;
    let change = match (before, after) {
        (None, Some(state)) if !is_folder(state) => FileChangeKind::Added,
        (Some(state), None) if !is_folder(state) => FileChangeKind::Removed,
        (Some(old), Some(new)) if old.kind != new.kind => match (&old.kind, &new.kind) {
            (FileKind::Symlink(_), FileKind::Symlink(_)) => FileChangeKind::Target,
            _ => FileChangeKind::Kind,
        },
        (Some(old), Some(new)) if (old.size, old.mark) != (new.size, new.mark) => FileChangeKind::Content,
        (Some(old), Some(new)) if old != new => FileChangeKind::Metadata,
        _ => return None,
    };
    let size = |state: Option<&FileState>| state.filter(|state| state.kind == FileKind::File).map(|state| state.size);
    let owner = |state: &FileState| {
        let capabilities = state.capabilities.as_ref().map(|capabilities| match capabilities.to_string() {
            text if text.is_empty() => ", capabilities".to_owned(),
            text => format!(", {text}"),
        });
        format!("{:04o} {}:{}{}", state.mode, state.uid, state.gid, capabilities.unwrap_or_default())
    };
    let (mut owner_before, mut owner_after) = (before.map(owner), after.map(owner));
    if owner_before == owner_after || before.is_none() || after.is_none() {
        (owner_before, owner_after) = (None, None);
    }
    let is_elsewhere = matches!(change, FileChangeKind::Kind | FileChangeKind::Target);
    let target = |state: Option<&FileState>| match &state.filter(|_| is_elsewhere)?.kind {
        FileKind::Symlink(target) => Some(secret::masked_path(&escape(target))),
        _ => None,
    };
    Some(FileChange {
        path: secret::masked_path(&path.to_string()),
        change,
        size_before: size(before),
        size_after: size(after),
        target_before: target(before),
        target_after: target(after),
        owner_before,
        owner_after,
    })
}

fn changed_settings(before: &BTreeMap<String, Setting>, after: &BTreeMap<String, Setting>) -> Vec<SettingChange> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |key: &String| {
        let (old, new) = (before.get(key), after.get(key));
        let shown = |setting: Option<&Setting>| setting.map(|setting| setting.shown.clone());
        (old.map(|old| old.mark) != new.map(|new| new.mark)).then(|| SettingChange {
            key: secret::mask_text(key),
            before: shown(old),
            after: shown(new),
        })
    };
    keys.into_iter().filter_map(change).collect()
}

/// The settings of the configuration by name, those that are not set left out.
fn settings(inventory: &Inventory) -> BTreeMap<String, Setting> {
    let Some(config) = &inventory.config else { return BTreeMap::new() };
    let echo = secret::Echo::of(inventory.config.as_ref(), &inventory.annotations);
    let mut settings = BTreeMap::new();
    let mut set = |key: String, value: &str| {
        // with its name, by which a password is known
        let masked = echo.mask(&format!("{key}={value}"));
        let shown = masked.strip_prefix(&format!("{key}=")).unwrap_or(&masked).to_owned();
        let shown = match shown.char_indices().nth(LONGEST_VALUE) {
            Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
            None => shown,
        };
        settings.insert(key, Setting { shown, mark: sha256_bytes(value.as_bytes()) });
    };
    let run = &config.config;
    for (key, value) in [("User", &run.user), ("WorkingDir", &run.working_dir), ("Os", &config.os)] {
        if !value.is_empty() {
            set(key.into(), value);
        }
    }
    if !config.architecture.is_empty() {
        set("Architecture".into(), format!("{} {}", config.architecture, config.variant).trim());
    }
    let lists = [("Entrypoint", &run.entrypoint), ("Cmd", &run.cmd), ("OnBuild", &run.on_build), ("Shell", &run.shell)];
    for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        set(key.into(), &serde_json::json!(list).to_string());
    }
    if let Some(signal) = &run.stop_signal {
        set("StopSignal".into(), signal);
    }
    if let Some(check) = &run.healthcheck {
        set("Healthcheck".into(), &serde_json::json!(check.test).to_string());
    }
    for (name, value) in config.environment() {
        set(format!("Env.{name}"), value);
    }
    for (name, value) in &run.labels {
        set(format!("Labels.{name}"), value);
    }
    for port in run.exposed_ports.keys() {
        set(format!("ExposedPorts.{port}"), "exposed");
    }
    for volume in run.volumes.keys() {
        set(format!("Volumes.{volume}"), "a volume");
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Location;
    use crate::limit::Limits;
    use crate::tree::FileEntry;

    fn snapshot(config: &str, files: Vec<FileEntry>) -> Snapshot {
        let config = crate::image::ImageConfig::parse(config.as_bytes(), &Limits::default()).expect("it parses");
        let tree = crate::tree::Tree::union(vec![files.into()], &Limits::default()).0;
        Snapshot::of(&Inventory { config: Some(config), tree, ..Inventory::default() })
    }

    #[test]
    fn files_that_differ_are_told_with_how() {
        let folder = |path: &str, mode| FileEntry { kind: FileKind::Directory, mode, ..FileEntry::file(path, 0) };
        let link = |path: &str, to: &str| FileEntry {
            kind: FileKind::Symlink(to.as_bytes().into()),
            ..FileEntry::file(path, 0)
        };
        let old = vec![
            folder("d", 0o755),
            folder("gone", 0o755),
            FileEntry::file("d/same", 1),
            FileEntry::file("d/larger", 1),
            FileEntry::file("d/mode", 1),
            FileEntry::file("d/link", 1),
            link("d/moved", "same"),
            FileEntry::file("gone/a", 7),
        ];
        let new = vec![
            folder("d", 0o700),
            FileEntry { mtime: 5, ..FileEntry::file("d/same", 1) },
            FileEntry::file("d/larger", 2),
            FileEntry { mode: 0o600, uid: 3, ..FileEntry::file("d/mode", 1) },
            link("d/link", "same"),
            link("d/moved", "/new"),
            FileEntry::file("new", 9),
        ];
        let changes = files(&snapshot("{}", old).files, &snapshot("{}", new).files);
        let shown: Vec<String> = changes
            .iter()
            .map(|change| {
                let owner = change.owner_before.as_deref().unwrap_or("-");
                let target =
                    |target: &Option<String>| target.as_ref().map(|target| format!(" >{target}")).unwrap_or_default();
                let targets = target(&change.target_before) + &target(&change.target_after);
                let FileChange { change, path, size_before, size_after, .. } = change;
                format!("{change:?} {path} {size_before:?} {size_after:?} {owner}{targets}")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Metadata /d None None 0755 0:0",
                "Content /d/larger Some(1) Some(2) -",
                "Kind /d/link Some(1) None - >same",
                "Metadata /d/mode Some(1) Some(1) 0644 0:0",
                "Target /d/moved None None - >same >/new",
                "Removed /gone/a Some(7) None -",
                "Added /new None Some(9) -",
            ]
        );
    }

    #[test]
    fn settings_are_compared_and_secrets_masked() {
        let config = |user: &str, password: &str| {
            let text = format!(
                r#"{{"config": {{"User": "{user}", "Env": ["PATH=/bin", "DB_PASSWORD={password}"], "Labels": {{"a": "1"}}}}}}"#
            );
            snapshot(&text, Vec::new()).settings
        };
        let (first, second) = ["k4Jd82hsLq0x", "Zp39dkW71mQc"].into();
        let changes = changed_settings(&config("", first), &config("app", second));
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["Env.DB_PASSWORD", "User"]);
        let shown = format!("{changes:?}");
        assert!(!shown.contains(first) && !shown.contains(second), "{shown}");
        assert!(changed_settings(&config("a", first), &config("a", first)).is_empty());
    }

    #[test]
    fn a_group_that_grew_is_new() {
        static RULE: crate::rule::Rule = crate::rule::Rule { id: "image/example", ..crate::rule::Rule::NEW };
        let report = |members: &[&str]| {
            let mut finding = Finding::new(&RULE, "/srv", Location::Image, "a folder");
            for member in members {
                finding.stands_for(member.as_bytes());
            }
            finding
        };
        let cases: &[(&[&str], &[&str], bool)] = &[
            (&["a"], &["a"], true),
            (&["a"], &["a", "b"], false),
            (&["a", "b"], &["b"], true),
            (&["a"], &["b"], false),
        ];
        for (before, after, expected) in cases {
            assert_eq!(is_no_more(&report(after), &report(before)), *expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn the_gate_is_for_new_findings() {
        for (text, is_good) in
            [("new", true), ("new:high", true), ("new:", false), ("high", false), ("old:high", false)]
        {
            assert_eq!(text.parse::<FailOnNew>().is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn versions_are_taken_off_package_urls() {
        let cases = [
            ("pkg:deb/debian/curl@7.88?arch=amd64", "pkg:deb/debian/curl"),
            ("pkg:npm/%40scope/name@1.0.0", "pkg:npm/%40scope/name"),
            ("pkg:generic/x", "pkg:generic/x"),
        ];
        for (purl, bare) in cases {
            assert_eq!(without_version(purl), bare);
        }
    }
}

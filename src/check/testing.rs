//! Small images in memory, for the tables beside the checks.

#![expect(clippy::expect_used, reason = "tests may fail loudly")]

use super::{Check, Context};
use crate::finding::{Findings, Location, Visibility};
use crate::image::ImageConfig;
use crate::inventory::{Distro, Inventory, LayerSummary, SettingFile, SettingLine, User};
use crate::limit::Limits;
use crate::path::ImagePath;
use crate::tree::{FileEntry, FileKind, Node, Tree};

/// An image with a configuration and nothing in it.
pub(crate) fn image(config: &str) -> Inventory {
    let config = ImageConfig::parse(config.as_bytes(), &Limits::default()).expect("the configuration parses");
    Inventory { config: Some(config), ..Inventory::default() }
}

/// A file of settings as it is collected, but for the comments, which stay.
pub(crate) fn settings(path: &str, text: &str) -> SettingFile {
    let mut lines = Vec::new();
    let mut is_after_blank = false;
    for (number, line) in (1u64..).zip(text.lines()) {
        let text = line.trim();
        if !text.is_empty() {
            let is_indented = line.starts_with([' ', '\t']);
            lines.push(SettingLine { number, text: text.into(), is_indented, is_after_blank });
        }
        is_after_blank = text.is_empty();
    }
    SettingFile { path: path.into(), node: Node { layer: 0, member: 0 }, lines }
}

/// An image without a configuration, made of layers.
pub(crate) fn layered(layers: Vec<Vec<FileEntry>>) -> Inventory {
    let summaries = (0u32..)
        .zip(&layers)
        .map(|(index, _)| LayerSummary {
            index,
            created_by: Some(format!("RUN step {index}")),
            ..LayerSummary::default()
        })
        .collect();
    let tree = Tree::union(layers.into_iter().map(Into::into).collect(), &Limits::default()).0;
    Inventory { layers: summaries, tree, ..Inventory::default() }
}

/// A regular file.
pub(crate) fn file(path: &str, size: u64) -> FileEntry {
    FileEntry::file(path, size)
}

/// A folder.
pub(crate) fn folder(path: &str) -> FileEntry {
    FileEntry { kind: FileKind::Directory, mode: 0o755, ..FileEntry::file(path, 0) }
}

/// A second name of a file.
pub(crate) fn hard_link(path: &str, target: &str) -> FileEntry {
    FileEntry { kind: FileKind::HardLink(target.into()), ..FileEntry::file(path, 0) }
}

/// The same entry with other permissions.
pub(crate) fn mode(entry: FileEntry, mode: u32) -> FileEntry {
    FileEntry { mode, ..entry }
}

impl Inventory {
    /// Says that a system package owns these paths.
    pub(crate) fn owning(mut self, paths: &[&str]) -> Self {
        for path in paths {
            self.owned.insert(ImagePath::from(*path), 0);
        }
        self
    }

    /// Adds lines to `/etc/passwd`, of which only name and number matter.
    pub(crate) fn with_users(mut self, users: &[(&str, u32)]) -> Self {
        for (line, (name, uid)) in (1u64..).zip(users) {
            self.accounts.users.push(User { name: (*name).into(), uid: *uid, line, ..User::default() });
        }
        self
    }

    /// Says which distribution it is.
    pub(crate) fn on(mut self, id: &str, version: &str) -> Self {
        self.distro = Some(Distro {
            id: id.into(),
            version_id: version.into(),
            path: "etc/os-release".into(),
            ..Distro::default()
        });
        self
    }
}

/// Runs a check on 2026-11-21.
pub(crate) fn run(check: &dyn Check, image: &Inventory) -> Findings {
    let mut findings = Findings::new();
    let today = "2026-11-21".parse().expect("a date");
    check.run(&Context { image, today }, &mut findings);
    for finding in &findings {
        assert!(check.rules().contains(&finding.rule), "{} is not announced", finding.rule.id);
        assert!(
            finding.rule.lies_in().contains(&finding.location.place()),
            "{}: {:?}",
            finding.rule.id,
            finding.location
        );
        assert!(!finding.message.ends_with('.'), "{}", finding.message);
    }
    findings
}

/// Runs a check and shows each finding as `severity rule place: message`.
pub(crate) fn shown(check: &dyn Check, image: &Inventory) -> Vec<String> {
    let findings = run(check, image);
    findings
        .iter()
        .map(|finding| {
            let place = match &finding.location {
                Location::File { path, layer, .. } => format!("{path}@{layer}"),
                Location::Config { key } => key.clone(),
                Location::History { index, key, .. } => format!("history {index} {key}"),
                Location::Package { purl, .. } => purl.clone(),
                Location::Dockerfile { file, start, .. } => format!("{file}:{}:{}", start.0, start.1),
                Location::Image => "image".into(),
            };
            let hidden = match finding.visibility {
                Visibility::Live => "",
                Visibility::Deleted => " (deleted)",
                Visibility::Overwritten => " (overwritten)",
            };
            format!("{} {} {place}{hidden}: {}", finding.severity, finding.rule.id, finding.message)
        })
        .collect()
}

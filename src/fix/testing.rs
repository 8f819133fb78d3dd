//! Images in memory, and plans shown as lines, for the tables beside the fixers.

use crate::check::{CHECKS, Context};
use crate::finding::{Finding, tell_apart};
use crate::inventory::{Inventory, Origin};
use crate::rebuild::{Content, Edit};
use crate::tree::{FileEntry, FileKind};

pub(super) use crate::check::testing::{file, folder, hard_link, image, layered, mode};

use super::plan::ImagePlan;
use super::{Wishes, plan_findings};

/// A symbolic link.
pub(super) fn link(path: &str, target: &str) -> FileEntry {
    FileEntry { kind: FileKind::Symlink(target.as_bytes().into()), ..FileEntry::file(path, 0) }
}

/// The same image with so many layers of the base.
pub(super) fn base(mut image: Inventory, layers: usize) -> Inventory {
    for (index, layer) in image.layers.iter_mut().enumerate() {
        layer.origin = if index < layers { Origin::Base } else { Origin::App };
    }
    image
}

impl Inventory {
    /// The same with this configuration.
    pub(super) fn with_config(mut self, config: &str) -> Self {
        self.config = image(config).config;
        self
    }
}

/// All findings of the checks.
pub(super) fn findings(image: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    let today = "2026-11-21".parse().expect("a date");
    for check in CHECKS {
        check.run(&Context { image, today }, &mut findings);
    }
    tell_apart(&mut findings);
    findings
}

/// The plan for these kinds.
pub(super) fn plan(image: &Inventory, wishes: &Wishes) -> ImagePlan {
    let findings = findings(image);
    plan_findings(image, &findings.iter().collect::<Vec<_>>(), wishes)
}

/// The plan for these kinds as lines: `id safety path@layer: before: edits`, then what is refused.
pub(super) fn planned(image: &Inventory, only: &[&'static str]) -> Vec<String> {
    shown(&plan(image, &Wishes { only: only.to_vec(), ..Wishes::default() }))
}

/// A plan as lines.
pub(super) fn shown(plan: &ImagePlan) -> Vec<String> {
    let mut lines = Vec::new();
    for action in &plan.actions {
        let place = action.layer.map(|layer| format!("@{layer}")).unwrap_or_default();
        let asked = if action.safety == super::plan::Safety::Review && action.approved { "+" } else { "" };
        lines.push(format!(
            "{} {}{asked} {}{place}: {}: {}",
            action.id,
            action.safety,
            action.path,
            action.before,
            edits(&action.edits.0)
        ));
    }
    lines.extend(plan.refused.iter().map(|refused| format!("refused {}: {}", refused.path, refused.reason)));
    lines
}

/// Edits in few words; drops are summed up.
fn edits(edits: &[Edit]) -> String {
    let mut drops: Vec<u32> = edits
        .iter()
        .filter_map(|edit| if let Edit::DropMember { member, .. } = edit { Some(member.member) } else { None })
        .collect();
    drops.sort_unstable();
    let mut words = Vec::new();
    if !drops.is_empty() {
        words.push(format!("drop {}", drops.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")));
    }
    for edit in edits {
        let word = match edit {
            Edit::DropMember { .. } => continue,
            Edit::BlankBytes { member, .. } => format!("blank {}", member.member),
            Edit::Truncate { member } => format!("truncate {}", member.member),
            Edit::LockPassword { member, user } => format!("lock {user} in {}", member.member),
            Edit::SetHeader { member, mode, uid, gid } => {
                let mode = mode.map(|mode| format!(" {mode:04o}")).unwrap_or_default();
                let owner = uid.zip(*gid).map(|(uid, gid)| format!(" {uid}:{gid}")).unwrap_or_default();
                format!("header {}{mode}{owner}", member.member)
            }
            Edit::AddFile { path, mode, content, .. } => {
                let content = match content {
                    Content::Text { text } => format!("{text:?}"),
                    Content::File { .. } => "copy".into(),
                    Content::Appended { lines, .. } => format!("+{lines:?}"),
                    Content::Accounts { lock, append, .. } => format!("!{lock:?} +{append:?}"),
                    Content::Locked { user, .. } => format!("!{user}"),
                };
                format!("add {path} {mode:04o} {content}")
            }
            Edit::AddFolder { path, mode, uid, gid, .. } => format!("add {path}/ {mode:04o} {uid}:{gid}"),
            Edit::Whiteout { path } => format!("hide {path}"),
            Edit::SetConfig { pointer, value } => format!("set {pointer} {value}"),
            Edit::RemoveConfig { pointer } => format!("remove {pointer}"),
            Edit::RemoveEnv { name } => format!("unset {name}"),
            Edit::RedactConfig { pointer, spans } => {
                let spans: Vec<String> = spans.iter().map(|span| format!("{}+{}", span.offset, span.length)).collect();
                format!("redact {pointer} {}", spans.join(" "))
            }
            Edit::SetAnnotation { key, value } => format!("annotate {key}={value}"),
            Edit::RedactAnnotation { key, spans } => {
                let spans: Vec<String> = spans.iter().map(|span| format!("{}+{}", span.offset, span.length)).collect();
                format!("redact annotation {key} {}", spans.join(" "))
            }
            Edit::RemoveAnnotation { key, .. } => format!("unannotate {key}"),
        };
        words.push(word);
    }
    words.join(", ")
}

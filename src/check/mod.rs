//! Hygiene checks: each one file here and one line in [`CHECKS`].

mod duplicate_id;
mod empty_password;
mod end_of_life;
mod floating_base;
mod leftover;
mod package_cache;
mod root_user;
mod secret_name;
mod sensitive_volume;
mod setuid;
mod ssh;
#[cfg(test)]
mod testing;
mod user_by_name;
mod wasted_space;
mod world_writable;

use crate::finding::{Finding, Findings, Visibility};
use crate::inventory::Inventory;
use crate::rule::Rule;
use crate::time::Date;
use crate::tree::{Hidden, Node};

pub use end_of_life::dates_as_of as end_of_life_dates_as_of;

/// Judges one image by one rule, or by a few that share their facts.
pub trait Check: Sync {
    /// The rules it may report, the main one first.
    fn rules(&self) -> &'static [&'static Rule];

    /// Looks at the image and adds what it finds, in a stable order.
    fn run(&self, context: &Context<'_>, findings: &mut Findings);
}

/// What a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The image.
    pub image: &'a Inventory,
    /// Today, for dates of support.
    pub today: Date,
}

/// All checks, sorted by the id of their main rule.
pub static CHECKS: &[&dyn Check] = &[
    &end_of_life::EndOfLife,
    &floating_base::FloatingBase,
    &duplicate_id::DuplicateId,
    &empty_password::EmptyPassword,
    &root_user::RootUser,
    &secret_name::SecretName,
    &sensitive_volume::SensitiveVolume,
    &setuid::Setuid,
    &ssh::Ssh,
    &user_by_name::UserByName,
    &world_writable::WorldWritable,
    &leftover::Leftover,
    &package_cache::PackageCache,
    &wasted_space::WastedSpace,
];

/// Everything a check says of what is hidden.
trait HiddenBy {
    /// Marks the finding as hidden, if it is.
    fn hidden_by(self, hidden: Option<Hidden>) -> Self;
}

impl HiddenBy for Finding {
    fn hidden_by(mut self, hidden: Option<Hidden>) -> Self {
        if let Some(hidden) = hidden {
            self.visibility = if hidden.overwritten { Visibility::Overwritten } else { Visibility::Deleted };
            self.removed_in_layer = Some(hidden.by_layer);
        }
        self
    }
}

/// The build step that made a layer, which tells findings of one path in several layers apart and
/// stays the same when the image is built again; the layer's number where the step is not known.
fn step_of(image: &Inventory, layer: u32) -> String {
    let summary = image.layers.get(layer as usize);
    summary.and_then(|layer| layer.created_by.clone()).unwrap_or_else(|| format!("layer {layer}"))
}

/// Files of one layer that belong together: how many, how large, and what became of them.
#[derive(Debug, Default, Clone)]
struct Heap {
    files: u64,
    bytes: u64,
    live_files: u64,
    live_bytes: u64,
    /// What hid the largest hidden file, with that file's size.
    hidden: Option<(u64, Hidden)>,
}

impl Heap {
    /// Counts a file in.
    fn add(&mut self, image: &Inventory, node: Node, size: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
        match image.tree.hidden(node) {
            None => {
                self.live_files = self.live_files.saturating_add(1);
                self.live_bytes = self.live_bytes.saturating_add(size);
            }
            Some(hidden) if self.hidden.is_none_or(|(largest, _)| size > largest) => self.hidden = Some((size, hidden)),
            Some(_) => {}
        }
    }

    /// What hid it; `None` while any of its files is live.
    fn hidden_by(&self) -> Option<Hidden> {
        if self.live_files > 0 { None } else { self.hidden.map(|(_, hidden)| hidden) }
    }
}

/// The end of a message about something that no container sees.
fn fate(hidden: Option<Hidden>) -> String {
    match hidden {
        None => String::new(),
        Some(Hidden { by_layer, overwritten: true }) => {
            format!(", replaced in layer {by_layer} but shipped all the same")
        }
        Some(Hidden { by_layer, overwritten: false }) => {
            format!(", deleted in layer {by_layer} but shipped all the same")
        }
    }
}

/// `1 file`, `3 files`.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn checks_are_sorted_and_their_rules_complete() {
        let main: Vec<_> = CHECKS.iter().map(|check| check.rules().first().map(|rule| rule.id)).collect();
        assert!(main.is_sorted() && main.iter().all(Option::is_some), "{main:?}");
        let mut ids = BTreeSet::new();
        for rule in CHECKS.iter().flat_map(|check| check.rules()) {
            let id = rule.id;
            assert!(ids.insert(id), "{id} twice");
            assert!(id.contains('/'), "{id}");
            assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "{id}: title");
            for (what, text) in [("why", rule.why), ("remediation", rule.remediation)] {
                assert!(text.ends_with('.') && !text.contains("  "), "{id}: {what}");
            }
            for (what, text) in [("bad", rule.bad), ("good", rule.good)] {
                assert!(!text.is_empty(), "{id}: {what}");
            }
            assert!(!rule.references.is_empty(), "{id}: references");
            assert!(rule.references.iter().all(|url| url.starts_with("https://")), "{id}: references");
        }
    }
}

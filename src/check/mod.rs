//! Hygiene checks: each one file here and one line in [`CHECKS`].

mod access_key;
mod attack_surface;
mod attested;
mod ballast;
mod base_age;
mod build_leftover;
mod build_step;
mod command;
mod created;
mod dangling_link;
mod development;
mod device_node;
mod duplicate_id;
mod empty_password;
mod end_of_life;
mod floating_base;
mod healthcheck;
mod label;
mod launch;
mod launcher;
mod layer_size;
mod leftover;
mod machine_id;
mod own_tag;
mod package_cache;
mod package_source;
mod permission_list;
mod preload;
mod privileged_port;
mod replaced_program;
mod root_user;
mod scheduled;
mod search_path;
mod second_copy;
mod secret_name;
mod sensitive_volume;
mod setuid;
mod ssh;
mod stop_signal;
mod sudo;
#[cfg(test)]
pub(crate) mod testing;
mod trusted_key;
mod unknown_owner;
mod unverified;
mod user_by_name;
mod wasted_space;
mod workdir;
mod world_writable;

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Findings, Location, Visibility};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::Rule;
use crate::time::Date;
use crate::tree::{FileEntry, FileKind, Hidden, Node};

pub use ballast::is_documentation;
pub use base_age::base_created;
pub use end_of_life::dates_as_of as end_of_life_dates_as_of;
pub use leftover::{is_leftover, leftover_of_file};
pub use package_cache::{cache_of_file, is_in_cache};
pub use permission_list::permission_lists;
pub use world_writable::meant_to_be_open;

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
    &base_age::BaseAge,
    &build_step::BuildStep,
    &trusted_key::TrustedKey,
    &access_key::AccessKey,
    &command::Command,
    &development::Development,
    &created::Created,
    &scheduled::Scheduled,
    &dangling_link::DanglingLink,
    &ballast::Ballast,
    &device_node::DeviceNode,
    &duplicate_id::DuplicateId,
    &empty_password::EmptyPassword,
    &label::Label,
    &own_tag::OwnTag,
    &layer_size::LayerSize,
    &machine_id::MachineId,
    &workdir::Workdir,
    &attack_surface::AttackSurface,
    &healthcheck::NoHealthcheck,
    &attested::Signed,
    &package_source::PackageSource,
    &preload::Preload,
    &privileged_port::PrivilegedPort,
    &replaced_program::ReplacedProgram,
    &root_user::RootUser,
    &secret_name::SecretName,
    &sensitive_volume::SensitiveVolume,
    &setuid::Setuid,
    &ssh::Ssh,
    &stop_signal::StopSignal,
    &sudo::Sudo,
    &unknown_owner::UnknownOwner,
    &search_path::SearchPath,
    &unverified::UnverifiedTls,
    &user_by_name::UserByName,
    &world_writable::WorldWritable,
    &build_leftover::BuildLeftover,
    &leftover::Leftover,
    &package_cache::PackageCache,
    &second_copy::SecondCopy,
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

/// Tells findings of one rule apart that say the same of several layers, by what stays the same
/// when the image is built again: the build step, then which of those with that step it is.
#[derive(Debug, Default)]
struct Matters(BTreeMap<String, u32>);

impl Matters {
    /// Gives the finding its matter; findings come from the lowest layer up.
    fn give(&mut self, image: &Inventory, layer: u32, finding: &mut Finding) {
        finding.matter = step_of(image, layer);
        let count = self.0.entry(finding.fingerprint()).or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            finding.matter = format!("{} #{count}", finding.matter);
        }
    }
}

/// The build step that made a layer, without what differs from build to build; empty where it is not known.
fn step_of(image: &Inventory, layer: u32) -> String {
    let step = image.layers.get(layer as usize).and_then(|layer| layer.created_by.as_deref());
    step.map(stable_step).unwrap_or_default()
}

/// Takes off what builders add to a step: hashes of copied contents (`COPY dir:0123… in /`), and
/// build arguments (`RUN |1 VERSION=1 /bin/sh -c make`) with the default shell.
fn stable_step(step: &str) -> String {
    if step.starts_with("ADD ") || step.starts_with("COPY ") {
        let words: Vec<_> = step.split(' ').map(without_hash).collect();
        return words.join(" ");
    }
    let Some(command) = step.strip_prefix("RUN ") else { return step.to_owned() };
    let command = without_arguments(command);
    format!("RUN {}", command.strip_prefix("/bin/sh -c ").unwrap_or(command))
}

/// `dir` of `dir:0123…`.
fn without_hash(word: &str) -> &str {
    let Some((kind, hash)) = word.split_once(':') else { return word };
    let is_hash = hash.len() >= 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash && matches!(kind, "file" | "dir" | "multi") { kind } else { word }
}

/// The command of `|2 NAME=value OTHER=value /bin/sh -c …`.
fn without_arguments(command: &str) -> &str {
    let Some((number, rest)) = command.strip_prefix('|').and_then(|text| text.split_once(' ')) else { return command };
    let Ok(number) = number.parse::<usize>() else { return command };
    let mut arguments = 0usize;
    let mut left = rest;
    while arguments < number {
        let Some((word, after)) = left.split_once(' ') else { return command };
        // a word without `=` is the rest of a value with blanks
        arguments = arguments.saturating_add(usize::from(word.contains('=')));
        left = after;
    }
    // the last value may have blanks, too: the shell is what follows
    let is_shell = |text: &str| ["/bin/", "/usr/bin/"].iter().any(|folder| text.starts_with(folder));
    let mut shell = left;
    while !is_shell(shell) {
        let Some((_, after)) = shell.split_once(' ') else { return left };
        shell = after;
    }
    shell
}

/// Whether a package of the system owns one of the file's names, or what they lead to.
fn is_packaged(image: &Inventory, path: &ImagePath, node: Node) -> bool {
    image.tree.names_of(node).chain([path]).any(|name| {
        image.owned.owner(name).is_some()
            || image.tree.resolve(name).is_some_and(|(real, _)| image.owned.owner(&real).is_some())
    })
}

/// The copies that layers hold of each of these paths, oldest first; links and markers are none.
fn copies<'a>(
    image: &'a Inventory,
    wanted: &BTreeSet<&ImagePath>,
) -> BTreeMap<&'a ImagePath, Vec<(u32, &'a FileEntry)>> {
    let mut copies: BTreeMap<&ImagePath, Vec<(u32, &FileEntry)>> = BTreeMap::new();
    if wanted.is_empty() {
        return copies;
    }
    for (layer, members) in (0u32..).zip(image.tree.layers()) {
        for entry in members {
            let is_content = matches!(entry.kind, FileKind::File | FileKind::Directory) && !entry.is_marker();
            if is_content && wanted.contains(&entry.path) {
                copies.entry(&entry.path).or_default().push((layer, entry));
            }
        }
    }
    copies
}

/// A file of a layer as a place.
fn at(path: &ImagePath, layer: u32) -> Location {
    Location::File { path: path.clone(), layer, lines: None }
}

/// A line of a file as a place.
fn line_of(path: &ImagePath, layer: u32, line: u64) -> Location {
    Location::File { path: path.clone(), layer, lines: Some((line, line)) }
}

/// A field of the configuration as a place.
fn field(key: &str) -> Location {
    Location::Config { key: key.into() }
}

/// `a, b, c and 4 more`: at most `most` of the texts.
fn some_of(texts: &[String], most: usize) -> String {
    let more = texts.len().saturating_sub(most);
    let shown = texts.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
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

    #[test]
    fn steps_lose_what_differs_from_build_to_build() {
        let hash = "0123456789abcdef".repeat(4);
        let cases = [
            (format!("COPY dir:{hash} in /srv"), "COPY dir in /srv"),
            (format!("ADD file:{hash} in / "), "ADD file in / "),
            (format!("COPY multi:{hash} in /a/"), "COPY multi in /a/"),
            ("COPY dir:x in /srv".into(), "COPY dir:x in /srv"),
            (format!("RUN curl file:{hash}"), &*format!("RUN curl file:{hash}")),
            ("RUN |1 VERSION=1 /bin/sh -c make".into(), "RUN make"),
            ("RUN /bin/sh -c make".into(), "RUN make"),
            ("RUN |2 A=1 B=x y=z w /bin/bash -c make A=2".into(), "RUN /bin/bash -c make A=2"),
            ("RUN |2 A=a b B=2 /bin/sh -c make".into(), "RUN make"),
            ("RUN |x make".into(), "RUN |x make"),
            ("RUN |1".into(), "RUN |1"),
            ("RUN |3 A=1".into(), "RUN |3 A=1"),
            ("RUN |1 A=1 powershell make".into(), "RUN powershell make"),
        ];
        for (step, expected) in cases {
            assert_eq!(stable_step(&step), expected);
        }
    }

    #[test]
    fn fingerprints_outlive_a_rebuild_and_tell_layers_apart() {
        use super::testing::{file, layered, run};
        let prints = |steps: [Option<String>; 3], shift: bool| {
            let cache = || vec![file("var/lib/apt/lists/a", 30_000), file("srv/.git/HEAD", 2 << 20)];
            let mut layers = if shift { vec![vec![]] } else { vec![] };
            layers.extend([cache(), cache(), cache()]);
            let mut image = layered(layers);
            for (summary, step) in image.layers.iter_mut().rev().zip(steps.into_iter().rev()) {
                summary.created_by = step;
            }
            let checks: [&dyn Check; 3] =
                [&package_cache::PackageCache, &leftover::Leftover, &wasted_space::WastedSpace];
            let findings = checks.iter().flat_map(|check| run(*check, &image));
            findings.map(|finding| finding.fingerprint()).collect::<Vec<_>>()
        };
        let built = |digit: &str, version: u32| {
            let copy = format!("COPY dir:{} in /", digit.repeat(64));
            [Some(copy.clone()), Some(copy), Some(format!("RUN |1 VERSION={version} /bin/sh -c make"))]
        };
        let first = prints(built("a", 1), false);
        assert_eq!(first.len(), 8);
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 8, "layers are told apart");
        assert_eq!(first, prints(built("b", 2), false));
        let bare = prints([None, None, None], false);
        assert_eq!(bare.iter().collect::<BTreeSet<_>>().len(), 8, "layers without a history, too");
        assert_eq!(bare, prints([None, None, None], true), "another base below changes nothing");
    }
}

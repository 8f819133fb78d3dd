//! Turns the secrets of an inventory into findings.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location, Visibility};
use crate::inventory::{Inventory, Secret, SecretPlace};
use crate::rule::{Confidence, Rule, Severity};
use crate::time::Date;

use super::allow;
use super::config::{self, mask_text};
use super::place;
use super::rule;
use super::shipped;
use super::user;

/// Shortest value of a rule without `hide` whose hash nobody can guess.
pub(super) const LEAST_UNGUESSABLE: u64 = 16;

/// From this rank on, a provider's own prefix tells what it is.
const PREFIX: u8 = 30;

/// One finding for each secret: what a container sees first, then by layer, the topmost first. `today` tells
/// which tokens have expired; `key`, a secret of the user's, lets guessable values have a fingerprint.
pub fn findings(inventory: &Inventory, today: Date, key: Option<&str>) -> Findings {
    let mut texts = Texts::default();
    let mut all: Vec<(Finding, &Secret)> =
        inventory.secrets.iter().map(|secret| (finding(secret, inventory, today, &mut texts), secret)).collect();
    // what is told apart by number keeps its number when a layer below is built anew
    all.sort_by_key(|(finding, _)| (finding.visibility, Reverse(finding.layer())));
    let mut known: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (finding, secret) in &mut all {
        let id = match (is_guessable(secret), key) {
            (false, _) => secret.id.clone(),
            (true, Some(key)) => keyed(key, &secret.id),
            (true, None) => {
                // a hash of a password would let a reader of the report try words against it
                let place = finding.identity.clone().unwrap_or_else(|| finding.subject.clone());
                let values = known.entry((secret.rule.id, place)).or_default();
                let nth = values.iter().position(|id| *id == secret.id).unwrap_or_else(|| {
                    values.push(&secret.id);
                    values.len() - 1
                });
                finding.matter = (nth + 1).to_string();
                continue;
            }
        };
        finding.matter.clone_from(&id);
        finding.evidence.insert("secret", id.into());
    }
    all.into_iter().map(|(finding, _)| finding).collect()
}

/// The hash of a hash with a key: without the key no word can be tried against it.
fn keyed(key: &str, id: &str) -> String {
    let text = ["careen.secret.keyed/1", key, id].join("\0");
    Digest::sha256(text.as_bytes()).hex().get(..16).unwrap_or_default().to_owned()
}

/// Whether people choose such a secret, so that its hash would tell it to whoever tries enough words.
fn is_guessable(secret: &Secret) -> bool {
    let is_hidden = rule::of(secret.rule).is_some_and(|rule| rule.is_hidden);
    is_hidden || secret.length < LEAST_UNGUESSABLE
}

/// Whether a provider's own prefix tells the secrets of a rule.
pub(super) fn is_token(rule: &Rule) -> bool {
    rule::of(rule).is_some_and(|rule| rule.rank >= PREFIX && !rule.ships_in_packages)
}

/// The same, of one that is as grave as can be.
fn is_critical_prefix(secret: &Secret) -> bool {
    is_token(secret.rule) && secret.severity == Severity::Critical
}

/// Whether its rule goes by names and places, and not by what the value is.
fn is_guess(secret: &Secret) -> bool {
    rule::of(secret.rule).is_some_and(|rule| rule.ships_in_packages || rule.is_hidden)
}

/// Most characters of a build step or a command that a finding shows.
const LONGEST_TEXT: usize = 1_000;

/// Build steps and commands, masked: each once, however many secrets it holds.
#[derive(Default)]
struct Texts(BTreeMap<String, Option<String>>);

impl Texts {
    fn get(&mut self, key: String, text: impl FnOnce() -> Option<String>) -> Option<String> {
        self.0.entry(key).or_insert_with(|| text().map(|text| escape(cut(&text)))).clone()
    }
}

/// The beginning of a text, whole where it is short.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn finding(secret: &Secret, inventory: &Inventory, today: Date, texts: &mut Texts) -> Finding {
    let mut severity = secret.severity;
    let mut is_example = false;
    let mut notes = Vec::with_capacity(secret.notes.len());
    for note in &secret.notes {
        match note.strip_prefix("expires ").and_then(|day| day.parse::<Date>().ok()) {
            Some(end) if end < today => {
                severity = severity.min(Severity::Low);
                notes.push(format!("expired {end}"));
            }
            _ => notes.push(note.clone()),
        }
    }
    let title = secret.rule.title;
    let (location, subject, place, identity) = match &secret.place {
        SecretPlace::File { node, path, lines, .. } => {
            if let Some(example) = place::of_examples(path).filter(|_| severity > Severity::Info)
                && !is_critical_prefix(secret)
            {
                is_example = true;
                severity = place::lowered(severity, &example, is_token(secret.rule));
                notes.push(format!("{}, so less grave", example.note));
            }
            (
                Location::File { path: path.clone(), layer: node.layer, lines: *lines },
                path.to_string(),
                path.to_string(),
                format!("file:{}", place::stable(path)),
            )
        }
        SecretPlace::Config { key } => (
            Location::Config { key: key.clone() },
            escape(key),
            format!("configuration, {}", escape(key)),
            format!("config:{key}"),
        ),
        SecretPlace::History { index, key } => {
            let layer = inventory.layers.iter().find(|layer| layer.history == Some(*index)).map(|layer| layer.index);
            (
                Location::History { index: *index, layer, key: key.clone() },
                escape(key),
                format!("build step {index}, {}", escape(key)),
                format!("history:{key}"),
            )
        }
    };
    let message = format!("{title} in {place}: {}", secret.masked);
    let mut finding = Finding::new(secret.rule, subject, location, message)
        .evidence("masked", secret.masked.clone())
        .evidence("bytes", secret.length);
    finding.identity = Some(identity);
    finding.severity = severity;
    finding.confidence = secret.confidence;
    if is_example && is_guess(secret) {
        finding.confidence = finding.confidence.min(Confidence::Medium);
    }
    if let Some(word) = notes.iter().find_map(|note| note.strip_prefix(allow::NOTE)) {
        finding = finding.evidence("allowed_by", word.trim_matches('`'));
    }
    if let Some((place, reason)) = notes.iter().find_map(|note| note.strip_prefix(user::NOTE)?.split_once(": ")) {
        finding = finding.evidence("allowed_in", place).evidence("allowed_for", reason);
    }
    if severity == Severity::Info
        && let Some(package) = notes.iter().find_map(|note| note.strip_prefix(shipped::UNCHANGED))
    {
        finding = finding.evidence("packaged_by", package);
    }
    match &secret.place {
        SecretPlace::File { node, offset, .. } => {
            finding = finding.evidence("offset", *offset);
            if let Some(hidden) = inventory.tree.hidden(*node) {
                finding.visibility = if hidden.overwritten { Visibility::Overwritten } else { Visibility::Deleted };
                finding.removed_in_layer = Some(hidden.by_layer);
                let word = if hidden.overwritten { "overwritten" } else { "deleted" };
                notes.push(format!(
                    "{word} in layer {}, but still downloadable: whoever may pull the image can read layer {}",
                    hidden.by_layer, node.layer
                ));
            }
        }
        SecretPlace::History { index, .. } => {
            let config = inventory.config.as_ref();
            let step = texts.get(format!("step {index}"), || {
                let step = config?.history.get(usize::try_from(*index).ok()?)?;
                Some(mask_text(&step.instruction()))
            });
            if let Some(step) = step {
                finding = finding.evidence("step", step);
            }
        }
        SecretPlace::Config { key } => {
            let config = inventory.config.as_ref();
            let command = texts.get(key.clone(), || config::masked_command(&config?.config, key));
            if let Some(command) = command {
                finding = finding.evidence("command", command);
            }
        }
    }
    if !notes.is_empty() {
        finding = finding.evidence("notes", notes);
    }
    finding
}

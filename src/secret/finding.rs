//! Turns the secrets of an inventory into findings.

use std::collections::BTreeMap;

use crate::escape::escape;
use crate::finding::{Finding, Findings, Location, Visibility};
use crate::inventory::{Inventory, Secret, SecretPlace};
use crate::rule::Severity;
use crate::time::Date;

use super::config::mask_text;
use super::rule::rule_set;

/// One finding for each secret, in the inventory's order. `today` tells which tokens have expired.
pub fn findings(inventory: &Inventory, today: Date) -> Findings {
    let mut findings: Findings = inventory.secrets.iter().map(|secret| finding(secret, inventory, today)).collect();
    let mut count: BTreeMap<(&str, String), u32> = BTreeMap::new();
    for (finding, secret) in findings.iter_mut().zip(&inventory.secrets) {
        if is_guessable(secret) {
            // a hash of a password would let a reader of the report try words against it
            let nth = count.entry((secret.rule.id, finding.subject.clone())).or_default();
            *nth += 1;
            finding.matter = nth.to_string();
        } else {
            finding.matter.clone_from(&secret.id);
            finding.evidence.insert("secret", secret.id.clone().into());
        }
    }
    findings
}

/// Whether people choose such a secret, so that its hash would tell it to whoever tries enough words.
fn is_guessable(secret: &Secret) -> bool {
    rule_set().rules.iter().any(|rule| rule.rule == secret.rule && rule.is_hidden)
}

fn finding(secret: &Secret, inventory: &Inventory, today: Date) -> Finding {
    let mut severity = secret.severity;
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
    let (location, subject, place) = match &secret.place {
        SecretPlace::File { node, path, lines, .. } => (
            Location::File { path: path.clone(), layer: node.layer, lines: *lines },
            path.to_string(),
            path.to_string(),
        ),
        SecretPlace::Config { key } => {
            (Location::Config { key: key.clone() }, escape(key), format!("configuration, {}", escape(key)))
        }
        SecretPlace::History { index, key } => {
            let layer = inventory.layers.iter().find(|layer| layer.history == Some(*index)).map(|layer| layer.index);
            (
                Location::History { index: *index, layer, key: key.clone() },
                escape(key),
                format!("build step {index}, {}", escape(key)),
            )
        }
    };
    let message = format!("{title} in {place}: {}", secret.masked);
    let mut finding = Finding::new(secret.rule, subject, location, message)
        .evidence("masked", secret.masked.clone())
        .evidence("bytes", secret.length);
    finding.severity = severity;
    finding.confidence = secret.confidence;
    if !notes.is_empty() {
        finding = finding.evidence("notes", notes);
    }
    match &secret.place {
        SecretPlace::File { node, offset, .. } => {
            finding = finding.evidence("offset", *offset);
            if let Some(hidden) = inventory.tree.hidden(*node) {
                finding.visibility = if hidden.overwritten { Visibility::Overwritten } else { Visibility::Deleted };
                finding.removed_in_layer = Some(hidden.by_layer);
            }
        }
        SecretPlace::History { index, .. } => {
            let step = inventory.config.as_ref().and_then(|config| config.history.get(usize::try_from(*index).ok()?));
            if let Some(step) = step {
                finding = finding.evidence("step", escape(mask_text(&step.instruction())));
            }
        }
        SecretPlace::Config { .. } => {}
    }
    finding
}

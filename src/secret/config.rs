//! Secrets of the image's configuration, and the masking of its echo.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::image::ImageConfig;
use crate::inventory::{Secret, SecretPlace};
use crate::limitation::Limitation;

use super::engine::{self, Found, Scan};
use super::kind::Kind;

/// Most bytes of one field that are scanned; configurations are capped at 8 MiB as a whole.
const LONGEST_FIELD: usize = 8 << 20;

/// The secrets in environment, labels, commands, history and the texts that nothing uses, in that
/// order; a secret once for each place.
///
/// Each field is scanned as a text of its own, its name before it, as in `TOKEN=…`. A field made to
/// exhaust the search is a gap. Of the texts that nothing uses only what is in no other field
/// counts: builders copy the whole configuration there.
pub fn scan_config(config: &ImageConfig) -> (Vec<Secret>, Vec<Limitation>) {
    let mut secrets = Vec::new();
    let mut cut: BTreeSet<&'static str> = BTreeSet::new();
    let container = &config.config;
    let mut field = |key: String, text: &str| {
        let place = SecretPlace::Config { key };
        let scan = scan_text(text);
        if scan.is_exhausted {
            cut.insert("config");
        }
        secrets.extend(scan.found.into_iter().map(|found| secret(found, place.clone())));
    };
    for pair in &container.env {
        let name = pair.split_once('=').map_or(pair.as_str(), |(name, _)| name);
        field(format!("Env.{name}"), pair);
    }
    for (name, value) in &container.labels {
        field(format!("Labels.{name}"), &format!("{name}={value}"));
    }
    field("Entrypoint".into(), &container.entrypoint.join(" "));
    field("Cmd".into(), &container.cmd.join(" "));
    if let Some(check) = &container.healthcheck {
        field("Healthcheck".into(), &check.test.join(" "));
    }
    field("OnBuild".into(), &container.on_build.join("\n"));
    field("Shell".into(), &container.shell.join(" "));
    if let Some(author) = &config.author {
        field("author".into(), author);
    }
    for (index, step) in (0_u32..).zip(&config.history) {
        let mut of_step: Vec<Secret> = Vec::new();
        for (name, value) in step.arguments() {
            let place = SecretPlace::History { index, key: name.to_owned() };
            let scan = scan_text(&format!("{name}={value}"));
            if scan.is_exhausted {
                cut.insert("history");
            }
            of_step.extend(scan.found.into_iter().map(|found| secret(found, place.clone())));
        }
        for (key, text) in [("created_by", &step.created_by), ("comment", &step.comment)] {
            let scan = scan_text(text);
            if scan.is_exhausted {
                cut.insert("history");
            }
            for found in scan.found {
                // What an argument holds is told under its name already.
                if !of_step.iter().any(|known| known.id == found.id) {
                    of_step.push(secret(found, SecretPlace::History { index, key: key.to_owned() }));
                }
            }
        }
        secrets.append(&mut of_step);
    }
    merge_repeats(&mut secrets);
    let mut known: HashSet<String> = secrets.iter().map(|secret| secret.id.clone()).collect();
    for text in &config.unused.texts {
        let scan = if text.name.is_empty() {
            scan_text(&text.text)
        } else {
            scan_text(&format!("{}={}", text.name, text.text))
        };
        if scan.is_exhausted {
            cut.insert("config");
        }
        for found in scan.found.into_iter().filter(|found| known.insert(found.id.clone())) {
            let key = mask_text(&text.place);
            let place = match text.step {
                Some(index) => SecretPlace::History { index, key },
                None => SecretPlace::Config { key },
            };
            secrets.push(secret(found, place));
        }
    }
    let gap = |place| {
        let what = "too many false beginnings of secrets; the rest of a field was not searched, nor is it shown";
        Limitation::gap("secret-search-cut", place, what)
            .help("look at the field by hand; nothing but an attack is known to look like this")
    };
    let mut limitations: Vec<Limitation> = cut.into_iter().map(gap).collect();
    if config.unused.is_cut {
        let what = "it has more texts, deeper ones or larger numbers than are looked at; the rest was not searched for secrets";
        limitations.push(
            Limitation::gap("config-not-searched", "config", what)
                .help("look at the configuration by hand: no builder is known to write such a one"),
        );
    }
    (secrets, limitations)
}

/// Steps that a note names; those beyond are counted.
const STEPS_NAMED: usize = 5;

/// Leaves of a secret that stands under the same name in several build steps only the first, with a
/// note on the others: builders repeat the build arguments in each step.
fn merge_repeats(secrets: &mut Vec<Secret>) {
    let mut first_of: HashMap<(&'static str, String, bool, String), usize> = HashMap::new();
    let mut kept: Vec<(Secret, Vec<u32>)> = Vec::with_capacity(secrets.len());
    for secret in secrets.drain(..) {
        let (is_step, key, index) = match &secret.place {
            SecretPlace::History { index, key } => (true, key.clone(), Some(*index)),
            SecretPlace::Config { key } => (false, key.clone(), None),
            SecretPlace::File { .. } => continue,
        };
        let first = *first_of.entry((secret.rule.id, secret.id.clone(), is_step, key)).or_insert(kept.len());
        match kept.get_mut(first) {
            Some((_, others)) => others.extend(index),
            None => kept.push((secret, Vec::new())),
        }
    }
    secrets.extend(kept.into_iter().map(|(mut secret, mut others)| {
        others.dedup();
        let named: Vec<String> = others.iter().take(STEPS_NAMED).map(ToString::to_string).collect();
        match (others.len(), others.len().saturating_sub(STEPS_NAMED)) {
            (0, _) => {}
            (1, _) => secret.notes.push(format!("also in build step {}", named.join(", "))),
            (_, 0) => secret.notes.push(format!("also in build steps {}", named.join(", "))),
            (_, more) => secret.notes.push(format!("also in build steps {} and {more} more", named.join(", "))),
        }
        secret
    }));
}

/// `text` with every secret in it masked, for echoes of build steps and variables.
///
/// A match is masked to the end of the run of token signs it stands in, so that a rule that knows
/// only the first part of a token leaves nothing of the rest.
pub fn mask_text(text: &str) -> String {
    let bytes = text.as_bytes();
    let scan = scan_text(text);
    if scan.is_exhausted {
        return "…".to_owned();
    }
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for found in scan.found {
        let (start, mut end) = (found.span.start, found.span.end);
        if start < at {
            continue;
        }
        while bytes
            .get(end)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/' | b'=' | b'.'))
        {
            end += 1;
        }
        // Values are ASCII or whole lines; a cut inside a character moves out of it.
        while !text.is_char_boundary(end) {
            end += 1;
        }
        // tokens in one run: the first may have been judged part of the second
        let mut from = start;
        while from > at && bytes.get(from - 1).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            from -= 1;
        }
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        masked.push_str(text.get(at..from).unwrap_or_default());
        masked.push_str(&found.masked);
        at = end;
    }
    // what was not searched is not shown
    let mut end = text.len().min(LONGEST_FIELD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    masked.push_str(text.get(at..end).unwrap_or_default());
    if end < text.len() {
        masked.push('…');
    }
    masked
}

fn scan_text(text: &str) -> Scan {
    engine::scan(text.as_bytes().get(..LONGEST_FIELD).unwrap_or(text.as_bytes()), Kind::Settings)
}

fn secret(found: Found, place: SecretPlace) -> Secret {
    Secret {
        rule: found.rule,
        severity: found.severity,
        confidence: found.confidence,
        place,
        masked: found.masked,
        id: found.id,
        length: found.span.len() as u64,
        notes: found.notes,
    }
}

//! Runs the engine over every file of every layer.

use std::collections::{BTreeMap, HashMap, HashSet};

use memchr::memchr_iter;

use crate::collect::{Collector, Delivery, Fact, Facts, File, OVERLAP, SecretFact, Select, View, WINDOW};
use crate::digest::ContentDigests;
use crate::inventory::{Inventory, Secret, SecretPlace};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::tree::Node;

use super::engine;
use super::shipped::{self, Candidate};

/// The collector of secrets.
pub static COLLECTOR: SecretCollector = SecretCollector;

/// Looks for secrets in every file, whatever its name, and whether or not a later layer hides it.
#[derive(Debug)]
pub struct SecretCollector;

/// Further places of one value that are kept of a window: a note names five.
const REPEATS: usize = 100;

/// Key of the fact that counts the different values a window held beyond its cap.
const BEYOND: &str = "secrets-beyond-cap";

impl Collector for SecretCollector {
    fn id(&self) -> &'static str {
        "secret"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Everything]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Windows
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let scan = super::file::scan(file.path, file.bytes, file.offset, file.whole);
        if scan.is_exhausted {
            facts.limitation(
                Limitation::gap(
                    "secret-search-cut",
                    file.path.to_string(),
                    "too many false beginnings of secrets; the rest of a part of the file was not searched",
                )
                .help("look at the file by hand; nothing but an attack is known to look like this"),
            );
        }
        if file.whole.is_none() && file.offset == 0 && super::file::wants(file.path) {
            facts.limitation(
                Limitation::note(
                    "credential-file-too-large",
                    file.path.to_string(),
                    "too large to be read by its format; it was searched by patterns only",
                )
                .help("look at the file by hand, or make it smaller"),
            );
        }
        if scan.found.is_empty() {
            return;
        }
        // Of two windows that overlap, each answers for its half of the overlap: what begins there has
        // at least half an overlap of bytes on either side, so both judge it alike and one reports it.
        let first = file.overlap / 2;
        let end = if file.is_last { file.bytes.len() } else { file.bytes.len().saturating_sub(OVERLAP / 2) };
        let is_binary = engine::is_binary(file.bytes);
        let shipped = scan.found.iter().any(|found| found.ships_in_packages);
        let content = file.whole.filter(|_| shipped).map(|whole| Box::new(ContentDigests::of(whole)));
        let cap = cap(facts.findings_per_file(), file.offset);
        let (mut kept, mut beyond): (HashMap<(&str, String), usize>, HashSet<_>) = Default::default();
        let (mut counted, mut line) = (0, file.lines_before.saturating_add(1));
        for found in scan.found.into_iter().filter(|found| (first..end).contains(&found.span.start)) {
            let value = (found.rule.id, found.id.clone());
            if kept.len() == cap && !kept.contains_key(&value) {
                beyond.insert(value);
                continue;
            }
            let repeats = kept.entry(value).or_default();
            if *repeats > REPEATS {
                continue;
            }
            *repeats += 1;
            line = line.saturating_add(line_feeds(file.bytes, counted, found.span.start));
            counted = found.span.start;
            let last = line.saturating_add(line_feeds(file.bytes, found.span.start, found.span.end));
            facts.push(Fact::Secret(Box::new(SecretFact {
                rule: found.rule,
                severity: found.severity,
                confidence: found.confidence,
                masked: found.masked,
                id: found.id,
                offset: file.offset.saturating_add(found.span.start as u64),
                length: found.span.len() as u64,
                lines: (!is_binary).then_some((line, last)),
                content: content.clone().filter(|_| found.ships_in_packages),
                notes: found.notes,
            })));
        }
        if !beyond.is_empty() {
            facts.push(Fact::Text { key: BEYOND, text: beyond.len().to_string().into() });
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let cap = view.limits.findings_per_file;
        let mut candidates = Vec::new();
        let mut rest = view.facts;
        while let Some(first) = rest.first() {
            let node = first.node;
            let (of_node, after) = rest.split_at(rest.partition_point(|fact| fact.node <= node).max(1));
            rest = after;
            let own = of_node.iter().filter(|fact| fact.collector == view.collector).map(|fact| &fact.fact);
            let path = view.tree.names_of(node).next().unwrap_or(&view.tree.entry(node).path);
            assemble_node(own, node, path, cap, &mut candidates, inventory);
        }
        shipped::mark(&mut candidates, view.tree, inventory);
        inventory.secrets.extend(candidates.into_iter().map(|candidate| candidate.secret));
    }
}

/// Gathers the secrets of one file: each value once, at its first place.
fn assemble_node<'a>(
    facts: impl Iterator<Item = &'a Fact>,
    node: Node,
    path: &ImagePath,
    cap: usize,
    candidates: &mut Vec<Candidate<'a>>,
    inventory: &mut Inventory,
) {
    let (mut beyond, mut windows) = (0_u64, 0);
    let mut places: BTreeMap<(&str, &str), Vec<&SecretFact>> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Secret(secret) => places.entry((secret.rule.id, &secret.id)).or_default().push(secret),
            Fact::Text { key, text } if *key == BEYOND => {
                beyond = beyond.saturating_add(text.parse().unwrap_or(0));
                windows += 1;
            }
            _ => {}
        }
    }
    let mut secrets: Vec<Vec<&SecretFact>> = places.into_values().collect();
    for group in &mut secrets {
        group.sort_by_key(|fact| fact.offset);
    }
    secrets.sort_by_key(|group| group.first().map(|fact| fact.offset));
    beyond += secrets.len().saturating_sub(cap) as u64;
    for group in secrets.into_iter().take(cap) {
        let Some((first, others)) = group.split_first() else { continue };
        let mut notes = first.notes.clone();
        notes.extend(also_at(others));
        let secret = Secret {
            rule: first.rule,
            severity: first.severity,
            confidence: first.confidence,
            place: SecretPlace::File { node, path: path.clone(), lines: first.lines, offset: first.offset },
            masked: first.masked.clone(),
            id: first.id.clone(),
            length: first.length,
            notes,
        };
        candidates.push(Candidate { secret, node, content: first.content.as_deref() });
    }
    if beyond > 0 {
        // parts of a large file are counted each for itself
        let how = if windows > 1 { "up to " } else { "" };
        inventory.limitations.push(
            Limitation::note(
                "secrets-not-listed",
                path.to_string(),
                format!("{how}{beyond} more secrets in this file are counted, not listed"),
            )
            .help("the file holds secrets by the hundred: it should not be in the image"),
        );
    }
}

/// Tells where else in the file the same secret is.
fn also_at(others: &[&SecretFact]) -> Option<String> {
    let lines: Vec<String> =
        others.iter().filter_map(|fact| fact.lines).take(5).map(|(line, _)| line.to_string()).collect();
    match (others.len(), lines.len()) {
        (0, _) => None,
        // more may have been there than were kept
        (REPEATS.., _) => Some(format!("at least {} times more in this file", others.len())),
        (1, 0) => Some("once more in this file".into()),
        (count, 0) => Some(format!("{count} times more in this file")),
        (count, shown) if count > shown => {
            Some(format!("also on lines {} and {} more", lines.join(", "), count - shown))
        }
        (1, _) => Some(format!("also on line {}", lines.join(", "))),
        _ => Some(format!("also on lines {}", lines.join(", "))),
    }
}

/// Most secrets kept of one window: a file's cap in its first, ever fewer in later ones, so that a
/// file of any size made of nothing but secrets fits into memory.
fn cap(of_file: usize, offset: u64) -> usize {
    let windows = usize::try_from(offset / (WINDOW as u64 - OVERLAP as u64)).unwrap_or(usize::MAX);
    (of_file / windows.saturating_add(1)).max(16)
}

fn line_feeds(bytes: &[u8], from: usize, to: usize) -> u64 {
    bytes.get(from..to).map_or(0, |part| memchr_iter(b'\n', part).count() as u64)
}

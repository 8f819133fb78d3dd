//! Finds secrets in bytes: anchors in one walk, patterns in a window round each, then the value is judged.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::rule::{Confidence, Severity};

use super::assignment;
use super::check::{Look, Opinion};
use super::comment;
use super::kind::{self, Kind};
use super::placeholder;
use super::rule::{Matcher, Quality, RuleSet, SecretRule, rule_set};
use super::runs;
use super::url;
use super::value::{OwnedValue, Value};

/// A secret in the bytes that were scanned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// The rule, by its index.
    pub(super) rule: &'static crate::rule::Rule,
    /// The value.
    pub(super) span: Range<usize>,
    /// Bytes of the value; in base64 and the like it takes more of the text than these.
    pub(super) length: usize,
    /// All of the text that says it, where that is coded: `span` is about right then, and this leaves nothing of it out.
    pub(super) coded: Option<Range<usize>>,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) masked: String,
    /// 16 hexadecimal digits that stand for rule family and value.
    pub(super) id: String,
    pub(super) notes: Vec<String>,
    /// As its rule says.
    pub(super) ships_in_packages: bool,
    rank: u8,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// In order of their place; none overlaps another.
    pub(super) found: Vec<Found>,
    /// Whether the bytes hold so many false starts that the rest was left.
    pub(super) is_exhausted: bool,
    /// Bytes that were given to patterns.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test holds it against the bytes scanned"))]
    pub(super) work: usize,
}

/// Most bytes given to patterns for each byte scanned: hostile files may be nothing but anchors.
const WORK_FACTOR: usize = 64;

/// Shortest field of a credential file that counts, in bytes: shorter ones are left empty, or a test's.
const LEAST_FIELD: usize = 4;

/// Rank of the fields of credential files: above words and addresses, below the prefixes of providers.
const FIELD_RANK: u8 = 28;

/// Matches of a pattern that is searched for in the whole text.
const MOST_MATCHES: usize = 1_000;

/// Work that even the smallest file may cause.
const LEAST_WORK: usize = 1 << 20;

/// Scans `bytes`, which is text of sort `kind`, or no text.
pub(super) fn scan(bytes: &[u8], kind: Kind) -> Scan {
    scan_with(bytes, kind, Vec::new())
}

/// The same, where `fields` were found in the bytes by the format of their file.
pub(super) fn scan_with(bytes: &[u8], kind: Kind, fields: Vec<Found>) -> Scan {
    scan_by(rule_set(), bytes, kind, fields)
}

/// The same of a binary file, whose runs of text are known.
pub(super) fn scan_runs(bytes: &[u8], runs: &[Range<usize>], fields: Vec<Found>) -> Scan {
    scan_in(rule_set(), bytes, Kind::Other, fields, Some(runs))
}

/// The same by certain rules.
pub(super) fn scan_by(set: &RuleSet, bytes: &[u8], kind: Kind, fields: Vec<Found>) -> Scan {
    scan_in(set, bytes, kind, fields, None)
}

fn scan_in(set: &RuleSet, bytes: &[u8], kind: Kind, fields: Vec<Found>, runs: Option<&[Range<usize>]>) -> Scan {
    let is_binary = runs.is_some() || is_binary(bytes);
    let kind = match kind {
        _ if is_binary => Kind::Other,
        Kind::Unnamed => kind::by_content(bytes, false),
        Kind::Unlisted => kind::by_content(bytes, true),
        kind => kind,
    };
    let most = bytes.len().saturating_mul(WORK_FACTOR).max(LEAST_WORK);
    let mut search = Search { set, bytes, kind, candidates: fields, work_left: most };
    if kind != Kind::Other {
        search.run(true, 0..bytes.len());
    } else if is_binary && set.is_for_text {
        match runs {
            Some(runs) => runs.iter().for_each(|run| search.run(false, run.clone())),
            None => runs::of(bytes).for_each(|run| search.run(false, run)),
        }
    } else {
        search.run(false, 0..bytes.len());
    }
    search.run_texts();
    let work = most.saturating_sub(search.work_left);
    let (is_exhausted, mut found) = (search.work_left == 0, resolve(search.candidates));
    comment::weigh(&mut found, bytes, kind);
    Scan { found, is_exhausted, work }
}

/// Whether the bytes are no text: a NUL in their first 8 KiB.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes.get(..8 << 10).unwrap_or(bytes)).is_some()
}

struct Search<'a> {
    set: &'a RuleSet,
    bytes: &'a [u8],
    kind: Kind,
    candidates: Vec<Found>,
    work_left: usize,
}

impl Search<'_> {
    /// Tries the rules whose pattern is searched for in the whole text.
    fn run_texts(&mut self) {
        let set = self.set;
        if set.keywords.is_empty() && set.always.is_empty() {
            return;
        }
        let mut wanted = vec![false; set.rules.len()];
        set.keywords.find(self.bytes, 0..self.bytes.len(), |rule, _| {
            wanted.get_mut(rule).into_iter().for_each(|wanted| *wanted = true);
            true
        });
        set.always.iter().for_each(|rule| wanted.get_mut(*rule).into_iter().for_each(|wanted| *wanted = true));
        for (rule, _) in set.rules.iter().zip(wanted).filter(|(_, wanted)| *wanted) {
            let Matcher::Text { regex, group } = &rule.matcher else { continue };
            for (count, captures) in regex.captures_iter(self.bytes).enumerate() {
                if count >= MOST_MATCHES {
                    self.work_left = 0;
                    break;
                }
                let of_group = match group {
                    0 => {
                        captures.name("s").or_else(|| captures.iter().skip(1).flatten().find(|group| !group.is_empty()))
                    }
                    number => captures.get(*number),
                };
                let Some(whole) = captures.get(0) else { continue };
                let value = of_group.unwrap_or(whole).range();
                // no part of it is known to be public
                self.judge(rule, whole.range(), value, &(0..0));
            }
        }
    }

    /// Tries the rules whose anchors stand in a part of the bytes.
    fn run(&mut self, is_settings: bool, part: Range<usize>) {
        let (set, bytes) = (self.set, self.bytes);
        set.find(is_settings, bytes, part, |rule, place| {
            if let Some(rule) = set.rules.get(rule) {
                self.try_at(rule, place);
            }
            self.work_left > 0
        });
    }

    /// Judges one hit of an anchor.
    fn try_at(&mut self, rule: &SecretRule, anchor: Range<usize>) {
        match &rule.matcher {
            Matcher::Pattern { is_anchored: true, .. } => {
                if self.may_begin(rule, anchor.start) {
                    self.try_pattern(rule, &anchor, anchor.start);
                }
            }
            Matcher::Pattern { .. } => self.try_pattern(rule, &anchor, anchor.start.saturating_sub(rule.before)),
            Matcher::File | Matcher::Text { .. } => {}
            Matcher::Assignment => {
                self.spend(assignment::LONGEST);
                if let Some(value) = assignment::value(self.bytes, &anchor, self.kind) {
                    self.judge(rule, value.clone(), value, &anchor);
                }
            }
            Matcher::Url => {
                self.spend(url::LONGEST);
                if let Some((scheme, whole, password)) = url::password(self.bytes, anchor.start) {
                    let index = self.set.schemes.get(scheme.as_str()).or_else(|| self.set.schemes.get("*"));
                    if let Some(rule) = index.and_then(|index| self.set.rules.get(*index)) {
                        self.judge(rule, whole, password, &anchor);
                    }
                }
            }
        }
    }

    fn try_pattern(&mut self, rule: &SecretRule, anchor: &Range<usize>, start: usize) {
        let end = start.saturating_add(rule.length).min(self.bytes.len());
        let (Some(window), Some(regex)) = (self.bytes.get(start..end), rule.regex()) else { return };
        self.spend(window.len());
        // most anchors begin nothing: told without room for groups
        if !regex.is_match(window) {
            return;
        }
        let mut from = 0;
        while let Some(captures) = regex.captures_at(window, from) {
            let Some(whole) = captures.get(0) else { return };
            let value = captures.name("s").unwrap_or(whole);
            let whole = start + whole.start()..start + whole.end();
            if whole.start <= anchor.start && anchor.end <= whole.end {
                if self.may_begin(rule, whole.start) && !self.continues(rule, whole.end) {
                    self.judge(rule, whole, start + value.start()..start + value.end(), anchor);
                }
                return;
            }
            // A match before the anchor, or after it: look on, or stop.
            if whole.start > anchor.start || whole.end == start + from {
                return;
            }
            from = whole.end - start;
        }
    }

    fn spend(&mut self, bytes: usize) {
        self.work_left = self.work_left.saturating_sub(bytes);
    }

    fn may_begin(&self, rule: &SecretRule, start: usize) -> bool {
        let before = start.checked_sub(1).and_then(|index| self.bytes.get(index));
        before.is_none_or(|byte| {
            // The letter of an escape such as `\n` is no part of what follows; `=` pads the end of base64, or
            // parts a name from its value.
            !rule.left.has(*byte) || *byte == b'=' || is_escape(self.bytes, start)
        })
    }

    fn continues(&self, rule: &SecretRule, end: usize) -> bool {
        self.bytes.get(end).is_some_and(|byte| rule.right.has(*byte))
    }

    fn judge(&mut self, rule: &SecretRule, whole: Range<usize>, value: Range<usize>, anchor: &Range<usize>) {
        // The same match by another of the rule's anchors.
        let is_known = |found: &Found| found.rule.id == rule.rule.id && found.span == value;
        if self.candidates.iter().rev().take(4).any(is_known) {
            return;
        }
        let Some(bytes) = self.bytes.get(value.clone()) else { return };
        let shown = rule.shown.unwrap_or(if anchor.start == value.start { anchor.len() } else { 0 });
        let hidden_part = bytes.get(shown..).unwrap_or_default();
        if Value::new(bytes).entropy(shown) < rule.entropy {
            return;
        }
        let is_made_up = match rule.quality {
            Quality::Token => placeholder::is_made_up_token(hidden_part),
            Quality::Password => placeholder::is_placeholder(bytes),
            Quality::None => false,
        };
        if is_made_up {
            return;
        }
        let opinion = match rule.check {
            Some(check) => {
                let look = Look { bytes: self.bytes, whole, value: value.clone(), kind: self.kind };
                let Some(opinion) = check(&look) else { return };
                opinion
            }
            None => Opinion::default(),
        };
        self.candidates.push(self.found(rule, value, shown, opinion));
    }

    fn found(&self, rule: &SecretRule, value: Range<usize>, shown: usize, opinion: Opinion) -> Found {
        let lent = Value::new(self.bytes.get(value.clone()).unwrap_or_default());
        let masked =
            opinion.masked.unwrap_or_else(|| if rule.is_hidden { lent.masked_wholly() } else { lent.masked(shown) });
        let identity = opinion.identity.as_ref().map_or(lent, OwnedValue::as_value);
        let span = opinion.span.unwrap_or_else(|| value.clone());
        let mut severity = opinion.severity.unwrap_or(rule.rule.severity);
        let mut notes = opinion.notes;
        if let Some(note) = identity.published() {
            severity = Severity::Info;
            notes.push(note.to_owned());
        }
        Found {
            rule: rule.rule,
            length: span.len(),
            coded: None,
            span,
            severity,
            confidence: opinion.confidence.unwrap_or(rule.rule.confidence),
            masked,
            id: identity.id(rule.family),
            notes,
            ships_in_packages: rule.ships_in_packages,
            rank: rule.rank,
        }
    }
}

/// Judges the field of a credential file at `value`, which its format says is a secret of that rule.
///
/// `opinion` is what the format knows; its identity, where there is one, is the secret decoded. Where the file `takes_weak`
/// words, one counts for little instead of nothing.
pub(super) fn judge_field(
    rule: &'static SecretRule,
    bytes: &[u8],
    value: Range<usize>,
    mut opinion: Opinion,
    takes_weak: bool,
) -> Option<Found> {
    let text = bytes.get(value.clone())?;
    let judged = |secret: &[u8]| {
        let is_made_up = match rule.quality {
            Quality::Token => placeholder::is_made_up_token(secret) || placeholder::is_placeholder(secret),
            Quality::Password => placeholder::is_placeholder(secret),
            Quality::None => false,
        };
        let may_be_weak = takes_weak && rule.quality == Quality::Password;
        let is_weak = is_made_up && may_be_weak && placeholder::is_weak_word(secret);
        ((!is_made_up || is_weak) && secret.trim_ascii().len() >= LEAST_FIELD, is_weak)
    };
    let (is_one, is_weak) = opinion.identity.as_ref().map_or_else(|| judged(text), |secret| secret.with(judged));
    if !is_one {
        return None;
    }
    if is_weak {
        opinion = opinion.weak();
    }
    if let Some(check) = rule.file_check {
        let look = Look { bytes, whole: value.clone(), value: value.clone(), kind: Kind::Settings };
        let checked = check(&look)?;
        opinion.notes.extend(checked.notes);
        opinion.severity = opinion.severity.or(checked.severity);
        opinion.masked = opinion.masked.or(checked.masked);
        opinion.identity = opinion.identity.or(checked.identity);
        opinion.span = opinion.span.or(checked.span);
    }
    let search = Search { set: rule_set(), bytes, kind: Kind::Settings, candidates: Vec::new(), work_left: 0 };
    let mut found = search.found(rule, value, 0, opinion);
    // what only files have keeps its own: some go by words alone
    if !matches!(rule.matcher, Matcher::File) {
        found.rank = found.rank.max(FIELD_RANK);
    }
    Some(found)
}

/// Whether the byte before `start` is the letter of an escape, as in `\nTOKEN`.
fn is_escape(bytes: &[u8], start: usize) -> bool {
    let letter = start.checked_sub(1).and_then(|index| bytes.get(index));
    let backslash = start.checked_sub(2).and_then(|index| bytes.get(index));
    backslash == Some(&b'\\') && matches!(letter, Some(b'n' | b'r' | b't'))
}

/// Keeps of overlapping candidates the one of the highest rank; of equals the surer, the longer, the first.
pub(super) fn resolve(mut candidates: Vec<Found>) -> Vec<Found> {
    candidates.sort_by(|a, b| {
        (b.rank, b.confidence, b.span.len())
            .cmp(&(a.rank, a.confidence, a.span.len()))
            .then_with(|| (a.span.start, a.rule.id).cmp(&(b.span.start, b.rule.id)))
    });
    let mut kept: BTreeMap<usize, Found> = BTreeMap::new();
    for candidate in candidates {
        let before = kept.range(..candidate.span.end).next_back();
        if before.is_none_or(|(_, found)| found.span.end <= candidate.span.start) {
            kept.insert(candidate.span.start, candidate);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests;

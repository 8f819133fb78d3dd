//! Finds secrets in the bytes of one file that holds no others, in whatever coding its text is.

use std::ops::Range;

use super::super::engine::{self, Found};
use super::super::kind::Kind;
use super::super::runs;
use super::unwrap::{self, Unwrapped};
use super::wide::{self, Wide};

/// Codings inside one another that are undone: Helm has base64 in base64.
const CODINGS: usize = 2;

/// How a file's bytes are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A byte, or a few of UTF-8, for each character.
    Narrow,
    Wide(Wide),
    Binary,
}

/// What was found in a file, or in a window of it.
#[derive(Debug)]
pub(in crate::secret) struct Searched {
    /// In order of their place; none overlaps another.
    pub(in crate::secret) found: Vec<Found>,
    /// Whether the bytes hold so many false starts that the rest was left.
    pub(in crate::secret) is_exhausted: bool,
    form: Form,
}

impl Searched {
    /// Line feeds in a part of the bytes that were searched.
    pub(in crate::secret) fn line_feeds(&self, bytes: &[u8], part: Range<usize>) -> u64 {
        match self.form {
            Form::Wide(wide) => wide.line_feeds(bytes, part),
            _ => bytes.get(part).map_or(0, |part| memchr::memchr_iter(b'\n', part).count() as u64),
        }
    }

    /// Whether the file has lines.
    pub(in crate::secret) fn has_lines(&self) -> bool {
        self.form != Form::Binary
    }
}

/// Searches `bytes`, which is text of sort `kind`, or no text; `fields` were found in it by the format of its file.
pub(in crate::secret) fn search(bytes: &[u8], kind: Kind, fields: Vec<Found>) -> Searched {
    if let Some(wide) = Wide::of(bytes) {
        let text = wide.decode(bytes);
        let (mut found, mut is_exhausted) = plain(&text, kind, Vec::new());
        let mut known = (0, 0);
        let mut last = (0..0, 0..0);
        for one in &mut found {
            let start = wide.position(&text, known, one.span.start);
            let coded = one.coded.take().map(|coded| {
                // many may stand in one stretch that is coded
                if coded != last.0 {
                    let from = if last.0.start <= coded.start { (last.0.start, last.1.start) } else { (0, 0) };
                    let start = wide.position(&text, from, coded.start);
                    last.1 = start..wide.position(&text, (coded.start, start), coded.end);
                    last.0 = coded;
                }
                last.1.clone()
            });
            known = (one.span.start, start);
            one.span = start..wide.position(&text, known, one.span.end);
            one.coded = Some(coded.unwrap_or_else(|| one.span.clone()));
        }
        // a mark alone does not make the rest wide
        let narrow = engine::scan(bytes, Kind::Other);
        is_exhausted |= narrow.is_exhausted;
        if !narrow.found.is_empty() {
            found.extend(narrow.found);
            found = engine::resolve(found);
        }
        return Searched { found, is_exhausted, form: Form::Wide(wide) };
    }
    let (mut found, mut is_exhausted) = plain(bytes, kind, fields);
    let is_binary = engine::is_binary(bytes);
    if is_binary && wide::may_hold_stretches(bytes) {
        is_exhausted |= search_stretches(bytes, &mut found);
    }
    Searched { found, is_exhausted, form: if is_binary { Form::Binary } else { Form::Narrow } }
}

/// Searches text of one byte a character, and what is coded in it.
fn plain(bytes: &[u8], kind: Kind, fields: Vec<Found>) -> (Vec<Found>, bool) {
    let is_text = !engine::is_binary(bytes);
    let runs: Vec<Range<usize>> = if is_text { Vec::new() } else { runs::of(bytes).collect() };
    let engine::Scan { mut found, mut is_exhausted, .. } =
        if is_text { engine::scan_with(bytes, kind, fields) } else { engine::scan_runs(bytes, &runs, fields) };
    // from the outermost text to the innermost
    let mut texts: Vec<Unwrapped> = Vec::new();
    let mut coded = Vec::new();
    for _ in 0..CODINGS {
        let unwrapped = match texts.last() {
            None if !is_text => Unwrapped::of_binary(bytes, &runs),
            last => Unwrapped::of(last.map_or(bytes, |text| text.bytes.as_slice()), is_text),
        };
        is_exhausted |= unwrapped.is_cut;
        if unwrapped.bytes.is_empty() {
            break;
        }
        let scan = engine::scan(&unwrapped.bytes, kind);
        is_exhausted |= scan.is_exhausted;
        texts.push(unwrapped);
        coded.extend(scan.found.into_iter().map(|mut one| {
            let mut all = one.span.clone();
            for (depth, text) in texts.iter().enumerate().rev() {
                let outer = depth.checked_sub(1).and_then(|depth| texts.get(depth));
                all = text.extent(outer.map_or(bytes, |outer| outer.bytes.as_slice()), &all);
                one.span = text.span(&one.span);
            }
            one.coded = Some(all);
            one
        }));
    }
    if !coded.is_empty() {
        found.extend(coded);
        found = engine::resolve(found);
    }
    (found, is_exhausted)
}

/// What bytes say that are coded: each text in them, its codings undone. Nothing of bytes that are what they say.
pub(in crate::secret) fn readings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Wide::of(bytes).map(|wide| wide.decode(bytes)).into_iter().collect();
    let mut level = 0..all.len();
    for depth in 0..CODINGS {
        let outer = all.get(level.clone()).unwrap_or_default();
        let inner: Vec<Vec<u8>> = match depth {
            0 if outer.is_empty() => unwrap::texts(bytes),
            _ => outer.iter().flat_map(|text| unwrap::texts(text)).collect(),
        };
        level = all.len()..all.len().saturating_add(inner.len());
        all.extend(inner);
    }
    all
}

/// Searches the texts of two bytes a character in a binary file.
fn search_stretches(bytes: &[u8], found: &mut Vec<Found>) -> bool {
    let mut text = Vec::new();
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for (start, stretch) in wide::stretches(bytes) {
        starts.push((text.len(), start));
        text.extend_from_slice(&stretch);
        text.push(b'\n');
    }
    let scan = engine::scan(&text, Kind::Other);
    let place = |at: usize| {
        let index = starts.partition_point(|(own, _)| *own <= at).saturating_sub(1);
        starts.get(index).map_or(0, |(own, start)| start.saturating_add(at.saturating_sub(*own).saturating_mul(2)))
    };
    let before = found.len();
    found.extend(scan.found.into_iter().map(|mut one| {
        one.span = place(one.span.start)..place(one.span.end);
        one.coded = Some(one.span.clone());
        one
    }));
    if found.len() > before {
        *found = engine::resolve(std::mem::take(found));
    }
    scan.is_exhausted
}

//! Findings in Dockerfiles for people: each with its lines of the file, then the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::Value;

use super::{Style, clean, count};
use crate::escape::escape;
use crate::finding::Location;
use crate::policy::{Action, Judged};
use crate::report::Report;
use crate::secret;

/// Longest line shown, in bytes; of a longer one only its number is given.
const LONGEST_LINE: usize = 4_096;

/// Most lines of one finding; of a longer one the first is shown.
const MOST_LINES: u64 = 8;

/// Findings shown in full; those beyond are counted.
const MOST_SHOWN: usize = 200;

/// Writes the findings with their lines of `texts`, which are the files by their names.
pub fn render_excerpts(
    report: &Report,
    texts: &BTreeMap<String, String>,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let shown: Vec<&Judged> = report
        .findings
        .iter()
        .filter(|judged| judged.finding.severity >= style.least && (style.show_waived || judged.waiver.is_none()))
        .collect();
    // as the files are read: by place, not by gravity
    let mut shown = shown;
    shown.sort_by(|a, b| {
        a.finding.location.cmp(&b.finding.location).then_with(|| a.finding.rule.id.cmp(b.finding.rule.id))
    });
    let files: BTreeMap<&str, Lines<'_>> = texts.iter().map(|(name, text)| (name.as_str(), Lines::new(text))).collect();
    let mut advised = BTreeSet::new();
    for judged in shown.iter().take(MOST_SHOWN) {
        let is_first = advised.insert(judged.finding.rule.id);
        writeln!(out, "{}\n", excerpt(judged, &files, style, is_first))?;
    }
    if let Some(more) = shown.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "and {}; -f json lists all\n", count(more, "more finding"))?;
    }
    for limitation in report.limitations.iter().filter(|limitation| limitation.is_gap || style.verbose) {
        let word = if limitation.is_gap { "not read" } else { "note" };
        writeln!(out, "{word}: {}: {}", clean(&limitation.place), clean(&limitation.what))?;
    }
    let waived = match report.verdict.waived {
        0 => String::new(),
        n => format!(" ({n} waived)"),
    };
    let target = clean(&report.target.reference);
    writeln!(out, "{target}: {}{waived}: {}", count(shown.len(), "finding"), clean(&report.verdict.reason))?;
    out.flush()
}

/// A file with the place of each line.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let after = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// A line, from 1, without its end and without a byte order mark.
    fn line(&self, number: u64) -> &'a str {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let start = index.and_then(|index| self.starts.get(index)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        line.trim_start_matches('\u{feff}').trim_end_matches('\r')
    }
}

fn excerpt(judged: &Judged, files: &BTreeMap<&str, Lines<'_>>, style: &Style, is_first: bool) -> String {
    let finding = &judged.finding;
    let level = match judged.action {
        _ if judged.waiver.is_some() => Level::NOTE,
        Action::Fail => Level::ERROR,
        Action::Warn => Level::WARNING,
        Action::Info | Action::Ignore => Level::INFO,
    };
    let title = level.with_name(finding.severity.as_str()).primary_title(words(&finding.message)).id(finding.rule.id);
    let mut group = Group::with_title(title);
    if let Location::Dockerfile { file, start, end } = &finding.location {
        let name = escape(file);
        let number = usize::try_from(start.0).unwrap_or(usize::MAX);
        let found = files.get(file.as_str()).and_then(|lines| source(lines, *start, *end));
        if let Some((source, range)) = found {
            let annotation = AnnotationKind::Primary.span(range);
            group = group.element(Snippet::source(source).line_start(number).path(name).annotation(annotation));
        } else {
            let column = usize::try_from(start.1).unwrap_or(usize::MAX);
            group = group.element(Origin::path(name).line(number).char_column(column));
        }
    }
    if let Some(note) = &judged.note {
        group = group.element(Level::NOTE.message(words(note)));
    }
    if let Some(waiver) = &judged.waiver {
        let until = waiver.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        let text = format!("accepted{until} in {}: {}", clean(&waiver.place), clean(&waiver.reason));
        group = group.element(Level::NOTE.message(text));
    }
    if let Some(instead) = finding.evidence.get("instead").and_then(Value::as_str) {
        group = group.element(Level::HELP.message(format!("write `{}` instead", clean(instead))));
    }
    if style.verbose && !finding.rule.why.is_empty() {
        group = group.element(Level::NOTE.message(finding.rule.why));
    }
    if (is_first || style.verbose) && !finding.rule.remediation.is_empty() {
        group = group.element(Level::HELP.message(finding.rule.remediation));
    }
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(style.width.clamp(60, 140)).render(&[group])
}

/// The lines from `start` to `end` and the bytes of them that are meant; `None` where a line is too long to show.
fn source(lines: &Lines<'_>, start: (u64, u64), end: (u64, u64)) -> Option<(String, Range<usize>)> {
    let last = if end.0.saturating_sub(start.0) >= MOST_LINES { start.0 } else { end.0.max(start.0) };
    let mut source = String::new();
    let mut range = 0..0;
    for number in start.0..=last {
        let line = lines.line(number);
        if line.len() > LONGEST_LINE {
            return None;
        }
        let masked = if secret::is_harmless(line) { line.to_owned() } else { secret::mask_text(line) };
        let is_masked = masked != line;
        let line = visible(&masked);
        let at = source.len();
        // where a value is masked, columns are not those of the file
        if number == start.0 {
            range.start = at + if is_masked { indent(&line) } else { byte_of(&line, start.1) };
        }
        if number == last {
            let column = if last == end.0 { end.1 } else { u64::MAX };
            range.end = at + if is_masked { line.len() } else { byte_of(&line, column) };
        }
        source += &line;
        if number < last {
            source.push('\n');
        }
    }
    range.end = range.end.max(range.start);
    Some((source, range))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where a column, from 1, begins.
fn byte_of(line: &str, column: u64) -> usize {
    let nth = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    line.char_indices().nth(nth).map_or(line.len(), |(at, _)| at)
}

/// The line with what steers a terminal replaced, a character for a character.
fn visible(line: &str) -> String {
    let hides = |c: char| (c.is_control() && c != '\t') || (!c.is_ascii() && crate::escape::is_hidden(c));
    line.chars().map(|c| if hides(c) { '?' } else { c }).collect()
}

/// Text on one line in which nothing steers.
fn words(text: &str) -> String {
    clean(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_lines_shown() {
        let lines = Lines::new("\u{feff}FROM ü\r\nRUN a \\\n  b\x1b[2J\n");
        let show = |start, end| source(&lines, start, end).map(|(text, range)| (text.clone(), text[range].to_owned()));
        assert_eq!(show((1, 6), (1, 7)), Some(("FROM ü".into(), "ü".into())));
        assert_eq!(show((2, 5), (3, 4)), Some(("RUN a \\\n  b?[2J".into(), "a \\\n  b".into())));
        assert_eq!(show((4, 1), (4, 1)), Some((String::new(), String::new())));
        assert_eq!(show((99, 5), (99, 9)), Some((String::new(), String::new())));
        let long = "x".repeat(LONGEST_LINE + 1);
        assert_eq!(source(&Lines::new(&long), (1, 1), (1, 2)), None);
    }
}

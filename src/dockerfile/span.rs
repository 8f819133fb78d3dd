//! Places in a Dockerfile: bytes of the file, lines and columns, and text that remembers where it came from.

use std::ops::Range;

/// Bytes of the file, from `start` up to and without `end`; both lie between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
}

impl Span {
    /// From `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Whether a byte lies in it.
    pub fn contains(self, at: usize) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        span.start..span.end
    }
}

/// Text taken out of a file in pieces, such as an instruction freed of its continuations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    text: String,
    /// Where each piece begins: in `text`, and in the file. Ascending in both.
    pieces: Vec<(usize, usize)>,
}

impl Text {
    /// One piece that begins at byte `at` of the file.
    pub fn of(text: &str, at: usize) -> Self {
        Self { text: text.to_owned(), pieces: vec![(0, at)] }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds a piece that begins at byte `at` of the file.
    pub fn push(&mut self, piece: &str, at: usize) {
        let joins = self.pieces.last().is_some_and(|(text, file)| {
            self.text.len().checked_sub(*text).and_then(|length| file.checked_add(length)) == Some(at)
        });
        if !joins {
            self.pieces.push((self.text.len(), at));
        }
        self.text.push_str(piece);
    }

    /// Adds another text behind it.
    pub fn append(&mut self, other: &Self) {
        for (index, (start, place)) in other.pieces.iter().enumerate() {
            let next = index.checked_add(1).and_then(|next| other.pieces.get(next));
            let end = next.map_or(other.text.len(), |(start, _)| *start);
            self.push(other.text.get(*start..end).unwrap_or_default(), *place);
        }
    }

    /// Where byte `offset` of the text stands in the file.
    fn place(&self, offset: usize) -> usize {
        let index = self.pieces.partition_point(|(text, _)| *text <= offset);
        let (text, file) = index.checked_sub(1).and_then(|index| self.pieces.get(index)).copied().unwrap_or_default();
        file.saturating_add(offset.saturating_sub(text))
    }

    /// The bytes of the file from the first to the last byte of `range`, with all continuations between.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.place(range.start);
        match range.end.checked_sub(1) {
            Some(last) if range.end > range.start => Span::new(start, self.place(last).saturating_add(1)),
            _ => Span::new(start, start),
        }
    }

    /// A part of it; empty where `range` is none.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        let text = self.text.get(range.clone()).unwrap_or_default();
        let first = self.pieces.partition_point(|(text, _)| *text <= range.start).saturating_sub(1);
        for (index, (start, _)) in self.pieces.iter().enumerate().skip(first) {
            let next = index.checked_add(1).and_then(|next| self.pieces.get(next));
            let end = next.map_or(self.text.len(), |(start, _)| *start).min(range.end);
            let start = (*start).max(range.start);
            if start >= range.end {
                break;
            }
            part.push(self.text.get(start..end).unwrap_or_default(), self.place(start));
        }
        if text.is_empty() {
            part.pieces.push((0, self.place(range.start)));
        }
        part
    }
}

/// Finds lines and columns of a file.
#[derive(Debug, Clone, Default)]
pub struct LineIndex {
    /// First byte of each line.
    starts: Vec<usize>,
}

/// A place as a person counts: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl LineIndex {
    /// The lines of `text`.
    pub fn new(text: &str) -> Self {
        let after = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at.saturating_add(1));
        Self { starts: std::iter::once(0).chain(after).collect() }
    }

    /// The line, from 1, that holds byte `at`.
    pub fn line(&self, at: usize) -> u64 {
        self.starts.partition_point(|start| *start <= at).max(1) as u64
    }

    /// First byte of a line.
    pub fn start_of(&self, line: u64) -> Option<usize> {
        self.starts.get(usize::try_from(line.checked_sub(1)?).ok()?).copied()
    }

    /// Line and column of byte `at` of `text`, which is the text this was made of.
    pub fn position(&self, text: &str, at: usize) -> Position {
        let line = self.line(at);
        let start = self.start_of(line).unwrap_or(0);
        let before = text.get(start..at.min(text.len())).unwrap_or_default();
        // a byte order mark is no column
        let characters = before.trim_start_matches('\u{feff}').chars().count() as u64;
        Position { line, column: characters.saturating_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_knows_where_its_parts_stand() {
        let file = "RUN a \\\n  b\\\nc";
        let mut text = Text::default();
        text.push("RUN a ", 0);
        text.push("  b", 8);
        text.push("c", 13);
        assert_eq!(text.as_str(), "RUN a   bc");
        assert_eq!(text.span(4..5), Span::new(4, 5));
        assert_eq!(text.span(8..10), Span::new(10, 14));
        assert_eq!(file.get(10..14), Some("b\\\nc"));
        let part = text.part(4..10);
        assert_eq!((part.as_str(), part.span(4..6)), ("a   bc", Span::new(10, 14)));
        assert_eq!(text.part(10..10).span(0..0), Span::new(14, 14));
        assert_eq!(text.part(9..10).span(0..1), Span::new(13, 14));
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "\u{feff}FROM a\nRUN ü b\n";
        let index = LineIndex::new(text);
        let at = |needle: &str| index.position(text, text.find(needle).expect("it is there"));
        assert_eq!(at("FROM"), Position { line: 1, column: 1 });
        assert_eq!(at("b\n"), Position { line: 2, column: 7 });
        assert_eq!(index.position(text, text.len()), Position { line: 3, column: 1 });
    }
}

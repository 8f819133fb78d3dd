//! Comments and documentation inside a file: an assignment there is an example, or a setting that is switched off.
//!
//! Only what goes by names and places is less grave there; what a provider's prefix tells is as grave as anywhere.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::rule::Severity;

use super::engine::Found;
use super::kind::Kind;
use super::rule;
use super::shipped;

/// Longest part of a line that is looked at, in bytes before the value.
const LONGEST: usize = 4 << 10;

/// Lowers what stands in comments, and in the strings that document Python.
pub(super) fn weigh(found: &mut [Found], bytes: &[u8], kind: Kind) {
    if kind == Kind::Other || found.is_empty() {
        return;
    }
    let mut strings = Strings { bytes, at: 0, open: None };
    for one in found {
        // in order of their place: the text is walked once
        let is_documentation = kind == Kind::Source && strings.is_documentation(one.span.start);
        let is_guess = rule::of(one.rule).is_some_and(|rule| rule.ships_in_packages || rule.is_hidden);
        if one.severity <= Severity::Low || !is_guess {
            continue;
        }
        if is_documentation || is_comment(bytes, one.span.start, kind) {
            one.severity = shipped::less_grave(one.severity);
            one.notes.push("in a comment, so less grave".into());
        }
    }
}

/// Whether the line of the byte at `at` is a comment.
fn is_comment(bytes: &[u8], at: usize, kind: Kind) -> bool {
    let before = bytes.get(at.saturating_sub(LONGEST)..at).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |feed| feed.saturating_add(1));
    if start == 0 && before.len() == LONGEST {
        return false;
    }
    let line = before.get(start..).unwrap_or_default().trim_ascii_start();
    if line.starts_with(b"//") || line.starts_with(b"<!--") {
        return true;
    }
    let (sign, rest) = line.split_at(line.iter().take_while(|b| !b.is_ascii_whitespace()).count());
    let is_apart = !rest.is_empty();
    match sign {
        // `#define` and `#include` are none
        [b'#', rest @ ..] if kind == Kind::Source => is_apart && rest.iter().all(|b| *b == b'#'),
        [b'#', rest @ ..] => !rest.starts_with(b"define") && !rest.starts_with(b"!"),
        [b';', ..] if kind == Kind::Settings => true,
        b";;" | b";;;" | b"*" | b"/*" | b"/**" | b"--" | b">>>" | b"..." => is_apart,
        _ => false,
    }
}

/// The strings in three quotes of Python: one that is a statement of its own documents what it stands in (PEP 257).
struct Strings<'a> {
    bytes: &'a [u8],
    /// Up to here they were read.
    at: usize,
    /// The sign of the string that is open there, and whether it documents something.
    open: Option<(u8, bool)>,
}

impl Strings<'_> {
    /// Whether the byte at `place`, which is none before the last one asked for, is in such a string.
    fn is_documentation(&mut self, place: usize) -> bool {
        while let Some(next) = memchr::memchr2(b'"', b'\'', self.bytes.get(self.at..place).unwrap_or_default()) {
            let start = self.at.saturating_add(next);
            let end = start.saturating_add(3);
            let quotes = self.bytes.get(start..end).unwrap_or_default();
            let quote = quotes.first().copied().unwrap_or_default();
            let is_other = self.open.is_some_and(|(open, _)| open != quote);
            if is_other || !matches!(quotes, [_, second, third] if *second == quote && *third == quote) {
                self.at = start.saturating_add(1);
                continue;
            }
            self.open = if self.open.is_some() { None } else { Some((quote, self.is_statement(start))) };
            self.at = end;
        }
        self.open.is_some_and(|(_, documents)| documents)
    }

    /// Whether nothing but a blank, or the letter of raw strings, stands before the byte at `start` in its line.
    fn is_statement(&self, start: usize) -> bool {
        let before = self.bytes.get(start.saturating_sub(64)..start).unwrap_or_default();
        let line = memchr::memrchr(b'\n', before).map_or(before, |feed| before.get(feed..).unwrap_or_default());
        matches!(line.trim_ascii(), b"" | b"r" | b"u" | b"R")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_comments() {
        let cases = [
            ("# password: ", Kind::Settings, true),
            ("#password=", Kind::Settings, true),
            ("; password=", Kind::Settings, true),
            ("a: 1\n  // password=", Kind::Settings, true),
            ("#define PASSWORD ", Kind::Settings, false),
            ("#define PASSWORD ", Kind::Source, false),
            ("   # password = ", Kind::Source, true),
            (" * password = ", Kind::Source, true),
            ("*password = ", Kind::Source, false),
            ("-- password = ", Kind::Source, true),
            ("  --password=", Kind::Settings, false),
            (">>> f(password=", Kind::Source, true),
            ("# a comment\npassword=", Kind::Settings, false),
            ("password=", Kind::Settings, false),
        ];
        for (text, kind, expected) in cases {
            assert_eq!(is_comment(text.as_bytes(), text.len(), kind), expected, "{text}");
        }
    }

    #[test]
    fn strings_that_document() {
        let text =
            "def f():\n    \"\"\"Asks.\n    f(password=1)\n    \"\"\"\n    x = \"\"\"\n 2 \"\"\"\n    r''' 3 '''\n 4";
        let mut strings = Strings { bytes: text.as_bytes(), at: 0, open: None };
        let told = ["1", "2", "3", "4"].map(|sign| strings.is_documentation(text.find(sign).expect("it is there")));
        assert_eq!(told, [true, false, true, false]);
    }
}

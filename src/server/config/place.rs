//! Errors that point at the line of a configuration file.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, line_and_column, render};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;

/// A file's name and its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) place: &'a str,
    pub(super) text: &'a str,
}

impl Text<'_> {
    /// What is wrong, with the line where it begins.
    pub(super) fn wrong(self, span: Range<usize>, message: &str) -> Error {
        let (line, _) = line_and_column(self.text, span.start);
        let message = message.trim_end().replace('\n', "; ");
        let shown = render(self.place, self.text, &Diagnostic::new(span, &*message), false);
        Error::new(ErrorKind::Config, message).at(format!("{}:{line}", self.place)).detail(shown)
    }

    /// The first line that sets a key; the beginning where none does.
    pub(super) fn key(self, key: &str) -> Range<usize> {
        let sets = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
        self.line(0, sets)
    }

    /// The line where the table of this head and number begins.
    pub(super) fn table(self, head: &str, index: usize) -> Range<usize> {
        self.line(index, |line| line.starts_with(head))
    }

    /// The line of that number among those that fit.
    fn line(self, number: usize, fits: impl Fn(&str) -> bool) -> Range<usize> {
        let mut start = 0;
        let lines = self.text.split_inclusive('\n').map(|line| {
            let begin = start + line.len() - line.trim_start().len();
            start += line.len();
            (line.trim(), begin)
        });
        let found = lines.filter(|(line, _)| fits(line)).nth(number);
        found.map_or(0..0, |(line, begin)| begin..begin + line.len())
    }

    /// An error unless `word` is one of `known`.
    pub(super) fn one_of(self, span: Range<usize>, word: &str, known: &[&str], what: &str) -> Result<()> {
        if known.contains(&word) {
            return Ok(());
        }
        let error = self.wrong(span, &format!("there is no {what} `{}`", escape(word)));
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? There are: {}", known.join(", ")),
            None => format!("there are: {}", known.join(", ")),
        };
        Err(error.help(help))
    }
}

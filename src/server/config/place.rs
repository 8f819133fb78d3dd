//! Errors that point at the line of a configuration file.

use std::ops::Range;

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
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let written = self.text.lines().nth(line - 1).unwrap_or_default().trim();
        let message = message.trim_end().replace('\n', "; ");
        let shown = format!("error: {}\n{line} | {}\n", escape(&message), escape(written));
        Error::new(ErrorKind::Config, message).at(format!("{}:{line}", self.place)).detail(shown)
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

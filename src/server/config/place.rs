//! Errors that point at the line of a configuration file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

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

    /// Where a value stands: the names of the tables that it is in and its own, and numbers from 0 in lists. Where it is not
    /// given, the innermost of them that is.
    pub(super) fn value(self, path: &[&str]) -> Range<usize> {
        let Ok(whole) = DeTable::parse(self.text) else { return 0..0 };
        let Some((first, rest)) = path.split_first() else { return 0..0 };
        let Some(mut found) = whole.get_ref().get(*first) else { return 0..0 };
        for name in rest {
            let next = match found.get_ref() {
                DeValue::Array(list) => name.parse().ok().and_then(|number: usize| list.get(number)),
                DeValue::Table(table) => table.get(*name),
                _ => None,
            };
            let Some(next) = next else { break };
            found = next;
        }
        found.span()
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

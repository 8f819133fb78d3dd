//! Makes one error of all that is wrong in a policy file.

use crate::error::{Error, ErrorKind};
use crate::escape::escape;

use crate::diagnostic::render;
pub(super) use crate::diagnostic::{Diagnostic, escape_words, line_and_column};

/// Errors shown in full; those beyond are counted.
const MOST_SHOWN: usize = 20;

/// Makes one error of all that is wrong in one file.
pub(super) fn error(name: &str, source: &str, mut diagnostics: Vec<Diagnostic>, colour: bool) -> Error {
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    let message = match diagnostics.as_slice() {
        [only] => format!("policy `{}`: {}", escape(name), only.message),
        several => format!("policy `{}` has {} errors", escape(name), several.len()),
    };
    let mut shown: Vec<String> =
        diagnostics.iter().take(MOST_SHOWN).map(|diagnostic| render(name, source, diagnostic, colour)).collect();
    if let Some(more) = diagnostics.len().checked_sub(MOST_SHOWN)
        && more > 0
    {
        shown.push(format!("and {more} more"));
    }
    let error = Error::new(ErrorKind::Config, message).detail(shown.join("\n\n"));
    match diagnostics.first() {
        Some(first) => {
            let (line, column) = line_and_column(source, first.span.start);
            error.at(format!("{}:{line}:{column}", escape(name)))
        }
        None => error,
    }
}

//! Errors in files that people write, shown with the line they are on, what is allowed there, and the nearest name.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::escape::escape;
use crate::nearest::nearest;

/// Longest line shown, in bytes; of a longer one only its number is given.
const LONGEST_LINE: usize = 4096;

/// One error in a file.
#[derive(Debug, Clone)]
pub(crate) struct Diagnostic {
    /// What is wrong, on one line.
    pub(crate) message: String,
    /// Bytes of the file.
    pub(crate) span: Range<usize>,
    /// What is said right at the place.
    pub(crate) label: String,
    /// What to do, a line each.
    pub(crate) help: Vec<String>,
    /// The words allowed here, if they are few.
    pub(crate) allowed: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, label: String::new(), help: Vec::new(), allowed: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds the nearest of `known`, and all of them in this order.
    pub(crate) fn suggest<'a>(mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        self.allowed = Some(known.join(", "));
        match nearest(word, known.into_iter()) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// Line and column from 1, the column in characters.
pub(crate) fn line_and_column(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
    (line, column)
}

/// The error, and the line it is on.
pub(crate) fn render(name: &str, source: &str, diagnostic: &Diagnostic, colour: bool) -> String {
    let name = escape(name);
    let label = escape_words(&diagnostic.label);
    let (number, column) = line_and_column(source, diagnostic.span.start);
    let start = source.get(..diagnostic.span.start).map_or(0, |before| before.rfind('\n').map_or(0, |at| at + 1));
    let line = source.get(start..).unwrap_or_default().split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut group = Group::with_title(Level::ERROR.primary_title(escape_words(&diagnostic.message)));
    if line.len() > LONGEST_LINE {
        group = group.element(Origin::path(name).line(number).char_column(column));
    } else {
        let line = visible(line);
        let first = diagnostic.span.start.saturating_sub(start).min(line.len());
        let last = diagnostic.span.end.saturating_sub(start).clamp(first, line.len());
        let annotation = AnnotationKind::Primary.span(first..last);
        let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
        group = group.element(Snippet::source(line).line_start(number).path(name).annotation(annotation));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(escape_words(help)));
    }
    if let Some(allowed) = &diagnostic.allowed {
        group = group.element(Level::NOTE.message(format!("allowed: {}", escape_words(allowed))));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The line with what steers a terminal replaced by as many bytes, so that offsets stay true.
fn visible(line: &str) -> String {
    let replace = |c: char| {
        let hidden =
            if c.is_ascii() { c.is_ascii_control() && c != '\t' } else { escape(c.to_string()).len() > c.len_utf8() };
        if hidden { "?".repeat(c.len_utf8()) } else { c.to_string() }
    };
    line.chars().map(replace).collect()
}

/// Escapes text that quotes the file, but leaves our own backslashes and line ends as they are.
pub(crate) fn escape_words(text: &str) -> String {
    text.chars().map(|c| if c == '\\' { c.to_string() } else { escape(c.to_string()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_file_steers_the_terminal() {
        let source = "a = 1\nkey\u{9b}\u{202e}\u{1b} = \"x\"\r\n";
        let diagnostic = Diagnostic::new(6..9, "odd \u{1b}[2J").label("\u{202e}here");
        let shown = render("p\u{1b}.toml", source, &diagnostic, false);
        insta::assert_snapshot!(shown, @r##"
error: odd \x1b[2J
 --> p\x1b.toml:2:1
  |
2 | key?????? = "x"
  | ^^^ \u{202e}here
"##);
    }
}

//! The page that the text report is written on: lines that fit, and colours.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style as Ansi};
use unicode_width::UnicodeWidthStr as _;

use super::columns::{cut_middle, wrap};
use crate::rule::Severity;

/// Where lines go. Only text that was cleaned comes here.
pub(super) struct Page<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) width: usize,
    pub(super) colour: bool,
}

impl Page<'_> {
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end())
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    pub(super) fn heading(&mut self, title: &str, count: &str) -> io::Result<()> {
        let title = self.paint(title, Ansi::new().bold());
        self.line(&format!("{title}: {count}"))
    }

    /// Text over as many lines as it takes, each indented.
    pub(super) fn paragraph(&mut self, text: &str, indent: usize) -> io::Result<()> {
        for line in wrap(text, self.width.saturating_sub(indent)) {
            self.line(&format!("{:indent$}{line}", ""))?;
        }
        Ok(())
    }

    /// Parts on one line while they fit, further lines indented; a part that is too long alone is cut.
    pub(super) fn list(&mut self, parts: &[String], separator: &str, indent: usize) -> io::Result<()> {
        let mut line = String::new();
        for (index, part) in parts.iter().enumerate() {
            let is_last = index + 1 == parts.len();
            let separator = if is_last { "" } else { separator };
            let part = cut_middle(part, self.width.saturating_sub(indent + separator.width()));
            if !line.trim().is_empty() && line.width() + part.width() + separator.trim_end().width() > self.width {
                self.line(&line)?;
                line = " ".repeat(indent);
            }
            line.push_str(&part);
            line.push_str(separator);
        }
        self.line(&line)
    }

    pub(super) fn paint(&self, text: &str, style: Ansi) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The colour that goes with a severity.
pub(super) fn colour_of(severity: Severity) -> Ansi {
    let colour = |colour: AnsiColor| Ansi::new().fg_color(Some(Color::Ansi(colour)));
    match severity {
        Severity::Critical => colour(AnsiColor::Red).bold(),
        Severity::High => colour(AnsiColor::Red),
        Severity::Medium => colour(AnsiColor::Yellow),
        Severity::Low => colour(AnsiColor::Cyan),
        Severity::Info => Ansi::new().dimmed(),
    }
}

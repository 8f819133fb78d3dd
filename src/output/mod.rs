//! Output formats: each one file here and one line in [`FORMATS`]. They see the report, nothing else.

use std::io::{self, Write};

use crate::report::Report;

/// Writes reports in one format.
pub trait Format: Sync {
    /// The word after `-f`.
    fn id(&self) -> &'static str;

    /// A line for the help text.
    fn about(&self) -> &'static str;

    /// Writes one report for each image scanned; never empty.
    fn render(&self, reports: &[Report], style: &Style, out: &mut dyn Write) -> io::Result<()>;
}

/// How a person wants to see it.
#[derive(Debug, Clone)]
pub struct Style {
    /// Columns of the terminal, at most 120 used.
    pub width: usize,
    /// Colours as ANSI sequences.
    pub colour: bool,
    /// Findings below this severity are counted, not shown. Display only.
    pub least: crate::rule::Severity,
    /// Show what waivers accept.
    pub show_waived: bool,
    /// Show more of each finding.
    pub verbose: bool,
}

/// All formats, sorted by id.
pub static FORMATS: &[&dyn Format] = &[];

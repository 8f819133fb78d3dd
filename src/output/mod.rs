//! Output formats: each one file here and one line in [`FORMATS`]. They see the report, nothing else.

mod advisories;
mod bom;
mod columns;
mod cyclonedx;
mod diff;
mod excerpt;
mod json;
mod layers;
mod openvex;
mod package_table;
mod page;
mod sarif;
mod sarif_flaw;
mod spdx2;
mod spdx3;
mod spdx_tag_value;
mod text;
mod upgrades;

use std::io::{self, Write};

use crate::escape;
use crate::report::Report;

pub use columns::wrap;
pub use diff::{DIFF_SCHEMA, DiffFormat, render_diff};
pub use excerpt::render_excerpts;
pub use json::render_failure;
pub use layers::{LAYERS_SCHEMA, LayersView, render_layers};

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
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Style {
    /// Columns of the terminal, at most 120 used.
    pub width: usize,
    /// Colours as ANSI sequences.
    pub colour: bool,
    /// Findings below this severity are counted, not shown. Display only.
    pub least: crate::rule::Severity,
    /// Show what waivers accept.
    pub show_waived: bool,
    /// Show secrets that unchanged packages brought.
    pub show_packaged: bool,
    /// Show more of each finding.
    pub verbose: bool,
    /// List the packages.
    pub packages: bool,
}

impl Style {
    /// For documents that programs read: eighty columns, no colours, every finding.
    pub const PLAIN: Self = Self {
        width: 80,
        colour: false,
        least: crate::rule::Severity::Info,
        show_waived: false,
        show_packaged: false,
        verbose: false,
        packages: false,
    };
}

/// All formats, sorted by id.
pub static FORMATS: &[&dyn Format] = &[
    &cyclonedx::DEFAULT,
    &cyclonedx::V1_5,
    &cyclonedx::V1_6,
    &cyclonedx::V1_7,
    &json::Json,
    &openvex::OpenVex,
    &sarif::SarifLog,
    &spdx2::Spdx,
    &spdx3::Spdx3,
    &spdx_tag_value::TagValue,
    &text::Text,
];

/// Makes text safe to show in which parts may come from an image and parts are escaped already:
/// what steers or hides is escaped, a backslash stays as it is.
pub fn clean(text: &str) -> String {
    text.split('\\').map(escape::escape).collect::<Vec<_>>().join("\\")
}

/// `1 finding`, `2 findings`.
fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_sorted_and_say_what_they_are() {
        assert!(FORMATS.windows(2).all(|pair| pair[0].id() < pair[1].id()));
        assert!(FORMATS.iter().all(|format| !format.about().is_empty()));
    }

    #[test]
    fn what_is_escaped_already_is_not_escaped_again() {
        let cases = [("a\\nb", "a\\nb"), ("a\nb", "a\\nb"), ("\\\u{1b}[0m\u{202e}", "\\\\x1b[0m\\u{202e}")];
        for (raw, shown) in cases {
            assert_eq!(clean(raw), shown);
        }
    }

    #[test]
    fn no_format_lets_an_image_steer_what_reads_it() {
        let reports = [sample::hostile()];
        for colour in [false, true] {
            for format in FORMATS {
                for verbose in [false, true] {
                    let style = Style { colour, verbose, packages: verbose, ..sample::style() };
                    let mut out = Vec::new();
                    format.render(&reports, &style, &mut out).expect("memory can be written");
                    let out = String::from_utf8(out).expect("reports are UTF-8");
                    let allowed = |c: char| c == '\n' || (c == '\x1b' && colour && format.id() == "text");
                    let bad: Vec<char> =
                        out.chars().filter(|c| (c.is_control() && !allowed(*c)) || escape::is_hidden(*c)).collect();
                    assert!(bad.is_empty(), "{}: {bad:?}", format.id());
                    assert!(!out.contains("\x1b[2J"), "{}: an image's sequence reached the output", format.id());
                    assert!(!out.contains("\nforged"), "{}: an image forged a line", format.id());
                }
            }
        }
    }
}

//! The page of a fixer in the manual.

use std::fmt::Write as _;

use super::Fixer;

/// What a fixer does and never does, as Markdown.
pub fn page(fixer: &Fixer) -> String {
    let mut text = format!("# {}\n\n", fixer.title);
    let _ = match fixer.group {
        "" => writeln!(text, "Fixer `{}`. Done only where a flag asks for it.\n", fixer.id),
        group => writeln!(text, "Fixer `{}`, kind `{group}` of `--only`, `--skip` and `[fix] allow`.\n", fixer.id),
    };
    let _ = writeln!(text, "## What it does\n\n{}\n\n## What it never does\n\n{}", fixer.does, fixer.never);
    if !fixer.rules.is_empty() {
        text += "\n## Rules\n\n";
        for rule in fixer.rules {
            let _ = writeln!(text, "- [`{rule}`](../rules/{rule}.md)");
        }
    }
    text
}

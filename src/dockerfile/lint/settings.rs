//! Settings that a `RUN` or a heredoc writes into files: what `echo`, `printf`, `sed` and `COPY <<EOF` are given.

use super::Context;
use crate::dockerfile::{Instruction, Span};

/// Settings of one instruction that are looked at.
const MOST_SETTINGS: usize = 20;

/// The places of settings, in lower case, in an instruction and its heredocs, where a file may get them.
pub(super) fn written(context: &Context<'_>, instruction: &Instruction, settings: &[&str]) -> Vec<Span> {
    let source = context.file.source(instruction.span);
    // ASCII: every byte stays in its place
    let lower = source.to_ascii_lowercase();
    let mut spans: Vec<Span> = settings
        .iter()
        .flat_map(|setting| lower.match_indices(*setting).take(MOST_SETTINGS))
        .filter(|(at, setting)| is_set(&lower, *at, setting))
        .map(|(at, setting)| {
            let start = instruction.span.start.saturating_add(at);
            Span::new(start, start.saturating_add(setting.len()))
        })
        .collect();
    spans.sort_by_key(|span| span.start);
    spans.truncate(MOST_SETTINGS);
    spans
}

/// Whether a setting is written there: not in a comment, not as what `sed` replaces or `grep` looks for, and not of a
/// source on the disk.
fn is_set(text: &str, at: usize, setting: &str) -> bool {
    let end = at.saturating_add(setting.len());
    let (before, behind) = (text.get(..at).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let line_before = before.rsplit('\n').next().unwrap_or_default();
    let line_behind = behind.lines().next().unwrap_or_default();
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // `printf` writes a line end as `\n`
    let starts_line = before.ends_with("\\n");
    // `--setopt=gpgcheck=0` is a flag
    let is_inside = !starts_line && before.ends_with(|c: char| goes_on(c) || matches!(c, '.' | '='));
    let is_whole = !is_inside && !behind.starts_with(goes_on);
    let is_comment = line_before.trim_start().starts_with('#');
    let is_replaced = behind.starts_with(['/', '|', ',', '#'])
        && line_behind.contains(setting.split([' ', '=', ':']).next().unwrap_or_default());
    let is_local =
        setting.starts_with("trusted") && ["file:", "copy:", "cdrom:"].iter().any(|one| line_behind.contains(one));
    let command = line_before.rsplit(['&', ';', '|', '(']).next().unwrap_or_default();
    let is_sought = command.contains("grep ");
    is_whole && !is_comment && !is_replaced && !is_local && !is_sought
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_told_from_talk_of_one() {
        for (text, is_written) in [
            ("echo a=0 > /b", true),
            ("printf 'x\\na=0' > /b", true),
            ("echo '# a=0' > /b && c", true),
            ("sed -i 's/a=1/a=0/' /b", true),
            ("sed -i 's/a=0/a=1/' /b", false),
            ("grep a=0 /b", false),
            ("grep x /b && echo a=0 > /b", true),
            ("x --set=a=0", false),
            ("echo x_a=0 ba=0 a=01", false),
        ] {
            let found = text.match_indices("a=0").any(|(at, _)| is_set(text, at, "a=0"));
            assert_eq!(found, is_written, "{text}");
        }
    }
}

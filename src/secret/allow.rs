//! Comments by which the author of a file tells a scanner to pass over a line. They come from whoever made
//! the image: they are told, and count only if the policy says so.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

/// The words, lower case, each as its own tool documents it.
const WORDS: &[&str] = &[
    "careen:allow",
    "gitleaks:allow",
    "betterleaks:allow",
    "kingfisher:ignore",
    "kingfisher:allow",
    "trufflehog:ignore",
    "trufflehog ignore",
    "pragma: allowlist secret",
    "pragma: whitelist secret",
    "pragma: allowlist nextline secret",
    "pragma: whitelist nextline secret",
    "noseyparker:ignore",
    "ggignore",
    "nosec",
];

/// The words that speak of the next line only.
const OF_NEXT_LINE: &str = "nextline";

/// Most bytes of a line that are looked at on either side of a value.
const LONGEST_LINE: usize = 1_024;

/// What a note on an allowed secret begins with; the word follows in backticks.
pub(super) const NOTE: &str = "allowed in the file by ";

/// `notes`, with one on the comment that allows the value at `span`, if there is any on its last line, on its
/// first, or on the line before.
pub(super) fn noted(mut notes: Vec<String>, bytes: &[u8], span: &Range<usize>) -> Vec<String> {
    notes.extend(word(bytes, span).map(|word| format!("{NOTE}`{word}`")));
    notes
}

fn word(bytes: &[u8], span: &Range<usize>) -> Option<&'static str> {
    let start = line_start(bytes, span.start);
    let own = bytes.get(start..line_end(bytes, span.end))?;
    if let Some(word) = find(own).filter(|word| !word.contains(OF_NEXT_LINE)) {
        return Some(word);
    }
    let before = start.checked_sub(1)?;
    let line = bytes.get(line_start(bytes, before)..before)?;
    // a comment of its own: behind a setting it speaks of that setting
    is_comment(line).then(|| find(line)).flatten()
}

/// Where the line of `at` begins, or what of it is looked at.
fn line_start(bytes: &[u8], at: usize) -> usize {
    let least = at.saturating_sub(LONGEST_LINE);
    let part = bytes.get(least..at).unwrap_or_default();
    memchr::memrchr(b'\n', part).map_or(least, |feed| least.saturating_add(feed).saturating_add(1))
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let most = at.saturating_add(LONGEST_LINE).min(bytes.len());
    let part = bytes.get(at..most).unwrap_or_default();
    memchr::memchr(b'\n', part).map_or(most, |feed| at.saturating_add(feed))
}

fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    [&b"#"[..], b"//", b"--", b";", b"/*", b"*", b"<!--", b"%", b"'", b"rem ", b"REM "]
        .iter()
        .any(|sign| line.starts_with(sign))
}

/// The word in a line, as a whole word. The value itself may stand in the line; no value contains one.
fn find(line: &[u8]) -> Option<&'static str> {
    let lower = line.to_ascii_lowercase();
    WORDS.iter().copied().find(|word| {
        memchr::memmem::find_iter(&lower, word.as_bytes()).any(|at| {
            let before = at.checked_sub(1).and_then(|before| lower.get(before));
            let after = lower.get(at.saturating_add(word.len()));
            let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
            !is_word(before) && !is_word(after)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_scanners_are_known() {
        let cases = [
            ("K=VALUE # gitleaks:allow", Some("gitleaks:allow")),
            ("K=VALUE // Careen:Allow, a test", Some("careen:allow")),
            ("# trufflehog:ignore\nK=VALUE", Some("trufflehog:ignore")),
            ("# pragma: allowlist nextline secret\nK=VALUE", Some("pragma: allowlist nextline secret")),
            ("K=VALUE  # pragma: allowlist secret\n", Some("pragma: allowlist secret")),
            ("K=VALUE # pragma: allowlist nextline secret\n", None),
            ("A=b # gitleaks:allow\nK=VALUE", None),
            ("# gitleaks:allow\n\nK=VALUE", None),
            ("K=VALUE\n# gitleaks:allow", None),
            ("K=VALUE # gitleaks:allowed", None),
            ("K=VALUE # xnosec", None),
            ("K=VALUE # nosec B105", Some("nosec")),
            ("K=VALUE", None),
        ];
        for (text, expected) in cases {
            let at = text.find("VALUE").expect("is there");
            assert_eq!(word(text.as_bytes(), &(at..at + 5)), expected, "{text}");
        }
        let far = format!("K=VALUE {} gitleaks:allow", " ".repeat(LONGEST_LINE));
        assert_eq!(word(far.as_bytes(), &(2..7)), None, "lines without end are looked at near the value");
        assert_eq!(word(b"x", &(5..9)), None);
        let notes = noted(vec!["a".into()], b"K=VALUE # careen:allow", &(2..7));
        assert_eq!(notes, ["a", "allowed in the file by `careen:allow`"]);
    }
}

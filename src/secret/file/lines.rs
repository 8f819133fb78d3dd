//! Files of one setting a line: INI, Java's properties, shell assignments, keyword and value.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::setting::Setting;

/// How key and value are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Signs of which the first ends the key.
    pub(super) signs: &'static [u8],
    /// Whether a blank ends the key too.
    pub(super) blanks: bool,
}

/// `key = value` or `key: value`, under `[section]`.
pub(super) const INI: Style = Style { signs: b"=:", blanks: false };
/// `key=value` only: keys may have colons.
pub(super) const EQUALS: Style = Style { signs: b"=", blanks: false };
/// `keyword value`.
pub(super) const WORDS: Style = Style { signs: b"", blanks: true };
/// `keyword value`, `key=value` or `key: value`.
pub(super) const LOOSE: Style = Style { signs: b"=:", blanks: true };

/// Meets each setting of the text.
pub(super) fn read(bytes: &[u8], style: Style, meet: &mut dyn FnMut(&Setting<'_>)) {
    let mut section: Option<&[u8]> = None;
    for line in each(bytes) {
        let text = bytes.get(line.clone()).unwrap_or_default();
        match text.first() {
            None | Some(b'#' | b';' | b'!') => continue,
            Some(b'[') => {
                if let Some(end) = memchr::memrchr(b']', text) {
                    section = text.get(1..end).map(<[u8]>::trim_ascii);
                    continue;
                }
            }
            Some(_) => {}
        }
        let text =
            text.strip_prefix(b"export ").or_else(|| text.strip_prefix(b"set ")).unwrap_or(text).trim_ascii_start();
        let from = line.end.saturating_sub(text.len());
        let Some(end) = text.iter().position(|b| style.signs.contains(b) || (style.blanks && b.is_ascii_whitespace()))
        else {
            continue;
        };
        let (Some(key), Some(rest)) = (text.get(..end), text.get(end..)) else { continue };
        let key = unquoted(key.trim_ascii());
        let gap = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let sign = rest.get(gap).is_some_and(|b| style.signs.contains(b));
        let skip = gap.saturating_add(usize::from(sign));
        // `:=`, `=>`, `==`
        let more = rest.get(skip..).unwrap_or_default().iter().take_while(|b| sign && matches!(b, b'>')).count();
        let start = from.saturating_add(end).saturating_add(skip).saturating_add(more);
        let span = value(bytes, start..line.end);
        let path: &[&[u8]] = match &section {
            Some(section) => &[section, key],
            None => &[key],
        };
        if let Some(value) = bytes.get(span.clone()) {
            meet(&Setting { path, value, span });
        }
    }
}

/// The lines of a text, blanks around each left out.
pub(super) fn each(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0_usize;
    bytes.split(|b| *b == b'\n').map(move |line| {
        let from = start.saturating_add(line.len().saturating_sub(line.trim_ascii_start().len()));
        let end = from.saturating_add(line.trim_ascii().len());
        start = start.saturating_add(line.len()).saturating_add(1);
        from..end.max(from)
    })
}

/// The value in `span`: without blanks, quotes and the comment behind it.
pub(super) fn value(bytes: &[u8], span: Range<usize>) -> Range<usize> {
    let text = bytes.get(span.clone()).unwrap_or_default();
    let start = span.start.saturating_add(text.len().saturating_sub(text.trim_ascii_start().len()));
    let text = text.trim_ascii();
    if let Some(quote @ (b'"' | b'\'' | b'`')) = text.first().copied() {
        let rest = text.get(1..).unwrap_or_default();
        if let Some(length) = closing(rest, quote) {
            let first = start.saturating_add(1);
            return first..first.saturating_add(length);
        }
    }
    let comment = text.windows(2).position(|pair| matches!(pair, [b' ' | b'\t', b'#' | b';']));
    let kept = text.get(..comment.unwrap_or(text.len())).unwrap_or_default().trim_ascii_end();
    start..start.saturating_add(kept.len())
}

/// Where the quote closes that was opened before `rest`.
pub(super) fn closing(rest: &[u8], quote: u8) -> Option<usize> {
    let mut is_escaped = false;
    rest.iter().position(|b| {
        let closes = *b == quote && !is_escaped;
        is_escaped = *b == b'\\' && !is_escaped;
        closes
    })
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text);
    text.strip_suffix(b"\"").or_else(|| text.strip_suffix(b"'")).unwrap_or(text)
}

/// The words of a stretch of text, quotes taken off.
pub(super) fn words(bytes: &[u8], within: Range<usize>) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let Some(byte) = bytes.get(at) else { break };
        if byte.is_ascii_whitespace() {
            at = at.saturating_add(1);
            continue;
        }
        let rest = bytes.get(at..within.end).unwrap_or_default();
        if let quote @ (b'"' | b'\'') = *byte
            && let Some(length) = closing(rest.get(1..).unwrap_or_default(), quote)
        {
            let first = at.saturating_add(1);
            words.push(first..first.saturating_add(length));
            at = first.saturating_add(length).saturating_add(1);
            continue;
        }
        let length = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        words.push(at..at.saturating_add(length));
        at = at.saturating_add(length);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn settings_of_lines() {
        let cases: &[(Style, &str, &[&str])] = &[
            (INI, "[a b]\nk = v w # c\n;x=1\n'q': \"z # y\"\n", &["a b/k=v w", "a b/q=z # y"]),
            (EQUALS, "//h/:_k=v\r\nexport X='1'\n", &["//h/:_k=v", "X=1"]),
            (WORDS, "requirepass  \"a b\"\nbindpw c\nlone\n", &["requirepass=a b", "bindpw=c"]),
            (LOOSE, "a=1\nb: 2\nc 3\nset d = \"4\"\n", &["a=1", "b=2", "c=3", "d=4"]),
            (INI, "k=\n=v\n[open\nk=\"open\n", &["k=", "=v", "k=\"open"]),
        ];
        for (style, text, expected) in cases {
            assert_eq!(shown(text, |bytes, meet| read(bytes, *style, meet)), *expected, "{text}");
        }
        let text = b"a 'b c' \"d";
        let words: Vec<&[u8]> = words(text, 0..text.len()).into_iter().map(|span| &text[span]).collect();
        assert_eq!(words, [&b"a"[..], b"b c", b"\"d"]);
    }
}

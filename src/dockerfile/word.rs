//! Words of an instruction: blank-separated, quoted, JSON strings, flags, and the marks of heredocs.

use std::ops::Range;

use super::span::Text;
use super::{Flag, Word};

/// A word and its bytes in the instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Found {
    /// The same with its place in the file.
    pub(super) fn word(&self, text: &Text) -> Word {
        Word { span: text.span(self.range.clone()), text: self.text.clone() }
    }
}

/// Splits at blanks alone, whatever is quoted: `FROM`, `EXPOSE`, `COPY`.
pub(super) fn blanks(text: &str, range: Range<usize>) -> Vec<Found> {
    let mut words = Vec::new();
    let mut start = None;
    let part = text.get(range.clone()).unwrap_or_default();
    for (at, c) in part.char_indices().map(|(at, c)| (at.saturating_add(range.start), c)) {
        if is_blank(c) {
            words.extend(start.take().map(|start| found(text, start..at)));
        } else {
            start.get_or_insert(at);
        }
    }
    words.extend(start.map(|start| found(text, start..range.end)));
    words
}

/// What separates words: tabs, form feeds and blanks, as in `BuildKit`'s expression.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

fn found(text: &str, range: Range<usize>) -> Found {
    let text = text.get(range.clone()).unwrap_or_default().to_owned();
    Found { range, text }
}

/// Splits at blanks outside quotes; quotes and escapes stay: `ENV`, `LABEL`, `ARG`.
pub(super) fn quoted(text: &str, range: Range<usize>, escape: char) -> Vec<Found> {
    let part = text.get(range.clone()).unwrap_or_default();
    let mut characters = part.char_indices().map(|(at, c)| (at.saturating_add(range.start), c));
    let mut words = Vec::new();
    // where the word began, and what is to be taken of it: an escape at the very end is dropped
    let mut start: Option<usize> = None;
    let mut quote = None;
    let mut end = range.end;
    while let Some((at, c)) = characters.next() {
        if c == escape && quote != Some('\'') && (start.is_some() || !c.is_whitespace()) {
            start.get_or_insert(at);
            if characters.next().is_none() {
                end = at;
            }
            continue;
        }
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c.is_whitespace() => words.extend(start.take().map(|start| found(text, start..at))),
            None => {
                start.get_or_insert(at);
                if matches!(c, '\'' | '"') {
                    quote = Some(c);
                }
            }
        }
    }
    words.extend(start.filter(|start| *start < end).map(|start| found(text, start..end)));
    words
}

/// Takes `--name=value` words from the front, and says where the rest begins.
pub(super) fn flags(text: &Text, range: Range<usize>) -> (Vec<Flag>, usize) {
    let whole = text.as_str();
    let mut flags = Vec::new();
    let mut at = range.start;
    loop {
        let rest = whole.get(at..range.end).unwrap_or_default();
        let trimmed = rest.trim_start();
        at = range.end.saturating_sub(trimmed.len());
        if !trimmed.starts_with("--") {
            return (flags, at);
        }
        let (length, plain) = unquoted(trimmed);
        let end = at.saturating_add(length);
        if plain == "--" {
            return (flags, end);
        }
        let name = plain.trim_start_matches("--");
        let flag = match name.split_once('=') {
            None => Flag { span: text.span(at..end), name: name.to_owned(), value: None },
            Some((name, value)) => {
                let equals = trimmed.find('=').map_or(end, |equals| at.saturating_add(equals).saturating_add(1));
                let value = Word { span: text.span(equals.min(end)..end), text: value.to_owned() };
                Flag { span: text.span(at..end), name: name.to_owned(), value: Some(value) }
            }
        };
        flags.push(flag);
        at = end;
    }
}

/// The length of the first word, and the word without its quotes; a backslash escapes, whatever the directive says.
fn unquoted(text: &str) -> (usize, String) {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match quote {
            _ if c == '\\' => word.extend(characters.next().map(|(_, c)| c)),
            Some(open) if c == open => quote = None,
            None if c.is_whitespace() => return (at, word),
            None if matches!(c, '\'' | '"') => quote = Some(c),
            _ => word.push(c),
        }
    }
    (text.len(), word)
}

/// What a list in JSON form is.
pub(super) enum List {
    /// Strings.
    Strings(Vec<Found>),
    /// A list of other things, which Docker refuses.
    Others,
    /// No JSON list: then it is words, or a command for the shell.
    Nothing,
}

/// Reads a list in JSON form.
pub(super) fn json(text: &str, range: Range<usize>) -> List {
    let part = text.get(range.clone()).unwrap_or_default();
    if !part.trim_start().starts_with('[') {
        return List::Nothing;
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(part.trim_start()) else { return List::Nothing };
    let mut strings = Vec::with_capacity(values.len());
    let mut at = range.start;
    for value in values {
        let serde_json::Value::String(text_of) = value else { return List::Others };
        // a valid list of strings: the next quote opens, and the next one without a backslash closes
        let rest = text.get(at..range.end).unwrap_or_default();
        let Some(open) = rest.find('"').map(|open| at.saturating_add(open)) else { return List::Nothing };
        let mut escaped = true;
        let inside = text.get(open..range.end).unwrap_or_default().char_indices();
        let close = inside.into_iter().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = (*c == '\\' || *c == '"') && !escaped && !closes;
            closes
        });
        let Some((length, _)) = close else { return List::Nothing };
        let end = open.saturating_add(length).saturating_add(1);
        strings.push(Found { range: open..end, text: text_of });
        at = end;
    }
    List::Strings(strings)
}

/// `<<NAME` in an instruction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) range: Range<usize>,
    pub(super) name: String,
    pub(super) descriptor: u32,
    pub(super) strips_tabs: bool,
    pub(super) expands: bool,
}

/// Whether the text is one mark of a heredoc and nothing else.
pub(super) fn is_heredoc(text: &str) -> bool {
    let trimmed = text.trim();
    matches!(heredocs(trimmed).as_slice(), [only] if only.range == (0..trimmed.len()))
}

/// The marks of heredocs among the words of an instruction. A mark is a whole word: `BuildKit` sees none in `cat<<X`, and
/// none at all where a quote or a brace is left open.
pub(super) fn heredocs(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if c.is_whitespace() {
            markers.extend(start.take().and_then(|start| marker(text, start..at)));
            at = at.saturating_add(c.len_utf8());
            continue;
        }
        start.get_or_insert(at);
        let Some(next) = skip(text, at, c) else { return Vec::new() };
        at = next;
    }
    markers.extend(start.and_then(|start| marker(text, start..text.len())));
    markers
}

/// The byte behind what begins with `c` at `at`: a quoted text, `${…}`, an escaped or a plain character.
fn skip(text: &str, at: usize, c: char) -> Option<usize> {
    let after = at.saturating_add(c.len_utf8());
    let rest = text.get(after..)?;
    match c {
        '\'' => Some(after.saturating_add(rest.find('\'')?).saturating_add(1)),
        '"' => {
            let mut escaped = false;
            let (close, _) = rest.char_indices().find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            })?;
            Some(after.saturating_add(close).saturating_add(1))
        }
        '\\' => Some(rest.chars().next().map_or(after, |next| after.saturating_add(next.len_utf8()))),
        '$' if rest.starts_with('{') => {
            let (close, _) = rest.char_indices().find(|(_, c)| *c == '}')?;
            Some(after.saturating_add(close).saturating_add(1))
        }
        _ => Some(after),
    }
}

fn marker(text: &str, range: Range<usize>) -> Option<Marker> {
    let word = text.get(range.clone())?;
    let (number, rest) = word.split_once("<<")?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (strips_tabs, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (length, name) = unquoted(rest);
    if rest.contains('<') || name.is_empty() || length != rest.len() {
        return None;
    }
    let expands = name == rest;
    Some(Marker { range, name, descriptor: number.parse().unwrap_or(0), strips_tabs, expands })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Found]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn words_end_at_blanks_outside_quotes() {
        let cases: &[(&str, &[&str])] = &[
            ("a=b  c=d", &["a=b", "c=d"]),
            ("a=\"b c\" d", &["a=\"b c\"", "d"]),
            ("a='b \\' c", &["a='b \\'", "c"]),
            ("a=b\\ c d", &["a=b\\ c", "d"]),
            ("a=\"b\\\" c\" d", &["a=\"b\\\" c\"", "d"]),
            ("a=\"b c", &["a=\"b c"]),
            ("a b\\", &["a", "b"]),
            ("", &[]),
            ("\"\"", &["\"\""]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(&quoted(text, 0..text.len(), '\\')), *expected, "{text}");
        }
        assert_eq!(texts(&quoted("a=b`\" c", 0..7, '`')), ["a=b`\"", "c"]);
        assert_eq!(texts(&blanks("xa 'b c'x", 1..8)), ["a", "'b", "c'"]);
    }

    #[test]
    fn json_strings_have_their_places() {
        let text = r#"CMD [ "a\"b" , "c\\", "\u00fc" ]"#;
        let List::Strings(words) = json(text, 4..text.len()) else { panic!("it is a list") };
        assert_eq!(texts(&words), ["a\"b", "c\\", "ü"]);
        let raw: Vec<_> = words.iter().map(|word| text.get(word.range.clone()).unwrap_or_default()).collect();
        assert_eq!(raw, [r#""a\"b""#, r#""c\\""#, r#""\u00fc""#]);
        assert!(matches!(json("[1]", 0..3), List::Others));
        assert!(matches!(json("['a']", 0..5), List::Nothing));
        assert!(matches!(json("[ -f a ]", 0..8), List::Nothing));
        assert!(matches!(json("[]", 0..2), List::Strings(words) if words.is_empty()));
    }

    #[test]
    fn marks_of_heredocs_are_whole_words() {
        let names = |text: &str| -> Vec<String> {
            let name = |marker: Marker| {
                let tabs = if marker.strips_tabs { "-" } else { "" };
                let quoted = if marker.expands { "" } else { "'" };
                format!("{}{tabs}{quoted}{}", marker.descriptor, marker.name)
            };
            heredocs(text).into_iter().map(name).collect()
        };
        let cases: &[(&str, &[&str])] = &[
            ("RUN <<EOF", &["0EOF"]),
            ("RUN python3 <<-PY && cat 3<<\"A B\"", &["0-PY", "3'A B"]),
            ("COPY <<a <<'b' /", &["0a", "0'b"]),
            ("RUN cat<<EOF", &[]),
            ("RUN echo $((1<<8)) <<<x", &[]),
            ("RUN echo it's <<EOF", &[]),
            ("RUN echo \"it's\" <<EOF", &["0EOF"]),
            ("RUN echo ${x <<EOF", &[]),
            ("RUN << EOF", &[]),
            ("RUN <<E\\OF", &["0'EOF"]),
            ("RUN '<<EOF'", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text), *expected, "{text}");
        }
        assert!(is_heredoc(" <<EOF ") && !is_heredoc("cat <<EOF") && !is_heredoc("<<A <<B"));
    }
}

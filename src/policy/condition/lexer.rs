//! Words and signs of CEL (its language definition, "Syntax" and "String and Bytes Values").

use std::ops::Range;

use super::Problem;
use crate::nearest::nearest;

/// A word or sign, with its bytes in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Name(String),
    /// Without its sign, so that the least number can be written.
    Whole(u64),
    Fraction(f64),
    Text(String),
    /// An operator or bracket, from [`SIGNS`].
    Sign(&'static str),
    End,
}

/// Longer ones before those they begin with.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")", "[", "]", "{", "}",
    ",", ".",
];

/// What other languages write, and what CEL does.
const FOREIGN: &[(&str, &str)] = &[
    ("=", "`==` compares"),
    ("&", "`&&` is \"and\""),
    ("|", "`||` is \"or\""),
    ("#", "a comment begins with `//`"),
    (";", "a condition is one expression"),
    ("`", "text stands in `\"` or `'`"),
];

/// Splits `text`, which is short, into its words and signs; the last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { break };
        if matches!(first, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
            at = at.saturating_add(1);
            continue;
        }
        if rest.starts_with("//") {
            at = at.saturating_add(rest.find('\n').unwrap_or(rest.len()));
            continue;
        }
        let (kind, length) = next(rest, first, at)?;
        let end = at.saturating_add(length);
        tokens.push(Token { kind, span: at..end });
        at = end;
    }
    tokens.push(Token { kind: TokenKind::End, span: at..at });
    Ok(tokens)
}

/// The token that `rest` begins with, and its length in bytes; `at` is its place.
fn next(rest: &str, first: char, at: usize) -> Result<(TokenKind, usize), Problem> {
    let here = |length: usize| at..at.saturating_add(length);
    if let Some(quote) = opening(rest) {
        return string(rest, quote, at);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        return Ok((TokenKind::Name(word.to_owned()), length));
    }
    let second = rest.chars().nth(1);
    if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
        return number(rest, at);
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((TokenKind::Sign(sign), sign.len()));
    }
    let message = match FOREIGN.iter().find(|(sign, _)| rest.starts_with(sign)) {
        Some((sign, help)) => format!("`{sign}` is no sign of CEL: {help}"),
        None => format!("`{first}` is no sign of CEL"),
    };
    Err(Problem::new(here(first.len_utf8()), message))
}

fn number(rest: &str, at: usize) -> Result<(TokenKind, usize), Problem> {
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        from.saturating_add(tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len()))
    };
    let byte = |index: usize| rest.as_bytes().get(index).copied();
    let (kind, length) = if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let count = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let value = u64::from_str_radix(hex.get(..count).unwrap_or_default(), 16);
        (value.ok().map(TokenKind::Whole), count.saturating_add(2))
    } else {
        let whole = digits(0);
        let mut end = whole;
        if byte(end) == Some(b'.') && byte(end.saturating_add(1)).is_some_and(|byte| byte.is_ascii_digit()) {
            end = digits(end.saturating_add(1));
        }
        if matches!(byte(end), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(byte(end.saturating_add(1)), Some(b'+' | b'-')));
            let from = end.saturating_add(1).saturating_add(signed);
            end = if digits(from) > from { digits(from) } else { end };
        }
        let written = rest.get(..end).unwrap_or_default();
        let kind = if end == whole {
            written.parse().ok().map(TokenKind::Whole)
        } else {
            written.parse().ok().filter(|value: &f64| value.is_finite()).map(TokenKind::Fraction)
        };
        (kind, end)
    };
    let span = at..at.saturating_add(length);
    let written = rest.get(..length).unwrap_or_default();
    if matches!(byte(length), Some(b'u' | b'U')) {
        return Err(Problem::new(span, format!("conditions have no unsigned numbers; write `{written}`")));
    }
    if byte(length).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Problem::new(span, format!("`{written}` runs into a word")));
    }
    let kind = kind.ok_or_else(|| Problem::new(span, format!("`{written}` is no number of 64 bits")))?;
    Ok((kind, length))
}

/// How a string begins.
#[derive(Clone, Copy)]
struct Quote<'a> {
    /// `"`, `'`, `"""` or `'''`.
    mark: &'a str,
    /// Bytes before it: `r` where backslashes stand for themselves.
    before: usize,
    is_bytes: bool,
}

fn opening(rest: &str) -> Option<Quote<'_>> {
    let before = rest.find(['"', '\'']).filter(|at| *at <= 2)?;
    let prefix = rest.get(..before)?.to_ascii_lowercase();
    if !["", "r", "b", "br", "rb"].contains(&prefix.as_str()) {
        return None;
    }
    let quoted = rest.get(before..)?;
    let mark =
        if quoted.starts_with("\"\"\"") || quoted.starts_with("'''") { quoted.get(..3)? } else { quoted.get(..1)? };
    Some(Quote { mark, before, is_bytes: prefix.contains('b') })
}

fn string(rest: &str, quote: Quote<'_>, at: usize) -> Result<(TokenKind, usize), Problem> {
    let start = quote.before.saturating_add(quote.mark.len());
    let is_raw = quote.before > 0;
    if quote.is_bytes {
        return Err(Problem::new(at..at.saturating_add(start), "conditions have no bytes; leave out the `b`"));
    }
    let mut value = String::new();
    let mut chars = rest.get(start..).unwrap_or_default().char_indices();
    while let Some((offset, c)) = chars.next() {
        let here = start.saturating_add(offset);
        if rest.get(here..).is_some_and(|tail| tail.starts_with(quote.mark)) {
            return Ok((TokenKind::Text(value), here.saturating_add(quote.mark.len())));
        }
        match c {
            '\\' if is_raw => {
                value.push(c);
                // what follows is kept, even a quote
                value.extend(chars.next().map(|(_, next)| next));
            }
            '\\' => {
                let (c, length) = escaped(chars.as_str()).ok_or_else(|| {
                    let place = at.saturating_add(here);
                    let message = "no such escape; a backslash is `\\\\`, or `r\"…\"` takes it as it is";
                    Problem::new(place..place.saturating_add(1), message)
                })?;
                value.push(c);
                for _ in 0..length {
                    chars.next();
                }
            }
            '\n' | '\r' if quote.mark.len() == 1 => break,
            _ => value.push(c),
        }
    }
    Err(Problem::new(at..at.saturating_add(start), format!("this text has no {} at its end", quote.mark)))
}

/// The character that an escape stands for, and how many characters behind the backslash it takes.
fn escaped(rest: &str) -> Option<(char, usize)> {
    let first = rest.chars().next()?;
    let by_digits = |skip: usize, count: usize, radix: u32| {
        let digits = rest.get(skip..skip.checked_add(count)?)?;
        let is_plain = digits.chars().all(|digit| digit.is_digit(radix));
        let value = u32::from_str_radix(digits, radix).ok().filter(|_| is_plain)?;
        Some((char::from_u32(value)?, skip.checked_add(count)?))
    };
    let plain = match first {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' | '?' | '"' | '\'' | '`' => first,
        'x' | 'X' => return by_digits(1, 2, 16),
        'u' => return by_digits(1, 4, 16),
        'U' => return by_digits(1, 8, 16),
        '0'..='3' => return by_digits(0, 3, 8),
        _ => return None,
    };
    Some((plain, 1))
}

/// The nearest of `known`, as the end of a message.
pub(super) fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

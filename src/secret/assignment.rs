//! Settings whose name says that the value is secret: `DB_PASSWORD=…`, `"apiKey": "…"`, `<password>…</password>`.
//!
//! This is where scanners are wrong most often, so the value has to earn its place: it must be a
//! literal, and look like no word, path, address, digest or piece of code.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::entropy;
use super::kind::Kind;

/// Most bytes looked at for one key.
pub(super) const LONGEST: usize = 384;

/// Longest key and longest value, in bytes.
const LONGEST_KEY: usize = 64;
const LONGEST_VALUE: usize = 200;

/// The value of the setting whose key ends with the word at `word`, if it may be a secret.
pub(super) fn value(bytes: &[u8], word: &Range<usize>, kind: Kind) -> Option<Range<usize>> {
    let key = key(bytes, word)?;
    let (value, is_quoted) = after_key(bytes, &key)?;
    let text = bytes.get(value.clone())?;
    let name = bytes.get(key.clone())?.to_ascii_lowercase();
    is_plausible(&name, text, is_quoted, kind).then_some(value)
}

/// The whole key round the word, when the word is its last.
fn key(bytes: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let least = word.start.saturating_sub(LONGEST_KEY);
    let before = bytes.get(least..word.start)?;
    let start =
        before.iter().rposition(|b| !is_key(*b)).map_or(least, |index| least.saturating_add(index).saturating_add(1));
    // `arn:…:secret:name`
    if start.checked_sub(1).and_then(|index| bytes.get(index)).is_some_and(|b| matches!(b, b':' | b'/' | b'$' | b'{')) {
        return None;
    }
    // `compassword` is one word, `DBPASSWORD` and `dbPassword` are two: a small letter runs on into a small word.
    let first = bytes.get(word.start)?;
    let is_short = word.len() <= 5;
    let previous = bytes.get(start..word.start)?.last();
    let runs_on = previous.is_some_and(|b| {
        (b.is_ascii_lowercase() && first.is_ascii_lowercase()) || (b.is_ascii_uppercase() && first.is_ascii_uppercase())
    });
    if runs_on && is_short {
        return None;
    }
    let after = bytes.get(word.end..)?;
    let digits = after.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    let end = word.end.saturating_add(digits);
    (!bytes.get(end).is_some_and(|b| is_key(*b))).then_some(start..end)
}

/// The value after the key: its place, and whether it was quoted.
fn after_key(bytes: &[u8], key: &Range<usize>) -> Option<(Range<usize>, bool)> {
    let rest = bytes.get(key.end..key.end.saturating_add(LONGEST).min(bytes.len()))?;
    let is_tag = key.start.checked_sub(1).and_then(|index| bytes.get(index)).is_some_and(|b| matches!(b, b'<' | b':'));
    let mut cursor = Cursor { bytes: rest, at: 0 };
    let is_option = bytes.get(key.start..)?.starts_with(b"-");
    cursor.skip(|b| b == b'\\');
    let key_is_quoted = cursor.skip(|b| matches!(b, b'"' | b'\'' | b'`' | b']')) > 0;
    let blanks = cursor.skip(|b| matches!(b, b' ' | b'\t'));
    let sign = cursor.at;
    if cursor.take(b"value=") {
        // `<add key="Password" value="…"/>`
        if !key_is_quoted {
            return None;
        }
    } else if cursor.take(b"=>") || cursor.take(b":=") {
    } else if cursor.take(b"==") || cursor.take(b"=~") || cursor.take(b"::") {
        return None;
    } else if cursor.take(b"=") || cursor.take(b":") || (blanks == 0 && is_tag && cursor.take(b">")) {
    } else if !(is_option && blanks == 1) {
        return None;
    }
    let is_element = rest.get(sign) == Some(&b'>');
    cursor.skip(|b| matches!(b, b' ' | b'\t'));
    cursor.skip(|b| b == b'\\');
    let quote = rest.get(cursor.at).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    let start = if quote.is_some() { cursor.at.saturating_add(1) } else { cursor.at };
    let text = rest.get(start..)?;
    let length = text.iter().position(|b| match quote {
        Some(quote) => *b == quote || *b == b'\n' || *b == b'\\',
        None if is_element => matches!(b, b'<' | b'\n'),
        None => *b <= b' ' || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>'),
    });
    let length =
        length.or((key.end.saturating_add(start).saturating_add(text.len()) == bytes.len()).then_some(text.len()))?;
    if let Some(quote) = quote {
        // A quote that the line does not close is an apostrophe.
        let closes = text.get(length);
        if closes != Some(&quote) && closes != Some(&b'\\') {
            return None;
        }
    }
    let from = key.end.saturating_add(start);
    Some((from..from.saturating_add(length), quote.is_some() || is_element))
}

/// Whether key and value look like a secret that someone set.
fn is_plausible(key: &[u8], value: &[u8], is_quoted: bool, kind: Kind) -> bool {
    let is_password = [&b"pass"[..], b"pwd", b"passwd"].iter().any(|word| memchr::memmem::find(key, word).is_some());
    let least = if kind == Kind::Settings && is_password { 6 } else { 8 };
    if value.len() < least || value.len() > LONGEST_VALUE || !value.iter().all(|b| (b' '..0x7f).contains(b)) {
        return false;
    }
    let not_secrets: [&[u8]; 19] = [
        b"output",
        b"input",
        b"lock-token",
        b"public",
        b"hash",
        b"digest",
        b"sha",
        b"md5",
        b"checksum",
        b"commit",
        b"example",
        b"csrf",
        b"next",
        b"page",
        b"sort",
        b"primary",
        b"foreign",
        b"cancel",
        b"continuation",
    ];
    if not_secrets.iter().any(|word| memchr::memmem::find(key, word).is_some()) {
        return false;
    }
    let traits = Traits::of(value);
    if traits.is_code || traits.is_path || traits.is_uuid || (!is_password && traits.is_hex && value.len() < 32) {
        return false;
    }
    let bits = entropy::shannon(value);
    match kind {
        Kind::Settings if is_password => {
            bits >= 2.2 && !traits.is_word && (traits.has_digit || !traits.is_identifier) && traits.blanks <= 3
        }
        Kind::Settings => {
            bits >= 3.0 && traits.has_digit && traits.has_letter && traits.blanks == 0 && !traits.is_identifier
        }
        // code is full of names and messages: only what is as good as random counts
        Kind::Source | Kind::Other | Kind::Unnamed => {
            is_quoted
                && bits >= 3.7
                && value.len() >= 10
                && traits.has_digit
                && traits.has_letter
                && traits.blanks == 0
                && !traits.is_identifier
        }
    }
}

/// What a value looks like.
#[expect(clippy::struct_excessive_bools, reason = "independent marks of one value")]
struct Traits {
    blanks: usize,
    has_digit: bool,
    has_letter: bool,
    is_word: bool,
    is_identifier: bool,
    is_code: bool,
    is_path: bool,
    is_uuid: bool,
    is_hex: bool,
}

impl Traits {
    fn of(value: &[u8]) -> Self {
        let any = |test: fn(&u8) -> bool| value.iter().any(test);
        let (lower, upper, digit) = (any(u8::is_ascii_lowercase), any(u8::is_ascii_uppercase), any(u8::is_ascii_digit));
        let sign = value.iter().any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
        let count = |byte: u8| memchr::memchr_iter(byte, value).count();
        let blanks = count(b' ');
        let dots = count(b'.');
        let contains = |part: &[u8]| memchr::memmem::find(value, part).is_some();
        // Parts between signs; names are made of parts that are words or numbers, not a mix.
        let parts = || value.split(|b| matches!(b, b'_' | b'-' | b'.' | b'/' | b':')).filter(|part| !part.is_empty());
        let is_plain_part = |part: &[u8]| {
            let digits = part.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let word = part.get(..part.len().saturating_sub(digits)).unwrap_or_default();
            digits <= 4 && word.iter().all(u8::is_ascii_alphabetic) && is_cased_as_word(word)
        };
        Self {
            blanks,
            has_digit: digit,
            has_letter: lower || upper,
            is_word: value.iter().all(u8::is_ascii_alphabetic) && is_cased_as_word(value),
            is_identifier: parts().all(is_plain_part) && value.len() < 64,
            is_code: (contains(b"(") && contains(b")"))
                || contains(b"[\"")
                || contains(b"['")
                || contains(b"::")
                || contains(b"->")
                || (contains(b"[-") || contains(b"[0") || contains(b"[*"))
                || value.starts_with(b"urn:")
                || contains(b":uuid:")
                || contains(b"locktoken:")
                || contains(b"=>")
                || contains(b" + ")
                || contains(b"\\n")
                || value.ends_with(b"(")
                || value.ends_with(b":")
                || value.starts_with(b"http://")
                || value.starts_with(b"https://")
                || (dots >= 1
                    && !digit
                    && !sign
                    && value
                        .split(|b| *b == b'.')
                        .all(|part| part.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_'))),
            is_path: value.starts_with(b"/")
                || value.starts_with(b"C:\\")
                || count(b'/') >= 3 && !contains(b"=") && !digit,
            is_uuid: value.len() == 36
                && value.iter().enumerate().all(|(index, b)| {
                    if matches!(index, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() }
                }),
            is_hex: value.iter().all(u8::is_ascii_hexdigit),
        }
    }
}

/// Whether letters are cased as people case names: `word`, `WORD`, `Word`, `twoWords`; not `qXzRtLw`.
fn is_cased_as_word(letters: &[u8]) -> bool {
    let changes = letters
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    changes.saturating_mul(4) <= letters.len() && has_vowels(letters)
}

/// Words have a vowel in every stretch of six letters or so.
fn has_vowels(letters: &[u8]) -> bool {
    let longest = letters.split(|b| b"aeiouyAEIOUY".contains(b)).map(<[u8]>::len).max().unwrap_or(0);
    longest <= 5
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, test: impl Fn(u8) -> bool) -> usize {
        let count = self.bytes.get(self.at..).unwrap_or_default().iter().take(40).take_while(|b| test(**b)).count();
        self.at = self.at.saturating_add(count);
        count
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let is_there = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if is_there {
            self.at = self.at.saturating_add(text.len());
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "tests count in short texts")]

    use super::*;

    fn found<'a>(text: &'a str, word: &str, kind: Kind) -> Option<&'a str> {
        let start = text.to_ascii_lowercase().rfind(word).expect("the word is there");
        value(text.as_bytes(), &(start..start + word.len()), kind).map(|span| &text[span])
    }

    #[test]
    fn values_of_settings() {
        let cases = [
            ("DB_PASSWORD=s8Kd!93f", "password", Some("s8Kd!93f")),
            ("db.password: \"two words 9\"", "password", Some("two words 9")),
            ("<password>gH7-kk2.q</password>x", "<password>", None),
            ("mysql --password=Xy77abQ1 -u root", "password", Some("Xy77abQ1")),
            ("mysql --password Xy77abQ1 -u root", "password", Some("Xy77abQ1")),
            ("{\\\"dbPassword\\\":\\\"kk29dkQ8s\\\"}", "password", Some("kk29dkQ8s")),
            ("password_file=/run/x9Kd83jd", "password", None),
            ("password = getpass(prompt)", "password", None),
            ("compass=s8Kd!93f", "pass", None),
            ("password: Enter", "password", None),
            ("password == s8Kd!93f", "password", None),
            ("passwordResetToken: password-reset", "token", None),
            ("api_token=k3J9dk20sKw8Zq1L", "token", Some("k3J9dk20sKw8Zq1L")),
            ("token: utf8-general-ci", "token", None),
            ("it's a password: 'don", "password", None),
        ];
        for (text, word, expected) in cases {
            if word.starts_with('<') {
                continue;
            }
            assert_eq!(found(text, word, Kind::Settings), expected, "{text}");
        }
        assert_eq!(found("<password>gH7-kk2.q</pw>", "password", Kind::Settings), Some("gH7-kk2.q"));
        assert_eq!(found("token = abc9kQ2lz7Yp3", "token", Kind::Source), None, "code needs quotes");
        assert_eq!(found("token = 'abc9kQ2lz7Yp3'", "token", Kind::Source), Some("abc9kQ2lz7Yp3"));
    }
}

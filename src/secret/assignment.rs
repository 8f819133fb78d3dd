//! Settings whose name says that the value is secret: `DB_PASSWORD=…`, `"apiKey": "…"`, `<password>…</password>`.
//!
//! Here the key and the value are found; `plausible` judges them.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::kind::Kind;
use super::plausible::{Shape, is_plausible};

/// Most bytes looked at for one key.
pub(super) const LONGEST: usize = 384;

/// Longest key, in bytes.
const LONGEST_KEY: usize = 64;

/// Words behind the word that tells: where or which, not what.
const SUFFIXES: &[&[u8]] = &[
    b"prod",
    b"production",
    b"stage",
    b"staging",
    b"dev",
    b"live",
    b"primary",
    b"secondary",
    b"main",
    b"value",
    b"plain",
    b"plaintext",
    b"cleartext",
    b"v1",
    b"v2",
];

/// The value of the setting whose key ends with the word at `word`, if it may be a secret.
pub(super) fn value(bytes: &[u8], word: &Range<usize>, kind: Kind) -> Option<Range<usize>> {
    let key = key(bytes, word)?;
    let (value, shape) = after_key(bytes, &key)?;
    let text = bytes.get(value.clone())?;
    let name = bytes.get(key.clone())?;
    // A part of a connection's text is a literal, though no quote stands beside it.
    let shape = if shape == Shape::Bare && kind == Kind::Source && is_of_connection(bytes, key.start) {
        Shape::Quoted
    } else {
        shape
    };
    is_plausible(name, text, shape, kind).then_some(value)
}

/// The whole key round the word, when the word is its last.
fn key(bytes: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let least = word.start.saturating_sub(LONGEST_KEY);
    let before = bytes.get(least..word.start)?;
    let start =
        before.iter().rposition(|b| !is_key(*b)).map_or(least, |index| least.saturating_add(index).saturating_add(1));
    if !may_stand_before(bytes.get(..start)?) {
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
    let more = after.iter().take(16).take_while(|b| is_key(**b)).count();
    let rest = after.get(..more)?;
    let tail = rest.strip_prefix(b"_").or_else(|| rest.strip_prefix(b"-")).unwrap_or(rest);
    let is_number = tail.len() <= 3 && tail.iter().all(u8::is_ascii_digit);
    let is_suffix = tail.len() < rest.len() && SUFFIXES.iter().any(|suffix| tail.eq_ignore_ascii_case(suffix));
    (is_number || is_suffix).then(|| start..word.end.saturating_add(more))
}

/// Whether a key may follow this text.
///
/// Not in `arn:…:secret:name`, `/secret:`, `${secret:-x}`, `{{secret`; but in `$secret = `, `$env:SECRET = `,
/// `{secret:`, and as a symbol: `:secret => `.
fn may_stand_before(text: &[u8]) -> bool {
    let Some((last, rest)) = text.split_last() else { return true };
    match last {
        b'/' => false,
        b'{' => !rest.ends_with(b"$") && !rest.ends_with(b"{"),
        b':' => {
            let tail = rest.get(rest.len().saturating_sub(4)..).unwrap_or_default();
            tail.eq_ignore_ascii_case(b"$env")
                || rest.last().is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'{' | b'(' | b',' | b'['))
        }
        _ => true,
    }
}

/// The value after the key: its place, and how it stands there.
fn after_key(bytes: &[u8], key: &Range<usize>) -> Option<(Range<usize>, Shape)> {
    let rest = bytes.get(key.end..key.end.saturating_add(LONGEST).min(bytes.len()))?;
    let before = bytes.get(..key.start)?;
    let mut cursor = Cursor { bytes: rest, at: 0 };
    cursor.skip(|b| b == b'\\');
    let key_is_quoted = cursor.skip(|b| matches!(b, b'"' | b'\'' | b'`' | b']')) > 0;
    let sign_at = cursor.at;
    let blanks = cursor.skip(|b| matches!(b, b' ' | b'\t'));
    let link = link(&mut cursor, before, key_is_quoted, blanks, bytes.get(key.clone())?)?;
    cursor.skip(|b| matches!(b, b' ' | b'\t'));
    if link == Link::Sign && rest.get(sign_at..).is_some_and(|sign| sign.starts_with(b":")) {
        block(&mut cursor);
    }
    cursor.skip(|b| b == b'\\');
    // `r"…"`, `b'…'`, `@"…"`, `N'…'`
    let prefix = rest.get(cursor.at..).unwrap_or_default();
    if let [b'r' | b'b' | b'u' | b'@' | b'N', b'"' | b'\'', ..] = prefix {
        cursor.at = cursor.at.saturating_add(1);
    }
    let quote = rest.get(cursor.at).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    if link == Link::Call && quote.is_none() {
        return None;
    }
    let start = if quote.is_some() { cursor.at.saturating_add(1) } else { cursor.at };
    let text = rest.get(start..)?;
    let is_query = matches!(before.last(), Some(b'?' | b'&'));
    let length = text.iter().position(|b| match quote {
        Some(quote) => *b == quote || *b == b'\n' || *b == b'\\',
        None if link == Link::Element => matches!(b, b'<' | b'\n'),
        None if is_query && *b == b'&' => true,
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
    let shape = match link {
        Link::Blank => {
            // nothing else may follow on the line
            let after = text.get(length..)?.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'"'));
            if after.is_some_and(|b| *b != b'\n') {
                return None;
            }
            Shape::Word
        }
        Link::Element => Shape::Quoted,
        _ if quote.is_some() => Shape::Quoted,
        _ => Shape::Bare,
    };
    let from = key.end.saturating_add(start);
    Some((from..from.saturating_add(length), shape))
}

/// What joins a key to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// `=`, `:`, `=>`, `:=`, or one blank after an option.
    Sign,
    /// `<password>…`, `<string name="password">…`.
    Element,
    /// The pair of name and value of lists: `name: KEY`, `value: …` on the next line.
    Pair,
    /// `define('KEY', '…')`, `setKey("…")`.
    Call,
    /// Nothing but blanks, at the beginning of a line.
    Blank,
}

/// Moves past what joins the key to its value.
fn link(cursor: &mut Cursor<'_>, before: &[u8], key_is_quoted: bool, blanks: usize, key: &[u8]) -> Option<Link> {
    if key_is_quoted && cursor.take(b"value=") {
        // `<add key="Password" value="…"/>`
        return Some(Link::Sign);
    }
    if cursor.take(b"=>") || cursor.take(b":=") || cursor.take(b"?=") {
        return Some(Link::Sign);
    }
    if cursor.take(b"==") || cursor.take(b"=~") || cursor.take(b"::") {
        return None;
    }
    if cursor.take(b"=") || cursor.take(b":") {
        return Some(Link::Sign);
    }
    let is_tag = before.ends_with(b"<") || (before.ends_with(b":") && !before.ends_with(b"::"));
    let names = |ends: &[&[u8]]| {
        let text = before.trim_ascii_end();
        let text = text.strip_suffix(b"\"").or_else(|| text.strip_suffix(b"'")).unwrap_or(text);
        ends.iter().any(|end| text.trim_ascii_end().ends_with(end))
    };
    if blanks == 0 && (is_tag || (key_is_quoted && names(&[b"name=", b"key="]))) && cursor.take(b">") {
        return Some(Link::Element);
    }
    if blanks == 0 && before.ends_with(b"<key>") && cursor.take(b"</key>") {
        cursor.skip(|b| b.is_ascii_whitespace());
        return cursor.take(b"<string>").then_some(Link::Element);
    }
    if names(&[b"name:", b"name\":", b"key:", b"key\":"]) {
        cursor.take(b",");
        cursor.skip(|b| b.is_ascii_whitespace());
        let is_value = cursor.take(b"value") || cursor.take(b"\"value\"");
        cursor.skip(|b| matches!(b, b' ' | b'\t'));
        return (is_value && cursor.take(b":")).then_some(Link::Pair);
    }
    let opens =
        before.strip_suffix(b"'").or_else(|| before.strip_suffix(b"\"")).is_some_and(|text| text.ends_with(b"("));
    if key_is_quoted && opens && cursor.take(b",") {
        return Some(Link::Call);
    }
    // `setPassword("…")`, `.password("…")`; not `splitpasswd("…")`
    let is_setter =
        memchr::memchr(b'.', key).is_some() || [&b"set"[..], b"with"].iter().any(|word| key.starts_with(word));
    if !key_is_quoted && blanks == 0 && is_setter && cursor.take(b"(") {
        return Some(Link::Call);
    }
    if key.starts_with(b"-") && blanks == 1 {
        return Some(Link::Sign);
    }
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let begins_line = line.len() < 40 && line.iter().all(|b| matches!(b, b' ' | b'\t'));
    (begins_line && blanks >= 1 && !key_is_quoted).then_some(Link::Blank)
}

/// Moves past the sign of a block of YAML, to the first line of it.
fn block(cursor: &mut Cursor<'_>) {
    let start = cursor.at;
    if cursor.skip(|b| matches!(b, b'|' | b'>')) == 1 {
        cursor.skip(|b| matches!(b, b'-' | b'+'));
        if cursor.take(b"\n") || cursor.take(b"\r\n") {
            cursor.skip(|b| b == b' ');
            return;
        }
    }
    cursor.at = start;
}

/// Whether the text before a key, up to its quote, is that of a connection: `host=db user=app password=…`.
fn is_of_connection(bytes: &[u8], key: usize) -> bool {
    let before = bytes.get(key.saturating_sub(200)..key).unwrap_or_default();
    let text = before.rsplit(|b| matches!(b, b'"' | b'\'' | b'`' | b'\n')).next().unwrap_or_default();
    let text = text.to_ascii_lowercase();
    // in a text, not in a call: `connect(host=…, password=…)` has no quote before
    text.len() < before.len()
        && !text.contains(&b'(')
        && [&b"host="[..], b"server=", b"source=", b"dbname=", b"database=", b"user=", b"uid=", b"user id=", b"jdbc:"]
            .iter()
            .any(|part| memchr::memmem::find(&text, part).is_some())
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
            ("db.password: \"xq9 Lm27 kz\"", "password", Some("xq9 Lm27 kz")),
            ("$password = 'Xy77abQ1';", "password", Some("Xy77abQ1")),
            ("$env:DB_PASSWORD = \"Xy77abQ1\"", "password", Some("Xy77abQ1")),
            ("${password:-Xy77abQ1}", "password", None),
            ("a {password:\"Xy77abQ1\"}", "password", Some("Xy77abQ1")),
            (":password => 'Xy77abQ1'", "password", Some("Xy77abQ1")),
            ("arn:aws:secret:Xy77abQ1kd83k", "secret", None),
            ("- name: DB_PASSWORD\n  value: \"Xy77abQ1\"\n", "password", Some("Xy77abQ1")),
            ("{\"name\": \"DB_PASSWORD\", \"value\": \"Xy77abQ1\"}", "password", Some("Xy77abQ1")),
            ("define('DB_PASSWORD', 'Xy77abQ1');", "password", Some("Xy77abQ1")),
            ("c.setPassword(\"Xy77abQ1\")", "password", Some("Xy77abQ1")),
            ("splitpasswd(\"Xy77abQ1\")", "passwd", None),
            ("kpasswd\t464/tcp\n", "passwd", None),
            ("<key>password</key>\n  <string>Xy77abQ1</string>", "password", Some("Xy77abQ1")),
            ("<string name=\"password\">Xy77abQ1</string>", "password", Some("Xy77abQ1")),
            ("account x\npassword Xy77abQ1\n", "password", Some("Xy77abQ1")),
            ("the password Xy77abQ1\n", "password", None),
            ("password Xy77abQ1 is wrong\n", "password", None),
            ("password: |-\n    Xy77abQ1\n", "password", Some("Xy77abQ1")),
            ("DB_PASSWORD_PROD=Xy77abQ1", "password", Some("Xy77abQ1")),
            ("jdbc:mysql://db/x?user=a&password=Xy77abQ1&ssl=1", "password", Some("Xy77abQ1")),
            ("Password = N'Xy77abQ1'", "password", Some("Xy77abQ1")),
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
        let text = "connect(\"host=db user=app password=Xy77abQ1\")";
        assert_eq!(found(text, "password", Kind::Source), Some("Xy77abQ1"));
        assert_eq!(found("connect(user='app', password=Xy77abQ1)", "password", Kind::Source), None);
    }
}

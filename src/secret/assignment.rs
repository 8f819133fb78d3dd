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
    b"admin",
    b"root",
    b"db",
    b"v1",
    b"v2",
];

/// Last words of keys that tell little: the value must tell more.
const WEAK: &[&[u8]] = &[
    b"secrets",
    b"tokens",
    b"servicekey",
    b"sdkkey",
    b"managementkey",
    b"applicationkey",
    b"writekey",
    b"fernetkey",
    b"aeskey",
    b"cookiekey",
    b"_key",
    b"_salt",
    b"_pat",
    b"_auth",
    b"_jwt",
    b"_creds",
];

/// The value of the setting whose key ends with the word at `word`, if it may be a secret.
pub(super) fn value(bytes: &[u8], word: &Range<usize>, kind: Kind) -> Option<Range<usize>> {
    // a short word may be told with the sign before it
    let signs = bytes.get(word.clone())?.iter().take_while(|b| !is_key(**b)).count();
    let word = word.start.saturating_add(signs)..word.end;
    let is_weak = bytes.get(word.clone()).is_some_and(|word| WEAK.iter().any(|weak| word.eq_ignore_ascii_case(weak)));
    let key = key(bytes, &word)?;
    let (value, shape) = match default_of(bytes, &key) {
        Some(value) if kind == Kind::Settings => (value, Shape::Bare),
        _ => value_before(bytes, &key).or_else(|| after_key(bytes, &key))?,
    };
    let text = bytes.get(value.clone())?;
    let name = bytes.get(key.clone())?;
    // A part of a connection's text is a literal, though no quote stands beside it.
    let is_literal = || is_of_connection(bytes, key.start) || is_of_query(bytes, &key);
    let shape = if shape == Shape::Bare && kind == Kind::Source && is_literal() { Shape::Quoted } else { shape };
    // `PASS: parser-12.c` tells how a test went
    if shape == Shape::Bare && name == b"PASS" && bytes.get(key.end) == Some(&b':') {
        return None;
    }
    is_plausible(name, text, shape, kind, is_weak).then_some(value)
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
/// Not in `arn:…:secret:name`, `/secret:`, `'^passwd:…'`, `${secret:-x}`, `{{secret`; but in `$secret = `, `$env:SECRET = `,
/// `{secret:`, and as a symbol: `:secret => `.
fn may_stand_before(text: &[u8]) -> bool {
    let Some((last, rest)) = text.split_last() else { return true };
    match last {
        b'/' | b'^' => false,
        b'{' => !rest.ends_with(b"{"),
        // `profile::mysql::password`, not `arn:aws:iam::secret`
        b':' if rest.last() == Some(&b':') => {
            let line = text.rsplit(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_start();
            !line.contains(&b' ') && !line.starts_with(b"arn:")
        }
        b':' => {
            let tail = rest.get(rest.len().saturating_sub(4)..).unwrap_or_default();
            tail.eq_ignore_ascii_case(b"$env")
                || rest.last().is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'{' | b'(' | b',' | b'['))
        }
        _ => true,
    }
}

/// The default of a variable: `${KEY:-VALUE}`; an empty place for a variable without one.
fn default_of(bytes: &[u8], key: &Range<usize>) -> Option<Range<usize>> {
    if !bytes.get(..key.start)?.ends_with(b"${") {
        return None;
    }
    let rest = bytes.get(key.end..key.end.saturating_add(LONGEST).min(bytes.len()))?;
    let sign = [&b":-"[..], b":=", b":"].iter().find(|sign| rest.starts_with(sign)).map_or(0, |sign| sign.len());
    let start = key.end.saturating_add(sign);
    let text = rest.get(sign..)?;
    // `${KEY:?message}`, `${KEY:+VALUE}`
    let sign = if matches!(text.first(), Some(b'?' | b'+')) { 0 } else { sign };
    let length = text.iter().position(|b| *b <= b' ' || matches!(b, b'}' | b'"' | b'\'' | b'`' | b'$')).unwrap_or(0);
    let is_whole = sign > 0 && text.get(length) == Some(&b'}');
    Some(start..start.saturating_add(if is_whole { length } else { 0 }))
}

/// The value of a pair that names it first: `"value": "…", "name": "KEY"`.
fn value_before(bytes: &[u8], key: &Range<usize>) -> Option<(Range<usize>, Shape)> {
    let least = key.start.saturating_sub(LONGEST);
    let before = bytes.get(least..key.start)?;
    let name = without_name(before, &[b"name", b"key"])?;
    // back over the sign between the two, to the end of the value's quote or line
    let text = name.trim_ascii_end();
    let text = text.strip_suffix(b",").unwrap_or(text).trim_ascii_end();
    let quote = text.last().copied().filter(|b| matches!(b, b'"' | b'\''));
    let (start, end) = match quote {
        Some(quote) => {
            let end = text.len().checked_sub(1)?;
            (text.get(..end)?.iter().rposition(|b| *b == quote)?.checked_add(1)?, end)
        }
        None => (text.iter().rposition(|b| *b <= b' ')?.checked_add(1)?, text.len()),
    };
    let first = text.get(..start)?;
    let first = if quote.is_some() { first.get(..start.checked_sub(1)?)? } else { first };
    without_name(first, &[b"value"])?;
    let shape = if quote.is_some() { Shape::Quoted } else { Shape::Bare };
    Some((least.saturating_add(start)..least.saturating_add(end), shape))
}

/// The text before a member's name, where `text` ends with one and what leads to its value: `"Name": "`, `value: `.
///
/// A longer name may end so: `ParameterKey`.
fn without_name<'a>(text: &'a [u8], names: &[&[u8]]) -> Option<&'a [u8]> {
    let text = text.strip_suffix(b"\"").or_else(|| text.strip_suffix(b"'")).unwrap_or(text).trim_ascii_end();
    let text = text.strip_suffix(b":")?.trim_ascii_end();
    let text = text.strip_suffix(b"\"").or_else(|| text.strip_suffix(b"'")).unwrap_or(text);
    let length = text.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    let (before, name) = text.split_at_checked(text.len().checked_sub(length)?)?;
    let ends = |end: &[u8]| {
        let start = name.len().checked_sub(end.len());
        start.and_then(|start| name.get(start..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
    };
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    names.iter().any(|end| ends(end)).then_some(before)
}

/// Whether the key is one of an address's query, with its value: `?api_key=…`.
fn is_of_query(bytes: &[u8], key: &Range<usize>) -> bool {
    let sign = key.start.checked_sub(1).and_then(|index| bytes.get(index));
    let before = bytes.get(key.start.saturating_sub(LONGEST)..key.start).unwrap_or_default();
    let address = before.rsplit(|b| *b <= b' ' || matches!(b, b'"' | b'\'' | b'`')).next().unwrap_or_default();
    matches!(sign, Some(b'?' | b'&'))
        && bytes.get(key.end) == Some(&b'=')
        && memchr::memmem::find(address, b"://").is_some()
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
    if key_is_quoted {
        sign_below(&mut cursor);
    }
    let link = if declaration(&mut cursor, before, key_is_quoted, blanks) {
        Link::Sign
    } else {
        link(&mut cursor, before, key_is_quoted, blanks, bytes.get(key.clone())?)?
    };
    cursor.skip(|b| matches!(b, b' ' | b'\t'));
    let is_marked = link == Link::Element && cursor.take(b"<![CDATA[");
    if key_is_quoted && link == Link::Sign {
        cursor.skip(|b| b.is_ascii_whitespace());
    }
    if link == Link::Call {
        // `add_argument("--password", default="…")`
        cursor.take(b"default=");
    } else {
        constructor(&mut cursor);
    }
    if link == Link::Sign && rest.get(sign_at..).is_some_and(|sign| sign.starts_with(b":")) {
        block(&mut cursor);
        member(&mut cursor);
        annotation(&mut cursor);
    }
    cursor.skip(|b| b == b'\\');
    // `r"…"`, `b'…'`, `@"…"`, `N'…'`
    cursor.triple();
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
    let is_default = rest.get(..start).is_some_and(|before| before.ends_with(b":-") || before.ends_with(b":="))
        && memchr::memmem::find(rest.get(..start).unwrap_or_default(), b"${").is_some();
    let length = text.iter().position(|b| match quote {
        Some(quote) => *b == quote || *b == b'\n' || *b == b'\\',
        None if is_marked => matches!(b, b']' | b'\n'),
        None if link == Link::Element => matches!(b, b'<' | b'\n'),
        None if is_query && *b == b'&' => true,
        None if is_default && *b == b'}' => true,
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
            let after = text.get(length..)?.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'"' | b';'));
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
    if cursor.take(b"=>") || cursor.take(b":=") || cursor.take(b"?=") || cursor.take(b"||=") {
        return Some(Link::Sign);
    }
    if let Some(link) = of_language(cursor, before, key_is_quoted, blanks) {
        return Some(link);
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
        // `<property name="password"><value>…`
        let start = cursor.at;
        cursor.skip(|b| b.is_ascii_whitespace());
        if !cursor.take(b"<value>") {
            cursor.at = start;
        }
        return Some(Link::Element);
    }
    if blanks == 0 && before.ends_with(b"<key>") && cursor.take(b"</key>") {
        cursor.skip(|b| b.is_ascii_whitespace());
        return cursor.take(b"<string>").then_some(Link::Element);
    }
    if without_name(before, &[b"name", b"key"]).is_some() {
        cursor.take(b",");
        cursor.skip(|b| b.is_ascii_whitespace());
        let values = [&b"value"[..], b"\"value\"", b"Value", b"\"Value\"", b"ParameterValue", b"\"ParameterValue\""];
        let is_value = values.iter().any(|value| cursor.take(value));
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
    // `["--password", "…"]`
    if key.starts_with(b"-") && key_is_quoted && cursor.take(b",") {
        return Some(Link::Call);
    }
    if !key_is_quoted && blanks > 0 && cursor.take(b"<<< ") {
        return Some(Link::Sign);
    }
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    // `ENV KEY VALUE` of a build, `SetEnv KEY VALUE` of a server
    // `#define KEY VALUE` of C, `set KEY VALUE` of Tcl
    let sets = [&b"ENV"[..], b"SetEnv", b"setenv", b"setx", b"#define"];
    if blanks >= 1 && !key_is_quoted && line.ends_with(b" ") && sets.contains(&line.trim_ascii()) {
        return Some(Link::Sign);
    }
    let begins_line = line.len() < 40 && line.iter().all(|b| matches!(b, b' ' | b'\t'));
    (begins_line && blanks >= 1 && !key_is_quoted).then_some(Link::Blank)
}

/// Moves past the blanks of several lines, where the sign stands behind them.
fn sign_below(cursor: &mut Cursor<'_>) {
    let start = cursor.at;
    cursor.skip(|b| b.is_ascii_whitespace());
    if cursor.bytes.get(cursor.at) != Some(&b':') {
        cursor.at = start;
    }
}

/// Signs of certain languages before a value in quotes: `:password "…"` of Clojure, `{password, "…"}` and
/// `define(PASSWORD, "…")` of Erlang, `Password As String = "…"` of Basic, `password{"…"}` of C++,
/// `env.PASSWORD || "…"` and `?? "…"` of JavaScript.
fn of_language(cursor: &mut Cursor<'_>, before: &[u8], key_is_quoted: bool, blanks: usize) -> Option<Link> {
    let is_quote = |cursor: &Cursor<'_>| matches!(cursor.bytes.get(cursor.at), Some(b'"' | b'\''));
    let start = cursor.at;
    if key_is_quoted {
        return None;
    }
    if blanks > 0 && is_quote(cursor) && before.ends_with(b":") && !before.ends_with(b"::") {
        return Some(Link::Sign);
    }
    let begins_tuple = before.ends_with(b"{") || before.ends_with(b"define(");
    if blanks == 0 && begins_tuple && cursor.take(b",") {
        cursor.skip(|b| b == b' ');
        if is_quote(cursor) {
            return Some(Link::Call);
        }
    } else if blanks == 0 && cursor.take(b"{") {
        if cursor.bytes.get(cursor.at) == Some(&b'"') {
            return Some(Link::Sign);
        }
    } else if blanks > 0
        && (cursor.take(b"As String = ") || cursor.take(b"|| ") || cursor.take(b"?? "))
        && is_quote(cursor)
    {
        return Some(Link::Sign);
    }
    cursor.at = start;
    None
}

/// Moves past what makes a value of another type of a text: `String::from("…")`, `[]byte("…")`.
fn constructor(cursor: &mut Cursor<'_>) {
    let start = cursor.at;
    // `$'…'` of shells, and the default of another variable: `${X:-…}`
    if cursor.take(b"$'") || cursor.take(b"$\"") {
        cursor.at = cursor.at.saturating_sub(1);
        return;
    }
    if cursor.take(b"${") {
        cursor.skip(is_key);
        if !(cursor.take(b":-") || cursor.take(b":=")) {
            cursor.at = start;
        }
        return;
    }
    let calls: [&[u8]; 8] = [
        b"String::from(",
        b"[]byte(",
        b"Buffer.from(",
        b"new String(",
        b"SecretString::from(",
        b"pulumi.String(",
        b"bytes(",
        b"str(",
    ];
    let is_call = calls.iter().any(|call| cursor.take(call));
    if is_call && !matches!(cursor.bytes.get(cursor.at), Some(b'"' | b'\'' | b'`')) {
        cursor.at = start;
    }
}

/// Moves to the value of what is declared with its type before the sign: `char password[] = `,
/// `password string = `, `variable "password" { default = `.
fn declaration(cursor: &mut Cursor<'_>, before: &[u8], key_is_quoted: bool, blanks: usize) -> bool {
    let start = cursor.at;
    if key_is_quoted && before.ends_with(b"variable \"") && cursor.take(b"{") {
        let body = cursor.bytes.get(cursor.at..).unwrap_or_default();
        let body = body.get(..memchr::memchr(b'}', body).unwrap_or(body.len())).unwrap_or_default();
        let default = memchr::memmem::find_iter(body, b"default")
            .find(|at| at.checked_sub(1).and_then(|index| body.get(index)).is_some_and(u8::is_ascii_whitespace));
        if let Some(default) = default {
            cursor.at = cursor.at.saturating_add(default).saturating_add(b"default".len());
            cursor.skip(|b| matches!(b, b' ' | b'\t'));
            if cursor.take(b"=") {
                return true;
            }
        }
    } else if !key_is_quoted && blanks > 0 && cursor.take(b"string") {
        cursor.skip(|b| b == b' ');
        if cursor.take(b"= ") {
            return true;
        }
    } else if !key_is_quoted && blanks == 0 && cursor.take(b"[") {
        cursor.skip(|b| b.is_ascii_digit() || b == b' ');
        if cursor.take(b"]") {
            cursor.skip(|b| b == b' ');
            if cursor.take(b"= ") || cursor.take(b"=\"") {
                cursor.at = cursor.at.saturating_sub(1);
                return true;
            }
        }
    }
    cursor.at = start;
    false
}

/// Moves into an object whose member is the value: `{"value": `, `{"type": "securestring", "defaultValue": `.
fn member(cursor: &mut Cursor<'_>) {
    let start = cursor.at;
    if cursor.take(b"{") {
        cursor.skip(|b| b.is_ascii_whitespace());
        if cursor.take(b"\"type\"") {
            cursor.skip(|b| b != b',' && b != b'}');
            cursor.take(b",");
            cursor.skip(|b| b.is_ascii_whitespace());
        }
        let names = [&b"\"value\""[..], b"\"defaultValue\"", b"\"Value\"", b"\"Default\"", b"\"default\""];
        if names.iter().any(|name| cursor.take(name)) {
            cursor.skip(|b| b.is_ascii_whitespace());
            if cursor.take(b":") {
                cursor.skip(|b| b.is_ascii_whitespace());
                return;
            }
        }
    }
    cursor.at = start;
}

/// Moves past a type, as in `password: str = "…"`, where a quote follows.
fn annotation(cursor: &mut Cursor<'_>) {
    let start = cursor.at;
    let letters = cursor.skip(|b| b.is_ascii_alphanumeric() || b"[]<>.|?&_ ".contains(&b));
    if letters > 0 && cursor.take(b"=") {
        cursor.skip(|b| b == b' ');
        if cursor.bytes.get(cursor.at).is_some_and(|b| matches!(b, b'"' | b'\'' | b'`')) {
            return;
        }
    }
    cursor.at = start;
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

    /// Moves to the last of three quotes that begin a text of several lines.
    fn triple(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(b"\"\"\"") || rest.starts_with(b"'''") {
            self.at = self.at.saturating_add(2);
        }
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
            ("${password:-Xy77abQ1}", "password", Some("Xy77abQ1")),
            ("${DB_PASSWORD:-$OTHER}", "password", None),
            ("${DB_PASSWORD:?it-is-missing-9}", "password", None),
            ("${DB_PASSWORD}: Xy77abQ1", "password", None),
            ("PASS=Xy77abQ1", "pass", Some("Xy77abQ1")),
            ("smtpPass: Xy77abQ1", "pass", Some("Xy77abQ1")),
            ("pass1=Xy77abQ1", "pass", Some("Xy77abQ1")),
            ("\npw=Xy77abQ1", "\npw", Some("Xy77abQ1")),
            ("bypass=Xy77abQ1", "pass", None),
            ("PASS: parserXy77-ab12.c\n", "pass", None),
            ("GITHUB_PAT=k3J9dk20sKw8Zq1L", "_pat", Some("k3J9dk20sKw8Zq1L")),
            ("LIBRARY_PATH=k3J9dk20sKw8Zq1L", "_pat", None),
            ("SDK_KEY=k3J9dk20sKw8Zq1L", "_key", Some("k3J9dk20sKw8Zq1L")),
            ("SDK_KEY=eu-west-1-staging-2", "_key", None),
            ("ENV DB_PASSWORD Xy77abQ1\n", "password", Some("Xy77abQ1")),
            ("  SetEnv DB_PASSWORD \"Xy77abQ1\"\n", "password", Some("Xy77abQ1")),
            ("fetch DB_PASSWORD Xy77abQ1\n", "password", None),
            ("{\"value\": \"Xy77abQ1\", \"name\": \"DB_PASSWORD\"}", "password", Some("Xy77abQ1")),
            ("- value: Xy77abQ1\n  name: DB_PASSWORD\n", "password", Some("Xy77abQ1")),
            ("{\"id\": \"Xy77abQ1\", \"name\": \"DB_PASSWORD\"}", "password", None),
            ("{\"ParameterKey\": \"DBPassword\", \"ParameterValue\": \"Xy77abQ1\"}", "password", Some("Xy77abQ1")),
            ("<property name=\"password\">\n <value>Xy77abQ1</value>", "password", Some("Xy77abQ1")),
            ("\"adminPassword\": {\"value\": \"Xy77abQ1\"}", "password", Some("Xy77abQ1")),
            (
                "\"adminPassword\": {\n \"type\": \"securestring\",\n \"defaultValue\": \"Xy77abQ1\"",
                "password",
                Some("Xy77abQ1"),
            ),
            ("\"adminPassword\": {\"reference\": \"Xy77abQ1\"}", "password", None),
            ("variable \"db_password\" {\n  type = string\n  default = \"Xy77abQ1\"\n}", "password", Some("Xy77abQ1")),
            ("variable \"db_password\" {}\nx { default = \"Xy77abQ1\" }", "password", None),
            ("a {password:\"Xy77abQ1\"}", "password", Some("Xy77abQ1")),
            (":password => 'Xy77abQ1'", "password", Some("Xy77abQ1")),
            ("arn:aws:secret:Xy77abQ1kd83k", "secret", None),
            ("- name: DB_PASSWORD\n  value: \"Xy77abQ1\"\n", "password", Some("Xy77abQ1")),
            ("{\"name\": \"DB_PASSWORD\", \"value\": \"Xy77abQ1\"}", "password", Some("Xy77abQ1")),
            ("define('DB_PASSWORD', 'Xy77abQ1');", "password", Some("Xy77abQ1")),
            ("c.setPassword(\"Xy77abQ1\")", "password", Some("Xy77abQ1")),
            ("splitpasswd(\"Xy77abQ1\")", "passwd", None),
            ("kpasswd\t464/tcp\n", "passwd", None),
            ("sed -e '/^passwd:\\s[^#]*$/ s/$/ systemd/'", "passwd", None),
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
            ("\"password\"\n  :\n    \"Xy77abQ1\"", "password", Some("Xy77abQ1")),
            ("<password><![CDATA[Xy77abQ1]]></x>", "password", Some("Xy77abQ1")),
            ("password = \"\"\"Xy77abQ1\"\"\"", "password", Some("Xy77abQ1")),
            ("DB_PASSWORD=$'Xy77abQ1' x", "password", Some("Xy77abQ1")),
            ("DB_PASSWORD=${X:-Xy77abQ1} x", "password", Some("Xy77abQ1")),
            ("DB_PASSWORD=${X}", "password", None),
            ("read -r PASSWORD <<< Xy77abQ1", "password", Some("Xy77abQ1")),
            ("[\"redis-server\", \"--password\", \"Xy77abQ1\"]", "password", Some("Xy77abQ1")),
            ("profile::mysql::root_password: Xy77abQ1", "password", Some("Xy77abQ1")),
            ("PASSWORD_ADMIN=Xy77abQ1", "password", Some("Xy77abQ1")),
            ("DB_SENHA=Xy77abQ1", "senha", Some("Xy77abQ1")),
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
        let typed = [
            "password: str = \"Xy77abQ1\"",
            "let password: Option<&str> = \"Xy77abQ1\";",
            "char password[] = \"Xy77abQ1\";",
            "char password[32]=\"Xy77abQ1\";",
            "const password string = \"Xy77abQ1\"",
            "{:user \"app\" :password \"Xy77abQ1\"}",
            "{password, \"Xy77abQ1\"}",
            "-define(PASSWORD, \"Xy77abQ1\").",
            "Const Password As String = \"Xy77abQ1\"",
            "std::string password{\"Xy77abQ1\"};",
            "env.PASSWORD || \"Xy77abQ1\"",
            "let password = String::from(\"Xy77abQ1\");",
            "add_argument(\"--password\", default=\"Xy77abQ1\")",
            "#define WIFI_PASSWORD  \"Xy77abQ1\"",
            "ENV[\"PASSWORD\"] ||= \"Xy77abQ1\"",
            "password = \"winter!175\"",
        ];
        for text in typed {
            let value = if text.contains("winter") { "winter!175" } else { "Xy77abQ1" };
            assert_eq!(found(text, "password", Kind::Source), Some(value), "{text}");
        }
        let query = "get(\"https://api.acme.example/v1?api_key=k3J9dk20sKw8Zq1L&x=1\")";
        assert_eq!(found(query, "api_key", Kind::Source), Some("k3J9dk20sKw8Zq1L"));
        let text = "connect(\"host=db user=app password=Xy77abQ1\")";
        assert_eq!(found(text, "password", Kind::Source), Some("Xy77abQ1"));
        assert_eq!(found("connect(user='app', password=Xy77abQ1)", "password", Kind::Source), None);
    }
}

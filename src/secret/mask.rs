//! What may be shown of a secret, and of a text round one.

use std::borrow::Cow;
use std::ops::Range;

use crate::escape::escape;
use crate::secret_name::names_secret;

use super::entropy;

/// Shortest value that is hidden as a part of a word, too.
pub(super) const LEAST_PART: usize = 8;

/// What stands for the hidden part.
pub(super) const HIDDEN: &str = "****";

/// Longest label of a key in PEM.
const LONGEST_LABEL: usize = 40;

/// Shortest value whose last four characters may be shown.
const LONG: usize = 24;

/// The public prefix of `shown` bytes and, of long values, the last four characters.
///
/// Where the value is too short for a tail, nothing but the prefix and stars.
pub(super) fn token(value: &[u8], shown: usize) -> String {
    let shown = shown.min(value.len());
    let (prefix, rest) = value.split_at(shown);
    let tail = if rest.len() >= LONG { rest.get(rest.len() - 4..).unwrap_or_default() } else { &[] };
    format!("{}{HIDDEN}{}", escape(prefix), escape(tail))
}

/// Nothing but stars and the length, for passwords.
pub(super) fn password(value: &[u8]) -> String {
    let length = value.len();
    format!("{HIDDEN} ({length} {})", if length == 1 { "character" } else { "characters" })
}

/// How far the run of signs round a match goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// To blanks and quotes.
    Word,
    /// Also to the slashes of a path, so that the rest of the path stays.
    Component,
}

/// `text` with stars for each of `spans`, which may overlap, and for the run of signs each stands in:
/// a rule may know only a part of a value. To the left the run ends at what parts a name from its value.
pub(super) fn spans(text: &str, spans: &[(Range<usize>, &str)], run: Run) -> String {
    let bytes = text.as_bytes();
    let mut sorted: Vec<&(Range<usize>, &str)> = spans.iter().collect();
    sorted.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let wide = sorted.into_iter().map(|(span, masked)| (widen(bytes, span, run), *masked));
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for (span, masked) in wide {
        if span.end <= at {
            continue;
        }
        if span.start >= at {
            shown.push_str(text.get(at..span.start).unwrap_or_default());
            shown.push_str(masked);
        }
        // of two that overlap the first speaks for both
        at = at.max(span.end);
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

/// The run round `span`, ending where characters do.
fn widen(bytes: &[u8], span: &Range<usize>, run: Run) -> Range<usize> {
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`');
    let parts = |b: u8| ends(b) || b.is_ascii_control() || b"=:@,;|&?<>()[]{}/\\#!$%".contains(&b);
    let mut start = span.start.min(bytes.len());
    while let Some(byte) = start.checked_sub(1).and_then(|before| bytes.get(before)) {
        if parts(*byte) {
            break;
        }
        start -= 1;
    }
    let mut end = span.end.min(bytes.len());
    if run == Run::Word {
        end = end_of_word(bytes, start, end);
    }
    while run == Run::Component && bytes.get(end).is_some_and(|byte| !ends(*byte) && *byte != b'/') {
        end += 1;
    }
    // a span may end inside a character, as a value of any bytes
    let is_inside = |at: usize| bytes.get(at).is_some_and(|b| b & 0xc0 == 0x80);
    while is_inside(start) {
        start -= 1;
    }
    while is_inside(end) {
        end += 1;
    }
    start..end
}

/// Bytes on either side of a value in which its quotes are looked for.
const QUOTED: usize = 4 << 10;

/// Where the word of a command ends that goes on at `end`: quotes and escapes join what blanks would part.
fn end_of_word(bytes: &[u8], start: usize, end: usize) -> usize {
    let is_quote = |b: u8| matches!(b, b'"' | b'\'');
    let closing = |from: usize, quote: u8| {
        let rest = bytes.get(from..).unwrap_or_default();
        let mut at = 0;
        while let Some(byte) = rest.get(..QUOTED.min(rest.len())).and_then(|rest| rest.get(at)) {
            match byte {
                b'\\' if quote == b'"' => at += 2,
                byte if *byte == quote => return Some(from + at),
                _ => at += 1,
            }
        }
        None
    };
    let before = bytes.get(start.saturating_sub(QUOTED)..start).unwrap_or_default();
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let mut open = None;
    let mut is_escaped = false;
    for byte in line {
        match open {
            _ if is_escaped => is_escaped = false,
            Some(b'"') | None if *byte == b'\\' => is_escaped = true,
            Some(quote) if *byte == quote => open = None,
            None if is_quote(*byte) => open = Some(*byte),
            _ => {}
        }
    }
    let mut at = end;
    if let Some(close) = open.and_then(|quote| closing(end, quote)) {
        let next = bytes.get(close + 1).copied().unwrap_or(b' ');
        // `'a'\''b'`, `"a"b`: the word is not over
        if !(is_quote(next) || next == b'\\' || next.is_ascii_alphanumeric()) {
            return close;
        }
        at = close + 1;
        open = None;
    }
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'`' => break,
            b if b.is_ascii_whitespace() => break,
            b'\\' => at = (at + 2).min(bytes.len()),
            // one that nothing closes may close what was open before
            quote if is_quote(quote) => match closing(at + 1, quote).filter(|_| open.is_none()) {
                Some(close) => at = close + 1,
                None => break,
            },
            _ => at += 1,
        }
    }
    at
}

/// Longest password, and longest name of a user, that are looked for before a host.
const LONGEST_USERINFO: usize = 128;

/// Where private keys in PEM stand (RFC 7468), whether or not they can be read, are cut off, or are in one line.
pub fn private_keys(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, begin) in text.match_indices("-----BEGIN ") {
        let after = start + begin.len();
        let rest = text.get(after..).unwrap_or_default();
        let Some(label) = rest.find("-----").and_then(|end| rest.get(..end)) else { continue };
        if label.len() > LONGEST_LABEL || !label.contains("PRIVATE KEY") {
            continue;
        }
        let body = after + label.len() + 5;
        let end = text.get(body..).and_then(|rest| rest.find("-----END ")).map_or(text.len(), |end| body + end);
        found.push(body..end);
    }
    found
}

/// Where passwords stand in `user:password@host.name` without a scheme; with one, a rule knows them.
///
/// The host has a name that begins with a letter and ends with letters: `group:artifact@1.2.3` has a version there.
pub(super) fn passwords_before_hosts(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for at in memchr::memchr_iter(b'@', bytes) {
        let host = bytes.get(at + 1..).unwrap_or_default();
        let length =
            host.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))).unwrap_or(host.len());
        let host = host.get(..length.min(253)).unwrap_or_default();
        let top = host.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let is_name = host.first().is_some_and(u8::is_ascii_alphabetic) && top.len() < host.len();
        if !is_name || !(2..=12).contains(&top.len()) || !top.iter().all(u8::is_ascii_lowercase) {
            continue;
        }
        let least = at.saturating_sub(LONGEST_USERINFO);
        let before = bytes.get(least..at).unwrap_or_default();
        let ends = |b: &u8| {
            b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'' | b'`' | b'!' | b'=' | b',' | b'<' | b'(')
        };
        let start = before.iter().rposition(ends).map_or(0, |end| end + 1);
        let userinfo = before.get(start..).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', userinfo) else { continue };
        let password = least + start + colon + 1..at;
        // `mailto:info@acme.io`
        let is_word = bytes.get(password.clone()).unwrap_or_default().iter().all(u8::is_ascii_lowercase);
        if colon > 0 && password.len() >= 4 && !is_word && text.is_char_boundary(password.start) {
            found.push(password);
        }
    }
    found
}

/// Parameters of an address that sign a request or stand for a login, lower case.
const SIGNING: &[&str] =
    &["sig", "signature", "x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature"];
const LOGINS: &[&str] = &["token", "key", "api_key", "apikey", "access_token", "code"];

/// Shortest value of a parameter that is hidden, and least entropy of it in bits for each byte.
const LEAST_PARAMETER: usize = 12;
const LEAST_ENTROPY: f64 = 2.8;

/// Where values stand in the query of an address that let whoever has them in: `?sig=VALUE`, `&token=VALUE`.
pub(super) fn query_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(['?', '&']) {
        let rest = text.get(at + 1..).unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let Some(sign) = rest.find(|c| !is_name(c)).filter(|sign| rest.get(*sign..*sign + 1) == Some("=")) else {
            continue;
        };
        let name = rest.get(..sign).unwrap_or_default().to_ascii_lowercase();
        let is_signing = SIGNING.contains(&name.as_str());
        if !(is_signing || LOGINS.contains(&name.as_str())) {
            continue;
        }
        let after = rest.get(sign + 1..).unwrap_or_default();
        let ends = |c: char| c.is_whitespace() || "&#\"'`<>|;\\()…".contains(c);
        let end = after.find(ends).unwrap_or(after.len());
        let value = after.get(..end).unwrap_or_default();
        let is_cut = after.get(end..).is_some_and(|rest| rest.starts_with('…'));
        let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
        let is_mixed = has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit)
            || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        let is_random = value.len() >= LEAST_PARAMETER
            && is_mixed
            && entropy::shannon(value.as_bytes()) >= LEAST_ENTROPY
            && (is_signing || !(value.contains('/') || value.starts_with("0x")));
        let is_reference = value.contains(['$', '{', '*']);
        let start = at + 1 + sign + 1;
        // of a value that is cut off nobody knows what it was
        if !is_reference && (is_random || is_cut && !value.is_empty()) {
            found.push(start..start + end);
        }
    }
    found
}

/// Words between one that names a secret and its value: `password is VALUE`.
const LINKS: &[&str] = &["is", "was", "are", "be", "=", ":", "==", "->", "to", "of", "for", "the", "our", "my"];

/// Words of prose that a value may follow.
const PROSE: &[&str] = &["login", "pin", "pw", "passwort", "kennwort", "key", "auth"];

/// Words that are no values though they follow `password is`.
const NO_VALUES: &[&str] = &[
    "a",
    "added",
    "all",
    "already",
    "always",
    "an",
    "and",
    "any",
    "at",
    "because",
    "by",
    "checked",
    "created",
    "does",
    "empty",
    "fake",
    "from",
    "generated",
    "given",
    "gone",
    "here",
    "in",
    "kept",
    "known",
    "made",
    "masked",
    "mounted",
    "needed",
    "never",
    "no",
    "not",
    "only",
    "passed",
    "public",
    "read",
    "replaced",
    "required",
    "rotated",
    "safe",
    "set",
    "short-lived",
    "still",
    "stored",
    "taken",
    "temporary",
    "used",
    "valid",
    "wanted",
    "without",
];

/// Where values may stand in what people write: what follows `password is`, and what behind a word that names a secret
/// looks like no word.
pub fn prose_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // words since the one that names a secret, and whether the last was `is`
    let mut near: Option<(usize, bool)> = None;
    let mut at = 0;
    for part in text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | ',' | ';')) {
        let start = at;
        at += part.len();
        let is_linked = part.ends_with(['=', ':']);
        let is_trimmed = |c: char| c.is_whitespace() || "=:,;.`'\"()".contains(c);
        let left = part.trim_start_matches(is_trimmed);
        let word = left.trim_end_matches(is_trimmed);
        let lower = word.to_ascii_lowercase();
        if word.is_empty() {
            near = near.map(|(distance, was_linked)| (distance, was_linked || is_linked));
            continue;
        }
        if names_secret(word) || PROSE.contains(&lower.as_str()) {
            near = Some((0, is_linked));
            continue;
        }
        let Some((distance, was_linked)) = near else { continue };
        let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
        let is_odd = has(u8::is_ascii_digit)
            || word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()) && has(u8::is_ascii_lowercase)
            || word.contains(['!', '$', '%', '^', '&', '*', '#', '+', '@']);
        let is_link = LINKS.contains(&lower.as_str());
        let is_value = !is_link && (is_odd && word.len() >= 4 || was_linked && !NO_VALUES.contains(&lower.as_str()));
        if is_value {
            let begin = start + part.len() - left.len();
            found.push(begin..begin + word.len());
        }
        let is_verb = matches!(lower.as_str(), "is" | "was" | "=" | "->") || is_linked;
        near = (distance < MOST_BETWEEN).then_some((distance + 1, is_verb));
    }
    found
}

/// Most words between the one that names a secret and its value.
const MOST_BETWEEN: usize = 8;

/// Where hashes of passwords stand as `crypt` writes them: `$6$salt$hash`, `$2b$10$hash`.
pub(super) fn hashes(text: &str) -> Vec<Range<usize>> {
    const KINDS: &[&str] = &["1", "2a", "2b", "2y", "5", "6", "7", "y", "apr1", "argon2i", "argon2id"];
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('$') {
        let rest = text.get(at + 1..).unwrap_or_default();
        let is_kind = KINDS.iter().any(|kind| rest.strip_prefix(kind).is_some_and(|rest| rest.starts_with('$')));
        if !is_kind || found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        let is_sign = |c: char| c.is_ascii_alphanumeric() || "$./=,+-".contains(c);
        let end = rest.find(|c| !is_sign(c)).unwrap_or(rest.len());
        if end >= LEAST_HASH {
            found.push(at..at + 1 + end);
        }
    }
    found
}

/// Shortest hash that `crypt` writes, with its kind and salt.
const LEAST_HASH: usize = 20;

/// `text` with stars for each run that has `value` in it.
pub(super) fn hide(text: &str, value: &str) -> String {
    if value.is_empty() {
        return text.to_owned();
    }
    let is_whole = |at: usize| {
        let is_sign = |index: Option<usize>| {
            index.and_then(|index| text.as_bytes().get(index)).is_some_and(u8::is_ascii_alphanumeric)
        };
        value.len() >= LEAST_PART || !(is_sign(at.checked_sub(1)) || is_sign(Some(at + value.len())))
    };
    let places: Vec<(Range<usize>, &str)> = text
        .match_indices(value)
        .filter(|(at, _)| is_whole(*at))
        .map(|(at, part)| (at..at + part.len(), HIDDEN))
        .collect();
    if places.is_empty() { text.to_owned() } else { spans(text, &places, Run::Word) }
}

/// Borrowed where nothing was masked.
pub(super) fn unless_same(masked: String, text: &str) -> Cow<'_, str> {
    if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stand_before_hosts() {
        let cases = [
            ("u:Xy77abQ1@reg.acme.io/x", Some("Xy77abQ1")),
            ("app/ci:Xy77abQ1@git.acme.example.json", Some("Xy77abQ1")),
            ("log4j:log4j@1.2.17", None),
            ("shop/api:1.4@sha256:abcdef", None),
            ("git@github.com:acme/x", None),
            ("ann@acme.io", None),
            ("mailto:info@acme.io", None),
        ];
        for (text, expected) in cases {
            let found = passwords_before_hosts(text);
            assert_eq!(found.first().map(|span| &text[span.clone()]), expected, "{text}");
        }
        assert_eq!(hide("run -p Ab12cd7 x", "Ab12cd7"), "run -p **** x");
        assert_eq!(hide("run xAb12cd7 x", "Ab12cd7"), "run xAb12cd7 x", "short values are whole words");
    }

    #[test]
    fn values_of_signed_addresses_are_known() {
        let v = ["kQ7vT2", "xwZm9", "Lp3Rt8Yb"].concat();
        let cases = [
            (format!("https://h.example/a?sv=2024&sig={v}%3D&x=1"), Some(format!("{v}%3D"))),
            (format!("curl \"https://h.example/a?X-Amz-Signature={v}\""), Some(v.clone())),
            (format!("h.example/?api_key={v}#x"), Some(v.clone())),
            ("`https://h.example/?sig=kQ7…`".to_owned(), Some("kQ7".to_owned())),
            ("https://h.example/?token=$TOKEN&key=stable-release".to_owned(), None),
            ("https://h.example/?key=releases/v1.2.3/app.tgz&sig=".to_owned(), None),
            (format!("https://h.example/?name={v}"), None),
        ];
        for (text, expected) in cases {
            let found = query_values(&text);
            assert_eq!(found.first().map(|span| text[span.clone()].to_owned()), expected, "{text}");
        }
    }

    #[test]
    fn values_in_prose_follow_a_word_for_a_secret() {
        let v = ["kQ7vT2", "xwZm9"].concat();
        let cases = [
            (format!("because password is {v}"), vec![v.as_str()]),
            (format!("the root password: `{v}`, for now"), vec![v.as_str()]),
            (format!("password={v}"), vec![v.as_str()]),
            ("password is swordfish".to_owned(), vec!["swordfish"]),
            (format!("we log in with the token {v}"), vec![v.as_str()]),
            ("the password is not in the image".to_owned(), vec![]),
            ("the token is masked by CI, see the wiki".to_owned(), vec![]),
            ("version 1.2.3 is needed until May 2027".to_owned(), vec![]),
        ];
        for (text, expected) in cases {
            let found: Vec<&str> = prose_values(&text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn hashes_are_known_by_their_kind() {
        let v = ["kQ7vT2", "xwZm9", "Lp3Rt8Yb"].concat();
        let hash = format!("$6$salt${v}/{v}.");
        let found = hashes(&format!("usermod -p '{hash}' root"));
        assert!(found.len() == 1 && found[0] == (12..12 + hash.len()), "{found:?}");
        assert!(hashes("echo $1$2 $6$x $HOME$PATH").is_empty());
    }

    #[test]
    fn private_keys_are_told_however_they_end() {
        let begin = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
        for (text, body) in [
            (format!("KEY={begin}\nMIIEow\n-----END RSA PRIVATE KEY-----\nx"), "\nMIIEow\n"),
            (format!("{begin} MIIEow and more"), " MIIEow and more"),
            (format!("{begin}\\nMIIEow"), "\\nMIIEow"),
        ] {
            let found = private_keys(&text);
            assert_eq!(found.iter().map(|span| &text[span.clone()]).collect::<Vec<_>>(), [body], "{text}");
        }
        assert!(private_keys("-----BEGIN CERTIFICATE-----\nMIIC\n-----BEGIN PRIVATE KEY").is_empty());
    }

    #[test]
    fn little_is_shown() {
        let cases: &[(&[u8], usize, &str)] = &[
            (b"abc_0123456789012345678901234567", 4, "abc_****4567"),
            (b"abc_0123456789", 4, "abc_****"),
            (b"ab", 4, "ab****"),
            (b"0123456789012345678\x1b23456", 0, "****3456"),
            (b"", 0, "****"),
        ];
        for (value, shown, masked) in cases {
            assert_eq!(token(value, *shown), *masked);
        }
        assert_eq!(password(b"hunter22"), "**** (8 characters)");
    }

    #[test]
    fn the_run_round_a_match_goes_with_it() {
        // text, what a rule knows of it, what is shown
        let cases = [
            ("run TOKEN=abc123+rest.more x", "abc123", Run::Word, "run TOKEN=**** x"),
            ("-H \"Authorization: Bearer abc123\" x", "abc123", Run::Word, "-H \"Authorization: Bearer ****\" x"),
            ("postgres://u:abc123@host/db next", "abc123", Run::Word, "postgres://u:**** next"),
            ("curl -u ci-abc123 x", "abc123", Run::Word, "curl -u **** x"),
            ("/srv/abc123-x/file", "abc123", Run::Component, "/srv/****/file"),
            ("/srv/abc123-x/file", "abc123", Run::Word, "/srv/****"),
            ("é=éabc123é é", "abc123", Run::Word, "é=**** é"),
            ("abc123", "abc123", Run::Word, "****"),
            ("a 'abc123' b", "abc123", Run::Word, "a '****' b"),
            ("curl -u \"u:abc123 more\" x", "abc123", Run::Word, "curl -u \"u:****\" x"),
            ("P=abc123\\ more x", "abc123", Run::Word, "P=**** x"),
            ("P='abc123'\\''more' x", "abc123", Run::Word, "P='**** x"),
            ("P=\"abc123\\\"more\" x", "abc123", Run::Word, "P=\"****\" x"),
            ("P=abc123\"more\" x", "abc123", Run::Word, "P=**** x"),
            ("{\"t\":\"abc123\",\"u\":1}", "abc123", Run::Word, "{\"t\":\"****\",\"u\":1}"),
        ];
        for (text, value, run, shown) in cases {
            let at = text.find(value).expect("is in the text");
            assert_eq!(spans(text, &[(at..at + value.len(), HIDDEN)], run), shown);
        }
        let text = "k=aaaabbbbcccc d";
        assert_eq!(
            spans(text, &[(6..10, "2"), (2..8, "1"), (8..9, "3")], Run::Word),
            "k=1 d",
            "the first speaks for all"
        );
    }
}

//! Literals of scripting languages, as generated files write them; nothing is evaluated.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Longest string read, in bytes: also what one look for the end of a string may cost.
const LONGEST: usize = 1_024;

/// The text of the string that `code` begins with, and what follows it: `"…"` and `'…'`, as in most languages, Ruby's
/// `%q<…>`, and Lua's `[[…]]`. `None` for anything else, and for strings with escapes or parts to be evaluated.
pub(super) fn string(code: &[u8]) -> Option<(&[u8], &[u8])> {
    let code = code.trim_ascii_start();
    let (end, body): (&[u8], &[u8]) = match code {
        [b'"', body @ ..] => (b"\"", body),
        [b'\'', body @ ..] => (b"'", body),
        [b'[', b'[', body @ ..] => (b"]]", body),
        [b'%', b'q' | b'Q', b'<', body @ ..] => (b">", body),
        [b'%', b'q' | b'Q', b'(', body @ ..] => (b")", body),
        [b'%', b'q' | b'Q', b'{', body @ ..] => (b"}", body),
        [b'%', b'q' | b'Q', b'[', body @ ..] => (b"]", body),
        _ => return None,
    };
    let (text, _) = split_at(body.get(..LONGEST).unwrap_or(body), end)?;
    let rest = body.get(text.len().checked_add(end.len())?..)?;
    (!text.contains(&b'\\') && !text.windows(2).any(|pair| pair == b"#{")).then_some((text, rest))
}

/// The strings of a list, `[` or `{` and all, up to the end of `code` or the bracket that ends the list. What is
/// between them does not matter, but at most `most` are taken.
pub(super) fn strings(code: &[u8], most: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some((first, after)) = rest.split_first() {
        if found.len() == most || matches!(first, b']' | b'}' | b'\n') {
            break;
        }
        match string(rest) {
            Some((text, after)) => {
                found.push(text);
                rest = after;
            }
            None => rest = after,
        }
    }
    found
}

/// What follows `name =` in a line that begins so, blanks allowed.
pub(super) fn assigned<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.trim_ascii_start().strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=")?;
    (value.first() != Some(&b'=')).then(|| value.trim_ascii_start())
}

/// What is before and after the first `mark`.
pub(super) fn split_at<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(text, mark)?;
    Some((text.get(..at)?, text.get(at.checked_add(mark.len())?..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_but_not_evaluated() {
        /// A string and what follows.
        type Read = Option<(&'static [u8], &'static [u8])>;
        let cases: &[(&[u8], Read)] = &[
            (b"\"a b\".freeze", Some((b"a b", b".freeze"))),
            (b"  'a\"b' # x", Some((b"a\"b", b" # x"))),
            (b"%q<rake>.freeze, [", Some((b"rake", b".freeze, ["))),
            (b"[[long]]", Some((b"long", b""))),
            (b"\"#{VERSION}\"", None),
            (b"\"a\\\"b\"", None),
            (b"\"open", None),
            (b"VERSION", None),
            (b"", None),
        ];
        for (code, expected) in cases {
            assert_eq!(string(code), *expected, "{}", code.escape_ascii());
        }
        assert_eq!(strings(b"[\"a\".freeze, 'b'] + [\"c\"]", 10), [&b"a"[..], b"b"]);
        assert_eq!(strings(b"\"a\", \"b\", \"c\"", 2), [&b"a"[..], b"b"]);
        let hostile = "%q<".repeat(1_000_000) + "\\>";
        assert_eq!(strings(hostile.as_bytes(), 10), [&b""[..]; 0]);
        assert_eq!(assigned(b"  version = '1'", b"version"), Some(&b"'1'"[..]));
        assert_eq!([assigned(b"version == '1'", b"version"), assigned(b"versions = 1", b"version")], [None; 2]);
    }
}

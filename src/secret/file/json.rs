//! Values of JSON documents (RFC 8259) with their places; comments, commas at the end and bare words are borne with,
//! so that a flow of YAML can be read too.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::closing;
use super::setting::{ITEM, Setting};

/// Containers inside one another; deeper ones are not read.
const DEPTH: usize = 64;

/// Meets each value that is no container.
pub(super) fn read(bytes: &[u8], meet: &mut dyn FnMut(&Setting<'_>)) {
    read_from(bytes, 0, &[], meet);
}

/// The same from `start` on, until what begins there is closed. Tells where that is.
pub(super) fn read_from<'a>(
    bytes: &'a [u8],
    start: usize,
    above: &[&'a [u8]],
    meet: &mut dyn FnMut(&Setting<'_>),
) -> usize {
    let mut path: Vec<&[u8]> = above.to_vec();
    // whether each open container is an object
    let mut open: Vec<bool> = Vec::new();
    let mut has_key = false;
    let mut at = start;
    while let Some(byte) = bytes.get(at).copied() {
        let next = at.saturating_add(1);
        match byte {
            b'{' | b'[' => {
                if open.len() >= DEPTH {
                    return bytes.len();
                }
                if open.last() == Some(&false) {
                    path.push(ITEM);
                } else if !has_key && !open.is_empty() {
                    // an object where a key should be
                    path.push(b"");
                }
                open.push(byte == b'{');
                has_key = false;
                at = next;
            }
            b'}' | b']' => {
                open.pop();
                if open.is_empty() {
                    return next;
                }
                path.pop();
                has_key = false;
                at = next;
            }
            b'/' if bytes.get(next) == Some(&b'/') => at = end_of_line(bytes, at),
            b'/' if bytes.get(next) == Some(&b'*') => {
                let rest = bytes.get(next..).unwrap_or_default();
                at =
                    memchr::memmem::find(rest, b"*/").map_or(bytes.len(), |n| next.saturating_add(n).saturating_add(2));
            }
            b',' => {
                if has_key {
                    path.pop();
                    has_key = false;
                }
                at = next;
            }
            b':' | b' ' | b'\t' | b'\r' | b'\n' => at = next,
            _ => {
                let quote = matches!(byte, b'"' | b'\'').then_some(byte);
                let first = if quote.is_some() { next } else { at };
                let rest = bytes.get(first..).unwrap_or_default();
                let length = match quote {
                    Some(quote) => closing(rest, quote),
                    None => rest.iter().position(|b| matches!(b, b',' | b'}' | b']' | b'\n' | b':')),
                };
                let Some(length) = length else {
                    return bytes.len();
                };
                let end = first.saturating_add(length);
                let text = bytes.get(first..end).unwrap_or_default();
                let text = if quote.is_none() { text.trim_ascii_end() } else { text };
                at = end.saturating_add(usize::from(quote.is_some()));
                let after = bytes.get(at..).unwrap_or_default();
                let blanks = after.iter().take_while(|b| b.is_ascii_whitespace()).count();
                let is_key = open.last() == Some(&true) && !has_key && after.get(blanks) == Some(&b':');
                if is_key {
                    path.push(text);
                    has_key = true;
                    at = at.saturating_add(blanks).saturating_add(1);
                    continue;
                }
                let is_item = open.last() == Some(&false);
                if is_item {
                    path.push(ITEM);
                }
                meet(&Setting { path: &path, value: text, span: first..first.saturating_add(text.len()) });
                if is_item || has_key {
                    path.pop();
                    has_key = false;
                }
                if open.is_empty() {
                    return at;
                }
            }
        }
    }
    bytes.len()
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |n| at.saturating_add(n))
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn values_with_their_keys() {
        let cases: &[(&str, &[&str])] = &[
            (
                r#"{"a": {"b": "x\"y", "c": 1}, "d": ["e", {"f": "g"}], "h": "i"}"#,
                &[r#"a/b=x\"y"#, "a/c=1", "d/[]=e", "d/[]/f=g", "h=i"],
            ),
            ("// c\n{\"a\": /* c */ \"b\",}\n", &["a=b"]),
            ("{a: b c, 'd': [e, f]}", &["a=b c", "d/[]=e", "d/[]=f"]),
            ("[[\"a\"], [[\"b\"]]]", &["[]/[]=a", "[]/[]/[]=b"]),
            ("{\"a\": {}, \"b\": [], \"c\": \"d\"}", &["c=d"]),
            ("{\"a\": \"open", &[]),
            ("]}{\"a\":1}", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text, read), *expected, "{text}");
        }
        assert!(shown(&format!("{}\"x\"", "[".repeat(100_000)), read).is_empty(), "too deep");
    }
}

//! Values of YAML documents (YAML 1.2.2), line by line: block mappings and lists by their indent, scalars of all styles,
//! flows as JSON. Anchors, tags and keys of several lines are passed over.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::json;
use super::lines::{closing, value};
use super::setting::{ITEM, Setting};

/// Mappings inside one another; deeper ones are not read.
const DEPTH: usize = 64;

/// Meets each scalar of each document.
pub(super) fn read(bytes: &[u8], meet: &mut dyn FnMut(&Setting<'_>)) {
    let mut above: Vec<(usize, &[u8])> = Vec::new();
    let mut start = 0_usize;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let end = start.saturating_add(length);
        let next = end.saturating_add(1);
        let line = bytes.get(start..end).unwrap_or_default();
        let mut indent = line.iter().take_while(|b| **b == b' ').count();
        let mut at = start.saturating_add(indent);
        start = next;
        let text = bytes.get(at..end).unwrap_or_default();
        if text.trim_ascii().is_empty() || text.starts_with(b"#") {
            continue;
        }
        if text.starts_with(b"---") || text.starts_with(b"...") || text.starts_with(b"%") {
            above.clear();
            continue;
        }
        // a list may stand at the indent of its key
        let is_item = |at: usize| matches!(bytes.get(at..end), Some([b'-'] | [b'-', b' ' | b'\r', ..]));
        let keeps = |own: &(usize, &[u8])| own.0 < indent || (own.0 == indent && is_item(at) && own.1 != ITEM);
        above.truncate(above.iter().take_while(|own| keeps(own)).count());
        while is_item(at) && above.len() < DEPTH {
            above.push((indent, ITEM));
            let dash = bytes.get(at.saturating_add(1)..end).unwrap_or_default();
            let step = dash.iter().take_while(|b| **b == b' ').count().saturating_add(1);
            indent = indent.saturating_add(step);
            at = at.saturating_add(step);
        }
        let text = bytes.get(at..end).unwrap_or_default();
        let mut path: Vec<&[u8]> = above.iter().map(|(_, key)| *key).collect();
        let value_start = match key(text) {
            Some((key, length)) => {
                path.push(key);
                if above.len() >= DEPTH {
                    continue;
                }
                above.push((indent, key));
                at.saturating_add(length)
            }
            None if path.last() == Some(&ITEM) || text.starts_with(b"{") || text.starts_with(b"[") => at,
            None => continue,
        };
        let text = bytes.get(value_start..end).unwrap_or_default();
        let blanks = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let first = value_start.saturating_add(blanks);
        let text = text.trim_ascii();
        match text.first() {
            None | Some(b'&' | b'*') => {}
            Some(b'{' | b'[') => {
                start = json::read_from(bytes, first, &path, meet).max(next);
                // the rest of the line
                let rest = bytes.get(start..).unwrap_or_default();
                if start > next {
                    start =
                        memchr::memchr(b'\n', rest).map_or(bytes.len(), |n| start.saturating_add(n).saturating_add(1));
                }
            }
            Some(b'|' | b'>') => {
                let (span, after) = block(bytes, next, indent);
                start = after;
                if let Some(value) = bytes.get(span.clone()).filter(|value| !value.is_empty()) {
                    meet(&Setting { path: &path, value, span });
                }
            }
            Some(b'!') => {
                // `!vault |`, `!Ref x`, `!!binary |`: not a plain value, but a string may be tagged
                let tag = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
                let is_string = text.get(..tag) == Some(b"!!str");
                if is_string {
                    let span = value(bytes, first.saturating_add(tag)..end);
                    if let Some(value) = bytes.get(span.clone()) {
                        meet(&Setting { path: &path, value, span });
                    }
                } else if matches!(text.last(), Some(b'|' | b'>' | b'-')) {
                    start = block(bytes, next, indent).1;
                }
            }
            Some(_) => {
                let span = value(bytes, first..end);
                if let Some(value) = bytes.get(span.clone()) {
                    meet(&Setting { path: &path, value, span });
                }
            }
        }
    }
}

/// The key a text begins with, and the length of key and colon.
fn key(text: &[u8]) -> Option<(&[u8], usize)> {
    if let Some(quote @ (b'"' | b'\'')) = text.first().copied() {
        let rest = text.get(1..)?;
        let length = closing(rest, quote)?;
        let after = rest.get(length.checked_add(1)?..)?;
        let blanks = after.iter().take_while(|b| **b == b' ').count();
        return (after.get(blanks) == Some(&b':'))
            .then_some((rest.get(..length)?, length.saturating_add(blanks).saturating_add(3)));
    }
    let mut from = 0_usize;
    // `:symbol: value` is a key of Ruby's
    loop {
        let colon = memchr::memchr(b':', text.get(from..)?)?.checked_add(from)?;
        let is_end = text.get(colon.checked_add(1)?).is_none_or(u8::is_ascii_whitespace);
        if is_end && colon > 0 {
            let key = text.get(..colon)?.trim_ascii();
            return (key.len() <= 256 && !key.starts_with(b"{") && !key.starts_with(b"["))
                .then_some((key, colon.saturating_add(1)));
        }
        from = colon.checked_add(1)?;
    }
}

/// The lines of a block scalar from `start` on, deeper than `indent`; and where the next line begins.
fn block(bytes: &[u8], start: usize, indent: usize) -> (std::ops::Range<usize>, usize) {
    let (mut first, mut last, mut at) = (None, start, start);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let depth = line.iter().take_while(|b| **b == b' ').count();
        let text = line.trim_ascii();
        if !text.is_empty() {
            if depth <= indent {
                break;
            }
            first.get_or_insert(at.saturating_add(depth));
            last = at.saturating_add(depth).saturating_add(text.len());
        }
        at = at.saturating_add(length).saturating_add(1);
    }
    (first.unwrap_or(start)..last, at)
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn scalars_with_their_keys() {
        let cases: &[(&str, &[&str])] = &[
            ("a:\n  b: c # d\n  \"e f\": 'g'\nh: \"i: j\"\n", &["a/b=c", "a/e f=g", "h=i: j"]),
            (
                "users:\n- name: x\n  user:\n    token: y\n- name: z\n",
                &["users/[]/name=x", "users/[]/user/token=y", "users/[]/name=z"],
            ),
            ("env:\n  - A=1\n  - B=2\nc: d\n", &["env/[]=A=1", "env/[]=B=2", "c=d"]),
            ("a: |\n  one\n   two\n\nb: >-\n  x\n", &["a=one\n   two", "b=x"]),
            ("a: {b: c, d: {e: 'f'}}\ng: [h,\n  i]\nj: k\n", &["a/b=c", "a/d/e=f", "g/[]=h", "g/[]=i", "j=k"]),
            ("---\n:rubygems_api_key: x\n---\na:b\nhttp://x: 1\n", &[":rubygems_api_key=x", "http://x=1"]),
            ("a: !vault |\n  $ANSIBLE_VAULT;1\n  6162\nb: !!str c\nd: *e\n", &["b=c"]),
            ("{\"a\": {\"b\": \"c\"},\n \"d\": 1}\n", &["a/b=c", "d=1"]),
            ("- - a\n  - b: c\n", &["[]/[]=a", "[]/[]/b=c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text, read), *expected, "{text}");
        }
        let deep: String = (0..300).map(|n| format!("{}k:\n", " ".repeat(n))).collect();
        assert!(shown(&format!("{deep}{}x: y\n", " ".repeat(300)), read).is_empty(), "too deep");
    }
}

//! Attributes and texts of XML documents with their places; no DTD, no entities: what is broken is passed over.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::setting::Setting;

/// Elements inside one another; deeper ones are not read.
const DEPTH: usize = 64;

/// Attributes of one element that are looked at.
const ATTRIBUTES: usize = 64;

/// What is met on the way through a document.
pub(super) enum Met<'a> {
    /// An element begins, with its attributes.
    Start(&'a [&'a [u8]], &'a [(&'a [u8], Range<usize>)]),
    /// Text that stands directly in an element.
    Text(Setting<'a>),
}

/// Reads a document from its beginning to its end.
pub(super) fn read(bytes: &[u8], meet: &mut dyn FnMut(Met<'_>)) {
    let mut path: Vec<&[u8]> = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr::memchr(b'<', rest).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let trimmed = text.trim_ascii();
        if !trimmed.is_empty() && !path.is_empty() {
            let start = at.saturating_add(text.len().saturating_sub(text.trim_ascii_start().len()));
            meet(Met::Text(Setting { path: &path, value: trimmed, span: start..start.saturating_add(trimmed.len()) }));
        }
        let tag = at.saturating_add(length);
        let Some(rest) = bytes.get(tag..).filter(|rest| !rest.is_empty()) else { return };
        let jump =
            |end: &[u8]| memchr::memmem::find(rest, end).map(|n| tag.saturating_add(n).saturating_add(end.len()));
        if rest.starts_with(b"<!--") {
            let Some(end) = jump(b"-->") else { return };
            at = end;
        } else if rest.starts_with(b"<![CDATA[") {
            let Some(end) = jump(b"]]>") else { return };
            let span = tag.saturating_add(9)..end.saturating_sub(3);
            if let Some(value) = bytes.get(span.clone())
                && !path.is_empty()
            {
                meet(Met::Text(Setting { path: &path, value, span }));
            }
            at = end;
        } else if rest.starts_with(b"<?") || rest.starts_with(b"<!") {
            let Some(end) = jump(b">") else { return };
            at = end;
        } else if rest.starts_with(b"</") {
            let Some(end) = jump(b">") else { return };
            path.pop();
            at = end;
        } else {
            let Some((name, attributes, end, is_empty)) = start_tag(bytes, tag) else { return };
            if path.len() >= DEPTH {
                return;
            }
            path.push(name);
            meet(Met::Start(&path, &attributes));
            if is_empty {
                path.pop();
            }
            at = end;
        }
    }
}

/// The value of one of the attributes.
pub(super) fn attribute(attributes: &[(&[u8], Range<usize>)], name: &str) -> Option<Range<usize>> {
    let found = attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, span)| span.clone())
}

type Attributes<'a> = Vec<(&'a [u8], Range<usize>)>;

/// Name, attributes, end, and whether it closes itself.
fn start_tag(bytes: &[u8], start: usize) -> Option<(&[u8], Attributes<'_>, usize, bool)> {
    let rest = bytes.get(start.checked_add(1)?..)?;
    let length = rest.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'))?;
    let name = local(rest.get(..length)?);
    let mut at = start.checked_add(1)?.checked_add(length)?;
    let mut attributes = Vec::new();
    loop {
        match bytes.get(at)? {
            b'>' => return Some((name, attributes, at.checked_add(1)?, false)),
            b'/' if bytes.get(at.checked_add(1)?) == Some(&b'>') => {
                return Some((name, attributes, at.checked_add(2)?, true));
            }
            byte if byte.is_ascii_whitespace() || *byte == b'/' => at = at.checked_add(1)?,
            _ => {
                let rest = bytes.get(at..)?;
                let length = rest.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'=' | b'>'))?;
                let key = local(rest.get(..length)?);
                let mut value = at.checked_add(length)?;
                while bytes.get(value)?.is_ascii_whitespace() {
                    value = value.checked_add(1)?;
                }
                if bytes.get(value) != Some(&b'=') {
                    at = value;
                    continue;
                }
                value = value.checked_add(1)?;
                while bytes.get(value)?.is_ascii_whitespace() {
                    value = value.checked_add(1)?;
                }
                let quote = *bytes.get(value)?;
                if !matches!(quote, b'"' | b'\'') {
                    at = value;
                    continue;
                }
                let first = value.checked_add(1)?;
                let length = memchr::memchr(quote, bytes.get(first..)?)?;
                let end = first.checked_add(length)?;
                if attributes.len() < ATTRIBUTES {
                    attributes.push((key, first..end));
                }
                at = end.checked_add(1)?;
            }
        }
    }
}

/// A name without its namespace.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = String::new();
        let join = |path: &[&[u8]]| path.iter().map(|p| String::from_utf8_lossy(p)).collect::<Vec<_>>().join("/");
        read(text.as_bytes(), &mut |met| match met {
            Met::Start(path, attributes) => {
                out += &format!("<{}", join(path));
                for (name, span) in attributes {
                    out += &format!(" {}={}", String::from_utf8_lossy(name), &text[span.clone()]);
                }
            }
            Met::Text(setting) => out += &format!("[{}]", String::from_utf8_lossy(setting.value)),
        });
        out
    }

    #[test]
    fn elements_are_met_in_order() {
        for (text, expected) in [
            ("<?xml?><a x='1' y = \"2\"><!-- n --><b>t</b><c/> u </a>", "<a x=1 y=2<a/b[t]<a/c[u]"),
            ("<p:a><![CDATA[<x>]]></p:a>", "<a[<x>]"),
            ("</a></b><c>t", "<c[t]"),
            ("<a b=>x</a>", "<a[x]"),
            ("<a ==b c='d'>x", "<a c=d[x]"),
            ("<a b='", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}

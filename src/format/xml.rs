//! Elements of XML documents (XML 1.0, fifth edition), one after the other; no DTD is read, no entity but the five of XML.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Elements inside one another; those of Maven and `NuGet` nest below 20.
const DEPTH: usize = 64;

/// Bytes of text taken of one element; the rest, which is prose, is dropped.
const TEXT: usize = 4_096;

/// What is met on the way through a document. The path leads from the root element to the one at hand, names without
/// their namespace.
pub enum Met<'a> {
    /// An element begins.
    Start(&'a [String], &'a BytesStart<'a>),
    /// An element ends; the text that stands in it directly, blanks around it dropped.
    End(&'a [String], &'a str),
}

/// Reads a document from its beginning to its end. What was met before an error is told all the same.
pub fn walk(bytes: &[u8], mut meet: impl FnMut(Met<'_>)) -> Result<(), String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // names and versions are ASCII in whatever encoding is declared; comments need not be
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let (mut path, mut texts): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if path.len() >= DEPTH {
                    return Err(format!("elements nest deeper than {DEPTH}"));
                }
                path.push(name_of(&start));
                texts.push(String::new());
                meet(Met::Start(&path, &start));
            }
            Event::Empty(start) => {
                path.push(name_of(&start));
                meet(Met::Start(&path, &start));
                meet(Met::End(&path, ""));
                path.pop();
            }
            Event::End(_) => {
                meet(Met::End(&path, texts.last().map(|text| text.trim()).unwrap_or_default()));
                path.pop();
                texts.pop();
            }
            Event::Text(part) => add(&mut texts, &part.xml10_content()),
            Event::CData(part) => add(&mut texts, &part.xml10_content()),
            Event::GeneralRef(entity) => {
                let sign = match entity.resolve_char_ref() {
                    Ok(Some(sign)) => Some(sign.to_string()),
                    _ => quick_xml::escape::resolve_predefined_entity(&entity.xml10_content()).map(str::to_owned),
                };
                add(&mut texts, &sign.unwrap_or_default());
            }
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err("it ends inside an element".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The value of an attribute, blanks around it dropped. `None` if it is missing, empty or broken.
pub fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    // looking for doubles takes the square of their number
    attributes.with_checks(false);
    let found = attributes.flatten().find(|attribute| attribute.key.as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn name_of(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn add(texts: &mut [String], part: &str) {
    if let Some(text) = texts.last_mut()
        && text.len().saturating_add(part.len()) <= TEXT
    {
        text.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (String, bool) {
        let mut out = String::new();
        let read = walk(text.as_bytes(), |met| match met {
            Met::Start(path, start) => {
                let a = attribute(start, "a").map(|a| format!("[{a}]")).unwrap_or_default();
                out.push_str(&format!("<{}{a}", path.join("/")));
            }
            Met::End(_, text) => out.push_str(&format!("={text}>")),
        });
        (out, read.is_ok())
    }

    #[test]
    fn elements_are_met_in_order() {
        let cases = [
            (
                "\u{feff}<a><b a=' x &amp; y '> t&lt;&#65;<![CDATA[<]]> </b><c/></a>",
                "<a<a/b[x & y]=t<A<><a/c=>=>",
                true,
            ),
            ("<p:a xmlns:p='u'><!-- no --><?no?>x</p:a>", "<a=x>", true),
            ("<!DOCTYPE a [<!ENTITY e 'boom'>]><a>&e;x</a>", "<a=x>", true),
            ("<a><b>x</b>", "<a<a/b=x>", false),
            ("<a></b>", "<a", false),
            ("", "", true),
        ];
        for (text, expected, is_whole) in cases {
            assert_eq!(shown(text), (expected.to_owned(), is_whole), "{text}");
        }
    }

    #[test]
    fn depth_and_texts_are_bounded() {
        assert!(shown(&"<a>".repeat(DEPTH + 1)).0.len() < 9_000);
        let long = format!("<a>{}<b/>x</a>", "y".repeat(TEXT + 1));
        assert_eq!(shown(&long), ("<a<a/b=>=x>".to_owned(), true));
    }
}

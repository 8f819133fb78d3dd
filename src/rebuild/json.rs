//! Edits of a JSON text (RFC 8259) by JSON pointer (RFC 6901) that leave every other byte as it was: order, spaces,
//! unknown and repeated keys, digits of numbers.
//!
//! Pointers always name places of the text as it was read: what is taken out or put in moves no index.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::escape::{escape, pointer_key};
use crate::size::ByteSize;

use super::Span;

/// Containers inside one another, as in `serde_json`.
const DEPTH: usize = 128;

/// Values and keys of one text; an index of ten thousand manifests has some 150,000.
const VALUES: usize = 500_000;

/// A JSON text that can be edited.
#[derive(Debug, Clone)]
pub struct Json {
    source: String,
    /// Blanks before the value.
    before: Range<usize>,
    root: Node,
    after: Range<usize>,
    is_changed: bool,
}

/// Bytes of the text as it was read, or new ones.
#[derive(Debug, Clone)]
enum Text {
    Old(Range<usize>),
    New(String),
}

#[derive(Debug, Clone)]
enum Node {
    /// A string, a number, `true`, `false` or `null`.
    Scalar(Text),
    Object(Vec<Slot>, Range<usize>),
    Array(Vec<Slot>, Range<usize>),
}

/// A member of an object or an element of a list. The comma behind it is not kept: it follows from the others.
#[derive(Debug, Clone)]
struct Slot {
    /// Blanks before it.
    before: Text,
    /// The key with its quotes, and what stands between it and the value: a colon and blanks.
    key: Option<(Text, Text)>,
    value: Node,
    /// Blanks between it and the comma.
    after: Text,
    is_removed: bool,
}

impl Json {
    /// Reads a text of at most `most` bytes; `what` names it in errors.
    pub fn parse(bytes: &[u8], most: ByteSize, what: &str) -> Result<Self> {
        if bytes.len() as u64 > most.bytes() {
            return Err(Error::limit(format!("{what} is larger than {most}")));
        }
        let malformed = || Error::malformed(format!("{what} is no JSON text"));
        let source = std::str::from_utf8(bytes).map_err(|e| malformed().because(e))?;
        // after this, what follows may rely on the grammar, but not on the depth
        serde_json::from_str::<serde::de::IgnoredAny>(source).map_err(|e| malformed().because(e))?;
        let mut reader = Reader { text: source, at: 0, values: 0 };
        let before = reader.blanks();
        let root = reader.value(0).map_err(|e| Error::limit(format!("{what} {e}")))?;
        let after = reader.blanks();
        Ok(Self { source: source.to_owned(), before, root, after, is_changed: false })
    }

    /// Whether anything was changed since it was read.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The text with all edits.
    pub fn text(&self) -> String {
        if !self.is_changed {
            return self.source.clone();
        }
        let mut out = String::with_capacity(self.source.len());
        out.push_str(self.old(&self.before));
        self.write(&self.root, &mut out);
        out.push_str(self.old(&self.after));
        out
    }

    /// The value at `pointer`, edits included.
    pub fn get(&self, pointer: &str) -> Option<Value> {
        let mut out = String::new();
        self.write(self.find(pointer)?, &mut out);
        serde_json::from_str(&out).ok()
    }

    /// The string at `pointer`.
    pub fn string(&self, pointer: &str) -> Option<String> {
        match self.find(pointer)? {
            Node::Scalar(text) => serde_json::from_str(self.slice(text)).ok(),
            _ => None,
        }
    }

    /// How many elements the list at `pointer` had when it was read, those put in since not counted out.
    pub fn len(&self, pointer: &str) -> Option<usize> {
        match self.find(pointer)? {
            Node::Array(slots, _) => Some(slots.len()),
            _ => None,
        }
    }

    /// Puts `value` at `pointer`, in the place of what is there, or as a new last member or element (`-`). Objects
    /// that are missing or `null` on the way are made. Of a key given twice, the last one counts.
    pub fn set(&mut self, pointer: &str, value: &Value) -> Result<()> {
        let parts = split(pointer).ok_or_else(|| no_place(pointer))?;
        let made = made(value);
        let source = &self.source;
        let mut node = &mut self.root;
        for part in &parts {
            if is_null(node, source) {
                *node = Node::Object(Vec::new(), 0..0);
            }
            node = match node {
                Node::Object(slots, _) => {
                    let found = slots.iter().rposition(|slot| !slot.is_removed && slot.has_key(part, source));
                    let place = found.unwrap_or_else(|| {
                        let model = slots.first().map(|first| (first.before.clone(), first.key.clone()));
                        let (before, key) = model.unwrap_or((Text::New(String::new()), None));
                        let between = key.map_or_else(|| Text::New(":".into()), |(_, between)| between);
                        let name = Text::New(Value::from(part.as_str()).to_string());
                        let value = Node::Scalar(Text::New("null".into()));
                        slots.push(Slot::new(before, Some((name, between)), value));
                        slots.len().saturating_sub(1)
                    });
                    slots.get_mut(place).map(|slot| &mut slot.value)
                }
                Node::Array(slots, _) => {
                    let place = if part == "-" {
                        let before = slots.first().map_or_else(|| Text::New(String::new()), |s| s.before.clone());
                        slots.push(Slot::new(before, None, Node::Scalar(Text::New("null".into()))));
                        Some(slots.len().saturating_sub(1))
                    } else {
                        index(part)
                    };
                    let slot = place.and_then(|place| slots.get_mut(place)).filter(|slot| !slot.is_removed);
                    slot.map(|slot| &mut slot.value)
                }
                Node::Scalar(_) => None,
            }
            .ok_or_else(|| no_place(pointer))?;
        }
        *node = made;
        self.is_changed = true;
        Ok(())
    }

    /// Takes the member or element at `pointer` out, of a key given twice both; whether there was one.
    pub fn remove(&mut self, pointer: &str) -> Result<bool> {
        let (parent, last) = pointer.rsplit_once('/').ok_or_else(|| no_place(pointer))?;
        let last = pointer_key(last);
        let source = std::mem::take(&mut self.source);
        let mut is_found = false;
        match find_mut(&mut self.root, parent, &source) {
            Some(Node::Object(slots, _)) => {
                for slot in slots.iter_mut().filter(|slot| !slot.is_removed && slot.has_key(&last, &source)) {
                    slot.is_removed = true;
                    is_found = true;
                }
            }
            Some(Node::Array(slots, _)) => {
                if let Some(slot) = index(&last).and_then(|place| slots.get_mut(place)).filter(|s| !s.is_removed) {
                    slot.is_removed = true;
                    is_found = true;
                }
            }
            _ => {}
        }
        self.source = source;
        self.is_changed |= is_found;
        Ok(is_found)
    }

    /// Puts `with` in the place of each of `spans` of the string at `pointer`; spans count the bytes of the string
    /// after its escapes are undone, and grow to whole characters. Other characters stay as they are written. The
    /// answer is what went.
    pub fn redact(&mut self, pointer: &str, spans: &[Span], with: &str) -> Result<Vec<String>> {
        let no_string = || Error::malformed(format!("there is no string at `{}`", escape(pointer)));
        let source = std::mem::take(&mut self.source);
        let result = (|| {
            let Some(Node::Scalar(text)) = find_mut(&mut self.root, pointer, &source) else { return Err(no_string()) };
            let raw = match &*text {
                Text::Old(range) => source.get(range.clone()).unwrap_or_default(),
                Text::New(text) => text.as_str(),
            };
            let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).ok_or_else(no_string)?;
            let (new, gone) = redacted(inner, spans, with)
                .ok_or_else(|| Error::malformed(format!("the string at `{}` is not as planned", escape(pointer))))?;
            *text = Text::New(format!("\"{new}\""));
            Ok(gone)
        })();
        self.source = source;
        self.is_changed |= result.is_ok();
        result
    }

    /// Keys of the object at `pointer`, escapes undone, in order.
    pub fn keys(&self, pointer: &str) -> Vec<String> {
        let Some(Node::Object(slots, _)) = self.find(pointer) else { return Vec::new() };
        let present = slots.iter().filter(|slot| !slot.is_removed);
        present.filter_map(|slot| serde_json::from_str(self.slice(&slot.key.as_ref()?.0)).ok()).collect()
    }

    fn find(&self, pointer: &str) -> Option<&Node> {
        let mut node = &self.root;
        for part in split(pointer)? {
            node = match node {
                Node::Object(slots, _) => {
                    let slot = slots.iter().rev().find(|slot| !slot.is_removed && slot.has_key(&part, &self.source))?;
                    &slot.value
                }
                Node::Array(slots, _) => &slots.get(index(&part)?).filter(|slot| !slot.is_removed)?.value,
                Node::Scalar(_) => return None,
            };
        }
        Some(node)
    }

    fn old(&self, range: &Range<usize>) -> &str {
        self.source.get(range.clone()).unwrap_or_default()
    }

    fn slice<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Old(range) => self.old(range),
            Text::New(text) => text,
        }
    }

    fn write(&self, node: &Node, out: &mut String) {
        let (slots, tail, [open, close]) = match node {
            Node::Scalar(text) => return out.push_str(self.slice(text)),
            Node::Object(slots, tail) => (slots, tail, ['{', '}']),
            Node::Array(slots, tail) => (slots, tail, ['[', ']']),
        };
        out.push(open);
        let mut is_first = true;
        for slot in slots.iter().filter(|slot| !slot.is_removed) {
            if !is_first {
                out.push(',');
            }
            is_first = false;
            out.push_str(self.slice(&slot.before));
            if let Some((key, between)) = &slot.key {
                out.push_str(self.slice(key));
                out.push_str(self.slice(between));
            }
            self.write(&slot.value, out);
            out.push_str(self.slice(&slot.after));
        }
        out.push_str(self.old(tail));
        out.push(close);
    }
}

impl Slot {
    fn new(before: Text, key: Option<(Text, Text)>, value: Node) -> Self {
        Self { before, key, value, after: Text::New(String::new()), is_removed: false }
    }

    fn has_key(&self, name: &str, source: &str) -> bool {
        let Some((key, _)) = &self.key else { return false };
        let raw = match key {
            Text::Old(range) => source.get(range.clone()).unwrap_or_default(),
            Text::New(text) => text,
        };
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => plain == name,
            _ => serde_json::from_str::<String>(raw).is_ok_and(|key| key == name),
        }
    }
}

fn find_mut<'a>(root: &'a mut Node, pointer: &str, source: &str) -> Option<&'a mut Node> {
    let mut node = root;
    for part in split(pointer)? {
        node = match node {
            Node::Object(slots, _) => {
                &mut slots.iter_mut().rev().find(|slot| !slot.is_removed && slot.has_key(&part, source))?.value
            }
            Node::Array(slots, _) => &mut slots.get_mut(index(&part)?).filter(|slot| !slot.is_removed)?.value,
            Node::Scalar(_) => return None,
        };
    }
    Some(node)
}

fn no_place(pointer: &str) -> Error {
    Error::malformed(format!("the document has no place `{}`", escape(pointer)))
}

fn is_null(node: &Node, source: &str) -> bool {
    match node {
        Node::Scalar(Text::Old(range)) => source.get(range.clone()) == Some("null"),
        Node::Scalar(Text::New(text)) => text == "null",
        _ => false,
    }
}

/// The parts of a pointer, escapes undone; none of the pointer to the whole.
fn split(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    Some(pointer.strip_prefix('/')?.split('/').map(pointer_key).collect())
}

fn index(part: &str) -> Option<usize> {
    let is_plain = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    is_plain.then(|| part.parse().ok())?
}

/// The tree of a new value, without blanks.
fn made(value: &Value) -> Node {
    let none = || Text::New(String::new());
    match value {
        Value::Object(members) => {
            let slot = |(key, value): (&String, &Value)| {
                let key = (Text::New(Value::from(key.as_str()).to_string()), Text::New(":".into()));
                Slot::new(none(), Some(key), made(value))
            };
            Node::Object(members.iter().map(slot).collect(), 0..0)
        }
        Value::Array(items) => {
            Node::Array(items.iter().map(|value| Slot::new(none(), None, made(value))).collect(), 0..0)
        }
        scalar => Node::Scalar(Text::New(scalar.to_string())),
    }
}

/// The inside of a string with `with` in place of spans, and what those held; `None` where a span lies outside.
fn redacted(inner: &str, spans: &[Span], with: &str) -> Option<(String, Vec<String>)> {
    let with = Value::from(with).to_string();
    let with = with.get(1..with.len().checked_sub(1)?)?;
    let mut wanted: Vec<(u64, u64)> = Vec::new();
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    for span in sorted.iter().filter(|span| span.length > 0) {
        let end = span.offset.checked_add(span.length)?;
        match wanted.last_mut() {
            Some(last) if span.offset <= last.1 => last.1 = last.1.max(end),
            _ => wanted.push((span.offset, end)),
        }
    }
    let (mut out, mut gone) = (String::new(), Vec::new());
    let mut wanted = wanted.into_iter().peekable();
    let mut current: Option<String> = None;
    let mut offset: u64 = 0;
    let mut rest = inner;
    while let Some((raw, character)) = next_character(rest) {
        rest = rest.get(raw.len()..)?;
        let end = offset.checked_add(character.len_utf8() as u64)?;
        let is_inside = wanted.peek().is_some_and(|(from, _)| *from < end);
        if is_inside {
            current.get_or_insert_with(String::new).push(character);
        } else {
            out.push_str(raw);
        }
        while wanted.peek().is_some_and(|(_, to)| *to <= end) {
            wanted.next();
            if let Some(text) = current.take() {
                gone.push(text);
                out.push_str(with);
            }
        }
        offset = end;
    }
    (wanted.next().is_none() && rest.is_empty()).then_some((out, gone))
}

/// A character as it is written, and itself.
fn next_character(text: &str) -> Option<(&str, char)> {
    let first = text.chars().next()?;
    if first != '\\' {
        return Some((text.get(..first.len_utf8())?, first));
    }
    let length = match text.as_bytes().get(1)? {
        b'u' => {
            let unit = u16::from_str_radix(text.get(2..6)?, 16).ok()?;
            if (0xd800..0xdc00).contains(&unit) { 12 } else { 6 }
        }
        _ => 2,
    };
    let raw = text.get(..length)?;
    let character: String = serde_json::from_str(&format!("\"{raw}\"")).ok()?;
    Some((raw, character.chars().next()?))
}

/// Walks a text that is known to follow the grammar.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn blanks(&mut self) -> Range<usize> {
        let start = self.at;
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.step();
        }
        start..self.at
    }

    fn value(&mut self, depth: usize) -> Result<Node, String> {
        self.values = self.values.saturating_add(1);
        if self.values > VALUES {
            return Err(format!("has more than {VALUES} values"));
        }
        if depth >= DEPTH {
            return Err(format!("nests deeper than {DEPTH}"));
        }
        let open = self.peek();
        match open {
            b'{' | b'[' => {
                self.step();
                let mut slots = Vec::new();
                loop {
                    let before = self.blanks();
                    if matches!(self.peek(), b'}' | b']' | 0) {
                        self.step();
                        return Ok(container(open, slots, before));
                    }
                    let key = (open == b'{').then(|| {
                        let key = self.string();
                        let start = self.at;
                        self.blanks();
                        self.step();
                        self.blanks();
                        (Text::Old(key), Text::Old(start..self.at))
                    });
                    let value = self.value(depth.saturating_add(1))?;
                    let after = self.blanks();
                    let is_last = self.peek() != b',';
                    let (own, tail) = if is_last { (after.end..after.end, after) } else { (after, 0..0) };
                    slots.push(Slot {
                        before: Text::Old(before),
                        key,
                        value,
                        after: Text::Old(own),
                        is_removed: false,
                    });
                    self.step();
                    if is_last {
                        return Ok(container(open, slots, tail));
                    }
                }
            }
            b'"' => Ok(Node::Scalar(Text::Old(self.string()))),
            _ => {
                let start = self.at;
                while !matches!(self.peek(), b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' | 0) {
                    self.step();
                }
                Ok(Node::Scalar(Text::Old(start..self.at)))
            }
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        self.step();
        loop {
            match self.peek() {
                b'\\' => {
                    self.step();
                    self.step();
                }
                b'"' | 0 => {
                    self.step();
                    return start..self.at.min(self.text.len());
                }
                _ => self.step(),
            }
        }
    }
}

fn container(open: u8, slots: Vec<Slot>, tail: Range<usize>) -> Node {
    if open == b'{' { Node::Object(slots, tail) } else { Node::Array(slots, tail) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Json {
        Json::parse(text.as_bytes(), ByteSize::mib(1), "the text").expect(text)
    }

    #[test]
    fn edits_leave_all_else_as_it_was() {
        type Change = fn(&mut Json) -> Result<()>;
        let cases: &[(&str, Change, &str)] = &[
            ("{\"b\" : 1.50 ,\n\"a\":1e2}\n", |j| j.set("/a", &json!("x")), "{\"b\" : 1.50 ,\n\"a\":\"x\"}\n"),
            ("{\"a\":1}", |j| j.set("/b/c", &json!([1])), "{\"a\":1,\"b\":{\"c\":[1]}}"),
            ("{\n  \"a\": 1\n}", |j| j.set("/b", &json!(2)), "{\n  \"a\": 1,\n  \"b\": 2\n}"),
            ("{\"a\":null}", |j| j.set("/a/b", &json!(true)), "{\"a\":{\"b\":true}}"),
            ("{}", |j| j.set("/a~1b~0c", &json!(1)), "{\"a/b~c\":1}"),
            ("[1, 2]", |j| j.set("/-", &json!(3)), "[1, 2,3]"),
            ("[]", |j| j.set("/-", &json!(3)), "[3]"),
            ("{\"a\":1,\"a\":2}", |j| j.set("/a", &json!(3)), "{\"a\":1,\"a\":3}"),
            ("{\"a\":1,\"b\":0,\"a\":2}", |j| j.remove("/a").map(drop), "{\"b\":0}"),
            ("{\"\\u0061\":1,\"b\":0}", |j| j.remove("/a").map(drop), "{\"b\":0}"),
            ("[ 1 , 2 , 3 ]", |j| j.remove("/2").and(j.remove("/0")).map(drop), "[ 2  ]"),
            ("{ \"a\" : [ 1 ] }", |j| j.remove("/a/0").map(drop), "{ \"a\" : [ ] }"),
            ("{\"a\":{\"b\":1}}", |j| j.remove("/a/c").map(drop), "{\"a\":{\"b\":1}}"),
        ];
        for (text, change, expected) in cases {
            let mut json = read(text);
            change(&mut json).expect(text);
            assert_eq!(json.text(), *expected, "{text}");
        }
        for (text, pointer) in [("{\"a\":1}", "/a/b"), ("[1]", "/1"), ("[1]", "/01"), ("{}", "a"), ("[1]", "/x")] {
            assert!(read(text).set(pointer, &json!(0)).is_err(), "{text} {pointer}");
        }
    }

    #[test]
    fn parts_of_strings_are_replaced_with_their_escapes() {
        // the string, spans, what it becomes, what went
        type Case<'a> = (&'a str, &'a [(u64, u64)], Option<(&'a str, &'a [&'a str])>);
        let cases: &[Case<'_>] = &[
            ("pw=abc end", &[(3, 3)], Some(("pw=[R] end", &["abc"]))),
            (r"\u003cabc\u003e\/", &[(1, 3)], Some((r"\u003c[R]\u003e\/", &["abc"]))),
            (r"a\tb\nc", &[(1, 1), (3, 1)], Some((r"a[R]b[R]c", &["\t", "\n"]))),
            (r"x\ud83d\ude00y", &[(2, 1)], Some((r"x[R]y", &["\u{1f600}"]))),
            ("aäb", &[(2, 2)], Some(("a[R]", &["äb"]))),
            ("abcdef", &[(0, 2), (2, 2), (1, 2)], Some(("[R]ef", &["abcd"]))),
            ("abc", &[(0, 3)], Some(("[R]", &["abc"]))),
            ("abc", &[(1, 0)], Some(("abc", &[]))),
            ("abc", &[(2, 2)], None),
            ("abc", &[(u64::MAX, 2)], None),
        ];
        for (inner, spans, expected) in cases {
            let spans: Vec<Span> =
                spans.iter().map(|(offset, length)| Span { offset: *offset, length: *length }).collect();
            let mut json = read(&format!("{{\"a\": [\"{inner}\", 1]}}"));
            let gone = json.redact("/a/0", &spans, "[R]").ok();
            assert_eq!(gone.is_some(), expected.is_some(), "{inner}");
            let Some(((new, parts), gone)) = expected.zip(gone) else { continue };
            assert_eq!(json.text(), format!("{{\"a\": [\"{new}\", 1]}}"), "{inner}");
            assert_eq!(gone, parts, "{inner}");
        }
        assert!(read("{\"a\":1}").redact("/a", &[], "x").is_err());
        assert!(read("{\"a\":1}").redact("/b", &[], "x").is_err());
    }

    #[test]
    fn what_is_too_large_or_no_json_is_refused() {
        let parse = |text: &str| Json::parse(text.as_bytes(), ByteSize::mib(4), "it");
        assert!(parse(&"[".repeat(200)).is_err());
        assert!(parse(&format!("{}{}", "[".repeat(200), "]".repeat(200))).is_err());
        assert!(parse(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).is_ok());
        assert!(parse(&format!("[{}0]", "0,".repeat(VALUES))).is_err());
        for bad in ["", "{", "{\"a\"}", "[1,]", "01", "\"\u{1}\"", "{} x", "[\"\0\"]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Json::parse(b"\"\xff\"", ByteSize::mib(1), "it").is_err());
        assert!(Json::parse(b"[1, 2]", ByteSize(3), "it").is_err());
    }

    /// A text of a value with blanks strewn in.
    fn print(value: &Value, blank: &mut dyn FnMut(&mut String), out: &mut String) {
        let is_object = value.is_object();
        let items: Vec<(Option<&String>, &Value)> = match value {
            Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
            Value::Object(members) => members.iter().map(|(key, item)| (Some(key), item)).collect(),
            scalar => return out.push_str(&scalar.to_string()),
        };
        out.push(if is_object { '{' } else { '[' });
        for (place, (key, item)) in items.into_iter().enumerate() {
            out.push_str(if place > 0 { "," } else { "" });
            blank(out);
            if let Some(key) = key {
                out.push_str(&Value::from(key.as_str()).to_string());
                blank(out);
                out.push(':');
                blank(out);
            }
            print(item, blank, out);
            blank(out);
        }
        out.push(if is_object { '}' } else { ']' });
    }

    fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
        let mut below = |key: &str, value: &Value| {
            let pointer = format!("{at}/{}", crate::escape::pointer_part(key));
            out.push(pointer.clone());
            pointers(value, &pointer, out);
        };
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| below(&i.to_string(), item)),
            Value::Object(members) => members.iter().for_each(|(key, item)| below(key, item)),
            _ => {}
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~\u{e4}\u{1f600}\n\"\\\\/]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c~/ \u{e4}\"]{0,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn edited_texts_are_edited_values(
            value in value(), blanks in prop::collection::vec(any::<u8>(), 0..200), choice in any::<prop::sample::Index>(),
            is_removal in any::<bool>(),
        ) {
            let mut text = String::new();
            let mut blanks = blanks.into_iter();
            let mut blank = |out: &mut String| out.push_str(["", "", " ", "\n\t"][usize::from(blanks.next().unwrap_or(0) % 4)]);
            print(&value, &mut blank, &mut text);
            let mut json = read(&text);
            prop_assert_eq!(json.text(), text.clone());
            let mut all = Vec::new();
            pointers(&value, "", &mut all);
            prop_assume!(!all.is_empty());
            let pointer = choice.get(&all);
            let mut expected = value.clone();
            if is_removal {
                prop_assert!(json.remove(pointer).expect("a place"));
                let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
                match expected.pointer_mut(parent) {
                    Some(Value::Object(members)) => drop(members.remove(&pointer_key(last))),
                    Some(Value::Array(items)) => drop(items.remove(last.parse().expect("an index"))),
                    _ => {}
                }
                let new = json.text();
                let same = |one: &mut dyn Iterator<Item = (u8, u8)>| one.take_while(|(a, b)| a == b).count();
                let front = same(&mut text.bytes().zip(new.bytes()));
                let back = same(&mut text.bytes().rev().zip(new.bytes().rev()));
                prop_assert!(front + back >= new.len(), "{} {}", text, new);
            } else {
                json.set(pointer, &json!("MARK")).expect("a place");
                *expected.pointer_mut(pointer).expect("there") = json!("MARK");
                let new = json.text();
                let (front, back) = new.split_once("\"MARK\"").expect("there");
                prop_assert!(text.starts_with(front) && text.ends_with(back));
                let old = &text[front.len()..text.len() - back.len()];
                let old: Option<Value> = serde_json::from_str(old).ok();
                prop_assert_eq!(old.as_ref(), value.pointer(pointer));
            }
            prop_assert_eq!(serde_json::from_str::<Value>(&json.text()).expect("JSON"), expected);
        }
    }
}

//! YAML and TOML as one tree whose nodes know their lines (YAML 1.2, TOML 1.1).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

use crate::escape::escape;

/// Nodes of one file, and how deep they may lie.
const MOST_NODES: usize = 100_000;
const DEEPEST: usize = 16;

/// A value and the line on which it begins, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What a node is. Numbers, truth values and days are texts as they were written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    /// The value under `key`, where this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The text under `key`, unless it is empty.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text().filter(|text| !text.is_empty())
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text.trim()),
            _ => None,
        }
    }

    /// Keys and values of a table.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entries of a list; anything else is one of its own, and nothing is none.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Nothing => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The entries of the list under `key`.
    pub(super) fn items_of(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::items).unwrap_or_default()
    }

    /// Whether the text under `key` says `true`, in the ways of YAML.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.text_of(key).is_some_and(|text| ["true", "yes", "on"].iter().any(|word| text.eq_ignore_ascii_case(word)))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }
}

/// Reads one document of YAML; what is wrong comes with its line.
pub(super) fn yaml(text: &str) -> Result<Node, (usize, String)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MOST_NODES.saturating_mul(2),
            max_nodes: MOST_NODES,
            max_depth: DEEPEST,
            max_documents: 1,
            max_anchors: 16,
            max_aliases: 64,
        },
        with_snippet: false,
    };
    let mut documents: Vec<Spanned<Shape>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
            let line = error.location().map_or(1, |location| count(location.line()));
            let shown = error.to_string();
            (line, format!("this is no YAML: {}", escape(shown.lines().next().unwrap_or_default())))
        })?;
    let top = documents.pop().map(|shape| node(shape, text));
    Ok(top.unwrap_or(Node { line: 1, value: Value::Nothing }))
}

/// Reads TOML; what is wrong comes with its line.
pub(super) fn toml(text: &str) -> Result<Node, (usize, String)> {
    let line_ends: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
    let line = |offset: usize| line_ends.partition_point(|end| *end < offset).saturating_add(1);
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(1, |span| line(span.start));
        (at, format!("this is no TOML: {}", escape(error.message())))
    })?;
    Ok(Node { line: 1, value: table(document.get_ref(), &line, DEEPEST) })
}

fn table(table: &DeTable<'_>, line: &dyn Fn(usize) -> usize, depth: usize) -> Value {
    let mut entries: Vec<(usize, String, Node)> = table
        .iter()
        .map(|(key, value)| {
            let at = key.span().start;
            (
                at,
                key.get_ref().to_string(),
                Node { line: line(value.span().start), value: of_toml(value.get_ref(), line, depth) },
            )
        })
        .collect();
    entries.sort_by_key(|(at, ..)| *at);
    Value::Table(entries.into_iter().map(|(_, key, node)| (key, node)).collect())
}

fn of_toml(value: &DeValue<'_>, line: &dyn Fn(usize) -> usize, depth: usize) -> Value {
    let Some(below) = depth.checked_sub(1) else { return Value::Nothing };
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Text(truth.to_string()),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node { line: line(item.span().start), value: of_toml(item.get_ref(), line, below) })
                .collect(),
        ),
        DeValue::Table(inner) => table(inner, line, below),
    }
}

/// A value of YAML as serde hands it out.
enum Shape {
    Nothing,
    Text(String),
    /// A number or a truth value, whose spelling (`1.10`) stands in the source only.
    Plain(String),
    List(Vec<Spanned<Self>>),
    Table(Vec<(String, Spanned<Self>)>),
}

fn node(shape: Spanned<Shape>, source: &str) -> Node {
    let line = count(shape.referenced.line());
    let value = match shape.value {
        Shape::Nothing => Value::Nothing,
        Shape::Text(text) => Value::Text(text),
        Shape::Plain(text) => {
            let span = shape.defined.span();
            let range = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
                let start = usize::try_from(start).ok()?;
                source.get(start..start.checked_add(usize::try_from(length).ok()?)?)
            });
            Value::Text(range.map_or(text, |written| written.trim().to_owned()))
        }
        Shape::List(items) => Value::List(items.into_iter().map(|item| node(item, source)).collect()),
        Shape::Table(entries) => {
            Value::Table(entries.into_iter().map(|(key, value)| (key, node(value, source))).collect())
        }
    };
    Node { line, value }
}

fn count(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX).max(1)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape)
    }
}

struct AnyShape;

impl<'de> Visitor<'de> for AnyShape {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Nothing)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        Shape::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Shape::Table(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &Node) -> String {
        let value = match &node.value {
            Value::Nothing => "~".to_owned(),
            Value::Text(text) => text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
            Value::Table(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{key}={}", shown(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
        };
        format!("{}:{value}", node.line)
    }

    #[test]
    fn nodes_know_their_lines_and_spellings() {
        let cases = [
            ("a: 1.10\nb:\n  - x\n  - y: 'z'\n", "1:{a=1:1.10 b=3:[3:x 4:{y=4:z}]}"),
            ("day: 2027-01-02\nno: ~\non: yes\nhex: 0x10\n", "1:{day=1:2027-01-02 no=2:~ on=3:yes hex=4:0x10}"),
            ("a: &x [1]\nb: *x\n", "1:{a=1:[1:1] b=2:[2:1]}"),
            ("", "1:~"),
        ];
        for (text, expected) in cases {
            assert_eq!(yaml(text).map(|node| shown(&node)).as_deref(), Ok(expected), "{text}");
        }
        let text = "b = 1.10\na = [\n  'x',\n  { y = true },\n]\n[t]\nday = 2027-01-02\n";
        assert_eq!(
            toml(text).map(|node| shown(&node)).as_deref(),
            Ok("1:{b=1:1.10 a=2:[3:x 4:{y=4:true}] t=6:{day=7:2027-01-02}}")
        );
    }

    #[test]
    fn what_is_too_deep_too_much_or_wrong_is_refused() {
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        let bomb = "a: &a [x, x, x, x, x, x, x, x]\n".to_owned()
            + &('b'..='h')
                .map(|c| format!("{c}: &{c} [{}]\n", format!("*{}, ", (c as u8 - 1) as char).repeat(9)))
                .collect::<String>();
        for text in [deep.as_str(), &bomb, "a: [", "a: b: c", "- a\n--- \n- b\n"] {
            assert!(yaml(text).is_err(), "{text}");
        }
        assert_eq!(yaml("a: 1\nb: [\n").expect_err("no YAML").0, 2);
        assert_eq!(toml("a = 1\nb = \n").expect_err("no TOML").0, 2);
        assert!(toml(&format!("a = {}{}", "[".repeat(500), "]".repeat(500))).is_err());
    }
}

//! Texts of a configuration that nothing uses: `container_config`, keys of builders, the author of a step.
//!
//! They ship with the image as everything else does, so they are kept for the search for secrets.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::escape::pointer_part;

/// Most texts kept; real configurations have a few dozen.
const MOST_TEXTS: usize = 100_000;

/// How deep values may nest to be looked at.
const DEEPEST: usize = 64;

/// Longest place that is kept, in bytes.
const LONGEST_PLACE: usize = 256;

/// Longest pointer that is kept, in bytes.
const LONGEST_POINTER: usize = 4_096;

/// The texts of a configuration that are in no field of [`super::ImageConfig`] where secrets are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// The texts, in the order of the document.
    pub texts: Vec<Text>,
    /// Whether there were more, or deeper ones, than are kept.
    pub is_cut: bool,
}

/// One text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The build step it belongs to, if any.
    pub step: Option<u32>,
    /// Its keys, as in `container_config.Env[2]`; those of `config`, and of a step, without what holds them.
    pub place: String,
    /// Its JSON pointer in the document (RFC 6901); empty where that is longer than 4,096 bytes.
    pub pointer: String,
    /// The key right before it; empty in a list.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Texts {
    /// Takes the texts of a document that is known to parse.
    pub(super) fn of(document: &[u8]) -> Self {
        let mut texts = Self::default();
        let (mut place, mut keys) = (String::new(), Vec::new());
        let root = Walk {
            texts: &mut texts,
            place: &mut place,
            keys: &mut keys,
            name: "",
            at: At::Root,
            step: None,
            depth: 0,
        };
        // numbers that no number type holds stop this walk, but not the parsing of known fields
        if root.deserialize(&mut serde_json::Deserializer::from_slice(document)).is_err() {
            texts.is_cut = true;
        }
        texts
    }
}

/// Which object is walked, as far as it has fields that are looked at elsewhere.
#[derive(Debug, Clone, Copy)]
enum At {
    Root,
    Container,
    Healthcheck,
    History,
    Step,
    RootFs,
    Other,
}

impl At {
    /// What is at `key`; `None` where its texts are searched, or of a form that holds no secret.
    fn below(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Root, "config") => Some(Self::Container),
            (Self::Root, "history") => Some(Self::History),
            (Self::Root, "rootfs") => Some(Self::RootFs),
            (Self::Container, "Healthcheck") => Some(Self::Healthcheck),
            (Self::Root, "author")
            // not the labels: of a key that stands there twice, the first value is in no field
            | (Self::Container, "Env" | "Entrypoint" | "Cmd" | "OnBuild" | "Shell")
            | (Self::Healthcheck, "Test")
            | (Self::Step, "created_by" | "comment")
            | (Self::RootFs, "diff_ids") => None,
            _ => Some(Self::Other),
        }
    }
}

/// Walks a value and keeps its texts.
struct Walk<'a> {
    texts: &'a mut Texts,
    /// The keys so far; as it was, when the walk returns.
    place: &'a mut String,
    /// All of them, list indices too.
    keys: &'a mut Vec<String>,
    name: &'a str,
    at: At,
    step: Option<u32>,
    depth: usize,
}

impl Walk<'_> {
    fn keep(self, text: String) {
        if text.is_empty() {
            return;
        }
        if self.texts.texts.len() >= MOST_TEXTS {
            self.texts.is_cut = true;
            return;
        }
        let (place, name) = (self.place.clone(), self.name.to_owned());
        let length: usize = self.keys.iter().map(String::len).sum();
        let pointer = if length > LONGEST_POINTER { String::new() } else { pointer(self.keys) };
        self.texts.texts.push(Text { step: self.step, place, pointer, name, text });
    }

    /// The walk of a value below: at `key`, or at `index` of a list.
    fn below<'b>(&'b mut self, key: &'b str, at: At, step: Option<u32>) -> Walk<'b> {
        Walk {
            texts: self.texts,
            place: self.place,
            keys: self.keys,
            name: key,
            at,
            step,
            depth: self.depth.saturating_add(1),
        }
    }
}

/// The JSON pointer of these keys.
fn pointer(keys: &[String]) -> String {
    keys.iter().map(|key| format!("/{}", pointer_part(key))).collect()
}

/// Adds `part` to a place, as far as there is room.
fn extend(place: &mut String, part: &str) {
    let room = LONGEST_PLACE.saturating_sub(place.len());
    place.push_str(part.get(..part.floor_char_boundary(room)).unwrap_or_default());
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > DEEPEST {
            self.texts.is_cut = true;
            return IgnoredAny::deserialize(deserializer).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let length = self.place.len();
        while let Some(key) = map.next_key::<String>()? {
            let Some(at) = self.at.below(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if !matches!(at, At::Container | At::History) {
                if length > 0 {
                    extend(self.place, ".");
                }
                extend(self.place, &key);
            }
            let step = self.step;
            self.keys.push(key.clone());
            map.next_value_seed(self.below(&key, at, step))?;
            self.keys.pop();
            self.place.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let length = self.place.len();
        let mut index = 0_u32;
        loop {
            let is_history = matches!(self.at, At::History);
            let (at, step) = if is_history { (At::Step, Some(index)) } else { (At::Other, self.step) };
            if !is_history {
                extend(self.place, &format!("[{index}]"));
            }
            self.keys.push(index.to_string());
            let next = list.next_element_seed(self.below("", at, step))?;
            self.keys.pop();
            self.place.truncate(length);
            if next.is_none() {
                return Ok(());
            }
            index = index.saturating_add(1);
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.keep(text.to_owned());
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_no_known_field_are_kept() {
        let document = r#"{
            "author": "known", "os": "linux", "docker_version": "",
            "config": {"Env": ["known"], "WorkingDir": "/app", "Labels": {"a": "first", "a": "last"},
                       "Healthcheck": {"Test": ["known"], "Note": "odd"}, "Hostname": null, "Tty": true},
            "container_config": {"Env": ["A=1", "B=2"], "Deep": {"x": 1.5}},
            "history": [{"created_by": "known", "comment": "known"}, {"author": "me", "more": {"x": ["y"]}}],
            "rootfs": {"type": "layers", "diff_ids": ["known"]}
        }"#;
        let texts = Texts::of(document.as_bytes());
        let shown: Vec<(Option<u32>, &str, &str, &str)> = texts
            .texts
            .iter()
            .map(|text| (text.step, text.place.as_str(), text.name.as_str(), text.text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (None, "os", "os", "linux"),
                (None, "WorkingDir", "WorkingDir", "/app"),
                (None, "Labels.a", "a", "first"),
                (None, "Labels.a", "a", "last"),
                (None, "Healthcheck.Note", "Note", "odd"),
                (None, "container_config.Env[0]", "", "A=1"),
                (None, "container_config.Env[1]", "", "B=2"),
                (Some(1), "author", "author", "me"),
                (Some(1), "more.x[0]", "", "y"),
                (None, "rootfs.type", "type", "layers"),
            ]
        );
        assert!(!texts.is_cut);
        let pointers: Vec<&str> = texts.texts.iter().map(|text| text.pointer.as_str()).collect();
        assert_eq!(pointers[1..3], ["/config/WorkingDir", "/config/Labels/a"]);
        assert_eq!(pointers[6..9], ["/container_config/Env/1", "/history/1/author", "/history/1/more/x/0"]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_told() {
        let nested = |depth: usize| format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
        let many = |count: usize| format!("[{}\"x\"]", "\"x\",".repeat(count.saturating_sub(1)));
        let cases = [
            (nested(DEEPEST), 1, false),
            (nested(DEEPEST + 1), 0, true),
            (nested(5_000), 0, true),
            (many(MOST_TEXTS), MOST_TEXTS, false),
            (many(MOST_TEXTS + 1), MOST_TEXTS, true),
            (r#"{"a": 1e999, "b": "x"}"#.to_owned(), 0, true),
        ];
        for (document, count, is_cut) in cases {
            let texts = Texts::of(document.as_bytes());
            let start: String = document.chars().take(20).collect();
            assert_eq!((texts.texts.len(), texts.is_cut), (count, is_cut), "{start}");
        }
        let long = format!(r#"{{"{}": {{"{}": "x"}}}}"#, "k".repeat(200), "é".repeat(5_000));
        let texts = Texts::of(long.as_bytes());
        assert!(texts.texts.iter().all(|text| text.place.len() <= LONGEST_PLACE));
    }
}

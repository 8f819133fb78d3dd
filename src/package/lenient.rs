//! JSON whose fields need not be of the type they should be: what is of another type is as good as none.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::{PACKAGES_PER_FILE, field};

/// A text of one line, if it is one ([`field`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(field(text.as_bytes())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Text, A::Error> {
                IgnoredAny::deserialize(SeqAccessDeserializer::new(list)).map(|_| Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                IgnoredAny::deserialize(MapAccessDeserializer::new(map)).map(|_| Text(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A list of values that are read one by one, each on its own. What is no list has none.
#[derive(Debug, Default)]
pub(super) struct Items(Option<Vec<Box<RawValue>>>);

impl Items {
    /// The values, or why one is none of the kind wanted; at most [`PACKAGES_PER_FILE`].
    pub(super) fn read<T: for<'de> Deserialize<'de>>(&self) -> impl Iterator<Item = Result<T, serde_json::Error>> {
        self.0.iter().flatten().take(PACKAGES_PER_FILE).map(|raw| serde_json::from_str(raw.get()))
    }

    /// Values beyond those that are read.
    pub(super) fn beyond(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len).saturating_sub(PACKAGES_PER_FILE)
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.0.is_some()
    }
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

/// Names and values of an object in the order of the file. What is no object is an empty one.
#[derive(Debug, Default)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>);

impl<'de, T: for<'a> Deserialize<'a>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Vec<(String, T)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let mut inner = serde_json::Deserializer::from_str(raw.get());
        Ok(Self(inner.deserialize_map(Pairs(std::marker::PhantomData)).unwrap_or_default()))
    }
}

/// Reads a JSON document, a byte order mark and bytes that are no UTF-8 allowed.
pub(super) fn json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Sample {
        name: Text,
        list: Items,
        map: Entries<Text>,
    }

    #[test]
    fn fields_of_a_wrong_type_are_as_good_as_none() {
        let cases = [
            (r#"{"name":"a","list":["x",1,"y"],"map":{"k":"v","l":[]}}"#, (Some("a"), 3, 2)),
            (r#"{"name":{"b":[1]},"list":{"a":1},"map":[1]}"#, (None, 0, 0)),
            (r#"{"name":null,"list":null,"map":null}"#, (None, 0, 0)),
            (r#"{"name":1.5}"#, (None, 0, 0)),
            (r#"{"name":"a\u0000b"}"#, (None, 0, 0)),
        ];
        for (text, expected) in cases {
            let sample: Sample = json(text.as_bytes()).expect(text);
            let items: Vec<Result<Text, _>> = sample.list.read().collect();
            assert_eq!((sample.name.0.as_deref(), items.len(), sample.map.0.len()), expected, "{text}");
        }
        assert!(json::<Sample>(b"[").is_err());
    }
}

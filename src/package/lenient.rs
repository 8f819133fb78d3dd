//! Documents whose fields need not be of the type they should be: what is of another type is as good as none.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::{PACKAGES_PER_FILE, field};

/// A text of one line, if it is one ([`field`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(|text| Self(text.as_str().and_then(|text| field(text.as_bytes()))))
    }
}

/// A text, or nothing for a value of another type.
#[derive(Debug, Default)]
pub(super) struct Loose(pub(super) Option<String>);

impl Loose {
    /// The text.
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose(Some(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Loose, E> {
                Ok(Loose(Some(text)))
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_none<E>(self) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose, D::Error> {
                Loose::deserialize(deserializer)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A list of values that are read one by one, each on its own. What is no list has none.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// At most [`PACKAGES_PER_FILE`] of them.
    list: Option<Vec<Box<RawValue>>>,
    beyond: usize,
}

impl Items {
    /// The values, or why one is none of the kind wanted; at most [`PACKAGES_PER_FILE`].
    pub(super) fn read<T: for<'de> Deserialize<'de>>(&self) -> impl Iterator<Item = Result<T, serde_json::Error>> {
        self.list.iter().flatten().map(|raw| serde_json::from_str(raw.get()))
    }

    /// Values beyond those that are read.
    pub(super) fn beyond(&self) -> usize {
        self.beyond
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.list.is_some()
    }
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Items;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Items, A::Error> {
                let mut list = Vec::new();
                let mut beyond: usize = 0;
                while list.len() < PACKAGES_PER_FILE {
                    let Some(value) = values.next_element()? else { break };
                    list.push(value);
                }
                // what is skipped is not held
                while list.len() == PACKAGES_PER_FILE && values.next_element::<IgnoredAny>()?.is_some() {
                    beyond = beyond.saturating_add(1);
                }
                Ok(Items { list: Some(list), beyond })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Items, A::Error> {
                IgnoredAny::deserialize(MapAccessDeserializer::new(map)).map(|_| Items::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<Items, E> {
                Ok(Items::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Items, E> {
                Ok(Items::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Items, E> {
                Ok(Items::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Items, E> {
                Ok(Items::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Items, E> {
                Ok(Items::default())
            }

            fn visit_unit<E>(self) -> Result<Items, E> {
                Ok(Items::default())
            }
        }

        deserializer.deserialize_any(List)
    }
}

/// Names and values of an object in the order of the file. What is no object is an empty one.
#[derive(Debug)]
pub(super) struct Entries<T> {
    /// At most [`PACKAGES_PER_FILE`] of them.
    pub(super) list: Vec<(String, T)>,
    beyond: usize,
}

impl<T> Entries<T> {
    /// Entries beyond those that are kept: they have to be told.
    pub(super) fn beyond(&self) -> usize {
        self.beyond
    }

    /// The names.
    pub(super) fn into_names(self) -> impl Iterator<Item = String> {
        self.list.into_iter().map(|(name, _)| name)
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { list: Vec::new(), beyond: 0 }
    }
}

impl<'de, T: for<'a> Deserialize<'a>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Entries::default();
                while entries.list.len() < PACKAGES_PER_FILE {
                    let Some(pair) = map.next_entry()? else { return Ok(entries) };
                    entries.list.push(pair);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    entries.beyond = entries.beyond.saturating_add(1);
                }
                Ok(entries)
            }
        }

        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let mut inner = serde_json::Deserializer::from_str(raw.get());
        Ok(inner.deserialize_map(Pairs(std::marker::PhantomData)).unwrap_or_default())
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
            assert_eq!((sample.name.0.as_deref(), items.len(), sample.map.list.len()), expected, "{text}");
        }
        assert!(json::<Sample>(b"[").is_err());
    }

    #[test]
    fn what_is_beyond_the_cap_is_counted_and_not_held() {
        let many = PACKAGES_PER_FILE + 3;
        let list: Items = json(format!("[{}1]", "1,".repeat(many - 1)).as_bytes()).expect("it is JSON");
        assert_eq!((list.read::<u8>().count(), list.beyond(), list.is_list()), (PACKAGES_PER_FILE, 3, true));
        let map: Entries<Text> =
            json(format!("{{{}\"\":1}}", "\"\":1,".repeat(many - 1)).as_bytes()).expect("it is JSON");
        assert_eq!((map.list.len(), map.beyond()), (PACKAGES_PER_FILE, 3));
    }
}

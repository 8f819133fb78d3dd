//! Lists of documents, capped: few bytes make many entries, and each takes more memory than it has bytes.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::STATEMENTS;

/// A list that may be missing or `null`, of at most [`STATEMENTS`] entries.
#[derive(Debug)]
pub(super) struct Several<T>(pub(super) Vec<T>);

/// A list whose entries are not yet understood, so that a broken one costs itself only.
pub(super) type Entries<'a> = Several<&'a RawValue>;

impl<T> Default for Several<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(List(PhantomData)).map(Self)
    }
}

/// Collects the entries.
struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element::<T>()? {
            if entries.len() >= STATEMENTS {
                return Err(A::Error::custom(format!("a list has more than {STATEMENTS} entries")));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

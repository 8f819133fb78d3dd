//! Reads the JSON of webhooks (RFC 8259) within bounds, and says what is wrong with it without a word of it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::OnceCell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::digest::Digest;
use crate::server::clock::Moment;
use crate::time::Timestamp;

use super::{Notice, Unreadable, What};

/// Arrays and objects within each other.
const DEPTH: usize = 64;

/// Entries of one list.
pub(super) const ENTRIES: usize = 10_000;

/// Bytes of a sender's own id; a longer one is known by its digest.
const LONGEST_ID: usize = 200;

/// Reads a whole body.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::new("the body is empty"));
    }
    if is_deeper_than(body, DEPTH) {
        return Err(Unreadable::new(format!("the body has more than {DEPTH} levels")));
    }
    serde_json::from_slice(body).map_err(|error| explain("the body", &error))
}

/// Reads one entry of a body that was parsed.
pub(super) fn entry<'a, T: Deserialize<'a>>(text: &'a RawValue) -> Result<T, Unreadable> {
    serde_json::from_str(text.get()).map_err(|error| explain("an event", &error))
}

fn explain(what: &str, error: &serde_json::Error) -> Unreadable {
    let at = format!("line {}, column {}", error.line(), error.column());
    Unreadable::new(match error.classify() {
        Category::Syntax => format!("{what} is no JSON: {at}"),
        Category::Eof => format!("{what} ends early: {at}"),
        Category::Data => format!("in {what} a field is missing, doubled or of another type: {at}"),
        Category::Io => format!("{what} cannot be read"),
    })
}

/// Whether brackets nest deeper than `most`, those in strings not counted.
fn is_deeper_than(body: &[u8], most: usize) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => {
                depth = depth.saturating_add(1);
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// A list of which no more than [`ENTRIES`] are kept; `null` is an empty one.
#[derive(Debug)]
pub(super) struct Few<T> {
    /// The first ones.
    pub(super) entries: Vec<T>,
    /// Whether there were more.
    pub(super) is_cut: bool,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), is_cut: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Few<T>, E> {
                Ok(Few::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
                let mut few = Few::default();
                while few.entries.len() < ENTRIES {
                    match list.next_element()? {
                        Some(entry) => few.entries.push(entry),
                        None => return Ok(few),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    few.is_cut = true;
                }
                Ok(few)
            }
        }

        deserializer.deserialize_any(List(PhantomData))
    }
}

/// A time: RFC 3339, or seconds or milliseconds since 1970. Whatever else stands there is none, and no error.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Time(pub(super) Option<Moment>);

/// From here on a number is one of milliseconds: as seconds it would be in the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

impl Time {
    /// Of a header field.
    pub(super) fn of_text(text: &str) -> Self {
        Self(text.trim().parse::<Timestamp>().ok().map(|time| Moment(time.to_unix_millis())))
    }

    fn of_number(number: i64) -> Self {
        Self(Some(Moment(if number < MILLISECONDS { number.saturating_mul(1_000) } else { number })))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E>(self, text: &str) -> Result<Time, E> {
                Ok(Time::of_text(text))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Time, E> {
                Ok(Time::of_number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Time, E> {
                Ok(i64::try_from(number).map_or(Time(None), Time::of_number))
            }

            #[expect(clippy::cast_possible_truncation, reason = "what is no such number becomes the next one that is")]
            fn visit_f64<E>(self, number: f64) -> Result<Time, E> {
                let whole = number as i64;
                if whole < MILLISECONDS {
                    return Ok(Time(Some(Moment((number * 1_000.0).round() as i64))));
                }
                Ok(Time::of_number(whole))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Time, E> {
                Ok(Time(None))
            }

            fn visit_unit<E>(self) -> Result<Time, E> {
                Ok(Time(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Time, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Time(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Time(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// The notices of one body.
pub(super) struct Notices<'a> {
    body: &'a [u8],
    digest: OnceCell<Digest>,
    at: Option<Moment>,
    list: Vec<Notice>,
}

impl<'a> Notices<'a> {
    /// None yet.
    pub(super) fn of(body: &'a [u8]) -> Self {
        Self { body, digest: OnceCell::new(), at: None, list: Vec::new() }
    }

    /// What is added from here on happened at this time.
    pub(super) fn happened(&mut self, at: Option<&Time>) {
        // what nobody filled in is some year before anybody pushed images
        self.at = at.and_then(|time| time.0).filter(|at| at.0 > 0);
    }

    /// Adds one that has an id of its sender's, if that is not empty.
    pub(super) fn add(&mut self, id: Option<&str>, what: What) {
        match id.and_then(own_id) {
            Some(id) => self.list.push(Notice { id, is_unique: true, at: self.at, what }),
            None => self.add_nameless(false, what),
        }
    }

    /// Adds one that shares its id with others of the body.
    pub(super) fn add_part(&mut self, id: Option<&str>, what: What) {
        match id.and_then(own_id) {
            Some(id) => {
                let id = format!("{id}/{}", self.list.len());
                self.list.push(Notice { id, is_unique: true, at: self.at, what });
            }
            None => self.add_nameless(false, what),
        }
    }

    /// Adds one without an id; `is_unique` where the body holds the time of the event.
    pub(super) fn add_nameless(&mut self, is_unique: bool, what: What) {
        let digest = self.digest.get_or_init(|| Digest::sha256(self.body));
        self.list.push(Notice { id: format!("{digest}/{}", self.list.len()), is_unique, at: self.at, what });
    }

    /// Tells that a list went on.
    pub(super) fn tell_cut(&mut self, is_cut: bool) {
        if is_cut {
            let why = format!("the body lists more than {ENTRIES} things; the rest was not read");
            self.add_nameless(true, What::Unreadable(Unreadable::new(why)));
        }
    }

    /// All of them; a body whose only event is unreadable is so as a whole.
    pub(super) fn finish(mut self) -> Result<Vec<Notice>, Unreadable> {
        if self.list.is_empty() {
            self.add_nameless(true, What::Ignored("it tells of nothing"));
        }
        if let [Notice { what: What::Unreadable(unreadable), .. }] = self.list.as_slice() {
            return Err(unreadable.clone());
        }
        Ok(self.list)
    }
}

/// An id as it is kept: what is too long or not printable is known by its digest.
fn own_id(id: &str) -> Option<String> {
    let id = id.trim();
    if id.is_empty() {
        None
    } else if id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_graphic()) {
        Some(id.to_owned())
    } else {
        Some(Digest::sha256(id.as_bytes()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_say_where_and_quote_nothing() {
        #[derive(Debug, Deserialize)]
        struct Body {
            #[expect(dead_code, reason = "only its type matters")]
            name: String,
        }
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        let cases = [
            ("", "the body is empty"),
            (" \r\n", "the body is empty"),
            ("{", "the body ends early: line 1, column 1"),
            ("hunter2", "the body is no JSON: line 1, column 1"),
            ("{\"name\": 7}", "in the body a field is missing, doubled or of another type: line 1, column 10"),
            ("{\n}", "in the body a field is missing, doubled or of another type: line 2, column 1"),
            (
                "{\"name\": \"hunter2\", \"name\": \"hunter2\"}",
                "in the body a field is missing, doubled or of another type: line 1, column 26",
            ),
            (deep.as_str(), "the body has more than 64 levels"),
        ];
        for (body, reason) in cases {
            assert_eq!(parse::<Body>(body.as_bytes()).expect_err(body).reason, reason, "{body}");
        }
        assert!(parse::<Body>(b"{\"name\": \"[[[[\\\"{{{{\", \"else\": [[{}]]}").is_ok());
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        assert!(!is_deeper_than(b"[[]][[]]", 2));
        assert!(is_deeper_than(b"[[[", 2));
        assert!(!is_deeper_than(b"[\"[[[\\\"[[[\"]", 1));
        assert!(!is_deeper_than(b"]]]]", 1));
    }

    #[test]
    fn long_lists_are_cut_and_null_is_empty() {
        let list = |n: usize| format!("[{}]", vec!["1"; n].join(","));
        for (text, kept, is_cut) in [
            ("null".to_owned(), 0, false),
            (list(3), 3, false),
            (list(ENTRIES), ENTRIES, false),
            (list(ENTRIES + 1), ENTRIES, true),
        ] {
            let few: Few<u8> = parse(text.as_bytes()).expect("a list");
            assert_eq!((few.entries.len(), few.is_cut), (kept, is_cut));
        }
        assert!(parse::<Few<u8>>(b"{}").is_err());
        assert!(parse::<Few<u8>>(b"\"list\"").is_err());
    }

    #[test]
    fn ids_are_short_and_printable() {
        let mut notices = Notices::of(b"{}");
        let long = "x".repeat(201);
        for id in [Some("320678d8"), Some(""), None, Some("a\nb"), Some(long.as_str())] {
            notices.add(id, What::Ignored("a pull"));
        }
        notices.add_part(Some("one"), What::Ignored("a pull"));
        let list = notices.finish().expect("readable");
        let body = Digest::sha256(b"{}");
        let ids: Vec<_> = list.iter().map(|notice| (notice.id.as_str(), notice.is_unique)).collect();
        assert_eq!(
            ids,
            [
                ("320678d8", true),
                (format!("{body}/1").as_str(), false),
                (format!("{body}/2").as_str(), false),
                (Digest::sha256(b"a\nb").to_string().as_str(), true),
                (Digest::sha256(long.as_bytes()).to_string().as_str(), true),
                ("one/5", true),
            ]
        );
    }
}

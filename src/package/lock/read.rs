//! JSON, TOML and YAML into capped structures: what a file repeats beyond a cap is skipped, not held.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};

pub(super) use crate::package::lenient::Loose as Text;

use super::declared::Declared;
use crate::package::text::PACKAGES_PER_FILE;

/// Nodes of one YAML file. The lock file of a repository of 500 projects has 300,000.
const YAML_NODES: usize = 3_000_000;

/// Longest table of a TOML file, in bytes. A package with all its archives takes below 100 KiB.
const TABLE: usize = 1 << 20;

/// Depth of one YAML file; lock files have 6.
const YAML_DEPTH: usize = 64;

/// A map in its order, of at most `N` entries.
#[derive(Debug)]
pub(super) struct Entries<T, const N: usize> {
    /// The entries.
    pub(super) list: Vec<(String, T)>,
    /// Whether there were more.
    pub(super) is_cut: bool,
}

impl<T, const N: usize> Default for Entries<T, N> {
    fn default() -> Self {
        Self { list: Vec::new(), is_cut: false }
    }
}

impl<T, const N: usize> Entries<T, N> {
    /// The keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(key, _)| key.as_str())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Entries<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Map<T, N> {
            type Value = Entries<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Entries::default();
                while entries.list.len() < N {
                    let Some(entry) = map.next_entry()? else { return Ok(entries) };
                    entries.list.push(entry);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    entries.is_cut = true;
                }
                Ok(entries)
            }

            // no map: null, `true` as npm once wrote it, and a list without entries, as PHP does
            fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Entries::default())
            }
        }

        deserializer.deserialize_any(Map(PhantomData))
    }
}

/// A list of at most `N` items. A single text stands for a list of one.
#[derive(Debug)]
pub(super) struct List<T, const N: usize> {
    /// The items.
    pub(super) list: Vec<T>,
    /// Whether there were more.
    pub(super) is_cut: bool,
}

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self { list: Vec::new(), is_cut: false }
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Items<T, N> {
            type Value = List<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = List::default();
                while list.list.len() < N {
                    let Some(item) = items.next_element()? else { return Ok(list) };
                    list.list.push(item);
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    list.is_cut = true;
                }
                Ok(list)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(List { list: vec![T::deserialize(text.into_deserializer())?], is_cut: false })
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }
        }

        deserializer.deserialize_any(Items(PhantomData))
    }
}

/// The file as text, a byte order mark left out.
pub(super) fn text(bytes: &[u8]) -> Result<&str, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))
}

/// A JSON document. Its depth is capped by the crate, at 128.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let text = text(bytes)?;
    // a structure could also be read from a list
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| format!("it is not the JSON of a lock file: {error}"))
}

/// A TOML lock file, table by table: `[[package]]` with what is below it, for `key` `package`; and what stands before
/// and between these tables. A table that is not understood costs itself, and the memory that TOML takes is that of
/// one table. The depth is capped by the crate, at 80.
///
/// Checksums of old files, below `metadata`, are not looked at.
pub(super) fn toml<T: DeserializeOwned>(
    bytes: &[u8],
    key: &str,
    declared: &mut Declared,
    mut each: impl FnMut(T, &mut Declared),
) -> Result<(), String> {
    for (line, table) in tables(text(bytes)?, key) {
        if table.starts_with("[metadata") || table.trim().is_empty() {
            continue;
        }
        if table.len() > TABLE {
            declared.complain(format!("the table at line {line} is longer than {} MiB", TABLE >> 20));
            continue;
        }
        match toml::from_str(table) {
            Ok(table) => each(table, declared),
            Err(error) => {
                let what = first_line(error.message());
                declared.complain(format!("the table at line {line} is not the TOML of a lock file: {what}"));
            }
        }
    }
    Ok(())
}

/// The packages of a [TOML](toml()) lock file: tables `[[package]]`.
pub(super) fn toml_packages<P: DeserializeOwned>(
    bytes: &[u8],
    declared: &mut Declared,
    mut each: impl FnMut(P, &mut Declared),
) -> Result<(), String> {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "P: Deserialize<'de>"))]
    struct Lock<P> {
        #[serde(default)]
        package: List<P, PACKAGES_PER_FILE>,
        /// The project itself, of Cargo before Rust 1.16.
        root: Option<P>,
    }

    toml(bytes, "package", declared, |lock: Lock<P>, declared| {
        if lock.package.is_cut {
            declared.cut();
        }
        for package in lock.package.list.into_iter().chain(lock.root) {
            each(package, declared);
        }
    })
}

/// Where each table begins (line, from 1), and its text.
fn tables<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let mut rest = text;
    let mut next_line: usize = 1;
    std::iter::from_fn(move || {
        let (mut end, mut lines) = (0_usize, 0_usize);
        for line in rest.split_inclusive('\n') {
            if lines > 0 && begins_table(line, key) {
                break;
            }
            end = end.saturating_add(line.len());
            lines = lines.saturating_add(1);
        }
        let (table, after) = rest.split_at_checked(end).filter(|(table, _)| !table.is_empty())?;
        let first = next_line;
        rest = after;
        next_line = next_line.saturating_add(lines);
        Some((first, table))
    })
}

/// Whether this is a line such as `[[package]]` or `[metadata]`, and not `[package.source]`, which goes on.
fn begins_table(line: &str, key: &str) -> bool {
    let Some(header) = line.strip_prefix('[') else { return false };
    let name = header.trim_start_matches('[');
    !name.strip_prefix(key).is_some_and(|below| below.starts_with('.'))
}

/// The documents of a YAML file. No lock file has aliases, so none is followed far.
pub(super) fn yaml<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: YAML_NODES.saturating_mul(2),
            max_nodes: YAML_NODES,
            max_depth: YAML_DEPTH,
            max_documents: 16,
            max_anchors: 16,
            max_aliases: 16,
        },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text(bytes)?, options)
        .map_err(|error| format!("it is not the YAML of a lock file: {}", first_line(&error.to_string())))
}

/// JSON of JSON with comments and trailing commas (JSONC): they become blanks, so that places in errors stay true.
pub(super) fn plain_json(bytes: &[u8]) -> Vec<u8> {
    let mut plain = bytes.to_vec();
    // the comma after which no value has come yet
    let mut comma: Option<usize> = None;
    let mut signs = bytes.iter().copied().enumerate().peekable();
    let blank = |plain: &mut Vec<u8>, at: usize| {
        if let Some(sign) = plain.get_mut(at).filter(|sign| **sign != b'\n') {
            *sign = b' ';
        }
    };
    while let Some((at, sign)) = signs.next() {
        match sign {
            b'"' => {
                comma = None;
                while let Some((_, inner)) = signs.next() {
                    match inner {
                        b'\\' => {
                            signs.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            b'/' if signs.peek().is_some_and(|(_, next)| *next == b'/') => {
                blank(&mut plain, at);
                while let Some((at, _)) = signs.next_if(|(_, inner)| *inner != b'\n') {
                    blank(&mut plain, at);
                }
            }
            b'/' if signs.peek().is_some_and(|(_, next)| *next == b'*') => {
                blank(&mut plain, at);
                let mut before = 0;
                for (at, inner) in signs.by_ref() {
                    blank(&mut plain, at);
                    // the star that opens does not close
                    if before == b'*' && inner == b'/' {
                        break;
                    }
                    before = if before == 0 { b' ' } else { inner };
                }
            }
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(at) = comma.take() {
                    blank(&mut plain, at);
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => comma = None,
        }
    }
    plain
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_become_blanks() {
        let cases = [
            (r#"{"a": [1, 2,], }"#, r#"{"a": [1, 2 ]  }"#),
            ("[1, // one,\n2]", "[1,        \n2]"),
            ("[1, /* ] , */ ]", "[1            ]"),
            ("[1/*/,*/,2]", "[1      ,2]"),
            (r#"{"a//b": "\",}", }"#, r#"{"a//b": "\",}"  }"#),
            ("[1,", "[1,"),
            ("/*", "  "),
            ("\"", "\""),
        ];
        for (text, expected) in cases {
            let plain = String::from_utf8(plain_json(text.as_bytes())).expect("it was text");
            assert_eq!(plain, expected);
        }
    }

    #[test]
    fn maps_and_lists_end_at_their_cap() {
        let map: Entries<u8, 2> = json(br#"{"c":1,"b":2,"a":3}"#).expect("it is JSON");
        assert_eq!((map.list, map.is_cut), (vec![("c".to_owned(), 1), ("b".to_owned(), 2)], true));
        let list: Entries<List<u8, 2>, 2> = json(br#"{"a":[1,2]}"#).expect("it is JSON");
        assert_eq!(list.list.first().map(|(_, list)| (list.list.as_slice(), list.is_cut)), Some((&[1, 2][..], false)));
    }

    #[test]
    fn deep_documents_are_refused() {
        let deep = format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(yaml::<Entries<IgnoredAny, 9>>(deep.as_bytes()).is_err());
        assert!(toml::from_str::<Entries<IgnoredAny, 9>>(&deep.replace(": ", " = ")).is_err());
    }

    #[test]
    fn toml_is_read_table_by_table() {
        let text = "v = 1\n\n[[p]]\nn = [\n  [1],\n]\n[p.q]\nx = 1\n[[p.r]]\n[[p]]\n[px]\n[metadata]\n";
        let found: Vec<_> = tables(text, "p").map(|(line, table)| (line, table.lines().count())).collect();
        assert_eq!(found, [(1, 2), (3, 7), (10, 1), (11, 1), (12, 1)]);
        assert_eq!(tables("", "p").count(), 0);
        let mut declared = Declared::default();
        let long = format!("[[p]]\nn = \"{}\"\n[[p]]\nn = 1\n[[p]]\nn =\n", "a".repeat(TABLE));
        let mut seen = 0;
        toml(long.as_bytes(), "p", &mut declared, |_: Entries<IgnoredAny, 9>, _| seen += 1).expect("it is text");
        assert_eq!(seen, 1);
    }

    #[test]
    fn aliases_are_not_multiplied() {
        let bomb: String = (1..9)
            .map(|level| {
                let before = level - 1;
                format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(","))
            })
            .collect();
        let bomb = format!("a0: &a0 [{}]\n{bomb}", ["x"; 10].join(","));
        assert!(yaml::<Entries<IgnoredAny, 99>>(bomb.as_bytes()).is_err());
    }
}

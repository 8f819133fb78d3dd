//! Walks a TOML document and notes all that is wrong with it, each with its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Known;
use super::key::Table;
use crate::error::Result;
use crate::policy::Said;
use crate::policy::diagnostic::{self, Diagnostic};

/// Longest text for people (reason, message, …), in characters.
const LONGEST_TEXT: usize = 2_000;

/// Most entries of one list.
const LONGEST_LIST: usize = 1_000;

/// A value with its place.
pub(in crate::policy) type Value<'s> = Spanned<DeValue<'s>>;

/// Reads one file.
pub(in crate::policy) struct Reader<'a> {
    /// The file as it was named.
    pub(in crate::policy) name: &'a str,
    /// Which rules it may name.
    pub(in crate::policy) known: Known<'a>,
    /// Offsets of the line feeds.
    line_ends: Vec<usize>,
    /// What is wrong.
    pub(in crate::policy) wrong: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'a str, source: &str, known: Known<'a>) -> Self {
        let line_ends = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { name, known, line_ends, wrong: Vec::new() }
    }

    /// Says which keys of `table` are none.
    pub(in crate::policy) fn keys(&mut self, table: &DeTable<'_>, known: &Table, what: &str) {
        for key in table.keys() {
            let word: &str = key.get_ref();
            if known.keys.iter().all(|known| known.name != word) {
                self.wrong.push(
                    Diagnostic::new(key.span(), format!("unknown key `{word}` in {what}")).suggest(word, known.names()),
                );
            }
        }
    }

    /// The table under `key`.
    pub(in crate::policy) fn table<'t, 's>(&mut self, top: &'t DeTable<'s>, key: &str) -> Option<&'t DeTable<'s>> {
        let value = top.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                self.mistyped(key, &format!("a table; write `[{key}]`"), other, value.span());
                None
            }
        }
    }

    /// The tables of `[[key]]`, each with the place of its head.
    pub(in crate::policy) fn tables<'t, 's>(
        &mut self,
        top: &'t DeTable<'s>,
        key: &str,
    ) -> Vec<(&'t DeTable<'s>, Range<usize>)> {
        let Some(value) = top.get(key) else { return Vec::new() };
        let DeValue::Array(entries) = value.get_ref() else {
            let expected = format!("a list of tables; write `[[{key}]]`");
            self.mistyped(key, &expected, value.get_ref(), value.span());
            return Vec::new();
        };
        let mut tables = Vec::new();
        for entry in entries {
            match entry.get_ref() {
                DeValue::Table(table) => tables.push((table, entry.span())),
                other => self.mistyped(key, "a table", other, entry.span()),
            }
        }
        tables
    }

    pub(in crate::policy) fn string(&mut self, table: &DeTable<'_>, key: &str) -> Option<(String, Range<usize>)> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((text.to_string(), value.span())),
            other => {
                self.mistyped(key, "a string", other, value.span());
                None
            }
        }
    }

    /// Text for people: on one line, with nothing in it that steers a terminal.
    pub(in crate::policy) fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let (text, span) = self.string(table, key)?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.chars().count() {
            0 => {
                self.wrong.push(Diagnostic::new(span, format!("`{key}` is empty")));
                None
            }
            1..=LONGEST_TEXT => Some(diagnostic::escape_words(&text)),
            length => {
                let message = format!("`{key}` is {length} characters long, at most {LONGEST_TEXT} are taken");
                self.wrong.push(Diagnostic::new(span, message));
                None
            }
        }
    }

    pub(in crate::policy) fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            other => {
                self.mistyped(key, "`true` or `false`", other, value.span());
                None
            }
        }
    }

    /// A word under `key`, read by `parse`, with the line it is on.
    pub(in crate::policy) fn word<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        parse: impl FnOnce(&str, Range<usize>) -> Result<T, Diagnostic>,
    ) -> Option<Said<T>> {
        let (word, span) = self.string(table, key)?;
        let parsed = self.checked(parse(&word, span.clone()))?;
        Some(self.at(parsed, &span))
    }

    /// A word or number under `key`, read by `parse` from its text, with the line it is on.
    pub(in crate::policy) fn said<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        parse: impl FnOnce(&str, Range<usize>) -> Result<T, Diagnostic>,
    ) -> Option<Said<T>> {
        let value = table.get(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Datetime(day) => day.to_string(),
            DeValue::Boolean(boolean) => boolean.to_string(),
            other => {
                self.mistyped(key, "a word or a number", other, value.span());
                return None;
            }
        };
        let parsed = self.checked(parse(&text, value.span()))?;
        Some(self.at(parsed, &value.span()))
    }

    /// One string, or a list of them; numbers are taken as their text.
    pub(in crate::policy) fn list<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        parse: impl Fn(&str, Range<usize>) -> Result<T, Diagnostic>,
    ) -> Vec<T> {
        let text = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        };
        self.entries(table, key, "a string or a list of strings", text, parse)
    }

    /// As [`Self::list`], of bounds of numbers: a number alone is the least.
    pub(in crate::policy) fn numbers<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        parse: impl Fn(&str, Range<usize>) -> Result<T, Diagnostic>,
    ) -> Vec<T> {
        let text = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(format!(">={number}")),
            DeValue::Float(number) => Some(format!(">={number}")),
            _ => None,
        };
        self.entries(table, key, "a number, or a string with a sign such as `\"<4.0\"`", text, parse)
    }

    fn entries<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        expected: &str,
        text_of: impl Fn(&DeValue<'_>) -> Option<String>,
        parse: impl Fn(&str, Range<usize>) -> Result<T, Diagnostic>,
    ) -> Vec<T> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let entries: &[Value<'_>] = match value.get_ref() {
            DeValue::Array(entries) if entries.is_empty() => {
                self.wrong
                    .push(Diagnostic::new(value.span(), format!("`{key}` is an empty list, which selects nothing")));
                return Vec::new();
            }
            DeValue::Array(entries) if entries.len() > LONGEST_LIST => {
                let message = format!("`{key}` has {} entries, at most {LONGEST_LIST} are taken", entries.len());
                self.wrong.push(Diagnostic::new(value.span(), message));
                return Vec::new();
            }
            DeValue::Array(entries) => entries,
            _ => std::slice::from_ref(value),
        };
        let mut list = Vec::new();
        for entry in entries {
            match text_of(entry.get_ref()) {
                Some(text) => list.extend(self.checked(parse(&text, entry.span()))),
                None => self.mistyped(key, expected, entry.get_ref(), entry.span()),
            }
        }
        list
    }

    /// As [`Self::list`], with the line it is on; `None` where the key is missing.
    pub(in crate::policy) fn said_list<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        parse: impl Fn(&str, Range<usize>) -> Result<T, Diagnostic>,
    ) -> Option<Said<Vec<T>>> {
        let span = table.get(key)?.span();
        let list = self.list(table, key, parse);
        Some(self.at(list, &span))
    }

    /// `value`, said at this place.
    pub(in crate::policy) fn at<T>(&self, value: T, span: &Range<usize>) -> Said<T> {
        Said { value, place: self.place(span), policy: 0 }
    }

    pub(in crate::policy) fn checked<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|wrong| self.wrong.push(wrong)).ok()
    }

    pub(in crate::policy) fn mistyped(&mut self, key: &str, expected: &str, found: &DeValue<'_>, span: Range<usize>) {
        let label = format!("this is of type {}", found.type_str());
        self.wrong.push(Diagnostic::new(span, format!("`{key}` must be {expected}")).label(label));
    }

    pub(in crate::policy) fn missing(&mut self, span: &Range<usize>, what: &str, key: &str, help: &str) {
        self.wrong.push(Diagnostic::new(span.clone(), format!("{what} needs `{key}`")).help(help));
    }

    /// The line of a place, from 1.
    pub(in crate::policy) fn line(&self, span: &Range<usize>) -> usize {
        self.line_ends.partition_point(|end| *end < span.start) + 1
    }

    /// `file:line`.
    pub(in crate::policy) fn place(&self, span: &Range<usize>) -> String {
        format!("{}:{}", crate::escape::escape(self.name), self.line(span))
    }
}

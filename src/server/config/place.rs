//! Errors that point at the line of a configuration file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, line_and_column, render};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;

/// A file's name and its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) place: &'a str,
    pub(super) text: &'a str,
}

impl Text<'_> {
    /// What is wrong, with the line where it begins.
    pub(super) fn wrong(self, span: Range<usize>, message: &str) -> Error {
        self.wrong_but(span, message, 0..0)
    }

    /// The same of a value that is not what it should be at all, so that it may be anything: it is not shown.
    pub(super) fn wrong_value(self, span: Range<usize>, message: &str) -> Error {
        self.wrong_but(span.clone(), message, span)
    }

    fn wrong_but(self, span: Range<usize>, message: &str, hidden: Range<usize>) -> Error {
        let (line, _) = line_and_column(self.text, span.start);
        let message = message.trim_end().replace('\n', "; ");
        let shown = render(self.place, &self.masked(hidden), &Diagnostic::new(span, &*message), false);
        Error::new(ErrorKind::Config, message).at(format!("{}:{line}", self.place)).detail(shown)
    }

    /// Where a value stands: the names of the tables that it is in and its own, and numbers from 0 in lists. Where it is not
    /// given, the innermost of them that is.
    pub(super) fn value(self, path: &[&str]) -> Range<usize> {
        let Ok(whole) = DeTable::parse(self.text) else { return 0..0 };
        let Some((first, rest)) = path.split_first() else { return 0..0 };
        let Some(mut found) = whole.get_ref().get(*first) else { return 0..0 };
        for name in rest {
            let next = match found.get_ref() {
                DeValue::Array(list) => name.parse().ok().and_then(|number: usize| list.get(number)),
                DeValue::Table(table) => table.get(*name),
                _ => None,
            };
            let Some(next) = next else { break };
            found = next;
        }
        found.span()
    }

    /// The key of the first secret that stands in the file itself.
    pub(super) fn written_out(self) -> Option<Range<usize>> {
        let whole = DeTable::parse(self.text).ok()?;
        first_written_out(whole.get_ref())
    }

    /// The text as it may be shown, byte for byte as long: without the values of keys that may hold a secret. Those are all
    /// but the known ones of their table, since a key may be misspelt, or belong elsewhere. Nor are `hidden` and comments shown.
    fn masked(self, hidden: Range<usize>) -> String {
        let mut spans = vec![hidden];
        if let Ok(whole) = DeTable::parse(self.text) {
            find_secrets("", whole.get_ref(), &mut spans);
            self.find_comments(whole.get_ref(), &mut spans);
        } else {
            // which value is whose is not known
            let (mut start, mut table) = (0, "");
            for line in self.text.split_inclusive('\n') {
                if let Some(header) = line.trim_start().strip_prefix('[') {
                    let name = header.trim_start_matches('[').split(']').next().unwrap_or_default();
                    table = name.rsplit('.').next().unwrap_or_default().trim();
                }
                // where a comment may begin
                let until = line.find('#').unwrap_or(line.len());
                let from = match line.split_once('=') {
                    Some((key, value)) if is_plain(table, key.trim(), value.trim()) && !value.contains('=') => until,
                    Some((key, _)) => until.min(key.len() + 1),
                    None if line.trim_start().starts_with('[') => until,
                    None => 0,
                };
                spans.push(start + from..start + line.len());
                start += line.len();
            }
        }
        spans.sort_unstable_by_key(|span| span.start);
        let mut spans = spans.into_iter().peekable();
        let mask = |(at, c): (usize, char)| {
            while spans.next_if(|span| span.end <= at).is_some() {}
            let is_secret = spans.peek().is_some_and(|span| span.contains(&at));
            if c.is_whitespace() || "\"'[]{},=#".contains(c) || !is_secret {
                c.to_string()
            } else {
                "*".repeat(c.len_utf8())
            }
        };
        self.text.char_indices().map(mask).collect()
    }

    /// Where comments stand: behind a `#` that is in no name and no value.
    fn find_comments(self, whole: &DeTable<'_>, spans: &mut Vec<Range<usize>>) {
        let mut words = Vec::new();
        find_words(whole, &mut words);
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let signs = line.match_indices('#').map(|(at, _)| start + at);
            let comment = signs.into_iter().find(|at| !words.iter().any(|word| word.contains(at)));
            start += line.len();
            spans.extend(comment.map(|comment| comment..start));
        }
    }

    /// An error unless `word` is one of `known`.
    pub(super) fn one_of(self, span: Range<usize>, word: &str, known: &[&str], what: &str) -> Result<()> {
        if known.contains(&word) {
            return Ok(());
        }
        let error = self.wrong(span, &format!("there is no {what} `{}`", escape(word)));
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? There are: {}", known.join(", ")),
            None => format!("there are: {}", known.join(", ")),
        };
        Err(error.help(help))
    }
}

/// Keys whose values are secrets, or say where they are.
const SECRET: &[&str] = &["secret", "password", "token"];

/// Keys of each table whose values are none, and are shown; the first table is the file itself.
const PLAIN: &[(&str, &[&str])] = &[
    ("", &["listen", "public-url", "data", "advisories", "log"]),
    (
        "action",
        &[
            "name",
            "kind",
            "on",
            "source",
            "repository",
            "allow-private",
            "ca-certificate",
            "attempts",
            "timeout",
            "repositories",
            "context",
            "checks",
            "dockerfile",
            "formats",
            "tag",
        ],
    ),
    ("api", &["user-header", "user-scope", "trusted-proxies"]),
    ("auth", &["name", "username", "audience", "email", "issuers", "keys"]),
    ("harbor", &["source"]),
    ("policy", &["source", "repository", "policy", "waivers"]),
    ("queue", &["most", "most-of-source"]),
    ("registry", &["name", "host", "aliases", "username", "insecure", "ca-certificate", "trusted-realms"]),
    ("retention", &["reports", "reports-of-image", "events", "dead-letters"]),
    ("source", &["name", "kind", "registry"]),
    ("sweep", &["source", "repositories", "every", "most-tags"]),
    ("tls", &["certificate", "key"]),
    ("workers", &["count", "jobs", "deadline", "memory", "platform", "limits", "attempts", "cache", "ports"]),
];

/// How people say how somebody proves who it is.
const WAYS: &[&str] = &["api-key", "basic", "bearer", "header", "none", "oidc", "path", "signature"];

/// Whether what stands there may be shown.
fn is_plain(table: &str, key: &str, value: &str) -> bool {
    match key {
        // a secret that was put in the place of a file has no folder
        "file" => SECRET.contains(&table) && value.contains('/'),
        "env" => SECRET.contains(&table) && is_variable(value),
        "by" => table == "auth" && nearest(value, WAYS.iter().copied()).is_some(),
        // a password before a host, or behind a name
        "username" if value.contains(':') => false,
        _ if key != "email" && value.contains('@') => false,
        _ => PLAIN.iter().any(|(of, keys)| *of == table && keys.contains(&key)),
    }
}

/// Whether a text is like the name of a variable, and hardly a secret that was put in its place.
pub(super) fn is_variable(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 64 && text.bytes().all(is_part)
        || text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn first_written_out(table: &DeTable<'_>) -> Option<Range<usize>> {
    fn inside(value: &DeValue<'_>) -> Option<Range<usize>> {
        match value {
            DeValue::Table(table) => first_written_out(table),
            DeValue::Array(list) => list.iter().find_map(|one| inside(one.get_ref())),
            _ => None,
        }
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        if SECRET.contains(&name) && !matches!(value.get_ref(), DeValue::Table(_)) {
            found.push(key.span());
        } else {
            found.extend(inside(value.get_ref()));
        }
    }
    found.into_iter().min_by_key(|span| span.start)
}

/// Where names and single values stand.
fn find_words(table: &DeTable<'_>, words: &mut Vec<Range<usize>>) {
    fn look(value: &Spanned<DeValue<'_>>, words: &mut Vec<Range<usize>>) {
        match value.get_ref() {
            DeValue::Table(inner) => find_words(inner, words),
            DeValue::Array(list) => list.iter().for_each(|one| look(one, words)),
            _ => words.push(value.span()),
        }
    }
    for (key, value) in table {
        words.push(key.span());
        look(value, words);
    }
}

/// Where the values stand of keys that may hold a secret.
fn find_secrets(table: &str, keys: &DeTable<'_>, spans: &mut Vec<Range<usize>>) {
    fn look(place: (&str, &str), value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
        let (table, key) = place;
        let is_shown = match value.get_ref() {
            DeValue::Table(inner) => return find_secrets(key, inner, spans),
            DeValue::Array(list) if !matches!(key, "file" | "env") => {
                return list.iter().for_each(|one| look(place, one, spans));
            }
            DeValue::String(text) => is_plain(table, key, text),
            // where a text is wanted it is anything
            _ => !matches!(key, "file" | "env") && is_plain(table, key, ""),
        };
        if !is_shown {
            spans.push(value.span());
        }
    }
    for (key, value) in keys {
        let name: &str = key.get_ref();
        // names of limits are told of by themselves
        if name != "limits" {
            look((table, name), value, spans);
        }
    }
}

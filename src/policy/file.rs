//! Reads a policy file: TOML with the place of every word, so that each error points at it.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{self, Diagnostic};
use super::fail_on::families;
use super::pattern::{Bound, Glob};
use super::preset::{self, Preset, presets};
use super::selector::{Selector, is_rule};
use super::{Action, Policy, PolicyRule, RULES, Scope, Waiver};
use crate::error::Result;
use crate::escape::escape;
use crate::finding::Visibility;
use crate::inventory::Origin;
use crate::nearest::nearest;
use crate::rule::{Confidence, Rule, Severity};
use crate::time::Date;

/// Longest text for people (reason, message, …), in characters.
const LONGEST_TEXT: usize = 2_000;

/// Most entries of one list.
const LONGEST_LIST: usize = 1_000;

const TOP_KEYS: &[&str] = &["description", "edition", "extends", "honour-inline", "name", "rule", "scope", "waiver"];
const RULE_KEYS: &[&str] = &["action", "help", "match", "message", "name"];
const MATCH_KEYS: &[&str] = &[
    "confidence",
    "exploited",
    "family",
    "fingerprint",
    "fixable",
    "origin",
    "path",
    "purl",
    "rule",
    "severity",
    "subject",
    "visibility",
];
const WAIVER_KEYS: &[&str] =
    &["expires", "fingerprint", "origin", "owner", "path", "purl", "reason", "rule", "subject", "ticket"];

/// Which rules a policy may name.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    /// These and the policy module's own.
    Rules(&'a [&'static Rule]),
    /// Any: for presets, which a test checks against all rules.
    Any,
}

/// Reads the policy `source`, which errors call `name`.
pub(super) fn parse(name: &str, source: &str, known: Known<'_>, colour: bool) -> Result<Policy> {
    let (document, syntax) = DeTable::parse_recoverable(source);
    let line_ends = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    let mut reader = Reader { name, known, line_ends, wrong: Vec::new() };
    let policy = if syntax.is_empty() { Some(reader.policy(document.get_ref())) } else { None };
    let mut lines_said = BTreeSet::new();
    for error in &syntax {
        let span = error.span().unwrap_or_default();
        // what follows on the same line is mostly said because of the first
        if lines_said.insert(reader.line(&span)) {
            reader.wrong.push(Diagnostic::new(span, format!("not TOML: {}", error.message())));
        }
    }
    match policy {
        Some(policy) if reader.wrong.is_empty() => Ok(policy),
        _ => Err(diagnostic::error(name, source, reader.wrong, colour)),
    }
}

type Value<'s> = Spanned<DeValue<'s>>;

struct Reader<'a> {
    name: &'a str,
    known: Known<'a>,
    /// Offsets of the line feeds.
    line_ends: Vec<usize>,
    wrong: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn policy(&mut self, top: &DeTable<'_>) -> Policy {
        self.keys(top, TOP_KEYS, "a policy");
        if let Some((edition, span)) = self.string(top, "edition")
            && edition != "2026"
        {
            self.wrong.push(
                Diagnostic::new(span, format!("edition `{edition}` is not known to this version of careen"))
                    .suggest(&edition, ["2026"]),
            );
        }
        let name = self.text(top, "name");
        if name.as_ref().is_some_and(|name| name.starts_with("careen:")) {
            let span = top.get("name").map(Spanned::span).unwrap_or_default();
            self.wrong.push(Diagnostic::new(span, "names that begin with `careen:` are kept for presets"));
        }
        let rules = self.tables(top, "rule").into_iter().filter_map(|(table, span)| self.rule(table, &span)).collect();
        let waivers =
            self.tables(top, "waiver").into_iter().filter_map(|(table, span)| self.waiver(table, &span)).collect();
        Policy {
            name: name.unwrap_or_else(|| escape(self.name)),
            description: self.text(top, "description"),
            extends: self.list(top, "extends", extended),
            rules,
            waivers,
            honours_inline: self.boolean(top, "honour-inline"),
            scope: self.string(top, "scope").and_then(|(word, span)| {
                self.checked(one_of(&word, span, "scope", &[("all", Scope::All), ("app", Scope::App)]))
            }),
        }
    }

    fn rule(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<PolicyRule> {
        self.keys(table, RULE_KEYS, "a rule");
        let selector = match table.get("match").map(|value| (value.get_ref(), value.span())) {
            Some((DeValue::Table(conditions), _)) => {
                self.keys(conditions, MATCH_KEYS, "`match`");
                Some(self.selector(conditions))
            }
            Some((other, span)) => {
                self.mistyped("match", "a table such as `{ rule = \"secret/*\" }`", other, span);
                None
            }
            None => {
                self.missing(span, "a rule", "match", "write `match = {}` to select every finding");
                None
            }
        };
        let action = match self.string(table, "action") {
            Some((word, span)) => self.checked(action(&word, span)),
            None if table.contains_key("action") => None,
            None => {
                self.missing(span, "a rule", "action", "say `fail`, `warn`, `info` or `ignore`");
                None
            }
        };
        let name = self.text(table, "name");
        let (message, help) = (self.text(table, "message"), self.text(table, "help"));
        let note = match (message, help) {
            (Some(message), Some(help)) => Some(format!("{message}; {help}")),
            (message, help) => message.or(help),
        };
        let name = name.unwrap_or_else(|| format!("line {}", self.line(span)));
        Some(PolicyRule { name, selector: selector?, action: action?, note })
    }

    fn waiver(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Waiver> {
        self.keys(table, WAIVER_KEYS, "a waiver");
        let selector = self.selector(table);
        if !table.contains_key("rule") {
            self.missing(span, "a waiver", "rule", "name what is accepted, such as `rule = \"image/root-user\"`");
        }
        let reason = self.text(table, "reason");
        if !table.contains_key("reason") {
            self.missing(span, "a waiver", "reason", "say why this is accepted, for those who read it next year");
        }
        let expires = if let Some(value) = table.get("expires") {
            self.checked(date(value))
        } else {
            self.missing(span, "a waiver", "expires", "give the last day, such as `expires = 2027-03-31`");
            None
        };
        Some(Waiver {
            selector,
            owner: self.text(table, "owner"),
            ticket: self.text(table, "ticket"),
            place: format!("{}:{}", escape(self.name), self.line(span)),
            reason: reason?,
            expires: expires?,
        })
    }

    /// The conditions among the keys of `table`; those a table may not have were reported by [`Self::keys`].
    fn selector(&mut self, table: &DeTable<'_>) -> Selector {
        let known = self.known;
        Selector {
            rules: self.list(table, "rule", |text, span| rule_pattern(text, span, known)),
            families: self.list(table, "family", |text, span| family(text, span, known)),
            severities: self.list(table, "severity", |text, span| {
                bound(text, span, "severity", &Severity::ALL.map(Severity::as_str))
            }),
            confidences: self.list(table, "confidence", |text, span| {
                bound(text, span, "confidence", &Confidence::ALL.map(Confidence::as_str))
            }),
            fixable: self.boolean(table, "fixable"),
            exploited: self.boolean(table, "exploited"),
            origins: self.list(table, "origin", |text, span| {
                let words = [("app", Origin::App), ("base", Origin::Base), ("unknown", Origin::Unknown)];
                one_of(text, span, "origin", &words)
            }),
            visibilities: self.list(table, "visibility", |text, span| {
                let words = [
                    ("deleted", Visibility::Deleted),
                    ("live", Visibility::Live),
                    ("overwritten", Visibility::Overwritten),
                ];
                one_of(text, span, "visibility", &words)
            }),
            paths: self.list(table, "path", |text, span| pattern(Glob::path(text), text, span)),
            subjects: self.list(table, "subject", |text, span| pattern(Glob::text(text), text, span)),
            purls: self.list(table, "purl", |text, span| pattern(Glob::text(text), text, span)),
            fingerprints: self.list(table, "fingerprint", fingerprint),
        }
    }

    fn keys(&mut self, table: &DeTable<'_>, allowed: &[&str], what: &str) {
        for key in table.keys() {
            let word: &str = key.get_ref();
            if !allowed.contains(&word) {
                self.wrong.push(
                    Diagnostic::new(key.span(), format!("unknown key `{word}` in {what}"))
                        .suggest(word, allowed.iter().copied()),
                );
            }
        }
    }

    /// The tables of `[[key]]`, each with the place of its head.
    fn tables<'t, 's>(&mut self, top: &'t DeTable<'s>, key: &str) -> Vec<(&'t DeTable<'s>, Range<usize>)> {
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

    fn string(&mut self, table: &DeTable<'_>, key: &str) -> Option<(String, Range<usize>)> {
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
    fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
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

    fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            other => {
                self.mistyped(key, "`true` or `false`", other, value.span());
                None
            }
        }
    }

    /// One string, or a list of them.
    fn list<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
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
            match entry.get_ref() {
                DeValue::String(text) => list.extend(self.checked(parse(text, entry.span()))),
                other => self.mistyped(key, "a string or a list of strings", other, entry.span()),
            }
        }
        list
    }

    fn checked<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|wrong| self.wrong.push(wrong)).ok()
    }

    fn mistyped(&mut self, key: &str, expected: &str, found: &DeValue<'_>, span: Range<usize>) {
        let label = format!("this is of type {}", found.type_str());
        self.wrong.push(Diagnostic::new(span, format!("`{key}` must be {expected}")).label(label));
    }

    fn missing(&mut self, span: &Range<usize>, what: &str, key: &str, help: &str) {
        self.wrong.push(Diagnostic::new(span.clone(), format!("{what} needs `{key}`")).help(help));
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.line_ends.partition_point(|end| *end < span.start) + 1
    }
}

fn action(word: &str, span: Range<usize>) -> Result<Action, Diagnostic> {
    let words = [("fail", Action::Fail), ("ignore", Action::Ignore), ("info", Action::Info), ("warn", Action::Warn)];
    one_of(word, span, "action", &words)
}

fn extended(id: &str, span: Range<usize>) -> Result<&'static Preset, Diagnostic> {
    preset::preset(id).ok_or_else(|| {
        Diagnostic::new(span, format!("there is no preset `{id}`"))
            .suggest(id, presets().iter().map(|preset| preset.id))
    })
}

fn one_of<T: Copy>(word: &str, span: Range<usize>, what: &str, words: &[(&str, T)]) -> Result<T, Diagnostic> {
    words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        Diagnostic::new(span, format!("unknown {what} `{word}`")).suggest(word, words.iter().map(|(name, _)| *name))
    })
}

fn bound<T: std::str::FromStr>(
    text: &str,
    span: Range<usize>,
    what: &str,
    words: &[&str],
) -> Result<Bound<T>, Diagnostic> {
    text.parse().map_err(|_| {
        let word = text.trim_start_matches(['<', '>', '=', ' ']);
        Diagnostic::new(span, format!("unknown {what} `{word}`"))
            .suggest(word, words.iter().copied())
            .help("a sign may stand before it: `>=`, `<=`, `>`, `<`")
    })
}

fn pattern(glob: Result<Glob, String>, text: &str, span: Range<usize>) -> Result<Glob, Diagnostic> {
    glob.map_err(|why| {
        let shown: String = text.chars().take(40).collect();
        let dots = if shown.len() < text.len() { "…" } else { "" };
        Diagnostic::new(span, format!("`{shown}{dots}` is no pattern")).label(why)
    })
}

fn rule_pattern(text: &str, span: Range<usize>, known: Known<'_>) -> Result<Glob, Diagnostic> {
    let glob = pattern(Glob::text(text), text, span.clone())?;
    let Known::Rules(rules) = known else { return Ok(glob) };
    let rules = || rules.iter().chain(RULES).copied();
    if rules().any(|rule| is_rule(&glob, rule)) {
        return Ok(glob);
    }
    let unknown = Diagnostic::new(span, format!("there is no rule `{text}`"));
    Err(match nearest_rule(&glob, rules()) {
        Some(hint) => unknown.help(hint),
        None => unknown,
    }
    .help("`careen rules` lists all rules"))
}

fn nearest_rule(glob: &Glob, rules: impl Iterator<Item = &'static Rule> + Clone) -> Option<String> {
    let text = glob.as_str();
    if !glob.is_literal() {
        let family = text.split('/').next().unwrap_or_default();
        let near = nearest(family, rules.map(Rule::family)).filter(|near| *near != family)?;
        return Some(format!("did you mean the family `{near}`?"));
    }
    if let Some(id) = nearest(text, rules.clone().map(|rule| rule.id)) {
        return Some(format!("did you mean `{id}`?"));
    }
    let old = nearest(text, rules.clone().flat_map(|rule| rule.also.iter().copied()))?;
    // in another tool one digit off is quite another rule, so it is said which
    let ids: Vec<&str> = rules.filter(|rule| rule.also.contains(&old)).map(|rule| rule.id).collect();
    Some(format!("did you mean `{old}`, which is `{}` here?", ids.join("`, `")))
}

fn family(text: &str, span: Range<usize>, known: Known<'_>) -> Result<String, Diagnostic> {
    let Known::Rules(rules) = known else { return Ok(text.to_owned()) };
    let families = families(rules);
    if families.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Diagnostic::new(span, format!("there is no family of rules `{text}`")).suggest(text, families))
}

fn fingerprint(text: &str, span: Range<usize>) -> Result<String, Diagnostic> {
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Diagnostic::new(span, "a fingerprint is 32 hexadecimal digits")
        .help("copy the `id` of the finding in a JSON report"))
}

fn date(value: &Value<'_>) -> Result<Date, Diagnostic> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        other => other.type_str().to_owned(),
    };
    // a time of day would leave open in which time zone
    let date = if text.len() == 10 { text.parse().ok() } else { None };
    date.ok_or_else(|| {
        Diagnostic::new(value.span(), "`expires` must be a day").help("write it as year, month, day: `2027-03-31`")
    })
}

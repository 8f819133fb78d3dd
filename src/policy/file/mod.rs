//! Reads a policy file: TOML with the place of every word, so that each error points at it.

pub mod case;
pub mod key;
pub(super) mod reader;
pub mod schema;
pub(super) mod vocabulary;
pub(super) mod word;

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::key::{BESIDE_POLICY, MATCH, POLICY, RULE, Table, WAIVER};
use self::reader::Reader;
use self::vocabulary::{ecosystem, licence, platform, purl};
use self::word::{
    action, bound, day, family, fingerprint, named, number, one_of, origin, pattern, table_action, text_pattern, time,
    time_bound, visibility,
};
use super::diagnostic::{self, Diagnostic};
use super::edition::{self, Edition};
use super::load;
use super::pattern::Glob;
use super::requirement::Requirements;
use super::selector::Selector;
use super::{Action, Extended, Policy, PolicyRule, Said, Scope, Waiver, When};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::rule::{Confidence, Rule, Severity};

/// Which rules a policy may name.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    /// These and the policy module's own.
    Rules(&'a [&'static Rule]),
    /// Any: for presets, which a test checks against all rules.
    Any,
}

/// What is known before a file is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Which rules it may name.
    pub(super) known: Known<'a>,
    /// What its waivers must say, unless it says so itself.
    pub(super) needs: &'a [&'static str],
    /// Whether errors are coloured.
    pub(super) colour: bool,
}

/// Reads the policy `source`, which errors call `name`.
pub(super) fn parse(name: &str, source: &str, reading: Reading<'_>) -> Result<Policy> {
    parse_with(name, source, reading, |reader, document| Some(reader.policy(document, reading.needs)))
        .map(|policy| policy.unwrap_or_else(|| Policy::named(escape(name))))
}

/// Reads the table `[policy]` of a larger file, where it has one.
pub(super) fn parse_inside(name: &str, source: &str, reading: Reading<'_>) -> Result<Option<Policy>> {
    parse_with(name, source, reading, |reader, document| {
        let table = reader.table(document, "policy")?;
        Some(reader.policy(table, reading.needs))
    })
}

fn parse_with(
    name: &str,
    source: &str,
    reading: Reading<'_>,
    read: impl FnOnce(&mut Reader<'_>, &DeTable<'_>) -> Option<Policy>,
) -> Result<Option<Policy>> {
    let (document, syntax) = DeTable::parse_recoverable(source);
    if let Some(first) = syntax.iter().filter_map(toml::de::Error::span).map(|span| span.start).min()
        && !has_key(document.get_ref())
    {
        // whatever it is, it is not shown: it may be any file of this machine
        let (line, column) = diagnostic::line_and_column(source, first);
        let what = format!("policy `{}` {NO_POLICY}", escape(name));
        let place = format!("{}:{line}:{column}", escape(name));
        let detail = format!("error: this {NO_POLICY}\n --> {place}");
        return Err(Error::new(ErrorKind::Config, what).at(place).detail(detail));
    }
    let mut reader = Reader::new(name, source, reading.known);
    let policy = if syntax.is_empty() { read(&mut reader, document.get_ref()) } else { None };
    let mut lines_said = BTreeSet::new();
    for error in &syntax {
        let span = error.span().unwrap_or_default();
        // what follows on the same line is mostly said because of the first
        if lines_said.insert(reader.line(&span)) {
            reader.wrong.push(Diagnostic::new(span, format!("not TOML: {}", error.message())));
        }
    }
    if reader.wrong.is_empty() {
        return Ok(policy);
    }
    Err(diagnostic::error(name, source, reader.wrong, reading.colour))
}

/// What is said of a file that has nothing of a policy.
const NO_POLICY: &str = "is no TOML, and has no key of a policy";

/// Whether a text has a key of a policy, however little else of it is one.
pub(super) fn is_begun(source: &str) -> bool {
    has_key(DeTable::parse_recoverable(source).0.get_ref())
}

/// Whether a key at the top is one of a policy, or of a configuration file that holds one.
fn has_key(top: &DeTable<'_>) -> bool {
    let is_known = |key: &str| key == "policy" || POLICY.keys.iter().any(|known| known.name == key);
    top.keys().any(|key| is_known(key.get_ref()))
}

impl Reader<'_> {
    fn policy(&mut self, top: &DeTable<'_>, needs: &[&'static str]) -> Policy {
        self.keys(top, &POLICY, "a policy");
        let name = self.text(top, "name");
        if name.as_ref().is_some_and(|name| name.starts_with("careen:")) {
            let span = top.get("name").map(Spanned::span).unwrap_or_default();
            self.wrong.push(Diagnostic::new(span, "names that begin with `careen:` are kept for presets"));
        }
        let requirements = Requirements::read(self, top);
        let needs = requirements.waivers.needs().map_or_else(|| needs.to_vec(), <[_]>::to_vec);
        let rules = self.tables(top, "rule").into_iter().filter_map(|(table, span)| self.rule(table, &span)).collect();
        let waivers = self
            .tables(top, "waiver")
            .into_iter()
            .filter_map(|(table, span)| self.waiver(table, &span, &needs))
            .collect();
        Policy {
            name: name.unwrap_or_else(|| escape(self.name)),
            description: self.text(top, "description"),
            edition: self.word(top, "edition", edition),
            extends: self.extends(top),
            rules,
            waivers,
            honours_inline: self.flag(top, "honour-inline"),
            scope: self.word(top, "scope", |word, span| {
                one_of(word, span, "scope", &[("all", Scope::All), ("app", Scope::App)])
            }),
            fails_on_new: self
                .word(top, "fail-on", |word, span| one_of(word, span, "value", &[("all", false), ("new", true)])),
            requirements,
            is_waivers_beside: false,
            cases: self.cases(top),
            tries: self.tries(top),
        }
    }

    /// `true` or `false`, with its place.
    pub(super) fn flag(&mut self, table: &DeTable<'_>, key: &str) -> Option<Said<bool>> {
        let span = table.get(key)?.span();
        let value = self.boolean(table, key)?;
        Some(self.at(value, &span))
    }

    /// What the file extends, each with its place.
    fn extends(&mut self, top: &DeTable<'_>) -> Vec<Extended> {
        let entries = self.list(top, "extends", |word, span| {
            load::check_extended(word, span.clone()).map(|()| (word.to_owned(), span))
        });
        entries.into_iter().map(|(word, span)| Extended { place: self.place(&span), word }).collect()
    }

    /// The policies that the cases of a file of tests try: such a file holds nothing else.
    fn tries(&mut self, top: &DeTable<'_>) -> Option<Said<Vec<String>>> {
        // `[policy]`, `[[policy]]`
        let is_table = |value: &DeValue<'_>| match value {
            DeValue::Array(entries) => entries.iter().any(|entry| matches!(entry.get_ref(), DeValue::Table(_))),
            value => matches!(value, DeValue::Table(_)),
        };
        if let Some(value) = top.get("policy").filter(|value| is_table(value.get_ref())) {
            self.wrong.push(
                Diagnostic::new(value.span(), "`[policy]` stands in `careen.toml` alone")
                    .help("in a policy its keys stand at the top: `extends`, `[[rule]]`, not `[[policy.rule]]`"),
            );
            return None;
        }
        let tries =
            self.said_list(top, "policy", |word, span| load::check_word(word, span).map(|()| word.to_owned()))?;
        for (key, _) in top.iter().filter(|(key, _)| !BESIDE_POLICY.contains(&key.get_ref().as_ref())) {
            let what = format!("`{}` beside `policy`: a file of tests holds nothing but `[[test]]`", key.get_ref());
            let help = "put the tests into the policy itself, without `policy`; or this into the policy";
            self.wrong.push(Diagnostic::new(key.span(), what).help(help));
        }
        Some(tries)
    }

    fn rule(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<PolicyRule> {
        self.keys(table, &RULE, "a rule");
        let selector = match table.get("match").map(|value| (value.get_ref(), value.span())) {
            Some((DeValue::Table(conditions), _)) => {
                self.keys(conditions, &MATCH, "`match`");
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
        let unless = self.unless(table);
        let grace = self.said(table, "grace", time);
        if let (Some(grace), Some(action)) = (&grace, action)
            && action != Action::Fail
        {
            let span = table.get("grace").map(Spanned::span).unwrap_or_default();
            let message = format!("`grace` of {} does nothing: only what fails can wait", grace.value);
            self.wrong.push(Diagnostic::new(span, message).help("say `action = \"fail\"`, or leave `grace` out"));
        }
        let name = self.text(table, "name").unwrap_or_else(|| format!("line {}", self.line(span)));
        let (message, help) = (self.text(table, "message"), self.text(table, "help"));
        let known = self.known;
        Some(PolicyRule {
            name,
            selector: selector?,
            unless,
            when: self.word(table, "when", |text, span| when(text, span, known)).map(|said| said.value),
            grace: grace.map(|said| said.value),
            action: action?,
            message,
            help,
            place: self.place(span),
        })
    }

    fn unless(&mut self, table: &DeTable<'_>) -> Option<Selector> {
        let conditions = self.table(table, "unless")?;
        self.keys(conditions, &MATCH, "`unless`");
        if conditions.is_empty() {
            let span = table.get("unless").map(Spanned::span).unwrap_or_default();
            let what = "an empty `unless` takes every finding away from the rule";
            self.wrong.push(Diagnostic::new(span, what).help("leave it out, or name what the rule is not about"));
        }
        Some(self.selector(conditions))
    }

    fn waiver(&mut self, table: &DeTable<'_>, span: &Range<usize>, needs: &[&'static str]) -> Option<Waiver> {
        const NEEDS: [(&str, &str); 4] = [
            ("reason", "say why this is accepted, for those who read it next year"),
            ("expires", "give the last day, such as `expires = 2027-03-31`"),
            ("owner", "say who answers for it"),
            ("ticket", "say where it is being worked on"),
        ];
        self.keys(table, &WAIVER, "a waiver");
        let wrong = self.wrong.len();
        let selector = self.selector(table);
        if !table.contains_key("rule") {
            self.missing(span, "a waiver", "rule", "name what is accepted, such as `rule = \"image/root-user\"`");
        }
        for (key, help) in NEEDS {
            if needs.contains(&key) && !table.contains_key(key) {
                self.missing(span, "a waiver", key, help);
            }
        }
        let expires = table.get("expires").and_then(|value| self.checked(day(value)));
        let waiver = Waiver {
            selector,
            reason: self.text(table, "reason"),
            expires,
            owner: self.text(table, "owner"),
            ticket: self.text(table, "ticket"),
            place: self.place(span),
        };
        (self.wrong.len() == wrong).then_some(waiver)
    }

    /// The conditions among the keys of `table`; those a table may not have were reported by [`Self::keys`].
    fn selector(&mut self, table: &DeTable<'_>) -> Selector {
        let known = self.known;
        if let Some(kev) = table.get("kev").filter(|_| table.contains_key("exploited")) {
            let what = "`kev` and `exploited` are one and the same";
            self.wrong.push(Diagnostic::new(kev.span(), what).help("leave one out"));
        }
        Selector {
            rules: self.list(table, "rule", |text, span| named(text, span, known)),
            families: self.list(table, "family", |text, span| family(text, span, known)),
            severities: self.list(table, "severity", |text, span| {
                bound(text, span, "severity", &Severity::ALL.map(|one| (one.as_str(), one)))
            }),
            confidences: self.list(table, "confidence", |text, span| {
                bound(text, span, "confidence", &Confidence::ALL.map(|one| (one.as_str(), one)))
            }),
            fixable: self.boolean(table, "fixable"),
            exploited: self.boolean(table, "exploited").or_else(|| self.boolean(table, "kev")),
            ages: self.list(table, "age", time_bound),
            fix_ages: self.list(table, "fix-age", time_bound),
            scores: self.numbers(table, "cvss", |text, span| number(text, span, "cvss", 10.0)),
            likelihoods: self.numbers(table, "epss", |text, span| number(text, span, "epss", 1.0)),
            origins: self.list(table, "origin", origin),
            visibilities: self.list(table, "visibility", visibility),
            paths: self.list(table, "path", |text, span| pattern(Glob::path(text), text, span)),
            subjects: self.list(table, "subject", text_pattern),
            purls: self.list(table, "purl", purl),
            ecosystems: self.list(table, "ecosystem", ecosystem),
            licences: self.list(table, "licence", licence),
            images: self.list(table, "image", text_pattern),
            platforms: self.list(table, "platform", platform),
            fingerprints: self.list(table, "fingerprint", fingerprint),
        }
    }

    /// What a table makes of what is against it: `fail` unless it says otherwise.
    pub(super) fn action_of_table(&mut self, table: &DeTable<'_>) -> Option<Said<Action>> {
        self.word(table, "action", table_action)
    }

    /// Begins to read a table of settings: names its unknown keys, and says if it has none at all.
    pub(super) fn settings<'t, 's>(
        &mut self,
        top: &'t DeTable<'s>,
        key: &str,
        known: &Table,
    ) -> Option<&'t DeTable<'s>> {
        let table = self.table(top, key)?;
        self.keys(table, known, &format!("`{}`", known.name));
        Some(table)
    }
}

/// A condition in CEL. Its problems are told at the very word, where the text stands in the file as it is.
#[cfg(feature = "cel")]
fn when(text: &str, span: Range<usize>, known: Known<'_>) -> Result<When, Diagnostic> {
    let rules = if let Known::Rules(rules) = known { rules } else { &[] };
    let condition = super::condition::Condition::compile_for(text, rules).map_err(|problem| {
        let quote = span.len().saturating_sub(text.len()) / 2;
        let is_plain = matches!(span.len().checked_sub(text.len()), Some(2 | 6));
        let inner = |at: usize| span.start.saturating_add(quote).saturating_add(at);
        let place = if is_plain { inner(problem.span.start)..inner(problem.span.end) } else { span.clone() };
        Diagnostic::new(place, problem.message)
    })?;
    Ok(When { text: text.to_owned(), condition })
}

/// Says that this build cannot evaluate conditions: to leave them out would open the gate.
#[cfg(not(feature = "cel"))]
fn when(_: &str, span: Range<usize>, _: Known<'_>) -> Result<When, Diagnostic> {
    Err(Diagnostic::new(span, "this build of careen knows no conditions").help("build it with `--features cel`"))
}

fn edition(word: &str, span: Range<usize>) -> Result<&'static Edition, Diagnostic> {
    edition::edition(word).ok_or_else(|| {
        Diagnostic::new(span, format!("edition `{word}` is not known to this version of careen"))
            .suggest(word, edition::EDITIONS.iter().map(|edition| edition.id))
    })
}

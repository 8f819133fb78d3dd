//! `[require]`: what an image must have.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Diagnostic;
use super::super::file::key::{Table, Takes, action_key, key};
use super::super::file::reader::Reader;
use super::super::file::word::{one_of, text_pattern};
use super::{Breaches, Shown, values};
use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::policy::{Action, ConfigFacts, Glob, ImageFacts, Said};
use crate::rule::{Place, Rule, Severity};
use crate::time::Timestamp;

/// What the value of a label may have to be.
const FORMS: &[&str] = &["any", "email", "hash", "rfc3339", "semver", "spdx", "text", "url"];

/// The keys of `[require]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[require]",
    about: "What an image must have",
    keys: &[
        action_key("what becomes of an image without: `fail` (the default), `warn` or `info`"),
        key("healthcheck", Takes::Boolean, "true", "false", "`true`: a health check that is not switched off"),
        key(
            "labels",
            Takes::Named(&LABEL),
            "{ \"org.opencontainers.image.source\" = \"url\" }",
            "{ \"org.opencontainers.image.source\" = \"link\" }",
            "labels, each with the form of its value (`any`, `email`, `hash`, `rfc3339`, `semver`, `spdx`, `text`, `url`) or a table of `form`, `pattern` and `optional`. Annotations of the manifest do not count",
        ),
        key(
            "provenance",
            Takes::Boolean,
            "true",
            "false",
            "`true`: a statement of how it was built, attached in its registry, where it is looked for if a policy asks",
        ),
        key("sbom", Takes::Boolean, "true", "false", "`true`: a bill of materials, attached in its registry"),
        key(
            "signature",
            Takes::Boolean,
            "true",
            "false",
            "`true`: a signature, attached in its registry; it is not verified",
        ),
        key("user", Takes::Sources, "\"non-root\"", "\"\"", "`non-root`, or globs over what `USER` says"),
    ],
};

/// What a label must be.
pub(in crate::policy) static LABEL: Table = Table {
    name: "labels",
    about: "What the value of a label must be",
    keys: &[
        key(
            "form",
            Takes::Word(FORMS),
            "\"url\"",
            "\"link\"",
            "`any` (the default) may be empty; `text` may not; `email`, `hash` (of a commit, 7 to 64 hexadecimal digits), `rfc3339`, `semver`, `spdx`, `url`",
        ),
        key("optional", Takes::Boolean, "true", "", "`true`: it may be missing; if it is there, it must fit"),
        key(
            "pattern",
            Takes::Source,
            "\"^team-[a-z]+$\"",
            "\"(\"",
            "regular expression that the value must match somewhere",
        ),
    ],
};

/// The image lacks what the policy asks for.
pub(super) static REQUIREMENT_MISSING: Rule = Rule {
    id: "policy/requirement-missing",
    title: "The image lacks what the policy asks for",
    severity: Severity::Medium,
    why: "The table `[require]` of the policy says what an image must have: labels, a user, a health check, a signature, \
          provenance, a bill of materials.",
    remediation: "Add what is missing where the image is built or pushed.",
    bad: "FROM debian:13",
    good: "FROM debian:13\nLABEL org.opencontainers.image.source=https://git.example/shop/api\nUSER 65532",
    places: &[Place::Config, Place::Image],
    ..Rule::NEW
};

/// The policy asks for something of which nothing is known.
pub(super) static NOT_JUDGED: Rule = Rule {
    id: "policy/not-judged",
    title: "The policy asks for something of which nothing is known",
    severity: Severity::Medium,
    is_gap: true,
    why: "What is attached to an image can be seen in a registry alone; a folder and a bill of materials have no \
          configuration, and a bill of materials no sizes. What is not known does not count as fulfilled.",
    remediation: "Scan the image in its registry, or take the requirement out of the policy that judges archives. In a \
                  `[[test]]`, say in `image` what the image has.",
    bad: "careen scan -p policy.toml image.tar",
    good: "careen scan -p policy.toml registry.example/shop/api:1.4",
    ..Rule::NEW
};

values! {
    /// `[require]`.
    RequireRules {
        /// What becomes of an image without.
        action: Action = "action",
        /// A health check.
        healthcheck: bool = "healthcheck",
        /// Labels and their forms.
        labels: Labels = "labels",
        /// A statement of how it was built.
        provenance: bool = "provenance",
        /// A bill of materials.
        sbom: bool = "sbom",
        /// A signature.
        signature: bool = "signature",
        /// Who it runs as.
        user: Vec<Glob> = "user",
    }
}

/// Labels by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::policy) struct Labels(BTreeMap<String, Label>);

impl Labels {
    /// Whether they ask less than others of some label.
    pub(in crate::policy) fn lack(&self, others: &Self) -> bool {
        others.0.iter().any(|(name, asked)| {
            let is_as_strict = |own: &Label| {
                let is_same = own.form == asked.form && own.pattern() == asked.pattern();
                // any other form is some text, and that is anything
                let is_any =
                    asked.pattern.is_none() && (asked.form == "any" || (asked.form == "text" && own.form != "any"));
                (is_same || is_any) && (asked.is_optional || !own.is_optional)
            };
            !self.0.get(name).is_some_and(is_as_strict)
        })
    }
}

/// What a label must be.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Label {
    form: &'static str,
    pattern: Option<Regex>,
    is_optional: bool,
}

impl Label {
    fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(Regex::as_str)
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        (self.form, self.is_optional, self.pattern()) == (other.form, other.is_optional, other.pattern())
    }
}

impl Shown for Labels {
    fn shown(&self) -> String {
        let label = |(name, label): (&String, &Label)| {
            let pattern = label.pattern.as_ref().map(|p| format!(", pattern = {}", p.as_str().to_owned().shown()));
            let optional = if label.is_optional { ", optional = true" } else { "" };
            format!(
                "{} = {{ form = \"{}\"{}{optional} }}",
                name.clone().shown(),
                label.form,
                pattern.unwrap_or_default()
            )
        };
        format!("{{ {} }}", self.0.iter().map(label).collect::<Vec<_>>().join(", "))
    }
}

impl RequireRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "require", &TABLE) else { return Self::default() };
        Self {
            action: reader.action_of_table(table),
            healthcheck: required(reader, table, "healthcheck"),
            labels: labels(reader, table),
            provenance: required(reader, table, "provenance"),
            sbom: required(reader, table, "sbom"),
            signature: required(reader, table, "signature"),
            user: reader.said_list(table, "user", text_pattern),
        }
    }

    pub(super) fn judge(&self, image: &ImageFacts, breaches: &mut Breaches<'_>) {
        if let Some(config) = &image.config {
            self.judge_config(config, breaches);
        } else {
            no_config(self.healthcheck.as_ref(), "healthcheck", breaches);
            no_config(self.labels.as_ref(), "labels", breaches);
            no_config(self.user.as_ref(), "user", breaches);
        }
        let attached = |of: fn(&crate::inventory::Attested) -> bool| image.attested.as_ref().map(of);
        let attachments = [
            (&self.provenance, "provenance", "a statement of how it was built", attached(|all| all.has_provenance)),
            (&self.sbom, "sbom", "a bill of materials", attached(|all| all.has_bill)),
            (&self.signature, "signature", "a signature", attached(|all| all.has_signature)),
        ];
        for (said, key, what, has) in attachments {
            let Some(said) = said else { continue };
            match has {
                Some(true) => {}
                Some(false) => {
                    let message = format!("the registry lists no such thing as {what} for it");
                    breaches.image(said, key, &REQUIREMENT_MISSING, key, message);
                }
                None => {
                    let message = format!("the policy asks for {what}, and nobody looked for it in a registry");
                    breaches.image(said, key, &NOT_JUDGED, key, message);
                }
            }
        }
    }

    fn judge_config(&self, config: &ConfigFacts, breaches: &mut Breaches<'_>) {
        let field = |key: &str| Location::Config { key: key.to_owned() };
        if let Some(said) = self.healthcheck.as_ref().filter(|_| !config.healthcheck) {
            let message = "the policy asks for a health check, and the image has none";
            breaches.add(
                said,
                "healthcheck",
                Finding::new(&REQUIREMENT_MISSING, "healthcheck", field("Healthcheck"), message),
            );
        }
        if let Some(said) = self.user.as_ref().filter(|said| !said.value.iter().any(|wanted| is_user(wanted, config))) {
            let shown = if config.user.is_empty() { "no user".into() } else { format!("`{}`", escape(&config.user)) };
            let wanted: Vec<&str> = said.value.iter().map(Glob::as_str).collect();
            let message = format!("it runs as {shown}; the policy asks for {}", escape(wanted.join(" or ")));
            breaches.add(said, "user", Finding::new(&REQUIREMENT_MISSING, "user", field("User"), message));
        }
        let Some(said) = &self.labels else { return };
        for (name, label) in &said.value.0 {
            let shown = escape(name);
            let message = match config.labels.get(name) {
                None if label.is_optional => continue,
                None => format!("the policy asks for the label `{shown}`"),
                Some(value) => match label.wrong(value) {
                    None => continue,
                    Some(wanted) => format!("the label `{shown}` is not {wanted}"),
                },
            };
            let finding = Finding::new(&REQUIREMENT_MISSING, shown, field(&format!("Labels.{name}")), message);
            breaches.add(said, "labels", finding);
        }
    }
}

/// Says that there is no configuration in which what the policy asks for could be seen.
fn no_config<T>(said: Option<&Said<T>>, key: &str, breaches: &mut Breaches<'_>) {
    if let Some(said) = said {
        let message = format!("the policy asks for `{key}`, and there is no configuration to look at");
        breaches.image(said, key, &NOT_JUDGED, key, message);
    }
}

fn is_user(wanted: &Glob, config: &ConfigFacts) -> bool {
    match wanted.as_str() {
        "non-root" => config.uid.is_some_and(|uid| uid != 0),
        _ => wanted.is_match(&config.user),
    }
}

/// `key = true`; to ask for nothing the key is left out.
fn required(reader: &mut Reader<'_>, table: &DeTable<'_>, key: &str) -> Option<Said<bool>> {
    let span = table.get(key)?.span();
    if reader.boolean(table, key)? {
        return Some(reader.at(true, &span));
    }
    let what = format!("`{key} = false` asks for nothing");
    reader.wrong.push(Diagnostic::new(span, what).help("leave it out"));
    None
}

fn labels(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Said<Labels>> {
    let span = table.get("labels")?.span();
    let entries = reader.table(table, "labels")?;
    let mut labels = BTreeMap::new();
    for (name, value) in entries {
        let label = match value.get_ref() {
            DeValue::String(word) => {
                let form = reader.checked(form(word, value.span()))?;
                Label { form, pattern: None, is_optional: false }
            }
            DeValue::Table(table) => {
                reader.keys(table, &LABEL, "a label");
                let form = reader.word(table, "form", form).map_or("any", |said| said.value);
                let pattern = reader.word(table, "pattern", regular).map(|said| said.value);
                Label { form, pattern, is_optional: reader.boolean(table, "optional").unwrap_or(false) }
            }
            other => {
                reader.mistyped(name.get_ref(), "a form such as `\"url\"`, or a table", other, value.span());
                continue;
            }
        };
        labels.insert(name.get_ref().to_string(), label);
    }
    Some(reader.at(Labels(labels), &span))
}

fn form(word: &str, span: Range<usize>) -> Result<&'static str, Diagnostic> {
    let words: Vec<(&str, &'static str)> = FORMS.iter().map(|word| (*word, *word)).collect();
    one_of(word, span, "form", &words)
}

/// A regular expression that cannot grow large.
fn regular(text: &str, span: Range<usize>) -> Result<Regex, Diagnostic> {
    let wrong =
        |why: String| Diagnostic::new(span.clone(), "this is no regular expression that careen takes").label(why);
    if text.chars().count() > 512 {
        return Err(wrong("longer than 512 characters".into()));
    }
    RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => wrong("too large when compiled".into()),
        // the rest of the message draws the expression once more
        error => wrong(error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()),
    })
}

impl Label {
    /// What the value should be and is not.
    fn wrong(&self, value: &str) -> Option<String> {
        let value = value.trim();
        let (wanted, fits) = match self.form {
            "email" => ("an address of mail", is_mail(value)),
            "hash" => (
                "the hash of a commit",
                (7..=64).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_hexdigit()),
            ),
            "rfc3339" => ("a time of RFC 3339", value.parse::<Timestamp>().is_ok()),
            "semver" => ("a version of semantic versioning", is_semver(value)),
            "spdx" => ("an SPDX expression", crate::inventory::licence::can_be_met(value, |_, _, _| true).is_some()),
            "text" => ("any text", !value.is_empty()),
            "url" => ("an address", is_url(value)),
            _ => ("", true),
        };
        if !fits {
            return Some(wanted.to_owned());
        }
        let pattern = self.pattern.as_ref().filter(|pattern| !pattern.is_match(value))?;
        Some(format!("of the form `{}`", escape(pattern.as_str())))
    }
}

fn is_url(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme
        && !rest.is_empty()
        && !rest.starts_with('/')
        && !value.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_mail(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.contains('@') && !value.contains(char::is_whitespace)
    })
}

/// <https://semver.org>, 2.0.0, grammar.
fn is_semver(value: &str) -> bool {
    let (rest, build) = value.split_once('+').map_or((value, None), |(rest, build)| (rest, Some(build)));
    let (core, before) = rest.split_once('-').map_or((rest, None), |(core, before)| (core, Some(before)));
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_before = |part: &str| is_word(part) && (!part.bytes().all(|b| b.is_ascii_digit()) || is_number(part));
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && before.is_none_or(|before| before.split('.').all(is_before))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

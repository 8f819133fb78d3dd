//! Rules and allowances of a user: files in careen's own form, and in that of gitleaks (its documentation of
//! configuration, version 8). Both are TOML; which one it is, its tables tell.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use regex::bytes::Regex;
use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, ErrorKind, Result};
use crate::nearest::nearest;

use super::gitleaks;
use super::rule::{self, Defaults, Draft, RawRule};

/// Bytes of one file and of all files, and rules and allowances of all files.
pub const LONGEST: usize = 4 << 20;
const LONGEST_IN_ALL: usize = 16 << 20;
const MOST: usize = 2_000;

/// Bytes that all patterns of all files may take once compiled.
const COMPILED_IN_ALL: usize = 256 << 20;

/// Bytes of one pattern.
const LONGEST_PATTERN: usize = 64 << 10;

/// Most bytes that a rule may look at round an anchor.
const WIDEST: usize = 64 << 10;

/// What a note on a secret begins with that a user's file allows; place and reason follow.
pub(super) const NOTE: &str = "allowed by the rules in ";

/// What users' files say besides rules.
#[derive(Default)]
pub(super) struct UserSettings {
    pub(super) allows: Vec<Allow>,
    /// Rules that hold in some files only, by id.
    pub(super) places: Vec<(String, Regex)>,
}

/// What is no secret, or one that is accepted. Of empty lists nothing is asked.
#[derive(Default)]
pub(super) struct Allow {
    /// Ids of rules; all if there are none.
    pub(super) rules: Vec<String>,
    /// Ids of secrets.
    pub(super) fingerprints: Vec<String>,
    pub(super) paths: Vec<Regex>,
    pub(super) patterns: Vec<Regex>,
    pub(super) target: Target,
    /// Parts of values, lower case.
    pub(super) stop_words: Vec<String>,
    /// Whether all of these must hold, and not just one.
    pub(super) wants_all: bool,
    pub(super) reason: String,
    /// File and line.
    pub(super) place: String,
}

/// What patterns of an allowance are held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// The value.
    #[default]
    Value,
    /// The lines it stands in.
    Line,
}

/// A file in careen's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUserFile {
    provider: Option<String>,
    variable: Option<String>,
    why: Option<String>,
    remediation: Option<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    rule: Vec<Spanned<RawRule>>,
    disable: Option<RawDisable>,
    #[serde(default)]
    allow: Vec<Spanned<RawAllow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDisable {
    rules: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAllow {
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    secrets: Vec<String>,
    /// Globs: `*` within a folder, `**` across folders.
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    stop_words: Vec<String>,
    reason: String,
}

/// The rules that come with careen and those of `files`, each with its name and text, from now on; what is worth
/// a look in the files.
///
/// Must be called before anything is searched.
pub fn use_rules(files: &[(String, String)]) -> Result<Vec<String>> {
    let (set, notices) = read(files)?;
    if rule::install(set) {
        Ok(notices)
    } else {
        Err(Error::new(ErrorKind::Internal, "the rules of secrets are in use already"))
    }
}

fn read(files: &[(String, String)]) -> Result<(rule::RuleSet, Vec<String>)> {
    let mut reading = Reading {
        draft: Draft::built_in(),
        settings: UserSettings::default(),
        notices: Vec::new(),
        count: 0,
        compiled: 0,
    };
    let mut length = 0_usize;
    for (name, text) in files {
        let file = UserFile { name, text };
        length = length.saturating_add(text.len());
        if length > LONGEST_IN_ALL {
            return Err(file.error(
                0,
                "all files of rules together are larger than 16 MiB",
                "leave out what is not needed",
            ));
        }
        if text.len() > LONGEST {
            return Err(file.error(0, "it is larger than 4 MiB", "leave out what is not needed"));
        }
        let table: toml::Table = toml::from_str(text).map_err(|error| file.toml(&error))?;
        let is_gitleaks = ["rules", "extend", "allowlist", "allowlists"].iter().any(|key| table.contains_key(*key));
        if is_gitleaks {
            gitleaks::read(&file, &mut reading)?;
        } else {
            reading.own(&file)?;
        }
    }
    Ok((reading.draft.finish(reading.settings), reading.notices))
}

/// A file at hand.
#[derive(Clone, Copy)]
pub(super) struct UserFile<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl UserFile<'_> {
    /// File and line of an offset.
    pub(super) fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count().saturating_add(1);
        format!("{}:{line}", self.name)
    }

    pub(super) fn error(&self, offset: usize, what: impl Into<String>, help: &str) -> Error {
        Error::new(ErrorKind::Config, what).at(self.place(offset)).help(help)
    }

    pub(super) fn toml(&self, error: &toml::de::Error) -> Error {
        let offset = error.span().map_or(0, |span| span.start);
        self.error(
            offset,
            format!("the rules are wrong: {}", without_texts(error.message())),
            "`docs/secrets.md` tells the form",
        )
    }
}

/// A message without the texts in double quotes, which are the file's own: one may be a secret.
fn without_texts(message: &str) -> String {
    let parts = message.split('"').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "\"…\"" }).collect()
}

/// What the files gave so far.
pub(super) struct Reading {
    draft: Draft,
    pub(super) settings: UserSettings,
    /// What was left out of a file, a sentence each.
    pub(super) notices: Vec<String>,
    count: usize,
    /// Bytes of compiled patterns, rounded up.
    compiled: usize,
}

impl Reading {
    fn own(&mut self, file: &UserFile<'_>) -> Result<()> {
        let raw: RawUserFile = toml::from_str(file.text).map_err(|error| file.toml(&error))?;
        let references: Vec<&'static str> = raw.references.into_iter().map(rule::leak_text).collect();
        let defaults = Defaults {
            family: "user",
            provider: raw.provider.as_deref().unwrap_or("Own rules"),
            variable: raw.variable.as_deref().unwrap_or("SECRET"),
            why: raw.why.as_deref().unwrap_or("A rule of your own says that such a value is secret."),
            remediation: raw.remediation.as_deref().unwrap_or("Revoke the secret where it was issued."),
            references: rule::leak(references),
        };
        for one in raw.rule {
            let offset = one.span().start;
            self.add(file, offset, one.into_inner(), &defaults)?;
        }
        for name in raw.disable.into_iter().flat_map(|disable| disable.rules) {
            let offset = name.span().start;
            self.disable(file, offset, name.get_ref())?;
        }
        for one in raw.allow {
            let offset = one.span().start;
            self.own_allow(file, offset, one.into_inner())?;
        }
        Ok(())
    }

    fn own_allow(&mut self, file: &UserFile<'_>, offset: usize, raw: RawAllow) -> Result<()> {
        if raw.reason.trim().is_empty() {
            return Err(file.error(offset, "an `[[allow]]` says no `reason`", "say why these are no secrets"));
        }
        let lists = [&raw.rules, &raw.secrets, &raw.paths, &raw.patterns, &raw.stop_words];
        if lists.iter().all(|list| list.is_empty()) {
            let help = "name `rules`, `secrets`, `paths`, `patterns` or `stop_words`";
            return Err(file.error(offset, "an `[[allow]]` allows everything", help));
        }
        for id in &raw.rules {
            self.known(file, offset, id)?;
        }
        for source in &raw.patterns {
            self.spend(file, offset, source)?;
        }
        let regex = |source: &str| compile(file, offset, source);
        let paths = raw.paths.iter().map(|glob| regex(&of_glob(glob))).collect::<Result<_>>()?;
        let patterns = raw.patterns.iter().map(|source| regex(source)).collect::<Result<_>>()?;
        self.allow(
            file,
            offset,
            Allow {
                rules: raw.rules.iter().map(|id| full(id)).collect(),
                fingerprints: raw.secrets,
                paths,
                patterns,
                stop_words: raw.stop_words.iter().map(|word| word.to_lowercase()).collect(),
                wants_all: true,
                reason: raw.reason,
                ..Allow::default()
            },
        )
    }

    /// Adds an allowance that the file says at `offset`.
    pub(super) fn allow(&mut self, file: &UserFile<'_>, offset: usize, allow: Allow) -> Result<()> {
        self.counted(file, offset)?;
        self.settings.allows.push(Allow { place: file.place(offset), ..allow });
        Ok(())
    }

    /// Adds a rule; one of the same id makes way.
    pub(super) fn add(
        &mut self,
        file: &UserFile<'_>,
        offset: usize,
        raw: RawRule,
        defaults: &Defaults<'_>,
    ) -> Result<()> {
        self.counted(file, offset)?;
        let wrong = |what: String| file.error(offset, what, "`docs/secrets.md` tells the form of rules");
        let id = raw.id.clone();
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if id.is_empty() || id.len() > 80 || !id.bytes().all(is_name) {
            return Err(wrong(
                "a rule's `id` is made of small letters, digits and hyphens, such as `acme-token`".into(),
            ));
        }
        if raw.pattern.as_ref().is_some_and(|pattern| pattern.len() > LONGEST_PATTERN) {
            return Err(wrong(format!("the pattern of rule `{id}` is longer than 64 KiB")));
        }
        if raw.before > WIDEST || raw.length.is_some_and(|length| length > WIDEST) {
            return Err(wrong(format!("rule `{id}` looks at more than 64 KiB")));
        }
        let starts = raw.anchors.len().saturating_add(raw.context.len()).saturating_add(raw.schemes.len());
        let is_short = |text: &rule::Text| text.len() < 2;
        if raw.group.is_none() && (starts == 0 || raw.anchors.iter().chain(&raw.context).any(is_short)) {
            return Err(wrong(format!("rule `{id}` needs `anchors`, texts of at least two bytes that each match has")));
        }
        if raw.group.is_some()
            || raw.pattern.as_ref().is_some_and(|pattern| pattern.len() > 256 || pattern.contains('{'))
        {
            self.spend(file, offset, raw.pattern.as_deref().unwrap_or_default())?;
        }
        self.draft.remove(&full(&id));
        let added = self.draft.add(raw, defaults).map_err(|what| wrong(format!("rule `{id}`: {what}")))?;
        if matches!(added.matcher, rule::Matcher::Pattern { .. }) && added.regex().is_none() {
            return Err(wrong(format!("the pattern of rule `{id}` is none, or too large")));
        }
        Ok(())
    }

    /// Takes a rule away.
    pub(super) fn disable(&mut self, file: &UserFile<'_>, offset: usize, id: &str) -> Result<()> {
        self.known(file, offset, id)?;
        self.draft.remove(&full(id));
        Ok(())
    }

    fn known(&self, file: &UserFile<'_>, offset: usize, id: &str) -> Result<()> {
        let wanted = full(id);
        if self.draft.ids().any(|known| known == wanted) {
            return Ok(());
        }
        let help = match nearest(&wanted, self.draft.ids()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`careen rules` lists them".to_owned(),
        };
        Err(file.error(offset, format!("there is no rule `{wanted}`"), &help))
    }

    /// Counts what a pattern takes once compiled.
    pub(super) fn spend(&mut self, file: &UserFile<'_>, offset: usize, source: &str) -> Result<()> {
        if source.len() > LONGEST_PATTERN {
            return Err(file.error(offset, "a pattern is longer than 64 KiB", "leave out what is not needed"));
        }
        self.compiled = self.compiled.saturating_add(rule::compiled_size(source));
        if self.compiled > COMPILED_IN_ALL {
            let what = "all patterns together take more than 256 MiB once compiled";
            return Err(file.error(offset, what, "leave out what is not needed, or count less far in repetitions"));
        }
        Ok(())
    }

    fn counted(&mut self, file: &UserFile<'_>, offset: usize) -> Result<()> {
        self.count = self.count.saturating_add(1);
        if self.count > MOST {
            return Err(file.error(
                offset,
                "there are more than 2000 rules and allowances",
                "leave out what is not needed",
            ));
        }
        Ok(())
    }
}

/// A pattern of limited length and size.
pub(super) fn compile(file: &UserFile<'_>, offset: usize, source: &str) -> Result<Regex> {
    let wrong = |what: String| file.error(offset, what, "patterns are those of Rust's crate `regex`");
    if source.len() > LONGEST_PATTERN {
        return Err(wrong("a pattern is longer than 64 KiB".into()));
    }
    rule::regex_of(source).map_err(|what| wrong(format!("a pattern is wrong: {what}")))
}

/// `acme-token` and `secret/acme-token` are one.
pub(super) fn full(id: &str) -> String {
    if id.starts_with("secret/") { id.to_owned() } else { format!("secret/{id}") }
}

fn of_glob(glob: &str) -> String {
    let mut pattern = "\\A/?".to_owned();
    let mut rest = glob.strip_prefix('/').unwrap_or(glob);
    while let Some(first) = rest.chars().next() {
        let (taken, part) = if rest.starts_with("**/") {
            (3, "(?s:.*/)?".to_owned())
        } else if rest.starts_with("**") {
            (2, "(?s:.*)".to_owned())
        } else {
            match first {
                '*' => (1, "[^/]*".to_owned()),
                '?' => (1, "[^/]".to_owned()),
                other => (other.len_utf8(), regex::escape(rest.get(..other.len_utf8()).unwrap_or_default())),
            }
        };
        pattern.push_str(&part);
        rest = rest.get(taken..).unwrap_or_default();
    }
    pattern + "\\z"
}

impl UserSettings {
    /// Whether the rule holds in the file of this path.
    pub(super) fn holds(&self, rule: &str, path: &[u8]) -> bool {
        self.places.iter().all(|(of, pattern)| of != rule || pattern.is_match(path))
    }

    /// The note on a secret that a user's file allows; of an allowance the first.
    pub(super) fn note(&self, rule: &str, id: &str, bytes: &[u8], span: &Range<usize>, path: &[u8]) -> Option<String> {
        let allow = self.allows.iter().find(|allow| allow.holds(rule, id, bytes, span, path))?;
        Some(format!("{NOTE}{}: {}", allow.place, allow.reason))
    }
}

impl Allow {
    fn holds(&self, rule: &str, id: &str, bytes: &[u8], span: &Range<usize>, path: &[u8]) -> bool {
        if !self.rules.is_empty() && !self.rules.iter().any(|of| of == rule) {
            return false;
        }
        let value = bytes.get(span.clone()).unwrap_or_default();
        let target = if self.target == Target::Line { lines(bytes, span) } else { value };
        let lower = value.to_ascii_lowercase();
        let asked = [
            (self.fingerprints.is_empty(), self.fingerprints.iter().any(|known| known == id)),
            (self.paths.is_empty(), self.paths.iter().any(|pattern| pattern.is_match(path))),
            (self.patterns.is_empty(), self.patterns.iter().any(|pattern| pattern.is_match(target))),
            (
                self.stop_words.is_empty(),
                self.stop_words.iter().any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some()),
            ),
        ];
        let mut answers = asked.into_iter().filter(|(is_empty, _)| !is_empty).map(|(_, holds)| holds).peekable();
        answers.peek().is_none() || if self.wants_all { answers.all(|holds| holds) } else { answers.any(|holds| holds) }
    }
}

/// The lines round a value, of which no more than 1 KiB on either side.
fn lines<'a>(bytes: &'a [u8], span: &Range<usize>) -> &'a [u8] {
    const REACH: usize = 1 << 10;
    let least = span.start.saturating_sub(REACH);
    let before = bytes.get(least..span.start).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(least, |feed| least.saturating_add(feed).saturating_add(1));
    let most = span.end.saturating_add(REACH).min(bytes.len());
    let after = bytes.get(span.end..most).unwrap_or_default();
    let end = memchr::memchr(b'\n', after).map_or(most, |feed| span.end.saturating_add(feed));
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;

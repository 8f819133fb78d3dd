//! `[fix]`: what `careen fix` may do unseen, what it must leave alone, and what it sets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Diagnostic;
use super::super::file::key::{Table, Takes, key};
use super::super::file::reader::Reader;
use super::super::file::word::{count, one_of, pattern, text_pattern};
use super::{Shown, values};
use crate::escape::escape;
use crate::policy::{Glob, Said};

/// Kinds of fixes, as `careen fix --only` and `--skip` name them too. Sorted.
pub const FIX_GROUPS: &[&str] =
    &["caches", "env", "healthcheck", "labels", "leftovers", "permissions", "secrets", "setuid", "user", "waste"];

/// The keys of `[fix]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[fix]",
    about: "What `careen fix` may do unseen, and what it sets",
    keys: &[
        key(
            "allow",
            Takes::Words(FIX_GROUPS),
            "[\"caches\", \"leftovers\"]",
            "[\"cache\"]",
            "kinds of fixes that need nobody's look: what the plan marks with `review` is done without `--yes`. `waste` is planned only where it is named here or with `--waste`",
        ),
        key(
            "annotations",
            Takes::Table(&ANNOTATIONS),
            "{ remove = \"com.example.build.*\" }",
            "{ remove = [] }",
            "annotations of the manifest",
        ),
        key("env", Takes::Table(&ENV), "{ remove = \"BUILD_*\" }", "{ remove = [] }", "variables of the environment"),
        key(
            "healthcheck",
            Takes::Table(&HEALTHCHECK),
            "{ test = [\"CMD\", \"/srv/healthy\"] }",
            "{ test = [] }",
            "the health check of an image that has none; a command is never made up",
        ),
        key(
            "keep",
            Takes::Patterns,
            "[\"/srv/app/.git/**\"]",
            "\"a{b\"",
            "globs over paths that no fix changes or takes out, as they are stored and where they lie; a file changes under none of its names",
        ),
        key(
            "keep-setid",
            Takes::Patterns,
            "[\"/usr/bin/sudo\"]",
            "\"a{b\"",
            "globs over paths of programs that stay setuid and setgid, under all names of the file",
        ),
        key("labels", Takes::Table(&LABELS), "{ remove = \"com.example.*\" }", "{ remove = [] }", "labels"),
        key(
            "user",
            USER,
            "\"10001:10001\"",
            "\"app\"",
            "`UID` or `UID:GID`, in numbers: who an image starts as that starts as root",
        ),
    ],
};

/// The keys of `annotations`.
pub(in crate::policy) static ANNOTATIONS: Table = Table {
    name: "[fix.annotations]",
    about: "Annotations of the manifest",
    keys: &[key("remove", Takes::Patterns, "\"com.example.*\"", "[]", "globs over keys that go")],
};

/// The keys of `env`.
pub(in crate::policy) static ENV: Table = Table {
    name: "[fix.env]",
    about: "Variables of the environment",
    keys: &[key("remove", Takes::Patterns, "\"BUILD_*\"", "[]", "globs over names that go")],
};

/// The keys of `labels`.
pub(in crate::policy) static LABELS: Table = Table {
    name: "[fix.labels]",
    about: "Labels",
    keys: &[
        key("remove", Takes::Patterns, "\"com.example.*\"", "[]", "globs over keys that go"),
        key(
            "set",
            Takes::Texts,
            "{ \"org.opencontainers.image.vendor\" = \"Example\" }",
            "{ \"org.opencontainers.image.vendor\" = 1 }",
            "labels that are set",
        ),
    ],
};

/// A number below 2^31.
macro_rules! number {
    () => {
        "0*([0-9]{1,9}|1[0-9]{9}|20[0-9]{8}|21[0-3][0-9]{7}|214[0-6][0-9]{6}|2147[0-3][0-9]{5}|21474[0-7][0-9]{4}\
         |214748[0-2][0-9]{3}|2147483[0-5][0-9]{2}|21474836[0-3][0-9]|214748364[0-7])"
    };
}

/// `UID` or `UID:GID`.
const USER: Takes = Takes::Form(concat!("^", number!(), "(:", number!(), ")?$"));

/// A time of a health check: more than nothing.
const DURATION: Takes = Takes::Form("^\\s*0*[1-9][0-9]*\\s*(ms|s|m|h)\\s*$");

/// The keys of `healthcheck`.
pub(in crate::policy) static HEALTHCHECK: Table = Table {
    name: "[fix.healthcheck]",
    about: "The health check of an image that has none",
    keys: &[
        key("interval", DURATION, "\"30s\"", "\"1d\"", "time between two checks: `500ms`, `30s`, `5m`, `1h`"),
        key("retries", Takes::Count, "3", "-1", "failures in a row after which the container is unhealthy"),
        key("start-period", DURATION, "\"10s\"", "\"soon\"", "time in which failures do not count"),
        key(
            "test",
            Takes::Sources,
            "[\"CMD\", \"/srv/healthy\"]",
            "[]",
            "required: `[\"CMD\", PROGRAM, ARGUMENT…]`, `[\"CMD-SHELL\", TEXT]`, or a text alone for the shell",
        ),
        key("timeout", DURATION, "\"5s\"", "\"5\"", "time after which a check has failed"),
    ],
};

values! {
    /// `[fix]`.
    FixRules {
        /// Kinds that need nobody's look.
        allow: Vec<&'static str> = "allow",
        /// Annotations that go.
        annotations: Removed = "annotations",
        /// Variables that go.
        env: Removed = "env",
        /// For images without.
        healthcheck: Healthcheck = "healthcheck",
        /// Paths that stay.
        keep: Vec<Glob> = "keep",
        /// Programs that stay setuid.
        keep_setid: Vec<Glob> = "keep-setid",
        /// Labels that go or are set.
        labels: Labels = "labels",
        /// Who to start as.
        user: RunAs = "user",
    }
}

/// Names that go.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::policy) struct Removed(Vec<Glob>);

/// Labels that go or are set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::policy) struct Labels {
    remove: Vec<Glob>,
    set: BTreeMap<String, String>,
}

/// A health check, as Docker's configuration has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `CMD` or `CMD-SHELL` and what follows.
    pub test: Vec<String>,
    /// Between two checks, in nanoseconds.
    pub interval: Option<i64>,
    /// Until a check has failed, in nanoseconds.
    pub timeout: Option<i64>,
    /// In which failures do not count, in nanoseconds.
    pub start_period: Option<i64>,
    /// Failures in a row.
    pub retries: Option<u64>,
}

/// Who a process starts as, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAs {
    /// User.
    pub uid: u32,
    /// Group, where it is named.
    pub gid: Option<u32>,
}

impl FromStr for RunAs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().filter(|number| *number <= i32::MAX.unsigned_abs());
            number.filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let (uid, gid) = match text.split_once(':') {
            Some((uid, gid)) => (number(uid), Some(number(gid).ok_or("write `UID:GID` in numbers below 2^31")?)),
            None => (number(text), None),
        };
        Ok(Self { uid: uid.ok_or("write `UID` or `UID:GID` in numbers below 2^31")?, gid })
    }
}

impl std::fmt::Display for RunAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.gid {
            Some(gid) => write!(f, "{}:{gid}", self.uid),
            None => write!(f, "{}", self.uid),
        }
    }
}

/// What the policies say of fixes, taken together.
#[derive(Debug, Clone, Default)]
pub struct FixPolicy {
    /// Kinds that need nobody's look.
    pub allow: Vec<&'static str>,
    /// Annotations that go.
    pub remove_annotations: Vec<Glob>,
    /// Variables that go.
    pub remove_env: Vec<Glob>,
    /// Labels that go.
    pub remove_labels: Vec<Glob>,
    /// Labels that are set.
    pub set_labels: BTreeMap<String, String>,
    /// For images without.
    pub healthcheck: Option<Healthcheck>,
    /// Paths that stay.
    pub keep: Vec<Glob>,
    /// Programs that stay setuid.
    pub keep_setid: Vec<Glob>,
    /// Who to start as.
    pub user: Option<RunAs>,
}

impl super::Requirements {
    /// What they say of fixes.
    pub fn fix(&self) -> FixPolicy {
        fn value<T: Clone>(said: Option<&Said<T>>) -> Option<T> {
            said.map(|said| said.value.clone())
        }
        let fix = &self.fix;
        let labels = value(fix.labels.as_ref()).unwrap_or_default();
        FixPolicy {
            allow: value(fix.allow.as_ref()).unwrap_or_default(),
            remove_annotations: value(fix.annotations.as_ref()).unwrap_or_default().0,
            remove_env: value(fix.env.as_ref()).unwrap_or_default().0,
            remove_labels: labels.remove,
            set_labels: labels.set,
            healthcheck: value(fix.healthcheck.as_ref()),
            keep: value(fix.keep.as_ref()).unwrap_or_default(),
            keep_setid: value(fix.keep_setid.as_ref()).unwrap_or_default(),
            user: value(fix.user.as_ref()),
        }
    }
}

impl FixRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "fix", &TABLE) else { return Self::default() };
        let words: Vec<(&str, &'static str)> = FIX_GROUPS.iter().map(|word| (*word, *word)).collect();
        let path = |text: &str, span| pattern(Glob::path(text), text, span);
        Self {
            allow: reader.said_list(table, "allow", |word, span| one_of(word, span, "kind of fix", &words)),
            annotations: removed(reader, table, "annotations", &ANNOTATIONS),
            env: removed(reader, table, "env", &ENV),
            healthcheck: healthcheck(reader, table),
            keep: reader.said_list(table, "keep", path),
            keep_setid: reader.said_list(table, "keep-setid", path),
            labels: labels(reader, table),
            user: reader.word(table, "user", |text, span| {
                text.parse().map_err(|why: String| {
                    Diagnostic::new(span, format!("`{}` is no user in numbers", escape(text))).label(why)
                })
            }),
        }
    }
}

fn removed(reader: &mut Reader<'_>, table: &DeTable<'_>, key: &str, known: &Table) -> Option<Said<Removed>> {
    let span = table.get(key)?.span();
    let inner = reader.settings(table, key, known)?;
    let remove = reader.list(inner, "remove", text_pattern);
    Some(reader.at(Removed(remove), &span))
}

fn labels(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Said<Labels>> {
    let span = table.get("labels")?.span();
    let inner = reader.settings(table, "labels", &LABELS)?;
    let remove = reader.list(inner, "remove", text_pattern);
    let mut set = BTreeMap::new();
    for (key, value) in reader.table(inner, "set").into_iter().flatten() {
        match value.get_ref() {
            DeValue::String(text) => {
                set.insert(key.get_ref().to_string(), text.to_string());
            }
            other => reader.mistyped(key.get_ref(), "a string", other, value.span()),
        }
    }
    Some(reader.at(Labels { remove, set }, &span))
}

fn healthcheck(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Said<Healthcheck>> {
    let span = table.get("healthcheck")?.span();
    let inner = reader.settings(table, "healthcheck", &HEALTHCHECK)?;
    if !inner.contains_key("test") {
        reader.missing(&span, "`healthcheck`", "test", "say what is run: `test = [\"CMD\", \"/srv/healthy\"]`");
    }
    let mut test = reader.list(inner, "test", |text, span| {
        if text.contains('\0') { Err(Diagnostic::new(span, "no command holds a NUL")) } else { Ok(text.to_owned()) }
    });
    // a list says itself how its words are run
    let is_text = inner.get("test").is_some_and(|value| value.get_ref().is_str());
    let is_word = matches!(test.as_slice(), [word] if matches!(word.as_str(), "NONE" | "CMD" | "CMD-SHELL"));
    if is_text && !test.is_empty() && !is_word {
        test.insert(0, "CMD-SHELL".to_owned());
    }
    let says_what = test.get(1).is_some_and(|word| !word.trim().is_empty());
    let is_check = says_what && matches!(test.first().map(String::as_str), Some("CMD" | "CMD-SHELL"));
    if !(test.is_empty() || is_check) {
        let span = inner.get("test").map(toml::Spanned::span).unwrap_or_default();
        let help = "write `[\"CMD\", PROGRAM, ARGUMENT…]`, `[\"CMD-SHELL\", TEXT]`, or a text alone for the shell";
        reader.wrong.push(Diagnostic::new(span, "this is no health check").help(help));
    }
    let nanoseconds = |reader: &mut Reader<'_>, key| reader.word(inner, key, duration).map(|said| said.value);
    let check = Healthcheck {
        test,
        interval: nanoseconds(reader, "interval"),
        timeout: nanoseconds(reader, "timeout"),
        start_period: nanoseconds(reader, "start-period"),
        retries: reader.said(inner, "retries", count).map(|said| said.value),
    };
    Some(reader.at(check, &span))
}

/// `500ms`, `30s`, `5m`, `1h` in nanoseconds.
fn duration(text: &str, span: Range<usize>) -> Result<i64, Diagnostic> {
    const UNITS: &[(&str, i64)] =
        &[("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];
    let value = UNITS.iter().find_map(|(unit, size)| {
        let number = text.trim().strip_suffix(unit)?.trim_end();
        let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<i64>().ok())??;
        number.checked_mul(*size).filter(|value| *value > 0)
    });
    value.ok_or_else(|| {
        Diagnostic::new(span, format!("`{}` is no time", escape(text))).help("write it as `500ms`, `30s`, `5m`, `1h`")
    })
}

impl Shown for Removed {
    fn shown(&self) -> String {
        format!("{{ remove = {} }}", self.0.shown())
    }
}

impl Shown for Labels {
    fn shown(&self) -> String {
        let set: Vec<String> =
            self.set.iter().map(|(key, text)| format!("{} = {}", key.shown(), text.shown())).collect();
        let mut parts = Vec::new();
        if !self.remove.is_empty() {
            parts.push(format!("remove = {}", self.remove.shown()));
        }
        if !set.is_empty() {
            parts.push(format!("set = {{ {} }}", set.join(", ")));
        }
        format!("{{ {} }}", parts.join(", "))
    }
}

impl Shown for Healthcheck {
    fn shown(&self) -> String {
        format!("{{ test = {} }}", self.test.shown())
    }
}

impl Shown for RunAs {
    fn shown(&self) -> String {
        format!("\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers() {
        for (text, expected) in [("0", Some((0, None))), ("10001:0", Some((10001, Some(0))))] {
            assert_eq!(text.parse::<RunAs>().ok().map(|user| (user.uid, user.gid)), expected, "{text}");
        }
        for text in ["", "app", "1:", ":1", "+1", "-1", "4294967296", "2147483648", "1:app", "1:2:3"] {
            assert!(text.parse::<RunAs>().is_err(), "{text}");
        }
    }
}

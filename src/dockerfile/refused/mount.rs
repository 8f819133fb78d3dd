//! `RUN --mount`.

use super::super::{Span, Word};
use super::{Judge, quoted};
use crate::nearest::nearest;

/// All kinds.
const KINDS: &[&str] = &["bind", "cache", "secret", "ssh", "tmpfs"];

/// All keys.
const KEYS: &[&str] = &[
    "destination",
    "dst",
    "env",
    "from",
    "gid",
    "id",
    "mode",
    "readonly",
    "readwrite",
    "required",
    "ro",
    "rw",
    "sharing",
    "size",
    "source",
    "src",
    "target",
    "type",
    "uid",
];

/// What was read of a mount.
struct Mount {
    kind: String,
    target: Option<String>,
    /// Keys that stand there with something behind them, by their main name.
    keys: Vec<&'static str>,
}

impl Mount {
    fn has(&self, key: &str) -> bool {
        self.keys.contains(&key)
    }
}

impl Judge<'_> {
    /// Judges one mount, in the order in which `BuildKit` reads its fields.
    pub(super) fn mount(&mut self, word: &Word) {
        // a list of comma-separated values, whose quotes are another matter
        if word.text.contains('"') {
            return;
        }
        if word.text.is_empty() {
            return self.refuse(word.span, "`--mount` is empty; write such as `type=cache,target=/root/.cache`");
        }
        let is_exact = self.file.source(word.span) == word.text;
        let mut mount = Mount { kind: "bind".into(), target: None, keys: Vec::new() };
        let mut at = 0_usize;
        for field in word.text.split(',') {
            let start = word.span.start.saturating_add(at);
            let span = if is_exact { Span::new(start, start.saturating_add(field.len())) } else { word.span };
            at = at.saturating_add(field.len()).saturating_add(1);
            let (key, value) = field.split_once('=').map_or((field, None), |(key, value)| (key, Some(value)));
            let key = key.to_ascii_lowercase();
            match value {
                // what a variable makes of the kind, all others hang on
                Some(value) if key == "type" && value.contains('$') => return,
                Some(value) if value.contains('$') && key != "from" => {
                    if let Some(error) = self.scope().expand(value).error {
                        return self.refuse(span, format!("`{}` cannot be read: {error}", quoted(value)));
                    }
                    if let Some(key) = KEYS.iter().find(|known| **known == key) {
                        mount.take(key, None);
                        continue;
                    }
                }
                _ => {}
            }
            if let Err(message) = mount.field(&key, value, field) {
                return self.refuse(span, message);
            }
            if let Some(value) = value.filter(|_| key == "from") {
                self.mount_source(span, value);
            }
        }
        if let Some(message) = self.whole(&mount) {
            self.refuse(word.span, message);
        }
    }

    fn mount_source(&mut self, span: Span, value: &str) {
        // a number is a name here
        if value.parse::<i64>().is_err() {
            self.stage_or_image(span, value);
        }
    }

    /// What is wrong with a mount whose fields are right.
    fn whole(&self, mount: &Mount) -> Option<String> {
        let kind = mount.kind.as_str();
        if matches!(kind, "bind" | "tmpfs")
            && let Some(key) = ["mode", "uid", "gid"].into_iter().find(|key| mount.has(key))
        {
            return Some(format!("a mount of the type `{kind}` has no `{key}`"));
        }
        if kind != "cache" && mount.has("sharing") {
            return Some(format!("`sharing` is for caches, and this is a mount of the type `{kind}`"));
        }
        if kind == "secret" {
            if mount.has("from") {
                return Some("a secret comes from the one who builds, so that there is no `from`".into());
            }
            if mount.has("source") && mount.has("id") {
                return Some("`id` and `source` are the same; write one of them".into());
            }
            if !["id", "source", "target", "env"].into_iter().any(|key| mount.has(key)) {
                return Some("the mount says not which secret; write `id=`".into());
            }
        }
        if !matches!(kind, "bind" | "cache" | "tmpfs") {
            return None;
        }
        match mount.target.as_deref() {
            Some(path) if path.starts_with('/') && path.split('/').all(|part| matches!(part, "" | ".")) => {
                Some("nothing can be mounted on `/`".into())
            }
            _ if !mount.has("target") && self.works_at_root() => {
                Some("the mount says not where it goes; write `target=`".into())
            }
            _ => None,
        }
    }
}

impl Mount {
    fn take(&mut self, key: &str, value: Option<&str>) {
        let main = match key {
            "dst" | "destination" | "target" => "target",
            "src" | "source" => "source",
            key => KEYS.iter().copied().find(|known| *known == key).unwrap_or_default(),
        };
        if main == "target" {
            self.target = value.map(str::to_owned);
        }
        // without text behind it, it is as if it were not there
        if value.is_none_or(|value| !value.is_empty()) {
            self.keys.push(main);
        }
    }

    /// Reads one field that holds no variable.
    fn field(&mut self, key: &str, value: Option<&str>, field: &str) -> Result<(), String> {
        let shown = quoted(field);
        let only_of = |kinds: &[&str]| {
            if kinds.contains(&self.kind.as_str()) {
                Ok(())
            } else {
                Err(format!("a mount of the type `{}` has no `{key}`; the type must stand before it", self.kind))
            }
        };
        let Some(value) = value else {
            return match key {
                "readonly" | "ro" | "readwrite" | "rw" => Ok(()),
                "required" => only_of(&["secret", "ssh"]),
                _ => Err(format!("`{shown}` in `--mount` is no `key=value`")),
            };
        };
        let wants = |is_right: bool, what: &str| if is_right { Ok(()) } else { Err(format!("`{shown}`: {what}")) };
        match key {
            "type" => {
                let kind = value.to_ascii_lowercase();
                if !KINDS.contains(&kind.as_str()) {
                    let near = nearest(&kind, KINDS.iter().copied());
                    let near = near.map_or_else(
                        || format!("; it is `{}`", KINDS.join("`, `")),
                        |near| format!("; did you mean `{near}`?"),
                    );
                    return Err(format!("there is no mount of the type `{}`{near}", quoted(value)));
                }
                self.kind = kind;
                return Ok(());
            }
            "readonly" | "ro" | "readwrite" | "rw" => wants(is_bool(value), "it is `true` or `false`")?,
            "required" => {
                only_of(&["secret", "ssh"])?;
                wants(is_bool(value), "it is `true` or `false`")?;
            }
            "size" => {
                only_of(&["tmpfs"])?;
                wants(is_size(value), "it is a size such as `64m`")?;
            }
            "sharing" => {
                let known = ["shared", "private", "locked"].contains(&value.to_ascii_lowercase().as_str());
                wants(known, "it is `shared`, `private` or `locked`")?;
            }
            "mode" => wants(u32::from_str_radix(value, 8).is_ok() && !value.starts_with('+'), "it is octal digits")?,
            "uid" | "gid" => wants(value.parse::<u32>().is_ok() && !value.starts_with('+'), "it is a number")?,
            _ if KEYS.contains(&key) => {}
            _ => {
                let near = nearest(key, KEYS.iter().copied());
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(format!("`--mount` has no key `{}`{near}", quoted(key)));
            }
        }
        self.take(key, Some(value));
        Ok(())
    }
}

/// As Go's `strconv.ParseBool` has it.
fn is_bool(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False")
}

/// A number and a unit: `64m`, `1.5 GiB`.
fn is_size(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.strip_suffix(unit).unwrap_or_default();
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let scale = unit.strip_prefix(['k', 'm', 'g', 't', 'p']).unwrap_or(&unit);
    number.parse::<f64>().is_ok() && matches!(scale, "" | "b" | "i" | "ib")
}

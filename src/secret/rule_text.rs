//! Reads the rule files that come with careen: the part of TOML (1.0) they keep to, without copying their text.
//!
//! Each line is blank, a comment, `[[rule]]`, or a key with a text, number, switch or list of texts; lists that only
//! tests read go on to a line `]`. A test holds this against a reader of all of TOML on every file: for more than a
//! thousand rules that one takes as long as a Dockerfile may take in all.

use std::borrow::Cow;
use std::str::Lines;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error;

use super::rule::{RawFile, RawRule};

/// Reads a file; what is wrong with it if it keeps not to that part.
pub(super) fn read(text: &'static str) -> Result<RawFile, String> {
    let mut file = RawFile::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[[rule]]" {
            file.rule.push(RawRule::default());
            continue;
        }
        let (key, value) = line.split_once(" = ").ok_or_else(|| format!("no key in `{line}`"))?;
        if matches!(key, "examples" | "near_misses") {
            skip(value, &mut lines)?;
            continue;
        }
        let item = Item { key, value };
        match file.rule.last_mut() {
            Some(rule) => item.of_rule(rule)?,
            None => item.of_file(&mut file)?,
        }
    }
    Ok(file)
}

/// Passes over a list that goes on to a line `]`.
fn skip(value: &str, lines: &mut Lines<'_>) -> Result<(), String> {
    let ends = value != "[" || lines.any(|line| line == "]");
    let is_whole = value == "[" || value.ends_with(']');
    if ends && is_whole { Ok(()) } else { Err("a list of examples has no end".into()) }
}

/// `key = value`.
#[derive(Clone, Copy)]
struct Item {
    key: &'static str,
    value: &'static str,
}

impl Item {
    fn of_file(self, file: &mut RawFile) -> Result<(), String> {
        match self.key {
            "provider" => file.provider = self.text()?,
            "variable" => file.variable = self.text()?,
            "why" => file.why = self.text()?,
            "remediation" => file.remediation = self.text()?,
            "references" => file.references = self.list()?,
            _ => return Err(self.wrong("is no key of a file")),
        }
        Ok(())
    }

    fn of_rule(self, rule: &mut RawRule) -> Result<(), String> {
        match self.key {
            "id" => rule.id = self.text()?,
            "title" => rule.title = self.text()?,
            "severity" => rule.severity = self.text()?,
            "confidence" => rule.confidence = Some(self.text()?),
            "anchors" => rule.anchors = self.list()?,
            "ignore_case" => rule.ignore_case = self.read()?,
            "pattern" => rule.pattern = Some(self.text()?),
            "context" => rule.context = self.list()?,
            "assignment" => rule.assignment = self.read()?,
            "schemes" => rule.schemes = self.list()?,
            "before" => rule.before = self.read()?,
            "length" => rule.length = Some(self.read()?),
            "left" => rule.left = Some(self.word()?),
            "right" => rule.right = Some(self.word()?),
            "entropy" => rule.entropy = Some(self.read()?),
            "quality" => rule.quality = Some(self.word()?),
            "check" => rule.check = Some(self.text()?),
            "file_check" => rule.file_check = Some(self.text()?),
            "files" => rule.files = self.list()?,
            "hide" => rule.hide = self.read()?,
            "ships_in_packages" => rule.ships_in_packages = self.read()?,
            "shown" => rule.shown = Some(self.read()?),
            "rank" => rule.rank = Some(self.read()?),
            "variable" => rule.variable = Some(self.text()?),
            "why" => rule.why = Some(self.text()?),
            "remediation" => rule.remediation = Some(self.text()?),
            "also" => rule.also = self.list()?,
            _ => return Err(self.wrong("is no key of a rule")),
        }
        Ok(())
    }

    fn wrong(self, what: &str) -> String {
        format!("`{} = {}` {what}", self.key, self.value)
    }

    /// A number or a switch.
    fn read<T: std::str::FromStr>(self) -> Result<T, String> {
        self.value.parse().map_err(|_| self.wrong("is no such number or switch"))
    }

    /// A word of a list of words.
    fn word<T: Deserialize<'static>>(self) -> Result<T, String> {
        let word: &str = &self.text()?;
        T::deserialize(word.into_deserializer()).map_err(|error: Error| self.wrong(&error.to_string()))
    }

    fn text(self) -> Result<Cow<'static, str>, String> {
        match text(self.value) {
            Some((text, "")) => Ok(text),
            _ => Err(self.wrong("is no text")),
        }
    }

    fn list(self) -> Result<Vec<Cow<'static, str>>, String> {
        let wrong = || self.wrong("is no list of texts");
        let mut rest = self.value.strip_prefix('[').ok_or_else(wrong)?;
        let mut list = Vec::new();
        while rest != "]" {
            let (item, after) = text(rest).ok_or_else(wrong)?;
            list.push(item);
            rest = after.strip_prefix(", ").unwrap_or(after);
        }
        Ok(list)
    }
}

/// A text in quotes at the beginning, and what stands behind it.
fn text(value: &'static str) -> Option<(Cow<'static, str>, &'static str)> {
    if let Some(rest) = value.strip_prefix("'''") {
        // quotes that stand right before those at the end are part of the text
        let first = rest.find("'''")?;
        let more = rest.get(first + 3..)?.bytes().take(2).take_while(|byte| *byte == b'\'').count();
        return Some((Cow::Borrowed(rest.get(..first + more)?), rest.get(first + more + 3..)?));
    }
    if let Some(rest) = value.strip_prefix('\'') {
        let (text, after) = rest.split_once('\'')?;
        return Some((Cow::Borrowed(text), after));
    }
    let rest = value.strip_prefix('"')?;
    let end = rest.find(['"', '\\'])?;
    let plain = rest.get(..end)?;
    if rest.as_bytes().get(end) == Some(&b'"') {
        return Some((Cow::Borrowed(plain), rest.get(end + 1..)?));
    }
    let mut text = plain.to_owned();
    let mut signs = rest.get(end..)?.chars();
    loop {
        match signs.next()? {
            '"' => return Some((Cow::Owned(text), signs.as_str())),
            '\\' => text.push(match signs.next()? {
                'n' => '\n',
                't' => '\t',
                sign @ ('"' | '\\') => sign,
                _ => return None,
            }),
            sign => text.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule_files::RULE_FILES;
    use super::*;

    #[test]
    fn every_file_reads_as_in_all_of_toml() {
        for (name, text) in RULE_FILES {
            let all: RawFile = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(read(text) == Ok(all), "{name}: {:?}", read(text).err());
        }
    }

    #[test]
    fn what_is_no_part_of_it_is_refused() {
        let file = |line: &'static str| read(line).map(|file| file.provider);
        assert_eq!(file(r#"provider = "a \"b\"\\\n""#), Ok("a \"b\"\\\n".into()));
        assert_eq!(file("provider = '''a'b''''"), Ok("a'b'".into()));
        assert_eq!(file("provider = 'a\\b'"), Ok("a\\b".into()));
        for line in [
            "provider",
            "provider = 1",
            "provider = \"a",
            "provider = \"a\" b",
            "provider = \"\\x\"",
            "other = \"a\"",
            "references = [\"a\"",
            "references = [1]",
            "[rule]",
            "examples = [\n",
            "[[rule]]\nhide = yes",
            "[[rule]]\nleft = \"many\"",
        ] {
            assert!(file(line).is_err(), "{line}");
        }
    }
}

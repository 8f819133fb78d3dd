//! Reads rules in the form of gitleaks 8 (its README, "Configuration"): patterns of Go's RE2 dialect, held against
//! a whole file that has one of the rule's keywords in it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;
use toml::Spanned;

use crate::error::Result;

use super::rule::{Defaults, RawRule};
use super::user::{Allow, Reading, Target, UserFile, compile, full};

/// A configuration; keys that mean nothing to a search of files are passed over.
#[derive(Deserialize)]
struct Config {
    extend: Option<Extend>,
    #[serde(default)]
    rules: Vec<Spanned<GitleaksRule>>,
    allowlist: Option<Spanned<Allowlist>>,
    #[serde(default)]
    allowlists: Vec<Spanned<Allowlist>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extend {
    path: Option<String>,
    url: Option<String>,
    #[serde(default)]
    disabled_rules: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GitleaksRule {
    id: String,
    description: Option<String>,
    regex: Option<String>,
    secret_group: Option<usize>,
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    path: Option<String>,
    allowlist: Option<Allowlist>,
    #[serde(default)]
    allowlists: Vec<Allowlist>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allowlist {
    description: Option<String>,
    condition: Option<String>,
    regex_target: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    target_rules: Vec<String>,
}

/// Adds what `file` says to `reading`.
pub(super) fn read(file: &UserFile<'_>, reading: &mut Reading) -> Result<()> {
    let config: Config = toml::from_str(file.text).map_err(|error| file.toml(&error))?;
    for one in config.rules {
        let offset = one.span().start;
        add(file, offset, one.into_inner(), reading)?;
    }
    if let Some(extend) = config.extend {
        if extend.path.is_some() || extend.url.is_some() {
            reading.notices.push(format!(
                "{}: `extend` names another file, which was not read; name it with `--secret-rules` too",
                file.name
            ));
        }
        for id in extend.disabled_rules {
            // ids of gitleaks' own rules are not those of careen's
            if reading.disable(file, id.span().start, &slug(id.get_ref())).is_err() {
                reading.notices.push(format!("{}: there is no rule `{}` to disable", file.name, id.get_ref()));
            }
        }
    }
    for list in config.allowlist.into_iter().chain(config.allowlists) {
        let offset = list.span().start;
        allow(file, offset, list.into_inner(), None, reading)?;
    }
    Ok(())
}

fn add(file: &UserFile<'_>, offset: usize, raw: GitleaksRule, reading: &mut Reading) -> Result<()> {
    let id = slug(&raw.id);
    let Some(regex) = raw.regex else {
        let name = file.name;
        reading
            .notices
            .push(format!("{name}: rule `{id}` has no `regex` and was left out: careen judges no bare paths"));
        return Ok(());
    };
    let title = raw.description.unwrap_or_else(|| format!("A secret by rule {id}"));
    let rule = RawRule {
        id: id.clone().into(),
        title: title.trim_end_matches('.').to_owned().into(),
        severity: "medium".into(),
        confidence: Some("medium".into()),
        anchors: raw.keywords.into_iter().filter(|word| !word.is_empty()).map(Into::into).collect(),
        pattern: Some(of_go(&regex).into()),
        left: Some(super::charset::Charset::None),
        right: Some(super::charset::Charset::None),
        entropy: Some(raw.entropy.unwrap_or(0.0)),
        quality: Some(super::rule::Quality::None),
        shown: Some(0),
        rank: Some(21),
        group: Some(raw.secret_group.unwrap_or(0)),
        ..RawRule::default()
    };
    let defaults = Defaults {
        family: "user",
        provider: "Own rules",
        variable: "SECRET",
        why: "A rule of your own says that such a value is secret.",
        remediation: "Revoke the secret where it was issued.",
        references: &[],
    };
    reading.add(file, offset, rule, &defaults)?;
    if let Some(path) = raw.path {
        reading.settings.places.push((full(&id), compile(file, offset, &of_go(&path))?));
    }
    for list in raw.allowlist.into_iter().chain(raw.allowlists) {
        allow(file, offset, list, Some(&id), reading)?;
    }
    Ok(())
}

fn allow(file: &UserFile<'_>, offset: usize, list: Allowlist, rule: Option<&str>, reading: &mut Reading) -> Result<()> {
    if list.paths.is_empty() && list.regexes.is_empty() && list.stopwords.is_empty() {
        // of commits, which files of images have none of
        return Ok(());
    }
    for source in list.paths.iter().chain(&list.regexes) {
        reading.spend(file, offset, &of_go(source))?;
    }
    let compiled = |sources: &[String]| -> Result<Vec<_>> {
        sources.iter().map(|source| compile(file, offset, &of_go(source))).collect()
    };
    let rules = match rule {
        Some(rule) => vec![full(rule)],
        None => list.target_rules.iter().map(|id| full(&slug(id))).collect(),
    };
    // gitleaks' `match` may reach beyond the value: the line is what comes nearest
    let target = if list.regex_target.is_some() { Target::Line } else { Target::Value };
    let reason = list.description.unwrap_or_else(|| "an allowlist".into());
    let wants_all = list.condition.is_some_and(|word| word.eq_ignore_ascii_case("and"));
    let (paths, patterns) = (compiled(&list.paths)?, compiled(&list.regexes)?);
    let stop_words = list.stopwords.iter().map(|word| word.to_lowercase()).collect();
    reading.allow(
        file,
        offset,
        Allow { rules, paths, patterns, target, stop_words, wants_all, reason, ..Allow::default() },
    )
}

/// Ids of gitleaks are any text; careen's are small letters, digits and hyphens.
fn slug(id: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    id.chars().take(80).map(sign).collect()
}

/// A pattern of Go as one of Rust. What differs: `\Q…\E`, braces that repeat nothing, `\<`, and in classes
/// brackets and doubled signs, which are signs like others in Go.
fn of_go(source: &str) -> String {
    let mut pattern = String::with_capacity(source.len());
    let mut rest = source;
    let mut in_class = false;
    while let Some(sign) = rest.chars().next() {
        let after = rest.get(sign.len_utf8()..).unwrap_or_default();
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let (text, end) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            pattern.push_str(&regex::escape(text));
            rest = end;
            continue;
        }
        if sign == '\\' {
            let escaped = after.chars().next();
            match escaped {
                Some(sign @ ('<' | '>')) => pattern.push(sign),
                Some(sign) => pattern.extend(['\\', sign]),
                None => pattern.push('\\'),
            }
            rest = after.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default();
            continue;
        }
        rest = after;
        match (sign, in_class) {
            ('[', false) => {
                in_class = true;
                pattern.push('[');
                if let Some(negated) = rest.strip_prefix('^') {
                    pattern.push('^');
                    rest = negated;
                }
                if let Some(after) = rest.strip_prefix(']') {
                    pattern.push_str("\\]");
                    rest = after;
                }
            }
            ('[', true) if rest.starts_with(':') => match rest.split_once(":]") {
                Some((name, after)) => {
                    pattern.push('[');
                    pattern.push_str(name);
                    pattern.push_str(":]");
                    rest = after;
                }
                None => pattern.push_str("\\["),
            },
            ('[', true) => pattern.push_str("\\["),
            ('&' | '~', true) => pattern.extend(['\\', sign]),
            ('-', true) if rest.starts_with('-') => pattern.push_str("\\-"),
            (']', true) => {
                in_class = false;
                pattern.push(']');
            }
            ('{', false) if !is_repetition(rest) => pattern.push_str("\\{"),
            (sign, _) => pattern.push(sign),
        }
    }
    pattern
}

/// Whether what follows a brace makes it a repetition: `3}`, `3,}`, `3,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inner, _)) = rest.split_once('}') else { return false };
    let mut parts = inner.splitn(2, ',');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.next().is_some_and(is_number) && parts.next().is_none_or(|most| most.is_empty() || is_number(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_go_become_patterns_of_rust() {
        let cases = [
            (r"a{2}b{1,}c{1,3}", "aabccc", true),
            (r"\$\{[a-z]+}", "${name}", true),
            (r"{{x}}", "{{x}}", true),
            (r"[[a-z]+x", "[abx", true),
            (r"[]a]+$", "]a", true),
            (r"\Qa.b\E+", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            (r"\<tag\>", "<tag>", true),
            (r"[a&&b]+", "&b", true),
            (r"(?i)[[:alnum:]_]{4}\z", "AB_9", true),
            (r"\pL+x", "x", false),
        ];
        for (source, text, expected) in cases {
            let pattern = super::super::rule::regex_of(&of_go(source)).expect(source);
            assert_eq!(pattern.is_match(text.as_bytes()), expected, "{source}");
        }
    }
}

//! `.hadolint.yaml` (<https://github.com/hadolint/hadolint>, "Configure"): rules that are ignored, severities, the
//! severity that fails, trusted registries, and labels that are asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::dockerfile::lint;
use crate::error::Result;
use crate::rule::Rule;

use super::draft::{Condition, Draft, Gate, Step, Waived};
use super::names::{self, Tool};
use super::tree::Node;
use super::{File, Kind, has_yaml_key};

pub(super) static KIND: Kind = Kind {
    id: "hadolint",
    what: "rules that hadolint ignores, and what it fails on",
    names: &[".hadolint.yaml", ".hadolint.yml", "hadolint.yaml", "hadolint.yml"],
    looks: |text| {
        has_yaml_key(text, &["ignored", "trustedRegistries", "failure-threshold", "label-schema", "override"])
    },
    read,
};

/// hadolint judges Dockerfiles, not images.
const FAMILIES: &[&str] = &["dockerfile"];

/// Rules that careen has for Dockerfiles which cannot be built: nothing accepts those.
const SYNTAX: &str = "dockerfile/syntax";

/// Severities of hadolint, by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ignore,
    Style,
    Info,
    Warning,
    Error,
}

impl Level {
    fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "error" => Self::Error,
            "warning" => Self::Warning,
            "info" => Self::Info,
            "style" => Self::Style,
            "ignore" => Self::Ignore,
            _ => return None,
        })
    }

    /// What hadolint 2.15 gives a rule; most are warnings.
    fn of_rule(id: &str) -> Self {
        const ERRORS: &[&str] = &[
            "DL1000", "DL3000", "DL3004", "DL3011", "DL3012", "DL3020", "DL3021", "DL3023", "DL3024", "DL3026",
            "DL3043", "DL3044", "DL3061", "DL4000", "DL4004",
        ];
        const INFOS: &[&str] = &[
            "DL3001", "DL3009", "DL3010", "DL3015", "DL3019", "DL3047", "DL3049", "DL3050", "DL3059", "DL3060",
            "DL3066",
        ];
        match id {
            "DL1001" | "DL3057" => Self::Ignore,
            "DL3048" => Self::Style,
            id if ERRORS.contains(&id) => Self::Error,
            id if INFOS.contains(&id) => Self::Info,
            _ => Self::Warning,
        }
    }

    /// What careen does with a finding of this level where no threshold is named.
    fn action(self) -> &'static str {
        match self {
            Self::Error => "fail",
            Self::Warning => "warn",
            Self::Info | Self::Style => "info",
            Self::Ignore => "ignore",
        }
    }
}

/// What the file says, with the line of each.
#[derive(Default)]
struct Settings {
    ignored: Vec<(usize, String)>,
    /// The last of several counts.
    levels: BTreeMap<String, (usize, Level)>,
    threshold: Option<(usize, Level)>,
}

impl Settings {
    /// What becomes of an image that is against a table made of a rule of this level.
    fn action_of_table(&self, level: Level) -> &'static str {
        match self.threshold {
            Some((_, threshold)) if level >= threshold => "fail",
            Some(_) => "warn",
            None if level == Level::Ignore => "info",
            None => level.action(),
        }
    }
}

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.yaml()?;
    if !top.is_table() && !top.items().is_empty() {
        return Err(file.wrong(top.line, "a configuration of hadolint is a table"));
    }
    let mut settings = Settings::default();
    let mut registries: &[Node] = &[];
    let mut schema = None;
    for (key, value) in top.entries() {
        let line = value.line;
        match key.as_str() {
            "ignored" => settings.ignored = value.items().iter().map(|id| (id.line, text(id))).collect(),
            "override" => overrides(draft, value, &mut settings),
            "failure-threshold" => match value.text() {
                Some("none") => draft.leave(line, "failure-threshold: none", "`--no-fail` lets nothing fail"),
                Some(word) => match Level::parse(word) {
                    Some(level) => settings.threshold = Some((line, level)),
                    None => draft.leave(line, &format!("failure-threshold: {word}"), "it is no severity"),
                },
                None => {}
            },
            "trustedRegistries" => registries = value.items(),
            "label-schema" => schema = Some(value),
            "strict-labels" if top.is_set(key) => {
                draft.leave(line, key, "careen has no rule against labels that nobody asks for");
            }
            "no-fail" if top.is_set(key) => draft.leave(line, key, "`--no-fail` lets nothing fail"),
            "disable-ignore-pragma" if top.is_set(key) => draft.refuse_comments(line, key),
            "disable-ignore-pragma" | "no-fail" | "strict-labels" => {}
            "format" | "no-color" | "verbose" => {
                draft.leave(line, key, "how findings are shown is no matter of a policy");
            }
            _ => draft.leave(line, key, "the key is none of hadolint's"),
        }
    }
    levels(draft, &settings);
    let judges_registries = !settings.ignored.iter().any(|(_, id)| id.eq_ignore_ascii_case("DL3026"));
    if let Some(first) = registries.first().filter(|_| judges_registries) {
        trusted(draft, first.line, registries, &settings);
    }
    if let Some(schema) = schema {
        labels(draft, schema, &settings);
    }
    ignored(draft, &settings);
    Ok(())
}

fn text(node: &Node) -> String {
    node.text().unwrap_or_default().to_owned()
}

fn overrides(draft: &mut Draft<'_>, value: &Node, settings: &mut Settings) {
    for (word, ids) in value.entries() {
        let Some(level) = Level::parse(word) else {
            draft.leave(ids.line, word, "it is no severity");
            continue;
        };
        for id in ids.items() {
            settings.levels.insert(text(id).to_ascii_uppercase(), (id.line, level));
        }
    }
}

/// Rules of careen that are the same as one of hadolint.
fn rules_of(draft: &Draft<'_>, id: &str) -> Vec<&'static str> {
    let mut rules = draft.index.rules_of(id, FAMILIES);
    rules.retain(|rule| *rule != SYNTAX);
    rules
}

/// The threshold as one rule, and severities that the file gives as others.
fn levels(draft: &mut Draft<'_>, settings: &Settings) {
    let level_of = |id: &str| settings.levels.get(id).map_or_else(|| Level::of_rule(id), |(_, level)| *level);
    let ignored: BTreeSet<String> = settings.ignored.iter().map(|(_, id)| id.to_ascii_uppercase()).collect();
    let is_ignored = |id: &str| ignored.contains(id);
    if let Some((line, threshold)) = settings.threshold {
        // which bases there may be says `[base]`
        let is_base = |rule: &Rule| rule.id == lint::BASE_NOT_ALLOWED.id;
        let known = draft.known.iter().filter(|rule| FAMILIES.contains(&rule.family()) && !is_base(rule));
        let fails = |id: &&&'static str| id.starts_with("DL") && level_of(id) >= threshold && !is_ignored(id);
        let rules: Vec<String> =
            known.filter(|rule| rule.also.iter().any(|id| fails(&id))).map(|rule| rule.id.to_owned()).collect();
        let word = format!("{threshold:?}").to_ascii_lowercase();
        let gate = Gate {
            step: Step::Threshold,
            name: format!("rules that are {word} and above for hadolint"),
            conditions: vec![("rule", Condition::Words(rules))],
            action: "fail",
            message: None,
        };
        draft.gate(line, &format!("failure-threshold: {word}"), gate);
    }
    for (id, (line, level)) in &settings.levels {
        // the first becomes `[base]`
        if id == "DL3026" || is_ignored(id) {
            continue;
        }
        let rules = rules_of(draft, id);
        if rules.is_empty() {
            draft.leave(*line, id, "careen has no rule like it");
            continue;
        }
        // ids that one rule stands for here, and to which the file gives another severity
        let is_other = |other: &&str| other.starts_with("DL") && *other != id && level_of(other) != *level;
        let same =
            draft.known.iter().filter(|rule| rules.contains(&rule.id)).flat_map(|rule| rule.also.iter().copied());
        let others: Vec<&str> = same.filter(is_other).collect();
        let action = match settings.threshold {
            Some((_, threshold)) if *level >= threshold => "fail",
            Some(_) if *level == Level::Error => "warn",
            _ => level.action(),
        };
        let gate = Gate {
            step: Step::Override,
            name: format!("{id} is {} for hadolint", format!("{level:?}").to_ascii_lowercase()),
            conditions: vec![("rule", Condition::Words(rules.into_iter().map(ToOwned::to_owned).collect()))],
            action,
            message: None,
        };
        draft.gate(*line, id, gate);
        if !others.is_empty() {
            let why = format!("careen's rule is about `{}` too, whose severity changes with it", others.join("`, `"));
            draft.differ(*line, id, why);
        }
    }
}

fn ignored(draft: &mut Draft<'_>, settings: &Settings) {
    let ids = names::keys(settings.ignored.iter().map(|(_, id)| id.as_str()));
    let tool = Tool { families: FAMILIES, also_ignored: &ids };
    for (line, id) in &settings.ignored {
        if draft.index.rules_of(id, FAMILIES).contains(&SYNTAX) {
            draft.leave(*line, id, "to careen it is a Dockerfile that cannot be built, which nothing should accept");
        } else if !draft.waive_rule(*line, id, &tool, &Waived::default()) {
            let why = if id.to_ascii_uppercase().starts_with("SC") {
                "careen does not check scripts as ShellCheck does, so that there is nothing to accept"
            } else {
                "careen has no rule like it, so that there is nothing to accept"
            };
            draft.leave(*line, id, why);
        }
    }
}

/// Base images from other registries are against the policy.
fn trusted(draft: &mut Draft<'_>, line: usize, registries: &[Node], settings: &Settings) {
    let what = "trustedRegistries";
    let patterns: Vec<String> = registries
        .iter()
        .map(text)
        .filter(|name| !name.is_empty())
        .map(|name| if name == "*" { name } else { format!("{}/*", name.trim_end_matches('/')) })
        .collect();
    if patterns.is_empty() {
        return;
    }
    let level = settings.levels.get("DL3026").map_or(Level::Error, |(_, level)| *level);
    draft.allow_bases(line, what, patterns, settings.action_of_table(level));
    draft.differ(line, what, "careen asks it of the base of an image too, not only of what `FROM` names");
}

/// Labels that are asked for, with the form of their values.
fn labels(draft: &mut Draft<'_>, value: &Node, settings: &Settings) {
    for (label, form) in value.entries() {
        let word = text(form);
        let known = ["email", "hash", "rfc3339", "semver", "spdx", "text", "url"];
        match known.iter().find(|known| known.eq_ignore_ascii_case(&word)) {
            Some(known) => draft.ask_for_label(form.line, label, known, settings.action_of_table(Level::Warning)),
            None => draft.leave(form.line, &format!("{label}: {word}"), "it is no form of a label's value"),
        }
    }
    if let Some((_, first)) = value.entries().first() {
        draft.differ(first.line, "label-schema", "careen looks for labels in images, not in Dockerfiles");
    }
}

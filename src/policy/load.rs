//! Finds policies by name or file, and puts them in the order in which they judge.

use std::fs::File;
use std::io::Read as _;

use super::file::{self, Known};
use super::preset::{DEFAULT_PRESET, Preset, preset, presets};
use super::{Action, FailOn, Policy, PolicySet};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::rule::Rule;
use crate::size::ByteSize;
use crate::time::Date;

/// Largest policy file. The largest ignore files in public repositories are under 200 KiB.
const LARGEST: ByteSize = ByteSize::mib(1);

/// What `careen policy check` says of one policy that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Presets it extends.
    pub extends: Vec<&'static str>,
    /// Number of its rules.
    pub rules: usize,
    /// Number of its waivers.
    pub waivers: usize,
    /// What is allowed but worth a look, a sentence each.
    pub notes: Vec<String>,
}

/// Reads the policies named by `words` (files or presets) and sums up each; the first wrong one is an error.
pub fn check(words: &[String], known: &[&'static Rule], today: Date, colour: bool) -> Result<Vec<Summary>> {
    words.iter().map(|word| Ok(summary(&read(word, known, colour)?, today))).collect()
}

impl Policy {
    /// Reads a policy from text; errors call it `name`. Ids must be among `known` or the policy module's own.
    pub fn parse(name: &str, source: &str, known: &[&'static Rule], colour: bool) -> Result<Self> {
        file::parse(name, source, Known::Rules(known), colour)
    }

    /// The policy of a preset. Its ids are taken as they are.
    pub fn preset(preset: &Preset) -> Result<Self> {
        file::parse(preset.id, preset.text, Known::Any, false)
    }

    /// Whether it only accepts findings, and says nothing of the rest.
    fn has_waivers_only(&self) -> bool {
        self.rules.is_empty() && self.extends.is_empty()
    }
}

impl PolicySet {
    /// The policies named by `words`, each a file or a preset. Without any, or if they hold nothing but
    /// waivers, [`DEFAULT_PRESET`] judges too.
    pub fn load(words: &[String], known: &[&'static Rule], colour: bool) -> Result<Self> {
        let given = words.iter().map(|word| read(word, known, colour)).collect::<Result<_>>()?;
        Self::of(given)
    }

    /// These policies, after the presets they extend; [`DEFAULT_PRESET`] first if they hold nothing but waivers.
    pub fn of(given: Vec<Policy>) -> Result<Self> {
        let mut before: Vec<&Preset> = given.iter().flat_map(|policy| policy.extends.iter().copied()).collect();
        if given.iter().all(Policy::has_waivers_only) {
            before.extend(preset(DEFAULT_PRESET));
        }
        let mut policies: Vec<Policy> = Vec::new();
        for preset in before {
            if policies.iter().all(|policy| policy.name != preset.id) {
                policies.push(Policy::preset(preset)?);
            }
        }
        policies.extend(given);
        Ok(Self { policies, fail_on: None })
    }

    /// Adds the rule of `--fail-on`.
    #[must_use]
    pub fn with_fail_on(mut self, fail_on: FailOn) -> Self {
        self.fail_on = Some(fail_on);
        self
    }

    /// The policies, in the order in which they judge: later ones win.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    pub(super) fn fail_on(&self) -> Option<&FailOn> {
        self.fail_on.as_ref()
    }

    /// What the verdict names: the policies that have rules, and `--fail-on`.
    pub(super) fn names(&self) -> Vec<String> {
        let policies = self.policies.iter().filter(|policy| !policy.rules.is_empty()).map(|policy| policy.name.clone());
        policies.chain(self.fail_on.iter().map(|fail_on| fail_on.name.clone())).collect()
    }
}

fn read(word: &str, known: &[&'static Rule], colour: bool) -> Result<Policy> {
    if word.starts_with("careen:") {
        return Policy::preset(preset(word).ok_or_else(|| unknown_preset(word))?);
    }
    let shown = escape(word);
    let failed = |error| {
        let ids: Vec<&str> = presets().iter().map(|preset| preset.id).collect();
        Error::io(format!("cannot read the policy `{shown}`"), error)
            .help(format!("name a file, or one of {}", ids.join(", ")))
    };
    let mut bytes = Vec::new();
    let file = File::open(word).map_err(failed)?;
    file.take(LARGEST.bytes() + 1).read_to_end(&mut bytes).map_err(failed)?;
    let wrong = |message: String| Err(Error::new(ErrorKind::Config, message));
    if bytes.len() as u64 > LARGEST.bytes() {
        return wrong(format!("the policy `{shown}` is larger than {LARGEST}"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Policy::parse(word, &text, known, colour),
        Err(error) => {
            wrong(format!("the policy `{shown}` is not UTF-8, from byte {} on", error.utf8_error().valid_up_to()))
        }
    }
}

fn unknown_preset(word: &str) -> Error {
    let ids = || presets().iter().map(|preset| preset.id);
    let help = match nearest(word, ids()) {
        Some(id) => format!("did you mean `{id}`?"),
        None => format!("use one of {}", ids().collect::<Vec<_>>().join(", ")),
    };
    Error::new(ErrorKind::Config, format!("there is no preset `{}`", escape(word))).help(help)
}

fn summary(policy: &Policy, today: Date) -> Summary {
    let mut notes = Vec::new();
    if policy.has_waivers_only() && !policy.waivers.is_empty() {
        notes.push(format!("it has waivers only, so `{DEFAULT_PRESET}` judges too"));
    } else if policy.extends.is_empty() && !policy.rules.iter().any(|rule| rule.action == Action::Fail) {
        notes.push(format!(
            "none of its rules fails; add `extends = \"{DEFAULT_PRESET}\"` to keep what that preset fails on"
        ));
    }
    for waiver in policy.waivers.iter().filter(|waiver| waiver.is_expired(today)) {
        notes.push(format!("the waiver in `{}` expired on {}", waiver.place, waiver.expires));
    }
    Summary {
        name: policy.name.clone(),
        extends: policy.extends.iter().map(|preset| preset.id).collect(),
        rules: policy.rules.len(),
        waivers: policy.waivers.len(),
        notes,
    }
}

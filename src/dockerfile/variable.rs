//! Variables: what `$name` is at an instruction, and what a word becomes with them.
//!
//! The forms are those of the Dockerfile reference, "Environment replacement". A value is known where the file says it,
//! a default where a build may say something else (`ARG`), unknown where the base image or the build says it.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;

use super::stage::{Base, Stage};
use super::{Argument, Kind, Pair, Word};

/// Longest value, in bytes; what is longer is unknown.
const LONGEST_VALUE: usize = 4096;

/// Bytes of all values of a file together; what comes later is unknown.
const MOST_BYTES: usize = 4 << 20;

/// Stages one on the other through which a variable is looked for.
const MOST_STAGES: usize = 64;

/// How deep `${a:-${b:-…}}` is followed.
const DEEPEST: u32 = 16;

/// Names that a build sets by itself before the first stage.
const OF_PLATFORM: &[&str] = &[
    "BUILDARCH",
    "BUILDOS",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETPLATFORM",
    "TARGETSTAGE",
    "TARGETVARIANT",
];

/// What a word becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// The text with quotes and escapes taken off; a variable that is unknown stands as `${name}`.
    pub shown: String,
    /// Variables nobody knows before the build.
    pub unknown: Vec<String>,
    /// Variables whose default was taken, which the build may replace.
    pub defaults: Vec<String>,
    /// Variables that are set nowhere and count as empty.
    pub unset: Vec<String>,
    /// What is wrong with it: Docker refuses it.
    pub error: Option<String>,
}

impl Resolved {
    /// The text, where all of it is known, defaults taken.
    pub fn text(&self) -> Option<&str> {
        (self.unknown.is_empty() && self.error.is_none()).then_some(self.shown.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Known(String),
    /// The text, and whose default it is made from.
    Default(String, Vec<String>),
    Unknown,
    Unset,
}

#[derive(Debug, Clone)]
struct Setting {
    /// Index of the instruction; the setting counts behind it.
    at: usize,
    value: Value,
}

#[derive(Debug, Clone, Default)]
struct Names {
    environment: HashMap<String, Vec<Setting>>,
    arguments: HashMap<String, Vec<Setting>>,
}

/// All settings of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    global: Names,
    stages: Vec<Names>,
    bytes: usize,
}

/// What is set at one place of the file.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    variables: &'a Variables,
    stages: &'a [Stage],
    /// `None` for the arguments before the first stage, which is what `FROM` sees.
    stage: Option<usize>,
    /// Settings of instructions before this one count.
    at: usize,
    escape: char,
}

impl super::Dockerfile {
    /// What is set just before instruction `index`.
    pub fn scope(&self, index: usize) -> Scope<'_> {
        let instruction = self.instructions.get(index);
        let sees_global = instruction.is_none_or(|instruction| matches!(instruction.kind, Kind::From { .. }));
        let stage = instruction.filter(|_| !sees_global).and_then(|instruction| instruction.stage);
        Scope { variables: &self.variables, stages: &self.stages, stage, at: index, escape: self.escape }
    }

    /// What is set at the end of a stage.
    pub fn scope_after(&self, stage: usize) -> Scope<'_> {
        let at = self.stages.get(stage).map_or(0, |stage| stage.instructions.end);
        Scope { variables: &self.variables, stages: &self.stages, stage: Some(stage), at, escape: self.escape }
    }
}

impl Variables {
    fn names(&mut self, stage: Option<usize>) -> Option<&mut Names> {
        match stage {
            None => Some(&mut self.global),
            Some(index) => {
                if self.stages.len() <= index {
                    self.stages.resize_with(index.saturating_add(1), Names::default);
                }
                self.stages.get_mut(index)
            }
        }
    }

    fn kept(&mut self, value: Value) -> Value {
        let length = match &value {
            Value::Known(text) | Value::Default(text, _) => text.len(),
            Value::Unknown | Value::Unset => return value,
        };
        self.bytes = self.bytes.saturating_add(length);
        if length > LONGEST_VALUE || self.bytes > MOST_BYTES { Value::Unknown } else { value }
    }

    /// Takes in what an `ENV` sets.
    pub(super) fn environment(&mut self, pairs: &[Pair], stages: &[Stage], at: usize, escape: char) {
        let stage = stages.len().checked_sub(1);
        let scope = Scope { variables: self, stages, stage, at, escape };
        let values: Vec<_> =
            pairs.iter().map(|pair| (scope.resolve(&pair.name), value_of(scope.resolve(&pair.value)))).collect();
        for (name, value) in values {
            let value = self.kept(value);
            let Some(name) = name.text().map(str::to_owned) else { continue };
            if let Some(names) = self.names(stage) {
                names.environment.entry(name).or_default().push(Setting { at, value });
            }
        }
    }

    /// Takes in what an `ARG` sets.
    pub(super) fn arguments(&mut self, arguments: &[Argument], stages: &[Stage], at: usize, escape: char) {
        let stage = stages.len().checked_sub(1);
        for argument in arguments {
            let scope = Scope { variables: self, stages, stage, at: at.saturating_add(1), escape };
            let name = argument.name.text.clone();
            let value = match &argument.default {
                Some(default) => match value_of(scope.resolve(default)) {
                    Value::Known(text) => Value::Default(text, vec![name.clone()]),
                    Value::Default(text, mut from) => {
                        from.push(name.clone());
                        Value::Default(text, from)
                    }
                    value => value,
                },
                // behind FROM the default from before it counts
                None if stage.is_some() => match self.global.arguments.get(&name).and_then(|list| list.last()) {
                    Some(setting) => setting.value.clone(),
                    None => Value::Unknown,
                },
                None => Value::Unknown,
            };
            let value = self.kept(value);
            if let Some(names) = self.names(stage) {
                names.arguments.entry(name).or_default().push(Setting { at, value });
            }
        }
    }
}

fn value_of(resolved: Resolved) -> Value {
    if resolved.text().is_none() {
        return Value::Unknown;
    }
    if resolved.defaults.is_empty() {
        Value::Known(resolved.shown)
    } else {
        Value::Default(resolved.shown, resolved.defaults)
    }
}

impl Scope<'_> {
    /// What a word becomes with the variables set here.
    pub fn resolve(&self, word: &Word) -> Resolved {
        self.expand(&word.text)
    }

    /// What a text becomes with the variables set here.
    pub fn expand(&self, text: &str) -> Resolved {
        let mut expansion =
            Expansion { scope: self, out: Resolved::default(), escape: self.escape, is_document: false, from: 0 };
        let mut input = Input { text, at: 0 };
        match expansion.until(&mut input, None, false, 0) {
            Ok(shown) => expansion.out.shown = shown,
            Err(fault) => {
                text.clone_into(&mut expansion.out.shown);
                match fault {
                    Fault::Wrong(message) => expansion.out.error = Some(message),
                    // a limit of this reader: what it becomes is not known
                    Fault::TooMuch => expansion.out.unknown.push(String::new()),
                }
            }
        }
        for names in [&mut expansion.out.unknown, &mut expansion.out.defaults, &mut expansion.out.unset] {
            names.sort();
            names.dedup();
        }
        expansion.out
    }

    /// What is wrong with the text of a document, in which quotes mean nothing, and the byte where it begins.
    pub(super) fn fault_of_document(&self, text: &str) -> Option<(usize, String)> {
        let mut expansion =
            Expansion { scope: self, out: Resolved::default(), escape: '\\', is_document: true, from: 0 };
        match expansion.until(&mut Input { text, at: 0 }, None, false, 0) {
            Err(Fault::Wrong(message)) => Some((expansion.from, message)),
            _ => None,
        }
    }

    /// Whether a variable is declared here by the file itself.
    pub fn is_declared(&self, name: &str) -> bool {
        let mut chain = self.chain();
        let declares = |(names, at): (&Names, usize)| {
            latest(&names.environment, name, at).is_some() || latest(&names.arguments, name, at).is_some()
        };
        chain.any(declares)
    }

    /// The settings of this stage and of those it is built on, each with the instruction before which they count.
    fn chain(&self) -> impl Iterator<Item = (&Names, usize)> {
        let mut next = Some((self.stage, self.at));
        let steps = std::iter::from_fn(move || {
            let (stage, at) = next.take()?;
            let Some(index) = stage else { return Some((Some(&self.variables.global), at)) };
            let base = self.stages.get(index).map(|stage| &stage.base);
            if let Some(Base::Stage(parent)) = base {
                next = Some((Some(*parent), usize::MAX));
            }
            Some((self.variables.stages.get(index), at))
        });
        steps.take(MOST_STAGES).filter_map(|(names, at)| Some((names?, at)))
    }

    /// `ENV` goes before `ARG`, wherever they stand.
    fn value(&self, name: &str) -> Value {
        let environment = self.chain().find_map(|(names, at)| latest(&names.environment, name, at));
        let setting = environment.or_else(|| self.chain().find_map(|(names, at)| latest(&names.arguments, name, at)));
        if let Some(setting) = setting {
            return setting.value.clone();
        }
        if self.stage.is_none() {
            return if OF_PLATFORM.contains(&name) { Value::Unknown } else { Value::Unset };
        }
        // what the base image sets is not known
        let mut stage = self.stage;
        for _ in 0..MOST_STAGES {
            match stage.and_then(|index| self.stages.get(index)).map(|stage| &stage.base) {
                Some(Base::Stage(parent)) => stage = Some(*parent),
                Some(Base::Scratch) => return Value::Unset,
                Some(Base::Image(_)) | None => return Value::Unknown,
            }
        }
        Value::Unknown
    }
}

fn latest<'a>(names: &'a HashMap<String, Vec<Setting>>, name: &str, at: usize) -> Option<&'a Setting> {
    let settings = names.get(name)?;
    let count = settings.partition_point(|setting| setting.at < at);
    settings.get(count.checked_sub(1)?)
}

struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl Input<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.saturating_add(c.len_utf8());
        Some(c)
    }

    fn takes(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        if is_next {
            self.next();
        }
        is_next
    }
}

/// Why a text does not become another.
enum Fault {
    /// It is wrong.
    Wrong(String),
    /// It is more than is followed here.
    TooMuch,
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::Wrong(message.to_owned())
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Wrong(message)
    }
}

struct Expansion<'a> {
    scope: &'a Scope<'a>,
    out: Resolved,
    escape: char,
    /// Quotes are plain characters.
    is_document: bool,
    /// Where the last variable outside all others begins.
    from: usize,
}

impl Expansion<'_> {
    /// Expands up to `stop` or the end; `raw` keeps escapes, for patterns.
    fn until(&mut self, input: &mut Input<'_>, stop: Option<char>, raw: bool, depth: u32) -> Result<String, Fault> {
        let escape = self.escape;
        let mut text = String::new();
        while let Some(c) = input.next() {
            match c {
                _ if stop == Some(c) => return Ok(text),
                '\'' if !self.is_document => loop {
                    match input.next() {
                        None => return Err("a single quote is left open".into()),
                        Some('\'') => break,
                        Some(c) => text.push(c),
                    }
                },
                '"' if !self.is_document => self.double_quoted(input, &mut text, raw, depth)?,
                '$' => text += &self.dollar(input, depth)?,
                _ if c == escape => {
                    if raw {
                        text.push(c);
                    }
                    text.extend(input.next());
                }
                _ => text.push(c),
            }
            if text.len() > LONGEST_VALUE.saturating_add(input.text.len()) {
                return Err(Fault::TooMuch);
            }
        }
        match stop {
            None => Ok(text),
            Some(stop) => Err(format!("`{stop}` is missing").into()),
        }
    }

    fn double_quoted(&mut self, input: &mut Input<'_>, text: &mut String, raw: bool, depth: u32) -> Result<(), Fault> {
        let escape = self.escape;
        loop {
            match input.next() {
                None => return Err("a double quote is left open".into()),
                Some('"') => return Ok(()),
                Some('$') => *text += &self.dollar(input, depth)?,
                Some(c) if c == escape => {
                    let escaped = input.peek().filter(|next| matches!(next, '"' | '$') || *next == escape);
                    if raw || escaped.is_none() {
                        text.push(c);
                    }
                    if escaped.is_some() {
                        text.extend(input.next());
                    }
                }
                Some(c) => text.push(c),
            }
            if text.len() > LONGEST_VALUE.saturating_add(input.text.len()) {
                return Err(Fault::TooMuch);
            }
        }
    }

    /// Reads what stands behind a dollar sign.
    fn dollar(&mut self, input: &mut Input<'_>, depth: u32) -> Result<String, Fault> {
        if depth == 0 {
            self.from = input.at.saturating_sub(1);
        }
        if !input.takes('{') {
            let name = name(input);
            return Ok(if name.is_empty() { "$".into() } else { self.plain(&name) });
        }
        if depth >= DEEPEST {
            return Err(Fault::TooMuch);
        }
        if matches!(input.peek(), None | Some('{' | '}' | ':')) {
            return Err(if input.peek().is_none() { "`}` is missing" } else { "`${` wants a name" }.into());
        }
        let name = name(input);
        let form = input.next();
        if form == Some('}') {
            return Ok(self.plain(&name));
        }
        let empty_is_unset = form == Some(':');
        let form = if empty_is_unset { input.next() } else { form };
        let deeper = depth.saturating_add(1);
        match form {
            Some('-') => {
                let (word, made) = self.aside(input, false, deeper)?;
                Ok(match self.scope.value(&name) {
                    Value::Known(text) if !(empty_is_unset && text.is_empty()) => text,
                    Value::Default(text, from) if !(empty_is_unset && text.is_empty()) => {
                        self.out.defaults.extend(from);
                        text
                    }
                    value => {
                        if !matches!(value, Value::Unset | Value::Known(_)) {
                            self.out.defaults.push(name);
                        }
                        self.take(made);
                        word
                    }
                })
            }
            Some('+') => {
                let (word, made) = self.aside(input, false, deeper)?;
                Ok(match self.scope.value(&name) {
                    Value::Unset => String::new(),
                    Value::Known(text) | Value::Default(text, _) if empty_is_unset && text.is_empty() => String::new(),
                    Value::Unknown => self.unknown(&name),
                    _ => {
                        self.take(made);
                        word
                    }
                })
            }
            Some('?') => {
                let (_, _) = self.aside(input, false, deeper)?;
                match self.scope.value(&name) {
                    Value::Unset => Err(format!("`{name}` must be set and is not").into()),
                    Value::Known(text) if empty_is_unset && text.is_empty() => {
                        Err(format!("`{name}` must not be empty and is").into())
                    }
                    _ => Ok(self.plain(&name)),
                }
            }
            Some(side @ ('#' | '%')) => {
                let (pattern, made) = self.aside(input, true, deeper)?;
                self.take(made);
                let (pattern, is_greedy) = match pattern.strip_prefix(side) {
                    Some(rest) => (rest, true),
                    None => (pattern.as_str(), false),
                };
                self.changed(&name, |value| trimmed(value, pattern, side == '#', is_greedy))
            }
            Some('/') if !empty_is_unset => {
                let all = input.takes('/');
                let pattern = self.until(input, Some('/'), true, deeper)?;
                let replacement = self.until(input, Some('}'), true, deeper)?;
                self.changed(&name, |value| replaced(value, &pattern, &replacement, all))
            }
            None => Err("`}` is missing".into()),
            Some(_) => Err("this form of `${…}` does not exist in Dockerfiles".into()),
        }
    }

    /// Expands the word of a form; what it is made from counts only if it is taken.
    fn aside(&mut self, input: &mut Input<'_>, raw: bool, depth: u32) -> Result<(String, Resolved), Fault> {
        let before = std::mem::take(&mut self.out);
        let word = self.until(input, Some('}'), raw, depth);
        let made = std::mem::replace(&mut self.out, before);
        Ok((word?, made))
    }

    fn take(&mut self, made: Resolved) {
        self.out.unknown.extend(made.unknown);
        self.out.defaults.extend(made.defaults);
        self.out.unset.extend(made.unset);
    }

    fn unknown(&mut self, name: &str) -> String {
        self.out.unknown.push(name.to_owned());
        format!("${{{name}}}")
    }

    fn plain(&mut self, name: &str) -> String {
        // `$1` and `$$` are the shell's and empty here
        if !name.starts_with(|c: char| c == '_' || c.is_alphabetic()) {
            return String::new();
        }
        match self.scope.value(name) {
            Value::Known(text) => text,
            Value::Default(text, from) => {
                self.out.defaults.extend(from);
                text
            }
            Value::Unknown => self.unknown(name),
            Value::Unset => {
                self.out.unset.push(name.to_owned());
                String::new()
            }
        }
    }

    fn changed(&mut self, name: &str, change: impl FnOnce(&str) -> Result<String, Fault>) -> Result<String, Fault> {
        if matches!(self.scope.value(name), Value::Unknown) {
            return Ok(self.unknown(name));
        }
        let value = self.plain(name);
        change(&value)
    }
}

/// Letters, digits and underscores; or digits alone; or one of the shell's own.
fn name(input: &mut Input<'_>) -> String {
    let mut name = String::new();
    while let Some(c) = input.peek() {
        if name.is_empty() && matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!') {
            input.next();
            return c.into();
        }
        let is_number = name.starts_with(|first: char| first.is_ascii_digit());
        if !(c == '_' || c.is_alphanumeric()) || (is_number && !c.is_ascii_digit()) {
            break;
        }
        name.push(c);
        input.next();
    }
    name
}

/// The longest pattern of `${name#pattern}` that is tried, in bytes.
const LONGEST_PATTERN: usize = 256;

/// A pattern of `*` and `?` as an expression.
fn expression(pattern: &[char], is_greedy: bool, start: bool) -> Result<Regex, Fault> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(Fault::TooMuch);
    }
    let mut text = String::from(if start { "^" } else { "" });
    let mut characters = pattern.iter().copied().peekable();
    while let Some(c) = characters.next() {
        match c {
            '*' => text += if is_greedy { ".*" } else { ".*?" },
            '?' => text.push('.'),
            '\\' => match characters.next() {
                Some(c @ ('*' | '?' | '\\' | '}' | '/')) => text += &regex::escape(&c.to_string()),
                _ => return Err("in its pattern, only `*`, `?`, `\\`, `/` and `}` can be escaped".into()),
            },
            c => text += &regex::escape(&c.to_string()),
        }
    }
    Regex::new(&text).map_err(|_| Fault::TooMuch)
}

/// `value` without what the pattern matches at its start or end.
fn trimmed(value: &str, pattern: &str, at_start: bool, is_greedy: bool) -> Result<String, Fault> {
    if at_start {
        let pattern: Vec<char> = pattern.chars().collect();
        let found = expression(&pattern, is_greedy, true)?.find(value).map_or(0, |found| found.end());
        return Ok(value.get(found..).unwrap_or_default().to_owned());
    }
    // from behind: both turned round, escapes kept together
    let mut parts: Vec<Vec<char>> = Vec::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        parts.push(if c == '\\' { std::iter::once(c).chain(characters.next()).collect() } else { vec![c] });
    }
    let pattern: Vec<char> = parts.into_iter().rev().flatten().collect();
    let turned: String = value.chars().rev().collect();
    let found = expression(&pattern, is_greedy, true)?.find(&turned).map_or(0, |found| found.end());
    Ok(turned.get(found..).unwrap_or_default().chars().rev().collect())
}

fn replaced(value: &str, pattern: &str, replacement: &str, all: bool) -> Result<String, Fault> {
    let pattern: Vec<char> = pattern.chars().collect();
    let expression = expression(&pattern, true, false)?;
    let limit = usize::from(!all);
    let text = expression.replacen(value, limit, regex::NoExpand(replacement)).into_owned();
    if text.len() <= LONGEST_VALUE { Ok(text) } else { Err(Fault::TooMuch) }
}

/// What a stage sets for those who run its image: names and resolved values of its `ENV`, later ones first in force.
impl super::Dockerfile {
    /// The environment that a stage sets, with the stages it is built on.
    pub fn environment_of(&self, stage: usize) -> BTreeMap<String, Resolved> {
        let scope = self.scope_after(stage);
        let names = scope.chain().flat_map(|(names, _)| names.environment.keys());
        let mut all: Vec<&String> = names.collect();
        all.sort();
        all.dedup();
        all.into_iter().map(|name| (name.clone(), scope.expand(&format!("${{{name}}}")))).collect()
    }
}

//! Ignore files and gates of other tools as a policy: one file for each kind, and its line in [`KINDS`].
//!
//! What a file accepts becomes waivers, what it gates on becomes rules; what has no counterpart is told with its line.
//! Nothing becomes wider in silence: where careen's rule takes in more than the other tool's, that is told too.

mod cargo_audit;
mod cargo_deny;
mod dive_ci;
mod dockleignore;
mod draft;
mod gitleaks;
mod gitleaksignore;
mod grype;
mod hadolint;
mod names;
mod osv_scanner;
mod package;
mod pattern;
#[cfg(test)]
mod tests;
mod tree;
mod trivyignore;
mod trivyignore_yaml;
mod write;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::rule::Rule;
use crate::size::ByteSize;
use crate::time::Date;

use super::Policy;
use draft::Draft;
use tree::Node;

pub use dive_ci::DiveRules;
pub use draft::{Note, NoteKind};

/// Largest file that is taken over, and largest policy that is made of all. As policies themselves.
pub const LARGEST: ByteSize = ByteSize::mib(1);

/// Days for which an entry holds that names no day itself.
pub const DAYS: i64 = 90;

/// A kind of foreign file.
pub struct Kind {
    /// What `--kind` calls it.
    pub id: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Names that such files have.
    pub names: &'static [&'static str],
    /// Whether the content can be nothing else.
    looks: fn(&str) -> bool,
    read: fn(&File<'_>, &mut Draft<'_>) -> Result<()>,
}

/// All kinds. Of several that a content looks like, the first is taken.
pub static KINDS: &[&Kind] = &[
    &trivyignore_yaml::KIND,
    &grype::KIND,
    &hadolint::KIND,
    &dive_ci::KIND,
    &osv_scanner::KIND,
    &cargo_deny::KIND,
    &cargo_audit::KIND,
    &gitleaks::KIND,
    &gitleaksignore::KIND,
    &dockleignore::KIND,
    &trivyignore::KIND,
];

impl Kind {
    /// What to do with a file of this kind where a policy is wanted; `name` is safe to show.
    pub(in crate::policy) fn instead(&self, name: &str) -> String {
        if self.id == dive_ci::KIND.id {
            return format!("this is a file of dive: `careen layers --dive-ci {name} IMAGE` judges by it");
        }
        format!("this is a file of {}: `careen policy import {name}` makes a policy of it", self.id)
    }
}

/// How files are taken over.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The day of the import.
    pub today: Date,
    /// Last day of entries that name none, in place of [`DAYS`] from today.
    pub until: Option<Date>,
    /// Reason of entries that give none.
    pub reason: Option<&'a str>,
    /// The kind of all files, where neither name nor content shall say.
    pub kind: Option<&'static Kind>,
}

/// What became of the files.
#[derive(Debug)]
pub struct Imported {
    /// The policy, which [`super::check`] accepts.
    pub text: String,
    /// Waivers and rules in it.
    pub entries: usize,
    /// What was not carried over, or not as it was; in the order of the files.
    pub notes: Vec<Note>,
}

/// A foreign file at hand.
#[derive(Clone, Copy)]
struct File<'a> {
    /// As it was named, safe to show.
    name: &'a str,
    text: &'a str,
}

/// The kind that is called `id`.
pub fn kind(id: &str) -> Result<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.id == id).ok_or_else(|| {
        let ids = || KINDS.iter().map(|kind| kind.id);
        let help = match nearest(id, ids()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {}", ids().collect::<Vec<_>>().join(", ")),
        };
        Error::new(ErrorKind::Usage, format!("there is no kind of file `{}`", escape(id))).help(help)
    })
}

/// Makes one policy of `files`, each with its name and text. Waivers name rules among `known` only.
pub fn import(files: &[(String, String)], options: &Options<'_>, known: &[&'static Rule]) -> Result<Imported> {
    if options.until.is_some_and(|until| until < options.today) {
        return Err(Error::new(ErrorKind::Usage, "the day of `--until` has passed")
            .help("name today or a later day: waivers hold up to and with it"));
    }
    let mut draft = Draft::new(options, known);
    let mut names = Vec::new();
    for (name, text) in files {
        let shown = escape(name);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let too_large = || Error::new(ErrorKind::Config, format!("the file is larger than {LARGEST}")).at(&*shown);
        if text.len() as u64 > LARGEST.bytes() {
            return Err(too_large());
        }
        let kind = match options.kind {
            Some(kind) => kind,
            None => recognised(name, text).ok_or_else(|| unrecognised(&shown))?,
        };
        draft.begin(&shown);
        (kind.read)(&File { name: &shown, text }, &mut draft)?;
        names.push(shown);
    }
    let (text, entries, notes) = draft.finish(&names);
    if text.len() as u64 > LARGEST.bytes() {
        let message = format!("the policy would be larger than {LARGEST}, more than careen reads");
        return Err(Error::new(ErrorKind::Config, message).help("take over the files one by one, or parts of them"));
    }
    // whatever the files say, what is written is a policy
    Policy::parse("the imported policy", &text, known, false).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("the imported policy is none: {error}")).help("please report it")
    })?;
    Ok(Imported { text, entries, notes })
}

/// The kind that a file's name tells, else that which its content does.
pub(super) fn recognised(name: &str, text: &str) -> Option<&'static Kind> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let named = KINDS.iter().find(|kind| kind.names.iter().any(|known| known.eq_ignore_ascii_case(base)));
    named.or_else(|| KINDS.iter().find(|kind| (kind.looks)(text))).copied()
}

fn unrecognised(name: &str) -> Error {
    let ids: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    Error::new(ErrorKind::Config, "neither name nor content tells what tool the file is for")
        .at(name)
        .help(format!("say it with `--kind`: {}", ids.join(", ")))
}

impl File<'_> {
    fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.name)
    }

    /// The file as YAML.
    fn yaml(&self) -> Result<Node> {
        tree::yaml(self.text).map_err(|(line, what)| self.wrong(line, what))
    }

    /// The file as TOML.
    fn toml(&self) -> Result<Node> {
        tree::toml(self.text).map_err(|(line, what)| self.wrong(line, what))
    }

    /// What makes the file none of its kind.
    fn wrong(&self, line: usize, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, what).at(self.place(line)).help("`--kind` says what kind of file it is")
    }

    /// Lines that are neither empty nor comments: numbers from 1, and texts without what surrounds them.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index.saturating_add(1), line.trim()));
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    }
}

/// Whether a line begins with one of `keys` and a colon, as tables of YAML do at their top.
fn has_yaml_key(text: &str, keys: &[&str]) -> bool {
    text.lines().any(|line| line.split_once(':').is_some_and(|(key, _)| keys.contains(&key)))
}

/// Whether `text` is TOML whose top table has one of `keys`.
fn has_toml_key(text: &str, keys: &[&str]) -> bool {
    tree::toml(text).is_ok_and(|top| keys.iter().any(|key| top.get(key).is_some()))
}

/// Whether all lines are such as `fits` takes, comments and empty ones apart, and there is one.
fn has_lines(text: &str, fits: impl Fn(&str) -> bool) -> bool {
    let file = File { name: "", text };
    file.lines().next().is_some() && file.lines().all(|(_, line)| fits(line))
}

//! Lints of Dockerfiles: each one file here and one line in [`LINTS`].

mod add_checksum;
mod add_not_copy;
mod archive;
mod argument_scope;
mod assume_yes;
mod base;
mod base_alternative;
mod build_context;
mod build_tools;
mod cache_order;
mod cd;
mod changing_argument;
mod chmod;
mod copy_destination;
mod copy_from;
mod copy_ignored;
mod dependencies;
mod dockerignore;
mod env_reference;
mod exec_form;
mod facts;
mod healthcheck;
mod images;
mod inline_waiver;
mod label;
mod language_cache;
mod late_removal;
mod legacy_pair;
mod maintainer;
mod manager;
mod ownership;
mod package_cache;
mod piped_script;
mod pipefail;
mod platform;
mod port;
mod processes;
mod recommends;
#[cfg(test)]
mod recorded;
mod repeated_command;
mod secret_copied;
mod secret_variable;
mod settings;
mod shell_link;
mod stage_name;
mod sudo;
mod syntax;
#[cfg(test)]
mod testing;
mod unpinned;
mod unsigned_packages;
mod unverified_download;
mod unverified_tls;
mod update_alone;
mod useless_command;
mod user;
mod useradd;
mod volume;
mod waive;
mod workdir;

pub use base::{IS_BASE, NOT_ALLOWED as BASE_NOT_ALLOWED, UNKNOWN as UNKNOWN_IN_BASE};
pub use build_context::BuildContexts;
pub use facts::quoted;
pub use secret_copied::holds_secret;
pub use user::group_is_no_group;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use super::ignore::Ignore;
use super::shell::{Command, Script};
use super::{Dockerfile, Instruction, Kind, Span};
use crate::finding::{Finding, Findings, Location};
use crate::rule::Rule;
use crate::time::Date;

/// Judges one Dockerfile by one rule, or by a few that share their facts.
pub trait Lint: Sync {
    /// The rules it may report, the main one first.
    fn rules(&self) -> &'static [&'static Rule];

    /// Looks at the file and adds what it finds, in a stable order.
    fn run(&self, context: &Context<'_>, findings: &mut Findings);
}

/// All lints, sorted by the id of their main rule.
pub static LINTS: &[&dyn Lint] = &[
    &add_not_copy::AddNotCopy,
    &add_checksum::AddChecksum,
    &package_cache::PackageCache,
    &archive::Archive,
    &argument_scope::ArgumentScope,
    &assume_yes::AssumeYes,
    &build_tools::BuildTools,
    &cache_order::CacheOrder,
    &cd::Cd,
    &changing_argument::ChangingArgument,
    &ownership::Ownership,
    &copy_from::CopyFrom,
    &copy_ignored::CopyIgnored,
    &copy_destination::CopyDestination,
    &env_reference::EnvReference,
    &exec_form::ExecForm,
    &platform::Platform,
    &base::BaseName,
    &inline_waiver::InlineWaiver,
    &label::Label,
    &late_removal::LateRemoval,
    &legacy_pair::LegacyPair,
    &maintainer::Maintainer,
    &dockerignore::Dockerignore,
    &healthcheck::Healthcheck,
    &language_cache::LanguageCache,
    &piped_script::PipedScript,
    &pipefail::Pipefail,
    &port::Port,
    &recommends::Recommends,
    &repeated_command::RepeatedCommand,
    &user::User,
    &secret_copied::SecretCopied,
    &secret_variable::SecretVariable,
    &volume::Volume,
    &processes::Processes,
    &shell_link::ShellLink,
    &base_alternative::BaseAlternative,
    &stage_name::StageName,
    &sudo::Sudo,
    &syntax::Syntax,
    &unpinned::Unpinned,
    &unsigned_packages::UnsignedPackages,
    &unverified_download::UnverifiedDownload,
    &unverified_tls::UnverifiedTls,
    &update_alone::UpdateAlone,
    &useless_command::Useless,
    &useradd::Useradd,
    &workdir::Workdir,
    &chmod::Chmod,
];

/// What lies round the Dockerfile in the folder that is sent to the builder.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// What `.dockerignore`, or the file of the Dockerfile's own name, leaves out; `None` where neither is there.
    pub ignore: Option<Ignore>,
    /// The name of that file, as reports show it.
    pub ignore_name: String,
    /// Files of the folder by path, folders with `/` at the end, and their bytes; the first in order where there are
    /// many, and nothing inside folders that are large by nature, such as `.git` and `node_modules`.
    pub entries: Vec<(String, u64)>,
    /// Whether there are more of them.
    pub is_cut: bool,
}

/// A secret in the file, or in what it copies, that is known by rules which know nothing of Dockerfiles.
#[derive(Debug, Clone)]
pub struct Told {
    /// What is said of it.
    pub finding: Finding,
    /// The value, which no text may show, or the word that brings it in.
    pub span: Span,
    /// The name of the argument, variable or label that has it.
    pub variable: Option<Span>,
    /// Whether it is told by that name alone: then what a lint says of the name is as good.
    pub is_generic: bool,
    /// Whether it stands in a file that the word at `span` copies.
    pub is_copied: bool,
}

/// What a lint may look at.
#[derive(Debug)]
pub struct Context<'a> {
    /// The Dockerfile.
    pub file: &'a Dockerfile,
    /// Its name, as the user wrote it.
    pub name: &'a str,
    /// What lies round it, where that can be seen: not for standard input.
    pub surroundings: Option<&'a Surroundings>,
    /// Today, for dates of support.
    pub today: Date,
    /// What each instruction runs.
    scripts: Vec<Option<Script>>,
    /// The same for each `RUN`, with `sudo`, `env` and their like taken off.
    calls: Vec<Vec<Command>>,
    /// By stage, whether it is part of what the last stage ships.
    shipped: Vec<bool>,
    /// The stages of each name.
    stage_names: HashMap<String, Vec<usize>>,
    /// Secrets that others know of.
    secrets: Vec<Told>,
    /// What `--build-context` names.
    contexts: BuildContexts,
    /// The last place that was looked up: the first byte of its line, the byte, and its column.
    last: Cell<(usize, usize, u64)>,
}

impl<'a> Context<'a> {
    /// Reads the scripts of a file.
    pub fn new(file: &'a Dockerfile, name: &'a str, surroundings: Option<&'a Surroundings>, today: Date) -> Self {
        let scripts: Vec<Option<Script>> = (0..file.instructions.len()).map(|index| file.script(index)).collect();
        let calls = scripts.iter().map(|script| facts::calls(script.as_ref())).collect();
        let (shipped, stage_names) = (facts::shipped(file), facts::stage_names(file));
        let (secrets, last) = (Vec::new(), Cell::default());
        let contexts = BuildContexts::default();
        Self { file, name, surroundings, today, scripts, calls, shipped, stage_names, secrets, contexts, last }
    }

    /// Takes in the names that the build gives to folders and images.
    #[must_use]
    pub fn with_build_contexts(mut self, contexts: BuildContexts) -> Self {
        self.contexts = contexts;
        self
    }

    /// Takes in secrets that others know of: they are told with what the lints find, and lints give way to them.
    #[must_use]
    pub fn with_secrets(mut self, mut secrets: Vec<Told>) -> Self {
        secrets.sort_by_key(|told| told.span);
        self.secrets = secrets;
        self
    }

    /// Whether a secret in this part of the file is told by a rule of its own.
    fn is_told(&self, part: Span) -> bool {
        let first = self.secrets.partition_point(|told| told.span.start < part.start);
        let mut within = self.secrets.iter().skip(first).take_while(|told| told.span.start < part.end);
        within.any(|told| told.variable.is_none() || !told.is_generic)
    }

    /// Instructions with their index, those behind `ONBUILD` in place of it.
    pub fn instructions(&self) -> impl Iterator<Item = (usize, &'a Instruction)> {
        self.file.instructions.iter().enumerate().map(|(index, instruction)| match &instruction.kind {
            Kind::OnBuild(inner) => (index, &**inner),
            _ => (index, instruction),
        })
    }

    /// What instruction `index` runs; `None` of those that run nothing.
    pub fn script(&self, index: usize) -> Option<&Script> {
        self.scripts.get(index)?.as_ref()
    }

    /// The commands of every `RUN`, with the index of the instruction.
    pub fn runs(&self) -> impl Iterator<Item = (usize, &[Command])> {
        self.instructions()
            .filter(|(_, instruction)| matches!(instruction.kind, Kind::Run(_)))
            .filter_map(|(index, _)| Some((index, self.script(index)?.commands.as_slice())))
    }

    /// A finding at a place of the file. `subject` is what it is about, without anything that moves when lines above
    /// change: a command, a package, a name.
    pub fn finding(
        &self,
        rule: &'static Rule,
        span: Span,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding::new(rule, subject, self.location(span), message)
    }

    /// A place of the file.
    pub fn location(&self, span: Span) -> Location {
        let place = |at: usize| self.place(at);
        Location::Dockerfile { file: self.name.to_owned(), start: place(span.start), end: place(span.end) }
    }
}

impl Context<'_> {
    /// Line and column of a byte, as [`Dockerfile::position`], but without counting a long line from its start again
    /// for each place in it.
    fn place(&self, at: usize) -> (u64, u64) {
        let line = self.file.lines.line(at);
        let start = self.file.lines.start_of(line).unwrap_or_default();
        let (last_start, last, column) = self.last.get();
        let goes_on = column > 0 && start == last_start && last <= at;
        let (from, column) = if goes_on { (last, column) } else { (start, 1) };
        let between = self.file.text.get(from..at.min(self.file.text.len())).unwrap_or_default();
        // a byte order mark is no column
        let characters = between.trim_start_matches('\u{feff}').chars().count() as u64;
        let column = column.saturating_add(characters);
        self.last.set((start, at, column));
        (line, column)
    }
}

/// Every rule of lints, and of the comments that accept them.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    LINTS.iter().flat_map(|lint| lint.rules().iter().copied()).chain([&waive::WAIVER])
}

/// The values that no text may show, in the order of the file; none overlaps another.
pub fn hidden(context: &Context<'_>) -> Vec<Span> {
    let mut spans = secret_variable::hidden_values(context);
    spans.extend(secret_variable::broken_values(context));
    spans.extend(user::hidden_groups(context));
    spans.extend(context.secrets.iter().filter(|told| !told.is_copied).map(|told| told.span));
    apart(spans)
}

/// The spans in order, those that overlap as one.
fn apart(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort();
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.start < last.end => *last = last.to(span),
            _ => apart.push(span),
        }
    }
    apart
}

/// The text of the file with a star for each character of a value that may be a secret, and of `more`, so that columns
/// stay.
pub fn shown_text(context: &Context<'_>, more: Vec<Span>) -> String {
    let mut shown = context.file.text.clone();
    let mut spans = hidden(context);
    spans.extend(more);
    for span in apart(spans).into_iter().rev() {
        let Some(value) = shown.get(span.start..span.end) else { continue };
        let stars: String = value.chars().map(|c| if matches!(c, '\n' | '\r') { c } else { '*' }).collect();
        shown.replace_range(span.start..span.end, &stars);
    }
    shown
}

/// Runs all lints and applies the comments that accept findings: findings in order of their place.
pub fn run(context: &Context<'_>) -> Findings {
    let mut findings = Findings::new();
    for lint in LINTS {
        let mut found = Findings::new();
        lint.run(context, &mut found);
        findings.extend(shortened(found));
    }
    let names: BTreeSet<Location> = findings
        .iter()
        .filter(|finding| finding.rule.id == secret_variable::SECRET_VARIABLE.id)
        .map(|finding| finding.location.clone())
        .collect();
    let is_said = |told: &&Told| {
        told.is_generic && told.variable.is_some_and(|variable| names.contains(&context.location(variable)))
    };
    let told = context.secrets.iter().filter(|told| !is_said(told)).map(|told| told.finding.clone());
    findings.extend(shortened(told.collect()));
    waive::apply(context, &mut findings);
    findings.sort_by(|a, b| a.location.cmp(&b.location).then_with(|| a.rule.id.cmp(b.rule.id)));
    findings
}

/// Findings of one rule in one file; those beyond are counted, not listed.
const LISTED: usize = 1_000;

/// Keeps the first [`LISTED`] of each rule; the last of them tells how many more there are.
fn shortened(found: Findings) -> Findings {
    if found.len() <= LISTED {
        return found;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut kept = Findings::new();
    for finding in found {
        let count = counts.entry(finding.rule.id).or_default();
        *count = count.saturating_add(1);
        if *count <= LISTED {
            kept.push(finding);
        }
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for finding in &mut kept {
        let nth = seen.entry(finding.rule.id).or_default();
        *nth = nth.saturating_add(1);
        let more = counts.get(finding.rule.id).map_or(0, |count| count.saturating_sub(LISTED));
        if *nth == LISTED && more > 0 {
            finding.message = format!("{}; {more} more like it are not listed", finding.message);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_are_sorted_and_their_rules_complete() {
        let main: Vec<_> = LINTS.iter().map(|lint| lint.rules().first().map(|rule| rule.id)).collect();
        assert!(main.is_sorted() && main.iter().all(Option::is_some), "{main:?}");
        let mut ids = BTreeSet::new();
        for rule in rules() {
            let id = rule.id;
            assert!(ids.insert(id), "{id} twice");
            assert!(id.starts_with("dockerfile/"), "{id}");
            assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "{id}: title");
            for (what, text) in [("why", rule.why), ("remediation", rule.remediation)] {
                assert!(text.ends_with('.') && !text.contains("  "), "{id}: {what}");
            }
            assert!(rule.references.iter().all(|url| url.starts_with("https://")), "{id}: references");
            assert!(!rule.references.is_empty(), "{id}: references");
        }
    }

    #[test]
    fn examples_break_and_keep_their_rules() {
        for rule in rules() {
            let has = |text: &str| testing::all(text).iter().any(|finding| finding.rule.id == rule.id);
            assert!(has(rule.bad), "{}: the bad example keeps the rule", rule.id);
            assert!(!has(rule.good), "{}: the good example breaks the rule", rule.id);
            assert!(!has(rule.good) && !Dockerfile::parse(rule.good.as_bytes()).is_refused(), "{}: good", rule.id);
        }
    }
}

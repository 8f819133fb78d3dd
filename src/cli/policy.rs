//! What judges: the flags that name policies, and `careen policy`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::policy::baseline::Listing;
use crate::policy::{
    Action, Baseline, DEFAULT_PRESET, FailOn, Loader, Policy, PolicySet, Preset, preset_named, presets,
};
use crate::rule::Rule;
use crate::source::registry::artifact::Artifact;
use crate::time::Timestamp;

use super::config;
use super::exit::Exit;
use super::policy_import::{self, ImportArguments};
use super::rejudge::{self, DryRunArguments, TestArguments};
use super::scan::access_to_fetch;
use super::term::{self, Colour};

/// Largest baseline, which may be a whole report.
const LARGEST_BASELINE: u64 = 1 << 30;

/// Largest policy that is fetched.
const LARGEST_FETCHED: u64 = 1 << 20;

/// Which policies judge.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PolicyArguments {
    /// Policy file, or name of a preset; later ones win
    #[arg(short, long, value_name = "FILE", env = "CAREEN_POLICY")]
    policy: Vec<String>,
    /// File of waivers besides those of the policy; repeatable
    #[arg(long, value_name = "FILE", visible_alias = "ignorefile")]
    waivers: Vec<String>,
}

impl PolicyArguments {
    /// The policies that are named; else the one in `careen.toml`; else the default.
    pub(super) fn load(&self, fail_on: Option<&str>, config: Option<&Path>, colour: Colour) -> Result<PolicySet> {
        let inside = if self.policy.is_empty() { config::Config::text(config.map(Path::to_path_buf))? } else { None };
        if let Some((name, text)) = &inside {
            // what stands beside `[policy]` and should be in it must not be passed over
            config::Config::check(name, text)?;
        }
        let inside = inside.filter(|(_, text)| text.contains("policy"));
        let words = full_names(&self.policy);
        // to load the rules takes longer than to judge a Dockerfile; presets, and severities alone, name none
        let is_preset = |word: &String| presets().iter().any(|preset| preset.id == word.as_str());
        let needs_rules = inside.is_some()
            || !self.waivers.is_empty()
            || !words.iter().all(is_preset)
            || fail_on.is_some_and(|text| text.contains(','));
        let known = if needs_rules { crate::scan::rules() } else { Vec::new() };
        let loader = Loader { waivers: &self.waivers, ..loader(&known, colour) };
        let inside = inside.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let set = loader.load_after(inside, &words)?;
        let set = loader.add_waivers(set, &self.waivers)?;
        match fail_on {
            Some(text) => Ok(set.with_fail_on(FailOn::parse(text, &known)?)),
            None => Ok(set),
        }
    }
}

/// What was found before.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct BaselineArguments {
    /// Findings of this report or baseline do not fail, but warn
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

impl BaselineArguments {
    /// Adds what the flag names.
    pub(super) fn add_to(&self, set: PolicySet) -> Result<PolicySet> {
        let Some(path) = &self.baseline else { return Ok(set) };
        let name = path.display().to_string();
        Ok(set.with_baseline(Baseline::parse(&name, &read(path, LARGEST_BASELINE)?)?))
    }
}

/// What words name: a preset by its short name, `strict` for `careen:strict`. A file of that name is `./strict`: whoever
/// may put files into a checkout must not choose what judges it.
fn full_names(words: &[String]) -> Vec<String> {
    let full_name = |word: &String| {
        let Some(Preset { id, .. }) = preset_named(word) else { return word.clone() };
        if Path::new(word).exists() {
            term::warn(&format!("`{word}` is the preset `{id}`; the file of that name here is `./{word}`"));
        }
        (*id).to_owned()
    };
    words.iter().map(full_name).collect()
}

/// What reads policies that may name these rules; errors are coloured where standard error shows colours.
pub(super) fn loader<'a>(known: &'a [&'static Rule], colour: Colour) -> Loader<'a> {
    Loader { known, colour: term::wants_colour(&io::stderr(), colour), fetch: Some(&fetch), waivers: &[] }
}

/// The first file of an artifact in a registry, whose manifest has the digest of the reference.
fn fetch(reference: &str) -> Result<Vec<u8>> {
    let artifact = Artifact::open(reference, &access_to_fetch(None)?)?;
    let [file] = artifact.files() else {
        let count = artifact.files().len();
        let what = format!("the artifact has {count} files; a policy is one");
        return Err(Error::new(ErrorKind::Config, what).at(escape(reference)));
    };
    artifact.bytes(file, LARGEST_FETCHED)
}

/// The bytes of a regular file within a limit.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let place = path.display().to_string();
    let cannot = |error| Error::io("cannot read the file", error).at(place.clone());
    if std::fs::metadata(path).map_err(cannot)?.len() > most {
        return Err(Error::new(ErrorKind::Config, format!("the file is larger than {most} bytes")).at(place));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(most).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Check policy files and say what is wrong with them, line by line
    Check {
        /// Policy files, or names of presets
        #[arg(required = true)]
        files: Vec<String>,
        #[command(flatten)]
        dry_run: DryRunArguments,
    },
    /// Try the tests of policies: findings or a report, and what must come of them
    Test(TestArguments),
    /// Show what judges: a preset as it is built in, or the values of several policies with the line each comes from
    Show {
        /// Policy files, or names of presets; without any, what judges here where no -p is given
        names: Vec<String>,
    },
    /// Print the JSON Schema of policy files, for editors
    Schema,
    /// Write a policy to begin with, every line explained
    Init {
        /// Where to
        #[arg(default_value = "policy.toml")]
        file: PathBuf,
    },
    /// Write the findings of a report as a baseline: what is there today does not fail
    Baseline {
        /// JSON report
        report: PathBuf,
        /// Where to, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take over ignore files and gates of other tools: Trivy, Grype, hadolint, Dockle, gitleaks, dive, …
    Import(ImportArguments),
}

/// Runs `careen policy`.
pub(super) fn run(command: &PolicyCommand) -> Result<Exit> {
    let done = match command {
        PolicyCommand::Check { files, dry_run } => return check(files, dry_run),
        PolicyCommand::Test(arguments) => return rejudge::test(arguments),
        PolicyCommand::Show { names } => show(names),
        PolicyCommand::Schema => print_schema(),
        PolicyCommand::Init { file } => init(file),
        PolicyCommand::Baseline { report, output } => write_baseline(report, output.as_deref()),
        PolicyCommand::Import(arguments) => policy_import::run(arguments),
    };
    done.map(|()| Exit::Passed)
}

/// Checks each file; a wrong one does not keep the others from being looked at.
fn check(files: &[String], dry_run: &DryRunArguments) -> Result<Exit> {
    dry_run.install_rules()?;
    let known = crate::scan::rules();
    let loader = loader(&known, Colour::Auto);
    let words = full_names(files);
    let mut wrong = None;
    for (number, word) in words.iter().enumerate() {
        let presets = words.iter().take(number).filter(|word| word.starts_with("careen:"));
        let named: Vec<String> = presets.chain([word]).cloned().collect();
        let checked = config::check_named(word).and_then(|()| crate::policy::check(&named, &loader, dry_run.today()));
        let summaries = match checked {
            Ok(mut summaries) => summaries.split_off(summaries.len().saturating_sub(1)),
            Err(error) => {
                wrong = wrong.or(Some(term::failed(&error)));
                continue;
            }
        };
        for summary in summaries {
            let extends = if summary.extends.is_empty() {
                String::new()
            } else {
                format!(", extends {}", summary.extends.join(", "))
            };
            let (name, rules, waivers) = (&summary.name, summary.rules, summary.waivers);
            let mut text = format!("{name}: in order; rules: {rules}, waivers: {waivers}{extends}\n");
            for note in &summary.notes {
                text += &format!("  note: {note}\n");
            }
            super::print(&text)?;
        }
    }
    if let Some(exit) = wrong {
        return Ok(exit);
    }
    super::print(&dry_run.judged(&words, &loader)?)?;
    Ok(Exit::Passed)
}

fn show(names: &[String]) -> Result<()> {
    let names = full_names(names);
    let here = if names.is_empty() { config::Config::text(None)? } else { None };
    let here = here.filter(|(_, text)| text.contains("policy"));
    let alone =
        if names.is_empty() && here.is_none() { Some(DEFAULT_PRESET) } else { names.first().map(String::as_str) };
    if let (Some(alone), [] | [_]) = (alone, names.as_slice())
        && let Some(preset) = presets().iter().find(|preset| preset.id == alone)
    {
        return super::print(preset.text);
    }
    let known = crate::scan::rules();
    let here = here.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let set = loader(&known, Colour::Auto).load_after(here, &names)?;
    super::print(&shown(&set))
}

fn print_schema() -> Result<()> {
    let schema = crate::policy::file::schema::schema(&crate::scan::rules());
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("the schema cannot be written: {error}")))?;
    super::print(&format!("{text}\n"))
}

/// The value of a flag in a policy that gives it, and its place.
type Flag<'a> = &'a dyn Fn(&Policy) -> Option<(String, String)>;

/// What a set of policies comes to: every value with the line it comes from, rules from the first to the one that wins.
fn shown(set: &PolicySet) -> String {
    let mut text = String::new();
    let names: Vec<&str> = set.policies().iter().map(|policy| policy.name.as_str()).collect();
    text += &format!("policies, the last wins: {}\n", names.join(", "));
    let extends = |policy: &Policy| policy.extends.iter().any(|extended| extended.word == DEFAULT_PRESET);
    let files = || set.policies().iter().filter(|policy| policy.name != DEFAULT_PRESET);
    if files().all(Policy::asks_nothing) && !files().any(extends) {
        text += &format!("note: no file has rules or demands of images, so `{DEFAULT_PRESET}` judges too\n");
    } else if !names.contains(&DEFAULT_PRESET) {
        text += &format!("note: `{DEFAULT_PRESET}` does not judge: no file extends it\n");
    }
    text += &format!("edition: {}\n", set.edition().id);
    let last = |value: Flag<'_>| set.policies().iter().rev().find_map(value);
    let flags: [(&str, Flag<'_>); 3] = [
        ("fail-on", &|policy| {
            let said = policy.fails_on_new.as_ref()?;
            Some((if said.value { "\"new\"" } else { "\"all\"" }.to_owned(), said.place.clone()))
        }),
        ("honour-inline", &|policy| {
            policy.honours_inline.as_ref().map(|said| (said.value.to_string(), said.place.clone()))
        }),
        ("scope", &|policy| {
            let said = policy.scope.as_ref()?;
            let word = if said.value == crate::policy::Scope::App { "\"app\"" } else { "\"all\"" };
            Some((word.to_owned(), said.place.clone()))
        }),
    ];
    for (key, value) in flags {
        if let Some((value, place)) = last(value) {
            text += &format!("{key} = {value}    # {place}\n");
        }
    }
    for (key, value, place) in set.requirements().values() {
        text += &format!("{key} = {value}    # {place}\n");
    }
    for (policy, rule) in set.policies().iter().flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule))) {
        let grace = rule.grace.map(|grace| format!(" after {grace}")).unwrap_or_default();
        let action = if rule.action == Action::Fail { format!("fail{grace}") } else { rule.action.as_str().to_owned() };
        text += &format!("rule {action}: {} {}    # {}\n", policy.name, rule.name, rule.place);
        text += &format!("    match = {}\n", escape(rule.selector.written()));
        if let Some(unless) = &rule.unless {
            text += &format!("    unless = {}\n", escape(unless.written()));
        }
        if let Some(when) = &rule.when {
            text += &format!("    when = {}\n", escape(when.written()));
        }
    }
    #[cfg(feature = "rego")]
    for policy in set.in_rego() {
        text += &format!("in Rego, after all rules: {}\n", escape(&policy.name));
    }
    for waiver in set.policies().iter().flat_map(|policy| &policy.waivers) {
        let rules: Vec<String> = waiver.selector.rules.iter().map(|named| escape(named.glob().as_str())).collect();
        let until = waiver.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        text += &format!("waiver: {}{until}    # {}\n", rules.join(", "), waiver.place);
        text += &format!("    {}\n", escape(waiver.selector.written()));
    }
    text
}

/// A policy to begin with.
const STARTER: &str = include_str!("starter.toml");

fn init(file: &Path) -> Result<()> {
    use std::io::Write as _;
    let place = file.display().to_string();
    if place == "-" {
        return super::print(STARTER);
    }
    if file.file_name().is_some_and(|name| name == "careen.toml") {
        let wrong = "`careen.toml` is the configuration, of which a policy is one table";
        return Err(Error::new(ErrorKind::Usage, wrong)
            .help("write the policy to `policy.toml`, and `[policy] extends = \"./policy.toml\"` into `careen.toml`"));
    }
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| {
        let error = Error::io("cannot write the policy", error).at(place.clone());
        if file.exists() { error.help("name another file: careen writes over none") } else { error }
    })?;
    out.write_all(STARTER.as_bytes()).map_err(|error| Error::io("cannot write the policy", error).at(place.clone()))?;
    super::print(&format!("{place}: written; check it with `careen policy check {place}`\n"))
}

fn write_baseline(report: &Path, output: Option<&Path>) -> Result<()> {
    let listing = Listing::read(&report.display().to_string(), &read(report, LARGEST_BASELINE)?)?;
    let made = super::scan::source_date()?.map_or_else(term::today, Timestamp::date);
    let text = Listing { made: Some(made), ..listing }.write();
    match output {
        None => super::print(&text),
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Error::io("cannot write the baseline", error).at(path.display().to_string())),
    }
}

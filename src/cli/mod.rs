//! The command line: the only place, with the server, that sees terminal, environment and clock.

mod advisories;
mod config;
mod db;
mod diff;
mod exit;
mod failure;
mod fix;
mod layers;
mod lint;
mod policy;
mod policy_import;
#[cfg(feature = "rego")]
mod rego;
mod rejudge;
mod rules;
mod sbom;
mod scan;
mod secret_rules;
#[cfg(feature = "server")]
mod serve;
mod term;
mod why;
#[cfg(feature = "server")]
mod worker;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::error::{Error, ErrorKind, Result};

pub use exit::Exit;

/// Runs the command line `arguments`, program name first, and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // a panic may quote the image, or a secret: say where it was, not what
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |location| format!(" at {}:{}", location.file(), location.line()));
        let _ = writeln!(io::stderr(), "careen: a defect{place}; please report it");
    }));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let exit = catch_unwind(AssertUnwindSafe(|| run(&arguments)));
    let exit = exit.unwrap_or_else(|_| {
        let error = Error::new(ErrorKind::Internal, "careen stopped at a defect of its own")
            .help("please report it, with what stands on standard error");
        tell_programs(&arguments, &error);
        Exit::CannotRun
    });
    exit.into()
}

/// Scans container images for secrets, hygiene and packages, judges them by policy, and reports.
#[derive(Debug, Parser)]
#[command(name = "careen", version, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Scan an image: everything, judged by policy
    #[command(visible_alias = "image")]
    Scan(Box<scan::ScanArguments>),
    /// Show the layers of an image: steps, sizes, what each changes, and what is shipped in vain
    #[command(visible_alias = "history")]
    Layers(Box<layers::LayersArguments>),
    /// Compare two images: findings, packages, files, settings, size
    Diff(Box<diff::DiffArguments>),
    /// Write an image anew with findings mended: plan, rebuild, prove
    Fix(Box<fix::FixArguments>),
    /// Judge Dockerfiles, to the exact line
    Lint(lint::LintArguments),
    /// List the packages of an image as a bill of materials: CycloneDX or SPDX
    Sbom(Box<sbom::SbomArguments>),
    /// Write a JSON report or a bill of materials as another bill of materials
    Convert(sbom::ConvertArguments),
    /// List the rules
    Rules(rules::RulesArguments),
    /// Explain a rule, by its id or the id it has in another tool; or why a report names a flaw
    Explain(rules::ExplainArguments),
    /// Work with policies
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Take the webhooks of registries, scan what is pushed, keep and show the reports
    #[cfg(feature = "server")]
    Serve(serve::ServeArguments),
    /// Bring, look into and check advisory data
    #[command(subcommand)]
    Db(DbCommand),
    /// Do the one scan that a server writes to standard input
    #[cfg(feature = "server")]
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Bring data: of ecosystems, of everything, or of what an image needs
    Update(Box<db::update::UpdateArguments>),
    /// Say what data there are, and how old
    Status(db::status::StatusArguments),
    /// Read all data, and say what is damaged
    Verify(db::status::VerifyArguments),
    /// Take in what was brought by hand: exports, archives, records
    Import(db::exchange::ImportArguments),
    /// Write data out, for machines without a network
    Export(db::exchange::ExportArguments),
    /// Look for a record, a package, or what affects a version
    Search(db::search::SearchArguments),
    /// Say which records affect a version of a package, line by line
    Match(db::query::MatchArguments),
    /// Say how versions are ordered, line by line
    Compare(db::query::CompareArguments),
    /// Score CVSS vectors, line by line
    Cvss(db::query::CvssArguments),
}

fn run(arguments: &[OsString]) -> Exit {
    term::silence_panics();
    let parsed = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Passed;
            }
            tell_programs(arguments, &failure::of_usage(&error));
            return Exit::CannotRun;
        }
    };
    let done = match parsed.command {
        Command::Scan(arguments) => return scan::run(&arguments),
        Command::Layers(arguments) => return layers::run(&arguments),
        Command::Diff(arguments) => return diff::run(&arguments),
        Command::Fix(arguments) => return fix::run(&arguments),
        Command::Lint(arguments) => return lint::run(&arguments),
        Command::Sbom(arguments) => return sbom::run(&arguments),
        Command::Convert(arguments) => return sbom::convert(&arguments),
        Command::Rules(arguments) => rules::list(&arguments),
        Command::Explain(arguments) => rules::explain(&arguments),
        Command::Policy(command) => return term::ended(policy::run(&command)),
        #[cfg(feature = "server")]
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Db(DbCommand::Update(arguments)) => return db::update::run(&arguments),
        #[cfg(feature = "server")]
        Command::Worker => return worker::run(),
        Command::Db(DbCommand::Status(arguments)) => return term::ended(db::status::status(&arguments)),
        Command::Db(DbCommand::Verify(arguments)) => return term::ended(db::status::verify(&arguments)),
        Command::Db(DbCommand::Import(arguments)) => return db::exchange::import(&arguments),
        Command::Db(DbCommand::Export(arguments)) => db::exchange::export(&arguments),
        Command::Db(DbCommand::Search(arguments)) => db::search::run(&arguments),
        Command::Db(DbCommand::Match(arguments)) => db::query::matches(&arguments),
        Command::Db(DbCommand::Compare(arguments)) => db::query::compare(&arguments),
        Command::Db(DbCommand::Cvss(arguments)) => db::query::cvss(&arguments),
    };
    term::ended(done.map(|()| Exit::Passed))
}

/// Parses the command line. An empty variable of the environment is one that is not set.
fn parse(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    fn without_empty(command: clap::Command) -> clap::Command {
        let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
        let command = command.mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(Resettable::Reset),
            _ => argument,
        });
        command.mut_subcommands(without_empty)
    }
    let mut command = Arguments::command().mut_subcommands(without_empty);
    let matches = command.try_get_matches_from_mut(targets_last(arguments))?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Puts `-:name` and `-@digest`, which choose an image on standard input, where they are not taken for flags.
fn targets_last(arguments: &[OsString]) -> Vec<&OsString> {
    static END: std::sync::LazyLock<OsString> = std::sync::LazyLock::new(|| "--".into());
    if arguments.contains(&END) {
        return arguments.iter().collect();
    }
    let is_target = |argument: &&OsString| {
        let bytes = argument.as_encoded_bytes();
        bytes.starts_with(b"-:") || bytes.starts_with(b"-@")
    };
    let (targets, mut rest): (Vec<_>, Vec<_>) = arguments.iter().partition(is_target);
    if !targets.is_empty() {
        rest.push(&END);
        rest.extend(targets);
    }
    rest
}

/// Writes a failure as JSON where `arguments`, which may be wrong, ask for that.
fn tell_programs(arguments: &[OsString], error: &Error) {
    if failure::wants_json(arguments, std::env::var_os("CAREEN_FORMAT").as_deref()) {
        let mut out = io::stdout().lock();
        // nobody is left to tell when stdout is closed
        let _ = crate::output::render_failure(error, error.kind.is_refusal(), &mut out).and_then(|()| out.flush());
    }
}

/// Writes to standard output; a reader that has gone is a normal end.
fn print(text: &str) -> Result<()> {
    finish_write(io::stdout().lock().write_all(text.as_bytes()))
}

/// Takes a closed pipe as the end of a write.
fn finish_write(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("cannot write to standard output", error))
        }
        _ => Ok(()),
    }
}

//! The command line: the only place, with the server, that sees terminal, environment and clock.

mod config;
mod exit;
mod rules;
mod scan;
mod term;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    exit.unwrap_or(Exit::CannotRun).into()
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
    /// List the rules
    Rules(rules::RulesArguments),
    /// Explain a rule, by its id or the id it has in another tool
    Explain(rules::ExplainArguments),
    /// Work with policies
    #[command(subcommand)]
    Policy(PolicyCommand),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Check policy files and say what is wrong with them, line by line
    Check {
        /// Policy files, or names of presets
        #[arg(required = true)]
        files: Vec<String>,
    },
    /// Show a preset as it is built in
    Show {
        /// Its name
        #[arg(default_value = crate::policy::DEFAULT_PRESET)]
        name: String,
    },
}

fn run(arguments: &[OsString]) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::CannotRun } else { Exit::Passed };
        }
    };
    let done = match arguments.command {
        Command::Scan(arguments) => return scan::run(&arguments),
        Command::Rules(arguments) => rules::list(&arguments),
        Command::Explain(arguments) => rules::explain(&arguments),
        Command::Policy(PolicyCommand::Check { files }) => check_policies(&files),
        Command::Policy(PolicyCommand::Show { name }) => show_preset(&name),
    };
    match done {
        Ok(()) => Exit::Passed,
        Err(error) => {
            term::print_error(&error);
            Exit::of(&error)
        }
    }
}

fn check_policies(files: &[String]) -> Result<()> {
    let known = crate::scan::rules();
    let summaries =
        crate::policy::check(files, &known, term::today(), term::wants_colour(&io::stderr(), term::Colour::Auto))?;
    let mut text = String::new();
    for summary in &summaries {
        let extends = if summary.extends.is_empty() {
            String::new()
        } else {
            format!(", extends {}", summary.extends.join(", "))
        };
        text +=
            &format!("{}: in order; rules: {}, waivers: {}{extends}\n", summary.name, summary.rules, summary.waivers);
        for note in &summary.notes {
            text += &format!("  note: {note}\n");
        }
    }
    print(&text)
}

fn show_preset(name: &str) -> Result<()> {
    let presets = crate::policy::presets();
    if let Some(preset) = presets.iter().find(|preset| preset.id == name) {
        print(preset.text)
    } else {
        let names: Vec<_> = presets.iter().map(|preset| preset.id).collect();
        Err(Error::new(ErrorKind::Usage, format!("there is no preset `{}`", crate::escape::escape(name)))
            .help(format!("the presets are {}", names.join(", "))))
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

//! `careen diff`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::diff::{Diff, FailOnNew, Snapshot};
use crate::error::{Error, ErrorKind, Result};
use crate::output::{DiffFormat, Style, render_diff};
use crate::report::Report;
use crate::scan::{Advisories, without_secrets};
use crate::time::Date;

use super::advisories::AdvisoryArguments;
use super::exit::Exit;
use super::policy::PolicyArguments;
use super::scan::{Judging, TargetArguments, config, judging_time, opened, spare, write_to};
use super::secret_rules;
use super::term::{self, Colour, Watcher};

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    #[command(flatten)]
    image: TargetArguments,
    /// The image to compare it with, as the target is named; what it has and the target has not is new
    after: String,

    /// Format
    #[arg(short, long, value_enum, default_value = "text")]
    format: Form,
    /// Write there rather than to standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Exit with 1 if there are new findings: those that the policy warns of or fails, or those from a severity up
    #[arg(long, value_name = "new[:SEVERITY]")]
    fail_on: Option<FailOnNew>,

    #[command(flatten)]
    advisories: AdvisoryArguments,
    #[command(flatten)]
    policy: PolicyArguments,
    /// Rules of secrets and allowances of your own, in careen's form or that of gitleaks; repeatable
    #[arg(long, value_name = "FILE", env = "CAREEN_SECRET_RULES")]
    secret_rules: Vec<PathBuf>,
    /// Exit with 0 even when something could not be read
    #[arg(long)]
    allow_partial: bool,
    /// Judge as of this day rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", env = "CAREEN_COLOR")]
    color: Colour,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Json,
    Markdown,
}

/// Compares two images.
pub(super) fn run(arguments: &DiffArguments) -> Exit {
    let watcher = Watcher::new(arguments.image.wants_progress());
    let done = compare(arguments, &watcher).map_err(without_secrets);
    arguments.image.finish(&watcher);
    term::ended(done)
}

fn compare(arguments: &DiffArguments, watcher: &Watcher) -> Result<Exit> {
    if arguments.image.target() == "-" && arguments.after == "-" {
        return Err(Error::new(ErrorKind::Usage, "standard input cannot be both images"));
    }
    for target in [arguments.image.target(), &arguments.after] {
        spare(target, arguments.output.as_deref())?;
    }
    if arguments.image.reads_password() {
        return Err(Error::new(ErrorKind::Usage, "a password on standard input would be there for one image only")
            .help("set CAREEN_PASSWORD instead of --password-stdin"));
    }
    let config = config(&arguments.image)?;
    secret_rules::install(config.secrets.rules.iter().chain(&arguments.secret_rules))?;
    let policy = arguments.policy.load(None, arguments.image.config_file(), arguments.color)?;
    let catalogue = arguments.advisories.catalogue()?;
    let vex = arguments.advisories.vex()?;
    let advisories = catalogue.as_ref().map(|catalogue| Advisories {
        catalogue,
        stale_hours: arguments.advisories.stale_hours(),
        now: judging_time(arguments.today),
        vex: &vex.documents,
        wants_attached: arguments.advisories.wants_attached(),
    });
    let judging = Judging { policy, today: arguments.today, advisories, wants_attested: false, wants_attached: false };
    let side = |target: &str| -> Result<(Report, Snapshot, u64)> {
        let image = arguments.image.with_target(target);
        let mut sides = opened(&image, watcher, Some(judging.clone()), crate::scan::snapshots)?;
        let side = sides.pop().filter(|_| sides.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "there are several images to compare")
                .at(target.to_owned())
                .help("choose one with `--platform os/arch`")
        });
        side.map(|(mut report, snapshot, visible)| {
            report.limitations.extend(vex.limitations.iter().cloned());
            report.limitations.sort();
            (report, snapshot, visible)
        })
    };
    let diff = Diff::of(side(arguments.image.target())?, side(&arguments.after)?);
    watcher.finish();
    let failing = arguments.fail_on.map(|rule| diff.failing(rule));
    let to_stdout = arguments.output.is_none();
    let style = Style {
        width: if to_stdout && io::stdout().is_terminal() { term::width() } else { 100 },
        colour: to_stdout && term::wants_colour(&io::stdout(), arguments.color),
        verbose: arguments.image.is_verbose(),
        ..Style::PLAIN
    };
    let format = match arguments.format {
        Form::Text => DiffFormat::Text,
        Form::Json => DiffFormat::Json,
        Form::Markdown => DiffFormat::Markdown,
    };
    write_to(arguments.output.as_deref(), &mut |out| render_diff(&diff, failing, format, &style, out))?;
    Ok(match (failing.unwrap_or(0), diff.has_gaps() && !arguments.allow_partial) {
        (1.., _) => Exit::Failed(1),
        (0, true) => Exit::Incomplete,
        (0, false) => Exit::Passed,
    })
}

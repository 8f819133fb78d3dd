//! `careen policy test`, and `careen policy check --report`: what policies make of cases and of reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::policy::edition::EDITIONS;
use crate::policy::{Action, Case, Judged, Loader, PolicySet, Verdict};
use crate::rejudge::{self, Change, LARGEST, Record, Reread, case, changes};
use crate::rule::Rule;
use crate::time::Date;

use super::exit::Exit;
use super::policy::{loader, read};
use super::secret_rules;
use super::term::{self, Colour};

/// Changes that are listed of one comparison; the rest is counted.
const MOST_CHANGES: usize = 50;

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// Files with `[[test]]`: policies, or files that name the policies they try
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The day on which cases play that name none, rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Rules of secrets of your own, where cases or reports name them; repeatable
    #[arg(long, value_name = "FILE", env = "CAREEN_SECRET_RULES")]
    secret_rules: Vec<PathBuf>,
}

/// Tries the cases of files: a line each, and what does not hold.
pub(super) fn test(arguments: &TestArguments) -> Result<Exit> {
    secret_rules::install(&arguments.secret_rules)?;
    let known = crate::scan::rules();
    let loader = loader(&known, Colour::Auto);
    let today = arguments.today.unwrap_or_else(term::today);
    let (mut text, mut tried, mut failed) = (String::new(), 0_usize, 0_usize);
    for file in &arguments.files {
        let cases = loader.cases(&file.display().to_string())?;
        let by_name = |name: &str| reports(&cases.folder.join(name), &cases.set, &known);
        let by_set = |record: &Record, today| judged(record, &cases.set, today);
        for case in &cases.cases {
            let wrong = case::differences(case, today, &by_name, &by_set).map_err(|error| {
                let message = format!("the test `{}` ({}): {}", escape(&case.name), case.place, error.message);
                Error { message, ..error }
            })?;
            tried += 1;
            failed += usize::from(!wrong.is_empty());
            text += &line(case, &wrong);
        }
    }
    let noun = if tried == 1 { "test" } else { "tests" };
    text += &match failed {
        0 => format!("{tried} {noun}: all hold\n"),
        failed => format!("{tried} {noun}: {failed} {} not hold\n", if failed == 1 { "does" } else { "do" }),
    };
    super::print(&text)?;
    Ok(if failed == 0 { Exit::Passed } else { Exit::Failed(1) })
}

fn line(case: &Case, wrong: &[String]) -> String {
    let word = if wrong.is_empty() { "ok   " } else { "wrong" };
    let mut text = format!("{word} {}: {}\n", case.place, case.name);
    for difference in wrong {
        text += &format!("      {difference}\n");
    }
    text
}

/// Reads the reports of a file, as these policies need them.
#[cfg_attr(not(feature = "rego"), expect(unused_variables, unused_mut, reason = "only policies in Rego need more"))]
fn reports(path: &Path, set: &PolicySet, known: &[&'static Rule]) -> Result<Vec<Reread>> {
    let bytes = read(path, LARGEST)?;
    let mut reports = rejudge::read(&path.display().to_string(), &bytes, known)?;
    #[cfg(feature = "rego")]
    super::rego::keep_documents(set, &mut reports, &bytes)?;
    Ok(reports)
}

/// What all policies make of a record, those in Rego too.
fn judged(record: &Record, set: &PolicySet, today: Date) -> Result<(Vec<Judged>, Verdict)> {
    #[cfg(feature = "rego")]
    return super::rego::judge_record(record, set, today);
    #[cfg(not(feature = "rego"))]
    record.judge(set, today)
}

/// What policies would make of the reports in a file, and what newer editions would change of that.
pub(super) fn dry_run(set: &PolicySet, path: &Path, known: &[&'static Rule], today: Date) -> Result<String> {
    let mut text = String::new();
    let reports = reports(path, set, known)?;
    for report in &reports {
        let of_image = reports.iter().filter(|other| other.reference == report.reference);
        let of_image: Vec<&Record> = of_image.map(|other| &other.record).collect();
        let set = &rejudge::sharing(set, &of_image, today)?;
        let platform = report.platform.as_ref().map(|platform| format!(" ({})", escape(platform))).unwrap_or_default();
        text += &format!("\n{}{platform}\n", escape(&report.reference));
        let (by_set, verdict) = judged(&report.record, set, today)?;
        text += &format!("  the report says: {}: {}\n", report.outcome.as_str(), escape(&report.reason));
        text += &format!("  the policy says: {}\n", said(&verdict));
        text += &listed(&changes(&report.standings, &by_set), "  against the report");
        for edition in EDITIONS.iter().skip_while(|edition| edition.id != set.edition().id).skip(1) {
            let before: BTreeMap<_, _> = rejudge::standings(&by_set);
            let (by_newer, newer) = judged(&report.record, &set.clone().with_edition(edition), today)?;
            text += &format!("  in edition \"{}\": {}\n", edition.id, said(&newer));
            text += &listed(&changes(&before, &by_newer), &format!("  in edition \"{}\"", edition.id));
        }
        let unasked = rejudge::unasked(set, report, known);
        for left_out in report.left_out.iter().chain(&unasked) {
            text += &format!("  note: the verdict of a scan may differ: {left_out}\n");
        }
    }
    Ok(text)
}

fn said(verdict: &Verdict) -> String {
    format!("{}: {}", verdict.outcome.as_str(), escape(&verdict.reason))
}

/// The changes, a line each: `fail → warn  rule subject: what decided`.
fn listed(changes: &[Change], what: &str) -> String {
    if changes.is_empty() {
        return format!("{what} no finding changes\n");
    }
    let noun = if changes.len() == 1 { "1 finding changes" } else { &format!("{} findings change", changes.len()) };
    let mut text = format!("{what} {noun}:\n");
    for change in changes.iter().take(MOST_CHANGES) {
        let word = |standing: &Option<rejudge::Standing>| standing.as_ref().map_or("none", rejudge::Standing::word);
        let (rule, subject) = change.subject();
        let because = match (&change.before, &change.after) {
            (_, Some(after)) => after.because(),
            (Some(before), None) if before.rule.starts_with("policy/") => "the policy does not ask for it".to_owned(),
            _ => format!("{} or left out", Action::Ignore.as_str()),
        };
        let subject = if subject.is_empty() { String::new() } else { format!(" {}", escape(subject)) };
        let severities = change.severities().map(|(before, after)| format!(" (severity {before} → {after})"));
        let severities = severities.unwrap_or_default();
        let (before, after) = (word(&change.before), word(&change.after));
        text += &format!("    {before} → {after}  {rule}{subject}{severities}: {}\n", escape(because));
    }
    if changes.len() > MOST_CHANGES {
        text += &format!("    and {} more\n", changes.len() - MOST_CHANGES);
    }
    text
}

/// What `--report` needs besides.
#[derive(Debug, Args)]
pub(super) struct DryRunArguments {
    /// Judge this JSON report, and say what changes, also in newer editions
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Judge as of this day rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Rules of secrets of your own, where the policy or the report name them; repeatable
    #[arg(long, value_name = "FILE", env = "CAREEN_SECRET_RULES")]
    secret_rules: Vec<PathBuf>,
}

impl DryRunArguments {
    /// The day on which policies are checked.
    pub(super) fn today(&self) -> Date {
        self.today.unwrap_or_else(term::today)
    }

    /// Takes the rules of secrets, before rules are asked for.
    pub(super) fn install_rules(&self) -> Result<()> {
        secret_rules::install(&self.secret_rules)
    }

    /// What the policies make of the report, where one is named.
    pub(super) fn judged(&self, words: &[String], loader: &Loader<'_>) -> Result<String> {
        let Some(path) = &self.report else { return Ok(String::new()) };
        dry_run(&loader.load(words)?, path, loader.known, self.today())
    }
}

//! `careen sbom` and `careen convert`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::output::FORMATS;
use crate::report::Report;
use crate::scan::without_secrets;
use crate::source::sbom;

use super::exit::Exit;
use super::scan::{Outputs, TargetArguments, reports};
use super::term::{self, Watcher};

#[derive(Debug, Args)]
pub(super) struct SbomArguments {
    #[command(flatten)]
    image: TargetArguments,

    #[arg(short, long, value_name = "FORMAT", default_value = "cyclonedx", help = format!("Format: {}", bills()))]
    format: String,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Debug, Args)]
pub(super) struct ConvertArguments {
    /// A JSON report of careen, or a bill of materials
    file: PathBuf,

    #[arg(short, long, value_name = "FORMAT", help = format!("Format: {}", bills()))]
    format: String,
    #[command(flatten)]
    writing: Writing,
}

/// Where it goes, and how it ends.
#[derive(Debug, Args)]
struct Writing {
    /// Write there: PATH in the format of -f, or FORMAT=PATH besides; repeatable
    #[arg(short, long, value_name = "PATH | FORMAT=PATH")]
    output: Vec<String>,
    /// Exit with 0 even when something could not be read
    #[arg(long)]
    allow_partial: bool,
    /// Nothing on standard output but what -o - asks for
    #[arg(short, long)]
    quiet: bool,
}

/// Lists the packages of an image.
pub(super) fn run(arguments: &SbomArguments) -> Exit {
    let outputs = Outputs::parse(&arguments.format, &arguments.writing.output, arguments.writing.quiet);
    let watcher = Watcher::new(arguments.image.wants_progress() && !arguments.writing.quiet);
    list(&arguments.image, outputs, &watcher, arguments.writing.allow_partial)
}

/// Writes what a file lists in another format.
pub(super) fn convert(arguments: &ConvertArguments) -> Exit {
    let Some(file) = arguments.file.to_str() else {
        let error = Error::new(ErrorKind::Usage, "the name of the file is not UTF-8");
        term::print_error(&error.at(arguments.file.display().to_string()));
        return Exit::CannotRun;
    };
    let image = TargetArguments::of(format!("{}:{file}", sbom::ID));
    let outputs = Outputs::parse(&arguments.format, &arguments.writing.output, arguments.writing.quiet);
    list(&image, outputs, &Watcher::new(image.wants_progress()), arguments.writing.allow_partial)
}

fn list(image: &TargetArguments, outputs: Result<Outputs>, watcher: &Watcher, allow_partial: bool) -> Exit {
    let done = outputs.and_then(|outputs| write(image, &outputs, watcher)).map_err(without_secrets);
    image.finish(watcher);
    term::ended(done.map(|reports| {
        let gaps = tell(&reports);
        if gaps > 0 && !allow_partial { Exit::Incomplete } else { Exit::Passed }
    }))
}

fn write(image: &TargetArguments, outputs: &Outputs, watcher: &Watcher) -> Result<Vec<Report>> {
    if let Some(other) = outputs.formats().find(|format| !is_bill(format)) {
        return Err(Error::new(ErrorKind::Usage, format!("`{other}` is no format of bills of materials"))
            .help(format!("these are {}", bills())));
    }
    outputs.spare(image.target())?;
    let reports = reports(image, watcher, &crate::scan::survey, None)?;
    outputs.write(&reports, &term::plain())?;
    Ok(reports)
}

/// The formats of bills of materials.
fn bills() -> String {
    let words: Vec<&str> = FORMATS.iter().map(|format| format.id()).filter(|format| is_bill(format)).collect();
    words.join(", ")
}

fn is_bill(format: &str) -> bool {
    format.starts_with("cyclonedx") || format.starts_with("spdx")
}

/// Says on standard error what was not read, and counts it.
fn tell(reports: &[Report]) -> usize {
    /// Gaps that are told one by one.
    const MOST: usize = 20;
    let gaps: Vec<_> =
        reports.iter().flat_map(|report| &report.limitations).filter(|limitation| limitation.is_gap).collect();
    let mut text = String::new();
    for gap in gaps.iter().take(MOST) {
        let place = if gap.place.is_empty() { String::new() } else { format!("{}: ", escape(&gap.place)) };
        text += &format!("not read: {place}{} ({})\n", escape(&gap.what), gap.code);
    }
    if gaps.len() > MOST {
        text += &format!("not read: {} more, which the bill of materials lists\n", gaps.len() - MOST);
    }
    if !gaps.is_empty() {
        text += "the bill of materials is incomplete, and says so\n";
    }
    // nobody is left to tell when stderr is closed
    let _ = io::stderr().lock().write_all(text.as_bytes());
    gaps.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_formats_of_bills_are_named() {
        assert_eq!(bills(), "cyclonedx, cyclonedx-1.5, cyclonedx-1.6, cyclonedx-1.7, spdx, spdx-3, spdx-tv");
        assert!(!is_bill("json") && !is_bill("sarif"));
    }
}

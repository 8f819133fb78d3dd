//! `careen lint`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::dockerfile::LARGEST;
use crate::dockerfile::ignore::{self, Ignore};
use crate::dockerfile::lint::{BuildContexts, Surroundings};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::limit::Limits;
use crate::lint::{Input, Linted, lint};
use crate::output::{Style, render_excerpts};
use crate::rule::Severity;
use crate::time::Date;

use super::exit::Exit;
use super::policy::{BaselineArguments, PolicyArguments};
use super::scan::{GateArguments, Outputs, least_severity, write_to};
use super::term::{self, Colour};

/// How deep folders are searched.
const DEEPEST: usize = 16;

/// Most files and folders looked at while searching for Dockerfiles.
const MOST_SEARCHED: usize = 200_000;

/// Most Dockerfiles of one command.
const MOST_FILES: usize = 10_000;

/// Most entries of the folder of one Dockerfile that lints get to see.
const MOST_ENTRIES: usize = 2_000;

/// Folders that are large by nature and hold nobody's own Dockerfile.
const SKIPPED: &[&str] = &[".git", ".hg", ".svn", "node_modules"];

#[derive(Debug, Args)]
pub(super) struct LintArguments {
    /// Dockerfiles, folders that are searched for them, or `-` for standard input
    ///
    /// Searched for are `Dockerfile`, `Dockerfile.*`, `*.Dockerfile` and `Containerfile`.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<String>,
    /// The folder that is sent to the builder, in place of that of each Dockerfile
    #[arg(long, value_name = "FOLDER")]
    context: Option<PathBuf>,
    /// A name that the build gives to a folder or image, as `docker buildx build` takes it; repeatable
    ///
    /// Such a name is no image of a registry; with `docker-image://` the image in its place is judged.
    #[arg(long = "build-context", value_name = "NAME[=VALUE]")]
    build_contexts: Vec<String>,

    /// Format on standard output: text, json, sarif
    #[arg(short, long, value_name = "FORMAT", env = "CAREEN_FORMAT", default_value = "text")]
    format: String,
    /// Write there: PATH in the format of -f, or FORMAT=PATH besides; repeatable
    #[arg(short, long, value_name = "PATH | FORMAT=PATH")]
    output: Vec<String>,
    /// Show only findings of this severity and above; changes nothing else
    #[arg(short, long, value_name = "SEVERITY", value_parser = least_severity)]
    severity: Option<Severity>,
    /// Show what waivers and comments accept too
    #[arg(long, visible_alias = "show-suppressed")]
    show_waived: bool,
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    baseline: BaselineArguments,
    #[command(flatten)]
    gate: GateArguments,
    /// Judge as of this day rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", env = "CAREEN_COLOR")]
    color: Colour,
    /// Show more of each finding
    #[arg(short, long)]
    verbose: bool,
    /// Nothing on standard output but what -o - asks for
    #[arg(short, long)]
    quiet: bool,
}

/// Lints, writes the report, and says how it ended.
pub(super) fn run(arguments: &LintArguments) -> Exit {
    let outputs = Outputs::parse(&arguments.format, &arguments.output, arguments.quiet).and_then(fitting);
    let outputs = match outputs {
        Ok(outputs) => outputs,
        Err(error) => return term::failed(&error),
    };
    let policy = arguments.policy.load(arguments.gate.fail_on(), None, arguments.color);
    let linted = policy.and_then(|policy| arguments.baseline.add_to(policy)).and_then(|policy| {
        let inputs = inputs(arguments)?;
        let today = arguments.today.unwrap_or_else(term::today);
        #[cfg(not(feature = "rego"))]
        return lint(&inputs, &policy, today, &Limits::default());
        #[cfg(feature = "rego")]
        {
            let limits = super::rego::limits(&policy, Limits::default());
            let mut linted = lint(&inputs, &policy, today, &limits)?;
            super::rego::judge(&mut linted.report, &policy)?;
            Ok(linted)
        }
    });
    let linted = match linted {
        Ok(linted) => linted,
        Err(error) => {
            term::print_error(&error);
            if let Err(error) = outputs.write_failure(&error) {
                term::print_error(&error);
            }
            return Exit::of(&error);
        }
    };
    if let Err(error) = write(&outputs, &linted, arguments) {
        return term::failed(&error);
    }
    let rules = arguments.gate.rules(false);
    let report = &linted.report;
    match Exit::of_outcomes([(report.verdict.outcome, report.has_gaps())], rules) {
        Exit::Failed(code) if code > 0 => Exit::Failed(code),
        // no flag makes a file good that cannot be read
        _ if linted.is_refused => Exit::Refused,
        exit => exit,
    }
}

/// Refuses formats that say nothing of Dockerfiles.
fn fitting(outputs: Outputs) -> Result<Outputs> {
    let other = outputs.formats().find(|format| !matches!(*format, "text" | "json" | "sarif"));
    if let Some(format) = other {
        return Err(Error::new(ErrorKind::Usage, format!("the format `{format}` is for images"))
            .help("the formats of `careen lint` are text, json and sarif"));
    }
    Ok(outputs)
}

fn write(outputs: &Outputs, linted: &Linted, arguments: &LintArguments) -> Result<()> {
    let reports = std::slice::from_ref(&linted.report);
    for (format, path) in outputs.places() {
        let to_stdout = path.is_none();
        let style = Style {
            width: if to_stdout && io::stdout().is_terminal() { term::width() } else { 100 },
            colour: to_stdout && term::wants_colour(&io::stdout(), arguments.color),
            least: arguments.severity.unwrap_or(Severity::Info),
            show_waived: arguments.show_waived,
            verbose: arguments.verbose,
            ..Style::PLAIN
        };
        write_to(path, &mut |out| {
            if format.id() == "text" {
                render_excerpts(&linted.report, &linted.texts, &style, out)
            } else {
                format.render(reports, &style, out)
            }
        })?;
    }
    Ok(())
}

/// Reads all files that the arguments name.
fn inputs(arguments: &LintArguments) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    let contexts = contexts(&arguments.build_contexts)?;
    let mut seen = BTreeSet::new();
    for path in &arguments.paths {
        if path == "-" {
            let bytes = read(io::stdin().lock(), "standard input")?;
            let surroundings = arguments.context.as_deref().map(|folder| surroundings(folder, None));
            let (folder, contexts) = (arguments.context.clone(), contexts.clone());
            inputs.push(Input { name: "-".into(), bytes, surroundings, folder, contexts });
            continue;
        }
        let metadata = fs::metadata(path).map_err(|error| {
            Error::io("cannot read the Dockerfile", error).at(escape(path)).help("name a Dockerfile, a folder, or `-`")
        })?;
        let files = if metadata.is_dir() { search(Path::new(path))? } else { vec![PathBuf::from(path)] };
        for file in files.into_iter().filter(|file| seen.insert(file.clone())) {
            inputs.push(Input { contexts: contexts.clone(), ..input(&file, arguments.context.as_deref())? });
            if inputs.len() > MOST_FILES {
                return Err(Error::new(ErrorKind::Limit, format!("there are more than {MOST_FILES} Dockerfiles")));
            }
        }
    }
    Ok(inputs)
}

/// Reads what `--build-context` says.
fn contexts(texts: &[String]) -> Result<BuildContexts> {
    let mut contexts = BuildContexts::default();
    for text in texts {
        let wrong = |message| Error::new(ErrorKind::Usage, format!("`--build-context {}`: {message}", escape(text)));
        contexts.add(text).map_err(wrong)?;
    }
    Ok(contexts)
}

fn input(path: &Path, context: Option<&Path>) -> Result<Input> {
    let (name, bytes) = read_file(path)?;
    let own = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = context.unwrap_or(own);
    let surroundings = surroundings(folder, Some(path));
    Ok(Input { name, bytes, surroundings: Some(surroundings), folder: Some(folder.to_owned()), ..Input::default() })
}

/// The name of a Dockerfile as reports show it, and its bytes.
pub(super) fn read_file(path: &Path) -> Result<(String, Vec<u8>)> {
    let name = path.to_string_lossy().into_owned();
    let file =
        fs::File::open(path).map_err(|error| Error::io("cannot read the Dockerfile", error).at(escape(&name)))?;
    let bytes = read(file, &name)?;
    let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
    Ok((name, bytes))
}

/// Reads a Dockerfile whole; one that is too large is refused.
fn read(source: impl Read, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LARGEST.bytes().saturating_add(1);
    source
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("cannot read the Dockerfile", error).at(escape(name)))?;
    if bytes.len() as u64 == most {
        return Err(Error::new(ErrorKind::Limit, format!("the Dockerfile is larger than {LARGEST}")).at(escape(name)));
    }
    Ok(bytes)
}

/// Finds Dockerfiles in a folder and those below, sorted.
fn search(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut searched = 0;
    while let Some((folder, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| {
            Error::io("cannot search the folder", error).at(escape(folder.to_string_lossy().as_ref()))
        })?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("cannot search the folder", error))?;
            searched += 1;
            if searched > MOST_SEARCHED {
                let message = format!("the folder holds more than {MOST_SEARCHED} files");
                return Err(Error::new(ErrorKind::Limit, message).help("name the Dockerfiles"));
            }
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_dir() && depth < DEEPEST && !SKIPPED.contains(&name.as_ref()) {
                folders.push((entry.path(), depth + 1));
            } else if is_dockerfile(&name) && (kind.is_file() || (kind.is_symlink() && entry.path().is_file())) {
                found.push(entry.path());
            }
        }
    }
    if found.is_empty() {
        let message = "the folder holds no Dockerfile";
        return Err(Error::new(ErrorKind::NotFound, message)
            .at(escape(folder.to_string_lossy().as_ref()))
            .help("searched for are `Dockerfile`, `Dockerfile.*`, `*.Dockerfile` and `Containerfile`"));
    }
    found.sort();
    Ok(found)
}

/// Endings of what is no Dockerfile though its name begins like one: notes, copies that editors leave, and templates,
/// which only become one.
const OTHERS: [&str; 15] = [
    ".dockerignore",
    ".md",
    ".orig",
    ".rej",
    ".swp",
    ".bak",
    "~",
    ".template",
    ".tmpl",
    ".tpl",
    ".j2",
    ".jinja",
    ".jinja2",
    ".erb",
    ".in",
];

fn is_dockerfile(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_other = OTHERS.iter().any(|end| name.ends_with(end));
    let named = |word: &str| name == word || name.strip_prefix(word).is_some_and(|rest| rest.starts_with('.'));
    !is_other && (named("dockerfile") || named("containerfile") || name.ends_with(".dockerfile"))
}

/// What lies in the folder that is sent to the builder.
fn surroundings(folder: &Path, dockerfile: Option<&Path>) -> Surroundings {
    let of_file = dockerfile.map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    let candidates = of_file.into_iter().chain([folder.join(".dockerignore")]);
    let ignore = candidates.into_iter().find_map(|path| {
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).ok()?;
        file.take(ignore::LARGEST as u64 + 1).read_to_end(&mut bytes).ok()?;
        let name = path.to_string_lossy();
        Some((Ignore::parse(&bytes), name.strip_prefix("./").unwrap_or(&name).to_owned()))
    });
    let (ignore, ignore_name) = ignore.unzip();
    let mut entries = Vec::new();
    let mut is_cut = false;
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let Ok(list) = fs::read_dir(folder.join(&inner)) else { continue };
        for entry in list.flatten() {
            if entries.len() >= MOST_ENTRIES {
                is_cut = true;
                break;
            }
            let path = inner.join(entry.file_name());
            let Ok(kind) = entry.file_type() else { continue };
            let shown = path.to_string_lossy().into_owned();
            if kind.is_dir() {
                let is_skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
                entries.push((format!("{shown}/"), 0));
                if !is_skipped && path.components().count() < DEEPEST {
                    folders.push(path);
                }
            } else {
                entries.push((shown, entry.metadata().map_or(0, |metadata| metadata.len())));
            }
        }
    }
    entries.sort();
    Surroundings { ignore, ignore_name: ignore_name.unwrap_or_default(), entries, is_cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfiles_are_known_by_their_names() {
        for name in ["Dockerfile", "dockerfile", "Dockerfile.dev", "api.Dockerfile", "Containerfile", "Containerfile.x"]
        {
            assert!(is_dockerfile(name), "{name}");
        }
        let others =
            ["MyDockerfile", "Dockerfiles", "docker", "Dockerfile~", "Dockerfile.template", "Dockerfile.dev.j2"];
        for name in others.into_iter().chain(["Dockerfile.dockerignore", "Dockerfile.md"]) {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}

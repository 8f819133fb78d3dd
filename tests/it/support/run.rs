//! Scans: in this process through the library, or as a user through the binary.

use std::fmt;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use careen::error::Error;
use careen::limit::Limits;
use careen::output::{FORMATS, Style};
use careen::policy::{DEFAULT_PRESET, Outcome, PolicySet};
use careen::report::Report;
use careen::rule::Severity;
use careen::scan::Options;
use careen::source::{Access, PlatformChoice, Request, SOURCES, target};
use serde_json::Value;

/// The day on which tests judge.
pub(crate) const TODAY: &str = "2026-03-01";

/// No scan of a test takes longer, unless it hangs.
const DEADLINE: Duration = Duration::from_mins(1);

static POLICY: LazyLock<PolicySet> = LazyLock::new(|| {
    PolicySet::load(&[DEFAULT_PRESET.to_owned()], &careen::scan::rules(), false).expect("the preset is in order")
});

/// How a scan ended.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// With a report for each image.
    Reports(Vec<Report>),
    /// The input was refused.
    Refused(Error),
    /// It could not be done.
    CannotRun(Error),
}

/// Scans a target as the command line does without any option.
pub(crate) fn scan(target: &str) -> Scanned {
    scan_with(target, PlatformChoice::Host, 2)
}

/// Scans a target for a platform, with so many jobs.
pub(crate) fn scan_with(text: &str, platform: PlatformChoice, jobs: usize) -> Scanned {
    scan_within(text, platform, jobs, &Limits::default())
}

/// Scans a target for a platform, with so many jobs, within limits.
pub(crate) fn scan_within(text: &str, platform: PlatformChoice, jobs: usize, limits: &Limits) -> Scanned {
    let access = Access::default();
    let scanned = target::parse(text).and_then(|target| {
        let source = SOURCES.iter().find(|source| source.id() == target.source).expect("targets name sources");
        let request = Request {
            location: &target.location,
            choice: target.choice,
            platform,
            limits,
            access: &access,
            unwrap: Some(careen::pass::decompress),
        };
        let today = TODAY.parse().expect("a day");
        careen::scan::scan(
            *source,
            &request,
            &Options {
                policy: &POLICY,
                today,
                jobs,
                progress: &(),
                advisories: None,
                fingerprint_key: None,
                bases: careen::inventory::Hints::default(),
                wants_attested: false,
            },
        )
    });
    match scanned {
        Ok(reports) => Scanned::Reports(reports),
        Err(error) if error.kind.is_refusal() => Scanned::Refused(error),
        Err(error) => Scanned::CannotRun(error),
    }
}

/// Scans a file.
pub(crate) fn scan_file(path: &Path) -> Scanned {
    scan(path.to_str().unwrap())
}

/// Scans an archive.
pub(crate) fn scan_bytes(archive: &[u8]) -> Scanned {
    scan_file(file_of(archive).path())
}

/// A temporary file that holds these bytes. Where `CAREEN_KEEP` names a folder, they are kept there too, for other
/// tests to read.
pub(crate) fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    if let Some(folder) = std::env::var_os("CAREEN_KEEP") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default().replace("::", "-");
        let digest = careen::digest::Digest::sha256(bytes).to_string();
        let name = format!("{test}-{}.tar", digest.trim_start_matches("sha256:").get(..12).unwrap_or_default());
        std::fs::write(Path::new(&folder).join(name), bytes).expect("the folder can be written");
    }
    let mut file = tempfile::Builder::new().suffix(".tar").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

impl Scanned {
    /// The only report.
    #[track_caller]
    pub(crate) fn report(self) -> Report {
        match self {
            Self::Reports(mut reports) if reports.len() == 1 => reports.remove(0),
            other => panic!("one report was expected, not {other}"),
        }
    }

    /// What `careen` would exit with.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Reports(reports) if reports.iter().any(|report| report.verdict.outcome == Outcome::Failed) => 1,
            Self::Reports(reports) if reports.iter().any(|report| report.verdict.outcome == Outcome::Incomplete) => 3,
            Self::Reports(_) => 0,
            Self::Refused(_) => 4,
            Self::CannotRun(_) => 2,
        }
    }

    /// Whether there is a report with nothing left unread.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self, Self::Reports(reports) if reports.iter().all(|report| report.limitations.iter().all(|limitation| !limitation.is_gap)))
    }
}

impl fmt::Display for Scanned {
    /// One line for the messages of tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reports(reports) => {
                for report in reports {
                    write!(f, "{:?} with {:?} and", report.verdict.outcome, packages(report))?;
                    for limitation in &report.limitations {
                        let kind = if limitation.is_gap { "gap" } else { "note" };
                        write!(f, " [{kind} {} at {}: {}]", limitation.code, limitation.place, limitation.what)?;
                    }
                }
                Ok(())
            }
            Self::Refused(error) => write!(f, "refused ({}): {error}", error.kind.as_str()),
            Self::CannotRun(error) => write!(f, "cannot run ({}): {error}", error.kind.as_str()),
        }
    }
}

/// `name version` of every package, sorted.
pub(crate) fn packages(report: &Report) -> Vec<String> {
    let mut names: Vec<String> =
        report.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect();
    names.sort();
    names
}

/// Codes of limitations, sorted, each once.
pub(crate) fn limitations(report: &Report) -> Vec<&'static str> {
    let mut codes: Vec<&str> = report.limitations.iter().map(|limitation| limitation.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Rules that have findings, sorted, each once.
pub(crate) fn rules(report: &Report) -> Vec<&'static str> {
    let mut rules: Vec<&str> = report.findings.iter().map(|judged| judged.finding.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// Reports in a format, as written to a pipe.
pub(crate) fn rendered(reports: &[Report], format: &str, verbose: bool) -> String {
    let format = FORMATS.iter().find(|known| known.id() == format).expect("a format");
    let style = Style {
        width: 80,
        colour: false,
        least: Severity::Info,
        show_waived: true,
        show_packaged: verbose,
        verbose,
        packages: verbose,
    };
    let mut out = Vec::new();
    format.render(reports, &style, &mut out).expect("memory can be written");
    String::from_utf8(out).expect("reports are UTF-8")
}

/// Packages and findings of a report as its JSON has them: what must not depend on how an image is stored.
pub(crate) fn facts(report: Report) -> String {
    let mut report: Value = serde_json::from_str(&rendered(&[report], "json", false)).expect("JSON");
    format!("{:#}\n{:#}", report["packages"].take(), report["findings"].take())
}

/// [`facts`] and all that says which image it was, but for what no digest covers: the names it is given.
pub fn identity(report: Report) -> String {
    let report: Value = serde_json::from_str(&rendered(&[report], "json", false)).expect("JSON");
    let mut target = report["target"].clone();
    for name in ["reference", "tags"] {
        target.as_object_mut().expect("an object").remove(name);
    }
    format!("{:#}\n{:#}\n{target:#}", report["packages"], report["findings"])
}

/// How a run of the binary ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `careen` with nothing from this process's environment, as of [`TODAY`].
pub(crate) fn careen<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Run {
    run(command(arguments), &[])
}

/// Runs `careen` as [`careen`] does, with packages compared with advisories.
pub(crate) fn judging<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Run {
    let mut command = command(arguments);
    command.env_remove("CAREEN_NO_ADVISORIES");
    run(command, &[])
}

/// Runs `careen scan` on standard input.
pub(crate) fn careen_reading(input: &[u8], arguments: &[&str]) -> Run {
    run(command(&[&["scan", "--today", TODAY], arguments].concat()), input)
}

/// The command, not yet run. Without advisories on this machine every scan of packages would be incomplete, so they are
/// left out.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_careen"));
    command.args(arguments).env_clear().current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("CAREEN_NO_ADVISORIES", "1");
    command
}

/// Runs a command to its end; one that hangs, or dies by a signal or a panic, fails the test.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let start = Instant::now();
    std::thread::scope(|scope| {
        // a program that is done need not have read all of its input
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        let stdout = scope.spawn(move || read_all(&mut stdout));
        let stderr = scope.spawn(move || read_all(&mut stderr));
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
                panic!("{command:?} hangs");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        let code = status.code().unwrap_or_else(|| panic!("{command:?} ended by {status}: {stderr}"));
        assert!(!stderr.contains("a defect"), "{command:?} panicked: {stderr}");
        Run { code, stdout, stderr }
    })
}

fn read_all(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).expect("output is UTF-8")
}

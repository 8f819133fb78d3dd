//! `careen scan`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::dockerfile::Dockerfile;
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Hints, KnownBase};
use crate::limit::{LIMITS, Limits};
use crate::output::{FORMATS, Format, Style};
use crate::policy::{DEFAULT_PRESET, PolicySet};
use crate::rebuild::goal;
use crate::report::Report;
use crate::rule::Severity;
use crate::scan::{Advisories, Options, asks_for_attested, scan, without_secrets};
use crate::size::ByteSize;
use crate::source::{Access, PlatformChoice, Request, SOURCES, Sensitive, Source, target};
use crate::time::{Date, Timestamp};

use super::advisories::AdvisoryArguments;
use super::config::{Config, variable};
use super::exit::{Exit, ExitRules};
use super::policy::{BaselineArguments, PolicyArguments};
use super::secret_rules;
use super::term::{self, Colour, Watcher};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ScanArguments {
    #[command(flatten)]
    image: TargetArguments,

    /// Format on standard output
    #[arg(short, long, value_name = "FORMAT", env = "CAREEN_FORMAT", default_value = "text")]
    format: String,
    /// Write there: PATH in the format of -f, or FORMAT=PATH besides; repeatable
    #[arg(short, long, value_name = "PATH | FORMAT=PATH")]
    output: Vec<String>,
    /// Show only findings of this severity and above; changes nothing else
    #[arg(short, long, value_name = "SEVERITY", value_parser = least_severity)]
    severity: Option<Severity>,
    /// Show what waivers accept too
    #[arg(long, visible_alias = "show-suppressed")]
    show_waived: bool,
    /// Show secrets that are part of unchanged packages too
    #[arg(long)]
    show_packaged: bool,
    /// List every package in the text report: type, name, version, layer, path; removed ones too
    #[arg(long)]
    packages: bool,

    /// Look in the image's registry whether a signature and a provenance are attached; none is verified
    #[arg(long)]
    signatures: bool,
    /// The Dockerfile of the image: findings then name the line that made them
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,

    #[command(flatten)]
    advisories: AdvisoryArguments,
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    baseline: BaselineArguments,
    /// Rules of secrets and allowances of your own, in careen's form or that of gitleaks; repeatable
    #[arg(long, value_name = "FILE", env = "CAREEN_SECRET_RULES")]
    secret_rules: Vec<PathBuf>,
    #[command(flatten)]
    gate: GateArguments,
    /// Exit with 0 even when something could not be read
    #[arg(long)]
    allow_partial: bool,
    /// Judge as of this day rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,

    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", env = "CAREEN_COLOR")]
    color: Colour,
    /// Nothing on standard output but what -o - asks for
    #[arg(short, long)]
    quiet: bool,
}

/// What fails, and how a command ends then: the same for all that judge by a policy.
#[derive(Debug, Clone, Args)]
pub(super) struct GateArguments {
    /// Fail on findings of this severity and above, in these families only if any are named
    #[arg(long, value_name = "SEVERITY[,FAMILY…]")]
    fail_on: Option<String>,
    /// Exit with this code in place of 1 when the policy is broken
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=100))]
    exit_code: u8,
    /// Exit with 0 even when the policy is broken
    #[arg(long)]
    no_fail: bool,
}

impl GateArguments {
    /// What `--fail-on` says.
    pub(super) fn fail_on(&self) -> Option<&str> {
        self.fail_on.as_deref()
    }

    /// How outcomes become exit codes.
    pub(super) fn rules(&self, allow_partial: bool) -> ExitRules {
        ExitRules { code: self.exit_code, no_fail: self.no_fail, allow_partial }
    }
}

/// What to read, and how: the same for all commands that read images.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct TargetArguments {
    /// The image: an archive or OCI layout, `-` for standard input, or a reference in a registry
    ///
    /// A word before a colon says what it is: docker-archive:, oci-archive:, oci-dir:, registry:,
    /// docker:, podman:, dir:, sbom:. `FILE:TAG` and `FILE@sha256:…` choose one of several images.
    target: String,

    /// Which image of an index: os/arch[/variant], or all
    #[arg(long, value_name = "PLATFORM", env = "CAREEN_PLATFORM")]
    platform: Option<String>,
    /// The image it is built on, as a reference or file: tells the base's layers from its own
    #[arg(long, value_name = "REF | FILE")]
    base: Option<String>,
    /// User name for the target's registry
    #[arg(long, env = "CAREEN_USERNAME")]
    username: Option<String>,
    /// Read the password for the target's registry from standard input (or set `CAREEN_PASSWORD`)
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Bearer token for the target's registry
    #[arg(long, env = "CAREEN_REGISTRY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    registry_token: Option<String>,
    /// Allow plain HTTP and any certificate with the target's registry
    #[arg(long, env = "CAREEN_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    insecure: bool,
    /// Trust the certificates of this PEM file too
    #[arg(long, value_name = "FILE", env = "CAREEN_CACERT")]
    cacert: Option<PathBuf>,

    #[arg(long, value_name = "NAME=VALUE", hide_short_help = true, help = "Set a limit on what is read", long_help = limits_help())]
    limit: Vec<String>,
    /// In place of the default limit on memory, where nobody says another one.
    #[arg(skip)]
    budget: Option<ByteSize>,
    /// Layers read at once, and threads
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "CAREEN_CONFIG")]
    config: Option<PathBuf>,
    /// No progress bar
    #[arg(long)]
    no_progress: bool,
    /// Show more of each finding, and the time of each stage
    #[arg(short, long)]
    verbose: bool,
}

impl TargetArguments {
    /// A target without any flag.
    pub(super) fn of(target: String) -> Self {
        Self { target, no_progress: true, ..Self::default() }
    }

    /// The same flags with another default limit on memory.
    pub(super) fn with_budget(&self, budget: ByteSize) -> Self {
        Self { budget: Some(budget), ..self.clone() }
    }

    /// The same flags with another target; what was said of the target's registry holds for no other.
    pub(super) fn with_target(&self, target: &str) -> Self {
        let same = Self { target: target.to_owned(), ..self.clone() };
        if target == self.target || is_same_registry(&self.target, target) {
            return same;
        }
        Self { username: None, password_stdin: false, registry_token: None, insecure: false, ..same }
    }

    /// Whether the password comes on standard input, which can be read but once.
    pub(super) fn reads_password(&self) -> bool {
        self.password_stdin
    }

    /// The target.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The configuration file that is named.
    pub(super) fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Whether to show a bar.
    pub(super) fn wants_progress(&self) -> bool {
        !self.no_progress
    }

    /// Whether to show more.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Takes the bar away, and tells what took how long if more is to be shown.
    pub(super) fn finish(&self, watcher: &Watcher) {
        watcher.finish();
        if self.verbose {
            let _ = io::stderr().lock().write_all(watcher.summary().as_bytes());
        }
    }
}

/// Scans, writes the reports, and says how it ended.
pub(super) fn run(arguments: &ScanArguments) -> Exit {
    let image = &arguments.image;
    let outputs = Outputs::parse(&arguments.format, &arguments.output, arguments.quiet)
        .and_then(|outputs| outputs.spare(&image.target).map(|()| outputs));
    let outputs = match outputs {
        Ok(outputs) => outputs,
        Err(error) => return term::failed(&error),
    };
    let watcher = Watcher::new(!image.no_progress && !arguments.quiet);
    let reports = config(image)
        .and_then(|config| secret_rules::install(config.secrets.rules.iter().chain(&arguments.secret_rules)))
        .and_then(|()| arguments.policy.load(arguments.gate.fail_on(), image.config.as_deref(), arguments.color))
        .and_then(|policy| arguments.baseline.add_to(policy))
        .and_then(|policy| {
            let dockerfile = arguments.dockerfile.as_deref().map(dockerfile).transpose()?;
            let advisories = arguments.advisories.catalogue()?;
            let stale_hours = arguments.advisories.stale_hours();
            let now = judging_time(arguments.today);
            let vex = arguments.advisories.vex()?;
            let wants_attached = arguments.advisories.wants_attached();
            let advisories = advisories.as_ref().map(|catalogue| Advisories {
                catalogue,
                stale_hours,
                now,
                vex: &vex.documents,
                wants_attached,
            });
            let judging = Judging {
                policy,
                today: arguments.today,
                advisories,
                wants_attested: arguments.signatures,
                wants_attached,
            };
            #[cfg(feature = "rego")]
            let set = judging.policy.clone();
            let mut reports = reports(image, &watcher, &scan, Some(judging))?;
            #[cfg(feature = "rego")]
            for report in &mut reports {
                super::rego::judge(report, &set)?;
            }
            if let Some((name, bytes)) = &dockerfile {
                let file = Dockerfile::parse(bytes);
                for report in &mut reports {
                    crate::lint::point(report, name, &file);
                }
            }
            for report in &mut reports {
                report.limitations.extend(vex.limitations.iter().cloned());
                report.limitations.sort();
            }
            Ok(reports)
        })
        .map_err(without_secrets);
    image.finish(&watcher);
    let written = match &reports {
        Ok(reports) => {
            let style = |to_stdout: bool| Style {
                width: if to_stdout && io::stdout().is_terminal() { term::width() } else { 80 },
                colour: to_stdout && term::wants_colour(&io::stdout(), arguments.color),
                least: arguments.severity.unwrap_or(Severity::Info),
                show_waived: arguments.show_waived,
                show_packaged: arguments.show_packaged,
                verbose: image.verbose,
                packages: arguments.packages,
            };
            outputs.write(reports, &style)
        }
        Err(error) => {
            term::print_error(error);
            outputs.write_failure(error)
        }
    };
    if let Err(error) = written {
        term::print_error(&error);
        outputs.write_failure_instead(&error, arguments);
        return Exit::of(&error);
    }
    match reports {
        Ok(reports) => {
            let rules = arguments.gate.rules(arguments.allow_partial);
            Exit::of_outcomes(reports.iter().map(|report| (report.verdict.outcome, report.has_gaps())), rules)
        }
        Err(error) => Exit::of(&error),
    }
}

/// The name and the bytes of a Dockerfile that Docker takes: no image comes from another.
fn dockerfile(path: &Path) -> Result<(String, Vec<u8>)> {
    let (name, bytes) = super::lint::read_file(path)?;
    if Dockerfile::parse(&bytes).is_refused() {
        return Err(Error::new(ErrorKind::Usage, "Docker would refuse the Dockerfile, so no image is made by it")
            .at(name)
            .help("`careen lint` says what is wrong with it"));
    }
    Ok((name, bytes))
}

/// The time by which the age of data is judged: now, or the end of the day that the command names.
pub(super) fn judging_time(today: Option<Date>) -> Timestamp {
    let day = today.and_then(|day| format!("{day}T23:59:59Z").parse().ok());
    day.unwrap_or_else(term::now)
}

/// What images are judged by.
#[derive(Clone)]
pub(super) struct Judging<'a> {
    pub(super) policy: PolicySet,
    pub(super) today: Option<Date>,
    pub(super) advisories: Option<Advisories<'a>>,
    /// Whether signatures and provenance are looked for, even if no policy asks for them.
    pub(super) wants_attested: bool,
    /// Whether what is attached is looked at, so that they are found on the way, also without data to judge packages by.
    pub(super) wants_attached: bool,
}

/// Scans or surveys an image.
type Look<'a> = dyn Fn(&dyn Source, &Request<'_>, &Options<'_>) -> Result<Vec<Report>> + 'a;

/// What `look` makes of the images, judged by a policy on a day; without one by the default policy today.
pub(super) fn reports(
    arguments: &TargetArguments,
    watcher: &Watcher,
    look: &Look<'_>,
    judged: Option<Judging<'_>>,
) -> Result<Vec<Report>> {
    let source_date = source_date()?;
    let mut reports = opened(arguments, watcher, judged, look)?;
    for report in &mut reports {
        report.source_date = source_date;
    }
    Ok(reports)
}

/// Finds the source of the images and hands it to `look`, with all that was said of how to read and to judge.
pub(super) fn opened<T>(
    arguments: &TargetArguments,
    watcher: &Watcher,
    judged: Option<Judging<'_>>,
    look: impl FnOnce(&dyn Source, &Request<'_>, &Options<'_>) -> Result<T>,
) -> Result<T> {
    let config = config(arguments)?;
    let limits = limits(arguments, &config)?;
    let chains = config.chains()?;
    let access = access(arguments, config)?;
    let (source, target) = source_of(&arguments.target)?;
    let platform = PlatformChoice::named(arguments.platform.as_deref())?;
    #[cfg(feature = "rego")]
    let limits = match &judged {
        Some(judged) => super::rego::limits(&judged.policy, limits),
        None => limits,
    };
    let request = Request {
        location: &target.location,
        choice: target.choice.clone(),
        platform,
        limits: &limits,
        access: &access,
        unwrap: Some(crate::pass::decompress),
    };
    let given = match &arguments.base {
        None => Vec::new(),
        Some(base) => bases(base, &request).map_err(|error| Error {
            message: format!("the base of `--base` cannot be opened: {}", error.message),
            ..error
        })?,
    };
    let judged = if let Some(judged) = judged {
        judged
    } else {
        let policy = PolicySet::load(&[DEFAULT_PRESET.to_owned()], &crate::scan::rules(), false)?;
        Judging { policy, today: None, advisories: None, wants_attested: false, wants_attached: false }
    };
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(2);
    let today = judged.today.unwrap_or_else(term::today);
    // kept out of the arguments, so that no list of processes shows it
    let key = std::env::var("CAREEN_FINGERPRINT_KEY").ok().filter(|key| !key.is_empty());
    let options = Options {
        policy: &judged.policy,
        today,
        jobs,
        progress: watcher,
        advisories: judged.advisories,
        fingerprint_key: key.as_deref(),
        bases: Hints { given: &given, chains: Some(&chains), provenance: &[] },
        wants_attested: judged.wants_attested
            || source.id() == "registry" && (judged.wants_attached || asks_for_attested(&judged.policy)),
    };
    look(source, &request, &options)
}

/// The layers of the base that `--base` names, on the platforms that are asked of the image itself.
fn bases(base: &str, request: &Request<'_>) -> Result<Vec<KnownBase>> {
    let (source, target) = source_of(base)?;
    if target.location == "-" {
        return Err(Error::new(ErrorKind::Usage, "the base cannot come from standard input"));
    }
    let is_same_registry = source.id() == "registry"
        && registry_of(&target.location).is_some()
        && registry_of(&target.location) == registry_of(request.location);
    // what was said of the target's registry holds for no other
    let access = if is_same_registry {
        request.access.clone()
    } else {
        Access { username: None, password: None, registry_token: None, insecure: false, ..request.access.clone() }
    };
    let request =
        Request { location: &target.location, choice: target.choice.clone(), access: &access, ..request.clone() };
    crate::scan::bases(source, &request)
}

/// Whether two targets are in one registry.
fn is_same_registry(one: &str, other: &str) -> bool {
    let registry = |text: &str| {
        let target = target::parse(text).ok().filter(|target| target.source == "registry")?;
        registry_of(&target.location).map(ToOwned::to_owned)
    };
    registry(one).is_some_and(|one| Some(one) == registry(other))
}

/// The host of a reference that names one.
fn registry_of(location: &str) -> Option<&str> {
    let (host, _) = location.split_once('/')?;
    (host.contains(['.', ':']) || host == "localhost").then_some(host)
}

/// The source that a target names, and what it asks of it.
fn source_of(target: &str) -> Result<(&'static dyn Source, target::ParsedTarget)> {
    let target = target::parse(target)?;
    let source = SOURCES.iter().find(|source| source.id() == target.source).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("this build of careen has no source `{}`", target.source))
    })?;
    Ok((*source, target))
}

/// `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>): seconds since 1970.
pub(super) fn source_date() -> Result<Option<Timestamp>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = std::env::var_os(NAME).filter(|value| !value.is_empty()) else { return Ok(None) };
    let seconds = text.to_str().and_then(|text| text.parse::<u64>().ok()).and_then(|n| i64::try_from(n).ok());
    let seconds = seconds.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{NAME} is no number of seconds"))
            .help(format!("unset {NAME}, or set it right"))
    })?;
    Ok(Some(Timestamp::from_unix(seconds)))
}

pub(super) fn config(arguments: &TargetArguments) -> Result<Config> {
    Config::read(arguments.config.clone())
}

/// The default limits, those of the configuration file, and those of the command line; later ones win.
fn limits(arguments: &TargetArguments, config: &Config) -> Result<Limits> {
    let default = Limits::default();
    let mut limits = Limits { budget: arguments.budget.unwrap_or(default.budget), ..default };
    for (name, value) in &config.limits {
        let error_of_file = |error: Error| Error { kind: ErrorKind::Config, ..error };
        limits.set(name, &value.to_string()).map_err(|error| {
            let error = error_of_file(error).at("[limits] of careen.toml");
            let is_policy = super::config::is_limit_of_policies(name);
            if is_policy {
                // in place of the list of limits on what is read
                Error { help: Some("what an image may be stands in `[policy.limits]`".into()), ..error }
            } else {
                error
            }
        })?;
    }
    for pair in &arguments.limit {
        let Some((name, value)) = pair.split_once('=') else {
            let message = format!("`--limit {}` sets nothing", crate::escape::escape(pair));
            return Err(Error::new(ErrorKind::Usage, message).help("write `--limit NAME=VALUE`"));
        };
        limits.set(name.trim(), value.trim())?;
    }
    Ok(limits)
}

/// What `--help` says of `--limit`, from the table of limits.
fn limits_help() -> String {
    let limits = Limits::default();
    let mut help = "Set a limit on what is read; repeatable. Beyond a limit the input is refused, or the report tells \
                    what was left out. The limits and their defaults:\n"
        .to_owned();
    for limit in LIMITS {
        let _ = write!(help, "\n  {}={}: {}", limit.name, limit.value(&limits).replace(' ', ""), limit.about);
    }
    help
}

/// What files and artifacts are fetched with: the user's credentials for registries, and further root certificates.
pub(super) fn access_to_fetch(cacert: Option<PathBuf>) -> Result<Access> {
    let arguments = TargetArguments { cacert, ..TargetArguments::of(String::new()) };
    let config = config(&arguments)?;
    access(&arguments, config)
}

fn access(arguments: &TargetArguments, config: Config) -> Result<Access> {
    let address = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
    let home = variable("HOME");
    let (mut mirrors, mut trusted_realms) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    for (host, registry) in config.registry {
        mirrors.insert(host.clone(), registry.mirrors);
        trusted_realms.insert(host, registry.trusted_realms);
    }
    Ok(Access {
        username: arguments.username.clone(),
        password: password(arguments)?,
        registry_token: arguments.registry_token.clone().map(Sensitive),
        insecure: arguments.insecure,
        ca_certificate: arguments.cacert.clone(),
        mirrors,
        trusted_realms,
        tries: None,
        cache: None,
        docker_config: variable("DOCKER_CONFIG"),
        home,
        runtime_dir: variable("XDG_RUNTIME_DIR"),
        docker_host: address("DOCKER_HOST"),
        container_host: address("CONTAINER_HOST"),
    })
}

fn password(arguments: &TargetArguments) -> Result<Option<Sensitive>> {
    const LONGEST: u64 = 64 * 1024;
    if !arguments.password_stdin {
        return Ok(std::env::var("CAREEN_PASSWORD").ok().filter(|password| !password.is_empty()).map(Sensitive));
    }
    if arguments.target == "-" || arguments.target.starts_with("-:") || arguments.target.starts_with("-@") {
        return Err(Error::new(ErrorKind::Usage, "standard input cannot be the image and the password at once")
            .help("set CAREEN_PASSWORD instead of --password-stdin"));
    }
    let mut password = String::new();
    io::stdin().take(LONGEST).read_to_string(&mut password).map_err(|e| Error::io("cannot read the password", e))?;
    let password = password.strip_suffix('\n').unwrap_or(&password);
    Ok(Some(Sensitive(password.strip_suffix('\r').unwrap_or(password).to_owned())))
}

/// The least of a list such as `HIGH,CRITICAL`.
pub(super) fn least_severity(text: &str) -> Result<Severity, String> {
    let severities: Result<Vec<Severity>, String> = text.split(',').map(|word| word.trim().parse()).collect();
    severities?.into_iter().min().ok_or_else(|| "name a severity".to_owned())
}

/// Where reports go, and in which format.
pub(super) struct Outputs {
    /// `None` for standard output.
    places: Vec<(&'static dyn Format, Option<PathBuf>)>,
}

impl Outputs {
    /// Reads what `-f`, `-o` and `-q` say.
    pub(super) fn parse(format: &str, outputs: &[String], quiet: bool) -> Result<Self> {
        let main = format_of(format)?;
        let mut places: Vec<(&'static dyn Format, Option<PathBuf>)> = Vec::new();
        let mut main_is_placed = false;
        for output in outputs {
            let named = output
                .split_once('=')
                .and_then(|(word, path)| Some((*FORMATS.iter().find(|format| format.id() == word)?, path)));
            let (format, path) = named.unwrap_or((main, output.as_str()));
            main_is_placed |= named.is_none() || path == "-";
            places.push((format, (path != "-").then(|| PathBuf::from(path))));
        }
        if !main_is_placed && !quiet {
            places.insert(0, (main, None));
        }
        Ok(Self { places })
    }

    /// Refuses to write over the image itself.
    pub(super) fn spare(&self, target: &str) -> Result<()> {
        self.places.iter().try_for_each(|(_, path)| spare(target, path.as_deref()))
    }

    /// Writes the reports to each place, in the style that it asks for standard output, or for a file.
    pub(super) fn write(&self, reports: &[Report], style: &dyn Fn(bool) -> Style) -> Result<()> {
        for (format, path) in &self.places {
            let style = style(path.is_none());
            write_to(path.as_deref(), &mut |out| format.render(reports, &style, out))?;
        }
        Ok(())
    }

    /// Each format with its place; `None` for standard output.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'static dyn Format, Option<&Path>)> {
        self.places.iter().map(|(format, path)| (*format, path.as_deref()))
    }

    /// Ids of the formats.
    pub(super) fn formats(&self) -> impl Iterator<Item = &'static str> {
        self.places.iter().map(|(format, _)| format.id())
    }

    /// Where JSON was asked for, a failure is JSON too.
    pub(super) fn write_failure(&self, error: &Error) -> Result<()> {
        for (_, path) in self.places.iter().filter(|(format, _)| format.id() == "json") {
            write_to(path.as_deref(), &mut |out| crate::output::render_failure(error, error.kind.is_refusal(), out))?;
        }
        Ok(())
    }

    /// Says on standard output, if nothing else goes there, that the JSON asked for could not be written to its place.
    fn write_failure_instead(&self, error: &Error, arguments: &ScanArguments) {
        let is_free = !arguments.quiet && self.places.iter().all(|(_, path)| path.is_some());
        if arguments.format == "json" && is_free {
            // nobody is left to tell when stdout is closed
            let _ = write_to(None, &mut |out| crate::output::render_failure(error, error.kind.is_refusal(), out));
        }
    }
}

/// Refuses to write to `path` over the image itself.
pub(super) fn spare(target: &str, path: Option<&Path>) -> Result<()> {
    let (Ok(target), Some(path)) = (target::parse(target), path) else { return Ok(()) }; // told later
    let image = match target.source {
        "registry" | "docker" | "podman" => return Ok(()),
        _ if target.location == "-" => std::fs::metadata("/dev/stdin"),
        _ => std::fs::metadata(&target.location),
    };
    let Some(image) = image.ok().filter(std::fs::Metadata::is_file) else { return Ok(()) };
    let is_image = std::fs::metadata(path).is_ok_and(|other| (other.dev(), other.ino()) == (image.dev(), image.ino()));
    if is_image {
        return Err(Error::new(ErrorKind::Usage, "the report would overwrite the image")
            .at(path.display().to_string())
            .help("write the report to another file"));
    }
    Ok(())
}

fn format_of(word: &str) -> Result<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.id() == word).ok_or_else(|| {
        let words: Vec<&str> = FORMATS.iter().map(|format| format.id()).collect();
        let error = Error::new(ErrorKind::Usage, format!("there is no format `{}`", crate::escape::escape(word)));
        match word.parse::<Severity>() {
            Ok(severity) => error.help(format!("did you mean `--fail-on {severity}`?")),
            Err(_) => error.help(format!("the formats are {}", words.join(", "))),
        }
    })
}

/// Writes a file whole or not at all; standard output, where nobody may be listening any more.
pub(super) fn write_to(path: Option<&Path>, render: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let Some(path) = path else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        return super::finish_write(render(&mut out).and_then(|()| out.flush()));
    };
    let place = path.display().to_string();
    let path = &goal(path);
    let partial = path.with_file_name(format!(
        ".{}.partial-{}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let is_special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let written = std::fs::File::create(if is_special { path } else { &partial }).and_then(|file| {
        let mut out = io::BufWriter::new(file);
        render(&mut out)?;
        out.flush()?;
        if is_special { Ok(()) } else { std::fs::rename(&partial, path) }
    });
    written.map_err(|e| {
        let _ = std::fs::remove_file(&partial);
        Error::io("cannot write the report", e).at(place)
    })
}

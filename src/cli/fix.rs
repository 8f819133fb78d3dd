//! `careen fix`: scan, plan, rebuild, prove, and only then write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::advisory::catalogue::Catalogue;
use crate::advisory::vex;
use crate::allocator::{LARGE_GO_BACK, begin_anew_with};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::fix::plan::{self, ImageId, ImagePlan};
use crate::fix::spans::blanked_again;
use crate::fix::statement::{Choices, MEDIA_TYPE, PREDICATE, statement, subjects};
use crate::fix::verify::{Place, Seen, compare, prove};
use crate::fix::{
    ATTACHED, Changes, GROUPS, Plan, PlanFormat, Redaction, RunAs, Values, Wishes, foresee, plan_image, ready,
    render_changes, render_plan,
};
use crate::inventory::Inventory;
use crate::pass::{DAMAGED, Known};
use crate::policy::{Glob, Judged, Outcome, PolicySet};
use crate::rebuild::{Attachment, Bundle, ImageEdits, Notice, Options, Output, Pending, Rebuilt, goal, rebuild};
use crate::report::Report;
use crate::scan::{Advisories, Knowing, Watch as _, scan_seeing, without_secrets};
use crate::size::ByteSize;
use crate::source::{Choice, Opened, Request, target};
use crate::time::Date;

use super::advisories::AdvisoryArguments;
use super::exit::Exit;
use super::policy::{self, PolicyArguments};
use super::scan::{GateArguments, Judging, TargetArguments, config, judging_time, opened, spare, write_to};
use super::secret_rules;
use super::term::{self, Colour, Watcher};

/// Bytes of files held in memory at once while an image is scanned: fewer than `careen scan` takes, since the rebuild needs some too.
const BUDGET: ByteSize = ByteSize::mib(48);

/// Files of killed processes of one number that are passed over.
const MOST_SPOOLED: u32 = 1_000;

/// Largest statement that is known as one, in bytes.
const LARGEST_STATEMENT: u64 = 16 << 20;

/// Largest file of a text to redact.
const LARGEST_TEXT: u64 = 1 << 20;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct FixArguments {
    #[command(flatten)]
    image: TargetArguments,

    /// Where the fixed image goes: docker-archive:FILE, oci-archive:FILE, oci-dir:FOLDER, registry:REF, or `-`
    #[arg(short, long, value_name = "OUT", required_unless_present = "dry_run")]
    output: Option<String>,
    /// Only plan, and show the plan
    #[arg(long)]
    dry_run: bool,
    /// Write the plan there, as JSON
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Do what this plan says, and nothing else; it must be of this very image
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "only", "skip"])]
    apply: Option<PathBuf>,
    /// Fix only these kinds of things
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(GROUPS))]
    only: Vec<String>,
    /// Leave these kinds of things alone
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(GROUPS))]
    skip: Vec<String>,
    /// Do what waits for somebody's look, too
    #[arg(short, long)]
    yes: bool,
    /// Take out what no container sees, too
    #[arg(long)]
    waste: bool,
    /// Write layers of the base image anew, too, where they hold caches, leftovers or waste
    #[arg(long)]
    touch_base: bool,

    /// Take what fits out of every layer, such as '/srv/app/.git'; repeatable
    #[arg(long, value_name = "GLOB", value_parser = Glob::path)]
    remove: Vec<Glob>,
    /// Take this text, or the one in a file, out of configuration, history and labels; repeatable
    #[arg(long, value_name = "TEXT | @FILE")]
    redact: Vec<String>,
    /// Start as this user, in numbers
    #[arg(long, value_name = "UID[:GID]")]
    user: Option<RunAs>,
    /// Set a label; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set_label: Vec<(String, String)>,
    /// Take a variable out of the environment; repeatable
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<String>,
    /// Take setuid and setgid bits off programs that fit, off all if no glob follows; repeatable
    #[arg(long, value_name = "GLOB", value_parser = Glob::path, num_args = 0..=1, default_missing_value = "**")]
    clear_setid: Vec<Glob>,

    /// Put `*` in place of secrets in text files of settings, in place of taking the files out
    #[arg(long)]
    redact_in_place: bool,

    /// Allow to write over the input
    #[arg(long)]
    in_place: bool,
    /// Leave layers out that hold nothing any more
    #[arg(long)]
    drop_empty_layers: bool,

    /// Format on standard output: text, markdown, json
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = PossibleValuesParser::new(PlanFormat::WORDS))]
    format: String,
    #[command(flatten)]
    advisories: AdvisoryArguments,
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    gate: GateArguments,
    /// Rules of secrets and allowances of your own, in careen's form or that of gitleaks; repeatable
    #[arg(long, value_name = "FILE", env = "CAREEN_SECRET_RULES")]
    secret_rules: Vec<PathBuf>,
    /// Exit with 0 even when something could not be read, or something that a flag asked for is not done
    #[arg(long)]
    allow_partial: bool,
    /// Judge as of this day rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", env = "CAREEN_COLOR")]
    color: Colour,
}

/// `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Fixes an image.
pub(super) fn run(arguments: &FixArguments) -> Exit {
    // what the scan needed is not there for the rebuild and the proof otherwise
    begin_anew_with(&[LARGE_GO_BACK]);
    let watcher = Watcher::new(arguments.image.wants_progress());
    let done = Job::new(arguments, &watcher).and_then(|job| job.run()).map_err(without_secrets);
    arguments.image.finish(&watcher);
    term::ended(done)
}

/// One fix.
struct Job<'a> {
    arguments: &'a FixArguments,
    watcher: &'a Watcher,
    output: Option<Output>,
    format: PlanFormat,
    wishes: Wishes,
    policy: PolicySet,
    catalogue: Option<Catalogue>,
    vex: vex::Loaded,
    applied: Option<Plan>,
    /// Layers of the input, for those that the output has, too.
    known: Known,
}

/// What one look at the input gives.
struct Looked {
    reports: Vec<Report>,
    seen: Vec<Seen>,
    plan: Plan,
    /// Whether an index leads to an image, which may have others beside it.
    has_index: bool,
}

impl<'a> Job<'a> {
    /// Reads all that is named beside the image.
    fn new(arguments: &'a FixArguments, watcher: &'a Watcher) -> Result<Self> {
        // a dry run finds a wrong word, too
        let output = arguments.output.as_deref().map(Output::parse).transpose()?.filter(|_| !arguments.dry_run);
        if arguments.plan.as_deref().is_some_and(|plan| plan.as_os_str() == "-") {
            let what = "the plan goes to a file, since standard output has the list of changes";
            return Err(Error::new(ErrorKind::Usage, what).help("`--dry-run -f json` writes the plan there"));
        }
        spare(arguments.image.target(), arguments.plan.as_deref())?;
        spare_layout(arguments.image.target(), arguments.plan.as_deref())?;
        for plan in arguments.plan.iter().chain(&arguments.apply) {
            let written = output.as_ref().and_then(Output::file).map(Path::to_owned);
            let mut written = written.into_iter().chain(output.as_ref().and_then(Output::provenance));
            if let Some(place) = written.find(|place| is_same_file(plan, place)) {
                let what = format!("the plan and what is written to `{}` are one file", place.display());
                return Err(Error::new(ErrorKind::Usage, what).help("name another file for one of them"));
            }
        }
        if let Some(place) = output.as_ref().and_then(Output::provenance) {
            spare_other(&place)?;
        }
        let twice = arguments.only.iter().find(|kind| arguments.skip.contains(kind));
        if let Some(kind) = twice {
            return Err(Error::new(ErrorKind::Usage, format!("`{kind}` stands behind `--only` and `--skip`")));
        }
        if let Some(Output::DockerArchive { path, .. } | Output::OciArchive { path } | Output::OciDir { path }) =
            output.as_ref().filter(|_| !arguments.in_place)
        {
            spare(arguments.image.target(), Some(path)).map_err(|error| Error {
                message: "the output is the input".into(),
                help: Some("name another file, or allow it with `--in-place`".into()),
                ..error
            })?;
        }
        if arguments.image.reads_password() {
            let what = "a password on standard input would be there for the first look at the image only";
            return Err(Error::new(ErrorKind::Usage, what).help("set CAREEN_PASSWORD instead of --password-stdin"));
        }
        let config = config(&arguments.image)?;
        secret_rules::install(config.secrets.rules.iter().chain(&arguments.secret_rules))?;
        let file = arguments.image.config_file();
        let policy = arguments.policy.load(arguments.gate.fail_on(), file, arguments.color)?;
        let applied = arguments.apply.as_deref().map(read_plan).transpose()?;
        let wishes = wishes(arguments, &policy)?;
        let asks = arguments.waste || arguments.touch_base || arguments.redact_in_place || has_wishes(&wishes);
        if applied.is_some() && asks {
            return Err(Error::new(ErrorKind::Usage, "`--apply` does what the plan says, and nothing else")
                .help("make the plan anew with these flags, `--dry-run` and `--plan FILE`"));
        }
        Ok(Self {
            arguments,
            watcher,
            output,
            format: PlanFormat::of(&arguments.format).unwrap_or(PlanFormat::Text),
            wishes,
            policy,
            catalogue: arguments.advisories.catalogue()?,
            vex: arguments.advisories.vex()?,
            applied,
            known: Known::default(),
        })
    }

    fn run(&self) -> Result<Exit> {
        let spooled = Spooled::of(&self.arguments.image, self.watcher)?;
        let image = self.arguments.image.with_budget(BUDGET);
        let image = spooled.as_ref().map_or_else(|| image.clone(), |spooled| image.with_target(&spooled.target));
        let Looked { mut reports, seen, mut plan, has_index } = self.look(&image)?;
        let is_needed = self.output.is_some() || plan.takes_values() || has_index;
        let input = is_needed.then(|| self.foresee(&image, &seen, &mut plan)).transpose()?;
        for report in &mut reports {
            report.target.reference = crate::secret::masked_path(&escape(self.arguments.image.target()));
        }
        if let Some(path) = &self.arguments.plan {
            let text = plan.to_json()?;
            write_to(Some(path), &mut |out| out.write_all(text.as_bytes()))?;
        }
        let Some((output, (input, values))) = self.output.as_ref().zip(input) else {
            self.watcher.finish();
            self.show(&mut |out, width| render_plan(&plan, self.format, width, out))?;
            return Ok(self.exit_of(&reports, &plan));
        };
        let digest = plan.digest()?;
        let (mut rebuilt, pending) = self.rebuild(&image, &input, (&plan, &digest), output)?;
        self.watcher.stage("prove");
        let before = Place { bundle: &input, seen: &seen };
        let written = image.with_target(&pending.target());
        let after = opened(&written, self.watcher, Some(self.judging()), |source, request, options| {
            let bundle = Bundle::open(source, request)?;
            let compared = compare(&before, &bundle, &plan, &rebuilt, &self.known, request.limits)?;
            let mut seen = Vec::new();
            let reports =
                scan_seeing(source, request, options, Knowing::Last(&self.known), &mut |inventory, judged| {
                    seen.push(Seen::of(inventory, judged));
                })?;
            let after = Place { bundle: &bundle, seen: &seen };
            prove(&before, &after, (&plan, &values), (&rebuilt, &compared), request.limits)?;
            Ok(reports)
        })?;
        let provenance = Self::publish(&plan, &digest, &mut rebuilt, pending, output)?;
        self.watcher.finish();
        let name = self.arguments.output.as_deref().unwrap_or_default();
        let changes = Changes::new(&plan, digest, &rebuilt, name, provenance, (&reports, &after));
        self.show(&mut |out, width| render_changes(&changes, self.format, width, out))?;
        Ok(self.exit_of(&after, &plan))
    }

    /// Opens the input as it is stored, and adds to the plan what only that tells: where values stay, and what else there is.
    fn foresee(&self, image: &TargetArguments, seen: &[Seen], plan: &mut Plan) -> Result<(Bundle, Values)> {
        if plan.takes_values() {
            self.watcher.stage("search");
        }
        opened(image, self.watcher, None, |source, request, _| {
            let bundle = Bundle::open(source, request)?;
            let mut beside: Vec<String> =
                bundle.beside(request.limits)?.into_iter().map(|image| image.platform).collect();
            if !beside.is_empty() {
                beside.sort();
                beside.dedup();
                let what = beside.join(", ");
                plan.notes.push(format!(
                    "{what} stands beside it and is copied as it is, with all that is wrong with it: `--platform all` fixes \
                     every image"
                ));
            }
            let values = foresee(&bundle, seen, plan, request.limits)?;
            if let Some(applied) = &self.applied {
                blanked_again(applied, plan)?;
            }
            Ok((bundle, values))
        })
    }

    /// Gives the proven image its name, and tells where it comes from: beside it, or attached to it. Where that is.
    fn publish(
        plan: &Plan,
        digest: &Digest,
        rebuilt: &mut Rebuilt,
        pending: Box<dyn Pending>,
        output: &Output,
    ) -> Result<Option<String>> {
        if !rebuilt.is_changed {
            pending.commit()?;
            // what was said of another image, which was there before
            if let Some(place) = output.provenance()
                && let Some(told) = statement_at(&place)
            {
                let now = rebuilt.index.iter().map(|(_, now)| now).chain(
                    rebuilt.images.iter().flat_map(|image| image.after.manifest.iter().chain([&image.after.config])),
                );
                let now: Vec<String> = now.map(ToString::to_string).collect();
                if !told.iter().any(|digest| now.contains(digest)) {
                    let cannot = |e| Error::io("cannot remove the statement of another image", e);
                    fs::remove_file(&place).map_err(|e| cannot(e).at(place.display().to_string()))?;
                }
            }
            return Ok(None);
        }
        let choices = Choices { drop_empty_layers: plan.drop_empty_layers };
        let document = statement(rebuilt, &origin(&plan.input), digest, choices).to_string();
        let attachment = Attachment {
            artifact_type: MEDIA_TYPE,
            media_type: MEDIA_TYPE,
            annotations: &[("in-toto.io/predicate-type", PREDICATE)],
            bytes: document.as_bytes(),
        };
        let mut place = None;
        match pending.attach(&attachment) {
            Ok(true) => place = Some(ATTACHED.to_owned()),
            Ok(false) => {}
            // the image is what it should be, whether the registry takes documents or not
            Err(error) => {
                let what = format!("the provenance could not be attached: {}", without_secrets(error).message);
                rebuilt.notices.push(Notice::new("provenance-not-attached", "registry", what));
            }
        }
        pending.commit()?;
        if let Some(path) = output.provenance() {
            write_to(Some(&path), &mut |out| writeln!(out, "{document}"))?;
            place = Some(path.display().to_string());
        }
        Ok(place)
    }

    /// What the policy says of the image as it will be, or as it is where nothing was written.
    fn exit_of(&self, reports: &[Report], plan: &Plan) -> Exit {
        if self.arguments.dry_run {
            return Exit::Passed;
        }
        let rules = self.arguments.gate.rules(self.arguments.allow_partial);
        // a value that was taken out, and is there all the same, no rule tells the policy of
        let known = plan.leaves_unknown().then_some((Outcome::Failed, false));
        let unmet = plan.leaves_wish().then_some((Outcome::Passed, true));
        let judged = reports.iter().map(|report| (report.verdict.outcome, report.has_gaps()));
        Exit::of_outcomes(judged.chain(known).chain(unmet), rules)
    }

    /// Writes for people: to standard output, or beside it where the image goes there.
    fn show(&self, render: &mut dyn FnMut(&mut dyn Write, usize) -> io::Result<()>) -> Result<()> {
        if matches!(self.output, Some(Output::Stdout)) {
            let mut text = Vec::new();
            // nobody is left to tell when stderr is closed
            let _ = render(&mut text, 80).and_then(|()| io::stderr().lock().write_all(&text));
            return Ok(());
        }
        let width = if io::stdout().is_terminal() { term::width() } else { 100 };
        write_to(None, &mut |out| render(out, width))
    }

    fn judging(&self) -> Judging<'_> {
        let arguments = &self.arguments.advisories;
        let advisories = self.catalogue.as_ref().map(|catalogue| Advisories {
            catalogue,
            stale_hours: arguments.stale_hours(),
            now: judging_time(self.arguments.today),
            vex: &self.vex.documents,
            wants_attached: arguments.wants_attached(),
        });
        Judging {
            policy: self.policy.clone(),
            today: self.arguments.today,
            advisories,
            wants_attested: false,
            wants_attached: false,
        }
    }

    /// Scans the input and plans, or checks that the plan is of this input.
    fn look(&self, image: &TargetArguments) -> Result<Looked> {
        let mut plans: Vec<ImagePlan> = Vec::new();
        let mut found: Vec<ImageId> = Vec::new();
        let mut seen = Vec::new();
        let mut unready = None;
        let (mut source, mut has_index) = ("", false);
        let reports = opened(image, self.watcher, Some(self.judging()), |from, request, options| {
            source = from.id();
            scan_seeing(from, request, options, Knowing::Further(&self.known), &mut |inventory, judged| {
                let id = ImageId::of(inventory);
                match &self.applied {
                    None => plans.push(plan_image(inventory, judged, &self.wishes)),
                    Some(applied) => match self.readied(applied, &id, inventory, judged) {
                        Ok(plan) => plans.extend(plan),
                        Err(error) => drop(unready.get_or_insert(error)),
                    },
                }
                found.push(id);
                has_index |= !inventory.target.indexes.is_empty();
                seen.push(Seen::of(inventory, judged));
            })
        })?;
        // written anew, such a layer would be right, whatever it holds
        let mut told = reports.iter().flat_map(|report| &report.limitations);
        if let Some(damage) = told.find(|one| DAMAGED.contains(&one.code)) {
            let error = Error::malformed(format!("what is damaged is not written anew: {}", damage.what));
            return Err(error.at(damage.place.clone()).help(damage.help.clone()));
        }
        if let Some(bare) = found.iter().find(|id| id.config.is_none()) {
            let what = match bare.platform {
                Some(_) => "the image's configuration has no digest",
                None => "this is no image that could be written anew",
            };
            return Err(Error::new(ErrorKind::Usage, what).help("name an image: an archive, a layout, or a reference"));
        }
        let mut plan = match &self.applied {
            Some(plan) => {
                plan.check_images(&found)?;
                if let Some(error) = unready {
                    return Err(error);
                }
                Plan { images: plans, notes: Vec::new(), ..plan.clone() }
            }
            None => Plan::new(self.arguments.image.target(), source, plans),
        };
        plan.drop_empty_layers |= self.arguments.drop_empty_layers;
        Ok(Looked { reports, seen, plan, has_index })
    }

    /// The plan for an image out of the one that is applied, if it is in there.
    fn readied(
        &self,
        applied: &Plan,
        id: &ImageId,
        inventory: &Inventory,
        judged: &[Judged],
    ) -> Result<Option<ImagePlan>> {
        let Some(mut plan) = applied.images.iter().find(|plan| plan.image.is(id)).cloned() else { return Ok(None) };
        if self.arguments.yes {
            plan.approve_all();
        }
        ready(inventory, judged, &mut plan, &self.wishes)?;
        Ok(Some(plan))
    }

    /// Writes the image under a temporary name.
    fn rebuild(
        &self,
        image: &TargetArguments,
        bundle: &Bundle,
        (plan, digest): (&Plan, &Digest),
        output: &Output,
    ) -> Result<(Rebuilt, Box<dyn Pending>)> {
        self.watcher.stage("rebuild");
        let mut edits = Vec::new();
        for image in &plan.images {
            if let Some(config) = &image.image.config {
                edits.push(ImageEdits { image: config.clone(), edits: image.edits()? });
            }
        }
        opened(image, self.watcher, None, |_, request, _| {
            let options = Options {
                plan: plan.does_something().then(|| digest.clone()),
                drop_empty_layers: plan.drop_empty_layers,
                in_place: self.arguments.in_place,
                limits: request.limits,
                access: request.access,
            };
            rebuild(bundle, &edits, output, &options)
        })
    }
}

/// Whether two names are of one file: by its device and number, or where it is not there, by its folder's and its name.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let of = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let in_folder = |path: &Path| {
        let goal = goal(path);
        let folder = goal.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((of(folder)?, goal.file_name()?.to_owned()))
    };
    match (of(one), of(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other || in_folder(one).is_some_and(|one| in_folder(other) == Some(one)),
        _ => false,
    }
}

/// Refuses to write a plan into the folder of the image.
fn spare_layout(image: &str, plan: Option<&Path>) -> Result<()> {
    let Some(plan) = plan else { return Ok(()) };
    let folder = plan.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let path = image.strip_prefix("oci-dir:").unwrap_or(image);
    let is_within = fs::canonicalize(folder).is_ok_and(|folder| {
        fs::canonicalize(path).is_ok_and(|image| image.join("index.json").exists() && folder.starts_with(image))
    });
    if is_within {
        return Err(Error::new(ErrorKind::Usage, "the plan would lie in the folder of the image")
            .at(escape(plan.as_os_str().as_encoded_bytes()))
            .help("name another place"));
    }
    Ok(())
}

/// Refuses to write a statement over anything but another one: it goes beside the output, under a name that nobody named.
fn spare_other(place: &Path) -> Result<()> {
    if fs::symlink_metadata(place).is_err() || statement_at(place).is_some() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "the provenance would be written over a file that is none")
        .at(place.display().to_string())
        .help("name another output, or give the file another name"))
}

/// What the statement of careen's in a file is about, if it holds one.
fn statement_at(place: &Path) -> Option<Vec<String>> {
    let is_file = fs::metadata(place).is_ok_and(|found| found.is_file() && found.len() <= LARGEST_STATEMENT);
    is_file.then(|| subjects(&fs::read(place).ok()?))?
}

/// What the flags ask for.
fn wishes(arguments: &FixArguments, policy: &PolicySet) -> Result<Wishes> {
    let groups = |words: &[String]| -> Vec<&'static str> {
        GROUPS.iter().copied().filter(|group| words.iter().any(|word| word == group)).collect()
    };
    let redact = arguments.redact.iter().map(|text| redaction(text)).collect::<Result<_>>()?;
    Ok(Wishes {
        only: groups(&arguments.only),
        skip: groups(&arguments.skip),
        approves_all: arguments.yes,
        touches_base: arguments.touch_base,
        wants_waste: arguments.waste,
        redacts_in_place: arguments.redact_in_place,
        policy: policy.requirements().fix(),
        remove: arguments.remove.clone(),
        redact,
        user: arguments.user,
        set_labels: arguments.set_label.clone(),
        unset_env: arguments.unset_env.clone(),
        clear_setid: arguments.clear_setid.clone(),
    })
}

/// Whether flags ask for edits beside findings.
fn has_wishes(wishes: &Wishes) -> bool {
    wishes.user.is_some()
        || !(wishes.remove.is_empty()
            && wishes.redact.is_empty()
            && wishes.set_labels.is_empty()
            && wishes.unset_env.is_empty()
            && wishes.clear_setid.is_empty())
}

/// A text to redact, or the one in a file, without the line feed at its end.
fn redaction(text: &str) -> Result<Redaction> {
    let text = match text.strip_prefix('@') {
        None => text.to_owned(),
        Some(file) => {
            let bytes = policy::read(Path::new(file), LARGEST_TEXT)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Error::new(ErrorKind::Usage, "a text to redact is not UTF-8").at(escape(file)))?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            text.strip_suffix('\r').unwrap_or(text).to_owned()
        }
    };
    Redaction::new(text).map_err(|why| Error::new(ErrorKind::Usage, why))
}

/// How a statement names the input: by its reference in a registry, else by the name of its file, wherever that lies.
fn origin(input: &plan::Input) -> String {
    if input.source == "registry" {
        return input.reference.clone();
    }
    let name = input.reference.rsplit('/').next().unwrap_or_default();
    if name.contains(':') { name.to_owned() } else { format!("{}:{name}", input.source) }
}

fn read_plan(path: &Path) -> Result<Plan> {
    let bytes = policy::read(path, plan::LARGEST)?;
    Plan::parse(&path.display().to_string(), &bytes)
}

/// A copy of what can be read only from front to back; gone when it is dropped.
struct Spooled {
    path: PathBuf,
    /// As a target of the command line.
    target: String,
}

impl Spooled {
    /// Copies the image where it is a stream: standard input, a compressed archive, a daemon's.
    fn of(image: &TargetArguments, watcher: &Watcher) -> Result<Option<Self>> {
        let parsed = target::parse(image.target())?;
        if matches!(parsed.source, "registry" | "oci-dir" | "dir" | "sbom") {
            return Ok(None);
        }
        opened(image, watcher, None, |source, request: &Request<'_>, _| {
            let Opened::Stream(mut stream) = source.open(request)? else { return Ok(None) };
            watcher.stage("copy");
            let (spooled, file) = Self::create(&request.choice)?;
            let mut out = BufWriter::new(file);
            stream.copy_to(&mut out)?;
            out.flush().map_err(|e| Error::io("cannot copy the archive", e))?;
            Ok(Some(spooled))
        })
    }

    fn create(choice: &Choice) -> Result<(Self, File)> {
        // one that was killed leaves its file, and in containers its number is that of the next one
        let free = (0..MOST_SPOOLED).map(|number| {
            let number = if number == 0 { String::new() } else { format!("-{number}") };
            std::env::temp_dir().join(format!("careen-fix-{}{number}.tar", std::process::id()))
        });
        let path = free
            .into_iter()
            .find(|path| path.symlink_metadata().is_err())
            .unwrap_or_else(|| std::env::temp_dir().join(format!("careen-fix-{}.tar", std::process::id())));
        let choice = match choice {
            Choice::Only => String::new(),
            Choice::Tag(tag) => format!(":{tag}"),
            Choice::Digest(digest) => format!("@{digest}"),
        };
        let cannot = |e| Error::io("cannot write a temporary file", e).at(path.display().to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(cannot)?;
        let target = format!("{}{choice}", path.display());
        Ok((Self { path, target }, file))
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // what cannot be removed is told by nobody: the system's folder of temporary files is emptied anyway
        let _ = fs::remove_file(&self.path);
    }
}

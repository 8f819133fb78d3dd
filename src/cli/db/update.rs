//! `careen db update`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::advisory::matching::families_of;
use crate::advisory::update::{Choice, Done, End, Net, Options, Place, Watch, update};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::scan::take_inventories;
use crate::size::ByteSize;
use crate::source::download::Patience;
use crate::time::Timestamp;

use super::super::advisories::DatabaseArgument;
use super::super::exit::Exit;
use super::super::scan::{TargetArguments, access_to_fetch, reports};
use super::super::term::{self, Meter, Watcher};
use super::{ago, count};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    place: DatabaseArgument,
    /// Of this ecosystem, such as Debian, Alpine or npm; repeatable
    #[arg(short, long, value_name = "NAME", value_delimiter = ',', conflicts_with = "all")]
    ecosystem: Vec<String>,
    /// Of every ecosystem that images hold packages of
    #[arg(long)]
    all: bool,
    /// Of what this image needs; repeatable
    #[arg(long = "for", value_name = "IMAGE", conflicts_with = "all")]
    image: Vec<String>,
    /// Take these feeds too, such as debian-tracker; repeatable
    #[arg(long, value_name = "FEED", value_delimiter = ',')]
    feed: Vec<String>,
    /// Leave out which flaws are known to be exploited
    #[arg(long)]
    no_kev: bool,
    /// Leave out how likely flaws are exploited
    #[arg(long)]
    no_epss: bool,
    /// From there: `https://…`, a folder, or `oci:REFERENCE`; repeatable, tried in order
    #[arg(long, value_name = "URL | DIR | oci:REF", env = "CAREEN_DB_FROM", value_delimiter = ' ')]
    from: Vec<String>,
    /// Fetch all of it anew, whatever there is
    #[arg(long)]
    force: bool,
    /// Trust the certificates of this PEM file too
    #[arg(long, value_name = "FILE", env = "CAREEN_CACERT")]
    cacert: Option<PathBuf>,
    /// Give a server up that sends nothing for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Try so often what may be a passing failure
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10))]
    tries: u32,
    /// Say nothing but what failed
    #[arg(short, long)]
    quiet: bool,
}

/// Brings data, tells what became of each family, and says how it ended: with 0 when all is brought, with 3 when some
/// of it failed, and with 2 when there is nothing that could be used.
pub(in crate::cli) fn run(arguments: &UpdateArguments) -> Exit {
    let now = term::now();
    let meter = Meter::new(arguments.quiet);
    let teller = Teller { meter: &meter, now, verb: "bring" };
    let done = bring(arguments, now, &teller);
    meter.finish();
    term::ended(done.map(|done| summarise(&done, &meter)))
}

fn bring(arguments: &UpdateArguments, now: Timestamp, teller: &Teller<'_>) -> Result<Vec<Done>> {
    let folder = arguments.place.folder()?;
    let places: Vec<Place> = arguments.from.iter().map(|text| text.parse()).collect::<Result<_>>()?;
    let mut families: BTreeSet<String> = arguments.ecosystem.iter().cloned().collect();
    for image in &arguments.image {
        let found = of_image(image)?;
        let list =
            if found.is_empty() { "no data".to_owned() } else { found.iter().cloned().collect::<Vec<_>>().join(", ") };
        teller.meter.line(&format!("{} needs {list}", escape(image)));
        families.extend(found);
    }
    let choice = if arguments.all {
        Choice::All
    } else if families.is_empty() && arguments.image.is_empty() {
        Choice::Present
    } else {
        Choice::Families(families)
    };
    let mut without = Vec::new();
    without.extend(arguments.no_kev.then(|| "kev".to_owned()));
    without.extend(arguments.no_epss.then(|| "epss".to_owned()));
    let patience = Patience { tries: arguments.tries, stall: Duration::from_secs(arguments.timeout) };
    let net = Net::new(access_to_fetch(arguments.cacert.clone())?, patience);
    let options = Options {
        folder: &folder,
        places: &places,
        choice,
        feeds: arguments.feed.clone(),
        without,
        force: arguments.force,
        now,
        net: &net,
    };
    update(&options, teller)
}

/// The families that an image needs.
fn of_image(image: &str) -> Result<BTreeSet<String>> {
    let families = RefCell::new(BTreeSet::new());
    let look = |source: &dyn crate::source::Source,
                request: &crate::source::Request<'_>,
                options: &crate::scan::Options<'_>| {
        for inventory in take_inventories(source, request, options)? {
            families.borrow_mut().extend(families_of(&inventory));
        }
        Ok(Vec::new())
    };
    reports(&TargetArguments::of(image.to_owned()), &Watcher::new(false), &look, None)?;
    Ok(families.into_inner())
}

/// Tells on standard error what becomes of each family.
pub(super) struct Teller<'a> {
    pub(super) meter: &'a Meter,
    pub(super) now: Timestamp,
    /// What is done: `bring`, `import`.
    pub(super) verb: &'static str,
}

impl Watch for Teller<'_> {
    fn waiting(&self) {
        self.meter.line("waiting for another careen that is changing the advisory data");
    }

    fn begin(&self, families: usize) {
        self.meter.tell(format!("{} to look at", count(families as u64, "family")));
    }

    fn arriving(&self, bytes: u64) {
        self.meter.add(bytes);
    }

    fn done(&self, done: &Done) {
        /// Refused records that are named.
        const NAMED: usize = 5;
        let name = escape(&done.name);
        let records = || done.entry.as_ref().map_or(0, |entry| entry.records);
        let downloaded = match done.downloaded {
            0 => String::new(),
            bytes => format!(" ({} downloaded)", ByteSize(bytes)),
        };
        match &done.end {
            End::Whole => self.meter.line(&format!("{name}: {}{downloaded}", count(records(), "record"))),
            End::Changes(changed) => self.meter.line(&format!(
                "{name}: {} changed of {}{downloaded}",
                count(*changed as u64, ""),
                count(records(), "record")
            )),
            End::Unchanged => self.meter.line(&format!("{name}: nothing new{downloaded}")),
            End::Failed(error) => self.meter.error(&explained(error, done, self.now, self.verb)),
        }
        for (record, why) in done.refused.iter().take(NAMED) {
            self.meter.line(&format!("  refused: {record}: {}", escape(why)));
        }
        if done.refused_count > NAMED {
            self.meter.line(&format!("  refused: {} more", done.refused_count - NAMED));
        }
    }
}

/// The error with what it means for the data, and how to go on.
fn explained(error: &Error, done: &Done, now: Timestamp, verb: &str) -> Error {
    let kept = match &done.entry {
        Some(entry) => {
            let age = entry.fetched.map(|at| format!(" fetched {}", ago(at, now))).unwrap_or_default();
            format!("the data{age} stay in use")
        }
        None if verb == "import" => "what was there before stays in use".to_owned(),
        None if done.name == "kev/kev" => "what is part of careen stays in use".to_owned(),
        None => "there are no data for it yet".to_owned(),
    };
    let kept = match done.name.as_str() {
        "kev/kev" if error.kind == ErrorKind::NotFound => format!("{kept}; `--no-kev` leaves it out"),
        "epss/epss" if error.kind == ErrorKind::NotFound => format!("{kept}; `--no-epss` leaves it out"),
        _ => kept,
    };
    let help = match &error.help {
        Some(help) => format!("{kept}; {}", help.replace("; the data there were before can still be used", "")),
        None if error.kind == ErrorKind::Io => {
            format!("{kept}; make room, or let careen write there, or name another folder with `--db`")
        }
        None => format!("{kept}; try again later with `careen db update`, or name another source with `--from`"),
    };
    let mut explained = Error::new(error.kind, format!("cannot {verb} {}: {error}", escape(&done.name))).help(help);
    explained.place.clone_from(&error.place);
    explained
}

/// Says what became of all, and with what to end.
pub(super) fn summarise(done: &[Done], meter: &Meter) -> Exit {
    let failed = done.iter().filter(|done| matches!(done.end, End::Failed(_))).count();
    let unchanged = done.iter().filter(|done| matches!(done.end, End::Unchanged)).count();
    let bytes: u64 = done.iter().map(|done| done.downloaded).sum();
    let brought = done.len() - failed - unchanged;
    let mut text = format!("{}: {brought} brought, {unchanged} without news", count(done.len() as u64, "family"));
    if failed > 0 {
        text += &format!(", {failed} failed");
    }
    if bytes > 0 {
        text += &format!("; {} downloaded", ByteSize(bytes));
    }
    meter.line(&text);
    let is_usable = |done: &Done| !matches!(done.end, End::Failed(_)) || done.entry.is_some();
    match (failed, done.iter().any(is_usable)) {
        (0, _) => Exit::Passed,
        (_, true) => Exit::Incomplete,
        (_, false) => Exit::CannotRun,
    }
}

/// What a command that needs data says where there are none.
pub(super) fn no_data(folder: &std::path::Path) -> Error {
    Error::new(ErrorKind::NotFound, "there are no advisory data")
        .at(folder.display().to_string())
        .help("fetch some: `careen db update --ecosystem Debian`, `--for IMAGE`, or `--all`")
}

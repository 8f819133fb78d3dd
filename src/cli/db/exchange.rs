//! `careen db import` and `careen db export`: data that travel by hand.

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use clap::Args;

use crate::advisory::name;
use crate::advisory::osv;
use crate::advisory::store::Database;
use crate::advisory::update::{self, ImportOptions, Target, records};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::size::ByteSize;

use super::super::advisories::DatabaseArgument;
use super::super::exit::Exit;
use super::super::term::{self, Meter};
use super::super::{finish_write, print};
use super::update::{Teller, summarise};

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArguments {
    #[command(flatten)]
    place: DatabaseArgument,
    /// Exports of careen's, archives or records of osv.dev, the `RustSec` database, the lists of KEV and EPSS
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The ecosystem of archives, where their records are of several
    #[arg(short, long, value_name = "NAME")]
    ecosystem: Option<String>,
    /// Take data that are far less than what is there
    #[arg(long)]
    force: bool,
    /// Say nothing but what failed
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    #[command(flatten)]
    place: DatabaseArgument,
    /// Write one file (`*.tar.zst`), or a folder that can be used as it is
    #[arg(short, long, value_name = "FILE | DIR", required_unless_present_any = ["oci", "facts"])]
    output: Option<PathBuf>,
    /// Write a folder in the layout of OCI images, for tools that push it to a registry
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    oci: Option<PathBuf>,
    /// Only of this ecosystem; repeatable
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    ecosystem: Vec<String>,
    /// Also what must not be passed on, for your own use
    #[arg(long)]
    include_restricted: bool,
    /// Write the facts of records to standard output, a JSON object a line, without texts
    #[arg(long, requires = "ecosystem", conflicts_with_all = ["output", "oci"])]
    facts: bool,
    /// Say nothing but what failed
    #[arg(short, long)]
    quiet: bool,
}

/// Takes files in.
pub(in crate::cli) fn import(arguments: &ImportArguments) -> Exit {
    let now = term::now();
    let meter = Meter::new(arguments.quiet);
    let done = arguments.place.folder().and_then(|folder| {
        let family = arguments.ecosystem.as_deref();
        let options = ImportOptions { folder: &folder, paths: &arguments.paths, family, force: arguments.force, now };
        update::import(&options, &Teller { meter: &meter, now, verb: "import" })
    });
    meter.finish();
    term::ended(done.map(|done| summarise(&done, &meter)))
}

/// Writes data out.
pub(in crate::cli) fn export(arguments: &ExportArguments) -> Result<()> {
    let folder = arguments.place.folder()?;
    let database = Database::open(&folder)?;
    for wanted in &arguments.ecosystem {
        let (wanted, _) = name::split(wanted);
        let is_there =
            |name: &String| name.split_once('/').is_some_and(|(_, family)| family.eq_ignore_ascii_case(wanted));
        if !database.manifest().shards.keys().any(is_there) {
            let families: Vec<&str> =
                database.manifest().shards.keys().filter_map(|name| Some(name.split_once('/')?.1)).collect();
            let help = match crate::nearest::nearest(wanted, families.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are data for: {}", families.join(", ")),
            };
            let message = format!("there are no data for `{}`", escape(wanted));
            return Err(Error::new(ErrorKind::NotFound, message).help(help));
        }
    }
    if arguments.facts {
        return facts(&database, &arguments.ecosystem);
    }
    let target = match (&arguments.output, &arguments.oci) {
        (_, Some(layout)) => Target::Layout(layout.clone()),
        (Some(path), None) if path.to_string_lossy().ends_with(".zst") => Target::File(path.clone()),
        (Some(path), None) if path.is_file() => {
            return Err(Error::new(ErrorKind::Usage, "the output is a file that is there already")
                .at(path.display().to_string())
                .help("name a folder, or a file that ends in `.tar.zst`"));
        }
        (Some(path), None) => Target::Folder(path.clone()),
        (None, None) => return Err(Error::new(ErrorKind::Usage, "there is nowhere to export to")),
    };
    let exported = update::export(&database, &arguments.ecosystem, arguments.include_restricted, &target)?;
    let mut text = String::new();
    if !arguments.quiet {
        for (name, licence, attribution) in &exported.held {
            text += &format!("{}: {licence}; {attribution}\n", escape(name));
        }
        text +=
            &format!("{} exported, {}\n", super::count(exported.held.len() as u64, "family"), ByteSize(exported.bytes));
    }
    for (name, licence) in &exported.left_out {
        text += &format!("left out: {}: its terms ({licence}) do not let it be passed on\n", escape(name));
    }
    // nobody is left to tell when stderr is closed
    let _ = io::stderr().lock().write_all(text.as_bytes());
    Ok(())
}

/// The facts of all records of families, from which embedded data are made.
fn facts(database: &Database, families: &[String]) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for name in database.manifest().shards.keys() {
        let Some((_, family)) = name.split_once('/') else { continue };
        if !families.iter().any(|wanted| name::split(wanted).0.eq_ignore_ascii_case(family)) {
            continue;
        }
        let Some(shard) = database.shard(name)? else { continue };
        for advisory in records(&shard, family)?.values() {
            let written = serde_json::to_writer(&mut out, &osv::facts(advisory))
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"));
            if written.is_err() {
                return finish_write(written);
            }
        }
    }
    finish_write(out.flush()).and_then(|()| print(""))
}

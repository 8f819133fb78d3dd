//! `careen db status` and `careen db verify`: what data there are, how old, and whether they are sound.

use clap::Args;
use serde_json::json;

use crate::advisory::embedded;
use crate::advisory::feed::about::{self, LOCAL};
use crate::advisory::store::{Database, Entry};
use crate::error::Result;
use crate::escape::escape;
use crate::size::ByteSize;
use crate::time::Timestamp;

use super::super::advisories::{Age, DatabaseArgument, age};
use super::super::exit::Exit;
use super::super::{print, term};
use super::update::no_data;
use super::{ago, count};

#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArguments {
    #[command(flatten)]
    place: DatabaseArgument,
    /// text, or json for scripts
    #[arg(short, long, default_value = "text", value_parser = ["text", "json"])]
    format: String,
    /// Exit with 3 if any of the data was not confirmed for so long: 12h, 3d, 2w
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<Age>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    #[command(flatten)]
    place: DatabaseArgument,
}

/// Whether data are older than they may be; those that nobody can date are.
fn is_old(entry: &Entry, most: Option<Age>, now: Timestamp) -> bool {
    most.is_some_and(|Age(hours)| {
        entry.confirmed().is_none_or(|at| now.to_unix().saturating_sub(at.to_unix()) > hours.saturating_mul(3_600))
    })
}

/// Lists the data.
pub(in crate::cli) fn status(arguments: &StatusArguments) -> Result<Exit> {
    let folder = arguments.place.folder()?;
    let database = Database::open(&folder)?;
    let now = term::now();
    let shards = &database.manifest().shards;
    let old: Vec<&str> = shards
        .iter()
        .filter(|(_, entry)| is_old(entry, arguments.max_age, now))
        .map(|(name, _)| name.as_str())
        .collect();
    let end = if old.is_empty() && !shards.is_empty() { Exit::Passed } else { Exit::Incomplete };
    if arguments.format == "json" {
        print(&json_of(&database, &old))?;
        return Ok(end);
    }
    if shards.is_empty() {
        term::print_error(&no_data(&folder));
        print(&embedded())?;
        return Ok(end);
    }
    let mut rows = vec![["feed", "records", "as of", "confirmed", "size", "coverage", "from"].map(str::to_owned)];
    for (name, entry) in shards {
        let (feed, family) = name.split_once('/').unwrap_or((name, ""));
        let day = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| at.date().to_string());
        rows.push([
            escape(name),
            count(entry.records, ""),
            day(entry.as_of()),
            entry.confirmed().map_or_else(|| "?".to_owned(), |at| ago(at, now)),
            ByteSize(entry.size).to_string(),
            coverage(feed, family).to_owned(),
            escape(&entry.source),
        ]);
    }
    let mut text = table(&rows, &[1, 4]);
    text += &format!("{} in {}\n", count(shards.len() as u64, "family"), escape(folder.display().to_string()));
    text += &embedded();
    if !old.is_empty() {
        text += &format!("too old: {}; run `careen db update`\n", old.join(", "));
    }
    let refused: Vec<String> = shards
        .iter()
        .filter(|(_, entry)| entry.refused_count > 0 || !entry.refused.is_empty())
        .map(|(name, entry)| {
            let (named, all) = (entry.refused.iter().take(3), entry.refused_count.max(entry.refused.len() as u64));
            let more = if all > named.len() as u64 { ", …" } else { "" };
            format!("{} of {name} ({}{more})", count(all, ""), named.cloned().collect::<Vec<_>>().join(", "))
        })
        .collect();
    if !refused.is_empty() {
        text += &format!("records that could not be read: {}\n", escape(refused.join("; ")));
    }
    print(&text)?;
    Ok(end)
}

/// What stands in where nothing was fetched.
fn embedded() -> String {
    let day = |time: &'static str| escape(time.get(..10).unwrap_or(time));
    format!(
        "part of careen, where nothing else is there: RustSec as of {}, exploited flaws as of {}, own records\n",
        day(embedded::rustsec_as_of()),
        day(embedded::exploited_as_of())
    )
}

fn coverage(feed: &str, family: &str) -> &'static str {
    about::family(feed, family).coverage.as_str()
}

fn json_of(database: &Database, old: &[&str]) -> String {
    let shards = database.manifest().shards.iter().map(|(name, entry)| {
        let (feed, family) = name.split_once('/').unwrap_or((name, ""));
        let about = about::family(feed, family);
        json!({
            "feed": feed, "family": family, "records": entry.records, "packages": entry.packages,
            "as_of": entry.as_of(), "fetched": entry.fetched, "checked": entry.checked, "complete": entry.complete,
            "source": entry.source, "size": entry.size, "sha256": entry.sha256, "downloaded": entry.downloaded,
            "coverage": coverage(feed, family), "licence": about.licence, "attribution": about.attribution,
            "refused": entry.refused, "refused_count": entry.refused_count, "is_old": old.contains(&name.as_str()),
        })
    });
    let shards: Vec<_> = shards.collect();
    let value = json!({
        "schema": "careen.db-status/1", "folder": database.folder().display().to_string(),
        "digest": database.manifest().digest().to_string(), "data": shards,
    });
    format!("{value:#}\n")
}

/// Columns side by side; those of `right` with their ends in line.
fn table(rows: &[[String; 7]], right: &[usize]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Reads all data, each value of it.
pub(in crate::cli) fn verify(arguments: &VerifyArguments) -> Result<Exit> {
    let folder = arguments.place.folder()?;
    let database = Database::open(&folder)?;
    let names: Vec<&String> = database.manifest().shards.keys().collect();
    if names.is_empty() {
        return Err(no_data(&folder));
    }
    let mut text = String::new();
    let mut damaged = 0;
    for name in names {
        match database.verify(name) {
            Ok(()) => text += &format!("{}: sound\n", escape(name)),
            Err(error) => {
                damaged += 1;
                text += &format!("{}: {}\n", escape(name), escape(error.to_string()));
                text += &format!("  in: {}\n", escape(error.place.unwrap_or_default()));
                text += &format!("  help: {}\n", mend(name));
            }
        }
    }
    print(&text)?;
    Ok(if damaged == 0 { Exit::Passed } else { Exit::Incomplete })
}

/// The command that mends data.
fn mend(name: &str) -> String {
    match name.split_once('/') {
        Some((LOCAL, _)) => "import the records again with `careen db import`".to_owned(),
        Some(("osv", family)) => format!("`careen db update --force --ecosystem '{}'`", escape(family)),
        Some((feed, family)) if !matches!(feed, "kev" | "epss") => {
            format!("`careen db update --force --feed {} --ecosystem '{}'`", escape(feed), escape(family))
        }
        _ => "`careen db update --force`".to_owned(),
    }
}

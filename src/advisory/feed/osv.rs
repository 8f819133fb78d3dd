//! The export of osv.dev, or a mirror of it: `<ecosystem>/all.zip` with a JSON file for each record.
//!
//! Source: the data dumps that the documentation of OSV describes ("Data dumps").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::Result;
use crate::format::zip::{Archive, Budget};

use super::super::osv::{LARGEST, parse};
use super::{Feed, Fetched, Sink, Wanted, broken};

/// Largest archive, in bytes; the largest real ones have some 300 MiB.
const LARGEST_ARCHIVE: u64 = 2 << 30;

/// What an archive may cost; the largest real ones have some 250,000 records.
const BUDGET: Budget = Budget { bytes: 16 << 30, entries: 3_000_000, archives: 1 };

/// Bytes that an archive may expand to for each byte of it; JSON reaches some 15.
const RATIO: u64 = 200;

/// The export of osv.dev.
pub(super) struct Osv;

impl Feed for Osv {
    fn id(&self) -> &'static str {
        "osv"
    }

    fn families(&self) -> &'static [&'static str] {
        &[]
    }

    fn next(&self, family: &str, have: &[Fetched]) -> Option<Wanted> {
        Wanted::only(&format!("{}/all.zip", encode(family)), LARGEST_ARCHIVE, have)
    }

    fn read(&self, family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        for file in files {
            read_archive(family, file, sink)?;
        }
        Ok(())
    }
}

/// A family as a part of a path.
pub(super) fn encode(family: &str) -> String {
    family.replace('%', "%25").replace(' ', "%20")
}

fn read_archive(family: &str, file: &Fetched, sink: &mut Sink) -> Result<()> {
    let broken = |what: String| broken(file, format!("the archive of {family} {what}"));
    let ratio = (file.bytes.len() as u64).saturating_mul(RATIO).saturating_add(64 << 20);
    let mut budget = Budget { bytes: BUDGET.bytes.min(ratio), ..BUDGET };
    let archive =
        Archive::open(&file.bytes, &mut budget).map_err(|error| broken(format!("cannot be read: {error}")))?;
    // half an archive must never take the place of a whole one
    if let Some((name, flaw)) = archive.flaws().first() {
        let name = name.map(|name| format!(" ({})", crate::escape::escape(name))).unwrap_or_default();
        return Err(broken(format!("is damaged: {flaw}{name}")));
    }
    for entry in archive.entries() {
        let name = String::from_utf8_lossy(entry.name);
        let Some(id) = name.strip_suffix(".json") else { continue };
        let bytes = archive
            .read(entry, LARGEST, &mut budget)
            .map_err(|error| broken(format!("is damaged at {}: {error}", crate::escape::escape(entry.name))))?;
        match parse(&bytes) {
            Ok(advisory) => sink.add(advisory),
            Err(why) => sink.refuse(id, why),
        }
    }
    if sink.builder.is_empty() {
        return Err(broken("holds no record".into()));
    }
    Ok(())
}

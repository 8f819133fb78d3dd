//! The export of osv.dev, fetched whole or, where that is less, by the records that changed.
//!
//! `<family>/modified_id.csv` lists all records, the newest first: `2026-01-02T03:04:05Z,DSA-1-1`. It does not tell of
//! records that went, so the whole comes at least weekly.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::source::download::{Answer, Validators};
use crate::time::Timestamp;

use super::super::feed::Fetched;
use super::super::osv;
use super::super::store::Shard;
use super::place::{Known, Want};
use super::{Files, Got, Job, guard, unasked};

/// Largest list, in bytes; a line has some 45.
const LARGEST_LIST: u64 = 256 << 20;

/// Changed records that are fetched one by one.
const MOST_CHANGES: usize = 2_000;

/// Records of a list that are looked up to see which of them changed: whole feeds are written anew within an hour.
const MOST_LOOKED_UP: usize = 100_000;

/// Records fetched at once.
const AT_ONCE: usize = 8;

/// Bytes that a record costs when it is fetched alone, roughly: what it weighs against the whole.
const COST: u64 = 4 << 10;

/// Seconds after which the whole is fetched again.
pub(super) const WEEK: i64 = 7 * 86_400;

/// Seconds before the newest record there is, from which on records count as new: lists are made while records change.
const OVERLAP: i64 = 3_600;

/// What a list says.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    count: usize,
    newest: Option<Timestamp>,
    /// Newest first, only those from a time on.
    changed: Vec<(Timestamp, String)>,
}

/// Fetches what there is of a family.
pub(super) fn fetch(job: &Job<'_>) -> Result<Got> {
    let zip = job.feed.next(&job.family, &[]).map(|wanted| wanted.path).unwrap_or_default();
    let path = zip.replace("all.zip", "modified_id.csv");
    let (old, recent) = (job.old.as_ref(), job.recent());
    let known = recent.map(|old| Known {
        source: old.entry.source.replace("all.zip", "modified_id.csv"),
        validators: Validators { etag: old.entry.listed_etag.clone(), last_modified: None },
    });
    let known = known.unwrap_or_default();
    let want = Want { path: &path, known: &known, most: LARGEST_LIST, partial: None, is_optional: true };
    let arrived = match job.places.get(&want, job.arriving) {
        Ok((Answer::Unchanged, source)) if known.validators == Validators::default() => return Err(unasked(&source)),
        Ok((Answer::Unchanged, source)) => return Ok(Got::Unchanged { source, listed_etag: None }),
        Ok((Answer::Whole(arrived), source)) => Some((arrived, source)),
        // a mirror of the archives alone
        Err(error) if error.kind == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let Some((arrived, source)) = arrived else { return whole(job, None, 0, None) };
    let etag = arrived.validators.etag.clone();
    let newest = old.and_then(|old| old.entry.newest.parse::<Timestamp>().ok()).filter(|newest| *newest <= job.now);
    let from = newest.map(|newest| newest.to_unix().saturating_sub(OVERLAP));
    let list = read_list(&arrived.bytes, from);
    // what is no list at all must not pass for one without news
    guard::list(list.count, old.map(|old| &old.entry)).map_err(|error| error.at(source.clone()))?;
    let (Some(old), Some(_)) = (recent, from) else {
        return whole(job, Some((list.count, list.newest)), arrived.downloaded, etag);
    };
    if list.changed.len() > MOST_LOOKED_UP {
        return whole(job, Some((list.count, list.newest)), arrived.downloaded, etag);
    }
    let changed = not_there(&old.shard, list.changed)?;
    if changed.is_empty() {
        return Ok(Got::Unchanged { source, listed_etag: etag });
    }
    if changed.len() > MOST_CHANGES || (changed.len() as u64).saturating_mul(COST) > old.entry.size {
        return whole(job, Some((list.count, list.newest)), arrived.downloaded, etag);
    }
    match one_by_one(job, &zip, &changed) {
        Ok((records, downloaded)) => {
            let downloaded = downloaded.saturating_add(arrived.downloaded);
            Ok(Got::Changes { records, source, listed_etag: etag, downloaded })
        }
        // a record that is gone, or a mirror without single records
        Err(_) => whole(job, Some((list.count, list.newest)), arrived.downloaded, etag),
    }
}

/// The archive, unless it is the one that is there.
fn whole(
    job: &Job<'_>,
    listed: Option<(usize, Option<Timestamp>)>,
    downloaded: u64,
    listed_etag: Option<String>,
) -> Result<Got> {
    match super::fetch_files(job)? {
        Got::Files(files) => Ok(Got::Files(Files {
            listed: listed.map(|(count, _)| count),
            listed_newest: listed.and_then(|(_, newest)| newest),
            listed_etag,
            downloaded: files.downloaded.saturating_add(downloaded),
            ..files
        })),
        // the list may be ahead of the archive: it is asked for again
        Got::Unchanged { source, .. } => Ok(Got::Unchanged { source, listed_etag: None }),
        changes @ Got::Changes { .. } => Ok(changes),
    }
}

/// Reads a list; without a time to begin at, it is only counted.
fn read_list(bytes: &[u8], from: Option<i64>) -> List {
    let mut list = List::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((time, id)) = std::str::from_utf8(line).ok().and_then(|line| line.trim_end().split_once(',')) else {
            continue;
        };
        let Some(time) = time.parse::<Timestamp>().ok().filter(|_| osv::is_id(id)) else { continue };
        list.count = list.count.saturating_add(1);
        list.newest.get_or_insert(time);
        // beyond the most there are, the whole is fetched
        if let Some(from) = from.filter(|_| list.changed.len() <= MOST_LOOKED_UP)
            && time.to_unix() >= from
        {
            list.changed.push((time, id.to_owned()));
        }
    }
    list
}

/// Those of which the shard has another state, or none.
fn not_there(shard: &Shard, changed: Vec<(Timestamp, String)>) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for (time, id) in changed {
        let record = shard.record(&id)?;
        let have = record.and_then(|record| record.modified.parse::<Timestamp>().ok());
        if have.is_none_or(|have| have < time) {
            missing.push(id);
        }
        if missing.len() > MOST_CHANGES {
            break;
        }
    }
    Ok(missing)
}

/// Fetches records, several at once; one that cannot be had ends it.
fn one_by_one(job: &Job<'_>, zip: &str, ids: &[String]) -> Result<(Vec<Fetched>, u64)> {
    let next = AtomicUsize::new(0);
    let done: Mutex<(Vec<Fetched>, u64, Option<Error>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(ids.len()) {
            scope.spawn(|| {
                while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = zip.replace("all.zip", &format!("{}.json", id.replace('+', "%2B")));
                    let most = osv::LARGEST as u64;
                    let want = Want { path: &path, known: &Known::default(), most, partial: None, is_optional: false };
                    let got = job.places.get(&want, job.arriving);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    match got {
                        Ok((Answer::Whole(arrived), _)) => {
                            done.1 = done.1.saturating_add(arrived.downloaded);
                            done.0.push(Fetched { path: id.clone(), bytes: arrived.bytes });
                        }
                        Ok((Answer::Unchanged, _)) => {}
                        Err(error) => {
                            next.store(ids.len(), Ordering::Relaxed);
                            done.2.get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    let (mut records, downloaded, error) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    records.sort_by(|a, b| a.path.cmp(&b.path));
    error.map_or(Ok((records, downloaded)), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_from_a_time_on_and_counted_whole() {
        let text = "2026-01-03T00:00:00Z,DSA-3-1\r\n2026-01-02T00:00:00.123456Z,DSA-2-1\n\nnonsense\n\
                    2026-01-01T00:00:00Z,../../etc/passwd\nno time,DSA-9-1\n2026-01-01T00:00:00Z,DSA-1-1\n";
        let from = |day: &str| Some(day.parse::<Timestamp>().expect("a time").to_unix());
        let ids = |from| {
            let list = read_list(text.as_bytes(), from);
            (list.count, list.changed.into_iter().map(|(_, id)| id).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(ids(None), (3, String::new()));
        assert_eq!(ids(from("2026-01-02T00:00:00Z")), (3, "DSA-3-1 DSA-2-1".into()));
        assert_eq!(ids(from("2025-01-02T00:00:00Z")), (3, "DSA-3-1 DSA-2-1 DSA-1-1".into()));
        assert_eq!(read_list(b"\xff\xfe,", None), List::default());
    }
}

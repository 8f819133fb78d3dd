//! Brings advisory data: fetches what feeds want from the first place that answers, compiles it, and puts it in
//! place family by family, so that what fails costs itself alone and what was there before stays.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod bundle;
mod changes;
mod choice;
mod guard;
mod import;
mod place;
mod records;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::source::download::{Answer, Arrived, Validators};
use crate::time::Timestamp;

use super::feed::{Feed, Fetched, MOST_REFUSED, Sink};
use super::osv;
use super::store::{Builder, Built, Database, Entry, Shard, Writer};

pub use bundle::{Exported, Target, export};
pub use choice::Choice;
pub use import::{ImportOptions, import};
pub use place::{Net, Place};
pub use records::records;

use bundle::Export;
use place::{Known, Places, Want};

/// How long another writer is waited for.
pub const PATIENCE: Duration = Duration::from_mins(15);

/// Families fetched at once.
const AT_ONCE: usize = 3;

/// Files that one feed may want for a family.
const MOST_FILES: usize = 10_000;

/// What is to be brought.
#[derive(Debug)]
pub struct Options<'a> {
    /// The folder of advisory data.
    pub folder: &'a Path,
    /// Where from, in the order in which they are tried; nothing for each feed's own place.
    pub places: &'a [Place],
    /// Of what.
    pub choice: Choice,
    /// Feeds that are wanted besides those that are brought anyway.
    pub feeds: Vec<String>,
    /// Feeds that are left out.
    pub without: Vec<String>,
    /// Fetches all of it anew, whatever there is.
    pub force: bool,
    /// The time.
    pub now: Timestamp,
    /// How to fetch.
    pub net: &'a Net,
}

/// Who is told how it goes. The data themselves are compiled by one thread; bytes arrive in several.
pub trait Watch: Sync {
    /// Another careen is changing the data, and is waited for.
    fn waiting(&self) {}
    /// So many families will be looked at.
    fn begin(&self, _count: usize) {}
    /// So many bytes arrived.
    fn arriving(&self, _bytes: u64) {}
    /// A family is done with.
    fn done(&self, _done: &Done) {}
}

/// Nobody is told.
impl Watch for () {}

/// What became of one family.
#[derive(Debug)]
pub struct Done {
    /// `feed/family`.
    pub name: String,
    /// How it ended.
    pub end: End,
    /// What there is now: when it failed, what there was before.
    pub entry: Option<Entry>,
    /// Bytes that were downloaded.
    pub downloaded: u64,
    /// Records that could not be read, the first ones, with the reason.
    pub refused: Vec<(String, String)>,
    /// All of them.
    pub refused_count: usize,
}

impl Done {
    fn new(name: &str, end: End, entry: Option<Entry>) -> Self {
        Self { name: name.to_owned(), end, entry, downloaded: 0, refused: Vec::new(), refused_count: 0 }
    }
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// All of it was fetched.
    Whole,
    /// So many records that changed were fetched.
    Changes(usize),
    /// There was nothing new.
    Unchanged,
    /// It could not be had.
    Failed(Error),
}

/// What is there of a family, in order.
struct Old {
    entry: Entry,
    shard: Rc<Shard>,
}

/// One family of one feed, on its way.
struct Job<'a> {
    feed: &'static dyn Feed,
    family: String,
    places: &'a Places<'a>,
    old: Option<Old>,
    now: Timestamp,
    arriving: &'a (dyn Fn(u64) + Sync),
    /// Where the beginning of a file is kept.
    partial: &'a Path,
}

impl Job<'_> {
    /// What is there, unless all of it is due again: what a server says has not changed may have.
    fn recent(&self) -> Option<&Old> {
        let is_recent = |at: Timestamp| (0..changes::WEEK).contains(&self.now.to_unix().saturating_sub(at.to_unix()));
        self.old.as_ref().filter(|old| old.entry.complete.is_some_and(is_recent))
    }
}

/// The error for a server that says nothing changed, of what it was asked for without conditions.
fn unasked(source: &str) -> Error {
    Error::new(ErrorKind::Network, "the server says that nothing has changed, without having been asked that")
        .at(source)
        .help("something between careen and the server answers in its stead; fetch from another source")
}

/// What was fetched.
#[derive(Debug)]
enum Got {
    /// Nothing new, says this source; and the state of the list of records, where that was fetched.
    Unchanged {
        source: String,
        listed_etag: Option<String>,
    },
    Files(Files),
    /// Records that changed, each a file named by its id.
    Changes {
        records: Vec<Fetched>,
        /// Where the list of them is.
        source: String,
        listed_etag: Option<String>,
        downloaded: u64,
    },
}

/// All that a feed wants for a family.
#[derive(Debug, Default)]
struct Files {
    fetched: Vec<Fetched>,
    source: String,
    validators: Validators,
    /// Records that the source says there are.
    listed: Option<usize>,
    /// The newest change in its list.
    listed_newest: Option<Timestamp>,
    listed_etag: Option<String>,
    downloaded: u64,
}

/// Brings data. What fails for one family is told of that family; an error is for what concerns them all.
pub fn update(options: &Options<'_>, watch: &dyn Watch) -> Result<Vec<Done>> {
    let mut writer = Writer::open_anew(options.folder, PATIENCE, &mut || watch.waiting(), options.force)?;
    let arriving = |bytes| watch.arriving(bytes);
    let mut places = options.places.to_vec();
    let mut failed = None;
    // exports come ready made, so whoever names one first wants nothing of the others
    while let Some(export) = places.first().and_then(|place| export_of(place, options)) {
        let taken = export.and_then(|export| {
            bundle::take_in(&mut writer, &export, &options.choice, !options.force, options.now, watch)
        });
        match taken {
            Ok(done) => return Ok(done),
            Err(error) => failed = Some(failed.unwrap_or(error)),
        }
        places.remove(0);
    }
    if let Some(error) = failed.filter(|_| places.is_empty()) {
        return Err(error);
    }
    let given = Places::new(places, options.net);
    let tasks = choice::tasks(options, &given, writer.manifest(), &arriving)?;
    watch.begin(tasks.len());
    let mut done = Vec::new();
    let next = AtomicUsize::new(0);
    let partials: Vec<_> = tasks.iter().map(|task| writer.partial(&task.name)).collect();
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        for _ in 0..AT_ONCE.min(tasks.len()) {
            let (sender, next, tasks, partials, arriving) = (sender.clone(), &next, &tasks, &partials, &arriving);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(task), Some(partial)) = (tasks.get(index), partials.get(index)) else { return };
                    let got = catch_unwind(AssertUnwindSafe(|| {
                        let job = Job {
                            feed: task.feed,
                            family: task.family.clone(),
                            places: &task.places,
                            old: if options.force { None } else { old(options.folder, &task.name) },
                            now: options.now,
                            arriving,
                            partial,
                        };
                        if task.feed.id() == "osv" { changes::fetch(&job) } else { fetch_files(&job) }
                    }));
                    if sender.send((index, got.unwrap_or_else(|_| Err(defect())))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (index, got) in receiver {
            let Some(task) = tasks.get(index) else { continue };
            let one = take(&mut writer, options, task, got);
            watch.done(&one);
            done.push((index, one));
        }
    });
    // when nothing new was found, that is all there is to keep; after a failure there is worse to tell
    let kept = writer.commit();
    if !done.iter().any(|(_, done)| matches!(done.end, End::Failed(_))) {
        kept?;
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, done)| done).collect())
}

/// The export that a place is, or leads to.
fn export_of(place: &Place, options: &Options<'_>) -> Option<Result<Export>> {
    match place {
        Place::Artifact(reference) => Some(Export::of_reference(reference, options.net.access())),
        Place::Folder(folder) if Export::is_in(folder) => Some(Ok(Export::Folder(folder.clone()))),
        _ => None,
    }
}

/// What is there, if it can be opened.
fn old(folder: &Path, name: &str) -> Option<Old> {
    let database = Database::open(folder).ok()?;
    let entry = database.manifest().shards.get(name)?.clone();
    let shard = database.shard(name).ok()??;
    Some(Old { entry, shard })
}

fn defect() -> Error {
    Error::new(ErrorKind::Internal, "careen stopped at a defect of its own")
        .help("please report it, with what stands on standard error")
}

/// Fetches all files that a feed wants. One that wants a single file is not given the same again.
fn fetch_files(job: &Job<'_>) -> Result<Got> {
    let mut got = Files::default();
    while let Some(wanted) = job.feed.next(&job.family, &got.fetched) {
        let is_first = got.fetched.is_empty();
        let known = job.recent().filter(|_| is_first).map(|old| Known {
            source: old.entry.source.clone(),
            validators: Validators { etag: old.entry.etag.clone(), last_modified: old.entry.last_modified.clone() },
        });
        let known = known.unwrap_or_default();
        let want = Want {
            path: &wanted.path,
            known: &known,
            most: wanted.most,
            partial: Some(job.partial).filter(|_| is_first),
            is_optional: wanted.optional,
        };
        let got_one = match job.places.get(&want, job.arriving) {
            Err(error) if wanted.optional && error.kind == ErrorKind::NotFound => {
                (Answer::Whole(Arrived::default()), String::new())
            }
            other => other?,
        };
        match got_one {
            (Answer::Unchanged, source) if known.validators == Validators::default() => return Err(unasked(&source)),
            (Answer::Unchanged, source) => return Ok(Got::Unchanged { source, listed_etag: None }),
            (Answer::Whole(arrived), source) => {
                if is_first {
                    got.source = source;
                    got.validators = arrived.validators;
                } else {
                    // that the first of several is the same says nothing of the others
                    got.validators = Validators::default();
                }
                got.downloaded = got.downloaded.saturating_add(arrived.downloaded);
                got.fetched.push(Fetched { path: wanted.path, bytes: arrived.bytes });
            }
        }
        if got.fetched.len() > MOST_FILES {
            return Err(Error::new(ErrorKind::Network, "the feed names more files than there can be").at(got.source));
        }
    }
    Ok(Got::Files(got))
}

/// Compiles what was fetched and puts it in place.
fn take(writer: &mut Writer, options: &Options<'_>, task: &choice::Task<'_>, got: Result<Got>) -> Done {
    let before = writer.manifest().shards.get(&task.name).cloned();
    let mut done = Done::new(&task.name, End::Unchanged, before.clone());
    let end = got.and_then(|got| match got {
        Got::Unchanged { source, listed_etag } => {
            if let Some(entry) = writer.manifest().shards.get_mut(&task.name) {
                entry.checked = asked(&source, options.now).or(entry.checked);
                entry.listed_etag = listed_etag.or_else(|| entry.listed_etag.take());
            }
            Ok(End::Unchanged)
        }
        Got::Files(files) => {
            done.downloaded = files.downloaded;
            put_whole(writer, options, task, files, before.unwrap_or_default().downloaded, &mut done)
        }
        Got::Changes { records, source, listed_etag, downloaded } => {
            done.downloaded = downloaded;
            put_changes(writer, options, task, &records, (&source, listed_etag), &mut done)
        }
    });
    done.end = end.unwrap_or_else(End::Failed);
    if !matches!(done.end, End::Failed(_)) {
        done.entry = writer.manifest().shards.get(&task.name).cloned();
    }
    done
}

fn put_whole(
    writer: &mut Writer,
    options: &Options<'_>,
    task: &choice::Task<'_>,
    mut files: Files,
    downloaded_before: u64,
    done: &mut Done,
) -> Result<End> {
    let mut sink = Sink::new(&task.family);
    let fetched = std::mem::take(&mut files.fetched);
    let read = catch_unwind(AssertUnwindSafe(|| task.feed.read(&task.family, &fetched, &mut sink)));
    // what was read takes no memory while it is compiled
    drop(fetched);
    read.unwrap_or_else(|_| Err(defect())).map_err(|error| error.at(files.source.clone()))?;
    let taken = sink.builder.len().saturating_add(sink.refused_count);
    if let Some(listed) = files.listed
        && taken.saturating_mul(10) < listed.saturating_mul(9)
    {
        let message = format!("the archive of {} has {taken} records, while its list has {listed}", task.family);
        return Err(Error::malformed(message).at(files.source).help("fetch it again later, or from another source"));
    }
    if sink.builder.is_empty() {
        return Err(Error::malformed("what was fetched holds no data").at(files.source));
    }
    (done.refused, done.refused_count) = (std::mem::take(&mut sink.refused), sink.refused_count);
    if !options.force {
        guard::refusals(sink.refused_count, taken).map_err(|error| error.at(files.source.clone()))?;
    }
    let source = files.source.clone();
    let about = Entry {
        checked: asked(&files.source, options.now),
        source: files.source,
        etag: files.validators.etag,
        last_modified: files.validators.last_modified,
        listed_etag: files.listed_etag,
        downloaded: downloaded_before.saturating_add(files.downloaded),
        newest: sink.as_of.take().unwrap_or_default(),
        fetched: Some(options.now),
        complete: Some(options.now),
        refused: done.refused.iter().map(|(id, _)| id.clone()).collect(),
        refused_count: done.refused_count as u64,
        ..Entry::default()
    };
    let before = writer.manifest().shards.get(&task.name).cloned().filter(|_| !options.force);
    put_if(writer, &task.name, sink.builder, about, &|built| match &before {
        Some(before) => guard::loss(before, built.records, built.packages).map_err(|error| error.at(source.clone())),
        None => Ok(()),
    })?;
    if let Some(entry) = writer.manifest().shards.get_mut(&task.name) {
        let has = entry.newest.parse::<Timestamp>().ok();
        // an archive that lags behind its list must not pass for the newest there is
        if files.listed_newest.is_some_and(|newest| has.is_none_or(|has| has < newest)) {
            entry.listed_etag = None;
        }
    }
    Ok(End::Whole)
}

fn put_changes(
    writer: &mut Writer,
    options: &Options<'_>,
    task: &choice::Task<'_>,
    changed: &[Fetched],
    (source, listed_etag): (&str, Option<String>),
    done: &mut Done,
) -> Result<End> {
    let old = old(options.folder, &task.name)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "what was there of a family is gone"))?;
    let mut sink = Sink::new(&task.family);
    for advisory in records(&old.shard, &task.family)?.into_values() {
        sink.add(advisory);
    }
    let mut count = 0_usize;
    for file in changed {
        match osv::parse(&file.bytes) {
            Ok(advisory) if advisory.id == file.path => {
                sink.add(advisory);
                count = count.saturating_add(1);
            }
            Ok(_) => sink.refuse(&file.path, "it has another id than its name"),
            Err(why) => sink.refuse(&file.path, why),
        }
    }
    (done.refused, done.refused_count) = (std::mem::take(&mut sink.refused), sink.refused_count);
    // the next whole comes within a week, so a few may wait for it
    guard::refusals(sink.refused_count, sink.builder.len().min(changed.len().saturating_mul(10)))?;
    let again: BTreeSet<&str> = changed.iter().map(|file| file.path.as_str()).collect();
    let (mut refused, before) = (done.refused.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), &old.entry.refused);
    let left: Vec<_> = before.iter().filter(|id| !again.contains(id.as_str())).cloned().collect();
    // of those that are not named it cannot be told whether they were mended
    let mended = before.len().saturating_sub(left.len()) as u64;
    let refused_count = old.entry.refused_count.saturating_sub(mended).saturating_add(done.refused_count as u64);
    refused.extend(left);
    refused.truncate(MOST_REFUSED);
    let about = Entry {
        listed_etag,
        downloaded: old.entry.downloaded.saturating_add(done.downloaded),
        newest: String::new(),
        fetched: Some(options.now),
        checked: asked(source, options.now).or(old.entry.checked),
        refused,
        refused_count,
        ..old.entry.clone()
    };
    put_if(writer, &task.name, sink.builder, about, &|built| guard::loss(&old.entry, built.records, built.packages))?;
    Ok(End::Changes(count))
}

/// Now, if the source is a server: a folder has what somebody put there once.
fn asked(source: &str, now: Timestamp) -> Option<Timestamp> {
    ["https://", "http://"].iter().any(|start| source.starts_with(start)).then_some(now)
}

/// Compiles, and makes it what readers see, unless `check` has something against it; what is left of a failure goes.
fn put_if(
    writer: &mut Writer,
    name: &str,
    builder: Builder,
    about: Entry,
    check: &dyn Fn(&Built) -> Result<()>,
) -> Result<()> {
    let temporary = writer.temporary(name);
    let before = writer.manifest().shards.get(name).cloned();
    let done = writer.put_if(name, builder, about, check).and_then(|()| writer.commit());
    if done.is_err() {
        let _ = std::fs::remove_file(temporary);
        match before {
            Some(before) => writer.manifest().shards.insert(name.to_owned(), before),
            None => writer.manifest().shards.remove(name),
        };
    }
    done
}

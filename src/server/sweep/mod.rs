//! Looks through repositories for what no webhook told: what a sender lost, or never sent. Each tag is asked for what it
//! is; an image that no job is known of gets one. Gentle: one question at a time, and after an answer that says so, a
//! while later. Where a sweep was is kept, so that one which was cut off goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};
use tokio::task::JoinSet;

use crate::digest::Digest;
use crate::error::{Again, Error, ErrorKind, Result};
use crate::source::Access;
use crate::source::attached::is_tag_of_attached;
use crate::source::registry::tags::{Repository, is_missing};

use super::clock::Moment;
use super::config::{Registry, Sweep};
use super::deliver::Actions;
use super::deliver::plan::plan_move;
use super::images::{self, Sight, Tag, Word, scan_key};
use super::question::{self, Question};
use super::queue::sqlite::enqueue;
use super::queue::{Bounds, Entered, Kind, NewJob, Priority, backoff};
use super::random;
use super::result::forget_none;
use super::state::Server;
use super::store::{of_sql, setting};
use super::work::{self, access_of};

/// Tags that are asked for between two writes.
const TOGETHER: usize = 50;

/// Between two questions to a registry.
const PAUSE: Duration = Duration::from_millis(20);

/// Tries of one question; each is several of the registry client's own. What still fails is left to the next sweep.
const TRIES: u32 = 3;

/// How long a sweep waits where the queue is full.
const FULL: Duration = Duration::from_secs(30);

/// How long until the store is asked again after it failed.
const STORE_PAUSE: Duration = Duration::from_secs(30);

/// Where a sweep is, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// When the last whole one began; milliseconds since 1970.
    began: i64,
    /// The next of its repositories; nothing while none is under way.
    next: Option<usize>,
}

/// What a sweep found in one repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    tags: usize,
    new: usize,
    moved: usize,
    gone: u64,
    failed: usize,
}

/// Sweeps of one registry go one after the other, each as often as it is to be, until the server ends. Those of another
/// one do not wait for them.
pub async fn run(server: Arc<Server>) {
    let registries: BTreeSet<&str> =
        server.config.sweeps.iter().filter_map(|sweep| registry_of(&server, sweep)).collect();
    let mut loops: JoinSet<()> =
        registries.into_iter().map(|name| of_registry(Arc::clone(&server), name.to_owned())).collect();
    while loops.join_next().await.is_some() {}
}

fn registry_of<'a>(server: &'a Server, sweep: &Sweep) -> Option<&'a str> {
    server.config.source(sweep.source.get_ref()).map(|source| source.registry.get_ref().as_str())
}

async fn of_registry(server: Arc<Server>, registry: String) {
    while !server.is_ending() {
        let wait = match round(&server, &registry).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(error = %error, "a sweep could not go on");
                STORE_PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = server.until_end() => {}
        }
    }
}

/// Does the sweeps of a registry that are due, and says how long until the next one is.
async fn round(server: &Arc<Server>, registry: &str) -> Result<Duration> {
    let mut wait = Duration::from_hours(1);
    for (number, sweep) in server.config.sweeps.iter().enumerate() {
        if registry_of(server, sweep) != Some(registry) {
            continue;
        }
        let name = format!("sweep {number} {}", sweep.source.get_ref());
        let mut place = read_place(server, &name).await?;
        let now = server.clock.now();
        // one that began in the future began before the clock was set back: how long ago nobody knows
        let due = if place.began > now.0 { now } else { Moment(place.began).plus(sweep.every.0) };
        if place.next.is_none() {
            if due > now {
                wait = wait.min(Duration::from_millis(u64::try_from(due.0 - now.0).unwrap_or(0)));
                continue;
            }
            place = Place { began: now.0, next: Some(0) };
            write_place(server, &name, &place).await?;
        }
        while let Some(next) = place.next {
            let Some(repository) = sweep.repositories.get(next) else {
                place.next = None;
                write_place(server, &name, &place).await?;
                break;
            };
            if server.is_ending() {
                return Ok(Duration::ZERO);
            }
            match one(server, sweep, repository).await {
                Ok(found) => tracing::info!(
                    source = sweep.source.get_ref(),
                    repository,
                    tags = found.tags,
                    new = found.new,
                    moved = found.moved,
                    gone = found.gone,
                    failed = found.failed,
                    "a repository was looked through"
                ),
                Err(error) if error.kind == ErrorKind::Io => return Err(error),
                Err(error) => {
                    let source = sweep.source.get_ref();
                    tracing::warn!(source, repository, error = %error, "a repository could not be looked through");
                }
            }
            // cut off by the end, it begins anew
            if server.is_ending() {
                return Ok(Duration::ZERO);
            }
            place.next = Some(next + 1);
            write_place(server, &name, &place).await?;
        }
        wait = wait.min(sweep.every.0);
    }
    Ok(wait.max(Duration::from_millis(100)))
}

async fn one(server: &Arc<Server>, sweep: &Sweep, repository: &str) -> Result<Found> {
    let wrong = |what: &str| Error::new(ErrorKind::Config, what.to_owned());
    let source = server.config.source(sweep.source.get_ref()).ok_or_else(|| wrong("there is no such source"))?;
    let registry =
        server.config.registry(source.registry.get_ref()).ok_or_else(|| wrong("there is no such registry"))?;
    let began = server.clock.now();
    let place = Arc::new(open(registry, repository).await?);
    let most = sweep.most_tags;
    let listed = {
        let place = Arc::clone(&place);
        patiently(server, registry.name.get_ref(), move || place.tags(most)).await?
    };
    if listed.are_cut || listed.malformed > 0 {
        tracing::warn!(repository, tags = listed.names.len(), "there are more tags than are looked at");
    }
    let mut found = Found::default();
    let mut missing = BTreeSet::new();
    // signatures and what else is attached to images by a tag
    let names: Vec<&String> = listed.names.iter().filter(|name| !is_tag_of_attached(name)).collect();
    for names in names.chunks(TOGETHER) {
        let mut pairs = Vec::with_capacity(names.len());
        for name in names {
            if server.is_ending() {
                return Ok(found);
            }
            let (place, asked, at) = (Arc::clone(&place), (*name).clone(), server.clock.now());
            match patiently(server, registry.name.get_ref(), move || place.digest(&asked)).await {
                Ok(digest) => pairs.push(((*name).clone(), digest, at)),
                // it went meanwhile, or is listed still without its manifest
                Err(error) if is_missing(&error) => {
                    missing.insert((*name).clone());
                }
                Err(error) if error.kind == ErrorKind::Auth => return Err(error),
                Err(error) => {
                    found.failed += 1;
                    tracing::warn!(repository, tag = *name, error = %error, "a tag could not be looked up");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        note(server, source.name.get_ref(), registry.name.get_ref(), repository, pairs, &mut found).await?;
    }
    if !listed.are_cut {
        let there: BTreeSet<&String> = listed.names.iter().filter(|name| !missing.contains(*name)).collect();
        let names = (source.name.get_ref().as_str(), registry.name.get_ref().as_str());
        found.gone = forget(server, names, repository, &place, there, began).await?;
    }
    Ok(found)
}

/// Opens a repository; a secret may be another one than at the last sweep.
async fn open(registry: &Registry, repository: &str) -> Result<Repository> {
    let access = Access { tries: Some(work::TRIES), ..access_of(registry)? };
    let name = format!("{}/{repository}", registry.host);
    blocking(move || Repository::open(&name, &access)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = |_| Error::new(ErrorKind::Internal, "a question to a registry ended early");
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}

/// Asks once more, later, where that may help; nothing while the registry wants to be left alone, whoever was told so.
async fn patiently<T: Send + 'static>(
    server: &Server,
    registry: &str,
    question: impl Fn() -> Result<T> + Send + Sync + 'static,
) -> Result<T> {
    let question = Arc::new(question);
    let mut tries = 0;
    loop {
        while let Some(left) = server.pauses.left(registry, Instant::now()) {
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = server.until_end() => return Err(Error::new(ErrorKind::Network, "the server ends")),
            }
        }
        let asked = Arc::clone(&question);
        let error = match blocking(move || asked()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        tries += 1;
        let wait = error.again.and_then(Again::wait).unwrap_or_default();
        server.pauses.ask(registry, wait, Instant::now());
        let is_passing = error.again.is_some() || error.kind == ErrorKind::Network;
        if !is_passing || tries >= TRIES || server.is_ending() {
            return Err(error);
        }
        tokio::select! {
            () = tokio::time::sleep(backoff(tries + 1, random::number())) => {}
            () = server.until_end() => return Err(error),
        }
    }
}

/// Notes which tags are which images, and puts in the scans of those that no job is known of. Where the queue is full it
/// waits: what was found is not dropped.
async fn note(
    server: &Arc<Server>,
    source: &str,
    registry: &str,
    repository: &str,
    pairs: Vec<(String, Digest, Moment)>,
    found: &mut Found,
) -> Result<()> {
    found.tags += pairs.len();
    let mut pairs = pairs;
    while !pairs.is_empty() && !server.is_ending() {
        let filing = Filing {
            source: source.to_owned(),
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            bounds: server.queue.bounds(),
            actions: Arc::clone(&server.actions),
            now: server.clock.now(),
        };
        let count = pairs.len();
        let batch = pairs.clone();
        let filed = server.store.write(move |connection| Box::pin(file(connection, batch, filing))).await?;
        found.new += filed.new;
        found.moved += filed.moved;
        if filed.new + filed.asked > 0 {
            server.work.notify_waiters();
        }
        if filed.told > 0 {
            server.deliveries.notify_waiters();
        }
        pairs.drain(..filed.done.min(count));
        if !pairs.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(FULL) => {}
                () = server.until_end() => {}
            }
        }
    }
    Ok(())
}

struct Filing {
    source: String,
    registry: String,
    repository: String,
    bounds: Bounds,
    actions: Arc<Actions>,
    now: Moment,
}

#[derive(Debug, Default)]
struct Filed {
    done: usize,
    new: usize,
    moved: usize,
    /// Tags that are asked for again.
    asked: usize,
    told: usize,
}

async fn file(
    connection: &mut SqliteConnection,
    pairs: Vec<(String, Digest, Moment)>,
    filing: Filing,
) -> Result<Filed> {
    let Filing { source, registry, repository, bounds, actions, now } = filing;
    let mut filed = Filed::default();
    for (tag, digest, at) in pairs {
        let key = scan_key(&source, &registry, &repository, &digest);
        let scan = key.clone();
        let known = sqlx::query("SELECT 1 FROM job WHERE key = ?").bind(&key);
        // one that is dead stays so, until somebody raises it: nothing tells that it would do better now
        if known.fetch_optional(&mut *connection).await.map_err(cannot)?.is_none() {
            let job = NewJob {
                key,
                kind: Kind::Scan,
                source: source.clone(),
                registry: registry.clone(),
                repository: repository.clone(),
                tag: Some(tag.clone()),
                digest: Some(digest.clone()),
                priority: Priority::Normal,
            };
            match enqueue(connection, &job, bounds, now).await? {
                Entered::New(_) => filed.new += 1,
                Entered::Known(_) => {}
                Entered::Full => return Ok(filed),
            }
        }
        let sight = Sight {
            source: &source,
            registry: &registry,
            repository: &repository,
            digest: &digest,
            tag: Some(&tag),
            at,
            word: Word::Asked,
        };
        match images::note(connection, &sight, now).await?.tag {
            Tag::Moved { from } => {
                filed.moved += 1;
                filed.told += plan_move(connection, &actions, &sight, from, now).await?;
            }
            // something came while it was asked: it is asked again
            Tag::Doubted { .. } => {
                let question = Question {
                    source: &source,
                    registry: &registry,
                    repository: &repository,
                    tag: &tag,
                    asker: "sweep",
                    is_doubted: true,
                };
                if question::put_in(connection, &question, bounds, now).await?.is_none() {
                    return Ok(filed);
                }
                filed.asked += 1;
            }
            Tag::Stands => {}
        }
        forget_none(connection, &scan).await?;
        filed.done += 1;
    }
    Ok(filed)
}

/// Forgets tags that the registry no longer lists, or lists without having them, and does not have when it is asked for each: one
/// odd list shall not take away what is there. Those that came while it was asked are left.
async fn forget(
    server: &Arc<Server>,
    (source, registry): (&str, &str),
    repository: &str,
    place: &Arc<Repository>,
    there: BTreeSet<&String>,
    began: Moment,
) -> Result<u64> {
    let known = sqlx::query(
        "SELECT name FROM tag WHERE registry = ? AND repository = ? AND source = ? AND heard < ? \
         AND name NOT IN (SELECT value FROM json_each(?)) ORDER BY name",
    );
    let names = serde_json::to_string(&there).map_err(|_| Error::new(ErrorKind::Internal, "tags make no text"))?;
    let known = known.bind(registry).bind(repository).bind(source).bind(began.0).bind(names);
    let known = known.fetch_all(server.store.readers()).await.map_err(cannot)?;
    let mut gone = Vec::new();
    let mut is_whole = true;
    for row in known {
        if server.is_ending() {
            return Ok(0);
        }
        let name: String = row.try_get(0).map_err(cannot)?;
        let (place, asked) = (Arc::clone(place), name.clone());
        match patiently(server, registry, move || place.digest(&asked)).await {
            Err(error) if is_missing(&error) => gone.push(name),
            Ok(_) => {
                is_whole = false;
                tracing::warn!(repository, tag = name, "a tag is there that the registry does not list");
            }
            Err(error) => {
                is_whole = false;
                tracing::warn!(repository, tag = name, error = %error, "a tag could not be looked up");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    let (source, registry, repository) = (source.to_owned(), registry.to_owned(), repository.to_owned());
    let now = server.clock.now();
    let forgotten = server.store.write(move |connection| {
        Box::pin(async move {
            let forgotten = images::lose(connection, &source, &registry, &repository, &gone, began, now).await?;
            if is_whole {
                images::sweep(connection, &source, &registry, &repository, began).await?;
            }
            Ok(forgotten)
        })
    });
    forgotten.await
}

async fn read_place(server: &Server, name: &str) -> Result<Place> {
    let text = setting::get(server.store.readers(), name).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

async fn write_place(server: &Server, name: &str, place: &Place) -> Result<()> {
    let text = serde_json::to_string(place).map_err(|_| Error::new(ErrorKind::Internal, "a place makes no text"))?;
    let name = name.to_owned();
    server.store.write(move |connection| Box::pin(setting::set(connection, name, text))).await
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot keep what a sweep found", error)
}

#[cfg(test)]
mod tests;

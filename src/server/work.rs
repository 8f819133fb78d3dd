//! Does what waits: leases jobs, has each scanned by a process of its own, and stores what came of it.
//!
//! A job ends as done with its report in one step, is put back for a reason that may pass, or is dead with a reason that
//! somebody can read. A server that is ended, in whatever way, leaves jobs leased, and its next start puts them back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Again, Error, ErrorKind, Result};
use crate::source::registry::tags::{digest_of, is_missing};
use crate::source::{Access, Sensitive};
use crate::time::Timestamp;

use super::config::{Config, PolicyChoice, Registry};
use super::failpoint::Point;
use super::images;
use super::metrics::JOBS;
use super::pause::{LONGEST_PAUSE, PAUSED};
use super::question;
use super::queue::{Kind, Lane, Leased, NewJob, Queue as _, backoff};
use super::random;
use super::rematch;
use super::result::{self, Finished};
use super::state::Server;
use super::worker::process::{Ended, Workers};
use super::worker::summary::ImageSummary;
use super::worker::task::{self, Task};

/// Questions to registries at once.
pub const QUICK_SLOTS: usize = 4;

/// How long a lease lasts; it is held on to while a scan runs.
const LEASE: Duration = Duration::from_mins(1);

/// How often a waiting slot looks by itself, for jobs whose time to be tried again has come.
const LOOK: Duration = Duration::from_secs(1);

/// How long scans may go on once the server ends; then they are put back.
const LONGEST_END: Duration = Duration::from_secs(25);

/// Tries of one request to a registry.
pub(super) const TRIES: u32 = 2;

/// Tries for what is not there: a registry may be behind its own webhooks.
const TRIES_FOR_MISSING: u32 = 3;

/// What stands before the reason of a job for which the registry had nothing.
const MISSING: &str = "not there yet";

/// Tries for layers that do not come whole; then what came is told, and what did not.
const TRIES_FOR_WHOLE: u32 = 8;

/// The folder of layers that are kept, in that of the store.
pub(super) const CACHE: &str = "layers";

/// What stands before the reason of a job whose worker broke: such a job gets one more try.
const BROKE: &str = "the worker broke";

/// Runs one slot: a job at a time, until the server ends.
pub async fn run(server: Arc<Server>, workers: Workers, lane: Lane) {
    while !server.is_ending() {
        let woken = server.work.notified();
        let now = server.clock.now();
        match server.queue.lease(lane, 1, LEASE, now).await {
            Ok(leased) if !leased.is_empty() => {
                for leased in leased {
                    let done = async {
                        Point::Lease.reach().await?;
                        finish(&server, &workers, &leased).await
                    };
                    if let Err(error) = done.await {
                        // it is leased still, and expires
                        tracing::error!(job = leased.id.0, error = %error, "a job could not be ended");
                    }
                }
            }
            Ok(_) => {
                tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = server.until_end() => {}
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "no job could be taken");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Gives back leases that nobody holds on to.
pub async fn expire(server: Arc<Server>) {
    loop {
        tokio::select! {
            () = server.until_end() => return,
            () = tokio::time::sleep(LEASE) => {}
        }
        match server.queue.expire(server.clock.now()).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::warn!(count, "jobs were put back, since nobody held on to them");
                server.work.notify_waiters();
            }
            Err(error) => tracing::error!(error = %error, "leases could not be looked at"),
        }
    }
}

/// What became of a job.
#[derive(Debug)]
enum Became {
    Done(Box<Finished>),
    Later(Duration, String),
    /// Nobody tried it.
    PutOff(Duration, &'static str),
    Dead(String),
}

async fn finish(server: &Arc<Server>, workers: &Workers, leased: &Leased) -> Result<()> {
    let held = hold(server, leased);
    let ended = async {
        server.until_end().await;
        tokio::time::sleep(LONGEST_END).await;
    };
    let began = Instant::now();
    let became = tokio::select! {
        became = do_job(server, workers, leased) => became,
        () = held => return Ok(()), // another one has it
        () = ended => Became::PutOff(Duration::ZERO, "the server ended"),
    };
    if let Err(error) = server.queue.charge(leased, began.elapsed()).await {
        tracing::warn!(job = leased.id.0, error = %error, "the time of a job could not be counted");
    }
    let now = server.clock.now();
    let (word, kept) = match became {
        Became::Done(finished) => ("done", result::store(server, leased, *finished).await?),
        Became::Later(after, reason) => {
            tracing::warn!(job = leased.id.0, attempts = leased.attempts, reason, "a job is tried again");
            ("later", server.queue.retry(leased, after, &reason, now).await?)
        }
        Became::PutOff(after, why) => ("put off", server.queue.put_off(leased, after, why, now).await?),
        Became::Dead(reason) => {
            tracing::error!(job = leased.id.0, attempts = leased.attempts, reason, "a job is dead");
            ("dead", server.queue.bury(leased, &reason, now).await?)
        }
    };
    server.metrics.count(JOBS, &[("kind", leased.job.kind.as_str()), ("outcome", word)]);
    if !kept {
        tracing::warn!(job = leased.id.0, "a job had been given to another one; what came of it is dropped");
    }
    Ok(())
}

/// Holds on to a lease; ends when it was lost.
async fn hold(server: &Server, leased: &Leased) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        match server.queue.heartbeat(leased, LEASE, server.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::error!(job = leased.id.0, error = %error, "a lease could not be held"),
        }
    }
}

async fn do_job(server: &Arc<Server>, workers: &Workers, leased: &Leased) -> Became {
    if result::is_gone(server, &leased.job).await.unwrap_or(false) {
        return Became::Done(Box::new(Finished::Gone));
    }
    match leased.job.kind {
        Kind::Scan => newly(server, workers, leased).await,
        Kind::Pin => pin(server, leased).await,
        Kind::Rematch => rematch(server, workers, leased).await,
    }
}

/// Asks which image a tag is, and puts in its scan.
async fn pin(server: &Arc<Server>, leased: &Leased) -> Became {
    let job = &leased.job;
    let Some(registry) = server.config.registry(&job.registry) else {
        return Became::Dead("its registry is no longer configured".to_owned());
    };
    let reference = format!("{}/{}:{}", registry.host, job.repository, job.asked_tag());
    let access = async {
        let mut access = task_registry(registry)?;
        super::harbor::lend(server, leased, &mut access).await?;
        Ok(access_with(access))
    };
    let access = match access.await {
        // what fails now is asked for later, while another one is asked
        Ok(access) => Access { tries: Some(TRIES), ..access },
        Err::<_, Error>(error) => return again(leased, server, error.to_string(), None),
    };
    let at = server.clock.now();
    if let Some(later) = paused(server, job) {
        return later;
    }
    let is_doubted = question::is_doubted(job);
    let asked = tokio::task::spawn_blocking(move || digest_of(&reference, &access));
    let digest = match asked.await {
        Ok(Ok(digest)) => digest,
        Ok(Err(error)) if is_missing(&error) && was_missing(leased) => {
            // of a tag that nobody ever saw, somebody should see that it was pushed
            return if is_doubted || is_known(server, job).await {
                Became::Done(Box::new(Finished::Lost(at)))
            } else {
                Became::Dead(error.to_string())
            };
        }
        Ok(Err(error)) if is_missing(&error) => return again(leased, server, format!("{MISSING}: {error}"), None),
        Ok(Err(error)) if error.kind == ErrorKind::Auth && super::harbor::is_of_lent_login(server, leased) => {
            return Became::Done(Box::new(Finished::Left(error.to_string())));
        }
        Ok(Err(error)) => {
            let after = error.again.and_then(Again::wait);
            return again(leased, server, error.to_string(), after);
        }
        Err(_) => return Became::Dead("careen stopped at a defect of its own".to_owned()),
    };
    Became::Done(Box::new(Finished::Pinned(digest, at)))
}

/// Whether the tag of a question is noted.
async fn is_known(server: &Server, job: &NewJob) -> bool {
    let (Some(tag), Ok(mut reader)) = (&job.tag, server.store.readers().acquire().await) else { return false };
    images::has_tag(&mut reader, &job.source, &job.registry, &job.repository, tag).await.unwrap_or(false)
}

/// Judges once more what was scanned with older data: by its stored report where that is enough, which asks no registry;
/// else it is scanned again, and layers that are kept are not fetched.
async fn rematch(server: &Arc<Server>, workers: &Workers, leased: &Leased) -> Became {
    let version = match rematch::data_version(&server.config).await {
        Ok(version) => version,
        Err(error) => return again(leased, server, error.to_string(), None),
    };
    let stored = match rematch::newest(server, leased).await {
        Ok(Some(newest)) if newest.is_of(&version) => return Became::Done(Box::new(Finished::Unneeded)),
        Ok(Some(newest)) => newest.stored(server, &version).await,
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    match stored {
        Ok(Some(stored)) => match judge(server, workers, leased, stored, &version).await {
            Some(became) => became,
            None => scan(server, workers, leased, version).await,
        },
        Ok(None) => scan(server, workers, leased, version).await,
        Err(error) => again(leased, server, error.to_string(), None),
    }
}

/// Has a stored report judged again; nothing where that is not enough.
async fn judge(
    server: &Arc<Server>,
    workers: &Workers,
    leased: &Leased,
    stored: task::Stored,
    version: &str,
) -> Option<Became> {
    let registry = server.config.registry(&leased.job.registry)?;
    let mut task = task_of(&server.config, registry, leased, false).ok()?;
    task.registry = task::Registry::default();
    task.cache = None;
    task.stored = Some(stored);
    task.now = server.clock.now().timestamp();
    match workers.run(&task).await {
        Ended::Done(outcome) => {
            let (task, data_version) = (Box::new(task), version.to_owned());
            Some(Became::Done(Box::new(Finished::Scanned { task, outcome, data_version })))
        }
        ended => {
            let why = match ended {
                Ended::Refused(failure) => failure.message,
                ended => format!("{ended:?}"),
            };
            tracing::info!(job = leased.id.0, why, "an image is scanned again, since its report does not do");
            None
        }
    }
}

/// Scans an image for the first time, or because somebody asks for it.
async fn newly(server: &Arc<Server>, workers: &Workers, leased: &Leased) -> Became {
    match rematch::data_version(&server.config).await {
        Ok(version) => scan(server, workers, leased, version).await,
        Err(error) => again(leased, server, error.to_string(), None),
    }
}

/// Scans; `data_version` was read before, so that data which are exchanged meanwhile are newer than the scan.
async fn scan(server: &Arc<Server>, workers: &Workers, leased: &Leased, data_version: String) -> Became {
    let job = &leased.job;
    let (Some(registry), Some(digest)) = (server.config.registry(&job.registry), &job.digest) else {
        return Became::Dead("its registry is no longer configured".to_owned());
    };
    if let Some(later) = paused(server, job) {
        return later;
    }
    let is_second = leased.reason.as_deref().is_some_and(|reason| reason.starts_with(BROKE));
    let now = server.clock.now();
    let task = match task_of(&server.config, registry, leased, is_second) {
        Ok(mut task) => {
            task.reference = format!("{}/{}@{digest}", registry.host, job.repository);
            task.now = now.timestamp();
            if let Err(error) = super::harbor::lend(server, leased, &mut task.registry).await {
                return again(leased, server, error.to_string(), None);
            }
            task
        }
        Err(error) => return again(leased, server, error.to_string(), None),
    };
    let start = Instant::now();
    let ended = workers.run(&task).await;
    server.metrics.scanned(start.elapsed());
    trim(server, now.timestamp());
    let broke = |what: String| {
        if is_second {
            Became::Dead(what)
        } else {
            Became::Later(backoff(1, random::number()), format!("{BROKE}: {what}"))
        }
    };
    match ended {
        Ended::Done(outcome) => {
            let is_short = outcome.summary.images.iter().any(ImageSummary::is_worth_another_try);
            if is_short && leased.attempts < server.config.workers.attempts.min(TRIES_FOR_WHOLE) {
                return again(leased, server, "layers did not come whole".to_owned(), None);
            }
            Became::Done(Box::new(Finished::Scanned { task: Box::new(task), outcome, data_version }))
        }
        Ended::Refused(failure) if failure.is_transient => {
            again(leased, server, failure.message.clone(), failure.retry_after())
        }
        Ended::Refused(failure) if failure.kind() == ErrorKind::NotFound && !was_missing(leased) => {
            again(leased, server, format!("{MISSING}: {}", failure.message), None)
        }
        Ended::Refused(failure) if failure.kind() == ErrorKind::NoImage => {
            Became::Done(Box::new(Finished::NoImage(failure.message)))
        }
        Ended::Refused(failure)
            if failure.kind() == ErrorKind::Auth && super::harbor::is_of_lent_login(server, leased) =>
        {
            Became::Done(Box::new(Finished::Left(failure.message)))
        }
        Ended::Refused(failure) => Became::Dead(failure.message),
        Ended::Crashed(crash) => {
            tracing::error!(job = leased.id.0, stderr = crash.stderr, "a worker broke");
            broke(crash.to_string())
        }
        Ended::TimedOut => broke("it took longer than it may".to_owned()),
        Ended::OutOfMemory => broke("it needed more memory than it may use".to_owned()),
    }
}

/// Makes room in the folder of layers, beside what goes on.
fn trim(server: &Server, now: Timestamp) {
    let (folder, most) = (server.config.data.join(CACHE), server.config.workers.cache);
    if most.bytes() > 0 {
        tokio::task::spawn_blocking(move || {
            if let Err(error) = crate::source::cache::trim(&folder, most, now) {
                tracing::warn!(error = %error, "layers that are kept could not be trimmed");
            }
        });
    }
}

/// Whether it was tried often enough for what is not there, and was not there the last time either: other failures say nothing
/// of that.
fn was_missing(leased: &Leased) -> bool {
    leased.attempts >= TRIES_FOR_MISSING && leased.reason.as_deref().is_some_and(|reason| reason.starts_with(MISSING))
}

/// Later, where the registry of a job wants to be left alone.
fn paused(server: &Server, job: &NewJob) -> Option<Became> {
    let wait = server.pauses.left(&job.registry, std::time::Instant::now())?;
    Some(Became::PutOff(wait, PAUSED))
}

/// Later, unless it was tried often enough. `after` is what the registry asks for, of whatever is asked of it.
fn again(leased: &Leased, server: &Server, reason: String, after: Option<Duration>) -> Became {
    if let Some(after) = after {
        server.pauses.ask(&leased.job.registry, after, std::time::Instant::now());
    }
    if leased.attempts >= server.config.workers.attempts {
        return Became::Dead(reason);
    }
    let wait = backoff(leased.attempts, random::number());
    let asked = after.unwrap_or_default().min(LONGEST_PAUSE);
    Became::Later(wait.max(asked), reason)
}

/// What a worker is told of how to scan, without what.
fn task_of(config: &Config, registry: &Registry, leased: &Leased, is_second: bool) -> Result<Task> {
    let workers = &config.workers;
    let mut task = Task::new(String::new(), Timestamp::from_unix(0));
    task.platform = Some(workers.platform.clone());
    task.registry = task_registry(registry)?;
    if let Some(choice) = policy_for(&config.policies, &leased.job.source, &leased.job.repository) {
        task.policies.clone_from(&choice.policy);
        task.waivers.clone_from(&choice.waivers);
    }
    task.advisories.clone_from(&config.advisories);
    task.limits.clone_from(&workers.limits);
    task.jobs = if is_second { (workers.jobs / 2).max(1) } else { workers.jobs };
    task.caps.memory = workers.memory.bytes();
    // what a registry does not give now is asked for later, while another image is scanned
    task.registry.tries = Some(TRIES);
    task.registry.ports.clone_from(&workers.ports);
    if workers.cache.bytes() > 0 {
        let folder = config.data.join(CACHE);
        task.cache = Some(task::Cache { folder, largest: workers.cache.bytes() / 4 });
    }
    task.formats = crate::output::FORMATS.iter().map(|format| format.id().to_owned()).collect();
    Ok(task)
}

/// What judges images of a source and repository: the first choice that fits.
pub fn policy_for<'a>(choices: &'a [PolicyChoice], source: &str, repository: &str) -> Option<&'a PolicyChoice> {
    choices.iter().find(|choice| choice.source.0.is_match(source) && choice.repository.0.is_match(repository))
}

/// How a registry is asked, with its secrets as they are now.
pub fn task_registry(registry: &Registry) -> Result<task::Registry> {
    let secret = |place: &Option<super::config::SecretPlace>| -> Result<Option<Sensitive>> {
        place.as_ref().map(super::config::SecretPlace::read_one).transpose()
    };
    Ok(task::Registry {
        username: registry.username.clone(),
        password: secret(&registry.password)?,
        token: secret(&registry.token)?,
        insecure: registry.insecure,
        ca_certificate: registry.ca_certificate.clone(),
        trusted_realms: [(registry.host.clone(), registry.trusted_realms.clone())].into(),
        ..task::Registry::default()
    })
}

/// The same for what the server itself asks.
pub fn access_of(registry: &Registry) -> Result<Access> {
    task_registry(registry).map(access_with)
}

fn access_with(registry: task::Registry) -> Access {
    Task { registry, ..Task::new(String::new(), Timestamp::from_unix(0)) }.access()
}

/// The key of a scan of what a pin led to; one that is to be done again has another.
pub(super) fn key_of(leased: &Leased, digest: &crate::digest::Digest) -> String {
    let job = &leased.job;
    let key = images::scan_key(&job.source, &job.registry, &job.repository, digest);
    match leased.job.key.rsplit_once(" again ") {
        Some((_, id)) => format!("{key} again {id}"),
        None => key,
    }
}

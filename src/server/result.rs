//! Stores what came of a job, in the same step that ends it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Row as _, SqliteConnection};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{DEFAULT_PRESET, Outcome};

use super::clock::Moment;
use super::deliver::Actions;
use super::deliver::plan::{plan, plan_move};
use super::failpoint::Point;
use super::harbor::is_lent;
use super::images::{self, Sight, Tag, Word, has_tag, lose, note, see};
use super::question::{self, Question};
use super::queue::sqlite::{ack, enqueue};
use super::queue::{Bounds, Entered, JobId, Kind, Leased, NewJob, Priority, Queue as _};
use super::random;
use super::rematch::{drop_if_same, put_in_if_older};
use super::state::Server;
use super::store::document::Packed;
use super::store::of_sql;
use super::worker::process;
use super::worker::summary::{ImageSummary, Row as FindingRow};
use super::worker::task::Task;

/// How the reason of a job begins that is done because there was no image to be scanned.
pub(super) const NO_IMAGE: &str = "not an image";

/// What came of a job that is done.
#[derive(Debug)]
pub enum Finished {
    /// A tag is this image, as of when it was asked for.
    Pinned(Digest, Moment),
    /// There is no such tag, as of then.
    Lost(Moment),
    /// A scan.
    Scanned {
        /// How it was done.
        task: Box<Task>,
        /// What it told.
        outcome: process::Outcome,
        /// Of which state the data were when it began.
        data_version: String,
    },
    /// It is something else than an image, in these words.
    NoImage(String),
    /// It stays as it was before, in these words.
    Left(String),
    /// It was deleted before it was looked at.
    Gone,
    /// Nothing was to be done.
    Unneeded,
}

/// Stores it; false if the job is another one's by now, and then nothing was stored.
pub async fn store(server: &Arc<Server>, leased: &Leased, finished: Finished) -> Result<bool> {
    let now = server.clock.now();
    let leased = leased.clone();
    match finished {
        Finished::Pinned(digest, at) => {
            let bounds = server.queue.bounds();
            let actions = Arc::clone(&server.actions);
            let kept = server
                .store
                .write(move |connection| {
                    Box::pin(async move { pinned(connection, &leased, (&digest, at), &actions, bounds, now).await })
                })
                .await;
            server.work.notify_waiters();
            server.deliveries.notify_waiters();
            kept
        }
        Finished::Lost(at) => {
            let bounds = server.queue.bounds();
            let kept = server
                .store
                .write(move |connection| Box::pin(async move { lost(connection, leased, at, bounds, now).await }))
                .await;
            server.work.notify_waiters();
            kept
        }
        Finished::Gone => {
            let job = leased.clone();
            match server.store.write(move |connection| Box::pin(gone(connection, job, now))).await? {
                Ended::Done => {
                    tracing::info!(job = leased.id.0, "an image was deleted before it was scanned");
                    Ok(true)
                }
                Ended::Lost => Ok(false),
                Ended::IsThere => {
                    let kept = server.queue.put_off(&leased, Duration::ZERO, "its image was pushed again", now).await;
                    server.work.notify_waiters();
                    kept
                }
            }
        }
        Finished::Unneeded => server.queue.ack(&leased, now).await,
        Finished::NoImage(what) => {
            tracing::info!(job = leased.id.0, what, "there is no image to be scanned");
            let reason = format!("{NO_IMAGE}: {what}");
            let kept = server.store.write(move |connection| {
                Box::pin(async move {
                    let job = leased.job.clone();
                    let is_own = done_because(connection, leased, reason, now).await?;
                    if is_own {
                        forget_none(connection, &job.key).await?;
                    }
                    Ok(is_own)
                })
            });
            kept.await
        }
        Finished::Left(why) => {
            let what = match leased.job.kind {
                Kind::Pin => "the tag is left as it was known before",
                Kind::Scan | Kind::Rematch => "left as it was judged before",
            };
            tracing::info!(job = leased.id.0, why, what, "a registry takes no login of careen's");
            let reason = format!("{what}: {why}");
            server.store.write(move |connection| Box::pin(done_because(connection, leased, reason, now))).await
        }
        Finished::Scanned { task, outcome, data_version } => {
            let report = Report::of(&task, outcome, data_version)?;
            let (id, outcome) = (report.id.clone(), report.outcome.as_str());
            let job = &leased.job;
            let digest = job.digest.as_ref().map(ToString::to_string).unwrap_or_default();
            let (source, image) = (job.source.clone(), format!("{}/{}@{digest}", job.registry, job.repository));
            let actions = Arc::clone(&server.actions);
            let kept = server
                .store
                .write(move |connection| {
                    Box::pin(async move { scanned(connection, &leased, report, &actions, now).await })
                })
                .await?;
            if kept == Kept::Nothing {
                tracing::info!(source, image, "an image was deleted while it was scanned");
            } else if kept == Kept::Report {
                tracing::info!(report = id, source, image, outcome, "a report is there");
                server.deliveries.notify_waiters();
            }
            Ok(kept != Kept::Lost)
        }
    }
}

/// Notes that the registry has no such tag.
async fn lost(
    connection: &mut SqliteConnection,
    leased: Leased,
    at: Moment,
    bounds: Bounds,
    now: Moment,
) -> Result<bool> {
    let (job, id) = (leased.job.clone(), leased.id);
    if !done_because(connection, leased, "the registry has no such tag".to_owned(), now).await? {
        return Ok(false);
    }
    let image = images::image_of_tag(connection, &job).await?;
    let Some(tag) = &job.tag else { return Ok(true) };
    let tags = std::slice::from_ref(tag);
    lose(connection, &job.source, &job.registry, &job.repository, tags, at, now).await?;
    // something came while it was asked: it is asked again
    if has_tag(connection, &job.source, &job.registry, &job.repository, tag).await? {
        ask_again(connection, &job, id, bounds, now).await?;
    }
    ask_next(connection, &job, (id, image), bounds, now).await?;
    Ok(true)
}

/// Asks for the next tag of an image that may have gone, after an answer about one of its tags.
async fn ask_next(
    connection: &mut SqliteConnection,
    job: &NewJob,
    (id, image): (JobId, Option<i64>),
    bounds: Bounds,
    now: Moment,
) -> Result<()> {
    let Some(image) = image else { return Ok(()) };
    match images::next_in_doubt(connection, image).await? {
        Some(tag) => ask_again(connection, &NewJob { tag: Some(tag), ..job.clone() }, id, bounds, now).await,
        None => Ok(()),
    }
}

/// Asks for a tag once more, since the answer is older than what is known by now. It waited already, and is not lost to others
/// that came since: `bounds` are twice as wide for it.
async fn ask_again(
    connection: &mut SqliteConnection,
    job: &NewJob,
    id: JobId,
    bounds: Bounds,
    now: Moment,
) -> Result<()> {
    let asker = format!("job-{id}");
    let entered = question::put_in(connection, &Question::of_doubt(job, &asker), wider(bounds), now).await?;
    entered.ok_or_else(|| Error::limit("the queue is full"))?;
    Ok(())
}

fn wider(bounds: Bounds) -> Bounds {
    Bounds { all: bounds.all.saturating_mul(2), source: bounds.source.saturating_mul(2) }
}

/// What was stored of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Report,
    /// Its image is gone: the job is done, and that is all.
    Nothing,
    /// Nor that: the job is another one's by now.
    Lost,
}

async fn pinned(
    connection: &mut SqliteConnection,
    leased: &Leased,
    (digest, at): (&Digest, Moment),
    actions: &Actions,
    bounds: Bounds,
    now: Moment,
) -> Result<bool> {
    // what Harbor lent goes with the question
    let is_lent = is_lent(connection, leased.id).await?;
    if !ack(connection, leased.id, leased.lease, now).await? {
        return Ok(false);
    }
    let job = &leased.job;
    let sight = Sight {
        source: &job.source,
        registry: &job.registry,
        repository: &job.repository,
        digest,
        tag: job.tag.as_deref(),
        at,
        word: Word::Asked,
    };
    let image = images::image_of_tag(connection, job).await?;
    match note(connection, &sight, now).await?.tag {
        Tag::Moved { from } => {
            plan_move(connection, actions, &sight, from, now).await?;
        }
        // something came while it was asked
        Tag::Doubted { .. } => ask_again(connection, job, leased.id, bounds, now).await?,
        Tag::Stands => {}
    }
    ask_next(connection, job, (leased.id, image), bounds, now).await?;
    // Harbor has it scanned, and lends what that takes
    if is_lent {
        return Ok(true);
    }
    let next = NewJob {
        key: super::work::key_of(leased, digest),
        kind: Kind::Scan,
        digest: Some(digest.clone()),
        priority: Priority::High,
        ..job.clone()
    };
    match enqueue(connection, &next, wider(bounds), now).await? {
        Entered::New(_) => Ok(true),
        Entered::Known(_) => {
            forget_none(connection, &next.key).await?;
            Ok(true)
        }
        Entered::Full => Err(Error::limit("the queue is full")),
    }
}

/// Ends a job that makes no report, with a word of why.
async fn done_because(connection: &mut SqliteConnection, leased: Leased, reason: String, now: Moment) -> Result<bool> {
    if !ack(connection, leased.id, leased.lease, now).await? {
        return Ok(false);
    }
    let told = sqlx::query("UPDATE job SET reason = ? WHERE id = ?").bind(reason).bind(leased.id.0);
    told.execute(connection).await.map_err(cannot)?;
    Ok(true)
}

/// The reason of a job whose image its sender says is gone.
const GONE: &str = "the image was deleted";

/// The number of an image, and whether it was deleted.
async fn known(connection: &mut SqliteConnection, job: &NewJob, digest: &Digest) -> Result<Option<(i64, bool)>> {
    let known = sqlx::query(
        "SELECT id, deleted IS NOT NULL FROM image WHERE registry = ? AND repository = ? AND digest = ? AND source = ?",
    );
    let known = known.bind(&job.registry).bind(&job.repository).bind(digest.to_string()).bind(&job.source);
    let Some(row) = known.fetch_optional(connection).await.map_err(cannot)? else { return Ok(None) };
    Ok(Some((row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?)))
}

/// Whether the image of a job was deleted, and need not be looked at.
pub(super) async fn is_gone(server: &Server, job: &NewJob) -> Result<bool> {
    let Some(digest) = &job.digest else { return Ok(false) };
    let mut reader = server.store.readers().acquire().await.map_err(cannot)?;
    Ok(known(&mut reader, job, digest).await?.is_some_and(|(_, is_deleted)| is_deleted))
}

/// How a job ended whose image was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    /// It did not: its image is there.
    IsThere,
    /// It is another one's by now.
    Lost,
}

/// Ends a job whose image is gone. One that was pushed meanwhile is there again, and this is its job: it goes on.
async fn gone(connection: &mut SqliteConnection, leased: Leased, now: Moment) -> Result<Ended> {
    let is_there = match &leased.job.digest {
        Some(digest) => known(connection, &leased.job, digest).await?.is_some_and(|(_, is_deleted)| !is_deleted),
        None => false,
    };
    if is_there {
        return Ok(Ended::IsThere);
    }
    if !ack(connection, leased.id, leased.lease, now).await? {
        return Ok(Ended::Lost);
    }
    forget_scan(connection, leased.id).await?;
    Ok(Ended::Done)
}

/// Notes of a job that is done that it made no report since its image is gone: pushed again, that is scanned again.
async fn forget_scan(connection: &mut SqliteConnection, job: JobId) -> Result<()> {
    let told =
        sqlx::query("UPDATE job SET reason = ?, key = key || ' gone ' || id WHERE id = ?").bind(GONE).bind(job.0);
    told.execute(connection).await.map_err(cannot)?;
    Ok(())
}

/// Takes what a scan of this key is about from the images, among which its event put it, where that found that it is none. The
/// job is known as before: the same digest is no image the next time either.
pub(super) async fn forget_none(connection: &mut SqliteConnection, key: &str) -> Result<()> {
    let none = sqlx::query(
        "SELECT j.id, i.id FROM job j JOIN image i ON i.registry = j.registry AND i.repository = j.repository \
         AND i.digest = j.digest AND i.source = j.source WHERE j.key = ?1 AND j.state = 'done' \
         AND substr(j.reason, 1, length(?2)) = ?2 AND NOT EXISTS (SELECT 1 FROM report r WHERE r.image = i.id)",
    );
    let none = none.bind(key).bind(NO_IMAGE).fetch_optional(&mut *connection).await.map_err(cannot)?;
    let Some(row) = none else { return Ok(()) };
    let (job, image): (i64, i64) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    sqlx::query("DELETE FROM image WHERE id = ?").bind(image).execute(&mut *connection).await.map_err(cannot)?;
    sqlx::query("UPDATE job SET key = ? WHERE id = ?").bind(key).bind(job).execute(connection).await.map_err(cannot)?;
    Ok(())
}

/// A report as it is stored.
struct Report {
    id: String,
    outcome: Outcome,
    has_gaps: bool,
    policy: String,
    data_version: String,
    summary: String,
    documents: Vec<(String, Packed)>,
    images: Vec<ImageSummary>,
}

impl Report {
    fn of(task: &Task, outcome: process::Outcome, data_version: String) -> Result<Self> {
        let process::Outcome { summary, reports } = outcome;
        let worst = |a: Outcome, b: Outcome| match (a, b) {
            (Outcome::Failed, _) | (_, Outcome::Failed) => Outcome::Failed,
            (Outcome::Incomplete, _) | (_, Outcome::Incomplete) => Outcome::Incomplete,
            _ => Outcome::Passed,
        };
        let told = serde_json::to_string(&summary)
            .map_err(|e| Error::new(ErrorKind::Internal, "cannot write the summary").because(e))?;
        Ok(Self {
            id: random::id()?,
            outcome: summary.images.iter().map(|image| image.outcome).fold(Outcome::Passed, worst),
            has_gaps: summary.images.iter().any(|image| image.has_gaps),
            policy: if task.policies.is_empty() { DEFAULT_PRESET.to_owned() } else { task.policies.join(" ") },
            data_version,
            summary: told,
            documents: reports,
            images: summary.images,
        })
    }
}

async fn scanned(
    connection: &mut SqliteConnection,
    leased: &Leased,
    report: Report,
    actions: &Actions,
    now: Moment,
) -> Result<Kept> {
    let job = &leased.job;
    let Some(digest) = &job.digest else {
        return Err(Error::new(ErrorKind::Internal, "a scan of no image"));
    };
    if !ack(connection, leased.id, leased.lease, now).await? {
        return Ok(Kept::Lost);
    }
    Point::Report.reach().await?;
    let image = match known(connection, job, digest).await? {
        Some((_, true)) => {
            forget_scan(connection, leased.id).await?;
            return Ok(Kept::Nothing);
        }
        Some((image, false)) => image,
        None => see(connection, &job.source, &job.registry, &job.repository, digest, None, now).await?,
    };
    sqlx::query(
        "INSERT INTO report (id, image, job, source, made, outcome, has_gaps, policy, data_version, summary) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&report.id)
    .bind(image)
    .bind(leased.id.0)
    .bind(&job.source)
    .bind(now.0)
    .bind(report.outcome.as_str())
    .bind(report.has_gaps)
    .bind(&report.policy)
    .bind(&report.data_version)
    .bind(&report.summary)
    .execute(&mut *connection)
    .await
    .map_err(cannot)?;
    for (format, Packed { size, body }) in &report.documents {
        let document = sqlx::query("INSERT INTO document (report, format, size, body) VALUES (?, ?, ?, ?)");
        let size = i64::try_from(*size).unwrap_or(i64::MAX);
        let document = document.bind(&report.id).bind(format).bind(size).bind(body.as_slice());
        document.execute(&mut *connection).await.map_err(cannot)?;
    }
    for image in &report.images {
        for row in &image.findings {
            finding(connection, &report.id, image, row).await?;
        }
    }
    // judged again, with the same result
    let is_same = job.kind == Kind::Rematch && drop_if_same(connection, &report.id).await?;
    // what judges may have been exchanged while it ran
    put_in_if_older(connection, image, now).await?;
    if is_same {
        return Ok(Kept::Report);
    }
    plan(connection, actions, &report.id, now).await?;
    Point::Done.reach().await?;
    Ok(Kept::Report)
}

async fn finding(
    connection: &mut SqliteConnection,
    report: &str,
    image: &ImageSummary,
    row: &FindingRow,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO finding (report, platform, rule, severity, action, fingerprint, message, path, package, fixed) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(report)
    .bind(image.platform.as_deref().unwrap_or_default())
    .bind(&row.rule)
    .bind(row.severity as i64)
    .bind(if row.is_waived { "waived" } else { row.action.as_str() })
    .bind(&row.fingerprint)
    .bind(&row.message)
    .bind(&row.subject)
    .bind(&row.package)
    .bind(&row.fixed)
    .execute(connection)
    .await
    .map_err(cannot)?;
    Ok(())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot store a report", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::event::Place;
    use crate::server::images::delete;
    use crate::server::queue::Lane;
    use crate::server::testing::Bench;
    use crate::server::worker::summary::{Confinement, Summary};
    use crate::time::Timestamp;

    #[tokio::test]
    async fn a_scan_that_began_before_the_data_were_exchanged_is_judged_again() {
        let bench = Bench::new().await;
        bench.job("shop", "shop/api", None).await;
        let store = &bench.server.store;
        let wanted = store.write(|connection| {
            Box::pin(crate::server::store::setting::set(connection, "rematch".to_owned(), "newer".to_owned()))
        });
        wanted.await.expect("noted");
        let end = async |data_version: &str, kind: Kind| {
            let now = bench.server.clock.now();
            let leased = bench.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased");
            let leased = leased.into_iter().next().expect("one waits");
            assert_eq!(leased.job.kind, kind);
            let (job, tag) = (leased.job.clone(), "1.0");
            let seen = store.write(move |connection| {
                Box::pin(async move {
                    let digest = job.digest.as_ref().expect("a digest");
                    see(connection, &job.source, &job.registry, &job.repository, digest, Some(tag), now).await
                })
            });
            seen.await.expect("seen");
            let summary = Summary { confinement: Confinement::default(), policy: None, images: Vec::new() };
            let outcome = process::Outcome { summary, reports: Vec::new() };
            let task = Box::new(Task::new(String::new(), Timestamp::from_unix(0)));
            let finished = Finished::Scanned { task, outcome, data_version: data_version.to_owned() };
            assert!(super::store(&bench.server, &leased, finished).await.expect("stored"));
        };
        end("older", Kind::Scan).await;
        // such a one that is behind by itself is judged again too, and one that is not ends it
        end("older", Kind::Rematch).await;
        end("newer", Kind::Rematch).await;
        let waiting = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM job WHERE state <> 'done'");
        assert_eq!(waiting.fetch_one(store.readers()).await.expect("read"), 0);
    }

    #[tokio::test]
    async fn what_is_no_image_is_done_and_says_so() {
        let bench = Bench::new().await;
        let image = bench.image("shop", "shop/api", "1.0").await;
        let job = bench.job_of(image, None).await;
        bench.image("shop", "shop/web", "1.0").await;
        let now = bench.server.clock.now();
        let mut leased =
            bench.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
        leased.lease += 1;
        let finished = || Finished::NoImage("this is an artifact".to_owned());
        assert!(!store(&bench.server, &leased, finished()).await.expect("asked"), "another one has it");
        leased.lease -= 1;
        assert!(store(&bench.server, &leased, finished()).await.expect("stored"));
        let row = sqlx::query_as::<_, (String, String, String)>(
            "SELECT state, reason, (SELECT group_concat(repository) FROM image) FROM job WHERE id = ?",
        );
        let row = row.bind(job).fetch_one(bench.server.store.readers()).await.expect("a job");
        assert_eq!(row, ("done".to_owned(), "not an image: this is an artifact".to_owned(), "shop/web".to_owned()));
        // seen once more, as by a sweep, it is known to be none
        let (registry, repository) = (leased.job.registry.clone(), leased.job.repository.clone());
        let digest = leased.job.digest.clone().expect("a digest");
        let key = images::scan_key("shop", &registry, &repository, &digest);
        let scan = key.clone();
        let again = bench.server.store.write(move |connection| {
            Box::pin(async move {
                let named = sqlx::query("UPDATE job SET key = ? WHERE id = ?").bind(&key).bind(job);
                named.execute(&mut *connection).await.map_err(cannot)?;
                see(connection, "shop", &registry, &repository, &digest, Some("1.0"), now).await?;
                forget_none(connection, &key).await
            })
        });
        again.await.expect("seen");
        let row = "SELECT (SELECT group_concat(repository) FROM image), (SELECT group_concat(repository) FROM tag), key \
                   FROM job WHERE id = ?";
        let row = sqlx::query_as::<_, (String, String, String)>(row).bind(job);
        let row = row.fetch_one(bench.server.store.readers()).await.expect("a job");
        assert_eq!(row, ("shop/web".to_owned(), "shop/web".to_owned(), scan), "its job is known, so that none comes");
    }

    #[tokio::test]
    async fn an_image_that_is_deleted_while_it_is_scanned_stays_so() {
        let bench = Bench::new().await;
        let image = bench.image("shop", "shop/api", "1.0").await;
        let job = bench.job_of(image, None).await;
        let now = bench.server.clock.now();
        let leased =
            bench.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
        assert!(!is_gone(&bench.server, &leased.job).await.expect("asked"));
        let digest = leased.job.digest.clone();
        let gone = bench.server.store.write(move |connection| {
            Box::pin(async move {
                let place = Place { repository: "shop/api".to_owned(), tag: None, digest, claimed_host: None };
                delete(connection, "shop", "main", &place, (now.plus(Duration::from_secs(1)), true)).await
            })
        });
        gone.await.expect("deleted");
        assert!(is_gone(&bench.server, &leased.job).await.expect("asked"));
        let summary = Summary { confinement: Confinement::default(), policy: None, images: Vec::new() };
        let outcome = process::Outcome { summary, reports: Vec::new() };
        let task = Box::new(Task::new(String::new(), Timestamp::from_unix(0)));
        let finished = Finished::Scanned { task, outcome, data_version: String::new() };
        assert!(store(&bench.server, &leased, finished).await.expect("stored"));
        let texts = async |query: &'static str| {
            let rows = sqlx::query_scalar::<_, String>(query).fetch_all(bench.server.store.readers());
            rows.await.expect("read").join(" ")
        };
        assert_eq!(texts("SELECT state || ': ' || reason FROM job").await, "done: the image was deleted");
        assert_eq!(texts("SELECT id FROM report UNION ALL SELECT report FROM delivery").await, "");
        assert_eq!(texts("SELECT digest FROM image WHERE deleted IS NULL UNION ALL SELECT name FROM tag").await, "");
        let key = texts("SELECT key FROM job").await;
        assert!(key.ends_with(&format!(" gone {job}")), "pushed again it is scanned again: {key}");
    }
}

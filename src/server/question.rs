//! Questions to a registry, which image a tag is: for a push that names no digest, and wherever what senders and sweeps tell
//! does not settle which is newer. The registry knows.

use sqlx::{Row as _, SqliteConnection};

use crate::error::{Error, Result};

use super::clock::Moment;
use super::queue::sqlite::enqueue;
use super::queue::{Bounds, Entered, JobId, Kind, NewJob, Priority};
use super::store::of_sql;

/// Stands in the key of a job that asks since it is in doubt what a tag is: the registry may not have it any more.
const DOUBTED: &str = "doubted";

/// What is asked, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// On whose behalf.
    pub source: &'a str,
    /// The registry that is asked.
    pub registry: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// The tag.
    pub tag: &'a str,
    /// What asks: an event or a job, other than all others of its tag at the same time.
    pub asker: &'a str,
    /// Whether something else is known of the tag.
    pub is_doubted: bool,
}

impl<'a> Question<'a> {
    /// One of the tag of a job, of which something else is known.
    pub(super) fn of_doubt(job: &'a NewJob, asker: &'a str) -> Self {
        Self {
            source: &job.source,
            registry: &job.registry,
            repository: &job.repository,
            tag: job.asked_tag(),
            asker,
            is_doubted: true,
        }
    }
}

/// Puts in the question; one that waits does for all who ask it. Nothing where the queue is full.
pub(super) async fn put_in(
    connection: &mut SqliteConnection,
    question: &Question<'_>,
    bounds: Bounds,
    now: Moment,
) -> Result<Option<JobId>> {
    let Question { source, registry, repository, tag, asker, is_doubted } = *question;
    let word = if is_doubted { format!("{DOUBTED} ") } else { String::new() };
    // the registry may be there again: it was pushed to
    let waiting = sqlx::query(
        "UPDATE job SET attempts = 0, not_before = min(not_before, ?1), \
         key = CASE WHEN ?6 AND key NOT LIKE ?7 THEN key || ?8 || id ELSE key END WHERE id = (SELECT id FROM job \
         WHERE kind = 'pin' AND state = 'queued' AND repository = ?2 AND tag = ?3 AND source = ?4 AND registry = ?5 \
         LIMIT 1) RETURNING id",
    );
    let waiting = waiting.bind(now.0).bind(repository).bind(tag).bind(source).bind(registry).bind(is_doubted);
    let waiting = waiting.bind(format!("% {DOUBTED} %")).bind(format!(" {DOUBTED} "));
    if let Some(row) = waiting.fetch_optional(&mut *connection).await.map_err(cannot)? {
        return Ok(Some(JobId(row.try_get(0).map_err(cannot)?)));
    }
    let job = NewJob {
        // each push of a tag is another image
        key: format!("pin {registry}/{repository}:{tag} {source} {word}{asker} {}", now.0),
        kind: Kind::Pin,
        source: source.to_owned(),
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        tag: Some(tag.to_owned()),
        digest: None,
        priority: Priority::Urgent,
    };
    match enqueue(connection, &job, bounds, now).await? {
        Entered::New(id) | Entered::Known(id) => Ok(Some(id)),
        Entered::Full => Ok(None),
    }
}

/// Whether a job asks since it is in doubt what a tag is.
pub(super) fn is_doubted(job: &NewJob) -> bool {
    job.key.contains(&format!(" {DOUBTED} "))
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot put in a question to a registry", error)
}

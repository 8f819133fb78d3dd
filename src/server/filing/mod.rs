//! What is kept of a webhook, in one step: a row of each event, and of its job, image and tag. What cannot be read is a dead
//! letter.

use sqlx::{Row as _, SqliteConnection};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::clock::Moment;
use super::event::{Delivered, Notice, Place, What};
use super::failpoint::Point;
use super::hook::Hook;
use super::images::{delete, scan_key, see};
use super::queue::sqlite::{enqueue, raise};
use super::queue::{Bounds, Entered, JobId, Kind, NewJob, Priority};
use super::state::Server;
use super::store::of_sql;
use super::token::audit;

/// Bytes of a body that are kept of what cannot be read.
const KEPT: usize = 64 << 10;

/// Dead letters of one webhook with which its body is kept.
const BODIES: usize = 8;

/// What became of the notices of one webhook.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) jobs: usize,
    pub(super) dead: usize,
    pub(super) is_full: bool,
}

/// Stores what a webhook says, all of it or nothing: a sender that is told to come back sends all of it again.
pub(super) async fn keep(server: &Server, hook: &Hook, delivered: &Delivered<'_>, now: Moment) -> Result<Kept> {
    let mut notices = hook.notices(delivered);
    notices.retain(|notice| !matches!(notice.what, What::Ignored(_)));
    if notices.is_empty() {
        return Ok(Kept::default());
    }
    let filing = Filing {
        source: hook.name.clone(),
        registry: hook.registry.clone(),
        hosts: hook.hosts.clone(),
        body: delivered.body.get(..delivered.body.len().min(KEPT)).unwrap_or_default().to_vec(),
        fields: hook.fields(delivered.headers),
        bounds: server.queue.bounds(),
        now,
    };
    let stored = server.store.write(move |connection| Box::pin(file_all(connection, notices, filing))).await;
    match stored {
        Err(error) if error.kind == ErrorKind::Limit => Ok(Kept { is_full: true, ..Kept::default() }),
        stored => stored,
    }
}

struct Filing {
    source: String,
    registry: String,
    hosts: Vec<String>,
    body: Vec<u8>,
    fields: Option<String>,
    bounds: Bounds,
    now: Moment,
}

async fn file_all(connection: &mut SqliteConnection, notices: Vec<Notice>, filing: Filing) -> Result<Kept> {
    Point::Insert.reach().await?;
    let mut kept = Kept::default();
    for notice in notices {
        file(connection, notice, &filing, &mut kept).await?;
    }
    Ok(kept)
}

async fn file(connection: &mut SqliteConnection, notice: Notice, filing: &Filing, kept: &mut Kept) -> Result<()> {
    if notice.is_unique && is_known(connection, &notice.id, filing, kept).await? {
        return Ok(());
    }
    match notice.what {
        What::Ignored(_) => Ok(()),
        What::Unreadable(unreadable) => bury(connection, &notice.id, &unreadable.reason, filing, kept).await,
        What::Pushed(place) | What::Deleted(place) if is_elsewhere(&place, &filing.hosts) => {
            let reason =
                "it speaks of another registry than that of its source; if it is the same, name it in `aliases`";
            bury(connection, &notice.id, reason, filing, kept).await?;
            tracing::warn!(source = filing.source, host = place.claimed_host.as_deref().map(escape), reason);
            Ok(())
        }
        What::Pushed(place) => {
            let id = put_in(connection, &place, &notice.id, filing).await?;
            kept.jobs += 1;
            note(connection, &notice.id, "taken", Some(&place), Some(id), None, filing).await
        }
        What::Deleted(place) => {
            delete(connection, &filing.source, &filing.registry, &place, filing.now).await?;
            note(connection, &notice.id, "deleted", Some(&place), None, None, filing).await
        }
    }
}

/// Whether an event that comes once came before; a dead letter counts as one that did not, and is read anew. Of one whose
/// job is dead, or the scan of the tag that it told of, that is raised: it was sent again because nothing came of it.
async fn is_known(connection: &mut SqliteConnection, event: &str, filing: &Filing, kept: &mut Kept) -> Result<bool> {
    let known = sqlx::query(
        "SELECT e.state, CASE WHEN j.state = 'dead' THEN j.id WHEN j.kind = 'pin' AND j.state = 'done' THEN \
         (SELECT s.id FROM tag t JOIN image i ON i.id = t.image JOIN job s ON s.digest = i.digest AND s.source = i.source \
         AND s.registry = i.registry AND s.repository = i.repository AND s.kind = 'scan' \
         WHERE s.state <> 'done' AND s.state = 'dead' AND t.registry = j.registry AND t.repository = j.repository \
         AND t.name = j.tag AND t.source = j.source ORDER BY s.id DESC LIMIT 1) END \
         FROM event e LEFT JOIN job j ON j.id = e.job WHERE e.source = ? AND e.sender_id = ?",
    );
    let known = known.bind(&filing.source).bind(event).fetch_optional(&mut *connection).await.map_err(cannot)?;
    let Some(row) = known else { return Ok(false) };
    let (state, dead): (String, Option<i64>) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    if state == "dead" {
        return Ok(false);
    }
    if let Some(job) = dead {
        if !raise(connection, JobId(job), filing.bounds, filing.now).await? {
            return Err(Error::limit("the queue is full"));
        }
        kept.jobs += 1;
    }
    Ok(true)
}

/// Whether a payload names another host than the configured one: it is never asked, and never believed.
fn is_elsewhere(place: &Place, hosts: &[String]) -> bool {
    place.claimed_host.as_deref().is_some_and(|claimed| !hosts.iter().any(|host| claimed.eq_ignore_ascii_case(host)))
}

async fn put_in(connection: &mut SqliteConnection, place: &Place, event: &str, filing: &Filing) -> Result<JobId> {
    let (registry, repository) = (&filing.registry, &place.repository);
    let (kind, key) = match (&place.digest, &place.tag) {
        (Some(digest), _) => (Kind::Scan, scan_key(&filing.source, registry, repository, digest)),
        // each push of a tag is another image
        (None, tag) => {
            let tag = tag.as_deref().unwrap_or("latest");
            (Kind::Pin, format!("pin {registry}/{repository}:{tag} {} {event} {}", filing.source, filing.now.0))
        }
    };
    let job = NewJob {
        key,
        kind,
        source: filing.source.clone(),
        registry: filing.registry.clone(),
        repository: place.repository.clone(),
        tag: place.tag.clone(),
        digest: place.digest.clone(),
        priority: if kind == Kind::Pin { Priority::Urgent } else { Priority::High },
    };
    let id = match enqueue(connection, &job, filing.bounds, filing.now).await? {
        Entered::New(id) | Entered::Known(id) => id,
        Entered::Full => return Err(Error::limit("the queue is full")),
    };
    if let Some(digest) = &place.digest {
        see(connection, &filing.source, &filing.registry, &place.repository, digest, place.tag.as_deref(), filing.now)
            .await?;
    }
    Ok(id)
}

/// Reads a dead letter once more, as one that just came in; says how many jobs came of it, and how many dead letters.
/// Nothing where it was too long to be kept whole, or its source is gone.
pub(super) async fn again(server: &Server, event: i64, who: &str) -> Result<Option<(usize, usize)>> {
    let row = sqlx::query("SELECT source, body, fields FROM event WHERE id = ? AND state = 'dead'").bind(event);
    let Some(row) = row.fetch_optional(server.store.readers()).await.map_err(cannot)? else { return Ok(None) };
    let (source, body): (String, Option<Vec<u8>>) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    let whole = body.filter(|body| body.len() < KEPT);
    let (Some(hook), Some(body)) = (server.hooks.get(&source), whole) else { return Ok(None) };
    let fields: Option<String> = row.try_get(2).map_err(cannot)?;
    let headers = hook.headers(fields.as_deref().unwrap_or_default());
    let notices = hook.notices(&Delivered { headers: &headers, body: &body });
    let filing = Filing {
        source,
        registry: hook.registry.clone(),
        hosts: hook.hosts.clone(),
        body,
        fields,
        bounds: server.queue.bounds(),
        now: server.clock.now(),
    };
    let (who, now) = (who.to_owned(), filing.now);
    let written = server.store.write(move |connection| {
        Box::pin(async move {
            let gone = sqlx::query("DELETE FROM event WHERE id = ? AND state = 'dead'").bind(event);
            if gone.execute(&mut *connection).await.map_err(cannot)?.rows_affected() == 0 {
                return Ok(Kept::default());
            }
            audit(connection, now, &who, "event retry", &event.to_string()).await?;
            file_all(connection, notices, filing).await
        })
    });
    let kept = written.await?;
    if kept.jobs > 0 {
        server.work.notify_waiters();
    }
    Ok(Some((kept.jobs, kept.dead)))
}

async fn bury(
    connection: &mut SqliteConnection,
    event: &str,
    reason: &str,
    filing: &Filing,
    kept: &mut Kept,
) -> Result<()> {
    kept.dead += 1;
    // one body can hold ten thousand of them
    let body = (kept.dead <= BODIES).then_some(filing.body.as_slice());
    note(connection, event, "dead", None, None, Some((reason, body)), filing).await
}

async fn note(
    connection: &mut SqliteConnection,
    event: &str,
    state: &str,
    place: Option<&Place>,
    job: Option<JobId>,
    dead: Option<(&str, Option<&[u8]>)>,
    filing: &Filing,
) -> Result<()> {
    let noted = sqlx::query(
        "INSERT INTO event (source, sender_id, received, state, repository, tag, digest, job, reason, body, \
         fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (source, sender_id) DO UPDATE SET received = excluded.received, state = excluded.state, \
         repository = excluded.repository, tag = excluded.tag, digest = excluded.digest, \
         job = excluded.job, reason = excluded.reason, body = excluded.body, fields = excluded.fields \
         WHERE excluded.state <> 'dead' OR event.state <> 'dead' OR event.reason IS NOT excluded.reason \
         OR event.body IS NOT excluded.body",
    );
    noted
        .bind(&filing.source)
        .bind(event)
        .bind(filing.now.0)
        .bind(state)
        .bind(place.map(|place| &place.repository))
        .bind(place.and_then(|place| place.tag.as_ref()))
        .bind(place.and_then(|place| place.digest.as_ref()).map(ToString::to_string))
        .bind(job.map(|job| job.0))
        .bind(dead.map(|(reason, _)| reason))
        .bind(dead.and_then(|(_, body)| body))
        .bind(filing.fields.as_deref().filter(|_| dead.is_some()))
        .execute(connection)
        .await
        .map_err(cannot)?;
    Ok(())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot store a webhook", error)
}

#[cfg(test)]
mod tests;

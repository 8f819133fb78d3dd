//! What is kept of a webhook, in one step: a row of each event, and of its job, image and tag. What cannot be read is a dead
//! letter.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::{Row as _, SqliteConnection};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::size::ByteSize;

use super::clock::Moment;
use super::deliver::Actions;
use super::deliver::plan::plan_move;
use super::event::{Delivered, Notice, Place, Unreadable, What};
use super::failpoint::Point;
use super::hook::Hook;
use super::images::{self, Sight, Tag, delete, scan_key};
use super::metrics::DROPPED;
use super::queue::sqlite::{enqueue, raise};
use super::queue::{Bounds, Entered, JobId, Kind, NewJob, Priority};
use super::state::Server;
use super::store::of_sql;
use super::token::audit;

/// Bytes of a body that are kept of what cannot be read.
pub(super) const KEPT: usize = 64 << 10;

/// Stands in the key of a job that asks for a tag of which two tell different things.
pub(super) const DOUBTED: &str = "doubted";

/// Images of one webhook that the log names.
const IMAGES: usize = 3;

/// Characters of a name or id in the log.
const LONGEST_WORD: usize = 80;

/// Dead letters of one webhook with which its body is kept.
const BODIES: usize = 8;

/// What became of the notices of one webhook.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) jobs: usize,
    pub(super) dead: usize,
    /// Deliveries.
    pub(super) told: usize,
    /// Dead letters that made room for others.
    dropped: u64,
    /// The first event's id, as the log shows it.
    pub(super) event: String,
    /// The first images, as the log shows them.
    pub(super) images: String,
    pub(super) is_full: bool,
}

/// Stores what a webhook says, all of it or nothing: a sender that is told to come back sends all of it again.
pub(super) async fn keep(server: &Server, hook: &Hook, delivered: &Delivered<'_>, now: Moment) -> Result<Kept> {
    let mut notices = hook.notices(delivered);
    notices.retain(|notice| !matches!(notice.what, What::Ignored(_)));
    if notices.is_empty() {
        return Ok(Kept::default());
    }
    keep_all(server, hook, notices, delivered, now).await
}

/// Stores of a webhook that is larger than it may be that it came, and how it begins.
pub(super) async fn keep_start(
    server: &Server,
    hook: &Hook,
    delivered: &Delivered<'_>,
    most: ByteSize,
    now: Moment,
) -> Result<Kept> {
    let reason = format!("it is larger than {most}, and was not read");
    let what = What::Unreadable(Unreadable { reason });
    let id = format!("start:{}", Digest::sha256(delivered.body));
    keep_all(server, hook, vec![Notice { id, is_unique: true, at: None, what }], delivered, now).await
}

async fn keep_all(
    server: &Server,
    hook: &Hook,
    notices: Vec<Notice>,
    delivered: &Delivered<'_>,
    now: Moment,
) -> Result<Kept> {
    let (event, images) = in_words(&notices);
    let filing = Filing {
        source: hook.name.clone(),
        registry: hook.registry.clone(),
        hosts: hook.hosts.clone(),
        body: delivered.body.get(..delivered.body.len().min(KEPT)).unwrap_or_default().to_vec(),
        fields: hook.fields(delivered.headers),
        bounds: server.queue.bounds(),
        dead_letters: server.config.retention.dead_letters,
        actions: Arc::clone(&server.actions),
        received: now,
        now,
    };
    let stored = server.store.write(move |connection| Box::pin(file_all(connection, notices, filing))).await;
    match stored {
        Err(error) if error.kind == ErrorKind::Limit => Ok(Kept { is_full: true, ..Kept::default() }),
        Err(error) => Err(error),
        Ok(kept) => {
            tell_dropped(server, hook, &kept);
            Ok(Kept { event, images, ..kept })
        }
    }
}

/// What the log says of a webhook: the first event's id, and the first images.
fn in_words(notices: &[Notice]) -> (String, String) {
    let cut = |text: &str| escape(text.chars().take(LONGEST_WORD).collect::<String>());
    let image = |notice: &Notice| match &notice.what {
        What::Pushed(place) | What::Deleted(place) => Some(match (&place.tag, &place.digest) {
            (Some(tag), _) => format!("{}:{}", cut(&place.repository), cut(tag)),
            (None, Some(digest)) => format!("{}@{digest}", cut(&place.repository)),
            (None, None) => cut(&place.repository),
        }),
        What::Ignored(_) | What::Unreadable(_) => None,
    };
    let mut images: Vec<String> = notices.iter().filter_map(image).take(IMAGES + 1).collect();
    if images.len() > IMAGES {
        images.truncate(IMAGES);
        images.push("…".to_owned());
    }
    (notices.first().map(|notice| cut(&notice.id)).unwrap_or_default(), images.join(" "))
}

/// Counts dead letters that made room for others, and tells of the first.
fn tell_dropped(server: &Server, hook: &Hook, kept: &Kept) {
    if kept.dropped == 0 {
        return;
    }
    server.metrics.add(DROPPED, &[("source", &hook.name)], kept.dropped);
    if !hook.has_dropped.swap(true, Ordering::Relaxed) {
        let most = server.config.retention.dead_letters;
        tracing::error!(
            source = hook.name,
            most,
            "there are more dead letters than are kept: from now on the oldest go, which `/metrics` counts"
        );
    }
}

#[derive(Debug)]
struct Filing {
    source: String,
    registry: String,
    hosts: Vec<String>,
    body: Vec<u8>,
    fields: Option<String>,
    bounds: Bounds,
    /// Dead letters of one source.
    dead_letters: u32,
    actions: Arc<Actions>,
    /// When it came in first.
    received: Moment,
    now: Moment,
}

async fn file_all(connection: &mut SqliteConnection, notices: Vec<Notice>, filing: Filing) -> Result<Kept> {
    Point::Insert.reach().await?;
    let mut kept = Kept::default();
    for notice in notices {
        file(connection, notice, &filing, &mut kept).await?;
    }
    if kept.dead > 0 {
        let gone = sqlx::query(
            "DELETE FROM event WHERE state = 'dead' AND source = ?1 AND id <= (SELECT id FROM event \
             WHERE state = 'dead' AND source = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        );
        let gone = gone.bind(&filing.source).bind(filing.dead_letters.max(1));
        kept.dropped = gone.execute(connection).await.map_err(cannot)?.rows_affected();
    }
    Ok(kept)
}

async fn file(connection: &mut SqliteConnection, notice: Notice, filing: &Filing, kept: &mut Kept) -> Result<()> {
    let mut received = filing.received;
    if notice.is_unique {
        match before(connection, &notice.id, filing, kept).await? {
            Before::Taken => return Ok(()),
            Before::Dead(first) => received = received.min(first),
            Before::Nothing => {}
        }
    }
    // a clock that is ahead shall not hold a tag for ever
    let at = notice.at.unwrap_or(received).min(received);
    let row = Row { id: &notice.id, received, at, ..Row::default() };
    match &notice.what {
        What::Ignored(_) => Ok(()),
        What::Unreadable(unreadable) => bury(connection, row, &unreadable.reason, filing, kept).await,
        What::Pushed(place) | What::Deleted(place) if is_elsewhere(place, &filing.hosts) => {
            let reason =
                "it speaks of another registry than that of its source; if it is the same, name it in `aliases`";
            bury(connection, row, reason, filing, kept).await?;
            tracing::warn!(source = filing.source, host = place.claimed_host.as_deref().map(escape), reason);
            Ok(())
        }
        What::Pushed(place) => {
            let id = put_in(connection, place, &notice.id, at, filing, kept).await?;
            kept.jobs += 1;
            note(connection, Row { state: "taken", place: Some(place), job: Some(id), ..row }, filing).await
        }
        What::Deleted(place) => {
            if delete(connection, &filing.source, &filing.registry, place, at).await? {
                ask(connection, place, &notice.id, filing, kept).await?;
            }
            note(connection, Row { state: "deleted", place: Some(place), ..row }, filing).await
        }
    }
}

/// What came of an event before.
enum Before {
    Nothing,
    Taken,
    /// It was a dead letter, which came in first at this time.
    Dead(Moment),
}

/// What came before of an event that comes once; a dead letter is read anew. Of one whose job is dead, or the scan of the
/// tag that it told of, that is raised: it was sent again because nothing came of it.
async fn before(connection: &mut SqliteConnection, event: &str, filing: &Filing, kept: &mut Kept) -> Result<Before> {
    let known = sqlx::query(
        "SELECT e.state, CASE WHEN j.state = 'dead' THEN j.id WHEN j.kind = 'pin' AND j.state = 'done' THEN \
         (SELECT s.id FROM tag t JOIN image i ON i.id = t.image JOIN job s ON s.digest = i.digest AND s.source = i.source \
         AND s.registry = i.registry AND s.repository = i.repository AND s.kind = 'scan' \
         WHERE s.state <> 'done' AND s.state = 'dead' AND t.registry = j.registry AND t.repository = j.repository \
         AND t.name = j.tag AND t.source = j.source ORDER BY s.id DESC LIMIT 1) END, e.received \
         FROM event e LEFT JOIN job j ON j.id = e.job WHERE e.source = ? AND e.sender_id = ?",
    );
    let known = known.bind(&filing.source).bind(event).fetch_optional(&mut *connection).await.map_err(cannot)?;
    let Some(row) = known else { return Ok(Before::Nothing) };
    let (state, dead): (String, Option<i64>) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    if state == "dead" {
        return Ok(Before::Dead(Moment(row.try_get(2).map_err(cannot)?)));
    }
    if let Some(job) = dead {
        if !raise(connection, JobId(job), filing.bounds, filing.now).await? {
            return Err(Error::limit("the queue is full"));
        }
        kept.jobs += 1;
    }
    Ok(Before::Taken)
}

/// Whether a payload names another host than the configured one: it is never asked, and never believed.
fn is_elsewhere(place: &Place, hosts: &[String]) -> bool {
    place.claimed_host.as_deref().is_some_and(|claimed| !hosts.iter().any(|host| claimed.eq_ignore_ascii_case(host)))
}

/// Puts in the scan of an image that was pushed, or the question which image a tag is.
async fn put_in(
    connection: &mut SqliteConnection,
    place: &Place,
    event: &str,
    at: Moment,
    filing: &Filing,
    kept: &mut Kept,
) -> Result<JobId> {
    let Some(digest) = &place.digest else {
        return pin(connection, place, event, filing).await?.ok_or_else(|| Error::limit("the queue is full"));
    };
    let job = NewJob {
        key: scan_key(&filing.source, &filing.registry, &place.repository, digest),
        kind: Kind::Scan,
        source: filing.source.clone(),
        registry: filing.registry.clone(),
        repository: place.repository.clone(),
        tag: place.tag.clone(),
        digest: Some(digest.clone()),
        priority: Priority::High,
    };
    let id = match enqueue(connection, &job, filing.bounds, filing.now).await? {
        Entered::New(id) | Entered::Known(id) => id,
        Entered::Full => return Err(Error::limit("the queue is full")),
    };
    let sight = Sight {
        source: &filing.source,
        registry: &filing.registry,
        repository: &place.repository,
        digest,
        tag: place.tag.as_deref(),
        at,
    };
    let seen = images::note(connection, &sight, filing.now).await?;
    match seen.tag {
        Tag::Moved { from } => kept.told += plan_move(connection, &filing.actions, &sight, from, filing.now).await?,
        Tag::Overtaken => ask(connection, place, event, filing, kept).await?,
        Tag::Stands => {}
    }
    Ok(id)
}

/// Has a tag looked up of which an event says other than what is known since: the clocks of two may differ, and the
/// registry knows. Where the queue is full it is left to the next sweep or push.
async fn ask(
    connection: &mut SqliteConnection,
    place: &Place,
    event: &str,
    filing: &Filing,
    kept: &mut Kept,
) -> Result<()> {
    let asked = pin(connection, place, &format!("{DOUBTED} {event}"), filing).await?;
    kept.jobs += usize::from(asked.is_some());
    Ok(())
}

/// Puts in the question which image a tag is; one that waits does for all who ask it. Nothing where the queue is full.
async fn pin(connection: &mut SqliteConnection, place: &Place, event: &str, filing: &Filing) -> Result<Option<JobId>> {
    let (source, registry, repository) = (&filing.source, &filing.registry, &place.repository);
    let tag = place.tag.as_deref().unwrap_or("latest");
    // the registry may be there again: it was pushed to
    let waiting = sqlx::query(
        "UPDATE job SET attempts = 0, not_before = min(not_before, ?1) WHERE id = (SELECT id FROM job \
         WHERE kind = 'pin' AND state = 'queued' AND repository = ?2 AND tag = ?3 AND source = ?4 AND registry = ?5 \
         LIMIT 1) RETURNING id",
    );
    let waiting = waiting.bind(filing.now.0).bind(repository).bind(tag).bind(source).bind(registry);
    if let Some(row) = waiting.fetch_optional(&mut *connection).await.map_err(cannot)? {
        return Ok(Some(JobId(row.try_get(0).map_err(cannot)?)));
    }
    let job = NewJob {
        // each push of a tag is another image
        key: format!("pin {registry}/{repository}:{tag} {source} {event} {}", filing.now.0),
        kind: Kind::Pin,
        source: source.clone(),
        registry: registry.clone(),
        repository: repository.clone(),
        tag: Some(tag.to_owned()),
        digest: None,
        priority: Priority::Urgent,
    };
    match enqueue(connection, &job, filing.bounds, filing.now).await? {
        Entered::New(id) | Entered::Known(id) => Ok(Some(id)),
        Entered::Full => Ok(None),
    }
}

/// Wakes those for whom something waits.
pub(super) fn wake(server: &Server, kept: &Kept) {
    if kept.jobs > 0 {
        server.work.notify_waiters();
    }
    if kept.told > 0 {
        server.deliveries.notify_waiters();
    }
}

/// Reads a dead letter once more, as one that just came in; says how many jobs came of it, and how many dead letters.
/// Nothing where it was too long to be kept whole, or its source is gone.
pub(super) async fn again(server: &Server, event: i64, who: &str) -> Result<Option<(usize, usize)>> {
    match read_again(server, event).await? {
        Some(letter) => keep_again(server, letter, who).await.map(Some),
        None => Ok(None),
    }
}

/// A dead letter that is read once more.
#[derive(Debug)]
pub(super) struct Letter {
    event: i64,
    notices: Vec<Notice>,
    filing: Filing,
}

/// Reads a dead letter, and changes nothing.
pub(super) async fn read_again(server: &Server, event: i64) -> Result<Option<Letter>> {
    let row =
        sqlx::query("SELECT source, body, fields, received FROM event WHERE id = ? AND state = 'dead'").bind(event);
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
        dead_letters: server.config.retention.dead_letters,
        actions: Arc::clone(&server.actions),
        received: Moment(row.try_get(3).map_err(cannot)?),
        now: server.clock.now(),
    };
    Ok(Some(Letter { event, notices, filing }))
}

/// Files what a dead letter says, in its place.
pub(super) async fn keep_again(server: &Server, letter: Letter, who: &str) -> Result<(usize, usize)> {
    let Letter { event, notices, filing } = letter;
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
    wake(server, &kept);
    Ok((kept.jobs, kept.dead))
}

async fn bury(
    connection: &mut SqliteConnection,
    row: Row<'_>,
    reason: &str,
    filing: &Filing,
    kept: &mut Kept,
) -> Result<()> {
    kept.dead += 1;
    // one body can hold ten thousand of them
    let body = (kept.dead <= BODIES).then_some(filing.body.as_slice());
    note(connection, Row { state: "dead", reason: Some(reason), body, ..row }, filing).await
}

/// A row of an event.
#[derive(Clone, Copy)]
struct Row<'a> {
    id: &'a str,
    received: Moment,
    at: Moment,
    state: &'a str,
    place: Option<&'a Place>,
    job: Option<JobId>,
    reason: Option<&'a str>,
    body: Option<&'a [u8]>,
}

impl Default for Row<'_> {
    fn default() -> Self {
        let start = Moment(0);
        Self { id: "", received: start, at: start, state: "dead", place: None, job: None, reason: None, body: None }
    }
}

async fn note(connection: &mut SqliteConnection, row: Row<'_>, filing: &Filing) -> Result<()> {
    let noted = sqlx::query(
        "INSERT INTO event (source, sender_id, received, at, state, repository, tag, digest, job, reason, body, \
         fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (source, sender_id) DO UPDATE SET received = excluded.received, at = excluded.at, \
         state = excluded.state, repository = excluded.repository, tag = excluded.tag, digest = excluded.digest, \
         job = excluded.job, reason = excluded.reason, body = excluded.body, fields = excluded.fields \
         WHERE excluded.state <> 'dead' OR event.state <> 'dead' OR event.reason IS NOT excluded.reason \
         OR event.body IS NOT excluded.body",
    );
    noted
        .bind(&filing.source)
        .bind(row.id)
        .bind(row.received.0)
        .bind(row.at.0)
        .bind(row.state)
        .bind(row.place.map(|place| &place.repository))
        .bind(row.place.and_then(|place| place.tag.as_ref()))
        .bind(row.place.and_then(|place| place.digest.as_ref()).map(ToString::to_string))
        .bind(row.job.map(|job| job.0))
        .bind(row.reason)
        .bind(row.body)
        .bind(filing.fields.as_deref().filter(|_| row.state == "dead"))
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

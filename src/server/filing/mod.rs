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
use super::images::{self, Sight, Tag, Word, delete, scan_key};
use super::metrics::DROPPED;
use super::question::{self, Question};
use super::queue::sqlite::{enqueue, raise};
use super::queue::{Bounds, Entered, JobId, Kind, NewJob, Priority};
use super::result::forget_none;
use super::state::Server;
use super::store::of_sql;
use super::token::audit;

/// Bytes of a body that are kept of what cannot be read.
pub(super) const KEPT: usize = 64 << 10;

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
            Before::Taken => return repeated(connection, &notice, filing, kept).await,
            Before::Dead(first) => received = received.min(first),
            Before::Nothing => {}
        }
    }
    // a clock that is ahead shall not hold a tag for ever
    let (at, is_dated) = match notice.at {
        Some(at) if at <= received => (at, true),
        _ => (received, false),
    };
    let row = Row { id: &notice.id, received, at, is_dated, ..Row::default() };
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
            let id = put_in(connection, place, &notice.id, (at, is_dated), filing, kept).await?;
            kept.jobs += 1;
            note(connection, Row { state: "taken", place: Some(place), job: Some(id), ..row }, filing).await
        }
        What::Deleted(place) => {
            let left = delete(connection, &filing.source, &filing.registry, place, (at, is_dated)).await?;
            ask_all(connection, place, left, &notice.id, filing, kept).await?;
            note(connection, Row { state: "deleted", place: Some(place), ..row }, filing).await
        }
    }
}

/// Asks for tags of a place of which it is not settled what they are; where there is no room, its sender comes back.
async fn ask_all(
    connection: &mut SqliteConnection,
    place: &Place,
    tags: Vec<String>,
    event: &str,
    filing: &Filing,
    kept: &mut Kept,
) -> Result<()> {
    for tag in tags {
        let place = Place { tag: Some(tag), ..place.clone() };
        ask(connection, &place, event, true, filing).await?.ok_or_else(is_full)?;
        kept.jobs += 1;
    }
    Ok(())
}

fn is_full() -> Error {
    Error::limit("the queue is full")
}

/// What was taken before came once more: a replay, or another event in the same words, where these have whole seconds.
async fn repeated(connection: &mut SqliteConnection, notice: &Notice, filing: &Filing, kept: &mut Kept) -> Result<()> {
    let (place, is_push) = match &notice.what {
        What::Pushed(place) if place.digest.is_none() => {
            ask(connection, place, &notice.id, false, filing).await?.ok_or_else(is_full)?;
            kept.jobs += 1;
            return Ok(());
        }
        What::Pushed(place) if place.tag.is_some() => (place, true),
        What::Deleted(place) => (place, false),
        _ => return Ok(()),
    };
    let at = notice.at.filter(|at| *at <= filing.received);
    let unsettled = images::unsettled(connection, &filing.source, &filing.registry, place, (at, is_push)).await?;
    ask_all(connection, place, unsettled, &notice.id, filing, kept).await
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
            return Err(is_full());
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
    (at, is_dated): (Moment, bool),
    filing: &Filing,
    kept: &mut Kept,
) -> Result<JobId> {
    let Some(digest) = &place.digest else {
        return ask(connection, place, event, false, filing).await?.ok_or_else(is_full);
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
        Entered::Full => return Err(is_full()),
    };
    let sight = Sight {
        source: &filing.source,
        registry: &filing.registry,
        repository: &place.repository,
        digest,
        tag: place.tag.as_deref(),
        at,
        word: Word::of_event(is_dated),
    };
    let seen = images::note(connection, &sight, filing.now).await?;
    match seen.tag {
        Tag::Moved { from } => kept.told += plan_move(connection, &filing.actions, &sight, from, filing.now).await?,
        Tag::Doubted { is_newer } => match ask(connection, place, event, true, filing).await? {
            Some(_) => kept.jobs += 1,
            // the sender comes back with it; what is older is left to the next sweep or push
            None if is_newer => return Err(is_full()),
            None => {}
        },
        Tag::Stands => {}
    }
    forget_none(connection, &job.key).await?;
    Ok(id)
}

/// Puts in the question which image a tag is. Nothing where the queue is full.
async fn ask(
    connection: &mut SqliteConnection,
    place: &Place,
    asker: &str,
    is_doubted: bool,
    filing: &Filing,
) -> Result<Option<JobId>> {
    let question = Question {
        source: &filing.source,
        registry: &filing.registry,
        repository: &place.repository,
        tag: place.tag.as_deref().unwrap_or("latest"),
        asker,
        is_doubted,
    };
    question::put_in(connection, &question, filing.bounds, filing.now).await
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
    /// Whether `at` is a time of the sender's.
    is_dated: bool,
    state: &'a str,
    place: Option<&'a Place>,
    job: Option<JobId>,
    reason: Option<&'a str>,
    body: Option<&'a [u8]>,
}

impl Default for Row<'_> {
    fn default() -> Self {
        let start = Moment(0);
        Self {
            id: "",
            received: start,
            at: start,
            is_dated: false,
            state: "dead",
            place: None,
            job: None,
            reason: None,
            body: None,
        }
    }
}

async fn note(connection: &mut SqliteConnection, row: Row<'_>, filing: &Filing) -> Result<()> {
    let noted = sqlx::query(
        "INSERT INTO event (source, sender_id, received, at, state, repository, tag, digest, job, reason, body, \
         fields, sure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (source, sender_id) DO UPDATE SET received = excluded.received, at = excluded.at, sure = excluded.sure, \
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
        .bind(row.is_dated)
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

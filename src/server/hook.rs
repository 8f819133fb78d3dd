//! `POST /hooks/NAME`: takes a webhook, and answers once what it says is on the disk.
//!
//! Who sent it is proven before anything of it is read, and who proves nothing leaves no trace in the store. What cannot
//! be read is kept as a dead letter and acknowledged, since senders of the distribution family send a refused event
//! again for ever, and nothing behind it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::auth::{Identity, Keys, Presented, Proof, Refused};
use super::clock::Moment;
use super::config::{Auth, Config, Source};
use super::event::{self, Delivered, Notice, Place, Sender, What};
use super::failpoint::Point;
use super::metrics::HOOKS;
use super::queue::sqlite::{enqueue, raise};
use super::queue::{Bounds, Entered, JobId, Kind, NewJob, Priority};
use super::rematch::put_in_if_older;
use super::state::Server;
use super::store::of_sql;
use super::token::audit;

/// Bytes of a body that are kept of what cannot be read.
const KEPT: usize = 64 << 10;

/// Dead letters of one webhook with which its body is kept.
const BODIES: usize = 8;

/// Bytes of a body up to which room for it grows little by little.
const SMALL: usize = 1 << 20;

/// Bytes that are set aside for a body larger than that, once and for all: what is not written to takes no memory, and
/// what is larger than 32 MiB the C library takes from the system and gives back at once, where it keeps what is smaller.
const LARGE: usize = 33 << 20;

/// Bytes of a header field that are kept of it; one that is longer is left out.
const KEPT_OF_FIELD: usize = 256;

/// A configured source: who it is, and how it is read.
#[derive(Debug)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// The registry it speaks of.
    pub registry: String,
    /// That registry's host, and other names it goes by.
    pub hosts: Vec<String>,
    proof: Proof,
    sender: &'static dyn Sender,
}

impl std::fmt::Debug for dyn Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Hook {
    /// All sources of a configuration, with their secrets read.
    pub fn all(config: &Config) -> Result<BTreeMap<String, Self>> {
        let hook = |source: &Source| {
            let name = source.name.get_ref().clone();
            let wrong = |error: Error| error.at(format!("source `{name}`"));
            let sender = event::of_kind(source.kind.get_ref())
                .ok_or_else(|| wrong(Error::new(ErrorKind::Config, "there is no such kind of sender")))?;
            let registry = config
                .registry(source.registry.get_ref())
                .ok_or_else(|| wrong(Error::new(ErrorKind::Config, "there is no such registry")))?;
            let proof = proof_of(&source.auth, sender).map_err(wrong)?;
            let hosts = std::iter::once(&registry.host).chain(&registry.aliases).cloned().collect();
            let registry = registry.name.get_ref().clone();
            Ok((name.clone(), Self { name, registry, hosts, proof, sender }))
        };
        config.sources.iter().map(hook).collect()
    }

    /// The host of its registry, which is asked.
    pub fn host(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }

    /// What a webhook says; where it cannot be read as a whole, that.
    fn notices(&self, delivered: &Delivered<'_>) -> Vec<Notice> {
        self.sender.read(delivered).unwrap_or_else(|unreadable| {
            let id = format!("body:{}", Digest::sha256(delivered.body));
            vec![Notice { id, is_unique: true, what: What::Unreadable(unreadable) }]
        })
    }

    /// The header fields that the sender's reader looks at, as they are kept with what cannot be read.
    fn fields(&self, headers: &HeaderMap) -> Option<String> {
        let field = |name: &&'static str| {
            let value = headers.get(*name)?.to_str().ok()?;
            (value.len() <= KEPT_OF_FIELD).then(|| (*name, value.to_owned()))
        };
        let fields: Vec<(&str, String)> = self.sender.fields().iter().filter_map(field).collect();
        if fields.is_empty() { None } else { serde_json::to_string(&fields).ok() }
    }

    /// Those fields, of what was kept.
    fn headers(&self, kept: &str) -> HeaderMap {
        let fields: Vec<(String, String)> = serde_json::from_str(kept).unwrap_or_default();
        let field = |name: &&'static str| {
            let (_, value) = fields.iter().find(|(kept, _)| kept == name)?;
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        };
        self.sender.fields().iter().filter_map(field).collect()
    }

    /// The keys that its proof needs of an identity provider.
    pub fn keys(&self) -> Option<&Arc<Keys>> {
        match &self.proof {
            Proof::Identity(identity) => Some(identity.keys()),
            _ => None,
        }
    }
}

fn proof_of(auth: &Auth, sender: &dyn Sender) -> Result<Proof> {
    let wrong = |what: String| Error::new(ErrorKind::Config, what);
    match auth {
        Auth::None => Ok(Proof::Nothing),
        Auth::Header { name, secret } => Proof::header(name, &secret.read()?).map_err(wrong),
        Auth::Signature { secret } => {
            let form = sender.signature().ok_or_else(|| {
                wrong(format!("`{}` signs nothing", sender.kind()))
                    .help("let it prove itself by `header`, `path` or `basic`")
            })?;
            Proof::signature(form, &secret.read()?).map_err(wrong)
        }
        Auth::Path { secret } => Proof::path(&secret.read()?).map_err(wrong),
        Auth::Basic { username, secret } => Proof::basic(username, &secret.read()?).map_err(wrong),
        Auth::Oidc { audience, email, issuers, .. } => {
            Identity::new(issuers.clone(), audience.clone(), vec![email.clone()], Vec::new(), Arc::new(Keys::default()))
                .map(Proof::Identity)
                .map_err(wrong)
        }
    }
}

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route("/hooks/{name}", post(plain)).route("/hooks/{name}/{secret}", post(with_secret))
}

async fn plain(State(server): State<Arc<Server>>, Path(name): Path<String>, request: Request) -> Response {
    take(&server, &name, None, request).await
}

async fn with_secret(
    State(server): State<Arc<Server>>,
    Path((name, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    take(&server, &name, Some(&secret), request).await
}

/// What is answered: a status, and a word that says no more than the sender may know.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    word: &'static str,
    /// Seconds.
    retry_after: Option<u32>,
}

impl Answer {
    const fn new(status: StatusCode, word: &'static str) -> Self {
        Self { status, word, retry_after: None }
    }

    const fn later(word: &'static str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, word, retry_after: Some(30) }
    }
}

async fn take(server: &Server, name: &str, secret: Option<&str>, request: Request) -> Response {
    let Some(hook) = server.hooks.get(name) else {
        return (StatusCode::NOT_FOUND, "no such hook\n").into_response();
    };
    let answer = if server.is_ending() { Answer::later("ending") } else { read(server, hook, secret, request).await };
    server.metrics.count(HOOKS, &[("source", &hook.name), ("outcome", answer.word)]);
    let mut response = (answer.status, format!("{}\n", answer.word)).into_response();
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // the rest of a body that was not read would be in the way: nobody is to send anything behind it
    if answer.status.is_client_error() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn read(server: &Server, hook: &Hook, secret: Option<&str>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let now = server.clock.now().timestamp();
    let presented = Presented { headers: &parts.headers, path_token: secret, body: &[], now };
    let refuse = |refused: Refused| {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.to_string());
        tracing::warn!(source = hook.name, why = refused.why, peer, "a webhook was refused");
        if refused.is_transient { Answer::later("later") } else { Answer::new(StatusCode::UNAUTHORIZED, "refused") }
    };
    if let Err(refused) = hook.proof.check_head(&presented) {
        return refuse(refused);
    }
    let is_encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if parts.headers.get_all(header::CONTENT_ENCODING).iter().any(is_encoded) {
        return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded");
    }
    let (body, _room) = match whole(body, hook.sender.largest_body().to_usize(), &server.bodies).await {
        Ok(whole) => whole,
        Err(answer) => return answer,
    };
    if Point::Body.reach().await.is_err() {
        return Answer::later("later");
    }
    if hook.proof.is_of_body()
        && let Err(refused) = hook.proof.check(&Presented { body: &body, ..presented })
    {
        return refuse(refused);
    }
    if Point::Auth.reach().await.is_err() {
        return Answer::later("later");
    }
    let now = server.clock.now();
    let delivered = Delivered { headers: &parts.headers, body: &body };
    match keep(server, hook, &delivered, now).await {
        Ok(Kept { is_full: true, .. }) => Answer::later("full"),
        Ok(kept) => {
            if kept.jobs > 0 {
                server.work.notify_waiters();
            }
            // most are of layers, and of what else no job comes of
            if kept.jobs + kept.dead > 0 {
                tracing::info!(source = hook.name, jobs = kept.jobs, dead = kept.dead, "a webhook was taken");
            } else {
                tracing::debug!(source = hook.name, "a webhook was taken that asks for nothing");
            }
            if Point::Answer.reach().await.is_err() {
                return Answer::later("later");
            }
            Answer::new(StatusCode::ACCEPTED, if kept.dead > 0 { "dead" } else { "taken" })
        }
        Err(error) => {
            tracing::error!(source = hook.name, error = %error, "a webhook could not be stored");
            Answer::later("not-stored")
        }
    }
}

/// Reads a body of at most `most` bytes. It takes them from `room`, until what comes with it is dropped; where there is
/// none left the sender is to come back, so that nobody waits for others who wait for him.
async fn whole(mut body: Body, most: usize, room: &Semaphore) -> Result<(Vec<u8>, SemaphorePermit<'_>), Answer> {
    let busy = |_| Answer::later("busy");
    let mut held = room.try_acquire_many(0).map_err(busy)?;
    let (mut bytes, mut taken) = (Vec::new(), 0);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Answer::new(StatusCode::BAD_REQUEST, "broken-off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > most.saturating_sub(bytes.len()) {
            return Err(Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
        }
        let needed = bytes.len() + data.len();
        let capacity = capacity_for(needed, bytes.capacity());
        let more = taken_by(needed, capacity).saturating_sub(taken);
        held.merge(room.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)).map_err(busy)?);
        taken += more;
        bytes.reserve_exact(capacity - bytes.len());
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}

/// Bytes to set aside for a body of which there are `needed` now, and `there` were set aside.
fn capacity_for(needed: usize, there: usize) -> usize {
    match needed {
        _ if needed <= there => there,
        ..=SMALL => needed.max(2 * there).min(SMALL),
        _ => needed.max(LARGE),
    }
}

/// Bytes that a body takes of which there are `needed`, in `capacity`.
fn taken_by(needed: usize, capacity: usize) -> usize {
    if capacity <= SMALL { capacity } else { needed }
}

/// What became of the notices of one webhook.
#[derive(Debug, Default)]
struct Kept {
    jobs: usize,
    dead: usize,
    is_full: bool,
}

/// Stores what a webhook says, all of it or nothing: a sender that is told to come back sends all of it again.
async fn keep(server: &Server, hook: &Hook, delivered: &Delivered<'_>, now: Moment) -> Result<Kept> {
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
            delete(connection, &place, filing).await?;
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

/// The key of a scan: an image is scanned once for each source that tells of it, however often it does.
pub(super) fn scan_key(source: &str, registry: &str, repository: &str, digest: &Digest) -> String {
    format!("scan {source} {registry}/{repository}@{digest}")
}

/// Notes that an image is there, and that a tag points at it; one that was judged while no tag did may have to be judged
/// again. Each source has images and tags of its own: what one tells
/// neither shows to others, nor hides anything from them.
pub(super) async fn see(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    digest: &Digest,
    tag: Option<&str>,
    now: Moment,
) -> Result<i64> {
    let seen = sqlx::query(
        "INSERT INTO image (registry, repository, digest, source, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
         ON CONFLICT (registry, repository, digest, source) DO UPDATE SET last_seen = max(last_seen, ?5), deleted = NULL \
         RETURNING id",
    );
    let row = seen
        .bind(registry)
        .bind(repository)
        .bind(digest.to_string())
        .bind(source)
        .bind(now.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(cannot)?;
    let image: i64 = row.try_get(0).map_err(cannot)?;
    if let Some(tag) = tag {
        let moved = sqlx::query(
            "INSERT INTO tag (registry, repository, name, image, moved, source) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (registry, repository, name, source) DO UPDATE SET image = excluded.image, moved = excluded.moved \
             WHERE image <> excluded.image",
        );
        let moved = moved.bind(registry).bind(repository).bind(tag).bind(image).bind(now.0).bind(source);
        if moved.execute(&mut *connection).await.map_err(cannot)?.rows_affected() > 0 {
            put_in_if_older(connection, image, now).await?;
        }
    }
    Ok(image)
}

/// Notes that a tag is gone, or an image. Some senders tell both of one tag that went: the image stays while another tag
/// is left, and so does a tag that is another image by now. An image that goes by its digest alone takes its tags along.
async fn delete(connection: &mut SqliteConnection, place: &Place, filing: &Filing) -> Result<()> {
    let digest = place.digest.as_ref().map(ToString::to_string);
    let gone = sqlx::query(
        "DELETE FROM tag WHERE registry = ?1 AND repository = ?2 AND source = ?5 AND (?3 IS NULL OR name = ?3) \
         AND (?4 IS NULL OR image IN (SELECT id FROM image WHERE registry = ?1 AND repository = ?2 AND digest = ?4))",
    );
    let gone = gone.bind(&filing.registry).bind(&place.repository).bind(&place.tag).bind(&digest).bind(&filing.source);
    if place.tag.is_some() || digest.is_some() {
        gone.execute(&mut *connection).await.map_err(cannot)?;
    }
    if let Some(digest) = digest {
        let gone = sqlx::query(
            "UPDATE image SET deleted = ? WHERE registry = ? AND repository = ? AND digest = ? AND source = ? \
             AND NOT EXISTS (SELECT 1 FROM tag WHERE image = image.id)",
        );
        let gone =
            gone.bind(filing.now.0).bind(&filing.registry).bind(&place.repository).bind(digest).bind(&filing.source);
        gone.execute(&mut *connection).await.map_err(cannot)?;
    }
    Ok(())
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
mod tests {
    use axum::http::Method;
    use tower::ServiceExt as _;

    use super::*;
    use std::time::Duration;

    use crate::server::clock::Clock;
    use crate::server::queue::{Lane, Queue as _};
    use crate::server::result::{self, Finished};
    use crate::server::store::Store;
    use crate::server::testing::Bench;

    const SECRET: &str = "word-of-the-shop";
    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

    struct Case {
        _folder: tempfile::TempDir,
        server: Arc<Server>,
    }

    impl Case {
        async fn new(most: u64) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = |name: &str| folder.path().join(name).display().to_string();
            std::fs::write(path("shop"), SECRET).expect("a file");
            std::fs::write(path("hub"), "word-of-the-hub-which-is-long").expect("a file");
            let shop = path("shop");
            let text = format!(
                r#"
data = "{0}"
[queue]
most-of-source = {most}
[[registry]]
name = "main"
host = "registry.example:5000"
aliases = ["registry.internal.example"]
[[source]]
name = "shop"
kind = "distribution"
registry = "main"
auth = {{ by = "header", secret = {{ file = "{1}" }} }}
[[source]]
name = "hub"
kind = "docker-hub"
registry = "main"
auth = {{ by = "path", secret = {{ file = "{2}" }} }}
[[source]]
name = "cloud"
kind = "gar"
registry = "main"
auth = {{ by = "header", secret = {{ file = "{shop}" }} }}
"#,
                path("data"),
                shop,
                path("hub"),
            );
            let kinds: Vec<&str> = event::SENDERS.iter().map(|sender| sender.kind()).collect();
            let config = Config::parse("serve.toml", &text, &kinds, false).expect("a configuration");
            let store = Store::open(&folder.path().join("careen.db")).await.expect("a store");
            let server = Server::new(config, store, Clock::start()).expect("a server");
            Self { _folder: folder, server }
        }

        async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> StatusCode {
            let mut request = Request::builder().method(Method::POST).uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(body.into()).expect("a request");
            let answer = routes().with_state(Arc::clone(&self.server)).oneshot(request).await.expect("an answer");
            assert!(answer.headers().get(header::LOCATION).is_none(), "never a redirect");
            answer.status()
        }

        async fn send(&self, body: &str) -> StatusCode {
            self.post("/hooks/shop", &[("authorization", SECRET)], body.to_owned()).await
        }

        async fn count(&self, query: &'static str) -> i64 {
            let row = sqlx::query(query).fetch_one(self.server.store.readers()).await.expect("a row");
            row.try_get(0).expect("a number")
        }
    }

    fn push(id: &str, digest: &str, more: &str) -> String {
        format!(
            "{{\"events\":[{{\"id\":\"{id}\",\"timestamp\":\"2026-03-01T12:00:00Z\",\"action\":\"push\",\"target\":{{\
             \"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"{digest}\",\
             \"repository\":\"shop/api\"{more}}}}}]}}"
        )
    }

    #[tokio::test]
    async fn who_proves_nothing_leaves_nothing_behind() {
        let case = Case::new(100).await;
        let body = push("1", DIGEST, "");
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("/hooks/shop", &[]),
            ("/hooks/shop", &[("authorization", "")]),
            ("/hooks/shop", &[("authorization", "word-of-the-shoq")]),
            ("/hooks/shop", &[("authorization", "word-of-the-hub-which-is-long")]),
            ("/hooks/shop", &[("authorization", SECRET), ("authorization", SECRET)]),
            ("/hooks/shop/word-of-the-shop", &[("authorization", SECRET)]),
            ("/hooks/hub", &[]),
            ("/hooks/hub/word-of-the-shop", &[]),
        ];
        for (path, headers) in cases {
            assert_eq!(case.post(path, headers, body.clone()).await, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
        }
        assert_eq!(case.post("/hooks/none", &[], body.clone()).await, StatusCode::NOT_FOUND);
        assert_eq!(case.count("SELECT count(*) FROM event").await, 0);
        assert_eq!(case.count("SELECT count(*) FROM job").await, 0);
    }

    #[tokio::test]
    async fn a_push_becomes_one_job_however_often_it_is_told() {
        let case = Case::new(100).await;
        for _ in 0..50 {
            assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1.4\"")).await, StatusCode::ACCEPTED);
        }
        // another event of the same image
        assert_eq!(case.send(&push("2", DIGEST, ",\"tag\":\"latest\"")).await, StatusCode::ACCEPTED);
        assert_eq!(case.count("SELECT count(*) FROM job").await, 1);
        assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'taken'").await, 2);
        assert_eq!(case.count("SELECT count(*) FROM tag").await, 2);
        assert_eq!(case.count("SELECT count(*) FROM image").await, 1);
        let gone = push("3", DIGEST, "").replace("\"push\"", "\"delete\"");
        assert_eq!(case.send(&gone).await, StatusCode::ACCEPTED);
        assert_eq!(case.count("SELECT count(*) FROM image WHERE deleted IS NOT NULL").await, 1);
    }

    #[tokio::test]
    async fn each_source_has_images_of_its_own() {
        let bench = Bench::new().await;
        let tell = async |source: &str, body: String| {
            let request = Request::post(format!("/hooks/{source}")).header("authorization", "long-enough-a-secret");
            let answer = bench.ask(routes(), request.body(Body::from(body)).expect("a request")).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED);
        };
        let texts = async |query: &'static str| {
            let rows = sqlx::query_scalar::<_, String>(query).fetch_all(bench.server.store.readers());
            rows.await.expect("read").join(" ")
        };
        for source in ["shop", "bakery", "shop"] {
            tell(source, push("1", DIGEST, ",\"tag\":\"1.4\"")).await;
        }
        assert_eq!(texts("SELECT source FROM job WHERE kind = 'scan' ORDER BY id").await, "shop bakery");
        assert_eq!(texts("SELECT source FROM tag ORDER BY source").await, "bakery shop");
        // who tells that it went speaks for nobody else
        tell("bakery", push("2", DIGEST, "").replace("\"push\"", "\"delete\"")).await;
        assert_eq!(texts("SELECT source FROM image WHERE deleted IS NULL").await, "shop");
        assert_eq!(texts("SELECT source FROM tag").await, "shop");
        let other = DIGEST.replace('0', "2");
        tell("bakery", push("3", &other, ",\"tag\":\"1.4\"")).await;
        let tags =
            "SELECT t.source || '=' || substr(i.digest, -2) FROM tag t JOIN image i ON i.id = t.image ORDER BY 1";
        assert_eq!(texts(tags).await, "bakery=21 shop=01");
    }

    #[tokio::test]
    async fn an_image_stays_while_a_tag_is_left() {
        let case = Case::new(10).await;
        let place = |digest: &str, tag: Option<&str>| Place {
            repository: "shop/api".to_owned(),
            tag: tag.map(str::to_owned),
            digest: Some(digest.parse().expect("a digest")),
            claimed_host: None,
        };
        let other = DIGEST.replace('0', "2");
        let filing = || Filing {
            source: "shop".to_owned(),
            registry: "main".to_owned(),
            hosts: Vec::new(),
            body: Vec::new(),
            bounds: case.server.queue.bounds(),
            fields: None,
            now: case.server.clock.now(),
        };
        let file = async |what: What, id: &str| {
            let notice = Notice { id: id.to_owned(), is_unique: true, what };
            let filing = filing();
            let filed = case.server.store.write(move |connection| Box::pin(file_all(connection, vec![notice], filing)));
            filed.await.expect("filed");
        };
        let deleted = async || case.count("SELECT count(*) FROM image WHERE deleted IS NOT NULL").await;
        let tags = async || case.count("SELECT count(*) FROM tag").await;
        file(What::Pushed(place(DIGEST, Some("1"))), "a").await;
        file(What::Pushed(place(DIGEST, Some("prod"))), "b").await;
        file(What::Deleted(place(DIGEST, Some("1"))), "c").await;
        assert_eq!((deleted().await, tags().await), (0, 1), "`prod` is left");
        file(What::Pushed(place(&other, Some("prod"))), "d").await;
        file(What::Deleted(place(DIGEST, Some("prod"))), "e").await;
        assert_eq!((deleted().await, tags().await), (1, 1), "`prod` is another image by now");
        file(What::Deleted(place(&other, None)), "f").await;
        assert_eq!((deleted().await, tags().await), (2, 0), "an image takes its tags along");
    }

    #[tokio::test]
    async fn what_cannot_be_read_or_speaks_of_others_is_a_dead_letter() {
        let case = Case::new(100).await;
        let elsewhere = ",\"url\":\"http://169.254.169.254/v2/shop/api/manifests/x\"";
        let deep = "[".repeat(100_000);
        let bodies = ["", "no JSON", "{\"events\":7}", &deep, &push("4", DIGEST, elsewhere)];
        for body in bodies {
            assert_eq!(case.send(body).await, StatusCode::ACCEPTED, "{}", body.get(..20).unwrap_or(body));
        }
        assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'dead' AND reason IS NOT NULL").await, 5);
        assert_eq!(case.count("SELECT max(length(body)) FROM event").await, i64::try_from(KEPT).expect("small"));
        let events: Vec<String> =
            (0..20).map(|id| format!("{{\"id\":\"many-{id}\",\"action\":\"push\",\"target\":{{}}}}")).collect();
        assert_eq!(case.send(&format!("{{\"events\":[{}]}}", events.join(","))).await, StatusCode::ACCEPTED);
        let many = "SELECT count(*) * 100 + count(body) FROM event WHERE sender_id LIKE 'many-%' AND state = 'dead'";
        assert_eq!(case.count(many).await, 2_000 + i64::try_from(BODIES).expect("few"));
        assert_eq!(case.count("SELECT count(*) FROM job").await, 0);
        let known = ",\"url\":\"http://registry.internal.example/v2/shop/api/manifests/x\"";
        assert_eq!(case.send(&push("5", DIGEST, known)).await, StatusCode::ACCEPTED);
        assert_eq!(case.count("SELECT count(*) FROM job").await, 1);
    }

    #[tokio::test]
    async fn what_is_sent_again_raises_what_is_dead_and_nothing_else() {
        let case = Case::new(100).await;
        let elsewhere = ",\"tag\":\"1\",\"url\":\"http://elsewhere.example/v2/shop/api/manifests/x\"";
        for _ in 0..3 {
            assert_eq!(case.send(&push("1", DIGEST, elsewhere)).await, StatusCode::ACCEPTED);
        }
        assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'dead'").await, 1);
        // the sender was mended: the same event can be read now
        for _ in 0..3 {
            assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1\"")).await, StatusCode::ACCEPTED);
        }
        let taken = "SELECT count(*) FROM event WHERE state = 'taken' AND body IS NULL AND reason IS NULL \
                     AND repository = 'shop/api' AND tag = '1' AND digest IS NOT NULL";
        assert_eq!((case.count(taken).await, case.count("SELECT count(*) FROM event").await), (1, 1));
        let waiting = "SELECT count(*) FROM job WHERE state = 'queued' AND attempts = 0";
        let jobs = "SELECT count(*) FROM job";
        assert_eq!((case.count(waiting).await, case.count(jobs).await), (1, 1));
        let end = async |state: &'static str, kind: &'static str| {
            let ended = case.server.store.write(move |connection| {
                Box::pin(async move {
                    let end = sqlx::query(
                        "UPDATE job SET state = ?, attempts = 8, ended = 0 WHERE kind = ? AND state = 'queued'",
                    );
                    let end = end.bind(state).bind(kind).execute(&mut *connection).await.map_err(cannot)?;
                    sqlx::query("UPDATE turn SET waiting = 0").execute(connection).await.map_err(cannot)?;
                    Ok(end.rows_affected())
                })
            });
            assert_eq!(ended.await.expect("ended"), 1);
        };
        end("dead", "scan").await;
        for _ in 0..3 {
            assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1\"")).await, StatusCode::ACCEPTED);
        }
        assert_eq!((case.count(waiting).await, case.count(jobs).await), (1, 1));
        assert_eq!(case.count("SELECT waiting FROM turn").await, 1, "it was raised once");
        end("done", "scan").await;
        assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1\"")).await, StatusCode::ACCEPTED);
        assert_eq!((case.count(waiting).await, case.count(jobs).await), (0, 1), "what is done stays so");
        // of a tag that was looked up, the scan is raised
        let body = "{\"push_data\":{\"tag\":\"1\",\"pushed_at\":1772323200},\"repository\":{\"repo_name\":\"shop/api\",\
                    \"namespace\":\"shop\",\"name\":\"api\"}}";
        let tell = async || case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], body).await;
        assert_eq!(tell().await, StatusCode::ACCEPTED);
        let now = case.server.clock.now();
        let leased =
            case.server.queue.lease(Lane::Quick, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
        let finished = Finished::Pinned(DIGEST.parse().expect("a digest"));
        assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
        end("dead", "scan").await;
        for _ in 0..3 {
            assert_eq!(tell().await, StatusCode::ACCEPTED);
        }
        assert_eq!((case.count(waiting).await, case.count(jobs).await), (1, 3));
    }

    #[tokio::test]
    async fn a_dead_one_that_is_sent_again_waits_for_room() {
        let case = Case::new(1).await;
        let digest = DIGEST.replace('0', "2");
        assert_eq!(case.send(&push("1", DIGEST, "")).await, StatusCode::ACCEPTED);
        let now = case.server.clock.now();
        let leased =
            case.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
        assert!(case.server.queue.bury(&leased, "no", now).await.expect("buried"));
        assert_eq!(case.send(&push("2", &digest, "")).await, StatusCode::ACCEPTED);
        assert_eq!(case.send(&push("1", DIGEST, "")).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(case.count("SELECT count(*) FROM job WHERE state = 'dead'").await, 1);
    }

    #[tokio::test]
    async fn what_is_read_again_has_the_fields_that_its_reader_looks_at() {
        let case = Case::new(100).await;
        let body = format!("{{\"action\":\"INSERT\",\"digest\":\"elsewhere.example/shop/api@{DIGEST}\"}}");
        let id = "x-goog-pubsub-message-id";
        let long = "9".repeat(KEPT_OF_FIELD + 1);
        for value in ["17", &long] {
            let fields = [("authorization", SECRET), ("x-more", "not looked at"), (id, value)];
            assert_eq!(case.post("/hooks/cloud", &fields, body.clone()).await, StatusCode::ACCEPTED);
        }
        let letters = "SELECT id, sender_id, fields FROM event WHERE state = 'dead' ORDER BY id";
        let letters = sqlx::query_as::<_, (i64, String, Option<String>)>(letters);
        let letters = letters.fetch_all(case.server.store.readers()).await.expect("rows");
        let [(number, sender, fields), (_, _, of_long)] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!((sender.as_str(), fields.as_deref()), ("17", Some(&*format!("[[\"{id}\",\"17\"]]"))));
        assert_eq!(of_long.as_deref(), None, "it is too long to be kept");
        assert_eq!(again(&case.server, *number, "me").await.expect("read again"), Some((0, 1)));
        assert_eq!(case.count("SELECT count(*) FROM event WHERE sender_id = '17' AND state = 'dead'").await, 1);
        assert_eq!(case.count("SELECT count(*) FROM event").await, 2, "it is known by its id as before");
    }

    #[tokio::test]
    async fn of_who_proves_nothing_no_body_is_read() {
        let case = Case::new(10).await;
        let bodies = &case.server.bodies;
        let free = bodies.available_permits();
        let all = bodies.try_acquire_many(u32::try_from(free).expect("few")).expect("room");
        let body = push("1", DIGEST, "");
        assert_eq!(case.post("/hooks/shop", &[], body.clone()).await, StatusCode::UNAUTHORIZED, "told without it");
        assert_eq!(case.send(&body).await, StatusCode::SERVICE_UNAVAILABLE, "there is no room for another body");
        drop(all);
        assert_eq!(case.send(&body).await, StatusCode::ACCEPTED);
        assert_eq!(bodies.available_permits(), free, "what was read is given back");
    }

    #[tokio::test]
    async fn bodies_are_bounded_and_not_unpacked() {
        let case = Case::new(100).await;
        let proof = ("authorization", SECRET);
        let large = vec![b' '; (1 << 20) + 1];
        assert_eq!(case.post("/hooks/shop", &[proof], large).await, StatusCode::PAYLOAD_TOO_LARGE);
        let packed = case.post("/hooks/shop", &[proof, ("content-encoding", "gzip")], "x").await;
        assert_eq!(packed, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(case.count("SELECT count(*) FROM event").await, 0);
    }

    #[tokio::test]
    async fn bodies_take_no_more_memory_together_than_they_may() {
        let room = Semaphore::new(10);
        let read = |text: &'static str| whole(Body::from(text), 8, &room);
        let (first, held) = read("12345678").await.expect("there is room");
        assert_eq!((first.len(), room.available_permits()), (8, 2));
        assert_eq!(read("123").await.expect_err("full").status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(read("123456789").await.expect_err("too large").status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(read("12").await.is_ok());
        drop(held);
        assert_eq!(room.available_permits(), 10, "all of it was given back");
        // what comes in pieces is counted by what it takes, and moved a few times only
        let (mut capacity, mut moves) = (0, 0);
        for needed in (1..=1_600).map(|pieces| pieces * (16 << 10)) {
            let before = capacity;
            capacity = capacity_for(needed, before);
            moves += usize::from(capacity != before);
            let taken = taken_by(needed, capacity);
            assert!(capacity >= needed && (needed..=2 * needed).contains(&taken), "{needed} in {capacity}: {taken}");
            assert!(needed <= SMALL || taken == needed, "{needed} in {capacity}: {taken}");
        }
        assert_eq!(moves, 8);
        let case = Case::new(100).await;
        let large = vec![b' '; (1 << 20) + 1];
        let nobody = case.post("/hooks/shop", &[("authorization", "wrong-word")], large).await;
        assert_eq!(nobody, StatusCode::UNAUTHORIZED, "who is nobody is not read");
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_keeps_nothing_of_the_webhook() {
        let case = Case::new(2).await;
        let digest = |n: u32| format!("sha256:{n:064x}");
        for n in 0..2 {
            assert_eq!(case.send(&push(&n.to_string(), &digest(n), "")).await, StatusCode::ACCEPTED);
        }
        assert_eq!(case.send(&push("2", &digest(2), "")).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(case.count("SELECT count(*) FROM event").await, 2, "it comes again");
        assert_eq!(case.send(&push("3", &digest(1), "")).await, StatusCode::ACCEPTED, "that one is known");
        case.server.end();
        assert_eq!(case.send(&push("4", &digest(1), "")).await, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_tag_without_a_digest_is_looked_up_each_time_it_is_pushed() {
        let case = Case::new(100).await;
        let body = |at: u32| {
            format!(
                "{{\"push_data\":{{\"tag\":\"1.4\",\"pushed_at\":{at}}},\"repository\":{{\"repo_name\":\"shop/api\",\
                 \"namespace\":\"shop\",\"name\":\"api\"}}}}"
            )
        };
        for at in [1_772_323_200, 1_772_323_200, 1_772_323_201] {
            let status = case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], body(at)).await;
            assert_eq!(status, StatusCode::ACCEPTED);
        }
        let jobs = "SELECT count(*) FROM job WHERE kind = 'pin' AND tag = '1.4' AND digest IS NULL AND lane = 0";
        assert_eq!(case.count(jobs).await, 2, "one was a replay");
    }
}

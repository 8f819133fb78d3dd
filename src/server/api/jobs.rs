//! `/api/v1/scan` and `/api/v1/jobs`: scans that somebody asks for, and what became of them.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::digest::Digest;
use crate::error::Result;
use crate::server::images::{scan_key, see};
use crate::server::problem::Problem;
use crate::server::queue::sqlite::{enqueue, raise};
use crate::server::queue::{Entered, JobId, Kind, NewJob, Priority};
use crate::server::random;
use crate::server::state::Server;
use crate::server::token::{Caller, Scope, audit};
use crate::source::registry::ImageReference;

use super::{
    Asked, ByState, Failed, MOST_RAISED, Page, RAISED_TOGETHER, RAISING, Raised, cannot, limit, number, seen, time,
};

/// Bytes of a request.
const LARGEST: usize = 64 << 10;

/// A job.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Job {
    pub(in crate::server) id: i64,
    kind: String,
    source: String,
    registry: String,
    repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    pub(in crate::server) state: String,
    attempts: i64,
    created: String,
    /// When it is tried next, of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// Why it failed last, or is done without a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The report that it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
}

const COLUMNS: &str = "SELECT j.id, j.kind, j.source, j.registry, j.repository, j.tag, j.digest, j.state, j.attempts, \
     j.created, j.not_before, j.ended, j.reason, (SELECT id FROM report WHERE job = j.id) FROM job j WHERE ";

/// Jobs by a filter, the newest first.
pub(in crate::server) async fn find(server: &Server, caller: &Caller, filter: &ByState) -> Result<Page<Job>, Problem> {
    let limit = limit(filter.limit)?;
    let states = ["queued", "leased", "done", "dead"];
    if filter.state.as_deref().is_some_and(|state| !states.contains(&state)) {
        return Err(Problem::bad("a state is `queued`, `leased`, `done` or `dead`"));
    }
    let list = concat!(
        seen!("j.source"),
        " AND (?3 IS NULL OR j.id < ?3) AND (?4 IS NULL OR j.state = ?4) AND (?5 IS NULL OR j.source = ?5) \
         AND (?6 IS NULL OR instr(lower(coalesce(j.reason, '')), lower(?6)) > 0) ORDER BY j.id DESC LIMIT ?2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS}{list}")));
    let rows = rows.bind(caller.sources()).bind(limit + 1).bind(filter.after).bind(&filter.state).bind(&filter.source);
    let rows = rows.bind(&filter.text);
    let rows = rows.fetch_all(server.store.readers()).await.map_err(cannot)?;
    let jobs = rows.iter().map(read).collect::<Result<Vec<Job>>>()?;
    Ok(Page::of(jobs, limit, |job| job.id))
}

async fn get(server: &Server, caller: &Caller, id: i64) -> Result<Job, Problem> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS}{} AND j.id = ?2", seen!("j.source"))));
    let row = row.bind(caller.sources()).bind(id).fetch_optional(server.store.readers()).await.map_err(cannot)?;
    Ok(read(&row.ok_or_else(Problem::not_found)?)?)
}

fn read(row: &SqliteRow) -> Result<Job> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(cannot);
    let optional = |index: usize| row.try_get::<Option<String>, _>(index).map_err(cannot);
    let state = text(7)?;
    let not_before: i64 = row.try_get(10).map_err(cannot)?;
    Ok(Job {
        id: row.try_get(0).map_err(cannot)?,
        kind: text(1)?,
        source: text(2)?,
        registry: text(3)?,
        repository: text(4)?,
        tag: optional(5)?,
        digest: optional(6)?,
        not_before: (state == "queued").then(|| time(not_before)),
        state,
        attempts: row.try_get(8).map_err(cannot)?,
        created: time(row.try_get(9).map_err(cannot)?),
        ended: row.try_get::<Option<i64>, _>(11).map_err(cannot)?.map(time),
        reason: optional(12)?,
        report: optional(13)?,
    })
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(filter): Asked<ByState>,
) -> Result<Json<Page<Job>>, Problem> {
    find(&server, &caller, &filter).await.map(Json)
}

pub(super) async fn one(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    get(&server, &caller, number(&id)?).await.map(Json)
}

pub(super) async fn retry(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = number(&id)?;
    put_back(&server, &caller, id).await?;
    Ok(accepted(id))
}

/// Lets a dead job wait again.
pub(in crate::server) async fn put_back(server: &Server, caller: &Caller, id: i64) -> Result<(), Problem> {
    let job = get(server, caller, id).await?;
    caller.may(Scope::Scan)?;
    if job.state != "dead" {
        return Err(Problem::new(StatusCode::CONFLICT, "only a dead job is put back"));
    }
    let (bounds, now, who) = (server.queue.bounds(), server.clock.now(), caller.who.clone());
    let raised = server.store.write(move |connection| {
        Box::pin(async move {
            let is_raised = raise(connection, JobId(id), bounds, now).await?;
            if is_raised {
                audit(connection, now, &who, "job retry", &id.to_string()).await?;
            }
            Ok(is_raised)
        })
    });
    if !raised.await? {
        return Err(Problem::later("the queue is full"));
    }
    server.work.notify_waiters();
    Ok(())
}

pub(super) async fn retry_all(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(failed): Asked<Failed>,
) -> Result<Response, Problem> {
    let count = put_all_back(&server, &caller, &failed).await?;
    Ok((StatusCode::ACCEPTED, Json(Raised { count })).into_response())
}

/// Lets all dead jobs of a filter wait again, the oldest first, as many as the queue takes; says how many.
pub(in crate::server) async fn put_all_back(
    server: &Server,
    caller: &Caller,
    failed: &Failed,
) -> Result<usize, Problem> {
    caller.may(Scope::Scan)?;
    let bounds = server.queue.bounds();
    let mut count = 0;
    let begun = Instant::now();
    while count < MOST_RAISED && begun.elapsed() < RAISING {
        let (now, who, sources, failed) = (server.clock.now(), caller.who.clone(), caller.sources(), failed.clone());
        let raised = server.store.write(move |connection| {
            Box::pin(async move {
                let list = concat!(
                    "SELECT id FROM job WHERE state = 'dead' AND ",
                    seen!("source"),
                    " AND (?2 IS NULL OR source = ?2) AND (?3 IS NULL OR instr(lower(reason), lower(?3)) > 0) \
                     ORDER BY id LIMIT ?4"
                );
                let rows = sqlx::query(list).bind(sources).bind(failed.source).bind(failed.text).bind(RAISED_TOGETHER);
                let rows = rows.fetch_all(&mut *connection).await.map_err(cannot)?;
                let mut raised = 0_usize;
                let mut is_full = false;
                for row in &rows {
                    let id: i64 = row.try_get(0).map_err(cannot)?;
                    is_full = !raise(connection, JobId(id), bounds, now).await?;
                    if is_full {
                        break;
                    }
                    audit(connection, now, &who, "job retry", &id.to_string()).await?;
                    raised += 1;
                }
                Ok((raised, is_full))
            })
        });
        let (raised, is_full) = raised.await?;
        count += raised;
        if is_full && count == 0 {
            return Err(Problem::later("the queue is full"));
        }
        if is_full || raised == 0 {
            break;
        }
        server.work.notify_waiters();
    }
    server.work.notify_waiters();
    Ok(count)
}

/// What `POST /api/v1/scan` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    source: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
    /// Scan what was scanned before.
    #[serde(default)]
    force: bool,
}

pub(super) async fn scan(
    State(server): State<Arc<Server>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    caller.may(Scope::Scan)?;
    let wish: Wish = body(request).await?;
    if server.is_ending() {
        return Err(Problem::later("the server is ending"));
    }
    let hook = server.hooks.get(&wish.source).filter(|_| caller.sees(&wish.source)).ok_or_else(Problem::not_found)?;
    let digest: Option<Digest> = match &wish.digest {
        Some(digest) => Some(digest.parse().map_err(|_| Problem::bad("`digest` is none"))?),
        None => None,
    };
    let tag = match (&digest, &wish.tag) {
        (None, None) => return Err(Problem::bad("this takes a `tag` or a `digest`")),
        (_, tag) => tag.clone(),
    };
    ImageReference::of_parts(hook.host(), &wish.repository, tag.as_deref(), digest.as_ref())
        .map_err(|_| Problem::bad("repository and tag do not make a reference"))?;
    let (now, bounds, who) = (server.clock.now(), server.queue.bounds(), caller.who.clone());
    let (registry, repository) = (&hook.registry, &wish.repository);
    let kind = if digest.is_some() { Kind::Scan } else { Kind::Pin };
    let key = match &digest {
        Some(digest) if wish.force => {
            format!("{} again {}", scan_key(&wish.source, registry, repository, digest), random::id()?)
        }
        Some(digest) => scan_key(&wish.source, registry, repository, digest),
        None => {
            let again = if wish.force { "again" } else { "once" };
            format!("pin {registry}/{repository}:{} {again} {}", tag.as_deref().unwrap_or_default(), random::id()?)
        }
    };
    let job = NewJob {
        key,
        kind,
        source: wish.source,
        registry: hook.registry.clone(),
        repository: wish.repository,
        tag,
        digest,
        priority: if kind == Kind::Pin { Priority::Urgent } else { Priority::High },
    };
    let entered = server.store.write(move |connection| {
        Box::pin(async move {
            let entered = enqueue(connection, &job, bounds, now).await?;
            if let (Some(digest), true) = (&job.digest, entered != Entered::Full) {
                // the tag is not believed: only the registry knows where it points
                see(connection, &job.source, &job.registry, &job.repository, digest, None, now).await?;
            }
            if let Entered::New(id) = entered {
                audit(connection, now, &who, "scan", &format!("job {id} {}", job.key)).await?;
            }
            Ok(entered)
        })
    });
    match entered.await? {
        Entered::New(JobId(id)) | Entered::Known(JobId(id)) => {
            server.work.notify_waiters();
            Ok(accepted(id))
        }
        Entered::Full => Err(Problem::later("the queue is full")),
    }
}

fn accepted(job: i64) -> Response {
    let place = format!("/api/v1/jobs/{job}");
    (StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(json!({ "job": job }))).into_response()
}

/// The body of a request as JSON.
async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body): (_, Body) = request.into_parts();
    let media = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "this takes `application/json`"));
    }
    let too_large = |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "this takes up to 64 KiB");
    let bytes = to_bytes(body, LARGEST).await.map_err(too_large)?;
    serde_json::from_slice(&bytes).map_err(|e| Problem::bad(crate::escape::escape(e.to_string())))
}

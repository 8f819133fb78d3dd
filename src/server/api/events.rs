//! `/api/v1/events`: what senders told, dead letters among it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::Result;
use crate::escape::escape;
use crate::server::filing;
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token::{Caller, Scope};

use super::{Asked, ByState, Failed, MOST_RAISED, Page, RAISING, Raised, cannot, jobs, limit, number, seen, time};

/// An event.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Event {
    id: i64,
    source: String,
    sender_id: String,
    received: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_state: Option<String>,
    /// Why it is dead, or done without a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How a dead one begins, for those who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Dead letters that are read again together: as many bodies are held.
const LETTERS_TOGETHER: i64 = 200;

/// Bytes of a body that are shown.
const SHOWN: i64 = 2_048;

const LIST: &str = concat!(
    "SELECT e.id, e.source, e.sender_id, e.received, e.state, e.repository, e.tag, e.digest, e.job, j.state, \
     coalesce(e.reason, j.reason), CASE WHEN ?6 THEN substr(e.body, 1, ?7) END \
     FROM event e LEFT JOIN job j ON j.id = e.job WHERE ",
    seen!("e.source"),
    " AND (?3 IS NULL OR e.id < ?3) AND (?4 IS NULL OR e.state = ?4) AND (?5 IS NULL OR e.source = ?5) \
     AND (?8 IS NULL OR instr(lower(coalesce(e.reason, j.reason, '')), lower(?8)) > 0) ORDER BY e.id DESC LIMIT ?2"
);

/// Events by a filter, the newest first.
pub(in crate::server) async fn find(
    server: &Server,
    caller: &Caller,
    filter: &ByState,
) -> Result<Page<Event>, Problem> {
    let limit = limit(filter.limit)?;
    if filter.state.as_deref().is_some_and(|state| !["taken", "deleted", "dead"].contains(&state)) {
        return Err(Problem::bad("a state is `taken`, `deleted` or `dead`"));
    }
    let rows = sqlx::query(LIST).bind(caller.sources()).bind(limit + 1).bind(filter.after);
    let rows =
        rows.bind(&filter.state).bind(&filter.source).bind(caller.scope >= Scope::Admin).bind(SHOWN).bind(&filter.text);
    let rows = rows.fetch_all(server.store.readers()).await.map_err(cannot)?;
    let events = rows.iter().map(read).collect::<Result<Vec<Event>>>()?;
    Ok(Page::of(events, limit, |event| event.id))
}

fn read(row: &SqliteRow) -> Result<Event> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(cannot);
    let optional = |index: usize| row.try_get::<Option<String>, _>(index).map_err(cannot);
    let received: i64 = row.try_get(3).map_err(cannot)?;
    Ok(Event {
        id: row.try_get(0).map_err(cannot)?,
        source: text(1)?,
        sender_id: text(2)?,
        received: time(received),
        state: text(4)?,
        repository: optional(5)?,
        tag: optional(6)?,
        digest: optional(7)?,
        job: row.try_get(8).map_err(cannot)?,
        job_state: optional(9)?,
        reason: optional(10)?,
        body: row.try_get::<Option<Vec<u8>>, _>(11).map_err(cannot)?.map(escape),
    })
}

/// What became of an event that was read again.
#[derive(Debug, Serialize)]
pub(super) struct Again {
    /// Jobs that it asked for.
    jobs: usize,
    /// Parts of it that still cannot be read.
    dead: usize,
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(filter): Asked<ByState>,
) -> Result<Json<Page<Event>>, Problem> {
    find(&server, &caller, &filter).await.map(Json)
}

pub(super) async fn retry(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Again>), Problem> {
    let (jobs, dead) = put_back(&server, &caller, number(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Again { jobs, dead })))
}

pub(super) async fn retry_all(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(failed): Asked<Failed>,
) -> Result<(StatusCode, Json<Raised>), Problem> {
    let count = put_all_back(&server, &caller, &failed).await?;
    Ok((StatusCode::ACCEPTED, Json(Raised { count })))
}

/// Reads all dead letters of a filter once more, those of now, the oldest first, as many as there is time for; says of how many
/// jobs came.
pub(in crate::server) async fn put_all_back(
    server: &Server,
    caller: &Caller,
    failed: &Failed,
) -> Result<usize, Problem> {
    caller.may(Scope::Scan)?;
    let newest = sqlx::query("SELECT coalesce(max(id), 0) FROM event").fetch_one(server.store.readers()).await;
    let newest: i64 = newest.map_err(cannot)?.try_get(0).map_err(cannot)?;
    let (mut after, mut seen_of, mut count) = (0_i64, 0_usize, 0_usize);
    let list = concat!(
        "SELECT id FROM event WHERE state = 'dead' AND id > ?2 AND id <= ?3 AND ",
        seen!("source"),
        " AND (?4 IS NULL OR source = ?4) AND (?5 IS NULL OR instr(lower(reason), lower(?5)) > 0) ORDER BY id LIMIT ?6"
    );
    let since = Instant::now();
    while seen_of < MOST_RAISED && since.elapsed() < RAISING {
        let rows = sqlx::query(list).bind(caller.sources()).bind(after).bind(newest);
        let rows = rows.bind(&failed.source).bind(&failed.text).bind(LETTERS_TOGETHER);
        let rows = rows.fetch_all(server.store.readers()).await.map_err(cannot)?;
        if rows.is_empty() {
            break;
        }
        let mut letters = Vec::with_capacity(rows.len());
        for row in rows {
            after = row.try_get(0).map_err(cannot)?;
            seen_of += 1;
            letters.extend(filing::read_again(server, after).await?);
        }
        // all are on their way before the first is awaited, in their order: the store writes them together
        let mut kept: Vec<_> =
            letters.into_iter().map(|letter| Box::pin(filing::keep_again(server, letter, &caller.who))).collect();
        let mut begun = Vec::with_capacity(kept.len());
        for keeping in &mut kept {
            begun.push(poll_once(keeping.as_mut()).await);
        }
        let mut failed = None;
        for (keeping, begun) in kept.into_iter().zip(begun) {
            let put_in = match begun {
                Poll::Ready(put_in) => put_in,
                Poll::Pending => keeping.await,
            };
            match put_in {
                Ok((jobs, _)) => count += usize::from(jobs > 0),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            None => {}
            // the queue is full: what was put back stays
            Some(error) if count > 0 => {
                tracing::warn!(error = %error, "not all dead letters were read again");
                return Ok(count);
            }
            Some(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

/// Lets something begin.
async fn poll_once<F: Future>(mut begun: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(begun.as_mut().poll(context))).await
}

/// Reads a dead letter once more, or puts the dead job of an event back; says how many jobs came of it, and how many
/// dead letters.
pub(in crate::server) async fn put_back(server: &Server, caller: &Caller, id: i64) -> Result<(usize, usize), Problem> {
    let row = concat!("SELECT state, job FROM event WHERE id = ?2 AND ", seen!("source"));
    let row = sqlx::query(row).bind(caller.sources()).bind(id).fetch_optional(server.store.readers());
    let row = row.await.map_err(cannot)?.ok_or_else(Problem::not_found)?;
    let (state, job): (String, Option<i64>) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    caller.may(Scope::Scan)?;
    match (state.as_str(), job) {
        ("dead", _) => match filing::again(server, id, &caller.who).await? {
            Some(put_in) => Ok(put_in),
            None => Err(Problem::new(
                StatusCode::CONFLICT,
                "it was too long to be kept whole, or its source is gone: let the sender send it again",
            )),
        },
        (_, Some(job)) => jobs::put_back(server, caller, job).await.map(|()| (1, 0)),
        _ => Err(Problem::new(StatusCode::CONFLICT, "there is nothing to do about it")),
    }
}

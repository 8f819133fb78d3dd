//! `/api/v1/deliveries`: whom actions told of reports, and whom not.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::Result;
use crate::server::deliver::run;
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token::{Caller, Scope, audit};

use super::{
    Asked, ByState, Failed, MOST_RAISED, Page, RAISED_TOGETHER, RAISING, Raised, cannot, limit, number, seen, time,
};

/// A delivery.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Delivery {
    id: i64,
    action: String,
    source: String,
    report: String,
    image: i64,
    registry: String,
    repository: String,
    state: String,
    attempts: i64,
    created: String,
    /// When it is tried next, of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// Why it failed last; of one that is done, why there was nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

const LIST: &str = concat!(
    "SELECT d.id, d.action, r.source, d.report, i.id, i.registry, i.repository, d.state, d.attempts, d.created, \
     d.not_before, d.ended, d.reason FROM delivery d JOIN report r ON r.id = d.report JOIN image i ON i.id = r.image WHERE ",
    seen!("r.source"),
    " AND (?3 IS NULL OR d.id < ?3) AND (?4 IS NULL OR d.state = ?4) AND (?5 IS NULL OR r.source = ?5) \
     AND (?6 IS NULL OR instr(lower(coalesce(d.reason, '')), lower(?6)) > 0) ORDER BY d.id DESC LIMIT ?2"
);

/// Deliveries by a filter, the newest first.
pub(in crate::server) async fn find(
    server: &Server,
    caller: &Caller,
    filter: &ByState,
) -> Result<Page<Delivery>, Problem> {
    let limit = limit(filter.limit)?;
    let states = ["queued", "leased", "done", "dead"];
    if filter.state.as_deref().is_some_and(|state| !states.contains(&state)) {
        return Err(Problem::bad("a state is `queued`, `leased`, `done` or `dead`"));
    }
    let rows = sqlx::query(LIST).bind(caller.sources()).bind(limit + 1).bind(filter.after);
    let rows = rows.bind(&filter.state).bind(&filter.source).bind(&filter.text);
    let rows = rows.fetch_all(server.store.readers()).await.map_err(cannot)?;
    let deliveries = rows.iter().map(read).collect::<Result<Vec<Delivery>>>()?;
    Ok(Page::of(deliveries, limit, |delivery| delivery.id))
}

fn read(row: &SqliteRow) -> Result<Delivery> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(cannot);
    let state = text(7)?;
    let not_before: i64 = row.try_get(10).map_err(cannot)?;
    Ok(Delivery {
        id: row.try_get(0).map_err(cannot)?,
        action: text(1)?,
        source: text(2)?,
        report: text(3)?,
        image: row.try_get(4).map_err(cannot)?,
        registry: text(5)?,
        repository: text(6)?,
        not_before: (state == "queued").then(|| time(not_before)),
        state,
        attempts: row.try_get(8).map_err(cannot)?,
        created: time(row.try_get(9).map_err(cannot)?),
        ended: row.try_get::<Option<i64>, _>(11).map_err(cannot)?.map(time),
        reason: row.try_get(12).map_err(cannot)?,
    })
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(filter): Asked<ByState>,
) -> Result<Json<Page<Delivery>>, Problem> {
    find(&server, &caller, &filter).await.map(Json)
}

pub(super) async fn retry(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Raised>), Problem> {
    put_back(&server, &caller, number(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Raised { count: 1 })))
}

pub(super) async fn retry_all(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(failed): Asked<Failed>,
) -> Result<(StatusCode, Json<Raised>), Problem> {
    let count = put_all_back(&server, &caller, &failed).await?;
    Ok((StatusCode::ACCEPTED, Json(Raised { count })))
}

/// Lets a dead delivery wait again.
pub(in crate::server) async fn put_back(server: &Server, caller: &Caller, id: i64) -> Result<(), Problem> {
    let row = concat!(
        "SELECT d.action FROM delivery d JOIN report r ON r.id = d.report WHERE d.id = ?2 AND ",
        seen!("r.source")
    );
    let row = sqlx::query(row).bind(caller.sources()).bind(id).fetch_optional(server.store.readers());
    let row = row.await.map_err(cannot)?.ok_or_else(Problem::not_found)?;
    caller.may(Scope::Scan)?;
    let action: String = row.try_get(0).map_err(cannot)?;
    if !server.actions.all().iter().any(|known| known.name == action) {
        return Err(Problem::new(StatusCode::CONFLICT, "there is no action of this name any more"));
    }
    let (now, who) = (server.clock.now(), caller.who.clone());
    let raised = server.store.write(move |connection| {
        Box::pin(async move {
            let is_raised = run::retry(connection, id, now).await?;
            if is_raised {
                audit(connection, now, &who, "delivery retry", &id.to_string()).await?;
            }
            Ok(is_raised)
        })
    });
    if !raised.await? {
        return Err(Problem::new(StatusCode::CONFLICT, "only a dead delivery is put back"));
    }
    server.deliveries.notify_waiters();
    Ok(())
}

/// Lets all dead deliveries of a filter wait again whose actions are still there, the oldest first; says how many.
pub(in crate::server) async fn put_all_back(
    server: &Server,
    caller: &Caller,
    failed: &Failed,
) -> Result<usize, Problem> {
    caller.may(Scope::Scan)?;
    let names: Vec<&String> = server.actions.all().iter().map(|action| &action.name).collect();
    let names = serde_json::json!(names).to_string();
    let mut count = 0;
    let begun = Instant::now();
    while count < MOST_RAISED && begun.elapsed() < RAISING {
        let (now, who, sources) = (server.clock.now(), caller.who.clone(), caller.sources());
        let (failed, names) = (failed.clone(), names.clone());
        let raised = server.store.write(move |connection| {
            Box::pin(async move {
                let list = concat!(
                    "SELECT d.id FROM delivery d JOIN report r ON r.id = d.report WHERE d.state = 'dead' AND ",
                    seen!("r.source"),
                    " AND (?2 IS NULL OR r.source = ?2) AND (?3 IS NULL OR instr(lower(d.reason), lower(?3)) > 0) \
                     AND d.action IN (SELECT value FROM json_each(?4)) ORDER BY d.id LIMIT ?5"
                );
                let rows = sqlx::query(list).bind(sources).bind(failed.source).bind(failed.text);
                let rows = rows.bind(names).bind(RAISED_TOGETHER).fetch_all(&mut *connection).await.map_err(cannot)?;
                for row in &rows {
                    let id: i64 = row.try_get(0).map_err(cannot)?;
                    run::retry(connection, id, now).await?;
                    audit(connection, now, &who, "delivery retry", &id.to_string()).await?;
                }
                Ok(rows.len())
            })
        });
        let raised = raised.await?;
        if raised == 0 {
            break;
        }
        count += raised;
    }
    server.deliveries.notify_waiters();
    Ok(count)
}

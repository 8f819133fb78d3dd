//! `/api/v1/audit`: who changed what, and who logged in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::Result;
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token::{Caller, Scope};

use super::{Asked, Page, blank, cannot, limit, time};

/// Which lines.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::server) struct Filter {
    /// A part of any of its words.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) text: Option<String>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) limit: Option<i64>,
    /// Behind which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) after: Option<i64>,
}

/// A line.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Line {
    id: i64,
    at: String,
    who: String,
    what: String,
    subject: String,
}

/// Lines by a filter, the newest first; for those who may do everything with all sources.
pub(in crate::server) async fn find(server: &Server, caller: &Caller, filter: &Filter) -> Result<Page<Line>, Problem> {
    caller.may(Scope::Admin)?;
    if !caller.sees_all() {
        return Err(Problem::not_found());
    }
    let limit = limit(filter.limit)?;
    let rows = sqlx::query(
        "SELECT id, at, who, what, subject FROM audit WHERE (?2 IS NULL OR id < ?2) \
         AND (?3 IS NULL OR instr(lower(who || ' ' || what || ' ' || subject), lower(?3)) > 0) ORDER BY id DESC LIMIT ?1",
    );
    let rows = rows.bind(limit + 1).bind(filter.after).bind(&filter.text);
    let rows = rows.fetch_all(server.store.readers()).await.map_err(cannot)?;
    let lines = rows.iter().map(read).collect::<Result<Vec<Line>>>()?;
    Ok(Page::of(lines, limit, |line| line.id))
}

fn read(row: &SqliteRow) -> Result<Line> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(cannot);
    let at: i64 = row.try_get(1).map_err(cannot)?;
    Ok(Line { id: row.try_get(0).map_err(cannot)?, at: time(at), who: text(2)?, what: text(3)?, subject: text(4)? })
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<Line>>, Problem> {
    find(&server, &caller, &filter).await.map(Json)
}

//! How the server is: `/healthz`, `/readyz`, `/metrics`; and which policies judge what.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::policy::DEFAULT_PRESET;
use crate::server::config::PolicyChoice;
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token::Caller;

use super::cannot;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says that the process answers; looks at nothing that could keep it waiting.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(server): State<Arc<Server>>) -> (StatusCode, &'static str) {
    if server.is_ending() {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n");
    }
    let asked = sqlx::query("SELECT count(*) FROM setting").fetch_one(server.store.readers());
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}

/// What is looked up for `/metrics`: name, help, and a statement that gives one number; parameter 1 is the time.
const GAUGES: &[(&str, &str, &str)] = &[
    ("jobs_waiting", "Jobs that wait.", "SELECT count(*) FROM job WHERE state = 'queued'"),
    ("jobs_running", "Jobs that run.", "SELECT count(*) FROM job WHERE state = 'leased'"),
    ("jobs_dead", "Jobs that were given up.", "SELECT count(*) FROM job WHERE state = 'dead'"),
    (
        "jobs_oldest_waiting_seconds",
        "How long the oldest job has waited.",
        "SELECT coalesce((?1 - min(created)) / 1000, 0) FROM job WHERE state = 'queued'",
    ),
    ("events_dead", "Dead letters.", "SELECT count(*) FROM event WHERE state = 'dead'"),
    ("deliveries_waiting", "Deliveries that wait.", "SELECT count(*) FROM delivery WHERE state = 'queued'"),
    ("deliveries_dead", "Deliveries that were given up.", "SELECT count(*) FROM delivery WHERE state = 'dead'"),
    ("images", "Images that are known and not deleted.", "SELECT count(*) FROM image WHERE deleted IS NULL"),
    ("reports", "Reports that are kept.", "SELECT count(*) FROM report"),
    (
        "store_bytes",
        "Bytes of the store.",
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    ),
];

pub(super) async fn metrics(State(server): State<Arc<Server>>, caller: Caller) -> Result<Response, Problem> {
    if !caller.sees_all() {
        return Err(Problem::not_found());
    }
    let now = server.clock.now();
    let mut gauges = Vec::with_capacity(GAUGES.len());
    for (name, help, statement) in GAUGES {
        let row = if statement.contains("?1") { sqlx::query(*statement).bind(now.0) } else { sqlx::query(*statement) };
        let row = row.fetch_one(server.store.readers()).await.map_err(cannot)?;
        gauges.push((*name, *help, row.try_get(0).map_err(cannot)?));
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], server.metrics.render(&gauges)).into_response())
}

/// Which policies judge what the caller may see, the first that fits; behind them what judges all else.
pub(super) async fn policies(State(server): State<Arc<Server>>, caller: Caller) -> Json<Value> {
    let is_seen = |choice: &&PolicyChoice| {
        let mut names = server.config.sources.iter().map(|source| source.name.get_ref());
        caller.sees_all() || names.any(|name| caller.sees(name) && choice.source.0.is_match(name))
    };
    let choices = server.config.policies.iter().filter(is_seen).map(|choice| {
        json!({
            "source": choice.source.0.to_string(), "repository": choice.repository.0.to_string(), "policy": choice.policy, "waivers": choice.waivers,
        })
    });
    let rest = json!({ "source": "**", "repository": "**", "policy": [DEFAULT_PRESET], "waivers": [] });
    Json(json!({ "items": choices.chain([rest]).collect::<Vec<_>>() }))
}

//! Lists: findings, the queue, dead letters, the audit log, the age of advisory data.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use minijinja::context;
use serde::Serialize;

use crate::advisory::store::Manifest;
use crate::error::{Error, ErrorKind, Result};
use crate::server::api::{
    Asked, ByState, Failed, audit as log, cannot, deliveries, events, findings as api, images, jobs, number,
};
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token::Scope;

use super::{Fault, Visitor, form, page, told};

pub(super) async fn findings(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    asked: Result<Asked<api::Filter>, Problem>,
) -> Result<Response, Fault> {
    let Asked(filter) = asked?;
    let found = api::find(&server, &caller, &filter).await?;
    let next = form::continued(&filter, found.next);
    // that no image is meant is another thing than that it has none
    let is_of_none = match &filter.image {
        Some(image) if found.items.is_empty() && !image.bytes().all(|b| b.is_ascii_digit()) => {
            let tagged = filter.tagged.clone().or_else(|| Some("any".to_owned()));
            let meant =
                images::Filter { repository: Some(image.clone()), tagged, limit: Some(1), ..Default::default() };
            images::find(&server, &caller, &meant).await?.items.is_empty()
        }
        _ => false,
    };
    let fields = context! {
        tagged => filter.tagged.unwrap_or_default(),
        rule => filter.rule.unwrap_or_default(), severity => filter.severity.unwrap_or_default(),
        action => filter.action.unwrap_or_default(), image => filter.image.unwrap_or_default(),
        package => filter.package.unwrap_or_default(), text => filter.text.unwrap_or_default(),
    };
    page("findings.html", Some(&caller), context! { findings => told(&found.items), is_of_none, next, fields })
}

pub(super) async fn queue(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    asked: Result<Asked<ByState>, Problem>,
) -> Result<Response, Fault> {
    let Asked(filter) = asked?;
    let found = jobs::find(&server, &caller, &filter).await?;
    let next = form::continued(&filter, found.next);
    let counts = sqlx::query_as::<_, (String, String, i64)>(
        "SELECT source, state, count(*) FROM job WHERE state IN ('queued', 'leased', 'dead') AND \
         (?1 IS NULL OR source IN (SELECT value FROM json_each(?1))) GROUP BY source, state ORDER BY source, state",
    );
    let counts = counts.bind(caller.sources()).fetch_all(server.store.readers()).await.map_err(cannot)?;
    let counts: Vec<_> = counts.into_iter().map(|(source, state, count)| context! { source, state, count }).collect();
    let state = filter.state.unwrap_or_default();
    page("queue.html", Some(&caller), context! { jobs => told(&found.items), counts, next, state })
}

/// Rows of each section of the page of dead letters.
const MOST_DEAD: i64 = 50;

pub(super) async fn dead(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    asked: Result<Asked<Failed>, Problem>,
) -> Result<Response, Fault> {
    let Asked(Failed { source, text }) = asked?;
    let dead = ByState {
        state: Some("dead".to_owned()),
        source: source.clone(),
        text: text.clone(),
        limit: Some(MOST_DEAD),
        ..ByState::default()
    };
    let letters = events::find(&server, &caller, &dead).await?;
    let given_up = jobs::find(&server, &caller, &dead).await?;
    let untold = deliveries::find(&server, &caller, &dead).await?;
    let sources: Vec<&String> = server.hooks.keys().filter(|name| caller.sees(name)).collect();
    let values = context! {
        letters => told(&letters.items), more_letters => letters.next.is_some(),
        jobs => told(&given_up.items), more_jobs => given_up.next.is_some(),
        deliveries => told(&untold.items), more_deliveries => untold.next.is_some(),
        may_retry => caller.scope >= Scope::Scan, sources => told(&sources),
        fields => context! { source => source.unwrap_or_default(), text => text.unwrap_or_default() },
    };
    page("dead.html", Some(&caller), values)
}

pub(super) async fn audit(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    asked: Result<Asked<log::Filter>, Problem>,
) -> Result<Response, Fault> {
    let Asked(filter) = asked?;
    let found = log::find(&server, &caller, &filter).await?;
    let next = form::continued(&filter, found.next);
    let text = filter.text.unwrap_or_default();
    page("audit.html", Some(&caller), context! { lines => told(&found.items), next, text })
}

pub(super) async fn retry_events(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    body: Body,
) -> Result<Response, Fault> {
    let failed: Failed = form::sent(body).await?;
    events::put_all_back(&server, &caller, &failed).await?;
    Ok(to_dead(&failed))
}

pub(super) async fn retry_jobs(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    body: Body,
) -> Result<Response, Fault> {
    let failed: Failed = form::sent(body).await?;
    jobs::put_all_back(&server, &caller, &failed).await?;
    Ok(to_dead(&failed))
}

pub(super) async fn retry_deliveries(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    body: Body,
) -> Result<Response, Fault> {
    let failed: Failed = form::sent(body).await?;
    deliveries::put_all_back(&server, &caller, &failed).await?;
    Ok(to_dead(&failed))
}

pub(super) async fn retry_delivery(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    deliveries::put_back(&server, &caller, number(&id)?).await?;
    Ok(Redirect::to("/dead").into_response())
}

/// Back to the page, by the same filter.
fn to_dead(failed: &Failed) -> Response {
    let fields = [("source", failed.source.as_deref()), ("text", failed.text.as_deref())];
    let fields: Vec<(&str, &str)> = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    if fields.is_empty() {
        return Redirect::to("/dead").into_response();
    }
    Redirect::to(&format!("/dead?{}", form::query(&fields))).into_response()
}

pub(super) async fn retry_event(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    events::put_back(&server, &caller, number(&id)?).await?;
    Ok(Redirect::to("/dead").into_response())
}

pub(super) async fn retry_job(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    jobs::put_back(&server, &caller, number(&id)?).await?;
    Ok(Redirect::to("/dead").into_response())
}

/// What is known of one kind of advisories.
#[derive(Debug, Serialize)]
struct Shard {
    name: String,
    records: u64,
    newest: String,
    confirmed: Option<String>,
    age_days: Option<i64>,
    is_old: bool,
}

/// Days after which data are shown as old.
const OLD_DAYS: i64 = 3;

pub(super) async fn data(State(server): State<Arc<Server>>, Visitor(caller): Visitor) -> Result<Response, Fault> {
    let now = server.clock.now().timestamp();
    let manifest = match server.config.advisories.clone() {
        None => None,
        Some(folder) => {
            let read = tokio::task::spawn_blocking(move || read_manifest(&folder.join("manifest.json"))).await;
            let failed = |e| Error::new(ErrorKind::Internal, "cannot read the advisory data").because(e);
            Some(read.map_err(failed)?.ok())
        }
    };
    let shards: Option<Vec<Shard>> = manifest.as_ref().and_then(Option::as_ref).map(|manifest| {
        let shard = |(name, entry): (&String, &crate::advisory::store::Entry)| {
            let confirmed = entry.confirmed();
            let age_days = confirmed.map(|confirmed| now.date().days_since(confirmed.date()));
            Shard {
                name: name.clone(),
                records: entry.records,
                newest: entry.newest.clone(),
                confirmed: confirmed.map(|confirmed| confirmed.to_string()),
                age_days,
                is_old: age_days.is_none_or(|days| days > OLD_DAYS),
            }
        };
        manifest.shards.iter().map(shard).collect()
    });
    let is_configured = manifest.is_some();
    page("data.html", Some(&caller), context! { shards => told(&shards), is_configured })
}

fn read_manifest(path: &std::path::Path) -> Result<Manifest> {
    use std::io::Read as _;
    let cannot = |e| Error::io("cannot read the manifest of the advisory data", e);
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(cannot)?.take(16 << 20).read_to_end(&mut bytes).map_err(cannot)?;
    Manifest::parse(&bytes)
}

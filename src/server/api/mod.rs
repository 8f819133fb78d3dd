//! `/api/v1`: what programs ask. Described by `docs/openapi.json`, which a test holds against `ROUTES`.
//!
//! Lists are paged by key: `limit` of them at once, and `after` takes what `next` of the page before says. What a caller
//! may not see is told as what is not there.

pub(super) mod audit;
pub(super) mod deliveries;
pub(super) mod events;
pub(super) mod findings;
pub(super) mod images;
pub(super) mod jobs;
mod named;
pub(super) mod reports;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;

use super::clock::Moment;
use super::problem::Problem;
use super::state::Server;
use super::store::of_sql;

/// One path, and what is done there.
pub(super) struct Route {
    /// The method, in lower case.
    #[cfg_attr(not(test), expect(dead_code, reason = "held against the description by a test"))]
    pub(super) method: &'static str,
    /// The path, in the words of both axum and `OpenAPI`.
    pub(super) path: &'static str,
    /// The handler.
    pub(super) handler: fn() -> MethodRouter<Arc<Server>>,
}

/// All of them, sorted by path.
pub(super) static ROUTES: &[Route] = &[
    Route { method: "get", path: "/api/v1/audit", handler: || get(audit::list) },
    Route { method: "get", path: "/api/v1/deliveries", handler: || get(deliveries::list) },
    Route { method: "post", path: "/api/v1/deliveries/retry", handler: || post(deliveries::retry_all) },
    Route { method: "post", path: "/api/v1/deliveries/{id}/retry", handler: || post(deliveries::retry) },
    Route { method: "get", path: "/api/v1/events", handler: || get(events::list) },
    Route { method: "post", path: "/api/v1/events/retry", handler: || post(events::retry_all) },
    Route { method: "post", path: "/api/v1/events/{id}/retry", handler: || post(events::retry) },
    Route { method: "get", path: "/api/v1/findings", handler: || get(findings::list) },
    Route { method: "get", path: "/api/v1/images", handler: || get(images::list) },
    Route { method: "get", path: "/api/v1/images/{id}", handler: || get(images::one) },
    Route { method: "get", path: "/api/v1/jobs", handler: || get(jobs::list) },
    Route { method: "post", path: "/api/v1/jobs/retry", handler: || post(jobs::retry_all) },
    Route { method: "get", path: "/api/v1/jobs/{id}", handler: || get(jobs::one) },
    Route { method: "post", path: "/api/v1/jobs/{id}/retry", handler: || post(jobs::retry) },
    Route { method: "get", path: "/api/v1/policies", handler: || get(state::policies) },
    Route { method: "get", path: "/api/v1/reports/{id}", handler: || get(reports::one) },
    Route { method: "post", path: "/api/v1/scan", handler: || post(jobs::scan) },
    Route { method: "get", path: "/healthz", handler: || get(state::healthz) },
    Route { method: "get", path: "/metrics", handler: || get(state::metrics) },
    Route { method: "get", path: "/readyz", handler: || get(state::readyz) },
];

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().merge(of(ROUTES)).route("/api/{*rest}", axum::routing::any(nothing))
}

/// The routes of a table; what is answered loads nothing, wherever it is shown.
pub(super) fn of(routes: &'static [Route]) -> Router<Arc<Server>> {
    let add = |router: Router<Arc<Server>>, route: &Route| router.route(route.path, (route.handler)());
    routes.iter().fold(Router::new(), add).layer(axum::middleware::map_response(guard))
}

async fn guard(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    response.headers_mut().entry(header::CONTENT_SECURITY_POLICY).or_insert(nothing);
    response
}

async fn nothing() -> Response {
    Problem::not_found().into_response()
}

/// `?…` of a request, of known fields alone.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Server>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Server>) -> Result<Self, Problem> {
        let asked = Query::<T>::try_from_uri(&parts.uri);
        asked.map(|Query(asked)| Self(asked)).map_err(|rejection| Problem::bad(rejection.body_text()))
    }
}

/// Which jobs, or which events.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ByState {
    /// The word of a state.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// The source.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// A part of the reason.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<i64>,
    /// Behind which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<i64>,
}

/// Which of what failed is to be put back.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Failed {
    /// The source.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// A part of the reason.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

/// How many wait again.
#[derive(Debug, Serialize)]
pub(super) struct Raised {
    count: usize,
}

/// What is put back by one request, and by one piece of writing.
const MOST_RAISED: usize = 10_000;
const RAISED_TOGETHER: i64 = 500;

/// For how long dead letters are put back at one request, which is then answered: the rest waits for the next.
const RAISING: Duration = Duration::from_secs(8);

/// A part of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// What is in it.
    pub(super) items: Vec<T>,
    /// `after` of the next part, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<i64>,
}

/// Entries of a part, at most, and where nothing is asked for.
const MOST: i64 = 500;
const USUAL: i64 = 50;

/// How many entries; what is beyond the bounds is an error, so that nobody takes a part for the whole.
pub(super) fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    match asked {
        None => Ok(USUAL),
        Some(limit @ 1..=MOST) => Ok(limit),
        Some(_) => Err(Problem::bad(format!("`limit` is from 1 to {MOST}"))),
    }
}

impl<T> Page<T> {
    /// A part of `limit` entries of what one more was asked for than that.
    pub(super) fn of(mut items: Vec<T>, limit: i64, key: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| is_more).map(key);
        Self { items, next }
    }
}

/// A field that a form sends empty is not there.
pub(super) fn blank<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Numbers in paths; what is none is no number of anything.
pub(super) fn number(text: &str) -> Result<i64, Problem> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(Problem::not_found)
}

/// What a column of times says.
pub(super) fn time(milliseconds: i64) -> String {
    Moment(milliseconds).timestamp().to_string()
}

/// A pattern with `*` for the `GLOB` of `SQLite`, where nothing else has a meaning.
pub(super) fn glob(text: &str) -> Result<String, Problem> {
    if text.len() > 256 || text.matches('*').count() > 8 {
        return Err(Problem::bad("a pattern has up to 256 characters, and 8 of them are `*`"));
    }
    Ok(text.replace('[', "[[]").replace('?', "[?]"))
}

pub(super) fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot read the store", error)
}

/// Whether the caller, parameter 1, may see what this column names the source of.
macro_rules! seen {
    ($column:literal) => {
        concat!("(?1 IS NULL OR ", $column, " IN (SELECT value FROM json_each(?1)))")
    };
}
pub(super) use seen;

/// Whether a tag is image `i`.
macro_rules! tagged {
    () => {
        "EXISTS (SELECT 1 FROM tag WHERE image = i.id)"
    };
}
pub(super) use tagged;

/// Whether image `i` stands in lists unless others are asked for: not if it lost its tags to other images, nor if it is a
/// part of an index that stands there itself.
macro_rules! shown {
    () => {
        "(NOT EXISTS (SELECT 1 FROM replaced WHERE image = i.id) AND (EXISTS (SELECT 1 FROM tag WHERE image = i.id) OR NOT EXISTS (SELECT 1 FROM part p \
         JOIN image w ON w.id = p.whole WHERE p.digest = i.digest AND w.registry = i.registry \
         AND w.repository = i.repository AND w.source = i.source AND w.deleted IS NULL)))"
    };
}
pub(super) use shown;

/// Columns of the newest job `j` of image `i` that is not done; one that was given up counts until there is a newer
/// report.
macro_rules! open_job {
    ($columns:literal) => {
        concat!(
            "(SELECT ",
            $columns,
            " FROM job j WHERE j.digest = i.digest AND j.registry = i.registry AND j.repository = i.repository \
             AND j.source = i.source AND j.state <> 'done' \
             AND (j.state <> 'dead' OR NOT EXISTS (SELECT 1 FROM report n WHERE n.image = i.id AND n.made >= j.ended)) \
             ORDER BY j.id DESC LIMIT 1)"
        )
    };
}
pub(super) use open_job;

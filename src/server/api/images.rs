//! `/api/v1/images`: what was seen, with its newest verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::Result;
use crate::rule::Severity;
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token::Caller;

use super::named::Named;
use super::{Asked, Page, blank, cannot, limit, number, open_job, seen, shown, tagged, time};

/// Which images.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::server) struct Filter {
    /// Name of the registry.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) registry: Option<String>,
    /// The repository, also behind its registry's name or host, or a whole reference; `*` stands for anything.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) repository: Option<String>,
    /// A tag that points at it.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) tag: Option<String>,
    /// Its digest.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) digest: Option<String>,
    /// Outcome of the newest report; `none` where there is none, `dead` where the newest scan was given up.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) outcome: Option<String>,
    /// The source that told of it.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) source: Option<String>,
    /// `yes` for those that a tag is, `no` for those that none is, `any` for all. Else all but those that lost their
    /// tags, and the parts of an index that was scanned whole.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) tagged: Option<String>,
    /// Whether those that were deleted in the registry are listed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) deleted: Option<bool>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) limit: Option<i64>,
    /// Behind which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) after: Option<i64>,
}

/// An image.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Image {
    pub(in crate::server) id: i64,
    registry: String,
    /// By which it is pulled; nothing where its registry is configured no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    pub(in crate::server) repository: String,
    pub(in crate::server) digest: String,
    source: String,
    /// Tags that point at it, the one moved last first.
    tags: Vec<String>,
    first_seen: String,
    last_seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<String>,
    /// Its reports, the newest first.
    pub(in crate::server) reports: Vec<Report>,
    /// Verdicts of what its newest tag was, the newest first.
    trend: Vec<Mark>,
    /// The newest scan of it that is not done, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<Scan>,
    /// Findings of the newest report by severity.
    counts: BTreeMap<&'static str, i64>,
}

/// A verdict in the history of a tag.
#[derive(Debug, Serialize)]
struct Mark {
    report: String,
    image: i64,
    made: String,
    outcome: String,
}

/// A scan that is not done.
#[derive(Debug, Serialize)]
struct Scan {
    job: i64,
    /// `queued`, `leased`, or `dead` if it was given up.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A report as lists show it.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Report {
    pub(in crate::server) id: String,
    made: String,
    outcome: String,
    has_gaps: bool,
    policy: String,
    data_version: String,
}

/// Reports that are told of each image.
const MOST_REPORTS: i64 = 10;

/// Verdicts of a trend.
const MOST_MARKS: usize = 10;

const COLUMNS: &str = concat!(
    "SELECT i.id, i.registry, i.repository, i.digest, i.source, i.first_seen, i.last_seen, i.deleted, \
     (SELECT json_group_array(name) FROM (SELECT name FROM tag WHERE image = i.id ORDER BY moved DESC, name LIMIT 20)), \
     (SELECT json_group_array(json_array(id, made, outcome, has_gaps, policy, data_version)) FROM \
     (SELECT * FROM report WHERE image = i.id AND ",
    seen!("source"),
    " ORDER BY made DESC, rowid DESC LIMIT ?2)), \
     (SELECT json_group_array(json_array(severity, number)) FROM (SELECT severity, count(*) AS number FROM finding \
     WHERE report = (SELECT id FROM report WHERE image = i.id AND ",
    seen!("source"),
    " ORDER BY made DESC, rowid DESC LIMIT 1) AND action <> 'waived' GROUP BY severity)), ",
    open_job!("json_array(j.id, j.state, j.reason)"),
    ", (SELECT moved FROM tag WHERE image = i.id ORDER BY moved DESC, name LIMIT 1), \
     (SELECT json_group_array(json_array(id, image, made, outcome)) FROM (SELECT r.id, r.image, r.made, r.outcome FROM \
     (SELECT m.id AS move, coalesce((SELECT n.id FROM report n WHERE n.image = m.image AND n.made < m.until AND ",
    seen!("n.source"),
    " ORDER BY n.made DESC, n.rowid DESC LIMIT 1), (SELECT n.id FROM report n WHERE n.image = m.image AND ",
    seen!("n.source"),
    " ORDER BY n.made, n.rowid LIMIT 1)) AS report \
     FROM (SELECT v.id, v.image, (SELECT x.moved FROM tag_move x WHERE x.registry = v.registry AND x.repository = v.repository \
     AND x.name = v.name AND x.source = v.source AND x.id > v.id ORDER BY x.id LIMIT 1) AS until FROM tag_move v WHERE v.registry = i.registry \
     AND v.repository = i.repository AND v.source = i.source AND v.name = (SELECT name FROM tag WHERE image = i.id ORDER BY moved DESC, name LIMIT 1)) m \
     WHERE m.until IS NOT NULL ORDER BY m.id DESC LIMIT 10) e JOIN report r ON r.id = e.report ORDER BY e.move DESC)) \
     FROM image i WHERE (",
    seen!("i.source"),
    " OR EXISTS (SELECT 1 FROM report WHERE image = i.id AND ",
    seen!("source"),
    "))"
);

const LIST: &str = concat!(
    " AND (?4 IS NULL OR i.id < ?4) AND (?5 IS NULL OR i.registry = ?5) \
     AND (?6 IS NULL OR i.repository GLOB ?6 OR (i.registry = ?12 AND i.repository GLOB ?13)) \
     AND (?7 IS NULL OR EXISTS (SELECT 1 FROM tag WHERE image = i.id AND name = ?7)) \
     AND (?8 IS NULL OR i.digest = ?8) AND (?9 IS NULL OR i.source = ?9) AND (?10 OR i.deleted IS NULL) \
     AND (?11 IS NULL OR CASE ?11 WHEN 'dead' THEN 'dead' = ",
    open_job!("j.state"),
    " ELSE ?11 = coalesce((SELECT outcome FROM report WHERE image = i.id AND ",
    seen!("source"),
    " ORDER BY made DESC, rowid DESC LIMIT 1), 'none') END) \
     AND CASE coalesce(?14, '') WHEN 'any' THEN 1 WHEN 'yes' THEN ",
    tagged!(),
    " WHEN 'no' THEN NOT ",
    tagged!(),
    " ELSE ",
    shown!(),
    " END ORDER BY i.id DESC LIMIT ?3"
);

/// Images by a filter, the newest first.
pub(in crate::server) async fn find(server: &Server, caller: &Caller, filter: &Filter) -> Result<Page<Image>, Problem> {
    let limit = limit(filter.limit)?;
    let outcomes = ["passed", "failed", "incomplete", "none", "dead"];
    if filter.outcome.as_deref().is_some_and(|outcome| !outcomes.contains(&outcome)) {
        return Err(Problem::bad("an outcome is `passed`, `failed`, `incomplete`, `none` or `dead`"));
    }
    check_tagged(filter.tagged.as_deref())?;
    let named = match &filter.repository {
        Some(text) => Named::read(server, text)?,
        None => Named::default(),
    };
    let digest = filter.digest.as_ref().or(named.digest.as_ref());
    // who names one by its digest means this one
    let tagged = filter.tagged.as_deref().or(digest.map(|_| "any"));
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS}{LIST}")))
        .bind(caller.sources())
        .bind(MOST_REPORTS)
        .bind(limit + 1)
        .bind(filter.after)
        .bind(&filter.registry)
        .bind(&named.repository)
        .bind(filter.tag.as_ref().or(named.tag.as_ref()))
        .bind(digest)
        .bind(&filter.source)
        .bind(filter.deleted.unwrap_or(false))
        .bind(&filter.outcome)
        .bind(&named.registry)
        .bind(&named.within)
        .bind(tagged)
        .fetch_all(server.store.readers())
        .await
        .map_err(cannot)?;
    let images = rows.iter().map(|row| read(server, row)).collect::<Result<Vec<Image>>>()?;
    Ok(Page::of(images, limit, |image| image.id))
}

/// Whether this is a word for `tagged`.
pub(super) fn check_tagged(word: Option<&str>) -> Result<(), Problem> {
    match word {
        None | Some("yes" | "no" | "any") => Ok(()),
        Some(_) => Err(Problem::bad("`tagged` is `yes`, `no` or `any`")),
    }
}

/// One image.
pub(in crate::server) async fn get(server: &Server, caller: &Caller, id: i64) -> Result<Image, Problem> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND i.id = ?3")));
    let row = row.bind(caller.sources()).bind(100).bind(id);
    let row = row.fetch_optional(server.store.readers()).await.map_err(cannot)?.ok_or_else(Problem::not_found)?;
    Ok(read(server, &row)?)
}

fn read(server: &Server, row: &SqliteRow) -> Result<Image> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(cannot);
    let when = |index: usize| row.try_get::<i64, _>(index).map(time).map_err(cannot);
    let reports: Vec<(String, i64, String, i64, String, String)> = parsed(&text(9)?);
    let counts: Vec<(usize, i64)> = parsed(&text(10)?);
    let scan: Option<(i64, String, Option<String>)> =
        row.try_get::<Option<String>, _>(11).map_err(cannot)?.and_then(|scan| serde_json::from_str(&scan).ok());
    let moved: Option<i64> = row.try_get(12).map_err(cannot)?;
    let earlier: Vec<(String, i64, i64, String)> = parsed(&text(13)?);
    let id: i64 = row.try_get(0).map_err(cannot)?;
    let (registry, repository, digest) = (text(1)?, text(2)?, text(3)?);
    let reference = server.config.registry(&registry).map(|found| format!("{}/{repository}@{digest}", found.host));
    Ok(Image {
        id,
        reference,
        registry,
        repository,
        digest,
        trend: trend(id, moved, &reports, earlier),
        scan: scan.map(|(job, state, reason)| Scan { job, state, reason }),
        source: text(4)?,
        first_seen: when(5)?,
        last_seen: when(6)?,
        deleted: row.try_get::<Option<i64>, _>(7).map_err(cannot)?.map(time),
        tags: parsed(&text(8)?),
        reports: reports
            .into_iter()
            .map(|(id, made, outcome, has_gaps, policy, data_version)| Report {
                id,
                made: time(made),
                outcome,
                has_gaps: has_gaps != 0,
                policy,
                data_version,
            })
            .collect(),
        counts: counts
            .into_iter()
            .filter_map(|(severity, count)| Some((Severity::ALL.get(severity)?.as_str(), count)))
            .collect(),
    })
}

/// The verdicts of an image, and behind them those of what its tag was before. Of an image that was there before its tag
/// came to it, only what was found since belongs to the tag, or what was known of it then.
fn trend(
    id: i64,
    moved: Option<i64>,
    reports: &[(String, i64, String, i64, String, String)],
    earlier: Vec<(String, i64, i64, String)>,
) -> Vec<Mark> {
    let since = moved.filter(|_| !earlier.is_empty()).unwrap_or(i64::MIN);
    let own = reports.iter().enumerate().filter(|(place, report)| *place == 0 || report.1 >= since);
    let own = own.map(|(_, (report, made, outcome, ..))| (report.clone(), id, *made, outcome.clone()));
    let mark = |(report, image, made, outcome)| Mark { report, image, made: time(made), outcome };
    own.chain(earlier).take(MOST_MARKS).map(mark).collect()
}

/// What `SQLite` wrote as JSON a moment ago.
fn parsed<T: serde::de::DeserializeOwned + Default>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_default()
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<Image>>, Problem> {
    find(&server, &caller, &filter).await.map(Json)
}

pub(super) async fn one(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Image>, Problem> {
    get(&server, &caller, number(&id)?).await.map(Json)
}

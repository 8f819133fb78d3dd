//! `/api/v1/findings`: what was found in all images, by their newest reports.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::Result;
use crate::rule::Severity;
use crate::server::problem::Problem;
use crate::server::random::is_id;
use crate::server::state::Server;
use crate::server::token::Caller;

use super::images::check_tagged;
use super::named::Named;
use super::{Asked, Page, blank, cannot, glob, limit, seen, shown, tagged};

/// Which findings.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::server) struct Filter {
    /// Id of the rule; `*` stands for anything.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) rule: Option<String>,
    /// This severity and above.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) severity: Option<String>,
    /// What the policy says.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) action: Option<String>,
    /// The image: its number, its digest, its repository, also behind its registry's name or host, or a whole reference;
    /// `*` stands for anything.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) image: Option<String>,
    /// The package URL; `*` stands for anything.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) package: Option<String>,
    /// Words of the message, `CVE-2024-3094` among them.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) text: Option<String>,
    /// Images that a tag is, as for images.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) tagged: Option<String>,
    /// One report, which need not be the newest of its image.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) report: Option<String>,
    /// The source.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub(in crate::server) source: Option<String>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) limit: Option<i64>,
    /// Behind which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::server) after: Option<i64>,
}

/// A finding.
#[derive(Debug, Serialize)]
pub(in crate::server) struct Finding {
    id: i64,
    report: String,
    image: i64,
    registry: String,
    repository: String,
    digest: String,
    platform: String,
    rule: String,
    severity: &'static str,
    action: String,
    fingerprint: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<String>,
}

const LIST: &str = concat!(
    "SELECT f.id, f.report, i.id, i.registry, i.repository, i.digest, f.platform, f.rule, f.severity, f.action, \
     f.fingerprint, f.message, f.path, f.package, f.fixed FROM finding f JOIN report r ON r.id = f.report \
     JOIN image i ON i.id = r.image WHERE ",
    seen!("r.source"),
    " AND (?3 IS NULL OR f.id < ?3) AND (?4 IS NULL OR f.rule GLOB ?4) AND f.severity >= ?5 \
     AND (?6 IS NULL OR f.action = ?6) AND (?7 IS NULL OR i.id = ?7) AND (?8 IS NULL OR i.digest = ?8) \
     AND (?9 IS NULL OR i.repository GLOB ?9 OR (i.registry = ?14 AND i.repository GLOB ?15)) \
     AND (?16 IS NULL OR EXISTS (SELECT 1 FROM tag WHERE image = i.id AND name = ?16)) AND (?10 IS NULL OR f.package GLOB ?10) \
     AND (?11 IS NULL OR instr(lower(f.message), lower(?11)) > 0) AND (?12 IS NULL OR r.source = ?12) \
     AND CASE WHEN ?13 IS NULL THEN i.deleted IS NULL AND r.id = (SELECT id FROM report WHERE image = i.id AND ",
    seen!("source"),
    " ORDER BY made DESC, rowid DESC LIMIT 1) AND CASE coalesce(?17, '') WHEN 'any' THEN 1 WHEN 'yes' THEN ",
    tagged!(),
    " WHEN 'no' THEN NOT ",
    tagged!(),
    " ELSE ",
    shown!(),
    " END ELSE f.report = ?13 END ORDER BY f.id DESC LIMIT ?2"
);

/// Findings by a filter, the newest first.
pub(in crate::server) async fn find(
    server: &Server,
    caller: &Caller,
    filter: &Filter,
) -> Result<Page<Finding>, Problem> {
    let limit = limit(filter.limit)?;
    let severity = match &filter.severity {
        None => 0,
        Some(word) => Severity::ALL
            .iter()
            .position(|severity| severity.as_str() == word)
            .ok_or_else(|| Problem::bad("a severity is `info`, `low`, `medium`, `high` or `critical`"))?,
    };
    if filter.report.as_deref().is_some_and(|report| !is_id(report)) {
        return Err(Problem::bad("`report` is the id of one"));
    }
    let image = filter.image.as_deref().unwrap_or_default();
    let is_number = image.bytes().all(|b| b.is_ascii_digit());
    let (number, named) = match image {
        "" => (None, Named::default()),
        image if is_number => (Some(super::number(image)?), Named::default()),
        image => (None, Named::read(server, image)?),
    };
    check_tagged(filter.tagged.as_deref())?;
    // who names one image means this one
    let tagged = filter.tagged.as_deref().or((number.is_some() || named.digest.is_some()).then_some("any"));
    let rows = sqlx::query(LIST)
        .bind(caller.sources())
        .bind(limit + 1)
        .bind(filter.after)
        .bind(filter.rule.as_deref().map(glob).transpose()?)
        .bind(i64::try_from(severity).unwrap_or(0))
        .bind(&filter.action)
        .bind(number)
        .bind(&named.digest)
        .bind(&named.repository)
        .bind(filter.package.as_deref().map(glob).transpose()?)
        .bind(&filter.text)
        .bind(&filter.source)
        .bind(&filter.report)
        .bind(&named.registry)
        .bind(&named.within)
        .bind(&named.tag)
        .bind(tagged)
        .fetch_all(server.store.readers())
        .await
        .map_err(cannot)?;
    let findings = rows.iter().map(read).collect::<Result<Vec<Finding>>>()?;
    Ok(Page::of(findings, limit, |finding| finding.id))
}

fn read(row: &SqliteRow) -> Result<Finding> {
    let text = |index: usize| row.try_get::<String, _>(index).map_err(cannot);
    let severity: i64 = row.try_get(8).map_err(cannot)?;
    let severity = usize::try_from(severity).ok().and_then(|severity| Severity::ALL.get(severity));
    Ok(Finding {
        id: row.try_get(0).map_err(cannot)?,
        report: text(1)?,
        image: row.try_get(2).map_err(cannot)?,
        registry: text(3)?,
        repository: text(4)?,
        digest: text(5)?,
        platform: text(6)?,
        rule: text(7)?,
        severity: severity.unwrap_or(&Severity::Info).as_str(),
        action: text(9)?,
        fingerprint: text(10)?,
        message: text(11)?,
        path: row.try_get(12).map_err(cannot)?,
        package: row.try_get(13).map_err(cannot)?,
        fixed: row.try_get(14).map_err(cannot)?,
    })
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<Finding>>, Problem> {
    find(&server, &caller, &filter).await.map(Json)
}

//! What is told of a report, read from the store when it is sent.

use sqlx::{Row as _, SqliteConnection};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::rule::Severity;
use crate::time::Timestamp;

use super::super::clock::Moment;
use super::super::config::action::On;
use super::super::store::{document, of_sql};
use super::plan::{Before, Move, news_of, tag_of_job};
use super::{Action, Actions};

/// New findings that are told one by one, the gravest.
const MOST_FINDINGS: i64 = 50;

/// Bytes of a document that is pushed.
const LARGEST_DOCUMENT: usize = 64 << 20;

/// What is told of a report.
#[derive(Debug, Clone)]
pub struct Told {
    /// The same for each try, and for no other delivery.
    pub delivery: String,
    /// The report.
    pub report: String,
    /// Its page.
    pub link: Option<String>,
    /// When it was made.
    pub made: Timestamp,
    /// Whose events told of the image.
    pub source: String,
    /// The registry's host.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The tag that it was pushed with, unless that is another image by now, or that came to it.
    pub tag: Option<String>,
    /// The manifest.
    pub digest: Digest,
    /// `passed`, `failed`, `incomplete`.
    pub outcome: String,
    /// Whether something was not read.
    pub has_gaps: bool,
    /// What came about.
    pub came_about: Vec<On>,
    /// The report before.
    pub before: Option<Before>,
    /// Findings that break the policy or that it warns of, by severity, the gravest first; none of zero.
    pub counts: Vec<(Severity, i64)>,
    /// How many are new.
    pub new_count: i64,
    /// The gravest of those.
    pub new_findings: Vec<Finding>,
    /// `org.opencontainers.image.source`, as the image says.
    pub code: Option<String>,
    /// `org.opencontainers.image.revision`, as the image says.
    pub revision: Option<String>,
    /// The report in formats that were asked for.
    pub documents: Vec<(String, Vec<u8>)>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// What the policy says.
    pub action: String,
    /// The same in all reports.
    pub fingerprint: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub path: Option<String>,
    /// Package URL.
    pub package: Option<String>,
    /// The version that mends it.
    pub fixed: Option<String>,
}

impl Told {
    /// Reads it; nothing if the report is gone.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        actions: &Actions,
        action: &Action,
        report: &str,
        moved: Option<&Move>,
    ) -> Result<Option<Self>> {
        let found = sqlx::query(concat!(
            "SELECT r.made, r.source, i.registry, i.repository, ",
            tag_of_job!(),
            ", i.digest, r.outcome, r.has_gaps, r.summary \
             FROM report r JOIN image i ON i.id = r.image JOIN job j ON j.id = r.job WHERE r.id = ?",
        ));
        let Some(row) = found.bind(report).fetch_optional(&mut *connection).await.map_err(cannot)? else {
            return Ok(None);
        };
        let news = news_of(connection, report, moved).await?;
        let registry: String = row.try_get(2).map_err(cannot)?;
        let host = match actions.registries.get(&registry) {
            Some(known) => known.host.clone(),
            None => return Err(Error::new(ErrorKind::Config, "its registry is configured no more")),
        };
        let digest: String = row.try_get(5).map_err(cannot)?;
        let digest = digest.parse().map_err(|_| Error::new(ErrorKind::Io, "the store holds a digest that is none"))?;
        let has_gaps: i64 = row.try_get(7).map_err(cannot)?;
        let summary: String = row.try_get(8).map_err(cannot)?;
        let labels = Labels::read(&summary);
        let mut documents = Vec::new();
        for format in action.adapter.documents(action) {
            if let Some(found) = document::get(&mut *connection, report, format, LARGEST_DOCUMENT).await? {
                documents.push((format.clone(), found));
            }
        }
        let delivery = match moved {
            Some(moved) => format!("{report} {} {}", action.name, moved.id),
            None => format!("{report} {}", action.name),
        };
        let delivery = Digest::sha256(delivery.as_bytes());
        let tag: Option<String> = row.try_get(4).map_err(cannot)?;
        let before = news.before.as_ref().map_or("", |before| before.report.as_str());
        Ok(Some(Self {
            delivery: delivery.hex().get(..32).unwrap_or_default().to_owned(),
            report: report.to_owned(),
            link: actions.link(report),
            made: Moment(row.try_get(0).map_err(cannot)?).timestamp(),
            source: row.try_get(1).map_err(cannot)?,
            host,
            repository: row.try_get(3).map_err(cannot)?,
            tag: moved.map_or(tag, |moved| Some(moved.tag.clone())),
            digest,
            outcome: row.try_get(6).map_err(cannot)?,
            has_gaps: has_gaps != 0,
            counts: counts(connection, report).await?,
            new_count: news.new_findings,
            new_findings: new_findings(connection, report, before).await?,
            came_about: news.came_about,
            before: news.before,
            code: labels.source,
            revision: labels.revision,
            documents,
        }))
    }

    /// `registry.example/shop/api:1.4`, or with the digest where there is no tag.
    pub fn image(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}/{}:{tag}", self.host, self.repository),
            None => format!("{}/{}@{}", self.host, self.repository, self.digest),
        }
    }

    /// `3 critical, 5 high`, or `nothing to mend`.
    pub fn counted(&self) -> String {
        let counts: Vec<String> =
            self.counts.iter().map(|(severity, count)| format!("{count} {}", severity.as_str())).collect();
        if counts.is_empty() { "nothing to mend".to_owned() } else { counts.join(", ") }
    }
}

/// Labels of the image that lead to its code.
#[derive(Debug, Default)]
struct Labels {
    source: Option<String>,
    revision: Option<String>,
}

impl Labels {
    /// Those of the first image of a summary that has them: all platforms of an index are made of one code.
    fn read(summary: &str) -> Self {
        let summary: serde_json::Value = serde_json::from_str(summary).unwrap_or_default();
        let images = summary.get("images").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let label = |name: &str| {
            let mut found = images.iter().filter_map(|image| image.get("labels")?.get(name)?.as_str());
            found.next().map(str::to_owned)
        };
        Self { source: label("org.opencontainers.image.source"), revision: label("org.opencontainers.image.revision") }
    }
}

async fn counts(connection: &mut SqliteConnection, report: &str) -> Result<Vec<(Severity, i64)>> {
    let rows = sqlx::query(
        "SELECT severity, count(DISTINCT fingerprint) FROM finding WHERE report = ? AND action IN ('fail', 'warn') \
         GROUP BY severity ORDER BY severity DESC",
    );
    let rows = rows.bind(report).fetch_all(connection).await.map_err(cannot)?;
    rows.iter().map(|row| Ok((severity(row.try_get(0).map_err(cannot)?), row.try_get(1).map_err(cannot)?))).collect()
}

async fn new_findings(connection: &mut SqliteConnection, report: &str, before: &str) -> Result<Vec<Finding>> {
    let rows = sqlx::query(
        "SELECT rule, severity, action, fingerprint, message, path, package, fixed FROM finding \
         WHERE report = ?1 AND action IN ('fail', 'warn') \
         AND fingerprint NOT IN (SELECT fingerprint FROM finding WHERE report = ?2) \
         GROUP BY fingerprint ORDER BY severity DESC, min(id) LIMIT ?3",
    );
    let rows = rows.bind(report).bind(before).bind(MOST_FINDINGS).fetch_all(connection).await.map_err(cannot)?;
    rows.iter()
        .map(|row| {
            Ok(Finding {
                rule: row.try_get(0).map_err(cannot)?,
                severity: severity(row.try_get(1).map_err(cannot)?),
                action: row.try_get(2).map_err(cannot)?,
                fingerprint: row.try_get(3).map_err(cannot)?,
                message: row.try_get(4).map_err(cannot)?,
                path: row.try_get(5).map_err(cannot)?,
                package: row.try_get(6).map_err(cannot)?,
                fixed: row.try_get(7).map_err(cannot)?,
            })
        })
        .collect()
}

/// A severity as the store has it, by its place in [`Severity::ALL`].
fn severity(place: i64) -> Severity {
    let place = usize::try_from(place).unwrap_or(0).min(Severity::ALL.len() - 1);
    Severity::ALL.get(place).copied().unwrap_or(Severity::Info)
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot read what is to be told", error)
}

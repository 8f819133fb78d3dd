//! What is to be told of a new report: rows of the queue of deliveries, written in the same step as the report.

use sqlx::{Row as _, SqliteConnection};

use crate::error::{Error, Result};

use super::super::clock::Moment;
use super::super::config::action::On;
use super::super::images::Sight;
use super::super::queue::Kind;
use super::super::store::of_sql;
use super::Actions;

/// Moves of one tag that are followed back to an image which was judged.
const MOST_BACK: usize = 50;

/// What came about with a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// All that an action may wait for.
    pub came_about: Vec<On>,
    /// Whether anything is other than in the report before.
    pub is_news: bool,
    /// Kind of the job that made it.
    pub kind: Option<Kind>,
    pub(super) source: String,
    pub(super) repository: String,
    pub(super) before: Option<Before>,
    pub(super) new_findings: i64,
}

/// The report before: of the same image, or where that has none of the one that the same tag was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Its id.
    pub report: String,
    /// Its outcome.
    pub outcome: String,
}

/// Puts in what is to be told of a report whose rows, those of its findings among them, are there already. Says how many
/// are to be told. Of what is only judged again nobody is told, unless something is new; nor is anybody told twice of an
/// image of which two sources tell, where the same policy says the same of it.
///
/// Of tags that came to the image before it was judged is told now, as far as it is other than with what each of them was
/// before; that it passed or failed is told once.
pub async fn plan(connection: &mut SqliteConnection, actions: &Actions, report: &str, now: Moment) -> Result<usize> {
    let waiting = take_waiting(connection, report).await?;
    let mut count = match waiting.iter().find(|waiting| waiting.is_of_job) {
        Some(Waiting { moved, .. }) => {
            let news = news_of(connection, report, Some(moved)).await?;
            put_in_move(connection, actions, (report, moved), &news, now).await?
        }
        None => put_in(connection, actions, report, now).await?,
    };
    for Waiting { moved, .. } in waiting.iter().filter(|waiting| !waiting.is_of_job) {
        let mut news = news_of(connection, report, Some(moved)).await?;
        news.came_about.retain(|on| matches!(on, On::Changed | On::NewFindings));
        count += put_in_move(connection, actions, (report, moved), &news, now).await?;
    }
    Ok(count)
}

async fn put_in(connection: &mut SqliteConnection, actions: &Actions, report: &str, now: Moment) -> Result<usize> {
    let news = news_of(connection, report, None).await?;
    if news.kind == Some(Kind::Rematch) && !news.is_news {
        return Ok(0);
    }
    let mut count = 0;
    for action in actions.all() {
        if !action.is_for(&news.source, &news.repository, &news.came_about) {
            continue;
        }
        let planned = sqlx::query(
            "INSERT INTO delivery (action, report, state, created, not_before) SELECT ?1, ?2, 'queued', ?3, ?3 \
             WHERE NOT EXISTS (SELECT 1 FROM report r JOIN image i ON i.id = r.image \
             JOIN image o ON o.registry = i.registry AND o.repository = i.repository AND o.digest = i.digest AND o.id <> i.id \
             JOIN report s ON s.image = o.id AND s.outcome = r.outcome AND s.policy = r.policy \
             AND s.data_version = r.data_version JOIN delivery d ON d.report = s.id AND d.action = ?1 AND d.state <> 'dead' WHERE r.id = ?2) \
             ON CONFLICT (action, report, move) DO NOTHING",
        );
        let planned = planned.bind(&action.name).bind(report).bind(now.0);
        count += usize::from(planned.execute(&mut *connection).await.map_err(cannot)?.rows_affected() == 1);
    }
    Ok(count)
}

/// A tag that came to another image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Its number; that of no other move.
    pub id: i64,
    /// The tag.
    pub tag: String,
    /// The newest report of what it was before.
    pub before: Option<String>,
}

/// Puts in what is to be told of a tag that was another image until now. Where this one was judged already, nothing is
/// scanned that would tell it; where it was not, the move waits for its report. Says how many are to be told.
pub(in crate::server) async fn plan_move(
    connection: &mut SqliteConnection,
    actions: &Actions,
    sight: &Sight<'_>,
    from: i64,
    now: Moment,
) -> Result<usize> {
    let Some(tag) = sight.tag else { return Ok(0) };
    let found = sqlx::query(
        "SELECT i.id, (SELECT r.id FROM report r WHERE r.image = i.id ORDER BY r.made DESC, r.rowid DESC LIMIT 1), \
         (SELECT max(id) FROM tag_move m WHERE m.registry = i.registry AND m.repository = i.repository \
         AND m.source = i.source AND m.name = ?5) FROM image i WHERE i.registry = ?1 \
         AND i.repository = ?2 AND i.digest = ?3 AND i.source = ?4",
    );
    let found = found.bind(sight.registry).bind(sight.repository).bind(sight.digest.to_string());
    let found = found.bind(sight.source).bind(tag).fetch_optional(&mut *connection).await.map_err(cannot)?;
    let Some(row) = found else { return Ok(0) };
    let (image, report): (i64, Option<String>) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    let id: i64 = row.try_get(2).map_err(cannot)?;
    let Some(report) = report else {
        let waits = sqlx::query("INSERT OR REPLACE INTO move_waiting (move, image, before) VALUES (?, ?, ?)");
        waits.bind(id).bind(image).bind(from).execute(connection).await.map_err(cannot)?;
        return Ok(0);
    };
    let moved = Move { id, tag: tag.to_owned(), before: judged_before(connection, (id, tag), from, &report).await? };
    let news = news_of(connection, &report, Some(&moved)).await?;
    put_in_move(connection, actions, (&report, &moved), &news, now).await
}

/// The newest report but for this one of what a tag was before a move; of an image that was never judged, that of what
/// the tag was before that.
async fn judged_before(
    connection: &mut SqliteConnection,
    moved: (i64, &str),
    from: i64,
    report: &str,
) -> Result<Option<String>> {
    let (mut id, tag) = moved;
    let mut from = from;
    for _ in 0..MOST_BACK {
        let newest = sqlx::query_scalar(
            "SELECT r.id FROM report r WHERE r.image = ? AND r.id <> ? ORDER BY r.made DESC, r.rowid DESC LIMIT 1",
        );
        let newest = newest.bind(from).bind(report).fetch_optional(&mut *connection).await.map_err(cannot)?;
        if newest.is_some() {
            return Ok(newest);
        }
        let earlier = sqlx::query(
            "SELECT w.move, w.before FROM move_waiting w JOIN tag_move m ON m.id = w.move \
             WHERE w.image = ? AND m.name = ? AND w.move < ? ORDER BY w.move DESC LIMIT 1",
        );
        let earlier = earlier.bind(from).bind(tag).bind(id).fetch_optional(&mut *connection).await.map_err(cannot)?;
        let Some(row) = earlier else { return Ok(None) };
        (id, from) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    }
    Ok(None)
}

/// Puts in what is to be told of a move.
async fn put_in_move(
    connection: &mut SqliteConnection,
    actions: &Actions,
    (report, moved): (&str, &Move),
    news: &News,
    now: Moment,
) -> Result<usize> {
    let mut count = 0;
    for action in actions.all() {
        if !action.is_for(&news.source, &news.repository, &news.came_about) {
            continue;
        }
        // not where it was told already on behalf of another source whose tag is this image as well
        let planned = sqlx::query(
            "INSERT INTO delivery (action, report, state, created, not_before, move, tag, before) \
             SELECT ?1, ?2, 'queued', ?3, ?3, ?4, ?5, ?6 \
             WHERE NOT EXISTS (SELECT 1 FROM report r JOIN image i ON i.id = r.image JOIN image o ON o.registry = i.registry \
             AND o.repository = i.repository AND o.digest = i.digest AND o.id <> i.id \
             JOIN report s ON s.image = o.id AND s.outcome = r.outcome AND s.policy = r.policy \
             JOIN delivery d ON d.report = s.id AND d.action = ?1 AND d.tag = ?5 AND d.state <> 'dead' \
             AND d.move = (SELECT max(m.id) FROM tag_move m WHERE m.registry = o.registry \
             AND m.repository = o.repository AND m.source = o.source AND m.name = ?5) WHERE r.id = ?2) \
             ON CONFLICT (action, report, move) DO NOTHING",
        );
        let planned = planned.bind(&action.name).bind(report).bind(now.0).bind(moved.id).bind(&moved.tag);
        let planned = planned.bind(&moved.before).execute(&mut *connection).await.map_err(cannot)?;
        count += usize::from(planned.rows_affected() == 1);
    }
    Ok(count)
}

/// A move that waited for the report of its image.
struct Waiting {
    moved: Move,
    /// Whether it is that of the tag with which the image was put in to be scanned, and what that was before is known: then
    /// the report is told of as this move.
    is_of_job: bool,
}

/// Takes the moves that waited for a report, but for those of tags that are gone, or whose later move was told of.
async fn take_waiting(connection: &mut SqliteConnection, report: &str) -> Result<Vec<Waiting>> {
    let found = sqlx::query(
        "SELECT m.id, m.name, w.before, j.tag IS m.name FROM report r JOIN job j ON j.id = r.job \
         JOIN move_waiting w ON w.image = r.image JOIN tag_move m ON m.id = w.move WHERE r.id = ? \
         AND EXISTS (SELECT 1 FROM tag t WHERE t.registry = m.registry AND t.repository = m.repository \
         AND t.name = m.name AND t.source = m.source) \
         AND NOT EXISTS (SELECT 1 FROM tag_move n WHERE n.registry = m.registry AND n.repository = m.repository \
         AND n.name = m.name AND n.source = m.source AND n.id > m.id \
         AND NOT EXISTS (SELECT 1 FROM move_waiting x WHERE x.move = n.id)) ORDER BY m.id",
    );
    let found = found.bind(report).fetch_all(&mut *connection).await.map_err(cannot)?;
    let mut waiting = Vec::with_capacity(found.len());
    for row in found {
        let (id, tag): (i64, String) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
        let (from, is_of_job): (i64, bool) = (row.try_get(2).map_err(cannot)?, row.try_get(3).map_err(cannot)?);
        // a tag that came more than once: what it was at first counts, what came between was not told
        if waiting.iter().any(|waiting: &Waiting| waiting.moved.tag == tag) {
            continue;
        }
        // where nothing is known of what it was the report tells by itself
        if let Some(before) = judged_before(connection, (id, &tag), from, report).await? {
            waiting.push(Waiting { moved: Move { id, tag, before: Some(before) }, is_of_job });
        }
    }
    let taken = sqlx::query("DELETE FROM move_waiting WHERE image = (SELECT image FROM report WHERE id = ?)");
    taken.bind(report).execute(connection).await.map_err(cannot)?;
    Ok(waiting)
}

/// The tag with which the image `i` of a job `j` was put in; none where it is another image by now, of which others are told.
macro_rules! tag_of_job {
    () => {
        "CASE WHEN NOT EXISTS (SELECT 1 FROM tag t WHERE t.registry = i.registry AND t.repository = i.repository \
         AND t.source = i.source AND t.name = j.tag AND t.image <> i.id) THEN j.tag END"
    };
}
pub(super) use tag_of_job;

/// What came about with a report, or with a tag that came to its image later.
pub async fn news_of(connection: &mut SqliteConnection, report: &str, moved: Option<&Move>) -> Result<News> {
    let found = sqlx::query(concat!(
        "SELECT r.outcome, i.source, i.registry, i.repository, i.id, ",
        tag_of_job!(),
        ", j.kind, r.made, r.rowid FROM report r JOIN image i ON i.id = r.image JOIN job j ON j.id = r.job WHERE r.id = ?",
    ));
    let row = found.bind(report).fetch_optional(&mut *connection).await.map_err(cannot)?;
    let row = row.ok_or_else(|| Error::new(crate::error::ErrorKind::NotFound, "there is no such report"))?;
    let outcome: String = row.try_get(0).map_err(cannot)?;
    let source: String = row.try_get(1).map_err(cannot)?;
    let registry: String = row.try_get(2).map_err(cannot)?;
    let repository: String = row.try_get(3).map_err(cannot)?;
    let image: i64 = row.try_get(4).map_err(cannot)?;
    let tag: Option<String> = row.try_get(5).map_err(cannot)?;
    let kind: String = row.try_get(6).map_err(cannot)?;
    let (made, place): (i64, i64) = (row.try_get(7).map_err(cannot)?, row.try_get(8).map_err(cannot)?);
    let before = if let Some(moved) = moved {
        let before = sqlx::query("SELECT id, outcome FROM report WHERE id = ?").bind(&moved.before);
        before.fetch_optional(&mut *connection).await.map_err(cannot)?
    } else {
        let before = sqlx::query(
            "SELECT r.id, r.outcome FROM image i JOIN report r ON r.image = i.id JOIN job j ON j.id = r.job \
             WHERE i.registry = ?1 AND i.repository = ?2 AND i.source = ?7 AND (i.id = ?3 OR j.tag = ?4) \
             AND (r.made, r.rowid) < (?5, ?6) ORDER BY i.id = ?3 DESC, r.made DESC, r.rowid DESC LIMIT 1",
        );
        let before = before.bind(&registry).bind(&repository).bind(image).bind(&tag).bind(made).bind(place);
        before.bind(&source).fetch_optional(&mut *connection).await.map_err(cannot)?
    };
    let before = match before {
        Some(row) => Some(Before { report: row.try_get(0).map_err(cannot)?, outcome: row.try_get(1).map_err(cannot)? }),
        None => None,
    };
    let count = sqlx::query(
        "SELECT count(DISTINCT fingerprint) FROM finding WHERE report = ?1 AND action IN ('fail', 'warn') \
         AND fingerprint NOT IN (SELECT fingerprint FROM finding WHERE report = ?2)",
    );
    let count = count.bind(report).bind(before.as_ref().map_or("", |before| &before.report));
    let new_findings: i64 = count.fetch_one(&mut *connection).await.map_err(cannot)?.try_get(0).map_err(cannot)?;
    let is_changed = before.as_ref().map_or(outcome != "passed", |before| before.outcome != outcome);
    let mut came_about: Vec<On> = match outcome.as_str() {
        "failed" => vec![On::Failed],
        "passed" => vec![On::Passed],
        _ => vec![On::Incomplete],
    };
    came_about.extend(is_changed.then_some(On::Changed));
    came_about.extend((new_findings > 0).then_some(On::NewFindings));
    Ok(News {
        is_news: is_changed || new_findings > 0,
        came_about,
        kind: Kind::parse(&kind),
        source,
        repository,
        before,
        new_findings,
    })
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot plan what is to be told", error)
}

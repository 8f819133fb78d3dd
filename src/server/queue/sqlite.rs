//! The queue in the store, so that an event and its job, or a report and the end of its job, are written in one step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::error::{Error, ErrorKind, Result};

use super::super::clock::Moment;
use super::super::store::{Store, of_sql};
use super::{Bounds, Entered, JobId, Kind, Lane, Leased, NewJob, Priority, Queue, Shares};

/// The queue of a store.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    store: Store,
    bounds: Bounds,
    shares: Arc<Shares>,
}

impl SqliteQueue {
    /// The queue; nothing is put in beyond the bounds.
    pub fn new(store: Store, bounds: Bounds) -> Self {
        Self { store, bounds, shares: Arc::default() }
    }

    /// The same queue, whose slots registries share so.
    #[must_use]
    pub fn shared(self, shares: Shares) -> Self {
        Self { shares: Arc::new(shares), ..self }
    }

    /// How much may wait.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Puts a leased job back until `not_before`.
    async fn put_back(&self, leased: &Leased, not_before: Moment, reason: &str, was_tried: bool) -> Result<bool> {
        let (id, lease, reason) = (leased.id, leased.lease, reason.to_owned());
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let put_back = sqlx::query(
                        "UPDATE job SET state = 'queued', not_before = ?1, lease_until = NULL, \
                         reason = CASE WHEN ?3 THEN ?2 ELSE coalesce(reason, ?2) END, \
                         attempts = attempts - CASE WHEN ?3 THEN 0 ELSE 1 END \
                         WHERE id = ?4 AND lease = ?5 AND state = 'leased' RETURNING source",
                    );
                    let row = put_back.bind(not_before.0).bind(reason).bind(was_tried).bind(id.0).bind(lease);
                    let Some(row) = row.fetch_optional(&mut *connection).await.map_err(cannot)? else {
                        return Ok(false);
                    };
                    let source: String = row.try_get(0).map_err(cannot)?;
                    count(connection, &source, 1).await?;
                    Ok(true)
                })
            })
            .await
    }
}

const CANNOT: &str = "cannot change the queue";

/// Seconds that the others have before a source has its turn again, at most: what it had while nobody else wanted it is
/// forgotten.
const MOST_BEHIND: i64 = 600;

fn cannot(error: sqlx::Error) -> Error {
    of_sql(CANNOT, error)
}

impl Queue for SqliteQueue {
    async fn enqueue(&self, jobs: Vec<NewJob>, now: Moment) -> Result<Vec<Entered>> {
        let bounds = self.bounds;
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let mut entered = Vec::with_capacity(jobs.len());
                    for job in &jobs {
                        entered.push(enqueue(connection, job, bounds, now).await?);
                    }
                    Ok(entered)
                })
            })
            .await
    }

    async fn lease(&self, lane: Lane, count: usize, time: Duration, now: Moment) -> Result<Vec<Leased>> {
        let shares = Arc::clone(&self.shares);
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let mut leased = Vec::new();
                    while leased.len() < count {
                        let Some(next) = lease(connection, &shares, lane, time, now).await? else { break };
                        leased.push(next);
                    }
                    Ok(leased)
                })
            })
            .await
    }

    async fn heartbeat(&self, leased: &Leased, time: Duration, now: Moment) -> Result<bool> {
        let (id, lease) = (leased.id, leased.lease);
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let held =
                        sqlx::query("UPDATE job SET lease_until = ? WHERE id = ? AND lease = ? AND state = 'leased'");
                    let held = held.bind(now.plus(time).0).bind(id.0).bind(lease).execute(connection).await;
                    Ok(held.map_err(cannot)?.rows_affected() == 1)
                })
            })
            .await
    }

    async fn charge(&self, leased: &Leased, took: Duration) -> Result<()> {
        let seconds = i64::try_from(took.as_secs()).unwrap_or(i64::MAX).min(MOST_BEHIND);
        // most jobs take less, and need no write of their own
        if seconds == 0 {
            return Ok(());
        }
        let source = leased.job.source.clone();
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let charged = sqlx::query("UPDATE turn SET served = served + ? WHERE source = ?");
                    charged.bind(seconds).bind(source).execute(connection).await.map_err(cannot)?;
                    Ok(())
                })
            })
            .await
    }

    async fn ack(&self, leased: &Leased, now: Moment) -> Result<bool> {
        let (id, lease) = (leased.id, leased.lease);
        self.store.write(move |connection| Box::pin(ack(connection, id, lease, now))).await
    }

    async fn retry(&self, leased: &Leased, after: Duration, reason: &str, now: Moment) -> Result<bool> {
        self.put_back(leased, now.plus(after), reason, true).await
    }

    async fn put_off(&self, leased: &Leased, after: Duration, reason: &str, now: Moment) -> Result<bool> {
        self.put_back(leased, now.plus(after), reason, false).await
    }

    async fn bury(&self, leased: &Leased, reason: &str, now: Moment) -> Result<bool> {
        let (id, lease, reason) = (leased.id, leased.lease, reason.to_owned());
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let buried = sqlx::query(
                        "UPDATE job SET state = 'dead', ended = ?, reason = ?, lease_until = NULL \
                         WHERE id = ? AND lease = ? AND state = 'leased'",
                    );
                    let buried = buried.bind(now.0).bind(reason).bind(id.0).bind(lease).execute(connection).await;
                    Ok(buried.map_err(cannot)?.rows_affected() == 1)
                })
            })
            .await
    }

    async fn expire(&self, now: Moment) -> Result<u64> {
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let expired = sqlx::query(
                        "UPDATE job SET state = 'queued', not_before = ?1, lease_until = NULL \
                         WHERE state = 'leased' AND lease_until <= ?1 RETURNING source",
                    );
                    let rows = expired.bind(now.0).fetch_all(&mut *connection).await.map_err(cannot)?;
                    for row in &rows {
                        let source: String = row.try_get(0).map_err(cannot)?;
                        count(connection, &source, 1).await?;
                    }
                    Ok(rows.len() as u64)
                })
            })
            .await
    }
}

/// Ends all leases, and lets nothing wait longer than a back-off ever lasts: for the start, when nobody can hold one, and
/// the clock may have been set.
pub async fn recover(store: &Store, now: Moment) -> Result<u64> {
    store
        .write(move |connection| {
            Box::pin(async move {
                let freed = sqlx::query(
                    "UPDATE job SET state = 'queued', not_before = ?, lease_until = NULL WHERE state = 'leased'",
                );
                let freed = freed.bind(now.0).execute(&mut *connection).await.map_err(cannot)?.rows_affected();
                let latest = now.plus(super::backoff(u32::MAX, 0)).0;
                for table in ["job", "delivery"] {
                    let capped = format!("UPDATE {table} SET not_before = ? WHERE state = 'queued' AND not_before > ?");
                    let capped = sqlx::query(sqlx::AssertSqlSafe(capped)).bind(latest).bind(latest);
                    capped.execute(&mut *connection).await.map_err(cannot)?;
                }
                // counted anew, so that no slip of an older version stays
                sqlx::query("DELETE FROM turn WHERE source NOT IN (SELECT source FROM job WHERE state = 'queued')")
                    .execute(&mut *connection)
                    .await
                    .map_err(cannot)?;
                sqlx::query(
                    "INSERT INTO turn (source, waiting) \
                     SELECT source, count(*) FROM job WHERE state = 'queued' GROUP BY source \
                     ON CONFLICT (source) DO UPDATE SET waiting = excluded.waiting",
                )
                .execute(&mut *connection)
                .await
                .map_err(cannot)?;
                Ok(freed)
            })
        })
        .await
}

/// Puts a job in. A dead one of its key is raised.
pub async fn enqueue(connection: &mut SqliteConnection, job: &NewJob, bounds: Bounds, now: Moment) -> Result<Entered> {
    let known = sqlx::query("SELECT id, state FROM job WHERE key = ?").bind(&job.key);
    if let Some(row) = known.fetch_optional(&mut *connection).await.map_err(cannot)? {
        let id = JobId(row.try_get(0).map_err(cannot)?);
        let state: String = row.try_get(1).map_err(cannot)?;
        if state == "dead" && !raise(connection, id, bounds, now).await? {
            return Ok(Entered::Full);
        }
        return Ok(Entered::Known(id));
    }
    if is_full(connection, &job.source, bounds).await? {
        return Ok(Entered::Full);
    }
    let insert = sqlx::query(
        "INSERT INTO job (key, kind, lane, source, registry, repository, tag, digest, priority, state, created, not_before) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?) RETURNING id",
    );
    let row = insert
        .bind(&job.key)
        .bind(job.kind.as_str())
        .bind(job.kind.lane() as i64)
        .bind(&job.source)
        .bind(&job.registry)
        .bind(&job.repository)
        .bind(&job.tag)
        .bind(job.digest.as_ref().map(ToString::to_string))
        .bind(job.priority as i64)
        .bind(now.0)
        .bind(now.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(cannot)?;
    count(connection, &job.source, 1).await?;
    Ok(Entered::New(JobId(row.try_get(0).map_err(cannot)?)))
}

/// Lets a dead job wait again, from its first attempt; false if too many wait.
pub async fn raise(connection: &mut SqliteConnection, id: JobId, bounds: Bounds, now: Moment) -> Result<bool> {
    let dead = sqlx::query("SELECT source FROM job WHERE id = ? AND state = 'dead'").bind(id.0);
    let Some(row) = dead.fetch_optional(&mut *connection).await.map_err(cannot)? else { return Ok(true) };
    let source: String = row.try_get(0).map_err(cannot)?;
    if is_full(connection, &source, bounds).await? {
        return Ok(false);
    }
    let raised = sqlx::query(
        "UPDATE job SET state = 'queued', attempts = 0, not_before = ?, ended = NULL, reason = NULL WHERE id = ?",
    );
    raised.bind(now.0).bind(id.0).execute(&mut *connection).await.map_err(cannot)?;
    count(connection, &source, 1).await?;
    Ok(true)
}

/// Ends a job as done; false if the lease was lost, and then nothing that came with it may be kept.
pub async fn ack(connection: &mut SqliteConnection, id: JobId, lease: i64, now: Moment) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE job SET state = 'done', ended = ?, reason = NULL, lease_until = NULL \
         WHERE id = ? AND lease = ? AND state = 'leased'",
    );
    let done = done.bind(now.0).bind(id.0).bind(lease).execute(connection).await.map_err(cannot)?;
    Ok(done.rows_affected() == 1)
}

async fn is_full(connection: &mut SqliteConnection, source: &str, bounds: Bounds) -> Result<bool> {
    let counts = sqlx::query(
        "SELECT coalesce(sum(waiting), 0), coalesce(sum(CASE WHEN source = ? THEN waiting END), 0) FROM turn",
    );
    let row = counts.bind(source).fetch_one(connection).await.map_err(cannot)?;
    let (all, own): (i64, i64) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    let is_beyond = |count: i64, most: u64| u64::try_from(count).is_ok_and(|count| count >= most);
    Ok(is_beyond(all, bounds.all) || is_beyond(own, bounds.source))
}

/// Counts what waits of a source. Who comes back after a pause has no more turns than the others.
async fn count(connection: &mut SqliteConnection, source: &str, by: i64) -> Result<()> {
    let counted = sqlx::query(
        "INSERT INTO turn (source, waiting, served) \
         VALUES (?1, max(?2, 0), (SELECT coalesce(min(served), 0) FROM turn WHERE waiting > 0)) \
         ON CONFLICT (source) DO UPDATE SET waiting = max(waiting + ?2, 0), served = CASE WHEN waiting > 0 THEN served \
         ELSE max(served, (SELECT coalesce(min(served), 0) FROM turn WHERE waiting > 0)) END",
    );
    counted.bind(source).bind(by).execute(connection).await.map_err(cannot)?;
    Ok(())
}

async fn lease(
    connection: &mut SqliteConnection,
    shares: &Shares,
    lane: Lane,
    time: Duration,
    now: Moment,
) -> Result<Option<Leased>> {
    let sated = sated(connection, shares, lane).await?;
    let left = serde_json::to_string(&sated).map_err(|_| Error::new(ErrorKind::Internal, "names make no text"))?;
    let turns = sqlx::query("SELECT source FROM turn WHERE waiting > 0 ORDER BY served, source");
    let turns = turns.fetch_all(&mut *connection).await.map_err(cannot)?;
    for turn in turns {
        let source: String = turn.try_get(0).map_err(cannot)?;
        if shares.registries.get(&source).is_some_and(|registry| sated.contains(registry)) {
            continue;
        }
        let next = sqlx::query(
            "UPDATE job SET state = 'leased', attempts = attempts + 1, lease = lease + 1, lease_until = ?1 WHERE id = \
             (SELECT id FROM job WHERE state = 'queued' AND lane = ?4 AND source = ?2 AND not_before <= ?3 \
             AND registry NOT IN (SELECT value FROM json_each(?5)) \
             ORDER BY priority DESC, not_before + min(attempts, 15) * 60000, id LIMIT 1) \
             RETURNING id, lease, attempts, created, key, kind, source, registry, repository, tag, digest, priority, \
             reason",
        );
        let next = next.bind(now.plus(time).0).bind(&source).bind(now.0).bind(lane as i64).bind(&left);
        let Some(row) = next.fetch_optional(&mut *connection).await.map_err(cannot)? else { continue };
        let served = sqlx::query(
            "UPDATE turn SET served = 1 + max(served, (SELECT max(served) FROM turn WHERE waiting > 0) - ?) \
             WHERE source = ?",
        );
        let served = served.bind(MOST_BEHIND).bind(&source);
        served.execute(&mut *connection).await.map_err(cannot)?;
        count(connection, &source, -1).await?;
        return leased(&row).map(Some);
    }
    Ok(None)
}

/// The registries that have their share of a lane.
async fn sated(connection: &mut SqliteConnection, shares: &Shares, lane: Lane) -> Result<BTreeSet<String>> {
    let Some(most) = shares.most.get(lane as usize).copied().flatten() else { return Ok(BTreeSet::new()) };
    let sated = sqlx::query(
        "SELECT registry FROM job INDEXED BY job_leased WHERE state = 'leased' AND lane = ? \
         GROUP BY registry HAVING count(*) >= ?",
    );
    let sated = sated.bind(lane as i64).bind(i64::try_from(most).unwrap_or(i64::MAX));
    let rows = sated.fetch_all(connection).await.map_err(cannot)?;
    rows.iter().map(|row| row.try_get(0).map_err(cannot)).collect()
}

fn leased(row: &SqliteRow) -> Result<Leased> {
    let wrong = || Error::new(ErrorKind::Io, "the store holds a job that makes no sense");
    let kind: String = row.try_get(5).map_err(cannot)?;
    let digest: Option<String> = row.try_get(10).map_err(cannot)?;
    let priority: i64 = row.try_get(11).map_err(cannot)?;
    let attempts: i64 = row.try_get(2).map_err(cannot)?;
    Ok(Leased {
        id: JobId(row.try_get(0).map_err(cannot)?),
        lease: row.try_get(1).map_err(cannot)?,
        attempts: u32::try_from(attempts).map_err(|_| wrong())?,
        created: Moment(row.try_get(3).map_err(cannot)?),
        reason: row.try_get(12).map_err(cannot)?,
        job: NewJob {
            key: row.try_get(4).map_err(cannot)?,
            kind: Kind::parse(&kind).ok_or_else(wrong)?,
            source: row.try_get(6).map_err(cannot)?,
            registry: row.try_get(7).map_err(cannot)?,
            repository: row.try_get(8).map_err(cannot)?,
            tag: row.try_get(9).map_err(cannot)?,
            digest: digest.map(|digest| digest.parse().map_err(|_| wrong())).transpose()?,
            priority: match priority {
                0 => Priority::Low,
                1 => Priority::Normal,
                2 => Priority::High,
                _ => Priority::Urgent,
            },
        },
    })
}

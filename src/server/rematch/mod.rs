//! Judges images again when what judges them is newer: other advisory data, another policy, or another careen. Each image that a tag is
//! gets a job of the lowest priority; what it finds is kept where it is other than in the report before, and told where it
//! is new ([`super::deliver::plan`]). An image that no tag is gets one when a tag comes to it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Row as _, SqliteConnection};

use crate::advisory::store::Database;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

use super::config::{Config, PolicyChoice};
use super::queue::sqlite::enqueue;
use super::queue::{Bounds, Entered, Kind, Leased, NewJob, Priority};
use super::state::Server;
use super::store::{document, of_sql, setting};
use super::worker::task::Stored;

/// How often the advisory data are looked at.
const LOOK: Duration = Duration::from_mins(5);

/// Images whose jobs are put in by one write.
const TOGETHER: i64 = 100;

/// How long it waits where the queue is full.
const FULL: Duration = Duration::from_secs(30);

/// Bytes of a report that is judged again; a task that holds it is larger, since its quotes are escaped.
const LARGEST: usize = 40 << 20;

/// Bytes of a file of policies that are looked at; a larger one is refused by who judges.
const LARGEST_POLICY: u64 = 16 << 20;

/// The setting that names the state by which everything is to be judged, from before the first job for it is put in.
const WANTED: &str = "rematch";

/// The setting that names the state for which all jobs were put in.
const SETTING: &str = "rematched";

/// Names the state of what judges: the files of the advisory data, the policies, and this careen. Read before a scan, so
/// that data which are exchanged while it runs count as newer than it.
pub async fn data_version(config: &Config) -> Result<String> {
    let (advisories, policies) = (config.advisories.clone(), config.policies.clone());
    let read = move || {
        let data = match &advisories {
            Some(folder) => Database::open(folder)?.manifest().digest().hex().get(..16).unwrap_or_default().to_owned(),
            None => "none".to_owned(),
        };
        Ok(format!("{data} {} careen {}", state_of(&policies), env!("CARGO_PKG_VERSION")))
    };
    let ended = |_| Error::new(ErrorKind::Internal, "a look at the advisory data ended early");
    tokio::task::spawn_blocking(read).await.map_err(ended)?
}

/// Names the state of all policies: who is judged by which, and what stands in the files that are named.
fn state_of(policies: &[PolicyChoice]) -> String {
    if policies.is_empty() {
        return "default".to_owned();
    }
    let mut all = Vec::new();
    for choice in policies {
        all.extend_from_slice(format!("{choice:?}\n").as_bytes());
        for name in choice.policy.iter().chain(&choice.waivers) {
            // a preset is no file, and what cannot be read is told by the scan
            let file = std::fs::File::open(name).map(|file| std::io::Read::take(file, LARGEST_POLICY));
            let _ = file.and_then(|mut file| std::io::Read::read_to_end(&mut file, &mut all));
            all.push(0);
        }
    }
    Digest::sha256(&all).hex().get(..16).unwrap_or_default().to_owned()
}

/// Looks for newer data until the server ends.
pub async fn run(server: Arc<Server>) {
    while !server.is_ending() {
        if let Err(error) = look(&server).await {
            tracing::error!(error = %error, "images could not be put in to be judged again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = server.until_end() => {}
        }
    }
}

/// Puts in what the data of now ask for; the number of new jobs.
async fn look(server: &Arc<Server>) -> Result<usize> {
    let version = data_version(&server.config).await?;
    let is_now =
        async |name| setting::get(server.store.readers(), name).await.map(|noted| noted.as_ref() == Some(&version));
    if is_now(WANTED).await? && is_now(SETTING).await? {
        return Ok(0);
    }
    let wanted = version.clone();
    let noted = server.store.write(move |connection| Box::pin(setting::set(connection, WANTED.to_owned(), wanted)));
    noted.await?;
    let mut after = 0;
    let mut new = 0;
    while !server.is_ending() {
        let (wanted, bounds, now) = (version.clone(), server.queue.bounds(), server.clock.now());
        let batch = server.store.write(move |connection| {
            Box::pin(async move { put_in(connection, &wanted, after..i64::MAX, bounds, now).await })
        });
        let batch = batch.await?;
        new += batch.new;
        after = batch.after;
        if batch.new > 0 {
            server.work.notify_waiters();
        }
        if batch.is_full {
            tokio::select! {
                () = tokio::time::sleep(FULL) => {}
                () = server.until_end() => {}
            }
        } else if batch.is_last {
            let noted =
                server.store.write(move |connection| Box::pin(setting::set(connection, SETTING.to_owned(), version)));
            noted.await?;
            tracing::info!(images = new, "what judges is newer: images are judged again");
            return Ok(new);
        }
    }
    Ok(new)
}

#[derive(Debug, Default)]
struct Batch {
    after: i64,
    new: usize,
    is_full: bool,
    is_last: bool,
}

/// Puts in an image to be judged again where a tag is it and its newest report is of another state than the one that is
/// looked for. To be called when a tag or a report came to it: such a one a look may have passed over. Whatever waits
/// already, it is put in: of each image at most one job for each state waits.
pub(super) async fn put_in_if_older(
    connection: &mut SqliteConnection,
    image: i64,
    now: super::clock::Moment,
) -> Result<()> {
    let Some(version) = setting::get(&mut *connection, WANTED).await? else { return Ok(()) };
    let bounds = Bounds { all: u64::MAX, source: u64::MAX };
    put_in(connection, &version, image - 1..image, bounds, now).await.map(drop)
}

/// Puts in images that tags are, of this range (without its start, with its end), whose newest report is of another state.
async fn put_in(
    connection: &mut SqliteConnection,
    version: &str,
    range: std::ops::Range<i64>,
    bounds: Bounds,
    now: super::clock::Moment,
) -> Result<Batch> {
    let images = sqlx::query(
        "SELECT i.id, i.registry, i.repository, i.digest, i.source, \
         (SELECT t.name FROM tag t WHERE t.image = i.id ORDER BY t.moved DESC, t.name LIMIT 1) AS tag \
         FROM image i WHERE i.id > ?1 AND i.id <= ?4 AND i.deleted IS NULL AND tag IS NOT NULL \
         AND (SELECT r.data_version FROM report r WHERE r.image = i.id ORDER BY r.made DESC, r.rowid DESC LIMIT 1) <> ?2 \
         ORDER BY i.id LIMIT ?3",
    );
    let images = images.bind(range.start).bind(version).bind(TOGETHER).bind(range.end);
    let images = images.fetch_all(&mut *connection).await.map_err(cannot)?;
    let mut batch = Batch {
        after: range.start,
        is_last: images.len() < usize::try_from(TOGETHER).unwrap_or(0),
        ..Batch::default()
    };
    for row in images {
        let (registry, repository): (String, String) =
            (row.try_get(1).map_err(cannot)?, row.try_get(2).map_err(cannot)?);
        let (digest, source): (String, String) = (row.try_get(3).map_err(cannot)?, row.try_get(4).map_err(cannot)?);
        let job = NewJob {
            key: format!("rematch {source} {registry}/{repository}@{digest} {version}"),
            kind: Kind::Rematch,
            source,
            registry,
            repository,
            tag: row.try_get(5).map_err(cannot)?,
            digest: digest.parse().ok(),
            priority: Priority::Low,
        };
        // one that is done for this state was undone since by one for another, or could do nothing then
        let done = sqlx::query("UPDATE job SET key = key || ' ' || id WHERE key = ? AND state = 'done'");
        done.bind(&job.key).execute(&mut *connection).await.map_err(cannot)?;
        match enqueue(connection, &job, bounds, now).await? {
            Entered::New(_) => batch.new += 1,
            Entered::Known(_) => {}
            Entered::Full => return Ok(Batch { is_full: true, is_last: false, ..batch }),
        }
        batch.after = row.try_get(0).map_err(cannot)?;
    }
    Ok(batch)
}

/// The newest report of an image.
#[derive(Debug)]
pub(super) struct Newest {
    id: String,
    data_version: String,
    /// The policy that judged, as the worker told it.
    policy: Option<String>,
}

/// The newest report of a job's image.
pub(super) async fn newest(server: &Server, leased: &Leased) -> Result<Option<Newest>> {
    let job = &leased.job;
    let found = sqlx::query(
        "SELECT r.id, r.data_version, json_extract(r.summary, '$.policy') FROM image i JOIN report r ON r.image = i.id \
         WHERE i.registry = ? AND i.repository = ? AND i.digest = ? AND i.source = ? ORDER BY r.made DESC, r.rowid DESC LIMIT 1",
    );
    let digest = job.digest.as_ref().map(ToString::to_string);
    let found = found.bind(&job.registry).bind(&job.repository).bind(digest).bind(&job.source);
    let Some(row) = found.fetch_optional(server.store.readers()).await.map_err(cannot)? else { return Ok(None) };
    Ok(Some(Newest {
        id: row.try_get(0).map_err(cannot)?,
        data_version: row.try_get(1).map_err(cannot)?,
        policy: row.try_get(2).map_err(cannot)?,
    }))
}

impl Newest {
    /// Whether it is of this state already: a scan came in between.
    pub(super) fn is_of(&self, version: &str) -> bool {
        self.data_version == version
    }

    /// The report, where it can be judged again without the image: this very careen made it, and said by which policy it
    /// judged.
    pub(super) async fn stored(self, server: &Server, version: &str) -> Result<Option<Stored>> {
        let maker = |version: &str| version.split_once(' ').map(|(_, maker)| maker.to_owned());
        let policy = self.policy.as_deref().and_then(|policy| policy.parse().ok());
        let (true, Some(policy)) = (maker(&self.data_version) == maker(version), policy) else { return Ok(None) };
        let document = document::get(server.store.readers(), &self.id, "json", LARGEST).await?;
        let document = document.and_then(|document| String::from_utf8(document).ok());
        Ok(document.map(|document| Stored { document, policy }))
    }
}

/// What a finding says.
const ROWS: &str = "SELECT platform, rule, severity, action, fingerprint, message, path, package, fixed FROM finding";

/// Whether a report says the same as the one before of its image: the same findings, judged the same. Such a one is not
/// kept; instead the one before is noted to be of the newer state.
pub(super) async fn drop_if_same(connection: &mut SqliteConnection, report: &str) -> Result<bool> {
    let before = sqlx::query(
        "SELECT b.id FROM report r JOIN report b ON b.image = r.image AND b.id <> r.id AND b.outcome = r.outcome \
         AND b.has_gaps = r.has_gaps AND b.policy = r.policy WHERE r.id = ?1 AND b.id = (SELECT n.id FROM report n \
         WHERE n.image = r.image AND n.id <> r.id ORDER BY n.made DESC, n.rowid DESC LIMIT 1)",
    );
    let before = before.bind(report).fetch_optional(&mut *connection).await.map_err(cannot)?;
    let Some(row) = before else { return Ok(false) };
    let before: String = row.try_get(0).map_err(cannot)?;
    let other = format!(
        "SELECT EXISTS ({ROWS} WHERE report = ?1 EXCEPT {ROWS} WHERE report = ?2) \
         OR EXISTS ({ROWS} WHERE report = ?2 EXCEPT {ROWS} WHERE report = ?1)"
    );
    let other = sqlx::query(sqlx::AssertSqlSafe(other)).bind(report).bind(&before);
    let is_other: i64 = other.fetch_one(&mut *connection).await.map_err(cannot)?.try_get(0).map_err(cannot)?;
    if is_other != 0 {
        return Ok(false);
    }
    let newer = "UPDATE report SET data_version = (SELECT data_version FROM report WHERE id = ?1) WHERE id = ?2";
    sqlx::query(newer).bind(report).bind(&before).execute(&mut *connection).await.map_err(cannot)?;
    sqlx::query("DELETE FROM report WHERE id = ?").bind(report).execute(connection).await.map_err(cannot)?;
    Ok(true)
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot judge again", error)
}

#[cfg(test)]
mod tests;

//! What keeps the store from growing for ever, and copies of it.
//!
//! Work is done in small pieces, between which everything else is written: nobody who sends waits for it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use crate::error::{Error, ErrorKind, Result};

use super::clock::Moment;
use super::config::Retention;
use super::random;
use super::state::Server;
use super::store::{Store, of_sql};

/// How often everything is looked through: what goes at once is little, and little is kept beyond its time.
const EVERY: Duration = Duration::from_mins(10);

/// Rows that go in one piece of work; reports, which take thousands of rows with them, are fewer.
const ROWS: i64 = 500;
const REPORTS: i64 = 4;

/// Pieces of work of one kind in one round; what is left waits for the next.
const MOST_PIECES: usize = 2_000;

/// Pages given back to the file system in one piece of work.
const PAGES: u32 = 256;

/// Between two pieces of work.
const PAUSE: Duration = Duration::from_millis(10);

/// How long lines of the audit log are kept.
const AUDIT: Duration = Duration::from_hours(24 * 400);

/// How long another program that holds the file is waited for.
const BUSY: Duration = Duration::from_secs(30);

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    /// Reports, with their findings, documents and deliveries.
    pub reports: u64,
    /// Images that no tag is, that nobody saw for a long time.
    pub images: u64,
    /// Events.
    pub events: u64,
    /// Jobs that were done, of which no report is left.
    pub jobs: u64,
    /// Deliveries that were done.
    pub deliveries: u64,
}

/// Keeps house until the server ends.
pub async fn run(server: Arc<Server>) {
    // not all that start together do it together
    let mut wait = Duration::from_secs(60 + u64::from(random::number() % 60));
    while !server.is_ending() {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = server.until_end() => return,
        }
        wait = EVERY;
        match tidy(&server.store, &server.config.retention, server.clock.now()).await {
            Ok(gone) => tracing::info!(
                reports = gone.reports,
                images = gone.images,
                events = gone.events,
                jobs = gone.jobs,
                deliveries = gone.deliveries,
                "what was old went"
            ),
            Err(error) => tracing::error!(error = %error, "what is old could not be removed"),
        }
    }
}

/// Removes what is older than it is to be kept:
///
/// - Reports of an image but for the newest one, by age and by number.
/// - Images that no tag is and that were not seen as long, with all that is known of them; and their last reports.
/// - Events, and jobs and deliveries that are done; dead ones as long as reports, and so what went: a dead letter that is put
///   back shall not bring it back.
pub async fn tidy(store: &Store, retention: &Retention, now: Moment) -> Result<Gone> {
    let reports = now.minus(retention.reports.0).0;
    let events = now.minus(retention.events.0).0;
    // those that are being told of stay until they are
    let mut gone = Gone {
        reports: pieces(
            store,
            "DELETE FROM report WHERE id IN (SELECT r.id FROM report r WHERE r.made < ?1 AND ?2 = 0 \
             AND EXISTS (SELECT 1 FROM report n WHERE n.image = r.image AND (n.made, n.rowid) > (r.made, r.rowid)) \
             AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.report = r.id AND d.state IN ('queued', 'leased')) \
             LIMIT ?3)",
            [reports, 0, REPORTS],
        )
        .await?,
        ..Gone::default()
    };
    let count = i64::from(retention.reports_of_image.max(1));
    for image in crowded(store, count).await? {
        gone.reports += pieces(
            store,
            "DELETE FROM report WHERE id IN (SELECT r.id FROM (SELECT id FROM report WHERE image = ?1 \
             ORDER BY made DESC, rowid DESC LIMIT -1 OFFSET ?2) r WHERE NOT EXISTS \
             (SELECT 1 FROM delivery d WHERE d.report = r.id AND d.state IN ('queued', 'leased')) LIMIT ?3)",
            [image, count, REPORTS],
        )
        .await?;
    }
    gone.images = pieces(
        store,
        "DELETE FROM image WHERE id IN (SELECT i.id FROM image i WHERE i.last_seen < ?1 \
         AND (i.deleted IS NOT NULL OR NOT EXISTS (SELECT 1 FROM tag t WHERE t.image = i.id)) \
         AND NOT EXISTS (SELECT 1 FROM report r WHERE r.image = i.id AND r.made >= ?1) \
         AND NOT EXISTS (SELECT 1 FROM report r JOIN delivery d ON d.report = r.id \
             WHERE r.image = i.id AND d.state IN ('queued', 'leased')) \
         AND ?2 = 0 LIMIT ?3)",
        [reports, 0, REPORTS],
    )
    .await?;
    gone.events = pieces(
        store,
        "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE received < ?1 AND (state = 'taken' OR received < ?2) \
         LIMIT ?3)",
        [events, reports, ROWS],
    )
    .await?;
    pieces(
        store,
        "DELETE FROM tag_gone WHERE (registry, repository, name, source) IN (SELECT registry, repository, name, source \
         FROM tag_gone WHERE heard < ?1 AND ?2 = 0 LIMIT ?3)",
        [reports, 0, ROWS],
    )
    .await?;
    gone.deliveries = pieces(
        store,
        "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE (state = 'done' AND ended < ?1) \
         OR (state = 'dead' AND ended < ?2) LIMIT ?3)",
        [events, reports, ROWS],
    )
    .await?;
    // by the key of a job a second event is known as the same; its events are gone by now
    gone.jobs = pieces(
        store,
        "DELETE FROM job WHERE id IN (SELECT j.id FROM job j WHERE j.ended < ?1 \
         AND (j.state = 'done' OR (j.state = 'dead' AND j.ended < ?2)) \
         AND NOT EXISTS (SELECT 1 FROM report r WHERE r.job = j.id) \
         AND NOT EXISTS (SELECT 1 FROM event e WHERE e.job = j.id) LIMIT ?3)",
        [events, reports, ROWS],
    )
    .await?;
    let audit = now.minus(AUDIT).0;
    let lines = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 AND ?2 = 0 LIMIT ?3)";
    pieces(store, lines, [audit, 0, ROWS]).await?;
    give_back(store).await?;
    Ok(gone)
}

/// Images of more reports than these.
async fn crowded(store: &Store, most: i64) -> Result<Vec<i64>> {
    let found = sqlx::query("SELECT image FROM report GROUP BY image HAVING count(*) > ? LIMIT 10000");
    let rows = found.bind(most).fetch_all(store.readers()).await.map_err(cannot)?;
    rows.iter().map(|row| row.try_get(0).map_err(cannot)).collect()
}

/// Runs a statement that takes away few rows until it takes none any more; the number of all.
async fn pieces(store: &Store, statement: &'static str, [first, second, most]: [i64; 3]) -> Result<u64> {
    let mut all = 0;
    for _ in 0..MOST_PIECES {
        let piece = store.write(move |connection| {
            Box::pin(async move {
                let gone = sqlx::query(statement).bind(first).bind(second).bind(most);
                Ok(gone.execute(connection).await.map_err(cannot)?.rows_affected())
            })
        });
        let count = piece.await?;
        all += count;
        if count == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(all)
}

/// Gives pages that are free back to the file system.
async fn give_back(store: &Store) -> Result<()> {
    for _ in 0..MOST_PIECES {
        let piece = store.write(|connection| {
            Box::pin(async move {
                let statement = format!("PRAGMA incremental_vacuum({PAGES})");
                let given = sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_all(&mut *connection).await;
                given.map_err(cannot)?;
                let left = sqlx::query("PRAGMA freelist_count").fetch_one(connection).await.map_err(cannot)?;
                left.try_get::<i64, _>(0).map_err(cannot)
            })
        });
        if piece.await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Copies the store of a folder while a server may run on it: all of one moment, checked, and under its name only when
/// it is whole. What stood under that name before is replaced where that is wished, and is an error else.
pub async fn backup(data: &Path, to: &Path, replaces: bool) -> Result<()> {
    copy(data, to, replaces).await.map_err(|error| error.at(to.display().to_string()))
}

async fn copy(data: &Path, to: &Path, replaces: bool) -> Result<()> {
    let from = data.join(super::run::STORE);
    let failed = |error| Error::io("cannot write the backup", error);
    let name = to.file_name().ok_or_else(|| Error::new(ErrorKind::Usage, "a backup goes to a file"))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if std::fs::symlink_metadata(to).is_ok_and(|there| !there.is_file()) {
        return Err(Error::new(ErrorKind::Usage, "something that is no file stands there"));
    }
    if is_of_store(&from, folder, name, to) {
        return Err(
            Error::new(ErrorKind::Usage, "this is the store itself").help("name another file, best on another disk")
        );
    }
    let is_there =
        || Error::new(ErrorKind::Usage, "the file of the backup is there already").help("`--force` replaces it");
    if !replaces && std::fs::symlink_metadata(to).is_ok() {
        return Err(is_there());
    }
    let temporary = Temporary(folder.join(format!(".{}.{:08x}.partial", name.to_string_lossy(), random::number())));
    // it holds what reports say: for nobody else to read
    File::options().create_new(true).write(true).mode(0o600).open(&temporary.0).map_err(failed)?;
    let path = temporary.0.to_str().ok_or_else(|| Error::new(ErrorKind::Usage, "the name of the backup is no text"))?;
    let options = SqliteConnectOptions::new().filename(&from).read_only(true).busy_timeout(BUSY);
    let mut source =
        options.disable_statement_logging().connect().await.map_err(|e| of_sql("cannot open the store", e))?;
    let copied = sqlx::query("VACUUM INTO ?").bind(path).execute(&mut source).await;
    copied.map_err(|e| of_sql("cannot copy the store", e))?;
    let version = version_of(&mut source).await?;
    source.close().await.map_err(|e| of_sql("cannot close the store", e))?;
    check(&temporary.0, version).await?;
    let written = File::open(&temporary.0).and_then(|file| file.sync_all());
    written.map_err(failed)?;
    std::fs::rename(&temporary.0, to).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Whether a file is the store or what stands beside it, or would be: by its name, and by what it is, since a file can have
/// several names.
fn is_of_store(store: &Path, folder: &Path, name: &OsStr, to: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|there| (there.dev(), there.ino())).ok();
    let (own, home) = (identity(to), store.parent().and_then(|home| std::fs::canonicalize(home).ok()));
    let is_home = home.is_some() && std::fs::canonicalize(folder).ok() == home;
    ["", "-wal", "-shm", "-journal"].iter().any(|end| {
        let mut beside = store.as_os_str().to_owned();
        beside.push(end);
        let beside = Path::new(&beside);
        (is_home && beside.file_name() == Some(name)) || (own.is_some() && own == identity(beside))
    })
}

/// A file that goes unless it got its name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whether a copy is whole, and of this version.
async fn check(path: &Path, version: i64) -> Result<()> {
    let damaged = || Error::new(ErrorKind::Io, "the backup is damaged as soon as it is written: look at the disk");
    // without a journal of its own, which would be left beside it
    let options =
        SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Off).disable_statement_logging();
    let mut copy = options.connect().await.map_err(|e| of_sql("cannot read the backup", e))?;
    let cannot = |e| of_sql("cannot read the backup", e);
    let row = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut copy).await.map_err(cannot)?;
    let verdict: String = row.try_get(0).map_err(cannot)?;
    let strays = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut copy).await.map_err(cannot)?;
    let is_whole = verdict == "ok" && strays.is_none() && version_of(&mut copy).await? == version;
    copy.close().await.map_err(cannot)?;
    if is_whole { Ok(()) } else { Err(damaged()) }
}

async fn version_of(connection: &mut SqliteConnection) -> Result<i64> {
    let cannot = |e| of_sql("cannot read the store", e);
    let row = sqlx::query("PRAGMA user_version").fetch_one(connection).await.map_err(cannot)?;
    row.try_get(0).map_err(cannot)
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot remove what is old", error)
}

#[cfg(test)]
mod tests;

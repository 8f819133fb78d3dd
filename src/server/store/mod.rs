//! The store: one `SQLite` file, one writer, many readers.
//!
//! All writing goes through one task, which puts what waits into one transaction (group commit): with
//! `synchronous=FULL` each commit is a flush of the disk, and that is what takes time. Each piece of work has a
//! savepoint of its own, so that one that fails takes no other with it. What was written is on the disk when
//! [`Store::write`] returns.

pub mod document;
pub(super) mod future;
pub mod schema;
pub mod setting;

use std::any::Any;
use std::fs::{File, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, ErrorKind, Result};

use super::failpoint::Point;

/// Pieces of work that wait for the writer. Beyond, who writes waits.
const WAITING: usize = 4_096;

/// Pieces of work in one transaction.
const MOST_TOGETHER: usize = 512;

/// How long a transaction is held open for more, once something is in it.
const GATHERING: Duration = Duration::from_millis(2);

/// Connections that read.
const READERS: u32 = 4;

/// What a connection keeps of the file, in KiB; as negative a number as the pragma wants it. The kernel keeps the whole
/// file besides.
const KEPT: &str = "-512";

/// How long another program that holds the file is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// A piece of work on the writer's connection, inside a transaction.
pub type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'c>>;

type Outcome = Result<Box<dyn Any + Send>>;
type Piece = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Box<dyn Any + Send>> + Send>;

/// The store.
#[derive(Debug, Clone)]
pub struct Store {
    writer: mpsc::Sender<(Piece, oneshot::Sender<Outcome>)>,
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, makes it where it is not there, and brings its tables up to date. A file that is newer than this
    /// careen, or held by another server is an error.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_file(path, false).await.map_err(|error| error.at(path.display().to_string()))
    }

    /// As [`Store::open`], after a look through the whole file, which takes as long as it is large: one that is damaged
    /// is an error.
    pub async fn open_whole(path: &Path) -> Result<Self> {
        Self::open_file(path, true).await.map_err(|error| error.at(path.display().to_string()))
    }

    async fn open_file(path: &Path, is_looked_through: bool) -> Result<Self> {
        keep_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("cache_size", KEPT)
            // a journal that grew once is cut when it begins anew
            .pragma("journal_size_limit", "67108864")
            .disable_statement_logging();
        // what is removed is given back in small pieces
        let writing = options.clone().auto_vacuum(SqliteAutoVacuum::Incremental);
        let mut connection =
            SqliteConnection::connect_with(&writing).await.map_err(|e| of_sql("cannot open the store", e))?;
        if is_looked_through {
            look_through(&mut connection).await?;
        }
        schema::migrate(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            // what they need is needed from the start, and for good: nothing grows with how many happen to ask at once
            .min_connections(READERS)
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true).create_if_missing(false).locking_mode(SqliteLockingMode::Normal))
            .await
            .map_err(|e| of_sql("cannot open the store", e))?;
        let (writer, work) = mpsc::channel(WAITING);
        tokio::spawn(write_all(connection, work));
        Ok(Self { writer, readers })
    }

    /// Does a piece of work; when this returns, it is on the disk, or it did not happen. An error of the commit is one
    /// of every piece in it.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    ) -> Result<T> {
        let piece: Piece = Box::new(move |connection| {
            let work = work(connection);
            Box::pin(async move { Ok(Box::new(work.await?) as Box<dyn Any + Send>) })
        });
        let (answer, answered) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Io, "the store is closed");
        self.writer.send((piece, answer)).await.map_err(|_| gone())?;
        let done = answered.await.map_err(|_| gone())??;
        done.downcast().map(|done| *done).map_err(|_| Error::new(ErrorKind::Internal, "an answer of another kind"))
    }

    /// Where to read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

/// Makes the file where it is not there, for its owner alone, and takes rights of others from one that is: `SQLite` gives
/// those of the file to what it puts beside it.
fn keep_private(path: &Path) -> Result<()> {
    let cannot = |error| Error::io("cannot open the store", error);
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    if made.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
        return made.map(drop).map_err(cannot);
    }
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        if let Ok(there) = std::fs::metadata(&name)
            && there.permissions().mode() & 0o077 != 0
        {
            std::fs::set_permissions(&name, Permissions::from_mode(0o600)).map_err(cannot)?;
        }
    }
    Ok(())
}

async fn look_through(connection: &mut SqliteConnection) -> Result<()> {
    let cannot = |e| of_sql("cannot read the store", e);
    let checked = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await.map_err(cannot)?;
    let verdict: String = checked.try_get(0).map_err(cannot)?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the store is damaged")
        .help("put back a backup (`careen serve --backup` makes them), or move the file away to start anew"))
}

/// The writer: ends when nobody can ask any more.
async fn write_all(mut connection: SqliteConnection, mut work: mpsc::Receiver<(Piece, oneshot::Sender<Outcome>)>) {
    while let Some(first) = work.recv().await {
        let mut done = Vec::new();
        let committed = write_together(&mut connection, first, &mut work, &mut done).await;
        match committed {
            Ok(()) => {
                for (outcome, answer) in done {
                    // who asked may be gone: what was asked is done all the same
                    let _ = answer.send(outcome);
                }
            }
            Err(error) => {
                let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
                for (_, answer) in done {
                    let mut told = Error::new(error.kind, format!("nothing was stored: {error}"));
                    told.help.clone_from(&error.help);
                    let _ = answer.send(Err(told));
                }
            }
        }
    }
    let _ = connection.close().await;
}

async fn write_together(
    connection: &mut SqliteConnection,
    first: (Piece, oneshot::Sender<Outcome>),
    work: &mut mpsc::Receiver<(Piece, oneshot::Sender<Outcome>)>,
    done: &mut Vec<(Outcome, oneshot::Sender<Outcome>)>,
) -> Result<()> {
    let cannot = |e| of_sql("cannot write to the store", e);
    let mut next = Some(first);
    let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await;
    if let Err(error) = begun {
        // who stands behind it has waited as well: all are told, rather than one after the other
        let waiting = next.into_iter().chain(std::iter::from_fn(|| work.try_recv().ok()));
        done.extend(waiting.map(|(_, answer)| (Ok(Box::new(()) as Box<dyn Any + Send>), answer)));
        return Err(cannot(error));
    }
    let until = tokio::time::Instant::now() + GATHERING;
    while let Some((piece, answer)) = next.take() {
        let outcome = write_one(connection, piece).await;
        // kept before anything else may fail, so that each gets its answer
        match outcome {
            Ok(outcome) => done.push((outcome, answer)),
            Err(error) => {
                done.push((Ok(Box::new(())), answer));
                return Err(error);
            }
        }
        if done.len() < MOST_TOGETHER {
            next = match work.try_recv() {
                Ok(more) => Some(more),
                Err(_) => tokio::time::timeout_at(until, work.recv()).await.ok().flatten(),
            };
        }
    }
    Point::BeforeCommit.reach().await?;
    sqlx::query("COMMIT").execute(&mut *connection).await.map_err(cannot)?;
    Point::AfterCommit.reach().await
}

/// One piece inside of its savepoint: the inner result is the piece's own, the outer one the store's.
async fn write_one(connection: &mut SqliteConnection, piece: Piece) -> Result<Outcome> {
    let cannot = |e| of_sql("cannot write to the store", e);
    sqlx::query("SAVEPOINT piece").execute(&mut *connection).await.map_err(cannot)?;
    let outcome = piece(connection).await;
    if let Err(error) = outcome {
        // a full disk ends the whole transaction, and the savepoint with it: then what the piece was told says why
        if sqlx::query("ROLLBACK TO piece").execute(&mut *connection).await.is_err() {
            return Err(error);
        }
        sqlx::query("RELEASE piece").execute(&mut *connection).await.map_err(cannot)?;
        return Ok(Err(error));
    }
    sqlx::query("RELEASE piece").execute(&mut *connection).await.map_err(cannot)?;
    Ok(outcome)
}

/// An error of the database, in words that name no content.
pub fn of_sql(message: &str, error: sqlx::Error) -> Error {
    let code = match &error {
        sqlx::Error::Database(error) => error.code().and_then(|code| i32::from_str(&code).ok()),
        _ => None,
    };
    let told = Error::new(ErrorKind::Io, message.to_owned());
    // result codes of SQLite: https://www.sqlite.org/rescode.html
    match code.map(|code| code & 0xff) {
        Some(13) => told.because(error).help("the disk is full: make room, nothing that was acknowledged is lost"),
        Some(5 | 6) => told.because(error).help("another program holds the store: end it"),
        Some(8) => told.because(error).help("the store cannot be written: look at the rights of its folder"),
        Some(11 | 26) => told.because(error).help("the store is damaged: put back a backup"),
        _ => told.because(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn what_the_store_holds_is_for_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("careen.db");
        let modes = || {
            let all = std::fs::read_dir(folder.path()).expect("a list").flatten();
            let mode = |one: std::fs::DirEntry| one.metadata().expect("there").permissions().mode() & 0o777;
            all.map(mode).collect::<Vec<_>>()
        };
        for _ in 0..2 {
            let store = Store::open(&file).await.expect("a store");
            store
                .write(|connection| Box::pin(setting::set(connection, "a".into(), "b".into())))
                .await
                .expect("written");
            assert_eq!(modes(), [0o600; 3], "and what is beside it");
            // one of an older careen, which did not end well
            for one in std::fs::read_dir(folder.path()).expect("a list").flatten() {
                std::fs::set_permissions(one.path(), Permissions::from_mode(0o644)).expect("changed");
            }
        }
    }

    #[tokio::test]
    async fn all_who_wait_for_a_store_that_another_program_holds_are_told_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("careen.db");
        let store = Store::open(&file).await.expect("a store");
        let mut other = SqliteConnectOptions::new().filename(&file).connect().await.expect("another program");
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.expect("held");
        let mut writers = JoinSet::new();
        for _ in 0..3 {
            let store = store.clone();
            writers.spawn(async move { store.write(|_| Box::pin(async { Ok(()) })).await });
        }
        let first = writers.join_next().await.expect("one").expect("no panic").expect_err("it is held");
        assert_eq!(first.help.as_deref(), Some("another program holds the store: end it"));
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("given back");
        while let Some(next) = writers.join_next().await {
            assert!(next.expect("no panic").is_err(), "it waited for as long");
        }
        store.write(|_| Box::pin(async { Ok(()) })).await.expect("it goes on");
    }
}

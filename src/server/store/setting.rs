//! Single values that are kept by name: where a sweep is, the state of the data by which all was judged.

use sqlx::{Row as _, SqliteConnection, SqliteExecutor};

use crate::error::{Error, Result};

use super::of_sql;

/// The value of a name, if there is one.
pub async fn get(from: impl SqliteExecutor<'_>, name: &str) -> Result<Option<String>> {
    let found = sqlx::query("SELECT value FROM setting WHERE name = ?").bind(name);
    let row = found.fetch_optional(from).await.map_err(cannot)?;
    row.map(|row| row.try_get(0).map_err(cannot)).transpose()
}

/// Keeps a value, in place of the one before.
pub async fn set(connection: &mut SqliteConnection, name: String, value: String) -> Result<()> {
    let set = sqlx::query(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    set.bind(name).bind(value).execute(connection).await.map_err(cannot)?;
    Ok(())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot keep a single value", error)
}

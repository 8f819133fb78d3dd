//! Reports as they are kept: one row for each format, compressed.

use sqlx::{Row as _, SqliteExecutor};

use crate::error::{Error, ErrorKind, Result};

use super::{Store, of_sql, unpacked};

/// Bytes of a report that are given out. Those of the largest images known are a tenth of it.
const LARGEST: usize = 512 << 20;

/// A report in one format, if it is kept in it and no larger than `most` bytes.
pub async fn get(from: impl SqliteExecutor<'_>, report: &str, format: &str, most: usize) -> Result<Option<Vec<u8>>> {
    let most = i64::try_from(most.min(LARGEST)).unwrap_or(i64::MAX);
    let row = sqlx::query("SELECT body, size FROM document WHERE report = ? AND format = ? AND size <= ?");
    let row = row.bind(report).bind(format).bind(most);
    let Some(row) = row.fetch_optional(from).await.map_err(cannot)? else { return Ok(None) };
    let (packed, size): (Vec<u8>, i64) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    let size = usize::try_from(size).unwrap_or(0);
    let expanded = tokio::task::spawn_blocking(move || unpacked(&packed, size)).await;
    expanded.map_err(|e| Error::new(ErrorKind::Internal, "a stored report cannot be read").because(e))?.map(Some)
}

/// The formats in which a report is kept, with their sizes.
pub async fn formats(store: &Store, report: &str) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query("SELECT format, size FROM document WHERE report = ? ORDER BY format");
    let rows = rows.bind(report).fetch_all(store.readers()).await.map_err(cannot)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?))).collect()
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot read a report", error)
}

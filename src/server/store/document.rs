//! Reports as they are kept: one row for each format, compressed.

use std::io::{self, BufReader, Cursor, Read, Write};

use sqlx::{Row as _, SqliteExecutor};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::error::{Error, ErrorKind, Result};

use super::{Store, of_sql};

/// Bytes of a report, unpacked. Those of the largest images known are a tenth of it.
pub const LARGEST: u64 = 512 << 20;

/// How hard documents are compressed.
const LEVEL: i32 = 3;

/// Memory that unpacking takes at most, as a power of two: what [`LEVEL`] asks for.
const MOST_WINDOW: u32 = 21;

/// Bytes that are held while a document of this size is unpacked piece by piece.
pub fn unpacking_holds(size: usize, packed: usize) -> usize {
    packed.saturating_add(size.min(1 << MOST_WINDOW)).saturating_add(128 << 10)
}

/// A document, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of what was packed.
    pub size: u64,
    /// What is stored.
    pub body: Vec<u8>,
}

impl Packed {
    /// Packs what `write` writes, while it does.
    pub fn of(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Self> {
        let mut to = Counted { size: 0, to: Encoder::new(Vec::new(), LEVEL)? };
        write(&mut to)?;
        Ok(Self { size: to.size, body: to.to.finish()? })
    }

    /// What was packed, piece by piece.
    pub fn open(self) -> io::Result<impl Read + Send + use<>> {
        unpacking(BufReader::new(Cursor::new(self.body)))
    }

    /// What was packed. Fails where it is more or less than it says, or larger than [`LARGEST`].
    pub fn unpacked(&self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        self.write_to(&mut whole)?;
        Ok(whole)
    }

    /// Whether it can be unpacked, and is as large as it says. For what a worker sends, which may have been taken over.
    pub fn is_sound(&self) -> bool {
        self.write_to(&mut io::sink()).is_ok()
    }

    fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        if self.size > LARGEST {
            return Err(io::Error::other("it is too large"));
        }
        let mut from = unpacking(self.body.as_slice())?.take(self.size.saturating_add(1));
        if io::copy(&mut from, to)? != self.size {
            return Err(io::Error::other("it has another size than it says"));
        }
        Ok(())
    }
}

fn unpacking<'a, R: io::BufRead>(from: R) -> io::Result<Decoder<'a, R>> {
    let mut decoder = Decoder::with_buffer(from)?;
    decoder.window_log_max(MOST_WINDOW)?;
    Ok(decoder)
}

struct Counted<W> {
    size: u64,
    to: W,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.size = self.size.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How large a report is in one format, unpacked and packed, if it is kept in it.
pub async fn sizes(from: impl SqliteExecutor<'_>, report: &str, format: &str) -> Result<Option<(usize, usize)>> {
    let row = sqlx::query("SELECT size, length(body) FROM document WHERE report = ? AND format = ?");
    let Some(row) = row.bind(report).bind(format).fetch_optional(from).await.map_err(cannot)? else { return Ok(None) };
    let (size, packed): (i64, i64) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    Ok(Some((usize::try_from(size).unwrap_or(usize::MAX), usize::try_from(packed).unwrap_or(usize::MAX))))
}

/// A report in one format, if it is kept in it and no larger than `most` bytes, as it is kept.
pub async fn packed(from: impl SqliteExecutor<'_>, report: &str, format: &str, most: usize) -> Result<Option<Packed>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX).min(i64::try_from(LARGEST).unwrap_or(i64::MAX));
    let row = sqlx::query("SELECT body, size FROM document WHERE report = ? AND format = ? AND size <= ?");
    let row = row.bind(report).bind(format).bind(most);
    let Some(row) = row.fetch_optional(from).await.map_err(cannot)? else { return Ok(None) };
    let (body, size): (Vec<u8>, i64) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    Ok(Some(Packed { size: u64::try_from(size).unwrap_or(0), body }))
}

/// The same, unpacked.
pub async fn get(from: impl SqliteExecutor<'_>, report: &str, format: &str, most: usize) -> Result<Option<Vec<u8>>> {
    let Some(packed) = packed(from, report, format, most).await? else { return Ok(None) };
    let damaged = |e| Error::io("a document in the store is damaged", e);
    let whole = tokio::task::spawn_blocking(move || packed.unpacked().map_err(damaged)).await;
    whole.map_err(|e| Error::new(ErrorKind::Internal, "a stored report cannot be read").because(e))?.map(Some)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_as_large_as_it_says_or_refused() {
        let text = b"a report ".repeat(500_000);
        let packed = Packed::of(|to| to.write_all(&text)).expect("packed");
        assert!(packed.body.len() < 10_000 && packed.is_sound());
        assert!(packed.unpacked().expect("unpacked") == text);
        let mut read = Vec::new();
        packed.clone().open().and_then(|mut from| from.read_to_end(&mut read)).expect("unpacked");
        assert!(read == text);
        let size = packed.size;
        for size in [0, size - 1, size + 1, LARGEST + 1, u64::MAX] {
            assert!(!Packed { size, ..packed.clone() }.is_sound(), "{size}");
        }
        let half = packed.body.get(..packed.body.len() / 2).expect("a half").to_vec();
        let garbage = [packed.body.as_slice(), b"garbage"].concat();
        // one that needs more memory to be unpacked than any that is packed here
        let mut wide = Encoder::new(Vec::new(), LEVEL).expect("an encoder");
        wide.set_parameter(zstd::zstd_safe::CParameter::WindowLog(MOST_WINDOW + 1)).expect("set");
        wide.write_all(&text).expect("memory");
        for body in [Vec::new(), half, garbage, wide.finish().expect("memory")] {
            assert!(!Packed { size, body }.is_sound());
        }
    }
}

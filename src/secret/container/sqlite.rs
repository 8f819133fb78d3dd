//! The texts of a database's rows (`SQLite` file format, "Record Format"), each for itself: in the file nothing stands
//! between one column and the next, and rows that do not fit onto one page stand there in pieces.

use crate::format::sqlite::{Database, Value};

use super::wide::Wide;
use super::{Opening, Place};

/// Tables of one database that are read.
const TABLES: usize = 1_000;

/// Bytes of rows that are searched at once.
const ROWS: usize = 1 << 20;

impl Opening<'_, '_> {
    pub(super) fn sqlite(&mut self, bytes: &[u8], place: &Place) {
        // one that is damaged was searched as it stands
        let Ok(database) = Database::new(bytes) else { return };
        let coding = Wide::of_sqlite(bytes.get(59).copied().unwrap_or_default());
        let plain = |value: &[u8]| coding.map_or_else(|| value.to_vec(), |wide| wide.decode(value));
        let mut tables: Vec<(Vec<u8>, u32)> = Vec::new();
        for row in database.rows(1).flatten() {
            if let [Value::Text(kind), Value::Text(name), _, Value::Integer(page), ..] = row.columns()[..]
                && plain(kind) == b"table"
                && let Ok(page) = u32::try_from(page)
                && page > 0
            {
                tables.push((plain(name), page));
            }
            if tables.len() >= TABLES {
                break;
            }
        }
        for (name, page) in tables {
            let inside = place.member(&name);
            let mut texts = Vec::new();
            for row in database.rows(page).flatten() {
                for column in row.columns() {
                    let value = match column {
                        Value::Text(value) => plain(value),
                        Value::Blob(value) => value.to_vec(),
                        _ => continue,
                    };
                    let left = self.budget.get().checked_sub(value.len() as u64);
                    let Some(left) = left else { return self.exhausted(place) };
                    self.budget.set(left);
                    texts.extend_from_slice(&value);
                    texts.push(b'\n');
                }
                if texts.len() > ROWS {
                    self.plain(&texts, &inside);
                    texts.clear();
                }
            }
            if !texts.is_empty() {
                self.plain(&texts, &inside);
            }
        }
    }
}

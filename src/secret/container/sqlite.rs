//! Rows of a database that do not fit onto one page (`SQLite` file format, "Cell Payload Overflow Pages"): in the file
//! their text stands in pieces, so they are put together. All other rows are found where they stand.

use crate::format::sqlite::{Database, Value};

use super::{Opening, Place};

/// Tables of one database that are read.
const TABLES: usize = 1_000;

/// Bytes of long rows that are put together at once.
const ROWS: usize = 8 << 20;

impl Opening<'_> {
    pub(super) fn sqlite(&mut self, bytes: &[u8], place: &Place) {
        // one that is damaged was searched as it stands
        let Ok(database) = Database::new(bytes) else { return };
        let mut tables: Vec<(Vec<u8>, u32)> = Vec::new();
        for row in database.rows(1).flatten() {
            if let [Value::Text(b"table"), Value::Text(name), _, Value::Integer(page), ..] = row.columns()[..]
                && let Ok(page) = u32::try_from(page)
                && page > 0
            {
                tables.push((name.to_vec(), page));
            }
            if tables.len() >= TABLES {
                break;
            }
        }
        for (name, page) in tables {
            let inside = place.member(&name);
            let mut long = Vec::new();
            for row in database.rows(page).flatten().filter(|row| row.len().saturating_add(64) > database.page_size()) {
                for column in row.columns() {
                    let (Value::Text(value) | Value::Blob(value)) = column else { continue };
                    let left = self.budget.get().checked_sub(value.len() as u64);
                    let Some(left) = left else { return self.exhausted(place) };
                    self.budget.set(left);
                    long.extend_from_slice(value);
                    long.push(b'\n');
                }
                if long.len() > ROWS {
                    self.plain(&long, &inside);
                    long.clear();
                }
            }
            if !long.is_empty() {
                self.plain(&long, &inside);
            }
        }
    }
}

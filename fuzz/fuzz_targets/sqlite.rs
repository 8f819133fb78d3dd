//! Any database of SQLite, with any log, is read to an end: no page of a table comes twice, and no row is longer than
//! the file. The first two bytes say where the log begins.
#![no_main]

use careen::format::sqlite::Database;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((at, files)) = input.split_first_chunk() else { return };
    let at = usize::from(u16::from_le_bytes(*at)).min(files.len());
    let (main, log) = files.split_at(at);
    for database in [Database::new(files), Database::with_log(main, log)].into_iter().flatten() {
        let Ok(Some(root)) = database.table("Packages") else { continue };
        let mut bytes = 0;
        for row in database.rows(root).flatten() {
            bytes += row.len();
            assert!(row.columns().len() <= 32);
        }
        assert!(bytes <= input.len() * 2);
    }
});

//! Any archive is read to its end, by members and then the rest, and none is endless.
#![no_main]

use std::io::Read as _;

use careen::limit::Limits;
use careen::pass::tar::TarReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|archive: &[u8]| {
    let mut reader = TarReader::new(archive, &Limits::default());
    let mut members = 0;
    while let Ok(Some(entry)) = reader.next() {
        members += 1;
        let stored = reader.stored();
        let hole = reader.skip_hole();
        let mut content = Vec::new();
        let read = reader.by_ref().take(1 << 16).read_to_end(&mut content);
        assert!(hole + content.len() as u64 <= entry.size);
        if read.is_ok() && entry.size == stored && stored < 1 << 16 {
            assert_eq!(content.len() as u64, stored);
        }
    }
    let finished = reader.finish();
    assert_eq!(finished.size, archive.len() as u64);
    assert_eq!(finished.members, members);
});

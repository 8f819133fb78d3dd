//! Any zip archive is listed and read within its budget, and any jar, egg or archive of Yarn is searched to its end.
#![no_main]

mod collect;

use careen::format::zip::{Archive, Budget};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut budget = Budget { bytes: 1 << 20, entries: 1_000, archives: 1 };
    if let Ok(archive) = Archive::open(bytes, &mut budget) {
        let mut expanded = 0;
        for entry in archive.entries() {
            if let Ok(content) = archive.read(entry, 1 << 20, &mut budget) {
                assert_eq!(content.len() as u64, entry.size);
                expanded += content.len();
            }
        }
        assert!(archive.entries().len() <= 1_000);
        assert!(expanded <= (1 << 20) + bytes.len());
    }
    for path in ["a-1.0.jar", "a-1-py3.egg", "app/.yarn/cache/a-npm-1.0.0-0.zip"] {
        collect::collect(path, bytes);
    }
});

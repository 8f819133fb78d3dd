//! Any blob as a layer: decoded and walked in one, as a scan does.
#![no_main]

use careen::limit::Limits;
use careen::pass::decode;
use careen::pass::tar::TarReader;
use careen::size::ByteSize;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|blob: &[u8]| {
    let limits = Limits { expanded: ByteSize::mib(64), zstd_window_log: 23, ..Limits::default() };
    let Ok(decoder) = decode::open(blob, &limits) else { return };
    let mut reader = TarReader::new(decoder, &limits);
    let mut members = 0;
    while let Ok(Some(_)) = reader.next() {
        members += 1;
    }
    let finished = reader.finish();
    assert_eq!(finished.members, members);
    assert!(finished.size <= finished.reader.decoded());
});

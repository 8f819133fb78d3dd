//! Any blob decodes or fails, in bounded memory; after an error it stays at that error.
#![no_main]

use std::io::Read as _;

use careen::limit::Limits;
use careen::pass::decode::{self, DecodeError};
use careen::size::ByteSize;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|blob: &[u8]| {
    let limits = Limits { expanded: ByteSize::mib(64), zstd_window_log: 23, ..Limits::default() };
    let Ok(mut decoder) = decode::open(blob, &limits) else { return };
    let mut buffer = vec![0; 64 * 1024];
    let failure = loop {
        match decoder.read(&mut buffer) {
            Ok(0) => break None,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    match failure {
        None => assert_eq!(decoder.read(&mut buffer).ok(), Some(0)),
        Some(error) => {
            assert!(DecodeError::of(&error).is_some(), "memory cannot fail: {error}");
            assert!(decoder.read(&mut buffer).is_err());
        }
    }
});

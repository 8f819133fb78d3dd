//! Any VEX document is read or refused, and what it says can be asked.
#![no_main]

use careen::advisory::vex::{self, Hit, Image, Judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = vex::read_attached(bytes, "attached");
    let Ok(document) = vex::read(bytes, "a.json") else { return };
    let _ = document.limitations();
    let judge = Judge::new(vec![document]);
    let ids = ["CVE-2026-0001".to_owned()];
    let (purl, image) = ("pkg:npm/a@1.0.0", Image::default());
    let _ = judge.of(&Hit { ids: &ids, purl, source_purl: None, within: &[], image: &image });
});

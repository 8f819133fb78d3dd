//! Any bill of materials, as a target and inside an image, is read or refused; its edges lead to packages it has.
#![no_main]

mod collect;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bill) = careen::format::sbom::read(bytes) {
        let count = bill.parts.len();
        assert!(count <= bytes.len());
        assert!(bill.parts.iter().flat_map(|part| &part.dependencies).all(|to| *to < count));
    }
    for path in ["a.cdx.json", "a.spdx.json", "a.spdx"] {
        collect::collect(path, bytes);
    }
});

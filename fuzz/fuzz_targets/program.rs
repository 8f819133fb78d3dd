//! Any program is searched for what Go, cargo-auditable and packagers leave, whole and as a piece of a large one.
#![no_main]

mod collect;

use careen::format::go_build_info::GoBuildInfo;
use careen::format::program::Program;
use careen::format::rust_audit::RustAudit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for program in Program::parse(bytes).unwrap_or_default() {
        let writable: usize = program.writable().map(|(_, data)| data.len()).sum();
        assert!(writable <= bytes.len());
        GoBuildInfo::of(&program);
        let _ = RustAudit::of(&program);
        assert!(program.notes(".note.package").len() <= 256);
    }
    if let Some(info) = GoBuildInfo::in_piece(bytes, 0) {
        assert!(info.dependencies.len() <= bytes.len());
    }
    let _ = RustAudit::parse(bytes);
    collect::collect("usr/bin/node", bytes);
});

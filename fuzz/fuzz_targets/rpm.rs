//! Any database of rpm yields no more packages than its bytes can hold. The first byte chooses the kind: SQLite, its
//! log, NDB, Berkeley DB, a list of packages, or an NDB of one header, which is the rest.
#![no_main]

mod collect;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let (path, bytes) = match choice % 6 {
        0 => ("var/lib/rpm/rpmdb.sqlite", bytes.to_vec()),
        1 => ("var/lib/rpm/rpmdb.sqlite-wal", bytes.to_vec()),
        2 => ("var/lib/rpm/Packages.db", bytes.to_vec()),
        3 => ("var/lib/rpm/Packages", bytes.to_vec()),
        4 => ("var/lib/rpmmanifest/container-manifest-2", bytes.to_vec()),
        _ => ("var/lib/rpm/Packages.db", ndb(bytes)),
    };
    assert!(collect::collect(path, &bytes) <= bytes.len() + 20);
});

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn ndb(header: &[u8]) -> Vec<u8> {
    let blocks = (16 + header.len() + 12).div_ceil(16);
    let length = header.len() as u32;
    let mut slots = [&b"RpmP"[..], &words(&[0, 1, 1, 2, 0, 0, 0]), b"Slot", &words(&[1, 256, blocks as u32])].concat();
    while slots.len() < 4_096 {
        slots.extend([&b"Slot"[..], &[0; 12]].concat());
    }
    let padding = vec![0; blocks * 16 - 28 - header.len()];
    [&slots[..], b"BlbS", &words(&[1, 1, length]), header, &padding, &words(&[0, length]), b"BlbE"].concat()
}

//! Any records of an extended header apply to their member or refuse the archive. The first byte chooses `x` or `g`.
#![no_main]

use careen::limit::Limits;
use careen::pass::tar::TarReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, records)) = input.split_first() else { return };
    let mut archive = Vec::new();
    member(&mut archive, if choice % 2 == 0 { b'x' } else { b'g' }, records);
    member(&mut archive, b'0', b"content");
    member(&mut archive, b'0', b"more");
    archive.resize(archive.len() + 1024, 0);

    let mut reader = TarReader::new(&archive[..], &Limits::default());
    while let Ok(Some(_)) = reader.next() {}
    let finished = reader.finish();
    assert_eq!(finished.size, archive.len() as u64);
    assert!(finished.error.is_some() || finished.members > 0);
});

fn member(archive: &mut Vec<u8>, typeflag: u8, content: &[u8]) {
    let mut header = [0; 512];
    header[..4].copy_from_slice(b"name");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = typeflag;
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

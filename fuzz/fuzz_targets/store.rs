//! Any damage to a file of advisory data that its sums do not show is an error, never a crash: each five bytes of the
//! input change one of a sound file, which is then sealed again and read whole.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use careen::advisory::osv;
use careen::advisory::store::{Builder, Database, Entry, Manifest, Writer};
use libfuzzer_sys::fuzz_target;
use twox_hash::XxHash3_64;

const NAME: &str = "osv/Debian";

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("careen-fuzz-store-{}", std::process::id()))
}

/// The content of a sound file, without its seal.
fn sound() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        // redb may panic at pages that make no sense, which careen turns into an error
        std::panic::set_hook(Box::new(|_| {}));
        let mut builder = Builder::new("Debian");
        for number in 0..40 {
            let record = format!(
                r#"{{"id":"DSA-{number}-1","affected":[{{"package":{{"ecosystem":"Debian:12","name":"p{}"}},
                   "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1.{number}"}}]}}]}}]}}"#,
                number % 7
            );
            builder.add(osv::parse(record.as_bytes()).expect("is a record"));
        }
        let mut writer = Writer::open(&folder(), Duration::ZERO, &mut || {}).expect("opens");
        writer.put(NAME, builder, Entry::default()).expect("writes");
        let file = fs::read(folder().join(&writer.manifest().shards[NAME].file)).expect("is there");
        let end = file.len() - 16;
        let length = u64::from_le_bytes(file[end..end + 8].try_into().expect("8 bytes"));
        file[..length as usize].to_vec()
    })
}

fuzz_target!(|input: &[u8]| {
    let mut file = sound().to_vec();
    for edit in input.chunks_exact(5).take(64) {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize % file.len();
        file[place] = edit[4];
    }
    let mut tail: Vec<u8> = file.chunks(1 << 16).flat_map(|block| XxHash3_64::oneshot(block).to_le_bytes()).collect();
    tail.extend((file.len() as u64).to_le_bytes());
    tail.extend(b"careen\x001");
    let seal = XxHash3_64::oneshot(&tail);
    file.extend(tail);
    fs::write(folder().join("damaged.redb"), file).expect("writes");
    let mut manifest = Manifest::default();
    manifest.shards.insert(NAME.into(), Entry { file: "damaged.redb".into(), seal, ..Entry::default() });
    fs::write(folder().join("manifest.json"), manifest.render()).expect("writes");
    let Ok(Some(shard)) = Database::open(&folder()).expect("the list is sound").shard(NAME) else { return };
    let _ = shard.for_each_package(&mut |_, _, _| Ok(()));
    let _ = shard.for_each_record(&mut |_| Ok(()));
    let _ = shard.record("DSA-3-1");
    let _ = shard.named("CVE-2026-0001");
    let _ = shard.postings("12", "p3");
});

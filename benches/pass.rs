//! Speed of reading one layer: decode, decode and walk, decode, walk and hash. Bytes are those of the tar.

#![allow(missing_docs, reason = "the macros of criterion make public items")]

mod support;

use std::hint::black_box;
use std::io::{BufRead as _, Read, Write as _};
use std::time::Duration;

use careen::digest::{Algorithm, HashingReader};
use careen::limit::Limits;
use careen::pass::decode;
use careen::pass::tar::TarReader;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use support::made_up_layer;

/// Members of the made-up layer: many small files and some large ones, as in `/usr`.
const FILES: u64 = 3_000;

fn layer(criterion: &mut Criterion) {
    let tar = made_up_layer(FILES);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar).expect("writes to memory");
    let gzip = gzip.finish().expect("writes to memory");
    let zstd = zstd::encode_all(&tar[..], 3).expect("writes to memory");

    let mut group = criterion.benchmark_group("layer");
    group.throughput(Throughput::Bytes(tar.len() as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, blob) in [("plain", &tar), ("gzip", &gzip), ("zstd", &zstd)] {
        let open = || decode::open(&blob[..], &Limits::default()).expect("opens");
        group.bench_function(format!("decode {name}"), |bencher| {
            let mut buffer = vec![0; 256 * 1024];
            bencher.iter(|| {
                let mut decoder = open();
                while decoder.read(&mut buffer).expect("decodes") > 0 {}
                decoder.decoded()
            });
        });
        group.bench_function(format!("decode and walk {name}"), |bencher| bencher.iter(|| walk(open())));
        group.bench_function(format!("decode, hash and walk {name}"), |bencher| {
            bencher.iter(|| {
                let mut hashing = HashingReader::new(open(), Algorithm::Sha256);
                walk(&mut hashing);
                hashing.finish()
            });
        });
    }
    group.finish();
}

/// Reads every member's content, and the stream to its end.
fn walk(reader: impl Read) -> u64 {
    let mut members = TarReader::new(reader, &Limits::default());
    while let Some(entry) = members.next().expect("reads") {
        black_box(entry);
        loop {
            let bytes = members.fill_buf().expect("reads");
            if bytes.is_empty() {
                break;
            }
            let count = black_box(bytes).len();
            members.consume(count);
        }
    }
    let finished = members.finish();
    assert_eq!(finished.members, FILES);
    finished.size
}

criterion_group!(benches, layer);
criterion_main!(benches);

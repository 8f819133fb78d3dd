//! Speed of rewriting one layer of 300 MB with a file left out, for each encoding. Bytes are those of the tar.

#![allow(missing_docs, reason = "the macros of criterion make public items")]

mod support;

use std::io::Write as _;
use std::time::Duration;

use careen::limit::Limits;
use careen::rebuild::layer::rewrite;
use careen::rebuild::{Edit, Encoding, Member};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use support::made_up_layer;

/// Members of the made-up layer: many small files and some large ones, as in `/usr`.
const FILES: u64 = 14_000;

fn layer(criterion: &mut Criterion) {
    let tar = made_up_layer(FILES);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar).expect("writes to memory");
    let gzip = gzip.finish().expect("writes to memory");
    let zstd = zstd::encode_all(&tar[..], 3).expect("writes to memory");
    let drop = Edit::DropMember {
        member: Member { layer: 0, member: 5, path: "/usr/lib/package-0/file-5".into() },
        secrets: Vec::new(),
        inside: Vec::new(),
    };

    let mut group = criterion.benchmark_group("rewrite");
    group.throughput(Throughput::Bytes(tar.len() as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_mins(1));
    for (name, blob) in [("plain", tar), ("gzip", gzip), ("zstd", zstd)] {
        let encoding = Encoding::like(&blob).expect("is in memory");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let told = rewrite(&blob, &[&drop], encoding, &Limits::default(), &mut std::io::sink());
                told.expect("rewrites").size
            });
        });
    }
    group.finish();
}

criterion_group!(benches, layer);
criterion_main!(benches);

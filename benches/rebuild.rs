//! Speed of rewriting one layer of 300 MB with a file left out, for each encoding. Bytes are those of the tar.

#![allow(missing_docs, reason = "the macros of criterion make public items")]

use std::io::Write as _;
use std::time::Duration;

use careen::limit::Limits;
use careen::rebuild::layer::rewrite;
use careen::rebuild::{Edit, Encoding, Member};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

/// Members of the made-up layer: many small files and some large ones, as in `/usr`.
const FILES: u64 = 14_000;

fn layer(criterion: &mut Criterion) {
    let tar = made_up_layer();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar).expect("writes to memory");
    let gzip = gzip.finish().expect("writes to memory");
    let zstd = zstd::encode_all(&tar[..], 3).expect("writes to memory");
    let drop = Edit::DropMember {
        member: Member { layer: 0, member: 5, path: "/usr/lib/package-0/file-5".into() },
        secrets: Vec::new(),
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

/// A tar of about 300 MB that compresses to about a third, the same each time.
fn made_up_layer() -> Vec<u8> {
    const WORDS: [&str; 8] = ["return ", "0x", "\n    ", "self.", "import ", "struct ", "\0\0\0\0", "license "];
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut builder = tar::Builder::new(Vec::new());
    for index in 0..FILES {
        let size = if index % 50 == 0 { 600_000 + random(800_000) } else { random(14_000) };
        let mut content = Vec::new();
        while (content.len() as u64) < size {
            let word = usize::try_from(random(8)).expect("below eight");
            content.extend_from_slice(WORDS[word].as_bytes());
            if random(3) == 0 {
                content.extend_from_slice(&random(1 << 31).to_le_bytes()[..4]);
            }
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = format!("usr/lib/package-{}/file-{index}", index / 20);
        builder.append_data(&mut header, name, &content[..]).expect("writes to memory");
    }
    builder.into_inner().expect("writes to memory")
}

criterion_group!(benches, layer);
criterion_main!(benches);

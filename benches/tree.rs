//! The union of 200,000 names, and the selection of paths by all collectors.

#![allow(missing_docs, reason = "criterion's macro makes a public function without a comment")]

use careen::collect::Selectors;
use careen::limit::Limits;
use careen::path::ImagePath;
use careen::tree::{FileEntry, FileKind, Tree};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const NAMES: usize = 200_000;
const LAYERS: usize = 10;

/// Folders of twenty files, four deep, a fifth of them replaced by the next layer.
fn layers() -> Vec<Vec<FileEntry>> {
    (0..LAYERS)
        .map(|layer| {
            let mut entries = Vec::with_capacity(NAMES / LAYERS * 21 / 20);
            for index in 0..NAMES / LAYERS {
                let place = if index % 5 == 0 { index } else { layer * NAMES / LAYERS + index };
                let folder = format!("usr/lib/module{}/part{}", place / 400, place / 20);
                if index % 20 == 0 {
                    entries.push(FileEntry { kind: FileKind::Directory, ..FileEntry::file(&folder, 0) });
                }
                entries.push(FileEntry::file(&format!("{folder}/file-{place}.js"), 1_000));
            }
            entries
        })
        .collect()
}

fn union(criterion: &mut Criterion) {
    let layers = layers();
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("tree");
    group.throughput(Throughput::Elements(NAMES as u64)).sample_size(20);
    group.bench_function("union of 200,000 names", |bencher| {
        bencher.iter_batched(
            || layers.clone(),
            |layers| Tree::union(layers.into_iter().map(Into::into).collect(), &limits),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn selectors(criterion: &mut Criterion) {
    let collectors = careen::scan::collectors();
    let selectors = Selectors::new(collectors.iter().map(|collector| collector.select()));
    let paths: Vec<ImagePath> = layers().into_iter().flatten().map(|entry| entry.path).collect();
    let mut group = criterion.benchmark_group("selectors");
    group.throughput(Throughput::Elements(paths.len() as u64)).sample_size(20);
    group.bench_function("masks of 200,000 paths", |bencher| {
        bencher.iter(|| paths.iter().fold(0, |all, path| all | selectors.by_name(path)));
    });
    group.finish();
}

criterion_group!(benches, union, selectors);
criterion_main!(benches);

//! How fast the secrets engine goes through files: settings, source text, and binaries.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of each made-up corpus.
const SIZE: usize = 16 << 20;

/// Bytes of one call, as the pass gives them.
const WINDOW: usize = 1 << 20;

/// A small generator, so that every run sees the same bytes (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.next() % words.len() as u64).expect("an index")]
    }
}

/// Code and prose with the words that rules start at, but no secrets.
fn text() -> Vec<u8> {
    const WORDS: &[&str] = &[
        "return",
        "value",
        "self",
        "import",
        "from",
        "key",
        "token",
        "the",
        "of",
        "and",
        "password",
        "=",
        "->",
        "(",
        ")",
        "{",
        "}",
        "name",
        "index",
        "https://docs.rs/x/latest",
        "0x7fff",
        "\"string\"",
        "secret",
        "if",
        "else",
        "None",
        "result",
        "error",
        "line",
        "file",
        "path",
        "buffer",
        "length",
        "header",
        "request",
        "response",
        "user@host",
        "auth",
        "sk_buff",
        "api-version",
        "describe",
    ];
    let mut numbers = Numbers(0x5eed);
    let mut text = Vec::with_capacity(SIZE + 64);
    while text.len() < SIZE {
        for _ in 0..9 {
            text.extend_from_slice(numbers.pick(WORDS).as_bytes());
            text.push(b' ');
        }
        text.push(b'\n');
    }
    text
}

/// Machine-code-like bytes: a few common ones, runs of zeros, strings now and then.
fn binary() -> Vec<u8> {
    let mut numbers = Numbers(0xb1a5);
    let mut bytes = b"\x7fELF".to_vec();
    while bytes.len() < SIZE {
        match numbers.next() % 16 {
            0 => bytes.extend_from_slice(&[0; 64]),
            1 => bytes.extend_from_slice(b"cannot open file\0key-value\0%s: token\0"),
            2..=8 => bytes.extend_from_slice(&[0x48, 0x8b, 0x45, 0xf8, 0x48, 0x89, 0xc7, 0xe8]),
            _ => bytes.extend_from_slice(&numbers.next().to_le_bytes()),
        }
    }
    bytes
}

fn secrets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("secrets");
    group.sample_size(10).measurement_time(Duration::from_secs(4)).throughput(Throughput::Bytes(SIZE as u64));
    let (text, binary) = (text(), binary());
    for (name, path, bytes) in
        [("settings", "app/config.yaml", &text), ("text", "doc/readme.md", &text), ("binary", "usr/lib/x.so", &binary)]
    {
        let path = path.into();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                bytes.chunks(WINDOW).map(|window| careen::secret::count(black_box(window), &path)).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, secrets);
criterion_main!(benches);

//! The engine's time grows with the bytes, whatever they are.

use std::time::{Duration, Instant};

use super::*;

/// The shortest of some runs.
fn time(bytes: &[u8]) -> Duration {
    let run = || {
        let start = Instant::now();
        std::hint::black_box(scan(bytes, Kind::Settings));
        start.elapsed()
    };
    (0..3).map(|_| run()).min().unwrap_or_default()
}

#[test]
fn time_grows_no_faster_than_the_bytes() {
    let parts: &[&str] = &[
        "a",
        " ",
        "ghp_",
        "://",
        "a://b:c@",
        "eyJhbGciOi ",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----\n",
        "password=",
        "api_key: \"",
        "heroku_api_key = ",
        "SK0a",
        "machine x login y ",
        "\u{0}",
        "AKIA",
        "LS0tLS1CRUdJTi",
        "mnemonic ",
    ];
    const SMALL: usize = 1 << 16;
    scan(b"rules are loaded, patterns compiled as they are met", Kind::Settings);
    for part in parts {
        let bytes = part.as_bytes().repeat(8 * SMALL / part.len());
        let (small, large) = (time(&bytes[..SMALL]), time(&bytes));
        // eight times the bytes, where the square would be 64; the rest is left to a busy machine's clock
        let most = small.max(Duration::from_millis(5)) * 24;
        assert!(large < most, "{part:?}: {small:?}, then {large:?}");
    }
}

#[test]
fn what_has_too_many_false_starts_is_told() {
    assert!(scan("eyJhbGciOi ".repeat(200_000).as_bytes(), Kind::Settings).is_exhausted);
    assert!(!scan(&b"DB_HOST=db\n".repeat(100_000), Kind::Settings).is_exhausted);
}

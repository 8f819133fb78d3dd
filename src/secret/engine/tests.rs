//! What is done for a text grows with its bytes, whatever they are.

use super::*;

/// Bytes of the smaller of two texts.
const SMALL: usize = 1 << 16;

#[test]
fn work_grows_no_faster_than_the_bytes() {
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
    for part in parts {
        let bytes = part.as_bytes().repeat(8 * SMALL / part.len());
        let (small, large) = (scan(&bytes[..SMALL], Kind::Settings).work, scan(&bytes, Kind::Settings).work);
        // a little for what the ends of a text make
        assert!(large <= 9 * small + 4096, "{part:?}: {small}, then {large}");
    }
}

#[test]
fn what_has_too_many_false_starts_is_told() {
    assert!(scan("eyJhbGciOi ".repeat(200_000).as_bytes(), Kind::Settings).is_exhausted);
    assert!(!scan(&b"DB_HOST=db\n".repeat(100_000), Kind::Settings).is_exhausted);
}

//! Made-up credentials, put together at run time so that no file of the repository holds a whole one.

use careen::digest::Digest;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A token in the form of GitHub's, its checksum right; each seed gives another.
pub(crate) fn github(seed: u32) -> String {
    let digest = Digest::sha256(format!("token {seed}").as_bytes());
    let body: String = (0..30)
        .map(|at| {
            let pair = u8::from_str_radix(&digest.hex()[at * 2..at * 2 + 2], 16).unwrap();
            char::from(ALPHABET[usize::from(pair) % 62])
        })
        .collect();
    let mut sum = flate2::Crc::new();
    sum.update(body.as_bytes());
    let mut left = sum.sum() as usize;
    let mut checksum = [b'0'; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = ALPHABET[left % 62];
        left /= 62;
    }
    format!("{}{}{body}{}", "gh", "p_", String::from_utf8_lossy(&checksum))
}

/// A private key of no use, an example of the rule's file.
pub(crate) fn key() -> String {
    [
        "-----BEGIN ",
        "EC PRIVATE KEY-----\nMHcCAQEEIFLj2XYAclty6IBBvMNvec",
        "EfkhvTeP2BJF9Vlo0dN2K6oAoGCCqGSM49\nAwEHoUQDQgAEiqJNCp/o4KYyokdg/8",
        "CVC32LsBtW3CqOnWl1b0nn9brh6EXXIk3g\nfdH8kbe2rv3uJTP5oifkkyVQzPD6B0",
        "8/ng==\n-----END ",
        "EC PRIVATE KEY-----\n",
    ]
    .concat()
}

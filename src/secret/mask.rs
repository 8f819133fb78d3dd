//! What may be shown of a secret.

use crate::escape::escape;

/// What stands for the hidden part.
pub(super) const HIDDEN: &str = "****";

/// Shortest value whose last four characters may be shown.
const LONG: usize = 24;

/// The public prefix of `shown` bytes and, of long values, the last four characters.
///
/// Where the value is too short for a tail, nothing but the prefix and stars.
pub(super) fn token(value: &[u8], shown: usize) -> String {
    let shown = shown.min(value.len());
    let (prefix, rest) = value.split_at(shown);
    let tail = if rest.len() >= LONG { rest.get(rest.len() - 4..).unwrap_or_default() } else { &[] };
    format!("{}{HIDDEN}{}", escape(prefix), escape(tail))
}

/// Nothing but stars and the length, for passwords.
pub(super) fn password(value: &[u8]) -> String {
    let length = value.len();
    format!("{HIDDEN} ({length} {})", if length == 1 { "character" } else { "characters" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_shown() {
        let cases: &[(&[u8], usize, &str)] = &[
            (b"abc_0123456789012345678901234567", 4, "abc_****4567"),
            (b"abc_0123456789", 4, "abc_****"),
            (b"ab", 4, "ab****"),
            (b"0123456789012345678\x1b23456", 0, "****3456"),
            (b"", 0, "****"),
        ];
        for (value, shown, masked) in cases {
            assert_eq!(token(value, *shown), *masked);
        }
        assert_eq!(password(b"hunter22"), "**** (8 characters)");
    }
}

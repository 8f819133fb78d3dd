//! What the bytes of a value and its surroundings tell without decoding.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};
use crate::rule::Severity;
use crate::secret::entropy;
use crate::secret::kind::Kind;
use crate::secret::words::is_wordlike;

/// Forty characters are also the length of a SHA-1: they must not be hexadecimal.
pub(super) fn random(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    (is_mixed && !value.iter().all(u8::is_ascii_hexdigit)).then(Opinion::default)
}

/// What stands for itself only in settings, scripts and histories; in source code it is mostly a test.
pub(super) fn settings_only(look: &Look<'_>) -> Option<Opinion> {
    (look.kind == Kind::Settings).then(Opinion::default)
}

/// What stands for itself in settings; in source code it must be random, and in texts for people it is an example.
pub(super) fn random_in_source(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let is_random = has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && (entropy::shannon(value) >= 3.7 || value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit))
        && !is_wordlike(value);
    match look.kind {
        Kind::Settings => Some(Opinion::default()),
        Kind::Source if is_random => Some(Opinion::default()),
        _ => None,
    }
}

/// Keys of a provider's test mode open nothing of worth.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a check")]
pub(super) fn test_mode(look: &Look<'_>) -> Option<Opinion> {
    let is_test = memchr::memmem::find(look.value().get(..16).unwrap_or_default(), b"_test_").is_some();
    Some(if is_test {
        Opinion { severity: Some(Severity::Low), ..Opinion::note("test mode") }
    } else {
        Opinion::default()
    })
}

/// A hash of crypt(3): what guards it is the password's own strength.
pub(super) fn password_hash(look: &Look<'_>) -> Option<Opinion> {
    let distinct = entropy::distinct(look.value());
    (distinct >= 16).then(|| Opinion::note("a hash, to be guessed offline"))
}

/// Letters alone are a word, digits alone a number.
pub(super) fn alphanumeric(look: &Look<'_>) -> Option<Opinion> {
    let has = |test: fn(&u8) -> bool| look.value().iter().any(test);
    (has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)).then(Opinion::default)
}

/// A hash of crypt(3) that stands in a setting, perhaps with its `$` doubled as Compose asks.
pub(super) fn crypt(look: &Look<'_>) -> Option<Opinion> {
    let text = String::from_utf8_lossy(look.value()).replace("$$", "$");
    let (method, last) = (text.split('$').nth(1)?, text.rsplit('$').next()?);
    let length = match method {
        "6" => 86,
        "5" | "y" | "gy" | "7" => 43,
        "2a" | "2b" | "2x" | "2y" => 53,
        "apr1" | "1" => 22,
        _ => return None,
    };
    if last.len() != length {
        return None;
    }
    password_hash(look)
}

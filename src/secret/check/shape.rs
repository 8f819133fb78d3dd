//! What the bytes of a value and its surroundings tell without decoding.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};
use crate::rule::Severity;
use crate::secret::entropy;
use crate::secret::kind::Kind;

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
pub(super) fn mixed(look: &Look<'_>) -> Option<Opinion> {
    let has = |test: fn(&u8) -> bool| look.value().iter().any(test);
    (has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)).then(Opinion::default)
}

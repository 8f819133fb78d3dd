//! Which signs a value is made of, and what stands beside it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};
use crate::format::base64;

/// Bytes on either side of a match in which the provider's name has to stand.
const REACH: usize = 300;

/// Upper and lower case with digits, or in no order: as in random text of base 62 and seldom in names.
pub(super) fn mixed_case(look: &Look<'_>) -> Option<Opinion> {
    let random = random_part(look.value());
    let has = |test: fn(&u8) -> bool| random.iter().any(test);
    let switches = random
        .windows(2)
        .filter(|pair| pair.iter().all(u8::is_ascii_alphabetic))
        .filter(|pair| pair.iter().filter(|b| b.is_ascii_uppercase()).count() == 1)
        .count();
    let is_random = has(u8::is_ascii_digit) || switches.saturating_mul(3) >= random.len();
    (has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && is_random).then(Opinion::default)
}

/// Letters with digits, or letters of both cases: no name of words in one case, no number.
pub(super) fn letters_and_digits(look: &Look<'_>) -> Option<Opinion> {
    let random = random_part(look.value());
    let has = |test: fn(&u8) -> bool| random.iter().any(test);
    let is_cased = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    (has(u8::is_ascii_alphabetic) && (has(u8::is_ascii_digit) || is_cased)).then(Opinion::default)
}

/// What follows the prefix: all behind the first sign near the start.
fn random_part(value: &[u8]) -> &[u8] {
    let sign = value.iter().take(20).position(|b| matches!(b, b'_' | b'-' | b'.'));
    sign.and_then(|index| value.get(index.saturating_add(1)..)).unwrap_or(value)
}

/// OVH calls its settings `application_secret` and `consumer_key`, as others do: its name has to be near.
pub(super) fn ovh(look: &Look<'_>) -> Option<Opinion> {
    let around = look.around(REACH).to_ascii_lowercase();
    memchr::memmem::find(&around, b"ovh").is_some().then(Opinion::default)
}

/// `OneSignal`'s keys of the old form are a UUID in base64.
pub(super) fn onesignal(look: &Look<'_>) -> Option<Opinion> {
    let text = base64::decode(look.value())?;
    let is_uuid = text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_uuid.then(|| Opinion::note("key decoded"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::kind::Kind;

    fn opinion(check: super::super::Check, text: &str) -> bool {
        let whole = 0..text.len();
        check(&Look { bytes: text.as_bytes(), whole: whole.clone(), value: whole, kind: Kind::Settings }).is_some()
    }

    #[test]
    fn names_are_told_from_random_text() {
        let cases = [
            ("abc_q8Zr1Lm0", true),
            ("ABC_q8zr1lm0", false),
            ("abc_connection", false),
            ("abc_qZrLmTnYs", true),
            ("q8Zr1Lm0", true),
        ];
        for (text, expected) in cases {
            assert_eq!(opinion(mixed_case, text), expected, "{text}");
        }
        let cases = [("abc_q8zr1lm0", true), ("abc_1234567", false), ("abc_words_only", false)];
        for (text, expected) in cases {
            assert_eq!(opinion(letters_and_digits, text), expected, "{text}");
        }
    }

    #[test]
    fn short_input_is_no_danger() {
        for check in [mixed_case as super::super::Check, letters_and_digits, ovh, onesignal] {
            for text in ["", "_", "a"] {
                assert!(!opinion(check, text), "{text}");
            }
        }
    }
}

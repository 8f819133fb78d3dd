//! Tells text made of words from random text, by pairs of letters.
//!
//! The pairs are the commoner ones of English prose and of names in programs, counted over the texts of a
//! Debian system; a quarter of all pairs, which make seven eighths of the pairs in words.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// For each letter, those that follow it often.
const FOLLOWS: [&[u8]; 26] = [
    b"bcdgilmnprstu",
    b"aelou",
    b"aehiklortu",
    b"aeios",
    b"acdefglmnprstvx",
    b"aeio",
    b"eir",
    b"aeiot",
    b"abcdefglmnoprstv",
    b"",
    b"e",
    b"adeilostuy",
    b"aeiop",
    b"acdegiost",
    b"cdlmnoprstuvw",
    b"aeiloprt",
    b"u",
    b"acdeimnorstuy",
    b"acehiopstu",
    b"aehiorstuy",
    b"bceilmnprst",
    b"aei",
    b"ahi",
    b"t",
    b"p",
    b"",
];

/// Whether most of the text is letters that stand as in words.
///
/// A capital after a small letter begins a word. Texts with fewer than five pairs are not judged.
pub(super) fn is_wordlike(text: &[u8]) -> bool {
    let (mut pairs, mut common) = (0_usize, 0_usize);
    for pair in text.windows(2) {
        let &[first, second] = pair else { continue };
        if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
            continue;
        }
        if first.is_ascii_lowercase() && second.is_ascii_uppercase() {
            continue;
        }
        pairs = pairs.saturating_add(1);
        common = common.saturating_add(usize::from(is_common_pair(first, second)));
    }
    let letters = text.iter().filter(|b| b.is_ascii_alphabetic()).count();
    // of random letters a quarter of the pairs is common; long texts are told apart by less than short ones
    let enough = if pairs < 8 {
        common.saturating_mul(4) >= pairs.saturating_mul(3)
    } else {
        common.saturating_mul(10) >= pairs.saturating_mul(7)
    };
    pairs >= 5 && enough && letters.saturating_mul(10) >= text.len().saturating_mul(6)
}

/// Whether these two letters, in either case, often stand together in words.
pub(super) fn is_common_pair(first: u8, second: u8) -> bool {
    let place = first.to_ascii_lowercase().checked_sub(b'a');
    let follows = place.and_then(|place| FOLLOWS.get(usize::from(place)));
    follows.is_some_and(|follows| follows.contains(&second.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_random_text() {
        for words in [
            "SomeKindOfPassword123!@#",
            "This-is-my-test-99!",
            "db-credentials-prod",
            "access_token_name2",
            "Enter your password",
        ] {
            assert!(is_wordlike(words.as_bytes()), "{words}");
        }
        for random in [
            "qXzRtLw9Kd",
            "7f3a9c0e1b5d8264",
            "k3J9dk20sKw8Zq1LpT",
            "Vn82kd0-Lq",
            "x9fRz!7Kq",
            "zqkjxwvbtnq",
            "bL7xTqPz0aWm",
        ] {
            assert!(!is_wordlike(random.as_bytes()), "{random}");
        }
    }
}

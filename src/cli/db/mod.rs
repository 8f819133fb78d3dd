//! `careen db`: advisory data.

pub(super) mod exchange;
pub(super) mod query;
pub(super) mod search;
pub(super) mod status;
pub(super) mod update;

use crate::time::Timestamp;

/// A count with its noun.
fn count(number: u64, noun: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    // family, but not day
    match (number, noun.strip_suffix("ly").map(|stem| format!("{stem}l"))) {
        (_, _) if noun.is_empty() => text,
        (1, _) => format!("{text} {noun}"),
        (_, Some(stem)) => format!("{text} {stem}ies"),
        _ => format!("{text} {noun}s"),
    }
}

/// How long ago something was: `3 hours ago`.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.to_unix().saturating_sub(then.to_unix());
    let number = |count: i64, unit: &str| count_of(count, unit) + " ago";
    match seconds {
        ..60 => "just now".to_owned(),
        60..3_600 => number(seconds / 60, "minute"),
        3_600..172_800 => number(seconds / 3_600, "hour"),
        _ => number(seconds / 86_400, "day"),
    }
}

fn count_of(number: i64, noun: &str) -> String {
    count(u64::try_from(number).unwrap_or(0), noun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_their_nouns() {
        let cases = [
            (0, "record", "0 records"),
            (1, "family", "1 family"),
            (2, "family", "2 families"),
            (1_234_567, "record", "1,234,567 records"),
            (123, "", "123"),
        ];
        for (number, noun, expected) in cases {
            assert_eq!(count(number, noun), expected);
        }
        let at = Timestamp::from_unix;
        let cases = [(0, "just now"), (120, "2 minutes ago"), (3_600, "1 hour ago"), (200_000, "2 days ago")];
        for (seconds, expected) in cases {
            assert_eq!(ago(at(1_000_000), at(1_000_000 + seconds)), expected);
        }
        assert_eq!(ago(at(10), at(0)), "just now", "of a clock that went backwards");
    }
}

//! Decimal numbers of any length, as versions are made of.

use std::cmp::Ordering;

/// A whole number, kept as its digits without leading zeros; zero has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number(Box<str>);

impl Number {
    /// Takes ASCII digits; no digits at all are zero.
    pub(super) fn new(digits: &str) -> Self {
        Self(digits.trim_start_matches('0').into())
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Splits off the ASCII digits at the start.
pub(super) fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Whether the text is ASCII digits and nothing else, at least one.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

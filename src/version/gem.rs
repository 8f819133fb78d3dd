//! The order of Ruby's versions: `Gem::Version` of `RubyGems`, whose documentation is its specification.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cmp::Ordering;
use std::iter::repeat;

use super::number::{Number, split_digits};

/// Segments, with zeros at the end of the numbers and of the whole left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gem(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    /// Letters: a pre-release.
    Text(String),
    Number(Number),
}

/// Reads `1.2.rc3`; a hyphen is `.pre.`, and nothing at all is 0.
///
/// A gem's platform (`1.12.0-java`) is no part of its version: it would read as a pre-release.
pub(super) fn parse(text: &str) -> Result<Gem, &'static str> {
    let text = text.trim_ascii();
    let (main, pre) = text.split_once('-').map_or((text, None), |(main, pre)| (main, Some(pre)));
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_pre = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let starts_with_number = main.split('.').next().is_some_and(super::number::is_digits);
    let is_right =
        starts_with_number && main.split('.').all(is_plain) && pre.is_none_or(|pre| pre.split('.').all(is_pre));
    if !is_right && !text.is_empty() {
        return Err("not of the form 1.2.rc3");
    }
    let (mut numbers, mut others) = (Vec::new(), Vec::new());
    for segment in segments(&text.replace('-', ".pre.")) {
        if others.is_empty() && matches!(segment, Segment::Number(_)) {
            numbers.push(segment);
        } else {
            others.push(segment);
        }
    }
    drop_zeros(&mut numbers);
    drop_zeros(&mut others);
    numbers.append(&mut others);
    Ok(Gem(numbers))
}

impl Ord for Gem {
    /// A missing segment is 0, so that letters make a version earlier than the one without them.
    fn cmp(&self, other: &Self) -> Ordering {
        let zero = Segment::Number(Number::new(""));
        let longest = self.0.len().max(other.0.len());
        let left = self.0.iter().chain(repeat(&zero)).take(longest);
        left.cmp(other.0.iter().chain(repeat(&zero)).take(longest))
    }
}

impl PartialOrd for Gem {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Runs of digits and runs of letters; what stands between them only parts them.
fn segments(text: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    for part in text.split('.') {
        let mut rest = part;
        while !rest.is_empty() {
            let (digits, after) = split_digits(rest);
            if !digits.is_empty() {
                segments.push(Segment::Number(Number::new(digits)));
            }
            let (letters, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
            if !letters.is_empty() {
                segments.push(Segment::Text(letters.to_owned()));
            }
            rest = after;
        }
    }
    segments
}

fn drop_zeros(segments: &mut Vec<Segment>) {
    while matches!(segments.last(), Some(Segment::Number(number)) if number.is_zero()) {
        segments.pop();
    }
}

//! The order of Alpine's versions: "Package versions" of apk-package(5) of apk-tools 2.14 and 3.
//!
//! `number{.number}...{letter}{_suffix{number}}...{~hash}{-r#}`, compared part by part.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::number::{Number, split_digits};

/// The parts, with [`Part::End`] as the last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Apk(Vec<Part>);

/// A part of a version, in the order in which parts of different kinds sort where two versions part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// `_alpha` and the like, by their place in [`BEFORE`].
    Before(usize),
    End,
    Revision(Number),
    /// The commit that it was built from, ordered as text for want of anything better.
    Hash(String),
    SuffixNumber(Number),
    /// `_cvs` and the like, by their place in [`AFTER`].
    After(usize),
    Letter(char),
    /// A number after a dot that starts with 0: ordered as text, before all that do not.
    Fraction(String),
    Number(Number),
}

/// Suffixes of what comes before a release, the earliest first.
const BEFORE: &[&str] = &["alpha", "beta", "pre", "rc"];
/// Suffixes of what comes after a release, the earliest first.
const AFTER: &[&str] = &["cvs", "svn", "git", "hg", "p"];

pub(super) fn parse(text: &str) -> Result<Apk, &'static str> {
    let (first, mut rest) = number(text)?;
    let mut parts = vec![Part::Number(Number::new(first))];
    while let Some(after_dot) = rest.strip_prefix('.') {
        let (digits, after) = number(after_dot)?;
        parts.push(if digits.starts_with('0') {
            Part::Fraction(digits.to_owned())
        } else {
            Part::Number(Number::new(digits))
        });
        rest = after;
    }
    if let Some(letter) = rest.chars().next().filter(char::is_ascii_lowercase) {
        parts.push(Part::Letter(letter));
        rest = rest.strip_prefix(letter).unwrap_or(rest);
    }
    while let Some(after_mark) = rest.strip_prefix('_') {
        let (name, after) = split_while(after_mark, |c| c.is_ascii_lowercase());
        let place = |names: &[&str]| names.iter().position(|known| *known == name);
        let before = place(BEFORE).map(Part::Before);
        parts.push(before.or_else(|| place(AFTER).map(Part::After)).ok_or("of a suffix that apk does not know")?);
        let (digits, after) = split_digits(after);
        if !digits.is_empty() {
            parts.push(Part::SuffixNumber(Number::new(digits)));
        }
        rest = after;
    }
    if let Some(after_mark) = rest.strip_prefix('~') {
        let (hash, after) = split_while(after_mark, |c| matches!(c, '0'..='9' | 'a'..='f'));
        if hash.is_empty() {
            return Err("of an empty commit hash");
        }
        parts.push(Part::Hash(hash.to_owned()));
        rest = after;
    }
    if let Some(after_mark) = rest.strip_prefix("-r") {
        let (digits, after) = number(after_mark)?;
        parts.push(Part::Revision(Number::new(digits)));
        rest = after;
    }
    if !rest.is_empty() {
        return Err("not of the form 1.2.3a_suffix4-r5");
    }
    parts.push(Part::End);
    Ok(Apk(parts))
}

fn number(text: &str) -> Result<(&str, &str), &'static str> {
    let (digits, rest) = split_digits(text);
    if digits.is_empty() { Err("without a number where one must be") } else { Ok((digits, rest)) }
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

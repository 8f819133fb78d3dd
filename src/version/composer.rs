//! The order of PHP's packages: "Versions and constraints" in Composer's documentation, `VersionParser::normalize` of
//! composer/semver for the forms, and PHP's `version_compare` for the order.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::number::{Number, is_digits, split_digits};

/// The parts of the normal form, with [`Part::End`] as the last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Composer(Vec<Part>);

/// In the order of `version_compare`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Dev,
    Alpha,
    Beta,
    Candidate,
    End,
    Number(Number),
    Patch,
}

/// Words of stability, with what they stand for; none for a release. A longer word stands before its start.
const STABILITIES: &[(&str, Option<Part>)] = &[
    ("stable", None),
    ("beta", Some(Part::Beta)),
    ("b", Some(Part::Beta)),
    ("rc", Some(Part::Candidate)),
    ("alpha", Some(Part::Alpha)),
    ("a", Some(Part::Alpha)),
    ("patch", Some(Part::Patch)),
    ("pl", Some(Part::Patch)),
    ("p", Some(Part::Patch)),
];

/// What stands for a part of a branch's name that is left open (`1.x-dev`).
const OPEN: &str = "9999999";

/// Reads a version. Named branches (`dev-main`) have no order and are refused.
pub(super) fn parse(text: &str) -> Result<Composer, &'static str> {
    let text = text.trim_ascii().to_ascii_lowercase();
    let text = without_flag(&text);
    if matches!(text, "master" | "trunk" | "default") || text.starts_with("dev-") {
        return Err("a branch, which has no order");
    }
    let text = without_metadata(text);
    let plain = text.strip_prefix('v').unwrap_or(text);
    let parts = parse_classical(plain).or_else(|| parse_date(plain)).or_else(|| parse_branch(plain));
    let mut parts = parts.ok_or("not of the form 1.2.3.4-beta5")?;
    parts.push(Part::End);
    Ok(Composer(parts))
}

/// Takes off `@beta` and the like.
fn without_flag(text: &str) -> &str {
    match text.rsplit_once('@') {
        Some((version, "stable" | "rc" | "beta" | "alpha" | "dev")) => version,
        _ => text,
    }
}

/// Takes off `+build`.
fn without_metadata(text: &str) -> &str {
    match text.split_once('+') {
        Some((version, build))
            if !version.is_empty() && !build.is_empty() && !text.contains([',', ' ', '\t', '\n', '\r']) =>
        {
            version
        }
        _ => text,
    }
}

/// One to four numbers, missing ones being 0. The first has at most five digits: longer ones are dates.
fn parse_classical(text: &str) -> Option<Vec<Part>> {
    let (major, mut rest) = split_digits(text);
    if major.is_empty() || major.len() > 5 {
        return None;
    }
    let mut parts = vec![number(major)];
    while parts.len() < 4 {
        let Some((digits, after)) = rest.strip_prefix('.').map(split_digits).filter(|(digits, _)| !digits.is_empty())
        else {
            break;
        };
        parts.push(number(digits));
        rest = after;
    }
    parts.resize(4, number("0"));
    parts.append(&mut parse_modifier(rest)?);
    Some(parts)
}

/// A year and up to six pairs of digits, with or without separators, and one last number of up to three digits.
fn parse_date(text: &str) -> Option<Vec<Part>> {
    const PAIRS: usize = 6;
    const LAST: usize = 3;
    let mut end = digits_at(text, 0, 4)?;
    let mut ends = Vec::new();
    while ends.len() < PAIRS {
        let Some(next) = digits_at(text, after_separator(text, end), 2) else { break };
        ends.push(next);
        end = next;
    }
    // As a greedy pattern would: as many pairs as there are, and the longest last number that leaves a right rest.
    for end in ends.into_iter().rev() {
        let last = (1..=LAST).rev().filter_map(|count| digits_at(text, after_separator(text, end), count));
        for end in last.chain([end]) {
            let (date, rest) = text.split_at_checked(end)?;
            if let Some(mut modifier) = parse_modifier(rest) {
                let mut parts: Vec<Part> = date.split(['.', ':', '-']).map(number).collect();
                parts.append(&mut modifier);
                return Some(parts);
            }
        }
    }
    None
}

/// The end of `count` digits that start at `start`.
fn digits_at(text: &str, start: usize, count: usize) -> Option<usize> {
    let end = start.checked_add(count)?;
    text.get(start..end).filter(|digits| is_digits(digits)).map(|_| end)
}

fn after_separator(text: &str, at: usize) -> usize {
    let is_separator = text.get(at..).is_some_and(|rest| rest.starts_with(['.', ':', '-']));
    at.saturating_add(usize::from(is_separator))
}

/// A branch named by numbers: `1.x-dev` is whatever comes last in `1`.
fn parse_branch(text: &str) -> Option<Vec<Part>> {
    let name = text.strip_suffix("dev")?;
    let name = name.strip_suffix(['.', '-']).unwrap_or(name);
    let mut parts = Vec::new();
    for (at, part) in name.split('.').enumerate() {
        parts.push(match part {
            "x" | "*" if at > 0 => number(OPEN),
            digits if is_digits(digits) && at < 4 => number(digits),
            _ => return None,
        });
    }
    if parts.len() > 4 {
        return None;
    }
    parts.resize(4, number(OPEN));
    parts.push(Part::Dev);
    Some(parts)
}

/// What may follow the numbers: a stability with numbers of its own, then `dev`.
fn parse_modifier(text: &str) -> Option<Vec<Part>> {
    let text = text.strip_prefix(['.', '_', '-']).unwrap_or(text);
    if let Some(dev) = parse_dev(text) {
        return Some(dev);
    }
    STABILITIES.iter().find_map(|(word, stability)| {
        let mut rest = text.strip_prefix(word)?;
        let mut parts: Vec<Part> = stability.iter().cloned().collect();
        loop {
            let (digits, after) = split_digits(rest.strip_prefix(['.', '-']).unwrap_or(rest));
            if digits.is_empty() {
                break;
            }
            parts.push(number(digits));
            rest = after;
        }
        let mut dev = parse_dev(rest)?;
        if stability.is_none() {
            return Some(Vec::new());
        }
        parts.append(&mut dev);
        Some(parts)
    })
}

/// Nothing, or `dev` with or without a separator.
fn parse_dev(text: &str) -> Option<Vec<Part>> {
    match text.strip_prefix(['.', '-']).unwrap_or(text) {
        "dev" => Some(vec![Part::Dev]),
        _ if text.is_empty() => Some(Vec::new()),
        _ => None,
    }
}

fn number(digits: &str) -> Part {
    Part::Number(Number::new(digits))
}

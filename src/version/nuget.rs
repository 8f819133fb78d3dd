//! The order of .NET's packages: "Package versioning" in the documentation of `NuGet`.
//!
//! Semantic versions with one to four numbers, letters of either case alike, build metadata passed over.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::number::is_digits;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NuGet {
    /// Each at most 2^31 - 1, as in `System.Version`.
    numbers: [i32; 4],
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Before(Vec<Label>),
    Release,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Number(i32),
    /// In upper case, as an ordinal comparison without regard to case sees it.
    Text(String),
}

pub(super) fn parse(text: &str) -> Result<NuGet, &'static str> {
    let text = text.trim_ascii();
    let (version, metadata) = text.split_once('+').map_or((text, None), |(version, rest)| (version, Some(rest)));
    if metadata.is_some_and(|metadata| !metadata.split('.').all(is_label)) {
        return Err("of build metadata that is not letters, digits and hyphens");
    }
    let (plain, labels) = version.split_once('-').map_or((version, None), |(plain, labels)| (plain, Some(labels)));
    let mut numbers = [0; 4];
    let mut places = numbers.iter_mut();
    for part in plain.split('.') {
        let place = places.next().ok_or("of more than four numbers")?;
        *place = Some(part)
            .filter(|part| is_digits(part))
            .and_then(|part| part.parse().ok())
            .ok_or("without a number below 2^31 where one must be")?;
    }
    let stage = match labels {
        None => Stage::Release,
        Some(labels) => Stage::Before(labels.split('.').map(parse_label).collect::<Result<_, _>>()?),
    };
    Ok(NuGet { numbers, stage })
}

fn parse_label(label: &str) -> Result<Label, &'static str> {
    if !is_label(label) {
        return Err("of a label that is not letters, digits and hyphens");
    }
    if label.len() > 1 && label.starts_with('0') && is_digits(label) {
        return Err("of a label with leading zeros");
    }
    // A number too large for 32 bits is text to NuGet, and one with a minus sign is a number.
    Ok(label.parse().map_or_else(|_| Label::Text(label.to_ascii_uppercase()), Label::Number))
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

//! What programs are told when a scan cannot even begin: the command line is wrong, or careen is.

use std::ffi::{OsStr, OsString};

use crate::error::{Error, ErrorKind};
use crate::escape::escape;

/// Whether this command line, which may be wrong, asks a scan for JSON; `variable` is `CAREEN_FORMAT`.
pub(super) fn wants_json(arguments: &[OsString], variable: Option<&OsStr>) -> bool {
    /// Flags of one letter that take no value, which may stand before another in one word.
    const BARE: &[char] = &['q', 'v'];
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    if !words.by_ref().find(|word| !word.starts_with('-')).is_some_and(|word| word == "scan" || word == "image") {
        return false;
    }
    let mut format = None;
    while let Some(word) = words.next().filter(|word| word != "--") {
        if let Some(long) = word.strip_prefix("--") {
            match long.strip_prefix("format") {
                Some("") => format = words.next().map(std::borrow::Cow::into_owned),
                Some(rest) => format = rest.strip_prefix('=').map(str::to_owned).or(format),
                None => {}
            }
        } else if let Some(value) =
            word.strip_prefix('-').and_then(|short| short.trim_start_matches(BARE).strip_prefix('f'))
        {
            format = match value.strip_prefix('=').unwrap_or(value) {
                "" => words.next().map(std::borrow::Cow::into_owned),
                value => Some(value.to_owned()),
            };
        }
    }
    match format {
        Some(format) => format == "json",
        None => variable.is_some_and(|value| value == "json"),
    }
}

/// What clap says of a command line, without its layout.
pub(super) fn of_usage(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let mut parts = text.split("\n\n").map(|part| {
        let lines: Vec<&str> = part.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        escape(lines.join(" "))
    });
    let message = parts.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let help = parts.find_map(|part| Some(part.strip_prefix("tip: ")?.to_owned()));
    Error::new(ErrorKind::Usage, message).help(help.unwrap_or_else(|| "`careen scan --help` lists all flags".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_in_many_ways() {
        let cases: &[(&[&str], Option<&str>, bool)] = &[
            (&["scan", "-f", "json", "--bogus"], None, true),
            (&["scan", "--bogus", "-fjson"], None, true),
            (&["image", "--format=json"], None, true),
            (&["scan", "--format", "json"], None, true),
            (&["scan", "-qvf", "json"], None, true),
            (&["scan", "-f=json"], None, true),
            (&["scan", "-f"], None, false),
            (&["scan", "--format-x", "json"], None, false),
            (&["scan", "x"], Some("json"), true),
            (&["scan", "-f", "text", "x"], Some("json"), false),
            (&["scan", "x"], Some(""), false),
            (&["scan", "--", "-fjson"], None, false),
            (&["rules", "-f", "json"], Some("json"), false),
            (&[], Some("json"), false),
        ];
        for (words, variable, expected) in cases {
            let arguments: Vec<OsString> = std::iter::once(&"careen").chain(*words).map(OsString::from).collect();
            assert_eq!(wants_json(&arguments, variable.map(OsStr::new)), *expected, "{words:?} {variable:?}");
        }
    }
}

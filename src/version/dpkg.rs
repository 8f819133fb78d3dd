//! The order of Debian's versions: deb-version(7) of dpkg, and section 5.6.12 of the Debian Policy.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::number::is_digits;

/// Reads `[epoch:]upstream[-revision]`.
///
/// The parts are split here, as dpkg's `parseversion` splits them: `debversion` takes `:1`, `a:1` and `1-`
/// for versions without epoch or revision, and panics on text beyond ASCII. Characters that the
/// policy does not allow are taken where dpkg only warns of them.
pub(super) fn parse(text: &str) -> Result<debversion::Version, &'static str> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err("empty");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("not printable ASCII");
    }
    let (epoch, rest) = match text.split_once(':') {
        None => (None, text),
        Some((epoch, rest)) => {
            let number = Some(epoch).filter(|epoch| is_digits(epoch)).and_then(|epoch| epoch.parse::<i32>().ok());
            (Some(number.and_then(|epoch| u32::try_from(epoch).ok()).ok_or("of an epoch that is no number")?), rest)
        }
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        None => (rest, None),
        Some((_, "")) => return Err("of an empty revision"),
        Some((upstream, revision)) => (upstream, Some(revision)),
    };
    if upstream.is_empty() {
        return Err("of an empty upstream version");
    }
    Ok(debversion::Version {
        epoch,
        upstream_version: with_number_last(upstream),
        debian_revision: revision.map(with_number_last),
    })
}

/// Ends the part with a number: dpkg takes a missing one for 0 (`1.a` is `1.a0`), `debversion` for less than 0.
fn with_number_last(part: &str) -> String {
    let zero = if part.ends_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    format!("{part}{zero}")
}

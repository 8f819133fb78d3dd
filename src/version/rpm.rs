//! The order of rpm's versions: rpm-version(7), and `rpmvercmp` of rpm.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cmp::Ordering;

use rpm_version::Evr;

use super::number::split_digits;

/// Epoch, version and release.
#[derive(Debug, Clone)]
pub(super) struct Rpm {
    evr: Evr<'static>,
    has_release: bool,
}

/// Reads `[epoch:]version[-release]`; a missing epoch is 0.
pub(super) fn parse(text: &str) -> Result<Rpm, &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || text.trim().is_empty() {
        return Err("not printable ASCII");
    }
    let (digits, after) = split_digits(text);
    let (epoch, rest) = after.strip_prefix(':').map_or(("0", text), |rest| (digits, rest));
    let (version, release) = rest.rsplit_once('-').map_or((rest, None), |(version, release)| (version, Some(release)));
    if version.is_empty() {
        return Err("empty");
    }
    let evr = Evr::new(epoch.to_owned(), version.to_owned(), release.unwrap_or_default().to_owned());
    Ok(Rpm { evr, has_release: release.is_some() })
}

impl Ord for Rpm {
    /// A version without release is less than one with any, be it `~1`: `rpm_version` takes the missing one for an
    /// empty one, rpm does not.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.has_release == other.has_release {
            return self.evr.cmp(&other.evr);
        }
        let without_release =
            |rpm: &Self| Evr::new(rpm.evr.epoch().to_owned(), rpm.evr.version().to_owned(), String::new());
        without_release(self).cmp(&without_release(other)).then(self.has_release.cmp(&other.has_release))
    }
}

impl PartialOrd for Rpm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rpm {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rpm {}

//! The order of Python's versions: PEP 440, kept as "Version specifiers" of the Python packaging guide.
//!
//! Versions from before PEP 440 (`2004d`) are refused, as `packaging` refuses them since release 22.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::str::FromStr as _;

pub(super) fn parse(text: &str) -> Result<pep440_rs::Version, &'static str> {
    pep440_rs::Version::from_str(text).map_err(|_| "not of the form that PEP 440 asks for")
}

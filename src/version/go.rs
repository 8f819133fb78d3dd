//! The order of Go's modules ("Versions" in the Go Modules Reference) and of its toolchain ("Toolchain names").
//!
//! Module versions are semantic versions; `+incompatible` is build metadata and has no part in the order.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::number::{is_digits, split_digits};
use super::semantic::{self, Semantic};

/// Reads `v1.2.3`, `1.2.3` as advisories have it, the short forms `v1` and `v1.2`, and a toolchain's `go1.21rc2`.
pub(super) fn parse(text: &str) -> Result<Semantic, &'static str> {
    if let Some(toolchain) = text.strip_prefix("go") {
        return parse_toolchain(toolchain);
    }
    let version = text.strip_prefix('v').unwrap_or(text);
    match version.split('.').count() {
        1 if is_digits(version) => semantic::parse(&format!("{version}.0.0")),
        2 if version.split('.').all(is_digits) => semantic::parse(&format!("{version}.0")),
        2 if text == version => parse_toolchain(version),
        _ => semantic::parse(version),
    }
}

/// Reads `1.21`, `1.21.3` or `1.21rc2` as the semantic version that advisories of the standard library
/// use: `1.21.0-rc.2`. A vendor's suffix (`-custom`, ` X:experiment`) is no pre-release and is passed over.
fn parse_toolchain(text: &str) -> Result<Semantic, &'static str> {
    let text = text.split(['-', ' ']).next().unwrap_or(text);
    let number = |text| match split_digits(text) {
        ("", _) => Err("not of the form go1.2.3 or go1.2rc3"),
        parts => Ok(parts),
    };
    let (major, rest) = number(text)?;
    let Some(rest) = rest.strip_prefix('.') else {
        return if rest.is_empty() { semantic::parse(&format!("{major}.0.0")) } else { Err("not of the form go1.2.3") };
    };
    let (minor, rest) = number(rest)?;
    let (patch, rest) = match rest.strip_prefix('.') {
        Some(rest) => number(rest)?,
        None => ("0", rest),
    };
    let stage = if let Some(beta) = rest.strip_prefix("beta").filter(|beta| is_digits(beta)) {
        format!("-beta.{beta}")
    } else if let Some(candidate) = rest.strip_prefix("rc").filter(|candidate| is_digits(candidate)) {
        format!("-rc.{candidate}")
    } else if rest.is_empty() {
        String::new()
    } else {
        return Err("not of the form go1.2.3 or go1.2rc3");
    };
    semantic::parse(&format!("{major}.{minor}.{patch}{stage}"))
}

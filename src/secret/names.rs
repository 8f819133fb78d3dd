//! Hides secrets in names: of files, packages and tags. They are an image's text as any other.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use crate::finding::{Finding, Location};
use crate::format::percent;
use crate::inventory::{Inventory, Proof};
use crate::limitation::Limitation;
use crate::path::ImagePath;

use super::config::{self, Echo};
use super::mask::{self, Run};
use super::place;

/// Masks secrets in what a report shows of packages, limitations and the target.
pub fn mask_inventory(inventory: &mut Inventory) {
    for package in inventory.packages.iter_mut().chain(&mut inventory.removed) {
        let source = package.source.iter_mut().flat_map(|(name, version)| [name, version]);
        let licence = package
            .licence
            .iter_mut()
            .flat_map(|licence| std::iter::once(&mut licence.declared).chain(&mut licence.expression));
        let declared = licence.chain(&mut package.architecture);
        let (name, version) = (masked(&package.name), masked(&package.version));
        if matches!((&name, &version), (Cow::Owned(_), _) | (_, Cow::Owned(_))) {
            // a purl has both in a spelling of its own
            package.purl = purl_of(&package.purl, &name, &version);
            for location in &mut package.locations {
                let path = location.path.to_string();
                let hidden = path.replace(package.name.as_str(), &name);
                if matches!(name, Cow::Owned(_)) && hidden != path {
                    location.path = ImagePath::new(hidden.as_bytes());
                }
            }
            (package.name, package.version) = (name.into_owned(), version.into_owned());
        }
        mask_encoded(&mut package.purl);
        for text in source.chain(declared) {
            mask(text);
        }
        for location in &mut package.locations {
            mask_path(&mut location.path);
            if let Some(inside) = &mut location.inside {
                *inside = masked_path(inside).into();
            }
        }
        if let Proof::Name(text) | Proof::VersionString(text) = &mut package.proof {
            mask_box(text);
        }
    }
    for name in inventory.target.tags.iter_mut().chain([&mut inventory.target.reference]) {
        *name = masked_path(name);
    }
    let base = &mut inventory.base;
    for text in [&mut base.name, &mut base.digest, &mut base.note].into_iter().flatten() {
        *text = masked_path(text);
    }
    if let Some(platform) = &mut inventory.target.platform {
        for text in [&mut platform.os, &mut platform.architecture, &mut platform.variant] {
            mask(text);
        }
    }
    if let Some(distro) = &mut inventory.distro {
        for text in [&mut distro.name, &mut distro.id, &mut distro.version_id, &mut distro.codename] {
            mask(text);
        }
    }
    if inventory.content_sets.iter().any(|name| matches!(masked(name), Cow::Owned(_))) {
        inventory.content_sets = inventory.content_sets.iter().map(|name| masked(name).into_owned()).collect();
    }
    inventory.limitations.iter_mut().for_each(mask_limitation);
}

/// Masks secrets in what a finding speaks of, and the values that the configuration is known to hold.
pub fn mask_finding(finding: &mut Finding, echo: &Echo) {
    if let Location::File { path, .. } | Location::Package { path, .. } = &mut finding.location {
        let was = path.to_string();
        mask_path(path);
        // text and place are to name the same path
        let is = path.to_string();
        if is != was {
            finding.message = finding.message.replace(&was, &is);
            finding.subject = finding.subject.replace(&was, &is);
            finding.identity = finding.identity.take().map(|_| format!("file:{}", place::stable(path)));
        }
    }
    let masked = finding.evidence.get("masked").and_then(Value::as_str).map(str::to_owned);
    // what is masked already must not be taken for a value, and so lose what it may show
    let apart = masked.as_ref().filter(|masked| !masked.is_empty()).and_then(|masked| {
        let (before, after) = finding.message.split_once(masked.as_str())?;
        Some(format!("{}{masked}{}", shown(before, echo), shown(after, echo)))
    });
    finding.message = apart.unwrap_or_else(|| shown(&finding.message, echo));
    finding.subject = shown(&finding.subject, echo);
    match &mut finding.location {
        Location::Package { purl, .. } => mask_encoded(purl),
        Location::Config { key } | Location::History { key, .. } => *key = shown(key, echo),
        Location::File { .. } | Location::Dockerfile { .. } | Location::Image => {}
    }
    finding.identity = finding.identity.as_ref().map(|identity| shown(identity, echo));
    for (key, value) in &mut finding.evidence {
        // masked already, and a mask of a mask says less
        if *key != "masked" {
            mask_value(value, echo);
        }
    }
}

fn shown(text: &str, echo: &Echo) -> String {
    echo.hide(masked(text).into_owned())
}

fn mask_limitation(limitation: &mut Limitation) {
    mask(&mut limitation.place);
    mask(&mut limitation.what);
    mask(&mut limitation.help);
}

fn mask_value(value: &mut Value, echo: &Echo) {
    match value {
        Value::String(text) => *text = shown(text, echo),
        Value::Array(values) => values.iter_mut().for_each(|value| mask_value(value, echo)),
        Value::Object(fields) => fields.values_mut().for_each(|value| mask_value(value, echo)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn mask_box(text: &mut Box<str>) {
    if let Cow::Owned(masked) = masked(text) {
        *text = masked.into();
    }
}

fn mask_path(path: &mut ImagePath) {
    let text = String::from_utf8_lossy(path.as_bytes());
    let masked = masked_path(&text);
    if masked != text {
        *path = ImagePath::new(masked.as_bytes());
    }
}

/// What parts names from each other in paths and archives, and then in references.
const SEPARATORS: [&[char]; 2] = [&['/', '!'], &['/', '!', ':', '@']];

/// Whether a path may be one of which a secret is not shown; a file may be called so itself.
pub fn is_masked(path: &ImagePath) -> bool {
    memchr::memmem::find(path.as_bytes(), mask::HIDDEN.as_bytes()).is_some()
}

/// A path, as it is shown, without secrets: the whole of it, then each name in it, since some tokens may have a slash
/// before them, and some may not.
pub fn masked_path(path: &str) -> String {
    SEPARATORS.iter().fold(masked(path).into_owned(), |text, separators| {
        let mut shown = String::with_capacity(text.len());
        for part in text.split_inclusive(*separators) {
            let name = part.trim_end_matches(*separators);
            shown.push_str(&masked(name));
            shown.push_str(part.get(name.len()..).unwrap_or_default());
        }
        shown
    })
}

/// `purl` with a masked name and version: type, name, version, qualifiers. Namespaces are part of names.
fn purl_of(purl: &str, name: &str, version: &str) -> String {
    let (path, qualifiers) = purl.find(['?', '#']).map_or((purl, ""), |at| purl.split_at(at));
    let kind = path.split('/').next().unwrap_or_default();
    let version = if version.is_empty() { String::new() } else { format!("@{}", encoded(version)) };
    format!("{kind}/{}{version}{qualifiers}", encoded(name))
}

/// Percent-encoded but for what purls leave as it is.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Masks a purl as it stands and in its parts without their encoding.
fn mask_encoded(purl: &mut String) {
    mask(purl);
    if !purl.contains('%') {
        return;
    }
    let parts = purl.split_inclusive(['/', '@', '?', '&', '=', '#']).map(|part| {
        let plain = percent::decode_lossy(part);
        match masked(&plain) {
            Cow::Borrowed(_) => part.to_owned(),
            Cow::Owned(masked) => encoded(&masked),
        }
    });
    *purl = parts.collect();
}

fn mask(text: &mut String) {
    if let Cow::Owned(masked) = masked(text) {
        *text = masked;
    }
}

/// Borrowed while there is nothing to mask.
fn masked(text: &str) -> Cow<'_, str> {
    // no rule's shortest token fits into less
    const SHORTEST: usize = 16;
    if text.len() < SHORTEST {
        return Cow::Borrowed(text);
    }
    mask::unless_same(config::mask_run(text, Run::Component), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_masked_in_their_own_spelling() {
        let token = ["gh", "p_aLJFgvsJOFwZ8NvsaGVFyKhiEABXqP0vTy4y"].concat();
        let lower = token.to_lowercase();
        let purl = purl_of(&format!("pkg:deb/debian/{lower}@1%3A2?arch=all"), "gh****", "1:2");
        assert_eq!(purl, "pkg:deb/gh%2A%2A%2A%2A@1%3A2?arch=all");
        let mut purl = "pkg:pypi/six@1.0".to_owned();
        mask_encoded(&mut purl);
        assert_eq!(purl, "pkg:pypi/six@1.0");
    }
}

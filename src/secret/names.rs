//! Hides secrets in names: of files, packages and tags. They are an image's text as any other.

use std::borrow::Cow;

use serde_json::Value;

use crate::finding::{Finding, Location};
use crate::inventory::{Inventory, Proof};
use crate::limitation::Limitation;
use crate::path::ImagePath;

use super::config::mask_text;

/// Masks secrets in what a report shows of packages, limitations and the target.
pub fn mask_inventory(inventory: &mut Inventory) {
    for package in inventory.packages.iter_mut().chain(&mut inventory.removed) {
        let source = package.source.iter_mut().flat_map(|(name, version)| [name, version]);
        let licence = package
            .licence
            .iter_mut()
            .flat_map(|licence| std::iter::once(&mut licence.declared).chain(&mut licence.expression));
        let declared = licence.chain(&mut package.architecture);
        for text in
            [&mut package.name, &mut package.version, &mut package.purl].into_iter().chain(source).chain(declared)
        {
            mask(text);
        }
        for location in &mut package.locations {
            mask_path(&mut location.path);
            if let Some(inside) = &mut location.inside {
                mask_box(inside);
            }
        }
        if let Proof::Name(text) | Proof::VersionString(text) = &mut package.proof {
            mask_box(text);
        }
    }
    inventory.target.tags.iter_mut().for_each(mask);
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
    inventory.limitations.iter_mut().for_each(mask_limitation);
}

/// Masks secrets in the names a finding speaks of.
pub fn mask_finding(finding: &mut Finding) {
    mask(&mut finding.message);
    mask(&mut finding.subject);
    match &mut finding.location {
        Location::File { path, .. } => mask_path(path),
        Location::Package { purl, path, .. } => {
            mask(purl);
            mask_path(path);
        }
        Location::Config { key } | Location::History { key, .. } => mask(key),
        Location::Image => {}
    }
    for (key, value) in &mut finding.evidence {
        // masked already, and a mask of a mask says less
        if *key != "masked" {
            mask_value(value);
        }
    }
}

fn mask_limitation(limitation: &mut Limitation) {
    mask(&mut limitation.place);
    mask(&mut limitation.what);
    mask(&mut limitation.help);
}

fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => mask(text),
        Value::Array(values) => values.iter_mut().for_each(mask_value),
        Value::Object(fields) => fields.values_mut().for_each(mask_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn mask_box(text: &mut Box<str>) {
    if let Cow::Owned(masked) = masked(text) {
        *text = masked.into();
    }
}

fn mask_path(path: &mut ImagePath) {
    if let Cow::Owned(masked) = masked(&String::from_utf8_lossy(path.as_bytes())) {
        *path = ImagePath::new(masked.as_bytes());
    }
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
    let masked = mask_text(text);
    if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
}

//! Hides secrets in names: of files, packages and tags. They are an image's text as any other.

use std::borrow::Cow;

use serde_json::Value;

use crate::finding::{Finding, Location};
use crate::inventory::{Inventory, Proof};
use crate::limitation::Limitation;
use crate::path::ImagePath;

use super::config::{self, Echo};
use super::mask::{self, Run};

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
    mask(&mut inventory.target.reference);
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
        Location::Package { purl, .. } => mask(purl),
        Location::Config { key } | Location::History { key, .. } => *key = shown(key, echo),
        Location::File { .. } | Location::Image => {}
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
    mask::unless_same(config::mask_run(text, Run::Component), text)
}

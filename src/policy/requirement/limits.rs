//! `[limits]`: how large an image may be.

use toml::de::DeTable;

use super::super::file::key::{Table, Takes, action_key, key};
use super::super::file::reader::Reader;
use super::super::file::word::{bytes, count, percent};
use super::require::NOT_JUDGED;
use super::{Breaches, Shown, values};
use crate::finding::{Finding, Location};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::{Action, ImageFacts};
use crate::rule::{Rule, Severity};
use crate::size::ByteSize;

/// The key of the part that may be waste.
pub(in crate::policy) const WASTE: &str = "waste";
/// The key of the bytes that may always be.
pub(in crate::policy) const FLOOR: &str = "waste-floor";

/// The keys of `[limits]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[limits]",
    about: "How large an image may be",
    keys: &[
        action_key("what becomes of an image that is larger: `fail` (the default), `warn` or `info`"),
        key("layers", Takes::Count, "40", "-1", "most layers"),
        key("packages", Takes::Count, "400", "\"many\"", "most packages that count"),
        key("size", Takes::Bytes, "\"500 MB\"", "\"5 stone\"", "most bytes of all layers, uncompressed"),
        key(
            "stored-size",
            Takes::Bytes,
            "\"200 MB\"",
            "\"some\"",
            "most bytes of all layers as they are stored, which is what is pulled",
        ),
        key(
            "waste",
            Takes::Percent,
            "\"5%\"",
            "\"500%\"",
            "most of the bytes shipped that no container sees, as a part of all bytes of files: `\"5%\"`",
        ),
        key(
            "waste-floor",
            Takes::Bytes,
            "\"20 MB\"",
            "\"little\"",
            "so many bytes of waste are never too much; needs `waste`",
        ),
    ],
};

/// An image is larger than the policy allows.
pub(in crate::policy) static LIMIT_EXCEEDED: Rule = Rule {
    id: "policy/limit-exceeded",
    title: "The image is larger than the policy allows",
    severity: Severity::Medium,
    why: "The table `[limits]` of the policy says how many bytes, layers and packages an image may have, and how much of \
          it may be waste.",
    remediation: "`careen layers --waste IMAGE` shows what could go. Or raise the limit in the policy, at the line that \
                  the finding names.",
    bad: "[limits]\nsize = \"1 kB\"",
    good: "[limits]\nsize = \"500 MB\"",
    ..Rule::NEW
};

/// A part of a whole, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::policy) struct Percent(pub(in crate::policy) f64);

impl Shown for Percent {
    fn shown(&self) -> String {
        format!("\"{}%\"", self.0)
    }
}

values! {
    /// `[limits]`.
    LimitRules {
        /// What becomes of an image beyond them.
        action: Action = "action",
        /// Most layers.
        layers: u64 = "layers",
        /// Most packages.
        packages: u64 = "packages",
        /// Most uncompressed bytes.
        size: u64 = "size",
        /// Most stored bytes.
        stored: u64 = "stored-size",
        /// Most waste.
        waste: Percent = "waste",
        /// Bytes of waste that are never too much.
        waste_floor: u64 = "waste-floor",
    }
}

/// A limit, its key, what it counts, the image's value, and how both are shown.
type Limit<'a> = (&'a Option<super::Said<u64>>, &'static str, &'static str, Option<u64>, &'a dyn Fn(u64) -> String);

impl LimitRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "limits", &TABLE) else { return Self::default() };
        if let Some(floor) = table.get(FLOOR).filter(|_| !table.contains_key(WASTE)) {
            let what = format!("`{FLOOR}` without `{WASTE}` does nothing");
            let help = "say beside it how much may be waste: `waste = \"5%\"`";
            reader.wrong.push(Diagnostic::new(floor.span(), what).help(help));
        }
        Self {
            action: reader.action_of_table(table),
            layers: reader.said(table, "layers", count),
            packages: reader.said(table, "packages", count),
            size: reader.said(table, "size", bytes),
            stored: reader.said(table, "stored-size", bytes),
            waste: reader.said(table, "waste", |word, span| percent(word, span).map(Percent)),
            waste_floor: reader.said(table, "waste-floor", bytes),
        }
    }

    pub(super) fn judge(&self, image: &ImageFacts, breaches: &mut Breaches<'_>) {
        let size = |bytes: u64| ByteSize(bytes).to_string();
        let number = |count: u64| count.to_string();
        let counted = image.packages.iter().filter(|package| package.is_counted).count() as u64;
        let packages = image.lists_packages.then_some(counted);
        // a folder has files, and neither layers nor anything that is pulled
        let of_folder = image.shipped.filter(|_| image.layers.is_none()).map(|_| 0);
        let layers = image.layers.map(u64::from).or(of_folder);
        let limits: [Limit<'_>; 4] = [
            (&self.layers, "layers", "layers", layers, &number),
            (&self.packages, "packages", "packages", packages, &number),
            (&self.size, "size", "of layers, uncompressed", image.size, &size),
            (&self.stored, "stored-size", "of layers as stored", image.stored.or(of_folder), &size),
        ];
        for (limit, key, what, value, show) in limits {
            let Some(limit) = limit else { continue };
            let Some(value) = value else {
                not_known(limit, key, breaches);
                continue;
            };
            if value <= limit.value {
                continue;
            }
            let message = format!("the image has {} {what}; the policy allows {}", show(value), show(limit.value));
            let finding = Finding::new(&LIMIT_EXCEEDED, key, Location::Image, message);
            breaches.add(limit, key, finding.evidence("value", value).evidence("limit", limit.value));
        }
        self.judge_waste(image, breaches);
    }

    fn judge_waste(&self, image: &ImageFacts, breaches: &mut Breaches<'_>) {
        let Some(limit) = &self.waste else { return };
        let (Some(waste), Some(shipped)) = (image.waste(), image.shipped) else {
            not_known(limit, WASTE, breaches);
            return;
        };
        let floor = self.waste_floor.as_ref().map_or(0, |said| said.value);
        #[expect(clippy::cast_precision_loss, reason = "a part of a whole")]
        let part = if shipped == 0 { 0.0 } else { waste as f64 * 100.0 / shipped as f64 };
        if part <= limit.value.0 || waste <= floor {
            return;
        }
        let message = format!(
            "{} that are shipped are seen by no container, {part:.1} % of all; the policy allows {} %",
            ByteSize(waste),
            limit.value.0
        );
        let finding = Finding::new(&LIMIT_EXCEEDED, "waste", Location::Image, message);
        breaches.add(
            limit,
            "waste",
            finding.evidence("value", waste).evidence("percent", (part * 10.0).round() / 10.0),
        );
    }
}

/// Tells that the image's value is not known: then it keeps no limit.
fn not_known<T>(limit: &super::Said<T>, key: &str, breaches: &mut Breaches<'_>) {
    let message = format!("the policy limits `{key}`, and what the image has is not known");
    breaches.image(limit, key, &NOT_JUDGED, key, message);
}

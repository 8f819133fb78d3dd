//! How old the base is, and whether it is the one that is known by its name.

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, Origin};
use crate::rule::{Confidence, Place, Rule, Severity};
use crate::time::Timestamp;

/// The base was made long ago.
pub(super) static OUTDATED: Rule = Rule {
    id: "base/outdated",
    title: "The base image was made long ago",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    why: "Bases are made again when their packages get security updates, the official ones every few weeks. What was found \
          and mended since is missing in the image. Told by the date of the base's last step, after 365 days; and where `[bases]` or `--base` \
          say which layers the base of this name has, by whether the image has those.",
    remediation: "Build again with `--pull`; where the base is named by digest, let a bot such as Renovate renew it.",
    references: &["https://docs.docker.com/build/building/best-practices/#rebuild-your-images-often"],
    bad: "FROM debian:12@sha256:… # of two years ago",
    good: "docker build --pull .",
    places: &[Place::History, Place::Image],
    ..Rule::NEW
};

/// From how many days on a base is old.
const OLD: i64 = 365;

/// Seconds from 1970 to 2013, the year of the first container images; earlier dates are made up.
const FIRST: i64 = 1_356_998_400;

/// Judges the date of the base's newest step.
pub(super) struct BaseAge;

impl Check for BaseAge {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&OUTDATED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let base = &context.image.base;
        let name = base.name.as_deref().map(|name| format!(" `{}`", escape(name))).unwrap_or_default();
        if base.is_another_state {
            let message = format!("the base{name} has other layers in the image than those that are known by its name");
            findings.push(Finding::new(&OUTDATED, "known base", Location::Image, message));
        }
        let Some((index, layer, made)) = newest_of_base(context.image) else { return };
        let age = context.today.days_since(made.date());
        if made.to_unix() < FIRST || age < OLD {
            return;
        }
        let location = Location::History { index, layer: Some(layer), key: "created".into() };
        let message = format!("the base{name} was made on {}, {age} days ago", made.date());
        let mut finding = Finding::new(&OUTDATED, "base", location, message).evidence("days", age);
        // as sure as it is where the base ends
        finding.confidence = base.confidence.unwrap_or(finding.confidence);
        findings.push(finding);
    }
}

/// When the last layer of the base was made, as the history says.
pub fn base_created(image: &Inventory) -> Option<Timestamp> {
    newest_of_base(image).map(|(_, _, created)| created)
}

/// The step that made the last layer of the base, that layer, and when.
fn newest_of_base(image: &Inventory) -> Option<(u32, u32, Timestamp)> {
    let layer = image.layers.iter().rev().find(|layer| layer.origin == Origin::Base)?;
    let index = layer.history?;
    let step = image.config.as_ref()?.history.get(index as usize)?;
    Some((index, layer.index, step.created.as_ref()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;
    use crate::inventory::{Base, LayerSummary};

    #[test]
    fn what_is_known_of_the_base_counts() {
        let mut image = image(r#"{"history":[{"created":"2025-01-01T10:00:00Z"}]}"#);
        image.layers = vec![LayerSummary { history: Some(0), origin: Origin::Base, ..LayerSummary::default() }];
        image.base = Base {
            name: Some("debian:12".into()),
            confidence: Some(Confidence::High),
            is_another_state: true,
            ..Base::default()
        };
        let findings = super::super::testing::run(&BaseAge, &image);
        assert_eq!(findings.last().map(|finding| finding.confidence), Some(Confidence::High));
        assert_eq!(
            shown(&BaseAge, &image),
            [
                "low base/outdated image: the base `debian:12` has other layers in the image than those that are known by its name",
                "low base/outdated history 0 created: the base `debian:12` was made on 2025-01-01, 689 days ago",
            ]
        );
    }

    #[test]
    fn only_a_known_and_real_date_counts() {
        let told = "low base/outdated history 0 created: the base was made on 2025-01-01, 689 days ago";
        let cases = [
            ("2025-01-01T10:00:00Z", Origin::Base, told),
            ("2025-01-01T10:00:00Z", Origin::Unknown, ""),
            ("2026-01-01T10:00:00Z", Origin::Base, ""),
            ("1970-01-01T00:00:00Z", Origin::Base, ""),
            ("once", Origin::Base, ""),
        ];
        for (created, origin, expected) in cases {
            let mut image = image(&format!(r#"{{"history":[{{"created":"{created}"}}]}}"#));
            image.layers = vec![LayerSummary { history: Some(0), origin, ..LayerSummary::default() }];
            assert_eq!(shown(&BaseAge, &image).concat(), expected, "{created}");
        }
    }
}

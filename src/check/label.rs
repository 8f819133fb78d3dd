//! Labels and annotations that say what an image is (image-spec annotations.md).

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::rule::{Place, Rule, Severity};
use crate::time::Timestamp;

/// A label that says where the image comes from is missing.
pub(super) static MISSING_LABEL: Rule = Rule {
    id: "image/missing-label",
    title: "A label that says where the image comes from is missing",
    severity: Severity::Low,
    is_opt_in: true,
    why: "Whoever meets the image in a registry or a cluster cannot tell which sources and which commit made it, or who \
          to ask. Which labels are needed is for a policy to say, by `subject`; the rule is off unless one names it.",
    remediation: "Set the labels where the image is built: \
                  `docker build --label org.opencontainers.image.revision=$(git rev-parse HEAD)`.",
    references: &["https://specs.opencontainers.org/image-spec/annotations/"],
    also: &["DL3049"],
    bad: "FROM debian:13",
    good: "FROM debian:13\nLABEL org.opencontainers.image.source=https://git.example/shop/api",
    places: &[Place::Config],
    ..Rule::NEW
};

/// A label's value does not have the form that the specification gives it.
pub(super) static INVALID_LABEL: Rule = Rule {
    id: "image/invalid-label",
    title: "A label's value does not have the form it is to have",
    severity: Severity::Low,
    is_opt_in: true,
    why: "Tools that read the specification's labels skip a date that is no date and an address that is none, so the label \
          might as well not be there.",
    remediation: "Write dates as RFC 3339, addresses with `https://`, digests with `sha256:`.",
    references: &["https://specs.opencontainers.org/image-spec/annotations/"],
    also: &["DL3050", "DL3051", "DL3052", "DL3053", "DL3055", "DL3056"],
    bad: "LABEL org.opencontainers.image.created=yesterday",
    good: "LABEL org.opencontainers.image.created=2026-03-01T12:00:00Z",
    places: &[Place::Config],
    ..Rule::NEW
};

const PREFIX: &str = "org.opencontainers.image.";

/// The labels asked for, without [`PREFIX`].
const WANTED: &[&str] = &[
    "authors",
    "created",
    "description",
    "documentation",
    "licenses",
    "revision",
    "source",
    "title",
    "url",
    "vendor",
    "version",
];

/// Judges labels and annotations together.
pub(super) struct Label;

impl Check for Label {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&INVALID_LABEL, &MISSING_LABEL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(config) = &image.config else { return };
        for name in WANTED {
            let key = format!("{PREFIX}{name}");
            let values = [config.config.labels.get(&key), image.annotations.get(&key)];
            let place = || field(&format!("Labels.{key}"));
            if values.iter().flatten().all(|value| value.trim().is_empty()) {
                let message = format!("neither a label nor an annotation `{key}` is set");
                findings.push(Finding::new(&MISSING_LABEL, key.clone(), place(), message));
                continue;
            }
            let wrong = values.into_iter().flatten().find(|value| !value.is_empty() && !fits(name, value));
            if let Some(value) = wrong {
                let short: String = value.chars().take(60).collect();
                let message = format!("`{key}` is `{}`, which is {}", escape(short), expected(name));
                findings.push(Finding::new(&INVALID_LABEL, key.clone(), place(), message));
            }
        }
    }
}

fn fits(name: &str, value: &str) -> bool {
    let value = value.trim();
    match name {
        "created" => value.parse::<Timestamp>().is_ok(),
        "url" | "source" | "documentation" => {
            value.contains("://") && !value.contains(char::is_whitespace) || value.starts_with("git@")
        }
        "version" | "revision" => !value.contains(char::is_whitespace),
        _ => true,
    }
}

fn expected(name: &str) -> &'static str {
    match name {
        "created" => "no time of RFC 3339",
        "url" | "source" | "documentation" => "no address",
        _ => "no single word",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, run};
    use super::*;

    #[test]
    fn labels_and_annotations_count_alike() {
        let mut image = image(
            r#"{"config":{"Labels":{"org.opencontainers.image.source":"https://git.example/x","org.opencontainers.image.created":"today",
            "org.opencontainers.image.version":"1.0 beta","org.opencontainers.image.url":" ","org.opencontainers.image.title":"A title"}}}"#,
        );
        image.annotations.insert(format!("{PREFIX}revision"), "0123abc".into());
        let findings = run(&Label, &image);
        let of = |rule: &Rule| -> Vec<String> {
            let found = findings.iter().filter(|finding| finding.rule == rule);
            found.map(|finding| finding.subject.replace(PREFIX, "")).collect()
        };
        assert_eq!(of(&INVALID_LABEL), ["created", "version"]);
        assert_eq!(of(&MISSING_LABEL), ["authors", "description", "documentation", "licenses", "url", "vendor"]);
    }

    #[test]
    fn values_are_judged_by_their_form() {
        let cases = [
            ("created", "2026-03-01T12:00:00Z", true),
            ("created", "2026-03-01", false),
            ("source", "https://git.example/x", true),
            ("source", "git@git.example:x/y.git", true),
            ("source", "git.example/x", false),
            ("revision", "abc", true),
            ("licenses", "MIT OR Apache-2.0", true),
        ];
        for (name, value, expected) in cases {
            assert_eq!(fits(name, value), expected, "{name} {value}");
        }
    }
}

//! Bases named by a tag that moves, or not named at all.

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::image::reference::{Hold, hold_of};
use crate::inventory::{Inventory, NamedBy, named_base};
use crate::rule::{Confidence, Rule, Severity};

/// The base's tag moves from release to release.
pub(super) static FLOATING_TAG: Rule = Rule {
    id: "base/floating-tag",
    title: "The base image's tag moves to other releases",
    severity: Severity::Low,
    why: "`latest`, `stable` or no tag at all means another image next month: a build of unchanged sources brings \
          another distribution, other packages and other flaws, and nobody can say which base an image had.",
    remediation: "Name a release and its digest, `FROM debian:13@sha256:…`, and let a bot raise both.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
        "https://github.com/opencontainers/image-spec/blob/main/annotations.md",
    ],
    also: &["AVD-DS-0001", "DKL-DI-0006", "DL3006", "DL3007", "DS-0001", "DS001"],
    bad: "FROM debian:latest",
    good: "FROM debian:13@sha256:…",
    ..Rule::NEW
};

/// The base is named without a digest.
pub(super) static UNPINNED: Rule = Rule {
    id: "base/unpinned",
    title: "The base image is named without a digest",
    severity: Severity::Info,
    why: "A tag of a release still moves to its point releases. With the digest on record, it can be told later which \
          base an image was built on and whether a newer one is out.",
    remediation: "Write the digest into `FROM`, or let the builder record it in the annotation \
                  `org.opencontainers.image.base.digest`.",
    references: &["https://github.com/opencontainers/image-spec/blob/main/annotations.md"],
    bad: "FROM debian:13",
    good: "FROM debian:13@sha256:…",
    ..Rule::NEW
};

/// The base is not known.
pub(super) static UNKNOWN_BASE: Rule = Rule {
    id: "base/unknown-base",
    title: "The image does not say what it is based on",
    severity: Severity::Info,
    why: "Without a record of the base nobody can tell which findings come with it, whether it was pinned, or whether \
          an update of it is out.",
    remediation: "Record the base at build time in the annotations `org.opencontainers.image.base.name` and \
                  `org.opencontainers.image.base.digest`, or in labels of the same names.",
    references: &["https://github.com/opencontainers/image-spec/blob/main/annotations.md"],
    bad: "docker build -t app .",
    good: "docker buildx build -t app \\\n  --annotation org.opencontainers.image.base.name=docker.io/library/debian:13 \\\n  \
           --annotation org.opencontainers.image.base.digest=sha256:… .",
    ..Rule::NEW
};

const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

/// The base is one that a policy may refuse.
pub(super) static NOT_ALLOWED: Rule = Rule {
    id: "base/not-allowed",
    title: "The base image is none that the policy allows",
    severity: Severity::Medium,
    is_opt_in: true,
    why: "An image is no better than what it is built on: who may push the base, how soon it is mended, and what it is \
          licensed under. Which bases are good is for a policy to say; the rule is off unless one names it.",
    remediation: "In the policy let a rule for `base/not-allowed` fail, and after it one for the same with the names that \
                  are allowed as `subject`, such as `registry.example/base/*`, ignore; then build on one of them.",
    references: &["https://docs.docker.com/scout/policy/#no-unapproved-base-images"],
    also: &["CIS-DI-0002", "DL3026"],
    bad: "FROM somebody/base:1.2",
    good: "FROM registry.example/base/debian:13.1",
    ..Rule::NEW
};

/// Judges the name of the base, from annotations, labels or the history.
pub(super) struct FloatingBase;

impl Check for FloatingBase {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&FLOATING_TAG, &NOT_ALLOWED, &UNPINNED, &UNKNOWN_BASE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(base) = Base::of(image) else {
            // one layer is built on nothing
            if image.config.is_some() && image.layers.len() > 1 && !is_told(image) {
                let message = format!("no annotation, label or history names the base; `{NAME}` would");
                findings.push(Finding::new(&UNKNOWN_BASE, "base", Location::Image, message));
            }
            return;
        };
        if base.name == "scratch" {
            return;
        }
        let name = escape(base.name);
        let message = format!("the base is `{name}`");
        let named = Finding::new(&NOT_ALLOWED, name.clone(), Location::Image, message).evidence("source", base.source);
        findings.push(named);
        let (rule, message) = match hold_of(base.name) {
            Hold::Floating(None) => (&FLOATING_TAG, format!("the base `{name}` has no tag, which means `latest`")),
            Hold::Floating(Some(tag)) => {
                (&FLOATING_TAG, format!("the base `{name}` has the tag `{}`, which moves", escape(tag)))
            }
            Hold::Release if base.digest.is_none() => {
                (&UNPINNED, format!("the base `{name}` is named without a digest"))
            }
            Hold::Release | Hold::Digest => return,
        };
        let mut finding = Finding::new(rule, name.clone(), Location::Image, message).evidence("source", base.source);
        if let Some(digest) = base.digest {
            finding = finding.evidence("digest", escape(digest));
        }
        findings.push(finding);
    }
}

/// Whether the layers of a base that the user named are the image's, or a list or provenance names it.
fn is_told(image: &Inventory) -> bool {
    let base = &image.base;
    match base.named_by {
        Some(NamedBy::User | NamedBy::ChainId) => base.confidence == Some(Confidence::High),
        Some(NamedBy::Provenance) => true,
        _ => false,
    }
}

/// What is known of the base.
struct Base<'a> {
    name: &'a str,
    digest: Option<&'a str>,
    source: &'static str,
}

impl<'a> Base<'a> {
    fn of(image: &'a Inventory) -> Option<Self> {
        let labels = image.config.as_ref().map(|config| &config.config.labels);
        for (source, texts) in [("annotation", Some(&image.annotations)), ("label", labels)] {
            let text = |key| texts?.get(key).map(|text: &String| text.trim()).filter(|text| !text.is_empty());
            if let Some(name) = text(NAME) {
                return Some(Self { name, digest: text(DIGEST), source });
            }
        }
        Self::from_history(image)
    }

    fn from_history(image: &'a Inventory) -> Option<Self> {
        let (_, name) = named_base(image.config.as_ref()?)?;
        Some(Self { name, digest: None, source: "history" })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::image;
    use super::*;
    use crate::inventory::LayerSummary;

    /// What is shown by default.
    fn shown(check: &dyn Check, image: &Inventory) -> Vec<String> {
        let mut all = super::super::testing::shown(check, image);
        all.retain(|found| !found.contains(NOT_ALLOWED.id));
        all
    }

    #[test]
    fn the_base_is_named_for_policies() {
        let built = image(r#"{"history":[{"comment":"FROM debian:13"},{"comment":"FROM 46ac4fa67c20"}]}"#);
        let all = super::super::testing::shown(&FloatingBase, &built);
        assert!(all.contains(&"medium base/not-allowed image: the base is `debian:13`".to_owned()), "{all:?}");
    }

    #[test]
    fn annotation_label_and_history_are_asked_in_this_order() {
        let label = format!(r#""config":{{"Labels":{{"{NAME}":"debian:latest"}}}}"#);
        let history = r#""history":[{"comment":"FROM debian:bookworm"},{"comment":"FROM 46ac4fa67c20"}]"#;
        let floating = "low base/floating-tag image: the base `debian:latest` has the tag `latest`, which moves";
        let unpinned = "info base/unpinned image: the base `debian:bookworm` is named without a digest";
        assert_eq!(shown(&FloatingBase, &image(&format!("{{{label},{history}}}"))), [floating]);
        assert_eq!(shown(&FloatingBase, &image(&format!("{{{history}}}"))), [unpinned]);

        let mut annotated = image(&format!("{{{label}}}"));
        annotated.annotations.insert(NAME.into(), "alpine:3.22".into());
        assert_eq!(
            shown(&FloatingBase, &annotated),
            ["info base/unpinned image: the base `alpine:3.22` is named without a digest"]
        );
        annotated.annotations.insert(DIGEST.into(), "sha256:00".into());
        assert_eq!(shown(&FloatingBase, &annotated), [""; 0]);
        annotated.annotations.insert(NAME.into(), "alpine".into());
        let findings = shown(&FloatingBase, &annotated);
        assert_eq!(findings, ["low base/floating-tag image: the base `alpine` has no tag, which means `latest`"]);
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut image = image("{}");
        image.annotations.insert(NAME.into(), String::new()); // buildah, when the base had no name
        assert_eq!(shown(&FloatingBase, &image), [""; 0]);
        image.layers = vec![LayerSummary::default()];
        assert_eq!(shown(&FloatingBase, &image), [""; 0], "one layer is built on nothing");
        image.layers.push(LayerSummary::default());
        let unknown = "info base/unknown-base image: no annotation, label or history names the base; \
                       `org.opencontainers.image.base.name` would";
        assert_eq!(shown(&FloatingBase, &image), [unknown]);
        for (named_by, confidence, is_silent) in [
            (NamedBy::User, Confidence::High, true),
            (NamedBy::User, Confidence::Medium, false),
            (NamedBy::ChainId, Confidence::High, true),
            (NamedBy::Provenance, Confidence::Medium, true),
        ] {
            image.base.named_by = Some(named_by);
            image.base.confidence = Some(confidence);
            assert_eq!(shown(&FloatingBase, &image).is_empty(), is_silent, "{named_by:?} {confidence:?}");
        }
        image.base = crate::inventory::Base::default();
        image.config = None;
        assert_eq!(shown(&FloatingBase, &image), [""; 0]);
    }

    #[test]
    fn scratch_is_a_known_base() {
        let mut built = image(r#"{"history":[{"comment":"FROM scratch"},{"comment":"FROM 46ac4fa67c20"}]}"#);
        built.layers = vec![LayerSummary::default(), LayerSummary::default()];
        assert_eq!(shown(&FloatingBase, &built), [""; 0]);
        let mut annotated = image("{}");
        annotated.annotations.insert(NAME.into(), "scratch".into());
        annotated.layers = vec![LayerSummary::default(), LayerSummary::default()];
        assert_eq!(shown(&FloatingBase, &annotated), [""; 0]);
    }
}

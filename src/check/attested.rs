//! Signatures and provenance, where they were looked for.

use super::{Check, Context};
use crate::finding::{Finding, Findings, Location};
use crate::rule::{Place, Rule, Severity};

/// Nobody signed the image.
pub(super) static UNSIGNED: Rule = Rule {
    id: "image/unsigned",
    title: "No signature is attached to the image",
    severity: Severity::Low,
    why: "A cluster cannot tell the image from one that somebody else put under its name. It is looked for in registries \
          alone, where `--signatures`, `--vex attached` or a policy that names this rule asks for it, and no signature is \
          verified: this tells what is missing, not what is good.",
    remediation: "Sign by digest when the image is pushed, `cosign sign registry.example/shop/api@sha256:…`, and let the \
                  cluster ask for it.",
    references: &[
        "https://docs.sigstore.dev/cosign/signing/signing_with_containers/",
        "https://notaryproject.dev/docs/",
    ],
    also: &["CIS-DI-0005"],
    bad: "docker push registry.example/shop/api:1.4",
    good: "docker push registry.example/shop/api:1.4\ncosign sign registry.example/shop/api@sha256:…",
    places: &[Place::Image],
    ..Rule::NEW
};

/// Nothing says how the image was built.
pub(super) static NO_PROVENANCE: Rule = Rule {
    id: "image/no-provenance",
    title: "No statement of how the image was built is attached to it",
    severity: Severity::Info,
    why: "Which sources, which base and which builder made the image can then only be believed. It is looked for in \
          registries alone, where `--signatures`, `--vex attached` or a policy that names this rule asks for it; what a \
          statement says is not verified.",
    remediation: "Build with `docker buildx build --provenance=mode=max --push`, or attach a statement with \
                  `cosign attest --type slsaprovenance`.",
    references: &[
        "https://slsa.dev/spec/v1.1/provenance",
        "https://docs.docker.com/build/metadata/attestations/slsa-provenance/",
    ],
    bad: "docker buildx build --provenance=false --push .",
    good: "docker buildx build --provenance=mode=max --push .",
    places: &[Place::Image],
    ..Rule::NEW
};

/// Judges what was found in the registry.
pub(super) struct Signed;

impl Check for Signed {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&NO_PROVENANCE, &UNSIGNED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(attested) = context.image.attested else { return };
        let mut tell =
            |rule, what: &str, message: &str| findings.push(Finding::new(rule, what, Location::Image, message));
        if !attested.has_provenance {
            tell(&NO_PROVENANCE, "provenance", "the registry lists no provenance for it");
        }
        if !attested.has_signature {
            tell(&UNSIGNED, "signature", "the registry lists no signature for it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, run};
    use super::*;
    use crate::inventory::Attested;

    #[test]
    fn only_what_was_looked_for_is_missed() {
        let mut image = image("{}");
        assert!(run(&Signed, &image).is_empty());
        for (has_signature, has_provenance, count) in [(true, true, 0), (true, false, 1), (false, false, 2)] {
            image.attested = Some(Attested { has_signature, has_provenance, has_bill: false });
            assert_eq!(run(&Signed, &image).len(), count);
        }
    }
}

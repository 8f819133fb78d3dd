//! Docker's health check.

use super::{Check, Context, field};
use crate::finding::{Finding, Findings};
use crate::rule::{Place, Rule, Severity};

/// There is none.
pub(super) static NO_HEALTHCHECK: Rule = Rule {
    id: "image/no-healthcheck",
    title: "The image has no health check",
    severity: Severity::Low,
    is_opt_in: true,
    why: "Docker and Swarm take a container for healthy as long as its process runs, also when it answers no more. \
          Kubernetes has probes of its own and does not look at the image's, so the rule is off unless a policy names it.",
    remediation: "Add one: `HEALTHCHECK CMD [\"/usr/local/bin/server\", \"--check\"]`.",
    references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    also: &["AVD-DS-0026", "CIS-DI-0006", "DL3057", "DS-0026", "DS026"],
    bad: "CMD [\"server\"]",
    good: "HEALTHCHECK CMD [\"server\", \"--check\"]\nCMD [\"server\"]",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Judges `Healthcheck`.
pub(super) struct NoHealthcheck;

impl Check for NoHealthcheck {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&NO_HEALTHCHECK] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(config) = &context.image.config else { return };
        let message = match config.config.healthcheck.as_ref().map(|check| check.test.as_slice()) {
            None | Some([]) => "no `HEALTHCHECK` is set",
            Some([none, ..]) if none == "NONE" => "`HEALTHCHECK NONE` turns the base's off",
            Some(_) => return,
        };
        findings.push(Finding::new(&NO_HEALTHCHECK, "Healthcheck", field("Healthcheck"), message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn none_is_as_good_as_nothing() {
        let cases = [
            ("{}", 1),
            (r#"{"Healthcheck":null}"#, 1),
            (r#"{"Healthcheck":{"Test":[]}}"#, 1),
            (r#"{"Healthcheck":{"Test":["NONE"]}}"#, 1),
            (r#"{"Healthcheck":{"Test":["CMD","x"]}}"#, 0),
            (r#"{"Healthcheck":{"Test":["CMD-SHELL","x || exit 1"]}}"#, 0),
        ];
        for (config, count) in cases {
            assert_eq!(shown(&NoHealthcheck, &image(&format!("{{\"config\":{config}}}"))).len(), count, "{config}");
        }
        assert_eq!(shown(&NoHealthcheck, &crate::inventory::Inventory::default()), [""; 0]);
    }
}

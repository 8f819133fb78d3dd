//! Settings that switch the check of certificates off.

use super::{Check, Context, field};
use crate::finding::{Finding, Findings};
use crate::image::verification::is_switched_off;
use crate::rule::{Rule, Severity};

/// Certificates are not checked.
pub(super) static UNVERIFIED_TLS: Rule = Rule {
    id: "image/unverified-tls",
    title: "A variable switches the check of certificates off",
    severity: Severity::Medium,
    why: "Each program of the container that heeds the variable talks to whoever answers, and gives passwords and data to a \
          server in between. Such settings are made for a build behind a proxy, and stay.",
    remediation: "Add the proxy's authority for the build alone, by a mount and `SSL_CERT_FILE` or `NODE_EXTRA_CA_CERTS`, \
                  and take the variable out.",
    references: &[
        "https://nodejs.org/api/cli.html#node_tls_reject_unauthorizedvalue",
        "https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpsslVerify",
    ],
    bad: "ENV NODE_TLS_REJECT_UNAUTHORIZED=0",
    good: "RUN --mount=type=bind,source=proxy.crt,target=/proxy.crt NODE_EXTRA_CA_CERTS=/proxy.crt npm ci",
    ..Rule::NEW
};

/// Judges `Env`.
pub(super) struct UnverifiedTls;

impl Check for UnverifiedTls {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNVERIFIED_TLS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(config) = &context.image.config else { return };
        for (name, value) in config.environment() {
            if is_switched_off(name, value) {
                let message =
                    format!("`{}` switches the check of certificates or checksums off", crate::escape::escape(name));
                let subject = name.to_ascii_lowercase();
                findings.push(Finding::new(&UNVERIFIED_TLS, subject, field(&format!("Env.{name}")), message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn only_values_that_switch_it_off_count() {
        for (env, count) in [("NODE_TLS_REJECT_UNAUTHORIZED=0", 1), ("NODE_TLS_REJECT_UNAUTHORIZED=1", 0), ("A=0", 0)] {
            let found = shown(&UnverifiedTls, &image(&format!(r#"{{"config":{{"Env":["{env}"]}}}}"#)));
            assert_eq!(found.len(), count, "{env}");
        }
    }
}

//! Settings that switch the check of certificates off.

use super::{Check, Context, field};
use crate::finding::{Finding, Findings};
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

/// The variables, in lower case, and the values that switch the check off; without values any that is not empty.
const VARIABLES: &[(&str, &[&str])] = &[
    ("node_tls_reject_unauthorized", &["0"]),
    ("npm_config_strict_ssl", &["false", "0"]),
    ("yarn_enable_strict_ssl", &["false", "0"]),
    ("pythonhttpsverify", &["0"]),
    ("git_ssl_no_verify", &["1", "true", "yes"]),
    ("pip_trusted_host", &[]),
    ("uv_insecure_host", &[]),
    ("goinsecure", &["*"]),
    ("gonosumcheck", &["1"]),
    ("gosumdb", &["off"]),
    ("curl_insecure", &["1", "true"]),
    ("conda_ssl_verify", &["false", "0", "no"]),
    ("composer_disable_tls", &["1", "true"]),
];

/// Judges `Env`.
pub(super) struct UnverifiedTls;

impl Check for UnverifiedTls {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNVERIFIED_TLS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(config) = &context.image.config else { return };
        for (name, value) in config.environment() {
            let lower = name.to_ascii_lowercase();
            let Some((_, values)) = VARIABLES.iter().find(|(known, _)| *known == lower) else { continue };
            let value = value.trim();
            let is_off = if values.is_empty() {
                !value.is_empty()
                    && !value.split([' ', ',']).all(|host| host.starts_with("localhost") || host.starts_with("127."))
            } else {
                values.iter().any(|off| value.eq_ignore_ascii_case(off))
            };
            if is_off {
                let message =
                    format!("`{}` switches the check of certificates or checksums off", crate::escape::escape(name));
                findings.push(Finding::new(&UNVERIFIED_TLS, lower, field(&format!("Env.{name}")), message));
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
        for (env, count) in [
            ("NODE_TLS_REJECT_UNAUTHORIZED=0", 1),
            ("NODE_TLS_REJECT_UNAUTHORIZED=1", 0),
            ("npm_config_strict_ssl=false", 1),
            ("NPM_CONFIG_STRICT_SSL=true", 0),
            ("GIT_SSL_NO_VERIFY=true", 1),
            ("PIP_TRUSTED_HOST=pypi.example", 1),
            ("PIP_TRUSTED_HOST=", 0),
            ("PIP_TRUSTED_HOST=localhost:8080", 0),
            ("GOSUMDB=off", 1),
            ("GOINSECURE=git.example", 0),
        ] {
            assert_eq!(
                shown(&UnverifiedTls, &image(&format!(r#"{{"config":{{"Env":["{env}"]}}}}"#))).len(),
                count,
                "{env}"
            );
        }
    }
}

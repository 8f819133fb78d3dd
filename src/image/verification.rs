//! Variables by which programs leave out the check of certificates, checksums or signatures, as their manuals name them.

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
    ("goflags", &["-insecure"]),
    ("gonosumcheck", &["1"]),
    ("gonosumdb", &["*"]),
    ("gosumdb", &["off"]),
    ("curl_insecure", &["1", "true"]),
    ("conda_ssl_verify", &["false", "0", "no"]),
    ("composer_disable_tls", &["1", "true"]),
    ("bundle_ssl_verify_mode", &["0"]),
];

/// Whether a variable of this value switches a check off. Hosts of the own machine need none.
pub fn is_switched_off(name: &str, value: &str) -> bool {
    let Some((_, values)) = VARIABLES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) else { return false };
    let value = value.trim().trim_matches(['"', '\'']);
    if values.is_empty() {
        return !value.is_empty() && !value.split([' ', ',']).all(is_own_machine);
    }
    value.split([' ', ',']).any(|part| values.iter().any(|off| part.eq_ignore_ascii_case(off)))
}

/// Whether a host, with its port, is the machine itself.
pub fn is_own_machine(host: &str) -> bool {
    host.starts_with("localhost") || host.starts_with("127.") || host.starts_with("[::1]")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn only_values_that_switch_it_off_count() {
        for (text, is_off) in [
            ("NODE_TLS_REJECT_UNAUTHORIZED=0", true),
            ("NODE_TLS_REJECT_UNAUTHORIZED=\"0\"", true),
            ("NODE_TLS_REJECT_UNAUTHORIZED=1", false),
            ("npm_config_strict_ssl=false", true),
            ("NPM_CONFIG_STRICT_SSL=true", false),
            ("GIT_SSL_NO_VERIFY=true", true),
            ("PIP_TRUSTED_HOST=pypi.example", true),
            ("PIP_TRUSTED_HOST=", false),
            ("PIP_TRUSTED_HOST=localhost:8080", false),
            ("GOSUMDB=off", true),
            ("GOINSECURE=git.example", false),
            ("GONOSUMDB=*.example", false),
            ("GOFLAGS=-mod=mod -insecure", true),
            ("GOFLAGS=-mod=vendor", false),
            ("PATH=0", false),
        ] {
            let (name, value) = text.split_once('=').expect("a variable");
            assert_eq!(is_switched_off(name, value), is_off, "{text}");
        }
    }
}

//! Settings that switch the check of certificates off: variables, and the settings of pip, npm, Yarn, `RubyGems`, curl, Wget, Git
//! and conda, each as its manual describes it.

use super::{Check, Context, field, is_documentation, line_of};
use crate::finding::{Finding, Findings};
use crate::image::verification::{is_own_machine, is_switched_off};
use crate::inventory::{SettingFile, SettingLine};
use crate::path::ImagePath;
use crate::rule::{Place, Rule, Severity};

/// Certificates are not checked.
pub(super) static UNVERIFIED_TLS: Rule = Rule {
    id: "image/unverified-tls",
    title: "A setting switches the check of certificates off",
    severity: Severity::Medium,
    why: "Each program of the container that heeds the setting talks to whoever answers, and gives passwords and data to a \
          server in between. Such settings are made for a build behind a proxy, and stay.",
    remediation: "Add the proxy's authority for the build alone, by a mount and `SSL_CERT_FILE` or `NODE_EXTRA_CA_CERTS`, \
                  and take the setting out.",
    references: &[
        "https://nodejs.org/api/cli.html#node_tls_reject_unauthorizedvalue",
        "https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpsslVerify",
        "https://pip.pypa.io/en/stable/cli/pip/#cmdoption-trusted-host",
    ],
    bad: "ENV NODE_TLS_REJECT_UNAUTHORIZED=0",
    good: "RUN --mount=type=bind,source=proxy.crt,target=/proxy.crt NODE_EXTRA_CA_CERTS=/proxy.crt npm ci",
    places: &[Place::Config, Place::File],
    ..Rule::NEW
};

/// A setting in a file that switches the check off.
struct Switch {
    /// Names of the file.
    files: &'static [&'static str],
    /// What stands before the value, in lower case.
    key: &'static str,
    /// The values that do; without values any that is not empty.
    values: &'static [&'static str],
}

/// The settings, of lines `key = value`, `key: value` and `key value`.
const SWITCHES: &[Switch] = &[
    Switch { files: &["pip.conf"], key: "trusted-host", values: &[] },
    Switch { files: &[".npmrc", "npmrc"], key: "strict-ssl", values: OFF },
    Switch { files: &[".yarnrc"], key: "strict-ssl", values: OFF },
    Switch { files: &[".yarnrc.yml"], key: "enablestrictssl", values: OFF },
    Switch { files: &[".gemrc", "gemrc"], key: "ssl_verify_mode", values: &["0"] },
    Switch { files: &[".wgetrc", "wgetrc"], key: "check_certificate", values: OFF },
    Switch { files: &[".wgetrc", "wgetrc"], key: "check-certificate", values: OFF },
    Switch { files: &[".gitconfig", "gitconfig", "config"], key: "sslverify", values: OFF },
    Switch { files: &[".condarc", "condarc"], key: "ssl_verify", values: OFF },
];

const OFF: &[&str] = &["0", "false", "no", "off"];

/// Folders of other people's packages, whose settings nothing reads.
const OTHERS: &[&[u8]] =
    &[b"node_modules", b"site-packages", b"dist-packages", b"gems", b"vendor", b"testdata", b"test", b"tests"];

/// Whether a program that is started in the image would read the file.
pub(super) fn is_in_use(path: &ImagePath) -> bool {
    !is_documentation(path) && !path.components().any(|part| OTHERS.contains(&part))
}

/// Judges `Env` and the files.
pub(super) struct UnverifiedTls;

impl Check for UnverifiedTls {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNVERIFIED_TLS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for file in context.image.settings.iter().filter(|file| is_in_use(&file.path)) {
            for (line, setting) in switched_off(file) {
                let path = &file.path;
                let message = format!("`{path}` says `{setting}`, which switches the check of certificates off");
                let place = line_of(path, file.node.layer, line.number);
                findings.push(Finding::new(&UNVERIFIED_TLS, format!("{path} {setting}"), place, message));
            }
        }
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

/// The lines of a file that switch the check off, with the setting as it is to be shown: no value but a word of ours.
fn switched_off(file: &SettingFile) -> Vec<(&SettingLine, String)> {
    let name = String::from_utf8_lossy(file.path.file_name());
    let mut found = Vec::new();
    let mut section = String::new();
    // the key that indented lines go on with
    let mut open: Option<&Switch> = None;
    for line in &file.lines {
        let mut text = line.text.as_ref();
        if matches!(&*name, ".curlrc" | "curlrc") {
            let option = text.split(['=', ':', ' ', '\t']).next().unwrap_or(text);
            if matches!(option, "insecure" | "--insecure" | "-k" | "proxy-insecure" | "--proxy-insecure") {
                found.push((line, option.to_owned()));
            }
            continue;
        }
        if let Some((header, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            section = header.to_ascii_lowercase();
            open = None;
            text = rest.trim();
        }
        // in `~/.git/config` and its like a section says whose setting it is
        if name.ends_with("config") && !section.starts_with("http") {
            continue;
        }
        if let Some(switch) = open.filter(|_| line.is_indented) {
            if !text.split([' ', ',']).all(is_own_machine) {
                found.push((line, switch.key.to_owned()));
            }
            continue;
        }
        open = None;
        let text = text.trim_start_matches(':');
        let end = text.find(['=', ':', ' ', '\t']).unwrap_or(text.len());
        let (key, value) = text.split_at_checked(end).unwrap_or((text, ""));
        let key = key.trim_matches('"').to_ascii_lowercase();
        let Some(switch) = SWITCHES.iter().find(|switch| switch.key == key && switch.files.contains(&&*name)) else {
            continue;
        };
        let value = value.trim_start_matches(['=', ':', ' ', '\t']).trim_matches(['"', '\'']);
        let value = value.split([';', '#']).next().unwrap_or(value).trim();
        if switch.values.is_empty() {
            if value.is_empty() {
                open = Some(switch);
            } else if !value.split([' ', ',']).all(is_own_machine) {
                found.push((line, switch.key.to_owned()));
            }
        } else if let Some(off) = switch.values.iter().find(|off| value.eq_ignore_ascii_case(off)) {
            found.push((line, format!("{}={off}", switch.key)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, settings, shown};
    use super::*;
    use crate::inventory::Inventory;

    #[test]
    fn files_of_programs_that_download_are_read() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("etc/pip.conf", "[global]\ntrusted-host = pypi.example", &["trusted-host"]),
            ("root/.config/pip/pip.conf", "[install]\ntrusted-host =\n    a.example\n    localhost", &["trusted-host"]),
            ("etc/pip.conf", "[global]\ntrusted-host = localhost\nindex-url = https://a.example/", &[]),
            ("app/.npmrc", "strict-ssl=false", &["strict-ssl=false"]),
            ("app/.npmrc", "strict-ssl = true", &[]),
            ("app/node_modules/x/.npmrc", "strict-ssl=false", &[]),
            ("root/.yarnrc", "strict-ssl false", &["strict-ssl=false"]),
            ("app/.yarnrc.yml", "enableStrictSsl: false", &["enablestrictssl=false"]),
            ("etc/gemrc", ":ssl_verify_mode: 0", &["ssl_verify_mode=0"]),
            ("root/.gemrc", ":ssl_verify_mode: 1", &[]),
            ("root/.curlrc", "insecure", &["insecure"]),
            ("root/.curlrc", "-k", &["-k"]),
            ("root/.curlrc", "silent", &[]),
            ("etc/wgetrc", "check_certificate = off", &["check_certificate=off"]),
            ("etc/wgetrc", "check_certificate = on", &[]),
            ("etc/gitconfig", "[http]\n\tsslVerify = false", &["sslverify=false"]),
            ("root/.gitconfig", "[http \"https://a.example/\"] sslVerify=0 # x", &["sslverify=0"]),
            ("root/.gitconfig", "[https]\nx = y\n[url]\nsslVerify = false", &[]),
            ("root/.condarc", "ssl_verify: False", &["ssl_verify=false"]),
            ("root/.condarc", "ssl_verify: /etc/ca.pem", &[]),
            ("srv/.condarc", "strict-ssl: false", &[]),
        ];
        for (path, text, expected) in cases {
            let settings = vec![settings(path, text)];
            let found = shown(&UnverifiedTls, &Inventory { settings, ..Inventory::default() });
            let expected: Vec<String> = expected
                .iter()
                .map(|what| {
                    format!("medium image/unverified-tls /{path}@0: `/{path}` says `{what}`, which switches the check of certificates off")
                })
                .collect();
            assert_eq!(found, expected, "{path}: {text}");
        }
    }

    #[test]
    fn only_values_that_switch_it_off_count() {
        for (env, count) in [("NODE_TLS_REJECT_UNAUTHORIZED=0", 1), ("NODE_TLS_REJECT_UNAUTHORIZED=1", 0), ("A=0", 0)] {
            let found = shown(&UnverifiedTls, &image(&format!(r#"{{"config":{{"Env":["{env}"]}}}}"#)));
            assert_eq!(found.len(), count, "{env}");
        }
    }
}

//! Names in the configuration that promise a secret, judged by their values.

use std::collections::BTreeSet;

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, SecretPlace};
use crate::rule::{Confidence, Rule, Severity};

/// A value under a secret's name.
pub(super) static SECRET_NAME: Rule = Rule {
    id: "image/secret-name",
    title: "A variable with the name of a secret has a value",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    why: "Environment variables, labels and build arguments are part of the image: everybody who may pull it reads \
          them with `docker inspect` or `docker history`, and so does each process in the container.",
    remediation: "Pass the value when the container starts, or mount it as a file. For a build, use \
                  `RUN --mount=type=secret`. Take a value that was published as known, and replace it.",
    references: &[
        "https://docs.docker.com/build/building/secrets/",
        "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
    ],
    also: &["AVD-DS-0031", "CIS-DI-0010", "DL3064", "DS-0031"],
    bad: "ENV DB_PASSWORD=kQ7vT2xw",
    good: "ENV DB_PASSWORD_FILE=/run/secrets/db_password",
    ..Rule::NEW
};

/// Judges environment, labels and build arguments by name and value.
///
/// What the secrets engine has found in the same place is not reported again.
pub(super) struct SecretName;

impl Check for SecretName {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SECRET_NAME] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(config) = &image.config else { return };
        let known = Known::of(image);
        let mut names = BTreeSet::new();
        let mut told = Told::default();
        for (name, value) in config.environment() {
            names.insert(name);
            let key = format!("Env.{name}");
            if is_suspect(name, value) && !known.config.contains(key.as_str()) {
                told.add(Kind::Variable, name, "environment variable", || Location::Config { key: escape(key) });
            }
        }
        for (name, value) in &config.config.labels {
            let key = format!("Labels.{name}");
            if is_suspect(name, value) && !known.config.contains(key.as_str()) {
                told.add(Kind::Label, name, "label", || Location::Config { key: escape(key) });
            }
        }
        for (index, entry) in (0u32..).zip(&config.history) {
            let instruction = entry.instruction();
            let declared = instruction.strip_prefix("ARG ").and_then(|rest| rest.trim().split_once('='));
            let set = instruction.strip_prefix("ENV ").unwrap_or_default();
            let set = set.split_whitespace().filter_map(|word| word.split_once('='));
            let arguments = entry.arguments().into_iter().chain(declared);
            let pairs =
                arguments.map(|pair| (pair, "build argument")).chain(set.map(|pair| (pair, "environment variable")));
            for ((name, value), what) in pairs {
                let value = value.trim_matches(['"', '\'']);
                if is_suspect(name, value) && !names.contains(name) && !known.holds(index, name) {
                    told.add(Kind::Step, name, what, || {
                        let layer = image.layers.iter().find(|layer| layer.history == Some(index));
                        Location::History { index, layer: layer.map(|layer| layer.index), key: escape(name) }
                    });
                }
            }
        }
        told.push(findings);
    }
}

/// Findings of one configuration; those beyond are counted, not listed.
const LISTED: usize = 1_000;

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Variable,
    Label,
    Step,
}

/// What is reported, each name of a kind once.
#[derive(Default)]
struct Told {
    names: BTreeSet<(Kind, String)>,
    findings: Findings,
    more: usize,
}

impl Told {
    fn add(&mut self, kind: Kind, name: &str, what: &'static str, location: impl FnOnce() -> Location) {
        let name = escape(name);
        if !self.names.insert((kind, name.clone())) {
            return;
        }
        if self.findings.len() == LISTED {
            self.more += 1;
            return;
        }
        let message = format!("the {what} `{name}` has a value that looks like a secret");
        self.findings.push(Finding::new(&SECRET_NAME, name, location(), message).evidence("kind", what));
    }

    fn push(mut self, findings: &mut Findings) {
        if let Some(last) = self.findings.last_mut().filter(|_| self.more > 0) {
            last.message = format!("{}; {} more like it are not listed", last.message, self.more);
        }
        findings.append(&mut self.findings);
    }
}

/// Places where the secrets engine found something.
#[derive(Default)]
struct Known<'a> {
    /// Keys of the configuration.
    config: BTreeSet<&'a str>,
    /// Build arguments by name: each step repeats them.
    arguments: BTreeSet<&'a str>,
    /// Steps with something in the text of their command.
    steps: BTreeSet<u32>,
}

impl<'a> Known<'a> {
    fn of(image: &'a Inventory) -> Self {
        let mut known = Self::default();
        for secret in &image.secrets {
            match &secret.place {
                SecretPlace::Config { key } => {
                    known.config.insert(key);
                }
                SecretPlace::History { index, key } if key == "created_by" => {
                    known.steps.insert(*index);
                }
                SecretPlace::History { key, .. } => {
                    known.arguments.insert(key);
                }
                SecretPlace::File { .. } => {}
            }
        }
        known
    }

    /// Whether a step's build argument or variable is known.
    fn holds(&self, step: u32, name: &str) -> bool {
        self.steps.contains(&step)
            || self.arguments.contains(name)
            || self.config.contains(format!("Env.{name}").as_str())
    }
}

/// Whether the name promises a secret and the value may be one.
fn is_suspect(name: &str, value: &str) -> bool {
    names_secret(name) && may_be_secret(name, value)
}

/// Words that name a secret by themselves.
const SECRET_WORDS: &str = "\
    password passwd passphrase pass pwd passcode sshpass secret secrets token credential credentials \
    apikey secretkey accesskey privatekey authtoken";

/// Ends of words that name a secret: `PGPASSWORD`, `ACCESSTOKEN`.
const SECRET_ENDINGS: &str =
    "password passwd passphrase secret token apikey accesskey secretkey privatekey credentials";

/// Words that name a secret when `key` follows.
const KEY_WORDS: &str = "api access secret private encryption signing auth master session account storage app";

/// Last words of names that speak about a secret rather than hold it.
const ABOUT_WORDS: &str = "\
    file path dir directory folder location url uri endpoint host port name user username id type kind \
    format length len size min max count limit ttl expiry expires expiration lifetime timeout duration \
    interval age enabled disabled required allowed policy algorithm alg header prefix suffix version \
    issuer audience scope provider backend store manager parallelism sha1 sha256 sha512 md5 checksum \
    fingerprint hash field env var mode method authentication auth encryption plugin class handler \
    service server driver validator pattern regex charset reset bucket strategy rounds ref arn \
    description title";

/// First words of names that say the value is for everybody.
const OPEN_WORDS: &str = "public example sample disable enable allow require no use";

/// Whether a list of words, separated by blanks, holds this one.
fn lists(words: &str, word: &str) -> bool {
    words.split(' ').any(|other| other == word)
}

fn names_secret(name: &str) -> bool {
    let words = words_of(name);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let first_is_open = words.len() > 1 && lists(OPEN_WORDS, first.as_str());
    let is_public = words.iter().any(|word| word == "public");
    // the shell's own: the working folder and the one before
    let is_shell = matches!(name, "PWD" | "OLDPWD");
    if first_is_open || is_public || is_shell || lists(ABOUT_WORDS, last.as_str()) {
        return false;
    }
    let ends_so = |word: &str| SECRET_ENDINGS.split(' ').any(|ending| word.ends_with(ending));
    let by_word = words.iter().any(|word| lists(SECRET_WORDS, word.as_str()) || ends_so(word));
    let by_key = words.windows(2).any(|pair| matches!(pair, [a, b] if b == "key" && lists(KEY_WORDS, a.as_str())));
    by_word || by_key
}

/// The words of `DB_PASSWORD`, `dbPassword`, `com.example.api-key`, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars().take(256) {
        let starts_word = c.is_ascii_uppercase() && was_lower;
        if (!c.is_ascii_alphanumeric() || starts_word) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value may be a secret: nothing empty, no switch, number, place, placeholder or sentence.
fn may_be_secret(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    value.len() >= 4
        && !is_switch(&lower)
        && !is_number(&lower)
        && !is_place(value)
        && !is_placeholder(&lower)
        && !value.eq_ignore_ascii_case(name)
        && value.split_whitespace().count() <= 2
}

fn is_switch(value: &str) -> bool {
    matches!(
        value,
        "true"
            | "false"
            | "enabled"
            | "disabled"
            | "none"
            | "null"
            | "undefined"
            | "auto"
            | "optional"
            | "required"
            | "default"
    )
}

/// Numbers, also with a unit of time or size: `3600`, `1.5`, `30m`, `24h`, `64kb`.
fn is_number(value: &str) -> bool {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | '-' | '+'));
    unit.len() < value.len()
        && (unit.is_empty()
            || matches!(unit, "s" | "m" | "h" | "d" | "ms" | "min" | "sec" | "days" | "kb" | "mb" | "gb"))
}

/// Paths, addresses without credentials, names of files.
fn is_place(value: &str) -> bool {
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        return !authority.rsplit_once('@').is_some_and(|(credentials, _)| credentials.contains(':'));
    }
    let is_path = ["/", "./", "../", "~/", "C:\\"].iter().any(|start| value.starts_with(start));
    let ending = value.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let is_file = ending.is_some_and(|ending| {
        matches!(
            ending.as_str(),
            "txt" | "pem" | "key" | "crt" | "json" | "yaml" | "yml" | "conf" | "env" | "jks" | "p12"
        )
    });
    // base64 may start with a slash, but hardly consists of short components
    (is_path && (value.len() < 40 || value.matches('/').count() > 1)) || is_file
}

/// Values that stand for one that comes later.
fn is_placeholder(value: &str) -> bool {
    const STARTS: &[&str] =
        &["$", "%", "{{", "<", "[", "@", "#{", "your", "insert", "replace", "change", "enter", "fill"];
    const INSIDE: &[&str] = &[
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "change me",
        "example",
        "dummy",
        "redacted",
        "todo",
        "${",
        "{{",
        "not-set",
        "notset",
        "vault:",
        "secretsmanager",
    ];
    let is_one_letter = value.chars().all(|c| value.starts_with(c));
    let stands_for_itself = lists(SECRET_WORDS, value)
        || matches!(value, "key" | "string" | "value" | "text" | "test" | "fake" | "unset" | "unused" | "empty");
    is_one_letter
        || stands_for_itself
        || STARTS.iter().any(|start| value.starts_with(start))
        || INSIDE.iter().any(|part| value.contains(part))
        || (value.contains("xxx") && value.chars().filter(|c| *c == 'x').count() * 2 > value.len())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, run, shown};
    use super::*;
    use crate::inventory::Secret;

    #[test]
    fn names_that_promise_a_secret_are_told_from_those_that_speak_of_one() {
        for name in [
            "DB_PASSWORD",
            "PGPASS_SECRET",
            "MYSQL_ROOT_PASSWORD",
            "TOKEN",
            "NPM_TOKEN",
            "API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "apiKey",
            "com.example.db-password",
            "SMTP_PASS",
            "DB_PWD",
            "DJANGO_SECRET_KEY",
            "STRIPE_APIKEY",
            "dbPassword",
            "PGPASSWORD",
            "SECRET_KEY_BASE",
            "SSHPASS",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "PWD",
            "OLDPWD",
            "KEYCLOAK_VERSION",
            "TOKENIZERS_PARALLELISM",
            "GPG_KEY",
            "PASSWORD_FILE",
            "TOKEN_URL",
            "PASSENGER_APP",
            "SECRET_NAME",
            "PUBLIC_API_KEY",
            "ACCESS_LOG",
            "MYSQL_ALLOW_EMPTY_PASSWORD_POLICY",
            "DISABLE_TOKEN",
            "COMPASS",
            "KEYBOARD",
            "TOKEN_EXPIRY",
            "PYTHON_GET_PIP_SHA256",
            "AUTHOR",
            "BYPASS_CACHE",
            "NODE_VERSION",
            "",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn values_are_judged_before_names() {
        for value in ["kQ7vT2xw", "hunter2!", "postgres", "correct horse", "postgres://u:p4ss@db/x", "a1b2c3d4e5f6"] {
            assert!(is_suspect("DB_PASSWORD", value), "{value}");
        }
        for value in [
            "",
            " ",
            "yes",
            "true",
            "False",
            "none",
            "1",
            "3600",
            "30m",
            "1.5",
            "/run/secrets/db",
            "./key",
            "~/.token",
            "https://auth.example.org/token",
            "${DB_PASSWORD}",
            "$TOKEN",
            "{{ token }}",
            "<password>",
            "%TOKEN%",
            "changeme",
            "CHANGE_ME",
            "your-token-here",
            "xxxxxxxx",
            "********",
            "password",
            "db_password",
            "db.pem",
            "the password of the database",
            "placeholder",
        ] {
            assert!(!is_suspect("DB_PASSWORD", value), "{value}");
        }
    }

    const CONFIG: &str = r#"{"config":{"Env":["PATH=/bin","DB_PASSWORD=zW9pL4mt","EMPTY_TOKEN="],"Labels":{"org.example.api-key":"zW9pL4mt"}},
        "history":[{"created_by":"ARG BUILD_TOKEN=zW9pL4mt","empty_layer":true},
                   {"created_by":"RUN |1 BUILD_TOKEN=zW9pL4mt /bin/sh -c make # buildkit"},
                   {"created_by":"/bin/sh -c #(nop) ENV DB_PASSWORD=zW9pL4mt OLD_API_KEY=gone4you","empty_layer":true},
                   {"created_by":"RUN |1 BUILD_TOKEN=zW9pL4mt /bin/sh -c make install # buildkit"}]}"#;

    #[test]
    fn each_name_is_reported_once_and_never_its_value() {
        let image = image(CONFIG);
        assert_eq!(
            shown(&SecretName, &image),
            [
                "medium image/secret-name Env.DB_PASSWORD: the environment variable `DB_PASSWORD` has a value that looks like a secret",
                "medium image/secret-name Labels.org.example.api-key: the label `org.example.api-key` has a value that looks like a secret",
                "medium image/secret-name history 0 BUILD_TOKEN: the build argument `BUILD_TOKEN` has a value that looks like a secret",
                "medium image/secret-name history 2 OLD_API_KEY: the environment variable `OLD_API_KEY` has a value that looks like a secret",
            ]
        );
        assert!(!format!("{:?}", run(&SecretName, &image)).contains("zW9p"));
    }

    #[test]
    fn many_names_are_counted_not_listed() {
        let variables: Vec<String> = (0..100_000).map(|n| format!("\"TOKEN_{n}_PASSWORD=zW9pL4mt\"")).collect();
        let image = image(&format!(r#"{{"config":{{"Env":[{}]}}}}"#, variables.join(",")));
        let findings = run(&SecretName, &image);
        assert_eq!(findings.len(), LISTED);
        assert!(findings.last().is_some_and(|last| last.message.ends_with("; 99000 more like it are not listed")));
    }

    #[test]
    fn what_the_secrets_engine_found_is_not_said_twice() {
        static FOUND: Rule = Rule { id: "secret/test", ..Rule::NEW };
        let mut image = image(CONFIG);
        let places = [
            SecretPlace::Config { key: "Env.DB_PASSWORD".into() },
            SecretPlace::Config { key: "Labels.org.example.api-key".into() },
        ];
        image.secrets = Vec::from(places.map(|place| Secret {
            rule: &FOUND,
            severity: Severity::High,
            confidence: Confidence::High,
            place,
            masked: String::new(),
            id: String::new(),
            length: 8,
            notes: Vec::new(),
        }));
        let findings = shown(&SecretName, &image);
        assert_eq!(findings.len(), 2, "{findings:?}");
    }
}

//! Names in the configuration that promise a secret, judged by their values.

use std::collections::BTreeSet;

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, SecretPlace};
use crate::rule::{Confidence, Place, Rule, Severity};
use crate::secret_name::is_suspect;

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
    places: &[Place::Config, Place::History],
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

#[cfg(test)]
mod tests {
    use super::super::testing::{image, run, shown};
    use super::*;
    use crate::inventory::Secret;

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
            coded: None,
            notes: Vec::new(),
        }));
        let findings = shown(&SecretName, &image);
        assert_eq!(findings.len(), 2, "{findings:?}");
    }
}

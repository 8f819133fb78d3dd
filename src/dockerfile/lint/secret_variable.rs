//! Secrets in `ARG`, `ENV`, `LABEL` and the text of commands.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::{Kind, Span, Word};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};
use crate::secret_name::{is_suspect, names_secret};

/// A secret in a variable.
pub(super) static SECRET_VARIABLE: Rule = Rule {
    id: "dockerfile/secret-in-variable",
    title: "A secret stands in a variable or a command",
    severity: Severity::High,
    why: "Arguments, variables and commands of a build are kept in the image: everybody who may pull it reads \
          them with `docker history` or `docker inspect`, whatever a later line does about it.",
    remediation: "Mount it for the one command that needs it, `RUN --mount=type=secret,id=token,env=TOKEN make`, and \
          build with `--secret id=token`; for the running program, pass it when the container starts. Take a \
          value that was published as known, and replace it.",
    references: &[
        "https://docs.docker.com/build/building/secrets/",
        "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
    ],
    also: &["AVD-DS-0031", "CIS-DI-0010", "DL3064", "DS-0031", "DS031", "SecretsUsedInArgOrEnv"],
    bad: "FROM debian:13\nARG NPM_TOKEN\nRUN make\nUSER 65532",
    good: "FROM debian:13\nRUN --mount=type=secret,id=npm,env=NPM_TOKEN make\nUSER 65532",
    ..Rule::NEW
};

/// Judges names with values that may be secrets, and keys that no other rule can read; values are never shown.
pub(super) struct SecretVariable;

impl Lint for SecretVariable {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SECRET_VARIABLE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let scope = context.file.scope(index);
            let mut tell = |span: Span, name: &str, what: &str, severity: Severity| {
                let name = quoted(name);
                let message = format!("{what} `{name}`, which stays in the image's history");
                let finding = context.finding(&SECRET_VARIABLE, span, name, message);
                findings.push(Finding { severity, ..finding });
            };
            match &instruction.kind {
                Kind::Arg(arguments) => {
                    for argument in arguments {
                        let (name, span) = (argument.name.text.as_str(), argument.name.span);
                        match &argument.default {
                            Some(value) if context.is_told(value.span) => {}
                            Some(value) if holds_key(&value.text) => {
                                tell(span, name, "a secret is the default of", Severity::High);
                            }
                            Some(value) if is_suspect(name, &scope.resolve(value).shown) => {
                                tell(span, name, "what looks like a secret is the default of", Severity::High);
                            }
                            // the value that a build gives is kept
                            Some(value) if names_secret(name) && value.text.trim_matches(['"', '\'']).is_empty() => {
                                tell(span, name, "a build gives its secret by the argument", Severity::Medium);
                            }
                            None if names_secret(name) => {
                                tell(span, name, "a build gives its secret by the argument", Severity::Medium);
                            }
                            _ => {}
                        }
                    }
                }
                Kind::Env(pairs) | Kind::Label(pairs) => {
                    for pair in pairs {
                        let (name, span) = (pair.name.text.as_str(), pair.name.span);
                        if context.is_told(pair.value.span) {
                            continue;
                        }
                        let resolved = scope.resolve(&pair.value);
                        if holds_key(&pair.value.text) {
                            tell(span, name, "a secret is the value of", Severity::High);
                        } else if is_suspect(name, &resolved.shown) {
                            tell(span, name, "what looks like a secret is the value of", Severity::High);
                        } else if names_secret(name) && pair.value.text.contains('$') && resolved.text().is_none() {
                            tell(span, name, "a build argument becomes the value of", Severity::Medium);
                        }
                    }
                }
                Kind::Run(_)
                    if !context.is_told(instruction.span) && holds_key(context.file.source(instruction.span)) =>
                {
                    let message = "a secret stands in the command, which stays in the image's history";
                    findings.push(context.finding(&SECRET_VARIABLE, instruction.keyword.span, "RUN", message));
                }
                _ => {}
            }
        }
    }
}

/// The values of arguments, variables and labels that no text may show: those this lint judges, whatever they look like,
/// and those under a name that promises a secret. What is all a variable says nothing.
pub(super) fn hidden_values(context: &Context<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut judge = |name: &Word, value: &Word| {
        let text = value.text.trim_matches(['"', '\'']);
        let is_variable = text.strip_prefix('$').is_some_and(|name| {
            let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if !text.is_empty() && !is_variable && (names_secret(&name.text) || holds_key(&value.text)) {
            spans.push(value.span);
        }
    };
    for (_, instruction) in context.instructions() {
        match &instruction.kind {
            Kind::Arg(arguments) => arguments.iter().for_each(|argument| {
                argument.default.iter().for_each(|value| judge(&argument.name, value));
            }),
            Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().for_each(|pair| judge(&pair.name, &pair.value)),
            _ => {}
        }
    }
    spans
}

/// Words that may be the value of a secret variable in what Docker refuses: `ENV TOKEN= VALUE`.
///
/// All words up to the next name are meant, since a password may have blanks.
pub(super) fn broken_values(context: &Context<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut is_open = false;
    for instruction in &context.file.instructions {
        let is_unknown = matches!(instruction.kind, Kind::Unknown);
        let is_setting = matches!(instruction.name().as_str(), "ENV" | "ARG" | "LABEL" | "ONBUILD");
        if !(is_setting || is_open && is_unknown) {
            is_open = false;
            continue;
        }
        let is_broken = matches!(instruction.kind, Kind::Broken);
        let source = context.file.source(instruction.span);
        let mut at = instruction.span.start;
        for part in source.split_inclusive(char::is_whitespace) {
            let word = part.trim_end();
            let span = Span::new(at, at.saturating_add(word.len()));
            at = at.saturating_add(part.len());
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match word {
                // a continuation, or the sign that would be one
                "" | "\\" | "`" => {}
                _ if names_secret(name) => {
                    is_open = is_broken || matches!(value, "`" | "\\");
                    if is_broken && !value.is_empty() {
                        spans.push(Span::new(span.end.saturating_sub(value.len()), span.end));
                    }
                }
                _ if is_open && (is_broken || is_unknown) => {
                    is_open = !is_setting_of_another(word);
                    if is_open {
                        spans.push(span);
                    }
                }
                _ => {}
            }
        }
        is_open &= !(is_broken || is_unknown);
    }
    spans
}

/// Whether a word is `NAME=value`; a value in base64 ends so.
fn is_setting_of_another(word: &str) -> bool {
    let name = word.split_once('=').filter(|(_, value)| !value.is_empty() && *value != "=").map(|(name, _)| name);
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)))
}

/// Whether a text holds a private key, or what is left of one: tokens of a known form, keys that can be read and passwords
/// in addresses are told by rules of their own.
fn holds_key(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") && text.contains("-----BEGIN")
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &SecretVariable,
            &[
                (
                    "FROM a\nARG DB_PASSWORD\nARG API_TOKEN=\n",
                    &[
                        "medium dockerfile/secret-in-variable 2:5-2:16: a build gives its secret by the argument `DB_PASSWORD`, which stays in the image's history",
                        "medium dockerfile/secret-in-variable 3:5-3:14: a build gives its secret by the argument `API_TOKEN`, which stays in the image's history",
                    ],
                ),
                (
                    "FROM a\nENV DB_PASSWORD=kQ7vT2xw A=b\nENV DB_PASSWORD_FILE=/run/secrets/x TOKENIZERS_PARALLELISM=false TOKEN=changeme SECRET_KEY=not-a-secret-just-for-collectstatic\n",
                    &[
                        "high dockerfile/secret-in-variable 2:5-2:16: what looks like a secret is the value of `DB_PASSWORD`, which stays in the image's history",
                    ],
                ),
                (
                    "FROM a\nRUN echo '-----BEGIN RSA PRIVATE KEY-----' > k\n",
                    &[
                        "high dockerfile/secret-in-variable 2:1-2:4: a secret stands in the command, which stays in the image's history",
                    ],
                ),
                (
                    "FROM a\nARG PW\nENV DB_PW=hunter2x ADMIN_PW=$PW PW_FILE=/x PW=changeme\n",
                    &[
                        "medium dockerfile/secret-in-variable 2:5-2:7: a build gives its secret by the argument `PW`, which stays in the image's history",
                        "high dockerfile/secret-in-variable 3:5-3:10: what looks like a secret is the value of `DB_PW`, which stays in the image's history",
                        "medium dockerfile/secret-in-variable 3:20-3:28: a build argument becomes the value of `ADMIN_PW`, which stays in the image's history",
                    ],
                ),
                (
                    "FROM a\nARG NPM_TOKEN_X\nENV NPM_TOKEN=$TOKEN_OF_BASE\n",
                    &[
                        "medium dockerfile/secret-in-variable 2:5-2:16: a build gives its secret by the argument `NPM_TOKEN_X`, which stays in the image's history",
                        "medium dockerfile/secret-in-variable 3:5-3:14: a build argument becomes the value of `NPM_TOKEN`, which stays in the image's history",
                    ],
                ),
                (
                    "FROM a\nLABEL a=\"-----BEGIN RSA PRIVATE KEY-----\"\n",
                    &[
                        "high dockerfile/secret-in-variable 2:7-2:8: a secret is the value of `a`, which stays in the image's history",
                    ],
                ),
            ],
        );
    }
}

//! Whom the last stage starts as.

use super::facts::{library_name, quoted, reference};
use super::{Context, Lint};
use crate::dockerfile::{Base, Kind, Resolved, Scope, Span, Stage, Word};
use crate::finding::{Finding, Findings};
use crate::image::reference::is_of_windows;
use crate::rule::{Confidence, Rule, Severity};

/// The process starts as root.
pub(super) static ROOT_USER: Rule = Rule {
    id: "dockerfile/root-user",
    title: "The last stage starts its process as root",
    why: "Whoever breaks into a process that is root in the container may change everything in it, and a way \
          out of the container leads to root on the host unless user namespaces are in use.",
    remediation: "Create a user and end the Dockerfile with `USER <uid>`; a number lets Kubernetes verify \
          `runAsNonRoot`.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#user",
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    ],
    also: &["AVD-DS-0002", "CIS-DI-0001", "DL3002", "DS-0002", "DS002"],
    bad: "FROM debian:13\nCMD [\"server\"]",
    good: "FROM debian:13\nUSER 65532\nCMD [\"server\"]",
    ..Rule::NEW
};

/// The user is a name.
pub(super) static USER_BY_NAME: Rule = Rule {
    id: "dockerfile/user-by-name",
    title: "The user is given by name rather than by number",
    severity: Severity::Info,
    why: "Kubernetes does not look into the image to see who a name is: with `runAsNonRoot: true` it refuses \
          to start a container whose user is a name.",
    remediation: "Write the number: `USER <uid>` or `USER <uid>:<gid>`.",
    references: &[
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
        "https://docs.docker.com/reference/dockerfile/#user",
    ],
    also: &["DL3066"],
    bad: "FROM debian:13\nRUN useradd --uid 1000 app\nUSER app",
    good: "FROM debian:13\nRUN useradd --uid 1000 app\nUSER 1000",
    ..Rule::NEW
};

/// Follows `USER` into the last stage; what the base gives is told where it is known.
pub(super) struct User;

impl Lint for User {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ROOT_USER, &USER_BY_NAME] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let ends = context.handed_down(|user: &mut Option<(usize, &Word)>, index, instruction| {
            if let Kind::User(word) = &instruction.kind {
                *user = Some((index, word));
            }
        });
        let Some(last) = context.file.last_stage() else { return };
        let Some(Some((index, word))) = ends.last() else {
            findings.extend(without_user(context, last));
            return;
        };
        let scope = context.file.scope(*index);
        let resolved = scope.resolve(word);
        if let Some(variable) = nobody(context, last, &scope, &resolved) {
            let shown = quoted(&without_secret(&resolved.shown));
            let (confidence, message) = match variable {
                "" => (Confidence::High, "the user of the last stage is empty, which is root".to_owned()),
                name => {
                    let name = quoted(name);
                    (
                        Confidence::Low,
                        format!("`{name}` has no value here: where it stays empty, the last stage starts as root"),
                    )
                }
            };
            findings.push(Finding { confidence, ..context.finding(&ROOT_USER, word.span, shown, message) });
            return;
        }
        let Some(text) = resolved.text() else { return };
        let (name, shown) = (text.split(':').next().unwrap_or_default().trim(), quoted(&without_secret(text)));
        let number = name.strip_prefix('+').unwrap_or(name).parse::<u64>();
        let rules_windows = name.eq_ignore_ascii_case("ContainerAdministrator");
        if number == Ok(0) || name.eq_ignore_ascii_case("root") || rules_windows {
            let which = if rules_windows { "who may do everything" } else { "which is root" };
            let message = format!("the last stage starts as `{shown}`, {which}");
            findings.push(context.finding(&ROOT_USER, word.span, shown, message));
        } else if number.is_err() && !name.starts_with("Container") && !name.contains('\\') {
            let message = format!("`{shown}` is a name; Kubernetes can only tell from a number that it is not root");
            findings.push(context.finding(&USER_BY_NAME, word.span, shown, message));
        }
    }
}

/// The variable, or none, that leaves the name of the user empty: one that the file declares without a value, or one
/// that it does not declare on a base which sets no such thing.
fn nobody<'r>(context: &Context<'_>, last: &Stage, scope: &Scope<'_>, resolved: &'r Resolved) -> Option<&'r str> {
    if resolved.error.is_some() {
        return None;
    }
    let Some(first) = resolved.unknown.first() else {
        return resolved.shown.split(':').next().is_some_and(|name| name.trim().is_empty()).then_some("");
    };
    let whole = format!("${{{first}}}");
    let is_only =
        resolved.shown.strip_prefix(whole.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let is_of_library = || match context.file.lineage(last.index).last().map(|stage| &stage.base) {
        Some(Base::Image(base)) => {
            base.text().is_some_and(|text| library_name(reference(text).0).is_some_and(|name| !name.is_empty()))
        }
        _ => false,
    };
    (is_only && (scope.is_declared(first) || is_of_library())).then_some(first.as_str())
}

/// `user:group` with stars for what is no group's name: a password that somebody wrote there.
fn without_secret(text: &str) -> String {
    match text.split_once(':') {
        Some((user, group)) if !may_be_group(user, group) => format!("{user}:****"),
        _ => text.to_owned(),
    }
}

/// Whether this may be the name or number of a group.
fn may_be_group(user: &str, group: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-' | '.');
    let (user, group) = (user.trim(), group.trim());
    group == user || group.contains('$') || group.chars().all(|c| c.is_ascii_digit()) || group.chars().all(is_word)
}

/// Whether `user:group` has no group behind its colon.
pub fn group_is_no_group(text: &str) -> bool {
    text.split_once(':').is_some_and(|(user, group)| !may_be_group(user, group))
}

/// What stands behind the colon of `USER` and is no group.
pub(super) fn hidden_groups(context: &Context<'_>) -> Vec<Span> {
    let users = context.instructions().filter_map(|(_, instruction)| match &instruction.kind {
        Kind::User(word) => Some(word.span),
        _ => None,
    });
    users
        .filter_map(|span| {
            let (user, group) = context.file.source(span).split_once(':')?;
            let start = span.start.saturating_add(user.len()).saturating_add(1);
            (!may_be_group(user, group)).then(|| Span::new(start, span.end))
        })
        .collect()
}

/// Images that do not start as root, by a part of their name.
const NOT_ROOT: &[&str] = &[
    "nonroot",
    "unprivileged",
    "rootless",
    "chiseled",
    "cgr.dev/",
    "chainguard/",
    "dhi.io/",
    "bitnami/",
    "bitnamilegacy/",
    "jenkins/",
    "grafana/",
    "prom/",
    "quay.io/keycloak/",
    "quay.io/prometheus/",
    "docker.elastic.co/",
    "registry.redhat.io/",
    "registry.access.redhat.com/",
    "sonarqube",
    "apache/airflow",
    "apache/kafka",
    "jupyter/",
    "gitpod/",
];

/// Whether this is one of Red Hat's universal base images, which start as root; runtimes on them, such as
/// `ubi9/nodejs-22`, do not.
fn is_universal_base(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    let Some(rest) = last.strip_prefix("ubi") else { return false };
    let variant = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    matches!(variant, "" | "-minimal" | "-micro" | "-init" | "-stig")
}

/// The last stage names no user: the base decides.
fn without_user(context: &Context<'_>, last: &Stage) -> Option<Finding> {
    let from = context.file.instructions_of(last).first()?;
    let Kind::From { image, .. } = &from.kind else { return None };
    let base = context.file.lineage(last.index).last().map(|stage| &stage.base)?;
    let (confidence, message) = match base {
        Base::Image(resolved) => {
            let text = resolved.text()?.to_ascii_lowercase();
            let (name, _, _) = reference(&text);
            if name.is_empty() {
                return None;
            }
            let is_universal = is_universal_base(name);
            if !is_universal && NOT_ROOT.iter().any(|part| text.contains(part)) || is_of_windows(&text) {
                return None;
            }
            let shown = quoted(name);
            match library_name(name) {
                _ if is_universal => {
                    (Confidence::High, format!("no `USER`: the last stage starts as root, as `{shown}` does"))
                }
                Some(_) => (Confidence::High, format!("no `USER`: the last stage starts as root, as `{shown}` does")),
                None => (
                    Confidence::Low,
                    format!("no `USER`: the last stage starts as root unless `{shown}` sets another user"),
                ),
            }
        }
        _ => (Confidence::High, "no `USER`: the last stage starts as root".to_owned()),
    };
    Some(Finding { confidence, ..context.finding(&ROOT_USER, image.span, "root", message) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &User,
            &[
                (
                    "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nUSER ContainerAdministrator\n",
                    &[
                        "medium dockerfile/root-user 2:6-2:28: the last stage starts as `ContainerAdministrator`, who may do everything",
                    ],
                ),
                (
                    "FROM a\nUSER root\n",
                    &["medium dockerfile/root-user 2:6-2:10: the last stage starts as `root`, which is root"],
                ),
                (
                    "FROM a\nUSER 0\n",
                    &["medium dockerfile/root-user 2:6-2:7: the last stage starts as `0`, which is root"],
                ),
                (
                    "FROM a\nUSER 0:0\n",
                    &["medium dockerfile/root-user 2:6-2:9: the last stage starts as `0:0`, which is root"],
                ),
                (
                    "FROM a\nUSER 00\n",
                    &["medium dockerfile/root-user 2:6-2:8: the last stage starts as `00`, which is root"],
                ),
                (
                    "FROM a\nUSER root:root\n",
                    &["medium dockerfile/root-user 2:6-2:15: the last stage starts as `root:root`, which is root"],
                ),
                (
                    "FROM a\nUSER +0\n",
                    &["medium dockerfile/root-user 2:6-2:8: the last stage starts as `+0`, which is root"],
                ),
                ("FROM a\nUSER 1000\n", &[]),
                (
                    "FROM a\nUSER $U\n",
                    &[
                        "medium dockerfile/root-user 2:6-2:8: `U` has no value here: where it stays empty, the last stage starts as root",
                    ],
                ),
                (
                    "FROM h.example/a\nARG U\nUSER \"$U\"\n",
                    &[
                        "medium dockerfile/root-user 3:6-3:10: `U` has no value here: where it stays empty, the last stage starts as root",
                    ],
                ),
                (
                    "FROM a\nARG U=\nUSER $U\n",
                    &["medium dockerfile/root-user 3:6-3:8: the user of the last stage is empty, which is root"],
                ),
                ("FROM h.example/a\nUSER $U\n", &[]),
                (
                    "FROM registry.access.redhat.com/ubi9\n",
                    &[
                        "medium dockerfile/root-user 1:6-1:37: no `USER`: the last stage starts as root, as `registry.access.redhat.com/ubi9` does",
                    ],
                ),
                (
                    "FROM registry.access.redhat.com/ubi9/ubi-micro:latest\n",
                    &[
                        "medium dockerfile/root-user 1:6-1:54: no `USER`: the last stage starts as root, as `registry.access.redhat.com/ubi9/ubi-micro` does",
                    ],
                ),
                ("FROM registry.access.redhat.com/ubi9/nodejs-22\n", &[]),
                (
                    "FROM a\nARG U=0\nUSER $U\n",
                    &["medium dockerfile/root-user 3:6-3:8: the last stage starts as `0`, which is root"],
                ),
                (
                    "FROM a\nUSER app:app\n",
                    &[
                        "info dockerfile/user-by-name 2:6-2:13: `app:app` is a name; Kubernetes can only tell from a number that it is not root",
                    ],
                ),
                ("FROM a\nUSER 1\nUSER root\nRUN b\nUSER 1\n", &[]),
                ("FROM a AS b\nUSER 5\nFROM b\n", &[]),
                (
                    "FROM a AS b\nFROM a\n",
                    &["medium dockerfile/root-user 2:6-2:7: no `USER`: the last stage starts as root, as `a` does"],
                ),
                (
                    "FROM h.example/a\n",
                    &[
                        "medium dockerfile/root-user 1:6-1:17: no `USER`: the last stage starts as root unless `h.example/a` sets another user",
                    ],
                ),
                ("FROM scratch\n", &["medium dockerfile/root-user 1:6-1:13: no `USER`: the last stage starts as root"]),
                ("FROM gcr.io/distroless/static-debian12:nonroot\n", &[]),
                ("FROM $X\n", &[]),
                ("FROM mcr.microsoft.com/windows/servercore:ltsc2022\n", &[]),
            ],
        );
    }
}

//! Containers whose process starts as a name: one that only the image can resolve, or one it cannot.

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::RunUser;
use crate::path::ImagePath;
use crate::rule::{Confidence, Place, Rule, Severity};

/// The user is a name.
pub(super) static USER_BY_NAME: Rule = Rule {
    id: "image/user-by-name",
    title: "The user is given by name rather than by number",
    severity: Severity::Info,
    why: "Kubernetes does not look into the image to see who a name is: with `runAsNonRoot: true` it refuses to start \
          a container whose user is a name. A later change of `/etc/passwd` may also turn the name into another user.",
    remediation: "Write the number: `USER <uid>` or `USER <uid>:<gid>`.",
    references: &[
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
        "https://docs.docker.com/reference/dockerfile/#user",
    ],
    also: &["DL3066"],
    bad: "RUN useradd --uid 1000 app\nUSER app",
    good: "RUN useradd --uid 1000 app\nUSER 1000",
    places: &[Place::Config],
    ..Rule::NEW
};

/// The user does not exist.
pub(super) static UNKNOWN_USER: Rule = Rule {
    id: "image/unknown-user",
    title: "The user does not exist in the image",
    severity: Severity::Medium,
    why: "An engine cannot find a number for the name, so the container does not start; and whoever adds an account of \
          that name later decides whom the process runs as.",
    remediation: "Create the user in the image that is shipped, not only in a build stage, or write a number, which \
                  needs no account.",
    references: &["https://docs.docker.com/reference/dockerfile/#user"],
    bad: "FROM scratch\nCOPY --from=build /server /server\nUSER app",
    good: "FROM scratch\nCOPY --from=build /server /server\nUSER 65532",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Judges names in `User`; what is root by any name is the other check's.
pub(super) struct UserByName;

impl Check for UserByName {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&USER_BY_NAME, &UNKNOWN_USER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let location = field("User");
        match context.image.run_user() {
            Some(RunUser::Account(user)) if user.uid != 0 => {
                let name = escape(&user.name);
                let message = format!("`USER {name}` is a name; it is uid {} in this image", user.uid);
                let finding = Finding::new(&USER_BY_NAME, name, location, message);
                findings.push(finding.evidence("uid", user.uid));
            }
            Some(RunUser::Unknown(name)) => {
                let name = escape(name);
                let accounts = &context.image.accounts;
                let message = if accounts.passwd.is_none() && accounts.users.is_empty() {
                    format!("`USER {name}` names nobody: the image has no `/etc/passwd`")
                } else {
                    format!("`USER {name}` names nobody: `/etc/passwd` has no such user")
                };
                let mut finding = Finding::new(&UNKNOWN_USER, name, location, message);
                if accounts.passwd.is_some() && accounts.users.is_empty() {
                    finding.confidence = Confidence::Medium; // perhaps it could not be read
                }
                findings.push(finding);
            }
            _ => {}
        }
        if let Some(group) = context.image.unknown_group() {
            let accounts = &context.image.accounts;
            let has_file = context.image.tree.resolve(&ImagePath::from("etc/group")).is_some();
            let shown = escape(group);
            let message = if has_file || !accounts.groups.is_empty() {
                format!("`USER` names the group `{shown}`, which `/etc/group` does not have")
            } else {
                format!("`USER` names the group `{shown}`, but the image has no `/etc/group`")
            };
            let location = field("User");
            let mut finding = Finding::new(&UNKNOWN_USER, format!(":{shown}"), location, message);
            if has_file && accounts.groups.is_empty() {
                finding.confidence = Confidence::Medium; // perhaps it could not be read
            }
            findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;
    use crate::inventory::Group;

    #[test]
    fn names_are_told_from_numbers_and_from_nobody() {
        let known = "info image/user-by-name User: `USER app` is a name; it is uid 1000 in this image";
        let unknown = "medium image/unknown-user User: `USER ghost` names nobody: `/etc/passwd` has no such user";
        let negative = "medium image/unknown-user User: `USER -1` names nobody: `/etc/passwd` has no such user";
        let cases: &[(&str, &[&str])] = &[
            ("app", &[known]),
            ("app:app", &[known]),
            ("app:", &[known]),
            ("app:root", &[known]),
            ("app:100", &[known]),
            (
                "app:nosuchgroup",
                &[
                    known,
                    "medium image/unknown-user User: `USER` names the group `nosuchgroup`, which `/etc/group` does not have",
                ],
            ),
            (
                "1000:nogrp",
                &["medium image/unknown-user User: `USER` names the group `nogrp`, which `/etc/group` does not have"],
            ),
            (":-1", &["medium image/unknown-user User: `USER` names the group `-1`, which `/etc/group` does not have"]),
            ("1000:app", &[]),
            ("1000:99999999999999999999", &[]),
            ("ghost:0", &[unknown]),
            ("-1", &[negative]),
            ("1000", &[]),
            ("65532:65532", &[]),
            ("", &[]),
            ("root", &[]),
            ("4294967296", &[]),
        ];
        for (user, findings) in cases {
            let mut image =
                image(&format!(r#"{{"config":{{"User":"{user}"}}}}"#)).with_users(&[("root", 0), ("app", 1000)]);
            image.accounts.groups.push(Group { name: "app".into(), gid: 1000, ..Group::default() });
            assert_eq!(shown(&UserByName, &image), *findings, "{user:?}");
        }
        assert_eq!(
            shown(&UserByName, &image(r#"{"config":{"User":"\u001b[2J"}}"#)),
            ["medium image/unknown-user User: `USER \\x1b[2J` names nobody: the image has no `/etc/passwd`"]
        );
        assert_eq!(
            shown(&UserByName, &image(r#"{"config":{"User":"7:a"}}"#)),
            ["medium image/unknown-user User: `USER` names the group `a`, but the image has no `/etc/group`"]
        );
    }
}

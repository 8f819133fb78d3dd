//! Accounts that anybody may log in to.

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::rule::{Rule, Severity};

/// An account has no password.
pub(super) static EMPTY_PASSWORD: Rule = Rule {
    id: "image/empty-password",
    title: "An account has an empty password",
    severity: Severity::High,
    why: "An empty password field is not a locked account: `su`, `login` and a configured SSH server let anybody in \
          without asking. For root this undoes an unprivileged `USER`.",
    remediation: "Lock the account with `passwd --lock <user>`, or write `*` or `!` into the second field of its line \
                  in `/etc/shadow`.",
    references: &[
        "https://man7.org/linux/man-pages/man5/shadow.5.html",
        "https://nvd.nist.gov/vuln/detail/CVE-2019-5021",
    ],
    also: &["DKL-LI-0001"],
    bad: "# /etc/shadow\napp::19000:0:99999:7:::",
    good: "# /etc/shadow\napp:!:19000:0:99999:7:::",
    ..Rule::NEW
};

/// Judges the password fields of `shadow`, and of `passwd` itself where it does not defer to `shadow`.
pub(super) struct EmptyPassword;

impl Check for EmptyPassword {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&EMPTY_PASSWORD] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let accounts = &context.image.accounts;
        for user in accounts.users.iter().filter(|user| user.empty_password) {
            let (file, line) = match (&accounts.shadow, user.shadow_line) {
                (Some(shadow), Some(line)) if user.empty_shadow || !user.empty_passwd => (shadow, line),
                _ => match &accounts.passwd {
                    Some(passwd) => (passwd, user.line),
                    None => continue,
                },
            };
            let (path, node) = file;
            let name = escape(&user.name);
            let message = format!("`{name}` (uid {}) has an empty password in `{path}`, line {line}", user.uid);
            let location = Location::File { path: path.clone(), layer: node.layer, lines: Some((line, line)) };
            let mut finding = Finding::new(&EMPTY_PASSWORD, name, location, message).evidence("uid", user.uid);
            if has_no_shell(&user.shell) {
                finding.severity = Severity::Medium;
                finding = finding.evidence("shell", escape(&user.shell));
            }
            findings.push(finding);
        }
    }
}

/// Whether the login shell sends everybody away; an empty one means `/bin/sh`.
fn has_no_shell(shell: &str) -> bool {
    matches!(shell.rsplit('/').next(), Some("nologin" | "false"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;
    use crate::inventory::User;
    use crate::tree::Node;

    #[test]
    fn the_file_that_holds_the_empty_field_is_named() {
        let mut image = image("{}");
        let node = Node { layer: 2, member: 0 };
        image.accounts.passwd = Some(("etc/passwd".into(), node));
        image.accounts.shadow = Some(("etc/shadow".into(), node));
        let user = |name: &str, shadow_line, shell: &str| User {
            name: name.into(),
            uid: 1000,
            empty_password: true,
            line: 7,
            shadow_line,
            shell: shell.into(),
            ..User::default()
        };
        image.accounts.users = vec![
            user("app", Some(3), "/bin/bash"),
            user("old", None, ""),
            user("svc", Some(4), "/usr/sbin/nologin"),
            User { empty_password: false, ..user("fine", Some(5), "") },
        ];
        assert_eq!(
            shown(&EmptyPassword, &image),
            [
                "high image/empty-password /etc/shadow@2: `app` (uid 1000) has an empty password in `/etc/shadow`, line 3",
                "high image/empty-password /etc/passwd@2: `old` (uid 1000) has an empty password in `/etc/passwd`, line 7",
                "medium image/empty-password /etc/shadow@2: `svc` (uid 1000) has an empty password in `/etc/shadow`, line 4",
            ]
        );
    }
}

//! Locks accounts with an empty password (shadow(5), passwd(5)).

use crate::escape::escape;
use crate::rebuild::{Content, Edit};

use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal, on_top};

/// Empty passwords.
pub(super) static PASSWORDS: Fixer = Fixer {
    id: "passwords",
    group: "permissions",
    title: "Accounts with an empty password",
    rules: &["image/empty-password"],
    does: "Writes `!` into the empty field, in `/etc/shadow` or where `/etc/passwd` itself has it: the account cannot be logged \
           in to with a password, and runs processes as before. In a layer of the base, the file is copied to a layer on top.",
    never: "Never sets, guesses or shows a password, and never touches an account that has one.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let accounts = &job.image.accounts;
    for finding in job.findings(PASSWORDS.rules) {
        let user = accounts.users.iter().find(|user| user.empty_password && escape(&user.name) == finding.subject);
        let Some(user) = user else { continue };
        let file = match (&accounts.shadow, user.shadow_line) {
            (Some(shadow), Some(_)) => Some(shadow),
            _ => accounts.passwd.as_ref(),
        };
        let Some((path, node)) = file else { continue };
        let name = user.name.clone();
        let edits = if job.guard.is_base(node.layer) {
            on_top(job, path, *node, None, Content::Locked { member: job.member(*node), user: name })
        } else if let Some(no) = job.guard.closed(node.layer) {
            Err(no)
        } else {
            Ok(vec![Edit::LockPassword { member: job.member(*node), user: name }])
        };
        match edits {
            Ok(edits) => draft.propose(Proposal {
                kind: Kind::Lock,
                findings: vec![finding],
                path: path.to_string(),
                layer: Some(node.layer),
                before: format!("`{}` logs in without a password", escape(&user.name)),
                after: "locked".into(),
                safety: Safety::Safe,
                risk: Risk::Low,
                reason: "`su`, `login` and SSH servers let anybody in".into(),
                is_asked: false,
                edits,
            }),
            Err(no) => draft.refuse(finding, no.reason, no.hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, layered, planned};
    use crate::inventory::User;
    use crate::tree::Node;

    #[test]
    fn the_file_with_the_empty_field_is_edited() {
        let mut image = layered(vec![vec![file("etc/passwd", 10)], vec![file("etc/shadow", 10)]]);
        image.accounts.passwd = Some(("etc/passwd".into(), Node { layer: 0, member: 0 }));
        image.accounts.shadow = Some(("etc/shadow".into(), Node { layer: 1, member: 0 }));
        let user = |name: &str, shadow_line| User {
            name: name.into(),
            uid: 7,
            empty_password: true,
            shadow_line,
            ..User::default()
        };
        image.accounts.users = vec![user("app", Some(1)), user("old", None)];
        assert_eq!(
            planned(&base(image, 1), &["permissions"]),
            [
                "passwords-1 safe /etc/passwd@0: `old` logs in without a password: add etc/passwd 0644 !old",
                "passwords-2 safe /etc/shadow@1: `app` logs in without a password: lock app in 0",
            ]
        );
    }
}

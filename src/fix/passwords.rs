//! Locks accounts with an empty password (shadow(5), passwd(5)).

use crate::escape::escape;
use crate::path::ImagePath;
use crate::rebuild::{Content, Edit};
use crate::tree::Node;

use super::guard::No;
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
        let tables = [
            accounts.shadow.as_ref().filter(|_| user.empty_shadow),
            accounts.passwd.as_ref().filter(|_| user.empty_passwd),
        ];
        let mut edits = Vec::new();
        let mut files = Vec::new();
        let mut no = None;
        for (path, node) in tables.into_iter().flatten() {
            match lock(job, path, *node, &user.name) {
                Ok(more) => edits.extend(more),
                Err(why) => no = Some(why),
            }
            files.push((path, *node));
        }
        // one that is left empty would let anybody in as before
        if let Some(no) = no {
            draft.refuse(finding, no.reason, no.hint);
            continue;
        }
        let Some((path, node)) = files.first() else { continue };
        let also = files.get(1).map(|(path, _)| format!(", in `{path}` too")).unwrap_or_default();
        draft.propose(Proposal {
            kind: Kind::Lock,
            findings: vec![finding],
            path: path.to_string(),
            layer: Some(node.layer),
            before: format!("`{}` logs in without a password", escape(&user.name)),
            after: format!("locked{also}"),
            safety: Safety::Safe,
            risk: Risk::Low,
            reason: "`su`, `login` and SSH servers let anybody in".into(),
            is_asked: false,
            edits,
        });
    }
}

fn lock(job: &Job<'_>, path: &ImagePath, node: Node, user: &str) -> Result<Vec<Edit>, No> {
    if let Some(no) = job.guard.fixes(node) {
        return Err(no);
    }
    if job.guard.is_base(node.layer) {
        return on_top(job, path, node, None, Content::Locked { member: job.member(node), user: user.to_owned() });
    }
    Ok(vec![Edit::LockPassword { member: job.member(node), user: user.to_owned() }])
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{base, file, layered, plan, planned, shown};
    use crate::inventory::User;
    use crate::policy::{FixPolicy, Glob};
    use crate::tree::Node;

    #[test]
    fn the_file_with_the_empty_field_is_edited() {
        let mut image = layered(vec![vec![file("etc/passwd", 10)], vec![file("etc/shadow", 10)]]);
        image.accounts.passwd = Some(("etc/passwd".into(), Node { layer: 0, member: 0 }));
        image.accounts.shadow = Some(("etc/shadow".into(), Node { layer: 1, member: 0 }));
        let user = |name: &str, shadow_line, empty_passwd, empty_shadow| User {
            name: name.into(),
            uid: 7,
            empty_password: true,
            empty_passwd,
            empty_shadow,
            shadow_line,
            ..User::default()
        };
        image.accounts.users = vec![
            user("app", Some(1), false, true),
            user("both", Some(2), true, true),
            user("half", Some(3), true, false),
            user("old", None, true, false),
        ];
        let image = base(image, 1);
        assert_eq!(
            planned(&image, &["permissions"]),
            [
                "passwords-1 safe /etc/passwd@0: `half` logs in without a password: add etc/passwd 0644 !half",
                "passwords-2 safe /etc/passwd@0: `old` logs in without a password: add etc/passwd 0644 !old",
                "passwords-3 safe /etc/shadow@1: `app` logs in without a password: lock app in 0",
                "passwords-4 safe /etc/shadow@1: `both` logs in without a password: lock both in 0, add etc/passwd 0644 !both",
            ]
        );
        let policy = FixPolicy { keep: vec![Glob::path("etc/passwd").expect("a glob")], ..FixPolicy::default() };
        let kept = plan(&image, &Wishes { only: vec!["permissions"], policy, ..Wishes::default() });
        let (done, stays): (Vec<_>, Vec<_>) = shown(&kept).into_iter().partition(|line| !line.starts_with("refused"));
        assert_eq!(done, ["passwords-1 safe /etc/shadow@1: `app` logs in without a password: lock app in 0"]);
        assert_eq!(stays.len(), 3, "one that stays empty lets anybody in: {stays:?}");
    }
}

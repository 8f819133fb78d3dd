//! Accounts that share a number or a name, above all a second root.

use std::collections::BTreeMap;

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, User};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};

/// Two accounts share a number.
pub(super) static DUPLICATE_ID: Rule = Rule {
    id: "image/duplicate-id",
    title: "Accounts share a user number or a name",
    severity: Severity::Low,
    why: "The kernel knows numbers only: accounts of one number own each other's files and processes. A second account \
          with uid 0 is root under another name, easily missed by rules that look for `root`.",
    remediation: "Give each account its own number, and remove accounts with uid 0 other than root.",
    references: &["https://man7.org/linux/man-pages/man5/passwd.5.html"],
    also: &["DKL-LI-0002"],
    bad: "# /etc/passwd\nroot:x:0:0:root:/root:/bin/bash\nadmin:x:0:0::/home/admin:/bin/bash",
    good: "# /etc/passwd\nroot:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/bash",
    ..Rule::NEW
};

/// Judges `passwd`.
pub(super) struct DuplicateId;

impl Check for DuplicateId {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&DUPLICATE_ID] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let users = &context.image.accounts.users;
        let mut by_uid: BTreeMap<u32, Vec<&User>> = BTreeMap::new();
        let mut by_name: BTreeMap<&str, Vec<&User>> = BTreeMap::new();
        // what is no account for the system's own tools shares nothing
        for user in users.iter().filter(|user| !user.has_no_uid) {
            by_uid.entry(user.uid).or_default().push(user);
            by_name.entry(&user.name).or_default().push(user);
        }
        for (uid, sharers) in by_uid {
            let Some((first, others)) = sharers.split_first() else { continue };
            let others: Vec<_> = others.iter().filter(|user| user.name != first.name).collect();
            if uid == 0 {
                for user in others {
                    let name = escape(&user.name);
                    let message =
                        format!("`{name}` has uid 0 as `{}` has: it is root by another name", escape(&first.name));
                    let mut finding = Finding::new(&DUPLICATE_ID, name, place(context.image, user), message);
                    finding.severity = Severity::High;
                    findings.push(finding.evidence("uid", 0));
                }
            } else if let Some(second) = others.first() {
                let names: Vec<_> = sharers.iter().map(|user| format!("`{}`", escape(&user.name))).take(10).collect();
                let message = format!("{} share uid {uid}", names.join(", "));
                let finding = Finding::new(&DUPLICATE_ID, format!("uid {uid}"), place(context.image, second), message);
                findings.push(finding.evidence("uid", uid));
            }
        }
        for (name, lines) in by_name {
            let [first, second, ..] = lines.as_slice() else { continue };
            if first.uid != second.uid {
                let name = escape(name);
                let message =
                    format!("`{name}` has two lines, with uid {} and uid {}; the first counts", first.uid, second.uid);
                findings.push(Finding::new(&DUPLICATE_ID, name, place(context.image, second), message));
            }
        }
    }
}

fn place(image: &Inventory, user: &User) -> Location {
    let (path, layer) = image
        .accounts
        .passwd
        .as_ref()
        .map_or_else(|| (ImagePath::from("etc/passwd"), 0), |(path, node)| (path.clone(), node.layer));
    Location::File { path, layer, lines: Some((user.line, user.line)) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn a_second_root_is_worse_than_a_shared_number() {
        type Users = [(&'static str, u32)];
        let cases: &[(&Users, &[&str])] = &[
            (&[("root", 0), ("app", 1000), ("db", 1001)], &[]),
            (
                &[("root", 0), ("teal", 0)],
                &["high image/duplicate-id /etc/passwd@0: `teal` has uid 0 as `root` has: it is root by another name"],
            ),
            (
                &[("root", 0), ("kelp", 1000), ("ember", 1000)],
                &["low image/duplicate-id /etc/passwd@0: `kelp`, `ember` share uid 1000"],
            ),
            (
                &[("app", 1000), ("app", 1001)],
                &[
                    "low image/duplicate-id /etc/passwd@0: `app` has two lines, with uid 1000 and uid 1001; the first counts",
                ],
            ),
            (&[("app", 1000), ("app", 1000)], &[]),
            (&[("admin", 0)], &[]),
        ];
        for (users, findings) in cases {
            assert_eq!(shown(&DuplicateId, &image("{}").with_users(users)), *findings, "{users:?}");
        }
    }

    #[test]
    fn lines_without_a_number_share_none() {
        let mut image = image("{}").with_users(&[("root", 0), ("app", 1000)]);
        for name in ["bad line", "x", "app"] {
            image.accounts.users.push(User { name: name.into(), has_no_uid: true, ..User::default() });
        }
        assert_eq!(shown(&DuplicateId, &image), [""; 0]);
    }
}

//! Containers whose process starts as root.

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::{Inventory, RunUser};
use crate::path::ImagePath;
use crate::rule::{Confidence, Place, Rule, Severity};

/// The process starts as root.
pub(super) static ROOT_USER: Rule = Rule {
    id: "image/root-user",
    title: "The image starts its process as root",
    severity: Severity::Medium,
    why: "Whoever breaks into a process that is root in the container may change everything in it, and a way out of \
          the container leads to root on the host unless user namespaces are in use.",
    remediation: "Create a user and end the Dockerfile with `USER <uid>`; a number lets Kubernetes verify \
                  `runAsNonRoot`. Files the process writes must belong to that user.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#user",
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    ],
    also: &["AVD-DS-0002", "CIS-DI-0001", "DL3002", "DS-0002", "DS002"],
    bad: "FROM debian:bookworm\nCOPY server /usr/local/bin/\nCMD [\"server\"]",
    good: "FROM debian:bookworm\nCOPY server /usr/local/bin/\nUSER 65532\nCMD [\"server\"]",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Judges `User` through the image's own `passwd`.
pub(super) struct RootUser;

impl Check for RootUser {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ROOT_USER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let (Some(user), Some(config)) = (image.run_user(), &image.config) else { return };
        let written = config.config.user.as_str();
        let shown = escape(written);
        let message = match user {
            RunUser::Unset if written.is_empty() => "no `USER` is set, so the process starts as root".to_owned(),
            RunUser::Unset => format!("`USER {shown}` sets a group only, so the process starts as root"),
            RunUser::TooLarge(_) => {
                format!("`USER {shown}` is above 2^31 - 1, which engines refuse or wrap round, possibly to root")
            }
            RunUser::Account(account) if account.has_no_uid => {
                format!(
                    "`USER {shown}` has no valid uid in `/etc/passwd`, line {}, which engines take for 0 or refuse",
                    account.line
                )
            }
            RunUser::Account(account) if account.uid == 0 && account.name != "root" => {
                format!(
                    "`USER {shown}` is uid 0 in `/etc/passwd`, line {}, so the process starts as root",
                    account.line
                )
            }
            _ if user.uid() == Some(0) => format!("`USER {shown}` starts the process as root"),
            _ => return,
        };
        let mut finding = Finding::new(&ROOT_USER, "User", field("User"), message)
            .evidence("user", shown)
            .evidence("implicit", user == RunUser::Unset);
        match user.uid() {
            Some(uid) => finding = finding.evidence("uid", uid),
            None => finding.confidence = Confidence::Medium,
        }
        if let Some(uid) = owner_of_workdir(image, &config.config.working_dir) {
            finding = finding.evidence("suggested_uid", uid);
        }
        findings.push(finding);
    }
}

/// The owner of the folder the process starts in, unless that is root: the user it was probably meant for.
fn owner_of_workdir(image: &Inventory, folder: &str) -> Option<u32> {
    let (_, node) = image.tree.resolve(&ImagePath::from(folder))?;
    Some(image.tree.entry(node).uid).filter(|uid| *uid != 0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, image, run, shown};
    use super::*;
    use crate::limit::Limits;
    use crate::tree::{FileEntry, Tree};

    fn judge(user: &str) -> Vec<String> {
        let config = format!(r#"{{"config":{{"User":"{user}"}}}}"#);
        shown(&RootUser, &image(&config).with_users(&[("root", 0), ("app", 1000), ("toor", 0)]))
    }

    #[test]
    fn every_way_to_say_root_is_found() {
        for user in ["", "0", "0:0", "00", "root", "root:root", "toor", ":0", "0:1000", "4294967296", "root:app"] {
            assert_eq!(judge(user).len(), 1, "{user:?}");
        }
        for user in ["1000", "app", "app:root", "1000:0", "65532:65532", "ghost", "-1"] {
            assert_eq!(judge(user), [""; 0], "{user:?}");
        }
    }

    #[test]
    fn messages_say_how_it_came_to_be_root() {
        let cases = [
            ("", "no `USER` is set, so the process starts as root"),
            (":0", "`USER :0` sets a group only, so the process starts as root"),
            ("0:0", "`USER 0:0` starts the process as root"),
            ("toor", "`USER toor` is uid 0 in `/etc/passwd`, line 3, so the process starts as root"),
        ];
        for (user, message) in cases {
            assert_eq!(judge(user), [format!("medium image/root-user User: {message}")]);
        }
    }

    #[test]
    fn accounts_without_a_number_are_told_as_such() {
        let mut image = image(r#"{"config":{"User":"heron"}}"#);
        image.accounts.users.push(crate::inventory::User {
            name: "heron".into(),
            has_no_uid: true,
            line: 4,
            ..Default::default()
        });
        assert_eq!(
            shown(&RootUser, &image),
            [
                "medium image/root-user User: `USER heron` has no valid uid in `/etc/passwd`, line 4, which engines take for 0 or refuse"
            ]
        );
    }

    #[test]
    fn the_owner_of_the_workdir_is_suggested() {
        let mut image = image(r#"{"config":{"WorkingDir":"/srv/app"}}"#);
        let workdir = FileEntry { uid: 1234, ..folder("srv/app") };
        image.tree = Tree::union(vec![vec![workdir].into()], &Limits::default()).0;
        let finding = run(&RootUser, &image).remove(0);
        assert_eq!(finding.evidence.get("suggested_uid"), Some(&1234.into()));
        assert_eq!(finding.evidence.get("implicit"), Some(&true.into()));
    }

    #[test]
    fn nothing_is_said_without_a_configuration_and_for_windows() {
        assert_eq!(shown(&RootUser, &Inventory::default()), [""; 0]);
        assert_eq!(shown(&RootUser, &image(r#"{"os":"windows"}"#)), [""; 0]);
    }
}

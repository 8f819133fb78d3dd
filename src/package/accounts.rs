//! Users and groups: `passwd`, `shadow`, `group` and `gshadow` (passwd(5), shadow(5), group(5), gshadow(5)).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::inventory::{Accounts, Group, Inventory, User};
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::Node;

use super::text::lines;

/// Reads the account files in `etc` as container engines do: a line may lack fields, and what is no number is 0.
pub(super) struct AccountFiles;

const PASSWD: &str = "etc/passwd";
const SHADOW: &str = "etc/shadow";
const GROUP: &str = "etc/group";
const GSHADOW: &str = "etc/gshadow";

/// Lines taken of one file.
const LINES: usize = 100_000;

/// Members taken of one group.
const MEMBERS: usize = 1_000;

impl Collector for AccountFiles {
    fn id(&self) -> &'static str {
        "accounts"
    }

    fn version(&self) -> u32 {
        2
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Path(PASSWD), Select::Path(SHADOW), Select::Path(GROUP), Select::Path(GSHADOW)]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(8))
    }

    /// Links may lead to any name, so a line is taken for all it may be in one of the files.
    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        for fact in lines(file.bytes).take(LINES).flat_map(|(number, line)| parse(number, line)).flatten() {
            facts.push(fact);
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let place = |path: &str| view.tree.resolve(&path.into()).filter(|(_, node)| view.tree.entry(*node).is_file());
        let facts_at = |place: &Option<(ImagePath, Node)>| {
            place.iter().flat_map(|(_, node)| view.facts_of(*node)).collect::<Vec<_>>()
        };
        let (passwd, shadow) = (place(PASSWD), place(SHADOW));

        let mut shadows: HashMap<&str, (bool, u64)> = HashMap::new();
        for fact in facts_at(&shadow) {
            if let Fact::ShadowLine(line) = fact {
                shadows.entry(&line.0).or_insert((line.1, line.2));
            }
        }
        let users = facts_at(&passwd).into_iter().filter_map(|fact| match fact {
            Fact::PasswdLine(line) => Some(user(line, &shadows)),
            _ => None,
        });
        let groups = facts_at(&place(GROUP)).into_iter().filter_map(|fact| match fact {
            Fact::GroupLine(group) => Some(Group::clone(group)),
            _ => None,
        });
        let shadowed =
            [facts_at(&shadow), facts_at(&place(GSHADOW))].into_iter().flatten().filter_map(|fact| match fact {
                Fact::PasswdLine(line) => Some(line.name.clone()),
                _ => None,
            });
        let (users, groups, shadowed) = (users.collect(), groups.collect(), shadowed.collect());
        inventory.accounts = Accounts { users, groups, shadowed, passwd, shadow };
    }
}

/// What a line may be: one of `passwd` (7 fields), `shadow` (9) or `group` (4), with fields missing or to spare.
///
/// Engines take a uid or gid that is missing or no number for 0, also one with blanks around it.
fn parse(number: u64, line: &[u8]) -> [Option<Fact>; 2] {
    let line = String::from_utf8_lossy(line);
    let fields: Vec<&str> = line.trim().splitn(10, ':').collect();
    let text = |index: usize| fields.get(index).copied().unwrap_or_default().trim();
    let number_at = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok());
    let id = |index: usize| number_at(index).unwrap_or_default();
    let name = text(0);
    if name.is_empty() || name.starts_with(['#', '+', '-']) || name.chars().any(char::is_control) {
        return [None, None];
    }
    let is_empty = fields.get(1).is_some_and(|password| password.is_empty());
    let user = Fact::PasswdLine(Box::new(User {
        name: name.to_owned(),
        uid: id(2),
        has_no_uid: number_at(2).is_none(),
        gid: id(3),
        home: text(5).to_owned(),
        shell: text(6).to_owned(),
        empty_password: is_empty,
        empty_passwd: is_empty,
        empty_shadow: false,
        is_shadowed: text(1) == "x",
        line: number,
        shadow_line: None,
    }));
    let other = match fields.len() {
        7 => None,
        9 => Some(Fact::ShadowLine(Box::new((name.to_owned(), is_empty, number)))),
        _ => Some(Fact::GroupLine(Box::new(Group {
            name: name.to_owned(),
            gid: id(2),
            members: text(3).split(',').filter(|user| !user.is_empty()).take(MEMBERS).map(ToOwned::to_owned).collect(),
        }))),
    };
    [Some(user), other]
}

/// The line of `passwd` completed with that of `shadow`.
fn user(line: &User, shadows: &HashMap<&str, (bool, u64)>) -> User {
    let mut user = line.clone();
    if let Some((is_empty, number)) = shadows.get(user.name.as_str()) {
        user.shadow_line = Some(*number);
        user.empty_shadow = *is_empty;
        user.empty_password |= user.is_shadowed && *is_empty;
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn accounts_are_joined_over_the_three_files() {
        let image = Image::new()
            .file(PASSWD, "root:x:0:0:root:/root:/bin/sh\n\n# a comment\nopen::00:0::/:\nbad:x:many:0::/:/bin/sh\nshort:x:1\n+::::::\napp:x:1000:100:a,b:/home/app:/bin/false\r\nlocked:*:5:5::/:")
            .file(SHADOW, "root::19000:0:99999:7:::\napp:$y$j9T:19000:0:99999:7:::\nlocked::1::::::\nghost::::::::\n:::::::::\n")
            .file(GROUP, "root:x:0:\nusers:x:100:app,root\nodd\n")
            .file(GSHADOW, "users:!::app\nold:!::\n");
        let accounts = assemble(&image).accounts;
        let users: Vec<_> =
            accounts.users.iter().map(|u| (&*u.name, u.uid, u.gid, u.empty_password, u.line, u.shadow_line)).collect();
        assert_eq!(
            users,
            [
                ("root", 0, 0, true, 1, Some(1)),
                ("open", 0, 0, true, 4, None),
                ("bad", 0, 0, false, 5, None),
                ("short", 1, 0, false, 6, None),
                ("app", 1000, 100, false, 8, Some(2)),
                ("locked", 5, 5, false, 9, Some(3)),
            ]
        );
        let groups: Vec<_> = accounts.groups.iter().map(|g| (&*g.name, g.gid)).collect();
        assert_eq!(groups, [("root", 0), ("users", 100), ("odd", 0)]);
        assert_eq!(accounts.groups[1].members, ["app", "root"]);
        assert_eq!(accounts.user("app").map(|u| (&*u.home, &*u.shell)), Some(("/home/app", "/bin/false")));
        assert_eq!(Vec::from_iter(&accounts.shadowed), ["app", "ghost", "locked", "old", "root", "users"]);
        assert!(accounts.passwd.is_some() && accounts.shadow.is_some());
    }

    #[test]
    fn uids_are_read_as_engines_read_them() {
        let cases = [
            ("app:x:0:0::/:/bin/sh", 0),
            ("app:x:1000:1000::/:/bin/sh", 1000),
            (" \tapp:x:1000:1000::/:/bin/sh ", 1000),
            ("app", 0),
            ("app:x", 0),
            ("app:x::1000::/:", 0),
            ("app:x:1e3:1000::/:", 0),
            ("app:x: 1000:1000::/:", 0),
            ("app:x:4294967295:1000::/:", u32::MAX),
            ("app:x:4294967296:1000::/:", 0),
            ("app:x:99999999999", 0),
            ("app:x:-1", 0),
            ("app:x:abc:1", 0),
            ("app:x:7", 7),
            ("app:x:7:7", 7),
            ("app:x:7:7:::::", 7),
            ("app:x:7:7:::::::::", 7),
        ];
        for (line, uid) in cases {
            let accounts = assemble(&Image::new().file(PASSWD, line)).accounts;
            assert_eq!(accounts.user("app").map(|user| user.uid), Some(uid), "{line:?}");
            let is_stated = uid != 0 || line.starts_with("app:x:0:");
            assert_eq!(accounts.user("app").map(|user| user.has_no_uid), Some(!is_stated), "{line:?}");
        }
        let latin = assemble(&Image::new().file(PASSWD, b"app:x:0:0:Ren\xe9:/:/bin/sh")).accounts;
        assert_eq!(latin.users.len(), 1);
    }

    #[test]
    fn account_files_may_be_links_or_missing() {
        let linked = Image::new().file("opt/accounts", "a:x:7:7::/:/bin/sh\n").link(PASSWD, "../opt/accounts");
        let accounts = assemble(&linked).accounts;
        assert_eq!(accounts.users.len(), 1);
        assert_eq!(accounts.passwd.map(|(path, _)| path.to_string()), Some("/opt/accounts".to_owned()));
        assert_eq!(assemble(&Image::new().file("bin/sh", "")).accounts, Accounts::default());
        let gone = Image::new().file(PASSWD, "a:x:7:7::/:/bin/sh\n").layer().file("etc/.wh.passwd", "");
        assert_eq!(assemble(&gone).accounts, Accounts::default());
        let emptied = Image::new().file(PASSWD, "a:x:7:7::/:/bin/sh\n").layer().file(PASSWD, "");
        let accounts = assemble(&emptied).accounts;
        assert!(accounts.users.is_empty() && accounts.passwd.is_some());
    }
}

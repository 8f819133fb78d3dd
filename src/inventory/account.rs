//! Users and groups of an image, from `passwd`, `shadow` and `group`.

use std::collections::BTreeSet;

use crate::path::ImagePath;
use crate::tree::Node;

/// The account files of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Lines of `/etc/passwd` that could be read, in file order.
    pub users: Vec<User>,
    /// Lines of `/etc/group` that could be read, in file order.
    pub groups: Vec<Group>,
    /// Names in `/etc/shadow` and `/etc/gshadow`, some of which no user or group may have.
    pub shadowed: BTreeSet<String>,
    /// `/etc/passwd`, where there is one.
    pub passwd: Option<(ImagePath, Node)>,
    /// `/etc/shadow`, where there is one.
    pub shadow: Option<(ImagePath, Node)>,
}

/// One user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about two fields of two files")]
pub struct User {
    /// Name.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// The line's number is missing or none from 0 to 2^32 - 1; `uid` is then 0, as engines take it.
    pub has_no_uid: bool,
    /// Number of the first group.
    pub gid: u32,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// The password field is empty: in `shadow` where passwd says `x`, else in `passwd` itself.
    pub empty_password: bool,
    /// The field of `passwd` itself is empty.
    pub empty_passwd: bool,
    /// That of `shadow` is, whether or not `passwd` says `x`.
    pub empty_shadow: bool,
    /// `passwd` says `x`: the password is in `shadow`.
    pub is_shadowed: bool,
    /// Line in `passwd`, from 1.
    pub line: u64,
    /// Line in `shadow`, from 1, where the user has one.
    pub shadow_line: Option<u64>,
}

/// One group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Number.
    pub gid: u32,
    /// Names of users who belong to it besides those whose first group it is.
    pub members: Vec<String>,
}

impl Accounts {
    /// The first user of that name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }
}

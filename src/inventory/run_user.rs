//! The user an image starts its process as, found the way container engines find it.

use super::{Inventory, User};

/// Largest user number runc and containerd take: 2^31 - 1.
const LARGEST_UID: i64 = i32::MAX as i64;

/// What the configuration's `User` comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunUser<'a> {
    /// No user is set, so the process is root.
    Unset,
    /// A number, possibly without an account.
    Number {
        /// The user's number.
        uid: u32,
    },
    /// An account, by its name.
    Account(&'a User),
    /// `root`, although no `passwd` knows it.
    RootWithoutAccount,
    /// A name that no account has, or a negative number: the container does not start.
    Unknown(&'a str),
    /// A number above 2^31 - 1: engines refuse it, or wrap it round, perhaps to 0.
    TooLarge(&'a str),
}

impl RunUser<'_> {
    /// The number, where there is one for sure.
    pub fn uid(self) -> Option<u32> {
        match self {
            Self::Unset | Self::RootWithoutAccount => Some(0),
            Self::Number { uid } => Some(uid),
            Self::Account(user) => Some(user.uid),
            Self::Unknown(_) | Self::TooLarge(_) => None,
        }
    }
}

impl Inventory {
    /// Who the process starts as; `None` without a configuration, and for Windows, which has other users.
    pub fn run_user(&self) -> Option<RunUser<'_>> {
        let config = self.config.as_ref().filter(|config| config.os != "windows")?;
        Some(self.resolve_user(&config.config.user))
    }

    /// The group that `User` names after `:`, where the image has none of that name: the container does not start.
    ///
    /// A number needs no line unless it is negative; `root` is known to some engines without one.
    pub fn unknown_group(&self) -> Option<&str> {
        let config = self.config.as_ref().filter(|config| config.os != "windows")?;
        let group = config.config.user.split(':').nth(1).filter(|group| !matches!(*group, "" | "root"))?;
        let is_number = group
            .parse::<i64>()
            .map_or_else(|_| group.bytes().all(|byte| byte.is_ascii_digit()), |number| !number.is_negative());
        let is_known = is_number || self.accounts.groups.iter().any(|known| known.name == group);
        (!is_known).then_some(group)
    }

    /// The number that [`resolve_user`](Self::resolve_user) gives, where it is known.
    pub fn uid_of(&self, user: &str) -> Option<u32> {
        self.resolve_user(user).uid()
    }

    /// The numbers of the groups that a process of `user` belongs to, found as runc does: the one group that stands behind
    /// `:`; else the account's own, and those that list it as a member; else 0.
    pub fn groups_of(&self, user: &str) -> Vec<u32> {
        if let Some(group) = user.split(':').nth(1).filter(|group| !group.is_empty()) {
            let known = self.accounts.groups.iter().find(|known| known.name == group).map(|known| known.gid);
            return known.or_else(|| group.parse().ok()).into_iter().collect();
        }
        let account = match self.resolve_user(user) {
            RunUser::Account(user) => Some(user),
            other => {
                let uid = other.uid();
                self.accounts.users.iter().find(|account| Some(account.uid) == uid)
            }
        };
        let Some(account) = account else { return vec![0] };
        let listed = self.accounts.groups.iter().filter(|group| group.members.contains(&account.name));
        [account.gid].into_iter().chain(listed.map(|group| group.gid)).collect()
    }

    /// Resolves the value of a `USER` instruction against the image's accounts.
    ///
    /// As runc's user library does: the group after `:` is put aside; the first line of `passwd`
    /// counts that has this name, or this number if the value is one; a number needs no line. Blanks
    /// are part of a name, for containerd too: ` 0` is nobody.
    pub fn resolve_user<'a>(&'a self, user: &'a str) -> RunUser<'a> {
        let name = user.split_once(':').map_or(user, |(name, _)| name);
        if name.is_empty() {
            return RunUser::Unset;
        }
        let number = name.parse::<i64>().ok();
        let account = self
            .accounts
            .users
            .iter()
            .find(|user| user.name == name || number.is_some_and(|number| i64::from(user.uid) == number));
        match (account, number) {
            (Some(user), Some(number)) if i64::from(user.uid) == number => RunUser::Number { uid: user.uid },
            (Some(user), _) => RunUser::Account(user),
            (None, Some(number)) if number > LARGEST_UID => RunUser::TooLarge(name),
            (None, Some(number)) => u32::try_from(number).map_or(RunUser::Unknown(name), |uid| RunUser::Number { uid }),
            (None, None) if name.bytes().all(|b| b.is_ascii_digit()) => RunUser::TooLarge(name),
            (None, None) if name == "root" => RunUser::RootWithoutAccount,
            (None, None) => RunUser::Unknown(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_resolved_as_engines_do() {
        let mut image = Inventory::default();
        for (name, uid) in [("root", 0), ("app", 1000), ("toor", 0), ("2000", 0), ("high", 3_000_000_000)] {
            image.accounts.users.push(User { name: name.into(), uid, ..User::default() });
        }
        let cases: &[(&str, Option<u32>)] = &[
            ("", Some(0)),
            (":0", Some(0)),
            (":1000", Some(0)),
            ("0", Some(0)),
            ("0:0", Some(0)),
            ("00", Some(0)),
            ("+0", Some(0)),
            ("0:1000", Some(0)),
            ("root", Some(0)),
            ("root:root", Some(0)),
            ("toor", Some(0)),
            ("2000", Some(0)), // an account whose name is a number
            ("app", Some(1000)),
            ("app:root", Some(1000)),
            ("1000", Some(1000)),
            ("65532:65532", Some(65532)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("4294967296", None),
            ("99999999999999999999", None),
            ("-1", None),
            ("ghost", None),
            ("Root", None),
            (" root", None),
            (" 0", None),
            ("0 ", None),
        ];
        for (user, uid) in cases {
            assert_eq!(image.resolve_user(user).uid(), *uid, "{user:?}");
        }
        assert_eq!(image.resolve_user("4294967296"), RunUser::TooLarge("4294967296"));
        assert_eq!(image.resolve_user("99999999999999999999"), RunUser::TooLarge("99999999999999999999"));
        assert_eq!(image.resolve_user("-1"), RunUser::Unknown("-1"));
        assert_eq!(Inventory::default().resolve_user("root"), RunUser::RootWithoutAccount);
        assert_eq!(Inventory::default().run_user(), None);
    }
}

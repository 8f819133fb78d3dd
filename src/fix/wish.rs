//! What the user and the policy ask for, beside findings.

use std::fmt;

use crate::policy::{FixPolicy, Glob};

pub use crate::policy::RunAs;

/// What is asked for.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Wishes {
    /// Kinds that alone are mended; all if none is named.
    pub only: Vec<&'static str>,
    /// Kinds that are not.
    pub skip: Vec<&'static str>,
    /// What needs a look is done all the same.
    pub approves_all: bool,
    /// Layers of the base image may be written anew, for their size.
    pub touches_base: bool,
    /// What no container sees goes too.
    pub wants_waste: bool,
    /// Secrets in text files of settings are blanked where they stand, and the files stay.
    pub redacts_in_place: bool,
    /// What the policy says.
    pub policy: FixPolicy,
    /// Paths that go from every layer.
    pub remove: Vec<Glob>,
    /// Texts that go from the documents.
    pub redact: Vec<Redaction>,
    /// Who to start as.
    pub user: Option<RunAs>,
    /// Labels to set.
    pub set_labels: Vec<(String, String)>,
    /// Variables that go.
    pub unset_env: Vec<String>,
    /// Programs that lose their setuid and setgid bits.
    pub clear_setid: Vec<Glob>,
}

/// A text that must be nowhere in the documents. Perhaps a secret: it shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Redaction(String);

impl Redaction {
    /// Shortest text, in bytes: a shorter one stands everywhere.
    pub const SHORTEST: usize = 4;

    /// Takes a text.
    pub fn new(text: String) -> Result<Self, String> {
        if text.len() < Self::SHORTEST {
            return Err(format!("a text to redact has at least {} characters", Self::SHORTEST));
        }
        Ok(Self(text))
    }

    /// The text, for the search alone.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Wishes {
    /// Whether findings of this kind are mended.
    pub fn selects(&self, group: &str) -> bool {
        let is_named = self.only.is_empty() || self.only.contains(&group);
        let is_wanted =
            group != "waste" || self.wants_waste || self.only.contains(&group) || self.policy.allow.contains(&group);
        is_named && is_wanted && !self.skip.contains(&group)
    }

    /// Whether a flag asks for something of this kind, whatever `--only` and `--skip` say.
    pub fn asks_for(&self, group: &str) -> bool {
        match group {
            "" => !self.remove.is_empty() || !self.redact.is_empty(),
            "env" => !self.unset_env.is_empty(),
            "labels" => !self.set_labels.is_empty(),
            "setuid" => !self.clear_setid.is_empty(),
            "user" => self.user.is_some(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_chosen_by_flags_and_policy() {
        let all = Wishes::default();
        assert!(all.selects("caches") && !all.selects("waste") && !all.asks_for("user"));
        let only = Wishes { only: vec!["waste", "user"], skip: vec!["user"], ..Wishes::default() };
        assert!(only.selects("waste") && !only.selects("user") && !only.selects("caches"));
        let allowed = FixPolicy { allow: vec!["waste"], ..FixPolicy::default() };
        assert!(Wishes { policy: allowed, ..Wishes::default() }.selects("waste"));
        assert_eq!(format!("{:?}", Redaction::new("hunter22".into())), "Ok(***)");
        assert!(Redaction::new("abc".into()).is_err());
    }
}

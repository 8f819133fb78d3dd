//! `[data]`: how old the advisories may be.

use toml::de::DeTable;

use super::super::file::key::{Table, Takes, action_key, key};
use super::super::file::reader::Reader;
use super::super::file::word::time;
use super::{Breaches, values};
use crate::policy::{Action, Hours, ImageFacts};
use crate::rule::{Rule, Severity};

/// The keys of `[data]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[data]",
    about: "How old the advisories may be",
    keys: &[
        action_key("what becomes of older ones: `fail` (the default), `warn` or `info`"),
        key(
            "max-age",
            Takes::Time,
            "\"7d\"",
            "\"soon\"",
            "highest age of the advisories that packages are compared with, such as `\"7d\"`. Where there were none at all, the scan is incomplete",
        ),
    ],
};

/// The advisories are older than the policy allows.
pub(super) static DATA_TOO_OLD: Rule = Rule {
    id: "policy/data-too-old",
    title: "The advisories are older than the policy allows",
    severity: Severity::High,
    why: "What was published since is not known to them: an image would pass that should not. The table `[data]` of the \
          policy says how old they may be.",
    remediation: "Bring new ones with `careen db update`.",
    bad: "[data]\nmax-age = \"1h\"",
    good: "[data]\nmax-age = \"7d\"",
    ..Rule::NEW
};

/// There were no advisories, but the policy asks for fresh ones.
pub(super) static DATA_MISSING: Rule = Rule {
    id: "policy/data-missing",
    title: "The policy asks for fresh advisories, and there were none",
    severity: Severity::High,
    is_gap: true,
    why: "The table `[data]` of the policy says how old advisories may be. Where packages were compared with none, \
          nothing can be said of flaws.",
    remediation: "Bring advisories with `careen db update`, and leave `--no-advisories` away.",
    bad: "careen scan --no-advisories -p policy.toml IMAGE",
    good: "careen db update --all\ncareen scan -p policy.toml IMAGE",
    ..Rule::NEW
};

values! {
    /// `[data]`.
    DataRules {
        /// What becomes of older ones.
        action: Action = "action",
        /// Highest age.
        highest_age: Hours = "max-age",
    }
}

impl DataRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "data", &TABLE) else { return Self::default() };
        Self { action: reader.action_of_table(table), highest_age: reader.said(table, "max-age", time) }
    }

    pub(super) fn judge(&self, image: &ImageFacts, breaches: &mut Breaches<'_>) {
        let Some(highest) = &self.highest_age else { return };
        match image.data_hours.map(Hours) {
            None => {
                let message =
                    "packages were not compared with advisories, and the policy asks for fresh ones".to_owned();
                breaches.image(highest, "max-age", &DATA_MISSING, "advisories", message);
            }
            Some(age) if age > highest.value => {
                let message = format!("the advisories are {age} old; the policy allows {}", highest.value);
                breaches.image(highest, "max-age", &DATA_TOO_OLD, "advisories", message);
            }
            Some(_) => {}
        }
    }
}

//! `[waivers]`: what waivers must say, and how long they may last.

use toml::de::DeTable;

use super::super::file::key::{Table, Takes, WAIVER_NEEDS, key};
use super::super::file::reader::Reader;
use super::super::file::word::{one_of, time};
use super::values;
use crate::escape::escape;
use crate::finding::Location;
use crate::policy::edition::Edition;
use crate::policy::{AppliedWaiver, Hours, Said};

/// The keys of `[waivers]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[waivers]",
    about: "What waivers must say, and how long they may last",
    keys: &[
        key(
            "allow",
            Takes::Boolean,
            "true",
            "",
            "`false`: no waiver accepts anything, and each is told; nor does a comment in a file, or an `[[allow]]` among rules of secrets. What `--vex` names still holds. The last policy that says decides",
        ),
        key(
            "dockerfile-comments",
            Takes::Boolean,
            "false",
            "",
            "`false`: comments in Dockerfiles (`# careen:allow`, `# hadolint ignore=`) accept nothing, and the finding says so; the default is `true`",
        ),
        key(
            "longest",
            Takes::Time,
            "\"180d\"",
            "\"for ever\"",
            "a waiver that still holds after this time accepts nothing yet, and is told",
        ),
        key(
            "remind",
            Takes::Time,
            "\"14d\"",
            "\"soon\"",
            "so long before its last day a waiver is told of; the default is `\"14d\"`",
        ),
        key(
            "require",
            Takes::Words(WAIVER_NEEDS),
            "[\"reason\", \"expires\", \"owner\"]",
            "\"luck\"",
            "what each waiver of this file and of those after it must have; the default is `[\"reason\", \"expires\"]`, and `[]` asks for nothing",
        ),
    ],
};

/// What waivers must say where no policy tells.
pub(in crate::policy) const DEFAULT_NEEDS: &[&str] = &["reason", "expires"];

values! {
    /// `[waivers]`.
    WaiverRules {
        /// Whether waivers accept anything.
        allow: bool = "allow",
        /// Whether comments in Dockerfiles do.
        comments: bool = "dockerfile-comments",
        /// How long a waiver may last.
        longest: Hours = "longest",
        /// How long before its last day it is told of.
        remind: Hours = "remind",
        /// What it must say.
        require: Vec<&'static str> = "require",
    }
}

impl WaiverRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "waivers", &TABLE) else { return Self::default() };
        let words: Vec<(&str, &'static str)> = WAIVER_NEEDS.iter().map(|word| (*word, *word)).collect();
        // an empty list is a statement here: waivers need say nothing
        let is_empty = table
            .get("require")
            .is_some_and(|value| matches!(value.get_ref(), toml::de::DeValue::Array(entries) if entries.is_empty()));
        let require = if is_empty {
            let span = table.get("require").map(toml::Spanned::span).unwrap_or_default();
            Some(reader.at(Vec::new(), &span))
        } else {
            reader.said_list(table, "require", |word, span| one_of(word, span, "part of a waiver", &words))
        };
        Self {
            allow: reader.flag(table, "allow"),
            comments: reader.flag(table, "dockerfile-comments"),
            longest: reader.said(table, "longest", time),
            remind: reader.said(table, "remind", time),
            require,
        }
    }

    /// What waivers must say, where it is said.
    pub(in crate::policy) fn needs(&self) -> Option<&[&'static str]> {
        self.require.as_ref().map(|said: &Said<Vec<&'static str>>| said.value.as_slice())
    }

    /// Whether waivers accept anything.
    pub(in crate::policy) fn allows(&self) -> bool {
        self.allow.as_ref().is_none_or(|said| said.value)
    }

    /// Why a comment, or an allowance among rules of secrets, accepts nothing of what is found there.
    pub(in crate::policy) fn refusal(&self, in_place: &AppliedWaiver, found: &Location) -> Option<String> {
        let is_of_dockerfile = in_place.is_comment && matches!(found, Location::Dockerfile { .. });
        let allow = self.allow.as_ref().map(|said| ("allow", said));
        let comments = self.comments.as_ref().map(|said| ("dockerfile-comments", said)).filter(|_| is_of_dockerfile);
        let (key, said) = [allow, comments].into_iter().flatten().find(|(_, said)| !said.value)?;
        let what = if in_place.is_comment { "the comment" } else { "the allowance" };
        let place = escape(&in_place.place);
        Some(format!("{what} in `{place}` accepts nothing: `{key} = false` in `{}`", said.place))
    }

    /// How long before its last day a waiver is told of.
    pub(in crate::policy) fn reminder(&self, edition: &Edition) -> Hours {
        self.remind.as_ref().map_or(edition.reminder, |said| said.value)
    }
}

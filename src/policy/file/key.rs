//! The keys of policy files, as data: what the reader takes, the JSON Schema and the tables of the manual are made from.

/// A table of a policy file.
#[derive(Debug)]
pub struct Table {
    /// As it is written: `[limits]`, `[[rule]]`, `match`; empty for the top of the file.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// Its keys, sorted by name.
    pub keys: &'static [Key],
}

/// A key.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it says; Markdown.
    pub about: &'static str,
    /// A value that is taken, as TOML.
    pub good: &'static str,
    /// A value of the right type that is refused, where there is one; as TOML.
    pub bad: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Text for people.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A day.
    Day,
    /// A length of time: `14d`, `36h`, `2w`.
    Time,
    /// Bytes: a number, or text with a unit.
    Bytes,
    /// A number of things.
    Count,
    /// Part of a whole: `5%`.
    Percent,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words or a list of them.
    Words(&'static [&'static str]),
    /// One of these ordered words, with a sign before it or not; or a list.
    Bounds(&'static [&'static str]),
    /// A length of time with a sign; or a list.
    TimeBounds,
    /// A number from 0 to this, which is the least, or text with a sign; or a list.
    NumberBounds(f64),
    /// A pattern or a list of patterns.
    Patterns,
    /// Text that programs read, of a form of its own.
    Source,
    /// Text or a list of texts, of a form of their own.
    Sources,
    /// Text that this regular expression (ECMA-262) takes.
    Form(&'static str),
    /// Table of these keys.
    Table(&'static Table),
    /// List of tables of these keys.
    Tables(&'static Table),
    /// A number from 0 to this.
    Number(f64),
    /// Table of any keys, each a text.
    Texts,
    /// Table of any keys, each a text or a table of these.
    Named(&'static Table),
}

impl Table {
    /// Names of its keys.
    pub fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

/// A key, with a value that is taken and one that is refused.
pub(in crate::policy) const fn key(
    name: &'static str,
    takes: Takes,
    good: &'static str,
    bad: &'static str,
    about: &'static str,
) -> Key {
    Key { name, takes, about, good, bad }
}

/// The key by which a table says what becomes of what is against it.
pub(in crate::policy) const fn action_key(about: &'static str) -> Key {
    key("action", Takes::Word(TABLE_ACTIONS), "\"warn\"", "\"ignore\"", about)
}

/// What an action may be.
pub(in crate::policy) const ACTIONS: &[&str] = &["fail", "warn", "info", "ignore"];
/// What a table's own findings may lead to.
const TABLE_ACTIONS: &[&str] = &["fail", "warn", "info"];
/// Severities, from the least to the gravest.
pub(in crate::policy) const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];
/// Confidences, from the least to the surest.
pub(in crate::policy) const CONFIDENCES: &[&str] = &["low", "medium", "high"];
/// Whether a container sees something.
pub(in crate::policy) const VISIBILITIES: &[&str] = &["deleted", "live", "overwritten"];
/// Whose a layer may be.
const ORIGINS: &[&str] = &["app", "base", "unknown"];
/// What a waiver may have to say.
pub(in crate::policy) const WAIVER_NEEDS: &[&str] = &["expires", "owner", "reason", "ticket"];

/// The keys of a file that tries other policies.
pub(in crate::policy) const BESIDE_POLICY: [&str; 4] = ["description", "name", "policy", "test"];

/// The top of a policy file.
pub static POLICY: Table = Table {
    name: "",
    about: "The file",
    keys: &[
        key(
            "base",
            Takes::Table(&super::super::requirement::base::TABLE),
            "{ deny = \"*:latest\" }",
            "{ allow = [] }",
            "which bases may be built on",
        ),
        key(
            "data",
            Takes::Table(&super::super::requirement::data::TABLE),
            "{ max-age = \"7d\" }",
            "{ max-age = \"soon\" }",
            "how old the advisories may be",
        ),
        key("description", Takes::Text, "\"what must not ship\"", "\" \"", "what it is for"),
        key(
            "edition",
            Takes::Word(&["2026", "next"]),
            "\"2026\"",
            "\"2025\"",
            "the release of careen's defaults the file is written for: rule set, severities, defaults. `next` shows what is to come and may change. The last policy that says decides; without one it is `2026`",
        ),
        key(
            "extends",
            Takes::Sources,
            "[\"careen:2026\", \"./org.toml\"]",
            "\"careen:2O26\"",
            "presets, files (from the folder of this one) or `oci:REFERENCE@sha256:…` whose rules come before those of the file, in this order",
        ),
        key(
            "fail-on",
            Takes::Word(&["all", "new"]),
            "\"new\"",
            "\"old\"",
            "`new`: what a `--baseline` lists does not fail, but warns; `all` fails all the same. The last policy that says decides; without one it is `new`",
        ),
        key(
            "fix",
            Takes::Table(&super::super::requirement::fix::TABLE),
            "{ allow = \"caches\" }",
            "{ allow = \"luck\" }",
            "what `careen fix` may do unseen, and what it sets",
        ),
        key(
            "honour-inline",
            Takes::Boolean,
            "true",
            "",
            "`true` lets comments in the image's files (`careen:allow`, `gitleaks:allow`, `trufflehog:ignore`, `pragma: allowlist secret`, …) accept the secret on their line. They come from whoever made the image, so by default they are told and accept nothing. The last policy that says decides",
        ),
        key(
            "licences",
            Takes::Table(&super::super::requirement::licences::TABLE),
            "{ deny = \"AGPL-*\" }",
            "{ deny = [] }",
            "which licences packages may have",
        ),
        key(
            "limits",
            Takes::Table(&super::super::requirement::limits::TABLE),
            "{ layers = 40 }",
            "{ layers = -1 }",
            "how large an image may be",
        ),
        key("name", Takes::Text, "\"ours\"", "\"careen:ours\"", "what reports call the policy; else its file name"),
        key(
            "policy",
            Takes::Sources,
            "\"policy.toml\"",
            "\"careen:2O26\"",
            "in a file that holds nothing but `[[test]]`: the policies that its cases try, as in `extends`",
        ),
        key(
            "require",
            Takes::Table(&super::super::requirement::require::TABLE),
            "{ user = \"non-root\" }",
            "{ healthcheck = false }",
            "what an image must have",
        ),
        key(
            "rule",
            Takes::Tables(&RULE),
            "[{ match = {}, action = \"warn\" }]",
            "[{ action = \"warn\" }]",
            "rules; the last that matches a finding decides",
        ),
        key(
            "scope",
            Takes::Word(&["all", "app"]),
            "\"app\"",
            "\"base\"",
            "`app`: findings in layers of the base image are shown (`info`) and no more, whatever a rule says; `all`, the default, counts them. What is in no layer, or in one of unknown origin, counts. The last policy that says decides. Without `--base` the history tells the base's layers, and whoever made the image wrote that",
        ),
        key(
            "test",
            Takes::Tables(&super::case::key::TEST),
            "[{ name = \"none\", findings = [], expect = { outcome = \"passed\" } }]",
            "[{ name = \"none\" }]",
            "cases that `careen policy test` tries; they change no verdict",
        ),
        key(
            "waiver",
            Takes::Tables(&WAIVER),
            "[{ rule = \"image/root-user\", reason = \"legacy\", expires = \"2099-01-31\" }]",
            "[{ rule = \"image/root-user\", expires = \"2099-01-31\" }]",
            "what is accepted for a time",
        ),
        key(
            "waivers",
            Takes::Table(&super::super::requirement::waivers::TABLE),
            "{ remind = \"14d\" }",
            "{ require = \"luck\" }",
            "what waivers must say, and how long they may last",
        ),
    ],
};

/// A `[[rule]]`.
pub static RULE: Table = Table {
    name: "[[rule]]",
    about: "What the policy says of some findings",
    keys: &[
        key(
            "action",
            Takes::Word(ACTIONS),
            "\"fail\"",
            "\"deny\"",
            "required: `fail` breaks the policy, `warn` is shown and counted, `info` is shown, `ignore` is only counted",
        ),
        key(
            "grace",
            Takes::Time,
            "\"14d\"",
            "\"a fortnight\"",
            "so long a finding that would fail only warns: from the day on which the flaw was published, or support of the distribution ended. What has no such day fails at once",
        ),
        key("help", Takes::Text, "\"ask the platform team\"", "\"\"", "added to the finding: what to do"),
        key("match", Takes::Table(&MATCH), "{}", "{ rule = [] }", "required: which findings; `{}` selects all"),
        key(
            "message",
            Takes::Text,
            "\"our clusters refuse it\"",
            "\"\"",
            "added to the finding: why this policy cares",
        ),
        key("name", Takes::Text, "\"no root\"", "\"\"", "what reports call the rule; else its line"),
        key(
            "unless",
            Takes::Table(&MATCH),
            "{ path = \"/app/test/**\" }",
            "{}",
            "findings it is not about all the same: keys as in `match`",
        ),
        key(
            "when",
            Takes::Source,
            "'finding.cvss >= 7.0'",
            "'finding.cvss >='",
            "a condition in [CEL](conditions.md) that must hold besides `match`",
        ),
    ],
};

/// `match` and `unless`.
pub static MATCH: Table = Table {
    name: "match",
    about: "Which findings",
    keys: &[
        key(
            "age",
            Takes::TimeBounds,
            "\">=30d\"",
            "\">=30\"",
            "since the flaw was published, such as `\">=30d\"`; what has no such day counts as old. A rule with it is about nothing younger: the rule before it decides there",
        ),
        key(
            "confidence",
            Takes::Bounds(CONFIDENCES),
            "\">=medium\"",
            "\"sure\"",
            "`low`, `medium`, `high`, also with a sign",
        ),
        key(
            "cvss",
            Takes::NumberBounds(10.0),
            "7.0",
            "\"7.0\"",
            "score of the flaw: `7.0` is the least, `\"<4.0\"` takes a sign. What nobody scored has none",
        ),
        key(
            "ecosystem",
            Takes::Sources,
            "[\"deb\", \"npm\"]",
            "\"Debian\"",
            "type of the package, as in its package URL: `deb`, `rpm`, `apk`, `npm`, `pypi`, `maven`, `golang`, …; any other is an error",
        ),
        key(
            "epss",
            Takes::NumberBounds(1.0),
            "0.1",
            "\"0.1\"",
            "how likely it is exploited within 30 days, from 0 to 1, as FIRST says: `0.1` is the least",
        ),
        key(
            "exploited",
            Takes::Boolean,
            "true",
            "",
            "whether somebody was seen exploiting it, as CISA's catalogue says; `kev` is the same",
        ),
        key("family", Takes::Sources, "\"secret\"", "\"secrets\"", "part of the id before the slash"),
        key(
            "fingerprint",
            Takes::Sources,
            "\"0123456789abcdef0123456789abcdef\"",
            "\"0123\"",
            "`id` of a finding in a JSON report",
        ),
        key(
            "fix-age",
            Takes::TimeBounds,
            "\">=14d\"",
            "\"some\"",
            "as `age`, of fixable flaws only: nobody records when a fix came, so that the day of publication stands for it",
        ),
        key("fixable", Takes::Boolean, "true", "", "whether a known action mends it"),
        key(
            "image",
            Takes::Patterns,
            "\"registry.example/shop/*\"",
            "\"\"",
            "glob over the image's reference or one of its tags",
        ),
        key("kev", Takes::Boolean, "true", "", "as `exploited`"),
        key(
            "licence",
            Takes::Patterns,
            "\"GPL-*\"",
            "\"\"",
            "glob over the whole licence of the package, as SPDX writes it; letter case does not count. `AGPL-*` does not take `MIT AND AGPL-3.0-only`: `[licences]` judges term by term",
        ),
        key(
            "origin",
            Takes::Words(ORIGINS),
            "\"app\"",
            "\"mine\"",
            "`base`, `app` or `unknown`: whose the layer is. `app` leaves out what nobody can assign: where no base is known, all is `unknown`; write `[\"app\", \"unknown\"]` to miss nothing",
        ),
        key(
            "path",
            Takes::Patterns,
            "\"/app/**\"",
            "\"a{b\"",
            "glob over the whole path; `config` for what stands in configuration and history",
        ),
        key(
            "platform",
            Takes::Patterns,
            "\"linux/arm64*\"",
            "\"\"",
            "glob over the platform of the image: `linux/amd64`, `linux/arm/v7`. Without a variant it is for each of them; `arm64` is `arm64/v8`, `amd64` is `amd64/v1`",
        ),
        key(
            "purl",
            Takes::Patterns,
            "\"pkg:npm/lodash@*\"",
            "\"\"",
            "glob over the package URL: without a version it takes all of them, and qualifiers that it names may stand among others (`pkg:deb/debian/openssl?arch=amd64`). It is read as package URLs of the type are spelt: `Django` of `pypi` is `django`, `libstdc++6` has `%2B%2B`",
        ),
        key(
            "rule",
            Takes::Sources,
            "\"image/root-user\"",
            "\"image/rot-user\"",
            "id (`image/root-user`), glob (`secret/*`), id of the same rule in another tool (`CIS-DI-0001`, `DL3002`), or id of a flaw (`CVE-2024-3094`, `GHSA-…`), by any name it goes by",
        ),
        key(
            "severity",
            Takes::Bounds(SEVERITIES),
            "\">=high\"",
            "\"hihg\"",
            "`info`, `low`, `medium`, `high`, `critical`, also with a sign: `\">=high\"`, `\"<medium\"`",
        ),
        key(
            "subject",
            Takes::Patterns,
            "\"CVE-2024-3094\"",
            "\"\"",
            "glob over the subject of the finding; of a flaw, over any id it goes by",
        ),
        key(
            "visibility",
            Takes::Words(VISIBILITIES),
            "\"deleted\"",
            "\"gone\"",
            "`live`, `deleted` or `overwritten`: whether a container sees it",
        ),
    ],
};

/// A `[[waiver]]`.
pub static WAIVER: Table = Table {
    name: "[[waiver]]",
    about: "What is accepted, why and until when",
    keys: &[
        key("ecosystem", Takes::Sources, "[\"deb\", \"npm\"]", "\"Debian\"", "as in `match`"),
        key(
            "expires",
            Takes::Day,
            "2099-01-31",
            "\"soon\"",
            "last day on which it holds, UTC; required unless `[waivers]` says otherwise",
        ),
        key("fingerprint", Takes::Sources, "\"0123456789abcdef0123456789abcdef\"", "\"0123\"", "as in `match`"),
        key("image", Takes::Patterns, "\"registry.example/shop/*\"", "\"\"", "as in `match`"),
        key("origin", Takes::Words(ORIGINS), "\"base\"", "\"mine\"", "as in `match`"),
        key("owner", Takes::Text, "\"platform team\"", "\"\"", "who answers for it"),
        key("path", Takes::Patterns, "\"/app/**\"", "\"a{b\"", "as in `match`"),
        key("platform", Takes::Patterns, "\"linux/arm64*\"", "\"\"", "as in `match`"),
        key("purl", Takes::Patterns, "\"pkg:npm/lodash@*\"", "\"\"", "as in `match`"),
        key("reason", Takes::Text, "\"not reachable\"", "\"\"", "why; required unless `[waivers]` says otherwise"),
        key("rule", Takes::Sources, "\"CVE-2024-3094\"", "\"image/rot-user\"", "required: as in `match`"),
        key("subject", Takes::Patterns, "\"CVE-2024-3094\"", "\"\"", "as in `match`"),
        key("ticket", Takes::Text, "\"OPS-12\"", "\"\"", "where it is being worked on"),
        key("visibility", Takes::Words(VISIBILITIES), "\"deleted\"", "\"gone\"", "as in `match`"),
    ],
};

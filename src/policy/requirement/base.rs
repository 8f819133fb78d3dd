//! `[base]`: which images may be built on.

use serde_json::Value;
use toml::de::DeTable;

use super::super::file::key::{Table, Takes, action_key, key};
use super::super::file::reader::Reader;
use super::super::file::word::{pattern, time};
use super::base_name::{BaseName, with_lower_host};
use super::{Breaches, Own, values};
use crate::dockerfile::lint;
use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::policy::{Action, Glob, Hours, ImageFacts, Said};
use crate::rule::{Rule, Severity};
use crate::time::{Date, Timestamp};

/// The keys of `[base]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[base]",
    about: "Which bases may be built on",
    keys: &[
        action_key("what becomes of images on others: `fail` (the default), `warn` or `info`"),
        key(
            "allow",
            Takes::Patterns,
            "[\"registry.example/base/*\", \"debian:13*\"]",
            "[]",
            "globs over the name of the base, as annotations, labels, provenance, `--base` or the history give it; a glob without a host is for Docker Hub, one that begins with `*` for any registry; a name without a tag is `latest`, and a host with the port 443 is the host. Others are against the policy; where the base is not known, the scan is incomplete. `careen lint` asks the same of each `FROM` that names an image",
        ),
        key(
            "allow-digests",
            Takes::Sources,
            "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
            "\"sha256:0123\"",
            "digests of bases that are allowed whatever they are called",
        ),
        key(
            "deny",
            Takes::Patterns,
            "[\"*:latest\"]",
            "[]",
            "globs over names that are against the policy, in letters of either case, also where `allow` has them; `docker.io` and `library/` may be left away; what is named by its digest alone is of no tag that a glob may name",
        ),
        key(
            "max-age",
            Takes::Time,
            "\"90d\"",
            "\"young\"",
            "highest age of the base's last layer, as the history says",
        ),
    ],
};

/// The image is built on what the policy does not allow.
pub(super) static BASE_NOT_ALLOWED: Rule = Rule {
    id: "policy/base-not-allowed",
    title: "The policy does not allow the image's base",
    severity: Severity::High,
    why: "The table `[base]` of the policy says which images may be built on.",
    remediation: "Build on one of the allowed bases, or ask those who keep the policy for this one.",
    bad: "[base]\nallow = \"registry.example/base/*\"",
    good: "FROM registry.example/base/debian:13",
    ..Rule::NEW
};

/// The base is older than the policy allows.
pub(super) static BASE_TOO_OLD: Rule = Rule {
    id: "policy/base-too-old",
    title: "The image's base is older than the policy allows",
    severity: Severity::Medium,
    why: "A base that is not built anew lacks the fixes of its distribution. The table `[base]` of the policy says how old \
          it may be.",
    remediation: "Pull the base and build anew: `docker build --pull`.",
    bad: "[base]\nmax-age = \"1d\"",
    good: "docker build --pull .",
    ..Rule::NEW
};

/// The policy asks for a base, and none is known.
pub(super) static BASE_UNKNOWN: Rule = Rule {
    id: "policy/base-unknown",
    title: "The policy asks about the base, and it is not known",
    severity: Severity::Medium,
    is_gap: true,
    why: "Neither `--base`, nor annotations, labels, provenance or the history say what the image is built on, so that \
          the table `[base]` of the policy cannot be judged.",
    remediation: "Name the base with `--base`, or let the build write `org.opencontainers.image.base.name`.",
    bad: "careen scan -p policy.toml IMAGE",
    good: "careen scan -p policy.toml --base debian:13 IMAGE",
    ..Rule::NEW
};

values! {
    /// `[base]`.
    BaseRules {
        /// What becomes of images on others.
        action: Action = "action",
        /// Names that are allowed.
        allow: Vec<Glob> = "allow",
        /// Digests that are.
        digests: Vec<String> = "allow-digests",
        /// Names that are not.
        deny: Vec<Glob> = "deny",
        /// Highest age.
        highest_age: Hours = "max-age",
    }
}

impl BaseRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "base", &TABLE) else { return Self::default() };
        Self {
            action: reader.action_of_table(table),
            allow: reader
                .said_list(table, "allow", |text, span| pattern(Glob::text(&with_lower_host(text)), text, span)),
            digests: reader.said_list(table, "allow-digests", |text, span| {
                match text.parse::<crate::digest::Digest>() {
                    Ok(digest) => Ok(digest.to_string()),
                    Err(why) => Err(super::super::diagnostic::Diagnostic::new(span, "this is no digest").label(why)),
                }
            }),
            deny: reader.said_list(table, "deny", |text, span| pattern(Glob::caseless(text), text, span)),
            highest_age: reader.said(table, "max-age", time),
        }
    }

    /// Judges an image that a Dockerfile names, told by a finding of [`BASE_NOT_ALLOWED`](lint::BASE_NOT_ALLOWED):
    /// what is built on must be allowed. What is copied from is a rule's to judge.
    pub(in crate::policy) fn judge_from(&self, finding: &mut Finding) -> Named {
        let is_base = finding.rule.id == lint::BASE_NOT_ALLOWED.id && finding.evidence.contains_key(lint::IS_BASE);
        let Some(asked) = is_base.then(|| self.asked()).flatten() else { return Named::NotJudged };
        if finding.evidence.contains_key(lint::UNKNOWN_IN_BASE) {
            return self.judge_unknown(finding, asked);
        }
        let Some(Against { key, place, policy, why }) = self.against(&finding.subject, None) else {
            return Named::Allowed;
        };
        finding.message = format!("`{}` is built on, which {why}", finding.subject);
        Named::Against(self.own(key, place, policy))
    }

    /// Judges a base whose name has a variable that the build alone knows: it is allowed where whatever it is would be.
    fn judge_unknown(&self, finding: &mut Finding, (key, said): (&str, Said<()>)) -> Named {
        let name = BaseName::of(&finding.subject, None);
        if self.deny.is_none() && self.allow.as_ref().is_some_and(|said| name.is_allowed(&said.value)) {
            return Named::Allowed;
        }
        let unknown = finding.evidence.get(lint::UNKNOWN_IN_BASE).and_then(Value::as_str).unwrap_or_default();
        let message = format!(
            "`{}` is built on, and what `{unknown}` is only the build knows; the policy says what the base may be",
            finding.subject
        );
        (finding.rule, finding.message) = (&BASE_UNKNOWN, message);
        Named::Against(self.own(key, &said.place, said.policy))
    }

    /// The key that says which bases there may be: by it those that nobody knows are against the policy.
    fn asked(&self) -> Option<(&'static str, Said<()>)> {
        fn of<T>(key: &'static str, said: Option<&Said<T>>) -> Option<(&'static str, Said<()>)> {
            said.map(|said| (key, Said { value: (), place: said.place.clone(), policy: said.policy }))
        }
        of("allow", self.allow.as_ref())
            .or_else(|| of("deny", self.deny.as_ref()))
            .or_else(|| of("allow-digests", self.digests.as_ref()))
    }

    fn own(&self, key: &str, place: &str, policy: usize) -> Own {
        let action = self.action.as_ref().map_or(Action::Fail, |said| said.value);
        Own { action, name: format!("[base] {key}"), place: place.to_owned(), policy }
    }

    fn has_digest(&self, digest: &str) -> bool {
        self.digests.as_ref().is_some_and(|said| said.value.iter().any(|one| one == digest))
    }

    /// What the name of a base is against; `digest` is what is known of it beside the name.
    fn against(&self, name: &str, digest: Option<&str>) -> Option<Against<'_>> {
        const OTHER: &str = "is none of the bases that the policy allows";
        let all = BaseName::of(name, digest);
        if let Some(deny) = self.deny.as_ref().filter(|said| all.is_denied(&said.value)) {
            return Some(Against { key: "deny", place: &deny.place, policy: deny.policy, why: "the policy denies" });
        }
        let digest = name.split_once('@').map(|(_, digest)| digest).or(digest);
        let is_known_digest = digest.is_some_and(|digest| self.has_digest(digest));
        if is_known_digest || self.allow.as_ref().is_some_and(|said| all.is_allowed(&said.value)) {
            return None;
        }
        let allow = self.allow.as_ref().map(|allow| ("allow", &allow.place, allow.policy));
        let other = allow.or_else(|| self.digests.as_ref().map(|said| ("allow-digests", &said.place, said.policy)));
        other.map(|(key, place, policy)| Against { key, place, policy, why: OTHER })
    }

    pub(super) fn judge(&self, image: &ImageFacts, today: Date, breaches: &mut Breaches<'_>) {
        // a folder is built on nothing: it has files, and no layers
        if image.layers.is_none() && image.shipped.is_some() && image.base.name.is_none() {
            return;
        }
        self.judge_name(image, breaches);
        let Some(highest) = &self.highest_age else { return };
        // clocks differ by less than a day
        let is_to_come = |created: &Timestamp| created.date() > today.plus_days(1);
        let Some(created) = image.base_created.filter(|created| created.to_unix() > 0 && !is_to_come(created)) else {
            let what = match image.base_created.filter(is_to_come) {
                Some(created) => format!(
                    "the history says that the base was made on {}, which is to come, and the policy says how old it may be",
                    created.date()
                ),
                None => "when the base was made is not known, and the policy says how old it may be".to_owned(),
            };
            breaches.image(highest, "max-age", &BASE_UNKNOWN, "base age", what);
            return;
        };
        let age = Hours(today.days_since(created.date()).saturating_mul(24));
        if age > highest.value {
            let message =
                format!("the base was made on {}, {age} ago; the policy allows {}", created.date(), highest.value);
            breaches.image(highest, "max-age", &BASE_TOO_OLD, "base", message);
        }
    }

    fn judge_name(&self, image: &ImageFacts, breaches: &mut Breaches<'_>) {
        // it is the name of nothing at all
        if image.base.name.as_deref() == Some("scratch") {
            return;
        }
        let digest = image.base.digest.as_deref();
        let Some(name) = image.base.name.as_deref() else {
            if digest.is_some_and(|digest| self.has_digest(digest)) {
                return;
            }
            if let Some((key, said)) = self.asked() {
                let of = if key == "allow-digests" { "the digest of what" } else { "what" };
                let what = format!("{of} the image is built on is not known, and the policy says what it may be");
                breaches.image(&said, key, &BASE_UNKNOWN, "base", what);
            }
            return;
        };
        let Some(Against { key, place, policy, why }) = self.against(name, digest) else { return };
        let shown = escape(name);
        let message = format!("the image is built on `{shown}`, which {why}");
        let finding = Finding::new(&BASE_NOT_ALLOWED, shown.clone(), Location::Image, message);
        let said = Said { value: (), place: place.to_owned(), policy };
        breaches.add(&said, key, finding.evidence("base", shown));
    }
}

/// What the name of a base is against: the key, where that is written, by the policy of which number, and what to say.
struct Against<'a> {
    key: &'static str,
    place: &'a str,
    policy: usize,
    why: &'static str,
}

/// How an image that a Dockerfile names stands to the table.
pub(in crate::policy) enum Named {
    /// The table says nothing of it.
    NotJudged,
    /// It may be built on.
    Allowed,
    /// It may not.
    Against(Own),
}

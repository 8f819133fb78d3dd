//! `[base]`: which images may be built on.

use toml::de::DeTable;

use super::super::file::key::{Table, Takes, action_key, key};
use super::super::file::reader::Reader;
use super::super::file::word::{text_pattern, time};
use super::{Breaches, values};
use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::policy::{Action, Glob, Hours, ImageFacts};
use crate::rule::{Rule, Severity};
use crate::time::Date;

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
            "globs over the name of the base, as annotations, labels, provenance, `--base` or the history give it; `docker.io/library/` may be left away. Others are against the policy; where the base is not known, the scan is incomplete",
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
            "globs over names that are against the policy, also where `allow` has them",
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
            allow: reader.said_list(table, "allow", text_pattern),
            digests: reader.said_list(table, "allow-digests", |text, span| {
                match text.parse::<crate::digest::Digest>() {
                    Ok(digest) => Ok(digest.to_string()),
                    Err(why) => Err(super::super::diagnostic::Diagnostic::new(span, "this is no digest").label(why)),
                }
            }),
            deny: reader.said_list(table, "deny", text_pattern),
            highest_age: reader.said(table, "max-age", time),
        }
    }

    pub(super) fn judge(&self, image: &ImageFacts, today: Date, breaches: &mut Breaches<'_>) {
        // a folder is built on nothing
        if image.layers.is_none() {
            return;
        }
        self.judge_name(image, breaches);
        let Some(highest) = &self.highest_age else { return };
        let Some(created) = image.base_created.filter(|created| created.to_unix() > 0) else {
            let what = "when the base was made is not known, and the policy says how old it may be".to_owned();
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
        let digest = image.base.digest.as_deref();
        let is_known_digest =
            self.digests.as_ref().is_some_and(|said| said.value.iter().any(|one| Some(one.as_str()) == digest));
        let Some(name) = image.base.name.as_deref() else {
            if let Some(place) = self.allow.as_ref().or(self.deny.as_ref()).filter(|_| !is_known_digest) {
                let what = "what the image is built on is not known, and the policy says what it may be".to_owned();
                breaches.image(place, if self.allow.is_some() { "allow" } else { "deny" }, &BASE_UNKNOWN, "base", what);
            } else if let Some(place) = self.digests.as_ref().filter(|_| !is_known_digest) {
                let what = "the digest of what the image is built on is not known, and the policy says what it may be"
                    .to_owned();
                breaches.image(place, "allow-digests", &BASE_UNKNOWN, "base", what);
            }
            return;
        };
        let names = spellings(name);
        let is_in = |patterns: &[Glob]| patterns.iter().any(|pattern| names.iter().any(|name| pattern.is_match(name)));
        let shown = escape(name);
        let finding = |message: String| {
            let finding = Finding::new(&BASE_NOT_ALLOWED, shown.clone(), Location::Image, message);
            finding.evidence("base", shown.clone())
        };
        if let Some(deny) = self.deny.as_ref().filter(|said| is_in(&said.value)) {
            let message = format!("the image is built on `{shown}`, which the policy denies");
            breaches.add(deny, "deny", finding(message));
            return;
        }
        if is_known_digest || self.allow.as_ref().is_some_and(|said| is_in(&said.value)) {
            return;
        }
        let message = format!("the image is built on `{shown}`, which is none of the bases that the policy allows");
        if let Some(allow) = &self.allow {
            breaches.add(allow, "allow", finding(message));
        } else if let Some(digests) = &self.digests {
            breaches.add(digests, "allow-digests", finding(message));
        }
    }
}

/// The name as it is written, and as it is without and with what Docker takes for granted.
fn spellings(name: &str) -> Vec<String> {
    let short = ["index.docker.io/", "docker.io/"].iter().find_map(|host| name.strip_prefix(host)).unwrap_or(name);
    let short = short.strip_prefix("library/").unwrap_or(short);
    let mut names = vec![name.to_owned()];
    if short != name {
        names.push(short.to_owned());
    }
    let is_hub = short.split('/').next().is_none_or(|host| !host.contains(['.', ':']) || !short.contains('/'));
    if is_hub {
        let middle = if short.contains('/') { "" } else { "library/" };
        names.push(format!("docker.io/{middle}{short}"));
    }
    names
}

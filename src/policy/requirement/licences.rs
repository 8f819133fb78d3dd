//! `[licences]`: which licences packages may have, judged by their SPDX expressions (SPDX 2.3, annex D).

use std::ops::Range;

use toml::de::DeTable;

use super::super::diagnostic::Diagnostic;
use super::super::file::key::{ACTIONS, Table, Takes, action_key, key};
use super::super::file::reader::Reader;
use super::super::file::vocabulary::{no_licence, purl};
use super::super::file::word::{action, pattern};
use super::require::NOT_JUDGED;
use super::{Breaches, values};
use crate::finding::{Finding, Location};
use crate::inventory::licence::{Kinds, can_be_met, identifiers, is_identifier, terms};
use crate::path::ImagePath;
use crate::policy::{Action, Glob, ImageFacts, PackageFacts, Said};
use crate::rule::{Place, Rule, Severity};

/// The keys of `[licences]`.
pub(in crate::policy) static TABLE: Table = Table {
    name: "[licences]",
    about: "Which licences packages may have",
    keys: &[
        action_key("what becomes of packages with others: `fail` (the default), `warn` or `info`"),
        key(
            "allow",
            Takes::Patterns,
            "[\"MIT\", \"Apache-2.0\", \"BSD-*\"]",
            "[]",
            "SPDX identifiers, globs over them, or `copyleft`, `osi-approved`, `fsf-libre`: what is not among them is against the policy. Of `A OR B` one is enough, of `A AND B` both must be. `copyleft` are licences that what is built on the work, or on its files, must keep: GNU's, MPL, EPL, EUPL, SSPL, CC-BY-SA and the like",
        ),
        key(
            "deny",
            Takes::Patterns,
            "[\"AGPL-*\", \"copyleft\"]",
            "[]",
            "licences that are against the policy, also where `allow` has them",
        ),
        key("ignore", Takes::Patterns, "\"pkg:deb/*\"", "\"\"", "globs over package URLs that are not judged"),
        key(
            "unknown",
            Takes::Word(ACTIONS),
            "\"warn\"",
            "\"deny\"",
            "what becomes of packages whose licence is not known or no SPDX expression, where what is known of it is not against the policy: `ignore` (the default), `info`, `warn` or `fail`",
        ),
    ],
};

/// A package has a licence that the policy does not allow.
pub(super) static LICENCE_NOT_ALLOWED: Rule = Rule {
    id: "policy/licence-not-allowed",
    title: "A package has a licence that the policy does not allow",
    severity: Severity::Medium,
    why: "The table `[licences]` of the policy says under which licences software may be shipped. The licence is what the \
          package declares.",
    remediation: "Take another package, ask for another licence, or accept this one with a waiver that says why.",
    references: &["https://spdx.org/licenses/"],
    bad: "[licences]\ndeny = [\"AGPL-*\"]",
    good: "[licences]\nallow = [\"MIT\", \"Apache-2.0\"]",
    places: &[Place::Package],
    ..Rule::NEW
};

/// The licence of a package is not known.
pub(super) static LICENCE_UNKNOWN: Rule = Rule {
    id: "policy/licence-unknown",
    title: "The licence of a package is not known",
    severity: Severity::Low,
    why: "The policy says what becomes of packages that declare no licence, or one that is no SPDX expression.",
    remediation: "Look the licence up, and accept the package with a waiver that names it.",
    references: &["https://spdx.org/licenses/"],
    bad: "[licences]\ndeny = [\"AGPL-*\"]\nunknown = \"fail\"",
    good: "[licences]\ndeny = [\"AGPL-*\"]",
    places: &[Place::Package],
    ..Rule::NEW
};

values! {
    /// `[licences]`.
    LicenceRules {
        /// What becomes of packages with others.
        action: Action = "action",
        /// What is allowed.
        allow: Vec<Glob> = "allow",
        /// What is not.
        deny: Vec<Glob> = "deny",
        /// Packages that are not judged.
        ignore: Vec<Glob> = "ignore",
        /// What becomes of those that say nothing.
        unknown: Action = "unknown",
    }
}

/// How a licence stands to the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is allowed.
    Met,
    /// It is against this key.
    Against(&'static str),
}

impl LicenceRules {
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        let Some(table) = reader.settings(top, "licences", &TABLE) else { return Self::default() };
        Self {
            action: reader.action_of_table(table),
            allow: reader.said_list(table, "allow", licence),
            deny: reader.said_list(table, "deny", licence),
            ignore: reader.said_list(table, "ignore", purl),
            unknown: reader.word(table, "unknown", action),
        }
    }

    /// Whether it asks anything of packages.
    pub(in crate::policy) fn ask(&self) -> bool {
        self.list().is_some() || self.told_unknown().is_some()
    }

    /// The list that is named where no licence is at hand, with its key.
    fn list(&self) -> Option<(&'static str, &Said<Vec<Glob>>)> {
        let deny = self.deny.as_ref().map(|said| ("deny", said));
        deny.or_else(|| self.allow.as_ref().map(|said| ("allow", said)))
    }

    /// What becomes of packages that say nothing, where something does.
    fn told_unknown(&self) -> Option<&Said<Action>> {
        self.unknown.as_ref().filter(|said| said.value != Action::Ignore)
    }

    pub(super) fn judge(&self, image: &ImageFacts, breaches: &mut Breaches<'_>) {
        if !self.ask() {
            return;
        }
        if !image.lists_packages {
            let message = "the policy asks for the licences of packages, and which there are is not known".to_owned();
            match (self.list(), self.told_unknown()) {
                (Some((key, said)), _) => breaches.image(said, key, &NOT_JUDGED, "licences", message),
                (None, Some(said)) => breaches.image(said, "unknown", &NOT_JUDGED, "licences", message),
                (None, None) => {}
            }
            return;
        }
        let ignored = self.ignore.as_ref().map_or(&[][..], |said| &said.value);
        let judged = image
            .packages
            .iter()
            .filter(|package| package.is_counted && !ignored.iter().any(|pattern| pattern.is_match(&package.purl)));
        let mut unknown = Vec::new();
        for package in judged {
            match self.standing_of(package) {
                Some((Standing::Met, _)) => {}
                Some((Standing::Against(key), licence)) => {
                    let place = if key == "deny" { self.deny.as_ref() } else { self.allow.as_ref() };
                    let Some(place) = place else { continue };
                    let message = format!(
                        "its licence `{}` is {}",
                        crate::escape::escape(&licence),
                        if key == "deny" { "denied" } else { "not among those allowed" }
                    );
                    breaches.add(place, key, finding(&LICENCE_NOT_ALLOWED, package, message));
                }
                None => unknown.push(package),
            }
        }
        if let Some(action) = self.told_unknown() {
            breaches.action = action.value;
            for package in unknown {
                let message = match &package.licence {
                    Some(licence) => format!(
                        "its licence `{}` is no SPDX expression",
                        crate::escape::escape(licence.chars().take(80).collect::<String>())
                    ),
                    None => "it declares no licence".into(),
                };
                breaches.add(action, "unknown", finding(&LICENCE_UNKNOWN, package, message));
            }
        }
    }

    /// How a package stands to the table, and by which licence; `None` where that is not known. What is known of a
    /// licence of which all must hold can be against the table, whatever the rest of it is.
    fn standing_of(&self, package: &PackageFacts) -> Option<(Standing, String)> {
        let licence = package.licence.as_deref()?;
        if package.is_expression {
            let denied = !can_be_met(licence, |whole, alone, kinds| !self.denies(whole, alone, kinds))?;
            if denied {
                return Some((Standing::Against("deny"), licence.to_owned()));
            }
            let is_met = can_be_met(licence, |whole, alone, kinds| self.allows(whole, alone, kinds))?;
            let standing = if is_met { Standing::Met } else { Standing::Against("allow") };
            return Some((standing, licence.to_owned()));
        }
        let terms = terms(licence, package.ecosystem == "deb");
        let without = |whole: &str, alone: &str, kinds| !self.denies(whole, alone, kinds);
        let allowed = |whole: &str, alone: &str, kinds| self.allows(whole, alone, kinds);
        if let Some(term) = terms.iter().find(|term| !term.may_be_met(&without)) {
            return Some((Standing::Against("deny"), term.text.clone()));
        }
        let term = terms.into_iter().find(|term| !term.may_be_met(&allowed))?;
        Some((Standing::Against("allow"), term.text))
    }

    fn denies(&self, whole: &str, alone: &str, kinds: Kinds) -> bool {
        is_in(self.deny.as_ref(), whole, alone, kinds)
    }

    fn allows(&self, whole: &str, alone: &str, kinds: Kinds) -> bool {
        !self.denies(whole, alone, kinds) && (self.allow.is_none() || is_in(self.allow.as_ref(), whole, alone, kinds))
    }
}

/// Whether a licence is on a list: with its exception, or without.
fn is_in(list: Option<&Said<Vec<Glob>>>, whole: &str, alone: &str, kinds: Kinds) -> bool {
    let Some(list) = list else { return false };
    let (whole, alone) = (whole.to_lowercase(), alone.to_lowercase());
    list.value.iter().any(|pattern| match pattern.as_str() {
        "copyleft" => kinds.copyleft,
        "osi-approved" => kinds.osi_approved,
        "fsf-libre" => kinds.fsf_libre,
        _ => pattern.is_match(&whole) || pattern.is_match(&alone),
    })
}

/// Words that stand for many licences.
pub(in crate::policy) const KINDS: [&str; 3] = ["copyleft", "osi-approved", "fsf-libre"];

/// An SPDX identifier, or a glob over them; identifiers have no case (SPDX 2.3, annex D).
fn licence(text: &str, span: Range<usize>) -> Result<Glob, Diagnostic> {
    let glob = pattern(Glob::caseless(text), text, span.clone())?;
    if KINDS.contains(&text) {
        return Ok(glob);
    }
    if glob.is_literal() && text.contains([' ', '(']) && !text.contains(" WITH ") {
        return Err(Diagnostic::new(span, format!("`{text}` is more than one licence"))
            .help("name each on its own: expressions of packages are judged term by term"));
    }
    // of a licence with an exception the list knows the parts only
    let is_open = !glob.is_literal() && (text.contains("WITH") || glob.may_begin_with("licenseref-"));
    let is_known = if glob.is_literal() {
        is_identifier(text)
    } else {
        is_open || identifiers().any(|id| glob.is_match(&id.to_lowercase()))
    };
    if is_known { Ok(glob) } else { Err(no_licence(text, span)) }
}

fn finding(rule: &'static Rule, package: &PackageFacts, message: String) -> Finding {
    let location = Location::Package {
        purl: package.purl.clone(),
        path: ImagePath::from(package.path.as_str()),
        layer: package.layer,
    };
    let finding = Finding::new(rule, package.purl.clone(), location, message);
    match &package.licence {
        Some(licence) => finding.evidence("licence", licence.clone()),
        None => finding,
    }
}

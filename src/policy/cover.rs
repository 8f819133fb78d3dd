//! What can be told of selectors without a finding: whether one selects all that another does, whether the scope of a
//! waiver is one, and how they are written.

use std::cell::LazyCell;

use super::file::vocabulary::platforms;
use super::file::word::FLAWS;
use super::inclusion::{Comparing, cover};
use super::notes::wrong_place;
use super::pattern::{Bound, Glob};
use super::selector::{Named, ORIGINS, Selector, VISIBILITIES, any, is_platform, is_rule};
use super::{RULES, When};
use crate::rule::{Confidence, Rule, Severity};

/// Steps that a comparison takes besides its patterns.
const COMPARISON: usize = 16;

/// Paths that have nothing in common.
const PATHS: &[&str] = &["a", "config", "etc/ssl/private/b.pem", "app/c d/e.f", "usr/lib/x86_64-linux-gnu/libg.so.1"];

/// Subjects that have nothing in common.
const SUBJECTS: &[&str] = &["a", "User", "/etc/b", "CVE-1999-1", "GHSA-2x2x-2x2x-2x2x", "image", "debian:12"];

/// Package URLs that have nothing in common.
const PURLS: &[&str] =
    &["pkg:npm/a@1", "pkg:deb/debian/b@2-1?arch=amd64&distro=debian-12", "pkg:golang/c.example/d/e", "pkg:maven/f/g@3"];

impl Selector {
    /// Whether it surely selects everything that `other` selects; `known` are all rules that findings may have.
    pub(super) fn covers(&self, other: &Self, known: &Comparing<'_>) -> bool {
        // what has an age of its fix is fixable
        let is_fixable = other.fixable.or((!other.fix_ages.is_empty()).then_some(true));
        known.take(COMPARISON)
            && over(&self.severities, &other.severities, &Severity::ALL)
            && over(&self.confidences, &other.confidences, &Confidence::ALL)
            && (self.fixable.is_none() || self.fixable == is_fixable)
            && (self.exploited.is_none() || self.exploited == other.exploited)
            && within(&self.ages, &other.ages)
            && within(&self.fix_ages, &other.fix_ages)
            && within(&self.scores, &other.scores)
            && within(&self.likelihoods, &other.likelihoods)
            && among(&self.origins, &other.origins, &ORIGINS)
            && among(&self.visibilities, &other.visibilities, &VISIBILITIES)
            && taken(&self.paths, &other.paths, known)
            && taken(&self.subjects, &other.subjects, known)
            && taken(&self.purls, &other.purls, known)
            && among(&self.ecosystems, &other.ecosystems, &[])
            && taken(&self.licences, &other.licences, known)
            && taken(&self.images, &other.images, known)
            && taken(&self.platforms, &other.platforms, known)
            && among(&self.fingerprints, &other.fingerprints, &[])
            // last: it looks at all rules
            && self.covers_rules(other, known)
    }

    /// As [`Self::covers`], of rule and family alone.
    fn covers_rules(&self, other: &Self, known: &Comparing<'_>) -> bool {
        if self.rules.is_empty() && self.families.is_empty() {
            return true;
        }
        if known.is_empty() {
            return self.rules == other.rules && self.families == other.families;
        }
        let flaw = |named: &'_ Named| matches!(named, Named::Flaw(_));
        let wide: Vec<&Glob> = self.rules.iter().filter(|named| flaw(named)).map(Named::glob).collect();
        let narrow = || other.rules.iter().filter(|named| flaw(named)).map(Named::glob);
        let takes_flaws = LazyCell::new(|| narrow().all(|narrow| cover(&wide, narrow, known)));
        // most rules that name flaws name others: that is told at once
        let names_flaws_alone = !self.rules.is_empty() && self.rules.len() == wide.len();
        let names = self.rules.len().max(other.rules.len()).max(1);
        if (names_flaws_alone && !*takes_flaws) || !known.take(known.len().saturating_mul(names)) {
            return false;
        }
        // what is malicious has other ids
        let is_cve = |named: &Named| matches!(named, Named::Flaw(glob) if glob.as_str().starts_with("CVE-"));
        let may_select = |rule: &Rule| {
            let is_flaw_alone = !other.selects_all_of(rule) && rule.id != "package/vulnerable";
            other.may_select(rule)
                && !(is_flaw_alone && other.rules.iter().filter(|named| matches!(named, Named::Flaw(_))).all(is_cve))
        };
        known.iter().chain(RULES.iter()).filter(|rule| may_select(rule)).all(|rule| {
            if self.selects_all_of(rule) {
                return true;
            }
            self.may_select(rule) && !other.selects_all_of(rule) && *takes_flaws
        })
    }

    /// Whether the conditions on rule and family hold for every finding of the rule.
    fn selects_all_of(&self, rule: &Rule) -> bool {
        let is_named = |named: &Named| matches!(named, Named::Rule(glob) if is_rule(glob, rule));
        (self.families.is_empty() || self.families.iter().any(|family| family == rule.family()))
            && (self.rules.is_empty() || self.rules.iter().any(is_named))
    }

    /// Whether it names what it is about closer than by rules and whose layer it is.
    pub(super) fn is_narrow(&self) -> bool {
        let is_scope = |globs: &[Glob], all: &[&str]| {
            !globs.is_empty() && !globs.iter().any(|glob| all.iter().all(|text| glob.is_match(text)))
        };
        // of packages a rule is about any flaw of any of them
        let names_one = |named: &Named| match named {
            Named::Flaw(glob) => glob.is_literal(),
            Named::Rule(glob) => glob.is_literal() && !glob.as_str().starts_with("package/"),
        };
        (is_scope(&self.paths, PATHS) && self.paths.iter().all(names_place))
            || (is_scope(&self.subjects, SUBJECTS) && self.subjects.iter().all(names_subject))
            || (is_scope(&self.purls, PURLS) && self.purls.iter().all(names_package))
            || !self.fingerprints.is_empty()
            || self.rules.iter().all(names_one)
    }
}

/// Characters of patterns that stand for others.
const SIGNS: [char; 8] = ['*', '?', '[', ']', '{', '}', '!', ','];

/// Fewest characters in a row that leave out most names, such as `.so`.
const FEWEST: usize = 3;

/// Whether a pattern over paths names a file or a folder, or an ending, or goes into no folders.
fn names_place(glob: &Glob) -> bool {
    if !glob.as_str().contains("**") {
        // all that stands in configuration and history has this one
        return glob.as_str().trim_start_matches('/') != "config";
    }
    let text = without_classes(glob.as_str());
    let names = |part: &str| !part.is_empty() && !part.contains(SIGNS);
    text.split('/').any(names) || has_name(&text)
}

/// The pattern with a sign in place of each `[…]`.
fn without_classes(pattern: &str) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, class)) = rest.split_once('[') {
        text.push_str(before);
        text.push('?');
        // a `]` right behind the `[` is one of the characters
        let first = class.chars().next().map_or(0, char::len_utf8);
        let (first, after) = class.split_at(first);
        rest = if first.is_empty() { after } else { after.split_once(']').map_or("", |(_, rest)| rest) };
    }
    text + rest
}

/// Whether enough characters stand in a row.
fn has_name(pattern: &str) -> bool {
    pattern.split(SIGNS).any(|run| run.chars().count() >= FEWEST)
}

/// Whether a pattern over subjects leaves out most of what there is, and takes no heap of flaws.
fn names_subject(glob: &Glob) -> bool {
    let takes_flaws = || flaws().any(|id| glob.is_match(&id));
    let begins = || FLAWS.iter().any(|start| glob.as_str().starts_with(start.trim_end_matches('-')));
    glob.is_literal() || (has_name(glob.as_str()) && !begins() && !takes_flaws())
}

/// Ids such as flaws have: of all years, with numbers that begin with each digit.
fn flaws() -> impl Iterator<Item = String> {
    let numbers = |year: u32| (1..10).map(move |digit| format!("CVE-{year}-{digit}0{digit}1"));
    let others = ["GHSA-rxwq-x6h5-x525", "GHSA-2m39-62fm-q8r3"].map(ToOwned::to_owned);
    (1999..2040).flat_map(numbers).chain(others)
}

/// Whether a pattern over package URLs names a package, or a namespace that is no distribution.
fn names_package(glob: &Glob) -> bool {
    let text = glob.as_str();
    let text = text.split_once(['?', '#']).map_or(text, |(path, _)| path);
    let path = text.rsplit_once('@').map_or(text, |(path, _)| path);
    let mut parts = path.split('/');
    let kind = parts.next().unwrap_or_default();
    let is_distribution = ["pkg:deb", "pkg:rpm", "pkg:apk", "pkg:alpm"].contains(&kind);
    let mut names = parts.skip(usize::from(is_distribution)).filter(|part| !part.chars().all(|c| c == '*' || c == '?'));
    names.next().is_some() || (!is_distribution && !kind.starts_with("pkg:") && path.len() > FEWEST)
}

/// Whether a finding may be that both select: `false` only where that can be told of the words of both.
pub(super) fn may_meet(one: &Selector, other: &Selector, known: &Comparing<'_>) -> bool {
    let fits = |one: Option<bool>, other: Option<bool>| one.is_none() || other.is_none() || one == other;
    both(&one.severities, &other.severities, &Severity::ALL)
        && both(&one.confidences, &other.confidences, &Confidence::ALL)
        && fits(one.fixable, other.fixable)
        && fits(one.exploited, other.exploited)
        && fits(one.fixable, (!other.fix_ages.is_empty()).then_some(true))
        && fits(other.fixable, (!one.fix_ages.is_empty()).then_some(true))
        && overlap(&one.scores, &other.scores)
        && overlap(&one.likelihoods, &other.likelihoods)
        && overlap(&one.ages, &other.ages)
        && overlap(&one.fix_ages, &other.fix_ages)
        && kinds_fit(one, other)
        && kinds_fit(other, one)
        && share(&one.origins, &other.origins)
        && share(&one.visibilities, &other.visibilities)
        && share(&one.ecosystems, &other.ecosystems)
        && share(&one.fingerprints, &other.fingerprints)
        && touch(&one.paths, &other.paths, known)
        && touch(&one.purls, &other.purls, known)
        && (touch(&one.subjects, &other.subjects, known) || may_be_one_flaw(one, other, known))
        && meet_on_platform(&one.platforms, &other.platforms)
        && (known.is_empty()
            || known.iter().chain(RULES.iter()).any(|rule| {
                let lies = |selector| wrong_place(selector, rule.lies_in()).is_none();
                one.may_select(rule) && other.may_select(rule) && lies(one) && lies(other)
            }))
}

/// Whether some value is within bounds of both: no two of them lie wholly apart.
fn overlap<T: PartialOrd>(one: &[Bound<T>], other: &[Bound<T>]) -> bool {
    let meets = |one: &Bound<T>| other.iter().any(|other| one.meets(other));
    one.is_empty() || other.is_empty() || one.iter().any(meets)
}

/// Whether a package of the types that one names may be of the ecosystems that the other does.
fn kinds_fit(one: &Selector, other: &Selector) -> bool {
    let kind = |glob: &'_ Glob| {
        let (kind, _) = glob.as_str().strip_prefix("pkg:")?.split_once('/')?;
        (!kind.contains(['*', '?'])).then(|| kind.to_owned())
    };
    let kinds: Option<Vec<String>> = one.purls.iter().map(kind).collect();
    one.purls.is_empty()
        || other.ecosystems.is_empty()
        || kinds.is_none_or(|kinds| kinds.iter().any(|kind| other.ecosystems.contains(kind)))
}

/// A selector of what both select, and perhaps of more.
pub(super) fn meeting(one: &Selector, other: &Selector) -> Selector {
    let with = |one: &[Glob], other: &[Glob]| if one.is_empty() { other.to_vec() } else { one.to_vec() };
    let of_rules = if one.rules.is_empty() && one.families.is_empty() { other } else { one };
    Selector {
        rules: of_rules.rules.clone(),
        families: of_rules.families.clone(),
        severities: values_of_both(&one.severities, &other.severities, &Severity::ALL),
        confidences: values_of_both(&one.confidences, &other.confidences, &Confidence::ALL),
        fixable: one.fixable.or(other.fixable),
        exploited: one.exploited.or(other.exploited),
        paths: with(&one.paths, &other.paths),
        subjects: with(&one.subjects, &other.subjects),
        purls: with(&one.purls, &other.purls),
        ..one.clone()
    }
}

/// Whether a value is within one of the bounds; without any, all are.
fn takes<T: PartialOrd>(bounds: &[Bound<T>], value: &T) -> bool {
    any(bounds, |bound| bound.holds(value))
}

/// The values that both take; nothing where all are.
fn values_of_both<T: PartialOrd + Copy>(one: &[Bound<T>], other: &[Bound<T>], all: &[T]) -> Vec<Bound<T>> {
    if one.is_empty() && other.is_empty() {
        return Vec::new();
    }
    all.iter().filter(|value| takes(one, value) && takes(other, value)).copied().map(Bound::exactly).collect()
}

/// Whether one value is taken by both; without bounds, all are.
fn both<T: PartialOrd>(one: &[Bound<T>], other: &[Bound<T>], all: &[T]) -> bool {
    all.iter().any(|value| takes(one, value) && takes(other, value))
}

/// Whether they have a word in common; without words, all are meant.
fn share<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|word| other.contains(word))
}

/// Whether some text may be taken by both: patterns of which one begins as the other cannot have none.
fn touch(one: &[Glob], other: &[Glob], comparing: &Comparing<'_>) -> bool {
    let meets = |one: &Glob| other.iter().any(|other| one.beginnings().any(|start| other.may_begin_with(start)));
    let pairs = one.len().saturating_mul(other.len());
    // few are always looked at
    pairs == 0 || (!comparing.take(pairs) && pairs > COMPARISON) || one.iter().any(meets)
}

/// Whether a flaw may have ids of which each takes one: it goes by several, each of another list.
fn may_be_one_flaw(one: &Selector, other: &Selector, known: &Comparing<'_>) -> bool {
    let is_of_both =
        |rule: &&'static Rule| rule.family() == "package" && one.may_select(rule) && other.may_select(rule);
    let lists = |selector: &'_ Selector| -> Vec<&'static str> {
        let takes = |start: &&&str| selector.subjects.iter().any(|glob| glob.may_begin_with(start));
        FLAWS.iter().filter(takes).copied().collect()
    };
    let (one_lists, other_lists) = (lists(one), lists(other));
    one_lists.iter().any(|list| other_lists.iter().any(|other| other != list))
        && (known.is_empty() || known.iter().any(is_of_both))
}

/// Whether some platform is taken by both.
fn meet_on_platform(one: &[Glob], other: &[Glob]) -> bool {
    let takes = |globs: &[Glob], platform: &str| any(globs, |glob| is_platform(glob, platform));
    one.is_empty() || other.is_empty() || platforms().iter().any(|known| takes(one, known) && takes(other, known))
}

/// Whether for each value for which one of `narrow` holds, one of `wide` does; without any, all hold.
fn over<T: PartialOrd>(wide: &[Bound<T>], narrow: &[Bound<T>], all: &[T]) -> bool {
    all.iter().all(|value| !takes(narrow, value) || takes(wide, value))
}

/// As [`over`], for values without number.
fn within<T: PartialOrd>(wide: &[Bound<T>], narrow: &[Bound<T>]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|narrow| wide.iter().any(|wide| wide.covers(narrow))))
}

/// Whether each of `narrow` is among `wide`, where none is all of them, and `all` too.
fn among<T: PartialEq>(wide: &[T], narrow: &[T], all: &[T]) -> bool {
    let has = |values: &[T]| !values.is_empty() && values.iter().all(|value| wide.contains(value));
    wide.is_empty() || has(narrow) || has(all)
}

/// Whether all that `narrow` take is taken by `wide`.
fn taken(wide: &[Glob], narrow: &[Glob], comparing: &Comparing<'_>) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|narrow| cover(wide, narrow, comparing)))
}

impl Selector {
    /// As a policy file writes it: `{ rule = "secret/*", severity = ">=high" }`.
    pub fn written(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut add = |key: &str, words: Vec<String>| {
            let quoted: Vec<String> = words.into_iter().map(|word| toml::Value::String(word).to_string()).collect();
            match quoted.as_slice() {
                [] => {}
                [one] => parts.push(format!("{key} = {one}")),
                several => parts.push(format!("{key} = [{}]", several.join(", "))),
            }
        };
        let globs = |globs: &[Glob]| globs.iter().map(ToString::to_string).collect::<Vec<_>>();
        add("rule", self.rules.iter().map(|named| named.glob().to_string()).collect());
        add("family", self.families.clone());
        add("severity", self.severities.iter().map(ToString::to_string).collect());
        add("confidence", self.confidences.iter().map(ToString::to_string).collect());
        add("age", self.ages.iter().map(ToString::to_string).collect());
        add("fix-age", self.fix_ages.iter().map(ToString::to_string).collect());
        add("cvss", self.scores.iter().map(ToString::to_string).collect());
        add("epss", self.likelihoods.iter().map(ToString::to_string).collect());
        add("origin", self.origins.iter().map(|origin| origin.as_str().to_owned()).collect());
        add("visibility", self.visibilities.iter().map(|one| one.as_str().to_owned()).collect());
        add("path", globs(&self.paths));
        add("subject", globs(&self.subjects));
        add("purl", globs(&self.purls));
        add("ecosystem", self.ecosystems.clone());
        add("licence", globs(&self.licences));
        add("image", globs(&self.images));
        add("platform", globs(&self.platforms));
        add("fingerprint", self.fingerprints.clone());
        for (key, value) in [("fixable", self.fixable), ("exploited", self.exploited)] {
            parts.extend(value.map(|value| format!("{key} = {value}")));
        }
        if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
    }
}

impl When {
    /// As a policy file writes it, on one line.
    pub fn written(&self) -> String {
        toml::Value::String(self.on_one_line()).to_string()
    }
}

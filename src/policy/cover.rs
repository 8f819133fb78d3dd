//! What can be told of selectors without a finding: whether one selects all that another does, whether the scope of a
//! waiver is one, and how they are written.

use std::cell::LazyCell;

use super::file::vocabulary::platforms;
use super::file::word::FLAWS;
use super::inclusion::{Comparing, cover};
use super::notes::{takes_config, wrong_place};
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
        let words = self.words().saturating_add(other.words()).saturating_add(COMPARISON);
        if !known.take(1) || self.is_of_other_flaws(other) || !known.take(words) {
            return false;
        }
        // what has an age of its fix is fixable
        let is_fixable = other.fixable.or((!other.fix_ages.is_empty()).then_some(true));
        over(&self.severities, &other.severities, &Severity::ALL)
            && over(&self.confidences, &other.confidences, &Confidence::ALL)
            && (self.fixable.is_none() || self.fixable == is_fixable)
            && (self.exploited.is_none() || self.exploited == other.exploited)
            && within(&self.ages, &other.ages, known)
            && within(&self.fix_ages, &other.fix_ages, known)
            && within(&self.scores, &other.scores, known)
            && within(&self.likelihoods, &other.likelihoods, known)
            && among(&self.origins, &other.origins, &ORIGINS, known)
            && among(&self.visibilities, &other.visibilities, &VISIBILITIES, known)
            && taken(&self.paths, &other.paths, known)
            && (take_all(&self.subjects, known) || taken(&self.subjects, &other.subjects, known))
            && taken(&self.purls, &other.purls, known)
            && among(&self.ecosystems, &other.ecosystems, &[], known)
            && taken(&self.licences, &other.licences, known)
            && (take_all(&self.images, known) || taken(&self.images, &other.images, known))
            && taken(&self.platforms, &other.platforms, known)
            && among(&self.fingerprints, &other.fingerprints, &[], known)
            // last: it looks at all rules
            && self.covers_rules(other, known)
    }

    /// Whether it names one flaw alone, and `other` another one or none: nearly all pairs of rules of a long list are so.
    pub(super) fn is_of_other_flaws(&self, other: &Self) -> bool {
        match (self.rules.as_slice(), other.rules.as_slice()) {
            ([Named::Flaw(own)], [Named::Flaw(other)]) => own.is_literal() && other.is_literal() && own != other,
            ([Named::Flaw(_)], [] | [Named::Rule(_)]) => true,
            _ => false,
        }
    }

    /// How many words its conditions have of which there are few.
    fn words(&self) -> usize {
        let severe = self.severities.len().saturating_add(self.confidences.len());
        severe.saturating_add(self.origins.len()).saturating_add(self.visibilities.len())
    }

    /// Steps that it takes to copy it.
    pub(super) fn weight(&self) -> usize {
        let globs = [&self.paths, &self.subjects, &self.purls, &self.licences, &self.images, &self.platforms];
        let rules = self.rules.iter().map(Named::glob);
        let weight = |glob: &Glob| glob.length().saturating_add(glob.width().saturating_mul(COMPARISON));
        let globs = globs.into_iter().flatten().chain(rules).map(weight).fold(0, usize::saturating_add);
        let texts = [&self.families, &self.ecosystems, &self.fingerprints].map(Vec::len);
        let bounds = [self.ages.len(), self.fix_ages.len(), self.scores.len(), self.likelihoods.len(), self.words()];
        let others = texts.into_iter().chain(bounds).fold(COMPARISON, usize::saturating_add);
        globs.saturating_add(others)
    }

    /// As [`Self::covers`], of rule and family alone.
    fn covers_rules(&self, other: &Self, known: &Comparing<'_>) -> bool {
        if self.rules.is_empty() && self.families.is_empty() {
            return true;
        }
        if known.is_empty() {
            return self.rules == other.rules && self.families == other.families;
        }
        if !known.take(self.rules.len().saturating_add(other.rules.len())) {
            return false;
        }
        let flaw = |named: &'_ Named| matches!(named, Named::Flaw(_));
        let wide: Vec<&Glob> = self.rules.iter().filter(|named| flaw(named)).map(Named::glob).collect();
        let narrow = || other.rules.iter().filter(|named| flaw(named)).map(Named::glob);
        let takes_flaws = LazyCell::new(|| narrow().all(|narrow| cover(&wide, narrow, known)));
        // most rules that name flaws name others: that is told at once
        let names_flaws_alone = !self.rules.is_empty() && self.rules.len() == wide.len();
        if (names_flaws_alone && !*takes_flaws) || !known.take(self.steps_of_rules(other, known)) {
            return false;
        }
        // whatever is said of a package may go by the ids of flaws: what is malicious or unsound, too
        known.iter().chain(RULES.iter()).filter(|rule| other.may_select(rule)).all(|rule| {
            if self.selects_all_of(rule) {
                return true;
            }
            self.may_select(rule) && !other.selects_all_of(rule) && *takes_flaws
        })
    }

    /// Steps that it takes to ask for each rule whether one of both selects it.
    fn steps_of_rules(&self, other: &Self, known: &Comparing<'_>) -> usize {
        let names = |one: &Self| one.rules.len().saturating_add(one.families.len());
        known.len().saturating_mul(names(self).max(names(other)).max(1))
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

/// Whether a finding may be that both select: `false` only where that can be told of the words of both. The rules of findings
/// are not asked: see [`Reach`].
pub(super) fn may_meet(one: &Selector, other: &Selector, known: &Comparing<'_>) -> bool {
    let fits = |one: Option<bool>, other: Option<bool>| one.is_none() || other.is_none() || one == other;
    let may_look = |steps: usize| may_look(steps, known);
    let platforms_of_both = one.platforms.len().saturating_mul(other.platforms.len());
    (!may_look(one.words().saturating_add(other.words()))
        || (both(&one.severities, &other.severities, &Severity::ALL)
            && both(&one.confidences, &other.confidences, &Confidence::ALL)
            && share(&one.origins, &other.origins, known)
            && share(&one.visibilities, &other.visibilities, known)))
        && fits(one.fixable, other.fixable)
        && fits(one.exploited, other.exploited)
        && fits(one.fixable, (!other.fix_ages.is_empty()).then_some(true))
        && fits(other.fixable, (!one.fix_ages.is_empty()).then_some(true))
        && overlap(&one.scores, &other.scores, known)
        && overlap(&one.likelihoods, &other.likelihoods, known)
        && overlap(&one.ages, &other.ages, known)
        && overlap(&one.fix_ages, &other.fix_ages, known)
        && kinds_fit(one, other, known)
        && kinds_fit(other, one, known)
        && share(&one.ecosystems, &other.ecosystems, known)
        && share(&one.fingerprints, &other.fingerprints, known)
        && touch(&one.paths, &other.paths, known)
        && touch(&one.purls, &other.purls, known)
        && (touch(&one.subjects, &other.subjects, known) || may_be_one_flaw(one, other, known))
        && (platforms_of_both == 0
            || !may_look(platforms_of_both.saturating_mul(platforms().len()))
            || meet_on_platform(&one.platforms, &other.platforms))
}

/// Whether so much may be looked at: few things always are.
fn may_look(steps: usize, known: &Comparing<'_>) -> bool {
    known.take(steps) || steps <= COMPARISON
}

/// The rules whose findings a selector may select, a bit for each.
pub(super) struct Reach(Vec<u64>);

impl Reach {
    /// Those of a selector: of rules that it may select those whose findings lie where it looks for them. Where that takes
    /// too long, all.
    pub(super) fn of(selector: &Selector, known: &Comparing<'_>) -> Self {
        let may_ask = known.take(selector.steps_of_rules(selector, known).saturating_add(selector.paths.len()));
        let takes_config = LazyCell::new(|| takes_config(selector));
        let lies = |rule: &Rule| wrong_place(selector, rule.lies_in(), || *takes_config).is_none();
        Self::where_it_holds(known, |rule| !may_ask || (selector.may_select(rule) && lies(rule)))
    }

    /// All rules for which this holds.
    pub(super) fn where_it_holds(known: &Comparing<'_>, holds: impl Fn(&Rule) -> bool) -> Self {
        let rules: Vec<&'static Rule> = known.iter().chain(RULES.iter()).copied().collect();
        let bits =
            |rules: &[&'static Rule]| rules.iter().rev().fold(0_u64, |bits, rule| (bits << 1) | u64::from(holds(rule)));
        Self(rules.chunks(64).map(bits).collect())
    }

    /// Whether all its rules are of the other, too.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, other)| one & !other == 0)
    }

    /// Whether some rule is of both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    /// Whether some rule is of all three.
    pub(super) fn meets_among(&self, other: &Self, among: &Self) -> bool {
        self.0.iter().zip(&other.0).zip(&among.0).any(|((one, other), among)| one & other & among != 0)
    }
}

/// Whether some value is within bounds of both: no two of them lie wholly apart.
fn overlap<T: PartialOrd>(one: &[Bound<T>], other: &[Bound<T>], known: &Comparing<'_>) -> bool {
    let meets = |one: &Bound<T>| other.iter().any(|other| one.meets(other));
    let pairs = one.len().saturating_mul(other.len());
    pairs == 0 || !may_look(pairs, known) || one.iter().any(meets)
}

/// Whether a package of the types that one names may be of the ecosystems that the other does.
fn kinds_fit(one: &Selector, other: &Selector, known: &Comparing<'_>) -> bool {
    let kind = |glob: &'_ Glob| {
        let (kind, _) = glob.as_str().strip_prefix("pkg:")?.split_once('/')?;
        (!kind.contains(['*', '?'])).then(|| kind.to_owned())
    };
    let pairs = one.purls.len().saturating_mul(other.ecosystems.len());
    if pairs == 0 || !may_look(pairs, known) {
        return true;
    }
    let kinds: Option<Vec<String>> = one.purls.iter().map(kind).collect();
    kinds.is_none_or(|kinds| kinds.iter().any(|kind| other.ecosystems.contains(kind)))
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
fn share<T: PartialEq>(one: &[T], other: &[T], known: &Comparing<'_>) -> bool {
    let pairs = one.len().saturating_mul(other.len());
    pairs == 0 || !may_look(pairs, known) || one.iter().any(|word| other.contains(word))
}

/// Whether some text may be taken by both: patterns of which one begins as the other cannot have none.
fn touch(one: &[Glob], other: &[Glob], comparing: &Comparing<'_>) -> bool {
    let meets = |one: &Glob| other.iter().any(|other| one.beginnings().any(|start| other.may_begin_with(start)));
    let texts = |globs: &[Glob]| globs.iter().map(Glob::width).fold(0, usize::saturating_add);
    one.is_empty()
        || other.is_empty()
        || !may_look(texts(one).saturating_mul(texts(other)), comparing)
        || one.iter().any(meets)
}

/// Whether a flaw may have ids of which each takes one: it goes by several, each of another list.
fn may_be_one_flaw(one: &Selector, other: &Selector, known: &Comparing<'_>) -> bool {
    let is_of_both =
        |rule: &&'static Rule| rule.family() == "package" && one.may_select(rule) && other.may_select(rule);
    let lists = |selector: &'_ Selector| -> Vec<&'static str> {
        let takes = |start: &&&str| selector.subjects.iter().any(|glob| glob.may_begin_with(start));
        FLAWS.iter().filter(takes).copied().collect()
    };
    let subjects = one.subjects.len().saturating_add(other.subjects.len());
    let steps = subjects.saturating_mul(FLAWS.len()).saturating_add(one.steps_of_rules(other, known));
    if !known.take(steps) {
        return true;
    }
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
fn within<T: PartialOrd>(wide: &[Bound<T>], narrow: &[Bound<T>], known: &Comparing<'_>) -> bool {
    let is_in = |narrow: &Bound<T>| known.take(wide.len()) && wide.iter().any(|wide| wide.covers(narrow));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(is_in))
}

/// Whether each of `narrow` is among `wide`, where none is all of them, and `all` too.
fn among<T: PartialEq>(wide: &[T], narrow: &[T], all: &[T], known: &Comparing<'_>) -> bool {
    let is_in = |value: &T| known.take(wide.len()) && wide.contains(value);
    let has = |values: &[T]| !values.is_empty() && values.iter().all(is_in);
    wide.is_empty() || has(narrow) || has(all)
}

/// Whether one of them takes whatever there is, so that nothing must be named beside it: what all findings have, as a subject.
fn take_all(wide: &[Glob], comparing: &Comparing<'_>) -> bool {
    comparing.take(wide.len()) && wide.iter().any(Glob::takes_all)
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

//! Which findings a rule or a waiver is about.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::pattern::{Bound, Glob, Marks};
use super::{Hours, ImageFacts};
use crate::finding::{Finding, Location, Visibility};
use crate::inventory::Origin;
use crate::rule::{Confidence, Rule, Severity};
use crate::time::{Date, Timestamp};

/// Whose layers are.
pub(super) const ORIGINS: [Origin; 3] = [Origin::Base, Origin::App, Origin::Unknown];

/// Whether containers see what was found.
pub(super) const VISIBILITIES: [Visibility; 3] = [Visibility::Live, Visibility::Deleted, Visibility::Overwritten];

/// What of a finding is one of a few: its severity, its confidence, whether it can be mended, whether it is exploited,
/// whose its layer is, whether it is seen. A bit for each of them, so that six conditions are one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Classes(u32);

impl Classes {
    /// A finding's classes: one bit of each of the six; or all for which these hold.
    fn those(
        severity: impl Fn(Severity) -> bool,
        confidence: impl Fn(Confidence) -> bool,
        is_fixable: impl Fn(bool) -> bool,
        is_exploited: impl Fn(bool) -> bool,
        origin: impl Fn(Origin) -> bool,
        visibility: impl Fn(Visibility) -> bool,
    ) -> Self {
        let bits = Severity::ALL.into_iter().map(severity);
        let bits = bits.chain(Confidence::ALL.into_iter().map(confidence));
        let bits = bits.chain([false, true].into_iter().map(is_fixable));
        let bits = bits.chain([false, true].into_iter().map(is_exploited));
        let bits = bits.chain(ORIGINS.into_iter().map(origin));
        let bits = bits.chain(VISIBILITIES.into_iter().map(visibility));
        Self(bits.fold(0, |all, bit| (all << 1) | u32::from(bit)))
    }

    /// The classes that a selector takes.
    pub(super) fn taken_by(selector: &Selector) -> Self {
        Self::those(
            |severity| any(&selector.severities, |bound| bound.holds(&severity)),
            |confidence| any(&selector.confidences, |bound| bound.holds(&confidence)),
            // what cannot be mended has no day since when it can
            |is| selector.fixable.is_none_or(|wanted| wanted == is) && (is || selector.fix_ages.is_empty()),
            |is| selector.exploited.is_none_or(|wanted| wanted == is),
            |origin| any(&selector.origins, |one| *one == origin),
            |visibility| any(&selector.visibilities, |one| *one == visibility),
        )
    }

    /// Whether a finding of these classes is among those that a selector takes.
    pub(super) fn is_within(self, taken: Self) -> bool {
        self.0 & !taken.0 == 0
    }
}

/// Selects findings. All conditions given must hold; of a list, one. With none, every finding is selected.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector {
    /// Rules and flaws by their ids.
    pub rules: Vec<Named>,
    /// Parts of the id before the slash.
    pub families: Vec<String>,
    /// How bad.
    pub severities: Vec<Bound<Severity>>,
    /// How sure.
    pub confidences: Vec<Bound<Confidence>>,
    /// Whether a known action mends it.
    pub fixable: Option<bool>,
    /// Whether somebody was seen exploiting it.
    pub exploited: Option<bool>,
    /// Since it is known.
    pub ages: Vec<Bound<Hours>>,
    /// Since it could be mended.
    pub fix_ages: Vec<Bound<Hours>>,
    /// Its CVSS score.
    pub scores: Vec<Bound<f64>>,
    /// Its EPSS score.
    pub likelihoods: Vec<Bound<f64>>,
    /// Whose the layer is.
    pub origins: Vec<Origin>,
    /// Whether a container sees it.
    pub visibilities: Vec<Visibility>,
    /// The file; `config` for what stands in the image's configuration and history.
    pub paths: Vec<Glob>,
    /// What it is about.
    pub subjects: Vec<Glob>,
    /// The package.
    pub purls: Vec<Glob>,
    /// The type of the package.
    pub ecosystems: Vec<String>,
    /// The licence of the package.
    pub licences: Vec<Glob>,
    /// The image.
    pub images: Vec<Glob>,
    /// The platform of the image.
    pub platforms: Vec<Glob>,
    /// This very finding.
    pub fingerprints: Vec<String>,
}

/// What a policy names under `rule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Rules: an id, a glob over ids, or the id of a rule in another tool.
    Rule(Glob),
    /// A flaw of a package: an id it goes by, or a glob over ids.
    Flaw(Glob),
}

impl Named {
    /// As it was written.
    pub fn glob(&self) -> &Glob {
        match self {
            Self::Rule(glob) | Self::Flaw(glob) => glob,
        }
    }

    fn may_select(&self, rule: &Rule) -> bool {
        match self {
            Self::Rule(glob) => is_rule(glob, rule),
            Self::Flaw(_) => rule.family() == "package",
        }
    }

    pub(super) fn selects(&self, finding: &Finding) -> bool {
        match self {
            Self::Rule(glob) => is_rule(glob, finding.rule),
            Self::Flaw(glob) => finding.rule.family() == "package" && is_subject(glob, finding),
        }
    }
}

/// What of an image selectors ask, each computed once.
pub(super) struct Scene<'a> {
    pub(super) image: &'a ImageFacts,
    pub(super) today: Date,
    licences: OnceCell<HashMap<&'a str, &'a str>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(image: &'a ImageFacts, today: Date) -> Self {
        Self { image, today, licences: OnceCell::new() }
    }

    fn licence(&self, purl: &str) -> Option<&'a str> {
        let by_purl = || {
            let pair = |package: &'a super::PackageFacts| Some((package.purl.as_str(), package.licence.as_deref()?));
            self.image.packages.iter().filter_map(pair).collect()
        };
        self.licences.get_or_init(by_purl).get(purl).copied()
    }
}

/// A finding with what selectors ask of it, each computed once.
pub(super) struct View<'a, 's> {
    pub(super) finding: &'a Finding,
    scene: &'a Scene<'s>,
    origin: Origin,
    /// The path as reports show it, without its first `/`.
    path: OnceCell<Option<String>>,
    fingerprint: OnceCell<String>,
    since: OnceCell<Option<Date>>,
    rating: OnceCell<Option<f64>>,
    likelihood: OnceCell<Option<f64>>,
    classes: OnceCell<Classes>,
    purl_marks: OnceCell<Marks>,
    path_marks: OnceCell<Marks>,
}

impl<'a, 's> View<'a, 's> {
    pub(super) fn new(finding: &'a Finding, origin: Origin, scene: &'a Scene<'s>) -> Self {
        Self {
            finding,
            scene,
            origin,
            path: OnceCell::new(),
            fingerprint: OnceCell::new(),
            since: OnceCell::new(),
            rating: OnceCell::new(),
            likelihood: OnceCell::new(),
            classes: OnceCell::new(),
            purl_marks: OnceCell::new(),
            path_marks: OnceCell::new(),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    #[cfg(feature = "cel")]
    pub(super) fn today(&self) -> Date {
        self.scene.today
    }

    fn path(&self) -> Option<&str> {
        let path = || match &self.finding.location {
            Location::File { path, .. } | Location::Package { path, .. } => {
                Some(path.to_string().trim_start_matches('/').to_owned())
            }
            Location::Config { .. } | Location::History { .. } => Some("config".into()),
            Location::Dockerfile { file, .. } => Some(file.trim_start_matches("./").trim_start_matches('/').to_owned()),
            Location::Image => None,
        };
        self.path.get_or_init(path).as_deref()
    }

    pub(super) fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| self.finding.fingerprint())
    }

    fn purl(&self) -> Option<&'a str> {
        self.finding.purl()
    }

    /// What the package URL is made of; nothing where there is none.
    pub(super) fn purl_marks(&self) -> Marks {
        *self.purl_marks.get_or_init(|| self.purl().map(Marks::of).unwrap_or_default())
    }

    /// What the path is made of; nothing where there is none.
    pub(super) fn path_marks(&self) -> Marks {
        *self.path_marks.get_or_init(|| self.path().map(Marks::of).unwrap_or_default())
    }

    /// Its one of each of the classes.
    pub(super) fn classes(&self) -> Classes {
        let Finding { severity, confidence, is_fixable, visibility, ref evidence, .. } = *self.finding;
        *self.classes.get_or_init(|| {
            let is_exploited = evidence.contains_key("exploited");
            Classes::those(
                |one| one == severity,
                |one| one == confidence,
                |one| one == is_fixable,
                |one| one == is_exploited,
                |one| one == self.origin,
                |one| one == visibility,
            )
        })
    }

    /// Its CVSS score.
    fn rating(&self) -> Option<f64> {
        *self.rating.get_or_init(|| self.number("rating"))
    }

    /// Its EPSS score.
    fn likelihood(&self) -> Option<f64> {
        *self.likelihood.get_or_init(|| self.number("epss"))
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.finding.evidence.get(key)?.get("score")?.as_f64()
    }

    /// The day on which it became known: a flaw was published, support of a distribution ended.
    pub(super) fn since(&self) -> Option<Date> {
        let text = |key| self.finding.evidence.get(key)?.as_str();
        *self.since.get_or_init(|| {
            if let Some(published) = text("published") {
                return Some(published.parse::<Timestamp>().ok()?.date());
            }
            text("ended")?.parse().ok()
        })
    }

    /// How long it is known; what has no day counts as old.
    fn age(&self) -> Hours {
        self.since().map_or(Hours(i64::MAX), |since| Hours(self.scene.today.days_since(since).saturating_mul(24)))
    }
}

impl Selector {
    pub(super) fn selects(&self, view: &View<'_, '_>) -> bool {
        self.selects_rule(view.finding) && view.classes().is_within(Classes::taken_by(self)) && self.selects_rest(view)
    }

    /// Whether the conditions on rule and family hold.
    pub(super) fn selects_rule(&self, finding: &Finding) -> bool {
        any(&self.rules, |named| named.selects(finding))
            && any(&self.families, |family| family == finding.rule.family())
    }

    /// Whether all conditions hold but those on rule, family and [`Classes`].
    pub(super) fn selects_rest(&self, view: &View<'_, '_>) -> bool {
        let finding = view.finding;
        any(&self.fingerprints, |fingerprint| fingerprint == view.fingerprint())
            && any(&self.subjects, |pattern| is_subject(pattern, finding))
            && any(&self.ages, |bound| bound.holds(&view.age()))
            && any(&self.fix_ages, |bound| bound.holds(&view.age()))
            && any(&self.scores, |bound| view.rating().is_some_and(|score| bound.holds(&score)))
            && any(&self.likelihoods, |bound| view.likelihood().is_some_and(|score| bound.holds(&score)))
            && any(&self.purls, |pattern| view.purl().is_some_and(|purl| pattern.is_match(purl)))
            && any(&self.ecosystems, |kind| view.purl().is_some_and(|purl| ecosystem_of(purl) == Some(kind)))
            && any(&self.licences, |pattern| {
                // SPDX identifiers have no case (SPDX 2.3, annex D)
                let licence = view.purl().and_then(|purl| view.scene.licence(purl));
                licence.is_some_and(|licence| pattern.is_match(&licence.to_lowercase()))
            })
            && self.is_about(view.scene)
            && any(&self.paths, |pattern| view.path().is_some_and(|path| pattern.is_match(path)))
    }

    /// Whether it is about this image and platform: else what it says of findings is not asked.
    pub(super) fn is_about(&self, scene: &Scene<'_>) -> bool {
        any(&self.images, |pattern| is_image(pattern, scene.image))
            && any(&self.platforms, |pattern| {
                scene.image.platform.as_ref().is_some_and(|platform| is_platform(pattern, platform))
            })
    }

    /// Whether it may select findings of the rule: a look at nothing but the rule.
    pub(super) fn may_select(&self, rule: &Rule) -> bool {
        any(&self.rules, |named| named.may_select(rule)) && any(&self.families, |family| family == rule.family())
    }

    /// Whether it names the rule by its whole id, or by one it has in another tool.
    pub(super) fn names(&self, rule: &Rule) -> bool {
        self.rules.iter().any(|named| named.glob().is_literal() && is_rule(named.glob(), rule))
    }

    /// Whether [`Self::may_select`] says all about rule and family: no flaw is named, which is told by the finding alone.
    pub(super) fn is_rule_settled(&self) -> bool {
        self.rules.iter().all(|named| matches!(named, Named::Rule(_)))
    }

    /// The texts of which one must be the subject, or another id of the flaw: `None` where globs are among them.
    pub(super) fn literal_subjects(&self) -> Option<Vec<&str>> {
        let literal = |glob: &'_ Glob| glob.is_literal();
        let flaws = |named: &Named| matches!(named, Named::Flaw(glob) if glob.is_literal());
        if !self.subjects.is_empty() && self.subjects.iter().all(literal) {
            return Some(self.subjects.iter().map(Glob::as_str).collect());
        }
        if !self.rules.is_empty() && self.rules.iter().all(flaws) {
            return Some(self.rules.iter().map(|named| named.glob().as_str()).collect());
        }
        None
    }

    /// Whether findings of severity info are asked for by name: the rule by its whole id, or the word `info`.
    /// Others may select such findings too, but then cannot make them warn or fail.
    pub(super) fn names_info(&self) -> bool {
        (!self.rules.is_empty() && self.rules.iter().all(|named| named.glob().is_literal()))
            || self.severities.iter().any(|bound| bound.value == Severity::Info && bound.holds(&Severity::Info))
    }
}

/// Whether findings of the rule may have a [day](View::since) on which they became known.
pub(super) fn may_have_day(rule: &Rule) -> bool {
    rule.family() == "package" || ["base/eol-distro", "base/eol-soon"].contains(&rule.id)
}

/// Whether the pattern takes the subject; of a flaw, any id it goes by, so that a waiver outlives the day on which
/// it gets another one.
pub(super) fn is_subject(pattern: &Glob, finding: &Finding) -> bool {
    pattern.is_match(&finding.subject) || ids(finding).any(|id| pattern.is_match(id))
}

/// Ids that a flaw goes by besides its subject.
pub(super) fn ids(finding: &Finding) -> impl Iterator<Item = &str> {
    let ids = finding.evidence.get("ids").and_then(|ids| ids.as_array()).into_iter().flatten();
    ids.filter_map(|id| id.as_str())
}

/// Whether a pattern fits a platform, or what it is without its variant: as with `--platform`, who names no variant takes any,
/// and `arm64` is `arm64/v8`, `amd64` is `amd64/v1`.
pub(super) fn is_platform(pattern: &Glob, platform: &str) -> bool {
    let mut parts = platform.splitn(3, '/');
    let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let plain = format!("{os}/{architecture}");
    let first = first_variant(architecture);
    let variant = parts.next();
    let is_first = |first: &&str| variant.is_none_or(|variant| variant == *first);
    pattern.is_match(platform)
        || pattern.is_match(&plain)
        || first.filter(is_first).is_some_and(|first| pattern.is_match(&format!("{plain}/{first}")))
}

/// The variant that is meant where none is named.
fn first_variant(architecture: &str) -> Option<&'static str> {
    match architecture {
        "amd64" => Some("v1"),
        "arm64" => Some("v8"),
        _ => None,
    }
}

/// Whether both name one platform: `linux/arm64` is `linux/arm64/v8`.
pub(super) fn is_same_platform(one: &str, other: &str) -> bool {
    fn plain(platform: &str) -> &str {
        let shorter = platform.rsplit_once('/').and_then(|(rest, variant)| {
            let (_, architecture) = rest.split_once('/')?;
            (first_variant(architecture) == Some(variant)).then_some(rest)
        });
        shorter.unwrap_or(platform)
    }
    plain(one) == plain(other)
}

fn is_image(pattern: &Glob, image: &ImageFacts) -> bool {
    std::iter::once(&image.reference).chain(&image.tags).any(|name| pattern.is_match(name))
}

/// The type in a package URL.
fn ecosystem_of(purl: &str) -> Option<&str> {
    purl.strip_prefix("pkg:")?.split('/').next()
}

/// Whether `pattern` is the rule's id, a glob over it, or its id in another tool.
pub(super) fn is_rule(pattern: &Glob, rule: &Rule) -> bool {
    pattern.is_match(rule.id) || rule.is_also(pattern.as_str())
}

/// Whether there is no condition, or one that holds.
pub(super) fn any<T>(conditions: &[T], holds: impl Fn(&T) -> bool) -> bool {
    conditions.is_empty() || conditions.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_those_of_the_command_line() {
        for (pattern, platform, expected) in [
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64/v9", "linux/arm64", false),
            ("linux/arm64/v8", "linux/arm64/v9", false),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/amd64/v1", "linux/amd64", true),
            ("linux/amd64", "linux/amd64/v1", true),
            ("linux/amd64/v1", "linux/amd64/v2", false),
            ("linux/amd64/v2", "linux/amd64", false),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("linux/arm/v7", "linux/arm", false),
            ("linux/amd64", "linux/arm64/v8", false),
        ] {
            let glob = Glob::text(pattern).expect("a pattern");
            assert_eq!(is_platform(&glob, platform), expected, "{pattern} {platform}");
        }
        for (one, other, expected) in [
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/amd64/v1", "linux/amd64", true),
            ("linux/arm64", "linux/arm64/v9", false),
            ("linux/arm/v8", "linux/arm", false),
            ("linux/arm64", "linux/amd64", false),
            ("", "", true),
        ] {
            assert_eq!(is_same_platform(one, other), expected, "{one} {other}");
        }
    }
}

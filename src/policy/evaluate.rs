//! Judges findings: the last rule that matches decides, waivers accept, and the verdict sums up.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::edition::Edition;
use super::index::{Index, Learned, Place};
use super::requirement::base::Named;
use super::requirement::{Breach, Own};
use super::selector::{Scene, View};
use super::{
    Action, AppliedWaiver, Hours, IMAGE_CONDITION, ImageFacts, Judged, PolicyRule, PolicySet, Scope, Verdict, Waiver,
    When,
};
use crate::error::Result;
#[cfg(feature = "cel")]
use crate::error::{Error, ErrorKind};
use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::inventory::Origin;
use crate::limitation::Limitation;
use crate::rule::{Rule, Severity};
use crate::time::Date;

/// What a policy may know beyond the findings.
#[derive(Clone, Copy)]
pub struct EvaluateContext<'a> {
    /// What was not read.
    pub limitations: &'a [Limitation],
    /// Today, for the last days of waivers and the age of flaws.
    pub today: Date,
    /// Whose the layer of a finding is.
    pub origin: &'a dyn Fn(&Finding) -> Origin,
    /// The image; `None` where there is none, as with Dockerfiles, and then nothing is asked of it.
    pub image: Option<&'a ImageFacts>,
}

/// Who decided when no rule matched.
pub const NO_RULE: &str = "no rule matches";

/// Characters of a finding's subject that an error shows.
#[cfg(feature = "cel")]
const LONGEST_SUBJECT: usize = 100;

/// Who decided where a baseline lists the finding.
pub(super) const BASELINE: &str = "baseline";

impl PolicySet {
    /// Judges the findings and what the image is against, and adds reminders about waivers that expired, soon will, are
    /// too broad, or accept nothing.
    ///
    /// The result is sorted: gravest action first, then severity, rule, subject and place. It does not depend on the
    /// order of the findings.
    ///
    /// # Errors
    ///
    /// A condition in CEL that has no value for a finding: to pass over it would be a silent no.
    pub fn evaluate(&self, findings: Vec<Finding>, context: &EvaluateContext<'_>) -> Result<(Vec<Judged>, Verdict)> {
        let (judged, verdict, _) = self.evaluate_all(findings, context)?;
        Ok((judged, verdict))
    }

    /// The places of the waivers that such findings need.
    pub fn used_waivers(&self, findings: Vec<Finding>, context: &EvaluateContext<'_>) -> Result<BTreeSet<String>> {
        self.evaluate_all(findings, context).map(|(_, _, used)| used)
    }

    fn evaluate_all(
        &self,
        findings: Vec<Finding>,
        context: &EvaluateContext<'_>,
    ) -> Result<(Vec<Judged>, Verdict, BTreeSet<String>)> {
        let nothing = ImageFacts::default();
        let image = context.image.unwrap_or(&nothing);
        let scene = Scene::new(image, context.today);
        let conditions = Conditions::new(image, context.today);
        let run = Run { scene: &scene, conditions: &conditions, context, edition: self.edition() };
        let mut index = Index::new(self.policies());
        let breaches = context.image.map(|image| self.requirements().breaches(image, context.today));
        let mut matching = vec![Matching::default(); index.waivers().len()];
        let mut judged = Vec::with_capacity(findings.len());
        let mut against_base = BTreeSet::new();
        for mut finding in findings {
            let own = match self.requirements().base.judge_from(&mut finding) {
                Named::Allowed => continue,
                Named::Against(own) => {
                    against_base.insert(finding.fingerprint());
                    Some(own)
                }
                Named::NotJudged => None,
            };
            judged.push(self.judge(finding, own.map(First::Table), &mut index, &mut matching, &run)?);
        }
        for Breach { finding, own } in breaches.into_iter().flatten() {
            judged.push(self.judge(finding, Some(First::Table(own)), &mut index, &mut matching, &run)?);
        }
        for (finding, first) in self.against_image(&run)? {
            judged.push(self.judge(finding, Some(first), &mut index, &mut matching, &run)?);
        }
        judged.retain(|one| {
            !one.finding.rule.is_opt_in
                || self.asks_for(one.finding.rule)
                || (!against_base.is_empty() && against_base.contains(&one.finding.fingerprint()))
        });
        let used = index.waivers().iter().zip(&matching).filter(|(_, matching)| matching.kept > 0);
        let used = used.map(|(waiver, _)| waiver.place.clone()).collect();
        let reminders = self.reminders(index.waivers(), &matching, &scene);
        for reminder in reminders {
            judged.push(self.judge(reminder, None, &mut index, &mut [], &run)?);
        }
        sort(&mut judged);
        let verdict = self.verdict(&judged, context.limitations);
        Ok((judged, verdict, used))
    }

    /// What rules say of the image as a whole, each with the rule: a clean one has no finding that would bring it up.
    fn against_image(&self, run: &Run<'_>) -> Result<Vec<(Finding, First<'_>)>> {
        let mut findings = Vec::new();
        let rules = self.policies().iter().enumerate().flat_map(|(number, policy)| {
            let rules = policy.rules.iter().enumerate();
            rules.filter_map(move |(place, rule)| Some((number, place, policy, rule, rule.image_condition()?)))
        });
        // of several with one condition the last decides
        let mut last = BTreeMap::new();
        for (number, place, policy, rule, condition) in rules.filter(|_| run.context.image.is_some()) {
            last.insert(condition, (number, place, policy, rule));
        }
        for (condition, (number, place, policy, rule)) in last {
            let Some(when) = rule.when.as_ref().filter(|_| rule.action > Action::Ignore) else { continue };
            let first = First::Rule { place: (number, place), name: &policy.name, rule };
            let message = match &rule.message {
                Some(message) => message.clone(),
                None => format!("the image is as the rule `{}` says that it must not be: `{condition}`", rule.name),
            };
            let finding = Finding::new(&IMAGE_CONDITION, escape(condition), Location::Image, escape(message));
            let view = View::new(&finding, Origin::Unknown, run.scene);
            let holds = run.conditions.hold(rule, when, &Conditions::object(&view), &finding)?;
            findings.extend(holds.then_some((finding, first)));
        }
        Ok(findings)
    }

    /// What is to be said of waivers.
    fn reminders(&self, waivers: &[&Waiver], matching: &[Matching], scene: &Scene<'_>) -> Vec<Finding> {
        let today = scene.today;
        let rules = &self.requirements().waivers;
        let mut findings = Vec::new();
        for (waiver, Matching { all: matching, kept, open }) in waivers.iter().zip(matching) {
            if !rules.allows() {
                findings.extend((*matching > 0).then(|| waiver.forbidden_finding(*matching)));
                continue;
            }
            let left = waiver.hours_left(today);
            if rules.longest.as_ref().is_some_and(|longest| left.is_none_or(|left| left > longest.value)) {
                findings.push(waiver.too_long_finding(rules.longest.as_ref().map_or(Hours(0), |said| said.value)));
            }
            if waiver.is_expired(today) {
                findings.push(waiver.expired_finding(*matching, *open));
                continue;
            }
            if !waiver.selector.is_narrow() {
                findings.push(waiver.too_broad_finding(*matching));
            }
            if *kept == 0 {
                // of another image or platform it says nothing here
                if waiver.selector.is_about(scene) && !self.used_elsewhere.contains(&waiver.place) {
                    findings.push(waiver.unused_finding(*matching));
                }
            } else if left.is_some_and(|left| left < rules.reminder(self.edition())) {
                findings.push(waiver.expiring_finding(*matching));
            }
        }
        findings
    }

    /// Whether a waiver accepts anything today.
    fn holds(&self, waiver: &Waiver, today: Date) -> bool {
        let rules = &self.requirements().waivers;
        let is_too_long = rules
            .longest
            .as_ref()
            .is_some_and(|longest| waiver.hours_left(today).is_none_or(|left| left > longest.value));
        rules.allows() && !is_too_long && !waiver.is_expired(today)
    }

    /// Whether a rule of some policy names this rule by its whole id, or by one it has in another tool.
    pub fn asks_for(&self, rule: &Rule) -> bool {
        self.policies().iter().flat_map(|policy| &policy.rules).any(|one| one.selector.names(rule))
    }

    fn judge<'a>(
        &'a self,
        mut finding: Finding,
        first: Option<First<'_>>,
        index: &mut Index<'a>,
        matching: &mut [Matching],
        run: &Run<'_>,
    ) -> Result<Judged> {
        if let Some(severity) = run.edition.severity(finding.rule)
            && finding.severity == finding.rule.severity
        {
            finding.severity = severity;
        }
        let (learned, is_own) = (index.learn(finding.rule), first.is_some());
        let view = View::new(&finding, (run.context.origin)(&finding), run.scene);
        let mut decision = self.decide(&view, first, index, learned, run)?;
        let is_open = decision.action > Action::Ignore;
        // a waiver of the policy's own says more than a document about the package
        let accepted = finding.accepted.as_ref().filter(|_| is_open).map(AppliedWaiver::of_vex);
        let by_comment = || {
            let is_honoured = self.policies().iter().rev().find_map(|policy| policy.honours_inline.as_ref());
            let is_honoured = is_honoured.is_some_and(|said| said.value);
            (is_honoured && is_open).then(|| AppliedWaiver::of_comment(&finding)).flatten()
        };
        let in_place = || is_open.then(|| AppliedWaiver::of_rules(&finding)).flatten().or_else(by_comment);
        // what is off or ignored needs none
        let is_kept = is_open && (is_own || !finding.rule.is_opt_in || self.asks_for(finding.rule));
        let (mut waiver, mut about) = (None, Vec::new());
        if !matching.is_empty() {
            for (number, candidate) in index.waivers_of(learned, &view) {
                let Some(matching) = matching.get_mut(number) else { continue };
                matching.all += 1;
                matching.kept += usize::from(is_kept);
                about.push(number);
                if waiver.is_none() && is_open && self.holds(candidate, run.context.today) {
                    waiver = Some(candidate.applied());
                }
            }
        }
        let in_place = if waiver.is_none() && accepted.is_none() { in_place() } else { None };
        let refused = in_place.as_ref().and_then(|one| self.requirements().waivers.refusal(one, &finding.location));
        let waiver = waiver.or(accepted).or(in_place.filter(|_| refused.is_none()));
        if let Some(refused) = refused {
            decision.note = Some(decision.note.take().map_or(refused.clone(), |note| format!("{note}; {refused}")));
        }
        for number in about.into_iter().filter(|_| waiver.is_none() && is_open) {
            if let Some(matching) = matching.get_mut(number) {
                matching.open += 1;
            }
        }
        let Decision { action, decided_by, decided_at, note, help, .. } = decision;
        Ok(Judged { finding, action, decided_by, decided_at, note, help, waiver })
    }

    fn decide(
        &self,
        view: &View<'_, '_>,
        first: Option<First<'_>>,
        index: &Index<'_>,
        learned: Learned,
        run: &Run<'_>,
    ) -> Result<Decision> {
        let Run { conditions, edition, .. } = *run;
        let today = run.context.today;
        let is_info = view.finding.severity == Severity::Info;
        let from = first.as_ref().map_or((0, 0), First::behind);
        // made where a condition asks for it
        let object = OnceCell::new();
        let last = index.last_rule_of(learned, view, from, |rule| {
            rule.when.as_ref().map_or(Ok(true), |when| {
                conditions.hold(rule, when, object.get_or_init(|| Conditions::object(view)), view.finding)
            })
        })?;
        let mut decision = match (last, first) {
            (Some((policy, rule)), _) => Decision::of(Some(policy), rule, is_info, view, today),
            (None, Some(First::Table(own))) => self.own(own),
            (None, Some(First::Rule { name, rule, .. })) => {
                Decision { names_rule: true, ..Decision::of(Some(name), rule, is_info, view, today) }
            }
            (None, None) => Decision {
                action: if is_info { Action::Info } else { Action::Warn },
                decided_by: NO_RULE.into(),
                decided_at: None,
                note: None,
                help: None,
                names_rule: false,
            },
        };
        if let Some(fail_on) = self.fail_on()
            && matches!(decision.action, Action::Info | Action::Warn)
            && fail_on.rule().selector.selects(view)
        {
            let by = Decision::of(None, fail_on.rule(), is_info, view, today);
            decision = Decision { note: decision.note.take(), ..by };
        }
        let lowered = |decision: &mut Decision, action, by: String, at: Option<String>| {
            // who reads of a baseline wants to know what would fail without
            let at_place = decision.decided_at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
            let else_by = format!("else {} by {}{at_place}", decision.action.as_str(), decision.decided_by);
            decision.note = Some(decision.note.take().map_or(else_by.clone(), |note| format!("{note}; {else_by}")));
            decision.action = action;
            decision.decided_by = by;
            decision.decided_at = at;
        };
        if decision.action > Action::Info && !decision.names_rule && !edition.has(view.finding.rule) {
            lowered(&mut decision, Action::Info, format!("edition {}", edition.id), None);
        }
        if decision.action > Action::Info
            && view.origin() == Origin::Base
            && let Some((name, scope)) = self.scope()
            && scope.value == Scope::App
        {
            lowered(&mut decision, Action::Info, format!("{name} scope"), Some(scope.place.clone()));
        }
        if decision.action == Action::Fail
            && self.fails_on_new()
            && let platform = run.scene.image.platform.as_deref()
            && self.baseline().is_some_and(|baseline| baseline.knows(view.finding, view.fingerprint(), platform))
        {
            let at = self.baseline().map(|baseline| baseline.name.clone());
            lowered(&mut decision, Action::Warn, BASELINE.into(), at);
        }
        Ok(decision)
    }

    fn own(&self, own: Own) -> Decision {
        let policy = self.policies().get(own.policy).map_or("", |policy| &policy.name);
        Decision {
            action: own.action,
            decided_by: format!("{policy} {}", own.name),
            decided_at: Some(own.place),
            note: None,
            help: None,
            // there is no such finding unless the policy asks for it
            names_rule: true,
        }
    }
}

/// What a policy itself makes of a finding that is there because of it; later rules may say otherwise.
enum First<'a> {
    /// A table: rules of the same policy say nothing of it.
    Table(Own),
    /// A rule that judges the image.
    Rule {
        place: Place,
        /// Name of its policy.
        name: &'a str,
        rule: &'a PolicyRule,
    },
}

impl First<'_> {
    /// Where the rules begin that may say otherwise.
    fn behind(&self) -> Place {
        match self {
            Self::Table(own) => (own.policy.saturating_add(1), 0),
            Self::Rule { place: (policy, place), .. } => (*policy, place.saturating_add(1)),
        }
    }
}

/// How many findings a waiver is about.
#[derive(Debug, Clone, Copy, Default)]
struct Matching {
    /// All of them.
    all: usize,
    /// Those that are neither ignored nor of rules that are off.
    kept: usize,
    /// Those that nothing accepts.
    open: usize,
}

/// What stays the same over all findings.
struct Run<'a> {
    scene: &'a Scene<'a>,
    conditions: &'a Conditions<'a>,
    context: &'a EvaluateContext<'a>,
    edition: &'static Edition,
}

/// Evaluates conditions in CEL over one image.
#[cfg(feature = "cel")]
struct Conditions<'a>(super::condition::ImageObject<'a>);

#[cfg(feature = "cel")]
impl<'a> Conditions<'a> {
    fn new(image: &'a ImageFacts, today: Date) -> Self {
        Self(super::condition::ImageObject::new(image, today.start()))
    }

    fn object<'f>(view: &View<'f, '_>) -> super::condition::FindingObject<'f> {
        let days = view.since().map(|since| view.today().days_since(since));
        let fix = days.filter(|_| view.finding.is_fixable);
        super::condition::FindingObject::new(
            view.finding,
            view.origin(),
            super::condition::Ages { advisory: days, fix },
        )
    }

    fn hold(
        &self,
        rule: &PolicyRule,
        when: &When,
        object: &super::condition::FindingObject<'_>,
        finding: &Finding,
    ) -> Result<bool> {
        when.condition.holds(object, &self.0).map_err(|why| {
            let subject = escape(finding.subject.chars().take(LONGEST_SUBJECT).collect::<String>());
            let of = format!("for the finding `{}` of `{subject}`", finding.rule.id);
            let message = format!("the condition of the rule `{}` has no value {of}: {why}", rule.name);
            Error::new(ErrorKind::Config, message).at(rule.place.clone())
        })
    }
}

/// Stands in for a finding as conditions see it.
#[cfg(not(feature = "cel"))]
struct NoObject;

/// Stands in for conditions, which this build refuses to read.
#[cfg(not(feature = "cel"))]
struct Conditions<'a>(std::marker::PhantomData<&'a ()>);

#[cfg(not(feature = "cel"))]
impl<'a> Conditions<'a> {
    fn new(_: &'a ImageFacts, _: Date) -> Self {
        Self(std::marker::PhantomData)
    }

    fn object(_: &View<'_, '_>) -> NoObject {
        NoObject
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as it is where conditions are")]
    fn hold(&self, _: &PolicyRule, _: &When, _: &NoObject, _: &Finding) -> Result<bool> {
        Ok(true)
    }
}

struct Decision {
    action: Action,
    decided_by: String,
    decided_at: Option<String>,
    note: Option<String>,
    help: Option<String>,
    /// Whether what decided names the rule by its whole id: then it counts in every edition.
    names_rule: bool,
}

impl Decision {
    fn of(policy: Option<&str>, rule: &PolicyRule, is_info: bool, view: &View<'_, '_>, today: Date) -> Self {
        let most = if is_info && !rule.selector.names_info() { Action::Info } else { Action::Fail };
        let decided_by = match policy {
            Some(policy) => format!("{policy} {}", rule.name),
            None => rule.name.clone(),
        };
        let mut action = rule.action.min(most);
        let mut note = rule.note();
        if action == Action::Fail
            && let (Some(grace), Some(since)) = (rule.grace, view.since())
            && let left = grace.0.saturating_sub(today.days_since(since).saturating_mul(24))
            && left > 0
        {
            action = Action::Warn;
            let waits = format!("fails in {}", Hours(left));
            note = Some(note.map_or(waits.clone(), |note| format!("{note}; {waits}")));
        }
        let place = Some(rule.place.clone()).filter(|place| !place.is_empty());
        let names_rule = rule.selector.rules.iter().any(|named| named.glob().as_str() == view.finding.rule.id);
        Self { action, decided_by, decided_at: place, note, help: rule.help.clone(), names_rule }
    }
}

/// Puts findings in order: gravest action first, then severity, rule, subject and place.
pub(super) fn sort(judged: &mut [Judged]) {
    // numbers of findings are put in order, not findings: these are large, and what decides mostly fits beside the number
    let first = |one: &Judged| (Reverse(one.action), Reverse(one.finding.weight()), Reverse(one.finding.severity));
    let mut places: Vec<_> = judged.iter().map(first).zip(0_usize..).collect();
    places.sort_by(|(a, left), (b, right)| {
        a.cmp(b).then_with(|| judged.get(*left).map(rest_of_order).cmp(&judged.get(*right).map(rest_of_order)))
    });
    let mut from: Vec<usize> = places.into_iter().map(|(_, number)| number).collect();
    for place in 0..from.len() {
        // what belongs here was swapped away if it stood before: follow it to where it is now
        let mut number = from.get(place).copied().unwrap_or(place);
        while number < place {
            number = from.get(number).copied().unwrap_or(place);
        }
        judged.swap(place, number);
        if let Some(mark) = from.get_mut(place) {
            *mark = number;
        }
    }
}

fn rest_of_order(judged: &Judged) -> impl Ord + '_ {
    let finding = &judged.finding;
    (finding.rule.id, &finding.subject, &finding.location, &finding.matter, &finding.message)
}

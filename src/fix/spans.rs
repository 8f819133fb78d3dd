//! Which bytes are secrets: a plan that comes from a file says so by places, and what is sought elsewhere follows from them. They
//! are held to what the scan of the input found.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Finding, Location};
use crate::inventory::{Inventory, Secret, SecretPlace};
use crate::path::ImagePath;
use crate::policy::{Action as Judgement, Judged};
use crate::rebuild::{Edit, Span};
use crate::tree::Node;

use super::guard::Links;
use super::plan::{Action, ImagePlan, Plan};
use super::secret_settings::SECRET_SETTINGS;
use super::secrets::{self, Places, SECRETS};
use super::{Wishes, heirs, plan_findings};

/// What to do about a plan with other places.
pub(super) const HELP: &str = "make the plan anew with `--dry-run --plan FILE`, and change `approved` alone";

/// By layer and member.
type ByMember = BTreeMap<(u32, u32), Places>;

/// Why an approved action says of other bytes that they are secrets than the scan does: its id, and a sentence without a full
/// stop.
pub(super) fn wrong(image: &Inventory, judged: &[Judged], plan: &ImagePlan) -> Option<(String, String)> {
    let all: Vec<&Finding> = judged.iter().map(|judged| &judged.finding).collect();
    let open = open(judged);
    let known = secrets::places(image, &all);
    let wanted = secrets::places(image, &open);
    let texts = [Texts::of(image, &all), Texts::of(image, &open)];
    let by_finding = by_finding(image, &all);
    plan.active().find_map(|action| {
        // a layer may have one name any number of times: of each finding only what the action is about
        let members: BTreeSet<(u32, u32)> =
            action.edits.0.iter().filter_map(Edit::member).map(|member| (member.layer, member.member)).collect();
        let mut own = ByMember::new();
        for by_member in action.findings.iter().filter_map(|finding| by_finding.get(finding)) {
            for (member, secret) in members.iter().filter_map(|member| Some((member, by_member.get(member)?))) {
                let node = Node { layer: member.0, member: member.1 };
                for secret in secret {
                    secrets::place(image, secret, node, own.entry(*member).or_default());
                }
            }
        }
        let look = Look { known: &known, wanted: &wanted, own, texts: &texts, action };
        let why = action.edits.0.iter().find_map(|edit| look.at(edit))?;
        Some((action.id.clone(), why))
    })
}

/// Takes from the scan what a plan cannot say. The secrets of files that go are sought where the plan says of none: the action
/// was approved by hand; a file of which a hard link stays keeps its secrets under that name. What is blanked beside what the
/// scan found goes from the plan: where it is a value that is taken out, the search finds it again.
pub(super) fn from_scan(image: &Inventory, judged: &[Judged], links: &Links, plan: &mut ImagePlan) {
    let all: Vec<&Finding> = judged.iter().map(|judged| &judged.finding).collect();
    let (known, wanted) = (secrets::places(image, &all), secrets::places(image, &open(judged)));
    fill(&wanted, links, &mut plan.actions);
    let active = plan.actions.iter_mut().filter(|action| action.is_active());
    for edit in active.flat_map(|action| &mut action.edits.0) {
        if let Edit::BlankBytes { member, spans } = edit {
            let places = known.get(&(member.layer, member.member));
            spans.retain(|span| places.is_some_and(|(known, _)| known.contains(span)));
        }
    }
}

/// Has the secrets of all files that go sought, whoever takes the files out. A file of which a hard link stays keeps its secrets
/// under that name.
pub(super) fn fill(known: &ByMember, links: &Links, actions: &mut [Action]) {
    let active = actions.iter().filter(|action| action.is_active());
    let heirs = heirs::heirs(links, &heirs::dropped(active.flat_map(|action| &action.edits.0)));
    let active = actions.iter_mut().filter(|action| action.is_active());
    for edit in active.flat_map(|action| &mut action.edits.0) {
        let Edit::DropMember { member, secrets, inside } = edit else { continue };
        let places = known.get(&(member.layer, member.member)).filter(|_| !heirs.contains_key(&member.node()));
        if let Some((spans, inner)) = places.filter(|_| secrets.is_empty() && inside.is_empty()) {
            secrets.extend(spans);
            inside.extend(inner.iter().cloned());
        }
    }
}

/// Refuses a plan that blanks bytes which are no secret: of those that it blanks beside what the scan found, each must have been
/// found again. Where an action is not approved, its values are not sought, and no such bytes are blanked.
pub fn blanked_again(applied: &Plan, plan: &Plan) -> Result<()> {
    let blanked = |plan: &Plan| -> BTreeSet<(Option<Digest>, u32, u32, Span)> {
        let mut all = BTreeSet::new();
        for image in &plan.images {
            for edit in image.active().flat_map(|action| &action.edits.0) {
                if let Edit::BlankBytes { member, spans } = edit {
                    let of = |span: &Span| (image.image.config.clone(), member.layer, member.member, *span);
                    all.extend(spans.iter().map(of));
                }
            }
        }
        all
    };
    let waits = applied.images.iter().flat_map(|image| &image.actions).any(|action| !action.is_active());
    if waits || blanked(applied).is_subset(&blanked(plan)) {
        return Ok(());
    }
    let what = "the plan puts `*` in place of bytes that are no secret by the scan of the image";
    Err(Error::new(ErrorKind::Usage, what).help(HELP))
}

/// Those that are neither accepted nor ignored.
fn open(judged: &[Judged]) -> Vec<&Finding> {
    let is_open = |one: &&Judged| one.action != Judgement::Ignore && one.waiver.is_none();
    judged.iter().filter(is_open).map(|one| &one.finding).collect()
}

/// The secrets of files by the fingerprints of their findings, then by layer and member.
type ByFinding<'i> = BTreeMap<String, BTreeMap<(u32, u32), Vec<&'i Secret>>>;

fn by_finding<'i>(image: &'i Inventory, all: &[&Finding]) -> ByFinding<'i> {
    // those that have all in common are one
    type Place<'a> = (&'a str, &'a ImagePath, u32, Option<(u64, u64)>);
    let mut by_place: BTreeMap<Place<'_>, BTreeSet<String>> = BTreeMap::new();
    for finding in all {
        if let Location::File { path, layer, lines } = &finding.location {
            by_place.entry((finding.rule.id, path, *layer, *lines)).or_default().insert(finding.fingerprint());
        }
    }
    let mut by_finding = ByFinding::new();
    for secret in &image.secrets {
        let SecretPlace::File { node, path, lines, .. } = &secret.place else { continue };
        for fingerprint in by_place.get(&(secret.rule.id, path, node.layer, *lines)).into_iter().flatten() {
            let of_member = by_finding.entry(fingerprint.clone()).or_default();
            of_member.entry((node.layer, node.member)).or_default().push(secret);
        }
    }
    by_finding
}

/// What is redacted of each text of the documents by what the scan found, by pointer or key.
struct Texts {
    config: BTreeMap<String, BTreeSet<Span>>,
    annotations: BTreeMap<String, BTreeSet<Span>>,
}

impl Texts {
    fn of(image: &Inventory, findings: &[&Finding]) -> Self {
        let mut texts = Self { config: BTreeMap::new(), annotations: BTreeMap::new() };
        let wishes = Wishes { only: vec![SECRETS.group], ..Wishes::default() };
        let plan = plan_findings(image, findings, &wishes);
        let own = plan.actions.iter().filter(|action| action.fixer == SECRET_SETTINGS.id);
        for edit in own.flat_map(|action| &action.edits.0) {
            match edit {
                Edit::RedactConfig { pointer, spans } => {
                    texts.config.entry(pointer.clone()).or_default().extend(spans);
                }
                Edit::RemoveAnnotation { key, secrets } => {
                    texts.annotations.entry(key.clone()).or_default().extend(secrets);
                }
                _ => {}
            }
        }
        texts
    }
}

struct Look<'a> {
    /// Of all secrets that the scan found.
    known: &'a ByMember,
    /// Of those that are neither accepted nor ignored.
    wanted: &'a ByMember,
    /// Of those that the action names.
    own: ByMember,
    /// By all findings, and by those that are neither accepted nor ignored.
    texts: &'a [Texts; 2],
    action: &'a Action,
}

impl Look<'_> {
    fn at(&self, edit: &Edit) -> Option<String> {
        let none = Places::default();
        match edit {
            Edit::DropMember { member, secrets, inside } => {
                let place = (member.layer, member.member);
                let given = (secrets.iter().copied().collect(), inside.iter().cloned().collect());
                if !is_within(&given, self.known.get(&place).unwrap_or(&none)) {
                    return Some(more(&member.path));
                }
                // none at all, and nothing that asks for any: they are filled in
                let is_own = self.own.contains_key(&place);
                let must = if is_own { self.own.get(&place) } else { self.wanted.get(&place) };
                let is_filled = !is_own && given == none;
                let is_all = is_filled || must.is_none_or(|must| is_within(must, &given));
                (!is_all).then(|| less(&member.path))
            }
            Edit::BlankBytes { member, spans } => {
                let given: Places = (spans.iter().copied().collect(), BTreeSet::new());
                let is_all = self.own.get(&(member.layer, member.member)).is_some_and(|must| is_within(must, &given));
                (!is_all).then(|| less(&member.path))
            }
            Edit::RedactConfig { pointer, spans } if self.action.fixer == SECRET_SETTINGS.id => {
                self.text(spans, |texts| texts.config.get(pointer)).then(|| other(pointer))
            }
            Edit::RemoveAnnotation { key, secrets } if self.action.fixer == SECRET_SETTINGS.id => {
                self.text(secrets, |texts| texts.annotations.get(key)).then(|| other(&format!("annotation {key}")))
            }
            _ => None,
        }
    }

    /// Whether the places of a text are others than the scan's.
    fn text<'t>(&'t self, spans: &[Span], of: impl Fn(&'t Texts) -> Option<&'t BTreeSet<Span>>) -> bool {
        let given: BTreeSet<Span> = spans.iter().copied().collect();
        !self.texts.iter().any(|texts| of(texts) == Some(&given))
    }
}

fn is_within(part: &Places, all: &Places) -> bool {
    part.0.is_subset(&all.0) && part.1.is_subset(&all.1)
}

fn shown(place: &str) -> String {
    crate::secret::masked_path(&crate::escape::escape(place))
}

fn more(place: &str) -> String {
    format!("it says of bytes of `{}` that they are a secret, and the scan of the image does not", shown(place))
}

fn less(place: &str) -> String {
    format!("it leaves out a secret that the scan finds in `{}`", shown(place))
}

fn other(place: &str) -> String {
    format!("it has other places of secrets in `{}` than the scan finds", shown(place))
}

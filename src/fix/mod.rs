//! Turns findings, and what the user asks for, into a plan of edits: each fixer one file here and one line in [`FIXERS`].
//!
//! A fixer reads the inventory and the findings of its rules and proposes actions, or says why it does nothing. It changes no
//! byte: [`crate::rebuild`] carries the plan out. What no fixer may touch stands in one place, [`Guard`].

mod allowed;
mod caches;
mod compare;
pub mod conflict;
mod copies;
mod drops;
mod env;
pub mod foresee;
mod guard;
mod healthcheck;
mod heirs;
mod host_keys;
mod labels;
mod leftovers;
mod lookalikes;
mod machine_id;
mod merged;
mod names;
mod outcome;
mod page;
mod passwords;
mod permissions;
pub mod plan;
mod redact;
mod remove;
mod reveal;
mod search;
mod secret_settings;
mod secrets;
mod setuid;
mod show;
pub mod spans;
pub mod statement;
#[cfg(test)]
mod testing;
mod top;
mod user;
pub mod verify;
mod waste;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::policy::{Action as Judgement, Judged};
use crate::rebuild::{Content, Edit, Edits, LARGEST_FILE, Member};
use crate::rule::Severity;
use crate::secret::{SECRETS_NOT_LISTED, is_masked, masked_path};
use crate::size::ByteSize;
use crate::tree::{FileKind, Node};

use conflict::Merge;
use guard::{Links, No};
use plan::{Action, Expected, ImageId, ImagePlan, Kind, Refused, Risk, Safety};

pub use crate::policy::FIX_GROUPS as GROUPS;
pub use foresee::{Values, foresee};
pub use guard::Guard;
pub use outcome::{ATTACHED, Changes, render_changes};
pub use page::page;
pub use plan::Plan;
pub use show::{PlanFormat, render_plan};
pub use wish::{Redaction, RunAs, Wishes};

/// Mends one kind of thing.
#[derive(Debug)]
pub struct Fixer {
    /// Kebab case; ids of actions begin with it.
    pub id: &'static str,
    /// The word of `--only`, `--skip` and `[fix] allow`; empty for what is done only when it is asked for by a flag.
    pub group: &'static str,
    /// What it mends, as a title.
    pub title: &'static str,
    /// Rules whose findings it takes.
    pub rules: &'static [&'static str],
    /// What it does; Markdown.
    pub does: &'static str,
    /// What it never does; Markdown.
    pub never: &'static str,
    /// Looks at the image and proposes.
    pub plan: fn(&Job<'_>, &mut Draft<'_>),
}

/// All fixers, sorted by id.
pub static FIXERS: &[&Fixer] = &[
    &caches::CACHES,
    &env::ENV,
    &healthcheck::HEALTHCHECK,
    &host_keys::HOST_KEYS,
    &labels::LABELS,
    &leftovers::LEFTOVERS,
    &machine_id::MACHINE_ID,
    &passwords::PASSWORDS,
    &permissions::PERMISSIONS,
    &redact::REDACT,
    &remove::REMOVE,
    &secret_settings::SECRET_SETTINGS,
    &secrets::SECRETS,
    &setuid::SETUID,
    &user::USER,
    &waste::WASTE,
];

/// What a fixer may look at.
pub struct Job<'a> {
    /// The image.
    pub image: &'a Inventory,
    /// What must not be touched.
    pub guard: &'a Guard<'a>,
    /// What the user and the policy ask for.
    pub wishes: &'a Wishes,
    /// Whether the fixer's kind is wanted, not only what a flag asks for.
    pub is_selected: bool,
    /// What was found, waived and ignored findings left out.
    findings: &'a [&'a Finding],
}

impl<'a> Job<'a> {
    /// Findings of these rules, in their order.
    pub fn findings(&self, rules: &'a [&'a str]) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().copied().filter(move |finding| rules.contains(&finding.rule.id))
    }

    /// Findings of these rules that are in layers of one's own, by layer; those of the base's layers are refused with
    /// `reason`, which follows the layer's name.
    fn findings_by_layer(
        &self,
        rules: &'a [&'a str],
        draft: &mut Draft<'_>,
        reason: &str,
    ) -> BTreeMap<u32, Vec<&'a Finding>> {
        let mut by_layer: BTreeMap<u32, Vec<&Finding>> = BTreeMap::new();
        for finding in self.findings(rules) {
            if let Some(layer) = finding.layer() {
                by_layer.entry(layer).or_default().push(finding);
            }
        }
        by_layer.retain(|layer, findings| {
            let is_base = self.guard.is_base(*layer);
            for finding in findings.iter().filter(|_| is_base) {
                draft.refuse(
                    finding,
                    format!("layer {layer} belongs to the base image, and {reason}"),
                    "`--touch-base` takes it out of the base's layers; better build on a base without it",
                );
            }
            !is_base
        });
        by_layer
    }

    /// Members of a layer by what `sort` takes them for.
    fn sorted<K: Ord>(&self, layer: u32, sort: impl Fn(&Inventory, Node) -> Option<K>) -> BTreeMap<K, Vec<Node>> {
        let mut sorted: BTreeMap<K, Vec<Node>> = BTreeMap::new();
        let members = self.image.tree.layers().get(layer as usize).map_or(0, |members| members.len());
        for member in 0..u32::try_from(members).unwrap_or(u32::MAX) {
            let node = Node { layer, member };
            if let Some(key) = sort(self.image, node) {
                sorted.entry(key).or_default().push(node);
            }
        }
        sorted
    }

    /// Findings of all rules of this family, in their order.
    pub fn findings_of(&self, family: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().copied().filter(move |finding| finding.rule.family() == family)
    }

    /// Says, behind `reason`, how much stays in layers below copies of it.
    fn with_waste(&self, reason: &str, edits: &[Edit]) -> String {
        let copied: BTreeSet<Node> = edits.iter().filter_map(Edit::copied).map(Member::node).collect();
        let bytes = copied.iter().map(|node| self.image.tree.entry(*node).size).fold(0, u64::saturating_add);
        if bytes < WASTE {
            return reason.to_owned();
        }
        let size = ByteSize(bytes);
        format!("{reason}; {size} of the base stay below the copies, unseen: `--touch-base` writes its layers anew")
    }

    /// Names a member as edits do.
    pub fn member(&self, node: Node) -> Member {
        Member { layer: node.layer, member: node.member, path: self.image.tree.entry(node).path.to_string() }
    }
}

/// Bytes that stay unseen below their copies, from which on the plan tells of them: a check does.
const WASTE: u64 = 1 << 20;

/// Takes what a fixer proposes.
pub struct Draft<'a> {
    fixer: &'static Fixer,
    wishes: &'a Wishes,
    actions: &'a mut Vec<Action>,
    refused: &'a mut Vec<Refused>,
}

/// An action before it has its number: only what differs from fixer to fixer.
#[derive(Debug)]
pub struct Proposal<'a> {
    /// What is done.
    pub kind: Kind,
    /// The findings that it mends.
    pub findings: Vec<&'a Finding>,
    /// The file, folder or field concerned.
    pub path: String,
    /// The layer concerned.
    pub layer: Option<u32>,
    /// How it is.
    pub before: String,
    /// How it will be.
    pub after: String,
    /// Whether somebody must look at it.
    pub safety: Safety,
    /// How likely the application minds.
    pub risk: Risk,
    /// Why, and what to look at.
    pub reason: String,
    /// Whether the user, or the policy, asked for just this.
    pub is_asked: bool,
    /// What is done.
    pub edits: Vec<Edit>,
}

impl Draft<'_> {
    /// Proposes an action; one that does nothing is dropped.
    pub fn propose(&mut self, proposal: Proposal<'_>) {
        let Proposal { kind, findings, path, layer, before, after, safety, risk, reason, is_asked, edits } = proposal;
        if edits.is_empty() {
            return;
        }
        let is_allowed = self.wishes.approves_all || self.wishes.policy.allow.contains(&self.fixer.group);
        self.actions.push(Action {
            id: String::new(),
            fixer: self.fixer.id.to_owned(),
            kind,
            approved: safety == Safety::Safe || safety == Safety::Review && (is_asked || is_allowed),
            rule: findings.first().map(|finding| finding.rule.id.to_owned()),
            findings: findings.iter().map(|finding| finding.fingerprint()).collect(),
            layer,
            path: masked_path(&path),
            before: masked_path(&before),
            after: masked_path(&after),
            safety,
            risk,
            reason: masked_path(&reason),
            edits: Edits(edits),
        });
    }

    /// Says why nothing is done about a finding.
    pub fn refuse(&mut self, finding: &Finding, reason: impl Into<String>, hint: impl Into<String>) {
        let path = match &finding.location {
            Location::File { path, .. } | Location::Package { path, .. } => path.to_string(),
            Location::Config { key } => key.clone(),
            Location::History { index, .. } => format!("history {index}"),
            Location::Dockerfile { file, .. } => file.clone(),
            Location::Image => String::new(),
        };
        self.refused.push(Refused {
            fixer: self.fixer.id.to_owned(),
            finding: Some(finding.fingerprint()),
            rule: Some(finding.rule.id.to_owned()),
            path: masked_path(&path),
            reason: reason.into(),
            hint: hint.into(),
        });
    }

    /// Says why something that was asked for is not done.
    pub fn refuse_wish(&mut self, path: &str, reason: impl Into<String>, hint: impl Into<String>) {
        self.refused.push(Refused {
            fixer: self.fixer.id.to_owned(),
            finding: None,
            rule: None,
            path: masked_path(path),
            reason: reason.into(),
            hint: hint.into(),
        });
    }
}

/// The plan for one image. `judged` are all its findings; those that are ignored or waived are left alone.
pub fn plan_image(image: &Inventory, judged: &[Judged], wishes: &Wishes) -> ImagePlan {
    let is_open = |one: &&Judged| one.action != Judgement::Ignore && one.waiver.is_none();
    let findings: Vec<&Finding> = judged.iter().filter(is_open).map(|one| &one.finding).collect();
    plan_findings(image, &findings, wishes)
}

/// The plan for one image and these findings.
pub fn plan_findings(image: &Inventory, findings: &[&Finding], wishes: &Wishes) -> ImagePlan {
    let guard = Guard::new(image, wishes);
    let mut by_fixer: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
    let mut refused = Vec::new();
    let mut sorted: Vec<&Finding> = findings.to_vec();
    sorted.sort_by_cached_key(|finding| (finding.rule.id, finding.location.clone(), finding.fingerprint()));
    for fixer in FIXERS {
        let is_selected = wishes.selects(fixer.group);
        if !is_selected && !wishes.asks_for(fixer.group) {
            continue;
        }
        let findings = if is_selected { sorted.as_slice() } else { &[] };
        let job = Job { image, guard: &guard, wishes, is_selected, findings };
        let mut actions = Vec::new();
        (fixer.plan)(&job, &mut Draft { fixer, wishes, actions: &mut actions, refused: &mut refused });
        by_fixer.insert(fixer.id, actions);
    }
    let mut actions = Vec::new();
    for (fixer, mut of_fixer) in by_fixer {
        of_fixer.sort_by(|a, b| (a.layer, &a.path, &a.before).cmp(&(b.layer, &b.path, &b.before)));
        for (number, action) in (1u32..).zip(&mut of_fixer) {
            action.id = format!("{fixer}-{number}");
        }
        actions.append(&mut of_fixer);
    }
    let known = secrets::places(image, &sorted);
    join(&known, guard.all_links(), &mut actions);
    reveal::hide(image, &guard, &mut actions);
    // what is not done may have hidden something, or held a name; each turn leaves fewer actions
    let mut turn = 0;
    while settle(image, &guard, &mut actions, &mut refused, turn) {
        reveal::hide(image, &guard, &mut actions);
        turn = turn.saturating_add(1);
    }
    top::prune(image, &mut actions);
    top::follow(&image.tree, &mut actions);
    user::without_accounts(image, &guard, &mut actions);
    // what was taken along meanwhile
    spans::fill(&known, guard.all_links(), &mut actions);
    if wishes.selects(secrets::SECRETS.group) {
        let active = actions.iter().filter(|action| action.is_active());
        let dropped = heirs::dropped(active.flat_map(|action| &action.edits.0));
        refused.extend(lookalikes::refused(image, &sorted, &dropped));
        tell_rest(&sorted, &actions, &mut refused);
    }
    tell_nameless(image, &sorted, wishes, &mut refused);
    let key = |refused: &Refused| (refused.fixer.clone(), refused.path.clone(), refused.rule.clone());
    for refused in &mut refused {
        refused.reason = masked_path(&refused.reason);
        refused.hint = masked_path(&refused.hint);
    }
    refused.sort();
    refused.dedup();
    refused.sort_by_cached_key(key);
    let expected = expected(image, guard.all_links(), &actions);
    ImagePlan { image: ImageId::of(image), actions, refused, remains: Vec::new(), expected }
}

/// Approves what comes to nothing more than is done anyway, and has the secrets of all files that go sought, whoever takes the
/// files out.
fn join(known: &BTreeMap<(u32, u32), secrets::Places>, links: &Links, actions: &mut [Action]) {
    let gone = heirs::dropped(actions.iter().filter(|action| action.is_active()).flat_map(|action| &action.edits.0));
    for action in actions.iter_mut().filter(|action| action.safety == Safety::Review && !action.approved) {
        let is_done = |edit: &Edit| matches!(edit, Edit::DropMember { member, .. } if gone.contains(&member.node()));
        action.approved = action.edits.0.iter().all(is_done);
    }
    spans::fill(known, links, actions);
}

/// Tells of secrets that no fixer said anything of.
fn tell_rest(findings: &[&Finding], actions: &[Action], refused: &mut Vec<Refused>) {
    let open = findings.iter().filter(|finding| finding.rule.family() == "secret" && finding.severity > Severity::Info);
    for finding in open {
        let fingerprint = finding.fingerprint();
        let key = match &finding.location {
            // a variable goes as a whole, whichever part of it is the secret
            Location::Config { key } if !key.starts_with("Env") => key,
            _ => continue,
        };
        let is_told = actions.iter().any(|action| action.findings.contains(&fingerprint))
            || refused.iter().any(|refused| refused.finding.as_ref() == Some(&fingerprint));
        if !is_told {
            refused.push(Refused {
                fixer: secret_settings::SECRET_SETTINGS.id.to_owned(),
                finding: Some(fingerprint),
                rule: Some(finding.rule.id.to_owned()),
                path: masked_path(key),
                reason: "it is a name, or stands where no fixer changes anything".into(),
                hint: format!("make the image anew without it; {}", secrets::ROTATE),
            });
        }
    }
}

/// Tells of what stands in files whose names hold a secret: findings do not say them, so that no fixer finds the file.
fn tell_nameless(image: &Inventory, findings: &[&Finding], wishes: &Wishes, refused: &mut Vec<Refused>) {
    for finding in findings {
        let Location::File { path, layer, .. } = &finding.location else { continue };
        if !is_masked(path) {
            continue;
        }
        let mends = |fixer: &&&Fixer| match finding.rule.family() {
            "secret" => fixer.id == secrets::SECRETS.id,
            _ => fixer.rules.contains(&finding.rule.id),
        };
        let Some(fixer) = FIXERS.iter().filter(|fixer| wishes.selects(fixer.group)).find(mends) else { continue };
        let members = image.tree.layers().get(*layer as usize);
        if members.is_some_and(|members| members.iter().any(|entry| entry.path == *path)) {
            continue;
        }
        let fingerprint = finding.fingerprint();
        if refused.iter().any(|refused| refused.finding.as_ref() == Some(&fingerprint)) {
            continue;
        }
        refused.push(Refused {
            fixer: fixer.id.to_owned(),
            finding: Some(fingerprint),
            rule: Some(finding.rule.id.to_owned()),
            path: path.to_string(),
            reason: "the file's name holds a secret and is not told, so that nothing says which file it is".into(),
            hint: "`--remove` with a glob that fits the name takes the file out".into(),
        });
    }
}

/// Makes a plan ready that somebody has looked at: what is approved now decides what must be hidden, and what comes of it.
/// An error if the plan is not of this image, or if an action needs another one that is not approved.
pub fn ready(image: &Inventory, judged: &[Judged], plan: &mut ImagePlan, wishes: &Wishes) -> Result<()> {
    let wrong = |what: String| Error::new(ErrorKind::Usage, what);
    let fresh = plan_image(image, judged, wishes);
    // whom the plan names is whom a flag named
    let wishes = &Wishes { user: wishes.user.or(plan.user()), ..wishes.clone() };
    let guard = Guard::new(image, wishes);
    names::restore(image, plan, &fresh).map_err(|why| {
        wrong(format!("the plan is of another image: {why}")).help("make it anew with `--dry-run --plan FILE`")
    })?;
    merged::unhide(image, &guard, &mut plan.actions);
    if let Some((id, why)) = allowed::forbidden(image, &guard, plan, &fresh) {
        return Err(wrong(format!("`{}` would do what careen never does: {why}", escape(&id)))
            .help("no plan is believed: make it anew with `--dry-run --plan FILE`, and change `approved` alone"));
    }
    if let Some((id, why)) = allowed::unmended(&guard, image, plan, &fresh) {
        return Err(wrong(format!("`{}` is not of this scan: {why}", escape(&id))).help(spans::HELP));
    }
    if let Some((id, why)) = spans::wrong(image, judged, plan) {
        return Err(wrong(format!("`{}` is not of this scan: {why}", escape(&id))).help(spans::HELP));
    }
    spans::from_scan(image, judged, guard.all_links(), plan);
    allowed::tell(plan, &fresh);
    if let Some((active, other, path)) = reveal::half_removed(image, &guard, &plan.actions) {
        let what = format!(
            "`{active}` takes the folder `{path}` out of its layer, and `{other}`, which is not approved, out of one below"
        );
        return Err(wrong(what).help("approve both, or neither"));
    }
    reveal::hide(image, &guard, &mut plan.actions);
    if let Some((place, why)) = heirs::follow(&image.tree, guard.all_links(), &mut plan.actions).into_iter().next() {
        let id = plan.actions.get(place).map_or("", |action| &action.id);
        return Err(wrong(format!("`{id}` cannot be done: {why}")).help("approve what takes out all names of the file"));
    }
    if let Some((place, why)) = top::losing(image, &plan.actions).into_iter().next() {
        let id = plan.actions.get(place).map_or("", |action| &action.id);
        return Err(wrong(format!("`{id}` cannot be done: {why}")).help("leave it out"));
    }
    if let Some((place, No { reason, hint })) = undoable(image, &plan.actions).into_iter().next() {
        let id = plan.actions.get(place).map_or("", |action| &action.id);
        return Err(wrong(format!("`{id}` cannot be done: {reason}")).help(hint));
    }
    plan.edits()?;
    if let Some((place, why)) = merged::settle(image, &guard, &mut plan.actions, 0).into_iter().next() {
        let id = plan.actions.get(place).map_or("", |action| &action.id);
        return Err(
            wrong(format!("`{id}` cannot be done: {why}")).help("approve what takes out the rest, too, or leave it")
        );
    }
    top::prune(image, &mut plan.actions);
    top::follow(&image.tree, &mut plan.actions);
    user::without_accounts(image, &guard, &mut plan.actions);
    spans::from_scan(image, judged, guard.all_links(), plan);
    plan.expected = expected(image, guard.all_links(), &plan.actions);
    Ok(())
}

/// Takes actions out that contradict one which was asked for or which comes before, those that would lose a name of a file, and
/// those after which something would lie elsewhere.
/// Whether there were any.
fn settle(
    image: &Inventory,
    guard: &Guard<'_>,
    actions: &mut Vec<Action>,
    refused: &mut Vec<Refused>,
    turn: u32,
) -> bool {
    let hint = "fix the image once more afterwards, or leave the other action out with `--skip`";
    let mut out = contradicting(actions);
    if out.is_empty() {
        out = heirs::follow(&image.tree, guard.all_links(), actions);
    }
    if out.is_empty() {
        out = top::losing(image, actions);
    }
    if out.is_empty() {
        out = merged::settle(image, guard, actions, turn);
    }
    let mut out: BTreeMap<usize, No> =
        out.into_iter().map(|(place, reason)| (place, No { reason, hint: hint.into() })).collect();
    if out.is_empty() {
        out = undoable(image, actions);
    }
    for (action, No { reason, hint }) in out.iter().filter_map(|(place, no)| Some((actions.get(*place)?, no))) {
        let refuse = |finding: Option<&String>| Refused {
            fixer: action.fixer.clone(),
            finding: finding.cloned(),
            rule: action.rule.clone(),
            path: action.path.clone(),
            reason: reason.clone(),
            hint: hint.clone(),
        };
        match action.findings.as_slice() {
            [] => refused.push(refuse(None)),
            several => refused.extend(several.iter().map(|finding| refuse(Some(finding)))),
        }
    }
    let mut place = 0;
    actions.retain(|_| {
        place += 1;
        !out.contains_key(&(place - 1))
    });
    !out.is_empty()
}

/// Places of actions that no image can have done: those that need one layer more than engines take, and those that take values
/// out of a file which has more than the scan lists, since the others would not be sought.
fn undoable(image: &Inventory, actions: &[Action]) -> BTreeMap<usize, No> {
    let gaps = image.limitations.iter().filter(|one| one.code == SECRETS_NOT_LISTED && one.is_gap);
    let files: BTreeSet<String> = gaps.map(|one| outer(&masked_path(&one.place)).to_owned()).collect();
    let mut out = BTreeMap::new();
    for (place, action) in actions.iter().enumerate().filter(|(_, action)| action.is_active()) {
        if top::is_full(image) && action.edits.0.iter().any(Edit::is_on_top) {
            let layers = image.layers.len();
            let reason = format!("it needs a layer on top of {layers}, and engines take no more");
            out.insert(place, No { reason, hint: "build the image with fewer layers".into() });
            continue;
        }
        let unlisted = action.edits.0.iter().filter(|_| !files.is_empty()).find_map(|edit| {
            let member = match edit {
                Edit::DropMember { member, secrets, inside } if !secrets.is_empty() || !inside.is_empty() => member,
                Edit::BlankBytes { member, .. } => member,
                _ => return None,
            };
            let own = [&image.tree.entry(member.node()).path];
            let names = own.into_iter().chain(image.tree.names_of(member.node()));
            names.map(|name| masked_path(&name.to_string())).find(|name| files.contains(outer(name)))
        });
        if let Some(path) = unlisted {
            let reason =
                format!("`{path}` has more secrets than are listed, and the others would not be sought elsewhere");
            out.insert(place, No { reason, hint: "`--limit findings-per-file=N` lists more".into() });
        }
    }
    out
}

/// The file that a path is of, or is in.
fn outer(path: &str) -> &str {
    path.split('!').next().unwrap_or_default()
}

/// Places of actions that contradict one which was asked for, or which comes before; and why.
fn contradicting(actions: &[Action]) -> BTreeMap<usize, String> {
    let mut out = BTreeMap::new();
    if conflict::merged(actions.iter().filter(|action| action.is_active())).is_ok() {
        return out;
    }
    // what the user asked for comes first
    let mut order: Vec<usize> = (0..actions.len()).collect();
    order.sort_by_key(|place| actions.get(*place).map(|action| !action.findings.is_empty()));
    let mut merge = Merge::default();
    for place in order {
        let Some(action) = actions.get(place).filter(|action| action.is_active()) else { continue };
        if let Err(contradiction) = merge.add_action(action) {
            out.insert(place, format!("it contradicts another action: {}", contradiction.0));
        }
    }
    out
}

/// Bytes of a member's header.
const HEADER: u64 = 512;

/// What comes of the actions that are carried out.
fn expected(image: &Inventory, links: &Links, actions: &[Action]) -> Expected {
    let size_before: u64 = image.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    let edits = conflict::merged(actions.iter().filter(|action| action.is_active())).unwrap_or_default();
    let padded = |bytes: u64| bytes.div_ceil(HEADER).saturating_mul(HEADER);
    let size_of = |member: &Member| {
        let members = image.tree.layers().get(member.layer as usize);
        members.and_then(|members| members.get(member.member as usize)).map_or(0, |entry| entry.size)
    };
    let mut rewritten = BTreeSet::new();
    let (mut gone, mut added) = (0u64, 0u64);
    let dropped = heirs::dropped(&edits.0);
    let heirs = heirs::heirs(links, &dropped);
    for edit in &edits.0 {
        rewritten.extend(edit.member().map(|member| member.layer));
        match edit {
            Edit::DropMember { member, .. } => {
                gone = gone.saturating_add(HEADER);
                let node = member.node();
                // its bytes stay while a hard link does
                if !heirs.contains_key(&node) {
                    gone = gone.saturating_add(padded(size_of(member)));
                }
            }
            Edit::Truncate { member } => gone = gone.saturating_add(padded(size_of(member))),
            Edit::AddFile { content, path, .. } => {
                let own = match content {
                    Content::Text { text } => text.len() as u64,
                    other => other.member().map_or(0, size_of).saturating_add(lines_of(other)),
                };
                added = added.saturating_add(HEADER).saturating_add(padded(own)).saturating_add(long(path));
            }
            Edit::AddFolder { path, .. } | Edit::Whiteout { path } => {
                added = added.saturating_add(HEADER).saturating_add(long(path));
            }
            _ => {}
        }
    }
    // the end of the archive on top, and that of each layer, which may have been shorter than the rules ask
    let ends = if added > 0 { 2 * HEADER } else { 0 } + 2 * HEADER * rewritten.len() as u64;
    Expected {
        layers_added: u32::from(added > 0),
        size_before,
        size_after_at_most: size_before.saturating_sub(gone).saturating_add(added).saturating_add(ends),
        layers_rewritten: rewritten.into_iter().collect(),
    }
}

/// Bytes that a name takes beyond what a header holds.
fn long(path: &str) -> u64 {
    if path.len() < 100 { 0 } else { 2 * HEADER + (path.len() as u64).div_ceil(HEADER) * HEADER }
}

fn lines_of(content: &Content) -> u64 {
    let length = |lines: &[String]| lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
    match content {
        Content::Appended { lines, .. } => length(lines) + 1,
        Content::Accounts { lock, append, .. } => length(append) + lock.len() as u64 + 1,
        Content::Locked { .. } => 1,
        Content::Text { .. } | Content::File { .. } => 0,
    }
}

/// A file or folder of the image in the layer on top, with another mode or content; owner and time stay. The folders above
/// it come along as they are: engines would make them anew with other modes.
fn on_top(job: &Job<'_>, path: &ImagePath, node: Node, mode: Option<u32>, content: Content) -> Result<Vec<Edit>, No> {
    let entry = job.image.tree.entry(node);
    let no = |reason: String| No {
        reason,
        hint: "change it where the image is built; `--touch-base` writes the layer anew".into(),
    };
    let real = job.guard.real(path);
    let Ok(name) = std::str::from_utf8(real.as_bytes()) else {
        return Err(no(format!("the name of `{path}` is not UTF-8, and a copy on top needs one")));
    };
    if real.is_root() {
        return Err(no("no layer on top changes the root folder".into()));
    }
    let (path, mode) = (name.to_owned(), mode.unwrap_or(entry.mode));
    let (uid, gid, mtime) = (entry.uid, entry.gid, entry.mtime);
    if let Some(no) = top::loses_above(&job.image.tree, &real) {
        return Err(no);
    }
    let mut edits = folders_above(job.image, &real);
    edits.push(match entry.kind {
        FileKind::Directory if entry.has_attributes => {
            return Err(no(format!("the folder `{real}` has an access list, which an entry on top would lose")));
        }
        FileKind::Directory => Edit::AddFolder { path, mode, uid, gid, mtime },
        _ if entry.capabilities.is_some() => {
            return Err(no(format!("`{real}` has file capabilities, which a copy on top would lose")));
        }
        _ if entry.has_attributes => {
            let what = "has extended attributes or an access list, which a copy on top would lose";
            return Err(no(format!("`{real}` {what}")));
        }
        _ if entry.size > LARGEST_FILE => {
            return Err(no(format!("`{real}` is too large to be copied to a layer on top")));
        }
        _ => Edit::AddFile { path, mode, uid, gid, mtime, content },
    });
    Ok(edits)
}

/// The folders above a real path, as the merged image has them.
fn folders_above(image: &Inventory, real: &ImagePath) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut above = real.parent();
    while !above.is_root() {
        let entry = image.tree.get(&above).map(|node| image.tree.entry(node));
        let folder = entry.filter(|entry| entry.kind == FileKind::Directory);
        if let (Some(entry), Ok(path)) = (folder, std::str::from_utf8(above.as_bytes())) {
            let (mode, uid, gid, mtime) = (entry.mode, entry.uid, entry.gid, entry.mtime);
            edits.push(Edit::AddFolder { path: path.to_owned(), mode, uid, gid, mtime });
        }
        above = above.parent();
    }
    edits.reverse();
    edits
}

/// `1 file (3 KiB)`, `3 files (1 MiB)`.
fn heap(files: u64, bytes: u64) -> String {
    let noun = if files == 1 { "file" } else { "files" };
    format!("{files} {noun} ({})", ByteSize(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixers_are_sorted_and_say_what_they_do() {
        assert!(FIXERS.windows(2).all(|pair| pair[0].id < pair[1].id));
        for fixer in FIXERS {
            for text in [fixer.does, fixer.never] {
                assert!(text.ends_with('.') && !text.contains("  "), "{}", fixer.id);
            }
            assert!(!fixer.title.is_empty() && !fixer.title.ends_with('.'), "{}", fixer.id);
            assert!(fixer.group.is_empty() || GROUPS.contains(&fixer.group), "{}", fixer.id);
            let known = crate::scan::rules();
            for rule in fixer.rules {
                assert!(known.iter().any(|known| known.id == *rule), "{}: {rule}", fixer.id);
            }
        }
        assert!(GROUPS.is_sorted());
    }
}

//! Holds the actions of a plan that comes from a file to what the fixers themselves would do: each edit must be of a kind that
//! its fixer makes, aimed at what no guard keeps; what is shown of an action is made from its edits.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;

use crate::escape::escape;
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rebuild::{Content, Edit, Edits, Member, Span};
use crate::secret::masked_path;
use crate::tree::{FileKind, Node};

use super::Guard;
use super::guard::No;
use super::heirs::dropped;
use super::labels::is_name;
use super::plan::{Action, ImagePlan, Kind, Risk};
use super::setuid::STATOVERRIDE;
use super::top::{self, Header};

/// Edits of an action that are told; the rest is counted.
const TOLD: usize = 50;

/// Bits of a mode that no fixer gives, but takes.
const STICKY: u32 = 0o1000;

/// Why an approved action would do what no fixer does: the action's id and a sentence without a full stop.
pub(super) fn forbidden(
    image: &Inventory,
    guard: &Guard<'_>,
    plan: &ImagePlan,
    fresh: &ImagePlan,
) -> Option<(String, String)> {
    let mut known: HashSet<(&str, String)> = HashSet::new();
    for action in &fresh.actions {
        known.extend(action.edits.0.iter().map(|edit| (action.fixer.as_str(), text(edit))));
    }
    let (as_is, setid) = (Known::default(), Known::default());
    let headers = top::headers(&plan.actions);
    plan.active().find_map(|action| {
        let names = OnceCell::new();
        let look = Look { image, guard, action, fresh, headers: &headers, names, as_is: &as_is, setid: &setid };
        let is_known = |edit: &Edit| known.contains(&(action.fixer.as_str(), text(edit)));
        let mut edits = action.edits.0.iter().filter(|edit| !is_known(edit));
        let why = edits.find_map(|edit| look.at(edit).err())?;
        Some((action.id.clone(), why))
    })
}

/// An approved action that says of a finding that it mends it, and touches nothing of what its fixer would: the action's id and a
/// sentence without a full stop.
pub(super) fn unmended(
    guard: &Guard<'_>,
    image: &Inventory,
    plan: &ImagePlan,
    fresh: &ImagePlan,
) -> Option<(String, String)> {
    let place = |edit: &Edit| match (edit, edit.member()) {
        (_, Some(member)) => guard.real(&image.tree.entry(member.node()).path).to_string(),
        (Edit::AddFile { path, .. } | Edit::AddFolder { path, .. } | Edit::Whiteout { path }, _) => format!("/{path}"),
        _ => target(edit),
    };
    let mut places: HashMap<(&str, &str), BTreeSet<String>> = HashMap::new();
    for action in &fresh.actions {
        for finding in &action.findings {
            let own = places.entry((action.fixer.as_str(), finding.as_str())).or_default();
            own.extend(action.edits.0.iter().map(place));
        }
    }
    plan.active().find_map(|action| {
        let own: BTreeSet<String> = action.edits.0.iter().map(place).collect();
        let is_other = action.findings.iter().any(|finding| {
            let known = places.get(&(action.fixer.as_str(), finding.as_str()));
            known.is_some_and(|known| known.is_disjoint(&own))
        });
        is_other.then(|| (action.id.clone(), "it says that it mends a finding, and does nothing about it".to_owned()))
    })
}

/// What tells edits or actions apart.
fn text<T: serde::Serialize>(of: &T) -> String {
    serde_json::to_string(of).unwrap_or_default()
}

/// Tells by its edits what an action does, unless `fresh`, which was made of the image just now, has the very same one.
pub(super) fn tell(plan: &mut ImagePlan, fresh: &ImagePlan) {
    let known: HashSet<String> = fresh.actions.iter().map(bare).collect();
    for action in &mut plan.actions {
        if !known.contains(&bare(action)) {
            let told: Vec<String> = action.edits.0.iter().take(TOLD).map(told).collect();
            let more = action.edits.0.len().saturating_sub(told.len());
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            action.kind = action.edits.0.first().map_or(action.kind, kind);
            action.path = action.edits.0.first().map_or_else(String::new, target);
            action.before = format!("{} edits of the plan", action.edits.0.len());
            action.after = told.join("; ") + &more;
            action.risk = Risk::High;
            "careen plans no such action by itself with these flags and this policy".clone_into(&mut action.reason);
        }
    }
}

/// An action without its number, whether it is approved, what hides older files, and the places of secrets, which the scan says.
fn bare(action: &Action) -> String {
    let drops = action.edits.0.iter().any(|edit| matches!(edit, Edit::DropMember { .. }));
    let hides = |edit: &Edit| drops && matches!(edit, Edit::Whiteout { .. } | Edit::AddFolder { .. });
    let placeless = |edit: &Edit| match edit {
        Edit::DropMember { member, .. } => {
            Edit::DropMember { member: member.clone(), secrets: Vec::new(), inside: Vec::new() }
        }
        other => other.clone(),
    };
    let edits = action.edits.0.iter().filter(|edit| !hides(edit)).map(placeless).collect();
    text(&Action { id: String::new(), approved: false, edits: Edits(edits), ..action.clone() })
}

struct Look<'a> {
    image: &'a Inventory,
    guard: &'a Guard<'a>,
    action: &'a Action,
    fresh: &'a ImagePlan,
    /// What becomes of headers by the plan.
    headers: &'a BTreeMap<Node, Header>,
    /// Real paths of what the action takes out.
    names: OnceCell<BTreeSet<ImagePath>>,
    /// Why files must stay as they are.
    as_is: &'a Known,
    /// Why programs keep their bits.
    setid: &'a Known,
}

/// What the guard says of files.
type Known = RefCell<BTreeMap<Node, Option<No>>>;

impl Look<'_> {
    fn at(&self, edit: &Edit) -> Result<(), String> {
        let never = || format!("the fixer `{}` never does this: {}", escape(&self.action.fixer), told(edit));
        let fixer = self.action.fixer.as_str();
        let fits = match edit {
            Edit::DropMember { member, .. } => {
                let fits = ["caches", "host-keys", "leftovers", "remove", "secrets", "waste"].contains(&fixer);
                return if fits { self.may_go(member) } else { Err(never()) };
            }
            Edit::BlankBytes { member, .. } => {
                return if fixer == "secrets" { self.may_change(member, true) } else { Err(never()) };
            }
            Edit::Truncate { member } => {
                let name = self.entry_path(member);
                match fixer {
                    "machine-id" => name.file_name() == b"machine-id" && self.may_change(member, false).is_ok(),
                    // what a daemon appends to
                    "leftovers" if name.is_under(b"var/log") => return self.may_change(member, true),
                    _ => false,
                }
            }
            Edit::LockPassword { member, .. } => {
                fixer == "passwords" && self.is_accounts(member) && self.may_change(member, false).is_ok()
            }
            Edit::SetHeader { member, mode, uid, gid } => return self.header(member, *mode, *uid, *gid),
            Edit::AddFile { path, mode, uid, gid, content, .. } => {
                return self.file(path, (*mode, *uid, *gid), content);
            }
            Edit::AddFolder { path, mode, uid, gid, .. } => return self.folder(path, (*mode, *uid, *gid)),
            // only what hides the older files of what goes
            Edit::Whiteout { path } => {
                self.names.get_or_init(|| self.own_names()).contains(&ImagePath::from(path.as_str()))
            }
            Edit::SetConfig { pointer, value } => match (fixer, pointer.as_str()) {
                ("user", "/config/User") => value.as_str().is_some_and(is_numbers),
                ("labels", pointer) => is_label(pointer) && value.is_string(),
                // what it runs is not looked at here
                ("healthcheck", "/config/Healthcheck") => self
                    .fresh
                    .actions
                    .iter()
                    .any(|action| action.fixer == "healthcheck" && action.edits.0.contains(edit)),
                _ => false,
            },
            Edit::RemoveConfig { pointer } => ["labels", "secret-settings"].contains(&fixer) && is_label(pointer),
            Edit::RemoveEnv { .. } => ["env", "secret-settings"].contains(&fixer),
            Edit::RedactConfig { pointer, spans } => {
                ["redact", "secret-settings"].contains(&fixer) && !super::redact::is_run(pointer) && are_runs(spans)
            }
            Edit::RedactAnnotation { key, spans } => fixer == "redact" && !is_name(key) && are_runs(spans),
            Edit::RemoveAnnotation { key, .. } => {
                let is_asked = fixer == "labels" || !is_name(key);
                ["labels", "redact", "secret-settings"].contains(&fixer) && is_asked
            }
            Edit::SetAnnotation { .. } => false,
        };
        if fits { Ok(()) } else { Err(never()) }
    }

    fn own_names(&self) -> BTreeSet<ImagePath> {
        let own = dropped(&self.action.edits.0);
        own.iter().map(|node| self.guard.real(&self.image.tree.entry(*node).path)).collect()
    }

    fn entry_path(&self, member: &Member) -> ImagePath {
        self.image.tree.entry(member.node()).path.clone()
    }

    /// Whether no guard keeps a member in its layer.
    fn may_go(&self, member: &Member) -> Result<(), String> {
        let (node, tree) = (member.node(), &self.image.tree);
        let entry = tree.entry(node);
        let no = if self.action.fixer == "waste" {
            let is_hidden = |node: Node| tree.hidden(node).is_some() && tree.entry(node).is_file();
            // a hard link is no file of its own
            if !is_hidden(node) && !self.guard.all_links().file_of(node).is_some_and(is_hidden) {
                return Err(format!("`{}` is seen in containers, and is no waste", entry.path));
            }
            self.guard.keeps_hidden(node)
        } else if entry.is_marker() {
            self.guard.closed(node.layer)
        } else if entry.kind == FileKind::Directory && self.action.fixer == "remove" {
            self.guard.keeps_folder(node)
        } else {
            self.guard.keeps(node)
        };
        no.map_or(Ok(()), |no| Err(no.reason))
    }

    /// Whether a member's content may change where it is.
    fn may_change(&self, member: &Member, is_application: bool) -> Result<(), String> {
        let node = member.node();
        let keeps = |name| if is_application { self.guard.keeps(name) } else { self.guard.closed(node.layer) };
        let as_is = || self.of_file(self.as_is, node, &|file| self.guard.keeps_as_is(file));
        let no = self.guard.with_links(node).find_map(keeps).or_else(as_is);
        no.map_or(Ok(()), |no| Err(no.reason))
    }

    /// What is asked of a file, once for all its hard links.
    fn of_file(&self, known: &Known, name: Node, ask: &dyn Fn(Node) -> Option<No>) -> Option<No> {
        let file = self.guard.all_links().file_of(name).unwrap_or(name);
        known.borrow_mut().entry(file).or_insert_with(|| ask(file)).clone()
    }

    fn is_accounts(&self, member: &Member) -> bool {
        let accounts = &self.image.accounts;
        [&accounts.passwd, &accounts.shadow].into_iter().flatten().any(|(_, of)| *of == member.node())
    }

    /// Bits may go, and the working folder may get the user.
    fn header(&self, member: &Member, mode: Option<u32>, uid: Option<u32>, gid: Option<u32>) -> Result<(), String> {
        let entry = self.image.tree.entry(member.node());
        self.may_change(member, false)?;
        let fixer = self.action.fixer.as_str();
        if fixer == "setuid"
            && let Some(no) = self.of_file(self.setid, member.node(), &|file| self.guard.keeps_setid(file))
        {
            return Err(no.reason);
        }
        // a name that stays may get the header of its file
        let of_file = self.guard.all_links().file_of(member.node()).map(|file| self.image.tree.entry(file).mode);
        if let Some(mode) = mode
            && !std::iter::once(entry.mode).chain(of_file).any(|old| takes_bits(fixer, old, mode))
        {
            return Err(format!("the mode of `{}` would be {mode:04o} in place of {:04o}", entry.path, entry.mode));
        }
        if (uid.is_some() || gid.is_some()) && !(fixer == "user" && self.is_workdir(&entry.path)) {
            return Err(format!("`{}` would get another owner", entry.path));
        }
        Ok(())
    }

    fn is_workdir(&self, path: &ImagePath) -> bool {
        let config = self.image.config.as_ref();
        let workdir = config.map(|config| config.config.working_dir.as_str()).filter(|path| !path.is_empty());
        let found = workdir.and_then(|path| self.image.tree.resolve(&ImagePath::from(path)));
        found.is_some_and(|(real, _)| real == self.guard.real(path))
    }

    /// Whether a line of `passwd` is of the very user that the action sets, whose group may be root's.
    fn is_of_user(&self, line: &str) -> bool {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, uid, "0", comment, folder, shell] = fields.as_slice() else { return false };
        let user = json!(format!("{uid}:0"));
        let sets = |edit: &Edit| matches!(edit, Edit::SetConfig { pointer, value } if pointer == "/config/User" && *value == user);
        let same = [name, password, uid, uid, comment, folder, shell].map(|field| *field).join(":");
        self.action.edits.0.iter().any(sets) && is_account(&same)
    }

    fn folder(&self, path: &str, (mode, uid, gid): (u32, u32, u32)) -> Result<(), String> {
        let real = ImagePath::from(path);
        let tree = &self.image.tree;
        let root = || tree.layers().iter().rev().find_map(|members| members.iter().rfind(|entry| entry.path.is_root()));
        let entry = if real.is_root() { root() } else { tree.get(&real).map(|node| tree.entry(node)) };
        let Some(entry) = entry.filter(|entry| entry.kind == FileKind::Directory) else {
            return Err(format!("`{real}` is no folder of the image"));
        };
        let fixer = self.action.fixer.as_str();
        let is_owner = (uid, gid) == (entry.uid, entry.gid) || fixer == "user" && self.is_workdir(&real);
        if is_owner && (mode == entry.mode || fixer == "permissions" && takes_bits(fixer, entry.mode, mode)) {
            return Ok(());
        }
        // what its member gets by another name, which is put right once more
        let header = top::stored_elsewhere(tree, path).and_then(|node| self.headers.get(&node));
        if header.is_some_and(|header| header.gives(entry, uid, gid)) && mode & !(entry.mode | STICKY) == 0 {
            return Ok(());
        }
        Err(format!("the folder `{real}` would get another mode or owner"))
    }

    fn file(&self, path: &str, (mode, uid, gid): (u32, u32, u32), content: &Content) -> Result<(), String> {
        let real = ImagePath::from(path);
        let tree = &self.image.tree;
        let fixer = self.action.fixer.as_str();
        let other = || Err(format!("the fixer `{}` writes no such file: `{real}`", escape(fixer)));
        if self.guard.is_kept(&real) {
            return Err(format!("`[fix] keep` of the policy has `{real}`"));
        }
        let Some(shown) = tree.get(&real) else {
            // dpkg's list of modes, which the image has not yet
            let is_list = fixer == "setuid" && path == STATOVERRIDE && (uid, gid, mode) == (0, 0, 0o644);
            return match content {
                Content::Text { text } if is_list && text.lines().all(is_override) => Ok(()),
                _ => other(),
            };
        };
        let is_program = fixer == "setuid" && matches!(content, Content::File { .. });
        let no = if is_program { self.guard.keeps_setid(shown) } else { self.guard.keeps_as_is(shown) };
        if let Some(no) = no {
            return Err(no.reason);
        }
        let entry = tree.entry(shown);
        if (uid, gid) != (entry.uid, entry.gid) || !(mode == entry.mode || takes_bits(fixer, entry.mode, mode)) {
            return Err(format!("`{real}` would get another mode or owner"));
        }
        let is_own = content.member().is_none_or(|member| member.node() == shown);
        let of = |file: &str| tree.resolve(&ImagePath::from(file)).is_some_and(|(_, node)| node == shown);
        let fits = entry.kind == FileKind::File
            && is_own
            && match (fixer, content) {
                ("setuid" | "permissions", Content::File { .. }) => true,
                ("setuid", Content::Appended { lines, .. }) => {
                    of(STATOVERRIDE) && lines.iter().all(|line| is_override(line))
                }
                ("machine-id", Content::Text { text }) => text.is_empty() && real.file_name() == b"machine-id",
                ("passwords", Content::Locked { .. }) => of("etc/passwd") || of("etc/shadow"),
                ("user", Content::Appended { lines, .. }) => {
                    let is_file = ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"].iter().any(|file| of(file));
                    is_file && lines.iter().all(|line| is_account(line) || self.is_of_user(line))
                }
                _ => false,
            };
        if fits { Ok(()) } else { other() }
    }
}

/// Whether a fixer makes the new mode of the old one.
fn takes_bits(fixer: &str, old: u32, new: u32) -> bool {
    match fixer {
        "setuid" => new == old & !0o6000,
        "permissions" => new == old & !0o002 || new == old | STICKY,
        _ => false,
    }
}

/// Whether there is a byte in each place.
fn are_runs(spans: &[Span]) -> bool {
    spans.iter().all(|span| span.length > 0)
}

/// `UID:GID`, where the user is not root.
fn is_numbers(text: &str) -> bool {
    let is_root = text.split(':').next().and_then(|user| user.parse::<u32>().ok()) == Some(0);
    !is_root && text.split(':').all(|part| part.parse::<u32>().is_ok()) && text.split(':').count() <= 2
}

fn is_label(pointer: &str) -> bool {
    pointer.strip_prefix("/config/Labels/").is_some_and(|key| !key.contains('/'))
}

/// A line of dpkg's list that gives no bits: user, group, mode, path.
fn is_override(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let mode = words.get(2).and_then(|mode| u32::from_str_radix(mode, 8).ok());
    words.len() >= 4 && !line.contains(['\n', '\r']) && mode.is_some_and(|mode| mode & 0o6000 == 0)
}

/// A locked account without a shell that is not root's, or its line in the other tables.
fn is_account(line: &str) -> bool {
    let fields: Vec<&str> = line.split(':').collect();
    let is_locked = matches!(fields.get(1), Some(&"x" | &"!"));
    let is_root = |field: Option<&&str>| field.is_none_or(|field| field.parse::<u32>().is_ok_and(|id| id == 0));
    let is_bare = match fields.len() {
        // passwd
        7 => {
            let has_shell = !fields.last().is_some_and(|shell| shell.ends_with("nologin") || shell.ends_with("/false"));
            !is_root(fields.get(2)) && !is_root(fields.get(3)) && !has_shell
        }
        // group, gshadow
        4 => fields.last().is_some_and(|members| members.is_empty()) && fields.get(2) != Some(&"0"),
        // shadow
        9 => true,
        _ => false,
    };
    is_locked && is_bare && !line.contains(['\n', '\r'])
}

/// What an edit is about.
fn target(edit: &Edit) -> String {
    let shown = match edit {
        Edit::AddFile { path, .. } | Edit::AddFolder { path, .. } | Edit::Whiteout { path } => format!("/{path}"),
        Edit::SetConfig { pointer, .. } | Edit::RemoveConfig { pointer } | Edit::RedactConfig { pointer, .. } => {
            pointer.clone()
        }
        Edit::RemoveEnv { name } => format!("Env.{name}"),
        Edit::SetAnnotation { key, .. } | Edit::RedactAnnotation { key, .. } | Edit::RemoveAnnotation { key, .. } => {
            format!("annotation {key}")
        }
        Edit::DropMember { member, .. }
        | Edit::BlankBytes { member, .. }
        | Edit::Truncate { member }
        | Edit::LockPassword { member, .. }
        | Edit::SetHeader { member, .. } => member.path.clone(),
    };
    masked_path(&escape(shown))
}

fn kind(edit: &Edit) -> Kind {
    match edit {
        Edit::DropMember { .. } | Edit::Whiteout { .. } => Kind::Remove,
        Edit::BlankBytes { .. } => Kind::Blank,
        Edit::Truncate { .. } => Kind::Empty,
        Edit::LockPassword { .. } => Kind::Lock,
        Edit::SetHeader { uid: None, gid: None, .. } | Edit::AddFolder { .. } => Kind::Mode,
        Edit::SetHeader { .. } => Kind::Owner,
        Edit::RedactConfig { .. } | Edit::RedactAnnotation { .. } => Kind::Redact,
        _ => Kind::Setting,
    }
}

/// What an edit does, in words.
fn told(edit: &Edit) -> String {
    let target = target(edit);
    let layer = edit.member().map(|member| format!(" of layer {}", member.layer)).unwrap_or_default();
    let shown = |text: &str| masked_path(&escape(text));
    match edit {
        Edit::DropMember { .. } => format!("take out `{target}`{layer}"),
        Edit::BlankBytes { spans, .. } => {
            let bytes: u64 = spans.iter().fold(0, |sum, span| sum.saturating_add(span.length));
            format!("put `*` in place of {bytes} bytes of `{target}`{layer}")
        }
        Edit::Truncate { .. } => format!("empty `{target}`{layer}"),
        Edit::LockPassword { user, .. } => format!("lock `{}` in `{target}`{layer}", shown(user)),
        Edit::SetHeader { mode, uid, gid, .. } => {
            let mode = mode.map(|mode| format!(", mode {mode:04o}")).unwrap_or_default();
            let uid = uid.map(|uid| format!(", owner {uid}")).unwrap_or_default();
            let gid = gid.map(|gid| format!(", group {gid}")).unwrap_or_default();
            format!("change `{target}`{layer}{mode}{uid}{gid}")
        }
        Edit::AddFile { mode, uid, gid, content, .. } => {
            let what = match content {
                Content::Text { text } => format!("a text of {} bytes", text.len()),
                Content::File { member } => format!("a copy of `{}`", shown(&member.path)),
                Content::Appended { lines, .. } => format!("its old content and `{}`", shown(&lines.join("`, `"))),
                Content::Accounts { lock, append, .. } => {
                    format!("its old content, {} accounts locked and {} lines added", lock.len(), append.len())
                }
                Content::Locked { user, .. } => format!("its old content, `{}` locked", shown(user)),
            };
            format!("write `{target}`, mode {mode:04o}, owner {uid}:{gid}: {what}")
        }
        Edit::AddFolder { mode, uid, gid, .. } => {
            format!("write the folder `{target}`, mode {mode:04o}, owner {uid}:{gid}")
        }
        Edit::Whiteout { .. } => format!("hide `{target}`"),
        Edit::SetConfig { value, .. } => format!("set `{target}` to `{}`", shown(&value.to_string())),
        Edit::RemoveConfig { .. } | Edit::RemoveAnnotation { .. } => format!("take out `{target}`"),
        Edit::RemoveEnv { .. } => format!("unset `{target}`"),
        Edit::RedactConfig { spans, .. } | Edit::RedactAnnotation { spans, .. } => {
            format!("put `[REDACTED]` in {} places of `{target}`", spans.len())
        }
        Edit::SetAnnotation { value, .. } => format!("set `{target}` to `{}`", shown(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{file, folder, hard_link, layered, link, mode};
    use super::super::{Wishes, plan::ImagePlan, plan_findings};
    use super::*;

    fn image() -> Inventory {
        layered(vec![vec![
            mode(file("usr/bin/app", 9), 0o755),
            file("usr/bin/foo", 9),
            file("srv/.bash_history", 9),
            file("etc/shadow", 9),
            link("bin", "usr/bin"),
            folder("srv"),
            file("var/lib/dpkg/status", 9),
        ]])
        .with_config(r#"{"config":{"Entrypoint":["/usr/bin/app"]}}"#)
        .owning(&["usr/bin/foo"])
    }

    fn judged(image: &Inventory, fixer: &str, edits: Vec<Edit>) -> Option<String> {
        let wishes = Wishes::default();
        let guard = Guard::new(image, &wishes);
        let fresh = plan_findings(image, &[], &wishes);
        let action = Action {
            id: "x-1".into(),
            fixer: fixer.into(),
            kind: Kind::Remove,
            approved: true,
            findings: Vec::new(),
            rule: None,
            layer: None,
            path: "/srv/.bash_history".into(),
            before: "1 file".into(),
            after: "gone".into(),
            safety: super::super::plan::Safety::Safe,
            risk: Risk::Low,
            reason: "harmless".into(),
            edits: Edits(edits),
        };
        let mut plan = ImagePlan { actions: vec![action], ..fresh.clone() };
        let why = forbidden(image, &guard, &plan, &fresh).map(|(_, why)| why);
        tell(&mut plan, &fresh);
        assert!(plan.actions[0].before.ends_with("edits of the plan"), "the plan's own words are shown");
        why
    }

    #[test]
    fn an_edit_that_no_fixer_makes_is_not_carried_out() {
        let image = image();
        let member = |member: u32| Member {
            layer: 0,
            member,
            path: image.tree.entry(Node { layer: 0, member }).path.to_string(),
        };
        let drop = |number| Edit::DropMember { member: member(number), secrets: Vec::new(), inside: Vec::new() };
        let text = |path: &str, text: &str| Edit::AddFile {
            path: path.into(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            content: Content::Text { text: text.into() },
        };
        let redact = |length| {
            let pointer = "/config/Labels/a".to_owned();
            Edit::RedactConfig { pointer, spans: vec![Span { offset: 0, length }] }
        };
        let set = |pointer: &str, value| Edit::SetConfig { pointer: pointer.into(), value };
        let cases: Vec<(&str, Edit, bool)> = vec![
            ("leftovers", drop(2), true),
            ("leftovers", drop(0), false),
            ("leftovers", drop(1), false),
            ("remove", drop(6), false),
            ("waste", drop(2), false),
            ("passwords", drop(2), false),
            ("leftovers", text("usr/bin/app", "#!/bin/sh\n"), false),
            ("machine-id", text("usr/bin/app", ""), false),
            ("leftovers", set("/config/Entrypoint", json!(["/bin/sh"])), false),
            ("user", set("/config/User", json!("7:7")), true),
            ("user", set("/config/User", json!("root")), false),
            ("user", set("/config/User", json!("0:0")), false),
            ("user", set("/config/User", json!("00")), false),
            ("user", set("/os", json!("x")), false),
            ("healthcheck", set("/config/Healthcheck", json!({"Test": ["CMD", "x"]})), false),
            ("labels", set("/config/Labels/a", json!("x")), true),
            ("labels", Edit::RemoveConfig { pointer: "/history/0".into() }, false),
            ("machine-id", Edit::Truncate { member: member(3) }, false),
            ("passwords", Edit::LockPassword { member: member(0), user: "a".into() }, false),
            ("secrets", Edit::BlankBytes { member: member(0), spans: Vec::new() }, false),
            ("leftovers", Edit::Whiteout { path: "usr".into() }, false),
            ("labels", Edit::SetAnnotation { key: "dev.careen.rebuilt-from".into(), value: "x".into() }, false),
            ("redact", Edit::RedactConfig { pointer: "/config/Entrypoint/0".into(), spans: Vec::new() }, false),
            ("redact", redact(3), true),
            ("redact", redact(0), false),
            ("setuid", Edit::SetHeader { member: member(0), mode: Some(0o4755), uid: None, gid: None }, false),
            ("user", Edit::SetHeader { member: member(0), mode: None, uid: Some(7), gid: None }, false),
            ("leftovers", Edit::AddFolder { path: "bin".into(), mode: 0o755, uid: 0, gid: 0, mtime: 0 }, false),
        ];
        for (fixer, edit, is_allowed) in cases {
            let why = judged(&image, fixer, vec![edit.clone()]);
            assert_eq!(why.is_none(), is_allowed, "{fixer}: {}: {why:?}", told(&edit));
        }
        for (line, fits) in [
            ("app:x:7:7::/nonexistent:/sbin/nologin", true),
            ("app:x:0:7::/nonexistent:/sbin/nologin", false),
            ("app::7:7::/nonexistent:/sbin/nologin", false),
            ("app:x:7:7::/:/bin/sh", false),
            ("app:x:7:", true),
            ("app:x:7:\nroot2:x:0:", false),
        ] {
            assert_eq!(is_account(line), fits, "{line}");
        }
    }

    #[test]
    fn what_an_action_says_to_mend_it_touches() {
        let image = layered(vec![vec![file("srv/a~", 9), file("srv/b~", 9)]]);
        let wishes = Wishes { only: vec!["leftovers"], ..Wishes::default() };
        let fresh = super::super::testing::plan(&image, &wishes);
        let guard = Guard::new(&image, &wishes);
        let mut plan = fresh.clone();
        assert_eq!(unmended(&guard, &image, &plan, &fresh), None);
        let edits = plan.actions[1].edits.clone();
        plan.actions[0].edits = edits;
        let id = unmended(&guard, &image, &plan, &fresh).map(|(id, _)| id);
        assert_eq!(id.as_deref(), Some("leftovers-1"));
        plan.actions[0].findings.clear();
        assert_eq!(unmended(&guard, &image, &plan, &fresh), None);
    }

    #[test]
    fn a_program_that_the_command_uses_keeps_its_bits() {
        let image = layered(vec![vec![mode(file("srv/run", 9), 0o4755), mode(file("srv/other", 9), 0o4755)]])
            .with_config(r#"{"config":{"Cmd":["/srv/run"]}}"#);
        let clear = |number: u32| {
            let path = image.tree.entry(Node { layer: 0, member: number }).path.to_string();
            let member = Member { layer: 0, member: number, path };
            judged(&image, "setuid", vec![Edit::SetHeader { member, mode: Some(0o755), uid: None, gid: None }])
        };
        assert_eq!(clear(0).as_deref(), Some("the image's command uses `run`, which would fail without the bit"));
        assert_eq!(clear(1), None);
    }

    #[test]
    fn what_careen_plans_by_flags_is_carried_out() {
        let image = layered(vec![
            vec![
                file("var/log/.env", 9),
                file("var/log/shop.log", 9),
                file("opt/gone", 9),
                hard_link("opt/gone2", "opt/gone"),
                mode(file("srv/kelp", 9), 0o4755),
                mode(hard_link("srv/reed", "srv/kelp"), 0o755),
                file("etc/passwd", 9),
            ],
            vec![file("opt/.wh.gone", 0), file("opt/.wh.gone2", 0)],
        ]);
        let member = |member: u32| Member {
            layer: 0,
            member,
            path: image.tree.entry(Node { layer: 0, member }).path.to_string(),
        };
        let drop = |number| Edit::DropMember { member: member(number), secrets: Vec::new(), inside: Vec::new() };
        let truncate = |number| Edit::Truncate { member: member(number) };
        let header = |number, mode| Edit::SetHeader { member: member(number), mode: Some(mode), uid: None, gid: None };
        let user = Edit::SetConfig { pointer: "/config/User".into(), value: json!("1001:0") };
        let account = |line: &str| Edit::AddFile {
            path: "etc/passwd".into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            content: Content::Appended { member: member(6), lines: vec![line.into()] },
        };
        let nobody = "app:x:1001:0::/nonexistent:/sbin/nologin";
        let cases = [
            ("leftovers", vec![truncate(0), drop(0)], true),
            ("leftovers", vec![truncate(1)], true),
            ("leftovers", vec![truncate(6)], false),
            ("secrets", vec![truncate(1)], false),
            ("waste", vec![drop(2), drop(3)], true),
            ("waste", vec![drop(4), drop(5)], false),
            ("setuid", vec![header(4, 0o755), header(5, 0o755)], true),
            ("setuid", vec![header(5, 0o777)], false),
            ("user", vec![user.clone(), account(nobody)], true),
            ("user", vec![account(nobody)], false),
            ("user", vec![user.clone(), account("app:x:1002:0::/nonexistent:/sbin/nologin")], false),
            ("user", vec![user, account("app:x:1001:0::/nonexistent:/bin/sh")], false),
        ];
        for (fixer, edits, is_allowed) in cases {
            let shown: Vec<String> = edits.iter().map(told).collect();
            let why = judged(&image, fixer, edits);
            assert_eq!(why.is_none(), is_allowed, "{fixer}: {shown:?}: {why:?}");
        }
    }
}

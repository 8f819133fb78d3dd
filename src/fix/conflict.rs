//! Puts the edits of all actions together: what several do to one file or field is done once, and what cannot be done
//! together is told.
//!
//! The order of the actions does not matter:
//! - a member that goes takes all other edits of it along, and copies of it in the layer on top;
//! - permissions that are taken away by one action stay away, whatever another one sets;
//! - locked passwords and lines added to one file become one new file;
//! - a field that is set is not removed besides;
//! - two values for one field, or two contents for one file, are a contradiction.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::plan::Action;
use crate::rebuild::{Content, Edit, Edits, Inner, Member, Span};

/// Two edits that cannot both be done, in a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction(pub String);

/// All that the actions do, in a stable order: members by layer, the layer on top by path, then the documents.
pub fn merged<'a>(actions: impl IntoIterator<Item = &'a Action>) -> Result<Edits, Contradiction> {
    let mut merge = Merge::default();
    for action in actions {
        for edit in &action.edits.0 {
            merge.add(edit)?;
        }
    }
    Ok(merge.edits())
}

/// Edits that fit together.
#[derive(Debug, Default)]
pub(super) struct Merge {
    members: BTreeMap<Member, Changes>,
    top: BTreeMap<String, OnTop>,
    settings: BTreeMap<String, Value>,
    removed: BTreeSet<String>,
    variables: BTreeSet<String>,
    redacted: BTreeMap<String, BTreeSet<Span>>,
    annotations: BTreeMap<String, Option<String>>,
    /// Secrets of annotations, which go as a whole if `annotations` says so.
    unsaid: BTreeMap<String, BTreeSet<Span>>,
}

/// What becomes of one member.
#[derive(Debug, Clone, Default)]
struct Changes {
    /// It goes, with secrets at these places.
    dropped: Option<BTreeSet<Span>>,
    /// The same in files that it holds.
    inside: BTreeSet<Inner>,
    blanked: BTreeSet<Span>,
    is_emptied: bool,
    locked: BTreeSet<String>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

/// What the layer on top holds under one name.
#[derive(Debug, Clone)]
enum OnTop {
    File { mode: u32, uid: u32, gid: u32, mtime: i64, content: Content },
    Folder { mode: u32, uid: u32, gid: u32, mtime: i64 },
    Gone,
}

impl Merge {
    /// Adds all edits of an action, or none.
    pub(super) fn add_action(&mut self, action: &Action) -> Result<(), Contradiction> {
        let mut with = self.about(action);
        for edit in &action.edits.0 {
            with.add(edit)?;
        }
        self.members.append(&mut with.members);
        self.top.append(&mut with.top);
        self.settings.append(&mut with.settings);
        self.removed.append(&mut with.removed);
        self.variables.append(&mut with.variables);
        self.redacted.append(&mut with.redacted);
        self.annotations.append(&mut with.annotations);
        self.unsaid.append(&mut with.unsaid);
        Ok(())
    }

    /// What is known of the members, names and fields that an action is about.
    fn about(&self, action: &Action) -> Self {
        let mut part = Self::default();
        for edit in &action.edits.0 {
            if let Some(member) = edit.member() {
                copy(&self.members, &mut part.members, member);
            }
            match edit {
                Edit::AddFile { path, .. } | Edit::AddFolder { path, .. } | Edit::Whiteout { path } => {
                    copy(&self.top, &mut part.top, path);
                }
                Edit::SetConfig { pointer, .. } => copy(&self.settings, &mut part.settings, pointer),
                Edit::RedactConfig { pointer, .. } => copy(&self.redacted, &mut part.redacted, pointer),
                Edit::SetAnnotation { key, .. }
                | Edit::RedactAnnotation { key, .. }
                | Edit::RemoveAnnotation { key, .. } => {
                    copy(&self.annotations, &mut part.annotations, key);
                    copy(&self.unsaid, &mut part.unsaid, key);
                }
                // no two of these contradict each other, or `member` told of it above
                Edit::RemoveConfig { .. }
                | Edit::RemoveEnv { .. }
                | Edit::DropMember { .. }
                | Edit::BlankBytes { .. }
                | Edit::Truncate { .. }
                | Edit::LockPassword { .. }
                | Edit::SetHeader { .. } => {}
            }
        }
        part
    }

    fn add(&mut self, edit: &Edit) -> Result<(), Contradiction> {
        if let Some(member) = edit.member() {
            let changes = self.members.entry(member.clone()).or_default();
            return changes.add(edit, member);
        }
        match edit {
            Edit::AddFile { path, mode, uid, gid, mtime, content } => {
                let file = OnTop::File { mode: *mode, uid: *uid, gid: *gid, mtime: *mtime, content: content.clone() };
                self.add_on_top(path, file)
            }
            Edit::AddFolder { path, mode, uid, gid, mtime } => {
                self.add_on_top(path, OnTop::Folder { mode: *mode, uid: *uid, gid: *gid, mtime: *mtime })
            }
            Edit::Whiteout { path } => self.add_on_top(path, OnTop::Gone),
            Edit::SetConfig { pointer, value } => match self.settings.insert(pointer.clone(), value.clone()) {
                Some(other) if other != *value => two(pointer, "gets two values"),
                _ => Ok(()),
            },
            Edit::RemoveConfig { pointer } => {
                self.removed.insert(pointer.clone());
                Ok(())
            }
            Edit::RemoveEnv { name } => {
                self.variables.insert(name.clone());
                Ok(())
            }
            Edit::RedactConfig { pointer, spans } => {
                self.redacted.entry(pointer.clone()).or_default().extend(spans);
                Ok(())
            }
            Edit::SetAnnotation { key, value } => self.add_annotation(key, Some(value)),
            Edit::RedactAnnotation { key, spans } => {
                self.unsaid.entry(key.clone()).or_default().extend(spans);
                Ok(())
            }
            Edit::RemoveAnnotation { key, secrets } => {
                self.unsaid.entry(key.clone()).or_default().extend(secrets);
                self.add_annotation(key, None)
            }
            // told by `member` above
            Edit::DropMember { .. }
            | Edit::BlankBytes { .. }
            | Edit::Truncate { .. }
            | Edit::LockPassword { .. }
            | Edit::SetHeader { .. } => Ok(()),
        }
    }

    fn add_annotation(&mut self, key: &str, value: Option<&String>) -> Result<(), Contradiction> {
        match self.annotations.insert(key.to_owned(), value.cloned()) {
            Some(other) if other.as_ref() != value => two(&format!("the annotation {key}"), "gets two values"),
            _ => Ok(()),
        }
    }

    fn add_on_top(&mut self, path: &str, new: OnTop) -> Result<(), Contradiction> {
        let Some(old) = self.top.remove(path) else {
            self.top.insert(path.to_owned(), new);
            return Ok(());
        };
        let both = match (old, new) {
            // what goes needs no other mode
            (OnTop::Gone, _) | (_, OnTop::Gone) => OnTop::Gone,
            (
                OnTop::Folder { mode, uid, gid, mtime },
                OnTop::Folder { mode: mode_b, uid: uid_b, gid: gid_b, mtime: mtime_b },
            ) => {
                if (uid, gid) != (uid_b, gid_b) && (uid, gid) != (0, 0) && (uid_b, gid_b) != (0, 0) {
                    return two(path, "gets two owners");
                }
                // the sticky bit is added, all others are taken away
                let mode = narrower(mode, mode_b);
                OnTop::Folder { mode, uid: uid.max(uid_b), gid: gid.max(gid_b), mtime: mtime.max(mtime_b) }
            }
            (
                OnTop::File { mode, uid, gid, mtime, content },
                OnTop::File { mode: mode_b, uid: uid_b, gid: gid_b, mtime: mtime_b, content: other },
            ) => {
                if (uid, gid) != (uid_b, gid_b) {
                    return two(path, "gets two owners");
                }
                let content = both_contents(path, &content, &other)?;
                OnTop::File { mode: mode & mode_b, uid, gid, mtime: mtime.max(mtime_b), content }
            }
            _ => return two(path, "becomes both a file and a folder"),
        };
        self.top.insert(path.to_owned(), both);
        Ok(())
    }

    fn edits(mut self) -> Edits {
        let is_dropped = |member: &Member| self.members.get(member).is_some_and(|changes| changes.dropped.is_some());
        let mut top: BTreeMap<String, OnTop> = std::mem::take(&mut self.top);
        top.retain(|_, entry| match entry {
            OnTop::File { content, .. } => !content.member().is_some_and(is_dropped),
            _ => true,
        });
        // a file that is written anew on top has its passwords locked there, and the mode and owner that it gets below
        for entry in top.values_mut() {
            let OnTop::File { mode, uid, gid, content, .. } = entry else { continue };
            let Some(member) = content.member().cloned() else { continue };
            let Some(changes) = self.members.get_mut(&member) else { continue };
            changes.follow(mode, uid, gid);
            let locked = std::mem::take(&mut changes.locked);
            if !locked.is_empty() {
                let (mut lock, append) = parts(content);
                lock.extend(locked);
                *content = content_of(member, lock, append);
            }
        }
        // and a folder that is there because of what is in it has the new mode and owner too
        for (member, changes) in &self.members {
            let name = member.path.trim_start_matches('/');
            if let Some(OnTop::Folder { mode, uid, gid, .. }) = top.get_mut(name) {
                changes.follow(mode, uid, gid);
            }
        }
        let mut edits = Vec::new();
        for (member, changes) in self.members {
            changes.edits(&member, &mut edits);
        }
        for (path, entry) in top {
            edits.push(match entry {
                OnTop::File { mode, uid, gid, mtime, content } => {
                    Edit::AddFile { path, mode, uid, gid, mtime, content }
                }
                OnTop::Folder { mode, uid, gid, mtime } => Edit::AddFolder { path, mode, uid, gid, mtime },
                OnTop::Gone => Edit::Whiteout { path },
            });
        }
        // spans count in the texts as they are in the input: first of all
        edits.extend(
            self.redacted
                .into_iter()
                .map(|(pointer, spans)| Edit::RedactConfig { pointer, spans: spans.into_iter().collect() }),
        );
        edits.extend(self.variables.into_iter().map(|name| Edit::RemoveEnv { name }));
        // entries of lists from the last, so that those before keep their places
        // what is set anew is gone as it was
        let removed = self.removed.into_iter().rev().filter(|pointer| !self.settings.contains_key(pointer));
        edits.extend(removed.map(|pointer| Edit::RemoveConfig { pointer }));
        edits.extend(self.settings.into_iter().map(|(pointer, value)| Edit::SetConfig { pointer, value }));
        let mut unsaid = self.unsaid;
        edits.extend(self.annotations.into_iter().map(|(key, value)| {
            if let Some(value) = value {
                return Edit::SetAnnotation { key, value };
            }
            let secrets = unsaid.remove(&key).unwrap_or_default().into_iter().collect();
            Edit::RemoveAnnotation { key, secrets }
        }));
        let redacted = unsaid.into_iter().filter(|(_, spans)| !spans.is_empty());
        edits.extend(redacted.map(|(key, spans)| Edit::RedactAnnotation { key, spans: spans.into_iter().collect() }));
        Edits(edits)
    }
}

impl Changes {
    /// What becomes of the mode and the owner of the member's entry on top.
    fn follow(&self, mode: &mut u32, uid: &mut u32, gid: &mut u32) {
        *mode = self.mode.map_or(*mode, |new| narrower(*mode, new));
        *uid = self.uid.unwrap_or(*uid);
        *gid = self.gid.unwrap_or(*gid);
    }

    fn add(&mut self, edit: &Edit, member: &Member) -> Result<(), Contradiction> {
        match edit {
            Edit::DropMember { secrets, inside, .. } => {
                self.dropped.get_or_insert_default().extend(secrets);
                self.inside.extend(inside.iter().cloned());
            }
            Edit::BlankBytes { spans, .. } => self.blanked.extend(spans),
            Edit::Truncate { .. } => self.is_emptied = true,
            Edit::LockPassword { user, .. } => {
                self.locked.insert(user.clone());
            }
            Edit::SetHeader { mode, uid, gid, .. } => {
                self.mode = match (self.mode, *mode) {
                    // the sticky bit is added, all others are taken away
                    (Some(a), Some(b)) => Some(narrower(a, b)),
                    (a, b) => a.or(b),
                };
                for (known, new) in [(&mut self.uid, *uid), (&mut self.gid, *gid)] {
                    match (*known, new) {
                        (Some(a), Some(b)) if a != b => return two(&member.path, "gets two owners"),
                        (_, None) => {}
                        (_, new) => *known = new,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn edits(self, member: &Member, edits: &mut Vec<Edit>) {
        let member = || member.clone();
        if let Some(mut secrets) = self.dropped {
            secrets.extend(self.blanked);
            let (secrets, inside) = (secrets.into_iter().collect(), self.inside.into_iter().collect());
            edits.push(Edit::DropMember { member: member(), secrets, inside });
            return;
        }
        let is_blanked = !self.blanked.is_empty();
        if is_blanked {
            edits.push(Edit::BlankBytes { member: member(), spans: self.blanked.into_iter().collect() });
        }
        // what is blanked is sought, and goes with the rest of the file
        if self.is_emptied {
            edits.push(Edit::Truncate { member: member() });
        } else if !is_blanked {
            edits.extend(self.locked.into_iter().map(|user| Edit::LockPassword { member: member(), user }));
        }
        if self.mode.is_some() || self.uid.is_some() || self.gid.is_some() {
            edits.push(Edit::SetHeader { member: member(), mode: self.mode, uid: self.uid, gid: self.gid });
        }
    }
}

/// The rights that both modes give, and the sticky bit if one has it.
pub(super) fn narrower(one: u32, other: u32) -> u32 {
    (one & other) | ((one | other) & 0o1000)
}

/// Copies what is known of a key, if anything is.
fn copy<K: Ord + Clone, V: Clone>(from: &BTreeMap<K, V>, to: &mut BTreeMap<K, V>, key: &K) {
    if let Some(known) = from.get(key) {
        to.insert(key.clone(), known.clone());
    }
}

/// One content that does what both do.
fn both_contents(path: &str, one: &Content, other: &Content) -> Result<Content, Contradiction> {
    if one == other {
        return Ok(one.clone());
    }
    match (one, other) {
        (Content::Text { text: a }, Content::Text { text: b }) if is_list(path) => {
            let lines: BTreeSet<&str> = a.lines().chain(b.lines()).collect();
            Ok(Content::Text { text: lines.into_iter().map(|line| format!("{line}\n")).collect() })
        }
        // who writes a file anew does not mind that another copies it for its mode
        (text @ Content::Text { .. }, Content::File { .. }) | (Content::File { .. }, text @ Content::Text { .. }) => {
            Ok(text.clone())
        }
        (Content::Text { .. }, _) | (_, Content::Text { .. }) => two(path, "gets two contents"),
        _ if one.member() != other.member() => two(path, "gets two contents"),
        _ => {
            let Some(member) = one.member().cloned() else { return two(path, "gets two contents") };
            let ((mut lock, mut append), (more_lock, more_append)) = (parts(one), parts(other));
            lock.extend(more_lock);
            append.extend(more_append);
            Ok(content_of(member, lock, append))
        }
    }
}

/// Whether the order of the lines of a file means nothing, so that two texts for it are one.
fn is_list(path: &str) -> bool {
    path == super::setuid::STATOVERRIDE
}

/// Users to lock, and lines to add.
fn parts(content: &Content) -> (BTreeSet<String>, BTreeSet<String>) {
    match content {
        Content::Appended { lines, .. } => (BTreeSet::new(), lines.iter().cloned().collect()),
        Content::Accounts { lock, append, .. } => (lock.iter().cloned().collect(), append.iter().cloned().collect()),
        Content::Locked { user, .. } => (BTreeSet::from([user.clone()]), BTreeSet::new()),
        Content::Text { .. } | Content::File { .. } => Default::default(),
    }
}

fn content_of(member: Member, lock: BTreeSet<String>, append: BTreeSet<String>) -> Content {
    match (lock.len(), append.is_empty()) {
        (0, true) => Content::File { member },
        (0, false) => Content::Appended { member, lines: append.into_iter().collect() },
        (1, true) => Content::Locked { member, user: lock.into_iter().next().unwrap_or_default() },
        _ => Content::Accounts { member, lock: lock.into_iter().collect(), append: append.into_iter().collect() },
    }
}

fn two<T>(what: &str, contradiction: &str) -> Result<T, Contradiction> {
    Err(Contradiction(format!("`{}` {contradiction}", crate::escape::escape(what))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u32) -> Member {
        Member { layer: 0, member: number, path: format!("/m{number}") }
    }

    fn file(path: &str, mode: u32, content: Content) -> Edit {
        Edit::AddFile { path: path.into(), mode, uid: 0, gid: 0, mtime: 0, content }
    }

    fn put(edits: &[Edit]) -> Result<Vec<Edit>, String> {
        let mut merge = Merge::default();
        for edit in edits {
            merge.add(edit).map_err(|wrong| wrong.0)?;
        }
        Ok(merge.edits().0)
    }

    type Case = (&'static str, Vec<Edit>, Result<Vec<Edit>, &'static str>);

    #[test]
    fn edits_of_one_thing_become_one_whatever_their_order() {
        let span = |offset| Span { offset, length: 2 };
        let drop = |secrets: &[u64]| Edit::DropMember {
            member: member(1),
            secrets: secrets.iter().copied().map(span).collect(),
            inside: Vec::new(),
        };
        let header = |mode, uid| Edit::SetHeader { member: member(1), mode, uid, gid: None };
        let lock = |user: &str| Edit::LockPassword { member: member(1), user: user.into() };
        let locked = |user: &str| Content::Locked { member: member(1), user: user.into() };
        let lines = |line: &str| Content::Appended { member: member(1), lines: vec![line.into()] };
        let accounts = |lock: &[&str], append: &[&str]| Content::Accounts {
            member: member(1),
            lock: lock.iter().map(ToString::to_string).collect(),
            append: append.iter().map(ToString::to_string).collect(),
        };
        let set = |value: i32| Edit::SetConfig { pointer: "/config/User".into(), value: value.into() };
        let remove = || Edit::RemoveConfig { pointer: "/config/User".into() };
        let cases: Vec<Case> = vec![
            ("a drop wins", vec![header(Some(0o755), None), drop(&[])], Ok(vec![drop(&[])])),
            ("secrets of two drops are kept", vec![drop(&[4]), drop(&[1])], Ok(vec![drop(&[1, 4])])),
            (
                "a copy on top gets the mode and owner that its file gets below",
                vec![file("etc/x", 0o4666, lines("a")), header(Some(0o664), Some(7))],
                Ok(vec![
                    header(Some(0o664), Some(7)),
                    Edit::AddFile { path: "etc/x".into(), mode: 0o664, uid: 7, gid: 0, mtime: 0, content: lines("a") },
                ]),
            ),
            (
                "blanked bytes of what goes stay secrets",
                vec![Edit::BlankBytes { member: member(1), spans: vec![span(9)] }, drop(&[])],
                Ok(vec![drop(&[9])]),
            ),
            (
                "blanked bytes of what is emptied stay secrets",
                vec![
                    Edit::Truncate { member: member(1) },
                    Edit::BlankBytes { member: member(1), spans: vec![span(9)] },
                ],
                Ok(vec![
                    Edit::BlankBytes { member: member(1), spans: vec![span(9)] },
                    Edit::Truncate { member: member(1) },
                ]),
            ),
            (
                "bits taken by one stay away",
                vec![header(Some(0o777), None), header(Some(0o4775), Some(7))],
                Ok(vec![header(Some(0o775), Some(7))]),
            ),
            (
                "the sticky bit is added",
                vec![header(Some(0o1777), None), header(Some(0o777), None)],
                Ok(vec![header(Some(0o1777), None)]),
            ),
            ("two owners", vec![header(None, Some(7)), header(None, Some(8))], Err("`/m1` gets two owners")),
            (
                "locks and lines of one file",
                vec![
                    file("etc/shadow", 0o640, locked("a")),
                    file("etc/shadow", 0o640, lines("x")),
                    file("etc/shadow", 0o640, locked("b")),
                ],
                Ok(vec![file("etc/shadow", 0o640, accounts(&["a", "b"], &["x"]))]),
            ),
            (
                "a lock in place joins the copy on top",
                vec![lock("a"), file("etc/shadow", 0o640, lines("x"))],
                Ok(vec![file("etc/shadow", 0o640, accounts(&["a"], &["x"]))]),
            ),
            (
                "a copy of what goes",
                vec![file("m1", 0o755, Content::File { member: member(1) }), drop(&[])],
                Ok(vec![drop(&[])]),
            ),
            (
                "two texts",
                vec![
                    file("a", 0o644, Content::Text { text: "x".into() }),
                    file("a", 0o644, Content::Text { text: "y".into() }),
                ],
                Err("`a` gets two contents"),
            ),
            (
                "a text in place of a copy for its mode",
                vec![
                    file("a", 0o664, Content::File { member: member(1) }),
                    file("a", 0o666, Content::Text { text: "x".into() }),
                ],
                Ok(vec![file("a", 0o664, Content::Text { text: "x".into() })]),
            ),
            ("two values", vec![set(1), set(2)], Err("`/config/User` gets two values")),
            ("one value twice", vec![set(1), set(1)], Ok(vec![set(1)])),
            ("what is set anew needs not be removed", vec![remove(), set(1)], Ok(vec![set(1)])),
        ];
        for (what, mut edits, expected) in cases {
            let expected = expected.map_err(ToOwned::to_owned);
            assert_eq!(put(&edits), expected, "{what}");
            edits.reverse();
            assert_eq!(put(&edits), expected, "{what}, the other way round");
        }
    }
}

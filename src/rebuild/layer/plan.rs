//! The edits of one layer, gathered by member.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::header::Fields;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::path::ImagePath;
use crate::rebuild::{Edit, Member, Span};

/// What happens to one member.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// Its path as the edits have it.
    pub(super) path: String,
    pub(super) drop: bool,
    pub(super) truncate: bool,
    /// Where `*` goes.
    pub(super) blank: Vec<Span>,
    /// What must be nowhere in the output, of what is dropped or blanked.
    pub(super) excise: Vec<Span>,
    /// Whose empty passwords are locked.
    pub(super) lock: Vec<String>,
    pub(super) fields: Fields,
}

impl Planned {
    /// Whether it changes content, and so needs a regular file.
    pub(super) fn needs_file(&self) -> bool {
        self.truncate || !self.blank.is_empty() || !self.lock.is_empty()
    }
}

/// The edits of each member. Two that contradict each other are an error.
pub(super) fn gather(edits: &[&Edit]) -> Result<BTreeMap<u32, Planned>> {
    let mut gathered: BTreeMap<u32, Planned> = BTreeMap::new();
    for edit in edits {
        let Some(member) = edit.member() else {
            return Err(Error::new(ErrorKind::Internal, "an edit that is of no member came to a layer"));
        };
        let planned = match gathered.entry(member.member) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Planned { path: member.path.clone(), ..Planned::default() }),
        };
        if planned.path != member.path {
            return Err(contradiction(member, "has two paths"));
        }
        match edit {
            Edit::DropMember { secrets, .. } => {
                planned.drop = true;
                planned.excise.extend_from_slice(secrets);
            }
            Edit::BlankBytes { spans, .. } => {
                planned.blank.extend_from_slice(spans);
                planned.excise.extend_from_slice(spans);
            }
            Edit::Truncate { .. } => planned.truncate = true,
            Edit::LockPassword { user, .. } => planned.lock.push(user.clone()),
            Edit::SetHeader { mode, uid, gid, .. } => {
                let fields = Fields { mode: *mode, uid: *uid, gid: *gid };
                let differs = |old: Option<u32>, new: Option<u32>| old.zip(new).is_some_and(|(old, new)| old != new);
                let old = planned.fields;
                if differs(old.mode, fields.mode) || differs(old.uid, fields.uid) || differs(old.gid, fields.gid) {
                    return Err(contradiction(member, "is given two modes or owners"));
                }
                planned.fields = fields.over(old);
            }
            _ => {}
        }
    }
    for (index, planned) in &mut gathered {
        let member = || Member { layer: 0, member: *index, path: planned.path.clone() };
        if planned.drop && (planned.needs_file() || planned.fields != Fields::default()) {
            return Err(contradiction(&member(), "is dropped and changed"));
        }
        if planned.truncate && !planned.lock.is_empty() {
            return Err(contradiction(&member(), "is emptied and changed"));
        }
        planned.lock.sort_unstable();
        planned.lock.dedup();
        planned.excise.sort_unstable();
        planned.excise.dedup();
    }
    Ok(gathered)
}

fn contradiction(member: &Member, what: &str) -> Error {
    Error::malformed(format!("edits contradict each other: member {} of the layer {what}", member.member))
        .at(escape(&member.path))
}

/// Checks that a member is the one that an edit speaks of.
pub(super) fn check_path(index: u32, found: &ImagePath, expected: &str) -> Result<()> {
    let found = found.to_string();
    if found.trim_start_matches('/') == expected.trim_start_matches('/') {
        return Ok(());
    }
    let what = format!("the edits belong to another image: member {index} of the layer is `{found}`");
    Err(Error::malformed(what).at(escape(expected)))
}

//! What feeds that are tar archives have in common: the files in them are read one by one.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::Read as _;

use crate::error::Result;
use crate::format::ustar::{MemberKind, Members, Skip};
use crate::limit::Limits;
use crate::size::ByteSize;

use super::{Fetched, Sink, broken};

/// What an archive may hold.
pub(super) struct Most {
    /// What it is, for errors: `the RustSec database`.
    pub(super) what: &'static str,
    /// Files, folders and whatever else.
    pub(super) members: usize,
    /// Bytes of a file that is wanted; a larger one is refused.
    pub(super) bytes: u64,
}

/// Shows the files of an archive whose paths are wanted.
pub(super) fn each_member(
    file: &Fetched,
    source: impl Skip,
    most: &Most,
    is_wanted: fn(&str) -> bool,
    sink: &mut Sink,
    mut take: impl FnMut(&str, &[u8], &mut Sink),
) -> Result<()> {
    let limits = Limits::default();
    let mut members = Members::new(source, &limits);
    let mut count = 0_usize;
    while let Some(member) = members.next_member().map_err(|error| broken(file, error.message))? {
        count = count.saturating_add(1);
        if count > most.members {
            return Err(broken(file, format!("{} has more than {} files", most.what, most.members)));
        }
        let path = String::from_utf8_lossy(&member.name).into_owned();
        if member.kind != MemberKind::File || !is_wanted(&path) {
            continue;
        }
        if member.size > most.bytes {
            sink.refuse(&path, format!("it is larger than {}", ByteSize(most.bytes)));
            continue;
        }
        let mut bytes = Vec::new();
        members.body().read_to_end(&mut bytes).map_err(|_| broken(file, format!("{} is cut short", most.what)))?;
        take(&path, &bytes, sink);
    }
    Ok(())
}

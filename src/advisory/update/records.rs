//! Whole records out of a compiled file, to be merged, exported or shown.

use std::collections::BTreeMap;

use crate::error::Result;

use super::super::name;
use super::super::record::{Advisory, Affected};
use super::super::store::Shard;

/// All records of a shard for `family`, with what they affect there, by id.
///
/// Names are in their one spelling, and listed versions that a range covers are left out: the same is affected.
pub fn records(shard: &Shard, family: &str) -> Result<BTreeMap<String, Advisory>> {
    let mut records = BTreeMap::new();
    shard.for_each_record(&mut |advisory| {
        records.insert(advisory.id.clone(), advisory);
        Ok(())
    })?;
    shard.for_each_package(&mut |release, package, postings| {
        let ecosystem = name::ecosystem(family, release);
        for posting in postings {
            if let Some(advisory) = records.get_mut(&posting.id) {
                let affected =
                    Affected { ecosystem: ecosystem.clone(), name: package.to_owned(), versions: posting.versions };
                advisory.affected.push(affected);
            }
        }
        Ok(())
    })?;
    Ok(records)
}

//! What is held against data that were fetched, before they take the place of those that are there.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::{Error, Result};

use super::super::store::Entry;

/// Refused records that are let pass, whatever their share.
const FEW_REFUSED: usize = 10;

/// Lost records that are let pass, whatever their share.
const FEW_LOST: u64 = 2;

/// What to do about data that are less than they should be.
const HELP: &str = "fetch them again later, or from another source; `--force` takes them as they are";

/// An error where more than a twentieth of `all` records were refused.
pub(super) fn refusals(refused: usize, all: usize) -> Result<()> {
    if refused <= FEW_REFUSED || refused.saturating_mul(20) <= all {
        return Ok(());
    }
    Err(Error::malformed(format!("{refused} of {all} records cannot be read")).help(HELP))
}

/// An error where a fifth of the records that were there before is gone, half of the packages, or all of the family.
pub(super) fn loss(before: &Entry, records: u64, packages: u64) -> Result<()> {
    let lost = before.records.saturating_sub(records);
    let message = if lost > FEW_LOST && lost.saturating_mul(5) > before.records {
        format!("there are {records} records, while there were {} before", before.records)
    } else if before.packages > 0 && packages == 0 {
        format!("no record affects a package of the family, while there were {} packages before", before.packages)
    } else if packages < before.packages / 2 && before.packages > FEW_LOST {
        format!("there are records of {packages} packages, while there were {} before", before.packages)
    } else {
        return Ok(());
    };
    Err(Error::malformed(message).help(HELP))
}

/// An error where a list names far fewer records than there are.
pub(super) fn list(listed: usize, before: Option<&Entry>) -> Result<()> {
    let before = before.map_or(0, |before| before.records);
    let lost = before.saturating_sub(listed as u64);
    if listed == 0 {
        return Err(
            Error::malformed("the list of records names none").help("fetch it again later, or from another source")
        );
    }
    if lost > FEW_LOST && lost.saturating_mul(5) > before {
        return Err(
            Error::malformed(format!("the list names {listed} records, while there are {before} of them")).help(HELP)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_less_than_before_is_refused_with_both_figures() {
        let cases = [
            ((100, 50), (80, 50), None),
            ((100, 50), (79, 50), Some("79 records, while there were 100")),
            ((100, 50), (0, 0), Some("0 records, while there were 100")),
            ((100, 50), (100, 0), Some("there were 50 packages")),
            ((100, 50), (100, 24), Some("24 packages, while there were 50")),
            ((100, 50), (500, 25), None),
            ((3, 3), (1, 2), None),
            ((1, 1), (1, 0), Some("no record affects")),
            ((0, 0), (0, 0), None),
        ];
        for ((records, packages), (now, affected), expected) in cases {
            let before = Entry { records, packages, ..Entry::default() };
            let error = loss(&before, now, affected).err();
            assert_eq!(error.is_some(), expected.is_some(), "{records} {packages} {now} {affected}: {error:?}");
            assert!(error.is_none_or(|error| error.message.contains(expected.unwrap_or_default())), "{expected:?}");
        }
        for ((refused, all), expected) in
            [((10, 10), true), ((11, 219), false), ((11, 220), true), ((999, 1000), false)]
        {
            assert_eq!(refusals(refused, all).is_ok(), expected, "{refused} of {all}");
        }
        let before = Entry { records: 100, ..Entry::default() };
        for (listed, before, expected) in
            [(0, None, false), (1, None, true), (79, Some(&before), false), (80, Some(&before), true)]
        {
            assert_eq!(list(listed, before).is_ok(), expected, "{listed}");
        }
    }
}

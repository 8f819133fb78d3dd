//! Hygiene checks: each one file here and one line in [`CHECKS`].

use crate::finding::Findings;
use crate::inventory::Inventory;
use crate::rule::Rule;
use crate::time::Date;

/// Judges one image by one rule, or by a few that share their facts.
pub trait Check: Sync {
    /// The rules it may report, the main one first.
    fn rules(&self) -> &'static [&'static Rule];

    /// Looks at the image and adds what it finds, in a stable order.
    fn run(&self, context: &Context<'_>, findings: &mut Findings);
}

/// What a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The image.
    pub image: &'a Inventory,
    /// Today, for dates of support.
    pub today: Date,
}

/// All checks, sorted by the id of their main rule.
pub static CHECKS: &[&dyn Check] = &[];

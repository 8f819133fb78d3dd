//! What programs hold that have more rights than their callers, or that ask for passwords: whether they are what their
//! package brought is told by a digest.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::digest::ContentDigests;
use crate::inventory::Inventory;
use crate::size::ByteSize;

/// Hashes a few files of each layer.
pub(super) struct PrivilegedPrograms;

impl Collector for PrivilegedPrograms {
    fn id(&self) -> &'static str {
        "privileged"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Privileged,
            Select::Member("bin/login"),
            Select::Member("bin/su"),
            Select::Member("usr/bin/doas"),
            Select::Member("usr/bin/login"),
            Select::Member("usr/bin/passwd"),
            Select::Member("usr/bin/su"),
            Select::Member("usr/bin/sudo"),
            Select::Member("usr/sbin/sshd"),
        ]
    }

    /// Real ones are below 10 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        facts.push(Fact::Digests(Box::new(ContentDigests::of(file.bytes))));
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let learned = view.facts.iter().filter(|fact| fact.collector == view.collector);
        inventory.digests = learned
            .filter_map(|fact| match &*fact.fact {
                Fact::Digests(digests) => Some((fact.node, ContentDigests::clone(digests))),
                _ => None,
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use crate::digest::ContentDigests;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn only_programs_that_matter_are_hashed() {
        let image = Image::new().executable("usr/bin/su", "su").executable("usr/bin/ls", "ls");
        let digests = assemble(&image).digests;
        let known: Vec<_> = digests.into_values().collect();
        assert_eq!(known, [ContentDigests::of(b"su")]);
    }
}

//! How executable files begin: what a start command needs besides the file itself.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::format::start::Start;
use crate::inventory::{Inventory, Starts};

/// Looks at the first bytes of scripts and programs that may be executed.
pub(super) struct ExecutableFiles;

impl Collector for ExecutableFiles {
    fn id(&self) -> &'static str {
        "starts"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Magic(b"\x7fELF"), Select::Magic(b"#!")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Windows
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.offset == 0
            && file.entry.mode & 0o111 != 0
            && let Some(start) = Start::of(file.bytes)
        {
            facts.push(Fact::Start(Box::new(start)));
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let learned = view.facts.iter().filter(|fact| fact.collector == view.collector);
        inventory.starts = Starts::of(learned.filter_map(|fact| match &*fact.fact {
            Fact::Start(start) => Some((fact.node, Start::clone(start))),
            _ => None,
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};
    use crate::tree::Node;

    #[test]
    fn only_what_may_be_executed_is_looked_at() {
        let image =
            Image::new().executable("start", "#!/bin/sh\n").file("lib.sh", "#!/bin/sh\n").executable("x", "text");
        let starts = assemble(&image).starts;
        let known: Vec<bool> = (0..3).map(|member| starts.get(Node { layer: 0, member }).is_some()).collect();
        assert_eq!((starts.is_known(), known.as_slice()), (true, &[true, false, false][..]));
    }
}

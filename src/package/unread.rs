//! Package databases that careen knows of but cannot read yet: an image with one is not clean for want of findings.

use crate::collect::{Collector, Delivery, Facts, File, Select, View};
use crate::inventory::Inventory;
use crate::limitation::Limitation;

/// Says that a database was not read.
pub(super) struct UnreadDatabases;

const DATABASES: &[Select] = &[Select::Path("nix/var/nix/db/db.sqlite")];

impl Collector for UnreadDatabases {
    fn id(&self) -> &'static str {
        "unread-database"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        DATABASES
    }

    fn delivery(&self) -> Delivery {
        // no limit on what is not looked at
        Delivery::Windows
    }

    fn collect(&self, _file: &File<'_>, _facts: &mut Facts) {}

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        for (path, node) in view.selected {
            let entry = view.tree.entry(*node);
            if entry.size == 0 {
                continue;
            }
            inventory.limitations.push(
                Limitation::gap(
                    "package-database-unread",
                    format!("layer {} {path}", node.layer),
                    "the packages of Nix are not read yet, so none is listed",
                )
                .help("list them with another tool; `--allow-partial` accepts the gap"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Image, assemble};

    #[test]
    fn a_database_that_cannot_be_read_is_a_gap() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("nix/var/nix/db/db.sqlite", "SQLite format 3", &["package-database-unread"]),
            ("nix/var/nix/db/db.sqlite", "", &[]),
            ("srv/db.sqlite", "SQLite format 3", &[]),
        ];
        for (path, content, codes) in cases {
            let inventory = assemble(&Image::new().file(path, content));
            let told: Vec<_> = inventory.limitations.iter().map(|limitation| limitation.code).collect();
            assert_eq!(told, *codes, "{path}");
        }
    }
}

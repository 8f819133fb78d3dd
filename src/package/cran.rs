//! Installed R packages: the `DESCRIPTION` of each folder of a library ("Writing R Extensions", 1.1.1).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Ecosystem;
use crate::size::ByteSize;

use super::purl;
use super::text::{complain, field, header, lines};

/// Packages of R.
static CRAN: Ecosystem = Ecosystem { id: "cran", purl_type: "cran", is_system: false };

/// Reads every `DESCRIPTION` that an installation of R has written.
pub(super) struct Cran;

static ABOUT: About = About {
    title: "R packages",
    ecosystems: &[&CRAN],
    reads: "Name, version and licence of each package that was installed.",
    not_seen: &["unpacked sources, which R cannot load"],
    references: &["https://cran.r-project.org/doc/manuals/r-release/R-exts.html#The-DESCRIPTION-file"],
};

impl Collector for Cran {
    fn id(&self) -> &'static str {
        "cran"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("DESCRIPTION")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(1))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let value = |wanted: &[u8]| {
            let mut headers = lines(file.bytes).filter_map(|(_, line)| header(line));
            headers.find(|(key, _)| *key == wanted).and_then(|(_, value)| field(value))
        };
        // only `R CMD INSTALL` adds this; sources, and other programs' files of this name, have none
        let (Some(name), Some(_)) = (value(b"Package"), value(b"Built")) else { return };
        let Some(version) = value(b"Version") else {
            return complain(facts, format!("`{name}` has no version"));
        };
        if let Some(fact) = purl::fact(&CRAN, &name, &version) {
            facts.package(PackageFact { licence: value(b"License"), ..fact });
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn installed_packages_say_when_they_were_built() {
        let cases = [
            (
                "Package: rlang\nVersion: 1.1.4\nLicense: MIT + file LICENSE\nBuilt: R 4.4.1; x86_64\n",
                &["rlang 1.1.4 /lib/R/DESCRIPTION"][..],
                0,
            ),
            ("Package: rlang\nVersion: 1.1.4\n", &[], 0),
            ("Package: rlang\nBuilt: R 4.4.1\n", &[], 1),
            ("This is no package.\n", &[], 0),
        ];
        for (text, expected, gaps) in cases {
            let inventory = assemble(&Image::new().file("lib/R/DESCRIPTION", text));
            assert_eq!(packages(&inventory), expected, "{text}");
            assert_eq!(inventory.limitations.len(), gaps, "{text}");
        }
    }
}

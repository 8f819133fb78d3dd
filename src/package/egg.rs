//! Python distributions in one file: zipped eggs, which Python imports from as they are (setuptools, "The Internal
//! Structure of Python Eggs").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::format::zip::{Archive, Budget};
use crate::size::ByteSize;

use super::python;
use super::text::{complain, tell_flaws};

/// Reads `EGG-INFO/PKG-INFO` of each zipped egg.
pub(super) struct Eggs;

const METADATA: &[u8] = b"EGG-INFO/PKG-INFO";

static ABOUT: About = About {
    title: "Zipped Python eggs",
    ecosystems: &[&python::PYPI],
    reads: "Name, version and licence of the distribution from the metadata in the archive.",
    not_seen: &["wheels, which are not installed but unpacked"],
    references: &["https://setuptools.pypa.io/en/latest/deprecated/python_eggs.html"],
};

impl Collector for Eggs {
    fn id(&self) -> &'static str {
        "egg"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".egg")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrWindows(ByteSize::mib(256))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.offset > 0 || !file.bytes.starts_with(b"PK\x03\x04") {
            return;
        }
        if !file.is_last {
            return complain(facts, "the egg is too large to be read");
        }
        let mut budget = Budget::for_file(file.bytes.len());
        let egg = match Archive::open(file.bytes, &mut budget) {
            Ok(egg) => egg,
            Err(error) => return complain(facts, format!("the egg cannot be read: {error}")),
        };
        tell_flaws(&egg, facts);
        match egg.entry(METADATA).map(|entry| egg.read(entry, python::METADATA, &mut budget)).transpose() {
            Ok(Some(metadata)) => {
                if let Some(package) = python::package(&metadata, facts) {
                    let inside = Some(String::from_utf8_lossy(METADATA).into());
                    facts.package(PackageFact { inside, ..package });
                }
            }
            // a zip archive of this ending that is no egg
            Ok(None) => {}
            Err(error) => complain(facts, format!("the egg cannot be read: {error}")),
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

#[cfg(test)]
mod tests {
    use crate::format::testing::Zip;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn metadata_are_in_the_archive() {
        let egg =
            Zip::default().file("a/__init__.py", "").file("EGG-INFO/PKG-INFO", "Name: a\nVersion: 1.0\n\ntext").build();
        let other = Zip::default().file("a.txt", "").build();
        let cut = egg.get(..egg.len() / 2).expect("half of it");
        let cases = [
            (&egg[..], &["a 1.0 /site/a.egg"][..], 0),
            (&other, &[], 0),
            (b"no archive", &[], 0),
            (cut, &["a 1.0 /site/a.egg"], 1),
        ];
        for (content, expected, gaps) in cases {
            let inventory = assemble(&Image::new().file("site/a.egg", content));
            assert_eq!(packages(&inventory), expected);
            assert_eq!(inventory.limitations.len(), gaps, "{:?}", inventory.limitations);
        }
    }
}

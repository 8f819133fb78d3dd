//! Conan packages: the `conaninfo.txt` of each binary package, in the cache of Conan 1 or where Conan 2 deployed it
//! (Conan "The cache", "Deployers").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Need;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::ecosystem::CONAN;
use super::purl;
use super::text::{complain, field, lines};

/// Reads every `conaninfo.txt` whose folder names its package.
pub(super) struct Conan;

/// Needs taken of one package; real ones have below 100.
const NEEDS: usize = 1_000;

impl Collector for Conan {
    fn id(&self) -> &'static str {
        "conan"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("conaninfo.txt")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(1))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let Some(reference) = Reference::of(file.path) else {
            // the cache of Conan 2 keeps name and version in a database
            return complain(facts, "its folder does not tell the package; Conan 2 keeps that in its cache's database");
        };
        // a package that knows no settings has an empty one
        let Some(fact) = reference.fact() else { return complain(facts, "its folder has no name of a package") };
        facts.package(PackageFact { needs: needs(file.bytes), ..fact });
    }

    /// In the cache of Conan 2 a package is `p/b/HASH/p` if it was built there, and `p/HASH/p` if not. Others are folders
    /// of builds.
    fn accepts(&self, path: &ImagePath) -> bool {
        let folders: Vec<&[u8]> = path.components().collect();
        Reference::of(path).is_some()
            || matches!(folders.as_slice(), [.., b"p", b"b", _, b"p", _] | [.., b".conan2", b"p", _, b"p", _])
    }

    fn about(&self) -> Option<&'static About> {
        Some(&About {
            title: "Conan packages",
            reads: "Name, version and needs of each binary package that is deployed, or in the cache of Conan 1.",
            not_seen: &[
                "what libraries a program was linked with, when neither a cache nor a deployment is there",
                "the cache of Conan 2, whose packages are named in a database: each one is told as not understood",
                "licences, which stand in the recipes",
            ],
            references: &["https://docs.conan.io/2/reference/extensions/deployers.html"],
        })
    }
}

/// Name, version, user and channel.
struct Reference<'a> {
    name: &'a [u8],
    version: &'a [u8],
    user: &'a [u8],
    channel: &'a [u8],
}

impl<'a> Reference<'a> {
    /// `data/NAME/VERSION/USER/CHANNEL/package/ID/conaninfo.txt`, where `_` is none, or
    /// `full_deploy/CONTEXT/NAME/VERSION/…/conaninfo.txt`.
    fn of(path: &'a ImagePath) -> Option<Self> {
        let folders: Vec<&[u8]> = path.components().collect();
        if let [.., b"data", name, version, user, channel, b"package", _, _] = folders.as_slice() {
            return Some(Self { name, version, user, channel });
        }
        let deployed = folders.iter().position(|folder| *folder == b"full_deploy")?;
        let [b"host" | b"build", name, version, _, ..] = folders.get(deployed.checked_add(1)?..)? else { return None };
        Some(Self { name, version, user: b"_", channel: b"_" })
    }

    fn fact(&self) -> Option<PackageFact> {
        let (name, version) = (field(self.name)?, field(self.version)?);
        let given = |text: &[u8]| field(text).filter(|text| text != "_");
        match (given(self.user), given(self.channel)) {
            // both or none, and the user is the purl's namespace
            (Some(user), Some(channel)) => {
                let fact = purl::qualified(&CONAN, &format!("{user}/{name}"), &version, &[("channel", &channel)])?;
                Some(PackageFact { name, ..fact })
            }
            _ => purl::fact(&CONAN, &name, &version),
        }
    }
}

/// The lines `NAME/VERSION…` of the section `[requires]`.
fn needs(bytes: &[u8]) -> Vec<Need> {
    let section = lines(bytes).map(|(_, line)| line.trim_ascii()).skip_while(|line| *line != b"[requires]").skip(1);
    let section = section.take_while(|line| !line.starts_with(b"[")).filter(|line| !line.is_empty()).take(NEEDS);
    section.filter_map(|line| Some(Need { name: field(line.split(|b| *b == b'/').next()?)?, version: None })).collect()
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn folders_name_packages() {
        let info = "[settings]\n    os=Linux\n\n[requires]\n    zlib/1.2.Y.Z\n\n[options]\n    shared=False\n";
        let cases: &[(&str, &str, &[&str], usize)] = &[
            ("root/.conan/data/openssl/3.0.8/_/_/package/0f1e/conaninfo.txt", info, &["pkg:conan/openssl@3.0.8"], 0),
            (
                "root/.conan/data/a/1/team/stable/package/0f1e/conaninfo.txt",
                info,
                &["pkg:conan/team/a@1?channel=stable"],
                0,
            ),
            ("app/full_deploy/host/zlib/1.3.1/Release/x86_64/conaninfo.txt", info, &["pkg:conan/zlib@1.3.1"], 0),
            ("app/full_deploy/host/zlib/1.3.1/conaninfo.txt", info, &["pkg:conan/zlib@1.3.1"], 0),
            ("root/.conan2/p/b/zlib0f1e/p/conaninfo.txt", info, &[], 1),
            ("root/.conan2/p/b/zlib0f1e/b/conaninfo.txt", info, &[], 0),
            ("app/full_deploy/host/zlib/1.3.1/conaninfo.txt", "", &["pkg:conan/zlib@1.3.1"], 0),
            ("app/conaninfo.txt", info, &[], 0),
        ];
        for (path, text, expected, told) in cases {
            let inventory = assemble(&Image::new().file(path, text));
            let purls: Vec<_> = inventory.packages.iter().map(|package| &*package.purl).collect();
            assert_eq!(purls, *expected, "{path}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
        let zlib = "root/.conan/data/zlib/1.2.13/_/_/package/1/conaninfo.txt";
        let openssl = "root/.conan/data/openssl/3.0.8/_/_/package/2/conaninfo.txt";
        let inventory = assemble(&Image::new().file(zlib, "[settings]\n[requires]\n").file(openssl, info));
        assert_eq!(inventory.packages[0].dependencies, [1]);
    }
}

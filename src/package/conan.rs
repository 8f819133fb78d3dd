//! Conan packages: the `conaninfo.txt` of each binary package, in the cache of Conan 1 or where Conan 2 deployed it, and
//! the database of the cache of Conan 2 (Conan "The cache", "Deployers"; `conan/internal/cache/db/packages_table.py`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashSet;

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select, View};
use crate::format::sqlite::{self, Value};
use crate::inventory::{Inventory, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::ecosystem::CONAN;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, complain, field, lines};

/// Reads every `conaninfo.txt` whose folder names its package, and the database of every cache.
pub(super) struct Conan;

/// The database of Conan 2, in the folder `p` of its home.
const DATABASE: &str = "cache.sqlite3";

/// Needs taken of one package; real ones have below 100.
const NEEDS: usize = 1_000;

static ABOUT: About = About {
    title: "Conan packages",
    ecosystems: &[&CONAN],
    reads: "Name, version and needs of each binary package that is deployed, or in the cache of Conan 1; name \
                and version of each that is in the cache of Conan 2.",
    not_seen: &[
        "what libraries a program was linked with, when neither a cache nor a deployment is there",
        "packages in a cache of Conan 2 without its database: each one is told as not understood",
        "licences, which stand in the recipes",
    ],
    references: &["https://docs.conan.io/2/reference/extensions/deployers.html"],
};

impl Collector for Conan {
    fn id(&self) -> &'static str {
        "conan"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("conaninfo.txt"), Select::In("p", DATABASE)]
    }

    /// A package has a row of some 200 bytes in the database.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.path.file_name() == DATABASE.as_bytes() {
            // how a later layer takes it away
            if !file.bytes.is_empty() {
                let mut complaints = Complaints::default();
                if let Err(what) = database(file.bytes, facts, &mut complaints) {
                    complaints.add(what);
                }
                complaints.push(facts);
            }
            return;
        }
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
    /// What the database names counts where its folder is there; and where a database is, it tells the packages of its
    /// cache.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let is_database = |path: &ImagePath| path.file_name() == DATABASE.as_bytes();
        let caches = view.selected.iter().map(|(path, _)| path).filter(|path| is_database(path));
        let caches: Vec<ImagePath> = caches.map(ImagePath::parent).collect();
        let is_told = |path: &ImagePath| caches.iter().any(|cache| path.is_under(cache.as_bytes()));
        let selected = view.selected.iter().filter(|(path, _)| is_database(path) || !is_told(path));
        let selected: Vec<_> = selected.cloned().collect();

        let start = inventory.packages.len();
        let taken = View { selected: &selected, ..*view }.take_packages(self, inventory);
        let is_gone = |folder: &ImagePath| view.tree.resolve_folder(folder).is_none();
        let gone = taken.iter().filter(|taken| {
            let folder = taken.fact.owns.first().map(|folder| taken.path.parent().join(folder.as_bytes()));
            folder.is_some_and(|folder| is_gone(&folder))
        });
        let gone: HashSet<u32> = gone.map(|taken| taken.index).collect();
        let found = inventory.packages.split_off(start);
        let kept = taken.iter().zip(found).filter(|(taken, _)| !gone.contains(&taken.index));
        inventory.packages.extend(kept.map(|(_, package)| package));
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        if path.file_name() == DATABASE.as_bytes() {
            return true;
        }
        let folders: Vec<&[u8]> = path.components().collect();
        Reference::of(path).is_some()
            || matches!(folders.as_slice(), [.., b"p", b"b", _, b"p", _] | [.., b".conan2", b"p", _, b"p", _])
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// The packages that the table `packages` lists, with their folders as what they own: these are beside the database.
fn database(bytes: &[u8], facts: &mut Facts, complaints: &mut Complaints) -> Result<(), String> {
    let database = sqlite::Database::new(bytes)?;
    let root = database.table("packages")?.ok_or("it has no table `packages`")?;
    for (count, row) in database.rows(root).enumerate() {
        if count >= PACKAGES_PER_FILE {
            return Err(format!("it has more than {PACKAGES_PER_FILE} rows; the rest is not read"));
        }
        let row = match row {
            Ok(row) => row,
            Err(what) => {
                complaints.add(what);
                continue;
            }
        };
        // reference, revision, id of the package, its revision, path
        let columns = row.columns();
        let [Value::Text(reference), _, _, _, Value::Text(path), ..] = *columns else {
            complaints.add(format!("row {} names no package", row.id));
            continue;
        };
        match Reference::of_text(reference).and_then(|reference| reference.fact()) {
            Some(fact) => facts.package(PackageFact { owns: vec![ImagePath::new(path)], ..fact }),
            None => complaints.add(format!("row {} names no package", row.id)),
        }
    }
    Ok(())
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

    /// `NAME/VERSION` or `NAME/VERSION@USER/CHANNEL`, as the database has it.
    fn of_text(text: &'a [u8]) -> Option<Self> {
        let mut parts = text.splitn(2, |byte| *byte == b'@');
        let pair = |text: &'a [u8]| {
            let mut parts = text.splitn(2, |byte| *byte == b'/');
            Some((parts.next()?, parts.next()))
        };
        let (name, version) = pair(parts.next()?)?;
        let (user, channel) = parts.next().and_then(pair).unwrap_or((b"_", None));
        Some(Self { name, version: version?, user, channel: channel.unwrap_or(b"_") })
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

    const CACHE: &[u8] = include_bytes!("../../fixtures/conan/cache.sqlite3");

    #[test]
    fn the_database_of_a_cache_names_its_packages() {
        let home = |image: Image| {
            image
                .file("root/.conan2/p/b/zlib1/p/conaninfo.txt", "[settings]\n")
                .file("root/.conan2/p/tiny2/p/conaninfo.txt", "[settings]\n")
        };
        let purls = |image: &Image| {
            let inventory = assemble(image);
            let purls: Vec<String> = inventory.packages.iter().map(|package| package.purl.clone()).collect();
            (purls, inventory.limitations.len())
        };
        let both = ["pkg:conan/team/tiny@2.0?channel=stable", "pkg:conan/zlib@1.3.1"].map(str::to_owned).to_vec();
        let image = home(Image::new().file("root/.conan2/p/cache.sqlite3", CACHE));
        // one row of the database is no reference, and of another the folder is not there
        assert_eq!(purls(&image), (both, 1));
        assert_eq!(purls(&home(Image::new())), (Vec::new(), 2));
        assert_eq!(purls(&home(Image::new().file("root/.conan2/p/cache.sqlite3", "no database"))), (Vec::new(), 1));
        assert_eq!(purls(&Image::new().file("app/p/my-cache.sqlite3", "mine")), (Vec::new(), 0));
        for end in (100..CACHE.len()).step_by(97) {
            purls(&home(Image::new().file("root/.conan2/p/cache.sqlite3", &CACHE[..end])));
        }
    }

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

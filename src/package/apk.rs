//! Alpine packages: apk's database of what is installed (apk-tools, `apk_database(5)`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashSet;

use crate::collect::{Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, PackageLocation};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, PATHS_PER_FILE, field, lines, tell};

/// Packages of Alpine, Wolfi and their kin.
pub(super) static APK: Ecosystem = Ecosystem { id: "apk", purl_type: "apk", is_system: true };

/// Reads `installed`, where apk 2 has it and where apk 3 puts it on a merged `/usr`.
pub(super) struct Apk;

impl Collector for Apk {
    fn id(&self) -> &'static str {
        "apk"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Path("lib/apk/db/installed"), Select::Path("usr/lib/apk/db/installed")]
    }

    /// A desktop's has about 15 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut complaints = Complaints::default();
        for package in parse(file.bytes, &mut complaints) {
            facts.package(package);
        }
        complaints.push(facts);
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let first_layers = view.first_layers();
        let distro = inventory.distro.clone();
        let mut resolver = Resolver::new(view.tree);
        let mut seen = HashSet::new();
        for (path, node) in view.selected.iter().filter(|(_, node)| seen.insert(*node)) {
            for fact in view.facts_of(*node) {
                tell(inventory, path, fact);
                let Fact::Package(package) = fact else { continue };
                let PackageFact { name, version, architecture, .. } = &**package;
                let purl = purl::of_system(&APK, "alpine", distro.as_ref(), name, version, architecture.as_deref());
                let (Some(purl), Ok(index)) = (purl, u32::try_from(inventory.packages.len())) else { continue };
                for path in package.owns.iter().filter_map(|path| resolver.real(path)) {
                    inventory.owned.insert(path, index);
                }
                let added_by = first_layers.of(path, *node, package);
                let location = PackageLocation { path: path.clone(), node: *node, added_by };
                let fact = PackageFact { owns: Vec::new(), ..PackageFact::clone(package) };
                inventory.packages.push(fact.into_package(&APK, purl, location));
            }
        }
    }
}

/// One block while it is read.
#[derive(Default)]
struct Block<'a> {
    line: u64,
    package: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    licence: Option<&'a [u8]>,
    folder: ImagePath,
    owns: Vec<ImagePath>,
}

/// The packages of a database: blocks of `letter:value` lines with an empty line after each.
fn parse(bytes: &[u8], complaints: &mut Complaints) -> Vec<PackageFact> {
    let mut packages = Vec::new();
    let mut block = Block::default();
    let mut paths = 0_usize;
    let mut end = |block: Block<'_>, complaints: &mut Complaints| match block.finish() {
        Ok(Some(package)) if packages.len() < PACKAGES_PER_FILE => packages.push(package),
        Ok(Some(package)) => {
            complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; `{}` is not read", package.name));
        }
        Ok(None) => {}
        Err(what) => complaints.add(what),
    };
    for (number, line) in lines(bytes) {
        if line.is_empty() {
            end(std::mem::take(&mut block), complaints);
            continue;
        }
        let owned = block.owns.len();
        block.read(number, line, paths < PATHS_PER_FILE);
        paths = paths.saturating_add(block.owns.len().saturating_sub(owned));
    }
    end(block, complaints);
    if paths >= PATHS_PER_FILE {
        complaints.add(format!("it lists {PATHS_PER_FILE} paths or more; the rest is not read"));
    }
    packages
}

impl<'a> Block<'a> {
    fn read(&mut self, number: u64, line: &'a [u8], takes_paths: bool) {
        if self.line == 0 {
            self.line = number;
        }
        let Some((letter, value)) = line.split_at_checked(2) else { return };
        match letter {
            b"P:" => self.package = Some(value),
            b"V:" => self.version = Some(value),
            b"A:" => self.architecture = Some(value),
            b"o:" => self.origin = Some(value),
            b"L:" => self.licence = Some(value),
            b"F:" => {
                self.folder = ImagePath::new(value);
                if takes_paths && !self.folder.is_root() {
                    self.owns.push(self.folder.clone());
                }
            }
            b"R:" if takes_paths => self.owns.push(self.folder.join(value)),
            _ => {}
        }
    }

    /// The package; nothing if the block is empty or a virtual package (`apk add --virtual
    /// .build-deps`), which is but a name for a list of others.
    fn finish(self) -> Result<Option<PackageFact>, String> {
        if self.line == 0 {
            return Ok(None);
        }
        let Some(name) = self.package.and_then(field) else {
            return Err(format!("the block at line {} names no package", self.line));
        };
        if name.starts_with('.') {
            return Ok(None);
        }
        let Some(version) = self.version.and_then(field) else {
            return Err(format!("`{name}`, at line {}, has no version", self.line));
        };
        let origin = self.origin.and_then(field).unwrap_or_else(|| name.clone());
        Ok(Some(PackageFact {
            source: Some((origin, version.clone())),
            architecture: self.architecture.and_then(field),
            licence: self.licence.and_then(field),
            owns: self.owns,
            name,
            version,
            ..PackageFact::default()
        }))
    }
}

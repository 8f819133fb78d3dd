//! Software in the image: installed, declared, or gone but still in a layer.

use serde::Serialize;

use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::tree::Node;

use super::licence::Licence;

/// A kind of package.
#[derive(Debug, PartialEq, Eq)]
pub struct Ecosystem {
    /// Short name, as in reports: `deb`, `apk`, `pypi`, `npm`.
    pub id: &'static str,
    /// purl type.
    pub purl_type: &'static str,
    /// Whether its packages own files of the system, so that packages of other ecosystems among
    /// these files are marked as owned.
    pub is_system: bool,
}

/// One package.
#[derive(Debug, Clone)]
pub struct Package {
    /// What kind.
    pub ecosystem: &'static Ecosystem,
    /// As its manager spells it.
    pub name: String,
    /// As its manager spells it, epoch included.
    pub version: String,
    /// Package URL, with distribution and architecture where known.
    pub purl: String,
    /// Name and version of the source package, for packages built from one.
    pub source: Option<(String, String)>,
    /// Architecture, as its manager spells it.
    pub architecture: Option<String>,
    /// Who packaged it, for packages of a system: the vendor, or the mail domain of the maintainer.
    pub packager: Option<String>,
    /// Licence, as declared and as the expression it means.
    pub licence: Option<Licence>,
    /// Whether it is there, or only asked for.
    pub state: State,
    /// How sure it is that this very package is there.
    pub confidence: Confidence,
    /// Whether a verdict counts it. A declared package counts only where nothing shows that what its file asks
    /// for was installed.
    pub is_counted: bool,
    /// What in the file proves it, where that is no record of a package manager.
    pub proof: Proof,
    /// SHA-1 of its archive, for packages that are one file.
    pub sha1: Option<[u8; 20]>,
    /// Packages it needs, as its record names them; empty once [`dependencies`](Self::dependencies) are known.
    pub needs: Vec<Need>,
    /// What it provides besides its name, as its record says.
    pub provides: Vec<String>,
    /// Indices of the packages it needs in [`super::Inventory::packages`]; sorted.
    pub dependencies: Vec<u32>,
    /// The layer that took it away: it is in a lower layer, but no longer in the merged image.
    pub removed_in_layer: Option<u32>,
    /// Files that prove it, the first being the one it was read from; sorted, never empty.
    pub locations: Vec<PackageLocation>,
    /// Index of the system package in [`super::Inventory::packages`] whose files it is part of.
    pub owner: Option<u32>,
}

impl Package {
    /// An installed package of which nothing is known but what names it and which file proves it.
    pub fn new(
        ecosystem: &'static Ecosystem,
        name: &str,
        version: &str,
        purl: &str,
        location: PackageLocation,
    ) -> Self {
        Self {
            ecosystem,
            name: name.into(),
            version: version.into(),
            purl: purl.into(),
            source: None,
            architecture: None,
            packager: None,
            licence: None,
            state: State::Installed,
            confidence: Confidence::High,
            is_counted: true,
            proof: Proof::Record,
            sha1: None,
            needs: Vec::new(),
            provides: Vec::new(),
            dependencies: Vec::new(),
            removed_in_layer: None,
            locations: vec![location],
            owner: None,
        }
    }
}

/// A file that proves a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageLocation {
    /// A live name.
    pub path: ImagePath,
    /// The content it leads to; its layer is the one that brought the package in this form.
    pub node: Node,
    /// The first layer that held this very package (name and version), for databases that every layer rewrites.
    pub added_by: u32,
    /// The member of that file, if it is an archive: `BOOT-INF/lib/a.jar`, with `!/` between nested archives.
    pub inside: Option<Box<str>>,
}

/// Whether a package is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its files are there.
    #[default]
    Installed,
    /// A lock file or bill of materials names it; its files may be elsewhere, or nowhere.
    Declared,
}

/// What proves a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// A record that its manager or its build tool wrote.
    #[default]
    Record,
    /// Nothing but names of files, and metadata that need not be its own.
    Name(Box<str>),
    /// This text in a program.
    VersionString(Box<str>),
}

/// What a package needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Name, as the needed package or something it provides is called.
    pub name: String,
    /// The exact version, where the record gives one.
    pub version: Option<String>,
}

impl Need {
    /// Something of this name, in any version.
    pub fn of(name: String) -> Self {
        Self { name, version: None }
    }
}

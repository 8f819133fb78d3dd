//! Installed software.

use crate::path::ImagePath;
use crate::tree::Node;

/// A kind of package.
#[derive(Debug)]
pub struct Ecosystem {
    /// Short name, as in reports: `deb`, `apk`, `pypi`, `npm`.
    pub id: &'static str,
    /// purl type.
    pub purl_type: &'static str,
    /// Whether its packages own files of the system, so that packages of other ecosystems among
    /// these files are marked as owned.
    pub is_system: bool,
}

/// One package that is installed.
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
    /// Licence, as declared.
    pub licence: Option<String>,
    /// Files that prove it, the first being the one it was read from; sorted, never empty.
    pub locations: Vec<PackageLocation>,
    /// Index of the system package in [`super::Inventory::packages`] whose files it is part of.
    pub owner: Option<u32>,
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
}

//! Everything learned about one image, as plain data: what checks look at.

pub mod account;
pub mod claim;
pub mod contents;
pub mod distro;
mod hidden;
pub mod inherited;
pub mod licence;
pub mod npm;
mod origin;
pub mod package;
mod provenance;
pub mod run_user;
pub mod secret;
pub mod setting;
mod start;
pub mod twins;

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::{ContentDigests, Digest};
use crate::image::{ImageConfig, Target};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::time::Timestamp;
use crate::tree::{Node, Tree};

pub use account::{Accounts, Group, User};
pub use claim::{Claimant, Claims, FileClaims};
pub use contents::Contents;
pub use distro::Distro;
pub use hidden::{Cause, Successors};
pub use licence::Licence;
pub use npm::NpmInstall;
pub use origin::{Base, Hints, KnownBase, NamedBy, ToldBy, chain_ids, named_base};
pub use package::{Ecosystem, Need, Package, PackageLocation, Proof, State};
pub use provenance::Provenance;
pub use run_user::RunUser;
pub use secret::{Secret, SecretPlace};
pub use setting::{SettingFile, SettingLine};
pub use start::Starts;

/// One image, read.
#[derive(Debug, Default)]
pub struct Inventory {
    /// What names the image.
    pub target: Target,
    /// Its configuration; a bare root file system has none.
    pub config: Option<ImageConfig>,
    /// When it was made, where that is known.
    pub created: Option<Timestamp>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// What is known of the image it is built on.
    pub base: Base,
    /// The configuration of that image, where the user named it.
    pub base_config: Option<ImageConfig>,
    /// Its layers, oldest first.
    pub layers: Vec<LayerSummary>,
    /// The union of its layers.
    pub tree: Tree,
    /// From `os-release`.
    pub distro: Option<Distro>,
    /// Installed and declared packages, sorted by purl, then location. Packages whose files are all gone are not here.
    pub packages: Vec<Package>,
    /// Packages of lower layers that the merged image no longer holds, sorted by purl, then location.
    pub removed: Vec<Package>,
    /// Names of the repositories that Red Hat's build service says the image was made from.
    pub content_sets: BTreeSet<String>,
    /// Secrets of all layers and of the configuration.
    pub secrets: Vec<Secret>,
    /// `passwd`, `shadow` and `group`.
    pub accounts: Accounts,
    /// Lines of the system's small settings, by live name.
    pub settings: Vec<SettingFile>,
    /// How executable files begin.
    pub starts: Starts,
    /// Paths that some OS package owns, by their live, resolved name. Sorted.
    pub owned: OwnedPaths,
    /// Which owners and bits packages say they give their files.
    pub rights: Rights,
    /// What packages say their files hold, also those that a later layer hides.
    pub claims: Claims,
    /// What programs hold that have more rights than their callers, or that ask for passwords.
    pub digests: BTreeMap<Node, ContentDigests>,
    /// Which files hold the same; nothing where nobody asked.
    pub contents: Contents,
    /// What npm says it installed for development alone, one entry for each `node_modules` where it says so.
    pub npm_installs: Vec<NpmInstall>,
    /// What is attached to it in its registry, where that was looked for and all of it was seen.
    pub attested: Option<Attested>,
    /// What was not read.
    pub limitations: Vec<Limitation>,
}

/// What packages say of owners and bits of their files, by live, resolved name. dpkg's say nothing of it.
#[derive(Debug, Default)]
pub struct Rights {
    /// Paths that belong to others than root, or may.
    pub foreign: BTreeSet<ImagePath>,
    /// Files with the setuid or setgid bit, or that may have it.
    pub privileged: BTreeSet<ImagePath>,
}

impl Rights {
    /// Whether packages of this kind note them.
    pub fn are_noted(ecosystem: &Ecosystem) -> bool {
        matches!(ecosystem.id, "apk" | "rpm")
    }
}

/// What is attached to an image; nothing of it is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attested {
    /// Whether a signature is.
    pub has_signature: bool,
    /// Whether a statement is of how it was built.
    pub has_provenance: bool,
    /// Whether a bill of materials is.
    pub has_bill: bool,
}

/// One layer, after it was read.
#[derive(Debug, Clone, Default)]
pub struct LayerSummary {
    /// Place from the bottom.
    pub index: u32,
    /// Digest of the blob, computed while it was read; the stated one where it was not read to its end.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar, computed.
    pub diff_id: Option<Digest>,
    /// Bytes of the uncompressed tar.
    pub size: u64,
    /// Bytes of the blob as stored, compressed or not.
    pub stored: u64,
    /// Media type, where a manifest states it.
    pub media_type: Option<String>,
    /// Index of the history entry that made it.
    pub history: Option<u32>,
    /// Whether it is kept on another host.
    pub is_foreign: bool,
    /// The build step that made it, with secrets masked.
    pub created_by: Option<String>,
    /// Whether it comes from the base image, where that can be told.
    pub origin: Origin,
}

/// Whose a layer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The base image's.
    Base,
    /// The user's own.
    App,
    /// Cannot be told.
    #[default]
    Unknown,
}

impl Origin {
    /// Lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::App => "app",
            Self::Unknown => "unknown",
        }
    }
}

/// Which package owns a path.
#[derive(Debug, Default)]
pub struct OwnedPaths(BTreeMap<ImagePath, u32>);

impl OwnedPaths {
    /// Records that the package at `package` (index in [`Inventory::packages`]) owns `path`.
    pub fn insert(&mut self, path: ImagePath, package: u32) {
        self.0.entry(path).or_insert(package);
    }

    /// The index of the package that owns `path`.
    pub fn owner(&self, path: &ImagePath) -> Option<u32> {
        self.0.get(path).copied()
    }

    /// The paths, sorted, each with the index of the package that owns it.
    pub fn iter(&self) -> impl Iterator<Item = (&ImagePath, u32)> {
        self.0.iter().map(|(path, package)| (path, *package))
    }

    /// Follows the packages to new indices: `places[old]` is the new one.
    pub fn renumber(&mut self, places: &[u32]) {
        for package in self.0.values_mut() {
            if let Some(place) = places.get(*package as usize) {
                *package = *place;
            }
        }
    }

    /// Whether nothing is known of ownership: no OS package listed files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

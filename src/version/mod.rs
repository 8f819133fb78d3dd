//! The orders of versions, one scheme for each family of packages, as the packages' own tools have them.
//!
//! Only the order lives here. Ranges of advisories are events on one line, which the order is
//! enough for; the event `0` of the OSV format, "from the beginning", is no version and never
//! comes here. What each scheme's tool answers is recorded in `fixtures/versions/`.

mod apk;
mod composer;
mod dpkg;
mod gem;
mod go;
mod maven;
mod nuget;
mod number;
mod pep440;
mod rpm;
mod semantic;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use crate::escape::escape;

/// Longest version taken, in bytes. The longest seen in public advisories is under 150.
pub const LONGEST: usize = 1024;

/// A way to write and order versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Alpine and what descends from it.
    Apk,
    /// Semantic versions with a revision in place of the pre-release.
    Bitnami,
    /// PHP's packages.
    Composer,
    /// Debian, Ubuntu and what descends from them.
    Dpkg,
    /// Ruby's packages.
    Gem,
    /// Go's modules and its toolchain.
    Go,
    /// Java's packages.
    Maven,
    /// Node's packages.
    Npm,
    /// The packages of .NET.
    NuGet,
    /// Python's packages.
    Pep440,
    /// Red Hat, SUSE and others.
    Rpm,
    /// Semantic Versioning 2.0, as the Rust registry and others have it.
    SemVer,
}

impl Scheme {
    /// Every scheme, in the order of names.
    pub const ALL: &[Self] = &[
        Self::Apk,
        Self::Bitnami,
        Self::Composer,
        Self::Dpkg,
        Self::Gem,
        Self::Go,
        Self::Maven,
        Self::Npm,
        Self::NuGet,
        Self::Pep440,
        Self::Rpm,
        Self::SemVer,
    ];

    /// The scheme's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apk => "apk",
            Self::Bitnami => "bitnami",
            Self::Composer => "composer",
            Self::Dpkg => "dpkg",
            Self::Gem => "gem",
            Self::Go => "go",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::NuGet => "nuget",
            Self::Pep440 => "pep440",
            Self::Rpm => "rpm",
            Self::SemVer => "semver",
        }
    }

    /// The scheme of an ecosystem as OSV records name it; what follows a colon (`Debian:12`) is passed over.
    ///
    /// Source: the ecosystems of the OSV schema, "affected[].package field".
    pub fn of_ecosystem(ecosystem: &str) -> Option<Self> {
        let family = ecosystem.split_once(':').map_or(ecosystem, |(family, _)| family);
        ECOSYSTEMS.iter().find(|(name, _)| *name == family).map(|(_, scheme)| *scheme)
    }

    /// The ecosystems that have a scheme, without releases.
    pub fn ecosystems() -> impl Iterator<Item = &'static str> {
        ECOSYSTEMS.iter().map(|(name, _)| *name)
    }

    /// Reads a version. What the scheme's own tool refuses is refused here: no order is made up for it.
    pub fn parse(self, text: &str) -> Result<Version, Unparsable> {
        let key = if text.len() > LONGEST {
            Err("longer than 1024 bytes")
        } else {
            match self {
                Self::Apk => apk::parse(text).map(Key::Apk),
                Self::Bitnami => semantic::parse_bitnami(text).map(Key::Bitnami),
                Self::Composer => composer::parse(text).map(Key::Composer),
                Self::Dpkg => dpkg::parse(text).map(Key::Dpkg),
                Self::Gem => gem::parse(text).map(Key::Gem),
                Self::Go => go::parse(text).map(Key::Semantic),
                Self::Maven => maven::parse(text).map(Key::Maven),
                Self::Npm => semantic::parse_npm(text).map(Key::Semantic),
                Self::NuGet => nuget::parse(text).map(Key::NuGet),
                Self::Pep440 => pep440::parse(text).map(Key::Pep440),
                Self::Rpm => rpm::parse(text).map(Key::Rpm),
                Self::SemVer => semantic::parse(text).map(Key::Semantic),
            }
        };
        key.map(|key| Version { scheme: self, key }).map_err(|reason| Unparsable::new(self, text, reason))
    }

    /// Orders two versions of the scheme.
    pub fn compare(self, left: &str, right: &str) -> Result<Ordering, Unparsable> {
        Ok(self.parse(left)?.key.cmp(&self.parse(right)?.key))
    }
}

/// Ecosystems of OSV records, each with its scheme. Names without an order of their own are not here.
const ECOSYSTEMS: &[(&str, Scheme)] = &[
    ("AlmaLinux", Scheme::Rpm),
    ("Alpaquita", Scheme::Apk),
    ("Alpine", Scheme::Apk),
    ("Azure Linux", Scheme::Rpm),
    ("BellSoft Hardened Containers", Scheme::Apk),
    ("Bitnami", Scheme::Bitnami),
    ("Chainguard", Scheme::Apk),
    ("Debian", Scheme::Dpkg),
    ("Echo", Scheme::Dpkg),
    ("GitHub Actions", Scheme::SemVer),
    ("Go", Scheme::Go),
    ("Hex", Scheme::SemVer),
    ("Julia", Scheme::SemVer),
    ("Mageia", Scheme::Rpm),
    ("Maven", Scheme::Maven),
    ("MinimOS", Scheme::Apk),
    ("NuGet", Scheme::NuGet),
    ("Packagist", Scheme::Composer),
    ("Photon OS", Scheme::Rpm),
    ("Pub", Scheme::SemVer),
    ("PyPI", Scheme::Pep440),
    ("Red Hat", Scheme::Rpm),
    ("Rocky Linux", Scheme::Rpm),
    ("RubyGems", Scheme::Gem),
    ("SUSE", Scheme::Rpm),
    ("SwiftURL", Scheme::SemVer),
    ("Ubuntu", Scheme::Dpkg),
    ("Wolfi", Scheme::Apk),
    (concat!("crates", ".io"), Scheme::SemVer),
    ("npm", Scheme::Npm),
    ("openEuler", Scheme::Rpm),
    ("openSUSE", Scheme::Rpm),
];

/// A version read by a scheme.
///
/// Versions of one scheme are totally ordered; those of two schemes are neither equal nor ordered.
#[derive(Debug, Clone)]
pub struct Version {
    scheme: Scheme,
    key: Key,
}

impl Version {
    /// The scheme that read the version.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.scheme == other.scheme).then(|| self.key.cmp(&other.key))
    }
}

/// What a scheme read; a scheme has one kind only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Apk(apk::Apk),
    Bitnami(semantic::Bitnami),
    Composer(composer::Composer),
    Dpkg(debversion::Version),
    Gem(gem::Gem),
    Maven(maven::Maven),
    NuGet(nuget::NuGet),
    Pep440(pep440_rs::Version),
    Rpm(rpm::Rpm),
    Semantic(semantic::Semantic),
}

/// A version that its scheme refuses. What it names must be told as unknown, neither hit nor clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unparsable {
    /// The scheme that refused.
    pub scheme: Scheme,
    /// The version, escaped and cut to 80 characters.
    pub text: String,
    /// Why it was refused, to follow "it is": `empty`.
    pub reason: &'static str,
}

impl Unparsable {
    fn new(scheme: Scheme, text: &str, reason: &'static str) -> Self {
        const SHOWN: usize = 80;
        let mut shown: String = text.chars().take(SHOWN).collect();
        let is_cut = shown.len() < text.len();
        shown = escape(shown).chars().take(SHOWN).collect();
        if is_cut {
            shown.push('…');
        }
        Self { scheme, text: shown, reason }
    }
}

impl fmt::Display for Unparsable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no version of {}: it is {}", self.text, self.scheme.name(), self.reason)
    }
}

impl std::error::Error for Unparsable {}

//! What statements are about: packages and images, by whatever names documents give them.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::digest::Digest;

use super::purl::Purl;
use super::reference::{Reference, generic};
use super::vers::Vers;

/// Names of one component that are looked at; those beyond name it no better.
const NAMES: usize = 64;

/// Something that statements name: an image, a package, a part of either.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Component {
    /// What the document calls it, for people.
    pub label: String,
    /// Package URLs; one that fits is enough.
    pub purls: Vec<Purl>,
    /// Digests of the whole: of an image, those of its manifest or configuration.
    pub digests: Vec<Digest>,
    /// Names as a registry knows them.
    pub references: Vec<Reference>,
    /// Which versions of it are meant, beyond what its package URL says.
    pub versions: Versions,
}

/// Versions beside a package URL.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Versions {
    /// Nothing more is said.
    #[default]
    Any,
    /// This one, letter by letter.
    Exact(String),
    /// Those in a range.
    Range(Vers),
}

/// What a statement is about, and which parts of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Product {
    /// The product.
    pub component: Component,
    /// The parts that the flaw is in; none if the whole product is meant.
    pub subcomponents: Vec<Component>,
}

impl Component {
    /// A component of this name, whatever kind of name that is: a package URL, a digest, an image's reference.
    pub fn named(text: &str) -> Self {
        let mut component = Self { label: super::shown(text), ..Self::default() };
        component.add(text);
        component
    }

    /// Adds a name, if it is of a kind that is understood.
    pub fn add(&mut self, text: &str) {
        let text = text.trim();
        if self.purls.len() >= NAMES || self.digests.len() >= NAMES || self.references.len() >= NAMES {
            return;
        }
        if let Some(purl) = Purl::parse(text) {
            if !self.purls.contains(&purl) {
                self.purls.push(purl);
            }
        } else if let Ok(digest) = text.parse::<Digest>() {
            self.add_digest(digest);
        } else if let Some(reference) = Reference::parse(text)
            && !self.references.contains(&reference)
        {
            self.references.push(reference);
        }
    }

    /// Adds a hash by the name that a document gives its algorithm; those that no image goes by are passed over.
    pub fn add_hash(&mut self, algorithm: &str, hex: &str) {
        let name: String = algorithm.chars().filter(char::is_ascii_alphanumeric).collect();
        let digest = format!("{}:{}", name.to_ascii_lowercase(), hex.trim().to_ascii_lowercase());
        if let Ok(digest) = digest.parse::<Digest>() {
            self.add_digest(digest);
        }
    }

    /// Adds a digest.
    pub fn add_digest(&mut self, digest: Digest) {
        if self.digests.len() < NAMES && !self.digests.contains(&digest) {
            self.digests.push(digest);
        }
    }

    /// Whether it has a name by which anything could be found.
    pub fn is_known(&self) -> bool {
        !self.purls.is_empty() || !self.digests.is_empty() || !self.references.is_empty()
    }

    /// Whether it means this package.
    pub fn is_package(&self, package: &Purl) -> bool {
        self.purls.iter().any(|purl| !purl.is_image() && purl.covers(package)) && self.versions.contain(package)
    }

    /// Whether it means this image. A digest decides; names count where there is none.
    pub fn is_image(&self, image: &Image) -> bool {
        let stated =
            self.purls.iter().filter_map(Reference::of_purl).chain(self.references.iter().cloned()).collect::<Vec<_>>();
        let mut digests = self.digests.iter().chain(stated.iter().filter_map(|one| one.digest.as_ref())).peekable();
        if digests.peek().is_some() {
            return digests.any(|digest| image.digests.contains(digest));
        }
        let is_generic = image.generic.as_ref().is_some_and(|own| self.purls.contains(own));
        is_generic || stated.iter().any(|reference| image.is_called(reference))
    }
}

impl Versions {
    fn contain(&self, package: &Purl) -> bool {
        let version = package.version.as_deref().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Exact(exact) => {
                exact == version || (package.kind == "golang" && exact.strip_prefix('v') == Some(version))
            }
            Self::Range(range) => {
                let epoch = package.qualifiers.get("epoch").filter(|_| package.kind == "rpm");
                match (package.kind.as_str(), epoch) {
                    (_, Some(epoch)) => range.contains(&format!("{epoch}:{version}")),
                    // its sign was taken off so that purls compare
                    ("golang", _) => range.contains(&format!("v{version}")),
                    _ => range.contains(version),
                }
            }
        }
    }
}

/// The image that is judged, by all its names.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Digests of its manifest, of the indexes that list it, of its configuration.
    pub digests: Vec<Digest>,
    /// Its names in registries.
    pub references: Vec<Reference>,
    /// Its architecture, as in its configuration.
    pub architecture: Option<String>,
    /// The package URL that careen writes for what is no image: a bill of materials, a folder.
    pub generic: Option<Purl>,
}

impl Image {
    /// An image of these names; those that are no references (paths, `-`) are passed over.
    pub fn new<'a>(
        digests: impl IntoIterator<Item = Digest>,
        names: impl IntoIterator<Item = &'a str>,
        architecture: Option<&str>,
    ) -> Self {
        Self {
            digests: digests.into_iter().collect(),
            references: names.into_iter().filter_map(Reference::parse).collect(),
            architecture: architecture.map(str::to_owned),
            generic: None,
        }
    }

    /// What has no digest, by the name that it was given.
    #[must_use]
    pub fn called(self, written: &str) -> Self {
        Self { generic: Purl::parse(&generic(written)), ..self }
    }

    fn is_called(&self, stated: &Reference) -> bool {
        let fits = stated.architecture.is_none() || stated.architecture == self.architecture;
        fits && self.references.iter().any(|own| stated.names(own))
    }
}

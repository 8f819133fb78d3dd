//! The products of Red Hat's documents: which packages of the operating system their ids stand for, and what mends them.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::format::percent::decode_lossy;

use super::super::is_for_debuggers;
use super::document::{Branch, Helper, Relationship, Tree};

/// The products that are the operating system, as CPEs name them: it and its kinds of extended support.
const SYSTEMS: &[&str] = &[
    "enterprise_linux",
    "enterprise_linux_eus",
    "rhel_aus",
    "rhel_e4s",
    "rhel_els",
    "rhel_eus",
    "rhel_eus_long_life",
    "rhel_tus",
];

/// Relationships that are followed from a product: component, module, platform.
const DEPTH: usize = 4;

/// Builds of one release that mend a component; there is one of each package, and seldom two.
const BUILDS: usize = 16;

/// A package on a platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Component {
    pub(super) release: String,
    pub(super) name: String,
    pub(super) module: Option<String>,
}

/// What the id of a product stands for.
pub(super) struct Found {
    pub(super) component: Component,
    /// The build; nothing where none is named.
    pub(super) version: Option<String>,
    /// The minor release of the platform, where its id tells: `7` of `rhel-9.7.z`.
    pub(super) minor: Option<u32>,
}

/// The products of a document.
pub(super) struct Products<'a> {
    /// CPE and purl by id.
    helpers: HashMap<&'a str, &'a Helper<'a>>,
    /// Component and platform by id.
    relationships: HashMap<&'a str, (&'a str, &'a str)>,
}

impl<'a> Products<'a> {
    pub(super) fn of(tree: &'a Tree<'a>) -> Self {
        let mut helpers = HashMap::new();
        let mut branches: Vec<&Branch<'_>> = tree.branches.iter().collect();
        while let Some(branch) = branches.pop() {
            branches.extend(&branch.branches);
            if let Some(product) = &branch.product
                && let Some(helper) = &product.product_identification_helper
            {
                helpers.insert(product.product_id.as_ref(), helper);
            }
        }
        let relationships = tree.relationships.iter().map(|relationship| {
            let Relationship { full_product_name, product_reference, relates_to_product_reference } = relationship;
            let pair = (product_reference.as_ref(), relates_to_product_reference.as_ref());
            (full_product_name.product_id.as_ref(), pair)
        });
        Self { helpers, relationships: relationships.collect() }
    }

    /// The package of the operating system that an id stands for.
    pub(super) fn component(&self, id: &str) -> Option<Found> {
        let (component, mut platform) = *self.relationships.get(id)?;
        let helper = self.helpers.get(component)?;
        let purl = Purl::parse(helper.purl.as_deref()?)?;
        let mut module = purl.module;
        for _ in 0..DEPTH {
            let Some((between, beyond)) = self.relationships.get(platform) else { break };
            let of_module = self.helpers.get(between).and_then(|helper| Purl::parse(helper.purl.as_deref()?));
            module = module.or_else(|| of_module.and_then(|purl| purl.is_module()));
            platform = beyond;
        }
        let cpe = self.helpers.get(platform)?.cpe.as_deref()?;
        let release = cpe.strip_prefix("cpe:/o:redhat:").or_else(|| cpe.strip_prefix("cpe:/a:redhat:"))?;
        let is_system = release.split_once(':').is_some_and(|(product, _)| SYSTEMS.contains(&product));
        // a module as a whole is no package
        if !is_system
            || purl.kind != "rpm" && module.is_none()
            || purl.name.is_empty()
            || purl.is_whole_module
            || is_for_debuggers(&purl.name)
        {
            return None;
        }
        // without a release it is no build: a module's stream has been seen there
        let version = purl.version.filter(|version| version.contains('-'));
        let version = version.map(|version| format!("{}:{version}", purl.epoch.as_deref().unwrap_or("0")));
        let minor = platform.strip_prefix("rhel-").and_then(|rest| {
            let (_, rest) = rest.split_once('.')?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        Some(Found { component: Component { release: release.to_owned(), name: purl.name, module }, version, minor })
    }
}

/// What is needed of a package URL of Red Hat's.
struct Purl {
    kind: String,
    name: String,
    version: Option<String>,
    epoch: Option<String>,
    /// `nodejs:16`, from the namespace of `pkg:rpmmod/redhat/nodejs:16/nodejs` or the qualifier `rpmmod`.
    module: Option<String>,
    /// Whether it is a module and no package in one.
    is_whole_module: bool,
}

impl Purl {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?;
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (rest, version) =
            rest.split_once('@').map_or((rest, None), |(rest, version)| (rest, Some(decode_lossy(version))));
        let mut parts = rest.split('/');
        let (kind, vendor) = (parts.next()?.to_owned(), parts.next()?);
        let parts: Vec<String> = parts.map(decode_lossy).collect();
        let qualifier = |key: &str| {
            let values = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
            values.into_iter().find(|(name, _)| *name == key).map(|(_, value)| decode_lossy(value))
        };
        let (name, module) = match (vendor, parts.as_slice()) {
            ("redhat", [name]) => (name.clone(), qualifier("rpmmod").and_then(|module| stream(&module))),
            ("redhat", [module, name]) => (name.clone(), stream(module)),
            _ => return None,
        };
        let is_whole_module = kind == "rpmmod" && parts.len() == 1;
        let epoch = qualifier("epoch").filter(|epoch| epoch.bytes().all(|byte| byte.is_ascii_digit()));
        Some(Self { kind, name, version, epoch, module, is_whole_module })
    }

    /// The stream, of `pkg:rpmmod/redhat/ruby@3.0:8060020220810162001:ad008a3a`.
    fn is_module(&self) -> Option<String> {
        if !self.is_whole_module {
            return self.module.clone();
        }
        let stream = self.version.as_deref()?.split(':').next()?;
        Some(format!("{}:{stream}", self.name))
    }
}

/// The first two parts of `nodejs:16:8060020220810162001:ad008a3a`.
fn stream(module: &str) -> Option<String> {
    let mut parts = module.split(':');
    let (name, stream) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !stream.is_empty()).then(|| format!("{name}:{stream}"))
}

/// What mends the components of a document, by name and module.
#[derive(Default)]
pub(super) struct Fixes(BTreeMap<(String, Option<String>), Mended>);

/// What mends one component.
#[derive(Default)]
struct Mended {
    /// Versions by release.
    releases: BTreeMap<String, BTreeSet<String>>,
    /// By major release the newest minor one under extended support, and the versions there.
    newest: BTreeMap<String, (u32, BTreeSet<String>)>,
}

impl Fixes {
    pub(super) fn add(&mut self, component: &Component, fixed: &str) {
        let mended = self.0.entry((component.name.clone(), component.module.clone())).or_default();
        mended.releases.entry(component.release.clone()).or_default().insert(fixed.to_owned());
        if let Some((major, minor)) = extended(&component.release) {
            let newest = mended.newest.entry(major.to_owned()).or_default();
            if minor > newest.0 {
                *newest = (minor, BTreeSet::new());
            }
            if minor == newest.0 {
                newest.1.insert(fixed.to_owned());
            }
        }
    }

    /// What mends a component of a product that is said to be affected as a whole, `enterprise_linux:8`, without a
    /// version.
    ///
    /// Documents of newer make say so of products whose repositories, `enterprise_linux:8::appstream`, have the fix;
    /// and of a minor release whose users get it with a later one, which stands as extended support by itself.
    pub(super) fn of_whole(&self, component: &Component, minor: Option<u32>) -> Vec<String> {
        let whole = &component.release;
        let key = (component.name.clone(), component.module.clone());
        let Some(mended) = self.0.get(&key).filter(|_| !whole.contains("::")) else { return Vec::new() };
        let start = format!("{whole}::");
        let of_repositories = mended.releases.range(start.clone()..);
        let of_repositories = of_repositories.take_while(|(release, _)| release.starts_with(&start));
        let versions: BTreeSet<&String> = of_repositories.flat_map(|(_, versions)| versions).collect();
        if !versions.is_empty() {
            return versions.into_iter().cloned().collect();
        }
        let major = whole.strip_prefix("enterprise_linux:").and_then(|version| version.split('.').next());
        let later = major.and_then(|major| mended.newest.get(major));
        // what is no document of Red Hat's would make a list as long for each of its products
        let is_later = |(newest, versions): &&(u32, BTreeSet<String>)| {
            minor.is_some_and(|minor| *newest > minor) && versions.len() <= BUILDS
        };
        let later = later.filter(is_later);
        later.into_iter().flat_map(|(_, versions)| versions).cloned().collect()
    }
}

/// The major and the minor release of a product of extended support: `rhel_eus:9.8::appstream`.
fn extended(release: &str) -> Option<(&str, u32)> {
    let rest = release.strip_prefix("rhel_eus:").or_else(|| release.strip_prefix("enterprise_linux_eus:"))?;
    let (major, rest) = rest.split_once('.')?;
    Some((major, rest.split(':').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_of_modules() {
        let cases = [
            ("pkg:rpm/redhat/a%2Bb@1%2E2-3?arch=src&epoch=1", "a+b 1.2-3 1 -"),
            ("pkg:rpm/redhat/ruby@3.1?rpmmod=ruby:3.1:8090020240311122605:a75119d5", "ruby 3.1 - ruby:3.1"),
            ("pkg:rpmmod/redhat/nodejs:16/nodejs", "nodejs - - nodejs:16"),
            ("pkg:rpm/redhat/a%zz%", "a%zz% - - -"),
        ];
        for (text, expected) in cases {
            let Purl { name, version, epoch, module, .. } = Purl::parse(text).expect("reads");
            let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
            assert_eq!(format!("{name} {} {} {}", or(version), or(epoch), or(module)), expected, "{text}");
        }
        for text in ["", "pkg:", "pkg:rpm/suse/a", "pkg:rpm/redhat", "pkg:oci/redhat/a/b/c"] {
            assert!(Purl::parse(text).is_none(), "{text}");
        }
    }
}

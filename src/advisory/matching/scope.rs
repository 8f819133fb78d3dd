//! Which records hold for a package at all: those for its architecture, its module stream, its kind of customer; and
//! none for kernels that do not run.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Package;
use crate::version::Scheme;

use super::super::catalogue::{Match, Question};
use super::super::name;
use super::super::record::Posting;

/// The vendor who patched a package and counts its patches in the version.
pub(super) fn vendor_of(version: &str) -> Option<&'static str> {
    version.contains("root.io").then_some("Root")
}

/// The module stream that an rpm package was built for: `nodejs:12:8030…`.
pub(super) fn module_label(package: &Package) -> Option<String> {
    let (_, rest) = package.purl.split_once("rpmmod=")?;
    let label = rest.split(['&', '#']).next().unwrap_or_default();
    Some(label.replace("%3A", ":").replace("%3a", ":"))
}

/// Whether a package is made from a kernel's sources.
pub(super) fn is_of_kernel(package: &Package) -> bool {
    let source = package.source.as_ref().map_or(package.name.as_str(), |(name, _)| name);
    match package.ecosystem.id {
        "deb" => source == "linux" || source.starts_with("linux-signed") || is_kernel_source(source),
        "rpm" => source == "kernel" || source.starts_with("kernel-"),
        "apk" => source == "linux-headers" || ["linux-lts", "linux-virt", "linux-edge"].contains(&source),
        _ => false,
    }
}

/// `linux-aws`, `linux-hwe-6.5`, `linux-meta` and the like of Ubuntu; not `linux-firmware` or `linux-atm`.
pub(super) fn is_kernel_source(source: &str) -> bool {
    const FLAVOURS: &[&str] = &[
        "aws",
        "azure",
        "bluefield",
        "gcp",
        "gke",
        "hwe",
        "ibm",
        "intel",
        "kvm",
        "lowlatency",
        "lts",
        "meta",
        "nvidia",
        "oem",
        "oracle",
        "raspi",
        "realtime",
        "riscv",
        "xilinx",
    ];
    let Some(rest) = source.strip_prefix("linux-") else { return false };
    let flavour = rest.split('-').next().unwrap_or_default();
    FLAVOURS.contains(&flavour)
}

/// Whether a package holds a kernel.
pub(super) fn is_kernel_image(package: &Package) -> bool {
    let name = package.name.as_str();
    match package.ecosystem.id {
        "deb" => name.starts_with("linux-image-"),
        "rpm" => ["kernel", "kernel-core", "kernel-default", "kernel-rt-core", "kernel-uek-core"].contains(&name),
        "apk" => ["linux-lts", "linux-virt", "linux-edge"].contains(&name),
        _ => false,
    }
}

/// One name for what feeds, managers and Go call an architecture.
pub(super) fn common_architecture(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "x86" | "i386" | "i486" | "i586" | "i686" => "386",
        "armhf" | "armv7" | "armv7l" | "armv7hl" | "armel" => "arm",
        "powerpc64le" | "ppc64el" => "ppc64le",
        name => name,
    }
}

/// The versions at which the ranges of a record end.
pub(super) fn range_ends(posting: &Posting) -> Vec<&str> {
    use super::super::record::Event::{Fixed, Introduced, LastAffected, Limit};
    let events = posting.versions.ranges.iter().flat_map(|range| &range.events);
    events
        .filter_map(|event| match event {
            Fixed(version) | LastAffected(version) => Some(version.as_str()),
            Introduced(_) | Limit(_) => None,
        })
        .collect()
}

/// Whether a question is about what only customers have.
pub(super) fn is_paid(question: &Question) -> bool {
    name::split(&question.ecosystem).1.starts_with("Pro:")
}

/// Keeps what holds for this image of records for everybody and for customers; `known` are the ids of the latter,
/// whatever they say of the version.
///
/// A build that only customers have is judged by their records where there are some; any other by those for
/// everybody, and a fix that only customers can have is told as that.
pub(super) fn settle_paid(questions: &[Question], matches: &mut Vec<(Question, Match)>, known: &BTreeSet<String>) {
    if !questions.iter().any(is_paid) {
        return;
    }
    let is_paid_build = |question: &Question| question.version.contains("+esm") || question.version.contains("~esm");
    let of_everybody: BTreeSet<String> =
        matches.iter().filter(|(question, _)| !is_paid(question)).map(|(_, found)| found.posting.id.clone()).collect();
    let of_customers: BTreeSet<String> =
        matches.iter().filter(|(question, _)| is_paid(question)).map(|(_, found)| found.posting.id.clone()).collect();
    matches.retain(|(question, found)| {
        let id = &found.posting.id;
        if is_paid_build(question) {
            // cleared for customers is cleared for a build of theirs
            is_paid(question) || of_customers.contains(id) || !known.contains(id)
        } else {
            !is_paid(question) || of_everybody.contains(id)
        }
    });
}

/// Whether a question is about a product of Red Hat's extended support.
fn is_extended(question: &Question) -> bool {
    let (family, release) = name::split(&question.ecosystem);
    family == "Red Hat" && !release.starts_with("enterprise_linux:")
}

/// Leaves out what a record says of Red Hat's product in general where it speaks of the extended support that the
/// image is under; `spoken` are the questions about which the records of the second kind say anything, by id.
pub(super) fn settle_extended(matches: &mut Vec<(Question, Match)>, spoken: &BTreeSet<(String, String)>) {
    if !spoken.is_empty() {
        matches.retain(|(question, found)| {
            is_extended(question) || !spoken.contains(&(found.posting.id.clone(), question.name.clone()))
        });
    }
}

/// What records say of extended support: their ids, with the package.
pub(super) fn spoken_of_extended<'a>(
    question: &'a Question,
    ids: impl Iterator<Item = &'a String> + 'a,
) -> impl Iterator<Item = (String, String)> + 'a {
    let is_it = is_extended(question);
    ids.filter(move |_| is_it).map(|id| (id.clone(), question.name.clone()))
}

/// The release of Red Hat's line that a build is for: `8` of `1.1.1k-9.el8_6`.
pub(super) fn el_of(version: &str) -> Option<&str> {
    let (_, rest) = version.rsplit_once(".el")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).filter(|digits| !digits.is_empty())
}

/// The minor release of Red Hat's line that a build is for: `9_2` of `7.76.1-23.el9_2.4`.
fn minor_of(version: &str) -> Option<&str> {
    let (_, rest) = version.rsplit_once(".el")?;
    let (major, after) = rest.split_once('_')?;
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let is_number = !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit()) && end > 0;
    rest.get(..major.len() + 1 + end).filter(|_| is_number)
}

/// Whether a build has the fix of its own minor release. Records that name the fixes of several would else hold
/// those of later ones against it.
pub(super) fn is_mended_in_its_release(version: &str, bounds: &[&str]) -> bool {
    let Some(own) = minor_of(version).filter(|_| bounds.len() > 1) else { return false };
    let is_reached = |bound: &&str| Scheme::Rpm.compare(version, bound).is_ok_and(std::cmp::Ordering::is_ge);
    let mut own_bounds = bounds.iter().filter(|bound| minor_of(bound) == Some(own)).peekable();
    own_bounds.peek().is_some() && own_bounds.all(is_reached)
}

/// A package's version as its ecosystem's order has it: without the platform that gems have behind it.
pub(super) fn version_of(package: &Package) -> &str {
    const PLATFORMS: &[&str] =
        &["aarch64", "arm", "java", "jruby", "mswin", "mingw", "universal", "x64", "x86", "i386", "i686"];
    match package.version.split_once('-') {
        Some((version, platform))
            if package.ecosystem.id == "gem" && PLATFORMS.iter().any(|known| platform.starts_with(known)) =>
        {
            version
        }
        _ => &package.version,
    }
}

/// The epochs of source packages, which the names of their files do not have: those of packages built from them with
/// the same version.
#[derive(Debug, Default)]
pub(super) struct Epochs(BTreeMap<(String, String), String>);

impl Epochs {
    /// Learns from all packages.
    pub(super) fn of(packages: &[Package]) -> Self {
        let mut epochs = BTreeMap::new();
        for package in packages.iter().filter(|package| package.ecosystem.id == "rpm") {
            let Some((source, version)) = &package.source else { continue };
            let (epoch, own) = package.version.split_once(':').unwrap_or(("0", &package.version));
            if own == without_epoch(version) {
                epochs.insert((source.clone(), own.to_owned()), epoch.to_owned());
            }
        }
        Self(epochs)
    }

    /// The version of a source package with its epoch; `None` where that is not known, so that it cannot be compared.
    pub(super) fn source(&self, name: &str, version: &str, of_package: &str) -> Option<String> {
        if version.contains(':') || version == of_package {
            return Some(version.to_owned());
        }
        let epoch = self.0.get(&(name.to_owned(), version.to_owned()))?;
        Some(if epoch == "0" { version.to_owned() } else { format!("{epoch}:{version}") })
    }
}

fn without_epoch(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_the_fix_of_its_own_minor_release() {
        let bounds = ["0:7.76.1-23.el9_2.4", "0:7.76.1-26.el9_3.2"];
        let cases = [
            ("7.76.1-23.el9_2.4", true),
            ("7.76.1-23.el9_2.5", true),
            ("7.76.1-23.el9_2.3", false),
            ("7.76.1-26.el9_3.1", false),
            ("7.76.1-26.el9_3.2", true),
            ("7.76.1-23.el9", false),
            ("7.76.1-14.el9_0.9", false),
            ("7.76.1", false),
        ];
        for (version, expected) in cases {
            assert_eq!(is_mended_in_its_release(version, &bounds), expected, "{version}");
        }
        assert!(!is_mended_in_its_release("7.76.1-23.el9_2.4", &bounds[..1]), "the range itself says so");
    }
}

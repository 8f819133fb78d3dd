//! Which records hold for a package at all: those for its architecture, its module stream, its kind of customer; and
//! none for kernels that do not run.

use std::collections::BTreeSet;

use crate::inventory::Package;

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

/// Keeps what holds for this image of records for everybody and for customers.
///
/// A build that only customers have is judged by their records; any other by those for everybody, and a fix that only
/// customers can have is told as that.
pub(super) fn settle_paid(questions: &[Question], matches: &mut Vec<(Question, Match)>, known: &BTreeSet<String>) {
    let is_paid = |question: &Question| name::split(&question.ecosystem).1.starts_with("Pro:");
    if !questions.iter().any(is_paid) {
        return;
    }
    let is_paid_build = |question: &Question| question.version.contains("esm");
    let of_everybody: BTreeSet<String> =
        matches.iter().filter(|(question, _)| !is_paid(question)).map(|(_, found)| found.posting.id.clone()).collect();
    let of_customers: BTreeSet<String> =
        matches.iter().filter(|(question, _)| is_paid(question)).map(|(_, found)| found.posting.id.clone()).collect();
    matches.retain(|(question, found)| {
        if is_paid_build(question) {
            // cleared for customers is cleared for a build of theirs
            is_paid(question) || of_customers.contains(&found.posting.id) || !known.contains(&found.posting.id)
        } else {
            !is_paid(question) || of_everybody.contains(&found.posting.id)
        }
    });
}

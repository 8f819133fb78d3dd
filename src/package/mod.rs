//! Package ecosystems: each one file here and one line in [`COLLECTORS`].
//!
//! A collector says which files it wants, and makes a [`PackageFact`](crate::collect::PackageFact) of each package
//! it reads there: [`purl::fact`] for packages of a language, which have their purl at once. What live names make
//! such a file the proof of an installed package is told by [`Collector::accepts`]; the rest (layers, what was
//! removed, owners, dependencies, one entry for each package) is done for all of them in one place:
//! `collect/packages.rs`, `collect/removed.rs`, `owned.rs`, `dependency.rs`. Lock files make facts whose state is
//! [`Declared`](crate::inventory::State::Declared). What is not understood is a
//! [`Gap`](crate::collect::Fact::Gap): [`text::complain`].

mod accounts;
mod apk;
mod binary;
mod bitnami;
mod chisel;
mod composer;
mod conan;
mod cran;
mod dart;
mod dependency;
mod dpkg;
mod erlang;
mod gem;
mod julia;
mod lenient;
mod literal;
mod luarocks;
mod npm;
mod opkg;
mod os_release;
mod owned;
mod pacman;
mod page;
mod pear;
mod perl;
mod portage;
mod purl;
mod python;
mod sbom;
mod swift;
#[cfg(test)]
mod testing;
mod text;
mod unread;
mod wordpress;

use crate::collect::Collector;

pub use page::page;

/// All package collectors, in the order in which they assemble: what the system is, then its own
/// packages, then the others sorted by id, and last who owns whom.
pub static COLLECTORS: &[&dyn Collector] = &[
    &os_release::OsRelease,
    &accounts::AccountFiles,
    &apk::Apk,
    &dpkg::Dpkg,
    &chisel::Chisel,
    &opkg::Opkg,
    &pacman::Pacman,
    &portage::Portage,
    &bitnami::Bitnami,
    &composer::Composer,
    &conan::Conan,
    &cran::Cran,
    &dart::Dart,
    &erlang::Erlang,
    &gem::Gem,
    &julia::Julia,
    &luarocks::LuaRocks,
    &npm::Npm,
    &pear::Pear,
    &perl::Perl,
    &binary::Programs,
    &python::Python,
    &sbom::Sbom,
    &swift::Swift,
    &wordpress::WordPress,
    &unread::UnreadDatabases,
    &owned::Owners,
];

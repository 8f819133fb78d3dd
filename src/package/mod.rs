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
mod conda;
mod cran;
mod deb_copyright;
mod dependency;
mod dpkg;
mod egg;
mod java;
mod jvm;
mod ecosystem;
mod lock;
mod npm;
mod nuget;
mod os_release;
mod owned;
mod page;
mod purl;
mod python;
mod rpm;
#[cfg(test)]
mod testing;
mod text;
mod unread;
mod yarn_pnp;
mod xml;

use crate::collect::Collector;

pub use page::page;

/// All package collectors, in the order in which they assemble: what the system is, then its own
/// packages, then the others sorted by id, and last who owns whom.
pub static COLLECTORS: &[&dyn Collector] = &[
    &os_release::OsRelease,
    &accounts::AccountFiles,
    &apk::Apk,
    &dpkg::Dpkg,
    &deb_copyright::DebCopyright,
    &rpm::Rpm,
    &cran::Cran,
    &egg::Eggs,
    &lock::bun::BUN_LOCK,
    &lock::bundler::BUNDLER_LOCK,
    &lock::cargo::CARGO_LOCK,
    &lock::cocoapods::COCOAPODS_LOCK,
    &lock::composer::COMPOSER_LOCK,
    &lock::conan::CONAN_LOCK,
    &lock::dart::PUB_LOCK,
    &lock::golang::GoModules,
    &lock::gradle::GRADLE_LOCK,
    &lock::mix::MIX_LOCK,
    &lock::npm::NPM_LOCK,
    &lock::pdm::PDM_LOCK,
    &lock::pipenv::PIPENV_LOCK,
    &lock::pnpm::PNPM_LOCK,
    &lock::poetry::POETRY_LOCK,
    &lock::pylock::PYLOCK,
    &lock::requirements::REQUIREMENTS,
    &lock::sbt::SBT_LOCK,
    &lock::swift::SWIFT_LOCK,
    &lock::uv::UV_LOCK,
    &lock::yarn::YARN_LOCK,
    &npm::Npm,
    &binary::Programs,
    &conda::Conda,
    &cran::Cran,
    &java::Java,
    &jvm::Jvm,
    &npm::Npm,
    &nuget::NuGet,
    &nuget::NuGetDeclared,
    &python::Python,
    &yarn_pnp::YarnPnp,
    &unread::UnreadDatabases,
    &owned::Owners,
];

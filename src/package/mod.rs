//! Package ecosystems: each one file here and one line in [`COLLECTORS`].
//!
//! A collector says which files it wants, and makes a [`PackageFact`](crate::collect::PackageFact) of each package
//! it reads there: `purl::fact` for packages of a language, which have their purl at once. What live names make
//! such a file the proof of an installed package is told by [`Collector::accepts`]; the rest (layers, what was
//! removed, owners, dependencies, one entry for each package) is done for all of them in one place:
//! `collect/packages.rs`, `collect/removed.rs`, `owned.rs`, `dependency.rs`. Lock files make facts whose state is
//! [`Declared`](crate::inventory::State::Declared). What is not understood is a
//! [`Gap`](crate::collect::Fact::Gap): `text::complain`.

mod accounts;
mod apk;
pub mod bill;
mod binary;
mod bitnami;
mod chisel;
mod composer;
mod conan;
mod conda;
mod cran;
mod dart;
mod deb_copyright;
mod dependency;
mod dpkg;
mod ecosystem;
mod egg;
mod erlang;
mod gem;
mod java;
mod julia;
mod jvm;
mod lenient;
mod literal;
mod lock;
mod luarocks;
mod npm;
mod npm_install;
mod nuget;
mod opkg;
mod os_release;
mod owned;
mod pacman;
mod page;
mod pear;
mod perl;
mod portage;
mod privileged;
mod purl;
mod python;
mod release;
mod rpm;
mod sbom;
mod settings;
mod starts;
mod swift;
#[cfg(test)]
mod testing;
mod text;
mod unread;
mod wordpress;
mod yarn_pnp;

use crate::collect::Collector;

pub use ecosystem::{ids as ecosystem_ids, purl_types};
pub use page::page;
pub use purl::{Named, named, spelt};

/// All package collectors, in the order in which they assemble: what the system is, then its own
/// packages, then the others, and last who owns whom.
pub static COLLECTORS: &[&dyn Collector] = &[
    &os_release::OsRelease,
    &accounts::AccountFiles,
    &settings::Settings,
    &starts::ExecutableFiles,
    &privileged::PrivilegedPrograms,
    &apk::Apk,
    &dpkg::Dpkg,
    &deb_copyright::DebCopyright,
    &chisel::Chisel,
    &opkg::Opkg,
    &pacman::Pacman,
    &portage::Portage,
    &rpm::Rpm,
    &conda::Conda,
    &binary::Programs,
    &binary::KnownPrograms,
    &bitnami::Bitnami,
    &composer::Composer,
    &conan::Conan,
    &cran::Cran,
    &dart::Dart,
    &egg::Eggs,
    &erlang::Erlang,
    &gem::Gem,
    &java::Java,
    &julia::Julia,
    &jvm::Jvm,
    &lock::bun::BUN_LOCK,
    &lock::bundler::BUNDLER_LOCK,
    &lock::cargo::CARGO_LOCK,
    &lock::cocoapods::COCOAPODS_LOCK,
    &lock::composer::COMPOSER_LOCK,
    &lock::conan::CONAN_LOCK,
    &lock::dart::PUB_LOCK,
    &lock::environment::CondaEnvironment,
    &lock::golang::GoModules,
    &lock::gradle::GRADLE_LOCK,
    &lock::mix::MIX_LOCK,
    &lock::npm::NPM_LOCK,
    &lock::pdm::PDM_LOCK,
    &lock::pipenv::PIPENV_LOCK,
    &lock::pnpm::PNPM_LOCK,
    &lock::poetry::POETRY_LOCK,
    &lock::pylock::Pylock,
    &lock::requirements::REQUIREMENTS,
    &lock::sbt::SBT_LOCK,
    &lock::swift::SWIFT_LOCK,
    &lock::uv::UV_LOCK,
    &lock::yarn::YARN_LOCK,
    &luarocks::LuaRocks,
    &npm::Npm,
    &npm_install::NpmInstalls,
    &nuget::NuGet,
    &nuget::NuGetDeclared,
    &pear::Pear,
    &perl::Perl,
    &python::Python,
    &sbom::Sbom,
    &swift::Swift,
    &wordpress::WordPress,
    &yarn_pnp::YarnPnp,
    &unread::UnreadDatabases,
    &owned::Owners,
];

//! Package ecosystems: each one file here and one line in [`COLLECTORS`].

mod accounts;
mod apk;
mod dpkg;
mod npm;
mod os_release;
mod owned;
mod purl;
mod python;
#[cfg(test)]
mod testing;
mod text;
mod unread;

use crate::collect::Collector;

/// All package collectors, in the order in which they assemble: what the system is, then its own
/// packages, then the others sorted by id, and last who owns whom.
pub static COLLECTORS: &[&dyn Collector] = &[
    &os_release::OsRelease,
    &accounts::AccountFiles,
    &apk::Apk,
    &dpkg::Dpkg,
    &npm::Npm,
    &python::Python,
    &unread::UnreadDatabases,
    &owned::Owners,
];

//! Advisories: which flaws packages are known to have, from data that is at hand; scans never touch the network.
//!
//! Records come from feeds ([`feed`]), which all become the form of OSV ([`record`]), are compiled into one file
//! for each family of ecosystems ([`store`]), and are looked up by package.

pub mod catalogue;
pub mod cvss;
pub mod distro;
pub mod embedded;
pub mod feed;
pub mod finding;
pub mod group;
pub mod matching;
pub mod name;
pub mod osv;
pub mod range;
pub mod record;
pub mod risk;
pub mod severity;
pub mod store;
pub mod update;
pub mod vex;

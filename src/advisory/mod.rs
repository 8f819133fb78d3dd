//! Advisories: which flaws packages are known to have, from data that is at hand; scans never touch the network.
//!
//! Records come from feeds ([`feed`]), which all become the form of OSV ([`record`]), are compiled into one file
//! for each family of ecosystems ([`store`]), and are looked up by package.

pub mod embedded;
pub mod feed;
pub mod name;
pub mod osv;
pub mod range;
pub mod record;
pub mod risk;
pub mod store;

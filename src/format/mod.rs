//! Formats of single files, read without knowing whose they are.

pub mod base64;
pub mod berkeley_db;
pub mod bytes;
mod bzip2;
pub mod decompress;
pub mod go_build_info;
pub mod magic;
pub mod percent;
pub mod program;
pub mod rust_audit;
pub mod sbom;
pub mod sqlite;
pub mod start;
#[cfg(test)]
pub(crate) mod testing;
pub mod ustar;
pub mod xml;
pub mod zip;

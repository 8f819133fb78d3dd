//! Formats of single files, read without knowing whose they are.

pub mod magic;
pub mod sbom;
pub mod ustar;

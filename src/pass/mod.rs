//! The pass: every layer read once, in parallel.

mod buffer;
pub mod decode;
pub mod tar;

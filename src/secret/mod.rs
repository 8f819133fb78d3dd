//! Secrets: one automaton over the anchors of all rules, a pattern in a window round each hit, then
//! checks of structure and entropy; what is shown is masked.
//!
//! Rules are data: `rules/<provider>.toml`, one line each in `rule.rs`. A value is held only while it
//! is judged; what leaves this module is masked.
//!
//! What wraps other files (archives in layers, compressed logs, git objects, UTF-16) is not opened yet.
//! It has its place before [`COLLECTOR`]'s call of the engine: unwrap, then scan the content as a file of its own.

mod assignment;
mod charset;
mod check;
mod collector;
mod config;
mod der;
mod engine;
mod entropy;
mod finding;
mod key;
mod kind;
mod known;
mod mask;
mod names;
mod placeholder;
mod plausible;
mod rule;
mod shipped;
mod url;
mod words;

pub use collector::{COLLECTOR, SecretCollector};
pub use config::{mask_text, scan_config};
pub use finding::findings;
pub use names::{mask_finding, mask_inventory};
pub use rule::RULES;

/// For benchmarks: scans `bytes` as the file at `path` and counts what is found.
#[doc(hidden)]
pub fn count(bytes: &[u8], path: &crate::path::ImagePath) -> usize {
    engine::scan(bytes, kind::of(path)).found.len()
}

#[cfg(test)]
mod tests;

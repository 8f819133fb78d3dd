//! Secrets: one automaton over the anchors of all rules, a pattern in a window round each hit, then
//! checks of structure and entropy; what is shown is masked.
//!
//! Rules are data: `rules/<provider>.toml`, one line each in `rule_files.rs`. A value is held only while it
//! is judged; what leaves this module is masked.
//!
//! What wraps other files (archives, compressed logs, objects of git) is opened by `container`, and each file inside is
//! searched as a file of its own; `container::text` undoes what text is coded in (UTF-16, base64, escapes).

mod allow;
mod anchor;
mod assignment;
mod charset;
mod check;
mod collector;
mod comment;
mod config;
mod container;
mod der;
mod engine;
mod entropy;
mod file;
mod finding;
mod gitleaks;
mod harmless;
mod key;
mod kind;
mod known;
mod mask;
mod names;
mod needle;
mod place;
mod placeholder;
mod plausible;
mod reading;
mod rule;
mod rule_files;
mod rule_text;
mod runs;
mod seen;
mod shipped;
mod unspelled;
mod url;
mod user;
mod value;
mod words;
mod wrapped;
mod written;

pub use collector::{ARCHIVES, COLLECTOR, SECRETS_NOT_LISTED, SecretArchives, SecretCollector};
pub use config::{Echo, mask_text, scan_annotations, scan_config};
pub use finding::findings;
pub use harmless::is_harmless;
pub use mask::{private_keys, prose_values};
pub use names::{is_masked, mask_finding, mask_inventory, masked_path};
pub use needle::{Inside, Needles, is_sought, take_inside};
pub use reading::with_readings;
pub use rule::RULES;
pub use shipped::settle;
pub use user::{LONGEST as LONGEST_RULES, use_rules};
pub(crate) use value::{never, wipe};
pub use written::{TextKind, Written, in_file, in_text, is_credential_file};

/// Whether files that begin so hold others, which are searched one by one.
pub fn may_hold_files(head: &[u8]) -> bool {
    container::may_hold_files(head)
}

/// The name of what is packed alone in a file of this name.
pub fn expanded_name(name: &[u8]) -> Vec<u8> {
    container::expanded_name(name)
}

/// For benchmarks: scans `bytes` as the file at `path` and counts what is found.
#[doc(hidden)]
pub fn count(bytes: &[u8], path: &crate::path::ImagePath) -> usize {
    container::text::search(bytes, kind::of(path), Vec::new()).found.len()
}

#[cfg(test)]
mod tests;

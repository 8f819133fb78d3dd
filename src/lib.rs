//! careen scans container images: it reads every layer once, judges what it finds by a policy, and reports.
//!
//! See `docs/ARCHITECTURE.md` for how data flows and which module may know which.

pub mod advisory;
pub mod allocator;
pub mod check;
pub mod cli;
pub mod collect;
mod diagnostic;
pub mod diff;
pub mod digest;
pub mod dockerfile;
pub mod error;
pub mod escape;
pub mod finding;
pub mod fix;
pub mod format;
pub mod image;
pub mod inventory;
pub mod layers;
pub mod limit;
pub mod limitation;
pub mod lint;
pub mod nearest;
pub mod output;
pub mod owner;
pub mod package;
pub mod pass;
pub mod path;
pub mod policy;
pub mod rebuild;
pub mod reference;
pub mod rejudge;
pub mod report;
pub mod rule;
pub mod scan;
pub mod secret;
pub mod secret_name;
#[cfg(feature = "server")]
pub mod server;
pub mod size;
pub mod source;
pub mod time;
pub mod tree;
pub mod version;

//! The integration tests: one binary, so that it links once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![allow(unreachable_pub, reason = "what tests share is public among them")]

mod advisories;
mod architecture;
mod cli;
mod db;
mod demo;
mod dockerfile;
mod docs;
mod fix;
mod forms;
mod hostile;
mod json_contract;
mod layers;
mod leak;
mod limits;
mod links;
mod lint;
mod lint_shown;
mod policy;
mod prefixes;
mod push;
mod rejudge;
mod remains;
mod samples;
mod sbom;
#[cfg(feature = "server")]
mod server_worker;
mod shipped;
mod showing;
mod support;

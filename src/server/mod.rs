//! `careen serve`: takes the webhooks of registries, and never loses one that it acknowledged.
//!
//! A webhook comes in ([`hook`]), is proven ([`auth`]) and read ([`event`]), and is stored durably before it is
//! answered (`filing`, [`store`]). What it asks for becomes a job of the [`queue`]; a process of its own scans the image
//! ([`worker`]), and what it found is stored in the same step that ends the job. Async stays in here and in
//! `source::registry`.

pub mod api;
pub mod auth;
pub mod clock;
pub mod config;
pub mod deliver;
pub mod event;
pub mod failpoint;
mod filing;
pub mod harbor;
pub mod hook;
pub mod housekeeping;
pub mod http;
mod images;
pub mod log;
pub mod metrics;
pub mod page;
mod patience;
mod pause;
pub mod problem;
mod question;
pub mod queue;
pub mod random;
pub mod rematch;
pub mod result;
pub mod run;
pub mod state;
pub mod store;
pub mod sweep;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod token;
pub mod work;
pub mod worker;

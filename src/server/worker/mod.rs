//! One scan in a process of its own, so that an image which brings down what reads it brings down nothing else.
//!
//! The server ([`process`]) starts the same program as `careen worker`, gives it a [`task`] on standard input and gets
//! frames (`frame`) on standard output. The worker ([`child`]) limits itself, gives up what it does not need of the
//! file system and the network (`confine`), scans, and tells what it found: a [`summary`], and a report in each format
//! that was asked for. No credential is in its arguments, in its environment, or on a disk.

pub mod child;
mod confine;
mod frame;
pub mod process;
pub mod summary;
pub mod task;

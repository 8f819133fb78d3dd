//! What is published about flaws in packages, and what makers of software say about it.

pub mod vex;

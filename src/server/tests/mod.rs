//! What tests of several parts of the server need.

pub(super) mod loopback;

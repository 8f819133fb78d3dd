//! `careen db`: advisory data.

pub(super) mod query;

//! Package ecosystems: each one file here and one line in [`COLLECTORS`].

use crate::collect::Collector;

/// All package collectors, sorted by id, but the system's first: others ask which files those own.
pub static COLLECTORS: &[&dyn Collector] = &[];

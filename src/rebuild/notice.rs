//! What a rebuild says beside its result: things left out on purpose, or that do not carry over.

use serde::Serialize;

/// One thing a person should know of the output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Notice {
    /// Stable kebab-case word, such as `toc-dropped`.
    pub code: &'static str,
    /// The layer, member or document, shown with control characters escaped.
    pub place: String,
    /// In words.
    pub what: String,
}

impl Notice {
    /// A notice.
    pub fn new(code: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { code, place: place.into(), what: what.into() }
    }
}

//! What careen could not look at, kept beside the findings so that a gap never reads as "clean".

use serde::Serialize;

/// Something that was not read: what, where, and what to do about it.
///
/// A report with a limitation is incomplete, unless the limitation is a [note](Self::note).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Limitation {
    /// Stable kebab-case word, such as `layer-truncated`.
    pub code: &'static str,
    /// What was not read, and why.
    pub what: String,
    /// The layer, file or field, shown with control characters escaped.
    pub place: String,
    /// What to do about it.
    pub help: String,
    /// Whether it leaves a gap. A note tells of an oddity that hides nothing, such as bytes after
    /// the end of an archive; it does not make a scan incomplete.
    #[serde(rename = "incomplete")]
    pub is_gap: bool,
}

impl Limitation {
    /// A gap: something that may hold findings was not read.
    pub fn gap(code: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), place: place.into(), help: String::new(), is_gap: true }
    }

    /// An oddity that hides nothing, told for the record.
    pub fn note(code: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { is_gap: false, ..Self::gap(code, place, what) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

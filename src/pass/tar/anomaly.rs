//! Oddities of an archive that do not keep it from being read.

use crate::path::ImagePath;

/// How many of one code are listed; the rest is counted.
const LISTED: u64 = 20;

/// Something about an archive that a careful reader should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// Stable kebab-case word.
    pub code: &'static str,
    /// In words.
    pub what: String,
    /// Bytes of the archive before it.
    pub offset: u64,
    /// The member concerned, if it is one.
    pub path: Option<ImagePath>,
    /// Whether readers disagree on content there, so that something may have been missed; otherwise a note.
    pub is_gap: bool,
}

/// The oddities of one archive, so many of each code and the number of the rest.
#[derive(Debug, Default)]
pub(super) struct Anomalies {
    list: Vec<Anomaly>,
    counts: Vec<(&'static str, u64, bool)>,
}

impl Anomalies {
    pub(super) fn note(&mut self, code: &'static str, at: u64, path: Option<&ImagePath>, what: impl Into<String>) {
        self.add(code, at, path, what.into(), false);
    }

    pub(super) fn gap(&mut self, code: &'static str, at: u64, path: Option<&ImagePath>, what: impl Into<String>) {
        self.add(code, at, path, what.into(), true);
    }

    fn add(&mut self, code: &'static str, offset: u64, path: Option<&ImagePath>, what: String, is_gap: bool) {
        let known = self.counts.iter_mut().find(|(known, _, gap)| *known == code && *gap == is_gap);
        let count = if let Some((_, count, _)) = known {
            *count = count.saturating_add(1);
            *count
        } else {
            self.counts.push((code, 1, is_gap));
            1
        };
        if count <= LISTED {
            self.list.push(Anomaly { code, what, offset, path: path.cloned(), is_gap });
        }
    }

    pub(super) fn take(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.list)
    }

    /// Those not taken yet, and for each code with more than the list took how many more.
    pub(super) fn take_with_summary(&mut self) -> Vec<Anomaly> {
        let mut list = self.take();
        for (code, count, is_gap) in &self.counts {
            let more = count.saturating_sub(LISTED);
            if more > 0 {
                let what = format!("{more} more of the same are not listed");
                list.push(Anomaly { code, what, offset: 0, path: None, is_gap: *is_gap });
            }
        }
        list
    }
}

//! What careen could not look at, kept beside the findings so that a gap never reads as "clean".

use std::collections::BTreeMap;

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

/// Sorts, and keeps of each code at most `most` gaps and as many notes, the first in order; of what
/// is left out, one more says how much it is. It is a gap if what it stands for is one.
pub fn condense(limitations: &mut Vec<Limitation>, most: usize) {
    limitations.sort();
    limitations.dedup();
    let mut counts: BTreeMap<(&'static str, bool), usize> = BTreeMap::new();
    limitations.retain(|limitation| {
        let count = counts.entry((limitation.code, limitation.is_gap)).or_default();
        *count = count.saturating_add(1);
        *count <= most
    });
    let beyond = counts.into_iter().filter(|(_, count)| *count > most);
    limitations.extend(beyond.map(|((code, is_gap), count)| {
        let more = count.saturating_sub(most);
        let what = format!("{more} more of `{code}` are counted, not listed");
        let help = "those listed tell what is wrong; `--limit limitations-per-code=N` lists more";
        Limitation { is_gap, ..Limitation::note("limitations-not-listed", code, what).help(help) }
    }));
    limitations.sort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limitations_beyond_a_cap_are_counted_by_code() {
        let list = |gaps: usize, notes: usize| -> Vec<Limitation> {
            let gaps = (0..gaps).map(|index| Limitation::gap("file-odd", format!("/{index}"), "it is odd"));
            gaps.chain((0..notes).map(|index| Limitation::note("file-odd", format!("/{index}"), "it is odd"))).collect()
        };
        let cases = [
            (list(3, 0), 3, vec![]),
            (list(4, 0), 3, vec![("1 more of `file-odd` are counted, not listed", true)]),
            (list(2, 3), 3, vec![]),
            (list(1, 9), 3, vec![("6 more of `file-odd` are counted, not listed", false)]),
            ([list(3, 0), list(3, 0)].concat(), 3, vec![]),
        ];
        for (mut list, listed, expected) in cases {
            condense(&mut list, 3);
            let (beyond, rest): (Vec<_>, Vec<_>) =
                list.iter().partition(|limitation| limitation.code == "limitations-not-listed");
            assert!(rest.len() >= listed && list.is_sorted(), "{list:?}");
            let beyond: Vec<_> = beyond.iter().map(|beyond| (beyond.what.as_str(), beyond.is_gap)).collect();
            assert_eq!(beyond, expected);
        }
    }
}

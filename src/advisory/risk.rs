//! What is known of a CVE besides advisories: whether it is exploited, and how likely it is to be.
//!
//! Sources: CISA's catalogue of known exploited vulnerabilities (KEV), and the scores of FIRST's EPSS.

use serde::{Deserialize, Serialize};

/// An entry of the KEV catalogue: somebody was seen exploiting the flaw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploited {
    /// The day it was listed, `2026-03-01`.
    pub added: String,
    /// The day until which agencies of the United States must have mended it.
    pub due: Option<String>,
    /// Whether it is known to be used for extortion.
    pub ransomware: bool,
}

/// A score of EPSS: how likely somebody exploits the flaw within 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epss {
    /// The probability, 0 to 1.
    pub score: f32,
    /// The part of all scored flaws that are no likelier, 0 to 1.
    pub percentile: f32,
}

/// Whether a text is a CVE id: the year and four to nineteen digits, as the CVE programme's record format has it.
pub fn is_cve(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_flaws_have_one_form() {
        for id in ["CVE-1999-0001", "CVE-2026-1234567"] {
            assert!(is_cve(id), "{id}");
        }
        for id in ["", "CVE-", "CVE-2026", "CVE-2026-", "CVE-2026-1", "cve-2026-1234", "CVE-26-1234", "CVE-2026-12a4"] {
            assert!(!is_cve(id), "{id}");
        }
    }
}

//! Scores of CVSS vectors.
//!
//! Sources: FIRST's specifications of CVSS 2.0, 3.0, 3.1 and 4.0. Bands: CVSS 3.1 section 5, 4.0 section 6; of CVSS 2
//! those that NVD gives it (low below 4, medium below 7, high from there).

use crate::rule::Severity;

/// Longest vector taken, in bytes; one with every metric of CVSS 4.0 has some 220.
const LONGEST: usize = 512;

/// What every vector of CVSS 3 has (3.1 section 6).
const BASE_V3: &[&str] = &["AV", "AC", "PR", "UI", "S", "C", "I", "A"];

/// A vector with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Base score, from 0 to 10.
    pub score: f64,
    /// The band it falls in; `None` for 0, but in CVSS 2, whose lowest band begins there.
    pub severity: Option<Severity>,
}

/// Scores a vector of any version. The error says what is wrong with it.
pub fn score(vector: &str) -> Result<Scored, String> {
    if vector.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    // the library takes a vector of CVSS 3 that lacks some for one that has them at their least
    if vector.starts_with("CVSS:3")
        && let Some(missing) = BASE_V3.iter().find(|metric| !vector.contains(&format!("/{metric}:")))
    {
        return Err(format!("the metric {missing} is missing"));
    }
    let parsed: cvss::Cvss = vector.parse().map_err(|error: cvss::Error| error.to_string())?;
    // one digit after the point is all that the specifications give
    let score = (parsed.score() * 10.0).round() / 10.0;
    let is_v2 = !vector.starts_with("CVSS:");
    let severity = match score {
        score if score <= 0.0 && !is_v2 => None,
        score if score < 4.0 => Some(Severity::Low),
        score if score < 7.0 => Some(Severity::Medium),
        score if score < 9.0 || is_v2 => Some(Severity::High),
        _ => Some(Severity::Critical),
    };
    Ok(Scored { score, severity })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_the_scores_of_the_specifications() {
        let cases = [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, Some(Severity::Critical)),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, Some(Severity::Medium)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, None),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3, Some(Severity::Critical)),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0, Some(Severity::High)),
            ("AV:L/AC:H/Au:N/C:P/I:N/A:N", 1.2, Some(Severity::Low)),
            ("AV:L/AC:H/Au:N/C:N/I:N/A:N", 0.0, Some(Severity::Low)),
        ];
        for (vector, expected, severity) in cases {
            let scored = score(vector).expect("is a vector");
            assert!((scored.score - expected).abs() < 1e-9, "{vector}: {scored:?}");
            assert_eq!(scored.severity, severity, "{vector}");
        }
        for broken in [
            "",
            "CVSS:3.1/AV:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:9.0/AV:N",
            "high",
        ] {
            assert!(score(broken).is_err(), "{broken}");
        }
        assert!(score(&"CVSS:3.1/".repeat(100)).is_err());
    }
}

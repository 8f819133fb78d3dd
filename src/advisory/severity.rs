//! How grave a flaw is for a package, and who says so.
//!
//! The distribution's own word goes first, since it knows how it builds the package; then the record's CVSS, the
//! newest version first; then its label; then the same of records of the same flaw from elsewhere.

use crate::rule::Severity;

use super::cvss;
use super::record::{Advisory, Rating, RatingKind, Versions};

/// How grave, and who says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// The band.
    pub severity: Severity,
    /// From 0 to 10, where there is a vector.
    pub score: Option<f64>,
    /// The vector that has the score.
    pub vector: Option<String>,
    /// The record that says so.
    pub source: String,
    /// Its words: `urgency unimportant`, `Important`, `CVSS 3.1`.
    pub said: String,
}

/// A record with what it says of the package.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    /// The record.
    pub record: &'a Advisory,
    /// Its entry for the package; none for records from elsewhere.
    pub versions: Option<&'a Versions>,
    /// Whether the record is the distribution's own.
    pub is_distribution: bool,
}

/// Grades a flaw by what records say of it, those of the package's own feed first.
pub fn grade(voices: &[Voice<'_>]) -> Option<Grade> {
    let own = || voices.iter().filter(|voice| voice.is_distribution);
    own()
        .find_map(distribution_word)
        .or_else(|| {
            [RatingKind::CvssV4, RatingKind::CvssV3, RatingKind::CvssV2].into_iter().find_map(|kind| {
                voices.iter().filter(|voice| voice.versions.is_some()).find_map(|voice| vector(voice, kind))
            })
        })
        .or_else(|| voices.iter().filter(|voice| voice.versions.is_some()).find_map(label))
        .or_else(|| voices.iter().filter(|voice| voice.versions.is_none()).find_map(elsewhere))
}

fn ratings<'a>(voice: &Voice<'a>) -> impl Iterator<Item = &'a Rating> {
    let of_package = voice.versions.map_or(&[][..], |versions| &versions.ratings);
    of_package.iter().chain(&voice.record.ratings)
}

fn distribution_word(voice: &Voice<'_>) -> Option<Grade> {
    let urgency = voice.versions.and_then(|versions| versions.facts.urgency.as_deref());
    let of_ubuntu = ratings(voice).find(|rating| rating.kind == RatingKind::Ubuntu).map(|rating| rating.score.as_str());
    let label = voice.record.label.as_deref();
    let said = [(of_ubuntu, "priority "), (urgency, "urgency "), (label, "")];
    said.into_iter().find_map(|(word, kind)| {
        let word = word?;
        let severity = word_severity(word)?;
        Some(Grade {
            severity,
            score: None,
            vector: None,
            source: voice.record.id.clone(),
            said: format!("{kind}{}", word.to_ascii_lowercase()),
        })
    })
}

fn vector(voice: &Voice<'_>, kind: RatingKind) -> Option<Grade> {
    ratings(voice).filter(|rating| rating.kind == kind).find_map(|rating| {
        let scored = cvss::score(&rating.score).ok()?;
        let version = rating.score.strip_prefix("CVSS:").and_then(|rest| rest.split('/').next()).unwrap_or("2.0");
        Some(Grade {
            severity: scored.severity.unwrap_or(Severity::Info),
            score: Some(scored.score),
            vector: Some(rating.score.clone()),
            source: voice.record.id.clone(),
            said: format!("CVSS {version}"),
        })
    })
}

fn label(voice: &Voice<'_>) -> Option<Grade> {
    let word = voice.record.label.as_deref()?;
    let said = word.to_ascii_lowercase();
    Some(Grade { severity: word_severity(word)?, score: None, vector: None, source: voice.record.id.clone(), said })
}

fn elsewhere(voice: &Voice<'_>) -> Option<Grade> {
    [RatingKind::CvssV4, RatingKind::CvssV3, RatingKind::CvssV2]
        .into_iter()
        .find_map(|kind| vector(voice, kind))
        .or_else(|| label(voice))
}

/// What a word on a scale of a distribution or a database means; words that rate nothing mean nothing.
fn word_severity(word: &str) -> Option<Severity> {
    let word = word.to_ascii_lowercase();
    Some(match word.trim_end_matches('*') {
        "unimportant" | "negligible" | "none" => Severity::Info,
        "low" => Severity::Low,
        "moderate" | "medium" => Severity::Medium,
        "important" | "high" => Severity::High,
        "critical" => Severity::Critical,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::record::Facts;

    const HIGH: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";
    const CRITICAL: &str = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";

    fn record(ratings: &[(RatingKind, &str)], label: Option<&str>) -> Advisory {
        let ratings = ratings.iter().map(|(kind, score)| Rating { kind: *kind, score: (*score).to_owned() });
        Advisory { id: "A".into(), ratings: ratings.collect(), label: label.map(str::to_owned), ..Advisory::default() }
    }

    fn urgency(word: &str) -> Versions {
        Versions { facts: Facts { urgency: Some(word.into()), ..Facts::default() }, ..Versions::default() }
    }

    #[test]
    fn the_distribution_goes_first_then_the_newest_scale() {
        use RatingKind::{CvssV2, CvssV3, CvssV4, Ubuntu};
        let none = Versions::default();
        let all = record(&[(CvssV2, "AV:L/AC:H/Au:N/C:P/I:N/A:N"), (CvssV3, HIGH), (CvssV4, CRITICAL)], Some("LOW"));
        let of_ubuntu = record(&[(CvssV3, HIGH), (Ubuntu, "negligible")], None);
        let untriaged = record(&[(CvssV3, HIGH), (Ubuntu, "untriaged")], None);
        let broken = record(&[(CvssV4, "CVSS:4.0/nonsense"), (CvssV3, HIGH)], None);
        let labelled = record(&[], Some("MODERATE"));
        let (low, undecided) = (urgency("low**"), urgency("not yet assigned"));
        let cases = [
            (&all, &none, false, Some((Severity::Critical, "CVSS 4.0"))),
            (&of_ubuntu, &none, true, Some((Severity::Info, "priority negligible"))),
            (&of_ubuntu, &none, false, Some((Severity::High, "CVSS 3.1"))),
            (&untriaged, &none, true, Some((Severity::High, "CVSS 3.1"))),
            (&broken, &none, false, Some((Severity::High, "CVSS 3.1"))),
            (&labelled, &none, false, Some((Severity::Medium, "moderate"))),
            (&record(&[(CvssV3, HIGH)], None), &low, true, Some((Severity::Low, "urgency low**"))),
            (&record(&[(CvssV3, HIGH)], None), &undecided, true, Some((Severity::High, "CVSS 3.1"))),
            (&record(&[], None), &undecided, true, None),
        ];
        for (record, versions, is_distribution, expected) in cases {
            let grade = grade(&[Voice { record, versions: Some(versions), is_distribution }]);
            let grade = grade.as_ref().map(|grade| (grade.severity, grade.said.as_str()));
            assert_eq!(grade, expected, "{record:?}");
        }
    }

    #[test]
    fn what_the_package_has_goes_before_the_record_and_elsewhere_comes_last() {
        let low = Rating { kind: RatingKind::CvssV3, score: "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N".into() };
        let versions = Versions { ratings: vec![low], ..Versions::default() };
        let own = record(&[(RatingKind::CvssV3, HIGH)], None);
        let of_package = grade(&[Voice { record: &own, versions: Some(&versions), is_distribution: false }]);
        assert_eq!(of_package.expect("is graded").severity, Severity::Low);
        let silent = record(&[], None);
        let none = Versions::default();
        let elsewhere = Advisory { id: "GHSA-a".into(), ..own };
        let voices = [
            Voice { record: &silent, versions: Some(&none), is_distribution: true },
            Voice { record: &elsewhere, versions: None, is_distribution: false },
        ];
        let grade = grade(&voices).expect("is graded");
        assert_eq!((grade.severity, grade.source.as_str()), (Severity::High, "GHSA-a"));
    }
}

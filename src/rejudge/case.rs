//! Tries the cases of a policy: what it makes of their findings, against what they expect.

use super::change::Standing;
use super::{Record, Reread};
use crate::error::Result;
use crate::escape::escape;
use crate::policy::{Action, Case, Expected, Judged, ORIGINS, Outcome, Verdict};
use crate::time::Date;

/// Differences that are told of one case.
const MOST: usize = 20;

/// What policies make of a record on a day.
pub type Judge<'a> = dyn Fn(&Record, Date) -> Result<(Vec<Judged>, Verdict)> + 'a;

/// Tries a case on the day that it names, else on `today`; `read` brings the report that it names, and `judge` says what
/// the policies make of it.
///
/// The result are the differences, a sentence each: none where it holds.
pub fn differences(
    case: &Case,
    today: Date,
    read: &dyn Fn(&str) -> Result<Vec<Reread>>,
    judge: &Judge<'_>,
) -> Result<Vec<String>> {
    let today = case.today.unwrap_or(today);
    let records = match &case.report {
        Some(report) => {
            let reports = read(&report.value).map_err(|error| error.at(report.place.clone()))?;
            reports.into_iter().map(|report| report.record).collect()
        }
        None => vec![record(case)],
    };
    let mut judged: Vec<Judged> = Vec::new();
    let mut outcomes = Vec::new();
    for record in records {
        let (mut of_record, verdict) = judge(&record, today)?;
        judged.append(&mut of_record);
        outcomes.push((verdict.outcome, verdict.reason));
    }
    let worst = Outcome::of_several(outcomes.iter().map(|(outcome, _)| *outcome));
    let mut wrong = Vec::new();
    if let (Some(expected), Some((outcome, reason))) =
        (case.expect.outcome, outcomes.iter().find(|(outcome, _)| *outcome == worst))
        && expected != *outcome
    {
        wrong.push(format!("the outcome is {}, not {}: {}", outcome.as_str(), expected.as_str(), escape(reason)));
    }
    let none = Vec::new();
    let expect = &case.expect;
    let lists = [
        ("fail", &expect.fail),
        ("warn", &expect.warn),
        ("info", expect.info.as_ref().unwrap_or(&none)),
        ("ignore", &expect.ignore),
        ("waived", &expect.waived),
    ];
    let mut is_named = vec![false; judged.len()];
    for (word, expected) in lists.iter().flat_map(|(word, list)| list.iter().map(move |one| (*word, one))) {
        wrong.extend(against(word, expected, &judged, &mut is_named));
    }
    for (one, _) in judged.iter().zip(&is_named).filter(|(_, is_named)| expect.is_exact && !**is_named) {
        if one.waiver.is_some() || one.action != Action::Info || expect.info.is_some() {
            let standing = Standing::of(one);
            wrong.push(format!(
                "{} is {}, which is not expected: {}",
                name(&standing),
                standing.word(),
                standing.because()
            ));
        }
    }
    let more = wrong.len().saturating_sub(MOST);
    wrong.truncate(MOST);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Ok(wrong)
}

/// What of the findings that `expected` names is not `word`.
fn against(word: &str, expected: &Expected, judged: &[Judged], is_named: &mut [bool]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut is_there = false;
    for (one, is_named) in judged.iter().zip(is_named).filter(|(one, _)| expected.takes(&one.finding)) {
        is_there = true;
        *is_named = true;
        let standing = Standing::of(one);
        if standing.word() != word {
            wrong.push(format!("{} is {}, not {word}: {}", name(&standing), standing.word(), standing.because()));
        }
    }
    if !is_there {
        wrong.push(format!("`{}` is to be {word}, and there is no such finding", escape(&expected.text)));
    }
    wrong
}

fn name(standing: &Standing) -> String {
    format!("{} {}", standing.rule, escape(&standing.subject))
}

fn record(case: &Case) -> Record {
    let origins = ORIGINS.iter().enumerate().filter_map(|(layer, origin)| Some((u32::try_from(layer).ok()?, *origin)));
    Record {
        findings: case.findings.clone(),
        image: case.image.clone(),
        origins: origins.collect(),
        ..Record::default()
    }
}

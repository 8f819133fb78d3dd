//! Policies in Rego: asked for what they say of a report, once everything else has judged.

use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Finding, Location};
use crate::output::FORMATS;
use crate::policy::rego::RegoPolicy;
use crate::policy::{Action, IN_REGO, Judged, PolicySet};
use crate::report::Report;

use super::term;

/// Lets `policies` judge a report: what they say of a finding decides, what they say of none is a finding of its own.
pub(super) fn judge(report: &mut Report, set: &PolicySet) -> Result<()> {
    let policies = set.in_rego();
    if policies.is_empty() {
        return Ok(());
    }
    let document = document(report)?;
    let mut ignored = 0;
    for policy in policies {
        for verdict in policy.judge(&document)? {
            let name = format!("{} {}", policy.name, verdict.rule);
            let Some(id) = &verdict.finding else {
                report.findings.push(of_its_own(policy, name, verdict.action, &verdict.message));
                continue;
            };
            let found = report.findings.iter_mut().find(|judged| judged.finding.fingerprint() == *id);
            let judged = found.ok_or_else(|| {
                let what = format!("`{name}` is about a finding `{}` that is not there", crate::escape::escape(id));
                Error::new(ErrorKind::Config, what).at(policy.name.clone())
            })?;
            judged.action = verdict.action;
            judged.decided_by = name;
            judged.decided_at = Some(policy.name.clone());
            judged.help = None;
            judged.note = Some(verdict.message).filter(|message| !message.is_empty());
        }
    }
    report.findings.retain(|judged| {
        ignored += usize::from(judged.action == Action::Ignore);
        judged.action != Action::Ignore
    });
    ignored += report.verdict.ignored;
    report.verdict = set.judge_again(&mut report.findings, &report.limitations);
    report.verdict.ignored = ignored;
    Ok(())
}

fn of_its_own(policy: &RegoPolicy, name: String, action: Action, message: &str) -> Judged {
    let message = crate::secret::mask_text(&crate::escape::escape(message));
    Judged {
        finding: Finding::new(&IN_REGO, name.clone(), Location::Image, message),
        action,
        decided_by: name,
        decided_at: Some(policy.name.clone()),
        note: None,
        help: None,
        waiver: None,
    }
}

/// The report as JSON.
fn document(report: &Report) -> Result<serde_json::Value> {
    let wrong = |what: String| Error::new(ErrorKind::Internal, what);
    let json =
        FORMATS.iter().find(|format| format.id() == "json").ok_or_else(|| wrong("there is no format `json`".into()))?;
    let mut bytes = Vec::new();
    json.render(std::slice::from_ref(report), &term::plain()(false), &mut bytes)
        .map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

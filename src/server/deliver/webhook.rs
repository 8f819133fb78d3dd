//! A JSON text to any address, signed as GitHub signs its own: `X-Careen-Signature-256: sha256=…`, the HMAC of the body's
//! bytes. `X-Careen-Delivery` is the same for each try, so that a receiver can tell a second try from a second report.

use ring::hmac;
use serde_json::{Value, json};

use crate::digest::hex;
use crate::error::{Error, ErrorKind, Result};

use super::told::{Finding, Told};
use super::{Action, Adapter, Doing, Outgoing};

pub(super) struct Webhook;

impl Adapter for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url", "secret"]
    }

    fn may_have(&self) -> &'static [&'static str] {
        &[]
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        let missing = |what: &str| Error::new(ErrorKind::Config, format!("there is no {what}"));
        let url = action.url.clone().ok_or_else(|| missing("address"))?;
        let secret = action.secret.as_ref().ok_or_else(|| missing("secret"))?;
        let body = body(action, told).to_string().into_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
        let signature = format!("sha256={}", hex(hmac::sign(&key, &body).as_ref()));
        let outgoing = Outgoing::post(url, body)
            .with("x-careen-signature-256", &signature)?
            .with("x-careen-delivery", &told.delivery)?
            .with("x-careen-event", event(action, told))?;
        Ok(Doing::Request(Box::new(outgoing)))
    }
}

/// The first of what came about that the action waits for.
fn event(action: &Action, told: &Told) -> &'static str {
    let fits = told.came_about.iter().find(|on| action.on.contains(on));
    fits.or(told.came_about.first()).map_or("report", |on| on.as_str())
}

fn body(action: &Action, told: &Told) -> Value {
    let counts: serde_json::Map<String, Value> =
        told.counts.iter().map(|(severity, count)| (severity.as_str().to_owned(), json!(count))).collect();
    let came_about: Vec<&str> = told.came_about.iter().map(|on| on.as_str()).collect();
    let listed = i64::try_from(told.new_findings.len()).unwrap_or(i64::MAX);
    json!({
        "event": event(action, told),
        "events": came_about,
        "delivery": told.delivery,
        "action": action.name,
        "source": told.source,
        "image": told.image(),
        "registry": told.host,
        "repository": told.repository,
        "tag": told.tag,
        "digest": told.digest.to_string(),
        "verdict": told.outcome,
        "has_gaps": told.has_gaps,
        "counts": counts,
        "report": {"id": told.report, "made": told.made.to_string(), "link": told.link},
        "before": told.before.as_ref().map(|before| json!({"report": before.report, "verdict": before.outcome})),
        "new_findings": {
            "count": told.new_count,
            "listed": told.new_findings.iter().map(finding).collect::<Vec<_>>(),
            "left_out": told.new_count.saturating_sub(listed).max(0),
        },
        "link": told.link,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule,
        "severity": finding.severity.as_str(),
        "action": finding.action,
        "fingerprint": finding.fingerprint,
        "message": finding.message,
        "path": finding.path,
        "package": finding.package,
        "fixed": finding.fixed,
    })
}

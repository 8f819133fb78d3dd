//! JSON web tokens: RFC 7519.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde_json::Value;

use super::decode::json_object;
use super::{Look, Opinion};
use crate::rule::Severity;
use crate::time::Timestamp;

/// Header and payload of a JSON web token.
fn jwt_parts(token: &[u8]) -> Option<[serde_json::Map<String, Value>; 2]> {
    let mut parts = token.split(|b| *b == b'.');
    let (header, payload) = (json_object(parts.next()?)?, json_object(parts.next()?)?);
    let algorithm = header.get("alg")?.as_str()?;
    (!algorithm.eq_ignore_ascii_case("none")).then_some([header, payload])
}

/// A JSON web token that is signed. What has no issuer, audience or end is most often an example.
pub(super) fn jwt(look: &Look<'_>) -> Option<Opinion> {
    let [_, payload] = jwt_parts(look.value())?;
    let mut opinion = Opinion::default();
    if let Some(end) = payload.get("exp").and_then(Value::as_i64) {
        opinion.notes.push(format!("expires {}", Timestamp::from_unix(end).date()));
    }
    // Claims of jwt.io's own example, and of those who copied it.
    let is_sample = payload.get("name").and_then(Value::as_str) == Some("John Doe")
        || payload.get("sub").and_then(Value::as_str) == Some("1234567890")
        || payload.get("iat").and_then(Value::as_i64) == Some(1_516_239_022);
    let is_bare = !["exp", "iat", "iss", "aud", "sub", "jti", "nbf", "scope", "role"]
        .iter()
        .any(|claim| payload.contains_key(*claim));
    if is_sample || is_bare {
        opinion.severity = Some(Severity::Info);
        opinion.notes.push("looks like the example of a manual".into());
    }
    if payload.get("role").and_then(Value::as_str) == Some("anon") {
        opinion.severity = Some(Severity::Info);
        opinion.notes.push("a public key by its role".into());
    }
    Some(opinion)
}

/// A token of a Kubernetes service account.
pub(super) fn jwt_kubernetes(look: &Look<'_>) -> Option<Opinion> {
    let [_, payload] = jwt_parts(look.value())?;
    let text = |claim: &str| payload.get(claim).and_then(Value::as_str).unwrap_or_default();
    if !text("sub").starts_with("system:serviceaccount:") {
        return None;
    }
    let mut opinion = jwt(look)?;
    opinion.notes.push("service account".into());
    Some(opinion)
}

/// Calendly's personal tokens say so in their header and issuer.
pub(super) fn jwt_calendly(look: &Look<'_>) -> Option<Opinion> {
    let [header, payload] = jwt_parts(look.value())?;
    let is_calendly = payload.get("iss").and_then(Value::as_str).is_some_and(|issuer| issuer.contains("calendly.com"));
    let is_personal = header.get("typ").and_then(Value::as_str) == Some("PAT");
    (is_calendly && is_personal).then(|| Opinion::note("issued by Calendly"))
}

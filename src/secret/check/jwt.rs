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

/// Claims, each all that a published example holds: of the format's article in an encyclopedia, and of the
/// manuals of libraries that sign.
const SAMPLES: &[(&str, &str)] = &[
    ("foo", "bar"),
    ("hello", "world"),
    ("key", "val"),
    ("key", "value"),
    ("loggedInAs", "admin"),
    ("some", "payload"),
];

/// A JSON web token that is signed.
pub(super) fn jwt(look: &Look<'_>) -> Option<Opinion> {
    let [_, payload] = jwt_parts(look.value())?;
    let mut opinion = Opinion::default();
    if let Some(end) = payload.get("exp").and_then(Value::as_i64) {
        opinion.notes.push(format!("expires {}", Timestamp::from_unix(end).date()));
    }
    if is_sample(&payload) {
        opinion.severity = Some(Severity::Info);
        opinion.notes.push("looks like the example of a manual".into());
    }
    if payload.get("role").and_then(Value::as_str) == Some("anon") {
        opinion.severity = Some(Severity::Info);
        opinion.notes.push("a public key by its role".into());
    }
    Some(opinion)
}

/// Whether the claims are those of jwt.io's own example, of those who copied it, or of a manual.
fn is_sample(payload: &serde_json::Map<String, Value>) -> bool {
    let text = |claim: &str| payload.get(claim).and_then(Value::as_str);
    let others = payload.iter().filter(|(claim, _)| !matches!(claim.as_str(), "iat" | "exp"));
    let mut others = others.map(|(claim, value)| (claim.as_str(), value.as_str().unwrap_or_default()));
    let (first, second) = (others.next(), others.next());
    text("name") == Some("John Doe")
        || text("sub") == Some("1234567890")
        || payload.get("iat").and_then(Value::as_i64) == Some(1_516_239_022)
        || payload.is_empty()
        || (second.is_none() && first.is_some_and(|claim| SAMPLES.contains(&claim)))
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

/// A key of Supabase that passes the tables' row rules.
pub(super) fn jwt_supabase(look: &Look<'_>) -> Option<Opinion> {
    let [_, payload] = jwt_parts(look.value())?;
    (payload.get("role").and_then(Value::as_str) == Some("service_role")).then(|| Opinion::note("service role"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_manuals_are_told_from_tokens() {
        let cases = [
            (r#"{"userId":"5f1e","admin":true}"#, false),
            (r#"{"id":81,"email":"ann@acme.example"}"#, false),
            (r#"{"role":"ci","name":"Jane"}"#, false),
            (r#"{"foo":"bar","user":7}"#, false),
            (r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#, true),
            (r#"{"sub":"1234567890","admin":true}"#, true),
            (r#"{"loggedInAs":"admin","iat":1422779638}"#, true),
            (r#"{"some":"payload"}"#, true),
            ("{}", true),
        ];
        for (payload, expected) in cases {
            let claims = serde_json::from_str(payload).expect("an object");
            assert_eq!(is_sample(&claims), expected, "{payload}");
        }
    }
}

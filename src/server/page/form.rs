//! Forms and links: fields in a query, written and read.

use std::fmt::Write as _;

use axum::body::{Body, to_bytes};
use axum::extract::Query;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::problem::Problem;

/// Bytes of a form.
const LARGEST: usize = 16 << 10;

/// Fields as they stand in a query (WHATWG URL, "application/x-www-form-urlencoded", with `%20` for a space).
pub(super) fn query(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// A filter as fields of a query, `after` another place.
pub(super) fn continued(filter: &impl Serialize, next: Option<i64>) -> Option<String> {
    let next = next?.to_string();
    let fields = serde_json::to_value(filter).ok()?;
    let fields = fields.as_object()?.iter().filter(|(name, _)| *name != "after");
    let fields: Vec<(String, String)> = fields
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([("after", next.as_str())]);
    Some(query(&fields.collect::<Vec<_>>()))
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'*') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The fields of a form that was sent.
pub(super) async fn sent<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let malformed = || Problem::bad("the form is malformed");
    let bytes = to_bytes(body, LARGEST).await.map_err(|_| malformed())?;
    let text = String::from_utf8(bytes.into()).map_err(|_| malformed())?;
    let place = format!("/?{text}").parse().map_err(|_| malformed())?;
    Query::try_from_uri(&place).map(|Query(fields)| fields).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_so_that_they_break_out_of_nothing() {
        assert_eq!(query(&[("to", "/a?b=c&d"), ("x", "ä\"<\r\n")]), "to=/a%3Fb%3Dc%26d&x=%C3%A4%22%3C%0D%0A");
        let filter = serde_json::json!({ "after": 3, "limit": 50, "text": "a b" });
        assert_eq!(continued(&filter, Some(9)).as_deref(), Some("limit=50&text=a%20b&after=9"));
        assert_eq!(continued(&filter, None), None);
    }
}

//! Values that are base64 of something known.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde_json::{Map, Value};

use super::{Look, Opinion};
use crate::format::base64;
use crate::rule::Confidence;
use crate::secret::placeholder;

/// `PyPI`: a macaroon of version 2 (`02 01`) whose location is the index.
pub(super) fn pypi(look: &Look<'_>) -> Option<Opinion> {
    let encoded = look.value().strip_prefix(b"pypi-")?;
    // The head alone: some tokens are cut or joined by hand, and ship all the same.
    let head = base64::decode(encoded.get(..24)?)?;
    match head.as_slice() {
        [2, 1, 1..=64, ..] => Some(Opinion::note("macaroon decoded")),
        _ => Some(Opinion::lookalike("no macaroon: a lookalike")),
    }
}

/// A prefix and base64 of a JSON object.
pub(super) fn base64_json(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let start = memchr::memmem::find(value, b"eyJ")?;
    let encoded = value.get(start..)?;
    let length = encoded.iter().position(|b| matches!(b, b'.' | b'_' | b' ')).unwrap_or(encoded.len());
    // base64url uses `_` itself: try the longer text too.
    let whole = encoded.split(|b| *b == b'.').next().unwrap_or_default();
    [encoded.get(..length)?, whole].into_iter().find_map(json_object).map(|_| Opinion::note("payload decoded"))
}

pub(super) fn json_object(encoded: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&base64::decode(encoded)?).ok()? {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// `user:password` in base64, as in Docker's `auths` and in npm's `_auth`.
pub(super) fn base64_user_password(look: &Look<'_>) -> Option<Opinion> {
    let decoded = base64::decode(look.value())?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    let password = decoded.get(colon.checked_add(1)?..)?;
    let is_text = decoded.iter().all(|b| (b' '..0x7f).contains(b));
    (is_text && colon > 0 && password.len() >= 3 && !placeholder::is_placeholder(password)).then(Opinion::default)
}

/// Discord: the first part is the bot's number in base64.
pub(super) fn discord(look: &Look<'_>) -> Option<Opinion> {
    let first = look.value().split(|b| *b == b'.').next()?;
    let number = base64::decode(first)?;
    (number.len() >= 15 && number.iter().all(u8::is_ascii_digit)).then(|| Opinion::note("bot number decoded"))
}

/// `WireGuard`: 32 bytes, clamped as Curve25519 asks (RFC 7748, section 5).
pub(super) fn wireguard(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base64::decode(look.value())?;
    let [first, .., last] = bytes.as_slice() else { return None };
    (bytes.len() == 32 && first.trailing_zeros() >= 3 && last >> 6 == 1).then(|| Opinion::note("key decoded"))
}

/// Data Center editions of Atlassian: base64 of a number, a colon and random bytes. Without it, it is less sure.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a check")]
pub(super) fn number_and_bytes(look: &Look<'_>) -> Option<Opinion> {
    let is_decoded = base64::decode(look.value()).is_some_and(|bytes| {
        let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        digits >= 6 && bytes.get(digits) == Some(&b':')
    });
    Some(if is_decoded {
        Opinion { confidence: Some(Confidence::High), ..Opinion::note("token decoded") }
    } else {
        Opinion::default()
    })
}

/// A Cloudflare tunnel: base64 of JSON with account (`a`), tunnel (`t`) and secret (`s`).
pub(super) fn cloudflare_tunnel(look: &Look<'_>) -> Option<Opinion> {
    let object = json_object(look.value())?;
    let is_complete = ["a", "t", "s"].iter().all(|name| object.get(*name).is_some_and(Value::is_string));
    is_complete.then(|| Opinion::note("payload decoded"))
}

/// Elasticsearch: base64 of the key's id, a colon and the key.
pub(super) fn elastic_key(look: &Look<'_>) -> Option<Opinion> {
    let decoded = base64::decode(look.value())?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    let is_text = decoded.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-'));
    (is_text && colon >= 4 && decoded.len().saturating_sub(colon) >= 16)
        .then(|| Opinion { confidence: Some(Confidence::High), ..Opinion::note("id and key decoded") })
}

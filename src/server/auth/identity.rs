//! Identity tokens: JSON Web Tokens (RFC 7519) signed with RS256 (RFC 7518, section 3.3), as Google's Pub/Sub sends
//! with a push (Google Cloud, "Authentication for push subscriptions").
//!
//! Whoever has an account there can have a token made for any audience, so the account is always checked too.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Number;

use crate::format::base64;
use crate::time::Timestamp;

use super::{Keys, Refused};

/// Bytes of a token; Google's have about 800.
const LONGEST_TOKEN: usize = 8_192;
/// Seconds by which clocks may differ.
const SKEW: i64 = 60;

/// What Google calls itself.
pub const GOOGLE_ISSUERS: &[&str] = &["https://accounts.google.com", "accounts.google.com"];
/// Where Google's keys are.
pub const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// Whose tokens are good.
#[derive(Debug)]
pub struct Identity {
    issuers: Vec<String>,
    audience: String,
    emails: Vec<String>,
    subjects: Vec<String>,
    keys: Arc<Keys>,
}

impl Identity {
    /// Tokens of one of `issuers` for `audience`, made out to one of these accounts: by verified e-mail address or by
    /// subject, one of which has to be given.
    pub fn new(
        issuers: Vec<String>,
        audience: String,
        emails: Vec<String>,
        subjects: Vec<String>,
        keys: Arc<Keys>,
    ) -> Result<Self, String> {
        if issuers.iter().chain([&audience]).chain(&emails).chain(&subjects).any(String::is_empty) {
            return Err("issuer, audience and accounts are not empty".to_owned());
        }
        if issuers.is_empty() {
            return Err("it takes an issuer".to_owned());
        }
        if emails.is_empty() && subjects.is_empty() {
            return Err("it takes an account: everyone can have tokens made for any audience".to_owned());
        }
        Ok(Self { issuers, audience, emails, subjects, keys })
    }

    /// The keys by which it checks, for the task that fetches them.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    pub(super) fn check(&self, token: &[u8], now: Timestamp) -> Result<(), Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::because("its token is too long"));
        }
        let malformed = Refused::because("its token is of another form");
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        let signed = token.get(..token.len().saturating_sub(signature.len()).saturating_sub(1)).ok_or(malformed)?;
        let (header, claims) = (decode(header).ok_or(malformed)?, decode(claims).ok_or(malformed)?);
        let header: Header = serde_json::from_slice(&header).map_err(|_| malformed)?;
        let id = header.key().ok_or(Refused::because("its token is not signed with RS256 by a named key"))?;
        self.keys.verify(id, signed, &decode(signature).ok_or(malformed)?, now)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| malformed)?;
        self.check_claims(&claims, now.to_unix())
    }

    fn check_claims(&self, claims: &Claims, now: i64) -> Result<(), Refused> {
        let refuse = |why| Err(Refused::because(why));
        if !self.issuers.contains(&claims.iss) {
            return refuse("its token is of another issuer");
        }
        if !claims.aud.holds(&self.audience) {
            return refuse("its token is for another audience");
        }
        let Some(end) = seconds(Some(&claims.exp)) else { return refuse("its token has no end") };
        if now >= end.saturating_add(SKEW) {
            return refuse("its token is out of date");
        }
        for start in [&claims.nbf, &claims.iat].into_iter().flatten() {
            if seconds(Some(start)).is_none_or(|start| now < start.saturating_sub(SKEW)) {
                return refuse("its token is of the future");
            }
        }
        let has_email = claims.email_verified == Some(true)
            && claims.email.as_ref().is_some_and(|email| self.emails.contains(email));
        let has_subject = claims.sub.as_ref().is_some_and(|subject| self.subjects.contains(subject));
        if has_email || has_subject { Ok(()) } else { refuse("its token is of another account") }
    }
}

/// The JOSE header (RFC 7515, section 4). Where it says that the key is to be found is of no concern.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde::de::IgnoredAny>,
}

impl Header {
    fn key(&self) -> Option<&str> {
        let is_token = self.typ.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case("JWT"));
        let is_fit = self.alg == "RS256" && is_token && self.crit.is_none();
        self.kid.as_deref().filter(|_| is_fit)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: Number,
    nbf: Option<Number>,
    iat: Option<Number>,
    sub: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn holds(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// Seconds since 1970, which may have a fraction.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn seconds(number: Option<&Number>) -> Option<i64> {
    let number = number?;
    number.as_i64().or_else(|| number.as_f64().filter(|value| value.is_finite()).map(|value| value as i64))
}

/// One part of a token: base64url without padding (RFC 7515, section 2).
fn decode(part: &[u8]) -> Option<Vec<u8>> {
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if part.is_empty() || !part.iter().all(is_digit) {
        return None;
    }
    base64::decode(part)
}

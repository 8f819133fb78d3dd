//! Checks of structure that rules name: checksums, decodable parts, companions.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use crate::rule::{Confidence, Severity};

use super::key;
use super::kind::Kind;
use super::value::OwnedValue;

mod aws;
mod bech32;
mod blend;
mod checksum;
mod decode;
mod jwk;
mod jwt;
mod netrc;
mod seed;
mod shape;
mod signing;
mod url;
mod wallet;

/// A match to be judged.
#[derive(Debug)]
pub(super) struct Look<'a> {
    /// All that is scanned.
    pub(super) bytes: &'a [u8],
    /// The whole match.
    pub(super) whole: Range<usize>,
    /// The value.
    pub(super) value: Range<usize>,
    /// Which sort of text it is.
    pub(super) kind: Kind,
}

/// What a check found out of a match that it lets stand. What is `None` is as the rule says.
#[derive(Default)]
pub(super) struct Opinion {
    pub(super) severity: Option<Severity>,
    pub(super) confidence: Option<Confidence>,
    pub(super) notes: Vec<String>,
    /// Where it really lies.
    pub(super) span: Option<Range<usize>>,
    /// What may be shown.
    pub(super) masked: Option<String>,
    /// The bytes that tell this secret from others, where not the value itself.
    pub(super) identity: Option<OwnedValue>,
}

impl Opinion {
    /// Of a word that guards nothing, or stands for what is put in its place later.
    pub(super) fn weak(mut self) -> Self {
        self.severity = Some(self.severity.map_or(Severity::Low, |severity| severity.min(Severity::Low)));
        self.confidence = Some(Confidence::Low);
        self.notes.push("a weak word".to_owned());
        self
    }
}

/// Judges a match; `None` when it is no secret at all.
pub(super) type Check = fn(&Look<'_>) -> Option<Opinion>;

/// The checks by name, sorted.
pub(super) static CHECKS: &[(&str, Check)] = &[
    ("alphanumeric", shape::alphanumeric),
    ("aws-access-key", aws::aws_access_key),
    ("base58check", wallet::base58check),
    ("base64-json", decode::base64_json),
    ("base64-user-password", decode::base64_user_password),
    ("bech32", bech32::bech32),
    ("cloudflare-tunnel", decode::cloudflare_tunnel),
    ("crc-base62", checksum::crc_base62),
    ("crc-gitlab", checksum::crc_gitlab),
    ("crc-grafana", checksum::crc_grafana),
    ("crc-matrix", checksum::crc_matrix),
    ("crypt", shape::crypt),
    ("discord", decode::discord),
    ("elastic-key", decode::elastic_key),
    ("gcp-service-account", key::gcp_service_account),
    ("jwk", jwk::jwk),
    ("jwt", jwt::jwt),
    ("jwt-calendly", jwt::jwt_calendly),
    ("jwt-kubernetes", jwt::jwt_kubernetes),
    ("jwt-supabase", jwt::jwt_supabase),
    ("letters-and-digits", blend::letters_and_digits),
    ("minisign", signing::minisign),
    ("mixed-case", blend::mixed_case),
    ("mnemonic", wallet::mnemonic),
    ("netrc", netrc::netrc),
    ("nkey", seed::nkey),
    ("number-and-bytes", decode::number_and_bytes),
    ("onesignal", blend::onesignal),
    ("ovh", blend::ovh),
    ("password-hash", shape::password_hash),
    ("pem", key::pem),
    ("pem-base64", key::pem_base64),
    ("pgp", key::pgp),
    ("putty", key::putty),
    ("pypi", decode::pypi),
    ("random", shape::random),
    ("random-in-source", shape::random_in_source),
    ("settings-only", shape::settings_only),
    ("signify", signing::signify),
    ("solana", seed::solana),
    ("ssh2", signing::ssh2),
    ("stellar", seed::stellar),
    ("test-mode", shape::test_mode),
    ("url", url::url),
    ("wireguard", decode::wireguard),
];

/// The check of that name.
pub(super) fn by_name(name: &str) -> Option<Check> {
    CHECKS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

impl<'a> Look<'a> {
    /// The value's bytes.
    pub(super) fn value(&self) -> &'a [u8] {
        self.bytes.get(self.value.clone()).unwrap_or_default()
    }

    /// The bytes round the match, up to `reach` on either side.
    pub(super) fn around(&self, reach: usize) -> &'a [u8] {
        let end = self.whole.end.saturating_add(reach).min(self.bytes.len());
        self.bytes.get(self.whole.start.saturating_sub(reach)..end).unwrap_or_default()
    }
}

impl Opinion {
    /// Nothing to change, something to tell.
    pub(super) fn note(note: impl Into<String>) -> Self {
        Self { notes: vec![note.into()], ..Self::default() }
    }

    /// It looks the part, but a checksum or structure shows that nobody issued it.
    fn lookalike(note: &str) -> Self {
        Self { severity: Some(Severity::Info), ..Self::note(note) }
    }

    fn checksum(is_right: bool) -> Self {
        if is_right { Self::note("checksum valid") } else { Self::lookalike("checksum wrong: a lookalike") }
    }
}

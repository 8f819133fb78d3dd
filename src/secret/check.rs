//! Checks of structure that rules name: checksums, decodable parts, companions.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use serde_json::Value;

use crate::rule::{Confidence, Severity};
use crate::time::Timestamp;

use super::entropy;
use super::key;
use super::kind::Kind;
use super::mask;
use super::placeholder;
use crate::format::base64;

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
#[derive(Debug, Default, PartialEq)]
pub(super) struct Opinion {
    pub(super) severity: Option<Severity>,
    pub(super) confidence: Option<Confidence>,
    pub(super) notes: Vec<String>,
    /// Where it really lies.
    pub(super) span: Option<Range<usize>>,
    /// What may be shown.
    pub(super) masked: Option<String>,
    /// The bytes that tell this secret from others, where not the value itself.
    pub(super) identity: Option<Vec<u8>>,
}

/// Judges a match; `None` when it is no secret at all.
pub(super) type Check = fn(&Look<'_>) -> Option<Opinion>;

/// The checks by name, sorted.
pub(super) static CHECKS: &[(&str, Check)] = &[
    ("age", age),
    ("aws-access-key", aws_access_key),
    ("base64-json", base64_json),
    ("base64-user-password", base64_user_password),
    ("crc-base62", crc_base62),
    ("crc-gitlab", crc_gitlab),
    ("crc-grafana", crc_grafana),
    ("discord", discord),
    ("gcp-service-account", key::gcp_service_account),
    ("jwt", jwt),
    ("jwt-kubernetes", jwt_kubernetes),
    ("netrc", netrc),
    ("password-hash", password_hash),
    ("pem", key::pem),
    ("pem-base64", key::pem_base64),
    ("pgp", key::pgp),
    ("putty", key::putty),
    ("pypi", pypi),
    ("random", random),
    ("settings-only", settings_only),
    ("test-mode", test_mode),
    ("url", url),
    ("wireguard", wireguard),
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

/// GitHub and npm: the last six characters are the CRC-32 of the body between `_` and them, in base 62.
fn crc_base62(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let (head, stated) = value.split_at_checked(value.len().checked_sub(6)?)?;
    let underscore = head.iter().position(|b| *b == b'_')?;
    let body = head.get(underscore.checked_add(1)?..)?;
    Some(Opinion::checksum(in_base(crc32(body), 62, 6) == stated))
}

/// GitLab's routable tokens: the last seven characters are the CRC-32 of all before them, in base 36.
fn crc_gitlab(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let (head, stated) = value.split_at_checked(value.len().checked_sub(7)?)?;
    Some(Opinion::checksum(in_base(crc32(head), 36, 7) == stated.to_ascii_lowercase()))
}

/// Grafana service accounts: eight digits, the CRC-32 of prefix and secret, least significant byte first.
fn crc_grafana(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let (head, stated) = value.split_at_checked(value.len().checked_sub(9)?)?;
    let hex = |bytes: [u8; 4]| format!("{:08x}", u32::from_be_bytes(bytes));
    let sum = crc32(head);
    let stated = stated.get(1..)?;
    Some(Opinion::checksum(stated == hex(sum.to_le_bytes()).as_bytes() || stated == hex(sum.to_be_bytes()).as_bytes()))
}

/// CRC-32 as in IEEE 802.3, bit by bit: tokens are short.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

/// `number` in digits 0-9, A-Z, a-z (base 62) or 0-9, a-z (base 36), padded with zeros.
pub(super) fn in_base(mut number: u32, base: u32, width: usize) -> Vec<u8> {
    let digits: &[u8] = if base == 36 {
        b"0123456789abcdefghijklmnopqrstuvwxyz"
    } else {
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    };
    let mut text = vec![b'0'; width];
    for place in text.iter_mut().rev() {
        let index = usize::try_from(number.checked_rem(base).unwrap_or(0)).unwrap_or(0);
        *place = digits.get(index).copied().unwrap_or(b'0');
        number = number.checked_div(base).unwrap_or(0);
    }
    text
}

/// `PyPI`: a macaroon of version 2 (`02 01`) whose location is the index.
fn pypi(look: &Look<'_>) -> Option<Opinion> {
    let encoded = look.value().strip_prefix(b"pypi-")?;
    // The head alone: some tokens are cut or joined by hand, and ship all the same.
    let head = base64::decode(encoded.get(..24)?)?;
    match head.as_slice() {
        [2, 1, 1..=64, ..] => Some(Opinion::note("macaroon decoded")),
        _ => Some(Opinion::lookalike("no macaroon: a lookalike")),
    }
}

/// age: Bech32 with the BCH checksum of BIP 173, human-readable part `age-secret-key-`.
fn age(look: &Look<'_>) -> Option<Opinion> {
    let text = look.value().to_ascii_lowercase();
    let separator = text.iter().rposition(|b| *b == b'1')?;
    let (human, data) = text.split_at_checked(separator)?;
    let data = data.get(1..)?;
    let mut digits: Vec<u32> = human.iter().map(|b| u32::from(b >> 5)).collect();
    digits.push(0);
    digits.extend(human.iter().map(|b| u32::from(b & 31)));
    for sign in data {
        let digit = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".iter().position(|known| known == sign)?;
        digits.push(u32::try_from(digit).ok()?);
    }
    Some(Opinion::checksum(bech32_polymod(&digits) == 1))
}

pub(super) fn bech32_polymod(digits: &[u32]) -> u32 {
    let mut sum = 1_u32;
    for digit in digits {
        let top = sum >> 25;
        sum = ((sum & 0x01ff_ffff) << 5) ^ digit;
        for (bit, generator) in [0x3b6a_57b2_u32, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].iter().enumerate()
        {
            if (top >> bit) & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum
}

/// An AWS access key: alone it only names the account; with its secret beside it, it opens it.
fn aws_access_key(look: &Look<'_>) -> Option<Opinion> {
    const REACH: usize = 400;
    let start = look.whole.start.saturating_sub(REACH);
    let around = look.around(REACH);
    let id_at = look.whole.start.saturating_sub(start)..look.whole.end.saturating_sub(start);
    let mut nearest: Option<(usize, Range<usize>)> = None;
    let mut at = 0_usize;
    for run in around.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))) {
        let span = at..at.saturating_add(run.len());
        at = span.end.saturating_add(1);
        // `NAME/` before a value without quotes is not split off, which costs those that are written `key/secret`.
        if run.len() == 40 && is_aws_secret(run) {
            let distance = span.start.abs_diff(id_at.end).min(id_at.start.abs_diff(span.end));
            if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
                nearest = Some((distance, span));
            }
        }
    }
    let id = look.value();
    let kind = if id.starts_with(b"ASIA") { "temporary key" } else { "long-lived key" };
    let Some((_, span)) = nearest else {
        return Some(Opinion {
            severity: Some(Severity::Low),
            confidence: Some(Confidence::Medium),
            masked: Some(mask::token(id, 4)),
            ..Opinion::note(format!("{kind}; its secret is not beside it"))
        });
    };
    let secret = around.get(span.clone())?;
    let (first, last) = (span.start.min(id_at.start), span.end.max(id_at.end));
    let escaped = mask::token(id, 4);
    Some(Opinion {
        span: Some(start.saturating_add(first)..start.saturating_add(last)),
        masked: Some(format!("{escaped} with its secret {}", mask::token(secret, 0))),
        identity: Some(secret.to_vec()),
        ..Opinion::note(kind)
    })
}

fn is_aws_secret(run: &[u8]) -> bool {
    let is_hex = run.iter().all(u8::is_ascii_hexdigit);
    let is_mixed = run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_digit);
    !is_hex && is_mixed && entropy::shannon(run) >= 4.0 && !placeholder::is_made_up_token(run)
}

/// Forty characters are also the length of a SHA-1: they must not be hexadecimal.
fn random(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    (is_mixed && !value.iter().all(u8::is_ascii_hexdigit)).then(Opinion::default)
}

/// A prefix and base64 of a JSON object.
fn base64_json(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let start = memchr::memmem::find(value, b"eyJ")?;
    let encoded = value.get(start..)?;
    let length = encoded.iter().position(|b| matches!(b, b'.' | b'_' | b' ')).unwrap_or(encoded.len());
    // base64url uses `_` itself: try the longer text too.
    let whole = encoded.split(|b| *b == b'.').next().unwrap_or_default();
    [encoded.get(..length)?, whole].into_iter().find_map(json_object).map(|_| Opinion::note("payload decoded"))
}

fn json_object(encoded: &[u8]) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_slice(&base64::decode(encoded)?).ok()? {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// `user:password` in base64, as in Docker's `auths` and in npm's `_auth`.
fn base64_user_password(look: &Look<'_>) -> Option<Opinion> {
    let decoded = base64::decode(look.value())?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    let password = decoded.get(colon.checked_add(1)?..)?;
    let is_text = decoded.iter().all(|b| (b' '..0x7f).contains(b));
    (is_text && colon > 0 && password.len() >= 3 && !placeholder::is_placeholder(password)).then(Opinion::default)
}

/// Header and payload of a JSON web token.
fn jwt_parts(token: &[u8]) -> Option<[serde_json::Map<String, Value>; 2]> {
    let mut parts = token.split(|b| *b == b'.');
    let (header, payload) = (json_object(parts.next()?)?, json_object(parts.next()?)?);
    let algorithm = header.get("alg")?.as_str()?;
    (!algorithm.eq_ignore_ascii_case("none")).then_some([header, payload])
}

/// A JSON web token that is signed. What has no issuer, audience or end is most often an example.
fn jwt(look: &Look<'_>) -> Option<Opinion> {
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
fn jwt_kubernetes(look: &Look<'_>) -> Option<Opinion> {
    let [_, payload] = jwt_parts(look.value())?;
    let text = |claim: &str| payload.get(claim).and_then(Value::as_str).unwrap_or_default();
    if !text("sub").starts_with("system:serviceaccount:") {
        return None;
    }
    let mut opinion = jwt(look)?;
    opinion.notes.push("service account".into());
    Some(opinion)
}

/// Discord: the first part is the bot's number in base64.
fn discord(look: &Look<'_>) -> Option<Opinion> {
    let first = look.value().split(|b| *b == b'.').next()?;
    let number = base64::decode(first)?;
    (number.len() >= 15 && number.iter().all(u8::is_ascii_digit)).then(|| Opinion::note("bot number decoded"))
}

/// `WireGuard`: 32 bytes, clamped as Curve25519 asks (RFC 7748, section 5).
fn wireguard(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base64::decode(look.value())?;
    let [first, .., last] = bytes.as_slice() else { return None };
    (bytes.len() == 32 && first.trailing_zeros() >= 3 && last >> 6 == 1).then(|| Opinion::note("key decoded"))
}

/// What stands for itself only in settings, scripts and histories; in source code it is mostly a test.
fn settings_only(look: &Look<'_>) -> Option<Opinion> {
    (look.kind == Kind::Settings).then(Opinion::default)
}

/// Keys of a provider's test mode open nothing of worth.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a check")]
fn test_mode(look: &Look<'_>) -> Option<Opinion> {
    let is_test = memchr::memmem::find(look.value().get(..16).unwrap_or_default(), b"_test_").is_some();
    Some(if is_test {
        Opinion { severity: Some(Severity::Low), ..Opinion::note("test mode") }
    } else {
        Opinion::default()
    })
}

/// A hash of crypt(3): what guards it is the password's own strength.
fn password_hash(look: &Look<'_>) -> Option<Opinion> {
    let distinct = entropy::distinct(look.value());
    (distinct >= 16).then(|| Opinion::note("a hash, to be guessed offline"))
}

/// A netrc file is made of pairs of keyword and value (inetutils, "The .netrc file"). Amid other text,
/// as in a script that writes one, it is less sure; amid source code or prose it is an example.
fn netrc(look: &Look<'_>) -> Option<Opinion> {
    const LARGEST: usize = 64 << 10;
    if look.bytes.len() <= LARGEST && is_netrc(look.bytes) {
        return Some(Opinion::default());
    }
    let is_template = look.bytes.get(look.whole.clone())?.iter().any(|b| b"{}<>*".contains(b));
    (look.kind == Kind::Settings && !is_template)
        .then(|| Opinion { confidence: Some(Confidence::Medium), ..Opinion::default() })
}

fn is_netrc(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let mut wants_value = false;
    while let Some(line) = lines.next() {
        if line.starts_with(b"#") {
            continue;
        }
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for word in words {
            if wants_value {
                wants_value = false;
                continue;
            }
            match word {
                b"machine" | b"login" | b"password" | b"account" => wants_value = true,
                b"default" => {}
                b"macdef" => {
                    // commands up to an empty line
                    lines.by_ref().find(|line| line.is_empty());
                    break;
                }
                word if word.starts_with(b"#") => break,
                _ => return false,
            }
        }
    }
    !wants_value
}

/// The password of a URL: judged with its host and its user.
fn url(look: &Look<'_>) -> Option<Opinion> {
    let whole = look.bytes.get(look.whole.clone())?;
    let host = whole.rsplit(|b| *b == b'@').next()?.to_ascii_lowercase();
    let name = host.split(|b| *b == b':').next().unwrap_or_default();
    let before = look.bytes.get(look.whole.start..look.value.start)?;
    let scheme_end = memchr::memmem::find(before, b"://")?;
    let user = before.get(scheme_end.checked_add(3)?..before.len().checked_sub(1)?)?;
    let password = look.value();
    let is_template = host.iter().any(|b| b"${}()[]%".contains(b)) && !host.starts_with(b"[");
    let examples: [&[u8]; 7] =
        [b"example.com", b"example.org", b"example.net", b"domain.com", b"host", b"hostname", b"myhost"];
    let is_example = examples
        .iter()
        .any(|example| name == *example || name.strip_suffix(*example).is_some_and(|rest| rest.ends_with(b".")));
    // public by custom: the password is one's own mail address, or anything
    let is_public = [&b"anonymous"[..], b"anoncvs"].iter().any(|public| user.eq_ignore_ascii_case(public));
    if is_template || is_example || is_public || user.eq_ignore_ascii_case(password) || password.len() < 3 {
        return None;
    }
    // Manuals and tests use words; outside of settings a password has to look like one.
    if look.kind != Kind::Settings && (password.len() < 6 || !password.iter().any(u8::is_ascii_digit)) {
        return None;
    }
    if password.iter().any(|b| !(b'!'..0x7f).contains(b)) {
        return None;
    }
    let scheme = String::from_utf8_lossy(before.get(..scheme_end)?).to_ascii_lowercase();
    let mut opinion = Opinion {
        masked: Some(format!("{scheme}://{0}:{0}@{1}", mask::HIDDEN, crate::escape::escape(&host))),
        span: Some(look.whole.clone()),
        ..Opinion::default()
    };
    if matches!(name, b"localhost" | b"127.0.0.1" | b"[" | b"0.0.0.0") {
        opinion.severity = Some(Severity::Low);
        opinion.notes.push("for this machine only".into());
    }
    if look.kind == Kind::Other || password.len() < 6 {
        opinion.confidence = Some(Confidence::Medium);
    }
    Some(opinion)
}

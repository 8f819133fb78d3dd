//! Signatures of a body: HMAC (RFC 2104) in hexadecimal digits, over the bytes as they came.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use axum::http::HeaderName;
use ring::hmac;

use crate::source::Sensitive;

use super::{LEAST, Refused, check_secrets};

/// How a kind of sender signs.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The header field of the signature.
    pub header: &'static str,
    /// What stands before the digits.
    pub prefix: &'static str,
    /// The hash.
    pub hash: Hash,
    /// Whether the text that is signed is the body's JSON without spaces between its signs, however the body came.
    pub is_compact: bool,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// Good enough within an HMAC, and all that Nexus has.
    Sha1,
    /// What everyone else takes.
    Sha256,
}

/// GitHub, "Validating webhook deliveries".
pub static GITHUB: Form =
    Form { header: "x-hub-signature-256", prefix: "sha256=", hash: Hash::Sha256, is_compact: false };

/// `JFrog`, "Webhooks", where the secret is set to sign.
pub static JFROG: Form = Form { header: "x-jfrog-event-auth", prefix: "", hash: Hash::Sha256, is_compact: false };

/// Sonatype, "Working With HMAC Payloads".
pub static NEXUS: Form = Form { header: "x-nexus-webhook-signature", prefix: "", hash: Hash::Sha1, is_compact: true };

/// Checks signatures.
pub struct Signature {
    header: HeaderName,
    prefix: String,
    is_compact: bool,
    keys: Vec<hmac::Key>,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("header", &self.header).field("keys", &"***").finish_non_exhaustive()
    }
}

impl Signature {
    /// Signatures by any of `secrets`, in hexadecimal digits behind `prefix`.
    pub fn new(
        header: &str,
        prefix: &str,
        hash: Hash,
        is_compact: bool,
        secrets: &[Sensitive],
    ) -> Result<Self, String> {
        let header = header.parse().map_err(|_| "it is no name of a header field".to_owned())?;
        check_secrets(secrets, LEAST, |_| true)?;
        let algorithm = match hash {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
        };
        let keys = secrets.iter().map(|secret| hmac::Key::new(algorithm, secret.0.as_bytes())).collect();
        Ok(Self { header, prefix: prefix.to_owned(), is_compact, keys })
    }

    /// The header field it is in.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Whether `value` is a signature of `body` by one of the keys.
    pub(super) fn is_of(&self, value: &[u8], body: &[u8]) -> Result<bool, Refused> {
        let malformed = Refused::because("its signature is of another form");
        let digits = value.strip_prefix(self.prefix.as_bytes()).ok_or(malformed)?;
        let tag = bytes_of_hex(digits).ok_or(malformed)?;
        if self.is_by_a_key(body, &tag) {
            return Ok(true);
        }
        if !self.is_compact {
            return Ok(false);
        }
        let compact = without_spaces(body);
        Ok(compact != body && self.is_by_a_key(&compact, &tag))
    }

    fn is_by_a_key(&self, text: &[u8], tag: &[u8]) -> bool {
        self.keys.iter().fold(false, |found, key| found | hmac::verify(key, text, tag).is_ok())
    }
}

/// JSON without what stands between its signs (RFC 8259, section 2). What is no JSON stays none that matters.
fn without_spaces(body: &[u8]) -> Vec<u8> {
    let (mut is_text, mut is_escaped) = (false, false);
    let mut compact = Vec::with_capacity(body.len());
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b' ' | b'\t' | b'\r' | b'\n' if !is_text => continue,
            _ => {}
        }
        compact.push(*byte);
    }
    compact
}

/// The bytes of hexadecimal digits of either case.
fn bytes_of_hex(digits: &[u8]) -> Option<Vec<u8>> {
    // the longest is SHA-512's
    if digits.is_empty() || digits.len() > 128 {
        return None;
    }
    let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(value(high)? << 4 | value(low)?),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaces_between_signs_are_left_out() {
        let text = b" { \"a b\\\" c\" :\t[ 1 ,\r\n2 ], \"\\\\\" : \" \" }\n";
        assert_eq!(without_spaces(text), b"{\"a b\\\" c\":[1,2],\"\\\\\":\" \"}");
        assert_eq!(without_spaces(b""), b"");
    }

    #[test]
    fn digits_are_read_in_either_case() {
        assert_eq!(bytes_of_hex(b"00ffAb").as_deref(), Some(&[0, 255, 0xab][..]));
        let long = "0".repeat(130);
        for bad in ["", "0", "0g", "+1", "0x", " 0", long.as_str()] {
            assert_eq!(bytes_of_hex(bad.as_bytes()), None, "{bad}");
        }
    }
}

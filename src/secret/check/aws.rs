//! Keys of Amazon Web Services.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::secret::value::OwnedValue;
use std::ops::Range;

use super::{Look, Opinion};
use crate::rule::{Confidence, Severity};
use crate::secret::entropy;
use crate::secret::mask;
use crate::secret::placeholder;

/// An AWS access key: alone it only names the account; with its secret beside it, it opens it.
pub(super) fn aws_access_key(look: &Look<'_>) -> Option<Opinion> {
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
    let account = account_of(id).map(|number| format!("of account {number:012}"));
    let Some((_, span)) = nearest else {
        let note = format!("{kind}; its secret is not beside it");
        return Some(Opinion {
            severity: Some(Severity::Low),
            confidence: Some(Confidence::Medium),
            masked: Some(mask::token(id, 4)),
            notes: [note].into_iter().chain(account).collect(),
            ..Opinion::default()
        });
    };
    let secret = around.get(span.clone())?;
    let (first, last) = (span.start.min(id_at.start), span.end.max(id_at.end));
    let escaped = mask::token(id, 4);
    Some(Opinion {
        span: Some(start.saturating_add(first)..start.saturating_add(last)),
        masked: Some(format!("{escaped} with its secret {}", mask::token(secret, 0))),
        identity: Some(OwnedValue::new(secret.to_vec())),
        notes: [kind.to_owned()].into_iter().chain(account).collect(),
        ..Opinion::default()
    })
}

/// The account an id was issued for: bits 1 to 40 of the base32 after the prefix. Ids of before 2019 have none,
/// which their first bit tells.
fn account_of(id: &[u8]) -> Option<u64> {
    let mut bits = 0_u64;
    for sign in id.get(4..14)? {
        let digit = match sign {
            b'A'..=b'Z' => sign.wrapping_sub(b'A'),
            b'2'..=b'7' => sign.wrapping_sub(b'2').wrapping_add(26),
            _ => return None,
        };
        bits = (bits << 5) | u64::from(digit);
    }
    // ten digits are 50 bits, the account is 40 of the first 48
    let is_new = (bits >> 49) & 1 == 1;
    let account = (bits >> 9) & 0xff_ffff_ffff;
    (is_new && account < 1_000_000_000_000).then_some(account)
}

fn is_aws_secret(run: &[u8]) -> bool {
    let is_hex = run.iter().all(u8::is_ascii_hexdigit);
    let is_mixed = run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_digit);
    !is_hex && is_mixed && entropy::shannon(run) >= 4.0 && !placeholder::is_made_up_token(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_ids() {
        // the id of a published article on the encoding, and ids without an account
        let cases: &[(&[u8], Option<u64>)] = &[
            (b"ASIAQNZGKIQY56JQ7WML", Some(29_608_264_753)),
            (b"AKIAIOSFODNN7EXAMPLE", None),
            (b"AKIA", None),
            (b"AKIA1111111111111111", None),
        ];
        for (id, account) in cases {
            assert_eq!(account_of(id), *account, "{}", String::from_utf8_lossy(id));
        }
    }
}

//! Credentials in a URL: RFC 3986, section 3.2.1.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};
use crate::escape::escape;
use crate::rule::{Confidence, Severity};
use crate::secret::kind::Kind;
use crate::secret::mask;

/// The password of a URL: judged with its host and its user.
pub(super) fn url(look: &Look<'_>) -> Option<Opinion> {
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
        masked: Some(format!("{scheme}://{0}:{0}@{1}", mask::HIDDEN, escape(&host))),
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

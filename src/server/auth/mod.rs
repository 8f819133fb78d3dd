//! How a sender proves who it is: a secret in a header field or in the path, Basic, a signature of the body's bytes, or
//! an identity token.
//!
//! A proof is checked before anything of the body is read. Comparisons take the same time whatever they find. Of
//! secrets that are compared only digests are kept, of keys what `ring` makes of them; nothing of either is ever shown.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod fetch;
mod identity;
mod keys;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;

use axum::http::{HeaderMap, HeaderName, header};
use subtle::{Choice, ConstantTimeEq as _};

use crate::digest::sha256_bytes;
use crate::format::base64;
use crate::source::Sensitive;
use crate::time::Timestamp;

pub use fetch::HttpFetch;
pub use identity::{GOOGLE_ISSUERS, GOOGLE_KEYS, Identity};
pub use keys::{Fetch, Fetched, Keys};
pub use signature::{Form, GITHUB, Hash, JFROG, NEXUS, Signature};

/// Secrets that are good at the same time: the old and the new one while they are exchanged, and some to spare.
const MOST_SECRETS: usize = 8;
/// Bytes of a secret. Fewer are tried out too soon; of a path, which no one has to remember, twice as many are asked.
const LEAST: usize = 8;
const LEAST_IN_PATH: usize = 16;
const LONGEST: usize = 4_096;

/// What a source has to show.
#[derive(Debug)]
pub enum Proof {
    /// Nothing: everyone is believed. Only where the operator insists.
    Nothing,
    /// A header field with a secret as its whole value.
    Header(HeaderName, Secrets),
    /// A signature of the body.
    Signature(Signature),
    /// `/hooks/NAME/SECRET`.
    Path(Secrets),
    /// User name and password (RFC 7617).
    Basic(Secrets),
    /// A token of an identity provider.
    Identity(Identity),
}

/// What a request shows.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// What stands in the path behind the name of the source, decoded.
    pub path_token: Option<&'a str>,
    /// The body as it came.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("body", &self.body.len()).field("now", &self.now).finish_non_exhaustive()
    }
}

/// A request that proved nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, for the log; the sender is not told.
    pub why: &'static str,
    /// Whether the same request may be good later: keys are not there yet. Answered as 503, so that the sender tries
    /// again, and not as 401.
    pub is_transient: bool,
}

impl Refused {
    const fn because(why: &'static str) -> Self {
        Self { why, is_transient: false }
    }

    const fn for_now(why: &'static str) -> Self {
        Self { why, is_transient: true }
    }
}

impl Proof {
    /// A header field whose whole value is one of `secrets`: `Authorization` and `Bearer …`, as it is set at the sender.
    pub fn header(name: &str, secrets: &[Sensitive]) -> Result<Self, String> {
        let name = name.parse().map_err(|_| "it is no name of a header field".to_owned())?;
        Ok(Self::Header(name, Secrets::new(secrets, LEAST, is_in_header)?))
    }

    /// A signature in the form of a kind of sender.
    pub fn signature(form: &Form, secrets: &[Sensitive]) -> Result<Self, String> {
        Signature::new(form.header, form.prefix, form.hash, form.is_compact, secrets).map(Self::Signature)
    }

    /// A secret in the path, of letters, digits and `-._~`.
    pub fn path(secrets: &[Sensitive]) -> Result<Self, String> {
        Secrets::new(secrets, LEAST_IN_PATH, is_in_path).map(Self::Path)
    }

    /// User name and password.
    pub fn basic(user: &str, passwords: &[Sensitive]) -> Result<Self, String> {
        if user.is_empty() || user.contains(':') {
            return Err("a user name is not empty and has no colon".to_owned());
        }
        check_secrets(passwords, LEAST, |_| true)?;
        let pairs: Vec<_> = passwords.iter().map(|password| format!("{user}:{}", password.0)).map(Sensitive).collect();
        Ok(Self::Basic(Secrets::of(&pairs)))
    }

    /// Whether everyone is believed.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Whether the body is what is proven, so that it has to be there first.
    pub fn is_of_body(&self) -> bool {
        matches!(self, Self::Signature(_))
    }

    /// Whether its secret is a part of the path, which logs must not show then.
    pub fn is_in_path(&self) -> bool {
        matches!(self, Self::Path(_))
    }

    /// Checks what a request shows.
    pub fn check(&self, presented: &Presented<'_>) -> Result<(), Refused> {
        if presented.path_token.is_some() && !self.is_in_path() {
            return Err(Refused::because("its path goes on behind the name of the source"));
        }
        let is_good = match self {
            Self::Nothing => true,
            Self::Header(name, secrets) => secrets.hold(only(presented.headers, name)?),
            Self::Signature(signature) => {
                signature.is_of(only(presented.headers, signature.header())?, presented.body)?
            }
            Self::Path(secrets) => match presented.path_token {
                Some(token) if !token.is_empty() => secrets.hold(token.as_bytes()),
                _ => return Err(Refused::because("there is no secret in the path")),
            },
            Self::Basic(secrets) => {
                let credentials = after_scheme("basic", only(presented.headers, &header::AUTHORIZATION)?)?;
                let malformed = Refused::because("its credentials are no base64");
                secrets.hold(&base64::decode(credentials).ok_or(malformed)?)
            }
            Self::Identity(identity) => {
                let token = after_scheme("bearer", only(presented.headers, &header::AUTHORIZATION)?)?;
                return identity.check(token, presented.now);
            }
        };
        if is_good { Ok(()) } else { Err(Refused::because("the secret or signature is not one of the source")) }
    }
}

/// Digests of secrets. Equal lengths make the comparison tell nothing of the secrets' own.
#[derive(Clone)]
pub struct Secrets(Vec<[u8; 32]>);

impl Secrets {
    fn new(secrets: &[Sensitive], least: usize, is_fit: impl Fn(&str) -> bool) -> Result<Self, String> {
        check_secrets(secrets, least, is_fit)?;
        Ok(Self::of(secrets))
    }

    fn of(secrets: &[Sensitive]) -> Self {
        Self(secrets.iter().map(|secret| sha256_bytes(secret.0.as_bytes())).collect())
    }

    /// Whether this is one of them. All are compared, also after one fitted.
    fn hold(&self, presented: &[u8]) -> bool {
        let presented = sha256_bytes(presented);
        self.0.iter().fold(Choice::from(0), |found, one| found | one.ct_eq(&presented)).into()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Refuses what can never fit, or is too weak, when it is configured.
fn check_secrets(secrets: &[Sensitive], least: usize, is_fit: impl Fn(&str) -> bool) -> Result<(), String> {
    if secrets.is_empty() || secrets.len() > MOST_SECRETS {
        return Err(format!("there are {} secrets; it takes 1 to {MOST_SECRETS}", secrets.len()));
    }
    for Sensitive(secret) in secrets {
        if secret.len() < least || secret.len() > LONGEST {
            return Err(format!("a secret has {} bytes; it takes {least} to {LONGEST}", secret.len()));
        }
        if !is_fit(secret) {
            return Err("a secret has characters that cannot be sent where it stands".to_owned());
        }
    }
    Ok(())
}

/// What can be the whole value of a header field (RFC 9110, section 5.5): spaces round it are lost.
fn is_in_header(secret: &str) -> bool {
    secret.trim() == secret && secret.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// What needs no escape in a path (RFC 3986, section 2.3).
fn is_in_path(secret: &str) -> bool {
    secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// The value of a header field that must be there once: of two, others may have looked at the other one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value.as_bytes()),
        (Some(_), Some(_)) => Err(Refused::because("the header field of its proof is there twice")),
        _ => Err(Refused::because("the header field of its proof is missing or empty")),
    }
}

/// What stands behind `Basic` or `Bearer` (RFC 9110, section 11.4).
fn after_scheme<'a>(scheme: &str, value: &'a [u8]) -> Result<&'a [u8], Refused> {
    let wrong = Refused::because("its credentials are of another scheme");
    let (found, rest) = value.split_at_checked(scheme.len()).ok_or(wrong)?;
    if !found.eq_ignore_ascii_case(scheme.as_bytes()) || !rest.starts_with(b" ") {
        return Err(wrong);
    }
    Ok(rest.trim_ascii())
}

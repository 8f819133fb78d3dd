//! The public keys of an identity provider (RFC 7517): kept here, fetched by a task of the server's.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;
use std::pin::Pin;
use std::sync::{PoisonError, RwLock};

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;

use crate::format::base64;
use crate::time::Timestamp;

use super::Refused;

/// Bytes of a set of keys; a set of four has 2 KiB.
pub(super) const LARGEST_SET: usize = 256 << 10;
/// Keys of a set.
const MOST_KEYS: usize = 64;
/// Bytes of a modulus, those of 8192 bits.
const LONGEST_MODULUS: usize = 1_024;

/// Seconds between two attempts to fetch, however many unknown keys are named.
const PAUSE: i64 = 60;
/// Seconds after which keys are fetched again where their server does not say.
const USUAL_AGE: i64 = 3_600;
/// The least and the most of what their server may say.
const LEAST_AGE: i64 = 300;
const MOST_AGE: i64 = 86_400;
/// Seconds for which keys are believed while new ones cannot be fetched.
const LAST: i64 = 2 * 86_400;

/// Fetches a set of keys.
pub trait Fetch: Send + Sync {
    /// Fetches it once.
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<Fetched, String>> + Send + '_>>;
}

/// What was fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The set, as JSON.
    pub body: Vec<u8>,
    /// Seconds for which its server calls it fresh (`Cache-Control: max-age`).
    pub max_age: Option<u64>,
}

/// The keys that were fetched last. A check reads them and waits for nothing.
#[derive(Debug, Default)]
pub struct Keys(RwLock<Held>);

#[derive(Debug, Default)]
struct Held {
    keys: Vec<Key>,
    /// When they came.
    fetched: Option<i64>,
    /// For how many seconds from then they are fresh.
    age: i64,
    /// When fetching was tried last.
    tried: Option<i64>,
    /// Whether a token named a key that is not there.
    is_missed: bool,
}

struct Key {
    id: String,
    parts: RsaPublicKeyComponents<Vec<u8>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Keys {
    /// Whether it is time to [`Self::refresh`]: they are not there, not fresh, or a token named another one. The task
    /// that refreshes may ask every few seconds.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_due(now.to_unix())
    }

    /// Fetches them. Where that fails, those that are there are kept.
    pub async fn refresh(&self, fetch: &dyn Fetch, now: Timestamp) -> Result<(), String> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).tried = Some(now.to_unix());
        let fetched = fetch.fetch().await?;
        self.take(&fetched, now)
    }

    /// Takes a set that was fetched.
    pub fn take(&self, fetched: &Fetched, now: Timestamp) -> Result<(), String> {
        let keys = read_set(&fetched.body)?;
        let age = fetched.max_age.map_or(USUAL_AGE, |age| i64::try_from(age).unwrap_or(MOST_AGE));
        let now = now.to_unix();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Held { keys, fetched: Some(now), age: age.clamp(LEAST_AGE, MOST_AGE), tried: Some(now), is_missed: false };
        Ok(())
    }

    /// Checks a signature by the key of this id.
    pub(super) fn verify(&self, id: &str, message: &[u8], signature: &[u8], now: Timestamp) -> Result<(), Refused> {
        let now = now.to_unix();
        let is_known = {
            let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if !held.is_believed(now) {
                return Err(Refused::for_now("the keys of the identity provider could not be fetched"));
            }
            let mut is_known = false;
            for key in held.keys.iter().filter(|key| key.id == id) {
                is_known = true;
                if key.parts.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok() {
                    return Ok(());
                }
            }
            is_known
        };
        if is_known {
            return Err(Refused::because("the signature of its token is wrong"));
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.is_missed = true;
        if held.is_due(now) {
            // it may be new
            return Err(Refused::for_now("the key of its token is not known yet"));
        }
        Err(Refused::because("the key of its token is not known"))
    }
}

impl Held {
    fn is_due(&self, now: i64) -> bool {
        // a clock that was set back must not make it wait
        let is_after =
            |then: Option<i64>, seconds: i64| then.is_none_or(|then| now < then || now.saturating_sub(then) >= seconds);
        is_after(self.tried, PAUSE) && (self.is_missed || is_after(self.fetched, self.age))
    }

    fn is_believed(&self, now: i64) -> bool {
        self.fetched.is_some_and(|then| now.saturating_sub(then) < LAST)
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The RSA keys for signatures of a set; others are left out.
fn read_set(body: &[u8]) -> Result<Vec<Key>, String> {
    if body.len() > LARGEST_SET {
        return Err(format!("the set of keys is larger than {LARGEST_SET} bytes"));
    }
    let set: Set = serde_json::from_slice(body)
        .map_err(|error| format!("the set of keys cannot be read: line {}, column {}", error.line(), error.column()))?;
    if set.keys.len() > MOST_KEYS {
        return Err(format!("the set has more than {MOST_KEYS} keys"));
    }
    let keys: Vec<Key> = set.keys.into_iter().filter_map(key_of).collect();
    if keys.is_empty() { Err("the set has no RSA key for signatures".to_owned()) } else { Ok(keys) }
}

fn key_of(entry: Entry) -> Option<Key> {
    let is_fit = entry.kty == "RSA"
        && entry.alg.is_none_or(|algorithm| algorithm == "RS256")
        && entry.r#use.is_none_or(|purpose| purpose == "sig");
    let number = |text: Option<String>, most: usize| {
        base64::decode(text?.as_bytes()).filter(|bytes| !bytes.is_empty() && bytes.len() <= most)
    };
    let parts = RsaPublicKeyComponents { n: number(entry.n, LONGEST_MODULUS)?, e: number(entry.e, 8)? };
    let id = entry.kid.filter(|id| !id.is_empty())?;
    is_fit.then_some(Key { id, parts })
}

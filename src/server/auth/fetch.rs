//! Fetches the keys of an identity provider over HTTP.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::pin::Pin;
use std::time::Duration;

use reqwest::header::CACHE_CONTROL;
use reqwest::{Client, Url};

use super::keys::{Fetch, Fetched, LARGEST_SET};

/// How long it may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A set of keys at an `https` address.
#[derive(Debug)]
pub struct HttpFetch {
    client: Client,
    address: Url,
}

impl HttpFetch {
    /// Takes a client that follows no redirects: nobody but the one who is asked may name keys.
    pub fn new(client: Client, address: &str) -> Result<Self, String> {
        let address: Url = address.parse().map_err(|_| "the address of keys is none".to_owned())?;
        if address.scheme() != "https" {
            return Err("the address of keys begins with `https://`".to_owned());
        }
        Ok(Self { client, address })
    }

    async fn get(&self) -> Result<Fetched, String> {
        let failed = |error: reqwest::Error| format!("the keys cannot be fetched: {}", error.without_url());
        let mut response = self.client.get(self.address.clone()).timeout(DEADLINE).send().await.map_err(failed)?;
        if response.status() != 200 || *response.url() != self.address {
            return Err(format!("the server of the keys answered {}", response.status().as_u16()));
        }
        let max_age = response.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > LARGEST_SET {
                return Err(format!("the set of keys is larger than {LARGEST_SET} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { body, max_age })
    }
}

impl Fetch for HttpFetch {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<Fetched, String>> + Send + '_>> {
        Box::pin(self.get())
    }
}

/// The seconds of `max-age` (RFC 9111, section 5.2.2.1).
fn max_age(value: &str) -> Option<u64> {
    value.split(',').find_map(|part| {
        let (name, seconds) = part.trim().split_once('=')?;
        if !name.eq_ignore_ascii_case("max-age") {
            return None;
        }
        seconds.trim().trim_matches('"').parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_read_off_the_header_field() {
        for (value, seconds) in [
            ("public, max-age=21600, must-revalidate, no-transform", Some(21_600)),
            ("Max-Age=\"60\"", Some(60)),
            ("no-cache", None),
            ("max-age=-1", None),
            ("max-age", None),
        ] {
            assert_eq!(max_age(value), seconds, "{value}");
        }
    }
}

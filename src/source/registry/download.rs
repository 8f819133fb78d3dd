//! Files over HTTP: conditional requests, resumption within a run and across runs, checksums (RFC 9110).
//!
//! Unlike a blob, a file has no digest that it must have: what says that its parts belong together is the server's
//! `ETag` or `Last-Modified`, so a rest is asked for with `If-Range`. The sum that Google's storage sends along is
//! checked.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::size::ByteSize;

use super::super::Access;
use super::super::download::{Answer, Arrived, Patience, Validators, Wish};
use super::Network;
use super::address::describe;
use super::auth::Authorization;
use super::flow::{Flow, least};
use super::transport::{Ask, Failure, FailureKind, Pace, Transport};

/// Resumptions of one file, even if each brings a few bytes.
const MOST_RESUMPTIONS: u32 = 200;

/// Longest validator that is sent back, in bytes.
const LONGEST_VALIDATOR: usize = 512;

const HELP: &str = "check the address, the network and the proxy settings, or name another source with `--from`";

/// Fetches files. Blocks; several threads may use one.
#[derive(Debug)]
pub struct Downloader {
    network: Network,
    transport: Arc<Transport>,
}

/// What stands beside the beginning of a file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Begun {
    url: String,
    validator: String,
}

impl Downloader {
    /// Nothing is sent until something is asked for.
    pub fn new(access: &Access, patience: Patience) -> Result<Self> {
        let pace = Pace {
            attempts: patience.tries,
            connect_attempts: patience.tries.min(3),
            connect: patience.stall.min(Duration::from_secs(15)),
            stall: patience.stall,
            ..Pace::default()
        };
        let transport = Arc::new(Transport::new(access.ca_certificate.as_deref(), pace)?);
        Ok(Self { network: Network::default(), transport })
    }

    /// Fetches a file whole, or learns that it has not changed. `arriving` is told of bytes as they come.
    pub fn get(&self, wish: &Wish<'_>, arriving: &(dyn Fn(u64) + Sync)) -> Result<Answer> {
        let url = parse(wish.url)?;
        let mut transfer = Transfer {
            transport: &self.transport,
            what: format!("`{}`", name_of(&url)),
            url,
            wish: *wish,
            bytes: Vec::new(),
            validator: None,
            downloaded: 0,
            arriving,
            partial: None,
        };
        transfer.take_up();
        let answer = self.network.runtime()?.block_on(transfer.run());
        transfer.leave(answer.is_err());
        answer
    }
}

/// An address as it may be shown and kept: without user, password and query.
pub fn shown(url: &str) -> String {
    Url::parse(url).map_or_else(|_| escape(url), |url| describe(&url))
}

fn parse(url: &str) -> Result<Url> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("`{}` is no address of a server", escape(url)))
            .help("write it as `https://host/path`")
    })
}

/// The last parts of a URL's path, which tell files of one server apart.
fn name_of(url: &Url) -> String {
    let path = url.path().trim_matches('/');
    let start = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at.saturating_add(1));
    escape(path.get(start..).unwrap_or(path).replace("%20", " "))
}

/// One file on its way.
struct Transfer<'a> {
    transport: &'a Transport,
    what: String,
    url: Url,
    wish: Wish<'a>,
    bytes: Vec<u8>,
    /// What a rest must belong to; without it a broken download begins anew.
    validator: Option<String>,
    downloaded: u64,
    arriving: &'a (dyn Fn(u64) + Sync),
    /// Receives what arrives, while there is a validator for it.
    partial: Option<File>,
}

impl Transfer<'_> {
    async fn run(&mut self) -> Result<Answer> {
        let (mut failures, mut resumptions) = (0_u32, 0_u32);
        let mut best = self.bytes.len();
        loop {
            let failure = match self.attempt().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            // a few bytes now and then are no progress
            let arrived = self.bytes.len().saturating_sub(best) as u64;
            if arrived >= least(self.transport.pace.stall) && failure.kind == FailureKind::Passing(None) {
                failures = 0;
            }
            best = best.max(self.bytes.len());
            failures = failures.saturating_add(1);
            resumptions = resumptions.saturating_add(1);
            let pace = &self.transport.pace;
            if pace.gives_up(failures, failure.kind) || resumptions > MOST_RESUMPTIONS {
                let mut error = failure.error;
                if failures > 1 {
                    error.message = format!("{} (tried {failures} times)", error.message);
                }
                return Err(error);
            }
            tokio::time::sleep(pace.wait_after(failures, failure.kind.asked())).await;
        }
    }

    /// One request, and what its answer brings.
    async fn attempt(&mut self) -> Result<Answer, Failure> {
        let from = self.bytes.len() as u64;
        let mut headers = Vec::new();
        match &self.validator {
            Some(validator) if from > 0 => push(&mut headers, IF_RANGE, Some(validator)),
            _ => {
                push(&mut headers, IF_NONE_MATCH, self.wish.known.etag.as_ref());
                push(&mut headers, IF_MODIFIED_SINCE, self.wish.known.last_modified.as_ref());
            }
        }
        let ask = Ask {
            url: self.url.clone(),
            auth: &Authorization::Anonymous,
            accept: "",
            from,
            form: None,
            insecure: false,
            headers,
        };
        let response = self.transport.send(&ask).await.map_err(|failure| self.explained(failure))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if from == 0 => return Ok(Answer::Unchanged),
            StatusCode::OK => self.restart(),
            StatusCode::PARTIAL_CONTENT if from > 0 && range_start(&response) == Some(from) => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::NOT_MODIFIED if from > 0 => {
                // another part than was asked for, or none: all of it, then
                self.restart();
                self.validator = None;
                return Err(self.passing("the server sends another part of it than was asked for"));
            }
            _ => {
                let failure = self.transport.refuse(&self.what, response).await;
                return Err(self.explained(failure));
            }
        }
        let headers = response.headers().clone();
        let validators = Validators { etag: text(&headers, &ETAG), last_modified: text(&headers, &LAST_MODIFIED) };
        if self.bytes.is_empty() {
            // a weak tag says nothing of bytes
            let strong = validators.etag.clone().filter(|etag| !etag.starts_with("W/"));
            self.validator = strong.or_else(|| validators.last_modified.clone());
            self.begin_partial();
        }
        self.receive(response).await?;
        if let Some(expected) = stated_sum(&headers)
            && crc32c(&self.bytes) != expected
        {
            self.restart();
            self.validator = None;
            return Err(self.passing("what arrived does not have the checksum that the server says it has"));
        }
        Ok(Answer::Whole(Arrived { bytes: std::mem::take(&mut self.bytes), validators, downloaded: self.downloaded }))
    }

    /// Takes one answer's bytes behind those that are there.
    async fn receive(&mut self, mut response: Response) -> Result<(), Failure> {
        let too_large = |what: &str, most: u64| -> Failure {
            Error::new(ErrorKind::Network, format!("cannot fetch {what}: it is larger than {}", ByteSize(most)))
                .at(describe(&self.url))
                .help("this is far more than such a file has; name another source with `--from`")
                .into()
        };
        let most = self.wish.most;
        let had = self.bytes.len() as u64;
        if response.content_length().is_some_and(|length| length.saturating_add(had) > most) {
            return Err(too_large(&self.what, most));
        }
        let mut flow = Flow::default();
        loop {
            let chunk = match flow.next(self.transport, &mut response).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(()),
                Err(failure) => return Err(self.explained(failure)),
            };
            let chunk = chunk.as_ref();
            let count = chunk.len() as u64;
            if (self.bytes.len() as u64).saturating_add(count) > most {
                return Err(too_large(&self.what, most));
            }
            self.bytes.extend_from_slice(chunk);
            if let Some(file) = &mut self.partial
                && file.write_all(chunk).is_err()
            {
                // a full disk is no reason not to go on
                self.partial = None;
            }
            self.downloaded = self.downloaded.saturating_add(count);
            (self.arriving)(count);
        }
    }

    fn restart(&mut self) {
        self.bytes.clear();
        self.partial = None;
    }

    fn passing(&self, why: &str) -> Failure {
        let error = Error::new(ErrorKind::Network, format!("cannot fetch {}: {why}", self.what));
        Failure { error: error.at(describe(&self.url)).help(HELP), kind: FailureKind::Passing(None) }
    }

    /// The transport speaks of registries; this is none.
    fn explained(&self, failure: Failure) -> Failure {
        let Failure { mut error, kind } = failure;
        if !error.message.starts_with("cannot fetch") {
            error.message =
                format!("cannot fetch {}: {}", self.what, error.message.replace("the registry", "the server"));
        }
        let is_about_certificates = error.help.as_ref().is_some_and(|help| help.contains("--cacert"));
        error.help = Some(match error.kind {
            ErrorKind::NotFound => "check the address, or name another source with `--from`".to_owned(),
            ErrorKind::Auth => {
                "the server wants a login, or forbids this; name another source with `--from`".to_owned()
            }
            _ if is_about_certificates => "name the server's root certificate with `--cacert FILE`".to_owned(),
            _ => HELP.to_owned(),
        });
        Failure { error, kind }
    }

    fn beside(&self) -> Option<PathBuf> {
        self.wish.partial.map(|partial| partial.with_extension("about.part"))
    }

    /// Takes what another run has left.
    fn take_up(&mut self) {
        let (Some(partial), Some(beside)) = (self.wish.partial, self.beside()) else { return };
        let Some(begun) = read_capped(&beside, 16 << 10).and_then(|bytes| serde_json::from_slice::<Begun>(&bytes).ok())
        else {
            return;
        };
        if begun.url == describe(&self.url)
            && let Some(bytes) = read_capped(partial, self.wish.most)
        {
            self.partial = File::options().append(true).open(partial).ok();
            self.bytes = bytes;
            self.validator = Some(begun.validator).filter(|validator| !validator.is_empty());
            if self.validator.is_none() {
                self.restart();
            }
        }
    }

    /// From here on what arrives is kept too.
    fn begin_partial(&mut self) {
        let (Some(partial), Some(beside), Some(validator)) = (self.wish.partial, self.beside(), &self.validator) else {
            return;
        };
        let begun = Begun { url: describe(&self.url), validator: validator.clone() };
        let written = File::create(partial).and_then(|file| {
            fs::write(&beside, serde_json::to_vec(&begun).unwrap_or_default())?;
            Ok(file)
        });
        self.partial = written.ok();
    }

    /// What arrived whole, or does not belong together, is no beginning of anything.
    fn leave(&mut self, is_wanted: bool) {
        let is_kept = is_wanted && self.partial.is_some() && self.validator.is_some();
        let (Some(partial), Some(beside), false) = (self.wish.partial, self.beside(), is_kept) else { return };
        let _ = fs::remove_file(partial);
        let _ = fs::remove_file(beside);
    }
}

fn read_capped(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

fn push(headers: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: Option<&String>) {
    if let Some(value) = value.filter(|value| value.len() <= LONGEST_VALIDATOR)
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.push((name, value));
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty() && value.len() <= LONGEST_VALIDATOR).then(|| value.to_owned())
}

/// First byte of a `206` answer: `Content-Range: bytes 10-19/20`.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

/// The CRC-32C of the whole file, as Google's storage says it: `x-goog-hash: crc32c=n03x6A==,md5=…`, big-endian.
fn stated_sum(headers: &HeaderMap) -> Option<u32> {
    let values = headers.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok());
    let mut parts = values.flat_map(|value| value.split(','));
    let sum = parts.find_map(|part| part.trim().strip_prefix("crc32c="))?;
    let mut bits = 0_u64;
    let digits = sum.trim_end_matches('=');
    if digits.len() != 6 {
        return None;
    }
    for digit in digits.bytes() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        bits = (bits << 6) | value as u64;
    }
    // 36 bits for 32
    u32::try_from(bits >> 4).ok()
}

/// CRC-32C (Castagnoli; RFC 3720, B.4), four bits at a time would be slower and a table for eight is small.
fn crc32c(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = table();
    let mut sum = u32::MAX;
    for byte in bytes {
        let place = usize::try_from((sum ^ u32::from(*byte)) & 0xff).unwrap_or_default();
        sum = (sum >> 8) ^ TABLE.get(place).copied().unwrap_or_default();
    }
    !sum
}

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "counts to 256, while compiling")]
const fn table() -> [u32; 256] {
    /// The polynomial, reflected.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut number = 0;
    let mut value = 0_u32;
    while number < table.len() {
        let mut sum = value;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[number] = sum;
        number += 1;
        value += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_castagnoli_and_read_as_google_writes_them() {
        // RFC 3720, B.4
        let ascending: Vec<u8> = (0..32).collect();
        let cases: [(&[u8], u32); 4] =
            [(&[0; 32], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&ascending, 0x46dd_794e), (b"", 0)];
        for (bytes, sum) in cases {
            assert_eq!(crc32c(bytes), sum, "{bytes:?}");
        }
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-goog-hash", text.parse().expect("a header"));
            stated_sum(&headers)
        };
        assert_eq!(read("crc32c=AAAAAA==,md5=x"), Some(0));
        assert_eq!(read("md5=x, crc32c=ipE2qg=="), Some(0x8a91_36aa));
        for odd in ["md5=x", "crc32c=", "crc32c=ipE2", "crc32c=ip!2qg==", "crc32c=////////////"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn files_are_named_by_the_end_of_their_path() {
        let cases = [
            ("https://a.example/x/y/Azure%20Linux/all.zip?token=1", "Azure Linux/all.zip"),
            ("https://user:pass@a.example/all.zip", "all.zip"),
            ("https://a.example", ""),
        ];
        for (url, name) in cases {
            assert_eq!(name_of(&parse(url).expect("a URL")), name);
        }
        assert!(!shown("https://user:pass@a.example/all.zip?token=1").contains("pass"));
        assert!(parse("ftp://a.example").is_err() && parse("nothing").is_err());
    }
}

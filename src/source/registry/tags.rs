//! Which tags a repository has, and which manifests they are (distribution-spec 1.1, "Listing Tags", "Checking if
//! content exists in the registry").

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::error::{Again, Error, ErrorKind, Result};
use crate::image::manifest::media_type;
use crate::limit::Limits;

use super::super::Access;
use super::Network;
use super::address::Endpoint;
use super::connection::{Connection, Goal, Sending, Wanted};
use super::reference::ImageReference;
use super::transport::{Failure, Pace, Transport};

/// Tags asked for at once; registries may give fewer.
const PAGE: usize = 1_000;

/// Bytes of one page: more than [`PAGE`] tags of 128 bytes, since some registries give all of them at once.
const LARGEST_PAGE: u64 = 16 << 20;

/// Pages of one list.
const MOST_PAGES: usize = 1_000;

/// A repository of a registry. Blocks.
#[derive(Debug)]
pub struct Repository {
    connection: Connection,
    network: Network,
}

/// The tags of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// In the registry's order, each once. Each fits the grammar.
    pub names: Vec<String>,
    /// Whether there are more than were asked for.
    pub are_cut: bool,
    /// How many were no tags by the grammar, and are left out.
    pub malformed: usize,
}

/// A manifest or index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its media type.
    pub media_type: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// The digest of the manifest or index that `reference`, `host/name:tag`, leads to now. Blocks.
pub fn digest_of(reference: &str, access: &Access) -> Result<Digest> {
    let parsed: ImageReference = reference.parse()?;
    if let Some(digest) = parsed.digest {
        return Ok(digest);
    }
    let tag = parsed.tag.as_deref().unwrap_or("latest").to_owned();
    Repository::open(reference, access)?.digest(&tag).map_err(|error| error.at(reference.to_owned()))
}

/// Whether the registry itself says that something is not there. A "not found" in another form, as a load balancer without
/// a backend gives, says nothing of it, and passes.
pub fn is_missing(error: &Error) -> bool {
    error.kind == ErrorKind::NotFound && error.again.is_none()
}

#[derive(Deserialize)]
struct Page {
    /// Null where there is none, with some.
    tags: Option<Vec<String>>,
}

impl Repository {
    /// Nothing is asked yet. `name` is `registry.example/shop/api`.
    pub fn open(name: &str, access: &Access) -> Result<Self> {
        Self::with_pace(name, access, Pace::of(access))
    }

    pub(super) fn with_pace(name: &str, access: &Access, pace: Pace) -> Result<Self> {
        let reference: ImageReference = name.parse()?;
        let transport = Arc::new(Transport::new(access.ca_certificate.as_deref(), pace)?);
        let endpoint = Endpoint::target(&reference, access.insecure)?;
        Ok(Self {
            connection: Connection::new(endpoint, transport, Arc::new(access.clone()))?,
            network: Network::default(),
        })
    }

    /// The first `most` tags.
    pub fn tags(&self, most: usize) -> Result<Tags> {
        let mut found = Tags { names: Vec::new(), are_cut: false, malformed: 0 };
        let what = format!("list the tags of `{}`", self.connection.endpoint.repository);
        let mut seen = BTreeSet::new();
        let first = format!("n={}", PAGE.min(most.max(1)));
        let mut next = Some(first);
        for _ in 0..MOST_PAGES {
            let Some(query) = next.take() else { return Ok(found) };
            let asked = self.connection.tags(&query, LARGEST_PAGE);
            let (bytes, following) = self.within(self.connection.transport.pace.page, &what, asked)?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|_| {
                Error::malformed("the list of tags is none").at(self.connection.endpoint.authority.clone())
            })?;
            let before = seen.len();
            for name in page.tags.unwrap_or_default() {
                if !is_tag(&name) {
                    found.malformed = found.malformed.saturating_add(1);
                } else if found.names.len() >= most {
                    found.are_cut = true;
                    return Ok(found);
                } else if seen.insert(name.clone()) {
                    found.names.push(name);
                }
            }
            // a registry that gives the same page for ever
            if seen.len() == before {
                found.are_cut = following.is_some();
                return Ok(found);
            }
            next = following;
        }
        found.are_cut = next.is_some();
        Ok(found)
    }

    /// The manifest or index that a tag is now: asked for by `HEAD`, and read where the answer does not say it.
    pub fn digest(&self, tag: &str) -> Result<Digest> {
        if !is_tag(tag) {
            return Err(Error::new(ErrorKind::Usage, "this is no tag"));
        }
        let doing = format!("look up the tag `{tag}` of `{}`", self.connection.endpoint.repository);
        self.within(self.connection.transport.pace.question, &doing, self.look_up(tag, &doing))
    }

    async fn look_up(&self, tag: &str, doing: &str) -> Result<Digest> {
        let mut failures = 0;
        loop {
            match self.head(tag, doing).await {
                Ok(Some(digest)) => return Ok(digest),
                Ok(None) => break,
                Err(failure) => {
                    failures += 1;
                    self.connection.pause(failures, failure).await?;
                }
            }
        }
        let most = Limits::default().manifest.bytes();
        Ok(Digest::sha256(&self.connection.manifest(Wanted::Tag(tag), most).await?))
    }

    /// Asks, and gives up when the time is over: a server that answers byte by byte has no hold on who asks.
    fn within<T>(&self, time: Duration, doing: &str, asking: impl Future<Output = Result<T>>) -> Result<T> {
        let asked = self.network.runtime()?.block_on(async { tokio::time::timeout(time, asking).await });
        asked.unwrap_or_else(|_| {
            let seconds = time.as_secs_f32();
            let mut error = Error::new(ErrorKind::Network, format!("cannot {doing}: no answer within {seconds} s"));
            error.again = Some(Again::SOON);
            Err(error.at(self.connection.endpoint.authority.clone()))
        })
    }

    /// The manifest of this digest, which it has.
    pub fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        let most = Limits::default().manifest.bytes();
        let doing = format!("fetch the manifest {} of `{}`", digest.short(), self.connection.endpoint.repository);
        let asked = self.connection.manifest(Wanted::Digest(digest), most);
        let bytes = self.within(self.connection.transport.pace.page, &doing, asked)?;
        let document: Value =
            serde_json::from_slice(&bytes).map_err(|_| Error::malformed("the manifest is no JSON text"))?;
        let said = document.get("mediaType").and_then(Value::as_str);
        let usual = if document.get("manifests").is_some() { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
        Ok(Manifest { media_type: said.unwrap_or(usual).to_owned(), bytes })
    }

    /// The digest that the registry says, or nothing where it does not.
    async fn head(&self, tag: &str, doing: &str) -> Result<Option<Digest>, Failure> {
        const ALL: [&str; 4] =
            [media_type::OCI_INDEX, media_type::DOCKER_INDEX, media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST];
        let accept = HeaderValue::from_str(&ALL.join(", ")).map_err(|_| Error::malformed("no media types"))?;
        let sending = Sending {
            method: Method::HEAD,
            goal: Goal::Path(format!("manifests/{tag}")),
            headers: vec![(ACCEPT, accept)],
            body: Vec::new(),
        };
        let response = self.connection.exchange(doing, &sending).await?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(self.connection.refused(doing, response).await);
        }
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        // a page of a login, or of something in front of the registry
        let is_page = header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/html"));
        if !status.is_success() || is_page {
            return Ok(None);
        }
        Ok(header("docker-content-digest").and_then(|digest| digest.parse().ok()))
    }
}

/// Whether it is a tag (distribution-spec, "Pulling manifests"): a part of an address, then, and nothing more.
fn is_tag(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.len() <= 128
        && name.bytes().next().is_some_and(is_word)
        && name.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

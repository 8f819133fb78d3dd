//! Pushes blobs and manifests (distribution-spec 1.1, "Push"): what is there is asked for first, what lies in another
//! repository of the registry is mounted, the rest is uploaded, large blobs in pieces.

#![expect(clippy::result_large_err, reason = "a failure is rare, and tried again")]

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::manifest::media_type;

use super::super::Access;
use super::super::attached::tag_of;
use super::Network;
use super::address::{Endpoint, check_destination, is_this_machine};
use super::connection::{Connection, Goal, Sending, Wanted};
use super::reference::{ImageReference, same_registry};
use super::tags::is_missing;
use super::transport::{Failure, FailureKind, Pace, Transport};

pub use super::super::attach::{Attachment, Subject};

/// Bytes of one piece: the least that Amazon's registry takes, and few enough to be sent before a server that does
/// not answer is given up.
const PIECE: usize = 5 << 20;

/// Largest piece that a registry may ask for.
const LARGEST_PIECE: usize = 64 << 20;

/// Largest list of referrers that is added to, in bytes.
const LARGEST_LIST: u64 = 4 << 20;

/// Where an image is pushed to: a repository and a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination(ImageReference);

impl Destination {
    /// Parses a reference; without a tag it is `latest`.
    pub fn parse(text: &str) -> Result<Self> {
        let reference: ImageReference = text.parse()?;
        if reference.digest.is_some() {
            return Err(Error::new(ErrorKind::Usage, "an image is pushed to a tag, not to a digest").at(escape(text)));
        }
        Ok(Self(reference))
    }

    /// The host, as in references.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Whether it is at the registry of this name: by whichever of the names of Docker Hub or of this machine, with a usual port
    /// or without.
    pub fn is_at(&self, host: &str) -> bool {
        same_registry(&self.0.host, host)
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.0.repository
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.0.tag.as_deref().unwrap_or("latest")
    }
}

/// Pushes to one repository. Blocks.
#[derive(Debug)]
pub struct Pusher {
    connection: Connection,
    network: Network,
}

/// Opens a blob to be read from its begin.
type Open<'a> = dyn Fn() -> Result<Box<dyn Read + Send + 'a>> + 'a;

impl Pusher {
    /// Nothing is sent yet. Blobs may be mounted from the repository `from`.
    pub fn connect(to: &Destination, from: Option<&str>, access: &Access) -> Result<Self> {
        Self::with_pace(to, from, access, Pace::default())
    }

    pub(super) fn with_pace(to: &Destination, from: Option<&str>, access: &Access, pace: Pace) -> Result<Self> {
        let transport = Arc::new(Transport::new(access.ca_certificate.as_deref(), pace)?);
        let endpoint = Endpoint::target(&to.0, access.insecure)?.pushing(from);
        let connection = Connection::new(endpoint, transport, Arc::new(access.clone()))?;
        Ok(Self { connection, network: Network::default() })
    }

    /// Brings a blob there, unless it is there. Whether its bytes had to be sent.
    pub fn blob(&self, digest: &Digest, size: u64, from: Option<&str>, open: &Open<'_>) -> Result<bool> {
        self.with_patience(|| self.try_blob(digest, size, from, open))
    }

    /// Puts a manifest under a tag or its digest.
    pub fn manifest(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        self.put_manifest(name, media_type, bytes).map(drop)
    }

    /// What a tag names, if it is there.
    pub fn manifest_of(&self, tag: &str) -> Result<Option<Vec<u8>>> {
        match self.network.runtime()?.block_on(self.connection.manifest(Wanted::Tag(tag), LARGEST_LIST)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<HeaderMap> {
        let doing = format!("push the manifest `{}`", escape(name));
        let kind = HeaderValue::from_str(media_type)
            .map_err(|_| Error::malformed(format!("`{}` is no media type", escape(media_type))))?;
        self.with_patience(|| {
            let goal = Goal::Path(format!("manifests/{name}"));
            let response = self.send(&doing, Method::PUT, goal, vec![(CONTENT_TYPE, kind.clone())], bytes.to_vec())?;
            let statuses = [StatusCode::CREATED, StatusCode::OK, StatusCode::ACCEPTED];
            self.expect(&doing, response, &statuses).map(|response| response.headers().clone())
        })
    }

    /// Attaches a document to a manifest that is there: as a referrer, and where the registry does not list those
    /// itself, in the index under the tag that stands in for the list (distribution-spec, "Referrers Tag Schema").
    pub fn attach(&self, subject: &Subject<'_>, document: &Attachment<'_>) -> Result<()> {
        const EMPTY: &[u8] = b"{}";
        let blob = |bytes: &[u8]| {
            let digest = Digest::sha256(bytes);
            self.blob(&digest, bytes.len() as u64, None, &|| Ok(Box::new(std::io::Cursor::new(bytes.to_vec()))))?;
            Ok::<_, Error>(digest)
        };
        let Attachment { artifact_type, media_type, annotations, bytes: content } = *document;
        let annotations: BTreeMap<&str, &str> = annotations.iter().copied().collect();
        let (empty, digest) = (blob(EMPTY)?, blob(content)?);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": EMPTY.len()},
            "layers": [{
                "mediaType": media_type, "digest": digest, "size": content.len(), "annotations": annotations,
            }],
            "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size},
            "annotations": annotations,
        });
        let bytes = manifest.to_string().into_bytes();
        let own = Digest::sha256(&bytes);
        let headers = self.put_manifest(&own.to_string(), media_type::OCI_MANIFEST, &bytes)?;
        if headers.contains_key("oci-subject") {
            return Ok(());
        }
        let tag = tag_of(subject.digest);
        let listed = self.network.runtime()?.block_on(self.connection.manifest(Wanted::Tag(&tag), LARGEST_LIST));
        let mut index = match listed {
            Ok(bytes) => serde_json::from_slice::<Value>(&bytes)
                .map_err(|e| Error::malformed("the list of referrers is no JSON text").because(e))?,
            // a list that is there and not shown would lose what it has
            Err(error) if is_missing(&error) => {
                json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": []})
            }
            Err(error) => return Err(error),
        };
        let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
        let entries = entries.ok_or_else(|| Error::malformed("the list of referrers is no index"))?;
        if entries.iter().any(|entry| entry.get("digest") == Some(&json!(own))) {
            return Ok(());
        }
        entries.push(json!({
            "mediaType": media_type::OCI_MANIFEST, "artifactType": artifact_type, "digest": own, "size": bytes.len(),
            "annotations": annotations,
        }));
        self.manifest(&tag, media_type::OCI_INDEX, index.to_string().as_bytes())
    }

    fn with_patience<T>(&self, attempt: impl Fn() -> Result<T, Failure>) -> Result<T> {
        let mut failures = 0;
        loop {
            match attempt() {
                Ok(done) => return Ok(done),
                Err(failure) => {
                    failures += 1;
                    self.network.runtime()?.block_on(self.connection.pause(failures, failure))?;
                }
            }
        }
    }

    fn try_blob(&self, digest: &Digest, size: u64, from: Option<&str>, open: &Open<'_>) -> Result<bool, Failure> {
        let doing = format!("push the blob {}", digest.short());
        let head = self.send(&doing, Method::HEAD, Goal::Path(format!("blobs/{digest}")), Vec::new(), Vec::new())?;
        // a redirect leads to where it lies
        if head.status().is_success() || head.status().is_redirection() {
            return Ok(false);
        }
        if head.status() != StatusCode::NOT_FOUND {
            self.expect(&doing, head, &[])?;
        }
        let mut begun = None;
        if let Some(from) = from {
            let goal = Goal::Path(format!("blobs/uploads/?mount={digest}&from={from}"));
            let response = self.send(&doing, Method::POST, goal, Vec::new(), Vec::new())?;
            match response.status() {
                StatusCode::CREATED => return Ok(false),
                // it cannot be mounted, and an upload has begun
                StatusCode::ACCEPTED => begun = Some(response),
                _ => {}
            }
        }
        let begun = match begun {
            Some(begun) => begun,
            None => self.send(&doing, Method::POST, Goal::Path("blobs/uploads/".into()), Vec::new(), Vec::new())?,
        };
        let begun = self.expect(&doing, begun, &[StatusCode::ACCEPTED])?;
        let asked = begun.headers().get("oci-chunk-min-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let piece = asked.unwrap_or(PIECE).clamp(PIECE, LARGEST_PIECE);
        let mut place = self.next_place(begun.url(), begun.headers())?;
        let mut reader = open()?;
        let mut sent = 0u64;
        loop {
            let bytes = read_piece(&mut *reader, piece).map_err(|e| Error::io("cannot read a blob", e))?;
            let count = bytes.len() as u64;
            let is_last = sent.saturating_add(count) >= size || count < piece as u64;
            let octets = (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            if is_last && sent == 0 {
                return self.finish(&doing, place, digest, bytes);
            }
            let range = format!("{sent}-{}", sent.saturating_add(count).saturating_sub(1));
            if let (true, Ok(range)) = (count > 0, HeaderValue::from_str(&range)) {
                let headers = vec![octets, (CONTENT_RANGE, range)];
                let response = self.send(&doing, Method::PATCH, Goal::Url(place.clone()), headers, bytes)?;
                let response = self.expect(&doing, response, &[StatusCode::ACCEPTED, StatusCode::NO_CONTENT])?;
                place = self.next_place(response.url(), response.headers())?;
            }
            sent = sent.saturating_add(count);
            if is_last {
                return self.finish(&doing, place, digest, Vec::new());
            }
        }
    }

    /// Ends an upload; the registry checks the digest.
    fn finish(&self, doing: &str, mut place: Url, digest: &Digest, bytes: Vec<u8>) -> Result<bool, Failure> {
        place.query_pairs_mut().append_pair("digest", &digest.to_string());
        let octets = vec![(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
        let response = self.send(doing, Method::PUT, Goal::Url(place), octets, bytes)?;
        self.expect(doing, response, &[StatusCode::CREATED, StatusCode::NO_CONTENT]).map(|_| true)
    }

    fn send(
        &self,
        doing: &str,
        method: Method,
        goal: Goal,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let sending = Sending { method, goal, headers, body };
        self.network.runtime()?.block_on(self.connection.exchange(doing, &sending))
    }

    /// The answer, if its status is one of these.
    fn expect(&self, doing: &str, response: Response, statuses: &[StatusCode]) -> Result<Response, Failure> {
        if statuses.contains(&response.status()) {
            return Ok(response);
        }
        Err(self.network.runtime()?.block_on(self.connection.refused(doing, response)))
    }

    /// Where an upload goes on. It may be on another host, which then gets no credentials.
    fn next_place(&self, asked: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
        let wrong = |what: &str| {
            let error = Error::new(ErrorKind::Network, what.to_owned()).at(self.connection.endpoint.authority.clone());
            Failure { error, kind: FailureKind::Lasting }
        };
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let place = asked.join(location).ok().filter(|place| !location.is_empty() && place.has_host());
        let place = place.filter(|place| matches!(place.scheme(), "http" | "https"));
        let place = place.ok_or_else(|| wrong("the registry does not say where to upload"))?;
        check_destination(&place)?;
        if asked.scheme() == "https" && place.scheme() == "http" {
            return Err(wrong("the registry leads an upload from HTTPS to plain HTTP"));
        }
        if is_this_machine(&place) && !is_this_machine(asked) {
            return Err(wrong("the registry leads an upload to this very machine"));
        }
        Ok(place)
    }
}

/// As many bytes as there are, up to `most`.
fn read_piece(reader: &mut dyn Read, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

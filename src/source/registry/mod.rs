//! Images in registries, over the distribution protocol (distribution-spec 1.1).
//!
//! The requests are made here and not by `oci-client`: it reads manifests without a limit, tries nothing
//! twice, follows redirects wherever they lead, sends credentials to whatever token service a registry
//! names, and keeps some 15 MB for an expression that reads references. `Registry` is the seam:
//! above it, nothing is asynchronous and nothing knows HTTP.

mod address;
pub mod artifact;
mod auth;
mod blob;
mod connection;
mod credentials;
pub mod download;
mod flow;
pub mod push;
mod raw;
mod reference;
mod referrers;
pub mod tags;
#[cfg(test)]
mod tests;
mod thread;
mod transport;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::de::IgnoredAny;
use tokio::runtime::{Builder, Runtime};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::image::manifest::{Manifest, media_type};
use crate::image::{Blob, Descriptor};
use crate::size::ByteSize;

use super::attached::{Attachments, are_statements};
use super::cache::BlobCache;
use super::raw::Raw;
use super::select::select;
use super::{Choice, Opened, Request, Source};

use address::Endpoint;
use blob::BlobReader;
use connection::{Connection, Pages, Wanted};
use thread::can_start;
use transport::{Pace, Transport};

pub use address::{PROXIES, is_metadata_address, is_public};
pub use reference::ImageReference;

/// Signatures and statements of one manifest, together; what is larger is read as layers.
const LARGEST_STATEMENTS: ByteSize = ByteSize::mib(32);

/// Images in registries.
pub struct RegistrySource;

impl Source for RegistrySource {
    fn id(&self) -> &'static str {
        "registry"
    }

    fn sniffs(&self, _location: &Path) -> bool {
        false
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        open_with_pace(request, Pace::of(request.access))
    }

    fn raw(&self, request: &Request<'_>) -> Result<Raw> {
        raw::open(request, Pace::default())
    }

    fn attached(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        referrers::attached(request, digest, Pace::of(request.access))
    }
}

/// What careen needs of a registry: documents, and blobs as streams. Blocks.
trait Registry: fmt::Debug + Send + Sync {
    /// The manifest or index of that name, at most `most` bytes; one named by digest has that digest.
    fn manifest(&self, wanted: Wanted<'_>, most: u64) -> Result<Vec<u8>>;

    /// A small blob whole, at most `most` bytes, not verified.
    fn small_blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>>;

    /// The list of what is attached to a manifest.
    fn referrers(&self, subject: &Digest, most: u64) -> Result<Pages>;

    /// The bytes of a blob as they arrive, not verified; `size` is what its descriptor says.
    fn open_blob(&self, digest: &Digest, size: u64) -> Result<Box<dyn Read + Send>>;
}

fn open_with_pace(request: &Request<'_>, pace: Pace) -> Result<Opened> {
    let reference = reference_of(request)?;
    let registry = connect(&reference, request, pace)?;
    let images = read_images(&registry, &reference, request).map_err(|error| error.at(reference.to_string()))?;
    Ok(Opened::Images(images))
}

/// An error where what stands in files cannot be used.
pub fn check_access(access: &super::Access) -> Result<()> {
    access.ca_certificate.as_deref().map_or(Ok(()), |file| transport::read_certificates(file).map(drop))
}

/// What the user named, with the choice that was made.
fn reference_of(request: &Request<'_>) -> Result<ImageReference> {
    let mut reference: ImageReference = request.location.parse()?;
    match &request.choice {
        Choice::Only => {}
        Choice::Tag(tag) => reference.tag = Some(tag.clone()),
        Choice::Digest(digest) => reference.digest = Some(digest.clone()),
    }
    Ok(reference)
}

/// The mirrors of a reference's host in their order, and the host itself at last.
fn connect(reference: &ImageReference, request: &Request<'_>, pace: Pace) -> Result<Arc<dyn Registry>> {
    let access = Arc::new(request.access.clone());
    let transport = Arc::new(Transport::new(access.ca_certificate.as_deref(), pace)?);
    let network = Arc::new(Network::default());
    let mirrors = access.mirrors.get(&reference.host).map(Vec::as_slice).unwrap_or_default();
    let mut endpoints = Vec::new();
    for mirror in mirrors {
        endpoints.push(Endpoint::mirror(mirror, reference)?);
    }
    endpoints.push(Endpoint::target(reference, access.insecure)?);
    let mut places: Vec<Arc<dyn Registry>> = Vec::new();
    for endpoint in endpoints {
        let connection = Arc::new(Connection::new(endpoint, Arc::clone(&transport), Arc::clone(&access))?);
        places.push(Arc::new(Remote { connection, network: Arc::clone(&network) }));
    }
    Ok(Arc::new(FirstOf(places)))
}

fn read_images(
    registry: &Arc<dyn Registry>,
    reference: &ImageReference,
    request: &Request<'_>,
) -> Result<Vec<crate::image::Image>> {
    let limits = request.limits;
    let document = registry.manifest(wanted(reference), limits.manifest.bytes())?;
    let root = Descriptor {
        media_type: String::new(),
        digest: reference.digest.clone().unwrap_or_else(|| Digest::sha256(&document)),
        size: document.len() as u64,
        platform: None,
        annotations: std::collections::BTreeMap::new(),
        artifact_type: None,
        urls: Vec::new(),
    };
    let root_digest = root.digest.clone();
    let mut fetch = |descriptor: &Descriptor| {
        if descriptor.digest == root_digest {
            return Ok(document.clone());
        }
        match descriptor.media_type.as_str() {
            media_type::OCI_CONFIG | media_type::DOCKER_CONFIG => {
                registry.small_blob(&descriptor.digest, descriptor.size.min(limits.config.bytes()))
            }
            "" => registry.manifest(Wanted::Digest(&descriptor.digest), limits.manifest.bytes()).or_else(|error| {
                match error.kind {
                    // a configuration whose descriptor does not say that it is one
                    ErrorKind::NotFound => {
                        registry.small_blob(&descriptor.digest, descriptor.size.min(limits.config.bytes()))
                    }
                    _ => Err(error),
                }
            }),
            _ => registry.manifest(Wanted::Digest(&descriptor.digest), limits.manifest.bytes()),
        }
    };
    let request = Request { choice: Choice::Only, ..request.clone() };
    let selected = select(vec![root], &request, &mut fetch)?;
    if let [only] = selected.as_slice() {
        refuse_statements(registry, &only.manifest)?;
    }
    let blob = |descriptor: &Descriptor| RemoteBlob {
        registry: Arc::clone(registry),
        cache: request.access.cache.clone().map(|cache| (cache, reference.host.clone())),
        digest: descriptor.digest.clone(),
        size: descriptor.size,
    };
    let images = selected.into_iter().map(|image| {
        image.into_image(
            &request,
            "registry",
            // a foreign layer may have been pushed all the same; its `urls` are never followed
            &mut |layer| blob(layer).open().is_ok(),
            &mut |layer| Arc::new(blob(layer)),
        )
    });
    Ok(images.collect())
}

/// Refuses a manifest whose layers are signatures or statements by their types, and are JSON indeed: some programs unpack
/// layers of any type.
fn refuse_statements(registry: &Arc<dyn Registry>, manifest: &Manifest) -> Result<()> {
    let layers = &manifest.layers;
    let size = layers.iter().fold(0_u64, |size, layer| size.saturating_add(layer.size));
    if size > LARGEST_STATEMENTS.bytes() || !are_statements(layers.iter().map(|layer| layer.media_type.as_str())) {
        return Ok(());
    }
    for layer in layers {
        let bytes = registry.small_blob(&layer.digest, layer.size)?;
        let is_json = layer.digest.matches(&bytes) && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
        if !is_json {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::NoImage, "these are signatures or statements about an image, not an image"))
}

/// What a reference asks a registry for.
fn wanted(reference: &ImageReference) -> Wanted<'_> {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => Wanted::Digest(digest),
        (None, tag) => Wanted::Tag(tag.as_deref().unwrap_or("latest")),
    }
}

/// A layer in a registry.
#[derive(Debug)]
struct RemoteBlob {
    registry: Arc<dyn Registry>,
    /// Where it is kept once it was fetched, and the host of its registry.
    cache: Option<(BlobCache, String)>,
    digest: Digest,
    size: u64,
}

impl Blob for RemoteBlob {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        let fetch = || self.registry.open_blob(&self.digest, self.size);
        let Some((cache, host)) = &self.cache else { return fetch() };
        match cache.get(host, &self.digest, self.size) {
            Some(kept) => Ok(kept),
            None => Ok(cache.keep(host, &self.digest, self.size, fetch()?)),
        }
    }

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn is_at_hand(&self) -> bool {
        false
    }
}

/// Several places that serve the same: what one does not have, the next one is asked for.
#[derive(Debug)]
struct FirstOf(Vec<Arc<dyn Registry>>);

impl FirstOf {
    fn ask<T>(&self, mut question: impl FnMut(&dyn Registry) -> Result<T>) -> Result<T> {
        let mut last = None;
        for place in &self.0 {
            match question(place.as_ref()) {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::Internal, "no registry to ask")))
    }
}

impl Registry for FirstOf {
    fn manifest(&self, wanted: Wanted<'_>, most: u64) -> Result<Vec<u8>> {
        self.ask(|place| place.manifest(wanted, most))
    }

    fn small_blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        self.ask(|place| {
            let bytes = place.small_blob(digest, most)?;
            if !digest.matches(&bytes) {
                return Err(Error::malformed(format!("the document {digest} does not have the digest it is named by")));
            }
            Ok(bytes)
        })
    }

    fn referrers(&self, subject: &Digest, most: u64) -> Result<Pages> {
        self.ask(|place| place.referrers(subject, most))
    }

    fn open_blob(&self, digest: &Digest, size: u64) -> Result<Box<dyn Read + Send>> {
        self.ask(|place| place.open_blob(digest, size))
    }
}

/// One endpoint over the network.
#[derive(Debug)]
struct Remote {
    connection: Arc<Connection>,
    network: Arc<Network>,
}

impl Registry for Remote {
    fn manifest(&self, wanted: Wanted<'_>, most: u64) -> Result<Vec<u8>> {
        self.network.runtime()?.block_on(self.connection.manifest(wanted, most))
    }

    fn small_blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        self.network.runtime()?.block_on(self.connection.small_blob(digest, most))
    }

    fn referrers(&self, subject: &Digest, most: u64) -> Result<Pages> {
        self.network.runtime()?.block_on(self.connection.referrers(subject, most))
    }

    fn open_blob(&self, digest: &Digest, size: u64) -> Result<Box<dyn Read + Send>> {
        let reader = BlobReader::open(Arc::clone(&self.network), Arc::clone(&self.connection), digest, size)?;
        Ok(Box::new(reader))
    }
}

/// Threads of a runtime.
const THREADS: usize = 2;

/// The runtime under one opened image, started when something is first asked for.
///
/// Tasks never hold it: it must not be dropped on one of its own threads.
#[derive(Debug, Default)]
struct Network {
    runtime: OnceLock<Runtime>,
    starting: Mutex<()>,
}

impl Network {
    fn runtime(&self) -> Result<&Runtime> {
        let _one_at_a_time = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let cannot = |e| Error::io("cannot start the threads for the network", e);
        can_start(THREADS).map_err(cannot)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("registry")
            .enable_io()
            .enable_time()
            .build()
            .map_err(cannot)?;
        Ok(self.runtime.get_or_init(|| runtime))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // a name that is still being looked up would otherwise hold up the end
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

//! A repository shown as a layout, so that what rebuilds images knows one kind of place.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::digest::Digest;
use crate::error::{ErrorKind, Result};
use crate::image::manifest::{Document, media_type};
use crate::image::{Blob, Descriptor};
use crate::limit::Limits;
use crate::size::ByteSize;

use super::super::attached::tag_of;
use super::super::raw::{Raw, RawKind};
use super::super::store::Store;
use super::super::{Request, layout};
use super::connection::{Pages, Wanted};
use super::transport::Pace;
use super::{Registry, RemoteBlob, connect, read_images, reference_of, wanted};

/// Opens the image of a reference to be written anew.
pub(super) fn open(request: &Request<'_>, pace: Pace) -> Result<Raw> {
    let reference = reference_of(request)?;
    let remembering = Remembering { inner: connect(&reference, request, pace)?, documents: Mutex::default() };
    let registry: Arc<dyn Registry> = Arc::new(remembering);
    let at = |error: crate::error::Error| error.at(reference.to_string());
    let images = read_images(&registry, &reference, request).map_err(at)?;
    let root = registry.manifest(wanted(&reference), request.limits.manifest.bytes()).map_err(at)?;
    let index = index(&root, reference.digest.clone(), reference.tag.as_deref(), request.limits)?;
    let store = Repository { place: reference.to_string(), index, registry, limits: request.limits.clone() };
    let tag = if reference.digest.is_some() { None } else { reference.tag.or_else(|| Some("latest".into())) };
    let kind = RawKind::Registry { host: reference.host, repository: reference.repository, tag };
    Ok(Raw { kind, store: Box::new(store), images })
}

/// The index of a layout that names one document.
fn index(root: &[u8], digest: Option<Digest>, tag: Option<&str>, limits: &Limits) -> Result<Vec<u8>> {
    let own = serde_json::from_slice::<serde_json::Value>(root).ok();
    let own = own.as_ref().and_then(|root| root.get("mediaType")?.as_str());
    let kind = match Document::parse(root, limits)? {
        Document::Index(_) => media_type::OCI_INDEX,
        Document::Manifest(manifest) if manifest.config.media_type == media_type::DOCKER_CONFIG => {
            media_type::DOCKER_MANIFEST
        }
        Document::Manifest(_) => media_type::OCI_MANIFEST,
    };
    let mut descriptor = json!({
        "mediaType": own.unwrap_or(kind),
        "digest": digest.unwrap_or_else(|| Digest::sha256(root)),
        "size": root.len(),
    });
    if let (Some(tag), Some(descriptor)) = (tag, descriptor.as_object_mut()) {
        descriptor.insert("annotations".into(), json!({"org.opencontainers.image.ref.name": tag}));
    }
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [descriptor]});
    Ok(index.to_string().into_bytes())
}

/// A registry whose documents are fetched once.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn Registry>,
    /// By digest or tag.
    documents: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Remembering {
    fn once(&self, name: String, fetch: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let known = self.documents.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(bytes) = known {
            return Ok(bytes);
        }
        let bytes = fetch()?;
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).insert(name, bytes.clone());
        Ok(bytes)
    }
}

impl Registry for Remembering {
    fn manifest(&self, wanted: Wanted<'_>, most: u64) -> Result<Vec<u8>> {
        let name = match wanted {
            Wanted::Tag(tag) => tag.to_owned(),
            Wanted::Digest(digest) => digest.to_string(),
        };
        let bytes = self.once(name, || self.inner.manifest(wanted, most))?;
        let own = Digest::sha256(&bytes).to_string();
        self.once(own, || Ok(bytes.clone()))?;
        Ok(bytes)
    }

    fn small_blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        self.once(digest.to_string(), || self.inner.small_blob(digest, most))
    }

    fn referrers(&self, subject: &Digest, most: u64) -> Result<Pages> {
        self.inner.referrers(subject, most)
    }

    fn open_blob(&self, digest: &Digest, size: u64) -> Result<Box<dyn Read + Send>> {
        self.inner.open_blob(digest, size)
    }
}

struct Repository {
    place: String,
    index: Vec<u8>,
    registry: Arc<dyn Registry>,
    limits: Limits,
}

impl Store for Repository {
    fn place(&self) -> &str {
        &self.place
    }

    fn document(&self, name: &str, _: ByteSize) -> Result<Option<Vec<u8>>> {
        Ok((name == layout::INDEX).then(|| self.index.clone()))
    }

    fn layer(&self, _: &str) -> Option<Arc<dyn Blob>> {
        None
    }

    fn described(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        let is_manifest = descriptor.is_index()
            || matches!(descriptor.media_type.as_str(), media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST);
        let found = if is_manifest {
            self.registry.manifest(Wanted::Digest(&descriptor.digest), self.limits.manifest.bytes())
        } else {
            self.registry.small_blob(&descriptor.digest, descriptor.size.min(self.limits.config.bytes()))
        };
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn attached_to(&self, digest: &Digest) -> Vec<String> {
        let most = self.limits.manifest.bytes();
        let tags = ["sig", "att", "sbom"].map(|kind| format!("{}.{kind}", tag_of(digest)));
        let mut found: Vec<String> =
            tags.into_iter().filter(|tag| self.registry.manifest(Wanted::Tag(tag), most).is_ok()).collect();
        // a registry that does not know of referrers has none
        let pages = self.registry.referrers(digest, most).unwrap_or_default().pages;
        for page in pages {
            if let Ok(Document::Index(index)) = Document::parse(&page, &self.limits) {
                found.extend(index.manifests.into_iter().filter_map(|entry| entry.artifact_type));
            }
        }
        found
    }

    fn blob(&self, descriptor: &Descriptor) -> Option<Arc<dyn Blob>> {
        let registry = Arc::clone(&self.registry);
        Some(Arc::new(RemoteBlob { registry, cache: None, digest: descriptor.digest.clone(), size: descriptor.size }))
    }
}

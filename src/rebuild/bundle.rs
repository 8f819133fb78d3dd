//! An image as it is stored: every document in its own bytes, and the blobs that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::{Error, Result};
use crate::escape::escape;
use crate::image::manifest::{DockerManifest, Document, Manifest, media_type};
use crate::image::{Blob, Descriptor, Image, Layer};
use crate::limit::Limits;
use crate::pass::Compression;
use crate::source::raw::RawKind;
use crate::source::select::is_foreign;
use crate::source::store::{Store, in_layout};
use crate::source::{Request, Source, name};

use super::Notice;

/// Names every part of a layout.
pub(super) const INDEX: &str = "index.json";
const MANIFEST: &str = "manifest.json";

/// The name of a document, and its bytes.
pub type NamedDocument = (String, Vec<u8>);

/// The images that were asked for, with the index above them and what else it lists.
pub struct Bundle {
    images: Vec<Image>,
    pub(super) kind: RawKind,
    /// The path or reference that was opened.
    pub(super) location: String,
    store: Box<dyn Store + Send + Sync>,
    /// The layout's index; made up for what has none.
    pub(super) index: Vec<u8>,
    /// Whether there is no layout, and so no manifest: an old docker archive.
    pub(super) is_old: bool,
    /// Documents that were made up, and configurations that no name leads to.
    made: BTreeMap<Digest, Vec<u8>>,
    /// Layers of an old archive.
    members: BTreeMap<Digest, Arc<dyn Blob>>,
    /// Images of an archive of Docker that were not asked for.
    others: usize,
    /// What does not carry over, whatever is changed.
    pub(super) notices: Vec<Notice>,
}

/// An image that stands beside those that were asked for.
pub struct Beside {
    /// Its platform, or its digest where none is stated.
    pub platform: String,
    /// The names of its manifest and, if that can be read, its configuration.
    pub documents: Vec<String>,
    /// Those of its layers that are there.
    pub layers: Vec<Layer>,
}

impl Bundle {
    /// The digest of what the index names, where it is one thing.
    pub(super) fn root(&self) -> Option<Digest> {
        match Document::parse(&self.index, &Limits::default()) {
            Ok(Document::Index(index)) => match index.manifests.as_slice() {
                [root] => Some(root.digest.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Opens what `request` asks for. The source must be one that can be read at will: a stream is written to a
    /// file by the caller first.
    pub fn open(source: &dyn Source, request: &Request<'_>) -> Result<Self> {
        let raw = source.raw(request)?;
        let limits = request.limits;
        let index = raw.store.document(INDEX, limits.manifest)?;
        let mut bundle = Self {
            is_old: index.is_none(),
            index: index.unwrap_or_default(),
            images: raw.images,
            kind: raw.kind,
            location: request.location.to_owned(),
            store: raw.store,
            made: BTreeMap::new(),
            members: BTreeMap::new(),
            others: 0,
            notices: Vec::new(),
        };
        if bundle.is_old {
            bundle.make_layout(limits).map_err(|error| error.at(bundle.store.place().to_owned()))?;
        } else if let Some(limitation) =
            bundle.images.iter().flat_map(|image| &image.limitations).find(|found| found.code == "archive-ambiguous")
        {
            return Err(Error::malformed(limitation.what.clone()).at(limitation.place.clone()));
        }
        if bundle.kind == RawKind::DockerArchive {
            bundle.tell_sidecars();
            let listed = bundle.store.document(MANIFEST, limits.manifest)?.unwrap_or_default();
            let listed = if listed.is_empty() { 0 } else { DockerManifest::parse(&listed)?.len() };
            bundle.others = listed.saturating_sub(bundle.images.len());
            if bundle.is_old && bundle.others > 0 {
                let what =
                    format!("other images of the archive, which were not asked for, are left out: {}", bundle.others);
                bundle.notices.push(Notice::new("not-asked-for", MANIFEST, what));
            }
        }
        Ok(bundle)
    }

    /// How many other images a file of Docker lists, which an output in its place would lose.
    pub(super) fn others(&self) -> usize {
        self.others
    }

    /// The images that were asked for, as [`Source::open`] gives them.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// What is attached to a manifest of a registry, and stays with it.
    pub(super) fn attached_to(&self, digest: &Digest) -> Vec<String> {
        self.store.attached_to(digest)
    }

    /// Digests of entries of the index that lead to none of the images: once all of these are changed, they are left out.
    pub fn attached(&self, limits: &Limits) -> Result<Vec<Digest>> {
        let Document::Index(index) = Document::parse(&self.index, limits)? else { return Ok(Vec::new()) };
        let chosen = self.chosen(limits)?;
        Ok(index.manifests.into_iter().filter(|entry| !chosen.contains(entry)).map(|entry| entry.digest).collect())
    }

    /// Every document by its name, and the names of parts that nothing leads to.
    pub fn parts(&self, limits: &Limits) -> Result<(Vec<NamedDocument>, Vec<String>)> {
        let mut documents = vec![(INDEX.to_owned(), self.index.clone())];
        let mut known: BTreeSet<String> = [INDEX, MANIFEST, "oci-layout"].map(String::from).into();
        if let Some(bytes) = self.store.document(MANIFEST, limits.manifest)? {
            for manifest in DockerManifest::parse(&bytes)? {
                known.extend(manifest.layers.into_iter().chain([manifest.config]));
            }
            documents.push((MANIFEST.to_owned(), bytes));
        }
        let mut waiting: Vec<Vec<u8>> = vec![self.index.clone()];
        let mut read = BTreeSet::new();
        let mut left = limits.documents.bytes();
        while let Some(bytes) = waiting.pop() {
            let below = match Document::parse(&bytes, limits) {
                Ok(Document::Index(index)) => index.manifests,
                Ok(Document::Manifest(manifest)) => {
                    known.extend(manifest.layers.iter().map(|layer| in_layout(&layer.digest)));
                    vec![manifest.config]
                }
                // a configuration, or what is no image
                Err(_) => Vec::new(),
            };
            for descriptor in below {
                let name = in_layout(&descriptor.digest);
                known.insert(name.clone());
                if descriptor.size > left || !read.insert(name.clone()) {
                    continue;
                }
                left = left.saturating_sub(descriptor.size);
                if let Some(bytes) = self.document(&descriptor)? {
                    documents.push((name, bytes.clone()));
                    waiting.push(bytes);
                }
            }
        }
        let stray = self.store.names().into_iter().filter(|name| !name.ends_with('/') && !known.contains(name));
        Ok((documents, stray.collect()))
    }

    /// A document, not verified; `None` if the input lacks it.
    pub(super) fn document(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        match self.made.get(&descriptor.digest) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.store.described(descriptor),
        }
    }

    /// A blob; `None` if the input lacks it.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Option<Arc<dyn Blob>> {
        match self.members.get(&descriptor.digest) {
            Some(blob) => Some(Arc::clone(blob)),
            None if self.is_old => None,
            None => self.store.blob(descriptor),
        }
    }

    /// Makes manifests and an index for the images of an old archive: the configuration and the layers as they are.
    fn make_layout(&mut self, limits: &Limits) -> Result<()> {
        let listed = self.store.document(MANIFEST, limits.manifest)?.unwrap_or_default();
        let mut configs = BTreeMap::new();
        for manifest in DockerManifest::parse(&listed)? {
            if let Some(bytes) = self.store.document(&manifest.config, limits.config)? {
                configs.insert(Digest::sha256(&bytes), bytes);
            }
        }
        let mut entries: Vec<Value> = Vec::new();
        for image in &self.images {
            let config = image.target.config_digest.as_ref().and_then(|digest| configs.get_key_value(digest));
            let (digest, bytes) = config.ok_or_else(|| Error::malformed("the image has no configuration"))?;
            let mut layers = Vec::new();
            for layer in &image.layers {
                let (descriptor, digest) = describe(layer)?;
                layers.push(descriptor);
                self.members.insert(digest, Arc::clone(&layer.blob));
            }
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": media_type::OCI_MANIFEST,
                "config": {"mediaType": media_type::OCI_CONFIG, "digest": digest, "size": bytes.len()},
                "layers": layers,
            });
            self.made.insert(digest.clone(), bytes.clone());
            let manifest = manifest.to_string().into_bytes();
            let own = Digest::sha256(&manifest);
            let descriptor = json!({"mediaType": media_type::OCI_MANIFEST, "digest": own, "size": manifest.len()});
            self.made.insert(own, manifest);
            let platform = image.target.platform.as_ref().filter(|_| self.images.len() > 1);
            for name in image.target.tags.iter().map(Some).chain(image.target.tags.is_empty().then_some(None)) {
                let mut descriptor = descriptor.clone();
                if let (Some(platform), Some(entry)) = (platform, descriptor.as_object_mut()) {
                    let mut fields = json!({"os": platform.os, "architecture": platform.architecture});
                    if let (false, Some(fields)) = (platform.variant.is_empty(), fields.as_object_mut()) {
                        fields.insert("variant".into(), platform.variant.clone().into());
                    }
                    entry.insert("platform".into(), fields);
                }
                if let (Some(name), Some(entry)) = (name, descriptor.as_object_mut()) {
                    let full = name::normal(name);
                    let tag = name::tag(&full).unwrap_or("latest").to_owned();
                    let names = json!({"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag});
                    entry.insert("annotations".into(), names);
                }
                entries.push(descriptor);
            }
        }
        let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
        self.index = index.to_string().into_bytes();
        Ok(())
    }

    /// Tells of members that Docker's older forms have beside configuration and layers.
    fn tell_sidecars(&mut self) {
        let names = self.store.names();
        let of_layers = names.iter().filter(|name| name.ends_with("/json") || name.ends_with("/VERSION")).count();
        if of_layers > 0 {
            let what = format!(
                "{of_layers} `json` and `VERSION` files of layers, which only Docker before 1.10 reads, are left out"
            );
            self.notices.push(Notice::new("sidecar-dropped", escape(self.store.place()), what));
        }
        if names.iter().any(|name| name == "repositories") {
            let what = "`repositories`, which only Docker before 1.10 reads, is left out";
            self.notices.push(Notice::new("sidecar-dropped", "repositories", what));
        }
    }

    /// The entries of the index that are asked for: those that lead to the images.
    pub(super) fn chosen(&self, limits: &Limits) -> Result<Vec<Descriptor>> {
        let Document::Index(index) = Document::parse(&self.index, limits)? else {
            return Err(Error::malformed("`index.json` is a manifest, where an index belongs"));
        };
        if self.is_old {
            return Ok(index.manifests);
        }
        let mut chosen: Vec<Descriptor> = Vec::new();
        for image in &self.images {
            let root = image.target.indexes.first().or(image.target.digest.as_ref());
            let mut is_found = false;
            for entry in &index.manifests {
                let is_it = match root {
                    Some(root) => entry.digest == *root,
                    None => match &image.target.config_digest {
                        Some(config) => self.leads_to(entry, config, limits, 0)?,
                        None => false,
                    },
                };
                is_found |= is_it;
                if is_it && !chosen.contains(entry) {
                    chosen.push(entry.clone());
                }
            }
            if !is_found {
                return Err(Error::malformed("`index.json` does not lead to the image").at(self.store.place()));
            }
        }
        Ok(chosen)
    }

    /// Images that stand beside those that were asked for, under the same index: they are copied as they are.
    pub fn beside(&self, limits: &Limits) -> Result<Vec<Beside>> {
        let mut found = Vec::new();
        let mut waiting: Vec<(Descriptor, u32)> = self.chosen(limits)?.into_iter().map(|entry| (entry, 0)).collect();
        while let Some((entry, depth)) = waiting.pop() {
            let is_asked = self.images.iter().any(|image| image.target.digest.as_ref() == Some(&entry.digest));
            if is_asked || entry.is_attestation() || depth > limits.index_depth || found.len() >= limits.descriptors {
                continue;
            }
            let is_readable = entry.size <= limits.manifest.bytes();
            let bytes = if is_readable { self.document(&entry)? } else { None };
            let document = bytes.and_then(|bytes| Document::parse(&bytes, limits).ok());
            if let Some(Document::Index(index)) = document {
                waiting.extend(index.manifests.into_iter().map(|below| (below, depth.saturating_add(1))));
            } else if depth > 0 && !entry.is_index() && entry.artifact_type.is_none() {
                // of an old archive each image was asked for; what is no image has an artifact's type
                let manifest = match document {
                    Some(Document::Manifest(manifest)) => Some(manifest),
                    _ => None,
                };
                found.push(self.stands_beside(&entry, manifest));
            }
        }
        Ok(found)
    }

    fn stands_beside(&self, entry: &Descriptor, manifest: Option<Manifest>) -> Beside {
        let platform = entry.platform.as_ref().map(|platform| escape(platform.to_string()));
        let config = manifest.as_ref().map(|manifest| in_layout(&manifest.config.digest));
        let layers = (0_u32..).zip(manifest.into_iter().flat_map(|manifest| manifest.layers));
        let layers = layers.filter_map(|(index, layer)| {
            let blob = self.blob(&layer)?;
            let is_foreign = is_foreign(&layer);
            let (media_type, digest, size) = (Some(layer.media_type), Some(layer.digest), Some(layer.size));
            Some(Layer { index, media_type, digest, size, diff_id: None, history: None, is_foreign, blob })
        });
        Beside {
            platform: platform.unwrap_or_else(|| entry.digest.short()),
            documents: [in_layout(&entry.digest)].into_iter().chain(config).collect(),
            layers: layers.collect(),
        }
    }

    /// Whether a manifest with this configuration stands at or below an entry.
    fn leads_to(&self, entry: &Descriptor, config: &Digest, limits: &Limits, depth: u32) -> Result<bool> {
        if entry.is_attestation() || depth > limits.index_depth || entry.size > limits.manifest.bytes() {
            return Ok(false);
        }
        let Some(bytes) = self.document(entry)? else { return Ok(false) };
        match Document::parse(&bytes, limits) {
            Ok(Document::Manifest(manifest)) => Ok(manifest.config.digest == *config),
            Ok(Document::Index(index)) => {
                for below in &index.manifests {
                    if self.leads_to(below, config, limits, depth.saturating_add(1))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Err(_) => Ok(false),
        }
    }
}

/// A descriptor for a layer that has none. A plain tar is named by its diff ID, which is verified when it is copied;
/// a compressed one is read for its digest.
fn describe(layer: &Layer) -> Result<(Value, Digest)> {
    let failed = |e| Error::io(format!("cannot read layer {}", layer.index), e);
    let mut head = Vec::new();
    layer.blob.open()?.take(16).read_to_end(&mut head).map_err(failed)?;
    let suffix = match Compression::sniff(&head) {
        Compression::None => "",
        Compression::Gzip => "+gzip",
        Compression::Zstd => "+zstd",
        Compression::Xz => "+xz",
        Compression::Bzip2 => "+bzip2",
    };
    let (digest, size) = if let (Some(id), "", Some(size)) = (&layer.diff_id, suffix, layer.blob.size()) {
        (id.clone(), size)
    } else {
        HashingReader::new(layer.blob.open()?, Algorithm::Sha256).finish_all().map_err(failed)?
    };
    let kind = format!("{OCI_LAYER}{suffix}");
    Ok((json!({"mediaType": kind, "digest": digest, "size": size}), digest))
}

/// A plain tar in OCI's words; compressed ones add `+gzip` or `+zstd`.
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

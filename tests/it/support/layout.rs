//! OCI layouts, whole or wrong on purpose.

use std::path::Path;

use careen::digest::Digest;
use serde_json::{Value, json};

use super::image::{Part, Parts};

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Blobs and an index, which is the last to be written.
#[derive(Debug, Clone)]
pub(crate) struct Layout(Parts);

impl Layout {
    /// An empty layout.
    pub(crate) fn new() -> Self {
        let mut parts = Parts::default();
        parts.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        Self(parts)
    }

    /// Adds a blob and returns its descriptor.
    pub(crate) fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let descriptor = described(media_type, &bytes);
        self.0.file(&Self::name(&Digest::sha256(&bytes)), bytes);
        descriptor
    }

    /// Adds a JSON document and returns its descriptor.
    pub(crate) fn put_json(&mut self, media_type: &str, document: &Value) -> Value {
        self.put(media_type, serde_json::to_vec(document).unwrap())
    }

    /// Puts other bytes where the blob of `descriptor` is, or where it would be.
    pub(crate) fn replace(&mut self, descriptor: &Value, bytes: Vec<u8>) {
        let name = Self::name_of(descriptor);
        self.0.0.retain(|(other, _)| *other != name);
        self.0.file(&name, bytes);
    }

    /// The bytes of a blob.
    pub(crate) fn blob(&self, digest: &Digest) -> &[u8] {
        let name = Self::name(digest);
        self.0
            .0
            .iter()
            .find_map(|(other, part)| match part {
                Part::File(bytes) if *other == name => Some(bytes.as_slice()),
                _ => None,
            })
            .unwrap()
    }

    /// Takes a blob away.
    pub(crate) fn remove(&mut self, descriptor: &Value) {
        let name = Self::name_of(descriptor);
        self.0.0.retain(|(other, _)| *other != name);
    }

    /// Writes `index.json`.
    pub(crate) fn index(&mut self, index: &Value) {
        self.index_bytes(serde_json::to_vec(index).unwrap());
    }

    /// Writes `index.json`, whatever it is.
    pub(crate) fn index_bytes(&mut self, bytes: Vec<u8>) {
        self.0.file("index.json", bytes);
    }

    /// Writes an `index.json` that lists these descriptors.
    pub(crate) fn list(&mut self, manifests: &[Value]) {
        self.index(&json!({"schemaVersion": 2, "manifests": manifests}));
    }

    /// Where a blob lies.
    pub(crate) fn name(digest: &Digest) -> String {
        format!("blobs/sha256/{}", digest.hex())
    }

    fn name_of(descriptor: &Value) -> String {
        Self::name(&descriptor["digest"].as_str().unwrap().parse().unwrap())
    }

    /// The layout in a tar.
    pub(crate) fn archive(&self) -> Vec<u8> {
        self.0.archive()
    }

    /// Its files.
    pub(crate) fn into_parts(self) -> Parts {
        self.0
    }

    /// The layout in a folder.
    pub(crate) fn write_to(&self, folder: &Path) {
        for (name, part) in &self.0.0 {
            let Part::File(bytes) = part else { continue };
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

/// The descriptor of a blob.
pub(crate) fn described(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(bytes).to_string(), "size": bytes.len()})
}

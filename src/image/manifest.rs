//! The documents that name an image's parts: index, manifest, descriptor, docker's `manifest.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::limit::Limits;

use super::Platform;
use super::spelling;

/// Media types, OCI and Docker.
pub mod media_type {
    /// OCI index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI configuration.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// Docker's index.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

    /// Whether this is a manifest of the old schema 1, signed or not: an image that is not read.
    pub fn is_schema_1(media_type: &str) -> bool {
        media_type
            .strip_prefix("application/vnd.docker.distribution.manifest.v1+")
            .is_some_and(|form| matches!(form, "json" | "prettyjws"))
    }
}

/// Names one blob: media type, digest, size (image-spec descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// May be absent in old documents.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the blob as stored.
    pub digest: Digest,
    /// Bytes of the blob as stored.
    pub size: u64,
    /// Only in an index.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// `org.opencontainers.image.ref.name`, base image, …
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// What the blob is, where it is no image.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// Other places of the blob ("foreign layers"); never followed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// Whether this is an index by its media type.
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), media_type::OCI_INDEX | media_type::DOCKER_INDEX)
    }

    /// Whether this describes provenance or an SBOM rather than an image: `unknown/unknown`, or
    /// `BuildKit`'s `vnd.docker.reference.type` where no platform is named that engines would run it on.
    pub fn is_attestation(&self) -> bool {
        match &self.platform {
            Some(platform) => platform.is_unknown(),
            None => self.annotations.contains_key("vnd.docker.reference.type"),
        }
    }
}

/// An index or a manifest, told apart by content.
#[derive(Debug, Clone)]
pub enum Document {
    /// A list of manifests (image-spec image-index.md).
    Index(Index),
    /// One image (image-spec manifest.md).
    Manifest(Manifest),
}

/// A list of manifests, one for each platform.
#[derive(Debug, Clone)]
pub struct Index {
    /// In document order.
    pub manifests: Vec<Descriptor>,
    /// Annotations of the index itself.
    pub annotations: BTreeMap<String, String>,
}

/// One image: configuration and layers.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The image configuration.
    pub config: Descriptor,
    /// Oldest first.
    pub layers: Vec<Descriptor>,
    /// Base image and the like.
    pub annotations: BTreeMap<String, String>,
}

impl Document {
    /// Parses an index or manifest.
    ///
    /// Refuses a document that is both (CVE-2021-41190), one with a key twice, schema 1, an artifact
    /// that is no image, and more than [`Limits::descriptors`] or [`Limits::layers`] entries.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            schema_version: Option<u64>,
            media_type: Option<String>,
            artifact_type: Option<String>,
            manifests: Option<Vec<Descriptor>>,
            config: Option<Descriptor>,
            layers: Option<Vec<Descriptor>>,
            fs_layers: Option<serde::de::IgnoredAny>,
            #[serde(default, deserialize_with = "null_is_default")]
            annotations: BTreeMap<String, String>,
        }
        if bytes.len() as u64 > limits.manifest.bytes() {
            return Err(Error::limit(format!("the manifest is larger than {}", limits.manifest)));
        }
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|e| Error::malformed("cannot parse the manifest").because(e))?;
        spelling::check(bytes, &spelling::DOCUMENT, "the manifest")?;
        if raw.schema_version == Some(1) || raw.fs_layers.is_some() {
            return Err(
                Error::malformed("the manifest has the old schema 1").help("push the image again with a current tool")
            );
        }
        let media_type = raw.media_type.as_deref().unwrap_or_default();
        match (raw.manifests, raw.config, raw.layers) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err(Error::malformed("the document is a manifest and an index at once"))
            }
            (Some(manifests), None, None) => {
                if matches!(media_type, media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST) {
                    return Err(Error::malformed("the document is an index but calls itself a manifest"));
                }
                if manifests.len() > limits.descriptors {
                    return Err(Error::limit(format!("the index has more than {} entries", limits.descriptors)));
                }
                Ok(Self::Index(Index { manifests, annotations: raw.annotations }))
            }
            (None, Some(config), layers) => {
                if matches!(media_type, media_type::OCI_INDEX | media_type::DOCKER_INDEX) {
                    return Err(Error::malformed("the document is a manifest but calls itself an index"));
                }
                let is_image =
                    matches!(config.media_type.as_str(), "" | media_type::OCI_CONFIG | media_type::DOCKER_CONFIG);
                if !is_image || raw.artifact_type.is_some() {
                    let kind = crate::escape::escape(raw.artifact_type.unwrap_or(config.media_type));
                    let what = format!("this is an artifact of type `{kind}`, not an image");
                    // programs that run images look at the configuration, not at what else the manifest calls itself
                    return Err(if is_image {
                        Error::malformed(format!("{what}, but has the configuration of one"))
                    } else {
                        Error::new(ErrorKind::NoImage, what)
                    });
                }
                let layers = layers.unwrap_or_default();
                if layers.len() > limits.layers {
                    return Err(Error::limit(format!("the image has more than {} layers", limits.layers)));
                }
                Ok(Self::Manifest(Manifest { config, layers, annotations: raw.annotations }))
            }
            (None, None, _) => Err(Error::malformed("the document is neither an image manifest nor an index")),
        }
    }
}

/// One image of docker's `manifest.json` in a `docker save` archive.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DockerManifest {
    /// Member that holds the configuration.
    pub config: String,
    /// `repository:tag` names.
    #[serde(default, deserialize_with = "null_is_default")]
    pub repo_tags: Vec<String>,
    /// Members that hold the layers, oldest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub layers: Vec<String>,
}

impl DockerManifest {
    /// Parses `manifest.json`.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>> {
        let manifests =
            serde_json::from_slice(bytes).map_err(|e| Error::malformed("cannot parse `manifest.json`").because(e))?;
        spelling::check(bytes, &spelling::DOCKER, "`manifest.json`")?;
        Ok(manifests)
    }
}

/// Takes `null` as the default: Docker writes it for empty lists and maps.
pub fn null_is_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

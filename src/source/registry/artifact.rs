//! OCI artifacts: files kept in a registry as the layers of a manifest (image-spec 1.1, "Guidelines for Artifact Usage").

use std::io::Read;
use std::sync::Arc;

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::image::Descriptor;
use crate::limit::Limits;

use super::super::{Access, Choice, PlatformChoice, Request};
use super::connection::Wanted;
use super::transport::Pace;
use super::{ImageReference, Registry, connect};

/// The annotation that names a layer's file.
const TITLE: &str = "org.opencontainers.image.title";

/// Files of an artifact.
const MOST: usize = 1_000;

/// What matters of its manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// The files of an artifact.
#[derive(Debug)]
pub struct Artifact {
    registry: Arc<dyn Registry>,
    reference: String,
    files: Vec<ArtifactFile>,
}

/// One file of an artifact.
#[derive(Debug, Clone)]
pub struct ArtifactFile {
    /// Its name; empty where none is given.
    pub name: String,
    /// Bytes of it.
    pub size: u64,
    digest: Digest,
}

impl Artifact {
    /// Reads the list of files of `reference`, `host/name:tag` or `host/name@sha256:…`.
    pub fn open(reference: &str, access: &Access) -> Result<Self> {
        let parsed: ImageReference = reference.parse()?;
        let limits = Limits::default();
        let request = Request {
            location: reference,
            choice: Choice::Only,
            platform: PlatformChoice::Host,
            limits: &limits,
            access,
            unwrap: None,
        };
        let registry = connect(&parsed, &request, Pace::default())?;
        let wanted = match (&parsed.digest, &parsed.tag) {
            (Some(digest), _) => Wanted::Digest(digest),
            (None, tag) => Wanted::Tag(tag.as_deref().unwrap_or("latest")),
        };
        let at = |error: Error| error.at(parsed.to_string());
        let document = registry.manifest(wanted, limits.manifest.bytes()).map_err(at)?;
        let wrong = |what: String| {
            at(Error::malformed(what).help("name an artifact of files: an export of careen's, or a policy"))
        };
        let manifest: Manifest = serde_json::from_slice(&document)
            .map_err(|error| wrong(format!("the manifest of the artifact cannot be read: {error}")))?;
        if manifest.layers.is_empty() || manifest.layers.len() > MOST {
            return Err(wrong(format!("the artifact has no files, or more than {MOST}")));
        }
        let files = manifest.layers.into_iter().map(|layer| ArtifactFile {
            name: layer.annotations.get(TITLE).cloned().unwrap_or_default(),
            size: layer.size,
            digest: layer.digest,
        });
        let files = files.collect();
        Ok(Self { registry, reference: parsed.to_string(), files })
    }

    /// Its files, in the order of the manifest.
    pub fn files(&self) -> &[ArtifactFile] {
        &self.files
    }

    /// All bytes of a file of at most `most`, which have its digest.
    pub fn bytes(&self, file: &ArtifactFile, most: u64) -> Result<Vec<u8>> {
        let wrong = |what: String| Error::malformed(what).at(self.reference.clone());
        if file.size > most {
            return Err(wrong(format!("the file of the artifact is larger than {most} bytes")));
        }
        let mut bytes = Vec::new();
        let read = self.read(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| Error::io("cannot read the file of the artifact", error).at(self.reference.clone()))?;
        if Digest::sha256(&bytes) != file.digest {
            return Err(wrong("the file of the artifact does not have its digest".into()));
        }
        Ok(bytes)
    }

    /// Opens a file. Whether it has its digest is for the reader to check.
    pub fn read(&self, file: &ArtifactFile) -> Result<Box<dyn Read + Send>> {
        self.registry.open_blob(&file.digest, file.size).map_err(|error| error.at(self.reference.clone()))
    }
}

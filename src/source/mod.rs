//! Where images come from. Each source is one file here and one line in [`SOURCES`].

mod archive;
mod attach;
pub mod attached;
#[cfg_attr(
    not(any(feature = "registry", test)),
    expect(dead_code, reason = "what comes from registries alone is kept")
)]
pub mod cache;
mod daemon;
pub mod dir;
pub mod docker;
pub mod docker_archive;
pub mod download;
mod form;
mod layout;
#[cfg(test)]
mod made;
pub mod name;
pub mod oci_archive;
pub mod oci_dir;
pub mod podman;
pub mod raw;
#[cfg(feature = "registry")]
pub mod registry;
#[cfg(not(feature = "registry"))]
#[path = "no_registry.rs"]
pub mod registry;
pub mod sbom;
pub mod select;
pub mod store;
pub mod stream;
pub mod target;

use std::io::Read;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::format::sbom::Bill;
use crate::image::{Image, Platform, Target};
use crate::limit::Limits;

use attached::Attachments;
use raw::Raw;

/// Opens images of one kind.
pub trait Source: Sync {
    /// The word before the colon on the command line, such as `docker-archive`.
    fn id(&self) -> &'static str;

    /// Whether `location` (a path that exists, without the choice of an image) is of this kind, told
    /// by content. Sources that are no files say no.
    fn sniffs(&self, location: &std::path::Path) -> bool;

    /// Opens the images that `request` asks for: one, or with `--platform all` one for each platform.
    fn open(&self, request: &Request<'_>) -> Result<Opened>;

    /// Opens what `request` asks for to be written anew. Sources that are read from front to back cannot; what they
    /// give is kept in a file first.
    fn raw(&self, request: &Request<'_>) -> Result<Raw> {
        let what = format!("`{}` cannot be rebuilt as it is", crate::escape::escape(request.location));
        Err(Error::new(ErrorKind::Usage, what)
            .help("an image in a registry, a plain archive or an OCI layout can; save the image to a file first"))
    }

    /// Fetches the documents that are attached to the image of this manifest digest, which `request` led to. Only
    /// for who asks for it: whoever can push an image can attach them, and no signature is checked.
    fn attached(&self, _request: &Request<'_>, _digest: &Digest) -> Result<Attachments> {
        Ok(Attachments::impossible(self.id()))
    }

    /// Reads the provenance that a builder put beside the image of this manifest digest, where that costs no request to
    /// a network; elsewhere there is none. No signature is checked.
    fn provenance(&self, _request: &Request<'_>, _digest: &Digest) -> Result<Attachments> {
        Ok(Attachments::default())
    }
}

/// What the user asks for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The target without its word: a path or a reference.
    pub location: &'a str,
    /// Which of several images: after `FILE:` or `FILE@`.
    pub choice: Choice,
    /// Which platform of an index.
    pub platform: PlatformChoice,
    /// The caps.
    pub limits: &'a Limits,
    /// What registries need; see the registry source.
    pub access: &'a Access,
    /// Undoes the compression round an archive.
    pub unwrap: Option<Unwrap>,
}

/// Decompresses a stream of gzip, zstd, xz or bzip2, told by its first bytes. The decoder is a part of
/// the pass, which no source knows, so it is handed in.
pub type Unwrap = fn(Box<dyn Read + Send>, &Limits) -> Result<Box<dyn Read + Send>>;

/// Which of several images in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The only one.
    #[default]
    Only,
    /// The one of this name: `latest`, `1.4`, `shop/api:1.4`.
    Tag(String),
    /// The one of this manifest or index digest (or config digest, in archives without manifests).
    Digest(Digest),
}

/// Which platform of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PlatformChoice {
    /// This host's; an error that lists what there is if it is not there.
    #[default]
    Host,
    /// This one.
    Only(Platform),
    /// All, attestations left out.
    All,
}

impl PlatformChoice {
    /// What `os/arch[/variant]`, `all` or nothing choose.
    pub fn named(word: Option<&str>) -> Result<Self> {
        match word {
            None => Ok(Self::Host),
            Some("all") => Ok(Self::All),
            Some(platform) => {
                platform.parse().map(Self::Only).map_err(|what: String| Error::new(ErrorKind::Usage, what))
            }
        }
    }
}

/// Credentials and network settings, gathered by `cli` from flags and environment.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// User name for the registry of the target.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Sensitive>,
    /// A bearer token for the registry of the target, used as it is.
    pub registry_token: Option<Sensitive>,
    /// Allows plain HTTP, and certificates nobody vouches for, with the registry of the target.
    pub insecure: bool,
    /// PEM file with further root certificates.
    pub ca_certificate: Option<std::path::PathBuf>,
    /// Further hosts (with the port, if it is not 443) to which a registry's credentials may go for a
    /// token, by the name of the registry in references.
    pub trusted_realms: std::collections::BTreeMap<String, Vec<String>>,
    /// Mirrors for a registry host, tried in order before the host itself.
    pub mirrors: std::collections::BTreeMap<String, Vec<String>>,
    /// Tries of one request, and resumptions of one blob without progress; `None` for as many as are good for a person
    /// who waits.
    pub tries: Option<u32>,
    /// Where layers are kept from one scan to the next, if they are.
    pub cache: Option<cache::BlobCache>,
    /// Folder of docker's `config.json`, or the file itself, where the environment names one.
    pub docker_config: Option<std::path::PathBuf>,
    /// Home folder, for the default places of credentials and sockets.
    pub home: Option<std::path::PathBuf>,
    /// `XDG_RUNTIME_DIR`, for podman's socket and credentials.
    pub runtime_dir: Option<std::path::PathBuf>,
    /// `DOCKER_HOST`, a `unix://` address, for `docker:` alone.
    pub docker_host: Option<String>,
    /// `CONTAINER_HOST`, a `unix://` address, for `podman:` alone.
    pub container_host: Option<String>,
}

/// A credential; shows itself as `***`.
#[derive(Clone, Default)]
pub struct Sensitive(pub String);

impl std::fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// An opened target.
pub enum Opened {
    /// Images whose documents are read and whose layers can be opened at will; never empty.
    Images(Vec<Image>),
    /// An archive that can only be read from front to back; its documents may come last.
    Stream(Box<dyn StreamedArchive>),
    /// No image but a list of packages.
    Bill(Target, Box<Bill>),
}

/// An archive that is read from front to back: standard input, a compressed archive, a daemon's export.
pub trait StreamedArchive: Send {
    /// Reads the archive once. Every member that looks like a layer goes to `layer`, with its bytes
    /// (as stored) and the number under which [`StreamedLayer`] speaks of it, as it arrives; the rest is
    /// kept, capped. At the end the images are put together.
    fn read(&mut self, layer: &mut dyn FnMut(u32, &mut dyn Read) -> Result<()>) -> Result<StreamedImages>;

    /// Copies the archive, freed of its compression, for who must read it at will; instead of [`read`](Self::read).
    fn copy_to(&mut self, out: &mut dyn std::io::Write) -> Result<()>;

    /// Whether the archive can be read again, for a second look.
    fn is_replayable(&self) -> bool;

    /// The id of the source and the reference as given, for messages.
    fn describe(&self) -> String;
}

/// What a streamed archive held.
pub struct StreamedImages {
    /// The chosen images; the blob of a layer is a [`StreamedLayer`] in the same place of the second list.
    pub images: Vec<(Image, Vec<StreamedLayer>)>,
}

/// Which streamed member is a layer of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamedLayer {
    /// The number it was given while it passed; `None` if the archive does not hold it.
    pub number: Option<u32>,
}

/// All sources, sorted by id.
pub static SOURCES: &[&dyn Source] = &[
    &dir::Dir,
    &docker::Docker,
    &docker_archive::DockerArchive,
    &oci_archive::OciArchive,
    &oci_dir::OciDir,
    &podman::Podman,
    &registry::RegistrySource,
    &sbom::Sbom,
    &stream::StreamSource,
];

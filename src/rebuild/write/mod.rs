//! Where a rebuilt image goes. Nothing is under its final name before [`Pending::commit`].

mod archive;
mod folder;
mod registry;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::digest::{Digest, HashingReader};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::{Blob, Descriptor};
use crate::source::raw::RawKind;
pub use crate::source::registry::push::Attachment;
use crate::source::store::in_layout;

use super::outcome::LayerState;
use super::{Bundle, Options, spool};

/// Where to write, as given after `-o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// `docker-archive:FILE[:NAME[:TAG]]`.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// In place of the names of the input.
        name: Option<String>,
    },
    /// `oci-archive:FILE`.
    OciArchive {
        /// The file.
        path: PathBuf,
    },
    /// `oci-dir:FOLDER`, which is not there or empty.
    OciDir {
        /// The folder.
        path: PathBuf,
    },
    /// `registry:REFERENCE`.
    Registry {
        /// The reference, with a tag or without.
        reference: String,
    },
    /// `-`: an OCI archive on standard output.
    Stdout,
}

/// A written image that waits to be verified.
///
/// Dropped without [`commit`](Self::commit), it leaves nothing behind (in a registry: blobs and manifests that no tag
/// names).
pub trait Pending {
    /// Where the image can be read for its verification: a target as on the command line.
    fn target(&self) -> String;

    /// Attaches a document to the image where that is possible: in a registry, as a referrer. Whether it was.
    fn attach(&self, _document: &Attachment<'_>) -> Result<bool> {
        Ok(false)
    }

    /// Puts it under its final name.
    fn commit(self: Box<Self>) -> Result<()>;
}

/// What the output looks like inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An OCI layout.
    Layout,
    /// A layout with `manifest.json`, as Docker 25 and later write it.
    Hybrid,
    /// `manifest.json` and `<diff ID>/layer.tar`.
    OldArchive,
    /// Blobs and manifests of a repository.
    Repository,
}

/// All that is written.
pub(super) struct Product {
    /// `index.json`.
    pub(super) index: Vec<u8>,
    /// Its entries.
    pub(super) roots: Vec<Descriptor>,
    /// What `manifest.json` lists.
    pub(super) images: Vec<ProductImage>,
    /// Every document and blob.
    pub(super) parts: BTreeMap<Digest, Part>,
    /// Manifests and indexes, those that others name first.
    pub(super) order: Vec<Digest>,
}

/// An image as `manifest.json` lists it.
pub(super) struct ProductImage {
    pub(super) config: Digest,
    pub(super) layers: Vec<LayerState>,
    pub(super) names: Vec<String>,
}

/// A document or a blob.
pub(super) struct Part {
    pub(super) size: u64,
    pub(super) content: Content,
    pub(super) role: Role,
}

/// Where its bytes are.
pub(super) enum Content {
    /// Here.
    Bytes(Vec<u8>),
    /// In the input, or in a file that waits.
    Blob(Arc<dyn Blob>),
    /// In the input, a layer as it is. Its digest is left to whoever reads the output, who needs it anyway.
    Layer(Arc<dyn Blob>),
}

/// Bytes copied at once.
const PIECE: usize = 256 << 10;

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// A blob of a repository.
    Blob,
    /// A manifest or index, with its media type.
    Manifest(String),
    /// A rewritten layer that nothing names yet.
    Waiting,
}

impl Part {
    /// Copies the bytes, and checks that they are what `digest` and size say; of a layer, the size.
    pub(super) fn copy(&self, digest: &Digest, out: &mut dyn Write) -> Result<()> {
        let failed = |e: io::Error| match e.downcast::<Error>() {
            Ok(error) => error,
            Err(e) => Error::io(format!("cannot copy {}", digest.short()), e),
        };
        let (blob, is_hashed) = match &self.content {
            Content::Bytes(bytes) => return out.write_all(bytes).map_err(failed),
            Content::Blob(blob) => (blob, true),
            Content::Layer(blob) => (blob, false),
        };
        // one byte more would show that there are more
        let reader = Read::take(blob.open()?, self.size.saturating_add(1));
        let is_right = if is_hashed {
            let mut reader = BufReader::with_capacity(PIECE, HashingReader::new(reader, digest.algorithm()));
            io::copy(&mut reader, out).map_err(failed)?;
            reader.into_inner().finish() == (digest.clone(), self.size)
        } else {
            io::copy(&mut BufReader::with_capacity(PIECE, reader), out).map_err(failed)? == self.size
        };
        if !is_right {
            return Err(Error::malformed(format!(
                "the blob {digest} does not have the digest and size it is named by"
            )));
        }
        Ok(())
    }
}

impl Output {
    /// Parses what stands after `-o`.
    pub fn parse(text: &str) -> Result<Self> {
        const FORMS: &str =
            "write `docker-archive:FILE[:NAME:TAG]`, `oci-archive:FILE`, `oci-dir:FOLDER`, `registry:REFERENCE` or `-`";
        let wrong = |what: String| Error::new(ErrorKind::Usage, what).help(FORMS);
        if text == "-" {
            return Ok(Self::Stdout);
        }
        let Some((word, rest)) = text.split_once(':') else {
            return Err(wrong(format!("`{}` does not say what to write", escape(text))));
        };
        if rest.is_empty() {
            return Err(wrong(format!("nothing follows `{}:`", escape(word))));
        }
        Ok(match word {
            "docker-archive" => {
                let (path, name) = match rest.split_once(':') {
                    Some((path, name)) => (path, Some(name)),
                    None => (rest, None),
                };
                if path.is_empty() || name.is_some_and(|name| !is_name(name)) {
                    return Err(wrong(format!("`{}` is no file with a name behind it", escape(rest))));
                }
                Self::DockerArchive { path: path.into(), name: name.map(str::to_owned) }
            }
            "oci-archive" if rest == "-" => Self::Stdout,
            "oci-archive" => Self::OciArchive { path: rest.into() },
            "oci-dir" => Self::OciDir { path: rest.into() },
            "registry" => Self::Registry { reference: rest.strip_prefix("//").unwrap_or(rest).to_owned() },
            _ => return Err(wrong(format!("careen writes nothing called `{}`", escape(word)))),
        })
    }

    /// The form it is written in.
    pub(super) fn form(&self, bundle: &Bundle) -> Form {
        match self {
            Self::DockerArchive { .. } if bundle.is_old => Form::OldArchive,
            Self::DockerArchive { .. } => Form::Hybrid,
            Self::OciArchive { .. } | Self::OciDir { .. } | Self::Stdout => Form::Layout,
            Self::Registry { .. } => Form::Repository,
        }
    }

    /// In place of the names of the input.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::DockerArchive { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Where the provenance of a file or folder lies: beside it.
    pub fn provenance(&self) -> Option<PathBuf> {
        let path = self.path()?;
        let mut name = path.file_name()?.to_owned();
        name.push(".provenance.json");
        Some(path.with_file_name(name))
    }

    /// The file or folder.
    pub fn file(&self) -> Option<&Path> {
        self.path()
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::DockerArchive { path, .. } | Self::OciArchive { path } | Self::OciDir { path } => Some(path),
            Self::Registry { .. } | Self::Stdout => None,
        }
    }

    /// Where files wait that are not finished.
    pub(super) fn folder(&self) -> PathBuf {
        self.path().map_or_else(std::env::temp_dir, |path| spool::folder_of(&spool::goal(path)).to_owned())
    }

    /// Refuses to write over the input, or over a folder that holds something.
    pub(super) fn check(&self, bundle: &Bundle, options: &Options<'_>) -> Result<()> {
        if let Self::Registry { reference } = self {
            return registry::check(reference, bundle, options);
        }
        let platforms: BTreeSet<_> = bundle.images().iter().map(|image| &image.target.config_digest).collect();
        if matches!(self, Self::DockerArchive { .. }) && !bundle.is_old && platforms.len() > 1 {
            let what = format!("an archive of Docker holds one image, and there are {}", platforms.len());
            return Err(Error::new(ErrorKind::Usage, what)
                .help("name one with `--platform`, or write `oci-archive:` or `oci-dir:`"));
        }
        let Some(path) = self.path().map(spool::goal) else { return Ok(()) };
        let path = path.as_path();
        let place = || escape(path.as_os_str().as_encoded_bytes());
        let refused = |what: &str| Error::new(ErrorKind::Usage, what.to_owned()).at(place());
        let is_input = !matches!(bundle.kind, RawKind::Registry { .. })
            && fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(&bundle.location).is_ok_and(|own| own == path));
        // a layout is a folder of others' files: what is put into it is found by nobody, and may be taken for a part of it
        let folder = fs::canonicalize(spool::folder_of(path));
        let is_within = bundle.kind == RawKind::OciDir
            && folder.is_ok_and(|folder| fs::canonicalize(&bundle.location).is_ok_and(|own| folder.starts_with(own)));
        if is_within {
            return Err(refused("the output would lie in the folder of the input").help("name another place"));
        }
        match (self, fs::metadata(path)) {
            (_, Err(e)) if e.kind() == io::ErrorKind::NotFound => {
                let folder = spool::folder_of(path);
                if !folder.is_dir() {
                    return Err(Error::new(ErrorKind::NotFound, "the folder of the output is not there").at(place()));
                }
                Ok(())
            }
            (_, Err(e)) => Err(Error::io("cannot look at the output", e).at(place())),
            (Self::OciDir { .. }, Ok(found)) => {
                let is_empty = found.is_dir() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
                if !is_empty {
                    let what = if is_input { "the output is the input" } else { "the output is there already" };
                    let help = "name a folder that is not there, or empty: no folder is written over, in place neither";
                    return Err(refused(what).help(help));
                }
                Ok(())
            }
            (_, Ok(_)) if is_input && !options.in_place => {
                Err(refused("the output is the input").help("name another file, or allow it with `--in-place`"))
            }
            (_, Ok(_)) if is_input && bundle.others() > 0 => {
                let (count, noun) = (bundle.others(), if bundle.others() == 1 { "image" } else { "images" });
                let what = format!("the archive holds {count} other {noun}, which would be lost");
                Err(refused(&what).help("write another file"))
            }
            (_, Ok(found)) if !found.is_file() => Err(refused("the output is there and is no file")),
            _ => Ok(()),
        }
    }
}

/// Writes `product` under a temporary name.
pub(super) fn write(
    product: &Product,
    bundle: &Bundle,
    output: &Output,
    options: &Options<'_>,
) -> Result<Box<dyn Pending>> {
    match output {
        Output::DockerArchive { path, .. } => {
            archive::write(product, output.form(bundle), "docker-archive", archive::Goal::File(path.clone()))
        }
        Output::OciArchive { path } => {
            archive::write(product, Form::Layout, "oci-archive", archive::Goal::File(path.clone()))
        }
        Output::Stdout => archive::write(product, Form::Layout, "oci-archive", archive::Goal::Stdout),
        Output::OciDir { path } => folder::write(product, path),
        Output::Registry { reference } => registry::write(product, reference, bundle, options),
    }
}

/// What `oci-layout` says (image-spec image-layout.md).
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Docker's `manifest.json`; `config` and `layer` say where these lie.
fn manifest_json(
    images: &[ProductImage],
    config: &dyn Fn(&Digest) -> String,
    layer: &dyn Fn(&LayerState) -> String,
) -> Vec<u8> {
    let entries: Vec<_> = images
        .iter()
        .map(|image| {
            let layers: Vec<String> = image.layers.iter().map(layer).collect();
            // a tag alone is no name here
            let names: Vec<&str> =
                image.names.iter().filter(|name| name.contains([':', '/'])).map(|name| familiar(name)).collect();
            json!({"Config": config(&image.config), "RepoTags": names, "Layers": layers})
        })
        .collect();
    serde_json::Value::Array(entries).to_string().into_bytes()
}

/// The name as Docker shows it.
fn familiar(name: &str) -> &str {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    short.strip_prefix("library/").filter(|rest| short != name && !rest.contains('/')).unwrap_or(short)
}

/// Whether a name and tag can stand in `manifest.json`.
fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    !name.is_empty() && name.len() <= 512 && name.chars().all(is_part) && !name.starts_with(['-', '.', ':', '/'])
}

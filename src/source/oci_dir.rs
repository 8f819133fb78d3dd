//! OCI layouts in a folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::escape::escape;
use crate::image::Blob;
use crate::size::ByteSize;

use super::attached::{Attachments, Sought};
use super::raw::{Raw, RawKind};
use super::store::{Assembled, FileRange, Store, read_capped};
use super::{Opened, Request, Source, layout};

/// Opens OCI layouts in a folder.
pub struct OciDir;

impl Source for OciDir {
    fn id(&self) -> &'static str {
        "oci-dir"
    }

    fn sniffs(&self, location: &Path) -> bool {
        location.join(layout::INDEX).is_file()
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        self.raw(request).map(|raw| Opened::Images(raw.images))
    }

    fn raw(&self, request: &Request<'_>) -> Result<Raw> {
        let folder = Folder::new(Path::new(request.location));
        if !folder.path.is_dir() {
            let error = match fs::metadata(&folder.path) {
                Ok(_) => Error::malformed("this is not a folder").help("an OCI layout in a tar is an `oci-archive:`"),
                Err(e) => Error::io("cannot open the OCI layout", e),
            };
            return Err(error.at(folder.place));
        }
        let images = layout::open(&folder, request, self.id())?;
        let images = images.into_iter().map(|Assembled { image, .. }| image).collect();
        Ok(Raw { kind: RawKind::OciDir, store: Box::new(folder), images })
    }

    fn attached(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        let folder = Folder::new(Path::new(request.location));
        layout::attached(&folder, request, digest, Sought::Vex).map_err(|error| error.at(folder.place.clone()))
    }

    fn provenance(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        let folder = Folder::new(Path::new(request.location));
        layout::attached(&folder, request, digest, Sought::Provenance).map_err(|error| error.at(folder.place.clone()))
    }
}

/// A folder whose files are the parts. Names come from verified digests only, so none leads out of it.
struct Folder {
    path: PathBuf,
    place: String,
}

impl Folder {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), place: escape(path.as_os_str().as_encoded_bytes()) }
    }

    /// Opens a regular file; a symbolic link might lead out of the layout and counts as missing.
    fn file(&self, name: &str) -> Result<Option<FileRange>> {
        let path = self.path.join(name);
        let failed = |e| Error::io(format!("cannot open `{}`", escape(name)), e);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let file = File::open(&path).map_err(failed)?;
                Ok(Some(FileRange { file: Arc::new(file), offset: 0, size: metadata.len() }))
            }
            Ok(metadata) if metadata.is_symlink() => {
                Err(Error::malformed(format!("`{}` is a symbolic link, which is not followed", escape(name))))
            }
            Ok(_) => Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }
}

impl Store for Folder {
    fn place(&self) -> &str {
        &self.place
    }

    fn document(&self, name: &str, most: ByteSize) -> Result<Option<Vec<u8>>> {
        self.file(name)?.map(|file| read_capped(file.reader(), most, name)).transpose()
    }

    fn layer(&self, name: &str) -> Option<Arc<dyn Blob>> {
        match self.file(name) {
            Ok(found) => {
                found.map(|_| Arc::new(LayerFile { folder: Self::new(&self.path), name: name.to_owned() }) as _)
            }
            // opening it again gives the reason to whoever reads it
            Err(_) => Some(Arc::new(LayerFile { folder: Self::new(&self.path), name: name.to_owned() })),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![(self.path.clone(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries.take(MOST_NAMES.saturating_sub(names.len())) {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) && depth < DEEPEST {
                    folders.push((entry.path(), format!("{name}/"), depth + 1));
                } else {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        names
    }
}

/// Most files of a layout that are listed, and how deep its folders may lie: `blobs/sha256`.
const MOST_NAMES: usize = 1_000_000;
const DEEPEST: u32 = 3;

/// A layer in a file of its own; opened only while it is read, since there may be thousands.
struct LayerFile {
    folder: Folder,
    name: String,
}

impl std::fmt::Debug for LayerFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LayerFile").field(&self.folder.path.join(&self.name)).finish()
    }
}

impl Blob for LayerFile {
    fn open(&self) -> Result<Box<dyn std::io::Read + Send + '_>> {
        let found = self.folder.file(&self.name)?;
        let file = found.ok_or_else(|| Error::malformed(format!("the layer `{}` is gone", escape(&self.name))))?;
        Ok(Box::new(file.reader()))
    }

    fn size(&self) -> Option<u64> {
        fs::symlink_metadata(self.folder.path.join(&self.name)).ok().map(|metadata| metadata.len())
    }
}

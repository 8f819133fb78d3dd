//! Where the parts of an image lie: a folder, an archive, or what was kept of a stream.
//!
//! The logic of layouts and docker archives sees stores only, so that all ways lead to the same image.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Blob, Descriptor, Image};
use crate::limitation::Limitation;
use crate::size::ByteSize;

/// Named parts: documents and layers.
pub trait Store {
    /// The path or reference, for messages.
    fn place(&self) -> &str;

    /// A document, whole; `None` if there is none of the name. More than `most` bytes are an error.
    fn document(&self, name: &str, most: ByteSize) -> Result<Option<Vec<u8>>>;

    /// A layer, not read; `None` if there is none of the name.
    fn layer(&self, name: &str) -> Option<Arc<dyn Blob>>;

    /// Whether the archive holds several members of this name; the last one counts.
    fn is_repeated(&self, _name: &str) -> bool {
        false
    }

    /// Names of all parts, where there is a list of them.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    /// The document that a descriptor names, at most as many bytes as it says and not verified; `None` if it is not here.
    fn described(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        self.document(&in_layout(&descriptor.digest), ByteSize(descriptor.size))
    }

    /// The blob that a descriptor names, not read; `None` if it is not here.
    fn blob(&self, descriptor: &Descriptor) -> Option<Arc<dyn Blob>> {
        self.layer(&in_layout(&descriptor.digest))
    }

    /// What is attached to a manifest in the same place and no index of it names: tags of signatures, types of
    /// referrers. Of registries; in layouts the index names all there is.
    fn attached_to(&self, _digest: &Digest) -> Vec<String> {
        Vec::new()
    }

    /// Why parts may be missing, where the archive is cut or damaged.
    fn damage(&self) -> Option<&Error> {
        None
    }
}

/// An image, and for each of its layers the name it has in the store.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) image: Image,
    pub(super) layers: Vec<String>,
}

/// The layer of a name, or one that cannot be opened and says so.
pub(super) fn layer_or_absent(store: &dyn Store, name: &str) -> Arc<dyn Blob> {
    store.layer(name).unwrap_or_else(|| Arc::new(Absent { name: name.to_owned(), place: store.place().to_owned() }))
}

/// Adds to the outcome what a cut or damaged archive means: a gap, or the reason of an error.
pub(super) fn with_damage(store: &dyn Store, result: Result<Vec<Assembled>>) -> Result<Vec<Assembled>> {
    let place = store.place();
    let mut result = result.map_err(|error| error.at(place));
    if let Some(damage) = store.damage() {
        match &mut result {
            Ok(images) => {
                for found in images {
                    let gap = Limitation::gap("archive-damaged", place, damage.to_string())
                        .help("fetch or save the archive again; what follows the damage was not read");
                    found.image.limitations.push(gap);
                }
            }
            // a missing part is explained by the damage, a wrong choice is not
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Malformed) => {
                *error = Error::new(damage.kind, damage.to_string())
                    .at(place)
                    .help(format!("{error}; fetch or save the archive again"));
            }
            Err(_) => {}
        }
    }
    result
}

/// Reads all of `reader`, but not more than `most` bytes.
pub(super) fn read_capped(reader: impl Read, most: ByteSize, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let place = crate::escape::escape(name);
    reader.take(most.bytes().saturating_add(1)).read_to_end(&mut bytes).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => Error::malformed(format!("`{place}` is cut short")),
        _ => Error::io(format!("cannot read `{place}`"), e),
    })?;
    if bytes.len() as u64 > most.bytes() {
        return Err(too_large(name, most));
    }
    Ok(bytes)
}

/// The error for a document that ends before its time.
pub(super) fn cut(name: &str) -> Error {
    Error::malformed(format!("`{}` is cut short", crate::escape::escape(name)))
}

/// The error for a document beyond its cap.
pub(super) fn too_large(name: &str, most: ByteSize) -> Error {
    Error::limit(format!("`{}` is larger than {most}", crate::escape::escape(name)))
}

/// A layer that its image names and the store lacks.
#[derive(Debug)]
struct Absent {
    name: String,
    place: String,
}

impl Blob for Absent {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        Err(Error::new(ErrorKind::NotFound, format!("the layer `{}` is missing", crate::escape::escape(&self.name)))
            .at(self.place.clone()))
    }

    fn size(&self) -> Option<u64> {
        None
    }
}

/// Where a blob lies in a layout.
pub fn in_layout(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().as_str(), digest.hex())
}

/// A part of a file, or all of it; readers do not disturb each other.
#[derive(Debug)]
pub struct FileRange {
    /// Open for reading.
    pub file: Arc<File>,
    /// Its first byte.
    pub offset: u64,
    /// How many bytes.
    pub size: u64,
}

impl FileRange {
    pub(super) fn reader(&self) -> RangeReader {
        RangeReader { file: Arc::clone(&self.file), position: self.offset, left: self.size }
    }
}

impl Blob for FileRange {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.reader()))
    }

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn identity(&self) -> Option<(u64, u64)> {
        Some((self.offset, self.size))
    }
}

/// Reads a part of a file; an end before its time is an error.
pub(super) struct RangeReader {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl Read for RangeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = self.file.read_at(buffer, self.position)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut short"));
        }
        self.position = self.position.saturating_add(count as u64);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

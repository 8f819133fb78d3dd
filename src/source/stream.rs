//! Archives read from front to back: standard input, compressed archives, exports of daemons.
//!
//! Layers are handed on as they pass; documents are kept, and the images put together at the end by
//! the same code that opens archives in files.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::format::magic::{self, Magic};
use crate::format::sbom;
use crate::format::ustar::{MemberKind, Members, Streaming, read_up_to};
use crate::image::Blob;
use crate::limit::Limits;
use crate::size::ByteSize;

use super::archive::Names;
use super::form::{Form, magic_of_file, not_an_image, open_file, open_store, peek};
use super::store::{Store, cut, too_large};
use super::{
    Access, Choice, Opened, PlatformChoice, Request, Source, StreamedArchive, StreamedImages, StreamedLayer, Unwrap,
    docker_archive, layout,
};

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// Opens what can only be read once or from the front: `-`, pipes, and compressed archives of any form.
pub struct StreamSource;

impl Source for StreamSource {
    fn id(&self) -> &'static str {
        "stream"
    }

    fn sniffs(&self, location: &Path) -> bool {
        is_pipe(location) || magic_of_file(location).is_ok_and(Magic::is_compressed)
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        let path = PathBuf::from(request.location);
        if request.location == "-" {
            let stream = Box::new(BufReader::with_capacity(BUFFER, io::stdin()));
            return open_once(request, "standard input".into(), stream);
        }
        if is_pipe(&path) {
            let place = escape(request.location);
            let stream = open_buffered(&path).map_err(|e| e.at(place.clone()))?;
            return open_once(request, place, stream);
        }
        open_file(request, None)
    }
}

/// Opens what passes by only once: a bill of materials by its beginning, else an archive.
fn open_once(request: &Request<'_>, place: String, mut stream: Box<dyn Read + Send>) -> Result<Opened> {
    let failed = |e| Error::io("cannot read the archive", e).at(place.clone());
    let mut head = vec![0; 1];
    let count = read_up_to(&mut stream, &mut head).map_err(failed)?;
    head.truncate(count);
    // no archive begins like a text
    let is_text = head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte == 0xef);
    if is_text && request.choice == Choice::Only {
        head.resize(sbom::HEAD, 0);
        let count = read_up_to(&mut stream, head.get_mut(1..).unwrap_or_default()).map_err(failed)?;
        head.truncate(count.saturating_add(1));
        if sbom::sniffs(&head) {
            return super::sbom::open_stream(request, &mut io::Cursor::new(head).chain(stream));
        }
    }
    let mut all = Some(Box::new(io::Cursor::new(head).chain(stream)) as Box<dyn Read + Send>);
    let again = || Error::new(ErrorKind::Internal, "a stream was asked for a second time");
    let open = move || all.take().ok_or_else(again);
    Ok(Opened::Stream(Box::new(Stream::new(request, place, Box::new(open)).once())))
}

/// Whether a path is a named pipe or a shell's `<(command)`.
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

fn open_buffered(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|e| Error::io("cannot open the archive", e))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
}

/// Starts reading from the first byte.
pub(super) type Start = Box<dyn FnMut() -> Result<Box<dyn Read + Send>> + Send>;

/// An archive that is read from front to back.
pub(super) struct Stream {
    place: String,
    start: Start,
    is_replayable: bool,
    was_read: bool,
    expected: Option<Form>,
    /// The source that images are said to be from, where it is not the archive's form.
    source: Option<&'static str>,
    location: String,
    choice: Choice,
    platform: PlatformChoice,
    limits: Limits,
    unwrap: Option<Unwrap>,
}

impl Stream {
    /// Reads what `start` gives, as often as asked.
    pub(super) fn new(request: &Request<'_>, place: String, start: Start) -> Self {
        Self {
            place,
            start,
            is_replayable: true,
            was_read: false,
            expected: None,
            source: None,
            location: request.location.to_owned(),
            choice: request.choice.clone(),
            platform: request.platform.clone(),
            limits: request.limits.clone(),
            unwrap: request.unwrap,
        }
    }

    /// Reads a file.
    pub(super) fn of_file(request: &Request<'_>, expected: Option<Form>) -> Self {
        let path = PathBuf::from(request.location);
        let place = escape(path.as_os_str().as_encoded_bytes());
        Self { expected, ..Self::new(request, place, Box::new(move || open_buffered(&path))) }
    }

    /// Says that it is a daemon that the images are from.
    pub(super) fn named(self, source: &'static str) -> Self {
        Self { source: Some(source), ..self }
    }

    fn once(self) -> Self {
        Self { is_replayable: false, ..self }
    }

    /// The archive as a tar, freed of its compression.
    fn tar(&mut self) -> Result<Box<dyn Read + Send>> {
        let failed = |e| Error::io("cannot read the archive", e);
        let (found, stream) = peek((self.start)()?).map_err(failed)?;
        if found == Magic::Tar {
            return Ok(stream);
        }
        if !found.is_compressed() {
            return Err(not_an_image(found));
        }
        let Some(unwrap) = self.unwrap else {
            return Err(Error::malformed(format!("the archive is {}, which cannot be read here", found.words()))
                .help("decompress it first"));
        };
        let (inside, stream) = peek(unwrap(stream, &self.limits)?).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Other => {
                Error::malformed(format!("cannot decompress the archive, which is {}", found.words())).because(e)
            }
            _ => failed(e),
        })?;
        if inside == Magic::Tar {
            return Ok(stream);
        }
        Err(Error::malformed(format!(
            "this is no image: the file is {}, and what it holds is {}",
            found.words(),
            inside.words()
        ))
        .help("a compressed image is a compressed tar of `docker save` or of an OCI layout"))
    }

    fn read_all(&mut self, layer: &mut dyn FnMut(u32, &mut dyn Read) -> Result<()>) -> Result<StreamedImages> {
        let tar = self.tar()?;
        let limits = &self.limits;
        let mut kept = Kept::new(self.place.clone());
        let mut members = Members::new(Streaming(tar), limits);
        let mut next = 0u32;
        // all empty members are one layer, so that a crowd of them costs nothing
        let mut empty = None;
        loop {
            let member = match members.next_member() {
                Ok(Some(member)) => member,
                Ok(None) => {
                    kept.damage = members.finish().err();
                    break;
                }
                Err(error) if error.kind == ErrorKind::Limit => return Err(error),
                Err(error) => {
                    kept.damage = Some(error);
                    break;
                }
            };
            if member.kind != MemberKind::File {
                kept.names.insert_link(&member, limits)?;
                continue;
            }
            let mut body = members.body();
            let mut head = [0; magic::HEAD];
            // a failure shows again at the next member, which then is the damage
            let count = read_up_to(&mut body, &mut head).unwrap_or(0);
            let head = head.get(..count).unwrap_or_default();
            let found = Magic::of(head);
            let is_whole = count as u64 == member.size || count == magic::HEAD;
            let part = if found == Magic::Json || is_document(&member.name) {
                kept.keep(head, &mut body, member.size, limits)
            } else if found.may_be_layer() && is_whole {
                let number = match empty {
                    Some(number) if member.size == 0 => number,
                    _ => {
                        let number = next;
                        next = next.checked_add(1).ok_or_else(|| Error::limit("the archive has too many members"))?;
                        layer(number, &mut head.chain(&mut body))?;
                        number
                    }
                };
                if member.size == 0 {
                    empty = Some(number);
                }
                Part::Layer { number, size: member.size }
            } else {
                Part::Other
            };
            kept.names.insert(&member.name, part, limits)?;
        }
        self.assemble(&kept)
    }

    fn assemble(&self, kept: &Kept) -> Result<StreamedImages> {
        let access = Access::default();
        let request = Request {
            location: &self.location,
            choice: self.choice.clone(),
            platform: self.platform.clone(),
            limits: &self.limits,
            access: &access,
            unwrap: self.unwrap,
        };
        let found = open_store(kept, &|name| kept.names.get(name).is_some(), self.expected, &request)?;
        let images = found.into_iter().map(|mut found| {
            found.image.target.source = self.source.unwrap_or(found.image.target.source);
            let layers = found.layers.iter().map(|name| StreamedLayer { number: kept.number(name) }).collect();
            (found.image, layers)
        });
        Ok(StreamedImages { images: images.collect() })
    }
}

impl StreamedArchive for Stream {
    fn read(&mut self, layer: &mut dyn FnMut(u32, &mut dyn Read) -> Result<()>) -> Result<StreamedImages> {
        if self.was_read && !self.is_replayable {
            return Err(Error::new(ErrorKind::Internal, "a stream was asked for a second time").at(self.place.clone()));
        }
        self.was_read = true;
        self.read_all(layer).map_err(|error| error.at(self.place.clone()))
    }

    fn copy_to(&mut self, out: &mut dyn io::Write) -> Result<()> {
        self.was_read = true;
        let place = self.place.clone();
        let copied = self
            .tar()
            .and_then(|mut tar| io::copy(&mut tar, out).map(drop).map_err(|e| Error::io("cannot copy the archive", e)));
        copied.map_err(|error| error.at(place))
    }

    fn is_replayable(&self) -> bool {
        self.is_replayable
    }

    fn describe(&self) -> String {
        self.place.clone()
    }
}

/// Whether a member is a document whatever it begins with, so that a broken one is told as such.
fn is_document(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    [docker_archive::MANIFEST, docker_archive::REPOSITORIES, layout::INDEX, layout::MARKER]
        .iter()
        .any(|n| n.as_bytes() == name)
}

/// What was kept of an archive that passed by.
struct Kept {
    place: String,
    names: Names<Part>,
    /// Bytes of the documents.
    bytes: u64,
    damage: Option<Error>,
}

/// A member that passed by.
#[derive(Debug)]
enum Part {
    Document(Vec<u8>),
    /// A document beyond its cap; an error only if somebody wants it.
    TooLarge,
    /// A document whose end is missing.
    Cut,
    Layer {
        number: u32,
        size: u64,
    },
    Other,
}

impl Kept {
    fn new(place: String) -> Self {
        Self { place, names: Names::new(), bytes: 0, damage: None }
    }

    fn keep(&mut self, head: &[u8], body: &mut dyn Read, size: u64, limits: &Limits) -> Part {
        let most = limits.config.max(limits.manifest);
        if size > most.bytes() || self.bytes.saturating_add(size) > limits.documents.bytes() {
            return Part::TooLarge;
        }
        self.bytes = self.bytes.saturating_add(size);
        let mut bytes = head.to_vec();
        if body.read_to_end(&mut bytes).is_ok() { Part::Document(bytes) } else { Part::Cut }
    }

    fn number(&self, name: &str) -> Option<u32> {
        match self.names.get(name) {
            Some(Part::Layer { number, .. }) => Some(*number),
            _ => None,
        }
    }
}

impl Store for Kept {
    fn place(&self) -> &str {
        &self.place
    }

    fn document(&self, name: &str, most: ByteSize) -> Result<Option<Vec<u8>>> {
        match self.names.get(name) {
            Some(Part::Document(bytes)) if bytes.len() as u64 > most.bytes() => Err(too_large(name, most)),
            Some(Part::Document(bytes)) => Ok(Some(bytes.clone())),
            Some(Part::TooLarge) => Err(too_large(name, most)),
            Some(Part::Cut) => Err(cut(name)),
            Some(Part::Layer { size: 0, .. }) => Ok(Some(Vec::new())),
            Some(Part::Layer { .. } | Part::Other) | None => Ok(None),
        }
    }

    fn layer(&self, name: &str) -> Option<Arc<dyn Blob>> {
        match self.names.get(name)? {
            Part::Layer { size, .. } => Some(Arc::new(Passed { size: *size })),
            Part::Document(_) | Part::TooLarge | Part::Cut | Part::Other => None,
        }
    }

    fn is_repeated(&self, name: &str) -> bool {
        self.names.is_repeated(name)
    }

    fn damage(&self) -> Option<&Error> {
        self.damage.as_ref()
    }
}

/// A layer that passed by and is gone.
#[derive(Debug)]
struct Passed {
    size: u64,
}

impl Blob for Passed {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        Err(Error::new(ErrorKind::Io, "the layer was in a stream, which has passed"))
    }

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn is_replayable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{docker, layer, request, tar, tar_of, wrap};
    use super::*;

    fn stream(archive: Vec<u8>) -> Stream {
        let limits = Limits::default();
        let start = move || Ok(Box::new(io::Cursor::new(archive.clone())) as Box<dyn Read + Send>);
        Stream::new(&request("-", Choice::Only, &limits), "standard input".into(), Box::new(start))
    }

    #[test]
    fn what_looks_like_a_layer_is_handed_on_once() {
        let gzip = b"\x1f\x8b\x08 rest".to_vec();
        let archive = tar([
            ("blobs/sha256/a", &layer("a")[..]),
            ("VERSION", b"1.0"),
            ("a.json", b" {}"),
            ("gzip", &gzip),
            ("zstd", b"\x28\xb5\x2f\xfd rest"),
            ("skippable", b"\x50\x2a\x4d\x18 rest"),
            ("xz", b"\xfd7zXZ\0 rest"),
            ("bzip2", b"BZh9 rest"),
            ("empty-layer", b""),
            ("empty-again", b""),
            ("empty-tar", &[0; 1024]),
            ("link.tar", b"->gzip"),
        ]);
        let mut seen = Vec::new();
        let result = stream(archive).read(&mut |number, body| {
            let mut bytes = Vec::new();
            body.read_to_end(&mut bytes).expect("memory can be read");
            seen.push((number, bytes.len()));
            Ok(())
        });
        assert_eq!(seen, [(0, 2048), (1, 8), (2, 9), (3, 9), (4, 11), (5, 9), (6, 0), (7, 1024)]);
        assert!(result.is_err_and(|e| e.message.contains("neither `manifest.json` nor `index.json`")));
    }

    #[test]
    fn a_layer_that_is_not_read_is_passed_over() {
        let archive = tar_of(&docker(&[(&["x:1"], "linux/arm64", &[layer("a"), layer("b")])]));
        let mut stream = stream(archive);
        let mut numbers = Vec::new();
        for _ in 0..2 {
            let found = stream.read(&mut |_, _| Ok(())).expect("an image");
            let (image, layers) = found.images.first().expect("an image");
            assert!(image.layers.iter().all(|layer| layer.blob.open().is_err() && layer.blob.size() == Some(2048)));
            numbers.push(layers.clone());
        }
        assert_eq!(numbers.first(), numbers.last());
    }

    #[test]
    fn a_stream_is_read_once_unless_it_can_begin_again() {
        let archive = tar_of(&docker(&[(&["x:1"], "linux/arm64", &[layer("a")])]));
        let mut once = stream(archive).once();
        assert!(once.read(&mut |_, _| Ok(())).is_ok() && !once.is_replayable());
        assert!(once.read(&mut |_, _| Ok(())).is_err());
    }

    #[test]
    fn large_documents_are_missed_only_when_wanted() {
        let large = format!("{{{}}}", " ".repeat(9 << 20));
        let mut files = docker(&[(&["x:1"], "linux/arm64", &[layer("a")])]);
        files.insert("attestation".into(), large.clone().into_bytes());
        assert!(stream(tar_of(&files)).read(&mut |_, _| Ok(())).is_ok());
        files.insert("manifest.json".into(), large.into_bytes());
        let error = stream(tar_of(&files)).read(&mut |_, _| Ok(())).err().expect("too large");
        assert_eq!(error.kind, ErrorKind::Limit);
    }

    #[test]
    fn what_a_wrapped_file_holds_is_told() {
        let cases = [
            (wrap(b"plain text"), "this is no image: the file is gzip data, and what it holds is of a kind"),
            (wrap(&wrap(b"")), "this is no image: the file is gzip data, and what it holds is gzip data"),
            (b"PK\x03\x04".to_vec(), "this is no image: the file is a zip archive"),
        ];
        for (bytes, expected) in cases {
            let error = stream(bytes).read(&mut |_, _| Ok(())).err().expect("no image");
            assert!(error.message.starts_with(expected), "{error}");
            assert_eq!(error.place.as_deref(), Some("standard input"));
        }
    }
}

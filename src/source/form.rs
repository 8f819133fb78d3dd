//! Which kind of archive a tar is: of `docker save`, or an OCI layout; plain files opened by it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::format::magic::{self, Magic};
use crate::format::ustar::read_up_to;
use crate::limit::Limits;

use super::archive::Archive;
use super::store::{Assembled, Store, with_damage};
use super::stream::Stream;
use super::{Opened, Request, docker_archive, layout};

/// What to do with a file that is no image.
const HELP: &str = "write an image with `docker save`, `podman save` or `skopeo copy`; \
                    a root file system can be unpacked and scanned as `dir:FOLDER`";

/// The forms of an image in a tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What `docker save` writes, of any age.
    Docker,
    /// An OCI layout.
    Oci,
}

impl Form {
    /// The id of the source.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Docker => "docker-archive",
            Self::Oci => "oci-archive",
        }
    }

    /// Tells the form by the names in the archive. What is both is taken as Docker's, which is the
    /// one that names repositories.
    fn of(has: &dyn Fn(&str) -> bool) -> Option<Self> {
        if has(docker_archive::MANIFEST) {
            Some(Self::Docker)
        } else if has(layout::INDEX) || has(layout::MARKER) {
            Some(Self::Oci)
        } else {
            has(docker_archive::REPOSITORIES).then_some(Self::Docker)
        }
    }
}

/// The form of a plain tar file; `None` for anything else, compressed archives too.
pub(super) fn of_file(path: &Path) -> Option<Form> {
    if magic_of_file(path).ok()? != Magic::Tar {
        return None;
    }
    let archive = Archive::open(path, &Limits::default()).ok()?;
    Form::of(&|name| archive.has(name))
}

/// What a file is by its first bytes. Folders, pipes and devices are errors.
pub(super) fn magic_of_file(path: &Path) -> Result<Magic> {
    let failed = |e| Error::io("cannot open the file", e);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::malformed("it is no regular file"));
    }
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(magic::HEAD as u64).read_to_end(&mut head)).map_err(failed)?;
    Ok(Magic::of(&head))
}

/// Opens an archive in a file: at once where it is a plain tar, as a stream where it is compressed.
pub(super) fn open_file(request: &Request<'_>, expected: Option<Form>) -> Result<Opened> {
    let path = Path::new(request.location);
    let place = || escape(path.as_os_str().as_encoded_bytes());
    match magic_of_file(path).map_err(|e| e.at(place()))? {
        Magic::Tar => {
            let archive = Archive::open(path, request.limits)?;
            let images = open_store(&archive, &|name| archive.has(name), expected, request)?;
            Ok(Opened::Images(images.into_iter().map(|Assembled { image, .. }| image).collect()))
        }
        found if found.is_compressed() => Ok(Opened::Stream(Box::new(Stream::of_file(request, expected)))),
        found => Err(not_an_image(found).at(place())),
    }
}

/// The error for a file that is no archive at all.
pub(super) fn not_an_image(found: Magic) -> Error {
    Error::malformed(format!("this is no image: the file is {}", found.words())).help(HELP)
}

/// Opens the images in a store by the form that its names tell.
pub(super) fn open_store(
    store: &dyn Store,
    has: &dyn Fn(&str) -> bool,
    expected: Option<Form>,
    request: &Request<'_>,
) -> Result<Vec<Assembled>> {
    let found = Form::of(has);
    // an archive that is both may be asked for as either
    let is_layout = has(layout::INDEX);
    match (expected, found) {
        (_, None) => with_damage(
            store,
            Err(Error::malformed("this tar archive is no image: it has neither `manifest.json` nor `index.json`")
                .help(HELP)),
        ),
        (Some(Form::Docker), Some(Form::Oci)) => with_damage(
            store,
            Err(Error::malformed("this is no docker archive but an OCI layout in a tar")
                .help(format!("write `oci-archive:{}`", escape(request.location)))),
        ),
        (Some(Form::Oci), Some(Form::Docker)) if !is_layout => with_damage(
            store,
            Err(Error::malformed("this is no OCI layout but an archive of `docker save`")
                .help(format!("write `docker-archive:{}`", escape(request.location)))),
        ),
        (Some(Form::Oci), _) | (None, Some(Form::Oci)) => layout::open(store, request, Form::Oci.id()),
        (Some(Form::Docker) | None, Some(Form::Docker)) => docker_archive::open(store, request),
    }
}

/// The first bytes of a stream, and the whole stream again.
pub(super) fn peek(mut stream: Box<dyn Read + Send>) -> std::io::Result<(Magic, Box<dyn Read + Send>)> {
    let mut head = vec![0; magic::HEAD];
    let count = read_up_to(&mut stream, &mut head)?;
    head.truncate(count);
    let found = Magic::of(&head);
    Ok((found, Box::new(std::io::Cursor::new(head).chain(stream))))
}

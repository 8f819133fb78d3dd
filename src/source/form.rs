//! Which kind of archive a tar is: of `docker save`, or an OCI layout; plain files opened by it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::escape::escape;
use crate::format::magic::{self, Magic};
use crate::format::ustar::read_up_to;
use crate::limit::Limits;
use crate::limitation::Limitation;

use super::archive::Archive;
use super::attached::{Attachments, Sought};
use super::raw::{Raw, RawKind};
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

/// Opens a plain archive to be written anew.
pub(super) fn raw_file(request: &Request<'_>, expected: Form) -> Result<Raw> {
    let path = Path::new(request.location);
    let place = || escape(path.as_os_str().as_encoded_bytes());
    let found = magic_of_file(path).map_err(|e| e.at(place()))?;
    if found != Magic::Tar {
        return Err(not_an_image(found).at(place()));
    }
    let archive = Archive::open(path, request.limits)?;
    let images = open_store(&archive, &|name| archive.has(name), Some(expected), request)?;
    let kind = match expected {
        Form::Docker => RawKind::DockerArchive,
        Form::Oci => RawKind::OciArchive,
    };
    let images = images.into_iter().map(|Assembled { image, .. }| image).collect();
    Ok(Raw { kind, store: Box::new(archive), images })
}

/// Documents attached to an image of a plain archive that is an OCI layout, whatever else it is.
pub(super) fn attached(
    request: &Request<'_>,
    digest: &Digest,
    sought: Sought,
    source: &'static str,
) -> Result<Attachments> {
    let path = Path::new(request.location);
    let place = || escape(path.as_os_str().as_encoded_bytes());
    if magic_of_file(path).map_err(|e| e.at(place()))? == Magic::Tar {
        let archive = Archive::open(path, request.limits)?;
        if archive.has(layout::INDEX) {
            return layout::attached(&archive, request, digest, sought).map_err(|e| e.at(place()));
        }
    }
    Ok(Attachments::impossible(source))
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
    let mut images = match (expected, found) {
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
    }?;
    add_doubts(store, has, request.limits, &mut images);
    Ok(images)
}

/// Adds a gap to images that another tool may not find in the same archive.
fn add_doubts(store: &dyn Store, has: &dyn Fn(&str) -> bool, limits: &Limits, images: &mut [Assembled]) {
    const TAKE: &str = "save the image again with a tool you trust";
    let names = docker_archive::config_names(store, limits);
    let documents = [docker_archive::MANIFEST, layout::INDEX, layout::MARKER];
    let repeated = documents.into_iter().chain(names.iter().map(String::as_str)).find(|name| store.is_repeated(name));
    if let Some(name) = repeated {
        let what =
            format!("the archive holds `{}` more than once; tools differ in which of them they take", escape(name));
        for found in &mut *images {
            let gap = Limitation::gap("archive-name-repeated", store.place(), what.clone()).help(TAKE);
            found.image.limitations.push(gap);
        }
    }
    if has(docker_archive::MANIFEST) && has(layout::INDEX) {
        let of_index = layout::config_digests(store, limits);
        let of_manifest = docker_archive::config_digests(store, &names, limits);
        for found in images {
            let own = found.image.target.config_digest.as_ref();
            let is_in_both = own.is_some_and(|own| {
                let mut configs = of_manifest.iter();
                configs.any(|digests| digests.contains(own) && digests.iter().any(|digest| of_index.contains(digest)))
            });
            if !is_in_both {
                let what = "`manifest.json` and `index.json` name different images; tools differ in which they load";
                let gap = Limitation::gap("archive-ambiguous", store.place(), what).help(TAKE);
                found.image.limitations.push(gap);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::super::PlatformChoice;
    use super::super::made::{self, Files, add, add_image, config, docker, host, layer, layout, tar, tar_of, wrap};
    use crate::digest::{Algorithm, Digest};
    use crate::image::manifest::media_type;

    /// Opens the archive as a file and as a stream, which must agree.
    fn outcome(word: &str, archive: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("image");
        let open = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("writable");
            made::open(&format!("{word}{}", path.display()), &PlatformChoice::Host).expect("an image").join("\n")
        };
        let plain = open(archive);
        assert_eq!(plain, open(&wrap(archive)));
        plain
    }

    #[test]
    fn an_archive_with_two_truths_is_told() {
        let host = host();
        let both = |of_index: &str| {
            let mut files = Files::new();
            let image = add_image(&mut files, &host, &[layer(of_index)]);
            let mut files = layout(files, &[image]);
            files.extend(docker(&[(&[], &host, &[layer("a")])]));
            tar_of(&files)
        };
        for word in ["", "docker-archive:", "oci-archive:"] {
            assert_eq!(outcome(word, &both("a")), format!("{host} [] ok"), "{word}");
            assert_eq!(outcome(word, &both("b")), format!("{host} [] ok archive-ambiguous"), "{word}");
        }
    }

    #[test]
    fn a_configuration_named_by_sha512_is_no_second_truth() {
        let host = host();
        for (of_index, gap) in [("a", ""), ("b", " archive-ambiguous")] {
            let mut files = Files::new();
            let layers = [layer(of_index)];
            let config = config(&host, &layers);
            let digest = Digest::of(Algorithm::Sha512, &config);
            let layers: Vec<_> =
                layers.iter().map(|layer| add(&mut files, "application/vnd.oci.image.layer.v1.tar", layer)).collect();
            let manifest = serde_json::json!({"schemaVersion": 2, "layers": layers,
                "config": {"mediaType": media_type::OCI_CONFIG, "digest": digest, "size": config.len()}});
            files.insert(format!("blobs/sha512/{}", digest.hex()), config);
            let manifest = add(&mut files, media_type::OCI_MANIFEST, manifest.to_string().as_bytes());
            let mut files = layout(files, &[manifest]);
            files.extend(docker(&[(&[], &host, &[layer("a")])]));
            for word in ["docker-archive:", "oci-archive:"] {
                assert_eq!(outcome(word, &tar_of(&files)), format!("{host} [] ok{gap}"), "{word}");
            }
        }
    }

    #[test]
    fn a_document_given_twice_is_told() {
        let host = host();
        let files = docker(&[(&[], &host, &[layer("a")])]);
        let config = files
            .keys()
            .find(|name| name.contains(".json") && *name != "manifest.json")
            .expect("a configuration")
            .clone();
        let repeat = |name: &str| {
            let first = [(name, &b"[]"[..])];
            tar(first.into_iter().chain(files.iter().map(|(name, body)| (name.as_str(), body.as_slice()))))
        };
        let cases = [("other", ""), ("manifest.json", " archive-name-repeated"), (&config, " archive-name-repeated")];
        for (name, gap) in cases {
            assert_eq!(outcome("", &repeat(name)), format!("{host} [] ok{gap}"), "{name}");
        }
    }
}

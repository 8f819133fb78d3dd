//! OCI image layouts (image-spec image-layout.md), in whichever store.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::image::manifest::Document;
use crate::limitation::Limitation;
use crate::size::ByteSize;

use super::Request;
use super::select;
use super::store::{Assembled, Store, layer_or_absent, with_damage};

/// The entry point of a layout.
pub(super) const INDEX: &str = "index.json";
/// Marks a layout and says its version.
pub(super) const MARKER: &str = "oci-layout";

/// Opens the images of a layout that `request` asks for.
pub(super) fn open(store: &dyn Store, request: &Request<'_>, source: &'static str) -> Result<Vec<Assembled>> {
    with_damage(store, assemble(store, request, source))
}

fn assemble(store: &dyn Store, request: &Request<'_>, source: &'static str) -> Result<Vec<Assembled>> {
    let limits = request.limits;
    let bytes = store.document(INDEX, limits.manifest)?.ok_or_else(|| {
        Error::malformed("this is no OCI layout: it has no `index.json`")
            .help("see `careen scan --help` for what can be scanned")
    })?;
    let Document::Index(index) =
        Document::parse(&bytes, limits).map_err(|e| e.at(format!("{}, {INDEX}", store.place())))?
    else {
        return Err(Error::malformed("`index.json` is a manifest, where an index belongs"));
    };
    let note = version_note(store)?;
    let mut fetch = |descriptor: &select::Descriptor| {
        let name = name_of(&descriptor.digest);
        match store.document(&name, ByteSize(descriptor.size)) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Error::new(ErrorKind::Malformed, format!("the document {} is missing", descriptor.digest))),
            Err(error) if error.kind == ErrorKind::Limit => Err(Error::malformed(format!(
                "the document {} has more than the {} bytes that its descriptor says",
                descriptor.digest, descriptor.size
            ))),
            Err(error) => Err(error),
        }
    };
    let selected = select::select(index.manifests, request, &mut fetch)?;
    let images = selected.into_iter().map(|selected| {
        let layers: Vec<String> = selected.manifest.layers.iter().map(|layer| name_of(&layer.digest)).collect();
        let mut image = selected.into_image(
            request,
            source,
            &mut |layer| store.layer(&name_of(&layer.digest)).is_some(),
            &mut |layer| layer_or_absent(store, &name_of(&layer.digest)),
        );
        for (key, value) in &index.annotations {
            image.annotations.entry(key.clone()).or_insert_with(|| value.clone());
        }
        image.limitations.extend(note.clone());
        Assembled { image, layers }
    });
    Ok(images.collect())
}

/// Where a blob lies in a layout.
pub(super) fn name_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().as_str(), digest.hex())
}

/// The digest that a blob's place in a layout states.
pub(super) fn digest_of(name: &str) -> Option<Digest> {
    let name = name.strip_prefix("./").unwrap_or(name);
    name.strip_prefix("blobs/")?.replacen('/', ":", 1).parse().ok()
}

/// A note where the marker file is missing or of a version nobody knows; the index tells what it is.
fn version_note(store: &dyn Store) -> Result<Option<Limitation>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let Some(bytes) = store.document(MARKER, ByteSize::kib(64))? else {
        return Ok(Some(Limitation::note("layout-unmarked", store.place(), "the layout has no `oci-layout` file")));
    };
    let version = serde_json::from_slice::<Marker>(&bytes).map(|marker| marker.image_layout_version);
    Ok(match version {
        Ok(version) if version.starts_with("1.") => None,
        Ok(version) => {
            let what = format!("the layout has version `{}`, careen knows 1.0.0", crate::escape::escape(version));
            Some(Limitation::note("layout-version", store.place(), what))
        }
        Err(_) => Some(Limitation::note("layout-unmarked", store.place(), "the `oci-layout` file cannot be parsed")),
    })
}

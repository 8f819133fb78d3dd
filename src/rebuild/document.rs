//! Configuration, manifest and index after edits (image-spec config.md, manifest.md, image-index.md): what must follow
//! follows, all else keeps its bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::digest::{DiffId, Digest};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::{escape, pointer_part};
use crate::image::manifest::media_type;
use crate::image::{Descriptor, FIX_STEP, ImageConfig};
use crate::limit::Limits;
use crate::pass::tar::Mark;

use super::bundle::OCI_LAYER;
use super::json::Json;
use super::{Edit, Edits, Encoding, Excised, Notice, Span};

/// What stands in place of redacted text.
pub const REDACTED: &str = "[REDACTED]";
/// The manifest of the input.
pub const REBUILT_FROM: &str = "dev.careen.rebuilt-from";
/// The plan that was carried out.
pub const PLAN: &str = "dev.careen.plan";
/// A plain tar in Docker's words.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Annotations of a layer's descriptor that speak of the blob's inner order, by how they begin.
const STALE: &[&str] =
    &["containerd.io/snapshot/stargz/", "io.containers.estargz.", "io.github.containers.zstd-chunked."];
/// Annotations of a manifest that name an index of its layers.
const STALE_INDEX: &[&str] = &["com.amazon.soci.index-digest"];
/// umoci's size of the uncompressed layer.
const UNCOMPRESSED_SIZE: &str = "ci.umo.uncompressed_blob_size";

/// What becomes of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Kept,
    /// Another blob takes its place.
    Replaced(NewLayer),
    /// It goes.
    LeftOut,
}

/// A layer that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewLayer {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) diff_id: DiffId,
    pub(super) expanded: u64,
    pub(super) encoding: Encoding,
    /// Of each member that the layer had before.
    pub(super) marks: Arc<[Mark]>,
}

/// Carries out the edits of the configuration, whose pointers all mean the text as it was read.
pub(super) fn edit_config(config: &mut Json, edits: &[&Edit]) -> Result<Vec<Excised>> {
    let mut excised = Vec::new();
    for edit in edits {
        if let Edit::RedactConfig { pointer, spans } = edit {
            let gone = config.redact(pointer, spans, REDACTED)?;
            excised.extend(gone.into_iter().map(|text| Excised::new(text.into_bytes())));
        }
    }
    for edit in edits {
        if let Edit::SetConfig { pointer, value } = edit
            && config.get(pointer).as_ref() != Some(value)
        {
            check_pointer(pointer)?;
            config.set(pointer, value)?;
        }
    }
    for edit in edits {
        match edit {
            Edit::RemoveConfig { pointer } => {
                check_pointer(pointer)?;
                if !config.remove(pointer)? {
                    return Err(Error::malformed(format!("the configuration has nothing at `{}`", escape(pointer))));
                }
            }
            Edit::RemoveEnv { name } => {
                for list in ["/config/Env", "/container_config/Env"] {
                    for index in 0..config.len(list).unwrap_or(0) {
                        let pointer = format!("{list}/{index}");
                        let entry = config.string(&pointer).unwrap_or_default();
                        if entry.split_once('=').map_or(entry.as_str(), |(name, _)| name) == name {
                            config.remove(&pointer)?;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(excised)
}

/// A configuration after its edits, as it is written but for what follows the layers.
pub fn edited_config(bytes: &[u8], edits: &Edits, limits: &Limits) -> Result<Vec<u8>> {
    let mut config = Json::parse(bytes, limits.config, "the configuration")?;
    edit_config(&mut config, &edits.0.iter().collect::<Vec<_>>())?;
    Ok(config.text().into_bytes())
}

/// Layers are changed by edits of layers only.
fn check_pointer(pointer: &str) -> Result<()> {
    if pointer == "/rootfs" || pointer.starts_with("/rootfs/") || pointer == "/history" {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("`{}` of a configuration follows its layers", escape(pointer)),
        ));
    }
    Ok(())
}

/// Makes diff IDs and history follow the layers; `input` is the configuration as it was read.
pub(super) fn follow_layers(
    config: &mut Json,
    input: &ImageConfig,
    fates: &[Fate],
    top: Option<&NewLayer>,
) -> Result<()> {
    let steps = input.history_of_layers(fates.len());
    for (index, fate) in fates.iter().enumerate() {
        let pointer = format!("/rootfs/diff_ids/{index}");
        match fate {
            Fate::Kept => {}
            Fate::Replaced(layer) => config.set(&pointer, &json!(layer.diff_id))?,
            Fate::LeftOut => {
                config.remove(&pointer)?;
                if let Some(step) = steps.get(index).copied().flatten() {
                    config.set(&format!("/history/{step}/empty_layer"), &Value::Bool(true))?;
                }
            }
        }
    }
    let Some(top) = top else { return Ok(()) };
    if config.len("/rootfs/diff_ids").is_some() {
        config.set("/rootfs/diff_ids/-", &json!(top.diff_id))?;
    } else {
        config.set("/rootfs", &json!({"type": "layers", "diff_ids": [top.diff_id]}))?;
    }
    // a history that tells of every layer goes on doing so
    if !input.history.is_empty() && steps.iter().all(Option::is_some) && config.len("/history").is_some() {
        let mut step = json!({"created_by": FIX_STEP});
        if let (Some(created), Some(step)) = (&input.created, step.as_object_mut()) {
            step.insert("created".into(), created.clone().into());
        }
        config.set("/history/-", &step)?;
    }
    Ok(())
}

/// Makes a descriptor name another document.
pub(super) fn rename(document: &mut Json, pointer: &str, digest: &Digest, size: u64) -> Result<()> {
    document.set(&format!("{pointer}/digest"), &json!(digest))?;
    document.set(&format!("{pointer}/size"), &json!(size))?;
    // the bytes of the old one
    document.remove(&format!("{pointer}/data"))?;
    Ok(())
}

/// Makes the layers of a manifest follow.
pub(super) fn replace_layers(
    manifest: &mut Json,
    layers: &[Descriptor],
    fates: &[Fate],
    top: Option<&NewLayer>,
) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    for (index, (layer, fate)) in layers.iter().zip(fates).enumerate() {
        let pointer = format!("/layers/{index}");
        match fate {
            Fate::Kept => {}
            Fate::LeftOut => drop(manifest.remove(&pointer)?),
            Fate::Replaced(new) => {
                rename(manifest, &pointer, &new.digest, new.size)?;
                let kind = layer_type(&layer.media_type, new.encoding);
                if kind != layer.media_type {
                    manifest.set(&format!("{pointer}/mediaType"), &json!(kind))?;
                }
                let mut is_stale = false;
                for key in layer.annotations.keys() {
                    let place = format!("{pointer}/annotations/{}", pointer_part(key));
                    if key == UNCOMPRESSED_SIZE {
                        manifest.set(&place, &json!(new.expanded.to_string()))?;
                    } else if STALE.iter().any(|start| key.starts_with(start)) {
                        manifest.remove(&place)?;
                        is_stale = true;
                    }
                }
                if is_stale {
                    let what = "annotations for reading it in pieces (eStargz, zstd:chunked) are left out";
                    notices.push(Notice::new("toc-dropped", format!("layer {index}"), what));
                }
            }
        }
    }
    if let Some(new) = top {
        let like = layers.last().map(|layer| layer.media_type.as_str()).filter(|kind| !kind.is_empty());
        let family = like.unwrap_or(match manifest.string("/mediaType").as_deref() {
            Some(media_type::DOCKER_MANIFEST) => DOCKER_LAYER,
            _ => OCI_LAYER,
        });
        let kind = layer_type(family, new.encoding);
        let descriptor = json!({"mediaType": kind, "digest": new.digest, "size": new.size});
        if manifest.len("/layers").is_some() {
            manifest.set("/layers/-", &descriptor)?;
        } else {
            manifest.set("/layers", &json!([descriptor]))?;
        }
    }
    if top.is_some() || fates.iter().any(|fate| *fate != Fate::Kept) {
        for key in STALE_INDEX {
            if manifest.remove(&format!("/annotations/{}", pointer_part(key)))? {
                let what = format!("the annotation `{key}` names an index of the old layers and is left out");
                notices.push(Notice::new("toc-dropped", "manifest", what));
            }
        }
    }
    Ok(notices)
}

/// Sets annotations of a manifest.
pub(super) fn set_annotations(manifest: &mut Json, edits: &[&Edit]) -> Result<()> {
    for edit in edits {
        if let Edit::SetAnnotation { key, value } = edit {
            let pointer = format!("/annotations/{}", pointer_part(key));
            if manifest.string(&pointer).as_ref() != Some(value) {
                manifest.set(&pointer, &json!(value))?;
            }
        }
    }
    Ok(())
}

/// What an image's annotations shall not say any more, in whichever document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsaid {
    key: String,
    /// Texts that go; the whole annotation if there are none.
    texts: Vec<String>,
}

impl Unsaid {
    /// What the edits ask for; `annotations` are those of the image from all its documents.
    pub(super) fn of(edits: &[&Edit], annotations: &BTreeMap<String, String>) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for edit in edits {
            match edit {
                Edit::RemoveAnnotation { key, .. } => all.push(Self { key: key.clone(), texts: Vec::new() }),
                Edit::RedactAnnotation { key, spans } => {
                    let value = annotations.get(key).map(String::as_str).unwrap_or_default();
                    let text = |span: &Span| {
                        let start = usize::try_from(span.offset).ok()?;
                        let end = start.checked_add(usize::try_from(span.length).ok()?)?;
                        value.get(start..end).filter(|text| !text.is_empty()).map(str::to_owned)
                    };
                    let texts: Option<Vec<String>> = spans.iter().map(text).collect();
                    let texts = texts.filter(|texts| !texts.is_empty()).ok_or_else(|| {
                        Error::malformed(format!("the annotation `{}` is shorter than was planned for", escape(key)))
                    })?;
                    all.push(Self { key: key.clone(), texts });
                }
                _ => {}
            }
        }
        Ok(all)
    }

    /// Carries it out on the annotations of what `pointer` names in a document. Whether anything changed.
    pub(super) fn carry_out(all: &[Self], document: &mut Json, pointer: &str) -> Result<bool> {
        let mut is_changed = false;
        for one in all {
            let pointer = format!("{pointer}/annotations/{}", pointer_part(&one.key));
            if one.texts.is_empty() {
                is_changed |= document.remove(&pointer)?;
            } else if let Some(old) = document.string(&pointer) {
                let new = one.texts.iter().fold(old.clone(), |value, text| value.replace(text.as_str(), REDACTED));
                if new != old {
                    document.set(&pointer, &json!(new))?;
                    is_changed = true;
                }
            }
        }
        Ok(is_changed)
    }
}

/// The media type of a layer that is encoded so, in the family of `like`.
pub(super) fn layer_type(like: &str, encoding: Encoding) -> String {
    let is_docker = like.starts_with("application/vnd.docker.");
    let said = if like.ends_with("gzip") {
        "gzip"
    } else if like.ends_with("zstd") {
        "zstd"
    } else {
        ""
    };
    let word = match encoding {
        Encoding::None => "",
        Encoding::Gzip { .. } => "gzip",
        Encoding::Zstd { .. } => "zstd",
    };
    let is_known = like.rsplit('.').next() == Some("tar") || !said.is_empty();
    if like.is_empty() || (said == word && is_known) {
        return like.to_owned();
    }
    match (is_docker, word) {
        (true, "") => DOCKER_LAYER.into(),
        (true, word) => format!("{DOCKER_LAYER}.{word}"),
        (false, "") => OCI_LAYER.into(),
        (false, word) => format!("{OCI_LAYER}+{word}"),
    }
}

/// OCI's word for what Docker's schema 2 calls otherwise; `None` for all else.
pub(super) fn oci_type(docker: &str) -> Option<&'static str> {
    Some(match docker {
        media_type::DOCKER_INDEX => media_type::OCI_INDEX,
        media_type::DOCKER_MANIFEST => media_type::OCI_MANIFEST,
        media_type::DOCKER_CONFIG => media_type::OCI_CONFIG,
        DOCKER_LAYER => OCI_LAYER,
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar" => {
            "application/vnd.oci.image.layer.nondistributable.v1.tar"
        }
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => {
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        }
        _ => return None,
    })
}

/// Says in OCI's words what a manifest or an index says in Docker's.
pub(super) fn to_oci(document: &mut Json) -> Result<()> {
    let mut places = vec!["/mediaType".to_owned(), "/config/mediaType".to_owned()];
    for list in ["/layers", "/manifests"] {
        places.extend((0..document.len(list).unwrap_or(0)).map(|index| format!("{list}/{index}/mediaType")));
    }
    for place in places {
        if let Some(kind) = document.string(&place).as_deref().and_then(oci_type) {
            document.set(&place, &json!(kind))?;
        }
    }
    Ok(())
}

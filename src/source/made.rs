//! Images made in memory for the tests of sources, and what they look like once opened.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::image::manifest::media_type;
use crate::image::{Image, Platform};
use crate::limit::Limits;

use super::{Access, Choice, Opened, PlatformChoice, Request, SOURCES, target};

/// Files by name: a layout, or the members of an archive.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A tar of these members; a body that begins with `->` is a symbolic link.
pub(super) fn tar<'a>(members: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, body) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        if let Some(target) = body.strip_prefix(b"->") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            let target = std::str::from_utf8(target).expect("UTF-8");
            archive.append_link(&mut header, name, target).expect("memory can be written");
        } else {
            header.set_size(body.len() as u64);
            archive.append_data(&mut header, name, body).expect("memory can be written");
        }
    }
    archive.into_inner().expect("memory can be written")
}

/// A tar of files in the order of their names.
pub(super) fn tar_of(files: &Files) -> Vec<u8> {
    tar(files.iter().map(|(name, body)| (name.as_str(), body.as_slice())))
}

/// A layer with one file.
pub(super) fn layer(name: &str) -> Vec<u8> {
    tar([(name, name.as_bytes())])
}

/// A configuration for these layers.
pub(super) fn config(platform: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let platform: Platform = platform.parse().expect("a platform");
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::sha256(layer)).collect();
    let config = json!({"os": platform.os, "architecture": platform.architecture, "variant": platform.variant,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    config.to_string().into_bytes()
}

/// The platform of this machine, as a word.
pub(super) fn host() -> String {
    Platform::host().to_string()
}

/// Puts a blob into a layout.
pub(super) fn add(files: &mut Files, kind: &str, bytes: &[u8]) -> Value {
    let digest = Digest::sha256(bytes);
    files.insert(format!("blobs/sha256/{}", digest.hex()), bytes.to_vec());
    json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
}

/// Puts an image into a layout; the answer is the descriptor of its manifest.
pub(super) fn add_image(files: &mut Files, platform: &str, layers: &[Vec<u8>]) -> Value {
    let config = config(platform, layers);
    let config = add(files, media_type::OCI_CONFIG, &config);
    let layers: Vec<Value> =
        layers.iter().map(|layer| add(files, "application/vnd.oci.image.layer.v1.tar", layer)).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    add(files, media_type::OCI_MANIFEST, manifest.to_string().as_bytes())
}

/// Puts an index into a layout.
pub(super) fn add_index(files: &mut Files, manifests: &[Value]) -> Value {
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    add(files, media_type::OCI_INDEX, index.to_string().as_bytes())
}

/// Adds a field to a descriptor.
pub(super) fn with(mut descriptor: Value, key: &str, value: Value) -> Value {
    let fields = descriptor.as_object_mut().expect("a descriptor is an object");
    fields.insert(key.into(), value);
    descriptor
}

/// A descriptor with the platform it is for.
pub(super) fn on(descriptor: Value, platform: &str) -> Value {
    let platform: Platform = platform.parse().expect("a platform");
    let fields = json!({"os": platform.os, "architecture": platform.architecture, "variant": platform.variant});
    with(descriptor, "platform", fields)
}

/// A descriptor with a name.
pub(super) fn named(descriptor: Value, name: &str) -> Value {
    with(descriptor, "annotations", json!({"org.opencontainers.image.ref.name": name}))
}

/// Finishes a layout.
pub(super) fn layout(mut files: Files, manifests: &[Value]) -> Files {
    files.insert("index.json".into(), json!({"schemaVersion": 2, "manifests": manifests}).to_string().into_bytes());
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    files
}

/// A layout of one image with two layers for this machine.
pub(super) fn simple_layout() -> Files {
    let mut files = Files::new();
    let image = add_image(&mut files, &host(), &[layer("one"), layer("two")]);
    layout(files, &[named(image, "1.0")])
}

/// Tags, platform and layers of one image.
pub(super) type Saved<'a> = (&'a [&'a str], &'a str, &'a [Vec<u8>]);

/// An archive as `docker save` wrote it before Docker 25.
pub(super) fn docker(images: &[Saved<'_>]) -> Files {
    let mut files = Files::new();
    let mut manifests = Vec::new();
    for (tags, platform, layers) in images {
        let config = config(platform, layers);
        let name = format!("{}.json", Digest::sha256(&config).hex());
        let mut names = Vec::new();
        for layer in *layers {
            let name = format!("{}/layer.tar", Digest::sha256(layer).hex());
            files.insert(name.clone(), layer.clone());
            names.push(name);
        }
        let tags = if tags.is_empty() { Value::Null } else { json!(tags) };
        manifests.push(json!({"Config": name, "RepoTags": tags, "Layers": names}));
        files.insert(name, config);
    }
    files.insert("manifest.json".into(), Value::Array(manifests).to_string().into_bytes());
    files
}

/// Writes files below a folder.
pub(super) fn write(folder: &Path, files: &Files) {
    for (name, body) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        std::fs::write(path, body).expect("writable");
    }
}

/// "Compresses" for [`open`]: two bytes in front are enough to be taken for gzip.
pub(super) fn wrap(bytes: &[u8]) -> Vec<u8> {
    [b"\x1f\x8b", bytes].concat()
}

#[expect(clippy::unnecessary_wraps, reason = "the type of `Unwrap`")]
fn unwrap(mut stream: Box<dyn Read + Send>, _: &Limits) -> Result<Box<dyn Read + Send>> {
    io::copy(&mut (&mut stream).take(2), &mut io::sink()).expect("a file can be read");
    Ok(stream)
}

/// Opens a target as the command line would, reads every layer, and describes what came out, a line for each image.
pub(super) fn open(text: &str, platform: &PlatformChoice) -> Result<Vec<String>> {
    let limits = Limits::default();
    let parsed = target::parse(text)?;
    let source = SOURCES.iter().find(|source| source.id() == parsed.source).expect("a local source");
    let request = Request { platform: platform.clone(), ..request(&parsed.location, parsed.choice, &limits) };
    match source.open(&request)? {
        Opened::Images(images) => {
            let describe = |image: &Image| {
                let layers = image.layers.iter().map(|layer| layer.blob.open().map_or_else(error_word, read_whole));
                describe(image, layers.collect())
            };
            Ok(images.iter().map(describe).collect())
        }
        Opened::Stream(mut stream) => {
            let mut bodies = Vec::new();
            let found = stream.read(&mut |number, reader| {
                assert_eq!(number as usize, bodies.len(), "numbers are given in order");
                bodies.push(read_whole(reader));
                Ok(())
            })?;
            let lines = found.images.iter().map(|(image, layers)| {
                let layer = |number: Option<u32>| number.and_then(|n| bodies.get(n as usize)).cloned();
                describe(image, layers.iter().map(|l| layer(l.number).unwrap_or_else(|| "missing".into())).collect())
            });
            Ok(lines.collect())
        }
        Opened::Bill(target, bill) => Ok(vec![format!("{} with {} packages", target.source, bill.parts.len())]),
    }
}

/// A request without more than is needed.
pub(super) fn request<'a>(location: &'a str, choice: Choice, limits: &'a Limits) -> Request<'a> {
    static ACCESS: std::sync::LazyLock<Access> = std::sync::LazyLock::new(Access::default);
    Request { location, choice, platform: PlatformChoice::Host, limits, access: &ACCESS, unwrap: Some(unwrap) }
}

fn error_word(error: Error) -> String {
    if error.message.contains("missing") { "missing".into() } else { error.message }
}

fn read_whole(mut reader: impl Read) -> String {
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Digest::sha256(&bytes).to_string(),
        Err(_) => "cut".into(),
    }
}

/// Platform, tags and layers; a layer whose bytes have its diff ID is `ok`. Then what is incomplete or odd.
fn describe(image: &Image, layers: Vec<String>) -> String {
    assert_eq!(image.layers.len(), layers.len());
    let platform = image.target.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    let layers: Vec<String> = image
        .layers
        .iter()
        .zip(layers)
        .map(
            |(layer, bytes)| {
                if layer.diff_id.as_ref().is_some_and(|id| id.to_string() == bytes) { "ok".into() } else { bytes }
            },
        )
        .collect();
    let codes: Vec<&str> = image.limitations.iter().map(|limitation| limitation.code).collect();
    format!("{platform} [{}] {} {}", image.target.tags.join(" "), layers.join(" "), codes.join(" "))
        .trim_end()
        .to_owned()
}

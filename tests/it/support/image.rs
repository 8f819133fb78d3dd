//! Builds images in memory from recipes in `fixtures/`, to the same bytes each time.
//!
//! A recipe is TOML: `[config]`, `[[layer]]` with `members`, and what a scan must find. Secrets in
//! recipes are lists of parts, so that no file holds a whole one.

use std::io::Write as _;
use std::path::Path;

use careen::digest::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::layout::{CONFIG, LAYER, Layout, MANIFEST};

/// An image to build.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// What the image is for.
    pub about: String,
    /// The `config` object of the image configuration, as it is.
    #[serde(default)]
    pub config: Value,
    /// History entries; one for each layer is made up where this is empty.
    #[serde(default)]
    pub history: Vec<Value>,
    /// Annotations of the manifest.
    #[serde(default)]
    pub annotations: std::collections::BTreeMap<String, String>,
    /// Oldest first.
    #[serde(default)]
    pub layer: Vec<LayerRecipe>,
    /// What a scan must find.
    #[serde(default)]
    pub expect: Expect,
}

/// One layer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerRecipe {
    pub members: Vec<Member>,
}

/// One tar member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub path: String,
    #[serde(default)]
    pub text: Option<String>,
    /// Joined without anything between them.
    #[serde(default)]
    pub parts: Vec<String>,
    #[serde(default)]
    pub zeros: Option<u64>,
    #[serde(default)]
    pub symlink: Option<String>,
    #[serde(default)]
    pub hard_link: Option<String>,
    #[serde(default)]
    pub directory: bool,
    #[serde(default)]
    pub mode: Option<u32>,
    #[serde(default)]
    pub uid: u64,
}

/// What a scan must find.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// `name version` of every package, sorted.
    #[serde(default)]
    pub packages: Option<Vec<String>>,
    /// Rules that must report something.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Rules that must not report anything.
    #[serde(default)]
    pub silent: Vec<String>,
    /// Codes of limitations and notes, sorted, each once; all of them.
    #[serde(default)]
    pub limitations: Vec<String>,
    #[serde(default)]
    pub outcome: Option<String>,
}

impl Recipe {
    /// Reads a recipe of `fixtures/`.
    pub(crate) fn read(path: impl AsRef<Path>) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The uncompressed tar of each layer.
    pub(crate) fn layers(&self) -> Vec<Vec<u8>> {
        self.layer.iter().map(|layer| tar_of(&layer.members)).collect()
    }

    /// Builds the image.
    pub(crate) fn build(&self) -> Built {
        Built::new(self, &self.layers())
    }
}

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    /// Two gzip members.
    GzipTwice,
    Zstd,
    /// A skippable frame, then two frames, then a skippable frame.
    ZstdFrames,
    Bzip2,
    Xz,
}

impl Packing {
    pub(crate) const ALL: &[Self] =
        &[Self::Plain, Self::Gzip, Self::GzipTwice, Self::Zstd, Self::ZstdFrames, Self::Bzip2, Self::Xz];

    /// The media type of a layer packed so; xz and bzip2 have none of their own.
    fn media_type(self) -> String {
        match self {
            Self::Plain | Self::Bzip2 | Self::Xz => LAYER.into(),
            Self::Gzip | Self::GzipTwice => format!("{LAYER}+gzip"),
            Self::Zstd | Self::ZstdFrames => format!("{LAYER}+zstd"),
        }
    }
}

/// How `docker save` and its like lay an archive out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DockerStyle {
    /// Docker before 25: `<id>/layer.tar`.
    Old,
    /// `<id>/layer.tar` as symbolic links to where the layers are, as skopeo writes them.
    Linked,
    /// Docker 25 and later: an OCI layout with a `manifest.json`.
    Hybrid,
}

/// Documents and layers of an image.
pub(crate) struct Built {
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
    pub annotations: std::collections::BTreeMap<String, String>,
}

impl Built {
    /// An image of these uncompressed layers.
    pub(crate) fn new(recipe: &Recipe, layers: &[Vec<u8>]) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::sha256(layer).to_string()).collect();
        let history = if recipe.history.is_empty() {
            (0..layers.len()).map(|index| json!({"created_by": format!("COPY layer{index} / # buildkit")})).collect()
        } else {
            recipe.history.clone()
        };
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": if recipe.config.is_null() { json!({}) } else { recipe.config.clone() },
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
        });
        Self {
            config: serde_json::to_vec(&config).unwrap(),
            layers: layers.to_vec(),
            annotations: recipe.annotations.clone(),
        }
    }

    /// An image of these uncompressed layers that runs as a user and has nothing else to it.
    pub(crate) fn of(layers: &[Vec<u8>]) -> Self {
        let recipe = Recipe { config: json!({"User": "1000"}), ..Recipe::default() };
        Self::new(&recipe, layers)
    }

    /// `docker save` as it was before Docker 25: `<id>/layer.tar`.
    pub(crate) fn docker_archive(&self) -> Vec<u8> {
        docker_archive(&[("demo/image:latest", self)], DockerStyle::Old, Packing::Plain)
    }

    /// Puts the image's blobs into a layout and returns the manifest's descriptor.
    pub(crate) fn put_into(&self, layout: &mut Layout, packing: Packing) -> Value {
        let layers: Vec<Value> =
            self.layers.iter().map(|layer| layout.put(&packing.media_type(), pack(layer, packing))).collect();
        let config = layout.put(CONFIG, self.config.clone());
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        if !self.annotations.is_empty() {
            manifest["annotations"] = json!(self.annotations);
        }
        layout.put_json(MANIFEST, &manifest)
    }

    /// An OCI layout.
    pub(crate) fn oci(&self, packing: Packing) -> Layout {
        let mut layout = Layout::new();
        let mut manifest = self.put_into(&mut layout, packing);
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
        layout.index(&json!({"schemaVersion": 2, "manifests": [manifest]}));
        layout
    }

    /// An OCI layout in a tar.
    pub(crate) fn oci_archive(&self, packing: Packing) -> Vec<u8> {
        self.oci(packing).archive()
    }
}

/// One or several images as `docker save` writes them.
pub(crate) fn docker_archive(images: &[(&str, &Built)], style: DockerStyle, packing: Packing) -> Vec<u8> {
    let mut parts = Parts::default();
    let (mut manifests, mut descriptors) = (Vec::new(), Vec::new());
    let mut layout = Layout::new();
    for (tag, image) in images {
        let mut layers = Vec::new();
        for layer in &image.layers {
            let id = Digest::sha256(layer).hex().to_owned();
            let packed = pack(layer, packing);
            layers.push(match style {
                DockerStyle::Old => {
                    parts.file(&format!("{id}/VERSION"), b"1.0".to_vec());
                    parts.file(&format!("{id}/json"), serde_json::to_vec(&json!({"id": id})).unwrap());
                    parts.file(&format!("{id}/layer.tar"), packed)
                }
                DockerStyle::Linked => {
                    parts.file(&format!("{id}.tar"), packed);
                    parts.link(&format!("{id}/layer.tar"), &format!("../{id}.tar"))
                }
                DockerStyle::Hybrid => Layout::name(&Digest::sha256(&packed)),
            });
        }
        let config = Digest::sha256(&image.config);
        let config = match style {
            DockerStyle::Hybrid => {
                let mut manifest = image.put_into(&mut layout, packing);
                manifest["annotations"] = json!({"io.containerd.image.name": tag});
                descriptors.push(manifest);
                Layout::name(&config)
            }
            DockerStyle::Old | DockerStyle::Linked => {
                parts.file(&format!("{}.json", config.hex()), image.config.clone())
            }
        };
        manifests.push(json!({"Config": config, "RepoTags": [tag], "Layers": layers}));
    }
    if style == DockerStyle::Hybrid {
        layout.index(&json!({"schemaVersion": 2, "manifests": descriptors}));
        parts.0.extend(layout.into_parts().0);
    }
    parts.file("manifest.json", serde_json::to_vec(&manifests).unwrap());
    parts.archive()
}

/// Named files and links of an archive, each name once, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts(pub Vec<(String, Part)>);

/// One of [`Parts`].
#[derive(Debug, Clone)]
pub(crate) enum Part {
    File(Vec<u8>),
    Link(String),
}

impl Parts {
    /// Adds a file and returns its name.
    pub(crate) fn file(&mut self, name: &str, bytes: Vec<u8>) -> String {
        self.add(name, Part::File(bytes))
    }

    /// Adds a symbolic link and returns its name.
    pub(crate) fn link(&mut self, name: &str, target: &str) -> String {
        self.add(name, Part::Link(target.to_owned()))
    }

    fn add(&mut self, name: &str, part: Part) -> String {
        if self.0.iter().all(|(other, _)| other != name) {
            self.0.push((name.to_owned(), part));
        }
        name.to_owned()
    }

    /// A tar of them.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, part) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o644);
            match part {
                Part::File(bytes) => {
                    header.set_size(bytes.len() as u64);
                    builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
                }
                Part::Link(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_size(0);
                    builder.append_link(&mut header, name, target).unwrap();
                }
            }
        }
        builder.into_inner().unwrap()
    }
}

/// A layer's tar.
pub(crate) fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.sparse(false);
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.set_uid(member.uid);
        header.set_gid(member.uid);
        header.set_mtime(1_767_225_600);
        let bytes = member.bytes();
        let (kind, mode) = match member {
            Member { symlink: Some(_), .. } => (tar::EntryType::Symlink, 0o777),
            Member { hard_link: Some(_), .. } => (tar::EntryType::Link, 0o644),
            Member { directory: true, .. } => (tar::EntryType::Directory, 0o755),
            _ => (tar::EntryType::Regular, 0o644),
        };
        header.set_entry_type(kind);
        header.set_mode(member.mode.unwrap_or(mode));
        header.set_size(bytes.len() as u64);
        match member.symlink.as_ref().or(member.hard_link.as_ref()) {
            Some(target) => builder.append_link(&mut header, &member.path, target).unwrap(),
            None => builder.append_data(&mut header, &member.path, bytes.as_slice()).unwrap(),
        }
    }
    builder.into_inner().unwrap()
}

impl Member {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.text.clone().unwrap_or_default().into_bytes();
        bytes.extend(self.parts.concat().into_bytes());
        bytes.resize(bytes.len() + usize::try_from(self.zeros.unwrap_or(0)).unwrap(), 0);
        bytes
    }
}

/// Stores a layer.
pub(crate) fn pack(layer: &[u8], packing: Packing) -> Vec<u8> {
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let half = layer.len() / 2;
    match packing {
        Packing::Plain => layer.to_vec(),
        Packing::Gzip => gzip(layer),
        Packing::GzipTwice => [gzip(&layer[..half]), gzip(&layer[half..])].concat(),
        Packing::Zstd => zstd(layer),
        Packing::ZstdFrames => {
            let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
            [&skippable, zstd(&layer[..half]).as_slice(), &zstd(&layer[half..]), &skippable].concat()
        }
        Packing::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(layer).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Xz => {
            let options = lzma_rust2::XzOptions::with_preset(0);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            encoder.write_all(layer).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

//! Builds images in memory from recipes in `fixtures/`, to the same bytes each time.
//!
//! A recipe is TOML: `[config]`, `[[layer]]` with `members`, and what a scan must find. Secrets in
//! recipes are lists of parts, so that no file holds a whole one.

use std::io::Write as _;
use std::path::Path;

use careen::digest::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

/// An image to build.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
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
pub struct LayerRecipe {
    pub members: Vec<Member>,
}

/// One tar member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
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
pub struct Expect {
    /// `name version` of every package, sorted.
    #[serde(default)]
    pub packages: Option<Vec<String>>,
    /// `rule subject-or-path` of findings that must be there.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Rules that must not report anything.
    #[serde(default)]
    pub silent: Vec<String>,
    /// Codes of limitations, sorted; all of them.
    #[serde(default)]
    pub limitations: Vec<String>,
    #[serde(default)]
    pub outcome: Option<String>,
}

impl Recipe {
    /// Reads a recipe of `fixtures/`.
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The uncompressed tar of each layer.
    pub fn layers(&self) -> Vec<Vec<u8>> {
        self.layer.iter().map(|layer| tar_of(&layer.members)).collect()
    }

    /// Builds the image.
    pub fn build(&self) -> Built {
        Built::new(self, &self.layers())
    }
}

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    /// Two gzip members.
    GzipTwice,
    Zstd,
    /// A skippable frame, then two frames.
    ZstdFrames,
}

/// Documents and layers of an image.
pub struct Built {
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
    pub annotations: std::collections::BTreeMap<String, String>,
}

impl Built {
    /// An image of these uncompressed layers.
    pub fn new(recipe: &Recipe, layers: &[Vec<u8>]) -> Self {
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
        Self { config: serde_json::to_vec(&config).unwrap(), layers: layers.to_vec(), annotations: recipe.annotations.clone() }
    }

    /// `docker save` as it was before Docker 25: `<id>/layer.tar`.
    pub fn docker_archive(&self) -> Vec<u8> {
        docker_archive(&[("demo/image:latest", self)])
    }

    /// The blobs of an OCI layout and its index.
    pub fn oci(&self, packing: Packing) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut put = |bytes: Vec<u8>| {
            let digest = Digest::sha256(&bytes);
            let descriptor = json!({"digest": digest.to_string(), "size": bytes.len()});
            files.push((format!("blobs/sha256/{}", digest.hex()), bytes));
            descriptor
        };
        let with_type = |mut descriptor: Value, media_type: &str| {
            descriptor["mediaType"] = media_type.into();
            descriptor
        };
        let config = with_type(put(self.config.clone()), "application/vnd.oci.image.config.v1+json");
        let layer_type = match packing {
            Packing::Plain => "application/vnd.oci.image.layer.v1.tar",
            Packing::Gzip | Packing::GzipTwice => "application/vnd.oci.image.layer.v1.tar+gzip",
            Packing::Zstd | Packing::ZstdFrames => "application/vnd.oci.image.layer.v1.tar+zstd",
        };
        let layers: Vec<Value> = self.layers.iter().map(|layer| with_type(put(pack(layer, packing)), layer_type)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers, "annotations": self.annotations});
        let mut manifest = with_type(put(serde_json::to_vec(&manifest).unwrap()), "application/vnd.oci.image.manifest.v1+json");
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
        files.push(("index.json".into(), serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": [manifest]})).unwrap()));
        files.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        files
    }

    /// An OCI layout in a tar.
    pub fn oci_archive(&self, packing: Packing) -> Vec<u8> {
        archive(&self.oci(packing))
    }

    /// An OCI layout in a folder.
    pub fn oci_dir(&self, packing: Packing, folder: &Path) {
        for (name, bytes) in self.oci(packing) {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

/// Several images in one `docker save` archive.
pub fn docker_archive(images: &[(&str, &Built)]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut manifests = Vec::new();
    for (tag, image) in images {
        let config = format!("{}.json", Digest::sha256(&image.config).hex());
        let mut layers = Vec::new();
        for layer in &image.layers {
            let name = format!("{}/layer.tar", Digest::sha256(layer).hex());
            if !files.iter().any(|(other, _)| *other == name) {
                files.push((name.clone(), layer.clone()));
            }
            layers.push(name);
        }
        manifests.push(json!({"Config": config, "RepoTags": [tag], "Layers": layers}));
        files.push((config, image.config.clone()));
    }
    files.push(("manifest.json".into(), serde_json::to_vec(&manifests).unwrap()));
    archive(&files)
}

/// A tar of plain files.
pub fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A layer's tar.
pub fn tar_of(members: &[Member]) -> Vec<u8> {
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
pub fn pack(layer: &[u8], packing: Packing) -> Vec<u8> {
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
    }
}

/// One gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

//! Archives of `docker save`: the old form with `<id>/layer.tar`, skopeo's with links, and that of
//! Docker 25 and later, which is an OCI layout as well (Docker image specification 1.2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::digest::{Algorithm, Digest};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::manifest::DockerManifest;
use crate::image::{Image, ImageConfig, Layer, Platform, Target};
use crate::limit::Limits;

use super::attached::{Attachments, Sought};
use super::form::{self, Form};
use super::raw::Raw;
use super::select::{choose_platform, joined};
use super::store::{Assembled, Store, layer_or_absent, with_damage};
use super::{Choice, Opened, PlatformChoice, Request, Source, layout, name};

/// Lists the images of an archive.
pub(super) const MANIFEST: &str = "manifest.json";
/// All that very old archives have.
pub(super) const REPOSITORIES: &str = "repositories";

/// Opens archives of `docker save`.
pub struct DockerArchive;

impl Source for DockerArchive {
    fn id(&self) -> &'static str {
        Form::Docker.id()
    }

    fn sniffs(&self, location: &Path) -> bool {
        form::of_file(location) == Some(Form::Docker)
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        form::open_file(request, Some(Form::Docker))
    }

    fn raw(&self, request: &Request<'_>) -> Result<Raw> {
        form::raw_file(request, Form::Docker)
    }

    fn attached(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        form::attached(request, digest, Sought::Vex, self.id())
    }

    fn provenance(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        form::attached(request, digest, Sought::Provenance, self.id())
    }
}

/// Opens the images of a docker archive that `request` asks for.
pub(super) fn open(store: &dyn Store, request: &Request<'_>) -> Result<Vec<Assembled>> {
    with_damage(store, assemble(store, request))
}

/// An image of the archive with its configuration.
struct Candidate {
    manifest: DockerManifest,
    config: Config,
}

struct Config {
    digest: Digest,
    parsed: ImageConfig,
}

fn assemble(store: &dyn Store, request: &Request<'_>) -> Result<Vec<Assembled>> {
    let manifests = read_manifests(store, request)?;
    let chosen =
        match &request.choice {
            Choice::Only => only(manifests, request)?,
            Choice::Tag(wanted) => by_name(manifests, wanted, request)?,
            Choice::Digest(wanted) => {
                let list = listing(&manifests, request);
                let mut reader = ConfigReader::new(store, request);
                let mut found = Vec::new();
                for manifest in manifests {
                    if reader.digest(&manifest)? == *wanted {
                        found.push(manifest);
                    }
                }
                if found.is_empty() {
                    // the digest of a manifest stands in the layout that newer archives are too
                    return match store.document(layout::INDEX, request.limits.manifest)? {
                        Some(_) => layout::open(store, request, Form::Docker.id()),
                        None => Err(Error::new(ErrorKind::NotFound, format!("no image in it has the digest {wanted}"))
                            .help(list)),
                    };
                }
                found
            }
        };
    let mut reader = ConfigReader::new(store, request);
    let mut candidates = chosen
        .into_iter()
        .map(|manifest| Ok(Candidate { config: reader.config(&manifest)?, manifest }))
        .collect::<Result<Vec<_>>>()?;
    let is_choice = candidates.len() > 1;
    match request.platform {
        PlatformChoice::All => {}
        PlatformChoice::Host if !is_choice => {}
        PlatformChoice::Host | PlatformChoice::Only(_) => {
            let there: Vec<(Option<Platform>, String)> =
                candidates.iter().map(|c| (c.config.parsed.platform(), c.config.digest.to_string())).collect();
            let place = choose_platform(&there, request)?;
            candidates = candidates.into_iter().nth(place).into_iter().collect();
        }
    }
    Ok(candidates.into_iter().map(|candidate| image(store, request, candidate)).collect())
}

fn read_manifests(store: &dyn Store, request: &Request<'_>) -> Result<Vec<DockerManifest>> {
    let limits = request.limits;
    let Some(bytes) = store.document(MANIFEST, limits.manifest)? else {
        let error = Error::malformed("this is no docker archive: it has no `manifest.json`");
        return Err(if store.document(REPOSITORIES, limits.manifest)?.is_some() {
            error.help("it was written by Docker 1.9 or older; load it and save it again with a current version")
        } else {
            error
        });
    };
    let manifests = DockerManifest::parse(&bytes)?;
    if manifests.is_empty() {
        return Err(Error::malformed("the archive names no image"));
    }
    if manifests.len() > limits.descriptors {
        return Err(Error::limit(format!("the archive has more than {} images", limits.descriptors)));
    }
    if manifests.iter().any(|manifest| manifest.layers.len() > limits.layers) {
        return Err(Error::limit(format!("an image of the archive has more than {} layers", limits.layers)));
    }
    Ok(manifests)
}

/// Members that `manifest.json` names as configurations; none where it cannot be read.
pub(super) fn config_names(store: &dyn Store, limits: &Limits) -> BTreeSet<String> {
    let bytes = store.document(MANIFEST, limits.manifest).ok().flatten();
    let manifests = bytes.and_then(|bytes| DockerManifest::parse(&bytes).ok()).unwrap_or_default();
    manifests.into_iter().take(limits.descriptors).map(|manifest| manifest.config).collect()
}

/// Digests of these configurations, by each algorithm that an index may name them with.
pub(super) fn config_digests(store: &dyn Store, names: &BTreeSet<String>, limits: &Limits) -> Vec<[Digest; 2]> {
    let mut left = limits.documents.bytes();
    let digests = |name: &String| {
        let bytes = store.document(name, limits.config).ok()??;
        left = left.checked_sub(bytes.len() as u64)?;
        Some([Algorithm::Sha256, Algorithm::Sha512].map(|algorithm| Digest::of(algorithm, &bytes)))
    };
    names.iter().filter_map(digests).collect()
}

/// Reads configurations, each once, and not too much of them.
struct ConfigReader<'a> {
    store: &'a dyn Store,
    request: &'a Request<'a>,
    digests: BTreeMap<String, Digest>,
    bytes: u64,
}

impl<'a> ConfigReader<'a> {
    fn new(store: &'a dyn Store, request: &'a Request<'a>) -> Self {
        Self { store, request, digests: BTreeMap::new(), bytes: 0 }
    }

    fn digest(&mut self, manifest: &DockerManifest) -> Result<Digest> {
        match self.digests.get(&manifest.config) {
            Some(digest) => Ok(digest.clone()),
            None => Ok(self.read(manifest)?.0),
        }
    }

    fn config(&mut self, manifest: &DockerManifest) -> Result<Config> {
        let (digest, bytes) = self.read(manifest)?;
        let parsed = ImageConfig::parse(&bytes, self.request.limits)
            .map_err(|e| e.at(format!("{}, {}", self.store.place(), escape(&manifest.config))))?;
        if parsed.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(Error::malformed(format!(
                "`manifest.json` lists {} layers, but the configuration {}",
                manifest.layers.len(),
                parsed.rootfs.diff_ids.len()
            )));
        }
        Ok(Config { digest, parsed })
    }

    /// The bytes, checked against the digest in their name, where it has one.
    fn read(&mut self, manifest: &DockerManifest) -> Result<(Digest, Vec<u8>)> {
        let limits = self.request.limits;
        let name = &manifest.config;
        let bytes = self.store.document(name, limits.config)?.ok_or_else(|| {
            Error::malformed(format!("the image's configuration `{}` is missing in the archive", escape(name)))
        })?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > limits.documents.bytes() {
            return Err(Error::limit(format!("the configurations have more than {}", limits.documents)));
        }
        let named = layout::digest_of(name)
            .or_else(|| format!("sha256:{}", name.strip_suffix(".json")?.rsplit('/').next()?).parse().ok());
        if let Some(named) = named
            && !named.matches(&bytes)
        {
            return Err(Error::malformed(format!(
                "the configuration `{}` does not have the digest of its name",
                escape(name)
            )));
        }
        let digest = Digest::sha256(&bytes);
        self.digests.insert(name.clone(), digest.clone());
        Ok((digest, bytes))
    }
}

fn image(store: &dyn Store, request: &Request<'_>, candidate: Candidate) -> Assembled {
    let Candidate { manifest, config: Config { digest, parsed: config } } = candidate;
    let history = config.history_of_layers(manifest.layers.len());
    let layers = (0u32..)
        .zip(&manifest.layers)
        .zip(&config.rootfs.diff_ids)
        .zip(history)
        .map(|(((index, name), diff_id), history)| {
            let blob = layer_or_absent(store, name);
            let stated = layout::digest_of(name);
            Layer {
                index,
                media_type: None,
                size: stated.as_ref().and_then(|_| blob.size()),
                digest: stated,
                diff_id: Some(diff_id.clone()),
                history,
                is_foreign: false,
                blob,
            }
        })
        .collect();
    let target = Target {
        reference: request.location.to_owned(),
        source: Form::Docker.id(),
        platform: config.platform(),
        config_digest: Some(digest),
        tags: manifest.repo_tags,
        ..Target::default()
    };
    let annotations = BTreeMap::new();
    let image = Image { target, config: Some(config), annotations, layers, limitations: Vec::new() };
    Assembled { image, layers: manifest.layers }
}

/// The only image, or those that are one image for several platforms: the same names.
fn only(manifests: Vec<DockerManifest>, request: &Request<'_>) -> Result<Vec<DockerManifest>> {
    let manifests = merge_equal(manifests);
    let same_names = manifests.windows(2).all(|pair| match pair {
        [one, other] => one.repo_tags == other.repo_tags && !one.repo_tags.is_empty(),
        _ => true,
    });
    if same_names {
        return Ok(manifests);
    }
    Err(Error::new(ErrorKind::Usage, format!("it holds {} images, and none was chosen", manifests.len()))
        .help(listing(&manifests, request)))
}

fn by_name(manifests: Vec<DockerManifest>, wanted: &str, request: &Request<'_>) -> Result<Vec<DockerManifest>> {
    let list = listing(&manifests, request);
    let fit = |manifest: &DockerManifest| manifest.repo_tags.iter().filter_map(|tag| name::fit(tag, wanted)).min();
    let Some(best) = manifests.iter().filter_map(fit).min() else {
        let message = format!("no image in it has the name `{}`", escape(wanted));
        return Err(Error::new(ErrorKind::NotFound, message).help(list));
    };
    let found: Vec<_> = manifests.into_iter().filter(|manifest| fit(manifest) == Some(best)).collect();
    let found = merge_equal(found);
    match (best, found.len()) {
        (name::Fit::Name, _) | (_, 1) => Ok(found),
        (_, count) => {
            Err(Error::new(ErrorKind::Usage, format!("{count} images in it have the name `{}`", escape(wanted)))
                .help(listing(&found, request)))
        }
    }
}

/// Puts together entries that are the same image under several names.
fn merge_equal(manifests: Vec<DockerManifest>) -> Vec<DockerManifest> {
    let mut merged: Vec<DockerManifest> = Vec::new();
    let mut places: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
    for manifest in manifests {
        let key = (manifest.config.clone(), manifest.layers.clone());
        let place = *places.entry(key).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(same) => same.repo_tags.extend(manifest.repo_tags),
            None => merged.push(manifest),
        }
    }
    merged
}

/// The words that choose each of several images.
fn listing(manifests: &[DockerManifest], request: &Request<'_>) -> String {
    let location = escape(request.location);
    let words: Vec<String> = manifests
        .iter()
        .map(|manifest| {
            if let Some(tag) = manifest.repo_tags.first() {
                return format!("`{location}:{}`", escape(tag));
            }
            let hex = manifest.config.strip_suffix(".json").unwrap_or(&manifest.config).rsplit('/').next();
            format!("`{location}@sha256:{}`", escape(hex.unwrap_or_default()))
        })
        .collect();
    format!("name one: {}", joined(&words))
}

#[cfg(test)]
mod tests {
    use super::super::made::{self, docker, layer, tar, tar_of, wrap};
    use super::*;

    /// Opens the archive as a file and as a stream, which must agree, and describes the outcome.
    fn outcome(archive: &[u8], choice: &str) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("image");
        let open = |bytes: &[u8], platform: &PlatformChoice| {
            std::fs::write(&path, bytes).expect("writable");
            let target = format!("{}{choice}", path.display());
            made::open(&target, platform).map_or_else(
                |e| {
                    format!("{}: {e} | {}", e.kind.as_str(), e.help.as_deref().unwrap_or_default())
                        .replace(&path.display().to_string(), "FILE")
                },
                |images| images.join("\n"),
            )
        };
        let plain = open(archive, &PlatformChoice::Host);
        assert_eq!(plain, open(&wrap(archive), &PlatformChoice::Host));
        plain
    }

    fn two_images() -> Vec<u8> {
        tar_of(&docker(&[
            (&["shop/api:1.4", "shop/api:latest"], "linux/arm64", &[layer("a"), layer("b")]),
            (&["shop/web:1.4"], "linux/arm64", &[layer("a"), layer("c")]),
            (&[], "linux/arm64", &[layer("d")]),
        ]))
    }

    #[test]
    fn one_of_several_images_is_chosen_by_name_or_digest() {
        let archive = two_images();
        let hex = Digest::sha256(&made::config("linux/arm64", &[layer("d")]));
        let hex = hex.hex();
        let cases = [
            (
                "",
                format!(
                    "usage: it holds 3 images, and none was chosen | name one: `FILE:shop/api:1.4`, `FILE:shop/web:1.4`, `FILE@sha256:{hex}`"
                ),
            ),
            (":shop/web:1.4", "linux/arm64 [shop/web:1.4] ok ok".into()),
            (":docker.io/shop/api", "linux/arm64 [shop/api:1.4 shop/api:latest] ok ok".into()),
            (":latest", "linux/arm64 [shop/api:1.4 shop/api:latest] ok ok".into()),
            (
                ":1.4",
                "usage: 2 images in it have the name `1.4` | name one: `FILE:shop/api:1.4`, `FILE:shop/web:1.4`".into(),
            ),
            (":web:1.4", "linux/arm64 [shop/web:1.4] ok ok".into()),
            (
                ":2.0",
                format!(
                    "not-found: no image in it has the name `2.0` | name one: `FILE:shop/api:1.4`, `FILE:shop/web:1.4`, `FILE@sha256:{hex}`"
                ),
            ),
            (&format!("@sha256:{hex}"), "linux/arm64 [] ok".into()),
        ];
        for (choice, expected) in cases {
            assert_eq!(outcome(&archive, choice), expected, "{choice}");
        }
    }

    #[test]
    fn forms_of_all_ages_are_read() {
        let layers = [layer("a"), layer("b")];
        let config = made::config("linux/arm64", &layers);
        let id = Digest::sha256(&config);
        let manifest = |config: &str, layers: [&str; 2]| {
            serde_json::json!([{"Config": config, "RepoTags": ["x:1"], "Layers": layers}]).to_string()
        };
        let linked = tar([
            ("one.tar", &layers[0][..]),
            ("id1/layer.tar", b"->../one.tar"),
            ("id2/layer.tar", &layers[1][..]),
            (&format!("{}.json", id.hex()), &config[..]),
            ("manifest.json", manifest(&format!("{}.json", id.hex()), ["id1/layer.tar", "./id2/layer.tar"]).as_bytes()),
        ]);
        assert_eq!(outcome(&linked, ""), "linux/arm64 [x:1] ok ok");
        let mut hybrid = made::Files::new();
        let descriptor = made::add_image(&mut hybrid, "linux/arm64", &layers);
        let digest = descriptor.get("digest").and_then(|d| d.as_str()).expect("a digest").to_owned();
        let mut hybrid = made::layout(hybrid, &[descriptor]);
        let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::sha256(bytes).hex());
        let names = [blob(&layers[0]), blob(&layers[1])];
        hybrid.insert("manifest.json".into(), manifest(&blob(&config), [&names[0], &names[1]]).into_bytes());
        assert_eq!(outcome(&tar_of(&hybrid), ""), "linux/arm64 [x:1] ok ok");
        assert_eq!(outcome(&tar_of(&hybrid), &format!("@{id}")), "linux/arm64 [x:1] ok ok");
        assert_eq!(outcome(&tar_of(&hybrid), &format!("@{digest}")), "linux/arm64 [] ok ok");
        assert_eq!(
            outcome(&tar([("repositories", b"{}".as_slice()), ("id/layer.tar", &layers[0])]), ""),
            "malformed: this is no docker archive: it has no `manifest.json` | \
             it was written by Docker 1.9 or older; load it and save it again with a current version"
        );
    }

    #[test]
    fn what_does_not_hold_together_is_refused_or_incomplete() {
        type Change = fn(&mut made::Files);
        let cases: [(&str, Change, &str); 8] = [
            ("sound", |_| (), "linux/arm64 [x:1] ok ok"),
            ("layer gone", |f| drop(f.remove(&key(f, "layer.tar"))), "linux/arm64 [x:1] missing ok"),
            (
                "link in a circle",
                |f| drop(f.insert(key(f, "layer.tar"), b"->layer.tar".to_vec())),
                "linux/arm64 [x:1] missing ok",
            ),
            (
                "link out of it",
                |f| drop(f.insert(key(f, "layer.tar"), b"->/etc/passwd".to_vec())),
                "linux/arm64 [x:1] missing ok",
            ),
            ("config gone", |f| drop(f.remove(&key(f, ".json"))), "malformed: the image's configuration"),
            ("config swapped", |f| drop(f.insert(key(f, ".json"), b"{}".to_vec())), "malformed: the configuration"),
            (
                "no image",
                |f| drop(f.insert("manifest.json".into(), b"[]".to_vec())),
                "malformed: the archive names no image",
            ),
            (
                "no list",
                |f| drop(f.insert("manifest.json".into(), b"{}".to_vec())),
                "malformed: cannot parse `manifest.json`",
            ),
        ];
        for (name, change, expected) in cases {
            let mut files = docker(&[(&["x:1"], "linux/arm64", &[layer("a"), layer("b")])]);
            change(&mut files);
            let got = outcome(&tar_of(&files), "");
            assert!(got.starts_with(expected), "{name}: {got}");
        }
        let mut files = docker(&[(&["x:1"], "linux/arm64", &[layer("a")])]);
        let manifest = files.get_mut("manifest.json").expect("there");
        *manifest = String::from_utf8_lossy(manifest).replace("\"Layers\":[", "\"Layers\":[\"x\",").into_bytes();
        let got = outcome(&tar_of(&files), "");
        assert!(got.starts_with("malformed: `manifest.json` lists 2 layers, but the configuration 1"), "{got}");
    }

    /// The first name with this end; of layers the one of the first layer.
    fn key(files: &made::Files, end: &str) -> String {
        let first = format!("{}/layer.tar", Digest::sha256(&layer("a")).hex());
        let mut names = files.keys().filter(|name| name.ends_with(end) && *name != "manifest.json");
        names.find(|name| end == ".json" || **name == first).expect("there").clone()
    }

    #[test]
    fn platforms_are_asked_for_by_the_configuration() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("image").display().to_string();
        let archive = docker(&[(&["x:1"], "linux/s390x", &[layer("a")]), (&["x:1"], "linux/arm/v7", &[layer("b")])]);
        std::fs::write(&path, tar_of(&archive)).expect("writable");
        let open = |platform| {
            made::open(&path, &platform).map_err(|e| format!("{e} | {}", e.help.as_deref().unwrap_or_default()))
        };
        let only = |text: &str| PlatformChoice::Only(text.parse().expect("a platform"));
        assert_eq!(open(only("linux/arm")), Ok(vec!["linux/arm/v7 [x:1] ok".into()]));
        assert_eq!(
            open(only("linux/riscv64")),
            Err("there is no image for linux/riscv64 | it has: linux/arm/v7, linux/s390x".into())
        );
        assert_eq!(open(PlatformChoice::All).map(|images| images.len()), Ok(2));
        assert!(open(PlatformChoice::Host).is_err_and(|e| e.contains("--platform")));
    }

    #[test]
    fn no_prefix_of_an_archive_is_complete() {
        let whole = tar_of(&docker(&[(&["x:1"], "linux/arm64", &[layer("a"), layer("b")])]));
        for length in (512..whole.len()).step_by(64) {
            let got = outcome(whole.get(..length).expect("shorter"), "");
            assert!(got.starts_with("malformed: ") || got.contains("archive-damaged"), "{length}: {got}");
        }
        assert_eq!(outcome(&whole, ""), "linux/arm64 [x:1] ok ok");
    }
}

//! Archives of `docker save`: the old form with `<id>/layer.tar`, skopeo's with links, and that of
//! Docker 25 and later, which is an OCI layout as well (Docker image specification 1.2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::manifest::DockerManifest;
use crate::image::{Image, ImageConfig, Layer, Platform, Target};

use super::form::{self, Form};
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
    let manifests: Vec<DockerManifest> =
        serde_json::from_slice(&bytes).map_err(|e| Error::malformed("cannot parse `manifest.json`").because(e))?;
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
                blob,
            }
        })
        .collect();
    let target = Target {
        reference: request.location.to_owned(),
        source: Form::Docker.id(),
        platform: config.platform(),
        digest: None,
        config_digest: Some(digest),
        tags: manifest.repo_tags,
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

//! From index to manifest to configuration: which images of a place are meant, every document verified.
//!
//! Layouts, archives and registries differ in where a blob lies; they share what is here.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
pub use crate::image::Descriptor;
use crate::image::manifest::{Document, Manifest, media_type};
use crate::image::{Blob, Image, ImageConfig, Layer, Platform, Target};
use crate::limit::Limits;
use crate::limitation::Limitation;

use super::name::{self, Fit};
use super::{Choice, PlatformChoice, Request};

/// Annotation with the name of an image in a layout (image-spec annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same as containerd and Docker write it, with the repository.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// Entries listed in an error.
const LISTED: usize = 12;

/// Reads one document: at most as many bytes as the descriptor says, and one more to tell that there
/// are more. The bytes are verified by the caller.
pub type Fetch<'a> = dyn FnMut(&Descriptor) -> Result<Vec<u8>> + 'a;

/// A manifest that was asked for, with its configuration, both verified.
#[derive(Debug)]
pub struct Selected {
    /// Names the manifest.
    pub descriptor: Descriptor,
    /// The manifest.
    pub manifest: Manifest,
    /// Its configuration; has as many diff IDs as the manifest has layers.
    pub config: ImageConfig,
    /// The indexes that led to it, the outermost first.
    pub indexes: Vec<Digest>,
    /// Names the index gives the image.
    pub tags: Vec<String>,
    /// Annotations of the manifest, and below them those of the descriptors that lead to it.
    pub annotations: BTreeMap<String, String>,
    /// Oddities met on the way.
    pub limitations: Vec<Limitation>,
}

/// Finds the images that `request` asks for among `roots`, and reads their documents through `fetch`.
///
/// `roots` are the entries of a layout's `index.json`, or the one document a registry has for a
/// reference (with a request whose choice is [`Choice::Only`]). The answer is never empty and has more than one image only for
/// [`PlatformChoice::All`]. Several images and no choice, or no image for the platform, are errors
/// that list what there is. Attestations, signatures and artifacts are never images.
pub fn select(roots: Vec<Descriptor>, request: &Request<'_>, fetch: &mut Fetch<'_>) -> Result<Vec<Selected>> {
    let mut walk = Walk {
        limits: request.limits,
        fetch,
        seen: BTreeSet::new(),
        entries: 0,
        bytes: 0,
        passed: Vec::new(),
        may_run: false,
    };
    let images = group(walk.usable(roots)?);
    let (leaves, is_exact) = match &request.choice {
        Choice::Only => (walk.leaves(only(images, request)?)?, false),
        Choice::Tag(wanted) => (walk.leaves(by_name(images, wanted, request)?)?, false),
        Choice::Digest(wanted) => walk.by_digest(images, wanted, request)?,
    };
    if leaves.is_empty() {
        return Err(walk.nothing());
    }
    let leaves = walk.pick(leaves, is_exact, request)?;
    leaves.into_iter().map(|leaf| walk.finish(leaf, request)).collect()
}

/// Checks `bytes` against the size and digest that name them.
pub fn verify(descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
    if bytes.len() as u64 != descriptor.size {
        return Err(Error::malformed(format!(
            "the document {} does not have the {} bytes that its descriptor says",
            descriptor.digest, descriptor.size
        )));
    }
    if !descriptor.digest.matches(bytes) {
        return Err(Error::malformed(format!(
            "the document {} does not have the digest it is named by",
            descriptor.digest
        )));
    }
    Ok(())
}

/// Why a layer's bytes are not what they seem to be, told by its descriptor alone.
pub fn gap_of_layer(index: u32, layer: &Descriptor) -> Option<(&'static str, String)> {
    let shown = escape(&layer.media_type);
    if layer.media_type.ends_with("+encrypted") {
        return Some(("encrypted-layer", format!("layer {index} is encrypted (`{shown}`)")));
    }
    if is_foreign(layer) {
        return Some(("foreign-layer", format!("layer {index} is kept on another host, which is never asked")));
    }
    None
}

/// Whether a layer is kept elsewhere by its descriptor: "foreign" or "non-distributable".
pub fn is_foreign(layer: &Descriptor) -> bool {
    !layer.urls.is_empty()
        || layer.media_type.contains(".nondistributable.")
        || layer.media_type.contains(".rootfs.foreign.")
}

impl Selected {
    /// Puts the image together. `blob` gives the bytes of a layer, without reading them.
    ///
    /// A foreign layer that `is_here` denies and an encrypted one leave a gap.
    pub fn into_image(
        self,
        request: &Request<'_>,
        source: &'static str,
        is_here: &mut dyn FnMut(&Descriptor) -> bool,
        blob: &mut dyn FnMut(&Descriptor) -> Arc<dyn Blob>,
    ) -> Image {
        let Self { descriptor, manifest, config, indexes, tags, annotations, mut limitations } = self;
        let history = config.history_of_layers(manifest.layers.len());
        let mut layers = Vec::new();
        for (((index, layer), diff_id), history) in
            (0u32..).zip(&manifest.layers).zip(&config.rootfs.diff_ids).zip(history)
        {
            if let Some((code, what)) = gap_of_layer(index, layer)
                && (code != "foreign-layer" || !is_here(layer))
            {
                limitations.push(Limitation::gap(code, format!("layer {index}, {}", layer.digest), what));
            }
            layers.push(Layer {
                index,
                media_type: (!layer.media_type.is_empty()).then(|| layer.media_type.clone()),
                digest: Some(layer.digest.clone()),
                size: Some(layer.size),
                diff_id: Some(diff_id.clone()),
                history,
                is_foreign: is_foreign(layer),
                blob: blob(layer),
            });
        }
        let target = Target {
            reference: request.location.to_owned(),
            source,
            platform: config.platform().or(descriptor.platform),
            digest: Some(descriptor.digest),
            indexes,
            config_digest: Some(manifest.config.digest),
            tags,
        };
        Image { target, config: Some(config), annotations, layers, limitations }
    }
}

/// An entry of the root index: one blob, with all names it has.
#[derive(Debug)]
struct Root {
    descriptor: Descriptor,
    names: Vec<String>,
}

/// Entries that are one image: the same names, a platform each.
type Group = Vec<Root>;

/// A manifest that was found, read or not.
struct Leaf {
    descriptor: Descriptor,
    manifest: Option<Manifest>,
    platform: Option<Platform>,
    /// Whether it stands in an index document rather than alone.
    is_in_index: bool,
    /// The indexes that led here.
    trail: Vec<Digest>,
    tags: Vec<String>,
    annotations: BTreeMap<String, String>,
}

struct Walk<'a, 'f> {
    limits: &'a Limits,
    fetch: &'a mut Fetch<'f>,
    /// Indexes and manifests met already.
    seen: BTreeSet<Digest>,
    /// Descriptors looked at.
    entries: usize,
    /// Bytes of documents read.
    bytes: u64,
    /// What was passed over, in words.
    passed: Vec<String>,
    /// Whether something of it is a manifest that a program may run all the same.
    may_run: bool,
}

impl Walk<'_, '_> {
    /// The entries that may be images, each blob once.
    fn usable(&mut self, roots: Vec<Descriptor>) -> Result<Vec<Root>> {
        let mut found: Vec<Root> = Vec::new();
        let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
        for descriptor in roots {
            self.count()?;
            if self.passes_over(&descriptor) {
                continue;
            }
            let names = names(&descriptor);
            let place = *places.entry(descriptor.digest.clone()).or_insert(found.len());
            match found.get_mut(place) {
                Some(root) => root.names.extend(names),
                None => found.push(Root { descriptor, names }),
            }
        }
        for root in &mut found {
            root.names.sort_unstable();
            root.names.dedup();
        }
        Ok(found)
    }

    fn count(&mut self) -> Result<()> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > self.limits.descriptors {
            return Err(Error::limit(format!("the indexes have more than {} entries", self.limits.descriptors)));
        }
        Ok(())
    }

    /// Whether this is something else than an image, by its descriptor, and nothing that an engine runs all the same: one goes by
    /// the platform, and where none is named by the manifest, whatever else is said of it.
    fn passes_over(&mut self, descriptor: &Descriptor) -> bool {
        let is_known = is_known(&descriptor.media_type);
        let what = if descriptor.is_attestation() {
            "attestation".into()
        } else if names(descriptor).iter().any(|name| is_signature_tag(name)) {
            "signature".into()
        } else if let Some(kind) = descriptor.artifact_type.as_deref().filter(|kind| !kind.is_empty()) {
            format!("artifact of type `{}`", escape(kind))
        } else if is_known {
            return false;
        } else if media_type::is_schema_1(&descriptor.media_type) {
            "manifests of the old schema 1, which careen does not read".into()
        } else {
            format!("`{}`", escape(&descriptor.media_type))
        };
        let is_for_nobody = descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
        if is_known && !is_for_nobody && (descriptor.platform.is_some() || self.is_runnable(descriptor)) {
            return false;
        }
        self.may_run |= (is_known || media_type::is_schema_1(&descriptor.media_type)) && !is_for_nobody;
        if self.passed.len() < LISTED && !self.passed.contains(&what) {
            self.passed.push(what);
        }
        true
    }

    /// Whether it is the manifest of an image for some platform, with layers that are unpacked. What cannot be read is none.
    fn is_runnable(&mut self, descriptor: &Descriptor) -> bool {
        let is_layer = |layer: &Descriptor| {
            ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."]
                .iter()
                .any(|start| layer.media_type.starts_with(start))
        };
        let Ok(Document::Manifest(manifest)) = self.read_document(descriptor) else { return false };
        let is_for_nobody = |config: ImageConfig| config.platform().as_ref().is_some_and(Platform::is_unknown);
        manifest.layers.iter().any(is_layer) && !self.read_config(&manifest).is_ok_and(is_for_nobody)
    }

    fn nothing(&self) -> Error {
        if self.passed.is_empty() {
            return Error::malformed("the index names no image");
        }
        let kind = if self.may_run { ErrorKind::Malformed } else { ErrorKind::NoImage };
        Error::new(kind, format!("this is not an image: the index names only {}", self.passed.join(", ")))
    }

    fn read(&mut self, descriptor: &Descriptor, most: u64, what: &str) -> Result<Vec<u8>> {
        if descriptor.size > most {
            return Err(Error::limit(format!(
                "the {what} {} is larger than {}",
                descriptor.digest,
                crate::size::ByteSize(most)
            )));
        }
        self.bytes = self.bytes.saturating_add(descriptor.size);
        if self.bytes > self.limits.documents.bytes() {
            return Err(Error::limit(format!("the documents have more than {}", self.limits.documents)));
        }
        let bytes = (self.fetch)(descriptor)?;
        verify(descriptor, &bytes)?;
        Ok(bytes)
    }

    fn read_document(&mut self, descriptor: &Descriptor) -> Result<Document> {
        let bytes = self.read(descriptor, self.limits.manifest.bytes(), "manifest")?;
        let place = || descriptor.digest.to_string();
        let document = Document::parse(&bytes, self.limits).map_err(|e| e.at(place()))?;
        let is_index = matches!(document, Document::Index(_));
        if !descriptor.media_type.is_empty() && descriptor.is_index() != is_index {
            return Err(Error::malformed("the document is not of the media type that its descriptor says").at(place()));
        }
        Ok(document)
    }

    fn read_config(&mut self, manifest: &Manifest) -> Result<ImageConfig> {
        let bytes = self.read(&manifest.config, self.limits.config.bytes(), "configuration")?;
        ImageConfig::parse(&bytes, self.limits).map_err(|e| e.at(manifest.config.digest.to_string()))
    }

    /// All manifests of one image.
    fn leaves(&mut self, image: Group) -> Result<Vec<Leaf>> {
        let mut leaves = Vec::new();
        for root in image {
            let leaf = Leaf {
                platform: None,
                manifest: None,
                is_in_index: false,
                trail: Vec::new(),
                tags: root.names,
                annotations: BTreeMap::new(),
                descriptor: root.descriptor,
            };
            self.descend(leaf, 1, &mut leaves)?;
        }
        Ok(leaves)
    }

    fn descend(&mut self, mut here: Leaf, depth: u32, leaves: &mut Vec<Leaf>) -> Result<()> {
        here.platform = here.descriptor.platform.clone().or(here.platform);
        here.annotations.extend(here.descriptor.annotations.clone());
        if !self.seen.insert(here.descriptor.digest.clone()) {
            return Ok(());
        }
        // an index over the network need not be followed to manifests nobody asks for
        let is_manifest = !here.descriptor.media_type.is_empty() && !here.descriptor.is_index();
        if here.is_in_index && is_manifest && here.platform.is_some() {
            leaves.push(here);
            return Ok(());
        }
        match self.read_document(&here.descriptor)? {
            Document::Manifest(manifest) => leaves.push(Leaf { manifest: Some(manifest), ..here }),
            Document::Index(index) => {
                if depth >= self.limits.index_depth {
                    return Err(Error::limit(format!("indexes nest deeper than {}", self.limits.index_depth)));
                }
                let mut trail = here.trail;
                trail.push(here.descriptor.digest);
                here.annotations.extend(index.annotations);
                for descriptor in index.manifests {
                    self.count()?;
                    if self.passes_over(&descriptor) {
                        continue;
                    }
                    let below = Leaf {
                        descriptor,
                        manifest: None,
                        platform: here.platform.clone(),
                        is_in_index: true,
                        trail: trail.clone(),
                        tags: here.tags.clone(),
                        annotations: here.annotations.clone(),
                    };
                    self.descend(below, depth.saturating_add(1), leaves)?;
                }
            }
        }
        Ok(())
    }

    /// The manifests named by a digest, directly or as an index; whether it was directly.
    fn by_digest(&mut self, images: Vec<Group>, wanted: &Digest, request: &Request<'_>) -> Result<(Vec<Leaf>, bool)> {
        let list = listing(&images, request);
        let (direct, others): (Vec<_>, Vec<_>) =
            images.into_iter().flatten().partition(|root| root.descriptor.digest == *wanted);
        if !direct.is_empty() {
            return Ok((self.leaves(direct)?, false));
        }
        let mut leaves = self.leaves(others)?;
        leaves.retain(|leaf| leaf.descriptor.digest == *wanted || leaf.trail.contains(wanted));
        if leaves.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("no image in it has the digest {wanted}")).help(list));
        }
        let is_exact = leaves.iter().any(|leaf| leaf.descriptor.digest == *wanted);
        Ok((leaves, is_exact))
    }

    /// Those of the wanted platform.
    fn pick(&mut self, mut leaves: Vec<Leaf>, is_exact: bool, request: &Request<'_>) -> Result<Vec<Leaf>> {
        // one image alone is no choice, unless an index says for whom it is
        let is_alone = leaves.len() == 1 && leaves.iter().all(|leaf| !leaf.is_in_index || leaf.platform.is_none());
        match request.platform {
            PlatformChoice::All => return Ok(leaves),
            PlatformChoice::Host if is_exact || is_alone => return Ok(leaves),
            PlatformChoice::Host | PlatformChoice::Only(_) => {}
        }
        for leaf in &mut leaves {
            if leaf.platform.is_none() {
                let manifest = match leaf.manifest.take() {
                    Some(manifest) => manifest,
                    None => self.read_manifest(&leaf.descriptor)?,
                };
                leaf.platform = self.read_config(&manifest)?.platform();
                leaf.manifest = Some(manifest);
            }
        }
        let there: Vec<_> =
            leaves.iter().map(|leaf| (leaf.platform.clone(), leaf.descriptor.digest.to_string())).collect();
        let place = choose_platform(&there, request)?;
        Ok(leaves.into_iter().nth(place).into_iter().collect())
    }

    fn read_manifest(&mut self, descriptor: &Descriptor) -> Result<Manifest> {
        match self.read_document(descriptor)? {
            Document::Manifest(manifest) => Ok(manifest),
            Document::Index(_) => {
                Err(Error::malformed("the document is an index where a manifest belongs")
                    .at(descriptor.digest.to_string()))
            }
        }
    }

    fn finish(&mut self, leaf: Leaf, request: &Request<'_>) -> Result<Selected> {
        let Leaf { descriptor, manifest, platform, mut annotations, tags, trail, .. } = leaf;
        let manifest = match manifest {
            Some(manifest) => manifest,
            None => self.read_manifest(&descriptor)?,
        };
        let config = self.read_config(&manifest)?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(Error::malformed(format!(
                "the manifest has {} layers, but the configuration {}",
                manifest.layers.len(),
                config.rootfs.diff_ids.len()
            ))
            .at(descriptor.digest.to_string()));
        }
        let mut limitations = Vec::new();
        if let (Some(stated), Some(own)) = (&platform, config.platform())
            && !own.satisfies(stated)
        {
            let what =
                format!("the index says {}, the configuration {}", escape(stated.to_string()), escape(own.to_string()));
            // asked for one platform and given another, by an index that lies
            if let PlatformChoice::Only(wanted) = &request.platform
                && !own.satisfies(wanted)
            {
                return Err(
                    Error::malformed(format!("{what}, where {wanted} was asked for")).at(descriptor.digest.to_string())
                );
            }
            limitations.push(Limitation::note("platform-differs", descriptor.digest.to_string(), what));
        }
        annotations.extend(manifest.annotations.clone());
        Ok(Selected {
            descriptor: Descriptor { platform, ..descriptor },
            manifest,
            config,
            indexes: trail,
            tags,
            annotations,
            limitations,
        })
    }
}

/// Puts together what is one image for several platforms: equal names, and a platform each.
fn group(roots: Vec<Root>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for root in roots {
        let same = groups.iter_mut().find(|group| {
            root.descriptor.platform.is_some()
                && group.iter().all(|other| other.descriptor.platform.is_some() && other.names == root.names)
        });
        match same {
            Some(group) => group.push(root),
            None => groups.push(vec![root]),
        }
    }
    groups
}

fn only(mut images: Vec<Group>, request: &Request<'_>) -> Result<Group> {
    match images.len() {
        0 => Ok(Vec::new()),
        1 => Ok(images.remove(0)),
        count => Err(Error::new(ErrorKind::Usage, format!("it holds {count} images, and none was chosen"))
            .help(listing(&images, request))),
    }
}

fn by_name(images: Vec<Group>, wanted: &str, request: &Request<'_>) -> Result<Group> {
    let list = listing(&images, request);
    let fit = |root: &Root| root.names.iter().filter_map(|name| name::fit(name, wanted)).min();
    let roots: Vec<Root> = images.into_iter().flatten().collect();
    let best = roots.iter().filter_map(fit).min();
    let mut found: Vec<Root> = roots.into_iter().filter(|root| best.is_some() && fit(root) == best).collect();
    if best == Some(Fit::Name) && found.iter().all(|root| root.descriptor.platform.is_some()) {
        return Ok(found);
    }
    if found.len() == 1 {
        return Ok(std::mem::take(&mut found));
    }
    let mut groups = group(found);
    match groups.len() {
        0 => {
            Err(Error::new(ErrorKind::NotFound, format!("no image in it has the name `{}`", escape(wanted))).help(list))
        }
        1 => Ok(groups.remove(0)),
        count => Err(Error::new(ErrorKind::Usage, format!("{count} images in it have the name `{}`", escape(wanted)))
            .help(listing(&groups, request))),
    }
}

/// The words that choose each of several images.
fn listing(images: &[Group], request: &Request<'_>) -> String {
    let location = escape(request.location);
    let mut words = Vec::new();
    for image in images {
        for root in image {
            match root.names.first() {
                Some(name) => words.push(format!("`{location}:{}`", escape(name))),
                None => words.push(format!("`{location}@{}`", root.descriptor.digest)),
            }
        }
    }
    words.dedup();
    format!("name one: {}", joined(&words))
}

/// A list for an error, cut where it gets long.
pub(super) fn joined(words: &[String]) -> String {
    let text = words.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match words.len().saturating_sub(LISTED) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// The place of the one image among `there` (platform and a word that names it) for the platform asked
/// for, or this host's; otherwise an error that lists what there is.
pub(super) fn choose_platform(there: &[(Option<Platform>, String)], request: &Request<'_>) -> Result<usize> {
    let (wanted, help) = match &request.platform {
        PlatformChoice::Only(wanted) => (wanted.clone(), "it has"),
        PlatformChoice::Host | PlatformChoice::All => {
            (Platform::host(), "choose one with `--platform`, or `--platform all`; it has")
        }
    };
    let shown = escape(wanted.to_string());
    let words = |platform: &Option<Platform>| {
        platform.as_ref().map_or_else(|| "one without a platform".into(), |platform| escape(platform.to_string()))
    };
    let platforms: Vec<Option<&Platform>> = there.iter().map(|(platform, _)| platform.as_ref()).collect();
    let fitting = best_platforms(&platforms, &wanted);
    match fitting.as_slice() {
        [] => {
            let list: BTreeSet<String> = there.iter().map(|(platform, _)| words(platform)).collect();
            let list = joined(&list.into_iter().collect::<Vec<_>>());
            Err(Error::new(ErrorKind::NotFound, format!("there is no image for {shown}"))
                .help(format!("{help}: {list}")))
        }
        [place] => Ok(*place),
        _ => {
            let list: Vec<String> = fitting
                .iter()
                .filter_map(|place| there.get(*place))
                .map(|(platform, word)| format!("`{word}` ({})", words(platform)))
                .collect();
            Err(Error::new(ErrorKind::Usage, format!("several images fit {shown}"))
                .help(format!("name one, or its platform with the variant: {}", joined(&list))))
        }
    }
}

/// Places of the platforms that fit best: equal ones, otherwise those of any variant; of the variants of
/// 32-bit ARM, v7, as Docker does.
fn best_platforms(there: &[Option<&Platform>], wanted: &Platform) -> Vec<usize> {
    let places = |fits: &dyn Fn(&Platform) -> bool| -> Vec<usize> {
        there.iter().enumerate().filter(|(_, p)| p.is_some_and(fits)).map(|(place, _)| place).collect()
    };
    let equal =
        places(&|p| p.satisfies(wanted) && wanted.satisfies(p) && p.variant.is_empty() == wanted.variant.is_empty());
    if !equal.is_empty() {
        return equal;
    }
    let any = places(&|p| p.satisfies(wanted));
    if any.len() > 1 && wanted.architecture == "arm" {
        let seven = places(&|p| p.satisfies(wanted) && p.variant == "v7");
        if !seven.is_empty() {
            return seven;
        }
    }
    any
}

fn names(descriptor: &Descriptor) -> Vec<String> {
    // containerd's name is the longer one; the tag alone, which stands beside it, says less
    let full = descriptor.annotations.get(CONTAINERD_NAME).filter(|name| !name.is_empty());
    let name = full.or_else(|| descriptor.annotations.get(REF_NAME).filter(|name| !name.is_empty()));
    name.cloned().into_iter().collect()
}

/// cosign's tags: `sha256-` and a digest, `.sig`, `.att` or `.sbom`.
fn is_signature_tag(name: &str) -> bool {
    let tag = name.rsplit([':', '/']).next().unwrap_or(name);
    let Some((digest, kind)) = tag.rsplit_once('.') else { return false };
    matches!(kind, "sig" | "att" | "sbom")
        && digest
            .strip_prefix("sha256-")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "" | media_type::OCI_INDEX | media_type::OCI_MANIFEST | media_type::DOCKER_INDEX | media_type::DOCKER_MANIFEST
    )
}

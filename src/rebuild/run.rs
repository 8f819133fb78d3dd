//! Carries out the edits: layers, then documents from the inside out, then the output, which waits for its verification.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::{escape, pointer_part};
use crate::image::manifest::{Document, Manifest};
use crate::image::{Blob, Descriptor, ImageConfig};
use crate::source::name;
use crate::source::raw::RawKind;
use crate::source::select::{gap_of_layer, verify};
use crate::source::store::FileRange;

use super::bundle::INDEX;
use super::document::{self, Fate, NewLayer, Unsaid};
use super::json::Json;
use super::layer::{self, Rewritten};
use super::write::{self, Content, Form, Output, Part, Pending, Product, ProductImage, Role};
use super::{
    Bundle, Digests, Edit, Encoding, Excised, ImageEdits, LayerChange, LayerState, Member, Notice, Options, Rebuilt,
    RebuiltImage, spool,
};

/// Largest file of the image that is read to be added to.
pub const LARGEST_FILE: u64 = 64 << 20;
/// Annotation of an attestation with the image that it is about.
const REFERENCE: &str = "vnd.docker.reference.digest";
/// The whole name as containerd and Docker write it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// Annotation with the name of an image in a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Rebuilds the images of `bundle` with `edits` and writes them to `output`, under a temporary name.
///
/// The same input and edits give the same bytes. With no edits every digest stays, but where the output's form has
/// other media types than the input (Docker's schema 2 in an OCI layout).
pub fn rebuild(
    bundle: &Bundle,
    edits: &[ImageEdits],
    output: &Output,
    options: &Options<'_>,
) -> Result<(Rebuilt, Box<dyn Pending>)> {
    output.check(bundle, options)?;
    let folder = output.folder();
    let mut work = Work::new(bundle, edits, output, options, &folder)?;
    let mut index = work.root()?;
    if let Some(name) = output.name() {
        rename_roots(&mut index, name, options)?;
    }
    let (rebuilt, product) = work.finish(&index)?;
    let pending = write::write(&product, bundle, output, options)?;
    Ok((rebuilt, pending))
}

/// A document or blob after the edits.
#[derive(Debug, Clone)]
struct Became {
    digest: Digest,
    size: u64,
    media_type: String,
}

struct Work<'a> {
    bundle: &'a Bundle,
    options: &'a Options<'a>,
    /// Where rewritten layers wait.
    folder: &'a Path,
    form: Form,
    /// In place of the names of the input.
    name: Option<&'a str>,
    /// Whether Docker's media types become OCI's.
    converts: bool,
    edits: BTreeMap<&'a Digest, Vec<&'a Edit>>,
    /// Rewritten layers by digest and edits.
    rewritten: BTreeMap<(Digest, String), NewLayer>,
    /// Manifests and indexes by their digest in the input.
    became: BTreeMap<Digest, Became>,
    /// What annotations say no more, by the manifest's or the index's digest in the input.
    unsaid: BTreeMap<Digest, Vec<Unsaid>>,
    /// Whether an annotation of an index or of a descriptor in one changed.
    is_unsaid: bool,
    parts: BTreeMap<Digest, Part>,
    /// Manifests, those that others name first.
    order: Vec<Digest>,
    /// By the manifest's digest in the input.
    images: Vec<(Digest, RebuiltImage)>,
    excised: Vec<Excised>,
    notices: Vec<Notice>,
    /// Bytes of documents read.
    documents: u64,
    size_before: BTreeMap<Digest, u64>,
}

impl<'a> Work<'a> {
    fn new(
        bundle: &'a Bundle,
        edits: &'a [ImageEdits],
        output: &'a Output,
        options: &'a Options<'a>,
        folder: &'a Path,
    ) -> Result<Self> {
        let mut by_image: BTreeMap<&Digest, Vec<&Edit>> = BTreeMap::new();
        for image in edits {
            let is_here = bundle.images().iter().any(|found| found.target.config_digest.as_ref() == Some(&image.image));
            if !is_here {
                return Err(Error::malformed(format!("there is no image with the configuration {}", image.image)));
            }
            by_image.entry(&image.image).or_default().extend(&image.edits.0);
        }
        let is_layout = matches!(bundle.kind, RawKind::OciArchive | RawKind::OciDir);
        Ok(Self {
            bundle,
            options,
            folder,
            form: output.form(bundle),
            name: output.name(),
            converts: output.form(bundle) == Form::Layout && !is_layout && !bundle.is_old,
            edits: by_image,
            rewritten: BTreeMap::new(),
            became: BTreeMap::new(),
            unsaid: BTreeMap::new(),
            is_unsaid: false,
            parts: BTreeMap::new(),
            order: Vec::new(),
            images: Vec::new(),
            excised: Vec::new(),
            notices: bundle.notices.clone(),
            documents: 0,
            size_before: BTreeMap::new(),
        })
    }

    /// Rebuilds what is asked for; the answer is the new `index.json`.
    fn root(&mut self) -> Result<Json> {
        let limits = self.options.limits;
        let chosen = self.bundle.chosen(limits)?;
        let bytes = &self.bundle.index;
        let mut json = Json::parse(bytes, limits.manifest, INDEX)?;
        let Document::Index(index) = Document::parse(bytes, limits)? else {
            return Err(Error::malformed("`index.json` is a manifest, where an index belongs"));
        };
        let mut others = 0;
        let mut attached = Vec::new();
        let mut unsaid = Vec::new();
        for (place, entry) in index.manifests.iter().enumerate() {
            if !chosen.contains(entry) {
                attached.push((place, entry));
                continue;
            }
            self.entry(&mut json, place, entry, 0)?;
            self.add_unsaid(&entry.digest, &mut unsaid);
        }
        self.is_unsaid |= Unsaid::carry_out(&unsaid, &mut json, "")?;
        // signatures and the like go with what they speak of
        for (place, entry) in attached {
            let pointer = format!("/manifests/{place}");
            match self.subject(entry) {
                Some(subject) if self.became.get(&subject).is_some_and(|now| now.digest == subject) => {
                    self.entry(&mut json, place, entry, 0)?;
                }
                Some(subject) if self.became.contains_key(&subject) => {
                    let what =
                        format!("what is attached to {} does not carry over; sign the new digest", subject.short());
                    self.notices.push(Notice::new("signature-dropped", entry.digest.to_string(), what));
                    json.remove(&pointer)?;
                }
                found => {
                    others += usize::from(found.is_none());
                    json.remove(&pointer)?;
                }
            }
        }
        if others > 0 {
            let what = format!("other entries of the index, which were not asked for, are left out: {others}");
            self.notices.push(Notice::new("not-asked-for", INDEX, what));
        }
        Ok(json)
    }

    /// What a top entry speaks of, where it is no image of its own: by cosign's tags, or by the manifest's `subject`.
    fn subject(&mut self, entry: &Descriptor) -> Option<Digest> {
        #[derive(Deserialize)]
        struct Named {
            digest: Digest,
        }
        #[derive(Deserialize)]
        struct Artifact {
            subject: Option<Named>,
        }
        let name = entry.annotations.get(REF_NAME).map(String::as_str).unwrap_or_default();
        let tag = name.rsplit(':').next().unwrap_or(name);
        if let Some((digest, "sig" | "att" | "sbom")) = tag.rsplit_once('.')
            && let Ok(digest) = digest.replacen('-', ":", 1).parse()
        {
            return Some(digest);
        }
        if entry.size > self.options.limits.manifest.bytes() || entry.is_index() {
            return None;
        }
        // what was not asked for may be damaged
        let Ok(Some(bytes)) = self.read(entry) else { return None };
        serde_json::from_slice::<Artifact>(&bytes).ok().and_then(|artifact| Some(artifact.subject?.digest))
    }

    /// A document of the input, verified and counted.
    fn read(&mut self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        let limits = self.options.limits;
        self.documents = self.documents.saturating_add(descriptor.size);
        if self.documents > limits.documents.bytes()
            || descriptor.size > limits.config.bytes().max(limits.manifest.bytes())
        {
            return Err(Error::limit(format!("the documents have more than {}", limits.documents)));
        }
        let bytes = self.bundle.document(descriptor)?;
        if let Some(bytes) = &bytes {
            verify(descriptor, bytes)?;
        }
        Ok(bytes)
    }

    /// Rebuilds what an entry of an index names, and makes the entry follow.
    fn entry(&mut self, index: &mut Json, place: usize, entry: &Descriptor, depth: u32) -> Result<()> {
        let pointer = format!("/manifests/{place}");
        let Some(now) = self.child(entry, depth)? else {
            let mut what = "an entry of the index names what the input does not hold; it stays so";
            if self.form == Form::Repository {
                what = "an entry of the index, which names what the input does not hold, is left out";
                index.remove(&pointer)?;
            }
            self.notices.push(Notice::new("sibling-absent", entry.digest.to_string(), what));
            return Ok(());
        };
        if now.digest != entry.digest {
            document::rename(index, &pointer, &now.digest, now.size)?;
        }
        if now.media_type != entry.media_type && !entry.media_type.is_empty() {
            index.set(&format!("{pointer}/mediaType"), &json!(now.media_type))?;
        }
        if let Some(unsaid) = self.unsaid.get(&entry.digest) {
            self.is_unsaid |= Unsaid::carry_out(unsaid, index, &pointer)?;
        }
        Ok(())
    }

    /// Adds what the annotations of an image, or of those below an index, say no more.
    fn add_unsaid(&self, digest: &Digest, all: &mut Vec<Unsaid>) {
        for one in self.unsaid.get(digest).into_iter().flatten() {
            if !all.contains(one) {
                all.push(one.clone());
            }
        }
    }

    /// Rebuilds an index, an image or something else with a manifest; `None` if the input lacks it.
    fn child(&mut self, entry: &Descriptor, depth: u32) -> Result<Option<Became>> {
        if let Some(known) = self.became.get(&entry.digest) {
            return Ok(Some(known.clone()));
        }
        let limits = self.options.limits;
        if depth > limits.index_depth {
            return Err(Error::limit(format!("indexes nest deeper than {}", limits.index_depth)));
        }
        if self.became.len() >= limits.descriptors {
            return Err(Error::limit(format!("the indexes have more than {} entries", limits.descriptors)));
        }
        let Some(bytes) = self.read(entry)? else { return Ok(None) };
        let place = entry.digest.to_string();
        let what = if entry.is_attestation() { Err(()) } else { Document::parse(&bytes, limits).map_err(|_| ()) };
        let new = match what {
            Ok(Document::Index(index)) => {
                let (new, unsaid) = self.index(&bytes, &index.manifests, depth).map_err(|e| e.at(place))?;
                self.unsaid.insert(entry.digest.clone(), unsaid);
                new
            }
            Ok(Document::Manifest(manifest)) => self.image(entry, &bytes, &manifest).map_err(|e| e.at(place))?,
            Err(()) => {
                self.copy_blobs(&bytes);
                bytes
            }
        };
        let own = serde_json::from_slice::<Typed>(&new).ok().and_then(|typed| typed.media_type);
        let media_type = match own {
            Some(own) if !own.is_empty() => own,
            _ if self.converts => {
                document::oci_type(&entry.media_type).map_or_else(|| entry.media_type.clone(), str::to_owned)
            }
            _ => entry.media_type.clone(),
        };
        let now = Became { digest: Digest::of(entry.digest.algorithm(), &new), size: new.len() as u64, media_type };
        self.became.insert(entry.digest.clone(), now.clone());
        self.size_before.insert(entry.digest.clone(), entry.size);
        self.order.push(now.digest.clone());
        let role = Role::Manifest(now.media_type.clone());
        self.parts.insert(now.digest.clone(), Part { size: now.size, content: Content::Bytes(new), role });
        Ok(Some(now))
    }

    fn index(&mut self, bytes: &[u8], entries: &[Descriptor], depth: u32) -> Result<(Vec<u8>, Vec<Unsaid>)> {
        let mut json = Json::parse(bytes, self.options.limits.manifest, "the index")?;
        let mut unsaid = Vec::new();
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_attestation()) {
            self.entry(&mut json, place, entry, depth.saturating_add(1))?;
            self.add_unsaid(&entry.digest, &mut unsaid);
        }
        Unsaid::carry_out(&unsaid, &mut json, "")?;
        let changed = |work: &Self, digest: &Digest| work.became.get(digest).is_some_and(|now| now.digest != *digest);
        let is_any_changed = entries.iter().any(|entry| changed(self, &entry.digest));
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.is_attestation()) {
            let of = entry.annotations.get(REFERENCE).and_then(|of| of.parse::<Digest>().ok());
            let is_stale = of.as_ref().map_or(is_any_changed, |of| changed(self, of));
            if !is_stale {
                self.entry(&mut json, place, entry, depth.saturating_add(1))?;
                continue;
            }
            json.remove(&format!("/manifests/{place}"))?;
            let what = match of {
                Some(of) => format!("the attestation of {}, which is changed, is left out", of.short()),
                None => "an attestation of unknown subject is left out, since an image is changed".into(),
            };
            self.notices.push(Notice::new("attestation-dropped", entry.digest.to_string(), what));
        }
        if self.converts {
            document::to_oci(&mut json)?;
        }
        Ok((json.text().into_bytes(), unsaid))
    }

    /// Copies the blobs that an artifact's manifest names; those that are not here are left.
    fn copy_blobs(&mut self, bytes: &[u8]) {
        #[derive(Deserialize)]
        struct Artifact {
            config: Option<Descriptor>,
            #[serde(default)]
            layers: Vec<Descriptor>,
            #[serde(default)]
            blobs: Vec<Descriptor>,
        }
        let Ok(artifact) = serde_json::from_slice::<Artifact>(bytes) else { return };
        let named = artifact.config.into_iter().chain(artifact.layers).chain(artifact.blobs);
        for descriptor in named.take(self.options.limits.layers) {
            if let Some(blob) = self.bundle.blob(&descriptor) {
                self.keep(&descriptor, Content::Blob(blob));
            }
        }
    }

    /// A blob of the input that goes into the output as it is.
    fn keep(&mut self, descriptor: &Descriptor, content: Content) {
        self.size_before.insert(descriptor.digest.clone(), descriptor.size);
        let part = Part { size: descriptor.size, content, role: Role::Blob };
        self.parts.entry(descriptor.digest.clone()).or_insert(part);
    }

    /// Rebuilds one image; the answer is its manifest.
    fn image(&mut self, entry: &Descriptor, bytes: &[u8], manifest: &Manifest) -> Result<Vec<u8>> {
        let limits = self.options.limits;
        let edits = self.edits.get(&manifest.config.digest).cloned().unwrap_or_default();
        let config_bytes = self
            .read(&manifest.config)?
            .ok_or_else(|| Error::malformed(format!("the configuration {} is missing", manifest.config.digest)))?;
        let input = ImageConfig::parse(&config_bytes, limits)?;
        if input.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(Error::malformed("manifest and configuration differ in the number of layers"));
        }
        let mut config = Json::parse(&config_bytes, limits.config, "the configuration")?;
        let mut json = Json::parse(bytes, limits.manifest, "the manifest")?;
        let fates = self.layers(manifest, &input, &edits)?;
        let top = self.top(manifest, &edits)?;
        self.excised.append(&mut document::edit_config(&mut config, &edits)?);
        document::follow_layers(&mut config, &input, &fates, top.as_ref())?;
        let text = config.text().into_bytes();
        let algorithm = manifest.config.digest.algorithm();
        let config_digest = Digest::of(algorithm, &text);
        self.size_before.insert(manifest.config.digest.clone(), manifest.config.size);

        let mut notices = document::replace_layers(&mut json, &manifest.layers, &fates, top.as_ref())?;
        self.notices.append(&mut notices);
        if config_digest != manifest.config.digest {
            document::rename(&mut json, "/config", &config_digest, text.len() as u64)?;
        }
        document::set_annotations(&mut json, &edits)?;
        let own = self.bundle.images().iter().find(|image| image.target.digest.as_ref() == Some(&entry.digest));
        let unsaid = own.map_or_else(|| Ok(Vec::new()), |image| Unsaid::of(&edits, &image.annotations))?;
        Unsaid::carry_out(&unsaid, &mut json, "")?;
        if json.text().as_bytes() != bytes {
            let from = if self.bundle.is_old { &manifest.config.digest } else { &entry.digest };
            json.set(&format!("/annotations/{}", pointer_part(document::REBUILT_FROM)), &json!(from))?;
            if let Some(plan) = &self.options.plan {
                json.set(&format!("/annotations/{}", pointer_part(document::PLAN)), &json!(plan))?;
            }
        }
        if self.bundle.is_old
            && self.form == Form::OldArchive
            && edits.iter().any(|edit| matches!(edit, Edit::SetAnnotation { .. }))
        {
            let what = "an archive of `docker save` in the old form has no annotations; write an OCI form to have them";
            self.notices.push(Notice::new("annotation-dropped", "manifest", what));
        }
        self.unsaid.insert(entry.digest.clone(), unsaid);
        if self.converts {
            document::to_oci(&mut json)?;
        }
        let config_size = text.len() as u64;
        let part = Part { size: config_size, content: Content::Bytes(text), role: Role::Blob };
        self.parts.insert(config_digest.clone(), part);
        let new = json.text().into_bytes();
        let after = Digests {
            config: config_digest,
            manifest: (self.form != Form::OldArchive).then(|| Digest::of(entry.digest.algorithm(), &new)),
        };
        let before = Digests {
            config: manifest.config.digest.clone(),
            manifest: (!self.bundle.is_old).then(|| entry.digest.clone()),
        };
        let image = RebuiltImage {
            platform: input.platform(),
            names: Vec::new(),
            before,
            after,
            layers: changes(manifest, &input, &fates, top.as_ref()),
        };
        self.images.push((entry.digest.clone(), image));
        Ok(new)
    }

    /// Rewrites the layers that have edits, and says what becomes of each.
    fn layers(&mut self, manifest: &Manifest, input: &ImageConfig, edits: &[&'a Edit]) -> Result<Vec<Fate>> {
        let mut by_layer: BTreeMap<u32, Vec<&Edit>> = BTreeMap::new();
        for edit in edits {
            if let Some(member) = edit.member() {
                by_layer.entry(member.layer).or_default().push(edit);
            }
        }
        if let Some(layer) = by_layer.keys().find(|layer| **layer as usize >= manifest.layers.len()) {
            return Err(Error::malformed(format!("the image has no layer {layer}")));
        }
        let mut fates = Vec::new();
        for ((index, descriptor), diff_id) in (0u32..).zip(&manifest.layers).zip(&input.rootfs.diff_ids) {
            let Some(edits) = by_layer.get(&index) else {
                self.keep_layer(index, descriptor)?;
                fates.push(Fate::Kept);
                continue;
            };
            if let Some((_, what)) = gap_of_layer(index, descriptor) {
                return Err(
                    Error::malformed(format!("{what}; it cannot be changed")).help("leave the edits of this layer out")
                );
            }
            let new = self.rewrite(index, descriptor, edits)?;
            if new.diff_id == *diff_id {
                // nothing in it was as the edits wanted it to be changed
                self.keep_layer(index, descriptor)?;
                fates.push(Fate::Kept);
            } else if self.options.drop_empty_layers && new.expanded <= EMPTY_TAR {
                fates.push(Fate::LeftOut);
            } else {
                self.use_layer(&new);
                fates.push(Fate::Replaced(new));
            }
        }
        Ok(fates)
    }

    fn keep_layer(&mut self, index: u32, descriptor: &Descriptor) -> Result<()> {
        if self.form != Form::OldArchive
            && [".tar+xz", ".tar+bzip2"].iter().any(|end| descriptor.media_type.ends_with(end))
        {
            let what = format!("layer {index} is compressed in a way that only `docker load` takes");
            return Err(Error::malformed(what).help("write a `docker-archive:`"));
        }
        match self.bundle.blob(descriptor) {
            Some(blob) => self.keep(descriptor, Content::Layer(blob)),
            // a foreign layer may lie elsewhere
            None if gap_of_layer(index, descriptor).is_some() => {}
            None => return Err(Error::malformed(format!("layer {index}, {}, is missing", descriptor.digest))),
        }
        Ok(())
    }

    /// Writes a layer with its edits, once for each set of edits.
    fn rewrite(&mut self, index: u32, descriptor: &Descriptor, edits: &[&Edit]) -> Result<NewLayer> {
        self.size_before.insert(descriptor.digest.clone(), descriptor.size);
        // the same layer may lie at another place in another image
        let words: Vec<_> = edits.iter().map(|edit| serde_json::to_string(edit).unwrap_or_default()).collect();
        let key = (descriptor.digest.clone(), words.join("\n").replace(&format!("\"layer\":{index},"), ""));
        if let Some(known) = self.rewritten.get(&key) {
            return Ok(known.clone());
        }
        let blob = self.blob(index, descriptor)?;
        let encoding = Encoding::like(&*blob)?;
        let limits = self.options.limits;
        let rewritten = self.spooled(|out| layer::rewrite(&*blob, edits, encoding, limits, out))?;
        let before = match (rewritten.before, descriptor.digest.algorithm()) {
            (Some(before), Algorithm::Sha256) => before,
            (_, algorithm) => digest_of(&*blob, algorithm)?,
        };
        if before != descriptor.digest {
            return Err(Error::malformed(format!("layer {index} does not have the digest {}", descriptor.digest)));
        }
        self.rewritten.insert(key, rewritten.new.clone());
        Ok(rewritten.new)
    }

    fn blob(&self, index: u32, descriptor: &Descriptor) -> Result<Arc<dyn Blob>> {
        let missing = || Error::malformed(format!("layer {index}, {}, is missing", descriptor.digest));
        self.bundle.blob(descriptor).ok_or_else(missing)
    }

    /// Writes the layer on top, where one is asked for.
    fn top(&mut self, manifest: &Manifest, edits: &[&'a Edit]) -> Result<Option<NewLayer>> {
        let all = edits;
        let edits: Vec<&Edit> = all.iter().copied().filter(|edit| edit.is_on_top()).collect();
        if edits.is_empty() {
            return Ok(None);
        }
        // as the layer below it
        let below = manifest.layers.last().filter(|layer| gap_of_layer(0, layer).is_none());
        let below = below.and_then(|layer| self.bundle.blob(layer));
        let encoding = below.map_or(Ok(Encoding::Gzip { level: 6 }), |blob| Encoding::like(&*blob))?;
        let copied = self.copied(manifest, &edits, all)?;
        let mut read = |member: &Member| {
            let range = copied.get(&(member.layer, member.member));
            let missing = || Error::new(ErrorKind::Internal, "a file that is to be copied was not read");
            let (mut file, mut content) = (range.ok_or_else(missing)?.open()?, Vec::new());
            file.read_to_end(&mut content).map_err(|e| Error::io("cannot read a temporary file", e))?;
            Ok(content)
        };
        let written = self.spooled(|out| layer::top_layer(&edits, &mut read, encoding, out))?;
        self.use_layer(&written.new);
        Ok(Some(written.new))
    }

    /// The files of the input that the layer on top has copies of, as they will be, by layer and member: each layer is read once.
    fn copied(
        &self,
        manifest: &Manifest,
        edits: &[&Edit],
        all: &[&'a Edit],
    ) -> Result<BTreeMap<(u32, u32), FileRange>> {
        let mut by_layer: BTreeMap<u32, BTreeMap<u32, &Member>> = BTreeMap::new();
        for member in edits.iter().filter_map(|edit| edit.copied()) {
            by_layer.entry(member.layer).or_default().insert(member.member, member);
        }
        let mut copied = BTreeMap::new();
        if by_layer.is_empty() {
            return Ok(copied);
        }
        let (file, mut end) = (Arc::new(spool::nameless(self.folder)?), 0_u64);
        for (layer, members) in by_layer {
            let blob = manifest.layers.get(layer as usize).and_then(|descriptor| self.bundle.blob(descriptor));
            let blob = blob.ok_or_else(|| Error::malformed(format!("the image has no layer {layer}")))?;
            let members = members.into_values();
            layer::read_members(&*blob, members, LARGEST_FILE, self.options.limits, &mut |member, mut bytes| {
                layer::mend(&mut bytes, member, all);
                (&*file).write_all(&bytes).map_err(|e| Error::io("cannot write a temporary file", e))?;
                let range = FileRange { file: Arc::clone(&file), offset: end, size: bytes.len() as u64 };
                end = end.saturating_add(range.size);
                copied.insert((member.layer, member.member), range);
                Ok(())
            })?;
        }
        Ok(copied)
    }

    /// Lets a layer be written to a file that waits, and takes what it has to say.
    fn spooled(&mut self, write: impl FnOnce(&mut dyn io::Write) -> Result<Rewritten>) -> Result<Spooled> {
        let mut out = BufWriter::with_capacity(1 << 18, spool::nameless(self.folder)?);
        let mut rewritten = write(&mut out)?;
        let failed = |e| Error::io("cannot write a temporary file", e);
        out.flush().map_err(failed)?;
        let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        let size = file.metadata().map_err(failed)?.len();
        if size != rewritten.size {
            return Err(Error::new(ErrorKind::Internal, "a rewritten layer has another size than it says"));
        }
        self.excised.append(&mut rewritten.excised);
        self.notices.append(&mut rewritten.notices);
        let new = NewLayer {
            digest: rewritten.digest,
            size,
            diff_id: rewritten.diff_id,
            expanded: rewritten.expanded,
            encoding: rewritten.encoding,
            marks: rewritten.marks.into(),
        };
        let blob: Arc<dyn Blob> = Arc::new(FileRange { file: Arc::new(file), offset: 0, size });
        let part = Part { size, content: Content::Blob(blob), role: Role::Waiting };
        self.parts.entry(new.digest.clone()).or_insert(part);
        Ok(Spooled { before: rewritten.before, new })
    }

    /// Counts a rewritten layer as a part of the output.
    fn use_layer(&mut self, new: &NewLayer) {
        if let Some(part) = self.parts.get_mut(&new.digest) {
            part.role = Role::Blob;
        }
    }

    /// Names of an image in the output.
    fn names(&self, tags: &[String]) -> Vec<String> {
        match (&self.bundle.kind, self.name) {
            (_, Some(name)) => vec![name.to_owned()],
            (RawKind::Registry { host, repository, tag: Some(tag) }, _) => vec![format!("{host}/{repository}:{tag}")],
            _ => tags.to_vec(),
        }
    }

    /// Tells of what speaks of an image of a registry that is another one now.
    fn tell_signatures(&mut self) {
        for (old, _) in self.became.iter().filter(|(old, now)| **old != now.digest) {
            for found in self.bundle.attached_to(old) {
                let what = format!("`{}` of {} does not carry over; sign the new digest", escape(&found), old.short());
                self.notices.push(Notice::new("signature-dropped", old.to_string(), what));
            }
        }
    }

    fn finish(mut self, index: &Json) -> Result<(Rebuilt, Product)> {
        let limits = self.options.limits;
        self.parts.retain(|_, part| part.role != Role::Waiting);
        let text = index.text().into_bytes();
        let Document::Index(roots) = Document::parse(&text, limits)? else {
            return Err(Error::malformed("`index.json` is a manifest, where an index belongs"));
        };
        let mut product_images = Vec::new();
        let mut images = Vec::new();
        for image in self.bundle.images() {
            let target = &image.target;
            let found = self.images.iter().find(|(digest, found)| match &target.digest {
                Some(wanted) => digest == wanted,
                None => Some(&found.before.config) == target.config_digest.as_ref(),
            });
            let missing = || Error::malformed("the index does not lead to the image");
            let (_, found) = found.ok_or_else(missing)?;
            let mut found = found.clone();
            found.names = self.names(&target.tags);
            let present: Vec<LayerState> = found.layers.iter().filter_map(|layer| layer.after.clone()).collect();
            product_images.push(ProductImage {
                config: found.after.config.clone(),
                layers: present,
                names: found.names.clone(),
            });
            images.push(found);
        }
        let old_index = self.bundle.images().iter().find_map(|image| image.target.indexes.first().cloned());
        let index = old_index.and_then(|old| Some((old.clone(), self.became.get(&old)?.digest.clone())));
        self.tell_signatures();
        self.notices.sort();
        self.notices.dedup();
        let is_changed = self.is_unsaid
            || self.images.iter().any(|(_, image)| image.before.config != image.after.config)
            || self.became.iter().any(|(old, now)| *old != now.digest && !self.converts)
            || images.iter().any(RebuiltImage::is_changed);
        let size_after = self.parts.values().map(|part| part.size).fold(0, u64::saturating_add);
        let size_before = self.size_before.values().copied().fold(0, u64::saturating_add);
        let product = Product {
            index: text,
            roots: roots.manifests,
            images: product_images,
            parts: self.parts,
            order: self.order,
        };
        let rebuilt = Rebuilt {
            images,
            is_changed,
            index,
            size: (size_before, size_after),
            excised: self.excised,
            notices: self.notices,
        };
        Ok((rebuilt, product))
    }
}

/// Gives the one image of an index another name.
fn rename_roots(index: &mut Json, name: &str, options: &Options<'_>) -> Result<()> {
    let text = index.text().into_bytes();
    let Document::Index(roots) = Document::parse(&text, options.limits)? else { return Ok(()) };
    *index = Json::parse(&text, options.limits.manifest, INDEX)?;
    let full = name::normal(name);
    let tag = name::tag(&full).unwrap_or("latest");
    for (place, root) in roots.manifests.iter().enumerate() {
        let Some(first) = roots.manifests.first().filter(|first| first.digest == root.digest) else {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("there are several images for the name `{}`", escape(name)),
            )
            .help("leave the name out"));
        };
        if place > 0 && first.digest == root.digest {
            index.remove(&format!("/manifests/{place}"))?;
            continue;
        }
        for (key, value) in [(CONTAINERD_NAME, full.as_str()), (REF_NAME, tag)] {
            index.set(&format!("/manifests/{place}/annotations/{}", pointer_part(key)), &json!(value))?;
        }
    }
    Ok(())
}

/// Bytes of a tar without members.
const EMPTY_TAR: u64 = 1_024;

/// The digest of a blob, by reading it.
fn digest_of(blob: &dyn Blob, algorithm: Algorithm) -> Result<Digest> {
    let read = HashingReader::new(blob.open()?, algorithm).finish_all();
    read.map(|(digest, _)| digest).map_err(|e| Error::io("cannot read a layer", e))
}

/// A layer in its file.
struct Spooled {
    before: Option<Digest>,
    new: NewLayer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: Option<String>,
}

/// The layers before and after.
fn changes(manifest: &Manifest, input: &ImageConfig, fates: &[Fate], top: Option<&NewLayer>) -> Vec<LayerChange> {
    let state =
        |new: &NewLayer| LayerState { digest: new.digest.clone(), size: new.size, diff_id: new.diff_id.clone() };
    let layers = (0u32..).zip(&manifest.layers).zip(&input.rootfs.diff_ids).zip(fates);
    let mut changes: Vec<LayerChange> = layers
        .map(|(((index, layer), diff_id), fate)| {
            let before = LayerState { digest: layer.digest.clone(), size: layer.size, diff_id: diff_id.clone() };
            let (after, marks) = match fate {
                Fate::Kept => (Some(before.clone()), Arc::default()),
                Fate::Replaced(new) => (Some(state(new)), Arc::clone(&new.marks)),
                Fate::LeftOut => (None, Arc::default()),
            };
            LayerChange { index, before: Some(before), after, marks }
        })
        .collect();
    let index = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    changes.extend(top.map(|new| LayerChange { index, before: None, after: Some(state(new)), marks: Arc::default() }));
    changes
}

//! Documents that were attached to an image where it is kept: VEX among its referrers (distribution-spec 1.1,
//! "Listing Referrers"; image-spec `subject`), under cosign's tags, in attestations that `BuildKit` puts into an index.
//!
//! Whoever can push an image can attach them, so they are only looked for when asked. No signature is checked.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Descriptor;
use crate::image::manifest::null_is_default;
use crate::limitation::Limitation;
use crate::size::ByteSize;

use super::select::verify;

/// Documents of one image.
const ARTIFACTS: usize = 64;
/// Largest document.
const LARGEST: ByteSize = ByteSize::mib(16);
/// Manifests of attached things that are looked at for one image.
const MANIFESTS: usize = 256;

/// A document that was found attached to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// What the document's descriptor says it is.
    pub media_type: String,
    /// What the manifest says that was attached.
    pub artifact_type: String,
    /// Of the document; verified.
    pub digest: Digest,
    /// The image or the index it is attached to.
    pub subject: Digest,
    /// The document, not understood yet.
    pub bytes: Vec<u8>,
}

/// What was found attached to an image.
#[derive(Debug, Default)]
pub struct Attachments {
    /// In the order in which they are listed.
    pub documents: Vec<Attached>,
    /// The digests that were looked for: that of the image, and that of the index which the user named.
    pub subjects: Vec<Digest>,
    /// Whether a signature is there, of whomever; it is not verified.
    pub has_signature: bool,
    /// Whether a statement is there of how the image was built (SLSA provenance); it is not verified.
    pub has_provenance: bool,
    /// Whether a bill of materials is there (SPDX or CycloneDX); it is not read.
    pub has_bill: bool,
    /// What could not be fetched. Without it more findings count, so these are notes.
    pub limitations: Vec<Limitation>,
}

impl Attachments {
    /// Says of a kind of place that nothing can be attached to images there.
    pub(super) fn impossible(source: &str) -> Self {
        let what = format!("in `{source}` nothing can be attached to an image, so no VEX was looked for there");
        let note = Limitation::note("attached-nowhere", "", what)
            .help("name the documents with `--vex FILE`, or scan the image in its registry or OCI layout");
        Self { limitations: vec![note], ..Self::default() }
    }
}

/// A manifest of an artifact, also one that is an image to those who do not know better.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    artifact_type: Option<String>,
    config: Option<Kind>,
    #[serde(default, deserialize_with = "null_is_default")]
    layers: Vec<Descriptor>,
    /// Of the artifact manifest that was in drafts of image-spec 1.1.
    #[serde(default, deserialize_with = "null_is_default")]
    blobs: Vec<Descriptor>,
    subject: Option<Subject>,
    #[serde(default, deserialize_with = "null_is_default")]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    media_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

/// What links a manifest to the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link<'a> {
    /// A list of referrers: its `subject` must be one of those that are looked for.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "only registries list referrers"))]
    Listed,
    /// A name made of this digest, or an annotation with it.
    Named(&'a Digest),
    /// Nothing yet: it counts if its `subject` is one of those that are looked for.
    Unknown,
}

/// Fetches what a descriptor names: a manifest, or a blob.
pub(super) type Fetch<'a> = dyn FnMut(Part, &Descriptor) -> Result<Vec<u8>> + 'a;

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A manifest.
    Manifest,
    /// A document.
    Blob,
}

/// Which documents are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// What may be VEX.
    Vex,
    /// Provenance that `BuildKit` attests.
    Provenance,
}

/// Collects the documents of one image.
pub(super) struct Finder<'a, 'f> {
    pub(super) found: Attachments,
    /// Largest manifest.
    most: ByteSize,
    fetch: &'a mut Fetch<'f>,
    sought: Sought,
    seen: BTreeSet<Digest>,
    is_full: bool,
}

impl<'a, 'f> Finder<'a, 'f> {
    /// Looks for what is attached to any of `subjects`.
    pub(super) fn new(subjects: Vec<Digest>, most: ByteSize, fetch: &'a mut Fetch<'f>) -> Self {
        let found = Attachments { subjects, ..Attachments::default() };
        Self { found, most, fetch, sought: Sought::Vex, seen: BTreeSet::new(), is_full: false }
    }

    /// Looks for other documents.
    pub(super) fn seeking(mut self, sought: Sought) -> Self {
        self.sought = sought;
        self
    }

    /// Whether the annotations of an attestation say that it is something else.
    fn is_other(&self, descriptor: &Descriptor) -> bool {
        match self.sought {
            Sought::Vex => is_other_predicate(descriptor),
            Sought::Provenance => predicate_of(descriptor).is_none_or(|kind| !kind.contains("slsa.dev/provenance")),
        }
    }

    /// Looks at a manifest that may be attached.
    pub(super) fn look(&mut self, descriptor: &Descriptor, link: Link<'_>) {
        if link != Link::Unknown {
            self.note_kind(descriptor);
        }
        let stated = descriptor.artifact_type.as_deref().unwrap_or_default();
        // other types are plainly something else, such as signatures
        if self.is_full || descriptor.is_index() || !(stated.is_empty() || is_wanted(stated)) {
            return;
        }
        if self.sought == Sought::Vex && is_other_predicate(descriptor) || !self.seen.insert(descriptor.digest.clone())
        {
            return;
        }
        if self.seen.len() > MANIFESTS {
            self.stop(format!("more than {MANIFESTS} manifests are attached; the rest was not looked at"));
            return;
        }
        if let Err(error) = self.read(descriptor, link) {
            self.tell(&error, &descriptor.digest);
        }
    }

    /// Looks at the documents of a manifest that is here already.
    pub(super) fn look_into(&mut self, bytes: &[u8], link: Link<'_>) -> Result<()> {
        let manifest: Manifest = serde_json::from_slice(bytes)
            .map_err(|e| Error::malformed("cannot parse the manifest of what is attached").because(e))?;
        let stated = manifest.subject.map(|subject| subject.digest);
        let subject = match (link, stated) {
            (_, Some(stated)) if self.found.subjects.contains(&stated) => stated,
            // a tag that is named for the image may hold what is about it without saying so
            (Link::Named(subject), None) => subject.clone(),
            (Link::Unknown, _) => return Ok(()),
            (Link::Listed | Link::Named(_), _) => {
                return Err(Error::malformed("it is listed as attached to the image, but does not say so itself"));
            }
        };
        let config = manifest.config.map(|config| config.media_type).unwrap_or_default();
        let artifact_type = manifest.artifact_type.unwrap_or(config);
        // lists made by hand, for registries that have none, may not repeat what the manifest says of itself
        self.note(&artifact_type, predicate_in(&manifest.annotations));
        for descriptor in manifest.layers.iter().chain(&manifest.blobs) {
            self.note_kind(descriptor);
            if !is_wanted(&descriptor.media_type) || self.is_other(descriptor) {
                continue;
            }
            if self.found.documents.iter().any(|other| other.digest == descriptor.digest) {
                continue;
            }
            if self.found.documents.len() >= ARTIFACTS {
                self.stop(format!("more than {ARTIFACTS} documents are attached; the rest was not read"));
                return Ok(());
            }
            match self.document(descriptor) {
                Ok(bytes) => self.found.documents.push(Attached {
                    media_type: descriptor.media_type.clone(),
                    artifact_type: artifact_type.clone(),
                    digest: descriptor.digest.clone(),
                    subject: subject.clone(),
                    bytes,
                }),
                Err(error) => self.tell(&error, &descriptor.digest),
            }
        }
        Ok(())
    }

    /// Notes what the type and the annotations of something attached say that it is.
    fn note_kind(&mut self, descriptor: &Descriptor) {
        let kind = descriptor.artifact_type.as_deref().unwrap_or(&descriptor.media_type);
        self.note(kind, predicate_of(descriptor));
    }

    fn note(&mut self, kind: &str, predicate: Option<&String>) {
        let predicate = predicate.map(|kind| kind.to_ascii_lowercase()).unwrap_or_default();
        self.found.has_provenance |= predicate.contains("slsa.dev/provenance");
        let is_bill = |text: &str| text.contains("spdx") || text.contains("cyclonedx");
        self.found.has_bill |= is_bill(&predicate) || is_bill(kind);
        self.found.has_signature |= SIGNATURES.iter().any(|start| kind.starts_with(start));
    }

    fn read(&mut self, descriptor: &Descriptor, link: Link<'_>) -> Result<()> {
        if descriptor.size > self.most.bytes() {
            return Err(too_large("the manifest", self.most));
        }
        let bytes = (self.fetch)(Part::Manifest, descriptor)?;
        verify(descriptor, &bytes)?;
        self.look_into(&bytes, link)
    }

    fn document(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > LARGEST.bytes() {
            return Err(too_large("the document", LARGEST));
        }
        let bytes = (self.fetch)(Part::Blob, descriptor)?;
        verify(descriptor, &bytes)?;
        Ok(bytes)
    }

    fn stop(&mut self, what: String) {
        self.is_full = true;
        let place = self.found.subjects.first().map(ToString::to_string).unwrap_or_default();
        self.found.limitations.push(Limitation::note("attached-not-read", place, what));
    }

    /// Notes what could not be fetched.
    pub(super) fn tell(&mut self, error: &Error, place: &impl ToString) {
        let note = Limitation::note("attached-not-read", place.to_string(), error.to_string());
        self.found.limitations.push(match &error.help {
            Some(help) => note.help(help.clone()),
            None => note,
        });
    }
}

/// The tag of the list of referrers in registries that have no list of their own (distribution-spec 1.1,
/// "Referrers Tag Schema"); cosign's attestations have `.att` behind it.
pub(super) fn tag_of(subject: &Digest) -> String {
    format!("{}-{}", subject.algorithm().as_str(), subject.hex())
}

/// Whether a tag is one under which things are kept that are attached to an image: `sha256-…` as `tag_of` makes it,
/// also with cosign's `.sig`, `.att` or `.sbom` behind it.
pub fn is_tag_of_attached(tag: &str) -> bool {
    let bare = [".sig", ".att", ".sbom"].iter().find_map(|end| tag.strip_suffix(end)).unwrap_or(tag);
    let Some((algorithm, hex)) = bare.split_once('-') else { return false };
    // the digits of SHA-512 may be cut to 64, the longest that the specification allows
    let is_length = hex.len() == 64 || (algorithm == "sha512" && hex.len() == 128);
    matches!(algorithm, "sha256" | "sha512") && is_length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The image that an attestation of `BuildKit` is about.
pub(super) fn reference_digest(descriptor: &Descriptor) -> Option<Digest> {
    descriptor.annotations.get("vnd.docker.reference.digest")?.parse().ok()
}

/// Whether things of this type may be, or hold, VEX documents.
fn is_wanted(media_type: &str) -> bool {
    const TYPES: &[&str] = &[
        "application/csaf+json",
        "application/json",
        "application/openvex+json",
        "application/vex+json",
        "application/vnd.dsse.envelope.v1+json",
        "application/vnd.in-toto+json",
        "text/json",
    ];
    const FAMILIES: &[&str] = &[
        "application/vnd.openvex",
        "application/vnd.cyclonedx",
        "application/vnd.dev.sigstore.bundle",
        "application/vnd.dev.cosign.artifact.att",
        "application/vnd.oci.image.config",
        "application/vnd.oci.empty",
        // what `docker scout` and BuildKit call their attestations
        "application/vnd.docker.attestation",
    ];
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    TYPES.contains(&bare) || (FAMILIES.iter().any(|family| bare.starts_with(family)) && !bare.ends_with("+xml"))
}

/// Whether layers of these media types are signatures or statements, all of them, so that one among real layers hides no
/// image.
pub fn are_statements<'a>(media_types: impl IntoIterator<Item = &'a str>) -> bool {
    const FAMILIES: &[&str] = &[
        "application/vnd.dev.cosign.",
        "application/vnd.dev.sigstore.",
        "application/vnd.dsse.envelope.",
        "application/vnd.in-toto+json",
        "application/vnd.cncf.notary.",
    ];
    let mut media_types = media_types.into_iter().peekable();
    let is_one = |media_type: &str| {
        let bare = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        FAMILIES.iter().any(|family| bare.starts_with(family))
    };
    media_types.peek().is_some() && media_types.all(is_one)
}

/// The kind of statement that the annotations of an attestation tell.
fn predicate_of(descriptor: &Descriptor) -> Option<&String> {
    predicate_in(&descriptor.annotations)
}

fn predicate_in(annotations: &BTreeMap<String, String>) -> Option<&String> {
    const KEYS: &[&str] = &["in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType"];
    KEYS.iter().find_map(|key| annotations.get(*key))
}

/// Whether the annotations of an attestation say that it is something else, such as provenance.
fn is_other_predicate(descriptor: &Descriptor) -> bool {
    const WANTED: &[&str] = &["vex", "cyclonedx", "csaf", "cosign.sigstore.dev/attestation"];
    predicate_of(descriptor).is_some_and(|kind| !WANTED.iter().any(|word| kind.to_ascii_lowercase().contains(word)))
}

/// How the types of signatures begin: cosign's, Notary's, and bundles of Sigstore, which are signed.
const SIGNATURES: &[&str] = &[
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig",
    "application/vnd.dev.cosign.simplesigning",
    "application/vnd.dev.sigstore.bundle",
];

fn too_large(what: &str, most: ByteSize) -> Error {
    Error::new(ErrorKind::Limit, format!("{what} is larger than {most}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::made::{self, Files, add, add_image, add_index, host, layer, layout, named, on, with};
    use super::super::{Choice, SOURCES};
    use super::*;
    use crate::image::manifest::media_type::OCI_MANIFEST;
    use crate::limit::Limits;

    const OPENVEX: &str = "application/vnd.openvex+json";

    /// Puts a manifest with these documents into a layout.
    fn add_artifact(files: &mut Files, subject: Option<&Value>, documents: &[(&str, &[u8])]) -> Value {
        let empty = add(files, "application/vnd.oci.empty.v1+json", b"{}");
        let layers: Vec<Value> = documents.iter().map(|(kind, bytes)| add(files, kind, bytes)).collect();
        let mut manifest = json!({"schemaVersion": 2, "artifactType": OPENVEX, "config": empty, "layers": layers});
        if let Some(subject) = subject {
            manifest = with(manifest, "subject", subject.clone());
        }
        with(add(files, OCI_MANIFEST, manifest.to_string().as_bytes()), "artifactType", json!(OPENVEX))
    }

    /// The texts of the documents that are attached to an image of a layout, each with what it is attached to.
    fn texts(files: &Files, image: &Value) -> (Vec<String>, Vec<String>) {
        let (documents, notes, _) = all_of(files, image);
        (documents, notes)
    }

    /// The same, and whether a signature and a provenance are there.
    fn all_of(files: &Files, image: &Value) -> (Vec<String>, Vec<String>, (bool, bool)) {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        made::write(&folder.path().join("layout"), files);
        std::fs::write(at("archive"), made::tar_of(files)).expect("writable");
        let digest: Digest = image["digest"].as_str().expect("a digest").parse().expect("a digest");
        let limits = Limits::default();
        let look = |id: &str, name: &str| {
            let source = SOURCES.iter().find(|source| source.id() == id).expect("a source");
            let location = at(name);
            let found = source.attached(&made::request(&location, Choice::Only, &limits), &digest).expect("found");
            assert_eq!(found.subjects.first(), Some(&digest));
            let documents = found.documents.iter().map(|document| {
                let name = if document.subject == digest { "image" } else { "index" };
                format!("{name} {}", String::from_utf8_lossy(&document.bytes))
            });
            let notes = found.limitations.iter().map(|note| {
                assert!(!note.is_gap);
                note.what.clone()
            });
            let kinds = (found.has_signature, found.has_provenance);
            (documents.collect::<Vec<_>>(), notes.collect::<Vec<_>>(), kinds)
        };
        let found = look("oci-dir", "layout");
        assert_eq!(found, look("oci-archive", "archive"));
        assert_eq!(found, look("docker-archive", "archive"));
        found
    }

    #[test]
    fn tags_of_attached_things_are_known() {
        let digest = Digest::sha256(b"an image");
        let long = Digest::of(crate::digest::Algorithm::Sha512, b"an image");
        let tag = tag_of(&digest);
        for tag in [
            tag.clone(),
            format!("{tag}.sig"),
            format!("{tag}.att"),
            format!("{tag}.sbom"),
            tag_of(&long),
            format!("sha512-{}", &long.hex()[..64]),
        ] {
            assert!(is_tag_of_attached(&tag), "{tag}");
        }
        for tag in ["", "1.0", "sha256-", "sha256-beef.sig", &tag[..70], &format!("{tag}.exe"), &tag.to_uppercase()] {
            assert!(!is_tag_of_attached(tag), "{tag}");
        }
    }

    #[test]
    fn a_layout_holds_what_is_attached() {
        let mut files = Files::new();
        let image = add_image(&mut files, &host(), &[layer("a")]);
        let other = add_image(&mut files, &host(), &[layer("b")]);
        let hex = image["digest"].as_str().expect("a digest").replace(':', "-");
        let index = {
            let predicate = |files: &mut Files, kind: &str, text: &str| {
                let document = add(files, "application/vnd.in-toto+json", text.as_bytes());
                with(document, "annotations", json!({"in-toto.io/predicate-type": kind}))
            };
            let layers = [
                predicate(&mut files, "https://openvex.dev/ns/v0.2.0", "by buildkit"),
                predicate(&mut files, "https://slsa.dev/provenance/v1", "provenance"),
            ];
            let config = add(&mut files, "application/vnd.oci.image.config.v1+json", b"{}");
            let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
            let attestation = on(add(&mut files, OCI_MANIFEST, manifest.as_bytes()), "unknown/unknown");
            let annotations = json!({"vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"]});
            let attestation = with(attestation, "annotations", annotations);
            add_index(&mut files, &[on(image.clone(), &host()), attestation])
        };
        let attached = [
            add_artifact(&mut files, Some(&image), &[(OPENVEX, b"one"), (OPENVEX, b"two"), ("text/html", b"page")]),
            add_artifact(&mut files, Some(&other), &[(OPENVEX, b"of the other")]),
            add_artifact(&mut files, Some(&index), &[(OPENVEX, b"three")]),
            add_artifact(&mut files, None, &[(OPENVEX, b"of nobody")]),
            named(
                add_artifact(&mut files, None, &[("application/vnd.dsse.envelope.v1+json", b"by cosign")]),
                &format!("{hex}.att"),
            ),
            with(
                add_artifact(&mut files, Some(&image), &[(OPENVEX, b"signature")]),
                "artifactType",
                json!("application/vnd.x"),
            ),
        ];
        let all = [&[named(index, "1.0")][..], &attached].concat();
        let (documents, notes, kinds) = all_of(&layout(files.clone(), &all), &image);
        assert_eq!(kinds, (false, true), "BuildKit's provenance, and nobody's signature");
        assert_eq!(documents, ["image one", "image two", "index three", "image by cosign", "image by buildkit"]);
        assert_eq!(notes, Vec::<String>::new());

        let folder = tempfile::tempdir().expect("a folder");
        made::write(folder.path(), &layout(files.clone(), &all));
        let (location, limits) = (folder.path().display().to_string(), Limits::default());
        let digest: Digest = image["digest"].as_str().expect("a digest").parse().expect("a digest");
        let source = SOURCES.iter().find(|source| source.id() == "oci-dir").expect("a source");
        let found = source.provenance(&made::request(&location, Choice::Only, &limits), &digest).expect("found");
        let provenance: Vec<&[u8]> = found.documents.iter().map(|document| document.bytes.as_slice()).collect();
        assert_eq!(provenance, [b"provenance"]);

        let signature =
            named(add_artifact(&mut files, None, &[("application/x", b"signature")]), &format!("{hex}.sig"));
        let signed = [&all[..], &[signature]].concat();
        assert_eq!(all_of(&layout(files.clone(), &signed), &image).2, (true, true));

        // what was changed, is missing or is listed wrongly is told, and the rest is read
        let mut broken = files.clone();
        let name = |text: &[u8]| format!("blobs/sha256/{}", Digest::sha256(text).hex());
        broken.insert(name(b"one"), b"won".to_vec());
        broken.remove(&name(b"three"));
        let (documents, notes) = texts(&layout(broken, &all), &image);
        assert_eq!(documents, ["image two", "image by cosign", "image by buildkit"]);
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("does not have the digest") && notes[1].contains("is missing"), "{notes:?}");
    }

    #[test]
    fn what_a_manifest_says_of_itself_need_not_be_listed() {
        let mut files = Files::new();
        let image = add_image(&mut files, &host(), &[layer("a")]);
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let document = add(&mut files, bundle, b"signed");
        let empty = add(&mut files, "application/vnd.oci.empty.v1+json", b"{}");
        let manifest = json!({"schemaVersion": 2, "artifactType": bundle, "config": empty, "layers": [document],
            "subject": image, "annotations": {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}});
        let bare = add(&mut files, OCI_MANIFEST, manifest.to_string().as_bytes());
        assert_eq!(all_of(&layout(files, &[image.clone(), bare]), &image).2, (true, true));
    }

    #[test]
    fn more_than_enough_is_left_out_and_told() {
        let mut files = Files::new();
        let image = add_image(&mut files, &host(), &[layer("a")]);
        let bodies: Vec<String> = (0..=ARTIFACTS).map(|n| n.to_string()).collect();
        let documents: Vec<(&str, &[u8])> = bodies.iter().map(|body| (OPENVEX, body.as_bytes())).collect();
        let artifact = add_artifact(&mut files, Some(&image), &documents);
        let large = add(&mut files, OPENVEX, b"large");
        let large = with(large, "size", json!(LARGEST.bytes() + 1));
        let manifest = json!({"schemaVersion": 2, "config": {}, "layers": [large], "subject": image}).to_string();
        let large = add(&mut files, OCI_MANIFEST, manifest.as_bytes());
        let (documents, notes) = texts(&layout(files, &[image.clone(), large, artifact]), &image);
        assert_eq!(documents.len(), ARTIFACTS);
        assert_eq!(
            notes,
            ["the document is larger than 16.0 MiB", "more than 64 documents are attached; the rest was not read"]
        );
    }

    #[test]
    fn elsewhere_nothing_can_be_attached() {
        let limits = Limits::default();
        let request = made::request("x", Choice::Only, &limits);
        for source in
            SOURCES.iter().filter(|source| ["docker", "podman", "dir", "stream", "sbom"].contains(&source.id()))
        {
            let found = source.attached(&request, &Digest::sha256(b"")).expect("nothing is opened");
            assert_eq!((found.documents.len(), found.limitations[0].code), (0, "attached-nowhere"), "{}", source.id());
        }
    }

    #[test]
    fn types_of_attached_things() {
        let cases = [
            ("application/vnd.openvex+json", true),
            ("application/vnd.openvex.v0.2.0+json", true),
            ("application/vex+json", true),
            ("application/vnd.cyclonedx+json", true),
            ("application/vnd.cyclonedx+json; version=1.5", true),
            ("application/vnd.cyclonedx+xml", false),
            ("application/vnd.in-toto+json", true),
            ("application/vnd.dev.sigstore.bundle.v0.3+json", true),
            ("text/json", true),
            ("application/spdx+json", false),
            ("application/vnd.dev.cosign.simplesigning.v1+json", false),
            ("application/vnd.oci.image.layer.v1.tar+gzip", false),
            ("", false),
        ];
        for (media_type, expected) in cases {
            assert_eq!(is_wanted(media_type), expected, "{media_type}");
        }
    }
}

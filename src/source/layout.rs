//! OCI image layouts (image-spec image-layout.md), in whichever store.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::image::manifest::Document;
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::size::ByteSize;

use super::Request;
use super::attached::{Attachments, Finder, Link, Sought, reference_digest, tag_of};
use super::select::{self, Descriptor};
pub(super) use super::store::in_layout as name_of;
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
    let mut fetch = |descriptor: &Descriptor| {
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

/// Digests of the configurations of all images that the index leads to, on whatever platform; what
/// cannot be read leads to none.
pub(super) fn config_digests(store: &dyn Store, limits: &Limits) -> BTreeSet<Digest> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut left = limits.documents.bytes();
    let mut queue = vec![INDEX.to_owned()];
    while let Some(name) = queue.pop() {
        let Ok(Some(bytes)) = store.document(&name, limits.manifest) else { continue };
        let Some(rest) = left.checked_sub(bytes.len() as u64) else { break };
        left = rest;
        match Document::parse(&bytes, limits) {
            Ok(Document::Manifest(manifest)) => {
                found.insert(manifest.config.digest);
            }
            Ok(Document::Index(index)) => {
                for descriptor in index.manifests {
                    let name = name_of(&descriptor.digest);
                    if seen.len() < limits.descriptors && seen.insert(name.clone()) {
                        queue.push(name);
                    }
                }
            }
            Err(_) => {}
        }
    }
    found
}

/// Documents attached to the image of this digest: by `subject`, under the tags that registries would have, or in
/// attestations of the index that lists the image.
pub(super) fn attached(
    store: &dyn Store,
    request: &Request<'_>,
    digest: &Digest,
    sought: Sought,
) -> Result<Attachments> {
    let limits = request.limits;
    let read = |descriptor: &Descriptor| {
        let most = ByteSize(descriptor.size);
        store
            .document(&name_of(&descriptor.digest), most)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the document {} is missing", descriptor.digest)))
    };
    let mut subjects = vec![digest.clone()];
    let mut listed: Vec<Descriptor> = Vec::new();
    let mut troubles: Vec<(Error, Digest)> = Vec::new();
    let root = store.document(INDEX, limits.manifest)?.ok_or_else(|| Error::malformed("it has no `index.json`"))?;
    let mut left = limits.documents.bytes().saturating_sub(root.len() as u64);
    let mut waiting = vec![(None, root)];
    let mut seen = BTreeSet::new();
    while let Some((own, bytes)) = waiting.pop() {
        let Ok(Document::Index(index)) = Document::parse(&bytes, limits) else { continue };
        let lists_it = index.manifests.iter().any(|descriptor| descriptor.digest == *digest);
        subjects.extend(own.filter(|_| lists_it));
        for descriptor in index.manifests {
            if listed.len() >= limits.descriptors {
                return Err(Error::limit(format!("the indexes have more than {} entries", limits.descriptors)));
            }
            if descriptor.is_index()
                && seen.insert(descriptor.digest.clone())
                && descriptor.size <= left.min(limits.manifest.bytes())
            {
                left = left.saturating_sub(descriptor.size);
                match read(&descriptor).and_then(|bytes| select::verify(&descriptor, &bytes).map(|()| bytes)) {
                    Ok(bytes) => waiting.push((Some(descriptor.digest.clone()), bytes)),
                    Err(error) => troubles.push((error, descriptor.digest.clone())),
                }
            }
            listed.push(descriptor);
        }
    }
    let mut fetch = |_, descriptor: &Descriptor| read(descriptor);
    let mut finder = Finder::new(subjects.clone(), limits.manifest, &mut fetch).seeking(sought);
    for (error, digest) in troubles {
        finder.tell(&error, &digest);
    }
    for descriptor in &listed {
        let name =
            descriptor.annotations.get("org.opencontainers.image.ref.name").map(String::as_str).unwrap_or_default();
        finder.found.has_signature |=
            subjects.iter().any(|subject| name.ends_with(&format!("{}.sig", tag_of(subject))));
        let is_attestation = |subject: &&Digest| name.ends_with(&format!("{}.att", tag_of(subject)));
        let named = subjects.iter().find(is_attestation);
        let named =
            named.or_else(|| subjects.iter().find(|subject| reference_digest(descriptor).as_ref() == Some(*subject)));
        match named {
            Some(subject) => finder.look(descriptor, Link::Named(subject)),
            // what has a platform is an image
            None if descriptor.platform.is_none() && !subjects.contains(&descriptor.digest) => {
                finder.look(descriptor, Link::Unknown);
            }
            None => {}
        }
    }
    Ok(finder.found)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::made::{
        self, Files, add, add_image, add_index, host, layer, layout, named, on, simple_layout, tar_of, with, wrap,
    };
    use super::super::{Opened, PlatformChoice, Source as _};
    use super::*;

    /// Opens a layout as folder, archive and stream, which must agree, and describes the outcome.
    fn outcome(files: &Files, choice: &str, platform: &PlatformChoice) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        made::write(&folder.path().join("folder"), files);
        std::fs::write(at("archive"), tar_of(files)).expect("writable");
        std::fs::write(at("stream"), wrap(&tar_of(files))).expect("writable");
        let open = |name: &str| {
            let outcome = made::open(&format!("{}{choice}", at(name)), platform);
            let text = outcome.map_or_else(
                |e| format!("{}: {e} | {}", e.kind.as_str(), e.help.as_deref().unwrap_or_default()),
                |images| images.join("\n"),
            );
            text.replace(&at(name), "PLACE")
        };
        let outcome = open("folder");
        assert_eq!(outcome, open("archive"));
        assert_eq!(outcome, open("stream"));
        outcome
    }

    fn on_host(files: &Files, choice: &str) -> String {
        outcome(files, choice, &PlatformChoice::Host)
    }

    fn only(text: &str) -> PlatformChoice {
        PlatformChoice::Only(text.parse().expect("a platform"))
    }

    /// An index for this machine and another, with an attestation first, under two tags.
    fn several_platforms() -> Files {
        let mut files = Files::new();
        let here = on(add_image(&mut files, &host(), &[layer("here")]), &host());
        let there = on(add_image(&mut files, "linux/s390x", &[layer("there")]), "linux/s390x");
        let attestation = add_image(&mut files, "unknown/unknown", &[layer("attestation")]);
        let attestation =
            with(attestation, "annotations", json!({"vnd.docker.reference.type": "attestation-manifest"}));
        let index = add_index(&mut files, &[attestation, there, here]);
        layout(files, &[named(index.clone(), "latest"), named(index, "1.0")])
    }

    #[test]
    fn platforms_of_an_index() {
        let files = several_platforms();
        let host = host();
        assert_eq!(on_host(&files, ""), format!("{host} [1.0 latest] ok"));
        assert_eq!(on_host(&files, ":1.0"), format!("{host} [1.0 latest] ok"));
        assert_eq!(outcome(&files, "", &only("linux/s390x")), "linux/s390x [1.0 latest] ok");
        let index: serde_json::Value = serde_json::from_slice(&files[INDEX]).expect("JSON");
        let limits = Limits::default();
        let folder = tempfile::tempdir().expect("a temporary folder");
        made::write(folder.path(), &files);
        let location = folder.path().display().to_string();
        let request = made::request(&location, super::super::Choice::Only, &limits);
        let Ok(Opened::Images(images)) = super::super::oci_dir::OciDir.open(&request) else {
            panic!("there are images")
        };
        assert_eq!(json!(images[0].target.indexes), json!([index["manifests"][0]["digest"]]));
        assert!(
            outcome(&files, "", &only("linux/riscv64"))
                .starts_with("not-found: there is no image for linux/riscv64 | it has: linux/"),
        );
        let all = outcome(&files, "", &PlatformChoice::All);
        assert_eq!(all, format!("linux/s390x [1.0 latest] ok\n{host} [1.0 latest] ok"));
    }

    #[test]
    fn no_platform_is_taken_in_silence() {
        let mut files = Files::new();
        let image = add_image(&mut files, "linux/s390x", &[layer("a")]);
        // alone and without a choice, it is what there is
        let alone = layout(files.clone(), std::slice::from_ref(&image));
        assert_eq!(on_host(&alone, ""), "linux/s390x [] ok");
        assert!(outcome(&alone, "", &only("linux/riscv64")).starts_with("not-found: "));
        // an index that says for whom it is leaves a choice open
        let index = add_index(&mut files, &[on(image.clone(), "linux/s390x")]);
        let indexed = layout(files.clone(), &[index]);
        assert_eq!(
            on_host(&indexed, ""),
            format!(
                "not-found: there is no image for {} | choose one with `--platform`, or `--platform all`; it has: linux/s390x",
                host()
            )
        );
        // one that says nothing does not
        let index = add_index(&mut files, std::slice::from_ref(&image));
        assert_eq!(on_host(&layout(files.clone(), &[index]), ""), "linux/s390x [] ok");
        // an index that lies
        let index = add_index(&mut files, &[on(image, "linux/riscv64")]);
        let lying = layout(files, &[index]);
        assert!(outcome(&lying, "", &only("linux/riscv64")).starts_with("malformed: the index says linux/riscv64"));
        // of all platforms it is read whole, as what the index says: engines go by that. No gap, and told.
        let (limits, folder) = (Limits::default(), tempfile::tempdir().expect("a temporary folder"));
        made::write(folder.path(), &lying);
        let location = folder.path().display().to_string();
        let request = made::request(&location, super::super::Choice::Only, &limits);
        let request = Request { platform: PlatformChoice::All, ..request };
        let Ok(Opened::Images(images)) = super::super::oci_dir::OciDir.open(&request) else { panic!("it is read") };
        let told: Vec<(&str, bool)> = images[0].limitations.iter().map(|one| (one.code, one.is_gap)).collect();
        assert_eq!(told, [("platform-differs", false)]);
    }

    #[test]
    fn one_of_several_images_is_chosen() {
        let mut files = Files::new();
        let one = add_image(&mut files, &host(), &[layer("one")]);
        let two = add_image(&mut files, &host(), &[layer("two")]);
        let three = add_image(&mut files, &host(), &[layer("three")]);
        let digest = three.get("digest").and_then(|d| d.as_str()).expect("a digest").to_owned();
        let full = with(
            two,
            "annotations",
            json!({"org.opencontainers.image.ref.name": "1.0", "io.containerd.image.name": "docker.io/library/two:1.0"}),
        );
        let files = layout(files, &[named(one, "example.com/one:1.0"), full, three]);
        let host = host();
        let list =
            format!("name one: `PLACE:example.com/one:1.0`, `PLACE:docker.io/library/two:1.0`, `PLACE@{digest}`");
        let cases = [
            (String::new(), format!("usage: it holds 3 images, and none was chosen | {list}")),
            (":two:1.0".into(), format!("{host} [docker.io/library/two:1.0] ok")),
            (":one:1.0".into(), format!("{host} [example.com/one:1.0] ok")),
            (":1.0".into(), "usage: 2 images in it have the name `1.0` | name one: `PLACE:example.com/one:1.0`, `PLACE:docker.io/library/two:1.0`".into()),
            (":three".into(), format!("not-found: no image in it has the name `three` | {list}")),
            (format!("@{digest}"), format!("{host} [] ok")),
        ];
        for (choice, expected) in cases {
            assert_eq!(on_host(&files, &choice), expected, "{choice}");
        }
    }

    #[test]
    fn a_manifest_within_an_index_is_found_by_its_digest() {
        let mut files = Files::new();
        let there = on(add_image(&mut files, "linux/s390x", &[layer("there")]), "linux/s390x");
        let here = on(add_image(&mut files, &host(), &[layer("here")]), &host());
        let digest = there.get("digest").and_then(|d| d.as_str()).expect("a digest").to_owned();
        let index = add_index(&mut files, &[there, here]);
        let files = layout(files, &[named(index, "1.0")]);
        assert_eq!(on_host(&files, &format!("@{digest}")), "linux/s390x [1.0] ok");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let mut files = Files::new();
        let attestation = on(add_image(&mut files, "unknown/unknown", &[layer("a")]), "unknown/unknown");
        assert_eq!(
            on_host(&layout(files.clone(), &[attestation]), ""),
            "no-image: this is not an image: the index names only attestation | "
        );
        assert_eq!(on_host(&layout(files.clone(), &[]), ""), "malformed: the index names no image | ");
        let config = add(&mut files, "application/vnd.cncf.helm.config.v1+json", b"{}");
        let chart = json!({"schemaVersion": 2, "config": config, "layers": []});
        let chart = add(&mut files, crate::image::manifest::media_type::OCI_MANIFEST, chart.to_string().as_bytes());
        assert!(
            on_host(&layout(files, &[chart]), "")
                .starts_with("no-image: this is an artifact of type `application/vnd.cncf.helm.")
        );
    }

    #[test]
    fn what_an_engine_runs_is_an_image_whatever_is_said_of_it() {
        let signature = format!("sha256-{}.sig", "a".repeat(64));
        let marks = [
            json!({"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}),
            json!({"annotations": {"org.opencontainers.image.ref.name": signature}}),
            json!({"artifactType": "example/thing"}),
        ];
        for mark in marks {
            let marked = |mut entry: serde_json::Value| {
                let fields = mark.as_object().expect("fields").clone();
                entry.as_object_mut().expect("a descriptor").extend(fields);
                entry
            };
            for is_named in [true, false] {
                let mut files = Files::new();
                let there = on(add_image(&mut files, "linux/s390x", &[layer("there")]), "linux/s390x");
                let here = add_image(&mut files, &host(), &[layer("here")]);
                let here = marked(if is_named { on(here, &host()) } else { here });
                let index = add_index(&mut files, &[there, here]);
                assert_eq!(
                    on_host(&layout(files, &[named(index, "1.0")]), ""),
                    format!("{} [1.0] ok", host()),
                    "{mark}"
                );
            }
            // what has no layers stays what it says it is
            let mut files = Files::new();
            let here = on(add_image(&mut files, &host(), &[layer("here")]), &host());
            let config = add(&mut files, crate::image::manifest::media_type::OCI_CONFIG, b"{}");
            let part = add(&mut files, "application/vnd.dev.cosign.simplesigning.v1+json", b"{}");
            let signed = json!({"schemaVersion": 2, "config": config, "layers": [part]});
            let signed =
                add(&mut files, crate::image::manifest::media_type::OCI_MANIFEST, signed.to_string().as_bytes());
            let index = add_index(&mut files, &[here, marked(signed)]);
            assert_eq!(on_host(&layout(files, &[named(index, "1.0")]), ""), format!("{} [1.0] ok", host()), "{mark}");
        }
    }

    #[test]
    fn every_document_is_verified() {
        let sound = simple_layout();
        let name_of = |media: &str| {
            let is =
                |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|v| v.get(media).is_some());
            sound
                .iter()
                .find(|(name, body)| name.starts_with("blobs/") && is(body))
                .map(|(name, _)| name.clone())
                .expect("there")
        };
        for name in [name_of("layers"), name_of("rootfs")] {
            let mut swapped = sound.clone();
            let body = swapped.get_mut(&name).expect("there");
            let last = body.len() - 1;
            body.insert(last, b' ');
            assert!(on_host(&swapped, "").contains("bytes that its descriptor says"), "{name}");
            let mut flipped = sound.clone();
            let body = flipped.get_mut(&name).expect("there");
            *body = String::from_utf8_lossy(body).replace("sha256", "sha257").into_bytes();
            assert!(on_host(&flipped, "").contains("does not have the digest"), "{name}");
            let mut missing = sound.clone();
            missing.remove(&name);
            assert!(on_host(&missing, "").starts_with("malformed: the document sha256:"), "{name}");
        }
        let mut layerless = sound.clone();
        layerless.remove(&super::name_of(&Digest::sha256(&layer("two"))));
        assert_eq!(on_host(&layerless, ""), format!("{} [1.0] ok missing", host()));
        let mut unmarked = sound.clone();
        unmarked.remove(MARKER);
        assert_eq!(on_host(&unmarked, ""), format!("{} [1.0] ok ok layout-unmarked", host()));
    }

    #[test]
    fn layers_kept_elsewhere_or_encrypted_are_gaps() {
        let mut files = Files::new();
        let layers = [layer("a"), layer("b"), layer("c")];
        let config = made::config(&host(), &layers);
        let config = add(&mut files, crate::image::manifest::media_type::OCI_CONFIG, &config);
        let plain = add(&mut files, "application/vnd.oci.image.layer.v1.tar", &layers[0]);
        let encrypted = add(&mut files, "application/vnd.oci.image.layer.v1.tar+encrypted", &layers[1]);
        let mut elsewhere = Files::new();
        let foreign = add(&mut elsewhere, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", &layers[2]);
        let foreign = with(foreign, "urls", json!(["http://169.254.169.254/latest"]));
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [plain, encrypted, foreign]});
        let manifest =
            add(&mut files, crate::image::manifest::media_type::OCI_MANIFEST, manifest.to_string().as_bytes());
        let got = on_host(&layout(files, &[manifest]), "");
        assert_eq!(got, format!("{} [] ok ok missing encrypted-layer foreign-layer", host()));
    }

    #[test]
    fn indexes_that_nest_or_fan_out_are_bounded() {
        let mut files = Files::new();
        let mut descriptor = add_image(&mut files, &host(), &[layer("a")]);
        for depth in 1..=5 {
            descriptor = add_index(&mut files, &[descriptor]);
            let got = on_host(&layout(files.clone(), std::slice::from_ref(&descriptor)), "");
            // the layout's own index is the first
            assert_eq!(got.starts_with("limit: "), depth > 3, "{depth}: {got}");
        }
        let image = add_image(&mut files, &host(), &[layer("a")]);
        let many = vec![image.clone(); 9_000];
        let one = add_index(&mut files, &many);
        let other = add_index(&mut files, &[vec![image], many].concat());
        let got = on_host(
            &layout(files, &[one, other]),
            "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
        assert!(got.starts_with("limit: the indexes have more than 10000 entries"), "{got}");
    }

    #[test]
    fn no_prefix_of_an_archive_is_complete() {
        let whole = tar_of(&simple_layout());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("image").display().to_string();
        for length in (0..whole.len()).step_by(64) {
            let cut = whole.get(..length).expect("shorter");
            let mut outcomes = Vec::new();
            for bytes in [cut.to_vec(), wrap(cut)] {
                std::fs::write(&path, bytes).expect("writable");
                outcomes.push(made::open(&path, &PlatformChoice::Host).map_err(|e| e.kind));
            }
            for outcome in outcomes {
                match outcome {
                    Ok(images) => assert!(images.iter().all(|image| image.contains("archive-damaged")), "{length}"),
                    Err(kind) => assert!(kind.is_refusal(), "{length}: {kind:?}"),
                }
            }
        }
    }
}

//! Fixed images that are pushed: what a registry is asked for, what is sent to it, and in which order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use careen::digest::Digest;
use serde_json::{Value, json};

use crate::support::image::{Built, Member, Packing, Recipe, tar_of};
use crate::support::layout::{INDEX, Layout};
use crate::support::run::{Run, TODAY, careen};
use crate::support::server::{Reply, Seen, Server};

/// What each repository holds.
#[derive(Default)]
struct Kept {
    /// By repository and digest.
    blobs: BTreeMap<(String, String), Vec<u8>>,
    /// Media type and bytes, by repository and tag or digest.
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    /// Pieces of uploads, by repository and number.
    uploads: BTreeMap<(String, String), Vec<u8>>,
}

/// A registry in memory whose repositories share nothing but what is mounted.
struct Registry {
    server: Server,
    kept: Arc<Mutex<Kept>>,
}

impl Registry {
    fn start(mounts: bool) -> Self {
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let shared = Arc::clone(&kept);
        let server = Server::start(move |seen| answer(seen, &mut shared.lock().unwrap(), mounts));
        Self { server, kept }
    }

    fn reference(&self, name: &str) -> String {
        format!("registry:{}/{name}", self.server.url.trim_start_matches("http://"))
    }

    fn bytes(&self, repository: &str, name: &str) -> Vec<u8> {
        self.kept.lock().unwrap().manifests[&(repository.to_owned(), name.to_owned())].1.clone()
    }

    fn manifest(&self, repository: &str, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(repository, name)).unwrap()
    }

    /// Requests since the first `from`.
    fn since(&self, from: usize) -> Vec<Seen> {
        self.server.seen().split_off(from)
    }

    fn count(&self) -> usize {
        self.server.seen().len()
    }
}

fn answer(seen: &Seen, kept: &mut Kept, mounts: bool) -> Reply {
    let path = seen.path.replace("%3A", ":");
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let asked = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("").replace("%2F", "/")
    };
    let Some(rest) = path.strip_prefix("/v2/").filter(|rest| !rest.is_empty()) else { return Reply::of(200) };
    let part = |word: &str| rest.split_once(word).map(|(repository, rest)| (repository.to_owned(), rest.to_owned()));
    if let Some((repository, id)) = part("/blobs/uploads/") {
        if seen.method == "POST" {
            let found = kept.blobs.get(&(asked("from"), asked("mount"))).filter(|_| mounts).cloned();
            if let Some(bytes) = found {
                kept.blobs.insert((repository, asked("mount")), bytes);
                return Reply::of(201);
            }
            let place = format!("{path}{}", kept.uploads.len());
            kept.uploads.insert((repository, kept.uploads.len().to_string()), Vec::new());
            return Reply::of(202).with("Location", place);
        }
        let sent = kept.uploads.get_mut(&(repository.clone(), id)).unwrap();
        sent.extend(&seen.body);
        if seen.method == "PATCH" {
            return Reply::of(202).with("Location", path);
        }
        let bytes = std::mem::take(sent);
        let digest = Digest::sha256(&bytes).to_string();
        let is_it = digest == asked("digest");
        kept.blobs.insert((repository, digest), bytes);
        return Reply::of(if is_it { 201 } else { 400 });
    }
    if let Some(place) = part("/blobs/") {
        return kept.blobs.get(&place).map_or(Reply::of(404), |bytes| Reply::file(bytes.clone()));
    }
    if let Some((repository, name)) = part("/manifests/") {
        if seen.method == "PUT" {
            // as registries do that check what a manifest names
            let manifest: Value = serde_json::from_slice(&seen.body).unwrap();
            let list = |key: &str| manifest[key].as_array().cloned().unwrap_or_default();
            let digest = |one: &Value| (repository.clone(), one["digest"].as_str().unwrap().to_owned());
            let has_blobs =
                list("layers").iter().chain(manifest.get("config")).all(|one| kept.blobs.contains_key(&digest(one)));
            let has_manifests = list("manifests").iter().all(|one| kept.manifests.contains_key(&digest(one)));
            if !(has_blobs && has_manifests) {
                return Reply::of(400);
            }
            let entry = (seen.header("content-type").to_owned(), seen.body.clone());
            kept.manifests.insert((repository.clone(), Digest::sha256(&seen.body).to_string()), entry.clone());
            kept.manifests.insert((repository, name), entry);
            return Reply::of(201);
        }
        return kept.manifests.get(&(repository, name)).map_or_else(Reply::unknown, |(kind, bytes)| {
            Reply::file(bytes.clone()).with("Content-Type", kind.clone())
        });
    }
    Reply::of(404)
}

fn layer(members: &[(&str, &str)]) -> Vec<u8> {
    let member = |(path, text): &(&str, &str)| -> Member {
        let member = toml::from_str::<Member>(&format!("path = {path:?}")).unwrap();
        Member { text: Some((*text).to_owned()), ..member }
    };
    tar_of(&members.iter().map(member).collect::<Vec<_>>())
}

/// An image of three layers, the one in the middle with something to remove.
fn image(word: &str) -> Built {
    let recipe = Recipe { config: json!({"User": "1000"}), ..Recipe::default() };
    Built::new(
        &recipe,
        &[
            layer(&[("etc/base", word)]),
            layer(&[("srv/keep", word), ("srv/scrap", "scrap")]),
            layer(&[("srv/last", word)]),
        ],
    )
}

fn fix(arguments: &[&str]) -> Run {
    careen(&[&["fix", "--today", TODAY, "--no-progress", "--no-fail", "-f", "json"], arguments].concat())
}

/// Does nothing to the image.
const COPY: &[&str] = &["--only", "healthcheck"];
const REMOVE: &[&str] = &["--only", "healthcheck", "--remove", "srv/scrap", "--yes"];

/// A registry with the image under `shop/api:1`.
fn with_image(mounts: bool) -> Registry {
    let registry = Registry::start(mounts);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.tar");
    std::fs::write(&path, image("word").oci_archive(Packing::Gzip)).unwrap();
    let run = fix(&[&[path.to_str().unwrap(), "-o", &registry.reference("shop/api:1")], COPY].concat());
    assert_eq!(run.code, 0, "{run:?}");
    registry
}

fn digests(manifest: &Value) -> Vec<String> {
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

/// How often a method was used with this in its path, in whichever spelling.
fn times(seen: &[Seen], method: &str, of: &str) -> usize {
    seen.iter().filter(|seen| seen.method == method && seen.path.replace("%3A", ":").contains(of)).count()
}

/// Paths that were put, in order.
fn puts(seen: &[Seen]) -> Vec<&str> {
    seen.iter().filter(|seen| seen.method == "PUT").map(|seen| seen.path.as_str()).collect()
}

#[test]
fn layers_that_did_not_change_are_mounted_and_the_tag_comes_last() {
    for mounts in [true, false] {
        let registry = with_image(mounts);
        let from = registry.count();
        let (source, output) = (registry.reference("shop/api:1"), registry.reference("shop/mended:2"));
        let run = fix(&[&[&*source, "-o", &output], REMOVE].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let seen = registry.since(from);
        let (old, new) = (registry.manifest("shop/api", "1"), registry.manifest("shop/mended", "2"));
        let (before, after) = (digests(&old), digests(&new));
        assert_eq!((&before[0], &before[2]), (&after[0], &after[2]));
        assert_ne!(before[1], after[1]);
        for kept in [&before[0], &before[2]] {
            assert_eq!(times(&seen, "HEAD", &format!("shop/mended/blobs/{kept}")), 1);
            assert_eq!(times(&seen, "POST", &format!("mount={kept}&from=shop/api")), 1);
            assert_eq!(times(&seen, "PUT", kept), usize::from(!mounts), "sent only where it cannot be mounted");
        }
        for sent in [&after[1], new["config"]["digest"].as_str().unwrap()] {
            assert_eq!(times(&seen, "PUT", sent), 1);
        }
        assert_eq!(times(&seen, "PUT", &before[1]), 0);
        assert!(puts(&seen).last().unwrap().ends_with("/v2/shop/mended/manifests/2"), "{:?}", puts(&seen));
        let digest = Digest::sha256(&registry.bytes("shop/mended", "2")).to_string();
        let by_digest = format!("/v2/shop/mended/manifests/{digest}");
        let first = puts(&seen).into_iter().find(|path| path.contains("/manifests/")).unwrap().replace("%3A", ":");
        assert_eq!(first, by_digest, "a manifest is there by digest before it has a tag");
    }
}

#[test]
fn a_repository_is_sent_only_what_it_lacks() {
    let registry = with_image(true);
    let from = registry.count();
    let (source, output) = (registry.reference("shop/api:1"), registry.reference("shop/api:2"));
    let run = fix(&[&[&*source, "-o", &output], REMOVE].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let seen = registry.since(from);
    let before = digests(&registry.manifest("shop/api", "1"));
    for kept in [&before[0], &before[2]] {
        assert_eq!((times(&seen, "HEAD", kept), times(&seen, "POST", kept), times(&seen, "PUT", kept)), (1, 0, 0));
    }
    // what is there is only tagged
    let from = registry.count();
    let run = fix(&[&[&*source, "-o", &registry.reference("shop/api:copy")], COPY].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(registry.bytes("shop/api", "copy"), registry.bytes("shop/api", "1"));
    let seen = registry.since(from);
    assert!(puts(&seen).iter().all(|path| path.contains("/manifests/")), "{:?}", puts(&seen));
}

#[test]
fn the_tag_of_the_input_is_written_over_only_in_place() {
    let registry = with_image(true);
    let (from, before) = (registry.count(), registry.bytes("shop/api", "1"));
    let source = registry.reference("shop/api:1");
    let run = fix(&[&[&*source, "-o", &source], REMOVE].concat());
    assert!(run.code == 2 && run.stderr.contains("--in-place"), "{run:?}");
    assert!(puts(&registry.since(from)).is_empty());
    // by another name of the registry, and by a digest that the tag names
    let digest = Digest::sha256(&before).to_string();
    let other = source.replace("127.0.0.1", "localhost");
    assert_ne!(other, source);
    for (read, written) in [
        (source.clone(), other),
        (registry.reference(&format!("shop/api@{digest}")), source.clone()),
        (registry.reference(&format!("shop/api:1@{digest}")), source.clone()),
    ] {
        let run = fix(&[&[&*read, "-o", &written], REMOVE].concat());
        assert!(run.code == 2 && run.stderr.contains("--in-place"), "{read} {written}: {run:?}");
    }
    assert!(puts(&registry.since(from)).is_empty());
    let elsewhere = registry.reference("shop/api:3");
    let run = fix(&[&[&*registry.reference(&format!("shop/api@{digest}")), "-o", &elsewhere], REMOVE].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let run = fix(&[&[&*source, "-o", &source, "--in-place"], REMOVE].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert_ne!(registry.bytes("shop/api", "1"), before);
    let by_digest = Digest::sha256(&before).to_string();
    assert_eq!(registry.bytes("shop/api", &by_digest), before, "the old image is there by digest");
}

#[test]
fn an_index_is_pushed_after_its_images() {
    let registry = Registry::start(true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.tar");
    let mut layout = Layout::new();
    let plain = Built::of(&[layer(&[("srv/other", "other")])]);
    let mut manifests = Vec::new();
    for (architecture, built) in [("amd64", image("word")), ("arm64", plain)] {
        let mut manifest = built.put_into(&mut layout, Packing::Gzip);
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        manifests.push(manifest);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let root = layout.put_json(INDEX, &index);
    layout.list(&[root]);
    std::fs::write(&path, layout.archive()).unwrap();
    let output = registry.reference("shop/many:1");
    let run = fix(&[&[path.to_str().unwrap(), "-o", &output, "--platform", "all"], REMOVE].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let new = registry.manifest("shop/many", "1");
    let digest_of = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
    let entries = new["manifests"].as_array().unwrap();
    assert_ne!(digest_of(&entries[0]), digest_of(&manifests[0]));
    assert_eq!(entries[1], manifests[1], "a platform without findings keeps its entry");
    assert_eq!(entries[0]["platform"], manifests[0]["platform"]);
    // the registry refuses an index whose images are not there
    let seen = registry.since(0);
    let order = puts(&seen);
    let place = |of: &str| order.iter().position(|path| path.replace("%3A", ":").ends_with(of)).unwrap();
    let index = Digest::sha256(&registry.bytes("shop/many", "1")).to_string();
    for entry in entries {
        assert!(place(&digest_of(entry)) < place(&index), "{order:?}");
    }
    assert_eq!(place("/manifests/1"), order.len() - 1, "{order:?}");
}

//! Indexes, manifests and configurations that lie, loop, or are not of an image.

use std::net::TcpListener;

use careen::error::ErrorKind;
use careen::source::PlatformChoice;
use serde_json::{Value, json};

use super::{CannotRun, Case, Complete, Partial, Refused, check};
use crate::support::image::{Built, Packing, Parts, gzip};
use crate::support::layout::{CONFIG, INDEX, LAYER, Layout, MANIFEST, described};
use crate::support::raw::RawTar;
use crate::support::run::{Scanned, file_of, packages, scan_with};

const MALFORMED: ErrorKind = ErrorKind::Malformed;
const NO_IMAGE: ErrorKind = ErrorKind::NoImage;
const BASH: &[&str] = &["bash 5.2"];
const STATUS: &str = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n";

fn layer() -> Vec<u8> {
    RawTar::default()
        .file("var/lib/dpkg/status", "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n")
        .end()
}

fn image() -> Built {
    Built::of(&[layer()])
}

/// The parts of an image, each to be changed before it is written.
struct Documents {
    layout: Layout,
    config: Value,
    layer: Value,
    manifest: Value,
}

impl Documents {
    fn new() -> Self {
        let mut layout = Layout::new();
        let layer = layout.put(&format!("{LAYER}+gzip"), gzip(&layer()));
        let config = layout.put(CONFIG, image().config);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        Self { layout, config, layer, manifest }
    }

    /// With something changed in the manifest.
    fn manifest(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut documents = Self::new();
        change(&mut documents.manifest);
        documents.finish()
    }

    /// With something changed in the layout.
    fn layout(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut documents = Self::new();
        change(&mut documents);
        documents.finish()
    }

    /// With another document in place of the manifest.
    fn document(media_type: &str, bytes: Vec<u8>) -> Vec<u8> {
        let mut layout = Self::new().layout;
        let descriptor = layout.put(media_type, bytes);
        layout.list(&[descriptor]);
        layout.archive()
    }

    /// With another configuration.
    fn config(bytes: Vec<u8>) -> Vec<u8> {
        let mut documents = Self::new();
        documents.manifest["config"] = documents.layout.put(CONFIG, bytes);
        documents.finish()
    }

    /// With the manifest's descriptor changed.
    fn descriptor(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut documents = Self::new();
        let mut descriptor = documents.layout.put_json(MANIFEST, &documents.manifest);
        change(&mut descriptor);
        documents.layout.list(&[descriptor]);
        documents.layout.archive()
    }

    fn finish(mut self) -> Vec<u8> {
        let descriptor = self.layout.put_json(MANIFEST, &self.manifest);
        self.layout.list(&[descriptor]);
        self.layout.archive()
    }
}

#[test]
fn digests_and_sizes() {
    let other = gzip(&RawTar::default().file("swapped", "for another").end());
    let off = |field: &'static str, by: i64| {
        Documents::manifest(move |manifest| {
            let of = if field == "config" { &mut manifest["config"] } else { &mut manifest["layers"][0] };
            of["size"] = (of["size"].as_i64().unwrap() + by).into();
        })
    };
    let lying_diff_id = {
        let mut config: Value = serde_json::from_slice(&image().config).unwrap();
        config["rootfs"]["diff_ids"][0] = format!("sha256:{}", "0".repeat(64)).into();
        serde_json::to_vec(&config).unwrap()
    };
    check(vec![
        Case::new("as it should be", Documents::manifest(|_| {}), Complete(&[])).packages(BASH),
        Case::new(
            "a layer swapped under its name",
            Documents::layout(|d| d.layout.replace(&d.layer, other.clone())),
            Partial(&["layer-digest-mismatch"]),
        ),
        Case::new("a layer missing", Documents::layout(|d| d.layout.remove(&d.layer)), Partial(&["layer-unreadable"])),
        Case::new(
            "an empty layer in its place",
            Documents::layout(|d| d.layout.replace(&d.layer, Vec::new())),
            Partial(&["layer-digest-mismatch"]),
        ),
        Case::new("a layer's size three too large", off("layer", 3), Partial(&["layer-size-mismatch"])).packages(BASH),
        Case::new("a layer's size three too small", off("layer", -3), Partial(&["layer-size-mismatch"])).packages(BASH),
        Case::new(
            "an uncompressed digest that lies",
            Documents::config(lying_diff_id.clone()),
            Partial(&["layer-diff-id-mismatch"]),
        )
        .packages(BASH),
        Case::new(
            "an uncompressed digest that lies, in a docker archive",
            Built { config: lying_diff_id, ..image() }.docker_archive(),
            Partial(&["layer-diff-id-mismatch"]),
        )
        .packages(BASH),
        Case::new(
            "a config swapped",
            Documents::layout(|d| d.layout.replace(&d.config, b"{}".to_vec())),
            Refused(MALFORMED),
        ),
        Case::new("a config missing", Documents::layout(|d| d.layout.remove(&d.config)), Refused(MALFORMED)),
        Case::new("a config's size off", off("config", 3), Refused(MALFORMED)),
        Case::new(
            "a manifest's size off",
            Documents::descriptor(|d| d["size"] = (d["size"].as_i64().unwrap() - 1).into()),
            Refused(MALFORMED),
        ),
        Case::new(
            "a manifest missing",
            Documents::descriptor(|d| d["digest"] = format!("sha256:{}", "a".repeat(64)).into()),
            Refused(MALFORMED),
        ),
        Case::new(
            "a digest that is a path",
            Documents::manifest(|m| m["layers"][0]["digest"] = "sha256:../../../../etc/passwd".into()),
            Refused(MALFORMED),
        ),
        Case::new(
            "a digest of an unknown kind",
            Documents::manifest(|m| m["layers"][0]["digest"] = "md5:d41d8cd98f00b204e9800998ecf8427e".into()),
            Refused(MALFORMED),
        ),
        Case::new("a negative size", Documents::manifest(|m| m["layers"][0]["size"] = (-1).into()), Refused(MALFORMED)),
        Case::new(
            "a size of exabytes",
            Documents::manifest(|m| m["layers"][0]["size"] = u64::MAX.into()),
            Partial(&["layer-size-mismatch"]),
        )
        .packages(BASH),
        Case::new("fewer layers than diff IDs", Documents::manifest(|m| m["layers"] = json!([])), Refused(MALFORMED)),
        Case::new("a config under another digest's name", swapped_docker_config(), Refused(MALFORMED)),
    ]);
}

/// A docker archive whose configuration is not the one its name says.
fn swapped_docker_config() -> Vec<u8> {
    let mut parts = Parts::default();
    let layer = parts.file("l/layer.tar", layer());
    let config = parts.file(&format!("{}.json", "0".repeat(64)), image().config);
    parts.file(
        "manifest.json",
        serde_json::to_vec(&json!([{"Config": config, "RepoTags": ["a:1"], "Layers": [layer]}])).unwrap(),
    );
    parts.archive()
}

#[test]
fn what_is_no_image() {
    let artifact = |kind: &str| Documents::manifest(|m| m["config"]["mediaType"] = kind.into());
    let of_index = |descriptors: Vec<Value>| {
        let mut layout = Layout::new();
        layout.put(CONFIG, b"{}".to_vec());
        layout.list(&descriptors);
        layout.archive()
    };
    let attestation = |platform: &str| {
        let mut descriptor = described(MANIFEST, b"{}");
        descriptor["platform"] = json!({"os": platform, "architecture": platform});
        descriptor["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        descriptor
    };
    check(vec![
        Case::new("a chart", artifact("application/vnd.cncf.helm.config.v1+json"), Refused(NO_IMAGE)),
        Case::new("an empty config", artifact("application/vnd.oci.empty.v1+json"), Refused(NO_IMAGE)),
        Case::new(
            "an artifact type",
            Documents::manifest(|m| m["artifactType"] = "application/vnd.example.sbom".into()),
            Refused(MALFORMED),
        ),
        Case::new(
            "attestations only",
            of_index(vec![attestation("unknown"), attestation("linux")]),
            Refused(MALFORMED),
        ),
        Case::new("an empty index", of_index(vec![]), Refused(MALFORMED)),
        Case::new(
            "unknown media types only",
            of_index(vec![described("application/vnd.example", b"{}")]),
            Refused(NO_IMAGE),
        ),
        Case::new(
            "schema 1",
            Documents::document(
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                br#"{"schemaVersion":1,"fsLayers":[]}"#.to_vec(),
            ),
            Refused(MALFORMED),
        ),
        Case::new(
            "schema 1 by content",
            Documents::document(MANIFEST, br#"{"schemaVersion":1,"name":"a","fsLayers":[],"history":[]}"#.to_vec()),
            Refused(MALFORMED),
        ),
        Case::new(
            "an encrypted layer",
            Documents::manifest(|m| m["layers"][0]["mediaType"] = format!("{LAYER}+gzip+encrypted").into()),
            Partial(&["encrypted-layer"]),
        )
        .packages(BASH),
    ]);
}

#[test]
fn attestations_do_not_stand_in_for_the_image() {
    let mut layout = Layout::new();
    let attestation = {
        let config = layout.put(
            CONFIG,
            br#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#
                .to_vec(),
        );
        let mut descriptor = layout
            .put_json(MANIFEST, &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}));
        descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        descriptor["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        descriptor
    };
    let mut image = image().put_into(&mut layout, Packing::Gzip);
    image["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index =
        layout.put_json(INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [attestation, image]}));
    layout.list(&[index]);
    let file = file_of(&layout.archive());
    let path = file.path().to_str().unwrap();
    for platform in [PlatformChoice::Only("linux/amd64".parse().unwrap()), PlatformChoice::All] {
        assert_eq!(packages(&scan_with(path, platform, 2).report()), BASH);
    }
    match scan_with(path, PlatformChoice::Only("linux/s390x".parse().unwrap()), 2) {
        Scanned::CannotRun(error) => {
            assert_eq!(error.kind, ErrorKind::NotFound);
            assert!(
                error.help.as_ref().is_some_and(|help| help.contains("linux/amd64") && !help.contains("unknown")),
                "{error:?}"
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn two_documents_in_one() {
    let twice = |key: &str, document: &Value| {
        let text = serde_json::to_string(document).unwrap();
        let value = serde_json::to_string(&document[key]).unwrap();
        text.replacen('{', &format!("{{{key:?}:{value},"), 1).into_bytes()
    };
    let documents = Documents::new();
    let manifest = documents.manifest.clone();
    let config: Value = serde_json::from_slice(&image().config).unwrap();
    let mut both = manifest.clone();
    both["manifests"] = json!([]);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [documents.layer]});
    let mut as_index = documents.layout.clone();
    let mut descriptor = as_index.put_json(MANIFEST, &manifest);
    descriptor["mediaType"] = INDEX.into();
    as_index.list(&[descriptor]);
    let mut index_twice = documents.layout.clone();
    let descriptor = index_twice.put_json(MANIFEST, &manifest);
    index_twice.index_bytes(twice("manifests", &json!({"schemaVersion": 2, "manifests": [descriptor]})));
    check(vec![
        Case::new(
            "a manifest and an index at once",
            Documents::document(MANIFEST, serde_json::to_vec(&both).unwrap()),
            Refused(MALFORMED),
        ),
        Case::new(
            "an index that is called a manifest",
            Documents::document(MANIFEST, serde_json::to_vec(&index).unwrap()),
            Refused(MALFORMED),
        ),
        Case::new("a manifest that is called an index", as_index.archive(), Refused(MALFORMED)),
        Case::new("`layers` twice", Documents::document(MANIFEST, twice("layers", &manifest)), Refused(MALFORMED)),
        Case::new("`config` twice", Documents::document(MANIFEST, twice("config", &manifest)), Refused(MALFORMED)),
        Case::new("`manifests` twice", index_twice.archive(), Refused(MALFORMED)),
        Case::new("`rootfs` twice", Documents::config(twice("rootfs", &config)), Refused(MALFORMED)),
        Case::new(
            "`User` twice",
            Documents::config(
                String::from_utf8(image().config).unwrap().replace(r#""User":"#, r#""User":"0","User":"#).into_bytes(),
            ),
            Refused(MALFORMED),
        ),
    ]);
}

#[test]
fn configurations_of_the_wrong_types() {
    let mut cases = vec![
        Case::new("not JSON", Documents::config(b"no JSON".to_vec()), Refused(MALFORMED)),
        Case::new("a list", Documents::config(b"[]".to_vec()), Refused(MALFORMED)),
        Case::new("null", Documents::config(b"null".to_vec()), Refused(MALFORMED)),
        Case::new("no field at all", Documents::config(b"{}".to_vec()), Refused(MALFORMED)),
        Case::new(
            "not UTF-8",
            Documents::config([b"{\"os\":\"\xff\"".as_slice(), &image().config[1..]].concat()),
            Refused(MALFORMED),
        ),
    ];
    let wrong = [
        ("/config", json!([1])),
        ("/config/User", json!(0)),
        ("/config/Env", json!("PATH=/bin")),
        ("/config/Cmd", json!({"a": 1})),
        ("/config/Entrypoint", json!([[]])),
        ("/config/Labels", json!(["a"])),
        ("/config/ExposedPorts", json!([22])),
        ("/config/Volumes", json!("/data")),
        ("/config/Healthcheck", json!("CMD")),
        ("/rootfs", json!("layers")),
        ("/rootfs/diff_ids", json!({"0": "sha256:"})),
        ("/rootfs/diff_ids/0", json!("sha256:xyz")),
        ("/history", json!({"created_by": "x"})),
        ("/history/0", json!("RUN")),
        ("/history/0/created_by", json!(17)),
        ("/history/0/empty_layer", json!("yes")),
        ("/os", json!(["linux"])),
        ("/architecture", json!(64)),
    ];
    for (pointer, value) in wrong {
        let mut config: Value = serde_json::from_slice(&image().config).unwrap();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = config.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(list) => list[0] = value,
            _ => parent[key] = value,
        }
        cases.push(Case::new(pointer, Documents::config(serde_json::to_vec(&config).unwrap()), Refused(MALFORMED)));
    }
    for (pointer, packages) in [("/config", BASH), ("/history", BASH), ("/os", BASH)] {
        let mut config: Value = serde_json::from_slice(&image().config).unwrap();
        *config.pointer_mut(pointer).unwrap_or(&mut Value::Null) = Value::Null;
        cases.push(
            Case::new("null is nothing", Documents::config(serde_json::to_vec(&config).unwrap()), Complete(&[]))
                .packages(packages),
        );
    }
    check(cases);
}

#[test]
fn documents_too_deep_or_too_large() {
    let deep = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    let in_field = |name: &str, document: &Value, depth: usize| {
        let text = serde_json::to_string(document).unwrap();
        let deep = String::from_utf8(deep(depth)).unwrap();
        text.replacen('{', &format!("{{{name:?}:{deep},"), 1).into_bytes()
    };
    let manifest = Documents::new().manifest;
    let config: Value = serde_json::from_slice(&image().config).unwrap();
    let padded = |document: &Value, size: usize| {
        let mut bytes = serde_json::to_vec(document).unwrap();
        bytes.resize(size, b' ');
        bytes
    };
    let mut of_index = Layout::new();
    of_index.index_bytes(deep(100_000));
    let lock = |field: &str| {
        [format!(r#"{{"name": "deep", "version": "1.0.0", "{field}": "#).into_bytes(), deep(100_000), b"}".to_vec()]
            .concat()
    };
    let in_container = |name: &str, before: &str, after: &str| {
        let deep = String::from_utf8(deep(100_000)).unwrap();
        let text = serde_json::to_string(&config).unwrap();
        text.replacen(r#""config":{"#, &format!(r#""config":{{"{name}":{before}{deep}{after},"#), 1).into_bytes()
    };
    let mut docker = Parts::default();
    docker.file("manifest.json", deep(100_000));
    let mut many = Parts::default();
    let config_name = many.file("config.json", image().config);
    let layers: Vec<&str> = vec!["l/layer.tar"; 5_000];
    many.file("l/layer.tar", layer());
    many.file("manifest.json", serde_json::to_vec(&json!([{"Config": config_name, "Layers": layers}])).unwrap());
    check(vec![
        Case::new("an index of brackets", of_index.archive(), Refused(MALFORMED)),
        Case::new("a docker manifest of brackets", docker.archive(), Refused(MALFORMED)),
        Case::new(
            "a manifest with a deep field",
            Documents::document(MANIFEST, in_field("x", &manifest, 100_000)),
            Complete(&[]),
        )
        .packages(BASH),
        Case::new(
            "a config with a deep field",
            Documents::config(in_field("x", &config, 100_000)),
            Partial(&["config-not-searched"]),
        )
        .packages(BASH),
        Case::new(
            "a config with deep labels",
            Documents::config(in_container("Labels", "{\"a\":", "}")),
            Refused(MALFORMED),
        ),
        Case::new(
            "a config with deep ports",
            Documents::config(in_container("ExposedPorts", "{\"22/tcp\":", "}")),
            Refused(MALFORMED),
        ),
        Case::layer(
            "a package file nested beyond any stack",
            RawTar::default()
                .file("app/node_modules/deep/package.json", lock("x"))
                .file("app/node_modules/deeper/package.json", lock("license"))
                .end(),
            Complete(&[]),
        )
        .packages(&["deep 1.0.0"]),
        Case::layer(
            "a package file of brackets",
            RawTar::default()
                .file("app/node_modules/deep/package.json", deep(100_000))
                .file("var/lib/dpkg/status", STATUS)
                .end(),
            Complete(&["package-record-malformed"]),
        )
        .packages(BASH),
        Case::new(
            "a manifest just within its limit",
            Documents::document(MANIFEST, padded(&manifest, 4 << 20)),
            Complete(&[]),
        )
        .packages(BASH),
        Case::new(
            "a manifest beyond its limit",
            Documents::document(MANIFEST, padded(&manifest, (4 << 20) + 1)),
            Refused(ErrorKind::Limit),
        ),
        Case::new("a config just within its limit", Documents::config(padded(&config, 8 << 20)), Complete(&[]))
            .packages(BASH),
        Case::new(
            "a config beyond its limit",
            Documents::config(padded(&config, (8 << 20) + 1)),
            Refused(ErrorKind::Limit),
        ),
        Case::new("more layers than the limit", many.archive(), Refused(ErrorKind::Limit)),
    ]);
}

#[test]
fn indexes_that_lead_nowhere() {
    // no document can hold its own digest, so a loop needs a blob under a wrong name
    let mut looped = Layout::new();
    let mut descriptor = described(INDEX, b"to be replaced");
    let own = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]})).unwrap();
    descriptor["size"] = own.len().into();
    let own = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]})).unwrap();
    looped.replace(&descriptor, own);
    looped.list(&[descriptor]);

    let nested = |depth: usize, fan: usize| {
        let mut layout = Layout::new();
        let mut descriptor = image().put_into(&mut layout, Packing::Gzip);
        for _ in 0..depth {
            descriptor = layout
                .put_json(INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": vec![descriptor; fan]}));
        }
        layout.list(&[descriptor]);
        layout.archive()
    };
    let mut crowd = Layout::new();
    let mut entries: Vec<Value> =
        (0..9_000).map(|n| described("application/vnd.example", format!("{n}").as_bytes())).collect();
    entries.push(image().put_into(&mut crowd, Packing::Gzip));
    let mut too_many = crowd.clone();
    crowd.list(&entries);
    too_many.list(&[entries.clone(), entries].concat());
    let mut dangling = Layout::new();
    dangling.list(&[described(INDEX, b"nowhere")]);
    check(vec![
        Case::new("an index that leads to itself in effect", looped.archive(), Refused(MALFORMED)),
        Case::new("three deep", nested(3, 1), Complete(&[])).packages(BASH),
        Case::new("six deep", nested(6, 1), Refused(ErrorKind::Limit)),
        Case::new("three deep, each entry a hundred times", nested(3, 100), Complete(&[])).packages(BASH),
        Case::new("most entries are no images", crowd.archive(), Complete(&[])).packages(BASH),
        Case::new("more entries than the limit", too_many.archive(), Refused(ErrorKind::Limit)),
        Case::new("an index of nothing that is here", dangling.archive(), Refused(MALFORMED)),
    ]);
}

#[test]
fn two_images_and_no_choice() {
    let mut layout = Layout::new();
    let mut one = image().put_into(&mut layout, Packing::Gzip);
    one["annotations"] = json!({"org.opencontainers.image.ref.name": "one"});
    let mut two = Built::of(&[RawTar::default().end()]).put_into(&mut layout, Packing::Gzip);
    two["annotations"] = json!({"org.opencontainers.image.ref.name": "two"});
    layout.list(&[one, two]);
    check(vec![Case::new("two images", layout.archive(), CannotRun(ErrorKind::Usage))]);
}

#[test]
fn other_hosts_are_never_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/layer.tar.gz", listener.local_addr().unwrap());
    let foreign = |kind: &str, is_here: bool| {
        Documents::layout(|documents| {
            documents.manifest["layers"][0]["urls"] = json!([url]);
            documents.manifest["layers"][0]["mediaType"] = kind.into();
            if !is_here {
                documents.layout.remove(&documents.layer);
            }
        })
    };
    check(vec![
        Case::new(
            "content on another host",
            foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", false),
            Partial(&["foreign-layer"]),
        ),
        Case::new(
            "content on another host, in docker's words",
            foreign("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", false),
            Partial(&["foreign-layer"]),
        ),
        Case::new(
            "content on another host, of an ordinary type",
            foreign(&format!("{LAYER}+gzip"), false),
            Partial(&["foreign-layer"]),
        ),
        Case::new("content that is here as well", foreign(&format!("{LAYER}+gzip"), true), Complete(&[]))
            .packages(BASH),
    ]);
    assert!(listener.accept().is_err(), "a host that the image names was asked");
}

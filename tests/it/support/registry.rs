//! A registry in memory (distribution-spec 1.1), which keeps what is pushed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use careen::digest::Digest;
use serde_json::{Value, json};

use super::layout::INDEX;
use super::server::{Reply, Seen, Server};

/// What was pushed.
#[derive(Default)]
pub(crate) struct Kept {
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Media type and bytes, by tag and by digest.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    uploads: BTreeMap<String, Vec<u8>>,
}

/// A registry of one repository.
pub(crate) struct Registry {
    pub server: Server,
    pub kept: Arc<Mutex<Kept>>,
}

impl Registry {
    /// Starts one that lists referrers itself, or does not.
    pub(crate) fn start(lists_referrers: bool) -> Self {
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let shared = Arc::clone(&kept);
        let server = Server::start(move |seen| answer(seen, &mut shared.lock().unwrap(), lists_referrers));
        Self { server, kept }
    }

    /// A reference in it.
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("registry:{}/{name}", self.server.url.trim_start_matches("http://"))
    }

    /// A manifest by tag or digest.
    pub(crate) fn manifest(&self, name: &str) -> Value {
        let kept = self.kept.lock().unwrap();
        serde_json::from_slice(&kept.manifests[name].1).unwrap()
    }
}

fn answer(seen: &Seen, kept: &mut Kept, lists_referrers: bool) -> Reply {
    let path = seen.path.replace("%3A", ":");
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let Some(rest) = path.strip_prefix("/v2/").filter(|rest| !rest.is_empty()) else { return Reply::of(200) };
    let part = |word: &str| rest.split_once(word).map(|(_, rest)| rest.to_owned());
    let of_query =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("");
    if let Some(id) = part("/blobs/uploads/") {
        let bytes = kept.uploads.entry(id.clone()).or_default();
        bytes.extend(&seen.body);
        return match seen.method.as_str() {
            "POST" => Reply::of(202).with("Location", format!("{path}{}", kept.uploads.len())),
            "PATCH" => Reply::of(202).with("Location", path),
            _ => {
                let bytes = kept.uploads.remove(&id).unwrap();
                let digest = Digest::sha256(&bytes).to_string();
                let is_it = digest == of_query("digest");
                kept.blobs.insert(digest, bytes);
                Reply::of(if is_it { 201 } else { 400 })
            }
        };
    }
    if let Some(digest) = part("/blobs/") {
        return kept.blobs.get(&digest).map_or(Reply::of(404), |bytes| Reply::file(bytes.clone()));
    }
    if let Some(name) = part("/manifests/") {
        if seen.method == "PUT" {
            let digest = Digest::sha256(&seen.body).to_string();
            let entry = (seen.header("content-type").to_owned(), seen.body.clone());
            kept.manifests.insert(digest.clone(), entry.clone());
            kept.manifests.insert(name, entry);
            let subject = serde_json::from_slice::<Value>(&seen.body).unwrap()["subject"]["digest"].clone();
            let reply = Reply::of(201).with("Docker-Content-Digest", digest);
            return match subject.as_str().filter(|_| lists_referrers) {
                Some(subject) => reply.with("OCI-Subject", subject),
                None => reply,
            };
        }
        return kept.manifests.get(&name).map_or_else(Reply::unknown, |(kind, bytes)| {
            Reply::file(bytes.clone()).with("Content-Type", kind.clone())
        });
    }
    if let Some(digest) = part("/referrers/").filter(|_| lists_referrers) {
        let of = |(name, (kind, bytes)): (&String, &(String, Vec<u8>))| {
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            let is_it = name.starts_with("sha256:") && manifest["subject"]["digest"] == json!(digest);
            is_it.then(|| {
                json!({"mediaType": kind, "digest": name, "size": bytes.len(), "artifactType": manifest["artifactType"],
                       "annotations": manifest["annotations"]})
            })
        };
        let found: Vec<Value> = kept.manifests.iter().filter_map(of).collect();
        let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": found});
        return Reply::file(list.to_string()).with("Content-Type", INDEX);
    }
    Reply::of(404)
}

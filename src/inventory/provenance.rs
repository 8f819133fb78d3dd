//! The base that a builder's provenance names: SLSA provenance v0.2 and v1 (<https://slsa.dev/spec/v1.0/provenance>)
//! as `BuildKit` puts it into an index (its `docs/attestations/slsa-definitions.md`). No signature is checked.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::format::percent;

/// What a build took in, as its provenance says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Images, by name, with the digest that is stated.
    images: BTreeMap<String, Option<String>>,
    /// Images whose layers are stated as well, by name.
    layered: BTreeMap<String, Vec<Digest>>,
}

/// Images that are part of a builder, not of what it builds.
const TOOLS: &[&str] = &["docker/dockerfile", "docker/buildkit", "moby/buildkit", "tonistiigi/"];

/// What marks an image among what a build took in.
const IMAGE: &str = "docker-image://";

impl Provenance {
    /// Reads an in-toto statement; `None` if it is no provenance.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let statement: Value = serde_json::from_slice(bytes).ok()?;
        let kind = statement.get("predicateType")?.as_str()?;
        if !kind.contains("slsa.dev/provenance") {
            return None;
        }
        let predicate = statement.get("predicate")?;
        let either = |first: &str, second: &str| predicate.pointer(first).or_else(|| predicate.pointer(second));
        let mut provenance = Self::default();
        let materials = either("/buildDefinition/resolvedDependencies", "/materials").and_then(Value::as_array);
        for material in materials.into_iter().flatten() {
            let Some(name) = material.get("uri").and_then(Value::as_str).and_then(image_of_purl) else { continue };
            let digest = material.pointer("/digest/sha256").and_then(Value::as_str).map(|hex| format!("sha256:{hex}"));
            provenance.images.insert(name, digest);
        }
        let layers = either(
            "/runDetails/metadata/buildkit_metadata/layers",
            "/metadata/https:~1~1mobyproject.org~1buildkit@v1#metadata/layers",
        );
        let operations =
            either("/buildDefinition/internalParameters/buildConfig/llbDefinition", "/buildConfig/llbDefinition");
        for operation in operations.and_then(Value::as_array).into_iter().flatten() {
            let source = operation.pointer("/op/Op/source").or_else(|| operation.pointer("/op/Op/Source"));
            let name = source.and_then(|source| source.get("identifier")?.as_str()?.strip_prefix(IMAGE));
            let (Some(name), Some(id)) = (name, operation.get("id").and_then(Value::as_str)) else { continue };
            let of_step = layers.and_then(|layers| layers.get(format!("{id}:0"))?.get(0)?.as_array());
            let digest = |layer: &Value| layer.get("digest")?.as_str()?.parse().ok();
            let digests: Option<Vec<Digest>> = of_step.map(|layers| layers.iter().map_while(digest).collect());
            if let Some(digests) = digests.filter(|digests| !digests.is_empty() && !is_tool(name)) {
                provenance.layered.insert(without_digest(name).to_owned(), digests);
            }
        }
        Some(provenance)
    }

    /// The one image that the build took in, with the digest that is stated; `None` if there are several.
    pub fn only_image(&self) -> Option<(&str, Option<&str>)> {
        let mut images = self.images.iter();
        let (name, digest) = images.next()?;
        images.next().is_none().then_some((name.as_str(), digest.as_deref()))
    }

    /// The image all of whose layers lie at the bottom of an image of these blobs, and how many they are.
    pub fn bottom(&self, blobs: &[Option<&Digest>]) -> Option<(&str, usize)> {
        let is_bottom = |layers: &Vec<Digest>| {
            layers.len() <= blobs.len() && layers.iter().zip(blobs).all(|(layer, blob)| *blob == Some(layer))
        };
        let bottoms = self.layered.iter().filter(|(_, layers)| is_bottom(layers));
        bottoms.map(|(name, layers)| (name.as_str(), layers.len())).max_by_key(|(_, count)| *count)
    }
}

/// `debian:12` of `pkg:docker/debian@12?platform=linux%2Famd64`.
fn image_of_purl(uri: &str) -> Option<String> {
    let name = uri.strip_prefix("pkg:docker/")?.split(['?', '#']).next()?;
    let name = match name.rsplit_once('@') {
        Some((name, tag)) if !tag.starts_with("sha256") => format!("{name}:{tag}"),
        Some((name, _)) => name.to_owned(),
        None => name.to_owned(),
    };
    let name = percent::decode_lossy(&name);
    (!is_tool(&name)).then_some(name)
}

fn is_tool(name: &str) -> bool {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    TOOLS.iter().any(|tool| name.starts_with(tool))
}

fn without_digest(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::sha256(text.as_bytes())
    }

    #[test]
    fn images_are_read_from_both_versions() {
        let materials = json!([
            {"uri": "pkg:docker/docker/dockerfile@1", "digest": {"sha256": "aa"}},
            {"uri": "pkg:docker/registry.example/base/debian@12?platform=linux%2Famd64", "digest": {"sha256": "bb"}},
            {"uri": "https://example.org/x.git"},
        ]);
        let old = json!({"predicateType": "https://slsa.dev/provenance/v0.2", "predicate": {"materials": materials}});
        let new = json!({"predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {"buildDefinition": {"resolvedDependencies": materials}}});
        for statement in [old, new] {
            let provenance = Provenance::parse(statement.to_string().as_bytes()).expect("provenance");
            assert_eq!(provenance.only_image(), Some(("registry.example/base/debian:12", Some("sha256:bb"))));
        }
        for other in ["{}", "[]", r#"{"predicateType": "https://spdx.dev/Document", "predicate": {}}"#, "x"] {
            assert_eq!(Provenance::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn stated_layers_are_compared_with_the_image() {
        let layer = |text: &str| json!({"digest": digest(text).to_string()});
        let metadata = json!({"layers": {
            "step0:0": [[layer("a"), layer("b")]],
            "step1:0": [[layer("x")]],
            "step2:0": [[layer("a")]],
        }});
        let operation = |id: &str, name: &str| json!({"id": id, "op": {"Op": {"source": {"identifier": format!("docker-image://{name}@sha256:00")}}}});
        let operations = json!([
            operation("step0", "docker.io/library/debian:12"),
            operation("step1", "docker.io/library/golang:1"),
            operation("step2", "docker.io/library/small:1"),
            {"id": "step3", "op": {"Op": {"exec": {}}}},
        ]);
        let new = json!({"predicateType": "https://slsa.dev/provenance/v1", "predicate": {
            "buildDefinition": {"internalParameters": {"buildConfig": {"llbDefinition": operations}}},
            "runDetails": {"metadata": {"buildkit_metadata": metadata}}}});
        let old = json!({"predicateType": "https://slsa.dev/provenance/v0.2", "predicate": {
            "buildConfig": {"llbDefinition": operations},
            "metadata": {"https://mobyproject.org/buildkit@v1#metadata": metadata}}});
        let [a, b, c] = ["a", "b", "c"].map(digest);
        for statement in [new, old] {
            let provenance = Provenance::parse(statement.to_string().as_bytes()).expect("provenance");
            let image = [Some(&a), Some(&b), Some(&c)];
            assert_eq!(provenance.bottom(&image), Some(("docker.io/library/debian:12", 2)));
            assert_eq!(provenance.bottom(&[Some(&a), Some(&c)]), Some(("docker.io/library/small:1", 1)));
            assert_eq!(provenance.bottom(&[Some(&c), None]), None);
        }
    }
}

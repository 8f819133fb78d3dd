//! Where a rebuilt image comes from: an in-toto Statement (in-toto attestation, spec/v1/statement.md) with the predicate of SLSA
//! provenance v1 (slsa.dev/spec/v1.0/provenance).
//!
//! No time, host or path is in it: the same input and plan give the same statement. Nobody signs it here.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::rebuild::Rebuilt;

/// Type of the statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Type of what it says.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// Media type of the document (in-toto attestation, spec/v1/bundle.md).
pub const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// What `externalParameters` mean, as SLSA asks each builder to name it.
const BUILD_TYPE: &str = "tag:careen.dev,2026:fix/v1";

/// Who made it.
const BUILDER: &str = "tag:careen.dev,2026:careen";

/// What a user chose, besides the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choices {
    /// Emptied layers were left out.
    pub drop_empty_layers: bool,
}

/// Says of the images in `rebuilt` what they were made from. `reference` names the input, secrets masked.
pub fn statement(rebuilt: &Rebuilt, reference: &str, plan: &Digest, choices: Choices) -> Value {
    let digest = |digest: &Digest| json!({ digest.algorithm().as_str(): digest.hex() });
    let mut subject = Vec::new();
    let mut inputs = Vec::new();
    if let Some((before, after)) = &rebuilt.index {
        subject.push(json!({ "name": name(&rebuilt.images.iter().flat_map(|image| &image.names).collect::<Vec<_>>()), "digest": digest(after) }));
        inputs.push(json!({ "uri": reference, "digest": digest(before) }));
    }
    for image in &rebuilt.images {
        let platform = image.platform.as_ref().map(|platform| json!({ "platform": platform.to_string() }));
        let of = |digests: &crate::rebuild::Digests| digests.manifest.clone().unwrap_or_else(|| digests.config.clone());
        let mut entry = json!({
            "name": name(&image.names.iter().collect::<Vec<_>>()),
            "digest": digest(&of(&image.after)),
        });
        let mut input = json!({ "uri": reference, "digest": digest(&of(&image.before)) });
        for document in [&mut entry, &mut input] {
            if let (Some(platform), Some(fields)) = (&platform, document.as_object_mut()) {
                fields.insert("annotations".into(), platform.clone());
            }
        }
        subject.push(entry);
        inputs.push(input);
    }
    json!({
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "plan": { "digest": digest(plan) },
                    "drop-empty-layers": choices.drop_empty_layers,
                },
                "resolvedDependencies": inputs,
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "careen": env!("CARGO_PKG_VERSION") } },
            },
        },
    })
}

/// The digests that a file is about, if it is a statement of careen's, over which another one may be written.
pub fn subjects(bytes: &[u8]) -> Option<Vec<String>> {
    let known: Value = serde_json::from_slice(bytes).ok()?;
    let build_type = known.pointer("/predicate/buildDefinition/buildType");
    if known.get("_type")? != STATEMENT || build_type? != BUILD_TYPE {
        return None;
    }
    let digests = known.get("subject")?.as_array()?.iter().filter_map(|subject| subject.get("digest")?.as_object());
    let texts = digests.flatten().filter_map(|(algorithm, hex)| Some(format!("{algorithm}:{}", hex.as_str()?)));
    Some(texts.collect())
}

/// The first of an image's names; a statement wants one even of an image that has none.
fn name(names: &[&String]) -> String {
    names.first().map_or_else(|| "image".to_owned(), |name| (*name).clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rebuild::{Digests, RebuiltImage};

    #[test]
    fn a_statement_names_what_came_of_what() {
        let of = |text: &str| Digest::sha256(text.as_bytes());
        let image = |name: &str| RebuiltImage {
            platform: "linux/arm64".parse().ok(),
            names: vec![name.to_owned()],
            before: Digests { config: of("c1"), manifest: Some(of("m1")) },
            after: Digests { config: of("c2"), manifest: Some(of("m2")) },
            layers: Vec::new(),
        };
        let rebuilt = Rebuilt {
            images: vec![image("shop/api:1.4")],
            is_changed: true,
            index: Some((of("i1"), of("i2"))),
            size: (1, 1),
            excised: Vec::new(),
            notices: Vec::new(),
        };
        let made = statement(&rebuilt, "oci-dir:x", &of("plan"), Choices::default());
        let at = |pointer: &str| made.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/subject/0/digest/sha256"), of("i2").hex());
        assert_eq!(at("/subject/1/digest/sha256"), of("m2").hex());
        assert_eq!(at("/subject/1/annotations/platform"), "linux/arm64");
        assert_eq!(at("/predicate/buildDefinition/resolvedDependencies/1/digest/sha256"), of("m1").hex());
        assert_eq!(at("/predicate/buildDefinition/externalParameters/plan/digest/sha256"), of("plan").hex());
        // every field that the two specifications require
        for pointer in [
            "/_type",
            "/subject/0/name",
            "/predicateType",
            "/predicate/buildDefinition/buildType",
            "/predicate/runDetails/builder/id",
        ] {
            assert!(at(pointer).is_string(), "{pointer}");
        }
        assert_eq!(made, statement(&rebuilt, "oci-dir:x", &of("plan"), Choices::default()));
        let about = [of("i2"), of("m2")].map(|digest| digest.to_string()).to_vec();
        assert_eq!(subjects(made.to_string().as_bytes()), Some(about));
        let other = made.to_string().replace(BUILD_TYPE, "https://example/other");
        for text in [other.as_str(), "{}", "extends = []", ""] {
            assert_eq!(subjects(text.as_bytes()), None, "{text}");
        }
    }
}

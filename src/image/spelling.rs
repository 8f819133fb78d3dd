//! Keys that tools in Go take for others: they match letters of either case, and the last one wins.
//!
//! careen takes keys as they are written. A document in which the two ways differ is refused, since
//! what runs would not be what was looked at.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};
use crate::escape::escape;

/// Keys of an object, and for those that hold objects, or lists of them, the keys of these. Maps,
/// whose keys are data, have none.
#[derive(Debug)]
pub(super) struct Keys(&'static [(&'static str, Option<&'static Keys>)]);

/// Of an image configuration.
pub(super) const CONFIG: Keys = Keys(&[
    ("created", None),
    ("author", None),
    ("os", None),
    ("architecture", None),
    ("variant", None),
    ("config", Some(&CONTAINER)),
    ("rootfs", Some(&Keys(&[("type", None), ("diff_ids", None)]))),
    ("history", Some(&HISTORY)),
]);

const CONTAINER: Keys = Keys(&[
    ("User", None),
    ("Env", None),
    ("Entrypoint", None),
    ("Cmd", None),
    ("WorkingDir", None),
    ("ExposedPorts", None),
    ("Volumes", None),
    ("Labels", None),
    ("StopSignal", None),
    ("Healthcheck", Some(&Keys(&[("Test", None)]))),
    ("OnBuild", None),
    ("Shell", None),
]);

const HISTORY: Keys =
    Keys(&[("created", None), ("created_by", None), ("author", None), ("comment", None), ("empty_layer", None)]);

/// Of an index or a manifest.
pub(super) const DOCUMENT: Keys = Keys(&[
    ("schemaVersion", None),
    ("mediaType", None),
    ("artifactType", None),
    ("manifests", Some(&DESCRIPTOR)),
    ("config", Some(&DESCRIPTOR)),
    ("layers", Some(&DESCRIPTOR)),
    ("fsLayers", None),
    ("annotations", None),
]);

const DESCRIPTOR: Keys = Keys(&[
    ("mediaType", None),
    ("digest", None),
    ("size", None),
    ("platform", Some(&Keys(&[("os", None), ("architecture", None), ("variant", None)]))),
    ("annotations", None),
    ("artifactType", None),
    ("urls", None),
]);

/// Of docker's `manifest.json`.
pub(super) const DOCKER: Keys = Keys(&[("Config", None), ("RepoTags", None), ("Layers", None)]);

/// Refuses a key that is one of `keys` but for the case of its letters. Call it with a document that
/// is known to parse.
pub(super) fn check(bytes: &[u8], keys: &'static Keys, document: &str) -> Result<()> {
    Check(keys)
        .deserialize(&mut serde_json::Deserializer::from_slice(bytes))
        .map_err(|e| Error::malformed(format!("{document} {e}")))
}

/// Whether Go's `encoding/json` takes `key` for `known`, which is ASCII: two letters beyond ASCII fold into it.
fn is_taken_for(key: &str, known: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(known.chars().map(fold))
}

/// Walks the objects of known keys, and keeps nothing.
#[derive(Clone, Copy)]
struct Check(&'static Keys);

impl<'de> DeserializeSeed<'de> for Check {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let known = self.0.0.iter().find(|(known, _)| is_taken_for(&key, known));
            match known {
                Some((known, _)) if *known != key => {
                    let key = escape(&key);
                    return Err(A::Error::custom(format_args!(
                        "has the key `{key}` beside or instead of `{known}`: tools read it differently"
                    )));
                }
                Some((_, Some(inner))) => map.next_value_seed(Check(inner))?,
                Some((_, None)) | None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::image::ImageConfig;
    use crate::image::manifest::{DockerManifest, Document};
    use crate::limit::Limits;

    use super::*;

    #[test]
    fn configurations_that_tools_read_differently_are_refused() {
        let cases = [
            (r#"{"config":{"User":"1000","Labels":{"user":"a","User":"b"}}}"#, None),
            (r#"{"config":{"User":"1000","Volumes":{"/A":{},"/a":{}},"ExposedPorts":{"User":{}}}}"#, None),
            (r#"{"config":null,"history":null,"rootfs":null,"Parent":"a","parent":"b"}"#, None),
            (r#"{"config":{"User":"1000","user":"0"}}"#, Some(("user", "User"))),
            (r#"{"config":{"u\u017fer":"0"}}"#, Some(("u\u{17f}er", "User"))),
            (r#"{"config":{},"Config":{}}"#, Some(("Config", "config"))),
            (r#"{"config":{"Healthcheck":{"test":["NONE"]}}}"#, Some(("test", "Test"))),
            (r#"{"config":{"healthChec\u212a":{}}}"#, Some(("healthChec\u{212a}", "Healthcheck"))),
            (r#"{"rootfs":{"diff_ids":[],"Diff_IDs":[]}}"#, Some(("Diff_IDs", "diff_ids"))),
            (r#"{"history":[{},{"Empty_Layer":true}]}"#, Some(("Empty_Layer", "empty_layer"))),
        ];
        for (text, expected) in cases {
            verify(ImageConfig::parse(text.as_bytes(), &Limits::default()).err(), expected, text);
        }
    }

    #[test]
    fn manifests_that_tools_read_differently_are_refused() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let cases = [
            (r#"{"manifests":[],"annotations":{"Digest":"a","digest":"b"}}"#.to_owned(), None),
            (r#"{"manifests":[],"Manifests":[]}"#.to_owned(), Some(("Manifests", "manifests"))),
            (r#"{"manifests":[],"layerS":[]}"#.to_owned(), Some(("layerS", "layers"))),
            (format!(r#"{{"manifests":[{{"digest":"{digest}","size":1,"Size":2}}]}}"#), Some(("Size", "size"))),
            (
                format!(
                    r#"{{"config":{{"digest":"{digest}","size":1}},"layers":[{{"digest":"{digest}","size":1,"URLs":[]}}]}}"#
                ),
                Some(("URLs", "urls")),
            ),
            (
                format!(
                    r#"{{"manifests":[{{"digest":"{digest}","size":1,"platform":{{"os":"a","architecture":"b","OS":"c"}}}}]}}"#
                ),
                Some(("OS", "os")),
            ),
        ];
        for (text, expected) in cases {
            verify(Document::parse(text.as_bytes(), &Limits::default()).err(), expected, &text);
        }
    }

    #[test]
    fn docker_manifests_that_tools_read_differently_are_refused() {
        let cases = [
            (r#"[{"Config":"a","Layers":[]},{"Config":"b","Parent":"","parent":""}]"#, None),
            (r#"[{"Config":"a"},{"Config":"b","config":"c"}]"#, Some(("config", "Config"))),
            (r#"[{"Config":"a","layer\u017f":["b"]}]"#, Some(("layer\u{17f}", "Layers"))),
        ];
        for (text, expected) in cases {
            verify(DockerManifest::parse(text.as_bytes()).err(), expected, text);
        }
    }

    fn verify(error: Option<Error>, expected: Option<(&str, &str)>, text: &str) {
        match (error, expected) {
            (None, None) => {}
            (Some(error), Some((key, known))) => {
                let key = escape(key);
                let told = format!("has the key `{key}` beside or instead of `{known}`");
                assert!(error.message.contains(&told), "{text}: {error}");
            }
            (error, _) => panic!("{text}: {error:?}"),
        }
    }
}

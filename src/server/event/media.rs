//! Media types in payloads: what may be an image, and what need not be looked at (image-spec 1.1, media-types.md).

use crate::image::manifest::media_type;
use crate::source::attached::are_statements;

/// Why a blob is not looked at.
pub(super) const BLOB: &str = "a layer or another blob, not a manifest";
/// Why an artifact is not.
pub(super) const ARTIFACT: &str = "an artifact that is no image";
/// Why what is attached to an image is not.
pub(super) const ATTACHED: &str = "a signature, attestation or list of what belongs to an image";

/// What a media type is that of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A list of manifests.
    Index,
    /// A manifest of an image, as far as its type tells. Schema 1 too: its scan fails with a word about it, which is
    /// better than silence.
    Manifest,
    /// A manifest of something else.
    Artifact,
    /// None is given, or it is no manifest's.
    Unknown,
}

/// What the media type of a manifest says.
pub(super) fn kind_of_manifest(media_type: &str) -> Kind {
    match bare(media_type).as_str() {
        media_type::OCI_INDEX | media_type::DOCKER_INDEX => Kind::Index,
        media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => Kind::Manifest,
        bare if media_type::is_schema_1(bare) => Kind::Manifest,
        "application/vnd.oci.artifact.manifest.v1+json" | "application/vnd.cncf.oras.artifact.manifest.v1+json" => {
            Kind::Artifact
        }
        _ => Kind::Unknown,
    }
}

/// Why a manifest with such a configuration is not looked at. One without a type may be an image.
pub(super) fn reason_of_config(media_type: &str) -> Option<&'static str> {
    match bare(media_type).as_str() {
        "" | media_type::OCI_CONFIG | media_type::DOCKER_CONFIG => None,
        _ => Some(ARTIFACT),
    }
}

/// Why a manifest with such layers is not looked at.
pub(super) fn reason_of_layers<'a>(media_types: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    are_statements(media_types).then_some(ATTACHED)
}

/// Without parameters, in lower case.
fn bare(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_media_type() {
        for (media_type, kind) in [
            ("application/vnd.oci.image.manifest.v1+json", Kind::Manifest),
            ("application/vnd.oci.image.index.v1+json; charset=utf-8", Kind::Index),
            ("Application/Vnd.Docker.Distribution.Manifest.List.v2+json", Kind::Index),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", Kind::Manifest),
            ("application/vnd.oci.artifact.manifest.v1+json", Kind::Artifact),
            ("application/octet-stream", Kind::Unknown),
            ("application/vnd.oci.image.config.v1+json", Kind::Unknown),
            ("", Kind::Unknown),
        ] {
            assert_eq!(kind_of_manifest(media_type), kind, "{media_type}");
        }
        assert_eq!(reason_of_config(""), None);
        assert_eq!(reason_of_config("application/vnd.docker.container.image.v1+json"), None);
        assert_eq!(reason_of_config("application/vnd.cncf.helm.config.v1+json"), Some(ARTIFACT));
        assert_eq!(reason_of_config("application/vnd.oci.empty.v1+json"), Some(ARTIFACT));
    }

    #[test]
    fn a_statement_among_layers_hides_no_image() {
        let statement = "application/vnd.in-toto+json";
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert_eq!(reason_of_layers([statement, statement].into_iter()), Some(ATTACHED));
        assert_eq!(reason_of_layers([statement, layer].into_iter()), None);
        assert_eq!(reason_of_layers(std::iter::empty()), None);
    }
}

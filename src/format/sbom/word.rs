//! The names under which careen says in a bill of materials what its format has no field for: CycloneDX
//! properties, and `name=value` lines of SPDX annotations. Written by the outputs, read back here.

/// Id of the ecosystem, where it is not the purl's type.
pub const TYPE: &str = "careen:type";
/// `declared`, for a package that a file only asks for.
pub const STATE: &str = "careen:state";
/// `false`, for a declared package that no verdict counts.
pub const COUNTED: &str = "careen:counted";
/// `medium` or `low`, for a package that may not be there.
pub const CONFIDENCE: &str = "careen:confidence";
/// What proves a package that has no record: the name of a file.
pub const PROOF_NAME: &str = "careen:proof:name";
/// The same: a text in a program.
pub const PROOF_TEXT: &str = "careen:proof:version-string";
/// Architecture, as the package's manager spells it.
pub const ARCHITECTURE: &str = "careen:architecture";
/// Name of the source package.
pub const SOURCE_NAME: &str = "careen:source:name";
/// Its version.
pub const SOURCE_VERSION: &str = "careen:source:version";
/// The licence as declared, where the document's own field holds the expression it means, or
/// where that field would be taken for an expression and is none.
pub const LICENCE: &str = "careen:licence";
/// A file that proves the package; see [`place`].
pub const LOCATION: &str = "careen:location";
/// Digest of the uncompressed layer that brought the package.
pub const LAYER: &str = "careen:layer";
/// Reference of the system package whose files it is part of.
pub const OWNED_BY: &str = "careen:owned-by";

/// Begins SPDX identifiers of licences that are no expression; a hash of their text follows.
pub const LICENCE_REFERENCE: &str = "LicenseRef-careen-";

/// Text of a licence that a package names by an identifier of its own.
pub const LICENCE_ELSEWHERE: &str = "The package names this licence; its text is elsewhere.";

/// Digest of the image's manifest.
pub const DIGEST: &str = "careen:digest";
/// Digest of the image's configuration.
pub const CONFIG_DIGEST: &str = "careen:config-digest";
/// Operating system, architecture and variant of the image.
pub const PLATFORM: &str = "careen:platform";
/// A further name of the image.
pub const TAG: &str = "careen:tag";
/// When the image was made.
pub const CREATED: &str = "careen:created";
/// What was not read, so that something may be missing from the list.
pub const GAP: &str = "careen:gap";
/// An oddity that hides nothing.
pub const NOTE: &str = "careen:note";
/// Code of a limitation that a document tells of; its text is what [`GAP`] or [`NOTE`] said.
pub const STATED: &str = "sbom-incomplete";
/// Begins the names of what is known of a layer: `careen:layer:0:digest`.
pub const LAYER_PREFIX: &str = "careen:layer:";
/// Ends of those names, in the order of [`super::BillLayer`]'s fields.
pub const LAYER_FIELDS: [&str; 5] = ["digest", "diff-id", "size", "created-by", "origin"];

/// A file that proves a package, as one text: `layer 2: /path`, with `layer 2, now 4: /path` where a later layer
/// wrote the file again, and `/path!/member` for a member of an archive.
pub fn place(layer: u32, live_layer: u32, path: &str, inside: Option<&str>) -> String {
    let now = if live_layer == layer { String::new() } else { format!(", now {live_layer}") };
    format!("layer {layer}{now}: {}", file(path, inside))
}

/// The file alone: `/path` or `/path!/member`. `path` is as [`crate::escape`] shows it, and so is what of it would look
/// like the beginning of a member.
pub fn file(path: &str, inside: Option<&str>) -> String {
    let path = path.replace("!/", "\\x21/");
    match inside {
        Some(inside) => format!("{path}!/{inside}"),
        None => path,
    }
}

/// The parts of [`place`]: layer, live layer, path, member.
pub fn parse_place(text: &str) -> Option<(u32, u32, &str, Option<&str>)> {
    let (layers, path) = text.strip_prefix("layer ")?.split_once(": ")?;
    let (layer, live) = layers.split_once(", now ").unwrap_or((layers, layers));
    let (path, inside) = match path.split_once("!/") {
        Some((path, inside)) => (path, Some(inside)),
        None => (path, None),
    };
    Some((layer.parse().ok()?, live.parse().ok()?, path, inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_were_written() {
        let cases = [
            (0, 0, "/var/lib/dpkg/status", None, "layer 0: /var/lib/dpkg/status"),
            (2, 4, "/a: b", None, "layer 2, now 4: /a: b"),
            (1, 1, "/app.jar", Some("lib/b.jar!/c.jar"), "layer 1: /app.jar!/lib/b.jar!/c.jar"),
        ];
        for (layer, live, path, inside, text) in cases {
            assert_eq!(place(layer, live, path, inside), text);
            assert_eq!(parse_place(text), Some((layer, live, path, inside)));
        }
        let odd = place(1, 1, "/a!/b.jar", Some("c!/d"));
        assert_eq!(parse_place(&odd), Some((1, 1, "/a\\x21/b.jar", Some("c!/d"))), "{odd}");
        for bad in ["", "layer : /a", "layer -1: /a", "layer 1 /a", "layer 1, now x: /a"] {
            assert_eq!(parse_place(bad), None, "{bad}");
        }
    }
}

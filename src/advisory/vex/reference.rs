//! Names of images: references as `docker pull` takes them, and the package URLs of types `oci` and `docker`.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::digest::Digest;

use super::purl::Purl;

/// Longest reference looked at, in bytes.
const LONGEST: usize = 1024;
/// The registry that a name without a host means.
const DEFAULT_HOST: &str = "docker.io";

/// A name of an image, with what stands for its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host and repository, or the repository's last part alone.
    pub repository: Repository,
    /// A tag, where one is stated.
    pub tag: Option<String>,
    /// A digest, where one is stated.
    pub digest: Option<Digest>,
    /// An architecture, which only package URLs state.
    pub architecture: Option<String>,
}

/// Where an image is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repository {
    /// Host and repository: `docker.io/library/nginx`.
    Whole(String),
    /// The last part of it, wherever it is.
    Last(String),
}

impl Reference {
    /// Reads `[host[:port]/]repository[:tag][@digest]`; `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > LONGEST || text.contains("://") {
            return None;
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (name, None),
        };
        let repository = whole(name)?;
        let is_tag = |tag: &String| {
            !tag.is_empty() && tag.len() <= 128 && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        tag.as_ref().is_none_or(is_tag).then_some(Self {
            repository: Repository::Whole(repository),
            tag,
            digest,
            architecture: None,
        })
    }

    /// The image that a package URL means; `None` for those of packages.
    pub fn of_purl(purl: &Purl) -> Option<Self> {
        let url = purl.qualifiers.get("repository_url").map(|url| {
            let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            url.trim_end_matches('/').to_ascii_lowercase()
        });
        let path =
            if purl.namespace.is_empty() { purl.name.clone() } else { format!("{}/{}", purl.namespace, purl.name) };
        let repository = match (purl.kind.as_str(), url) {
            ("oci", None) if purl.namespace.is_empty() => Repository::Last(purl.name.clone()),
            ("docker", None) => Repository::Whole(whole(&format!("{DEFAULT_HOST}/{path}"))?),
            ("oci", None) => Repository::Whole(whole(&path)?),
            // some give the registry alone, some the repository with it
            ("oci" | "docker", Some(url)) if url.ends_with(&format!("/{path}")) => Repository::Whole(whole(&url)?),
            ("oci" | "docker", Some(url)) => Repository::Whole(whole(&format!("{url}/{path}"))?),
            _ => return None,
        };
        let (mut tag, mut digest) = (purl.qualifiers.get("tag").cloned(), None);
        if let Some(version) = &purl.version {
            match version.parse::<Digest>() {
                Ok(found) => digest = Some(found),
                // a digest that is cut or of an algorithm nobody knows is the name of no image
                Err(_) if version.contains(':') => return None,
                Err(_) => tag = Some(version.clone()),
            }
        }
        Some(Self { repository, tag, digest, architecture: purl.qualifiers.get("arch").cloned() })
    }

    /// Whether what this states is true of an image that goes by `own`.
    pub fn names(&self, own: &Self) -> bool {
        let Repository::Whole(repository) = &own.repository else { return false };
        let is_there = match &self.repository {
            Repository::Whole(stated) => stated == repository,
            Repository::Last(last) => repository.rsplit('/').next() == Some(last),
        };
        is_there && self.tag.as_ref().is_none_or(|tag| own.tag.as_ref() == Some(tag))
    }
}

/// The package URL of what is no image: `pkg:generic/app.cdx.json` of a bill of materials `build/app.cdx.json`.
pub fn generic(written: &str) -> String {
    format!("pkg:generic/{}", encode(last_part(repository(written)), ""))
}

/// What is written without its tag and digest.
pub fn repository(written: &str) -> &str {
    let named = written.split_once('@').map_or(written, |(name, _)| name);
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => named,
    }
}

/// The last part of a name with slashes.
pub fn last_part(repository: &str) -> &str {
    repository.rsplit('/').find(|part| !part.is_empty()).unwrap_or("image")
}

/// Encodes what package URLs encode (ECMA-427), except for `kept`.
pub fn encode(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "._-~".contains(c) || kept.contains(c) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Host and repository in full: `nginx` is `docker.io/library/nginx`.
fn whole(name: &str) -> Option<String> {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => (host.to_ascii_lowercase(), path),
        _ => (DEFAULT_HOST.to_owned(), name),
    };
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" => DEFAULT_HOST.to_owned(),
        _ => host,
    };
    let is_host = host.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c)) && !host.starts_with('.');
    if !is_host || !path.split('/').all(is_part) {
        return None;
    }
    let path = path.strip_prefix("library/").filter(|_| host == DEFAULT_HOST).unwrap_or(path);
    let is_official = host == DEFAULT_HOST && !path.contains('/');
    Some(if is_official { format!("{host}/library/{path}") } else { format!("{host}/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_are_read_with_their_defaults() {
        let cases = [
            ("nginx", Some(("docker.io/library/nginx", None))),
            ("library/nginx:1", Some(("docker.io/library/nginx", Some("1")))),
            ("index.docker.io/team/app", Some(("docker.io/team/app", None))),
            ("registry.example.com:5000/a/b:1.0", Some(("registry.example.com:5000/a/b", Some("1.0")))),
            ("localhost/a", Some(("localhost/a", None))),
            ("", None),
            ("-", Some(("docker.io/library/-", None))),
            ("./image.tar", None),
            ("/srv/image.tar", None),
            ("Big/Name", None),
            ("https://registry.example.com/a", None),
            ("a b", None),
            ("a:b c", None),
            ("a@sha256:1", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(name, tag)| (Repository::Whole(name.to_owned()), tag.map(str::to_owned)));
            assert_eq!(Reference::parse(text).map(|found| (found.repository, found.tag)), expected, "{text}");
        }
        let pinned = Reference::parse(&format!("a.example/b:1@{DIGEST}")).expect("a reference");
        assert_eq!((pinned.tag.as_deref(), pinned.digest), (Some("1"), DIGEST.parse().ok()));
    }

    #[test]
    fn package_urls_name_images() {
        let own = "registry.example.com/shop/api:1.4";
        // the statement's, the image's name, whether it is meant
        let cases = [
            ("pkg:oci/api", own, true),
            ("pkg:oci/web", own, false),
            ("pkg:oci/api?tag=1.4", own, true),
            ("pkg:oci/api?tag=1.5", own, false),
            ("pkg:oci/api@1.4", own, true),
            ("pkg:oci/api?repository_url=registry.example.com/shop/api", own, true),
            ("pkg:oci/api?repository_url=registry.example.com%2Fshop", own, true),
            ("pkg:oci/api?repository_url=https://registry.example.com/shop/", own, true),
            ("pkg:oci/api?repository_url=registry.example.com", own, false),
            ("pkg:oci/api?repository_url=other.example.com/shop/api", own, false),
            ("pkg:docker/shop/api?repository_url=registry.example.com", own, true),
            ("pkg:docker/shop/api", own, false),
            ("pkg:docker/nginx@1", "nginx:1", true),
            ("pkg:docker/library/nginx", "docker.io/library/nginx:1", true),
            ("pkg:docker/nginx@2", "nginx:1", false),
        ];
        for (stated, own, expected) in cases {
            let stated = Reference::of_purl(&Purl::parse(stated).expect(stated)).expect(stated);
            let own = Reference::parse(own).expect(own);
            assert_eq!(stated.names(&own), expected, "{stated:?} {own:?}");
        }
        for none in ["pkg:deb/debian/a@1", "pkg:oci/a@sha256%3A244fd47e07d1004f0aed9c", "pkg:oci/a@md5:1"] {
            assert_eq!(Reference::of_purl(&Purl::parse(none).expect(none)), None, "{none}");
        }
    }
}

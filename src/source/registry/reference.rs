//! Names of images in registries: `host[:port]/repository[:tag][@digest]`, with docker's defaults.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use oci_client::Reference;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::escape::escape;

/// Longest reference taken, in bytes: 255 of a host, 255 of a repository, 128 of a tag, a digest.
const LONGEST: usize = 1_024;

/// Longest repository, in bytes; the cap of the distribution registry.
const LONGEST_REPOSITORY: usize = 255;

/// The name under which Docker Hub's images and credentials go.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// A parsed reference. Its parts follow the grammar of distribution's references, so each is safe
/// as a part of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Lower-case host with the port, if one was written; an IPv6 address stands in brackets.
    pub host: String,
    /// `library/nginx`, `team/app`.
    pub repository: String,
    /// `latest` when neither tag nor digest was written.
    pub tag: Option<String>,
    /// Wins over the tag.
    pub digest: Option<Digest>,
}

impl ImageReference {
    /// The reference of these parts, one of tag and digest among them. Each part must fit the grammar by itself: a tag
    /// with an `@` in it, or a repository with a `:`, is refused.
    pub fn of_parts(host: &str, repository: &str, tag: Option<&str>, digest: Option<&Digest>) -> Result<Self, Error> {
        let whole = Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.cloned(),
        };
        let read: Self = whole.to_string().parse()?;
        if (read.repository.as_str(), read.tag.as_deref(), read.digest.as_ref()) != (repository, tag, digest) {
            return Err(usage("the parts do not make an image reference"));
        }
        Ok(read)
    }
}

impl FromStr for ImageReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(usage(format!("the image reference is longer than {LONGEST} bytes")));
        }
        if text.contains("://") {
            return Err(usage("an image reference has no `http://` or `https://`")
                .help("write it as `registry.example.com/team/app:1.0`"));
        }
        let (ipv6_host, rest) = split_ipv6_host(text)?;
        let parsed = match &ipv6_host {
            // the grammar knows no IPv6 hosts; the stand-in is put back below
            Some(_) => Reference::try_from(format!("localhost/{rest}")),
            None => Reference::try_from(rest),
        };
        let parsed = parsed.map_err(|error| explain(text, &error.to_string()))?;
        let host = ipv6_host.unwrap_or_else(|| parsed.registry().to_ascii_lowercase());
        check_port(&host)?;
        // the grammar lets capitals pass as the host that turns out to be none
        if parsed.repository().bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(explain(text, "repository names are lower case"));
        }
        if parsed.repository().len() > LONGEST_REPOSITORY {
            return Err(usage(format!("the repository's name is longer than {LONGEST_REPOSITORY} bytes")));
        }
        let digest = match parsed.digest() {
            Some(digest) => Some(digest.parse::<Digest>().map_err(usage)?),
            None => None,
        };
        Ok(Self { host, repository: parsed.repository().to_owned(), tag: parsed.tag().map(str::to_owned), digest })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// Takes `[::1]:5000/` off the front.
fn split_ipv6_host(text: &str) -> Result<(Option<String>, &str), Error> {
    let Some(bracketed) = text.strip_prefix('[') else { return Ok((None, text)) };
    let malformed = || usage("the address in brackets is no IPv6 address with a repository behind it");
    let (address, after) = bracketed.split_once(']').ok_or_else(malformed)?;
    let address: Ipv6Addr = address.parse().map_err(|_| malformed())?;
    let (port, repository) = after.split_once('/').ok_or_else(malformed)?;
    if !port.is_empty() && !port.starts_with(':') {
        return Err(malformed());
    }
    Ok((Some(format!("[{address}]{port}")), repository))
}

/// A port, where there is one, is 1 to 65535.
fn check_port(host: &str) -> Result<(), Error> {
    let after_address = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match after_address.rsplit_once(':') {
        None => Ok(()),
        Some((_, port)) if port.len() <= 5 && port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(()),
        Some(_) => Err(usage("the port of the registry is not between 1 and 65535")),
    }
}

/// Says what is wrong with `text`, without repeating what may be a password before an `@`.
fn explain(text: &str, reason: &str) -> Error {
    let shown = match text.split_once('@') {
        Some((_, digest)) if digest.starts_with("sha") => escape(text),
        Some((_, after)) => format!("…@{}", escape(after)),
        None => escape(text),
    };
    let error = usage(format!("`{shown}` is no image reference: {reason}"));
    if text.contains('@') && !shown.contains("@sha") {
        return error.help("credentials go into `--username` and `--password-stdin`, a digest begins with `sha256:`");
    }
    let lower = text.to_ascii_lowercase();
    if lower != text && Reference::try_from(lower.as_str()).is_ok() {
        return error.help(format!("repository names are lower case: `{lower}`"));
    }
    error.help("write it as `registry.example.com/team/app:1.0`; a file needs a path that exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_docker() {
        let digest = Digest::sha256(b"");
        let pinned = format!("ghcr.io/a/b:c@{digest}");
        let cases = [
            ("nginx", "docker.io", "library/nginx", Some("latest")),
            ("team/app:1.0", "docker.io", "team/app", Some("1.0")),
            ("index.docker.io/nginx", "docker.io", "library/nginx", Some("latest")),
            ("localhost/app", "localhost", "app", Some("latest")),
            ("localhost:5000/app:x", "localhost:5000", "app", Some("x")),
            ("host:5000/app", "host:5000", "app", Some("latest")),
            ("Registry.Example.COM/a/b/c", "registry.example.com", "a/b/c", Some("latest")),
            ("127.0.0.1:5055/team/small:1.0", "127.0.0.1:5055", "team/small", Some("1.0")),
            ("[::1]:5000/app:x", "[::1]:5000", "app", Some("x")),
            ("[0:0::1]/a/b", "[::1]", "a/b", Some("latest")),
            (pinned.as_str(), "ghcr.io", "a/b", Some("c")),
        ];
        for (text, host, repository, tag) in cases {
            let parsed: ImageReference = text.parse().expect(text);
            assert_eq!(
                (parsed.host.as_str(), parsed.repository.as_str(), parsed.tag.as_deref()),
                (host, repository, tag)
            );
        }
        let parsed: ImageReference = format!("a.b/c@{digest}").parse().expect("a digest");
        assert_eq!((parsed.tag.as_deref(), parsed.digest.as_ref()), (None, Some(&digest)));
        assert_eq!(parsed.to_string(), format!("a.b/c@{digest}"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = "a".repeat(300);
        let too_long = "a".repeat(5_000);
        for bad in [
            "",
            "UPPER/case",
            "host.example.com/Upper",
            "a..b/../c",
            "host/",
            "/abs",
            "../x",
            "a b",
            "a\nb",
            "host:99999/app",
            "host:0/app",
            "app@sha256:00",
            "app@sha384:000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            "[::1",
            "[::g]/a",
            "[::1]x/a",
            "[::1]:5000",
            "https://host/app",
            long.as_str(),
            too_long.as_str(),
        ] {
            let error = bad.parse::<ImageReference>().expect_err(bad);
            assert_eq!(error.kind, ErrorKind::Usage, "{bad}");
        }
    }

    #[test]
    fn each_part_is_of_the_grammar_by_itself() {
        let digest = Digest::sha256(b"");
        let whole = ImageReference::of_parts("registry.example:5000", "team/app", Some("1.0"), Some(&digest));
        assert_eq!(whole.expect("fits").to_string(), format!("registry.example:5000/team/app:1.0@{digest}"));
        assert!(ImageReference::of_parts("[::1]:5000", "app", None, Some(&digest)).is_ok());
        let pinned = format!("1.0@{digest}");
        for (host, repository, tag) in [
            ("registry.example", "team/app", None),
            ("registry.example", "", Some("1.0")),
            ("registry.example", "team/app:1.0", Some("2.0")),
            ("registry.example", "team/app", Some(pinned.as_str())),
            ("registry.example", "team/app", Some("")),
            ("registry.example", "team/../app", Some("1.0")),
            ("registry.example", "Team/app", Some("1.0")),
            ("registry.example", "/app", Some("1.0")),
            ("registry.example/evil", "app", Some("1.0")),
            ("evil.example/registry.example", "app", Some("1.0")),
        ] {
            assert!(ImageReference::of_parts(host, repository, tag, None).is_err(), "{host} {repository} {tag:?}");
        }
    }

    #[test]
    fn a_password_in_front_of_a_host_is_not_repeated() {
        for text in ["user:hunter2@host/app", "https://user:hunter2@host/app"] {
            let error = text.parse::<ImageReference>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}

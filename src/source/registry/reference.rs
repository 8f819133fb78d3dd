//! Names of images in registries: `host[:port]/repository[:tag][@digest]`, with docker's defaults.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::escape::escape;
use crate::reference::{LONGEST_PATH, is_component, is_host, is_tag};

use super::address::DOCKER_HUB_REGISTRY;

/// Longest reference taken, in bytes: 255 of a host, 255 of a repository, 128 of a tag, a digest.
const LONGEST: usize = 1_024;

/// The name under which Docker Hub's images and credentials go.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// Another name of Docker Hub, from before it had that one.
const DOCKER_HUB_BEFORE: &str = "index.docker.io";

/// Whose images have no name of a team on Docker Hub.
const OFFICIAL: &str = "library";

/// The tag where nothing else is written.
const LATEST: &str = "latest";

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
        read(text).map_err(|error| match error {
            Reason::Grammar(reason) => explain(text, reason),
            Reason::Other(error) => error,
        })
    }
}

/// Whether two hosts of references are one registry, as far as their names tell.
pub(super) fn same_registry(one: &str, other: &str) -> bool {
    fn normal(host: &str) -> String {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.rsplit_once(':').filter(|(name, _)| !name.starts_with('[') || name.ends_with(']'))
        {
            Some((name, port)) => (name, port),
            None => (host.as_str(), ""),
        };
        let port = if ["80", "443"].contains(&port) { "" } else { port };
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        let name = match &address {
            Ok(address) if address.to_canonical().is_loopback() => "localhost".to_owned(),
            Ok(address) => address.to_canonical().to_string(),
            Err(_) if [DOCKER_HUB_BEFORE, DOCKER_HUB_REGISTRY].contains(&name) => DOCKER_HUB.to_owned(),
            Err(_) => name.to_owned(),
        };
        format!("{name} {port}")
    }
    normal(one) == normal(other)
}

/// Why a text is no reference.
enum Reason {
    /// In a word; the text is shown with it.
    Grammar(&'static str),
    Other(Error),
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Reads a reference by the grammar of distribution's references, `[host[:port]/]path[/path…][:tag][@digest]`.
fn read(text: &str) -> Result<ImageReference, Reason> {
    let (ipv6_host, rest) = split_ipv6_host(text)?;
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(usage))),
        None => (rest, None),
    };
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].split_once(':') {
        // a port has a repository behind it
        Some((path, tag)) => (&rest[..last + path.len()], Some(tag)),
        None => (rest, None),
    };
    let (host, path) = match ipv6_host {
        Some(host) => (host, name),
        None => split_host(name)?,
    };
    let is_bare = host == DOCKER_HUB && !path.contains('/');
    let repository = if is_bare { format!("{OFFICIAL}/{path}") } else { path.to_owned() };
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(Reason::Grammar("repository names are lower case"));
    }
    if !path.split('/').all(is_component) {
        return Err(Reason::Grammar("a part of the repository's name is none"));
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(Reason::Grammar("behind its colon stands no tag"));
    }
    if repository.len() > LONGEST_PATH {
        return Err(usage(format!("the repository's name is longer than {LONGEST_PATH} bytes")).into());
    }
    check_port(&host)?;
    let digest = digest.transpose()?;
    let tag = tag.or(digest.is_none().then_some(LATEST)).map(str::to_owned);
    Ok(ImageReference { host, repository, tag, digest })
}

/// The host of a name, and what stands behind it. As docker has it, the first part is one if it has a dot or a port, or
/// is `localhost`.
fn split_host(name: &str) -> Result<(String, &str), Reason> {
    let Some((first, behind)) =
        name.split_once('/').filter(|(first, _)| first.contains(['.', ':']) || *first == "localhost")
    else {
        return Ok((DOCKER_HUB.to_owned(), name));
    };
    if !is_host(first) {
        return Err(Reason::Grammar("its host is none"));
    }
    let host = first.to_ascii_lowercase();
    Ok((if host == DOCKER_HUB_BEFORE { DOCKER_HUB.to_owned() } else { host }, behind))
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
    if lower != text && read(&lower).is_ok() {
        return error.help(format!("repository names are lower case: `{lower}`"));
    }
    error.help("write it as `registry.example.com/team/app:1.0`; a file needs a path that exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_may_have_several_names() {
        let same = [
            ("docker.io", "registry-1.docker.io"),
            ("docker.io", "index.docker.io:443"),
            ("registry.example", "REGISTRY.example:443"),
            ("registry.example:80", "registry.example"),
            ("localhost:5000", "127.0.0.1:5000"),
            ("localhost:5000", "[::1]:5000"),
            ("[2001:db8::1]", "[2001:DB8:0::1]:443"),
            ("[2001:db8::1]:5000", "[2001:db8:0:0::1]:5000"),
        ];
        for (one, other) in same {
            assert!(same_registry(one, other) && same_registry(other, one), "{one} {other}");
        }
        for (one, other) in
            [("a.example", "b.example"), ("a.example:5000", "a.example"), ("[2001:db8::1]", "[2001:db8::2]")]
        {
            assert!(!same_registry(one, other), "{one} {other}");
        }
    }

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
            ("localhost:5000", "docker.io", "library/localhost", Some("5000")),
            ("docker.io/team/app", "docker.io", "team/app", Some("latest")),
            ("a-1.b-2.example:1/a--b__c_d.e/0", "a-1.b-2.example:1", "a--b__c_d.e/0", Some("latest")),
            ("app:_A.b-C", "docker.io", "library/app", Some("_A.b-C")),
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
        let long_tag = format!("app:{}", "a".repeat(129));
        let too_long = "a".repeat(5_000);
        for bad in [
            "",
            "UPPER/case",
            "host.example.com/Upper",
            "a..b/../c",
            "host/",
            "host.example/",
            "host.example//a",
            "-host.example/a",
            "host-.example/a",
            "host..example/a",
            "host.example:/a",
            "host.example:x/a",
            "host.example:1:2/a",
            "h\u{e9}st.example/a",
            "app:",
            "app:.x",
            "app:-x",
            "app:a b",
            "app:\u{e9}",
            "app:a:b",
            "a___b",
            "a.-b",
            "a..b",
            "-a",
            "a_",
            "a/b-",
            "app@",
            "app@@",
            "app@sha256",
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
            long_tag.as_str(),
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

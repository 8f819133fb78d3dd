//! Which hosts are contacted, how, and which never: loopback, plain HTTP, metadata addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU8, Ordering};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::reference::{DOCKER_HUB, ImageReference};
use super::thread::beside;

/// Where Docker Hub's registry really listens.
pub(super) const DOCKER_HUB_REGISTRY: &str = "registry-1.docker.io";

/// Registries whose operator keeps the token service on another host.
const KNOWN_REALMS: &[(&str, &str)] = &[(DOCKER_HUB, "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// Variables that name proxies.
pub const PROXIES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// One place that serves a repository: the registry itself or a mirror.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The name under which credentials are kept: `docker.io`, `registry.example.com:5000`.
    pub(super) name: String,
    /// Host and port that are contacted.
    pub(super) authority: String,
    /// The repository there.
    pub(super) repository: String,
    /// Whether this is the host of the reference, for which the user's flags speak.
    pub(super) is_target: bool,
    /// Whether certificates nobody vouches for are taken.
    pub(super) insecure: bool,
    /// What a token has to allow, where it is more than reading this repository.
    pub(super) scopes: Vec<String>,
    schemes: &'static [Scheme],
    settled: AtomicU8,
}

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// TLS.
    Https,
    /// Nothing.
    Http,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

const UNSETTLED: u8 = 0;
const BOTH: &[Scheme] = &[Scheme::Https, Scheme::Http];

impl Endpoint {
    /// The host of a reference.
    pub(super) fn target(reference: &ImageReference, insecure: bool) -> Result<Self> {
        let authority = if reference.host == DOCKER_HUB { DOCKER_HUB_REGISTRY } else { &reference.host };
        Self::new(&reference.host, authority, reference.repository.clone(), None, insecure, true)
    }

    /// The same to be written to, and to mount blobs of the repository `from`.
    pub(super) fn pushing(mut self, from: Option<&str>) -> Self {
        self.scopes = vec![format!("repository:{}:pull,push", self.repository)];
        self.scopes.extend(from.map(|from| format!("repository:{from}:pull")));
        self
    }

    /// A mirror as configured: `host[:port][/prefix]`, with or without a scheme; `http://` names plain HTTP.
    pub(super) fn mirror(written: &str, reference: &ImageReference) -> Result<Self> {
        let invalid = || {
            Error::new(ErrorKind::Config, format!("`{}` is no mirror", escape(written)))
                .help("write a mirror as `mirror.example.com:5000` or `https://mirror.example.com/prefix`")
        };
        let (scheme, rest) = match written.split_once("://") {
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(_) => return Err(invalid()),
            None => (None, written),
        };
        // parsed as a reference, so that a mirror is held to the same grammar
        let parsed: ImageReference =
            format!("{}/{}", rest.trim_end_matches('/'), reference.repository).parse().map_err(|_| invalid())?;
        let has_host = rest.trim_end_matches('/').split('/').next().is_some_and(|host| {
            parsed.host.eq_ignore_ascii_case(host) || (parsed.host == DOCKER_HUB && host.ends_with(DOCKER_HUB))
        });
        if !has_host {
            return Err(invalid());
        }
        let authority = if parsed.host == DOCKER_HUB { DOCKER_HUB_REGISTRY } else { &parsed.host };
        Self::new(&parsed.host, authority, parsed.repository.clone(), scheme, false, false)
    }

    fn new(
        name: &str,
        authority: &str,
        repository: String,
        scheme: Option<Scheme>,
        insecure: bool,
        is_target: bool,
    ) -> Result<Self> {
        let url = parse_url(&format!("https://{authority}/"))?;
        check_destination(&url)?;
        let schemes = match scheme {
            Some(Scheme::Http) => &[Scheme::Http][..],
            None if insecure || is_loopback(&url) => BOTH,
            Some(Scheme::Https) | None => &[Scheme::Https][..],
        };
        Ok(Self {
            name: name.to_owned(),
            authority: authority.to_owned(),
            repository,
            is_target,
            insecure,
            scopes: Vec::new(),
            schemes,
            settled: AtomicU8::new(UNSETTLED),
        })
    }

    /// The schemes to try, in order; one, as soon as one has worked.
    pub(super) fn schemes(&self) -> &[Scheme] {
        match self.settled.load(Ordering::Relaxed) {
            UNSETTLED => self.schemes,
            1 => &[Scheme::Https],
            _ => &[Scheme::Http],
        }
    }

    /// Remembers the scheme that worked.
    pub(super) fn settle(&self, scheme: Scheme) {
        self.settled.store(if scheme == Scheme::Https { 1 } else { 2 }, Ordering::Relaxed);
    }

    /// A URL below `/v2/` of the repository.
    pub(super) fn url(&self, scheme: Scheme, path: &str) -> Result<Url> {
        parse_url(&format!("{}://{}/v2/{}/{path}", scheme.as_str(), self.authority, self.repository))
    }

    /// Whether credentials may go to `url` at all: encrypted, to this machine, or because the user named it insecure.
    pub(super) fn may_carry_credentials(&self, url: &Url) -> bool {
        url.scheme() == "https" || is_loopback(url) || self.insecure
    }

    /// Whether this endpoint's credentials may go to the token service at `realm`: on the same host
    /// and port, known to belong together, or allowed by the user.
    pub(super) fn trusts_realm(&self, realm: &Url, trusted: &BTreeMap<String, Vec<String>>) -> bool {
        let Some(authority) = authority_of(realm) else { return false };
        let is_known = || KNOWN_REALMS.iter().any(|(name, host)| *name == self.name && *host == authority);
        let is_named = |hosts: &Vec<String>| hosts.iter().any(|host| host.eq_ignore_ascii_case(&authority));
        self.owns(realm) || (realm.scheme() == "https" && is_known()) || trusted.get(&self.name).is_some_and(is_named)
    }

    /// Whether `url` has this endpoint's host and port.
    pub(super) fn owns(&self, url: &Url) -> bool {
        let own = parse_url(&format!("{}://{}/", url.scheme(), self.authority)).ok();
        own.is_some_and(|own| own.host() == url.host() && own.port() == url.port())
    }
}

/// Parses a URL that careen made up itself.
pub(super) fn parse_url(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|_| Error::new(ErrorKind::Usage, "the registry's name is no valid host"))
}

/// Host and, where it is not the scheme's own, port.
pub(super) fn authority_of(url: &Url) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

/// Host, port and path, for messages: no query, no user, since both may hold a secret.
pub(super) fn describe(url: &Url) -> String {
    let mut place = format!("{}://{}", url.scheme(), authority_of(url).unwrap_or_default());
    place.push_str(url.path());
    crop(&escape(&place), 300)
}

/// At most `most` characters, with an ellipsis where some are missing.
pub(super) fn crop(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether the URL names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => ip_of(host).is_some_and(|ip| plain(ip).is_loopback()),
        None => false,
    }
}

/// Whether the URL names this machine in a way a server has no business to: `0.0.0.0` reaches it too.
pub(super) fn is_this_machine(url: &Url) -> bool {
    is_loopback(url)
        || url.host_str().is_some_and(|host| {
            host.ends_with(".localhost") || ip_of(host).is_some_and(|ip| plain(ip).is_unspecified())
        })
}

/// Refuses URLs of metadata services. Numeric forms of an address were made plain when the URL was parsed.
pub(super) fn check_destination(url: &Url) -> Result<()> {
    let host = url.host_str().unwrap_or_default();
    let is_metadata_name = matches!(host.trim_end_matches('.'), "metadata" | "metadata.google.internal");
    if is_metadata_name || ip_of(host).is_some_and(is_metadata_address) {
        return Err(Error::new(ErrorKind::Network, "refused to contact a link-local or metadata address")
            .at(escape(host))
            .help("a registry must not be, or lead to, such an address; ask whoever runs it"));
    }
    Ok(())
}

/// Link-local addresses and those at which clouds serve credentials.
pub fn is_metadata_address(ip: IpAddr) -> bool {
    const ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    const ORACLE: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 192);
    const AMAZON: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    match plain(ip) {
        IpAddr::V4(ip) => ip.is_link_local() || ip == ALIBABA || ip == ORACLE,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == AMAZON,
    }
}

/// Whether an address is one that the whole network knows: none of this machine, of a local network, of a carrier's, and
/// none that is kept for documents, tests or many receivers (IANA's special-purpose registries).
pub fn is_public(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(v4) => {
            let is_kept = match v4.octets() {
                [0 | 10 | 127, ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
                | [172, 16..=31, ..]
                | [192, 168, ..]
                | [192, 0, 0 | 2, _]
                | [192, 88, 99, _]
                | [198, 18 | 19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _] => true,
                [first, ..] => first >= 224,
            };
            !is_kept && !is_metadata_address(IpAddr::V4(v4))
        }
        // what is given out begins with 001; Teredo hides an address of IPv4, 2001:db8 is for documents
        IpAddr::V6(v6) => match v6.segments() {
            [0x2001, 0 | 0xdb8, ..] | [0x2002 | 0x3fff, ..] => false,
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

/// An IPv4 address out of its IPv6 clothes: mapped, compatible, NAT64, 6to4.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            v4(high, low)
        }
        _ => ip,
    }
}

fn ip_of(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names and drops the addresses that are never contacted, so that no name can stand for one.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Whether a server led here, which has no business with this machine.
    pub(super) is_led: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_led = self.is_led;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let look = move || (host.as_str(), 0).to_socket_addrs().map(Iterator::collect);
            let found: Vec<SocketAddr> = beside(look).await??;
            let is_own = |ip: IpAddr| plain(ip).is_loopback() || plain(ip).is_unspecified();
            if is_led && found.iter().any(|address| is_own(address.ip())) {
                return Err("the name stands for this very machine, to which no registry leads".into());
            }
            let count = found.len();
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| !is_metadata_address(address.ip())).collect();
            if allowed.is_empty() && count > 0 {
                return Err("the name stands for a link-local or metadata address, which is never contacted".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn metadata_addresses_are_refused_in_every_form() {
        for bad in [
            "http://169.254.169.254/latest",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://metadata.google.internal/",
            "http://100.100.100.200/",
        ] {
            assert!(check_destination(&url(bad)).is_err(), "{bad}");
        }
        for good in
            ["http://127.0.0.1/", "https://[::1]/", "https://quay.io/", "http://10.0.0.1/", "http://[2001:db8::1]/"]
        {
            assert!(check_destination(&url(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn public_addresses_are_those_that_everybody_can_reach() {
        for inward in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.192",
            "100.100.100.200",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inward.parse().expect(inward)), "{inward}");
        }
        for outward in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(outward.parse().expect(outward)), "{outward}");
        }
    }

    #[test]
    fn loopback_is_told_by_name_and_number() {
        let cases = [
            ("http://localhost:5000/", true),
            ("http://127.8.9.1/", true),
            ("http://0x7f000001/", true),
            ("http://[::1]:5000/", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://localhost.example.com/", false),
            ("http://10.0.0.1/", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_loopback(&url(text)), expected, "{text}");
        }
        assert!(is_this_machine(&url("http://0.0.0.0/")) && is_this_machine(&url("http://a.localhost/")));
    }

    #[tokio::test]
    async fn no_name_that_a_registry_leads_to_stands_for_this_machine() {
        let resolved = async |is_led| Resolver { is_led }.resolve("localhost".parse().expect("a name")).await.is_ok();
        assert_eq!((resolved(false).await, resolved(true).await), (true, false));
    }

    #[test]
    fn realms_are_trusted_on_the_same_host_or_when_known_or_named() {
        let trusted = BTreeMap::from([("r.example.com".to_owned(), vec!["sso.example.com".to_owned()])]);
        let cases = [
            ("r.example.com", "https://r.example.com/token", true),
            ("r.example.com", "https://r.example.com:443/token", true),
            ("r.example.com", "https://R.EXAMPLE.com/token", true),
            ("r.example.com", "https://r.example.com:8443/token", false),
            ("r.example.com", "https://auth.example.com/token", false),
            ("r.example.com", "https://example.com/token", false),
            ("r.example.com", "https://r.example.com.evil.net/token", false),
            ("r.example.com", "https://r.example.com@evil.net/token", false),
            ("r.example.com", "https://sso.example.com/token", true),
            ("other.example.com", "https://sso.example.com/token", false),
            ("nginx", "https://auth.docker.io/token", true),
            ("nginx", "http://auth.docker.io/token", false),
            ("r.example.com", "https://auth.docker.io/token", false),
        ];
        for (host, realm, expected) in cases {
            let text = if host.contains('.') { format!("{host}/app") } else { host.to_owned() };
            let endpoint = Endpoint::target(&text.parse().expect("a reference"), false).expect("a host");
            assert_eq!(endpoint.trusts_realm(&url(realm), &trusted), expected, "{host} {realm}");
        }
    }

    #[test]
    fn mirrors_are_hosts_with_or_without_scheme_and_prefix() {
        let reference: ImageReference = "nginx".parse().expect("a reference");
        let cases = [
            ("mirror.example.com:5000", "mirror.example.com:5000", "library/nginx", "https"),
            ("http://mirror.example.com", "mirror.example.com", "library/nginx", "http"),
            ("https://mirror.example.com/hub/", "mirror.example.com", "hub/library/nginx", "https"),
        ];
        for (written, authority, repository, scheme) in cases {
            let mirror = Endpoint::mirror(written, &reference).expect(written);
            let first = mirror.schemes().first().expect("one scheme");
            assert_eq!(
                (mirror.authority.as_str(), mirror.repository.as_str(), first.as_str()),
                (authority, repository, scheme)
            );
        }
        for bad in ["", "ftp://a.b", "nodots", "a b.c", "user:pw@host.example.com", "https://"] {
            assert!(Endpoint::mirror(bad, &reference).is_err(), "{bad}");
        }
    }
}

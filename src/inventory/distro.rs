//! The distribution an image is built on, from `os-release`.

use crate::path::ImagePath;

/// What `os-release` says (freedesktop os-release(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distro {
    /// `ID`, lower case: `debian`, `alpine`, `rhel`.
    pub id: String,
    /// `ID_LIKE`, split at blanks.
    pub id_like: Vec<String>,
    /// `VERSION_ID`; empty on rolling releases.
    pub version_id: String,
    /// `VERSION_CODENAME`.
    pub codename: String,
    /// `PRETTY_NAME`, or `NAME` and version.
    pub name: String,
    /// Where it was read.
    pub path: ImagePath,
    /// The layer that brought it.
    pub layer: u32,
}

impl Distro {
    /// Whether a package is the distribution's own, by who packaged it: the vendor that an rpm package names, or the
    /// mail domain of the maintainer of a Debian one.
    ///
    /// Of 723 packages of an image of Debian 12, 696 have a maintainer of one of these domains; the others have
    /// private addresses, so that a domain which is not the distribution's proves nothing.
    pub fn is_own(&self, packager: &str) -> bool {
        let is_like = |id: &str| self.id == id || self.id_like.iter().any(|like| like == id);
        let is_in =
            |parent: &str| packager.strip_suffix(parent).is_some_and(|below| below.is_empty() || below.ends_with('.'));
        let is_vendor = VENDORS.iter().any(|(id, start)| {
            begins(packager, start) && (self.id == *id || (*id == "opensuse" && self.id.starts_with("opensuse-")))
        });
        let is_debian = is_like("debian") || is_like("ubuntu");
        is_vendor
            || (is_debian && (is_in("debian.org") || is_in("debian.net")))
            || (is_like("ubuntu") && (is_in("ubuntu.com") || is_in("canonical.com")))
    }

    /// Whether a package is known to be somebody else's: it has another vendor than those of the distribution's own,
    /// or a maintainer at one of those who keep repositories for Debian and Ubuntu.
    pub fn is_foreign(&self, packager: &str) -> bool {
        let has_vendors = VENDORS.iter().any(|(id, _)| self.id == *id || self.id.starts_with("opensuse-"));
        let is_at = |domain: &&str| {
            packager.strip_suffix(*domain).is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        !self.is_own(packager) && (has_vendors || THIRD_PARTIES.iter().any(is_at))
    }
}

/// Whether a text begins so, in whatever case.
fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// How the vendor of a distribution's own packages begins, by the distribution's id.
const VENDORS: &[(&str, &str)] = &[
    ("almalinux", "AlmaLinux"),
    ("amzn", "Amazon"),
    ("azurelinux", "Microsoft Corporation"),
    ("centos", "CentOS"),
    ("fedora", "Fedora Project"),
    ("mageia", "Mageia.Org"),
    ("mariner", "Microsoft Corporation"),
    ("ol", "Oracle America"),
    ("openEuler", "http://openeuler.org"),
    ("opensuse", "SUSE LLC"),
    ("opensuse", "openSUSE"),
    ("photon", "VMware"),
    ("rhel", "Red Hat, Inc."),
    ("rocky", "Rocky"),
    ("sled", "SUSE LLC"),
    ("sles", "SUSE LLC"),
];

/// Domains of those who keep repositories of Debian packages and maintain none in Debian itself.
const THIRD_PARTIES: &[&str] = &[
    "cloudflare.com",
    "confluent.io",
    "datadoghq.com",
    "docker.com",
    "elastic.co",
    "gitlab.com",
    "google.com",
    "grafana.com",
    "hashicorp.com",
    "influxdata.com",
    "microsoft.com",
    "mongodb.com",
    "newrelic.com",
    "nginx.com",
    "nodesource.com",
    "nvidia.com",
    "percona.com",
    "tuxcare.com",
];

impl Default for ImagePath {
    fn default() -> Self {
        Self::root()
    }
}

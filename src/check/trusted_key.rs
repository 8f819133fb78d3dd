//! Keys and certificates that were added to what the system trusts.

use super::{Check, Context, at, is_packaged};
use crate::finding::{Finding, Findings};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::tree::Node;

/// A key by which packages are accepted was added by hand.
pub(super) static TRUSTED_KEY: Rule = Rule {
    id: "image/trusted-key",
    title: "A key that packages are trusted by was added by hand",
    severity: Severity::Info,
    why: "Whoever holds the key can sign packages that the image takes, also in the place of the distribution's own; no \
          package renews or withdraws it.",
    remediation: "For apt put the key into `/etc/apt/keyrings` and name it in the one source it is for, with `signed-by`; \
                  note where it comes from, and check its fingerprint while building.",
    references: &[
        "https://manpages.debian.org/bookworm/apt/apt-key.8.en.html",
        "https://wiki.debian.org/DebianRepository/UseThirdParty",
    ],
    bad: "ADD https://keys.example/key.asc /etc/apt/trusted.gpg.d/",
    good: "ADD --checksum=sha256:… https://keys.example/key.asc /etc/apt/keyrings/",
    ..Rule::NEW
};

/// A certificate authority was added by hand.
pub(super) static ADDED_AUTHORITY: Rule = Rule {
    id: "image/added-authority",
    title: "A certificate authority was added to those that are trusted",
    severity: Severity::Info,
    why: "Whoever holds the authority's key can answer for every host the image talks to. Companies add their own so that \
          proxies may read along; outside of the company such an image should not be used.",
    remediation: "Add an authority only where it is needed, by a mount or `SSL_CERT_FILE`, and not in images that others get.",
    references: &["https://manpages.debian.org/bookworm/ca-certificates/update-ca-certificates.8.en.html"],
    bad: "COPY proxy.crt /usr/local/share/ca-certificates/",
    good: "# docker run -v ./proxy.crt:/etc/ssl/proxy.crt:ro -e SSL_CERT_FILE=/etc/ssl/proxy.crt …",
    ..Rule::NEW
};

/// A place of such files.
struct Place {
    folder: &'static str,
    endings: &'static [&'static str],
    rule: &'static Rule,
    what: &'static str,
    severity: Severity,
    /// Whether packages put files there, so that it must be known what they own.
    is_shared: bool,
}

static PLACES: &[Place] = &[
    Place {
        folder: "etc/apt/trusted.gpg.d",
        endings: &[".gpg", ".asc"],
        rule: &TRUSTED_KEY,
        what: "is trusted by apt for every source",
        severity: Severity::Low,
        is_shared: true,
    },
    Place {
        folder: "etc/apk/keys",
        endings: &[".pub"],
        rule: &TRUSTED_KEY,
        what: "is trusted by apk for every repository",
        severity: Severity::Low,
        is_shared: true,
    },
    Place {
        folder: "etc/pki/rpm-gpg",
        endings: &[""],
        rule: &TRUSTED_KEY,
        what: "is a key for packages that no package brought",
        severity: Severity::Info,
        is_shared: true,
    },
    Place {
        folder: "usr/local/share/ca-certificates",
        endings: &[".crt"],
        rule: &ADDED_AUTHORITY,
        what: "is trusted for every host",
        severity: Severity::Info,
        is_shared: false,
    },
    Place {
        folder: "etc/pki/ca-trust/source/anchors",
        endings: &[""],
        rule: &ADDED_AUTHORITY,
        what: "is trusted for every host",
        severity: Severity::Info,
        is_shared: false,
    },
];

/// Findings listed of one place.
const LISTED: usize = 20;

/// Judges what is live and of no package.
pub(super) struct TrustedKey;

impl Check for TrustedKey {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ADDED_AUTHORITY, &TRUSTED_KEY] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let legacy = ImagePath::from("etc/apt/trusted.gpg");
        if let Some(node) = image.tree.get(&legacy).filter(|node| image.tree.entry(*node).size > 0) {
            tell(&TRUSTED_KEY, Severity::Low, &legacy, node, "holds keys that apt trusts for every source", findings);
        }
        for place in PLACES {
            // then names tell, as far as they do
            let is_unsure = place.is_shared && image.owned.is_empty();
            for (path, node) in added(image, place, is_unsure).into_iter().take(LISTED) {
                tell(place.rule, place.severity, &path, node, place.what, findings);
                if let Some(finding) = findings.last_mut().filter(|_| is_unsure) {
                    finding.confidence = Confidence::Low;
                }
            }
        }
    }
}

/// The files of a place that no package brought, links followed, under the names that they have there.
fn added(image: &Inventory, place: &Place, is_unsure: bool) -> Vec<(ImagePath, Node)> {
    let folder = ImagePath::from(place.folder);
    let children = image.tree.children(&image.tree.real_folder(&folder));
    let named = |(real, node): (ImagePath, Node)| {
        (folder.join(real.file_name()), image.tree.resolve(&real).map_or(node, |(_, node)| node))
    };
    let is_added = |(path, node): &(ImagePath, Node)| {
        let entry = image.tree.entry(*node);
        let name = path.file_name();
        let is_one = place.endings.iter().any(|ending| name.ends_with(ending.as_bytes()));
        let is_brought = if is_unsure { is_distributions(name) } else { is_packaged(image, path, *node) };
        entry.is_file() && entry.size > 0 && is_one && !is_brought
    };
    children.into_iter().map(named).filter(is_added).collect()
}

/// Words in the names of keys that distributions' own images come with, in lower case. Asked only where nothing is known of
/// packages.
const DISTRIBUTIONS: &[&str] = &[
    "almalinux",
    "alpine-devel@",
    "amazon",
    "anolis",
    "azurelinux",
    "centos",
    "cloudlinux",
    "debian-",
    "epel",
    "fedora",
    "kali-",
    "mageia",
    "mariner",
    "microsoft",
    "openeuler",
    "opensuse",
    "oracle",
    "photon",
    "raspbian",
    "redhat",
    "rocky",
    "rpmfusion",
    "suse",
    "ubuntu-",
    "vmware",
    "wolfi",
];

fn is_distributions(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    DISTRIBUTIONS.iter().any(|word| name.contains(word))
}

fn tell(rule: &'static Rule, severity: Severity, path: &ImagePath, node: Node, what: &str, findings: &mut Findings) {
    let mut finding = Finding::new(rule, path.to_string(), at(path, node.layer), format!("`{path}` {what}"));
    finding.severity = severity;
    findings.push(finding);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, run, shown};
    use super::*;

    #[test]
    fn keys_of_packages_are_quiet() {
        let files = || {
            layered(vec![vec![
                file("etc/apt/trusted.gpg", 0),
                file("etc/apt/trusted.gpg.d/debian-12.gpg", 9),
                file("etc/apt/trusted.gpg.d/own.asc", 9),
                file("etc/apt/trusted.gpg.d/README", 9),
                file("etc/apt/keyrings/scoped.asc", 9),
                file("usr/local/share/ca-certificates/own.crt", 9),
            ]])
        };
        let authority = "info image/added-authority /usr/local/share/ca-certificates/own.crt@0: `/usr/local/share/ca-certificates/own.crt` is trusted for every host";
        let key = "low image/trusted-key /etc/apt/trusted.gpg.d/own.asc@0: `/etc/apt/trusted.gpg.d/own.asc` is trusted by apt for every source";
        assert_eq!(shown(&TrustedKey, &files().owning(&["etc/apt/trusted.gpg.d/debian-12.gpg"])), [key, authority]);
        assert_eq!(shown(&TrustedKey, &files()), [key, authority], "by name, without knowledge of ownership");
        assert_eq!(run(&TrustedKey, &files())[0].confidence, Confidence::Low);
        let old = layered(vec![vec![file("etc/apt/trusted.gpg", 40)]]);
        assert_eq!(shown(&TrustedKey, &old).len(), 1);
    }
}

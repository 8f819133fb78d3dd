//! Package URLs (ECMA-427) as statements name packages by them: taken apart, spelt alike, and compared.

use std::collections::BTreeMap;

use crate::format::percent;

/// Longest package URL looked at, in bytes.
const LONGEST: usize = 4096;

/// Types whose names are the same in capitals and small letters, by the specification's `purl-types`.
const SMALL_LETTERS: &[&str] = &[
    "alpm",
    "apk",
    "bitbucket",
    "bitnami",
    "composer",
    "deb",
    "docker",
    "github",
    "golang",
    "hex",
    "nuget",
    "oci",
    "opkg",
    "pub",
];

/// The parts of a package URL, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purl {
    /// The type: `deb`, `npm`, `oci`.
    pub kind: String,
    /// Empty where there is none.
    pub namespace: String,
    /// Never empty.
    pub name: String,
    /// What it says of a version.
    pub version: Option<String>,
    /// By key, in small letters; none is empty.
    pub qualifiers: BTreeMap<String, String>,
    /// Empty where there is none.
    pub subpath: String,
}

impl Purl {
    /// Takes a package URL apart; `None` for what is none.
    ///
    /// An `@` before the last `/` belongs to a scope that was not encoded (`pkg:npm/@scope/name`).
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (scheme, rest) = text.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return None;
        }
        let (rest, subpath) = rest.rsplit_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = rest.trim_start_matches('/').split_once('/')?;
        let path = path.trim_matches('/');
        let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
        let (name, version) = match last.rsplit_once('@') {
            // a scope without a namespace behind it is no name
            Some(("", _)) => return None,
            Some((name, version)) => (name, Some(version)),
            None => (last, None),
        };
        let mut qualifiers = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=')?;
            let value = percent::decode(value)?;
            if !value.is_empty() {
                qualifiers.insert(key.to_ascii_lowercase(), value);
            }
        }
        let segments: Option<Vec<String>> =
            folder.split('/').filter(|part| !part.is_empty()).map(percent::decode).collect();
        let mut purl = Self {
            kind: kind.to_ascii_lowercase(),
            namespace: segments?.join("/"),
            name: percent::decode(name)?,
            version: version.map(percent::decode).map_or(Some(None), |version| version.map(Some))?,
            qualifiers,
            subpath: percent::decode(subpath.trim_matches('/'))?,
        };
        purl.version = purl.version.filter(|version| !version.is_empty());
        purl.spell_alike();
        (!purl.kind.is_empty() && !purl.name.is_empty()).then_some(purl)
    }

    /// Whether it names an image rather than a package.
    pub fn is_image(&self) -> bool {
        matches!(self.kind.as_str(), "oci" | "docker")
    }

    /// What it has in common with all versions and builds of its package.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.kind, self.namespace, self.name)
    }

    /// Whether a statement about this one is about `package`: the version, the subpath and the qualifiers that the
    /// statement has must be the package's; what only the package has does not count.
    pub fn covers(&self, package: &Self) -> bool {
        self.kind == package.kind
            && self.namespace == package.namespace
            && self.name == package.name
            && self.version.as_ref().is_none_or(|version| package.version.as_ref() == Some(version))
            && (self.subpath.is_empty() || self.subpath == package.subpath)
            && self.qualifiers.iter().all(|(key, value)| package.has(key, value))
    }

    fn has(&self, key: &str, value: &str) -> bool {
        match self.qualifiers.get(key) {
            Some(own) => own == value || (key == "arch" && is_source(own) && is_source(value)),
            // no epoch is the epoch 0
            None => key == "epoch" && value == "0",
        }
    }

    fn spell_alike(&mut self) {
        if SMALL_LETTERS.contains(&self.kind.as_str()) {
            self.namespace = self.namespace.to_lowercase();
            self.name = self.name.to_lowercase();
        }
        match self.kind.as_str() {
            "pypi" => {
                let words: Vec<&str> = self.name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
                self.name = words.join("-").to_ascii_lowercase();
            }
            "golang" => {
                if let Some(bare) = self.version.as_ref().and_then(|version| version.strip_prefix('v')) {
                    self.version = Some(bare.to_owned());
                }
            }
            "rpm" => {
                self.namespace = self.namespace.to_lowercase();
                let split = self.version.as_ref().and_then(|version| version.split_once(':'));
                if let Some((epoch, version)) = split.map(|(epoch, rest)| (epoch.to_owned(), rest.to_owned())) {
                    self.qualifiers.entry("epoch".to_owned()).or_insert(epoch);
                    self.version = Some(version);
                }
            }
            _ => {}
        }
    }
}

/// The architecture of a source package: dpkg's word, and rpm's.
fn is_source(architecture: &str) -> bool {
    matches!(architecture, "source" | "src" | "nosrc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purl_is_taken_apart() {
        let purl =
            Purl::parse("pkg:deb/debian/G%2B%2B@4:12.2.0-3%7Ea?arch=amd64&Distro=debian-12#a/b").expect("a purl");
        assert_eq!(purl.key(), "deb/debian/g++");
        assert_eq!(purl.version.as_deref(), Some("4:12.2.0-3~a"));
        assert_eq!(purl.qualifiers.get("distro").map(String::as_str), Some("debian-12"));
        assert_eq!(purl.subpath, "a/b");
        for bad in [
            "",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "pkg:/x",
            "npm/x",
            "pkg:npm/a%",
            "pkg:npm/a%f",
            "pkg:npm/%ff",
            "pkg:npm/a?b",
            "pkg:npm/@1",
            "https://example.com/a",
        ] {
            assert_eq!(Purl::parse(bad), None, "{bad}");
        }
        assert_eq!(Purl::parse(&format!("pkg:npm/{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn what_a_statement_names_is_found_among_packages() {
        let deb = "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12";
        // the statement's, the package's, and whether one is about the other
        let cases = [
            (deb, deb, true),
            ("pkg:deb/debian/openssl", deb, true),
            ("pkg:deb/debian/openssl@3.0.11-1", deb, true),
            ("pkg:deb/debian/openssl@3.0.11", deb, false),
            ("pkg:deb/debian/openssl@3.0.11-1?arch=amd64", deb, true),
            ("pkg:deb/debian/openssl@3.0.11-1?arch=arm64", deb, false),
            ("pkg:deb/debian/openssl@3.0.11-1?vendor=x", deb, false),
            ("pkg:deb/ubuntu/openssl", deb, false),
            ("pkg:deb/openssl", deb, false),
            ("pkg:rpm/debian/openssl", deb, false),
            ("pkg:deb/debian/openssl3", deb, false),
            ("PKG:DEB/Debian/OpenSSL@3.0.11-1", deb, true),
            ("pkg:deb/debian/g%2B%2B@1%2B2", "pkg:deb/debian/g++@1+2?arch=all", true),
            ("pkg:npm/@babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0", true),
            ("pkg:npm/core", "pkg:npm/%40babel/core@7.0.0", false),
            ("pkg:npm/jsonstream@1", "pkg:npm/JSONStream@1", false),
            ("pkg:pypi/Zope.Interface@5", "pkg:pypi/zope-interface@5", true),
            ("pkg:golang/Example.com/A/b@v1.2.3", "pkg:golang/example.com/a/b@1.2.3", true),
            ("pkg:golang/example.com/a/b@v1.2.3#cmd", "pkg:golang/example.com/a/b@v1.2.3", false),
            ("pkg:rpm/fedora/a@1:2-3", "pkg:rpm/fedora/a@2-3?epoch=1", true),
            ("pkg:rpm/fedora/a@2:2-3", "pkg:rpm/fedora/a@2-3?epoch=1", false),
            ("pkg:rpm/fedora/a@0:2-3", "pkg:rpm/fedora/a@2-3", true),
            ("pkg:rpm/fedora/a@2-3", "pkg:rpm/fedora/a@2-3?epoch=1", true),
            ("pkg:rpm/redhat/a@1-1?arch=src", "pkg:rpm/redhat/a@1-1?arch=source", true),
            ("pkg:maven/org.x/a@", "pkg:maven/org.x/a@1", true),
        ];
        for (statement, package, expected) in cases {
            let (statement, package) = (Purl::parse(statement).expect(statement), Purl::parse(package).expect(package));
            assert_eq!(statement.covers(&package), expected, "{statement:?} {package:?}");
        }
    }
}

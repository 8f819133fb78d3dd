//! Ecosystems and names of packages as OSV records have them.

use std::borrow::Cow;

use crate::version::Scheme;

/// The name of the ecosystem of Rust's crates.
pub const CRATES: &str = concat!("crates", ".io");

/// Splits `Debian:12` into the family that has one store, `Debian`, and the release, `12`; without one it is empty.
pub fn split(ecosystem: &str) -> (&str, &str) {
    ecosystem.split_once(':').unwrap_or((ecosystem, ""))
}

/// Puts a family and a release together again.
pub fn ecosystem(family: &str, release: &str) -> String {
    if release.is_empty() { family.to_owned() } else { format!("{family}:{release}") }
}

/// The ecosystem whose rules for names and versions hold: that of the packages which a vendor patches, for `Root:PyPI`.
fn rules_of(ecosystem: &str) -> &str {
    ecosystem.strip_prefix("Root:").unwrap_or(ecosystem)
}

/// The order of versions in an ecosystem, if it has one.
pub fn scheme(ecosystem: &str) -> Option<Scheme> {
    Scheme::of_ecosystem(rules_of(ecosystem)).or_else(|| match split(ecosystem).0 {
        // feeds that no OSV record comes from
        "Amazon Linux" | "Oracle Linux" => Some(Scheme::Rpm),
        _ => None,
    })
}

/// A package's name in the one spelling under which it is kept and looked up.
///
/// Sources: PEP 503 for Python; the registries of PHP, .NET and GitHub's actions take any case.
pub fn normalise<'a>(ecosystem: &str, name: &'a str) -> Cow<'a, str> {
    match split(rules_of(ecosystem)).0 {
        "PyPI" => python(name),
        "NuGet" | "Packagist" | "GitHub Actions" => lower(name),
        "SwiftURL" => Cow::Borrowed(swift(name)),
        _ => Cow::Borrowed(name),
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// PEP 503: lower case, runs of `-`, `_` and `.` are one `-`.
fn python(name: &str) -> Cow<'_, str> {
    let is_normal = |text: &str| {
        !text.bytes().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'.')) && !text.contains("--")
    };
    if is_normal(name) {
        return Cow::Borrowed(name);
    }
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if c != '-' || !normal.ends_with('-') {
            normal.push(c);
        }
    }
    Cow::Owned(normal)
}

/// A repository's URL without protocol and ending.
fn swift(name: &str) -> &str {
    let name = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    name.strip_suffix(".git").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        let cases = [
            ("PyPI", "Flask_SQLAlchemy", "flask-sqlalchemy"),
            ("PyPI", "zope.interface", "zope-interface"),
            ("PyPI", "a-_.b", "a-b"),
            ("PyPI", "a--b", "a-b"),
            ("Root:PyPI", "RootIO_Flask", "rootio-flask"),
            ("NuGet", "Newtonsoft.Json", "newtonsoft.json"),
            ("Packagist", "Symfony/HTTP-Kernel", "symfony/http-kernel"),
            ("SwiftURL", "https://github.com/apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("npm", "@Scope/Name", "@Scope/Name"),
            ("Go", "github.com/Masterminds/semver/v3", "github.com/Masterminds/semver/v3"),
            ("Debian:12", "libX11", "libX11"),
            (CRATES, "serde_json", "serde_json"),
        ];
        for (ecosystem, name, expected) in cases {
            assert_eq!(normalise(ecosystem, name), expected, "{ecosystem} {name}");
        }
    }

    #[test]
    fn a_vendor_s_ecosystem_has_the_order_of_what_it_patches() {
        let cases = [
            ("Debian:12", Some(Scheme::Dpkg)),
            ("Root:Alpine:3.18", Some(Scheme::Apk)),
            ("Root:PyPI", Some(Scheme::Pep440)),
            ("Ubuntu:Pro:16.04:LTS", Some(Scheme::Dpkg)),
            ("Amazon Linux:2023", Some(Scheme::Rpm)),
            ("Linux", None),
        ];
        for (ecosystem, expected) in cases {
            assert_eq!(scheme(ecosystem), expected, "{ecosystem}");
        }
        assert_eq!(split("Ubuntu:Pro:16.04:LTS"), ("Ubuntu", "Pro:16.04:LTS"));
        assert_eq!(split("npm"), ("npm", ""));
    }
}

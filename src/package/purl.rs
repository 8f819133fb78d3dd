//! Package URLs (ECMA-427, formerly purl-spec), in canonical form.

use packageurl::PackageUrl;

use crate::inventory::{Distro, Ecosystem};

/// The purl of a package of the operating system.
///
/// The namespace is the distribution's `ID`. The specification wants one, so without an
/// `os-release` it is the vendor whose package manager this is.
pub(super) fn of_system(
    ecosystem: &Ecosystem,
    vendor: &str,
    distro: Option<&Distro>,
    name: &str,
    version: &str,
    architecture: Option<&str>,
) -> Option<String> {
    let mut purl = PackageUrl::new(ecosystem.purl_type, name).ok()?;
    purl.with_namespace(distro.map_or(vendor, |distro| &distro.id)).ok()?;
    purl.with_version(version).ok()?;
    if let Some(architecture) = architecture {
        purl.add_qualifier("arch", architecture).ok()?;
    }
    if let Some(distro) = distro {
        purl.add_qualifier("distro", distro_qualifier(distro)).ok()?;
    }
    Some(purl.to_string())
}

/// The purl of a package that knows no distribution. `@scope/name` has the scope as its namespace.
pub(super) fn of_language(ecosystem: &Ecosystem, name: &str, version: &str) -> Option<String> {
    let (scope, base) = match name.split_once('/') {
        Some((scope, base)) if scope.starts_with('@') => (Some(scope), base),
        _ => (None, name),
    };
    let mut purl = PackageUrl::new(ecosystem.purl_type, base).ok()?;
    if let Some(scope) = scope {
        purl.with_namespace(scope).ok()?;
    }
    purl.with_version(version).ok()?;
    Some(purl.to_string())
}

/// `debian-12`; a release that has no number yet goes by its codename.
fn distro_qualifier(distro: &Distro) -> String {
    let release = if distro.version_id.is_empty() { &distro.codename } else { &distro.version_id };
    if release.is_empty() { distro.id.clone() } else { format!("{}-{release}", distro.id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{apk, dpkg, npm, python};

    #[test]
    fn system_packages_name_their_distribution() {
        let distro = |id: &str, version_id: &str, codename: &str| Distro {
            id: id.into(),
            version_id: version_id.into(),
            codename: codename.into(),
            ..Distro::default()
        };
        let cases = [
            (
                Some(distro("debian", "12", "bookworm")),
                ("g++", "4:12.2.0-3~a"),
                "pkg:deb/debian/g%2B%2B@4:12.2.0-3~a?arch=amd64&distro=debian-12",
            ),
            (
                Some(distro("debian", "", "forky")),
                ("bash", "5.2.15-2+b2"),
                "pkg:deb/debian/bash@5.2.15-2%2Bb2?arch=amd64&distro=debian-forky",
            ),
            (Some(distro("kali", "", "")), ("x", "1"), "pkg:deb/kali/x@1?arch=amd64&distro=kali"),
            (None, ("x", "1"), "pkg:deb/debian/x@1?arch=amd64"),
        ];
        for (distro, (name, version), expected) in cases {
            let purl = of_system(&dpkg::DEB, "debian", distro.as_ref(), name, version, Some("amd64"));
            assert_eq!(purl.as_deref(), Some(expected));
        }
        let alpine = distro("alpine", "3.19.1", "");
        assert_eq!(
            of_system(&apk::APK, "alpine", Some(&alpine), "libcrypto1.1", "1.1.1q-r0", Some("x86_64")).as_deref(),
            Some("pkg:apk/alpine/libcrypto1.1@1.1.1q-r0?arch=x86_64&distro=alpine-3.19.1")
        );
    }

    #[test]
    fn language_packages_are_spelt_as_their_type_asks() {
        let cases = [
            (&npm::NPM, ("@babel/core", "7.0.0"), Some("pkg:npm/%40babel/core@7.0.0")),
            (&npm::NPM, ("lodash", "4.17.15"), Some("pkg:npm/lodash@4.17.15")),
            (&npm::NPM, ("@babel/", "1"), None),
            (&python::PYPI, ("Jinja2_Time", "2.10+local"), Some("pkg:pypi/jinja2-time@2.10%2Blocal")),
            (&python::PYPI, ("zope.interface", "5"), Some("pkg:pypi/zope.interface@5")),
        ];
        for (ecosystem, (name, version), expected) in cases {
            assert_eq!(of_language(ecosystem, name, version).as_deref(), expected);
        }
    }
}

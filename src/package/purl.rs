//! Package URLs (ECMA-427, formerly purl-spec), in canonical form.

use std::borrow::Cow;
use std::str::FromStr as _;

use packageurl::PackageUrl;

use crate::collect::PackageFact;
use crate::inventory::{Distro, Ecosystem};

use super::ecosystem;
use super::text::field;

/// The purl of a package of the operating system.
///
/// The namespace is the distribution's `ID`. The specification wants one, so without an
/// `os-release` it is the vendor whose package manager this is; in generic purls it names the kind. `upstream` is the
/// source package, where its name or version is another.
pub(super) fn of_system(vendor: &str, distro: Option<&Distro>, fact: &PackageFact) -> Option<String> {
    let ecosystem = fact.ecosystem?;
    let mut purl = PackageUrl::new(ecosystem.purl_type, &*fact.name).ok()?;
    if ecosystem.purl_type == "generic" {
        purl.with_namespace(ecosystem::namespace(ecosystem)).ok()?;
    } else {
        purl.with_namespace(distro.map_or(vendor, |distro| &distro.id)).ok()?;
    }
    purl.with_version(&*fact.version).ok()?;
    if let Some(architecture) = &fact.architecture {
        purl.add_qualifier("arch", &**architecture).ok()?;
    }
    if let Some(distro) = distro {
        purl.add_qualifier("distro", distro_qualifier(distro)).ok()?;
    }
    if let Some((name, version)) = &fact.source
        && (*name != fact.name || *version != fact.version)
    {
        let upstream = if *version == fact.version { name.clone() } else { format!("{name}@{version}") };
        purl.add_qualifier("upstream", upstream).ok()?;
    }
    for (key, value) in &fact.qualifiers {
        purl.add_qualifier(*key, &**value).ok()?;
    }
    Some(purl.to_string())
}

/// A package that knows no distribution, with its purl. `None` where name or version make none.
pub(super) fn fact(ecosystem: &'static Ecosystem, name: &str, version: &str) -> Option<PackageFact> {
    let purl = Some(of_language(ecosystem, name, version)?);
    let (name, version) = (name.to_owned(), version.to_owned());
    Some(PackageFact { ecosystem: Some(ecosystem), purl, name, version, ..PackageFact::default() })
}

/// The same of a kind for which no type is registered: the namespace of its generic purl names it.
pub(super) fn generic(ecosystem: &'static Ecosystem, name: &str, version: &str) -> Option<PackageFact> {
    let mut purl = PackageUrl::new(ecosystem.purl_type, name).ok()?;
    purl.with_namespace(ecosystem::namespace(ecosystem)).ok()?;
    purl.with_version(version).ok()?;
    Some(PackageFact { purl: Some(purl.to_string()), ..fact(ecosystem, name, version)? })
}

/// The same with qualifiers in its purl. `None` also where the type's own rules refuse it.
pub(super) fn qualified(
    ecosystem: &'static Ecosystem,
    name: &str,
    version: &str,
    qualifiers: &[(&str, &str)],
) -> Option<PackageFact> {
    let fact = fact(ecosystem, name, version)?;
    let mut purl = of_parts(ecosystem, name, version)?;
    for (key, value) in qualifiers {
        purl.add_qualifier(*key, *value).ok()?;
    }
    purl.validate().ok()?;
    Some(PackageFact { purl: Some(purl.to_string()), ..fact })
}

/// The package that a purl of a document means, its name spelt as its own manager does. `None` for what is no purl, has
/// no version, or is of a type that nobody knows.
pub(super) fn read(text: &str) -> Option<PackageFact> {
    let purl = PackageUrl::from_str(text).ok()?;
    let ecosystem = ecosystem::of_purl(&purl.to_string())?;
    let is_kind = |namespace: &str| ecosystem.purl_type == "generic" && namespace == ecosystem::namespace(ecosystem);
    let name = match purl.namespace() {
        Some(group) if purl.ty() == "maven" => format!("{group}:{}", purl.name()),
        // a category is part of the name
        Some(category) if purl.ty() == "ebuild" => format!("{category}/{}", purl.name()),
        // a distribution, an author, or a kind is none
        Some(namespace) if !ecosystem.is_system && purl.ty() != "cpan" && !is_kind(namespace) => {
            format!("{namespace}/{}", purl.name())
        }
        _ => purl.name().to_owned(),
    };
    let part = |text: &str| field(text.as_bytes());
    let qualifier = |key: &str| purl.qualifiers().get(key).and_then(|value| part(value));
    Some(PackageFact {
        ecosystem: Some(ecosystem),
        name: part(&name)?,
        version: part(purl.version()?)?,
        architecture: qualifier("arch").filter(|_| ecosystem.is_system),
        purl: Some(purl.to_string()),
        ..PackageFact::default()
    })
}

/// A package as a purl names it, for whoever looks something up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What kind.
    pub ecosystem: &'static Ecosystem,
    /// As its manager spells it.
    pub name: String,
    /// Empty where the purl has none.
    pub version: String,
    /// Of packages of a system the distribution: the purl's namespace.
    pub vendor: String,
    /// What the qualifier `distro` says: `debian-12`.
    pub distro: String,
    /// The source package and its version, that of the package where the purl says no other.
    pub source: Option<(String, String)>,
    /// Of packages of a system what the qualifier `arch` says.
    pub architecture: Option<String>,
}

/// The package that a purl names. `None` for what is no purl, or of a type that nobody knows.
pub fn named(text: &str) -> Option<Named> {
    let purl = PackageUrl::from_str(text).ok()?;
    let fact =
        if purl.version().is_some() { read(text)? } else { read(&purl.clone().with_version("0").ok()?.to_string())? };
    let ecosystem = fact.ecosystem?;
    let qualifier = |key: &str| purl.qualifiers().get(key).and_then(|value| field(value.as_bytes()));
    let stated = purl.version().unwrap_or_default();
    let epoch = qualifier("epoch").filter(|_| ecosystem.is_system);
    let version = with_epoch(epoch.as_deref().unwrap_or_default(), stated);
    let source = qualifier("upstream").filter(|_| ecosystem.is_system).map(|upstream| of_upstream(&upstream, &version));
    Some(Named {
        ecosystem,
        name: fact.name,
        version,
        vendor: purl.namespace().unwrap_or_default().to_owned(),
        distro: qualifier("distro").unwrap_or_default(),
        source,
        architecture: fact.architecture,
    })
}

/// `1:2.0` of the epoch `1` and `2.0`, which may begin with an epoch already.
pub(super) fn with_epoch(epoch: &str, version: &str) -> String {
    let is_one = !epoch.is_empty() && epoch != "0" && epoch.bytes().all(|digit| digit.is_ascii_digit());
    if is_one && !version.is_empty() && !version.contains(':') {
        format!("{epoch}:{version}")
    } else {
        version.to_owned()
    }
}

/// The source package that `upstream` names: `name`, `name@version` or the file of a package of sources of rpm, for a
/// package of this version. The name of that file says no epoch; where the rest is the package's own, so is the epoch.
fn of_upstream(upstream: &str, version: &str) -> (String, String) {
    if let Some(file) = [".src.rpm", ".nosrc.rpm"].iter().find_map(|end| upstream.strip_suffix(end)) {
        let mut parts = file.rsplitn(3, '-');
        if let (Some(release), Some(number), Some(name)) = (parts.next(), parts.next(), parts.next()) {
            let of_file = format!("{number}-{release}");
            let is_own = version.split_once(':').is_some_and(|(_, own)| own == of_file);
            return (name.to_owned(), if is_own { version.to_owned() } else { of_file });
        }
    }
    match upstream.rsplit_once('@').filter(|(name, version)| !name.is_empty() && !version.is_empty()) {
        Some((name, version)) => (name.to_owned(), version.to_owned()),
        None => (upstream.to_owned(), version.to_owned()),
    }
}

/// The purl of a package that knows no distribution.
///
/// What is before the last `/` of a name is its namespace (`@scope/name`, `github.com/a/b`, `vendor/name`), and so
/// is the group of Maven's `group:artifact`.
pub(super) fn of_language(ecosystem: &Ecosystem, name: &str, version: &str) -> Option<String> {
    Some(of_parts(ecosystem, name, version)?.to_string())
}

fn of_parts<'a>(ecosystem: &'a Ecosystem, name: &'a str, version: &'a str) -> Option<PackageUrl<'a>> {
    let separator = if ecosystem.purl_type == "maven" { ':' } else { '/' };
    let (namespace, base) = match name.rsplit_once(separator) {
        Some((namespace, base)) => (Some(namespace), base),
        None => (None, name),
    };
    let mut purl = PackageUrl::new(ecosystem.purl_type, base).ok()?;
    if let Some(namespace) = namespace {
        purl.with_namespace(namespace).ok()?;
    }
    if !version.is_empty() {
        purl.with_version(version).ok()?;
    }
    Some(purl)
}

/// The purl of a package that a note in a program names, with what the note says of the distribution.
pub(super) fn of_note(
    ecosystem: &Ecosystem,
    os: Option<&str>,
    name: &str,
    version: &str,
    architecture: Option<&str>,
    os_version: Option<&str>,
) -> Option<String> {
    let mut purl = PackageUrl::new(ecosystem.purl_type, name).ok()?;
    if let Some(os) = os {
        purl.with_namespace(os).ok()?;
    }
    purl.with_version(version).ok()?;
    if let Some(architecture) = architecture {
        purl.add_qualifier("arch", architecture).ok()?;
    }
    if let Some((os, release)) = os.zip(os_version) {
        purl.add_qualifier("distro", format!("{os}-{release}")).ok()?;
    }
    Some(purl.to_string())
}

/// The purl of a package that knows no distribution, with these qualifiers; those that are empty are left out.
pub(super) fn with_qualifiers(
    ecosystem: &Ecosystem,
    name: &str,
    version: &str,
    qualifiers: &[(&str, &str)],
) -> Option<String> {
    let mut purl = PackageUrl::new(ecosystem.purl_type, name).ok()?;
    purl.with_version(version).ok()?;
    for (key, value) in qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
        purl.add_qualifier(*key, *value).ok()?;
    }
    Some(purl.to_string())
}

/// The purl as purls are spelt, so that one package has one; as it stands where it is none.
pub(super) fn canonical(purl: String) -> String {
    PackageUrl::from_str(&purl).map(|spelt| spelt.to_string()).unwrap_or(purl)
}

/// A pattern over purls, with its name, version and qualifiers spelt as purls of its type spell them: `%2B` for `+`, small
/// letters where the type has no others, qualifiers in order. Without change where it is none that a purl may have.
///
/// `*` stands for any text, `any_one` for any character, and `?` for itself.
pub fn spelt(pattern: &str, any_one: char) -> String {
    const START: &str = "pkg:";
    let is_escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    let parts = pattern.strip_prefix(START).and_then(|rest| rest.split_once('/'));
    let Some((kind, mut rest)) = parts.map(|(kind, rest)| (kind, rest.to_owned())) else { return pattern.to_owned() };
    if pattern.contains('#') || !pattern.split('%').skip(1).all(is_escape) {
        return pattern.to_owned();
    }
    // a coordinate of Maven
    if kind == "maven" && !rest.contains('/') && rest.matches(':').count() == 1 {
        rest = rest.replace(':', "/");
    }
    // of any type nothing but signs that stand for others is alike
    let known = if kind.contains(['*', any_one]) { ecosystem::GENERIC } else { kind };
    let Ok(purl) = PackageUrl::from_str(&format!("{START}{known}/{rest}")) else { return pattern.to_owned() };
    let text = purl.to_string();
    let Some(rest) = text.strip_prefix(START).and_then(|text| text.strip_prefix(known)) else {
        return pattern.to_owned();
    };
    let escaped: String = any_one.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("{START}{kind}{}", rest.replace(&escaped, &any_one.to_string()))
}

/// A name as packages of its ecosystem are told apart: those of `PyPI` go by several spellings (PEP 503).
pub(super) fn folded<'a>(ecosystem: &Ecosystem, name: &'a str) -> Cow<'a, str> {
    let is_sign = |sign: char| matches!(sign, '-' | '_' | '.');
    if ecosystem.purl_type != "pypi" || !name.contains(|sign: char| sign.is_ascii_uppercase() || is_sign(sign)) {
        return Cow::Borrowed(name);
    }
    let words: Vec<&str> = name.split(is_sign).filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join("-").to_ascii_lowercase())
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

    fn system(ecosystem: &'static Ecosystem, name: &str, version: &str, architecture: &str) -> PackageFact {
        PackageFact {
            ecosystem: Some(ecosystem),
            name: name.into(),
            version: version.into(),
            architecture: Some(architecture.into()),
            ..PackageFact::default()
        }
    }

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
            let purl = of_system("debian", distro.as_ref(), &system(&dpkg::DEB, name, version, "amd64"));
            assert_eq!(purl.as_deref(), Some(expected));
        }
        let alpine = distro("alpine", "3.19.1", "");
        assert_eq!(
            of_system("alpine", Some(&alpine), &system(&apk::APK, "libcrypto1.1", "1.1.1q-r0", "x86_64")).as_deref(),
            Some("pkg:apk/alpine/libcrypto1.1@1.1.1q-r0?arch=x86_64&distro=alpine-3.19.1")
        );
    }

    #[test]
    fn a_source_of_another_name_or_version_is_upstream() {
        let cases = [
            (("a", "1"), "pkg:deb/debian/a@1?arch=all"),
            (("b", "1"), "pkg:deb/debian/a@1?arch=all&upstream=b"),
            (("a", "2"), "pkg:deb/debian/a@1?arch=all&upstream=a%402"),
        ];
        for ((name, version), expected) in cases {
            let source = Some((name.to_owned(), version.to_owned()));
            let fact = PackageFact { source, ..system(&dpkg::DEB, "a", "1", "all") };
            assert_eq!(of_system("debian", None, &fact).as_deref(), Some(expected));
        }
    }

    #[test]
    fn names_are_folded_where_spelling_does_not_matter() {
        let cases = [
            (&python::PYPI, "Zope.Interface", "zope-interface"),
            (&python::PYPI, "a__-b", "a-b"),
            (&python::PYPI, "six", "six"),
            (&npm::NPM, "A.b", "A.b"),
        ];
        for (ecosystem, name, expected) in cases {
            assert_eq!(folded(ecosystem, name), expected);
        }
    }

    #[test]
    fn names_in_documents_are_those_of_the_manager() {
        let cases = [
            ("pkg:maven/g.h/a@1", Some(("maven", "g.h:a"))),
            ("pkg:npm/%40s/a@1", Some(("npm", "@s/a"))),
            ("pkg:deb/debian/a@1", Some(("deb", "a"))),
            ("pkg:ebuild/dev-libs/a@1?distro=gentoo", Some(("ebuild", "dev-libs/a"))),
            ("pkg:generic/opkg/a@1?arch=mips", Some(("opkg", "a"))),
            ("pkg:generic/wordpress/plugin/a@1", Some(("wordpress-plugin", "a"))),
            ("pkg:generic/a/b@1", Some(("generic", "a/b"))),
            ("pkg:npm/a", None),
        ];
        for (text, expected) in cases {
            let fact = read(text);
            let seen = fact.as_ref().and_then(|fact| Some((fact.ecosystem?.id, fact.name.as_str())));
            assert_eq!(seen, expected, "{text}");
        }
    }

    #[test]
    fn what_is_looked_up_is_what_the_purl_says() {
        type Case = (
            &'static str,
            &'static str,
            &'static str,
            Option<(&'static str, &'static str)>,
            Option<&'static str>,
            &'static str,
        );
        let cases: &[Case] = &[
            (
                "pkg:deb/debian/zlib1g@1:1.2?arch=amd64&upstream=zlib",
                "zlib1g",
                "1:1.2",
                Some(("zlib", "1:1.2")),
                Some("amd64"),
                "",
            ),
            ("pkg:deb/debian/a@1?upstream=b%402-3&distro=debian-12", "a", "1", Some(("b", "2-3")), None, "debian-12"),
            ("pkg:deb/debian/a@1-2?epoch=3", "a", "3:1-2", None, None, ""),
            ("pkg:deb/debian/a@3:1-2?epoch=3", "a", "3:1-2", None, None, ""),
            ("pkg:deb/debian/a?epoch=3", "a", "", None, None, ""),
            ("pkg:deb/debian/a@1?upstream=%40x", "a", "1", Some(("@x", "1")), None, ""),
            (
                "pkg:rpm/redhat/openssl-libs@3.0.7-1.el9?arch=x86_64&epoch=1&upstream=openssl-3.0.7-1.el9.src.rpm",
                "openssl-libs",
                "1:3.0.7-1.el9",
                Some(("openssl", "1:3.0.7-1.el9")),
                Some("x86_64"),
                "",
            ),
            ("pkg:rpm/fedora/a@1-2?epoch=0&upstream=b-c-4-5.src.rpm", "a", "1-2", Some(("b-c", "4-5")), None, ""),
            ("pkg:rpm/fedora/a@1-2?epoch=x&upstream=odd.src.rpm", "a", "1-2", Some(("odd.src.rpm", "1-2")), None, ""),
            (
                "pkg:apk/alpine/libssl3@3?arch=aarch64&upstream=openssl",
                "libssl3",
                "3",
                Some(("openssl", "3")),
                Some("aarch64"),
                "",
            ),
            ("pkg:npm/%40s/a@1?arch=x64&upstream=b", "@s/a", "1", None, None, ""),
            ("pkg:maven/g.h/a@1", "g.h:a", "1", None, None, ""),
            ("pkg:composer/symfony/http@6", "symfony/http", "6", None, None, ""),
            ("pkg:golang/github.com/a/b@v1.2#c/d", "github.com/a/b", "v1.2", None, None, ""),
            ("pkg:pypi/jinja2@3", "jinja2", "3", None, None, ""),
        ];
        for (text, name, version, source, architecture, distro) in cases {
            let named = named(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*named.name, &*named.version, &*named.distro), (*name, *version, *distro), "{text}");
            let found = named.source.as_ref().map(|(name, version)| (&**name, &**version));
            assert_eq!((found, named.architecture.as_deref()), (*source, *architecture), "{text}");
        }
        assert_eq!(named("pkg:weather/a@1"), None);
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

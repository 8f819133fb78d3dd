//! Names of packages in other tools as patterns of package URLs.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::pattern::globs_of_regex;

/// Types of packages of a system, whose namespace is the distribution.
const SYSTEMS: [&str; 5] = ["alpm", "apk", "deb", "opkg", "rpm"];

/// Qualifiers that may stand first behind the version.
const QUALIFIERS: [&str; 4] = ["arch", "distro", "epoch", "upstream"];

/// What a tool says of a package.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named<'a> {
    /// Type and namespace of its URL, such as `deb` or `deb/debian`; any if there is none.
    pub(super) types: &'a [&'a str],
    /// Its name, as its manager spells it.
    pub(super) name: Option<&'a str>,
    /// Whether the name is a regular expression.
    pub(super) is_regex: bool,
    /// Its version, word for word.
    pub(super) version: Option<&'a str>,
}

/// Patterns over the URLs of packages of this name; none if all packages are meant.
pub(super) fn patterns(named: &Named<'_>) -> Result<Vec<String>, String> {
    if named.types.is_empty() && named.name.is_none() && named.version.is_none() {
        return Ok(Vec::new());
    }
    let globs = match named.name {
        Some(name) if named.is_regex => globs_of_regex(name, &encoded_path)?,
        Some(name) => vec![encoded_path(name)],
        None => vec!["*".to_owned()],
    };
    let types = if named.types.is_empty() { &["*"] } else { named.types };
    let mut patterns = Vec::new();
    for kind in types {
        for name in &globs {
            for path in paths(kind, name) {
                patterns.extend(with_version(&path, named.version));
            }
        }
    }
    patterns.sort();
    patterns.dedup();
    Ok(patterns)
}

/// The ways in which a name stands behind its type.
fn paths(kind: &str, name: &str) -> Vec<String> {
    match kind {
        // with a group, which the name may lack
        "maven" => match name.rsplit_once("%3A").or_else(|| name.rsplit_once(':')) {
            Some((group, artifact)) => vec![format!("pkg:maven/{group}/{artifact}")],
            None => vec![format!("pkg:maven/{name}"), format!("pkg:maven/*/{name}")],
        },
        // of packages of a system the distribution stands between
        kind if SYSTEMS.contains(&kind) => vec![format!("pkg:{kind}/*/{name}")],
        "generic" => vec![format!("pkg:generic/{name}"), format!("pkg:generic/*/{name}")],
        // spelt one way (purl-types, "pypi")
        "pypi" => vec![format!("pkg:pypi/{}", name.to_ascii_lowercase().replace('_', "-"))],
        kind => vec![format!("pkg:{kind}/{name}")],
    }
}

fn with_version(path: &str, version: Option<&str>) -> Vec<String> {
    let Some(version) = version else { return vec![format!("{path}@*")] };
    let whole = format!("{path}@{}", encoded(version));
    let kind = path.strip_prefix("pkg:").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let qualifiers: &[&str] = match kind {
        "conda" => &["channel"],
        "*" => &QUALIFIERS,
        kind if SYSTEMS.contains(&kind) => &QUALIFIERS,
        _ => &[],
    };
    // `?` takes any sign, so the word behind it is written out: `@1.2?*` would take 1.20 too
    let qualified = qualifiers.iter().map(|key| format!("{whole}?{key}=*"));
    std::iter::once(whole.clone()).chain(qualified).collect()
}

/// Patterns over the URLs of packages that are built from a source package of this name, a regular expression.
pub(super) fn of_upstream(types: &[&str], name: &str) -> Result<Vec<String>, String> {
    let types = if types.is_empty() { &["*"] } else { types };
    // where both have one name, the URL names no source
    let mut patterns = patterns(&Named { types, name: Some(name), is_regex: true, version: None })?;
    for source in globs_of_regex(name, &encoded_path)? {
        for kind in types {
            let start = format!("pkg:{kind}/*upstream={source}");
            patterns.extend(["", "%40*", "&*"].iter().map(|end| format!("{start}{end}")));
        }
    }
    Ok(patterns)
}

/// Patterns for the URL of a package as a person wrote it: without a version any is meant; qualifiers are left out.
pub(super) fn of_purl(purl: &str) -> Result<(Vec<String>, bool), String> {
    let wrong = || "it is no package URL".to_owned();
    let rest = purl.strip_prefix("pkg:").ok_or_else(wrong)?.trim_start_matches('/');
    let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, path) = rest.split_once('/').ok_or_else(wrong)?;
    // the `@` of a scope stands before the last slash
    let last = path.rfind('/').map_or(0, |at| at.saturating_add(1));
    let at = path.get(last..).and_then(|name| name.find('@')).map(|at| last.saturating_add(at)).filter(|at| *at > 0);
    let (path, version) = match at {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at..).and_then(|rest| rest.strip_prefix('@'))),
        None => (path, None),
    };
    if kind.is_empty() || path.trim_matches('/').is_empty() {
        return Err(wrong());
    }
    let path = format!("pkg:{}/{}", encoded(&kind.to_ascii_lowercase()), encoded_path(&decoded(path)));
    let version = version.map(decoded).filter(|version| !version.is_empty());
    Ok((with_version(&path, version.as_deref()), !qualifiers.is_empty()))
}

/// A name with its slashes, everything else as package URLs spell it.
fn encoded_path(name: &str) -> String {
    name.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

/// As package URLs spell a part (purl-spec, "Character encoding").
fn encoded(part: &str) -> String {
    let mut text = String::new();
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => text.push(char::from(byte)),
            byte => text += &format!("%{byte:02X}"),
        }
    }
    text
}

fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, hex(0), hex(1)) {
            bytes.extend(u8::try_from(high.saturating_mul(16).saturating_add(low)).ok());
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Types of package URLs by the name that Syft gives a kind of package.
pub(super) fn of_syft_type(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "alpm" => &["alpm"],
        "apk" => &["apk"],
        "binary" => &["generic"],
        "bitnami" => &["bitnami"],
        "cocoapods" | "pod" => &["cocoapods"],
        "conan" => &["conan"],
        "conda" => &["conda"],
        "dart-pub" => &["pub"],
        "deb" => &["deb"],
        "dotnet" => &["nuget"],
        "gem" => &["gem"],
        "go-module" => &["golang"],
        "hackage" => &["hackage"],
        "hex" => &["hex"],
        "java-archive" | "jenkins-plugin" => &["maven"],
        "lua-rocks" => &["luarocks"],
        "npm" => &["npm"],
        "php-composer" => &["composer"],
        "portage" => &["ebuild"],
        "python" => &["pypi"],
        "R-package" => &["cran"],
        "rpm" => &["rpm"],
        "rust-crate" => &["cargo"],
        "swift" => &["swift"],
        _ => return None,
    })
}

/// Types of package URLs by the name that Syft gives a language.
pub(super) fn of_language(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "c++" => &["conan"],
        "dart" => &["pub"],
        "dotnet" => &["nuget"],
        "elixir" => &["hex"],
        "go" => &["golang"],
        "haskell" => &["hackage"],
        "java" => &["maven"],
        "javascript" => &["npm"],
        "lua" => &["luarocks"],
        "php" => &["composer"],
        "python" => &["pypi"],
        "R" => &["cran"],
        "ruby" => &["gem"],
        "rust" => &["cargo"],
        "swift" => &["swift", "cocoapods"],
        _ => return None,
    })
}

/// The ecosystem of Rust.
const CRATES: &str = concat!("crates", ".io");

/// Types and namespaces of package URLs by the ecosystem of an OSV record (osv-schema, "Defined ecosystems"); what
/// follows the colon, a release, is not part of it.
pub(super) fn of_ecosystem(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "AlmaLinux" => &["rpm/almalinux"],
        "Alpine" => &["apk/alpine"],
        "Bitnami" => &["bitnami"],
        "Chainguard" => &["apk/chainguard"],
        "ConanCenter" => &["conan"],
        "CRAN" => &["cran"],
        CRATES => &["cargo"],
        "Debian" => &["deb/debian"],
        "Go" => &["golang"],
        "Hackage" => &["hackage"],
        "Hex" => &["hex"],
        "Maven" => &["maven"],
        "npm" => &["npm"],
        "NuGet" => &["nuget"],
        "openSUSE" => &["rpm/opensuse*"],
        "Packagist" => &["composer"],
        "Photon OS" => &["rpm/photon"],
        "Pub" => &["pub"],
        "PyPI" => &["pypi"],
        "Red Hat" => &["rpm/rhel", "rpm/redhat"],
        "Rocky Linux" => &["rpm/rocky"],
        "RubyGems" => &["gem"],
        "SUSE" => &["rpm/sle*", "rpm/suse*"],
        "SwiftURL" => &["swift"],
        "Ubuntu" => &["deb/ubuntu"],
        "Wolfi" => &["apk/wolfi"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::Glob;
    use super::*;

    fn takes(patterns: &[String], purl: &str) -> bool {
        patterns.iter().any(|pattern| Glob::text(pattern).expect("a pattern").is_match(purl))
    }

    #[test]
    fn names_take_the_urls_of_their_packages() {
        type Case = (&'static [&'static str], Option<&'static str>, Option<&'static str>, &'static str, bool);
        let named =
            |types, name, version| patterns(&Named { types, name, version, is_regex: false }).expect("patterns");
        let cases: &[Case] = &[
            (&["deb"], Some("libc6"), None, "pkg:deb/debian/libc6@2.36-9?arch=amd64", true),
            (&["deb"], Some("libc6"), None, "pkg:deb/debian/libc6-dev@2.36-9?arch=amd64", false),
            (&["deb"], Some("g++"), Some("4:12.2"), "pkg:deb/debian/g%2B%2B@4:12.2?arch=amd64&distro=debian-12", true),
            (&["deb"], Some("g++"), Some("4:12.2"), "pkg:deb/debian/g%2B%2B@4:12.20?arch=amd64", false),
            (&["npm"], Some("@babel/core"), None, "pkg:npm/%40babel/core@7.0.0", true),
            (&["npm"], Some("core"), None, "pkg:npm/%40babel/core@7.0.0", false),
            (&["maven"], Some("log4j-core"), None, "pkg:maven/org.apache.logging.log4j/log4j-core@2.14", true),
            (&["maven"], Some("org.a:b"), Some("1"), "pkg:maven/org.a/b@1", true),
            (&["golang"], Some("github.com/a/b"), None, "pkg:golang/github.com/a/b@v1", true),
            (&[], Some("openssl"), None, "pkg:apk/alpine/openssl@3?arch=x86_64", true),
            (&["pypi"], None, None, "pkg:pypi/six@1", true),
            (&["pypi"], Some("Typing_Extensions"), None, "pkg:pypi/typing-extensions@4", true),
            (&["pypi"], None, Some("1"), "pkg:pypi/six@1", true),
            (&["pypi"], None, Some("1"), "pkg:pypi/six@11", false),
            (&["deb/debian"], Some("curl"), None, "pkg:deb/debian/curl@1?arch=amd64", true),
            (&["deb/debian"], Some("curl"), None, "pkg:deb/ubuntu/curl@1?arch=amd64", false),
        ];
        for (types, name, version, purl, expected) in cases {
            assert_eq!(takes(&named(types, *name, *version), purl), *expected, "{types:?} {name:?} {version:?} {purl}");
        }
        assert!(named(&[], None, None).is_empty());
    }

    #[test]
    fn a_source_takes_the_packages_built_from_it() {
        let cases = [
            (&["deb"][..], "openssl", "pkg:deb/debian/libssl3@3?arch=amd64&upstream=openssl", true),
            (&[], "openssl", "pkg:deb/debian/libssl3@3?arch=amd64&upstream=openssl%403.0", true),
            (&[], "openssl", "pkg:deb/debian/openssl@3?arch=amd64", true),
            (&[], "openssl", "pkg:deb/debian/libx@3?upstream=openssl-old", false),
            (&[], "linux.*", "pkg:deb/debian/headers@3?upstream=linux-5.10", true),
            (&["rpm"], "openssl", "pkg:deb/debian/libssl3@3?upstream=openssl", false),
        ];
        for (types, name, purl, expected) in cases {
            assert_eq!(takes(&of_upstream(types, name).expect(name), purl), expected, "{types:?} {name} {purl}");
        }
    }

    #[test]
    fn urls_take_all_versions_unless_they_name_one() {
        let cases = [
            ("pkg:deb/debian/libssl1.1", "pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u4?arch=amd64", true),
            (
                "pkg:deb/debian/libssl1.1@1.1.1n-0+deb11u4",
                "pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u4?arch=amd64",
                true,
            ),
            ("pkg:deb/debian/libssl1.1@1.1.1n", "pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u4?arch=amd64", false),
            ("pkg:npm/%40babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0", true),
            ("pkg:npm/@babel/core", "pkg:npm/%40babel/core@7.0.0", true),
            ("pkg:NPM/lodash@4?x=y#z", "pkg:npm/lodash@4", true),
        ];
        for (written, purl, expected) in cases {
            let (patterns, _) = of_purl(written).expect(written);
            assert_eq!(takes(&patterns, purl), expected, "{written} {purl}");
        }
        assert!(of_purl("pkg:npm/lodash@4?x=y").expect("a URL").1);
        for wrong in ["", "lodash", "pkg:npm", "pkg:npm/", "pkg:/x"] {
            assert!(of_purl(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_others_are_types_of_package_urls() {
        type Of = fn(&str) -> Option<&'static [&'static str]>;
        let crates = format!("{CRATES}=cargo");
        let tables: [(Of, &[&str]); 3] = [
            (
                of_syft_type,
                &[
                    "alpm=alpm",
                    "apk=apk",
                    "binary=generic",
                    "bitnami=bitnami",
                    "cocoapods=cocoapods",
                    "pod=cocoapods",
                    "conan=conan",
                    "conda=conda",
                    "dart-pub=pub",
                    "deb=deb",
                    "dotnet=nuget",
                    "gem=gem",
                    "go-module=golang",
                    "hackage=hackage",
                    "hex=hex",
                    "java-archive=maven",
                    "jenkins-plugin=maven",
                    "lua-rocks=luarocks",
                    "npm=npm",
                    "php-composer=composer",
                    "portage=ebuild",
                    "python=pypi",
                    "R-package=cran",
                    "rpm=rpm",
                    "rust-crate=cargo",
                    "swift=swift",
                    "odd=",
                ],
            ),
            (
                of_language,
                &[
                    "c++=conan",
                    "dart=pub",
                    "dotnet=nuget",
                    "elixir=hex",
                    "go=golang",
                    "haskell=hackage",
                    "java=maven",
                    "javascript=npm",
                    "lua=luarocks",
                    "php=composer",
                    "python=pypi",
                    "R=cran",
                    "ruby=gem",
                    "rust=cargo",
                    "swift=swift,cocoapods",
                    "odd=",
                ],
            ),
            (
                of_ecosystem,
                &[
                    "AlmaLinux=rpm/almalinux",
                    "Alpine=apk/alpine",
                    "Bitnami=bitnami",
                    "Chainguard=apk/chainguard",
                    "ConanCenter=conan",
                    "CRAN=cran",
                    &crates,
                    "Debian=deb/debian",
                    "Go=golang",
                    "Hackage=hackage",
                    "Hex=hex",
                    "Maven=maven",
                    "npm=npm",
                    "NuGet=nuget",
                    "openSUSE=rpm/opensuse*",
                    "Packagist=composer",
                    "Photon OS=rpm/photon",
                    "Pub=pub",
                    "PyPI=pypi",
                    "Red Hat=rpm/rhel,rpm/redhat",
                    "Rocky Linux=rpm/rocky",
                    "RubyGems=gem",
                    "SUSE=rpm/sle*,rpm/suse*",
                    "SwiftURL=swift",
                    "Ubuntu=deb/ubuntu",
                    "Wolfi=apk/wolfi",
                    "debian=",
                ],
            ),
        ];
        for (of, rows) in tables {
            for row in rows {
                let (name, types) = row.split_once('=').expect("a row");
                let found = of(name).map(|types| types.join(",")).unwrap_or_default();
                assert_eq!(found, types, "{name}");
            }
        }
    }

    #[test]
    fn a_version_takes_the_qualifiers_of_its_type() {
        let named = |types: &[&str], version| {
            patterns(&Named { types, name: Some("x"), version: Some(version), is_regex: false }).expect("patterns")
        };
        for (types, purl, expected) in [
            (&["conda"][..], "pkg:conda/x@1?channel=main", true),
            (&["npm"], "pkg:npm/x@1?channel=main", false),
            (&["npm"], "pkg:npm/x@1", true),
            (&[], "pkg:deb/debian/x@1?arch=amd64", true),
            (&[], "pkg:deb/debian/x@12?arch=amd64", false),
        ] {
            assert_eq!(takes(&named(types, "1"), purl), expected, "{types:?} {purl}");
        }
        // what begins with `@` has no version
        assert_eq!(of_purl("pkg:npm/@x").expect("a URL").0, ["pkg:npm/%40x@*"]);
    }
}

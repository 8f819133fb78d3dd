//! Words that outside lists give: types of packages, platforms, licences, ids of flaws. One that none of them has selects
//! nothing, for ever, so that it is an error.

use std::ops::Range;

use crate::inventory::licence;
use crate::nearest::nearest;
#[cfg(feature = "cel")]
use crate::package::ecosystem_ids;
use crate::package::{purl_types, spelt};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::pattern::{ANY_ONE, Glob};

use super::word::{pattern, text_pattern};

/// Names that people give to types of packages.
const CALLED: &[(&str, &str)] = &[
    (".net", "nuget"),
    ("alpine", "apk"),
    ("arch", "alpm"),
    ("centos", "rpm"),
    (concat!("crates", ".io"), "cargo"),
    ("debian", "deb"),
    ("dotnet", "nuget"),
    ("dpkg", "deb"),
    ("fedora", "rpm"),
    ("go", "golang"),
    ("java", "maven"),
    ("javascript", "npm"),
    ("jar", "maven"),
    ("node", "npm"),
    ("nodejs", "npm"),
    ("packagist", "composer"),
    ("pacman", "alpm"),
    ("php", "composer"),
    ("pip", "pypi"),
    ("python", "pypi"),
    ("redhat", "rpm"),
    ("rhel", "rpm"),
    ("ruby", "gem"),
    ("rubygems", "gem"),
    ("rust", "cargo"),
    ("ubuntu", "deb"),
    ("wolfi", "apk"),
    ("yarn", "npm"),
];

/// Systems that images are made for, and their architectures with variants (OCI image index; the names are Go's).
const SYSTEMS: &[(&str, &[&str])] = &[
    (
        "linux",
        &[
            "386", "amd64", "amd64/v1", "amd64/v2", "amd64/v3", "amd64/v4", "arm", "arm/v5", "arm/v6", "arm/v7",
            "arm/v8", "arm64", "arm64/v8", "arm64/v9", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
            "ppc64le", "riscv64", "s390x", "wasm",
        ],
    ),
    ("windows", &["386", "amd64", "arm", "arm64"]),
    ("darwin", &["amd64", "arm64"]),
    ("freebsd", &["386", "amd64", "arm", "arm64", "riscv64"]),
    ("netbsd", &["386", "amd64", "arm", "arm64"]),
    ("openbsd", &["386", "amd64", "arm", "arm64"]),
    ("solaris", &["amd64"]),
    ("wasi", &["wasm"]),
    ("wasip1", &["wasm"]),
];

/// Platforms that images may be for: `linux/arm64/v8`.
pub(in crate::policy) fn platforms() -> Vec<String> {
    let of = |(system, all): &(&str, &[&str])| all.iter().map(|one| format!("{system}/{one}")).collect::<Vec<_>>();
    SYSTEMS.iter().flat_map(of).collect()
}

/// The type of a package URL (purl-spec, rules for type), in letters of either case.
pub(in crate::policy) fn ecosystem(text: &str, span: Range<usize>) -> Result<String, Diagnostic> {
    let (word, types) = (text.to_ascii_lowercase(), purl_types());
    if types.contains(&word.as_str()) {
        return Ok(word);
    }
    let wrong = Diagnostic::new(span, format!("`{text}` is no type of packages"));
    let wrong = match called(&word).or_else(|| nearest(&word, types.iter().copied())) {
        Some(name) => wrong.help(format!("did you mean `{name}`?")),
        None => wrong,
    };
    let mut wrong = wrong.help("take it from a package URL: `pkg:deb/…` is of type `deb`");
    wrong.allowed = Some(types.join(", "));
    Err(wrong)
}

/// The type of packages that people call so.
fn called(word: &str) -> Option<&'static str> {
    CALLED.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
}

/// What to add where a condition compares the ecosystem of a package with a word that it never is.
#[cfg(feature = "cel")]
pub(in crate::policy) fn wrong_ecosystem(word: &str) -> Option<String> {
    let ids = ecosystem_ids();
    if ids.contains(&word) {
        return None;
    }
    let near = called(word).or_else(|| nearest(word, ids.iter().copied()));
    Some(near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())
}

/// A pattern over platforms.
pub(super) fn platform(text: &str, span: Range<usize>) -> Result<Glob, Diagnostic> {
    let glob = text_pattern(text, span.clone())?;
    let Some(near) = wrong_platform(text, |platform| glob.is_match(platform)) else { return Ok(glob) };
    Err(Diagnostic::new(span, format!("there is no platform `{text}`{near}"))
        .help("a platform is system and architecture: `linux/amd64`, `linux/arm/v7`, `*/arm64*`"))
}

/// What to add where a word, or a pattern, is that of no platform.
pub(in crate::policy) fn wrong_platform(word: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let platforms = platforms();
    if platforms.iter().any(|platform| fits(platform)) {
        return None;
    }
    let under_linux = format!("linux/{word}");
    let near = platforms.iter().find(|platform| **platform == under_linux).map(String::as_str);
    let near = near.or_else(|| nearest(word, platforms.iter().map(String::as_str)));
    Some(near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())
}

/// A pattern over package URLs. One without a version is for all of them; qualifiers that it does not name may be any.
pub(in crate::policy) fn purl(text: &str, span: Range<usize>) -> Result<Glob, Diagnostic> {
    const START: &str = "pkg:";
    let glob = text_pattern(text, span.clone())?;
    if !glob.may_begin_with(START) {
        return Err(Diagnostic::new(span, format!("no package URL is `{text}`"))
            .help("it begins with type and name: `pkg:npm/lodash@*`, `pkg:deb/*/openssl@*`"));
    }
    for start in glob.beginnings() {
        let Some((kind, _)) = start.strip_prefix(START).and_then(|rest| rest.split_once('/')) else { continue };
        let known = ecosystem(kind, span.clone())?;
        if known != kind {
            return Err(Diagnostic::new(span, format!("no package URL is `{text}`"))
                .help(format!("types are written in small letters: `{START}{known}/…`")));
        }
    }
    if text.contains("/@") {
        return Err(Diagnostic::new(span, format!("no package URL is `{text}`"))
            .help("the `@` of a scope is written `%40`: `pkg:npm/%40babel/core@*`"));
    }
    Ok(Glob::any_of(text, &versions(text)))
}

/// Qualifiers of one pattern that may stand among others.
const MOST_QUALIFIERS: usize = 4;

/// The texts of which package URLs have one that a pattern is meant for: spelt as their type spells them, of any version
/// where it has none, and with further qualifiers.
fn versions(pattern: &str) -> Vec<String> {
    let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let begins = |(at, _): &(usize, &str)| {
        let rest = pattern.get(at.saturating_add(1)..).unwrap_or_default();
        rest.split_once('=').is_some_and(|(key, _)| !key.is_empty() && key.chars().all(is_key))
    };
    // any other `?` is a sign
    let one = ANY_ONE.to_string();
    let text = match pattern.match_indices('?').find(begins) {
        Some((at, _)) => {
            let (path, qualifiers) = pattern.split_at(at);
            let qualifiers = qualifiers.strip_prefix('?').unwrap_or_default();
            format!("{}?{}", path.replace('?', &one), qualifiers.replace('?', &one))
        }
        None => pattern.replace('?', &one),
    };
    let text = spelt(&text, ANY_ONE);
    let (path, qualifiers) = text.split_once('?').map_or((text.as_str(), None), |(path, rest)| (path, Some(rest)));
    let has_version = path.rsplit('/').next().unwrap_or_default().contains('@');
    let is_open = path.ends_with(['*', '/']) || text.contains('#');
    let mut paths = vec![path.to_owned()];
    paths.extend((!has_version && !is_open).then(|| format!("{path}@*")));
    let ends = match qualifiers {
        None if is_open => vec![String::new()],
        None => vec![String::new(), "?*".to_owned()],
        Some(qualifiers) => among_others(qualifiers),
    };
    paths.iter().flat_map(|path| ends.iter().map(move |end| format!("{path}{end}"))).collect()
}

/// The forms of qualifiers with others before, between and behind them.
fn among_others(qualifiers: &str) -> Vec<String> {
    let each: Vec<&str> = qualifiers.split('&').collect();
    if each.len() > MOST_QUALIFIERS {
        return vec![format!("?{qualifiers}")];
    }
    let mut forms = vec!["?".to_owned()];
    for (number, one) in each.iter().enumerate() {
        let joins: &[&str] = if number == 0 { &["", "*&"] } else { &["&", "&*&"] };
        forms = forms.iter().flat_map(|form| joins.iter().map(move |join| format!("{form}{join}{one}"))).collect();
    }
    forms.iter().flat_map(|form| ["", "&*"].map(|end| format!("{form}{end}"))).collect()
}

/// A glob over licences as SPDX writes them, in letters of either case; without signs an identifier, or an expression of
/// several.
pub(super) fn licence(text: &str, span: Range<usize>) -> Result<Glob, Diagnostic> {
    let glob = pattern(Glob::caseless(text), text, span.clone())?;
    if !glob.is_literal() {
        return Ok(glob);
    }
    let signs = |c: char| c == '(' || c == ')' || c == ' ';
    let mut terms = text.replace(" WITH ", "\u{0}");
    terms = terms.split(signs).filter(|word| !["AND", "OR", ""].contains(word)).collect::<Vec<_>>().join("\n");
    match terms.lines().map(|term| term.replace('\u{0}', " WITH ")).find(|term| !licence::is_identifier(term)) {
        Some(term) => Err(no_licence(&term, span)),
        None => Ok(glob),
    }
}

/// Says that a word is no identifier of a licence, and which ones are near.
pub(in crate::policy) fn no_licence(text: &str, span: Range<usize>) -> Diagnostic {
    /// Identifiers that are named.
    const MOST: usize = 4;
    let wrong = Diagnostic::new(span, format!("there is no licence `{text}`"));
    let plain = |text: &str| text.to_lowercase().replace(['-', '.', ' '], "");
    let word = plain(text.split_once(" WITH ").map_or(text, |(licence, _)| licence));
    let word = word.trim_end_matches('+');
    let mut near: Vec<&str> = licence::identifiers().filter(|id| plain(id).starts_with(word)).collect();
    near.sort_by_key(|id| id.len());
    near.truncate(MOST);
    if near.is_empty() {
        near.extend(nearest(text, licence::identifiers()));
    }
    let wrong = match near.as_slice() {
        [] => wrong,
        near => wrong.help(format!("did you mean `{}`?", near.join("`, `"))),
    };
    wrong.help("SPDX identifiers are meant (`GPL-3.0-only`), globs over them (`GPL-*`), or `LicenseRef-…`")
}

/// Whether the id of a flaw has the form of its kind: no flaw has another.
pub(super) fn wrong_flaw(text: &str) -> Option<&'static str> {
    let are = |text: &str, length: usize, fits: fn(&u8) -> bool| text.len() == length && text.bytes().all(|b| fits(&b));
    if let Some(rest) = text.strip_prefix("CVE-") {
        let is_one = rest.split_once('-').is_some_and(|(year, number)| {
            are(year, 4, u8::is_ascii_digit) && !number.is_empty() && are(number, number.len(), u8::is_ascii_digit)
        });
        return (!is_one).then_some("a CVE is a year and a number: `CVE-2024-3094`");
    }
    if let Some(rest) = text.strip_prefix("GHSA-") {
        let groups: Vec<&str> = rest.split('-').collect();
        let fits = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        let is_one = groups.len() == 3 && groups.iter().all(|group| are(group, 4, fits));
        return (!is_one).then_some("a GHSA has three groups of four digits or small letters: `GHSA-rxwq-x6h5-x525`");
    }
    if let Some(rest) = text.strip_prefix("RUSTSEC-") {
        let is_one = rest
            .split_once('-')
            .is_some_and(|(year, number)| are(year, 4, u8::is_ascii_digit) && are(number, 4, u8::is_ascii_digit));
        return (!is_one).then_some("a RUSTSEC is a year and four digits: `RUSTSEC-2021-0003`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_over_package_urls_are_spelt_as_these_are() {
        const OPENSSL: &str = "pkg:deb/debian/openssl@3.0.1-1?arch=amd64&distro=debian-12&upstream=ossl";
        let cases = [
            ("pkg:deb/debian/openssl", OPENSSL, true),
            ("pkg:deb/debian/openssl?arch=amd64", OPENSSL, true),
            ("pkg:deb/debian/openssl?distro=debian-12", OPENSSL, true),
            ("pkg:deb/debian/openssl?distro=debian-1?", OPENSSL, true),
            ("pkg:deb/debian/openssl?distro=debian-*", OPENSSL, true),
            ("pkg:deb/debian/openssl?upstream=ossl&arch=amd64", OPENSSL, true),
            ("pkg:deb/debian/openssl@*?arch=amd64", OPENSSL, true),
            ("pkg:deb/debian/openssl@3.0.1-1", OPENSSL, true),
            ("pkg:deb/debian/openssl@3.0.1-1?distro=debian-12", OPENSSL, true),
            ("pkg:deb/Debian/OpenSSL", OPENSSL, true),
            ("pkg:*/openssl", OPENSSL, true),
            ("pkg:deb/*?arch=amd64", OPENSSL, true),
            ("pkg:deb/debian/openss?", OPENSSL, true),
            ("pkg:deb/debian/openssl?arch=arm64", OPENSSL, false),
            ("pkg:deb/debian/openssl?arch=amd", OPENSSL, false),
            ("pkg:deb/debian/openssl?rch=amd64", OPENSSL, false),
            ("pkg:deb/debian/openssl@3.0.1", OPENSSL, false),
            ("pkg:deb/debian/openss", OPENSSL, false),
            ("pkg:deb/debian/openssl", "pkg:deb/debian/openssl-dev@1", false),
            ("pkg:deb/debian/openssl@1", "pkg:deb/debian/openssl@1-dev", false),
            ("pkg:deb/debian/libstdc++6", "pkg:deb/debian/libstdc%2B%2B6@14?arch=amd64", true),
            ("pkg:deb/debian/libstdc%2B%2B6", "pkg:deb/debian/libstdc%2B%2B6@14?arch=amd64", true),
            ("pkg:*/libstdc++6", "pkg:deb/debian/libstdc%2B%2B6@14?arch=amd64", true),
            ("pkg:deb/debian/bash@5.2-2+b1", "pkg:deb/debian/bash@5.2-2%2Bb1?arch=amd64", true),
            ("pkg:pypi/Django", "pkg:pypi/django@4.2", true),
            ("pkg:pypi/Flask_*@1.*", "pkg:pypi/flask-cors@1.2", true),
            ("pkg:maven/org.apache:log4j", "pkg:maven/org.apache/log4j@2.0", true),
            ("pkg:npm/%40babel/core", "pkg:npm/%40babel/core@7.0.0", true),
            ("pkg:npm/%4*", "pkg:npm/%40babel/core@7.0.0", true),
            ("pkg:cargo/Inflector", "pkg:cargo/Inflector@0.11", true),
            ("pkg:generic/a#b", "pkg:generic/a#b", true),
        ];
        for (pattern, text, expected) in cases {
            let glob = purl(pattern, 0..1).map_err(|wrong| wrong.message).expect(pattern);
            assert_eq!(glob.is_match(text), expected, "{pattern} on {text}");
            assert_eq!(glob.as_str(), pattern);
        }
        let five = "pkg:deb/debian/a?arch=a&b=1&c=2&d=3&e=4";
        let glob = purl(five, 0..1).map_err(|wrong| wrong.message).expect("a pattern");
        assert!(glob.is_match("pkg:deb/debian/a@1?arch=a&b=1&c=2&d=3&e=4"));
    }

    #[test]
    fn words_that_no_list_has_are_errors_that_name_the_nearest() {
        type Read = fn(&str) -> Result<(), Diagnostic>;
        let ecosystem: Read = |text| ecosystem(text, 0..1).map(drop);
        let platform: Read = |text| platform(text, 0..1).map(drop);
        let purl: Read = |text| purl(text, 0..1).map(drop);
        let licence: Read = |text| licence(text, 0..1).map(drop);
        let cases: &[(Read, &str, Option<&str>)] = &[
            (ecosystem, "deb", None),
            (ecosystem, "NPM", None),
            (ecosystem, "debian", Some("`deb`")),
            (ecosystem, "Python", Some("`pypi`")),
            (ecosystem, "gloang", Some("`golang`")),
            (ecosystem, "", Some("package URL")),
            (platform, "linux/amd64", None),
            (platform, "linux/amd64/v1", None),
            (platform, "linux/arm*", None),
            (platform, "*/arm64*", None),
            (platform, "*", None),
            (platform, "amd64", Some("`linux/amd64`")),
            (platform, "linux/amd46", Some("`linux/amd64`")),
            (platform, "linux", Some("system and architecture")),
            (purl, "pkg:npm/lodash@*", None),
            (purl, "pkg:*", None),
            (purl, "pkg:*/openssl@*", None),
            (purl, "p*", None),
            (purl, "*lodash*", None),
            (purl, "lodash", Some("begins with type")),
            (purl, "npm/*", Some("begins with type")),
            (purl, "pkg:debian/*", Some("`deb`")),
            (purl, "pkg:NPM/lodash@*", Some("`pkg:npm/…`")),
            (purl, "pkg:npm/@babel/core@*", Some("`%40`")),
            (purl, "pkg:npm/%40babel/core@*", None),
            (licence, "MIT", None),
            (licence, "mit", None),
            (licence, "MIT OR Apache-2.0", None),
            (licence, "(MIT AND GPL-2.0-only WITH Classpath-exception-2.0)", None),
            (licence, "LicenseRef-ours", None),
            (licence, "GPL*", None),
            (licence, "GPL3", Some("GPL-3.0-only")),
            (licence, "GPL-3", Some("GPL-3.0-or-later")),
            (licence, "GPL-3.0", Some("GPL-3.0-only")),
            (licence, "Apache", Some("Apache-2.0")),
            (licence, "MTI", Some("`MIT`")),
        ];
        for (read, text, expected) in cases {
            let said = read(text).err().map(|wrong| format!("{} {}", wrong.message, wrong.help.join(" ")));
            match (&said, expected) {
                (Some(said), Some(expected)) => assert!(said.contains(expected), "{text}: {said}"),
                (said, expected) => assert_eq!(said.is_some(), expected.is_some(), "{text}: {said:?}"),
            }
        }
        for (text, is_one) in [
            ("CVE-2024-3094", true),
            ("CVE-2024-1", true),
            ("CVE-2024-309A", false),
            ("CVE-24-3094", false),
            ("CVE-2024-", false),
            ("CVE-2024-x", false),
            ("CVE-202x-1", false),
            ("GHSA-rxwq-x6h5-x525", true),
            ("GHSA-xx", false),
            ("GHSA-RXWQ-X6H5-X525", false),
            ("RUSTSEC-2021-0003", true),
            ("RUSTSEC-20-1", false),
            ("GHSA-rxwq-x6h5-x525-1", false),
            ("DSA-1", true),
        ] {
            assert_eq!(wrong_flaw(text).is_none(), is_one, "{text}");
        }
        for (_, kind) in CALLED {
            assert!(purl_types().contains(kind), "{kind}");
        }
    }
}

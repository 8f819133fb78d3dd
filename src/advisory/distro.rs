//! Which advisories are about a distribution: its name as OSV records have it, and its releases.
//!
//! Sources: the ecosystems of the OSV schema ("affected[].package field"); os-release(5) of the distributions.

use std::collections::BTreeSet;

use crate::inventory::Distro;

/// What a distribution is called in advisories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The family, such as `Debian`.
    pub family: &'static str,
    /// Its releases as records have them, `12`; several where a release has several product names. Empty where the
    /// family has none.
    pub releases: Vec<String>,
    /// Releases whose fixes only customers can have.
    pub paid: Vec<String>,
    /// Which names of a package records have.
    pub names: Names,
    /// What a reader must know of the choice.
    pub note: Option<&'static str>,
}

/// The family of a distribution, whatever its release; `None` where no feed is known to be about it.
pub fn family(distro: &Distro) -> Option<&'static str> {
    let coverage = coverage(distro, &BTreeSet::new(), &BTreeSet::new());
    // which release stands for edge, only the data tell
    coverage.map(|coverage| coverage.family).or((distro.id == "alpine").then_some("Alpine"))
}

/// Which names of a package a family's records have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Names {
    /// Those of source packages.
    #[default]
    Source,
    /// Those of source packages and of binary ones.
    Both,
}

/// Says what a distribution is called in advisories; `None` where no feed is known to be about it.
///
/// `repositories` are the names of Red Hat's repositories that an image was built from, `known` the releases there
/// are records for.
pub fn coverage(distro: &Distro, repositories: &BTreeSet<String>, known: &BTreeSet<String>) -> Option<Coverage> {
    let version = distro.version_id.as_str();
    let major = version.split('.').next().unwrap_or_default();
    let one = |family, release: String| Coverage { family, releases: vec![release], ..Coverage::default() };
    let rpm = |family, release: String| Coverage { names: Names::Both, ..one(family, release) };
    Some(match distro.id.as_str() {
        "debian" if !version.is_empty() => one("Debian", major.to_owned()),
        // testing and unstable say no version
        "debian" => Coverage { note: Some("testing and unstable"), ..one("Debian", "sid".to_owned()) },
        "ubuntu" => {
            let release = ubuntu_release(version);
            Coverage { paid: vec![format!("Pro:{release}")], ..one("Ubuntu", release) }
        }
        "alpine" => alpine(version, known)?,
        "wolfi" => {
            Coverage { family: "Wolfi", releases: vec![String::new()], names: Names::Both, ..Coverage::default() }
        }
        "chainguard" => {
            Coverage { family: "Chainguard", releases: vec![String::new()], names: Names::Both, ..Coverage::default() }
        }
        "minimos" => {
            Coverage { family: "MinimOS", releases: vec![String::new()], names: Names::Both, ..Coverage::default() }
        }
        "rhel" => red_hat(version, repositories, known),
        "centos" if distro.name.contains("Stream") => return None,
        "centos" => Coverage {
            note: Some("CentOS is judged by Red Hat's advisories, whose builds it repeats"),
            ..red_hat(major, repositories, known)
        },
        "almalinux" => rpm("AlmaLinux", major.to_owned()),
        "rocky" => rpm("Rocky Linux", major.to_owned()),
        "ol" => rpm("Oracle Linux", major.to_owned()),
        "amzn" => rpm("Amazon Linux", version.to_owned()),
        "sles" | "sled" | "sles_sap" | "sle_hpc" | "sle-micro" | "sl-micro" => {
            let product = distro.name.strip_prefix("SUSE ").unwrap_or(&distro.name).trim();
            Coverage { releases: suse_products(product, known), ..rpm("SUSE", String::new()) }
        }
        "opensuse-leap" => rpm("openSUSE", format!("Leap {version}")),
        "opensuse-tumbleweed" => rpm("openSUSE", "Tumbleweed".to_owned()),
        "azurelinux" | "mariner" => {
            Coverage { releases: both_forms(version, major), ..rpm("Azure Linux", String::new()) }
        }
        "photon" => Coverage { releases: both_forms(version, major), ..rpm("Photon OS", String::new()) },
        "mageia" => rpm("Mageia", major.to_owned()),
        "openEuler" | "openeuler" => rpm("openEuler", open_euler(&distro.name, version)),
        "alpaquita" => {
            let release = if version.is_empty() { "stream" } else { version };
            Coverage { names: Names::Both, ..one("Alpaquita", release.to_owned()) }
        }
        "bellsoft-hardened-containers" => {
            Coverage { names: Names::Both, ..one("BellSoft Hardened Containers", version.to_owned()) }
        }
        "echo" => Coverage { family: "Echo", releases: vec![String::new()], ..Coverage::default() },
        _ => return None,
    })
}

/// `22.04:LTS` of `22.04`: each April of an even year.
fn ubuntu_release(version: &str) -> String {
    let version: String = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let is_lts = version
        .split_once('.')
        .is_some_and(|(year, month)| month == "04" && year.parse::<u32>().is_ok_and(|year| year % 2 == 0 && year > 5));
    if is_lts { format!("{version}:LTS") } else { version }
}

/// `v3.19` of `3.19.1`. Edge is judged by the newest release there are records for, where no feed has edge itself.
fn alpine(version: &str, known: &BTreeSet<String>) -> Option<Coverage> {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_edge = version.contains("_alpha") || version.contains("_git") || version == "edge";
    let release = format!("v{major}.{minor}");
    if is_number(major) && is_number(minor) && !is_edge {
        return Some(Coverage { family: "Alpine", releases: vec![release], ..Coverage::default() });
    }
    if known.contains("edge") {
        return Some(Coverage { family: "Alpine", releases: vec!["edge".to_owned()], ..Coverage::default() });
    }
    let number = |release: &str| -> Option<(u32, u32)> {
        let (major, minor) = release.strip_prefix('v')?.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let newest = known.iter().filter_map(|release| Some((number(release)?, release))).max()?.1;
    Some(Coverage {
        family: "Alpine",
        releases: vec![newest.clone()],
        note: Some("edge is judged by the newest release there are advisories for"),
        ..Coverage::default()
    })
}

/// The product names whose records hold: those of the repositories the image was built from, else the two of which
/// every image of the release is made. Records of extended support (AUS, E4S, EUS, TUS) hold only for an image that
/// was built from those.
fn red_hat(version: &str, repositories: &BTreeSet<String>, known: &BTreeSet<String>) -> Coverage {
    let major = version.split('.').next().unwrap_or_default();
    let mut releases: BTreeSet<String> = BTreeSet::new();
    for repository in repositories {
        releases.extend(red_hat_product(repository, version));
    }
    // where what is not mended stands
    let product = format!("enterprise_linux:{major}");
    let variants: &[&str] = match major {
        "5" | "6" | "7" => &["server", "workstation", "client", "computenode"],
        _ => &["baseos", "appstream", "crb"],
    };
    // what the image says of itself chooses between streams of a variant, and never leaves out a variant
    for variant in variants {
        let end = format!("::{variant}");
        if !releases.iter().any(|release| release.ends_with(&end)) {
            releases.insert(format!("{product}{end}"));
        }
    }
    releases.insert(product.clone());
    releases.extend(extended(version, major, &releases, known));
    // records name a minor release where there is one; they hold for the whole of the major one
    let minor = format!("enterprise_linux:{major}.");
    releases.extend(
        known
            .iter()
            .filter(|release| release.starts_with(&minor))
            .filter(|release| match release.split_once("::") {
                Some((_, variant)) => releases.contains(&format!("{product}::{variant}")),
                None => true,
            })
            .cloned()
            .collect::<Vec<_>>(),
    );
    Coverage { family: "Red Hat", releases: releases.into_iter().collect(), names: Names::Both, ..Coverage::default() }
}

/// The products of extended support that hold for an image besides those of its repositories, of those there are
/// records for.
///
/// What is not mended stands for the support as a whole, `rhel_eus:9.4`. The newest minor release has its fixes there
/// from the first day on; and those of a major one that is past its time stand nowhere else.
fn extended(version: &str, major: &str, releases: &BTreeSet<String>, known: &BTreeSet<String>) -> Vec<String> {
    let minor_of = |release: &str| {
        let rest = release.strip_prefix("rhel_eus:").or_else(|| release.strip_prefix("enterprise_linux_eus:"))?;
        let (of, rest) = rest.split_once('.')?;
        rest.split(':').next()?.parse::<u32>().ok().filter(|_| of == major)
    };
    let own: BTreeSet<&str> = releases
        .iter()
        .filter(|release| release.starts_with("rhel_"))
        .filter_map(|release| release.split("::").next())
        .collect();
    let newest = known.iter().filter_map(|release| minor_of(release)).max();
    let is_newest = own.is_empty() && newest.is_some_and(|newest| version == format!("{major}.{newest}"));
    let els = format!("rhel_els:{major}");
    let is_ours = |release: &&String| {
        let (whole, variant) = release.split_once("::").unwrap_or((release, ""));
        let eus = whole.strip_prefix("enterprise_linux_eus:").map(|version| format!("rhel_eus:{version}"));
        (variant.is_empty() && (own.contains(whole) || eus.is_some_and(|eus| own.contains(eus.as_str()))))
            || (is_newest && minor_of(release) == newest && matches!(variant, "" | "baseos" | "appstream" | "crb"))
            || whole == els
    };
    known.iter().filter(is_ours).cloned().collect()
}

/// `enterprise_linux:9::baseos` of `rhel-9-for-x86_64-baseos-rpms`, `rhel_eus:9.2::baseos` of
/// `rhel-9-for-x86_64-baseos-eus-rpms`; nothing for sources, debug symbols and layered products.
fn red_hat_product(repository: &str, version: &str) -> Option<String> {
    let (name, minor) = repository.split_once("__").unwrap_or((repository, ""));
    let minor = minor.replace("_DOT_", ".");
    let version = if minor.is_empty() { version } else { &minor };
    let name = name.strip_suffix("-rpms")?;
    let rest = name.strip_prefix("rhel-").or_else(|| name.strip_prefix("ubi-"))?;
    let (major, rest) = rest.split_once('-').unwrap_or((rest, ""));
    let major = major.split('.').next().unwrap_or_default();
    if major.is_empty() || !major.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let words: Vec<&str> = rest.split('-').collect();
    if words.contains(&"source") || words.contains(&"debug") {
        return None;
    }
    let variant = words.iter().find_map(|word| match *word {
        "baseos" => Some("baseos"),
        "appstream" => Some("appstream"),
        "codeready" | "crb" => Some("crb"),
        "highavailability" => Some("highavailability"),
        "server" => Some("server"),
        "workstation" => Some("workstation"),
        _ => None,
    })?;
    let stream = ["eus", "aus", "e4s", "tus"].into_iter().find(|stream| words.contains(stream));
    Some(match stream {
        Some(stream) => format!("rhel_{stream}:{version}::{variant}"),
        None => format!("enterprise_linux:{major}::{variant}"),
    })
}

/// The product itself and the modules of the same release, from which images of it are made.
fn suse_products(product: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut products = vec![product.to_owned()];
    let release = product.split(' ').skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let release: Vec<&str> = release.collect();
    if !release.is_empty() {
        let end = format!(" {}", release.join(" "));
        let is_of_release = |name: &&String| name.contains("Module") && name.ends_with(&end);
        products.extend(known.iter().filter(is_of_release).cloned());
    }
    products
}

/// Records have been seen with the whole version and with its first part.
fn both_forms(version: &str, major: &str) -> Vec<String> {
    let mut forms = vec![major.to_owned()];
    if version != major {
        forms.push(version.to_owned());
    }
    forms
}

/// `22.03-LTS-SP3` of `openEuler 22.03 (LTS-SP3)`.
fn open_euler(name: &str, version: &str) -> String {
    let extra = name.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(extra, _)| extra.trim());
    extra.map_or_else(|| version.to_owned(), |extra| format!("{version}-{}", extra.replace(' ', "-")))
}

/// The family of a language's packages, by careen's name of the kind.
pub fn language_family(ecosystem: &str) -> Option<&'static str> {
    FAMILIES.iter().find(|(id, _)| *id == ecosystem).map(|(_, family)| *family)
}

/// The families of languages, sorted by careen's name of the kind.
pub fn language_families() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(_, family)| *family)
}

const FAMILIES: &[(&str, &str)] = &[
    ("bitnami", "Bitnami"),
    ("cargo", super::name::CRATES),
    ("composer", "Packagist"),
    ("gem", "RubyGems"),
    ("github", "GitHub Actions"),
    ("golang", "Go"),
    ("hex", "Hex"),
    ("julia", "Julia"),
    ("maven", "Maven"),
    ("npm", "npm"),
    ("nuget", "NuGet"),
    ("pub", "Pub"),
    ("pypi", "PyPI"),
    ("swift", "SwiftURL"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(releases: &[&str]) -> BTreeSet<String> {
        releases.iter().map(|release| (*release).to_owned()).collect()
    }

    #[test]
    fn distributions_have_the_names_that_records_use() {
        let cases: &[(&str, &str, &str, &[&str], &str)] = &[
            ("debian", "12", "Debian GNU/Linux 12 (bookworm)", &[], "Debian:12"),
            ("debian", "", "Debian GNU/Linux trixie/sid", &[], "Debian:sid"),
            ("ubuntu", "22.04", "Ubuntu 22.04.4 LTS", &[], "Ubuntu:22.04:LTS"),
            ("ubuntu", "24.10", "Ubuntu 24.10", &[], "Ubuntu:24.10"),
            ("ubuntu", "23.04", "Ubuntu 23.04", &[], "Ubuntu:23.04"),
            ("alpine", "3.19.1", "Alpine Linux v3.19", &[], "Alpine:v3.19"),
            ("alpine", "3.23.0_alpha20260101", "Alpine Linux edge", &["v3.9", "v3.22"], "Alpine:v3.22"),
            ("alpine", "3.23.0_alpha20260101", "Alpine Linux edge", &["v3.22", "edge"], "Alpine:edge"),
            ("wolfi", "20230201", "Wolfi", &[], "Wolfi"),
            ("almalinux", "9.4", "AlmaLinux 9.4", &[], "AlmaLinux:9"),
            ("rocky", "8.9", "Rocky Linux 8.9", &[], "Rocky Linux:8"),
            ("amzn", "2023", "Amazon Linux 2023", &[], "Amazon Linux:2023"),
            ("ol", "9.3", "Oracle Linux Server 9.3", &[], "Oracle Linux:9"),
            (
                "rhel",
                "9.4",
                "Red Hat Enterprise Linux 9.4",
                &["enterprise_linux:9.2::baseos", "rhel_eus:9.2::baseos"],
                "Red Hat:enterprise_linux:9 enterprise_linux:9.2::baseos enterprise_linux:9::appstream \
                 enterprise_linux:9::baseos enterprise_linux:9::crb",
            ),
            (
                "sles",
                "15.5",
                "SUSE Linux Enterprise Server 15 SP5",
                &["Linux Enterprise Module for Basesystem 15 SP5", "Linux Enterprise Module for Basesystem 15 SP4"],
                "SUSE:Linux Enterprise Server 15 SP5 Linux Enterprise Module for Basesystem 15 SP5",
            ),
            ("opensuse-leap", "15.6", "openSUSE Leap 15.6", &[], "openSUSE:Leap 15.6"),
            ("azurelinux", "3.0", "Microsoft Azure Linux 3.0", &[], "Azure Linux:3 3.0"),
            ("openEuler", "22.03", "openEuler 22.03 (LTS-SP3)", &[], "openEuler:22.03-LTS-SP3"),
            ("kali", "2024.1", "Kali GNU/Linux Rolling", &[], ""),
            ("centos", "9", "CentOS Stream 9", &[], ""),
        ];
        for (id, version, name, releases, expected) in cases {
            let distro =
                Distro { id: (*id).into(), version_id: (*version).into(), name: (*name).into(), ..Distro::default() };
            let coverage = coverage(&distro, &BTreeSet::new(), &known(releases));
            let found = coverage.map_or_else(String::new, |coverage| {
                let releases = coverage.releases.join(" ");
                if releases.is_empty() { coverage.family.to_owned() } else { format!("{}:{releases}", coverage.family) }
            });
            assert_eq!(found, *expected, "{name}");
        }
    }

    #[test]
    fn an_image_of_extended_support_is_judged_by_its_own_stream() {
        let distro = Distro { id: "rhel".into(), version_id: "8.6".into(), ..Distro::default() };
        let repositories = known(&[
            "rhel-8-for-x86_64-baseos-eus-rpms__8_DOT_6",
            "rhel-8-for-x86_64-appstream-eus-rpms__8_DOT_4",
            "rhel-8-for-x86_64-baseos-eus-source-rpms",
        ]);
        let releases = coverage(&distro, &repositories, &BTreeSet::new()).expect("is covered").releases;
        let expected =
            ["enterprise_linux:8", "enterprise_linux:8::crb", "rhel_eus:8.4::appstream", "rhel_eus:8.6::baseos"];
        assert_eq!(releases, expected);
        let repositories =
            known(&["rhel-8-for-x86_64-baseos-rpms", "rhel-8-for-aarch64-appstream-rpms", "ansible-2-rpms"]);
        let releases = coverage(&distro, &repositories, &BTreeSet::new()).expect("is covered").releases;
        let expected = [
            "enterprise_linux:8",
            "enterprise_linux:8::appstream",
            "enterprise_linux:8::baseos",
            "enterprise_linux:8::crb",
        ];
        assert_eq!(releases, expected);
        let streams = known(&[
            "rhel_eus:9.6",
            "rhel_eus:9.8",
            "rhel_eus:9.8::appstream",
            "rhel_eus:8.6",
            "enterprise_linux_eus:10.2",
            "rhel_els:7",
        ]);
        let cases: [(&str, &[&str], &[&str]); 5] = [
            ("9.8", &[], &["rhel_eus:9.8", "rhel_eus:9.8::appstream"]),
            ("9.6", &[], &[]),
            ("9.6", &["rhel-9-for-x86_64-baseos-eus-rpms"], &["rhel_eus:9.6", "rhel_eus:9.6::baseos"]),
            ("10.2", &["rhel-10-for-x86_64-baseos-eus-rpms"], &["enterprise_linux_eus:10.2", "rhel_eus:10.2::baseos"]),
            ("7.9", &[], &["rhel_els:7"]),
        ];
        for (version, repositories, expected) in cases {
            let distro = Distro { id: "rhel".into(), version_id: version.into(), ..Distro::default() };
            let releases = coverage(&distro, &known(repositories), &streams).expect("is covered").releases;
            let extended: Vec<_> =
                releases.iter().filter(|release| !release.starts_with("enterprise_linux:")).collect();
            assert_eq!(extended, expected, "{version} {repositories:?}");
        }
        let known = known(&["enterprise_linux:10.0", "enterprise_linux:9.0"]);
        let distro = Distro { id: "rhel".into(), version_id: "10.1".into(), ..Distro::default() };
        let releases = coverage(&distro, &BTreeSet::new(), &known).expect("is covered").releases;
        assert!(releases.contains(&"enterprise_linux:10.0".to_owned()), "{releases:?}");
        assert!(!releases.contains(&"enterprise_linux:9.0".to_owned()), "{releases:?}");
    }
}

//! The distribution that a bill of materials names, spelt as os-release(5) spells it.
//!
//! Sources: the `distro` qualifier of purl-spec's types for `apk`, `deb` and `rpm`; what Trivy and Syft write for their
//! operating-system components; `/etc/os-release` of the distributions.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::inventory::Distro;

/// What programs call a distribution whose os-release has another `ID`.
const ALIASES: &[(&str, &str)] = &[
    ("alma", "almalinux"),
    ("amazon", "amzn"),
    ("amazonlinux", "amzn"),
    ("azure", "azurelinux"),
    ("cbl-mariner", "mariner"),
    ("openeuler", "openEuler"),
    ("opensuse.leap", "opensuse-leap"),
    ("opensuse.tumbleweed", "opensuse-tumbleweed"),
    ("oracle", "ol"),
    ("oraclelinux", "ol"),
    ("redhat", "rhel"),
    ("rockylinux", "rocky"),
    ("slem", "sle-micro"),
    ("suse linux enterprise micro", "sle-micro"),
    ("suse linux enterprise server", "sles"),
];

/// `ID`s with a sign in them that otherwise begins the release.
const SIGNED: &[&str] =
    &["bellsoft-hardened-containers", "opensuse-tumbleweed", "opensuse-leap", "sl-micro", "sle-micro"];

/// Products of SUSE by `ID`, as their `PRETTY_NAME` begins.
const SUSE: &[(&str, &str)] = &[
    ("sled", "SUSE Linux Enterprise Desktop"),
    ("sles", "SUSE Linux Enterprise Server"),
    ("sles_sap", "SUSE Linux Enterprise Server for SAP Applications"),
    ("sle_hpc", "SUSE Linux Enterprise High Performance Computing"),
    ("sle-micro", "SUSE Linux Enterprise Micro"),
    ("sl-micro", "SUSE Linux Micro"),
];

/// What the qualifier `distro` of a purl says: `debian-12`. What has no number yet goes by its name.
pub(super) fn of_qualifier(text: &str) -> Option<Distro> {
    let text = text.trim();
    let parts =
        text.match_indices('-').filter_map(|(at, _)| Some((text.get(..at)?, text.get(at..)?.strip_prefix('-')?)));
    let mut numbered = parts.filter(|(_, release)| release.starts_with(|sign: char| sign.is_ascii_digit()));
    let (id, release) = match numbered.next() {
        Some(parts) => parts,
        None if SIGNED.contains(&text) => (text, ""),
        None => text.rsplit_once('-').unwrap_or((text, "")),
    };
    if id.is_empty() {
        return None;
    }
    if release.starts_with(|sign: char| sign.is_ascii_digit()) {
        return Some(distro(id, release, ""));
    }
    let name = format!("{id} {release}").trim_end().to_owned();
    Some(Distro { codename: release.to_owned(), ..distro(id, "", &name) })
}

/// A distribution by what a document calls it, its release, and the name for people, which may be empty.
pub(super) fn distro(id: &str, release: &str, name: &str) -> Distro {
    let lower = id.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(other, _)| *other == lower).map(|(_, id)| *id);
    let id = alias.map_or_else(|| id.to_owned(), str::to_owned);
    let (version_id, shown) = match &*id {
        // `2023.6.20241010 (Amazon Linux)`, `2 (Karoo)`; of the first one the releases are those of images
        "amzn" => {
            let number = release.split(' ').next().unwrap_or_default();
            let major = number.split('.').next().unwrap_or_default();
            let is_rolling = major.parse::<u32>().is_ok_and(|major| major >= 2022);
            (if is_rolling { major } else { number }.to_owned(), String::new())
        }
        "openEuler" => open_euler(release),
        _ => (suse(&id, release), String::new()),
    };
    let product = SUSE.iter().find(|(known, _)| *known == id).map(|(_, product)| *product);
    let name = match (name, product) {
        ("", _) if !shown.is_empty() => shown,
        ("", Some(product)) if !version_id.is_empty() => format!("{product} {}", in_words(&id, &version_id)),
        ("", None) if !version_id.is_empty() => format!("{id} {version_id}"),
        ("", product) => product.unwrap_or(&id).to_owned(),
        (name, _) => name.to_owned(),
    };
    Distro { id, version_id, name, ..Distro::default() }
}

/// `15.5` of `15-SP5` and `15 SP5`.
fn suse(id: &str, release: &str) -> String {
    let is_suse = SUSE.iter().any(|(known, _)| *known == id);
    match release.split_once(['-', ' ', '.']) {
        Some((major, pack)) if is_suse && pack.starts_with("SP") => {
            format!("{major}.{}", pack.trim_start_matches("SP"))
        }
        _ => release.to_owned(),
    }
}

/// `15 SP5` of `15.5`, as SUSE calls the releases whose updates come in packs.
fn in_words(id: &str, version: &str) -> String {
    match version.split_once('.') {
        Some((major, "0")) if !id.ends_with("micro") => major.to_owned(),
        Some((major, pack)) if !id.ends_with("micro") && matches!(major, "11" | "12" | "15") => {
            format!("{major} SP{pack}")
        }
        _ => version.to_owned(),
    }
}

/// `22.03`, and `openEuler 22.03 (LTS-SP3)`, of `22.03-LTS-SP3` or `22.03 (LTS-SP3)`.
fn open_euler(release: &str) -> (String, String) {
    match release.split_once(['-', ' ', '(']) {
        Some((number, extra)) => {
            let extra = extra.trim_matches(['(', ')', ' ']);
            (number.to_owned(), format!("openEuler {number} ({extra})"))
        }
        None => (release.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_are_what_os_release_says() {
        let cases = [
            ("debian-12", "debian 12 debian 12"),
            ("debian-11.11", "debian 11.11 debian 11.11"),
            ("debian-forky", "debian  debian forky"),
            ("ubuntu-22.04", "ubuntu 22.04 ubuntu 22.04"),
            ("alpine-3.19.1", "alpine 3.19.1 alpine 3.19.1"),
            ("rhel-9.4", "rhel 9.4 rhel 9.4"),
            ("redhat-9.4", "rhel 9.4 rhel 9.4"),
            ("oracle-9.3", "ol 9.3 ol 9.3"),
            ("alma-9.4", "almalinux 9.4 almalinux 9.4"),
            ("amazon-2", "amzn 2 amzn 2"),
            ("amzn-2018.03", "amzn 2018.03 amzn 2018.03"),
            ("amzn-2023.6.20241010", "amzn 2023 amzn 2023"),
            ("opensuse-leap-15.6", "opensuse-leap 15.6 opensuse-leap 15.6"),
            ("opensuse-tumbleweed-20240101", "opensuse-tumbleweed 20240101 opensuse-tumbleweed 20240101"),
            ("opensuse-tumbleweed", "opensuse-tumbleweed  opensuse-tumbleweed"),
            ("sles-15.5", "sles 15.5 SUSE Linux Enterprise Server 15 SP5"),
            ("sles-15-SP5", "sles 15.5 SUSE Linux Enterprise Server 15 SP5"),
            ("sles-15", "sles 15 SUSE Linux Enterprise Server 15"),
            ("sle-micro-5.5", "sle-micro 5.5 SUSE Linux Enterprise Micro 5.5"),
            ("openEuler-22.03", "openEuler 22.03 openEuler 22.03"),
            ("openEuler-22.03-LTS-SP3", "openEuler 22.03 openEuler 22.03 (LTS-SP3)"),
            ("cbl-mariner-2.0", "mariner 2.0 mariner 2.0"),
            ("azurelinux-3.0", "azurelinux 3.0 azurelinux 3.0"),
            ("wolfi-20230201", "wolfi 20230201 wolfi 20230201"),
            ("wolfi", "wolfi  wolfi"),
        ];
        for (text, expected) in cases {
            let found = of_qualifier(text).expect("it names one");
            assert_eq!(format!("{} {} {}", found.id, found.version_id, found.name), expected, "{text}");
        }
        for none in ["", "-", "-12", " "] {
            assert_eq!(of_qualifier(none).map(|distro| distro.id), None, "{none:?}");
        }
    }

    #[test]
    fn components_are_what_os_release_says() {
        let cases = [
            (("amazon", "2 (Karoo)", ""), "amzn 2 amzn 2"),
            (("amazon", "2023.6.20241010 (Amazon Linux)", ""), "amzn 2023 amzn 2023"),
            (("suse linux enterprise server", "15.5", ""), "sles 15.5 SUSE Linux Enterprise Server 15 SP5"),
            (("sles", "15.5", "SUSE Linux Enterprise Server 15 SP5"), "sles 15.5 SUSE Linux Enterprise Server 15 SP5"),
            (("opensuse.leap", "15.6", ""), "opensuse-leap 15.6 opensuse-leap 15.6"),
            (("openEuler", "22.03", "openEuler 22.03 (LTS-SP3)"), "openEuler 22.03 openEuler 22.03 (LTS-SP3)"),
            (("debian", "", ""), "debian  debian"),
            (("debian", "12", "Debian GNU/Linux 12"), "debian 12 Debian GNU/Linux 12"),
        ];
        for ((id, release, name), expected) in cases {
            let found = distro(id, release, name);
            assert_eq!(format!("{} {} {}", found.id, found.version_id, found.name), expected, "{id} {release}");
        }
    }
}

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::advisory::osv;
use crate::advisory::store::{Entry, Writer};
use crate::image::Platform;
use crate::inventory::{Distro, Ecosystem, PackageLocation};
use crate::path::ImagePath;
use crate::rule::Severity;
use crate::time::Timestamp;
use crate::tree::Node;

static DEB: Ecosystem = Ecosystem { id: "deb", purl_type: "deb", is_system: true };
static RPM: Ecosystem = Ecosystem { id: "rpm", purl_type: "rpm", is_system: true };
static APK: Ecosystem = Ecosystem { id: "apk", purl_type: "apk", is_system: true };
static PYPI: Ecosystem = Ecosystem { id: "pypi", purl_type: "pypi", is_system: false };
static NPM: Ecosystem = Ecosystem { id: "npm", purl_type: "npm", is_system: false };
static GO: Ecosystem = Ecosystem { id: "golang", purl_type: "golang", is_system: false };
static CARGO: Ecosystem = Ecosystem { id: "cargo", purl_type: "cargo", is_system: false };
static CONDA: Ecosystem = Ecosystem { id: "conda", purl_type: "conda", is_system: true };

/// Data in a folder that goes with it.
struct Data(tempfile::TempDir);

impl Data {
    fn new(records: &[Value]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut families: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in records {
            for affected in record["affected"].as_array().expect("is a list") {
                let (family, _) = name::split(affected["package"]["ecosystem"].as_str().expect("is a name"));
                families.entry(family.to_owned()).or_default().push(record.clone());
            }
        }
        let mut writer = Writer::open(folder.path(), Duration::ZERO, &mut || {}).expect("opens");
        for (family, records) in families {
            let mut builder = crate::advisory::store::Builder::new(&family);
            for record in records {
                builder.add(osv::of_value(&record).expect("reads"));
            }
            writer.put(&format!("osv/{family}"), builder, Entry::default()).expect("writes");
        }
        writer.commit().expect("commits");
        Self(folder)
    }

    fn flaws(&self, inventory: &Inventory) -> Flaws {
        flaws(inventory, &Catalogue::open(self.0.path()).expect("opens")).expect("matches")
    }

    /// `package name: flaw -> fixed`, sorted.
    fn shown(&self, inventory: &Inventory) -> Vec<String> {
        let found = self.flaws(inventory);
        let show = |flaw: &Flaw| {
            let package = &inventory.packages[flaw.package as usize];
            let fixed = flaw.about.fixed.as_deref().unwrap_or("none");
            let terms = flaw.about.terms.as_ref().map(|terms| format!(" ({terms})")).unwrap_or_default();
            format!("{}: {} -> {fixed}{terms}", package.name, flaw.about.group.name)
        };
        let mut shown: Vec<String> = found.flaws.iter().map(show).collect();
        shown.sort();
        shown
    }
}

fn affected(ecosystem: &str, name: &str, events: &[(&str, &str)]) -> Value {
    let events: Vec<Value> = events.iter().map(|(kind, version)| json!({ *kind: version })).collect();
    json!({ "package": { "ecosystem": ecosystem, "name": name }, "ranges": [{ "type": "ECOSYSTEM", "events": events }] })
}

fn fixed(ecosystem: &str, name: &str, version: &str) -> Value {
    affected(ecosystem, name, &[("introduced", "0"), ("fixed", version)])
}

fn open(ecosystem: &str, name: &str) -> Value {
    affected(ecosystem, name, &[("introduced", "0")])
}

#[expect(clippy::needless_pass_by_value, reason = "the calls read better")]
fn record(id: &str, affected: Value) -> Value {
    json!({ "id": id, "modified": "2026-01-01T00:00:00Z", "affected": [affected] })
}

/// `record` with further fields.
fn with(mut record: Value, fields: Value) -> Value {
    let (Some(record_fields), Value::Object(fields)) = (record.as_object_mut(), fields) else { panic!("an object") };
    record_fields.extend(fields);
    record
}

fn package(ecosystem: &'static Ecosystem, name: &str, version: &str) -> Package {
    let path = ImagePath::from("some/file");
    let location = PackageLocation { path, node: Node { layer: 0, member: 0 }, added_by: 0, inside: None };
    let purl = format!("pkg:{}/{name}@{version}", ecosystem.purl_type);
    Package::new(ecosystem, name, version, &purl, location)
}

fn from(mut package: Package, source: &str, version: &str) -> Package {
    package.source = Some((source.into(), version.into()));
    package
}

fn image(id: &str, version: &str, packages: Vec<Package>) -> Inventory {
    let distro =
        Distro { id: id.into(), version_id: version.into(), name: format!("{id} {version}"), ..Distro::default() };
    Inventory { distro: Some(distro), packages, ..Inventory::default() }
}

#[test]
fn packages_of_debian_are_judged_by_source_and_its_version() {
    let data = Data::new(&[
        record("DEBIAN-CVE-2026-1", fixed("Debian:12", "openssl", "3.0.11-1~deb12u2")),
        record("DEBIAN-CVE-2026-2", fixed("Debian:11", "openssl", "9.0")),
        record("DEBIAN-CVE-2026-3", fixed("Debian:12", "libssl3", "9.0")),
        record("DEBIAN-CVE-2026-4", open("Debian:12", "openssl")),
        with(record("DEBIAN-CVE-2026-5", open("Debian:12", "openssl")), json!({ "withdrawn": "2026-01-02T00:00:00Z" })),
        // a rebuild of the binary package is no newer source
        record("DEBIAN-CVE-2026-6", fixed("Debian:12", "tool", "1.0-1+b1")),
    ]);
    let image = image(
        "debian",
        "12",
        vec![
            from(package(&DEB, "libssl3", "3.0.11-1~deb12u1"), "openssl", "3.0.11-1~deb12u1"),
            from(package(&DEB, "openssl", "3.0.11-1~deb12u1"), "openssl", "3.0.11-1~deb12u1"),
            from(package(&DEB, "tool-bin", "1.0-1+b1"), "tool", "1.0-1"),
        ],
    );
    let expected = [
        "libssl3: CVE-2026-1 -> 3.0.11-1~deb12u2",
        "libssl3: CVE-2026-4 -> none",
        "openssl: CVE-2026-1 -> 3.0.11-1~deb12u2",
        "openssl: CVE-2026-4 -> none",
        "tool-bin: CVE-2026-6 -> 1.0-1+b1",
    ];
    assert_eq!(data.shown(&image), expected);
}

#[test]
fn what_there_are_no_data_for_is_told_and_never_clear() {
    let data = Data::new(&[record("DEBIAN-CVE-2026-1", fixed("Debian:12", "openssl", "2"))]);
    let both = || vec![package(&DEB, "openssl", "1"), package(&NPM, "left-pad", "1.0.0")];
    let cases = [
        (image("debian", "12", both()), vec![("npm", 1)]),
        (image("debian", "99", both()), vec![("Debian:99", 1), ("npm", 1)]),
        (image("debian", "", both()), vec![("Debian:sid", 1), ("npm", 1)]),
        (image("alpine", "3.20.1", vec![package(&APK, "musl", "1-r0")]), vec![("Alpine:v3.20", 1)]),
        (image("alpine", "edge", vec![package(&APK, "musl", "1-r0")]), vec![("alpine edge", 1)]),
        (image("kali", "2026.1", both()), vec![("kali 2026.1", 1), ("npm", 1)]),
        (
            Inventory { packages: both(), ..Inventory::default() },
            vec![("npm", 1), ("packages of kind deb without a distribution", 1)],
        ),
    ];
    for (image, expected) in cases {
        let missing = data.flaws(&image).missing;
        let missing: Vec<(&str, usize)> = missing.iter().map(|(what, count)| (what.as_str(), *count)).collect();
        assert_eq!(missing, expected, "{:?}", image.distro);
    }
    let conda = Inventory { packages: vec![package(&CONDA, "numpy", "1")], ..Inventory::default() };
    assert_eq!(data.flaws(&conda).without_feed, BTreeMap::from([("conda", 1)]));
}

#[test]
fn data_that_no_package_was_compared_with_have_no_age() {
    let data = Data::new(&[record("DEBIAN-CVE-2026-1", fixed("Debian:12", "openssl", "2"))]);
    let alone = |package: Package| Inventory { packages: vec![package], ..Inventory::default() };
    let both = vec![package(&DEB, "openssl", "1"), package(&NPM, "left-pad", "1.0.0")];
    let cases = [
        ("nothing to compare", Inventory::default(), true),
        ("one of two", image("debian", "12", both.clone()), true),
        ("a release without data", image("debian", "99", both), false),
        ("a language without data", alone(package(&NPM, "left-pad", "1.0.0")), false),
        ("a kind without a feed", alone(package(&CONDA, "numpy", "1")), false),
    ];
    let catalogue = Catalogue::open(data.0.path()).expect("opens");
    for (name, image, expected) in cases {
        let age = crate::advisory::finding::oldest(&data.flaws(&image), &catalogue, Timestamp::from_unix(0));
        assert_eq!(age.is_some(), expected, "{name}");
    }
}

#[test]
fn versions_that_are_not_understood_are_listed() {
    let data = Data::new(&[
        with(record("GHSA-a", fixed("PyPI", "tool", "2.0")), json!({})),
        record("GHSA-b", json!({ "package": { "ecosystem": "PyPI", "name": "odd" }, "versions": ["not a version"] })),
    ]);
    let image = Inventory {
        packages: vec![
            package(&PYPI, "tool", "not a version"),
            package(&PYPI, "odd", "not a version"),
            package(&PYPI, "unknown", "not a version"),
        ],
        ..Inventory::default()
    };
    let found = data.flaws(&image);
    let [unmatched] = found.unmatched.as_slice() else { panic!("{found:?}") };
    assert_eq!((unmatched.package, unmatched.records.as_slice()), (0, &["GHSA-a".to_owned()][..]));
    assert_eq!(data.shown(&image), ["odd: GHSA-b -> none"]);
}

#[test]
fn the_distribution_judges_what_its_packages_own_if_it_tells_of_all_flaws() {
    let records = [
        record("GHSA-a", fixed("PyPI", "requests", "2.31")),
        with(record("GHSA-b", fixed("PyPI", "requests", "2.32")), json!({ "aliases": ["CVE-2026-2"] })),
        record("DEBIAN-CVE-2026-9", open("Debian:12", "other")),
        with(
            record("ALPINE-CVE-2026-2", fixed("Alpine:v3.20", "py3-requests", "2.0-r0")),
            json!({ "upstream": ["CVE-2026-2"] }),
        ),
    ];
    let data = Data::new(&records);
    let owned = |system: Package| {
        let mut owned = package(&PYPI, "requests", "2.28");
        owned.owner = Some(0);
        owned.is_counted = false;
        vec![system, owned]
    };
    let debian = from(package(&DEB, "python3-requests", "2.28+dfsg-1"), "requests", "2.28+dfsg-1");
    let of_debian = image("debian", "12", owned(debian.clone()));
    assert_eq!(data.shown(&of_debian), [""; 0]);
    assert_eq!(data.flaws(&of_debian).left_to_distribution, 1);
    // Alpine tells only of what is fixed; what it has a record of it has judged
    let alpine = from(package(&APK, "py3-requests", "2.28-r0"), "py3-requests", "2.28-r0");
    let of_alpine = image("alpine", "3.20.1", owned(alpine));
    assert_eq!(data.shown(&of_alpine), ["requests: GHSA-a -> 2.31"]);
    let doubt = data.flaws(&of_alpine).flaws[0].clone();
    assert_eq!((doubt.confidence, doubt.doubt.is_some()), (Confidence::Low, true));
    // somebody else's package is not the distribution's to judge
    let mut foreign = debian;
    foreign.packager = Some("packages.nodesource.com".into());
    let of_others = image("debian", "12", owned(foreign));
    assert_eq!(data.shown(&of_others), ["requests: CVE-2026-2 -> 2.32", "requests: GHSA-a -> 2.31"]);
    assert_eq!(data.flaws(&of_others).foreign, 1);
}

#[test]
fn one_flaw_is_one_row_whatever_ids_it_goes_by() {
    let data = Data::new(&[
        with(record("GHSA-a", fixed("PyPI", "tool", "2.0")), json!({ "aliases": ["CVE-2026-1"] })),
        with(record("PYSEC-2026-1", fixed("PyPI", "Tool", "2.1")), json!({ "aliases": ["CVE-2026-1"] })),
        with(record("GHSA-b", open("PyPI", "tool")), json!({ "related": ["GHSA-a"] })),
    ]);
    let image = Inventory { packages: vec![package(&PYPI, "tool", "1.0")], ..Inventory::default() };
    // 2.0 does not end what the other record says
    assert_eq!(data.shown(&image), ["tool: CVE-2026-1 -> 2.1", "tool: GHSA-b -> none"]);
    let ids: Vec<String> = data.flaws(&image).flaws[0].about.group.ids.iter().cloned().collect();
    assert_eq!(ids, ["CVE-2026-1", "GHSA-a", "PYSEC-2026-1"]);
}

#[test]
fn an_erratum_that_mends_several_flaws_is_a_row_for_each() {
    let data = Data::new(&[
        with(record("DSA-1-1", fixed("Debian:12", "tool", "2")), json!({ "upstream": ["CVE-2026-1", "CVE-2026-2"] })),
        with(record("DEBIAN-CVE-2026-1", open("Debian:12", "tool")), json!({ "upstream": ["CVE-2026-1"] })),
    ]);
    let image = image("debian", "12", vec![package(&DEB, "tool", "1")]);
    assert_eq!(data.shown(&image), ["tool: CVE-2026-1 -> 2", "tool: CVE-2026-2 -> 2"]);
    assert_eq!(data.flaws(&image).flaws[0].about.group.fixed_by, ["DSA-1-1"]);
}

#[test]
fn errata_of_bugs_are_no_flaws_and_modules_are_compared_within_their_stream() {
    let module = |id: &str, stream: &str, version: &str| {
        let summary = format!("Important: {stream} security update");
        with(
            record(id, fixed("AlmaLinux:8", "nodejs", version)),
            json!({ "summary": summary, "related": ["CVE-2026-1"] }),
        )
    };
    let data = Data::new(&[
        record("ALBA-2026:1", fixed("AlmaLinux:8", "bash", "9")),
        with(record("ALSA-2026:2", fixed("AlmaLinux:8", "bash", "5")), json!({ "related": ["CVE-2026-9"] })),
        module("ALSA-2026:3", "nodejs:14", "1:14.5-1.module_el8+1"),
        module("ALSA-2026:4", "nodejs:16", "1:16.2-1.module_el8+1"),
    ]);
    let nodejs = |version: &str, label: &str| {
        let mut nodejs = package(&RPM, "nodejs", version);
        if !label.is_empty() {
            nodejs.purl += &format!("?epoch=1&rpmmod={}", label.replace(':', "%3A"));
        }
        image("almalinux", "8.9", vec![nodejs, package(&RPM, "bash", "4")])
    };
    let cases = [
        ("1:14.1-1.module_el8+9", "nodejs:14:8040:abc", Some("1:14.5-1.module_el8+1")),
        ("1:14.6-1.module_el8+9", "nodejs:14:8040:abc", None),
        ("1:16.1-1.module_el8+9", "nodejs:16:8040:abc", Some("1:16.2-1.module_el8+1")),
        // a build that is of no module is not compared with those that are
        ("1:10.0-1.el8", "", None),
    ];
    for (version, label, expected) in cases {
        let mut shown = vec!["bash: CVE-2026-9 -> 5".to_owned()];
        shown.extend(expected.map(|fixed| format!("nodejs: CVE-2026-1 -> {fixed}")));
        assert_eq!(data.shown(&nodejs(version, label)), shown, "{version} {label}");
    }
}

#[test]
fn what_only_customers_can_have_is_told_as_that() {
    let of = |ecosystem: &str, fixed_version: Option<&str>| match fixed_version {
        Some(version) => fixed(ecosystem, "tool", version),
        None => open(ecosystem, "tool"),
    };
    let both = |id: &str, plain: Option<&str>, pro: Option<&str>| {
        let affected = json!([of("Ubuntu:20.04:LTS", plain), of("Ubuntu:Pro:20.04:LTS", pro)]);
        json!({ "id": id, "modified": "2026-01-01T00:00:00Z", "affected": affected })
    };
    let data = Data::new(&[
        both("UBUNTU-CVE-2026-1", None, Some("1.0-1ubuntu0.1~esm1")),
        both("UBUNTU-CVE-2026-2", Some("1.0-1ubuntu0.2"), Some("1.0-1ubuntu0.2")),
        record("UBUNTU-CVE-2026-3", fixed("Ubuntu:Pro:20.04:LTS", "tool", "1.0-1ubuntu0.3~esm2")),
    ]);
    let of_version = |version: &str| data.shown(&image("ubuntu", "20.04", vec![package(&DEB, "tool", version)]));
    let expected = ["tool: CVE-2026-1 -> 1.0-1ubuntu0.1~esm1 (Ubuntu Pro)", "tool: CVE-2026-2 -> 1.0-1ubuntu0.2"];
    assert_eq!(of_version("1.0-1"), expected);
    let expected = ["tool: CVE-2026-2 -> 1.0-1ubuntu0.2", "tool: CVE-2026-3 -> 1.0-1ubuntu0.3~esm2 (Ubuntu Pro)"];
    assert_eq!(of_version("1.0-1ubuntu0.1~esm1"), expected);
}

#[test]
fn a_kernel_is_judged_only_where_one_can_run() {
    let data = Data::new(&[record("DEBIAN-CVE-2026-1", open("Debian:12", "linux"))]);
    let headers = || from(package(&DEB, "linux-libc-dev", "6.1.1-1"), "linux", "6.1.1-1");
    let without = image("debian", "12", vec![headers()]);
    assert_eq!(data.shown(&without), [""; 0]);
    assert_eq!(data.flaws(&without).without_kernel, 1);
    let kernel = from(package(&DEB, "linux-image-6.1.0-1-amd64", "6.1.1-1"), "linux", "6.1.1-1");
    let with_kernel = image("debian", "12", vec![headers(), kernel]);
    assert_eq!(data.shown(&with_kernel), ["linux-image-6.1.0-1-amd64: CVE-2026-1 -> none"]);
}

#[test]
fn limits_of_platforms_hold_and_kinds_are_told_apart() {
    let limited = |id: &str, key: &str, values: &[&str]| {
        let mut affected = fixed(name::CRATES, "tool", "9.0.0");
        affected["ecosystem_specific"] = json!({ "affects": { key: values } });
        record(id, affected)
    };
    let mut unsound = open(name::CRATES, "tool");
    unsound["database_specific"] = json!({ "informational": "unsound" });
    let data = Data::new(&[
        limited("RUSTSEC-2026-0001", "os", &["windows"]),
        limited("RUSTSEC-2026-0002", "os", &["windows", "linux"]),
        limited("RUSTSEC-2026-0003", "arch", &["x86"]),
        limited("RUSTSEC-2026-0004", "arch", &["x86_64"]),
        record("RUSTSEC-2026-0005", unsound),
        record("MAL-2026-1", json!({ "package": { "ecosystem": "npm", "name": "bad" }, "versions": ["1.0.0"] })),
    ]);
    let mut image = Inventory {
        packages: vec![package(&CARGO, "tool", "1.0.0"), package(&NPM, "bad", "1.0.0")],
        ..Inventory::default()
    };
    image.target.platform = Some("linux/amd64".parse::<Platform>().expect("is a platform"));
    let expected = [
        "bad: MAL-2026-1 -> none",
        "tool: RUSTSEC-2026-0002 -> 9.0.0",
        "tool: RUSTSEC-2026-0004 -> 9.0.0",
        "tool: RUSTSEC-2026-0005 -> none",
    ];
    assert_eq!(data.shown(&image), expected);
    let kinds: Vec<Kind> = data.flaws(&image).flaws.iter().map(|flaw| flaw.about.kind).collect();
    assert_eq!(kinds, [Kind::Vulnerable, Kind::Vulnerable, Kind::Unsound, Kind::Malicious]);
}

#[test]
fn a_record_that_nobody_reviewed_gives_way_to_one_that_clears_the_version() {
    let unreviewed =
        json!({ "aliases": ["GHSA-a", "CVE-2026-1"], "database_specific": { "review_status": "UNREVIEWED" } });
    let alone =
        json!({ "aliases": ["CVE-2026-2", "GHSA-unknown"], "database_specific": { "review_status": "UNREVIEWED" } });
    let data = Data::new(&[
        with(record("GO-2026-1", open("Go", "example.com/tool")), unreviewed),
        with(record("GHSA-a", fixed("Go", "example.com/tool", "1.2.0")), json!({ "aliases": ["CVE-2026-1"] })),
        with(record("GO-2026-2", open("Go", "example.com/tool")), alone),
    ]);
    let image =
        |version: &str| Inventory { packages: vec![package(&GO, "example.com/tool", version)], ..Inventory::default() };
    assert_eq!(data.shown(&image("v1.3.0")), ["example.com/tool: CVE-2026-2 -> none"]);
    let found = data.flaws(&image("v1.3.0"));
    assert_eq!(found.flaws[0].confidence, Confidence::Low);
    assert_eq!(data.shown(&image("v1.1.0")).len(), 2);
}

#[test]
fn a_vendor_s_patched_package_is_judged_by_the_vendor() {
    let data = Data::new(&[
        record("DEBIAN-CVE-2026-1", fixed("Debian:12", "tool", "2.0")),
        record("ROOT-OS-CVE-2026-2", fixed("Root:Debian:12", "tool", "1.0-1.root.io.2")),
    ]);
    let image = image("debian", "12", vec![package(&DEB, "tool", "1.0-1.root.io.1")]);
    assert_eq!(data.shown(&image), ["tool: ROOT-OS-CVE-2026-2 -> 1.0-1.root.io.2"]);
}

#[test]
fn how_grave_a_flaw_is_comes_from_the_distribution_or_from_a_record_of_the_same_flaw() {
    let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let mut unimportant = open("Debian:12", "tool");
    unimportant["ecosystem_specific"] = json!({ "urgency": "unimportant" });
    let data = Data::new(&[
        with(record("DEBIAN-CVE-2026-1", unimportant), json!({ "severity": [{ "type": "CVSS_V3", "score": vector }] })),
        with(record("DEBIAN-CVE-2026-2", open("Debian:12", "tool")), json!({ "upstream": ["CVE-2026-2"] })),
        with(record("DEBIAN-CVE-2026-3", open("Debian:12", "tool")), json!({ "upstream": ["CVE-2026-3"] })),
        with(
            record("GHSA-a", open("PyPI", "tool")),
            json!({ "aliases": ["CVE-2026-2"], "severity": [{ "type": "CVSS_V3", "score": vector }] }),
        ),
    ]);
    let found = data.flaws(&image("debian", "12", vec![package(&DEB, "tool", "1")]));
    let grades: Vec<Option<(Severity, &str)>> = found
        .flaws
        .iter()
        .map(|flaw| flaw.about.grade.as_ref().map(|grade| (grade.severity, grade.source.as_str())))
        .collect();
    let expected = [Some((Severity::Info, "DEBIAN-CVE-2026-1")), Some((Severity::Critical, "GHSA-a")), None];
    assert_eq!(grades, expected);
}

static GEM: Ecosystem = Ecosystem { id: "gem", purl_type: "gem", is_system: false };
static COMPOSER: Ecosystem = Ecosystem { id: "composer", purl_type: "composer", is_system: false };

#[test]
fn a_few_records_are_no_data() {
    let data = Data::new(&[record("DEBIAN-CVE-2026-1", fixed("Debian:12", "openssl", "2"))]);
    let mut writer = Writer::open(data.0.path(), Duration::ZERO, &mut || {}).expect("opens");
    for (name, record) in [
        ("local/npm", record("GHSA-a", fixed("npm", "left-pad", "2.0.0"))),
        ("local/Ubuntu", record("CVE-2026-1", open("Ubuntu:22.04:LTS", "openssl"))),
    ] {
        let (_, family) = name.split_once('/').expect("has a family");
        let mut builder = crate::advisory::store::Builder::new(family);
        builder.add(osv::of_value(&record).expect("reads"));
        writer.put(name, builder, Entry::default()).expect("writes");
    }
    writer.commit().expect("commits");
    let of_debian = image("debian", "12", vec![package(&DEB, "openssl", "3"), package(&NPM, "left-pad", "1.0.0")]);
    let missing = data.flaws(&of_debian).missing;
    assert_eq!(missing, BTreeMap::from([("npm".to_owned(), 1)]), "one record says nothing of other packages");
    let of_ubuntu = image("ubuntu", "22.04", vec![package(&DEB, "openssl", "3")]);
    assert_eq!(data.flaws(&of_ubuntu).missing, BTreeMap::from([("Ubuntu:22.04:LTS".to_owned(), 1)]));
}

#[test]
fn names_and_versions_of_sources_are_found_where_records_do_not_say_them() {
    let data = Data::new(&[
        record("DEBIAN-CVE-2026-1", fixed("Debian:12", "linux", "6.1.60-1")),
        with(record("ALSA-2026:1", fixed("AlmaLinux:9", "perl", "4:5.32-481")), json!({ "related": ["CVE-2026-2"] })),
        record("GHSA-gem", fixed("RubyGems", "nokogiri", "1.11.0")),
        record("GHSA-drupal", fixed("Packagist:https://packages.example/8", "drupal/core", "9.0.0")),
        record("GHSA-php", fixed("Packagist", "other/core", "9.0.0")),
        with(record("RLSA-2026:1", fixed("Rocky Linux", "bash", "5.1-9.el8")), json!({ "related": ["CVE-2026-3"] })),
    ]);
    let signed = from(package(&DEB, "linux-image-6.1.0-13-amd64", "6.1.55-1"), "linux-signed-amd64", "6.1.55+1");
    let kernel = image("debian", "12", vec![signed]);
    assert_eq!(data.shown(&kernel), ["linux-image-6.1.0-13-amd64: CVE-2026-1 -> 6.1.60-1"]);
    // the name of a source's file says no epoch: that of a package with the source's own version is it
    let perl = |version: &str| {
        let libs = from(package(&RPM, "perl-libs", &format!("4:{version}")), "perl", version);
        let carp = from(package(&RPM, "perl-Carp", "1.50-460"), "perl", version);
        data.shown(&image("almalinux", "9.4", vec![libs, carp]))
    };
    assert_eq!(perl("5.32-480"), ["perl-Carp: CVE-2026-2 -> 4:5.32-481", "perl-libs: CVE-2026-2 -> 4:5.32-481"]);
    assert_eq!(perl("5.32-481"), [""; 0]);
    let alone = from(package(&RPM, "perl-Carp", "1.50-460"), "perl", "5.32-481");
    assert_eq!(data.shown(&image("almalinux", "9.4", vec![alone])), [""; 0], "its epoch is not known");
    let languages = Inventory {
        packages: vec![package(&GEM, "nokogiri", "1.10.0-x86_64-linux"), package(&COMPOSER, "drupal/core", "8.1.0")],
        ..Inventory::default()
    };
    assert_eq!(data.shown(&languages), ["drupal/core: GHSA-drupal -> 9.0.0", "nokogiri: GHSA-gem -> 1.11.0"]);
    let rocky = |version: &str| data.shown(&image("rocky", "9.4", vec![package(&RPM, "bash", version)]));
    assert_eq!(rocky("5.1-8.el9"), [""; 0], "the record is for another release, and does not say so");
    assert_eq!(rocky("5.1-8.el8"), ["bash: CVE-2026-3 -> 5.1-9.el8"]);
}

#[test]
fn an_upgrade_ends_all_that_can_be_ended() {
    let two = json!({ "package": { "ecosystem": "npm", "name": "tool" }, "ranges": [
        { "type": "SEMVER", "events": [{ "introduced": "1.0.0" }, { "fixed": "1.8.1" },
                                       { "introduced": "2.0.0" }, { "fixed": "2.4.0" }] }] });
    let data = Data::new(&[
        record("GHSA-a", two),
        record("GHSA-b", fixed("npm", "tool", "2.1.0")),
        record("GHSA-c", open("npm", "tool")),
        record("GHSA-d", fixed("npm", "other", "1.5.0")),
        record("GHSA-e", fixed("npm", "other", "1.4.0")),
    ]);
    let image = Inventory {
        packages: vec![package(&NPM, "tool", "1.2.0"), package(&NPM, "other", "1.0.0")],
        ..Inventory::default()
    };
    let found = data.flaws(&image);
    let upgrades: Vec<(&str, Option<&str>)> =
        found.flaws.iter().map(|flaw| (flaw.about.group.name.as_str(), flaw.upgrade.as_deref())).collect();
    // 2.1.0 ends the second, and has the first again
    let other = Some("1.5.0");
    assert_eq!(upgrades, [("GHSA-a", None), ("GHSA-b", None), ("GHSA-c", None), ("GHSA-d", other), ("GHSA-e", other)]);
}

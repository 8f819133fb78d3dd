//! Bills of materials: what is written is read back as the same packages, by every format.

use std::collections::BTreeSet;

use careen::inventory::Package;
use careen::report::{Report, TargetSummary};

use crate::links::recipes;
use crate::support::image::Packing;
use crate::support::run::{TODAY, careen, rendered, scan, scan_bytes, scan_file};

const FORMATS: &[&str] =
    &["cyclonedx", "cyclonedx-1.5", "cyclonedx-1.6", "cyclonedx-1.7", "spdx", "spdx-3", "spdx-tv", "json"];

/// All that a report says of packages, and of the image they are in.
fn listed(report: &Report, packages: &[Package]) -> BTreeSet<String> {
    let purl = |index: &u32| report.packages.get(*index as usize).map(|package| package.purl.as_str());
    let of = |package: &Package| {
        let Package { ecosystem, name, version, purl: own, source, architecture, licence, state, confidence, .. } =
            package;
        let Package { is_counted, proof, sha1, removed_in_layer, dependencies, owner, locations, .. } = package;
        let needs: BTreeSet<&str> = dependencies.iter().filter_map(purl).filter(|needed| needed != own).collect();
        let owner = owner.as_ref().and_then(purl);
        let places = locations.iter().map(|place| (&place.path, place.node.layer, place.added_by, &place.inside));
        let places: Vec<_> = places.collect();
        let id = ecosystem.id;
        format!(
            "{own} {id} {name} {version} {source:?} {architecture:?} {licence:?} {state:?} {confidence:?} {is_counted} \
             {proof:?} {sha1:?} {removed_in_layer:?} {needs:?} {owner:?} {places:?}"
        )
    };
    packages.iter().map(of).collect()
}

/// What is said of the image itself; the codename of a release that has a number is not.
fn target(report: &Report) -> String {
    let TargetSummary { platform, digest, config_digest, created, distro, layers, size, .. } = &report.target;
    let distro = distro.as_ref().map(|distro| (&distro.id, &distro.version_id, &distro.name));
    format!("{platform:?} {digest:?} {config_digest:?} {created:?} {distro:?} {size} {layers:?}")
}

#[test]
fn every_format_is_read_back_as_the_same_packages() {
    let (mut packages, mut removed) = (0, 0);
    for (name, recipe) in [recipes("images"), recipes("hostile")].concat() {
        let report = scan_bytes(&recipe.build().oci_archive(Packing::Zstd)).report();
        packages += report.packages.len();
        let gaps = report.limitations.iter().filter(|limitation| limitation.is_gap).count();
        let (before, removed_before) = (listed(&report, &report.packages), listed(&report, &report.removed));
        removed += removed_before.len();
        let target_before = target(&report);
        let reports = [report];
        for format in FORMATS {
            let document = rendered(&reports, format, false);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &document).unwrap();
            let back = scan_file(file.path()).report();
            assert_eq!(back.target.source, "sbom", "{name} {format}");
            assert_eq!(listed(&back, &back.packages), before, "{name} {format}");
            assert_eq!(target(&back), target_before, "{name} {format}");
            let expected = if *format == "json" { removed_before.clone() } else { BTreeSet::new() };
            assert_eq!(listed(&back, &back.removed), expected, "{name} {format}");
            let gaps_back = back.limitations.iter().filter(|limitation| limitation.is_gap).count();
            assert_eq!(gaps_back, gaps, "{name} {format}: what was not read is still known");
            assert!(back.limitations.iter().any(|limitation| limitation.code == "packages-only"), "{name} {format}");
        }
    }
    assert!(packages > 10 && removed > 0, "there is something to compare");
}

#[test]
fn a_document_is_converted_into_the_others_without_loss() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let formats: Vec<&str> = FORMATS.iter().copied().filter(|format| *format != "json").collect();
    let write = |arguments: &[&str]| {
        let run = careen(arguments);
        assert_eq!((run.code, run.stderr.as_str(), run.stdout.as_str()), (0, "", ""), "{arguments:?}");
    };
    for format in &formats {
        write(&["sbom", "fixtures/demo/demo.tar", "-f", format, "-o", &at(format)]);
    }
    write(&["sbom", "-q", "fixtures/demo/demo.tar"]);
    write(&["convert", "-q", &at("spdx"), "-f", "spdx-3"]);
    for from in &formats {
        for to in &formats {
            write(&["convert", &at(from), "-f", to, "-o", &at("converted")]);
            let (converted, direct) = (std::fs::read(at("converted")).unwrap(), std::fs::read(at(to)).unwrap());
            assert!(converted == direct, "{from} to {to}");
        }
    }
    let json = format!("json={}", at("json"));
    assert_eq!(careen(&["scan", "--today", TODAY, "fixtures/demo/demo.tar", "-q", "-o", &json]).code, 1);
    write(&["convert", &at("json"), "-f", "spdx", "-o", &at("converted")]);
    assert_eq!(std::fs::read(at("converted")).unwrap(), std::fs::read(at("spdx")).unwrap());
}

#[test]
fn the_command_gives_no_verdict_but_tells_of_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let (_, recipe) = recipes("hostile").into_iter().find(|(name, _)| name.starts_with("broken-databases")).unwrap();
    let broken = folder.path().join("broken.tar");
    std::fs::write(&broken, recipe.build().docker_archive()).unwrap();
    let broken = broken.to_str().unwrap();

    let run = careen(&["sbom", "fixtures/demo/demo.tar"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "what breaks the policy is not asked for");
    assert!(run.stdout.contains("\"aggregate\": \"unknown\""));

    let run = careen(&["sbom", broken]);
    assert_eq!(run.code, 3);
    assert!(
        run.stderr.contains("not read: ") && run.stdout.contains("\"aggregate\": \"incomplete\""),
        "{}",
        run.stderr
    );
    assert_eq!(careen(&["sbom", broken, "--allow-partial"]).code, 0);
    assert!(careen(&["sbom", broken, "-f", "spdx-tv"]).stdout.contains("DocumentComment: <text>Incomplete: "));

    for (arguments, code) in [
        (&["sbom", "sbom:Cargo.toml"][..], 4),
        (&["sbom", "sbom:missing.json"], 2),
        (&["convert", "missing.json", "-f", "spdx"], 2),
        (&["convert", "Cargo.toml", "-f", "spdx"], 4),
        (&["convert", "Cargo.toml"], 2),
        (&["sbom", "fixtures/demo/demo.tar", "-f", "sarif"], 2),
    ] {
        assert_eq!(careen(arguments).code, code, "{arguments:?}");
    }
}

#[test]
fn the_time_is_the_images_or_what_the_environment_says() {
    let mut command = crate::support::run::command(&["sbom", "fixtures/demo/demo.tar"]);
    command.env("SOURCE_DATE_EPOCH", "86400");
    let run = crate::support::run::run(command, &[]);
    assert!(run.stdout.contains("\"timestamp\": \"1970-01-02T00:00:00Z\""));
    let mut command = crate::support::run::command(&["sbom", "fixtures/demo/demo.tar"]);
    command.env("SOURCE_DATE_EPOCH", "yesterday");
    assert_eq!(crate::support::run::run(command, &[]).code, 2);
    let first = careen(&["sbom", "fixtures/demo/demo.tar"]).stdout;
    assert_eq!(careen(&["sbom", "fixtures/demo/demo.tar"]).stdout, first);
}

#[test]
fn a_bill_of_materials_is_judged_by_its_packages_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bill = folder.path().join("demo.cdx.json");
    let bill = bill.to_str().unwrap();
    assert_eq!(careen(&["sbom", "fixtures/demo/demo.tar", "-o", bill]).code, 0);
    let report = scan(bill).report();
    let rules = crate::support::run::rules(&report);
    assert_eq!(rules, ["base/eol-distro"], "the distribution is known, files and settings are not");
    assert!(
        report.verdict.reason.contains("files, settings and secrets were not looked at"),
        "{}",
        report.verdict.reason
    );
    let overwritten = careen(&["convert", bill, "-f", "spdx", "-o", bill]);
    assert_eq!(overwritten.code, 2, "the input is not written over");
}

#[test]
fn documents_come_on_standard_input_too() {
    let documents = ["cyclonedx", "spdx-tv", "spdx-3"].map(|format| {
        let run = careen(&["sbom", "fixtures/demo/demo.tar", "-f", format]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    });
    for document in &documents {
        for arguments in [
            &["convert", "-", "-f", "cyclonedx"][..],
            &["sbom", "-", "-f", "cyclonedx"],
            &["sbom", "sbom:-", "-f", "cyclonedx"],
        ] {
            let run = crate::support::run::run(crate::support::run::command(arguments), document.as_bytes());
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
            assert!(run.stdout == documents[0], "{arguments:?}");
        }
        let run = crate::support::run::run(crate::support::run::command(&["scan", "-"]), document.as_bytes());
        assert!(run.stdout.contains("bill of materials"), "{} {}", run.stdout, run.stderr);
    }
    let scan = |input: &[u8]| crate::support::run::run(crate::support::run::command(&["scan", "-"]), input);
    for other in [&b""[..], b"{}", b"text", b"\xef\xbb\xbf"] {
        let run = scan(other);
        assert!(run.code == 4 && run.stderr.contains("this is no image"), "{other:?}: {}", run.stderr);
    }
    let image = std::fs::read("fixtures/demo/demo.tar").unwrap();
    assert_eq!(scan(&image).code, 1, "archives are read as before");
}

#[test]
fn a_place_that_is_not_known_is_not_made_up() {
    let bill = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "operating-system", "name": "debian", "version": "9"},
        {"type": "library", "name": "a", "version": "1", "purl": "pkg:deb/debian/a@1?distro=debian-9"}]}"#;
    for format in ["text", "sarif"] {
        let command = crate::support::run::command(&["scan", "-", "--today", TODAY, "-f", format]);
        let shown = crate::support::run::run(command, bill.as_bytes()).stdout;
        assert!(shown.contains("base/eol-distro"), "{shown}");
        assert!(!shown.contains("layer 0") && !shown.contains("0 layers") && !shown.contains(" / "), "{shown}");
        assert!(format == "sarif" || shown.matches("bill of materials").count() > 1, "{shown}");
    }
}

#[test]
fn distributions_that_purls_name_are_those_of_advisories() {
    use careen::advisory::distro::coverage;

    let cases = [
        ("deb/debian", "debian-12", "Debian:12"),
        ("deb/debian", "debian-11.11", "Debian:11"),
        ("deb/ubuntu", "ubuntu-22.04", "Ubuntu:22.04:LTS"),
        ("apk/alpine", "alpine-3.19.1", "Alpine:v3.19"),
        ("apk/alpine", "3.19.1", "Alpine:v3.19"),
        ("apk/wolfi", "wolfi-20230201", "Wolfi:"),
        ("rpm/redhat", "rhel-9.4", "Red Hat:enterprise_linux:9"),
        ("rpm/redhat", "redhat-9.4", "Red Hat:enterprise_linux:9"),
        ("rpm/rocky", "rocky-8.4", "Rocky Linux:8"),
        ("rpm/alma", "alma-9.4", "AlmaLinux:9"),
        ("rpm/oracle", "oracle-9.3", "Oracle Linux:9"),
        ("rpm/amazon", "amazon-2", "Amazon Linux:2"),
        ("rpm/amzn", "amzn-2023", "Amazon Linux:2023"),
        ("rpm/opensuse", "opensuse-leap-15.6", "openSUSE:Leap 15.6"),
        ("rpm/opensuse", "opensuse-tumbleweed-20240101", "openSUSE:Tumbleweed"),
        ("rpm/suse", "sles-15.5", "SUSE:Linux Enterprise Server 15 SP5"),
        ("rpm/suse", "sles-15-SP5", "SUSE:Linux Enterprise Server 15 SP5"),
        ("rpm/openeuler", "openEuler-22.03-LTS-SP3", "openEuler:22.03-LTS-SP3"),
        ("rpm/mariner", "cbl-mariner-2.0", "Azure Linux:2"),
        ("rpm/azurelinux", "azurelinux-3.0", "Azure Linux:3"),
        ("rpm/photon", "photon-5.0", "Photon OS:5"),
    ];
    for (namespace, distro, expected) in cases {
        let bill = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{{"type": "library", "name": "a",
                "version": "1-1", "purl": "pkg:{namespace}/a@1-1?arch=noarch&distro={distro}"}}]}}"#
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bill).unwrap();
        let distro = scan_file(file.path()).report().target.distro.unwrap();
        let coverage = coverage(&distro, &BTreeSet::new(), &BTreeSet::new()).unwrap();
        let release = coverage.releases.first().map_or("", String::as_str);
        assert_eq!(format!("{}:{release}", coverage.family), expected, "{distro:?}");
    }
}

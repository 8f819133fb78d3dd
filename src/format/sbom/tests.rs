//! Documents of all kinds, also broken ones.

use super::parts::unescape;
use super::*;

/// What was read, on a line each.
fn shown(document: &str) -> Vec<String> {
    let bill = read(document.as_bytes()).expect("a good document");
    let mut lines = vec![bill.subject.names.join(",")];
    lines.extend(bill.subject.distro.iter().map(|(id, version, _)| format!("{id} {version}")));
    for part in &bill.parts {
        let state = if part.is_declared { " declared" } else { "" };
        let licence = part.licence.as_deref().map(|text| format!(" [{text}]")).unwrap_or_default();
        let places: Vec<String> = part.places.iter().map(|place| format!(" {}", place.path)).collect();
        let needs = if part.dependencies.is_empty() { String::new() } else { format!(" -> {:?}", part.dependencies) };
        lines.push(format!("{} {} {}{state}{licence}{}{needs}", part.purl, part.name, part.version, places.concat()));
    }
    lines.extend(bill.limitations.iter().map(|limitation| format!("{}: {}", limitation.code, limitation.what)));
    lines
}

const CYCLONEDX: &str = r#"{"bomFormat": "CycloneDX", "specVersion": "1.2", "version": 1,
 "metadata": {"component": {"type": "container", "name": "shop/api:1", "purl": "pkg:oci/api@sha256%3A12"}},
 "components": [
  {"type": "operating-system", "name": "debian", "version": "12.5"},
  {"type": "application", "name": "app/package-lock.json"},
  {"type": "library", "bom-ref": "a", "group": "@babel", "name": "core", "version": "7.0.0", "purl": "pkg:npm/%40babel/core@7.0.0",
   "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "BSD or so"}}],
   "properties": [{"name": "aquasecurity:trivy:FilePath", "value": "app/node_modules/core/package.json"}, {"name": 7}],
   "components": [{"type": "library", "bom-ref": "b", "name": "inner", "version": "1", "purl": "pkg:npm/inner@1"}]},
  {"type": "library", "name": "who", "version": "1.0"},
  {"type": "library", "name": "what", "version": "2", "purl": "npm/what@2"},
  {"type": "file", "name": "/etc/passwd"},
  12
 ],
 "dependencies": [{"ref": "a", "dependsOn": ["b", "a", "gone"]}, {"ref": 3}]}"#;

const SPDX: &str = r#"{"spdxVersion": "SPDX-2.2", "SPDXID": "SPDXRef-DOCUMENT", "documentDescribes": ["SPDXRef-root"],
 "packages": [
  {"SPDXID": "SPDXRef-root", "name": "shop/api", "versionInfo": "1"},
  {"SPDXID": "SPDXRef-os", "name": "alpine", "versionInfo": "3.20", "primaryPackagePurpose": "OPERATING-SYSTEM"},
  {"SPDXID": "SPDXRef-a", "name": "musl", "versionInfo": "1.2.5-r0", "licenseDeclared": "LicenseRef-1", "licenseConcluded": "MIT",
   "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "cpe:x"},
                    {"referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl", "referenceLocator": "pkg:apk/alpine/musl@1.2.5-r0"}],
   "annotations": [{"comment": "careen:state=declared\nnothing\ncareen:location=layer 0: /lib/apk/db\\\\x41"}]},
  {"SPDXID": "SPDXRef-b", "name": "zlib", "versionInfo": "1", "licenseDeclared": "NOASSERTION",
   "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:apk/alpine/zlib@1"}]}],
 "hasExtractedLicensingInfos": [{"licenseId": "LicenseRef-1", "extractedText": "do what you like"}],
 "relationships": [{"spdxElementId": "SPDXRef-a", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-b"}]}"#;

const TAG_VALUE: &str = "SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\n# PackageName: no\n\
PackageName: root\nSPDXID: SPDXRef-root\nPrimaryPackagePurpose: CONTAINER\n\n\
PackageName: curl\nSPDXID: SPDXRef-a\nPackageVersion: 8.0\nPackageLicenseDeclared: curl\n\
PackageChecksum: SHA1: a9993e364706816aba3e25717850c26c9cd0d89d\n\
PackageDescription: <text>two\nPackageVersion: 9\n</text>\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/curl@8.0\n\
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-root\nRelationship: SPDXRef-a DEPENDS_ON SPDXRef-a\n";

const SPDX3: &str = r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
 {"type": "SpdxDocument", "spdxId": "d", "rootElement": ["s"]}, {"type": "software_Sbom", "spdxId": "s", "rootElement": ["r"]},
 {"type": "software_Package", "spdxId": "r", "name": "shop", "software_packageVersion": "1"},
 {"type": "software_Package", "spdxId": "a", "name": "x", "software_packageVersion": "1",
  "externalIdentifier": [{"externalIdentifierType": "packageUrl", "identifier": "pkg:gem/x@1"}]},
 {"type": "simplelicensing_LicenseExpression", "spdxId": "l", "simplelicensing_licenseExpression": "Ruby"},
 {"type": "Relationship", "from": "a", "relationshipType": "hasDeclaredLicense", "to": ["l"]}, []]}"#;

#[test]
fn one_long_reference_with_many_edges_is_cut() {
    let long = "r".repeat(1 << 20);
    let text = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"bom-ref":"{long}","type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}},
            {{"bom-ref":"b","type":"library","name":"b","version":"1","purl":"pkg:npm/b@1"}}],
            "dependencies":[{{"ref":"{long}","dependsOn":[{}"b"]}}]}}"#,
        r#""b","#.repeat(1_000)
    );
    let bill = read(text.as_bytes()).expect("it is one");
    assert_eq!(bill.parts[0].dependencies, [1]);
    assert!(bill.limitations.iter().any(|told| told.code == "sbom-dependencies"), "{:?}", bill.limitations);
}

#[test]
fn documents_of_other_programs_are_read() {
    assert_eq!(
        shown(CYCLONEDX),
        [
            "shop/api:1",
            "debian 12.5",
            "pkg:npm/%40babel/core@7.0.0 @babel/core 7.0.0 [MIT AND (BSD or so)] /app/node_modules/core/package.json -> [1]",
            "pkg:npm/inner@1 inner 1",
            "sbom-no-purl: components without a package URL were left out: 2 (who 1.0, what 2)",
            "sbom-malformed: entries that were not understood: 1 (components[6])",
        ]
    );
    assert_eq!(
        shown(SPDX),
        [
            "shop/api",
            "alpine 3.20",
            "pkg:apk/alpine/musl@1.2.5-r0 musl 1.2.5-r0 declared [do what you like] /lib/apk/dbA",
            "pkg:apk/alpine/zlib@1 zlib 1 -> [0]",
        ]
    );
    assert_eq!(shown(TAG_VALUE), ["root", "pkg:deb/debian/curl@8.0 curl 8.0 [curl]"]);
    assert!(read(TAG_VALUE.as_bytes()).expect("good").parts[0].sha1.is_some());
    assert_eq!(
        shown(SPDX3),
        ["shop", "pkg:gem/x@1 x 1 [Ruby]", "sbom-malformed: entries that were not understood: 1 (@graph[6])"]
    );
    let report = r#"{"schema": "careen.report/1", "target": {"reference": "r", "tags": []}, "packages": [
        {"purl": "pkg:npm/a@1", "name": "a", "version": "1", "state": "declared", "dependencies": ["pkg:npm/b@1"],
         "locations": [{"path": "/a\\\\b", "layer": 1}]},
        {"purl": "pkg:npm/b@1", "name": "b", "version": "1"},
        {"purl": "pkg:npm/c@1", "name": "c", "version": "1", "removed_in_layer": 2}],
        "limitations": [{"code": "layer-truncated", "place": "layer 1", "what": "short", "incomplete": true}]}"#;
    assert_eq!(
        shown(report),
        [
            "r",
            "pkg:npm/a@1 a 1 declared /a\\\\b -> [1]",
            "pkg:npm/b@1 b 1",
            "sbom-incomplete: layer-truncated layer 1: short"
        ]
    );
}

#[test]
fn source_packages_are_read_as_other_programs_name_them() {
    let properties = |pairs: &[(&str, &str)]| {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!(r#"{{"name": "{name}", "value": "{value}"}}"#)).collect();
        format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{{"type": "library", "name": "a",
                "version": "1", "purl": "pkg:deb/debian/a@1", "properties": [{}]}}]}}"#,
            pairs.join(", ")
        )
    };
    let spdx = |origin: &str| {
        format!(
            r#"{{"spdxVersion": "SPDX-2.3", "packages": [{{"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1",
                "sourceInfo": "{origin}", "externalRefs": [{{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/a@1"}}]}}]}}"#
        )
    };
    let tags = "SPDXVersion: SPDX-2.3\nPackageName: a\nSPDXID: SPDXRef-a\nPackageVersion: 1\n\
        PackageSourceInfo: <text>built package from: b 2</text>\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/a@1\n";
    let trivy = [
        ("aquasecurity:trivy:SrcName", "b"),
        ("aquasecurity:trivy:SrcVersion", "2"),
        ("aquasecurity:trivy:SrcRelease", "3"),
        ("aquasecurity:trivy:SrcEpoch", "4"),
    ];
    let own = [("careen:source:name", "x"), ("aquasecurity:trivy:SrcName", "b")];
    let cases = [
        (properties(&trivy), "b 2 3 4 false"),
        (properties(&[("syft:metadata:source", "b"), ("syft:metadata:sourceVersion", "2")]), "b 2   false"),
        (properties(&[("syft:metadata:originPackage", "b")]), "b    false"),
        (properties(&[("syft:metadata:source", "")]), "    false"),
        (properties(&own), "x    true"),
        (spdx("built package from: b 1:2-3"), "b 1:2-3   false"),
        (spdx("acquired package info from DPKG DB: /var/lib/dpkg/status"), "    false"),
        (spdx("built package from: b"), "    false"),
        (tags.to_owned(), "b 2   false"),
    ];
    for (document, expected) in cases {
        let bill = read(document.as_bytes()).expect("a good document");
        let [part] = &bill.parts[..] else { panic!("{document}") };
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let Part { source_name, source_version, source_release, source_epoch, is_own, .. } = part;
        let found = [source_name, source_version, source_release, source_epoch].map(of).join(" ");
        assert_eq!(format!("{found} {is_own}"), expected, "{document}");
    }
}

#[test]
fn what_a_document_says_of_itself_is_kept() {
    let document = |more: &str| format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6"{more}}}"#);
    let cases = [
        (document(""), 0),
        (document(r#", "compositions": [{"aggregate": "complete"}]"#), 0),
        (document(r#", "compositions": [{"aggregate": "incomplete_third_party_only"}]"#), 1),
        (
            document(
                r#", "compositions": [{"aggregate": "incomplete"}], "metadata": {"component": {"type": "container",
                    "properties": [{"name": "careen:gap", "value": "x"}, {"name": "careen:note", "value": "y"}]}}"#,
            ),
            1,
        ),
    ];
    for (document, gaps) in cases {
        let bill = read(document.as_bytes()).expect("a good document");
        assert_eq!(bill.limitations.iter().filter(|limitation| limitation.is_gap).count(), gaps, "{document}");
    }
}

#[test]
fn several_images_are_one_list_without_layers() {
    let image = |name: &str| {
        format!(
            r#"{{"type": "container", "name": "{name}", "properties": [{{"name": "careen:layer:0:size", "value": "1"}}]}}"#
        )
    };
    let document = |images: &str| {
        let text = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{images}]}}"#);
        read(text.as_bytes()).expect("a good document")
    };
    let bill = document(&image("a"));
    assert_eq!((bill.subject.layers.len(), bill.limitations.len()), (1, 0));
    let bill = document(&format!("{}, {}", image("a"), image("b")));
    assert_eq!((bill.subject.names.len(), bill.subject.layers.len(), bill.limitations.len()), (2, 0, 1));
    let told = &bill.limitations[0];
    assert!(told.is_gap && told.what.contains("2 images (a, b)"), "whose packages are whose is lost: {}", told.what);
    let report = |platform: &str| {
        let target = format!(r#"{{"reference": "r", "tags": ["s:1", "s"], "platform": "{platform}"}}"#);
        format!(r#"{{"schema": "careen.report/1", "packages": [], "target": {target}}}"#)
    };
    let both = [report("linux/amd64"), report("linux/arm64")].join(",");
    let text = format!(r#"{{"schema": "careen.reports/1", "reports": [{both}]}}"#);
    let bill = read(text.as_bytes()).expect("a good document");
    assert_eq!((bill.subject.names.join(" ").as_str(), bill.subject.platform.as_deref()), ("s:1 s", None));
    let [told] = &bill.limitations[..] else { panic!("{:?}", bill.limitations) };
    assert!(told.is_gap && told.what.contains("2 images (s:1 for linux/amd64, s:1 for linux/arm64)"), "{}", told.what);
}

#[test]
fn kinds_are_told_by_their_beginning() {
    for good in [CYCLONEDX, SPDX, TAG_VALUE, SPDX3, r#"{"schema": "careen.report/1"}"#] {
        assert!(sniffs(good.as_bytes()), "{good}");
        assert!(sniffs(format!("\u{feff}{good}").as_bytes()), "{good}");
    }
    for other in ["", "{}", "[]", r#"{"name": "CycloneDX"}"#, "SPDX", "\0\0", "<bom/>"] {
        assert!(!sniffs(other.as_bytes()), "{other}");
        assert!(read(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn broken_documents_are_refused() {
    for bad in [
        r#"{"bomFormat": "CycloneDX", "specVersion": "2.0"}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": 1}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": {}}"#,
        r#"{"spdxVersion": "SPDX-3.0"}"#,
        r#"{"schema": "careen.report/1", "outcome": "refused"}"#,
        r#"{"schema": "careen.report/2"}"#,
        "SPDXVersion: SPDX-2.3\nDocumentComment: <text>never",
    ] {
        let error = read(bad.as_bytes()).expect_err("it is refused");
        assert!(error.kind.is_refusal(), "{bad:.60}");
    }
    // a component nested deeper than JSON may be costs itself
    let nested = format!("{}{}{}", r#"{"components":["#.repeat(2_000), "{}", "]}".repeat(2_000));
    let document = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{nested}]}}"#);
    let deep = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": {}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for document in [document, deep] {
        assert_eq!(read(document.as_bytes()).expect("good").limitations.len(), 1);
    }
}

#[test]
fn components_nested_too_deep_keep_the_outer_ones() {
    let open: String = (0..500)
        .map(|at| format!(r#"{{"type":"library","name":"a{at}","version":"1","purl":"pkg:npm/a{at}@1","components":["#))
        .collect();
    let document = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{open}{{}}{},{{"purl":"pkg:npm/z@1"}}]}}"#,
        "]}".repeat(500)
    );
    let bill = read(document.as_bytes()).expect("good");
    let purls: Vec<&str> = bill.parts.iter().map(|part| part.purl.as_str()).collect();
    assert_eq!((purls.len(), purls[0], purls[63], purls[64]), (65, "pkg:npm/a0@1", "pkg:npm/a63@1", "pkg:npm/z@1"));
    let [told] = &bill.limitations[..] else { panic!("{:?}", bill.limitations) };
    assert!(told.is_gap && told.what.contains("(components[0].components[0]."), "{}", told.what);
}

#[test]
fn versions_that_are_not_known_are_told_and_other_formats_refused() {
    let cyclonedx = |version: &str| format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "{version}"}}"#);
    let spdx = |version: &str| format!(r#"{{"spdxVersion": "{version}"}}"#);
    let tags = |version: &str| format!("SPDXVersion: {version}\n");
    let graph = |version: &str| {
        format!(
            r#"{{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
                "@graph": [{{"type": "CreationInfo", "specVersion": "{version}"}}]}}"#
        )
    };
    let cases = [
        (cyclonedx("1.1"), Some(1)),
        (cyclonedx("1.2"), Some(0)),
        (cyclonedx("1.7"), Some(0)),
        (cyclonedx("1.9"), Some(1)),
        (cyclonedx("10.2"), None),
        (cyclonedx("1"), None),
        (spdx("SPDX-2.0"), Some(1)),
        (spdx("SPDX-2.2"), Some(0)),
        (spdx("SPDX-2.3"), Some(0)),
        (spdx("SPDX-2.9"), Some(1)),
        (spdx("SPDX-2.x"), None),
        (tags("SPDX-2.1"), Some(1)),
        (tags("SPDX-2.3"), Some(0)),
        (tags("SPDX-2.9"), Some(1)),
        (tags("SPDX-3.0"), None),
        (graph("3.0.0"), Some(0)),
        (graph("3.0.1"), Some(0)),
        (graph("3.9.0"), Some(1)),
        (graph("4.0.0"), None),
    ];
    for (document, gaps) in cases {
        let bill = read(document.as_bytes()).ok();
        assert_eq!(bill.map(|bill| bill.limitations.iter().filter(|one| one.is_gap).count()), gaps, "{document}");
    }
}

#[test]
fn package_urls_are_checked_and_give_the_version_that_is_missing() {
    let part = |purl: &str, version: &str| {
        let text = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components":
                [{{"type": "library", "name": "a", "version": {version}, "purl": "{purl}"}}]}}"#
        );
        let bill = read(text.as_bytes()).expect("good");
        let told = bill.limitations.iter().map(|limitation| limitation.what.clone()).collect::<String>();
        bill.parts.first().map_or(told, |part| part.version.clone())
    };
    let cases = [
        ("pkg:npm/a@5", "5", "5"),
        ("pkg:npm/a@5", "\"6\"", "6"),
        ("pkg:npm/a@1%2B2?x=y@z", "null", "1+2"),
        ("pkg:npm/@babel/core", "5", ""),
        ("pkg:npm/@babel/core@7.0", "5", "7.0"),
        ("pkg:deb/debian/%zz", "\"1\"", "entries that were not understood: 1 (pkg:deb/debian/%zz)"),
        ("pkg:deb/debian/a@1%4", "\"1\"", "entries that were not understood: 1 (pkg:deb/debian/a@1%4)"),
        ("pkg:npm", "\"1\"", "entries that were not understood: 1 (pkg:npm)"),
        ("pkg:npm/", "\"1\"", "entries that were not understood: 1 (pkg:npm/)"),
    ];
    for (purl, version, expected) in cases {
        assert_eq!(part(purl, version), expected, "{purl} {version}");
    }
}

#[test]
fn what_is_too_much_names_no_option_that_changes_nothing() {
    let error = too_much("x");
    assert!(error.kind == ErrorKind::Limit && error.help.is_some_and(|help| !help.contains("--limit")));
}

#[test]
fn no_cut_or_flip_of_a_document_panics() {
    for document in [CYCLONEDX, SPDX, TAG_VALUE, SPDX3] {
        for end in 0..document.len() {
            let _ = read(&document.as_bytes()[..end]);
            let mut flipped = document.as_bytes().to_vec();
            flipped[end] ^= 0x11;
            let _ = read(&flipped);
        }
    }
}

#[test]
fn escapes_are_undone() {
    let samples: [&[u8]; 5] = [b"plain", b"a\\b", b"\n\r\t\x1b\xff", "\u{202e}中".as_bytes(), b"\\x41"];
    for raw in samples {
        assert_eq!(unescape(&crate::escape::escape(raw)), raw);
    }
    for odd in ["\\", "\\q", "\\x4", "\\xzz", "\\u{", "\\u{110000}", "\\xé"] {
        assert_eq!(unescape(odd), odd.as_bytes(), "{odd}");
    }
}

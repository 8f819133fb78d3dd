//! Documents of every kind, sound and hostile, and which statement decides.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of tests")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn read_text(text: &str) -> Document {
    read(text.as_bytes(), "a.json").unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn read_value(value: &Value) -> Document {
    read_text(&value.to_string())
}

/// A document as lines: each statement, then each complaint.
fn shape(document: &Document) -> String {
    let component = |component: &Component| {
        let purls = component.purls.iter().map(|purl| {
            purl.version.as_ref().map_or_else(|| purl.key(), |version| format!("{}@{version}", purl.key()))
        });
        let digests = component.digests.iter().map(crate::digest::Digest::short);
        let references = component.references.iter().map(|reference| format!("{:?}", reference.repository));
        let mut names: Vec<String> = purls.chain(digests).chain(references).collect();
        match &component.versions {
            Versions::Any => {}
            Versions::Exact(version) => names.push(format!("={version}")),
            Versions::Range(_) => names.push("(range)".to_owned()),
        }
        names.join("+")
    };
    let mut lines = String::new();
    for statement in &document.statements {
        let products: Vec<String> = statement
            .products
            .iter()
            .map(|product| {
                let parts: Vec<String> = product.subcomponents.iter().map(component).collect();
                let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
                format!("{}{parts}", component(&product.component))
            })
            .collect();
        let why = [&statement.justification, &statement.impact, &statement.action];
        let why: Vec<&str> = why.into_iter().map(|text| text.as_deref().unwrap_or("-")).collect();
        let time = statement.timestamp.map(|time| time.to_string()).unwrap_or_default();
        let (ids, status) = (statement.ids.join(" "), statement.status.as_str());
        writeln!(lines, "{ids} {status} [{}] {} {time}", products.join("; "), why.join("|")).expect("memory");
    }
    for complaint in document.complaints.kept() {
        writeln!(lines, "! {complaint}").expect("memory");
    }
    lines.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn openvex(statements: &Value) -> Value {
    json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1", "author": "Shop",
        "timestamp": "2024-01-01T00:00:00Z", "version": 1, "statements": statements})
}

#[test]
fn openvex_of_all_versions() {
    let old = r#"{"@context":"https://openvex.dev/ns","@id":"x","author":"A","timestamp":"2023-01-08T18:02:03-06:00","version":"1",
        "statements":[{"vulnerability":"CVE-2023-1","products":["pkg:oci/api"],"subcomponents":["pkg:apk/wolfi/git@2.39.0-r1?arch=armv7"],"status":"fixed"}]}"#;
    assert_eq!(
        shape(&read_text(old)),
        "CVE-2023-1 fixed [oci//api (apk/wolfi/git@2.39.0-r1)] -|-|- 2023-01-09T00:02:03Z\n"
    );
    let new = openvex(&json!([
        {"vulnerability": {"@id": "https://flaws.example/CVE-2024-1", "name": "CVE-2024-1", "aliases": ["GHSA-1", "DSA-1"]},
         "products": [{"@id": format!("pkg:oci/api@{DIGEST}"), "hashes": {"sha-256": &DIGEST[7..], "sha1": "aa"},
            "identifiers": {"purl": "pkg:maven/org.x/a@2.4", "cpe23": "cpe:2.3:a:x:a:2.4:-:*:*:*:*:*:*"},
            "subcomponents": [{"@id": "pkg:deb/debian/bash"}, "pkg:deb/debian/dash@1"]}],
         "status": "not_affected", "justification": "component_not_present", "impact_statement": "taken out",
         "timestamp": "2024-02-01T00:00:00Z", "last_updated": "2024-03-01T00:00:00Z"},
        {"vulnerability": {"@id": "https://flaws.example/CVE-2024-2/"}, "products": [{"identifiers": {"purl": "pkg:npm/a"}}],
         "status": "affected", "action_statement": "wait"},
        {"vulnerability": {"name": "CVE-2024-3"}, "products": [{"@id": format!("registry.example.com/a/b@{DIGEST}")}], "status": "under_investigation"},
    ]));
    let document = read_value(&new);
    assert_eq!((document.id.as_str(), document.author.as_str()), ("https://example.com/vex/1", "Shop"));
    assert_eq!(
        shape(&document),
        "CVE-2024-1 GHSA-1 DSA-1 not_affected [oci//api@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855+maven/org.x/a@2.4+sha256:e3b0c44298fc (deb/debian/bash, deb/debian/dash@1)] component_not_present|taken out|- 2024-03-01T00:00:00Z\n\
         CVE-2024-2 affected [npm//a] -|-|wait 2024-01-01T00:00:00Z\n\
         CVE-2024-3 under_investigation [Whole(\"registry.example.com/a/b\")] -|-|- 2024-01-01T00:00:00Z\n"
    );
}

#[test]
fn what_is_not_understood_costs_itself() {
    let good = json!({"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:npm/a"}], "status": "fixed"});
    let with = |key: &str, value: Value| {
        let mut statement = good.clone();
        statement.as_object_mut().expect("an object").insert(key.into(), value);
        statement
    };
    let kept = "CVE-1 fixed [npm//a] -|-|- 2024-01-01T00:00:00Z\n";
    let unknown = "`x` is no time";
    let cases = [
        (with("status", json!("mended")), "", "the status `mended` is unknown"),
        (with("status", json!(1)), "", "invalid type: integer"),
        (with("status", json!("not_affected")), "", "it says `not_affected`, but not why"),
        (with("justification", json!("because")), "", "the justification `because` is unknown"),
        (with("vulnerability", json!(null)), "", "did not match any variant"),
        (with("vulnerability", json!({})), "", "it names no flaw"),
        (with("vulnerability", json!({"name": "x".repeat(300)})), "", "too long names"),
        (with("products", json!({})), "", "invalid type: map"),
        (with("products", json!([])), "", "it names no product"),
        (with("products", json!(null)), "", "it names no product"),
        (
            with("products", json!([{"identifiers": {"cpe23": "cpe:2.3:a:b:c"}}])),
            "",
            "nothing can be found by what it says of the product `cpe:2.3:a:b:c`",
        ),
        (
            with("products", json!([{"@id": "pkg:npm/a", "subcomponents": [{"@id": "https://a.example"}]}])),
            "",
            "nothing can be found",
        ),
        (with("products", json!([{"@id": "pkg:npm/a", "hashes": []}])), "", "did not match any variant"),
        (with("timestamp", json!("x")), kept, unknown),
        (json!(null), "", "invalid type: null"),
        (json!([[]]), "", "did not match any variant"),
        (json!("\u{202e}"), "", "invalid type: string"),
    ];
    for (statement, expected, complaint) in cases {
        let document = read_value(&openvex(&json!([statement, good])));
        let shape = shape(&document);
        let (told, statements): (Vec<&str>, Vec<&str>) = shape.lines().partition(|line| line.starts_with("! "));
        assert_eq!(format!("{}\n", statements.join("\n")), format!("{expected}{kept}"), "{statement}");
        assert!(told.iter().any(|line| line.contains(complaint)), "{statement}: {told:?}");
        assert!(told.iter().all(|line| line.contains("statements[0]") && !line.contains('\u{202e}')), "{told:?}");
        assert!(document.limitations().iter().all(|limitation| !limitation.is_gap));
    }
    let doubled = r#"{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"a","products":["pkg:npm/a"],"status":"affected","status":"fixed"}]}"#;
    assert_eq!(read_text(doubled).statements, [], "a key twice is no statement");
}

#[test]
fn cyclonedx_states_versions_and_links() {
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", "version": 2,
    "metadata": {"timestamp": "2024-01-01T00:00:00Z", "supplier": {"name": "Shop"}},
    "components": [
        {"type": "library", "bom-ref": "a", "name": "a", "version": "1.0", "purl": "pkg:npm/a"},
        {"type": "library", "bom-ref": "b", "name": "b", "purl": "pkg:npm/b@2", "components": [{"bom-ref": "c/1", "name": "c", "purl": "pkg:npm/c@3"}]},
        {"type": "library", "bom-ref": "bare", "name": "bare"}],
    "vulnerabilities": [
        {"id": "CVE-1", "references": [{"id": "GHSA-1"}], "analysis": {"state": "not_affected", "justification": "code_not_reachable", "detail": "unused", "lastUpdated": "2024-02-02T00:00:00Z"},
         "affects": [{"ref": "a"}, {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/2#c%2F1"}]},
        {"id": "CVE-2", "analysis": {"state": "resolved"}, "affects": [{"ref": "urn:cdx:11111111-395b-41f5-a30f-a58921a69b79/1#pkg:deb/ubuntu/libstdc%2B%2B6@12?arch=amd64"}]},
        {"id": "CVE-3", "analysis": {"state": "exploitable", "response": ["update", "workaround_available"]}, "affects": [{"ref": "b", "versions": [
            {"version": "2"}, {"range": "vers:npm/>=3.0.0", "status": "unaffected"}, {"version": "4", "status": "unknown"}, {"version": "5", "range": "vers:npm/*"}, {"range": "<3"}, {"version": "6", "status": "odd"}]}]},
        {"id": "CVE-4", "analysis": {"state": "in_triage"}, "affects": [{"ref": "nobody"}, {"ref": "bare"}]},
        {"id": "CVE-5", "affects": [{"ref": "a"}]},
        {"id": "CVE-6", "analysis": {"state": "well"}, "affects": [{"ref": "a"}]},
        {"id": "CVE-7", "analysis": {"state": "false_positive", "justification": "odd"}, "affects": [{"ref": "a"}]},
    ]});
    let read = read_value(&document);
    assert_eq!((read.id.as_str(), read.author.as_str()), ("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/2", "Shop"));
    assert_eq!(
        shape(&read),
        "CVE-1 GHSA-1 not_affected [npm//a+=1.0; npm//c@3] code_not_reachable|unused|- 2024-02-02T00:00:00Z\n\
         CVE-2 fixed [deb/ubuntu/libstdc++6@12] -|-|- 2024-01-01T00:00:00Z\n\
         CVE-3 not_affected [npm//b@2+(range)] -|the document lists the version so|update, workaround_available 2024-01-01T00:00:00Z\n\
         CVE-3 under_investigation [npm//b@2+=4] -|the document lists the version so|update, workaround_available 2024-01-01T00:00:00Z\n\
         CVE-3 affected [npm//b@2+=2] -|-|update, workaround_available 2024-01-01T00:00:00Z\n\
         ! `vulnerabilities[2]`: a version is neither one nor a range\n\
         ! `vulnerabilities[2]`: `<3` is no range that begins `vers:`\n\
         ! `vulnerabilities[2]`: the status `odd` of a version is unknown\n\
         ! `vulnerabilities[3]`: no component of the document is `nobody`\n\
         ! `vulnerabilities[3]`: nothing can be found by what it says of the product `bare`\n\
         ! `vulnerabilities[3]`: it names no product\n\
         ! `vulnerabilities[5]`: the state `well` is unknown\n\
         ! `vulnerabilities[6]`: the justification `odd` is unknown\n"
    );
}

#[test]
fn cyclonedx_about_an_image_is_about_its_parts() {
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": {"component": {"type": "container", "bom-ref": "image", "name": "registry.example.com/shop/api:1.4", "version": DIGEST}},
        "components": [{"bom-ref": "a", "name": "a", "purl": "pkg:npm/a@1"}],
        "vulnerabilities": [{"id": "CVE-1", "analysis": {"state": "not_affected"}, "affects": [{"ref": "a"}]},
            {"id": "CVE-2", "analysis": {"state": "not_affected"}, "affects": [{"ref": "image"}]}]});
    assert_eq!(
        shape(&read_value(&document)),
        "CVE-1 not_affected [sha256:e3b0c44298fc+Whole(\"registry.example.com/shop/api\") (npm//a@1)] -|-|-\n\
         CVE-2 not_affected [sha256:e3b0c44298fc+Whole(\"registry.example.com/shop/api\")] -|-|-\n"
    );
}

fn csaf(tree: &Value, flaw: &Value) -> Value {
    json!({"document": {"category": "csaf_vex", "csaf_version": "2.0", "publisher": {"name": "Shop"},
            "tracking": {"id": "SHOP-1", "current_release_date": "2024-01-04T17:17:25+01:00"}},
        "product_tree": tree, "vulnerabilities": [flaw]})
}

#[test]
fn csaf_products_and_what_is_said_of_them() {
    let named =
        |id: &str, purl: &str| json!({"name": id, "product_id": id, "product_identification_helper": {"purl": purl}});
    let tree = json!({
        "branches": [{"category": "vendor", "name": "v", "branches": [
            {"category": "product_version", "name": "1", "product": named("api", "pkg:oci/api")},
            {"category": "product_version", "name": "2", "product": named("net", "pkg:golang/net.example/x@v2.0.0")},
            {"category": "product_version_range", "name": "vers:npm/<2.0.0", "product": named("old", "pkg:npm/a")},
            {"category": "product_version_range", "name": "<= 4", "product": named("vague", "pkg:npm/a")}]}],
        "full_product_names": [named("b", "pkg:npm/b"), {"name": "os", "product_id": "os", "product_identification_helper": {"cpe": "cpe:/o:a:b"}}],
        "product_groups": [{"group_id": "g", "product_ids": ["b", "old"]}],
        "relationships": [
            {"category": "default_component_of", "product_reference": "net", "relates_to_product_reference": "api", "full_product_name": {"name": "n", "product_id": "net-in-api"}},
            {"category": "default_component_of", "product_reference": "b", "relates_to_product_reference": "net-in-api", "full_product_name": {"name": "n", "product_id": "b-in-net"}},
            {"category": "default_component_of", "product_reference": "loop", "relates_to_product_reference": "loop", "full_product_name": {"name": "n", "product_id": "loop"}},
            {"category": "default_component_of", "product_reference": "b", "relates_to_product_reference": "gone", "full_product_name": {"name": "n", "product_id": "b-in-gone"}}]});
    let flaw = json!({"cve": "CVE-1", "ids": [{"system_name": "s", "text": "SHOP-9"}],
        "product_status": {"known_not_affected": ["net-in-api", "b-in-net", "old", "vague"], "fixed": ["b"], "first_fixed": ["b"], "recommended": ["b"],
            "known_affected": ["os", "nobody"], "under_investigation": ["net"], "odd": []},
        "flags": [{"label": "vulnerable_code_not_present", "product_ids": ["net-in-api"]}, {"label": "component_not_present", "group_ids": ["g"]}],
        "threats": [{"category": "impact", "details": "unused", "product_ids": ["net-in-api"]}, {"category": "exploit_status", "details": "none"}],
        "remediations": [{"category": "vendor_fix", "details": "upgrade", "product_ids": ["b"]}, {"category": "none_available", "details": "wait"}]});
    let read = read_value(&csaf(&tree, &flaw));
    assert_eq!((read.id.as_str(), read.author.as_str()), ("SHOP-1", "Shop"));
    assert_eq!(
        shape(&read),
        "CVE-1 SHOP-9 not_affected [oci//api (npm//b)] -|-|wait 2024-01-04T16:17:25Z\n\
         CVE-1 SHOP-9 not_affected [npm//a+(range)] component_not_present|-|wait 2024-01-04T16:17:25Z\n\
         CVE-1 SHOP-9 not_affected [oci//api (golang/net.example/x@2.0.0)] vulnerable_code_not_present|unused|wait 2024-01-04T16:17:25Z\n\
         CVE-1 SHOP-9 fixed [npm//b; npm//b] -|-|upgrade 2024-01-04T16:17:25Z\n\
         CVE-1 SHOP-9 under_investigation [golang/net.example/x@2.0.0] -|-|wait 2024-01-04T16:17:25Z\n\
         ! `product_tree: vague`: `<= 4` is no range that begins `vers:`\n\
         ! `product_tree: loop`: its parts are not in the document\n\
         ! `product_tree: b-in-gone`: its parts are not in the document\n\
         ! `vulnerabilities[0]`: no product of the document is `nobody`\n\
         ! `vulnerabilities[0]`: the status `odd` is unknown\n\
         ! `vulnerabilities[0]`: nothing can be found by what it says of the product `vague`\n\
         ! `vulnerabilities[0]`: nothing can be found by what it says of the product `os`\n\
         ! `vulnerabilities[0]`: it names no product\n"
    );
    let odd = json!({"cve": "CVE-1", "product_status": {"known_not_affected": ["b"]}, "flags": [{"label": "so", "product_ids": ["b"]}]});
    assert_eq!(
        shape(&read_value(&csaf(&tree, &odd))).lines().last(),
        Some("! `vulnerabilities[0]`: the label `so` is unknown")
    );
}

/// Base64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(SIGNS[(group >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text + &"==="[..(3 - bytes.len() % 3) % 3]
}

fn envelope(payload: &Value) -> Value {
    json!({"payloadType": "application/vnd.in-toto+json", "payload": base64(payload.to_string().as_bytes()), "signatures": [{"sig": "AA=="}]})
}

#[test]
fn wrappings_are_taken_off() {
    let bare = openvex(&json!([{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}]));
    let subject = json!([{"name": "registry.example.com/shop/api", "digest": {"sha256": &DIGEST[7..]}}]);
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": "https://openvex.dev/ns/v0.2.0", "predicate": bare});
    let by_cosign = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": subject, "predicateType": "https://cosign.sigstore.dev/attestation/v1",
        "predicate": {"Data": bare.to_string(), "Timestamp": "2024-01-01T00:00:00Z"}});
    let as_object = json!({"subject": subject, "predicateType": "x", "predicate": {"Data": bare}});
    let bundle = json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {}, "dsseEnvelope": envelope(&statement)});
    // without a product of its own, a statement is about what the attestation is about
    let expected =
        "CVE-1 fixed [sha256:e3b0c44298fc+Whole(\"registry.example.com/shop/api\")] -|-|- 2024-01-01T00:00:00Z\n";
    for wrapped in [&statement, &by_cosign, &as_object, &envelope(&statement), &envelope(&by_cosign), &bundle] {
        assert_eq!(shape(&read_value(wrapped)), expected, "{wrapped}");
    }
    assert_eq!(shape(&read_text(&format!("\u{feff}{statement}"))), expected);
    assert!(shape(&read_value(&bare)).contains("it names no product"));
}

#[test]
fn what_is_no_document_is_refused() {
    let provenance =
        json!({"subject": [], "predicateType": "https://slsa.dev/provenance/v1", "predicate": {"buildType": "x"}});
    for other in [
        json!({}),
        json!({"spdxVersion": "SPDX-2.3"}),
        provenance.clone(),
        envelope(&provenance),
        json!({"statements": []}),
    ] {
        assert_eq!(read(other.to_string().as_bytes(), "a").expect_err("no VEX").kind, ErrorKind::Malformed, "{other}");
        assert!(read_attached(other.to_string().as_bytes(), "a").expect("sound").is_none(), "{other}");
    }
    let mut nested = openvex(&json!([]));
    for _ in 0..10 {
        nested = envelope(&nested);
    }
    for broken in [
        "",
        "[]",
        "{",
        "null",
        "\u{0}",
        r#"{"payloadType":"x","payload":"%"}"#,
        r#"{"payloadType":"x","payload":7}"#,
        r#"{"predicate":{},"predicateType":"x","subject":{}}"#,
        r#"{"payloadType":"x","payload":""}"#,
        &nested.to_string(),
    ] {
        let error = read(broken.as_bytes(), "b\u{1b}").expect_err("refused");
        assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Malformed, Some("b\\x1b")), "{broken}");
    }
    let large = vec![b' '; usize::try_from(LARGEST).expect("small") + 1];
    assert_eq!(read(&large, "a").expect_err("too large").kind, ErrorKind::Limit);
}

#[test]
fn hostile_documents_end_soon() {
    let deep = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let head = r#"{"@context":"https://openvex.dev/ns","statements":["#;
    let statement = r#"{"vulnerability":"CVE-1","products":["pkg:npm/a"],"status":"fixed"}"#;
    let many = |times: usize| format!("{head}{}]}}", vec![statement; times].join(","));
    let names = |times: usize| vec![r#""pkg:npm/a""#; times].join(",");
    let cross = format!(
        r#"{head}{{"vulnerability":"a","status":"fixed","products":[{}],"subcomponents":[{}]}}]}}"#,
        names(9_000),
        names(9_000)
    );
    let group = json!({"group_id": "g", "product_ids": vec!["a"; 50_000]});
    let flags = json!({"cve": "CVE-1", "product_status": {}, "flags": vec![json!({"label": "component_not_present", "group_ids": ["g"]}); 50_000]});
    let cdx = |components: &str| format!(r#"{{"bomFormat":"CycloneDX","components":{components}}}"#);
    let cases = [
        // statements, complaints, or none where it is refused
        (format!("{head}{}]}}", deep("[", "]", 50_000)), Some((0, 1))),
        (format!("{head}{}]}}", deep(r#"{"products":["#, "]}", 100_000)), Some((0, 1))),
        (many(STATEMENTS), Some((STATEMENTS, 0))),
        (many(STATEMENTS + 1), None),
        (format!(r#"{head}{{"vulnerability":"a","status":"fixed","products":[{}]}}]}}"#, names(20_000)), Some((1, 0))),
        (format!(r#"{head}{{"vulnerability":"a","status":"fixed","products":[{}]}}]}}"#, names(100_001)), Some((0, 1))),
        (cross, Some((0, 1))),
        (csaf(&json!({"product_groups": [group]}), &flags).to_string(), None),
        (csaf(&json!({}), &json!({})).to_string().replace("{}", &deep(r#"{"branches":["#, "]}", 50_000)), Some((0, 1))),
        (cdx(&deep(r#"[{"components":"#, "}]", 50_000).replace(":}", ":[]}")), Some((0, 1))),
        (cdx(&format!("[{}]", vec!["{}"; 90_000].join(","))), Some((0, 0))),
        (cdx("7"), None),
    ];
    for (index, (text, expected)) in cases.into_iter().enumerate() {
        let started = Instant::now();
        let outcome = read(text.as_bytes(), "a").ok();
        let counts = outcome.as_ref().map(|document| (document.statements.len(), document.complaints.count()));
        assert_eq!(counts, expected, "{index}");
        let judge = Judge::new(outcome.into_iter().collect());
        let image = Image::default();
        let hit = Hit { ids: &["cve-1".into()], purl: "pkg:npm/a@1", source_purl: None, within: &[], image: &image };
        judge.of(&hit);
        assert!(started.elapsed() < Duration::from_secs(20), "{index}: {:?}", started.elapsed());
    }
}

#[test]
fn what_is_no_image_goes_by_the_name_that_careen_writes() {
    let ids = ["CVE-1".to_owned()];
    let statement = |product: &str| {
        let product = json!({"@id": product, "subcomponents": [{"@id": "pkg:npm/a@1"}]});
        json!({"vulnerability": {"name": "CVE-1"}, "products": [product], "status": "fixed"})
    };
    let bill = Image::new([], [], None).called("build/app 1.cdx.json");
    let image = Image::new([DIGEST.parse().expect("a digest")], ["app"], None);
    for (product, image, expected) in [
        ("pkg:generic/app%201.cdx.json", &bill, true),
        ("pkg:generic/app%202.cdx.json", &bill, false),
        ("pkg:generic/app%201.cdx.json", &image, false),
        (reference::generic("app").as_str(), &image, false),
    ] {
        let judge = Judge::new(vec![read_value(&openvex(&json!([statement(product)])))]);
        let hit = Hit { ids: &ids, purl: "pkg:npm/a@1", source_purl: None, within: &[], image };
        assert_eq!(judge.of(&hit).is_some(), expected, "{product}");
        assert!(judge.of(&Hit { purl: "pkg:npm/b@1", ..hit }).is_none(), "{product}");
    }
}

#[test]
fn the_statement_that_decides() {
    let ids = ["GHSA-1".to_owned(), "CVE-1".to_owned()];
    let image = Image::new(
        [DIGEST.parse().expect("a digest")],
        ["registry.example.com/shop/api:1.4", "./api.tar"],
        Some("amd64"),
    );
    let hit = Hit {
        ids: &ids,
        purl: "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12",
        source_purl: Some("pkg:deb/debian/openssl@3.0.11-1?arch=source&distro=debian-12"),
        within: &["pkg:golang/example.com/app@v1.0.0"],
        image: &image,
    };
    let product = |id: &str, parts: &[&str]| {
        let parts: Vec<Value> = parts.iter().map(|part| json!({"@id": part})).collect();
        json!({"@id": id, "subcomponents": parts})
    };
    let here = &format!("pkg:oci/api@{}?repository_url=registry.example.com/shop/api", DIGEST.replace(':', "%3A"));
    let there = &format!("pkg:oci/api@{OTHER}");
    let applies = [
        (product("pkg:deb/debian/libssl3@3.0.11-1", &[]), true),
        (product("pkg:deb/debian/libssl3", &[]), true),
        (product("pkg:deb/debian/libssl3@3.0.12", &[]), false),
        (product("pkg:deb/debian/openssl@3.0.11-1", &[]), true),
        (product("pkg:deb/debian/openssl@3.0.11-1?arch=source", &[]), true),
        (product("pkg:deb/debian/openssl?arch=arm64", &[]), false),
        (product(here, &["pkg:deb/debian/libssl3"]), true),
        (product(here, &["pkg:deb/debian/openssl@3.0.11-1"]), true),
        (product(here, &["pkg:deb/debian/zlib1g"]), false),
        (product(here, &[]), true),
        (product(there, &["pkg:deb/debian/libssl3"]), false),
        (product(there, &[]), false),
        (product(DIGEST, &[]), true),
        (product(OTHER, &[]), false),
        (product("pkg:oci/api", &[]), true),
        (product("pkg:oci/api?tag=1.5", &[]), false),
        (product("pkg:oci/api?arch=amd64", &[]), true),
        (product("pkg:oci/api?arch=arm64", &[]), false),
        (product("registry.example.com/shop/api", &[]), true),
        (product("registry.example.com/shop/api:1.4", &[]), true),
        (product("registry.example.com/shop/api:1.5", &[]), false),
        (product(&format!("registry.example.com/shop/api@{OTHER}"), &[]), false),
        (product("pkg:docker/shop/api@1.4?repository_url=registry.example.com", &["pkg:deb/debian/libssl3"]), true),
        (json!({"identifiers": {"purl": "pkg:oci/api"}, "hashes": {"sha-256": &OTHER[7..]}}), false),
        (json!({"identifiers": {"purl": "pkg:oci/elsewhere"}, "hashes": {"sha-256": &DIGEST[7..]}}), true),
        (product("pkg:golang/example.com/app", &["pkg:deb/debian/libssl3"]), true),
        (product("pkg:golang/example.com/app@v1.0.0", &[]), true),
        (product("pkg:golang/example.com/app@v2.0.0", &[]), false),
        (product("pkg:golang/example.com/other", &["pkg:deb/debian/libssl3"]), false),
    ];
    for (product, expected) in applies {
        let statement = json!({"vulnerability": {"name": "cve-1"}, "products": [product], "status": "fixed"});
        let judge = Judge::new(vec![read_value(&openvex(&json!([statement])))]);
        assert_eq!(judge.of(&hit).is_some(), expected, "{product}");
        let other = ["CVE-2".to_owned()];
        assert!(judge.of(&Hit { ids: &other, ..hit }).is_none(), "{product}");
    }

    let say = |status: &str, product: &Value, time: &str| {
        json!({"vulnerability": {"name": "CVE-1"}, "products": [product, product], "status": status, "timestamp": time,
            "impact_statement": "x", "action_statement": "y"})
    };
    let (package, whole) = (&product("pkg:deb/debian/libssl3", &[]), &product(here, &[]));
    let elsewhere = &product(there, &[]);
    let decides = [
        // the newest, wherever it stands
        (
            vec![say("fixed", package, "2024-02-01T00:00:00Z"), say("affected", package, "2024-01-01T00:00:00Z")],
            Some(Status::Fixed),
        ),
        (
            vec![say("fixed", package, "2024-01-01T00:00:00Z"), say("affected", whole, "2024-02-01T00:00:00Z")],
            Some(Status::Affected),
        ),
        // at one time, the one that names the package
        (
            vec![say("fixed", package, "2024-01-01T00:00:00Z"), say("affected", whole, "2024-01-01T00:00:00Z")],
            Some(Status::Fixed),
        ),
        // then the later
        (
            vec![say("fixed", package, "2024-01-01T00:00:00Z"), say("not_affected", package, "2024-01-01T00:00:00Z")],
            Some(Status::NotAffected),
        ),
        (
            vec![say("fixed", package, "2024-01-01T00:00:00Z"), say("affected", elsewhere, "2024-02-01T00:00:00Z")],
            Some(Status::Fixed),
        ),
        (vec![say("fixed", elsewhere, "2024-01-01T00:00:00Z")], None),
    ];
    for (statements, expected) in decides {
        let whole = Judge::new(vec![read_value(&openvex(&json!(statements)))]);
        assert_eq!(whole.of(&hit).map(|judgement| judgement.status()), expected, "{statements:?}");
        let apart = Judge::new(statements.iter().map(|one| read_value(&openvex(&json!([one])))).collect());
        assert_eq!(apart.of(&hit).map(|judgement| judgement.status()), expected, "{statements:?}");
    }
    let judge = Judge::new(vec![read_value(&openvex(&json!([say("not_affected", package, "2024-01-01T00:00:00Z")])))]);
    let acceptance = judge.of(&hit).and_then(|judgement| judgement.acceptance()).expect("it is suppressed");
    assert_eq!((acceptance.status.as_str(), acceptance.reason.as_str()), ("not_affected", "x"));
    assert_eq!((acceptance.justification, acceptance.place.as_str()), (None, "a.json (Shop)"));
    assert_eq!(
        judge.of(&hit).expect("it applies").evidence(),
        json!({"status": "not_affected", "impact": "x", "action": "y", "timestamp": "2024-01-01T00:00:00Z",
            "document": "https://example.com/vex/1", "author": "Shop", "place": "a.json", "format": "OpenVEX"})
    );
}

#[test]
fn versions_beside_a_purl_count() {
    let image = Image::default();
    let ids = ["CVE-1".to_owned()];
    let decided = |document: &Value, purl: &str| {
        let judge = Judge::new(vec![read_value(document)]);
        let hit = Hit { ids: &ids, purl, source_purl: None, within: &[], image: &image };
        judge.of(&hit).map(|judgement| judgement.status())
    };
    let cdx = json!({"bomFormat": "CycloneDX", "components": [{"bom-ref": "a", "name": "a", "purl": "pkg:golang/a.example/a"}],
        "vulnerabilities": [{"id": "CVE-1", "analysis": {"state": "exploitable"}, "affects": [{"ref": "a", "versions": [
            {"range": "vers:golang/<v1.5.0"}, {"range": "vers:golang/>=v1.5.0", "status": "unaffected"}]}]}]});
    assert_eq!(decided(&cdx, "pkg:golang/a.example/a@v1.4.0"), Some(Status::Affected));
    assert_eq!(decided(&cdx, "pkg:golang/a.example/a@v1.5.0"), Some(Status::NotAffected));
    let tree = json!({"branches": [{"category": "product_version_range", "name": "vers:rpm/<1:2-3",
        "product": {"name": "a", "product_id": "a", "product_identification_helper": {"purl": "pkg:rpm/fedora/a"}}}]});
    let csaf = csaf(&tree, &json!({"cve": "CVE-1", "product_status": {"known_not_affected": ["a"]}}));
    assert_eq!(decided(&csaf, "pkg:rpm/fedora/a@2-2?epoch=1"), Some(Status::NotAffected));
    assert_eq!(decided(&csaf, "pkg:rpm/fedora/a@2-2?epoch=2"), None);
}

#[test]
fn files_and_folders_are_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let good =
        openvex(&json!([{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:npm/a"}], "status": "fixed"}]))
            .to_string();
    std::fs::create_dir_all(at("d/1/2/3/4/5/6/7/8/9")).expect("writable");
    std::fs::create_dir(at("empty")).expect("writable");
    for (name, text) in [
        ("d/b.json", good.as_str()),
        ("d/1/a.JSON", &good),
        ("d/a.txt", "{"),
        ("d/broken.json", "{"),
        ("d/other.json", "{}"),
        ("d/none.json", &openvex(&json!([])).to_string()),
        ("d/1/2/3/4/5/6/7/8/9/c.json", &good),
        ("x.vex", &good),
    ] {
        std::fs::write(at(name), text).expect("writable");
    }
    let loaded = load(&[at("d"), at("x.vex")]).expect("loaded");
    let name = |place: &str| place.rsplit('/').next().map(str::to_owned);
    let names: Vec<_> = loaded.documents.iter().filter_map(|document| name(&document.place)).collect();
    assert_eq!(names, ["a.JSON", "b.json", "none.json", "x.vex"]);
    let notes: Vec<_> =
        loaded.limitations.iter().map(|note| (note.code, name(&note.place).unwrap_or_default())).collect();
    let expected = [
        ("vex-not-read", "9"),
        ("vex-not-read", "broken.json"),
        ("vex-empty", "none.json"),
        ("vex-not-read", "other.json"),
    ];
    assert_eq!(notes, expected.map(|(code, name)| (code, name.to_owned())));
    assert!(loaded.limitations.iter().all(|note| !note.is_gap));
    for (path, kind) in
        [("gone.json", ErrorKind::NotFound), ("empty", ErrorKind::Malformed), ("d/broken.json", ErrorKind::Malformed)]
    {
        let error = load(&[at(path)]).expect_err(path);
        assert!(error.kind == kind && error.place.is_some_and(|place| place.contains(path)), "{path}");
    }
}

#[test]
fn attached_documents_are_read_and_others_passed_over() {
    use crate::digest::Digest;
    use crate::source::attached::{Attached, Attachments};

    let good = json!([{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:npm/a"}], "status": "fixed"}]);
    let bodies = [
        openvex(&good).to_string(),
        json!({"subject": [], "predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}).to_string(),
        json!({"bomFormat": "CycloneDX", "components": []}).to_string(),
        "{".to_owned(),
        openvex(&json!([{}])).to_string(),
    ];
    let attached = |body: &String| Attached {
        media_type: "application/json".into(),
        artifact_type: String::new(),
        digest: Digest::sha256(body.as_bytes()),
        subject: Digest::sha256(b""),
        bytes: body.clone().into_bytes(),
    };
    let note = Limitation::note("attached-not-read", "", "x");
    let attachments = Attachments {
        documents: bodies.iter().map(attached).collect(),
        limitations: vec![note],
        ..Attachments::default()
    };
    let loaded = of_attached(&attachments);
    let places: Vec<&str> = loaded.documents.iter().map(|document| document.place.as_str()).collect();
    let place = |body: &String| format!("attached to sha256:e3b0c44298fc: {}", Digest::sha256(body.as_bytes()));
    assert_eq!(places, [place(&bodies[0]), place(&bodies[4])]);
    let codes: Vec<&str> = loaded.limitations.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["attached-not-read", "vex-not-read", "vex-not-understood", "vex-empty"]);
}

#[test]
fn no_damage_makes_a_reader_fall() {
    let statement = json!({"vulnerability": {"name": "CVE-1", "aliases": ["G"]}, "status": "not_affected", "impact_statement": "x",
        "products": [{"@id": format!("pkg:oci/a@{DIGEST}?tag=1"), "subcomponents": [{"@id": "pkg:npm/%40a/b@1#c"}]}]});
    let tree = json!({"branches": [{"category": "product_version_range", "name": "vers:npm/<1.0.0|!=0.5.0",
        "product": {"name": "a", "product_id": "a", "product_identification_helper": {"purl": "pkg:npm/a"}}}]});
    let cdx = json!({"bomFormat": "CycloneDX", "components": [{"bom-ref": "a", "purl": "pkg:npm/a"}], "vulnerabilities": [
        {"id": "CVE-1", "analysis": {"state": "resolved"}, "affects": [{"ref": "urn:cdx:x/1#a", "versions": [{"range": "vers:npm/*"}]}]}]});
    let documents = [
        openvex(&json!([statement])),
        csaf(&tree, &json!({"cve": "CVE-1", "product_status": {"fixed": ["a"]}})),
        cdx,
        envelope(&json!({"predicateType": "x", "predicate": openvex(&json!([]))})),
    ];
    let image = Image::default();
    let ids = ["CVE-1".to_owned()];
    for document in documents {
        let text = document.to_string().into_bytes();
        for at in 0..text.len() {
            for with in [b"\"".as_slice(), b"0", b"{", b"", b"%", b"\xff", b"/", b"null"] {
                let damaged = [&text[..at], with, &text[at + 1..]].concat();
                if let Ok(document) = read(&damaged, "a") {
                    let judge = Judge::new(vec![document]);
                    judge.of(&Hit {
                        ids: &ids,
                        purl: "pkg:npm/a@0.1.0",
                        source_purl: None,
                        within: &[],
                        image: &image,
                    });
                }
            }
        }
    }
}

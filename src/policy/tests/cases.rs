//! Tables: a policy, findings or an image, and what must come of them.

use serde_json::json;

use super::*;
use crate::finding::Visibility;
use crate::inventory::{Attested, Base};
use crate::time::Timestamp;

/// A flaw of `openssl` with these pieces of evidence.
fn flaw(severity: Severity, evidence: &[(&'static str, serde_json::Value)]) -> Finding {
    let location = Location::Package {
        purl: "pkg:deb/debian/openssl@3.0.11-1?arch=amd64".into(),
        path: ImagePath::from("var/lib/dpkg/status"),
        layer: 0,
    };
    let mut flaw = Finding::new(&FLAW, "CVE-2026-0001", location, "flawed");
    flaw.severity = severity;
    flaw.is_fixable = true;
    flaw.evidence.insert("ids", json!(["CVE-2026-0001", "GHSA-aaaa-bbbb-cccc", "DSA-1-1"]));
    for (key, value) in evidence {
        flaw.evidence.insert(key, value.clone());
    }
    flaw
}

pub(super) fn image_facts() -> ImageFacts {
    ImageFacts {
        reference: "registry.example/shop/api:1.4".into(),
        tags: vec!["shop/api:1.4".into()],
        platform: Some("linux/amd64".into()),
        size: Some(600_000_000),
        lists_packages: true,
        stored: Some(200_000_000),
        shipped: Some(500_000_000),
        visible: Some(450_000_000),
        layers: Some(12),
        config: Some(ConfigFacts {
            user: "app".into(),
            uid: Some(1000),
            labels: [
                ("org.opencontainers.image.source", "https://git.example/shop/api"),
                ("version", "1.4.0-rc.1+5"),
                ("team", "team-shop"),
                ("empty", ""),
                ("mail", "shop@team.example"),
                ("revision", "0123abcd"),
                ("made", "2026-05-01T12:00:00Z"),
                ("licences", "MIT OR Apache-2.0"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
            healthcheck: true,
            ..ConfigFacts::default()
        }),
        base: Base {
            name: Some("docker.io/library/debian:13".into()),
            digest: Some(format!("sha256:{}", "ab".repeat(32))),
            ..Base::default()
        },
        base_created: "2026-05-16T00:00:00Z".parse::<Timestamp>().ok(),
        attested: Some(Attested { has_signature: true, has_provenance: false, has_bill: true }),
        packages: vec![
            package("pkg:npm/left@1.0.0", Some("MIT")),
            package("pkg:npm/both@1.0.0", Some("AGPL-3.0-only OR MIT")),
            package("pkg:npm/strict@1.0.0", Some("AGPL-3.0-only AND MIT")),
            package("pkg:deb/debian/openssl@3.0.11-1?arch=amd64", Some("Apache-2.0")),
            package("pkg:deb/debian/bash@5", Some("GPL-3.0-or-later WITH Bison-exception-2.2")),
            package("pkg:npm/unsaid@1.0.0", None),
        ],
        data_hours: Some(100),
        ..ImageFacts::default()
    }
}

pub(super) fn package(purl: &str, licence: Option<&str>) -> PackageFacts {
    PackageFacts {
        purl: purl.into(),
        licence: licence.map(ToOwned::to_owned),
        is_expression: licence.is_some(),
        is_counted: true,
        path: "/x".into(),
        ..PackageFacts::default()
    }
}

/// The lines of findings that `policy` alone makes of an image, and of these findings.
fn lines(policies: &[&str], findings: Vec<Finding>, image: &ImageFacts) -> (Vec<String>, Verdict) {
    let set = PolicySet::of(policies.iter().map(|text| parse(text)).collect()).expect("in order");
    let origin = |finding: &Finding| match finding.layer() {
        Some(0) => Origin::Base,
        Some(_) => Origin::App,
        None => Origin::Unknown,
    };
    let today = TODAY.parse().expect("a date");
    let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(image) };
    let (judged, verdict) = set.evaluate(findings, &context).expect("no condition");
    let line = |one: &Judged| {
        let waived = if one.waiver.is_some() { " waived" } else { "" };
        format!("{} {} {}{waived}", one.action.as_str(), one.finding.rule.id, one.finding.subject)
    };
    (judged.iter().map(line).collect(), verdict)
}

/// Whether a `match` selects a finding.
fn selects(conditions: &str, finding: Finding) -> bool {
    let policy = format!("[[rule]]\nmatch = {{ {conditions} }}\naction = \"fail\"\n");
    lines(&[&policy], vec![finding], &image_facts()).0.first().is_some_and(|line| line.starts_with("fail"))
}

#[test]
fn conditions_of_match() {
    let published = |day: &str| flaw(Severity::High, &[("published", json!(format!("{day}T10:00:00Z")))]);
    let scored = |cvss: f64, epss: f64| {
        flaw(Severity::High, &[("rating", json!({ "score": cvss })), ("epss", json!({ "score": epss }))])
    };
    let unfixable = || Finding { is_fixable: false, ..flaw(Severity::High, &[]) };
    let kev = || flaw(Severity::High, &[("exploited", json!({ "added": "2026-01-01" }))]);
    let cases: Vec<(&str, Finding, bool)> = vec![
        ("", flaw(Severity::Low, &[]), true),
        ("rule = 'package/vulnerable'", flaw(Severity::Low, &[]), true),
        ("rule = 'package/*'", flaw(Severity::Low, &[]), true),
        ("rule = 'image/*'", flaw(Severity::Low, &[]), false),
        ("rule = 'CVE-2026-0001'", flaw(Severity::Low, &[]), true),
        ("rule = 'GHSA-aaaa-bbbb-cccc'", flaw(Severity::Low, &[]), true),
        ("rule = 'DSA-1-*'", flaw(Severity::Low, &[]), true),
        ("rule = 'CVE-2026-0002'", flaw(Severity::Low, &[]), false),
        ("rule = ['CVE-2026-0002', 'image/root-user']", flaw(Severity::Low, &[]), false),
        ("rule = ['CVE-2026-0002', 'image/root-user']", image(&ROOT), true),
        ("rule = 'CVE-2026-0001'", image(&ROOT), false),
        ("rule = 'dl3002'", image(&ROOT), true),
        ("family = 'package'", flaw(Severity::Low, &[]), true),
        ("family = ['secret', 'image']", flaw(Severity::Low, &[]), false),
        ("severity = '>=high'", flaw(Severity::High, &[]), true),
        ("severity = '>high'", flaw(Severity::High, &[]), false),
        ("severity = ['low', 'critical']", flaw(Severity::High, &[]), false),
        ("severity = ['low', 'critical']", flaw(Severity::Critical, &[]), true),
        ("confidence = '<high'", flaw(Severity::High, &[]), false),
        ("confidence = 'low'", image(&GUESS), true),
        ("fixable = true", flaw(Severity::High, &[]), true),
        ("fixable = true", unfixable(), false),
        ("fixable = false", unfixable(), true),
        ("exploited = true", kev(), true),
        ("kev = true", kev(), true),
        ("kev = true", flaw(Severity::High, &[]), false),
        ("kev = false", flaw(Severity::High, &[]), true),
        ("age = '>=14d'", published("2026-06-01"), true),
        ("age = '14d'", published("2026-06-01"), true),
        ("age = '>14d'", published("2026-06-01"), false),
        ("age = '<2w'", published("2026-06-02"), true),
        ("age = '<336h'", published("2026-06-01"), false),
        ("age = '>=14d'", flaw(Severity::High, &[]), true),
        ("age = '<14d'", flaw(Severity::High, &[]), false),
        ("fix-age = '>=14d'", published("2026-06-01"), true),
        ("fix-age = '>=14d'", published("2026-06-02"), false),
        ("fix-age = '>=14d'", unfixable(), false),
        ("cvss = 7.0", scored(7.0, 0.0), true),
        ("cvss = 7", scored(6.9, 0.0), false),
        ("cvss = '<7.0'", scored(6.9, 0.0), true),
        ("cvss = '>9'", scored(9.0, 0.0), false),
        ("cvss = 0.0", flaw(Severity::High, &[]), false),
        ("epss = 0.5", scored(5.0, 0.5), true),
        ("epss = '<=0.1'", scored(5.0, 0.5), false),
        ("ecosystem = 'deb'", flaw(Severity::High, &[]), true),
        ("ecosystem = ['npm', 'pypi']", flaw(Severity::High, &[]), false),
        ("ecosystem = 'deb'", image(&ROOT), false),
        ("licence = 'Apache-*'", flaw(Severity::High, &[]), true),
        ("licence = 'GPL-*'", flaw(Severity::High, &[]), false),
        ("licence = '*'", image(&ROOT), false),
        ("origin = 'base'", flaw(Severity::High, &[]), true),
        ("origin = 'app'", flaw(Severity::High, &[]), false),
        ("origin = 'app'", file(&AWS, "k"), true),
        ("origin = 'unknown'", image(&ROOT), true),
        ("visibility = 'live'", file(&AWS, "k"), true),
        ("visibility = ['deleted', 'overwritten']", file(&AWS, "k"), false),
        ("visibility = 'deleted'", Finding { visibility: Visibility::Deleted, ..file(&AWS, "k") }, true),
        ("path = '/app/**'", file(&AWS, "app/a/k"), true),
        ("path = '/app/*'", file(&AWS, "app/a/k"), false),
        ("path = 'config'", config(&ROOT, "User"), true),
        ("path = '**'", image(&ROOT), false),
        ("purl = 'pkg:deb/*/openssl@*'", flaw(Severity::High, &[]), true),
        ("purl = 'pkg:deb/*/openssh@*'", flaw(Severity::High, &[]), false),
        ("purl = 'pkg:*'", image(&ROOT), false),
        ("subject = 'GHSA-*'", flaw(Severity::High, &[]), true),
        ("subject = 'RUSTSEC-*'", flaw(Severity::High, &[]), false),
        ("image = 'registry.example/shop/*'", image(&ROOT), true),
        ("image = 'shop/api:1.4'", image(&ROOT), true),
        ("image = 'registry.example/other/*'", image(&ROOT), false),
        ("platform = 'linux/amd64'", image(&ROOT), true),
        ("platform = 'linux/arm*'", image(&ROOT), false),
        ("platform = 'linux/amd64/v2'", image(&ROOT), false),
        ("platform = 'linux/*', rule = 'image/*', severity = 'medium'", image(&ROOT), true),
        ("platform = 'linux/*', rule = 'image/*', severity = 'low'", image(&ROOT), false),
    ];
    for (conditions, finding, expected) in cases {
        assert_eq!(selects(conditions, finding.clone()), expected, "{conditions}: {finding:?}");
    }
}

#[test]
fn rules_wait_make_exceptions_and_tell_why() {
    let cases: &[(&str, &str, &str)] = &[
        // what the rule says, the day on which the flaw was published, what comes of it
        ("grace = '14d'", "2026-06-10", "warn"),
        ("grace = '14d'", "2026-06-01", "fail"),
        ("grace = '14d'", "2026-06-02", "warn"),
        ("grace = '14d'", "", "fail"),
        ("grace = '2w'", "2026-06-14", "warn"),
        ("unless = { purl = 'pkg:deb/*' }", "2026-01-01", "warn"),
        ("unless = { purl = 'pkg:npm/*' }", "2026-01-01", "fail"),
        ("unless = { severity = '<critical', origin = 'base' }", "2026-01-01", "warn"),
        ("unless = { severity = '<critical', origin = 'app' }", "2026-01-01", "fail"),
    ];
    for (more, published, expected) in cases {
        let policy = format!("[[rule]]\nmatch = {{ rule = 'package/*' }}\naction = 'fail'\nmessage = 'why'\n{more}\n");
        let published =
            if published.is_empty() { None } else { Some(("published", json!(format!("{published}T00:00:00Z")))) };
        let finding = flaw(Severity::High, &published.into_iter().collect::<Vec<_>>());
        let (lines, verdict) = lines(&[&policy], vec![finding], &image_facts());
        assert!(lines[0].starts_with(expected), "{more}: {lines:?}");
        assert_eq!(verdict.outcome == Outcome::Failed, *expected == "fail");
    }
    let policy = "[[rule]]\nmatch = {}\naction = 'fail'\ngrace = '14d'\nmessage = 'why'\n";
    let set = PolicySet::of(vec![parse(policy)]).expect("in order");
    let waiting = flaw(Severity::High, &[("published", json!("2026-06-10T00:00:00Z"))]);
    let (judged, _) = evaluate(&set, vec![waiting], &[]);
    assert_eq!(judged[0].note.as_deref(), Some("why; fails in 9d"));
    assert_eq!(judged[0].decided_at.as_deref(), Some("policy.toml:1"));
}

#[test]
fn tables_ask_for_what_they_say() {
    let long_gone = "2026-01-01T00:00:00Z".parse::<Timestamp>().ok();
    let with = |change: &dyn Fn(&mut ImageFacts)| {
        let mut image = image_facts();
        change(&mut image);
        image
    };
    let plain = image_facts();
    let bare = ImageFacts { size: Some(10), ..ImageFacts::default() };
    let made = |day: &str| with(&|image| image.base_created = format!("{day}T12:00:00Z").parse().ok());
    let half = |purl: &str, licence| PackageFacts {
        ecosystem: purl.split([':', '/']).nth(1).unwrap_or_default().to_owned(),
        is_expression: false,
        ..package(purl, Some(licence))
    };
    let partly = with(&|image| {
        image.packages = vec![
            half("pkg:deb/debian/sed@4", "GPL-3+, GPL-3+ with Bison exception"),
            half("pkg:npm/choice@1", "GPL-3.0-or-later OR odd"),
            half("pkg:npm/comma@1", "GPL-3.0-or-later, MIT"),
            half("pkg:npm/isc@1", "MIT AND odd AND ISC"),
            half("pkg:npm/mit@1", "MIT AND odd"),
            half("pkg:npm/nested@1", "MIT AND (GPL-3.0-only OR (SSPL-1.0 AND odd))"),
            half("pkg:npm/with@1", "GPL-3.0-only WITH odd-exception"),
        ];
    });
    let folder = ImageFacts { shipped: Some(10), visible: Some(10), ..bare.clone() };
    let cases: Vec<(&str, ImageFacts, &[&str])> = vec![
        (
            "[limits]\nsize = '700 MB'\nstored-size = '250MB'\nlayers = 12\npackages = 6\nwaste = '10%'",
            plain.clone(),
            &[],
        ),
        ("[limits]\nsize = '500 MB'", plain.clone(), &["fail policy/limit-exceeded size"]),
        ("[limits]\nsize = 500\naction = 'warn'", plain.clone(), &["warn policy/limit-exceeded size"]),
        ("[limits]\nstored-size = '100MB'", plain.clone(), &["fail policy/limit-exceeded stored-size"]),
        ("[limits]\nlayers = 11", plain.clone(), &["fail policy/limit-exceeded layers"]),
        ("[limits]\nlayers = 0\nstored-size = 0\nwaste = '0%'", folder.clone(), &[]),
        (
            "[limits]\nlayers = 9\npackages = 9\nstored-size = 9",
            bare.clone(),
            &["fail policy/not-judged layers", "fail policy/not-judged packages", "fail policy/not-judged stored-size"],
        ),
        (
            "[limits]\naction = 'warn'\nsize = 9",
            ImageFacts { size: None, ..bare.clone() },
            &["warn policy/not-judged size"],
        ),
        ("[licences]\ndeny = 'MIT'", bare.clone(), &["fail policy/not-judged licences"]),
        ("[limits]\npackages = 5", plain.clone(), &["fail policy/limit-exceeded packages"]),
        ("[limits]\nwaste = '9.9%'", plain.clone(), &["fail policy/limit-exceeded waste"]),
        ("[limits]\nwaste = '9%'\nwaste-floor = '50 MB'", plain.clone(), &[]),
        ("[limits]\nwaste = '9%'\nwaste-floor = '49 MB'", plain.clone(), &["fail policy/limit-exceeded waste"]),
        ("[limits]\nwaste = '0%'", bare.clone(), &["fail policy/not-judged waste"]),
        ("[base]\nallow = 'debian:*'", plain.clone(), &[]),
        ("[base]\nallow = 'docker.io/library/debian:13'", plain.clone(), &[]),
        (
            "[base]\nallow = ['alpine:*', 'ubuntu*']",
            plain.clone(),
            &["fail policy/base-not-allowed docker.io/library/debian:13"],
        ),
        ("[base]\ndeny = 'debian:1?'", plain.clone(), &["fail policy/base-not-allowed docker.io/library/debian:13"]),
        ("[base]\ndeny = '*:latest'", plain.clone(), &[]),
        (
            "[base]\nallow = 'debian:*'\ndeny = '*:13'\naction = 'info'",
            plain.clone(),
            &["info policy/base-not-allowed docker.io/library/debian:13"],
        ),
        (
            "[base]\nallow-digests = 'sha256:abababababababababababababababababababababababababababababababab'",
            plain.clone(),
            &[],
        ),
        (
            "[base]\nallow-digests = 'sha256:cdabababababababababababababababababababababababababababababab12'",
            plain.clone(),
            &["fail policy/base-not-allowed docker.io/library/debian:13"],
        ),
        ("[base]\nallow = 'docker.io/library/alpine'", with(&|image| image.base.name = Some("alpine".into())), &[]),
        ("[base]\nallow = 'docker.io/shop/alpine'", with(&|image| image.base.name = Some("shop/alpine".into())), &[]),
        (
            "[base]\nallow = 'docker.io/library/x'",
            with(&|image| image.base.name = Some("r.example/x".into())),
            &["fail policy/base-not-allowed r.example/x"],
        ),
        ("[base]\nallow = 'debian:*'", with(&|image| image.base = Base::default()), &["fail policy/base-unknown base"]),
        ("[base]\ndeny = 'debian:*'", with(&|image| image.base = Base::default()), &["fail policy/base-unknown base"]),
        ("[base]\nallow = 'debian:*'", folder, &[]),
        ("[base]\nallow = 'debian:*'", bare.clone(), &["fail policy/base-unknown base"]),
        ("[base]\nmax-age = '30d'", plain.clone(), &[]),
        ("[base]\nmax-age = '29d'", plain.clone(), &["fail policy/base-too-old base"]),
        ("[base]\nmax-age = '30d'", with(&|image| image.base_created = long_gone), &["fail policy/base-too-old base"]),
        ("[base]\nmax-age = '30d'", with(&|image| image.base_created = None), &["fail policy/base-unknown base age"]),
        (
            "[base]\nmax-age = '30d'",
            with(&|image| image.base_created = Some(Timestamp::from_unix(0))),
            &["fail policy/base-unknown base age"],
        ),
        ("[base]\nmax-age = '30d'", made("2026-06-16"), &[]),
        ("[base]\nmax-age = '30d'", made("2026-06-17"), &["fail policy/base-unknown base age"]),
        ("[base]\nmax-age = '30d'", made("2099-01-01"), &["fail policy/base-unknown base age"]),
        ("[licences]\ndeny = 'AGPL-*'", plain.clone(), &["fail policy/licence-not-allowed pkg:npm/strict@1.0.0"]),
        (
            "[licences]\ndeny = 'AGPL-*'\nunknown = 'warn'",
            plain.clone(),
            &[
                "fail policy/licence-not-allowed pkg:npm/strict@1.0.0",
                "warn policy/licence-unknown pkg:npm/unsaid@1.0.0",
            ],
        ),
        ("[licences]\ndeny = 'AGPL-*'\nignore = 'pkg:npm/s*'", plain.clone(), &[]),
        (
            "[licences]\nallow = ['MIT', 'Apache-2.0']\nignore = 'pkg:npm/strict*'",
            plain.clone(),
            &["fail policy/licence-not-allowed pkg:deb/debian/bash@5"],
        ),
        ("[licences]\nallow = ['MIT', 'Apache-2.0', 'GPL-3.0-or-later', 'AGPL*']", plain.clone(), &[]),
        ("[licences]\nallow = ['MIT', 'Apache-2.0', 'GPL-*WITH Bison*', 'AGPL*']", plain.clone(), &[]),
        (
            "[licences]\ndeny = 'copyleft'\naction = 'warn'",
            plain.clone(),
            &[
                "warn policy/licence-not-allowed pkg:deb/debian/bash@5",
                "warn policy/licence-not-allowed pkg:npm/strict@1.0.0",
            ],
        ),
        ("[licences]\nallow = 'osi-approved'", plain.clone(), &[]),
        (
            "[licences]\ndeny = 'GPL-3.0-or-later'\nallow = 'MIT'\nunknown = 'warn'",
            partly.clone(),
            &[
                "fail policy/licence-not-allowed pkg:deb/debian/sed@4",
                "fail policy/licence-not-allowed pkg:npm/isc@1",
                "fail policy/licence-not-allowed pkg:npm/nested@1",
                "fail policy/licence-not-allowed pkg:npm/with@1",
                "warn policy/licence-unknown pkg:npm/choice@1",
                "warn policy/licence-unknown pkg:npm/comma@1",
                "warn policy/licence-unknown pkg:npm/mit@1",
            ],
        ),
        (
            "[licences]\ndeny = 'copyleft'",
            partly.clone(),
            &[
                "fail policy/licence-not-allowed pkg:deb/debian/sed@4",
                "fail policy/licence-not-allowed pkg:npm/nested@1",
                "fail policy/licence-not-allowed pkg:npm/with@1",
            ],
        ),
        (
            "[licences]\nallow = 'fsf-libre'\ndeny = 'MIT'",
            plain.clone(),
            &[
                "fail policy/licence-not-allowed pkg:npm/left@1.0.0",
                "fail policy/licence-not-allowed pkg:npm/strict@1.0.0",
            ],
        ),
        ("[require]\nuser = 'non-root'\nhealthcheck = true\nsignature = true\nsbom = true", plain.clone(), &[]),
        (
            "[require]\nuser = 'non-root'",
            with(&|image| image.config = Some(ConfigFacts { uid: Some(0), ..ConfigFacts::default() })),
            &["fail policy/requirement-missing user"],
        ),
        (
            "[require]\nuser = 'non-root'",
            with(&|image| image.config = Some(ConfigFacts::default())),
            &["fail policy/requirement-missing user"],
        ),
        ("[require]\nuser = ['app', '1000']", plain.clone(), &[]),
        ("[require]\nuser = 'nonroot*'", plain.clone(), &["fail policy/requirement-missing user"]),
        (
            "[require]\nhealthcheck = true",
            with(&|image| image.config = Some(ConfigFacts::default())),
            &["fail policy/requirement-missing healthcheck"],
        ),
        (
            "[require]\nuser = 'non-root'\nhealthcheck = true",
            bare.clone(),
            &["fail policy/not-judged healthcheck", "fail policy/not-judged user"],
        ),
        ("[require]\nprovenance = true", plain.clone(), &["fail policy/requirement-missing provenance"]),
        (
            "[require]\nprovenance = true\nsignature = true",
            with(&|image| image.attested = None),
            &["fail policy/not-judged provenance", "fail policy/not-judged signature"],
        ),
        (
            "[require]\nsbom = true\naction = 'warn'",
            with(&|image| image.attested = Some(Attested::default())),
            &["warn policy/requirement-missing sbom"],
        ),
        (
            "[require.labels]\nteam = { pattern = '^team-[a-z]+$' }\nempty = 'any'\nmail = 'email'\nversion = 'semver'",
            plain.clone(),
            &[],
        ),
        (
            "[require.labels]\nrevision = 'hash'\nmade = 'rfc3339'\nlicences = 'spdx'\n'org.opencontainers.image.source' = 'url'\nteam = 'text'",
            plain.clone(),
            &[],
        ),
        ("[require.labels]\nempty = 'text'", plain.clone(), &["fail policy/requirement-missing empty"]),
        ("[require.labels]\nteam = 'url'", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nteam = 'email'", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nteam = 'semver'", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nteam = 'rfc3339'", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nteam = 'hash'", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nteam = 'spdx'", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nteam = { pattern = '^shop' }", plain.clone(), &["fail policy/requirement-missing team"]),
        ("[require.labels]\nnobody = 'any'", plain.clone(), &["fail policy/requirement-missing nobody"]),
        (
            "[require.labels]\nnobody = { form = 'url', optional = true }\nteam = { form = 'url', optional = true }",
            plain.clone(),
            &["fail policy/requirement-missing team"],
        ),
        ("[data]\nmax-age = '5d'", plain.clone(), &[]),
        ("[data]\nmax-age = '4d'", plain.clone(), &["fail policy/data-too-old advisories"]),
        ("[data]\nmax-age = '99h'\naction = 'warn'", plain.clone(), &["warn policy/data-too-old advisories"]),
        ("[data]\nmax-age = '5d'", bare.clone(), &["fail policy/data-missing advisories"]),
    ];
    for (policy, image, expected) in cases {
        let (lines, verdict) = lines(&[policy], Vec::new(), &image);
        let own: Vec<&String> = lines.iter().filter(|line| !line.contains("waiver")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>(), "{policy}");
        let is_gap = |line: &&&str| ["unknown base", "not-judged", "data-missing"].iter().any(|gap| line.contains(gap));
        let fails = expected.iter().filter(|line| line.starts_with("fail")).any(|line| !is_gap(&line));
        let outcome = match (fails, expected.iter().any(|line| is_gap(&line))) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Incomplete,
            (false, false) => Outcome::Passed,
        };
        assert_eq!(verdict.outcome, outcome, "{policy}: {}", verdict.reason);
    }
}

#[test]
fn tables_stand_above_rules_of_their_file_and_below_those_of_later_ones() {
    let limits = "name = 'ours'\n[limits]\nlayers = 1\n[[rule]]\nmatch = {}\naction = 'ignore'\n";
    let relaxed = "name = 'relaxed'\n[[rule]]\nmatch = { rule = 'policy/limit-exceeded' }\naction = 'warn'\n";
    let raised = "name = 'raised'\n[limits]\nlayers = 20\n";
    let stricter = "name = 'strict'\n[limits]\naction = 'warn'\nsize = 1\n";
    for (policies, expected) in [
        (vec![limits], vec!["fail policy/limit-exceeded layers"]),
        (vec![limits, relaxed], vec!["warn policy/limit-exceeded layers"]),
        (vec![relaxed, limits], vec!["fail policy/limit-exceeded layers"]),
        (vec![limits, raised], vec![]),
        (vec![limits, stricter], vec!["warn policy/limit-exceeded layers", "warn policy/limit-exceeded size"]),
    ] {
        assert_eq!(lines(&policies, Vec::new(), &image_facts()).0, expected, "{policies:?}");
    }
    let set = PolicySet::of(vec![parse(limits)]).expect("in order");
    let origin = |_: &Finding| Origin::Unknown;
    let facts = image_facts();
    let context = EvaluateContext {
        limitations: &[],
        today: TODAY.parse().expect("a date"),
        origin: &origin,
        image: Some(&facts),
    };
    let (judged, verdict) = set.evaluate(Vec::new(), &context).expect("no condition");
    assert_eq!(judged[0].decided_by, "ours [limits] layers");
    assert_eq!(judged[0].decided_at.as_deref(), Some("policy.toml:3"));
    assert_eq!(verdict.reason, "1 finding breaks `ours`: 1 `policy/limit-exceeded`");
    let [rule] = verdict.rules.as_slice() else { panic!("{:?}", verdict.rules) };
    assert_eq!((rule.place.as_deref(), rule.findings, rule.ids.len()), (Some("policy.toml:3"), 1, 1));
}

#[test]
fn waivers_may_be_asked_for_more_or_less() {
    let root = |fields: &str| format!("[[waiver]]\nrule = 'image/root-user'\n{fields}\n");
    let dated = root("reason = 'r'\nexpires = 2026-12-31");
    let soon = root("reason = 'r'\nexpires = 2026-06-20");
    let cases: Vec<(String, &[&str])> = vec![
        (dated.clone(), &["warn image/root-user image waived"]),
        (soon.clone(), &["warn image/root-user image waived", "info policy/waiver-expires-soon image/root-user"]),
        (format!("[waivers]\nremind = '1d'\n{soon}"), &["warn image/root-user image waived"]),
        (format!("[waivers]\nrequire = []\n{}", root("")), &["warn image/root-user image waived"]),
        (
            format!("[waivers]\nallow = false\n{dated}"),
            &["warn image/root-user image", "warn policy/waiver-forbidden image/root-user"],
        ),
        (
            format!("[waivers]\nlongest = '30d'\n{dated}"),
            &["warn image/root-user image", "warn policy/waiver-forbidden image/root-user"],
        ),
        (
            format!("[waivers]\nlongest = '30d'\n{soon}"),
            &["warn image/root-user image waived", "info policy/waiver-expires-soon image/root-user"],
        ),
        (
            format!("[waivers]\nlongest = '30d'\nrequire = 'reason'\n{}", root("reason = 'r'")),
            &["warn image/root-user image", "warn policy/waiver-forbidden image/root-user"],
        ),
        (
            root("reason = 'r'\nexpires = 2026-12-31\nimage = 'registry.example/*'"),
            &["warn image/root-user image waived"],
        ),
        (root("reason = 'r'\nexpires = 2026-12-31\nimage = 'other/*'"), &["warn image/root-user image"]),
        (root("reason = 'r'\nexpires = 2026-12-31\nplatform = 'linux/arm64'"), &["warn image/root-user image"]),
        (
            "[[waiver]]\nrule = 'image/*'\nreason = 'r'\nexpires = 2026-12-31\n".into(),
            &["warn image/root-user image waived", "warn policy/waiver-too-broad image/*"],
        ),
        (
            format!("{dated}[[waiver]]\nrule = 'DL3002'\nreason = 's'\nexpires = 2026-12-31\n"),
            &["warn image/root-user image waived"],
        ),
    ];
    for (policy, expected) in cases {
        assert_eq!(lines(&[&policy], vec![image(&ROOT)], &image_facts()).0, expected, "{policy}");
    }
    let flawed = |waiver: &str| {
        lines(
            &[&format!("[[waiver]]\n{waiver}\nreason = 'r'\nexpires = 2026-12-31\n")],
            vec![flaw(Severity::Low, &[])],
            &image_facts(),
        )
        .0
    };
    for (waiver, is_waived) in [
        ("rule = 'CVE-2026-0001'", true),
        ("rule = 'GHSA-aaaa-bbbb-cccc'", true),
        ("rule = 'CVE-2026-0001'\npurl = 'pkg:deb/debian/openssl@3.0.11-1*'", true),
        ("rule = 'CVE-2026-0001'\npurl = 'pkg:npm/*'", false),
        ("rule = 'CVE-2026-0001'\norigin = 'app'", false),
        ("rule = 'package/vulnerable'\nsubject = 'DSA-1-1'", true),
        ("rule = 'package/vulnerable'\nsubject = ['CVE-1', 'DSA-*']", true),
    ] {
        assert_eq!(flawed(waiver)[0].ends_with("waived"), is_waived, "{waiver}");
    }
}

#[test]
fn a_baseline_makes_known_failures_warn() {
    let known = file(&AWS, "app/key");
    let fresh = file(&AWS, "app/other");
    let text = json!({ "schema": "careen.baseline/1", "findings": [
        { "id": known.fingerprint(), "rule": "secret/aws-access-key", "subject": "app/key" },
    ] });
    let baseline = Baseline::parse("b.json", text.to_string().as_bytes()).expect("a baseline");
    let shown = |set: PolicySet, findings: Vec<Finding>| {
        let (judged, verdict) = evaluate(&set, findings, &[]);
        let actions: Vec<String> = judged
            .iter()
            .map(|one| format!("{} {} {}", one.action.as_str(), one.finding.subject, one.decided_by))
            .collect();
        (actions, verdict.outcome)
    };
    let default = || default_set().with_baseline(baseline.clone());
    assert_eq!(shown(default(), vec![known.clone()]), (vec!["warn app/key baseline".into()], Outcome::Passed));
    let (lines, outcome) = shown(default(), vec![known.clone(), fresh]);
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(lines[0], "fail app/other careen:2026 secrets");
    let all = PolicySet::of(vec![parse("extends = 'careen:2026'\nfail-on = 'all'")]).expect("in order");
    assert_eq!(shown(all.with_baseline(baseline.clone()), vec![known]).1, Outcome::Failed);
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"schema":"x/1","findings":[]}"#,
        r#"{"schema":"careen.baseline/1","findings":[{"id":"1","rule":"x"}]}"#,
    ] {
        assert_eq!(Baseline::parse("b.json", wrong.as_bytes()).expect_err(wrong).kind, ErrorKind::Config);
    }
}

#[test]
fn editions_fix_how_grave_rules_are() {
    let severity = |edition: &str| {
        let policy = format!("edition = '{edition}'\n[[rule]]\nmatch = {{ severity = '>=high' }}\naction = 'fail'\n");
        lines(&[&policy], vec![image(&ROOT)], &image_facts()).0
    };
    assert_eq!(severity("2026"), ["warn image/root-user image"]);
    assert_eq!(severity("next"), ["fail image/root-user image"]);
}

#[test]
fn what_came_after_an_edition_is_shown_there_and_no_more() {
    static LATER: Rule = Rule { id: "image/later", since: "0.2.0", severity: Severity::High, ..Rule::NEW };
    static OTHERS: &[&Rule] = &[&LATER, &ROOT];
    let rule = |condition: &str| format!("[[rule]]\nmatch = {{ {condition} }}\naction = 'fail'\n");
    let action = |text: String| {
        let policy = Policy::parse("policy.toml", &text, OTHERS, false).expect("it parses");
        let (judged, verdict) = evaluate(&PolicySet::of(vec![policy]).expect("one"), vec![image(&LATER)], &[]);
        (judged[0].action.as_str(), judged[0].decided_by.clone(), verdict.outcome)
    };
    let lowered = ("info", "edition 2026".to_owned(), Outcome::Passed);
    let fails = |line| ("fail", format!("policy.toml line {line}"), Outcome::Failed);
    for (text, expected) in [
        (rule(""), lowered.clone()),
        (rule("rule = 'image/*'"), lowered.clone()),
        (format!("edition = '2026'\n{}", rule("family = 'image', severity = '>=high'")), lowered),
        (format!("edition = 'next'\n{}", rule("")), fails(2)),
        // who names it means it
        (rule("rule = 'image/later'"), fails(1)),
        (format!("edition = '2026'\n{}", rule("rule = ['image/root-user', 'image/later']")), fails(2)),
    ] {
        assert_eq!(action(text.clone()), expected, "{text}");
    }
    let nothing = action("edition = '2026'\n[[rule]]\nmatch = { family = 'image' }\naction = 'ignore'\n".into());
    assert_eq!(nothing.0, "ignore");
    let info = action(rule("").replace("'fail'", "'info'"));
    assert_eq!((info.0, info.1.as_str()), ("info", "policy.toml line 1"));
    let none = action("edition = '2026'\n[limits]\nlayers = 5\n".into());
    assert_eq!((none.0, none.1.as_str()), ("info", "edition 2026"));
    let none = action("edition = 'next'\n[limits]\nlayers = 5\n".into());
    assert_eq!((none.0, none.1.as_str()), ("warn", NO_RULE));
    // what `--fail-on` names is a family
    let policy =
        Policy::parse("policy.toml", "edition = '2026'\n[limits]\nlayers = 5\n", OTHERS, false).expect("it parses");
    let set =
        PolicySet::of(vec![policy]).expect("one").with_fail_on(FailOn::parse("low,image", OTHERS).expect("a severity"));
    assert_eq!(evaluate(&set, vec![image(&LATER)], &[]).1.outcome, Outcome::Passed);
}

#[test]
fn waivers_are_scoped_by_ecosystem_and_visibility() {
    let hidden = || Finding { visibility: Visibility::Deleted, ..file(&AWS, "app/key") };
    for (scope, finding, is_waived) in [
        ("rule = 'secret/*'\nvisibility = 'deleted'", hidden(), true),
        ("rule = 'secret/*'\nvisibility = ['deleted', 'overwritten']", hidden(), true),
        ("rule = 'secret/*'\nvisibility = 'live'", hidden(), false),
        ("rule = 'secret/*'\nvisibility = 'deleted'", file(&AWS, "app/key"), false),
        ("rule = 'package/vulnerable'\necosystem = 'deb'", flaw(Severity::High, &[]), true),
        ("rule = 'package/vulnerable'\necosystem = ['npm', 'deb']", flaw(Severity::High, &[]), true),
        ("rule = 'package/vulnerable'\necosystem = 'npm'", flaw(Severity::High, &[]), false),
        ("rule = 'secret/*'\necosystem = 'deb'", file(&AWS, "app/key"), false),
    ] {
        let policy = format!("extends = 'careen:2026'\n[[waiver]]\n{scope}\nreason = 'x'\nexpires = 2026-12-31\n");
        let (lines, verdict) = lines(&[&policy], vec![finding], &ImageFacts::default());
        assert_eq!(
            (verdict.waived == 1, verdict.outcome == Outcome::Passed),
            (is_waived, is_waived),
            "{scope}: {lines:?}"
        );
    }
    // neither says which finding is meant, and each tells one waiver from another
    let text = "[[waiver]]\nrule = 'secret/*'\nvisibility = 'deleted'\nreason = 'x'\nexpires = 2026-12-31\n\
                [[waiver]]\nrule = 'secret/*'\norigin = 'base'\nreason = 'x'\nexpires = 2026-12-31\n\
                [[waiver]]\nrule = 'secret/*'\necosystem = 'deb'\nreason = 'x'\nexpires = 2026-12-31\n";
    let (shown, _) = judged(&[text], Vec::new());
    let broad: Vec<&str> = shown.iter().filter_map(|line| line.strip_prefix("warn policy/waiver-too-broad ")).collect();
    assert_eq!(broad, ["secret/* base", "secret/* deb", "secret/* deleted"]);
}

#[test]
fn the_verdict_does_not_depend_on_the_order_of_findings() {
    let findings = || {
        vec![
            file(&AWS, "app/key"),
            image(&ROOT),
            flaw(Severity::High, &[]),
            image(&TAG),
            file(&CACHE, "var/cache/apt/x"),
            image(&STALE),
        ]
    };
    let policy = "extends = 'careen:2026'\n[limits]\nlayers = 1\n[[waiver]]\nrule = 'image/*'\nreason = 'r'\nexpires = 2026-12-31\n";
    let expected = lines(&[policy], findings(), &image_facts());
    for turn in 0..6 {
        let mut turned = findings();
        turned.rotate_left(turn);
        assert_eq!(lines(&[policy], turned, &image_facts()), expected);
    }
}

#[cfg(feature = "cel")]
#[test]
fn conditions_in_cel_hold_besides_match() {
    let cases: &[(&str, &str, bool)] = &[
        ("", "finding.severity_rank >= 3", true),
        ("", "finding.severity_rank > 3", false),
        ("", "finding.family == 'package' && image.layers == 12", true),
        ("", "finding.ids.exists(id, id.startsWith('GHSA-'))", true),
        ("", "finding.origin == 'app'", false),
        ("", "finding.age_days >= 14", true),
        ("", "image.labels['team'] == 'team-shop'", true),
        ("severity = 'low'", "true", false),
        ("severity = '>=high'", "finding.fixable", true),
    ];
    for (conditions, when, expected) in cases {
        let when = toml::Value::from(*when);
        let policy = format!("[[rule]]\nmatch = {{ {conditions} }}\nwhen = {when}\naction = 'fail'\n");
        let flaw = flaw(Severity::High, &[("published", json!("2026-06-01T00:00:00Z"))]);
        let (lines, _) = lines(&[&policy], vec![flaw], &image_facts());
        assert_eq!(lines[0].starts_with("fail"), *expected, "{policy}: {lines:?}");
    }
    // no value is no silent no
    let policy = "[[rule]]\nmatch = {}\nwhen = \"1 / finding.bytes == 1\"\naction = 'fail'\n";
    let set = PolicySet::of(vec![parse(policy)]).expect("in order");
    let origin = |_: &Finding| Origin::Unknown;
    let today = TODAY.parse().expect("a date");
    let context = EvaluateContext { limitations: &[], today, origin: &origin, image: None };
    let error = set.evaluate(vec![image(&ROOT)], &context).expect_err("a division by zero");
    assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some("policy.toml:1")));
    // the very word is shown
    let error =
        Policy::parse("p.toml", "[[rule]]\nmatch = {}\naction = 'warn'\nwhen = 'finding.sevrity == 1'\n", KNOWN, false);
    let error = error.expect_err("a misspelt field");
    assert_eq!(error.place.as_deref(), Some("p.toml:4:17"), "{}", error.detail.unwrap_or_default());
}

//! Reports made by hand, for the tests of the formats.

use std::collections::BTreeMap;

use serde_json::json;

use super::Style;
use crate::digest::Digest;
use crate::finding::{Finding, Location, Visibility};
use crate::inventory::{Base, Distro, Ecosystem, Licence, NamedBy, Origin, Package, PackageLocation, ToldBy};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::policy::{Action, AppliedWaiver, ConfigFacts, Deciding, Judged, Outcome, SettingFacts, Verdict};
use crate::report::{Report, ReportedLayer, TargetSummary};
use crate::rule::{Confidence, Rule, Severity};
use crate::size::ByteSize;
use crate::tree::Node;

static DEB: Ecosystem = Ecosystem { id: "deb", purl_type: "deb", is_system: true };
static PYPI: Ecosystem = Ecosystem { id: "pypi", purl_type: "pypi", is_system: false };

static AWS: Rule = Rule {
    id: "secret/aws-access-key",
    title: "An AWS access key is in the image",
    severity: Severity::Critical,
    why: "Whoever can pull the image can use the key.",
    remediation: "Revoke the key, then keep it out of the build with `--mount=type=secret`.",
    references: &["https://docs.docker.com/build/building/secrets/"],
    also: &["DKL-DI-0001"],
    ..Rule::NEW
};
static BUILD_ARGUMENT: Rule = Rule {
    id: "secret/build-argument",
    title: "A secret was passed as a build argument",
    severity: Severity::High,
    ..Rule::NEW
};
static END_OF_LIFE: Rule = Rule { id: "package/end-of-life", title: "A package is no longer maintained", ..Rule::NEW };
static ROOT_USER: Rule = Rule { id: "image/root-user", title: "The image starts its process as root", ..Rule::NEW };
static CACHE: Rule = Rule {
    id: "layer/package-cache",
    title: "A package manager's cache is in the image",
    severity: Severity::Low,
    ..Rule::NEW
};
static WASTE: Rule = Rule {
    id: "image/wasted-space",
    title: "Bytes ship that no container sees",
    severity: Severity::Info,
    ..Rule::NEW
};

/// Eighty columns, no colours, everything shown.
pub(super) fn style() -> Style {
    Style::PLAIN
}

/// A report with a finding of each kind of place, a waiver, a gap and a note.
pub(super) fn report() -> Report {
    let purl = "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12";
    let status = ImagePath::from("var/lib/dpkg/status");
    let package = |ecosystem, name: &str, version: &str, purl: &str, path: &ImagePath| {
        let location =
            PackageLocation { path: path.clone(), node: Node { layer: 1, member: 7 }, added_by: 0, inside: None };
        Package::new(ecosystem, name, version, purl, location)
    };
    let mut secret = Finding::new(
        &AWS,
        "/app/.env",
        Location::File { path: ImagePath::from("app/.env"), layer: 2, lines: Some((3, 3)) },
        "holds an AWS access key",
    )
    .evidence("masked", "AKIA************WXYZ");
    secret.visibility = Visibility::Deleted;
    secret.removed_in_layer = Some(3);
    secret.is_fixable = true;
    let argument = Finding::new(
        &BUILD_ARGUMENT,
        "NPM_TOKEN",
        Location::History { index: 4, layer: Some(1), key: "NPM_TOKEN".into() },
        "the build argument `NPM_TOKEN` holds a token",
    );
    let cache = |n: u32| {
        Finding::new(
            &CACHE,
            format!("/var/cache/apt/archives/package-{n}.deb"),
            Location::File {
                path: ImagePath::from(format!("var/cache/apt/archives/package-{n}.deb").as_str()),
                layer: 1,
                lines: None,
            },
            "an apt cache of 1.0 MiB",
        )
        .evidence("bytes", 1 << 20)
    };
    let judged = |finding, action| Judged {
        finding,
        action,
        decided_by: "careen:2026".into(),
        decided_at: None,
        note: None,
        help: None,
        waiver: None,
    };
    let mut findings = vec![
        judged(secret, Action::Fail),
        judged(argument, Action::Fail),
        Judged {
            waiver: Some(AppliedWaiver {
                reason: "the port is closed by the firewall".into(),
                expires: Some("2027-01-01".parse().expect("a date")),
                owner: Some("ops".into()),
                ticket: Some("OPS-12".into()),
                place: "careen.toml:12".into(),
                ..AppliedWaiver::default()
            }),
            ..judged(
                Finding::new(
                    &END_OF_LIFE,
                    purl,
                    Location::Package { purl: purl.into(), path: status.clone(), layer: 1 },
                    "openssl 3.0.11-1 is maintained no more",
                ),
                Action::Warn,
            )
        },
        judged(
            Finding::new(&ROOT_USER, "User", Location::Config { key: "User".into() }, "starts as `root`, uid 0"),
            Action::Warn,
        ),
    ];
    findings.extend((0..7).map(|n| judged(cache(n), Action::Warn)));
    findings.push(judged(
        Finding::new(&WASTE, "image", Location::Image, "12.0 MiB of 40.0 MiB are in no container"),
        Action::Warn,
    ));
    Report {
        version: "0.1.0",
        target: TargetSummary {
            reference: "registry.example.com/shop/api:1.4".into(),
            source: "registry",
            platform: Some("linux/amd64".parse().expect("a platform")),
            digest: Some(Digest::sha256(b"manifest")),
            config_digest: Some(Digest::sha256(b"config")),
            tags: vec!["shop/api:1.4".into()],
            distro: Some(Distro {
                id: "debian".into(),
                version_id: "12".into(),
                name: "Debian GNU/Linux 12 (bookworm)".into(),
                ..Distro::default()
            }),
            created: Some(crate::time::Timestamp::from_unix(1_767_225_600)),
            base: Base {
                name: Some("debian:12".into()),
                named_by: Some(NamedBy::Annotation),
                layers: Some(1),
                told_by: Some(ToldBy::History),
                confidence: Some(Confidence::Low),
                ..Base::default()
            },
            size: ByteSize::mib(40),
            entries: 1234,
            facts: Some(SettingFacts {
                stored_size: Some(15 << 20),
                shipped_size: Some(39 << 20),
                visible_size: Some(27 << 20),
                config: Some(ConfigFacts {
                    user: "root".into(),
                    uid: Some(0),
                    labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
                    ports: vec!["80/tcp".into()],
                    ..ConfigFacts::default()
                }),
                data_hours: Some(30),
                ..SettingFacts::default()
            }),
            layers: vec![
                layer(0, "ADD rootfs.tar.xz /", Origin::Base),
                layer(1, "RUN |1 NPM_TOKEN=*** /bin/sh -c apt-get update && apt-get install -y openssl", Origin::App),
                layer(2, "COPY . /app", Origin::App),
                layer(3, "RUN rm /app/.env", Origin::App),
            ],
        },
        verdict: Verdict {
            outcome: Outcome::Failed,
            policies: vec!["careen:2026".into()],
            edition: "2026",
            reason: "2 findings break careen:2026".into(),
            failed: 2,
            warned: 9,
            ignored: 1,
            waived: 1,
            baseline: None,
            ignored_by: Vec::new(),
            rules: vec![Deciding {
                rule: "careen:2026 secrets".into(),
                place: Some("careen:2026:17".into()),
                action: Action::Fail,
                findings: 2,
                ids: vec!["0123456789abcdef0123456789abcdef".into()],
                remedies: vec!["revoke the credential first, then rebuild without it".into()],
            }],
        },
        removed: Vec::new(),
        packages: vec![
            Package {
                source: Some(("openssl".into(), "3.0.11-1".into())),
                architecture: Some("amd64".into()),
                ..package(&DEB, "openssl", "3.0.11-1", purl, &status)
            },
            Package {
                licence: Some(Licence::new("MIT")),
                owner: Some(0),
                ..package(
                    &PYPI,
                    "six",
                    "1.16.0",
                    "pkg:pypi/six@1.16.0",
                    &ImagePath::from("usr/lib/python3/dist-packages/six.egg-info"),
                )
            },
        ],
        findings,
        limitations: vec![
            Limitation::gap("layer-truncated", "layer 1", "gzip data ends early, after 41.2 MiB")
                .help("fetch the archive again"),
            Limitation::note("trailing-bytes", "layer 2", "512 bytes after the end of the archive"),
        ],
        data: BTreeMap::from([("rules", json!({"count": 120})), ("end_of_life", json!({"day": "2026-11-01"}))]),
        source_date: None,
    }
}

/// A report of an image in which nothing is wrong, of which little is known.
pub(super) fn empty() -> Report {
    Report {
        version: "0.1.0",
        target: TargetSummary { reference: "-".into(), source: "stdin", ..TargetSummary::default() },
        verdict: Verdict {
            outcome: Outcome::Passed,
            policies: vec!["careen:2026".into()],
            edition: "2026",
            reason: "nothing breaks careen:2026".into(),
            failed: 0,
            warned: 0,
            ignored: 0,
            waived: 0,
            baseline: None,
            rules: Vec::new(),
            ignored_by: Vec::new(),
        },
        packages: Vec::new(),
        removed: Vec::new(),
        findings: Vec::new(),
        limitations: Vec::new(),
        data: BTreeMap::new(),
        source_date: None,
    }
}

/// A report in which every text that an image can choose is hostile.
pub(super) fn hostile() -> Report {
    let evil = "<script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\u{7f}";
    let path = ImagePath::new(b"a:b/<script>|\x1b[2J\xff\xe2\x80\xae\nforged: %41 ?#[]");
    let mut report = report();
    let target = &mut report.target;
    target.reference = format!("image{evil}");
    target.tags = vec![format!("shop/{evil}:1"), evil.into()];
    target.distro = Some(Distro { id: evil.into(), version_id: evil.into(), name: evil.into(), ..Distro::default() });
    target.platform = Some(crate::image::Platform { os: evil.into(), architecture: evil.into(), variant: evil.into() });
    for text in [&mut target.base.name, &mut target.base.digest, &mut target.base.note] {
        *text = Some(evil.into());
    }
    for layer in &mut target.layers {
        layer.created_by = Some(evil.into());
    }
    for package in &mut report.packages {
        for text in [&mut package.name, &mut package.version, &mut package.purl] {
            *text = evil.into();
        }
        package.architecture = Some(evil.into());
        package.licence = Some(Licence::new(evil));
        package.source = Some((evil.into(), evil.into()));
        package.locations[0].path = path.clone();
    }
    for judged in &mut report.findings {
        let finding = &mut judged.finding;
        finding.subject = evil.into();
        finding.message = format!("holds {evil}");
        finding.evidence.insert("masked", json!(evil));
        finding.location = match finding.location.clone() {
            Location::File { layer, lines, .. } => Location::File { path: path.clone(), layer, lines },
            Location::Config { .. } => Location::Config { key: evil.into() },
            Location::History { index, layer, .. } => Location::History { index, layer, key: evil.into() },
            Location::Package { layer, .. } => Location::Package { purl: evil.into(), path: path.clone(), layer },
            Location::Dockerfile { start, end, .. } => Location::Dockerfile { file: evil.into(), start, end },
            Location::Image => Location::Image,
        };
    }
    report.limitations = vec![Limitation::gap("layer-unreadable", evil, evil).help(evil)];
    report.verdict.reason = evil.into();
    report
}

fn layer(index: u32, created_by: &str, origin: Origin) -> ReportedLayer {
    ReportedLayer {
        index,
        digest: Some(Digest::sha256(&[0, u8::try_from(index).unwrap_or(0)])),
        diff_id: Some(Digest::sha256(&[1, u8::try_from(index).unwrap_or(0)])),
        size: ByteSize::mib(10),
        created_by: Some(created_by.into()),
        origin,
    }
}

//! Tests that policies hold: what each key of a case comes to.

use serde_json::json;

use super::*;
use crate::inventory::Attested;
use crate::policy::Outcome;

fn case(text: &str) -> Case {
    let cases = parse(&format!("[[test]]\nname = \"x\"\n{text}")).cases;
    <[Case; 1]>::try_from(cases).expect("one case").into_iter().next().expect("one case")
}

fn found(keys: &str) -> Finding {
    let case = case(&format!("findings = [{{ {keys} }}]\nexpect = {{ outcome = \"passed\" }}"));
    case.findings.into_iter().next().expect("one finding")
}

fn wrong(text: &str) -> String {
    let error = Policy::parse("policy.toml", text, KNOWN, false).expect_err(text);
    error.detail.unwrap_or(error.message)
}

#[test]
fn findings_are_what_their_keys_say() {
    let flaw = found(
        "rule = \"package/vulnerable\", severity = \"high\", confidence = \"low\", ids = [\"CVE-1\", \"GHSA-1\"], \
         fixable = true, published = 2026-05-01, cvss = 9, epss = 0.5, exploited = true, origin = \"app\", \
         purl = \"pkg:npm/left@1.0.0\", path = \"/app/package.json\", visibility = \"deleted\", \
         fingerprint = \"0123456789ABCDEF0123456789abcdef\"",
    );
    let location =
        Location::Package { purl: "pkg:npm/left@1.0.0".into(), path: ImagePath::from("app/package.json"), layer: 1 };
    assert_eq!((flaw.rule.id, flaw.subject.as_str(), &flaw.location), ("package/vulnerable", "CVE-1", &location));
    assert_eq!((flaw.severity, flaw.confidence), (Severity::High, Confidence::Low));
    assert_eq!((flaw.visibility, flaw.is_fixable), (Visibility::Deleted, true));
    assert_eq!(flaw.fingerprint(), "0123456789abcdef0123456789abcdef");
    let evidence = [
        ("epss", json!({"score": 0.5})),
        ("exploited", json!({})),
        ("ids", json!(["CVE-1", "GHSA-1"])),
        ("published", json!("2026-05-01T00:00:00Z")),
        ("rating", json!({"score": 9.0})),
    ];
    assert_eq!(flaw.evidence, evidence.into());

    let file = |path: &str, layer| Location::File { path: ImagePath::from(path), layer, lines: None };
    let cases = [
        ("rule = \"image/root-user\"", "image", Location::Image),
        ("rule = \"image/root-user\", path = \"config\"", "config", Location::Config { key: "config".into() }),
        (
            "rule = \"image/root-user\", path = \"config\", subject = \"User\"",
            "User",
            Location::Config { key: "User".into() },
        ),
        ("rule = \"secret/generic\", path = \"/a\", origin = \"base\"", "/a", file("a", 0)),
        ("rule = \"secret/generic\", path = \"/a\", origin = \"unknown\"", "/a", file("a", u32::MAX)),
        ("rule = \"secret/generic\", path = \"/a\"", "/a", file("a", u32::MAX)),
        (
            "rule = \"package/vulnerable\", purl = \"pkg:npm/a@1\"",
            "pkg:npm/a@1",
            Location::Package { purl: "pkg:npm/a@1".into(), path: ImagePath::root(), layer: u32::MAX },
        ),
    ];
    for (keys, subject, location) in cases {
        let finding = found(keys);
        assert_eq!((finding.subject.as_str(), &finding.location), (subject, &location), "{keys}");
        assert_eq!(finding.severity, finding.rule.severity);
    }
    assert_eq!(ORIGINS, [Origin::Base, Origin::App]);
    assert!(!found("rule = \"image/root-user\", exploited = false").evidence.contains_key("exploited"));
    assert_eq!(found("rule = \"base/eol-distro\", ended = 2026-01-31").evidence["ended"], "2026-01-31");
}

#[test]
fn images_know_what_is_said_of_them_and_no_more() {
    let image = |text: &str| case(&format!("expect = {{ outcome = \"passed\" }}\n[test.image]\n{text}")).image;
    let whole = image(
        "base = \"debian:13\"\nbase-created = 2026-05-01\nbase-digest = \"sha256:ab\"\ncreated = 2026-05-02\n\
         data-age = \"3d\"\nhealthcheck = true\nlabels = { version = \"1.4\" }\nlayers = 12\n\
         packages = [{ purl = \"pkg:npm/left@1.0.0\", licence = \"MIT\" }, { purl = \"pkg:deb/debian/bash@5\" }]\n\
         platform = \"linux/amd64\"\nports = \"80/tcp\"\nprovenance = true\nreference = \"r.example/a:1\"\nsbom = true\n\
         shipped-size = \"90 MB\"\nsignature = true\nsize = \"100 MB\"\nstop-signal = \"SIGTERM\"\n\
         stored-size = \"40 MB\"\ntags = [\"a:1\"]\nuser = \"65532:0\"\nvisible-size = \"80 MB\"\nworking-dir = \"/app\"\n",
    )
    .expect("an image");
    let time = |text: &str| text.parse().ok();
    let package = |purl: &str, ecosystem: &str, licence: Option<&str>| PackageFacts {
        purl: purl.into(),
        ecosystem: ecosystem.into(),
        licence: licence.map(Into::into),
        is_expression: licence.is_some(),
        is_counted: true,
        ..PackageFacts::default()
    };
    let expected = ImageFacts {
        reference: "r.example/a:1".into(),
        tags: vec!["a:1".into()],
        platform: Some("linux/amd64".into()),
        created: time("2026-05-02T00:00:00Z"),
        size: Some(100_000_000),
        stored: Some(40_000_000),
        shipped: Some(90_000_000),
        visible: Some(80_000_000),
        layers: Some(12),
        config: Some(ConfigFacts {
            user: "65532:0".into(),
            uid: Some(65532),
            labels: [("version".to_owned(), "1.4".to_owned())].into(),
            ports: vec!["80/tcp".into()],
            healthcheck: true,
            stop_signal: Some("SIGTERM".into()),
            working_dir: "/app".into(),
        }),
        base: crate::inventory::Base {
            name: Some("debian:13".into()),
            digest: Some("sha256:ab".into()),
            ..crate::inventory::Base::default()
        },
        base_created: time("2026-05-01T00:00:00Z"),
        attested: Some(Attested { has_signature: true, has_provenance: true, has_bill: true }),
        packages: vec![
            package("pkg:npm/left@1.0.0", "npm", Some("MIT")),
            package("pkg:deb/debian/bash@5", "deb", None),
        ],
        lists_packages: true,
        data_hours: Some(72),
        ..ImageFacts::default()
    };
    assert_eq!(whole, expected);
    let licences = [
        ("npm/x", "GPL-3.0", "GPL-3.0-only", true),
        ("npm/x", "agpl-3.0-only", "AGPL-3.0-only", true),
        ("npm/x", "GPL-3+", "GPL-3+", false),
        ("deb/debian/x", "GPL-3+, Expat", "GPL-3.0-or-later AND MIT", true),
        ("deb/debian/x", "GPL-3+, odd", "GPL-3+, odd", false),
    ];
    for (name, declared, licence, is_expression) in licences {
        let read = image(&format!("packages = [{{ purl = \"pkg:{name}@1\", licence = \"{declared}\" }}]\n"));
        let read = &read.expect("an image").packages[0];
        let shown = (read.licence.as_deref(), read.is_expression);
        assert_eq!(shown, (Some(licence), is_expression), "as a scan reads `{declared}`");
    }
    assert_eq!(image(""), Some(ImageFacts::default()));
    let user = |text: &str| image(text).and_then(|image| image.config).map(|config| (config.user, config.uid));
    for (text, expected) in [
        ("user = \"root\"", Some(("root".to_owned(), Some(0)))),
        ("user = \"\"", Some((String::new(), Some(0)))),
        ("user = \"app\"", Some(("app".to_owned(), None))),
        ("size = 1", None),
    ] {
        assert_eq!(user(text), expected, "{text}");
    }
    let signed = image("signature = false").and_then(|image| image.attested);
    assert_eq!(signed, Some(Attested::default()), "that there is none is known");
}

#[test]
fn what_is_expected_names_findings_by_rule_subject_or_fingerprint() {
    let flaw =
        found("rule = \"package/vulnerable\", ids = [\"CVE-2026-1\", \"GHSA-2x2x-2x2x-2x2x\"], purl = \"pkg:npm/a@1\"");
    let root = found("rule = \"image/root-user\", path = \"config\", subject = \"User\"");
    let print = root.fingerprint();
    let cases = [
        ("image/root-user", false, true),
        ("DL3002", false, true),
        ("image/*", false, true),
        ("image/* User", false, true),
        ("image/* Us*", false, true),
        ("image/* Env", false, false),
        ("package/*", true, false),
        ("CVE-2026-1", true, false),
        ("GHSA-2x2x-2x2x-2x2x", true, false),
        ("CVE-2026-2", false, false),
        ("package/vulnerable GHSA-2x2x-*", true, false),
        (print.as_str(), false, true),
        ("0123456789abcdef0123456789abcdef", false, false),
    ];
    for (text, is_flaw, is_root) in cases {
        let case = case(&format!("findings = []\nexpect = {{ fail = \"{text}\" }}"));
        let [expected] = case.expect.fail.as_slice() else { panic!("{text}") };
        assert_eq!((expected.takes(&flaw), expected.takes(&root)), (is_flaw, is_root), "{text}");
        assert_eq!(expected.text, text);
    }
    let all = case(
        "today = 2026-06-15\nfindings = []\n[test.expect]\noutcome = \"incomplete\"\nfail = \"image/*\"\nwarn = \"layer/*\"\n\
         info = \"base/*\"\nignore = \"secret/*\"\nwaived = \"package/*\"\nexact = true",
    );
    let expect = &all.expect;
    assert_eq!((expect.outcome, expect.is_exact), (Some(Outcome::Incomplete), true));
    let info = expect.info.as_ref().expect("is said");
    let lists = [&expect.fail, &expect.warn, info, &expect.ignore, &expect.waived];
    let texts: Vec<&str> = lists.iter().flat_map(|list| list.iter().map(|one| one.text.as_str())).collect();
    assert_eq!(texts, ["image/*", "layer/*", "base/*", "secret/*", "package/*"]);
    assert_eq!((all.today, all.place.as_str()), ("2026-06-15".parse().ok(), "policy.toml:1"));
    let none = case("report = \"a.json\"\nexpect = { outcome = \"failed\" }");
    assert_eq!((none.expect.outcome, none.expect.is_exact), (Some(Outcome::Failed), false));
    assert!(none.expect.info.is_none() && none.today.is_none() && none.image.is_none());
    assert_eq!(none.report.map(|said| (said.value, said.place)), Some(("a.json".into(), "policy.toml:3".into())));
}

#[test]
fn wrong_cases_are_told_with_their_line() {
    let with = |keys: &str| format!("[[test]]\nname = \"x\"\nexpect = {{ outcome = \"passed\" }}\n{keys}");
    let cases = [
        (with(""), "a test needs `findings`"),
        ("[[test]]\nname = \"x\"\nfindings = []\n".to_owned(), "a test needs `expect`"),
        ("[[test]]\nfindings = []\nexpect = { outcome = \"passed\" }\n".to_owned(), "a test needs `name`"),
        (with("report = \"a\"\nimage = {}"), "`image` beside `report`"),
        (with("findings = [{ severity = \"low\" }]"), "a finding of a test needs `rule`"),
        (with("findings = [{ rule = \"DL3002\" }]"), "by the whole id: `image/root-user`"),
        (with("findings = [{ rule = \"image/rot-user\" }]"), "did you mean `image/root-user`?"),
        (with("findings = [{ rule = \"image/root-user\", origin = \"app\", path = \"config\" }]"), "in no layer"),
        (with("findings = [{ rule = \"base/eol-distro\", path = \"config\" }]"), "have no path"),
        (with("findings = [{ rule = \"package/vulnerable\", epss = 1.5 }]"), "between 0 and 1"),
        (with("findings = [{ rule = \"package/vulnerable\", cvss = -1 }]"), "between 0 and 10"),
        (with("findings = [{ rule = \"package/vulnerable\", published = \"2026-05-01T10:00:00Z\" }]"), "must be a day"),
        (with("findings = [{ rule = \"package/vulnerable\", purl = \"pkg:left\" }]"), "no package URL"),
        (with("image = { labels = { a = 1 } }"), "`a` must be a string"),
        (with("image = { packages = [{ licence = \"MIT\" }] }"), "a package of a test needs `purl`"),
        ("[[test]]\nname = \"x\"\nfindings = []\nexpect = {}\n".to_owned(), "an empty `expect`"),
        ("policy = \"a.toml\"\nscope = \"app\"\n".to_owned(), "`scope` beside `policy`"),
    ];
    for (text, expected) in cases {
        let wrong = wrong(&text);
        assert!(wrong.contains(expected), "{expected}\n{wrong}");
    }
    let one = "[[test]]\nname = \"x\"\nfindings = []\nexpect = { outcome = \"passed\" }\n";
    assert_eq!(parse(&one.repeat(1_000)).cases.len(), 1_000);
    assert!(wrong(&one.repeat(1_001)).contains("more than 1000 tests"));
    let tried = parse("policy = [\"a.toml\", \"careen:strict\"]\n").tries.expect("is said");
    assert_eq!(
        (tried.value, tried.place.as_str()),
        (vec!["a.toml".to_owned(), "careen:strict".into()], "policy.toml:1")
    );
}

//! Every kind: a whole example with what is made of it, and odd and hostile files.

use super::*;
use crate::policy::Policy;

const TODAY: &str = "2026-11-22";

fn known() -> &'static [&'static Rule] {
    static KNOWN: std::sync::OnceLock<Vec<&'static Rule>> = std::sync::OnceLock::new();
    KNOWN.get_or_init(crate::scan::rules)
}

fn day(text: &str) -> Date {
    text.parse().expect("a day")
}

fn options() -> Options<'static> {
    Options { today: day(TODAY), until: None, reason: None, kind: None }
}

fn imported(name: &str, text: &str) -> Result<Imported> {
    import(&[(name.to_owned(), text.to_owned())], &options(), known())
}

/// What an import makes: lines of the policy that are no comments, then notes.
fn made(name: &str, text: &str) -> String {
    let imported = imported(name, text).unwrap_or_else(|error| unreachable!("{text}: {error}"));
    let mut shown = String::new();
    let boring = ["", "edition = \"2026\""];
    for line in imported.text.lines().filter(|line| !line.starts_with('#') && !boring.contains(line)) {
        shown += &format!("{}\n", line.split(" # ").next().unwrap_or(line));
    }
    for note in &imported.notes {
        shown += &format!("{:?} {} {}: {}\n", note.kind, note.place, note.what, note.why);
    }
    shown
}

#[test]
fn each_kind_has_an_example() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ignores");
    for kind in KINDS {
        let name = kind.names.first().expect("a name");
        let text = std::fs::read_to_string(folder.join(name)).expect(name);
        let made = imported(name, &text).expect(name);
        let shown =
            made.notes.iter().map(|note| format!("{:?} {}: {}: {}\n", note.kind, note.place, note.what, note.why));
        let snapshot = format!("{}\n=== {} entries\n{}", made.text, made.entries, shown.collect::<String>());
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "snapshots" }, {
            insta::assert_snapshot!(kind.id, snapshot);
        });
        // what is written is accepted by `careen policy check`
        Policy::parse(name, &made.text, known(), false).expect(name);
        assert_eq!(recognised("renamed", &text).map(|found| found.id), Some(kind.id), "by content");
    }
}

#[test]
fn a_threshold_alone_says_nothing_of_bases() {
    for level in ["style", "info", "warning", "error"] {
        let made = made(".hadolint.yaml", &format!("failure-threshold: {level}\n"));
        assert!(made.contains("\"dockerfile/sudo\"") && !made.contains("base-not-allowed"), "{made}");
    }
}

#[test]
fn kinds_are_known_by_name_then_by_content() {
    let cases = [
        ("a/b/.trivyignore", "", Some("trivyignore")),
        ("C:\\x\\.Hadolint.yml", "", Some("hadolint")),
        ("ignored.txt", "# x\nCVE-2024-1\n", Some("trivyignore")),
        ("ignored.txt", "CIS-DI-0001\n", Some("dockleignore")),
        ("ignored.txt", "a/b.c:github-pat:3\n", Some("gitleaksignore")),
        ("x.toml", "[advisories]\nignore = []\n", Some("cargo-audit")),
        ("x.toml", "[advisories]\nignore = []\n[bans]\n", Some("cargo-deny")),
        ("x.yaml", "ignored: [DL3008]\n", Some("hadolint")),
        ("x.yaml", "ignore: []\n", Some("grype")),
        ("x.yaml", "rules: {lowestEfficiency: 1}\n", Some("dive-ci")),
        ("x", "hello\n", None),
        ("x", "", None),
    ];
    for (name, text, expected) in cases {
        assert_eq!(recognised(name, text).map(|kind| kind.id), expected, "{name} {text}");
    }
    let error = imported("x", "hello").expect_err("unknown");
    assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some("x")));
    assert!(kind("hadolit").is_err_and(|error| error.help.is_some_and(|help| help.contains("`hadolint`"))));
    let mut ids: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), KINDS.len());
}

#[test]
fn what_is_not_of_its_kind_is_an_error_with_its_line() {
    let cases = [
        (".grype.yaml", "ignore:\n  - [\n", ".grype.yaml:2"),
        (".grype.yaml", "- a\n", ".grype.yaml:1"),
        (".hadolint.yaml", "a: b: c\n", ".hadolint.yaml:1"),
        (".trivyignore.yaml", "just text\n", ".trivyignore.yaml:1"),
        (".hadolint.yaml", "\n- a\n", ".hadolint.yaml:2"),
        (".dive-ci", "rules:\n  lowestEfficiency: 95\n", ".dive-ci"),
        ("deny.toml", "a = 1\nb = \n", "deny.toml:2"),
        ("audit.toml", "[advisories\n", "audit.toml:1"),
        ("osv-scanner.toml", "x", "osv-scanner.toml:1"),
        (".gitleaks.toml", "\u{0}", ".gitleaks.toml:1"),
    ];
    for (name, text, place) in cases {
        let error = imported(name, text).expect_err(text);
        assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some(place)), "{name} {text:?}: {error}");
        assert!(!error.kind.is_refusal(), "exit 2");
    }
}

#[test]
fn odd_entries() {
    let waiver = |rest: &str| format!("[[waiver]]\n{rest}\n");
    let gives_none = |place: &str| format!("reason = \"imported from {place}, which gives none\"");
    let cases: &[(&str, &str, String)] = &[
        (".trivyignore", "", String::new()),
        // a day is the first on which Trivy no longer ignores; today's is over
        (
            ".trivyignore",
            "\u{feff}  CVE-2024-1   exp:2026-11-23 ",
            waiver(&format!(
                "rule = \"package/vulnerable\"\nsubject = \"CVE-2024-1\"\n{}\nexpires = 2026-11-22",
                gives_none(".trivyignore:1")
            )),
        ),
        (
            ".trivyignore",
            "CVE-2024-1 exp:2026-11-22",
            "Left .trivyignore:1 CVE-2024-1: it accepts nothing since the end of 2026-11-21\n".into(),
        ),
        (
            ".trivyignore",
            "CVE-2024-1 exp:2026-13-22",
            "Left .trivyignore:1 CVE-2024-1: `2026-13-22` is no day, so that Trivy passes over the line too\n".into(),
        ),
        // of two lines for one thing the later day counts
        (
            ".trivyignore",
            "CVE-2024-1 exp:2026-12-01\nCVE-2024-1 exp:2026-12-31\nCVE-2024-1 exp:2026-12-02",
            waiver(&format!(
                "rule = \"package/vulnerable\"\nsubject = \"CVE-2024-1\"\n{}\nexpires = 2026-12-30",
                gives_none(".trivyignore:2")
            )),
        ),
        (
            ".trivyignore.yaml",
            "vulnerabilities:\n- CVE-1\n- id: CVE-2024-1\n  paths: [\"a{b{c}}\"]\nother: []\n",
            "Left .trivyignore.yaml:2 CVE-1: an entry is a table with an `id`\n\
             Left .trivyignore.yaml:3 CVE-2024-1: `a{b{c}}` is no pattern of careen: `{…}` cannot stand in another\n\
             Left .trivyignore.yaml:5 other: it is none of Trivy's lists\n"
                .into(),
        ),
        (
            ".trivyignore.yaml",
            "secrets:\n- paths: [/a/b]\n  statement: \"  two\\n lines\"\n- {}\n",
            waiver("rule = \"secret/*\"\npath = \"/a/b\"\nreason = \"two lines\"\nexpires = 2027-02-20")
                + "Left .trivyignore.yaml:4 secrets: it names neither an `id` nor anything else\n",
        ),
        (
            ".grype.yaml",
            "ignore:\n- fix-state: wont-fix\n- fix-state: not-fixed\n- fix-state: odd\n",
            "extends = \"careen:2026\"\n[[rule]]\nname = \"flaws without a fix\"\n\
             match = { rule = \"package/vulnerable\", fixable = false }\naction = \"ignore\"\n\
             Left .grype.yaml:2 wont-fix: careen does not tell why a flaw has no fix, and to ignore all that have none would be wider\n\
             Differs .grype.yaml:3 not-fixed: careen tells flaws with a fix from those without, and does not ask why there is none\n\
             Left .grype.yaml:4 odd: its `fix-state` is none of `fixed`, `not-fixed`, `unknown`, `wont-fix`\n"
                .into(),
        ),
        (".grype.yaml", "fail-on-severity: ''\nonly-fixed: false\nignore:\n", String::new()),
        (
            ".grype.yaml",
            "ignore:\n- vulnerability: CVE-1\n  namespace: nvd:cpe\n- package: {type: odd, name: x}\n",
            "Left .grype.yaml:2 CVE-1: careen compares no CPEs, so that there is nothing to accept\n\
             Left .grype.yaml:4 x: careen does not know the type of package\n"
                .into(),
        ),
        (
            ".hadolint.yaml",
            "ignored: DL4006\nlabel-schema: {a: odd}\nfailure-threshold: none\noverride: {odd: [DL3000]}\nx: 1\n",
            waiver(&format!(
                "rule = \"dockerfile/pipefail\"\n{}\nexpires = 2027-02-20",
                gives_none(".hadolint.yaml:1")
            )) + "Left .hadolint.yaml:3 failure-threshold: none: `--no-fail` lets nothing fail\n\
                  Left .hadolint.yaml:4 odd: it is no severity\n\
                  Left .hadolint.yaml:5 x: the key is none of hadolint's\n\
                  Left .hadolint.yaml:2 a: odd: it is no form of a label's value\n\
                  Differs .hadolint.yaml:2 label-schema: careen looks for labels in images, not in Dockerfiles\n",
        ),
        (
            ".hadolint.yaml",
            "disable-ignore-pragma: true\n",
            "[waivers]\ndockerfile-comments = false\n\
             Differs .hadolint.yaml:1 disable-ignore-pragma: comments of careen's own (`# careen:allow`) accept nothing then, either\n"
                .into(),
        ),
        (
            ".hadolint.yaml",
            "override: {info: [DL3040]}\n",
            "extends = \"careen:2026\"\n[[rule]]\nname = \"DL3040 is info for hadolint\"\n\
             match = { rule = \"dockerfile/dnf-cache\" }\naction = \"info\"\n\
             Differs .hadolint.yaml:1 DL3040: careen's rule is about `DL3032` too, whose severity changes with it\n"
                .into(),
        ),
        (
            ".trivyignore.yaml",
            "secrets:\n- id: private-key\n  paths: [\"app/keys/*.pem\"]\n- id: private-key\n  paths: [\"*.pem\", \"**/x.pem\", \"/srv/*.pem\"]\n",
            waiver(&format!(
                "rule = [\"secret/cosign-private-key\", \"secret/kubeconfig-client-key\", \"secret/nebula-private-key\", \
                 \"secret/pgp-private-key\", \"secret/private-key\", \"secret/private-key-base64\"]\npath = [\"**/x.pem\", \"/srv/*.pem\"]\n{}\nexpires = 2027-02-20",
                gives_none(".trivyignore.yaml:4")
            )) + "Left .trivyignore.yaml:3 private-key: `app/keys/*.pem`: Trivy names files with secrets by their whole path, so \
                  that a pattern without the `/` at its beginning takes nothing there either\n\
                  Left .trivyignore.yaml:5 private-key: `*.pem`: Trivy names files with secrets by their whole path, so that a \
                  pattern without the `/` at its beginning takes nothing there either\n",
        ),
        (
            ".hadolint.yaml",
            "trustedRegistries: [quay.example]\noverride: {warning: [DL3026]}\n",
            "extends = \"careen:2026\"\n[base]\nallow = [\n  \"quay.example/*\",\n]\naction = \"warn\"\n\
             Differs .hadolint.yaml:1 trustedRegistries: careen asks it of the base of an image too, not only of what `FROM` names\n"
                .into(),
        ),
        (
            ".dockleignore",
            "cis-di-0001\n",
            waiver(&format!("rule = \"image/root-user\"\n{}\nexpires = 2027-02-20", gives_none(".dockleignore:1"))),
        ),
        (
            ".gitleaksignore",
            "no fingerprint\na:b\n:github-pat:1\nx:github-pat:1a\n",
            "Left .gitleaksignore:1 no fingerprint: it is no fingerprint such as `path:rule:line`\n\
             Left .gitleaksignore:2 a:b: it is no fingerprint such as `path:rule:line`\n\
             Left .gitleaksignore:3 :github-pat:1: it is no fingerprint such as `path:rule:line`\n\
             Left .gitleaksignore:4 x:github-pat:1a: it is no fingerprint such as `path:rule:line`\n"
                .into(),
        ),
        (
            "osv-scanner.toml",
            "[[IgnoredVulns]]\nreason = 'x'\n[[PackageOverrides]]\nignore = true\n[[PackageOverrides]]\nname = '('\nnameIsRegex = true\nignore = true\n",
            "Left osv-scanner.toml:1 IgnoredVulns: it has no `id`\n\
             Left osv-scanner.toml:3 PackageOverrides: it is about every package\n\
             Left osv-scanner.toml:5 (: the pattern is no regular expression\n"
                .into(),
        ),
        ("audit.toml", "[advisories]\nseverity_threshold = 'none'\ninformational_warnings = ['notice', 'unmaintained', 'unsound']\n", String::new()),
        (
            "deny.toml",
            "[advisories]\nvulnerability = 'warn'\nnotice = 'allow'\nseverity-threshold = 'low'\n",
            "extends = \"careen:2026\"\n\
             [[rule]]\nname = \"cargo-deny: vulnerability = warn\"\nmatch = { rule = \"package/vulnerable\", purl = \"pkg:cargo/*\" }\naction = \"warn\"\n\
             [[rule]]\nname = \"flaws below low in crates\"\nmatch = { rule = \"package/vulnerable\", purl = \"pkg:cargo/*\", severity = \"<low\" }\naction = \"info\"\n\
             [[rule]]\nname = \"cargo-deny: notice = allow\"\nmatch = { rule = \"package/notice\", purl = \"pkg:cargo/*\" }\naction = \"ignore\"\n"
                .into(),
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(made(name, text), *expected, "{name} {text:?}");
    }
}

#[test]
fn what_was_asked_for_fills_the_gaps() {
    let options = Options { until: Some(day("2027-01-31")), reason: Some("moved \n from Trivy"), ..options() };
    let files = [
        (".trivyignore".to_owned(), "CVE-2024-1\nCVE-2024-2 exp:2026-12-02\n".to_owned()),
        ("b".to_owned(), "CVE-2024-3".to_owned()),
    ];
    let text = import(&files, &options, known()).expect("a policy").text;
    assert_eq!(text.matches("reason = \"moved from Trivy\"\n").count(), 3);
    assert_eq!(text.matches("expires = 2027-01-31 # as asked for").count(), 2);
    assert_eq!(text.matches("expires = 2026-12-01\n").count(), 1);
    assert!(text.contains("# b:1: CVE-2024-3\n"), "{text}");
    let past = Options { until: Some(day("2026-11-21")), ..options };
    assert_eq!(import(&files, &past, known()).expect_err("in the past").kind, ErrorKind::Usage);
    let as_dockle = Options { kind: kind("dockleignore").ok(), ..options };
    assert_eq!(import(&files, &as_dockle, known()).expect("a policy").entries, 0);
}

#[test]
fn nothing_of_a_hostile_file_breaks_out() {
    let hostile = "\"\\n[[rule]]\\nmatch = {}\\naction = \\\"ignore\\\"\\n#\\e\\u202e";
    let yaml = format!(
        "ignore:\n- vulnerability: \"CVE-1{hostile}\"\n  reason: \"r{hostile}\"\n  package: {{name: 'x\"', location: \"/a\"}}\n- vulnerability: CVE-3\n  reason: \"r{hostile}\"\n- vulnerability: CVE-2\n  package: {{location: \"/a{hostile}\"}}\nfail-on-severity: \"high{hostile}\"\n\"key{hostile}\": 1\n"
    );
    let yaml = yaml.replace("\"\\n[[rule]]", "\\\"\\n[[rule]]");
    let made = imported(".grype.yaml", &yaml).expect("a policy");
    let policy = Policy::parse("made", &made.text, known(), false).expect("a policy");
    assert_eq!((policy.rules.len(), policy.waivers.len()), (0, 1), "{}", made.text);
    assert!(
        !made.text.chars().any(|c| c != '\n' && (c.is_control() || crate::escape::is_hidden(c))),
        "{:?}",
        made.text
    );
    let name = "x\n[[rule]]\n\u{202e}/.trivyignore";
    let made = imported(name, "CVE-2024-1\nx\r\n[[waiver]]\n").expect("a policy");
    let policy = Policy::parse("made", &made.text, known(), false).expect("a policy");
    assert_eq!((policy.rules.len(), policy.waivers.len()), (0, 1), "{}", made.text);
}

#[test]
fn long_files_end_in_bounded_time() {
    let lines = |make: &dyn Fn(usize) -> String, count: usize| (0..count).map(make).collect::<String>();
    // more than one policy can have
    let flaws = lines(&|n| format!("CVE-2024-{n}\n"), 20_000);
    let error = imported(".trivyignore", &flaws).expect_err("too large a policy");
    assert_eq!(error.kind, ErrorKind::Config);
    // within what careen reads
    let made = imported(".trivyignore", &lines(&|n| format!("CVE-2024-{n}\n"), 2_000)).expect("a policy");
    assert_eq!((made.entries, made.notes.len()), (2_000, 0));
    // notes by the thousand
    let made = imported(".trivyignore", &lines(&|n| format!("x{n}\n"), 50_000)).expect("a policy");
    assert_eq!((made.entries, made.notes.len()), (0, 50_000));
    assert!(made.text.len() < 100_000);
    assert!(imported(".trivyignore", &"#".repeat((1 << 20) + 1)).is_err());
    // a list longer than a policy may have
    let paths = lines(&|n| format!("    - /p{n}\n"), 1_001);
    let text = format!("secrets:\n- id: private-key\n  paths:\n{paths}");
    let shown = self::made(".trivyignore.yaml", &text);
    assert!(shown.contains("at most 1000 entries"));
}

#[test]
fn what_is_made_of_settings() {
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        // the base is judged by the level of hadolint's rule, against the threshold where there is one
        (
            ".hadolint.yaml",
            "trustedRegistries: [q.example]\n",
            &["[base]"],
            &["action = \"warn\"", "action = \"info\""],
        ),
        (
            ".hadolint.yaml",
            "trustedRegistries: [q.example]\nfailure-threshold: error\noverride: {warning: [DL3026]}\n",
            &["[base]", "action = \"warn\""],
            &[],
        ),
        (
            ".hadolint.yaml",
            "trustedRegistries: [q.example]\nfailure-threshold: warning\noverride: {warning: [DL3026]}\n",
            &["[base]"],
            &["action = \"warn\""],
        ),
        (
            ".hadolint.yaml",
            "failure-threshold: info\noverride: {info: [DL3008]}\n",
            &[
                "name = \"DL3008 is info for hadolint\"\nmatch = { rule = \"dockerfile/unpinned-system-package\" }\naction = \"fail\"",
            ],
            &[],
        ),
        (".hadolint.yaml", "no-fail: true\n", &["Left .hadolint.yaml:1 no-fail: `--no-fail` lets nothing fail"], &[]),
        (".hadolint.yaml", "strict-labels: true\n", &["Left .hadolint.yaml:1 strict-labels: careen has no rule"], &[]),
        (".hadolint.yaml", "disable-ignore-pragma: true\n", &["dockerfile-comments = false"], &["Left"]),
        (
            ".hadolint.yaml",
            "no-fail: false\nstrict-labels: false\ndisable-ignore-pragma: false\n",
            &[],
            &["Left", "dockerfile-comments"],
        ),
        (".grype.yaml", "only-notfixed: true\n", &["fixable = true", "action = \"ignore\""], &[]),
        (".grype.yaml", "fail-on-severity: negligible\n", &["severity = \">=info\"", "action = \"fail\""], &["Left"]),
        (".grype.yaml", "fail-on-severity: Low\n", &["severity = \">=low\""], &["Left"]),
        (".grype.yaml", "fail-on-severity: medium\n", &["severity = \">=medium\""], &["Left"]),
        (".grype.yaml", "fail-on-severity: high\n", &["severity = \">=high\""], &["Left"]),
        (".grype.yaml", "fail-on-severity: critical\n", &["severity = \">=critical\""], &["Left"]),
        (".grype.yaml", "fail-on-severity: odd\n", &["fail-on-severity: odd: it is no severity"], &[]),
        (
            ".grype.yaml",
            "ignore-states: 'fixed, not-fixed,,odd,wont-fix'\n",
            &[
                "fixable = true",
                "fixable = false",
                "odd: it is no state of a fix",
                "wont-fix: careen does not tell why",
            ],
            &["ignore-states: : "],
        ),
        (".grype.yaml", "ignore-wontfix: [unknown]\n", &["ignore-wontfix: unknown: careen does not tell why"], &[]),
        (".grype.yaml", "exclude: ['a{b{c}}']\n", &["exclude: `a{b{c}}", "is no pattern of careen"], &["[[rule]]"]),
        ("audit.toml", "[yanked]\nenabled = true\n", &["yanked: careen does not look whether"], &[]),
        ("audit.toml", "[database]\npath = 'x'\n", &["database: it says how cargo-audit works"], &[]),
        ("deny.toml", "[advisories]\nyanked = 'deny'\n", &["yanked: careen does not look whether"], &[]),
        (
            "deny.toml",
            "[advisories]\nmaximum-db-staleness = 'P90D'\n",
            &["maximum-db-staleness: the rule `data/stale`"],
            &[],
        ),
        ("deny.toml", "[advisories]\nunused-ignored-advisory = 'warn'\n", &["told as `policy/waiver-unused`"], &[]),
        ("deny.toml", "[advisories]\ngit-fetch-with-cli = true\n", &["it says how cargo-deny works"], &[]),
        ("deny.toml", "[advisories]\nunmaintained = 'all'\n", &["rule = \"package/unmaintained\""], &["unsound"]),
        ("deny.toml", "[advisories]\nunsound = 'all'\n", &["rule = \"package/unsound\""], &["unmaintained"]),
        (".hadolint.yaml", "format: json\n", &["format: how findings are shown is no matter"], &[]),
        (
            ".hadolint.yaml",
            "no-color: true\nverbose: true\n",
            &["no-color: how", "verbose: how"],
            &["none of hadolint's"],
        ),
        (".hadolint.yaml", "override: {ignore: [DL3008]}\n", &["DL3008 is ignore for hadolint"], &["no severity"]),
        // an error below the threshold is still told
        (
            ".hadolint.yaml",
            "failure-threshold: error\noverride: {error: [DL3008], warning: [DL3009]}\n",
            &[
                "DL3008 is error for hadolint\"\nmatch = { rule = \"dockerfile/unpinned-system-package\" }\naction = \"fail\"",
            ],
            &[],
        ),
        (
            ".hadolint.yaml",
            "trustedRegistries: [q.example]\noverride: {ignore: [DL3026]}\n",
            &["[base]", "action = \"info\""],
            &[],
        ),
        (".dive-ci", "rules:\n  highestWastedBytes: 20m\n", &["Left .dive-ci:2 highestWastedBytes"], &[]),
        // neither the name of a secret's kind nor a flaw
        (".trivyignore", "some-thing\n", &["no kind of secret of careen's is known"], &[]),
        (".trivyignore", "something\n", &["it is neither the id of a flaw"], &["no kind of secret"]),
        (".trivyignore", "some-Thing\n", &["it is neither the id of a flaw"], &["no kind of secret"]),
        (".trivyignore", "0-0\n", &["it is neither the id of a flaw"], &["no kind of secret"]),
        (
            ".trivyignore.yaml",
            "secrets:\n- id: CVE-2024-1\n- id: AVD-DS-9999\n",
            &["CVE-2024-1: under `secrets` it is no rule", "AVD-DS-9999: careen has no rule like it"],
            &["AVD-DS-9999: under"],
        ),
        (".grype.yaml", "only-notfixed: false\n", &[], &["fixable"]),
        (".grype.yaml", "vex-documents: [a.json]\n", &["Left .grype.yaml:1 vex-documents: `careen scan --vex"], &[]),
        (".grype.yaml", "vex-documents: []\n", &[], &["--vex"]),
        // of two for one thing until the same day the first counts
        (
            ".trivyignore.yaml",
            "vulnerabilities:\n- id: CVE-2024-1\n  statement: one\n- id: CVE-2024-1\n  statement: two\n",
            &["reason = \"one\""],
            &["reason = \"two\""],
        ),
    ];
    for (name, text, there, not_there) in cases {
        let made = made(name, text);
        for part in *there {
            assert!(made.contains(part), "{text}: no {part}\n{made}");
        }
        for part in *not_there {
            assert!(!made.contains(part), "{text}: {part}\n{made}");
        }
    }
    let named = |length: usize| made(".hadolint.yaml", &format!("label-schema: {{{}: text}}\n", "a".repeat(length)));
    let is_left = |length: usize| named(length).contains("its name is empty or too long");
    assert_eq!((is_left(256), is_left(257)), (false, true));
    let two = made(".hadolint.yaml", "label-schema: {a: text, b: url}\n");
    assert!(two.contains("\"a\" = \"text\"") && two.contains("\"b\" = \"url\""), "{two}");
    let shown = |length: usize| made(".trivyignore", &format!("{}\n", "x".repeat(length)));
    assert_eq!((shown(120).contains('…'), shown(121).contains('…')), (false, true));
    let until = |day_of_end: &str| {
        let options = Options { until: Some(day(day_of_end)), ..options() };
        import(&[(".trivyignore".to_owned(), "CVE-2024-1\n".to_owned())], &options, known()).map(|made| made.entries)
    };
    assert_eq!(until(TODAY).ok(), Some(1), "today is no past day");
    assert_eq!(until("2026-11-21").expect_err("yesterday is").kind, ErrorKind::Usage);
}

#[test]
fn names_are_flaws_by_their_form() {
    for (id, expected) in [
        ("CVE-2024-1", true),
        ("GHSA-xg2h-wx9w-83cw", true),
        ("TEMP-0841856-B18BAF", true),
        ("ALAS2-2021-1704", true),
        ("DSA-5532-1", true),
        ("cve-2024-1", false),
        ("openSUSE-SU-2024:0001-1", true),
        ("CVE", false),
        ("C-1", false),
        ("CVE-abc", false),
        ("C*E-1", false),
        ("CVE-2024 1", false),
        ("GPL-3.0", false),
    ] {
        assert_eq!(names::is_flaw(id), expected, "{id}");
    }
}

#[test]
fn what_is_no_id_of_a_flaw_is_not_carried_over() {
    for (name, text) in [
        ("osv-scanner.toml", "[[IgnoredVulns]]\nid = 'foo'\n"),
        (".trivyignore.yaml", "vulnerabilities:\n  - id: foo\n"),
        (".grype.yaml", "ignore:\n  - vulnerability: foo\n"),
        (".trivyignore", "foo\nCVE-2024-1\n"),
        ("audit.toml", "[advisories]\nignore = ['foo']\n"),
    ] {
        let made = made(name, text);
        assert!(!made.contains("subject = \"foo\"") && made.contains("foo: it is n"), "{name}: {made}");
    }
}

#[test]
fn what_is_said_twice_is_made_once_and_what_is_beyond_a_list_is_left() {
    let same = made(".grype.yaml", "only-fixed: true\nignore-states: not-fixed\n");
    assert_eq!(same.matches("[[rule]]").count(), 1, "{same}");
    let registries = |count: usize| {
        let all: Vec<String> = (0..count).map(|n| format!("r{n}.example")).collect();
        made(".hadolint.yaml", &format!("trustedRegistries: [{}]\n", all.join(", ")))
    };
    assert!(registries(1_000).contains("\"r999.example/*\"") && !registries(1_000).contains("at most"));
    assert!(registries(1_001).contains("at most 1000 entries"));
    let labels = |count: usize| {
        let all: Vec<String> = (0..count).map(|n| format!("l{n}: text")).collect();
        made(".hadolint.yaml", &format!("label-schema: {{{}}}\n", all.join(", ")))
    };
    assert!(!labels(1_000).contains("too many labels") && labels(1_001).contains("too many labels"));
    let paths = |count: usize| {
        let all: String = (0..count).map(|n| format!("    - /p{n}\n")).collect();
        made(".trivyignore.yaml", &format!("secrets:\n- id: private-key\n  paths:\n{all}"))
    };
    assert!(!paths(1_000).contains("at most") && paths(1_001).contains("at most 1000 entries"));
    let reason = |letters: usize| {
        made(
            ".trivyignore.yaml",
            &format!("vulnerabilities:\n- id: CVE-2024-1\n  statement: {}\n", "x".repeat(letters)),
        )
    };
    assert!(!reason(2_000).contains('…') && reason(2_001).contains('…'));
    // of two files the first form of a label stays
    let two = |one: &str, other: &str| {
        let file = |form: &str| (".hadolint.yaml".to_owned(), format!("label-schema: {{a: {form}}}\n"));
        let made = import(&[file(one), file(other)], &options(), known()).expect("a policy");
        made.notes.iter().any(|note| note.why.contains("another form"))
    };
    assert_eq!((two("text", "text"), two("text", "url")), (false, true));
    // a table that says nothing of what is ignored
    assert_ne!(recognised("x.toml", "[advisories]\nodd = 1\n").map(|kind| kind.id), Some("cargo-audit"));
    assert_ne!(recognised("x.toml", "a = '[advisories]'\nignore = 1\n").map(|kind| kind.id), Some("cargo-audit"));
    // the largest file that is read
    let comment = |bytes: usize| imported(".trivyignore", &"#".repeat(bytes));
    assert!(comment(1 << 20).is_ok() && comment((1 << 20) + 1).is_err());
}

//! Edges: baselines, what reminders count, the largest that is taken and the first that is not, words and lists.

use serde_json::json;

use super::cases::image_facts;
use super::details::loaded;
use super::*;
use crate::policy::baseline::Listing;

static FROM: Rule = Rule { id: "dockerfile/from", ..Rule::NEW };

#[test]
fn baselines_are_written_and_read() {
    let report = json!({ "schema": "careen.report/1", "findings": [
        { "id": "b".repeat(32), "rule": "image/root-user", "subject": "image", "more": 1 },
        { "id": "a".repeat(32), "rule": "image/root-user", "subject": "a" },
        { "id": "a".repeat(32), "rule": "image/root-user", "subject": "a" },
    ] });
    let listing = Listing::read("r.json", report.to_string().as_bytes()).expect("a report");
    let text = listing.write();
    let read = Baseline::parse("b.json", text.as_bytes()).expect("a baseline");
    assert_eq!((read.len(), read.is_empty(), read.has(&"a".repeat(32)), read.has("c")), (2, false, true, false));
    let none = Baseline::parse("b.json", Listing::default().write().as_bytes()).expect("a baseline");
    assert_eq!((none.len(), none.is_empty()), (0, true));
}

#[test]
fn a_baseline_knows_of_which_images_and_when_it_was_made() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let image = |architecture: &str| {
        json!({ "schema": "careen.report/1", "outcome": "passed", "findings": [],
            "target": { "reference": "shop/api:1.4", "platform": format!("linux/{architecture}"), "digest": digest, "size": 1 } })
    };
    let several = json!({ "schema": "careen.reports/1", "reports": [image("amd64"), image("arm64")] }).to_string();
    let listing = Listing::read("r.json", several.as_bytes()).expect("reports");
    let source = |architecture: &str| baseline::Source {
        reference: "shop/api:1.4".into(),
        platform: Some(format!("linux/{architecture}")),
        digest: Some(digest.clone()),
    };
    assert_eq!((listing.made, listing.images.as_slice()), (None, &[source("amd64"), source("arm64")][..]));
    let listing = Listing { made: "2026-05-01".parse().ok(), ..listing };
    let again = Listing::read("b.json", listing.write().as_bytes()).expect("a baseline");
    assert_eq!(again, listing);
    let read = Baseline::parse("b.json", again.write().as_bytes()).expect("a baseline");
    assert_eq!((read.made, read.images.len()), (listing.made, 2));
    assert_eq!(read.told(), "`b.json` (2026-05-01, shop/api:1.4 and 1 more)");
    let mut other = read;
    other.made = None;
    assert_eq!(other.told(), "`b.json` (shop/api:1.4 and 1 more)");
    let odd = baseline::Source { reference: "a\u{1b}[31m".repeat(100), platform: None, digest: None };
    other.images = vec![odd];
    let told = other.told();
    assert!(told.chars().count() < 300 && !told.contains('\u{1b}'), "{told}");
    for wrong in ["soon", "2026-13-01", ""] {
        let text = json!({ "schema": "careen.baseline/1", "made": wrong, "findings": [] }).to_string();
        let error = Baseline::parse("b.json", text.as_bytes()).expect_err(wrong);
        assert!(error.message.contains(&format!("`{wrong}` in `made` is no day")), "{}", error.message);
    }
}

#[test]
fn the_verdict_tells_of_the_baseline_or_that_there_is_none() {
    let text = json!({ "schema": "careen.baseline/1", "made": "2026-05-01", "images": [{ "reference": "shop/api:1.3" }],
        "findings": [{ "id": file(&AWS, "app/key").fingerprint(), "rule": "secret/aws-access-key" },
                     { "id": file(&AWS, "old").fingerprint(), "rule": "secret/aws-access-key" }] });
    let baseline = || Baseline::parse("b.json", text.to_string().as_bytes()).expect("a baseline");
    let old = json!({ "schema": "careen.baseline/1", "findings": [] }).to_string();
    let said = |text: &str| PolicySet::of(vec![parse(&format!("extends = 'careen:2026'\n{text}"))]).expect("in order");
    let (new, all, none) = ("fail-on = 'new'", "fail-on = 'all'", "");
    let findings = || vec![file(&AWS, "app/key")];
    let broken = "1 finding breaks `careen:2026`: 1 secret";
    let passes = "nothing breaks `careen:2026`; 1 warning";
    let of = "the baseline `b.json` (2026-05-01, shop/api:1.3)";
    let cases: Vec<(PolicySet, Option<usize>, String)> = vec![
        (said(none), None, broken.to_owned()),
        (said(all), None, broken.to_owned()),
        (
            said(new),
            None,
            format!("{broken}; `fail-on = \"new\"` (policy.toml:2) has no `--baseline`: every finding counts as new"),
        ),
        (said(none).with_baseline(baseline()), Some(1), format!("{passes}; 1 finding only warns by {of}")),
        (said(new).with_baseline(baseline()), Some(1), format!("{passes}; 1 finding only warns by {of}")),
        (
            said(all).with_baseline(baseline()),
            Some(0),
            format!("{broken}; `fail-on = \"all\"` (policy.toml:2): {of} changes nothing"),
        ),
        (
            said(none).with_baseline(Baseline::parse("b.json", old.as_bytes()).expect("without a day")),
            Some(0),
            format!("{broken}; the baseline `b.json` changes nothing"),
        ),
    ];
    for (set, known, reason) in cases {
        let (_, verdict) = evaluate(&set, findings(), &[]);
        assert_eq!(verdict.reason, reason);
        assert_eq!(verdict.baseline.as_ref().map(|used| used.known), known, "{reason}");
    }
    let more = vec![file(&AWS, "app/key"), file(&AWS, "old")];
    let (_, verdict) = evaluate(&said(new).with_baseline(baseline()), more, &[]);
    assert!(verdict.reason.ends_with(&format!("2 warnings; 2 findings only warn by {of}")), "{}", verdict.reason);
    let used = verdict.baseline.expect("it is told");
    assert_eq!(
        (used.file.as_str(), used.made, used.listed, used.images.len()),
        ("b.json", "2026-05-01".parse().ok(), 2, 1)
    );
}

#[test]
fn packages_are_asked_for_by_what_needs_them() {
    let rule = |more: &str| format!("[[rule]]\nmatch = {{}}\naction = 'warn'\n{more}\n");
    let mut cases = vec![
        ("extends = 'careen:2026'".to_owned(), false),
        (rule(""), false),
        ("[[rule]]\nmatch = { licence = 'GPL-*' }\naction = 'warn'\n".to_owned(), true),
        (rule("unless = { licence = 'GPL-*' }"), true),
        (rule("unless = { path = '/a' }"), false),
        ("[licences]\ndeny = 'GPL-*'\n".to_owned(), true),
        ("[licences]\nallow = 'MIT'\n".to_owned(), true),
        ("[licences]\nunknown = 'fail'\n".to_owned(), true),
        ("[licences]\nunknown = 'ignore'\n".to_owned(), false),
        ("[limits]\npackages = 4\n".to_owned(), true),
        ("[limits]\nlayers = 4\n".to_owned(), false),
    ];
    if cfg!(feature = "cel") {
        cases.push((rule("when = 'image.packages > 3'"), true));
        cases.push((rule("when = 'finding.cvss > 3.0'"), false));
    }
    for (text, expected) in cases {
        let set = PolicySet::of(vec![parse(&text)]).expect("in order");
        assert_eq!(set.asks_for_packages(), expected, "{text}");
    }
}

#[test]
fn reminders_count_findings_and_begin_at_the_hour() {
    let waiver = |rule: &str, expires: &str, more: &str| {
        format!("{more}[[waiver]]\nrule = '{rule}'\nreason = 'x'\nexpires = {expires}\n")
    };
    let told = |policy: &str, findings: Vec<Finding>| -> Vec<String> {
        let set = PolicySet::of(vec![parse(policy)]).expect("in order");
        let (judged, _) = evaluate(&set, findings, &[]);
        judged.into_iter().filter(|one| one.finding.rule.family() == "policy").map(|one| one.finding.message).collect()
    };
    let keys = || vec![file(&AWS, "app/a"), file(&AWS, "app/b")];
    let key = "secret/aws-access-key";
    // to the end of its last day: two weeks from now on it is told, not before
    assert_eq!(told(&waiver(key, "2026-06-28", ""), keys()), Vec::<String>::new());
    assert_eq!(
        told(&waiver(key, "2026-06-27", ""), keys()),
        ["the waiver in `policy.toml:1` accepts 2 findings until 2026-06-27"]
    );
    assert_eq!(
        told(&waiver(key, "2026-06-27", ""), vec![file(&AWS, "app/a")]),
        ["the waiver in `policy.toml:1` accepts 1 finding until 2026-06-27"]
    );
    assert_eq!(
        told(&waiver("secret/*", "2026-12-31", ""), Vec::new()),
        [
            "the waiver in `policy.toml:1` names nothing closer than a pattern of rules, or flaws of any package; \
             here it accepts nothing",
            "the waiver in `policy.toml:1` accepts nothing in this image",
        ]
    );
    assert_eq!(
        told(&waiver(key, "2026-12-31", "[waivers]\nallow = false\n"), keys()),
        ["the waiver in `policy.toml:3` is for 2 findings, and the policy allows no waivers"]
    );
}

#[test]
fn edges_of_what_is_taken_and_told() {
    let image = ImageFacts { shipped: Some(3_000), visible: Some(2_000), ..image_facts() };
    let set = PolicySet::of(vec![parse("[limits]\nwaste = '5%'\n")]).expect("in order");
    let today = TODAY.parse().expect("a day");
    let context = EvaluateContext { limitations: &[], today, origin: &|_| Origin::Unknown, image: Some(&image) };
    let (judged, _) = set.evaluate(Vec::new(), &context).expect("judged");
    assert_eq!(judged[0].finding.evidence["percent"], 33.3);

    let pattern = |length: usize| {
        let text = format!("[require.labels.a]\npattern = '{}'\n", "x".repeat(length));
        Policy::parse("policy.toml", &text, KNOWN, false).is_ok()
    };
    assert_eq!((pattern(512), pattern(513)), (true, false));

    let upgrades = |count: usize| {
        let one = |number: usize| {
            let flaw = Finding { subject: format!("CVE-{number}"), ..super::image(&FLAW) };
            flaw.evidence("upgrade", format!("{number}.0"))
        };
        let (_, verdict) = super::judged(&["[[rule]]\nmatch = {}\naction = 'fail'\n"], (0..count).map(one).collect());
        verdict.rules[0].remedies.len()
    };
    assert_eq!((upgrades(4), upgrades(5), upgrades(6)), (4, 5, 5));

    let gaps = |count: usize| {
        let codes = ["a", "b", "c", "d"].into_iter().take(count);
        let gaps: Vec<Limitation> = codes.map(|code| Limitation::gap(code, "layer", "unread")).collect();
        let reason = evaluate(&default_set(), Vec::new(), &gaps).1.reason;
        reason.split(['(', ')']).nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!((gaps(3).as_str(), gaps(4).as_str()), ("`a`, `b`, `c`", "`a`, `b`, `c`, …"));

    let of_images = |count: usize| {
        let image = baseline::Source { reference: "a".into(), platform: None, digest: None };
        let listing = Listing { images: vec![image; count], ..Listing::default() };
        Baseline::parse("b.json", listing.write().as_bytes()).is_ok()
    };
    assert_eq!((of_images(10_000), of_images(10_001)), (true, false));

    let outcomes = [Outcome::Passed, Outcome::Failed, Outcome::Incomplete].map(Outcome::as_str);
    assert_eq!(outcomes, ["passed", "failed", "incomplete"]);
    let severity = |id: &str, severity| edition::before_edition(id, &ROOT, severity);
    assert_eq!(severity("next", Severity::High), Severity::Medium);
    assert_eq!(severity("next", Severity::Low), Severity::Low);
    assert_eq!(severity("2026", Severity::High), Severity::High);
}

#[test]
fn what_lies_beside_and_what_is_named_is_read_once_and_told_where_it_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = loaded(&folder, &[("a.toml", "\nextends = 'gone.toml'\n")]).expect_err("it is not there");
    assert!(gone.place.as_ref().is_some_and(|place| place.ends_with("a.toml:2")), "{:?}", gone.place);
    let wrong = loaded(&folder, &[("a.toml", "extends = 'b.toml'\n"), ("b.toml", "\n\nscope = 'mine'\n")]);
    let wrong = wrong.expect_err("a wrong word");
    assert!(wrong.place.as_ref().is_some_and(|place| place.ends_with("b.toml:3:9")), "{:?}", wrong.place);

    let tried = |text: &str| {
        std::fs::write(folder.path().join("a_test.toml"), text).expect("written");
        LOADER.cases(&folder.path().join("a_test.toml").to_string_lossy()).map(|cases| cases.set.policies().len())
    };
    let test = "[[test]]\nname = 'x'\nfindings = []\nexpect = { outcome = 'passed' }\n";
    assert_eq!(tried(&format!("policy = 'careen:strict'\n{test}")).ok(), Some(1));
    let digest = format!("sha256:{}", "ab".repeat(32));
    let error = tried(&format!("policy = 'oci:registry.example/a@{digest}'\n{test}")).expect_err("nothing is fetched");
    assert!(error.message.contains("which is not asked here"), "{}", error.message);

    std::fs::write(folder.path().join("gate.rego"), "package careen\nwarn contains \"x\" if true\n").expect("written");
    let word = folder.path().join("gate.rego").to_string_lossy().into_owned();
    let rego = LOADER.load(std::slice::from_ref(&word));
    if cfg!(feature = "rego") {
        assert_eq!(rego.expect("it is read").policies().len(), 1, "the default judges, too");
    } else {
        assert!(rego.expect_err("it cannot be read").message.contains("this build of careen cannot read the policy"));
    }

    let large = |length: usize| {
        let padded = format!("name = 'a'\n#{}\n", "x".repeat(length - 13));
        assert_eq!(padded.len(), length);
        loaded(&folder, &[("large.toml", &padded)]).is_ok()
    };
    assert_eq!((large(1 << 20), large((1 << 20) + 1)), (true, false));

    // each preset once, in the order in which it is named
    let both = ["extends = ['careen:2026', 'careen:strict']", "extends = ['careen:strict', 'careen:2026']"];
    let set = PolicySet::of(both.map(parse).into()).expect("in order");
    let names: Vec<&str> = set.policies().iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["careen:2026", "careen:strict", "policy.toml", "policy.toml"]);

    std::fs::write(folder.path().join("empty.toml"), "name = 'x'\n").expect("written");
    let word = folder.path().join("empty.toml").to_string_lossy().into_owned();
    let summary = check(&[word], &LOADER, TODAY.parse().expect("a day")).expect("in order");
    let judges_too = "it has neither rules nor demands of images, so `careen:2026` judges too";
    assert_eq!(summary[0].notes, ["it says nothing: without it the same would be judged", judges_too]);
}

#[test]
fn what_rules_of_secrets_allow_is_accepted() {
    let allowed = file(&AWS, "app/key").evidence("allowed_for", "a test key").evidence("allowed_in", "rules.toml:3");
    let (judged, verdict) = evaluate(&default_set(), vec![allowed], &[]);
    let waiver = judged[0].waiver.as_ref().expect("accepted");
    assert_eq!((waiver.reason.as_str(), waiver.place.as_str()), ("a test key", "rules.toml:3"));
    assert_eq!((verdict.outcome, verdict.waived), (Outcome::Passed, 1));
}

#[test]
fn words_and_lists_at_their_edges() {
    let listed = |count: usize| {
        let paths: Vec<String> = (0..count).map(|number| format!("'/a/{number}'")).collect();
        let text = format!("[[rule]]\nmatch = {{ path = [{}] }}\naction = 'warn'\n", paths.join(", "));
        Policy::parse("policy.toml", &text, KNOWN, false).map_err(|error| error.message)
    };
    assert!(listed(1_000).is_ok());
    assert!(listed(1_001).expect_err("one too many").contains("`path` has 1001 entries, at most 1000 are taken"));

    let old = image(&FLAW).evidence("published", "2026-05-01T00:00:00Z");
    for (age, is_selected) in [("30d", true), ("45d", true), ("46d", false), ("<46d", true), (">45d", false)] {
        let text = format!("[[rule]]\nmatch = {{ age = '{age}' }}\naction = 'fail'\n");
        assert_eq!(judged(&[&text], vec![old.clone()]).1.failed == 1, is_selected, "{age}");
    }

    let text = "[[test]]\nname = 'x'\nfindings = [{ rule = 'dockerfile/from', path = 'api/Dockerfile' }]\n\
                expect = { outcome = 'passed' }\n";
    let policy = Policy::parse("policy.toml", text, &[&FROM], false).expect("in order");
    let file = "api/Dockerfile".to_owned();
    assert_eq!(policy.cases[0].findings[0].location, Location::Dockerfile { file, start: (1, 1), end: (1, 1) });
}

#[cfg(feature = "cel")]
#[test]
fn conditions_are_told_at_the_word_that_is_wrong() {
    let column = |quoted: &str| -> usize {
        let text = format!("[[rule]]\nmatch = {{}}\naction = 'warn'\nwhen = {quoted}\n");
        let place = Policy::parse("policy.toml", &text, KNOWN, false).expect_err(quoted).place.unwrap_or_default();
        let column = place.strip_prefix("policy.toml:4:").unwrap_or_else(|| panic!("{quoted}: {place}"));
        column.parse().expect("a number")
    };
    let at = column("'finding.cvs > 3.0'");
    assert!(at > 8, "{at}");
    assert_eq!(column("\"finding.cvs > 3.0\""), at);
    assert_eq!(column("'''finding.cvs > 3.0'''"), at + 2);
    // what is escaped is not where it stands in the file, so the whole is told
    assert_eq!(column("\"finding.path == \\\"a\\\" && finding.cvs > 3.0\""), 8);
}

//! Gates that must not stand open unseen.

use serde_json::json;

use super::*;
use crate::policy::baseline::Listing;

/// Writes files to a folder and loads the first of them.
fn loaded(files: &[(&str, &str)]) -> Result<(PolicySet, Vec<String>), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }
    let word = [folder.path().join(files[0].0).to_string_lossy().into_owned()];
    let notes = check(&word, &LOADER, TODAY.parse().expect("a date"))?.remove(0).notes;
    let hide = |note: String| note.replace(&folder.path().to_string_lossy().into_owned(), ".");
    Ok((PolicySet::load(&word, KNOWN, false)?, notes.into_iter().map(hide).collect()))
}

#[test]
fn what_asks_nothing_of_images_leaves_the_default_in_charge() {
    const WAIVER: &str = "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2026-12-31\n";
    let cases: &[&[(&str, &str)]] = &[
        &[("p.toml", "extends = './w.toml'"), ("w.toml", WAIVER)],
        &[("p.toml", "extends = './e.toml'"), ("e.toml", "edition = '2026'")],
        &[("p.toml", "extends = './e.toml'"), ("e.toml", "")],
        &[("p.toml", "extends = './q.toml'"), ("q.toml", "extends = './w.toml'"), ("w.toml", WAIVER)],
        &[("careen.toml", "[policy]\nextends = './w.toml'"), ("w.toml", WAIVER)],
        &[("p.toml", "[limits]\naction = 'warn'")],
        &[("p.toml", "[base]\naction = 'warn'")],
        &[("p.toml", "[data]\naction = 'warn'")],
        &[("p.toml", "[require]\naction = 'warn'")],
        &[("p.toml", "[licences]\naction = 'warn'")],
        &[("p.toml", "[licences]\nunknown = 'ignore'")],
        &[("p.toml", "[licences]\nignore = ['pkg:deb/*']")],
    ];
    for demand in [
        "[base]\nallow = 'debian:13'",
        "[base]\ndeny = '*:latest'",
        "[base]\nallow-digests = 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'",
        "[base]\nmax-age = '90d'",
        "[data]\nmax-age = '1d'",
        "[licences]\ndeny = 'GPL-*'",
        "[limits]\nsize = '1 MB'",
        "[limits]\nstored-size = '1 MB'",
        "[limits]\nwaste = '5%'",
        "[limits]\nlayers = 3",
        "[limits]\npackages = 3",
        "[require]\nprovenance = true",
        "[require]\nsbom = true",
        "[require]\nsignature = true",
        "[require]\nhealthcheck = true",
        "[require]\nlabels = { team = 'any' }",
    ] {
        assert!(!parse(demand).asks_nothing(), "{demand}");
    }
    for files in cases {
        let (set, notes) = loaded(files).expect("in order");
        let (shown, verdict) = shown(&set, vec![file(&AWS, "app/key"), image(&ROOT)]);
        assert_eq!(
            (shown[0].as_str(), verdict.outcome),
            ("fail secret/aws-access-key app/key", Outcome::Failed),
            "{files:?}"
        );
        assert_eq!(notes[0], "it has neither rules nor demands of images, so `careen:2026` judges too", "{files:?}");
        let table = files[0]
            .1
            .strip_prefix('[')
            .and_then(|text| Some(text.split_once(']')?.0))
            .filter(|table| *table != "policy");
        let told = table
            .map(|table| format!("`[{table}]` in `./p.toml:2` does nothing: no key of it asks anything of images"));
        assert_eq!(notes.get(1), told.as_ref(), "{files:?}");
    }
    // what is extended asks something, or the table is of an extended one
    for files in [
        &[("p.toml", "extends = './m.toml'"), ("m.toml", "extends = 'careen:report-only'")],
        &[("p.toml", "extends = './m.toml'\n[limits]\naction = 'warn'"), ("m.toml", "[limits]\nsize = '1 MB'")],
    ] {
        let (set, notes) = loaded(files).expect("in order");
        assert!(set.policies().iter().all(|policy| policy.name != "careen:2026"), "{files:?}");
        assert!(!notes.iter().any(|note| note.contains("does nothing") || note.contains("judges too")), "{notes:?}");
    }
}

#[test]
fn licences_that_are_not_known_are_asked_for_alone() {
    let package = |licence: Option<&str>| PackageFacts {
        purl: format!("pkg:npm/{}@1", licence.unwrap_or("none").to_lowercase()),
        licence: licence.map(ToOwned::to_owned),
        is_expression: licence.is_some(),
        is_counted: true,
        ..PackageFacts::default()
    };
    let mut image = ImageFacts {
        lists_packages: true,
        packages: vec![package(Some("MIT")), package(None)],
        ..ImageFacts::default()
    };
    let set = PolicySet::of(vec![parse("[licences]\nunknown = 'fail'")]).expect("in order");
    assert!(set.asks_for_packages());
    let judged = |image: &ImageFacts| {
        let origin = |_: &Finding| Origin::Unknown;
        let context = EvaluateContext {
            limitations: &[],
            today: TODAY.parse().expect("a date"),
            origin: &origin,
            image: Some(image),
        };
        let (judged, verdict) = set.evaluate(vec![], &context).expect("no condition");
        let told = judged.iter().map(|one| format!("{} {}", one.finding.rule.id, one.finding.subject));
        (told.collect::<Vec<_>>(), verdict.outcome)
    };
    assert_eq!(judged(&image), (vec!["policy/licence-unknown pkg:npm/none@1".into()], Outcome::Failed));
    image.lists_packages = false;
    assert_eq!(judged(&image).1, Outcome::Incomplete);
}

#[test]
fn what_policies_forbid_no_comment_accepts() {
    const FAILS: &str = "[[rule]]\nmatch = {}\naction = 'fail'\n";
    let dockerfile = |allowed_in: &str| {
        let location = Location::Dockerfile { file: "api/Dockerfile".into(), start: (3, 1), end: (3, 9) };
        let found = Finding::new(&ROOT, "USER", location, "found");
        found.evidence("allowed_for", "because").evidence("allowed_in", allowed_in)
    };
    let comment = || dockerfile("api/Dockerfile:2");
    let inline = || file(&AWS, "app/key").evidence("allowed_by", "careen:allow");
    let allowance = || file(&AWS, "app/key").evidence("allowed_for", "test").evidence("allowed_in", "rules.toml:3");
    let honours = "honour-inline = true\n";
    let (nothing, by_allow, by_comments) =
        ("", "`allow = false` in `policy.toml:2`", "`dockerfile-comments = false` in `policy.toml:2`");
    let cases: &[(&str, &str, Finding, &str)] = &[
        ("", "", comment(), nothing),
        ("", "dockerfile-comments = false", comment(), by_comments),
        ("", "dockerfile-comments = true", comment(), nothing),
        ("", "dockerfile-comments = false", dockerfile("rules.toml:3"), nothing),
        ("", "dockerfile-comments = false", allowance(), nothing),
        ("", "allow = false", comment(), by_allow),
        ("", "allow = false", dockerfile("rules.toml:3"), by_allow),
        ("", "allow = false", allowance(), by_allow),
        ("", "allow = true", allowance(), nothing),
        (honours, "dockerfile-comments = false", inline(), nothing),
        (honours, "allow = false", inline(), by_allow),
        (honours, "allow = true", inline(), nothing),
    ];
    for (top, table, finding, refused) in cases {
        let policy = parse(&format!("[waivers]\n{table}\n{FAILS}"));
        let set = PolicySet::of(vec![parse(&format!("{top}{FAILS}")), policy]).expect("in order");
        let (judged, verdict) = evaluate(&set, vec![finding.clone()], &[]);
        let said = judged[0].note.clone().unwrap_or_default();
        let told = said.split_once("accepts nothing: ").map_or("", |(_, why)| why);
        assert_eq!((told, verdict.waived), (*refused, usize::from(refused.is_empty())), "{top}{table} {finding:?}");
    }
    // what is accepted by the policy's own waiver needs no comment
    let waiver = "[waivers]\ndockerfile-comments = false\n[[waiver]]\nrule = 'image/root-user'\nsubject = 'USER'\nreason = 'r'\nexpires = 2026-12-31\n";
    let (judged, _) =
        evaluate(&PolicySet::of(vec![parse(FAILS), parse(waiver)]).expect("in order"), vec![comment()], &[]);
    assert_eq!((judged[0].waiver.as_ref().map(|waiver| waiver.reason.as_str()), &judged[0].note), (Some("r"), &None));
}

#[test]
fn what_was_waived_when_the_baseline_was_made_is_new_without_its_waiver() {
    let found = file(&AWS, "app/key");
    let entry =
        |status: &str| json!({ "id": found.fingerprint(), "rule": AWS.id, "subject": "app/key", "status": status });
    for (entries, expected) in [(vec![entry("waived")], Outcome::Failed), (vec![entry("open")], Outcome::Passed)] {
        let report = json!({ "schema": "careen.report/1", "findings": entries }).to_string();
        let listing = Listing::read("r.json", report.as_bytes()).expect("a report").write();
        for text in [report, listing] {
            let baseline = Baseline::parse("b.json", text.as_bytes()).expect("a baseline");
            assert_eq!(
                evaluate(&default_set().with_baseline(baseline), vec![found.clone()], &[]).1.outcome,
                expected,
                "{text}"
            );
        }
    }
    // of two platforms, one of which has a waiver
    let one = |platform: &str, status: &str| {
        let target = json!({ "reference": "x", "platform": platform });
        json!({ "schema": "careen.report/1", "target": target, "findings": [entry(status)] })
    };
    let reports = [one("linux/amd64", "waived"), one("linux/arm64", "open")];
    let report = json!({ "schema": "careen.reports/1", "reports": reports }).to_string();
    let listing = Listing::read("r.json", report.as_bytes()).expect("a report").write();
    for text in [report, listing] {
        for (platform, expected) in
            [("linux/amd64", Outcome::Failed), ("linux/amd64/v1", Outcome::Failed), ("linux/arm64", Outcome::Passed)]
        {
            let baseline = Baseline::parse("b.json", text.as_bytes()).expect("a baseline");
            let facts = ImageFacts { platform: Some(platform.into()), ..ImageFacts::default() };
            let origin = |_: &Finding| Origin::Unknown;
            let today = TODAY.parse().expect("a date");
            let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
            let set = default_set().with_baseline(baseline);
            let (_, verdict) = set.evaluate(vec![found.clone()], &context).expect("no condition");
            assert_eq!(verdict.outcome, expected, "{platform} {text}");
        }
    }
}

#[test]
#[expect(clippy::useless_vec, reason = "an array of sets is large for a stack")]
fn secrets_that_are_not_listed_leave_a_gap_where_they_may_fail() {
    let of = |policy: &str| PolicySet::of(vec![parse(policy)]).expect("in order");
    let weightless = [Limitation::note("secrets-not-listed", "/app/key", "3 more secrets in this file")];
    let weighty = [Limitation::gap("secrets-not-listed", "/app/key", "3 more secrets in this file")];
    for (set, limitations, expected) in vec![
        (default_set(), &weighty, Outcome::Incomplete),
        (default_set(), &weightless, Outcome::Passed),
        (of("[[rule]]\nmatch = { rule = 'secret/generic' }\naction = 'fail'"), &weightless, Outcome::Incomplete),
        (of("[[rule]]\nmatch = { severity = '>=info' }\naction = 'fail'"), &weightless, Outcome::Incomplete),
        (of("[[rule]]\nmatch = { rule = 'secret/generic' }\naction = 'warn'"), &weightless, Outcome::Passed),
        (of("[[rule]]\nmatch = { rule = 'image/root-user' }\naction = 'fail'"), &weightless, Outcome::Passed),
        (default_set().with_fail_on(FailOn::parse("info", KNOWN).expect("a word")), &weightless, Outcome::Incomplete),
        (default_set().with_fail_on(FailOn::parse("low", KNOWN).expect("a word")), &weightless, Outcome::Passed),
    ] {
        let (_, verdict) = evaluate(&set, vec![], limitations);
        assert_eq!(verdict.outcome, expected, "{:?} {limitations:?}", verdict.policies);
    }
    assert_eq!(evaluate(&default_set(), vec![file(&AWS, "app/key")], &weighty).1.outcome, Outcome::Failed);
}

#[test]
fn who_is_named_last_has_the_last_word() {
    let org = ("org.toml", "[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'\n");
    let team = "[[rule]]\nmatch = { family = 'secret' }\naction = 'warn'\n";
    let on_org = ("team.toml", &*format!("extends = './org.toml'\n{team}"));
    let on_preset = ("milder.toml", &*format!("extends = 'careen:2026'\n{team}"));
    let list = ("list.toml", "extends = ['./team.toml', './org.toml']\n");
    let both = ("both.toml", "extends = ['./team.toml', './other.toml']\n");
    let other = ("other.toml", "extends = './org.toml'\n[[rule]]\nmatch = { family = 'image' }\naction = 'fail'\n");
    let folder = tempfile::tempdir().expect("a folder");
    let milder = ("warns.toml", team);
    let again = ("again.toml", "extends = ['./warns.toml', './org.toml']\n");
    let alone = ("alone.toml", "extends = './org.toml'\n");
    let built = ("built.toml", "extends = './warns.toml'\n");
    let round = ("round.toml", "extends = ['./built.toml', './org.toml']\n");
    for (name, text) in [org, on_org, on_preset, list, both, other, milder, again, alone, built, round] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    for (words, expected) in [
        (&["team.toml"][..], Outcome::Passed),
        (&["team.toml", "org.toml"], Outcome::Failed),
        (&["org.toml", "team.toml"], Outcome::Passed),
        (&["team.toml", "org.toml", "team.toml"], Outcome::Passed),
        (&["milder.toml"], Outcome::Passed),
        (&["milder.toml", "careen:2026"], Outcome::Failed),
        (&["careen:2026", "milder.toml"], Outcome::Passed),
        (&["list.toml"], Outcome::Failed),
        // what two extend stays below both
        (&["both.toml"], Outcome::Passed),
        // what a list names first judges first, also where another brought the second in before
        (&["again.toml"], Outcome::Failed),
        (&["org.toml", "again.toml"], Outcome::Failed),
        (&["alone.toml", "again.toml"], Outcome::Failed),
        (&["again.toml", "alone.toml"], Outcome::Failed),
        (&["team.toml", "again.toml"], Outcome::Passed),
        (&["org.toml", "round.toml"], Outcome::Failed),
        (&["warns.toml", "org.toml", "round.toml"], Outcome::Failed),
        (&["org.toml", "warns.toml", "round.toml"], Outcome::Failed),
        (&["again.toml", "warns.toml"], Outcome::Passed),
    ] {
        let named = |word: &&str| match word.strip_suffix(".toml") {
            Some(_) => folder.path().join(word).to_string_lossy().into_owned(),
            None => (*word).to_owned(),
        };
        let words: Vec<String> = words.iter().map(named).collect();
        let set = LOADER.load(&words).expect("in order");
        assert_eq!(evaluate(&set, vec![file(&AWS, "app/key")], &[]).1.outcome, expected, "{words:?}");
    }
}

#[cfg(unix)]
#[test]
fn waivers_that_others_may_write_are_refused_unless_they_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (policy, waivers) = (folder.path().join("p.toml"), folder.path().join("waivers.toml"));
    std::fs::write(&policy, "extends = 'careen:2026'\n").expect("written");
    std::fs::write(&waivers, "[[waiver]]\nrule = 'secret/*'\nreason = 'r'\nexpires = 2026-12-31\n").expect("written");
    let name = |path: &std::path::Path| path.to_string_lossy().into_owned();
    for (mode, is_read) in [(0o644, true), (0o664, true), (0o666, false)] {
        std::fs::set_permissions(&waivers, std::fs::Permissions::from_mode(mode)).expect("its own");
        let set = LOADER.load(&[name(&policy)]);
        assert_eq!(set.as_ref().is_ok(), is_read, "{mode:o}");
        if let Err(error) = set {
            assert_eq!((error.kind, error.place), (ErrorKind::Config, Some(name(&waivers))));
        }
        let set = LOADER.add_waivers(default_set(), &[name(&waivers)]).expect("it is named");
        assert!(set.policies().iter().any(|policy| !policy.waivers.is_empty()));
    }
}

#[test]
fn of_what_grows_a_baseline_knows_how_much_there_was() {
    const LIMITS: &str = "[limits]\nsize = '1 kB'\n[data]\nmax-age = '1h'\n";
    let judged = |facts: &ImageFacts, baseline: Option<&str>| {
        let set = PolicySet::of(vec![parse(LIMITS)]).expect("in order");
        let set = match baseline {
            Some(text) => set.with_baseline(Baseline::parse("b.json", text.as_bytes()).expect("a baseline")),
            None => set,
        };
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(facts) };
        let judged = set.evaluate(vec![], &context).expect("no condition").0;
        judged.into_iter().map(|one| (one.finding, one.action)).collect::<Vec<_>>()
    };
    let facts = |size| ImageFacts { size: Some(size), data_hours: Some(0), ..ImageFacts::default() };
    let found = judged(&facts(2_000), None).remove(0).0;
    let report = json!({ "schema": "careen.report/1", "findings": [
        { "id": found.fingerprint(), "rule": found.rule.id, "subject": found.subject, "evidence": found.evidence },
    ] });
    let listing = Listing::read("r.json", report.to_string().as_bytes()).expect("a report").write();
    let without = listing.replace("\"value\": 2000", "\"more\": 1");
    assert_ne!(without, listing);
    for (text, size, expected) in [
        (&report.to_string(), 2_000, Action::Warn),
        (&listing, 2_000, Action::Warn),
        (&listing, 1_500, Action::Warn),
        (&listing, 2_001, Action::Fail),
        (&listing, 90_000, Action::Fail),
        (&without, 2_000, Action::Fail),
    ] {
        assert_eq!(judged(&facts(size), Some(text))[0].1, expected, "{size} {text}");
    }
    // what is older each day was younger then
    let mut old = facts(10);
    old.data_hours = Some(2);
    let found = judged(&old, None).remove(0).0;
    let report =
        json!({ "schema": "careen.report/1", "findings": [{ "id": found.fingerprint(), "rule": found.rule.id }] });
    assert_eq!(judged(&old, Some(&report.to_string()))[0].1, Action::Fail);
}

#[test]
fn a_waiver_that_is_not_asked_is_not_unused_and_one_for_what_is_off_is() {
    static OFF: Rule = Rule { id: "image/no-example", is_opt_in: true, ..Rule::NEW };
    static RULES: &[&Rule] = &[&OFF, &ROOT, &SETUID];
    let told = |text: &str, platform: Option<&str>, others: &[&str]| {
        let policy = Policy::parse("policy.toml", text, RULES, false).expect("in order");
        let facts = ImageFacts {
            platform: platform.map(ToOwned::to_owned),
            reference: "shop/api:1".into(),
            ..ImageFacts::default()
        };
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
        let mut set = PolicySet::of(vec![policy]).expect("in order");
        for other in others {
            let facts = ImageFacts { platform: Some((*other).to_owned()), ..facts.clone() };
            let context = EvaluateContext { image: Some(&facts), ..context };
            set = set.clone().with_used(set.used_waivers(vec![config(&OFF, "x")], &context).expect("no condition"));
        }
        let (judged, _) = set.evaluate(vec![image(&ROOT), config(&OFF, "x")], &context).expect("no condition");
        let unused = judged.into_iter().find(|one| one.finding.rule.id == "policy/waiver-unused");
        unused.map(|one| one.finding.message)
    };
    let waiver = |keys: &str| format!("edition = '2026'\n[[waiver]]\n{keys}\nreason = 'r'\nexpires = 2026-12-31\n");
    let nothing = Some("the waiver in `policy.toml:2` accepts nothing in this image".to_owned());
    let off = Some(
        "the waiver in `policy.toml:2` accepts nothing: what it is for (1 finding) is ignored or off without it"
            .to_owned(),
    );
    let of = |keys: &str, platform| told(&waiver(keys), platform, &[]);
    assert_eq!(of("rule = 'image/root-user'\nplatform = 'linux/arm64'", Some("linux/amd64")), None);
    assert_eq!(of("rule = 'image/root-user'\nplatform = 'linux/arm64'", None), None);
    assert_eq!(of("rule = 'image/root-user'\nimage = 'shop/web:*'", Some("linux/amd64")), None);
    assert_eq!(of("rule = 'image/setuid'\nplatform = 'linux/arm64'", Some("linux/arm64")), nothing);
    assert_eq!(of("rule = 'image/setuid'\nimage = 'shop/api:*'", None), nothing);
    assert_eq!(of("rule = 'image/no-example'", None), off);
    let asked = "[[rule]]\nmatch.rule = 'image/no-example'\naction = 'warn'\n";
    assert_eq!(told(&format!("{}{asked}", waiver("rule = 'image/no-example'")), None, &[]), None);
    let ignored = "[[rule]]\nmatch.rule = 'image/root-user'\naction = 'ignore'\n";
    assert_eq!(told(&format!("{}{ignored}", waiver("rule = 'image/root-user'")), None, &[]), off);
    // another platform, which does not ask it, does not need it
    let scoped = waiver("rule = 'image/setuid'\nplatform = 'linux/arm64'");
    assert_eq!(told(&scoped, Some("linux/arm64"), &["linux/amd64"]), nothing);
}

#[test]
fn which_waivers_are_needed_is_known() {
    let text = "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2026-12-31\n\
                [[waiver]]\nrule = 'image/setuid'\nreason = 'r'\nexpires = 2026-12-31\n";
    let set = PolicySet::of(vec![parse(text)]).expect("in order");
    let origin = |_: &Finding| Origin::Unknown;
    let today = TODAY.parse().expect("a date");
    let context = EvaluateContext { limitations: &[], today, origin: &origin, image: None };
    let used = set.used_waivers(vec![image(&ROOT)], &context).expect("no condition");
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["policy.toml:1"]);
}

#[test]
fn a_scope_that_leaves_little_out_is_none() {
    let cases = [
        ("rule = 'package/vulnerable'\nsubject = 'CVE-*'", true),
        ("rule = 'package/vulnerable'\nsubject = 'CVE-2026-*'", true),
        ("rule = 'package/vulnerable'\nsubject = 'CVE-2026-1234'", false),
        ("rule = 'package/vulnerable'\npurl = 'pkg:npm/*'", true),
        ("rule = 'package/vulnerable'\npurl = 'pkg:npm/*@*'", true),
        ("rule = 'package/vulnerable'\npurl = 'pkg:deb/debian/*'", true),
        ("rule = 'package/vulnerable'\npurl = 'pkg:deb/debian/openssl@*'", false),
        ("rule = 'package/vulnerable'\npurl = 'pkg:npm/left@*'", false),
        ("rule = 'package/vulnerable'\npurl = 'pkg:npm/%40shop/*'", false),
        ("rule = 'package/vulnerable'\npurl = '*openssl*'", false),
        ("rule = 'CVE-2026-1234'\npurl = 'pkg:npm/*'", false),
        ("rule = '*'\npurl = 'pkg:npm/*'", true),
        ("rule = '*'\npath = '/a**'", true),
        ("rule = '*'\npath = '/a/**'", false),
        ("rule = '*'\npath = '/app/test/**'", false),
        ("rule = '*'\npath = '**/*.pem'", false),
        ("rule = '*'\npath = '**/?*'", true),
        ("rule = 'image/root-user'\npath = '/a**'", false),
    ];
    for (keys, is_broad) in cases {
        let policy = parse(&format!("[[waiver]]\n{keys}\nreason = 'r'\nexpires = 2026-12-31\n"));
        assert_eq!(!policy.waivers[0].selector.is_narrow(), is_broad, "{keys}");
    }
}

#[test]
fn the_verdict_names_each_policy_that_had_a_say() {
    let waiver = "name = 'accepted'\n[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2026-12-31\n";
    let cases: &[(&[&str], &[&str])] = &[
        (&["extends = 'careen:2026'"], &["careen:2026"]),
        (&["extends = 'careen:2026'\nscope = 'app'"], &["careen:2026", "policy.toml"]),
        (&["extends = 'careen:2026'\nhonour-inline = true"], &["careen:2026", "policy.toml"]),
        (&["extends = 'careen:2026'\nfail-on = 'all'"], &["careen:2026", "policy.toml"]),
        (&["extends = 'careen:2026'", waiver], &["careen:2026", "accepted"]),
    ];
    for (policies, names) in cases {
        assert_eq!(judged(policies, vec![image(&ROOT)]).1.policies, *names, "{policies:?}");
    }
}

#[cfg(feature = "cel")]
#[test]
fn a_condition_on_the_image_alone_judges_a_clean_image() {
    let told = |text: &str, findings: Vec<Finding>, facts: Option<&ImageFacts>| {
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: facts };
        let set = PolicySet::of(vec![parse(text)]).expect("in order");
        let (judged, verdict) = set.evaluate(findings, &context).expect("each condition has a value");
        let line = |one: Judged| format!("{} {} {}", one.action.as_str(), one.finding.rule.id, one.finding.message);
        (judged.into_iter().map(line).collect::<Vec<_>>(), verdict.outcome)
    };
    let rule = |keys: &str, when: &str| format!("[[rule]]\nname = 'many'\n{keys}\nwhen = '{when}'\n");
    let fails = |when: &str| rule("match = {}\naction = 'fail'", when);
    let facts = ImageFacts { layers: Some(9), ..ImageFacts::default() };
    let large =
        "fail policy/image-condition the image is as the rule `many` says that it must not be: `image.layers > 5`";
    let of = |text: &str| told(text, Vec::new(), Some(&facts));
    assert_eq!(of(&fails("image.layers > 5")), (vec![large.to_owned()], Outcome::Failed));
    let said = rule("match = {}\naction = 'fail'\nmessage = 'too many layers'", "image.layers > 5");
    assert_eq!(of(&said), (vec!["fail policy/image-condition too many layers".to_owned()], Outcome::Failed));
    // later rules see it like any other
    let later =
        format!("{}[[rule]]\nmatch.rule = 'policy/image-condition'\naction = 'warn'\n", fails("image.layers > 5"));
    assert_eq!(of(&later).1, Outcome::Passed);
    let waived = "[[waiver]]\nrule = 'policy/image-condition'\nreason = 'r'\nexpires = 2026-12-31\n";
    assert_eq!(of(&format!("{}{waived}", fails("image.layers > 5"))).1, Outcome::Passed);
    for quiet in [
        fails("image.layers > 10"),
        fails("image.layers > 5 && finding.fixable"),
        fails("has(finding.cvss) && image.layers > 5"),
        fails("true"),
        rule("match = {}\naction = 'ignore'", "image.layers > 5"),
        rule("match = { family = 'secret' }\naction = 'fail'", "image.layers > 5"),
        rule("match = {}\nunless = { family = 'secret' }\naction = 'fail'", "image.layers > 5"),
    ] {
        assert_eq!(of(&quiet), (Vec::new(), Outcome::Passed), "{quiet}");
    }
    assert_eq!(told(&fails("image.layers >= 0"), Vec::new(), None).0, [""; 0], "there is no image");
    // what is found is decided as before
    let root = "fail image/root-user found";
    let secrets = "[[rule]]\nmatch = { family = 'image' }\naction = 'fail'\n";
    for (action, outcome) in [("fail", Outcome::Failed), ("warn", Outcome::Failed), ("ignore", Outcome::Failed)] {
        let text = format!("{secrets}{}", rule(&format!("match = {{}}\naction = '{action}'"), "image.layers > 5"));
        let (lines, verdict) = told(&text, vec![image(&ROOT)], Some(&facts));
        assert!(lines.contains(&root.to_owned()), "{action}: {lines:?}");
        assert_eq!((lines.len(), verdict), (1 + usize::from(action != "ignore"), outcome), "{action}");
    }
    // who means the findings selects them
    let all = rule("match = { rule = '*' }\naction = 'warn'", "image.layers > 5");
    let (lines, outcome) = told(&format!("{secrets}{all}"), vec![image(&ROOT)], Some(&facts));
    assert_eq!((lines, outcome), (vec!["warn image/root-user found".to_owned()], Outcome::Passed));
    // each decides what it says itself; a later rule that selects everything has the last word
    let two = format!("{}{}", fails("image.layers > 5"), rule("match = {}\naction = 'warn'", "image.layers > 6"));
    let (lines, outcome) = of(&two);
    let line = |action: &str, count: u8| {
        let rule = "policy/image-condition the image is as the rule `many` says that it must not be";
        format!("{action} {rule}: `image.layers > {count}`")
    };
    assert_eq!((lines, outcome), (vec![line("fail", 5), line("warn", 6)], Outcome::Failed));
    let (lines, _) = of(&format!("{two}[[rule]]\nmatch = {{}}\naction = 'info'\n"));
    assert_eq!(lines, [line("info", 5), line("info", 6)]);
    let (lines, _) = of(&format!("[[rule]]\nmatch = {{}}\naction = 'info'\n{two}"));
    assert_eq!(lines, [line("fail", 5), line("warn", 6)]);
}

#[cfg(feature = "cel")]
#[test]
fn a_condition_without_a_value_names_the_finding() {
    let text = "[[rule]]\nname = 'kinds'\nmatch = {}\nwhen = 'finding.evidence.kind == \"x\"'\naction = 'fail'\n";
    let set = PolicySet::of(vec![parse(text)]).expect("in order");
    let origin = |_: &Finding| Origin::Unknown;
    let today = TODAY.parse().expect("a date");
    let context = EvaluateContext { limitations: &[], today, origin: &origin, image: None };
    let error = set.evaluate(vec![file(&AWS, "app/key")], &context).expect_err("there is no such key");
    let start = "the condition of the rule `kinds` has no value for the finding `secret/aws-access-key` of `app/key`: ";
    assert!(error.message.starts_with(start), "{}", error.message);
    assert_eq!(error.place.as_deref(), Some("policy.toml:1"));
}

#[test]
fn rules_that_can_never_match_are_told() {
    let wrong = |conditions: &str| {
        let text = format!("[[rule]]\nmatch = {{ {conditions} }}\naction = 'fail'\n");
        Policy::parse("policy.toml", &text, KNOWN, false).err().map(|error| error.message)
    };
    for (conditions, said) in [
        ("severity = '>critical'", "no severity is `>critical`"),
        ("severity = '<info'", "no severity is `<info`"),
        ("confidence = '<low'", "no confidence is `<low`"),
        ("cvss = '<0'", "no `cvss` is `<0`"),
        ("cvss = '>10'", "no `cvss` is `>10`"),
        ("epss = '>1'", "no `epss` is `>1`"),
        ("path = '[z-a]'", "`[z-a]` is no pattern"),
        ("purl = 'pkg:NPM/left'", "no package URL is `pkg:NPM/left`"),
        ("purl = 'pkg:npm/@babel/core@*'", "no package URL is `pkg:npm/@babel/core@*`"),
        ("rule = 'GHSA-AAAA-BBBB-CCCC'", "no flaw is called `GHSA-AAAA-BBBB-CCCC`"),
        ("rule = 'RUSTSEC-20-1'", "no flaw is called `RUSTSEC-20-1`"),
    ] {
        let message = wrong(conditions).unwrap_or_default();
        assert_eq!(message, format!("policy `policy.toml`: {said}"), "{conditions}");
    }
    for right in ["severity = '>=critical'", "severity = '<=info'", "cvss = '>=10'", "cvss = '<=0'", "path = '[a-a]'"] {
        assert_eq!(wrong(right), None, "{right}");
    }
    let notes =
        |rule: &str| loaded(&[("p.toml", &format!("extends = 'careen:2026'\n[[rule]]\n{rule}"))]).expect("in order").1;
    let nothing = "the rule in `./p.toml:2` selects nothing: ";
    let no_package = "its findings are about no package, which alone have ecosystem, licence, scores and exploits";
    for (conditions, why) in [
        (
            "fixable = false, fix-age = '>=3d'",
            "`fix-age` is of fixable flaws alone, and `fixable = false` leaves these out",
        ),
        ("ecosystem = 'npm', purl = 'pkg:deb/*'", "no package URL of its `purl` is of its `ecosystem`"),
        ("rule = 'secret/*', cvss = 7.0", no_package),
        ("rule = 'secret/*', kev = true", no_package),
        ("family = 'secret', licence = 'MIT'", no_package),
    ] {
        let told = notes(&format!("match = {{ {conditions} }}\naction = 'fail'\n"));
        assert!(told.contains(&format!("{nothing}{why}")), "{conditions}: {told:?}");
    }
    for conditions in ["ecosystem = ['npm', 'deb'], purl = 'pkg:deb/*'", "cvss = 7.0", "rule = 'package/*', kev = true"]
    {
        let told = notes(&format!("match = {{ {conditions} }}\naction = 'fail'\n"));
        assert!(!told.iter().any(|note| note.starts_with(nothing)), "{conditions}: {told:?}");
    }
    if cfg!(feature = "cel") {
        for (when, why) in [
            ("false", "its condition never holds"),
            ("1 > 2", "its condition never holds"),
            ("1 / 0 == 1", "its condition never has a value, and a run that asks it ends with an error: "),
            ("[1, 2][5] == 1", "its condition never has a value, and a run that asks it ends with an error: "),
            ("{\"a\": 1}[\"b\"] == 1", "its condition never has a value, and a run that asks it ends with an error: "),
        ] {
            let told = notes(&format!("match = {{}}\nwhen = '{when}'\naction = 'fail'\n"));
            let start = format!("the rule in `./p.toml:2` never decides: {why}");
            assert!(told.iter().any(|note| note.starts_with(&start)), "{when}: {told:?}");
        }
        for when in ["true", "true || 1 / 0 == 1", "today < timestamp(\"2020-01-01T00:00:00Z\")", "finding.fixable"] {
            let told = notes(&format!("match = {{}}\nwhen = '{when}'\naction = 'fail'\n"));
            assert!(!told.iter().any(|note| note.contains("never decides")), "{when}: {told:?}");
        }
        let wrong = |when: &str| {
            let text = format!("[[rule]]\nmatch = {{}}\nwhen = \"{when}\"\naction = 'fail'\n");
            Policy::parse("policy.toml", &text, KNOWN, false).err().map(|error| error.message).unwrap_or_default()
        };
        for (when, said) in [
            ("finding.rule.startsWith('pakage/')", "no id of a rule begins with `pakage/`"),
            ("finding.path == null", "`finding.path` is never null; ask `has(finding.path)`"),
            ("null != image.user", "`image.user` is never null; ask `has(image.user)`"),
            ("finding.fixable ? 1 : false", "both sides of `:` are of one type; these are an int and a bool"),
        ] {
            assert_eq!(wrong(when), format!("policy `policy.toml`: {said}"), "{when}");
        }
        for right in ["finding.rule.startsWith('package/')", "finding.evidence.x == null", "[1, 2][1] == 2"] {
            assert_eq!(wrong(right), "", "{right}");
        }
    }
}

#[test]
fn a_package_url_without_a_version_is_for_all_versions() {
    let is_selected = |pattern: &str, purl: &str| {
        let mut found = image(&FLAW);
        found.location = Location::Package { purl: purl.into(), path: ImagePath::from("x"), layer: 0 };
        let text = format!("[[rule]]\nmatch = {{ purl = '{pattern}' }}\naction = 'fail'\n");
        judged(&[&text], vec![found]).1.failed == 1
    };
    for (pattern, purl, expected) in [
        ("pkg:cargo/smallvec", "pkg:cargo/smallvec@0.6.9", true),
        ("pkg:cargo/smallvec", "pkg:cargo/smallvec", true),
        ("pkg:cargo/smallvec", "pkg:cargo/smallvector@1", false),
        ("pkg:deb/*/openssl", "pkg:deb/debian/openssl@3.0-1?arch=amd64", true),
        ("pkg:deb/*/openssl", "pkg:deb/debian/openssl?arch=amd64", true),
        ("pkg:deb/*/openssl", "pkg:deb/debian/openssl-dev@3", false),
        ("pkg:cargo/smallvec@0.6.9", "pkg:cargo/smallvec@0.6.91", false),
        ("pkg:npm/%40babel/core", "pkg:npm/%40babel/core@7.0.0", true),
        ("pkg:npm/left@1", "pkg:npm/left@1?download_url=x", true),
        ("pkg:npm/left@1", "pkg:npm/left@12?download_url=x", false),
        ("pkg:npm/left@1?arch=x", "pkg:npm/left@1?download_url=x", false),
        ("pkg:npm/left#lib", "pkg:npm/left#lib@1", false),
        ("pkg:npm/", "pkg:npm/@1", false),
    ] {
        assert_eq!(is_selected(pattern, purl), expected, "{pattern} {purl}");
    }
}

#[test]
fn what_is_no_policy_is_told_and_not_shown() {
    let failed = |name: &str, text: &str| loaded(&[(name, text)]).map(drop).expect_err(text);
    let shadow = format!("root:$6${}:19000:0:99999:7:::\nuser:x:1\n", "abcdefgh");
    let error = failed("p.toml", &shadow);
    assert!(error.message.ends_with("is no TOML, and has no key of a policy"), "{}", error.message);
    assert!(!format!("{error:?}").contains("abcdefgh"), "{error:?}");
    let error = failed("p.toml", "password = hidden words\n");
    assert!(!format!("{error:?}").contains("hidden words"), "{error:?}");
    let error = failed("careen.toml", "[policy]\nscope = app\n");
    assert!(error.detail.is_some_and(|detail| detail.contains("scope = app")), "so is one in a configuration file");
    let error = failed("p.toml", "edition = '2026'\nscope = app\n");
    assert!(
        error.detail.as_ref().is_some_and(|detail| detail.contains("scope = app")),
        "a policy with a mistake is shown"
    );
    assert_eq!(error.help, None, "a policy, however wrong, is of no other tool");
    for (name, text, tool) in [
        (".trivyignore", "CVE-2026-1234\n", "trivyignore"),
        (".hadolint.yaml", "ignored:\n  - DL3008\n", "hadolint"),
        ("accepted.txt", "CVE-2026-1234\n", "trivyignore"),
        ("accepted.toml", "[advisories]\nignore = []\n", "cargo-audit"),
    ] {
        let help = failed(name, text).help.unwrap_or_default();
        assert!(help.starts_with(&format!("this is a file of {tool}: `careen policy import ")), "{help}");
    }
    // a policy of it would say next to nothing
    let help = failed(".dive-ci", "rules:\n  lowestEfficiency: 0.9\n").help.unwrap_or_default();
    assert!(help.starts_with("this is a file of dive: `careen layers --dive-ci "), "{help}");
    for (text, message, help) in [
        (
            "[policy]\nextends = 'careen:2026'\n",
            "`[policy]` stands in `careen.toml` alone",
            "its keys stand at the top",
        ),
        ("[[policy.rule]]\nmatch = {}\n", "`[policy]` stands in `careen.toml` alone", ""),
        (
            "[[rule]]\nmatch = { rule = 'cve-2026-1' }\naction = 'fail'\n",
            "no rule `cve-2026-1`",
            "did you mean `CVE-2026-1`?",
        ),
        (
            "[[rule]]\nmatch = { rule = 'ghsa-rxwq-x6h5-x525' }\naction = 'fail'\n",
            "no rule `ghsa-rxwq-x6h5-x525`",
            "did you mean `GHSA-rxwq-x6h5-x525`?",
        ),
        (
            "[[rule]]\nmatch = { rule = 'rustsec-2021-0003' }\naction = 'fail'\n",
            "no rule",
            "did you mean `RUSTSEC-2021-0003`?",
        ),
        ("[[rule]]\nmatch = { rule = 'go-away' }\naction = 'fail'\n", "no rule `go-away`", ""),
    ] {
        let detail = failed("p.toml", text).detail.unwrap_or_default();
        assert!(detail.contains(message) && detail.contains(help), "{text}: {detail}");
    }
    let error = failed("p.toml", "extends = './gate.rego'\n");
    assert!(error.message.ends_with("a policy in Rego cannot be extended"), "{}", error.message);
    let set = LOADER.add_waivers(default_set(), &["nowhere.toml".to_owned()]);
    let help = set.expect_err("it is not there").help;
    assert_eq!(help.as_deref(), Some("name a file that holds `[[waiver]]`"));
    let (_, notes) = loaded(&[("p.toml", "# nothing\n")]).expect("in order");
    assert_eq!(notes[0], "it says nothing: without it the same would be judged");
}

#[test]
fn a_file_is_checked_among_the_presets_that_are_named_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("milder.toml");
    std::fs::write(&path, "[[rule]]\nmatch = { family = 'secret' }\naction = 'warn'\n").expect("written");
    let words = ["careen:2026".to_owned(), path.to_string_lossy().into_owned()];
    let summaries = check(&words, &LOADER, TODAY.parse().expect("a date")).expect("in order");
    let notes = &summaries[1].notes;
    assert!(notes.iter().any(|note| note.contains("takes the place of `secrets` of `careen:2026`")), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("add `extends")), "{notes:?}");
    // one that is named behind it decides where both do
    let words = [words[1].clone(), words[0].clone()];
    let summaries = check(&words, &LOADER, TODAY.parse().expect("a date")).expect("in order");
    let told = summaries[0].notes.join("\n");
    assert!(!told.contains("does not judge beside it") && !told.contains("the place of"), "{told}");
}

#[cfg(unix)]
#[test]
fn what_stands_in_the_place_of_waivers_is_not_passed_over() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    const WAIVERS: &str = "[[waiver]]\nrule = 'secret/*'\npath = 'app/key'\nreason = 'r'\nexpires = 2026-12-31\n";
    let folder = tempfile::tempdir().expect("a folder");
    let (policy, waivers) = (folder.path().join("p.toml"), folder.path().join("waivers.toml"));
    std::fs::write(&policy, "[[rule]]\nmatch = {}\naction = 'fail'\n").expect("written");
    let word = |path: &std::path::Path| [path.to_string_lossy().into_owned()];
    let load = |named: &[String]| {
        let loader = Loader { waivers: named, ..LOADER };
        loader.load(&word(&policy)).and_then(|set| loader.add_waivers(set, named))
    };
    let outcome = |set: &PolicySet| evaluate(set, vec![file(&AWS, "app/key")], &[]).1.outcome;
    assert_eq!(outcome(&load(&[]).expect("there are none")), Outcome::Failed);
    for target in ["nowhere.toml", "waivers.toml"] {
        symlink(target, &waivers).expect("linked");
        assert!(!load(&[]).expect_err(target).kind.is_refusal(), "{target}");
        std::fs::remove_file(&waivers).expect("removed");
    }
    std::fs::create_dir(&waivers).expect("made");
    load(&[]).expect_err("a folder");
    std::fs::remove_dir(&waivers).expect("removed");

    std::fs::write(&waivers, WAIVERS).expect("written");
    assert_eq!(outcome(&load(&[]).expect("its own")), Outcome::Passed);
    std::fs::set_permissions(&waivers, std::fs::Permissions::from_mode(0o666)).expect("set");
    assert!(load(&[]).expect_err("found only").message.contains("may be written by every user"));
    let set = load(&word(&waivers)).expect("it is named");
    assert_eq!(outcome(&set), Outcome::Passed);
    let all: usize = set.policies().iter().map(|policy| policy.waivers.len()).sum();
    assert_eq!(all, 1, "it is read once");
}

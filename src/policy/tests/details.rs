//! Edges: rules that never decide, files of waivers, values shown, remedies, forms of labels.

use serde_json::json;

use super::cases::image_facts;
use super::*;

static TOLD: Rule = Rule { id: "image/told", remediation: "Do this. Then that.", ..Rule::NEW };
static OFF: Rule = Rule { id: "image/off", is_opt_in: true, ..Rule::NEW };
static GAP: Rule = Rule { id: "data/gap", is_gap: true, ..Rule::NEW };

pub(super) fn loaded(folder: &tempfile::TempDir, files: &[(&str, &str)]) -> crate::error::Result<PolicySet> {
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    LOADER.load(&[folder.path().join(files[0].0).to_string_lossy().into_owned()])
}

#[test]
fn rules_that_never_decide_are_told() {
    let cases = [
        // the earlier rule, the later one, whether nothing is left for the earlier
        ("match = {}", "match = {}", true),
        ("match = { rule = 'image/root-user' }", "match = { rule = 'image/*' }", true),
        ("match = { rule = 'image/*' }", "match = { rule = 'image/*' }", true),
        ("match = { rule = 'image/*' }", "match = { rule = 'image/root-user' }", false),
        ("match = { rule = ['image/root-user', 'base/eol-distro'] }", "match = { rule = 'image/*' }", false),
        ("match = {}", "match = { rule = 'image/*' }", false),
        ("match = { family = 'image' }", "match = { family = ['image', 'base'] }", true),
        ("match = { family = ['image', 'base'] }", "match = { family = 'image' }", false),
        ("match = { family = 'image' }", "match = { severity = 'low' }", false),
        ("match = { severity = 'low' }", "match = { severity = ['low', 'high'] }", true),
        ("match = {}", "match = {}\nunless = { path = '/a' }", false),
        ("match = { family = 'image' }", "match = { rule = 'image/*' }", true),
        ("match = { rule = 'image/*' }", "match = { family = 'image' }", true),
        ("match = { rule = 'image/root-user' }", "match = { rule = 'CIS-DI-0001' }", true),
        ("match = { rule = 'CIS-DI-0001' }", "match = { rule = 'image/root-user' }", true),
        ("match = { rule = 'secret/aws-access-key' }", "match = { family = 'secret' }", true),
        // what is malicious or unsound may go by the id, too
        ("match = { rule = 'CVE-2020-1' }", "match = { rule = 'package/vulnerable' }", false),
        ("match = { rule = 'CVE-2020-1' }", "match = { rule = ['package/vulnerable', 'package/malicious'] }", true),
        ("match = { rule = 'CVE-2020-1' }", "match = { rule = 'image/*' }", false),
        ("match = { rule = 'image/root-user' }", "match = { rule = 'CVE-2020-1' }", false),
        // all that is found has a subject and is found in an image
        ("match = { rule = 'image/*' }", "match = { subject = '*' }", true),
        ("match = { rule = 'image/*' }", "match = { subject = '?*' }", false),
        ("match = { rule = 'image/*' }", "match = { image = ['a', '*'] }", true),
        ("match = { rule = 'image/*' }", "match = { path = '**' }", false),
        ("match = { rule = 'package/*' }", "match = { purl = '*' }", false),
        ("match = { rule = 'GHSA-2x2x-2x2x-2x2x' }", "match = { rule = 'package/vulnerable' }", false),
        ("match = { rule = ['CVE-2020-1', 'image/*'] }", "match = { rule = 'package/vulnerable' }", false),
        ("match = { rule = 'CVE-2020-1' }", "match = { family = 'package' }", true),
        ("match = { rule = 'CVE-2020-1' }", "match = { rule = 'package/*' }", true),
        ("match = { rule = 'package/vulnerable' }", "match = { rule = 'CVE-2020-1' }", false),
        ("match = { rule = 'CVE-2020-1' }", "match = { rule = 'CVE-2020-*' }", true),
        ("match = { rule = 'CVE-2020-*' }", "match = { rule = 'CVE-2020-1' }", false),
        ("match = { rule = 'CVE-2020-1?' }", "match = { rule = 'CVE-*' }", true),
        ("match = { severity = 'critical' }", "match = { severity = '>=high' }", true),
        ("match = { severity = '>=high' }", "match = { severity = 'critical' }", false),
        ("match = { severity = '>medium' }", "match = { severity = ['high', 'critical'] }", true),
        ("match = {}", "match = { severity = ['<=high', 'critical'] }", true),
        ("match = {}", "match = { origin = ['app', 'base', 'unknown'] }", true),
        ("match = { origin = 'app' }", "match = { origin = ['app', 'unknown'] }", true),
        ("match = {}", "match = { visibility = ['live', 'deleted'] }", false),
        ("match = { age = '>=30d' }", "match = { age = '>=14d' }", true),
        ("match = { age = '>=14d' }", "match = { age = '>=30d' }", false),
        ("match = { age = '>14d' }", "match = { age = '>=14d' }", true),
        ("match = { age = '>=14d' }", "match = { age = '>14d' }", false),
        ("match = { age = '<14d' }", "match = { age = '<=14d' }", true),
        ("match = { age = '<=14d' }", "match = { age = '<14d' }", false),
        ("match = { cvss = 9 }", "match = { cvss = 7 }", true),
        ("match = { age = '30d' }", "match = { age = '>=14d' }", true),
        ("match = { age = '3d' }", "match = { age = '>=14d' }", false),
        ("match = { age = '>=15d' }", "match = { age = '>14d' }", true),
        ("match = { age = '<=13d' }", "match = { age = '<14d' }", true),
        ("match = { age = '<=15d' }", "match = { age = '<14d' }", false),
        ("match = { rule = 'CVE-2020-*1' }", "match = { rule = 'CVE-2020-*1' }", true),
        ("match = { path = '**/x/*.pem' }", "match = { path = '**/*.pem' }", true),
        ("match = { path = '**/*.pem' }", "match = { path = '**/x/*.pem' }", false),
        ("match = { cvss = '<4' }", "match = { cvss = '>2' }", false),
        ("match = { fix-age = '>=1d' }", "match = { fixable = true }", true),
        ("match = { path = '/app/x' }", "match = { path = '/app/**' }", true),
        ("match = { path = '/app/x/**' }", "match = { path = '/app/**' }", true),
        ("match = { path = '/app/**' }", "match = { path = '/app/*' }", false),
        ("match = { path = ['/a', '/b'] }", "match = { path = '/{a,b}' }", true),
        ("match = { purl = 'pkg:npm/a@*' }", "match = { purl = 'pkg:npm/*' }", true),
        ("match = { purl = 'pkg:npm/*' }", "match = { purl = 'pkg:npm/a@*' }", false),
        ("match = {}", "match = {}\nwhen = 'finding.fixable'", false),
        ("match = {}\nwhen = 'finding.fixable'", "match = {}", true),
        ("match = {}", "match = {}\nwhen = ' true '", true),
        ("match = {}", "match = {}\nwhen = 'true && finding.fixable'", false),
        ("match = {}", "match = {}\ngrace = '1d'", true),
        ("match = { family = 'image' }\nunless = { rule = 'image/*' }", "match = { rule = 'base/*' }", true),
        ("match = { family = 'image' }\nunless = { severity = '>=low' }", "match = { rule = 'base/*' }", false),
        ("match = { severity = '>=low' }\nunless = { severity = '>info' }", "match = { rule = 'base/*' }", true),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    let word = path.to_string_lossy().into_owned();
    let dead = |earlier: &str, later: &str| {
        let text = format!("[[rule]]\n{earlier}\naction = 'fail'\n[[rule]]\n{later}\naction = 'fail'\n");
        std::fs::write(&path, text).expect("written");
        let notes = check(std::slice::from_ref(&word), &LOADER, TODAY.parse().expect("a date")).expect("in order");
        notes[0].notes.iter().any(|note| note.contains("never decides"))
    };
    for (earlier, later, expected) in cases {
        assert_eq!(dead(earlier, later), expected, "{earlier}, then {later}");
    }
    // every condition counts on its own: a later rule that has one more, or another value, leaves something
    for (condition, other) in [
        ("severity = 'low'", "severity = 'high'"),
        ("confidence = 'low'", "confidence = 'high'"),
        ("fixable = true", "fixable = false"),
        ("exploited = true", "exploited = false"),
        ("age = '>1d'", "age = '>2d'"),
        ("fix-age = '>1d'", "fix-age = '>2d'"),
        ("cvss = 7", "cvss = 8"),
        ("epss = 0.1", "epss = 0.2"),
        ("origin = 'app'", "origin = 'base'"),
        ("visibility = 'live'", "visibility = 'deleted'"),
        ("path = '/a'", "path = '/b'"),
        ("subject = 'a'", "subject = 'b'"),
        ("purl = 'pkg:npm/*'", "purl = 'pkg:deb/*'"),
        ("ecosystem = 'npm'", "ecosystem = 'deb'"),
        ("licence = 'MIT'", "licence = 'ISC'"),
        ("image = 'a'", "image = 'b'"),
        ("platform = 'linux/amd64'", "platform = 'linux/arm64'"),
        ("fingerprint = '00000000000000000000000000000000'", "fingerprint = '11111111111111111111111111111111'"),
    ] {
        let rule = |conditions: &str| format!("match = {{ {conditions} }}");
        assert!(dead(&rule(condition), &rule(condition)), "{condition}");
        assert!(dead(&rule(condition), "match = {}"), "{condition}, then all");
        assert!(!dead("match = {}", &rule(condition)), "all, then {condition}");
        assert!(!dead(&rule(condition), &rule(other)), "{condition}, then {other}");
        assert!(!dead(&rule("family = 'image'"), &rule(condition)), "another condition, then {condition}");
    }
    assert!(!dead("match = { rule = 'image/root-user', family = 'base' }", "match = { rule = 'base/*' }"));
    std::fs::write(&path, "[[rule]]\nmatch = { rule = 'image/*', family = 'base' }\naction = 'fail'\n")
        .expect("written");
    let notes = check(std::slice::from_ref(&word), &LOADER, TODAY.parse().expect("a date")).expect("in order");
    assert!(notes[0].notes.iter().any(|note| note.contains("selects nothing")), "{notes:?}");
}

#[test]
fn what_a_file_takes_away_from_others_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let notes = |text: &str| {
        let path = folder.path().join("p.toml");
        std::fs::write(&path, text).expect("written");
        let word = path.to_string_lossy().into_owned();
        let mut all = check(&[word], &LOADER, TODAY.parse().expect("a date")).expect("in order");
        all.remove(0).notes.join("\n").replace(&*folder.path().to_string_lossy(), "")
    };
    let after = |rule: &str| notes(&format!("extends = 'careen:2026'\n[[rule]]\n{rule}\n"));
    for (rule, said) in [
        (
            "match = {}\naction = 'ignore'",
            "the rule in `/p.toml:2` selects everything and takes the place of `secrets`, `end-of-life distro`, \
             `no advisories`, 3 more of `careen:2026`: that says `fail`, this says `ignore`",
        ),
        ("match = { family = 'secret' }\naction = 'warn'", "takes the place of `secrets` of `careen:2026`"),
        (
            "match = { rule = 'package/*' }\naction = 'fail'\ngrace = '14d'",
            "`malicious packages`, `grave flaws that an upgrade mends`, `flaws that are exploited` of `careen:2026`: that says \
             `fail`, this lets it wait for 14d",
        ),
        ("match = {}\nunless = { family = 'base' }\naction = 'warn'", "the place of `secrets`, `malicious packages`"),
        // stricter, or another part
        ("match = { family = 'image' }\naction = 'fail'", ""),
        ("match = { rule = 'secret/*', severity = 'low' }\naction = 'ignore'", ""),
        (
            "match = { family = 'secret' }\naction = 'ignore'\n[[rule]]\nmatch = { rule = 'secret/*' }\naction = 'fail'",
            "never decides",
        ),
    ] {
        let told = after(rule);
        assert!(told.contains(said) && told.is_empty() == said.is_empty(), "{rule}: {told}");
        assert_eq!(
            told.contains(" the place of"),
            said.contains("careen:2026") || said.contains("the place"),
            "{rule}: {told}"
        );
    }
    let waiver = "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2027-06-15\n";
    for (text, said) in [
        (format!("[waivers]\nallow = false\n{waiver}"), "its waivers accept nothing: `allow = false` in `/p.toml:2`"),
        (format!("[waivers]\nlongest = '30d'\n{waiver}"), "accepts nothing yet: `longest = \"30d\"` in `/p.toml:2`"),
    ] {
        assert!(notes(&text).contains(said), "{text}: {}", notes(&text));
    }
    // nor do those that several later ones take from together
    let several = |rules: &[&str]| {
        let text: String = rules.iter().map(|rule| format!("[[rule]]\n{rule}\naction = 'fail'\n")).collect();
        notes(&text)
    };
    for (rules, said) in [
        (
            &[
                "match = { rule = ['image/root-user', 'base/eol-distro'] }",
                "match = { rule = 'image/*' }",
                "match = { family = 'base' }",
            ][..],
            true,
        ),
        (
            &[
                "match = { rule = ['image/root-user', 'base/eol-distro'] }",
                "match = { rule = 'image/*' }",
                "match = { family = 'layer' }",
            ],
            false,
        ),
        (
            &["match = { family = 'secret' }", "match = { severity = '<high' }", "match = { severity = '>medium' }"],
            true,
        ),
        (&["match = { family = 'secret' }", "match = { severity = '<high' }", "match = { severity = 'high' }"], false),
        (
            &["match = { severity = 'low' }", "match = { confidence = 'low' }", "match = { confidence = '>=medium' }"],
            true,
        ),
        (&["match = { severity = 'low' }", "match = { confidence = 'low' }", "match = { confidence = 'high' }"], false),
        (&["match = {}", "match = { fixable = true }", "match = { fixable = false }"], true),
        (&["match = {}", "match = { fixable = true }", "match = { exploited = false }"], false),
        (
            &[
                "match = { fix-age = '>1d' }",
                "match = { fixable = true, exploited = true }",
                "match = { exploited = false }",
            ],
            true,
        ),
        (&["match = { fix-age = '>1d' }", "match = { fixable = false }", "match = { exploited = true }"], false),
        (&["match = {}", "match = { origin = 'app' }", "match = { origin = ['base', 'unknown'] }"], true),
        (&["match = {}", "match = { origin = 'app' }", "match = { origin = 'base' }"], false),
        (&["match = { origin = ['app', 'base'] }", "match = { origin = 'app' }", "match = { origin = 'base' }"], true),
        (
            &[
                "match = { visibility = ['live', 'deleted'] }",
                "match = { visibility = 'live' }",
                "match = { visibility = 'deleted' }",
            ],
            true,
        ),
        (&["match = {}", "match = { visibility = 'live' }", "match = { visibility = 'deleted' }"], false),
        (&["match = { path = ['/a/x', '/b/*'] }", "match = { path = '/a/**' }", "match = { path = '/b/**' }"], true),
        (&["match = { path = ['/a/x', '/c/*'] }", "match = { path = '/a/**' }", "match = { path = '/b/**' }"], false),
        (&["match = { subject = ['a', 'b'] }", "match = { subject = 'a' }", "match = { subject = 'b' }"], true),
        (
            &[
                "match = { purl = ['pkg:npm/a@1', 'pkg:npm/b@1'] }",
                "match = { purl = '*/a@*' }",
                "match = { purl = '*/b@*' }",
            ],
            true,
        ),
        (
            &[
                "match = { ecosystem = ['npm', 'deb'] }",
                "match = { ecosystem = 'npm' }",
                "match = { ecosystem = 'deb' }",
            ],
            true,
        ),
        (
            &[
                "match = { licence = ['GPL-2.0*', 'MIT'] }",
                "match = { licence = 'GPL-*' }",
                "match = { licence = 'mit' }",
            ],
            true,
        ),
        (&["match = { image = ['a:1', 'b:1'] }", "match = { image = 'a:*' }", "match = { image = 'b:*' }"], true),
        (
            &[
                "match = { platform = ['linux/amd64', 'linux/arm64'] }",
                "match = { platform = '*/amd64' }",
                "match = { platform = '*/arm64' }",
            ],
            true,
        ),
        (&["match = { age = ['<1d', '>9d'] }", "match = { age = '<=1d' }", "match = { age = '>8d' }"], true),
        // whatever is found has an age, but not a score
        (&["match = { family = 'image' }", "match = { age = '>=30d' }", "match = { age = '<30d' }"], true),
        (&["match = {}", "match = { age = '>90d' }", "match = { age = '>30d' }", "match = { age = '<=40d' }"], true),
        (&["match = {}", "match = { age = '>30d' }", "match = { age = '<30d' }"], false),
        (&["match = { rule = 'package/*' }", "match = { cvss = '>=7' }", "match = { cvss = '<7' }"], false),
        (
            &[
                "match = { path = ['/a/x', '/b/*'] }",
                "match = { path = '/a/**' }",
                "match = { path = '/b/**', age = '>1d' }",
                "match = { path = '/b/**', age = '<=1d' }",
            ],
            true,
        ),
        (&["match = { cvss = ['<1', '>9'] }", "match = { cvss = '<=1' }", "match = { cvss = '>8' }"], true),
        // of several conditions all must be taken apart
        (
            &[
                "match = { rule = 'image/*' }",
                "match = { origin = 'base', severity = '<high' }",
                "match = { origin = ['app', 'unknown'] }",
                "match = { severity = '>=high', path = '**' }",
            ],
            false,
        ),
        (
            &[
                "match = { rule = 'image/*' }",
                "match = { origin = 'base', severity = '<high' }",
                "match = { origin = ['app', 'unknown'] }",
                "match = { severity = '>=high', rule = ['image/*', 'secret/*'] }",
            ],
            true,
        ),
        (&["match = {}", "match = { fixable = true }\nwhen = 'finding.fixable'", "match = { fixable = false }"], false),
        (&["match = {}", "match = { fixable = true }\nunless = { path = '/a' }", "match = { fixable = false }"], false),
        (
            &[
                "match = { rule = ['CVE-2020-1', 'CVE-2021-1'] }",
                "match = { rule = 'CVE-2020-*' }",
                "match = { rule = 'CVE-2021-1' }",
            ],
            true,
        ),
        (
            &[
                "match = { rule = ['CVE-2020-1', 'CVE-2021-1'] }",
                "match = { rule = 'CVE-2020-*' }",
                "match = { rule = 'CVE-2021-2' }",
            ],
            false,
        ),
    ] {
        assert_eq!(several(rules).contains("together select all"), said, "{rules:?}: {}", several(rules));
    }
    let told = several(&[
        "match = {}",
        "match = { fixable = true }",
        "match = { origin = 'app' }",
        "match = { fixable = false }",
    ]);
    assert!(
        told.contains("the rule in `/p.toml:1` never decides: those in `/p.toml:4` and `/p.toml:10` come later"),
        "{told}"
    );
    for (text, said) in [
        (format!("[waivers]\nallow = true\n{waiver}"), "accept nothing"),
        ("[waivers]\nallow = false\n".to_owned(), "accept nothing"),
        // a month to the day, and a day more
        (format!("[waivers]\nlongest = '366d'\n{waiver}"), "accepts nothing yet"),
    ] {
        assert!(!notes(&text).contains(said), "{text}: {}", notes(&text));
    }
    assert!(notes(&format!("[waivers]\nlongest = '365d'\n{waiver}")).contains("accepts nothing yet"));
    // it takes the place of others, not of its own
    let told = after(
        "match = { rule = 'image/setuid' }\naction = 'fail'\n[[rule]]\nmatch = { family = 'image' }\naction = 'warn'",
    );
    assert!(!told.contains("takes the place of") || !told.contains("of `/p.toml`:"), "{told}");
    // a rule that turns another on does something, even if it never decides
    let text = "[[rule]]\nmatch = { rule = 'image/off' }\naction = 'warn'\n[[rule]]\nmatch = { family = 'image' }\naction = 'fail'\n";
    let path = folder.path().join("off.toml");
    std::fs::write(&path, text).expect("written");
    let loader = Loader { known: &[&OFF, &ROOT], ..LOADER };
    let told =
        check(&[path.to_string_lossy().into_owned()], &loader, TODAY.parse().expect("a date")).expect("in order");
    assert!(!told[0].notes.iter().any(|note| note.contains("never decides")), "{told:?}");
    let text = "[[rule]]\nmatch = { rule = 'image/root-user' }\naction = 'warn'\n[[rule]]\nmatch = { family = 'image' }\naction = 'fail'\n";
    std::fs::write(&path, text).expect("written");
    let told =
        check(&[path.to_string_lossy().into_owned()], &loader, TODAY.parse().expect("a date")).expect("in order");
    assert!(told[0].notes.iter().any(|note| note.contains("never decides")), "what turns none on is told: {told:?}");
}

#[test]
#[cfg(feature = "cel")]
fn what_a_condition_asks_for_and_is_off_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("off.toml");
    let loader = Loader { known: &[&OFF, &ROOT], ..LOADER };
    for (condition, is_told) in [
        ("finding.rule == 'image/off'", true),
        ("finding.rule in ['image/root-user', 'image/off']", true),
        ("finding.rule == 'image/root-user'", false),
        ("finding.message == 'image/off'", false),
    ] {
        let text = format!("[[rule]]\nmatch = {{}}\nwhen = \"{condition}\"\naction = 'fail'\n");
        std::fs::write(&path, text).expect("written");
        let told =
            check(&[path.to_string_lossy().into_owned()], &loader, TODAY.parse().expect("a date")).expect("in order");
        let about = "asks for `image/off`, which is off: name it in a `match`, too";
        assert_eq!(told[0].notes.iter().any(|note| note.ends_with(about)), is_told, "{condition}: {told:?}");
    }
}

#[test]
fn large_files_are_looked_through_in_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    let notes = |rule: &dyn Fn(usize) -> String, count: usize| {
        let text: String = (0..count).map(|number| format!("[[rule]]\n{}\naction = 'fail'\n", rule(number))).collect();
        std::fs::write(&path, format!("extends = 'careen:2026'\n{text}")).expect("written");
        let begin = std::time::Instant::now();
        let loader = Loader { known: &crate::scan::rules(), ..LOADER };
        let mut all =
            check(&[path.to_string_lossy().into_owned()], &loader, TODAY.parse().expect("a date")).expect("in order");
        assert!(begin.elapsed() < std::time::Duration::from_mins(2), "{:?}", begin.elapsed());
        all.remove(0).notes
    };
    let same = notes(&|_| "match = { rule = 'secret/*' }".to_owned(), 60);
    assert_eq!(same.iter().filter(|note| note.contains("never decides")).count(), 50);
    assert!(same.iter().any(|note| note.contains("these are the first")), "{same:?}");
    let others = notes(&|number| format!("match = {{ rule = 'secret/*', path = '/a/{number}/**' }}"), 150);
    assert!(!others.iter().any(|note| note.contains("never decide")), "{others:?}");
}

#[test]
fn patterns_that_are_too_many_to_compare_are_told_in_time() {
    let braces = "{a,b,c,d}{e,f,g,h}{i,j,k,l}";
    let list = |ending: &str| {
        let patterns: Vec<String> = (0..999).map(|number| format!("'{braces}{ending}{number}'")).collect();
        format!("[[rule]]\nmatch = {{ path = ['x*', {}] }}\naction = 'warn'\n", patterns.join(", "))
    };
    let few = |count: usize| -> String {
        (0..count).map(|number| format!("[[rule]]\nmatch = {{ path = '*x{number}' }}\naction = 'fail'\n")).collect()
    };
    let stars = "*mn".repeat(14);
    let known = crate::scan::rules();
    for (text, is_told) in [
        // with nothing behind it there is nothing to compare
        (list(&stars), false),
        (format!("{}{}", few(20), list("")), true),
        (format!("{}{}", few(20), list(&stars)), true),
        (format!("{}{}", list(&stars), list(&stars)), true),
        (few(200), false),
    ] {
        let policy = Policy::parse("p.toml", &text, &known, false).expect("in order");
        let set = PolicySet::of(vec![policy.clone()]).expect("in order");
        let comparing = inclusion::Comparing::of(&known);
        let told = notes::of(&policy, &set, &comparing, TODAY.parse().expect("a date"));
        assert_eq!(told.iter().any(|note| note.contains("too many to compare")), is_told, "{told:?}");
    }
}

#[test]
fn what_is_far_apart_is_compared() {
    let flaws = |year: u32, count: usize| -> String {
        (0..count)
            .map(|number| format!("[[rule]]\nmatch = {{ rule = 'CVE-{year}-{}' }}\naction = 'fail'\n", 10_000 + number))
            .collect()
    };
    let rule = |conditions: &str, action: &str| format!("[[rule]]\nmatch = {{ {conditions} }}\naction = '{action}'\n");
    let policy = |text: &str| Policy::parse("p.toml", text, KNOWN, false).expect("in order");
    let told = |policies: Vec<Policy>| {
        let own = policies.last().cloned().expect("one");
        let set = PolicySet::of(policies).expect("in order");
        notes::of(&own, &set, &inclusion::Comparing::of(KNOWN), TODAY.parse().expect("a date")).join("\n")
    };
    let far = rule("rule = 'image/root-user'", "fail") + &flaws(2024, 1_100) + &rule("rule = 'image/*'", "warn");
    let notes = told(vec![policy(&far)]);
    assert!(notes.contains("the rule in `p.toml:1` never decides"), "{notes}");
    let far = rule("rule = 'image/*'", "fail")
        + &flaws(2024, 1_100)
        + &rule("severity = '<high'", "warn")
        + &rule("severity = '>=high'", "warn");
    let notes = told(vec![policy(&far)]);
    assert!(notes.contains("the rule in `p.toml:1` never decides: those in"), "{notes}");
    let mut first = policy(&(flaws(2024, 1_500) + &rule("rule = 'secret/*'", "fail")));
    first.name = "first.toml".to_owned();
    let second = policy(&(flaws(2023, 1_500) + &rule("family = 'secret'", "ignore")));
    let notes = told(vec![first, second]);
    assert!(
        notes.contains("takes the place of `line 4501` of `first.toml`: that says `fail`, this says `ignore`"),
        "{notes}"
    );
}

#[test]
fn waivers_that_nothing_needs_are_told() {
    let waiver = |fields: &str, day: &str| format!("[[waiver]]\n{fields}\nreason = 'r'\nexpires = {day}\n");
    let rule = |conditions: &str, action: &str| format!("[[rule]]\nmatch = {{ {conditions} }}\naction = '{action}'\n");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    let (day, later) = ("2027-01-01", "2027-01-02");
    let same = waiver("rule = 'CVE-2024-3094'", day);
    let narrow = "rule = 'CVE-2024-1'\npurl = 'pkg:npm/left@1'";
    let wide = "rule = 'package/*'\npurl = 'pkg:npm/left'";
    let root = waiver("rule = 'image/root-user'", day);
    let ignored = rule("rule = 'image/root-user'", "ignore");
    for (text, said) in [
        (format!("{same}{same}"), Some((6, "does nothing: the one in `p.toml:2` accepts all that it does"))),
        (waiver(wide, day) + &waiver(narrow, day), Some((7, "does nothing: the one in `p.toml:2`"))),
        (waiver(narrow, day) + &waiver(wide, later), Some((2, "does nothing: the one in `p.toml:7`"))),
        (waiver(narrow, later) + &waiver(wide, day), None),
        (waiver(narrow, day) + &waiver(wide, "2026-01-01"), None),
        (waiver(narrow, day) + &waiver("rule = 'package/*'\npurl = 'pkg:npm/right'", day), None),
        (
            waiver(narrow, day) + &format!("[[waiver]]\n{wide}\nreason = 'r'\n[waivers]\nrequire = 'reason'\n"),
            Some((2, "does nothing: the one in `p.toml:7`")),
        ),
        (format!("{ignored}{root}"), Some((5, "accepts nothing: the rule in `p.toml:2` ignores all that it is for"))),
        (rule("", "warn") + &ignored + &root, Some((8, "accepts nothing: the rule in `p.toml:5`"))),
        (ignored.clone() + &rule("", "warn") + &root, None),
        (ignored.clone() + &rule("family = 'secret'", "warn") + &root, Some((8, "accepts nothing: the rule in"))),
        (
            ignored.clone() + &rule("family = 'image', severity = '>=low'", "ignore") + &root,
            Some((8, "accepts nothing")),
        ),
        (rule("rule = 'image/root-user', origin = 'base'", "ignore") + &root, None),
        (ignored.replace("action", "unless = { origin = 'base' }\naction") + &root, None),
        (ignored.clone() + &waiver("rule = ['image/root-user', 'image/off']", day), None),
        (rule("", "warn") + &waiver("rule = 'image/off'", day), Some((5, "accepts nothing: what it is for is off"))),
        (rule("rule = 'image/off'", "warn") + &waiver("rule = 'image/off'", day), None),
        // of a file of waivers other policies may need each
        (waiver("rule = 'image/off'", day), None),
        (
            rule("rule = 'policy/limit-exceeded'", "ignore")
                + &waiver("rule = 'policy/limit-exceeded'\nsubject = 'size'", day),
            None,
        ),
    ] {
        std::fs::write(&path, format!("edition = '2026'\n{text}")).expect("written");
        let loader = Loader { known: &[&OFF, &ROOT, &AWS, &FLAW, &MALICIOUS], ..LOADER };
        let word = path.to_string_lossy().into_owned();
        let told = check(&[word], &loader, TODAY.parse().expect("a date")).expect("in order").remove(0).notes;
        let told: Vec<String> =
            told.into_iter().map(|note| note.replace(&*format!("{}/", folder.path().display()), "")).collect();
        let about: Vec<&String> = told
            .iter()
            .filter(|note| {
                note.starts_with("the waiver in")
                    && ["accepts nothing", "does nothing"].iter().any(|what| note.contains(what))
            })
            .collect();
        match said {
            Some((line, said)) => {
                let start = format!("the waiver in `p.toml:{line}` {said}");
                assert!(about.len() == 1 && about[0].starts_with(&start), "{text}: {told:?}");
            }
            None => assert!(about.is_empty(), "{text}: {told:?}"),
        }
    }
}

#[test]
fn waivers_for_whatever_comes_are_told() {
    let reminders = |fields: &str| {
        let text = format!("[[waiver]]\n{fields}\nreason = 'r'\nexpires = 2027-06-15\n");
        let set = PolicySet::of(vec![parse(&text)]).expect("in order");
        let (judged, _) = evaluate(&set, Vec::new(), &[]);
        judged.iter().any(|one| one.finding.rule.id == "policy/waiver-too-broad")
    };
    for (fields, expected) in [
        ("rule = 'CVE-*'", true),
        ("rule = 'CVE-2024-*'", true),
        ("rule = 'CVE-2024-3094'", false),
        ("rule = 'package/vulnerable'", true),
        ("rule = ['CVE-2024-3094', 'package/vulnerable']", true),
        ("rule = 'package/vulnerable'\nsubject = 'CVE-2024-3094'", false),
        ("rule = 'package/vulnerable'\npurl = 'pkg:npm/*'", true),
        ("rule = '*'\nsubject = '*'", true),
        ("rule = '*'\nsubject = '?*'", true),
        ("rule = '*'\npurl = '*'", true),
        ("rule = '*'\npurl = 'pkg:*'", true),
        ("rule = '*'\npurl = ['pkg:npm/a@*', '*@*']", true),
        ("rule = 'secret/*'\npath = '/**'", true),
        ("rule = 'secret/*'\npath = '**/*'", true),
        ("rule = 'secret/*'\npath = ['/app/**', '**']", true),
        ("rule = 'secret/*'\npath = '/app/**'", false),
        ("rule = 'secret/*'\npath = '*'", false),
        ("rule = 'secret/*'\norigin = 'base'", true),
        ("rule = 'image/root-user'", false),
        ("rule = '*'\nfingerprint = '00000000000000000000000000000000'", false),
    ] {
        assert_eq!(reminders(fields), expected, "{fields}");
    }
}

#[test]
fn an_expired_waiver_says_what_counts_again() {
    let expired = |more: &str, findings: Vec<Finding>| {
        let text = format!(
            "[[rule]]\nmatch = {{ family = 'image' }}\naction = 'fail'\n\
             [[rule]]\nmatch = {{ rule = 'image/setuid' }}\naction = 'ignore'\n\
             [[waiver]]\nrule = 'image/*'\nsubject = 'i*'\nreason = 'r'\nexpires = 2025-01-01\n{more}"
        );
        let set = PolicySet::of(vec![parse(&text)]).expect("in order");
        let (judged, _) = evaluate(&set, findings, &[]);
        let reminder = judged.into_iter().find(|one| one.finding.rule.id == "policy/waiver-expired");
        reminder.expect("it is told").finding.message
    };
    let other = "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2027-01-01\n";
    for (more, findings, said) in [
        ("", vec![image(&ROOT)], "so 1 finding counts again"),
        ("", vec![image(&ROOT), image(&SETUID)], "so 1 finding counts again"),
        ("", vec![], "nothing is left for it to accept"),
        (other, vec![image(&ROOT)], "and the finding that it was for is accepted or ignored without it"),
        (other, vec![image(&ROOT), image(&SETUID)], "and the 2 findings that it was for are accepted or ignored"),
    ] {
        let message = expired(more, findings);
        assert!(message.contains(said), "{more}: {message}");
    }
}

#[test]
fn what_is_ignored_is_counted_by_its_rule() {
    let text = "name = 'ours'\n[[rule]]\nname = 'taste'\nmatch = { family = 'image' }\naction = 'ignore'\n";
    let set = PolicySet::of(vec![parse(text)]).expect("in order");
    let (_, verdict) = evaluate(&set, vec![image(&ROOT), image(&SETUID), file(&AWS, "app/x")], &[]);
    let [ignoring] = verdict.ignored_by.as_slice() else { panic!("{verdict:?}") };
    assert_eq!((ignoring.rule.as_str(), ignoring.place.as_deref()), ("ours taste", Some("policy.toml:2")));
    let first: Vec<&str> = ignoring.first.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!((ignoring.findings, first), (2, vec!["image/root-user", "image/setuid"]));
}

#[test]
fn presets_that_files_extend_come_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let ignore = write("a.toml", "name = 'a'\n[[rule]]\nmatch = { rule = 'image/root-user' }\naction = 'ignore'\n");
    let extends = write("b.toml", "name = 'b'\nextends = 'careen:2026'\n");
    let both = write("c.toml", "name = 'c'\nextends = ['./a.toml', 'careen:strict']\n");
    let order = |words: &[&String]| {
        let words: Vec<String> = words.iter().map(|word| (*word).clone()).collect();
        let set = LOADER.load(&words).expect("in order");
        set.policies().iter().map(|policy| policy.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order(&[&ignore, &extends]), "careen:2026 a b");
    assert_eq!(order(&[&both]), "careen:strict a c");
    assert_eq!(order(&[&ignore, &both, &extends]), "careen:strict careen:2026 a c b");
    assert_eq!(order(&[&ignore, &"careen:2026".to_owned()]), "a careen:2026", "what is named stays where it is named");
}

#[test]
fn a_configuration_file_is_a_policy_like_others() {
    const WAIVER: &str = "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2026-12-31\n";
    let fails = "[[rule]]\nmatch = { family = 'image' }\naction = 'fail'\n";
    let folder = tempfile::tempdir().expect("a folder");
    let inside = "[secrets]\nrules = []\n[policy]\nextends = './sub/p.toml'\n";
    let path = folder.path().join("careen.toml");
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    let files = [("careen.toml", inside), ("sub/p.toml", fails)];
    let set = loaded(&folder, &files).expect("in order");
    assert_eq!(shown(&set, vec![image(&ROOT)]).0, ["fail image/root-user image"]);
    // waivers lie beside it, or beside the file that it names
    for place in ["waivers.toml", "sub/waivers.toml"] {
        let set = loaded(&folder, &[files[0], files[1], (place, WAIVER)]).expect("in order");
        assert_eq!(shown(&set, vec![image(&ROOT)]).0, ["fail image/root-user image waived"], "{place}");
        let name = path.to_string_lossy().into_owned();
        let set = LOADER.load_after(Some((name.as_str(), inside)), &[]).expect("in order");
        assert_eq!(shown(&set, vec![image(&ROOT)]).0, ["fail image/root-user image waived"], "{place}");
        std::fs::remove_file(folder.path().join(place)).expect("removed");
    }
    // of other matters alone, it brings no waivers
    std::fs::write(folder.path().join("waivers.toml"), WAIVER).expect("written");
    let name = path.to_string_lossy().into_owned();
    let set = LOADER.load_after(Some((name.as_str(), "[secrets]\nrules = []\n")), &[]).expect("in order");
    assert!(set.policies().iter().all(|policy| policy.waivers.is_empty()));
    std::fs::remove_file(folder.path().join("waivers.toml")).expect("removed");
    let error = loaded(&folder, &[("careen.toml", "[secrets]\nrules = []\n")]).expect_err("no policy in it");
    assert!(error.message.contains("has no table `[policy]`"), "{error}");
    let tests = "[policy]\n[[policy.test]]\nname = 't'\nfindings = []\nexpect = { outcome = 'passed' }\n";
    std::fs::write(&path, tests).expect("written");
    assert_eq!(LOADER.cases(&path.to_string_lossy()).expect("in order").cases.len(), 1);
}

#[test]
fn bases_that_only_the_build_knows_are_allowed_where_any_would_be() {
    use crate::dockerfile::lint::{BASE_NOT_ALLOWED, IS_BASE, UNKNOWN_IN_BASE};
    let lines = |text: &str, name: &str| {
        let location = Location::Dockerfile { file: "Dockerfile".into(), start: (1, 6), end: (1, 9) };
        let from = Finding::new(&BASE_NOT_ALLOWED, name, location, "is used");
        let from = from.evidence(IS_BASE, true).evidence(UNKNOWN_IN_BASE, "b");
        let policy = Policy::parse("policy.toml", text, &[&BASE_NOT_ALLOWED, &ROOT], false).expect("it parses");
        shown(&PolicySet::of(vec![policy]).expect("in order"), vec![from]).0.join(" ")
    };
    let unknown = |name: &str| format!("fail policy/base-unknown {name}");
    for (text, name, expected) in [
        ("", "${b}", String::new()),
        ("[base]\nmax-age = '1d'\n", "${b}", String::new()),
        ("[base]\nallow = 'debian:12'\n", "${b}", unknown("${b}")),
        ("[base]\nallow = 'r.example/*'\n", "evil.example/x:${b}", unknown("evil.example/x:${b}")),
        ("[base]\nallow = 'r.example/*'\n", "r.example/${b}", String::new()),
        ("[base]\nallow = 'r.example/*'\ndeny = '*:latest'\n", "r.example/${b}", unknown("r.example/${b}")),
        ("[base]\ndeny = '*:latest'\n", "debian:${b}", unknown("debian:${b}")),
    ] {
        assert_eq!(lines(text, name), expected, "{text} {name}");
    }
}

#[test]
fn waivers_beside_a_policy_hold_waivers_only() {
    const WAIVER: &str = "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2026-12-31\n";
    let policy = ("policy.toml", "[[rule]]\nmatch = {}\naction = 'fail'\n");
    let folder = tempfile::tempdir().expect("a folder");
    let set = loaded(&folder, &[policy, ("waivers.toml", WAIVER)]).expect("in order");
    assert_eq!(shown(&set, vec![image(&ROOT)]).0, ["fail image/root-user image waived"]);
    for more in [
        "honour-inline = true\n",
        "scope = 'app'\n",
        "fail-on = 'new'\n",
        "[limits]\nlayers = 1\n",
        "[[rule]]\nmatch = {}\naction = 'fail'\n",
    ] {
        let text = if more.starts_with('[') { format!("{WAIVER}{more}") } else { format!("{more}{WAIVER}") };
        let error = loaded(&folder, &[policy, ("waivers.toml", &text)]).expect_err(more);
        assert!(error.message.contains("holds more than waivers"), "{more}: {error}");
    }
    // the file itself may be what is named: then it is read once
    let set = loaded(&folder, &[("waivers.toml", WAIVER)]).expect("in order");
    assert_eq!(set.policies().iter().map(|policy| policy.waivers.len()).sum::<usize>(), 1);
}

#[test]
fn what_may_be_extended() {
    for (word, said) in [
        ("careen:2026", None),
        ("./org.toml", None),
        ("C:/org.toml", None),
        ("./a:b.toml", None),
        ("dir.d:x", None),
        ("https://policies.example/org.toml", Some("is no place for policies")),
        ("oci:registry.example/org:1", Some("is named by its digest")),
        ("oci:registry.example/org@sha256:12", Some("the digest of the reference is none")),
        (" ", Some("the name of a file is empty")),
    ] {
        let parsed = Policy::parse("policy.toml", &format!("extends = '{word}'"), KNOWN, false);
        match (parsed, said) {
            (Ok(_), None) => {}
            (Err(error), Some(said)) => {
                assert!(error.detail.as_ref().is_some_and(|text| text.contains(said)), "{error}");
            }
            (Ok(_), Some(_)) | (Err(_), None) => panic!("{word}"),
        }
    }
    let error = Policy::parse("policy.toml", "[[rule]]\nmatch = { path = 'a{b' }\naction = 'fail'", KNOWN, false);
    assert!(error.expect_err("no pattern").detail.is_some_and(|text| text.contains("`a{b` is no pattern")));
    let long = format!("[[rule]]\nmatch = {{ path = '{{{}' }}\naction = 'fail'", "a".repeat(60));
    let error = Policy::parse("policy.toml", &long, KNOWN, false).expect_err("no pattern").detail.unwrap_or_default();
    assert!(error.contains(&format!("`{{{}…` is no pattern", "a".repeat(39))), "{error}");
}

#[test]
fn values_are_shown_as_toml_with_their_places() {
    let text = r#"
[base]
action = "warn"
allow = ["a*", 'quote"d']
[limits]
layers = 40
waste = "2.5%"
[require]
user = "non-root"
signature = true
[require.labels]
team = { pattern = "^t", optional = true }
[data]
max-age = "36h"
[waivers]
require = ["reason", "owner"]
"#;
    let shown: Vec<String> = parse(text)
        .requirements
        .values()
        .into_iter()
        .map(|(key, value, place)| format!("{key} = {value} # {place}"))
        .collect();
    assert_eq!(
        shown,
        [
            r#"[base] action = "warn" # policy.toml:3"#,
            r#"[base] allow = ["a*", 'quote"d'] # policy.toml:4"#,
            r#"[data] max-age = "36h" # policy.toml:14"#,
            "[limits] layers = 40 # policy.toml:6",
            r#"[limits] waste = "2.5%" # policy.toml:7"#,
            r#"[require] labels = { "team" = { form = "any", pattern = "^t", optional = true } } # policy.toml:11"#,
            "[require] signature = true # policy.toml:10",
            r#"[require] user = ["non-root"] # policy.toml:9"#,
            r#"[waivers] require = ["reason", "owner"] # policy.toml:16"#,
        ]
    );
    for (one, other, same) in [
        ("'url'", "'url'", true),
        ("'url'", "'text'", false),
        ("{ pattern = 'a' }", "{ pattern = 'a' }", true),
        ("{ pattern = 'a' }", "{ pattern = 'b' }", false),
        ("{ optional = true }", "{ optional = false }", false),
    ] {
        let read = |label: &str| parse(&format!("[require]\nlabels = {{ team = {label} }}")).requirements;
        assert_eq!(read(one) == read(other), same, "{one} {other}");
    }
}

#[test]
fn the_verdict_tells_which_rules_decided_and_what_helps() {
    let upgrade = |name: &str, to: &str| {
        Finding { subject: format!("CVE-{name}"), ..image(&FLAW) }
            .evidence("compared", json!({ "name": name }))
            .evidence("upgrade", to)
    };
    let policy = "[[rule]]\nname = 'flaws'\nmatch = { family = 'package' }\naction = 'fail'\n\
                  [[rule]]\nname = 'root'\nmatch = { rule = 'image/root-user' }\naction = 'warn'\nhelp = 'ask us'\n\
                  [[rule]]\nname = 'shown'\nmatch = { rule = 'base/*' }\naction = 'info'\n\
                  [[waiver]]\nrule = 'package/*'\nsubject = 'CVE-waived'\nreason = 'r'\nexpires = 2026-12-31\n";
    let mut findings = vec![image(&ROOT), image(&TAG), upgrade("waived", "1")];
    findings.extend((0..25).map(|number| Finding { matter: number.to_string(), ..upgrade("left", "2.0") }));
    findings.push(upgrade("right", "3.1"));
    let (_, verdict) = judged(&[policy], findings);
    let shown: Vec<(String, usize, usize, Vec<String>)> = verdict
        .rules
        .iter()
        .map(|one| (format!("{} {}", one.action.as_str(), one.rule), one.findings, one.ids.len(), one.remedies.clone()))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "fail policy.toml flaws".to_owned(),
                26,
                20,
                vec!["upgrade left to 2.0".to_owned(), "upgrade right to 3.1".to_owned()]
            ),
            ("warn policy.toml root".to_owned(), 1, 1, vec!["ask us".to_owned()]),
        ]
    );
    let set = default_set();
    assert_eq!(evaluate(&set, vec![image(&TOLD)], &[]).1.rules[0].remedies, ["Do this"]);
    let gap = |message: &str| Finding { message: message.into(), ..image(&GAP) };
    let unread = [Limitation::gap("blob-missing", "layer 1", "no blob")];
    for (findings, limitations, reason) in [
        (vec![gap("no data")], &[][..], "no data; nothing in the rest breaks `careen:2026`"),
        (vec![gap("a"), gap("b"), gap("c")], &[][..], "a; 2 more like this; nothing in the rest breaks `careen:2026`"),
        (
            vec![gap("no data")],
            &unread[..],
            "no data; 1 part of the image was not read; nothing in the rest breaks `careen:2026`",
        ),
    ] {
        assert_eq!(evaluate(&set, findings, limitations).1.reason, reason);
    }
}

#[test]
fn forms_of_labels() {
    let fits = |form: &str, value: &str| {
        let set = PolicySet::of(vec![parse(&format!("[require]\nlabels = {{ l = '{form}' }}"))]).expect("in order");
        let mut facts = image_facts();
        facts.config.as_mut().expect("it has one").labels.insert("l".into(), value.into());
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
        set.evaluate(Vec::new(), &context).expect("no condition").1.failed == 0
    };
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "semver",
            &["1.2.3", "0.0.0", "10.20.30", "1.0.0-alpha.1", "1.0.0-x-y.0a", "1.0.0+20.x-1", "1.0.0-rc.1+b"],
            &["1.2", "1.2.3.4", "01.2.3", "1..3", "a.b.c", "1.0.0-", "1.0.0-01", "1.0.0-a_b", "1.0.0+", "1.0.0+a..b"],
        ),
        (
            "url",
            &["https://a.example", "git+ssh://a/b", "x-y.z://a"],
            &[
                "a.example",
                "https://",
                "https:///a",
                "1a://b",
                "://a",
                "ht tp://a",
                "https://a b",
                "h_p://a",
                "https://a\u{7}b",
            ],
        ),
        ("email", &["a@b.example"], &["a@b", "@b.example", "a@b@c.example", "a b@c.example", "a"]),
        ("hash", &["0123abc", "ABCDEF0123"], &["012345", "0123abg", ""]),
        ("text", &["x"], &["", "  "]),
        ("any", &["", "x"], &[]),
    ];
    for (form, good, bad) in cases {
        for value in *good {
            assert!(fits(form, value), "`{value}` is of the form {form}");
        }
        for value in *bad {
            assert!(!fits(form, value), "`{value}` is not of the form {form}");
        }
    }
}

#[test]
fn comments_accept_what_counts_only() {
    let allowed = || file(&AWS, "app/key").evidence("allowed_by", "careen:allow");
    let honours = "honour-inline = true\n[[rule]]\nmatch = {}\naction = 'fail'\n";
    assert_eq!(judged(&[honours], vec![file(&AWS, "app/key")]).1.waived, 0, "there is no comment");
    let mut at_line = allowed();
    at_line.location = Location::File { path: ImagePath::from("app/key"), layer: 2, lines: Some((7, 9)) };
    let set = PolicySet::of(vec![parse(honours)]).expect("in order");
    let (judged_at_line, _) = evaluate(&set, vec![at_line], &[]);
    let waiver = judged_at_line[0].waiver.as_ref().expect("waived");
    assert_eq!((waiver.place.as_str(), waiver.is_comment), ("/app/key:7", true));
    for (honours, action, waived) in
        [(true, "fail", 1), (true, "ignore", 0), (false, "fail", 0), (false, "ignore", 0), (true, "info", 1)]
    {
        let policy = format!("honour-inline = {honours}\n[[rule]]\nmatch = {{}}\naction = '{action}'\n");
        assert_eq!(judged(&[&policy], vec![allowed()]).1.waived, waived, "{honours} {action}");
    }
}

#[test]
fn edges_of_tables() {
    let mut facts = image_facts();
    facts.data_hours = Some(100);
    let judged = |policy: &str| {
        let set = PolicySet::of(vec![parse(policy)]).expect("in order");
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
        set.evaluate(Vec::new(), &context).expect("no condition").0
    };
    let rules = |policy: &str| judged(policy).iter().map(|one| one.finding.rule.id).collect::<Vec<_>>();
    assert_eq!(rules("[data]\nmax-age = '100h'"), [""; 0]);
    assert_eq!(rules("[data]\nmax-age = '99h'"), ["policy/data-too-old"]);
    // a waiver that is not allowed is told only where it would accept something
    let waiver = "[waivers]\nallow = false\n[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2026-12-31\n";
    assert_eq!(rules(waiver), [""; 0]);
    let licences = judged("[licences]\nallow = ['MIT', 'Apache-2.0']\ndeny = 'AGPL-*'\n");
    let told: Vec<(&str, &str, Option<&str>)> = licences
        .iter()
        .map(|one| (one.decided_by.as_str(), one.finding.subject.as_str(), one.decided_at.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("policy.toml [licences] allow", "pkg:deb/debian/bash@5", Some("policy.toml:2")),
            ("policy.toml [licences] deny", "pkg:npm/strict@1.0.0", Some("policy.toml:3")),
        ]
    );
    assert!(licences[0].finding.message.ends_with("is not among those allowed"));
    assert!(licences[1].finding.message.ends_with("is denied"));
    let allowed = "[licences]\nallow = ['MIT', 'Apache-2.0', 'AGPL-*', 'GPL-3.0-or-later WITH Bison-exception-2.2']";
    assert_eq!(rules(allowed), [""; 0]);
    assert!(Policy::parse("policy.toml", "[licences]\nallow = 'MIT OR ISC'", KNOWN, false).is_err());
}

#[test]
fn what_is_of_the_base_is_told_where_the_scope_is_the_app() {
    for (action, by) in
        [("info", "policy.toml line 2"), ("warn", "policy.toml scope"), ("ignore", "policy.toml line 2")]
    {
        let policy = format!("scope = 'app'\n[[rule]]\nmatch = {{}}\naction = '{action}'\n");
        let set = PolicySet::of(vec![parse(&policy)]).expect("in order");
        assert_eq!(evaluate(&set, vec![file(&AWS, "base/x")], &[]).0[0].decided_by, by, "{action}");
    }
}

#[test]
fn waivers_by_fingerprint_and_by_glob_stand_together() {
    let secret = file(&AWS, "app/key");
    let end = "reason = 'r'\nexpires = 2026-12-31\n";
    let policy = format!(
        "[[waiver]]\nrule = 'secret/*'\npath = '/lib/**'\n{end}[[waiver]]\nrule = 'secret/*'\nfingerprint = '{}'\n{end}",
        secret.fingerprint()
    );
    let (lines, _) = judged(&[&policy], vec![secret.clone(), file(&AWS, "lib/key"), file(&AWS, "srv/key")]);
    let of = |path: &str| lines.iter().find(|line| line.contains(path)).is_some_and(|line| line.ends_with("waived"));
    assert_eq!(["app/key", "lib/key", "srv/key"].map(of), [true, true, false], "{lines:?}");
}

#[test]
fn policies_extend_each_other_eight_deep() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = |count: usize| {
        let files: Vec<(String, String)> = (0..count)
            .map(|number| {
                let next = number + 1;
                let text =
                    if next < count { format!("extends = 'p{next}.toml'\n") } else { "edition = '2026'\n".into() };
                (format!("p{number}.toml"), text)
            })
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        loaded(&folder, &files).map(|set| set.policies().len())
    };
    // a file, and those that it extends
    assert!(chain(9).is_ok());
    assert!(chain(10).expect_err("too deep").message.contains("more than 8 deep"));
    let star = |count: usize| {
        let mut files: Vec<(String, String)> =
            (0..count).map(|number| (format!("s{number}.toml"), "edition = '2026'\n".to_owned())).collect();
        let all: Vec<String> = files.iter().map(|(name, _)| format!("'{name}'")).collect();
        files.insert(0, ("star.toml".into(), format!("extends = [{}]\n", all.join(", "))));
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        loaded(&folder, &files)
    };
    assert!(star(64).is_ok());
    assert!(star(65).expect_err("too many").message.contains("more than 64"));
    // an error is told where it stands, not where the file is named
    let error = loaded(&folder, &[("a.toml", "extends = 'b.toml'\n"), ("b.toml", "\n\nodd = 1\n")]).expect_err("wrong");
    assert!(error.place.as_deref().is_some_and(|place| place.ends_with("b.toml:3:1")), "{:?}", error.place);
}

#[test]
fn letters_of_all_scripts_are_shown_in_errors() {
    let error = Policy::parse("policy.toml", "scope = 'all'\nnaïve = 1 # żółw \u{202e}\n", KNOWN, false)
        .expect_err("no such key");
    let detail = error.detail.unwrap_or_default();
    assert!(detail.contains("naïve = 1 # żółw ???"), "{detail}");
}

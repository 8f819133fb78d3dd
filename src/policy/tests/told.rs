//! What `careen policy check` says of a policy that is in order: rules that select nothing, gates that become milder,
//! waivers that are too broad.

use super::*;

/// The notes of a file; `{}` stands for its folder.
fn notes(text: &str) -> Vec<String> {
    let known = crate::scan::rules();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    std::fs::write(&path, text).expect("written");
    let word = path.to_string_lossy().into_owned();
    let loader = Loader { known: &known, colour: false, fetch: None, waivers: &[] };
    let all = check(&[word], &loader, TODAY.parse().expect("a date"));
    let all = all.map_err(|error| format!("{text}: {}", error.detail.unwrap_or(error.message)));
    let own = all.expect("in order").remove(0).notes;
    own.into_iter().map(|note| note.replace(&*folder.path().to_string_lossy(), "")).collect()
}

#[test]
fn conditions_that_the_findings_of_a_rule_never_fulfil_are_told() {
    for (conditions, said) in [
        ("rule = 'image/root-user', purl = 'pkg:npm/*'", "about no package"),
        ("rule = 'image/root-user', cvss = 7.0", "about no package"),
        ("rule = 'secret/*', cvss = 7.0", "about no package"),
        ("rule = 'image/*', exploited = true", "about no package"),
        ("rule = 'base/*', ecosystem = 'npm'", "about no package"),
        ("rule = 'image/root-user', path = '/app/**'", "whose path is `config`"),
        ("rule = 'image/piped-script', path = '/app/**'", "whose path is `config`"),
        ("rule = 'base/floating-tag', path = '/app/**'", "have no path"),
        ("rule = 'base/floating-tag', path = 'config'", "have no path"),
        ("rule = 'base/floating-tag', origin = 'app'", "of no layer"),
        ("path = '//app/x'", "these have no `//`"),
        ("path = ['/app/../x', '/app/./x']", "these have no `//`"),
        ("path = ['/app/../x', '/app/x']", ""),
        ("path = './app/x'", ""),
        ("path = '../api/Dockerfile'", ""),
        ("rule = 'dockerfile/*', path = 'api/../Dockerfile'", ""),
        ("rule = 'image/setuid', path = '../api/key'", "these have no `//`"),
        ("rule = 'package/vulnerable', path = 'app/../key'", "these have no `//`"),
        ("rule = 'image/root-user', visibility = 'deleted'", "another layer could hide"),
        ("rule = 'base/floating-tag', visibility = ['deleted', 'overwritten']", "another layer could hide"),
        // what may be
        ("rule = 'image/root-user', path = 'config'", ""),
        ("rule = 'image/root-user', path = '{config,app}'", ""),
        // with `--base` it is known whose setting it is
        ("rule = 'image/root-user', origin = 'app'", ""),
        ("rule = 'image/root-user', visibility = ['deleted', 'live']", ""),
        ("rule = 'base/floating-tag', origin = ['app', 'unknown']", ""),
        ("rule = 'base/floating-tag', visibility = 'live'", ""),
        ("rule = 'image/*', path = '/app/**'", ""),
        ("rule = ['image/root-user', 'secret/*'], path = '/app/**'", ""),
        ("rule = 'base/eol-distro', path = '/etc/**'", ""),
        ("rule = 'layer/wasted-space', visibility = 'deleted'", ""),
        ("rule = 'package/*', purl = 'pkg:npm/*'", ""),
        ("rule = 'CVE-2024-3094', cvss = 7.0", ""),
        ("rule = 'policy/licence-not-allowed', licence = 'MIT'", ""),
        ("path = '/app/**', origin = 'app', visibility = 'deleted'", ""),
        ("purl = 'pkg:npm/*', cvss = 7.0", ""),
    ] {
        let told = notes(&format!("[[rule]]\nmatch = {{ {conditions} }}\naction = 'fail'\n")).join("\n");
        let is_told = told.contains("the rule in `/p.toml:1` selects nothing");
        assert_eq!(is_told, !said.is_empty(), "{conditions}: {told}");
        assert!(told.contains(said), "{conditions}: {told}");
    }
    let waiver = "rule = 'image/root-user'\npath = '/app/**'\nreason = 'r'\nexpires = 2027-01-01\n";
    let told = notes(&format!("[[waiver]]\n{waiver}")).join("\n");
    assert!(told.contains("the waiver in `/p.toml:1` accepts nothing: its findings are about the config"), "{told}");
}

#[test]
fn package_urls_without_the_distribution_that_all_have_are_told() {
    for (purl, said) in [
        (
            "'pkg:deb/openssl'",
            "the rule in `/p.toml:1` selects nothing: package URLs of type `deb` name a distribution",
        ),
        ("'pkg:apk/musl@1.*'", "`pkg:apk/*/musl@1.*` takes any"),
        ("['pkg:rpm/bash', 'pkg:npm/a']", "part of the rule in `/p.toml:1` selects nothing"),
        ("'pkg:deb/*'", ""),
        ("'pkg:deb/*ssl'", ""),
        ("'pkg:deb/debian/openssl'", ""),
        ("'pkg:npm/lodash'", ""),
        ("'pkg:maven/log4j'", ""),
    ] {
        let told = notes(&format!("[[rule]]\nmatch = {{ purl = {purl} }}\naction = 'fail'\n")).join("\n");
        assert_eq!(told.contains("selects nothing"), !said.is_empty(), "{purl}: {told}");
        assert!(told.contains(said), "{purl}: {told}");
    }
}

#[test]
fn each_rule_that_makes_the_gate_milder_is_told_once() {
    const FLAWS: &str = "rule = 'package/vulnerable', severity = 'critical', fixable = true";
    let graced = format!("match = {{ {FLAWS} }}\naction = 'fail'\ngrace = '14d'");
    let spared = format!("match = {{ {FLAWS}, exploited = false }}\naction = 'fail'\ngrace = '14d'");
    for (preset, rule, said) in [
        (
            "2026",
            graced.as_str(),
            "may take the place of `grave flaws that an upgrade mends`, `flaws that are exploited` of `careen:2026`: that \
             says `fail`, this lets it wait for 14d",
        ),
        ("2026", &spared, "may take the place of `grave flaws that an upgrade mends` of `careen:2026`"),
        (
            "2026",
            "match = {}\nwhen = 'finding.family == \"secret\"'\naction = 'warn'",
            "may take the place of `secrets`",
        ),
        (
            "2026",
            "match = {}\nunless = { family = 'secret' }\naction = 'warn'",
            "may take the place of `end-of-life distro`",
        ),
        ("2026", "match = { path = '/app/**' }\naction = 'ignore'", "may take the place of `secrets`"),
        (
            "2026",
            "match = { rule = 'secret/gcp-api-key', path = '/app/**' }\naction = 'ignore'",
            "may take the place of `secrets`",
        ),
        ("2026", "match = { rule = 'secret/gcp-api-key' }\naction = 'info'", "may take the place of `secrets`"),
        ("strict", "match = { rule = 'image/root-user' }\naction = 'warn'", "may take the place of"),
        // another part, nothing milder, or nothing left
        ("2026", "match = { rule = 'image/root-user' }\naction = 'ignore'", ""),
        ("2026", "match = { severity = ['info', 'low'], family = 'secret' }\naction = 'ignore'", ""),
        ("2026", "match = { rule = 'package/vulnerable', severity = 'low', exploited = false }\naction = 'ignore'", ""),
        ("2026", "match = { rule = 'package/vulnerable', severity = 'low' }\naction = 'fail'", ""),
        (
            "2026",
            "match = { family = 'secret' }\nunless = { family = 'secret', severity = '>=medium' }\naction = 'warn'",
            "",
        ),
        (
            "2026",
            "match = { family = 'secret', path = '/app/**' }\naction = 'warn'\n[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'",
            "",
        ),
        (
            "2026",
            "match = { rule = 'package/vulnerable', severity = ['critical', 'high'], fixable = true }\naction = 'fail'\ngrace = '14d'\n\
             [[rule]]\nmatch = { rule = 'package/vulnerable', severity = '>=high', exploited = true }\naction = 'fail'",
            "takes the place of `grave flaws that an upgrade mends` of `careen:2026`",
        ),
        ("report-only", "match = {}\naction = 'ignore'", ""),
    ] {
        let told = notes(&format!("extends = 'careen:{preset}'\n[[rule]]\n{rule}\n"));
        let told: Vec<&String> = told.iter().filter(|note| note.contains("the place of")).collect();
        assert_eq!(told.len(), usize::from(!said.is_empty()), "{rule}: {told:?}");
        assert!(told.iter().all(|note| note.contains(said)), "{rule}: {told:?}");
    }
}

/// A policy that others make milder.
const FIRST: &str = "edition = 'next'\nfail-on = 'all'\n[base]\nallow = ['a:*', 'b:*']\ndeny = 'a:1'\nmax-age = '9d'\n[licences]\nallow = 'MIT'\n\
    deny = 'GPL-*'\nunknown = 'fail'\n[limits]\nlayers = 9\nwaste = '5%'\n[require]\nlabels = { a = 'url', b = 'any' }\n\
    user = 'non-root'\n[waivers]\nallow = false\ndockerfile-comments = false\n";

#[test]
fn each_value_that_makes_the_gate_milder_is_told() {
    for (text, said) in [
        (
            "[require]\naction = 'info'",
            "`[require] action = \"info\"` in `/p.toml:3` is milder than the default `\"fail\"`",
        ),
        (
            "[data]\nmax-age = '9999d'",
            "`[data] max-age = \"9999d\"` in `/p.toml:3` is milder than `\"3d\"` of `careen:regulated`",
        ),
        ("[data]\naction = 'warn'", "`[data] action = \"warn\"`"),
        ("[waivers]\nrequire = []", "`[waivers] require = []`"),
        ("[waivers]\nlongest = '9999d'", "`[waivers] longest = \"9999d\"`"),
        (
            "scope = 'app'",
            "`scope = \"app\"` in `/p.toml:2` lets through what `careen:regulated` fails on in layers of the base",
        ),
        ("honour-inline = true", "lets comments in the image's files accept secrets"),
        ("[data]\nmax-age = '1d'", ""),
        ("[data]\nmax-age = '3d'", ""),
        ("[waivers]\nlongest = '30d'", ""),
        ("[limits]\naction = 'warn'\nsize = '1 GB'", ""),
        ("scope = 'all'", ""),
        ("honour-inline = false", ""),
        ("fail-on = 'new'", ""),
    ] {
        let told = notes(&format!("extends = 'careen:regulated'\n{text}\n")).join("\n");
        let is_told = told.contains("milder than") || told.contains("lets ");
        assert_eq!(is_told, !said.is_empty(), "{text}: {told}");
        assert!(told.contains(said), "{text}: {told}");
    }
    // over a file
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first.toml"), folder.path().join("second.toml"));
    std::fs::write(&first, FIRST).expect("written");
    for (text, key) in [
        ("[base]\nallow = ['a:*', 'c:*']", "[base] allow = "),
        ("[base]\nallow = 'a:*'", ""),
        ("[base]\nallow = 'a:1*'", ""),
        ("[base]\ndeny = 'a:*'", ""),
        ("[base]\ndeny = 'b:*'", "[base] deny = "),
        ("[base]\ndeny = ['a:1', 'b:*']", ""),
        (
            "[base]\nallow-digests = 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'",
            "is milder than to leave it out, as those before do",
        ),
        ("[licences]\nignore = 'pkg:*'", "[licences] ignore = "),
        ("[limits]\nwaste = '5%'\nwaste-floor = '100 GB'", "[limits] waste-floor = "),
        ("[waivers]\nrequire = 'reason'", "is milder than the default `[\"reason\", \"expires\"]`"),
        ("[waivers]\nrequire = ['reason', 'expires', 'owner']", ""),
        ("edition = '2026'", "`edition = \"2026\"` in `/second.toml:2` is older than `\"next\"` in `/first.toml:1`"),
        ("edition = 'next'", ""),
        ("[base]\nmax-age = '10d'", "[base] max-age = "),
        ("[licences]\nallow = ['MIT', 'ISC']", "[licences] allow = "),
        ("[licences]\ndeny = 'AGPL-*'", "[licences] deny = "),
        ("[licences]\ndeny = 'gpl-*'", ""),
        ("[licences]\ndeny = 'GPL-3.0-*'", "[licences] deny = "),
        ("[licences]\ndeny = '*GPL-*'", ""),
        ("[licences]\nunknown = 'warn'", "[licences] unknown = "),
        ("[limits]\nlayers = 10", "[limits] layers = "),
        ("[limits]\nlayers = 8", ""),
        ("[limits]\nwaste = '6%'", "[limits] waste = "),
        ("[require]\nlabels = { a = 'url' }", "[require] labels = "),
        ("[require]\nlabels = { a = 'any', b = 'any' }", "[require] labels = "),
        ("[require]\nlabels = { a = 'url', b = 'any', c = 'any' }", ""),
        ("[require]\nlabels = { a = 'url', b = 'semver' }", ""),
        ("[require]\nlabels = { a = 'text', b = 'any' }", "[require] labels = "),
        ("[require]\nlabels = { a = 'url', b = { form = 'any', optional = true } }", "[require] labels = "),
        ("[require]\nuser = ['non-root', 'app']", "[require] user = "),
        ("[require]\nuser = 'app'", "[require] user = "),
        ("[require]\nuser = ['65532', '1000:0']", ""),
        ("[require]\nuser = '0:1000'", "[require] user = "),
        ("[waivers]\nallow = true", "[waivers] allow = "),
        ("[waivers]\ndockerfile-comments = true", "[waivers] dockerfile-comments = "),
        ("fail-on = 'new'", "`fail-on = \"new\"` in `/second.toml:2` lets through"),
    ] {
        std::fs::write(&second, format!("extends = './first.toml'\n{text}\n")).expect("written");
        let word = second.to_string_lossy().into_owned();
        let told = check(&[word], &LOADER, TODAY.parse().expect("a date")).expect("in order").remove(0).notes;
        let told = told.join("\n").replace(&*folder.path().to_string_lossy(), "");
        let is_told = told.contains("milder than") || told.contains("lets ") || told.contains("older than");
        assert_eq!(is_told, !key.is_empty(), "{text}: {told}");
        assert!(told.contains(key), "{text}: {told}");
    }
}

#[test]
fn words_for_many_licences_are_no_patterns() {
    for (first, second, is_told) in [
        ("deny = 'copyleft'", "deny = 'c*'", true),
        ("deny = 'copyleft'", "deny = ['AGPL-*', 'copyleft']", false),
        ("deny = 'copyleft'", "deny = '*'", false),
        ("deny = ['copyleft', 'MIT']", "deny = 'copyleft'", true),
        ("deny = 'copyleft'", "deny = 'osi-approved'", true),
        ("allow = ['osi-approved', 'MIT']", "allow = 'MIT'", false),
        ("allow = 'o*'", "allow = 'osi-approved'", true),
        ("allow = '*'", "allow = ['osi-approved', 'MIT']", false),
    ] {
        let told = notes_over(&format!("[licences]\n{first}\n"), &format!("[licences]\n{second}\n")).join("\n");
        assert_eq!(told.contains("is milder than"), is_told, "{first}, then {second}: {told}");
    }
}

#[test]
fn scopes_that_take_nearly_everything_are_too_broad() {
    for (waiver, is_broad) in [
        ("rule = '*'\npath = '/[a-z]*/**'", true),
        ("rule = '*'\npath = '/[]a]*/**'", true),
        ("rule = '*'\npath = '/[!x]*/**'", true),
        ("rule = '*'\npath = '/app/[a-z]*/**'", false),
        ("rule = '*'\nsubject = 'C*'", true),
        ("rule = '*'\nsubject = '?VE-*'", true),
        ("rule = 'package/vulnerable'\nsubject = '*-2*'", true),
        ("rule = 'package/vulnerable'\nsubject = '*VE-20*'", true),
        ("rule = 'package/vulnerable'\nsubject = '*-2024-*'", true),
        ("rule = 'package/vulnerable'\nsubject = 'CVE-2024-3094'", false),
        ("rule = 'image/*'\nsubject = 'User'", false),
        ("rule = 'image/*'\nsubject = '/usr/bin/*'", false),
        ("rule = 'secret/*'\nsubject = 'debian:*'", false),
        ("rule = 'package/vulnerable'\nsubject = 'GO-*'", true),
        ("rule = 'package/vulnerable'\nsubject = 'RUSTSEC-*'", true),
        ("rule = 'package/*'\nsubject = 'MAL-*'", true),
        ("rule = '*'\npath = 'config'", true),
        ("rule = 'image/no-healthcheck'\npath = 'config'", false),
    ] {
        let told = notes(&format!("[[waiver]]\n{waiver}\nreason = 'r'\nexpires = 2027-01-01\n")).join("\n");
        assert_eq!(told.contains("it accepts whatever comes"), is_broad, "{waiver}: {told}");
    }
}

#[cfg(feature = "cel")]
#[test]
fn conditions_on_the_image_that_are_silent_on_a_clean_one_are_told() {
    for (rule, is_silent) in [
        ("match = { severity = '>=low' }\nwhen = 'image.layers > 9'", true),
        ("match = {}\nunless = { family = 'secret' }\nwhen = 'image.layers > 9'", true),
        ("match = {}\nwhen = 'image.layers > 9'", false),
        ("match = { family = 'secret' }\nwhen = 'image.layers > 9'", false),
        ("match = { severity = '>=low' }\nwhen = 'finding.bytes > 9'", false),
        ("match = { severity = '>=low' }", false),
    ] {
        let told = notes(&format!("[[rule]]\n{rule}\naction = 'fail'\n")).join("\n");
        assert_eq!(told.contains("nothing is found"), is_silent, "{rule}: {told}");
    }
}

#[test]
fn what_is_found_in_a_case_lies_where_scans_find_it() {
    let known = crate::scan::rules();
    let text = "[[rule]]\nmatch = { rule = 'image/root-user', path = 'config' }\naction = 'ignore'\n[[test]]\nname = 't'\n\
        findings = [{ rule = 'image/root-user' }, { rule = 'base/floating-tag' }]\nexpect = { outcome = 'passed' }\n";
    let policy = Policy::parse("p.toml", text, &known, false).expect("in order");
    let places: Vec<&Location> = policy.cases[0].findings.iter().map(|finding| &finding.location).collect();
    assert!(matches!(places[..], [Location::Config { .. }, Location::Image]), "{places:?}");
}

#[test]
fn rules_of_policies_are_looked_at_once_each() {
    for (first, later) in [
        ("rule = 'policy/waiver-unused'", "rule = 'image/root-user'"),
        ("rule = 'policy/limit-exceeded'", "family = 'image'"),
        ("rule = 'policy/*'", "rule = 'image/root-user'"),
        ("family = 'policy'", "rule = ['image/root-user', 'secret/*']"),
        ("origin = 'unknown'", "rule = ['layer/*', '*e*']"),
    ] {
        let rules = format!(
            "[[rule]]\nmatch = {{ {first} }}\naction = 'fail'\n[[rule]]\nmatch = {{ {later} }}\naction = 'fail'\n"
        );
        let told = notes(&rules).join("\n");
        assert!(!told.contains("never decides"), "{first}: {told}");
    }
    let told = notes(
        "[[rule]]\nmatch = { family = 'policy' }\naction = 'fail'\n[[rule]]\nmatch = { rule = 'policy/*', severity = '>=medium' }\naction = 'warn'\n[[rule]]\nmatch = { rule = 'policy/*', severity = '<medium' }\naction = 'warn'\n",
    );
    assert!(told.join("\n").contains("the rule in `/p.toml:1` never decides: those in"), "{told:?}");
}

#[test]
fn rules_that_take_what_tables_and_conditions_find_are_told() {
    const TABLES: &str =
        "edition = '2026'\n[limits]\nsize = '1MB'\n[require]\nuser = 'non-root'\n[base]\nallow = 'a:*'\n";
    #[cfg(feature = "cel")]
    const CONDITION: &str = "[[rule]]\nname = 'layers'\nmatch = {}\nwhen = 'image.layers > 1'\naction = 'fail'\n";
    const INFO: &str = "[[rule]]\nname = 'base'\nmatch = { rule = 'base/unknown-base' }\naction = 'fail'\n";
    const SECRETS: &str = "[[rule]]\nname = 's'\nmatch = { family = 'secret', severity = '>=info' }\naction = 'fail'\n";
    const GAP: &str = "[[rule]]\nname = 'gap'\nmatch = { rule = 'data/no-advisories' }\naction = 'fail'\n";
    const ROOT: &str = "[[rule]]\nname = 'root'\nmatch = { rule = 'image/root-user' }\naction = 'fail'\n";
    for (first, rule, said) in [
        (TABLES, "{ rule = 'policy/*' }\naction = 'info'", "`[base]`, `[limits]`, `[require]` of `"),
        (TABLES, "{ family = 'policy' }\naction = 'ignore'", "`[base]`, `[limits]`, `[require]` of `"),
        (TABLES, "{ rule = 'policy/limit-exceeded' }\naction = 'warn'", "takes the place of `[limits]` of `"),
        (TABLES, "{ rule = 'policy/base-unknown' }\naction = 'ignore'", "takes the place of `[base]` of `"),
        // what could not be judged is told all the same
        (TABLES, "{ rule = 'policy/base-unknown' }\naction = 'info'", ""),
        (TABLES, "{ rule = 'policy/limit-exceeded' }\naction = 'fail'", ""),
        (TABLES, "{ rule = 'policy/licence-not-allowed' }\naction = 'info'", ""),
        (TABLES, "{ rule = 'image/root-user' }\naction = 'info'", ""),
        #[cfg(feature = "cel")]
        (CONDITION, "{ rule = 'policy/image-condition' }\naction = 'warn'", "takes the place of `layers` of `"),
        #[cfg(feature = "cel")]
        (CONDITION, "{ family = 'policy' }\naction = 'info'", "takes the place of `layers` of `"),
        (
            INFO,
            "{ family = ['image', 'base', 'layer'] }\naction = 'fail'",
            "this leaves out what is of severity `info`",
        ),
        (INFO, "{ rule = 'base/unknown-base' }\naction = 'fail'", ""),
        (SECRETS, "{ family = 'secret' }\naction = 'fail'", "this leaves out what is of severity `info`"),
        (SECRETS, "{ family = 'secret' }\naction = 'fail'\ngrace = '9d'", "this leaves out what is of severity `info`"),
        (SECRETS, "{ family = 'secret', severity = '>=info' }\naction = 'fail'", ""),
        // what says that something could not be judged does so by whatever action
        (GAP, "{ rule = 'data/*' }\naction = 'info'", ""),
        (GAP, "{}\naction = 'warn'", ""),
        (GAP, "{ rule = 'data/*' }\naction = 'ignore'", "takes the place of `gap` of `"),
        (INFO, "{ family = 'base', severity = '>=low' }\naction = 'fail'", ""),
        (ROOT, "{ family = 'image' }\naction = 'fail'", ""),
    ] {
        let known = crate::scan::rules();
        let folder = tempfile::tempdir().expect("a folder");
        let second = folder.path().join("second.toml");
        std::fs::write(folder.path().join("first.toml"), first).expect("written");
        std::fs::write(&second, format!("extends = './first.toml'\n[[rule]]\nmatch = {rule}\n")).expect("written");
        let loader = Loader { known: &known, colour: false, fetch: None, waivers: &[] };
        let word = second.to_string_lossy().into_owned();
        let told = check(&[word], &loader, TODAY.parse().expect("a date")).expect("in order").remove(0).notes;
        let told: Vec<String> = told.into_iter().filter(|note| note.contains("the place of")).collect();
        assert_eq!(told.len(), usize::from(!said.is_empty()), "{rule}: {told:?}");
        assert!(told.iter().all(|note| note.contains(said)), "{rule}: {told:?}");
    }
}

#[test]
fn what_never_meets_is_not_told_as_milder() {
    for (first, later, is_told) in [
        ("{ cvss = '>=7.0' }", "{ cvss = '<4.0' }", false),
        ("{ cvss = '>=7.0' }", "{ cvss = '<=7.0' }", true),
        ("{ epss = '>=0.5' }", "{ epss = '<0.5' }", false),
        ("{ age = '>=30d' }", "{ age = '<30d' }", false),
        ("{ age = '>=30d' }", "{ age = '<31d' }", true),
        ("{ fix-age = '>=1d' }", "{ fixable = false }", false),
        ("{ fix-age = '>=1d' }", "{ fixable = true }", true),
        ("{ purl = 'pkg:npm/a' }", "{ ecosystem = 'deb' }", false),
        ("{ purl = 'pkg:npm/a' }", "{ ecosystem = ['deb', 'npm'] }", true),
        ("{ family = 'secret' }", "{ purl = 'pkg:npm/*' }", false),
        ("{ family = 'secret' }", "{ exploited = true }", false),
        ("{ rule = 'image/root-user' }", "{ path = '/app/**' }", false),
        ("{ rule = 'image/root-user' }", "{ path = '**' }", true),
        ("{ platform = 'linux/amd64' }", "{ platform = ['linux/arm64', 'windows/*'] }", false),
        ("{ platform = 'linux/arm64' }", "{ platform = 'linux/*/v8' }", true),
        ("{ platform = 'linux/amd64' }", "{}", true),
        // a flaw has ids in several lists
        ("{ subject = 'CVE-2024-1111' }", "{ subject = 'GHSA-2x2x-2x2x-2x2x' }", true),
        ("{ subject = 'CVE-2024-*' }", "{ subject = 'GHSA-*' }", true),
        ("{ subject = 'CVE-2024-1111' }", "{ subject = ['User', 'GHSA-2x2x-2x2x-2x2x'] }", true),
        ("{ subject = 'CVE-2024-1111' }", "{ subject = 'CVE-2024-1112' }", false),
        ("{ subject = 'CVE-2024-1111' }", "{ subject = 'User' }", false),
        ("{ subject = 'CVE-2024-1111' }", "{ rule = 'image/*', subject = 'GHSA-2x2x-2x2x-2x2x' }", false),
    ] {
        let known = crate::scan::rules();
        let folder = tempfile::tempdir().expect("a folder");
        let second = folder.path().join("second.toml");
        let rule = |selector: &str, action: &str| format!("[[rule]]\nmatch = {selector}\naction = '{action}'\n");
        std::fs::write(folder.path().join("first.toml"), rule(first, "fail")).expect("written");
        std::fs::write(&second, format!("extends = './first.toml'\n{}", rule(later, "info"))).expect("written");
        let loader = Loader { known: &known, colour: false, fetch: None, waivers: &[] };
        let word = second.to_string_lossy().into_owned();
        let told = check(&[word], &loader, TODAY.parse().expect("a date")).expect("in order").remove(0).notes;
        assert_eq!(told.iter().any(|note| note.contains("the place of")), is_told, "{first} {later}: {told:?}");
    }
}

/// The notes of a policy that extends another, by the names `second.toml` and `first.toml`.
fn notes_over(first: &str, second: &str) -> Vec<String> {
    let known = crate::scan::rules();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("second.toml");
    std::fs::write(folder.path().join("first.toml"), first).expect("written");
    std::fs::write(&path, format!("extends = './first.toml'\n{second}")).expect("written");
    let loader = Loader { known: &known, colour: false, fetch: None, waivers: &[] };
    let word = path.to_string_lossy().into_owned();
    let told = check(&[word], &loader, TODAY.parse().expect("a date")).expect("in order").remove(0).notes;
    told.into_iter().map(|note| note.replace(&*format!("{}/", folder.path().display()), "")).collect()
}

#[test]
fn a_grace_is_told_of_what_has_a_day() {
    for (first, later, is_told) in [
        ("rule = 'image/root-user'", "rule = 'image/*'", false),
        ("family = 'secret'", "", false),
        ("rule = 'package/malicious'", "family = 'package'", true),
        ("rule = 'base/eol-distro'", "family = 'base'", true),
        ("", "severity = '>=high'", true),
    ] {
        let rule = |selector: &str, rest: &str| format!("[[rule]]\nmatch = {{ {selector} }}\naction = 'fail'\n{rest}");
        let told = notes_over(&rule(first, ""), &rule(later, "grace = '30d'\n"));
        assert_eq!(told.iter().any(|note| note.contains("this lets it wait for 30d")), is_told, "{first}: {told:?}");
        assert_eq!(told.iter().any(|note| note.contains("the place of")), is_told, "{first}: {told:?}");
    }
    let told =
        notes("extends = 'careen:2026'\n[[rule]]\nmatch = { severity = '>=high' }\naction = 'fail'\ngrace = '14d'\n");
    let told = told.join("\n");
    assert!(told.contains("lets it wait for 14d"), "{told}");
    assert!(!told.contains("`secrets`") && !told.contains("`no advisories`"), "{told}");
}

#[test]
fn a_rule_that_never_decides_makes_nothing_milder() {
    let first = "[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'\n";
    let rule = "[[rule]]\nmatch = { family = 'secret', path = '/app/**' }\nunless = { path = '**' }\naction = 'warn'\n";
    let told = notes_over(first, rule);
    assert!(told.iter().any(|note| note.contains("its `unless` takes away all")), "{told:?}");
    assert!(!told.iter().any(|note| note.contains("the place of")), "{told:?}");
    #[cfg(feature = "cel")]
    {
        let rule = |action: &str| format!("[[rule]]\nmatch = {{}}\nwhen = 'image.layers > 1'\naction = '{action}'\n");
        let told = notes_over(&rule("fail"), &(rule("warn") + &rule("fail")));
        assert!(told.iter().any(|note| note.contains("comes later and has the same condition")), "{told:?}");
        assert!(!told.iter().any(|note| note.contains("the place of")), "{told:?}");
    }
}

#[test]
fn policies_of_one_name_are_two_policies() {
    for (table, other) in [("size = '1MB'", "size = '2GB'"), ("size = '1MB'\nlayers = 1", "size = '2GB'")] {
        let first = format!("name = 'gate'\n[limits]\n{table}\n");
        let told = notes_over(&first, &format!("name = 'gate'\n[limits]\n{other}\n")).join("\n");
        assert!(told.contains("`[limits] size = 2000000000` in `second.toml:4` is milder than"), "{told}");
    }
}

#[test]
fn rules_to_which_nothing_comes_are_told() {
    const LIMITS: &str = "[limits]\nsize = 1\naction = 'info'\n";
    const FAIL: &str = "action = 'fail'\n";
    let rule = |selector: &str| format!("[[rule]]\nmatch = {{ {selector} }}\n{FAIL}");
    let of_limits = rule("rule = 'policy/limit-exceeded'");
    for (text, said) in [
        (
            format!("{LIMITS}{of_limits}"),
            "decides nothing: what `[limits]` finds is decided by the `action` of the table",
        ),
        (of_limits.clone(), "decides nothing: no `[limits]` that comes before it asks for"),
        (rule("rule = 'policy/base-too-old'"), "decides nothing: no `[base]` that comes before it asks for"),
        (rule("rule = 'policy/not-judged'"), "no `[licences]` or `[limits]` or `[require]` that comes"),
        (rule("rule = 'policy/rego'"), "decides nothing: what a policy in Rego says of an image, it decides itself"),
        (rule("rule = 'policy/image-condition'"), "decides nothing: no rule that comes before it has a condition"),
        (rule("rule = 'image/no-health*'"), "decides nothing: what it selects is off"),
        (rule("rule = 'image/shel?'"), "decides nothing: what it selects is off"),
        (rule("rule = 'image/she*'"), "never says `fail`: all that it selects is of severity `info`"),
        (rule("severity = '<low'"), "never says `fail`: all that it selects is of severity `info`"),
        (rule("rule = 'base/unknown*'"), "never says `fail`: all that it selects is of severity `info`"),
        // what comes to it
        (rule("rule = 'image/no-healthcheck'"), ""),
        (rule("rule = 'image/no-health*'") + &rule("rule = 'image/no-healthcheck'"), "never decides"),
        (rule("rule = ['policy/limit-exceeded', 'image/root-user']"), ""),
        (rule("family = 'policy'"), ""),
        (rule("rule = 'policy/waiver-unused'"), ""),
        (rule("severity = '=info'"), ""),
        (rule("rule = 'base/unknown-base'"), ""),
        (rule("severity = '<=low'"), ""),
        (rule("rule = 'base/not-allowed'"), ""),
    ] {
        let told = notes(&text).join("\n");
        let is_told = ["decides nothing", "never says", "never decides"].iter().any(|what| told.contains(what));
        assert_eq!(is_told, !said.is_empty(), "{text}: {told}");
        assert!(told.contains(said), "{text}: {told}");
    }
    let told = notes_over(LIMITS, &of_limits).join("\n");
    assert!(!told.contains("decides nothing"), "{told}");
    let told =
        notes("[[waiver]]\nrule = 'policy/waiver-*'\nsubject = 'abc'\nreason = 'r'\nexpires = 2027-01-01\n").join("\n");
    assert!(
        told.contains("the waiver in `/p.toml:1` accepts nothing: reminders of waivers are decided by rules"),
        "{told}"
    );
    #[cfg(feature = "cel")]
    {
        let condition = "[[rule]]\nmatch = {}\nwhen = 'image.layers > 1'\naction = 'warn'\n";
        let about = rule("rule = 'policy/image-condition'");
        for (text, is_told) in [(format!("{about}{condition}"), true), (format!("{condition}{about}"), false)] {
            let told = notes(&text).join("\n");
            assert_eq!(told.contains("decides nothing: no rule that comes before it"), is_told, "{text}: {told}");
        }
    }
}

#[test]
fn rules_too_many_to_compare_are_told() {
    let known = crate::scan::rules();
    let rule =
        |number: usize| format!("[[rule]]\nmatch = {{ path = '{}*{number}' }}\naction = 'fail'\n", "a*?".repeat(50));
    let policy = Policy::parse("p.toml", &(0..20).map(rule).collect::<String>(), &known, false).expect("in order");
    let set = PolicySet::of(vec![policy.clone()]).expect("in order");
    for (steps, is_told) in [(10_000, true), (50_000_000, false)] {
        let comparing = inclusion::Comparing::at_most(&known, steps);
        let told = notes::of(&policy, &set, &comparing, TODAY.parse().expect("a date"));
        assert_eq!(told.iter().any(|note| note.contains("too many to compare")), is_told, "{steps}: {told:?}");
    }
}

#[test]
fn what_could_be_milder_is_told_where_no_more_is_compared() {
    let known = crate::scan::rules();
    let policy = |conditions: &str, action: &str| {
        let text = format!("[[rule]]\nmatch = {{ family = 'secret'{conditions} }}\naction = '{action}'\n");
        Policy::parse("p.toml", &text, &known, false).expect("in order")
    };
    let first = policy(", path = ['/app/a*', '/b/*.pem']", "fail");
    for (path, is_told) in [("/app/**", true), ("/etc/**", false)] {
        let second = policy(&format!(", path = '{path}'"), "warn");
        let comparing = inclusion::Comparing::at_most(&known, 1);
        let told = milder::rules(&second, std::slice::from_ref(&first), &comparing).join("\n");
        assert_eq!(told.contains("may take the place of `line 1`"), is_told, "{path}: {told}");
    }
}

#[test]
fn waivers_are_looked_at_beside_the_policy_that_is_named_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let policy = file("p.toml", "[[rule]]\nmatch = { family = 'secret' }\naction = 'fail'\n");
    let waivers = file("w.toml", "[[waiver]]\nrule = 'image/root-user'\nreason = 'r'\nexpires = 2027-01-01\n");
    for (words, is_told) in [(vec![waivers.clone()], true), (vec![policy, waivers], false)] {
        let told = check(&words, &LOADER, TODAY.parse().expect("a date")).expect("in order");
        let notes = &told.last().expect("one").notes;
        assert_eq!(notes.iter().any(|note| note.contains("so `careen:2026` judges too")), is_told, "{notes:?}");
    }
}

#[cfg(feature = "cel")]
#[test]
fn conditions_that_differ_within_texts_are_two() {
    let rule = |user: &str, action: &str| {
        format!("[[rule]]\nmatch = {{}}\nwhen = \"image.user  == '{user}'\"\naction = '{action}'\n")
    };
    let of = |user: &str| {
        let policy = parse(&(rule("a  b", "fail") + &rule("a b", "warn")));
        let config = ConfigFacts { user: user.to_owned(), ..ConfigFacts::default() };
        let facts = ImageFacts { config: Some(config), ..ImageFacts::default() };
        let (origin, today) = (|_: &Finding| Origin::Unknown, TODAY.parse().expect("a date"));
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
        PolicySet::of(vec![policy]).expect("in order").evaluate(vec![], &context).expect("a value").1
    };
    assert_eq!((of("a  b").outcome, of("a b").outcome, of("a b").warned), (Outcome::Failed, Outcome::Passed, 1));
    let one = parse(&rule("a  b", "fail"));
    let written = one.rules[0].when.as_ref().expect("a condition").written();
    assert_eq!(written, "\"image.user == 'a  b'\"");
}

#[cfg(feature = "cel")]
#[test]
fn of_rules_with_one_condition_on_the_image_the_last_decides() {
    const CONDITION: &str = "[[rule]]\nname = 'layers'\nmatch = {}\nwhen = 'image.layers > 1'\naction = ";
    let folder = tempfile::tempdir().expect("a folder");
    let second = folder.path().join("second.toml");
    std::fs::write(folder.path().join("first.toml"), format!("{CONDITION}'fail'\n")).expect("written");
    for (action, said, outcome) in [
        ("'warn'", "whose condition is the same: that says `fail`, this says `warn`", Outcome::Passed),
        ("'ignore'", "that says `fail`, this says `ignore`", Outcome::Passed),
        ("'fail'", "", Outcome::Failed),
    ] {
        let text = format!("extends = './first.toml'\n{CONDITION}{action}\n").replace("s > 1", "s  >\t1");
        std::fs::write(&second, text).expect("written");
        let word = [second.to_string_lossy().into_owned()];
        let told = check(&word, &LOADER, TODAY.parse().expect("a date")).expect("in order").remove(0).notes.join("\n");
        assert_eq!(told.contains("the place of"), !said.is_empty(), "{told}");
        assert!(told.contains(said) && !told.contains("never decides"), "{told}");
        let facts = ImageFacts { layers: Some(3), ..ImageFacts::default() };
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
        let set = PolicySet::load(&word, KNOWN, false).expect("in order");
        let (judged, verdict) = set.evaluate(vec![], &context).expect("a value");
        assert_eq!((judged.len(), verdict.outcome), (usize::from(action != "'ignore'"), outcome), "{action}");
    }
    let told = notes(&format!("{CONDITION}'ignore'\n")).join("\n");
    assert!(told.contains("never decides: its condition is about the image itself"), "{told}");
    let told = notes(&format!("{CONDITION}'warn'\n{CONDITION}'fail'\n")).join("\n");
    assert!(told.contains("never decides: the one in `/p.toml:6` comes later and has the same condition"), "{told}");
}

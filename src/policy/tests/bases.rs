//! What may be built on: bases of images and of Dockerfiles, by the table `[base]`.

use super::cases::image_facts;
use super::*;

#[test]
fn bases_of_dockerfiles_are_judged_by_the_table() {
    use crate::dockerfile::lint::{BASE_NOT_ALLOWED, IS_BASE};
    const DIGESTS: &str =
        "[base]\nallow-digests = 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'\n";
    let from = |name: &str, is_base: bool| {
        let location = Location::Dockerfile { file: "Dockerfile".into(), start: (1, 6), end: (1, 9) };
        let finding = Finding::new(&BASE_NOT_ALLOWED, name, location, "is used");
        if is_base { finding.evidence(IS_BASE, true) } else { finding }
    };
    let lines = |text: &str, name: &str, is_base: bool| {
        let policy = Policy::parse("policy.toml", text, &[&BASE_NOT_ALLOWED, &ROOT], false).expect("it parses");
        let (lines, _) = shown(&PolicySet::of(vec![policy]).expect("in order"), vec![from(name, is_base)]);
        lines.join(" ")
    };
    let rule = "[[rule]]\nmatch = { rule = 'dockerfile/base-not-allowed' }\naction = 'fail'\n";
    let allow = "[base]\nallow = ['registry.corp.example/*', 'docker.io/library/alpine:*']\ndeny = '*:latest'\n";
    let both = format!("{allow}{rule}");
    let fails = |name: &str| format!("fail dockerfile/base-not-allowed {name}");
    for (text, name, is_base, expected) in [
        ("", "debian:12", true, String::new()),
        // a name without a tag is `latest`, one by its digest alone is of no tag
        ("[base]\ndeny = '*:latest'\n", "debian", true, fails("debian")),
        ("[base]\ndeny = '*:latest'\n", "h.example:5000/x", true, fails("h.example:5000/x")),
        ("[base]\ndeny = '*:latest'\n", "debian:12", true, String::new()),
        ("[base]\ndeny = '*:latest'\n", "debian@sha256:0", true, String::new()),
        ("[base]\ndeny = 'debian:*'\n", "debian", true, fails("debian")),
        ("[base]\ndeny = 'docker.io/library/debian:*'\n", "debian@sha256:0", true, fails("debian@sha256:0")),
        ("[base]\nallow = 'debian:*'\n", "debian", true, String::new()),
        ("[base]\nallow = 'debian:*'\n", "debian@sha256:0", true, String::new()),
        ("[base]\nallow = 'debian:12'\n", "debian:12@sha256:0", true, String::new()),
        ("[base]\nallow = 'debian:12@*'\n", "debian:12@sha256:0", true, String::new()),
        ("[base]\nallow = 'debian:12@*'\n", "debian:12", true, fails("debian:12")),
        (DIGESTS, "debian:12", true, fails("debian:12")),
        (rule, "debian:12", true, fails("debian:12")),
        (allow, "debian:12", true, fails("debian:12")),
        (allow, "registry.corp.example/x:1", true, String::new()),
        (allow, "registry.corp.example/x:latest", true, fails("registry.corp.example/x:latest")),
        (allow, "alpine:3.20", true, String::new()),
        (allow, "debian:12", false, String::new()),
        (&both, "registry.corp.example/x:1", true, String::new()),
        (&both, "debian:12", true, fails("debian:12")),
        (&both, "debian:12", false, fails("debian:12")),
        (
            "[base]\naction = 'warn'\nallow = 'alpine:*'\n",
            "debian:12",
            true,
            "warn dockerfile/base-not-allowed debian:12".into(),
        ),
    ] {
        assert_eq!(lines(text, name, is_base), expected, "{text} {name}");
    }
}

#[test]
fn names_of_bases_and_their_spellings() {
    let outcome = |table: &str, name: Option<&str>, digest: Option<&str>| {
        let mut facts = image_facts();
        facts.base.name = name.map(ToOwned::to_owned);
        facts.base.digest = digest.map(ToOwned::to_owned);
        let set = PolicySet::of(vec![parse(&format!("[base]\n{table}"))]).expect("in order");
        let origin = |_: &Finding| Origin::Unknown;
        let today = TODAY.parse().expect("a date");
        let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&facts) };
        set.evaluate(Vec::new(), &context).expect("no condition").1.outcome
    };
    let digest = format!("sha256:{}", "ab".repeat(32));
    let digests = format!("allow-digests = '{digest}'");
    let (passed, failed, incomplete) = (Outcome::Passed, Outcome::Failed, Outcome::Incomplete);
    for (table, name, digest, expected) in [
        ("allow = 'debian:13'", Some("docker.io/library/debian:13"), None, passed),
        ("allow = 'docker.io/library/debian:13'", Some("debian:13"), None, passed),
        ("allow = 'docker.io/org/app:1'", Some("org/app:1"), None, passed),
        ("allow = 'docker.io/library/org/app:1'", Some("org/app:1"), None, failed),
        ("allow = 'docker.io/*'", Some("registry.example/app:1"), None, failed),
        ("allow = 'docker.io/*'", Some("localhost:5000/app:1"), None, failed),
        ("allow = 'docker.io/library/*'", Some("debian:13"), None, passed),
        ("deny = 'debian:*'", Some("index.docker.io/library/debian:13"), None, failed),
        ("deny = 'debian:*'", None, None, incomplete),
        (digests.as_str(), Some("x"), Some(digest.as_str()), passed),
        (&digests, Some("x"), None, failed),
        (&digests, None, Some(&digest), passed),
        (&digests, None, None, incomplete),
        ("deny = '*:latest'", Some("scratch"), None, passed),
        ("allow = 'debian:13'", Some("scratch"), None, passed),
    ] {
        assert_eq!(outcome(table, name, digest), expected, "{table} on {name:?}");
    }
}

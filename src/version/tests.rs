//! Each scheme against what its own tool was recorded to say, and the laws of an order.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{ECOSYSTEMS, LONGEST, Scheme};

/// The recorded answers of each scheme's tool; the head of each file names the tool.
const RECORDED: &[(Scheme, &str)] = &[
    (Scheme::Apk, include_str!("../../fixtures/versions/apk.txt")),
    (Scheme::Bitnami, include_str!("../../fixtures/versions/bitnami.txt")),
    (Scheme::Composer, include_str!("../../fixtures/versions/composer.txt")),
    (Scheme::Dpkg, include_str!("../../fixtures/versions/dpkg.txt")),
    (Scheme::Gem, include_str!("../../fixtures/versions/gem.txt")),
    (Scheme::Go, include_str!("../../fixtures/versions/go.txt")),
    (Scheme::Maven, include_str!("../../fixtures/versions/maven.txt")),
    (Scheme::Npm, include_str!("../../fixtures/versions/npm.txt")),
    (Scheme::NuGet, include_str!("../../fixtures/versions/nuget.txt")),
    (Scheme::Pep440, include_str!("../../fixtures/versions/pep440.txt")),
    (Scheme::Rpm, include_str!("../../fixtures/versions/rpm.txt")),
];

#[test]
fn orders_are_those_of_the_tools() {
    let mut wrong = Vec::new();
    for (scheme, recorded) in RECORDED {
        let mut count = 0;
        for line in recorded.lines().filter(|line| !line.starts_with('#')) {
            count += 1;
            let words: Vec<&str> = line.split(' ').collect();
            let is_right = match words[..] {
                ["!", text] => scheme.parse(text).is_err(),
                [left, sign, right] => scheme.compare(left, right).is_ok_and(|order| sign_of(order) == sign),
                _ => false,
            };
            if !is_right {
                let [left, .., right] = words[..] else { panic!("{line}") };
                wrong.push(format!("{}: {line}, not {:?}", scheme.name(), scheme.compare(left, right)));
            }
        }
        assert!(count >= 150, "{}: {count} answers", scheme.name());
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// npm takes a `v` and refuses large numbers; Semantic Versioning has it the other way round.
#[test]
fn semantic_versions_are_ordered_as_npm_orders_them() {
    let recorded = include_str!("../../fixtures/versions/npm.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in recorded.filter(|line| !line.contains('v') && !line.contains("9007199254740992")) {
        count += 1;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["!", text] => assert!(Scheme::SemVer.parse(text).is_err(), "{text}"),
            [left, sign, right] => assert_eq!(sign_of(Scheme::SemVer.compare(left, right).unwrap()), sign, "{line}"),
            _ => panic!("{line}"),
        }
    }
    assert!(count >= 150, "{count} answers");
    assert!(Scheme::SemVer.parse("v1.0.0").is_err());
    assert!(Scheme::SemVer.parse("9007199254740992.0.0").is_ok());
}

#[test]
fn recorded_versions_are_in_one_order() {
    for (scheme, recorded) in RECORDED {
        let texts: BTreeSet<&str> = recorded
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| line.split(' '))
            .filter(|word| !matches!(*word, "!" | "<" | "=" | ">"))
            .collect();
        assert_order(*scheme, &texts.into_iter().take(60).collect::<Vec<_>>());
    }
}

/// Forms that the recorders do not see: the tool is out of reach or refuses them.
#[test]
fn orders_by_documented_rules() {
    use Scheme::{Bitnami, Go, Maven, NuGet, SemVer};
    let cases = [
        // The toolchain's own names, and what advisories write for them.
        (Go, "go1.21rc2", "=", "1.21.0-rc.2"),
        (Go, "go1.21rc2", "<", "go1.21.0"),
        (Go, "go1.21beta1", "<", "go1.21rc1"),
        (Go, "1.21rc2", "<", "v1.21.0"),
        (Go, "go1.21", "=", "go1.21.0"),
        (Go, "go1.21.3-custom", "=", "1.21.3"),
        (Go, "go1.25.1 X:nodwarf5", "=", "1.25.1"),
        // A qualifier after a dot; with more behind it, Maven's own order goes in circles.
        (Maven, "1.0.0.RC1", "<", "1-RC2"),
        (Maven, "1.0.0.RC1", "=", "1-rc1"),
        (Maven, "4.1.0.Final", "=", "4.1"),
        (Maven, "4.1.0.CR1", "<", "4.1.0.Final"),
        (Maven, "1.0.rc", "<", "1"),
        (Maven, "1-sp", ">", "1"),
        (Maven, "1.sp-2", ">", "1"),
        (Maven, "1.sp-2", ">", "1-rc"),
        (Maven, "4.1.0.Final-redhat-1", ">", "4.1.0.Final"),
        (Maven, "5.3.9.RELEASE", "=", "5.3.9"),
        (Maven, "3.2.2.redhat-1", "=", "3.2.2-redhat-1"),
        (Maven, "5.3.9.RELEASE", "<", "5.3.10.RELEASE"),
        // SemVer 2 labels, which came with NuGet 4.3.
        (NuGet, "1.0.0-alpha.2", "<", "1.0.0-alpha.10"),
        (NuGet, "1.0.0-alpha.1", "<", "1.0.0-alpha.beta"),
        (NuGet, "1.0.0-alpha", "<", "1.0.0-alpha.1"),
        (NuGet, "1.0.0+a", "=", "1.0.0+b"),
        (NuGet, "1", "=", "1.0.0.0"),
        (NuGet, "1.0.0-ALPHA.1", "=", "1.0-alpha.1"),
        (Bitnami, "1.2.3-4", ">", "1.2.3"),
        (Bitnami, "1.2.3-4", "<", "1.2.3-10"),
        (Bitnami, "1.2.3-4", "<", "1.2.4"),
        (SemVer, "1.0.0+a", "=", "1.0.0+b"),
        (SemVer, "1.0.0-rc.2", "<", "1.0.0-rc.10"),
    ];
    for (scheme, left, sign, right) in cases {
        let order = scheme.compare(left, right).unwrap();
        assert_eq!(sign_of(order), sign, "{}: {left} and {right}", scheme.name());
    }
}

#[test]
fn what_a_scheme_refuses_is_told() {
    let cases = [
        (Scheme::SemVer, "1.2", "`1.2` is no version of semver: it is not of the form 1.2.3-pre+build"),
        (Scheme::Dpkg, "", "`` is no version of dpkg: it is empty"),
        (Scheme::Dpkg, "1.0\u{fc}-1", "`1.0\u{fc}-1` is no version of dpkg: it is not printable ASCII"),
        (Scheme::Rpm, "\x1b[2J", "`\\x1b[2J` is no version of rpm: it is not printable ASCII"),
        (Scheme::Composer, "dev-main", "`dev-main` is no version of composer: it is a branch, which has no order"),
    ];
    for (scheme, text, message) in cases {
        assert_eq!(scheme.parse(text).unwrap_err().to_string(), message);
    }
    for scheme in Scheme::ALL {
        let refused = scheme.parse(&"1".repeat(LONGEST + 1)).unwrap_err();
        assert_eq!(refused.reason, "longer than 1024 bytes");
        assert_eq!(refused.text.chars().count(), 81);
    }
}

#[test]
fn the_longest_versions_are_ordered() {
    for unit in ["1", "0", ".1", "-1", "a1", "1a", "_p1", "~", "-", ".", "1.", "-x.", "beta", "-dev", "9-"] {
        let filler = unit.repeat(LONGEST);
        for start in ["", "1", "1.0.0-a", "1.0.post"] {
            let text: String = format!("{start}{filler}").chars().take(LONGEST).collect();
            for version in Scheme::ALL.iter().filter_map(|scheme| scheme.parse(&text).ok()) {
                assert_eq!(version.partial_cmp(&version), Some(Ordering::Equal), "{}", version.scheme().name());
            }
        }
    }
}

#[test]
fn versions_of_two_schemes_have_no_order() {
    let (gem, maven) = (Scheme::Gem.parse("1.0").unwrap(), Scheme::Maven.parse("1.0").unwrap());
    assert_eq!((gem.partial_cmp(&maven), gem == maven), (None, false));
    let (npm, go) = (Scheme::Npm.parse("1.0.0").unwrap(), Scheme::Go.parse("1.0.0").unwrap());
    assert_eq!((npm.partial_cmp(&go), npm == go), (None, false));
}

#[test]
fn ecosystems_have_their_scheme() {
    assert!(ECOSYSTEMS.is_sorted_by(|left, right| left.0 < right.0), "sorted, each once");
    assert!(Scheme::ALL.is_sorted_by(|left, right| left.name() < right.name()), "sorted, each once");
    for scheme in Scheme::ALL {
        assert!(ECOSYSTEMS.iter().any(|(_, used)| used == scheme), "{}", scheme.name());
    }
    assert_eq!(Scheme::of_ecosystem("Debian:12"), Some(Scheme::Dpkg));
    assert_eq!(Scheme::of_ecosystem("Red Hat:enterprise_linux:9::baseos"), Some(Scheme::Rpm));
    assert_eq!(Scheme::of_ecosystem("npm"), Some(Scheme::Npm));
    assert_eq!(Scheme::of_ecosystem("OSS-Fuzz"), None);
}

/// What versions of all schemes are put together from.
const FRAGMENTS: &[&str] = &[
    "0",
    "1",
    "2",
    "10",
    "01",
    "00",
    "1.0",
    "1.0.0",
    ".",
    ".",
    "-",
    "-",
    "~",
    "^",
    "+",
    "_",
    ":",
    "!",
    "a",
    "b",
    "x",
    "A",
    "alpha",
    "beta",
    "rc",
    "RC",
    "dev",
    "pre",
    "post",
    "p",
    "_p",
    "_rc",
    "_git",
    "-r",
    "v",
    "sp",
    "ga",
    "final",
    "snapshot",
    "-dev",
    ".x",
    "1:",
    "go",
    "~ab",
    "20100102",
    "18446744073709551616",
];

fn version() -> impl Strategy<Value = String> {
    let fragments = prop::collection::vec(prop::sample::select(FRAGMENTS), 1..7);
    let starts = prop::sample::select(&["", "1.0.0", "1.0", "1"][..]);
    (starts, fragments).prop_map(|(start, fragments)| format!("{start}{}", fragments.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn each_scheme_is_a_total_order(texts in prop::collection::vec(version(), 24)) {
        for scheme in Scheme::ALL {
            assert_order(*scheme, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_panics(left in ".{0,40}", right in "[ -~]{0,40}", built in version()) {
        for scheme in Scheme::ALL {
            let _ = (scheme.compare(&left, &right), scheme.compare(&left, &built), scheme.compare(&built, &right));
        }
    }
}

/// Reflexive, antisymmetric and transitive over every triple of those that the scheme takes.
fn assert_order(scheme: Scheme, texts: &[&str]) {
    let versions: Vec<_> = texts.iter().filter_map(|text| Some((*text, scheme.parse(text).ok()?))).collect();
    let name = scheme.name();
    for (a, left) in &versions {
        assert_eq!(left.partial_cmp(left), Some(Ordering::Equal), "{name}: {a}");
        for (b, middle) in &versions {
            let order = left.partial_cmp(middle).unwrap();
            assert_eq!(middle.partial_cmp(left), Some(order.reverse()), "{name}: {a} and {b}");
            for (c, right) in versions.iter().filter(|_| order.is_le()) {
                let next = middle.partial_cmp(right).unwrap();
                if next.is_le() {
                    let expected = if order.is_eq() { next } else { Ordering::Less };
                    assert_eq!(left.partial_cmp(right), Some(expected), "{name}: {a}, {b} and {c}");
                }
            }
        }
    }
}

fn sign_of(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

//! Which of careen's rules are the same as a rule of another tool.

use std::collections::{BTreeMap, BTreeSet};

use crate::rule::Rule;

/// An id without what its spellings differ in: letters, and the number at the end.
pub(super) type Key = (String, Option<u32>);

/// Rules by the ids they have in other tools.
pub(super) struct Index(BTreeMap<Key, Vec<&'static Rule>>);

/// A tool whose ids are looked for.
#[derive(Clone, Copy)]
pub(super) struct Tool<'a> {
    /// Families of rules that judge what the tool judges.
    pub(super) families: &'a [&'a str],
    /// Other ids that the same file ignores.
    pub(super) also_ignored: &'a BTreeSet<Key>,
}

/// No other ids.
pub(super) static NONE: BTreeSet<Key> = BTreeSet::new();

/// Rules that go into one waiver.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) rules: Vec<&'static str>,
    /// What the findings are about, where the rule is about more than the id.
    pub(super) subjects: &'static [&'static str],
    /// Other ids of the same tool that the rules are about too, one spelling of each.
    pub(super) wider: Vec<&'static str>,
}

/// Where one rule of careen takes in several of another tool, and the subject tells them apart: an id, a rule, and
/// patterns of the subjects that are meant. Spellings of Trivy's ids are all `DS-0001`.
const NARROWER: &[(&str, &str, &[&str])] = &[
    ("DKL-DI-0004", "layer/package-cache", &["/etc/apk*", "/var/cache/apk*"]),
    ("DKL-DI-0005", "layer/package-cache", &["/var/cache/apt*", "/var/lib/apt*"]),
    ("DL3007", "dockerfile/floating-base", &["*:latest"]),
    ("DL3012", "dockerfile/repeated-command", &["HEALTHCHECK"]),
    ("DL3014", "dockerfile/assume-yes", &["apt*"]),
    ("DL3030", "dockerfile/assume-yes", &["yum*"]),
    ("DL3032", "dockerfile/dnf-cache", &["yum*"]),
    ("DL3034", "dockerfile/assume-yes", &["zypper*"]),
    ("DL3038", "dockerfile/assume-yes", &["dnf*", "microdnf*"]),
    ("DL3040", "dockerfile/dnf-cache", &["dnf*", "microdnf*"]),
    ("DL4003", "dockerfile/repeated-command", &["CMD"]),
    ("DL4004", "dockerfile/repeated-command", &["ENTRYPOINT"]),
    ("DS-0007", "dockerfile/repeated-command", &["ENTRYPOINT"]),
    ("DS-0015", "dockerfile/dnf-cache", &["yum*"]),
    ("DS-0015", "layer/package-cache", &["/var/cache/yum*"]),
    ("DS-0016", "dockerfile/repeated-command", &["CMD"]),
    ("DS-0019", "dockerfile/dnf-cache", &["dnf*", "microdnf*"]),
    ("DS-0019", "layer/package-cache", &["/var/cache/dnf*", "/var/cache/libdnf*"]),
    ("DS-0020", "layer/package-cache", &["/var/cache/zypp*"]),
    ("DS-0023", "dockerfile/repeated-command", &["HEALTHCHECK"]),
    ("DS-0025", "layer/package-cache", &["/etc/apk*", "/var/cache/apk*"]),
];

impl Index {
    pub(super) fn of(known: &[&'static Rule]) -> Self {
        let mut index: BTreeMap<Key, Vec<&'static Rule>> = BTreeMap::new();
        for rule in known {
            for also in rule.also {
                let rules = index.entry(key(also)).or_default();
                if !rules.iter().any(|other| other.id == rule.id) {
                    rules.push(rule);
                }
            }
        }
        Self(index)
    }

    /// The rules that are the same as `id`, in groups of which each makes one waiver.
    pub(super) fn same_as(&self, id: &str, tool: &Tool<'_>) -> Vec<Group> {
        let own = key(id);
        let same = self.0.get(&own).into_iter().flatten().filter(|rule| tool.families.contains(&rule.family()));
        let mut groups = Vec::new();
        let mut rest = Group::default();
        for rule in same {
            let narrower = NARROWER.iter().find(|(other, of, _)| *of == rule.id && key(other) == own);
            if let Some((_, _, subjects)) = narrower {
                groups.push(Group { rules: vec![rule.id], subjects, wider: Vec::new() });
            } else {
                rest.rules.push(rule.id);
                rest.wider.extend(wider(rule, &own, tool));
            }
        }
        if !rest.rules.is_empty() {
            rest.wider.sort_unstable();
            rest.wider.dedup_by_key(|id| key(id));
            groups.insert(0, rest);
        }
        groups
    }

    /// Ids of all those rules.
    pub(super) fn rules_of(&self, id: &str, families: &[&str]) -> Vec<&'static str> {
        let groups = self.same_as(id, &Tool { families, also_ignored: &NONE });
        groups.iter().flat_map(|group| group.rules.iter().copied()).collect()
    }
}

/// The keys of ids.
pub(super) fn keys<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<Key> {
    ids.into_iter().map(key).collect()
}

/// Other rules of the same tool that this one is about too, and the file does not ignore.
fn wider(rule: &Rule, own: &Key, tool: &Tool<'_>) -> Vec<&'static str> {
    let is_other = |also: &str| {
        let other = key(also);
        other.0 == own.0 && other.1.is_some() && other.1 != own.1 && !tool.also_ignored.contains(&other)
    };
    rule.also.iter().copied().filter(|also| is_other(also)).collect()
}

/// An id without what its spellings differ in: `AVD-DS-0002`, `DS-0002` and `DS002` are one. Names without a number,
/// such as those of secrets, are told apart by all their letters.
fn key(id: &str) -> Key {
    let upper = id.to_ascii_uppercase();
    let plain = upper.strip_prefix("AVD-").unwrap_or(&upper);
    let letters = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    // fewer than three digits are part of a name
    let digits = plain.strip_prefix(letters).filter(|digits| digits.len() >= 3);
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(number) => (letters.trim_end_matches('-').to_owned(), Some(number)),
        None => (upper, None),
    }
}

/// Whether it looks like the id of a rule about configuration: of Trivy (`DS-0002`, `KSV001`, `AVD-AWS-0086`).
pub(super) fn is_misconfiguration(id: &str) -> bool {
    let plain = id.strip_prefix("AVD-").unwrap_or(id);
    let letters = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = plain.len().saturating_sub(letters.len());
    let letters = letters.trim_end_matches('-');
    id.starts_with("AVD-")
        || ((3..=4).contains(&digits)
            && (2..=12).contains(&letters.len())
            && letters.bytes().all(|b| b.is_ascii_uppercase()))
}

/// Whether it looks like the id of a flaw: capitals, a hyphen, and a digit somewhere (`CVE-2024-1`, `GHSA-xg2h-…`,
/// `TEMP-0841856-B18BAF`, `ALAS2-2021-1704`).
pub(super) fn is_flaw(id: &str) -> bool {
    let Some((source, rest)) = id.split_once('-') else { return false };
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    (source == "openSUSE" || source.starts_with(|c: char| c.is_ascii_uppercase()))
        && source.bytes().all(|b| b.is_ascii_alphanumeric())
        && source.len() >= 2
        && rest.bytes().any(|b| b.is_ascii_digit())
        && rest.chars().all(is_sign)
        && !is_licence(id)
}

/// Why what stands where the id of a flaw belongs is none.
pub(super) const NO_FLAW: &str = "it is no id of a flaw";

/// Whether it looks like the name of a licence (SPDX), whose numbers are versions.
fn is_licence(id: &str) -> bool {
    const BEGINNINGS: [&str; 14] =
        ["0BSD", "AFL", "AGPL", "Apache", "Artistic", "BSD", "BSL", "CC", "CDDL", "EPL", "GPL", "LGPL", "MPL", "OFL"];
    BEGINNINGS.iter().any(|beginning| id.strip_prefix(beginning).is_some_and(|rest| rest.starts_with('-')))
}

/// Rules that a flaw of this id may be told by.
pub(super) fn rules_of_flaw(id: &str) -> Vec<String> {
    let rules: &[&str] = if id.starts_with("RUSTSEC-") {
        &["package/notice", "package/unmaintained", "package/unsound", "package/vulnerable"]
    } else if id.starts_with("MAL-") {
        &["package/malicious"]
    } else {
        &["package/vulnerable"]
    };
    rules.iter().map(|rule| (*rule).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static CACHE: Rule = Rule {
        id: "dockerfile/dnf-cache",
        also: &["AVD-DS-0019", "DL3032", "DL3040", "DS-0019", "DS019"],
        ..Rule::NEW
    };
    static PINS: Rule = Rule { id: "dockerfile/pins", also: &["DL3008", "DL3018", "DL3033"], ..Rule::NEW };
    static IMAGE: Rule = Rule { id: "image/pins", also: &["DL3008"], ..Rule::NEW };
    static KEY: Rule = Rule { id: "secret/key", also: &["api-key-1", "api-key"], ..Rule::NEW };

    #[test]
    fn ids_are_found_in_every_spelling_and_told_when_they_are_narrower() {
        let known: &[&'static Rule] = &[&CACHE, &PINS, &IMAGE, &KEY];
        let (index, also_ignored) = (Index::of(known), keys(["DL3033"]));
        let found = |id: &str, families: &[&str]| {
            let groups = index.same_as(id, &Tool { families, also_ignored: &also_ignored });
            let show = |group: &Group| {
                format!("{} {} {}", group.rules.join(","), group.subjects.join(","), group.wider.join(","))
            };
            groups.iter().map(show).collect::<Vec<_>>()
        };
        assert_eq!(found("DL3032", &["dockerfile"]), ["dockerfile/dnf-cache yum* "]);
        assert_eq!(found("ds019", &["dockerfile"]), ["dockerfile/dnf-cache dnf*,microdnf* "]);
        assert_eq!(found("DL3008", &["dockerfile"]), ["dockerfile/pins  DL3018"]);
        assert_eq!(found("DL3008", &["dockerfile", "image"]), ["dockerfile/pins,image/pins  DL3018"]);
        assert_eq!(found("api-key", &["secret"]), ["secret/key  "]);
        assert!(found("DL3", &["dockerfile"]).is_empty());
        assert!(found("", &["dockerfile"]).is_empty());
    }

    #[test]
    fn ids_tell_what_they_are_of() {
        let cases = [
            ("CVE-2024-1", (true, false)),
            ("GHSA-xg2h-wx96-xgxr", (true, false)),
            ("TEMP-0841856-B18BAF", (true, false)),
            ("RHSA-2021:1234", (true, false)),
            ("ALAS2-2021-1704", (true, false)),
            ("DS-0002", (true, true)),
            ("DS002", (false, true)),
            ("AVD-AWS-0086", (true, true)),
            ("KSV001", (false, true)),
            ("github-pat", (false, false)),
            ("GPL-3.0", (false, false)),
            ("MIT", (false, false)),
            ("CVE-2024-1\"\nx", (false, false)),
        ];
        for (id, expected) in cases {
            assert_eq!((is_flaw(id), is_misconfiguration(id)), expected, "{id}");
        }
    }
}

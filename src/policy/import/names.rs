//! Which of careen's rules are the same as a rule of another tool.

use crate::rule::Rule;

/// A tool whose ids are looked for.
#[derive(Clone, Copy)]
pub(super) struct Tool<'a> {
    /// Families of rules that judge what the tool judges.
    pub(super) families: &'a [&'a str],
    /// Other ids that the same file ignores.
    pub(super) also_ignored: &'a [String],
}

/// Rules of careen that one id means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Same {
    pub(super) groups: Vec<Group>,
}

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

/// The rules that are the same as `id`, in groups of which each makes one waiver.
pub(super) fn same_as(known: &[&'static Rule], id: &str, tool: &Tool<'_>) -> Same {
    let is_same = |rule: &Rule| {
        tool.families.contains(&rule.family()) && rule.also.iter().any(|also| key(also) == key(id) && also.len() > 1)
    };
    let mut same = Same::default();
    let mut rest = Group::default();
    for rule in known.iter().filter(|rule| is_same(rule)) {
        let narrower = NARROWER.iter().find(|(other, of, _)| key(other) == key(id) && *of == rule.id);
        if let Some((_, _, subjects)) = narrower {
            same.groups.push(Group { rules: vec![rule.id], subjects, wider: Vec::new() });
        } else {
            rest.rules.push(rule.id);
            rest.wider.extend(wider(rule, id, tool));
        }
    }
    if !rest.rules.is_empty() {
        rest.wider.sort_unstable();
        rest.wider.dedup_by_key(|id| key(id));
        same.groups.insert(0, rest);
    }
    same
}

/// Other rules of the same tool that this one is about too, and the file does not ignore.
fn wider<'r>(rule: &'r Rule, id: &'r str, tool: &'r Tool<'_>) -> impl Iterator<Item = &'static str> + 'r {
    let own = key(id);
    let is_ignored = |also: &str| tool.also_ignored.iter().any(|ignored| key(ignored) == key(also));
    rule.also.iter().copied().filter(move |also| {
        let (tool, number) = key(also);
        tool == own.0 && number.is_some() && number != own.1 && !is_ignored(also)
    })
}

/// An id without what its spellings differ in: `AVD-DS-0002`, `DS-0002` and `DS002` are one. Names without a number,
/// such as those of secrets, are told apart by all their letters.
fn key(id: &str) -> (String, Option<u32>) {
    let upper = id.to_ascii_uppercase();
    let plain = upper.strip_prefix("AVD-").unwrap_or(&upper);
    let letters = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = plain.strip_prefix(letters).and_then(|digits| digits.parse().ok());
    match number {
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
    source.starts_with(|c: char| c.is_ascii_uppercase())
        && source.bytes().all(|b| b.is_ascii_alphanumeric())
        && source.len() >= 2
        && rest.bytes().any(|b| b.is_ascii_digit())
        && rest.chars().all(is_sign)
        && !is_licence(id)
}

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
        let also_ignored = ["DL3033".to_owned()];
        let found = |id: &str, families: &[&str]| {
            let same = same_as(known, id, &Tool { families, also_ignored: &also_ignored });
            let show = |group: &Group| {
                format!("{} {} {}", group.rules.join(","), group.subjects.join(","), group.wider.join(","))
            };
            same.groups.iter().map(show).collect::<Vec<_>>()
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
